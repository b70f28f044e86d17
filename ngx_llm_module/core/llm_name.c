
/*
 * Copyright (C) ngx_llm_module authors
 *
 * One model has many spellings, and a wrong price is worse than none.  So
 * spellings are tried from the most to the least particular:
 *
 *     1  the answered name, then the asked one, each with the provider's
 *        prefixes before it, then bare; aliases of the lists
 *     2  without routing prefixes: "bedrock/", "us.", "models/" ...
 *     3  and without versions at the end: "@20250929", "-v1:0", ":free" ...
 *     4  the first of all these that is there but for case
 *
 * The full spelling comes first because regional and dated names have
 * prices of their own.  A bare name counts only if the list does not say
 * that it is another provider's: the same open model is sold by ten of them
 * at ten prices, and a model served by oneself costs nothing of theirs.
 * Where the provider itself was only guessed, such a price is the last
 * resort.
 *
 * A fine-tune ("ft:base:owner:suffix:id") is dearer than its base and never
 * falls to the base's price: only its full name and "ft:base" count.
 *
 * Every spelling is a piece of the name, so nothing is copied but for the
 * prefix put before it, into a buffer of LLM_NAME_MAX bytes.
 */


#include "llm_name.h"
#include "llm_name_spell.h"
#include "llm_price_table.h"


#define LLM_NAME_PREFIXES  3
#define LLM_NAME_VERSIONS  4     /* taken off one name */


#define LLM_NAME_ANY       0x01  /* resells others' models by their names */


const char *const  llm_match_names[LLM_MATCH_N] = {
    "unknown",
    "exact",
    "alias",
    "route",
    "version",
    "tuned",
    "case",
    "other",
    "rule"
};


/*
 * Our names of providers, which are OpenTelemetry's where it has one, to
 * the lists' prefixes of keys and families.  A provider that is not here
 * has its own name for both.
 */

typedef struct {
    llm_str_t   name;
    llm_str_t   prefix[LLM_NAME_PREFIXES];
    llm_str_t   family[LLM_NAME_PREFIXES];
    unsigned    flags;
} llm_name_provider_t;


#define S(s)       llm_string(s)
#define NAME(s)    { S(s), { S(s) }, { S(s) }, 0 }

static const llm_name_provider_t  llm_name_providers[] = {
    { S("openai"), { S("openai") }, { S("openai"), S("chatgpt") }, 0 },
    { S("anthropic"), { S("anthropic") }, { S("anthropic") }, 0 },
    { S("azure.ai.openai"), { S("azure"), S("azure_ai") },
      { S("azure"), S("azure_ai") }, 0 },
    { S("azure.ai.inference"), { S("azure_ai"), S("azure") },
      { S("azure_ai"), S("azure") }, 0 },
    { S("aws.bedrock"), { S("bedrock"), S("bedrock_mantle") },
      { S("bedrock"), S("amazon_nova") }, 0 },
    { S("gcp.gemini"), { S("gemini") }, { S("gemini") }, 0 },
    { S("gcp.vertex_ai"), { S("vertex_ai") }, { S("vertex_ai") }, 0 },
    { S("gcp.gen_ai"), { S("gemini"), S("vertex_ai") },
      { S("gemini"), S("vertex_ai") }, 0 },
    { S("cohere"), { S("cohere"), S("cohere_chat") }, { S("cohere") }, 0 },
    { S("mistral_ai"), { S("mistral"), S("codestral") },
      { S("mistral"), S("codestral") }, 0 },
    { S("groq"), { S("groq") }, { S("groq") }, 0 },
    { S("deepseek"), { S("deepseek") }, { S("deepseek") }, 0 },
    { S("x_ai"), { S("xai") }, { S("xai") }, 0 },
    { S("perplexity"), { S("perplexity") }, { S("perplexity") }, 0 },
    { S("ibm.watsonx.ai"), { S("watsonx") }, { S("watsonx") }, 0 },
    { S("moonshot_ai"), { S("moonshot") }, { S("moonshot") }, 0 },
    { S("openrouter"), { S("openrouter") }, { S("openrouter") },
      LLM_NAME_ANY },
    { S("vercel_ai_gateway"), { S("vercel_ai_gateway") },
      { S("vercel_ai_gateway") }, LLM_NAME_ANY },
    { S("litellm"), { S("litellm_proxy") }, { S("litellm_proxy") },
      LLM_NAME_ANY },
    { S("ollama"), { S("ollama"), S("ollama_chat") }, { S("ollama") }, 0 },
    { S("vllm"), { S("hosted_vllm"), S("vllm") }, { S("hosted_vllm") }, 0 },
    { S("together_ai"), { S("together_ai") }, { S("together_ai") }, 0 },
    { S("fireworks_ai"), { S("fireworks_ai") }, { S("fireworks_ai") }, 0 },
    { S("alibaba"), { S("dashscope") }, { S("dashscope") }, 0 },
    { S("jina"), { S("jina_ai") }, { S("jina_ai") }, 0 },
    { S("nvidia"), { S("nvidia_nim") }, { S("nvidia_nim") }, 0 },
    { S("lambda"), { S("lambda_ai") }, { S("lambda_ai") }, 0 },

    /* others that sell at their own prices, whether a list knows or not */

    NAME("avian"), NAME("azure_ai"), NAME("baseten"), NAME("cerebras"),
    NAME("cloudflare"), NAME("crusoe"), NAME("dashscope"),
    NAME("databricks"), NAME("deepinfra"), NAME("doubleword"),
    NAME("friendliai"), NAME("github_copilot"), NAME("gmi"), NAME("heroku"),
    NAME("huggingface"), NAME("hyperbolic"), NAME("lambda_ai"),
    NAME("minimax"), NAME("nebius"), NAME("novita"), NAME("nscale"),
    NAME("oci"), NAME("ovhcloud"), NAME("replicate"), NAME("sagemaker"),
    NAME("sambanova"), NAME("scaleway"), NAME("snowflake"), NAME("venice"),
    NAME("volcengine"), NAME("voyage"), NAME("watsonx"), NAME("writer"),
    NAME("zai"),

    /* servers of one's own, which owe nothing to anybody */

    NAME("llamacpp"), NAME("llama_cpp"), NAME("llama.cpp"),
    NAME("lm_studio"), NAME("lmstudio"), NAME("sglang"), NAME("tgi"),
    NAME("mistralrs"), NAME("gpustack"), NAME("localai"),
    NAME("xinference"), NAME("triton")
};


#undef NAME
#undef S


/* A search under way. */

typedef struct {
    const llm_price_table_t  *table;

    llm_str_t                 region;
    llm_str_t                 prefix[LLM_NAME_PREFIXES];
    unsigned                  nprefixes;
    uint32_t                  family[LLM_NAME_PREFIXES];
    unsigned                  nfamilies;
    unsigned                  any;

    const llm_price_slot_t   *alias;
    const llm_price_slot_t   *twin;
    const llm_price_slot_t   *other;
} llm_name_search_t;


static void
llm_name_provider(llm_name_search_t *s, llm_str_t provider)
{
    unsigned                    i, k;
    const llm_name_provider_t  *p;

    s->nprefixes = 0;
    s->nfamilies = 0;
    s->any = 0;

    if (provider.len == 0) {
        s->any = 1;
        return;
    }

    for (i = 0;
         i < sizeof(llm_name_providers) / sizeof(llm_name_providers[0]);
         i++)
    {
        p = &llm_name_providers[i];

        if (provider.len != p->name.len
            || memcmp(provider.data, p->name.data, provider.len) != 0)
        {
            continue;
        }

        for (k = 0; k < LLM_NAME_PREFIXES && p->prefix[k].len; k++) {
            s->prefix[s->nprefixes++] = p->prefix[k];
        }

        for (k = 0; k < LLM_NAME_PREFIXES && p->family[k].len; k++) {
            s->family[s->nfamilies++] = llm_price_family(p->family[k]);
        }

        s->any = p->flags & LLM_NAME_ANY;

        return;
    }

    /* a word of the lists', or the administrator's own */

    s->prefix[s->nprefixes++] = provider;
    s->family[s->nfamilies++] = llm_price_family(provider);
    s->any = !llm_price_table_family(s->table, s->family[0]);
}


static int
llm_name_agrees(const llm_name_search_t *s, const llm_price_t *price)
{
    unsigned  i;

    if (s->any || price->family == 0) {
        return 1;
    }

    for (i = 0; i < s->nfamilies; i++) {
        if (price->family == s->family[i]) {
            return 1;
        }
    }

    return 0;
}


static const llm_price_slot_t *
llm_name_look(llm_name_search_t *s, const uint8_t *name, size_t len,
    int prefixed)
{
    const llm_price_slot_t  *slot, *twin;

    slot = llm_price_table_probe(s->table, name, len, &twin);

    if (slot == NULL) {

        if (twin && s->twin == NULL
            && (prefixed || llm_name_agrees(s, twin->price)))
        {
            s->twin = twin;
        }

        return NULL;
    }

    if (!prefixed && !llm_name_agrees(s, slot->price)) {

        if (s->other == NULL) {
            s->other = slot;
        }

        return NULL;
    }

    if (slot->flags & LLM_NAME_F_ALIAS) {

        if (s->alias == NULL) {
            s->alias = slot;
        }

        return NULL;
    }

    return slot;
}


/* The prefixes, with the region and without, then the bare name. */

static const llm_price_slot_t *
llm_name_try(llm_name_search_t *s, const uint8_t *name, size_t len)
{
    uint8_t                 *p;
    unsigned                 i, region;
    llm_str_t                prefix;
    const llm_price_slot_t  *slot;
    uint8_t                  buf[LLM_NAME_MAX];

    if (len == 0 || len > LLM_NAME_MAX) {
        return NULL;
    }

    for (i = 0; i < s->nprefixes; i++) {
        prefix = s->prefix[i];

        for (region = (s->region.len != 0) + 1; region > 0; region--) {

            if (prefix.len + 1 + len
                + (region == 2 ? s->region.len + 1 : 0) > LLM_NAME_MAX)
            {
                continue;
            }

            p = buf;
            memcpy(p, prefix.data, prefix.len);
            p += prefix.len;
            *p++ = '/';

            if (region == 2) {
                memcpy(p, s->region.data, s->region.len);
                p += s->region.len;
                *p++ = '/';
            }

            memcpy(p, name, len);
            p += len;

            slot = llm_name_look(s, buf, p - buf, 1);
            if (slot) {
                return slot;
            }
        }
    }

    return llm_name_look(s, name, len, 0);
}


static const llm_price_slot_t *
llm_name_versions(llm_name_search_t *s, llm_str_t name)
{
    unsigned                 i;
    const llm_price_slot_t  *slot;

    for (i = 0; i < LLM_NAME_VERSIONS; i++) {

        name.len = llm_name_version(name.data, name.len);

        if (name.len == 0) {
            return NULL;
        }

        slot = llm_name_try(s, name.data, name.len);
        if (slot) {
            return slot;
        }
    }

    return NULL;
}


static const llm_price_slot_t *
llm_name_find_tuned(llm_name_search_t *s, const llm_str_t *names, unsigned n,
    llm_match_e *how)
{
    unsigned                 i;
    llm_str_t                base;
    const llm_price_slot_t  *slot;

    *how = LLM_MATCH_EXACT;

    for (i = 0; i < n; i++) {
        if (llm_name_tuned(names[i])) {
            slot = llm_name_try(s, names[i].data, names[i].len);

            if (slot) {
                return slot;
            }
        }
    }

    *how = LLM_MATCH_ALIAS;

    if (s->alias) {
        return s->alias;
    }

    *how = LLM_MATCH_TUNED;

    for (i = 0; i < n; i++) {
        if (llm_name_tuned(names[i])) {
            base = llm_name_tuned_base(names[i]);
            slot = llm_name_try(s, base.data, base.len);

            if (slot == NULL) {
                slot = llm_name_versions(s, base);
            }

            if (slot) {
                return slot;
            }
        }
    }

    return NULL;
}


static const llm_price_slot_t *
llm_name_find(llm_name_search_t *s, const llm_str_t *names, unsigned n,
    llm_match_e *how)
{
    unsigned                 i, k;
    llm_str_t                name;
    llm_name_routes_t        routes[2];
    const llm_price_slot_t  *slot;

    *how = LLM_MATCH_EXACT;

    for (i = 0; i < n; i++) {
        slot = llm_name_try(s, names[i].data, names[i].len);

        if (slot) {
            return slot;
        }
    }

    *how = LLM_MATCH_ALIAS;

    if (s->alias) {
        return s->alias;
    }

    *how = LLM_MATCH_ROUTE;

    for (i = 0; i < n; i++) {
        llm_name_route(&routes[i], names[i]);

        for (k = 1; k < routes[i].n; k++) {
            slot = llm_name_try(s, names[i].data + routes[i].start[k],
                                names[i].len - routes[i].start[k]);

            if (slot || (slot = s->alias) != NULL) {
                return slot;
            }
        }
    }

    *how = LLM_MATCH_VERSION;

    for (i = 0; i < n; i++) {
        for (k = 0; k < routes[i].n; k++) {
            name.data = names[i].data + routes[i].start[k];
            name.len = names[i].len - routes[i].start[k];

            slot = llm_name_versions(s, name);

            if (slot || (slot = s->alias) != NULL) {
                return slot;
            }
        }
    }

    return NULL;
}


const llm_price_t *
llm_price_find(const llm_price_table_t *t, const llm_name_query_t *q,
    llm_match_e *how)
{
    unsigned                 i, n, tuned;
    llm_match_e              match;
    llm_str_t                names[2];
    llm_name_search_t        s;
    const llm_price_slot_t  *slot;

    if (how == NULL) {
        how = &match;
    }

    *how = LLM_MATCH_NONE;

    n = 0;

    if (q->answered.len) {
        names[n++] = q->answered;
    }

    if (q->asked.len
        && !(n && llm_str_eq(q->asked, (const char *) names[0].data,
                             names[0].len)))
    {
        names[n++] = q->asked;
    }

    if (n == 0 || t->n == 0) {
        return NULL;
    }

    s.table = t;
    s.region = q->region;
    s.alias = NULL;
    s.twin = NULL;
    s.other = NULL;

    for (i = 0; i < n && s.region.len == 0; i++) {
        s.region = llm_name_region(names[i]);
    }

    llm_name_provider(&s, q->provider);

    tuned = llm_name_tuned(names[0]) || llm_name_tuned(names[n - 1]);

    slot = tuned ? llm_name_find_tuned(&s, names, n, how)
                 : llm_name_find(&s, names, n, how);

    if (slot) {
        return slot->price;
    }

    if (s.twin) {
        *how = LLM_MATCH_CASE;
        return s.twin->price;
    }

    if (s.other && q->guessed) {
        *how = LLM_MATCH_OTHER;
        return s.other->price;
    }

    *how = LLM_MATCH_NONE;

    return NULL;
}


const llm_price_t *
llm_price_table_find(const llm_price_table_t *t, llm_str_t provider,
    llm_str_t model)
{
    llm_name_query_t  q;

    memset(&q, 0, sizeof(llm_name_query_t));

    q.provider = provider;
    q.answered = model;

    return llm_price_find(t, &q, NULL);
}
