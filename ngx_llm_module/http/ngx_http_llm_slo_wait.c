
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Calls that wait, and what a clock does to service levels.
 *
 * A call that is late is bad at that moment and not when it ends, or an
 * upstream that hangs would never be seen to.  So those that wait stand in a
 * queue of their service level, in the order in which they are due, and one
 * timer is set for the first of all: what it costs does not grow with the
 * calls that wait.
 *
 * What has not reached an upstream when it is due (a name is being resolved,
 * the caller is still sending) is looked at again.
 *
 * Queues and timer are of the process.  The timer is cancelable: a worker
 * that is to exit waits for its calls, not for them to be late.
 */


#include "ngx_http_llm_slo_call.h"


/* A call that is due and is with no upstream yet is looked at after. */
#define NGX_HTTP_LLM_SLO_LATER  100000000ull


static void ngx_http_llm_slo_due(ngx_event_t *ev);


static ngx_event_t       ngx_http_llm_slo_event;
static ngx_connection_t  ngx_http_llm_slo_dummy;

/* whose timer it is; when it is set for, ns; NULL and 0: not */
static ngx_http_llm_main_conf_t  *ngx_http_llm_slo_mcf;
static uint64_t                   ngx_http_llm_slo_set_for;
static ngx_uint_t                 ngx_http_llm_slo_joined;


static void
ngx_http_llm_slo_say(ngx_log_t *log, ngx_http_llm_slo_conf_t *slo,
    ngx_http_llm_slo_move_e move, uint64_t now)
{
    ngx_str_t                name;
    ngx_http_llm_slo_view_t  view;

    if (move == NGX_HTTP_LLM_SLO_STAYS) {
        return;
    }

    name.data = (u_char *) slo->def.name.data;
    name.len = slo->def.name.len;

    if (move == NGX_HTTP_LLM_SLO_RETURNS) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0, "llm_slo \"%V\" is ok again",
                      &name);
        return;
    }

    ngx_http_llm_slo_read(&slo->def, now, &view);

    ngx_log_error(NGX_LOG_WARN, log, 0,
                  "llm_slo \"%V\" is in breach: %uL of %uL calls of the "
                  "last %s are bad",
                  &name, view.window_bad, view.window_good + view.window_bad,
                  ngx_http_llm_slo_windows[slo->window]);
}


/* Life of the process */

void
ngx_http_llm_slo_init(ngx_cycle_t *cycle, ngx_http_llm_main_conf_t *mcf)
{
    ngx_uint_t                 i;
    ngx_event_t               *ev;
    ngx_http_llm_slo_conf_t  **slo;

    if (mcf->slos == NULL) {
        return;
    }

    slo = mcf->slos->elts;

    for (i = 0; i < mcf->slos->nelts; i++) {
        ngx_queue_init(&slo[i]->waiting);
    }

    ngx_http_llm_slo_mcf = mcf;
    ngx_http_llm_slo_set_for = 0;
    ngx_http_llm_slo_joined = 0;

    ev = &ngx_http_llm_slo_event;

    ngx_memzero(ev, sizeof(ngx_event_t));
    ngx_memzero(&ngx_http_llm_slo_dummy, sizeof(ngx_connection_t));

    /* debug logging takes the data of an event for a connection */

    ngx_http_llm_slo_dummy.fd = (ngx_socket_t) -1;

    ev->handler = ngx_http_llm_slo_due;
    ev->data = &ngx_http_llm_slo_dummy;
    ev->log = cycle->log;
    ev->cancelable = 1;

    /* another worker that starts at this moment is done at once */

    for (i = 0; i < 100 && !ngx_http_llm_slo_joined; i++) {
        if (i) {
            ngx_msleep(1);
        }

        ngx_http_llm_slo_tick(mcf, ngx_http_llm_now());
    }
}


static ngx_int_t
ngx_http_llm_slo_places(ngx_http_llm_main_conf_t *mcf, uint64_t now)
{
    int                        rc;
    ngx_uint_t                 i, k, n;
    ngx_shm_zone_t           **zone;
    ngx_http_llm_slo_t        *def[NGX_HTTP_LLM_SLOS];
    ngx_http_llm_slo_conf_t  **slo;

    zone = mcf->zones.elts;
    slo = mcf->slos->elts;
    rc = NGX_HTTP_LLM_SLO_OK;

    for (i = 0; i < mcf->zones.nelts; i++) {
        n = 0;

        for (k = 0; k < mcf->slos->nelts; k++) {
            if (slo[k]->zone == zone[i]) {
                def[n++] = &slo[k]->def;
            }
        }

        if (n && ngx_http_llm_slo_join(ngx_http_llm_zone_of(zone[i]), def, n,
                                       mcf->loaded, now)
                 == NGX_HTTP_LLM_SLO_AGAIN)
        {
            rc = NGX_HTTP_LLM_SLO_AGAIN;
        }
    }

    return rc;
}


void
ngx_http_llm_slo_tick(ngx_http_llm_main_conf_t *mcf, uint64_t now)
{
    ngx_uint_t                 i;
    ngx_http_llm_slo_conf_t  **slo;

    if (mcf->slos == NULL) {
        return;
    }

    if (!ngx_http_llm_slo_joined) {
        ngx_http_llm_slo_joined = (ngx_http_llm_slo_places(mcf, now)
                                   == NGX_HTTP_LLM_SLO_OK);
    }

    slo = mcf->slos->elts;

    for (i = 0; i < mcf->slos->nelts; i++) {
        ngx_http_llm_slo_say(ngx_cycle->log, slo[i],
                             ngx_http_llm_slo_look(&slo[i]->def, now), now);
    }
}


/* The queues */

static void
ngx_http_llm_slo_timer(uint64_t due, uint64_t now)
{
    if (ngx_http_llm_slo_set_for && ngx_http_llm_slo_set_for <= due) {
        return;
    }

    ngx_http_llm_slo_set_for = due;

    /* the event loop's own clock may be behind: never before it is due */

    ngx_add_timer(&ngx_http_llm_slo_event,
                  due > now ? (ngx_msec_t) ((due - now) / 1000000) + 1 : 1);
}


void
ngx_http_llm_slo_unqueue(ngx_http_llm_slo_watch_t *w)
{
    if (w->queued) {
        ngx_queue_remove(&w->queue);
        w->queued = 0;
    }
}


/* Most are due later than all others of their service level. */

void
ngx_http_llm_slo_queue(ngx_http_llm_slo_watch_t *w, uint64_t due,
    uint64_t now)
{
    ngx_queue_t               *q, *waiting;
    ngx_http_llm_slo_watch_t  *other;

    ngx_http_llm_slo_unqueue(w);

    waiting = &w->slo->waiting;

    for (q = ngx_queue_last(waiting);
         q != ngx_queue_sentinel(waiting);
         q = ngx_queue_prev(q))
    {
        other = ngx_queue_data(q, ngx_http_llm_slo_watch_t, queue);

        if (other->due <= due) {
            break;
        }
    }

    w->due = due;
    w->queued = 1;

    ngx_queue_insert_after(q, &w->queue);

    ngx_http_llm_slo_timer(due, now);
}


void
ngx_http_llm_slo_result(ngx_http_llm_slo_watch_t *w, ngx_uint_t good,
    uint64_t now)
{
    ngx_http_llm_slo_call_t  *call;

    call = w->call;

    w->open = 0;
    ngx_http_llm_slo_unqueue(w);

    call->counted |= (uint32_t) 1 << w->slo->bit;

    ngx_http_llm_slo_say(ngx_cycle->log, w->slo,
                         ngx_http_llm_slo_count(&w->slo->def, (int) good,
                                           call->told[w->slo->index].turn,
                                           now),
                         now);
}


/* A call is due: it is bad, unless it is no sample, or not yet. */

static void
ngx_http_llm_slo_late(ngx_http_llm_slo_watch_t *w, uint64_t now)
{
    ngx_http_llm_ctx_t       *ctx;
    ngx_http_request_t       *r;
    ngx_http_llm_slo_call_t  *call;

    call = w->call;
    ctx = call->ctx;
    r = ctx->request;

    if (r->reading_body && w->slo->metric == NGX_HTTP_LLM_SLO_TTFT) {
        /* the caller is still sending, so it is not the provider's time */
        call->from = now;
        ngx_http_llm_slo_queue(w, now + w->slo->under, now);
        return;
    }

    if (ctx->replay) {
        ngx_http_llm_slo_unqueue(w);
        return;
    }

    if (ngx_http_llm_slo_attempt(call) == NULL) {
        ngx_http_llm_slo_queue(w, now + NGX_HTTP_LLM_SLO_LATER, now);
        return;
    }

    if (w->slo->metric == NGX_HTTP_LLM_SLO_TTFT
        && !ctx->stream
        && (r->headers_out.status
            || !(ctx->asked.stream || ctx->path_stream)))
    {
        /* no stream, as far as is known: its end will tell */
        ngx_http_llm_slo_unqueue(w);
        return;
    }

    ngx_http_llm_slo_result(w, 0, now);
}


static void
ngx_http_llm_slo_due(ngx_event_t *ev)
{
    uint64_t                    now, next;
    ngx_uint_t                  i;
    ngx_queue_t                *waiting;
    ngx_http_llm_slo_conf_t   **slo;
    ngx_http_llm_slo_watch_t   *w;

    now = ngx_http_llm_now();
    next = 0;
    slo = ngx_http_llm_slo_mcf->slos->elts;

    /* what is queued meanwhile must not set the timer each time */

    ngx_http_llm_slo_set_for = 1;

    for (i = 0; i < ngx_http_llm_slo_mcf->slos->nelts; i++) {
        waiting = &slo[i]->waiting;

        while (!ngx_queue_empty(waiting)) {
            w = ngx_queue_data(ngx_queue_head(waiting),
                               ngx_http_llm_slo_watch_t, queue);

            if (w->due > now) {
                next = (next && next < w->due) ? next : w->due;
                break;
            }

            ngx_http_llm_slo_late(w, now);
        }
    }

    ngx_http_llm_slo_set_for = 0;

    if (next) {
        ngx_http_llm_slo_timer(next, now);
    }
}
