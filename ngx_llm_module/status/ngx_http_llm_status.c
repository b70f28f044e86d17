
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The llm_status handler: what is asked for, headers, and the slices.
 *
 * Other people's streams run through the same worker, so a response is
 * rendered in slices: some steps, until a fifth of a millisecond or a buf is
 * full, then the chain goes to the filters and the event loop has its turn.
 * The next slice comes from an event of our own in ngx_posted_next_events.
 * A timer of 0 ms, or ngx_posted_events, would run in the same turn: a loop
 * in disguise.  The event is our own, and not the connection's write event,
 * because that one only knows the request which is being sent now: as a
 * subrequest behind another we would never be called.
 *
 * A client that is slow shows as NGX_AGAIN from the filters: nothing more is
 * rendered until its socket takes more.  A filter that holds bufs may say
 * NGX_AGAIN, too, whoever kept them; if the socket is free no event would
 * ever come, so what counts is whether the write event is ready.  (Not
 * c->buffered: gzip keeps a bit set there while it only collects input.)
 *
 * The request may be gone after ngx_http_finalize_request(); the event goes
 * with its pool.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_status.h"
#include "ngx_http_llm_view.h"


#define NGX_HTTP_LLM_SLICE_NS    200000
#define NGX_HTTP_LLM_SLICE_SIZE  NGX_HTTP_LLM_OUT_BUF


typedef struct {
    ngx_http_llm_view_t   view;
    ngx_event_t           next;
    unsigned              waiting:1;     /* for the socket */
} ngx_http_llm_status_ctx_t;


static ngx_http_llm_status_ctx_t *ngx_http_llm_status_ctx(
    ngx_http_request_t *r);
static void ngx_http_llm_status_cleanup(void *data);
static ngx_int_t ngx_http_llm_status_start(ngx_http_request_t *r,
    ngx_http_llm_status_ctx_t *ctx);
static ngx_int_t ngx_http_llm_status_refuse(ngx_http_request_t *r,
    ngx_http_llm_view_t *view);
static ngx_int_t ngx_http_llm_status_headers(ngx_http_request_t *r,
    ngx_uint_t format);
static ngx_int_t ngx_http_llm_status_header(ngx_http_request_t *r,
    const char *name, const char *value);
static void ngx_http_llm_status_slice(ngx_http_request_t *r,
    ngx_http_llm_status_ctx_t *ctx);
static ngx_uint_t ngx_http_llm_status_render(ngx_http_llm_view_t *view,
    uint64_t end);
static uint64_t ngx_http_llm_status_clock(void);
static void ngx_http_llm_status_next(ngx_event_t *ev);
static void ngx_http_llm_status_resume(ngx_http_request_t *r);
static void ngx_http_llm_status_wait(ngx_http_request_t *r,
    ngx_http_llm_status_ctx_t *ctx);


/*
 * Content types: the part that gzip_types and charset look at, and the rest.
 * By ngx_http_llm_format_e.
 */

typedef struct {
    llm_str_t  type;
    size_t     bare;
} ngx_http_llm_content_type_t;


#define content_type(bare, rest)                                              \
    { llm_string(bare rest), sizeof(bare) - 1 }

static const ngx_http_llm_content_type_t  ngx_http_llm_content_types[] = {
    { llm_string(""), 0 },
    content_type("application/json", ""),
    content_type("text/plain", "; version=0.0.4; charset=utf-8"),
    content_type("application/openmetrics-text",
                 "; version=1.0.0; charset=utf-8")
};


ngx_int_t
ngx_http_llm_status_handler(ngx_http_request_t *r,
    ngx_http_llm_status_conf_t *conf)
{
    llm_str_t                   by;
    ngx_int_t                   rc;
    ngx_pool_cleanup_t         *cln;
    ngx_http_llm_view_t        *view;
    ngx_http_llm_status_ctx_t  *ctx;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_llm_status_header(r, "Allow", "GET, HEAD") == NGX_OK
               ? NGX_HTTP_NOT_ALLOWED : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_llm_status_ctx_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_llm_status_ctx_t));

    cln->handler = ngx_http_llm_status_cleanup;

    ctx->next.data = r;
    ctx->next.handler = ngx_http_llm_status_next;
    ctx->next.log = r->connection->log;

    view = &ctx->view;

    view->pool = r->pool;
    view->zone = conf->zone->data;
    view->info = conf->info;

    ngx_http_llm_out_init(&view->out, r->pool);
    ngx_http_llm_view_names(view);

    by.data = conf->by.data;
    by.len = conf->by.len;

    rc = ngx_http_llm_query_read(r, &view->query, conf->format, by);

    if (rc == NGX_DECLINED) {
        return ngx_http_llm_status_refuse(r, view);
    }

    if (rc != NGX_OK || ngx_http_llm_view_begin(view) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_llm_status_start(r, ctx);
}


static ngx_int_t
ngx_http_llm_status_start(ngx_http_request_t *r,
    ngx_http_llm_status_ctx_t *ctx)
{
    ngx_int_t  rc;

    r->headers_out.status = NGX_HTTP_OK;

    rc = ngx_http_llm_status_headers(r, ctx->view.query.format);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    if (r == r->main) {
        r->read_event_handler = ngx_http_test_reading;
    }

    r->write_event_handler = ngx_http_llm_status_resume;
    r->main->count++;

    ngx_http_llm_status_slice(r, ctx);

    return NGX_DONE;
}


static ngx_int_t
ngx_http_llm_status_refuse(ngx_http_request_t *r, ngx_http_llm_view_t *view)
{
    ngx_int_t     rc;
    ngx_chain_t  *out;

    ngx_http_llm_query_error(&view->query, &view->out);

    r->headers_out.status = NGX_HTTP_BAD_REQUEST;
    r->headers_out.content_length_n = view->out.size;

    if (ngx_http_llm_out_take(&view->out, &out, 1, r == r->main) != NGX_OK
        || ngx_http_llm_status_headers(r, NGX_HTTP_LLM_JSON) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, out);
}


static ngx_int_t
ngx_http_llm_status_headers(ngx_http_request_t *r, ngx_uint_t format)
{
    const ngx_http_llm_content_type_t  *ct;

    ct = &ngx_http_llm_content_types[format];

    r->headers_out.content_type.data = (u_char *) ct->type.data;
    r->headers_out.content_type.len = ct->type.len;
    r->headers_out.content_type_len = ct->bare;
    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_llm_status_header(r, "Cache-Control", "no-store") != NGX_OK
        || ngx_http_llm_status_header(r, "X-Content-Type-Options", "nosniff")
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_status_header(ngx_http_request_t *r, const char *name,
    const char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    /* zero what newer versions have in it, too */

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value.data = (u_char *) value;
    h->value.len = ngx_strlen(value);

    return NGX_OK;
}


/* The context dies with the pool; other modules' contexts are left alone. */

static ngx_http_llm_status_ctx_t *
ngx_http_llm_status_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_llm_status_ctx_t  *ctx;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_llm_status_cleanup) {
            continue;
        }

        ctx = cln->data;

        /* subrequests share the pool */

        if (ctx->next.data == r) {
            return ctx;
        }
    }

    return NULL;
}


static void
ngx_http_llm_status_cleanup(void *data)
{
    ngx_http_llm_status_ctx_t  *ctx = data;

    if (ctx->next.posted) {
        ngx_delete_posted_event(&ctx->next);
    }
}


/* Renders and sends one slice, and sees to it that there is a next one. */

static void
ngx_http_llm_status_slice(ngx_http_request_t *r,
    ngx_http_llm_status_ctx_t *ctx)
{
    uint64_t      start;
    ngx_int_t     rc;
    ngx_uint_t    last;
    ngx_chain_t  *out;
#if (NGX_DEBUG)
    size_t        size;
#endif

    start = ngx_http_llm_status_clock();
    last = ngx_http_llm_status_render(&ctx->view,
                                      start + NGX_HTTP_LLM_SLICE_NS);

#if (NGX_DEBUG)
    size = ctx->view.out.size;
#endif

    if (ngx_http_llm_out_take(&ctx->view.out, &out, last, r == r->main)
        != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    rc = NGX_OK;

    if (out) {
        rc = ngx_http_output_filter(r, out);

        ngx_http_llm_out_sent(&ctx->view.out, out);
    }

    ngx_log_debug4(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "llm status slice: %i last:%ui %uz bytes, %uL ns",
                   rc, last, size, ngx_http_llm_status_clock() - start);

    if (rc == NGX_ERROR || last) {

        if (ctx->next.posted) {
            ngx_delete_posted_event(&ctx->next);
        }

        ngx_http_finalize_request(r, rc);
        return;
    }

    if (rc == NGX_AGAIN) {
        ngx_http_llm_status_wait(r, ctx);
        return;
    }

    ngx_post_event(&ctx->next, &ngx_posted_next_events);
}


/* True when the last step is done; what failed is known to the out. */

static ngx_uint_t
ngx_http_llm_status_render(ngx_http_llm_view_t *view, uint64_t end)
{
    ngx_int_t  rc;

    do {
        rc = (*view->step)(view);

        if (rc == NGX_ERROR) {
            view->out.failed = 1;
        }

        if (view->out.failed) {
            return 0;
        }

        if (rc == NGX_OK) {
            view->step++;

            if (*view->step == NULL) {
                return 1;
            }
        }

    } while (view->out.size < NGX_HTTP_LLM_SLICE_SIZE
             && ngx_http_llm_status_clock() < end);

    return 0;
}


static uint64_t
ngx_http_llm_status_clock(void)
{
    struct timespec  ts;

    if (clock_gettime(CLOCK_MONOTONIC, &ts) == -1) {
        return 0;
    }

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


static void
ngx_http_llm_status_next(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ev->data;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    /* a request that is being terminated has another handler */

    if (r->write_event_handler == ngx_http_llm_status_resume) {
        ngx_http_llm_status_resume(r);
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_llm_status_resume(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_event_t                *wev;
    ngx_connection_t           *c;
    ngx_http_llm_status_ctx_t  *ctx;

    c = r->connection;
    wev = c->write;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    ctx = ngx_http_llm_status_ctx(r);
    if (ctx == NULL) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (wev->delayed) {
        ngx_http_llm_status_wait(r, ctx);
        return;
    }

    if (ctx->waiting) {
        rc = ngx_http_output_filter(r, NULL);

        ngx_http_llm_out_sent(&ctx->view.out, NULL);

        if (rc == NGX_ERROR) {
            ngx_http_finalize_request(r, rc);
            return;
        }

        if (rc == NGX_AGAIN && (!wev->ready || wev->delayed)) {
            ngx_http_llm_status_wait(r, ctx);
            return;
        }

        ctx->waiting = 0;

        if (wev->timer_set) {
            ngx_del_timer(wev);
        }
    }

    ngx_http_llm_status_slice(r, ctx);
}


/* The filters hold bytes back: for the socket, or for limit_rate. */

static void
ngx_http_llm_status_wait(ngx_http_request_t *r,
    ngx_http_llm_status_ctx_t *ctx)
{
    ngx_event_t               *wev;
    ngx_http_core_loc_conf_t  *clcf;

    wev = r->connection->write;

    if (wev->ready && !wev->delayed) {
        ngx_post_event(&ctx->next, &ngx_posted_next_events);
        return;
    }

    ctx->waiting = 1;

    clcf = ngx_http_get_module_loc_conf(r->main, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}
