
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What providers say in the headers of their responses.  See the essay in
 * ngx_http_llm_headers.c.
 */


#ifndef _NGX_HTTP_LLM_HEADERS_H_INCLUDED_
#define _NGX_HTTP_LLM_HEADERS_H_INCLUDED_


#include "ngx_http_llm_ctx.h"

#include "llm_header.h"


/* Of the answer; called once, when the call is over. */
void ngx_http_llm_headers_finish(ngx_http_llm_ctx_t *ctx, llm_headers_t *h);

/* From here on variables tell of the upstream called last as it is now. */
void ngx_http_llm_headers_keep(ngx_http_llm_ctx_t *ctx);

/* Tokens of an answer whose body does not report them.  0: there are none. */
ngx_uint_t ngx_http_llm_headers_tokens(ngx_http_llm_ctx_t *ctx,
    const llm_headers_t *h, llm_tokens_t *t);

/* Limits, into the books, of every provider that the call was sent to. */
void ngx_http_llm_headers_book(ngx_http_llm_ctx_t *ctx,
    const llm_headers_t *h);

/* True when the upstream called last has answered. */
ngx_uint_t ngx_http_llm_headers_known(ngx_http_llm_ctx_t *ctx);

/* What is left: NGX_DECLINED if nobody says. */
ngx_int_t ngx_http_llm_headers_left(ngx_http_llm_ctx_t *ctx,
    llm_quota_e kind, uint64_t *n);

/* What the provider says it took, ns: in its body, else in its headers. */
ngx_int_t ngx_http_llm_headers_time(ngx_http_llm_ctx_t *ctx, uint64_t *ns);


#endif /* _NGX_HTTP_LLM_HEADERS_H_INCLUDED_ */
