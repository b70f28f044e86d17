
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The text of strings and keys, escapes decoded, and what is kept of it; and
 * the grammar of numbers.
 */


#include "llm_json_in.h"


/* runs of decoded text shorter than this are gathered, not handed on alone */
#define LLM_JSON_SHORT  32


/*
 * Decoded bytes of the string or key at hand.  Of a text string every byte
 * is handed on, long runs as they lie, short ones gathered; of others the
 * first LLM_JSON_TEXT are kept.
 */

void
llm_json_append(llm_json_t *s, const uint8_t *p, size_t len)
{
    size_t                  room;
    const llm_json_node_t  *n;

    room = LLM_JSON_TEXT - s->text_len;

    if (len < LLM_JSON_SHORT && len <= room) {
        memcpy(s->text + s->text_len, p, len);
        s->text_len += len;
        return;
    }

    n = &s->table->node[s->node];

    if (!s->in_key && (n->flags & LLM_JSON_F_TEXT) && n->slot) {

        if (len >= LLM_JSON_SHORT || len > room) {

            if (s->text_len) {
                llm_json_emit(s, s->node, LLM_JSON_PIECE, s->text, s->text_len,
                              s->start);
                s->text_len = 0;
            }

            if (len >= LLM_JSON_SHORT) {
                llm_json_emit(s, s->node, LLM_JSON_PIECE, p, len, s->start);
                return;
            }
        }

        memcpy(s->text + s->text_len, p, len);
        s->text_len += len;
        return;
    }

    if (len > room) {
        s->flags |= LLM_JSON_E_CUT;
        len = room;
    }

    memcpy(s->text + s->text_len, p, len);
    s->text_len += len;
}


void
llm_json_flush(llm_json_t *s)
{
    const llm_json_node_t  *n;

    n = &s->table->node[s->node];

    if (!s->in_key && n->slot && (n->flags & LLM_JSON_F_TEXT) && s->text_len)
    {
        llm_json_emit(s, s->node, LLM_JSON_PIECE, s->text, s->text_len,
                      s->start);
        s->text_len = 0;
    }
}


static void
llm_json_code_point(llm_json_t *s, uint32_t c)
{
    size_t   n;
    uint8_t  u[4];

    if (c < 0x80) {
        u[0] = c;
        n = 1;

    } else if (c < 0x800) {
        u[0] = 0xc0 | (c >> 6);
        u[1] = 0x80 | (c & 0x3f);
        n = 2;

    } else if (c < 0x10000) {
        u[0] = 0xe0 | (c >> 12);
        u[1] = 0x80 | ((c >> 6) & 0x3f);
        u[2] = 0x80 | (c & 0x3f);
        n = 3;

    } else {
        u[0] = 0xf0 | (c >> 18);
        u[1] = 0x80 | ((c >> 12) & 0x3f);
        u[2] = 0x80 | ((c >> 6) & 0x3f);
        u[3] = 0x80 | (c & 0x3f);
        n = 4;
    }

    llm_json_append(s, u, n);
}


void
llm_json_lone_surrogate(llm_json_t *s)
{
    s->high = 0;

    if (!s->in_key) {
        s->flags |= LLM_JSON_E_BADESC;
    }

    llm_json_code_point(s, 0xfffd);
}


/* What a byte after a backslash stands for. */

static const uint8_t  llm_json_short[256] = {
    ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f',
    ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'
};


/* Hexadecimal digits and one more, so that 0 is none. */

static const uint8_t  llm_json_digit[256] = {
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5,
    ['5'] = 6, ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
    ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16
};


/* One 16-bit unit of an escape. */

static void
llm_json_unit(llm_json_t *s, unsigned unit)
{
    unsigned  high;

    if (llm_unlikely(s->high)) {

        if (unit >= 0xdc00 && unit <= 0xdfff) {
            high = s->high;
            s->high = 0;
            llm_json_code_point(s, 0x10000 + ((high & 0x3ff) << 10)
                                   + (unit & 0x3ff));
            return;
        }

        llm_json_lone_surrogate(s);
    }

    if (unit >= 0xd800 && unit <= 0xdbff) {
        s->high = unit;

    } else if (unit >= 0xdc00 && unit <= 0xdfff) {
        llm_json_lone_surrogate(s);

    } else {
        llm_json_code_point(s, unit);
    }
}


int
llm_json_escape(llm_json_t *s, uint8_t c)
{
    if (s->in_key) {
        s->flags |= LLM_JSON_E_ESCKEY;
    }

    if (c == 'u') {
        s->nhex = 0;
        s->hex = 0;
        return LLM_JSON_UNICODE;
    }

    c = llm_json_short[c];

    if (c == 0) {
        return LLM_JSON_ERROR;
    }

    if (s->high) {
        llm_json_lone_surrogate(s);
    }

    llm_json_append(s, &c, 1);

    return LLM_JSON_OK;
}


int
llm_json_hex(llm_json_t *s, uint8_t c)
{
    c = llm_json_digit[c];

    if (c == 0) {
        return LLM_JSON_ERROR;
    }

    s->hex = s->hex << 4 | (c - 1);

    if (++s->nhex == 4) {
        llm_json_unit(s, s->hex);
    }

    return LLM_JSON_OK;
}


/* The unit of four digits; more than 16 bits: they are none. */

static inline unsigned
llm_json_unit_of(const uint8_t *p)
{
    unsigned  a, b, c, d;

    a = llm_json_digit[p[0]];
    b = llm_json_digit[p[1]];
    c = llm_json_digit[p[2]];
    d = llm_json_digit[p[3]];

    if (a == 0 || b == 0 || c == 0 || d == 0) {
        return 0x10000;
    }

    return (a - 1) << 12 | (b - 1) << 8 | (c - 1) << 4 | (d - 1);
}


const uint8_t *
llm_json_escapes(llm_json_t *s, const uint8_t *p, const uint8_t *e)
{
    uint8_t   c;
    unsigned  unit;

    if (s->in_key) {
        s->flags |= LLM_JSON_E_ESCKEY;
    }

    while (e - p >= 2 && p[0] == '\\') {
        c = llm_json_short[p[1]];

        if (c) {
            p += 2;

            if (llm_unlikely(s->high)) {
                llm_json_lone_surrogate(s);
            }

            if (llm_likely(s->text_len < LLM_JSON_TEXT)) {
                s->text[s->text_len++] = c;

            } else {
                llm_json_append(s, &c, 1);
            }

            continue;
        }

        if (p[1] != 'u' || e - p < 6) {
            break;
        }

        unit = llm_json_unit_of(p + 2);

        if (unit > 0xffff) {
            break;
        }

        p += 6;
        llm_json_unit(s, unit);
    }

    return p;
}


const uint8_t *
llm_json_escapes_skip(const uint8_t *p, const uint8_t *e)
{
    while (e - p >= 2 && p[0] == '\\') {

        if (llm_json_short[p[1]]) {
            p += 2;
            continue;
        }

        if (p[1] != 'u' || e - p < 6 || llm_json_unit_of(p + 2) > 0xffff) {
            break;
        }

        p += 6;
    }

    return p;
}


const uint8_t *
llm_json_number(llm_json_t *s, const uint8_t *p, const uint8_t *e)
{
    uint8_t  c, state;

    state = s->state;

    for ( /* void */ ; p < e; p++) {
        c = *p;

        if (c >= '0' && c <= '9') {

            switch (state) {
            case ST_MINUS:
                state = (c == '0') ? ST_ZERO : ST_INT;
                break;
            case ST_DOT:
                state = ST_FRAC;
                break;
            case ST_E:
            case ST_ESIGN:
                state = ST_EXP;
                break;
            case ST_ZERO:
                /* 01: the digit ends the number, and nothing takes it */
                goto done;
            }

            continue;
        }

        if (c == '.' && (state == ST_INT || state == ST_ZERO)) {
            state = ST_DOT;
            continue;
        }

        if ((c == 'e' || c == 'E')
            && (state == ST_INT || state == ST_ZERO || state == ST_FRAC))
        {
            state = ST_E;
            continue;
        }

        if ((c == '+' || c == '-') && state == ST_E) {
            state = ST_ESIGN;
            continue;
        }

        break;
    }

done:

    s->state = state;

    return p;
}
