
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Edit mode: the chunk of usage that a client did not ask for is taken out
 * of its stream.
 */


#ifndef _NGX_HTTP_LLM_EDIT_H_INCLUDED_
#define _NGX_HTTP_LLM_EDIT_H_INCLUDED_


#include "ngx_http_llm_ctx.h"


/* For the header filter, of a stream that is watched: takes up the edit if
 * the chunk was asked for by us.  Without memory for it the client sees the
 * chunk. */
void ngx_http_llm_edit_header(ngx_http_llm_ctx_t *ctx,
    ngx_uint_t framing);

static inline ngx_uint_t
ngx_http_llm_edit_on(ngx_http_llm_ctx_t *ctx)
{
    return ctx->extra && ctx->extra->edit;
}


/* In place of the next body filter. */
ngx_int_t ngx_http_llm_edit_body(ngx_http_llm_ctx_t *ctx, ngx_chain_t *in);


#endif /* _NGX_HTTP_LLM_EDIT_H_INCLUDED_ */
