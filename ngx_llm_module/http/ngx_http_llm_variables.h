
/*
 * Copyright (C) ngx_llm_module authors
 */


#ifndef _NGX_HTTP_LLM_VARIABLES_H_INCLUDED_
#define _NGX_HTTP_LLM_VARIABLES_H_INCLUDED_


#include "ngx_http_llm_ctx.h"


/* which value a getter is asked for */

enum {
    V_OPERATION = 0,
    V_PROVIDER,
    V_ROUTE,
    V_REQUEST_MODEL,
    V_RESPONSE_MODEL,
    V_MODEL,
    V_TEMPERATURE,
    V_USAGE,
    V_COST_SOURCE,
    V_PRICE_MATCH,
    V_FINISH_REASON,
    V_OUTCOME,
    V_ERROR_TYPE,
    V_RESPONSE_ID,
    V_CLIENT_RETRY,
    V_PROMPT_SIZE,
    V_KEY_ID,
    V_PROMPT_ID
};

enum {
    V_STREAM = 0,
    V_MAX_TOKENS,
    V_TURNS,
    V_PROMPT_BYTES,
    V_TOOL_CALLS,
    V_EVENTS,
    V_CONTENT_EVENTS,
    V_ATTEMPTS,
    V_REMAINING_REQUESTS,
    V_REMAINING_TOKENS
};

enum {
    V_WAIT = 0,
    V_TTFB,
    V_TTFT,
    V_UPSTREAM_TTFT,
    V_DURATION,
    V_TPOT,
    V_MAX_GAP,
    V_PROVIDER_TIME
};


/* ngx_http_llm_variables_get.c */

ngx_int_t ngx_http_llm_variable_text(ngx_http_llm_ctx_t *ctx,
    ngx_str_t *s, uintptr_t arg);
ngx_int_t ngx_http_llm_variable_number(ngx_http_llm_ctx_t *ctx,
    ngx_str_t *s, uintptr_t arg);
ngx_int_t ngx_http_llm_variable_tokens(ngx_http_llm_ctx_t *ctx,
    ngx_str_t *s, uintptr_t arg);
ngx_int_t ngx_http_llm_variable_time(ngx_http_llm_ctx_t *ctx,
    ngx_str_t *s, uintptr_t arg);
ngx_int_t ngx_http_llm_variable_rate(ngx_http_llm_ctx_t *ctx,
    ngx_str_t *s, uintptr_t arg);
ngx_int_t ngx_http_llm_variable_cost(ngx_http_llm_ctx_t *ctx,
    ngx_str_t *s, uintptr_t replay);


ngx_int_t ngx_http_llm_variables_add(ngx_conf_t *cf);


#endif /* _NGX_HTTP_LLM_VARIABLES_H_INCLUDED_ */
