
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The entry of a finished call in the books: what the values say, written
 * once.  Numbers that variables show and numbers written here are the same
 * ones; nothing is decided here but where attempts belong.
 *
 * A replay is counted and its saving is; it has no tokens, no cost and no
 * samples.  Attempts before a redirect are those of the provider that the
 * request was sent to then.
 */


#include "ngx_http_llm_finish.h"


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

        /*
         * All but the last were given up.  One that the client left has no
         * status, and did not fail; one that broke off has that of its
         * header.
         */

        last = over ? (state[i].status == 0 || state[i].status >= 400)
               : ctx->outcome == LLM_OUTCOME_ABORTED
                 ? state[i].status >= 500
               : ctx->outcome == LLM_OUTCOME_INCOMPLETE
                 ? 1
               : (state[i].status == 0 || state[i].status >= 500
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


/*
 * A cost that is not known is never 0: the call is counted, and why it has
 * none.  Of calls that failed without usage nobody asks for money.  Of one
 * whose answer could not be read the price is not looked up yet.
 */

static void
ngx_http_llm_finish_book_unpriced(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t  why;

    if (ctx->usage == LLM_USAGE_NONE && !ngx_http_llm_finish_unknown(ctx)) {
        return;
    }

    if (ctx->dialect != LLM_DIALECT_NONE) {
        ngx_http_llm_ctx_price(ctx);
    }

    why = (ctx->dialect == LLM_DIALECT_NONE) ? NGX_HTTP_LLM_UNPRICED_NO_METER
          : (ctx->price == NULL) ? NGX_HTTP_LLM_UNPRICED_UNKNOWN
          : (ctx->usage == LLM_USAGE_NONE) ? NGX_HTTP_LLM_UNPRICED_NO_USAGE
          : NGX_HTTP_LLM_UNPRICED_NO_RATE;

    ngx_http_llm_series_add(ctx->zone, ctx->series, NGX_HTTP_LLM_UNPRICED, 1);
    ngx_http_llm_zone_count(ctx->zone, why, 1);
}


static void
ngx_http_llm_finish_book_cost(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->replay) {
        ngx_http_llm_series_add(ctx->zone, ctx->series, NGX_HTTP_LLM_SAVED,
                                ctx->cost);
        return;
    }

    if (ctx->cost_source == NGX_HTTP_LLM_COST_NONE) {
        ngx_http_llm_finish_book_unpriced(ctx);
        return;
    }

    ngx_http_llm_series_add(ctx->zone, ctx->series, NGX_HTTP_LLM_COST,
                            ctx->cost);

    if (ctx->inexact) {
        ngx_http_llm_series_add(ctx->zone, ctx->series,
                                NGX_HTTP_LLM_COST_ESTIMATED, ctx->cost);
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
    t = ctx->tokens;

    if (ctx->replay || ctx->usage == LLM_USAGE_NONE) {
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

    if (ctx->usage == LLM_USAGE_ESTIMATED) {
        ngx_http_llm_series_add(zone, series, NGX_HTTP_LLM_ESTIMATED, 1);
    }
}


static void
ngx_http_llm_finish_book_times(ngx_http_llm_ctx_t *ctx)
{
    uint64_t              tpot, wait;
    uint32_t              series;
    ngx_http_llm_zone_t  *zone;

    /* a refused call was handed to nobody, and no time of it is a provider's */

    if (ctx->replay || ctx->outcome == LLM_OUTCOME_REFUSED) {
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

    if (ctx->start) {
        ngx_http_llm_series_sample(zone, series, LLM_DIST_DURATION,
                                   ctx->end - ctx->start);
    }
}


void
ngx_http_llm_finish_book(ngx_http_llm_ctx_t *ctx, const llm_headers_t *h)
{
    uint32_t              series;
    ngx_http_llm_zone_t  *zone;

    zone = ctx->zone;
    series = ctx->series;

    ngx_http_llm_series_add(zone, series, ngx_http_llm_calls(ctx->outcome), 1);

    if (ctx->stream) {
        ngx_http_llm_series_add(zone, series, NGX_HTTP_LLM_STREAMS, 1);

        if (ctx->answer && ctx->answer->content_events == 0) {
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
    ngx_http_llm_finish_book_cost(ctx);
    ngx_http_llm_finish_book_times(ctx);
    ngx_http_llm_finish_book_rounds(ctx);
    ngx_http_llm_headers_book(ctx, h);
}
