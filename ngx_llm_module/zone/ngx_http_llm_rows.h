
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Rows in shared memory that belong to a process.  See the essay in
 * ngx_http_llm_rows.c.
 */


#ifndef _NGX_HTTP_LLM_ROWS_H_INCLUDED_
#define _NGX_HTTP_LLM_ROWS_H_INCLUDED_


#include "llm_base.h"


#define NGX_HTTP_LLM_SLOTS   128     /* processes at one time */
#define NGX_HTTP_LLM_ROWS    64      /* of a chunk */


typedef struct {
    uint64_t  owner;                 /* ngx_http_llm_owner.h; 0: free */
    uint64_t  generation;
} ngx_http_llm_slot_t;


/* What a chunk begins with; its rows follow at once. */

typedef struct {
    uint32_t  owner;                 /* slot + 1, 0: free */
    uint32_t  next;                  /* chunk with room + 1, owner's list */
    uint64_t  used;                  /* bit a row, written by the owner */
} ngx_http_llm_chunk_head_t;

#define ngx_http_llm_chunk_size(row)                                          \
    (sizeof(ngx_http_llm_chunk_head_t) + NGX_HTTP_LLM_ROWS * (row))


/*
 * A process's view.  The first five say where things are.  drop is called
 * for each row, in use or not, of a process that died or leaves, by the
 * one process that clears up: it must leave the row's first word zero.
 */

typedef struct {
    ngx_http_llm_slot_t  *slots;     /* [NGX_HTTP_LLM_SLOTS] */
    uint64_t             *high;      /* no chunk was ever used from here on */
    uint8_t              *chunks;    /* [chunks_max] */
    uint32_t              chunks_max;
    uint32_t              row_size;

    void                (*drop)(void *data, void *row);
    void                 *data;

    uint64_t              self;      /* owner word; 0 before join */
    uint32_t              slot;      /* slot + 1 */
    uint32_t              room;      /* chunk with free rows + 1 */
    uint32_t              starved;   /* rows asked for before a search */
} ngx_http_llm_rows_t;


/*
 * join: after the fork.  0, or -1 when no slot is free: then there are no
 * rows.  leave drops what rows are left.  reap drops those of the dead,
 * returns their number.
 */
int ngx_http_llm_rows_join(ngx_http_llm_rows_t *rows);
void ngx_http_llm_rows_leave(ngx_http_llm_rows_t *rows);
int ngx_http_llm_rows_reap(ngx_http_llm_rows_t *rows);

/*
 * take finds a free row, NULL when there is none, and its handle, never 0.
 * The caller fills it in, its first word last and not to zero; use then
 * makes it seen.  give wants the first word zero again.
 */
void *ngx_http_llm_rows_take(ngx_http_llm_rows_t *rows, uint32_t *handle);
void ngx_http_llm_rows_use(ngx_http_llm_rows_t *rows, uint32_t handle);
void ngx_http_llm_rows_give(ngx_http_llm_rows_t *rows, uint32_t handle);

/* NULL unless the row is this process's, and in use. */
void *ngx_http_llm_rows_row(ngx_http_llm_rows_t *rows, uint32_t handle);

/* Readers: chunks that may be in use, and those rows of one that are. */
uint32_t ngx_http_llm_rows_high(const ngx_http_llm_rows_t *rows);
uint64_t ngx_http_llm_rows_used(const ngx_http_llm_rows_t *rows,
    uint32_t chunk);
const void *ngx_http_llm_rows_at(const ngx_http_llm_rows_t *rows,
    uint32_t chunk, uint32_t i);

/* Processes that have joined. */
uint32_t ngx_http_llm_rows_workers(const ngx_http_llm_rows_t *rows);


#endif /* _NGX_HTTP_LLM_ROWS_H_INCLUDED_ */
