
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Calls and the service levels that they belong to.  See the essay in
 * ngx_http_llm_slo_call.c.
 */


#ifndef _NGX_HTTP_LLM_SLO_CALL_H_INCLUDED_
#define _NGX_HTTP_LLM_SLO_CALL_H_INCLUDED_


#include "ngx_http_llm_ctx.h"


typedef enum {
    NGX_HTTP_LLM_SLO_TTFT = 0,
    NGX_HTTP_LLM_SLO_DURATION,
    NGX_HTTP_LLM_SLO_TPOT,
    NGX_HTTP_LLM_SLO_ERRORS
} ngx_http_llm_slo_metric_e;


/* A setting: llm_slo of the configuration. */

typedef struct {
    ngx_http_llm_slo_t           def;
    ngx_shm_zone_t              *zone;
    ngx_uint_t                   metric;
    uint64_t                     under;      /* ns */
    ngx_uint_t                   window;     /* which of the words */
    ngx_str_t                    provider;
    ngx_str_t                    model;
    ngx_str_t                    route;
    ngx_array_t                  labels;     /* ngx_keyval_t */
    ngx_uint_t                   index;      /* among all */
    ngx_uint_t                   bit;        /* among those of the zone */

    /* of this process: calls that wait, the one that is due first first */
    ngx_queue_t                  waiting;
} ngx_http_llm_slo_conf_t;


/* A call, and those service levels that watch it. */

typedef struct ngx_http_llm_slo_s  ngx_http_llm_slo_call_t;

typedef struct {
    ngx_queue_t                queue;
    ngx_http_llm_slo_call_t   *call;
    ngx_http_llm_slo_conf_t   *slo;
    uint64_t                   due;          /* ns */
    unsigned                   open:1;       /* no result yet */
    unsigned                   queued:1;
} ngx_http_llm_slo_watch_t;


typedef enum {
    NGX_HTTP_LLM_SLO_UNTOLD = 0,
    NGX_HTTP_LLM_SLO_TOLD_OK,
    NGX_HTTP_LLM_SLO_TOLD_BREACH
} ngx_http_llm_slo_told_e;

typedef struct {
    ngx_uint_t                 told;
    ngx_http_llm_slo_turn_t    turn;
} ngx_http_llm_slo_told_t;


struct ngx_http_llm_slo_s {
    ngx_http_llm_ctx_t        *ctx;          /* NULL: none so far */
    ngx_http_llm_slo_told_t   *told;         /* by index */
    ngx_http_llm_slo_watch_t  *watches;
    ngx_uint_t                 nwatches;
    uint64_t                   from;         /* ns */
    ngx_uint_t                 states;       /* attempts before */
    uint32_t                   counted;      /* by bit */
    unsigned                   started:1;
    unsigned                   matched:1;
};


/* llm_slo name zone=name metric=... ; */
char *ngx_http_llm_slo_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Once all is read: labels that are filters exist. */
ngx_int_t ngx_http_llm_slo_done(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf);

extern const char *const  ngx_http_llm_slo_windows[];


/* The process begins; every second; NULL slos: nothing is to be done. */
void ngx_http_llm_slo_init(ngx_cycle_t *cycle, ngx_http_llm_main_conf_t *mcf);
void ngx_http_llm_slo_tick(ngx_http_llm_main_conf_t *mcf, uint64_t now);


/*
 * A call: start when it is handed on to the upstream, body when its body has
 * been read since, first at its first content, round when it leaves a
 * location, end when its outcome is known.
 */
ngx_int_t ngx_http_llm_slo_start(ngx_http_llm_ctx_t *ctx);
void ngx_http_llm_slo_body(ngx_http_llm_ctx_t *ctx);
void ngx_http_llm_slo_first(ngx_http_llm_ctx_t *ctx, uint64_t now);
void ngx_http_llm_slo_round(ngx_http_llm_ctx_t *ctx);
void ngx_http_llm_slo_end(ngx_http_llm_ctx_t *ctx);


/* Not before due; the process's clock is now. */
void ngx_http_llm_slo_queue(ngx_http_llm_slo_watch_t *w, uint64_t due,
    uint64_t now);
void ngx_http_llm_slo_unqueue(ngx_http_llm_slo_watch_t *w);

/* The one result of a watch. */
void ngx_http_llm_slo_result(ngx_http_llm_slo_watch_t *w, ngx_uint_t good,
    uint64_t now);

/* The state of the last attempt in this location; NULL: there was none. */
ngx_http_upstream_state_t *ngx_http_llm_slo_attempt(
    ngx_http_llm_slo_call_t *call);


/* $llm_slo_NAME; data is the setting. */
ngx_int_t ngx_http_llm_slo_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


#endif /* _NGX_HTTP_LLM_SLO_CALL_H_INCLUDED_ */
