
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the proxy module keeps to itself, and we have to know.
 */


#include "ngx_http_llm_conf.h"


static ngx_command_t *
ngx_http_llm_conf_command(ngx_module_t *module, const char *name)
{
    ngx_command_t  *cmd;

    for (cmd = module->commands; cmd && cmd->name.len; cmd++) {
        if (ngx_strcmp(cmd->name.data, name) == 0) {
            return cmd;
        }
    }

    return NULL;
}


/*
 * proxy_pass installs a handler that is private to its module.  It is told
 * by the directive itself, run once on scratch settings with a value that
 * holds a variable, so that nothing is registered.
 *
 * The upstream's name is read out of the settings of the proxy module, which
 * begin with an ngx_http_upstream_conf_t.  That is not promised anywhere, so
 * it is checked: the offset that the module publishes for proxy_buffering
 * must be that of the field in an ngx_http_upstream_conf_t.
 */

ngx_int_t
ngx_http_llm_conf_probe(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf)
{
    void                      **loc_conf;
    ngx_str_t                  *value;
    ngx_conf_t                  scratch;
    ngx_array_t                 args;
    ngx_uint_t                  i;
    ngx_module_t               *proxy;
    ngx_command_t              *pass, *buffering;
    ngx_http_module_t          *module;
    ngx_http_conf_ctx_t         ctx, *outer;
    ngx_http_core_loc_conf_t   *clcf;

    proxy = NULL;

    for (i = 0; cf->cycle->modules[i]; i++) {
        if (ngx_strcmp(cf->cycle->modules[i]->name, "ngx_http_proxy_module")
            == 0)
        {
            proxy = cf->cycle->modules[i];
            break;
        }
    }

    if (proxy == NULL) {
        return NGX_OK;
    }

    pass = ngx_http_llm_conf_command(proxy, "proxy_pass");
    buffering = ngx_http_llm_conf_command(proxy, "proxy_buffering");

    if (pass == NULL || buffering == NULL) {
        return NGX_OK;
    }

    mcf->upstream_first = (buffering->offset
                           == offsetof(ngx_http_upstream_conf_t, buffering));

    module = proxy->ctx;
    outer = cf->ctx;
    ctx = *outer;

    loc_conf = ngx_pcalloc(cf->pool, sizeof(void *) * ngx_http_max_module);
    clcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_core_loc_conf_t));

    if (loc_conf == NULL || clcf == NULL
        || ngx_array_init(&args, cf->pool, 2, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    scratch = *cf;
    scratch.ctx = &ctx;
    scratch.args = &args;
    ctx.loc_conf = loc_conf;

    loc_conf[ngx_http_core_module.ctx_index] = clcf;
    loc_conf[proxy->ctx_index] = module->create_loc_conf(&scratch);

    if (loc_conf[proxy->ctx_index] == NULL) {
        return NGX_ERROR;
    }

    value = ngx_array_push_n(&args, 2);
    if (value == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&value[0], "proxy_pass");
    ngx_str_set(&value[1], "http://$host");

    if (pass->set(&scratch, pass, loc_conf[proxy->ctx_index])
        != NGX_CONF_OK)
    {
        return NGX_ERROR;
    }

    mcf->proxy = clcf->handler;
    mcf->proxy_index = proxy->ctx_index;

    return NGX_OK;
}
