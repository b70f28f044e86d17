
/*
 * Copyright (C) ngx_llm_module authors
 *
 * How a call ended, and its entry in the books.
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
#include "ngx_http_llm_request.h"


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
    n = r->upstream_states ? r->upstream_states->nelts : 0;

    if (n == (ctx->rounds ? ctx->rounds->end : 0)) {
        return NGX_OK;
    }

    round = ngx_palloc(r->pool, sizeof(ngx_http_llm_round_t));
    if (round == NULL) {
        return NGX_ERROR;
    }

    round->next = ctx->rounds;
    round->provider = ctx->provider;
    round->route = ctx->route;
    round->end = n;

    ctx->rounds = round;

    /* the next location answers for itself */

    ctx->answer = NULL;
    ctx->first_byte = 0;
    ctx->last = 0;
    ctx->stream = 0;

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
        ctx->operation = llm_dialects[dialect].operation;
        ctx->dialect = dialect;
        ctx->by_shape = 1;
        return;
    }

    /* the path allows for chat or messages, and the body says which */

    if (dialect == LLM_DIALECT_CHAT || dialect == LLM_DIALECT_MESSAGES
        || dialect == LLM_DIALECT_COMPLETIONS)
    {
        if (ctx->dialect != LLM_DIALECT_MESSAGES
            || dialect == LLM_DIALECT_MESSAGES)
        {
            ctx->dialect = dialect;
            ctx->operation = llm_dialects[dialect].operation;
        }
    }
}


/*
 * Usage is what the provider reported.  Where a call was cut before it did,
 * or the provider never does, tokens are estimated from the text that
 * passed: text that was delivered is never counted as 0.
 */

static void
ngx_http_llm_finish_usage(ngx_http_llm_ctx_t *ctx, ngx_uint_t complete)
{
    uint64_t         text;
    ngx_uint_t       status;
    llm_response_t  *a;

    a = ctx->answer;
    status = ctx->request->headers_out.status;

    if (a == NULL) {
        return;
    }

    text = llm_text_tokens(&a->text);

    if (a->content_events && text == 0) {
        text = a->content_events;
    }

    if (llm_response_tokens(a, &ctx->tokens)) {
        ctx->usage = LLM_USAGE_REPORTED;

        /* counters of a stream that was cut are as of some time before */

        if (complete || text <= ctx->tokens.output) {
            return;
        }

        ctx->tokens.output = text;
        ctx->usage = LLM_USAGE_ESTIMATED;
        return;
    }

    if (status < 200 || status > 299
        || a->framing == LLM_FRAMING_OPAQUE
        || a->framing == LLM_FRAMING_UNKNOWN
        || (a->error && text == 0))
    {
        return;
    }

    ctx->tokens.input = ctx->asked.prompt_tokens;
    ctx->tokens.output = text;

    if (ctx->tokens.input || ctx->tokens.output) {
        ctx->usage = LLM_USAGE_ESTIMATED;
    }
}


static void
ngx_http_llm_finish_cost(ngx_http_llm_ctx_t *ctx)
{
    llm_cost_t  cost;

    if (ctx->usage == LLM_USAGE_NONE) {
        return;
    }

    if (ctx->usage == LLM_USAGE_REPORTED
        && llm_response_cost(ctx->answer, &ctx->cost))
    {
        ctx->cost_source = NGX_HTTP_LLM_COST_PROVIDER;
        return;
    }

    ngx_http_llm_ctx_price(ctx);

    if (llm_cost(ctx->price, &ctx->tokens, ctx->answer->tier, 0, &cost)) {
        ctx->cost = cost.nano;
        ctx->cost_source = NGX_HTTP_LLM_COST_LIST;
    }
}


static void
ngx_http_llm_finish_outcome(ngx_http_llm_ctx_t *ctx, ngx_uint_t complete)
{
    ngx_uint_t           status;
    llm_response_t      *a;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;
    a = ctx->answer;
    status = r->headers_out.status;

    if (!complete
        && (c->error || c->timedout || status == NGX_HTTP_CLIENT_CLOSED_REQUEST))
    {
        ctx->outcome = LLM_OUTCOME_ABORTED;
        return;
    }

    if (status >= 400 || (a && a->error)) {
        ctx->outcome = LLM_OUTCOME_ERROR;
        ctx->error = llm_dialect_error(a ? a->error_type : LLM_ERROR_NONE,
                                       a ? a->error_code : LLM_ERROR_NONE,
                                       status);

        /* nobody answered: nginx made this status up */

        if (a == NULL && (status == NGX_HTTP_BAD_GATEWAY
                          || status == NGX_HTTP_SERVICE_UNAVAILABLE)
            && r->upstream_states)
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


/* All values become final; called once, in the log phase. */

static void
ngx_http_llm_finish_values(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t           complete;
    llm_response_t      *a;
    ngx_http_request_t  *r;

    r = ctx->request;

    ngx_http_llm_request_done(ctx);

    a = ctx->answer;

    if (ctx->end == 0) {
        ctx->end = ngx_http_llm_now();
    }

    if (a) {
        llm_response_end(a);
        complete = llm_response_complete(a, ctx->last);
        ctx->finish = a->finish_why
                      ? a->finish_why
                      : llm_dialect_finish(llm_response_finish(a));

        if (a->framing == LLM_FRAMING_UNKNOWN
            || a->framing == LLM_FRAMING_OPAQUE || ctx->unreadable)
        {
            complete = ctx->last;
        }

        ctx->stream = (a->framing == LLM_FRAMING_SSE);

    } else {
        complete = ctx->last || r->header_only
                   || r->method == NGX_HTTP_HEAD;
    }

    if (r->headers_out.status == 0 && r->err_status) {
        r->headers_out.status = r->err_status;
    }

    ngx_http_llm_finish_outcome(ctx, complete);
    ngx_http_llm_finish_usage(ctx, complete);
    ngx_http_llm_finish_cost(ctx);
}


uint64_t
ngx_http_llm_finish_tpot(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->first_content == 0 || ctx->tokens.output < 2) {
        return 0;
    }

    return (ctx->last_content - ctx->first_content)
           / (ctx->tokens.output - 1);
}


/*
 * Attempts states[from .. end - 1].  over: the request went elsewhere; after
 * X-Accel-Redirect that is no failure.
 */

static void
ngx_http_llm_finish_book_attempts(ngx_http_llm_ctx_t *ctx, uint32_t series,
    ngx_uint_t from, ngx_uint_t end, ngx_uint_t over)
{
    ngx_uint_t                  i, n, failed, last;
    ngx_http_upstream_state_t  *state;

    if (ctx->request->upstream_states == NULL) {
        return;
    }

    state = ctx->request->upstream_states->elts;
    n = 0;
    failed = 0;
    last = 0;

    for (i = from; i < end; i++) {

        if (state[i].peer == NULL) {
            continue;
        }

        /* all but the last were given up */

        last = (state[i].status == 0
                || state[i].status >= (over ? 400 : 500)
                || state[i].status == NGX_HTTP_TOO_MANY_REQUESTS);
        failed++;
        n++;
    }

    if (n == 0) {
        return;
    }

    if (!last) {
        failed--;
    }

    ngx_http_llm_series_add(ctx->zone, series, NGX_HTTP_LLM_ATTEMPTS, n);

    if (failed) {
        ngx_http_llm_series_add(ctx->zone, series,
                                NGX_HTTP_LLM_ATTEMPTS_FAILED, failed);
    }
}


static void
ngx_http_llm_finish_book_rounds(ngx_http_llm_ctx_t *ctx)
{
    uint32_t               series;
    ngx_uint_t             end, from;
    ngx_http_llm_round_t  *round;

    end = ctx->request->upstream_states
          ? ctx->request->upstream_states->nelts : 0;
    from = ctx->rounds ? ctx->rounds->end : 0;

    ngx_http_llm_finish_book_attempts(ctx, ctx->series, from, end, 0);

    for (round = ctx->rounds; round; round = round->next) {
        from = round->next ? round->next->end : 0;

        series = ngx_http_llm_series_base(ctx->zone,
                                          ngx_http_llm_view(&round->provider),
                                          ngx_http_llm_view(&round->route),
                                          ctx->operation);

        ngx_http_llm_finish_book_attempts(ctx, series, from, round->end, 1);
    }
}


static void
ngx_http_llm_finish_book_usage(ngx_http_llm_ctx_t *ctx)
{
    uint32_t              series;
    llm_tokens_t         *t;
    ngx_http_llm_zone_t  *zone;

    zone = ctx->zone;
    series = ctx->series;
    t = &ctx->tokens;

    if (ctx->replay) {
        ngx_http_llm_series_add(zone, series, NGX_HTTP_LLM_SAVED, ctx->cost);
        return;
    }

    if (ctx->usage == LLM_USAGE_NONE) {

        if (ctx->dialect == LLM_DIALECT_NONE
            && ctx->outcome == LLM_OUTCOME_OK)
        {
            ngx_http_llm_series_add(zone, series, NGX_HTTP_LLM_UNPRICED, 1);
        }

        return;
    }

    ngx_http_llm_series_add(zone, series, NGX_HTTP_LLM_TOKENS_INPUT, t->input);
    ngx_http_llm_series_add(zone, series, NGX_HTTP_LLM_TOKENS_OUTPUT,
                            t->output);
    ngx_http_llm_series_add(zone, series, NGX_HTTP_LLM_TOKENS_CACHE_READ,
                            t->cache_read);
    ngx_http_llm_series_add(zone, series, NGX_HTTP_LLM_TOKENS_CACHE_WRITE,
                            t->cache_write);
    ngx_http_llm_series_add(zone, series, NGX_HTTP_LLM_TOKENS_REASONING,
                            t->reasoning);

    if (ctx->cost_source == NGX_HTTP_LLM_COST_NONE) {
        ngx_http_llm_series_add(zone, series, NGX_HTTP_LLM_UNPRICED, 1);

    } else {
        ngx_http_llm_series_add(zone, series, NGX_HTTP_LLM_COST, ctx->cost);
    }

    if (ctx->usage == LLM_USAGE_ESTIMATED) {
        ngx_http_llm_series_add(zone, series, NGX_HTTP_LLM_ESTIMATED, 1);
        ngx_http_llm_series_add(zone, series, NGX_HTTP_LLM_COST_ESTIMATED,
                                ctx->cost);
    }
}


static void
ngx_http_llm_finish_book_times(ngx_http_llm_ctx_t *ctx)
{
    uint64_t              tpot, wait;
    uint32_t              series;
    ngx_http_llm_zone_t  *zone;

    if (ctx->replay) {
        return;
    }

    zone = ctx->zone;
    series = ctx->series;

    if (ctx->ready) {
        ngx_http_llm_series_sample(zone, series, LLM_DIST_WAIT,
                                   ctx->ready - ctx->start);
    }

    if (ctx->first_content) {
        wait = ctx->ready ? ctx->ready : ctx->start;

        ngx_http_llm_series_sample(zone, series, LLM_DIST_TTFT,
                                   ctx->first_content - ctx->start);
        ngx_http_llm_series_sample(zone, series, LLM_DIST_UPSTREAM_TTFT,
                                   ctx->first_content - wait);
    }

    tpot = ngx_http_llm_finish_tpot(ctx);

    if (tpot) {
        ngx_http_llm_series_sample(zone, series, LLM_DIST_TPOT, tpot);
    }

    ngx_http_llm_series_sample(zone, series, LLM_DIST_DURATION,
                               ctx->end - ctx->start);
}


static void
ngx_http_llm_finish_book(ngx_http_llm_ctx_t *ctx)
{
    uint32_t              series;
    ngx_http_llm_zone_t  *zone;

    zone = ctx->zone;
    series = ctx->series;

    ngx_http_llm_series_add(zone, series, ngx_http_llm_calls(ctx->outcome), 1);

    if (ctx->stream) {
        ngx_http_llm_series_add(zone, series, NGX_HTTP_LLM_STREAMS, 1);

        if (ctx->answer->content_events == 0) {
            ngx_http_llm_series_add(zone, series, NGX_HTTP_LLM_NO_CONTENT, 1);
        }
    }

    if (ctx->replay) {
        ngx_http_llm_series_add(zone, series, NGX_HTTP_LLM_REPLAYED, 1);
    }

    if (ctx->error != LLM_ERROR_NONE) {
        ngx_http_llm_series_add(zone, series, ngx_http_llm_error(ctx->error),
                                1);
    }

    if (ctx->finish != LLM_FINISH_NONE) {
        ngx_http_llm_series_add(zone, series,
                                ngx_http_llm_finish(ctx->finish), 1);
    }

    ngx_http_llm_finish_book_usage(ctx);
    ngx_http_llm_finish_book_times(ctx);
    ngx_http_llm_finish_book_rounds(ctx);
}


static ngx_uint_t
ngx_http_llm_finish_recognised(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t       status;
    llm_response_t  *a;

    a = ctx->answer;
    status = ctx->request->headers_out.status;

    return status >= 200 && status < 300
           && a && !a->error
           && (a->present || a->content_events || a->text.bytes
               || a->model_len);
}


ngx_int_t
ngx_http_llm_log_handler(ngx_http_request_t *r)
{
    ngx_http_llm_ctx_t  *ctx;

    if (r != r->main) {
        return NGX_OK;
    }

    ctx = ngx_http_llm_ctx_get(r);

    if (ctx == NULL || ctx->finished) {
        return NGX_OK;
    }

    ctx->finished = 1;

    ngx_http_llm_finish_values(ctx);

    if (ctx->operation == LLM_OP_NONE) {
        ngx_http_llm_zone_count(ctx->zone, NGX_HTTP_LLM_OTHER_REQUESTS, 1);
        return NGX_OK;
    }

    if (ctx->provider.len == 0 && ngx_http_llm_ctx_place(ctx) != NGX_OK) {
        return NGX_OK;
    }

    (void) ngx_http_llm_ctx_label(ctx, ngx_http_llm_finish_recognised(ctx));

    ngx_http_llm_finish_book(ctx);

    if (ctx->live) {
        ngx_http_llm_live_end(ctx->zone, ctx->live);
        ctx->live = 0;
    }

    return NGX_OK;
}
