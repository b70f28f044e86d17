
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The rows.  Every fact here was seen in recorded traffic or stands in the
 * vendor's reference; what a row means is in llm_dialect.h.
 */


#include "llm_dialect.h"
#include "llm_request.h"


#define T  LLM_JSON_F_TEXT
#define O  LLM_JSON_F_OPEN
#define C  LLM_JSON_F_CLOSE
#define S  LLM_JSON_F_STRING


/*
 * OpenAI chat completions.  The counters beside those of OpenAI itself are
 * DeepSeek's (prompt_cache_hit_tokens), Together's (cached_tokens),
 * Databricks' (cache_*_input_tokens), SGLang's and Copilot's (reasoning_tokens
 * of the usage itself), Groq's (x_groq.usage, only where there is no usage),
 * Writer's (*_token_details), OpenRouter's (cost), Perplexity's
 * (cost.total_cost), Venice's (cost.usd beside the usage), xAI's (ticks).
 */

static const llm_json_row_t  llm_chat_rows[] = {
    { "id", LLM_S_ID, S },
    { "model", LLM_S_MODEL, S },
    { "service_tier", LLM_S_TIER, S },
    { "choices[]", LLM_S_CHOICE, C },
    { "choices[].index", LLM_S_INDEX, 0 },
    { "choices[].finish_reason", LLM_S_FINISH, S },

    { "error", LLM_S_ERROR, O },
    { "error.type", LLM_S_ERROR_TYPE, S },
    { "error.code", LLM_S_ERROR_CODE, 0 },

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


static const llm_event_kind_t  llm_chat_kinds[] = {
    { NULL,
      llm_part(LLM_S_TEXT) | llm_part(LLM_S_BARE) | llm_part(LLM_S_ARGS)
      | llm_part(LLM_S_SILENT) | llm_part(LLM_S_TOOL_NAME), 0 }
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
 * Embeddings: OpenAI's, Voyage's (total_tokens only), Cohere's (billed
 * units), Gemini's and Titan's counters.
 */

static const llm_json_row_t  llm_embeddings_rows[] = {
    { "id", LLM_S_ID, S },
    { "model", LLM_S_MODEL, S },
    { "error", LLM_S_ERROR, O },
    { "error.type", LLM_S_ERROR_TYPE, S },
    { "error.status", LLM_S_ERROR_TYPE, S },
    { "error.code", LLM_S_ERROR_CODE, 0 },
    { "usage", LLM_S_USAGE, O },
    { "usage.prompt_tokens", LLM_S_INPUT, 0 },
    { "usage.completion_tokens", LLM_S_OUTPUT, 0 },
    { "usage.total_tokens", LLM_S_TOTAL, 0 },
    { "usage.cost", LLM_S_COST, 0 },
    { "usage.cost.total_cost", LLM_S_COST, 0 },
    { "meta.billed_units", LLM_S_USAGE, O },
    { "meta.billed_units.input_tokens", LLM_S_INPUT, 0 },
    { "usageMetadata", LLM_S_USAGE, O },
    { "usageMetadata.promptTokenCount", LLM_S_INPUT, 0 },
    { "inputTextTokenCount", LLM_S_INPUT, 0 }
};


static const llm_event_kind_t  llm_embeddings_kinds[] = {
    { NULL, 0, 0 }
};


/*
 * Anthropic messages.  Counters are cumulative: later fields replace.
 * OpenRouter adds a cost.
 */

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
    { at "usage.service_tier", LLM_S_TIER, S },                               \
    { at "usage.cost", LLM_S_COST, 0 }


static const llm_json_row_t  llm_messages_rows[] = {
    { "type", LLM_S_TYPE, S },
    { "error", LLM_S_ERROR, O },
    { "error.type", LLM_S_ERROR_TYPE, S },
    LLM_MESSAGES_USAGE("")
};


static const llm_json_row_t  llm_messages_stream[] = {
    { "message.id", LLM_S_ID, S },
    { "message.model", LLM_S_MODEL, S },
    { "delta.stop_reason", LLM_S_FINISH, S },
    { "delta.text", LLM_S_TEXT, T },
    { "delta.thinking", LLM_S_TEXT, T },
    { "delta.partial_json", LLM_S_ARGS, T },
    { "content_block.type", LLM_S_BLOCK_TYPE, S },
    LLM_MESSAGES_USAGE("message.")
};


static const llm_json_row_t  llm_messages_whole[] = {
    { "id", LLM_S_ID, S },
    { "model", LLM_S_MODEL, S },
    { "stop_reason", LLM_S_FINISH, S },
    { "content[].type", LLM_S_BLOCK_TYPE, S },
    { "content[].text", LLM_S_TEXT, T },
    { "content[].thinking", LLM_S_TEXT, T },
    { "content[].name", LLM_S_TOOL_NAME, T }
};


static const llm_event_kind_t  llm_messages_kinds[] = {
    { "content_block_delta", llm_part(LLM_S_TEXT) | llm_part(LLM_S_ARGS), 0 },
    { "content_block_start", llm_part(LLM_S_BLOCK_TYPE), LLM_EVENT_TOOL },
    { "message_stop", 0, LLM_EVENT_END },
    { "error", 0, LLM_EVENT_ERROR },
    { NULL, 0, 0 }
};


#undef T
#undef O
#undef C
#undef S

#define ROWS(a)  a, sizeof(a) / sizeof(a[0])
#define NO_ROWS  NULL, 0


const llm_dialect_t  llm_dialects[LLM_DIALECT_N] = {

    [LLM_DIALECT_NONE] = {
        "", LLM_OP_OTHER, 0, 0, llm_embeddings_kinds,
        NO_ROWS, NO_ROWS, NO_ROWS, "", ""
    },

    [LLM_DIALECT_CHAT] = {
        "chat", LLM_OP_CHAT, LLM_USAGE_REPLACE, 1, llm_chat_kinds,
        ROWS(llm_chat_rows), ROWS(llm_chat_stream), ROWS(llm_chat_whole),
        "", "openai"
    },

    [LLM_DIALECT_COMPLETIONS] = {
        "completions", LLM_OP_TEXT_COMPLETION, LLM_USAGE_REPLACE, 1,
        llm_chat_kinds,
        ROWS(llm_chat_rows), ROWS(llm_completions_rows),
        ROWS(llm_completions_rows), "", "openai"
    },

    [LLM_DIALECT_RESPONSES] = {
        "responses", LLM_OP_RESPONSES, LLM_USAGE_REPLACE, 0,
        llm_responses_kinds,
        NO_ROWS, ROWS(llm_responses_stream), ROWS(llm_responses_whole),
        "_call", "openai"
    },

    [LLM_DIALECT_EMBEDDINGS] = {
        "embeddings", LLM_OP_EMBEDDINGS, LLM_USAGE_REPLACE, 1,
        llm_embeddings_kinds,
        ROWS(llm_embeddings_rows), NO_ROWS, NO_ROWS, "", "openai"
    },

    [LLM_DIALECT_MESSAGES] = {
        "messages", LLM_OP_CHAT, LLM_USAGE_APART, 0, llm_messages_kinds,
        ROWS(llm_messages_rows), ROWS(llm_messages_stream),
        ROWS(llm_messages_whole), "tool_use", "anthropic"
    }
};


int
llm_dialect_compile(llm_dialect_set_t *set)
{
    size_t                i;
    const llm_dialect_t  *d;

    if (llm_json_compile(&set->request, llm_request_rows, llm_request_nrows)
        != LLM_JSON_OK)
    {
        return LLM_JSON_ERROR;
    }

    set->request.strict = 1;

    for (i = 0; i < LLM_DIALECT_N; i++) {
        d = &llm_dialects[i];

        if (llm_json_compile(&set->stream[i], d->rows, d->nrows)
            || llm_json_compile_more(&set->stream[i], d->stream, d->nstream)
            || llm_json_compile(&set->whole[i], d->rows, d->nrows)
            || llm_json_compile_more(&set->whole[i], d->whole, d->nwhole))
        {
            return LLM_JSON_ERROR;
        }
    }

    return LLM_JSON_OK;
}
