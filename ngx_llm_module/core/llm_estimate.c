
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Tokens that nobody reports.  What the text itself costs is llm_text.c's;
 * here is what stands around it, and no client sees: the marks of a turn, a
 * system prompt of the model's maker, the form in which tools are shown to
 * it.  That belongs to the template a model was trained with, not to the API
 * it is called by, so the model's name chooses the row, and the dialect does
 * where the name says nothing.
 *
 * The numbers were fitted to recorded calls by least absolute relative
 * error, on one half of them, and checked on the other; t/05-corpus.t prints
 * how far off they are.
 */


#include "llm_request.h"


typedef struct {
    const char  *name;           /* part of a model's name, in lower case */
    int16_t      base;           /* tokens before the first turn */
    int16_t      turn;           /* around each turn */
    int16_t      system;         /* around a system prompt beside them */
    int16_t      tools;          /* where there are tools, once */
    int16_t      tool;           /* for each of them */
    int16_t      text;           /* for 100 tokens of text */
    int16_t      tool_text;      /* for 100 tokens of their text */
    int16_t      tool_string;    /* for 100 strings in their JSON */
    int16_t      schema;         /* for 100 tokens of an answer's schema */
    int16_t      call;           /* around each call in an answer */
    int16_t      image;
} llm_family_t;


enum {
    FAMILY_GPT_OSS = 0,
    FAMILY_GPT,
    FAMILY_CLAUDE,
    FAMILY_GEMINI,
    FAMILY_QWEN,
    FAMILY_MISTRAL,
    FAMILY_LLAMA,
    FAMILY_NOVA,
    FAMILY_DEEPSEEK,
    FAMILY_GROK,
    FAMILY_KIMI,
    FAMILY_GLM,
    FAMILY_COMMAND,
    FAMILY_OTHER
};


/* The first row whose name stands in the model's. */

static const llm_family_t  llm_families[] = {

    /* its answers' format begins with a system prompt of its own */
    [FAMILY_GPT_OSS] =
        { "gpt-oss", 64, 4, 1, 25, 2, 90, 88, 58, 104, 9, 0 },

    /* tools become declarations of functions in a language of types */
    [FAMILY_GPT] =
        { "gpt", 2, 6, 4, 15, -5, 96, 108, 52, 200, 7, 765 },

    /* tools bring a system prompt, of about 530 tokens since 4.5 */
    [FAMILY_CLAUDE] =
        { "claude", 4, 4, 1, 530, 22, 102, 102, 103, 250, 33, 1400 },

    [FAMILY_GEMINI] =
        { "gemini", 0, 2, 1, 0, -5, 99, 116, 171, 0, 2, 258 },
    [FAMILY_QWEN] =
        { "qwen", 4, 5, 2, 95, 10, 95, 112, 90, 0, 14, 765 },
    [FAMILY_MISTRAL] =
        { "mistral", 0, 4, 2, 4, 11, 103, 169, 147, 0, 2, 765 },
    [FAMILY_LLAMA] =
        { "llama", 5, 5, 1, 100, 13, 105, 130, 98, 100, 11, 765 },
    [FAMILY_NOVA] =
        { "nova", 0, 2, 0, 390, 6, 100, 107, 64, 100, 11, 765 },
    [FAMILY_DEEPSEEK] =
        { "deepseek", 2, 3, 2, 226, 12, 98, 137, 103, 100, 19, 765 },
    [FAMILY_GROK] =
        { "grok", 0, 4, 2, 196, 6, 92, 116, 103, 100, 11, 765 },
    [FAMILY_KIMI] =
        { "kimi", 4, 4, 2, 24, 8, 105, 109, 75, 100, 10, 765 },
    [FAMILY_GLM] =
        { "glm", 4, 3, 2, 112, 9, 97, 111, 80, 100, 10, 765 },
    [FAMILY_COMMAND] =
        { "command", 60, 4, 2, 1320, 10, 101, 118, 75, 100, 10, 765 },

    [FAMILY_OTHER] =
        { NULL, 3, 4, 2, 50, 5, 98, 110, 80, 100, 10, 765 }
};


/* Whose model answers in a dialect where the name tells nothing, and whether
   it takes its prompt as it is: without turns, there is nothing around it. */

static const struct {
    uint8_t  family;
    uint8_t  bare;
} llm_dialect_families[LLM_DIALECT_N] = {
    [LLM_DIALECT_NONE] = { FAMILY_OTHER, 1 },
    [LLM_DIALECT_CHAT] = { FAMILY_OTHER, 0 },
    [LLM_DIALECT_COMPLETIONS] = { FAMILY_OTHER, 1 },
    [LLM_DIALECT_RESPONSES] = { FAMILY_GPT, 0 },
    [LLM_DIALECT_EMBEDDINGS] = { FAMILY_OTHER, 1 },
    [LLM_DIALECT_MESSAGES] = { FAMILY_CLAUDE, 0 },
    [LLM_DIALECT_COMPLETE] = { FAMILY_CLAUDE, 1 },
    [LLM_DIALECT_GEMINI] = { FAMILY_GEMINI, 0 },
    [LLM_DIALECT_INTERACTIONS] = { FAMILY_GEMINI, 0 },
    [LLM_DIALECT_CONVERSE] = { FAMILY_CLAUDE, 0 },
    [LLM_DIALECT_INVOKE] = { FAMILY_CLAUDE, 1 },
    [LLM_DIALECT_COHERE] = { FAMILY_COMMAND, 0 },
    [LLM_DIALECT_COHERE_V1] = { FAMILY_COMMAND, 0 },
    [LLM_DIALECT_OLLAMA] = { FAMILY_OTHER, 0 },
    [LLM_DIALECT_LLAMACPP] = { FAMILY_OTHER, 1 },
    [LLM_DIALECT_TGI] = { FAMILY_OTHER, 1 },
    [LLM_DIALECT_LMSTUDIO] = { FAMILY_OTHER, 0 },
    [LLM_DIALECT_WORKERS_AI] = { FAMILY_OTHER, 0 }
};


static int
llm_family_is(const llm_family_t *f, llm_str_t model)
{
    size_t  i, n;

    n = strlen(f->name);

    for (i = 0; i + n <= model.len; i++) {
        if (model.data[i] == (uint8_t) f->name[0]
            && memcmp(model.data + i, f->name, n) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static const llm_family_t *
llm_family(llm_str_t model, unsigned dialect)
{
    size_t               i;
    uint8_t              name[LLM_JSON_TEXT];
    const llm_family_t  *f;

    model.len = llm_min(model.len, sizeof(name));

    for (i = 0; i < model.len; i++) {
        name[i] = model.data[i];

        if (name[i] >= 'A' && name[i] <= 'Z') {
            name[i] |= 0x20;
        }
    }

    model.data = name;

    for (f = llm_families; f->name; f++) {
        if (llm_family_is(f, model)) {
            return f;
        }
    }

    return &llm_families[llm_dialect_families[dialect].family];
}


uint64_t
llm_request_tokens(const llm_request_t *r, unsigned dialect, llm_str_t model)
{
    int64_t              n, turns;
    const llm_family_t  *f;

    if (r->model_len) {
        model.data = r->model;
        model.len = r->model_len;
    }

    f = llm_family(model, dialect);

    n = (llm_text_tokens(&r->text) + llm_text_tokens(&r->calls.text))
        * f->text / 100;

    if (r->turns || !llm_dialect_families[dialect].bare) {
        turns = llm_max(r->turns, (uint32_t) (n != 0));
        n += (turns ? f->base : 0) + turns * f->turn + r->system * f->system;
    }

    if (r->ntools) {
        n += llm_max((int64_t) f->tools + (int64_t) r->ntools * f->tool
                     + (int64_t) llm_text_tokens(&r->tools.text)
                       * f->tool_text / 100
                     + (int64_t) r->tools.strings * f->tool_string / 100, 0);
    }

    n += llm_text_tokens(&r->schema.text) * f->schema / 100;
    n += (int64_t) r->media[LLM_MEDIA_IMAGE] * f->image;

    return n + r->tokens;
}


uint64_t
llm_answer_tokens(const llm_text_t *text, uint32_t calls, unsigned dialect,
    llm_str_t model)
{
    const llm_family_t  *f;

    f = llm_family(model, dialect);

    return llm_text_tokens(text) * f->text / 100 + (uint64_t) calls * f->call;
}
