
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The directive llm_price: a model's price by hand.
 */


#include "ngx_http_llm_conf.h"


static const struct {
    ngx_str_t   name;
    ngx_uint_t  rate;
} ngx_http_llm_price_args[] = {
    { ngx_string("input="), LLM_RATE_INPUT },
    { ngx_string("output="), LLM_RATE_OUTPUT },
    { ngx_string("cache_read="), LLM_RATE_CACHE_READ },
    { ngx_string("cache_write="), LLM_RATE_CACHE_WRITE },
    { ngx_string("cache_write_1h="), LLM_RATE_CACHE_WRITE_1H },
    { ngx_string("reasoning="), LLM_RATE_REASONING },
    { ngx_string("request="), LLM_RATE_REQUEST }
};


/* One argument of llm_price after the model. */

static const char *
ngx_http_llm_prices_arg(llm_price_draft_t *draft, llm_price_rule_t *rule,
    ngx_str_t *arg, ngx_uint_t *seen)
{
    llm_str_t    value;
    ngx_uint_t   i;
    llm_price_e  rc;

    if (ngx_strncmp(arg->data, "provider=", 9) == 0) {
        rule->provider.data = arg->data + 9;
        rule->provider.len = arg->len - 9;
        return NULL;
    }

    if (ngx_strncmp(arg->data, "route=", 6) == 0) {
        rule->route.data = arg->data + 6;
        rule->route.len = arg->len - 6;
        return NULL;
    }

    for (i = 0;
         i < sizeof(ngx_http_llm_price_args)
             / sizeof(ngx_http_llm_price_args[0]);
         i++)
    {
        if (arg->len < ngx_http_llm_price_args[i].name.len
            || ngx_strncmp(arg->data, ngx_http_llm_price_args[i].name.data,
                           ngx_http_llm_price_args[i].name.len)
               != 0)
        {
            continue;
        }

        if (*seen & (1 << i)) {
            return "given twice";
        }

        *seen |= 1 << i;

        value.data = arg->data + ngx_http_llm_price_args[i].name.len;
        value.len = arg->len - ngx_http_llm_price_args[i].name.len;

        rc = llm_price_draft_million(draft, ngx_http_llm_price_args[i].rate,
                                     value);

        return (rc == LLM_PRICE_OK) ? NULL : llm_price_errors[rc];
    }

    return "no such parameter";
}


static char *
ngx_http_llm_prices_regex(ngx_conf_t *cf, ngx_http_llm_prices_t *p,
    llm_price_rule_t *rule)
{
#if (NGX_PCRE)
    u_char                       errstr[NGX_MAX_CONF_ERRSTR];
    ngx_regex_compile_t          rc;
    ngx_http_llm_price_regex_t  *re;

    ngx_memzero(&rc, sizeof(ngx_regex_compile_t));

    rc.pattern.data = (u_char *) rule->pattern.data;
    rc.pattern.len = rule->pattern.len;
    rc.pool = cf->pool;
    rc.err.len = NGX_MAX_CONF_ERRSTR;
    rc.err.data = errstr;

    if (ngx_regex_compile(&rc) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V", &rc.err);
        return NGX_CONF_ERROR;
    }

    re = ngx_array_push(&p->regexes);
    if (re == NULL) {
        return NGX_CONF_ERROR;
    }

    re->rule = *rule;
    re->regex = rc.regex;

    return NGX_CONF_OK;
#else
    return "needs PCRE for a \"~regex\"";
#endif
}


char *
ngx_http_llm_prices_rule(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *mcf = conf;

    llm_str_t           word;
    ngx_str_t          *value;
    ngx_uint_t          i, seen;
    llm_price_e         rc;
    const char         *why;
    llm_price_t        *price;
    llm_price_rule_t    rule, *r;
    llm_price_draft_t  *draft;

    value = cf->args->elts;
    ngx_memzero(&rule, sizeof(llm_price_rule_t));

    word.data = value[1].data;
    word.len = value[1].len;

    if (llm_price_rule_pattern(&rule, word) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid model \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    draft = ngx_palloc(cf->temp_pool, sizeof(llm_price_draft_t));
    price = ngx_palloc(cf->temp_pool, LLM_PRICE_MAX_SIZE);

    if (draft == NULL || price == NULL) {
        return NGX_CONF_ERROR;
    }

    llm_price_draft_init(draft);
    seen = 0;

    for (i = 2; i < cf->args->nelts; i++) {
        why = ngx_http_llm_prices_arg(draft, &rule, &value[i], &seen);

        if (why) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": %s",
                               &value[i], why);
            return NGX_CONF_ERROR;
        }
    }

    if ((seen & 3) != 3) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"llm_price\" of \"%V\" needs \"input=\" and "
                           "\"output=\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    rc = llm_price_pack(draft, price);
    if (rc != LLM_PRICE_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "price of \"%V\": %s",
                           &value[1], llm_price_errors[rc]);
        return NGX_CONF_ERROR;
    }

    rule.price = ngx_http_llm_prices_pack(cf, price);
    if (rule.price == NULL) {
        return NGX_CONF_ERROR;
    }

    if (rule.kind == LLM_RULE_REGEX) {
        return ngx_http_llm_prices_regex(cf, &mcf->prices, &rule);
    }

    r = ngx_array_push(&mcf->prices.rules);
    if (r == NULL) {
        return NGX_CONF_ERROR;
    }

    *r = rule;

    return NGX_CONF_OK;
}
