
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Writing a snapshot while one system call after the other fails in every
 * way that disks know, writes half, or is the last one before a kill: what
 * is on the disk is the old one or the new one, and the next try is good.
 * The calls are wrapped by the linker.
 *
 * Argument: a directory for snapshots.
 */


#include "state_test.h"

#include <stdarg.h>
#include <sys/file.h>


#define WRAP(type, name, args, pass, bad)                                     \
    type __real_##name args;                                                  \
    type __wrap_##name args;                                                  \
                                                                              \
    type                                                                      \
    __wrap_##name args                                                        \
    {                                                                         \
        if (turn()) {                                                         \
            return bad;                                                       \
        }                                                                     \
                                                                              \
        return __real_##name pass;                                            \
    }


static long  calls, at;              /* of this try; which one is it */
static int   how;                    /* errno; 0: short; -1: killed */


/* Whether this call fails. */

static int
turn(void)
{
    if (at == 0 || ++calls != at) {
        return 0;
    }

    if (how == -1) {
        _exit(0);
    }

    errno = how;

    return how != 0;
}


int __real_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, ...);
ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t to);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t to);

int
__wrap_open(const char *path, int flags, ...)
{
    mode_t   mode;
    va_list  args;

    va_start(args, flags);
    mode = (flags & O_CREAT) ? va_arg(args, mode_t) : 0;
    va_end(args);

    return turn() ? -1 : __real_open(path, flags, mode);
}


ssize_t
__wrap_pwrite(int fd, const void *p, size_t n, off_t to)
{
    if (turn()) {
        return -1;
    }

    if (at && calls == at && how == 0 && n > 1) {
        n /= 2;
    }

    return __real_pwrite(fd, p, n, to);
}


WRAP(int, fsync, (int fd), (fd), -1)
WRAP(int, rename, (const char *a, const char *b), (a, b), -1)
WRAP(int, unlink, (const char *a), (a), -1)
WRAP(int, flock, (int fd, int op), (fd, op), -1)
WRAP(int, fstat, (int fd, struct stat *sb), (fd, sb), -1)
WRAP(int, stat, (const char *a, struct stat *sb), (a, sb), -1)

int __real_close(int fd);
int __wrap_close(int fd);

int
__wrap_close(int fd)
{
    int  bad;

    bad = turn();
    (void) __real_close(fd);

    return bad ? -1 : 0;
}


/* The sequence of what a start would take, 0 if nothing is whole. */

static uint64_t
whole(const ngx_http_llm_state_t *st)
{
    int                      i;
    char                     name[PATH_MAX + 8];
    uint64_t                 sequence;
    ngx_http_llm_snapshot_t  snap;

    for (i = 0; i < 2; i++) {
        snprintf(name, sizeof(name), "%s%s", st->path, i ? ".1" : "");

        if (access(name, F_OK) == -1) {
            continue;
        }

        snap = slurp(name);
        sequence = check(st->kind, &snap) ? 0 : snap.head.sequence;
        ngx_http_llm_snapshot_free(&snap);

        if (sequence) {
            return sequence;
        }
    }

    return 0;
}


static int
attempt(ngx_http_llm_state_t *st, long n, int kind)
{
    int  rc;

    ngx_http_llm_series_add(st->zone, 0, NGX_HTTP_LLM_CALLS_OK, 1);

    calls = 0;
    at = n;
    how = kind;
    rc = ngx_http_llm_state_write(st, 0);
    at = 0;

    return rc;
}


int
main(int argc, char **argv)
{
    long                  n, k, tries, lost, stuck, silent, total;
    pid_t                 pid;
    size_t                i;
    uint64_t              before, after;
    ngx_http_llm_zone_t   a;
    ngx_http_llm_state_t  st;

    static const int  kinds[] = { ENOSPC, EIO, EROFS, EDQUOT, EACCES, EINTR,
                                  ENOMEM, 0, -1 };

    if (argc < 2) {
        return 2;
    }

    dir = argv[1];

    memset(&a, 0, sizeof(a));
    st = state(&ngx_http_llm_state_series, &a, "calls", 4 * MB);
    ngx_http_llm_state_anonymous(&st, secret);
    ngx_http_llm_state_join(&st);
    fill(&a, 30);
    (void) attempt(&st, 0, 0);
    (void) attempt(&st, 0, 0);

    calls = 0;
    (void) attempt(&st, LONG_MAX, EIO);
    total = calls;
    ok(total > 8, "%ld calls that may fail", total);

    tries = 0;
    lost = 0;
    stuck = 0;
    silent = 0;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {

        /* with the lock in hand, and without */

        for (k = 0; k < 2; k++) {

            for (n = 1; n <= total + 4; n++) {

                if (k) {
                    (void) ngx_http_llm_state_leave(&st);
                    ngx_http_llm_state_join(&st);
                }

                before = whole(&st);

                if (kinds[i] == -1) {
                    pid = fork();

                    if (pid == 0) {
                        (void) attempt(&st, n, -1);
                        _exit(0);
                    }

                    (void) waitpid(pid, NULL, 0);

                } else if (attempt(&st, n, kinds[i]) == 0) {
                    silent += (st.head->fault != 0);

                } else {
                    silent += (st.head->fault == 0);
                }

                after = whole(&st);
                lost += (before == 0 || after < before);
                tries++;

                stuck += (attempt(&st, 0, 0) != 0 || st.head->fault != 0
                          || whole(&st) != st.head->sequence);
            }
        }
    }

    ok(lost == 0, "%ld tries: %ld lost what was there", tries, lost);
    ok(stuck == 0, "%ld times the next one failed, too", stuck);
    ok(silent == 0, "%ld were not noted right", silent);

    (void) ngx_http_llm_state_leave(&st);
    ngx_http_llm_state_release(&st);

    return done();
}
