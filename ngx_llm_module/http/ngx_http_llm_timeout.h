
/*
 * Copyright (C) ngx_llm_module authors
 *
 * llm_stream_timeout.  See the essay in ngx_http_llm_timeout.c.
 */


#ifndef _NGX_HTTP_LLM_TIMEOUT_H_INCLUDED_
#define _NGX_HTTP_LLM_TIMEOUT_H_INCLUDED_


#include "ngx_http_llm_ctx.h"


char *ngx_http_llm_timeout_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* The call is handed on to the upstream; and it leaves the location, or is
 * over. */
ngx_int_t ngx_http_llm_timeout_start(ngx_http_llm_ctx_t *ctx);
void ngx_http_llm_timeout_stop(ngx_http_llm_ctx_t *ctx);

/* True if the answer was ended by it. */
ngx_uint_t ngx_http_llm_timeout_fired(ngx_http_llm_ctx_t *ctx);


#endif /* _NGX_HTTP_LLM_TIMEOUT_H_INCLUDED_ */
