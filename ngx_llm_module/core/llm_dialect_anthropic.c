
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Anthropic's APIs.
 */


#include "llm_dialect_in.h"


static const llm_json_row_t  llm_messages_rows[] = {
    { "type", LLM_S_TYPE, S },
    { "error", LLM_S_ERROR, O },
    { "error.type", LLM_S_ERROR_TYPE, S },
    LLM_MESSAGES_USAGE("")
};


static const llm_json_row_t  llm_messages_stream[] = {
    LLM_MESSAGES_STREAM
};


static const llm_json_row_t  llm_messages_whole[] = {
    LLM_MESSAGES_WHOLE
};


static const llm_event_kind_t  llm_messages_kinds[] = {
    LLM_MESSAGES_KINDS,
    { NULL, 0, 0 }
};


/*
 * Text completions of old: the events "completion" of a stream and the whole
 * body look alike, and no tokens are told.
 */

static const llm_json_row_t  llm_complete_rows[] = {
    { "id", LLM_S_ID, S },
    { "model", LLM_S_MODEL, S },
    { "completion", LLM_S_TEXT, T },
    { "stop_reason", LLM_S_FINISH, S },
    { "error", LLM_S_ERROR, O },
    { "error.type", LLM_S_ERROR_TYPE, S }
};


const llm_dialect_t  llm_dialect_messages = {
    "messages", "anthropic", LLM_OP_CHAT, LLM_USAGE_APART, LLM_END_MARK, 0,
    LLM_FRAMING_SSE, "tool_use", llm_messages_kinds,
    ROWS(llm_messages_rows), ROWS(llm_messages_stream),
    ROWS(llm_messages_whole)
};


const llm_dialect_t  llm_dialect_complete = {
    "complete", "anthropic", LLM_OP_TEXT_COMPLETION, 0, LLM_END_FINISH, 0,
    LLM_FRAMING_SSE, "", llm_kinds_any,
    ROWS(llm_complete_rows), NO_ROWS, NO_ROWS
};
