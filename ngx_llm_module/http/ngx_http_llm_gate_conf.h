
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Settings of gates.
 */


#ifndef _NGX_HTTP_LLM_GATE_CONF_H_INCLUDED_
#define _NGX_HTTP_LLM_GATE_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


#define NGX_HTTP_LLM_UNREADABLE_REJECT  0
#define NGX_HTTP_LLM_UNREADABLE_PASS    1

/* output tokens reserved for a call that names no bound */
#define NGX_HTTP_LLM_RESERVE            4096

#define NGX_HTTP_LLM_DELAY_MAX          300000       /* ms */


typedef struct {
    ngx_http_complex_value_t     value;
    ngx_uint_t                   status;
} ngx_http_llm_denial_t;


typedef struct {
    ngx_shm_zone_t              *zone;
    ngx_str_t                    name;
    ngx_str_t                    burst_text;
    uint64_t                     burst;      /* in the zone's unit; one period
                                                of its rate by default */
    ngx_msec_t                   delay;
    ngx_uint_t                   status;
    ngx_uint_t                   log_level;
    unsigned                     dry_run:1;
} ngx_http_llm_limit_conf_t;


typedef struct {
    ngx_shm_zone_t              *zone;
    ngx_str_t                    name;
    ngx_http_complex_value_t     limit;
    ngx_uint_t                   soft;       /* percent, 0: no soft line */
    ngx_uint_t                   reserve;
    ngx_uint_t                   status;
    ngx_uint_t                   log_level;
    unsigned                     pass:1;
    unsigned                     unpriced:1; /* those pass as well */
    unsigned                     dry_run:1;
} ngx_http_llm_budget_conf_t;


typedef struct {
    ngx_array_t                 *denials;    /* ngx_http_llm_denial_t */
    ngx_http_complex_value_t    *max_input;
    ngx_http_complex_value_t    *max_cost;
    ngx_array_t                 *limits;     /* ngx_http_llm_limit_conf_t */
    ngx_array_t                 *budgets;    /* ngx_http_llm_budget_conf_t */
    ngx_uint_t                   unreadable;
} ngx_http_llm_gate_conf_t;


extern ngx_conf_enum_t  ngx_http_llm_unreadables[];


void ngx_http_llm_gate_conf_init(ngx_http_llm_gate_conf_t *conf);
char *ngx_http_llm_gate_conf_merge(ngx_conf_t *cf,
    ngx_http_llm_gate_conf_t *prev, ngx_http_llm_gate_conf_t *conf);

/* Whether it has any gate: then the body is read before the upstream is. */
ngx_uint_t ngx_http_llm_gate_conf_on(ngx_http_llm_gate_conf_t *conf);

/* For the directives: the next of an array that is made when it is first
 * needed. */
void *ngx_http_llm_gate_conf_push(ngx_conf_t *cf, ngx_array_t **a,
    size_t size);

/* Whether it is "off": then *a becomes NULL.  An error, or NGX_CONF_OK. */
char *ngx_http_llm_gate_conf_off(ngx_conf_t *cf, ngx_array_t **a);

ngx_int_t ngx_http_llm_gate_conf_complex(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_complex_value_t *cv);

/* All take the location's settings, and their own from "gate" in it. */
char *ngx_http_llm_gate_conf_deny(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_llm_gate_conf_value(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_llm_gate_conf_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_llm_gate_conf_budget(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_LLM_GATE_CONF_H_INCLUDED_ */
