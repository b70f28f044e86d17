
/*
 * Connections of the load: one epoll loop, and the clients in it.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"


#define LOAD_FDS     32768

load_hook_pt  load_on_event;
load_hook_pt  load_on_done;
load_call_t   load_calls[LOAD_CALLS];
load_fd_t     load_fds[LOAD_FDS];

static int    load_epoll;


/* With LOAD_BODY in the environment it is so many bytes long, or as short as
   it can be; the provider reads 4 KB with the head. */

#define LOAD_BODY  3000

static const char  load_request_begin[] =
    "{\"model\":\"gpt-4o-mini\",\"stream\":true,"
    "\"stream_options\":{\"include_usage\":true},\"temperature\":0.7,"
    "\"messages\":[{\"role\":\"system\",\"content\":\"You are brief.\"},"
    "{\"role\":\"user\",\"content\":\"Is this a benchmark?";

static const char  load_request_end[] = "\"}]}";

static char  load_request_body[LOAD_BODY + 1];

static const char  load_request_head[] =
    "Host: api.example.com\r\n"
    "Accept: application/json\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "User-Agent: bench/1.0\r\n"
    "Authorization: Bearer sk-bench-0123456789abcdef\r\n"
    "X-Stainless-Lang: c\r\n"
    "X-Stainless-Retry-Count: 0\r\n";


void
load_die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}


uint64_t
load_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


/* CPU time of a process in ns, as the scheduler counts it. */

uint64_t
load_cpu(pid_t pid)
{
    clockid_t        id;
    struct timespec  ts;

    if (clock_getcpuclockid(pid, &id) != 0 || clock_gettime(id, &ts) != 0) {
        load_die("CPU clock of a worker");
    }

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


static void
load_add(int fd, load_fd_e type, load_call_t *c)
{
    struct epoll_event  ee;

    if (fd >= LOAD_FDS) {
        errno = EMFILE;
        load_die("descriptors");
    }

    memset(&load_fds[fd], 0, sizeof(load_fd_t));
    load_fds[fd].type = type;
    load_fds[fd].call = c;

    ee.events = (type == LOAD_FD_LISTEN) ? EPOLLIN
                                    : EPOLLIN|EPOLLOUT|EPOLLET|EPOLLRDHUP;
    ee.data.fd = fd;

    if (epoll_ctl(load_epoll, EPOLL_CTL_ADD, fd, &ee) != 0) {
        load_die("epoll_ctl");
    }
}


void
load_close(int fd)
{
    if (load_fds[fd].call) {

        if (load_fds[fd].type == LOAD_FD_UP && load_fds[fd].call->up == fd) {
            load_fds[fd].call->up = -1;
        }

        if (load_fds[fd].type == LOAD_FD_CLIENT) {
            load_fds[fd].call->fd = -1;
        }
    }

    free(load_fds[fd].buf);
    memset(&load_fds[fd], 0, sizeof(load_fd_t));
    close(fd);
}


void
load_init(int port)
{
    int                 fd, one;
    struct sockaddr_in  sin;

    load_provider_init();

    load_epoll = epoll_create1(0);
    fd = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, 0);
    one = 1;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    if (load_epoll < 0 || fd < 0
        || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0
        || bind(fd, (struct sockaddr *) &sin, sizeof(sin)) != 0
        || listen(fd, 8192) != 0)
    {
        load_die("listen");
    }

    load_add(fd, LOAD_FD_LISTEN, NULL);
}


void
load_reset(void)
{
    int  fd;

    for (fd = 0; fd < LOAD_FDS; fd++) {
        if (load_fds[fd].type == LOAD_FD_CLIENT
            || load_fds[fd].type == LOAD_FD_UP)
        {
            load_close(fd);
        }
    }

    memset(load_calls, 0, sizeof(load_calls));
}


/*
 * All that is written at once fits into a fresh socket buffer, but for a
 * flood, which takes care of itself.
 */

void
load_write(int fd, const char *p, size_t len)
{
    ssize_t  n;

    n = write(fd, p, len);

    if (n != (ssize_t) len && errno != EPIPE && errno != ECONNRESET) {
        load_die("a short write");
    }
}


static void
load_request(void)
{
    static const char  word[] = " And what would it measure?";

    char    *p, *e;
    size_t   i, n;

    p = getenv("LOAD_BODY");
    n = p ? strtoul(p, NULL, 10) : 0;
    n = n < LOAD_BODY ? n : LOAD_BODY;

    p = load_request_body;
    p += sprintf(p, "%s", load_request_begin);
    e = load_request_body + n - (sizeof(load_request_end) - 1);

    for (i = 0; p < e; i++) {
        *p++ = word[i % (sizeof(word) - 1)];
    }

    sprintf(p, "%s", load_request_end);
}


static void
load_ask(load_call_t *c)
{
    int   n, post;
    char  buf[LOAD_BODY + 2048];

    if (load_request_body[0] == '\0') {
        load_request();
    }

    post = (c->kind != LOAD_GET);
    n = sprintf(buf, "%s %s", post ? "POST" : "GET", c->target->uri);

    if (post) {
        n += sprintf(buf + n, "?id=%d&team=%d", c->id,
                     c->spread ? (int) (c->serial++ % c->spread) : 0);
    }

    n += sprintf(buf + n, " HTTP/1.1\r\n%s", load_request_head);

    if (post) {
        n += sprintf(buf + n, "Content-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     strlen(load_request_body), load_request_body);

    } else {
        n += sprintf(buf + n, "\r\n");
    }

    c->in_body = 0;
    c->head_len = 0;
    c->finishing = 0;
    c->first = 1;
    c->sent = 0;
    c->bytes = 0;
    memset(c->tail, 0, sizeof(c->tail));

    c->t_asked = load_now();
    load_write(c->fd, buf, n);
}


load_call_t *
load_call(load_kind_e kind, const load_target_t *t, uint64_t events,
    uint64_t calls, int spread, uint64_t serial)
{
    int                 i, one;
    load_call_t        *c;
    struct sockaddr_in  sin;

    for (i = 0; i < LOAD_CALLS && load_calls[i].used; i++) { /* void */ }

    if (i == LOAD_CALLS) {
        load_die("calls");
    }

    c = &load_calls[i];
    memset(c, 0, sizeof(load_call_t));

    c->used = 1;
    c->id = i;
    c->kind = kind;
    c->target = t;
    c->events = events;
    c->more = calls - 1;
    c->spread = spread;
    c->serial = serial;
    c->up = -1;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(t->port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM, 0);

    if (c->fd < 0
        || connect(c->fd, (struct sockaddr *) &sin, sizeof(sin)) != 0
        || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0
        || fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0)
    {
        load_die("connect");
    }

    load_add(c->fd, LOAD_FD_CLIENT, c);
    load_ask(c);

    return c;
}


static void
load_over(load_call_t *c)
{
    if (load_on_done) {
        load_on_done(c);
    }

    if (c->more) {
        c->more--;
        load_ask(c);
        return;
    }

    c->done = 1;
}


/* The head of an answer; what is left of n bytes after it. */

static size_t
load_read_head(load_call_t *c, const char *p, size_t n)
{
    char    *end, *len;
    size_t   take;

    take = sizeof(c->head) - 1 - c->head_len;
    take = n < take ? n : take;

    memcpy(c->head + c->head_len, p, take);
    c->head[c->head_len + take] = '\0';

    end = strstr(c->head, "\r\n\r\n");

    if (end == NULL) {
        c->head_len += take;

        if (c->head_len == sizeof(c->head) - 1) {
            errno = 0;
            load_die("a head that is too long");
        }

        return 0;
    }

    if (strncmp(c->head, "HTTP/1.1 2", 10) != 0) {
        errno = 0;
        load_die(c->head);
    }

    len = strcasestr(c->head, "\r\nContent-Length:");
    c->left = len ? strtoull(len + 17, NULL, 10)
                  : strncmp(c->head + 9, "204", 3) == 0 ? 0 : ~0ULL;
    c->in_body = 1;

    return n - (end + 4 - c->head - c->head_len);
}


static void
load_read_body(load_call_t *c, const char *p, size_t n)
{
    const char  *e, *q;

    c->bytes += n;

    if (c->left != ~0ULL) {
        c->left -= n < c->left ? n : c->left;
        return;
    }

    /* an event ends with two line feeds, and has none inside */

    e = p + n;

    if (c->kind != LOAD_GET) {
        for (q = p; q < e && (q = memchr(q, '\n', e - q)) != NULL; q++) {

            if ((q == p) ? c->tail[4] == '\n' : q[-1] == '\n') {
                c->seen++;

                if (load_on_event && !c->finishing) {
                    c->t_seen = load_now();
                    load_on_event(c);
                }
            }
        }
    }

    if (n >= 5) {
        memcpy(c->tail, e - 5, 5);

    } else {
        memmove(c->tail, c->tail + n, 5 - n);
        memcpy(c->tail + 5 - n, p, n);
    }
}


static void
load_read_answer(int fd)
{
    size_t        rest;
    ssize_t       n;
    load_call_t  *c;

    static char   buf[65536];

    c = load_fds[fd].call;

    for ( ;; ) {
        n = read(fd, buf, sizeof(buf));

        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            load_close(fd);

            if (!c->done) {
                load_die("nginx closed a connection");
            }

            return;
        }

        if (n < 0) {
            return;
        }

        rest = n;

        if (!c->in_body) {
            rest = load_read_head(c, buf, n);
        }

        if (!c->in_body) {
            continue;
        }

        load_read_body(c, buf + n - rest, rest);

        if (c->left == 0
            || (c->left == ~0ULL && memcmp(c->tail, "0\r\n\r\n", 5) == 0))
        {
            load_over(c);
        }

        if (n < (ssize_t) sizeof(buf)) {
            return;
        }
    }
}


static void
load_accept(int listen)
{
    int  fd, one;

    one = 1;

    while ((fd = accept4(listen, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        load_add(fd, LOAD_FD_UP, NULL);
        load_provider_read(fd);
    }
}


void
load_run(const int *flag, uint64_t ns)
{
    int                 i, n, fd, wait;
    uint64_t            end;
    struct epoll_event  ee[256];

    end = load_now() + (ns ? ns : 120000000000ULL);

    while (flag == NULL || !*flag) {
        wait = ns ? (int) ((ns + 999999) / 1000000) : 1000;
        n = epoll_wait(load_epoll, ee, 256, wait);

        for (i = 0; i < n; i++) {
            fd = ee[i].data.fd;

            switch (load_fds[fd].type) {

            case LOAD_FD_LISTEN:
                load_accept(fd);
                break;

            case LOAD_FD_UP:
                if (load_fds[fd].blocked && (ee[i].events & EPOLLOUT)) {
                    load_provider_flood(fd);
                }

                if (ee[i].events & (EPOLLIN|EPOLLHUP|EPOLLERR)) {
                    load_provider_read(fd);
                }

                break;

            case LOAD_FD_CLIENT:
                if (ee[i].events & (EPOLLIN|EPOLLHUP|EPOLLERR)) {
                    load_read_answer(fd);
                }

                break;

            default:
                break;
            }
        }

        if (load_now() > end) {

            if (ns) {
                return;
            }

            errno = ETIMEDOUT;
            load_die("no end");
        }
    }
}
