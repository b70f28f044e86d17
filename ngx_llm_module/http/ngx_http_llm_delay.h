
/*
 * Copyright (C) ngx_llm_module authors
 *
 * llm_delay, and the wait of a limit: a call is held up before it goes to
 * the upstream.
 */


#ifndef _NGX_HTTP_LLM_DELAY_H_INCLUDED_
#define _NGX_HTTP_LLM_DELAY_H_INCLUDED_


#include "ngx_http_llm_ctx.h"


/*
 * In the handler of a phase.  NGX_AGAIN: the call waits, hand that to nginx,
 * which runs the phase again when it is over; it is asked again then and says
 * NGX_OK, once.  The wait is bounded.
 */
ngx_int_t ngx_http_llm_delay(ngx_http_llm_ctx_t *ctx, ngx_msec_t ms);

char *ngx_http_llm_delay_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* llm_delay of the location: NGX_OK, else what the phase's handler returns. */
ngx_int_t ngx_http_llm_delay_call(ngx_http_llm_ctx_t *ctx);


#endif /* _NGX_HTTP_LLM_DELAY_H_INCLUDED_ */
