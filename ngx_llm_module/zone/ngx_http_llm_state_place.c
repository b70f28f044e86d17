
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Where and when live memory is: its name, the file system it is on, the
 * boot and the name space of processes that it belongs to.
 */


#include "ngx_http_llm_state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>


#define NGX_HTTP_LLM_STATE_TMPFS    0x01021994


static int ngx_http_llm_state_real(const char *path, char *real);
static int ngx_http_llm_state_text(const char *path, char *buf, size_t size);


#define NGX_HTTP_LLM_STATE_TEXT(symbol, text)  text,

const char *const  ngx_http_llm_state_steps[NGX_HTTP_LLM_STEP_N] = {
    NGX_HTTP_LLM_STATE_STEPS(NGX_HTTP_LLM_STATE_TEXT)
};


/* Any error is written down and the answer is -1. */

int
ngx_http_llm_state_failed(ngx_http_llm_state_fault_t *fault, uint32_t step,
    int err)
{
    fault->step = step;
    fault->err = err;

    return -1;
}


/* The directory's last part need not be there yet: it may be made later. */

static int
ngx_http_llm_state_real(const char *path, char *real)
{
    char    parent[PATH_MAX], *slash;
    size_t  len, n;

    n = strlen(path);

    if (n >= sizeof(parent)) {
        errno = ENAMETOOLONG;
        return -1;
    }

    memcpy(parent, path, n + 1);

    for (len = 0; /* void */ ; len++) {

        slash = strrchr(parent, '/');
        if (slash == NULL) {
            errno = EINVAL;
            return -1;
        }

        *slash = '\0';

        if (realpath(slash == parent ? "/" : parent, real) != NULL) {
            break;
        }

        if (errno != ENOENT || len == 1 || slash == parent) {
            return -1;
        }
    }

    n = strlen(real);
    path += slash - parent;

    if (n + strlen(path) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }

    memcpy(real + n, path, strlen(path) + 1);

    return 0;
}


int
ngx_http_llm_state_name(ngx_http_llm_state_t *st, const char *dir,
    ngx_http_llm_state_fault_t *fault)
{
    int          n;
    char         real[PATH_MAX + 1];
    uint64_t     h[2];
    const char  *p;

    if (ngx_http_llm_state_real(st->path, real) != 0) {
        return ngx_http_llm_state_failed(fault, NGX_HTTP_LLM_STEP_NAME,
                                         errno);
    }

    /* FNV-1a, twice: a name, no secret */

    h[0] = 14695981039346656037ull;
    h[1] = 0x84222325cbf29ce4ull;

    for (p = real; *p; p++) {
        h[0] = (h[0] ^ (uint8_t) *p) * 1099511628211ull;
        h[1] = (h[1] ^ (uint8_t) ~*p) * 1099511628211ull;
    }

    n = snprintf(st->live, sizeof(st->live),
                 "%s/nginx-llm.%016llx%08llx", dir,
                 (unsigned long long) h[0],
                 (unsigned long long) (h[1] >> 32));

    if (n < 0 || (size_t) n >= sizeof(st->live)) {
        st->live[0] = '\0';
        return ngx_http_llm_state_failed(fault, NGX_HTTP_LLM_STEP_NAME,
                                         ENAMETOOLONG);
    }

    return 0;
}


int
ngx_http_llm_state_tmpfs(const char *dir, ngx_http_llm_state_fault_t *fault)
{
    struct statfs  fs;

    if (statfs(dir, &fs) == -1) {
        return ngx_http_llm_state_failed(fault, NGX_HTTP_LLM_STEP_DIR, errno);
    }

    if (fs.f_type != NGX_HTTP_LLM_STATE_TMPFS) {
        return ngx_http_llm_state_failed(fault, NGX_HTTP_LLM_STEP_TMPFS, 0);
    }

    return 0;
}


uint64_t
ngx_http_llm_state_clock(clockid_t id)
{
    struct timespec  ts;

    (void) clock_gettime(id, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


/* Zeros where the kernel does not tell: then nothing is ever another boot. */

void
ngx_http_llm_state_boot(uint64_t boot[2])
{
    int          i, n;
    char         buf[64];
    struct stat  sb;

    boot[0] = 0;
    boot[1] = 0;

    n = ngx_http_llm_state_text("/proc/sys/kernel/random/boot_id", buf,
                                sizeof(buf));

    for (i = 0; i < n; i++) {
        boot[0] = (boot[0] ^ (uint8_t) buf[i]) * 1099511628211ull;
        boot[0] ^= boot[0] >> 29;
    }

    if (stat("/proc/self/ns/pid", &sb) == 0) {
        boot[1] = (uint64_t) sb.st_ino;
    }
}


static int
ngx_http_llm_state_text(const char *path, char *buf, size_t size)
{
    int      fd;
    ssize_t  n;

    fd = open(path, O_RDONLY|O_CLOEXEC);
    if (fd == -1) {
        return 0;
    }

    n = read(fd, buf, size);

    (void) close(fd);

    return n > 0 ? (int) n : 0;
}
