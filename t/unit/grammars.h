
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Of what streams of each dialect are made: members of an event at the top,
 * those in place of a "%", and those in place of a "@"; a "#" is a number.
 * What a dialect reads is here, what resembles it, and what it must not
 * take for it.
 */


#ifndef _GRAMMARS_H_INCLUDED_
#define _GRAMMARS_H_INCLUDED_


#include "llm_dialect.h"


typedef struct {
    unsigned            dialect;
    unsigned            framing;
    const char *const  *top;
    const char *const  *below;
    const char *const  *inner;
    const char         *name;
} grammar_t;


static const char *const  chat_top[] = {
    "\"id\":\"chatcmpl-1234567890\"", "\"id\":\"other\"", "\"id\":\"\"",
    "\"model\":\"model-one-2026\"", "\"model\":\"\"", "\"model\":\"two\"",
    "\"object\":\"chat.completion.chunk\"", "\"created\":1790000000",
    "\"service_tier\":\"flex\"", "\"service_tier\":\"default\"",
    "\"service_tier\":null", "\"usage\":null",
    "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":#}",
    "\"usage\":{\"total_tokens\":#}", "\"usage\":{}",
    "\"x_groq\":{\"usage\":{\"prompt_tokens\":#}}",
    "\"error\":{\"type\":\"server_error\",\"code\":#}", "\"error\":null",
    "\"object\":\"error\"", "\"errors\":[{\"code\":40#}]",
    "\"x_groq\":{\"error\":\"#\"}", "\"code\":50#",
    "\"choices\":[{\"index\":1,\"delta\":{\"content\":\"t#\"},"
        "\"finish_reason\":\"stop\"}]",
    "\"choices\":[{\"delta\":{\"content\":\"t#\"},\"index\":0,"
        "\"finish_reason\":\"length\"}]",
    "\"choices\":[]", "\"choices\":[{%}]", "\"choices\":[{%}]",
    "\"choices\":[{%}]", "\"choices\":[{%},{%}]", "\"padding\":\"#########\"",
    "\"a b\":{\"c\":[1,{\"d\":#}]}", NULL
};

static const char *const  chat_below[] = {
    "\"index\":0", "\"index\":1", "\"index\":#", "\"delta\":{@}",
    "\"delta\":{@}", "\"delta\":{@}", "\"finish_reason\":null",
    "\"finish_reason\":\"stop\"", "\"finish_reason\":\"length\"",
    "\"logprobs\":null", "\"text\":\"legacy #\"", "\"text\":\"\"",
    "\"error\":{\"code\":50#}", NULL
};

static const char *const  chat_inner[] = {
    "\"role\":\"assistant\"", "\"content\":\"\"", "\"content\":null",
    "\"content\":\"text #\"", "\"content\":\"#\"", "\"content\":\"\\n\"",
    "\"content\":[{\"text\":\"#\"}]", "\"reasoning\":\"why #\"",
    "\"reasoning_content\":\"why\"", "\"refusal\":null",
    "\"tool_calls\":[{\"index\":0,\"id\":\"call_#\",\"function\":"
        "{\"name\":\"f\",\"arguments\":\"\"}}]",
    "\"tool_calls\":[{\"index\":#,\"function\":{\"arguments\":\"{#\"}}]",
    "\"tool_calls\":[{\"function\":{\"name\":\"g\"}}]",
    "\"tool_calls\":[{\"index\":#,\"function\":{\"name\":\"h\"}}]", NULL
};

static const char *const  responses_top[] = {
    "\"type\":\"response.output_text.delta\"",
    "\"type\":\"response.output_text.delta\"",
    "\"type\":\"response.created\"", "\"type\":\"response.completed\"",
    "\"type\":\"response.output_item.added\"", "\"type\":\"error\"",
    "\"type\":\"response.failed\"", "\"sequence_number\":#",
    "\"item_id\":\"msg_0123456789abcdef0123456789abcdef\"",
    "\"output_index\":0", "\"delta\":\"text #\"", "\"delta\":\"\"",
    "\"delta\":\"#\"", "\"delta\":\"more\"", "\"item\":{%}",
    "\"response\":{@}", "\"code\":429", "\"code\":503",
    "\"code\":\"rate_limit_exceeded\"", "\"obfuscation\":\"########\"",
    NULL
};

static const char *const  responses_below[] = {
    "\"type\":\"message\"", "\"type\":\"function_call\"", "\"name\":\"f#\"",
    "\"id\":\"item\"", NULL
};

static const char *const  responses_inner[] = {
    "\"id\":\"resp_1234567890\"", "\"model\":\"model-one\"",
    "\"status\":\"in_progress\"", "\"status\":\"completed\"",
    "\"usage\":null", "\"usage\":{\"input_tokens\":#,\"output_tokens\":#}",
    "\"incomplete_details\":{\"reason\":\"max_output_tokens\"}",
    "\"service_tier\":\"priority\"", "\"error\":{\"code\":\"#\"}", NULL
};

static const char *const  messages_top[] = {
    "\"type\":\"content_block_delta\"", "\"type\":\"content_block_delta\"",
    "\"type\":\"content_block_start\"", "\"type\":\"message_start\"",
    "\"type\":\"message_delta\"", "\"type\":\"message_stop\"",
    "\"type\":\"ping\"", "\"type\":\"error\"", "\"index\":#",
    "\"delta\":{%}", "\"delta\":{%}", "\"delta\":{%}",
    "\"content_block\":{\"type\":\"tool_use\",\"name\":\"f\"}",
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}",
    "\"message\":{@}", "\"usage\":{\"output_tokens\":#}",
    "\"error\":{\"type\":\"overloaded_error\"}",
    "\"padding_of_the_event\":\"################\"", NULL
};

static const char *const  messages_below[] = {
    "\"type\":\"text_delta\"", "\"type\":\"input_json_delta\"",
    "\"text\":\"text #\"", "\"text\":\"\"", "\"thinking\":\"why #\"",
    "\"partial_json\":\"{#\"", "\"stop_reason\":\"end_turn\"",
    "\"stop_reason\":null", NULL
};

static const char *const  messages_inner[] = {
    "\"id\":\"msg_1234567890\"", "\"model\":\"model-one\"",
    "\"usage\":{\"input_tokens\":#,\"cache_read_input_tokens\":#}",
    "\"usage\":{\"input_tokens\":#,\"service_tier\":\"batch\"}", NULL
};

static const char *const  complete_top[] = {
    "\"type\":\"completion\"", "\"id\":\"compl_0123456789\"",
    "\"completion\":\" text #\"", "\"completion\":\" text #\"",
    "\"completion\":\"\"", "\"stop_reason\":null",
    "\"stop_reason\":\"stop_sequence\"", "\"model\":\"claude-0123456789\"",
    "\"log_id\":\"compl_0123456789\"", "\"error\":{%}",
    "\"padding_of_the_event\":\"################\"", NULL
};

static const char *const  complete_below[] = {
    "\"type\":\"overloaded_error\"", "\"message\":\"x #\"",
    "\"type\":\"api_error\"", NULL
};

static const char *const  complete_inner[] = {
    "\"x\":#", NULL
};

static const char *const  gemini_top[] = {
    "\"candidates\":[{%}]", "\"candidates\":[{%}]", "\"candidates\":[{%}]",
    "\"candidates\":[{%}]", "\"candidates\":[{%},{%}]", "\"candidates\":[]",
    "\"modelVersion\":\"gemini-x\"", "\"modelVersion\":\"gemini-y-00#\"",
    "\"modelVersion\":\"\"", "\"responseId\":\"resp-#\"",
    "\"promptFeedback\":{\"blockReason\":\"SAFETY\"}",
    "\"promptFeedback\":{\"blockReason\":#}",
    "\"usageMetadata\":{\"promptTokenCount\":#,\"candidatesTokenCount\":#}",
    "\"usageMetadata\":{\"thoughtsTokenCount\":#,\"trafficType\":\"ON_DE"
        "MAND_FLEX\"}",
    "\"usageMetadata\":{\"toolUsePromptTokenCount\":#,\"promptTokensDeta"
        "ils\":[{\"modality\":\"AUDIO\"}]}",
    "\"error\":{\"code\":#,\"status\":\"UNAVAILABLE\"}",
    "\"error\":{\"status\":\"RESOURCE_EXHAUSTED\",\"code\":429}",
    "\"createTime\":\"2026-01-01T00:00:00.123456Z\"", NULL
};

static const char *const  gemini_below[] = {
    "\"content\":{\"parts\":[{@}],\"role\":\"model\"}",
    "\"content\":{\"parts\":[{@}],\"role\":\"model\"}",
    "\"content\":{\"parts\":[{@}],\"role\":\"model\"}",
    "\"content\":{\"parts\":[{@}],\"role\":\"model\"}",
    "\"content\":{\"role\":\"model\",\"parts\":[{@},{@}]}",
    "\"finishReason\":\"STOP\"", "\"finishReason\":#",
    "\"finishReason\":\"MAX_TOKENS\"", "\"index\":0", "\"index\":1",
    "\"safetyRatings\":[{\"category\":#}]", NULL
};

static const char *const  gemini_inner[] = {
    "\"text\":\"text #\"", "\"text\":\"\"", "\"text\":\"#\"",
    "\"thought\":true", "\"thoughtSignature\":\"QUJD\"",
    "\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":#}}",
    "\"functionCall\":{\"name\":\"g\",\"willContinue\":true}",
    "\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.a\",\"stringVa"
        "lue\":\"#\"}]}",
    "\"functionCall\":{}", "\"executableCode\":{\"code\":\"x=#\"}",
    "\"inlineData\":{\"mimeType\":\"a/b\",\"data\":\"QUJD\"}",
    "\"toolCall\":{\"toolType\":\"SEARCH\",\"args\":{}}", NULL
};

static const char *const  interactions_top[] = {
    "\"event_type\":\"step.delta\"", "\"event_type\":\"step.delta\"",
    "\"event_type\":\"step.delta\"", "\"event_type\":\"step.start\"",
    "\"event_type\":\"interaction.created\"",
    "\"event_type\":\"interaction.completed\"", "\"event_type\":\"error\"",
    "\"event_type\":\"interaction.status_update\"", "\"index\":#",
    "\"delta\":{%}", "\"delta\":{%}", "\"delta\":{%}",
    "\"step\":{\"type\":\"function_call\",\"name\":\"f\"}",
    "\"step\":{\"type\":\"model_output\"}", "\"interaction\":{@}",
    "\"metadata\":{\"usage\":{\"total_input_tokens\":#}}",
    "\"error\":{\"code\":\"#\",\"message\":\"x\"}",
    "\"event_id\":\"event-0123456789-0123456789\"", NULL
};

static const char *const  interactions_below[] = {
    "\"type\":\"text\"", "\"type\":\"thought_summary\"",
    "\"type\":\"arguments_delta\"", "\"text\":\"text #\"", "\"text\":\"\"",
    "\"content\":{\"text\":\"why #\"}", "\"arguments\":\"{#\"",
    "\"partial_arguments\":\"{\"", "\"arguments\":{\"a\":#}",
    "\"data\":\"QUJD\"", "\"signature\":\"AAAA\"", NULL
};

static const char *const  interactions_inner[] = {
    "\"id\":\"int-0123456789\"", "\"model\":\"gemini-x\"",
    "\"status\":\"in_progress\"", "\"status\":\"completed\"",
    "\"status\":\"failed\"", "\"service_tier\":\"flex\"",
    "\"usage\":{\"total_input_tokens\":#,\"total_output_tokens\":#,\"tot"
        "al_thought_tokens\":#}",
    "\"usage\":{\"total_tokens\":#}", NULL
};

static const char *const  converse_top[] = {
    "\"contentBlockIndex\":#", "\"delta\":{%}", "\"delta\":{%}",
    "\"delta\":{%}",
    "\"start\":{\"toolUse\":{\"toolUseId\":\"t#\",\"name\":\"f\"}}",
    "\"start\":{\"image\":{\"format\":\"png\"}}", "\"role\":\"assistant\"",
    "\"stopReason\":\"end_turn\"", "\"stopReason\":\"guardrail_intervened\"",
    "\"usage\":{@}", "\"usage\":{@}", "\"metrics\":{\"latencyMs\":#}",
    "\"serviceTier\":{\"type\":\"flex\"}", "\"p\":\"abcdefghijklm\"",
    "\"trace\":{\"usage\":{\"inputTokens\":#}}", "\"message\":\"x\"", NULL
};

static const char *const  converse_below[] = {
    "\"text\":\"text #\"", "\"text\":\"#\"", "\"text\":\"\"",
    "\"reasoningContent\":{\"text\":\"why #\"}",
    "\"reasoningContent\":{\"signature\":\"AA\"}",
    "\"toolUse\":{\"input\":\"{#\"}",
    "\"image\":{\"source\":{\"bytes\":\"QUJD\"}}",
    "\"citation\":{\"title\":\"#\"}", NULL
};

static const char *const  converse_inner[] = {
    "\"inputTokens\":#", "\"outputTokens\":#", "\"totalTokens\":#",
    "\"cacheReadInputTokens\":#", "\"cacheWriteInputTokens\":#",
    "\"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":#},{\"inputTokens"
        "\":#,\"ttl\":\"5m\"}]",
    NULL
};

static const char *const  invoke_top[] = {
    "\"type\":\"content_block_delta\"", "\"type\":\"content_block_delta\"",
    "\"type\":\"content_block_start\"", "\"type\":\"message_start\"",
    "\"type\":\"message_stop\"", "\"type\":\"error\"", "\"delta\":{%}",
    "\"delta\":{%}", "\"delta\":{%}",
    "\"content_block\":{\"type\":\"tool_use\",\"name\":\"f\"}",
    "\"message\":{@}", "\"usage\":{\"output_tokens\":#}",
    "\"usage\":{\"prompt_tokens\":#,\"completion_tokens\":#}",
    "\"contentBlockDelta\":{\"delta\":{%}}",
    "\"messageStop\":{\"stopReason\":\"max_tokens\"}",
    "\"metadata\":{\"usage\":{\"inputTokens\":#,\"outputTokens\":#}}",
    "\"outputText\":\"text #\"", "\"totalOutputTextTokenCount\":#",
    "\"completionReason\":\"FINISH\"", "\"generation\":\"text #\"",
    "\"prompt_token_count\":#", "\"generation_token_count\":#",
    "\"stop_reason\":\"stop\"",
    "\"outputs\":[{\"text\":\"text #\",\"stop_reason\":null}]",
    "\"choices\":[{\"index\":#,\"delta\":{\"content\":\"text #\"},\"fini"
        "sh_reason\":\"length\"}]",
    "\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":#,\"id\":\"c#\""
        ",\"function\":{\"name\":\"f\"}}]},\"index\":0}]",
    "\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":#,\"outpu"
        "tTokenCount\":#}",
    "\"error\":{\"type\":\"overloaded_error\"}", NULL
};

static const char *const  invoke_below[] = {
    "\"type\":\"text_delta\"", "\"text\":\"text #\"", "\"text\":\"\"",
    "\"thinking\":\"why #\"", "\"partial_json\":\"{#\"",
    "\"stop_reason\":\"end_turn\"", "\"toolUse\":{\"input\":\"{#\"}", NULL
};

static const char *const  invoke_inner[] = {
    "\"id\":\"msg_0123456789\"", "\"model\":\"claude-x\"",
    "\"usage\":{\"input_tokens\":#,\"cache_read_input_tokens\":#}",
    "\"usage\":{\"input_tokens\":#,\"service_tier\":\"batch\"}", NULL
};

static const char *const  cohere_top[] = {
    "\"type\":\"content-delta\"", "\"type\":\"content-delta\"",
    "\"type\":\"content-delta\"", "\"type\":\"message-start\"",
    "\"type\":\"content-start\"", "\"type\":\"tool-plan-delta\"",
    "\"type\":\"tool-call-start\"", "\"type\":\"tool-call-delta\"",
    "\"type\":\"message-end\"", "\"type\":\"citation-start\"",
    "\"id\":\"co-0123456789\"", "\"index\":#", "\"delta\":{\"message\":{%}}",
    "\"delta\":{\"message\":{%}}", "\"delta\":{\"message\":{%}}",
    "\"delta\":{@}", NULL
};

static const char *const  cohere_below[] = {
    "\"role\":\"assistant\"", "\"content\":{\"text\":\"text #\"}",
    "\"content\":{\"type\":\"text\",\"text\":\"\"}",
    "\"content\":{\"thinking\":\"why #\"}", "\"content\":[]",
    "\"tool_plan\":\"plan #\"",
    "\"tool_calls\":{\"id\":\"t#\",\"function\":{\"name\":\"f\"}}",
    "\"tool_calls\":{\"function\":{\"arguments\":\"{#\"}}",
    "\"tool_calls\":[]", "\"citations\":{\"text\":\"#\"}", NULL
};

static const char *const  cohere_inner[] = {
    "\"finish_reason\":\"COMPLETE\"", "\"finish_reason\":\"ERROR\"",
    "\"error\":\"oh #\"", "\"error\":null",
    "\"usage\":{\"tokens\":{\"input_tokens\":#.0,\"output_tokens\":#}}",
    "\"usage\":{\"billed_units\":{\"input_tokens\":#},\"cached_tokens\":#}",
    NULL
};

static const char *const  cohere_v1_top[] = {
    "\"event_type\":\"text-generation\"",
    "\"event_type\":\"text-generation\"",
    "\"event_type\":\"text-generation\"", "\"event_type\":\"stream-start\"",
    "\"event_type\":\"stream-end\"", "\"event_type\":\"tool-calls-chunk\"",
    "\"event_type\":\"tool-calls-generation\"", "\"is_finished\":false",
    "\"text\":\"text #\"", "\"text\":\"\"", "\"text\":\"#\"",
    "\"generation_id\":\"gen-0123456789\"", "\"finish_reason\":\"COMPLETE\"",
    "\"finish_reason\":\"ERROR_TOXIC\"", "\"tool_calls\":[{%}]",
    "\"tool_call_delta\":{%}", "\"response\":{@}", NULL
};

static const char *const  cohere_v1_below[] = {
    "\"name\":\"f#\"", "\"parameters\":{\"a\":#}", "\"parameters\":\"{#\"",
    "\"index\":#", "\"text\":\"no\"", NULL
};

static const char *const  cohere_v1_inner[] = {
    "\"text\":\"all of it\"", "\"generation_id\":\"other\"",
    "\"meta\":{\"tokens\":{\"input_tokens\":#,\"output_tokens\":#},\"cac"
        "hed_tokens\":#}",
    "\"meta\":{\"billed_units\":{\"input_tokens\":#,\"search_units\":#}}",
    "\"finish_reason\":\"x\"", NULL
};

static const char *const  ollama_top[] = {
    "\"model\":\"gemma-0123456789\"", "\"model\":\"\"",
    "\"created_at\":\"2026-01-01T00:00:00.123456789Z\"", "\"message\":{%}",
    "\"message\":{%}", "\"message\":{%}", "\"response\":\"text #\"",
    "\"response\":\"\"", "\"thinking\":\"why #\"", "\"done\":false",
    "\"done\":false", "\"done\":true", "\"done_reason\":\"stop\"",
    "\"done_reason\":\"length\"", "\"prompt_eval_count\":#",
    "\"eval_count\":#", "\"total_duration\":#000000", "\"error\":\"oh #\"",
    "\"error\":\"\"", "\"context\":[1,#]", NULL
};

static const char *const  ollama_below[] = {
    "\"role\":\"assistant\"", "\"content\":\"text #\"", "\"content\":\"\"",
    "\"content\":\"#\"", "\"thinking\":\"why #\"", "\"thinking\":\"\"",
    "\"tool_calls\":[{@}]", "\"tool_calls\":[{@},{@}]", NULL
};

static const char *const  ollama_inner[] = {
    "\"function\":{\"name\":\"f#\",\"arguments\":{\"a\":#}}",
    "\"function\":{\"name\":\"g\"}", "\"id\":\"call_#\"", NULL
};

static const char *const  llamacpp_top[] = {
    "\"index\":0", "\"index\":#", "\"content\":\"text #\"",
    "\"content\":\"text #\"", "\"content\":\"#\"", "\"content\":\"\"",
    "\"tokens\":[#,#]", "\"stop\":false", "\"stop\":false", "\"stop\":true",
    "\"id_slot\":-1", "\"tokens_predicted\":#", "\"tokens_evaluated\":#",
    "\"stop_type\":\"eos\"", "\"stop_type\":\"none\"",
    "\"model\":\"qwen-0123456789\"",
    "\"generation_settings\":{\"model\":\"no\",\"stop\":[\"#\"],\"n_pred"
        "ict\":#}",
    "\"prompt\":\"hello #\"", "\"timings\":{%}", "\"error\":{@}",
    "\"error\":\"oh\"", "\"prompt_progress\":{\"total\":#,\"time_ms\":#}",
    NULL
};

static const char *const  llamacpp_below[] = {
    "\"cache_n\":#", "\"prompt_n\":#", "\"predicted_n\":#",
    "\"predicted_ms\":#.5", NULL
};

static const char *const  llamacpp_inner[] = {
    "\"code\":50#", "\"type\":\"server_error\"", "\"message\":\"x #\"", NULL
};

static const char *const  tgi_top[] = {
    "\"index\":#", "\"token\":{%}", "\"token\":{%}", "\"token\":{%}",
    "\"generated_text\":null", "\"generated_text\":\"all #\"",
    "\"details\":null",
    "\"details\":{\"finish_reason\":\"length\",\"generated_tokens\":#,\""
        "input_length\":#}",
    "\"top_tokens\":[{%}]", "\"text\":\"so far #\"", "\"text\":\"\"",
    "\"output_ids\":[#]", "\"meta_info\":{@}", "\"meta_info\":{@}",
    "\"error\":\"oh #\"", "\"error\":{\"message\":\"x\"}",
    "\"error_type\":\"overloaded\"", "\"error_type\":\"validation\"", NULL
};

static const char *const  tgi_below[] = {
    "\"id\":#", "\"text\":\"text #\"", "\"text\":\"#\"", "\"text\":\"\"",
    "\"logprob\":-0.12345678901234567890", "\"special\":false", NULL
};

static const char *const  tgi_inner[] = {
    "\"id\":\"s-0123456789\"", "\"prompt_tokens\":#",
    "\"completion_tokens\":#", "\"cached_tokens\":#",
    "\"finish_reason\":null",
    "\"finish_reason\":{\"type\":\"stop\",\"matched\":#}",
    "\"finish_reason\":{\"type\":\"abort\",\"status_code\":50#}",
    "\"e2e_latency\":0.#", NULL
};

static const char *const  lmstudio_top[] = {
    "\"type\":\"message.delta\"", "\"type\":\"message.delta\"",
    "\"type\":\"reasoning.delta\"", "\"type\":\"chat.start\"",
    "\"type\":\"tool_call.start\"", "\"type\":\"tool_call.arguments\"",
    "\"type\":\"tool_call.success\"", "\"type\":\"chat.end\"",
    "\"type\":\"error\"", "\"type\":\"prompt_processing.progress\"",
    "\"model_instance_id\":\"ibm/granite-0123456789\"",
    "\"content\":\"text #\"", "\"content\":\"text #\"", "\"content\":\"\"",
    "\"tool\":\"f#\"", "\"arguments\":{\"a\":#}", "\"output\":\"[#]\"",
    "\"progress\":0.#", "\"result\":{%}", "\"error\":{@}", NULL
};

static const char *const  lmstudio_below[] = {
    "\"model_instance_id\":\"ibm/granite-0123456789\"",
    "\"output\":[{\"type\":\"message\",\"content\":\"#\"}]",
    "\"stats\":{\"input_tokens\":#,\"total_output_tokens\":#,\"reasoning"
        "_output_tokens\":#}",
    "\"stats\":{}", "\"response_id\":\"resp_#\"", NULL
};

static const char *const  lmstudio_inner[] = {
    "\"type\":\"internal_error\"", "\"type\":\"model_not_found\"",
    "\"code\":\"#\"", "\"message\":\"x\"", NULL
};

static const char *const  workers_ai_top[] = {
    "\"response\":\"text #\"", "\"response\":\"text #\"", "\"response\":\"\"",
    "\"response\":null", "\"p\":\"abcdefghijklmnopqrstuvwxyz0123456789#\"",
    "\"tool_calls\":[{%}]", "\"tool_calls\":[]", "\"usage\":{@}",
    "\"usage\":null", "\"errors\":[{\"code\":700#}]", "\"errors\":[]",
    "\"result\":{\"response\":\"no\"}", NULL
};

static const char *const  workers_ai_below[] = {
    "\"name\":\"f#\"", "\"arguments\":{\"a\":#}", "\"arguments\":\"{#}\"",
    NULL
};

static const char *const  workers_ai_inner[] = {
    "\"prompt_tokens\":#", "\"completion_tokens\":#", "\"total_tokens\":#",
    NULL
};


static const grammar_t  grammars[] = {
    { LLM_DIALECT_CHAT, LLM_FRAMING_SSE,
      chat_top, chat_below, chat_inner, "chat" },
    { LLM_DIALECT_COMPLETIONS, LLM_FRAMING_SSE,
      chat_top, chat_below, chat_inner, "completions" },
    { LLM_DIALECT_RESPONSES, LLM_FRAMING_SSE,
      responses_top, responses_below, responses_inner, "responses" },
    { LLM_DIALECT_MESSAGES, LLM_FRAMING_SSE,
      messages_top, messages_below, messages_inner, "messages" },
    { LLM_DIALECT_COMPLETE, LLM_FRAMING_SSE,
      complete_top, complete_below, complete_inner, "complete" },
    { LLM_DIALECT_GEMINI, LLM_FRAMING_SSE,
      gemini_top, gemini_below, gemini_inner, "gemini" },
    { LLM_DIALECT_GEMINI, LLM_FRAMING_ARRAY,
      gemini_top, gemini_below, gemini_inner, "gemini, array" },
    { LLM_DIALECT_INTERACTIONS, LLM_FRAMING_SSE,
      interactions_top, interactions_below, interactions_inner,
      "interactions" },
    { LLM_DIALECT_CONVERSE, LLM_FRAMING_EVENTSTREAM,
      converse_top, converse_below, converse_inner, "converse" },
    { LLM_DIALECT_INVOKE, LLM_FRAMING_EVENTSTREAM,
      invoke_top, invoke_below, invoke_inner, "invoke" },
    { LLM_DIALECT_COHERE, LLM_FRAMING_SSE,
      cohere_top, cohere_below, cohere_inner, "cohere" },
    { LLM_DIALECT_COHERE_V1, LLM_FRAMING_NDJSON,
      cohere_v1_top, cohere_v1_below, cohere_v1_inner, "cohere_v1" },
    { LLM_DIALECT_COHERE_V1, LLM_FRAMING_SSE,
      cohere_v1_top, cohere_v1_below, cohere_v1_inner, "cohere_v1, SSE" },
    { LLM_DIALECT_OLLAMA, LLM_FRAMING_NDJSON,
      ollama_top, ollama_below, ollama_inner, "ollama" },
    { LLM_DIALECT_LLAMACPP, LLM_FRAMING_SSE,
      llamacpp_top, llamacpp_below, llamacpp_inner, "llamacpp" },
    { LLM_DIALECT_TGI, LLM_FRAMING_SSE,
      tgi_top, tgi_below, tgi_inner, "tgi" },
    { LLM_DIALECT_LMSTUDIO, LLM_FRAMING_SSE,
      lmstudio_top, lmstudio_below, lmstudio_inner, "lmstudio" },
    { LLM_DIALECT_WORKERS_AI, LLM_FRAMING_SSE,
      workers_ai_top, workers_ai_below, workers_ai_inner, "workers_ai" }
};


#endif /* _GRAMMARS_H_INCLUDED_ */
