
/*
 * Copyright (C) ngx_llm_module authors
 */


#ifndef _NGX_HTTP_LLM_RESPONSE_H_INCLUDED_
#define _NGX_HTTP_LLM_RESPONSE_H_INCLUDED_


#include "ngx_http_llm_ctx.h"


ngx_int_t ngx_http_llm_header_filter(ngx_http_request_t *r);
ngx_int_t ngx_http_llm_body_filter(ngx_http_request_t *r, ngx_chain_t *in);

extern ngx_http_output_header_filter_pt  ngx_http_llm_next_header_filter;
extern ngx_http_output_body_filter_pt    ngx_http_llm_next_body_filter;


#endif /* _NGX_HTTP_LLM_RESPONSE_H_INCLUDED_ */
