
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Service levels: what share of the calls is good, and what follows when it
 * is too small.  See the essay in ngx_http_llm_slo.c.
 */


#ifndef _NGX_HTTP_LLM_SLO_H_INCLUDED_
#define _NGX_HTTP_LLM_SLO_H_INCLUDED_


#include "ngx_http_llm_arena.h"


#define NGX_HTTP_LLM_SLO_ONE      1000000u   /* shares are millionths */

#define NGX_HTTP_LLM_SLO_OK       0
#define NGX_HTTP_LLM_SLO_AGAIN    1          /* others are at it: later */
#define NGX_HTTP_LLM_SLO_FULL     2          /* no place left */


/* A definition, of a configuration; place is of this process. */

typedef struct {
    llm_str_t             name;
    ngx_http_llm_zone_t  *zone;

    /* all that tells this definition from another one of the same name */
    llm_str_t             text;

    uint64_t              window;    /* ns */
    uint64_t              hold;      /* ns */
    uint32_t              target;    /* share that is to be good */
    uint32_t              probe;     /* share of calls in a breach */
    uint32_t              min;       /* calls, at least 1 */
    uint32_t              latch;

    uint64_t              id;
    uint32_t              place;     /* + 1; 0: it counts nothing yet */
} ngx_http_llm_slo_t;


/* What changed, told to one process only, which is to log it. */

typedef enum {
    NGX_HTTP_LLM_SLO_STAYS = 0,
    NGX_HTTP_LLM_SLO_BREACHES,
    NGX_HTTP_LLM_SLO_RETURNS
} ngx_http_llm_slo_move_e;


/*
 * Finds or makes the places of n definitions of one zone; once a process, and
 * again while it says AGAIN.  loaded: when the configuration was read (ns,
 * the clock of now), which is the same for all its processes.
 */
int ngx_http_llm_slo_join(ngx_http_llm_zone_t *zone, ngx_http_llm_slo_t **slo,
    uint32_t n, uint64_t loaded, uint64_t now);


/* A call's turn, by ask(); 0: it did not ask, or was told of a breach. */

typedef uint32_t  ngx_http_llm_slo_turn_t;

/* One call's result. */
ngx_http_llm_slo_move_e ngx_http_llm_slo_count(ngx_http_llm_slo_t *slo,
    int good, ngx_http_llm_slo_turn_t turn, uint64_t now);

/* What time alone changes; every second. */
ngx_http_llm_slo_move_e ngx_http_llm_slo_look(ngx_http_llm_slo_t *slo,
    uint64_t now);

/* What a call that can still be moved is told: 1 is a breach. */
int ngx_http_llm_slo_ask(ngx_http_llm_slo_t *slo,
    ngx_http_llm_slo_turn_t *turn);

/* Whether there is a breach. */
int ngx_http_llm_slo_breach(const ngx_http_llm_slo_t *slo);


#define NGX_HTTP_LLM_SLO_ENDLESS  UINT64_MAX

typedef struct {
    uint32_t  breach;
    uint32_t  changes;               /* of the state */
    uint64_t  since;                 /* ns; 0: it counts nothing yet */
    uint64_t  good;
    uint64_t  bad;
    uint64_t  moved;
    uint64_t  probes;
    uint64_t  window_good;           /* those that count for the state */
    uint64_t  window_bad;

    /*
     * The share of bad calls over the one that may be, in millionths; endless
     * where none may be.
     */
    uint64_t  burn[NGX_HTTP_LLM_SLO_BURNS];
} ngx_http_llm_slo_view_t;

extern const char *const
    ngx_http_llm_slo_burn_names[NGX_HTTP_LLM_SLO_BURNS];


void ngx_http_llm_slo_read(const ngx_http_llm_slo_t *slo, uint64_t now,
    ngx_http_llm_slo_view_t *view);


#endif /* _NGX_HTTP_LLM_SLO_H_INCLUDED_ */
