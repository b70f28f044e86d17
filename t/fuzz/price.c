
/*
 * Copyright (C) ngx_llm_module authors
 *
 * A price list out of anything.  The first byte plans how the rest is cut
 * into pieces, each in an allocation of its exact size; the outcome must be
 * that of the whole in one piece: the same models, the same numbers, the
 * same error at the same place.  What is handed out is costed, put into a
 * table, and found again; the text is also tried as a name and a number.
 */


#include <stdio.h>
#include <stdlib.h>

#include "llm_name.h"
#include "llm_price_list.h"


#define SLOTS  64

#define CHECK(x)                                                              \
    do {                                                                      \
        if (!(x)) {                                                           \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);           \
            abort();                                                          \
        }                                                                     \
    } while (0)


typedef struct {
    llm_price_list_t    list;
    llm_price_table_t   table;
    llm_price_slot_t    slots[SLOTS];
    void               *kept[SLOTS * (LLM_PRICE_ALIASES + 2)];
    size_t              nkept;
    uint64_t            digest;
} run_t;


static void
mix(run_t *r, const void *p, size_t len)
{
    const uint8_t  *b = p;

    while (len--) {
        r->digest = (r->digest ^ *b++) * 0x100000001b3ull;
    }
}


static void *
keep(run_t *r, const void *p, size_t len)
{
    void  *copy;

    copy = malloc(len ? len : 1);
    CHECK(copy != NULL);
    CHECK(r->nkept < sizeof(r->kept) / sizeof(r->kept[0]));

    r->kept[r->nkept++] = copy;

    return memcpy(copy, p, len);
}


/* Within the limits, and saturated only at the limit. */

static int
costs(const llm_price_t *p, const llm_bill_t *bill, llm_cost_t *cost)
{
    if (!llm_cost_bill(p, bill, cost)) {
        CHECK(cost->nano == 0 && cost->flags == 0);
        CHECK(cost->missing || !(p->flags & LLM_PRICE_F_PRICED));
        return 0;
    }

    CHECK(p->flags & LLM_PRICE_F_PRICED);
    CHECK(cost->missing == 0);
    CHECK(cost->nano <= LLM_COST_MAX);
    CHECK(!(cost->flags & LLM_COST_SATURATED) || cost->nano == LLM_COST_MAX);

    return 1;
}


/*
 * One more of anything is never cheaper.  Of input only while the size, and
 * with it the rates, stay the same; of cache and reasoning only beside the
 * rest, for in place of other tokens they may well be cheaper.
 */

static void
more(const llm_price_t *p, llm_bill_t *bill, const llm_cost_t *cost)
{
    unsigned       i;
    llm_cost_t     dearer;
    llm_tokens_t   t;

    t = *bill->tokens;

    if (t.output < UINT64_MAX) {
        t.output++;
        bill->tokens = &t;

        if (costs(p, bill, &dearer)) {
            CHECK(dearer.nano >= cost->nano);
        }

        t.output--;
    }

    if (t.input < UINT64_MAX && p->nsets == 1) {
        t.input++;
        bill->tokens = &t;

        if (costs(p, bill, &dearer)) {
            CHECK(dearer.nano >= cost->nano);
        }

        t.input--;
    }

    for (i = 0; i < 2; i++) {
        uint64_t  *n = i ? &bill->queries : &bill->searches;

        if (*n < UINT64_MAX) {
            (*n)++;
            CHECK(costs(p, bill, &dearer));
            CHECK(dearer.nano >= cost->nano);
            (*n)--;
        }
    }

    CHECK(costs(p, bill, &dearer));
    CHECK(dearer.nano == cost->nano && dearer.flags == cost->flags);
}


static void
spend(const llm_price_t *p)
{
    unsigned      i, tier, f;
    llm_bill_t    bill;
    llm_cost_t    cost;
    llm_tokens_t  t;

    static const uint64_t  counts[] = {
        0, 1, 1000, 128000, 128001, 200001, UINT32_MAX, UINT64_MAX
    };

    static const uint8_t  factors[] = { 0, 1, 2, 4, 8, 16, 12, 255 };

    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {

        t.input = counts[i];
        t.output = counts[i] / 2;
        t.cache_read = counts[i] / 3;
        t.cache_write = counts[i] / 4;
        t.cache_write_1h = counts[i] / 5;
        t.reasoning = counts[i] / 7;

        for (tier = 0; tier <= LLM_PRICE_TIERS; tier++) {
            for (f = 0; f < sizeof(factors); f++) {

                bill.tokens = &t;
                bill.queries = counts[i] / 11;
                bill.searches = counts[i] / 13;
                bill.tier = tier;
                bill.factors = factors[f];
                bill.extras = i;

                if (costs(p, &bill, &cost)) {
                    more(p, &bill, &cost);
                }

                bill.tokens = NULL;
                (void) costs(p, &bill, &cost);
            }
        }
    }
}


static int
entry(void *data, const llm_price_entry_t *e)
{
    size_t         i, size;
    run_t         *r = data;
    llm_str_t      name;
    llm_price_t   *p;

    size = llm_price_size(e->price);

    CHECK(size <= LLM_PRICE_MAX_SIZE);
    CHECK(e->name.len > 0 && e->name.len <= LLM_JSON_TEXT);
    CHECK(e->price->nsets > 0 && e->price->scale <= 9);

    mix(r, e->name.data, e->name.len);
    mix(r, e->price, size);

    if (r->table.n >= SLOTS / 2) {
        spend(e->price);
        return 0;
    }

    if (r->nkept + 2 + e->naliases > sizeof(r->kept) / sizeof(r->kept[0])) {
        return 1;
    }

    p = keep(r, e->price, size);
    name.data = keep(r, e->name.data, e->name.len);
    name.len = e->name.len;

    CHECK(llm_price_table_put(&r->table, name, p) >= 0);
    CHECK(llm_price_table_get(&r->table, name) == p);

    for (i = 0; i < e->naliases; i++) {
        mix(r, e->alias[i].data, e->alias[i].len);

        name.data = keep(r, e->alias[i].data, e->alias[i].len);
        name.len = e->alias[i].len;

        if (llm_price_table_alias(&r->table, name, p) != LLM_NAME_FULL) {
            CHECK(llm_price_table_get(&r->table, name) != NULL);
        }
    }

    spend(p);

    return 0;
}


static run_t *
run(const uint8_t *data, size_t len, uint32_t plan)
{
    int       rc;
    run_t    *r;
    size_t    n;
    uint8_t  *piece;

    r = calloc(1, sizeof(run_t));
    CHECK(r != NULL);

    llm_price_table_init(&r->table, r->slots, SLOTS);
    CHECK(llm_price_list_init(&r->list, entry, r) == LLM_PRICE_LIST_OK);

    rc = LLM_PRICE_LIST_OK;

    while (len && rc == LLM_PRICE_LIST_OK) {
        n = len;

        if (plan) {
            plan = plan * 1103515245 + 12345;
            n = 1 + ((plan >> 16) & ((plan & 0x8000) ? 3 : 63));
            n = llm_min(n, len);
        }

        piece = malloc(n);
        CHECK(piece != NULL);
        memcpy(piece, data, n);

        rc = llm_price_list_feed(&r->list, piece, n);

        free(piece);
        data += n;
        len -= n;
    }

    if (rc == LLM_PRICE_LIST_OK) {
        rc = llm_price_list_end(&r->list);
    }

    CHECK(rc == r->list.status);
    CHECK((rc == LLM_PRICE_LIST_ERROR) == (r->list.error.what != NULL));

    return r;
}


static void
release(run_t *r)
{
    while (r->nkept) {
        free(r->kept[--r->nkept]);
    }

    free(r);
}


static void
same(const run_t *a, const run_t *b)
{
    const llm_price_error_t  *x, *y;

    x = &a->list.error;
    y = &b->list.error;

    CHECK(a->list.status == b->list.status);
    CHECK(a->digest == b->digest);
    CHECK(memcmp(&a->list.stat, &b->list.stat, sizeof(a->list.stat)) == 0);
    CHECK(x->what == y->what);
    CHECK(x->offset == y->offset && x->line == y->line);
    CHECK(x->entry.len == y->entry.len);
    CHECK(memcmp(x->entry.data, y->entry.data, x->entry.len) == 0);
    CHECK(x->key.len == y->key.len);
    CHECK(memcmp(x->key.data, y->key.data, x->key.len) == 0);
}


static void
names(const run_t *r, const uint8_t *data, size_t len)
{
    size_t               i, cut;
    uint8_t             *text, *end, buf[LLM_DECIMAL_LEN];
    uint64_t             v;
    llm_match_e          how;
    llm_name_query_t     q;
    llm_place_t          place;
    const llm_price_t   *p;

    static const llm_str_t  providers[] = {
        llm_string(""), llm_string("openai"), llm_string("aws.bedrock"),
        llm_string("azure.ai.openai"), llm_string("corp")
    };

    text = malloc(len ? len : 1);
    CHECK(text != NULL);
    memcpy(text, data, len);

    cut = len ? text[0] % len : 0;
    memset(&q, 0, sizeof(q));

    for (i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
        q.provider = providers[i];
        q.guessed = i & 1;
        q.answered.data = text;
        q.answered.len = cut;
        q.asked.data = text + cut;
        q.asked.len = len - cut;
        q.region.data = text;
        q.region.len = llm_min(cut, 12);

        p = llm_price_find(&r->table, &q, &how);
        CHECK((p != NULL) == (how != LLM_MATCH_NONE));
    }

    q.asked.data = text;
    q.asked.len = len;

    if (llm_decimal_u64(q.asked, LLM_FEMTO_DIGITS, &v)
        <= LLM_DECIMAL_OK)
    {
        end = llm_decimal_print_nano(buf, v);
        CHECK(end <= buf + sizeof(buf));
    }

    CHECK(llm_price_tier(q.asked) < LLM_PRICE_TIERS);
    (void) llm_price_geo(q.asked);
    (void) llm_price_speed(q.asked);

    llm_price_place(q.asked, &place);
    CHECK(place.region.len <= len);

    free(text);
}


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    run_t     *a, *b;
    uint32_t   plan;

    if (len < 2) {
        return 0;
    }

    plan = data[0] * 2654435761u + 1;
    data++;
    len--;

    a = run(data, len, 0);
    b = run(data, len, plan);

    same(a, b);
    names(a, data, len);

    release(b);
    release(a);

    return 0;
}
