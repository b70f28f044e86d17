
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Latency cells and their percentiles, and the bounds of the classic
 * histograms.  See the essay in llm_cells.c.
 */


#ifndef _LLM_CELLS_H_INCLUDED_
#define _LLM_CELLS_H_INCLUDED_


#include "llm_base.h"


#define LLM_CELLS_SCALE     6
#define LLM_CELLS_COLUMN    64       /* cells of an octave, 1 << SCALE */
#define LLM_CELLS_OCTAVES   26       /* from 2^-14 s to 2^12 s */
#define LLM_CELLS_LOWEST    (-14)
#define LLM_CELLS_N         (LLM_CELLS_OCTAVES * LLM_CELLS_COLUMN)

#define LLM_CELLS_UNDER     (-1)     /* at most 2^-14 s */
#define LLM_CELLS_OVER      LLM_CELLS_N

/*
 * The index that a Prometheus native histogram of schema 6 (OpenTelemetry:
 * scale 6, this less one) gives to cell i.
 */
#define llm_cells_native(i)                                                   \
    ((i) + 1 + LLM_CELLS_LOWEST * LLM_CELLS_COLUMN)


typedef enum {
    LLM_DIST_WAIT = 0,
    LLM_DIST_TTFT,
    LLM_DIST_UPSTREAM_TTFT,
    LLM_DIST_INTER_CHUNK,
    LLM_DIST_TPOT,
    LLM_DIST_DURATION,
    LLM_DIST_N
} llm_dist_e;


#define LLM_BOUNDS_MAX      24       /* with the one of +Inf */

typedef struct {
    uint64_t         ns;             /* inclusive, as `le` is */
    const char      *text;           /* the same in seconds, exactly */
} llm_bound_t;


typedef struct {
    const llm_bound_t  *bound;       /* ascending, +Inf not among them */
    uint32_t            n;
    uint8_t             start[64];   /* how many bounds are below 2^e ns */
} llm_bounds_t;


/* Names are those of the status JSON: "wait", "ttft", ... */

extern const char *const   llm_dist_names[LLM_DIST_N];
extern const llm_bounds_t  llm_dist_bounds[LLM_DIST_N];


/*
 * What percentiles are read from.  count is cells + under + over; min and
 * max clamp every answer and may be wider than the truth (0, UINT64_MAX).
 */

typedef struct {
    const uint64_t  *cell;           /* LLM_CELLS_N of them */
    uint32_t         touched;        /* bit o: octave o may be not all zero */
    uint64_t         under;
    uint64_t         over;
    uint64_t         count;
    uint64_t         min;
    uint64_t         max;
} llm_cells_t;


/* The cell of a time: LLM_CELLS_UNDER, 0 .. N - 1, or LLM_CELLS_OVER. */
int llm_cells_index(uint64_t ns);

/* Upper bound of cell i, inclusive, rounded down to ns; of -1: the edge
 * below cell 0. */
uint64_t llm_cells_bound(int i);

/* The value that stands for cell i: at most 0.545 % from any value in it. */
uint64_t llm_cells_mid(int i);

/* Where in a bounds list a value is counted: 0 .. n, n being +Inf. */
uint32_t llm_bounds_index(const llm_bounds_t *b, uint64_t ns);

/*
 * The rank-th smallest (1 .. count) value, in ns; 0 when there is none.
 * llm_cells_percentile() is nearest rank: permille 500 is p50, 999 p999.
 * llm_cells_percentile_low() counts from the other end, so that
 * 1 / percentile_low(tpot, p) is percentile p of the output rate.
 */
uint64_t llm_cells_rank(const llm_cells_t *c, uint64_t rank);
uint64_t llm_cells_percentile(const llm_cells_t *c, uint32_t permille);
uint64_t llm_cells_percentile_low(const llm_cells_t *c, uint32_t permille);


#endif /* _LLM_CELLS_H_INCLUDED_ */
