
/*
 * Copyright (C) ngx_llm_module authors
 *
 * llm_delay, and the wait of a limit.
 *
 * A call waits as limit_req lets one wait: the write event is marked as
 * delayed and its timer set, so that nothing but the timer wakes it, and what
 * the client sends meanwhile stays where it is; that it left is seen at once.
 *
 * While it waits its body may be in memory or in a file already, which is why
 * there is a longest wait.
 */


#include "ngx_http_llm_delay.h"
#include "ngx_http_llm_reply.h"


#define NGX_HTTP_LLM_DELAY_MAX  300000       /* ms */
#define NGX_HTTP_LLM_DELAY_SAY  60           /* s */


static void ngx_http_llm_delay_handler(ngx_http_request_t *r);


/* llm_delay time | off; */

char *
ngx_http_llm_delay_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t *lcf = conf;

    ngx_str_t                         *value;
    ngx_http_compile_complex_value_t   ccv;

    if (lcf->delay != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        lcf->delay = NULL;
        return NGX_CONF_OK;
    }

    lcf->delay = ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (lcf->delay == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = lcf->delay;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (lcf->delay->lengths == NULL
        && ngx_parse_time(&value[1], 0) == NGX_ERROR)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid time \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_llm_delay(ngx_http_llm_ctx_t *ctx, ngx_msec_t ms)
{
    uint64_t               now;
    ngx_connection_t      *c;
    ngx_http_request_t    *r;
    ngx_http_llm_extra_t  *extra;

    r = ctx->request;
    c = r->connection;

    extra = ngx_http_llm_ctx_extra(ctx);
    if (extra == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    now = ngx_http_llm_now();

    if (extra->delayed) {

        if (!c->write->delayed) {
            extra->delayed = 0;
            return NGX_OK;
        }

        return NGX_AGAIN;
    }

    if (ms == 0) {
        return NGX_OK;
    }

    ms = ngx_min(ms, NGX_HTTP_LLM_DELAY_MAX);

    extra->delayed = now;

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);

    } else {
        if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_llm_delay_handler;

    c->write->delayed = 1;
    ngx_add_timer(c->write, ms);

    return NGX_AGAIN;
}


static void
ngx_http_llm_delay_handler(ngx_http_request_t *r)
{
    ngx_event_t  *wev;

    wev = r->connection->write;

    if (wev->delayed) {

        if (ngx_handle_write_event(wev, 0) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }

        return;
    }

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
}


/* A time that a variable made up: refused, and said now and then. */

static ngx_int_t
ngx_http_llm_delay_malformed(ngx_http_llm_ctx_t *ctx, ngx_str_t *value)
{
    ngx_http_llm_reply_t  reply;

    static time_t  last;

    if (last == 0 || ngx_time() - last >= NGX_HTTP_LLM_DELAY_SAY) {
        last = ngx_time();

        ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                      "llm_delay: invalid time \"%V\"", value);
    }

    ngx_memzero(&reply, sizeof(ngx_http_llm_reply_t));

    reply.r.reason = LLM_REASON_SERVER;
    reply.r.status = NGX_HTTP_INTERNAL_SERVER_ERROR;
    reply.r.gate.data = (uint8_t *) "delay";
    reply.r.gate.len = 5;

    return ngx_http_llm_reply(ctx, &reply);
}


ngx_int_t
ngx_http_llm_delay_call(ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t              rc, ms;
    ngx_str_t              value;
    ngx_http_llm_extra_t  *extra;

    extra = ngx_http_llm_ctx_extra(ctx);
    if (extra == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* once a call: a fallback must not wait again */

    ngx_http_llm_ctx_operation(ctx);

    if (extra->waited || ctx->operation == LLM_OP_NONE) {
        return NGX_OK;
    }

    ms = 0;

    if (!extra->delayed) {

        if (ngx_http_complex_value(ctx->request, ctx->conf->delay, &value)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (value.len) {
            ms = ngx_parse_time(&value, 0);

            if (ms == NGX_ERROR) {
                return ngx_http_llm_delay_malformed(ctx, &value);
            }
        }
    }

    rc = ngx_http_llm_delay(ctx, ms);

    if (rc == NGX_OK) {
        extra->waited = 1;
    }

    return rc;
}
