
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
 * what arrived; but no more than was reserved for it, unless more has come.
 * Of an answer that could not be read, all that was reserved.
 */


#include "ngx_http_llm_gate.h"
#include "ngx_http_llm_finish.h"
#include "ngx_http_llm_timeout.h"


/* What became of the attempts of a call. */

enum {
    ASKED_NOBODY = 0,            /* or who refused, or was never reached */
    ASKED_IN_VAIN,               /* was reached, and never answered */
    ASKED_SOMEBODY
};


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


/*
 * The status that a client sees may be nginx's own, or a page's: whether
 * anything was made for the call its attempts tell.
 */

static ngx_uint_t
ngx_http_llm_gate_attempts(ngx_http_request_t *r)
{
    ngx_uint_t                  i, asked;
    ngx_http_upstream_state_t  *state;

    if (r->upstream_states == NULL) {
        return ASKED_NOBODY;
    }

    asked = ASKED_NOBODY;
    state = r->upstream_states->elts;

    for (i = 0; i < r->upstream_states->nelts; i++) {

        if (state[i].peer == NULL
            || state[i].connect_time == (ngx_msec_t) -1)
        {
            continue;
        }

        if (state[i].header_time == (ngx_msec_t) -1) {

            /* who closed the connection has refused; who was waited for in
               vain may have made all of it */

            if (state[i].status != NGX_HTTP_BAD_GATEWAY) {
                asked = ngx_max(asked, ASKED_IN_VAIN);
            }

        } else if (state[i].status < 400) {
            asked = ASKED_SOMEBODY;
        }
    }

    return asked;
}


/*
 * The client left a call that is answered in one piece: how much of that was
 * made nobody can see.
 */

static ngx_uint_t
ngx_http_llm_gate_blind(ngx_http_llm_ctx_t *ctx)
{
    return ctx->outcome == LLM_OUTCOME_ABORTED
           && !ctx->asked.stream && !ctx->path_stream && !ctx->stream;
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

    switch (ngx_http_llm_gate_attempts(ctx->request)) {

    case ASKED_NOBODY:
        return KEEP_NOTHING;

    case ASKED_IN_VAIN:
        return ngx_http_llm_gate_blind(ctx) ? KEEP_ALL : KEEP_DELIVERED;
    }

    if (ngx_http_llm_timeout_fired(ctx)) {
        return ctx->unreadable ? KEEP_ALL : KEEP_DELIVERED;
    }

    if (status >= 400 && status != NGX_HTTP_CLIENT_CLOSED_REQUEST) {
        return KEEP_NOTHING;
    }

    if (ctx->outcome == LLM_OUTCOME_ERROR && ctx->usage == LLM_USAGE_NONE) {
        return KEEP_NOTHING;
    }

    if (ngx_http_llm_gate_blind(ctx)) {
        return KEEP_ALL;
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


/*
 * What that much output and a quarter more is, as far as it was reserved.
 * Beyond it the quarter is not charged, but what has come is; only a call
 * with a bound cannot have had more than that.
 */

static uint64_t
ngx_http_llm_gate_delivered(ngx_http_llm_gate_t *gate,
    ngx_http_llm_claim_t *claim, uint64_t tokens, uint64_t events)
{
    uint64_t  worth, most, seen;

    seen = ngx_max(ngx_http_llm_gate_upper(tokens), events);
    worth = ngx_http_llm_gate_worth(gate, claim->unit, seen);
    most = claim->hold.amount;

    if (worth > most && !gate->bounded) {
        seen = ngx_max(tokens, events);
        most = ngx_max(most, ngx_http_llm_gate_worth(gate, claim->unit,
                                                     seen));
    }

    return ngx_min(worth, most);
}


static uint64_t
ngx_http_llm_gate_actual(ngx_http_llm_ctx_t *ctx, ngx_http_llm_claim_t *claim,
    ngx_uint_t keep)
{
    uint64_t         amount, tokens;
    llm_response_t  *a;

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

        a = ctx->answer;
        tokens = a ? llm_response_estimate(a, ngx_http_llm_ctx_asked(ctx))
                   : 0;

        return ngx_http_llm_gate_delivered(ctx->extra->gate, claim, tokens,
                                           a ? a->content_events : 0);
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
    uint64_t                tokens, events;
    ngx_uint_t              i;
    ngx_http_llm_gate_t    *gate;
    ngx_http_llm_claim_t  **claim;

    gate = ctx->extra->gate;

    if (gate->claims.nelts == 0) {
        return;
    }

    tokens = llm_text_tokens(&ctx->answer->text);
    events = ctx->answer->content_events;

    claim = gate->claims.elts;

    for (i = 0; i < gate->claims.nelts; i++) {
        if (claim[i]->hold.account && !claim[i]->unpriced) {
            ngx_http_llm_hold_deliver(&claim[i]->zone->accounts,
                             &claim[i]->hold,
                             ngx_http_llm_gate_delivered(gate, claim[i],
                                                         tokens, events));
        }
    }
}
