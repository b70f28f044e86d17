
/*
 * Copyright (C) ngx_llm_module authors
 *
 * A price is a handful of sets.  A set holds the rates that are given for
 * one service tier at one size of input; the first set is always the plain
 * one, if only an empty one.  What a set does not give is looked for in the
 * next more general one (llm_cost.c), so nothing is copied between them and
 * "absent" never turns into 0.
 *
 * Rates are integers in one unit for the whole price, 10^-(15 + scale) USD.
 * scale is 0, femto-USD, for whatever a provider publishes.  Lists made by
 * dividing floating-point numbers write rates such as 2.9999900000000002e-06
 * all the same; those get a finer unit, so that a cost is exact to the
 * number as written.  Rates finer than 1e-24 are rounded half up there.
 *
 * Invariants of a packed price, relied upon without checks by llm_cost():
 * nsets >= 1, set 0 is LLM_SET_BASE of the standard tier, (tier, kind,
 * above) never twice, first + popcount(mask) within the rates, scale <= 9.
 */


#include "llm_price.h"


#define LLM_SCALE_MAX     (LLM_FINE_DIGITS - LLM_FEMTO_DIGITS)

#define LLM_TOKEN_LIMIT   1       /* USD a token */
#define LLM_CALL_LIMIT    10000   /* USD a call; fits 64 bits in femto-USD */
#define LLM_FACTOR_LIMIT  1000


const char *const  llm_price_errors[] = {
    "",
    "is not a number",
    "is negative",
    "is absurd: more than 1 USD a token or 10000 USD a call",
    "is one rate or threshold too many for a model",
    "is no factor between 0 and 1000"
};


static const uint64_t  llm_pow10[LLM_SCALE_MAX + 1] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000
};


void
llm_price_draft_init(llm_price_draft_t *d)
{
    memset(d->mask, 0, sizeof(d->mask));

    d->kind[LLM_LEVEL_BASE] = LLM_SET_BASE;
    d->above[LLM_LEVEL_BASE] = 0;
    d->nlevels = 1;

    d->family = 0;
    d->max_input = 0;
    d->max_output = 0;
    d->mode = LLM_MODE_UNKNOWN;
    d->flags = 0;
    d->factors = 0;
    d->extras = 0;
}


int
llm_price_draft_level(llm_price_draft_t *d, uint32_t above, unsigned kind)
{
    unsigned  i;

    for (i = 1; i < d->nlevels; i++) {
        if (d->above[i] == above && d->kind[i] == kind) {
            return i;
        }
    }

    if (i > LLM_PRICE_LEVELS) {
        return -1;
    }

    d->above[i] = above;
    d->kind[i] = kind;
    d->nlevels++;

    return i;
}


static llm_price_e
llm_price_error(llm_decimal_e rc)
{
    switch (rc) {
    case LLM_DECIMAL_OK:
        return LLM_PRICE_OK;
    case LLM_DECIMAL_NEGATIVE:
        return LLM_PRICE_NEGATIVE;
    case LLM_DECIMAL_TOO_LARGE:
        return LLM_PRICE_ABSURD;
    default:
        return LLM_PRICE_NOT_A_NUMBER;
    }
}


static llm_price_e
llm_price_read(unsigned rate, llm_str_t usd, int digits, llm_u128_t *v)
{
    llm_u128_t   limit;
    llm_price_e  rc;

    rc = llm_price_error(llm_decimal_scaled(usd, digits, v));
    if (rc != LLM_PRICE_OK) {
        return rc;
    }

    limit = llm_rate_is_fee(rate) ? LLM_CALL_LIMIT : LLM_TOKEN_LIMIT;
    limit *= (llm_u128_t) 1000000000000 * 1000000000000;

    return (*v > limit) ? LLM_PRICE_ABSURD : LLM_PRICE_OK;
}


llm_price_e
llm_price_rate(unsigned rate, llm_str_t usd, llm_u128_t *v)
{
    return llm_price_read(rate, usd, LLM_FINE_DIGITS, v);
}


void
llm_price_draft_set(llm_price_draft_t *d, unsigned level, unsigned tier,
    unsigned rate, llm_u128_t v)
{
    d->rate[level][tier][rate] = v;
    d->mask[level][tier] |= 1u << rate;
}


llm_price_e
llm_price_draft_million(llm_price_draft_t *d, unsigned rate, llm_str_t usd)
{
    int          digits;
    llm_u128_t   v;
    llm_price_e  rc;

    digits = LLM_FINE_DIGITS - (llm_rate_is_fee(rate) ? 0 : 6);

    rc = llm_price_read(rate, usd, digits, &v);

    if (rc == LLM_PRICE_OK) {
        llm_price_draft_set(d, LLM_LEVEL_BASE, LLM_TIER_STANDARD, rate, v);
    }

    return rc;
}


llm_price_e
llm_price_draft_factor(llm_price_draft_t *d, unsigned factor, llm_str_t text)
{
    uint64_t     v;
    llm_price_e  rc;

    rc = llm_price_error(llm_decimal_u64(text, 6, &v));
    if (rc != LLM_PRICE_OK) {
        return rc;
    }

    if (v == 0 || v > LLM_FACTOR_LIMIT * 1000000) {
        return LLM_PRICE_BAD_FACTOR;
    }

    d->factor[factor] = v;
    d->factors |= llm_factor_bit(factor);

    return LLM_PRICE_OK;
}


/* The fee of a search alone is no price of a model. */

static int
llm_price_has_rate(const llm_price_draft_t *d)
{
    unsigned  i, tier;

    for (i = 0; i < d->nlevels; i++) {
        for (tier = 0; tier < LLM_PRICE_TIERS; tier++) {
            if (d->mask[i][tier] & ~(1u << LLM_RATE_SEARCH)) {
                return 1;
            }
        }
    }

    return 0;
}


/*
 * The coarsest unit in which every rate is whole, or, should the largest
 * not fit 64 bits then, the finest in which it does.
 */

static unsigned
llm_price_scale(const llm_price_draft_t *d, int *rounded)
{
    unsigned    i, tier, r, scale;
    llm_u128_t  v, most;

    scale = 0;
    most = 0;

    for (i = 0; i < d->nlevels; i++) {
        for (tier = 0; tier < LLM_PRICE_TIERS; tier++) {
            for (r = 0; r < LLM_RATE_N; r++) {

                if (!(d->mask[i][tier] & (1u << r))) {
                    continue;
                }

                v = d->rate[i][tier][r];
                most = llm_max(most, v);

                while (v % llm_pow10[LLM_SCALE_MAX - scale]) {
                    scale++;
                }
            }
        }
    }

    *rounded = 0;

    while (most / llm_pow10[LLM_SCALE_MAX - scale] >= UINT64_MAX) {
        *rounded = 1;
        scale--;
    }

    return scale;
}


static unsigned
llm_price_count(const llm_price_draft_t *d, unsigned *nsets)
{
    unsigned  i, tier, n;

    n = 0;
    *nsets = 0;

    for (i = 0; i < d->nlevels; i++) {
        for (tier = 0; tier < LLM_PRICE_TIERS; tier++) {

            if (d->mask[i][tier] || (i == 0 && tier == 0)) {
                (*nsets)++;
            }

            n += __builtin_popcount(d->mask[i][tier]);
        }
    }

    return n;
}


static void
llm_price_pack_set(const llm_price_draft_t *d, unsigned level, unsigned tier,
    llm_price_t *p, unsigned *nrates)
{
    uint64_t           unit;
    unsigned           r;
    llm_price_set_t   *set;
    llm_price_cell_t  *cell;

    set = &p->cell[p->ncells].set;
    set->above = d->above[level];
    set->kind = d->kind[level];
    set->tier = tier;
    set->mask = d->mask[level][tier];
    set->first = *nrates;

    unit = llm_pow10[LLM_SCALE_MAX - p->scale];
    cell = &p->cell[p->nsets];

    for (r = 0; r < LLM_RATE_N; r++) {
        if (set->mask & (1u << r)) {
            cell[(*nrates)++].rate = (d->rate[level][tier][r] + unit / 2)
                                     / unit;
        }
    }

    p->ncells++;
}


llm_price_e
llm_price_pack(const llm_price_draft_t *d, llm_price_t *p)
{
    int       rounded;
    unsigned  i, tier, f, n, nrates, nsets;

    n = llm_price_count(d, &nsets);

    if (n + nsets + __builtin_popcount(d->factors) > LLM_PRICE_CELLS) {
        return LLM_PRICE_TOO_MANY;
    }

    memset(p, 0, sizeof(llm_price_t));

    p->family = d->family;
    p->max_input = d->max_input;
    p->max_output = d->max_output;
    p->mode = d->mode;
    p->factors = d->factors;
    p->extras = d->extras;
    p->nsets = nsets;
    p->scale = llm_price_scale(d, &rounded);

    p->flags = d->flags
               | (llm_price_has_rate(d) ? LLM_PRICE_F_PRICED : 0)
               | (d->nlevels > 1 ? LLM_PRICE_F_LEVELS : 0)
               | (rounded ? LLM_PRICE_F_ROUNDED : 0);

    nrates = 0;

    for (i = 0; i < d->nlevels; i++) {
        for (tier = 0; tier < LLM_PRICE_TIERS; tier++) {

            if (d->mask[i][tier] || (i == 0 && tier == 0)) {
                llm_price_pack_set(d, i, tier, p, &nrates);
            }
        }
    }

    p->ncells = nsets + nrates;

    for (f = 0; f < LLM_FACTOR_N; f++) {
        if (d->factors & llm_factor_bit(f)) {
            p->cell[p->ncells++].rate = d->factor[f];
        }
    }

    return LLM_PRICE_OK;
}


/*
 * Families: LiteLLM splits some providers by API or kind of model
 * ("vertex_ai-language-models", "bedrock_converse").  The bill does not.
 */

uint32_t
llm_price_family(llm_str_t name)
{
    size_t    i;
    uint32_t  h;

    static const llm_str_t  text = llm_string("text-completion-");

    static const llm_str_t  same[][2] = {
        { llm_string("bedrock_converse"), llm_string("bedrock") },
        { llm_string("bedrock_mantle"), llm_string("bedrock") },
        { llm_string("cohere_chat"), llm_string("cohere") },
        { llm_string("azure_text"), llm_string("azure") },
        { llm_string("ollama_chat"), llm_string("ollama") },
        { llm_string("vertex_ai_beta"), llm_string("vertex_ai") }
    };

    if (name.len > text.len && memcmp(name.data, text.data, text.len) == 0) {
        name.data += text.len;
        name.len -= text.len;
    }

    for (i = 0; i < name.len; i++) {
        if (name.data[i] == '-') {
            name.len = i;
            break;
        }
    }

    for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        if (llm_str_eq(name, (const char *) same[i][0].data, same[i][0].len)) {
            name = same[i][1];
            break;
        }
    }

    h = 2166136261u;

    for (i = 0; i < name.len; i++) {
        h = (h ^ name.data[i]) * 16777619u;
    }

    return h ? h : 1;
}
