
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What words of a body mean, whoever writes them: types and codes of errors,
 * and finish reasons.
 */


#include "llm_dialect.h"


/*
 * Types and codes of errors, in any case: of OpenAI and its alikes, Anthropic,
 * google.rpc.Code, text-generation-inference, LM Studio, llama.cpp, SGLang
 * (classes of Python), AWS.
 */

static const struct {
    const char  *name;
    uint8_t      error;
} llm_error_types[] = {
    { "rate_limit_error", LLM_ERROR_RATE_LIMIT },
    { "rate_limit_exceeded", LLM_ERROR_RATE_LIMIT },
    { "rate_limit", LLM_ERROR_RATE_LIMIT },
    { "ratelimitreached", LLM_ERROR_RATE_LIMIT },
    { "insufficient_quota", LLM_ERROR_RATE_LIMIT },
    { "billing_error", LLM_ERROR_RATE_LIMIT },
    { "tokens", LLM_ERROR_RATE_LIMIT },
    { "requests", LLM_ERROR_RATE_LIMIT },
    { "resource_exhausted", LLM_ERROR_RATE_LIMIT },
    { "overloaded_error", LLM_ERROR_OVERLOADED },
    { "overloaded", LLM_ERROR_OVERLOADED },
    { "server_is_overloaded", LLM_ERROR_OVERLOADED },
    { "slow_down", LLM_ERROR_OVERLOADED },
    { "unavailable", LLM_ERROR_OVERLOADED },
    { "unavailable_error", LLM_ERROR_OVERLOADED },
    { "service_unavailable_error", LLM_ERROR_OVERLOADED },
    { "timeout", LLM_ERROR_TIMEOUT },
    { "timeout_error", LLM_ERROR_TIMEOUT },
    { "vector_store_timeout", LLM_ERROR_TIMEOUT },
    { "deadline_exceeded", LLM_ERROR_TIMEOUT },
    { "authentication_error", LLM_ERROR_AUTH },
    { "permission_error", LLM_ERROR_AUTH },
    { "invalid_api_key", LLM_ERROR_AUTH },
    { "unauthenticated", LLM_ERROR_AUTH },
    { "permission_denied", LLM_ERROR_AUTH },
    { "not_found_error", LLM_ERROR_NOT_FOUND },
    { "model_not_found", LLM_ERROR_NOT_FOUND },
    { "job_not_found", LLM_ERROR_NOT_FOUND },
    { "invalid_model", LLM_ERROR_NOT_FOUND },
    { "deploymentnotfound", LLM_ERROR_NOT_FOUND },
    { "not_found", LLM_ERROR_NOT_FOUND },
    { "content_filter", LLM_ERROR_CONTENT_FILTER },
    { "content_policy_violation", LLM_ERROR_CONTENT_FILTER },
    { "image_content_policy_violation", LLM_ERROR_CONTENT_FILTER },
    { "bio_policy", LLM_ERROR_CONTENT_FILTER },
    { "context_length_exceeded", LLM_ERROR_TOO_LARGE },
    { "exceed_context_size_error", LLM_ERROR_TOO_LARGE },
    { "too_many_prompt_tokens", LLM_ERROR_TOO_LARGE },
    { "too_many_tokens", LLM_ERROR_TOO_LARGE },
    { "request_too_large", LLM_ERROR_TOO_LARGE },
    { "invalid_request_error", LLM_ERROR_INVALID_REQUEST },
    { "invalid_request", LLM_ERROR_INVALID_REQUEST },
    { "invalid_prompt", LLM_ERROR_INVALID_REQUEST },
    { "invalid_argument", LLM_ERROR_INVALID_REQUEST },
    { "failed_precondition", LLM_ERROR_INVALID_REQUEST },
    { "invalid_image", LLM_ERROR_INVALID_REQUEST },
    { "invalid_image_format", LLM_ERROR_INVALID_REQUEST },
    { "invalid_image_mode", LLM_ERROR_INVALID_REQUEST },
    { "invalid_image_url", LLM_ERROR_INVALID_REQUEST },
    { "invalid_base64_image", LLM_ERROR_INVALID_REQUEST },
    { "image_too_large", LLM_ERROR_INVALID_REQUEST },
    { "image_too_small", LLM_ERROR_INVALID_REQUEST },
    { "image_parse_error", LLM_ERROR_INVALID_REQUEST },
    { "image_file_too_large", LLM_ERROR_INVALID_REQUEST },
    { "image_file_not_found", LLM_ERROR_INVALID_REQUEST },
    { "empty_image_file", LLM_ERROR_INVALID_REQUEST },
    { "failed_to_download_image", LLM_ERROR_INVALID_REQUEST },
    { "unsupported_image_media_type", LLM_ERROR_INVALID_REQUEST },
    { "not_supported_error", LLM_ERROR_INVALID_REQUEST },
    { "not_implemented", LLM_ERROR_INVALID_REQUEST },
    { "validation", LLM_ERROR_INVALID_REQUEST },
    { "template_error", LLM_ERROR_INVALID_REQUEST },
    { "missing_template_variable", LLM_ERROR_INVALID_REQUEST },
    { "tool_error", LLM_ERROR_INVALID_REQUEST },
    { "badrequesterror", LLM_ERROR_INVALID_REQUEST },
    { "server_error", LLM_ERROR_SERVER_ERROR },
    { "api_error", LLM_ERROR_SERVER_ERROR },
    { "internal_error", LLM_ERROR_SERVER_ERROR },
    { "internal", LLM_ERROR_SERVER_ERROR },
    { "internalservererror", LLM_ERROR_SERVER_ERROR },
    { "generation", LLM_ERROR_SERVER_ERROR },
    { "incomplete_generation", LLM_ERROR_SERVER_ERROR },
    { "incomplete_generation_stream", LLM_ERROR_SERVER_ERROR },
    { "stream_serialization_error", LLM_ERROR_SERVER_ERROR },
    { "mcp_connection_error", LLM_ERROR_UPSTREAM },
    { "plugin_connection_error", LLM_ERROR_UPSTREAM },

    /* AWS: those of the Bedrock runtime, and common ones of every service */

    { "throttlingexception", LLM_ERROR_RATE_LIMIT },
    { "throttledexception", LLM_ERROR_RATE_LIMIT },
    { "toomanyrequestsexception", LLM_ERROR_RATE_LIMIT },
    { "limitexceededexception", LLM_ERROR_RATE_LIMIT },
    { "requestlimitexceeded", LLM_ERROR_RATE_LIMIT },
    { "servicequotaexceededexception", LLM_ERROR_RATE_LIMIT },
    { "serviceunavailableexception", LLM_ERROR_OVERLOADED },
    { "serviceunavailable", LLM_ERROR_OVERLOADED },
    { "modelnotreadyexception", LLM_ERROR_OVERLOADED },
    { "modeltimeoutexception", LLM_ERROR_TIMEOUT },
    { "requesttimeoutexception", LLM_ERROR_TIMEOUT },
    { "accessdeniedexception", LLM_ERROR_AUTH },
    { "unrecognizedclientexception", LLM_ERROR_AUTH },
    { "expiredtokenexception", LLM_ERROR_AUTH },
    { "invalidsignatureexception", LLM_ERROR_AUTH },
    { "incompletesignatureexception", LLM_ERROR_AUTH },
    { "missingauthenticationtokenexception", LLM_ERROR_AUTH },
    { "resourcenotfoundexception", LLM_ERROR_NOT_FOUND },
    { "unknownoperationexception", LLM_ERROR_NOT_FOUND },
    { "validationexception", LLM_ERROR_INVALID_REQUEST },
    { "serializationexception", LLM_ERROR_INVALID_REQUEST },
    { "conflictexception", LLM_ERROR_INVALID_REQUEST },
    { "internalserverexception", LLM_ERROR_SERVER_ERROR },
    { "internalfailure", LLM_ERROR_SERVER_ERROR },
    { "modelerrorexception", LLM_ERROR_SERVER_ERROR },
    { "modelstreamerrorexception", LLM_ERROR_SERVER_ERROR }
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
    { 499, LLM_ERROR_OTHER },    /* Gemini: CANCELLED */
    { 501, LLM_ERROR_SERVER_ERROR },
    { 502, LLM_ERROR_UPSTREAM },
    { 503, LLM_ERROR_OVERLOADED },
    { 504, LLM_ERROR_TIMEOUT },
    { 529, LLM_ERROR_OVERLOADED }
};


/*
 * Finish reasons, in any case.  Numbers are those of Vertex' enum
 * FinishReason, which it sends where the client asks for integers.  Cohere's
 * error_limit says that the context is full; the answer stands.
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
    { "10", LLM_FINISH_CONTENT_FILTER },
    { "11", LLM_FINISH_CONTENT_FILTER },
    { "12", LLM_FINISH_CONTENT_FILTER },
    { "13", LLM_FINISH_CONTENT_FILTER }
};


/* Finish reasons that are errors: Mistral, OpenRouter, Cohere, Responses;
 * SGLang and vLLM (abort), DeepSeek. */

static const struct {
    const char  *name;
    uint8_t      error;
} llm_finish_errors[] = {
    { "error", LLM_ERROR_OTHER },
    { "error_toxic", LLM_ERROR_CONTENT_FILTER },
    { "abort", LLM_ERROR_OTHER },
    { "insufficient_system_resource", LLM_ERROR_OVERLOADED },
    { "timeout", LLM_ERROR_TIMEOUT },
    { "failed", LLM_ERROR_OTHER }
};


#define COUNT(a)  (sizeof(a) / sizeof(a[0]))


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
        if (llm_word_same(word, llm_error_types[i].name)) {
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
