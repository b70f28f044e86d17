
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The body of the request, read before the request goes on.
 */


#ifndef _NGX_HTTP_LLM_INSPECT_H_INCLUDED_
#define _NGX_HTTP_LLM_INSPECT_H_INCLUDED_


#include "ngx_http_llm_ctx.h"


/* Whether the body has to be known before the request leaves for its
 * upstream: by the latest in PRECONTENT. */
static inline ngx_uint_t
ngx_http_llm_inspect_wanted(ngx_http_llm_loc_conf_t *conf)
{
    return conf->zone && conf->inspect != NGX_HTTP_LLM_INSPECT_PASSIVE;
}


/*
 * For handlers of phases, of main requests only.  NGX_OK: the body has been
 * read, or there is none, and ctx->asked is final; NGX_DONE: it is being
 * read, return this; NGX_HTTP_SPECIAL_RESPONSE and above: return it.
 */
ngx_int_t ngx_http_llm_inspect(ngx_http_llm_ctx_t *ctx);

/* The handler of PREACCESS, for locations that ask for it. */
ngx_int_t ngx_http_llm_preaccess_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_LLM_INSPECT_H_INCLUDED_ */
