
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Cells: every bound on both sides, against bounds computed another way;
 * the error of what stands for a cell; bounds lists; ranks against sorted
 * samples.
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
    double       lo, hi, mid, err, worst;
    long double  x;

    bad = 0;
    far = 0;
    worst = 0;

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
        worst = fmax(worst, err);
    }

    ok(bad == 0, "each bound is the last of its cell");
    ok(far == 0, "bounds are 2^(n/64) seconds");
    ok(worst < 0.00545, "the middle of a cell is within 0.545 %");
    ok(llm_cells_bound(llm_cells_index(1000000000)) == 1000000000,
       "one second is a bound, and within its cell");
    ok(llm_cells_index(1000000000) == 895 && llm_cells_native(895) == 0,
       "it is the native cell 0");
    ok(llm_cells_index(0) == LLM_CELLS_UNDER
       && llm_cells_index(1) == LLM_CELLS_UNDER
       && llm_cells_index(61035) == LLM_CELLS_UNDER
       && llm_cells_index(61036) == 0, "under");
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


static void
ranks(void)
{
    int           i, bad;
    long          k, n, rank;
    double        err, truth;
    uint32_t      p;
    uint64_t     *sample;
    llm_cells_t   c;

    static const uint32_t  permille[] = { 1, 10, 500, 900, 950, 990, 999,
                                          1000 };
    static uint64_t        cell[LLM_CELLS_N];

    sample = malloc(5000 * sizeof(uint64_t));
    bad = 0;

    for (k = 0; k < 400; k++) {
        memset(cell, 0, sizeof(cell));
        memset(&c, 0, sizeof(c));

        c.cell = cell;
        c.max = UINT64_MAX;

        n = 1 + (long) (next() % (k < 200 ? 20 : 5000));

        for (i = 0; i < n; i++) {
            sample[i] = 61036 + (next() >> (23 + next() % 20));

            p = (uint32_t) llm_cells_index(sample[i]);
            cell[p]++;
            c.touched |= 1u << (p / LLM_CELLS_COLUMN);
            c.count++;
        }

        qsort(sample, (size_t) n, sizeof(uint64_t), compare);

        for (i = 0; i < 8; i++) {
            rank = (long) ceil((double) n * permille[i] / 1000);

            truth = (double) sample[rank - 1];
            err = (double) llm_cells_percentile(&c, permille[i]) / truth - 1;
            bad += (fabs(err) > 0.00545);

            truth = (double) sample[n - rank];
            err = (double) llm_cells_percentile_low(&c, permille[i]) / truth
                  - 1;
            bad += (fabs(err) > 0.00545);
        }

        c.min = sample[0];
        c.max = sample[n - 1];

        bad += (llm_cells_percentile(&c, 1) < c.min);
        bad += (llm_cells_percentile(&c, 1000) > c.max);
    }

    ok(bad == 0, "percentiles are those of nearest rank within 0.545 %");

    memset(&c, 0, sizeof(c));
    c.cell = cell;
    ok(llm_cells_percentile(&c, 500) == 0, "none of nothing");

    c.under = 3;
    c.over = 2;
    c.count = 5;
    c.min = 10;
    c.max = UINT64_MAX;
    ok(llm_cells_rank(&c, 3) == 61035, "under: the edge");
    ok(llm_cells_rank(&c, 4) == 4096000000000ull, "over: the edge");
    c.max = 5000000000000ull;
    ok(llm_cells_rank(&c, 4) == c.max, "over: the largest, when known");
    c.max = 20;
    ok(llm_cells_rank(&c, 1) == 20, "and never above the largest");

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
