
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Variables: a table of names and the kind of value each is.  All are
 * "not found" until known and never cached; the log phase sees final ones.
 */


#include "ngx_http_llm_variables.h"
#include "ngx_http_llm_finish.h"

#include "llm_decimal.h"


typedef ngx_int_t (*ngx_http_llm_variable_pt)(ngx_http_llm_ctx_t *ctx,
    ngx_str_t *s, uintptr_t arg);


typedef struct {
    ngx_str_t                  name;
    ngx_http_llm_variable_pt   get;
    uintptr_t                  arg;
} ngx_http_llm_variable_t;


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
    V_FINISH_REASON,
    V_OUTCOME,
    V_ERROR_TYPE,
    V_RESPONSE_ID,
    V_CLIENT_RETRY,
    V_PROMPT_SIZE
};

enum {
    V_STREAM = 0,
    V_MAX_TOKENS,
    V_TURNS,
    V_PROMPT_BYTES,
    V_TOOL_CALLS,
    V_EVENTS,
    V_CONTENT_EVENTS,
    V_ATTEMPTS
};

enum {
    V_WAIT = 0,
    V_TTFB,
    V_TTFT,
    V_UPSTREAM_TTFT,
    V_DURATION,
    V_TPOT,
    V_MAX_GAP
};


static ngx_int_t ngx_http_llm_variable_text(ngx_http_llm_ctx_t *ctx,
    ngx_str_t *s, uintptr_t arg);
static ngx_int_t ngx_http_llm_variable_number(ngx_http_llm_ctx_t *ctx,
    ngx_str_t *s, uintptr_t arg);
static ngx_int_t ngx_http_llm_variable_tokens(ngx_http_llm_ctx_t *ctx,
    ngx_str_t *s, uintptr_t arg);
static ngx_int_t ngx_http_llm_variable_time(ngx_http_llm_ctx_t *ctx,
    ngx_str_t *s, uintptr_t arg);
static ngx_int_t ngx_http_llm_variable_rate(ngx_http_llm_ctx_t *ctx,
    ngx_str_t *s, uintptr_t arg);
static ngx_int_t ngx_http_llm_variable_cost(ngx_http_llm_ctx_t *ctx,
    ngx_str_t *s, uintptr_t replay);


static ngx_http_llm_variable_t  ngx_http_llm_variables[] = {

    { ngx_string("llm_operation"), ngx_http_llm_variable_text, V_OPERATION },
    { ngx_string("llm_provider"), ngx_http_llm_variable_text, V_PROVIDER },
    { ngx_string("llm_route"), ngx_http_llm_variable_text, V_ROUTE },

    { ngx_string("llm_request_model"), ngx_http_llm_variable_text,
      V_REQUEST_MODEL },
    { ngx_string("llm_response_model"), ngx_http_llm_variable_text,
      V_RESPONSE_MODEL },
    { ngx_string("llm_model"), ngx_http_llm_variable_text, V_MODEL },

    { ngx_string("llm_stream"), ngx_http_llm_variable_number, V_STREAM },
    { ngx_string("llm_max_tokens"), ngx_http_llm_variable_number,
      V_MAX_TOKENS },
    { ngx_string("llm_temperature"), ngx_http_llm_variable_text,
      V_TEMPERATURE },
    { ngx_string("llm_turns"), ngx_http_llm_variable_number, V_TURNS },
    { ngx_string("llm_prompt_bytes"), ngx_http_llm_variable_number,
      V_PROMPT_BYTES },
    { ngx_string("llm_prompt_size"), ngx_http_llm_variable_text,
      V_PROMPT_SIZE },

    { ngx_string("llm_input_tokens"), ngx_http_llm_variable_tokens,
      offsetof(llm_tokens_t, input) },
    { ngx_string("llm_output_tokens"), ngx_http_llm_variable_tokens,
      offsetof(llm_tokens_t, output) },
    { ngx_string("llm_cache_read_tokens"), ngx_http_llm_variable_tokens,
      offsetof(llm_tokens_t, cache_read) },
    { ngx_string("llm_cache_write_tokens"), ngx_http_llm_variable_tokens,
      offsetof(llm_tokens_t, cache_write) },
    { ngx_string("llm_reasoning_tokens"), ngx_http_llm_variable_tokens,
      offsetof(llm_tokens_t, reasoning) },
    { ngx_string("llm_usage"), ngx_http_llm_variable_text, V_USAGE },
    { ngx_string("llm_tool_calls"), ngx_http_llm_variable_number,
      V_TOOL_CALLS },

    { ngx_string("llm_wait"), ngx_http_llm_variable_time, V_WAIT },
    { ngx_string("llm_ttfb"), ngx_http_llm_variable_time, V_TTFB },
    { ngx_string("llm_ttft"), ngx_http_llm_variable_time, V_TTFT },
    { ngx_string("llm_upstream_ttft"), ngx_http_llm_variable_time,
      V_UPSTREAM_TTFT },
    { ngx_string("llm_duration"), ngx_http_llm_variable_time, V_DURATION },
    { ngx_string("llm_tpot"), ngx_http_llm_variable_time, V_TPOT },
    { ngx_string("llm_max_gap"), ngx_http_llm_variable_time, V_MAX_GAP },
    { ngx_string("llm_output_rate"), ngx_http_llm_variable_rate, 0 },

    { ngx_string("llm_events"), ngx_http_llm_variable_number, V_EVENTS },
    { ngx_string("llm_content_events"), ngx_http_llm_variable_number,
      V_CONTENT_EVENTS },

    { ngx_string("llm_cost"), ngx_http_llm_variable_cost, 0 },
    { ngx_string("llm_saved_cost"), ngx_http_llm_variable_cost, 1 },
    { ngx_string("llm_cost_source"), ngx_http_llm_variable_text,
      V_COST_SOURCE },

    { ngx_string("llm_finish_reason"), ngx_http_llm_variable_text,
      V_FINISH_REASON },
    { ngx_string("llm_outcome"), ngx_http_llm_variable_text, V_OUTCOME },
    { ngx_string("llm_error_type"), ngx_http_llm_variable_text,
      V_ERROR_TYPE },
    { ngx_string("llm_response_id"), ngx_http_llm_variable_text,
      V_RESPONSE_ID },
    { ngx_string("llm_attempts"), ngx_http_llm_variable_number, V_ATTEMPTS },
    { ngx_string("llm_client_retry"), ngx_http_llm_variable_text,
      V_CLIENT_RETRY },

    { ngx_null_string, NULL, 0 }
};


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
                                            : ngx_http_llm_ctx_asked(ctx));

    case V_TEMPERATURE:
        return ngx_http_llm_variable_set(s,
                                ngx_http_llm_view(&ctx->asked.temperature));

    case V_PROMPT_SIZE:
        return ngx_http_llm_variable_size(ctx, s);

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


static ngx_int_t
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
        if (!q->has_max_tokens) {
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

    case V_TOOL_CALLS:
        if (a == NULL) {
            return NGX_DECLINED;
        }

        n = a->tool_calls;
        break;

    default: /* V_EVENTS, V_CONTENT_EVENTS */
        if (a == NULL || a->framing != LLM_FRAMING_SSE) {
            return NGX_DECLINED;
        }

        n = (arg == V_EVENTS) ? a->events : a->content_events;
    }

    return ngx_http_llm_variable_print(ctx, s, n);
}


static ngx_int_t
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


static ngx_int_t
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
    }

    if (to == 0 || ctx->start == 0) {
        return NGX_DECLINED;
    }

    return ngx_http_llm_variable_seconds(ctx, s, to - from);
}


static ngx_int_t
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


static ngx_int_t
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


static ngx_int_t
ngx_http_llm_variable_get(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t                 s;
    ngx_http_llm_ctx_t       *ctx;
    ngx_http_llm_variable_t  *var = (ngx_http_llm_variable_t *) data;

    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 1;
    v->len = 0;

    ctx = ngx_http_llm_ctx_get(r->main);

    if (ctx == NULL || ctx->operation == LLM_OP_NONE) {
        return NGX_OK;
    }

    switch (var->get(ctx, &s, var->arg)) {

    case NGX_ERROR:
        return NGX_ERROR;

    case NGX_OK:
        v->data = s.data;
        v->len = s.len;
        v->not_found = 0;
    }

    return NGX_OK;
}


/*
 * $http_accept_encoding is read from the list of headers, where it says
 * "identity" now; what the client sent is still behind the pointer.
 */

static ngx_int_t
ngx_http_llm_variable_accept_encoding(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    size_t            len;
    u_char           *p;
    ngx_table_elt_t  *h, *first;

    first = r->headers_in.accept_encoding;

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 1;

    if (first == NULL) {
        return NGX_OK;
    }

    v->not_found = 0;
    len = 0;

    for (h = first; h; h = ngx_http_llm_header_next(h)) {
        len += h->value.len + sizeof(", ") - 1;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;

    for (h = first; h; h = ngx_http_llm_header_next(h)) {

        if (h != first) {
            *p++ = ',';
            *p++ = ' ';
        }

        p = ngx_cpymem(p, h->value.data, h->value.len);
    }

    v->len = p - v->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_variables_add(ngx_conf_t *cf)
{
    ngx_str_t                 accept = ngx_string("http_accept_encoding");
    ngx_http_variable_t      *var;
    ngx_http_llm_variable_t  *v;

    for (v = ngx_http_llm_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, NGX_HTTP_VAR_NOCACHEABLE);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = ngx_http_llm_variable_get;
        var->data = (uintptr_t) v;
    }

    var = ngx_http_add_variable(cf, &accept, 0);
    if (var == NULL) {
        return NGX_ERROR;
    }

    var->get_handler = ngx_http_llm_variable_accept_encoding;

    return NGX_OK;
}
