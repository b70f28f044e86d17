
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the values of a response mean: the scanner's sink.  Keys come in any
 * order, so whatever depends on two values waits for the end of the event.
 */


#include "llm_response_in.h"
#include "llm_decimal.h"


/* Errors, finish reasons and the like: short, and cut if they are not. */

static void
llm_word_set(llm_word_t *w, llm_str_t s)
{
    w->len = llm_min(s.len, sizeof(w->data));
    memcpy(w->data, s.data, w->len);
}


static int
llm_word_ends(llm_str_t s, const char *suffix)
{
    size_t  n;

    n = strlen(suffix);

    return n && s.len >= n && memcmp(s.data + s.len - n, suffix, n) == 0;
}


/* Tells two ids apart; nothing depends on it but a count. */

static uint32_t
llm_response_hash(llm_str_t s)
{
    size_t    i;
    uint32_t  h;

    h = 0x811c9dc5;

    for (i = 0; i < s.len; i++) {
        h = (h ^ s.data[i]) * 0x01000193;
    }

    return h | 1;
}


/* The memo knows of no other tier and model than those it was made under; no
 * other framing has one. */

void
llm_response_forget(llm_response_t *r)
{
    if (r->framing == LLM_FRAMING_SSE) {
        r->memo.len = 0;
    }
}


/*
 * The two names share one room, in the order in which they came.  The first
 * that is not empty stays; *len 0: none so far.
 */

static void
llm_response_name(llm_response_t *r, unsigned slot, llm_str_t name,
    uint8_t *at, uint8_t *len, size_t max)
{
    size_t  used;

    if (*len || name.len == 0) {
        return;
    }

    used = r->model_len + r->id_len;

    /* and the scanner need not tell again */

    r->json.mute |= (uint64_t) 1 << slot;

    r->ev.changed |= (slot == LLM_S_ID) ? LLM_CHANGED_ID : LLM_CHANGED_MODEL;

    *at = used;
    *len = llm_min(name.len, llm_min(max, LLM_NAMES_LEN - used));
    memcpy(r->names + used, name.data, *len);
}


/* The last one stays: the model, if there is one, is moved to the end. */

static void
llm_response_model_last(llm_response_t *r, llm_str_t name)
{
    size_t     len;
    llm_str_t  model;

    len = llm_min(name.len, (size_t) LLM_MODEL_LEN);
    model = llm_response_model(r);

    if (len == 0 || (len == model.len && memcmp(model.data, name.data, len)
                                         == 0))
    {
        return;
    }

    if (r->id_at > r->model_at) {
        memmove(r->names + r->model_at, r->names + r->id_at, r->id_len);
        r->id_at = r->model_at;
    }

    r->model_at = r->id_len;
    r->model_len = llm_min(len, (size_t) LLM_NAMES_LEN - r->id_len);
    memcpy(r->names + r->model_at, name.data, r->model_len);

    r->ev.changed |= LLM_CHANGED_MODEL;
    llm_response_forget(r);
}


void
llm_response_kind(llm_response_t *r, llm_str_t type)
{
    uint8_t                  i;
    const llm_event_kind_t  *kinds;

    kinds = llm_dialects[r->dialect]->kinds;

    for (i = 0; kinds[i].type; i++) {

        if (kinds[i].type[0] == '*'
            ? llm_word_ends(type, kinds[i].type + 1)
            : llm_str_eq(type, kinds[i].type, strlen(kinds[i].type)))
        {
            r->ev.kind = i;
            return;
        }
    }

    r->ev.kind = i;
}


/*
 * A tool call of a chat stream comes in many parts.  It is a new one if it
 * has an id that the one before had not, or, without ids, if it is named and
 * its index is new.
 */

static void
llm_response_tool(llm_response_t *r)
{
    r->ev.changed |= LLM_CHANGED_OTHER;

    if (r->ev.tool_id) {

        if (r->ev.tool_id != r->tool_last) {
            r->ev.tools++;
            r->tool_next = r->ev.tool_index + 1;
        }

        r->tool_last = r->ev.tool_id;

    } else if (r->ev.tool_seen
               && (r->framing == LLM_FRAMING_JSON
                   || (llm_dialects[r->dialect]->flags & LLM_DIALECT_F_CALLS)
                   || r->ev.tool_index >= r->tool_next))
    {
        r->ev.tools++;
        r->tool_next = r->ev.tool_index + 1;
    }

    r->ev.tool_id = 0;
    r->ev.tool_index = 0;
    r->ev.tool_seen = 0;
}


/* The finish reason is the first choice's, and index may follow it. */

static void
llm_response_choice(llm_response_t *r)
{
    r->ev.changed |= LLM_CHANGED_FINISH;

    if (r->ev.finish.len) {
        r->finished = 1;

        if (r->ev.index == 0) {
            r->finish = r->ev.finish;
        }
    }

    r->ev.finish.len = 0;
    r->ev.index = 0;
}


static void
llm_response_block(llm_response_t *r, llm_str_t type)
{
    if (!llm_word_ends(type, llm_dialects[r->dialect]->tool_suffix)) {
        return;
    }

    r->ev.parts |= llm_part(LLM_S_BLOCK_TYPE);
    r->ev.tools += (r->framing == LLM_FRAMING_JSON);

    if (llm_str_is(type, "web_search_call")) {
        llm_response_search(r);
        return;
    }

    llm_response_extra(r, type);
}


static uint32_t
llm_response_index(const llm_json_event_t *ev)
{
    uint64_t  v;

    if (ev->type == LLM_JSON_NUMBER && ev->text.len == 1) {
        return ev->text.data[0] - '0';
    }

    if (ev->type != LLM_JSON_NUMBER
        || llm_decimal_count(ev->text, &v) != LLM_DECIMAL_OK
        || v >= UINT32_MAX)
    {
        return 0;
    }

    return v;
}


/* Of a choice it is noted until its index is known, else it is the whole's. */

static void
llm_response_finish_set(llm_response_t *r, unsigned slot, llm_str_t word)
{
    r->ev.changed |= LLM_CHANGED_FINISH;

    if (slot == LLM_S_CHOICE_FINISH) {
        llm_word_set(&r->ev.finish, word);
        return;
    }

    if (word.len) {
        llm_word_set(&r->finish, word);
        r->finished = 1;
    }
}


static void
llm_response_error(llm_response_t *r, const llm_json_event_t *ev)
{
    if (ev->type == LLM_JSON_OBJECT
        || (ev->type == LLM_JSON_STRING && ev->text.len))
    {
        r->error = 1;
        r->ev.changed |= LLM_CHANGED_ERROR;
    }
}


static void
llm_response_blocked(llm_response_t *r)
{
    r->finish_why = LLM_FINISH_CONTENT_FILTER;
    r->finished = 1;
    r->ev.changed |= LLM_CHANGED_FINISH;
}


static void
llm_response_string(llm_response_t *r, unsigned slot, llm_str_t text)
{
    switch (slot) {

    case LLM_S_TYPE:
        llm_response_kind(r, text);
        break;

    case LLM_S_BLOCK_TYPE:
        llm_response_block(r, text);
        break;

    case LLM_S_MODEL:
        llm_response_name(r, slot, text, &r->model_at, &r->model_len,
                          LLM_MODEL_LEN);
        break;

    case LLM_S_MODEL_LAST:
        llm_response_model_last(r, text);
        break;

    case LLM_S_ID:
        llm_response_name(r, slot, text, &r->id_at, &r->id_len, LLM_ID_LEN);
        break;

    case LLM_S_FINISH_WHY:
        r->ev.changed |= LLM_CHANGED_FINISH;
        r->finish_why = llm_dialect_finish(text);
        break;

    case LLM_S_GUARD:
        if (llm_str_is(text, "INTERVENED")) {
            llm_response_blocked(r);
        }

        break;

    case LLM_S_TIER:
        llm_response_tier(r, text);
        break;

    case LLM_S_SPEED:
        llm_response_factor(r, llm_price_speed(text));
        break;

    case LLM_S_GEO:
        llm_response_factor(r, llm_price_geo(text));
        break;

    case LLM_S_MODALITY:
        llm_response_extra(r, text);
        break;

    case LLM_S_ERROR_MARK:
        if (llm_str_is(text, "error")) {
            r->error = 1;
            r->ev.changed |= LLM_CHANGED_ERROR;
        }

        break;

    case LLM_S_ERROR_TYPE:
        r->ev.changed |= LLM_CHANGED_ERROR;
        r->error_type = llm_dialect_error_word(text);
        break;

    case LLM_S_TOOL_ID:
        if (text.len) {
            r->ev.tool_id = llm_response_hash(text);
        }

        break;

    case LLM_S_CACHE_TTL:
        r->ev.ttl_1h = llm_str_is(text, "1h");
        break;
    }
}


/* The JSON of arguments is counted, not read. */

static void
llm_response_args(llm_response_t *r, const llm_json_event_t *ev)
{
    uint64_t  n;

    switch (ev->type) {

    case LLM_JSON_OBJECT:
    case LLM_JSON_ARRAY:
        r->ev.parts |= llm_part(LLM_S_ARGS);
        r->ev.opened = ev->start;
        break;

    case LLM_JSON_CLOSE:
        n = (uint64_t) r->opaque + (uint32_t) (ev->end - r->ev.opened);
        r->opaque = llm_min(n, UINT32_MAX);
        break;
    }
}


static void
llm_response_piece(llm_response_t *r, unsigned slot,
    const llm_json_event_t *ev)
{
    if (r->ev.parts == 0 && r->framing == LLM_FRAMING_SSE && r->begin) {
        llm_memo_keep(r, ev);
    }

    r->ev.parts |= llm_part(slot);

    if (slot != LLM_S_SILENT) {
        llm_text_add(&r->text, ev->text.data, ev->text.len);
    }

    if (slot == LLM_S_TOOL_NAME) {
        r->ev.tool_seen = 1;

    } else if (slot == LLM_S_BARE) {
        r->finished = 1;
    }
}


/* The scanner's sink. */

void
llm_response_value(void *data, const llm_json_event_t *ev)
{
    unsigned         slot;
    llm_response_t  *r = data;

    slot = ev->slot;

    if (slot & LLM_S_SECOND) {

        if (r->usage & LLM_RESPONSE_U_FIRST) {
            return;
        }

        slot &= ~LLM_S_SECOND;

        if (slot == LLM_S_USAGE) {
            llm_response_usage(r, ev, 1);
            return;
        }
    }

    if (slot >= LLM_S_COUNTERS) {
        r->ev.changed |= LLM_CHANGED_USAGE;
        llm_response_counter(r, slot, ev);
        return;
    }

    if (ev->type == LLM_JSON_PIECE) {
        llm_response_piece(r, slot, ev);
        return;
    }

    switch (slot) {

    case LLM_S_ARGS:
        llm_response_args(r, ev);
        return;

    case LLM_S_USAGE:
        llm_response_usage(r, ev, 0);
        return;

    case LLM_S_TOOL:
        llm_response_tool(r);
        return;

    case LLM_S_CHOICE:
        if (ev->type == LLM_JSON_CLOSE) {
            llm_response_choice(r);
        }

        return;

    case LLM_S_CACHE_DETAIL:
        llm_response_cache_detail(r);
        return;

    case LLM_S_AUDIO:
    case LLM_S_IMAGE:
        if (llm_response_index(ev)) {
            llm_response_flag(r, slot == LLM_S_AUDIO ? LLM_EXTRA_AUDIO
                                                      : LLM_EXTRA_IMAGE);
        }

        return;

    case LLM_S_INDEX:
        r->ev.index = llm_response_index(ev);
        return;

    case LLM_S_TOOL_INDEX:
        r->ev.tool_index = llm_response_index(ev);
        return;

    case LLM_S_CACHE_TTL_TOKENS:
        r->ev.ttl_tokens = llm_response_index(ev);
        return;

    case LLM_S_ERROR:
        llm_response_error(r, ev);
        return;

    case LLM_S_END:
        r->ev.end |= (ev->type == LLM_JSON_TRUE
                      || ev->type == LLM_JSON_STRING);
        return;

    case LLM_S_BLOCKED:
        if (ev->type == LLM_JSON_STRING || ev->type == LLM_JSON_NUMBER) {
            llm_response_blocked(r);
        }

        return;

    case LLM_S_CHOICE_FINISH:
    case LLM_S_FINISH:
        if (ev->type == LLM_JSON_STRING || ev->type == LLM_JSON_NUMBER) {
            llm_response_finish_set(r, slot, ev->text);
        }

        return;

    case LLM_S_ERROR_CODE:
        if (ev->type == LLM_JSON_STRING || ev->type == LLM_JSON_NUMBER) {
            r->ev.changed |= LLM_CHANGED_ERROR;
            r->error_code = llm_dialect_error_word(ev->text);
        }

        return;
    }

    if (ev->type == LLM_JSON_STRING) {
        llm_response_string(r, slot, ev->text);
    }
}
