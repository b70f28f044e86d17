
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Amazon Bedrock: Converse, one shape for all models, and InvokeModel, each
 * model's own.
 */


#include "llm_dialect_in.h"


/* Input does not count the cache, as with Anthropic. */

#define LLM_CONVERSE_USAGE(at)                                                \
    { at "usage", LLM_S_USAGE, O },                                           \
    { at "usage.inputTokens", LLM_S_INPUT, 0 },                               \
    { at "usage.outputTokens", LLM_S_OUTPUT, 0 },                             \
    { at "usage.cacheReadInputTokens", LLM_S_CACHE_READ, 0 },                 \
    { at "usage.cacheReadInputTokenCount", LLM_S_CACHE_READ, 0 },             \
    { at "usage.cacheWriteInputTokens", LLM_S_CACHE_WRITE, 0 },               \
    { at "usage.cacheWriteInputTokenCount", LLM_S_CACHE_WRITE, 0 },           \
    { at "usage.cacheDetails[]", LLM_S_CACHE_DETAIL, C },                     \
    { at "usage.cacheDetails[].ttl", LLM_S_CACHE_TTL, S },                    \
    { at "usage.cacheDetails[].inputTokens", LLM_S_CACHE_TTL_TOKENS, 0 }

#define LLM_CONVERSE_WHOLE                                                    \
    { "stopReason", LLM_S_FINISH, S },                                        \
    { "output.message.content[].text", LLM_S_TEXT, T },                       \
    { "output.message.content[].reasoningContent.reasoningText.text",         \
      LLM_S_TEXT, T },                                                        \
    { "output.message.content[].citationsContent.content[].text",             \
      LLM_S_TEXT, T },                                                        \
    { "output.message.content[].toolUse", LLM_S_TOOL, C },                    \
    { "output.message.content[].toolUse.name", LLM_S_TOOL_NAME, T },          \
    { "output.message.content[].toolUse.input", LLM_S_ARGS, O|C },            \
    LLM_CONVERSE_USAGE("")


/* The kind of a frame stands in its headers, and its payload is what
 * InvokeModel's Nova has below that name. */

static const llm_json_row_t  llm_converse_stream[] = {
    { "delta.text", LLM_S_TEXT, T },
    { "delta.reasoningContent.text", LLM_S_TEXT, T },
    { "delta.image.source.bytes", LLM_S_SILENT, T },
    { "delta.toolUse.input", LLM_S_ARGS, T },
    { "start.toolUse", LLM_S_TOOL, C },
    { "start.toolUse.name", LLM_S_TOOL_NAME, T },
    { "stopReason", LLM_S_FINISH, S },
    LLM_CONVERSE_USAGE("")
};


static const llm_json_row_t  llm_converse_rows[] = {
    { "metrics.latencyMs", LLM_S_TIME_MS, 0 },
    { "serviceTier.type", LLM_S_TIER, S }
};


static const llm_json_row_t  llm_converse_whole[] = {
    LLM_CONVERSE_WHOLE
};


static const llm_event_kind_t  llm_converse_kinds[] = {
    { "contentBlockDelta", LLM_PARTS_ANY, 0 },
    { "contentBlockStart", LLM_PARTS_ANY, 0 },
    { "metadata", 0, LLM_EVENT_END },
    { NULL, 0, 0 }
};


/*
 * InvokeModel, by family of model: Anthropic (messages, and text completions
 * of old), Amazon Nova and Titan, Meta, Mistral, Cohere (Command and Command
 * R), AI21 and others that are like OpenAI.  No two of them use one name for
 * different things.  The last event holds Bedrock's own counters, which count
 * where the model's do not.
 */

static const llm_json_row_t  llm_invoke_rows[] = {
    { "amazon-bedrock-guardrailAction", LLM_S_GUARD, S },
    { "type", LLM_S_TYPE, S },
    { "error", LLM_S_ERROR, O },
    { "error.type", LLM_S_ERROR_TYPE, S },

    { "generation", LLM_S_TEXT, T },
    { "prompt_token_count", LLM_S_INPUT, 0 },
    { "generation_token_count", LLM_S_OUTPUT, 0 },

    { "stop_reason", LLM_S_FINISH, S },
    { "completion", LLM_S_TEXT, T },

    { "inputTextTokenCount", LLM_S_INPUT, 0 },

    { "outputs[].text", LLM_S_TEXT, T },
    { "outputs[].stop_reason", LLM_S_FINISH, S },

    { "text", LLM_S_TEXT, T },
    { "finish_reason", LLM_S_FINISH, S },
    { "meta.billed_units.input_tokens", LLM_S_BILLED_INPUT, 0 },
    { "meta.billed_units.output_tokens", LLM_S_BILLED_OUTPUT, 0 },

    { "choices[]", LLM_S_CHOICE, C },
    { "choices[].index", LLM_S_INDEX, 0 },
    { "choices[].finish_reason", LLM_S_CHOICE_FINISH, S },
    { "choices[].stop_reason", LLM_S_CHOICE_FINISH, S },
    { "usage.prompt_tokens", LLM_S_INPUT, 0 },
    { "usage.completion_tokens", LLM_S_OUTPUT, 0 },

    LLM_MESSAGES_USAGE("")
};


#define M  "amazon-bedrock-invocationMetrics"

static const llm_json_row_t  llm_invoke_stream[] = {
    LLM_MESSAGES_STREAM,

    { "contentBlockDelta.delta.text", LLM_S_TEXT, T },
    { "contentBlockDelta.delta.reasoningContent.text", LLM_S_TEXT, T },
    { "contentBlockDelta.delta.toolUse.input", LLM_S_ARGS, T },
    { "contentBlockStart.start.toolUse", LLM_S_TOOL, C },
    { "contentBlockStart.start.toolUse.name", LLM_S_TOOL_NAME, T },
    { "messageStop.stopReason", LLM_S_FINISH, S },
    LLM_CONVERSE_USAGE("metadata."),

    { "outputText", LLM_S_TEXT, T },
    { "totalOutputTextTokenCount", LLM_S_OUTPUT, 0 },
    { "completionReason", LLM_S_FINISH, S },

    { "choices[].delta.content", LLM_S_TEXT, T },
    { "choices[].delta.reasoning_content", LLM_S_TEXT, T },
    { "choices[].delta.reasoning", LLM_S_TEXT, T },
    { "choices[].delta.tool_calls[]", LLM_S_TOOL, C },
    { "choices[].delta.tool_calls[].index", LLM_S_TOOL_INDEX, 0 },
    { "choices[].delta.tool_calls[].id", LLM_S_TOOL_ID, S },
    { "choices[].delta.tool_calls[].function.name", LLM_S_TOOL_NAME, T },
    { "choices[].delta.tool_calls[].function.arguments", LLM_S_ARGS, T },

    { M, LLM_S_USAGE | LLM_S_SECOND, O },
    { M ".inputTokenCount", LLM_S_INPUT | LLM_S_SECOND, 0 },
    { M ".outputTokenCount", LLM_S_OUTPUT | LLM_S_SECOND, 0 },
    { M ".cacheReadInputTokenCount", LLM_S_CACHE_READ | LLM_S_SECOND, 0 },
    { M ".cacheWriteInputTokenCount", LLM_S_CACHE_WRITE | LLM_S_SECOND, 0 },
    { M ".invocationLatency", LLM_S_TIME_MS, 0 }
};

#undef M


static const llm_json_row_t  llm_invoke_whole[] = {
    LLM_MESSAGES_WHOLE,
    LLM_CONVERSE_WHOLE,

    { "results[].outputText", LLM_S_TEXT, T },
    { "results[].tokenCount", LLM_S_OUTPUT, 0 },
    { "results[].completionReason", LLM_S_FINISH, S },

    { "generations[].text", LLM_S_TEXT, T },
    { "generations[].finish_reason", LLM_S_FINISH, S },

    { "choices[].message.content", LLM_S_TEXT, T },
    { "choices[].message.reasoning_content", LLM_S_TEXT, T },
    { "choices[].message.reasoning", LLM_S_TEXT, T },
    { "choices[].message.tool_calls[]", LLM_S_TOOL, C },
    { "choices[].message.tool_calls[].id", LLM_S_TOOL_ID, S },
    { "choices[].message.tool_calls[].function.name", LLM_S_TOOL_NAME, T },
    { "choices[].message.tool_calls[].function.arguments", LLM_S_ARGS, T }
};


static const llm_event_kind_t  llm_invoke_kinds[] = {
    LLM_MESSAGES_KINDS,
    { NULL, LLM_PARTS_ANY, 0 }
};


const llm_dialect_t  llm_dialect_converse = {
    "converse", "aws.bedrock", LLM_OP_CHAT, LLM_USAGE_REPLACE|LLM_USAGE_APART,
    LLM_END_FINISH, LLM_DIALECT_F_CALLS|LLM_DIALECT_F_PATH,
    LLM_FRAMING_EVENTSTREAM, "",
    llm_converse_kinds,
    ROWS(llm_converse_rows), ROWS(llm_converse_stream),
    ROWS(llm_converse_whole)
};


const llm_dialect_t  llm_dialect_invoke = {
    "invoke", "aws.bedrock", LLM_OP_CHAT, LLM_USAGE_APART, LLM_END_FINISH,
    LLM_DIALECT_F_WRAPPED|LLM_DIALECT_F_PATH, LLM_FRAMING_EVENTSTREAM,
    "tool_use",
    llm_invoke_kinds,
    ROWS(llm_invoke_rows), ROWS(llm_invoke_stream), ROWS(llm_invoke_whole)
};
