
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The canonical bytes of a JSON text.
 *
 * The text is not checked here: the reader of requests does that.  Strings
 * and numbers stay as they are written, so texts that mean the same may
 * differ; texts that mean different things never agree, for between two
 * tokens of JSON that would run together there is always a third.
 *
 * Members of the outer object are left out by their names.  A name may be
 * written with escapes, and may be cut by the end of a piece; so the keys of
 * that object, and nothing else, are held until they are known.  One that is
 * longer than any escaped name is none of them and is let go.  Commas of that
 * object are put in anew, before each member but the first.
 */


#include "llm_canon.h"
#include "llm_scan.h"


enum {
    C_OUT = 0,                   /* outside of strings */
    C_MEMBER,                    /* before a key of the outer object */
    C_KEY,                       /* in such a key */
    C_KEY_ESCAPE,
    C_KEY_HEX,
    C_STRING,                    /* in any other string */
    C_ESCAPE
};


#define LLM_CANON_OTHER  (LLM_CANON_NAME + 1)    /* length of no name */


void
llm_canon_init(llm_canon_t *c, const char *const *names,
    llm_canon_sink_pt sink, void *data)
{
    memset(c, 0, sizeof(llm_canon_t));

    c->names = names;
    c->sink = sink;
    c->data = data;
}


static inline void
llm_canon_take(llm_canon_t *c, const void *p, size_t len)
{
    if (len && !c->left) {
        c->sink(c->data, p, len);
    }
}


static inline int
llm_canon_space(uint8_t ch)
{
    return ch == ' ' || ch == '\n' || ch == '\r' || ch == '\t';
}


/* A run outside of strings, up to what ends it. */

static const uint8_t *
llm_canon_out(llm_canon_t *c, const uint8_t *p, const uint8_t *e)
{
    const uint8_t  *q;

    for (q = p; q < e; q++) {

        if (*q == '"') {
            c->state = C_STRING;
            q++;
            break;
        }

        if (llm_canon_space(*q)) {
            llm_canon_take(c, p, q - p);
            return q + 1;
        }

        if (*q == ',' && c->depth == 1 && c->object) {
            llm_canon_take(c, p, q - p);
            c->left = 0;
            c->state = C_MEMBER;
            return q + 1;
        }

        if (*q == '{' || *q == '[') {

            if (c->depth++ == 0) {
                c->object = (*q == '{');
                c->member = 0;
            }

            if (c->depth == 1 && c->object) {
                c->state = C_MEMBER;
                q++;
                break;
            }

        } else if ((*q == '}' || *q == ']') && c->depth) {

            if (--c->depth == 0 && c->left) {
                /* the object ends, and with it what was left out */
                c->left = 0;
                p = q;
            }
        }
    }

    llm_canon_take(c, p, q - p);

    return q;
}


static const uint8_t *
llm_canon_member(llm_canon_t *c, const uint8_t *p, const uint8_t *e)
{
    while (p < e && llm_canon_space(*p)) {
        p++;
    }

    if (p == e) {
        return p;
    }

    if (*p != '"') {
        c->state = C_OUT;
        return p;
    }

    c->state = C_KEY;
    c->raw_len = 0;
    c->name_len = 0;

    return p + 1;
}


/* The key that was held, and the comma that parts it from the one before. */

static void
llm_canon_key(llm_canon_t *c)
{
    if (c->member) {
        llm_canon_take(c, ",", 1);
    }

    c->member = 1;

    llm_canon_take(c, "\"", 1);
    llm_canon_take(c, c->raw, c->raw_len);
}


static void
llm_canon_key_end(llm_canon_t *c)
{
    const char *const  *name;

    for (name = c->names; *name; name++) {
        if (strlen(*name) == c->name_len
            && memcmp(*name, c->name, c->name_len) == 0)
        {
            c->left = 1;
            return;
        }
    }

    llm_canon_key(c);
    llm_canon_take(c, "\"", 1);
}


static void
llm_canon_name(llm_canon_t *c, uint16_t ch)
{
    if (ch >= 0x80 || c->name_len >= LLM_CANON_NAME) {
        c->name_len = LLM_CANON_OTHER;
        return;
    }

    c->name[c->name_len++] = (uint8_t) ch;
}


static void
llm_canon_hex(llm_canon_t *c, uint8_t ch)
{
    c->hex = (c->hex << 4) | ((ch & 0x0f) + (ch > '9' ? 9 : 0));

    if (++c->nhex == 4) {
        c->state = C_KEY;
        llm_canon_name(c, c->hex);
    }
}


/* Bytes of a key that is held. */

static const uint8_t *
llm_canon_held(llm_canon_t *c, const uint8_t *p, const uint8_t *e)
{
    for ( /* void */ ; p < e; p++) {

        if (c->state == C_KEY && *p == '"') {
            c->state = C_OUT;
            llm_canon_key_end(c);
            return p + 1;
        }

        if (c->raw_len == LLM_CANON_RAW) {
            c->state = (c->state == C_KEY_ESCAPE) ? C_ESCAPE : C_STRING;
            llm_canon_key(c);
            return p;
        }

        c->raw[c->raw_len++] = *p;

        if (c->state == C_KEY_HEX) {
            llm_canon_hex(c, *p);

        } else if (c->state == C_KEY_ESCAPE) {
            c->state = (*p == 'u') ? C_KEY_HEX : C_KEY;
            c->nhex = 0;
            c->hex = 0;

            if (*p != 'u') {
                /* no name has what the others stand for */
                c->name_len = LLM_CANON_OTHER;
            }

        } else if (*p == '\\') {
            c->state = C_KEY_ESCAPE;

        } else {
            llm_canon_name(c, *p);
        }
    }

    return p;
}


static const uint8_t *
llm_canon_string(llm_canon_t *c, const uint8_t *p, const uint8_t *e)
{
    const uint8_t  *q;

    for (q = p; /* void */ ; q++) {
        q = llm_scan_string(q, e);

        if (q == e) {
            break;
        }

        if (*q == '"') {
            c->state = C_OUT;
            q++;
            break;
        }

        if (*q == '\\') {

            if (++q == e) {
                c->state = C_ESCAPE;
                break;
            }
        }
    }

    llm_canon_take(c, p, q - p);

    return q;
}


void
llm_canon_feed(llm_canon_t *c, const uint8_t *p, size_t len)
{
    const uint8_t  *e;

    e = p + len;

    while (p < e) {

        switch (c->state) {

        case C_OUT:
            p = llm_canon_out(c, p, e);
            break;

        case C_MEMBER:
            p = llm_canon_member(c, p, e);
            break;

        case C_STRING:
            p = llm_canon_string(c, p, e);
            break;

        case C_ESCAPE:
            c->state = C_STRING;
            llm_canon_take(c, p, 1);
            p++;
            break;

        default:
            p = llm_canon_held(c, p, e);
        }
    }
}
