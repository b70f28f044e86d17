
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Snapshots.
 *
 *     header | record | record | ...
 *
 * A file is written front to back, its header last, and gets its name only
 * when all of it is on the disk; so a file with a name that does not check
 * was damaged later, or is somebody else's.  Whoever writes it is a worker,
 * who reads it is root: it is taken for hostile.  Nothing in it is believed
 * before the sums of the header, of the body and of each record are right,
 * and nothing in a record is believed because of its sum: what is in it is
 * for its reader to check.
 *
 * It is read into memory, never mapped: a mapping could change after it was
 * checked, or be cut under its reader.
 */


#include "ngx_http_llm_snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>


#define NGX_HTTP_LLM_SNAPSHOT_MAGIC    0x70616e736d6c6c0aull
#define NGX_HTTP_LLM_SNAPSHOT_VERSION  1

#define ngx_http_llm_snapshot_pad(n)   (((n) + 7) & ~(size_t) 7)


_Static_assert(sizeof(ngx_http_llm_snapshot_head_t) % 8 == 0, "header");
_Static_assert(sizeof(ngx_http_llm_snapshot_record_t) % 8 == 0, "record");


static void ngx_http_llm_snapshot_bytes(ngx_http_llm_snapshot_out_t *out,
    const void *data, size_t len);
static void ngx_http_llm_snapshot_flush(ngx_http_llm_snapshot_out_t *out);
static int ngx_http_llm_snapshot_write(int fd, const uint8_t *p, size_t len,
    off_t at);
static uint32_t ngx_http_llm_snapshot_crc(
    const ngx_http_llm_snapshot_record_t *rec, const uint8_t *data);
static const char *ngx_http_llm_snapshot_records(
    const ngx_http_llm_snapshot_t *snap);


void
ngx_http_llm_snapshot_begin(ngx_http_llm_snapshot_out_t *out, int fd)
{
    out->fd = fd;
    out->error = 0;
    out->crc = (uint32_t) crc32(0, NULL, 0);
    out->records = 0;
    out->bytes = sizeof(ngx_http_llm_snapshot_head_t);
    out->used = 0;
}


void
ngx_http_llm_snapshot_put(ngx_http_llm_snapshot_out_t *out, uint32_t type,
    const void *data, size_t len)
{
    static const uint8_t            zeros[8];
    ngx_http_llm_snapshot_record_t  rec;

    if (len > NGX_HTTP_LLM_SNAPSHOT_RECORD) {
        out->error = out->error ? out->error : EMSGSIZE;
        return;
    }

    rec.type = type;
    rec.len = (uint32_t) len;
    rec.unused = 0;
    rec.crc = ngx_http_llm_snapshot_crc(&rec, data);

    ngx_http_llm_snapshot_bytes(out, &rec, sizeof(rec));
    ngx_http_llm_snapshot_bytes(out, data, len);
    ngx_http_llm_snapshot_bytes(out, zeros,
                                ngx_http_llm_snapshot_pad(len) - len);
    out->records++;
}


static void
ngx_http_llm_snapshot_bytes(ngx_http_llm_snapshot_out_t *out,
    const void *data, size_t len)
{
    size_t          n;
    const uint8_t  *p;

    for (p = data; len; p += n, len -= n) {
        n = sizeof(out->buf) - out->used;
        n = n < len ? n : len;

        memcpy(out->buf + out->used, p, n);
        out->used += n;

        if (out->used == sizeof(out->buf)) {
            ngx_http_llm_snapshot_flush(out);
        }
    }
}


static void
ngx_http_llm_snapshot_flush(ngx_http_llm_snapshot_out_t *out)
{
    out->crc = (uint32_t) crc32(out->crc, out->buf, (uInt) out->used);

    if (out->fd != -1 && out->error == 0) {
        out->error = ngx_http_llm_snapshot_write(out->fd, out->buf, out->used,
                                                 (off_t) out->bytes);
    }

    out->bytes += out->used;
    out->used = 0;
}


/* 0, or an errno. */

static int
ngx_http_llm_snapshot_write(int fd, const uint8_t *p, size_t len, off_t at)
{
    ssize_t  n;

    while (len) {
        n = pwrite(fd, p, len, at);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            return n ? errno : ENOSPC;
        }

        p += n;
        at += n;
        len -= (size_t) n;
    }

    return 0;
}


int
ngx_http_llm_snapshot_end(ngx_http_llm_snapshot_out_t *out,
    ngx_http_llm_snapshot_head_t *head)
{
    ngx_http_llm_snapshot_flush(out);

    head->magic = NGX_HTTP_LLM_SNAPSHOT_MAGIC;
    head->version = NGX_HTTP_LLM_SNAPSHOT_VERSION;
    head->unused = 0;
    head->records = out->records;
    head->bytes = out->bytes;
    head->body_crc = out->crc;
    head->crc = (uint32_t) crc32(crc32(0, NULL, 0), (const Bytef *) head,
                            offsetof(ngx_http_llm_snapshot_head_t, crc));

    if (out->fd != -1 && out->error == 0) {
        out->error = ngx_http_llm_snapshot_write(out->fd,
                         (const uint8_t *) head, sizeof(*head), 0);
    }

    return out->error ? -1 : 0;
}


static uint32_t
ngx_http_llm_snapshot_crc(const ngx_http_llm_snapshot_record_t *rec,
    const uint8_t *data)
{
    uLong  crc;

    crc = crc32(crc32(0, NULL, 0), (const Bytef *) rec,
                offsetof(ngx_http_llm_snapshot_record_t, crc));

    return (uint32_t) (rec->len ? crc32(crc, data, rec->len) : crc);
}


const char *
ngx_http_llm_snapshot_check(ngx_http_llm_snapshot_t *snap, uint32_t kind,
    uint32_t shape)
{
    ngx_http_llm_snapshot_head_t  *head;

    head = &snap->head;

    if (snap->size < sizeof(*head)) {
        return "is too short";
    }

    memcpy(head, snap->data, sizeof(*head));

    if (head->magic != NGX_HTTP_LLM_SNAPSHOT_MAGIC) {
        return "is no snapshot";
    }

    if (head->crc != (uint32_t) crc32(crc32(0, NULL, 0), snap->data,
                                 offsetof(ngx_http_llm_snapshot_head_t, crc)))
    {
        return "has a damaged header";
    }

    if (head->version != NGX_HTTP_LLM_SNAPSHOT_VERSION
        || head->shape != shape)
    {
        return "is of another version of the module";
    }

    if (head->kind != kind) {
        return "is of another kind of zone";
    }

    if (head->bytes != snap->size) {
        return head->bytes > snap->size ? "is cut short" : "is too long";
    }

    if (head->body_crc != (uint32_t) crc32_z(crc32(0, NULL, 0),
                                             snap->data + sizeof(*head),
                                             snap->size - sizeof(*head)))
    {
        return "is damaged";
    }

    snap->at = sizeof(*head);

    return ngx_http_llm_snapshot_records(snap);
}


static const char *
ngx_http_llm_snapshot_records(const ngx_http_llm_snapshot_t *snap)
{
    size_t                          at, left;
    uint64_t                        n;
    ngx_http_llm_snapshot_record_t  rec;

    n = 0;

    for (at = snap->at; at < snap->size; at += rec.len) {

        if (snap->size - at < sizeof(rec)) {
            return "has a record that is cut";
        }

        memcpy(&rec, snap->data + at, sizeof(rec));

        at += sizeof(rec);
        left = snap->size - at;

        if (rec.len > NGX_HTTP_LLM_SNAPSHOT_RECORD
            || ngx_http_llm_snapshot_pad(rec.len) > left)
        {
            return "has a record that is too long";
        }

        if (rec.crc != ngx_http_llm_snapshot_crc(&rec, snap->data + at)) {
            return "has a damaged record";
        }

        rec.len = (uint32_t) ngx_http_llm_snapshot_pad(rec.len);
        n++;
    }

    return n == snap->head.records ? NULL : "lacks records";
}


int
ngx_http_llm_snapshot_next(ngx_http_llm_snapshot_t *snap, uint32_t *type,
    const uint8_t **data, size_t *len)
{
    ngx_http_llm_snapshot_record_t  rec;

    if (snap->at >= snap->size) {
        return 0;
    }

    memcpy(&rec, snap->data + snap->at, sizeof(rec));

    *type = rec.type;
    *data = snap->data + snap->at + sizeof(rec);
    *len = rec.len;

    snap->at += sizeof(rec) + ngx_http_llm_snapshot_pad(rec.len);

    return 1;
}


int
ngx_http_llm_snapshot_read(ngx_http_llm_snapshot_t *snap, int fd,
    uint64_t max)
{
    off_t        at;
    size_t       size;
    ssize_t      n;
    struct stat  sb;

    memset(snap, 0, sizeof(*snap));

    if (fstat(fd, &sb) == -1) {
        return -1;
    }

    if (!S_ISREG(sb.st_mode)) {
        errno = EINVAL;
        return -1;
    }

    if (sb.st_size < 0 || (uint64_t) sb.st_size > max) {
        errno = EFBIG;
        return -1;
    }

    size = (size_t) sb.st_size;

    snap->data = malloc(size ? size : 1);
    if (snap->data == NULL) {
        return -1;
    }

    for (at = 0; (size_t) at < size; at += n) {
        n = pread(fd, snap->data + at, size - (size_t) at, at);

        if (n == -1 && errno == EINTR) {
            n = 0;
            continue;
        }

        if (n == -1) {
            ngx_http_llm_snapshot_free(snap);
            return -1;
        }

        if (n == 0) {
            break;
        }
    }

    snap->size = (size_t) at;

    return 0;
}


void
ngx_http_llm_snapshot_free(ngx_http_llm_snapshot_t *snap)
{
    int  err;

    err = errno;

    free(snap->data);

    snap->data = NULL;
    snap->size = 0;
    snap->at = 0;

    errno = err;
}
