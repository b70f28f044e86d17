
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What comes beside tokens: fees of calls, queries and searches, what makes
 * a cost partial, calls that report no tokens, and the words and hosts that
 * choose tiers and factors.  Results were worked out by hand.
 */


#include "price_book.h"


static const char  list[] =
"{"
" \"searcher\": {\"litellm_provider\": \"anthropic\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 3e-06, \"output_cost_per_token\": 1.5e-05,"
"   \"search_context_cost_per_query\": {\"search_context_size_low\": 0.01,"
"     \"search_context_size_medium\": 0.01,"
"     \"search_context_size_high\": 0.01},"
"   \"provider_specific_entry\": {\"us\": 1.1, \"fast\": 6.0}},"
" \"sizes\": {\"litellm_provider\": \"openai\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 2e-06,"
"   \"search_context_cost_per_query\": {\"search_context_size_high\": 0.05,"
"     \"search_context_size_low\": 0.03,"
"     \"search_context_size_medium\": 0.035}},"
" \"flat\": {\"litellm_provider\": \"openai\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 2e-06,"
"   \"search_context_cost_per_query\": 0.02},"
" \"highest\": {\"litellm_provider\": \"openai\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 2e-06,"
"   \"search_context_cost_per_query\": {\"search_context_size_high\": 0.05}},"
" \"sonar\": {\"litellm_provider\": \"perplexity\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 1e-06,"
"   \"search_context_cost_per_query\": {\"search_context_size_low\": 0.005,"
"     \"search_context_size_medium\": 0.008,"
"     \"search_context_size_high\": 0.012}},"
" \"sonar-offline\": {\"litellm_provider\": \"perplexity\","
"   \"mode\": \"chat\", \"input_cost_per_token\": 1e-06,"
"   \"output_cost_per_token\": 1e-06},"
" \"nosearch\": {\"litellm_provider\": \"openai\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 2e-06,"
"   \"search_context_cost_per_query\": {\"search_context_size_low\": 0,"
"     \"search_context_size_medium\": 0}},"
" \"onlysearch\": {\"litellm_provider\": \"openai\", \"mode\": \"chat\","
"   \"search_context_cost_per_query\": {\"search_context_size_low\": 0.01,"
"     \"search_context_size_medium\": 0.01,"
"     \"search_context_size_high\": 0.01}},"
" \"audio\": {\"litellm_provider\": \"openai\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 2e-06,"
"   \"input_cost_per_audio_token\": 4e-05},"
" \"painter\": {\"litellm_provider\": \"gemini\","
"   \"mode\": \"image_generation\","
"   \"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 2e-06,"
"   \"output_cost_per_image_token\": 3e-05},"
" \"rerank\": {\"litellm_provider\": \"cohere\", \"mode\": \"rerank\","
"   \"input_cost_per_token\": 0.0, \"output_cost_per_token\": 0.0,"
"   \"input_cost_per_query\": 0.002},"
" \"rerank-tokens\": {\"litellm_provider\": \"voyage\","
"   \"mode\": \"rerank\", \"input_cost_per_token\": 5e-08,"
"   \"output_cost_per_token\": 0.0},"
" \"moderation\": {\"litellm_provider\": \"openai\","
"   \"mode\": \"moderation\", \"input_cost_per_token\": 0,"
"   \"output_cost_per_token\": 0},"
" \"tiers-not-free\": {\"litellm_provider\": \"x\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 0, \"output_cost_per_token\": 0,"
"   \"input_cost_per_token_priority\": 1e-06},"
" \"call\": {\"litellm_provider\": \"perplexity\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 0, \"output_cost_per_token\": 2.8e-06,"
"   \"input_cost_per_request\": 0.005},"
" \"timed\": {\"litellm_provider\": \"deepseek\", \"mode\": \"chat\","
"   \"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 2e-06,"
"   \"off_peak_pricing\": {\"hours_utc\": [16, 1]}},"
" \"dear\": {\"litellm_provider\": \"x\", \"mode\": \"rerank\","
"   \"input_cost_per_token\": 1, \"output_cost_per_token\": 1,"
"   \"input_cost_per_query\": 10000,"
"   \"search_context_cost_per_query\": 10000,"
"   \"regional_processing_uplift_multiplier_eu\": 1.000001,"
"   \"regional_processing_uplift_multiplier_us\": 1.000001,"
"   \"regional_endpoint_uplift_multiplier\": 1.000001,"
"   \"provider_specific_entry\": {\"us\": 1.000001, \"fast\": 1.000001}}"
"}";


#define PARTIAL  LLM_COST_PARTIAL
#define UNITS    LLM_COST_UNITS
#define BY       LLM_COST_FACTOR
#define TIMED    LLM_COST_TIMED
#define SAT      LLM_COST_SATURATED

#define AUDIO    LLM_EXTRA_AUDIO
#define IMAGE    LLM_EXTRA_IMAGE
#define TOOL     LLM_EXTRA_TOOL

#define US       llm_factor_bit(LLM_FACTOR_GEO_US)
#define FAST     llm_factor_bit(LLM_FACTOR_FAST)

#define UNKNOWN  UINT64_MAX


/* model, input and output tokens (or none), queries, searches ... */

static const struct {
    const char  *model;
    int          tokens;
    uint64_t     input;
    uint64_t     output;
    uint64_t     queries;
    uint64_t     searches;
    unsigned     factors;
    unsigned     extras;
    uint64_t     nano;
    unsigned     flags;
    const char  *what;
} rows[] = {

    { "searcher", 1, 1000, 100, 0, 0, 0, 0, 4500000, UNITS,
      "no search, no fee" },
    { "searcher", 1, 1000, 100, 0, 3, 0, 0, 34500000, UNITS,
      "a fee a search" },
    { "searcher", 1, 1000, 100, 0, 3, US, 0, 34950000, UNITS | BY,
      "no factor is on it" },
    { "searcher", 1, 1000, 100, 0, 1, US | FAST, 0, 39700000, UNITS | BY,
      "nor are two" },
    { "sizes", 1, 1000, 0, 0, 2, 0, 0, 71000000, UNITS | PARTIAL,
      "fees by size: the middle one, and that it is so" },
    { "sizes", 1, 1000, 0, 0, 0, 0, 0, 1000000, UNITS, "but no search" },
    { "flat", 1, 1000, 0, 0, 1, 0, 0, 21000000, UNITS, "a bare number" },
    { "highest", 1, 1000, 0, 0, 1, 0, 0, 51000000, UNITS | PARTIAL,
      "one size is known" },
    { "nosearch", 1, 1000, 0, 0, 1, 0, 0, 1000000, PARTIAL,
      "a search that the list has no fee for" },
    { "sonar", 1, 1000, 0, 0, 0, 0, 0, 1000000, UNITS | PARTIAL,
      "it searches whether it says so or not" },
    { "sonar", 1, 1000, 0, 0, 2, 0, 0, 17000000, UNITS | PARTIAL,
      "and when it does" },
    { "sonar-offline", 1, 1000, 0, 0, 0, 0, 0, 1000000, 0, "it does not" },
    { "onlysearch", 1, 1000, 0, 0, 1, 0, 0, UNKNOWN, 0,
      "a fee for searches is no price" },
    { "onlysearch", 0, 0, 0, 0, 1, 0, 0, UNKNOWN, 0, "nor without tokens" },

    { "audio", 1, 1000, 0, 0, 0, 0, 0, 1000000, UNITS, "text alone" },
    { "audio", 1, 1000, 0, 0, 0, 0, AUDIO, 1000000, UNITS | PARTIAL,
      "audio at the rate of text" },
    { "audio", 1, 1000, 0, 0, 0, 0, IMAGE, 1000000, UNITS,
      "an image, which the list has no other rate for" },
    { "flat", 1, 1000, 0, 0, 0, 0, TOOL, 1000000, UNITS | PARTIAL,
      "a tool with a fee that nobody knows" },
    { "painter", 1, 1000, 100, 0, 0, 0, 0, 1200000, UNITS | PARTIAL,
      "tokens that may be an image's" },

    { "rerank", 0, 0, 0, 0, 0, 0, 0, 2000000, UNITS, "a query at least" },
    { "rerank", 0, 0, 0, 1, 0, 0, 0, 2000000, UNITS, "one query" },
    { "rerank", 0, 0, 0, 7, 0, 0, 0, 14000000, UNITS, "seven" },
    { "rerank", 1, 500, 20, 3, 0, 0, 0, 6000000, UNITS,
      "free tokens do not matter" },
    { "rerank-tokens", 0, 0, 0, 1, 0, 0, 0, UNKNOWN, 3,
      "no tokens said, and they are not free" },
    { "rerank-tokens", 1, 1000, 0, 5, 0, 0, 0, 50000, 0,
      "tokens, and no fee" },
    { "moderation", 0, 0, 0, 0, 0, 0, 0, 0, 0, "free of charge" },
    { "tiers-not-free", 0, 0, 0, 0, 0, 0, 0, UNKNOWN, 3,
      "free in one tier alone" },
    { "call", 1, 10, 10, 9, 0, 0, 0, 5028000, 0,
      "queries are of rerank models alone" },
    { "timed", 1, 1000, 0, 0, 0, 0, 0, 1000000, TIMED, "at any hour" },

    { "dear", 1, 1, 0, 1, 1, 0x1f, 0, 20001000005000ull, UNITS | BY,
      "all factors, and two fees of 10000" },
    { "dear", 1, 1, 0, UINT64_MAX, 0, 0, 0, LLM_COST_MAX, UNITS | SAT,
      "fees saturate" },
    { "dear", 1, UINT64_MAX, 0, UINT64_MAX, UINT64_MAX, 0x1f, 0,
      LLM_COST_MAX, UNITS | BY | SAT, "everything" },
    { "absent", 1, 1, 0, 1, 1, 0, 0, UNKNOWN, 0, "no price at all" }
};


static void
test_rows(const book_t *b)
{
    int           priced;
    size_t        i;
    llm_bill_t    bill;
    llm_cost_t    cost;
    llm_tokens_t  tokens;
    char          what[128];

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {

        memset(&tokens, 0, sizeof(tokens));
        memset(&bill, 0, sizeof(bill));
        memset(&cost, 0xaa, sizeof(cost));

        tokens.input = rows[i].input;
        tokens.output = rows[i].output;
        bill.tokens = rows[i].tokens ? &tokens : NULL;
        bill.queries = rows[i].queries;
        bill.searches = rows[i].searches;
        bill.factors = rows[i].factors;
        bill.extras = rows[i].extras;

        priced = llm_cost_bill(llm_price_table_get(&b->table,
                                                   str(rows[i].model)),
                               &bill, &cost);

        snprintf(what, sizeof(what), "%s: %s", rows[i].model, rows[i].what);

        if (rows[i].nano == UNKNOWN) {
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


static const struct {
    const char  *name;
    unsigned     tier;
} tiers[] = {
    { "flex", LLM_TIER_FLEX }, { "FLEX", LLM_TIER_FLEX },
    { "Flex", LLM_TIER_FLEX }, { "ON_DEMAND_FLEX", LLM_TIER_FLEX },
    { "on_demand_flex", LLM_TIER_FLEX }, { "on-demand-flex", LLM_TIER_FLEX },
    { "SERVICE_TIER_FLEX", LLM_TIER_FLEX },
    { "TRAFFIC_TYPE_ON_DEMAND_FLEX", LLM_TIER_FLEX },

    { "batch", LLM_TIER_BATCH }, { "BATCH", LLM_TIER_BATCH },
    { "batches", LLM_TIER_BATCH }, { "ON_DEMAND_BATCH", LLM_TIER_BATCH },

    { "priority", LLM_TIER_PRIORITY }, { "Priority", LLM_TIER_PRIORITY },
    { "PRIORITY", LLM_TIER_PRIORITY }, { "fast", LLM_TIER_PRIORITY },
    { "ON_DEMAND_PRIORITY", LLM_TIER_PRIORITY },
    { "service_tier_priority", LLM_TIER_PRIORITY },

    { "default", LLM_TIER_STANDARD }, { "DEFAULT", LLM_TIER_STANDARD },
    { "auto", LLM_TIER_STANDARD }, { "standard", LLM_TIER_STANDARD },
    { "standard_only", LLM_TIER_STANDARD }, { "scale", LLM_TIER_STANDARD },
    { "on_demand", LLM_TIER_STANDARD }, { "ON_DEMAND", LLM_TIER_STANDARD },
    { "TRAFFIC_TYPE_UNSPECIFIED", LLM_TIER_STANDARD },
    { "PROVISIONED_THROUGHPUT", LLM_TIER_STANDARD },
    { "provisioned", LLM_TIER_STANDARD }, { "reserved", LLM_TIER_STANDARD },
    { "performance", LLM_TIER_STANDARD },

    { "", LLM_TIER_STANDARD }, { "flexi", LLM_TIER_STANDARD },
    { "fle", LLM_TIER_STANDARD }, { "on_demand_", LLM_TIER_STANDARD },
    { "not_priority", LLM_TIER_STANDARD },
    { "priority_priority_priority_priority", LLM_TIER_STANDARD }
};


static const struct {
    const char  *host;
    const char  *region;
    unsigned     factors;
} hosts[] = {
    { "bedrock-runtime.eu-west-1.amazonaws.com", "eu-west-1", 0 },
    { "bedrock-runtime.us-gov-west-1.amazonaws.com:443", "us-gov-west-1", 0 },
    { "bedrock-runtime-fips.us-east-1.amazonaws.com", "us-east-1", 0 },
    { "bedrock-mantle.ap-northeast-1.api.aws", "ap-northeast-1", 0 },
    { "vpce-0a-1b.bedrock-runtime.sa-east-1.vpce.amazonaws.com", "sa-east-1",
      0 },
    { "bedrock.local", "", 0 },
    { "bedrock-runtime", "", 0 },
    { "not-bedrock.eu-west-1.amazonaws.com", "", 0 },
    { "eu.api.openai.com", "", llm_factor_bit(LLM_FACTOR_EU) },
    { "us.api.openai.com:443", "", llm_factor_bit(LLM_FACTOR_US) },
    { "api.openai.com", "", 0 },
    { "aiplatform.googleapis.com", "", 0 },
    { "us-east5-aiplatform.googleapis.com", "",
      llm_factor_bit(LLM_FACTOR_REGIONAL) },
    { "aiplatform.eu.rep.googleapis.com", "",
      llm_factor_bit(LLM_FACTOR_REGIONAL) },
    { "127.0.0.1:8080", "", 0 },
    { "[::1]:80", "", 0 },
    { "", "", 0 },
    { ".", "", 0 },
    { ":", "", 0 }
};


static void
test_words(void)
{
    char         what[128];
    size_t       i;
    llm_str_t    host;
    uint8_t     *copy;
    llm_place_t  place;

    for (i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
        snprintf(what, sizeof(what), "tier \"%s\"", tiers[i].name);
        is(llm_price_tier(str(tiers[i].name)), tiers[i].tier, what);
    }

    is(llm_price_geo(str("us")), US, "in the US");
    is(llm_price_geo(str("US")), US, "in capitals");
    is(llm_price_geo(str("global")), 0, "anywhere");
    is(llm_price_geo(str("not_available")), 0, "before there was a choice");
    is(llm_price_geo(str("")), 0, "not said");
    is(llm_price_speed(str("fast")), FAST, "fast");
    is(llm_price_speed(str("standard")), 0, "not fast");
    is(llm_price_speed(str("faster")), 0, "not that word");

    for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {

        /* in an allocation of its exact size */

        host = str(hosts[i].host);
        copy = must(malloc(host.len ? host.len : 1));
        memcpy(copy, host.data, host.len);
        host.data = copy;

        llm_price_place(host, &place);

        snprintf(what, sizeof(what), "host \"%s\"", hosts[i].host);
        ok(llm_str_eq(place.region, hosts[i].region, strlen(hosts[i].region))
           && place.factors == hosts[i].factors, what);

        free(copy);
    }
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
    test_words();

    book_free(b);

    return done();
}
