
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The way of the response.
 *
 * The body is forwarded first and read second.  After the next filter has
 * returned, bufs may be consumed, reused or gone, but the memory that they
 * pointed to is not touched before we return: so the ranges are noted, the
 * chain is passed on, and the ranges are read.  The bufs are not looked at
 * again.  Nothing is copied, held back or changed.
 *
 * One clock read a call stamps all that came in it.
 */


#include "ngx_http_llm_response.h"
#include "ngx_http_llm_edit.h"
#include "ngx_http_llm_gate.h"
#include "ngx_http_llm_reply.h"
#include "ngx_http_llm_request.h"
#include "ngx_http_llm_store.h"
#include "ngx_http_llm_slo_call.h"


#include <zlib.h>


#define NGX_HTTP_LLM_RANGES  32


ngx_http_output_header_filter_pt  ngx_http_llm_next_header_filter;
ngx_http_output_body_filter_pt    ngx_http_llm_next_body_filter;


uint32_t
ngx_http_llm_crc32(uint32_t crc, const uint8_t *p, size_t len)
{
    return crc32(crc, p, len);
}


/* What a content type says of the framing.  Others are not read at all. */

static const struct {
    ngx_str_t   type;
    ngx_uint_t  framing;
} ngx_http_llm_types[] = {
    { ngx_string("text/event-stream"), LLM_FRAMING_SSE },
    { ngx_string("application/json"), LLM_FRAMING_JSON },
    { ngx_string("application/problem+json"), LLM_FRAMING_JSON },
    { ngx_string("application/x-ndjson"), LLM_FRAMING_NDJSON },
    { ngx_string("application/ndjson"), LLM_FRAMING_NDJSON },
    { ngx_string("application/stream+json"), LLM_FRAMING_NDJSON },
    { ngx_string("application/jsonl"), LLM_FRAMING_NDJSON },
    { ngx_string("application/x-jsonlines"), LLM_FRAMING_NDJSON },
    { ngx_string("application/vnd.amazon.eventstream"),
      LLM_FRAMING_EVENTSTREAM },
    { ngx_string("application/octet-stream"), LLM_FRAMING_UNKNOWN },
    { ngx_string("text/plain"), LLM_FRAMING_UNKNOWN },
    { ngx_string(""), LLM_FRAMING_UNKNOWN }
};


static ngx_int_t
ngx_http_llm_response_hint(ngx_http_request_t *r, ngx_uint_t *framing)
{
    size_t       len;
    u_char      *p;
    ngx_str_t   *type;
    ngx_uint_t   i;

    type = &r->headers_out.content_type;
    len = type->len;

    p = ngx_strlchr(type->data, type->data + len, ';');
    if (p) {
        len = p - type->data;
    }

    while (len && type->data[len - 1] == ' ') {
        len--;
    }

    for (i = 0;
         i < sizeof(ngx_http_llm_types) / sizeof(ngx_http_llm_types[0]);
         i++)
    {
        if (ngx_http_llm_types[i].type.len == len
            && ngx_strncasecmp(type->data, ngx_http_llm_types[i].type.data,
                               len)
               == 0)
        {
            *framing = ngx_http_llm_types[i].framing;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/*
 * Hands a stream on as it comes even where proxy_buffering is on.  nginx
 * looks at u->buffering after the header was sent.  A response that is being
 * stored streams anyway, and has to stay buffered to be stored; whether it is
 * being stored nginx decides later, so decide as it will.  If it is not,
 * "cacheable" must go, or a client that leaves would not end the call.
 */

static void
ngx_http_llm_response_unbuffer(ngx_http_request_t *r)
{
    ngx_http_upstream_t  *u;
#if (NGX_HTTP_CACHE)
    time_t                valid;
    ngx_int_t             rc;
#endif

    u = r->upstream;

    if (u == NULL || !u->buffering || u->store || ngx_http_llm_cached(r)
        || r->post_action || r->header_only)
    {
        return;
    }

#if (NGX_HTTP_CACHE)

    if (u->cacheable) {
        rc = ngx_http_test_predicates(r, u->conf->no_cache);

        valid = (r->cache && r->cache->valid_sec)
                ? r->cache->valid_sec
                : ngx_http_file_cache_valid(u->conf->cache_valid,
                                            u->headers_in.status_n);

        if (rc == NGX_ERROR || (rc == NGX_OK && valid)) {
            return;
        }

        u->cacheable = 0;
    }

#endif

    u->buffering = 0;
}


/*
 * A stream was asked for, and the content type is not against it: Gemini
 * streams an array as plain JSON, and lines of JSON may be called that.
 */

static ngx_uint_t
ngx_http_llm_response_wanted(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_uint_t framing)
{
    ngx_uint_t            status;
    const llm_dialect_t  *d;

    d = llm_dialects[ctx->dialect];
    status = r->headers_out.status;

    if ((!ctx->asked.stream && !ctx->path_stream)
        || status < 200 || status > 299)
    {
        return 0;
    }

    return framing == LLM_FRAMING_UNKNOWN
           || (d->flags & LLM_DIALECT_F_ARRAY)
           || d->framing == LLM_FRAMING_NDJSON;
}


ngx_int_t
ngx_http_llm_response_framing(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_uint_t *framing)
{
    if (ngx_http_llm_response_hint(r, framing) != NGX_OK) {
        return NGX_DECLINED;
    }

    /* lines of JSON begin as a plain body does */

    if (!llm_framing_streams(*framing)
        && llm_dialects[ctx->dialect]->framing == LLM_FRAMING_NDJSON
        && ngx_http_llm_response_wanted(r, ctx, *framing))
    {
        *framing = LLM_FRAMING_NDJSON;
    }

    return NGX_OK;
}


static void
ngx_http_llm_response_watch(ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t                  rc;
    ngx_uint_t                 framing;
    llm_response_t            *a;
    ngx_http_request_t        *r;
    ngx_http_llm_main_conf_t  *mcf;

    r = ctx->request;

    ngx_http_llm_request_done(ctx);

    if (r->method == NGX_HTTP_HEAD
        || r->headers_out.status == NGX_HTTP_NO_CONTENT
        || r->headers_out.status == NGX_HTTP_NOT_MODIFIED
        || r->headers_out.status == NGX_HTTP_PARTIAL_CONTENT
        || ngx_http_llm_response_framing(r, ctx, &framing) != NGX_OK)
    {
        return;
    }

    ctx->stream = llm_framing_streams(framing)
                  || ngx_http_llm_response_wanted(r, ctx, framing);

    if (ctx->stream && !ctx->conf->stream_buffering) {
        ngx_http_llm_response_unbuffer(r);
    }

    if (r->headers_out.content_encoding) {
        rc = ngx_http_llm_inflate_create(r->pool,
                                    &r->headers_out.content_encoding->value,
                                    &ctx->inflate);

        if (rc == NGX_DECLINED) {
            ctx->unreadable = 1;
            ngx_http_llm_zone_count(ctx->zone,
                                    NGX_HTTP_LLM_UNREADABLE_ENCODING, 1);
        }

        if (rc != NGX_OK) {
            return;
        }
    }

    a = ngx_http_llm_ctx_memory(ctx);
    if (a == NULL) {
        return;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    llm_response_init(a, mcf->dialects, ctx->dialect, framing);

    ctx->answer = a;

    r->filter_need_in_memory = 1;

    if (ctx->extra) {
        ngx_http_llm_edit_header(ctx, framing);
    }
}


/* A subrequest is no call, but its answer may be kept as one's. */

static ngx_int_t
ngx_http_llm_response_sub(ngx_http_request_t *r)
{
    ngx_http_llm_ctx_t  *ctx;

    if (r->upstream == NULL || r->post_action) {
        return NGX_OK;
    }

    ctx = ngx_http_llm_ctx_get(r->main);

    if (ctx == NULL || ctx->operation == LLM_OP_NONE) {
        return NGX_OK;
    }

    return ngx_http_llm_store(r, ctx);
}


ngx_int_t
ngx_http_llm_header_filter(ngx_http_request_t *r)
{
    ngx_http_llm_ctx_t  *ctx;

    if (r != r->main || r->post_action) {

        if (ngx_http_llm_response_sub(r) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_http_llm_next_header_filter(r);
    }

    ctx = ngx_http_llm_ctx_get(r);

    if (ctx && ngx_http_llm_reply_refused(ctx)) {
        /* no answer to be read */

        if (ngx_http_llm_reply_headers(ctx) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_http_llm_next_header_filter(r);
    }

    if (ctx == NULL || ctx->conf->zone == NULL || ctx->answer) {
        return ngx_http_llm_next_header_filter(r);
    }

    /* a body may still be on its way to the upstream: what came will do */

    if (ctx->operation == LLM_OP_NONE || ctx->by_shape) {
        ngx_http_llm_request_done(ctx);
    }

    if (ctx->operation == LLM_OP_NONE) {
        return ngx_http_llm_next_header_filter(r);
    }

    if (ngx_http_llm_ctx_place(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->replay = ngx_http_llm_cached(r);

    if (ctx->dialect != LLM_DIALECT_NONE) {
        ngx_http_llm_response_watch(ctx);
    }

    if (ngx_http_llm_store(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llm_next_header_filter(r);
}


/* Stamps, and the gap to the content before. */

static void
ngx_http_llm_response_content(ngx_http_llm_ctx_t *ctx, uint64_t now)
{
    uint64_t  gap;

    if (!llm_framing_streams(ctx->answer->framing)) {
        return;
    }

    if (ctx->extra && ctx->extra->gate) {
        ngx_http_llm_gate_deliver(ctx);
    }

    if (ctx->first_content == 0) {
        ctx->first_content = now;
        ctx->last_content = now;

        (void) ngx_http_llm_ctx_label(ctx,
                           ctx->request->headers_out.status >= 200
                           && ctx->request->headers_out.status < 300);

        ngx_http_llm_live_first(ctx->zone, ctx->live);
        ngx_http_llm_slo_first(ctx, now);
        return;
    }

    gap = now - ctx->last_content;
    ctx->last_content = now;

    if (gap > ctx->max_gap) {
        ctx->max_gap = gap;
    }

    if (!ctx->replay) {
        ngx_http_llm_series_sample(ctx->zone, ctx->series,
                                   LLM_DIST_INTER_CHUNK, gap);
    }
}


static void
ngx_http_llm_response_read(ngx_http_llm_ctx_t *ctx, llm_str_t *range,
    ngx_uint_t n)
{
    ngx_uint_t       i;
    llm_response_t  *a;

    a = ctx->answer;

    if (a == NULL) {
        return;
    }

    for (i = 0; i < n; i++) {

        if (ctx->inflate == NULL) {
            llm_response_feed(a, range[i].data, range[i].len);
            continue;
        }

        if (ngx_http_llm_inflate_feed(ctx->inflate, a, range[i].data,
                                      range[i].len)
            != NGX_OK
            && !ctx->unreadable)
        {
            ctx->unreadable = 1;
            ngx_http_llm_zone_count(ctx->zone,
                                    NGX_HTTP_LLM_UNREADABLE_INFLATE, 1);
        }
    }
}


ngx_int_t
ngx_http_llm_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    uint32_t             before;
    uint64_t             now;
    ngx_int_t            rc;
    llm_str_t            range[NGX_HTTP_LLM_RANGES];
    ngx_buf_t           *b;
    ngx_uint_t           n, last, body;
    ngx_chain_t         *cl;
    ngx_http_llm_ctx_t  *ctx;

    if (r != r->main || r->post_action) {
        return ngx_http_llm_next_body_filter(r, in);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);

    if (in == NULL) {
        return (ctx && ngx_http_llm_edit_on(ctx))
               ? ngx_http_llm_edit_body(ctx, in)
               : ngx_http_llm_next_body_filter(r, in);
    }

    if (ctx == NULL) {
        ctx = ngx_http_llm_ctx_get(r);
    }

    if (ctx == NULL) {
        return ngx_http_llm_next_body_filter(r, in);
    }

    n = 0;
    last = 0;
    body = 0;
    now = 0;
    before = ctx->answer ? ctx->answer->content_events : 0;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (b->last_buf) {
            last = 1;
        }

        if (b->in_file && !ngx_buf_in_memory(b)
            && b->file_last > b->file_pos)
        {
            body = 1;
        }

        if (!ngx_buf_in_memory(b) || b->last == b->pos) {
            continue;
        }

        if (n == NGX_HTTP_LLM_RANGES) {
            /* more than we note: read before they are passed */
            now = now ? now : ngx_http_llm_now();
            ngx_http_llm_response_read(ctx, range, n);
            n = 0;
        }

        range[n].data = b->pos;
        range[n].len = b->last - b->pos;
        n++;
    }

    if (n || last || body) {
        now = now ? now : ngx_http_llm_now();
    }

    if ((n || body) && ctx->first_byte == 0) {
        ctx->first_byte = now;
    }

    rc = ngx_http_llm_edit_on(ctx) ? ngx_http_llm_edit_body(ctx, in)
                                   : ngx_http_llm_next_body_filter(r, in);

    ngx_http_llm_response_read(ctx, range, n);

    /* one arrival, however many bufs it came in */

    if (ctx->answer && ctx->answer->content_events != before) {
        ngx_http_llm_response_content(ctx, now);
    }

    if (last) {
        ctx->last = 1;

        if (ctx->end == 0) {
            ctx->end = now;
        }
    }

    return rc;
}
