
/*
 * Copyright (C) ngx_llm_module authors
 *
 * OpenAI's APIs, and those that are like them.
 */


#include "llm_dialect_in.h"


/*
 * OpenAI chat completions.  The counters beside those of OpenAI itself are
 * DeepSeek's (prompt_cache_hit_tokens), Together's (cached_tokens),
 * Databricks' (cache_*_input_tokens), SGLang's and Copilot's (reasoning_tokens
 * of the usage itself), Groq's (x_groq.usage, only where there is no usage),
 * Writer's (*_token_details), OpenRouter's (cost), Perplexity's
 * (cost.total_cost), Venice's (cost.usd beside the usage), xAI's (ticks).
 * Groq and Cerebras say how long they took.  An error stands in "error", or
 * (Mistral, xAI, SGLang, text-generation-inference) flat at the top, in
 * "errors" (watsonx), in a choice (OpenRouter), in "x_groq", or in the one
 * element of an array (Gemini).
 */

static const llm_json_row_t  llm_chat_rows[] = {
    { "id", LLM_S_ID, S },
    { "model", LLM_S_MODEL, S },
    { "service_tier", LLM_S_TIER, S },
    { "choices[]", LLM_S_CHOICE, C },
    { "choices[].index", LLM_S_INDEX, 0 },
    { "choices[].finish_reason", LLM_S_CHOICE_FINISH, S },
    { "choices[].error", LLM_S_ERROR, O },
    { "choices[].error.code", LLM_S_ERROR_CODE, 0 },

    { "error", LLM_S_ERROR, O },
    { "error.type", LLM_S_ERROR_TYPE, S },
    { "error.code", LLM_S_ERROR_CODE, 0 },
    { "error.status", LLM_S_ERROR_TYPE, S },
    { "error.http_status_code", LLM_S_ERROR_CODE, 0 },
    { "errors[]", LLM_S_ERROR, O },
    { "errors[].code", LLM_S_ERROR_CODE, 0 },
    { "x_groq.error", LLM_S_ERROR, O },
    { "object", LLM_S_ERROR_MARK, S },
    { "type", LLM_S_ERROR_TYPE, S },
    { "code", LLM_S_ERROR_CODE, 0 },
    { "error_type", LLM_S_ERROR_TYPE, S },

    { "usage", LLM_S_USAGE, O },
    { "usage.prompt_tokens", LLM_S_INPUT, 0 },
    { "usage.completion_tokens", LLM_S_OUTPUT, 0 },
    { "usage.total_tokens", LLM_S_TOTAL, 0 },
    { "usage.prompt_tokens_details.cached_tokens", LLM_S_CACHE_READ, 0 },
    { "usage.prompt_tokens_details.cache_write_tokens",
      LLM_S_CACHE_WRITE, 0 },
    { "usage.prompt_tokens_details.cache_creation_input_tokens",
      LLM_S_CACHE_WRITE, 0 },
    { "usage.completion_tokens_details.reasoning_tokens",
      LLM_S_REASONING, 0 },
    { "usage.prompt_token_details.cached_tokens", LLM_S_CACHE_READ, 0 },
    { "usage.completion_token_details.reasoning_tokens",
      LLM_S_REASONING, 0 },
    { "usage.prompt_cache_hit_tokens", LLM_S_CACHE_READ, 0 },
    { "usage.cached_tokens", LLM_S_CACHE_READ, 0 },
    { "usage.num_cached_tokens", LLM_S_CACHE_READ, 0 },
    { "usage.cache_read_input_tokens", LLM_S_CACHE_READ, 0 },
    { "usage.cache_creation_input_tokens", LLM_S_CACHE_WRITE, 0 },
    { "usage.reasoning_tokens", LLM_S_REASONING, 0 },
    { "usage.cost", LLM_S_COST, 0 },
    { "usage.cost.total_cost", LLM_S_COST, 0 },
    { "usage.cost_in_usd_ticks", LLM_S_COST_TICKS, 0 },
    { "cost.usd", LLM_S_COST, 0 },
    { "usage.prompt_tokens_details.audio_tokens", LLM_S_AUDIO, 0 },
    { "usage.prompt_tokens_details.image_tokens", LLM_S_IMAGE, 0 },
    { "usage.completion_tokens_details.audio_tokens", LLM_S_AUDIO, 0 },
    { "usage.completion_tokens_details.image_tokens", LLM_S_IMAGE, 0 },
    { "usage.total_time", LLM_S_TIME_S, 0 },
    { "time_info.total_time", LLM_S_TIME_S, 0 },

    { "x_groq.usage", LLM_S_USAGE | LLM_S_SECOND, O },
    { "x_groq.usage.prompt_tokens", LLM_S_INPUT | LLM_S_SECOND, 0 },
    { "x_groq.usage.completion_tokens", LLM_S_OUTPUT | LLM_S_SECOND, 0 },
    { "x_groq.usage.total_tokens", LLM_S_TOTAL | LLM_S_SECOND, 0 },
    { "x_groq.usage.prompt_tokens_details.cached_tokens",
      LLM_S_CACHE_READ | LLM_S_SECOND, 0 },
    { "x_groq.usage.completion_tokens_details.reasoning_tokens",
      LLM_S_REASONING | LLM_S_SECOND, 0 }
};


static const llm_json_row_t  llm_chat_stream[] = {
    { "choices[].delta.content", LLM_S_TEXT, T },
    { "choices[].delta.content[].text", LLM_S_TEXT, T },
    { "choices[].delta.content[].thinking[].text", LLM_S_TEXT, T },
    { "choices[].delta.refusal", LLM_S_TEXT, T },
    { "choices[].delta.reasoning_content", LLM_S_TEXT, T },
    { "choices[].delta.reasoning", LLM_S_TEXT, T },
    { "choices[].delta.reasoning_details[].text", LLM_S_SILENT, T },
    { "choices[].delta.reasoning_details[].summary", LLM_S_SILENT, T },
    { "choices[].delta.audio.data", LLM_S_SILENT, T },
    { "choices[].delta.audio.transcript", LLM_S_TEXT, T },
    { "choices[].delta.function_call.name", LLM_S_TOOL_NAME, T },
    { "choices[].delta.function_call.arguments", LLM_S_ARGS, T },
    { "choices[].delta.tool_calls[]", LLM_S_TOOL, C },
    { "choices[].delta.tool_calls[].index", LLM_S_TOOL_INDEX, 0 },
    { "choices[].delta.tool_calls[].id", LLM_S_TOOL_ID, S },
    { "choices[].delta.tool_calls[].function.name", LLM_S_TOOL_NAME, T },
    { "choices[].delta.tool_calls[].function.arguments", LLM_S_ARGS, T },
    { "choices[].delta.tool_calls[].custom.name", LLM_S_TOOL_NAME, T },
    { "choices[].delta.tool_calls[].custom.input", LLM_S_ARGS, T }
};


static const llm_json_row_t  llm_chat_whole[] = {
    { "[].error", LLM_S_ERROR, O },
    { "[].error.status", LLM_S_ERROR_TYPE, S },
    { "[].error.code", LLM_S_ERROR_CODE, 0 },
    { "choices[].message.content", LLM_S_TEXT, T },
    { "choices[].message.content[].text", LLM_S_TEXT, T },
    { "choices[].message.content[].thinking[].text", LLM_S_TEXT, T },
    { "choices[].message.refusal", LLM_S_TEXT, T },
    { "choices[].message.reasoning_content", LLM_S_TEXT, T },
    { "choices[].message.reasoning", LLM_S_TEXT, T },
    { "choices[].message.audio.transcript", LLM_S_TEXT, T },
    { "choices[].message.function_call.name", LLM_S_TOOL_NAME, T },
    { "choices[].message.function_call.arguments", LLM_S_ARGS, T },
    { "choices[].message.tool_calls[]", LLM_S_TOOL, C },
    { "choices[].message.tool_calls[].id", LLM_S_TOOL_ID, S },
    { "choices[].message.tool_calls[].function.name", LLM_S_TOOL_NAME, T },
    { "choices[].message.tool_calls[].function.arguments", LLM_S_ARGS, T },
    { "choices[].message.tool_calls[].custom.name", LLM_S_TOOL_NAME, T },
    { "choices[].message.tool_calls[].custom.input", LLM_S_ARGS, T }
};


/* OpenAI legacy completions; Writer streams {"value": "..."}. */

static const llm_json_row_t  llm_completions_rows[] = {
    { "choices[].text", LLM_S_TEXT, T },
    { "value", LLM_S_BARE, T }
};


/*
 * OpenAI Responses.  In a stream everything about the whole stands in
 * "response", in a plain body at the top.
 */

static const llm_json_row_t  llm_responses_stream[] = {
    { "type", LLM_S_TYPE, S },
    { "delta", LLM_S_DELTA, T },
    { "item.type", LLM_S_BLOCK_TYPE, S },
    { "error", LLM_S_ERROR, O },
    { "error.type", LLM_S_ERROR_TYPE, S },
    { "error.code", LLM_S_ERROR_CODE, 0 },
    { "code", LLM_S_ERROR_CODE, 0 },
    { "response.id", LLM_S_ID, S },
    { "response.model", LLM_S_MODEL, S },
    { "response.status", LLM_S_FINISH, S },
    { "response.incomplete_details.reason", LLM_S_FINISH_WHY, S },
    { "response.service_tier", LLM_S_TIER, S },
    { "response.error", LLM_S_ERROR, O },
    { "response.error.type", LLM_S_ERROR_TYPE, S },
    { "response.error.code", LLM_S_ERROR_CODE, 0 },
    { "response.usage", LLM_S_USAGE, O },
    { "response.usage.input_tokens", LLM_S_INPUT, 0 },
    { "response.usage.output_tokens", LLM_S_OUTPUT, 0 },
    { "response.usage.total_tokens", LLM_S_TOTAL, 0 },
    { "response.usage.input_tokens_details.cached_tokens",
      LLM_S_CACHE_READ, 0 },
    { "response.usage.input_tokens_details.cache_write_tokens",
      LLM_S_CACHE_WRITE, 0 },
    { "response.usage.output_tokens_details.reasoning_tokens",
      LLM_S_REASONING, 0 },
    { "response.usage.cost", LLM_S_COST, 0 },
    { "response.usage.cost.total_cost", LLM_S_COST, 0 },
    { "response.usage.cost_in_usd_ticks", LLM_S_COST_TICKS, 0 }
};


static const llm_json_row_t  llm_responses_whole[] = {
    { "id", LLM_S_ID, S },
    { "model", LLM_S_MODEL, S },
    { "status", LLM_S_FINISH, S },
    { "incomplete_details.reason", LLM_S_FINISH_WHY, S },
    { "service_tier", LLM_S_TIER, S },
    { "error", LLM_S_ERROR, O },
    { "error.type", LLM_S_ERROR_TYPE, S },
    { "error.code", LLM_S_ERROR_CODE, 0 },
    { "output[].type", LLM_S_BLOCK_TYPE, S },
    { "output[].content[].text", LLM_S_TEXT, T },
    { "output[].content[].refusal", LLM_S_TEXT, T },
    { "output[].summary[].text", LLM_S_TEXT, T },
    { "output[].name", LLM_S_TOOL_NAME, T },
    { "output[].arguments", LLM_S_ARGS, T },
    { "output[].input", LLM_S_ARGS, T },
    { "usage", LLM_S_USAGE, O },
    { "usage.input_tokens", LLM_S_INPUT, 0 },
    { "usage.output_tokens", LLM_S_OUTPUT, 0 },
    { "usage.total_tokens", LLM_S_TOTAL, 0 },
    { "usage.input_tokens_details.cached_tokens", LLM_S_CACHE_READ, 0 },
    { "usage.input_tokens_details.cache_write_tokens",
      LLM_S_CACHE_WRITE, 0 },
    { "usage.output_tokens_details.reasoning_tokens", LLM_S_REASONING, 0 },
    { "usage.cost", LLM_S_COST, 0 },
    { "usage.cost.total_cost", LLM_S_COST, 0 },
    { "usage.cost_in_usd_ticks", LLM_S_COST_TICKS, 0 }
};


static const llm_event_kind_t  llm_responses_kinds[] = {
    { "*.delta", llm_part(LLM_S_DELTA), 0 },
    { "response.output_item.added", llm_part(LLM_S_BLOCK_TYPE),
      LLM_EVENT_TOOL },
    { "response.completed", 0, LLM_EVENT_END },
    { "response.incomplete", 0, LLM_EVENT_END },
    { "response.failed", 0, LLM_EVENT_END|LLM_EVENT_ERROR },
    { "error", 0, LLM_EVENT_ERROR },
    { NULL, 0, 0 }
};


/*
 * Embeddings, and what else has input alone (reranking, moderation): OpenAI's
 * counters, Voyage's and Jina's (total_tokens only), Cohere's (billed units),
 * Gemini's, Vertex' (one count a text), Titan's and Ollama's.
 */

static const llm_json_row_t  llm_embeddings_rows[] = {
    { "id", LLM_S_ID, S },
    { "model", LLM_S_MODEL, S },
    { "error", LLM_S_ERROR, O },
    { "error.type", LLM_S_ERROR_TYPE, S },
    { "error.status", LLM_S_ERROR_TYPE, S },
    { "error.code", LLM_S_ERROR_CODE, 0 },
    { "type", LLM_S_ERROR_TYPE, S },
    { "code", LLM_S_ERROR_CODE, 0 },
    { "error_type", LLM_S_ERROR_TYPE, S },
    { "usage", LLM_S_USAGE, O },
    { "usage.prompt_tokens", LLM_S_INPUT, 0 },
    { "usage.completion_tokens", LLM_S_OUTPUT, 0 },
    { "usage.total_tokens", LLM_S_TOTAL, 0 },
    { "usage.cost", LLM_S_COST, 0 },
    { "usage.cost.total_cost", LLM_S_COST, 0 },
    { "usage.search_units", LLM_S_QUERIES, 0 },
    { "meta.billed_units", LLM_S_USAGE, O },
    { "meta.billed_units.input_tokens", LLM_S_INPUT, 0 },
    { "meta.billed_units.search_units", LLM_S_QUERIES, 0 },
    { "predictions[].embeddings.statistics.token_count",
      LLM_S_INPUT_PART, 0 },
    { "prompt_eval_count", LLM_S_INPUT, 0 },
    { "usageMetadata", LLM_S_USAGE, O },
    { "usageMetadata.promptTokenCount", LLM_S_INPUT, 0 },
    { "inputTextTokenCount", LLM_S_INPUT, 0 }
};


const llm_dialect_t  llm_dialect_chat = {
    "chat", "openai", LLM_OP_CHAT, LLM_USAGE_REPLACE, LLM_END_FINISH, 0,
    LLM_FRAMING_SSE, "", llm_kinds_any,
    ROWS(llm_chat_rows), ROWS(llm_chat_stream), ROWS(llm_chat_whole)
};


const llm_dialect_t  llm_dialect_completions = {
    "completions", "openai", LLM_OP_TEXT_COMPLETION, LLM_USAGE_REPLACE,
    LLM_END_FINISH, 0, LLM_FRAMING_SSE, "", llm_kinds_any,
    ROWS(llm_chat_rows), ROWS(llm_completions_rows),
    ROWS(llm_completions_rows)
};


const llm_dialect_t  llm_dialect_responses = {
    "responses", "openai", LLM_OP_RESPONSES, LLM_USAGE_REPLACE, LLM_END_MARK,
    0, LLM_FRAMING_SSE, "_call", llm_responses_kinds,
    NO_ROWS, ROWS(llm_responses_stream), ROWS(llm_responses_whole)
};


const llm_dialect_t  llm_dialect_embeddings = {
    "embeddings", "openai", LLM_OP_EMBEDDINGS,
    LLM_USAGE_REPLACE|LLM_USAGE_TOTAL, LLM_END_FINISH, 0, LLM_FRAMING_SSE,
    "", llm_kinds_any,
    ROWS(llm_embeddings_rows), NO_ROWS, NO_ROWS
};
