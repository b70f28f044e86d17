
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The way of a call through its gates: a table of steps, run in order.  Each
 * says "go on", or what becomes of the call.
 *
 * What must stay true:
 *
 *   - nothing is held by a call that is refused;
 *   - limits and budgets admit together or none is charged, and a call holds
 *     each of them once, whatever redirects it takes: in another location
 *     the steps run anew, on the body as the client sent it, and what is
 *     held already is re-priced;
 *   - what is judged is what the provider will read.  A body that could be
 *     read two ways is refused, or passed on because the configuration says
 *     so; it is never guessed at.
 */


#include "ngx_http_llm_gate.h"
#include "ngx_http_llm_delay.h"
#include "ngx_http_llm_finish.h"
#include "ngx_http_llm_inspect.h"
#include "ngx_http_llm_models.h"
#include "ngx_http_llm_splice.h"

#include "llm_amount.h"
#include "llm_decimal.h"


#define NGX_HTTP_LLM_GATE_SAY_SEC  60


typedef ngx_int_t (*ngx_http_llm_step_pt)(ngx_http_llm_ctx_t *ctx);


static ngx_int_t ngx_http_llm_gate_readable(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_gate_asked(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_gate_deny(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_gate_caller(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_gate_change(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_gate_input(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_gate_cost(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_gate_hold(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_gate_wait(ngx_http_llm_ctx_t *ctx);


/* The order in one call, as docs/directives.md has it. */

static ngx_http_llm_step_pt  ngx_http_llm_gate_steps[] = {
    ngx_http_llm_gate_readable,
    ngx_http_llm_gate_asked,
    ngx_http_llm_gate_deny,
    ngx_http_llm_gate_look,
    ngx_http_llm_gate_caller,
    ngx_http_llm_gate_change,
    ngx_http_llm_gate_input,
    ngx_http_llm_gate_cost,
    ngx_http_llm_gate_hold,
    ngx_http_llm_gate_count,
    ngx_http_llm_gate_wait
};

#define NGX_HTTP_LLM_GATE_STEPS                                               \
    (sizeof(ngx_http_llm_gate_steps) / sizeof(ngx_http_llm_gate_steps[0]))


ngx_int_t
ngx_http_llm_gate(ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t             rc;
    ngx_http_llm_gate_t  *gate;

    gate = ngx_http_llm_gate_get(ctx);

    if (gate == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    while (gate->step < NGX_HTTP_LLM_GATE_STEPS) {

        rc = ngx_http_llm_gate_steps[gate->step](ctx);

        if (rc == NGX_ERROR) {
            ngx_http_llm_gate_release(ctx);
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        /* of a call that was refused nothing may be left to look at */

        if (rc != NGX_OK) {
            return rc;
        }

        gate->step++;
    }

    return NGX_DECLINED;
}


void
ngx_http_llm_gate_enter(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t              i;
    ngx_http_llm_gate_t    *gate;
    ngx_http_llm_claim_t  **claim;

    if (ctx->extra == NULL || ctx->extra->gate == NULL) {
        return;
    }

    gate = ctx->extra->gate;
    gate->step = 0;
    gate->wait = 0;
    gate->estimated = 0;

    claim = gate->claims.elts;

    for (i = 0; i < gate->claims.nelts; i++) {
        claim[i]->current = 0;
    }
}


/* One line a minute, a worker: what is wrong here is the configuration. */

static void
ngx_http_llm_gate_malformed(ngx_http_llm_ctx_t *ctx, const char *directive,
    ngx_str_t *value)
{
    static time_t  last;

    if (last && ngx_time() - last < NGX_HTTP_LLM_GATE_SAY_SEC) {
        return;
    }

    last = ngx_time();

    ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                  "\"%s\" has the value \"%V\", which is no number: "
                  "the call is refused", directive, value);
}


static ngx_uint_t
ngx_http_llm_gate_encoded(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == sizeof("Content-Encoding") - 1
                && ngx_strcasecmp(h[i].key.data,
                                  (u_char *) "Content-Encoding")
                   == 0
                && h[i].value.len
                && ngx_strcasecmp(h[i].value.data, (u_char *) "identity")
                   != 0)
            {
                return 1;
            }
        }
    }

    return 0;
}


/*
 * Frames of another protocol, bytes of a coding, JSON of two readings and
 * callers of two names are nothing that a gate can judge.
 */

static ngx_int_t
ngx_http_llm_gate_readable(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t           state;
    ngx_http_request_t  *r;

    r = ctx->request;
    state = ctx->asked.state;

    /* who names a model wants something of it, by whatever path */

    if (ctx->operation == LLM_OP_NONE && state == LLM_REQUEST_READ
        && ctx->asked.model.len)
    {
        ctx->operation = LLM_OP_OTHER;
    }

    /* what only changes bodies says itself which it cannot change */

    if (!ngx_http_llm_gate_conf_on(&ctx->conf->gate)
        && !ngx_http_llm_models_wanted(ctx->conf))
    {
        return NGX_OK;
    }

    if (r->headers_in.upgrade) {
        return ngx_http_llm_gate_unread(ctx, LLM_REASON_UNREADABLE,
                   NGX_HTTP_BAD_REQUEST, NGX_HTTP_LLM_GATE_UNREADABLE,
                   "upgrade",
                   "what follows an upgrade of the protocol cannot be read");
    }

    if (ngx_http_llm_gate_encoded(r)) {
        return ngx_http_llm_gate_unread(ctx, LLM_REASON_ENCODING,
                   NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                   NGX_HTTP_LLM_GATE_UNREADABLE, "encoding",
                   "the body is encoded, and cannot be read");
    }

    return ngx_http_llm_gate_unreadable(ctx, state);
}


/* Requests that ask for nothing to be made: lists of models and the like. */

static ngx_uint_t
ngx_http_llm_gate_idle(ngx_http_llm_ctx_t *ctx)
{
    return ctx->operation == LLM_OP_NONE
           || (ctx->asked.state == LLM_REQUEST_UNREAD
               && !(ctx->request->method & NGX_HTTP_POST));
}


static ngx_int_t
ngx_http_llm_gate_model(ngx_http_llm_ctx_t *ctx, llm_str_t model)
{
    ngx_str_t  why;

    switch (ngx_http_llm_models_check(ctx, model, &why)) {

    case NGX_OK:
        return NGX_OK;

    case NGX_DECLINED:
        return ngx_http_llm_gate_refuse_plain(ctx, LLM_REASON_MODEL,
                                              NGX_HTTP_FORBIDDEN,
                                              NGX_HTTP_LLM_GATE_MODELS,
                                              "reject",
                                              (const char *) why.data);
    }

    /* a pattern that is none may have been meant for this one */

    return ngx_http_llm_gate_refuse_plain(ctx, LLM_REASON_MODEL,
                                          NGX_HTTP_FORBIDDEN,
                                          NGX_HTTP_LLM_GATE_MODELS,
                                          "malformed",
                                          (const char *) why.data);
}


static ngx_int_t
ngx_http_llm_gate_asked(ngx_http_llm_ctx_t *ctx)
{
    llm_str_t  model;
    ngx_str_t  why;

    if (!ngx_http_llm_models_wanted(ctx->conf)
        || !ngx_http_llm_models_runs(ctx))
    {
        return NGX_OK;
    }

    if (ngx_http_llm_models_name(ctx, &model, &why) != NGX_OK) {
        return ngx_http_llm_gate_unread(ctx, LLM_REASON_UNREADABLE,
                                        NGX_HTTP_BAD_REQUEST,
                                        NGX_HTTP_LLM_GATE_MODELS,
                                        "ambiguous",
                                        (const char *) why.data);
    }

    return ngx_http_llm_gate_model(ctx, model);
}


static ngx_int_t
ngx_http_llm_gate_deny(ngx_http_llm_ctx_t *ctx)
{
    ngx_str_t               value;
    ngx_uint_t              i;
    ngx_array_t            *a;
    ngx_http_llm_denial_t  *d;

    a = ctx->conf->gate.denials;

    if (a == NULL) {
        return NGX_OK;
    }

    d = a->elts;

    for (i = 0; i < a->nelts; i++) {

        if (ngx_http_complex_value(ctx->request, &d[i].value, &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (value.len == 0 || (value.len == 1 && value.data[0] == '0')) {
            continue;
        }

        return ngx_http_llm_gate_refuse_plain(ctx, LLM_REASON_DENIED,
                                              d[i].status,
                                              NGX_HTTP_LLM_GATE_DENY, "reject",
                                              "this call is not allowed");
    }

    return NGX_OK;
}


/* Keys of limits and budgets may have asked who calls. */

static ngx_int_t
ngx_http_llm_gate_caller(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->extra->inspect == NULL || !ctx->extra->inspect->key_differ) {
        return NGX_OK;
    }

    return ngx_http_llm_gate_unread(ctx, LLM_REASON_UNREADABLE,
                                    NGX_HTTP_BAD_REQUEST,
                                    NGX_HTTP_LLM_GATE_UNREADABLE,
                                    "keys", "it carries two keys that "
                                    "differ");
}


/*
 * The body as it goes upstream.  It is changed before anything is estimated,
 * so that it is the final model and bound that are; a call that is refused
 * all the same takes nothing of it along: in another location the client's
 * own body is put back first.
 */

static ngx_int_t
ngx_http_llm_gate_change(ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_uint_t                  why;
    ngx_http_llm_splice_want_t  want;

    if (!ctx->conf->changes || ngx_http_llm_gate_idle(ctx)) {
        return NGX_OK;
    }

    rc = ngx_http_llm_splice_want(ctx, &want);

    if (rc == NGX_DECLINED) {
        return ngx_http_llm_gate_refuse_plain(ctx, LLM_REASON_SERVER,
                   NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_HTTP_LLM_GATE_SPLICE,
                   "reject",
                   "a setting has a value that means nothing");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (want.model.len) {
        rc = ngx_http_llm_gate_model(ctx, ngx_http_llm_view(&want.model));

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (want.has_max && ctx->conf->max_output_reject) {
        want.has_max = 0;

        if (ngx_http_llm_splice_exceeds(ctx, want.max_output)) {
            return ngx_http_llm_gate_refuse_plain(ctx, LLM_REASON_OUTPUT,
                       NGX_HTTP_BAD_REQUEST, NGX_HTTP_LLM_GATE_OUTPUT,
                       "reject",
                       "more output is asked for than is allowed");
        }
    }

    rc = ngx_http_llm_splice_apply(ctx, &want, &why);

    return (rc == NGX_DECLINED) ? ngx_http_llm_gate_unchanged(ctx, why) : rc;
}


/*
 * The number that a directive has for this call: NGX_DECLINED for none,
 * NGX_ABORT for what is no number.
 */

static ngx_int_t
ngx_http_llm_gate_number(ngx_http_llm_ctx_t *ctx,
    ngx_http_complex_value_t *cv, const char *directive, int digits,
    uint64_t *n)
{
    ngx_str_t  value;

    if (cv == NULL) {
        return NGX_DECLINED;
    }

    if (ngx_http_complex_value(ctx->request, cv, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len == 0) {
        return NGX_DECLINED;
    }

    if (llm_decimal_u64(ngx_http_llm_view(&value), digits, n)
        != LLM_DECIMAL_OK)
    {
        ngx_http_llm_gate_malformed(ctx, directive, &value);
        return NGX_ABORT;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_gate_input(ngx_http_llm_ctx_t *ctx)
{
    uint64_t   max;
    ngx_int_t  rc;

    if (ngx_http_llm_gate_idle(ctx)) {
        return NGX_OK;
    }

    rc = ngx_http_llm_gate_number(ctx, ctx->conf->gate.max_input,
                                  "llm_max_input_tokens", 0, &max);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc == NGX_ERROR) {
        return rc;
    }

    if (rc == NGX_OK && ctx->asked.prompt_tokens <= max) {
        return NGX_OK;
    }

    return ngx_http_llm_gate_refuse_plain(ctx, LLM_REASON_INPUT,
                                          NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                          NGX_HTTP_LLM_GATE_INPUT, "reject",
                                          "the input is too long");
}


/* A call without a price may cost anything. */

static ngx_int_t
ngx_http_llm_gate_cost(ngx_http_llm_ctx_t *ctx)
{
    uint64_t              max;
    ngx_int_t             rc;
    ngx_http_llm_gate_t  *gate;

    if (ngx_http_llm_gate_idle(ctx)) {
        return NGX_OK;
    }

    rc = ngx_http_llm_gate_number(ctx, ctx->conf->gate.max_cost,
                                  "llm_max_cost", LLM_NANO_DIGITS, &max);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc == NGX_ERROR) {
        return rc;
    }

    ngx_http_llm_gate_estimate(ctx, NGX_HTTP_LLM_RESERVE);

    gate = ctx->extra->gate;

    if (rc == NGX_OK && gate->priced && gate->cost <= max) {
        return NGX_OK;
    }

    return ngx_http_llm_gate_refuse_plain(ctx, LLM_REASON_COST,
                                          NGX_HTTP_TOO_MANY_REQUESTS,
                                          NGX_HTTP_LLM_GATE_COST, "reject",
                                          gate->priced
                                          ? "the call may cost too much"
                                          : "the model has no price");
}


static ngx_int_t
ngx_http_llm_gate_hold(ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t             rc;
    ngx_http_llm_reply_t  reply;

    if (ngx_http_llm_gate_idle(ctx)) {
        return NGX_OK;
    }

    rc = ngx_http_llm_gate_reserve(ctx, &reply);

    if (rc == NGX_DECLINED) {
        return ngx_http_llm_gate_refuse(ctx, &reply);
    }

    return rc;
}


/* The longest wait that a limit asks for; what it took is held meanwhile. */

static ngx_int_t
ngx_http_llm_gate_wait(ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_llm_delay(ctx, ctx->extra->gate->wait);

    if (rc == NGX_OK) {
        ctx->extra->gate->wait = 0;
    }

    return rc;
}
