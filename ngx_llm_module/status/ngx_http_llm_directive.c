
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The arguments of llm_status.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_status.h"
#include "ngx_http_llm_view.h"


static const struct {
    ngx_str_t   name;
    ngx_uint_t  format;
} ngx_http_llm_status_formats[] = {
    { ngx_string("auto"), NGX_HTTP_LLM_AUTO },
    { ngx_string("json"), NGX_HTTP_LLM_JSON },
    { ngx_string("prometheus"), NGX_HTTP_LLM_PROMETHEUS }
};


/* Names that labels of ours, or of Prometheus, have already. */

static const ngx_str_t  ngx_http_llm_status_taken[] = {
    ngx_string("provider"),
    ngx_string("model"),
    ngx_string("route"),
    ngx_string("operation"),
    ngx_string("outcome"),
    ngx_string("error_type"),
    ngx_string("reason"),
    ngx_string("metric"),
    ngx_string("window"),
    ngx_string("percentile"),
    ngx_string("le"),
    ngx_string("quantile"),
    ngx_string("job"),
    ngx_string("instance")
};


char *
ngx_http_llm_status_set(ngx_conf_t *cf, ngx_http_llm_status_conf_t *conf,
    const ngx_http_llm_status_info_t *info, void *tag)
{
    ngx_str_t   *value;
    ngx_uint_t   i, n, nformats, formatted;

    if (conf->zone) {
        return "is duplicate";
    }

    value = cf->args->elts;
    formatted = 0;
    nformats = sizeof(ngx_http_llm_status_formats)
               / sizeof(ngx_http_llm_status_formats[0]);

    for (i = 2; i < cf->args->nelts; i++) {

        if (conf->by.len == 0
            && value[i].len > 3
            && ngx_strncmp(value[i].data, "by=", 3) == 0)
        {
            conf->by.data = value[i].data + 3;
            conf->by.len = value[i].len - 3;
            continue;
        }

        for (n = 0; n < nformats && !formatted; n++) {

            if (value[i].len == ngx_http_llm_status_formats[n].name.len
                && ngx_strcmp(value[i].data,
                              ngx_http_llm_status_formats[n].name.data)
                   == 0)
            {
                break;
            }
        }

        if (n == nformats || formatted) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        conf->format = ngx_http_llm_status_formats[n].format;
        formatted = 1;
    }

    conf->info = info;

    conf->zone = ngx_http_llm_zone_get(cf, &value[1], tag);
    if (conf->zone == NULL) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_llm_status_check(ngx_conf_t *cf, ngx_http_llm_status_conf_t *conf)
{
    llm_str_t             by;
    ngx_str_t             name;
    ngx_http_llm_view_t  *view;

    if (conf->zone == NULL) {
        return NGX_CONF_OK;
    }

    if (conf->zone->data == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown zone \"%V\" in \"llm_status\"",
                           &conf->zone->shm.name);
        return NGX_CONF_ERROR;
    }

    view = ngx_pcalloc(cf->temp_pool, sizeof(ngx_http_llm_view_t));
    if (view == NULL) {
        return NGX_CONF_ERROR;
    }

    view->info = conf->info;
    ngx_http_llm_view_names(view);

    by.data = conf->by.data;
    by.len = conf->by.len;

    if (ngx_http_llm_query_by(&view->query, by) != NGX_OK) {
        name.data = (u_char *) view->query.value.data;
        name.len = view->query.value.len;

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown label \"%V\" in \"by=%V\"",
                           &name, &conf->by);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


const char *
ngx_http_llm_status_label(ngx_str_t *name)
{
    u_char      ch;
    ngx_uint_t  i, n;

    if (name->len == 0 || name->len > NGX_HTTP_LLM_NAME_LEN) {
        return "is empty or too long";
    }

    for (i = 0; i < name->len; i++) {
        ch = name->data[i];

        if (!(ch == '_' || (ch >= 'a' && ch <= 'z')
              || (i && ch >= '0' && ch <= '9')))
        {
            return "may have a-z, 0-9 and \"_\" only, no digit first";
        }
    }

    if (name->len >= 2 && name->data[0] == '_' && name->data[1] == '_') {
        return "begins with \"__\", which Prometheus keeps for itself";
    }

    n = sizeof(ngx_http_llm_status_taken)
        / sizeof(ngx_http_llm_status_taken[0]);

    for (i = 0; i < n; i++) {

        if (name->len == ngx_http_llm_status_taken[i].len
            && ngx_memcmp(name->data, ngx_http_llm_status_taken[i].data,
                          name->len)
               == 0)
        {
            return "is the name of a label that there is already";
        }
    }

    return NULL;
}
