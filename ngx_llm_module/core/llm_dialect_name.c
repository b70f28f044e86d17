
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Dialects and providers from the names of things: paths and hosts.
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
    { "/image/generate", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/generate", LLM_OP_TEXT_COMPLETION, LLM_DIALECT_TGI, 0 },
    { "/generate_stream", LLM_OP_TEXT_COMPLETION, LLM_DIALECT_TGI, STREAM },
    { "/ml/v1/text/chat", LLM_OP_CHAT, LLM_DIALECT_CHAT, 0 },
    { "/ml/v1/text/chat_stream", LLM_OP_CHAT, LLM_DIALECT_CHAT, STREAM },
    { "/ai/run/*", LLM_OP_CHAT, LLM_DIALECT_WORKERS_AI, 0 },

    { "/embed", LLM_OP_EMBEDDINGS, LLM_DIALECT_EMBEDDINGS, 0 },
    { "/embedding", LLM_OP_EMBEDDINGS, LLM_DIALECT_EMBEDDINGS, 0 },
    { "/moderations", LLM_OP_MODERATION, LLM_DIALECT_EMBEDDINGS, 0 },
    { "/rerank", LLM_OP_RERANK, LLM_DIALECT_EMBEDDINGS, 0 },
    { "/reranking", LLM_OP_RERANK, LLM_DIALECT_EMBEDDINGS, 0 },

    { "/images/generations", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/images/edits", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/images/variations", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/images", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/audio/speech", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/audio/transcriptions", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/audio/translations", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/v1/tts", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/v1/stt", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/v1/ocr", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/videos", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/videos/generations", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/v1/batches", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/messages/batches", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { "/v1/batch/jobs", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
    { ":batchGenerateContent", LLM_OP_OTHER, LLM_DIALECT_NONE, 0 },
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
    { "/engines/", "/" },
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
    { "chatgpt.com", "openai" },
    { ".openai.azure.com", "azure.ai.openai" },
    { ".openai.azure.us", "azure.ai.openai" },
    { ".cognitiveservices.azure.com", "azure.ai.openai" },
    { ".services.ai.azure.com", "azure.ai.inference" },
    { ".models.ai.azure.com", "azure.ai.inference" },
    { "api.anthropic.com", "anthropic" },
    { "bedrock*.amazonaws.com", "aws.bedrock" },
    { "bedrock*.amazonaws.com.cn", "aws.bedrock" },
    { "bedrock*.api.aws", "aws.bedrock" },
    { "generativelanguage.googleapis.com", "gcp.gemini" },
    { "aiplatform.googleapis.com", "gcp.vertex_ai" },
    { "aiplatform*.googleapis.com", "gcp.vertex_ai" },
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
    { "dashscope*.aliyuncs.com", "dashscope" },
    { "api.z.ai", "zai" },
    { "open.bigmodel.cn", "zai" },
    { "api.voyageai.com", "voyage" },
    { "api.writer.com", "writer" },
    { "router.huggingface.co", "huggingface" },
    { "api-inference.huggingface.co", "huggingface" },
    { ".githubcopilot.com", "github_copilot" },
    { "ai-gateway.vercel.sh", "vercel_ai_gateway" },
    { "api.venice.ai", "venice" },
    { "ollama.com", "ollama" },
    { ".azuredatabricks.net", "databricks" },
    { ".databricks.com", "databricks" },
    { ".snowflakecomputing.com", "snowflake" },
    { "api.cloudflare.com", "cloudflare" },
    { "api.portkey.ai", "portkey" },
    { "api.avian.io", "avian" },
    { ".crusoecloud.com", "crusoe" },
    { "api.doubleword.ai", "doubleword" },
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


/* A host is that of a row or one below it, and no other that ends alike; a
 * region may stand before a hyphen. */

static int
llm_host_matches(llm_str_t host, const char *pattern)
{
    size_t  n;

    n = strlen(pattern);

    if (!llm_matches(host, pattern)) {
        return 0;
    }

    return pattern[0] == '.' || strchr(pattern, '*') || host.len == n
           || host.data[host.len - n - 1] == '.'
           || host.data[host.len - n - 1] == '-';
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
        if (llm_host_matches(host, llm_hosts[i].host)) {
            return llm_str_of(llm_hosts[i].provider);
        }
    }

    return none;
}
