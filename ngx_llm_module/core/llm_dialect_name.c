
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Dialects and providers from the names of things: paths, hosts, error
 * types, finish reasons.  Tables only.
 */


#include "llm_dialect.h"


static inline int
llm_ends(llm_str_t s, const char *suffix)
{
    size_t  n;

    n = strlen(suffix);

    return s.len >= n && memcmp(s.data + s.len - n, suffix, n) == 0;
}


static const uint8_t *
llm_find_n(llm_str_t s, const char *word, size_t n)
{
    const uint8_t  *p;

    for (p = s.data; n <= (size_t) (s.data + s.len - p); p++) {
        p = memchr(p, word[0], s.data + s.len - p - n + 1);
        if (p == NULL) {
            return NULL;
        }

        if (memcmp(p, word, n) == 0) {
            return p;
        }
    }

    return NULL;
}


static inline const uint8_t *
llm_find(llm_str_t s, const char *word)
{
    return llm_find_n(s, word, strlen(word));
}


/* Ends with the pattern; "A*B": ends with B, and A stands before it. */

static int
llm_matches(llm_str_t s, const char *pattern)
{
    size_t       n;
    const char  *star;

    /* most rows are told apart by their last byte */

    n = strlen(pattern);

    if (s.len == 0
        || (pattern[n - 1] != '*'
            && (uint8_t) pattern[n - 1] != s.data[s.len - 1]))
    {
        return 0;
    }

    star = memchr(pattern, '*', n);
    if (star == NULL) {
        return llm_ends(s, pattern);
    }

    if (!llm_ends(s, star + 1)) {
        return 0;
    }

    s.len -= strlen(star + 1);

    return llm_find_n(s, pattern, star - pattern) != NULL;
}


/*
 * Of two patterns that both hold, the first row wins.  APIs that generate
 * nothing are here where their bodies look like those of one that does:
 * counting of tokens, and messages that are put into a thread.  Portkey's
 * prompts answer as chat does, and so does Mistral's FIM.
 */

#define SHAPE   0x01             /* the body must decide between dialects */
#define STREAM  0x02             /* the path itself asks for a stream */

static const struct {
    const char  *pattern;
    uint8_t      operation;
    uint8_t      dialect;
    uint8_t      flags;
} llm_paths[] = {
    { "/chat/completions", LLM_OP_CHAT, LLM_DIALECT_CHAT, 0 },
    { "/prompts/*/completions", LLM_OP_CHAT, LLM_DIALECT_CHAT, SHAPE },
    { "/fim/completions", LLM_OP_TEXT_COMPLETION, LLM_DIALECT_CHAT, 0 },
    { "/completions", LLM_OP_TEXT_COMPLETION, LLM_DIALECT_COMPLETIONS,
      SHAPE },
    { "/responses", LLM_OP_RESPONSES, LLM_DIALECT_RESPONSES, 0 },
    { "/embeddings", LLM_OP_EMBEDDINGS, LLM_DIALECT_EMBEDDINGS, 0 },
    { "/v1/messages", LLM_OP_CHAT, LLM_DIALECT_MESSAGES, 0 },
    { "/threads/*/messages", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/messages", LLM_OP_CHAT, LLM_DIALECT_MESSAGES, SHAPE },
    { "/v1/complete", LLM_OP_TEXT_COMPLETION, LLM_DIALECT_COMPLETE, 0 },

    { ":generateContent", LLM_OP_GENERATE_CONTENT, LLM_DIALECT_GEMINI, 0 },
    { ":streamGenerateContent", LLM_OP_GENERATE_CONTENT, LLM_DIALECT_GEMINI,
      STREAM },
    { "/interactions", LLM_OP_GENERATE_CONTENT, LLM_DIALECT_INTERACTIONS,
      0 },
    { "/mistralai/*:rawPredict", LLM_OP_CHAT, LLM_DIALECT_CHAT, 0 },
    { "/mistralai/*:streamRawPredict", LLM_OP_CHAT, LLM_DIALECT_CHAT,
      STREAM },
    { ":rawPredict", LLM_OP_CHAT, LLM_DIALECT_MESSAGES, SHAPE },
    { ":streamRawPredict", LLM_OP_CHAT, LLM_DIALECT_MESSAGES, SHAPE|STREAM },
    { ":embedContent", LLM_OP_EMBEDDINGS, LLM_DIALECT_EMBEDDINGS, 0 },
    { ":batchEmbedContents", LLM_OP_EMBEDDINGS, LLM_DIALECT_EMBEDDINGS, 0 },
    { "embedding*:predict", LLM_OP_EMBEDDINGS, LLM_DIALECT_EMBEDDINGS, 0 },
    { ":predict", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },

    { "/model/*/converse", LLM_OP_CHAT, LLM_DIALECT_CONVERSE, 0 },
    { "/model/*/converse-stream", LLM_OP_CHAT, LLM_DIALECT_CONVERSE, STREAM },
    { "embed*/invoke", LLM_OP_EMBEDDINGS, LLM_DIALECT_EMBEDDINGS, 0 },
    { "rerank*/invoke", LLM_OP_RERANK, LLM_DIALECT_EMBEDDINGS, 0 },
    { "/model/*/invoke", LLM_OP_CHAT, LLM_DIALECT_INVOKE, 0 },
    { "/model/*/invoke-with-response-stream", LLM_OP_CHAT,
      LLM_DIALECT_INVOKE, STREAM },

    { "/v2/chat", LLM_OP_CHAT, LLM_DIALECT_COHERE, 0 },
    { "/api/v1/chat", LLM_OP_CHAT, LLM_DIALECT_LMSTUDIO, 0 },
    { "/v1/chat", LLM_OP_CHAT, LLM_DIALECT_CHAT, SHAPE },
    { "/api/chat", LLM_OP_CHAT, LLM_DIALECT_OLLAMA, 0 },
    { "/api/generate", LLM_OP_TEXT_COMPLETION, LLM_DIALECT_OLLAMA, 0 },
    { "/completion", LLM_OP_TEXT_COMPLETION, LLM_DIALECT_LLAMACPP, 0 },
    { "/infill", LLM_OP_TEXT_COMPLETION, LLM_DIALECT_LLAMACPP, 0 },
    { "/generate", LLM_OP_TEXT_COMPLETION, LLM_DIALECT_TGI, 0 },
    { "/generate_stream", LLM_OP_TEXT_COMPLETION, LLM_DIALECT_TGI, STREAM },
    { "/ml/v1/text/chat", LLM_OP_CHAT, LLM_DIALECT_CHAT, 0 },
    { "/ml/v1/text/chat_stream", LLM_OP_CHAT, LLM_DIALECT_CHAT, STREAM },
    { "/ai/run/*", LLM_OP_CHAT, LLM_DIALECT_WORKERS_AI, 0 },

    { "/embed", LLM_OP_EMBEDDINGS, LLM_DIALECT_EMBEDDINGS, 0 },
    { "/moderations", LLM_OP_MODERATION, LLM_DIALECT_EMBEDDINGS, 0 },
    { "/rerank", LLM_OP_RERANK, LLM_DIALECT_EMBEDDINGS, 0 },

    { "/images/generations", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/images/edits", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/images/variations", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/images", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/image/generate", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/audio/speech", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/audio/transcriptions", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/audio/translations", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/videos", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/videos/generations", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/v1/batches", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/messages/batches", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/messages/count_tokens", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/responses/input_tokens", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/count-tokens", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { ":countTokens", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { ":predictLongRunning", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/responses/compact", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 }
};


/* The model between two marks of the path. */

static const struct {
    const char  *before;
    const char  *until;
} llm_path_models[] = {
    { "/openai/deployments/", "/" },
    { "/deployments/", "/" },
    { "/models/", ":" },
    { "/tunedModels/", ":" },
    { "/endpoints/", ":" },
    { "/model/", "/converse" },
    { "/model/", "/invoke" },
    { "/ai/run/", "" }           /* to the end */
};


static const struct {
    const char  *word;
    const char  *provider;
} llm_path_providers[] = {
    { "/openai/deployments/", "azure.ai.openai" },
    { "/publishers/", "gcp.vertex_ai" },
    { ":embedContent", "gcp.gemini" },
    { ":batchEmbedContents", "gcp.gemini" },
    { "/v1beta/openai/", "gcp.gemini" },
    { "/serving-endpoints/", "databricks" },
    { "/v2/embed", "cohere" },
    { "/v2/rerank", "cohere" },
    { "/api/embed", "ollama" },
    { "/ml/v1/text/", "ibm.watsonx.ai" },
    { "/ai/run/", "cloudflare" }
};


/* Patterns as for paths. */

static const struct {
    const char  *host;
    const char  *provider;
} llm_hosts[] = {
    { "api.openai.com", "openai" },
    { ".openai.azure.com", "azure.ai.openai" },
    { ".cognitiveservices.azure.com", "azure.ai.openai" },
    { ".services.ai.azure.com", "azure.ai.inference" },
    { ".models.ai.azure.com", "azure.ai.inference" },
    { "api.anthropic.com", "anthropic" },
    { "bedrock*.amazonaws.com", "aws.bedrock" },
    { "bedrock*.api.aws", "aws.bedrock" },
    { "generativelanguage.googleapis.com", "gcp.gemini" },
    { "aiplatform.googleapis.com", "gcp.vertex_ai" },
    { "api.cohere.com", "cohere" },
    { "api.cohere.ai", "cohere" },
    { "api.mistral.ai", "mistral_ai" },
    { "codestral.mistral.ai", "mistral_ai" },
    { "api.groq.com", "groq" },
    { "api.deepseek.com", "deepseek" },
    { "api.x.ai", "x_ai" },
    { "api.perplexity.ai", "perplexity" },
    { "openrouter.ai", "openrouter" },
    { "api.together.xyz", "together_ai" },
    { "api.together.ai", "together_ai" },
    { "api.fireworks.ai", "fireworks_ai" },
    { "api.cerebras.ai", "cerebras" },
    { "api.moonshot.ai", "moonshot_ai" },
    { "api.moonshot.cn", "moonshot_ai" },
    { "dashscope.aliyuncs.com", "dashscope" },
    { "dashscope-intl.aliyuncs.com", "dashscope" },
    { "api.z.ai", "zai" },
    { "open.bigmodel.cn", "zai" },
    { "api.voyageai.com", "voyage" },
    { "api.writer.com", "writer" },
    { "router.huggingface.co", "huggingface" },
    { "api.githubcopilot.com", "github_copilot" },
    { "ai-gateway.vercel.sh", "vercel_ai_gateway" },
    { "api.venice.ai", "venice" },
    { "ollama.com", "ollama" },
    { ".azuredatabricks.net", "databricks" },
    { ".cloud.databricks.com", "databricks" },
    { ".snowflakecomputing.com", "snowflake" },
    { "api.cloudflare.com", "cloudflare" },
    { "api.portkey.ai", "portkey" },
    { "api.avian.io", "avian" },
    { ".crusoecloud.com", "crusoe" },
    { ".inference.heroku.com", "heroku" },
    { ".ml.cloud.ibm.com", "ibm.watsonx.ai" },
    { "api.jina.ai", "jina_ai" },
    { "api.ai21.com", "ai21" },
    { "integrate.api.nvidia.com", "nvidia" },
    { "api.sambanova.ai", "sambanova" },
    { "api.deepinfra.com", "deepinfra" },
    { "api.hyperbolic.xyz", "hyperbolic" },
    { "api.novita.ai", "novita" },
    { "api.minimax.io", "minimax" },
    { "models.github.ai", "github_models" },
    { "models.inference.ai.azure.com", "github_models" }
};


static const struct {
    const char  *name;
    uint8_t      error;
} llm_error_types[] = {
    { "rate_limit_error", LLM_ERROR_RATE_LIMIT },
    { "rate_limit_exceeded", LLM_ERROR_RATE_LIMIT },
    { "rate_limit", LLM_ERROR_RATE_LIMIT },
    { "RateLimitReached", LLM_ERROR_RATE_LIMIT },
    { "insufficient_quota", LLM_ERROR_RATE_LIMIT },
    { "tokens", LLM_ERROR_RATE_LIMIT },
    { "requests", LLM_ERROR_RATE_LIMIT },
    { "RESOURCE_EXHAUSTED", LLM_ERROR_RATE_LIMIT },
    { "overloaded_error", LLM_ERROR_OVERLOADED },
    { "overloaded", LLM_ERROR_OVERLOADED },
    { "server_is_overloaded", LLM_ERROR_OVERLOADED },
    { "slow_down", LLM_ERROR_OVERLOADED },
    { "UNAVAILABLE", LLM_ERROR_OVERLOADED },
    { "timeout", LLM_ERROR_TIMEOUT },
    { "timeout_error", LLM_ERROR_TIMEOUT },
    { "DEADLINE_EXCEEDED", LLM_ERROR_TIMEOUT },
    { "authentication_error", LLM_ERROR_AUTH },
    { "permission_error", LLM_ERROR_AUTH },
    { "invalid_api_key", LLM_ERROR_AUTH },
    { "UNAUTHENTICATED", LLM_ERROR_AUTH },
    { "PERMISSION_DENIED", LLM_ERROR_AUTH },
    { "not_found_error", LLM_ERROR_NOT_FOUND },
    { "model_not_found", LLM_ERROR_NOT_FOUND },
    { "invalid_model", LLM_ERROR_NOT_FOUND },
    { "DeploymentNotFound", LLM_ERROR_NOT_FOUND },
    { "NOT_FOUND", LLM_ERROR_NOT_FOUND },
    { "content_filter", LLM_ERROR_CONTENT_FILTER },
    { "content_policy_violation", LLM_ERROR_CONTENT_FILTER },
    { "context_length_exceeded", LLM_ERROR_TOO_LARGE },
    { "exceed_context_size_error", LLM_ERROR_TOO_LARGE },
    { "too_many_prompt_tokens", LLM_ERROR_TOO_LARGE },
    { "request_too_large", LLM_ERROR_TOO_LARGE },
    { "invalid_request_error", LLM_ERROR_INVALID_REQUEST },
    { "invalid_prompt", LLM_ERROR_INVALID_REQUEST },
    { "INVALID_ARGUMENT", LLM_ERROR_INVALID_REQUEST },
    { "server_error", LLM_ERROR_SERVER_ERROR },
    { "api_error", LLM_ERROR_SERVER_ERROR },
    { "internal_error", LLM_ERROR_SERVER_ERROR },
    { "INTERNAL", LLM_ERROR_SERVER_ERROR }
};


static const struct {
    uint16_t  status;
    uint8_t   error;
} llm_error_statuses[] = {
    { 400, LLM_ERROR_INVALID_REQUEST },
    { 401, LLM_ERROR_AUTH },
    { 402, LLM_ERROR_RATE_LIMIT },
    { 403, LLM_ERROR_AUTH },
    { 404, LLM_ERROR_NOT_FOUND },
    { 408, LLM_ERROR_TIMEOUT },
    { 409, LLM_ERROR_INVALID_REQUEST },
    { 413, LLM_ERROR_TOO_LARGE },
    { 415, LLM_ERROR_INVALID_REQUEST },
    { 422, LLM_ERROR_INVALID_REQUEST },
    { 424, LLM_ERROR_SERVER_ERROR },
    { 429, LLM_ERROR_RATE_LIMIT },
    { 500, LLM_ERROR_SERVER_ERROR },
    { 501, LLM_ERROR_SERVER_ERROR },
    { 502, LLM_ERROR_UPSTREAM },
    { 503, LLM_ERROR_OVERLOADED },
    { 504, LLM_ERROR_TIMEOUT },
    { 529, LLM_ERROR_OVERLOADED }
};


/*
 * Finish reasons, in any case.  Numbers are those of Vertex' enum
 * FinishReason, which it sends where the client asks for integers.
 */

static const struct {
    const char  *name;
    uint8_t      finish;
} llm_finishes[] = {
    { "stop", LLM_FINISH_STOP },
    { "end_turn", LLM_FINISH_STOP },
    { "stop_sequence", LLM_FINISH_STOP },
    { "completed", LLM_FINISH_STOP },
    { "complete", LLM_FINISH_STOP },
    { "finish", LLM_FINISH_STOP },
    { "finished", LLM_FINISH_STOP },
    { "eos", LLM_FINISH_STOP },
    { "eos_token", LLM_FINISH_STOP },
    { "word", LLM_FINISH_STOP },
    { "1", LLM_FINISH_STOP },
    { "length", LLM_FINISH_LENGTH },
    { "max_tokens", LLM_FINISH_LENGTH },
    { "max_output_tokens", LLM_FINISH_LENGTH },
    { "model_length", LLM_FINISH_LENGTH },
    { "model_context_window_exceeded", LLM_FINISH_LENGTH },
    { "incomplete", LLM_FINISH_LENGTH },
    { "limit", LLM_FINISH_LENGTH },
    { "error_limit", LLM_FINISH_LENGTH },
    { "2", LLM_FINISH_LENGTH },
    { "tool_calls", LLM_FINISH_TOOL_CALLS },
    { "tool_call", LLM_FINISH_TOOL_CALLS },
    { "function_call", LLM_FINISH_TOOL_CALLS },
    { "tool_use", LLM_FINISH_TOOL_CALLS },
    { "requires_action", LLM_FINISH_TOOL_CALLS },
    { "content_filter", LLM_FINISH_CONTENT_FILTER },
    { "content_filtered", LLM_FINISH_CONTENT_FILTER },
    { "guardrail_intervened", LLM_FINISH_CONTENT_FILTER },
    { "refusal", LLM_FINISH_CONTENT_FILTER },
    { "error_toxic", LLM_FINISH_CONTENT_FILTER },
    { "safety", LLM_FINISH_CONTENT_FILTER },
    { "recitation", LLM_FINISH_CONTENT_FILTER },
    { "blocklist", LLM_FINISH_CONTENT_FILTER },
    { "prohibited_content", LLM_FINISH_CONTENT_FILTER },
    { "spii", LLM_FINISH_CONTENT_FILTER },
    { "model_armor", LLM_FINISH_CONTENT_FILTER },
    { "image_safety", LLM_FINISH_CONTENT_FILTER },
    { "image_prohibited_content", LLM_FINISH_CONTENT_FILTER },
    { "image_recitation", LLM_FINISH_CONTENT_FILTER },
    { "3", LLM_FINISH_CONTENT_FILTER },
    { "4", LLM_FINISH_CONTENT_FILTER },
    { "6", LLM_FINISH_CONTENT_FILTER },
    { "7", LLM_FINISH_CONTENT_FILTER },
    { "8", LLM_FINISH_CONTENT_FILTER },
    { "10", LLM_FINISH_CONTENT_FILTER }
};


/* Finish reasons that are errors: Mistral, OpenRouter, Cohere, Responses. */

static const struct {
    const char  *name;
    uint8_t      error;
} llm_finish_errors[] = {
    { "error", LLM_ERROR_OTHER },
    { "error_toxic", LLM_ERROR_CONTENT_FILTER },
    { "error_limit", LLM_ERROR_TOO_LARGE },
    { "timeout", LLM_ERROR_TIMEOUT },
    { "failed", LLM_ERROR_OTHER }
};


#define COUNT(a)  (sizeof(a) / sizeof(a[0]))


static llm_str_t
llm_str_of(const char *s)
{
    llm_str_t  v;

    v.data = (const uint8_t *) s;
    v.len = strlen(s);

    return v;
}


static void
llm_path_model(llm_str_t path, llm_path_t *out)
{
    size_t          i;
    llm_str_t       rest;
    const uint8_t  *p, *q;

    for (i = 0; i < COUNT(llm_path_models); i++) {

        p = llm_find(path, llm_path_models[i].before);
        if (p == NULL) {
            continue;
        }

        rest.data = p + strlen(llm_path_models[i].before);
        rest.len = path.data + path.len - rest.data;

        q = *llm_path_models[i].until
            ? llm_find(rest, llm_path_models[i].until) : rest.data + rest.len;

        if (q == NULL || q == rest.data) {
            continue;
        }

        out->model.data = rest.data;
        out->model.len = q - rest.data;
        return;
    }
}


void
llm_dialect_path(llm_str_t path, llm_path_t *out)
{
    size_t  i;

    memset(out, 0, sizeof(llm_path_t));

    while (path.len > 1 && path.data[path.len - 1] == '/') {
        path.len--;
    }

    for (i = 0; i < COUNT(llm_path_providers); i++) {
        if (llm_find(path, llm_path_providers[i].word)) {
            out->provider = llm_str_of(llm_path_providers[i].provider);
            break;
        }
    }

    for (i = 0; i < COUNT(llm_paths); i++) {

        if (!llm_matches(path, llm_paths[i].pattern)) {
            continue;
        }

        out->operation = llm_paths[i].operation;
        out->dialect = llm_paths[i].dialect;
        out->shape = (llm_paths[i].flags & SHAPE) != 0;
        out->path_stream = (llm_paths[i].flags & STREAM) != 0;

        llm_path_model(path, out);
        return;
    }
}


llm_str_t
llm_dialect_host(llm_str_t host)
{
    size_t          i;
    llm_str_t       none = { NULL, 0 };
    const uint8_t  *p;

    if (host.len == 0) {
        return none;
    }

    p = memchr(host.data, ':', host.len);
    if (p) {
        host.len = p - host.data;
    }

    for (i = 0; i < COUNT(llm_hosts); i++) {
        if (llm_matches(host, llm_hosts[i].host)) {
            return llm_str_of(llm_hosts[i].provider);
        }
    }

    return none;
}


static unsigned
llm_error_status(unsigned status)
{
    size_t  i;

    for (i = 0; i < COUNT(llm_error_statuses); i++) {
        if (llm_error_statuses[i].status == status) {
            return llm_error_statuses[i].error;
        }
    }

    return (status >= 500 && status < 600) ? LLM_ERROR_SERVER_ERROR
           : (status >= 400 && status < 500) ? LLM_ERROR_INVALID_REQUEST
           : LLM_ERROR_NONE;
}


unsigned
llm_dialect_error_word(llm_str_t word)
{
    size_t    i;
    unsigned  n;

    for (i = 0; i < COUNT(llm_error_types); i++) {
        if (llm_str_eq(word, llm_error_types[i].name,
                       strlen(llm_error_types[i].name)))
        {
            return llm_error_types[i].error;
        }
    }

    /* a code may be a status */

    if (word.len != 3) {
        return LLM_ERROR_NONE;
    }

    for (i = 0, n = 0; i < 3; i++) {
        if (word.data[i] < '0' || word.data[i] > '9') {
            return LLM_ERROR_NONE;
        }

        n = n * 10 + (word.data[i] - '0');
    }

    return llm_error_status(n);
}


unsigned
llm_dialect_error(unsigned by_type, unsigned by_code, unsigned status)
{
    unsigned  by_status;

    /* "invalid_request_error" with a code says less than the code */

    if (by_code != LLM_ERROR_NONE && by_code != LLM_ERROR_INVALID_REQUEST) {
        return by_code;
    }

    by_status = llm_error_status(status);

    /* Ollama's "api_error" comes with 401 as well as with 500 */

    if (by_type == LLM_ERROR_INVALID_REQUEST || by_type == LLM_ERROR_NONE
        || (by_type == LLM_ERROR_SERVER_ERROR && status < 500))
    {
        if (by_status != LLM_ERROR_NONE) {
            return by_status;
        }

        return by_type ? by_type : by_code ? by_code : LLM_ERROR_OTHER;
    }

    return by_type;
}


/* Words are written in small and in capital letters. */

static int
llm_word_same(llm_str_t s, const char *word)
{
    size_t  i;

    if (s.len != strlen(word)) {
        return 0;
    }

    for (i = 0; i < s.len; i++) {
        if (s.data[i] != (uint8_t) word[i]
            && (s.data[i] < 'A' || s.data[i] > 'Z'
                || (s.data[i] | 0x20) != (uint8_t) word[i]))
        {
            return 0;
        }
    }

    return 1;
}


unsigned
llm_dialect_finish(llm_str_t word)
{
    size_t  i;

    if (word.len == 0) {
        return LLM_FINISH_NONE;
    }

    for (i = 0; i < COUNT(llm_finishes); i++) {
        if (llm_word_same(word, llm_finishes[i].name)) {
            return llm_finishes[i].finish;
        }
    }

    return LLM_FINISH_OTHER;
}


unsigned
llm_dialect_finish_error(llm_str_t word)
{
    size_t  i;

    for (i = 0; i < COUNT(llm_finish_errors); i++) {
        if (llm_word_same(word, llm_finish_errors[i].name)) {
            return llm_finish_errors[i].error;
        }
    }

    return LLM_ERROR_NONE;
}
