
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Snapshots: files of records, each with its check sum.  See the essay in
 * ngx_http_llm_snapshot.c.
 */


#ifndef _NGX_HTTP_LLM_SNAPSHOT_H_INCLUDED_
#define _NGX_HTTP_LLM_SNAPSHOT_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define NGX_HTTP_LLM_SNAPSHOT_BUF     65536
#define NGX_HTTP_LLM_SNAPSHOT_RECORD  (512 * 1024)   /* the longest */


typedef struct {
    uint64_t  magic;
    uint32_t  version;               /* of what is in this file */
    uint32_t  kind;                  /* of zone: ngx_http_llm_state.h */
    uint32_t  shape;                 /* of its records */
    uint32_t  unused;
    uint64_t  sequence;
    uint64_t  wall;                  /* ns since the epoch, when it began */
    uint64_t  mono;                  /* the same by that boot's clock */
    uint64_t  boot[2];
    uint64_t  created_wall;          /* of the books */
    uint64_t  secret[2];             /* of their ids */
    uint64_t  records;
    uint64_t  bytes;                 /* of the file */
    uint32_t  body_crc;              /* of all behind the header */
    uint32_t  crc;                   /* of the header before this */
} ngx_http_llm_snapshot_head_t;


typedef struct {
    uint32_t  type;
    uint32_t  len;                   /* of what follows; padded to 8 */
    uint32_t  crc;                   /* of type, len and what follows */
    uint32_t  unused;
} ngx_http_llm_snapshot_record_t;


/* Writing: fd -1 counts and sums up only. */

typedef struct {
    int       fd;
    int       error;                 /* errno of the first failure, or 0 */
    uint32_t  crc;
    uint64_t  records;
    uint64_t  bytes;
    size_t    used;
    uint8_t   buf[NGX_HTTP_LLM_SNAPSHOT_BUF];
} ngx_http_llm_snapshot_out_t;


void ngx_http_llm_snapshot_begin(ngx_http_llm_snapshot_out_t *out, int fd);
void ngx_http_llm_snapshot_put(ngx_http_llm_snapshot_out_t *out,
    uint32_t type, const void *data, size_t len);

/*
 * Fills in what of the header is not the caller's and writes it.  0, or -1
 * and out->error.
 */
int ngx_http_llm_snapshot_end(ngx_http_llm_snapshot_out_t *out,
    ngx_http_llm_snapshot_head_t *head);


/* Reading: all of a file, in memory of its own. */

typedef struct {
    ngx_http_llm_snapshot_head_t   head;
    uint8_t                       *data;
    size_t                         size;
    size_t                         at;      /* of the next record */
} ngx_http_llm_snapshot_t;


/*
 * Checks everything that can be checked without knowing the records.  NULL,
 * or what is wrong.
 */
const char *ngx_http_llm_snapshot_check(ngx_http_llm_snapshot_t *snap,
    uint32_t kind, uint32_t shape);

/*
 * The next record: 1, 0 at the end.  Only after the check; data is aligned
 * to 8.
 */
int ngx_http_llm_snapshot_next(ngx_http_llm_snapshot_t *snap, uint32_t *type,
    const uint8_t **data, size_t *len);

/* Reads an open file of at most max bytes: 0, or -1 and errno. */
int ngx_http_llm_snapshot_read(ngx_http_llm_snapshot_t *snap, int fd,
    uint64_t max);
void ngx_http_llm_snapshot_free(ngx_http_llm_snapshot_t *snap);


#endif /* _NGX_HTTP_LLM_SNAPSHOT_H_INCLUDED_ */
