
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Settings of gates, and the directives that need no more than a value;
 * llm_limit and llm_budget are ngx_http_llm_gate_args.c's.
 */


#include "ngx_http_llm_account_conf.h"

#include "llm_decimal.h"


ngx_conf_enum_t  ngx_http_llm_unreadables[] = {
    { ngx_string("reject"), NGX_HTTP_LLM_UNREADABLE_REJECT },
    { ngx_string("pass"), NGX_HTTP_LLM_UNREADABLE_PASS },
    { ngx_null_string, 0 }
};


void
ngx_http_llm_gate_conf_init(ngx_http_llm_gate_conf_t *conf)
{
    conf->denials = NGX_CONF_UNSET_PTR;
    conf->max_input = NGX_CONF_UNSET_PTR;
    conf->max_cost = NGX_CONF_UNSET_PTR;
    conf->limits = NGX_CONF_UNSET_PTR;
    conf->budgets = NGX_CONF_UNSET_PTR;
    conf->unreadable = NGX_CONF_UNSET_UINT;
}


/* Of directives that may be repeated, a level's own hide the outer ones. */

static void
ngx_http_llm_gate_conf_hidden(ngx_conf_t *cf, const char *name,
    ngx_array_t *outer, ngx_array_t *own)
{
    if (outer == NGX_CONF_UNSET_PTR || outer == NULL
        || own == NGX_CONF_UNSET_PTR || own == NULL)
    {
        return;
    }

    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "\"%s\" of the outer level is hidden by those of "
                       "this one", name);
}


/*
 * All zones are known by now.  A limit that other levels inherit is looked at
 * again by each, to the same end.
 */

static char *
ngx_http_llm_gate_conf_limits(ngx_conf_t *cf, ngx_array_t *limits)
{
    llm_str_t                     s;
    ngx_uint_t                    i;
    llm_amount_t                  amount;
    ngx_http_llm_limit_conf_t    *l;
    ngx_http_llm_account_conf_t  *zone;

    l = limits->elts;

    for (i = 0; i < limits->nelts; i++) {
        zone = ngx_http_llm_account_conf_of(l[i].zone);

        if (zone == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_limit names the zone \"%V\", which no "
                               "llm_limit_zone makes", &l[i].name);
            return NGX_CONF_ERROR;
        }

        if (l[i].burst_text.data == NULL) {
            l[i].burst = zone->accounts.rate.value;
            continue;
        }

        s.data = l[i].burst_text.data;
        s.len = l[i].burst_text.len;

        if (llm_amount_read(s, &amount) != LLM_AMOUNT_OK
            || amount.unit != zone->accounts.rate.unit || amount.value == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"burst=%V\": must be an "
                               "amount in the unit of zone \"%V\"",
                               &l[i].burst_text, &l[i].name);
            return NGX_CONF_ERROR;
        }

        l[i].burst = amount.value;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_gate_conf_budgets(ngx_conf_t *cf, ngx_array_t *budgets)
{
    ngx_uint_t                   i;
    ngx_http_llm_budget_conf_t  *b;

    b = budgets->elts;

    for (i = 0; i < budgets->nelts; i++) {
        if (ngx_http_llm_account_conf_of(b[i].zone) == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_budget names the zone \"%V\", which no "
                               "llm_budget_zone makes", &b[i].name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_http_llm_gate_conf_merge(ngx_conf_t *cf, ngx_http_llm_gate_conf_t *prev,
    ngx_http_llm_gate_conf_t *conf)
{
    ngx_http_llm_gate_conf_hidden(cf, "llm_deny", prev->denials,
                                  conf->denials);
    ngx_http_llm_gate_conf_hidden(cf, "llm_limit", prev->limits,
                                  conf->limits);
    ngx_http_llm_gate_conf_hidden(cf, "llm_budget", prev->budgets,
                                  conf->budgets);

    ngx_conf_merge_ptr_value(conf->denials, prev->denials, NULL);
    ngx_conf_merge_ptr_value(conf->max_input, prev->max_input, NULL);
    ngx_conf_merge_ptr_value(conf->max_cost, prev->max_cost, NULL);
    ngx_conf_merge_ptr_value(conf->limits, prev->limits, NULL);
    ngx_conf_merge_ptr_value(conf->budgets, prev->budgets, NULL);
    ngx_conf_merge_uint_value(conf->unreadable, prev->unreadable,
                              NGX_HTTP_LLM_UNREADABLE_REJECT);

    if (conf->limits
        && ngx_http_llm_gate_conf_limits(cf, conf->limits) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return conf->budgets ? ngx_http_llm_gate_conf_budgets(cf, conf->budgets)
                         : NGX_CONF_OK;
}


ngx_uint_t
ngx_http_llm_gate_conf_on(ngx_http_llm_gate_conf_t *conf)
{
    return conf->denials || conf->max_input || conf->max_cost
           || conf->limits || conf->budgets;
}


void *
ngx_http_llm_gate_conf_push(ngx_conf_t *cf, ngx_array_t **a, size_t size)
{
    void  *p;

    if (*a == NGX_CONF_UNSET_PTR) {
        *a = ngx_array_create(cf->pool, 2, size);
        if (*a == NULL) {
            return NULL;
        }
    }

    p = ngx_array_push(*a);

    if (p) {
        ngx_memzero(p, size);
    }

    return p;
}


char *
ngx_http_llm_gate_conf_off(ngx_conf_t *cf, ngx_array_t **a)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (*a == NULL) {
        return "is given after \"off\"";
    }

    if (cf->args->nelts != 2 || ngx_strcmp(value[1].data, "off") != 0) {
        return NULL;
    }

    if (*a != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    *a = NULL;

    return NULL;
}


/* llm_deny value [status]; llm_deny off; */

char *
ngx_http_llm_gate_conf_deny(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t *lcf = conf;

    char                   *rv;
    ngx_int_t               status;
    ngx_str_t              *value;
    ngx_array_t           **denials;
    ngx_http_llm_denial_t  *d;

    denials = &lcf->gate.denials;

    rv = ngx_http_llm_gate_conf_off(cf, denials);

    if (rv || *denials == NULL) {
        return rv;
    }

    value = cf->args->elts;
    status = NGX_HTTP_FORBIDDEN;

    if (cf->args->nelts == 3) {
        status = ngx_atoi(value[2].data, value[2].len);

        if (status < 400 || status > 599) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid status \"%V\", must be 400 to 599",
                               &value[2]);
            return NGX_CONF_ERROR;
        }
    }

    d = ngx_http_llm_gate_conf_push(cf, denials,
                                    sizeof(ngx_http_llm_denial_t));
    if (d == NULL) {
        return NGX_CONF_ERROR;
    }

    d->status = status;

    return ngx_http_llm_gate_conf_complex(cf, &value[1], &d->value) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* llm_max_input_tokens, llm_max_cost: a number, "off", or variables. */

char *
ngx_http_llm_gate_conf_value(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    llm_str_t                   s;
    uint64_t                    n;
    ngx_str_t                  *value;
    ngx_http_complex_value_t  **cv;

    cv = (ngx_http_complex_value_t **) ((u_char *) conf + cmd->offset);
    value = cf->args->elts;

    if (*cv != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    if (ngx_strcmp(value[1].data, "off") == 0) {
        *cv = NULL;
        return NGX_CONF_OK;
    }

    *cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (*cv == NULL
        || ngx_http_llm_gate_conf_complex(cf, &value[1], *cv) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if ((*cv)->lengths) {
        return NGX_CONF_OK;
    }

    s.data = value[1].data;
    s.len = value[1].len;

    if (llm_decimal_nano(s, &n) != LLM_DECIMAL_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid number \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_llm_gate_conf_complex(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_complex_value_t *cv)
{
    ngx_http_compile_complex_value_t  ccv;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));
    ngx_memzero(cv, sizeof(ngx_http_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = cv;

    return ngx_http_compile_complex_value(&ccv);
}
