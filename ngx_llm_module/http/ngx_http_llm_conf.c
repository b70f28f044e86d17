
/*
 * Copyright (C) ngx_llm_module authors
 */


#include "ngx_http_llm_conf.h"
#include "ngx_http_llm_key.h"


static ngx_int_t ngx_http_llm_conf_complex(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_complex_value_t *cv);
static char *ngx_http_llm_conf_label_name(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf, ngx_str_t *name);


ngx_conf_enum_t  ngx_http_llm_accept_encodings[] = {
    { ngx_string("identity"), NGX_HTTP_LLM_ACCEPT_IDENTITY },
    { ngx_string("pass"), NGX_HTTP_LLM_ACCEPT_PASS },
    { ngx_null_string, 0 }
};


ngx_conf_enum_t  ngx_http_llm_inspects[] = {
    { ngx_string("passive"), NGX_HTTP_LLM_INSPECT_PASSIVE },
    { ngx_string("precontent"), NGX_HTTP_LLM_INSPECT_PRECONTENT },
    { ngx_string("preaccess"), NGX_HTTP_LLM_INSPECT_PREACCESS },
    { ngx_null_string, 0 }
};


void *
ngx_http_llm_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_llm_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&mcf->zones, cf->pool, 2, sizeof(ngx_shm_zone_t *))
        != NGX_OK
        || ngx_array_init(&mcf->accounts, cf->pool, 2,
                          sizeof(ngx_shm_zone_t *))
           != NGX_OK
        || ngx_array_init(&mcf->labels, cf->pool, NGX_HTTP_LLM_LABELS,
                          sizeof(ngx_str_t))
           != NGX_OK
        || ngx_http_llm_prices_init(cf, &mcf->prices) != NGX_OK)
    {
        return NULL;
    }

    mcf->generation = 1;

    return mcf;
}


/*
 * The configuration that serves now, if there is one that knows us: our index
 * may lie beyond the arrays of one that does not.
 */

static ngx_http_llm_main_conf_t *
ngx_http_llm_conf_old(ngx_cycle_t *old)
{
    ngx_uint_t  i;

    if (old == NULL || ngx_is_init_cycle(old)) {
        return NULL;
    }

    for (i = 0; old->modules[i]; i++) {
        if (old->modules[i] == &ngx_http_llm_module) {
            return ngx_http_cycle_get_module_main_conf(old,
                                                       ngx_http_llm_module);
        }
    }

    return NULL;
}


char *
ngx_http_llm_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_llm_main_conf_t *mcf = conf;

    ngx_http_llm_main_conf_t  *old;

    old = ngx_http_llm_conf_old(cf->cycle->old_cycle);

    if (ngx_http_llm_prices_done(cf, &mcf->prices, old ? &old->prices : NULL,
                                 ngx_http_llm_prices_cold(cf, &mcf->keep))
        != NGX_OK
        || ngx_http_llm_key_init(cf, mcf, old) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (old) {
        mcf->generation = old->generation + 1;
    }

    return NGX_CONF_OK;
}


void *
ngx_http_llm_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_llm_loc_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_loc_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    lcf->zone = NGX_CONF_UNSET_PTR;
    lcf->labels = NGX_CONF_UNSET_PTR;
    lcf->route = NGX_CONF_UNSET_PTR;
    lcf->provider = NGX_CONF_UNSET_PTR;
    lcf->stream_buffering = NGX_CONF_UNSET;
    lcf->accept_encoding = NGX_CONF_UNSET_UINT;
    lcf->inspect = NGX_CONF_UNSET_UINT;
    lcf->inspect_max = NGX_CONF_UNSET;
    lcf->delay = NGX_CONF_UNSET_PTR;
    lcf->timeout = NGX_CONF_UNSET_PTR;
    lcf->allow_models = NGX_CONF_UNSET_PTR;
    lcf->deny_models = NGX_CONF_UNSET_PTR;
    lcf->include_usage = NGX_CONF_UNSET;
    lcf->set_model = NGX_CONF_UNSET_PTR;
    lcf->max_output = NGX_CONF_UNSET_PTR;
    lcf->max_output_reject = NGX_CONF_UNSET_UINT;

    ngx_http_llm_gate_conf_init(&lcf->gate);

    return lcf;
}


/* A list, a gate or labels that an outer level has, and this one has too. */

void
ngx_http_llm_conf_hidden(ngx_conf_t *cf, const char *name, void *outer,
    void *inner)
{
    if (outer != NGX_CONF_UNSET_PTR && inner != NGX_CONF_UNSET_PTR
        && outer && inner)
    {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%s\" of the outer level is hidden by "
                           "those of this one", name);
    }
}


/* Gates: where nothing is measured they would refuse nothing. */

static const struct {
    const char  *name;
    size_t       offset;
} ngx_http_llm_conf_gates[] = {
    { "llm_allow_models", offsetof(ngx_http_llm_loc_conf_t, allow_models) },
    { "llm_deny_models", offsetof(ngx_http_llm_loc_conf_t, deny_models) },
    { "llm_deny", offsetof(ngx_http_llm_loc_conf_t, gate.denials) },
    { "llm_max_input_tokens",
      offsetof(ngx_http_llm_loc_conf_t, gate.max_input) },
    { "llm_max_cost", offsetof(ngx_http_llm_loc_conf_t, gate.max_cost) },
    { "llm_limit", offsetof(ngx_http_llm_loc_conf_t, gate.limits) },
    { "llm_budget", offsetof(ngx_http_llm_loc_conf_t, gate.budgets) }
};

#define NGX_HTTP_LLM_CONF_GATES                                               \
    (sizeof(ngx_http_llm_conf_gates) / sizeof(ngx_http_llm_conf_gates[0]))


/* The gates that a level has of its own, a bit each; before merging. */

static ngx_uint_t
ngx_http_llm_conf_own(ngx_http_llm_loc_conf_t *conf)
{
    void        *p;
    ngx_uint_t   i, own;

    own = 0;

    for (i = 0; i < NGX_HTTP_LLM_CONF_GATES; i++) {
        p = *(void **) ((u_char *) conf + ngx_http_llm_conf_gates[i].offset);

        if (p != NGX_CONF_UNSET_PTR && p != NULL) {
            own |= (ngx_uint_t) 1 << i;
        }
    }

    return own;
}


static char *
ngx_http_llm_conf_needs(ngx_conf_t *cf, ngx_http_llm_loc_conf_t *conf,
    ngx_uint_t own)
{
    ngx_uint_t                 i;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->zone || clcf->name.len == 0) {
        return NGX_CONF_OK;
    }

    for (i = 0; i < NGX_HTTP_LLM_CONF_GATES; i++) {

        if (own & ((ngx_uint_t) 1 << i)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%s\" needs \"llm\" in its location \"%V\"",
                               ngx_http_llm_conf_gates[i].name, &clcf->name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_http_llm_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_llm_loc_conf_t  *prev = parent;
    ngx_http_llm_loc_conf_t  *conf = child;

    ngx_uint_t                 own;
    ngx_http_llm_main_conf_t  *mcf;

    ngx_http_llm_conf_hidden(cf, "llm_label", prev->labels, conf->labels);
    ngx_http_llm_conf_hidden(cf, "llm_allow_models", prev->allow_models,
                             conf->allow_models);
    ngx_http_llm_conf_hidden(cf, "llm_deny_models", prev->deny_models,
                             conf->deny_models);

    own = ngx_http_llm_conf_own(conf);

    ngx_conf_merge_ptr_value(conf->zone, prev->zone, NULL);
    ngx_conf_merge_ptr_value(conf->labels, prev->labels, NULL);
    ngx_conf_merge_ptr_value(conf->route, prev->route, NULL);
    ngx_conf_merge_ptr_value(conf->provider, prev->provider, NULL);
    ngx_conf_merge_value(conf->stream_buffering, prev->stream_buffering, 0);
    ngx_conf_merge_uint_value(conf->accept_encoding, prev->accept_encoding,
                              NGX_HTTP_LLM_ACCEPT_IDENTITY);
    ngx_conf_merge_uint_value(conf->inspect, prev->inspect,
                              NGX_HTTP_LLM_INSPECT_PASSIVE);
    ngx_conf_merge_off_value(conf->inspect_max, prev->inspect_max,
                             32 * 1024 * 1024);
    ngx_conf_merge_value(conf->include_usage, prev->include_usage, 0);
    ngx_conf_merge_ptr_value(conf->set_model, prev->set_model, NULL);
    ngx_conf_merge_ptr_value(conf->max_output, prev->max_output, NULL);
    ngx_conf_merge_uint_value(conf->max_output_reject,
                              prev->max_output_reject, 0);

    conf->changes = conf->include_usage || conf->set_model
                    || conf->max_output;

    ngx_conf_merge_ptr_value(conf->allow_models, prev->allow_models, NULL);
    ngx_conf_merge_ptr_value(conf->deny_models, prev->deny_models, NULL);

    if (ngx_http_llm_conf_needs(cf, conf, own) != NGX_CONF_OK
        || ngx_http_llm_gate_conf_merge(cf, &prev->gate, &conf->gate)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_conf_merge_ptr_value(conf->delay, prev->delay, NULL);
    ngx_conf_merge_ptr_value(conf->timeout, prev->timeout, NULL);

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (conf->zone) {
        mcf->used = 1;

        if (conf->accept_encoding == NGX_HTTP_LLM_ACCEPT_IDENTITY) {
            mcf->identity = 1;
        }

        if (conf->changes) {
            mcf->splice = 1;
        }

        if (conf->inspect == NGX_HTTP_LLM_INSPECT_PREACCESS) {
            mcf->preaccess = 1;
        }
    }

    return NGX_CONF_OK;
}


/* llm_zone zone=name:size [state=path]; */

char *
ngx_http_llm_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *mcf = conf;

    u_char           *p;
    ssize_t           size;
    ngx_str_t        *value, name, s, state;
    ngx_shm_zone_t  **zone;

    value = cf->args->elts;

    if (ngx_strncmp(value[1].data, "zone=", 5) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    name.data = value[1].data + 5;
    p = (u_char *) ngx_strchr(name.data, ':');

    if (p == NULL || p == name.data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\", must be zone=name:size",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    name.len = p - name.data;

    if (name.len == 3 && ngx_strncmp(name.data, "off", 3) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a zone cannot be named \"off\": \"llm off\" "
                           "means something else");
        return NGX_CONF_ERROR;
    }

    s.data = p + 1;
    s.len = value[1].data + value[1].len - s.data;

    size = ngx_parse_size(&s);
    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid zone size \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    ngx_str_null(&state);

    if (cf->args->nelts == 3) {

        if (ngx_strncmp(value[2].data, "state=", 6) != 0
            || value[2].len == 6)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        state.data = value[2].data + 6;
        state.len = value[2].len - 6;
    }

    zone = ngx_array_push(&mcf->zones);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    *zone = ngx_http_llm_zone_add(cf, &name, size, &state, &mcf->keep,
                                  &ngx_http_llm_module);

    return *zone ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* llm zone | off; */

char *
ngx_http_llm_conf_llm(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t *lcf = conf;

    ngx_str_t  *value;

    if (lcf->zone != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        lcf->zone = NULL;
        return NGX_CONF_OK;
    }

    lcf->zone = ngx_http_llm_zone_get(cf, &value[1], &ngx_http_llm_module);

    return lcf->zone ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* llm_label name value; llm_label off; */

char *
ngx_http_llm_conf_label(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t *lcf = conf;

    ngx_uint_t                  i;
    ngx_str_t                  *value;
    ngx_http_llm_label_conf_t  *label;

    value = cf->args->elts;

    if (cf->args->nelts == 2) {

        if (ngx_strcmp(value[1].data, "off") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"llm_label\" needs a name and a value, "
                               "or \"off\"");
            return NGX_CONF_ERROR;
        }

        if (lcf->labels != NGX_CONF_UNSET_PTR) {
            return "is duplicate";
        }

        lcf->labels = NULL;
        return NGX_CONF_OK;
    }

    if (lcf->labels == NULL) {
        return "is given after \"llm_label off\"";
    }

    if (lcf->labels == NGX_CONF_UNSET_PTR) {
        lcf->labels = ngx_array_create(cf->pool, 2,
                                       sizeof(ngx_http_llm_label_conf_t));
        if (lcf->labels == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    label = lcf->labels->elts;

    for (i = 0; i < lcf->labels->nelts; i++) {
        if (label[i].name.len == value[1].len
            && ngx_strncmp(label[i].name.data, value[1].data, value[1].len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate label \"%V\"", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    label = ngx_array_push(lcf->labels);
    if (label == NULL) {
        return NGX_CONF_ERROR;
    }

    label->name = value[1];

    if (ngx_http_llm_conf_complex(cf, &value[2], &label->value) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_llm_conf_label_name(cf,
               ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module),
               &value[1]);
}


static char *
ngx_http_llm_conf_label_name(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf,
    ngx_str_t *name)
{
    ngx_str_t   *known;
    ngx_uint_t   i;

    known = mcf->labels.elts;

    for (i = 0; i < mcf->labels.nelts; i++) {
        if (known[i].len == name->len
            && ngx_strncmp(known[i].data, name->data, name->len) == 0)
        {
            return NGX_CONF_OK;
        }
    }

    if (mcf->labels.nelts == NGX_HTTP_LLM_LABELS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "label \"%V\" is one too many: a configuration "
                           "has up to %d names of labels",
                           name, NGX_HTTP_LLM_LABELS);
        return NGX_CONF_ERROR;
    }

    known = ngx_array_push(&mcf->labels);
    if (known == NULL) {
        return NGX_CONF_ERROR;
    }

    *known = *name;

    return NGX_CONF_OK;
}


/* llm_provider auto | value; */

char *
ngx_http_llm_conf_provider(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t *lcf = conf;

    ngx_str_t  *value;

    if (lcf->provider != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "auto") == 0) {
        lcf->provider = NULL;
        return NGX_CONF_OK;
    }

    lcf->provider = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (lcf->provider == NULL
        || ngx_http_llm_conf_complex(cf, &value[1], lcf->provider) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_conf_complex(ngx_conf_t *cf, ngx_str_t *value,
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
