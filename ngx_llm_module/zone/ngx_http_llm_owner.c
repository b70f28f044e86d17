
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Owner words.
 *
 * 22 bits of pid (Linux has no larger ones), 41 of the process's start in
 * clock ticks since boot, the highest bit a flag.  The pid alone would name
 * a stranger after it was used again, which in a container takes a restart
 * of one process.  Where /proc cannot be read the start is 0, and then only
 * the pid counts: a stranger may keep a dead worker's things from being
 * freed, but what is alive is never taken for dead.
 */


#include "ngx_http_llm_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>


#define NGX_HTTP_LLM_OWNER_PID    ((1ull << 22) - 1)
#define NGX_HTTP_LLM_OWNER_START  ((1ull << 41) - 1)


/* Fields of /proc/PID/stat, counted from after the name's ')'. */

#define NGX_HTTP_LLM_STAT_STATE   1
#define NGX_HTTP_LLM_STAT_START   20


static int ngx_http_llm_owner_stat(int32_t pid, uint64_t *start, int *gone);


uint64_t
ngx_http_llm_owner_self(void)
{
    return ngx_http_llm_owner_of((int32_t) getpid());
}


uint64_t
ngx_http_llm_owner_of(int32_t pid)
{
    int       gone;
    uint64_t  start;

    if (ngx_http_llm_owner_stat(pid, &start, &gone) != 0) {
        start = 0;
    }

    return (start & NGX_HTTP_LLM_OWNER_START) << 22
           | ((uint64_t) pid & NGX_HTTP_LLM_OWNER_PID);
}


int
ngx_http_llm_owner_alive(uint64_t owner)
{
    int       gone;
    uint64_t  start, known;
    int32_t   pid;

    pid = ngx_http_llm_owner_pid(owner);

    if (pid <= 0) {
        return 0;
    }

    if (kill(pid, 0) == -1 && errno == ESRCH) {
        return 0;
    }

    known = (owner >> 22) & NGX_HTTP_LLM_OWNER_START;

    if (known == 0 || ngx_http_llm_owner_stat(pid, &start, &gone) != 0) {
        return 1;
    }

    return !gone && (start & NGX_HTTP_LLM_OWNER_START) == known;
}


int32_t
ngx_http_llm_owner_pid(uint64_t owner)
{
    return (int32_t) (owner & NGX_HTTP_LLM_OWNER_PID);
}


static int
ngx_http_llm_owner_stat(int32_t pid, uint64_t *start, int *gone)
{
    int       fd, field;
    char      buf[1024], *p;
    ssize_t   n;

    (void) snprintf(buf, sizeof(buf), "/proc/%d/stat", (int) pid);

    fd = open(buf, O_RDONLY|O_CLOEXEC);
    if (fd == -1) {
        return -1;
    }

    n = read(fd, buf, sizeof(buf) - 1);

    (void) close(fd);

    if (n <= 0) {
        return -1;
    }

    buf[n] = '\0';

    /* the name may hold anything, so from its last ')' */

    p = strrchr(buf, ')');
    if (p == NULL) {
        return -1;
    }

    *gone = 0;

    for (field = 1, p++; *p == ' '; field++) {
        p++;

        if (field == NGX_HTTP_LLM_STAT_STATE) {
            *gone = (*p == 'Z' || *p == 'X' || *p == 'x');
        }

        if (field == NGX_HTTP_LLM_STAT_START) {

            for (*start = 0; *p >= '0' && *p <= '9'; p++) {
                *start = *start * 10 + (uint64_t) (*p - '0');
            }

            return 0;
        }

        while (*p != ' ' && *p != '\0') {
            p++;
        }
    }

    return -1;
}
