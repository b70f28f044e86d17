
/*
 * Copyright (C) ngx_llm_module authors
 *
 * llm_limit and llm_budget.  The parameters of each are a table: what begins
 * a parameter, and what reads the rest of it.
 */


#include "ngx_http_llm_account_conf.h"


/* A parameter: NULL, or what is wrong with its value. */

typedef const char *(*ngx_http_llm_param_pt)(ngx_conf_t *cf, void *conf,
    ngx_str_t *value);


typedef struct {
    ngx_str_t              name;         /* with the "=", if it has a value */
    ngx_http_llm_param_pt  set;
} ngx_http_llm_param_t;


static char *ngx_http_llm_gate_conf_params(ngx_conf_t *cf,
    ngx_http_llm_param_t *params, void *conf);


static const struct {
    ngx_str_t   name;
    ngx_uint_t  level;
} ngx_http_llm_gate_levels[] = {
    { ngx_string("info"), NGX_LOG_INFO },
    { ngx_string("notice"), NGX_LOG_NOTICE },
    { ngx_string("warn"), NGX_LOG_WARN },
    { ngx_string("error"), NGX_LOG_ERR },
    { ngx_null_string, 0 }
};


/* Parameters that limits and budgets have in common stand at one offset of
   neither: so each has setters of its own over these. */

static const char *
ngx_http_llm_gate_conf_zone(ngx_conf_t *cf, ngx_str_t *value,
    ngx_shm_zone_t **zone, ngx_str_t *name, ngx_uint_t kind)
{
    if (value->len == 0) {
        return "needs a name";
    }

    *name = *value;
    *zone = ngx_http_llm_account_zone_get(cf, value, kind);

    return *zone ? NULL : "cannot be used";
}


static const char *
ngx_http_llm_gate_conf_status(ngx_str_t *value, ngx_uint_t *status)
{
    ngx_int_t  n;

    n = ngx_atoi(value->data, value->len);

    if (n < 400 || n > 599) {
        return "must be 400 to 599";
    }

    *status = n;

    return NULL;
}


static const char *
ngx_http_llm_gate_conf_log(ngx_str_t *value, ngx_uint_t *level)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_llm_gate_levels[i].name.len; i++) {
        if (ngx_http_llm_gate_levels[i].name.len == value->len
            && ngx_strncmp(ngx_http_llm_gate_levels[i].name.data, value->data,
                           value->len)
               == 0)
        {
            *level = ngx_http_llm_gate_levels[i].level;
            return NULL;
        }
    }

    return "must be info, notice, warn or error";
}


static const char *
ngx_http_llm_limit_arg_zone(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    ngx_http_llm_limit_conf_t *l = conf;

    return ngx_http_llm_gate_conf_zone(cf, value, &l->zone, &l->name,
                                       NGX_HTTP_LLM_LIMITS);
}


static const char *
ngx_http_llm_limit_arg_burst(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    ngx_http_llm_limit_conf_t *l = conf;

    l->burst_text = *value;

    return NULL;
}


static const char *
ngx_http_llm_limit_arg_delay(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    ngx_http_llm_limit_conf_t *l = conf;

    ngx_int_t  ms;

    ms = ngx_parse_time(value, 0);

    if (ms == NGX_ERROR || ms > NGX_HTTP_LLM_DELAY_MAX) {
        return "must be a time of at most 5m";
    }

    l->delay = ms;

    return NULL;
}


static const char *
ngx_http_llm_limit_arg_status(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    ngx_http_llm_limit_conf_t *l = conf;

    return ngx_http_llm_gate_conf_status(value, &l->status);
}


static const char *
ngx_http_llm_limit_arg_log(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    ngx_http_llm_limit_conf_t *l = conf;

    return ngx_http_llm_gate_conf_log(value, &l->log_level);
}


static const char *
ngx_http_llm_limit_arg_dry_run(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    ngx_http_llm_limit_conf_t *l = conf;

    l->dry_run = 1;

    return NULL;
}


static ngx_http_llm_param_t  ngx_http_llm_limit_params[] = {
    { ngx_string("zone="), ngx_http_llm_limit_arg_zone },
    { ngx_string("burst="), ngx_http_llm_limit_arg_burst },
    { ngx_string("delay="), ngx_http_llm_limit_arg_delay },
    { ngx_string("status="), ngx_http_llm_limit_arg_status },
    { ngx_string("log="), ngx_http_llm_limit_arg_log },
    { ngx_string("dry_run"), ngx_http_llm_limit_arg_dry_run },
    { ngx_null_string, NULL }
};


/* llm_limit zone=name [burst=] [delay=] [status=] [log=] [dry_run]; */

char *
ngx_http_llm_gate_conf_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t *lcf = conf;

    char                       *rv;
    ngx_uint_t                  i;
    ngx_array_t               **limits;
    ngx_http_llm_limit_conf_t  *l, *other;

    limits = &lcf->gate.limits;

    rv = ngx_http_llm_gate_conf_off(cf, limits);

    if (rv || *limits == NULL) {
        return rv;
    }

    l = ngx_http_llm_gate_conf_push(cf, limits,
                                    sizeof(ngx_http_llm_limit_conf_t));
    if (l == NULL) {
        return NGX_CONF_ERROR;
    }

    l->status = NGX_HTTP_TOO_MANY_REQUESTS;
    l->log_level = NGX_LOG_ERR;

    rv = ngx_http_llm_gate_conf_params(cf, ngx_http_llm_limit_params, l);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (l->zone == NULL) {
        return "needs \"zone=\"";
    }

    other = (*limits)->elts;

    for (i = 0; i < (*limits)->nelts - 1; i++) {
        if (other[i].zone == l->zone) {
            return "names a zone that another one names already";
        }
    }

    return NGX_CONF_OK;
}


static const char *
ngx_http_llm_budget_arg_zone(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    ngx_http_llm_budget_conf_t *b = conf;

    return ngx_http_llm_gate_conf_zone(cf, value, &b->zone, &b->name,
                                       NGX_HTTP_LLM_BUDGETS);
}


static const char *
ngx_http_llm_budget_arg_limit(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    ngx_http_llm_budget_conf_t *b = conf;

    llm_str_t     s;
    llm_amount_t  amount;

    if (ngx_http_llm_gate_conf_complex(cf, value, &b->limit) != NGX_OK) {
        return "cannot be used";
    }

    if (b->limit.lengths) {
        return NULL;
    }

    s.data = value->data;
    s.len = value->len;

    return llm_amount_read(s, &amount) == LLM_AMOUNT_OK ? NULL
           : "must be an amount such as 50usd, 2000000t or 1000r";
}


static const char *
ngx_http_llm_budget_arg_soft(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    ngx_http_llm_budget_conf_t *b = conf;

    size_t     len;
    ngx_int_t  n;

    len = value->len;

    if (len && value->data[len - 1] == '%') {
        len--;
    }

    n = ngx_atoi(value->data, len);

    if (n < 1 || n > 100) {
        return "must be 1 to 100 percent";
    }

    b->soft = n;

    return NULL;
}


static const char *
ngx_http_llm_budget_arg_reject(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    return NULL;
}


static const char *
ngx_http_llm_budget_arg_pass(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    ngx_http_llm_budget_conf_t *b = conf;

    b->pass = 1;

    return NULL;
}


static const char *
ngx_http_llm_budget_arg_unpriced(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    ngx_http_llm_budget_conf_t *b = conf;

    if (value->len == 4 && ngx_strncmp(value->data, "pass", 4) == 0) {
        b->unpriced = 1;
        return NULL;
    }

    return value->len == 6 && ngx_strncmp(value->data, "reject", 6) == 0
           ? NULL : "must be reject or pass";
}


static const char *
ngx_http_llm_budget_arg_reserve(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    ngx_http_llm_budget_conf_t *b = conf;

    ngx_int_t  n;

    n = ngx_atoi(value->data, value->len);

    if (n == NGX_ERROR || n > 100000000) {
        return "must be a number of tokens";
    }

    b->reserve = n;

    return NULL;
}


static const char *
ngx_http_llm_budget_arg_status(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    ngx_http_llm_budget_conf_t *b = conf;

    return ngx_http_llm_gate_conf_status(value, &b->status);
}


static const char *
ngx_http_llm_budget_arg_log(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    ngx_http_llm_budget_conf_t *b = conf;

    return ngx_http_llm_gate_conf_log(value, &b->log_level);
}


static const char *
ngx_http_llm_budget_arg_dry_run(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    ngx_http_llm_budget_conf_t *b = conf;

    b->dry_run = 1;

    return NULL;
}


static ngx_http_llm_param_t  ngx_http_llm_budget_params[] = {
    { ngx_string("zone="), ngx_http_llm_budget_arg_zone },
    { ngx_string("limit="), ngx_http_llm_budget_arg_limit },
    { ngx_string("soft="), ngx_http_llm_budget_arg_soft },
    { ngx_string("reject"), ngx_http_llm_budget_arg_reject },
    { ngx_string("pass"), ngx_http_llm_budget_arg_pass },
    { ngx_string("unpriced="), ngx_http_llm_budget_arg_unpriced },
    { ngx_string("reserve="), ngx_http_llm_budget_arg_reserve },
    { ngx_string("status="), ngx_http_llm_budget_arg_status },
    { ngx_string("log="), ngx_http_llm_budget_arg_log },
    { ngx_string("dry_run"), ngx_http_llm_budget_arg_dry_run },
    { ngx_null_string, NULL }
};


/* llm_budget zone=name limit=AMOUNT [soft=] [reject | pass] ...; */

char *
ngx_http_llm_gate_conf_budget(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t *lcf = conf;

    char                        *rv;
    ngx_array_t                **budgets;
    ngx_http_llm_budget_conf_t  *b;

    budgets = &lcf->gate.budgets;

    rv = ngx_http_llm_gate_conf_off(cf, budgets);

    if (rv || *budgets == NULL) {
        return rv;
    }

    b = ngx_http_llm_gate_conf_push(cf, budgets,
                                    sizeof(ngx_http_llm_budget_conf_t));
    if (b == NULL) {
        return NGX_CONF_ERROR;
    }

    b->status = NGX_HTTP_TOO_MANY_REQUESTS;
    b->log_level = NGX_LOG_ERR;
    b->reserve = NGX_HTTP_LLM_RESERVE;

    rv = ngx_http_llm_gate_conf_params(cf, ngx_http_llm_budget_params, b);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (b->zone == NULL) {
        return "needs \"zone=\"";
    }

    if (b->limit.value.data == NULL) {
        return "needs \"limit=\"";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_gate_conf_params(ngx_conf_t *cf, ngx_http_llm_param_t *params,
    void *conf)
{
    ngx_str_t             *value, rest;
    ngx_uint_t             i, seen, bit;
    const char            *why;
    ngx_http_llm_param_t  *p;

    value = cf->args->elts;
    seen = 0;

    for (i = 1; i < cf->args->nelts; i++) {

        for (p = params, bit = 1; p->name.len; p++, bit <<= 1) {
            if (value[i].len >= p->name.len
                && ngx_strncmp(value[i].data, p->name.data, p->name.len) == 0
                && (p->name.data[p->name.len - 1] == '='
                    || value[i].len == p->name.len))
            {
                break;
            }
        }

        if (p->name.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (seen & bit) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        seen |= bit;

        rest.data = value[i].data + p->name.len;
        rest.len = value[i].len - p->name.len;

        why = p->set(cf, conf, &rest);

        if (why) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": %s",
                               &value[i], why);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}
