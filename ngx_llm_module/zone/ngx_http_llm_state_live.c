
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Live memory.
 *
 * A file on tmpfs, all of whose pages were allocated when it was made: so
 * it is memory that belongs to no process, no store to it can wait for a
 * disk or find it full, and after kill -9 of everything it is as it was
 * after the last instruction.  Its name is made of the real path of the
 * snapshots, so that whoever has the same path has the same memory.
 *
 * A file that has this name is whole: it is made without a name, formatted,
 * filled, and then linked.  It is never made larger or smaller; one of
 * another size takes its name, and whoever maps the old one keeps it.
 *
 * Every user of the file holds a shared lock on it, by a descriptor that
 * the workers inherit: so it is in use as long as any of them lives, their
 * master or not.  Two masters may share it (an upgrade of the binary); to
 * replace it one must be alone.
 *
 * What is found is believed only if root (or who we are) alone can have
 * written it, it is of this boot and this name space of processes (owner
 * words and clocks mean nothing elsewhere), and everything in it leads
 * somewhere.
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE                  /* O_TMPFILE */
#endif

#include "ngx_http_llm_state.h"
#include "ngx_http_llm_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>


#define NGX_HTTP_LLM_STATE_MAGIC    0x65746174736d6c6cull    /* "llmstate" */
#define NGX_HTTP_LLM_STATE_VERSION  1

_Static_assert(sizeof(ngx_http_llm_state_head_t)
               <= NGX_HTTP_LLM_STATE_HEAD, "head");


static int ngx_http_llm_state_open(ngx_http_llm_state_t *st,
    struct stat *sb, ngx_http_llm_found_t *found);
static int ngx_http_llm_state_look(ngx_http_llm_state_t *st,
    const struct stat *sb, ngx_http_llm_found_t *found);
static int ngx_http_llm_state_map(ngx_http_llm_state_t *st, int fd,
    size_t bytes, ngx_http_llm_state_fault_t *fault);
static int ngx_http_llm_state_format(ngx_http_llm_state_t *st,
    const void *secret);


int
ngx_http_llm_state_find(ngx_http_llm_state_t *st, const char *dir,
    ngx_http_llm_found_t *found)
{
    struct stat  sb;

    memset(found, 0, sizeof(*found));
    found->how = NGX_HTTP_LLM_FOUND_ERROR;

    if (ngx_http_llm_state_name(st, dir, &found->fault) != 0
        || ngx_http_llm_state_tmpfs(dir, &found->fault) != 0)
    {
        return -1;
    }

    if (ngx_http_llm_state_open(st, &sb, found) != 0) {
        return found->how == NGX_HTTP_LLM_FOUND_NONE ? 0 : -1;
    }

    return ngx_http_llm_state_look(st, &sb, found);
}


int32_t
ngx_http_llm_state_user(ngx_http_llm_state_t *st, const char *dir)
{
    ssize_t                    n;
    struct stat                sb;
    ngx_http_llm_found_t       found;
    ngx_http_llm_state_t       look;
    ngx_http_llm_state_head_t  head;

    look = *st;

    memset(&found, 0, sizeof(found));

    if (ngx_http_llm_state_name(&look, dir, &found.fault) != 0) {
        return 0;
    }

    if (ngx_http_llm_state_open(&look, &sb, &found) != 0) {
        return found.how == NGX_HTTP_LLM_FOUND_NONE ? 0 : -1;
    }

    n = pread(look.fd, &head, sizeof(head), 0);

    (void) close(look.fd);

    if (n != (ssize_t) sizeof(head)
        || !ngx_http_llm_owner_alive(head.master))
    {
        return 0;
    }

    return ngx_http_llm_owner_pid(head.master);
}


/* The file: there, a plain one, and nobody else's.  Sets st->fd. */

static int
ngx_http_llm_state_open(ngx_http_llm_state_t *st, struct stat *sb,
    ngx_http_llm_found_t *found)
{
    int  fd;

    fd = open(st->live, O_RDWR|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK);

    if (fd == -1) {
        if (errno == ENOENT) {
            found->how = NGX_HTTP_LLM_FOUND_NONE;
            return -1;
        }

        return ngx_http_llm_state_failed(&found->fault, NGX_HTTP_LLM_STEP_OPEN,
                                         errno);
    }

    if (fstat(fd, sb) == -1) {
        (void) ngx_http_llm_state_failed(&found->fault,
                                         NGX_HTTP_LLM_STEP_STAT, errno);

    } else if (!S_ISREG(sb->st_mode) || sb->st_nlink != 1) {
        (void) ngx_http_llm_state_failed(&found->fault,
                                         NGX_HTTP_LLM_STEP_MODE, 0);

    } else if (sb->st_uid != geteuid() || (sb->st_mode & 0077)) {
        (void) ngx_http_llm_state_failed(&found->fault,
                                         NGX_HTTP_LLM_STEP_OWNER, 0);

    } else {
        st->fd = fd;
        st->dev = sb->st_dev;
        st->ino = sb->st_ino;
        return 0;
    }

    (void) close(fd);

    return -1;
}


static int
ngx_http_llm_state_look(ngx_http_llm_state_t *st, const struct stat *sb,
    ngx_http_llm_found_t *found)
{
    int                        rc;
    ssize_t                    n;
    uint64_t                   boot[2], master;
    ngx_http_llm_state_head_t  head;

    n = pread(st->fd, &head, sizeof(head), 0);

    if (n == -1) {
        return ngx_http_llm_state_failed(&found->fault,
                                         NGX_HTTP_LLM_STEP_READ, errno);
    }

    found->how = NGX_HTTP_LLM_FOUND_BAD;

    if ((size_t) n < sizeof(head) || head.magic != NGX_HTTP_LLM_STATE_MAGIC) {
        found->what = "is something else";
        return 0;
    }

    master = head.master;

    if (ngx_http_llm_owner_alive(master)) {
        found->pid = ngx_http_llm_owner_pid(master);
    }

    ngx_http_llm_state_boot(boot);

    if (head.boot[0] != boot[0] || head.boot[1] != boot[1]) {
        found->how = NGX_HTTP_LLM_FOUND_BOOT;
        return 0;
    }

    if (head.version != NGX_HTTP_LLM_STATE_VERSION
        || head.kind != st->kind->kind
        || head.layout != st->kind->layout
        || head.shape != st->kind->shape())
    {
        found->how = NGX_HTTP_LLM_FOUND_LAYOUT;
        return 0;
    }

    /* one that was cut, or has holes, would kill whoever touches it */

    if (head.size > (uint64_t) sb->st_size
        || (uint64_t) sb->st_size != head.size + NGX_HTTP_LLM_STATE_HEAD
        || (uint64_t) sb->st_blocks * 512 < (uint64_t) sb->st_size)
    {
        found->what = "was cut";
        return 0;
    }

    if (ngx_http_llm_state_map(st, st->fd, (size_t) sb->st_size,
                               &found->fault)
        != 0)
    {
        found->how = NGX_HTTP_LLM_FOUND_ERROR;
        return -1;
    }

    rc = st->kind->attach(st->zone, ngx_http_llm_state_arena(st),
                          (size_t) head.size);

    if (rc != 0) {
        found->what = (rc == NGX_HTTP_LLM_STATE_OTHER)
                      ? "counts by another period" : "is damaged";
        return 0;
    }

    found->what = st->kind->check(st->zone,
                              ngx_http_llm_state_clock(CLOCK_MONOTONIC));

    if (found->what == NULL) {
        found->size = (size_t) head.size;
        found->how = (head.size == st->size) ? NGX_HTTP_LLM_FOUND_GOOD
                                             : NGX_HTTP_LLM_FOUND_SIZE;
    }

    return 0;
}


/* In place of what the state has had. */

static int
ngx_http_llm_state_map(ngx_http_llm_state_t *st, int fd, size_t bytes,
    ngx_http_llm_state_fault_t *fault)
{
    void  *p;

    p = mmap(NULL, bytes, PROT_READ|PROT_WRITE,
             MAP_SHARED | (fd == -1 ? MAP_ANONYMOUS : 0), fd, 0);

    if (p == MAP_FAILED) {
        return ngx_http_llm_state_failed(fault, NGX_HTTP_LLM_STEP_MAP, errno);
    }

    if (st->head) {
        (void) munmap(st->head, st->mapped);
    }

    st->head = p;
    st->mapped = bytes;

    return 0;
}


static int
ngx_http_llm_state_format(ngx_http_llm_state_t *st, const void *secret)
{
    ngx_http_llm_state_head_t  *head;

    head = st->head;

    head->version = NGX_HTTP_LLM_STATE_VERSION;
    head->kind = st->kind->kind;
    head->layout = st->kind->layout;
    head->shape = st->kind->shape();
    head->size = st->size;
    ngx_http_llm_state_boot(head->boot);

    if (st->kind->format(st->zone, ngx_http_llm_state_arena(st), st->size,
                         ngx_http_llm_state_clock(CLOCK_MONOTONIC),
                         ngx_http_llm_state_clock(CLOCK_REALTIME), secret)
        != 0)
    {
        return -1;
    }

    __atomic_store_n(&head->magic, NGX_HTTP_LLM_STATE_MAGIC,
                     __ATOMIC_RELEASE);

    return 0;
}


int
ngx_http_llm_state_anonymous(ngx_http_llm_state_t *st, const void *secret)
{
    if (ngx_http_llm_state_map(st, -1, st->size + NGX_HTTP_LLM_STATE_HEAD,
                               &st->fault)
        != 0)
    {
        return -1;
    }

    if (st->fd != -1) {
        (void) close(st->fd);
        st->fd = -1;
    }

    st->anonymous = 1;

    return ngx_http_llm_state_format(st, secret);
}


int
ngx_http_llm_state_create(ngx_http_llm_state_t *st, const char *dir,
    const void *secret)
{
    int          fd, err;
    size_t       bytes;
    struct stat  sb;

    bytes = st->size + NGX_HTTP_LLM_STATE_HEAD;

    if (ngx_http_llm_state_name(st, dir, &st->fault) != 0
        || ngx_http_llm_state_tmpfs(dir, &st->fault) != 0)
    {
        return -1;
    }

    fd = open(dir, O_TMPFILE|O_RDWR|O_CLOEXEC, 0600);

    if (fd == -1) {
        return ngx_http_llm_state_failed(&st->fault, NGX_HTTP_LLM_STEP_OPEN,
                                         errno);
    }

    do {
        err = posix_fallocate(fd, 0, (off_t) bytes);
    } while (err == EINTR);

    if (err) {
        (void) ngx_http_llm_state_failed(&st->fault, NGX_HTTP_LLM_STEP_ALLOC,
                                         err);

    } else if (fchmod(fd, 0600) == -1 || fstat(fd, &sb) == -1) {
        (void) ngx_http_llm_state_failed(&st->fault, NGX_HTTP_LLM_STEP_STAT,
                                         errno);

    } else if (ngx_http_llm_state_map(st, fd, bytes, &st->fault) == 0) {

        if (st->fd != -1) {
            (void) close(st->fd);
        }

        st->fd = fd;
        st->dev = sb.st_dev;
        st->ino = sb.st_ino;
        st->anonymous = 0;

        return ngx_http_llm_state_format(st, secret);
    }

    (void) close(fd);

    return -1;
}


int
ngx_http_llm_state_clear(ngx_http_llm_state_t *st, const void *secret)
{
    st->head->magic = 0;
    memset(ngx_http_llm_state_arena(st), 0, st->size);

    return ngx_http_llm_state_format(st, secret);
}


/*
 * A name is given, or given over, in one step.  Where there is one already
 * the new file gets another first, which nobody looks for.
 */

int
ngx_http_llm_state_publish(ngx_http_llm_state_t *st)
{
    char  proc[64], name[NGX_HTTP_LLM_STATE_NAME + 32];

    if (ngx_http_llm_state_lock(st) != 0) {
        return -1;
    }

    (void) snprintf(proc, sizeof(proc), "/proc/self/fd/%d", st->fd);

    if (linkat(AT_FDCWD, proc, AT_FDCWD, st->live, AT_SYMLINK_FOLLOW) == 0) {
        return 0;
    }

    if (errno != EEXIST) {
        return ngx_http_llm_state_failed(&st->fault, NGX_HTTP_LLM_STEP_LINK,
                                         errno);
    }

    (void) snprintf(name, sizeof(name), "%s.%d", st->live, (int) getpid());
    (void) unlink(name);

    if (linkat(AT_FDCWD, proc, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == -1) {
        return ngx_http_llm_state_failed(&st->fault, NGX_HTTP_LLM_STEP_LINK,
                                         errno);
    }

    if (rename(name, st->live) == -1) {
        (void) ngx_http_llm_state_failed(&st->fault, NGX_HTTP_LLM_STEP_RENAME,
                                         errno);
        (void) unlink(name);
        return -1;
    }

    return 0;
}


int
ngx_http_llm_state_lock(ngx_http_llm_state_t *st)
{
    if (flock(st->fd, LOCK_SH|LOCK_NB) == -1) {
        return ngx_http_llm_state_failed(&st->fault, NGX_HTTP_LLM_STEP_LOCK,
                                         errno);
    }

    return 0;
}


/*
 * Whether no descriptor but this one, and its copies in our workers, holds
 * the lock.  It is shared again, or free, afterwards.
 */

int
ngx_http_llm_state_alone(ngx_http_llm_state_t *st)
{
    int  alone;

    alone = (st->fd != -1 && flock(st->fd, LOCK_EX|LOCK_NB) == 0);

    /* a conversion that fails may have lost what there was */

    if (st->fd != -1) {
        (void) flock(st->fd, (st->serves ? LOCK_SH : LOCK_UN) | LOCK_NB);
    }

    return alone;
}


int
ngx_http_llm_state_whole(const ngx_http_llm_state_t *st)
{
    struct stat  sb;

    return st->fd == -1
           || (fstat(st->fd, &sb) == 0 && sb.st_size >= 0
               && (uint64_t) sb.st_size >= st->mapped
               && (uint64_t) sb.st_blocks * 512 >= st->mapped);
}


void
ngx_http_llm_state_retire(ngx_http_llm_state_t *st,
    ngx_http_llm_state_retired_e how)
{
    struct stat  sb;

    __atomic_store_n(&st->head->retired, how, __ATOMIC_RELEASE);

    if (st->anonymous || stat(st->live, &sb) == -1
        || sb.st_dev != st->dev || sb.st_ino != st->ino)
    {
        return;
    }

    (void) unlink(st->live);
}


void
ngx_http_llm_state_release(ngx_http_llm_state_t *st)
{
    if (st->head) {
        (void) munmap(st->head, st->mapped);
        st->head = NULL;
    }

    if (st->fd != -1) {
        (void) close(st->fd);
        st->fd = -1;
    }
}


void *
ngx_http_llm_state_arena(const ngx_http_llm_state_t *st)
{
    return (uint8_t *) st->head + NGX_HTTP_LLM_STATE_HEAD;
}
