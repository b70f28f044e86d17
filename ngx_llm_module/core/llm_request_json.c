
/*
 * Copyright (C) ngx_llm_module authors
 *
 * JSON that a model reads as it stands in the request: tools, and the calls
 * and results of earlier turns.  The scanner tells where it begins and ends;
 * what is between is looked at once more as it passes, here.
 *
 * No provider gives tools to its model as they were written: white space,
 * quotes and braces go, names and descriptions stay, and some mark stands
 * for each place.  So of tools the strings are counted, and their text.
 * Arguments and results it is given as JSON.
 *
 * The scanner has found the bytes to be JSON, or will: what is counted of a
 * body that turns out to be none is dropped.
 */


#include "llm_request_in.h"


/* A character by its number, in UTF-8: half a pair stands for one of four
   bytes, the other half for none. */

static void
llm_request_json_hex(llm_request_t *r, llm_text_t *t)
{
    size_t    n;
    uint8_t   u[4];
    uint16_t  c;

    c = r->hex;

    if (c < 0x80) {
        u[0] = c;
        n = 1;

    } else if (c < 0x800) {
        u[0] = 0xc0 | (c >> 6);
        u[1] = 0x80 | (c & 0x3f);
        n = 2;

    } else if (c >= 0xd800 && c < 0xdc00) {
        memcpy(u, "\xf0\x9f\x98\x80", 4);
        n = 4;

    } else if (c >= 0xdc00 && c < 0xe000) {
        n = 0;

    } else {
        u[0] = 0xe0 | (c >> 12);
        u[1] = 0x80 | ((c >> 6) & 0x3f);
        u[2] = 0x80 | (c & 0x3f);
        n = 3;
    }

    llm_text_add(t, u, n);
}


/* One byte of an escape, the backslash being the first. */

static void
llm_request_json_escape(llm_request_t *r, llm_text_t *t, uint8_t c)
{
    if (r->escape > 1) {
        r->hex = (r->hex << 4) | ((c & 0x0f) + (c > '9' ? 9 : 0));

        if (++r->escape == 6) {
            r->escape = 0;
            llm_request_json_hex(r, t);
        }

        return;
    }

    if (c == 'u') {
        r->escape = 2;
        r->hex = 0;
        return;
    }

    r->escape = 0;

    /* the others are white space, or stand for themselves */

    if (c >= 'a') {
        c = ' ';
    }

    llm_text_add(t, &c, 1);
}


static void
llm_request_json_strings(llm_request_t *r, llm_request_json_t *j,
    const uint8_t *p, const uint8_t *e)
{
    const uint8_t  *q;

    while (p < e) {

        if (r->escape) {
            llm_request_json_escape(r, &j->text, *p++);
            continue;
        }

        if (!r->in_string) {
            p = memchr(p, '"', e - p);
            if (p == NULL) {
                return;
            }

            p++;
            r->in_string = 1;
            j->strings += (j->strings < UINT32_MAX);
            llm_text_break(&j->text);
            continue;
        }

        for (q = p; q < e && *q != '"' && *q != '\\'; q++) { /* void */ }

        llm_text_add(&j->text, p, q - p);

        if (q == e) {
            return;
        }

        r->escape = (*q == '\\');
        r->in_string = r->escape;
        p = q + 1;
    }
}


/* What has passed of the JSON at hand, up to an offset. */

static void
llm_request_json_pass(llm_request_t *r, uint64_t end)
{
    size_t               n;
    uint64_t             from;
    const uint8_t       *p, *e;
    llm_request_json_t  *j;

    from = llm_max(r->opened, r->at);

    p = r->piece + (from - r->at);
    e = r->piece + (end - r->at);

    r->opaque += e - p;

    if (r->open == R_JSON) {
        llm_text_add(&r->calls, p, e - p);
        return;
    }

    j = (r->open == R_TOOLS) ? &r->tools : &r->schema;

    n = LLM_REQUEST_JSON - llm_min(j->bytes, LLM_REQUEST_JSON);
    n = llm_min(n, (size_t) (e - p));
    j->bytes += e - p;

    llm_request_json_strings(r, j, p, p + n);
}


void
llm_request_json_open(llm_request_t *r, const llm_json_event_t *ev)
{
    r->open = ev->slot;
    r->opened = ev->start;
    r->in_string = 0;
    r->escape = 0;

    llm_text_break(&r->calls);
}


void
llm_request_json_close(llm_request_t *r, const llm_json_event_t *ev)
{
    llm_request_json_pass(r, ev->end);
    r->open = R_NONE;
}


void
llm_request_json_piece(llm_request_t *r, const uint8_t *p, uint64_t at)
{
    r->piece = p;
    r->at = at;
}


void
llm_request_json_fed(llm_request_t *r)
{
    if (r->open) {
        llm_request_json_pass(r, r->json.offset);
    }
}
