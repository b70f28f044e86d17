
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The way of the request.
 *
 * REWRITE stamps the start, PRECONTENT is the last place before the upstream,
 * and in between or after (as nginx reads it) the body passes our filter, in
 * pieces, from memory, whatever the protocol.  Nothing here changes what
 * passes.
 *
 * The one change is Accept-Encoding.  What the upstream gets is read from
 * the list of headers; what nginx's gzip decides is read from a pointer into
 * that list.  So the list is copied, the copy's elements say "identity", and
 * the pointer stays with the client's.  The arrays of the list are shared
 * with subrequests and outlive redirects: the client's own list is put back
 * whenever the request enters a location anew.
 */


#include "ngx_http_llm_request.h"
#include "ngx_http_llm_canon.h"
#include "ngx_http_llm_delay.h"
#include "ngx_http_llm_finish.h"
#include "ngx_http_llm_gate.h"
#include "ngx_http_llm_inspect.h"
#include "ngx_http_llm_slo_call.h"
#include "ngx_http_llm_splice.h"
#include "ngx_http_llm_timeout.h"


ngx_http_request_body_filter_pt  ngx_http_llm_next_request_body_filter;


static void
ngx_http_llm_request_headers_restore(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_request_t  *r;

    if (ctx->headers == NULL) {
        return;
    }

    r = ctx->request;

    r->headers_in.headers = *ctx->headers;
    ctx->headers = NULL;
}


static ngx_int_t
ngx_http_llm_request_identity(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t           i;
    ngx_list_t          *list, *saved;
    ngx_list_part_t     *part, *copy;
    ngx_table_elt_t     *h;
    ngx_http_request_t  *r;

    r = ctx->request;
    list = &r->headers_in.headers;

    if (ngx_http_llm_accept_encoding(r) == NULL || ctx->headers) {
        return NGX_OK;
    }

    saved = ngx_palloc(r->pool, sizeof(ngx_list_t));
    if (saved == NULL) {
        return NGX_ERROR;
    }

    *saved = *list;

    for (part = &list->part; part; part = part->next) {

        h = ngx_palloc(r->pool, part->nelts * list->size);
        if (h == NULL) {
            *list = *saved;
            return NGX_ERROR;
        }

        ngx_memcpy(h, part->elts, part->nelts * list->size);
        part->elts = h;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == sizeof("Accept-Encoding") - 1
                && ngx_strcasecmp(h[i].key.data,
                                  (u_char *) "Accept-Encoding")
                   == 0)
            {
                ngx_str_set(&h[i].value, "identity");
            }
        }

        if (part->next == NULL) {
            /* full: what others push goes to a part of its own */
            list->last = part;
            list->nalloc = part->nelts;
            break;
        }

        /* the records after the first are shared: copy them too */

        copy = ngx_palloc(r->pool, sizeof(ngx_list_part_t));
        if (copy == NULL) {
            *list = *saved;
            return NGX_ERROR;
        }

        *copy = *part->next;
        part->next = copy;
    }

    ctx->headers = saved;

    return NGX_OK;
}


/*
 * A body that was read before there was a location (client_body_early_read,
 * or another module) has passed the filter when nobody knew of a call.  What
 * is in a file is not read, for that would block; but see the inspection.
 */

static void
ngx_http_llm_request_early(ngx_http_llm_ctx_t *ctx)
{
    ngx_chain_t              *cl;
    ngx_http_request_body_t  *rb;

    rb = ctx->request->request_body;

    if (rb == NULL || rb->rest != 0 || ctx->request->reading_body) {
        return;
    }

    for (cl = rb->bufs; cl; cl = cl->next) {
        if (cl->buf->in_file && !ngx_buf_in_memory(cl->buf)) {
            return;
        }
    }

    for (cl = rb->bufs; cl; cl = cl->next) {
        ngx_http_llm_request_feed(ctx, cl->buf->pos,
                                  ngx_buf_in_memory(cl->buf)
                                  ? cl->buf->last - cl->buf->pos : 0);
    }

    ngx_http_llm_request_over(ctx);
}


/*
 * Runs for each location that the main request enters.  The first one with
 * llm on starts the clock; later ones do not restart it.
 */

ngx_int_t
ngx_http_llm_rewrite_handler(ngx_http_request_t *r)
{
    ngx_http_llm_ctx_t       *ctx;
    ngx_http_llm_loc_conf_t  *lcf;

    if (r != r->main) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_llm_ctx_get(r);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (r->post_action) {
        /* the call is over, and its status and attempts would be mixed up */

        if (ctx) {
            ngx_http_llm_finish_call(ctx);
        }

        return NGX_DECLINED;
    }

    if (ctx) {
        ngx_http_llm_request_headers_restore(ctx);

        if (ngx_http_llm_finish_round(ctx) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_http_llm_splice_restore(ctx);
        ngx_http_llm_gate_enter(ctx);

        ctx->conf = lcf;
        return NGX_DECLINED;
    }

    if (lcf->zone == NULL || lcf->status) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_llm_ctx_create(r, lcf);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->start = ngx_http_llm_now();
    ngx_http_llm_ctx_operation(ctx);

    if (r->request_body) {
        ngx_http_llm_request_early(ctx);
    }

    return NGX_DECLINED;
}


/* In flight, under what is known by now. */

static void
ngx_http_llm_request_live(ngx_http_llm_ctx_t *ctx)
{
    uint32_t  series;

    if (ctx->operation == LLM_OP_NONE) {
        return;
    }

    series = ngx_http_llm_series_base(ctx->zone,
                                      ngx_http_llm_view(&ctx->provider),
                                      ngx_http_llm_view(&ctx->route),
                                      ctx->operation);

    if (ctx->live) {
        ngx_http_llm_live_move(ctx->zone, ctx->live, series);

    } else {
        ctx->live = ngx_http_llm_live_start(ctx->zone, series, 1, ctx->start);
    }
}


ngx_int_t
ngx_http_llm_precontent_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_llm_ctx_t        *ctx;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_llm_main_conf_t  *mcf;

    if (r != r->main || r->post_action) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_llm_ctx_get(r);

    if (ctx == NULL) {
        return NGX_DECLINED;
    }

    /* an "if" of the location may have chosen other settings since */

    ctx->conf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (ctx->conf->zone == NULL) {
        return NGX_DECLINED;
    }

    if (ngx_http_llm_inspect_wanted(ctx->conf)) {
        rc = ngx_http_llm_inspect(ctx);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_http_llm_ctx_operation(ctx);

    if (ngx_http_llm_ctx_place(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_llm_gate_on(ctx->conf)) {
        rc = ngx_http_llm_gate(ctx);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (ctx->conf->delay) {
        rc = ngx_http_llm_delay_call(ctx);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* a body that was read in an earlier phase does not end the wait */

    if (ctx->ready == 0 || ctx->rounds == NULL) {
        ctx->ready = ngx_http_llm_now();
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (ctx->conf->accept_encoding == NGX_HTTP_LLM_ACCEPT_IDENTITY
        && mcf->proxy && clcf->handler == mcf->proxy
        && ngx_http_llm_request_identity(ctx) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_llm_request_live(ctx);

    if (ngx_http_llm_slo_start(ctx) != NGX_OK
        || (ctx->conf->timeout && ngx_http_llm_timeout_start(ctx) != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_DECLINED;
}


/* The header that Anthropic's API requires. */

static ngx_uint_t
ngx_http_llm_request_anthropic(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == sizeof("anthropic-version") - 1
                && ngx_strcasecmp(h[i].key.data,
                                  (u_char *) "anthropic-version")
                   == 0)
            {
                return 1;
            }
        }
    }

    return 0;
}


void
ngx_http_llm_request_done(ngx_http_llm_ctx_t *ctx)
{
    u_char                *p;
    ngx_uint_t             dialect, operation;
    llm_request_t         *r;
    ngx_http_llm_asked_t  *a;

    r = ctx->reading;

    if (r == NULL) {
        return;
    }

    ctx->reading = NULL;
    a = &ctx->asked;

    a->state = r->state;
    a->model_flags = r->model_flags;
    a->max_tokens = r->max_tokens;
    a->has_max_tokens = r->has_max_tokens;
    a->turns = r->turns;
    a->prompt_bytes = r->prompt_bytes;

    if (r->model_len || r->temperature_len) {
        p = ngx_pnalloc(ctx->request->pool,
                        r->model_len + r->temperature_len);

        if (p) {
            a->model.data = p;
            a->model.len = r->model_len;
            a->temperature_len = r->temperature_len;

            p = ngx_cpymem(p, r->model, r->model_len);
            ngx_memcpy(p, r->temperature, r->temperature_len);

        } else {
            a->model_flags |= LLM_REQUEST_MODEL_ODD;
        }
    }

    if (ctx->by_shape || ctx->operation == LLM_OP_NONE) {
        dialect = llm_request_dialect(r);

        if (dialect == LLM_DIALECT_CHAT
            && ngx_http_llm_request_anthropic(ctx->request))
        {
            dialect = LLM_DIALECT_MESSAGES;
        }

        operation = ctx->operation;
        ngx_http_llm_finish_shape(ctx, dialect);

        if (ctx->operation != operation && ctx->provider.len
            && ctx->conf->zone && !ctx->answer)
        {
            ngx_http_llm_request_live(ctx);
        }
    }

    a->choices = r->choices;
    a->stream = llm_request_streams(r, ctx->dialect);
    a->prompt_tokens = ngx_min(llm_request_tokens(r, ctx->dialect,
                                       ngx_http_llm_view(&ctx->path_model)),
                               UINT32_MAX);

    ngx_http_llm_splice_note(ctx, r);
}


void
ngx_http_llm_request_feed(ngx_http_llm_ctx_t *ctx, u_char *p, size_t len)
{
    ngx_http_llm_main_conf_t  *mcf;

    if (len == 0 || ctx->answer) {
        return;
    }

    mcf = ngx_http_get_module_main_conf(ctx->request, ngx_http_llm_module);

    if (ctx->reading == NULL) {

        if (ctx->asked.state != LLM_REQUEST_UNREAD) {
            return;
        }

        ctx->reading = ngx_http_llm_ctx_memory(ctx);
        if (ctx->reading == NULL) {
            return;
        }

        llm_request_init(ctx->reading, mcf->dialects);
    }

    llm_request_feed(ctx->reading, p, len, ctx->conf->inspect_max);

    if ((mcf->cache_key || mcf->prompt) && !ngx_http_llm_request_known(ctx)) {
        ngx_http_llm_canon_feed(ctx, p, len);
    }
}


void
ngx_http_llm_request_over(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->reading) {
        llm_request_end(ctx->reading);
        ngx_http_llm_request_done(ctx);
        ngx_http_llm_canon_over(ctx);
    }
}


ngx_uint_t
ngx_http_llm_request_known(ngx_http_llm_ctx_t *ctx)
{
    llm_request_t  *r;

    r = ctx->reading;

    if (r == NULL) {
        return ctx->asked.state != LLM_REQUEST_UNREAD;
    }

    return r->state != LLM_REQUEST_READING
           && r->state != LLM_REQUEST_AMBIGUOUS;
}


static void
ngx_http_llm_request_read(ngx_http_llm_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_buf_t  *b;

    if (ctx->answer) {
        return;
    }

    for ( /* void */ ; in; in = in->next) {
        b = in->buf;

        if (ngx_buf_in_memory(b)) {
            ngx_http_llm_request_feed(ctx, b->pos, b->last - b->pos);
        }

        if (b->last_buf && ctx->reading) {
            ngx_http_llm_request_over(ctx);

            if (!ctx->request->request_body_no_buffering) {
                ctx->ready = ngx_http_llm_now();
            }

            ngx_http_llm_slo_body(ctx);
        }
    }
}


ngx_int_t
ngx_http_llm_request_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_llm_ctx_t  *ctx;

    if (in && r == r->main) {
        ctx = ngx_http_llm_ctx_get(r);

        if (ctx && ctx->conf->zone) {
            ngx_http_llm_request_read(ctx, in);
        }
    }

    return ngx_http_llm_next_request_body_filter(r, in);
}
