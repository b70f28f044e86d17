
/*
 * Copyright (C) ngx_llm_module authors
 *
 * From names to prices: the order of the spellings, whose price a bare name
 * is, fine-tunes, the table itself, and the rules that come before it.  Each
 * model of the little list costs another sum, so that the price tells which
 * entry was found.
 */


#include "price_book.h"


/* name, litellm_provider, its rate and its aliases */

static const struct {
    const char  *name;
    const char  *provider;
    const char  *aliases;
} models[] = {
    { "gpt-4o", "openai", "" },
    { "gpt-4o-2024-08-06", "openai", "" },
    { "gpt-4o-mini", "openai", "\"gpt-mini\", \"gpt-4o\"" },
    { "ft:gpt-4o-2024-08-06", "openai", "" },
    { "ft:gpt-4.1", "openai", "" },
    { "azure/gpt-4o", "azure", "" },
    { "azure/eu/gpt-4o", "azure", "" },
    { "azure_ai/grok-3", "azure_ai", "" },
    { "claude-sonnet-4-5", "anthropic", "" },
    { "claude-sonnet-4-5-20250929", "anthropic", "" },
    { "anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock_converse", "" },
    { "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock_converse",
      "" },
    { "bedrock/eu-west-1/anthropic.claude-v1", "bedrock", "" },
    { "anthropic.claude-v1", "bedrock", "" },
    { "vertex_ai/claude-sonnet-4-5@20250929", "vertex_ai-anthropic_models",
      "" },
    { "gemini-2.5-pro", "vertex_ai-language-models", "" },
    { "gemini/gemini-2.5-pro", "gemini", "" },
    { "groq/llama-3.3-70b", "groq", "" },
    { "llama-3.3-70b", "together_ai", "" },
    { "fireworks_ai/accounts/fireworks/models/kimi-k2", "fireworks_ai", "" },
    { "openrouter/openai/gpt-4o", "openrouter", "" },
    { "deepseek/deepseek-chat", "deepseek", "" },
    { "xai/grok-4", "xai", "" },
    { "mistral/mistral-large-latest", "mistral", "" },
    { "command-r", "cohere_chat", "" },
    { "together_ai/BAAI/bge", "together_ai", "" },
    { "together_ai/baai/bge", "together_ai", "" },
    { "ollama/llama3", "ollama", "" },
    { "house-model", "", "" },
    { "text-embedding-3-small", "text-completion-openai", "" },
    { "mixtral-8x7b", "sambanova", "" },
    { "zoo-001", "openai", "" },
    { "zoo", "openai", "" },
    { "amazon.nova-pro-v1:0", "bedrock", "\"arn:aws:bedrock:us-east-1:1:"
      "application-inference-profile/4f2a\", \"arn:aws:bedrock:us-east-1:1:"
      "provisioned-model/x9\"" },
    { "4f2b", "bedrock", "" },
    { "vertex_ai/claude-opus-4-6@default", "vertex_ai-anthropic_models", "" },
    { "gpt-3.5-turbo-instruct", "text-completion-openai", "" }
};

#define NMODELS  (sizeof(models) / sizeof(models[0]))


static const struct {
    const char   *provider;
    const char   *answered;
    const char   *asked;
    const char   *want;          /* "" : unpriced */
    llm_match_e   how;
} finds[] = {

    /* 1: exact */
    { "openai", "gpt-4o-2024-08-06", "gpt-4o", "gpt-4o-2024-08-06",
      LLM_MATCH_EXACT },
    { "openai", "gpt-4o-2031-01-01", "gpt-4o", "gpt-4o", LLM_MATCH_EXACT },
    { "openai", "", "gpt-4o", "gpt-4o", LLM_MATCH_EXACT },
    { "openai", "gpt-4o", "gpt-4o", "gpt-4o", LLM_MATCH_EXACT },
    { "azure.ai.openai", "gpt-4o", "", "azure/gpt-4o", LLM_MATCH_EXACT },
    { "azure.ai.openai", "grok-3", "", "azure_ai/grok-3", LLM_MATCH_EXACT },
    { "azure.ai.openai", "deployment-7", "gpt-4o", "azure/gpt-4o",
      LLM_MATCH_EXACT },
    { "azure.ai.openai", "azure/gpt-4o", "", "azure/gpt-4o",
      LLM_MATCH_EXACT },
    { "groq", "llama-3.3-70b", "", "groq/llama-3.3-70b", LLM_MATCH_EXACT },
    { "together_ai", "llama-3.3-70b", "", "llama-3.3-70b", LLM_MATCH_EXACT },
    { "fireworks_ai", "accounts/fireworks/models/kimi-k2", "",
      "fireworks_ai/accounts/fireworks/models/kimi-k2", LLM_MATCH_EXACT },
    { "openrouter", "openai/gpt-4o", "", "openrouter/openai/gpt-4o",
      LLM_MATCH_EXACT },
    { "deepseek", "deepseek-chat", "", "deepseek/deepseek-chat",
      LLM_MATCH_EXACT },
    { "x_ai", "grok-4", "", "xai/grok-4", LLM_MATCH_EXACT },
    { "mistral_ai", "mistral-large-latest", "",
      "mistral/mistral-large-latest", LLM_MATCH_EXACT },
    { "cohere", "command-r", "", "command-r", LLM_MATCH_EXACT },
    { "gcp.gemini", "gemini-2.5-pro", "", "gemini/gemini-2.5-pro",
      LLM_MATCH_EXACT },
    { "gcp.vertex_ai", "gemini-2.5-pro", "", "gemini-2.5-pro",
      LLM_MATCH_EXACT },
    { "openai", "text-embedding-3-small", "", "text-embedding-3-small",
      LLM_MATCH_EXACT },
    { "openai", "house-model", "", "house-model", LLM_MATCH_EXACT },
    { "aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "",
      "us.anthropic.claude-sonnet-4-5-20250929-v1:0", LLM_MATCH_EXACT },
    { "openai", "zoo-001", "", "zoo-001", LLM_MATCH_EXACT },

    /* a bare name of somebody else's */
    { "openai", "llama-3.3-70b", "", "", LLM_MATCH_NONE },
    { "aws.bedrock", "claude-sonnet-4-5", "", "", LLM_MATCH_NONE },
    { "vllm", "gpt-4o", "", "", LLM_MATCH_NONE },
    { "ollama", "gpt-4o", "", "", LLM_MATCH_NONE },
    { "sambanova", "gpt-4o", "", "", LLM_MATCH_NONE },
    { "llamacpp", "command-r", "", "", LLM_MATCH_NONE },
    { "tgi", "gpt-4o", "", "", LLM_MATCH_NONE },
    { "sglang", "", "house-model", "house-model", LLM_MATCH_EXACT },
    { "sambanova", "mixtral-8x7b", "", "mixtral-8x7b", LLM_MATCH_EXACT },
    { "anthropic", "gpt-4o", "claude-sonnet-4-5", "claude-sonnet-4-5",
      LLM_MATCH_EXACT },

    /* a provider that the list does not know, or none */
    { "corp", "gpt-4o", "", "gpt-4o", LLM_MATCH_EXACT },
    { "", "claude-sonnet-4-5", "", "claude-sonnet-4-5", LLM_MATCH_EXACT },
    { "", "groq/llama-3.3-70b", "", "groq/llama-3.3-70b", LLM_MATCH_EXACT },
    { "vercel_ai_gateway", "openai/gpt-4o", "", "gpt-4o", LLM_MATCH_ROUTE },

    /* aliases: never before a model's own name */
    { "openai", "gpt-mini", "", "gpt-4o-mini", LLM_MATCH_ALIAS },
    { "openai", "gpt-mini", "gpt-4o", "gpt-4o", LLM_MATCH_EXACT },
    { "anthropic", "gpt-mini", "", "", LLM_MATCH_NONE },
    { "openai", "gpt-mini-2024-07-18", "", "gpt-4o-mini",
      LLM_MATCH_VERSION },

    /* 2: routing prefixes */
    { "gcp.gemini", "models/gemini-2.5-pro", "", "gemini/gemini-2.5-pro",
      LLM_MATCH_ROUTE },
    { "gcp.vertex_ai", "publishers/google/models/gemini-2.5-pro", "",
      "gemini-2.5-pro", LLM_MATCH_ROUTE },
    { "gcp.vertex_ai", "projects/p/locations/l/publishers/anthropic/models/"
      "claude-sonnet-4-5@20250929", "",
      "vertex_ai/claude-sonnet-4-5@20250929", LLM_MATCH_ROUTE },
    { "aws.bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "",
      "anthropic.claude-sonnet-4-5-20250929-v1:0", LLM_MATCH_ROUTE },
    { "aws.bedrock", "bedrock/global.anthropic.claude-v1", "",
      "anthropic.claude-v1", LLM_MATCH_ROUTE },
    { "aws.bedrock", "arn:aws:bedrock:us-east-1:1:inference-profile/"
      "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "",
      "us.anthropic.claude-sonnet-4-5-20250929-v1:0", LLM_MATCH_ROUTE },

    { "aws.bedrock", "arn:aws:bedrock:us-east-1::foundation-model/"
      "anthropic.claude-v1", "", "anthropic.claude-v1", LLM_MATCH_ROUTE },
    { "aws.bedrock", "arn:aws:bedrock:eu-west-1::foundation-model/"
      "anthropic.claude-v1", "", "bedrock/eu-west-1/anthropic.claude-v1",
      LLM_MATCH_ROUTE },
    { "aws.bedrock", "", "arn:aws-us-gov:bedrock:us-gov-west-1:1:"
      "inference-profile/us-gov.anthropic.claude-v1", "anthropic.claude-v1",
      LLM_MATCH_ROUTE },
    { "aws.bedrock", "claude-v1", "arn:aws:bedrock:us-east-1:1:"
      "inference-profile/us.anthropic.claude-v1", "anthropic.claude-v1",
      LLM_MATCH_ROUTE },

    /* what these stand for is not in their names */
    { "aws.bedrock", "", "arn:aws:bedrock:us-east-1:1:"
      "application-inference-profile/4f2b", "", LLM_MATCH_NONE },
    { "aws.bedrock", "", "arn:aws:bedrock:us-east-1:1:"
      "provisioned-model/4f2b", "", LLM_MATCH_NONE },
    { "aws.bedrock", "", "arn:aws:bedrock:us-east-1:1:"
      "custom-model/amazon.nova-pro-v1:0/4f2b", "", LLM_MATCH_NONE },
    { "aws.bedrock", "", "arn:aws:bedrock:us-east-1:1:"
      "application-inference-profile/4f2a", "amazon.nova-pro-v1:0",
      LLM_MATCH_ALIAS },
    { "aws.bedrock", "", "arn:aws:bedrock:us-east-1:1:"
      "provisioned-model/x9", "amazon.nova-pro-v1:0", LLM_MATCH_ALIAS },

    /* 3: versions */
    { "openai", "gpt-4o-latest", "", "gpt-4o", LLM_MATCH_VERSION },
    { "mistral_ai", "mistral-large-latest", "",
      "mistral/mistral-large-latest", LLM_MATCH_EXACT },
    { "mistral_ai", "mistral-small-latest", "", "", LLM_MATCH_NONE },
    { "openai", "gpt-3.5-turbo-instruct:20230824-v2", "",
      "gpt-3.5-turbo-instruct", LLM_MATCH_VERSION },
    { "openai", "zoo:2023-07-21-v2", "", "zoo", LLM_MATCH_VERSION },
    { "openai", "zoo:30b", "", "", LLM_MATCH_NONE },
    { "openai", "zoo:1234567", "", "", LLM_MATCH_NONE },
    { "openai", "zoo:v2345678", "", "", LLM_MATCH_NONE },
    { "gcp.vertex_ai", "claude-sonnet-4-5@20250929", "",
      "vertex_ai/claude-sonnet-4-5@20250929", LLM_MATCH_EXACT },
    { "gcp.vertex_ai", "claude-opus-4-6@default", "",
      "vertex_ai/claude-opus-4-6@default", LLM_MATCH_EXACT },
    { "gcp.vertex_ai", "claude-opus-4-6@20270101", "", "", LLM_MATCH_NONE },
    { "gcp.vertex_ai", "gemini-2.5-pro-001", "", "gemini-2.5-pro",
      LLM_MATCH_VERSION },
    { "openai", "gpt-4o-2031-12-31", "", "gpt-4o", LLM_MATCH_VERSION },
    { "openai", "zoo-002", "", "zoo", LLM_MATCH_VERSION },
    { "openai", "zoo-002@default", "", "zoo", LLM_MATCH_VERSION },
    { "openai", "zoo-002-20310101:latest", "", "zoo", LLM_MATCH_VERSION },
    { "anthropic", "claude-sonnet-4-5@20310101", "", "claude-sonnet-4-5",
      LLM_MATCH_VERSION },
    { "anthropic", "claude-sonnet-4-5-20310101-v1:0", "",
      "claude-sonnet-4-5", LLM_MATCH_VERSION },
    { "openrouter", "openai/gpt-4o:free", "", "openrouter/openai/gpt-4o",
      LLM_MATCH_VERSION },
    { "ollama", "llama3:latest", "", "ollama/llama3", LLM_MATCH_VERSION },
    { "ollama", "llama3:70b", "", "", LLM_MATCH_NONE },
    { "openai", "zoo-01", "", "", LLM_MATCH_NONE },
    { "openai", "zoo-0001", "", "", LLM_MATCH_NONE },
    { "openai", "zoo-2024-8-06", "", "", LLM_MATCH_NONE },
    { "openai", "zoo-2024x08-06", "", "", LLM_MATCH_NONE },
    { "openai", "zoo-12345678", "", "", LLM_MATCH_NONE },
    { "openai", "zoo-19991231x", "", "", LLM_MATCH_NONE },
    { "openai", "gpt-4o-audio", "", "", LLM_MATCH_NONE },

    /* 4: case; the very case first */
    { "openai", "GPT-4o", "", "gpt-4o", LLM_MATCH_CASE },
    { "azure.ai.openai", "GPT-4O", "", "azure/gpt-4o", LLM_MATCH_CASE },
    { "openai", "MODELS/GPT-4O-2031-01-01", "", "", LLM_MATCH_NONE },
    { "openai", "models/GPT-4O-2031-01-01", "", "gpt-4o", LLM_MATCH_CASE },
    { "together_ai", "BAAI/bge", "", "together_ai/BAAI/bge",
      LLM_MATCH_EXACT },
    { "together_ai", "baai/bge", "", "together_ai/baai/bge",
      LLM_MATCH_EXACT },
    { "groq", "LLaMA-3.3-70b", "", "groq/llama-3.3-70b", LLM_MATCH_CASE },
    { "openai", "LLaMA-3.3-70b", "", "", LLM_MATCH_NONE },

    /* fine-tunes */
    { "openai", "ft:gpt-4o-2024-08-06:acme::id", "", "ft:gpt-4o-2024-08-06",
      LLM_MATCH_TUNED },
    { "openai", "ft:gpt-4.1-2025-04-14:acme:x:id", "", "ft:gpt-4.1",
      LLM_MATCH_TUNED },
    { "openai", "ft:gpt-4o:acme::id", "gpt-4o", "", LLM_MATCH_NONE },
    { "openai", "gpt-4o", "ft:gpt-4o:acme::id", "", LLM_MATCH_NONE },
    { "openai", "ft:gpt-4o-mini:acme::id", "", "", LLM_MATCH_NONE },
    { "openai", "ft:gpt-4o", "", "", LLM_MATCH_NONE },
    { "azure.ai.openai", "gpt-4o-2024-08-06.ft-0123abcd", "", "",
      LLM_MATCH_NONE },

    /* nonsense */
    { "openai", "", "", "", LLM_MATCH_NONE },
    { "openai", "-001", "", "", LLM_MATCH_NONE },
    { "openai", "models/", "", "", LLM_MATCH_NONE },
    { "openai", "ft:", "", "", LLM_MATCH_NONE },
    { "openai", ":", "@", "", LLM_MATCH_NONE },
    { "openai", "-v1:0", ":latest", "", LLM_MATCH_NONE },
    { "openai", "arn:", "/models/", "", LLM_MATCH_NONE }
};


static book_t *
load(void)
{
    char    *text, *p;
    size_t   i;
    book_t  *b;

    p = text = must(malloc(NMODELS * 400));
    p += sprintf(p, "{");

    for (i = 0; i < NMODELS; i++) {
        p += sprintf(p, "%s\"%s\": {\"litellm_provider\": \"%s\","
                     "\"input_cost_per_token\": %zue-9, \"aliases\": [%s]}",
                     i ? ",\n" : "", models[i].name, models[i].provider,
                     i + 1, models[i].aliases);
    }

    p += sprintf(p, "}");

    b = book_new(64, 1 << 16);

    if (book_read(b, (uint8_t *) text, p - text, 0) != LLM_PRICE_LIST_OK) {
        printf("Bail out! %s\n", b->list.error.what);
        exit(1);
    }

    free(text);

    return b;
}


static const char *
whose(const llm_price_t *p)
{
    llm_cost_t    cost;
    llm_tokens_t  tokens;

    memset(&tokens, 0, sizeof(tokens));
    tokens.input = 1;

    if (!llm_cost(p, &tokens, LLM_TIER_STANDARD, 0, &cost)
        || cost.nano == 0 || cost.nano > NMODELS)
    {
        return "";
    }

    return models[cost.nano - 1].name;
}


/* Every text in an allocation of its exact size. */

static llm_str_t
exact(const char *s)
{
    llm_str_t  v;
    uint8_t   *p;

    v.len = strlen(s);
    p = must(malloc(v.len ? v.len : 1));
    memcpy(p, s, v.len);
    v.data = p;

    return v;
}


static void
test_finds(const book_t *b)
{
    char                 what[256];
    size_t               i;
    llm_match_e          how;
    const char          *got;
    llm_name_query_t     q;
    const llm_price_t   *p;

    for (i = 0; i < sizeof(finds) / sizeof(finds[0]); i++) {

        memset(&q, 0, sizeof(q));
        q.provider = exact(finds[i].provider);
        q.answered = exact(finds[i].answered);
        q.asked = exact(finds[i].asked);

        p = llm_price_find(&b->table, &q, &how);
        got = whose(p);

        snprintf(what, sizeof(what), "%s \"%s\" \"%s\" is %s",
                 finds[i].provider, finds[i].answered, finds[i].asked,
                 *finds[i].want ? finds[i].want : "unpriced");
        ok(strcmp(got, finds[i].want) == 0 && how == finds[i].how, what);

        if (strcmp(got, finds[i].want) != 0 || how != finds[i].how) {
            printf("#   got \"%s\" (%d)\n", got, (int) how);
        }

        free((void *) q.provider.data);
        free((void *) q.answered.data);
        free((void *) q.asked.data);
    }
}


static void
test_query(const book_t *b)
{
    char                 text[400];
    size_t               i;
    llm_match_e          how;
    llm_name_query_t     q;

    memset(&q, 0, sizeof(q));

    q.provider = str("aws.bedrock");
    q.answered = str("anthropic.claude-v1");
    q.region = str("eu-west-1");
    is_str(whose(llm_price_find(&b->table, &q, &how)),
           "bedrock/eu-west-1/anthropic.claude-v1", "the region's price");

    q.region = str("us-west-2");
    is_str(whose(llm_price_find(&b->table, &q, &how)), "anthropic.claude-v1",
           "a region without one");

    q.provider = str("azure.ai.openai");
    q.answered = str("gpt-4o");
    q.region = str("eu");
    is_str(whose(llm_price_find(&b->table, &q, &how)), "azure/eu/gpt-4o",
           "azure's region");

    memset(&q, 0, sizeof(q));
    q.provider = str("openai");
    q.answered = str("llama-3.3-70b");
    q.guessed = 1;
    is_str(whose(llm_price_find(&b->table, &q, &how)), "llama-3.3-70b",
           "a guessed provider may be wrong");
    is(how, LLM_MATCH_OTHER, "and the answer says so");

    q.asked = str("gpt-4o");
    is_str(whose(llm_price_find(&b->table, &q, &how)), "gpt-4o",
           "but a name of its own is better");

    q.asked = str("");
    q.answered = str("ft:gpt-4o-2024-08-06:x::y");
    q.provider = str("groq");
    is_str(whose(llm_price_find(&b->table, &q, &how)),
           "ft:gpt-4o-2024-08-06", "a guessed fine-tune");

    is_str(whose(llm_price_table_find(&b->table, str("groq"),
                                      str("llama-3.3-70b"))),
           "groq/llama-3.3-70b", "the short form");

    /* names that are too long for the buffer, by a byte and by a lot */

    memset(text, 'a', sizeof(text));
    memset(&q, 0, sizeof(q));
    q.provider = str("azure.ai.openai");
    q.answered.data = (uint8_t *) text;

    for (i = 150; i < sizeof(text); i++) {
        q.answered.len = i;

        if (llm_price_find(&b->table, &q, &how) != NULL) {
            break;
        }
    }

    is(i, sizeof(text), "long names are nobody's");
}


static void
test_table(const book_t *b)
{
    int                 rc;
    char                names[16][8];
    unsigned            i;
    const llm_price_t  *a, *z;
    llm_price_slot_t    slots[16];
    llm_price_table_t   t;

    a = llm_price_table_get(&b->table, str("gpt-4o"));
    z = llm_price_table_get(&b->table, str("zoo"));

    ok(llm_price_table_get(&b->table, str("GPT-4o")) == NULL,
       "get is for the very name");
    ok(llm_price_table_get(&b->table, str("")) == NULL, "no name");

    llm_price_table_init(&t, slots, 16);

    is(llm_price_table_alias(&t, str("x"), a), LLM_NAME_OK, "an alias");
    is(llm_price_table_put(&t, str("x"), z), LLM_NAME_REPLACED,
       "a model of that name");
    ok(llm_price_table_get(&t, str("x")) == z, "has it now");
    is(llm_price_table_alias(&t, str("x"), a), LLM_NAME_REPLACED,
       "the alias again");
    ok(llm_price_table_get(&t, str("x")) == z, "does not hide the model");
    is(llm_price_table_put(&t, str("x"), a), LLM_NAME_REPLACED,
       "a later model");
    ok(llm_price_table_get(&t, str("x")) == a, "overrides");
    is(t.n, 1, "and takes no room");

    is(llm_price_table_put(&t, str(""), a), (uint64_t) LLM_NAME_BAD,
       "an empty name");

    rc = LLM_NAME_OK;

    for (i = 0; i < 16 && rc == LLM_NAME_OK; i++) {
        sprintf(names[i], "n%u", i);
        rc = llm_price_table_put(&t, str(names[i]), a);
    }

    is(rc, (uint64_t) LLM_NAME_FULL, "full");
    is(t.n, 12, "with a quarter free");
    ok(llm_price_table_get(&t, str("missing")) == NULL,
       "a full table ends its search");

    ok(llm_price_table_slots(0) == 16 && llm_price_table_slots(8) == 16
       && llm_price_table_slots(9) == 32
       && llm_price_table_slots(2985) == 8192, "slots for so many names");
}


/* provider, route and pattern of rules in the order of a configuration */

static const struct {
    const char  *pattern;
    const char  *provider;
    const char  *route;
} rule_rows[] = {
    { "gpt-4o", "", "" },                    /* 0 */
    { "gpt-4*", "", "" },                    /* 1 */
    { "gpt-*", "", "" },                     /* 2 */
    { "gpt-4o", "azure.ai.openai", "" },     /* 3 */
    { "gpt-4o", "", "/chat" },               /* 4 */
    { "gpt-4o", "", "" },                    /* 5 */
    { "~^claude", "", "" },                  /* 6 */
    { "gpt-4*", "groq", "" },                /* 7 */
    { "*", "corp", "" },                     /* 8 */
    { "o1*", "openai", "/a" },               /* 9 */
    { "o1*", "openai", "" },                 /* 10 */
    { "o3", "", "/chat" },                   /* 11 */
    { "o3", "openai", "" }                   /* 12 */
};

#define NRULES  (sizeof(rule_rows) / sizeof(rule_rows[0]))


static const struct {
    const char  *provider;
    const char  *route;
    const char  *answered;
    const char  *asked;
    int          want;
} rule_finds[] = {
    { "openai", "/", "gpt-4o", "", 5 },
    { "openai", "/", "gpt-4o-mini", "", 1 },
    { "openai", "/", "gpt-3.5", "", 2 },
    { "openai", "/", "gpt-4o-mini", "gpt-4o", 5 },
    { "openai", "/", "", "gpt-4o", 5 },
    { "azure.ai.openai", "/", "gpt-4o", "", 3 },
    { "azure.ai.openai", "/chat", "gpt-4o", "", 4 },
    { "groq", "/", "gpt-4", "", 7 },
    { "groq", "/", "gpt-", "", 2 },
    { "groq", "/", "gpt", "", -1 },
    { "openai", "/", "claude-3", "", -1 },
    { "corp", "/", "claude-3", "", 8 },
    { "corp", "/", "", "", -1 },
    { "openai", "/a", "o1-mini", "", 9 },
    { "openai", "/b", "o1-mini", "", 10 },
    { "groq", "/a", "o1-mini", "", -1 },
    { "openai", "/chat", "o3", "", 11 },
    { "openai", "/", "o3", "", 12 }
};


static void
test_rules(void)
{
    char                      what[160];
    size_t                    i;
    llm_price_rule_t          rules[NRULES];
    llm_name_query_t          q;
    const llm_price_rule_t   *r;

    for (i = 0; i < NRULES; i++) {
        memset(&rules[i], 0, sizeof(rules[i]));
        llm_price_rule_pattern(&rules[i], str(rule_rows[i].pattern));
        rules[i].provider = str(rule_rows[i].provider);
        rules[i].route = str(rule_rows[i].route);
    }

    for (i = 0; i < sizeof(rule_finds) / sizeof(rule_finds[0]); i++) {
        memset(&q, 0, sizeof(q));
        q.provider = str(rule_finds[i].provider);
        q.answered = str(rule_finds[i].answered);
        q.asked = str(rule_finds[i].asked);

        r = llm_price_rule_find(rules, NRULES, &q, str(rule_finds[i].route));

        snprintf(what, sizeof(what), "rule for %s %s \"%s\" \"%s\"",
                 rule_finds[i].provider, rule_finds[i].route,
                 rule_finds[i].answered, rule_finds[i].asked);
        is((uint64_t) (r ? r - rules : -1), (uint64_t) rule_finds[i].want,
           what);
    }

    is(rules[6].kind, LLM_RULE_REGEX, "a tilde is a regex");
    ok(llm_str_is(rules[6].pattern, "^claude"), "without it");
    is((uint64_t) llm_price_rule_pattern(&rules[0], str("")), (uint64_t) -1,
       "an empty word");
    is((uint64_t) llm_price_rule_pattern(&rules[0], str("~")), (uint64_t) -1,
       "an empty regex");
}


int
main(void)
{
    book_t  *b;

    b = load();

    test_finds(b);
    test_query(b);
    test_table(b);
    test_rules();

    book_free(b);

    return done();
}
