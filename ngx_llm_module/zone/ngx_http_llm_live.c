
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Calls in flight.
 *
 * A gauge that is counted up and down is wrong for ever once a process has
 * died between the two.  So there is none: each call in flight is a row of
 * its process (ngx_http_llm_rows.c), and the gauge is what the rows of all
 * processes say.
 *
 * A reader that meets a row between two calls may show one call with the
 * other's start, which is a start all the same.
 */


#include "ngx_http_llm_live.h"
#include "ngx_http_llm_owner.h"


_Static_assert(sizeof(ngx_http_llm_chunk_t)
               == ngx_http_llm_chunk_size(sizeof(ngx_http_llm_row_t)),
               "chunks are heads and rows");


static void ngx_http_llm_live_drop(void *data, void *row);


int
ngx_http_llm_live_join(ngx_http_llm_zone_t *zone)
{
    int  rc;

    /* what was copied by fork is the parent's, if anybody's */

    zone->rows.drop = ngx_http_llm_live_drop;
    zone->spare = 0;
    zone->marking = 0;

    rc = ngx_http_llm_rows_join(&zone->rows);

    zone->self = zone->rows.self;

    return rc;
}


void
ngx_http_llm_live_leave(ngx_http_llm_zone_t *zone)
{
    ngx_http_llm_rows_leave(&zone->rows);
}


int
ngx_http_llm_live_reap(ngx_http_llm_zone_t *zone)
{
    zone->rows.drop = ngx_http_llm_live_drop;

    return ngx_http_llm_rows_reap(&zone->rows);
}


static void
ngx_http_llm_live_drop(void *data, void *row)
{
    ngx_http_llm_row_t *r = row;

    (void) data;

    __atomic_store_n(&r->word, 0, __ATOMIC_RELAXED);
}


uint32_t
ngx_http_llm_live_start(ngx_http_llm_zone_t *zone, uint32_t series,
    int waiting, uint64_t now)
{
    uint32_t             handle;
    uint64_t             word;
    ngx_http_llm_row_t  *r;

    r = ngx_http_llm_rows_take(&zone->rows, &handle);

    if (r == NULL) {
        ngx_http_llm_zone_count(zone, NGX_HTTP_LLM_LIVE_DROPPED, 1);
        return 0;
    }

    word = (uint64_t) series + 1;

    if (waiting) {
        word |= NGX_HTTP_LLM_ROW_WAITING;
    }

    __atomic_store_n(&r->start, now, __ATOMIC_RELAXED);
    __atomic_store_n(&r->word, word, __ATOMIC_RELEASE);

    ngx_http_llm_rows_use(&zone->rows, handle);

    return handle;
}


void
ngx_http_llm_live_move(ngx_http_llm_zone_t *zone, uint32_t row,
    uint32_t series)
{
    ngx_http_llm_row_t  *r;

    r = ngx_http_llm_rows_row(&zone->rows, row);

    if (r) {
        __atomic_store_n(&r->word, (r->word & NGX_HTTP_LLM_ROW_WAITING)
                                   | ((uint64_t) series + 1),
                         __ATOMIC_RELAXED);
    }
}


void
ngx_http_llm_live_first(ngx_http_llm_zone_t *zone, uint32_t row)
{
    ngx_http_llm_row_t  *r;

    r = ngx_http_llm_rows_row(&zone->rows, row);

    if (r) {
        __atomic_store_n(&r->word, r->word & ~NGX_HTTP_LLM_ROW_WAITING,
                         __ATOMIC_RELAXED);
    }
}


void
ngx_http_llm_live_end(ngx_http_llm_zone_t *zone, uint32_t row)
{
    ngx_http_llm_row_t  *r;

    r = ngx_http_llm_rows_row(&zone->rows, row);

    if (r) {
        __atomic_store_n(&r->word, 0, __ATOMIC_RELAXED);
        ngx_http_llm_rows_give(&zone->rows, row);
    }
}


void
ngx_http_llm_live_sum(const ngx_http_llm_zone_t *zone,
    ngx_http_llm_live_t *live)
{
    uint32_t                   i, k, high;
    uint64_t                   used, word, start, idx;
    const ngx_http_llm_row_t  *r;

    memset(live, 0, zone->series_max * sizeof(ngx_http_llm_live_t));

    high = ngx_http_llm_rows_high(&zone->rows);

    for (i = 0; i < high; i++) {

        for (used = ngx_http_llm_rows_used(&zone->rows, i);
             used;
             used &= used - 1)
        {
            k = (uint32_t) __builtin_ctzll(used);
            r = ngx_http_llm_rows_at(&zone->rows, i, k);

            word = __atomic_load_n(&r->word, __ATOMIC_ACQUIRE);
            start = __atomic_load_n(&r->start, __ATOMIC_RELAXED);

            idx = (word & ~NGX_HTTP_LLM_ROW_WAITING) - 1;

            if (idx >= zone->series_max) {
                continue;
            }

            live[idx].in_flight++;
            live[idx].waiting_first += (word & NGX_HTTP_LLM_ROW_WAITING) != 0;

            if (live[idx].oldest == 0 || start < live[idx].oldest) {
                live[idx].oldest = start;
            }
        }
    }
}


uint32_t
ngx_http_llm_live_workers(const ngx_http_llm_zone_t *zone)
{
    return ngx_http_llm_rows_workers(&zone->rows);
}
