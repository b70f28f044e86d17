
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Names of things: which API a path is, whose an upstream's host is, and the
 * class of an error by its type, its code and the status.
 */


#include "llm_dialect.h"
#include "tap.h"


#define NONE       LLM_OP_NONE
#define OTHER      LLM_OP_OTHER
#define CHAT       LLM_OP_CHAT
#define TEXT       LLM_OP_TEXT_COMPLETION
#define RESPONSES  LLM_OP_RESPONSES
#define EMBED      LLM_OP_EMBEDDINGS
#define RERANK     LLM_OP_RERANK


static const struct {
    const char  *path;
    unsigned     operation;
    unsigned     dialect;
    const char  *model;
    const char  *provider;
} paths[] = {
    { "/v1/chat/completions", CHAT, LLM_DIALECT_CHAT, "", "" },
    { "/v1/chat/completions/", CHAT, LLM_DIALECT_CHAT, "", "" },
    { "/api/paas/v4/chat/completions", CHAT, LLM_DIALECT_CHAT, "", "" },
    { "/v1beta/openai/chat/completions", CHAT, LLM_DIALECT_CHAT, "",
      "gcp.gemini" },
    { "/serving-endpoints/chat/completions", CHAT, LLM_DIALECT_CHAT, "",
      "databricks" },
    { "/openai/deployments/mini/chat/completions", CHAT, LLM_DIALECT_CHAT,
      "mini", "azure.ai.openai" },
    { "//openai/deployments/ada/embeddings", EMBED, LLM_DIALECT_EMBEDDINGS,
      "ada", "azure.ai.openai" },
    { "/v1/completions", TEXT, LLM_DIALECT_COMPLETIONS, "", "" },
    { "/beta/completions", TEXT, LLM_DIALECT_COMPLETIONS, "", "" },
    { "/v1/fim/completions", TEXT, LLM_DIALECT_CHAT, "", "" },
    { "/v1/prompts/pp-1/completions", CHAT, LLM_DIALECT_CHAT, "", "" },
    { "/v1/prompts", NONE, 0, "", "" },
    { "/v1/responses", RESPONSES, LLM_DIALECT_RESPONSES, "", "" },
    { "/backend-api/codex/responses", RESPONSES, LLM_DIALECT_RESPONSES, "",
      "" },
    { "/v1/messages", CHAT, LLM_DIALECT_MESSAGES, "", "" },
    { "/anthropic/v1/messages", CHAT, LLM_DIALECT_MESSAGES, "", "" },
    { "/v1/projects/p/locations/l/publishers/anthropic/models/cl@1:rawPredict",
      CHAT, LLM_DIALECT_MESSAGES, "cl@1", "gcp.vertex_ai" },
    { "/v1beta/models/e-1:batchEmbedContents", EMBED, LLM_DIALECT_EMBEDDINGS,
      "e-1", "gcp.gemini" },
    { "/v2/embed", EMBED, LLM_DIALECT_EMBEDDINGS, "", "cohere" },
    { "/v2/rerank", RERANK, LLM_DIALECT_EMBEDDINGS, "", "cohere" },

    /* nothing that is generated, or nothing that we read */

    { "/v1/messages/count_tokens", OTHER, 0, "", "" },
    { "/v1/responses/input_tokens", OTHER, 0, "", "" },
    { "/model/some.model-v1:0/count-tokens", OTHER, 0, "", "" },
    { "/v1beta/models/g-1:countTokens", OTHER, 0, "g-1", "" },
    { "/v1beta/models/g-1:batchGenerateContent", OTHER, 0, "g-1", "" },
    { "/v1/batch/jobs", OTHER, 0, "", "" },
    { "/v1/ocr", OTHER, 0, "", "" },
    { "/v1/tts", OTHER, 0, "", "" },
    { "/v1/stt", OTHER, 0, "", "" },
    { "/v1/threads/thread_1/messages", OTHER, 0, "", "" },
    { "/v1/images/generations", OTHER, 0, "", "" },
    { "/api/v1/images", OTHER, 0, "", "" },
    { "/api/v1/image/generate", OTHER, 0, "", "" },
    { "/v1/videos/generations", OTHER, 0, "", "" },

    { "", NONE, 0, "", "" },
    { "/", NONE, 0, "", "" },
    { "/v1/models", NONE, 0, "", "" },
    { "/v1/realtime", NONE, 0, "", "" },
    { "/ws/google.ai.generativelanguage.v1beta.GenerativeService"
      ".BidiGenerateContent", NONE, 0, "", "" },
    { "/google.cloud.aiplatform.v1.PredictionService/StreamGenerateContent",
      NONE, 0, "", "" },
    { "/endpoints/mine/invocations", NONE, 0, "", "" },
    { "/guardrail/g1/version/1/apply", NONE, 0, "", "" },
    { "/agents/A1/agentAliases/B1/sessions/s/text", NONE, 0, "", "" },
    { "/ml/v1/text/generation", NONE, 0, "", "ibm.watsonx.ai" },
    { "/v1/threads", NONE, 0, "", "" },
    { "/search", NONE, 0, "", "" }
};


static const struct {
    const char  *host;
    const char  *provider;
} hosts[] = {
    { "api.openai.com", "openai" },
    { "api.openai.com:443", "openai" },
    { "mine.openai.azure.com", "azure.ai.openai" },
    { "bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock" },
    { "bedrock-mantle.us-east-1.api.aws", "aws.bedrock" },
    { "vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com", "aws.bedrock" },
    { "us-east5-aiplatform.googleapis.com", "gcp.vertex_ai" },
    { "api.inference.crusoecloud.com", "crusoe" },
    { "us.inference.heroku.com:443", "heroku" },
    { "api.portkey.ai", "portkey" },
    { "api.avian.io", "avian" },
    { "s3.us-east-1.amazonaws.com", "" },
    { "bedrock.example.com", "" },
    { "amazonaws.com", "" },
    { "localhost:8000", "" },
    { ":80", "" },
    { "", "" }
};


static const struct {
    const char  *type;
    const char  *code;
    unsigned     status;
    unsigned     error;
} errors[] = {
    { "invalid_request_error", "invalid_api_key", 401, LLM_ERROR_AUTH },
    { "invalid_request_error", "model_not_found", 400, LLM_ERROR_NOT_FOUND },
    { "invalid_request_error", "context_length_exceeded", 400,
      LLM_ERROR_TOO_LARGE },
    { "invalid_request_error", "unsupported_value", 400,
      LLM_ERROR_INVALID_REQUEST },
    { "invalid_request_error", "", 403, LLM_ERROR_AUTH },
    { "authentication_error", "invalid_request_error", 401, LLM_ERROR_AUTH },
    { "not_found_error", "", 404, LLM_ERROR_NOT_FOUND },
    { "overloaded_error", "", 200, LLM_ERROR_OVERLOADED },
    { "", "429", 200, LLM_ERROR_RATE_LIMIT },
    { "", "RateLimitReached", 200, LLM_ERROR_RATE_LIMIT },
    { "", "content_filter", 200, LLM_ERROR_CONTENT_FILTER },
    { "api_error", "", 500, LLM_ERROR_SERVER_ERROR },
    { "api_error", "", 200, LLM_ERROR_SERVER_ERROR },
    { "api_error", "", 401, LLM_ERROR_AUTH },
    { "api_error", "", 503, LLM_ERROR_SERVER_ERROR },
    { "invalid_model", "1500", 400, LLM_ERROR_NOT_FOUND },
    { "too_many_prompt_tokens", "400", 400, LLM_ERROR_TOO_LARGE },
    { "TOO_MANY_TOKENS", "", 400, LLM_ERROR_TOO_LARGE },
    { "exceed_context_size_error", "400", 400, LLM_ERROR_TOO_LARGE },
    { "some_new_error", "", 200, LLM_ERROR_OTHER },
    { "", "", 418, LLM_ERROR_INVALID_REQUEST }
};


static llm_str_t
str(const char *s)
{
    return (llm_str_t) { (const uint8_t *) s, strlen(s) };
}


static int
same(llm_str_t s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}


/* In an allocation of its exact size: nothing is read behind the path. */

static void
test_paths(void)
{
    size_t      i, n;
    uint8_t    *p;
    llm_path_t  where;

    for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        n = strlen(paths[i].path);

        p = malloc(n ? n : 1);
        CHECK(p != NULL);
        memcpy(p, paths[i].path, n);

        llm_dialect_path((llm_str_t) { p, n }, &where);

        ok(where.operation == paths[i].operation
           && where.dialect == paths[i].dialect
           && (where.model.len ? same(where.model, paths[i].model)
                               : paths[i].model[0] == '\0')
           && (where.provider.len ? same(where.provider, paths[i].provider)
                                  : paths[i].provider[0] == '\0'),
           "path \"%s\"", paths[i].path);

        free(p);
    }
}


static void
test_hosts(void)
{
    size_t     i, n;
    uint8_t   *p;
    llm_str_t  provider;

    for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        n = strlen(hosts[i].host);

        p = malloc(n ? n : 1);
        CHECK(p != NULL);
        memcpy(p, hosts[i].host, n);

        provider = llm_dialect_host((llm_str_t) { p, n });

        ok(provider.len ? same(provider, hosts[i].provider)
                        : hosts[i].provider[0] == '\0',
           "host \"%s\"", hosts[i].host);

        free(p);
    }
}


static void
test_errors(void)
{
    size_t    i;
    unsigned  type, code;

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        type = llm_dialect_error_word(str(errors[i].type));
        code = llm_dialect_error_word(str(errors[i].code));

        ok(llm_dialect_error(type, code, errors[i].status) == errors[i].error,
           "error \"%s\", code \"%s\", status %u", errors[i].type,
           errors[i].code, errors[i].status);
    }
}


int
main(void)
{
    test_paths();
    test_hosts();
    test_errors();

    return tap_done();
}
