
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Reads a price list as it comes, in pieces of any size, and hands out one
 * model at a time.  The list is data from outside: every number is checked,
 * everything is bounded, and the first thing that cannot be meant stops the
 * reading with its place and its name.  An unknown key is nobody's mistake
 * and is passed over.
 *
 * What a list must not do is turn into wrong money silently:
 *
 * - an absent rate stays absent;
 * - a model that charges tokens nothing but something else (an image, a
 *   second) a good deal is kept as known but unpriced, for a cost of 0 would
 *   be a lie; what a rerank model takes for a query is its fee for a call;
 * - rates that depend on the hour or the date are not read: the plain ones
 *   hold, and the price says so (LLM_PRICE_F_TIMED).
 */


#include "llm_price_field.h"


#define SLOT(s)    LLM_PRICE_SLOT_##s
#define FACTOR(f)  (LLM_PRICE_SLOT_FACTOR + LLM_FACTOR_##f)

#define OPEN  LLM_JSON_F_OPEN
#define BOTH  (LLM_JSON_F_OPEN | LLM_JSON_F_CLOSE)


static const llm_json_row_t  llm_price_rows[] = {
    { "*", SLOT(ENTRY), BOTH },
    { "*.*", SLOT(FIELD), OPEN },
    { "*.aliases[]", SLOT(ALIAS), 0 },
    { "*.off_peak_pricing", SLOT(TIMED), OPEN },
    { "*.pricing_periods", SLOT(TIMED), OPEN },
    { "*.search_context_cost_per_query", SLOT(SEARCH), OPEN },
    { "*.search_context_cost_per_query.search_context_size_low",
      SLOT(SEARCH_LOW), OPEN },
    { "*.search_context_cost_per_query.search_context_size_medium",
      SLOT(SEARCH_MEDIUM), OPEN },
    { "*.search_context_cost_per_query.search_context_size_high",
      SLOT(SEARCH_HIGH), OPEN },
    { "*.tiered_pricing[]", SLOT(RANGE), BOTH },
    { "*.tiered_pricing[].*", SLOT(RANGE_FIELD), OPEN },
    { "*.tiered_pricing[].range[]", SLOT(RANGE_BOUND), OPEN },
    { "*.litellm_provider", SLOT(PROVIDER), 0 },
    { "*.mode", SLOT(MODE), 0 },
    { "*.max_input_tokens", SLOT(MAX_INPUT), OPEN },
    { "*.max_output_tokens", SLOT(MAX_OUTPUT), OPEN },
    { "*.regional_processing_uplift_multiplier_eu",
      FACTOR(EU), OPEN },
    { "*.regional_processing_uplift_multiplier_us",
      FACTOR(US), OPEN },
    { "*.provider_specific_entry.us", FACTOR(GEO_US), OPEN },
    { "*.provider_specific_entry.fast", FACTOR(FAST), OPEN },
    { "*.regional_endpoint_uplift_multiplier",
      FACTOR(REGIONAL), OPEN }
};

#define LLM_PRICE_NROWS  (sizeof(llm_price_rows) / sizeof(llm_price_rows[0]))


/* Top-level keys that look like models. */

static const llm_str_t  llm_price_skipped[] = {
    llm_string("sample_spec"),
    llm_string("fallback_generalizations")
};


static uint64_t
llm_price_list_lines(const uint8_t *p, const uint8_t *e)
{
    uint64_t  n;

    for (n = 0; p != e && (p = memchr(p, '\n', e - p)) != NULL; p++) {
        n++;
    }

    return n;
}


/* The first error stays; at is an offset in the file. */

static void
llm_price_list_fail(llm_price_list_t *l, const char *what, uint64_t at,
    uint64_t end, llm_str_t key)
{
    llm_price_error_t  *e;

    if (l->status != LLM_PRICE_LIST_OK) {
        return;
    }

    l->status = LLM_PRICE_LIST_ERROR;

    e = &l->error;
    e->what = what;
    e->offset = at;
    e->line = l->line;

    if (l->piece && end > l->base) {
        e->line += llm_price_list_lines(l->piece, l->piece + (end - l->base));
    }

    e->entry.len = l->inside ? l->name_len : 0;

    e->key.len = llm_min(key.len, sizeof(l->field));
    memcpy(l->field, key.data, e->key.len);
}


/* Fields of fixed names have no key text in their events. */

static llm_str_t
llm_price_list_key(const llm_json_event_t *ev)
{
    size_t       i;
    llm_str_t    key;
    const char  *p, *dot;

    if (ev->key.len) {
        return ev->key;
    }

    key.data = (const uint8_t *) "";
    key.len = 0;

    for (i = 0; i < LLM_PRICE_NROWS; i++) {

        if (llm_price_rows[i].slot != ev->slot) {
            continue;
        }

        p = llm_price_rows[i].path;
        dot = strchr(p, '.');
        p = dot ? dot + 1 : p;

        if (*p != '*') {
            key.data = (const uint8_t *) p;
            key.len = strlen(p);
        }

        break;
    }

    return key;
}


void
llm_price_list_bad(llm_price_list_t *l, const llm_json_event_t *ev,
    const char *what)
{
    llm_price_list_fail(l, what, ev->start, ev->end, llm_price_list_key(ev));
}


static void
llm_price_list_entry_open(llm_price_list_t *l, const llm_json_event_t *ev)
{
    size_t  i;

    if (ev->type == LLM_JSON_CLOSE) {
        return;
    }

    if (ev->type != LLM_JSON_OBJECT || ev->key.len == 0
        || (ev->flags & LLM_JSON_E_CUT))
    {
        l->stat.skipped++;
        return;
    }

    for (i = 0;
         i < sizeof(llm_price_skipped) / sizeof(llm_price_skipped[0]);
         i++)
    {
        if (llm_str_eq(ev->key, (const char *) llm_price_skipped[i].data,
                       llm_price_skipped[i].len))
        {
            l->stat.skipped++;
            return;
        }
    }

    l->inside = 1;

    l->name_len = llm_min(ev->key.len, sizeof(l->name));
    memcpy(l->name, ev->key.data, l->name_len);

    llm_price_field_begin(l);
}


static void
llm_price_list_entry_close(llm_price_list_t *l, const llm_json_event_t *ev)
{
    llm_str_t           none = llm_string("");
    llm_price_e         rc;
    llm_price_t        *p;
    llm_price_entry_t   entry;

    llm_price_field_end(l);

    p = (llm_price_t *) l->packed;

    rc = llm_price_pack(&l->draft, p);
    if (rc != LLM_PRICE_OK) {
        llm_price_list_fail(l, llm_price_errors[rc], ev->start, ev->end, none);
        return;
    }

    l->inside = 0;

    l->stat.models++;
    l->stat.priced += ((p->flags & LLM_PRICE_F_PRICED) != 0);
    l->stat.timed += ((p->flags & LLM_PRICE_F_TIMED) != 0);
    l->stat.units += ((p->flags & LLM_PRICE_F_UNITS) != 0);
    l->stat.aliases += l->naliases;

    entry.name.data = l->name;
    entry.name.len = l->name_len;
    entry.price = p;
    entry.alias = l->alias;
    entry.naliases = l->naliases;

    if (l->entry(l->data, &entry) != 0) {
        l->status = LLM_PRICE_LIST_STOPPED;
    }
}


static void
llm_price_list_sink(void *data, const llm_json_event_t *ev)
{
    llm_price_list_t  *l = data;

    if (l->status != LLM_PRICE_LIST_OK) {
        return;
    }

    if (!l->inside) {

        if (ev->slot == LLM_PRICE_SLOT_ENTRY) {
            llm_price_list_entry_open(l, ev);
        }

        return;
    }

    if (ev->slot == LLM_PRICE_SLOT_ENTRY) {
        llm_price_list_entry_close(l, ev);
        return;
    }

    llm_price_field(l, ev);
}


int
llm_price_list_init(llm_price_list_t *l, llm_price_entry_pt entry, void *data)
{
    memset(l, 0, sizeof(llm_price_list_t));

    l->entry = entry;
    l->data = data;
    l->line = 1;
    l->error.entry.data = l->name;
    l->error.key.data = l->field;

    if (llm_json_compile(&l->table, llm_price_rows, LLM_PRICE_NROWS)
        != LLM_JSON_OK)
    {
        l->status = LLM_PRICE_LIST_ERROR;
        l->error.what = "cannot be read: the scanner's table is too small";
        return LLM_PRICE_LIST_ERROR;
    }

    llm_json_init(&l->json, &l->table, llm_price_list_sink, l);
    l->json.key = l->key;

    return LLM_PRICE_LIST_OK;
}


/* Is the first thing in the file an object? */

static void
llm_price_list_begin(llm_price_list_t *l, const uint8_t *p, size_t len)
{
    size_t     i;
    llm_str_t  none = llm_string("");

    for (i = 0; i < len; i++) {

        if (p[i] == ' ' || p[i] == '\t' || p[i] == '\n' || p[i] == '\r') {
            continue;
        }

        if (p[i] != '{') {
            llm_price_list_fail(l, "is not a JSON object of models",
                                l->base + i, l->base + i, none);
            return;
        }

        l->began = 1;
        return;
    }
}


int
llm_price_list_feed(llm_price_list_t *l, const uint8_t *p, size_t len)
{
    llm_str_t  none = llm_string("");

    if (l->status != LLM_PRICE_LIST_OK || len == 0) {
        return l->status;
    }

    l->piece = p;

    if (!l->began) {
        llm_price_list_begin(l, p, len);
    }

    if (l->status == LLM_PRICE_LIST_OK
        && llm_json_feed(&l->json, p, len) != LLM_JSON_OK)
    {
        llm_price_list_fail(l, "is not JSON", l->json.offset, l->json.offset,
                            none);
    }

    l->piece = NULL;
    l->line += llm_price_list_lines(p, p + len);
    l->base += len;

    return l->status;
}


int
llm_price_list_end(llm_price_list_t *l)
{
    llm_str_t  none = llm_string("");

    if (l->status != LLM_PRICE_LIST_OK) {
        return l->status;
    }

    if (!l->began) {
        llm_price_list_fail(l, "is empty", l->base, l->base, none);

    } else if (llm_json_end(&l->json) != LLM_JSON_OK) {
        llm_price_list_fail(l, "ends in the middle", l->base, l->base, none);

    } else if (l->stat.priced == 0) {
        llm_price_list_fail(l, "has no model with a price", l->base, l->base,
                            none);
    }

    return l->status;
}
