
/*
 * Copyright (C) ngx_llm_module authors
 *
 * $llm_gate, and of each zone $llm_limit_NAME, $llm_budget_NAME and
 * $llm_budget_NAME_left.
 *
 * What these say decides where a call goes, by maps: so it is fixed when it
 * is first asked for, for the whole call.  Asked before the gate has spoken,
 * they tell how the limit or budget stands before this call; after it, what
 * was decided.
 */


#include "ngx_http_llm_gate.h"

#include "llm_decimal.h"


static ngx_str_t  ngx_http_llm_said_words[] = {
    ngx_null_string,
    ngx_string("PASSED"),
    ngx_string("SOFT"),
    ngx_string("DELAYED"),
    ngx_string("REJECTED"),
    ngx_string("DELAYED_DRY_RUN"),
    ngx_string("REJECTED_DRY_RUN")
};


static ngx_int_t
ngx_http_llm_gate_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_llm_ctx_t  *ctx;

    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 1;

    ctx = ngx_http_llm_ctx_get(r->main);

    if (ctx == NULL || ctx->extra == NULL || ctx->extra->gate == NULL) {
        return NGX_OK;
    }

    v->data = ctx->extra->gate->said.data;
    v->len = ctx->extra->gate->said.len;
    v->not_found = 0;

    return NGX_OK;
}


/* The settings that name the zone in the location at hand. */

static void *
ngx_http_llm_gate_named(ngx_http_llm_gate_conf_t *conf,
    ngx_http_llm_account_conf_t *zone)
{
    ngx_uint_t                   i;
    ngx_http_llm_limit_conf_t   *l;
    ngx_http_llm_budget_conf_t  *b;

    if (zone->accounts.kind == NGX_HTTP_LLM_LIMITS && conf->limits) {
        l = conf->limits->elts;

        for (i = 0; i < conf->limits->nelts; i++) {
            if (l[i].zone->data == zone) {
                return &l[i];
            }
        }
    }

    if (zone->accounts.kind == NGX_HTTP_LLM_BUDGETS && conf->budgets) {
        b = conf->budgets->elts;

        for (i = 0; i < conf->budgets->nelts; i++) {
            if (b[i].zone->data == zone) {
                return &b[i];
            }
        }
    }

    return NULL;
}


/*
 * The claim that tells: one that was asked before, else that of the location
 * at hand.  NULL: there is none, or no memory.
 */

static ngx_http_llm_claim_t *
ngx_http_llm_gate_asked_claim(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_account_conf_t *zone)
{
    void                   *conf;
    ngx_uint_t              i;
    ngx_http_llm_gate_t    *gate;
    ngx_http_llm_claim_t  **have, *claim;

    gate = ctx->extra ? ctx->extra->gate : NULL;
    have = gate ? gate->claims.elts : NULL;

    for (i = 0; gate && i < gate->claims.nelts; i++) {
        if (have[i]->zone == zone && (have[i]->shown || have[i]->current)) {
            return have[i];
        }
    }

    conf = ngx_http_llm_gate_named(&ctx->conf->gate, zone);

    if (conf == NULL || ctx->finished || ngx_http_llm_gate_get(ctx) == NULL
        || ngx_http_llm_gate_look_at(ctx, zone, conf, &claim) != NGX_OK)
    {
        return NULL;
    }

    return claim;
}


static ngx_http_llm_claim_t *
ngx_http_llm_gate_shown(ngx_http_request_t *r,
    ngx_http_llm_account_conf_t *zone)
{
    ngx_http_llm_ctx_t    *ctx;
    ngx_http_llm_claim_t  *claim;

    ctx = ngx_http_llm_ctx_get(r->main);

    if (ctx == NULL) {
        return NULL;
    }

    claim = ngx_http_llm_gate_asked_claim(ctx, zone);

    if (claim == NULL || claim->said == NGX_HTTP_LLM_SAID_NOTHING) {
        return NULL;
    }

    if (claim->shown == NGX_HTTP_LLM_SAID_NOTHING) {
        claim->shown = claim->said;
        claim->shown_left = claim->left;
    }

    return claim;
}


static ngx_int_t
ngx_http_llm_gate_variable_said(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t             *word;
    ngx_http_llm_claim_t  *claim;

    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 1;

    claim = ngx_http_llm_gate_shown(r, (ngx_http_llm_account_conf_t *) data);

    if (claim == NULL) {
        return NGX_OK;
    }

    word = &ngx_http_llm_said_words[claim->shown];

    v->data = word->data;
    v->len = word->len;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_gate_variable_left(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                *p;
    ngx_http_llm_claim_t  *claim;

    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 1;

    claim = ngx_http_llm_gate_shown(r, (ngx_http_llm_account_conf_t *) data);

    if (claim == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, LLM_DECIMAL_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;

    p = (claim->unit == NGX_HTTP_LLM_USD)
        ? llm_decimal_print_nano(p, claim->shown_left)
        : ngx_sprintf(p, "%uL", claim->shown_left);

    v->len = p - v->data;
    v->not_found = 0;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_gate_variables_add(ngx_conf_t *cf)
{
    ngx_str_t             name = ngx_string("llm_gate");
    ngx_http_variable_t  *var;

    var = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
    if (var == NULL) {
        return NGX_ERROR;
    }

    var->get_handler = ngx_http_llm_gate_variable;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_gate_variables_name(ngx_conf_t *cf, const char *before,
    ngx_http_llm_account_conf_t *zone, const char *after,
    ngx_http_get_variable_pt handler)
{
    ngx_str_t             name;
    ngx_http_variable_t  *var;

    name.len = ngx_strlen(before) + zone->name.len + ngx_strlen(after);
    name.data = ngx_pnalloc(cf->pool, name.len);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(name.data, "%s%V%s", before, &zone->name, after);

    var = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
    if (var == NULL) {
        return NGX_ERROR;
    }

    var->get_handler = handler;
    var->data = (uintptr_t) zone;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_gate_variables_zone(ngx_conf_t *cf,
    ngx_http_llm_account_conf_t *zone)
{
    if (zone->accounts.kind == NGX_HTTP_LLM_LIMITS) {
        return ngx_http_llm_gate_variables_name(cf, "llm_limit_", zone, "",
                                           ngx_http_llm_gate_variable_said);
    }

    if (ngx_http_llm_gate_variables_name(cf, "llm_budget_", zone, "",
                                         ngx_http_llm_gate_variable_said)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llm_gate_variables_name(cf, "llm_budget_", zone, "_left",
                                           ngx_http_llm_gate_variable_left);
}
