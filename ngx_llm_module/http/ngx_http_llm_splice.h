
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Changes of the request's body, before it goes to an upstream.
 */


#ifndef _NGX_HTTP_LLM_SPLICE_H_INCLUDED_
#define _NGX_HTTP_LLM_SPLICE_H_INCLUDED_


#include "ngx_http_llm_ctx.h"

#include "llm_splice.h"


typedef struct {
    ngx_str_t                  model;         /* empty: as it is */
    uint64_t                   max_output;
    unsigned                   has_max:1;
    unsigned                   include_usage:1;
} ngx_http_llm_splice_want_t;


/* For the reader of the request, when it is over: keeps what a change may
 * need. */
void ngx_http_llm_splice_note(ngx_http_llm_ctx_t *ctx,
    const llm_request_t *request);

/* What the directives of the location want.  NGX_DECLINED: one of them has a
 * value that means nothing. */
ngx_int_t ngx_http_llm_splice_want(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_splice_want_t *want);

/*
 * For a body that has been read.  A change that was made before is undone
 * first.  NGX_OK: the body is as wanted; NGX_DECLINED: nothing was changed,
 * and the model or the bound is not what was wanted: *why is an
 * llm_splice_why_e.  A usage that cannot be asked for is counted only.
 */
ngx_int_t ngx_http_llm_splice_apply(ngx_http_llm_ctx_t *ctx,
    const ngx_http_llm_splice_want_t *want, ngx_uint_t *why);

/* The body as the client sent it. */
void ngx_http_llm_splice_restore(ngx_http_llm_ctx_t *ctx);

/* Whether the call asks for more output than that (llm_splice_exceeds()). */
ngx_uint_t ngx_http_llm_splice_exceeds(ngx_http_llm_ctx_t *ctx,
    uint64_t max);

/* The model that was set, or empty. */
llm_str_t ngx_http_llm_splice_model(ngx_http_llm_ctx_t *ctx);

/* Whether usage is asked for that the client did not ask for. */
ngx_uint_t ngx_http_llm_splice_usage(ngx_http_llm_ctx_t *ctx);

/* Whether the body is signed or encoded: LLM_SPLICE_OK, or which. */
ngx_uint_t ngx_http_llm_splice_vouched(ngx_http_request_t *r);

/* After all directives were read. */
ngx_int_t ngx_http_llm_splice_init(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf);

/* llm_set_model, llm_max_output_tokens */
char *ngx_http_llm_splice_value(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_LLM_SPLICE_H_INCLUDED_ */
