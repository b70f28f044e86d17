
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Which models a call may ask for.
 */


#ifndef _NGX_HTTP_LLM_MODELS_H_INCLUDED_
#define _NGX_HTTP_LLM_MODELS_H_INCLUDED_


#include "ngx_http_llm_ctx.h"

#include "llm_pattern.h"


static inline ngx_uint_t
ngx_http_llm_models_wanted(ngx_http_llm_loc_conf_t *conf)
{
    return conf->allow_models || conf->deny_models;
}


/*
 * The model that the provider will read, once the body is known: NGX_OK, and
 * model may be empty; NGX_ERROR: it can be told in two ways, or not be
 * trusted, and why says so.  What state the body is in is not looked at.
 */
ngx_int_t ngx_http_llm_models_name(ngx_http_llm_ctx_t *ctx, llm_str_t *model,
    ngx_str_t *why);

/* False for a request that asks for nothing to be generated: one without a
 * body and without a model, of a method that has none. */
ngx_uint_t ngx_http_llm_models_runs(ngx_http_llm_ctx_t *ctx);

/*
 * NGX_OK: may pass; NGX_DECLINED: not this model, or none where one has to
 * be named; NGX_ERROR: a pattern is malformed (and was logged).  why is for
 * a message, and set unless all is well.
 */
ngx_int_t ngx_http_llm_models_check(ngx_http_llm_ctx_t *ctx, llm_str_t model,
    ngx_str_t *why);

/* llm_allow_models and llm_deny_models. */
char *ngx_http_llm_conf_models(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* A regex of a literal, and one that a variable gave.  The text of a match:
 * NGX_OK, NGX_DECLINED, or NGX_ERROR: malformed, or it takes too long. */

void *ngx_http_llm_models_compile(ngx_conf_t *cf, const llm_pattern_t *p);
ngx_int_t ngx_http_llm_models_exec(void *regex, llm_str_t model);
ngx_int_t ngx_http_llm_models_match(const llm_pattern_t *p, llm_str_t model);

/* The worker ends: what it remembers of the latter goes. */
void ngx_http_llm_models_exit(void);


#endif /* _NGX_HTTP_LLM_MODELS_H_INCLUDED_ */
