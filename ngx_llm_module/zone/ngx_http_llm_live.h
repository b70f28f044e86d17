
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Calls in flight.  See the essay in ngx_http_llm_live.c.
 */


#ifndef _NGX_HTTP_LLM_LIVE_H_INCLUDED_
#define _NGX_HTTP_LLM_LIVE_H_INCLUDED_


#include "ngx_http_llm_arena.h"


/*
 * join: in init_process, of workers and the single process only, after the
 * fork.  0, or -1 when no slot is free: then calls are not seen in flight,
 * and everything else works.  leave: in exit_process; calls still in flight
 * disappear.
 */
int ngx_http_llm_live_join(ngx_http_llm_zone_t *zone);
void ngx_http_llm_live_leave(ngx_http_llm_zone_t *zone);

/* Frees what dead processes left; every second.  Number of the dead. */
int ngx_http_llm_live_reap(ngx_http_llm_zone_t *zone);


/*
 * A call: start gives a handle, 0 when there is no room (live_dropped
 * counts); 0 may be passed to the others.  first: it has its first content,
 * or never waited for any.
 */
uint32_t ngx_http_llm_live_start(ngx_http_llm_zone_t *zone, uint32_t series,
    int waiting, uint64_t now);
void ngx_http_llm_live_move(ngx_http_llm_zone_t *zone, uint32_t row,
    uint32_t series);
void ngx_http_llm_live_first(ngx_http_llm_zone_t *zone, uint32_t row);
void ngx_http_llm_live_end(ngx_http_llm_zone_t *zone, uint32_t row);


typedef struct {
    uint32_t  in_flight;
    uint32_t  waiting_first;
    uint64_t  oldest;                /* its start, ns; 0: none */
} ngx_http_llm_live_t;


/* Fills live[0 .. zone->series_max - 1]. */
void ngx_http_llm_live_sum(const ngx_http_llm_zone_t *zone,
    ngx_http_llm_live_t *live);

/* Processes that have joined. */
uint32_t ngx_http_llm_live_workers(const ngx_http_llm_zone_t *zone);


#endif /* _NGX_HTTP_LLM_LIVE_H_INCLUDED_ */
