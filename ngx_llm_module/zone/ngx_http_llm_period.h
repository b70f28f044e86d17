
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Periods of budgets, UTC.
 */


#ifndef _NGX_HTTP_LLM_PERIOD_H_INCLUDED_
#define _NGX_HTTP_LLM_PERIOD_H_INCLUDED_


#include "llm_base.h"


typedef enum {
    NGX_HTTP_LLM_HOUR = 1,
    NGX_HTTP_LLM_DAY,
    NGX_HTTP_LLM_WEEK,               /* from Monday */
    NGX_HTTP_LLM_MONTH,
    NGX_HTTP_LLM_PERIODS
} ngx_http_llm_period_e;


/* By ngx_http_llm_period_e, [0] is empty. */
extern const char *const  ngx_http_llm_periods[NGX_HTTP_LLM_PERIODS];


/* Periods since 1970, and when one begins; seconds since the epoch. */
uint64_t ngx_http_llm_period_number(uint32_t period, uint64_t sec);
uint64_t ngx_http_llm_period_begin(uint32_t period, uint64_t number);


#endif /* _NGX_HTTP_LLM_PERIOD_H_INCLUDED_ */
