
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The cost of a call.  Integers only: rate x tokens is exact in 128 bits,
 * the products are summed exactly, and the sum is rounded once, half up, to
 * nano-USD.  What does not fit saturates and says so.
 *
 * A rate is looked for at up to four places, the most particular first:
 *
 *     the size and the tier of this call
 *     the size, standard tier
 *     any size, the tier
 *     any size, standard tier
 *
 * The size chosen is the highest threshold passed; all tokens of the call
 * take its rates (a cliff, not a staircase).  A range of tiered_pricing
 * stands for itself: what it does not say about cache and reasoning follows
 * from its own input and output rates, never from another range.
 *
 * What has no rate of its own is charged at the rate of what it is a part
 * of, cache tokens as input, reasoning as output; and if the output rate was
 * found at a more particular place than the reasoning rate, reasoning takes
 * it too: a general reasoning rate says nothing about a dearer tier.
 *
 * Fees, of the call and of searches, come on top and no factor is on them.
 * What a call had and no rate is there for makes the cost partial: it is a
 * lower bound then, and says so.
 */


#include "llm_price.h"


#define LLM_COST_PLACES  4
#define LLM_COST_WHOLE   (~(llm_u128_t) 0)

#define LLM_COST_DIGITS  37      /* 10^37 < 2^128 */

/* digits of the sum that are finer than a nano, less the price's scale */
#define LLM_COST_BASE    (LLM_FEMTO_DIGITS - LLM_NANO_DIGITS)

#define LLM_COST_TOKENS                                                       \
    ((1u << LLM_RATE_CACHE_READ) | (1u << LLM_RATE_CACHE_WRITE)               \
     | (1u << LLM_RATE_CACHE_WRITE_1H) | (1u << LLM_RATE_REASONING))


typedef struct {
    const llm_price_t       *price;
    const llm_price_cell_t  *rates;
    const llm_price_set_t   *place[LLM_COST_PLACES];
    unsigned                 tier;
    unsigned                 range;
    llm_u128_t               sum;
    uint32_t                 flags;
    uint32_t                 missing;
} llm_cost_state_t;


static inline int
llm_cost_applies(const llm_price_t *p, const llm_price_set_t *set,
    uint64_t input)
{
    switch (set->kind) {
    case LLM_SET_RANGE:
        return set->above == 0 || input > set->above;
    case LLM_SET_ABOVE:
        return input > set->above
               || (input == set->above && (p->flags & LLM_PRICE_F_AT));
    default:
        return 0;
    }
}


static void
llm_cost_places(llm_cost_state_t *c, uint64_t input)
{
    unsigned                 i, own;
    const llm_price_t       *p;
    const llm_price_set_t   *set, *level;

    p = c->price;
    level = NULL;

    memset(c->place, 0, sizeof(c->place));
    c->place[3] = &p->cell[0].set;

    if (p->nsets == 1) {
        return;
    }

    for (i = 1; i < p->nsets; i++) {
        set = &p->cell[i].set;

        if (llm_cost_applies(p, set, input)
            && (level == NULL || set->above > level->above))
        {
            level = set;
        }
    }

    for (i = 1; i < p->nsets; i++) {
        set = &p->cell[i].set;

        if (set->tier != c->tier && set->tier != LLM_TIER_STANDARD) {
            continue;
        }

        own = (set->tier != c->tier);

        if (set->kind == LLM_SET_BASE) {
            c->place[2 + own] = set;

        } else if (level && set->above == level->above
                   && set->kind == level->kind)
        {
            c->place[own] = set;
        }
    }

    if (level) {
        c->range = (level->kind == LLM_SET_RANGE);
        c->flags |= LLM_COST_LEVEL;
    }
}


/* The place of a rate, or LLM_COST_PLACES. */

static inline unsigned
llm_cost_find(const llm_cost_state_t *c, unsigned rate, uint64_t *v)
{
    unsigned                i, last, bit;
    const llm_price_set_t  *set;

    bit = 1u << rate;
    last = (c->range && (bit & LLM_COST_TOKENS)) ? 2 : LLM_COST_PLACES;

    for (i = 0; i < last; i++) {
        set = c->place[i];

        if (set && (set->mask & bit)) {
            *v = c->rates[set->first
                          + __builtin_popcount(set->mask & (bit - 1))].rate;
            return i;
        }
    }

    return LLM_COST_PLACES;
}


static void
llm_cost_add(llm_cost_state_t *c, uint64_t rate, uint64_t tokens)
{
    llm_u128_t  v;

    v = (llm_u128_t) rate * tokens;

    if (v > LLM_COST_WHOLE - c->sum) {
        c->sum = LLM_COST_WHOLE;
        c->flags |= LLM_COST_SATURATED;
        return;
    }

    c->sum += v;
}


/* Tokens at a rate, or at the rate that stands in for it. */

static void
llm_cost_charge(llm_cost_state_t *c, unsigned rate, uint64_t tokens)
{
    uint64_t  v, w;
    unsigned  place, other;

    if (tokens == 0) {
        return;
    }

    place = llm_cost_find(c, rate, &v);

    switch (rate) {

    case LLM_RATE_CACHE_WRITE_1H:
        if (place == LLM_COST_PLACES) {
            place = llm_cost_find(c, LLM_RATE_CACHE_WRITE, &v);

            if (place != LLM_COST_PLACES) {
                c->flags |= LLM_COST_1H_AT_WRITE;
            }
        }

        /* fall through */

    case LLM_RATE_CACHE_READ:
    case LLM_RATE_CACHE_WRITE:
        if (place == LLM_COST_PLACES) {
            place = llm_cost_find(c, LLM_RATE_INPUT, &v);
            c->flags |= LLM_COST_CACHE_AT_INPUT;
        }

        break;

    case LLM_RATE_REASONING:
        other = llm_cost_find(c, LLM_RATE_OUTPUT, &w);

        if (other < place) {
            place = other;
            v = w;
        }

        break;
    }

    if (place == LLM_COST_PLACES) {
        c->missing |= 1u << rate;
        return;
    }

    if (c->tier != LLM_TIER_STANDARD && (place & 1)
        && !llm_rate_is_fee(rate))
    {
        c->flags |= LLM_COST_TIER_AT_BASE;
    }

    llm_cost_add(c, v, tokens);
}


/*
 * Factors are in 1e-6.  The sum is scaled up and its digits with it, so that
 * nothing is rounded before the end.  Where long factors together would need
 * more than 128 bits, as no price list has them, the digits farthest behind
 * are rounded away first.
 */

static unsigned
llm_cost_factors(llm_cost_state_t *c, unsigned factors, unsigned digits)
{
    uint64_t                 v;
    unsigned                 f, n;
    const llm_price_cell_t  *cell;

    n = __builtin_popcount(c->price->factors);
    cell = &c->price->cell[c->price->ncells - n];

    for (f = 0; f < LLM_FACTOR_N; f++) {

        if (!(c->price->factors & llm_factor_bit(f))) {
            continue;
        }

        v = cell++->rate;

        if (!(factors & llm_factor_bit(f))) {
            continue;
        }

        c->flags |= LLM_COST_FACTOR;

        for (n = 6; n && v % 10 == 0; n--) {
            v /= 10;
        }

        while (c->sum > LLM_COST_WHOLE / v || digits + n > LLM_COST_DIGITS) {

            if (digits == 0) {
                c->sum = LLM_COST_WHOLE;
                c->flags |= LLM_COST_SATURATED;
                return 0;
            }

            c->sum = c->sum / 10 + (c->sum % 10 >= 5);
            digits--;
        }

        c->sum *= v;
        digits += n;
    }

    return digits;
}


static uint64_t
llm_cost_round(llm_cost_state_t *c, unsigned digits)
{
    llm_u128_t  unit, v, rest;

    if (c->flags & LLM_COST_SATURATED) {
        return LLM_COST_MAX;
    }

    for (unit = 1; digits >= 9; digits -= 9) {
        unit *= 1000000000;
    }

    while (digits--) {
        unit *= 10;
    }

    if ((uint64_t) (c->sum >> 64) == 0 && (uint64_t) (unit >> 64) == 0) {
        v = (uint64_t) c->sum / (uint64_t) unit;

    } else {
        v = c->sum / unit;
    }

    rest = c->sum - v * unit;
    v += (rest >= unit - unit / 2);

    if (v > LLM_COST_MAX) {
        c->flags |= LLM_COST_SATURATED;
        return LLM_COST_MAX;
    }

    return (uint64_t) v;
}


/*
 * A fee, in the digits that the sum has by now: should these be too many
 * for it, the sum gives way.  Returns the digits of both.
 */

static unsigned
llm_cost_fee(llm_cost_state_t *c, unsigned rate, uint64_t n, unsigned digits)
{
    uint64_t    one;
    unsigned    have;
    llm_u128_t  v;

    if (llm_cost_find(c, rate, &one) == LLM_COST_PLACES
        || (c->flags & LLM_COST_SATURATED))
    {
        return digits;
    }

    v = (llm_u128_t) one * n;

    for (have = LLM_COST_BASE + c->price->scale; have < digits; /* void */) {

        if (v <= LLM_COST_WHOLE / 10) {
            v *= 10;
            have++;

        } else {
            c->sum = c->sum / 10 + (c->sum % 10 >= 5);
            digits--;
        }
    }

    for ( /* void */ ; have > digits; have--) {
        v = v / 10 + (v % 10 >= 5);
    }

    if (v > LLM_COST_WHOLE - c->sum) {
        c->flags |= LLM_COST_SATURATED;
        return digits;
    }

    c->sum += v;

    return digits;
}


static int
llm_cost_free(const llm_price_t *p)
{
    unsigned                i, r, at;
    const llm_price_set_t  *set;

    for (i = 0; i < p->nsets; i++) {
        set = &p->cell[i].set;
        at = p->nsets + set->first;

        for (r = 0; r < LLM_RATE_REQUEST; r++) {
            if ((set->mask & (1u << r)) && p->cell[at++].rate != 0) {
                return 0;
            }
        }
    }

    return 1;
}


static void
llm_cost_tokens(llm_cost_state_t *c, const llm_tokens_t *t)
{
    uint64_t  write, writes, fresh, text;

    /* 5-minute writes are what is left of the writes */

    write = t->cache_write - llm_min(t->cache_write_1h, t->cache_write);
    writes = write + t->cache_write_1h;

    /* more read and written than there was: the same was written and read */

    fresh = t->input - llm_min(t->input, t->cache_read);
    fresh = (writes <= fresh)
            ? fresh - writes
            : llm_min(fresh, t->input - llm_min(t->input, writes));

    /* more reasoning than output: it was not counted in the output */

    text = (t->reasoning > t->output) ? t->output : t->output - t->reasoning;

    llm_cost_charge(c, LLM_RATE_INPUT, fresh);
    llm_cost_charge(c, LLM_RATE_CACHE_READ, t->cache_read);
    llm_cost_charge(c, LLM_RATE_CACHE_WRITE, write);
    llm_cost_charge(c, LLM_RATE_CACHE_WRITE_1H, t->cache_write_1h);
    llm_cost_charge(c, LLM_RATE_OUTPUT, text);
    llm_cost_charge(c, LLM_RATE_REASONING, t->reasoning);
}


/* Had the call what the price has no rate for, or another one? */

static int
llm_cost_partial(const llm_cost_state_t *c, const llm_bill_t *bill)
{
    uint64_t            v;
    const llm_price_t  *p;

    p = c->price;

    if (bill->extras & (p->extras | LLM_EXTRA_TOOL)) {
        return 1;
    }

    /* a model of images or sound, and its tokens do not say which they are */

    if (p->mode == LLM_MODE_OTHER && p->extras) {
        return 1;
    }

    if (bill->searches == 0) {
        return (p->flags & LLM_PRICE_F_SEARCHES) != 0;
    }

    return (p->flags & LLM_PRICE_F_SIZES)
           || llm_cost_find(c, LLM_RATE_SEARCH, &v) == LLM_COST_PLACES;
}


int
llm_cost_bill(const llm_price_t *p, const llm_bill_t *bill, llm_cost_t *cost)
{
    unsigned          digits;
    llm_cost_state_t  c;

    cost->nano = 0;
    cost->flags = 0;
    cost->missing = 0;

    if (p == NULL || !(p->flags & LLM_PRICE_F_PRICED)) {
        return 0;
    }

    c.price = p;
    c.rates = &p->cell[p->nsets];
    c.tier = (bill->tier < LLM_PRICE_TIERS) ? bill->tier : LLM_TIER_STANDARD;
    c.range = 0;
    c.sum = 0;
    c.missing = 0;
    c.flags = ((p->flags & LLM_PRICE_F_UNITS) ? LLM_COST_UNITS : 0)
              | ((p->flags & LLM_PRICE_F_TIMED) ? LLM_COST_TIMED : 0);

    llm_cost_places(&c, bill->tokens ? bill->tokens->input : 0);

    if (bill->tokens) {
        llm_cost_tokens(&c, bill->tokens);

    } else if (!llm_cost_free(p)) {
        c.missing = (1u << LLM_RATE_INPUT) | (1u << LLM_RATE_OUTPUT);
    }

    if (c.missing) {
        cost->missing = c.missing;
        return 0;
    }

    digits = LLM_COST_BASE + p->scale;

    if (bill->factors & p->factors) {
        digits = llm_cost_factors(&c, bill->factors, digits);
    }

    /* fees are no rates that must be there */

    digits = llm_cost_fee(&c, LLM_RATE_REQUEST,
                          (p->mode == LLM_MODE_RERANK && bill->queries)
                          ? bill->queries : 1, digits);

    if (bill->searches) {
        digits = llm_cost_fee(&c, LLM_RATE_SEARCH, bill->searches, digits);
    }

    if (llm_cost_partial(&c, bill)) {
        c.flags |= LLM_COST_PARTIAL;
    }

    cost->nano = llm_cost_round(&c, digits);
    cost->flags = c.flags;

    return 1;
}


int
llm_cost(const llm_price_t *p, const llm_tokens_t *t, unsigned tier,
    unsigned factors, llm_cost_t *cost)
{
    llm_bill_t  bill;

    bill.tokens = t;
    bill.queries = 0;
    bill.searches = 0;
    bill.tier = llm_min(tier, UINT8_MAX);
    bill.factors = (uint8_t) factors;
    bill.extras = 0;

    return llm_cost_bill(p, &bill, cost);
}
