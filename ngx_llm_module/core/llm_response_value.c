
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


/* The first name that is not empty stays.  *len 0: none so far. */

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

    *at = used;
    *len = llm_min(name.len, llm_min(max, LLM_NAMES_LEN - used));
    memcpy(r->names + used, name.data, *len);
}


static void
llm_response_kind(llm_response_t *r, llm_str_t type)
{
    uint8_t                  i;
    const llm_event_kind_t  *kinds;

    kinds = llm_dialects[r->dialect].kinds;

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


static void
llm_response_counter(llm_response_t *r, unsigned slot,
    const llm_json_event_t *ev)
{
    int            digits;
    uint64_t       v;
    llm_decimal_e  rc;

    if (ev->type != LLM_JSON_NUMBER) {
        return;
    }

    digits = (slot == LLM_S_COST) ? LLM_NANO_DIGITS
             : (slot == LLM_S_COST_TICKS) ? -1 : 0;

    rc = llm_decimal_u64(ev->text, digits, &v);

    if (rc != LLM_DECIMAL_OK && rc != LLM_DECIMAL_TOO_LARGE) {
        return;
    }

    r->counter[llm_counter(slot)] = v;
    r->present |= 1u << llm_counter(slot);
}


static void
llm_response_usage(llm_response_t *r, const llm_json_event_t *ev, int second)
{
    if (ev->type != LLM_JSON_OBJECT) {
        return;
    }

    r->usage_events++;
    r->ev.changed = 1;

    if ((llm_dialects[r->dialect].usage & LLM_USAGE_REPLACE)
        || r->usage == LLM_RESPONSE_U_SECOND)
    {
        /* a cost is the call's, and may stand before the usage */

        r->present &= 1u << llm_counter(LLM_S_COST)
                      | 1u << llm_counter(LLM_S_COST_TICKS);
    }

    r->usage = second ? LLM_RESPONSE_U_SECOND : LLM_RESPONSE_U_FIRST;
}


/*
 * A tool call of a chat stream comes in many parts.  It is a new one if it
 * has an id that the one before had not, or, without ids, if it is named and
 * its index is new.
 */

static void
llm_response_tool(llm_response_t *r)
{
    r->ev.changed = 1;

    if (r->ev.tool_id) {

        if (r->ev.tool_id != r->tool_last) {
            r->tool_calls++;
            r->tool_next = r->ev.tool_index + 1;
        }

        r->tool_last = r->ev.tool_id;

    } else if (r->ev.tool_seen
               && (r->framing == LLM_FRAMING_JSON
                   || r->ev.tool_index >= r->tool_next))
    {
        r->tool_calls++;
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
    r->ev.changed = 1;

    if (r->ev.finish.len) {
        r->finished = 1;

        if (r->ev.index == 0) {
            r->finish = r->ev.finish;
        }
    }

    r->ev.finish.len = 0;
    r->ev.index = 0;
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


static void
llm_response_string(llm_response_t *r, unsigned slot,
    const llm_json_event_t *ev)
{
    uint8_t               tier;
    const llm_dialect_t  *d;

    d = &llm_dialects[r->dialect];

    switch (slot) {

    case LLM_S_TYPE:
        llm_response_kind(r, ev->text);
        break;

    case LLM_S_BLOCK_TYPE:
        if (llm_word_ends(ev->text, d->tool_suffix)) {
            r->ev.parts |= llm_part(LLM_S_BLOCK_TYPE);

            if (r->framing == LLM_FRAMING_JSON) {
                r->tool_calls++;
            }
        }

        break;

    case LLM_S_MODEL:
        llm_response_name(r, slot, ev->text, &r->model_at, &r->model_len,
                          LLM_MODEL_LEN);
        break;

    case LLM_S_ID:
        llm_response_name(r, slot, ev->text, &r->id_at, &r->id_len,
                          LLM_ID_LEN);
        break;

    case LLM_S_FINISH:
        r->ev.changed = 1;
        llm_word_set(&r->ev.finish, ev->text);

        /* outside of a choice it is the whole's */

        if (r->dialect != LLM_DIALECT_CHAT
            && r->dialect != LLM_DIALECT_COMPLETIONS)
        {
            r->finish = r->ev.finish;
            r->finished = 1;
        }

        break;

    case LLM_S_FINISH_WHY:
        r->ev.changed = 1;
        r->finish_why = llm_dialect_finish(ev->text);
        break;

    case LLM_S_TIER:
        tier = llm_str_is(ev->text, "flex") ? LLM_TIER_FLEX
               : llm_str_is(ev->text, "batch") ? LLM_TIER_BATCH
               : llm_str_is(ev->text, "priority")
                 || llm_str_is(ev->text, "fast") ? LLM_TIER_PRIORITY
               : LLM_TIER_STANDARD;

        /* the memo knows of no other tier than the one it was made under */

        if (tier != r->tier) {
            r->tier = tier;
            r->ev.changed = 1;
            r->memo.len = 0;
        }

        break;

    case LLM_S_ERROR:
        r->error = 1;
        r->ev.changed = 1;
        break;

    case LLM_S_ERROR_TYPE:
        r->ev.changed = 1;
        r->error_type = llm_dialect_error_word(ev->text);
        break;

    case LLM_S_ERROR_CODE:
        r->ev.changed = 1;
        r->error_code = llm_dialect_error_word(ev->text);
        break;

    case LLM_S_TOOL_ID:
        if (ev->text.len) {
            r->ev.tool_id = llm_response_hash(ev->text);
        }

        break;
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
        r->ev.changed = 1;
        llm_response_counter(r, slot, ev);
        return;
    }

    if (ev->type == LLM_JSON_PIECE) {

        if (r->ev.parts == 0 && r->begin) {
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

        return;
    }

    switch (slot) {

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

    case LLM_S_INDEX:
        r->ev.index = llm_response_index(ev);
        return;

    case LLM_S_TOOL_INDEX:
        r->ev.tool_index = llm_response_index(ev);
        return;

    case LLM_S_ERROR:
        if (ev->type == LLM_JSON_OBJECT) {
            r->error = 1;
            r->ev.changed = 1;
            return;
        }

        break;

    case LLM_S_ERROR_CODE:
        if (ev->type == LLM_JSON_NUMBER) {
            r->ev.changed = 1;
            r->error_code = llm_dialect_error_word(ev->text);
            return;
        }

        break;
    }

    if (ev->type == LLM_JSON_STRING) {
        llm_response_string(r, slot, ev);
    }
}
