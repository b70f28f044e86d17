
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Reading.
 *
 * What a series holds in a window is what it holds now less what the
 * window's mark holds, word by word and cell by cell.  Sums of integers:
 * series may be added up in any grouping, and percentiles of the merged
 * cells are those of all samples together.
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


static void ngx_http_llm_sum_base(ngx_http_llm_base_t *base);
static int ngx_http_llm_sum_base_holds(const ngx_http_llm_base_t *base);
static void ngx_http_llm_sum_words(ngx_http_llm_base_t *base,
    const ngx_http_llm_series_t *s, uint64_t *word);
static void ngx_http_llm_sum_dist(ngx_http_llm_base_t *base,
    const ngx_http_llm_series_t *s, uint32_t dist, const uint64_t *word,
    ngx_http_llm_sum_dist_t *d);
static uint64_t ngx_http_llm_sum_column(ngx_http_llm_base_t *base,
    const ngx_http_llm_column_t *c, uint64_t *cell);
static void ngx_http_llm_sum_range(const ngx_http_llm_base_t *base,
    const ngx_http_llm_series_t *s, uint32_t dist, int first, int last,
    ngx_http_llm_sum_dist_t *part);
static void ngx_http_llm_sum_merge_dist(ngx_http_llm_sum_dist_t *d,
    const ngx_http_llm_sum_dist_t *part);
static void ngx_http_llm_sum_cells(const ngx_http_llm_sum_dist_t *d,
    llm_cells_t *c);


void
ngx_http_llm_sum_init(ngx_http_llm_sum_t *sum)
{
    memset(sum, 0, sizeof(ngx_http_llm_sum_t));
    ngx_http_llm_sum_reset(sum);
}


void
ngx_http_llm_sum_reset(ngx_http_llm_sum_t *sum)
{
    uint32_t                  i, o;
    ngx_http_llm_sum_dist_t  *d;

    sum->from = UINT64_MAX;
    sum->to = 0;
    sum->series = 0;
    sum->window = NGX_HTTP_LLM_WINDOW_N;
    sum->rate = 0;
    memset(sum->counter, 0, sizeof(sum->counter));

    for (i = 0; i < LLM_DIST_N; i++) {
        d = &sum->dist[i];

        for (o = 0; o < LLM_CELLS_OCTAVES; o++) {
            if (d->touched & (1u << o)) {
                memset(d->cell + o * LLM_CELLS_COLUMN, 0,
                       LLM_CELLS_COLUMN * sizeof(uint64_t));
            }
        }

        memset(d, 0, offsetof(ngx_http_llm_sum_dist_t, cell));

        d->min = UINT64_MAX;
        d->low = UINT64_MAX;
    }
}


void
ngx_http_llm_sum_add(const ngx_http_llm_zone_t *zone, uint32_t idx,
    uint32_t window, uint64_t now, ngx_http_llm_sum_t *sum)
{
    uint32_t                      i;
    uint64_t                      word[NGX_HTTP_LLM_WORDS];
    ngx_http_llm_base_t           base;
    const ngx_http_llm_series_t  *s;

    if (idx >= zone->series_max || window >= NGX_HTTP_LLM_WINDOW_N) {
        return;
    }

    base.zone = zone;
    base.window = window;
    base.now = now;

    ngx_http_llm_sum_base(&base);

    sum->window = window;
    sum->from = llm_min(sum->from, base.mark.begin);
    sum->to = llm_max(sum->to, now);
    sum->series++;

    s = &zone->series[idx];

    ngx_http_llm_sum_words(&base, s, word);

    word[NGX_HTTP_LLM_CALLS_TOTAL] = 0;

    for (i = 0; i < LLM_OUTCOME_N; i++) {
        word[NGX_HTTP_LLM_CALLS_TOTAL] += word[ngx_http_llm_calls(i)];
    }

    for (i = 0; i < NGX_HTTP_LLM_COUNTERS_N; i++) {
        sum->counter[i] += word[i];
    }

    sum->rate += word[NGX_HTTP_LLM_RATE];

    for (i = 0; i < LLM_DIST_N; i++) {
        ngx_http_llm_sum_dist(&base, s, i, word, &sum->dist[i]);
    }
}


static void
ngx_http_llm_sum_base(ngx_http_llm_base_t *base)
{
    base->slot = ngx_http_llm_marks_find(base->zone, base->window, base->now,
                                         &base->mark);
}


/* Whether what was read of the mark was all of it. */

static int
ngx_http_llm_sum_base_holds(const ngx_http_llm_base_t *base)
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
ngx_http_llm_sum_words(ngx_http_llm_base_t *base,
    const ngx_http_llm_series_t *s, uint64_t *word)
{
    uint32_t  i;
    uint64_t  n;

    for ( ;; ) {

        for (i = 0; i < NGX_HTTP_LLM_WORDS; i++) {
            n = 0;

            if (base->slot < NGX_HTTP_LLM_MARKS) {
                n = __atomic_load_n(&s->mark[base->slot][i],
                                    __ATOMIC_RELAXED);
            }

            word[i] = __atomic_load_n(&s->word[i], __ATOMIC_RELAXED) - n;
        }

        if (ngx_http_llm_sum_base_holds(base)) {
            return;
        }

        ngx_http_llm_sum_base(base);
    }
}


static void
ngx_http_llm_sum_dist(ngx_http_llm_base_t *base,
    const ngx_http_llm_series_t *s, uint32_t dist, const uint64_t *word,
    ngx_http_llm_sum_dist_t *d)
{
    int                       i, first, last;
    uint32_t                  o, c;
    uint64_t                  cell[LLM_CELLS_COLUMN], n, *into;
    ngx_http_llm_sum_dist_t   room, *part;

    /* its cells are not used: they go to the sum at once */

    part = &room;
    memset(part, 0, offsetof(ngx_http_llm_sum_dist_t, cell));

    part->under = word[NGX_HTTP_LLM_UNDER + dist];
    part->over = word[NGX_HTTP_LLM_OVER + dist];
    part->nocell = word[NGX_HTTP_LLM_NOCELL + dist];
    part->sum = word[NGX_HTTP_LLM_SUM + dist];
    part->count = part->under + part->over + part->nocell;

    first = LLM_CELLS_N;
    last = -1;

    for (o = 0; o < LLM_CELLS_OCTAVES; o++) {

        c = __atomic_load_n(&s->column[dist][o], __ATOMIC_RELAXED) - 1;

        if (c >= base->zone->columns_max) {
            continue;
        }

        n = ngx_http_llm_sum_column(base, &base->zone->column[c], cell);

        if (n == 0) {
            continue;
        }

        part->count += n;
        d->touched |= 1u << o;
        into = d->cell + o * LLM_CELLS_COLUMN;

        for (i = 0; i < LLM_CELLS_COLUMN; i++) {

            if (cell[i] == 0) {
                continue;
            }

            into[i] += cell[i];

            last = (int) o * LLM_CELLS_COLUMN + i;
            first = llm_min(first, last);
        }
    }

    if (base->window == NGX_HTTP_LLM_WINDOW_ALL) {
        for (o = 0; o < LLM_BOUNDS_MAX; o++) {
            part->bound[o] = __atomic_load_n(&s->bound[dist][o],
                                             __ATOMIC_RELAXED);
        }
    }

    ngx_http_llm_sum_range(base, s, dist, first, last, part);
    ngx_http_llm_sum_merge_dist(d, part);
}


static uint64_t
ngx_http_llm_sum_column(ngx_http_llm_base_t *base,
    const ngx_http_llm_column_t *c, uint64_t *cell)
{
    uint32_t  i, mark;
    uint64_t  n;

    for ( ;; ) {
        n = 0;

        for (i = 0; i < LLM_CELLS_COLUMN; i++) {

            if (base->slot == NGX_HTTP_LLM_MARKS) {
                cell[i] = __atomic_load_n(&c->cell[i], __ATOMIC_RELAXED);

            } else {
                mark = __atomic_load_n(&c->mark[base->slot][i],
                                       __ATOMIC_RELAXED);
                cell[i] = (uint32_t)
                          (__atomic_load_n(&c->cell[i], __ATOMIC_RELAXED)
                           - mark);
            }

            n += cell[i];
        }

        if (ngx_http_llm_sum_base_holds(base)) {
            return n;
        }

        ngx_http_llm_sum_base(base);
    }
}


/* min and max of a window, and those of the series since its start. */

static void
ngx_http_llm_sum_range(const ngx_http_llm_base_t *base,
    const ngx_http_llm_series_t *s, uint32_t dist, int first, int last,
    ngx_http_llm_sum_dist_t *part)
{
    uint64_t  low, high;

    if (part->count == 0) {
        part->min = UINT64_MAX;
        part->low = UINT64_MAX;
        return;
    }

    low = ~__atomic_load_n(&s->imin[dist], __ATOMIC_RELAXED);
    high = __atomic_load_n(&s->max[dist], __ATOMIC_RELAXED);

    part->low = low;
    part->high = high;
    part->min = low;
    part->max = high;

    if (base->window == NGX_HTTP_LLM_WINDOW_ALL || last == -1) {
        return;
    }

    if (part->under == 0) {
        part->min = llm_max(llm_cells_mid(first), low);
    }

    if (part->over == 0) {
        part->max = llm_min(llm_cells_mid(last), high);
    }
}


void
ngx_http_llm_sum_merge(ngx_http_llm_sum_t *sum,
    const ngx_http_llm_sum_t *other)
{
    uint32_t                        i, o, k;
    ngx_http_llm_sum_dist_t        *d;
    const ngx_http_llm_sum_dist_t  *from;

    if (other->series == 0) {
        return;
    }

    sum->window = other->window;
    sum->from = llm_min(sum->from, other->from);
    sum->to = llm_max(sum->to, other->to);
    sum->series += other->series;
    sum->rate += other->rate;

    for (i = 0; i < NGX_HTTP_LLM_COUNTERS_N; i++) {
        sum->counter[i] += other->counter[i];
    }

    for (i = 0; i < LLM_DIST_N; i++) {
        d = &sum->dist[i];
        from = &other->dist[i];

        ngx_http_llm_sum_merge_dist(d, from);

        for (o = 0; o < LLM_CELLS_OCTAVES; o++) {

            if ((from->touched & (1u << o)) == 0) {
                continue;
            }

            for (k = o * LLM_CELLS_COLUMN; k < (o + 1) * LLM_CELLS_COLUMN; k++)
            {
                d->cell[k] += from->cell[k];
            }
        }
    }
}


/* All but the cells. */

static void
ngx_http_llm_sum_merge_dist(ngx_http_llm_sum_dist_t *d,
    const ngx_http_llm_sum_dist_t *part)
{
    uint32_t  i;

    d->count += part->count;
    d->sum += part->sum;
    d->under += part->under;
    d->over += part->over;
    d->nocell += part->nocell;
    d->min = llm_min(d->min, part->min);
    d->max = llm_max(d->max, part->max);
    d->low = llm_min(d->low, part->low);
    d->high = llm_max(d->high, part->high);
    d->touched |= part->touched;

    for (i = 0; i < LLM_BOUNDS_MAX; i++) {
        d->bound[i] += part->bound[i];
    }
}


static void
ngx_http_llm_sum_cells(const ngx_http_llm_sum_dist_t *d, llm_cells_t *c)
{
    c->cell = d->cell;
    c->touched = d->touched;
    c->under = d->under;
    c->over = d->over;
    c->count = d->count - d->nocell;
    c->min = d->min;
    c->max = d->max;
}


uint64_t
ngx_http_llm_sum_percentile(const ngx_http_llm_sum_t *sum, uint32_t dist,
    uint32_t permille)
{
    llm_cells_t  c;

    ngx_http_llm_sum_cells(&sum->dist[dist], &c);

    return llm_cells_percentile(&c, permille);
}


uint64_t
ngx_http_llm_sum_mean(const ngx_http_llm_sum_t *sum, uint32_t dist)
{
    const ngx_http_llm_sum_dist_t  *d;

    d = &sum->dist[dist];

    return d->count ? d->sum / d->count : 0;
}


uint64_t
ngx_http_llm_sum_rate_percentile(const ngx_http_llm_sum_t *sum,
    uint32_t permille)
{
    uint64_t     ns;
    llm_cells_t  c;

    ngx_http_llm_sum_cells(&sum->dist[LLM_DIST_TPOT], &c);

    ns = llm_cells_percentile_low(&c, permille);

    return ns ? NGX_HTTP_LLM_RATE_ONE / ns : 0;
}


uint64_t
ngx_http_llm_sum_rate_mean(const ngx_http_llm_sum_t *sum)
{
    uint64_t  count;

    count = sum->dist[LLM_DIST_TPOT].count;

    return count ? sum->rate / count : 0;
}
