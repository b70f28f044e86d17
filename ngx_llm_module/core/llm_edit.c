
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Finds the chunk of a stream that only tells usage: a server-sent event
 * whose data is one JSON object, with "choices" an array without elements and
 * a "usage" that is not null.  Each event is suspect from its first byte
 * until a byte proves it innocent or its blank line comes.  What must stay
 * true:
 *
 *  - An event with content is never taken out, and none in half.  Innocent
 *    is: data that is no object, "choices" that is no array or has an
 *    element, a second line of data, more than LLM_EDIT_HOLD bytes, anything
 *    that is no JSON.
 *
 *  - The proof comes early: with the first element of "choices", which stands
 *    before the content.  From there on bytes are only searched for the end
 *    of the event.
 *
 *  - However the bytes are split, the same ones pass.
 *
 * Comments between events pass at once: they keep connections alive.
 */


#include "llm_edit.h"
#include "llm_scan.h"


/* data of a suspect that is read before it is looked at again */
#define LLM_EDIT_PART  128


enum {
    S_NONE = 0,
    S_ROOT,
    S_CHOICES,
    S_CHOICE,
    S_USAGE
};


static const llm_json_row_t  llm_edit_rows[] = {
    { "", S_ROOT, LLM_JSON_F_OPEN },
    { "choices", S_CHOICES, LLM_JSON_F_OPEN },
    { "choices[]", S_CHOICE, LLM_JSON_F_OPEN },
    { "usage", S_USAGE, LLM_JSON_F_OPEN }
};


enum {
    ST_EVENT = 0,                /* nothing of an event was seen */
    ST_COMMENT,                  /* in a comment between events */
    ST_LINE,                     /* of a suspect: at the start of a line */
    ST_FIELD,                    /* in the name of a field */
    ST_SPACE,                    /* after "data:" */
    ST_DATA,
    ST_OTHER,                    /* in the rest of another line */
    ST_FREE,                     /* of an innocent: in a line */
    ST_FREE_LINE                 /* at the start of one */
};


int
llm_edit_compile(llm_json_table_t *t)
{
    return llm_json_compile(t, llm_edit_rows,
                            sizeof(llm_edit_rows) / sizeof(llm_edit_rows[0]));
}


static void
llm_edit_value(void *data, const llm_json_event_t *ev)
{
    llm_edit_t *e = data;

    switch (ev->slot) {

    case S_ROOT:
        e->innocent |= (ev->type != LLM_JSON_OBJECT);
        break;

    case S_CHOICES:
        e->innocent |= (ev->type != LLM_JSON_ARRAY);
        e->empty = 1;
        break;

    case S_CHOICE:
        e->innocent = 1;
        break;

    case S_USAGE:
        e->usage = (ev->type != LLM_JSON_NULL);
        break;
    }
}


void
llm_edit_init(llm_edit_t *e, const llm_json_table_t *t)
{
    memset(e, 0, sizeof(llm_edit_t));

    llm_json_init(&e->json, t, llm_edit_value, e);
}


static void
llm_edit_event(llm_edit_t *e)
{
    llm_json_reset(&e->json);

    e->held = 0;
    e->data = 0;
    e->innocent = 0;
    e->empty = 0;
    e->usage = 0;
}


static inline int
llm_edit_suspects(const llm_edit_t *e)
{
    return e->state >= ST_LINE && e->state < ST_FREE;
}


/* Innocent, wherever in its lines it is. */

static inline void
llm_edit_free(llm_edit_t *e)
{
    e->state = (e->state == ST_LINE) ? ST_FREE_LINE : ST_FREE;
}


static int
llm_edit_guilty(llm_edit_t *e)
{
    return e->data && !e->innocent && e->empty && e->usage
           && llm_json_complete(&e->json);
}


/* One byte of a field's name; "data" without a colon is a line of no data. */

static void
llm_edit_field(llm_edit_t *e, uint8_t c)
{
    if (c == ':') {
        e->state = (e->matched == 4) ? ST_SPACE : ST_OTHER;

        if (e->state == ST_SPACE) {
            e->innocent |= e->data;
            e->data = 1;
        }

    } else if (e->matched < 4 && c == (uint8_t) "data"[e->matched]) {
        e->matched++;

    } else {
        e->state = ST_OTHER;
    }
}


/* A suspect up to the end of the line at hand, or until it is innocent. */

static const uint8_t *
llm_edit_line(llm_edit_t *e, const uint8_t *p, const uint8_t *end)
{
    const uint8_t  *q;

    while (p < end && !llm_scan_eol(*p)) {

        switch (e->state) {

        case ST_LINE:
            e->matched = 0;
            e->state = ST_FIELD;

            /* fall through */

        case ST_FIELD:
            llm_edit_field(e, *p++);
            break;

        case ST_SPACE:
            p += (*p == ' ');
            e->state = ST_DATA;
            break;

        case ST_DATA:
            /* a part, as the proof may be in it */
            q = p + llm_min((size_t) (end - p), LLM_EDIT_PART);
            p = llm_json_feed_line(&e->json, p, q);

            if (llm_json_failed(&e->json)) {
                e->innocent = 1;
            }

            break;

        default: /* ST_OTHER */
            p = llm_scan_line(p, end);
        }

        if (e->innocent) {
            e->state = ST_FREE;
            break;
        }
    }

    return p;
}


/* After CR or LF: over a LF that belongs to a CR. */

static const uint8_t *
llm_edit_eol(llm_edit_t *e, const uint8_t *p, const uint8_t *end)
{
    if (*p++ == '\r') {

        if (p == end) {
            e->lf = 1;

        } else if (*p == '\n') {
            p++;
        }
    }

    return p;
}


/* Leaves n bytes of the piece, from q on, to the next call. */

static size_t
llm_edit_later(llm_edit_t *e, size_t before, size_t n, unsigned found,
    unsigned *verdict)
{
    if (before == 0) {
        *verdict = found;
        return n;
    }

    e->next = n;
    e->verdict = found;
    *verdict = LLM_EDIT_PASS;

    return before;
}


size_t
llm_edit_feed(llm_edit_t *e, const uint8_t *p, size_t len, unsigned *verdict)
{
    size_t          n;
    const uint8_t  *b, *from, *end;

    if (e->next) {
        n = e->next;
        e->next = 0;
        *verdict = e->verdict;
        return n;
    }

    b = p;
    end = p + len;

    /* where the suspect at hand begins in this piece */
    from = p;

    if (e->lf) {
        e->lf = 0;

        if (*p == '\n') {
            p++;

            if (e->state == ST_EVENT && e->dropped) {
                *verdict = LLM_EDIT_DROP;
                return 1;
            }
        }
    }

    while (p < end) {

        switch (e->state) {

        case ST_EVENT:
            if (llm_scan_eol(*p)) {
                /* a blank line of no event */
                p = llm_edit_eol(e, p, end);
                e->dropped = 0;
                break;
            }

            llm_edit_event(e);
            from = p;
            e->state = (*p == ':') ? ST_COMMENT : ST_LINE;
            break;

        case ST_COMMENT:
        case ST_FREE:
            p = llm_scan_line(p, end);

            if (p < end) {
                p = llm_edit_eol(e, p, end);
                e->state = (e->state == ST_FREE) ? ST_FREE_LINE : ST_EVENT;
                e->dropped = 0;
            }

            break;

        case ST_FREE_LINE:
            if (!llm_scan_eol(*p)) {
                e->state = ST_FREE;
                break;
            }

            p = llm_edit_eol(e, p, end);
            e->state = ST_EVENT;
            e->dropped = 0;
            break;

        default:
            if (e->state == ST_LINE && llm_scan_eol(*p)) {
                /* the end of a suspect */

                p = llm_edit_eol(e, p, end);
                e->state = ST_EVENT;
                e->dropped = llm_edit_guilty(e);

                if (e->dropped) {
                    return llm_edit_later(e, from - b, p - from,
                                          LLM_EDIT_DROP, verdict);
                }

                break;
            }

            p = llm_edit_line(e, p, end);

            if (e->state != ST_FREE && p < end) {
                p = llm_edit_eol(e, p, end);
                e->state = ST_LINE;
            }

            if (llm_edit_suspects(e)
                && e->held + (p - from) > LLM_EDIT_HOLD)
            {
                llm_edit_free(e);
            }
        }
    }

    if (llm_edit_suspects(e) && e->held + (p - from) > LLM_EDIT_HOLD) {
        llm_edit_free(e);
    }

    if (!llm_edit_suspects(e)) {
        *verdict = LLM_EDIT_PASS;
        return len;
    }

    e->held += p - from;

    return llm_edit_later(e, from - b, p - from, LLM_EDIT_HOLD_ON, verdict);
}


/*
 * An event that ends with the stream, without its blank line, is one to many
 * readers.
 */

unsigned
llm_edit_end(llm_edit_t *e)
{
    int  suspect;

    suspect = llm_edit_suspects(e);
    e->state = ST_EVENT;

    return (suspect && llm_edit_guilty(e)) ? LLM_EDIT_DROP : LLM_EDIT_PASS;
}
