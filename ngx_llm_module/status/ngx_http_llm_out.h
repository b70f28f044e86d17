
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Where the status is written to: a chain of bufs that grows as it is filled
 * and whose memory is used again once the client has it.
 */


#ifndef _NGX_HTTP_LLM_OUT_H_INCLUDED_
#define _NGX_HTTP_LLM_OUT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "llm_base.h"


#define NGX_HTTP_LLM_OUT_BUF     32768

#define NGX_HTTP_LLM_OUT_NUMBER  32      /* bytes of any number or time */


typedef struct {
    ngx_pool_t    *pool;
    ngx_chain_t   *chain;        /* written, not handed on yet */
    ngx_chain_t  **last;
    ngx_chain_t   *free;
    ngx_chain_t   *busy;         /* handed on, not sent yet */
    ngx_buf_t     *buf;          /* of chain, being filled; or NULL */
    size_t         size;         /* bytes in chain */
    unsigned       failed:1;     /* no memory: nothing more is written */
} ngx_http_llm_out_t;


void ngx_http_llm_out_init(ngx_http_llm_out_t *out, ngx_pool_t *pool);

/*
 * take: what was written so far (may be NULL), with end-of-response flags if
 * "last"; NGX_ERROR if anything failed since the beginning.  After it has
 * been handed on, sent: it, or NULL when only older bufs may have moved.
 */
ngx_int_t ngx_http_llm_out_take(ngx_http_llm_out_t *out, ngx_chain_t **chain,
    ngx_uint_t last, ngx_uint_t last_buf);
void ngx_http_llm_out_sent(ngx_http_llm_out_t *out, ngx_chain_t *chain);

void ngx_http_llm_out_data(ngx_http_llm_out_t *out, const void *data,
    size_t len);
void ngx_http_llm_out_text(ngx_http_llm_out_t *out, const char *text);

/* Escaped, without quotes. */
void ngx_http_llm_out_json(ngx_http_llm_out_t *out, llm_str_t s);

/* One more buf, with room for len bytes; 0: without memory, for flags. */
ngx_int_t ngx_http_llm_out_append(ngx_http_llm_out_t *out, size_t len);


/*
 * Room for len (> 0) bytes in one piece, or NULL; what was used of it, at
 * least one byte (so that no buf is handed on empty), is told by done.  put_
 * writes into it.
 */

static inline u_char *
ngx_http_llm_out_room(ngx_http_llm_out_t *out, size_t len)
{
    if ((out->buf == NULL || (size_t) (out->buf->end - out->buf->last) < len)
        && ngx_http_llm_out_append(out, len) != NGX_OK)
    {
        return NULL;
    }

    return out->buf->last;
}


static inline void
ngx_http_llm_out_done(ngx_http_llm_out_t *out, u_char *end)
{
    out->size += end - out->buf->last;
    out->buf->last = end;
}


void ngx_http_llm_out_uint(ngx_http_llm_out_t *out, uint64_t n);

/* Billionths, as "1.000000001": nanoseconds in seconds, nano-USD in USD. */
void ngx_http_llm_out_nano(ngx_http_llm_out_t *out, uint64_t n);

/* RFC 3339 with milliseconds, UTC. */
void ngx_http_llm_out_time(ngx_http_llm_out_t *out, uint64_t msec);

u_char *ngx_http_llm_put_uint(u_char *p, uint64_t n);
u_char *ngx_http_llm_put_nano(u_char *p, uint64_t n);
u_char *ngx_http_llm_put_micro(u_char *p, uint64_t n);   /* millionths */
u_char *ngx_http_llm_put_time(u_char *p, uint64_t msec);


#define ngx_http_llm_put_lit(p, s)  ngx_cpymem(p, s, sizeof(s) - 1)

#define ngx_http_llm_out_lit(out, s)                                          \
    ngx_http_llm_out_data(out, s, sizeof(s) - 1)


#endif /* _NGX_HTTP_LLM_OUT_H_INCLUDED_ */
