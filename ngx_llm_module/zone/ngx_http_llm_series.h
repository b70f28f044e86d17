
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Series: claimed once, never freed, written without a lock.  See the essay
 * in ngx_http_llm_series.c.
 */


#ifndef _NGX_HTTP_LLM_SERIES_H_INCLUDED_
#define _NGX_HTTP_LLM_SERIES_H_INCLUDED_


#include "ngx_http_llm_label.h"


#define NGX_HTTP_LLM_SERIES_GLOBAL  0        /* all labels "other" */


/*
 * The index of the series of these labels.  known: the model is in the
 * price list, so that it may use room kept from invented names.  A series
 * whose model is "other" and that has no own labels (the base of its
 * provider, route and operation) is always as good as known.  Where there
 * is no room the answer is that base, or NGX_HTTP_LLM_SERIES_GLOBAL, and
 * series_folded counts one.
 */
uint32_t ngx_http_llm_series_claim(ngx_http_llm_zone_t *zone,
    const ngx_http_llm_labels_t *labels, int known);

/* The base series: as claim with model "other" and no own labels. */
uint32_t ngx_http_llm_series_base(ngx_http_llm_zone_t *zone,
    llm_str_t provider, llm_str_t route, llm_operation_e operation);

/* The same without making it; series_max when it is not there. */
uint32_t ngx_http_llm_series_find(const ngx_http_llm_zone_t *zone,
    const ngx_http_llm_labels_t *labels);

/*
 * For indexes below zone->series_max: 1 and the labels when the series is
 * in use, else 0.  The strings stay valid as long as the zone.
 */
int ngx_http_llm_series_labels(const ngx_http_llm_zone_t *zone, uint32_t idx,
    ngx_http_llm_labels_t *labels);


/* counter: ngx_http_llm_counter_e, but CALLS_TOTAL. */
void ngx_http_llm_series_add(ngx_http_llm_zone_t *zone, uint32_t idx,
    uint32_t counter, uint64_t n);

/* dist: llm_dist_e.  A TPOT also feeds the output rate. */
void ngx_http_llm_series_sample(ngx_http_llm_zone_t *zone, uint32_t idx,
    uint32_t dist, uint64_t ns);

/* n samples in cell i of dist, as a snapshot has them: no more than that. */
void ngx_http_llm_series_cell(ngx_http_llm_zone_t *zone, uint32_t idx,
    uint32_t dist, uint32_t i, uint64_t n);


#endif /* _NGX_HTTP_LLM_SERIES_H_INCLUDED_ */
