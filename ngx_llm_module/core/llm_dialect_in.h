
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the files of the tables share.  Every fact in them was seen in
 * recorded traffic or stands in the vendor's reference; what a row means is
 * in llm_dialect.h.
 */


#ifndef _LLM_DIALECT_IN_H_INCLUDED_
#define _LLM_DIALECT_IN_H_INCLUDED_


#include "llm_dialect.h"


#define T  LLM_JSON_F_TEXT
#define O  LLM_JSON_F_OPEN
#define C  LLM_JSON_F_CLOSE
#define S  LLM_JSON_F_STRING

#define ROWS(a)  a, sizeof(a) / sizeof(a[0])
#define NO_ROWS  NULL, 0


/* every part of what was generated */

#define LLM_PARTS_ANY                                                         \
    (llm_part(LLM_S_TEXT) | llm_part(LLM_S_BARE) | llm_part(LLM_S_ARGS)       \
     | llm_part(LLM_S_SILENT) | llm_part(LLM_S_TOOL_NAME))

/* a dialect whose events do not tell their kind */

extern const llm_event_kind_t  llm_kinds_any[];


/* Anthropic's counters are cumulative: later fields replace.  OpenRouter
 * adds a cost. */

#define LLM_MESSAGES_USAGE(at)                                                \
    { at "usage", LLM_S_USAGE, O },                                           \
    { at "usage.input_tokens", LLM_S_INPUT, 0 },                              \
    { at "usage.output_tokens", LLM_S_OUTPUT, 0 },                            \
    { at "usage.cache_read_input_tokens", LLM_S_CACHE_READ, 0 },              \
    { at "usage.cache_creation_input_tokens", LLM_S_CACHE_WRITE, 0 },         \
    { at "usage.cache_creation.ephemeral_5m_input_tokens",                    \
      LLM_S_CACHE_WRITE_5M, 0 },                                              \
    { at "usage.cache_creation.ephemeral_1h_input_tokens",                    \
      LLM_S_CACHE_WRITE_1H, 0 },                                              \
    { at "usage.output_tokens_details.thinking_tokens",                       \
      LLM_S_REASONING, 0 },                                                   \
    { at "usage.server_tool_use.web_search_requests", LLM_S_SEARCHES, 0 },    \
    { at "usage.service_tier", LLM_S_TIER, S },                               \
    { at "usage.speed", LLM_S_SPEED, S },                                     \
    { at "usage.inference_geo", LLM_S_GEO, S },                               \
    { at "usage.cost", LLM_S_COST, 0 }

/* the events of a stream of messages */

#define LLM_MESSAGES_STREAM                                                   \
    { "message.id", LLM_S_ID, S },                                            \
    { "message.model", LLM_S_MODEL, S },                                      \
    { "delta.stop_reason", LLM_S_FINISH, S },                                 \
    { "delta.text", LLM_S_TEXT, T },                                          \
    { "delta.thinking", LLM_S_TEXT, T },                                      \
    { "delta.partial_json", LLM_S_ARGS, T },                                  \
    { "content_block.type", LLM_S_BLOCK_TYPE, S },                            \
    LLM_MESSAGES_USAGE("message.")

#define LLM_MESSAGES_WHOLE                                                    \
    { "id", LLM_S_ID, S },                                                    \
    { "model", LLM_S_MODEL, S },                                              \
    { "stop_reason", LLM_S_FINISH, S },                                       \
    { "content[].type", LLM_S_BLOCK_TYPE, S },                                \
    { "content[].text", LLM_S_TEXT, T },                                      \
    { "content[].thinking", LLM_S_TEXT, T },                                  \
    { "content[].name", LLM_S_TOOL_NAME, T },                                 \
    { "content[].input", LLM_S_ARGS, O|C }

#define LLM_MESSAGES_KINDS                                                    \
    { "content_block_delta", llm_part(LLM_S_TEXT) | llm_part(LLM_S_ARGS),     \
      0 },                                                                    \
    { "content_block_start", llm_part(LLM_S_BLOCK_TYPE), LLM_EVENT_TOOL },    \
    { "message_start", 0, LLM_EVENT_BEGIN },                                  \
    { "message_stop", 0, LLM_EVENT_END },                                     \
    { "error", 0, LLM_EVENT_ERROR }


#endif /* _LLM_DIALECT_IN_H_INCLUDED_ */
