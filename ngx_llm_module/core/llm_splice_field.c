
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Where each API takes the bound of the output.
 *
 * The dialect tells for most.  OpenAI's chat has two fields: reasoning models
 * refuse the older one, and many servers that speak the dialect know no
 * other; so the newer one is for the models that need it, whoever serves
 * them.  An Azure deployment has a name of its own: there the body's model
 * may tell what the path's does not.  InvokeModel takes each vendor's own
 * body: the model's name tells.
 */


#include "llm_splice_field.h"


static const llm_splice_field_t  llm_splice_none = {
    R_NONE, LLM_MARK_ROOT, NULL, NULL
};

#define TOP(slot, key)                { slot, LLM_MARK_ROOT, key, NULL }
#define MAX_TOKENS             TOP(R_MAX_TOKENS, "max_tokens")
#define MAX_COMPLETION_TOKENS                                                 \
    TOP(R_MAX_COMPLETION_TOKENS, "max_completion_tokens")
#define MAX_OUTPUT_TOKENS      TOP(R_MAX_OUTPUT_TOKENS, "max_output_tokens")
#define MAX_TOKENS_TO_SAMPLE                                                  \
    TOP(R_MAX_TOKENS_TO_SAMPLE, "max_tokens_to_sample")


static const llm_splice_field_t  llm_splice_fields[LLM_DIALECT_N] = {
    [LLM_DIALECT_CHAT] = MAX_TOKENS,
    [LLM_DIALECT_COMPLETIONS] = MAX_TOKENS,
    [LLM_DIALECT_RESPONSES] = MAX_OUTPUT_TOKENS,
    [LLM_DIALECT_MESSAGES] = MAX_TOKENS,
    [LLM_DIALECT_COMPLETE] = MAX_TOKENS_TO_SAMPLE,
    [LLM_DIALECT_GEMINI] = { R_GENERATION_MAX, LLM_MARK_GENERATION,
                             "maxOutputTokens", "generationConfig" },
    [LLM_DIALECT_INTERACTIONS] = { R_GENERATION_MAX, LLM_MARK_GENERATION,
                                   "max_output_tokens",
                                   "generation_config" },
    [LLM_DIALECT_CONVERSE] = { R_INFERENCE_MAX, LLM_MARK_INFERENCE,
                               "maxTokens", "inferenceConfig" },
    [LLM_DIALECT_COHERE] = MAX_TOKENS,
    [LLM_DIALECT_COHERE_V1] = MAX_TOKENS,
    [LLM_DIALECT_OLLAMA] = { R_OPTIONS_MAX, LLM_MARK_OPTIONS,
                             "num_predict", "options" },
    [LLM_DIALECT_LLAMACPP] = TOP(R_N_PREDICT, "n_predict"),
    [LLM_DIALECT_TGI] = { R_PARAMETERS_MAX, LLM_MARK_PARAMETERS,
                          "max_new_tokens", "parameters" },
    [LLM_DIALECT_LMSTUDIO] = MAX_OUTPUT_TOKENS,
    [LLM_DIALECT_WORKERS_AI] = MAX_TOKENS
};


/* InvokeModel, by a part of the model's name; the first that fits. */

static const struct {
    const char          *part;
    llm_splice_field_t   field;
} llm_splice_vendors[] = {
    { "anthropic.claude-v2", MAX_TOKENS_TO_SAMPLE },
    { "anthropic.claude-instant", MAX_TOKENS_TO_SAMPLE },
    { "anthropic.", MAX_TOKENS },
    { "amazon.nova", { R_INFERENCE_MAX_NEW, LLM_MARK_INFERENCE,
                       "max_new_tokens", "inferenceConfig" } },
    { "amazon.titan", { R_TITAN_MAX, LLM_MARK_TITAN,
                        "maxTokenCount", "textGenerationConfig" } },
    { "meta.", TOP(R_MAX_GEN_LEN, "max_gen_len") },
    { "ai21.j2", TOP(R_MAX_CAMEL, "maxTokens") },
    { "ai21.", MAX_TOKENS },
    { "cohere.", MAX_TOKENS },
    { "mistral.", MAX_TOKENS },
    { "deepseek.", MAX_TOKENS },
    { "qwen.", MAX_TOKENS },
    { "writer.", MAX_TOKENS },
    { "openai.", MAX_COMPLETION_TOKENS }
};


/* Models that refuse the older field of chat, by how their names begin. */

static const llm_splice_field_t  llm_splice_newer = MAX_COMPLETION_TOKENS;

static const char *const  llm_splice_reasoning[] = {
    "o1", "o3", "o4", "gpt-5", "codex-", "computer-use-"
};

/* servers that refuse a request for usage */

static const char *const  llm_splice_strict[] = {
    "mistral_ai"
};

#define N(a)  (sizeof(a) / sizeof((a)[0]))


static int
llm_splice_begins(llm_str_t s, const char *word)
{
    size_t  n;

    n = strlen(word);

    return s.len >= n && memcmp(s.data, word, n) == 0;
}


/* Behind the owner of a fine-tuned model, "ft:", or a maker, "openai/". */

static llm_str_t
llm_splice_bare(llm_str_t model)
{
    size_t  i, n;

    static const char *const  before[] = { "ft:", "openai/" };

    for (i = 0; i < N(before); i++) {
        n = strlen(before[i]);

        if (llm_splice_begins(model, before[i])) {
            model.data += n;
            model.len -= n;
        }
    }

    return model;
}


static int
llm_splice_reasons(llm_str_t model)
{
    size_t  i, n;

    model = llm_splice_bare(model);

    for (i = 0; i < N(llm_splice_reasoning); i++) {
        n = strlen(llm_splice_reasoning[i]);

        if (!llm_splice_begins(model, llm_splice_reasoning[i])) {
            continue;
        }

        /* "o1" and "o1-mini", not "o100" */

        if (model.len == n || llm_splice_reasoning[i][n - 1] == '-'
            || model.data[n] < '0' || model.data[n] > '9')
        {
            return 1;
        }
    }

    return 0;
}


static const llm_splice_field_t *
llm_splice_vendor(llm_str_t model)
{
    size_t      i, n, at;
    llm_str_t   s;

    for (i = 0; i < N(llm_splice_vendors); i++) {
        n = strlen(llm_splice_vendors[i].part);

        for (at = 0; at + n <= model.len; at++) {
            s.data = model.data + at;
            s.len = n;

            /* "us.meta.llama", "arn:...:foundation-model/meta.llama" */

            if ((at == 0 || s.data[-1] == '.' || s.data[-1] == '/'
                 || s.data[-1] == ':')
                && llm_splice_begins(s, llm_splice_vendors[i].part))
            {
                return &llm_splice_vendors[i].field;
            }
        }
    }

    return &llm_splice_none;
}


const llm_splice_field_t *
llm_splice_field(unsigned dialect, llm_str_t model, llm_str_t other)
{
    if (dialect == LLM_DIALECT_INVOKE) {
        return llm_splice_vendor(model);
    }

    if (dialect == LLM_DIALECT_CHAT
        && (llm_splice_reasons(model) || llm_splice_reasons(other)))
    {
        return &llm_splice_newer;
    }

    return llm_splice_fields[dialect].key ? &llm_splice_fields[dialect]
                                          : &llm_splice_none;
}


int
llm_splice_no_usage(llm_str_t provider)
{
    size_t  i;

    for (i = 0; i < N(llm_splice_strict); i++) {
        if (llm_str_eq(provider, llm_splice_strict[i],
                       strlen(llm_splice_strict[i])))
        {
            return 1;
        }
    }

    return 0;
}
