
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Calls and the service levels that they belong to.
 *
 * A call is matched when it is handed on to the upstream: then its provider,
 * route and model are those that it will be sent with.  Each service level
 * that matches watches it until there is a result, which is counted once: its
 * first content, its end, or the moment when it has waited for too long.  So
 * that an upstream that hangs is seen while not one call ends, those that
 * wait stand in a queue of their service level, in the order in which they
 * are due, and one timer is set for the first of all.
 *
 * The time starts when the call is handed on, of a duration when it began.
 * What has not reached an upstream when it is due (a name is being resolved,
 * the caller is still sending) is looked at again; without an attempt there
 * is no result.  In another location (error_page) the watches begin anew; an
 * attempt that failed before is a bad call of those that watched it.
 *
 * What a call was told by a variable stands beside its watches, and is found
 * again on redirects and before there is a ctx: by a cleanup of the pool,
 * which also takes the call out of the queues, however it ended.
 */


#include "ngx_http_llm_slo_call.h"
#include "ngx_http_llm_finish.h"


static void ngx_http_llm_slo_leave(ngx_http_llm_slo_call_t *call);


static void
ngx_http_llm_slo_cleanup(void *data)
{
    ngx_http_llm_slo_leave(data);
}


static ngx_http_llm_slo_call_t *
ngx_http_llm_slo_find(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_llm_slo_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


static ngx_http_llm_slo_call_t *
ngx_http_llm_slo_get(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_llm_slo_call_t   *call;
    ngx_http_llm_main_conf_t  *mcf;

    call = ngx_http_llm_slo_find(r);

    if (call) {
        return call;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_llm_slo_call_t));
    if (cln == NULL) {
        return NULL;
    }

    call = cln->data;
    ngx_memzero(call, sizeof(ngx_http_llm_slo_call_t));

    call->told = ngx_pcalloc(r->pool, mcf->slos->nelts
                                      * sizeof(ngx_http_llm_slo_told_t));
    if (call->told == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_llm_slo_cleanup;

    return call;
}


static ngx_http_llm_slo_call_t *
ngx_http_llm_slo_of(ngx_http_llm_ctx_t *ctx)
{
    return ctx->extra ? ctx->extra->slo : NULL;
}


/* The state of the last attempt in this location; NULL: there was none. */

ngx_http_upstream_state_t *
ngx_http_llm_slo_attempt(ngx_http_llm_slo_call_t *call)
{
    ngx_uint_t                  i;
    ngx_array_t                *states;
    ngx_http_upstream_state_t  *state;

    states = call->ctx->request->upstream_states;

    if (states == NULL) {
        return NULL;
    }

    state = states->elts;

    for (i = states->nelts; i > call->states; i--) {
        if (state[i - 1].peer) {
            return &state[i - 1];
        }
    }

    return NULL;
}


/* Out of all queues: what has no result by now has none. */

static void
ngx_http_llm_slo_leave(ngx_http_llm_slo_call_t *call)
{
    ngx_uint_t  i;

    for (i = 0; i < call->nwatches; i++) {
        call->watches[i].open = 0;
        ngx_http_llm_slo_unqueue(&call->watches[i]);
    }

    call->nwatches = 0;
    call->started = 0;
    call->matched = 0;
}


static ngx_uint_t
ngx_http_llm_slo_is(const ngx_str_t *filter, llm_str_t value)
{
    return filter->len == 0
           || (filter->len == value.len
               && ngx_memcmp(filter->data, value.data, value.len) == 0);
}


static ngx_uint_t
ngx_http_llm_slo_labelled(ngx_http_llm_ctx_t *ctx, ngx_keyval_t *kv)
{
    ngx_str_t                   value;
    ngx_uint_t                  i;
    ngx_http_llm_label_conf_t  *label;

    if (ctx->conf->labels == NULL) {
        return 0;
    }

    label = ctx->conf->labels->elts;

    for (i = 0; i < ctx->conf->labels->nelts; i++) {

        if (label[i].name.len == kv->key.len
            && ngx_strncmp(label[i].name.data, kv->key.data, kv->key.len)
               == 0)
        {
            return ngx_http_complex_value(ctx->request, &label[i].value,
                                          &value)
                   == NGX_OK
                   && ngx_http_llm_slo_is(&kv->value,
                                          ngx_http_llm_view(&value));
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_llm_slo_matches(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_slo_conf_t *slo)
{
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    if (slo->def.zone != ctx->zone
        || !ngx_http_llm_slo_is(&slo->provider,
                                ngx_http_llm_view(&ctx->provider))
        || !ngx_http_llm_slo_is(&slo->route, ngx_http_llm_view(&ctx->route))
        || !ngx_http_llm_slo_is(&slo->model, ngx_http_llm_ctx_sent(ctx)))
    {
        return 0;
    }

    kv = slo->labels.elts;

    for (i = 0; i < slo->labels.nelts; i++) {
        if (!ngx_http_llm_slo_labelled(ctx, &kv[i])) {
            return 0;
        }
    }

    return 1;
}


static void
ngx_http_llm_slo_match(ngx_http_llm_slo_call_t *call)
{
    uint64_t                    now;
    ngx_uint_t                  i, k, n;
    ngx_http_llm_ctx_t         *ctx;
    ngx_http_llm_slo_conf_t   **slo, *found[NGX_HTTP_LLM_SLOS];
    ngx_http_llm_main_conf_t   *mcf;
    ngx_http_llm_slo_watch_t   *w;

    ctx = call->ctx;

    if (!call->started || call->matched || ctx->operation == LLM_OP_NONE) {
        return;
    }

    call->matched = 1;

    mcf = ngx_http_get_module_main_conf(ctx->request, ngx_http_llm_module);
    slo = mcf->slos->elts;
    n = 0;

    for (i = 0; i < mcf->slos->nelts; i++) {
        if ((call->counted & (uint32_t) 1 << slo[i]->bit) == 0
            && ngx_http_llm_slo_matches(ctx, slo[i]))
        {
            found[n++] = slo[i];
        }
    }

    if (n == 0) {
        return;
    }

    call->watches = ngx_pcalloc(ctx->request->pool,
                                n * sizeof(ngx_http_llm_slo_watch_t));
    if (call->watches == NULL) {
        return;
    }

    call->nwatches = n;
    now = ngx_http_llm_now();

    if (call->from == 0) {
        call->from = ctx->ready;
    }

    for (k = 0; k < n; k++) {
        w = &call->watches[k];

        w->call = call;
        w->slo = found[k];
        w->open = 1;

        if (w->slo->metric == NGX_HTTP_LLM_SLO_TTFT
            && ctx->first_content == 0)
        {
            ngx_http_llm_slo_queue(w, call->from + w->slo->under, now);

        } else if (w->slo->metric == NGX_HTTP_LLM_SLO_DURATION) {
            ngx_http_llm_slo_queue(w, ctx->start + w->slo->under, now);
        }
    }
}


ngx_int_t
ngx_http_llm_slo_start(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_request_t        *r;
    ngx_http_llm_extra_t      *extra;
    ngx_http_llm_slo_call_t   *call;
    ngx_http_llm_main_conf_t  *mcf;

    r = ctx->request;
    mcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    if (mcf->slos == NULL) {
        return NGX_OK;
    }

    extra = ngx_http_llm_ctx_extra(ctx);
    call = ngx_http_llm_slo_get(r);

    if (extra == NULL || call == NULL) {
        return NGX_ERROR;
    }

    extra->slo = call;
    call->ctx = ctx;

    if (call->started) {
        return NGX_OK;
    }

    call->started = 1;
    call->states = r->upstream_states ? r->upstream_states->nelts : 0;

    /* of a call that was elsewhere before, its time here */

    call->from = ctx->rounds ? ngx_http_llm_now() : 0;

    if (r->request_body
        || (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked))
    {
        ngx_http_llm_slo_match(call);
    }

    return NGX_OK;
}


void
ngx_http_llm_slo_body(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_llm_slo_call_t  *call;

    call = ngx_http_llm_slo_of(ctx);

    if (call) {
        ngx_http_llm_slo_match(call);
    }
}


void
ngx_http_llm_slo_first(ngx_http_llm_ctx_t *ctx, uint64_t now)
{
    ngx_uint_t                 i;
    ngx_http_llm_slo_call_t   *call;
    ngx_http_llm_slo_watch_t  *w;

    call = ngx_http_llm_slo_of(ctx);

    if (call == NULL || ctx->replay) {
        return;
    }

    ngx_http_llm_slo_match(call);

    for (i = 0; i < call->nwatches; i++) {
        w = &call->watches[i];

        if (w->open && w->slo->metric == NGX_HTTP_LLM_SLO_TTFT
            && ngx_http_llm_slo_attempt(call))
        {
            ngx_http_llm_slo_result(w, now <= call->from + w->slo->under,
                                    now);
        }
    }
}


/* Errors that are the provider's, or of the way to it. */

static ngx_uint_t
ngx_http_llm_slo_error(ngx_uint_t error)
{
    return error == LLM_ERROR_RATE_LIMIT || error == LLM_ERROR_OVERLOADED
           || error == LLM_ERROR_TIMEOUT || error == LLM_ERROR_SERVER_ERROR
           || error == LLM_ERROR_UPSTREAM;
}


void
ngx_http_llm_slo_round(ngx_http_llm_ctx_t *ctx)
{
    uint64_t                    now;
    ngx_uint_t                  i, bad;
    ngx_http_llm_slo_call_t    *call;
    ngx_http_upstream_state_t  *state;

    call = ngx_http_llm_slo_of(ctx);

    if (call == NULL || !call->started) {
        return;
    }

    ngx_http_llm_slo_match(call);

    state = ngx_http_llm_slo_attempt(call);

    bad = state && (state->status == 0
                    || (state->status >= 400
                        && ngx_http_llm_slo_error(
                               llm_dialect_error(LLM_ERROR_NONE,
                                                 LLM_ERROR_NONE,
                                                 state->status))));

    now = ngx_http_llm_now();

    for (i = 0; bad && i < call->nwatches; i++) {
        if (call->watches[i].open) {
            ngx_http_llm_slo_result(&call->watches[i], 0, now);
        }
    }

    ngx_http_llm_slo_leave(call);
}


/* Whether the call was good; NGX_DECLINED: it says nothing. */

static ngx_int_t
ngx_http_llm_slo_good(ngx_http_llm_ctx_t *ctx, ngx_http_llm_slo_conf_t *slo)
{
    uint64_t  tpot;

    if (ctx->outcome == LLM_OUTCOME_ERROR
        || ctx->outcome == LLM_OUTCOME_INCOMPLETE)
    {
        return ngx_http_llm_slo_error(ctx->error) ? 0 : NGX_DECLINED;
    }

    if (ctx->outcome != LLM_OUTCOME_OK) {
        return NGX_DECLINED;
    }

    switch (slo->metric) {

    case NGX_HTTP_LLM_SLO_DURATION:
        return ctx->end - ctx->start <= slo->under;

    case NGX_HTTP_LLM_SLO_TPOT:
        tpot = ngx_http_llm_finish_tpot(ctx);
        return tpot ? tpot <= slo->under : NGX_DECLINED;

    case NGX_HTTP_LLM_SLO_ERRORS:
        return 1;

    default: /* a stream without content, or no stream */
        return NGX_DECLINED;
    }
}


void
ngx_http_llm_slo_end(ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t                  good;
    ngx_uint_t                 i;
    ngx_http_llm_slo_call_t   *call;
    ngx_http_llm_slo_watch_t  *w;

    call = ngx_http_llm_slo_of(ctx);

    if (call == NULL || !call->started) {
        return;
    }

    ngx_http_llm_slo_match(call);

    if (!ctx->replay && ngx_http_llm_slo_attempt(call)) {

        for (i = 0; i < call->nwatches; i++) {
            w = &call->watches[i];

            if (!w->open) {
                continue;
            }

            good = ngx_http_llm_slo_good(ctx, w->slo);

            if (good != NGX_DECLINED) {
                ngx_http_llm_slo_result(w, good, ngx_http_llm_now());
            }
        }
    }

    ngx_http_llm_slo_leave(call);
}


/*
 * A call can be moved, or be a probe, until its answer begins; what is no
 * call, or has been answered, is shown the state as it is.
 */

static ngx_uint_t
ngx_http_llm_slo_moves(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    if (r->headers_out.status || r->header_sent) {
        return 0;
    }

    if (ctx && ctx->finished) {
        return 0;
    }

    return (ctx && ctx->operation != LLM_OP_NONE)
           || r->method == NGX_HTTP_POST;
}


ngx_int_t
ngx_http_llm_slo_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_llm_slo_conf_t *slo = (ngx_http_llm_slo_conf_t *) data;

    ngx_uint_t                breach;
    ngx_http_llm_ctx_t       *ctx;
    ngx_http_llm_slo_call_t  *call;
    ngx_http_llm_slo_told_t  *told;

    r = r->main;

    ctx = ngx_http_llm_ctx_get(r);
    call = ngx_http_llm_slo_find(r);

    if (call == NULL && ngx_http_llm_slo_moves(r, ctx)) {
        call = ngx_http_llm_slo_get(r);
        if (call == NULL) {
            return NGX_ERROR;
        }
    }

    told = call ? &call->told[slo->index] : NULL;

    if (told && told->told != NGX_HTTP_LLM_SLO_UNTOLD) {
        breach = (told->told == NGX_HTTP_LLM_SLO_TOLD_BREACH);

    } else if (told && ngx_http_llm_slo_moves(r, ctx)) {
        breach = ngx_http_llm_slo_ask(&slo->def, &told->turn);
        told->told = breach ? NGX_HTTP_LLM_SLO_TOLD_BREACH
                            : NGX_HTTP_LLM_SLO_TOLD_OK;

    } else {
        breach = ngx_http_llm_slo_breach(&slo->def);

        if (told) {
            told->told = breach ? NGX_HTTP_LLM_SLO_TOLD_BREACH
                                : NGX_HTTP_LLM_SLO_TOLD_OK;
        }
    }

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = (u_char *) (breach ? "breach" : "ok");
    v->len = breach ? 6 : 2;

    return NGX_OK;
}
