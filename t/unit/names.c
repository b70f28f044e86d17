
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Names of things: which API a path is, whose an upstream's host is, the
 * class of an error by its type, its code and the status, and what a finish
 * reason means.
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


#define MODERATE   LLM_OP_MODERATION
#define GENERATE   LLM_OP_GENERATE_CONTENT

#define SHAPE      1             /* the body decides */
#define STREAM     2             /* the path asks for a stream */

#define PROJECT    "/v1/projects/p/locations/l/publishers"
#define ARN        "arn:aws:bedrock:eu-west-1:123456789012:"


static const struct {
    const char  *path;
    unsigned     operation;
    unsigned     dialect;
    unsigned     flags;
    const char  *model;
    const char  *provider;
} paths[] = {
    { "/v1/chat/completions", CHAT, LLM_DIALECT_CHAT, 0, "", "" },
    { "/v1/chat/completions/", CHAT, LLM_DIALECT_CHAT, 0, "", "" },
    { "/v1/chat/completions///", CHAT, LLM_DIALECT_CHAT, 0, "", "" },
    { "/api/paas/v4/chat/completions", CHAT, LLM_DIALECT_CHAT, 0, "", "" },
    { "/v1beta/openai/chat/completions", CHAT, LLM_DIALECT_CHAT, 0, "",
      "gcp.gemini" },
    { "/v1/projects/p/locations/l/endpoints/openapi/chat/completions", CHAT,
      LLM_DIALECT_CHAT, 0, "", "" },
    { "/serving-endpoints/chat/completions", CHAT, LLM_DIALECT_CHAT, 0, "",
      "databricks" },
    { "/openai/deployments/mini/chat/completions", CHAT, LLM_DIALECT_CHAT, 0,
      "mini", "azure.ai.openai" },
    { "/v2/inference/deployments/d1/chat/completions", CHAT,
      LLM_DIALECT_CHAT, 0, "d1", "" },
    { "//openai/deployments/ada/embeddings", EMBED, LLM_DIALECT_EMBEDDINGS, 0,
      "ada", "azure.ai.openai" },
    { "/openai/deployments//embeddings", EMBED, LLM_DIALECT_EMBEDDINGS, 0,
      "", "azure.ai.openai" },
    { "/v1/completions", TEXT, LLM_DIALECT_COMPLETIONS, SHAPE, "", "" },
    { "/beta/completions", TEXT, LLM_DIALECT_COMPLETIONS, SHAPE, "", "" },
    { "/v1/fim/completions", TEXT, LLM_DIALECT_CHAT, 0, "", "" },
    { "/v1/prompts/pp-1/completions", CHAT, LLM_DIALECT_CHAT, SHAPE, "", "" },
    { "/v1/prompts", NONE, 0, 0, "", "" },
    { "/v1/responses", RESPONSES, LLM_DIALECT_RESPONSES, 0, "", "" },
    { "/backend-api/codex/responses", RESPONSES, LLM_DIALECT_RESPONSES, 0,
      "", "" },
    { "/v1/embeddings", EMBED, LLM_DIALECT_EMBEDDINGS, 0, "", "" },

    { "/v1/messages", CHAT, LLM_DIALECT_MESSAGES, 0, "", "" },
    { "/anthropic/v1/messages", CHAT, LLM_DIALECT_MESSAGES, 0, "", "" },
    { "/messages", CHAT, LLM_DIALECT_MESSAGES, SHAPE, "", "" },
    { "/v1/complete", TEXT, LLM_DIALECT_COMPLETE, 0, "", "" },

    { "/v1beta/models/g-1:generateContent", GENERATE, LLM_DIALECT_GEMINI, 0,
      "g-1", "" },
    { "/v1beta/models/g-1:streamGenerateContent", GENERATE,
      LLM_DIALECT_GEMINI, STREAM, "g-1", "" },
    { "/v1beta/tunedModels/t-1:generateContent", GENERATE,
      LLM_DIALECT_GEMINI, 0, "t-1", "" },
    { "/v1/projects/p/locations/l/endpoints/42:streamGenerateContent",
      GENERATE, LLM_DIALECT_GEMINI, STREAM, "42", "" },
    { PROJECT "/google/models/g@1:generateContent", GENERATE,
      LLM_DIALECT_GEMINI, 0, "g@1", "gcp.vertex_ai" },
    { "/v1beta/interactions", GENERATE, LLM_DIALECT_INTERACTIONS, 0, "", "" },
    { PROJECT "/anthropic/models/cl@1:rawPredict", CHAT,
      LLM_DIALECT_MESSAGES, SHAPE, "cl@1", "gcp.vertex_ai" },
    { PROJECT "/anthropic/models/cl@1:streamRawPredict", CHAT,
      LLM_DIALECT_MESSAGES, SHAPE|STREAM, "cl@1", "gcp.vertex_ai" },
    { PROJECT "/mistralai/models/m@1:rawPredict", CHAT, LLM_DIALECT_CHAT, 0,
      "m@1", "gcp.vertex_ai" },
    { PROJECT "/mistralai/models/m@1:streamRawPredict", CHAT,
      LLM_DIALECT_CHAT, STREAM, "m@1", "gcp.vertex_ai" },
    { "/v1beta/models/e-1:embedContent", EMBED, LLM_DIALECT_EMBEDDINGS, 0,
      "e-1", "gcp.gemini" },
    { "/v1beta/models/e-1:batchEmbedContents", EMBED, LLM_DIALECT_EMBEDDINGS,
      0, "e-1", "gcp.gemini" },
    { PROJECT "/google/models/text-embedding-005:predict", EMBED,
      LLM_DIALECT_EMBEDDINGS, 0, "text-embedding-005", "gcp.vertex_ai" },
    { PROJECT "/google/models/imagen-4:predict", OTHER, 0, 0, "imagen-4",
      "gcp.vertex_ai" },

    { "/model/amazon.nova-lite-v1:0/converse", CHAT, LLM_DIALECT_CONVERSE, 0,
      "amazon.nova-lite-v1:0", "" },
    { "/model/us.meta.llama-v1:0/converse-stream", CHAT,
      LLM_DIALECT_CONVERSE, STREAM, "us.meta.llama-v1:0", "" },
    { "/model/" ARN "inference-profile/eu.a.claude-v1:0/converse", CHAT,
      LLM_DIALECT_CONVERSE, 0, ARN "inference-profile/eu.a.claude-v1:0", "" },
    { "/model/" ARN "application-inference-profile/x1/invoke", CHAT,
      LLM_DIALECT_INVOKE, 0, ARN "application-inference-profile/x1", "" },
    { "/model/anthropic.claude-v2/invoke", CHAT, LLM_DIALECT_INVOKE, 0,
      "anthropic.claude-v2", "" },
    { "/model/anthropic.claude-v2/invoke-with-response-stream", CHAT,
      LLM_DIALECT_INVOKE, STREAM, "anthropic.claude-v2", "" },
    { "/model/amazon.titan-embed-text-v2:0/invoke", EMBED,
      LLM_DIALECT_EMBEDDINGS, 0, "amazon.titan-embed-text-v2:0", "" },
    { "/model/cohere.rerank-v3-5:0/invoke", RERANK, LLM_DIALECT_EMBEDDINGS, 0,
      "cohere.rerank-v3-5:0", "" },
    { "/model//converse", CHAT, LLM_DIALECT_CONVERSE, 0, "", "" },
    { "/converse", NONE, 0, 0, "", "" },
    { "/invoke", NONE, 0, 0, "", "" },

    { "/v2/chat", CHAT, LLM_DIALECT_COHERE, 0, "", "" },
    { "/v1/chat", CHAT, LLM_DIALECT_CHAT, SHAPE, "", "" },
    { "/api/v1/chat", CHAT, LLM_DIALECT_LMSTUDIO, 0, "", "" },
    { "/api/chat", CHAT, LLM_DIALECT_OLLAMA, 0, "", "" },
    { "/api/generate", TEXT, LLM_DIALECT_OLLAMA, 0, "", "" },
    { "/api/embed", EMBED, LLM_DIALECT_EMBEDDINGS, 0, "", "ollama" },
    { "/api/embeddings", EMBED, LLM_DIALECT_EMBEDDINGS, 0, "", "ollama" },
    { "/completion", TEXT, LLM_DIALECT_LLAMACPP, 0, "", "" },
    { "/infill", TEXT, LLM_DIALECT_LLAMACPP, 0, "", "" },
    { "/embedding", EMBED, LLM_DIALECT_EMBEDDINGS, 0, "", "" },
    { "/generate", TEXT, LLM_DIALECT_TGI, 0, "", "" },
    { "/generate_stream", TEXT, LLM_DIALECT_TGI, STREAM, "", "" },
    { "/ml/v1/text/chat", CHAT, LLM_DIALECT_CHAT, 0, "", "ibm.watsonx.ai" },
    { "/ml/v1/text/chat_stream", CHAT, LLM_DIALECT_CHAT, STREAM, "",
      "ibm.watsonx.ai" },
    { "/client/v4/accounts/a/ai/run/@cf/meta/llama-3", CHAT,
      LLM_DIALECT_WORKERS_AI, 0, "@cf/meta/llama-3", "cloudflare" },
    { "/v2/embed", EMBED, LLM_DIALECT_EMBEDDINGS, 0, "", "cohere" },
    { "/v2/rerank", RERANK, LLM_DIALECT_EMBEDDINGS, 0, "", "cohere" },
    { "/v1/rerank", RERANK, LLM_DIALECT_EMBEDDINGS, 0, "", "" },
    { "/v1/reranking", RERANK, LLM_DIALECT_EMBEDDINGS, 0, "", "" },
    { "/v1/moderations", MODERATE, LLM_DIALECT_EMBEDDINGS, 0, "", "" },

    /* nothing that is generated, or nothing that we read */

    { "/v1/messages/count_tokens", OTHER, 0, 0, "", "" },
    { "/v1/messages/batches", OTHER, 0, 0, "", "" },
    { "/v1/responses/input_tokens", OTHER, 0, 0, "", "" },
    { "/v1/responses/compact", OTHER, 0, 0, "", "" },
    { "/model/some.model-v1:0/count-tokens", OTHER, 0, 0, "", "" },
    { "/v1beta/models/g-1:countTokens", OTHER, 0, 0, "g-1", "" },
    { "/v1beta/models/g-1:batchGenerateContent", OTHER, 0, 0, "g-1", "" },
    { "/v1beta/models/v-1:predictLongRunning", OTHER, 0, 0, "v-1", "" },
    { "/v1/batches", OTHER, 0, 0, "", "" },
    { "/v1/batch/jobs", OTHER, 0, 0, "", "" },
    { "/v1/ocr", OTHER, 0, 0, "", "" },
    { "/v1/tts", OTHER, 0, 0, "", "" },
    { "/v1/stt", OTHER, 0, 0, "", "" },
    { "/v1/audio/speech", OTHER, 0, 0, "", "" },
    { "/v1/audio/transcriptions", OTHER, 0, 0, "", "" },
    { "/v1/audio/translations", OTHER, 0, 0, "", "" },
    { "/v1/threads/thread_1/messages", OTHER, 0, 0, "", "" },
    { "/v1/images/generations", OTHER, 0, 0, "", "" },
    { "/v1/images/edits", OTHER, 0, 0, "", "" },
    { "/v1/images/variations", OTHER, 0, 0, "", "" },
    { "/api/v1/images", OTHER, 0, 0, "", "" },
    { "/api/v1/image/generate", OTHER, 0, 0, "", "" },
    { "/v1/videos", OTHER, 0, 0, "", "" },
    { "/v1/videos/generations", OTHER, 0, 0, "", "" },

    /* no calls */

    { "", NONE, 0, 0, "", "" },
    { "/", NONE, 0, 0, "", "" },
    { "///", NONE, 0, 0, "", "" },
    { "/v1/models", NONE, 0, 0, "", "" },
    { "/v1beta/models/g-1", NONE, 0, 0, "", "" },
    { "/v1/chat/completionsx", NONE, 0, 0, "", "" },
    { "/v1/chat", CHAT, LLM_DIALECT_CHAT, SHAPE, "", "" },
    { "v1/messages", CHAT, LLM_DIALECT_MESSAGES, SHAPE, "", "" },
    { "/v1/chat/completions/abc", NONE, 0, 0, "", "" },
    { "/v1/responses/resp_1", NONE, 0, 0, "", "" },
    { "/v1/responses/resp_1/cancel", NONE, 0, 0, "", "" },
    { "/v1/Messages", NONE, 0, 0, "", "" },
    { "/v1/realtime", NONE, 0, 0, "", "" },
    { "/ws/google.ai.generativelanguage.v1beta.GenerativeService"
      ".BidiGenerateContent", NONE, 0, 0, "", "" },
    { "/google.cloud.aiplatform.v1.PredictionService/StreamGenerateContent",
      NONE, 0, 0, "", "" },
    { "/endpoints/mine/invocations", NONE, 0, 0, "", "" },
    { "/guardrail/g1/version/1/apply", NONE, 0, 0, "", "" },
    { "/agents/A1/agentAliases/B1/sessions/s/text", NONE, 0, 0, "", "" },
    { "/ml/v1/text/generation", NONE, 0, 0, "", "ibm.watsonx.ai" },
    { "/v1/threads", NONE, 0, 0, "", "" },
    { "/search", NONE, 0, 0, "", "" }
};


static const struct {
    const char  *host;
    const char  *provider;
} hosts[] = {
    { "api.openai.com", "openai" },
    { "api.openai.com:443", "openai" },
    { "eu.api.openai.com", "openai" },
    { "chatgpt.com", "openai" },
    { "mine.openai.azure.com", "azure.ai.openai" },
    { "mine.openai.azure.us", "azure.ai.openai" },
    { "mine.cognitiveservices.azure.com:443", "azure.ai.openai" },
    { "mine.services.ai.azure.com", "azure.ai.inference" },
    { "mine.models.ai.azure.com", "azure.ai.inference" },
    { "api.anthropic.com", "anthropic" },
    { "bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock" },
    { "bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "aws.bedrock" },
    { "bedrock-runtime.cn-north-1.amazonaws.com.cn", "aws.bedrock" },
    { "bedrock-mantle.us-east-1.api.aws", "aws.bedrock" },
    { "vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com", "aws.bedrock" },
    { "generativelanguage.googleapis.com", "gcp.gemini" },
    { "aiplatform.googleapis.com", "gcp.vertex_ai" },
    { "us-east5-aiplatform.googleapis.com", "gcp.vertex_ai" },
    { "aiplatform.eu.rep.googleapis.com", "gcp.vertex_ai" },
    { "api.cohere.com", "cohere" },
    { "api.cohere.ai", "cohere" },
    { "api.mistral.ai", "mistral_ai" },
    { "codestral.mistral.ai", "mistral_ai" },
    { "api.groq.com", "groq" },
    { "api.deepseek.com", "deepseek" },
    { "api.x.ai", "x_ai" },
    { "us-east-1.api.x.ai", "x_ai" },
    { "api.perplexity.ai", "perplexity" },
    { "openrouter.ai", "openrouter" },
    { "api.together.xyz", "together_ai" },
    { "api.together.ai", "together_ai" },
    { "api.fireworks.ai", "fireworks_ai" },
    { "api.cerebras.ai", "cerebras" },
    { "api.moonshot.ai", "moonshot_ai" },
    { "api.moonshot.cn", "moonshot_ai" },
    { "dashscope-intl.aliyuncs.com", "dashscope" },
    { "dashscope.aliyuncs.com", "dashscope" },
    { "api.z.ai", "zai" },
    { "open.bigmodel.cn", "zai" },
    { "api.voyageai.com", "voyage" },
    { "api.writer.com", "writer" },
    { "router.huggingface.co", "huggingface" },
    { "api-inference.huggingface.co", "huggingface" },
    { "api.individual.githubcopilot.com", "github_copilot" },
    { "ai-gateway.vercel.sh", "vercel_ai_gateway" },
    { "api.venice.ai", "venice" },
    { "ollama.com", "ollama" },
    { "adb-1.2.azuredatabricks.net", "databricks" },
    { "dbc-1.cloud.databricks.com", "databricks" },
    { "acme.snowflakecomputing.com", "snowflake" },
    { "api.cloudflare.com", "cloudflare" },
    { "api.portkey.ai", "portkey" },
    { "api.avian.io", "avian" },
    { "api.inference.crusoecloud.com", "crusoe" },
    { "api.doubleword.ai", "doubleword" },
    { "us.inference.heroku.com:443", "heroku" },
    { "us-south.ml.cloud.ibm.com", "ibm.watsonx.ai" },
    { "api.jina.ai", "jina_ai" },
    { "api.ai21.com", "ai21" },
    { "integrate.api.nvidia.com", "nvidia" },
    { "api.sambanova.ai", "sambanova" },
    { "api.deepinfra.com", "deepinfra" },
    { "api.hyperbolic.xyz", "hyperbolic" },
    { "api.novita.ai", "novita" },
    { "api.minimax.io", "minimax" },
    { "models.github.ai", "github_models" },
    { "models.inference.ai.azure.com", "github_models" },

    /* others that end alike, or nearly */

    { "myopenrouter.ai", "" },
    { "notchatgpt.com", "" },
    { "papi.z.ai", "" },
    { "api.openai.com.example.com", "" },
    { "openai.azure.com", "" },
    { "api.openai.co", "" },
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
    { "some_new_error", "", 429, LLM_ERROR_RATE_LIMIT },
    { "Rate_Limit_Error", "", 200, LLM_ERROR_RATE_LIMIT },
    { "", "ThrottlingException", 400, LLM_ERROR_RATE_LIMIT },
    { "", "throttlingException", 400, LLM_ERROR_RATE_LIMIT },
    { "", "INTERNAL", 200, LLM_ERROR_SERVER_ERROR },
    { "", "internal", 200, LLM_ERROR_SERVER_ERROR },
    { "unavailable_error", "503", 503, LLM_ERROR_OVERLOADED },
    { "", "", 200, LLM_ERROR_OTHER },
    { "", "99", 200, LLM_ERROR_OTHER },
    { "", "5x0", 200, LLM_ERROR_OTHER },
    { "", "599", 200, LLM_ERROR_SERVER_ERROR },
    { "", "499", 200, LLM_ERROR_OTHER },
    { "", "4990", 200, LLM_ERROR_OTHER },
    { "", "402", 200, LLM_ERROR_RATE_LIMIT },
    { "", "409", 200, LLM_ERROR_INVALID_REQUEST },
    { "", "", 402, LLM_ERROR_RATE_LIMIT },
    { "", "", 408, LLM_ERROR_TIMEOUT },
    { "", "", 409, LLM_ERROR_INVALID_REQUEST },
    { "", "", 413, LLM_ERROR_TOO_LARGE },
    { "", "", 424, LLM_ERROR_SERVER_ERROR },
    { "", "", 501, LLM_ERROR_SERVER_ERROR },
    { "", "", 502, LLM_ERROR_UPSTREAM },
    { "", "", 504, LLM_ERROR_TIMEOUT },
    { "", "", 529, LLM_ERROR_OVERLOADED },
    { "", "", 599, LLM_ERROR_SERVER_ERROR },
    { "", "", 418, LLM_ERROR_INVALID_REQUEST }
};


static const struct {
    const char  *word;
    unsigned     finish;
    unsigned     error;
} finishes[] = {
    { "", LLM_FINISH_NONE, 0 },
    { "stop", LLM_FINISH_STOP, 0 },
    { "STOP", LLM_FINISH_STOP, 0 },
    { "Stop", LLM_FINISH_STOP, 0 },
    { "end_turn", LLM_FINISH_STOP, 0 },
    { "stop_sequence", LLM_FINISH_STOP, 0 },
    { "STOP_SEQUENCE", LLM_FINISH_STOP, 0 },
    { "completed", LLM_FINISH_STOP, 0 },
    { "COMPLETE", LLM_FINISH_STOP, 0 },
    { "FINISH", LLM_FINISH_STOP, 0 },
    { "FINISHED", LLM_FINISH_STOP, 0 },
    { "eos", LLM_FINISH_STOP, 0 },
    { "eos_token", LLM_FINISH_STOP, 0 },
    { "word", LLM_FINISH_STOP, 0 },
    { "1", LLM_FINISH_STOP, 0 },
    { "length", LLM_FINISH_LENGTH, 0 },
    { "LENGTH", LLM_FINISH_LENGTH, 0 },
    { "max_tokens", LLM_FINISH_LENGTH, 0 },
    { "MAX_TOKENS", LLM_FINISH_LENGTH, 0 },
    { "max_output_tokens", LLM_FINISH_LENGTH, 0 },
    { "model_length", LLM_FINISH_LENGTH, 0 },
    { "model_context_window_exceeded", LLM_FINISH_LENGTH, 0 },
    { "incomplete", LLM_FINISH_LENGTH, 0 },
    { "limit", LLM_FINISH_LENGTH, 0 },
    { "ERROR_LIMIT", LLM_FINISH_LENGTH, 0 },
    { "2", LLM_FINISH_LENGTH, 0 },
    { "tool_calls", LLM_FINISH_TOOL_CALLS, 0 },
    { "TOOL_CALL", LLM_FINISH_TOOL_CALLS, 0 },
    { "function_call", LLM_FINISH_TOOL_CALLS, 0 },
    { "tool_use", LLM_FINISH_TOOL_CALLS, 0 },
    { "requires_action", LLM_FINISH_TOOL_CALLS, 0 },
    { "content_filter", LLM_FINISH_CONTENT_FILTER, 0 },
    { "CONTENT_FILTERED", LLM_FINISH_CONTENT_FILTER, 0 },
    { "guardrail_intervened", LLM_FINISH_CONTENT_FILTER, 0 },
    { "refusal", LLM_FINISH_CONTENT_FILTER, 0 },
    { "SAFETY", LLM_FINISH_CONTENT_FILTER, 0 },
    { "RECITATION", LLM_FINISH_CONTENT_FILTER, 0 },
    { "BLOCKLIST", LLM_FINISH_CONTENT_FILTER, 0 },
    { "PROHIBITED_CONTENT", LLM_FINISH_CONTENT_FILTER, 0 },
    { "SPII", LLM_FINISH_CONTENT_FILTER, 0 },
    { "MODEL_ARMOR", LLM_FINISH_CONTENT_FILTER, 0 },
    { "IMAGE_SAFETY", LLM_FINISH_CONTENT_FILTER, 0 },
    { "IMAGE_PROHIBITED_CONTENT", LLM_FINISH_CONTENT_FILTER, 0 },
    { "IMAGE_RECITATION", LLM_FINISH_CONTENT_FILTER, 0 },
    { "3", LLM_FINISH_CONTENT_FILTER, 0 },
    { "4", LLM_FINISH_CONTENT_FILTER, 0 },
    { "5", LLM_FINISH_OTHER, 0 },
    { "9", LLM_FINISH_OTHER, 0 },
    { "13", LLM_FINISH_CONTENT_FILTER, 0 },
    { "14", LLM_FINISH_OTHER, 0 },
    { "pause_turn", LLM_FINISH_OTHER, 0 },
    { "OTHER", LLM_FINISH_OTHER, 0 },
    { "cancelled", LLM_FINISH_OTHER, 0 },
    { "malformed_tool_use", LLM_FINISH_OTHER, 0 },
    { "stops", LLM_FINISH_OTHER, 0 },
    { "sto", LLM_FINISH_OTHER, 0 },
    { "st\x0fp", LLM_FINISH_OTHER, 0 },
    { "error", LLM_FINISH_OTHER, LLM_ERROR_OTHER },
    { "ERROR", LLM_FINISH_OTHER, LLM_ERROR_OTHER },
    { "failed", LLM_FINISH_OTHER, LLM_ERROR_OTHER },
    { "abort", LLM_FINISH_OTHER, LLM_ERROR_OTHER },
    { "ERROR_TOXIC", LLM_FINISH_CONTENT_FILTER, LLM_ERROR_CONTENT_FILTER },
    { "TIMEOUT", LLM_FINISH_OTHER, LLM_ERROR_TIMEOUT },
    { "insufficient_system_resource", LLM_FINISH_OTHER,
      LLM_ERROR_OVERLOADED }
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
           && (where.shape != 0) == ((paths[i].flags & SHAPE) != 0)
           && (where.path_stream != 0) == ((paths[i].flags & STREAM) != 0)
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


static void
test_finishes(void)
{
    size_t  i;

    for (i = 0; i < sizeof(finishes) / sizeof(finishes[0]); i++) {
        ok(llm_dialect_finish(str(finishes[i].word)) == finishes[i].finish
           && llm_dialect_finish_error(str(finishes[i].word))
              == finishes[i].error,
           "finish \"%s\"", finishes[i].word);
    }
}


/* Whatever a path is, what is found in it lies in it. */

static void
test_any(void)
{
    size_t      i, n, k;
    unsigned    bad;
    uint64_t    seed;
    uint8_t    *p;
    llm_path_t  where;

    static const char *const  parts[] = {
        "/", "/model/", "/models/", ":", "/converse", "/invoke", "/ai/run/",
        "/openai/deployments/", "/chat/completions", "embed", "x", "%2F",
        ":generateContent", "/prompts/", "/completions", "-stream", "*"
    };

    seed = 3;
    bad = 0;

    for (i = 0; i < 20000; i++) {
        bytes_t  path = { NULL, 0, 0 };

        for (n = cut_random(&seed) % 6; n; n--) {
            k = cut_random(&seed) % (sizeof(parts) / sizeof(parts[0]));
            bytes_put(&path, parts[k], strlen(parts[k]));
        }

        p = malloc(path.len ? path.len : 1);
        CHECK(p != NULL);

        if (path.len) {
            memcpy(p, path.data, path.len);
        }

        llm_dialect_path((llm_str_t) { p, path.len }, &where);
        (void) llm_dialect_host((llm_str_t) { p, path.len });

        bad += where.model.len
               && (where.model.data < p
                   || where.model.data + where.model.len > p + path.len);
        bad += where.operation == NONE && where.dialect != LLM_DIALECT_NONE;

        free(p);
        bytes_free(&path);
    }

    ok(bad == 0, "models of 20000 paths lie in them");
}


int
main(void)
{
    test_paths();
    test_hosts();
    test_errors();
    test_finishes();
    test_any();

    return tap_done();
}
