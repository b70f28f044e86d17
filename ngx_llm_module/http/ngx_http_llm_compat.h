
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Every difference between versions of nginx and between builds, and nothing
 * else.
 */


#ifndef _NGX_HTTP_LLM_COMPAT_H_INCLUDED_
#define _NGX_HTTP_LLM_COMPAT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


#if (nginx_version < 1021002)
#error "ngx_llm_module needs nginx 1.21.2 or newer"
#endif


/* 1.23.0: headers of one name are a linked list */

#if (nginx_version >= 1023000)
#define ngx_http_llm_header_next(h)  (h)->next
#define ngx_http_llm_header_single(h)  (h)->next = NULL
#else
#define ngx_http_llm_header_next(h)  NULL
#define ngx_http_llm_header_single(h)
#endif


/* and what a build may leave out: without gzip nobody looks at this header,
 * and it passes as it is */

#if (NGX_HTTP_GZIP || NGX_HTTP_HEADERS)
#define NGX_HTTP_LLM_ENCODINGS  1
#define ngx_http_llm_accept_encoding(r)  (r)->headers_in.accept_encoding
#else
#define NGX_HTTP_LLM_ENCODINGS  0
#define ngx_http_llm_accept_encoding(r)  NULL
#endif

#if (NGX_HTTP_CACHE)
#define ngx_http_llm_cached(r)  (r)->cached
#else
#define ngx_http_llm_cached(r)  0
#endif


#endif /* _NGX_HTTP_LLM_COMPAT_H_INCLUDED_ */
