
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The reader of responses.
 *
 * Framing cuts the bytes into texts (the events of a stream, or the one plain
 * body), the scanner reports what the dialect's table names, and this file
 * collects it.  Keys of an object come in any order, so nothing that depends
 * on two values is decided before the text is complete: parts of an event are
 * noted as bits, and the kind of the event says at its end what they mean.
 *
 * Counters are merged as the dialect says: an OpenAI usage object replaces
 * the one before it, Anthropic's fields are cumulative and replace each its
 * own.  Never is one added to another.
 *
 * Nothing that was generated is kept, only counted.
 */


#include "llm_response.h"
#include "llm_decimal.h"
#include "llm_scan.h"


enum {
    PAYLOAD_NEW = 0,             /* no byte of the event's data yet */
    PAYLOAD_JSON,
    PAYLOAD_MARK                 /* a word such as [DONE] */
};

#define KIND_NONE  255


static void llm_response_value(void *data, const llm_json_event_t *ev);
static const uint8_t *llm_response_data(void *ctx, const uint8_t *p,
    const uint8_t *e);
static void llm_response_join(void *ctx);
static void llm_response_event(void *ctx, llm_str_t name);


static const llm_sse_handler_t  llm_response_sse = {
    llm_response_data,
    llm_response_join,
    llm_response_event
};


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

    r->mute |= (uint64_t) 1 << slot;

    *at = used;
    *len = llm_min(name.len, llm_min(max, LLM_NAMES_LEN - used));
    memcpy(r->names + used, name.data, *len);
}


static void
llm_response_event_reset(llm_response_t *r)
{
    r->ev.parts = 0;
    r->ev.kind = KIND_NONE;
    r->ev.payload = PAYLOAD_NEW;
    r->ev.mark_len = 0;
    r->ev.tool_seen = 0;
    r->ev.index = 0;
    r->ev.tool_index = 0;
    r->ev.tool_id = 0;
    r->ev.finish.len = 0;
}


void
llm_response_init(llm_response_t *r, const llm_dialect_set_t *set,
    unsigned dialect, unsigned hint)
{
    memset(r, 0, sizeof(llm_response_t));

    r->set = set;
    r->dialect = dialect;
    r->hint = hint;

    llm_sse_init(&r->sse);
    llm_response_event_reset(r);
}


static void
llm_response_frame(llm_response_t *r, unsigned framing)
{
    r->framing = framing;

    llm_json_init(&r->json,
                  framing == LLM_FRAMING_SSE ? &r->set->stream[r->dialect]
                                             : &r->set->whole[r->dialect],
                  llm_response_value, r);
}


/*
 * The content type is trusted only where the first byte agrees: there are
 * streams sent as JSON or with no type at all, and errors sent as a stream.
 */

static const uint8_t *
llm_response_sniff(llm_response_t *r, const uint8_t *p, const uint8_t *e)
{
    uint8_t  c;

    for ( /* void */ ; p < e; p++) {
        c = *p;

        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            continue;
        }

        if (c == '{' || c == '[') {
            llm_response_frame(r, LLM_FRAMING_JSON);

        } else if (r->hint == LLM_FRAMING_SSE
                   || c == 'd' || c == 'e' || c == ':' || c == 'i'
                   || c == 'r' || c == 0xef)
        {
            llm_response_frame(r, LLM_FRAMING_SSE);

        } else {
            r->framing = LLM_FRAMING_OPAQUE;
        }

        break;
    }

    return p;
}


void
llm_response_feed(llm_response_t *r, const uint8_t *p, size_t len)
{
    const uint8_t  *e;

    e = p + len;

    if (r->framing == LLM_FRAMING_UNKNOWN) {
        p = llm_response_sniff(r, p, e);
    }

    if (p == e) {
        return;
    }

    switch (r->framing) {

    case LLM_FRAMING_SSE:
        llm_sse_feed(&r->sse, p, e - p, &llm_response_sse, r);
        break;

    case LLM_FRAMING_JSON:
        if (!r->broken
            && llm_json_feed(&r->json, p, e - p) != LLM_JSON_OK)
        {
            r->broken = 1;
        }

        break;
    }
}


static const uint8_t *
llm_response_data(void *ctx, const uint8_t *p, const uint8_t *e)
{
    size_t           n;
    const uint8_t   *q;
    llm_response_t  *r = ctx;

    if (r->ev.payload == PAYLOAD_JSON) {
        return llm_json_feed_line(&r->json, p, e);
    }

    if (r->ev.payload == PAYLOAD_NEW) {

        while (p < e && (*p == ' ' || *p == '\t')) {
            p++;
        }

        if (p == e || llm_scan_eol(*p)) {
            return p;
        }

        if (*p == '{') {
            r->ev.payload = PAYLOAD_JSON;
            llm_json_reset(&r->json);
            r->json.mute = r->mute;
            return llm_json_feed_line(&r->json, p, e);
        }

        r->ev.payload = PAYLOAD_MARK;
    }

    q = llm_scan_line(p, e);

    n = llm_min((size_t) (q - p), (size_t) LLM_MARK_LEN - r->ev.mark_len);
    memcpy(r->ev.mark + r->ev.mark_len, p, n);
    r->ev.mark_len += n;

    return q;
}


static void
llm_response_join(void *ctx)
{
    llm_response_t  *r = ctx;

    if (r->ev.payload == PAYLOAD_JSON) {
        (void) llm_json_feed(&r->json, (const uint8_t *) "\n", 1);
    }
}


/* The parts of an event or a plain body mean what its kind says. */

static void
llm_response_settle(llm_response_t *r)
{
    const llm_dialect_t     *d;
    const llm_event_kind_t  *kind;

    d = &llm_dialects[r->dialect];
    kind = d->kinds;

    if (r->ev.kind != KIND_NONE) {
        kind += r->ev.kind;

    } else {
        while (kind->type) {
            kind++;
        }
    }

    if ((r->ev.parts & kind->parts) && r->content_events++ == 0) {
        r->first_content = r->events - 1;
    }

    if (kind->flags & LLM_EVENT_END) {
        r->end = 1;
    }

    if (kind->flags & LLM_EVENT_ERROR) {
        r->error = 1;
    }

    if ((kind->flags & LLM_EVENT_TOOL)
        && (r->ev.parts & llm_part(LLM_S_BLOCK_TYPE)))
    {
        r->tool_calls++;
    }
}


static void
llm_response_event(void *ctx, llm_str_t name)
{
    llm_response_t  *r = ctx;

    r->events++;

    if (r->ev.payload == PAYLOAD_JSON) {

        if (llm_json_end(&r->json) != LLM_JSON_OK) {
            r->broken = 1;
        }

        llm_response_settle(r);

    } else if (r->ev.mark_len == 6 && memcmp(r->ev.mark, "[DONE]", 6) == 0) {
        r->end = 1;
    }

    /* whatever the data says: Groq and others name their errors so */

    if (llm_str_is(name, "error")) {
        r->error = 1;
    }

    llm_response_event_reset(r);
}


void
llm_response_end(llm_response_t *r)
{
    switch (r->framing) {

    case LLM_FRAMING_SSE:
        llm_sse_end(&r->sse, &llm_response_sse, r);
        break;

    case LLM_FRAMING_JSON:
        if (r->broken || r->end) {
            break;
        }

        if (llm_json_end(&r->json) != LLM_JSON_OK) {
            r->broken = 1;
            break;
        }

        llm_response_settle(r);
        r->content_events = 0;
        r->end = 1;
        break;
    }
}


int
llm_response_complete(const llm_response_t *r, int clean)
{
    if (r->end) {
        return 1;
    }

    if (!clean) {
        return 0;
    }

    if (r->framing != LLM_FRAMING_SSE) {
        return r->framing != LLM_FRAMING_JSON;
    }

    /*
     * In an orderly end a finish reason will do, and so will counters: there
     * are providers that end with neither mark.
     */

    return r->error
           || (llm_dialects[r->dialect].soft_end
               && (r->finished || r->present));
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

    if ((llm_dialects[r->dialect].usage & LLM_USAGE_REPLACE)
        || r->usage == LLM_RESPONSE_U_SECOND)
    {
        r->present = 0;
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
        r->finish_why = llm_dialect_finish(ev->text);
        break;

    case LLM_S_TIER:
        r->tier = llm_str_is(ev->text, "flex") ? LLM_TIER_FLEX
                  : llm_str_is(ev->text, "batch") ? LLM_TIER_BATCH
                  : llm_str_is(ev->text, "priority")
                    || llm_str_is(ev->text, "fast") ? LLM_TIER_PRIORITY
                  : LLM_TIER_STANDARD;
        break;

    case LLM_S_ERROR:
        r->error = 1;
        break;

    case LLM_S_ERROR_TYPE:
        r->error_type = llm_dialect_error_word(ev->text);
        break;

    case LLM_S_ERROR_CODE:
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

static void
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
        llm_response_counter(r, slot, ev);
        return;
    }

    if (ev->type == LLM_JSON_PIECE) {
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
            return;
        }

        break;

    case LLM_S_ERROR_CODE:
        if (ev->type == LLM_JSON_NUMBER) {
            r->error_code = llm_dialect_error_word(ev->text);
            return;
        }

        break;
    }

    if (ev->type == LLM_JSON_STRING) {
        llm_response_string(r, slot, ev);
    }
}
