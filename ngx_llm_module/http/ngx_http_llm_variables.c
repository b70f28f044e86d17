
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Variables: a table of names and the kind of value each is.  All are
 * "not found" until known and never cached; the log phase sees final ones.
 */


#include "ngx_http_llm_variables.h"
#include "ngx_http_llm_canon.h"
#include "ngx_http_llm_finish.h"
#include "ngx_http_llm_gate.h"

#include "llm_decimal.h"


typedef ngx_int_t (*ngx_http_llm_variable_pt)(ngx_http_llm_ctx_t *ctx,
    ngx_str_t *s, uintptr_t arg);


typedef struct {
    ngx_str_t                  name;
    ngx_http_llm_variable_pt   get;
    uintptr_t                  arg;
    ngx_uint_t                 known;    /* KNOWN_* */
} ngx_http_llm_variable_t;


/* from when on a value may be asked for without a warning */

enum {
    KNOWN_ANY = 0,
    KNOWN_REQUEST,               /* the body of the request has been read */
    KNOWN_HEADER,                /* the upstream has answered */
    KNOWN_END                    /* the call is over */
};


/* one warning a minute, a worker */
#define NGX_HTTP_LLM_EARLY_SEC  60


static ngx_http_llm_variable_t  ngx_http_llm_variables[] = {

    { ngx_string("llm_operation"), ngx_http_llm_variable_text,
      V_OPERATION, KNOWN_ANY },
    { ngx_string("llm_provider"), ngx_http_llm_variable_text,
      V_PROVIDER, KNOWN_ANY },
    { ngx_string("llm_route"), ngx_http_llm_variable_text,
      V_ROUTE, KNOWN_ANY },

    { ngx_string("llm_request_model"), ngx_http_llm_variable_text,
      V_REQUEST_MODEL, KNOWN_REQUEST },
    { ngx_string("llm_response_model"), ngx_http_llm_variable_text,
      V_RESPONSE_MODEL, KNOWN_END },
    { ngx_string("llm_model"), ngx_http_llm_variable_text,
      V_MODEL, KNOWN_REQUEST },

    { ngx_string("llm_stream"), ngx_http_llm_variable_number,
      V_STREAM, KNOWN_REQUEST },
    { ngx_string("llm_max_tokens"), ngx_http_llm_variable_number,
      V_MAX_TOKENS, KNOWN_REQUEST },
    { ngx_string("llm_temperature"), ngx_http_llm_variable_text,
      V_TEMPERATURE, KNOWN_REQUEST },
    { ngx_string("llm_turns"), ngx_http_llm_variable_number,
      V_TURNS, KNOWN_REQUEST },
    { ngx_string("llm_prompt_bytes"), ngx_http_llm_variable_number,
      V_PROMPT_BYTES, KNOWN_REQUEST },
    { ngx_string("llm_prompt_size"), ngx_http_llm_variable_text,
      V_PROMPT_SIZE, KNOWN_REQUEST },

    { ngx_string("llm_cache_key"), NULL,
      0, KNOWN_REQUEST },
    { ngx_string("llm_prompt_id"), ngx_http_llm_variable_text,
      V_PROMPT_ID, KNOWN_REQUEST },
    { ngx_string("llm_key_id"), ngx_http_llm_variable_text,
      V_KEY_ID, KNOWN_ANY },

    { ngx_string("llm_input_tokens"), ngx_http_llm_variable_tokens,
      offsetof(llm_tokens_t, input), KNOWN_END },
    { ngx_string("llm_output_tokens"), ngx_http_llm_variable_tokens,
      offsetof(llm_tokens_t, output), KNOWN_END },
    { ngx_string("llm_cache_read_tokens"), ngx_http_llm_variable_tokens,
      offsetof(llm_tokens_t, cache_read), KNOWN_END },
    { ngx_string("llm_cache_write_tokens"), ngx_http_llm_variable_tokens,
      offsetof(llm_tokens_t, cache_write), KNOWN_END },
    { ngx_string("llm_reasoning_tokens"), ngx_http_llm_variable_tokens,
      offsetof(llm_tokens_t, reasoning), KNOWN_END },
    { ngx_string("llm_usage"), ngx_http_llm_variable_text,
      V_USAGE, KNOWN_END },
    { ngx_string("llm_tool_calls"), ngx_http_llm_variable_number,
      V_TOOL_CALLS, KNOWN_END },

    { ngx_string("llm_wait"), ngx_http_llm_variable_time,
      V_WAIT, KNOWN_END },
    { ngx_string("llm_ttfb"), ngx_http_llm_variable_time,
      V_TTFB, KNOWN_END },
    { ngx_string("llm_ttft"), ngx_http_llm_variable_time,
      V_TTFT, KNOWN_END },
    { ngx_string("llm_upstream_ttft"), ngx_http_llm_variable_time,
      V_UPSTREAM_TTFT, KNOWN_END },
    { ngx_string("llm_duration"), ngx_http_llm_variable_time,
      V_DURATION, KNOWN_END },
    { ngx_string("llm_tpot"), ngx_http_llm_variable_time,
      V_TPOT, KNOWN_END },
    { ngx_string("llm_max_gap"), ngx_http_llm_variable_time,
      V_MAX_GAP, KNOWN_END },
    { ngx_string("llm_output_rate"), ngx_http_llm_variable_rate,
      0, KNOWN_END },
    { ngx_string("llm_provider_time"), ngx_http_llm_variable_time,
      V_PROVIDER_TIME, KNOWN_HEADER },

    { ngx_string("llm_events"), ngx_http_llm_variable_number,
      V_EVENTS, KNOWN_END },
    { ngx_string("llm_content_events"), ngx_http_llm_variable_number,
      V_CONTENT_EVENTS, KNOWN_END },

    { ngx_string("llm_cost"), ngx_http_llm_variable_cost,
      0, KNOWN_END },
    { ngx_string("llm_saved_cost"), ngx_http_llm_variable_cost,
      1, KNOWN_END },
    { ngx_string("llm_cost_source"), ngx_http_llm_variable_text,
      V_COST_SOURCE, KNOWN_END },
    { ngx_string("llm_price_match"), ngx_http_llm_variable_text,
      V_PRICE_MATCH, KNOWN_END },

    { ngx_string("llm_finish_reason"), ngx_http_llm_variable_text,
      V_FINISH_REASON, KNOWN_END },
    { ngx_string("llm_outcome"), ngx_http_llm_variable_text,
      V_OUTCOME, KNOWN_END },
    { ngx_string("llm_error_type"), ngx_http_llm_variable_text,
      V_ERROR_TYPE, KNOWN_END },
    { ngx_string("llm_response_id"), ngx_http_llm_variable_text,
      V_RESPONSE_ID, KNOWN_END },
    { ngx_string("llm_attempts"), ngx_http_llm_variable_number,
      V_ATTEMPTS, KNOWN_ANY },
    { ngx_string("llm_client_retry"), ngx_http_llm_variable_text,
      V_CLIENT_RETRY, KNOWN_ANY },
    { ngx_string("llm_remaining_requests"), ngx_http_llm_variable_number,
      V_REMAINING_REQUESTS, KNOWN_HEADER },
    { ngx_string("llm_remaining_tokens"), ngx_http_llm_variable_number,
      V_REMAINING_TOKENS, KNOWN_HEADER },

    { ngx_null_string, NULL, 0, 0 }
};


/*
 * A value that is asked for before it can be known reads as not found: most
 * often a mistake of the configuration, so it is said, but not for each call.
 */

static void
ngx_http_llm_variable_early(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_variable_t *var)
{
    ngx_http_request_t  *r;

    static time_t  last;

    r = ctx->request;

    if (ctx->finished || var->known == KNOWN_ANY
        || (last && ngx_time() - last < NGX_HTTP_LLM_EARLY_SEC))
    {
        return;
    }

    if (var->known == KNOWN_REQUEST
        && (ctx->asked.state != LLM_REQUEST_UNREAD
            || (r->headers_in.content_length_n <= 0
                && !r->headers_in.chunked)))
    {
        return;
    }

    if (var->known == KNOWN_HEADER && ngx_http_llm_headers_known(ctx)) {
        return;
    }

    last = ngx_time();

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "variable \"$%V\" is read before it can be known%s",
                  &var->name,
                  var->known == KNOWN_REQUEST
                  ? ": the body of the request has not been read"
                  : var->known == KNOWN_HEADER
                  ? ": the upstream has not answered"
                  : ": the call is not over");
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
        return NGX_OK;
    }

    ngx_http_llm_variable_early(ctx, var);

    return NGX_OK;
}


/*
 * The one value that is never not found, not even where there is no call: an
 * empty key would make all of them share one answer.
 */

static ngx_int_t
ngx_http_llm_variable_cache_key(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_int_t            rc;
    ngx_str_t            s;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_ctx_get(r->main);
    rc = ngx_http_llm_cache_key(r, ctx, &s);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_AGAIN) {
        ngx_http_llm_variable_early(ctx, (ngx_http_llm_variable_t *) data);
    }

    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;
    v->data = s.data;
    v->len = s.len;

    return NGX_OK;
}


#if (NGX_HTTP_LLM_ENCODINGS)

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

    first = ngx_http_llm_accept_encoding(r);

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

#endif


ngx_int_t
ngx_http_llm_variables_add(ngx_conf_t *cf)
{
#if (NGX_HTTP_LLM_ENCODINGS)
    ngx_str_t                 accept = ngx_string("http_accept_encoding");
#endif
    ngx_http_variable_t      *var;
    ngx_http_llm_variable_t  *v;

    for (v = ngx_http_llm_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, NGX_HTTP_VAR_NOCACHEABLE);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get ? ngx_http_llm_variable_get
                                  : ngx_http_llm_variable_cache_key;
        var->data = (uintptr_t) v;
    }

#if (NGX_HTTP_LLM_ENCODINGS)

    /* a configuration may have one of its own */

    var = ngx_http_add_variable(cf, &accept, NGX_HTTP_VAR_CHANGEABLE);
    if (var == NULL) {
        return NGX_ERROR;
    }

    var->get_handler = ngx_http_llm_variable_accept_encoding;

#endif

    return ngx_http_llm_gate_variables_add(cf);
}
