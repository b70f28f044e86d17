
/*
 * Copyright (C) ngx_llm_module authors
 *
 * How a gate's refusal leaves nginx.
 */


#ifndef _NGX_HTTP_LLM_REPLY_H_INCLUDED_
#define _NGX_HTTP_LLM_REPLY_H_INCLUDED_


#include "ngx_http_llm_ctx.h"

#include "llm_reply.h"


typedef enum {
    NGX_HTTP_LLM_REPLY_NO_UNIT = 0,    /* or one that has no headers: usd */
    NGX_HTTP_LLM_REPLY_TOKENS,
    NGX_HTTP_LLM_REPLY_REQUESTS
} ngx_http_llm_reply_unit_e;


typedef struct {
    llm_refusal_t              r;          /* its texts are not kept */
    uint64_t                   retry_after_ns; /* 0: unknown, or never */
    uint64_t                   limit;      /* in the unit: the bucket's size */
    uint64_t                   remaining;
    uint64_t                   reset_ns;   /* until it is full again */
    unsigned                   unit:2;     /* ngx_http_llm_reply_unit_e */
    unsigned                   quota:1;    /* a spent budget: no retries */
} ngx_http_llm_reply_t;


/*
 * What the handler of a phase returns for a call that a gate refuses: the
 * status, if the location has an error_page for it; else NGX_DONE, and the
 * reply is on its way.  The request may be gone when it returns.
 */
ngx_int_t ngx_http_llm_reply(ngx_http_llm_ctx_t *ctx,
    const ngx_http_llm_reply_t *reply);

/*
 * The same for an error that is no refusal, where nothing was answered yet:
 * what the request is to be finalized with.
 */
ngx_int_t ngx_http_llm_reply_error(ngx_http_llm_ctx_t *ctx,
    const llm_refusal_t *refusal);

/* True if a gate had the last word: no upstream was asked after it. */
ngx_uint_t ngx_http_llm_reply_refused(ngx_http_llm_ctx_t *ctx);

/* For the header filter: what a limit or budget has to say, in our reply
 * and in that of an error_page of the same status. */
ngx_int_t ngx_http_llm_reply_headers(ngx_http_llm_ctx_t *ctx);


#endif /* _NGX_HTTP_LLM_REPLY_H_INCLUDED_ */
