
/*
 * Copyright (C) ngx_llm_module authors
 */


#ifndef _NGX_HTTP_LLM_REQUEST_H_INCLUDED_
#define _NGX_HTTP_LLM_REQUEST_H_INCLUDED_


#include "ngx_http_llm_ctx.h"


ngx_int_t ngx_http_llm_rewrite_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_llm_precontent_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_llm_request_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);

/* The next bytes of the body, wherever they come from; that was all. */
void ngx_http_llm_request_feed(ngx_http_llm_ctx_t *ctx, u_char *p,
    size_t len);
void ngx_http_llm_request_over(ngx_http_llm_ctx_t *ctx);

/* More of the body would change nothing: it cannot be read. */
ngx_uint_t ngx_http_llm_request_known(ngx_http_llm_ctx_t *ctx);

/* Takes the facts out of the reader of the request, whose memory is wanted
 * for the response. */
void ngx_http_llm_request_done(ngx_http_llm_ctx_t *ctx);

extern ngx_http_request_body_filter_pt  ngx_http_llm_next_request_body_filter;


#endif /* _NGX_HTTP_LLM_REQUEST_H_INCLUDED_ */
