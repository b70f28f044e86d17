
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The body of the request, read before the request goes on.
 */


#ifndef _NGX_HTTP_LLM_INSPECT_H_INCLUDED_
#define _NGX_HTTP_LLM_INSPECT_H_INCLUDED_


#include "ngx_http_llm_ctx.h"


/* What is kept of a call for it, in ctx->extra. */

typedef struct ngx_http_llm_canon_s  ngx_http_llm_canon_t;
typedef struct ngx_http_llm_store_s  ngx_http_llm_store_t;

typedef struct ngx_http_llm_inspect_s  ngx_http_llm_inspect_t;

struct ngx_http_llm_inspect_s {
    ngx_chain_t               *cl;       /* of an old body: what is next */
    off_t                      at;       /* bytes of that link that are done */
    u_char                    *piece;

    ngx_http_llm_canon_t      *canon;
    ngx_http_llm_store_t      *store;

    ngx_str_t                  cache_provider;  /* of which the key is made */
    ngx_str_t                  cache_model;
    uint64_t                   cache_bound;
    u_char                     cache_key[64];

    u_char                     key_id[16];
    u_char                     prompt_id[16];

    unsigned                   begun:1;  /* an old body */
    unsigned                   reading:1;   /* its reader owns the request */
    unsigned                   key_known:1;
    unsigned                   key_there:1;
    unsigned                   key_differ:1;   /* two keys */
    unsigned                   prompt_there:1;
    unsigned                   cache_known:1;
    unsigned                   cache_shared:1; /* a key that others may have */
    unsigned                   cache_early:1;  /* asked for too early */
};

/* Made when first asked for; NULL: no memory. */
ngx_http_llm_inspect_t *ngx_http_llm_inspect_get(ngx_http_llm_ctx_t *ctx);


/* Whether the body has to be known before the request leaves for its
 * upstream: by the latest in PRECONTENT. */
static inline ngx_uint_t
ngx_http_llm_inspect_wanted(ngx_http_llm_loc_conf_t *conf)
{
    return conf->zone
           && (conf->inspect != NGX_HTTP_LLM_INSPECT_PASSIVE
               || ngx_http_llm_gate_on(conf));
}


/*
 * For handlers of phases, of main requests only.  NGX_OK: the body has been
 * read, or there is none, and ctx->asked is final; NGX_DONE: it is being
 * read, return this; NGX_HTTP_SPECIAL_RESPONSE and above: return it.
 */
ngx_int_t ngx_http_llm_inspect(ngx_http_llm_ctx_t *ctx);

/* The model that the upstream is asked for, after all changes. */
llm_str_t ngx_http_llm_inspect_model(ngx_http_llm_ctx_t *ctx);

/* The handler of PREACCESS, for locations that ask for it. */
ngx_int_t ngx_http_llm_preaccess_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_LLM_INSPECT_H_INCLUDED_ */
