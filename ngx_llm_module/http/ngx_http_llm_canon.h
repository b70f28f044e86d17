
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Digests of the body of the request: the key of a cache, the id of a prompt.
 */


#ifndef _NGX_HTTP_LLM_CANON_H_INCLUDED_
#define _NGX_HTTP_LLM_CANON_H_INCLUDED_


#include "ngx_http_llm_ctx.h"


#define NGX_HTTP_LLM_CACHE_KEY  64       /* hex digits */


/* Whether the configuration uses a digest; once it has been read. */
ngx_int_t ngx_http_llm_canon_init(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf);

/* The next bytes of the body, as they are read; that was all. */
void ngx_http_llm_canon_feed(ngx_http_llm_ctx_t *ctx, const u_char *p,
    size_t len);
void ngx_http_llm_canon_over(ngx_http_llm_ctx_t *ctx);

/*
 * $llm_cache_key, the same for the whole call and never empty.  NGX_OK;
 * NGX_AGAIN: the body has not been read, so it is a key that nobody else has;
 * NGX_ERROR.
 */
ngx_int_t ngx_http_llm_cache_key(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_str_t *s);

/* What the key was made for is what the call has come to: the answer may be
 * stored under it. */
ngx_uint_t ngx_http_llm_cache_key_holds(ngx_http_llm_ctx_t *ctx);

/* $llm_prompt_id; NGX_DECLINED: there is no system prompt. */
ngx_int_t ngx_http_llm_prompt_id(ngx_http_llm_ctx_t *ctx, ngx_str_t *s);


#endif /* _NGX_HTTP_LLM_CANON_H_INCLUDED_ */
