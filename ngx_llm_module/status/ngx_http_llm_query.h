
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What a request for the status asks for.
 */


#ifndef _NGX_HTTP_LLM_QUERY_H_INCLUDED_
#define _NGX_HTTP_LLM_QUERY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_base.h"
#include "ngx_http_llm_out.h"


#define NGX_HTTP_LLM_QUERY_LABELS  16


typedef enum {
    NGX_HTTP_LLM_AUTO = 0,
    NGX_HTTP_LLM_JSON,
    NGX_HTTP_LLM_PROMETHEUS,     /* text 0.0.4 or OpenMetrics, by Accept */
    NGX_HTTP_LLM_OPENMETRICS
} ngx_http_llm_format_e;


typedef struct {
    ngx_uint_t                      label;    /* index of its name */
    llm_str_t                       value;
} ngx_http_llm_match_t;


typedef struct ngx_http_llm_argument_s  ngx_http_llm_argument_t;


typedef struct {
    /* set by the caller: what there is, and what the location says */

    const char *const              *windows;
    ngx_uint_t                      nwindows;
    const llm_str_t                *labels;
    ngx_uint_t                      nlabels;

    /* read */

    ngx_uint_t                      only;     /* the location's format */
    ngx_uint_t                      format;   /* the reply's, never AUTO */
    ngx_int_t                       window;   /* index, or -1: every one */
    ngx_array_t                     matches;  /* ngx_http_llm_match_t: all
                                                 must hold */
    ngx_uint_t                      nby;      /* 0: series are not merged */
    uint8_t                         by[NGX_HTTP_LLM_QUERY_LABELS];

    /* what is not understood, for a reply of 400 */

    const ngx_http_llm_argument_t  *wrong;
    llm_str_t                       value;
} ngx_http_llm_query_t;


/*
 * "format" and "by" are the location's.  NGX_DECLINED: wrong and value
 * say what is not understood; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_llm_query_read(ngx_http_request_t *r,
    ngx_http_llm_query_t *query, ngx_uint_t format, llm_str_t by);

/* A list of label names; NGX_DECLINED leaves the stranger in value. */
ngx_int_t ngx_http_llm_query_by(ngx_http_llm_query_t *query, llm_str_t list);

/* JSON for the client: what was wrong, what would be right. */
void ngx_http_llm_query_error(ngx_http_llm_query_t *query,
    ngx_http_llm_out_t *out);


#endif /* _NGX_HTTP_LLM_QUERY_H_INCLUDED_ */
