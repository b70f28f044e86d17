
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The reader of requests.  It never copies a prompt: text is counted as it
 * passes.  A key that decides something and stands twice, in another case or
 * with escapes makes the body ambiguous: parsers differ in what they take.
 */


#include "llm_request.h"
#include "llm_decimal.h"


enum {
    R_NONE = 0,

    R_MODEL,                     /* twice, these are ambiguous */
    R_STREAM,
    R_MAX_TOKENS,
    R_MAX_COMPLETION_TOKENS,
    R_MAX_OUTPUT_TOKENS,
    R_UNIQUE,

    R_INCLUDE_USAGE = R_UNIQUE,
    R_TEMPERATURE,
    R_TURN,                      /* one message */
    R_TEXT,                      /* prompt text */
    R_TOKEN,                     /* a prompt's token as a number */
    R_ITEM,                      /* an element of an input */
    R_OPAQUE,                    /* JSON that the model reads as it is */

    R_MESSAGES,                  /* shapes */
    R_PROMPT,
    R_INPUT,
    R_SYSTEM,
    R_INSTRUCTIONS,
    R_TEXTS,
    R_SYSTEM_SIGN,
    R_INSTRUCTIONS_SIGN,
    R_TEMPLATE,                  /* a prompt by its id, instead of input */
    R_EMBED_SIGN
};


#define T  LLM_JSON_F_TEXT
#define O  LLM_JSON_F_OPEN
#define C  LLM_JSON_F_CLOSE

const llm_json_row_t  llm_request_rows[] = {
    { "model", R_MODEL, O },
    { "stream", R_STREAM, O },
    { "stream_options.include_usage", R_INCLUDE_USAGE, 0 },
    { "max_tokens", R_MAX_TOKENS, O },
    { "max_completion_tokens", R_MAX_COMPLETION_TOKENS, O },
    { "max_output_tokens", R_MAX_OUTPUT_TOKENS, O },
    { "temperature", R_TEMPERATURE, 0 },

    /* chat and messages */

    { "messages", R_MESSAGES, O },
    { "messages[]", R_TURN, O },
    { "messages[].content", R_TEXT, T },
    { "messages[].content[].text", R_TEXT, T },
    { "messages[].content[].content", R_TEXT, T },
    { "messages[].content[].content[].text", R_TEXT, T },
    { "messages[].content[].thinking", R_TEXT, T },
    { "messages[].content[].input", R_OPAQUE, O|C },
    { "messages[].reasoning_content", R_TEXT, T },
    { "messages[].tool_calls[].function.name", R_TEXT, T },
    { "messages[].tool_calls[].function.arguments", R_TEXT, T },
    { "tools", R_OPAQUE, O|C },
    { "functions", R_OPAQUE, O|C },
    { "response_format", R_OPAQUE, O|C },
    { "system", R_SYSTEM, T|O },
    { "system[].text", R_TEXT, T },
    { "anthropic_version", R_SYSTEM_SIGN, 0 },
    { "stop_sequences", R_SYSTEM_SIGN, O },
    { "tools[].input_schema", R_SYSTEM_SIGN, O },

    /* legacy completions */

    { "prompt", R_PROMPT, T|O },
    { "prompt[]", R_TOKEN, T },
    { "prompt[][]", R_TOKEN, 0 },
    { "prompt.id", R_TEMPLATE, 0 },
    { "suffix", R_TEXT, T },

    /* Responses and embeddings */

    { "instructions", R_INSTRUCTIONS, T },
    { "previous_response_id", R_INSTRUCTIONS_SIGN, 0 },
    { "input", R_INPUT, T|O },
    { "input[]", R_ITEM, T|O },
    { "input[][]", R_ITEM, 0 },
    { "input[].content", R_TEXT, T },
    { "input[].content[].text", R_TEXT, T },
    { "input[].arguments", R_TEXT, T },
    { "input[].output", R_TEXT, T },
    { "input[].output[].text", R_TEXT, T },
    { "input[].summary[].text", R_TEXT, T },
    { "encoding_format", R_EMBED_SIGN, 0 },
    { "dimensions", R_EMBED_SIGN, 0 },
    { "input_type", R_EMBED_SIGN, 0 },
    { "texts", R_TEXTS, O },
    { "texts[]", R_TEXT, T },
    { "content.parts[].text", R_TEXT, T },
    { "requests[].content.parts[].text", R_TEXT, T }
};

const size_t  llm_request_nrows = sizeof(llm_request_rows)
                                  / sizeof(llm_request_rows[0]);

#undef T
#undef O
#undef C


static const struct {
    uint8_t  slot;
    uint8_t  shape;
} llm_request_shapes[] = {
    { R_MESSAGES, LLM_SHAPE_MESSAGES },
    { R_PROMPT, LLM_SHAPE_PROMPT },
    { R_INPUT, LLM_SHAPE_INPUT },
    { R_SYSTEM, LLM_SHAPE_SYSTEM },
    { R_SYSTEM_SIGN, LLM_SHAPE_SYSTEM },
    { R_INSTRUCTIONS, LLM_SHAPE_INSTRUCTIONS },
    { R_INSTRUCTIONS_SIGN, LLM_SHAPE_INSTRUCTIONS },
    { R_TEMPLATE, LLM_SHAPE_INPUT|LLM_SHAPE_INSTRUCTIONS },
    { R_TEXTS, LLM_SHAPE_TEXTS },
    { R_EMBED_SIGN, LLM_SHAPE_EMBED }
};


static void llm_request_value(void *data, const llm_json_event_t *ev);


void
llm_request_init(llm_request_t *r, const llm_dialect_set_t *set)
{
    memset(r, 0, sizeof(llm_request_t));

    llm_json_init(&r->json, &set->request, llm_request_value, r);
}


void
llm_request_feed(llm_request_t *r, const uint8_t *p, size_t len, uint64_t max)
{
    uint64_t  room;

    if (len == 0) {
        return;
    }

    if (r->state == LLM_REQUEST_UNREAD) {
        r->state = LLM_REQUEST_READING;
    }

    if (r->state != LLM_REQUEST_READING
        && r->state != LLM_REQUEST_AMBIGUOUS)
    {
        return;
    }

    /* what max cuts off must not depend on the pieces */

    room = max - r->json.offset;

    if (llm_json_feed(&r->json, p, llm_min(len, room)) != LLM_JSON_OK) {
        r->state = LLM_REQUEST_NOT_JSON;

    } else if (len > room) {
        (void) llm_json_end(&r->json);
        r->state = LLM_REQUEST_TOO_LARGE;
    }
}


void
llm_request_end(llm_request_t *r)
{
    if (r->state != LLM_REQUEST_READING
        && r->state != LLM_REQUEST_AMBIGUOUS)
    {
        return;
    }

    if (llm_json_end(&r->json) != LLM_JSON_OK) {
        r->state = LLM_REQUEST_NOT_JSON;

    } else if (r->state == LLM_REQUEST_READING) {
        r->state = LLM_REQUEST_READ;
    }
}


static int
llm_request_embeds(const llm_request_t *r)
{
    size_t  i;

    for (i = 0; i + 5 <= r->model_len; i++) {
        if ((r->model[i] | 0x20) == 'e' && (r->model[i + 1] | 0x20) == 'm'
            && (r->model[i + 2] | 0x20) == 'b'
            && (r->model[i + 3] | 0x20) == 'e'
            && (r->model[i + 4] | 0x20) == 'd')
        {
            return 1;
        }
    }

    return 0;
}


unsigned
llm_request_dialect(const llm_request_t *r)
{
    if (r->shape & LLM_SHAPE_MESSAGES) {
        return (r->shape & LLM_SHAPE_SYSTEM) ? LLM_DIALECT_MESSAGES
                                             : LLM_DIALECT_CHAT;
    }

    if (r->shape & LLM_SHAPE_PROMPT) {
        return LLM_DIALECT_COMPLETIONS;
    }

    if (r->shape & LLM_SHAPE_INPUT) {

        /* a model and an input: both have that, the model's name tells */

        if (!(r->shape & (LLM_SHAPE_INSTRUCTIONS|LLM_SHAPE_EMBED))) {
            return llm_request_embeds(r) ? LLM_DIALECT_EMBEDDINGS
                                         : LLM_DIALECT_RESPONSES;
        }

        return (r->shape & LLM_SHAPE_EMBED) ? LLM_DIALECT_EMBEDDINGS
                                            : LLM_DIALECT_RESPONSES;
    }

    return (r->shape & LLM_SHAPE_TEXTS) ? LLM_DIALECT_EMBEDDINGS
                                        : LLM_DIALECT_NONE;
}


uint64_t
llm_request_tokens(const llm_request_t *r)
{
    /* JSON reads at about four bytes a token; a message has a frame */

    return llm_text_tokens(&r->text) + r->tokens + r->opaque / 4
           + (uint64_t) r->turns * 5;
}


static void
llm_request_number(llm_request_t *r, const llm_json_event_t *ev)
{
    uint64_t  v;

    switch (ev->slot) {

    case R_TEMPERATURE:
        r->temperature_len = llm_min(ev->text.len, sizeof(r->temperature));
        memcpy(r->temperature, ev->text.data, r->temperature_len);
        break;

    case R_ITEM:
        r->shape |= LLM_SHAPE_EMBED;

        /* fall through */

    case R_TOKEN:
        r->tokens += (r->tokens < UINT32_MAX);
        break;

    case R_MAX_TOKENS:
    case R_MAX_COMPLETION_TOKENS:
    case R_MAX_OUTPUT_TOKENS:
        if (llm_decimal_count(ev->text, &v) == LLM_DECIMAL_OK) {
            r->max_tokens = v;
            r->has_max_tokens = 1;
        }

        break;
    }
}


static void
llm_request_value(void *data, const llm_json_event_t *ev)
{
    size_t          i;
    uint8_t         slot;
    llm_request_t  *r = data;

    slot = ev->slot;

    if (ev->type == LLM_JSON_PIECE) {
        llm_text_add(&r->text, ev->text.data, ev->text.len);
        r->prompt_bytes += ev->text.len;
        return;
    }

    if (slot == R_OPAQUE) {

        if (ev->type == LLM_JSON_CLOSE) {
            r->opaque += ev->end - r->opened;

        } else {
            r->opened = ev->start;
        }

        return;
    }

    if (slot < R_UNIQUE) {

        if ((r->seen & (1u << slot))
            || (ev->flags & (LLM_JSON_E_ESCKEY|LLM_JSON_E_TWIN)))
        {
            if (r->state == LLM_REQUEST_READING) {
                r->state = LLM_REQUEST_AMBIGUOUS;
            }
        }

        r->seen |= 1u << slot;
    }

    /* an object is another API's, or names a template */

    if ((slot == R_PROMPT || slot == R_INPUT)
        && ev->type != LLM_JSON_STRING && ev->type != LLM_JSON_ARRAY)
    {
        return;
    }

    if (slot >= R_MESSAGES) {
        for (i = 0;
             i < sizeof(llm_request_shapes) / sizeof(llm_request_shapes[0]);
             i++)
        {
            if (llm_request_shapes[i].slot == slot) {
                r->shape |= llm_request_shapes[i].shape;
            }
        }

        return;
    }

    switch (ev->type) {

    case LLM_JSON_NUMBER:
        llm_request_number(r, ev);
        break;

    case LLM_JSON_TRUE:
    case LLM_JSON_FALSE:
        if (slot == R_STREAM) {
            r->stream = (ev->type == LLM_JSON_TRUE);

        } else if (slot == R_INCLUDE_USAGE) {
            r->include_usage = (ev->type == LLM_JSON_TRUE);
        }

        break;

    case LLM_JSON_STRING:
        if (slot == R_MODEL) {
            r->model_len = llm_min(ev->text.len, LLM_JSON_TEXT);
            memcpy(r->model, ev->text.data, r->model_len);
            r->model_flags = ev->flags;

        } else if (slot == R_ITEM) {

            /* Responses has objects here */

            r->shape |= LLM_SHAPE_EMBED;
        }

        break;

    case LLM_JSON_OBJECT:
        if (slot == R_TURN || slot == R_ITEM) {
            r->turns += (r->turns < UINT32_MAX);
        }

        break;
    }
}
