
/*
 * Copyright (C) ngx_llm_module authors
 */


#include "llm_price_field.h"
#include "llm_price_key.h"


static const struct {
    llm_str_t  name;
    uint8_t    mode;
} llm_price_modes[] = {
    { llm_string("chat"), LLM_MODE_CHAT },
    { llm_string("completion"), LLM_MODE_COMPLETION },
    { llm_string("responses"), LLM_MODE_RESPONSES },
    { llm_string("embedding"), LLM_MODE_EMBEDDING },
    { llm_string("rerank"), LLM_MODE_RERANK },
    { llm_string("moderation"), LLM_MODE_MODERATION }
};


/* A number, or one in a string: 1.  Null is as if the key were not there. */

static int
llm_price_field_number(llm_price_list_t *l, const llm_json_event_t *ev)
{
    if (ev->type == LLM_JSON_NULL) {
        return 0;
    }

    if ((ev->type != LLM_JSON_NUMBER && ev->type != LLM_JSON_STRING)
        || (ev->flags & LLM_JSON_E_CUT))
    {
        llm_price_list_bad(l, ev, llm_price_errors[LLM_PRICE_NOT_A_NUMBER]);
        return 0;
    }

    return 1;
}


static int
llm_price_field_rate(llm_price_list_t *l, const llm_json_event_t *ev,
    unsigned rate, llm_u128_t *v)
{
    llm_price_e  rc;

    if (!llm_price_field_number(l, ev)) {
        return 0;
    }

    rc = llm_price_rate(rate, ev->text, v);

    if (rc != LLM_PRICE_OK) {
        llm_price_list_bad(l, ev, llm_price_errors[rc]);
        return 0;
    }

    return 1;
}


static void
llm_price_field_count(llm_price_list_t *l, const llm_json_event_t *ev,
    uint32_t *v)
{
    uint64_t       n;
    llm_decimal_e  rc;

    if (!llm_price_field_number(l, ev)) {
        return;
    }

    rc = llm_decimal_count(ev->text, &n);

    switch (rc) {

    case LLM_DECIMAL_NEGATIVE:
        llm_price_list_bad(l, ev, llm_price_errors[LLM_PRICE_NEGATIVE]);
        return;

    case LLM_DECIMAL_NOT_A_NUMBER:
        llm_price_list_bad(l, ev, llm_price_errors[LLM_PRICE_NOT_A_NUMBER]);
        return;

    default:
        *v = (uint32_t) llm_min(n, UINT32_MAX);
    }
}


static void
llm_price_field_price(llm_price_list_t *l, const llm_json_event_t *ev)
{
    int               level;
    llm_u128_t        v;
    llm_price_key_t   k;

    switch (llm_price_key(ev->key, &k)) {

    case LLM_PRICE_KEY_RATE:
        if (!llm_price_field_rate(l, ev, k.rate, &v)) {
            return;
        }

        level = LLM_LEVEL_BASE;

        if (k.sized) {
            level = llm_price_draft_level(&l->draft, k.above, LLM_SET_ABOVE);

            if (level < 0) {
                llm_price_list_bad(l, ev,
                                   llm_price_errors[LLM_PRICE_TOO_MANY]);
                return;
            }
        }

        if (k.weak && (l->draft.mask[level][k.tier] & (1u << k.rate))) {
            return;
        }

        llm_price_draft_set(&l->draft, level, k.tier, k.rate, v);
        return;

    case LLM_PRICE_KEY_QUERY:
        if (llm_price_field_rate(l, ev, LLM_RATE_REQUEST, &l->query)) {
            l->has_query = 1;
            l->units |= (l->query != 0);
            l->draft.flags |= l->query ? LLM_PRICE_F_UNITS : 0;
        }

        return;

    case LLM_PRICE_KEY_UNITS:
        if (ev->type == LLM_JSON_OBJECT) {
            l->draft.flags |= LLM_PRICE_F_UNITS;
            l->draft.extras |= k.extra;
            return;
        }

        if ((ev->type == LLM_JSON_NUMBER || ev->type == LLM_JSON_STRING)
            && llm_decimal_scaled(ev->text, LLM_FINE_DIGITS, &v)
               == LLM_DECIMAL_OK
            && v)
        {
            l->draft.flags |= LLM_PRICE_F_UNITS;
            l->draft.extras |= k.extra;
            l->units = 1;
        }

        return;

    default:
        return;
    }
}


/*
 * A web search is charged a call of the tool, by the size of the context
 * that is searched.  The request says the size, and we do not: the middle
 * one is kept, and that there are others.  A bare number is all three.
 */

static void
llm_price_field_search(llm_price_list_t *l, const llm_json_event_t *ev)
{
    unsigned    i;
    llm_u128_t  v;

    if (ev->slot == LLM_PRICE_SLOT_SEARCH) {

        if (ev->type == LLM_JSON_OBJECT) {
            return;
        }

        if (llm_price_field_rate(l, ev, LLM_RATE_SEARCH, &v)) {
            l->search[0] = l->search[1] = l->search[2] = v;
            l->searches = 7;
        }

        return;
    }

    i = ev->slot - LLM_PRICE_SLOT_SEARCH_LOW;

    if (llm_price_field_rate(l, ev, LLM_RATE_SEARCH, &l->search[i])) {
        l->searches |= 1u << i;
    }
}


static void
llm_price_field_search_end(llm_price_list_t *l)
{
    unsigned    i, kept;

    kept = (l->searches & 2) ? 1 : (l->searches & 1) ? 0 : 2;

    if (l->searches == 0 || l->search[kept] == 0) {
        l->draft.flags &= ~LLM_PRICE_F_SEARCHES;
        return;
    }

    for (i = 0; i < 3; i++) {
        if (!(l->searches & (1u << i)) || l->search[i] != l->search[kept]) {
            l->draft.flags |= LLM_PRICE_F_SIZES;
        }
    }

    l->draft.flags |= LLM_PRICE_F_UNITS;

    llm_price_draft_set(&l->draft, LLM_LEVEL_BASE, LLM_TIER_STANDARD,
                        LLM_RATE_SEARCH, l->search[kept]);
}


static void
llm_price_field_range_open(llm_price_list_t *l)
{
    l->bounds = 0;
    memset(l->range_mask, 0, sizeof(l->range_mask));
}


static void
llm_price_field_range_field(llm_price_list_t *l, const llm_json_event_t *ev)
{
    llm_u128_t       v;
    llm_price_key_t  k;

    if (llm_price_key(ev->key, &k) != LLM_PRICE_KEY_RATE || k.sized) {
        return;
    }

    if (!llm_price_field_rate(l, ev, k.rate, &v)) {
        return;
    }

    if (k.weak && (l->range_mask[k.tier] & (1u << k.rate))) {
        return;
    }

    l->range_rate[k.tier][k.rate] = v;
    l->range_mask[k.tier] |= 1u << k.rate;
}


static void
llm_price_field_range_bound(llm_price_list_t *l, const llm_json_event_t *ev)
{
    uint32_t  v;

    v = UINT32_MAX;

    llm_price_field_count(l, ev, &v);

    if (l->bounds < 2) {
        l->bound[l->bounds] = v;
    }

    l->bounds += (l->bounds < 3);
}


/*
 * An element without a range is about something else (how many results a
 * search gives, say).
 */

static void
llm_price_field_range_close(llm_price_list_t *l, const llm_json_event_t *ev)
{
    int       level;
    unsigned  tier, r;

    if (l->bounds == 0) {
        return;
    }

    if (l->bounds != 2 || l->bound[0] >= l->bound[1]) {
        llm_price_list_bad(l, ev, "has a range that is none");
        return;
    }

    level = llm_price_draft_level(&l->draft, l->bound[0], LLM_SET_RANGE);

    if (level < 0) {
        llm_price_list_bad(l, ev, llm_price_errors[LLM_PRICE_TOO_MANY]);
        return;
    }

    for (tier = 0; tier < LLM_PRICE_TIERS; tier++) {
        for (r = 0; r < LLM_RATE_N; r++) {
            if (l->range_mask[tier] & (1u << r)) {
                llm_price_draft_set(&l->draft, level, tier, r,
                                    l->range_rate[tier][r]);
            }
        }
    }
}


/*
 * provider_specific_entry is a free-for-all: a key of it that is no number
 * is something else of that name.
 */

static void
llm_price_field_factor(llm_price_list_t *l, const llm_json_event_t *ev)
{
    unsigned     f;
    llm_price_e  rc;

    f = ev->slot - LLM_PRICE_SLOT_FACTOR;

    if ((f == LLM_FACTOR_GEO_US || f == LLM_FACTOR_FAST)
        && ev->type != LLM_JSON_NUMBER)
    {
        return;
    }

    if (!llm_price_field_number(l, ev)) {
        return;
    }

    rc = llm_price_draft_factor(&l->draft, f, ev->text);

    if (rc != LLM_PRICE_OK) {
        llm_price_list_bad(l, ev, llm_price_errors[rc]);
    }
}


static void
llm_price_field_alias(llm_price_list_t *l, const llm_json_event_t *ev)
{
    llm_str_t  *a;

    if (ev->type != LLM_JSON_STRING || ev->text.len == 0
        || (ev->flags & LLM_JSON_E_CUT))
    {
        return;
    }

    if (l->naliases == LLM_PRICE_ALIASES
        || ev->text.len > sizeof(l->alias_text) - l->alias_used)
    {
        llm_price_list_bad(l, ev, "is one alias too many for a model");
        return;
    }

    a = &l->alias[l->naliases++];
    a->data = l->alias_text + l->alias_used;
    a->len = ev->text.len;

    memcpy(l->alias_text + l->alias_used, ev->text.data, ev->text.len);
    l->alias_used += ev->text.len;
}


static void
llm_price_field_provider(llm_price_list_t *l, const llm_json_event_t *ev)
{
    if (ev->type == LLM_JSON_STRING && ev->text.len) {
        l->draft.family = llm_price_family(ev->text);

        if (llm_str_is(ev->text, "xai")) {
            l->draft.flags |= LLM_PRICE_F_AT;

        } else if (llm_str_is(ev->text, "perplexity")) {
            l->draft.flags |= LLM_PRICE_F_SEARCHES;
        }
    }
}


static void
llm_price_field_mode(llm_price_list_t *l, const llm_json_event_t *ev)
{
    size_t  i;

    if (ev->type != LLM_JSON_STRING) {
        return;
    }

    l->draft.mode = LLM_MODE_OTHER;

    for (i = 0; i < sizeof(llm_price_modes) / sizeof(llm_price_modes[0]); i++)
    {
        if (llm_str_eq(ev->text, (const char *) llm_price_modes[i].name.data,
                       llm_price_modes[i].name.len))
        {
            l->draft.mode = llm_price_modes[i].mode;
        }
    }
}


static int
llm_price_field_free(const llm_price_draft_t *d)
{
    unsigned  i, tier, r;

    for (i = 0; i < d->nlevels; i++) {
        for (tier = 0; tier < LLM_PRICE_TIERS; tier++) {
            for (r = 0; r < LLM_RATE_SEARCH; r++) {
                if ((d->mask[i][tier] & (1u << r)) && d->rate[i][tier][r]) {
                    return 0;
                }
            }
        }
    }

    return 1;
}


void
llm_price_field_begin(llm_price_list_t *l)
{
    l->units = 0;
    l->has_query = 0;
    l->searches = 0;
    l->naliases = 0;
    l->alias_used = 0;

    llm_price_draft_init(&l->draft);
}


void
llm_price_field_end(llm_price_list_t *l)
{
    llm_price_draft_t  *d;

    d = &l->draft;

    if (d->mode == LLM_MODE_RERANK && l->has_query
        && !(d->mask[LLM_LEVEL_BASE][LLM_TIER_STANDARD]
             & (1u << LLM_RATE_REQUEST)))
    {
        llm_price_draft_set(d, LLM_LEVEL_BASE, LLM_TIER_STANDARD,
                            LLM_RATE_REQUEST, l->query);
    }

    if (l->units && llm_price_field_free(d)) {
        memset(d->mask, 0, sizeof(d->mask));
        d->nlevels = 1;
        return;
    }

    llm_price_field_search_end(l);
}


void
llm_price_field(llm_price_list_t *l, const llm_json_event_t *ev)
{
    switch (ev->slot) {

    case LLM_PRICE_SLOT_FIELD:
        llm_price_field_price(l, ev);
        return;

    case LLM_PRICE_SLOT_ALIAS:
        llm_price_field_alias(l, ev);
        return;

    case LLM_PRICE_SLOT_TIMED:
        if (ev->type == LLM_JSON_OBJECT || ev->type == LLM_JSON_ARRAY) {
            l->draft.flags |= LLM_PRICE_F_TIMED;
        }

        return;

    case LLM_PRICE_SLOT_SEARCH:
    case LLM_PRICE_SLOT_SEARCH_LOW:
    case LLM_PRICE_SLOT_SEARCH_MEDIUM:
    case LLM_PRICE_SLOT_SEARCH_HIGH:
        llm_price_field_search(l, ev);
        return;

    case LLM_PRICE_SLOT_RANGE:
        if (ev->type == LLM_JSON_OBJECT) {
            llm_price_field_range_open(l);

        } else if (ev->type == LLM_JSON_CLOSE) {
            llm_price_field_range_close(l, ev);
        }

        return;

    case LLM_PRICE_SLOT_RANGE_FIELD:
        llm_price_field_range_field(l, ev);
        return;

    case LLM_PRICE_SLOT_RANGE_BOUND:
        llm_price_field_range_bound(l, ev);
        return;

    case LLM_PRICE_SLOT_PROVIDER:
        llm_price_field_provider(l, ev);
        return;

    case LLM_PRICE_SLOT_MODE:
        llm_price_field_mode(l, ev);
        return;

    case LLM_PRICE_SLOT_MAX_INPUT:
        llm_price_field_count(l, ev, &l->draft.max_input);
        return;

    case LLM_PRICE_SLOT_MAX_OUTPUT:
        llm_price_field_count(l, ev, &l->draft.max_output);
        return;

    default:
        llm_price_field_factor(l, ev);
    }
}
