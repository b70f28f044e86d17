
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Settings: what the directives fill in.
 */


#ifndef _NGX_HTTP_LLM_CONF_H_INCLUDED_
#define _NGX_HTTP_LLM_CONF_H_INCLUDED_


#include "ngx_http_llm_compat.h"
#include "ngx_http_llm_gate_conf.h"
#include "ngx_http_llm_prices.h"
#include "ngx_http_llm_zone.h"

#include "llm_dialect.h"


#define NGX_HTTP_LLM_VERSION  "0.1.0"

#define NGX_HTTP_LLM_ACCEPT_IDENTITY  0
#define NGX_HTTP_LLM_ACCEPT_PASS      1

#define NGX_HTTP_LLM_BODY_VARIABLES  3

#define NGX_HTTP_LLM_INSPECT_PASSIVE     0
#define NGX_HTTP_LLM_INSPECT_PRECONTENT  1
#define NGX_HTTP_LLM_INSPECT_PREACCESS   2


typedef struct {
    ngx_array_t                  zones;      /* ngx_shm_zone_t * */
    ngx_array_t                  accounts;   /* the same, limits, budgets */
    ngx_http_llm_keep_t          keep;       /* zones with state= */
    ngx_array_t                  labels;     /* ngx_str_t: distinct names */
    ngx_http_llm_prices_t        prices;
    ngx_uint_t                   generation; /* of the configuration */
    void                        *info;       /* ngx_http_llm_status_info_t */
    ngx_array_t                 *slos;       /* ngx_http_llm_slo_conf_t *;
                                                NULL: none */
    ngx_http_llm_slo_t         **levels;     /* their definitions */
    ngx_uint_t                   nslos;
    uint64_t                     loaded;     /* ns: when it was read */

    ngx_str_t                    key_secret;
    llm_json_table_t            *prompt;     /* NULL: $llm_prompt_id is not
                                                used */

    llm_dialect_set_t           *dialects;   /* NULL: llm is nowhere on */
    llm_json_table_t            *edit;       /* of edit mode */
    ngx_http_handler_pt          proxy;      /* what proxy_pass installs */
    ngx_uint_t                   proxy_index;
    ngx_uint_t                   body_variables[NGX_HTTP_LLM_BODY_VARIABLES];
    ngx_uint_t                   nbody_variables;
    unsigned                     used:1;
    unsigned                     splice:1;   /* requests may be changed */
    unsigned                     upstream_first:1;  /* see the probe */
    unsigned                     identity:1; /* llm_accept_encoding is used */
    unsigned                     preaccess:1;   /* llm_inspect preaccess is */
    unsigned                     key_given:1;   /* by llm_key_secret */
    unsigned                     cache_key:1;   /* $llm_cache_key is used */
} ngx_http_llm_main_conf_t;


typedef struct {
    ngx_str_t                    name;
    ngx_http_complex_value_t     value;
} ngx_http_llm_label_conf_t;


typedef struct {
    ngx_shm_zone_t              *zone;       /* NULL: off */
    ngx_array_t                 *labels;     /* ngx_http_llm_label_conf_t */
    ngx_http_complex_value_t    *route;
    ngx_http_complex_value_t    *provider;   /* NULL: auto */
    ngx_flag_t                   stream_buffering;
    ngx_uint_t                   accept_encoding;
    ngx_uint_t                   inspect;
    off_t                        inspect_max;
    ngx_http_complex_value_t    *delay;
    void                        *timeout;    /* llm_stream_timeout; NULL: off */
    ngx_array_t                 *allow_models;   /* NULL: none is given */
    ngx_array_t                 *deny_models;
    ngx_flag_t                   include_usage;
    ngx_http_complex_value_t    *set_model;
    ngx_http_complex_value_t    *max_output;
    ngx_uint_t                   max_output_reject;
    ngx_uint_t                   changes;    /* any of these */
    ngx_http_llm_gate_conf_t     gate;

    /* the last upstream, and the provider and the place that its names
       tell; written by the worker that owns this copy of the settings */
    void                        *upstream;
    llm_str_t                    host;
    llm_place_t                  place;

    void                        *status;     /* ngx_http_llm_status_conf_t,
                                                of this location only */
} ngx_http_llm_loc_conf_t;


extern ngx_module_t  ngx_http_llm_module;
extern ngx_conf_enum_t  ngx_http_llm_accept_encodings[];
extern ngx_conf_enum_t  ngx_http_llm_inspects[];


void *ngx_http_llm_create_main_conf(ngx_conf_t *cf);
char *ngx_http_llm_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_http_llm_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_llm_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);

char *ngx_http_llm_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_llm_conf_llm(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_llm_conf_label(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_llm_conf_provider(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* Warns where directives of an inner level hide those of an outer one. */
void ngx_http_llm_conf_hidden(ngx_conf_t *cf, const char *name, void *outer,
    void *inner);

/* What proxy_pass sets as a location's handler, and whether its settings
 * begin as we read them. */
ngx_int_t ngx_http_llm_conf_probe(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf);


static inline ngx_http_llm_zone_t *
ngx_http_llm_zone_of(ngx_shm_zone_t *shm_zone)
{
    return shm_zone->data;
}


/* Whether a call may be refused or held up here. */

static inline ngx_uint_t
ngx_http_llm_gate_on(ngx_http_llm_loc_conf_t *conf)
{
    return ngx_http_llm_gate_conf_on(&conf->gate) || conf->changes
           || conf->allow_models || conf->deny_models;
}


#endif /* _NGX_HTTP_LLM_CONF_H_INCLUDED_ */
