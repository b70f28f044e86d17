
/*
 * Copyright (C) ngx_llm_module authors
 *
 * How a call ended, and its entry in the books.
 */


#ifndef _NGX_HTTP_LLM_FINISH_H_INCLUDED_
#define _NGX_HTTP_LLM_FINISH_H_INCLUDED_


#include "ngx_http_llm_headers.h"


/* The request leaves a location: attempts made there end a round. */
ngx_int_t ngx_http_llm_finish_round(ngx_http_llm_ctx_t *ctx);

/* The body has told what the path had not. */
void ngx_http_llm_finish_shape(ngx_http_llm_ctx_t *ctx, ngx_uint_t dialect);

/* The end of a call: once, whatever is asked. */
void ngx_http_llm_finish_call(ngx_http_llm_ctx_t *ctx);

/* The handler of the log phase: the one place that always comes. */
ngx_int_t ngx_http_llm_log_handler(ngx_http_request_t *r);

/* Writes a call into the shared memory, once its values are final. */
void ngx_http_llm_finish_book(ngx_http_llm_ctx_t *ctx,
    const llm_headers_t *h);

/* The tokens of a call that is over, then its cost. */
void ngx_http_llm_finish_usage(ngx_http_llm_ctx_t *ctx,
    const llm_headers_t *h, ngx_uint_t complete);
void ngx_http_llm_finish_cost(ngx_http_llm_ctx_t *ctx,
    const llm_headers_t *h);

/* As $status. */
ngx_uint_t ngx_http_llm_finish_status(ngx_http_request_t *r);

/* Attempts at upstreams, all rounds together. */
ngx_uint_t ngx_http_llm_finish_attempts(ngx_http_request_t *r);

/* Time per output token, ns; 0: there is none. */
uint64_t ngx_http_llm_finish_tpot(ngx_http_llm_ctx_t *ctx);

/* Of a call without usage: it was answered, so it took something, and nobody
 * knows how much. */
ngx_uint_t ngx_http_llm_finish_unknown(ngx_http_llm_ctx_t *ctx);


#endif /* _NGX_HTTP_LLM_FINISH_H_INCLUDED_ */
