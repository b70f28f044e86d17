
/*
 * Copyright (C) ngx_llm_module authors
 *
 * How a call ended; its entry in the books is ngx_http_llm_finish_book.c.
 *
 * The log phase is the one place that comes for every request, exactly once,
 * however it ended; so the shared memory is written there and nowhere else
 * (gaps between chunks, which are samples of their own, excepted).  Our
 * handler stands before that of access_log, so that what variables say there
 * is final.
 *
 * nginx does not tell how a response ended: a stream that the upstream broke
 * off has status 200, and so has one that the client left.  What tells is
 * whether the last buf was seen, the connection's error flag, and above all
 * the end mark of the dialect: once that has passed, what sockets do no
 * longer matters.
 */


#include "ngx_http_llm_finish.h"
#include "ngx_http_llm_gate.h"
#include "ngx_http_llm_reply.h"
#include "ngx_http_llm_request.h"
#include "ngx_http_llm_slo_call.h"
#include "ngx_http_llm_timeout.h"


ngx_uint_t
ngx_http_llm_finish_attempts(ngx_http_request_t *r)
{
    ngx_uint_t                  i, n;
    ngx_http_upstream_state_t  *state;

    if (r->upstream_states == NULL) {
        return 0;
    }

    state = r->upstream_states->elts;
    n = 0;

    for (i = 0; i < r->upstream_states->nelts; i++) {
        /* between rounds stands an empty one */
        n += (state[i].peer != NULL);
    }

    return n;
}


ngx_int_t
ngx_http_llm_finish_round(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t             n;
    ngx_http_request_t    *r;
    ngx_http_llm_round_t  *round;

    r = ctx->request;

    ngx_http_llm_slo_round(ctx);
    ngx_http_llm_timeout_stop(ctx);

    /* the next location answers for itself */

    if (ctx->inflate) {
        ngx_http_llm_inflate_done(ctx->inflate);
        ctx->inflate = NULL;
    }

    ctx->answer = NULL;
    ctx->first_byte = 0;
    ctx->last = 0;
    ctx->stream = 0;
    ctx->unreadable = 0;

    n = r->upstream_states ? r->upstream_states->nelts : 0;

    if (n == (ctx->rounds ? ctx->rounds->end : 0)) {
        return NGX_OK;
    }

    round = ngx_palloc(r->pool, sizeof(ngx_http_llm_round_t));
    if (round == NULL) {
        return NGX_ERROR;
    }

    ctx->left = r->upstream;

    round->next = ctx->rounds;
    round->provider = ctx->provider;
    round->route = ctx->route;
    round->upstream = r->upstream;
    round->end = n;

    ctx->rounds = round;

    return NGX_OK;
}


void
ngx_http_llm_finish_shape(ngx_http_llm_ctx_t *ctx, ngx_uint_t dialect)
{
    if (dialect == LLM_DIALECT_NONE
        || !(ctx->request->method & NGX_HTTP_POST))
    {
        return;
    }

    if (ctx->operation == LLM_OP_NONE) {
        ctx->operation = llm_dialects[dialect]->operation;
        ctx->dialect = dialect;
        ctx->by_shape = 1;
        return;
    }

    /* the path allows for chat or messages, and the body says which */

    if (dialect == LLM_DIALECT_CHAT || dialect == LLM_DIALECT_MESSAGES
        || dialect == LLM_DIALECT_COMPLETIONS
        || dialect == LLM_DIALECT_COHERE_V1)
    {
        if (ctx->dialect != LLM_DIALECT_MESSAGES
            || dialect == LLM_DIALECT_MESSAGES)
        {
            ctx->dialect = dialect;
            ctx->operation = llm_dialects[dialect]->operation;
        }
    }
}


/* As $status: before its header is sent, an error page has none yet. */

ngx_uint_t
ngx_http_llm_finish_status(ngx_http_request_t *r)
{
    return r->err_status ? r->err_status : r->headers_out.status;
}


/* A 2xx answer to a POST has a body, which says what the call took. */

static ngx_uint_t
ngx_http_llm_finish_answers(ngx_http_request_t *r)
{
    ngx_uint_t  status;

    status = ngx_http_llm_finish_status(r);

    return (r->method & NGX_HTTP_POST) && status >= 200 && status < 300
           && status != NGX_HTTP_NO_CONTENT;
}


/* The upstream called last sent no header: what nginx says is its own. */

static ngx_uint_t
ngx_http_llm_finish_unanswered(ngx_http_request_t *r)
{
    ngx_uint_t                  n;
    ngx_http_upstream_state_t  *state;

    if (r->upstream_states == NULL || r->upstream_states->nelts == 0) {
        return 0;
    }

    state = r->upstream_states->elts;
    n = r->upstream_states->nelts - 1;

    return state[n].peer && state[n].header_time == (ngx_msec_t) -1;
}


static ngx_uint_t
ngx_http_llm_finish_complete(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t           status;
    llm_response_t      *a;
    ngx_http_request_t  *r;

    r = ctx->request;
    a = ctx->answer;
    status = ngx_http_llm_finish_status(r);

    if (a == NULL) {
        /*
         * A protocol that was switched to bypasses all filters.  In a
         * post_action nginx has set header_only itself.
         */
        return ctx->last || r->method == NGX_HTTP_HEAD
               || (r->header_only && !r->post_action)
               || status == NGX_HTTP_NO_CONTENT
               || status == NGX_HTTP_NOT_MODIFIED
               || status == NGX_HTTP_SWITCHING_PROTOCOLS;
    }

    /* what we cannot read tells nothing of its end */

    if (a->framing == LLM_FRAMING_OPAQUE || ctx->unreadable
        || (a->framing == LLM_FRAMING_JSON && llm_response_malformed(a)))
    {
        return ctx->last;
    }

    /* not one byte: no answer, where there should be one */

    if (a->framing == LLM_FRAMING_UNKNOWN) {
        return ctx->last && (a->hint == LLM_FRAMING_UNKNOWN
                             || status < 200 || status > 299);
    }

    return llm_response_complete(a, ctx->last);
}


/*
 * Of the words of the body, else of that of a header; a word that says no
 * more than "invalid" leaves it to the status.
 */

static ngx_uint_t
ngx_http_llm_finish_error(llm_response_t *a, const llm_headers_t *h,
    ngx_uint_t status)
{
    ngx_uint_t  type, code;

    type = a ? a->error_type : LLM_ERROR_NONE;
    code = a ? a->error_code : LLM_ERROR_NONE;

    if (h->error != LLM_ERROR_NONE
        && (type == LLM_ERROR_NONE || type == LLM_ERROR_INVALID_REQUEST)
        && (code == LLM_ERROR_NONE || code == LLM_ERROR_INVALID_REQUEST))
    {
        type = h->error;
    }

    return llm_dialect_error(type, code, status);
}


static void
ngx_http_llm_finish_outcome(ngx_http_llm_ctx_t *ctx, const llm_headers_t *h,
    ngx_uint_t complete)
{
    ngx_uint_t           status;
    llm_response_t      *a;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;
    a = ctx->answer;
    status = ngx_http_llm_finish_status(r);

    if (ngx_http_llm_reply_refused(ctx)) {
        ctx->outcome = LLM_OUTCOME_REFUSED;
        ctx->error = LLM_ERROR_GATE;
        return;
    }

    if (ngx_http_llm_timeout_fired(ctx)) {
        ctx->outcome = LLM_OUTCOME_ERROR;
        ctx->error = LLM_ERROR_TIMEOUT;
        return;
    }

    if (!complete
        && (c->error || c->timedout
            || r->headers_out.status == NGX_HTTP_CLIENT_CLOSED_REQUEST))
    {
        ctx->outcome = LLM_OUTCOME_ABORTED;
        return;
    }

    if (status >= 400 || (a && a->error)) {
        ctx->outcome = LLM_OUTCOME_ERROR;
        ctx->error = ngx_http_llm_finish_error(a, h, status);

        if ((status == NGX_HTTP_BAD_GATEWAY
             || status == NGX_HTTP_SERVICE_UNAVAILABLE)
            && ngx_http_llm_finish_unanswered(r))
        {
            ctx->error = LLM_ERROR_UPSTREAM;
        }

        return;
    }

    if (!complete) {
        ctx->outcome = LLM_OUTCOME_INCOMPLETE;
        ctx->error = LLM_ERROR_UPSTREAM;
        return;
    }

    ctx->outcome = LLM_OUTCOME_OK;
}


/* Bodies that should have been read and could not be. */

static void
ngx_http_llm_finish_unreadable(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t       status;
    llm_response_t  *a;

    a = ctx->answer;
    status = ngx_http_llm_finish_status(ctx->request);

    switch (ctx->asked.state) {

    case LLM_REQUEST_NOT_JSON:
        ngx_http_llm_zone_count(ctx->zone, NGX_HTTP_LLM_UNREADABLE_NOT_JSON,
                                1);
        break;

    case LLM_REQUEST_TOO_LARGE:
        ngx_http_llm_zone_count(ctx->zone, NGX_HTTP_LLM_UNREADABLE_TOO_LARGE,
                                1);
        break;

    case LLM_REQUEST_AMBIGUOUS:
        ngx_http_llm_zone_count(ctx->zone, NGX_HTTP_LLM_UNREADABLE_AMBIGUOUS,
                                1);
        break;
    }

    /* the header filter has counted codings that it could not read */

    if (ctx->unreadable || status < 200 || status > 299
        || ngx_http_llm_reply_refused(ctx))
    {
        return;
    }

    if (a == NULL) {

        if (ctx->last && ngx_http_llm_finish_answers(ctx->request)) {
            ngx_http_llm_zone_count(ctx->zone,
                                    NGX_HTTP_LLM_UNREADABLE_FRAMING, 1);
        }

        return;
    }

    if (llm_response_malformed(a)) {
        ngx_http_llm_zone_count(ctx->zone, NGX_HTTP_LLM_UNREADABLE_NOT_JSON,
                                1);

    } else if (a->framing == LLM_FRAMING_OPAQUE) {
        ngx_http_llm_zone_count(ctx->zone, NGX_HTTP_LLM_UNREADABLE_FRAMING,
                                1);
    }
}


/* All values become final; called once, in the log phase. */

static void
ngx_http_llm_finish_values(ngx_http_llm_ctx_t *ctx, const llm_headers_t *h)
{
    ngx_uint_t       complete;
    llm_response_t  *a;

    ngx_http_llm_request_done(ctx);

    a = ctx->answer;

    if (ctx->end == 0) {
        ctx->end = ngx_http_llm_now();
    }

    if (a) {
        llm_response_end(a);
        ctx->finish = a->finish_why
                      ? a->finish_why
                      : llm_dialect_finish(llm_response_finish(a));

        if (a->framing != LLM_FRAMING_UNKNOWN) {
            ctx->stream = llm_framing_streams(a->framing);
        }
    }

    complete = ngx_http_llm_finish_complete(ctx);

    if (ctx->dialect != LLM_DIALECT_NONE) {
        ngx_http_llm_finish_unreadable(ctx);
    }

    ngx_http_llm_finish_outcome(ctx, h, complete);
    ngx_http_llm_finish_usage(ctx, h, complete);
    ngx_http_llm_finish_cost(ctx, h);
}


uint64_t
ngx_http_llm_finish_tpot(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->first_content == 0 || ctx->usage == LLM_USAGE_NONE
        || ctx->tokens->output < 2)
    {
        return 0;
    }

    return (ctx->last_content - ctx->first_content)
           / (ctx->tokens->output - 1);
}


ngx_uint_t
ngx_http_llm_finish_unknown(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->dialect == LLM_DIALECT_NONE) {
        return ctx->outcome == LLM_OUTCOME_OK;
    }

    return ngx_http_llm_finish_answers(ctx->request)
           && (ctx->unreadable || ctx->outcome == LLM_OUTCOME_OK);
}


static ngx_uint_t
ngx_http_llm_finish_recognised(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t       status;
    llm_response_t  *a;

    a = ctx->answer;
    status = ngx_http_llm_finish_status(ctx->request);

    return status >= 200 && status < 300
           && a && !a->error
           && (a->present || a->content_events || a->text.bytes
               || a->opaque || a->model_len
               || ctx->usage == LLM_USAGE_REPORTED);
}


/*
 * A body that is announced as too large is refused before REWRITE.  It was a
 * call all the same, but nobody knows when it began.
 */

static ngx_http_llm_ctx_t *
ngx_http_llm_finish_early(ngx_http_request_t *r)
{
    ngx_http_llm_ctx_t       *ctx;
    ngx_http_llm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (lcf->zone == NULL
        || ngx_http_llm_finish_status(r) != NGX_HTTP_REQUEST_ENTITY_TOO_LARGE)
    {
        return NULL;
    }

    ctx = ngx_http_llm_ctx_create(r, lcf);

    if (ctx) {
        ngx_http_llm_ctx_operation(ctx);
    }

    return ctx;
}


/* It went to a location where llm is off, and before anybody was called. */

static ngx_uint_t
ngx_http_llm_finish_off(ngx_http_llm_ctx_t *ctx)
{
    return ctx->conf->zone == NULL && ctx->rounds == NULL
           && !ctx->request->error_page && !ctx->request->err_status
           && !ngx_http_llm_reply_refused(ctx);
}


ngx_int_t
ngx_http_llm_log_handler(ngx_http_request_t *r)
{
    ngx_http_llm_ctx_t  *ctx;

    if (r != r->main) {
        return NGX_OK;
    }

    ctx = ngx_http_llm_ctx_get(r);

    if (ctx == NULL) {
        ctx = ngx_http_llm_finish_early(r);
    }

    if (ctx) {
        ngx_http_llm_finish_call(ctx);
    }

    return NGX_OK;
}


void
ngx_http_llm_finish_call(ngx_http_llm_ctx_t *ctx)
{
    llm_headers_t  h;

    if (ctx->finished) {
        return;
    }

    ctx->attempts = ngx_http_llm_finish_attempts(ctx->request);

    if (ngx_http_llm_finish_off(ctx)) {
        ngx_http_llm_gate_settle(ctx);
        ctx->operation = LLM_OP_NONE;
        return;
    }

    ctx->finished = 1;

    ngx_http_llm_headers_finish(ctx, &h);
    ngx_http_llm_finish_values(ctx, &h);
    ngx_http_llm_gate_settle(ctx);

    if (ctx->operation == LLM_OP_NONE) {
        ngx_http_llm_zone_count(ctx->zone, NGX_HTTP_LLM_OTHER_REQUESTS, 1);
        return;
    }

    if (ctx->provider.len == 0 && ngx_http_llm_ctx_place(ctx) != NGX_OK) {
        return;
    }

    ngx_http_llm_headers_keep(ctx);

    (void) ngx_http_llm_ctx_label(ctx, ngx_http_llm_finish_recognised(ctx));

    ngx_http_llm_finish_book(ctx, &h);
    ngx_http_llm_slo_end(ctx);

    if (ctx->live) {
        ngx_http_llm_live_end(ctx->zone, ctx->live);
        ctx->live = 0;
    }
}
