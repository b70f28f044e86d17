
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Limits and budgets of one call: which it stands under, and how these stood
 * before it.
 *
 * A claim is one limit or budget of the call.  It is made when a variable or
 * the gate asks for it first, and stays: what it holds is re-priced in
 * another location, and given back there if that has no such limit.
 */


#include "ngx_http_llm_gate.h"

#include "llm_amount.h"


#define NGX_HTTP_LLM_GATE_SAY_SEC  60


static ngx_http_llm_account_conf_t *
ngx_http_llm_gate_zone(ngx_shm_zone_t *shm_zone)
{
    return shm_zone->data;
}


ngx_http_llm_gate_t *
ngx_http_llm_gate_get(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_llm_gate_t   *gate;
    ngx_http_llm_extra_t  *extra;

    extra = ngx_http_llm_ctx_extra(ctx);

    if (extra == NULL || extra->gate) {
        return extra ? extra->gate : NULL;
    }

    gate = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_llm_gate_t));
    if (gate == NULL) {
        return NULL;
    }

    if (ngx_array_init(&gate->claims, ctx->request->pool, 2,
                       sizeof(ngx_http_llm_claim_t *))
        != NGX_OK)
    {
        return NULL;
    }

    ngx_str_set(&gate->said, "pass");

    extra->gate = gate;

    return gate;
}


ngx_int_t
ngx_http_llm_gate_say(ngx_http_llm_ctx_t *ctx, const char *gate,
    ngx_str_t *name, const char *what)
{
    size_t      len;
    u_char     *p;
    ngx_str_t  *said;

    said = &ctx->extra->gate->said;

    len = ngx_strlen(gate) + ngx_strlen(what) + (name ? name->len : 0)
          + sizeof(" :") - 1;

    p = ngx_pnalloc(ctx->request->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    said->data = p;

    p = name ? ngx_sprintf(p, "%s %V:%s", gate, name, what)
             : ngx_sprintf(p, "%s:%s", gate, what);

    said->len = p - said->data;

    return NGX_OK;
}


/* The claim on a zone; NULL: no memory. */

static ngx_http_llm_claim_t *
ngx_http_llm_gate_claim(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_account_conf_t *zone, void *conf)
{
    ngx_uint_t              i;
    ngx_array_t            *claims;
    ngx_http_llm_claim_t  **claim, *made;

    claims = &ctx->extra->gate->claims;
    claim = claims->elts;

    for (i = 0; i < claims->nelts; i++) {
        if (claim[i]->zone == zone
            && (claim[i]->conf == conf || !claim[i]->current))
        {
            claim[i]->conf = conf;
            return claim[i];
        }
    }

    made = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_llm_claim_t));
    if (made == NULL) {
        return NULL;
    }

    claim = ngx_array_push(claims);
    if (claim == NULL) {
        return NULL;
    }

    made->zone = zone;
    made->conf = conf;
    *claim = made;

    return made;
}


/*
 * Whose account it is, once for the whole call.  NGX_DECLINED: nobody's, the
 * key is empty.
 */

static ngx_int_t
ngx_http_llm_gate_account(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_claim_t *claim)
{
    ngx_str_t  key;

    if (claim->known) {
        return claim->keyless ? NGX_DECLINED : NGX_OK;
    }

    if (ngx_http_complex_value(ctx->request, &claim->zone->key, &key)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    claim->known = 1;

    if (key.len == 0) {
        claim->keyless = 1;
        return NGX_DECLINED;
    }

    claim->account = ngx_http_llm_account_get(&claim->zone->accounts,
                                              ngx_http_llm_view(&key));

    return NGX_OK;
}


/*
 * The amount of a budget.  NGX_DECLINED: this call has none; NGX_ABORT: what
 * stands there is no amount.
 */

static ngx_int_t
ngx_http_llm_gate_amount(ngx_http_llm_ctx_t *ctx, ngx_http_llm_claim_t *claim,
    ngx_http_llm_budget_conf_t *b)
{
    ngx_str_t     value;
    llm_amount_t  amount;

    static time_t  last;

    if (ngx_http_complex_value(ctx->request, &b->limit, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len == 0) {
        return NGX_DECLINED;
    }

    if (llm_amount_read(ngx_http_llm_view(&value), &amount) == LLM_AMOUNT_OK) {
        claim->bound = amount.value;

        /* nothing of anything */

        claim->unit = (amount.unit == LLM_AMOUNT_ANY) ? NGX_HTTP_LLM_CALLS
                                                      : amount.unit;
        return NGX_OK;
    }

    if (last == 0 || ngx_time() - last >= NGX_HTTP_LLM_GATE_SAY_SEC) {
        last = ngx_time();

        ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                      "llm_budget zone=%V has the limit \"%V\", which is no "
                      "amount: calls are refused", &b->name, &value);
    }

    return NGX_ABORT;
}


uint64_t
ngx_http_llm_gate_wall(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (uint64_t) tp->sec * 1000000000 + (uint64_t) tp->msec * 1000000;
}


/* Of "percent" of a whole, without losing what is below a hundredth. */

static uint64_t
ngx_http_llm_gate_percent(uint64_t n, ngx_uint_t percent)
{
    return n / 100 * percent + n % 100 * percent / 100;
}


static ngx_uint_t
ngx_http_llm_gate_look_budget(ngx_http_llm_claim_t *claim)
{
    uint64_t                     used;
    ngx_http_llm_budget_conf_t  *b;
    ngx_http_llm_budget_view_t   view;

    b = claim->conf;

    ngx_http_llm_budget_look(&claim->zone->accounts, claim->account,
                             claim->unit, ngx_http_llm_gate_wall(), &view);

    used = view.committed;
    claim->left = claim->bound > used ? claim->bound - used : 0;

    if (used >= claim->bound) {
        return b->dry_run ? NGX_HTTP_LLM_SAID_REJECTED_DRY_RUN
                          : NGX_HTTP_LLM_SAID_REJECTED;
    }

    if (b->soft && used >= ngx_http_llm_gate_percent(claim->bound, b->soft)) {
        return NGX_HTTP_LLM_SAID_SOFT;
    }

    return NGX_HTTP_LLM_SAID_PASSED;
}


static ngx_uint_t
ngx_http_llm_gate_look_limit(ngx_http_llm_claim_t *claim)
{
    ngx_http_llm_limit_conf_t  *l;

    l = claim->conf;

    claim->left = ngx_http_llm_limit_left(&claim->zone->accounts,
                                          claim->account, l->burst,
                                          ngx_http_llm_now());

    if (claim->left || l->delay) {
        return NGX_HTTP_LLM_SAID_PASSED;
    }

    return l->dry_run ? NGX_HTTP_LLM_SAID_REJECTED_DRY_RUN
                      : NGX_HTTP_LLM_SAID_REJECTED;
}


ngx_int_t
ngx_http_llm_gate_look_at(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_account_conf_t *zone, void *conf,
    ngx_http_llm_claim_t **found)
{
    ngx_int_t              rc;
    ngx_http_llm_claim_t  *claim;

    claim = ngx_http_llm_gate_claim(ctx, zone, conf);
    if (claim == NULL) {
        return NGX_ERROR;
    }

    *found = claim;

    rc = ngx_http_llm_gate_account(ctx, claim);

    if (rc == NGX_OK && zone->accounts.kind == NGX_HTTP_LLM_BUDGETS) {
        rc = ngx_http_llm_gate_amount(ctx, claim, conf);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    claim->said = (zone->accounts.kind == NGX_HTTP_LLM_BUDGETS)
                  ? ngx_http_llm_gate_look_budget(claim)
                  : ngx_http_llm_gate_look_limit(claim);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_gate_look_one(ngx_http_llm_ctx_t *ctx, ngx_shm_zone_t *shm_zone,
    void *conf)
{
    ngx_int_t              rc;
    ngx_http_llm_claim_t  *claim;

    rc = ngx_http_llm_gate_look_at(ctx, ngx_http_llm_gate_zone(shm_zone),
                                   conf, &claim);

    if (rc == NGX_ERROR) {
        return rc;
    }

    claim->current = (rc != NGX_DECLINED);
    claim->malformed = (rc == NGX_ABORT);

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_gate_look(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t                   i;
    ngx_http_llm_gate_conf_t    *conf;
    ngx_http_llm_limit_conf_t   *l;
    ngx_http_llm_budget_conf_t  *b;

    conf = &ctx->conf->gate;

    if (conf->limits) {
        l = conf->limits->elts;

        for (i = 0; i < conf->limits->nelts; i++) {
            if (ngx_http_llm_gate_look_one(ctx, l[i].zone, &l[i]) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    if (conf->budgets) {
        b = conf->budgets->elts;

        for (i = 0; i < conf->budgets->nelts; i++) {
            if (ngx_http_llm_gate_look_one(ctx, b[i].zone, &b[i]) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}
