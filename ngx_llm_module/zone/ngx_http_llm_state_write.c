
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Writing snapshots.
 *
 *     path.new    being written
 *     path        the last one
 *     path.1      the one before
 *     path.lock   held by who writes
 *
 * A new one is complete and on the disk before it gets its name; between
 * the two renames there is no path, and path.1 is the last one.  So at any
 * moment, whatever is killed and whenever the power fails, one of the two
 * is whole.
 *
 * All of it is done by a worker, with a worker's rights: root writes
 * nothing into a directory that a worker may write to.  Every step that can
 * fail leaves things as they were, is written down for the one who logs,
 * and is tried again with the next snapshot, from the start: so it heals
 * when the disk does, when a directory is made or given the right owner.
 *
 * No function of nginx is called here: this runs in a thread.
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE                  /* memfd_create */
#endif

#include "ngx_http_llm_state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>


#define NGX_HTTP_LLM_STATE_PATH  (PATH_MAX + 16)


static int ngx_http_llm_state_hold(ngx_http_llm_state_t *st);
static int ngx_http_llm_state_same(ngx_http_llm_state_t *st);
static int ngx_http_llm_state_file(ngx_http_llm_state_t *st,
    ngx_http_llm_snapshot_head_t *head);
static int ngx_http_llm_state_fill(ngx_http_llm_state_t *st, int fd,
    ngx_http_llm_snapshot_head_t *head);
static int ngx_http_llm_state_rename(ngx_http_llm_state_t *st,
    const char *name);
static int ngx_http_llm_state_sync_dir(const char *path);
static int ngx_http_llm_state_save(const ngx_http_llm_state_kind_t *kind,
    const void *zone, ngx_http_llm_snapshot_out_t *out, int fd,
    ngx_http_llm_snapshot_head_t *head);
static void ngx_http_llm_state_side(const ngx_http_llm_state_t *st,
    const char *suffix, char *name);


int
ngx_http_llm_state_write(ngx_http_llm_state_t *st, int force)
{
    uint64_t                      began;
    ngx_http_llm_snapshot_head_t  head;

    if (st->out == NULL) {
        st->out = malloc(sizeof(ngx_http_llm_snapshot_out_t));
        if (st->out == NULL) {
            return ngx_http_llm_state_note(st, NGX_HTTP_LLM_STEP_MEMORY, 0);
        }
    }

    if (ngx_http_llm_state_hold(st) != 0) {
        return -1;
    }

    began = ngx_http_llm_state_clock(CLOCK_MONOTONIC);

    if (!force && ngx_http_llm_state_same(st)) {
        __atomic_store_n(&st->head->saved, began, __ATOMIC_RELAXED);
        __atomic_store_n(&st->head->fault, 0, __ATOMIC_RELAXED);
        return 0;
    }

    memset(&head, 0, sizeof(head));
    head.kind = st->kind->kind;
    head.shape = st->kind->record_shape();
    head.sequence = __atomic_add_fetch(&st->head->sequence, 1,
                                       __ATOMIC_RELAXED);
    head.mono = began;
    head.wall = ngx_http_llm_state_clock(CLOCK_REALTIME);
    ngx_http_llm_state_boot(head.boot);

    if (ngx_http_llm_state_file(st, &head) != 0) {
        return -1;
    }

    __atomic_store_n(&st->head->saved, began, __ATOMIC_RELAXED);
    __atomic_store_n(&st->head->fault, 0, __ATOMIC_RELAXED);

    return 0;
}


int
ngx_http_llm_state_note(ngx_http_llm_state_t *st, uint32_t step, int err)
{
    __atomic_store_n(&st->head->fault,
                     (uint64_t) step << 32 | (uint32_t) err,
                     __ATOMIC_RELAXED);

    return -1;
}


/*
 * The lock, on the file that has its name now: the directory may have been
 * removed and made again.  Another machine, or container, that writes the
 * same path is kept out by it, and so is a zone that this one has replaced.
 */

static int
ngx_http_llm_state_hold(ngx_http_llm_state_t *st)
{
    char         name[NGX_HTTP_LLM_STATE_PATH];
    struct stat  sb, now;

    ngx_http_llm_state_side(st, ".lock", name);

    if (st->lock != -1) {

        if (fstat(st->lock, &sb) == 0 && stat(name, &now) == 0
            && sb.st_dev == now.st_dev && sb.st_ino == now.st_ino)
        {
            return 0;
        }

        (void) close(st->lock);
        st->lock = -1;
    }

    /* not for writing: the disk may be made read only while it is held */

    st->lock = open(name,
                    O_RDONLY|O_CREAT|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK, 0600);

    if (st->lock == -1) {
        return ngx_http_llm_state_note(st, NGX_HTTP_LLM_STEP_OPEN, errno);
    }

    if (flock(st->lock, LOCK_EX|LOCK_NB) == 0) {
        return 0;
    }

    (void) ngx_http_llm_state_note(st, errno == EWOULDBLOCK
                                       ? NGX_HTTP_LLM_STEP_BUSY
                                       : NGX_HTTP_LLM_STEP_LOCK,
                                   errno == EWOULDBLOCK ? 0 : errno);
    (void) close(st->lock);
    st->lock = -1;

    return -1;
}


/* Whether the file is there that we have written, and says what is so. */

static int
ngx_http_llm_state_same(ngx_http_llm_state_t *st)
{
    struct stat                   sb;
    ngx_http_llm_snapshot_head_t  head;

    if (st->disk_ino == 0 || stat(st->path, &sb) == -1
        || sb.st_ino != st->disk_ino || sb.st_dev != st->disk_dev)
    {
        return 0;
    }

    return ngx_http_llm_state_save(st->kind, st->zone, st->out, -1, &head)
           == 0
           && st->out->crc == st->crc;
}


static int
ngx_http_llm_state_file(ngx_http_llm_state_t *st,
    ngx_http_llm_snapshot_head_t *head)
{
    int   fd, rc;
    char  name[NGX_HTTP_LLM_STATE_PATH];

    ngx_http_llm_state_side(st, ".new", name);

    fd = open(name, O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK,
              0600);

    if (fd == -1) {
        return ngx_http_llm_state_note(st, NGX_HTTP_LLM_STEP_OPEN, errno);
    }

    rc = ngx_http_llm_state_fill(st, fd, head);

    if (close(fd) == -1 && rc == 0) {
        rc = ngx_http_llm_state_note(st, NGX_HTTP_LLM_STEP_CLOSE, errno);
    }

    if (rc == 0
        && __atomic_load_n(&st->head->retired, __ATOMIC_ACQUIRE)
           != NGX_HTTP_LLM_STATE_MOVED)
    {
        rc = ngx_http_llm_state_rename(st, name);

    } else {

        /* a disk that is full needs the room */

        (void) unlink(name);
    }

    return rc;
}


static int
ngx_http_llm_state_fill(ngx_http_llm_state_t *st, int fd,
    ngx_http_llm_snapshot_head_t *head)
{
    struct stat  sb;

    if (ngx_http_llm_state_save(st->kind, st->zone, st->out, fd, head) != 0) {
        return ngx_http_llm_state_note(st, NGX_HTTP_LLM_STEP_WRITE,
                                       st->out->error);
    }

    if (fsync(fd) == -1) {
        return ngx_http_llm_state_note(st, NGX_HTTP_LLM_STEP_SYNC, errno);
    }

    if (fstat(fd, &sb) == -1) {
        return ngx_http_llm_state_note(st, NGX_HTTP_LLM_STEP_STAT, errno);
    }

    st->crc = st->out->crc;
    st->disk_dev = sb.st_dev;
    st->disk_ino = sb.st_ino;

    return 0;
}


static int
ngx_http_llm_state_rename(ngx_http_llm_state_t *st, const char *name)
{
    char  older[NGX_HTTP_LLM_STATE_PATH];

    ngx_http_llm_state_side(st, ".1", older);

    if ((rename(st->path, older) == -1 && errno != ENOENT)
        || rename(name, st->path) == -1)
    {
        (void) ngx_http_llm_state_note(st, NGX_HTTP_LLM_STEP_RENAME, errno);
        (void) unlink(name);
        st->disk_ino = 0;
        return -1;
    }

    if (ngx_http_llm_state_sync_dir(st->path) != 0) {
        st->disk_ino = 0;
        return ngx_http_llm_state_note(st, NGX_HTTP_LLM_STEP_SYNC, errno);
    }

    return 0;
}


static int
ngx_http_llm_state_sync_dir(const char *path)
{
    int      fd, rc, err;
    char     dir[NGX_HTTP_LLM_STATE_PATH], *slash;

    (void) snprintf(dir, sizeof(dir), "%s", path);

    slash = strrchr(dir, '/');
    if (slash == NULL) {
        errno = EINVAL;
        return -1;
    }

    slash[slash == dir] = '\0';

    fd = open(dir, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    if (fd == -1) {
        return -1;
    }

    rc = fsync(fd);
    err = errno;
    (void) close(fd);
    errno = err;

    return rc;
}


static int
ngx_http_llm_state_save(const ngx_http_llm_state_kind_t *kind,
    const void *zone, ngx_http_llm_snapshot_out_t *out, int fd,
    ngx_http_llm_snapshot_head_t *head)
{
    ngx_http_llm_snapshot_begin(out, fd);

    if (kind->save(zone, out, head) != 0) {
        out->error = ENOMEM;
        return -1;
    }

    return ngx_http_llm_snapshot_end(out, head);
}


const char *
ngx_http_llm_state_copy(const ngx_http_llm_state_kind_t *kind,
    const void *zone, ngx_http_llm_snapshot_t *snap)
{
    int                            fd;
    const char                    *what;
    ngx_http_llm_snapshot_out_t   *out;
    ngx_http_llm_snapshot_head_t   head;

    what = "cannot be copied";

    memset(snap, 0, sizeof(*snap));

    out = malloc(sizeof(*out));
    fd = memfd_create("nginx-llm", MFD_CLOEXEC);

    if (out && fd != -1) {
        memset(&head, 0, sizeof(head));
        head.kind = kind->kind;
        head.shape = kind->record_shape();
        head.mono = ngx_http_llm_state_clock(CLOCK_MONOTONIC);
        head.wall = ngx_http_llm_state_clock(CLOCK_REALTIME);
        ngx_http_llm_state_boot(head.boot);

        if (ngx_http_llm_state_save(kind, zone, out, fd, &head) == 0
            && ngx_http_llm_snapshot_read(snap, fd, UINT64_MAX) == 0)
        {
            what = ngx_http_llm_snapshot_check(snap, kind->kind,
                                               kind->record_shape());
        }
    }

    if (fd != -1) {
        (void) close(fd);
    }

    free(out);

    return what;
}


static void
ngx_http_llm_state_side(const ngx_http_llm_state_t *st, const char *suffix,
    char *name)
{
    (void) snprintf(name, NGX_HTTP_LLM_STATE_PATH, "%s%s", st->path, suffix);
}
