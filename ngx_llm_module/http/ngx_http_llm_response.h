
/*
 * Copyright (C) ngx_llm_module authors
 */


#ifndef _NGX_HTTP_LLM_RESPONSE_H_INCLUDED_
#define _NGX_HTTP_LLM_RESPONSE_H_INCLUDED_


#include "ngx_http_llm_ctx.h"


ngx_int_t ngx_http_llm_header_filter(ngx_http_request_t *r);
ngx_int_t ngx_http_llm_body_filter(ngx_http_request_t *r, ngx_chain_t *in);

/* zlib's, for the frames of event streams */
uint32_t ngx_http_llm_crc32(uint32_t crc, const uint8_t *p, size_t len);

/* How a body comes, by its header; NGX_DECLINED: it is nothing that we read.
 * r: the main request or a subrequest of it. */
ngx_int_t ngx_http_llm_response_framing(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_uint_t *framing);

extern ngx_http_output_header_filter_pt  ngx_http_llm_next_header_filter;
extern ngx_http_output_body_filter_pt    ngx_http_llm_next_body_filter;


#endif /* _NGX_HTTP_LLM_RESPONSE_H_INCLUDED_ */
