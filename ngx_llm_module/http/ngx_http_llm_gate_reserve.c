
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What a call may take, and the reservations.
 *
 * All limits and budgets of a call admit it, or none is charged: each in its
 * turn takes what the call may take at most, and the first that refuses has
 * those before it give back.  Each is one atomic step, so calls that come at
 * the same time cannot pass together where only one may.
 */


#include "ngx_http_llm_gate.h"

#include "llm_decimal.h"


/*
 * Input is taken with an eighth more than estimated, as estimates are off to
 * both sides; output is what the call may take: its bound, or what is
 * reserved for one without, and no more than the model can give.
 */

static uint64_t
ngx_http_llm_gate_output(ngx_http_llm_ctx_t *ctx, uint64_t reserve)
{
    uint64_t  n;

    if (ctx->operation == LLM_OP_EMBEDDINGS || ctx->operation == LLM_OP_RERANK
        || ctx->operation == LLM_OP_MODERATION)
    {
        return 0;
    }

    n = ctx->asked.has_max_tokens ? ctx->asked.max_tokens : reserve;

    if (ctx->price && ctx->price->max_output) {
        n = ngx_min(n, ctx->price->max_output);
    }

    n = ngx_min(n, UINT32_MAX);

    return n * ngx_max(ctx->asked.choices, 1);
}


static ngx_uint_t
ngx_http_llm_gate_bill(ngx_http_llm_ctx_t *ctx, uint64_t input,
    uint64_t output, uint64_t *nano)
{
    llm_bill_t    bill;
    llm_cost_t    cost;
    llm_tokens_t  tokens;

    ngx_memzero(&bill, sizeof(llm_bill_t));
    ngx_memzero(&tokens, sizeof(llm_tokens_t));

    tokens.input = input;
    tokens.output = output;
    bill.tokens = &tokens;
    bill.factors = ctx->place;

    if (!llm_cost_bill(ctx->price, &bill, &cost)) {
        return 0;
    }

    *nano = cost.nano;

    return 1;
}


void
ngx_http_llm_gate_estimate(ngx_http_llm_ctx_t *ctx, uint64_t reserve)
{
    uint64_t              floor, thousand;
    ngx_http_llm_gate_t  *gate;

    gate = ctx->extra->gate;

    if (gate->estimated && gate->reserve == reserve) {
        return;
    }

    gate->estimated = 1;
    gate->reserve = reserve;

    /* the answer may name another model, and is looked up anew then */

    ctx->priced = 0;
    ngx_http_llm_ctx_price(ctx);
    ctx->priced = 0;

    gate->input = ctx->asked.prompt_tokens;
    gate->input += gate->input / 8 + (gate->input ? 8 : 0);
    gate->output = ngx_http_llm_gate_output(ctx, reserve);
    gate->bounded = ctx->asked.has_max_tokens || gate->output == 0;

    gate->priced = ngx_http_llm_gate_bill(ctx, gate->input, gate->output,
                                          &gate->cost);

    gate->floor = 0;
    gate->rate = 0;

    if (gate->priced
        && ngx_http_llm_gate_bill(ctx, gate->input, 0, &floor)
        && ngx_http_llm_gate_bill(ctx, gate->input, 1000, &thousand))
    {
        gate->floor = floor;
        gate->rate = thousand - ngx_min(floor, thousand);
    }
}


uint64_t
ngx_http_llm_gate_worth(ngx_http_llm_gate_t *gate, ngx_uint_t unit,
    uint64_t output)
{
    switch (unit) {

    case NGX_HTTP_LLM_TOKENS:
        return gate->input + output;

    case NGX_HTTP_LLM_CALLS:
        return 1;

    default: /* NGX_HTTP_LLM_USD */
        return gate->floor + gate->rate * output / 1000 + 1;
    }
}


static uint64_t
ngx_http_llm_gate_takes(ngx_http_llm_gate_t *gate, ngx_uint_t unit)
{
    return unit == NGX_HTTP_LLM_USD ? gate->cost
           : ngx_http_llm_gate_worth(gate, unit, gate->output);
}


static int
ngx_http_llm_gate_take(ngx_http_llm_claim_t *claim, ngx_http_llm_gate_t *gate,
    uint64_t *wait)
{
    uint64_t                    amount, floor, delay, now;
    ngx_http_llm_limit_conf_t  *l;

    l = claim->conf;

    amount = ngx_http_llm_gate_takes(gate, claim->unit);
    floor = ngx_min(ngx_http_llm_gate_worth(gate, claim->unit, 0), amount);
    delay = (uint64_t) l->delay * 1000000;
    now = ngx_http_llm_now();

    if (claim->hold.account) {
        return ngx_http_llm_limit_reprice(&claim->zone->accounts,
                                          &claim->hold, amount, floor,
                                          l->burst, delay, now, wait);
    }

    return ngx_http_llm_limit_take(&claim->zone->accounts, &claim->hold,
                                   claim->account, amount, floor, l->burst,
                                   delay, now, wait);
}


static int
ngx_http_llm_gate_book(ngx_http_llm_claim_t *claim, ngx_http_llm_gate_t *gate,
    int force)
{
    uint64_t  amount, floor;

    amount = ngx_http_llm_gate_takes(gate, claim->unit);
    floor = ngx_min(ngx_http_llm_gate_worth(gate, claim->unit, 0), amount);

    if (claim->unpriced) {
        amount = 0;
        floor = 0;
    }

    /* the other location may count in another unit */

    if (claim->hold.account && claim->hold.unit != claim->unit) {
        ngx_http_llm_gate_give_back(claim);
    }

    if (claim->hold.account) {
        return ngx_http_llm_budget_reprice(&claim->zone->accounts,
                                           &claim->hold, amount, floor,
                                           claim->bound, force);
    }

    return ngx_http_llm_budget_reserve(&claim->zone->accounts, &claim->hold,
                                       claim->account, claim->unit, amount,
                                       floor, claim->bound, force,
                                       ngx_http_llm_gate_wall());
}


static u_char *
ngx_http_llm_gate_print(u_char *p, ngx_uint_t unit, uint64_t n)
{
    return (unit == NGX_HTTP_LLM_USD) ? llm_decimal_print_nano(p, n)
                                      : ngx_sprintf(p, "%uL", n);
}


/* "12 of 1000 tokens left, this call may take 50", in the log as well: once
   a call that is refused, or would be. */

static ngx_int_t
ngx_http_llm_gate_tell(ngx_http_llm_ctx_t *ctx, ngx_http_llm_claim_t *claim,
    ngx_uint_t level, uint64_t bound, ngx_uint_t dry_run, llm_str_t *text)
{
    u_char  *p;

    p = ngx_pnalloc(ctx->request->pool, 3 * LLM_DECIMAL_LEN
                    + sizeof(" of  tokens left, this call may take "));
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    if (claim->malformed) {
        p = ngx_sprintf(p, "its limit is no amount");

    } else if (claim->unpriced) {
        p = ngx_sprintf(p, "the model has no price");

    } else {
        p = ngx_http_llm_gate_print(p, claim->unit, claim->left);
        p = ngx_cpymem(p, " of ", sizeof(" of ") - 1);
        p = ngx_http_llm_gate_print(p, claim->unit, bound);
        p = ngx_sprintf(p, " %s left, this call may take ",
                        llm_amount_units[claim->unit]);
        p = ngx_http_llm_gate_print(p, claim->unit,
                       ngx_http_llm_gate_takes(ctx->extra->gate, claim->unit));
    }

    text->len = p - text->data;

    ngx_log_error(level, ctx->request->connection->log, 0,
                  "%s%s by zone \"%V\": %*s",
                  (claim->zone->accounts.kind == NGX_HTTP_LLM_BUDGETS)
                  ? "no budget for the call" : "limiting calls",
                  dry_run ? ", dry run," : "", &claim->zone->name,
                  text->len, text->data);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_gate_reserve_limit(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_claim_t *claim)
{
    int                         rc;
    uint64_t                    wait;
    llm_str_t                   text;
    ngx_http_llm_gate_t        *gate;
    ngx_http_llm_limit_conf_t  *l;

    gate = ctx->extra->gate;
    l = claim->conf;
    wait = 0;

    ngx_http_llm_gate_estimate(ctx, NGX_HTTP_LLM_RESERVE);

    claim->unit = claim->zone->accounts.rate.unit;
    claim->unpriced = (claim->unit == NGX_HTTP_LLM_USD && !gate->priced);

    rc = claim->unpriced ? -1
         : ngx_http_llm_gate_take(claim, gate, &wait);

    claim->wait = wait;

    if (rc == 0 && wait == 0) {
        claim->said = NGX_HTTP_LLM_SAID_PASSED;
        return NGX_OK;
    }

    if (rc == 0) {

        if (l->dry_run) {
            claim->said = NGX_HTTP_LLM_SAID_DELAYED_DRY_RUN;
            return NGX_OK;
        }

        claim->said = NGX_HTTP_LLM_SAID_DELAYED;
        gate->wait = ngx_max(gate->wait,
                             (ngx_msec_t) ((wait + 999999) / 1000000));

        return ngx_http_llm_gate_say(ctx, "limit", &l->name, "delay");
    }

    if (l->dry_run) {
        claim->said = NGX_HTTP_LLM_SAID_REJECTED_DRY_RUN;

        return ngx_http_llm_gate_tell(ctx, claim, l->log_level, l->burst, 1,
                                      &text);
    }

    claim->said = NGX_HTTP_LLM_SAID_REJECTED;

    return NGX_DECLINED;
}


/* A budget that does not refuse books what it would have refused. */

static ngx_int_t
ngx_http_llm_gate_reserve_budget(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_claim_t *claim)
{
    int                          rc, force;
    llm_str_t                    text;
    ngx_http_llm_gate_t         *gate;
    ngx_http_llm_budget_conf_t  *b;

    gate = ctx->extra->gate;
    b = claim->conf;

    force = (b->dry_run || b->pass);
    rc = NGX_HTTP_LLM_REFUSED;

    if (!claim->malformed) {
        ngx_http_llm_gate_estimate(ctx, b->reserve);

        claim->unpriced = (claim->unit == NGX_HTTP_LLM_USD && !gate->priced);

        if (!claim->unpriced || b->unpriced || force) {
            rc = ngx_http_llm_gate_book(claim, gate, force);
        }

        if (claim->unpriced && !b->unpriced) {
            rc = force ? NGX_HTTP_LLM_OVERDRAWN : NGX_HTTP_LLM_REFUSED;
        }
    }

    if (rc == NGX_HTTP_LLM_RESERVED) {

        if (claim->said != NGX_HTTP_LLM_SAID_SOFT) {
            claim->said = NGX_HTTP_LLM_SAID_PASSED;
        }

        return NGX_OK;
    }

    if (b->dry_run) {
        claim->said = NGX_HTTP_LLM_SAID_REJECTED_DRY_RUN;

        return ngx_http_llm_gate_tell(ctx, claim, b->log_level, claim->bound,
                                      1, &text);
    }

    claim->said = NGX_HTTP_LLM_SAID_REJECTED;

    return rc == NGX_HTTP_LLM_OVERDRAWN ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_llm_gate_reserve_one(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_claim_t *claim)
{
    return (claim->zone->accounts.kind == NGX_HTTP_LLM_BUDGETS)
           ? ngx_http_llm_gate_reserve_budget(ctx, claim)
           : ngx_http_llm_gate_reserve_limit(ctx, claim);
}


static const ngx_uint_t  ngx_http_llm_gate_reply_units[] = {
    [NGX_HTTP_LLM_TOKENS] = NGX_HTTP_LLM_REPLY_TOKENS,
    [NGX_HTTP_LLM_CALLS] = NGX_HTTP_LLM_REPLY_REQUESTS,
    [NGX_HTTP_LLM_USD] = NGX_HTTP_LLM_REPLY_NO_UNIT
};


static ngx_int_t
ngx_http_llm_gate_reply_limit(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_claim_t *claim, ngx_http_llm_reply_t *reply)
{
    ngx_http_llm_limit_conf_t  *l;

    l = claim->conf;

    reply->r.reason = claim->unpriced ? LLM_REASON_COST : LLM_REASON_RATE;
    reply->r.status = l->status;
    reply->retry_after_ns = claim->wait;
    reply->unit = ngx_http_llm_gate_reply_units[claim->unit];
    reply->limit = l->burst;
    reply->remaining = claim->left;
    reply->reset_ns = ngx_http_llm_limit_full_in(&claim->zone->accounts,
                                                 claim->account,
                                                 ngx_http_llm_now());

    if (ngx_http_llm_gate_tell(ctx, claim, l->log_level, l->burst, 0,
                               &reply->r.text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_llm_zone_count(ctx->zone, NGX_HTTP_LLM_GATE_LIMIT_REJECT, 1);

    return ngx_http_llm_gate_say(ctx, "limit", &l->name, "reject");
}


static ngx_int_t
ngx_http_llm_gate_reply_budget(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_claim_t *claim, ngx_http_llm_reply_t *reply)
{
    ngx_http_llm_budget_conf_t  *b;

    b = claim->conf;

    reply->r.reason = claim->unpriced ? LLM_REASON_COST : LLM_REASON_QUOTA;
    reply->r.status = b->status;
    reply->quota = 1;

    if (ngx_http_llm_gate_tell(ctx, claim, b->log_level, claim->bound, 0,
                               &reply->r.text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_llm_zone_count(ctx->zone, NGX_HTTP_LLM_GATE_BUDGET_REJECT, 1);

    return ngx_http_llm_gate_say(ctx, "budget", &b->name, "reject");
}


static ngx_int_t
ngx_http_llm_gate_reply(ngx_http_llm_ctx_t *ctx, ngx_http_llm_claim_t *claim,
    ngx_http_llm_reply_t *reply)
{
    ngx_memzero(reply, sizeof(ngx_http_llm_reply_t));

    return (claim->zone->accounts.kind == NGX_HTTP_LLM_BUDGETS)
           ? ngx_http_llm_gate_reply_budget(ctx, claim, reply)
           : ngx_http_llm_gate_reply_limit(ctx, claim, reply);
}


ngx_int_t
ngx_http_llm_gate_reserve(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_reply_t *reply)
{
    ngx_int_t               rc;
    ngx_uint_t              i;
    ngx_http_llm_gate_t    *gate;
    ngx_http_llm_claim_t  **claim;

    gate = ctx->extra->gate;
    claim = gate->claims.elts;

    /* of another location, where it was refused or failed */

    for (i = 0; i < gate->claims.nelts; i++) {
        if (!claim[i]->current) {
            ngx_http_llm_gate_give_back(claim[i]);
        }
    }

    for (i = 0; i < gate->claims.nelts; i++) {

        if (!claim[i]->current) {
            continue;
        }

        rc = ngx_http_llm_gate_reserve_one(ctx, claim[i]);

        if (rc == NGX_DECLINED
            && ngx_http_llm_gate_reply(ctx, claim[i], reply) != NGX_OK)
        {
            rc = NGX_ERROR;
        }

        if (rc != NGX_OK) {
            ngx_http_llm_gate_release(ctx);
            return rc;
        }
    }

    return NGX_OK;
}


static const ngx_uint_t
    ngx_http_llm_gate_counters[][NGX_HTTP_LLM_SAID_REJECTED_DRY_RUN + 1] =
{
    [0] = {
        [NGX_HTTP_LLM_SAID_PASSED] = NGX_HTTP_LLM_GATE_LIMIT_PASS,
        [NGX_HTTP_LLM_SAID_DELAYED] = NGX_HTTP_LLM_GATE_LIMIT_DELAY,
        [NGX_HTTP_LLM_SAID_REJECTED] = NGX_HTTP_LLM_GATE_LIMIT_REJECT,
        [NGX_HTTP_LLM_SAID_DELAYED_DRY_RUN]
            = NGX_HTTP_LLM_GATE_LIMIT_DRY_RUN,
        [NGX_HTTP_LLM_SAID_REJECTED_DRY_RUN]
            = NGX_HTTP_LLM_GATE_LIMIT_DRY_RUN
    },
    [1] = {
        [NGX_HTTP_LLM_SAID_PASSED] = NGX_HTTP_LLM_GATE_BUDGET_PASS,
        [NGX_HTTP_LLM_SAID_SOFT] = NGX_HTTP_LLM_GATE_BUDGET_SOFT,
        [NGX_HTTP_LLM_SAID_REJECTED] = NGX_HTTP_LLM_GATE_BUDGET_OVER,
        [NGX_HTTP_LLM_SAID_REJECTED_DRY_RUN]
            = NGX_HTTP_LLM_GATE_BUDGET_DRY_RUN
    }
};


ngx_int_t
ngx_http_llm_gate_count(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t              i, budget;
    ngx_http_llm_claim_t  **claim;

    claim = ctx->extra->gate->claims.elts;

    for (i = 0; i < ctx->extra->gate->claims.nelts; i++) {

        if (!claim[i]->current
            || claim[i]->said == NGX_HTTP_LLM_SAID_NOTHING)
        {
            continue;
        }

        budget = (claim[i]->zone->accounts.kind == NGX_HTTP_LLM_BUDGETS);

        ngx_http_llm_zone_count(ctx->zone,
                      ngx_http_llm_gate_counters[budget][claim[i]->said], 1);
    }

    return NGX_OK;
}
