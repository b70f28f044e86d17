
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What words of a body mean, whoever writes them: types and codes of errors,
 * and finish reasons.
 */


#include "llm_dialect.h"


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
    { "INTERNAL", LLM_ERROR_SERVER_ERROR },

    /*
     * AWS: those of the Bedrock runtime, and common ones of every service.
     * Headers begin them with a capital, frames of event streams do not.
     */
    { "ThrottlingException", LLM_ERROR_RATE_LIMIT },
    { "ThrottledException", LLM_ERROR_RATE_LIMIT },
    { "TooManyRequestsException", LLM_ERROR_RATE_LIMIT },
    { "LimitExceededException", LLM_ERROR_RATE_LIMIT },
    { "RequestLimitExceeded", LLM_ERROR_RATE_LIMIT },
    { "ServiceQuotaExceededException", LLM_ERROR_RATE_LIMIT },
    { "ServiceUnavailableException", LLM_ERROR_OVERLOADED },
    { "ServiceUnavailable", LLM_ERROR_OVERLOADED },
    { "ModelNotReadyException", LLM_ERROR_OVERLOADED },
    { "ModelTimeoutException", LLM_ERROR_TIMEOUT },
    { "RequestTimeoutException", LLM_ERROR_TIMEOUT },
    { "AccessDeniedException", LLM_ERROR_AUTH },
    { "UnrecognizedClientException", LLM_ERROR_AUTH },
    { "ExpiredTokenException", LLM_ERROR_AUTH },
    { "InvalidSignatureException", LLM_ERROR_AUTH },
    { "IncompleteSignatureException", LLM_ERROR_AUTH },
    { "MissingAuthenticationTokenException", LLM_ERROR_AUTH },
    { "ResourceNotFoundException", LLM_ERROR_NOT_FOUND },
    { "UnknownOperationException", LLM_ERROR_NOT_FOUND },
    { "ValidationException", LLM_ERROR_INVALID_REQUEST },
    { "SerializationException", LLM_ERROR_INVALID_REQUEST },
    { "ConflictException", LLM_ERROR_INVALID_REQUEST },
    { "InternalServerException", LLM_ERROR_SERVER_ERROR },
    { "InternalFailure", LLM_ERROR_SERVER_ERROR },
    { "ModelErrorException", LLM_ERROR_SERVER_ERROR },
    { "ModelStreamErrorException", LLM_ERROR_SERVER_ERROR }
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


/* The same, whatever the case of the first letter. */

static int
llm_word_begins_same(llm_str_t s, const char *word)
{
    size_t  n;

    n = strlen(word);

    return s.len == n && (s.data[0] | 0x20) == (word[0] | 0x20)
           && memcmp(s.data + 1, word + 1, n - 1) == 0;
}


unsigned
llm_dialect_error_word(llm_str_t word)
{
    size_t    i;
    unsigned  n;

    for (i = 0; i < COUNT(llm_error_types); i++) {
        if (llm_word_begins_same(word, llm_error_types[i].name)) {
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
