
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What may go into proxy_cache.
 */


#ifndef _NGX_HTTP_LLM_STORE_H_INCLUDED_
#define _NGX_HTTP_LLM_STORE_H_INCLUDED_


#include "ngx_http_llm_ctx.h"


/*
 * Called with the header of each response, of subrequests too: sees to it
 * that one which nginx is about to store is stored only if it is good.
 * ctx: of the main request.
 */
ngx_int_t ngx_http_llm_store(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx);


#endif /* _NGX_HTTP_LLM_STORE_H_INCLUDED_ */
