
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Series.
 *
 * A series is its id: a word in a table of ids, taken by one compare and
 * swap from 0, and never given back.  A record that was never used is all
 * zeros and ready to be counted in, so there is no moment between free and
 * taken.  Its text is written after that by whoever finds it missing;
 * several that do so write the same bytes, and the flag that lets readers
 * in comes last.
 *
 * Since nothing is freed, the first free place of a probe is the same for
 * everybody, and two processes cannot make two series of one id; and a part
 * of the table that was full stays full, so an id is looked for part by
 * part in the order in which it would have been put there.  The parts:
 *
 *     3/4     every name
 *     3/16    models of the price list, when the first part is full
 *     1/16    base series (model "other", no own labels), when both are
 *
 * so that invented names cannot keep the known out, nor known ones the
 * series that everything else is folded into.
 *
 * A sample is some relaxed atomic instructions, in this order: max and min
 * if they move, the sum, its histogram bound, the bit of its cell's line if
 * it is the first there, its cell.  Killed between two of them, a process
 * leaves a sample that is in the first and not in the rest; the number of
 * samples is what the cells say.  A bit without a sample costs readers a
 * look; a sample without its bit would never be seen, so the bit is first.
 *
 * A column of cells is taken from the pool by one atomic add and put into
 * the series, with the first bit, by one compare and swap.  A process that
 * comes second keeps its column for its next need.  One that is killed in
 * between loses that one column.
 */


#include "ngx_http_llm_series.h"


#define NGX_HTTP_LLM_NONE      UINT32_MAX   /* not there, and no room */
#define NGX_HTTP_LLM_PROBES    512          /* 64 cache lines */


typedef enum {
    NGX_HTTP_LLM_ROOM_NONE = 0,
    NGX_HTTP_LLM_ROOM_ANY,
    NGX_HTTP_LLM_ROOM_KNOWN,
    NGX_HTTP_LLM_ROOM_BASE
} ngx_http_llm_room_e;


static uint32_t ngx_http_llm_series_take(ngx_http_llm_zone_t *zone,
    const ngx_http_llm_label_text_t *text, ngx_http_llm_room_e room);
static uint32_t ngx_http_llm_series_look(const ngx_http_llm_zone_t *zone,
    uint64_t id, ngx_http_llm_room_e room);
static uint32_t ngx_http_llm_series_probe(uint64_t *ids, uint32_t n,
    uint64_t id, int claim, int *full);
static int ngx_http_llm_series_is_base(const ngx_http_llm_label_text_t *text);
static uint32_t ngx_http_llm_series_column(ngx_http_llm_zone_t *zone,
    uint32_t *column, uint32_t bit);
static uint32_t ngx_http_llm_series_spare(ngx_http_llm_zone_t *zone);


uint32_t
ngx_http_llm_series_claim(ngx_http_llm_zone_t *zone,
    const ngx_http_llm_labels_t *labels, int known)
{
    uint32_t                   idx;
    ngx_http_llm_room_e        room;
    ngx_http_llm_label_text_t  text;

    ngx_http_llm_label_text(&text, labels);

    if (ngx_http_llm_series_is_base(&text)) {
        room = NGX_HTTP_LLM_ROOM_BASE;

    } else {
        room = known ? NGX_HTTP_LLM_ROOM_KNOWN : NGX_HTTP_LLM_ROOM_ANY;
    }

    idx = ngx_http_llm_series_take(zone, &text, room);

    if (idx != NGX_HTTP_LLM_NONE) {
        return idx;
    }

    ngx_http_llm_zone_count(zone, NGX_HTTP_LLM_SERIES_FOLDED, 1);

    if (room == NGX_HTTP_LLM_ROOM_BASE) {
        return NGX_HTTP_LLM_SERIES_GLOBAL;
    }

    return ngx_http_llm_series_base(zone, labels->provider, labels->route,
                                    labels->operation);
}


uint32_t
ngx_http_llm_series_base(ngx_http_llm_zone_t *zone, llm_str_t provider,
    llm_str_t route, llm_operation_e operation)
{
    uint32_t                   idx;
    ngx_http_llm_labels_t      base;
    ngx_http_llm_label_text_t  text;

    base.provider = provider;
    base.model.data = NULL;
    base.model.len = 0;
    base.route = route;
    base.operation = operation;
    base.nown = 0;

    ngx_http_llm_label_text(&text, &base);

    idx = ngx_http_llm_series_take(zone, &text, NGX_HTTP_LLM_ROOM_BASE);

    return idx == NGX_HTTP_LLM_NONE ? NGX_HTTP_LLM_SERIES_GLOBAL : idx;
}


uint32_t
ngx_http_llm_series_find(const ngx_http_llm_zone_t *zone,
    const ngx_http_llm_labels_t *labels)
{
    uint32_t                   idx;
    ngx_http_llm_label_text_t  text;

    ngx_http_llm_label_text(&text, labels);

    idx = ngx_http_llm_series_look(zone,
                          ngx_http_llm_label_id(zone->arena->secret, &text),
                          NGX_HTTP_LLM_ROOM_NONE);

    return idx == NGX_HTTP_LLM_NONE ? zone->series_max : idx;
}


static uint32_t
ngx_http_llm_series_take(ngx_http_llm_zone_t *zone,
    const ngx_http_llm_label_text_t *text, ngx_http_llm_room_e room)
{
    uint32_t                idx;
    uint64_t                id;
    ngx_http_llm_series_t  *s;

    id = ngx_http_llm_label_id(zone->arena->secret, text);

    idx = ngx_http_llm_series_look(zone, id, room);

    if (idx == NGX_HTTP_LLM_NONE) {
        return NGX_HTTP_LLM_NONE;
    }

    s = &zone->series[idx];

    if (llm_unlikely(__atomic_load_n(&s->filled, __ATOMIC_ACQUIRE) == 0)) {
        memcpy(&s->text, text, sizeof(ngx_http_llm_label_text_t));
        __atomic_store_n(&s->filled, 1, __ATOMIC_RELEASE);
    }

    return idx;
}


static uint32_t
ngx_http_llm_series_look(const ngx_http_llm_zone_t *zone, uint64_t id,
    ngx_http_llm_room_e room)
{
    int       full;
    uint32_t  i, k, n, end[NGX_HTTP_LLM_ROOM_BASE + 1];

    if (id == zone->id[NGX_HTTP_LLM_SERIES_GLOBAL]) {
        return NGX_HTTP_LLM_SERIES_GLOBAL;
    }

    n = zone->series_max - 1;

    end[NGX_HTTP_LLM_ROOM_NONE] = 1;
    end[NGX_HTTP_LLM_ROOM_ANY] = 1 + (uint32_t) ((uint64_t) n * 3 / 4);
    end[NGX_HTTP_LLM_ROOM_KNOWN] = 1 + n - n / 16;
    end[NGX_HTTP_LLM_ROOM_BASE] = 1 + n;

    for (i = NGX_HTTP_LLM_ROOM_ANY; i <= NGX_HTTP_LLM_ROOM_BASE; i++) {

        k = ngx_http_llm_series_probe(zone->id + end[i - 1],
                                      end[i] - end[i - 1], id, i <= room,
                                      &full);

        if (k != NGX_HTTP_LLM_NONE) {
            return end[i - 1] + k;
        }

        if (!full) {
            break;
        }
    }

    return NGX_HTTP_LLM_NONE;
}


static uint32_t
ngx_http_llm_series_probe(uint64_t *ids, uint32_t n, uint64_t id, int claim,
    int *full)
{
    uint32_t  i, k;
    uint64_t  there;

    *full = 1;

    if (n == 0) {
        return NGX_HTTP_LLM_NONE;
    }

    i = (uint32_t) (id % n);

    for (k = 0; k < n && k < NGX_HTTP_LLM_PROBES; k++) {

        there = __atomic_load_n(&ids[i], __ATOMIC_RELAXED);

        if (there == 0) {

            if (!claim) {
                *full = 0;
                return NGX_HTTP_LLM_NONE;
            }

            if (__atomic_compare_exchange_n(&ids[i], &there, id, 0,
                                            __ATOMIC_RELAXED,
                                            __ATOMIC_RELAXED))
            {
                return i;
            }
        }

        if (there == id) {
            return i;
        }

        if (++i == n) {
            i = 0;
        }
    }

    return NGX_HTTP_LLM_NONE;
}


static int
ngx_http_llm_series_is_base(const ngx_http_llm_label_text_t *text)
{
    return text->nown == 0 && text->model_len == 5
           && memcmp(text->model, "other", 5) == 0;
}


int
ngx_http_llm_series_labels(const ngx_http_llm_zone_t *zone, uint32_t idx,
    ngx_http_llm_labels_t *labels)
{
    const ngx_http_llm_series_t  *s;

    if (idx >= zone->series_max
        || __atomic_load_n(&zone->id[idx], __ATOMIC_RELAXED) == 0)
    {
        return 0;
    }

    s = &zone->series[idx];

    if (__atomic_load_n(&s->filled, __ATOMIC_ACQUIRE) == 0) {
        return 0;
    }

    ngx_http_llm_label_view(labels, &s->text);

    return 1;
}


void
ngx_http_llm_series_add(ngx_http_llm_zone_t *zone, uint32_t idx,
    uint32_t counter, uint64_t n)
{
    if (idx >= zone->series_max || counter >= NGX_HTTP_LLM_COUNTERS_N
        || n == 0)
    {
        return;
    }

    (void) __atomic_fetch_add(&zone->series[idx].word[counter], n,
                              __ATOMIC_RELAXED);
}


void
ngx_http_llm_series_sample(ngx_http_llm_zone_t *zone, uint32_t idx,
    uint32_t dist, uint64_t ns)
{
    int                     i;
    uint64_t               *word, *p, seen;
    uint32_t               *column, c, bit, b;
    ngx_http_llm_series_t  *s;

    if (llm_unlikely(idx >= zone->series_max || dist >= LLM_DIST_N)) {
        return;
    }

    s = &zone->series[idx];
    word = s->word;

    seen = __atomic_load_n(&s->max[dist], __ATOMIC_RELAXED);

    while (llm_unlikely(seen < ns)
           && !__atomic_compare_exchange_n(&s->max[dist], &seen, ns, 1,
                                           __ATOMIC_RELAXED,
                                           __ATOMIC_RELAXED))
    {
        /* seen was read anew */
    }

    seen = __atomic_load_n(&s->imin[dist], __ATOMIC_RELAXED);

    while (llm_unlikely(seen < ~ns)
           && !__atomic_compare_exchange_n(&s->imin[dist], &seen, ~ns, 1,
                                           __ATOMIC_RELAXED,
                                           __ATOMIC_RELAXED))
    {
        /* seen was read anew */
    }

    (void) __atomic_fetch_add(&word[NGX_HTTP_LLM_SUM + dist], ns,
                              __ATOMIC_RELAXED);

    if (dist == LLM_DIST_TPOT && ns) {
        (void) __atomic_fetch_add(&word[NGX_HTTP_LLM_RATE],
                                  NGX_HTTP_LLM_RATE_ONE / ns,
                                  __ATOMIC_RELAXED);
    }

    b = llm_bounds_index(&llm_dist_bounds[dist], ns);
    (void) __atomic_fetch_add(&s->bound[dist][b], 1, __ATOMIC_RELAXED);

    i = llm_cells_index(ns);

    if (llm_unlikely(i == LLM_CELLS_UNDER)) {
        p = &word[NGX_HTTP_LLM_UNDER + dist];

    } else if (llm_unlikely(i == LLM_CELLS_OVER)) {
        p = &word[NGX_HTTP_LLM_OVER + dist];

    } else {
        column = &s->column[dist][i / LLM_CELLS_COLUMN];
        bit = ngx_http_llm_column_bit(i % LLM_CELLS_COLUMN);

        c = __atomic_load_n(column, __ATOMIC_RELAXED);

        if (llm_unlikely((c & bit) == 0)) {
            c = ngx_http_llm_series_column(zone, column, bit);
        }

        c = ngx_http_llm_column_index(c);

        if (llm_unlikely(c >= zone->columns_max)) {
            ngx_http_llm_zone_count(zone, NGX_HTTP_LLM_SAMPLES_DROPPED, 1);
            p = &word[NGX_HTTP_LLM_NOCELL + dist];

        } else {
            p = &zone->column[c].cell[i % LLM_CELLS_COLUMN];
        }
    }

    (void) __atomic_fetch_add(p, 1, __ATOMIC_RELAXED);
}


void
ngx_http_llm_series_cell(ngx_http_llm_zone_t *zone, uint32_t idx,
    uint32_t dist, uint32_t i, uint64_t n)
{
    uint32_t                c;
    uint64_t               *p;
    ngx_http_llm_series_t  *s;

    if (idx >= zone->series_max || dist >= LLM_DIST_N || i >= LLM_CELLS_N) {
        return;
    }

    s = &zone->series[idx];

    c = ngx_http_llm_series_column(zone,
                               &s->column[dist][i / LLM_CELLS_COLUMN],
                               ngx_http_llm_column_bit(i % LLM_CELLS_COLUMN));
    c = ngx_http_llm_column_index(c);

    p = (c < zone->columns_max) ? &zone->column[c].cell[i % LLM_CELLS_COLUMN]
                                : &s->word[NGX_HTTP_LLM_NOCELL + dist];

    (void) __atomic_fetch_add(p, n, __ATOMIC_RELAXED);
}


/* The word of a column, with the bit; 0 when there is no column left. */

static uint32_t
ngx_http_llm_series_column(ngx_http_llm_zone_t *zone, uint32_t *column,
    uint32_t bit)
{
    uint32_t  c, there;

    c = 0;
    there = __atomic_load_n(column, __ATOMIC_RELAXED);

    if (there == 0) {
        c = ngx_http_llm_series_spare(zone);
    }

    if (c && __atomic_compare_exchange_n(column, &there, c | bit, 0,
                                         __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    {
        zone->spare = 0;
        return c | bit;
    }

    if (there == 0) {
        return 0;
    }

    return __atomic_fetch_or(column, bit, __ATOMIC_RELAXED) | bit;
}


/* A column in hand, its index plus 1; 0 when there is none left. */

static uint32_t
ngx_http_llm_series_spare(ngx_http_llm_zone_t *zone)
{
    uint64_t  n, *pool;

    if (zone->spare) {
        return zone->spare;
    }

    pool = &zone->arena->columns;

    /* looked at first, so that the pool's count does not run away */

    if (__atomic_load_n(pool, __ATOMIC_RELAXED) >= zone->columns_max) {
        return 0;
    }

    n = __atomic_fetch_add(pool, 1, __ATOMIC_RELAXED);

    if (n >= zone->columns_max) {
        return 0;
    }

    zone->spare = (uint32_t) n + 1;

    return zone->spare;
}
