
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The llm_slo directive.
 */


#include "ngx_http_llm_slo_call.h"


#define NGX_HTTP_LLM_SLO_NAME_MAX  64
#define NGX_HTTP_LLM_SLO_MIN_MAX   1000000


const char *const  ngx_http_llm_slo_windows[] = { "1m", "5m", "1h", "24h" };

static const uint64_t  ngx_http_llm_slo_seconds[] = { 60, 300, 3600, 86400 };

static const char *const  ngx_http_llm_slo_metrics[] = {
    "ttft", "duration", "tpot", "errors"
};


/* What may be given once, in the order of the bits. */

enum {
    SLO_ZONE = 0, SLO_METRIC, SLO_UNDER, SLO_TARGET, SLO_WINDOW, SLO_MIN,
    SLO_HOLD, SLO_PROBE, SLO_PROVIDER, SLO_MODEL, SLO_ROUTE, SLO_LABEL
};

static const char *const  ngx_http_llm_slo_keys[] = {
    "zone", "metric", "under", "target", "window", "min", "hold", "probe",
    "provider", "model", "route"
};


static ngx_int_t
ngx_http_llm_slo_word(ngx_str_t *s, const char *const *words, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (ngx_strlen(words[i]) == s->len
            && ngx_strncmp(words[i], s->data, s->len) == 0)
        {
            return i;
        }
    }

    return NGX_ERROR;
}


/* "95", "99.95", "5%": millionths. */

static ngx_int_t
ngx_http_llm_slo_percent(ngx_str_t *s)
{
    size_t     len;
    ngx_int_t  n;

    len = s->len;

    if (len && s->data[len - 1] == '%') {
        len--;
    }

    n = len ? ngx_atofp(s->data, len, 4) : NGX_ERROR;

    return n > (ngx_int_t) NGX_HTTP_LLM_SLO_ONE ? NGX_ERROR : n;
}


static ngx_int_t
ngx_http_llm_slo_time(ngx_str_t *s, uint64_t *ns)
{
    ngx_int_t  ms;

    ms = ngx_parse_time(s, 0);

    if (ms == NGX_ERROR || ms == 0) {
        return NGX_ERROR;
    }

    *ns = (uint64_t) ms * 1000000;

    return NGX_OK;
}


/* NGX_ERROR: the value is not one for this key. */

static ngx_int_t
ngx_http_llm_slo_value(ngx_conf_t *cf, ngx_http_llm_slo_conf_t *slo,
    ngx_uint_t key, ngx_str_t *s)
{
    ngx_int_t  n;

    n = 0;

    switch (key) {

    case SLO_ZONE:
        slo->zone = ngx_http_llm_zone_get(cf, s, &ngx_http_llm_module);
        return slo->zone ? NGX_OK : NGX_ERROR;

    case SLO_METRIC:
        n = ngx_http_llm_slo_word(s, ngx_http_llm_slo_metrics, 4);
        slo->metric = n;
        break;

    case SLO_UNDER:
        return ngx_http_llm_slo_time(s, &slo->under);

    case SLO_HOLD:
        return ngx_http_llm_slo_time(s, &slo->def.hold);

    case SLO_TARGET:
        n = ngx_http_llm_slo_percent(s);
        slo->def.target = n;
        return n > 0 ? NGX_OK : NGX_ERROR;

    case SLO_PROBE:
        n = ngx_http_llm_slo_percent(s);
        slo->def.probe = n;
        break;

    case SLO_WINDOW:
        n = ngx_http_llm_slo_word(s, ngx_http_llm_slo_windows, 4);
        slo->window = n;
        break;

    case SLO_MIN:
        n = ngx_atoi(s->data, s->len);
        slo->def.min = n;
        return n > 0 && n <= NGX_HTTP_LLM_SLO_MIN_MAX ? NGX_OK : NGX_ERROR;

    case SLO_PROVIDER:
        slo->provider = *s;
        break;

    case SLO_MODEL:
        slo->model = *s;
        break;

    default: /* SLO_ROUTE */
        slo->route = *s;
    }

    return n == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


static char *
ngx_http_llm_slo_label(ngx_conf_t *cf, ngx_http_llm_slo_conf_t *slo,
    ngx_str_t *key, ngx_str_t *value)
{
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    kv = slo->labels.elts;

    for (i = 0; i < slo->labels.nelts; i++) {
        if (kv[i].key.len == key->len
            && ngx_strncmp(kv[i].key.data, key->data, key->len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter \"%V\"", key);
            return NGX_CONF_ERROR;
        }
    }

    kv = ngx_array_push(&slo->labels);
    if (kv == NULL) {
        return NGX_CONF_ERROR;
    }

    kv->key = *key;
    kv->value = *value;

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_slo_parameter(ngx_conf_t *cf, ngx_http_llm_slo_conf_t *slo,
    ngx_str_t *arg, ngx_uint_t *given)
{
    u_char     *p;
    ngx_str_t   key, value;
    ngx_int_t   n;

    if (arg->len == 5 && ngx_strncmp(arg->data, "latch", 5) == 0) {
        slo->def.latch = 1;
        return NGX_CONF_OK;
    }

    p = ngx_strlchr(arg->data, arg->data + arg->len, '=');

    if (p == NULL || p == arg->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           arg);
        return NGX_CONF_ERROR;
    }

    key.data = arg->data;
    key.len = p - arg->data;
    value.data = p + 1;
    value.len = arg->data + arg->len - value.data;

    if (value.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is empty", arg);
        return NGX_CONF_ERROR;
    }

    if (ngx_strlchr(value.data, value.data + value.len, '$')) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": \"llm_slo\" takes no variables", arg);
        return NGX_CONF_ERROR;
    }

    n = ngx_http_llm_slo_word(&key, ngx_http_llm_slo_keys, SLO_LABEL);

    if (n == NGX_ERROR) {
        *given |= 1 << SLO_LABEL;
        return ngx_http_llm_slo_label(cf, slo, &key, &value);
    }

    if (*given & (1 << n)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate parameter \"%V\"", &key);
        return NGX_CONF_ERROR;
    }

    *given |= 1 << n;

    if (ngx_http_llm_slo_value(cf, slo, n, &value) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%V\"", arg);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* What parameters need of one another: a sentence, or NULL. */

static const char *
ngx_http_llm_slo_wrong(ngx_http_llm_slo_conf_t *slo, ngx_uint_t given)
{
    if (!(given & (1 << SLO_ZONE))) {
        return "needs \"zone=\"";
    }

    if (!(given & (1 << SLO_METRIC))) {
        return "needs \"metric=\": ttft, duration, tpot or errors";
    }

    if (!(given & (1 << SLO_TARGET))) {
        return "needs \"target=\", the percentage of calls that must be good";
    }

    if (slo->metric == NGX_HTTP_LLM_SLO_ERRORS) {
        if (given & (1 << SLO_UNDER)) {
            return "takes no \"under=\" with metric=errors";
        }

    } else if (!(given & (1 << SLO_UNDER))) {
        return "needs \"under=\", the time that a good call may take";
    }

    if (slo->def.latch && (given & (1 << SLO_PROBE | 1 << SLO_HOLD))) {
        return "takes no \"probe=\" and no \"hold=\" with \"latch\": "
               "a latched breach lasts until a reload";
    }

    if ((given >> SLO_PROVIDER) == 0) {
        return "needs a filter: provider=, model=, route= or a label";
    }

    return NULL;
}


/* The name in a variable, and no other of that name. */

static char *
ngx_http_llm_slo_name(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf,
    ngx_http_llm_slo_conf_t *slo, ngx_str_t *name)
{
    u_char                    *p;
    ngx_str_t                  full;
    ngx_uint_t                 i;
    ngx_http_variable_t       *var;
    ngx_http_llm_slo_conf_t  **other;

    for (i = 0; i < name->len; i++) {
        name->data[i] = ngx_tolower(name->data[i]);

        if ((name->data[i] < 'a' || name->data[i] > 'z')
            && (name->data[i] < '0' || name->data[i] > '9')
            && name->data[i] != '_')
        {
            break;
        }
    }

    if (i < name->len || i == 0 || i > NGX_HTTP_LLM_SLO_NAME_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name \"%V\": up to %d letters, digits "
                           "and underscores",
                           name, NGX_HTTP_LLM_SLO_NAME_MAX);
        return NGX_CONF_ERROR;
    }

    other = mcf->slos->elts;

    for (i = 0; i < mcf->slos->nelts; i++) {
        if (other[i]->def.name.len == name->len
            && ngx_strncmp(other[i]->def.name.data, name->data, name->len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate llm_slo \"%V\"", name);
            return NGX_CONF_ERROR;
        }
    }

    slo->def.name = ngx_http_llm_view(name);

    full.len = sizeof("llm_slo_") - 1 + name->len;
    full.data = ngx_pnalloc(cf->pool, full.len);
    if (full.data == NULL) {
        return NGX_CONF_ERROR;
    }

    p = ngx_cpymem(full.data, "llm_slo_", sizeof("llm_slo_") - 1);
    ngx_memcpy(p, name->data, name->len);

    var = ngx_http_add_variable(cf, &full, 0);
    if (var == NULL) {
        return NGX_CONF_ERROR;
    }

    var->get_handler = ngx_http_llm_slo_variable;
    var->data = (uintptr_t) slo;

    return NGX_CONF_OK;
}


/*
 * Definitions that mean the same have the same text, however they are
 * written: a reload must not begin anew for a "60s" that was "1m".
 */

static ngx_int_t
ngx_http_llm_slo_text(ngx_conf_t *cf, ngx_http_llm_slo_conf_t *slo)
{
    u_char        *p;
    size_t         len;
    ngx_str_t      name;
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    kv = slo->labels.elts;
    name.data = (u_char *) slo->def.name.data;
    name.len = slo->def.name.len;

    len = name.len + slo->provider.len + slo->model.len + slo->route.len
          + 10 * (NGX_INT64_LEN + 1);

    for (i = 0; i < slo->labels.nelts; i++) {
        len += kv[i].key.len + kv[i].value.len + 2;
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    slo->def.text.data = p;

    p = ngx_sprintf(p, "%V%Z%ui %uL %ui %uD %uL %uD %uD %uD%Z%V%Z%V%Z%V%Z",
                    &name, slo->metric, slo->under, slo->window,
                    slo->def.target, slo->def.hold, slo->def.probe,
                    slo->def.min, slo->def.latch, &slo->provider, &slo->model,
                    &slo->route);

    for (i = 0; i < slo->labels.nelts; i++) {
        p = ngx_sprintf(p, "%V%Z%V%Z", &kv[i].key, &kv[i].value);
    }

    slo->def.text.len = p - slo->def.text.data;

    return NGX_OK;
}


char *
ngx_http_llm_slo_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *mcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i, given;
    const char                *why;
    ngx_http_llm_slo_conf_t   *slo, **p, **other;

    if (mcf->slos == NULL) {
        mcf->slos = ngx_array_create(cf->pool, 4,
                                     sizeof(ngx_http_llm_slo_conf_t *));
        if (mcf->slos == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    slo = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_slo_conf_t));

    if (slo == NULL
        || ngx_array_init(&slo->labels, cf->pool, 2, sizeof(ngx_keyval_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    slo->window = 1;
    slo->def.min = 20;
    slo->def.hold = 30 * 1000000000ull;
    slo->def.probe = NGX_HTTP_LLM_SLO_ONE / 20;

    value = cf->args->elts;
    given = 0;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_llm_slo_parameter(cf, slo, &value[i], &given)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    why = ngx_http_llm_slo_wrong(slo, given);

    if (why) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "llm_slo \"%V\" %s",
                           &value[1], why);
        return NGX_CONF_ERROR;
    }

    slo->def.window = ngx_http_llm_slo_seconds[slo->window] * 1000000000;

    if (ngx_http_llm_slo_name(cf, mcf, slo, &value[1]) != NGX_CONF_OK
        || ngx_http_llm_slo_text(cf, slo) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    other = mcf->slos->elts;

    for (i = 0; i < mcf->slos->nelts; i++) {
        slo->bit += (other[i]->zone == slo->zone);
    }

    if (slo->bit == NGX_HTTP_LLM_SLOS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_slo \"%V\" is one too many: a zone has up "
                           "to %d", &value[1], NGX_HTTP_LLM_SLOS);
        return NGX_CONF_ERROR;
    }

    p = ngx_array_push(mcf->slos);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    slo->index = mcf->slos->nelts - 1;
    *p = slo;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_llm_slo_done(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf)
{
    ngx_str_t                 *label, name;
    ngx_uint_t                 i, k, n;
    ngx_keyval_t              *kv;
    ngx_http_llm_slo_conf_t  **slo;

    if (mcf->slos == NULL) {
        return NGX_OK;
    }

    mcf->loaded = ngx_http_llm_now();
    mcf->nslos = mcf->slos->nelts;

    mcf->levels = ngx_palloc(cf->pool, mcf->nslos
                                       * sizeof(ngx_http_llm_slo_t *));
    if (mcf->levels == NULL) {
        return NGX_ERROR;
    }

    slo = mcf->slos->elts;
    label = mcf->labels.elts;

    for (i = 0; i < mcf->slos->nelts; i++) {
        mcf->levels[i] = &slo[i]->def;
        slo[i]->def.zone = ngx_http_llm_zone_of(slo[i]->zone);
        kv = slo[i]->labels.elts;

        for (k = 0; k < slo[i]->labels.nelts; k++) {

            for (n = 0; n < mcf->labels.nelts; n++) {
                if (label[n].len == kv[k].key.len
                    && ngx_strncmp(label[n].data, kv[k].key.data,
                                   label[n].len)
                       == 0)
                {
                    break;
                }
            }

            if (n == mcf->labels.nelts) {
                name.data = (u_char *) slo[i]->def.name.data;
                name.len = slo[i]->def.name.len;

                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "llm_slo \"%V\": \"%V\" is no parameter, "
                                   "and no \"llm_label\" has this name",
                                   &name, &kv[k].key);
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}
