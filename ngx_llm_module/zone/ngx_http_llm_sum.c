
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Sums of series: integers, so that series may be added up in any grouping,
 * and percentiles of the merged cells are those of all samples together.
 *
 * A sum is large and mostly empty: whoever walks its cells keeps to octaves
 * and lines that were touched.
 */


#include "ngx_http_llm_sum.h"


static void ngx_http_llm_sum_view(const ngx_http_llm_sum_dist_t *d,
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
    uint32_t                  i, k, o, have, lines;
    ngx_http_llm_sum_dist_t  *d;

    sum->from = UINT64_MAX;
    sum->to = 0;
    sum->series = 0;
    sum->window = NGX_HTTP_LLM_WINDOW_N;
    sum->rate = 0;
    memset(sum->counter, 0, sizeof(sum->counter));

    for (i = 0; i < LLM_DIST_N; i++) {
        d = &sum->dist[i];

        for (have = d->touched; have; have &= have - 1) {
            o = (uint32_t) __builtin_ctz(have);

            for (lines = d->lines[o]; lines; lines &= lines - 1) {
                k = (uint32_t) __builtin_ctz(lines);

                memset(d->cell + o * LLM_CELLS_COLUMN + k * LLM_CELLS_LINE, 0,
                       LLM_CELLS_LINE * sizeof(uint64_t));
            }

            d->lines[o] = 0;
            d->octave[o] = 0;
        }

        memset(d, 0, offsetof(ngx_http_llm_sum_dist_t, lines));

        d->min = UINT64_MAX;
    }
}


void
ngx_http_llm_sum_merge(ngx_http_llm_sum_t *sum,
    const ngx_http_llm_sum_t *other)
{
    uint32_t                        i, o, have;
    ngx_http_llm_part_t             part;
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

        if (from->count == 0) {
            continue;
        }

        part.count = from->count;
        part.sum = from->sum;
        part.min = from->min;
        part.max = from->max;
        part.under = from->under;
        part.over = from->over;
        part.nocell = from->nocell;

        ngx_http_llm_sum_part(d, &part);

        for (o = 0; o < LLM_BOUNDS_MAX; o++) {
            d->bound[o] += from->bound[o];
        }

        for (have = from->touched; have; have &= have - 1) {
            o = (uint32_t) __builtin_ctz(have);

            ngx_http_llm_sum_cells(d, o, from->octave[o], from->lines[o],
                                   from->cell + o * LLM_CELLS_COLUMN);
        }
    }
}


void
ngx_http_llm_sum_part(ngx_http_llm_sum_dist_t *d,
    const ngx_http_llm_part_t *part)
{
    d->count += part->count;
    d->sum += part->sum;
    d->under += part->under;
    d->over += part->over;
    d->nocell += part->nocell;
    d->min = llm_min(d->min, part->min);
    d->max = llm_max(d->max, part->max);
}


/* n samples of an octave, in those lines of it. */

void
ngx_http_llm_sum_cells(ngx_http_llm_sum_dist_t *d, uint32_t octave,
    uint64_t n, uint32_t lines, const uint64_t *restrict cell)
{
    size_t                    i, k;
    uint64_t        *restrict into;
    const uint64_t  *restrict from;

    d->touched |= 1u << octave;
    d->lines[octave] |= (uint8_t) lines;
    d->octave[octave] += n;

    for ( /* void */ ; lines; lines &= lines - 1) {
        i = (size_t) __builtin_ctz(lines) * LLM_CELLS_LINE;
        into = d->cell + octave * LLM_CELLS_COLUMN + i;
        from = cell + i;

#pragma GCC unroll 8
        for (k = 0; k < LLM_CELLS_LINE; k++) {
            into[k] += from[k];
        }
    }
}


static void
ngx_http_llm_sum_view(const ngx_http_llm_sum_dist_t *d, llm_cells_t *c)
{
    c->cell = d->cell;
    c->octave = d->octave;
    c->lines = d->lines;
    c->touched = d->touched;
    c->under = d->under;
    c->over = d->over;
    c->count = d->count - d->nocell;
    c->min = d->min;
    c->max = d->max;
}


void
ngx_http_llm_sum_percentiles(const ngx_http_llm_sum_t *sum, uint32_t dist,
    const uint32_t *permille, uint32_t n, uint64_t *ns)
{
    llm_cells_t  c;

    ngx_http_llm_sum_view(&sum->dist[dist], &c);
    llm_cells_percentiles(&c, permille, n, ns);
}


uint64_t
ngx_http_llm_sum_mean(const ngx_http_llm_sum_t *sum, uint32_t dist)
{
    const ngx_http_llm_sum_dist_t  *d;

    d = &sum->dist[dist];

    return d->count ? ngx_http_llm_sum_clamp(d->sum / d->count, d->min,
                                             d->max)
                    : 0;
}


void
ngx_http_llm_sum_rate_percentiles(const ngx_http_llm_sum_t *sum,
    const uint32_t *permille, uint32_t n, uint64_t *rate)
{
    uint32_t     i;
    llm_cells_t  c;

    ngx_http_llm_sum_view(&sum->dist[LLM_DIST_TPOT], &c);
    llm_cells_percentiles_low(&c, permille, n, rate);

    for (i = 0; i < n; i++) {
        rate[i] = rate[i] ? NGX_HTTP_LLM_RATE_ONE / rate[i] : 0;
    }
}


uint64_t
ngx_http_llm_sum_rate_mean(const ngx_http_llm_sum_t *sum)
{
    uint64_t  count;

    count = sum->dist[LLM_DIST_TPOT].count;

    return count ? sum->rate / count : 0;
}
