
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Every difference between versions of nginx, and nothing else.
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
#else
#define ngx_http_llm_header_next(h)  NULL
#endif


#endif /* _NGX_HTTP_LLM_COMPAT_H_INCLUDED_ */
