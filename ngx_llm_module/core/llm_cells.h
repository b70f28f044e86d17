
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
#define LLM_CELLS_LINE      8        /* of a cache line: what is looked at */
#define LLM_CELLS_LINES     (LLM_CELLS_COLUMN / LLM_CELLS_LINE)
#define LLM_CELLS_OCTAVES   32       /* from 2^-20 s to 2^12 s */
#define LLM_CELLS_LOWEST    (-20)
#define LLM_CELLS_N         (LLM_CELLS_OCTAVES * LLM_CELLS_COLUMN)

#define LLM_CELLS_UNDER     (-1)     /* at most 2^-20 s */
#define LLM_CELLS_OVER      LLM_CELLS_N

/*
 * The index that a Prometheus native histogram of schema 6 (OpenTelemetry:
 * scale 6, this less one) gives to cell i.
 */
#define llm_cells_native(i)                                                   \
    ((i) + 1 + LLM_CELLS_LOWEST * LLM_CELLS_COLUMN)


#define LLM_CELLS_PERCENTILES  8     /* at most, in one go */


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
 * What percentiles are read from.  touched and lines say where to look: a
 * cell in a line without a bit is zero, and so is an octave.  count is cells
 * + under + over; min and max clamp every answer and may be wider than the
 * truth (0, UINT64_MAX).
 */

typedef struct {
    const uint64_t  *cell;           /* [LLM_CELLS_N] */
    const uint64_t  *octave;         /* [LLM_CELLS_OCTAVES], their sums */
    const uint8_t   *lines;          /* [LLM_CELLS_OCTAVES], bit a line */
    uint32_t         touched;        /* bit an octave */
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

/* The value that stands for cell i: at most 0.55 % from any value in it. */
uint64_t llm_cells_mid(int i);

/* Where in a bounds list a value is counted: 0 .. n, n being +Inf. */
uint32_t llm_bounds_index(const llm_bounds_t *b, uint64_t ns);

/*
 * The values of n ranks (1 .. count, ascending), that is, of the rank-th
 * smallest, in ns; 0 when there are none.  One walk for all of them.
 */
void llm_cells_ranks(const llm_cells_t *c, const uint64_t *rank, uint32_t n,
    uint64_t *ns);

/*
 * Nearest rank of n percentiles, ascending: permille 500 is p50, 999 p999.
 * The second counts from the other end, so that 1 / ns of TPOT is that
 * percentile of the output rate.
 */
void llm_cells_percentiles(const llm_cells_t *c, const uint32_t *permille,
    uint32_t n, uint64_t *ns);
void llm_cells_percentiles_low(const llm_cells_t *c,
    const uint32_t *permille, uint32_t n, uint64_t *ns);


#endif /* _LLM_CELLS_H_INCLUDED_ */
