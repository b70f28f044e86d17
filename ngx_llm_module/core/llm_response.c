
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


#include "llm_response_in.h"
#include "llm_request.h"
#include "llm_scan.h"


static const uint8_t *llm_response_data(void *ctx, const uint8_t *p,
    const uint8_t *e);
static void llm_response_join(void *ctx);
static void llm_response_event(void *ctx, llm_str_t name);
static const uint8_t *llm_response_bare(void *ctx, const uint8_t *p,
    const uint8_t *e, int *over);


static const llm_sse_handler_t  llm_response_sse = {
    llm_response_data,
    llm_response_join,
    llm_response_event,
    llm_response_bare
};


static const char  llm_response_done[] = "[DONE]";

#define DONE_LEN  (sizeof(llm_response_done) - 1)


static const llm_response_event_t  llm_response_fresh = {
    .kind = KIND_NONE
};


void
llm_response_event_reset(llm_response_t *r)
{
    r->ev = llm_response_fresh;
}


void
llm_response_init(llm_response_t *r, const llm_dialect_set_t *set,
    unsigned dialect, unsigned hint)
{
    memset(r, 0, sizeof(llm_response_t));

    r->set = set;
    r->dialect = dialect;
    r->hint = hint;

    llm_response_event_reset(r);
}


static void
llm_response_frame(llm_response_t *r, unsigned framing)
{
    const llm_dialect_set_t  *set;

    set = r->set;
    r->framing = framing;

    llm_json_init(&r->json,
                  llm_framing_streams(framing) ? &set->stream[r->dialect]
                                               : &set->whole[r->dialect],
                  llm_response_value, r);

    switch (framing) {

    case LLM_FRAMING_SSE:
        llm_sse_init(&r->sse);
        break;

    case LLM_FRAMING_NDJSON:
    case LLM_FRAMING_ARRAY:
        llm_values_init(&r->values, framing == LLM_FRAMING_ARRAY);
        break;

    case LLM_FRAMING_EVENTSTREAM:
        llm_frame_init(&r->frame);
        break;
    }
}


/*
 * The content type is trusted only where the first byte agrees: there are
 * streams sent as JSON or with no type at all, errors sent as a stream, and
 * blank lines before a plain body.
 */

static unsigned
llm_response_framing(const llm_response_t *r, uint8_t c)
{
    unsigned              hint;
    const llm_dialect_t  *d;

    hint = r->hint;
    d = llm_dialects[r->dialect];

    switch (c) {

    case '{':
        return (hint == LLM_FRAMING_NDJSON
                || (hint == LLM_FRAMING_SSE
                    && d->framing == LLM_FRAMING_NDJSON))
               ? LLM_FRAMING_NDJSON : LLM_FRAMING_JSON;

    case '[':
        return (d->flags & LLM_DIALECT_F_ARRAY) ? LLM_FRAMING_ARRAY
                                                : LLM_FRAMING_JSON;

    case 'd':
    case 'e':
    case 'i':
    case 'r':
    case ':':
        return (hint == LLM_FRAMING_EVENTSTREAM) ? LLM_FRAMING_OPAQUE
                                                 : LLM_FRAMING_SSE;

    case 0:
    case 1:
        /* the first byte of a frame's length, see LLM_FRAME_MAX */

        if (r->set->crc
            && (hint == LLM_FRAMING_EVENTSTREAM
                || (hint == LLM_FRAMING_UNKNOWN
                    && d->framing == LLM_FRAMING_EVENTSTREAM)))
        {
            return LLM_FRAMING_EVENTSTREAM;
        }

        break;
    }

    return (hint == LLM_FRAMING_SSE || hint == LLM_FRAMING_NDJSON)
           ? hint : LLM_FRAMING_OPAQUE;
}


/*
 * White space before a plain body means nothing.  In a stream of events it is
 * the beginning of a line, whose field then is none that is known.  Nor does
 * a byte order mark mean anything, where it is the first; and half a mark is
 * what the framing makes of it.
 */

static const uint8_t  llm_response_bom[] = { 0xef, 0xbb, 0xbf };

#define BOM_LEN  sizeof(llm_response_bom)


static const uint8_t *
llm_response_sniff(llm_response_t *r, const uint8_t *p, const uint8_t *e)
{
    for ( /* void */ ; p < e; p++) {

        if (r->bom < BOM_LEN && *p == llm_response_bom[r->bom]) {
            r->bom++;
            continue;
        }

        if (r->bom > 0 && r->bom < BOM_LEN) {
            llm_response_frame(r, llm_response_framing(r, 0xef));
            llm_response_feed(r, llm_response_bom, r->bom);
            break;
        }

        r->bom = BOM_LEN;

        if (*p == ' ' || *p == '\t') {
            r->indented = 1;

        } else if (llm_scan_eol(*p)) {
            r->indented = 0;

        } else {
            llm_response_frame(r, llm_response_framing(r, *p));
            break;
        }
    }

    if (r->framing == LLM_FRAMING_SSE && r->indented) {
        llm_sse_feed(&r->sse, (const uint8_t *) " ", 1, &llm_response_sse, r);
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

    case LLM_FRAMING_NDJSON:
    case LLM_FRAMING_ARRAY:
        llm_values_feed(&r->values, &r->json, p, e - p, &llm_response_values,
                        r);

        if (llm_values_broken(&r->values)) {
            r->broken = 1;
            r->malformed = 1;
        }

        /* an end mark, whatever the dialect has for one */

        if (llm_values_closed(&r->values)) {
            r->end = 1;
        }

        break;

    case LLM_FRAMING_EVENTSTREAM:
        llm_frame_feed(&r->frame, r->set->crc, p, e - p,
                       &llm_response_frames, r);

        if (llm_frame_broken(&r->frame)) {
            r->broken = 1;
            r->malformed = 1;
        }

        break;

    case LLM_FRAMING_JSON:
        if (!r->broken
            && llm_json_feed(&r->json, p, e - p) != LLM_JSON_OK)
        {
            r->broken = 1;
            r->malformed = 1;
        }

        break;
    }
}


/*
 * The JSON of an event.  Where it begins as the one before, its reading goes
 * on where that one's content began.
 */

static const uint8_t *
llm_response_begin(llm_response_t *r, const uint8_t *p, const uint8_t *e)
{
    const uint8_t  *q;

    r->ev.payload = PAYLOAD_JSON;
    llm_json_reset(&r->json);

    r->begin = p;

    q = llm_json_feed_line(&r->json, p + llm_memo_recall(r, p, e), e);

    r->begin = NULL;

    return q;
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
            return llm_response_begin(r, p, e);
        }

        r->ev.payload = PAYLOAD_MARK;
    }

    q = llm_scan_line(p, e);

    /* what follows the mark does not matter to clients: spaces, for one */

    if (r->ev.mark < DONE_LEN) {
        n = llm_min((size_t) (q - p), DONE_LEN - r->ev.mark);

        r->ev.mark = memcmp(p, llm_response_done + r->ev.mark, n)
                     ? DONE_LEN + 1 : r->ev.mark + n;
    }

    return q;
}


static void
llm_response_join(void *ctx)
{
    llm_response_t  *r = ctx;

    if (r->ev.payload == PAYLOAD_JSON) {
        (void) llm_json_feed(&r->json, (const uint8_t *) "\n", 1);

    } else if (r->ev.mark < DONE_LEN) {
        r->ev.mark = DONE_LEN + 1;
    }
}


/* The parts of an event or a plain body mean what its kind says. */

void
llm_response_settle(llm_response_t *r, int whole)
{
    const llm_event_kind_t  *kind;

    kind = llm_dialects[r->dialect]->kinds;

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

    if (kind->flags & LLM_EVENT_ERROR) {
        r->error = 1;
    }

    if (kind->flags & LLM_EVENT_BEGIN) {
        r->begun = 1;
    }

    if (whole && ((kind->flags & LLM_EVENT_END) || r->ev.end)) {
        r->end = 1;
    }

    if ((kind->flags & LLM_EVENT_TOOL)
        && (r->ev.parts & (llm_part(LLM_S_BLOCK_TYPE)
                           | llm_part(LLM_S_TOOL_NAME))))
    {
        r->tool_calls++;
    }

    r->tool_calls += r->ev.tools;
}


static void
llm_response_event(void *ctx, llm_str_t name)
{
    int              whole;
    llm_response_t  *r = ctx;

    r->events++;

    if (r->ev.payload == PAYLOAD_JSON) {

        whole = (llm_json_end(&r->json) == LLM_JSON_OK);

        if (!whole) {
            r->broken = 1;
            r->malformed |= llm_json_failed(&r->json);
        }

        llm_response_settle(r, whole);

    } else if (r->ev.mark == DONE_LEN) {
        r->end = 1;
    }

    /* whatever the data says: Groq and others name their errors so */

    if (llm_str_is(name, "error")) {
        r->error = 1;
    }

    llm_response_event_reset(r);
}


/*
 * JSON that stands in a stream bare, without "data:": so ends a stream of
 * Gemini's that fails.  It is no event, but what it says of an error counts.
 */

static const uint8_t *
llm_response_bare(void *ctx, const uint8_t *p, const uint8_t *e, int *over)
{
    const uint8_t   *q;
    llm_response_t  *r = ctx;

    if (r->ev.payload == PAYLOAD_NEW) {
        r->ev.payload = PAYLOAD_JSON;
        llm_json_reset(&r->json);
    }

    q = llm_json_feed_value(&r->json, p, e);

    *over = llm_json_complete(&r->json) || llm_json_failed(&r->json);

    if (*over) {
        llm_response_event_reset(r);
    }

    return q;
}


/* A plain body is one text; it has no events. */

static void
llm_response_end_whole(llm_response_t *r)
{
    if (r->broken || r->end) {
        return;
    }

    if (llm_json_end(&r->json) != LLM_JSON_OK) {
        r->broken = 1;
        r->tool_calls += r->ev.tools;
        r->ev.tools = 0;
        return;
    }

    llm_response_settle(r, 1);
    r->content_events = 0;
    r->end = 1;
}


void
llm_response_end(llm_response_t *r)
{
    unsigned  error;

    switch (r->framing) {

    case LLM_FRAMING_SSE:
        llm_sse_end(&r->sse, &llm_response_sse, r);

        /* bare JSON that was cut short */

        if (r->ev.payload == PAYLOAD_JSON) {
            (void) llm_json_end(&r->json);
        }

        break;

    case LLM_FRAMING_NDJSON:
    case LLM_FRAMING_ARRAY:
        llm_values_end(&r->values, &r->json, &llm_response_values, r);
        break;

    case LLM_FRAMING_EVENTSTREAM:
        llm_response_frame_cut(r);
        break;

    case LLM_FRAMING_JSON:
        llm_response_end_whole(r);
        break;
    }

    error = llm_dialect_finish_error(llm_response_finish(r));

    if (error != LLM_ERROR_NONE) {
        r->error = 1;

        if (r->error_type == LLM_ERROR_NONE
            && r->error_code == LLM_ERROR_NONE)
        {
            r->error_type = error;
        }
    }
}


/* Bytes of an unfinished event, which an orderly end does not leave. */

static int
llm_response_cut(const llm_response_t *r)
{
    switch (r->framing) {

    case LLM_FRAMING_SSE:
        return r->broken && !r->malformed;

    case LLM_FRAMING_EVENTSTREAM:
        return !llm_frame_idle(&r->frame);

    case LLM_FRAMING_NDJSON:
    case LLM_FRAMING_ARRAY:
        return !llm_values_whole(&r->values);

    default:
        return 0;
    }
}


int
llm_response_complete(const llm_response_t *r, int clean)
{
    unsigned  end, counted;

    if (r->end) {
        return 1;
    }

    if (!clean) {
        return 0;
    }

    if (!llm_framing_streams(r->framing)) {
        return r->framing != LLM_FRAMING_JSON;
    }

    if (r->error) {
        return 1;
    }

    /*
     * In an orderly end a finish reason will do, and so will counters: there
     * are providers that end with neither mark.  Not counters that begin a
     * message, nor those that come with every event.
     */

    end = llm_dialects[r->dialect]->end;
    counted = r->present && !r->begun && r->usage_events < 2;

    return !llm_response_cut(r)
           && (end == LLM_END_NONE
               || (end == LLM_END_FINISH && (r->finished || counted)));
}


uint64_t
llm_response_estimate(const llm_response_t *r, llm_str_t asked)
{
    uint64_t   n;
    llm_str_t  model;

    model = llm_response_model(r);

    n = llm_answer_tokens(&r->text, r->opaque, r->tool_calls, r->dialect,
                          model.len ? model : asked);

    return n ? n : r->content_events;
}


llm_join_e
llm_response_behind(const llm_response_t *r)
{
    static const llm_join_e  values[] = {
        LLM_JOIN_NEVER, LLM_JOIN_NEXT, LLM_JOIN_HERE, LLM_JOIN_LINE
    };

    switch (r->framing) {

    case LLM_FRAMING_UNKNOWN:
        return LLM_JOIN_FIRST;

    case LLM_FRAMING_SSE:
        return llm_sse_clear(&r->sse) ? LLM_JOIN_NEXT : LLM_JOIN_LINE;

    case LLM_FRAMING_EVENTSTREAM:
        return llm_frame_idle(&r->frame) && !llm_frame_broken(&r->frame)
               ? LLM_JOIN_NEXT : LLM_JOIN_NEVER;

    case LLM_FRAMING_NDJSON:
    case LLM_FRAMING_ARRAY:
        return values[llm_values_next(&r->values)];

    default:
        return LLM_JOIN_NEVER;
    }
}
