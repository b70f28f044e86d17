
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Who calls: a digest of the API key, which tells callers apart and tells
 * nothing of the key.
 */


#ifndef _NGX_HTTP_LLM_KEY_H_INCLUDED_
#define _NGX_HTTP_LLM_KEY_H_INCLUDED_


#include "ngx_http_llm_ctx.h"


#define NGX_HTTP_LLM_KEY_ID  16          /* hex digits */


/*
 * The id of the caller's key, the same for the whole call.  NGX_OK;
 * NGX_DECLINED: there is no key; NGX_ABORT: there are two that differ, and
 * which one the provider takes is not known, id is that of the first;
 * NGX_ERROR.
 */
ngx_int_t ngx_http_llm_key(ngx_http_llm_ctx_t *ctx, ngx_str_t *id);

/* Whether ids stay the same over a start: a secret was given. */
static inline ngx_uint_t
ngx_http_llm_key_stable(ngx_http_llm_main_conf_t *mcf)
{
    return mcf->key_given;
}

/* HMAC-SHA-256 by the secret, as hex digits. */
ngx_int_t ngx_http_llm_key_digest(ngx_http_llm_main_conf_t *mcf,
    const u_char *p, size_t len, u_char *hex);

/* llm_key_secret, and the secret where there is none. */
char *ngx_http_llm_key_secret(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_llm_key_init(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf, ngx_http_llm_main_conf_t *old);


#endif /* _NGX_HTTP_LLM_KEY_H_INCLUDED_ */
