
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What a call is charged in the end.
 *
 * What the provider reported is the truth.  What was never asked of it, or
 * answered with an error, or came out of a cache, costs nothing.  All else is
 * in doubt, and doubt is charged: of a call that was cut, or whose provider
 * says nothing, the text that was delivered and a quarter more, since
 * estimates are off to both sides and what was generated is seldom less than
 * what arrived; but never more than was reserved for it.  Of an answer that
 * could not be read, all that was reserved.
 */


#include "ngx_http_llm_gate.h"
#include "ngx_http_llm_finish.h"


/* How much of a reservation is kept. */

enum {
    KEEP_NOTHING = 0,
    KEEP_REPORTED,
    KEEP_DELIVERED,
    KEEP_ALL
};


static uint64_t
ngx_http_llm_gate_upper(uint64_t tokens)
{
    return tokens + (tokens + 3) / 4;
}


static ngx_uint_t
ngx_http_llm_gate_keeps(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t  status;

    status = ngx_http_llm_finish_status(ctx->request);

    if (ctx->attempts == 0 || ctx->replay
        || ctx->outcome == LLM_OUTCOME_REFUSED)
    {
        return KEEP_NOTHING;
    }

    if (ctx->usage == LLM_USAGE_REPORTED) {
        return KEEP_REPORTED;
    }

    if (status >= 400 && status != NGX_HTTP_CLIENT_CLOSED_REQUEST) {
        return KEEP_NOTHING;
    }

    if (ctx->outcome == LLM_OUTCOME_ERROR && ctx->usage == LLM_USAGE_NONE) {
        return KEEP_NOTHING;
    }

    if (ctx->usage == LLM_USAGE_ESTIMATED
        || ctx->outcome == LLM_OUTCOME_ABORTED
        || ctx->outcome == LLM_OUTCOME_INCOMPLETE)
    {
        return ctx->unreadable ? KEEP_ALL : KEEP_DELIVERED;
    }

    return KEEP_ALL;
}


/* NGX_DECLINED: it is not known in this unit. */

static ngx_int_t
ngx_http_llm_gate_reported(ngx_http_llm_ctx_t *ctx, ngx_uint_t unit,
    uint64_t *amount)
{
    switch (unit) {

    case NGX_HTTP_LLM_TOKENS:
        *amount = ctx->tokens->input + ctx->tokens->output;
        return NGX_OK;

    case NGX_HTTP_LLM_CALLS:
        *amount = 1;
        return NGX_OK;
    }

    if (ctx->cost_source == NGX_HTTP_LLM_COST_NONE) {
        return NGX_DECLINED;
    }

    *amount = ctx->cost;

    return NGX_OK;
}


static uint64_t
ngx_http_llm_gate_output_seen(ngx_http_llm_ctx_t *ctx)
{
    uint64_t         n;
    llm_response_t  *a;

    a = ctx->answer;

    if (a == NULL) {
        return 0;
    }

    n = llm_response_estimate(a, ngx_http_llm_ctx_asked(ctx));

    return ngx_max(ngx_http_llm_gate_upper(n), a->content_events);
}


static uint64_t
ngx_http_llm_gate_actual(ngx_http_llm_ctx_t *ctx, ngx_http_llm_claim_t *claim,
    ngx_uint_t keep)
{
    uint64_t              amount, seen;
    ngx_http_llm_gate_t  *gate;

    gate = ctx->extra->gate;

    switch (keep) {

    case KEEP_NOTHING:
        return 0;

    case KEEP_REPORTED:

        if (ngx_http_llm_gate_reported(ctx, claim->unit, &amount) == NGX_OK) {
            return amount;
        }

        break;

    case KEEP_DELIVERED:

        if (claim->unpriced) {
            break;
        }

        seen = ngx_http_llm_gate_output_seen(ctx);
        amount = ngx_http_llm_gate_worth(gate, claim->unit, seen);

        return ngx_min(amount, claim->hold.amount);
    }

    return claim->hold.amount;
}


void
ngx_http_llm_gate_settle(ngx_http_llm_ctx_t *ctx)
{
    uint64_t                mono, wall;
    ngx_uint_t              i, keep;
    ngx_http_llm_gate_t    *gate;
    ngx_http_llm_claim_t  **claim;

    if (ctx->extra == NULL || ctx->extra->gate == NULL) {
        return;
    }

    gate = ctx->extra->gate;

    if (gate->settled) {
        return;
    }

    gate->settled = 1;

    keep = ngx_http_llm_gate_keeps(ctx);
    mono = ngx_http_llm_now();
    wall = ngx_http_llm_gate_wall();

    claim = gate->claims.elts;

    for (i = 0; i < gate->claims.nelts; i++) {
        if (claim[i]->hold.account) {
            ngx_http_llm_hold_settle(&claim[i]->zone->accounts,
                             &claim[i]->hold,
                             ngx_http_llm_gate_actual(ctx, claim[i], keep),
                             mono, wall);
        }
    }
}


void
ngx_http_llm_gate_give_back(ngx_http_llm_claim_t *claim)
{
    if (claim->hold.account) {
        ngx_http_llm_hold_settle(&claim->zone->accounts, &claim->hold, 0,
                                 ngx_http_llm_now(),
                                 ngx_http_llm_gate_wall());
    }

    ngx_memzero(&claim->hold, sizeof(ngx_http_llm_hold_t));
}


void
ngx_http_llm_gate_release(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t              i;
    ngx_http_llm_claim_t  **claim;

    claim = ctx->extra->gate->claims.elts;

    for (i = 0; i < ctx->extra->gate->claims.nelts; i++) {
        ngx_http_llm_gate_give_back(claim[i]);
    }
}


/*
 * Runs with each arrival of content: two multiplications and a plain store a
 * claim.
 */

void
ngx_http_llm_gate_deliver(ngx_http_llm_ctx_t *ctx)
{
    uint64_t                seen, worth;
    ngx_uint_t              i;
    ngx_http_llm_gate_t    *gate;
    ngx_http_llm_claim_t  **claim;

    gate = ctx->extra->gate;

    if (gate->claims.nelts == 0) {
        return;
    }

    seen = ngx_http_llm_gate_upper(llm_text_tokens(&ctx->answer->text));
    seen = ngx_max(seen, ctx->answer->content_events);

    claim = gate->claims.elts;

    for (i = 0; i < gate->claims.nelts; i++) {
        if (claim[i]->hold.account && !claim[i]->unpriced) {
            worth = ngx_http_llm_gate_worth(gate, claim[i]->unit, seen);

            ngx_http_llm_hold_deliver(&claim[i]->zone->accounts,
                                      &claim[i]->hold,
                                      ngx_min(worth, claim[i]->hold.amount));
        }
    }
}
