
/*
 * Copyright (C) ngx_llm_module authors
 *
 * llm_price_list: what is read, what is passed over, and what is refused
 * with which words, place and name.  Every text is read whole and in pieces
 * of every size, each piece in an allocation of its own.
 */


#include "price_book.h"


#define MODEL  "\"m\": {\"input_cost_per_token\": 1e-6}"


static const struct {
    const char  *text;
    const char  *what;
    const char  *entry;
    const char  *key;
    uint64_t     offset;
    uint64_t     line;
} bad[] = {
    { "", "is empty", "", "", 0, 1 },
    { " \n\t\r\n", "is empty", "", "", 5, 3 },
    { "\n\n  []", "is not a JSON object of models", "", "", 4, 3 },
    { "42", "is not a JSON object of models", "", "", 0, 1 },
    { "\xef\xbb\xbf{}", "is not a JSON object of models", "", "", 0, 1 },
    { "{" MODEL "\n,}", "is not JSON", "", "", 38, 2 },
    { "{" MODEL "}\n{", "is not JSON", "", "", 38, 2 },
    { "{\"m\": {\n\"mode\": chat}}", "is not JSON", "m", "", 16, 2 },
    { "{" MODEL, "ends in the middle", "", "", 36, 1 },
    { "{\"m\": {\"input_cost_per_token\": 1e-6,\n", "ends in the middle", "m",
      "", 37, 2 },
    { "{}", "has no model with a price", "", "", 2, 1 },
    { "{\"m\": {\"mode\": \"chat\"}}", "has no model with a price", "", "", 23,
      1 },
    { "{\"sample_spec\": {\"input_cost_per_token\": 1}}",
      "has no model with a price", "", "", 44, 1 },

    { "{\"m\": {\n\n\"input_cost_per_token\": -1e-6}}", "is negative", "m",
      "input_cost_per_token", 33, 3 },
    { "{\"m\": {\"output_cost_per_token\": \"-1\"}}", "is negative", "m",
      "output_cost_per_token", 32, 1 },
    { "{\"m\": {\"output_cost_per_token\": \"cheap\"}}", "is not a number",
      "m", "output_cost_per_token", 32, 1 },
    { "{\"m\": {\"output_cost_per_token\": \"\"}}", "is not a number",
      "m", "output_cost_per_token", 32, 1 },
    { "{\"m\": {\"output_cost_per_token\": true}}", "is not a number",
      "m", "output_cost_per_token", 32, 1 },
    { "{\"m\": {\"output_cost_per_token\": {}}}", "is not a number",
      "m", "output_cost_per_token", 32, 1 },
    { "{\"m\": {\"output_cost_per_token\": [1]}}", "is not a number",
      "m", "output_cost_per_token", 32, 1 },
    { "{\"m\": {\"output_cost_per_token\": "
      "0.00000000000000000000000000000000000000000000000000000000000000000000"
      "00000000000000000000000000000000000000000000000000000000000000000001}}",
      "is not a number", "m", "output_cost_per_token", 32, 1 },
    { "{\"m\": {\"input_cost_per_token\": 2.5}}",
      "is absurd: more than 1 USD a token or 10000 USD a call", "m",
      "input_cost_per_token", 31, 1 },
    { "{\"m\": {\"input_cost_per_token\": 1e400}}",
      "is absurd: more than 1 USD a token or 10000 USD a call", "m",
      "input_cost_per_token", 31, 1 },
    { "{\"m\": {\"input_cost_per_token_above_2k_tokens_flex\": 1.01}}",
      "is absurd: more than 1 USD a token or 10000 USD a call", "m",
      "input_cost_per_token_above_2k_tokens_flex", 52, 1 },
    { "{\"m\": {\"input_cost_per_request\": 20000}}",
      "is absurd: more than 1 USD a token or 10000 USD a call", "m",
      "input_cost_per_request", 33, 1 },
    { "{\"a\": {\"mode\": \"chat\"}, \"b\": {\n"
      "\"max_input_tokens\": -1}}", "is negative", "b", "max_input_tokens",
      51, 2 },
    { "{\"m\": {\"max_output_tokens\": \"many\"}}", "is not a number", "m",
      "max_output_tokens", 28, 1 },
    { "{\"m\": {\"regional_processing_uplift_multiplier_eu\": 0}}",
      "is no factor between 0 and 1000", "m",
      "regional_processing_uplift_multiplier_eu", 51, 1 },
    { "{\"m\": {\"tiered_pricing\": [{\"range\": [5]}]}}",
      "has a range that is none", "m", "tiered_pricing[]", 39, 1 },
    { "{\"m\": {\"tiered_pricing\": [{\"range\": [5, 5]}]}}",
      "has a range that is none", "m", "tiered_pricing[]", 42, 1 },
    { "{\"m\": {\"tiered_pricing\": [{\"range\": [0, \"x\"]}]}}",
      "is not a number", "m", "tiered_pricing[].range[]", 40, 1 },
    { "{\"m\": {\"tiered_pricing\": [{\"range\": [0, 5],"
      "\"input_cost_per_token\": -1}]}}",
      "is negative", "m", "input_cost_per_token", 67, 1 },
    { "{\"m\": {"
      "\"input_cost_per_token_above_1_tokens\": 0,"
      "\"input_cost_per_token_above_2_tokens\": 0,"
      "\"input_cost_per_token_above_3_tokens\": 0,"
      "\"input_cost_per_token_above_4_tokens\": 0,"
      "\"input_cost_per_token_above_5_tokens\": 0,"
      "\"input_cost_per_token_above_6_tokens\": 0,"
      "\"input_cost_per_token_above_7_tokens\": 0,"
      "\"input_cost_per_token_above_8_tokens\": 0,"
      "\"input_cost_per_token_above_9_tokens\": 0,"
      "\"input_cost_per_token_above_10_tokens\": 0,"
      "\"input_cost_per_token_above_11_tokens\": 0,"
      "\"input_cost_per_token_above_12_tokens\": 0,"
      "\"input_cost_per_token_above_13_tokens\": 0,"
      "\"input_cost_per_token_above_14_tokens\": 0,"
      "\"input_cost_per_token_above_15_tokens\": 0,"
      "\"input_cost_per_token_above_16_tokens\": 0,"
      "\"input_cost_per_token_above_17_tokens\": 0}}",
      "is one rate or threshold too many for a model", "m",
      "input_cost_per_token_above_17_tokens", 710, 1 }
};


/* Passed over: a list with one model, and this beside or in it. */

static const struct {
    const char  *text;
    const char  *what;
} passed[] = {
    { "{" MODEL "}", "the model alone" },
    { " \n {" MODEL "} \n", "white space around" },
    { "{\"sample_spec\": {\"input_cost_per_token\": \"USD\"}," MODEL "}",
      "sample_spec" },
    { "{\"fallback_generalizations\": {\"rules\": [{\"pattern\": \"x\"}]},"
      MODEL "}", "fallback_generalizations" },
    { "{\"last_updated\": \"2026\", \"v\": 2, \"n\": null, \"a\": [{}],"
      MODEL "}", "top-level keys that are no objects" },
    { "{\"m\": {\"input_cost_per_token\": \"1e-6\"}}", "a numeric string" },
    { "{\"m\": {\"input_cost_per_token\": 0.0000010}}", "other digits" },
    { "{\"m\": {\"input_cost_per_token\": 1, \"input_cost_per_token\": 1e-6}}",
      "the later of two keys wins" },
    { "{\"m\": {\"input_cost_per_token\": 1e-6,"
      "\"output_cost_per_token\": null, \"max_input_tokens\": null}}",
      "null is absent" },
    { "{\"m\": {\"input_cost_per_token\": 1e-6, \"rpm\": -5, \"x\": [[{}]],"
      "\"metadata\": {\"input_cost_per_token\": -1}, \"supports_x\": true}}",
      "unknown keys, whatever they hold" },
    { "{\"m\": {\"input_cost_per_token\": 1e-6,"
      "\"input_cost_per_token_ultrafast\": \"x\","
      "\"input_cost_per_token_above_lots_tokens\": \"x\","
      "\"input_cost_per_token_above_99999999999k_tokens\": \"x\","
      "\"output_dbu_cost_per_token\": 3e-5,"
      "\"input_cost_per_token_flex_priority\": 1e-7}}",
      "suffixes of tomorrow" },
    { "{\"m\": {\"input_cost_per_token\": 1e-6, \"provider_specific_entry\":"
      "{\"us\": \"east\", \"fast\": true, \"mode\": \"x\"}}}",
      "an entry of a provider's own" },
    { "{\"m\": {\"input_cost_per_token\": 1e-6, \"tiered_pricing\":"
      "[{\"max_results_range\": [0, 25], \"input_cost_per_query\": 0.005}]}}",
      "tiers of something else" },
    { "{\"m\": {\"input_cost_per_token\": 1e-6,"
      "\"output_cost_per_image\": 0, \"citation_cost_per_token\": 0.0}}",
      "charges of 0 for other things" }
};


/* Pieces of every size; the same outcome as whole, in every field. */

static int
same_in_pieces(const char *text, const book_t *whole, int rc)
{
    int      good;
    size_t   len, step;
    book_t  *b;

    len = strlen(text);

    for (step = 1; step < len; step++) {
        b = book_new(64, 1 << 14);

        good = book_read(b, (const uint8_t *) text, len, step) == rc
               && b->digest == whole->digest
               && memcmp(&b->list.stat, &whole->list.stat,
                         sizeof(llm_price_stat_t)) == 0
               && b->list.error.offset == whole->list.error.offset
               && b->list.error.line == whole->list.error.line
               && b->list.error.what == whole->list.error.what
               && b->list.error.entry.len == whole->list.error.entry.len
               && b->list.error.key.len == whole->list.error.key.len
               && memcmp(b->list.error.entry.data,
                         whole->list.error.entry.data,
                         b->list.error.entry.len) == 0
               && memcmp(b->list.error.key.data, whole->list.error.key.data,
                         b->list.error.key.len) == 0;

        if (!good) {
            printf("#   in pieces of %zu: line %llu, byte %llu: %s\n", step,
                   (unsigned long long) b->list.error.line,
                   (unsigned long long) b->list.error.offset,
                   b->list.error.what ? b->list.error.what : "ok");
        }

        book_free(b);

        if (!good) {
            return 0;
        }
    }

    return 1;
}


static void
test_bad(void)
{
    int                 rc, good;
    char                what[160];
    size_t              i;
    book_t             *b;
    llm_price_error_t  *e;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        b = book_new(64, 1 << 14);
        e = &b->list.error;

        rc = book_read(b, (const uint8_t *) bad[i].text, strlen(bad[i].text),
                       0);

        good = rc == LLM_PRICE_LIST_ERROR
               && strcmp(e->what, bad[i].what) == 0
               && llm_str_eq(e->entry, bad[i].entry, strlen(bad[i].entry))
               && llm_str_eq(e->key, bad[i].key, strlen(bad[i].key))
               && e->offset == bad[i].offset && e->line == bad[i].line;

        snprintf(what, sizeof(what), "bad %zu: %s %s", i + 1, bad[i].key,
                 bad[i].what);
        ok(good && same_in_pieces(bad[i].text, b, rc), what);

        if (!good) {
            printf("#   %.70s\n#   got %d: %.*s: %.*s %s, line %llu, "
                   "byte %llu\n", bad[i].text, rc, (int) e->entry.len,
                   e->entry.data ? (const char *) e->entry.data : "",
                   (int) e->key.len,
                   e->key.data ? (const char *) e->key.data : "",
                   e->what ? e->what : "fine", (unsigned long long) e->line,
                   (unsigned long long) e->offset);
        }

        is(llm_price_list_feed(&b->list, (const uint8_t *) "{}", 2),
           LLM_PRICE_LIST_ERROR, "and stays so");

        book_free(b);
    }
}


static void
test_passed(void)
{
    int                 rc;
    char                what[160];
    size_t              i;
    book_t             *b;
    llm_cost_t          cost;
    llm_tokens_t        tokens;
    const llm_price_t  *p;

    memset(&tokens, 0, sizeof(tokens));
    tokens.input = 1000;

    for (i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {

        b = book_new(64, 1 << 14);
        rc = book_read(b, (const uint8_t *) passed[i].text,
                       strlen(passed[i].text), 0);

        if (rc != LLM_PRICE_LIST_OK) {
            printf("#   %s %.*s\n", b->list.error.what,
                   (int) b->list.error.key.len, b->list.error.key.data);
        }

        p = llm_price_table_get(&b->table, str("m"));

        snprintf(what, sizeof(what), "passed over: %s", passed[i].what);
        ok(rc == LLM_PRICE_LIST_OK && b->list.stat.models == 1
           && llm_cost(p, &tokens, LLM_TIER_STANDARD, 0, &cost)
           && cost.nano == 1000000 && cost.flags == 0
           && p->nsets == 1
           && same_in_pieces(passed[i].text, b, rc), what);

        book_free(b);
    }
}


static const char  whole[] =
"{\"a\": {\"litellm_provider\": \"vertex_ai-language-models\","
"  \"mode\": \"embedding\", \"max_input_tokens\": 8192.0,"
"  \"max_output_tokens\": \"1e3\", \"max_tokens\": 5,"
"  \"input_cost_per_token_cache_hit\": 3e-7, \"input_cost_per_token\": 1e-6,"
"  \"cache_read_input_token_cost\": 2e-7,"
"  \"search_context_cost_per_query\": {\"search_context_size_low\": 0.01},"
"  \"off_peak_pricing\": {\"input_cost_per_token\": 1e-9},"
"  \"aliases\": [\"a-latest\", \"\", 5, \"a-\\u0032\"]},"
" \"b\": {\"litellm_provider\": \"xai\", \"mode\": \"video\","
"  \"cache_read_input_token_cost\": 2e-7,"
"  \"input_cost_per_token_cache_hit\": 3e-7},"
" \"c\": {\"output_cost_per_second\": 1, \"max_input_tokens\": 1e30},"
" \"a\": {\"input_cost_per_token\": 5e-6}}";


static int
stop_at_second(void *data, const llm_price_entry_t *e)
{
    int  *n = data;

    (void) e;

    return ++*n == 2;
}


static int
first_a(void *data, const llm_price_entry_t *e)
{
    llm_price_t  **p = data;

    if (*p == NULL && llm_str_is(e->name, "a")) {
        *p = must(malloc(llm_price_size(e->price)));
        memcpy(*p, e->price, llm_price_size(e->price));
    }

    return 0;
}


static void
test_whole(void)
{
    int                 n;
    book_t             *b;
    uint64_t            nano;
    llm_cost_t          cost;
    llm_price_t        *a;
    llm_tokens_t        tokens;
    const llm_price_t  *p;
    llm_price_list_t   *l;

    l = must(malloc(sizeof(llm_price_list_t)));
    a = NULL;

    llm_price_list_init(l, first_a, &a);
    is(llm_price_list_feed(l, (const uint8_t *) whole, sizeof(whole) - 1), 0,
       "read");
    is(llm_price_list_end(l), 0, "to the end");

    is(l->stat.models, 4, "models");
    is(l->stat.priced, 3, "priced ones");
    is(l->stat.aliases, 2, "aliases");
    is(l->stat.timed, 1, "timed ones");
    is(l->stat.units, 2, "with other units");

    is(a->family, llm_price_family(str("vertex_ai")), "family");
    is(a->mode, LLM_MODE_EMBEDDING, "mode");
    is(a->max_input, 8192, "a float of input tokens");
    is(a->max_output, 1000, "a string of output tokens");
    is(a->flags, LLM_PRICE_F_PRICED | LLM_PRICE_F_UNITS | LLM_PRICE_F_TIMED
                 | LLM_PRICE_F_SIZES, "flags");

    memset(&tokens, 0, sizeof(tokens));
    tokens.input = tokens.cache_read = 10;
    ok(llm_cost(a, &tokens, 0, 0, &cost) && cost.nano == 2000
       && cost.flags == (LLM_COST_UNITS | LLM_COST_TIMED),
       "the usual key wins over the older spelling");

    free(a);

    n = 0;
    llm_price_list_init(l, stop_at_second, &n);
    is(llm_price_list_feed(l, (const uint8_t *) whole, sizeof(whole) - 1),
       (uint64_t) LLM_PRICE_LIST_STOPPED, "stopped by the caller");
    is(llm_price_list_end(l), (uint64_t) LLM_PRICE_LIST_STOPPED,
       "and it stays so");
    is(n, 2, "at once");
    free(l);

    b = book_new(64, 1 << 14);
    ok(book_read(b, (const uint8_t *) whole, sizeof(whole) - 1, 0) == 0
       && same_in_pieces(whole, b, 0), "the same in pieces");

    p = llm_price_table_get(&b->table, str("a"));
    tokens.cache_read = 0;
    nano = llm_cost(p, &tokens, 0, 0, &cost) ? cost.nano : 0;
    is(nano, 50000, "the later of two models of one name");

    p = llm_price_table_get(&b->table, str("a-2"));
    nano = llm_cost(p, &tokens, 0, 0, &cost) ? cost.nano : 0;
    is(nano, 10000, "an alias keeps its own model");

    p = llm_price_table_get(&b->table, str("b"));
    is(p->flags, LLM_PRICE_F_PRICED | LLM_PRICE_F_AT, "xAI");
    is(p->mode, LLM_MODE_OTHER, "another mode");
    tokens.cache_read = 10;
    ok(llm_cost(p, &tokens, 0, 0, &cost) && cost.nano == 2000,
       "the usual key wins when it comes first");

    p = llm_price_table_get(&b->table, str("c"));
    ok(p && !(p->flags & LLM_PRICE_F_PRICED), "known but unpriced");
    is(p->max_input, UINT32_MAX, "a count saturates");
    memset(&tokens, 0, sizeof(tokens));
    ok(!llm_cost(p, &tokens, 0, 0, &cost), "even of nothing");

    book_free(b);
}


int
main(void)
{
    test_bad();
    test_passed();
    test_whole();

    return done();
}
