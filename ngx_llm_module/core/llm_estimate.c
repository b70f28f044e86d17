
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Tokens that nobody reports.  What a text itself costs is llm_text.c's;
 * here is what stands around it, and no client sees: the marks of a turn, a
 * system prompt of the model's maker, the form in which tools are shown to
 * it.  That belongs to the tokenizer and the template that a model was
 * trained with, not to the API it is called by: so the model's name chooses
 * the row, and the dialect does where the name says nothing.
 *
 * The numbers were fitted to recorded calls, to least relative error, on one
 * half of them, and checked on the other; t/05-corpus.t prints how far off
 * they are.  What no request shows is in no row: files and conversations
 * kept by the provider, tools that run there, reasoning that is hidden.
 */


#include "llm_request.h"


typedef struct {
    int16_t      base;           /* tokens before the first turn */
    int16_t      turn;           /* around each turn, in tenths */
    int16_t      system;         /* around a system prompt beside them */
    int16_t      thinking;       /* where it shall think */

    struct {
        int16_t  base;           /* where there are tools, once */
        int16_t  each;
        int16_t  text;           /* for 100 tokens of their text */
        int16_t  strings;        /* for 100 strings in their JSON */
    } tools;

    struct {
        int16_t  base;           /* where the answer has a schema */
        int16_t  text;           /* for 100 tokens of its text */
    } schema;

    int16_t      text;           /* for 100 tokens of text */

    struct {
        int16_t  text;           /* for 100 tokens of text */
        int16_t  base;           /* around it, in tenths */
        int16_t  call;           /* around each call of a tool */
    } answer;

    int16_t      image;          /* one of about a megapixel */
    int16_t      document;       /* one page or two */
} llm_family_t;


enum {
    GPT_OSS = 0,
    GPT,
    CLAUDE_5,
    CLAUDE,
    CLAUDE_3,
    GEMINI,
    QWEN,
    MISTRAL,
    MISTRAL_SMALL,
    LLAMA,
    LLAMA_3,
    NOVA,
    NOVA_2,
    DEEPSEEK,
    GROK,
    GROK_PLAIN,
    KIMI,
    GLM,
    COMMAND,
    COMMAND_R,
    COMMAND_A,
    SONAR,
    TITAN,
    OTHER
};


static const llm_family_t  llm_families[] = {
    /* its format begins with a system prompt of its own */
    [GPT_OSS] = { 64, 49, 0, 0, { 25, 0, 90, 65 }, { 83, 123 }, 87,
        { 107, 20, 9 }, 765, 300 },

    /* tools become declarations of functions, in a language of types */
    [GPT] = { 1, 61, 5, 0, { 15, -5, 114, 43 }, { 22, 161 }, 96,
        { 95, 23, 7 }, 765, 300 },

    /* the tokenizer that came with Opus 4.7 makes a third more */
    [CLAUDE_5] = { 4, 22, 3, 0, { 619, 25, 144, 130 }, { 243, 150 }, 137,
        { 143, 34, 37 }, 1300, 1640 },

    /* tools, thinking and a form of the answer bring instructions along */
    [CLAUDE] = { 4, 34, 1, 30, { 541, 26, 101, 122 }, { 176, 120 }, 99,
        { 106, 34, 42 }, 1300, 1620 },
    [CLAUDE_3] = { 4, 36, 1, 28, { 339, 14, 98, 106 }, { 385, 139 }, 114,
        { 108, 37, 39 }, 1300, 1620 },

    /* nothing around a text; schemas of answers are not counted */
    [GEMINI] = { 0, 16, 1, 0, { 0, -8, 139, 179 }, { 0, 0 }, 100,
        { 102, 4, 7 }, 258, 510 },
    [QWEN] = { 5, 58, 2, 0, { 93, 14, 129, 117 }, { 0, 0 }, 90,
        { 100, 16, 13 }, 260, 300 },
    [MISTRAL] = { 0, 37, 2, 0, { 4, 12, 142, 155 }, { 2, 19 }, 100,
        { 101, 16, 1 }, 330, 300 },
    [MISTRAL_SMALL] = { 13, 36, 2, 0, { 1, 9, 161, 166 }, { 0, 0 }, 99,
        { 99, 16, 2 }, 330, 300 },
    [LLAMA] = { 5, 55, 1, 0, { 107, 10, 133, 103 }, { 0, 0 }, 98,
        { 102, 16, 15 }, 1000, 300 },

    /* since 3.1 the template says what day it is */
    [LLAMA_3] = { 30, 55, 1, 0, { 96, 17, 139, 100 }, { 65, 42 }, 110,
        { 96, 23, 8 }, 1000, 300 },
    [NOVA] = { 0, 2, 0, 0, { 394, 6, 106, 60 }, { 0, 0 }, 104,
        { 100, 12, 10 }, 1300, 1800 },
    [NOVA_2] = { 46, 19, 0, 0, { 914, 6, 110, 62 }, { 0, 0 }, 117,
        { 94, 24, 13 }, 420, 1770 },
    [DEEPSEEK] = { 2, 25, 2, 0, { 212, 16, 146, 144 }, { 0, 0 }, 95,
        { 98, 15, 20 }, 765, 300 },

    /* those that reason have a system prompt of their own */
    [GROK] = { 186, 74, 2, 0, { 46, 3, 127, 132 }, { 45, 12 }, 80,
        { 91, 16, 11 }, 260, 300 },
    [GROK_PLAIN] = { 0, 49, 2, 0, { 135, 12, 137, 116 }, { 0, 0 }, 93,
        { 91, 16, 11 }, 260, 300 },
    [KIMI] = { 4, 41, 2, 0, { 24, 8, 116, 75 }, { 0, 0 }, 110,
        { 100, 10, 11 }, 765, 300 },
    [GLM] = { 9, 17, 2, 0, { 100, 15, 135, 114 }, { 0, 50 }, 93,
        { 98, 14, 10 }, 765, 300 },

    /* a preamble, and a long one for tools */
    [COMMAND] = { 60, 36, 2, 0, { 1322, 12, 125, 85 }, { 0, 0 }, 102,
        { 101, 34, 26 }, 765, 300 },
    [COMMAND_R] = { 197, 38, 2, 0, { 800, 10, 120, 80 }, { 0, 0 }, 110,
        { 101, 34, 26 }, 765, 300 },
    [COMMAND_A] = { 402, 75, 2, 0, { 1009, 10, 120, 81 }, { 30, 9 }, 105,
        { 101, 34, 26 }, 765, 300 },

    /* hardly anything */
    [SONAR] = { 1, 5, 0, 0, { 0, 0, 100, 100 }, { 0, 0 }, 97,
        { 97, 10, 10 }, 765, 300 },
    [TITAN] = { 2, 6, 0, 0, { 0, 0, 100, 100 }, { 0, 0 }, 116,
        { 100, 20, 10 }, 765, 300 },

    /* where no name is known: about what most templates do */
    [OTHER] = { 2, 40, 2, 0, { 11, 4, 97, 72 }, { 0, 50 }, 110,
        { 95, 20, 13 }, 765, 300 }
};


/* The first word that stands in the model's name, in lower case. */

static const struct {
    const char  *word;
    uint8_t      family;
} llm_models[] = {
    { "gpt-oss", GPT_OSS },
    { "gpt", GPT },
    { "opus-4-7", CLAUDE_5 },
    { "opus-4-8", CLAUDE_5 },
    { "sonnet-5", CLAUDE_5 },
    { "claude-3", CLAUDE_3 },
    { "claude-2", CLAUDE_3 },
    { "claude-v2", CLAUDE_3 },
    { "claude-instant", CLAUDE_3 },
    { "sonnet-4-0", CLAUDE_3 },
    { "sonnet-4-2025", CLAUDE_3 },
    { "opus-4-0", CLAUDE_3 },
    { "opus-4-1", CLAUDE_3 },
    { "opus-4-2025", CLAUDE_3 },
    { "sonnet-4@", CLAUDE_3 },
    { "claude", CLAUDE },
    { "gemini", GEMINI },
    { "gemma", GEMINI },
    { "qwen", QWEN },
    { "mistral-small", MISTRAL_SMALL },
    { "mistral", MISTRAL },
    { "ministral", MISTRAL },
    { "magistral", MISTRAL },
    { "mixtral", MISTRAL },
    { "codestral", MISTRAL },
    { "devstral", MISTRAL },
    { "llama-3.", LLAMA_3 },
    { "llama3.", LLAMA_3 },
    { "llama3-1", LLAMA_3 },
    { "llama3-2", LLAMA_3 },
    { "llama3-3", LLAMA_3 },
    { "llama", LLAMA },
    { "nova-2", NOVA_2 },
    { "nova", NOVA },
    { "deepseek", DEEPSEEK },
    { "non-reasoning", GROK_PLAIN },
    { "grok", GROK },
    { "kimi", KIMI },
    { "glm", GLM },
    { "command-a", COMMAND_A },
    { "-08-2024", COMMAND_R },
    { "command", COMMAND },
    { "sonar", SONAR },
    { "titan", TITAN }
};


/* Whose model answers in a dialect where the name tells nothing, and whether
   it takes its prompt as it is: without turns, there is nothing around it. */

static const struct {
    uint8_t  family;
    uint8_t  bare;
} llm_dialect_families[LLM_DIALECT_N] = {
    [LLM_DIALECT_NONE] = { OTHER, 1 },
    [LLM_DIALECT_CHAT] = { OTHER, 0 },
    [LLM_DIALECT_COMPLETIONS] = { OTHER, 1 },
    [LLM_DIALECT_RESPONSES] = { GPT, 0 },
    [LLM_DIALECT_EMBEDDINGS] = { OTHER, 1 },
    [LLM_DIALECT_MESSAGES] = { CLAUDE, 0 },
    [LLM_DIALECT_COMPLETE] = { CLAUDE_3, 1 },
    [LLM_DIALECT_GEMINI] = { GEMINI, 0 },
    [LLM_DIALECT_INTERACTIONS] = { GEMINI, 0 },
    [LLM_DIALECT_CONVERSE] = { CLAUDE, 0 },
    [LLM_DIALECT_INVOKE] = { CLAUDE, 1 },
    [LLM_DIALECT_COHERE] = { COMMAND, 0 },
    [LLM_DIALECT_COHERE_V1] = { COMMAND, 0 },
    [LLM_DIALECT_OLLAMA] = { OTHER, 0 },
    [LLM_DIALECT_LLAMACPP] = { OTHER, 1 },
    [LLM_DIALECT_TGI] = { OTHER, 1 },
    [LLM_DIALECT_LMSTUDIO] = { OTHER, 0 },
    [LLM_DIALECT_WORKERS_AI] = { OTHER, 0 }
};


/* Other media are counted by the second, and how many those are is not seen:
   a short one of each. */

#define LLM_ESTIMATE_AUDIO  100
#define LLM_ESTIMATE_VIDEO  860


static int
llm_model_has(llm_str_t model, const char *word)
{
    size_t  i, n;

    n = strlen(word);

    for (i = 0; i + n <= model.len; i++) {
        if (model.data[i] == (uint8_t) word[0]
            && memcmp(model.data + i, word, n) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static const llm_family_t *
llm_family(llm_str_t model, unsigned dialect)
{
    size_t   i;
    uint8_t  name[LLM_JSON_TEXT];

    model.len = llm_min(model.len, sizeof(name));

    for (i = 0; i < model.len; i++) {
        name[i] = model.data[i];

        if (name[i] >= 'A' && name[i] <= 'Z') {
            name[i] |= 0x20;
        }
    }

    model.data = name;

    for (i = 0; i < sizeof(llm_models) / sizeof(llm_models[0]); i++) {
        if (llm_model_has(model, llm_models[i].word)) {
            return &llm_families[llm_models[i].family];
        }
    }

    return &llm_families[llm_dialect_families[dialect].family];
}


/* All in parts of a token, as weights of texts are, from here on. */

#define TOKENS(n)  ((int64_t) (n) * LLM_TEXT_TOKEN)


/* What was not counted of a long one is as what was. */

static int64_t
llm_request_json_sum(const llm_request_json_t *j, int64_t text,
    int64_t strings)
{
    int64_t  n;

    n = (int64_t) j->text.sum * text / 100
        + TOKENS(j->strings) * strings / 100;

    if (j->bytes > LLM_REQUEST_JSON) {
        n = n / 64 * (int64_t) j->bytes / (LLM_REQUEST_JSON / 64);
    }

    return n;
}


static int64_t
llm_request_tools(const llm_request_t *r, const llm_family_t *f)
{
    int64_t  n;

    if (r->ntools == 0) {
        return 0;
    }

    n = TOKENS(f->tools.base) + TOKENS(r->ntools) * f->tools.each
        + llm_request_json_sum(&r->tools, f->tools.text, f->tools.strings);

    return llm_max(n, 0);
}


static int64_t
llm_request_media(const llm_request_t *r, const llm_family_t *f)
{
    return TOKENS(r->media[LLM_MEDIA_IMAGE]) * f->image
           + TOKENS(r->media[LLM_MEDIA_DOCUMENT]) * f->document
           + TOKENS(r->media[LLM_MEDIA_AUDIO]) * LLM_ESTIMATE_AUDIO
           + TOKENS(r->media[LLM_MEDIA_VIDEO]) * LLM_ESTIMATE_VIDEO;
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

    n = (int64_t) (r->text.sum + r->calls.sum) * f->text / 100
        + TOKENS(r->tokens)
        + llm_request_media(r, f) + llm_request_tools(r, f);

    if (n == 0) {
        return 0;
    }

    if (r->turns || !llm_dialect_families[dialect].bare) {
        turns = llm_max(r->turns, 1);
        n += TOKENS(f->base) + TOKENS(turns) * f->turn / 10
             + TOKENS(r->system) * f->system
             + TOKENS(r->thinking) * f->thinking;
    }

    if (r->schema.strings) {
        n += TOKENS(f->schema.base)
             + llm_request_json_sum(&r->schema, f->schema.text, 0);
    }

    return llm_max((n + TOKENS(1) / 2) / TOKENS(1), 1);
}


uint64_t
llm_answer_tokens(const llm_text_t *text, uint64_t json, uint32_t calls,
    unsigned dialect, llm_str_t model)
{
    int64_t              n;
    const llm_family_t  *f;

    if (text->bytes == 0 && json == 0 && calls == 0) {
        return 0;
    }

    f = llm_family(model, dialect);

    /* JSON reads at about four bytes a token */

    n = ((int64_t) text->sum + TOKENS(json) / 4) * f->answer.text / 100
        + TOKENS(f->answer.base) / 10 + TOKENS(calls) * f->answer.call;

    return llm_max((n + TOKENS(1) / 2) / TOKENS(1), 1);
}
