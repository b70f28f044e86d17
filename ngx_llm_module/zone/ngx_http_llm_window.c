
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Reading.
 *
 * What a series holds in a window is what it holds now less what the
 * window's mark holds, word by word and cell by cell.
 *
 * A reader takes no lock.  A mark may be given up while it is read; then
 * its end is seen to have changed, what was read is thrown away, and the
 * next younger mark (which must be old enough by then, or the other would
 * not have gone) serves.  That is decided piece by piece: for the words of
 * a series, then for each of its columns.  So in the moment of such a
 * change one series may be shown with words and cells of two windows that
 * differ by some seconds; each is right for itself.
 *
 * Writers go on meanwhile: words and cells that a call adds to together may
 * be read before and after it.  Therefore the number of samples is taken
 * from the cells that are read, and the number of calls from the outcomes
 * that are read, so that what is shown together adds up.
 *
 * A series uses few of its thousands of cells, so only those cache lines
 * are looked at whose bits are set, here and in every sum; and none of a
 * distribution whose sum of times did not change since the mark: whoever
 * adds to a cell has added to the sum before.
 *
 * What is shown of a distribution is in order: min <= mean <= max, and so
 * are the percentiles.  Cells know a time to half a percent, the sum knows
 * it to the ns, and a sum may be ahead of its cells or belong to another
 * mark.  So min and max of a series are drawn apart to hold its mean, by no
 * more than the edges of their cells; merging keeps that.
 *
 * Everything in shared memory that leads somewhere is checked on the way.
 */


#include "ngx_http_llm_sum.h"


typedef struct {
    const ngx_http_llm_zone_t  *zone;
    uint32_t                    window;
    uint32_t                    slot;
    uint64_t                    now;
    ngx_http_llm_mark_t         mark;
} ngx_http_llm_base_t;


/* The columns of a distribution that are to be read. */

typedef struct {
    uint32_t                    n;
    uint32_t                    octave[LLM_CELLS_OCTAVES];
    uint32_t                    column[LLM_CELLS_OCTAVES];
} ngx_http_llm_list_t;


static void ngx_http_llm_window_base(ngx_http_llm_base_t *base);
static int ngx_http_llm_window_base_holds(const ngx_http_llm_base_t *base);
static void ngx_http_llm_window_words(ngx_http_llm_base_t *base, uint32_t idx,
    uint64_t *word);
static void ngx_http_llm_window_list(const ngx_http_llm_base_t *base,
    const ngx_http_llm_series_t *s, uint32_t dist, ngx_http_llm_list_t *list);
static void ngx_http_llm_window_dist(ngx_http_llm_base_t *base,
    const ngx_http_llm_series_t *s, uint32_t dist, const uint64_t *word,
    const ngx_http_llm_list_t *list, ngx_http_llm_sum_dist_t *d);
static uint64_t ngx_http_llm_window_column(ngx_http_llm_base_t *base,
    uint32_t column, uint32_t *lines, uint64_t *cell);
static inline uint64_t ngx_http_llm_window_lines(int since,
    const uint64_t *now, const uint32_t *mark, uint32_t *lines,
    uint64_t *cell) __attribute__((always_inline));
static void ngx_http_llm_window_range(const ngx_http_llm_base_t *base,
    const ngx_http_llm_series_t *s, uint32_t dist, int first, int last,
    ngx_http_llm_part_t *part);


void
ngx_http_llm_sum_add(const ngx_http_llm_zone_t *zone, uint32_t idx,
    uint32_t window, uint64_t now, ngx_http_llm_sum_t *sum)
{
    uint32_t                      i;
    uint64_t                      word[NGX_HTTP_LLM_WORDS];
    ngx_http_llm_base_t           base;
    ngx_http_llm_list_t           list[LLM_DIST_N];
    const ngx_http_llm_series_t  *s;

    if (idx >= zone->series_max || window >= NGX_HTTP_LLM_WINDOW_N) {
        return;
    }

    base.zone = zone;
    base.window = window;
    base.now = now;

    ngx_http_llm_window_base(&base);

    sum->window = window;
    sum->from = llm_min(sum->from, base.mark.begin);
    sum->to = llm_max(sum->to, now);
    sum->series++;

    s = &zone->series[idx];

    ngx_http_llm_window_words(&base, idx, word);

    for (i = 0; i < LLM_DIST_N; i++) {
        list[i].n = 0;

        if (word[NGX_HTTP_LLM_SUM + i]) {
            ngx_http_llm_window_list(&base, s, i, &list[i]);
        }
    }

    word[NGX_HTTP_LLM_CALLS_TOTAL] = 0;

    for (i = 0; i < LLM_OUTCOME_N; i++) {
        word[NGX_HTTP_LLM_CALLS_TOTAL] += word[ngx_http_llm_calls(i)];
    }

    for (i = 0; i < NGX_HTTP_LLM_COUNTERS_N; i++) {
        sum->counter[i] += word[i];
    }

    sum->rate += word[NGX_HTTP_LLM_RATE];

    for (i = 0; i < LLM_DIST_N; i++) {
        ngx_http_llm_window_dist(&base, s, i, word, &list[i], &sum->dist[i]);
    }
}


static void
ngx_http_llm_window_base(ngx_http_llm_base_t *base)
{
    base->slot = ngx_http_llm_marks_find(base->zone, base->window, base->now,
                                         &base->mark);
}


/* Whether what was read of the mark was all of it. */

static int
ngx_http_llm_window_base_holds(const ngx_http_llm_base_t *base)
{
    if (base->slot == NGX_HTTP_LLM_MARKS) {
        return 1;
    }

    __atomic_thread_fence(__ATOMIC_ACQUIRE);

    return __atomic_load_n(&base->zone->arena->mark[base->slot].end,
                           __ATOMIC_RELAXED)
           == base->mark.end;
}


static void
ngx_http_llm_window_words(ngx_http_llm_base_t *base, uint32_t idx,
    uint64_t *word)
{
    uint32_t         i;
    const uint64_t  *now, *mark;

    now = base->zone->series[idx].word;

    for ( ;; ) {

        for (i = 0; i < NGX_HTTP_LLM_WORDS; i++) {
            word[i] = __atomic_load_n(&now[i], __ATOMIC_RELAXED);
        }

        if (base->slot == NGX_HTTP_LLM_MARKS) {
            return;
        }

        mark = ngx_http_llm_mark_word(base->zone, base->slot, idx);

        for (i = 0; i < NGX_HTTP_LLM_WORDS; i++) {
            word[i] -= __atomic_load_n(&mark[i], __ATOMIC_RELAXED);
        }

        if (ngx_http_llm_window_base_holds(base)) {
            return;
        }

        ngx_http_llm_window_base(base);
    }
}


/*
 * Columns lie all over the zone, and only the series knows where: all of
 * its lines are called for before the first is needed.
 */

static void
ngx_http_llm_window_list(const ngx_http_llm_base_t *base,
    const ngx_http_llm_series_t *s, uint32_t dist, ngx_http_llm_list_t *list)
{
    uint32_t         o, k, c, lines;
    const uint32_t  *mark;
    const uint64_t  *now;

    mark = NULL;

    for (o = 0; o < LLM_CELLS_OCTAVES; o++) {
        c = __atomic_load_n(&s->column[dist][o], __ATOMIC_RELAXED);

        if (c == 0 || ngx_http_llm_column_index(c) >= base->zone->columns_max)
        {
            continue;
        }

        list->octave[list->n] = o;
        list->column[list->n] = c;
        list->n++;

        lines = ngx_http_llm_column_lines(c);
        c = ngx_http_llm_column_index(c);

        now = base->zone->column[c].cell;

        if (base->slot < NGX_HTTP_LLM_MARKS) {
            mark = ngx_http_llm_mark_cell(base->zone, base->slot, c);
        }

        for ( /* void */ ; lines; lines &= lines - 1) {
            k = (uint32_t) __builtin_ctz(lines) * LLM_CELLS_LINE;

            __builtin_prefetch(&now[k]);

            if (mark) {
                __builtin_prefetch(&mark[k]);
            }
        }
    }
}


static void
ngx_http_llm_window_dist(ngx_http_llm_base_t *base,
    const ngx_http_llm_series_t *s, uint32_t dist, const uint64_t *word,
    const ngx_http_llm_list_t *list, ngx_http_llm_sum_dist_t *d)
{
    int                  i, first, last;
    uint32_t             k, o, c, lines;
    uint64_t             cell[LLM_CELLS_COLUMN], n;
    ngx_http_llm_part_t  part;

    part.under = word[NGX_HTTP_LLM_UNDER + dist];
    part.over = word[NGX_HTTP_LLM_OVER + dist];
    part.nocell = word[NGX_HTTP_LLM_NOCELL + dist];
    part.sum = word[NGX_HTTP_LLM_SUM + dist];
    part.count = part.under + part.over + part.nocell;

    first = LLM_CELLS_N;
    last = -1;

    for (k = 0; k < list->n; k++) {
        o = list->octave[k];
        c = ngx_http_llm_column_index(list->column[k]);
        lines = ngx_http_llm_column_lines(list->column[k]);

        n = ngx_http_llm_window_column(base, c, &lines, cell);

        if (n == 0) {
            continue;
        }

        part.count += n;
        ngx_http_llm_sum_cells(d, o, n, lines, cell);

        if (first == LLM_CELLS_N) {
            i = __builtin_ctz(lines) * LLM_CELLS_LINE;

            while (cell[i] == 0) {
                i++;
            }

            first = (int) o * LLM_CELLS_COLUMN + i;
        }

        i = (32 - __builtin_clz(lines)) * LLM_CELLS_LINE - 1;

        while (cell[i] == 0) {
            i--;
        }

        last = (int) o * LLM_CELLS_COLUMN + i;
    }

    if (part.count == 0) {
        return;
    }

    ngx_http_llm_window_range(base, s, dist, first, last, &part);
    ngx_http_llm_sum_part(d, &part);

    if (base->window == NGX_HTTP_LLM_WINDOW_ALL) {
        for (o = 0; o < LLM_BOUNDS_MAX; o++) {
            d->bound[o] += __atomic_load_n(&s->bound[dist][o],
                                           __ATOMIC_RELAXED);
        }
    }
}


/*
 * Cells of those lines of a column, and their sum; lines becomes those where
 * there is any.  Other cells are not written.
 */

static uint64_t
ngx_http_llm_window_column(ngx_http_llm_base_t *base, uint32_t column,
    uint32_t *lines, uint64_t *cell)
{
    uint32_t         there;
    uint64_t         n;
    const uint32_t  *mark;
    const uint64_t  *now;

    now = base->zone->column[column].cell;

    for ( ;; ) {

        if (base->slot == NGX_HTTP_LLM_MARKS) {
            return ngx_http_llm_window_lines(0, now, NULL, lines, cell);
        }

        mark = ngx_http_llm_mark_cell(base->zone, base->slot, column);
        there = *lines;
        n = ngx_http_llm_window_lines(1, now, mark, &there, cell);

        if (ngx_http_llm_window_base_holds(base)) {
            *lines = there;
            return n;
        }

        ngx_http_llm_window_base(base);
    }
}


/*
 * since: less what the mark holds, which is the low 32 bits; else there is
 * no mark.  since is a constant where this is called, and no test is left.
 */

static inline uint64_t
ngx_http_llm_window_lines(int since, const uint64_t *now,
    const uint32_t *mark, uint32_t *lines, uint64_t *cell)
{
    size_t    i, k;
    uint32_t  rest;
    uint64_t  n, c, before;

    n = 0;

    for (rest = *lines; rest; rest &= rest - 1) {
        i = (size_t) __builtin_ctz(rest) * LLM_CELLS_LINE;
        before = n;

#pragma GCC unroll 8
        for (k = 0; k < LLM_CELLS_LINE; k++) {

            if (since) {
                c = __atomic_load_n(&mark[i + k], __ATOMIC_RELAXED);
                c = (uint32_t) (__atomic_load_n(&now[i + k], __ATOMIC_RELAXED)
                                - c);

            } else {
                c = __atomic_load_n(&now[i + k], __ATOMIC_RELAXED);
            }

            cell[i + k] = c;
            n += c;
        }

        if (n == before) {
            *lines &= ~(rest & -rest);
        }
    }

    return n;
}


/*
 * min and max.  A cell is within what the series ever saw: whoever added to
 * it had moved those before, unless the processor shows it otherwise.
 */

static void
ngx_http_llm_window_range(const ngx_http_llm_base_t *base,
    const ngx_http_llm_series_t *s, uint32_t dist, int first, int last,
    ngx_http_llm_part_t *part)
{
    uint64_t  low, high, mean, least, most;

    __atomic_thread_fence(__ATOMIC_ACQUIRE);

    high = __atomic_load_n(&s->max[dist], __ATOMIC_RELAXED);
    low = ~__atomic_load_n(&s->imin[dist], __ATOMIC_RELAXED);
    low = llm_min(low, high);

    part->min = low;
    part->max = high;

    if (base->window == NGX_HTTP_LLM_WINDOW_ALL || part->nocell || last == -1)
    {
        return;
    }

    least = low;
    most = high;

    if (part->under == 0) {
        part->min = ngx_http_llm_sum_clamp(llm_cells_mid(first), low, high);
        least = ngx_http_llm_sum_clamp(llm_cells_bound(first - 1) + 1, low,
                                       high);
    }

    if (part->over == 0) {
        part->max = ngx_http_llm_sum_clamp(llm_cells_mid(last), low, high);
        most = ngx_http_llm_sum_clamp(llm_cells_bound(last), low, high);
    }

    mean = ngx_http_llm_sum_clamp(part->sum / part->count, least, most);

    part->min = llm_min(part->min, mean);
    part->max = llm_max(part->max, mean);
}
