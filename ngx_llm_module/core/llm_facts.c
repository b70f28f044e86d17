
/*
 * Copyright (C) ngx_llm_module authors
 */


#include "llm_facts.h"


const char *const  llm_operation_names[LLM_OP_N] = {
    "",
    "chat",
    "text_completion",
    "responses",
    "embeddings",
    "generate_content",
    "rerank",
    "moderation",
    "other"
};


const char *const  llm_outcome_names[LLM_OUTCOME_N] = {
    "ok",
    "error",
    "aborted",
    "incomplete",
    "refused"
};


const char *const  llm_error_names[LLM_ERROR_N] = {
    "",
    "rate_limit",
    "overloaded",
    "timeout",
    "auth",
    "not_found",
    "invalid_request",
    "too_large",
    "content_filter",
    "server_error",
    "upstream",
    "gate",
    "other"
};


const char *const  llm_finish_names[LLM_FINISH_N] = {
    "",
    "stop",
    "length",
    "tool_calls",
    "content_filter",
    "other"
};
