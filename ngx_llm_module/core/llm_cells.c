
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Latency cells.
 *
 * Cell i holds the times in (2^(i/64 - 20), 2^((i+1)/64 - 20)] seconds: the
 * base-2 exponential cells of scale 6 that Prometheus native histograms and
 * OpenTelemetry use, upper bound inclusive, so that they can be handed on
 * as they are.  A value reported for a cell is 2 lo hi / (lo + hi), whose
 * relative error is (hi - lo) / (hi + lo) at either edge and less between:
 * 0.54 %.  hi / lo is the same for all, so it is hi times a constant.
 *
 * The index is exact and takes no floating point.  A time in ns is shifted
 * until its top bit is bit 63.  The bounds, 10^9 * 2^(n/64) ns, have only 64
 * different mantissas; they stand in llm_cells_threshold, rounded down to
 * 64 bits, beginning with n = 7 (mod 64), which is the first above a power
 * of two since 10^9 is a little below 2^30.  The mantissa of the time is a
 * whole number, so it is at most a bound exactly if it is at most the
 * bound rounded down.  Two neighbouring thresholds are further apart than
 * 1/128, so the seven bits after the first lead to the right one but for
 * one comparison.
 *
 * A sentinel ends the thresholds: a time above the last one belongs to the
 * next octave's first.
 */


#include "llm_cells.h"


#define LLM_CELLS_FIRST     7        /* n of the first threshold */
#define LLM_CELLS_EXPONENT  30       /* and its power of two, in ns */

#define LLM_CELLS_MID       0.99458484058409743      /* 2 / (1 + 2^(1/64)) */


static const uint64_t  llm_cells_threshold[LLM_CELLS_COLUMN + 1] = {
    0x80992abb83a534a2ull, 0x81ffa7a9549ca6e3ull,
    0x836a0bee9d9d5401ull, 0x84d8626d3118d396ull,
    0x864ab625376b7b77ull, 0x87c11235836d16a3ull,
    0x893b81dbe7ed5966ull, 0x8aba10758e1ea3cfull,
    0x8c3cc97f4cf1aaddull, 0x8dc3b8960164a7d9ull,
    0x8f4ee976e7c8b4ccull, 0x90de67fff600044cull,
    0x9272403036b7aa56ull, 0x940a7e28259fb382ull,
    0x95a72e2a0ca44f7cull, 0x97485c9a622adb60ull,
    0x98ee16002855a076ull, 0x9a9867054d512391ull,
    0x9c475c770cade96dull, 0x9dfb034651c99c68ull,
    0x9fb368881b4a8811ull, 0xa1709975dfb06757ull,
    0xa332a36df2fd8a6aull, 0xa4f993f3ed7b61caull,
    0xa6c578b1139d848cull, 0xa8965f74bf065071ull,
    0xaa6c5634c8b04b16ull, 0xac476b0df43f745full,
    0xae27ac445c7dc318ull, 0xb00d2843e1060dc2ull,
    0xb1f7eda09520aa93ull, 0xb3e80b172fd51af7ull,
    0xb5dd8f8d7d341ffdull, 0xb7d88a12d0dd9ea0ull,
    0xb9d909e079c5c456ull, 0xbbdf1e5a373ce5c6ull,
    0xbdead70eaf3d9b5aull, 0xbffc43b7e604a922ull,
    0xc213743bb6f64957ull, 0xc43078ac4ed47ae7ull,
    0xc6536148a749ff7dull, 0xc87c3e7d03cdbec3ull,
    0xcaab20e36fe24ee5ull, 0xcce019443eb56ce4ull,
    0xcf1b38968c2339b8ull, 0xd15c9000bf211c1full,
    0xd3a430d90d943190ull, 0xd5f22ca6019743e0ull,
    0xd846951f0034440aull, 0xdaa17c2cd19555dbull,
    0xdd02f3ea2ab18362ull, 0xdf6b0ea438793a89ull,
    0xe1d9dedb2c86c2b2ull, 0xe44f7742cb56e3ddull,
    0xe6cbeac2fc0e04aaull, 0xe94f4c7859ce1066ull,
    0xebd9afb4c6a18262ull, 0xee6b280000000000ull,
    0xf103c91834f0f723ull, 0xf3a3a6f29dd0c333ull,
    0xf64ad5bc15bce751ull, 0xf8f969d9b5abf948ull,
    0xfbaf77e97135e555ull, 0xfe6d14c2b5114024ull,
    UINT64_MAX
};


static const uint8_t  llm_cells_start[128] = {
     0,  1,  2,  2,  3,  4,  4,  5,  6,  6,  7,  8,  8,  9, 10, 10,
    11, 12, 12, 13, 13, 14, 15, 15, 16, 17, 17, 18, 18, 19, 20, 20,
    21, 21, 22, 22, 23, 24, 24, 25, 25, 26, 26, 27, 27, 28, 28, 29,
    29, 30, 31, 31, 32, 32, 33, 33, 34, 34, 35, 35, 36, 36, 37, 37,
    38, 38, 38, 39, 39, 40, 40, 41, 41, 42, 42, 43, 43, 44, 44, 44,
    45, 45, 46, 46, 47, 47, 48, 48, 48, 49, 49, 50, 50, 50, 51, 51,
    52, 52, 53, 53, 53, 54, 54, 55, 55, 55, 56, 56, 57, 57, 57, 58,
    58, 58, 59, 59, 60, 60, 60, 61, 61, 62, 62, 62, 63, 63, 63, 64,
};


static const llm_bound_t  llm_bounds_ttft[] = {
    { 1000000ull, "0.001" },
    { 5000000ull, "0.005" },
    { 10000000ull, "0.01" },
    { 20000000ull, "0.02" },
    { 40000000ull, "0.04" },
    { 60000000ull, "0.06" },
    { 80000000ull, "0.08" },
    { 100000000ull, "0.1" },
    { 250000000ull, "0.25" },
    { 500000000ull, "0.5" },
    { 750000000ull, "0.75" },
    { 1000000000ull, "1.0" },
    { 2500000000ull, "2.5" },
    { 5000000000ull, "5.0" },
    { 7500000000ull, "7.5" },
    { 10000000000ull, "10.0" },
    { 20000000000ull, "20.0" },
    { 40000000000ull, "40.0" },
    { 80000000000ull, "80.0" },
    { 160000000000ull, "160.0" },
    { 640000000000ull, "640.0" },
    { 2560000000000ull, "2560.0" },
};


static const llm_bound_t  llm_bounds_token[] = {
    { 1000000ull, "0.001" },
    { 5000000ull, "0.005" },
    { 10000000ull, "0.01" },
    { 25000000ull, "0.025" },
    { 50000000ull, "0.05" },
    { 75000000ull, "0.075" },
    { 100000000ull, "0.1" },
    { 150000000ull, "0.15" },
    { 200000000ull, "0.2" },
    { 300000000ull, "0.3" },
    { 400000000ull, "0.4" },
    { 500000000ull, "0.5" },
    { 750000000ull, "0.75" },
    { 1000000000ull, "1.0" },
    { 2500000000ull, "2.5" },
    { 5000000000ull, "5.0" },
    { 7500000000ull, "7.5" },
    { 10000000000ull, "10.0" },
    { 20000000000ull, "20.0" },
    { 40000000000ull, "40.0" },
    { 80000000000ull, "80.0" },
};


static const llm_bound_t  llm_bounds_duration[] = {
    { 10000000ull, "0.01" },
    { 20000000ull, "0.02" },
    { 40000000ull, "0.04" },
    { 80000000ull, "0.08" },
    { 160000000ull, "0.16" },
    { 320000000ull, "0.32" },
    { 640000000ull, "0.64" },
    { 1280000000ull, "1.28" },
    { 2560000000ull, "2.56" },
    { 5120000000ull, "5.12" },
    { 10240000000ull, "10.24" },
    { 20480000000ull, "20.48" },
    { 40960000000ull, "40.96" },
    { 81920000000ull, "81.92" },
    { 163840000000ull, "163.84" },
    { 327680000000ull, "327.68" },
    { 655360000000ull, "655.36" },
    { 1310720000000ull, "1310.72" },
    { 2621440000000ull, "2621.44" },
};


static const llm_bound_t  llm_bounds_wait[] = {
    { 100000ull, "0.0001" },
    { 1000000ull, "0.001" },
    { 10000000ull, "0.01" },
    { 20000000ull, "0.02" },
    { 40000000ull, "0.04" },
    { 80000000ull, "0.08" },
    { 160000000ull, "0.16" },
    { 320000000ull, "0.32" },
    { 640000000ull, "0.64" },
    { 1280000000ull, "1.28" },
    { 2560000000ull, "2.56" },
    { 5120000000ull, "5.12" },
    { 10240000000ull, "10.24" },
    { 20480000000ull, "20.48" },
    { 40960000000ull, "40.96" },
    { 81920000000ull, "81.92" },
    { 163840000000ull, "163.84" },
    { 327680000000ull, "327.68" },
    { 655360000000ull, "655.36" },
    { 1310720000000ull, "1310.72" },
    { 2621440000000ull, "2621.44" },
};


/* Two distributions have these bounds. */

#define LLM_BOUNDS_TTFT                                                       \
    { llm_bounds_ttft, 22,                                                    \
      { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,                       \
      0, 0, 0, 0, 1, 1, 1, 2, 3, 4, 6, 8, 9, 10, 12, 12,                      \
      13, 15, 16, 17, 18, 19, 20, 20, 21, 21, 22, 22, 22, 22, 22, 22,         \
      22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22 } }

#define LLM_BOUNDS_TOKEN                                                      \
    { llm_bounds_token, 21,                                                   \
      { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,                       \
      0, 0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 7, 9, 12, 14, 14,                      \
      15, 17, 18, 19, 20, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21,         \
      21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21 } }


const llm_bounds_t  llm_dist_bounds[LLM_DIST_N] = {
    { llm_bounds_wait, 21,
      { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 1, 1, 1, 2, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10,
        11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 21, 21, 21, 21, 21,
        21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21 } },
    LLM_BOUNDS_TTFT,
    LLM_BOUNDS_TTFT,
    LLM_BOUNDS_TOKEN,
    LLM_BOUNDS_TOKEN,
    { llm_bounds_duration, 19,
      { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8,
        9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 19, 19, 19, 19, 19,
        19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19 } }
};


const char *const  llm_dist_names[LLM_DIST_N] = {
    "wait",
    "ttft",
    "upstream_ttft",
    "inter_chunk",
    "tpot",
    "duration"
};


static uint32_t llm_cells_line(const llm_cells_t *c, int i, uint64_t *seen,
    const uint64_t *rank, uint32_t n, uint64_t *ns);
static uint64_t llm_cells_top(const llm_cells_t *c);
static uint64_t llm_cells_clamp(const llm_cells_t *c, uint64_t ns);
static uint64_t llm_cells_nearest(uint64_t count, uint32_t permille);
static inline void llm_cells_permille(const llm_cells_t *c,
    const uint32_t *permille, uint32_t n, uint64_t *ns, int low)
    __attribute__((always_inline));


int
llm_cells_index(uint64_t ns)
{
    int       e, i, r;
    uint64_t  m;

    if (llm_unlikely(ns == 0)) {
        return LLM_CELLS_UNDER;
    }

    e = 63 - __builtin_clzll(ns);
    m = ns << (63 - e);

    r = llm_cells_start[(m >> 56) & 127];
    r += (llm_cells_threshold[r] < m);

    i = (e - LLM_CELLS_EXPONENT) * LLM_CELLS_COLUMN + LLM_CELLS_FIRST + r
        - llm_cells_native(0);

    if (llm_unlikely(i < 0)) {
        return LLM_CELLS_UNDER;
    }

    return llm_min(i, LLM_CELLS_OVER);
}


uint64_t
llm_cells_bound(int i)
{
    int  n, e;

    n = llm_cells_native(i) - LLM_CELLS_FIRST
        - LLM_CELLS_LOWEST * LLM_CELLS_COLUMN + LLM_CELLS_COLUMN;

    e = LLM_CELLS_EXPONENT + LLM_CELLS_LOWEST - 1 + n / LLM_CELLS_COLUMN;

    return llm_cells_threshold[n % LLM_CELLS_COLUMN] >> (63 - e);
}


uint64_t
llm_cells_mid(int i)
{
    return (uint64_t) ((double) llm_cells_bound(i) * LLM_CELLS_MID + 0.5);
}


uint32_t
llm_bounds_index(const llm_bounds_t *b, uint64_t ns)
{
    uint32_t  i;

    if (ns == 0) {
        return 0;
    }

    i = b->start[63 - __builtin_clzll(ns)];

    while (i < b->n && b->bound[i].ns < ns) {
        i++;
    }

    return i;
}


void
llm_cells_ranks(const llm_cells_t *c, const uint64_t *rank, uint32_t n,
    uint64_t *ns)
{
    uint32_t  k, octaves, lines, o, i;
    uint64_t  seen;

    if (c->count == 0) {
        memset(ns, 0, n * sizeof(uint64_t));
        return;
    }

    seen = c->under;

    for (k = 0; k < n && rank[k] <= seen; k++) {
        ns[k] = llm_cells_clamp(c, llm_cells_bound(-1));
    }

    for (octaves = c->touched; octaves && k < n; octaves &= octaves - 1) {
        o = (uint32_t) __builtin_ctz(octaves);

        if (rank[k] > seen + c->octave[o]) {
            seen += c->octave[o];
            continue;
        }

        for (lines = c->lines[o]; lines && k < n; lines &= lines - 1) {
            i = o * LLM_CELLS_COLUMN
                + (uint32_t) __builtin_ctz(lines) * LLM_CELLS_LINE;

            k += llm_cells_line(c, (int) i, &seen, rank + k, n - k, ns + k);
        }
    }

    for ( /* void */ ; k < n; k++) {
        ns[k] = llm_cells_top(c);
    }
}


/* How many of the ranks are in the line that starts with cell i. */

static uint32_t
llm_cells_line(const llm_cells_t *c, int i, uint64_t *seen,
    const uint64_t *rank, uint32_t n, uint64_t *ns)
{
    int              j;
    uint32_t         k;
    uint64_t         sum, last;
    const uint64_t  *cell;

    cell = c->cell + i;
    sum = *seen;
    last = sum + cell[0] + cell[1] + cell[2] + cell[3] + cell[4] + cell[5]
           + cell[6] + cell[7];

    *seen = last;
    k = 0;

    for (j = 0; k < n && rank[k] <= last; j++) {
        sum += cell[j];

        for ( /* void */ ; k < n && rank[k] <= sum; k++) {
            ns[k] = llm_cells_clamp(c, llm_cells_mid(i + j));
        }
    }

    return k;
}


/* Above the cells the largest is all that is known, if it is. */

static uint64_t
llm_cells_top(const llm_cells_t *c)
{
    if (c->over == 0 || c->max == UINT64_MAX) {
        return llm_cells_clamp(c, llm_cells_bound(LLM_CELLS_N - 1));
    }

    return c->max;
}


static uint64_t
llm_cells_clamp(const llm_cells_t *c, uint64_t ns)
{
    if (ns < c->min) {
        return c->min;
    }

    return llm_min(ns, c->max);
}


/* low (a constant): from the other end, where ranks are in the other order. */

static inline void
llm_cells_permille(const llm_cells_t *c, const uint32_t *permille, uint32_t n,
    uint64_t *ns, int low)
{
    uint32_t  k;
    uint64_t  rank[LLM_CELLS_PERCENTILES], found[LLM_CELLS_PERCENTILES], r;

    if (n == 0 || n > LLM_CELLS_PERCENTILES) {
        return;
    }

    for (k = 0; k < n; k++) {
        r = llm_cells_nearest(c->count, permille[k]);
        rank[low ? n - 1 - k : k] = low ? c->count + 1 - r : r;
    }

    llm_cells_ranks(c, rank, n, found);

    for (k = 0; k < n; k++) {
        ns[k] = found[low ? n - 1 - k : k];
    }
}


void
llm_cells_percentiles(const llm_cells_t *c, const uint32_t *permille,
    uint32_t n, uint64_t *ns)
{
    llm_cells_permille(c, permille, n, ns, 0);
}


void
llm_cells_percentiles_low(const llm_cells_t *c, const uint32_t *permille,
    uint32_t n, uint64_t *ns)
{
    llm_cells_permille(c, permille, n, ns, 1);
}


/* ceil(count * permille / 1000), at least 1, without overflow. */

static uint64_t
llm_cells_nearest(uint64_t count, uint32_t permille)
{
    uint64_t  rank;

    rank = count / 1000 * permille + (count % 1000 * permille + 999) / 1000;

    return llm_max(rank, 1);
}
