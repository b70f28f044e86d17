
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Rows that belong to a process.
 *
 * What a process has in hand (calls in flight, reservations) stands in rows
 * of its own, so that others can see it and clear it up when the process is
 * dead.  A process takes a slot, under its owner word, and takes chunks of
 * 64 rows as it needs them; everything in a chunk is written by its owner
 * alone, so nothing of it needs more than a plain store.
 *
 * When a process is dead, whoever sees it first (every process looks each
 * second) puts its own word into the slot, with the flag that says what it
 * does there, drops every row of every chunk of that slot, and only then
 * frees it.  Should it die at that, it is just another dead owner of the
 * same slot, and rows that it had dropped are zero.
 *
 * high is raised before a chunk is taken, so no chunk that was ever taken
 * lies beyond it.  A row's first word is written last and cleared first.
 */


#include "ngx_http_llm_rows.h"
#include "ngx_http_llm_owner.h"


#define NGX_HTTP_LLM_FULL     UINT64_MAX
#define NGX_HTTP_LLM_STARVE   256


static void ngx_http_llm_rows_free(ngx_http_llm_rows_t *rows, uint32_t slot);
static void ngx_http_llm_rows_trim(ngx_http_llm_rows_t *rows);
static int ngx_http_llm_rows_chunk(ngx_http_llm_rows_t *rows);


static inline ngx_http_llm_chunk_head_t *
ngx_http_llm_rows_head(const ngx_http_llm_rows_t *rows, uint32_t chunk)
{
    return (ngx_http_llm_chunk_head_t *) (void *)
           (rows->chunks
            + (size_t) chunk * ngx_http_llm_chunk_size(rows->row_size));
}


static inline uint8_t *
ngx_http_llm_rows_in(const ngx_http_llm_rows_t *rows,
    ngx_http_llm_chunk_head_t *c, uint32_t i)
{
    return (uint8_t *) (c + 1) + (size_t) i * rows->row_size;
}


int
ngx_http_llm_rows_join(ngx_http_llm_rows_t *rows)
{
    uint32_t              i;
    uint64_t              free;
    ngx_http_llm_slot_t  *slot;

    /* what was copied by fork is the parent's, if anybody's */

    rows->self = ngx_http_llm_owner_self();
    rows->slot = 0;
    rows->room = 0;
    rows->starved = 0;

    (void) ngx_http_llm_rows_reap(rows);

    for (i = 0; i < NGX_HTTP_LLM_SLOTS; i++) {
        slot = &rows->slots[i];
        free = 0;

        if (__atomic_compare_exchange_n(&slot->owner, &free, rows->self, 0,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        {
            rows->slot = i + 1;
            return 0;
        }
    }

    return -1;
}


void
ngx_http_llm_rows_leave(ngx_http_llm_rows_t *rows)
{
    uint32_t  slot;

    if (rows->slot == 0) {
        return;
    }

    slot = rows->slot - 1;

    rows->slot = 0;
    rows->room = 0;

    ngx_http_llm_rows_free(rows, slot);
}


int
ngx_http_llm_rows_reap(ngx_http_llm_rows_t *rows)
{
    int                   n;
    uint32_t              i;
    uint64_t              owner;
    ngx_http_llm_slot_t  *slot;

    n = 0;

    for (i = 0; i < NGX_HTTP_LLM_SLOTS; i++) {
        slot = &rows->slots[i];

        owner = __atomic_load_n(&slot->owner, __ATOMIC_RELAXED);

        if (owner == 0 || owner == rows->self
            || ngx_http_llm_owner_alive(owner))
        {
            continue;
        }

        if (!__atomic_compare_exchange_n(&slot->owner, &owner,
                                    rows->self | NGX_HTTP_LLM_OWNER_REAPS, 0,
                                    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        {
            continue;
        }

        ngx_http_llm_rows_free(rows, i);
        n++;
    }

    rows->starved = 0;
    ngx_http_llm_rows_trim(rows);

    return n;
}


/* Of a slot that this process owns in one way or the other. */

static void
ngx_http_llm_rows_free(ngx_http_llm_rows_t *rows, uint32_t slot)
{
    uint32_t                    i, k, high;
    ngx_http_llm_slot_t        *s;
    ngx_http_llm_chunk_head_t  *c;

    high = ngx_http_llm_rows_high(rows);

    for (i = 0; i < high; i++) {
        c = ngx_http_llm_rows_head(rows, i);

        if (__atomic_load_n(&c->owner, __ATOMIC_RELAXED) != slot + 1) {
            continue;
        }

        for (k = 0; k < NGX_HTTP_LLM_ROWS; k++) {
            rows->drop(rows->data, ngx_http_llm_rows_in(rows, c, k));
        }

        __atomic_store_n(&c->used, 0, __ATOMIC_RELAXED);
        c->next = 0;

        __atomic_store_n(&c->owner, 0, __ATOMIC_RELEASE);
    }

    s = &rows->slots[slot];

    __atomic_store_n(&s->generation, s->generation + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&s->owner, 0, __ATOMIC_RELEASE);
}


/* Gives back chunks without a row in use, but for the one in hand. */

static void
ngx_http_llm_rows_trim(ngx_http_llm_rows_t *rows)
{
    uint32_t                   *link;
    ngx_http_llm_chunk_head_t  *c;

    if (rows->room == 0) {
        return;
    }

    link = &ngx_http_llm_rows_head(rows, rows->room - 1)->next;

    while (*link) {
        c = ngx_http_llm_rows_head(rows, *link - 1);

        if (c->used) {
            link = &c->next;
            continue;
        }

        *link = c->next;
        c->next = 0;

        __atomic_store_n(&c->owner, 0, __ATOMIC_RELEASE);
    }
}


void *
ngx_http_llm_rows_take(ngx_http_llm_rows_t *rows, uint32_t *handle)
{
    uint32_t                    i;
    ngx_http_llm_chunk_head_t  *c;

    if (rows->room == 0 && ngx_http_llm_rows_chunk(rows) != 0) {
        return NULL;
    }

    c = ngx_http_llm_rows_head(rows, rows->room - 1);
    i = (uint32_t) __builtin_ctzll(~c->used);

    *handle = (rows->room - 1) * NGX_HTTP_LLM_ROWS + i + 1;

    return ngx_http_llm_rows_in(rows, c, i);
}


void
ngx_http_llm_rows_use(ngx_http_llm_rows_t *rows, uint32_t handle)
{
    ngx_http_llm_chunk_head_t  *c;

    c = ngx_http_llm_rows_head(rows, rows->room - 1);

    __atomic_store_n(&c->used,
                     c->used | 1ull << (handle - 1) % NGX_HTTP_LLM_ROWS,
                     __ATOMIC_RELEASE);

    if (c->used == NGX_HTTP_LLM_FULL) {
        rows->room = c->next;
        c->next = 0;
    }
}


void
ngx_http_llm_rows_give(ngx_http_llm_rows_t *rows, uint32_t handle)
{
    uint32_t                    chunk;
    uint64_t                    used;
    ngx_http_llm_chunk_head_t  *c;

    chunk = (handle - 1) / NGX_HTTP_LLM_ROWS;
    c = ngx_http_llm_rows_head(rows, chunk);

    used = c->used;

    __atomic_store_n(&c->used,
                     used & ~(1ull << (handle - 1) % NGX_HTTP_LLM_ROWS),
                     __ATOMIC_RELEASE);

    if (used == NGX_HTTP_LLM_FULL) {
        c->next = rows->room;
        rows->room = chunk + 1;
    }
}


static int
ngx_http_llm_rows_chunk(ngx_http_llm_rows_t *rows)
{
    uint32_t                    i, owner;
    uint64_t                    was;
    ngx_http_llm_chunk_head_t  *c;

    if (rows->slot == 0) {
        return -1;
    }

    /* the search is long when it is in vain: not for every row, then */

    if (rows->starved) {
        rows->starved--;
        return -1;
    }

    for (i = 0; i < rows->chunks_max; i++) {
        c = ngx_http_llm_rows_head(rows, i);

        owner = __atomic_load_n(&c->owner, __ATOMIC_RELAXED);

        if (owner != 0) {
            continue;
        }

        was = __atomic_load_n(rows->high, __ATOMIC_RELAXED);

        while (was < i + 1
               && !__atomic_compare_exchange_n(rows->high, &was, i + 1, 1,
                                               __ATOMIC_SEQ_CST,
                                               __ATOMIC_RELAXED))
        {
            /* was was read anew */
        }

        if (__atomic_compare_exchange_n(&c->owner, &owner, rows->slot, 0,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        {
            rows->room = i + 1;
            return 0;
        }
    }

    rows->starved = NGX_HTTP_LLM_STARVE;

    return -1;
}


void *
ngx_http_llm_rows_row(ngx_http_llm_rows_t *rows, uint32_t handle)
{
    uint8_t                    *row;
    uint32_t                    chunk;
    uint64_t                    word;
    ngx_http_llm_chunk_head_t  *c;

    if (handle == 0 || rows->slot == 0) {
        return NULL;
    }

    chunk = (handle - 1) / NGX_HTTP_LLM_ROWS;

    if (chunk >= rows->chunks_max) {
        return NULL;
    }

    c = ngx_http_llm_rows_head(rows, chunk);

    if (__atomic_load_n(&c->owner, __ATOMIC_RELAXED) != rows->slot) {
        return NULL;
    }

    row = ngx_http_llm_rows_in(rows, c, (handle - 1) % NGX_HTTP_LLM_ROWS);

    memcpy(&word, row, sizeof(uint64_t));

    return word ? row : NULL;
}


uint32_t
ngx_http_llm_rows_high(const ngx_http_llm_rows_t *rows)
{
    uint64_t  high;

    high = __atomic_load_n(rows->high, __ATOMIC_SEQ_CST);

    return (uint32_t) llm_min(high, rows->chunks_max);
}


uint64_t
ngx_http_llm_rows_used(const ngx_http_llm_rows_t *rows, uint32_t chunk)
{
    return __atomic_load_n(&ngx_http_llm_rows_head(rows, chunk)->used,
                           __ATOMIC_ACQUIRE);
}


const void *
ngx_http_llm_rows_at(const ngx_http_llm_rows_t *rows, uint32_t chunk,
    uint32_t i)
{
    return ngx_http_llm_rows_in(rows, ngx_http_llm_rows_head(rows, chunk), i);
}


uint32_t
ngx_http_llm_rows_workers(const ngx_http_llm_rows_t *rows)
{
    uint32_t  i, n;
    uint64_t  owner;

    n = 0;

    for (i = 0; i < NGX_HTTP_LLM_SLOTS; i++) {
        owner = __atomic_load_n(&rows->slots[i].owner, __ATOMIC_RELAXED);

        n += (owner != 0 && (owner & NGX_HTTP_LLM_OWNER_REAPS) == 0);
    }

    return n;
}
