
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The rows of requests.  Every place was seen in recorded traffic or stands
 * in the vendor's reference; what a row means is in llm_request_in.h.
 *
 * One table serves all dialects, as the shape of the body may have to tell
 * the dialect.  So a name may mean one thing only: where two APIs use the
 * same name at the same place for different things, the row is the one of
 * both that can be told by the type of the value.
 */


#include "llm_request_in.h"


#define T  LLM_JSON_F_TEXT
#define O  LLM_JSON_F_OPEN
#define C  LLM_JSON_F_CLOSE
#define S  LLM_JSON_F_STRING

const llm_json_row_t  llm_request_rows[] = {
    { "", R_ROOT, O|C },
    { "model", R_MODEL, O },
    { "stream", R_STREAM, O },
    { "stream_options", R_STREAM_OPTIONS, O|C },
    { "stream_options.include_usage", R_INCLUDE_USAGE, O },
    { "temperature", R_TEMPERATURE, 0 },

    /* others to fall back on (OpenRouter, LiteLLM), or for a tool to ask */

    { "models", R_MODELS, O },
    { "fallbacks", R_MODELS, O },
    { "fallback_models", R_MODELS, O },
    { "tools[].model", R_MODELS, O },

    /*
     * The bound of the output: OpenAI's three, Anthropic's of text
     * completions, Llama's and AI21's on Bedrock, llama.cpp's.
     */

    { "max_tokens", R_MAX_TOKENS, O },
    { "max_completion_tokens", R_MAX_COMPLETION_TOKENS, O },
    { "max_output_tokens", R_MAX_OUTPUT_TOKENS, O },
    { "max_tokens_to_sample", R_MAX_TOKENS_TO_SAMPLE, O },
    { "max_gen_len", R_MAX_GEN_LEN, O },
    { "maxTokens", R_MAX_CAMEL, O },
    { "n_predict", R_N_PREDICT, O },

    /* how many answers are asked for, each as long as that */

    { "n", R_N, O },
    { "best_of", R_BEST_OF, O },
    { "num_generations", R_N, O },
    { "generationConfig.candidateCount", R_CANDIDATES, O },
    { "generationConfig.candidate_count", R_CANDIDATES, O },
    { "generation_config.candidateCount", R_CANDIDATES, O },
    { "generation_config.candidate_count", R_CANDIDATES, O },

    /* Gemini's JSON may be written in both ways at each level */

    { "generationConfig", R_GENERATION, O|C },
    { "generationConfig.maxOutputTokens", R_GENERATION_MAX, O },
    { "generationConfig.max_output_tokens", R_GENERATION_MAX, O },
    { "generationConfig.temperature", R_TEMPERATURE, 0 },
    { "generation_config", R_GENERATION, O|C },
    { "generation_config.maxOutputTokens", R_GENERATION_MAX, O },
    { "generation_config.max_output_tokens", R_GENERATION_MAX, O },
    { "generation_config.temperature", R_TEMPERATURE, 0 },

    /* Converse and Nova, Titan, Ollama, TGI */

    { "inferenceConfig", R_INFERENCE, O|C },
    { "inferenceConfig.maxTokens", R_INFERENCE_MAX, O },
    { "inferenceConfig.max_new_tokens", R_INFERENCE_MAX_NEW, O },
    { "inferenceConfig.temperature", R_TEMPERATURE, 0 },
    { "textGenerationConfig", R_TITAN, O|C },
    { "textGenerationConfig.maxTokenCount", R_TITAN_MAX, O },
    { "textGenerationConfig.temperature", R_TEMPERATURE, 0 },
    { "options", R_OPTIONS, O|C },
    { "options.num_predict", R_OPTIONS_MAX, O },
    { "options.temperature", R_TEMPERATURE, 0 },
    { "parameters", R_PARAMETERS, O|C },
    { "parameters.max_new_tokens", R_PARAMETERS_MAX, O },
    { "parameters.temperature", R_TEMPERATURE, 0 },

    /* chat and messages: OpenAI's, Anthropic's, Mistral's, Ollama's */

    { "messages", R_MESSAGES, O },
    { "messages[]", R_TURN, O },
    { "messages[].content", R_TEXT, T },
    { "messages[].content[].type", R_PART_TYPE, S },
    { "messages[].content[].text", R_PART_TEXT, T },
    { "messages[].content[].content", R_TEXT, T },
    { "messages[].content[].content[].type", R_MEDIA, S },
    { "messages[].content[].content[].text", R_TEXT, T },
    { "messages[].content[].content[].title", R_TEXT, T },
    { "messages[].content[].thinking", R_TEXT, T },
    { "messages[].content[].thinking[].text", R_TEXT, T },
    { "messages[].content[].name", R_TEXT, T },
    { "messages[].content[].input", R_JSON, T|O|C },
    { "messages[].reasoning_content", R_TEXT, T },
    { "messages[].reasoning", R_TEXT, T },
    { "messages[].thinking", R_TEXT, T },
    { "messages[].tool_plan", R_TEXT, T },
    { "messages[].name", R_TEXT, T },
    { "messages[].tool_calls[].function.name", R_TEXT, T },
    { "messages[].tool_calls[].function.arguments", R_JSON, T|O|C },
    { "messages[].tool_calls[].custom.name", R_TEXT, T },
    { "messages[].tool_calls[].custom.input", R_TEXT, T },
    { "messages[].function_call.name", R_TEXT, T },
    { "messages[].function_call.arguments", R_TEXT, T },
    { "messages[].images[]", R_IMAGE, S },
    { "tools", R_TOOLS, O|C },
    { "tools[]", R_TOOL, O },
    { "tools[].input_schema", R_SYSTEM, O },
    { "tools[].functionDeclarations[]", R_TOOL, O },
    { "tools[].function_declarations[]", R_TOOL, O },
    { "thinking.budget_tokens", R_THINKING, O },
    { "additionalModelRequestFields.thinking.budget_tokens",
      R_THINKING, O },
    { "functions", R_TOOLS, O|C },
    { "functions[]", R_TOOL, O },
    { "response_format.json_schema", R_SCHEMA, O|C },
    { "response_format.schema", R_SCHEMA, O|C },
    { "output_format.schema", R_SCHEMA, O|C },
    { "output_config.format.schema", R_SCHEMA, O|C },
    { "system", R_SYSTEM, T|O },
    { "system[].text", R_TEXT, T },
    { "anthropic_version", R_VERSION, S },
    { "stop_sequences", R_SYSTEM, O },

    /* Converse: the same places, and the kind of a part is its key */

    { "messages[].content[].image", R_IMAGE, O },
    { "messages[].content[].document", R_DOCUMENT, O },
    { "messages[].content[].document.source.text", R_TEXT, T },
    { "messages[].content[].video", R_DOCUMENT, O },
    { "messages[].content[].reasoningContent.reasoningText.text",
      R_TEXT, T },
    { "messages[].content[].toolUse", R_CONVERSE, O },
    { "messages[].content[].toolUse.name", R_TEXT, T },
    { "messages[].content[].toolUse.input", R_JSON, O|C },
    { "messages[].content[].toolResult", R_CONVERSE, O },
    { "messages[].content[].toolResult.content[].text", R_TEXT, T },
    { "messages[].content[].toolResult.content[].json", R_JSON, O|C },
    { "messages[].content[].toolResult.content[].image", R_IMAGE, O },
    { "messages[].content[].toolResult.content[].document",
      R_DOCUMENT, O },
    { "toolConfig.tools", R_TOOLS, O|C },
    { "toolConfig.tools[].toolSpec", R_TOOL, O },
    { "outputConfig.textFormat.structure.jsonSchema.schema", R_TEXT, T },
    { "schemaVersion", R_INVOKE, S },

    /* Titan */

    { "inputText", R_TEXT, T },

    /* text completions, and Ollama's and llama.cpp's */

    { "prompt", R_PROMPT, T|O },
    { "prompt[]", R_TOKEN, T },
    { "prompt[][]", R_TOKEN, 0 },
    { "prompt.id", R_TEMPLATE, 0 },
    { "prompt.variables.*", R_TEXT, T },
    { "prompt.prompt_string", R_TEXT, T },
    { "suffix", R_TEXT, T },
    { "input_prefix", R_TEXT, T },
    { "input_suffix", R_TEXT, T },
    { "images[]", R_IMAGE, S },
    { "keep_alive", R_OLLAMA, 0 },

    /* TGI */

    { "inputs", R_INPUTS, T|O },
    { "inputs[]", R_TEXT, T },

    /* Gemini; a single element may stand without its array */

    { "contents", R_CONTENTS, O },
    { "contents[]", R_TURN, O },
    { "contents[].parts", R_PARTS, O },
    { "contents[].parts.text", R_TEXT, T },
    { "contents[].parts[].text", R_TEXT, T },
    { "contents[].parts[].functionCall.name", R_TEXT, T },
    { "contents[].parts[].functionCall.args", R_JSON, O|C },
    { "contents[].parts[].functionResponse.name", R_TEXT, T },
    { "contents[].parts[].functionResponse.response", R_JSON, O|C },
    { "contents[].parts[].function_call.name", R_TEXT, T },
    { "contents[].parts[].function_call.args", R_JSON, O|C },
    { "contents[].parts[].function_response.name", R_TEXT, T },
    { "contents[].parts[].function_response.response", R_JSON, O|C },
    { "contents[].parts[].inlineData.mimeType", R_MEDIA, S },
    { "contents[].parts[].inline_data.mime_type", R_MEDIA, S },
    { "contents[].parts[].fileData.mimeType", R_MEDIA, S },
    { "contents[].parts[].file_data.mime_type", R_MEDIA, S },
    { "contents[].parts[].executableCode.code", R_TEXT, T },
    { "contents[].parts[].codeExecutionResult.output", R_TEXT, T },
    { "contents.parts", R_PARTS, O },
    { "contents.parts.text", R_TEXT, T },
    { "contents.parts[].text", R_TEXT, T },
    { "systemInstruction.parts.text", R_TEXT, T },
    { "systemInstruction.parts[].text", R_TEXT, T },
    { "system_instruction", R_INTERACTIONS, T },
    { "system_instruction.parts.text", R_TEXT, T },
    { "system_instruction.parts[].text", R_TEXT, T },

    /* Responses, Interactions, LM Studio, embeddings, moderations */

    { "instructions", R_INSTRUCTIONS, T },
    { "previous_response_id", R_INSTRUCTIONS, 0 },
    { "previous_interaction_id", R_INTERACTIONS, S },
    { "system_prompt", R_LMSTUDIO, T },
    { "text.format.schema", R_SCHEMA, O|C },
    { "input", R_INPUT, T|O },
    { "input[]", R_ITEM, T|O },
    { "input[][]", R_ITEM, 0 },
    { "input[].type", R_MEDIA, S },
    { "input[].text", R_TEXT, T },
    { "input[].content", R_TEXT, T },
    { "input[].content[].type", R_MEDIA, S },
    { "input[].content[].text", R_TEXT, T },
    { "input[].name", R_TEXT, T },
    { "input[].arguments", R_JSON, T|O|C },
    { "input[].input", R_TEXT, T },
    { "input[].output", R_TEXT, T },
    { "input[].output[].type", R_MEDIA, S },
    { "input[].output[].text", R_TEXT, T },
    { "input[].result", R_JSON, T|O|C },
    { "input[].summary[].text", R_TEXT, T },
    { "encoding_format", R_EMBED, 0 },
    { "dimensions", R_EMBED, 0 },
    { "input_type", R_EMBED, 0 },
    { "texts", R_TEXTS, O },
    { "texts[]", R_TEXT, T },
    { "content.parts[].text", R_TEXT, T },
    { "requests[].content.parts[].text", R_TEXT, T },

    /* Cohere, and rerank */

    { "message", R_MESSAGE, T|O },
    { "preamble", R_COHERE_V1, T },
    { "chat_history", R_COHERE_V1, O },
    { "chat_history[]", R_TURN, O },
    { "chat_history[].message", R_TEXT, T },
    { "safety_mode", R_COHERE, S },
    { "citation_options", R_COHERE, O },
    { "query", R_TEXT, T },
    { "queries[]", R_TEXT, T },
    { "documents[]", R_TEXT, T },
    { "documents[].*", R_TEXT, T },
    { "documents[].data", R_TEXT, T },
    { "documents[].data.*", R_TEXT, T }
};

const size_t  llm_request_nrows = sizeof(llm_request_rows)
                                  / sizeof(llm_request_rows[0]);

#undef T
#undef O
#undef C
#undef S


/* Who asks, what it is kept for, and how the usage is told. */

const char *const  llm_request_unkeyed[] = {
    "user", "metadata", "store", "safety_identifier", "stream_options", NULL
};


#define STR  (1 << LLM_JSON_STRING)
#define OBJ  (1 << LLM_JSON_OBJECT)
#define ARR  (1 << LLM_JSON_ARRAY)
#define ANY  0xffff

/*
 * What tells the shape.  An object in place of a prompt or an input is
 * another API's, or names a template.
 */

const llm_request_sign_t  llm_request_signs[R_SLOTS] = {
    [R_MODEL] = { STR, LLM_SHAPE_MODEL },
    [R_STREAM] = { ANY, LLM_SHAPE_STREAM },
    [R_MESSAGES] = { ANY, LLM_SHAPE_MESSAGES },
    [R_PROMPT] = { STR|ARR, LLM_SHAPE_PROMPT },
    [R_TEMPLATE] = { ANY, LLM_SHAPE_INPUT|LLM_SHAPE_INSTRUCTIONS },
    [R_INPUT] = { STR|ARR, LLM_SHAPE_INPUT },
    [R_INPUTS] = { STR, LLM_SHAPE_INPUTS },
    [R_PARTS] = { OBJ|ARR, LLM_SHAPE_CONTENTS },
    [R_MESSAGE] = { STR, LLM_SHAPE_MESSAGE },
    [R_TEXTS] = { ANY, LLM_SHAPE_TEXTS },
    [R_PART_TEXT] = { STR, LLM_SHAPE_PLAIN },
    [R_PART_TYPE] = { STR, LLM_SHAPE_TYPED },
    [R_VERSION] = { ANY, LLM_SHAPE_SYSTEM },
    [R_SYSTEM] = { ANY, LLM_SHAPE_SYSTEM },
    [R_MAX_TOKENS_TO_SAMPLE] = { ANY, LLM_SHAPE_COMPLETE },
    [R_INSTRUCTIONS] = { ANY, LLM_SHAPE_INSTRUCTIONS },
    [R_EMBED] = { ANY, LLM_SHAPE_EMBED },
    [R_INTERACTIONS] = { STR, LLM_SHAPE_INTERACTIONS },
    [R_GENERATION] = { OBJ, LLM_SHAPE_INTERACTIONS },
    [R_CONVERSE] = { OBJ, LLM_SHAPE_CONVERSE },
    [R_INFERENCE] = { OBJ, LLM_SHAPE_CONVERSE },
    [R_INFERENCE_MAX_NEW] = { ANY, LLM_SHAPE_INVOKE },
    [R_INVOKE] = { STR, LLM_SHAPE_INVOKE },
    [R_MAX_GEN_LEN] = { ANY, LLM_SHAPE_INVOKE },
    [R_TITAN] = { OBJ, LLM_SHAPE_TITAN },
    [R_COHERE] = { ANY, LLM_SHAPE_COHERE },
    [R_COHERE_V1] = { STR|ARR, LLM_SHAPE_COHERE_V1 },
    [R_OPTIONS] = { OBJ, LLM_SHAPE_OLLAMA },
    [R_OLLAMA] = { ANY, LLM_SHAPE_OLLAMA },
    [R_N_PREDICT] = { ANY, LLM_SHAPE_LLAMACPP },
    [R_PARAMETERS] = { OBJ, LLM_SHAPE_TGI },
    [R_LMSTUDIO] = { STR, LLM_SHAPE_LMSTUDIO }
};
