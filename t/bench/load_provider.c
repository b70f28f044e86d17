
/*
 * The provider of the load.  It knows by the number in the URI whose call it
 * has.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"


#define LOAD_EVENTS  256         /* events that differ */
#define LOAD_CHUNK   (5 + LOAD_EVENT + 2)


static char  load_slab[LOAD_EVENTS * LOAD_CHUNK];


static const char  load_stream_head[] =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/event-stream; charset=utf-8\r\n"
    "x-request-id: req_0123456789abcdef\r\n"
    "Transfer-Encoding: chunked\r\n"
    "\r\n";

static const char  load_stream_tail[] =
    "data: {\"id\":\"chatcmpl-bench\",\"model\":\"gpt-4o-mini-2024-07-18\","
    "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: {\"id\":\"chatcmpl-bench\",\"model\":\"gpt-4o-mini-2024-07-18\","
    "\"choices\":[],\"usage\":{\"prompt_tokens\":31,\"completion_tokens\":400,"
    "\"total_tokens\":431,\"prompt_tokens_details\":{\"cached_tokens\":0},"
    "\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\n\n"
    "data: [DONE]\n\n";

static const char  load_tiny[] =
    "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\","
    "\"created\":1747148050,\"model\":\"gpt-4o-mini-2024-07-18\","
    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
    "\"content\":\"Yes.\",\"refusal\":null},\"logprobs\":null,"
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":31,"
    "\"completion_tokens\":3,\"total_tokens\":34,"
    "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
    "\"completion_tokens_details\":{\"reasoning_tokens\":0}},"
    "\"service_tier\":\"default\"}\n";

/* Each event is a chunk of its own, as providers send them. */

void
load_provider_init(void)
{
    int         i, n;
    char       *p;
    static const char *word[] = { " a", " token", "izer", ",", " quick",
                                  " brown", " und", "\\n\\n" };

    p = load_slab;

    for (i = 0; i < LOAD_EVENTS; i++) {
        p += sprintf(p, "%03x\r\n", LOAD_EVENT);

        n = sprintf(p, "data: {\"id\":\"chatcmpl-bench0123456789abcdefghij\","
                    "\"object\":\"chat.completion.chunk\",\"created\":17471480"
                    "50,\"model\":\"gpt-4o-mini-2024-07-18\","
                    "\"system_fingerprint\":\"fp_0123456789\","
                    "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"},"
                    "\"logprobs\":null,\"finish_reason\":null}],"
                    "\"usage\":null,\"obfuscation\":\"", word[i % 8]);

        if (n > LOAD_EVENT - 5) {
            load_die("an event does not fit");
        }

        memset(p + n, 'k', LOAD_EVENT - n - 4);
        memcpy(p + LOAD_EVENT - 4, "\"}\n\n", 4);
        memcpy(p + LOAD_EVENT, "\r\n", 2);
        p += LOAD_EVENT + 2;
    }
}


void
load_event(load_call_t *c)
{
    c->first = 0;
    c->t_wrote = load_now();
    load_write(c->up, load_slab + c->sent++ % LOAD_EVENTS * LOAD_CHUNK,
               LOAD_CHUNK);
}


void
load_end(load_call_t *c)
{
    int   n;
    char  buf[1024];

    c->finishing = 1;

    n = sprintf(buf, "%zx\r\n%s\r\n0\r\n\r\n", sizeof(load_stream_tail) - 1,
                load_stream_tail);

    load_write(c->up, buf, n);
}


/* As many events as the socket takes. */

void
load_provider_flood(int fd)
{
    size_t        len;
    ssize_t       n;
    load_fd_t    *f;
    load_call_t  *c;

    f = &load_fds[fd];
    c = f->call;

    while (c->sent < c->events) {

        len = sizeof(load_slab) - f->at;

        if (len > (c->events - c->sent) * LOAD_CHUNK - f->at % LOAD_CHUNK) {
            len = (c->events - c->sent) * LOAD_CHUNK - f->at % LOAD_CHUNK;
        }

        n = write(fd, load_slab + f->at, len);

        if (n < 0) {

            if (errno != EAGAIN) {
                load_die("write of events");
            }

            f->blocked = 1;
            return;
        }

        c->sent += (f->at % LOAD_CHUNK + n) / LOAD_CHUNK;
        f->at = (f->at + n) % sizeof(load_slab);
    }

    f->blocked = 0;
    load_end(c);
}


static void
load_answer(int fd, load_call_t *c)
{
    int   n;
    char  buf[1024];

    if (c->kind == LOAD_TINY) {
        n = sprintf(buf, "HTTP/1.1 200 OK\r\nContent-Type: application/json"
                    "\r\nContent-Length: %zu\r\n\r\n%s",
                    sizeof(load_tiny) - 1, load_tiny);
        load_write(fd, buf, n);
        return;
    }

    load_write(fd, load_stream_head, sizeof(load_stream_head) - 1);

    switch (c->kind) {

    case LOAD_FLOOD:
        load_provider_flood(fd);
        break;

    case LOAD_HOLD:
        load_event(c);
        load_event(c);
        break;

    case LOAD_PACED:
        load_event(c);
        break;

    default:
        break;
    }
}


/* A request of nginx: its head, then as many bytes as it announces. */

void
load_provider_read(int fd)
{
    int         id;
    char       *end, *p;
    size_t      need;
    ssize_t     n;
    load_fd_t  *f;

    f = &load_fds[fd];

    if (f->buf == NULL) {
        f->buf = malloc(4096);
        if (f->buf == NULL) {
            load_die("malloc");
        }
    }

    for ( ;; ) {
        n = read(fd, f->buf + f->len, 4095 - f->len);

        if (n == 0 || (n < 0 && errno == ECONNRESET)) {
            load_close(fd);
            return;
        }

        if (n < 0) {
            return;
        }

        f->len += n;
        f->buf[f->len] = '\0';

        end = strstr(f->buf, "\r\n\r\n");
        if (end == NULL) {
            continue;
        }

        p = strcasestr(f->buf, "\r\nContent-Length:");
        need = end + 4 - f->buf + (p ? strtoul(p + 17, NULL, 10) : 0);

        if (f->len < need) {
            continue;
        }

        p = strstr(f->buf, "?id=");
        id = p ? atoi(p + 4) : -1;

        if (id < 0 || id >= LOAD_CALLS || !load_calls[id].used) {
            load_die("a request of nobody");
        }

        f->len = 0;
        f->at = 0;
        f->call = &load_calls[id];
        f->call->up = fd;

        load_answer(fd, f->call);
    }
}
