
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Operations on a zone, what the zone must be like when a process died
 * somewhere in one of them, and that another process can go on.
 */


#ifndef _ZONE_STEP_H_INCLUDED_
#define _ZONE_STEP_H_INCLUDED_


#include "zone_test.h"


#define SIZE     NGX_HTTP_LLM_ARENA_MIN
#define NS       (300 * 1000000ull)
#define STRANGE  (1ull << 35)

typedef struct {
    const char  *name;
    void       (*before)(ngx_http_llm_zone_t *z);
    void       (*op)(ngx_http_llm_zone_t *z);

    /* in the zone that the dead left, as another process; NULL: good */
    const char *(*after)(ngx_http_llm_zone_t *z);
} op_t;


static uint32_t             series, used_before, columns_before;
static uint64_t             now;
static ngx_http_llm_sum_t   sum;


static ngx_http_llm_labels_t
model(const char *name)
{
    return labels("openai", name, "/v1/chat");
}


static uint64_t
samples(ngx_http_llm_zone_t *z, uint32_t idx, uint32_t dist)
{
    ngx_http_llm_sum_reset(&sum);
    ngx_http_llm_sum_add(z, idx, NGX_HTTP_LLM_WINDOW_ALL, now, &sum);

    return sum.dist[dist].count;
}


/* Cells in lines whose bits are not set. */

static int
unseen_cells(ngx_http_llm_zone_t *z, uint32_t column)
{
    uint32_t         i;
    const uint64_t  *cell;

    cell = z->column[ngx_http_llm_column_index(column)].cell;

    for (i = 0; i < LLM_CELLS_COLUMN; i++) {
        if (cell[i] && (column & ngx_http_llm_column_bit(i)) == 0) {
            return 1;
        }
    }

    return 0;
}


/* What must hold in every zone whatever happened. */

static const char *
valid(ngx_http_llm_zone_t *z)
{
    uint32_t                i, k, d, o, c;
    static uint8_t          seen[65536];
    ngx_http_llm_series_t  *s;

    if (ngx_http_llm_arena_attach(z, z->arena, SIZE)
        != NGX_HTTP_LLM_ARENA_OK)
    {
        return "cannot be attached";
    }

    memset(seen, 0, sizeof(seen));

    for (i = 0; i < z->series_max; i++) {
        s = &z->series[i];

        for (k = 0; k < i; k++) {
            if (z->id[k] && z->id[k] == z->id[i]) {
                return "two series of one id";
            }
        }

        if (s->filled && ngx_http_llm_label_id(z->arena->secret, &s->text)
                         != z->id[i])
        {
            return "text of another series";
        }

        for (d = 0; d < LLM_DIST_N; d++) {
            for (o = 0; o < LLM_CELLS_OCTAVES; o++) {
                c = ngx_http_llm_column_index(s->column[d][o]) + 1;

                if (c == 0 && s->column[d][o]) {
                    return "lines of no column";
                }

                if (c && unseen_cells(z, s->column[d][o])) {
                    return "a sample that no reader sees";
                }

                if (c && (c > z->arena->columns || seen[c]++)) {
                    return "a column twice, or not handed out";
                }
            }
        }

        for (k = 0; k < NGX_HTTP_LLM_WINDOW_N; k++) {
            ngx_http_llm_sum_reset(&sum);
            ngx_http_llm_sum_add(z, i, k, now, &sum);

            for (d = 0; d < LLM_DIST_N; d++) {
                if (sum.dist[d].count > 1000 || sum.dist[d].sum >> 50) {
                    return "a window below zero";
                }
            }
        }
    }

    return NULL;
}


/* The operations. */

static void
some(ngx_http_llm_zone_t *z)
{
    uint32_t               i;
    ngx_http_llm_labels_t  l;

    l = model("gpt-a");
    series = ngx_http_llm_series_claim(z, &l, 1);

    for (i = 0; i < 10; i++) {
        ngx_http_llm_series_sample(z, series, LLM_DIST_TTFT, NS);
        ngx_http_llm_series_add(z, series, NGX_HTTP_LLM_CALLS_OK, 1);
    }

    used_before = ngx_http_llm_arena_used(z);
    columns_before = (uint32_t) z->arena->columns;
    z->spare = 0;
}


static void
op_claim(ngx_http_llm_zone_t *z)
{
    ngx_http_llm_labels_t  l = model("gpt-b");

    own(&l, "team", "red");
    (void) ngx_http_llm_series_claim(z, &l, 1);
}


static const char *
after_claim(ngx_http_llm_zone_t *z)
{
    uint32_t               a, used;
    ngx_http_llm_labels_t  l = model("gpt-b"), is;

    own(&l, "team", "red");

    used = ngx_http_llm_arena_used(z);
    a = ngx_http_llm_series_claim(z, &l, 1);

    if (used > used_before + 1
        || ngx_http_llm_arena_used(z) != used_before + 1)
    {
        return "not one series more";
    }

    return ngx_http_llm_series_labels(z, a, &is)
           && llm_str_is(is.model, "gpt-b") && is.nown == 1
           && llm_str_is(is.own[0].value, "red")
           ? NULL : "not the labels";
}


static void
before_fold(ngx_http_llm_zone_t *z)
{
    char                   name[8] = "full-0";
    ngx_http_llm_labels_t  l;

    some(z);

    for (name[5] = 'a'; name[5] < 'z'; name[5]++) {
        l = model(name);
        (void) ngx_http_llm_series_claim(z, &l, 1);
    }

    z->arena->counter[NGX_HTTP_LLM_SERIES_FOLDED] = 0;
    used_before = ngx_http_llm_arena_used(z);
}


static const char *
after_fold(ngx_http_llm_zone_t *z)
{
    uint64_t               n;
    ngx_http_llm_labels_t  l = model("gpt-b");

    n = z->arena->counter[NGX_HTTP_LLM_SERIES_FOLDED];
    (void) ngx_http_llm_series_claim(z, &l, 0);

    return n <= 1 && ngx_http_llm_arena_used(z) == used_before
           && z->arena->counter[NGX_HTTP_LLM_SERIES_FOLDED] == n + 1
           ? NULL : "folded otherwise";
}


static void
op_add(ngx_http_llm_zone_t *z)
{
    ngx_http_llm_series_add(z, series, NGX_HTTP_LLM_CALLS_OK, 1);
}


static const char *
after_add(ngx_http_llm_zone_t *z)
{
    (void) samples(z, series, 0);

    return sum.counter[NGX_HTTP_LLM_CALLS_TOTAL] - 10 <= 1
           && sum.counter[NGX_HTTP_LLM_CALLS_OK]
              == sum.counter[NGX_HTTP_LLM_CALLS_TOTAL]
           ? NULL : "off by more than one call";
}


static const char *
after_samples(ngx_http_llm_zone_t *z, uint32_t dist, uint64_t had,
    uint64_t ns)
{
    uint32_t  i;
    uint64_t  n, bounds, leaked;

    n = samples(z, series, dist);

    for (i = 0, bounds = 0; i < LLM_BOUNDS_MAX; i++) {
        bounds += sum.dist[dist].bound[i];
    }

    if (n - had > 1 || bounds - had > 1) {
        return "off by more than one sample";
    }

    if (sum.dist[dist].sum - had * NS != 0
        && sum.dist[dist].sum - had * NS != ns)
    {
        return "a sum off by something else";
    }

    leaked = z->arena->columns;
    ngx_http_llm_series_sample(z, series, dist, ns);

    if (samples(z, series, dist) != n + 1) {
        return "the next sample is not counted";
    }

    leaked = (leaked > columns_before) ? z->arena->columns - columns_before
                                       : 1;

    return leaked <= 2 ? NULL : "more than one column lost";
}


static void
op_sample(ngx_http_llm_zone_t *z)
{
    ngx_http_llm_series_sample(z, series, LLM_DIST_TTFT, NS + 1);
}


static const char *
after_sample(ngx_http_llm_zone_t *z)
{
    return after_samples(z, LLM_DIST_TTFT, 10, NS + 1);
}


/* The same octave, but a line of it that was never used. */

static void
op_line(ngx_http_llm_zone_t *z)
{
    ngx_http_llm_series_sample(z, series, LLM_DIST_TTFT, NS + NS / 2);
}


static const char *
after_line(ngx_http_llm_zone_t *z)
{
    return after_samples(z, LLM_DIST_TTFT, 10, NS + NS / 2);
}


static void
op_column(ngx_http_llm_zone_t *z)
{
    ngx_http_llm_series_sample(z, series, LLM_DIST_TPOT, 40 * NS);
}


static const char *
after_column(ngx_http_llm_zone_t *z)
{
    return after_samples(z, LLM_DIST_TPOT, 0, 40 * NS);
}


static void
before_empty(ngx_http_llm_zone_t *z)
{
    some(z);
    z->arena->columns = z->columns_max;
    columns_before = z->columns_max;
}


/* Marks have filled their places, the last at MARKED; another is due. */

#define MARKED  (T0 + 330 * SECOND)

static void
before_mark(ngx_http_llm_zone_t *z)
{
    uint32_t  i;

    some(z);

    for (i = 0; i < LLM_CELLS_COLUMN; i++) {
        ngx_http_llm_series_sample(z, series, LLM_DIST_DURATION,
                                   llm_cells_bound(1279 + (int) i));
    }

    for (now = T0 + 11 * SECOND; now <= MARKED; now += 11 * SECOND) {
        ngx_http_llm_series_sample(z, series, LLM_DIST_DURATION,
                                   1000 * now / MARKED * 1000000);
        ngx_http_llm_series_add(z, series, NGX_HTTP_LLM_CALLS_OK, 1);
        z->series[series].word[NGX_HTTP_LLM_SAVED] = now;
        zone_tick(z, now);
    }

    ngx_http_llm_series_sample(z, series, LLM_DIST_TTFT, NS);
    ngx_http_llm_series_sample(z, series, LLM_DIST_WAIT, NS);
    z->spare = 0;
    z->self = 0;
    now = MARKED + 65 * SECOND;
    z->series[series].word[NGX_HTTP_LLM_SAVED] = now;
}


/* Every mark that can be used holds what there was at its time. */

static int
marks_true(ngx_http_llm_zone_t *z)
{
    uint32_t                i, o, k, c;
    uint64_t                n, *word;
    ngx_http_llm_series_t  *s;

    s = &z->series[series];

    for (i = 0; i < NGX_HTTP_LLM_MARKS; i++) {

        if (z->arena->mark[i].end == 0) {
            continue;
        }

        for (o = 0, n = 0; o < LLM_CELLS_OCTAVES; o++) {
            c = s->column[LLM_DIST_DURATION][o];

            for (k = 0; c && k < LLM_CELLS_COLUMN; k++) {
                n += ngx_http_llm_mark_cell(z, i,
                                         ngx_http_llm_column_index(c))[k];
            }
        }

        word = ngx_http_llm_mark_word(z, i, series);

        if (word[NGX_HTTP_LLM_SAVED] != z->arena->mark[i].begin
            || word[NGX_HTTP_LLM_CALLS_OK] != n - LLM_CELLS_COLUMN + 10)
        {
            return 0;
        }
    }

    return 1;
}


static void
op_mark(ngx_http_llm_zone_t *z)
{
    zone_tick(z, now);
}


static ngx_http_llm_sum_t  *result;

static void
op_read(ngx_http_llm_zone_t *z)
{
    ngx_http_llm_sum_add(z, series, NGX_HTTP_LLM_WINDOW_1M, now, result);
}


/* Whether the window of a minute at `at` starts at `from` and holds n. */

static int
holds(ngx_http_llm_zone_t *z, uint64_t at, uint64_t from, uint64_t n)
{
    ngx_http_llm_sum_reset(&sum);
    ngx_http_llm_sum_add(z, series, NGX_HTTP_LLM_WINDOW_1M, at, &sum);

    return sum.from == from && sum.dist[LLM_DIST_TTFT].count == n
           && sum.dist[LLM_DIST_WAIT].count <= n
           && sum.dist[LLM_DIST_DURATION].count == 0;
}


static const char *
after_mark(ngx_http_llm_zone_t *z)
{
    uint64_t  then;

    if (!marks_true(z)) {
        return "a mark is not what was then";
    }

    if (!holds(z, now, MARKED, 1)) {
        return "the earlier window is gone";
    }

    /* the new mark is all there, or not there */

    if (!holds(z, now + 62 * SECOND, MARKED, 1)
        && !holds(z, now + 62 * SECOND, now, 0))
    {
        return "half a mark";
    }

    /* another process takes a mark, soon or when the next is due */

    then = now + 11 * SECOND;
    zone_tick(z, then);

    if (z->arena->marker != 0) {
        return "the dead still mark";
    }

    ngx_http_llm_series_sample(z, series, LLM_DIST_TTFT, NS);

    return holds(z, then + 62 * SECOND, then, 1) ? NULL
                                                 : "the next window is wrong";
}


static void
op_live(ngx_http_llm_zone_t *z)
{
    uint32_t  a, b;

    (void) ngx_http_llm_live_join(z);

    a = ngx_http_llm_live_start(z, series, 1, 5);
    b = ngx_http_llm_live_start(z, 0, 0, 6);
    ngx_http_llm_live_first(z, a);
    ngx_http_llm_live_move(z, b, series);
    ngx_http_llm_live_end(z, a);
}


static void
op_leave(ngx_http_llm_zone_t *z)
{
    op_live(z);
    ngx_http_llm_live_leave(z);
}


static const char *
after_live(ngx_http_llm_zone_t *z)
{
    uint32_t                    i, n;
    static ngx_http_llm_live_t  live[256];

    ngx_http_llm_live_sum(z, live);

    for (i = 0, n = 0; i < z->series_max; i++) {
        n += live[i].in_flight;
    }

    if (n > 2) {
        return "calls that nobody made";
    }

    if (ngx_http_llm_live_join(z) != 0
        || ngx_http_llm_live_workers(z) != 1
        || ngx_http_llm_live_start(z, series, 1, 5) == 0)
    {
        return "another cannot join";
    }

    ngx_http_llm_live_sum(z, live);

    for (i = 0, n = 0; i < z->series_max; i++) {
        n += live[i].in_flight;
    }

    if (n != 1) {
        return "calls of the dead";
    }

    for (i = 0, n = 0; i < z->chunks_max; i++) {
        n += (z->chunk[i].owner != 0);
    }

    return n == 1 ? NULL : "chunks of the dead";
}


/* Another process had died, with calls. */

static void
before_reap(ngx_http_llm_zone_t *z)
{
    some(z);
    op_live(z);

    z->arena->slot[z->rows.slot - 1].owner ^= STRANGE;
    z->self = 0;
    z->rows.slot = 0;
    z->rows.room = 0;
}


static void
op_reap(ngx_http_llm_zone_t *z)
{
    z->self = ngx_http_llm_owner_self();
    z->rows.self = z->self;
    (void) ngx_http_llm_live_reap(z);
}


#include "zone_step_quota.h"


static const op_t  ops[] = {
    { "claim", some, op_claim, after_claim },
    { "fold", before_fold, op_claim, after_fold },
    { "add", some, op_add, after_add },
    { "sample", some, op_sample, after_sample },
    { "sample and line", some, op_line, after_line },
    { "sample and column", some, op_column, after_column },
    { "sample without column", before_empty, op_column, after_column },
    { "mark", before_mark, op_mark, after_mark },
    { "join, start, first, move, end", some, op_live, after_live },
    { "the same and leave", some, op_leave, after_live },
    { "reap", before_reap, op_reap, after_live },
    { "quota", before_quota, op_quota, after_quota },
};


#endif /* _ZONE_STEP_H_INCLUDED_ */
