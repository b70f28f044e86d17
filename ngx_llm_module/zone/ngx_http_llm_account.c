
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Accounts.
 *
 * One piece of zeroed memory, divided once:
 *
 *     header | ids | records | chunks of the ledger
 *
 * It holds no pointer, so that it may be mapped anywhere, and no lock.  A
 * key is known by a keyed hash of 64 bits, which is taken by one
 * compare-and-swap in the first free place from where the hash points; an
 * all-zero record is a valid fresh one and no record is ever freed while
 * serving, so there is nothing half made to repair and no key can have two
 * records.  The secret never leaves the zone: nobody can make two keys meet
 * on purpose.  Everything that processes write at the same time they write
 * by one atomic instruction.
 *
 * An eighth of the places stays empty, so that looking for a key that is not
 * there ends soon; keys for which there is no room are booked in record 0,
 * other, at the strictest limit that the zone has seen.
 *
 * The name of a key is for people only: it is written after the place was
 * taken, by whoever finds it missing, and always the same.
 *
 * An eighth of the memory is the ledger (ngx_http_llm_ledger.c).
 */


#include "ngx_http_llm_account.h"
#include "ngx_http_llm_label.h"
#include "ngx_http_llm_ledger.h"
#include "ngx_http_llm_period.h"


#define NGX_HTTP_LLM_ACCOUNTS_MAGIC  0x73746363616d6c6cull   /* "llmaccts" */

#define NGX_HTTP_LLM_LEDGER_MIN      2           /* chunks */

#define ngx_http_llm_line(n)  (((n) + 63) & ~(uint64_t) 63)


_Static_assert(offsetof(ngx_http_llm_accounts_arena_t, used) % 64 == 0,
               "header");
_Static_assert(offsetof(ngx_http_llm_accounts_arena_t, chunks_high) % 64 == 0,
               "header");
_Static_assert(offsetof(ngx_http_llm_accounts_arena_t, counter) % 64 == 0,
               "header");
_Static_assert(sizeof(ngx_http_llm_account_t) % 8 == 0, "record");
_Static_assert(__atomic_always_lock_free(8, 0), "64-bit atomics");


static int ngx_http_llm_accounts_plan(ngx_http_llm_accounts_arena_t *a,
    size_t size);
static void ngx_http_llm_accounts_view(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_accounts_arena_t *a);
static uint32_t ngx_http_llm_account_find(ngx_http_llm_accounts_t *accounts,
    uint64_t id);
static void ngx_http_llm_account_name(ngx_http_llm_accounts_t *accounts,
    uint32_t i, llm_str_t key);
static void ngx_http_llm_account_shift(ngx_http_llm_account_t *record,
    const ngx_http_llm_account_from_t *from);


int
ngx_http_llm_accounts_format(ngx_http_llm_accounts_t *accounts, void *p,
    size_t size, uint64_t mono, uint64_t wall, const void *secret)
{
    ngx_http_llm_accounts_arena_t  *a;

    static const llm_str_t  other = llm_string("other");

    a = p;

    if (ngx_http_llm_accounts_plan(a, size) != NGX_HTTP_LLM_ACCOUNTS_OK) {
        return NGX_HTTP_LLM_ACCOUNTS_SMALL;
    }

    a->created_mono = mono;
    a->created_wall = wall;
    a->mono = mono;
    a->wall = wall;
    a->kind = accounts->kind;
    a->period = accounts->period;
    memcpy(a->secret, secret, sizeof(a->secret));

    ngx_http_llm_accounts_view(accounts, a);

    memcpy(accounts->record[0].name, other.data, other.len);
    accounts->record[0].name_len = (uint32_t) other.len;
    accounts->record[0].filled = 1;

    __atomic_store_n(&a->magic, NGX_HTTP_LLM_ACCOUNTS_MAGIC,
                     __ATOMIC_RELEASE);

    return NGX_HTTP_LLM_ACCOUNTS_OK;
}


int
ngx_http_llm_accounts_attach(ngx_http_llm_accounts_t *accounts, void *p,
    size_t size)
{
    ngx_http_llm_accounts_arena_t  *a, plan;

    a = p;

    if (size < NGX_HTTP_LLM_ACCOUNTS_MIN
        || __atomic_load_n(&a->magic, __ATOMIC_ACQUIRE)
           != NGX_HTTP_LLM_ACCOUNTS_MAGIC)
    {
        return NGX_HTTP_LLM_ACCOUNTS_FOREIGN;
    }

    memset(&plan, 0, sizeof(ngx_http_llm_accounts_arena_t));

    if (ngx_http_llm_accounts_plan(&plan, size) != NGX_HTTP_LLM_ACCOUNTS_OK) {
        return NGX_HTTP_LLM_ACCOUNTS_FOREIGN;
    }

    if (a->layout != plan.layout || a->shape != plan.shape) {
        return NGX_HTTP_LLM_ACCOUNTS_LAYOUT;
    }

    if (a->size != plan.size
        || a->places != plan.places
        || a->keys_max != plan.keys_max
        || a->chunks_max != plan.chunks_max
        || a->ids_at != plan.ids_at
        || a->records_at != plan.records_at
        || a->chunks_at != plan.chunks_at)
    {
        return NGX_HTTP_LLM_ACCOUNTS_FOREIGN;
    }

    if (a->kind != accounts->kind || a->period != accounts->period) {
        return NGX_HTTP_LLM_ACCOUNTS_OTHER;
    }

    ngx_http_llm_accounts_view(accounts, a);

    return NGX_HTTP_LLM_ACCOUNTS_OK;
}


static int
ngx_http_llm_accounts_plan(ngx_http_llm_accounts_arena_t *a, size_t size)
{
    uint64_t  at, chunk, chunks, places;

    if (size < NGX_HTTP_LLM_ACCOUNTS_MIN) {
        return NGX_HTTP_LLM_ACCOUNTS_SMALL;
    }

    chunk = ngx_http_llm_chunk_size(sizeof(ngx_http_llm_booking_t));
    chunks = llm_max(size / 8 / chunk, NGX_HTTP_LLM_LEDGER_MIN);
    chunks = llm_min(chunks, 1u << 24);

    /* 2 lines: what rounding may cost */

    at = ngx_http_llm_line(sizeof(ngx_http_llm_accounts_arena_t)) + 2 * 64
         + chunks * chunk;

    places = (size - at) / (sizeof(uint64_t)
                            + sizeof(ngx_http_llm_account_t));
    places = llm_min(places, 1u << 30);

    a->ids_at = ngx_http_llm_line(sizeof(ngx_http_llm_accounts_arena_t));
    a->records_at = ngx_http_llm_line(a->ids_at + places * sizeof(uint64_t));
    a->chunks_at = ngx_http_llm_line(a->records_at
                                  + places * sizeof(ngx_http_llm_account_t));

    a->size = size;
    a->layout = NGX_HTTP_LLM_ACCOUNT_LAYOUT;
    a->shape = ngx_http_llm_accounts_shape();
    a->places = (uint32_t) places;
    a->keys_max = (uint32_t) (places - 1 - places / 8);
    a->chunks_max = (uint32_t) chunks;

    return NGX_HTTP_LLM_ACCOUNTS_OK;
}


/* Of all that a program which was built otherwise could have otherwise. */

uint32_t
ngx_http_llm_accounts_shape(void)
{
    uint32_t  h, i;

    static const uint32_t  sizes[] = {
        sizeof(ngx_http_llm_accounts_arena_t), sizeof(ngx_http_llm_account_t),
        sizeof(ngx_http_llm_booking_t), NGX_HTTP_LLM_UNITS,
        NGX_HTTP_LLM_ACCOUNT_COUNTERS, NGX_HTTP_LLM_ACCOUNT_NAME,
        NGX_HTTP_LLM_SLOTS, NGX_HTTP_LLM_ROWS, NGX_HTTP_LLM_PERIODS,
        offsetof(ngx_http_llm_account_t, name),
        offsetof(ngx_http_llm_accounts_arena_t, slot)
    };

    h = 2166136261u;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        h = (h ^ sizes[i]) * 16777619u;
    }

    return h;
}


static void
ngx_http_llm_accounts_view(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_accounts_arena_t *a)
{
    uint8_t              *p;
    ngx_http_llm_rows_t  *rows;

    p = (uint8_t *) a;

    accounts->arena = a;
    accounts->id = (uint64_t *) (p + a->ids_at);
    accounts->record = (ngx_http_llm_account_t *) (p + a->records_at);
    accounts->places = a->places;
    accounts->keys_max = a->keys_max;
    accounts->scrub = 0;

    rows = &accounts->rows;

    memset(rows, 0, sizeof(ngx_http_llm_rows_t));

    rows->slots = a->slot;
    rows->high = &a->chunks_high;
    rows->chunks = p + a->chunks_at;
    rows->chunks_max = a->chunks_max;
    rows->row_size = sizeof(ngx_http_llm_booking_t);
}


uint32_t
ngx_http_llm_account_get(ngx_http_llm_accounts_t *accounts, llm_str_t key)
{
    uint64_t  id;
    uint32_t  i;

    id = ngx_http_llm_siphash(accounts->arena->secret, key.data, key.len);
    id = id ? id : 1;

    i = ngx_http_llm_account_find(accounts, id);

    if (i == 0) {
        ngx_http_llm_account_count(accounts, NGX_HTTP_LLM_ACCOUNT_FOLDED, 1);
        return 0;
    }

    if (!__atomic_load_n(&accounts->record[i].filled, __ATOMIC_RELAXED)) {
        ngx_http_llm_account_name(accounts, i, key);
    }

    return i;
}


/* The place of an id, taken if there is none; 0: no room. */

static uint32_t
ngx_http_llm_account_find(ngx_http_llm_accounts_t *accounts, uint64_t id)
{
    uint32_t                        i, n;
    uint64_t                        have;
    ngx_http_llm_accounts_arena_t  *a;

    a = accounts->arena;
    i = (uint32_t) (id % (accounts->places - 1)) + 1;

    for (n = 1; n < accounts->places; n++) {

        have = __atomic_load_n(&accounts->id[i], __ATOMIC_RELAXED);

        if (have == 0) {

            if (__atomic_load_n(&a->used, __ATOMIC_RELAXED)
                >= accounts->keys_max)
            {
                return 0;
            }

            if (__atomic_compare_exchange_n(&accounts->id[i], &have, id, 0,
                                            __ATOMIC_RELAXED,
                                            __ATOMIC_RELAXED))
            {
                (void) __atomic_fetch_add(&a->used, 1, __ATOMIC_RELAXED);
                return i;
            }

            /* have is what another has put here meanwhile */
        }

        if (have == id) {
            return i;
        }

        i = (i == accounts->places - 1) ? 1 : i + 1;
    }

    return 0;
}


static void
ngx_http_llm_account_name(ngx_http_llm_accounts_t *accounts, uint32_t i,
    llm_str_t key)
{
    uint32_t                 k;
    size_t                   len;
    uint64_t                 id;
    uint8_t                  text[NGX_HTTP_LLM_ACCOUNT_NAME];
    ngx_http_llm_account_t  *record;

    static const uint8_t  hex[] = "0123456789abcdef";

    record = &accounts->record[i];

    if (accounts->hide) {
        id = accounts->id[i];
        len = 16;

        for (k = 0; k < len; k++) {
            text[k] = hex[(id >> (60 - 4 * k)) & 0xf];
        }

    } else {
        len = ngx_http_llm_label_clean(text, sizeof(text), key);
    }

    memcpy(record->name, text, len);

    __atomic_store_n(&record->name_len, (uint32_t) len, __ATOMIC_RELAXED);
    __atomic_store_n(&record->filled, 1, __ATOMIC_RELEASE);
}


uint64_t
ngx_http_llm_account_limit(ngx_http_llm_accounts_t *accounts,
    uint32_t account, uint32_t unit, uint64_t limit)
{
    uint64_t  *strictest, *last, seen;

    limit = llm_min(limit, LLM_AMOUNT_MAX);

    strictest = &accounts->arena->strictest[unit];
    seen = __atomic_load_n(strictest, __ATOMIC_RELAXED);

    while ((seen == 0 || seen > limit + 1)
           && !__atomic_compare_exchange_n(strictest, &seen, limit + 1, 1,
                                           __ATOMIC_RELAXED,
                                           __ATOMIC_RELAXED))
    {
        /* seen was read anew */
    }

    if (account == 0) {
        limit = llm_min(limit, __atomic_load_n(strictest, __ATOMIC_RELAXED)
                               - 1);
    }

    last = &accounts->record[account].limit[unit];

    if (__atomic_load_n(last, __ATOMIC_RELAXED) != limit + 1) {
        __atomic_store_n(last, limit + 1, __ATOMIC_RELAXED);
    }

    return limit;
}


uint32_t
ngx_http_llm_accounts_used(const ngx_http_llm_accounts_t *accounts)
{
    uint32_t  i, n;

    n = 0;

    for (i = 1; i < accounts->places; i++) {
        n += (__atomic_load_n(&accounts->id[i], __ATOMIC_RELAXED) != 0);
    }

    return n;
}


void
ngx_http_llm_account_count(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_account_counter_e counter, uint64_t n)
{
    (void) __atomic_fetch_add(&accounts->arena->counter[counter], n,
                              __ATOMIC_RELAXED);
}


uint64_t
ngx_http_llm_account_counted(const ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_account_counter_e counter)
{
    return __atomic_load_n(&accounts->arena->counter[counter],
                           __ATOMIC_RELAXED);
}


/* A record is words but for its name, which does not change once filled. */

int
ngx_http_llm_account_copy(const ngx_http_llm_accounts_t *accounts, uint32_t i,
    ngx_http_llm_account_copy_t *copy)
{
    uint32_t         k;
    uint64_t         word[offsetof(ngx_http_llm_account_t, filled) / 8];
    const uint64_t  *from;

    memset(copy, 0, sizeof(ngx_http_llm_account_copy_t));

    if (i >= accounts->places) {
        return 0;
    }

    copy->id = __atomic_load_n(&accounts->id[i], __ATOMIC_RELAXED);

    if (i && copy->id == 0) {
        return 0;
    }

    from = (const uint64_t *) (const void *) &accounts->record[i];

    for (k = 0; k < sizeof(word) / 8; k++) {
        word[k] = __atomic_load_n(&from[k], __ATOMIC_RELAXED);
    }

    memcpy(&copy->record, word, sizeof(word));

    if (__atomic_load_n(&accounts->record[i].filled, __ATOMIC_ACQUIRE)) {
        copy->record.filled = 1;
        copy->record.name_len = llm_min(accounts->record[i].name_len,
                                        NGX_HTTP_LLM_ACCOUNT_NAME);
        memcpy(copy->record.name, accounts->record[i].name,
               copy->record.name_len);
    }

    return 1;
}


void
ngx_http_llm_accounts_adopt(ngx_http_llm_accounts_t *accounts,
    const ngx_http_llm_accounts_t *old, ngx_http_llm_account_from_t *from)
{
    uint32_t                              i;
    ngx_http_llm_accounts_arena_t        *a;
    const ngx_http_llm_accounts_arena_t  *b;

    a = accounts->arena;
    b = old->arena;

    a->latest = __atomic_load_n(&b->latest, __ATOMIC_RELAXED);

    for (i = 0; i < NGX_HTTP_LLM_UNITS; i++) {
        a->strictest[i] = __atomic_load_n(&b->strictest[i], __ATOMIC_RELAXED);
    }

    for (i = 0; i < NGX_HTTP_LLM_ACCOUNT_COUNTERS; i++) {
        a->counter[i] = __atomic_load_n(&b->counter[i], __ATOMIC_RELAXED);
    }

    memset(from, 0, sizeof(ngx_http_llm_account_from_t));

    from->latest = a->latest;
    from->now = a->latest;
    from->mono = a->mono;
    from->ahead = UINT64_MAX - a->mono;
}


int
ngx_http_llm_account_import(ngx_http_llm_accounts_t *accounts,
    const ngx_http_llm_account_copy_t *copy,
    const ngx_http_llm_account_from_t *from)
{
    size_t                   len;
    uint32_t                 i;
    uint8_t                  text[NGX_HTTP_LLM_ACCOUNT_NAME];
    llm_str_t                name;
    ngx_http_llm_account_t  *record;

    if (copy->record.filled > 1
        || copy->record.name_len > NGX_HTTP_LLM_ACCOUNT_NAME)
    {
        return -1;
    }

    i = 0;

    if (copy->id) {
        i = ngx_http_llm_account_find(accounts, copy->id);

        if (i == 0) {
            return -1;
        }
    }

    /* what was cleaned once stays as it is when it is cleaned again */

    name.data = copy->record.name;
    name.len = copy->record.name_len;
    len = ngx_http_llm_label_clean(text, sizeof(text), name);

    record = &accounts->record[i];

    *record = copy->record;

    memset(record->name, 0, sizeof(record->name));
    memcpy(record->name, text, len);
    record->name_len = (uint32_t) len;

    if (accounts->kind == NGX_HTTP_LLM_LIMITS) {
        ngx_http_llm_account_shift(record, from);
        return 0;
    }

    /* of a period that is neither this one nor the one before */

    if (from->now > from->latest + 1) {
        memset(record->cell, 0, sizeof(record->cell));
    }

    return 0;
}


static void
ngx_http_llm_account_shift(ngx_http_llm_account_t *record,
    const ngx_http_llm_account_from_t *from)
{
    uint64_t  tat;

    tat = record->tat + (uint64_t) from->shift;

    if (record->tat == 0 || tat < from->mono
        || (from->shift < 0 && tat > record->tat))
    {
        tat = 0;
    }

    /* nobody holds anything of before */

    memset(record->cell, 0, sizeof(record->cell));

    record->tat = llm_min(tat, from->mono + from->ahead);
}
