
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The own APIs of servers that people run themselves, and of Cloudflare's
 * Workers AI.  Nearly all of them speak OpenAI's as well.
 */


#include "llm_dialect_in.h"


/*
 * Ollama.  A line of a stream and the whole body have one shape; the last
 * line is done, and has the counters.  The count of the prompt is left out
 * where all of it was cached.
 */

static const llm_json_row_t  llm_ollama_rows[] = {
    { "model", LLM_S_MODEL, S },
    { "message.content", LLM_S_TEXT, T },
    { "message.thinking", LLM_S_TEXT, T },
    { "message.tool_calls[]", LLM_S_TOOL, C },
    { "message.tool_calls[].function.name", LLM_S_TOOL_NAME, T },
    { "message.tool_calls[].function.arguments", LLM_S_ARGS, T|O|C },
    { "response", LLM_S_TEXT, T },
    { "thinking", LLM_S_TEXT, T },
    { "done", LLM_S_END, 0 },
    { "done_reason", LLM_S_FINISH, S },
    { "prompt_eval_count", LLM_S_INPUT, 0 },
    { "eval_count", LLM_S_OUTPUT, 0 },
    { "total_duration", LLM_S_TIME_NS, 0 },
    { "error", LLM_S_ERROR, O }
};


/*
 * llama.cpp: /completion and /infill.  tokens_evaluated is the whole prompt;
 * tokens_cached is how much the slot holds now, answer included, so what was
 * read from the cache is taken from the timings.  An error in a field of its
 * own is flat.
 */

static const llm_json_row_t  llm_llamacpp_rows[] = {
    { "model", LLM_S_MODEL, S },
    { "content", LLM_S_TEXT, T },
    { "stop", LLM_S_END, 0 },
    { "stop_type", LLM_S_FINISH, S },
    { "tokens_evaluated", LLM_S_INPUT, 0 },
    { "tokens_predicted", LLM_S_OUTPUT, 0 },
    { "timings.cache_n", LLM_S_CACHE_READ, 0 },
    { "type", LLM_S_ERROR_TYPE, S },
    { "code", LLM_S_ERROR_CODE, 0 },
    { "error", LLM_S_ERROR, O },
    { "error.type", LLM_S_ERROR_TYPE, S },
    { "error.code", LLM_S_ERROR_CODE, 0 }
};


/*
 * text-generation-inference: /generate and /generate_stream, where the last
 * event repeats the whole text; and what SGLang calls the same, whose events
 * each repeat all text so far.
 */

static const llm_json_row_t  llm_tgi_rows[] = {
    { "details.finish_reason", LLM_S_FINISH, S },
    { "details.generated_tokens", LLM_S_OUTPUT, 0 },
    { "details.input_length", LLM_S_INPUT, 0 },
    { "meta_info", LLM_S_USAGE, O },
    { "meta_info.id", LLM_S_ID, S },
    { "meta_info.prompt_tokens", LLM_S_INPUT, 0 },
    { "meta_info.completion_tokens", LLM_S_OUTPUT, 0 },
    { "meta_info.cached_tokens", LLM_S_CACHE_READ, 0 },
    { "meta_info.finish_reason.type", LLM_S_FINISH, S },
    { "meta_info.finish_reason.status_code", LLM_S_ERROR_CODE, 0 },
    { "meta_info.e2e_latency", LLM_S_TIME_S, 0 },
    { "error", LLM_S_ERROR, O },
    { "error_type", LLM_S_ERROR_TYPE, S }
};


static const llm_json_row_t  llm_tgi_stream[] = {
    { "token.text", LLM_S_TEXT, T },
    { "text", LLM_S_SILENT, T },
    { "generated_text", LLM_S_END, S }
};


static const llm_json_row_t  llm_tgi_whole[] = {
    { "generated_text", LLM_S_TEXT, T },
    { "text", LLM_S_TEXT, T },
    { "[].generated_text", LLM_S_TEXT, T },
    { "[].details.finish_reason", LLM_S_FINISH, S },
    { "[].details.generated_tokens", LLM_S_OUTPUT, 0 }
};


/* LM Studio. */

static const llm_json_row_t  llm_lmstudio_rows[] = {
    { "type", LLM_S_TYPE, S },
    { "error", LLM_S_ERROR, O },
    { "error.type", LLM_S_ERROR_TYPE, S },
    { "error.code", LLM_S_ERROR_CODE, 0 }
};

#define LLM_LMSTUDIO_STATS(at)                                                \
    { at "stats", LLM_S_USAGE, O },                                           \
    { at "stats.input_tokens", LLM_S_INPUT, 0 },                              \
    { at "stats.total_output_tokens", LLM_S_OUTPUT, 0 },                      \
    { at "stats.reasoning_output_tokens", LLM_S_REASONING, 0 }

static const llm_json_row_t  llm_lmstudio_stream[] = {
    { "model_instance_id", LLM_S_MODEL, S },
    { "content", LLM_S_TEXT, T },
    { "tool", LLM_S_TOOL_NAME, T },
    { "arguments", LLM_S_ARGS, T|O|C },
    { "result.model_instance_id", LLM_S_MODEL, S },
    { "result.response_id", LLM_S_ID, S },
    LLM_LMSTUDIO_STATS("result.")
};


static const llm_json_row_t  llm_lmstudio_whole[] = {
    { "model_instance_id", LLM_S_MODEL, S },
    { "response_id", LLM_S_ID, S },
    { "output[].type", LLM_S_BLOCK_TYPE, S },
    { "output[].content", LLM_S_TEXT, T },
    { "output[].tool", LLM_S_TOOL_NAME, T },
    { "output[].arguments", LLM_S_ARGS, T|O|C },
    LLM_LMSTUDIO_STATS("")
};


static const llm_event_kind_t  llm_lmstudio_kinds[] = {
    { "message.delta", LLM_PARTS_ANY, 0 },
    { "reasoning.delta", LLM_PARTS_ANY, 0 },
    { "tool_call.start", LLM_PARTS_ANY, LLM_EVENT_TOOL },
    { "tool_call.arguments", LLM_PARTS_ANY, 0 },
    { "chat.end", 0, LLM_EVENT_END },
    { "error", 0, LLM_EVENT_ERROR },
    { NULL, 0, 0 }
};


/* Cloudflare's Workers AI: the whole body is wrapped, a stream is not. */

static const llm_json_row_t  llm_workers_ai_rows[] = {
    { "errors[]", LLM_S_ERROR, O },
    { "errors[].code", LLM_S_ERROR_CODE, 0 }
};


#define LLM_WORKERS_AI(at)                                                    \
    { at "response", LLM_S_TEXT, T },                                         \
    { at "tool_calls[]", LLM_S_TOOL, C },                                     \
    { at "tool_calls[].name", LLM_S_TOOL_NAME, T },                           \
    { at "tool_calls[].arguments", LLM_S_ARGS, T|O|C },                       \
    { at "usage", LLM_S_USAGE, O },                                           \
    { at "usage.prompt_tokens", LLM_S_INPUT, 0 },                             \
    { at "usage.completion_tokens", LLM_S_OUTPUT, 0 },                        \
    { at "usage.total_tokens", LLM_S_TOTAL, 0 }

static const llm_json_row_t  llm_workers_ai_stream[] = {
    LLM_WORKERS_AI("")
};


static const llm_json_row_t  llm_workers_ai_whole[] = {
    LLM_WORKERS_AI("result.")
};


const llm_dialect_t  llm_dialect_ollama = {
    "ollama", "ollama", LLM_OP_CHAT, 0, LLM_END_MARK, LLM_DIALECT_F_CALLS,
    LLM_FRAMING_NDJSON, "", llm_kinds_any,
    ROWS(llm_ollama_rows), NO_ROWS, NO_ROWS
};


const llm_dialect_t  llm_dialect_llamacpp = {
    "llama.cpp", "llama.cpp", LLM_OP_TEXT_COMPLETION, 0, LLM_END_MARK, 0,
    LLM_FRAMING_SSE, "", llm_kinds_any,
    ROWS(llm_llamacpp_rows), NO_ROWS, NO_ROWS
};


const llm_dialect_t  llm_dialect_tgi = {
    "tgi", "tgi", LLM_OP_TEXT_COMPLETION, 0, LLM_END_FINISH, 0,
    LLM_FRAMING_SSE, "", llm_kinds_any,
    ROWS(llm_tgi_rows), ROWS(llm_tgi_stream), ROWS(llm_tgi_whole)
};


const llm_dialect_t  llm_dialect_lmstudio = {
    "lmstudio", "lmstudio", LLM_OP_CHAT, LLM_USAGE_REPLACE, LLM_END_MARK, 0,
    LLM_FRAMING_SSE, "tool_call", llm_lmstudio_kinds,
    ROWS(llm_lmstudio_rows), ROWS(llm_lmstudio_stream),
    ROWS(llm_lmstudio_whole)
};


const llm_dialect_t  llm_dialect_workers_ai = {
    "workers_ai", "cloudflare", LLM_OP_CHAT, LLM_USAGE_REPLACE,
    LLM_END_FINISH, LLM_DIALECT_F_CALLS, LLM_FRAMING_SSE, "", llm_kinds_any,
    ROWS(llm_workers_ai_rows), ROWS(llm_workers_ai_stream),
    ROWS(llm_workers_ai_whole)
};
