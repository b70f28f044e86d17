
/*
 * Copyright (C) ngx_llm_module authors
 */


#ifndef _NGX_HTTP_LLM_TIMER_H_INCLUDED_
#define _NGX_HTTP_LLM_TIMER_H_INCLUDED_


#include "ngx_http_llm_conf.h"


ngx_int_t ngx_http_llm_timer_init(ngx_cycle_t *cycle,
    ngx_http_llm_main_conf_t *mcf);
void ngx_http_llm_timer_exit(ngx_http_llm_main_conf_t *mcf);


#endif /* _NGX_HTTP_LLM_TIMER_H_INCLUDED_ */
