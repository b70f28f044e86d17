
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Cells: every bound on both sides, against bounds computed another way;
 * the error of what stands for a cell; bounds lists; ranks against sorted
 * samples.  Below some 60 us a ns is no longer small beside a cell.
 */


#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "llm_cells.h"


static int  planned, failed;


static void
ok(int good, const char *what)
{
    printf("%sok %d - %s\n", good ? "" : "not ", ++planned, what);
    failed += !good;
}


static uint64_t
next(void)
{
    static uint64_t  x = 88172645463325252ull;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;

    return x;
}


static void
bounds(void)
{
    int          i, bad, far;
    uint64_t     b;
    double       lo, hi, mid, err, worst, low;
    long double  x;

    bad = 0;
    far = 0;
    worst = 0;
    low = 0;

    for (i = -1; i < LLM_CELLS_N; i++) {
        b = llm_cells_bound(i);

        bad += (llm_cells_index(b) != i);
        bad += (llm_cells_index(b + 1) != i + 1);

        x = 1e9L * powl(2.0L, (long double) llm_cells_native(i) / 64.0L);
        far += (fabsl((long double) b - floorl(x)) > 1e-17L * x);

        if (i < 0) {
            continue;
        }

        lo = (double) llm_cells_bound(i - 1) + 1;
        hi = (double) b;
        mid = (double) llm_cells_mid(i);

        err = fmax(fabs(mid - lo) / lo, fabs(hi - mid) / hi);

        if (i < 6 * LLM_CELLS_COLUMN) {
            low = fmax(low, err);
        } else {
            worst = fmax(worst, err);
        }
    }

    ok(bad == 0, "each bound is the last of its cell");
    ok(far == 0, "bounds are 2^(n/64) seconds");
    ok(worst < 0.00545, "the middle of a cell is within 0.545 %");
    ok(low < 0.006, "of a small one within 0.6 %");
    ok(llm_cells_bound(llm_cells_index(1000000000)) == 1000000000,
       "one second is a bound, and within its cell");
    ok(llm_cells_index(1000000000) == 1279 && llm_cells_native(1279) == 0,
       "it is the native cell 0");
    ok(llm_cells_index(0) == LLM_CELLS_UNDER
       && llm_cells_index(1) == LLM_CELLS_UNDER
       && llm_cells_index(953) == LLM_CELLS_UNDER
       && llm_cells_index(954) == 0, "under");
    ok(llm_cells_index(4096000000000ull) == LLM_CELLS_N - 1
       && llm_cells_index(4096000000001ull) == LLM_CELLS_OVER
       && llm_cells_index(UINT64_MAX) == LLM_CELLS_OVER, "over");
}


static void
values(void)
{
    int       i, bad;
    long      k;
    uint64_t  ns;

    bad = 0;

    for (k = 0; k < 2000000; k++) {
        ns = next() >> (next() % 50);
        i = llm_cells_index(ns);

        if (i == LLM_CELLS_UNDER) {
            bad += (ns > llm_cells_bound(-1));

        } else if (i == LLM_CELLS_OVER) {
            bad += (ns <= llm_cells_bound(LLM_CELLS_N - 1));

        } else {
            bad += (ns > llm_cells_bound(i) || ns <= llm_cells_bound(i - 1));
        }
    }

    ok(bad == 0, "two million times are in their cells");
}


static void
lists(void)
{
    int                  bad, d;
    long                 k;
    char                *end;
    uint32_t             i, n;
    uint64_t             ns, around;
    const llm_bounds_t  *b;

    bad = 0;

    for (d = 0; d < LLM_DIST_N; d++) {
        b = &llm_dist_bounds[d];

        bad += (b->n >= LLM_BOUNDS_MAX);

        for (i = 0; i < b->n; i++) {
            ns = b->bound[i].ns;

            bad += (i && ns <= b->bound[i - 1].ns);
            bad += (llm_bounds_index(b, ns) != i);
            bad += (llm_bounds_index(b, ns + 1) != i + 1);
            bad += (llround(strtod(b->bound[i].text, &end) * 1e9)
                    != (long long) ns);
            bad += (*end != '\0' || strchr(b->bound[i].text, '.') == NULL);
        }

        for (k = 0; k < 200000; k++) {
            around = next() >> (next() % 64);

            for (n = 0; n < b->n && b->bound[n].ns < around; n++) { /* void */ }

            bad += (llm_bounds_index(b, around) != n);
        }

        bad += (llm_bounds_index(b, 0) != 0);
    }

    ok(bad == 0, "bounds lists: exact, inclusive, and found");
}


static int
compare(const void *a, const void *b)
{
    uint64_t  x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}


static uint64_t  cell[LLM_CELLS_N], octave[LLM_CELLS_OCTAVES];
static uint8_t   lines[LLM_CELLS_OCTAVES];


static void
add(llm_cells_t *c, uint64_t ns)
{
    uint32_t  i, o;

    i = (uint32_t) llm_cells_index(ns);
    o = i / LLM_CELLS_COLUMN;

    cell[i]++;
    octave[o]++;
    lines[o] |= (uint8_t) (1 << i % LLM_CELLS_COLUMN / LLM_CELLS_LINE);
    c->touched |= 1u << o;
    c->count++;
}


static void
empty(llm_cells_t *c)
{
    memset(cell, 0, sizeof(cell));
    memset(octave, 0, sizeof(octave));
    memset(lines, 0, sizeof(lines));
    memset(c, 0, sizeof(llm_cells_t));

    c->cell = cell;
    c->octave = octave;
    c->lines = lines;
    c->max = UINT64_MAX;
}


static uint64_t
rank_of(const llm_cells_t *c, uint64_t rank)
{
    uint64_t  ns;

    llm_cells_ranks(c, &rank, 1, &ns);

    return ns;
}


static void
ranks(void)
{
    int           i, bad, order;
    long          k, n, rank;
    double        err, truth;
    uint64_t     *sample, high[8], low[8], all[3], ns[3];
    llm_cells_t   c;

    static const uint32_t  permille[] = { 1, 10, 500, 900, 950, 990, 999,
                                          1000, 1000 };

    sample = malloc(5000 * sizeof(uint64_t));
    bad = 0;
    order = 0;

    for (k = 0; k < 400; k++) {
        empty(&c);

        n = 1 + (long) (next() % (k < 200 ? 20 : 5000));

        for (i = 0; i < n; i++) {
            sample[i] = (k % 2 ? 954 : 61036)
                        + (next() >> (23 + next() % (k % 2 ? 32 : 20)));
            add(&c, sample[i]);
        }

        qsort(sample, (size_t) n, sizeof(uint64_t), compare);

        llm_cells_percentiles(&c, permille, 8, high);
        llm_cells_percentiles_low(&c, permille, 8, low);

        for (i = 0; i < 8; i++) {
            rank = (long) ceil((double) n * permille[i] / 1000);

            truth = (double) sample[rank - 1];
            err = (double) high[i] / truth - 1;
            bad += (fabs(err) > (truth < 61036 ? 0.006 : 0.00545));

            truth = (double) sample[n - rank];
            err = (double) low[i] / truth - 1;
            bad += (fabs(err) > (truth < 61036 ? 0.006 : 0.00545));

            order += (i && (high[i] < high[i - 1] || low[i] > low[i - 1]));
        }

        c.min = sample[0];
        c.max = sample[n - 1];

        llm_cells_percentiles(&c, permille, 8, high);
        bad += (high[0] < c.min || high[7] > c.max);
    }

    ok(bad == 0, "percentiles are those of nearest rank, to half a percent");
    ok(order == 0, "and in order");

    empty(&c);
    llm_cells_percentiles(&c, permille, 8, high);
    ok(high[0] == 0 && high[7] == 0, "none of nothing");

    high[0] = 7;
    llm_cells_percentiles(&c, permille, LLM_CELLS_PERCENTILES + 1, high);
    ok(high[0] == 7, "nor more than there is room for");

    c.under = 3;
    c.over = 2;
    c.count = 5;
    c.min = 10;
    c.max = UINT64_MAX;
    ok(rank_of(&c, 3) == 953, "under: the edge");
    ok(rank_of(&c, 4) == 4096000000000ull, "over: the edge");
    c.max = 5000000000000ull;
    ok(rank_of(&c, 4) == c.max, "over: the largest, when known");

    add(&c, 1000000);
    all[0] = 3;
    all[1] = 4;
    all[2] = 5;
    llm_cells_ranks(&c, all, 3, ns);
    ok(ns[0] == 953 && llm_cells_index(ns[1]) == llm_cells_index(1000000)
       && ns[2] == c.max, "under, a cell and over in one walk");

    c.max = 20;
    ok(rank_of(&c, 1) == 20, "and never above the largest");

    free(sample);
}


int
main(void)
{
    bounds();
    values();
    lists();
    ranks();

    printf("1..%d\n", planned);
    return failed != 0;
}
