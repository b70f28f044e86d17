
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Gemini's and Vertex' APIs.
 */


#include "llm_dialect_in.h"


/*
 * generateContent.  A chunk of a stream, an element of a streamed array and
 * the whole body have one shape.  Counters replace one another field by
 * field; thoughts are not in candidates, and what tools read is not in the
 * prompt.  A blocked prompt has no candidate.  With integer enums a finish
 * reason is a number.  There is no end mark.
 */

static const llm_json_row_t  llm_gemini_rows[] = {
    { "responseId", LLM_S_ID, S },
    { "modelVersion", LLM_S_MODEL_LAST, S },
    { "candidates[]", LLM_S_CHOICE, C },
    { "candidates[].index", LLM_S_INDEX, 0 },
    { "candidates[].finishReason", LLM_S_CHOICE_FINISH, 0 },
    { "candidates[].content.parts[].text", LLM_S_TEXT, T },
    { "candidates[].content.parts[].functionCall", LLM_S_TOOL, C },
    { "candidates[].content.parts[].functionCall.name", LLM_S_TOOL_NAME, T },
    { "candidates[].content.parts[].functionCall.args", LLM_S_ARGS, O|C },
    { "candidates[].content.parts[].functionCall.partialArgs", LLM_S_ARGS,
      O|C },
    { "candidates[].content.parts[].executableCode.code", LLM_S_TEXT, T },
    { "candidates[].content.parts[].inlineData.data", LLM_S_SILENT, T },
    { "candidates[].content.parts[].toolCall", LLM_S_TOOL, C },
    { "candidates[].content.parts[].toolCall.toolType", LLM_S_TOOL_NAME, T },
    { "candidates[].content.parts[].toolCall.args", LLM_S_ARGS, O|C },
    { "promptFeedback.blockReason", LLM_S_BLOCKED, 0 },

    { "error", LLM_S_ERROR, O },
    { "error.status", LLM_S_ERROR_TYPE, S },
    { "error.code", LLM_S_ERROR_CODE, 0 },

    { "usageMetadata", LLM_S_USAGE, O },
    { "usageMetadata.promptTokenCount", LLM_S_INPUT, 0 },
    { "usageMetadata.candidatesTokenCount", LLM_S_OUTPUT, 0 },
    { "usageMetadata.thoughtsTokenCount", LLM_S_REASONING, 0 },
    { "usageMetadata.cachedContentTokenCount", LLM_S_CACHE_READ, 0 },
    { "usageMetadata.toolUsePromptTokenCount", LLM_S_TOOL_INPUT, 0 },
    { "usageMetadata.totalTokenCount", LLM_S_TOTAL, 0 },
    { "usageMetadata.promptTokensDetails[].modality", LLM_S_MODALITY, S },
    { "usageMetadata.candidatesTokensDetails[].modality", LLM_S_MODALITY, S },
    { "usageMetadata.serviceTier", LLM_S_TIER, S },
    { "usageMetadata.trafficType", LLM_S_TIER, S }
};


/*
 * Interactions.  In a stream everything about the whole stands in
 * "interaction" (and the usage so far in "metadata"), in a plain body at the
 * top.
 */

#define LLM_INTERACTIONS_USAGE(at)                                            \
    { at "usage", LLM_S_USAGE, O },                                           \
    { at "usage.total_input_tokens", LLM_S_INPUT, 0 },                        \
    { at "usage.total_output_tokens", LLM_S_OUTPUT, 0 },                      \
    { at "usage.total_thought_tokens", LLM_S_REASONING, 0 },                  \
    { at "usage.total_cached_tokens", LLM_S_CACHE_READ, 0 },                  \
    { at "usage.total_tool_use_tokens", LLM_S_TOOL_INPUT, 0 },                \
    { at "usage.input_tokens_by_modality[].modality", LLM_S_MODALITY, S },    \
    { at "usage.output_tokens_by_modality[].modality", LLM_S_MODALITY, S },   \
    { at "usage.total_tokens", LLM_S_TOTAL, 0 }

static const llm_json_row_t  llm_interactions_rows[] = {
    { "error", LLM_S_ERROR, O },
    { "error.status", LLM_S_ERROR_TYPE, S },
    { "error.code", LLM_S_ERROR_CODE, 0 }
};


static const llm_json_row_t  llm_interactions_stream[] = {
    { "event_type", LLM_S_TYPE, S },
    { "delta.text", LLM_S_TEXT, T },
    { "delta.content.text", LLM_S_TEXT, T },
    { "delta.data", LLM_S_SILENT, T },
    { "delta.arguments", LLM_S_ARGS, T|O|C },
    { "delta.partial_arguments", LLM_S_ARGS, T|O|C },
    { "step.type", LLM_S_BLOCK_TYPE, S },
    { "interaction.id", LLM_S_ID, S },
    { "interaction.model", LLM_S_MODEL, S },
    { "interaction.status", LLM_S_FINISH, S },
    { "interaction.service_tier", LLM_S_TIER, S },
    LLM_INTERACTIONS_USAGE("interaction."),
    LLM_INTERACTIONS_USAGE("metadata.")
};


static const llm_json_row_t  llm_interactions_whole[] = {
    { "id", LLM_S_ID, S },
    { "model", LLM_S_MODEL, S },
    { "status", LLM_S_FINISH, S },
    { "service_tier", LLM_S_TIER, S },
    { "steps[].type", LLM_S_BLOCK_TYPE, S },
    { "steps[].name", LLM_S_TOOL_NAME, T },
    { "steps[].arguments", LLM_S_ARGS, T|O|C },
    { "steps[].content[].text", LLM_S_TEXT, T },
    { "steps[].summary[].text", LLM_S_TEXT, T },
    LLM_INTERACTIONS_USAGE("")
};


static const llm_event_kind_t  llm_interactions_kinds[] = {
    { "step.delta", LLM_PARTS_ANY, 0 },
    { "step.start", llm_part(LLM_S_BLOCK_TYPE), LLM_EVENT_TOOL },
    { "interaction.completed", 0, LLM_EVENT_END },
    { "interaction.failed", 0, LLM_EVENT_END|LLM_EVENT_ERROR },
    { "error", 0, LLM_EVENT_ERROR },
    { NULL, 0, 0 }
};


const llm_dialect_t  llm_dialect_gemini = {
    "generate_content", "gcp.gemini", LLM_OP_GENERATE_CONTENT,
    LLM_USAGE_BESIDE, LLM_END_NONE,
    LLM_DIALECT_F_CALLS|LLM_DIALECT_F_ARRAY|LLM_DIALECT_F_PATH,
    LLM_FRAMING_SSE, "", llm_kinds_any,
    ROWS(llm_gemini_rows), NO_ROWS, NO_ROWS
};


const llm_dialect_t  llm_dialect_interactions = {
    "interactions", "gcp.gemini", LLM_OP_GENERATE_CONTENT,
    LLM_USAGE_REPLACE|LLM_USAGE_BESIDE, LLM_END_MARK, 0, LLM_FRAMING_SSE,
    "_call", llm_interactions_kinds,
    ROWS(llm_interactions_rows), ROWS(llm_interactions_stream),
    ROWS(llm_interactions_whole)
};
