
/*
 * Copyright (C) ngx_llm_module authors
 *
 * llm_cost: rows whose results were worked out by hand, in nano-USD, from
 * rates written here in the form of a list.
 */


#include "price_book.h"


static const char  list[] =
"{"
" \"sonnet\": {\"litellm_provider\": \"anthropic\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 3e-06, \"output_cost_per_token\": 1.5e-05,"
"   \"cache_read_input_token_cost\": 3e-07,"
"   \"cache_creation_input_token_cost\": 3.75e-06,"
"   \"cache_creation_input_token_cost_above_1hr\": 6e-06,"
"   \"input_cost_per_token_above_200k_tokens\": 6e-06,"
"   \"output_cost_per_token_above_200k_tokens\": 2.25e-05,"
"   \"cache_read_input_token_cost_above_200k_tokens\": 6e-07,"
"   \"cache_creation_input_token_cost_above_200k_tokens\": 7.5e-06,"
"   \"cache_creation_input_token_cost_above_1hr_above_200k_tokens\": 1.2e-05,"
"   \"provider_specific_entry\": {\"us\": 1.1, \"fast\": 6.0}},"
" \"tiers\": {\"litellm_provider\": \"openai\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 2.5e-06, \"output_cost_per_token\": 1.5e-05,"
"   \"cache_read_input_token_cost\": 2.5e-07,"
"   \"output_cost_per_reasoning_token\": 1.5e-05,"
"   \"input_cost_per_token_above_272k_tokens\": 5e-06,"
"   \"output_cost_per_token_above_272k_tokens\": 2.25e-05,"
"   \"input_cost_per_token_flex\": 1.25e-06,"
"   \"output_cost_per_token_flex\": 7.5e-06,"
"   \"input_cost_per_token_batches\": 1.25e-06,"
"   \"output_cost_per_token_batches\": 7.5e-06,"
"   \"input_cost_per_token_priority\": 5e-06,"
"   \"output_cost_per_token_priority\": 3e-05,"
"   \"input_cost_per_token_above_272k_tokens_priority\": 1e-05,"
"   \"output_cost_per_token_above_272k_tokens_priority\": 4.5e-05,"
"   \"regional_processing_uplift_multiplier_eu\": 1.1},"
" \"grok\": {\"litellm_provider\": \"xai\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 3e-06, \"output_cost_per_token\": 1.5e-05,"
"   \"input_cost_per_token_above_128k_tokens\": 6e-06,"
"   \"output_cost_per_token_above_128k_tokens\": 3e-05},"
" \"stairs\": {\"litellm_provider\": \"x\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 1e-06,"
"   \"input_cost_per_token_above_1m_tokens\": 3e-06,"
"   \"input_cost_per_token_above_100k_tokens\": 2e-06,"
"   \"output_cost_per_token_above_100k_tokens\": 5e-06,"
"   \"input_cost_per_token_above_5000_tokens\": 15e-07},"
" \"ranges\": {\"litellm_provider\": \"dashscope\", \"mode\": \"chat\","
"   \"tiered_pricing\": ["
"     {\"range\": [0, 32000.0], \"input_cost_per_token\": 1e-06,"
"      \"output_cost_per_token\": 5e-06,"
"      \"cache_read_input_token_cost\": 1e-07,"
"      \"output_cost_per_reasoning_token\": 7e-06},"
"     {\"input_cost_per_token\": 2e-06, \"output_cost_per_token\": 1e-05,"
"      \"range\": [32000.0, 128000.0]}]},"
" \"mixed\": {\"litellm_provider\": \"dashscope\", \"mode\": \"chat\","
"   \"cache_read_input_token_cost\": 9e-06,"
"   \"output_cost_per_token\": 3e-06,"
"   \"tiered_pricing\": ["
"     {\"range\": [0, 1000], \"input_cost_per_token\": 1e-06}]},"
" \"coarse\": {\"litellm_provider\": \"x\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 0.5, \"output_cost_per_token\": 1.6e-19},"
" \"embed\": {\"litellm_provider\": \"openai\", \"mode\": \"embedding\","
"   \"input_cost_per_token\": 1.3e-07},"
" \"reasoner\": {\"litellm_provider\": \"x\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 2e-07, \"output_cost_per_token\": 1e-06,"
"   \"output_cost_per_reasoning_token\": 4e-06},"
" \"plain\": {\"litellm_provider\": \"x\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 2e-06},"
" \"noinput\": {\"litellm_provider\": \"x\", \"mode\": \"chat\","
"   \"output_cost_per_token\": 2e-06},"
" \"free\": {\"litellm_provider\": \"x\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 0, \"output_cost_per_token\": 0.0},"
" \"call\": {\"litellm_provider\": \"perplexity\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 0, \"output_cost_per_token\": 2.8e-06,"
"   \"input_cost_per_request\": 0.005},"
" \"rerank\": {\"litellm_provider\": \"cohere\", \"mode\": \"rerank\","
"   \"input_cost_per_token\": 0.0, \"output_cost_per_token\": 0.0,"
"   \"input_cost_per_query\": 0.002},"
" \"image\": {\"litellm_provider\": \"x\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 0.0, \"output_cost_per_token\": 0.0,"
"   \"output_cost_per_image\": 0.04},"
" \"tiny\": {\"litellm_provider\": \"x\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 5e-10, \"output_cost_per_token\": 4.99e-10},"
" \"dear\": {\"litellm_provider\": \"x\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 1, \"output_cost_per_token\": 1},"
" \"fine\": {\"litellm_provider\": \"x\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 3.0001999999999996E-7,"
"   \"output_cost_per_token\": 1e-24}"
"}";


#define STD   LLM_TIER_STANDARD
#define FLEX  LLM_TIER_FLEX
#define BAT   LLM_TIER_BATCH
#define PRIO  LLM_TIER_PRIORITY

#define AT_INPUT  LLM_COST_CACHE_AT_INPUT
#define AT_WRITE  LLM_COST_1H_AT_WRITE
#define AT_BASE   LLM_COST_TIER_AT_BASE
#define LEVEL     LLM_COST_LEVEL
#define SAT       LLM_COST_SATURATED
#define UNITS     LLM_COST_UNITS
#define BY        LLM_COST_FACTOR

#define NONE      UINT64_MAX

#define EU        llm_factor_bit(LLM_FACTOR_EU)
#define US        llm_factor_bit(LLM_FACTOR_GEO_US)
#define FAST      llm_factor_bit(LLM_FACTOR_FAST)


/* tokens: input, output, cache read, write, of it 1 h, reasoning */

static const struct {
    const char    *model;
    llm_tokens_t   tokens;
    unsigned       tier;
    unsigned       factors;
    uint64_t       nano;        /* NONE: unpriced */
    unsigned       flags;       /* or what is missing */
    const char    *what;
} rows[] = {

    { "sonnet", { 1000, 500, 0, 0, 0, 0 }, STD, 0, 10500000, 0,
      "plain input and output" },
    { "sonnet", { 1000, 0, 600, 0, 0, 0 }, STD, 0, 1380000, 0,
      "a cache read is a part of the input" },
    { "sonnet", { 1000, 0, 0, 400, 0, 0 }, STD, 0, 3300000, 0,
      "5-minute writes" },
    { "sonnet", { 1000, 0, 0, 400, 400, 0 }, STD, 0, 4200000, 0,
      "1-hour writes" },
    { "sonnet", { 1000, 0, 0, 400, 100, 0 }, STD, 0, 3525000, 0,
      "both kinds of writes" },
    { "sonnet", { 1000, 10, 500, 500, 100, 4 }, STD, 0, 2400000, 0,
      "nothing fresh, reasoning inside the output" },
    { "sonnet", { 100, 0, 500, 0, 0, 0 }, STD, 0, 150000, 0,
      "more read than input: fresh input is not negative" },
    { "sonnet", { 100, 0, 90, 80, 0, 0 }, STD, 0, 357000, 0,
      "the same written and read: what is neither is fresh" },
    { "sonnet", { 100, 0, 80, 90, 90, 0 }, STD, 0, 594000, 0,
      "more written than read" },

    { "sonnet", { 199999, 1, 0, 0, 0, 0 }, STD, 0, 600012000, 0,
      "below the threshold" },
    { "sonnet", { 200000, 1, 0, 0, 0, 0 }, STD, 0, 600015000, 0,
      "at the threshold" },
    { "sonnet", { 200001, 1, 0, 0, 0, 0 }, STD, 0, 1200028500, LEVEL,
      "above it all tokens are dearer" },
    { "sonnet", { 300000, 100, 200000, 50000, 20000, 0 }, STD, 0,
      887250000, LEVEL, "above it the cache is dearer too" },

    { "sonnet", { 1000, 500, 0, 0, 0, 0 }, STD, US, 11550000, BY,
      "served in the US" },
    { "sonnet", { 1000, 500, 0, 0, 0, 0 }, STD, US | FAST, 69300000, BY,
      "fast and in the US" },
    { "sonnet", { 1000, 500, 0, 0, 0, 0 }, STD, EU, 10500000, 0,
      "a factor that the model does not have" },
    { "tiers", { 1000, 100, 0, 0, 0, 0 }, STD, EU, 4400000, BY,
      "regional processing" },

    { "tiers", { 1000, 100, 0, 0, 0, 0 }, FLEX, 0, 2000000, 0, "flex" },
    { "tiers", { 1000, 100, 0, 0, 0, 0 }, BAT, 0, 2000000, 0, "batch" },
    { "tiers", { 1000, 100, 0, 0, 0, 0 }, PRIO, 0, 8000000, 0, "priority" },
    { "tiers", { 1000, 0, 400, 0, 0, 0 }, FLEX, 0, 850000, AT_BASE,
      "flex has no cache rate: the standard one" },
    { "tiers", { 272001, 1, 0, 0, 0, 0 }, STD, 0, 1360027500, LEVEL,
      "above, standard" },
    { "tiers", { 272001, 1, 0, 0, 0, 0 }, PRIO, 0, 2720055000, LEVEL,
      "above, priority" },
    { "tiers", { 272001, 1, 0, 0, 0, 0 }, FLEX, 0, 1360027500,
      LEVEL | AT_BASE, "above, flex is not given: above wins over flex" },
    { "tiers", { 0, 100, 0, 0, 0, 60 }, PRIO, 0, 3000000, 0,
      "a plain reasoning rate says nothing of priority" },
    { "tiers", { 0, 100, 0, 0, 0, 60 }, STD, 0, 1500000, 0,
      "reasoning at its rate" },

    { "grok", { 127999, 0, 0, 0, 0, 0 }, STD, 0, 383997000, 0,
      "xAI below" },
    { "grok", { 128000, 0, 0, 0, 0, 0 }, STD, 0, 768000000, LEVEL,
      "xAI: the threshold itself is above" },

    { "stairs", { 5000, 1, 0, 0, 0, 0 }, STD, 0, 5001000, 0,
      "below every threshold" },
    { "stairs", { 5001, 1, 0, 0, 0, 0 }, STD, 0, 7502500, LEVEL,
      "above a threshold without k; output is not named: base" },
    { "stairs", { 100001, 1, 0, 0, 0, 0 }, STD, 0, 200007000, LEVEL,
      "the second threshold" },
    { "stairs", { 1000001, 1, 0, 0, 0, 0 }, STD, 0, 3000004000, LEVEL,
      "the highest wins, whatever the order of the keys" },

    { "ranges", { 0, 10, 0, 0, 0, 0 }, STD, 0, 50000, LEVEL, "no input" },
    { "ranges", { 32000, 10, 2000, 0, 0, 10 }, STD, 0, 30270000, LEVEL,
      "the end of the first range is in it" },
    { "ranges", { 32001, 10, 2001, 0, 0, 10 }, STD, 0, 64102000,
      LEVEL | AT_INPUT, "the second range owes nothing to the first" },
    { "ranges", { 500000, 0, 0, 0, 0, 0 }, STD, 0, 1000000000, LEVEL,
      "beyond the last range: the last" },

    { "mixed", { 100, 10, 100, 0, 0, 5 }, STD, 0, 130000, LEVEL | AT_INPUT,
      "a range takes its output from the model, but not its cache" },
    { "coarse", { 0, 100000000000, 0, 0, 0, 0 }, STD, 0, 20, 0,
      "rates too far apart for one unit: the finer is rounded half up" },

    { "embed", { 1000, 0, 0, 0, 0, 0 }, STD, 0, 130000, 0, "embedding" },
    { "embed", { 1000, 1, 0, 0, 0, 0 }, STD, 0, NONE,
      1u << LLM_RATE_OUTPUT, "output without a rate" },
    { "reasoner", { 100, 100, 0, 0, 0, 40 }, STD, 0, 240000, 0,
      "reasoning is a part of the output" },
    { "reasoner", { 0, 10, 0, 0, 0, 40 }, STD, 0, 170000, 0,
      "reasoning counted outside of the output" },
    { "plain", { 100, 0, 60, 0, 0, 0 }, STD, 0, 100000, AT_INPUT,
      "no cache rate: as input, and said" },
    { "plain", { 100, 0, 0, 60, 30, 0 }, STD, 0, 100000, AT_INPUT,
      "no write rates: as input, and said" },
    { "noinput", { 0, 5, 0, 0, 0, 0 }, STD, 0, 10000, 0,
      "no input rate and no input" },
    { "noinput", { 5, 5, 0, 0, 0, 0 }, STD, 0, NONE,
      1u << LLM_RATE_INPUT, "no input rate" },
    { "noinput", { 5, 0, 5, 0, 0, 0 }, STD, 0, NONE,
      1u << LLM_RATE_CACHE_READ, "nothing to price a cache read by" },
    { "free", { 100, 100, 0, 0, 0, 0 }, STD, 0, 0, 0,
      "a price of 0 is a price" },
    { "call", { 10, 10, 0, 0, 0, 0 }, STD, 0, 5028000, 0, "a fee a call" },
    { "rerank", { 10, 0, 0, 0, 0, 0 }, STD, 0, 2000000, UNITS,
      "a query is a call of rerank" },
    { "image", { 10, 0, 0, 0, 0, 0 }, STD, 0, NONE, 0,
      "free tokens and a dear image: unpriced" },

    { "tiny", { 1, 0, 0, 0, 0, 0 }, STD, 0, 1, 0, "half a nano is one" },
    { "tiny", { 0, 1, 0, 0, 0, 0 }, STD, 0, 0, 0, "less is none" },
    { "tiny", { 1, 1, 0, 0, 0, 0 }, STD, 0, 1, 0, "rounded once" },
    { "tiny", { 1000, 1000, 0, 0, 0, 0 }, STD, 0, 999, 0,
      "and not once a token" },

    { "fine", { 25, 0, 0, 0, 0, 0 }, STD, 0, 7500, 0,
      "exact to the last digit written" },
    { "fine", { 25, 999, 0, 0, 0, 0 }, STD, 0, 7500, 0,
      "still less than a half" },
    { "fine", { 25, 1000, 0, 0, 0, 0 }, STD, 0, 7501, 0,
      "a half, of 1e-24s" },

    { "dear", { 9223372036ull, 0, 0, 0, 0, 0 }, STD, 0,
      9223372036000000000ull, 0, "the largest that fits" },
    { "dear", { 9223372037ull, 0, 0, 0, 0, 0 }, STD, 0, LLM_COST_MAX, SAT,
      "one more saturates" },
    { "dear", { UINT64_MAX, UINT64_MAX, 0, 0, 0, 0 }, STD, 0, LLM_COST_MAX,
      SAT, "everything" },
    { "sonnet", { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
      UINT64_MAX }, STD, US | FAST, LLM_COST_MAX, SAT | LEVEL | BY,
      "everything, with factors" },
    { "plain", { 1, 1, 0, 0, 0, 0 }, 99, EU, 3000, 0,
      "a tier that is none is the standard one" },
    { "absent", { 1, 0, 0, 0, 0, 0 }, STD, 0, NONE, 0, "no price at all" }
};


static void
test_rows(const book_t *b)
{
    int         priced;
    size_t      i;
    llm_cost_t  cost;
    char        what[128];

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {

        memset(&cost, 0xaa, sizeof(cost));

        priced = llm_cost(llm_price_table_get(&b->table, str(rows[i].model)),
                          &rows[i].tokens, rows[i].tier, rows[i].factors,
                          &cost);

        snprintf(what, sizeof(what), "%s: %s", rows[i].model, rows[i].what);

        if (rows[i].nano == NONE) {
            ok(!priced && cost.nano == 0 && cost.missing == rows[i].flags,
               what);
            continue;
        }

        ok(priced && cost.nano == rows[i].nano && cost.flags == rows[i].flags,
           what);

        if (!priced || cost.nano != rows[i].nano
            || cost.flags != rows[i].flags)
        {
            printf("#   got %d %llu 0x%x, want %llu 0x%x\n", priced,
                   (unsigned long long) cost.nano, cost.flags,
                   (unsigned long long) rows[i].nano, rows[i].flags);
        }
    }
}


/* A directive's price is the same block as a list's. */

static void
test_directive(const book_t *b)
{
    uint64_t             bytes[LLM_PRICE_MAX_SIZE / 8];
    llm_price_t         *p;
    const llm_price_t   *plain;
    llm_price_draft_t    d;

    p = (llm_price_t *) bytes;

    llm_price_draft_init(&d);
    is(llm_price_draft_million(&d, LLM_RATE_INPUT, str("1.00")), 0,
       "input of a directive");
    is(llm_price_draft_million(&d, LLM_RATE_OUTPUT, str("2")), 0,
       "output of a directive");

    plain = llm_price_table_get(&b->table, str("plain"));
    d.family = plain->family;
    d.mode = plain->mode;

    is(llm_price_pack(&d, p), LLM_PRICE_OK, "packed");
    ok(llm_price_size(p) == llm_price_size(plain)
       && memcmp(p, plain, llm_price_size(p)) == 0,
       "USD a million is USD a token");

    is(llm_price_draft_million(&d, LLM_RATE_INPUT, str("-1")),
       LLM_PRICE_NEGATIVE, "negative");
    is(llm_price_draft_million(&d, LLM_RATE_INPUT, str("1usd")),
       LLM_PRICE_NOT_A_NUMBER, "no number");
    is(llm_price_draft_million(&d, LLM_RATE_INPUT, str("1000000")),
       LLM_PRICE_OK, "1 USD a token is the most");
    is(llm_price_draft_million(&d, LLM_RATE_INPUT, str("1000000.01")),
       LLM_PRICE_ABSURD, "more than that");
    is(llm_price_draft_million(&d, LLM_RATE_REQUEST, str("10000")),
       LLM_PRICE_OK, "10000 USD a call is the most");
    is(llm_price_draft_million(&d, LLM_RATE_REQUEST, str("10000.01")),
       LLM_PRICE_ABSURD, "more than that");
    is(llm_price_draft_factor(&d, LLM_FACTOR_EU, str("0")),
       LLM_PRICE_BAD_FACTOR, "a factor of 0");
    is(llm_price_draft_factor(&d, LLM_FACTOR_EU, str("1001")),
       LLM_PRICE_BAD_FACTOR, "a factor of 1001");
}


/*
 * The largest price there may be, with the finest digits and every factor:
 * it packs, and its cost is that of its rates.
 */

static void
test_largest(void)
{
    int                 level;
    uint64_t            bytes[LLM_PRICE_MAX_SIZE / 8];
    unsigned            i, f, r;
    llm_cost_t          cost;
    llm_u128_t          v;
    llm_price_t        *p;
    llm_tokens_t        tokens;
    llm_price_draft_t   d;

    p = (llm_price_t *) bytes;
    llm_price_draft_init(&d);
    llm_price_rate(0, str("0.000001000000000000000001"), &v);

    for (i = 1; i <= LLM_PRICE_LEVELS; i++) {
        level = llm_price_draft_level(&d, i * 1000, LLM_SET_ABOVE);

        for (r = 0; r < LLM_RATE_REQUEST; r++) {
            llm_price_draft_set(&d, level, STD, r, v);
            llm_price_draft_set(&d, level, FLEX, r, v);
        }
    }

    is(llm_price_draft_level(&d, 5, LLM_SET_ABOVE), (uint64_t) -1,
       "one level too many");
    is(llm_price_draft_level(&d, 3000, LLM_SET_ABOVE), 3,
       "a level that is there");

    for (f = 0; f < LLM_FACTOR_N; f++) {
        is(llm_price_draft_factor(&d, f, str("1.000001")), 0, "factor");
    }

    is(llm_price_pack(&d, p), LLM_PRICE_OK, "packs");
    ok(llm_price_size(p) <= LLM_PRICE_MAX_SIZE, "and fits");
    is(p->scale, 9, "in the finest unit");

    memset(&tokens, 0, sizeof(tokens));
    tokens.input = 16001;

    ok(llm_cost(p, &tokens, FLEX, ~0u, &cost), "priced");
    is(cost.nano, 16001080, "five factors of 1.000001");

    for (i = 1; i <= LLM_PRICE_LEVELS; i++) {
        for (r = 0; r < LLM_RATE_REQUEST; r++) {
            llm_price_draft_set(&d, i, BAT, r, 1);
        }
    }

    is(llm_price_pack(&d, p), LLM_PRICE_TOO_MANY, "too many rates");
}


/* 0.3 nano in more digits than there are bits for */

static void
test_factors(void)
{
    uint64_t            bytes[LLM_PRICE_MAX_SIZE / 8];
    unsigned            f;
    llm_cost_t          cost;
    llm_price_t        *p;
    llm_tokens_t        tokens;
    llm_price_draft_t   d;

    p = (llm_price_t *) bytes;
    llm_price_draft_init(&d);
    llm_price_draft_set(&d, LLM_LEVEL_BASE, STD, LLM_RATE_INPUT, 1);

    for (f = 0; f < 4; f++) {
        llm_price_draft_factor(&d, f, str("1.000001"));
    }

    is(llm_price_pack(&d, p), LLM_PRICE_OK, "1e-24 USD a token");

    memset(&tokens, 0, sizeof(tokens));
    tokens.input = 300000000000000;
    ok(llm_cost(p, &tokens, STD, ~0u, &cost) && cost.nano == 0,
       "0.3 nano are none");

    tokens.input = 600000000000000;
    ok(llm_cost(p, &tokens, STD, ~0u, &cost) && cost.nano == 1,
       "0.6 nano are one");
}


int
main(void)
{
    book_t  *b;

    b = book_new(64, 1 << 16);

    if (book_read(b, (const uint8_t *) list, sizeof(list) - 1, 0)
        != LLM_PRICE_LIST_OK)
    {
        printf("Bail out! %s\n", b->list.error.what);
        return 1;
    }

    test_rows(b);
    test_directive(b);
    test_largest();
    test_factors();

    ok(llm_price_table_get(&b->table, str("coarse"))->flags
       & LLM_PRICE_F_ROUNDED, "and the price says so");

    book_free(b);

    return done();
}
