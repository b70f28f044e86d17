
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Calls in flight.
 *
 * A gauge that is counted up and down is wrong for ever once a process has
 * died between the two.  So there is none: each call in flight is a row,
 * rows belong to a process, and the gauge is what the rows of all processes
 * say.  A process takes a slot, under its owner word, and takes chunks of
 * 64 rows as it needs them; everything in a chunk is written by its owner
 * alone, so nothing of it needs more than a plain store.
 *
 * When a process is dead, whoever sees it first (every process looks each
 * second) puts its own word into the slot, with the flag that says what it
 * does there, empties every chunk of that slot, and only then frees it.
 * Should it die at that, it is just another dead owner of the same slot.
 *
 * chunks_high is raised before a chunk is taken, so no chunk that was ever
 * taken lies beyond it.  A row's word is written last and cleared first; a
 * reader that meets a row between two calls may show one call with the
 * other's start, which is a start all the same.
 */


#include "ngx_http_llm_live.h"
#include "ngx_http_llm_owner.h"


#define NGX_HTTP_LLM_FULL     UINT64_MAX
#define NGX_HTTP_LLM_STARVE   256


static int ngx_http_llm_live_chunk(ngx_http_llm_zone_t *zone);
static void ngx_http_llm_live_free(ngx_http_llm_zone_t *zone, uint32_t slot);
static void ngx_http_llm_live_trim(ngx_http_llm_zone_t *zone);
static ngx_http_llm_row_t *ngx_http_llm_live_row(ngx_http_llm_zone_t *zone,
    uint32_t row);
static uint32_t ngx_http_llm_live_high(const ngx_http_llm_zone_t *zone);


int
ngx_http_llm_live_join(ngx_http_llm_zone_t *zone)
{
    uint32_t              i;
    uint64_t              free;
    ngx_http_llm_slot_t  *slot;

    /* what was copied by fork is the parent's, if anybody's */

    zone->self = ngx_http_llm_owner_self();
    zone->slot = 0;
    zone->room = 0;
    zone->starved = 0;
    zone->spare = 0;
    zone->marking = 0;

    (void) ngx_http_llm_live_reap(zone);

    for (i = 0; i < NGX_HTTP_LLM_SLOTS; i++) {
        slot = &zone->arena->slot[i];
        free = 0;

        if (__atomic_compare_exchange_n(&slot->owner, &free, zone->self, 0,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        {
            zone->slot = i + 1;
            return 0;
        }
    }

    return -1;
}


void
ngx_http_llm_live_leave(ngx_http_llm_zone_t *zone)
{
    uint32_t  slot;

    if (zone->slot == 0) {
        return;
    }

    slot = zone->slot - 1;

    zone->slot = 0;
    zone->room = 0;

    ngx_http_llm_live_free(zone, slot);
}


int
ngx_http_llm_live_reap(ngx_http_llm_zone_t *zone)
{
    int                   n;
    uint32_t              i;
    uint64_t              owner;
    ngx_http_llm_slot_t  *slot;

    n = 0;

    for (i = 0; i < NGX_HTTP_LLM_SLOTS; i++) {
        slot = &zone->arena->slot[i];

        owner = __atomic_load_n(&slot->owner, __ATOMIC_RELAXED);

        if (owner == 0 || owner == zone->self
            || ngx_http_llm_owner_alive(owner))
        {
            continue;
        }

        if (!__atomic_compare_exchange_n(&slot->owner, &owner,
                                    zone->self | NGX_HTTP_LLM_OWNER_REAPS, 0,
                                    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        {
            continue;
        }

        ngx_http_llm_live_free(zone, i);
        n++;
    }

    zone->starved = 0;
    ngx_http_llm_live_trim(zone);

    return n;
}


/* Of a slot that this process owns in one way or the other. */

static void
ngx_http_llm_live_free(ngx_http_llm_zone_t *zone, uint32_t slot)
{
    uint32_t               i, k, high;
    ngx_http_llm_slot_t   *s;
    ngx_http_llm_chunk_t  *c;

    high = ngx_http_llm_live_high(zone);

    for (i = 0; i < high; i++) {
        c = &zone->chunk[i];

        if (__atomic_load_n(&c->owner, __ATOMIC_RELAXED) != slot + 1) {
            continue;
        }

        for (k = 0; k < NGX_HTTP_LLM_ROWS; k++) {
            __atomic_store_n(&c->row[k].word, 0, __ATOMIC_RELAXED);
        }

        __atomic_store_n(&c->used, 0, __ATOMIC_RELAXED);
        c->next = 0;

        __atomic_store_n(&c->owner, 0, __ATOMIC_RELEASE);
    }

    s = &zone->arena->slot[slot];

    __atomic_store_n(&s->generation, s->generation + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&s->owner, 0, __ATOMIC_RELEASE);
}


/* Gives back chunks without a call, but for the one in use. */

static void
ngx_http_llm_live_trim(ngx_http_llm_zone_t *zone)
{
    uint32_t              *link;
    ngx_http_llm_chunk_t  *c;

    if (zone->room == 0) {
        return;
    }

    link = &zone->chunk[zone->room - 1].next;

    while (*link) {
        c = &zone->chunk[*link - 1];

        if (c->used) {
            link = &c->next;
            continue;
        }

        *link = c->next;
        c->next = 0;

        __atomic_store_n(&c->owner, 0, __ATOMIC_RELEASE);
    }
}


uint32_t
ngx_http_llm_live_start(ngx_http_llm_zone_t *zone, uint32_t series,
    int waiting, uint64_t now)
{
    uint32_t               i;
    uint64_t               word;
    ngx_http_llm_chunk_t  *c;

    if (zone->room == 0 && ngx_http_llm_live_chunk(zone) != 0) {
        ngx_http_llm_zone_count(zone, NGX_HTTP_LLM_LIVE_DROPPED, 1);
        return 0;
    }

    c = &zone->chunk[zone->room - 1];
    i = (uint32_t) __builtin_ctzll(~c->used);

    word = (uint64_t) series + 1;

    if (waiting) {
        word |= NGX_HTTP_LLM_ROW_WAITING;
    }

    __atomic_store_n(&c->row[i].start, now, __ATOMIC_RELAXED);
    __atomic_store_n(&c->row[i].word, word, __ATOMIC_RELEASE);
    __atomic_store_n(&c->used, c->used | 1ull << i, __ATOMIC_RELEASE);

    i += (zone->room - 1) * NGX_HTTP_LLM_ROWS;

    if (c->used == NGX_HTTP_LLM_FULL) {
        zone->room = c->next;
        c->next = 0;
    }

    return i + 1;
}


static int
ngx_http_llm_live_chunk(ngx_http_llm_zone_t *zone)
{
    uint32_t   i, owner;
    uint64_t  *high, was;

    if (zone->slot == 0) {
        return -1;
    }

    /* the search is long when it is in vain: not for every call, then */

    if (zone->starved) {
        zone->starved--;
        return -1;
    }

    high = &zone->arena->chunks_high;

    for (i = 0; i < zone->chunks_max; i++) {

        owner = __atomic_load_n(&zone->chunk[i].owner, __ATOMIC_RELAXED);

        if (owner != 0) {
            continue;
        }

        was = __atomic_load_n(high, __ATOMIC_RELAXED);

        while (was < i + 1
               && !__atomic_compare_exchange_n(high, &was, i + 1, 1,
                                               __ATOMIC_SEQ_CST,
                                               __ATOMIC_RELAXED))
        {
            /* was was read anew */
        }

        if (__atomic_compare_exchange_n(&zone->chunk[i].owner, &owner,
                                        zone->slot, 0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
        {
            zone->room = i + 1;
            return 0;
        }
    }

    zone->starved = NGX_HTTP_LLM_STARVE;

    return -1;
}


void
ngx_http_llm_live_move(ngx_http_llm_zone_t *zone, uint32_t row,
    uint32_t series)
{
    ngx_http_llm_row_t  *r;

    r = ngx_http_llm_live_row(zone, row);

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

    r = ngx_http_llm_live_row(zone, row);

    if (r) {
        __atomic_store_n(&r->word, r->word & ~NGX_HTTP_LLM_ROW_WAITING,
                         __ATOMIC_RELAXED);
    }
}


void
ngx_http_llm_live_end(ngx_http_llm_zone_t *zone, uint32_t row)
{
    uint32_t               chunk;
    uint64_t               used;
    ngx_http_llm_row_t    *r;
    ngx_http_llm_chunk_t  *c;

    r = ngx_http_llm_live_row(zone, row);

    if (r == NULL) {
        return;
    }

    chunk = (row - 1) / NGX_HTTP_LLM_ROWS;
    c = &zone->chunk[chunk];

    __atomic_store_n(&r->word, 0, __ATOMIC_RELAXED);

    used = c->used;

    __atomic_store_n(&c->used,
                     used & ~(1ull << (row - 1) % NGX_HTTP_LLM_ROWS),
                     __ATOMIC_RELEASE);

    if (used == NGX_HTTP_LLM_FULL) {
        c->next = zone->room;
        zone->room = chunk + 1;
    }
}


/* NULL unless the row is this process's, and in use. */

static ngx_http_llm_row_t *
ngx_http_llm_live_row(ngx_http_llm_zone_t *zone, uint32_t row)
{
    uint32_t               chunk;
    ngx_http_llm_row_t    *r;
    ngx_http_llm_chunk_t  *c;

    if (row == 0 || zone->slot == 0) {
        return NULL;
    }

    chunk = (row - 1) / NGX_HTTP_LLM_ROWS;

    if (chunk >= zone->chunks_max) {
        return NULL;
    }

    c = &zone->chunk[chunk];

    if (__atomic_load_n(&c->owner, __ATOMIC_RELAXED) != zone->slot) {
        return NULL;
    }

    r = &c->row[(row - 1) % NGX_HTTP_LLM_ROWS];

    return r->word ? r : NULL;
}


static uint32_t
ngx_http_llm_live_high(const ngx_http_llm_zone_t *zone)
{
    uint64_t  high;

    high = __atomic_load_n(&zone->arena->chunks_high, __ATOMIC_SEQ_CST);

    return (uint32_t) llm_min(high, zone->chunks_max);
}


void
ngx_http_llm_live_sum(const ngx_http_llm_zone_t *zone,
    ngx_http_llm_live_t *live)
{
    uint32_t                     i, k, high;
    uint64_t                     used, word, start, idx;
    const ngx_http_llm_chunk_t  *c;

    memset(live, 0, zone->series_max * sizeof(ngx_http_llm_live_t));

    high = ngx_http_llm_live_high(zone);

    for (i = 0; i < high; i++) {
        c = &zone->chunk[i];

        for (used = __atomic_load_n(&c->used, __ATOMIC_ACQUIRE);
             used;
             used &= used - 1)
        {
            k = (uint32_t) __builtin_ctzll(used);

            word = __atomic_load_n(&c->row[k].word, __ATOMIC_ACQUIRE);
            start = __atomic_load_n(&c->row[k].start, __ATOMIC_RELAXED);

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
    uint32_t  i, n;
    uint64_t  owner;

    n = 0;

    for (i = 0; i < NGX_HTTP_LLM_SLOTS; i++) {
        owner = __atomic_load_n(&zone->arena->slot[i].owner,
                                __ATOMIC_RELAXED);

        n += (owner != 0 && (owner & NGX_HTTP_LLM_OWNER_REAPS) == 0);
    }

    return n;
}
