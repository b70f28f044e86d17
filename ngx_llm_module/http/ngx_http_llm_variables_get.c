
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Values of variables.  NGX_DECLINED: not known, or not yet.
 */


#include "ngx_http_llm_variables.h"
#include "ngx_http_llm_canon.h"
#include "ngx_http_llm_finish.h"
#include "ngx_http_llm_key.h"

#include "llm_decimal.h"


static const char *const  ngx_http_llm_usages[] = {
    "none", "reported", "estimated"
};

static const char *const  ngx_http_llm_cost_sources[] = {
    "none", "list", "provider"
};

static const struct {
    uint64_t     tokens;
    const char  *name;
} ngx_http_llm_prompt_sizes[] = {
    { 1000, "1k" },
    { 4000, "4k" },
    { 16000, "16k" },
    { 64000, "64k" },
    { 256000, "256k" },
    { UINT64_MAX, "more" }
};


static ngx_int_t
ngx_http_llm_variable_set(ngx_str_t *s, llm_str_t v)
{
    if (v.len == 0) {
        return NGX_DECLINED;
    }

    s->data = (u_char *) v.data;
    s->len = v.len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_variable_word(ngx_str_t *s, const char *word)
{
    s->data = (u_char *) word;
    s->len = ngx_strlen(word);

    return s->len ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_llm_variable_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *s)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);
    part = &r->headers_in.headers.part;

    for ( /* void */ ; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == len
                && ngx_strcasecmp(h[i].key.data, (u_char *) name) == 0)
            {
                *s = h[i].value;
                return NGX_OK;
            }
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_llm_variable_size(ngx_http_llm_ctx_t *ctx, ngx_str_t *s)
{
    uint64_t    tokens;
    ngx_uint_t  i;

    if (ctx->asked.state != LLM_REQUEST_READ) {
        return NGX_DECLINED;
    }

    tokens = ctx->asked.prompt_tokens;

    for (i = 0; tokens > ngx_http_llm_prompt_sizes[i].tokens; i++) {
        /* void */
    }

    return ngx_http_llm_variable_word(s, ngx_http_llm_prompt_sizes[i].name);
}


static ngx_int_t
ngx_http_llm_variable_key(ngx_http_llm_ctx_t *ctx, ngx_str_t *s)
{
    ngx_int_t  rc;

    rc = ngx_http_llm_key(ctx, s);

    return (rc == NGX_ABORT) ? NGX_OK : rc;
}


ngx_int_t
ngx_http_llm_variable_text(ngx_http_llm_ctx_t *ctx, ngx_str_t *s,
    uintptr_t arg)
{
    llm_str_t        v;
    llm_response_t  *a;

    a = ctx->answer;

    switch (arg) {

    case V_OPERATION:
        return ngx_http_llm_variable_word(s,
                                      llm_operation_names[ctx->operation]);

    case V_PROVIDER:
        return ngx_http_llm_variable_set(s,
                                         ngx_http_llm_view(&ctx->provider));

    case V_ROUTE:
        return ngx_http_llm_variable_set(s, ngx_http_llm_view(&ctx->route));

    case V_REQUEST_MODEL:
        return ngx_http_llm_variable_set(s, ngx_http_llm_ctx_asked(ctx));

    case V_RESPONSE_MODEL:
        return ngx_http_llm_variable_set(s, ngx_http_llm_ctx_answered(ctx));

    case V_MODEL:
        v = ngx_http_llm_ctx_answered(ctx);
        return ngx_http_llm_variable_set(s, v.len ? v
                                            : ngx_http_llm_ctx_sent(ctx));

    case V_TEMPERATURE:
        v.data = ctx->asked.model.data + ctx->asked.model.len;
        v.len = ctx->asked.temperature_len;
        return ngx_http_llm_variable_set(s, v);

    case V_PROMPT_SIZE:
        return ngx_http_llm_variable_size(ctx, s);

    case V_KEY_ID:
        return ngx_http_llm_variable_key(ctx, s);

    case V_PROMPT_ID:
        return ngx_http_llm_prompt_id(ctx, s);

    case V_FINISH_REASON:
        return a ? ngx_http_llm_variable_set(s, llm_response_finish(a))
                 : NGX_DECLINED;

    case V_RESPONSE_ID:
        return a ? ngx_http_llm_variable_set(s, llm_response_id(a))
                 : NGX_DECLINED;

    case V_CLIENT_RETRY:
        return ngx_http_llm_variable_header(ctx->request,
                                            "x-stainless-retry-count", s);
    }

    if (!ctx->finished) {
        return NGX_DECLINED;
    }

    switch (arg) {

    case V_USAGE:
        return ngx_http_llm_variable_word(s, ngx_http_llm_usages[ctx->usage]);

    case V_COST_SOURCE:
        return ngx_http_llm_variable_word(s,
                             ngx_http_llm_cost_sources[ctx->cost_source]);

    case V_PRICE_MATCH:
        if (!ctx->priced) {
            return NGX_DECLINED;
        }

        return ngx_http_llm_variable_word(s, llm_match_names[ctx->match]);

    case V_OUTCOME:
        return ngx_http_llm_variable_word(s,
                                          llm_outcome_names[ctx->outcome]);

    default: /* V_ERROR_TYPE */
        return ngx_http_llm_variable_word(s, llm_error_names[ctx->error]);
    }
}


static ngx_int_t
ngx_http_llm_variable_print(ngx_http_llm_ctx_t *ctx, ngx_str_t *s, uint64_t n)
{
    s->data = ngx_pnalloc(ctx->request->pool, NGX_INT64_LEN);
    if (s->data == NULL) {
        return NGX_ERROR;
    }

    s->len = ngx_sprintf(s->data, "%uL", n) - s->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_variable_number(ngx_http_llm_ctx_t *ctx, ngx_str_t *s,
    uintptr_t arg)
{
    uint64_t               n;
    llm_response_t        *a;
    ngx_http_llm_asked_t  *q;

    a = ctx->answer;
    q = &ctx->asked;

    switch (arg) {

    case V_STREAM:
        if (!ctx->finished && a == NULL && q->state == LLM_REQUEST_UNREAD) {
            return NGX_DECLINED;
        }

        n = ctx->finished ? ctx->stream : (ctx->stream || q->stream);
        break;

    case V_MAX_TOKENS:
        /* a bound of what is embedded is none of the output */

        if (!q->has_max_tokens || ctx->operation == LLM_OP_EMBEDDINGS) {
            return NGX_DECLINED;
        }

        n = q->max_tokens;
        break;

    case V_TURNS:
    case V_PROMPT_BYTES:
        if (q->state != LLM_REQUEST_READ
            && q->state != LLM_REQUEST_AMBIGUOUS)
        {
            return NGX_DECLINED;
        }

        n = (arg == V_TURNS) ? q->turns : q->prompt_bytes;
        break;

    case V_ATTEMPTS:
        n = ctx->finished ? ctx->attempts
                          : ngx_http_llm_finish_attempts(ctx->request);
        break;

    case V_REMAINING_REQUESTS:
    case V_REMAINING_TOKENS:
        if (ngx_http_llm_headers_left(ctx, arg == V_REMAINING_REQUESTS
                                           ? LLM_QUOTA_REQUESTS
                                           : LLM_QUOTA_TOKENS, &n)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }

        break;

    case V_TOOL_CALLS:
        if (a == NULL) {
            return NGX_DECLINED;
        }

        n = a->tool_calls;
        break;

    default: /* V_EVENTS, V_CONTENT_EVENTS */
        if (a == NULL || !llm_framing_streams(a->framing)) {
            return NGX_DECLINED;
        }

        n = (arg == V_EVENTS) ? a->events : a->content_events;
    }

    return ngx_http_llm_variable_print(ctx, s, n);
}


ngx_int_t
ngx_http_llm_variable_tokens(ngx_http_llm_ctx_t *ctx, ngx_str_t *s,
    uintptr_t arg)
{
    if (ctx->usage == LLM_USAGE_NONE) {
        return NGX_DECLINED;
    }

    return ngx_http_llm_variable_print(ctx, s,
                       *(uint64_t *) ((u_char *) ctx->tokens + arg));
}


/* Seconds with six decimals, to the nearest microsecond. */

static ngx_int_t
ngx_http_llm_variable_seconds(ngx_http_llm_ctx_t *ctx, ngx_str_t *s,
    uint64_t ns)
{
    uint64_t  us;

    s->data = ngx_pnalloc(ctx->request->pool, NGX_INT64_LEN + 8);
    if (s->data == NULL) {
        return NGX_ERROR;
    }

    us = (ns + 500) / 1000;

    s->len = ngx_sprintf(s->data, "%uL.%06uL", us / 1000000, us % 1000000)
             - s->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_variable_time(ngx_http_llm_ctx_t *ctx, ngx_str_t *s,
    uintptr_t arg)
{
    uint64_t  from, to;

    from = ctx->start;
    to = 0;

    switch (arg) {

    case V_WAIT:
        to = ctx->ready;
        break;

    case V_TTFB:
        to = ctx->first_byte;
        break;

    case V_TTFT:
        to = ctx->first_content;
        break;

    case V_UPSTREAM_TTFT:
        from = ctx->ready ? ctx->ready : ctx->start;
        to = ctx->first_content;
        break;

    case V_DURATION:
        to = ctx->end;
        break;

    case V_TPOT:
        from = 0;
        to = ctx->finished ? ngx_http_llm_finish_tpot(ctx) : 0;
        break;

    case V_MAX_GAP:
        from = 0;
        to = ctx->max_gap;
        break;

    case V_PROVIDER_TIME:
        if (ngx_http_llm_headers_time(ctx, &to) != NGX_OK) {
            return NGX_DECLINED;
        }

        return ngx_http_llm_variable_seconds(ctx, s, to);
    }

    if (to == 0 || ctx->start == 0) {
        return NGX_DECLINED;
    }

    return ngx_http_llm_variable_seconds(ctx, s, to - from);
}


ngx_int_t
ngx_http_llm_variable_rate(ngx_http_llm_ctx_t *ctx, ngx_str_t *s,
    uintptr_t arg)
{
    uint64_t  tpot, milli;

    tpot = ctx->finished ? ngx_http_llm_finish_tpot(ctx) : 0;

    if (tpot == 0) {
        return NGX_DECLINED;
    }

    milli = 1000000000000ULL / tpot;

    s->data = ngx_pnalloc(ctx->request->pool, NGX_INT64_LEN + 5);
    if (s->data == NULL) {
        return NGX_ERROR;
    }

    s->len = ngx_sprintf(s->data, "%uL.%03uL", milli / 1000, milli % 1000)
             - s->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_variable_cost(ngx_http_llm_ctx_t *ctx, ngx_str_t *s,
    uintptr_t replay)
{
    if (ctx->cost_source == NGX_HTTP_LLM_COST_NONE || ctx->replay != replay) {
        return NGX_DECLINED;
    }

    s->data = ngx_pnalloc(ctx->request->pool, LLM_DECIMAL_LEN);
    if (s->data == NULL) {
        return NGX_ERROR;
    }

    s->len = llm_decimal_print_nano(s->data, ctx->cost) - s->data;

    return NGX_OK;
}
