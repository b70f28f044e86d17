
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Reading: what one or many series hold in a window.  See the essay in
 * ngx_http_llm_window.c.
 */


#ifndef _NGX_HTTP_LLM_SUM_H_INCLUDED_
#define _NGX_HTTP_LLM_SUM_H_INCLUDED_


#include "ngx_http_llm_marks.h"
#include "ngx_http_llm_series.h"


/*
 * Of a distribution, times in ns.  count - nocell samples are in cells,
 * under and over; nocell came when no column was left, so percentiles do
 * not know them.  min and max are exact in the window "all"; elsewhere
 * they are as good as a percentile, or those since the start if there are
 * samples that no cell knows.  count 0: all of it means nothing.
 */

typedef struct {
    uint64_t   count;
    uint64_t   sum;
    uint64_t   min;
    uint64_t   max;
    uint64_t   under;
    uint64_t   over;
    uint64_t   nocell;
    uint64_t   bound[LLM_BOUNDS_MAX];    /* window "all" only; each alone */

    uint32_t   touched;                  /* as in llm_cells_t */
    uint8_t    lines[LLM_CELLS_OCTAVES];
    uint64_t   octave[LLM_CELLS_OCTAVES];
    uint64_t   cell[LLM_CELLS_N];
} ngx_http_llm_sum_dist_t;


typedef struct {
    uint64_t   from;                     /* ns, monotonic */
    uint64_t   to;
    uint32_t   series;                   /* added so far */
    uint32_t   window;
    uint64_t   rate;                     /* sum of 1 / TPOT, micro-tokens/s */
    uint64_t   counter[NGX_HTTP_LLM_COUNTERS_N];
    ngx_http_llm_sum_dist_t  dist[LLM_DIST_N];
} ngx_http_llm_sum_t;                    /* some 100 KB */


/* Once on fresh memory; afterwards reset() is much cheaper. */
void ngx_http_llm_sum_init(ngx_http_llm_sum_t *sum);
void ngx_http_llm_sum_reset(ngx_http_llm_sum_t *sum);

/*
 * Adds the window's part of a series.  One sum holds one window; now should
 * be the same for every series of a status, however long it takes.
 */
void ngx_http_llm_sum_add(const ngx_http_llm_zone_t *zone, uint32_t idx,
    uint32_t window, uint64_t now, ngx_http_llm_sum_t *sum);

/* Adds a sum to another, of the same window: exact. */
void ngx_http_llm_sum_merge(ngx_http_llm_sum_t *sum,
    const ngx_http_llm_sum_t *other);

/* Whether its percentiles are known: false if no sample has a cell. */
#define ngx_http_llm_sum_known(d)  ((d)->count > (d)->nocell)


/*
 * Percentiles (of n ascending permille: 500 is p50) and mean in ns.  Where
 * they are known, min <= mean, percentiles in their order <= max.  The
 * output rate is in micro-tokens a second: mean of 1 / TPOT, and the
 * percentiles of TPOT mirrored.
 */
void ngx_http_llm_sum_percentiles(const ngx_http_llm_sum_t *sum,
    uint32_t dist, const uint32_t *permille, uint32_t n, uint64_t *ns);
uint64_t ngx_http_llm_sum_mean(const ngx_http_llm_sum_t *sum, uint32_t dist);
void ngx_http_llm_sum_rate_percentiles(const ngx_http_llm_sum_t *sum,
    const uint32_t *permille, uint32_t n, uint64_t *rate);
uint64_t ngx_http_llm_sum_rate_mean(const ngx_http_llm_sum_t *sum);


/*
 * What sum_add() and sum_merge() are made of: of a distribution, what is not
 * in the cells, and n samples in some lines of an octave.
 */

typedef struct {
    uint64_t  count;
    uint64_t  sum;
    uint64_t  min;
    uint64_t  max;
    uint64_t  under;
    uint64_t  over;
    uint64_t  nocell;
} ngx_http_llm_part_t;

void ngx_http_llm_sum_part(ngx_http_llm_sum_dist_t *d,
    const ngx_http_llm_part_t *part);
void ngx_http_llm_sum_cells(ngx_http_llm_sum_dist_t *d, uint32_t octave,
    uint64_t n, uint32_t lines, const uint64_t *restrict cell);


static inline uint64_t
ngx_http_llm_sum_clamp(uint64_t ns, uint64_t low, uint64_t high)
{
    return ns < low ? low : llm_min(ns, high);
}


#endif /* _NGX_HTTP_LLM_SUM_H_INCLUDED_ */
