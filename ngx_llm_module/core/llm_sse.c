
/*
 * Copyright (C) ngx_llm_module authors
 */


#include "llm_sse.h"
#include "llm_scan.h"


enum {
    ST_LINE = 0,                 /* first byte of a line */
    ST_CR,                       /* the same, after a CR: a LF belongs to it */
    ST_FIELD,                    /* in the field name */
    ST_SPACE,                    /* after the colon */
    ST_VALUE,
    ST_BARE                      /* in JSON that stands between events */
};


enum {
    FIELD_OTHER = 0,
    FIELD_DATA,
    FIELD_EVENT,
    FIELD_ERROR                  /* no field of the standard, see below */
};

#define FIELDS_N  4


static const uint8_t  llm_sse_bom[] = { 0xef, 0xbb, 0xbf };

static const struct {
    const char  *name;
    uint8_t      len;
} llm_sse_fields[FIELDS_N] = {
    { "", 0 },
    { "data", 4 },
    { "event", 5 },
    { "error", 5 }
};


/* The name goes on with c: which field can it be yet? */

static uint8_t
llm_sse_narrow(const llm_sse_t *s, uint8_t c)
{
    uint8_t      f;
    const char  *seen;

    seen = llm_sse_fields[s->field].name;

    for (f = s->field; f < FIELDS_N; f++) {
        if (s->field_len < llm_sse_fields[f].len
            && memcmp(llm_sse_fields[f].name, seen, s->field_len) == 0
            && (uint8_t) llm_sse_fields[f].name[s->field_len] == c)
        {
            return f;
        }
    }

    return FIELD_OTHER;
}


static void
llm_sse_value(llm_sse_t *s, const uint8_t *p, size_t len)
{
    size_t  n;

    if (s->field == FIELD_EVENT) {
        n = llm_min(len, (size_t) LLM_SSE_NAME - s->name_len);
        memcpy(s->name + s->name_len, p, n);
        s->name_len += n;
    }
}


/*
 * The field name is known to be whole: a colon or the end of the line
 * follows.  llama.cpp and what is built on it told of errors in a stream in a
 * field "error": that reads as the data of an event of this name.
 */

static void
llm_sse_field(llm_sse_t *s, const llm_sse_handler_t *h, void *ctx)
{
    if (s->field_len != llm_sse_fields[s->field].len) {
        s->field = FIELD_OTHER;
    }

    if (s->field == FIELD_DATA || s->field == FIELD_ERROR) {

        if (s->has_data) {
            h->join(ctx);
        }

        s->has_data = 1;

        if (s->field == FIELD_ERROR) {
            s->name_len = llm_sse_fields[FIELD_ERROR].len;
            memcpy(s->name, llm_sse_fields[FIELD_ERROR].name, s->name_len);
        }

    } else if (s->field == FIELD_EVENT) {
        s->name_len = 0;
    }
}


static void
llm_sse_dispatch(llm_sse_t *s, const llm_sse_handler_t *h, void *ctx)
{
    llm_str_t  name;

    if (s->has_data) {
        name.data = s->name;
        name.len = s->name_len;

        h->event(ctx, name);
    }

    s->has_data = 0;
    s->name_len = 0;
}


void
llm_sse_init(llm_sse_t *s)
{
    memset(s, 0, sizeof(llm_sse_t));
}


void
llm_sse_feed(llm_sse_t *s, const uint8_t *p, size_t len,
    const llm_sse_handler_t *h, void *ctx)
{
    int             over;
    uint8_t         c;
    const uint8_t  *e, *q;

    e = p + len;

    while (p < e) {

        switch (s->state) {

        case ST_CR:
            s->state = ST_LINE;

            if (*p == '\n') {
                p++;
                continue;
            }

            /* fall through */

        case ST_LINE:
            c = *p;

            if (c == '\n' || c == '\r') {
                s->bom = sizeof(llm_sse_bom);
                p++;
                s->state = (c == '\r') ? ST_CR : ST_LINE;
                llm_sse_dispatch(s, h, ctx);
                continue;
            }

            if (s->bom < sizeof(llm_sse_bom)) {

                if (c == llm_sse_bom[s->bom]) {
                    s->bom++;
                    p++;
                    continue;
                }

                /* not a mark: the bytes of it seen name no known field */

                s->field_len = s->bom;
                s->bom = sizeof(llm_sse_bom);

                if (s->field_len) {
                    s->field = FIELD_OTHER;
                    s->state = ST_FIELD;
                    continue;
                }
            }

            /* what nearly all lines are, and what is no line */

            if (e - p > 6 && memcmp(p, "data: ", 6) == 0) {
                s->field = FIELD_DATA;
                s->field_len = 4;
                llm_sse_field(s, h, ctx);
                p += 6;
                goto value;
            }

            if (e - p > 7 && memcmp(p, "event: ", 7) == 0) {
                s->field = FIELD_EVENT;
                s->field_len = 5;
                llm_sse_field(s, h, ctx);
                p += 7;
                goto value;
            }

            s->field_len = 0;

            if (c == ':') {
                s->field = FIELD_OTHER;
                p++;
                goto value;
            }

            if (c == '{' && !s->has_data && h->bare) {
                s->state = ST_BARE;
                goto bare;
            }

            s->field = (c == 'd') ? FIELD_DATA
                       : (c == 'e') ? FIELD_EVENT : FIELD_OTHER;
            s->state = ST_FIELD;

            /* fall through */

        case ST_FIELD:

            if (s->field_len == 0 && e - p > 5
                && memcmp(p, "data:", 5) == 0)
            {
                s->field_len = 4;
                p += 4;
            }

            c = *p;

            if (c == ':') {
                llm_sse_field(s, h, ctx);
                p++;
                s->state = ST_SPACE;
                continue;
            }

            if (c == '\n' || c == '\r') {
                llm_sse_field(s, h, ctx);
                p++;
                s->state = (c == '\r') ? ST_CR : ST_LINE;
                continue;
            }

            s->field = s->field ? llm_sse_narrow(s, c) : FIELD_OTHER;

            /* any length but that of "" tells it from a comment's */
            s->field_len += (s->field_len < 255);
            p++;
            continue;

        case ST_BARE:
        bare:

            over = 0;
            p = h->bare(ctx, p, e, &over);

            if (over) {
                s->field = FIELD_OTHER;
                s->state = ST_VALUE;
            }

            continue;

        case ST_SPACE:
            s->state = ST_VALUE;

            if (*p == ' ') {
                p++;
                continue;
            }

            /* fall through */

        default: /* ST_VALUE */
        value:

            if (s->field == FIELD_DATA || s->field == FIELD_ERROR) {
                q = h->data(ctx, p, e);

            } else {
                q = llm_scan_line(p, e);
                llm_sse_value(s, p, q - p);
            }

            if (q == e) {
                s->state = ST_VALUE;
                return;
            }

            p = q + 1;

            if (*q == '\n' && p < e && *p == '\n') {
                s->state = ST_LINE;
                llm_sse_dispatch(s, h, ctx);
                p++;
                continue;
            }

            s->state = (*q == '\r') ? ST_CR : ST_LINE;
        }
    }
}


void
llm_sse_end(llm_sse_t *s, const llm_sse_handler_t *h, void *ctx)
{
    if (s->state == ST_FIELD) {
        llm_sse_field(s, h, ctx);
    }

    llm_sse_dispatch(s, h, ctx);

    s->state = ST_LINE;
}


int
llm_sse_idle(const llm_sse_t *s)
{
    return (s->state == ST_LINE || s->state == ST_CR) && !s->has_data;
}


int
llm_sse_clear(const llm_sse_t *s)
{
    return llm_sse_idle(s) && s->name_len == 0;
}
