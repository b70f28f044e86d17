
/*
 * Copyright (C) ngx_llm_module authors
 *
 * How a gate's refusal leaves nginx.
 *
 * It is to be caught by error_page just as that of limit_req.  So where the
 * location has an error_page for its status, that status is all we say.
 * Where it has none nginx would send its own page: there, and on nginx's own
 * conditions, we send ours, and end the request ourselves.
 *
 * Headers are added by the header filter, on both ways, so that they do not
 * stand in what a fallback answers.  A call that error_page has taken to
 * another upstream is no refused one any more; one that got a page is.
 */


#include "ngx_http_llm_reply.h"


struct ngx_http_llm_refused_s {
    ngx_http_llm_reply_t       reply;
    ngx_http_upstream_t       *upstream;   /* that was asked before */
    uint8_t                    dialect;
};


typedef struct ngx_http_llm_refused_s  ngx_http_llm_refused_t;


/* As ngx_http_special_response_handler() will decide. */

static ngx_uint_t
ngx_http_llm_reply_caught(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_uint_t                 i;
    ngx_http_err_page_t       *page;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->error_page || clcf->error_pages == NULL || r->uri_changes == 0) {
        return 0;
    }

    page = clcf->error_pages->elts;

    for (i = 0; i < clcf->error_pages->nelts; i++) {
        if (page[i].status == (ngx_int_t) status) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_llm_reply_send(ngx_http_request_t *r, ngx_uint_t dialect,
    const llm_refusal_t *refusal)
{
    size_t        len;
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;
    u_char        body[LLM_REPLY_MAX];

    len = llm_reply_body(body, LLM_REPLY_MAX, dialect, refusal);

    b = ngx_create_temp_buf(r->pool, ngx_max(len, 1));
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_cpymem(b->pos, body, len);
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    /* what the client still sends is read and thrown away */

    r->expect_tested = 1;

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }

    r->err_status = 0;
    r->headers_out.status = refusal->status;
    r->headers_out.status_line.len = 0;
    r->headers_out.content_length_n = len;
    r->headers_out.content_type_len = sizeof("application/json") - 1;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.charset.len = 0;

    if (r->headers_out.content_length) {
        r->headers_out.content_length->hash = 0;
        r->headers_out.content_length = NULL;
    }

    if (r->headers_out.content_encoding) {
        r->headers_out.content_encoding->hash = 0;
        r->headers_out.content_encoding = NULL;
    }

    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_llm_reply(ngx_http_llm_ctx_t *ctx, const ngx_http_llm_reply_t *reply)
{
    ngx_int_t                rc;
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_llm_extra_t    *extra;
    ngx_http_llm_refused_t  *refused;

    r = ctx->request;
    c = r->connection;

    extra = ngx_http_llm_ctx_extra(ctx);
    if (extra == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    refused = extra->refused;

    if (refused == NULL) {
        refused = ngx_palloc(r->pool, sizeof(ngx_http_llm_refused_t));
        if (refused == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (ctx->provider.len == 0) {
        (void) ngx_http_llm_ctx_place(ctx);
    }

    refused->reply = *reply;
    refused->upstream = r->upstream;
    refused->dialect = llm_reply_dialect(ctx->dialect,
                                         ngx_http_llm_view(&ctx->provider));
    extra->refused = refused;

    if (reply->r.status == NGX_HTTP_CLOSE
        || ngx_http_llm_reply_caught(r, reply->r.status))
    {
        return reply->r.status;
    }

    /* as for every other answer: a timer of a phase is over */

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    rc = ngx_http_llm_reply_send(r, refused->dialect, &reply->r);

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


ngx_int_t
ngx_http_llm_reply_error(ngx_http_llm_ctx_t *ctx,
    const llm_refusal_t *refusal)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    if (ngx_http_llm_reply_caught(r, refusal->status)) {
        return refusal->status;
    }

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    return ngx_http_llm_reply_send(r, llm_reply_dialect(ctx->dialect,
                                          ngx_http_llm_view(&ctx->provider)),
                                   refusal);
}


ngx_uint_t
ngx_http_llm_reply_refused(ngx_http_llm_ctx_t *ctx)
{
    return ctx->extra && ctx->extra->refused
           && ctx->extra->refused->upstream == ctx->request->upstream;
}


static ngx_int_t
ngx_http_llm_reply_header(ngx_http_request_t *r, const char *key,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) key;
    h->key.len = ngx_strlen(key);
    h->value = *value;
    ngx_http_llm_header_single(h);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_reply_number(ngx_http_request_t *r, const char *key, uint64_t n)
{
    ngx_str_t  value;

    value.data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%uL", n) - value.data;

    return ngx_http_llm_reply_header(r, key, &value);
}


/* As OpenAI writes it: "2ms", "1.5s", "6m0s", "1h0m0s"; never too early. */

static ngx_int_t
ngx_http_llm_reply_duration(ngx_http_request_t *r, const char *key,
    uint64_t ns)
{
    u_char     *p;
    uint64_t    ms, s;
    ngx_str_t   value;

    value.data = ngx_pnalloc(r->pool, NGX_INT64_LEN + sizeof("hmm.mmms"));
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = value.data;
    ms = ns / 1000000 + (ns % 1000000 != 0);
    s = ms / 1000 + (ms >= 60000 && ms % 1000 != 0);

    if (ms < 1000) {
        p = ngx_sprintf(p, "%uLms", ms);

    } else if (s >= 3600) {
        p = ngx_sprintf(p, "%uLh%uLm%uLs", s / 3600, s / 60 % 60, s % 60);

    } else if (s >= 60) {
        p = ngx_sprintf(p, "%uLm%uLs", s / 60, s % 60);

    } else if (ms % 1000) {
        p = ngx_sprintf(p, "%uL.%03uLs", s, ms % 1000);

    } else {
        p = ngx_sprintf(p, "%uLs", s);
    }

    value.len = p - value.data;

    return ngx_http_llm_reply_header(r, key, &value);
}


/* As Anthropic writes it. */

static ngx_int_t
ngx_http_llm_reply_time(ngx_http_request_t *r, const char *key, uint64_t ns)
{
    ngx_tm_t   tm;
    ngx_str_t  value;

    value.data = ngx_pnalloc(r->pool, sizeof("1970-09-28T12:00:00Z") + 8);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    ngx_gmtime(ngx_time() + ngx_min(ns / 1000000000 + 1,
                                    (uint64_t) 100 * 365 * 86400), &tm);

    value.len = ngx_sprintf(value.data, "%4d-%02d-%02dT%02d:%02d:%02dZ",
                            tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                            tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec)
                - value.data;

    return ngx_http_llm_reply_header(r, key, &value);
}


static const struct {
    const char  *limit;
    const char  *remaining;
    const char  *reset;
} ngx_http_llm_reply_names[2][2] = {
    { { "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens",
        "x-ratelimit-reset-tokens" },
      { "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests" } },
    { { "anthropic-ratelimit-tokens-limit",
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-reset" },
      { "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset" } }
};


static ngx_int_t
ngx_http_llm_reply_limit(ngx_http_request_t *r, ngx_uint_t dialect,
    const ngx_http_llm_reply_t *reply)
{
    ngx_int_t   rc;
    ngx_uint_t  style, unit;

    if (reply->unit == NGX_HTTP_LLM_REPLY_NO_UNIT) {
        return NGX_OK;
    }

    if (llm_reply_openai(dialect)) {
        style = 0;

    } else if (dialect == LLM_DIALECT_MESSAGES) {
        style = 1;

    } else {
        return NGX_OK;
    }

    unit = reply->unit - NGX_HTTP_LLM_REPLY_TOKENS;

    if (ngx_http_llm_reply_number(r,
                                ngx_http_llm_reply_names[style][unit].limit,
                                reply->limit)
        != NGX_OK
        || ngx_http_llm_reply_number(r,
                            ngx_http_llm_reply_names[style][unit].remaining,
                            reply->remaining)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = style ? ngx_http_llm_reply_time(r,
                                ngx_http_llm_reply_names[style][unit].reset,
                                reply->reset_ns)
               : ngx_http_llm_reply_duration(r,
                                ngx_http_llm_reply_names[style][unit].reset,
                                reply->reset_ns);

    return rc;
}


/* What would be no better a second time. */

static ngx_uint_t
ngx_http_llm_reply_final(const ngx_http_llm_reply_t *reply)
{
    return reply->quota
           || (reply->r.reason != LLM_REASON_RATE
               && reply->r.reason != LLM_REASON_TIMEOUT
               && reply->r.reason != LLM_REASON_SERVER);
}


ngx_int_t
ngx_http_llm_reply_headers(ngx_http_llm_ctx_t *ctx)
{
    llm_str_t                    name;
    ngx_str_t                    value;
    ngx_http_request_t          *r;
    const ngx_http_llm_reply_t  *reply;

    r = ctx->request;
    reply = &ctx->extra->refused->reply;

    if (r->headers_out.status != reply->r.status) {
        return NGX_OK;
    }

    name = llm_reply_header(ctx->extra->refused->dialect, reply->r.reason);

    if (name.len) {
        value.data = (u_char *) name.data;
        value.len = name.len;

        if (ngx_http_llm_reply_header(r, "x-amzn-errortype", &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_http_llm_reply_final(reply)) {
        ngx_str_set(&value, "false");

        return ngx_http_llm_reply_header(r, "x-should-retry", &value);
    }

    if (reply->retry_after_ns
        && ngx_http_llm_reply_number(r, "Retry-After",
                                     reply->retry_after_ns / 1000000000
                                     + (reply->retry_after_ns % 1000000000
                                        != 0))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llm_reply_limit(r, ctx->extra->refused->dialect, reply);
}
