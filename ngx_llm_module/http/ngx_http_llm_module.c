
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Tables and wiring.  Hooks are installed only if some location uses them.
 */


#include "ngx_http_llm_canon.h"
#include "ngx_http_llm_conf.h"
#include "ngx_http_llm_account_conf.h"
#include "ngx_http_llm_delay.h"
#include "ngx_http_llm_finish.h"
#include "ngx_http_llm_inspect.h"
#include "ngx_http_llm_key.h"
#include "ngx_http_llm_models.h"
#include "ngx_http_llm_request.h"
#include "ngx_http_llm_response.h"
#include "ngx_http_llm_slo_call.h"
#include "ngx_http_llm_splice.h"
#include "ngx_http_llm_status.h"
#include "ngx_http_llm_timeout.h"
#include "ngx_http_llm_timer.h"
#include "ngx_http_llm_variables.h"


static void *ngx_http_llm_create_main(ngx_conf_t *cf);
static char *ngx_http_llm_init_main(ngx_conf_t *cf, void *conf);
static char *ngx_http_llm_merge(ngx_conf_t *cf, void *parent, void *child);
static char *ngx_http_llm_label(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_llm_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_llm_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_llm_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_llm_init_process(ngx_cycle_t *cycle);
static void ngx_http_llm_exit_process(ngx_cycle_t *cycle);


#define NGX_HTTP_LLM_ALL_CONF                                                 \
    NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF


static ngx_command_t  ngx_http_llm_commands[] = {

    { ngx_string("llm_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_llm_conf_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_conf_llm,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_label"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE12,
      ngx_http_llm_label,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_route"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, route),
      NULL },

    { ngx_string("llm_provider"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_conf_provider,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_prices"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_prices_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_price"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_llm_prices_rule,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_stream_buffering"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, stream_buffering),
      NULL },

    { ngx_string("llm_accept_encoding"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, accept_encoding),
      &ngx_http_llm_accept_encodings },

    { ngx_string("llm_inspect"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, inspect),
      &ngx_http_llm_inspects },

    { ngx_string("llm_inspect_max"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_off_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, inspect_max),
      NULL },

    { ngx_string("llm_key_secret"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_key_secret,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_slo"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_llm_slo_set,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_limit_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE3|NGX_CONF_TAKE4,
      ngx_http_llm_account_conf_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_budget_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE3|NGX_CONF_TAKE4,
      ngx_http_llm_account_conf_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_allow_models"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_1MORE,
      ngx_http_llm_conf_models,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, allow_models),
      NULL },

    { ngx_string("llm_deny_models"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_1MORE,
      ngx_http_llm_conf_models,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, deny_models),
      NULL },

    { ngx_string("llm_include_usage"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, include_usage),
      NULL },

    { ngx_string("llm_set_model"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_splice_value,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, set_model),
      NULL },

    { ngx_string("llm_max_output_tokens"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE12,
      ngx_http_llm_splice_value,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, max_output),
      NULL },

    { ngx_string("llm_unreadable"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, gate.unreadable),
      &ngx_http_llm_unreadables },

    { ngx_string("llm_deny"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE12,
      ngx_http_llm_gate_conf_deny,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_delay"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_delay_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_max_input_tokens"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_gate_conf_value,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, gate.max_input),
      NULL },

    { ngx_string("llm_max_cost"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_gate_conf_value,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, gate.max_cost),
      NULL },

    { ngx_string("llm_limit"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_1MORE,
      ngx_http_llm_gate_conf_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_budget"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_1MORE,
      ngx_http_llm_gate_conf_budget,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_stream_timeout"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_1MORE,
      ngx_http_llm_timeout_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_llm_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_llm_module_ctx = {
    ngx_http_llm_variables_add,            /* preconfiguration */
    ngx_http_llm_init,                     /* postconfiguration */

    ngx_http_llm_create_main,              /* create main configuration */
    ngx_http_llm_init_main,                /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_llm_create_loc_conf,          /* create location configuration */
    ngx_http_llm_merge                     /* merge location configuration */
};


ngx_module_t  ngx_http_llm_module = {
    NGX_MODULE_V1,
    &ngx_http_llm_module_ctx,              /* module context */
    ngx_http_llm_commands,                 /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_llm_init_module,              /* init module */
    ngx_http_llm_init_process,             /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_llm_exit_process,             /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/* What joins the settings to the status, which knows nothing of them. */

static void *
ngx_http_llm_create_main(ngx_conf_t *cf)
{
    ngx_http_llm_main_conf_t  *mcf;

    mcf = ngx_http_llm_create_main_conf(cf);
    if (mcf == NULL) {
        return NULL;
    }

    mcf->info = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_status_info_t));
    if (mcf->info == NULL) {
        return NULL;
    }

    return mcf;
}


static char *
ngx_http_llm_init_main(ngx_conf_t *cf, void *conf)
{
    ngx_http_llm_main_conf_t *mcf = conf;

    char                        *rv;
    ngx_http_llm_status_info_t  *info;

    rv = ngx_http_llm_init_main_conf(cf, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_llm_account_conf_keys(cf, mcf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (ngx_http_llm_slo_done(cf, mcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    info = mcf->info;

    info->version = NGX_HTTP_LLM_VERSION;
    info->generation = mcf->generation;
    info->price_models = mcf->prices.models;
    info->price_loaded = mcf->prices.loaded;
    info->price_sha256 = mcf->prices.sha256;
    info->nlabels = mcf->labels.nelts;
    info->labels = mcf->labels.elts;
    info->nslos = mcf->nslos;
    info->slos = mcf->levels;
    info->naccounts = mcf->accounts.nelts;
    info->accounts = mcf->accounts.elts;
    info->keep = &mcf->keep;

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_merge(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_llm_loc_conf_t *conf = child;

    char                      *rv;
    ngx_http_llm_main_conf_t  *mcf;

    rv = ngx_http_llm_merge_loc_conf(cf, parent, child);

    if (rv != NGX_CONF_OK || conf->status == NULL) {
        return rv;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);
    mcf->used = 1;

    return ngx_http_llm_status_check(cf, conf->status);
}


static char *
ngx_http_llm_label(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t   *value;
    const char  *why;

    value = cf->args->elts;

    if (cf->args->nelts == 3) {
        why = ngx_http_llm_status_label(&value[1]);

        if (why) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid label name \"%V\": %s",
                               &value[1], why);
            return NGX_CONF_ERROR;
        }
    }

    return ngx_http_llm_conf_label(cf, cmd, conf);
}


static ngx_int_t
ngx_http_llm_handler(ngx_http_request_t *r)
{
    ngx_http_llm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    return ngx_http_llm_status_handler(r, lcf->status);
}


static char *
ngx_http_llm_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t *lcf = conf;

    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_llm_main_conf_t  *mcf;

    if (lcf->status) {
        return "is duplicate";
    }

    lcf->status = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_status_conf_t));
    if (lcf->status == NULL) {
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_llm_handler;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    return ngx_http_llm_status_set(cf, lcf->status, mcf->info,
                                   &ngx_http_llm_module);
}


static ngx_int_t
ngx_http_llm_init_phase(ngx_conf_t *cf, ngx_uint_t phase,
    ngx_http_handler_pt handler)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[phase].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = handler;

    /* log handlers run in their order: ours before access_log's */

    if (phase == NGX_HTTP_LOG_PHASE) {
        h = cmcf->phases[phase].handlers.elts;

        ngx_memmove(&h[1], h, (cmcf->phases[phase].handlers.nelts - 1)
                              * sizeof(ngx_http_handler_pt));
        h[0] = handler;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_init(ngx_conf_t *cf)
{
    ngx_http_llm_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_module);

    if (!mcf->used) {
        return NGX_OK;
    }

    mcf->dialects = ngx_palloc(cf->pool, sizeof(llm_dialect_set_t));
    if (mcf->dialects == NULL) {
        return NGX_ERROR;
    }

    if (llm_dialect_compile(mcf->dialects) != LLM_JSON_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "llm: tables of dialects do not compile");
        return NGX_ERROR;
    }

    mcf->dialects->crc = ngx_http_llm_crc32;

    if (ngx_http_llm_conf_probe(cf, mcf) != NGX_OK
        || ngx_http_llm_canon_init(cf, mcf) != NGX_OK
        || ngx_http_llm_init_phase(cf, NGX_HTTP_REWRITE_PHASE,
                                   ngx_http_llm_rewrite_handler)
           != NGX_OK
        || (mcf->preaccess
            && ngx_http_llm_init_phase(cf, NGX_HTTP_PREACCESS_PHASE,
                                       ngx_http_llm_preaccess_handler)
               != NGX_OK)
        || ngx_http_llm_init_phase(cf, NGX_HTTP_PRECONTENT_PHASE,
                                   ngx_http_llm_precontent_handler)
           != NGX_OK
        || ngx_http_llm_init_phase(cf, NGX_HTTP_LOG_PHASE,
                                   ngx_http_llm_log_handler)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (mcf->splice && ngx_http_llm_splice_init(cf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_llm_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_llm_header_filter;

    ngx_http_llm_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_llm_body_filter;

    ngx_http_llm_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_http_llm_request_body_filter;

    return NGX_OK;
}


/* The cycle will serve; what comes back but NGX_OK would end nginx. */

static ngx_int_t
ngx_http_llm_init_module(ngx_cycle_t *cycle)
{
    ngx_http_llm_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_llm_module);

    ngx_http_llm_keep_commit(cycle, mcf ? &mcf->keep : NULL);

    if (mcf) {
        ngx_http_llm_prices_keep(cycle, &mcf->prices, &mcf->keep);
    }

    return NGX_OK;
}


static ngx_http_llm_main_conf_t *
ngx_http_llm_module_conf(ngx_cycle_t *cycle)
{
    /* the cache manager and loader are no workers */

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NULL;
    }

    return ngx_http_cycle_get_module_main_conf(cycle, ngx_http_llm_module);
}


static ngx_int_t
ngx_http_llm_init_process(ngx_cycle_t *cycle)
{
    ngx_http_llm_main_conf_t  *mcf;

    mcf = ngx_http_llm_module_conf(cycle);

    if (mcf == NULL || mcf->zones.nelts + mcf->accounts.nelts == 0) {
        return NGX_OK;
    }

    return ngx_http_llm_timer_init(cycle, mcf);
}


static void
ngx_http_llm_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_llm_main_conf_t  *mcf;

    ngx_http_llm_models_exit();

    mcf = ngx_http_llm_module_conf(cycle);

    if (mcf && mcf->zones.nelts + mcf->accounts.nelts) {
        ngx_http_llm_timer_exit(mcf);
        ngx_http_llm_keep_exit(&mcf->keep, cycle->log);
    }
}
