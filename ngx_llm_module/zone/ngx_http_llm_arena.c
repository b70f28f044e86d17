
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The arena.
 *
 * One piece of zeroed memory, divided once:
 *
 *     header | ids | series | chunks of rows in flight | columns of cells
 *            | words of series, mark by mark | cells, mark by mark
 *
 * A reader wants one mark of all series and a marker writes one, so what a
 * mark holds lies together and not with what it is a copy of: else each row
 * would be on a page of its own.
 *
 * It holds no pointer, so that it may be mapped anywhere, and no lock.
 * Nothing in it is freed while it serves but rows in flight.  All that
 * processes write at the same time they write by one atomic instruction;
 * all that one process alone may write is owned by a word that names it
 * (ngx_http_llm_owner.h).  Zero is a valid fresh state of everything, so
 * there is nothing half made to repair: this is what lets a process be
 * killed between any two instructions.
 *
 * A reload inherits the arena while processes of the old configuration go
 * on writing to it, and a configuration that is only tested may look at it
 * too: attaching reads, checks and changes nothing.  What the header says
 * is believed only if dividing the same size anew gives the same.
 *
 * The partition plans NGX_HTTP_LLM_COLUMNS_EACH columns a series, half of
 * what a series has that is busy in every way (7 octaves of 6 kinds), as
 * most series are not; 1/64 goes to rows in flight (a row for each KB of
 * the zone), more in the smallest zones; what is left over at the end becomes
 * columns.
 */


#include "ngx_http_llm_arena.h"
#include "ngx_http_llm_label.h"


#define NGX_HTTP_LLM_MAGIC       0x656e6f7a6d6c6cull        /* "llmzone" */

#define NGX_HTTP_LLM_CHUNKS_MIN  32

#define ngx_http_llm_line(n)     (((n) + 63) & ~(uint64_t) 63)


_Static_assert(sizeof(ngx_http_llm_series_t) % 8 == 0, "series");
_Static_assert(sizeof(ngx_http_llm_column_t) % 64 == 0, "column");
_Static_assert(sizeof(ngx_http_llm_cells_t) % 64 == 0, "cells");
_Static_assert(LLM_CELLS_LINES == 8, "lines");
_Static_assert(offsetof(ngx_http_llm_arena_t, columns) % 64 == 0, "header");
_Static_assert(__atomic_always_lock_free(8, 0), "64-bit atomics");
_Static_assert((int) NGX_HTTP_LLM_ATTEMPTS - NGX_HTTP_LLM_CALLS_OK
               > LLM_OUTCOME_N, "outcomes");
_Static_assert(NGX_HTTP_LLM_FINISH_STOP - NGX_HTTP_LLM_ERROR_RATE_LIMIT
               == LLM_ERROR_N - 1, "errors");
_Static_assert(NGX_HTTP_LLM_TOKENS_INPUT - NGX_HTTP_LLM_FINISH_STOP
               == LLM_FINISH_N - 1, "finish");


static int ngx_http_llm_arena_plan(ngx_http_llm_arena_t *a, size_t size);
static const char *ngx_http_llm_arena_check_series(
    const ngx_http_llm_zone_t *zone, const ngx_http_llm_series_t *s);
static void ngx_http_llm_arena_view(ngx_http_llm_zone_t *zone,
    ngx_http_llm_arena_t *a);


#define NGX_HTTP_LLM_NAME(symbol, group, key)  { group, key },

const ngx_http_llm_counter_t
    ngx_http_llm_counters[NGX_HTTP_LLM_COUNTERS_N] =
{
    NGX_HTTP_LLM_COUNTERS(NGX_HTTP_LLM_NAME)
};

const ngx_http_llm_counter_t
    ngx_http_llm_zone_counters[NGX_HTTP_LLM_ZONE_COUNTERS_N] =
{
    NGX_HTTP_LLM_ZONE_COUNTERS(NGX_HTTP_LLM_NAME)
};


int
ngx_http_llm_arena_format(ngx_http_llm_zone_t *zone, void *p, size_t size,
    uint64_t mono, uint64_t wall, const void *secret)
{
    ngx_http_llm_arena_t   *a;
    ngx_http_llm_labels_t   labels;

    a = p;

    if (ngx_http_llm_arena_plan(a, size) != NGX_HTTP_LLM_ARENA_OK) {
        return NGX_HTTP_LLM_ARENA_SMALL;
    }

    a->created_mono = mono;
    a->created_wall = wall;
    memcpy(a->secret, secret, sizeof(a->secret));

    ngx_http_llm_arena_view(zone, a);

    memset(&labels, 0, sizeof(ngx_http_llm_labels_t));
    labels.operation = LLM_OP_OTHER;

    ngx_http_llm_label_text(&zone->series[0].text, &labels);
    zone->series[0].filled = 1;
    zone->id[0] = ngx_http_llm_label_id(a->secret, &zone->series[0].text);

    __atomic_store_n(&a->magic, NGX_HTTP_LLM_MAGIC, __ATOMIC_RELEASE);

    return NGX_HTTP_LLM_ARENA_OK;
}


int
ngx_http_llm_arena_attach(ngx_http_llm_zone_t *zone, void *p, size_t size)
{
    ngx_http_llm_arena_t  *a, plan;

    a = p;

    if (size < NGX_HTTP_LLM_ARENA_MIN
        || __atomic_load_n(&a->magic, __ATOMIC_ACQUIRE) != NGX_HTTP_LLM_MAGIC)
    {
        return NGX_HTTP_LLM_ARENA_FOREIGN;
    }

    memset(&plan, 0, sizeof(ngx_http_llm_arena_t));

    if (ngx_http_llm_arena_plan(&plan, size) != NGX_HTTP_LLM_ARENA_OK) {
        return NGX_HTTP_LLM_ARENA_FOREIGN;
    }

    if (a->layout != plan.layout || a->shape != plan.shape) {
        return NGX_HTTP_LLM_ARENA_LAYOUT;
    }

    if (a->size != plan.size
        || a->series_max != plan.series_max
        || a->columns_max != plan.columns_max
        || a->chunks_max != plan.chunks_max
        || a->ids_at != plan.ids_at
        || a->series_at != plan.series_at
        || a->chunks_at != plan.chunks_at
        || a->columns_at != plan.columns_at
        || a->mark_words_at != plan.mark_words_at
        || a->mark_cells_at != plan.mark_cells_at)
    {
        return NGX_HTTP_LLM_ARENA_FOREIGN;
    }

    ngx_http_llm_arena_view(zone, a);

    return NGX_HTTP_LLM_ARENA_OK;
}


const char *
ngx_http_llm_arena_check(const ngx_http_llm_zone_t *zone, uint64_t mono)
{
    uint32_t                     i;
    const char                  *what;
    const ngx_http_llm_mark_t   *mark;
    const ngx_http_llm_arena_t  *a;
    const ngx_http_llm_chunk_t  *c;

    a = zone->arena;

    if (a->created_mono > mono || a->base > NGX_HTTP_LLM_MARKS) {
        return "has a wrong header";
    }

    for (i = 0; i < NGX_HTTP_LLM_MARKS; i++) {
        mark = &a->mark[i];

        if (mark->end > mono || (mark->end && mark->begin > mark->end)) {
            return "has a mark of the future";
        }
    }

    for (i = 0; i < zone->chunks_max; i++) {
        c = &zone->chunk[i];

        if (c->owner > NGX_HTTP_LLM_SLOTS || c->next > zone->chunks_max) {
            return "has rows that lead nowhere";
        }
    }

    for (i = 0; i < zone->series_max; i++) {
        what = ngx_http_llm_arena_check_series(zone, &zone->series[i]);

        if (what) {
            return what;
        }
    }

    return zone->id[0] && zone->series[0].filled ? NULL
                                                  : "has no first series";
}


static const char *
ngx_http_llm_arena_check_series(const ngx_http_llm_zone_t *zone,
    const ngx_http_llm_series_t *s)
{
    uint32_t                          i, d, c;
    const ngx_http_llm_label_text_t  *text;

    text = &s->text;

    if (s->filled > 1 || text->operation >= LLM_OP_N
        || text->nown > NGX_HTTP_LLM_LABELS
        || text->provider_len > NGX_HTTP_LLM_PROVIDER_LEN
        || text->model_len > NGX_HTTP_LLM_MODEL_LEN
        || text->route_len > NGX_HTTP_LLM_ROUTE_LEN)
    {
        return "has a series with wrong labels";
    }

    for (i = 0; i < NGX_HTTP_LLM_LABELS; i++) {
        if (text->name_len[i] > NGX_HTTP_LLM_NAME_LEN
            || text->value_len[i] > NGX_HTTP_LLM_VALUE_LEN)
        {
            return "has a series with wrong labels";
        }
    }

    for (d = 0; d < LLM_DIST_N; d++) {
        for (i = 0; i < LLM_CELLS_OCTAVES; i++) {
            c = s->column[d][i];

            if (c && ngx_http_llm_column_index(c) >= zone->columns_max) {
                return "has a series with a wrong column";
            }
        }
    }

    return NULL;
}


static int
ngx_http_llm_arena_plan(ngx_http_llm_arena_t *a, size_t size)
{
    uint64_t  at, series_each, column_each, chunks, series, columns;

    if (size < NGX_HTTP_LLM_ARENA_MIN) {
        return NGX_HTTP_LLM_ARENA_SMALL;
    }

    chunks = llm_max(size / 64 / sizeof(ngx_http_llm_chunk_t),
                     NGX_HTTP_LLM_CHUNKS_MIN);
    chunks = llm_min(chunks, 1u << 24);

    series_each = sizeof(uint64_t) + sizeof(ngx_http_llm_series_t)
                  + NGX_HTTP_LLM_MARKS * sizeof(ngx_http_llm_words_t);

    column_each = sizeof(ngx_http_llm_column_t)
                  + NGX_HTTP_LLM_MARKS * sizeof(ngx_http_llm_cells_t);

    /* 6 lines: what rounding may cost */

    at = ngx_http_llm_line(sizeof(ngx_http_llm_arena_t)) + 6 * 64
         + chunks * sizeof(ngx_http_llm_chunk_t);

    series = (size - at) / (series_each
                            + NGX_HTTP_LLM_COLUMNS_EACH * column_each);
    series = llm_min(series, 1u << 24);

    columns = (size - at - series * series_each) / column_each;
    columns = llm_min(columns, NGX_HTTP_LLM_COLUMNS_MAX);

    a->ids_at = ngx_http_llm_line(sizeof(ngx_http_llm_arena_t));
    a->series_at = ngx_http_llm_line(a->ids_at + series * sizeof(uint64_t));
    a->chunks_at = ngx_http_llm_line(a->series_at
                                   + series * sizeof(ngx_http_llm_series_t));
    a->columns_at = ngx_http_llm_line(a->chunks_at
                                    + chunks * sizeof(ngx_http_llm_chunk_t));
    a->mark_words_at = a->columns_at
                       + columns * sizeof(ngx_http_llm_column_t);
    a->mark_cells_at = ngx_http_llm_line(a->mark_words_at
                                         + NGX_HTTP_LLM_MARKS * series
                                           * sizeof(ngx_http_llm_words_t));

    a->layout = NGX_HTTP_LLM_LAYOUT;
    a->shape = ngx_http_llm_arena_shape();
    a->size = size;
    a->series_max = (uint32_t) series;
    a->columns_max = (uint32_t) columns;
    a->chunks_max = (uint32_t) chunks;

    return NGX_HTTP_LLM_ARENA_OK;
}


/* FNV-1a over every size that another build could have otherwise. */

uint32_t
ngx_http_llm_arena_shape(void)
{
    uint32_t  h, i;

    static const uint32_t  sizes[] = {
        sizeof(ngx_http_llm_arena_t), sizeof(ngx_http_llm_series_t),
        sizeof(ngx_http_llm_column_t), sizeof(ngx_http_llm_chunk_t),
        sizeof(ngx_http_llm_words_t), sizeof(ngx_http_llm_cells_t),
        sizeof(ngx_http_llm_label_text_t), NGX_HTTP_LLM_COUNTERS_N,
        NGX_HTTP_LLM_ZONE_COUNTERS_N, NGX_HTTP_LLM_WORDS, LLM_DIST_N,
        NGX_HTTP_LLM_MARKS, NGX_HTTP_LLM_SLOTS, NGX_HTTP_LLM_ROWS,
        NGX_HTTP_LLM_LABELS, LLM_CELLS_N, LLM_BOUNDS_MAX, LLM_OP_N,
        offsetof(ngx_http_llm_series_t, text),
        offsetof(ngx_http_llm_arena_t, slot),
        sizeof(ngx_http_llm_quota_t), NGX_HTTP_LLM_QUOTAS,
        offsetof(ngx_http_llm_arena_t, quota),
        sizeof(ngx_http_llm_slo_place_t), NGX_HTTP_LLM_SLOS,
        offsetof(ngx_http_llm_arena_t, slo)
    };

    h = 2166136261u;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        h = (h ^ sizes[i]) * 16777619u;
    }

    return h;
}


static void
ngx_http_llm_arena_view(ngx_http_llm_zone_t *zone, ngx_http_llm_arena_t *a)
{
    uint8_t  *p;

    p = (uint8_t *) a;

    zone->arena = a;
    zone->id = (uint64_t *) (p + a->ids_at);
    zone->series = (ngx_http_llm_series_t *) (p + a->series_at);
    zone->chunk = (ngx_http_llm_chunk_t *) (p + a->chunks_at);
    zone->column = (ngx_http_llm_column_t *) (p + a->columns_at);
    zone->mark_words = (ngx_http_llm_words_t *) (p + a->mark_words_at);
    zone->mark_cells = (ngx_http_llm_cells_t *) (p + a->mark_cells_at);

    zone->series_max = a->series_max;
    zone->columns_max = a->columns_max;
    zone->chunks_max = a->chunks_max;

    zone->spare = 0;
    zone->self = 0;
    zone->marking = 0;

    memset(&zone->rows, 0, sizeof(ngx_http_llm_rows_t));

    zone->rows.slots = a->slot;
    zone->rows.high = &a->chunks_high;
    zone->rows.chunks = p + a->chunks_at;
    zone->rows.chunks_max = a->chunks_max;
    zone->rows.row_size = sizeof(ngx_http_llm_row_t);
}


uint32_t
ngx_http_llm_arena_used(const ngx_http_llm_zone_t *zone)
{
    uint32_t  i, n;

    n = 0;

    for (i = 0; i < zone->series_max; i++) {
        n += (__atomic_load_n(&zone->id[i], __ATOMIC_RELAXED) != 0);
    }

    return n;
}


void
ngx_http_llm_zone_count(ngx_http_llm_zone_t *zone, uint32_t counter,
    uint64_t n)
{
    if (counter < NGX_HTTP_LLM_ZONE_COUNTERS_N) {
        (void) __atomic_fetch_add(&zone->arena->counter[counter], n,
                                  __ATOMIC_RELAXED);
    }
}


uint64_t
ngx_http_llm_zone_counted(const ngx_http_llm_zone_t *zone, uint32_t counter)
{
    if (counter >= NGX_HTTP_LLM_ZONE_COUNTERS_N) {
        return 0;
    }

    return __atomic_load_n(&zone->arena->counter[counter], __ATOMIC_RELAXED);
}
