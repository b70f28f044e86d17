
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The chain of a body that was read: bytes of it by their offsets, and the
 * same chain with more put in.
 */


#ifndef _NGX_HTTP_LLM_SPLICE_BODY_H_INCLUDED_
#define _NGX_HTTP_LLM_SPLICE_BODY_H_INCLUDED_


#include "ngx_http_llm_compat.h"


/* Bytes that are put in before the one at an offset. */

typedef struct {
    off_t        offset;
    ngx_str_t    bytes;
} ngx_http_llm_splice_insert_t;


/* Its size, or NGX_ERROR if some of it is out of reach: in a file that is not
 * nginx's own for this body. */
off_t ngx_http_llm_splice_size(ngx_http_request_t *r, ngx_chain_t *cl);

/* The same chain, with a copy of what must not be written to; NULL: no
 * memory. */
ngx_chain_t *ngx_http_llm_splice_writable(ngx_http_request_t *r,
    ngx_chain_t *in);

ngx_int_t ngx_http_llm_splice_peek(ngx_http_request_t *r, ngx_chain_t *cl,
    off_t offset, u_char *p, size_t len);
ngx_int_t ngx_http_llm_splice_poke(ngx_http_request_t *r, ngx_chain_t *cl,
    off_t offset, u_char *p, size_t len);

/* In the order of their offsets, all within the body.  NULL: no memory. */
ngx_chain_t *ngx_http_llm_splice_insert(ngx_http_request_t *r,
    ngx_chain_t *in, const ngx_http_llm_splice_insert_t *insert,
    ngx_uint_t n);


#endif /* _NGX_HTTP_LLM_SPLICE_BODY_H_INCLUDED_ */
