
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Names of models to prices: open addressing, filled once, read by all.
 * Names that differ only in case have one hash, so that one walk finds the
 * very name and, failing that, a twin of it.
 */


#include "llm_name.h"
#include "llm_price_table.h"


/* Not secret: what is put in comes from the administrator alone. */

#define LLM_NAME_MUL   0x9e3779b97f4a7c15ull
#define LLM_NAME_FOLD  0x2020202020202020ull


static inline uint64_t
llm_name_mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * LLM_NAME_MUL;

    return h ^ (h >> 29);
}


/* Folds more than case, which costs a comparison now and then. */

uint32_t
llm_name_hash(const uint8_t *p, size_t len)
{
    uint64_t  h, v;

    h = len;

    for ( /* void */ ; len >= 8; p += 8, len -= 8) {
        memcpy(&v, p, 8);
        h = llm_name_mix(h, v | LLM_NAME_FOLD);
    }

    if (len) {
        v = 0;
        memcpy(&v, p, len);
        h = llm_name_mix(h, v | LLM_NAME_FOLD);
    }

    return (uint32_t) (h ^ (h >> 32));
}


static inline uint8_t
llm_name_lower(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') ? (c | 0x20) : c;
}


int
llm_name_same(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (llm_name_lower(a[i]) != llm_name_lower(b[i])) {
            return 0;
        }
    }

    return 1;
}


/*
 * Stops at a free slot: there is always one, put() keeps it so.
 */

const llm_price_slot_t *
llm_price_table_probe(const llm_price_table_t *t, const uint8_t *name,
    size_t len, const llm_price_slot_t **twin)
{
    uint32_t                 h, i;
    const llm_price_slot_t  *s;

    *twin = NULL;
    h = llm_name_hash(name, len);

    for (i = h & t->mask; ; i = (i + 1) & t->mask) {
        s = &t->slot[i];

        if (s->price == NULL) {
            return NULL;
        }

        if (s->hash != h || s->len != len) {
            continue;
        }

        if (memcmp(s->name, name, len) == 0) {
            return s;
        }

        if (*twin == NULL && llm_name_same(s->name, name, len)) {
            *twin = s;
        }
    }
}


uint32_t
llm_price_table_slots(uint32_t n)
{
    uint32_t  slots;

    for (slots = 16; slots / 2 < n && slots < 1u << 31; slots *= 2) {
        /* void */
    }

    return slots;
}


void
llm_price_table_init(llm_price_table_t *t, llm_price_slot_t *slots,
    uint32_t nslots)
{
    memset(t, 0, sizeof(llm_price_table_t));
    memset(slots, 0, nslots * sizeof(llm_price_slot_t));

    t->slot = slots;
    t->mask = nslots - 1;
}


/* A set of hashes, 0 being none.  Past three quarters it takes no more. */

static void
llm_price_table_add_family(llm_price_table_t *t, uint32_t family)
{
    uint32_t  i;

    for (i = family; t->family[i % LLM_NAME_FAMILIES]; i++) {
        if (t->family[i % LLM_NAME_FAMILIES] == family) {
            return;
        }
    }

    if (t->nfamilies < LLM_NAME_FAMILIES / 4 * 3) {
        t->family[i % LLM_NAME_FAMILIES] = family;
        t->nfamilies++;
    }
}


int
llm_price_table_family(const llm_price_table_t *t, uint32_t family)
{
    uint32_t  i;

    for (i = family; t->family[i % LLM_NAME_FAMILIES]; i++) {
        if (t->family[i % LLM_NAME_FAMILIES] == family) {
            return 1;
        }
    }

    return 0;
}


static int
llm_price_table_set(llm_price_table_t *t, llm_str_t name,
    const llm_price_t *price, unsigned flags)
{
    uint32_t           h, i;
    llm_price_slot_t  *s;

    if (name.len == 0 || name.len > LLM_NAME_MAX || price == NULL) {
        return LLM_NAME_BAD;
    }

    h = llm_name_hash(name.data, name.len);

    for (i = h & t->mask; ; i = (i + 1) & t->mask) {
        s = &t->slot[i];

        if (s->price == NULL) {
            break;
        }

        if (s->hash == h && s->len == name.len
            && memcmp(s->name, name.data, name.len) == 0)
        {
            if ((flags & LLM_NAME_F_ALIAS) && !(s->flags & LLM_NAME_F_ALIAS)) {
                return LLM_NAME_REPLACED;
            }

            s->price = price;
            s->flags = flags;

            return LLM_NAME_REPLACED;
        }
    }

    if (t->n >= t->mask - t->mask / 4) {
        return LLM_NAME_FULL;
    }

    s->name = name.data;
    s->len = name.len;
    s->hash = h;
    s->flags = flags;
    s->price = price;

    t->n++;

    return LLM_NAME_OK;
}


int
llm_price_table_put(llm_price_table_t *t, llm_str_t name,
    const llm_price_t *price)
{
    int  rc;

    rc = llm_price_table_set(t, name, price, 0);

    if (rc >= 0 && price->family) {
        llm_price_table_add_family(t, price->family);
    }

    return rc;
}


int
llm_price_table_alias(llm_price_table_t *t, llm_str_t name,
    const llm_price_t *price)
{
    return llm_price_table_set(t, name, price, LLM_NAME_F_ALIAS);
}


const llm_price_t *
llm_price_table_get(const llm_price_table_t *t, llm_str_t name)
{
    const llm_price_slot_t  *s, *twin;

    s = llm_price_table_probe(t, name.data, name.len, &twin);

    return s ? s->price : NULL;
}
