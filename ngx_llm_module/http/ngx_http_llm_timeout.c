
/*
 * Copyright (C) ngx_llm_module authors
 *
 * llm_stream_timeout: calls that are too slow or too long are ended.
 *
 * One timer a call.  It is not moved when content comes: when it is due the
 * stamps are compared, and it is set anew if there is nothing to end.  All
 * three times count from when the call was handed on in this location, so
 * that a fallback has its own.
 *
 * What ends an upstream is its own cleanup, as nginx itself calls it where a
 * request that has one is given another: with one more count on the request,
 * which the cleanup gives back, so that the request lives on.  No other
 * server is tried (proxy_next_upstream is not asked): what was too slow has
 * used up the client's time.  The server counts as failed (max_fails).
 *
 * Before the header the client gets 504, by error_page if there is one.
 * After it, an error event in the words of the API and the end of the body.
 * The event goes the way of every body, so that it is counted and, where
 * nginx compresses, compressed; our reader knows whether what the client has
 * so far ends between two events.  If not, a blank line (a line end in
 * NDJSON) ends what is cut.  Where no event can stand, as inside of a binary
 * frame or of an element of an array, the connection is closed: an end that
 * is no end in any framing.
 *
 * A client that does not read gets nothing more: that content does not come
 * is its own doing then, and when the whole is too long it is closed.
 */


#include "ngx_http_llm_timeout.h"
#include "ngx_http_llm_reply.h"


#define NGX_HTTP_LLM_TIMEOUT_LATER  100000000ull     /* ns */


typedef struct {
    uint64_t                   ttft;     /* ns, 0: none */
    uint64_t                   idle;
    uint64_t                   total;
} ngx_http_llm_timeout_conf_t;


struct ngx_http_llm_timeout_s {
    ngx_event_t                ev;
    ngx_connection_t           dummy;    /* for the debug log */
    ngx_http_llm_ctx_t        *ctx;
    uint64_t                   from;     /* ns; 0: ctx->ready */
    uint64_t                   idle;     /* ns: nothing before it counts */
    const char                *why;      /* what is due first */
    unsigned                   fired:1;
};

typedef struct ngx_http_llm_timeout_s  ngx_http_llm_timeout_t;


static void ngx_http_llm_timeout_handler(ngx_event_t *ev);


char *
ngx_http_llm_timeout_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t *lcf = conf;

    uint64_t                     *ns;
    ngx_int_t                     ms;
    ngx_str_t                    *value, s;
    ngx_uint_t                    i, k;
    ngx_http_llm_timeout_conf_t  *tcf;

    static const struct {
        ngx_str_t  name;
        size_t     offset;
    } times[] = {
        { ngx_string("ttft="), offsetof(ngx_http_llm_timeout_conf_t, ttft) },
        { ngx_string("idle="), offsetof(ngx_http_llm_timeout_conf_t, idle) },
        { ngx_string("total="),
          offsetof(ngx_http_llm_timeout_conf_t, total) }
    };

    if (lcf->timeout != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        lcf->timeout = NULL;
        return NGX_CONF_OK;
    }

    tcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_timeout_conf_t));
    if (tcf == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        for (k = 0; k < 3; k++) {
            if (ngx_strncmp(value[i].data, times[k].name.data,
                            times[k].name.len)
                == 0)
            {
                break;
            }
        }

        if (k == 3) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        s.data = value[i].data + times[k].name.len;
        s.len = value[i].len - times[k].name.len;

        ns = (uint64_t *) ((u_char *) tcf + times[k].offset);
        ms = ngx_parse_time(&s, 0);

        if (ms == NGX_ERROR || ms == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%V\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        if (*ns) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        *ns = (uint64_t) ms * 1000000;
    }

    lcf->timeout = tcf;

    return NGX_CONF_OK;
}


static void
ngx_http_llm_timeout_cleanup(void *data)
{
    ngx_http_llm_timeout_t *t = data;

    if (t->ev.timer_set) {
        ngx_del_timer(&t->ev);
    }
}


static void
ngx_http_llm_timeout_arm(ngx_http_llm_timeout_t *t, uint64_t due,
    uint64_t now)
{
    ngx_add_timer(&t->ev,
                  due > now ? (ngx_msec_t) ((due - now) / 1000000) + 1 : 1);
}


ngx_int_t
ngx_http_llm_timeout_start(ngx_http_llm_ctx_t *ctx)
{
    uint64_t                      now, ns;
    ngx_pool_cleanup_t           *cln;
    ngx_http_llm_extra_t         *extra;
    ngx_http_llm_timeout_t       *t;
    ngx_http_llm_timeout_conf_t  *tcf;

    tcf = ctx->conf->timeout;

    if (ctx->operation == LLM_OP_NONE && ctx->request->request_body) {
        return NGX_OK;
    }

    extra = ngx_http_llm_ctx_extra(ctx);
    if (extra == NULL) {
        return NGX_ERROR;
    }

    t = extra->timeout;

    if (t == NULL) {
        cln = ngx_pool_cleanup_add(ctx->request->pool,
                                   sizeof(ngx_http_llm_timeout_t));
        if (cln == NULL) {
            return NGX_ERROR;
        }

        t = cln->data;
        ngx_memzero(t, sizeof(ngx_http_llm_timeout_t));

        cln->handler = ngx_http_llm_timeout_cleanup;

        t->ctx = ctx;
        t->dummy.fd = (ngx_socket_t) -1;
        t->ev.data = &t->dummy;
        t->dummy.data = t;
        t->ev.handler = ngx_http_llm_timeout_handler;
        t->ev.log = ctx->request->connection->log;

        extra->timeout = t;
    }

    if (t->ev.timer_set) {
        return NGX_OK;
    }

    now = ngx_http_llm_now();

    t->fired = 0;
    t->idle = 0;
    t->from = ctx->rounds ? now : 0;

    ns = tcf->total ? tcf->total : UINT64_MAX;
    ns = tcf->ttft ? ngx_min(ns, tcf->ttft) : ns;
    ns = tcf->idle ? ngx_min(ns, tcf->idle) : ns;

    ngx_http_llm_timeout_arm(t, now + ns, now);

    return NGX_OK;
}


void
ngx_http_llm_timeout_stop(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->extra && ctx->extra->timeout) {
        ngx_http_llm_timeout_cleanup(ctx->extra->timeout);
        ctx->extra->timeout->fired = 0;
    }
}


ngx_uint_t
ngx_http_llm_timeout_fired(ngx_http_llm_ctx_t *ctx)
{
    return ctx->extra && ctx->extra->timeout && ctx->extra->timeout->fired;
}


/* The upstream that is at work; NULL: none is, yet or any more. */

static ngx_http_upstream_t *
ngx_http_llm_timeout_upstream(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_upstream_t  *u;

    u = ctx->request->upstream;

    return u && u != ctx->left && u->cleanup && u->state && u->state->peer
           ? u : NULL;
}


static ngx_uint_t
ngx_http_llm_timeout_streams(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->unreadable || ctx->inflate) {
        return ctx->first_content != 0;
    }

    return ctx->stream
           || (ctx->request->headers_out.status == 0
               && (ctx->asked.stream || ctx->path_stream));
}


/*
 * When something is to be ended, if nothing comes; UINT64_MAX: never.  In a
 * stream that has not begun "idle" is looked at as if it had just now, so
 * that its time is never missed by a timer that was set for later.
 */

static uint64_t
ngx_http_llm_timeout_due(ngx_http_llm_timeout_t *t, uint64_t now,
    uint64_t *look)
{
    uint64_t                      due, from, first, last;
    ngx_http_llm_ctx_t           *ctx;
    ngx_http_llm_timeout_conf_t  *tcf;

    ctx = t->ctx;
    tcf = ctx->conf->timeout;

    from = t->from ? t->from : ctx->ready;
    due = tcf->total ? from + tcf->total : UINT64_MAX;
    t->why = "not complete within \"total\"";
    *look = UINT64_MAX;

    first = ctx->first_content >= from ? ctx->first_content : 0;

    if (first == 0) {

        if (tcf->ttft && ngx_http_llm_timeout_streams(ctx)) {

            if (from + tcf->ttft <= due) {
                due = from + tcf->ttft;
                t->why = "no content within \"ttft\"";
            }

        } else if (tcf->ttft) {
            /* it may turn out to be a stream */
            *look = now + ngx_min(tcf->ttft, 1000000000);
        }

        if (tcf->idle) {
            *look = ngx_min(*look, now + tcf->idle);
        }

        return due;
    }

    if (tcf->idle) {

        if (ctx->request->connection->buffered) {
            /* not before the client has taken what there is */
            t->idle = now;
        }

        last = ngx_max(ctx->last_content, t->idle);

        if (last + tcf->idle <= due) {
            due = last + tcf->idle;
            t->why = "no more content within \"idle\"";
        }
    }

    return due;
}


/* Ends the upstream; the request goes on. */

static void
ngx_http_llm_timeout_end(ngx_http_request_t *r, ngx_http_upstream_t *u)
{
    if (u->peer.free && u->peer.sockaddr) {
        u->peer.free(&u->peer, u->peer.data, NGX_PEER_FAILED);
        u->peer.sockaddr = NULL;
    }

    if (u->state->status == 0) {
        u->state->status = NGX_HTTP_GATEWAY_TIME_OUT;
    }

    r->main->count++;
    (*u->cleanup)(r);
}


static void
ngx_http_llm_timeout_says(llm_refusal_t *refusal)
{
    ngx_memzero(refusal, sizeof(llm_refusal_t));

    refusal->reason = LLM_REASON_TIMEOUT;
    refusal->status = NGX_HTTP_GATEWAY_TIME_OUT;
    refusal->gate.data = (uint8_t *) "stream timeout";
    refusal->gate.len = sizeof("stream timeout") - 1;
}


/* The end of a body that has begun: NGX_ERROR, or what the filters said. */

static ngx_int_t
ngx_http_llm_timeout_last(ngx_http_llm_ctx_t *ctx)
{
    u_char               *p;
    size_t                len;
    ngx_buf_t            *b;
    llm_join_e            join;
    ngx_uint_t            framing, dialect;
    ngx_chain_t           out;
    llm_refusal_t         refusal;
    llm_response_t       *a;
    ngx_http_request_t   *r;

    r = ctx->request;
    a = ctx->answer;

    if (a == NULL || ctx->inflate || ctx->unreadable || ctx->last
        || r->connection->buffered || r->header_only || r != r->connection->data
        || r->postponed || r->headers_out.content_length_n != -1)
    {
        return NGX_ERROR;
    }

    join = llm_response_behind(a);

    if (join == LLM_JOIN_NEVER) {
        return NGX_ERROR;
    }

    framing = (join == LLM_JOIN_FIRST) ? a->hint : a->framing;

    if (join == LLM_JOIN_FIRST || join == LLM_JOIN_HERE) {
        framing |= LLM_REPLY_FIRST;
    }

    b = ngx_create_temp_buf(r->pool, LLM_REPLY_MAX + 2);
    if (b == NULL) {
        return NGX_ERROR;
    }

    ngx_http_llm_timeout_says(&refusal);

    dialect = llm_reply_dialect(ctx->dialect,
                                ngx_http_llm_view(&ctx->provider));
    p = b->pos;

    if (join == LLM_JOIN_LINE) {
        *p++ = '\n';

        if (framing == LLM_FRAMING_SSE) {
            *p++ = '\n';
        }
    }

    len = llm_reply_event(p, LLM_REPLY_MAX, dialect, framing, &refusal);

    if (len == 0) {
        return NGX_ERROR;
    }

    b->last = p + len;

    if (join == LLM_JOIN_HERE) {
        b->pos++;
    }

    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static void
ngx_http_llm_timeout_fire(ngx_http_llm_timeout_t *t, ngx_http_upstream_t *u)
{
    ngx_int_t            rc;
    llm_refusal_t        refusal;
    ngx_http_llm_ctx_t  *ctx;
    ngx_http_request_t  *r;

    ctx = t->ctx;
    r = ctx->request;

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "llm_stream_timeout: %s", t->why);

    ngx_http_llm_timeout_end(r, u);

    /* a fallback, if there is one, starts anew */

    t->fired = !r->header_sent || !r->connection->buffered;

    if (!r->header_sent) {
        ngx_http_llm_timeout_says(&refusal);
        ngx_http_finalize_request(r, ngx_http_llm_reply_error(ctx, &refusal));
        return;
    }

    if (r->connection->buffered) {
        /* it does not read: as nginx's own send_timeout */
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    rc = ngx_http_llm_timeout_last(ctx);

    if (rc == NGX_ERROR) {
        r->keepalive = 0;
    }

    ngx_http_finalize_request(r, rc);
}


static void
ngx_http_llm_timeout_handler(ngx_event_t *ev)
{
    uint64_t                 now, due, look;
    ngx_connection_t        *c;
    ngx_http_llm_ctx_t      *ctx;
    ngx_http_request_t      *r;
    ngx_http_upstream_t     *u;
    ngx_http_llm_timeout_t  *t;

    t = ((ngx_connection_t *) ev->data)->data;
    ctx = t->ctx;
    r = ctx->request;
    c = r->connection;
    now = ngx_http_llm_now();

    /* over, but for what a client or a log has to do yet */

    if (ctx->finished || ctx->last || ctx->conf->timeout == NULL
        || (ctx->answer && ctx->answer->end))
    {
        return;
    }

    u = ngx_http_llm_timeout_upstream(ctx);

    if (u && ctx->operation == LLM_OP_NONE) {
        return;
    }

    if (u == NULL) {

        if (!r->header_sent) {
            /* the caller is sending, a name is being resolved */
            t->from = now;
            ngx_http_llm_timeout_arm(t, now + NGX_HTTP_LLM_TIMEOUT_LATER,
                                     now);
        }

        return;
    }

    due = ngx_http_llm_timeout_due(t, now, &look);

    if (due > now || r->blocked) {

        if (r->blocked) {
            look = now + NGX_HTTP_LLM_TIMEOUT_LATER;
            due = look;
        }

        due = ngx_min(due, look);

        if (due != UINT64_MAX) {
            ngx_http_llm_timeout_arm(t, due, now);
        }

        return;
    }

    ngx_http_set_log_request(c->log, r);

    ngx_http_llm_timeout_fire(t, u);

    ngx_http_run_posted_requests(c);
}
