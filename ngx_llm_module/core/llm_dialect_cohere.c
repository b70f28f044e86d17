
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Cohere's chat.  It counts tokens twice: all of them, and those it bills.
 */


#include "llm_dialect_in.h"


#define LLM_COHERE_USAGE(at)                                                  \
    { at "usage", LLM_S_USAGE, O },                                           \
    { at "usage.tokens.input_tokens", LLM_S_INPUT, 0 },                       \
    { at "usage.tokens.output_tokens", LLM_S_OUTPUT, 0 },                     \
    { at "usage.tokens.reasoning_tokens", LLM_S_REASONING, 0 },               \
    { at "usage.cached_tokens", LLM_S_CACHE_READ, 0 },                        \
    { at "usage.billed_units.input_tokens", LLM_S_BILLED_INPUT, 0 },          \
    { at "usage.billed_units.output_tokens", LLM_S_BILLED_OUTPUT, 0 },        \
    { at "usage.billed_units.search_units", LLM_S_QUERIES, 0 }

static const llm_json_row_t  llm_cohere_rows[] = {
    { "id", LLM_S_ID, S },
    { "error_type", LLM_S_ERROR_TYPE, S }
};


static const llm_json_row_t  llm_cohere_stream[] = {
    { "type", LLM_S_TYPE, S },
    { "delta.message.content.text", LLM_S_TEXT, T },
    { "delta.message.content.thinking", LLM_S_TEXT, T },
    { "delta.message.tool_plan", LLM_S_TEXT, T },
    { "delta.message.tool_calls", LLM_S_TOOL, C },
    { "delta.message.tool_calls.id", LLM_S_TOOL_ID, S },
    { "delta.message.tool_calls.function.name", LLM_S_TOOL_NAME, T },
    { "delta.message.tool_calls.function.arguments", LLM_S_ARGS, T },
    { "delta.finish_reason", LLM_S_FINISH, S },
    { "delta.error", LLM_S_ERROR, O },
    LLM_COHERE_USAGE("delta.")
};


static const llm_json_row_t  llm_cohere_whole[] = {
    { "finish_reason", LLM_S_FINISH, S },
    { "message.content[].text", LLM_S_TEXT, T },
    { "message.content[].thinking", LLM_S_TEXT, T },
    { "message.tool_plan", LLM_S_TEXT, T },
    { "message.tool_calls[]", LLM_S_TOOL, C },
    { "message.tool_calls[].id", LLM_S_TOOL_ID, S },
    { "message.tool_calls[].function.name", LLM_S_TOOL_NAME, T },
    { "message.tool_calls[].function.arguments", LLM_S_ARGS, T },
    LLM_COHERE_USAGE("")
};


static const llm_event_kind_t  llm_cohere_kinds[] = {
    { "content-delta", LLM_PARTS_ANY, 0 },
    { "tool-plan-delta", LLM_PARTS_ANY, 0 },
    { "tool-call-start", LLM_PARTS_ANY, 0 },
    { "tool-call-delta", LLM_PARTS_ANY, 0 },
    { "message-end", 0, LLM_EVENT_END },
    { NULL, 0, 0 }
};


/* Version 1: the last event repeats the whole answer in "response". */

#define LLM_COHERE_META(at)                                                   \
    { at "meta", LLM_S_USAGE, O },                                            \
    { at "meta.tokens.input_tokens", LLM_S_INPUT, 0 },                        \
    { at "meta.tokens.output_tokens", LLM_S_OUTPUT, 0 },                      \
    { at "meta.cached_tokens", LLM_S_CACHE_READ, 0 },                         \
    { at "meta.billed_units.input_tokens", LLM_S_BILLED_INPUT, 0 },           \
    { at "meta.billed_units.output_tokens", LLM_S_BILLED_OUTPUT, 0 },         \
    { at "meta.billed_units.search_units", LLM_S_QUERIES, 0 }

static const llm_json_row_t  llm_cohere_v1_rows[] = {
    { "text", LLM_S_TEXT, T },
    { "finish_reason", LLM_S_FINISH, S },
    { "error_type", LLM_S_ERROR_TYPE, S },
    { "tool_calls[]", LLM_S_TOOL, C },
    { "tool_calls[].name", LLM_S_TOOL_NAME, T },
    { "tool_calls[].parameters", LLM_S_ARGS, O|C }
};


static const llm_json_row_t  llm_cohere_v1_stream[] = {
    { "event_type", LLM_S_TYPE, S },
    { "generation_id", LLM_S_ID, S },
    { "tool_call_delta.name", LLM_S_TOOL_NAME, T },
    { "tool_call_delta.parameters", LLM_S_ARGS, T|O|C },
    LLM_COHERE_META("response.")
};


static const llm_json_row_t  llm_cohere_v1_whole[] = {
    { "generation_id", LLM_S_ID, S },
    LLM_COHERE_META("")
};


static const llm_event_kind_t  llm_cohere_v1_kinds[] = {
    { "text-generation", LLM_PARTS_ANY, 0 },
    { "tool-calls-chunk", LLM_PARTS_ANY, 0 },
    { "tool-calls-generation", LLM_PARTS_ANY, 0 },
    { "stream-end", 0, LLM_EVENT_END },
    { NULL, 0, 0 }
};


const llm_dialect_t  llm_dialect_cohere = {
    "cohere", "cohere", LLM_OP_CHAT, LLM_USAGE_REPLACE, LLM_END_MARK, 0,
    LLM_FRAMING_SSE, "", llm_cohere_kinds,
    ROWS(llm_cohere_rows), ROWS(llm_cohere_stream), ROWS(llm_cohere_whole)
};


const llm_dialect_t  llm_dialect_cohere_v1 = {
    "cohere_v1", "cohere", LLM_OP_CHAT, LLM_USAGE_REPLACE, LLM_END_MARK,
    LLM_DIALECT_F_CALLS, LLM_FRAMING_NDJSON, "", llm_cohere_v1_kinds,
    ROWS(llm_cohere_v1_rows), ROWS(llm_cohere_v1_stream),
    ROWS(llm_cohere_v1_whole)
};
