
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The reader of requests.  It never copies a prompt: text is counted as it
 * passes.  A key that decides something and stands twice, in another case or
 * with escapes makes the body ambiguous: parsers differ in what they take.
 */


#include "llm_request_in.h"
#include "llm_decimal.h"


static void llm_request_value(void *data, const llm_json_event_t *ev);


void
llm_request_init(llm_request_t *r, const llm_dialect_set_t *set)
{
    memset(r, 0, sizeof(llm_request_t));

    llm_json_init(&r->json, &set->request, llm_request_value, r);
}


/* How much was seen of JSON that breaks depends on how it came. */

static void
llm_request_not_json(llm_request_t *r)
{
    r->state = LLM_REQUEST_NOT_JSON;

    r->opaque = 0;
    memset(&r->calls, 0, sizeof(r->calls));
    memset(&r->tools, 0, sizeof(r->tools));
    memset(&r->schema, 0, sizeof(r->schema));
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

    llm_request_json_piece(r, p, r->json.offset);

    if (llm_json_feed(&r->json, p, llm_min(len, room)) != LLM_JSON_OK) {
        llm_request_not_json(r);
        return;
    }

    llm_request_json_fed(r);

    if (len > room) {
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
        llm_request_not_json(r);

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


/*
 * The first row whose "all" are seen and whose "none" are not.  Signs of one
 * API stand before what many have; what only a path could tell apart goes to
 * the API that is used most.
 */

static const struct {
    uint32_t  all;
    uint32_t  none;
    uint8_t   dialect;
} llm_request_shapes[] = {
    { LLM_SHAPE_CONTENTS, 0, LLM_DIALECT_GEMINI },

    { LLM_SHAPE_MESSAGES|LLM_SHAPE_INVOKE, 0, LLM_DIALECT_INVOKE },
    { LLM_SHAPE_MESSAGES|LLM_SHAPE_CONVERSE, LLM_SHAPE_TYPED,
      LLM_DIALECT_CONVERSE },
    { LLM_SHAPE_MESSAGES|LLM_SHAPE_PLAIN, LLM_SHAPE_TYPED,
      LLM_DIALECT_CONVERSE },
    { LLM_SHAPE_MESSAGES|LLM_SHAPE_COHERE, 0, LLM_DIALECT_COHERE },
    { LLM_SHAPE_MESSAGES|LLM_SHAPE_OLLAMA, 0, LLM_DIALECT_OLLAMA },
    { LLM_SHAPE_MESSAGES|LLM_SHAPE_SYSTEM, 0, LLM_DIALECT_MESSAGES },
    { LLM_SHAPE_MESSAGES, 0, LLM_DIALECT_CHAT },

    { LLM_SHAPE_MESSAGE|LLM_SHAPE_COHERE_V1, 0, LLM_DIALECT_COHERE_V1 },
    { LLM_SHAPE_MESSAGE|LLM_SHAPE_MODEL, 0, LLM_DIALECT_COHERE_V1 },
    { LLM_SHAPE_MESSAGE|LLM_SHAPE_STREAM, 0, LLM_DIALECT_COHERE_V1 },

    { LLM_SHAPE_PROMPT|LLM_SHAPE_INVOKE, 0, LLM_DIALECT_INVOKE },
    { LLM_SHAPE_PROMPT|LLM_SHAPE_COMPLETE, 0, LLM_DIALECT_COMPLETE },
    { LLM_SHAPE_PROMPT|LLM_SHAPE_OLLAMA, 0, LLM_DIALECT_OLLAMA },
    { LLM_SHAPE_PROMPT|LLM_SHAPE_LLAMACPP, 0, LLM_DIALECT_LLAMACPP },
    { LLM_SHAPE_PROMPT, 0, LLM_DIALECT_COMPLETIONS },

    { LLM_SHAPE_INPUT|LLM_SHAPE_LMSTUDIO, 0, LLM_DIALECT_LMSTUDIO },
    { LLM_SHAPE_INPUT|LLM_SHAPE_INTERACTIONS, 0, LLM_DIALECT_INTERACTIONS },
    { LLM_SHAPE_INPUT|LLM_SHAPE_EMBED, 0, LLM_DIALECT_EMBEDDINGS },

    /* a model and an input: both have that, the model's name tells */

    { LLM_SHAPE_INPUT|LLM_SHAPE_EMBEDDER, LLM_SHAPE_INSTRUCTIONS,
      LLM_DIALECT_EMBEDDINGS },
    { LLM_SHAPE_INPUT, 0, LLM_DIALECT_RESPONSES },

    { LLM_SHAPE_INPUTS|LLM_SHAPE_TGI, 0, LLM_DIALECT_TGI },
    { LLM_SHAPE_TITAN, 0, LLM_DIALECT_INVOKE },
    { LLM_SHAPE_TEXTS, 0, LLM_DIALECT_EMBEDDINGS }
};


unsigned
llm_request_dialect(const llm_request_t *r)
{
    size_t    i;
    uint32_t  shape;

    shape = r->shape;

    if (llm_request_embeds(r)) {
        shape |= LLM_SHAPE_EMBEDDER;
    }

    for (i = 0;
         i < sizeof(llm_request_shapes) / sizeof(llm_request_shapes[0]);
         i++)
    {
        if ((shape & llm_request_shapes[i].all) == llm_request_shapes[i].all
            && !(shape & llm_request_shapes[i].none))
        {
            return llm_request_shapes[i].dialect;
        }
    }

    return LLM_DIALECT_NONE;
}


/* Dialects that stream when the body does not say. */

static const uint8_t  llm_request_streamed[LLM_DIALECT_N] = {
    [LLM_DIALECT_OLLAMA] = 1
};


int
llm_request_streams(const llm_request_t *r, unsigned dialect)
{
    return r->has_stream ? r->stream : llm_request_streamed[dialect];
}


static void
llm_request_ambiguous(llm_request_t *r)
{
    if (r->state == LLM_REQUEST_READING) {
        r->state = LLM_REQUEST_AMBIGUOUS;
    }
}


/*
 * A bound of the output.  Two that differ, in two places, are as ambiguous as
 * one place twice: which one holds is the provider's choice.  A negative one
 * is no bound.
 */

static void
llm_request_bound(llm_request_t *r, const llm_json_event_t *ev)
{
    int       bounded;
    uint64_t  v;

    v = 0;
    bounded = (llm_decimal_count(ev->text, &v) == LLM_DECIMAL_OK);

    if ((bounded && r->unbounded)
        || (r->has_max_tokens && (!bounded || v != r->max_tokens)))
    {
        llm_request_ambiguous(r);
    }

    if (bounded) {
        r->max_tokens = v;
        r->has_max_tokens = 1;

    } else {
        r->unbounded = 1;
    }
}


/* Those billed are the most that any place names. */

static void
llm_request_choices(llm_request_t *r, llm_str_t text)
{
    uint64_t  v;

    v = 0;

    if (llm_decimal_count(text, &v) != LLM_DECIMAL_NEGATIVE) {
        v = llm_min(v, UINT32_MAX);
        r->choices = llm_max(r->choices, v);
    }
}


static void
llm_request_number(llm_request_t *r, const llm_json_event_t *ev)
{
    if (ev->slot >= R_BOUNDS && ev->slot < R_BOUNDS_END) {
        llm_request_bound(r, ev);
        return;
    }

    switch (ev->slot) {

    case R_TEMPERATURE:
        r->temperature_len = llm_min(ev->text.len, sizeof(r->temperature));
        memcpy(r->temperature, ev->text.data, r->temperature_len);
        break;

    case R_THINKING:
        r->thinking = 1;
        break;

    case R_N:
    case R_BEST_OF:
    case R_CANDIDATES:
        llm_request_choices(r, ev->text);
        break;

    case R_ITEM:
        r->shape |= LLM_SHAPE_EMBED;

        /* fall through */

    case R_TOKEN:
        r->tokens += (r->tokens < UINT32_MAX);
        break;
    }
}


/* Parts of a message, by the words for their types; the first that fits. */

static const struct {
    const char  *word;
    uint8_t      media;
} llm_request_media[] = {
    { "image", LLM_MEDIA_IMAGE },
    { "input_image", LLM_MEDIA_IMAGE },
    { "document", LLM_MEDIA_DOCUMENT },
    { "application/", LLM_MEDIA_DOCUMENT },
    { "file", LLM_MEDIA_DOCUMENT },
    { "input_file", LLM_MEDIA_DOCUMENT },
    { "audio", LLM_MEDIA_AUDIO },
    { "input_audio", LLM_MEDIA_AUDIO },
    { "video", LLM_MEDIA_VIDEO }
};


static void
llm_request_part(llm_request_t *r, llm_str_t type)
{
    size_t  i, n;

    for (i = 0;
         i < sizeof(llm_request_media) / sizeof(llm_request_media[0]);
         i++)
    {
        n = strlen(llm_request_media[i].word);

        if (type.len >= n
            && memcmp(type.data, llm_request_media[i].word, n) == 0)
        {
            r->media[llm_request_media[i].media]++;
            return;
        }
    }
}


static void
llm_request_string(llm_request_t *r, const llm_json_event_t *ev)
{
    switch (ev->slot) {

    case R_MODEL:
        r->model_len = llm_min(ev->text.len, LLM_JSON_TEXT);
        memcpy(r->model, ev->text.data, r->model_len);
        r->model_flags |= ev->flags;
        break;

    case R_VERSION:
        if (ev->text.len >= 8 && memcmp(ev->text.data, "bedrock-", 8) == 0) {
            r->shape |= LLM_SHAPE_INVOKE;
        }

        break;

    case R_ITEM:
        /* Responses has objects here */
        r->shape |= LLM_SHAPE_EMBED;
        break;

    case R_MESSAGE:
        r->turns += (r->turns < UINT32_MAX);
        break;

    case R_PART_TYPE:
    case R_MEDIA:
        llm_request_part(r, ev->text);
        break;

    case R_IMAGE:
        r->media[LLM_MEDIA_IMAGE]++;
        break;

    case R_SYSTEM:
    case R_INSTRUCTIONS:
    case R_INTERACTIONS:
    case R_COHERE_V1:
    case R_LMSTUDIO:
        r->system = 1;
        break;
    }

    llm_text_break(&r->text);
}


static void
llm_request_container(llm_request_t *r, const llm_json_event_t *ev)
{
    switch (ev->slot) {

    case R_TURN:
    case R_ITEM:
    case R_CONTENTS:
        r->turns += (ev->type == LLM_JSON_OBJECT && r->turns < UINT32_MAX);
        break;

    case R_TOOL:
        r->ntools += (r->ntools < UINT32_MAX);
        break;

    case R_IMAGE:
        r->media[LLM_MEDIA_IMAGE]++;
        break;

    case R_DOCUMENT:
        r->media[LLM_MEDIA_DOCUMENT]++;
        break;

    case R_SYSTEM:
        r->system = 1;
        break;

    case R_JSON:
    case R_TOOLS:
    case R_SCHEMA:
        llm_request_json_open(r, ev);
        break;
    }
}


static void
llm_request_value(void *data, const llm_json_event_t *ev)
{
    llm_request_t             *r = data;
    const llm_request_sign_t  *sign;

    if (ev->type == LLM_JSON_PIECE) {
        llm_text_add(&r->text, ev->text.data, ev->text.len);
        r->prompt_bytes += ev->text.len;
        return;
    }

    if (ev->type == LLM_JSON_CLOSE) {

        if (ev->slot < R_MARKED) {
            llm_request_mark_close(r, ev);

        } else {
            llm_request_json_close(r, ev);
        }

        return;
    }

    if (ev->slot < R_MARKED) {

        if ((r->seen & (1u << ev->slot))
            || (ev->flags & (LLM_JSON_E_ESCKEY|LLM_JSON_E_TWIN)))
        {
            r->marks.twice |= 1u << ev->slot;

            if (ev->slot < R_UNIQUE) {
                llm_request_ambiguous(r);
            }
        }

        r->seen |= 1u << ev->slot;
        llm_request_mark(r, ev);
    }

    if (ev->slot == R_MODEL && ev->type != LLM_JSON_STRING) {
        r->model_flags |= LLM_REQUEST_MODEL_ODD;

    } else if (ev->slot == R_MODELS && ev->type != LLM_JSON_NULL) {
        r->model_flags |= LLM_REQUEST_MODEL_MORE;
    }

    sign = &llm_request_signs[ev->slot];

    if (sign->types & (1u << ev->type)) {
        r->shape |= sign->shape;
    }

    switch (ev->type) {

    case LLM_JSON_NUMBER:
        llm_request_number(r, ev);
        break;

    case LLM_JSON_TRUE:
    case LLM_JSON_FALSE:
        if (ev->slot == R_STREAM) {
            r->stream = (ev->type == LLM_JSON_TRUE);
            r->has_stream = 1;

        } else if (ev->slot == R_INCLUDE_USAGE) {
            r->include_usage = (ev->type == LLM_JSON_TRUE);
        }

        break;

    case LLM_JSON_STRING:
        llm_request_string(r, ev);
        break;

    case LLM_JSON_OBJECT:
    case LLM_JSON_ARRAY:
        llm_request_container(r, ev);
        break;
    }
}
