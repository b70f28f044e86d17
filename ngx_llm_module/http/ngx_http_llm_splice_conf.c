
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The directives that change requests, and what they want of one.
 */


#include "ngx_http_llm_splice.h"

#include "llm_edit.h"


/* A malformed value is said once a minute. */
#define NGX_HTTP_LLM_SPLICE_SEC  60


static ngx_int_t
ngx_http_llm_splice_number(ngx_str_t *s, uint64_t *v)
{
    size_t  i;

    if (s->len == 0 || s->len > 15) {
        return NGX_DECLINED;
    }

    *v = 0;

    for (i = 0; i < s->len; i++) {
        if (s->data[i] < '0' || s->data[i] > '9') {
            return NGX_DECLINED;
        }

        *v = *v * 10 + (s->data[i] - '0');
    }

    return *v ? NGX_OK : NGX_DECLINED;
}


/*
 * llm_set_model value | off;
 * llm_max_output_tokens number [clamp | reject]; llm_max_output_tokens off;
 */

char *
ngx_http_llm_splice_value(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    uint64_t                            v;
    ngx_str_t                          *value;
    ngx_http_llm_loc_conf_t            *lcf;
    ngx_http_complex_value_t          **cv;
    ngx_http_compile_complex_value_t    ccv;

    lcf = conf;
    value = cf->args->elts;
    cv = (ngx_http_complex_value_t **) ((u_char *) conf + cmd->offset);

    if (*cv != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        *cv = NULL;
        return NGX_CONF_OK;
    }

    *cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (*cv == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = *cv;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (cmd->offset != offsetof(ngx_http_llm_loc_conf_t, max_output)) {
        return NGX_CONF_OK;
    }

    if ((*cv)->lengths == NULL
        && ngx_http_llm_splice_number(&value[1], &v) != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number of tokens \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    lcf->max_output_reject = 0;

    if (cf->args->nelts == 3) {

        if (ngx_strcmp(value[2].data, "reject") == 0) {
            lcf->max_output_reject = 1;

        } else if (ngx_strcmp(value[2].data, "clamp") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* Variables of nginx that tell of the body, and may be cached. */

static ngx_str_t  ngx_http_llm_splice_variables[] = {
    ngx_string("content_length"),
    ngx_string("http_content_length"),
    ngx_string("request_body")
};


ngx_int_t
ngx_http_llm_splice_init(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf)
{
    ngx_str_t                  *name;
    ngx_uint_t                  i, n;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    v = cmcf->variables.elts;
    mcf->nbody_variables = 0;

    for (i = 0; i < cmcf->variables.nelts; i++) {

        for (n = 0; n < NGX_HTTP_LLM_BODY_VARIABLES; n++) {
            name = &ngx_http_llm_splice_variables[n];

            if (v[i].name.len == name->len
                && ngx_strncmp(v[i].name.data, name->data, name->len) == 0)
            {
                mcf->body_variables[mcf->nbody_variables++] = i;
            }
        }
    }

    mcf->edit = ngx_palloc(cf->pool, sizeof(llm_json_table_t));
    if (mcf->edit == NULL) {
        return NGX_ERROR;
    }

    if (llm_edit_compile(mcf->edit) != LLM_JSON_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "llm: the table of edit mode does not compile");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_llm_splice_malformed(ngx_http_llm_ctx_t *ctx, ngx_str_t *value)
{
    static time_t  last;

    if (last && ngx_time() - last < NGX_HTTP_LLM_SPLICE_SEC) {
        return;
    }

    last = ngx_time();

    ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                  "\"llm_max_output_tokens\" is \"%V\", which is no number "
                  "of tokens", value);
}


ngx_int_t
ngx_http_llm_splice_want(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_splice_want_t *want)
{
    ngx_str_t                 value;
    ngx_http_llm_loc_conf_t  *conf;

    conf = ctx->conf;
    ngx_memzero(want, sizeof(ngx_http_llm_splice_want_t));

    want->include_usage = conf->include_usage;

    if (conf->set_model
        && ngx_http_complex_value(ctx->request, conf->set_model,
                                  &want->model)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (conf->max_output == NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(ctx->request, conf->max_output, &value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (value.len == 0) {
        return NGX_OK;
    }

    if (ngx_http_llm_splice_number(&value, &want->max_output) != NGX_OK) {
        ngx_http_llm_splice_malformed(ctx, &value);
        return NGX_DECLINED;
    }

    want->has_max = 1;

    return NGX_OK;
}
