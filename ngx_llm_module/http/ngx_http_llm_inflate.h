
/*
 * Copyright (C) ngx_llm_module authors
 *
 * A private copy of a compressed body, inflated for reading.
 */


#ifndef _NGX_HTTP_LLM_INFLATE_H_INCLUDED_
#define _NGX_HTTP_LLM_INFLATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "llm_response.h"


typedef struct ngx_http_llm_inflate_s  ngx_http_llm_inflate_t;


/*
 * codings: the value of Content-Encoding.  NGX_OK: *to reads such a body,
 * NULL where it is not encoded at all; NGX_DECLINED: it is in a coding other
 * than gzip and deflate, or in more than one; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_llm_inflate_create(ngx_pool_t *pool,
    const ngx_str_t *codings, ngx_http_llm_inflate_t **to);

/*
 * Feeds what the bytes inflate to.  NGX_ERROR: they are not what was said,
 * or inflate to absurdly much; then nothing more is read.
 */
ngx_int_t ngx_http_llm_inflate_feed(ngx_http_llm_inflate_t *inf,
    llm_response_t *answer, const u_char *p, size_t len);

void ngx_http_llm_inflate_done(ngx_http_llm_inflate_t *inf);


#endif /* _NGX_HTTP_LLM_INFLATE_H_INCLUDED_ */
