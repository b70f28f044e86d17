
/*
 * Copyright (C) ngx_llm_module authors
 *
 * llm_limit_zone key zone=name:size rate=RATE [state=path];
 * llm_budget_zone key zone=name:size period=PERIOD [state=path];
 *
 * Keys are shown in the status and kept in shared memory, unless the
 * expression that makes them reads what callers prove themselves with: then
 * 16 hexadecimal digits of a keyed hash are shown instead, and the key is
 * kept nowhere.  That is decided here, by the names of the variables.
 */


#include "ngx_http_llm_account_conf.h"
#include "ngx_http_llm_gate.h"
#include "ngx_http_llm_key.h"


typedef struct {
    ngx_str_t   zone;
    ngx_str_t   value;               /* rate= or period= */
    ngx_str_t   state;
} ngx_http_llm_account_args_t;


static char *ngx_http_llm_account_conf_args(ngx_conf_t *cf,
    const char *parameter, ngx_http_llm_account_args_t *args);
static char *ngx_http_llm_account_conf_size(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_str_t *name, size_t *size);
static char *ngx_http_llm_account_conf_period(ngx_conf_t *cf,
    ngx_str_t *value, uint32_t *period);
static ngx_uint_t ngx_http_llm_account_conf_secret(ngx_str_t *key);


/* Names of variables, or what they begin with, that may hold a secret... */

static const char *const  ngx_http_llm_account_secrets[] = {
    "args", "query_string", "request_uri", "request", "cookie_",
    "http_authorization", "http_proxy_authorization", "http_cookie", NULL
};

/* ... and what those of headers and arguments have in them then. */

static const char *const  ngx_http_llm_account_words[] = {
    "key", "token", "secret", "auth", "passw", "sig", "cred", "session", NULL
};


char *
ngx_http_llm_account_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *mcf = conf;

    size_t                             size;
    ngx_str_t                         *value, name;
    ngx_uint_t                         limits;
    llm_str_t                          text;
    llm_amount_e                       why;
    ngx_shm_zone_t                   **zone;
    ngx_http_llm_account_conf_t       *acf;
    ngx_http_llm_account_args_t        args;
    ngx_http_compile_complex_value_t   ccv;

    value = cf->args->elts;
    limits = (ngx_strcmp(value[0].data, "llm_limit_zone") == 0);

    acf = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_account_conf_t));
    if (acf == NULL) {
        return NGX_CONF_ERROR;
    }

    acf->accounts.kind = limits ? NGX_HTTP_LLM_LIMITS : NGX_HTTP_LLM_BUDGETS;
    acf->accounts.hide = ngx_http_llm_account_conf_secret(&value[1]);

    if (value[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "the key of \"%V\" is empty",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = &acf->key;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_llm_account_conf_args(cf, limits ? "rate=" : "period=",
                                       &args)
        != NGX_CONF_OK
        || ngx_http_llm_account_conf_size(cf, &args.zone, &name, &size)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (limits) {
        text.data = args.value.data;
        text.len = args.value.len;

        acf->accounts.rate_text = text;
        why = llm_amount_rate(text, &acf->accounts.rate);

        if (why != LLM_AMOUNT_OK) {
            return ngx_http_llm_account_conf_error(cf, "rate", &args.value,
                                                   why);
        }

    } else if (ngx_http_llm_account_conf_period(cf, &args.value,
                                                &acf->accounts.period)
               != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    zone = ngx_array_push(&mcf->accounts);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    *zone = ngx_http_llm_account_zone_add(cf, &name, size, &args.state,
                                          &mcf->keep, &acf->accounts);
    if (*zone == NULL) {
        return NGX_CONF_ERROR;
    }

    acf->zone = *zone;
    acf->name = (*zone)->shm.name;

    return ngx_http_llm_gate_variables_zone(cf, acf) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* What comes after the key, in any order, each once. */

static char *
ngx_http_llm_account_conf_args(ngx_conf_t *cf, const char *parameter,
    ngx_http_llm_account_args_t *args)
{
    size_t       len;
    ngx_str_t   *value, *to, *into[3];
    ngx_uint_t   i, k;
    const char  *name[3];

    name[0] = "zone=";
    into[0] = &args->zone;
    name[1] = parameter;
    into[1] = &args->value;
    name[2] = "state=";
    into[2] = &args->state;
    len = 0;

    ngx_memzero(args, sizeof(ngx_http_llm_account_args_t));

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {

        to = NULL;

        for (k = 0; k < 3; k++) {
            len = ngx_strlen(name[k]);

            if (ngx_strncmp(value[i].data, name[k], len) == 0) {
                to = into[k];
                break;
            }
        }

        if (to == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (to->data) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        to->data = value[i].data + len;
        to->len = value[i].len - len;

        if (to == &args->state && to->len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    if (args->zone.data == NULL || args->value.data == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have \"zone=name:size\" and \"%s\"",
                           &value[0], parameter);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_account_conf_size(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_str_t *name, size_t *size)
{
    u_char     *p;
    ssize_t     n;
    ngx_str_t   s;

    p = ngx_strlchr(arg->data, arg->data + arg->len, ':');

    if (p == NULL || p == arg->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\", must be zone=name:size", arg);
        return NGX_CONF_ERROR;
    }

    name->data = arg->data;
    name->len = p - arg->data;

    s.data = p + 1;
    s.len = arg->data + arg->len - s.data;

    n = ngx_parse_size(&s);

    if (n == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid zone size \"%V\"",
                           arg);
        return NGX_CONF_ERROR;
    }

    *size = (size_t) n;

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_account_conf_period(ngx_conf_t *cf, ngx_str_t *value,
    uint32_t *period)
{
    uint32_t  i;

    for (i = NGX_HTTP_LLM_HOUR; i < NGX_HTTP_LLM_PERIODS; i++) {

        if (value->len == ngx_strlen(ngx_http_llm_periods[i])
            && ngx_strncmp(value->data, ngx_http_llm_periods[i], value->len)
               == 0)
        {
            *period = i;
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid period \"%V\": hour, day, week or month",
                       value);

    return NGX_CONF_ERROR;
}


char *
ngx_http_llm_account_conf_keys(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf)
{
    u_char                       *p, *last;
    ngx_uint_t                    i;
    ngx_shm_zone_t              **zone;
    ngx_http_llm_account_conf_t  *acf;

    zone = mcf->accounts.elts;

    for (i = 0; i < mcf->accounts.nelts; i++) {
        acf = ngx_http_llm_account_conf_of(zone[i]);

        if (acf->accounts.state == NULL || ngx_http_llm_key_stable(mcf)) {
            continue;
        }

        p = acf->key.value.data;
        last = p + acf->key.value.len;

        p = ngx_strlcasestrn(p, last, (u_char *) "llm_key_id",
                             sizeof("llm_key_id") - 2);
        if (p == NULL) {
            continue;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "zone \"%V\" has a state, and keys that are others at "
                      "every start: $llm_key_id needs \"llm_key_secret\"",
                      &acf->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_llm_account_conf_error(ngx_conf_t *cf, const char *what,
    ngx_str_t *text, llm_amount_e why)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid %s \"%V\": %s", what,
                       text, llm_amount_errors[why]);

    return NGX_CONF_ERROR;
}


static ngx_uint_t
ngx_http_llm_account_conf_word(u_char *name, size_t len)
{
    size_t                    n;
    u_char                   *p;
    const char *const        *word;

    for (word = ngx_http_llm_account_words; *word; word++) {
        n = ngx_strlen(*word);

        for (p = name; p + n <= name + len; p++) {
            if (ngx_strncasecmp(p, (u_char *) *word, n) == 0) {
                return 1;
            }
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_llm_account_conf_name(u_char *name, size_t len)
{
    size_t              n;
    const char *const  *secret;

    for (secret = ngx_http_llm_account_secrets; *secret; secret++) {
        n = ngx_strlen(*secret);

        if (len < n || ngx_strncasecmp(name, (u_char *) *secret, n) != 0) {
            continue;
        }

        /* all of it, or its begin where that ends in a '_' */

        if (len == n || (*secret)[n - 1] == '_') {
            return 1;
        }
    }

    if (len > 5 && ngx_strncasecmp(name, (u_char *) "http_", 5) == 0) {
        return ngx_http_llm_account_conf_word(name + 5, len - 5);
    }

    if (len > 4 && ngx_strncasecmp(name, (u_char *) "arg_", 4) == 0) {
        return ngx_http_llm_account_conf_word(name + 4, len - 4);
    }

    return 0;
}


static ngx_uint_t
ngx_http_llm_account_conf_secret(ngx_str_t *key)
{
    u_char  *p, *name, *last;

    last = key->data + key->len;

    for (p = key->data; p < last; p++) {

        if (*p != '$') {
            continue;
        }

        name = p + 1;

        if (name < last && *name == '{') {
            name++;
        }

        for (p = name;
             p < last && (*p == '_' || (*p >= '0' && *p <= '9')
                          || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z'));
             p++)
        {
            /* void */
        }

        if (ngx_http_llm_account_conf_name(name, p - name)) {
            return 1;
        }

        p--;
    }

    return 0;
}
