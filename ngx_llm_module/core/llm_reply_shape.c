
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Shapes of errors: each API has a template of a body and one of the event
 * that ends a stream, and takes its words from one of a few vocabularies.
 *
 * A template is text with marks in it:
 *
 *     $m  the message, escaped     $t  the type     $c  the code
 *     $s  the status               $p  the parameter, quoted, or null
 */


#include "llm_reply_in.h"


const llm_reply_word_t  llm_reply_words[W_N][LLM_REASON_N] = {

    [W_OPENAI] = {
        [LLM_REASON_RATE] = { "rate_limit_error", "rate_limit_exceeded" },
        [LLM_REASON_QUOTA] = { "insufficient_quota", "insufficient_quota" },
        [LLM_REASON_MODEL] = { "invalid_request_error", "model_not_found" },
        [LLM_REASON_DENIED] = { "permission_error", "permission_denied" },
        [LLM_REASON_INPUT] = { "invalid_request_error",
                               "context_length_exceeded" },
        [LLM_REASON_OUTPUT] = { "invalid_request_error",
                                "max_tokens_exceeded" },
        [LLM_REASON_COST] = { "invalid_request_error",
                              "max_cost_exceeded" },
        [LLM_REASON_UNREADABLE] = { "invalid_request_error",
                                    "invalid_request" },
        [LLM_REASON_ENCODING] = { "invalid_request_error",
                                  "unsupported_encoding" },
        [LLM_REASON_TOO_LARGE] = { "invalid_request_error",
                                   "request_too_large" },
        [LLM_REASON_TIMEOUT] = { "timeout_error", "timeout" },
        [LLM_REASON_SERVER] = { "server_error", "server_error" }
    },

    [W_ANTHROPIC] = {
        [LLM_REASON_RATE] = { "rate_limit_error", "" },
        [LLM_REASON_QUOTA] = { "rate_limit_error", "" },
        [LLM_REASON_MODEL] = { "permission_error", "" },
        [LLM_REASON_DENIED] = { "permission_error", "" },
        [LLM_REASON_INPUT] = { "request_too_large", "" },
        [LLM_REASON_OUTPUT] = { "invalid_request_error", "" },
        [LLM_REASON_COST] = { "invalid_request_error", "" },
        [LLM_REASON_UNREADABLE] = { "invalid_request_error", "" },
        [LLM_REASON_ENCODING] = { "invalid_request_error", "" },
        [LLM_REASON_TOO_LARGE] = { "request_too_large", "" },
        [LLM_REASON_TIMEOUT] = { "timeout_error", "" },
        [LLM_REASON_SERVER] = { "api_error", "" }
    },

    [W_GOOGLE] = {
        [LLM_REASON_RATE] = { "RESOURCE_EXHAUSTED", "rate_limit_exceeded" },
        [LLM_REASON_QUOTA] = { "RESOURCE_EXHAUSTED", "insufficient_quota" },
        [LLM_REASON_MODEL] = { "PERMISSION_DENIED", "permission_denied" },
        [LLM_REASON_DENIED] = { "PERMISSION_DENIED", "permission_denied" },
        [LLM_REASON_INPUT] = { "INVALID_ARGUMENT", "invalid_request" },
        [LLM_REASON_OUTPUT] = { "INVALID_ARGUMENT", "invalid_request" },
        [LLM_REASON_COST] = { "INVALID_ARGUMENT", "invalid_request" },
        [LLM_REASON_UNREADABLE] = { "INVALID_ARGUMENT", "invalid_request" },
        [LLM_REASON_ENCODING] = { "INVALID_ARGUMENT", "invalid_request" },
        [LLM_REASON_TOO_LARGE] = { "INVALID_ARGUMENT", "invalid_request" },
        [LLM_REASON_TIMEOUT] = { "DEADLINE_EXCEEDED", "timeout" },
        [LLM_REASON_SERVER] = { "INTERNAL", "internal_error" }
    },

    [W_AWS] = {
        [LLM_REASON_RATE] = { "ThrottlingException", "throttlingException" },
        [LLM_REASON_QUOTA] = { "ServiceQuotaExceededException",
                               "throttlingException" },
        [LLM_REASON_MODEL] = { "AccessDeniedException",
                               "validationException" },
        [LLM_REASON_DENIED] = { "AccessDeniedException",
                                "validationException" },
        [LLM_REASON_INPUT] = { "ValidationException",
                               "validationException" },
        [LLM_REASON_OUTPUT] = { "ValidationException",
                                "validationException" },
        [LLM_REASON_COST] = { "ValidationException",
                              "validationException" },
        [LLM_REASON_UNREADABLE] = { "ValidationException",
                                    "validationException" },
        [LLM_REASON_ENCODING] = { "ValidationException",
                                  "validationException" },
        [LLM_REASON_TOO_LARGE] = { "ValidationException",
                                   "validationException" },
        [LLM_REASON_TIMEOUT] = { "ModelTimeoutException",
                                 "modelTimeoutException" },
        [LLM_REASON_SERVER] = { "InternalServerException",
                                "internalServerException" }
    },

    [W_TGI] = {
        [LLM_REASON_RATE] = { "overloaded", "" },
        [LLM_REASON_QUOTA] = { "insufficient_quota", "" },
        [LLM_REASON_MODEL] = { "validation", "" },
        [LLM_REASON_DENIED] = { "validation", "" },
        [LLM_REASON_INPUT] = { "validation", "" },
        [LLM_REASON_OUTPUT] = { "validation", "" },
        [LLM_REASON_COST] = { "validation", "" },
        [LLM_REASON_UNREADABLE] = { "validation", "" },
        [LLM_REASON_ENCODING] = { "validation", "" },
        [LLM_REASON_TOO_LARGE] = { "validation", "" },
        [LLM_REASON_TIMEOUT] = { "timeout", "" },
        [LLM_REASON_SERVER] = { "generation", "" }
    },

    [W_LLAMACPP] = {
        [LLM_REASON_RATE] = { "rate_limit_error", "" },
        [LLM_REASON_QUOTA] = { "insufficient_quota", "" },
        [LLM_REASON_MODEL] = { "permission_error", "" },
        [LLM_REASON_DENIED] = { "permission_error", "" },
        [LLM_REASON_INPUT] = { "exceed_context_size_error", "" },
        [LLM_REASON_OUTPUT] = { "invalid_request_error", "" },
        [LLM_REASON_COST] = { "invalid_request_error", "" },
        [LLM_REASON_UNREADABLE] = { "invalid_request_error", "" },
        [LLM_REASON_ENCODING] = { "invalid_request_error", "" },
        [LLM_REASON_TOO_LARGE] = { "invalid_request_error", "" },
        [LLM_REASON_TIMEOUT] = { "timeout_error", "" },
        [LLM_REASON_SERVER] = { "server_error", "" }
    }
};


const char *const  llm_reply_texts[LLM_REASON_N] = {
    [LLM_REASON_RATE] = "Rate limit reached",
    [LLM_REASON_QUOTA] = "Budget spent",
    [LLM_REASON_MODEL] = "This model is not allowed here",
    [LLM_REASON_DENIED] = "This call is not allowed here",
    [LLM_REASON_INPUT] = "The prompt is too long",
    [LLM_REASON_OUTPUT] = "The output asked for is too long",
    [LLM_REASON_COST] = "The call is too expensive",
    [LLM_REASON_UNREADABLE] = "The request cannot be read",
    [LLM_REASON_ENCODING] = "The request body must not be encoded",
    [LLM_REASON_TOO_LARGE] = "The request body is too large to be read",
    [LLM_REASON_TIMEOUT] = "The model took too long",
    [LLM_REASON_SERVER] = "The gateway failed"
};


#define OPENAI_ERROR                                                          \
    "{\"message\":\"$m\",\"type\":\"$t\",\"param\":$p,\"code\":\"$c\"}"

#define OPENAI_BODY     "{\"error\":" OPENAI_ERROR "}"

#define ANTHROPIC_BODY                                                        \
    "{\"type\":\"error\",\"error\":{\"type\":\"$t\",\"message\":\"$m\"}}"

#define GOOGLE_BODY                                                           \
    "{\"error\":{\"code\":$s,\"message\":\"$m\",\"status\":\"$t\"}}"

#define LLAMACPP_BODY                                                         \
    "{\"error\":{\"code\":$s,\"message\":\"$m\",\"type\":\"$t\"}}"

#define TGI_BODY        "{\"error\":\"$m\",\"error_type\":\"$t\"}"

#define WORKERS_AI_BODY                                                       \
    "{\"result\":null,\"success\":false,"                                     \
    "\"errors\":[{\"code\":$s,\"message\":\"$m\"}],\"messages\":[]}"

#define SSE(json)         "data: " json "\n\n"
#define NAMED(name, json) "event: " name "\n" SSE(json)
#define DONE              SSE("[DONE]")


/*
 * Without a template of its own an event is the body.  Responses say an error
 * twice, as the event and as the end of the response; and the event twice,
 * since some clients look for "error", others at the top.
 */

const llm_reply_shape_t  llm_reply_shapes[LLM_DIALECT_N] = {
    [LLM_DIALECT_NONE] = { W_OPENAI, OPENAI_BODY, SSE(OPENAI_BODY) DONE,
                           NULL },
    [LLM_DIALECT_CHAT] = { W_OPENAI, OPENAI_BODY, SSE(OPENAI_BODY) DONE,
                           NULL },
    [LLM_DIALECT_COMPLETIONS] = { W_OPENAI, OPENAI_BODY,
                                  SSE(OPENAI_BODY) DONE, NULL },
    [LLM_DIALECT_RESPONSES] = { W_OPENAI, OPENAI_BODY,
        NAMED("error",
              "{\"type\":\"error\",\"error\":" OPENAI_ERROR ","
              "\"code\":\"$c\",\"message\":\"$m\",\"param\":$p,"
              "\"sequence_number\":0}")
        NAMED("response.failed",
              "{\"type\":\"response.failed\",\"sequence_number\":1,"
              "\"response\":{\"object\":\"response\",\"status\":\"failed\","
              "\"error\":{\"code\":\"$c\",\"message\":\"$m\"},"
              "\"output\":[]}}"), NULL },
    [LLM_DIALECT_EMBEDDINGS] = { W_OPENAI, OPENAI_BODY,
                                 SSE(OPENAI_BODY) DONE, NULL },
    [LLM_DIALECT_MESSAGES] = { W_ANTHROPIC, ANTHROPIC_BODY,
                               NAMED("error", ANTHROPIC_BODY), NULL },
    [LLM_DIALECT_COMPLETE] = { W_ANTHROPIC, ANTHROPIC_BODY,
                               NAMED("error", ANTHROPIC_BODY), NULL },
    [LLM_DIALECT_GEMINI] = { W_GOOGLE, GOOGLE_BODY,
                             "data: " GOOGLE_BODY "\r\n\r\n", NULL },
    [LLM_DIALECT_INTERACTIONS] = { W_GOOGLE, GOOGLE_BODY,
        NAMED("error", "{\"event_type\":\"error\","
                       "\"error\":{\"code\":\"$c\",\"message\":\"$m\"}}")
        NAMED("done", "[DONE]"), NULL },
    [LLM_DIALECT_CONVERSE] = { W_AWS, LLM_REPLY_MESSAGE, NULL, NULL },
    [LLM_DIALECT_INVOKE] = { W_AWS, LLM_REPLY_MESSAGE, NULL, NULL },
    [LLM_DIALECT_COHERE] = { W_OPENAI, LLM_REPLY_MESSAGE,
        NAMED("message-end",
              "{\"type\":\"message-end\",\"delta\":"
              "{\"finish_reason\":\"ERROR\",\"error\":\"$m\"}}") DONE,
        NULL },
    [LLM_DIALECT_COHERE_V1] = { W_OPENAI, LLM_REPLY_MESSAGE, NULL,
        "{\"is_finished\":true,\"event_type\":\"stream-end\","
        "\"finish_reason\":\"ERROR\",\"error\":\"$m\","
        "\"response\":{\"text\":\"\",\"finish_reason\":\"ERROR\"}}\n" },
    [LLM_DIALECT_OLLAMA] = { W_OPENAI, "{\"error\":\"$m\"}", NULL, NULL },
    [LLM_DIALECT_LLAMACPP] = { W_LLAMACPP, LLAMACPP_BODY, NULL, NULL },
    [LLM_DIALECT_TGI] = { W_TGI, TGI_BODY, NULL, NULL },
    [LLM_DIALECT_LMSTUDIO] = { W_OPENAI, OPENAI_BODY,
        NAMED("error", "{\"type\":\"error\",\"error\":" OPENAI_ERROR "}"),
        NULL },
    [LLM_DIALECT_WORKERS_AI] = { W_OPENAI, WORKERS_AI_BODY,
                                 SSE(WORKERS_AI_BODY) DONE, NULL }
};
