
/*
 * Copyright (C) ngx_llm_module authors
 *
 * One state machine for the object and one for what a string is written
 * with: "\/" and "\u002b" are characters of base64 like any other.  What must
 * stay true:
 *
 *  - What is handed on is what the bytes before the first odd one say,
 *    however they are cut.
 *
 *  - All of the object is read, so that llm_bytes_whole() speaks of all of
 *    it.  Of the other members only the ends are found: their strings are
 *    checked, but not how their brackets match, nor how a number is spelt.
 */


#include "llm_bytes.h"
#include "llm_scan.h"


#define LLM_BYTES_PART   1536    /* most that is handed on at a time */
#define LLM_BYTES_DEPTH  255

enum {
    ST_OPEN = 0,                 /* before { */
    ST_KEY,
    ST_COLON,
    ST_VALUE,
    ST_COMMA,                    /* behind a value */
    ST_CLOSED,
    ST_SCALAR,                   /* in a number or a literal */
    ST_NESTED,                   /* in an object or array, in no string */
    ST_STRING,
    ST_ESCAPE,
    ST_HEX,
    ST_ODD
};

/* which string it is */

enum {
    STRING_KEY = 0,
    STRING_BYTES,
    STRING_OTHER,                /* the value of another member */
    STRING_NESTED
};


static const uint8_t  llm_bytes_key[] = "bytes";

#define LLM_BYTES_KEY    (sizeof(llm_bytes_key) - 1)
#define LLM_BYTES_NOKEY  255     /* another key */


/* What a byte after a backslash stands for; 0: nothing, u aside. */

static const uint8_t  llm_bytes_escapes[256] = {
    ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f',
    ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'
};


/* The value of a character of base64, or more than 63. */

#define NO  0xff

static const uint8_t  llm_bytes_sextets[256] = {
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 62, NO, NO, NO, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, NO, NO, NO,
    NO,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NO, NO, NO, NO, NO,
    NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO
};

#undef NO


static inline int
llm_bytes_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}


/* What a number or a literal is written with. */

static inline int
llm_bytes_scalar(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-'
           || c == '+' || c == '.' || c == 'E';
}


void
llm_bytes_init(llm_bytes_t *b)
{
    memset(b, 0, sizeof(llm_bytes_t));
}


static inline void
llm_bytes_string(llm_bytes_t *b, unsigned string)
{
    b->string = string;
    b->state = ST_STRING;
}


/* A string is over.  Of base64 whole quanta, filled up with "=", are left. */

static void
llm_bytes_string_end(llm_bytes_t *b)
{
    switch (b->string) {

    case STRING_KEY:
        b->state = ST_COLON;
        break;

    case STRING_BYTES:
        b->state = (b->quantum == 0) ? ST_COMMA : ST_ODD;
        break;

    case STRING_OTHER:
        b->state = ST_COMMA;
        break;

    default:
        b->state = ST_NESTED;
    }
}


/*
 * One character of base64, however it was written.  quantum: how many of its
 * four have come, "=" counted, which may be the last two of the last one.
 */

static void
llm_bytes_sextet(llm_bytes_t *b, unsigned c, llm_bytes_pt data, void *ctx)
{
    uint8_t  v, out[3];

    if (c == '=' && b->quantum >= 2) {
        v = 0;
        b->pad++;

    } else {
        v = (c < 256) ? llm_bytes_sextets[c] : 255;

        if (v > 63 || b->pad) {
            b->state = ST_ODD;
            return;
        }
    }

    b->bits = b->bits << 6 | v;
    b->quantum = (b->quantum + 1) & 3;

    if (b->quantum == 0) {
        out[0] = b->bits >> 16;
        out[1] = b->bits >> 8;
        out[2] = b->bits;

        data(ctx, out, 3 - b->pad);
    }
}


/* Whole quanta without escapes and padding.  Returns where they end. */

static const uint8_t *
llm_bytes_quanta(const uint8_t *p, const uint8_t *e, llm_bytes_pt data,
    void *ctx)
{
    size_t    n;
    uint8_t   x[4], out[LLM_BYTES_PART];
    uint32_t  bits;

    do {
        n = 0;

        while (e - p >= 4 && n < LLM_BYTES_PART) {
            x[0] = llm_bytes_sextets[p[0]];
            x[1] = llm_bytes_sextets[p[1]];
            x[2] = llm_bytes_sextets[p[2]];
            x[3] = llm_bytes_sextets[p[3]];

            if ((x[0] | x[1] | x[2] | x[3]) > 63) {
                break;
            }

            bits = (uint32_t) x[0] << 18 | (uint32_t) x[1] << 12
                   | (uint32_t) x[2] << 6 | x[3];

            out[n++] = bits >> 16;
            out[n++] = bits >> 8;
            out[n++] = bits;
            p += 4;
        }

        if (n) {
            data(ctx, out, n);
        }

    } while (n == LLM_BYTES_PART);

    return p;
}


/* A character of a string, escapes decoded. */

static void
llm_bytes_char(llm_bytes_t *b, unsigned c, llm_bytes_pt data, void *ctx)
{
    b->state = ST_STRING;

    if (b->string == STRING_BYTES) {
        llm_bytes_sextet(b, c, data, ctx);

    } else if (b->string == STRING_KEY) {
        b->key = (b->key < LLM_BYTES_KEY && c == llm_bytes_key[b->key])
                 ? b->key + 1 : LLM_BYTES_NOKEY;
    }
}


/* The inside of a string from p on, up to its end or an escape, or e. */

static const uint8_t *
llm_bytes_inside(llm_bytes_t *b, const uint8_t *p, const uint8_t *e,
    llm_bytes_pt data, void *ctx)
{
    const uint8_t  *q;

    if (b->string == STRING_BYTES && b->quantum == 0 && b->pad == 0) {
        p = llm_bytes_quanta(p, e, data, ctx);

    } else if (b->string >= STRING_OTHER) {
        p = llm_scan_string(p, e);

    } else if (b->string == STRING_KEY && b->key == 0
               && (size_t) (e - p) > LLM_BYTES_KEY
               && memcmp(p, llm_bytes_key, LLM_BYTES_KEY) == 0)
    {
        b->key = LLM_BYTES_KEY;
        p += LLM_BYTES_KEY;
    }

    for (q = p; q < e && !llm_scan_special(*q); q++) {
        llm_bytes_char(b, *q, data, ctx);

        if (b->state == ST_ODD) {
            return e;
        }

        if (b->string == STRING_BYTES && b->quantum == 0 && b->pad == 0) {
            return q + 1;
        }
    }

    if (q == e) {
        return e;
    }

    if (*q == '"') {
        llm_bytes_string_end(b);

    } else {
        b->state = (*q == '\\') ? ST_ESCAPE : ST_ODD;
    }

    return q + 1;
}


/* A byte of an escape. */

static void
llm_bytes_escape(llm_bytes_t *b, uint8_t c, llm_bytes_pt data, void *ctx)
{
    if (b->state == ST_ESCAPE) {

        if (c == 'u') {
            b->state = ST_HEX;
            b->nhex = 0;

        } else if (llm_bytes_escapes[c]) {
            llm_bytes_char(b, llm_bytes_escapes[c], data, ctx);

        } else {
            b->state = ST_ODD;
        }

        return;
    }

    if (c >= '0' && c <= '9') {
        c -= '0';

    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
        c = (c | 0x20) - 'a' + 10;

    } else {
        b->state = ST_ODD;
        return;
    }

    b->hex = b->hex << 4 | c;

    if (++b->nhex == 4) {
        llm_bytes_char(b, b->hex, data, ctx);
    }
}


/* The first byte of a value. */

static void
llm_bytes_value(llm_bytes_t *b, uint8_t c)
{
    unsigned  wanted;

    wanted = (b->key == LLM_BYTES_KEY);

    if (c == '"') {
        llm_bytes_string(b, wanted ? STRING_BYTES : STRING_OTHER);
    }

    if (wanted) {

        /* twice is odd, and so is one that is no string */

        if (b->seen || c != '"') {
            b->state = ST_ODD;
        }

        b->seen = 1;
        return;
    }

    if (c == '{' || c == '[') {
        b->state = ST_NESTED;
        b->depth = 1;

    } else if (c != '"') {
        b->state = llm_bytes_scalar(c) ? ST_SCALAR : ST_ODD;
    }
}


/* A byte of an object or array that is left out, outside of its strings. */

static void
llm_bytes_nested(llm_bytes_t *b, uint8_t c)
{
    switch (c) {

    case '"':
        llm_bytes_string(b, STRING_NESTED);
        return;

    case '{':
    case '[':
        if (b->depth == LLM_BYTES_DEPTH) {
            b->state = ST_ODD;
            return;
        }

        b->depth++;
        return;

    case '}':
    case ']':
        if (--b->depth == 0) {
            b->state = ST_COMMA;
        }

        return;

    case ',':
    case ':':
        return;
    }

    if (!llm_bytes_scalar(c)) {
        b->state = ST_ODD;
    }
}


/* A byte between the members' strings and values, which is no white space. */

static void
llm_bytes_mark(llm_bytes_t *b, uint8_t c)
{
    switch (b->state) {

    case ST_OPEN:
        b->state = (c == '{') ? ST_KEY : ST_ODD;
        return;

    case ST_KEY:
        if (c != '"') {
            b->state = ST_ODD;
            return;
        }

        b->key = 0;
        llm_bytes_string(b, STRING_KEY);
        return;

    case ST_COLON:
        b->state = (c == ':') ? ST_VALUE : ST_ODD;
        return;

    case ST_VALUE:
        llm_bytes_value(b, c);
        return;

    case ST_COMMA:
        b->state = (c == ',') ? ST_KEY : (c == '}') ? ST_CLOSED : ST_ODD;
        return;

    default: /* ST_CLOSED */
        b->state = ST_ODD;
    }
}


void
llm_bytes_feed(llm_bytes_t *b, const uint8_t *p, size_t len,
    llm_bytes_pt data, void *ctx)
{
    const uint8_t  *e;

    e = p + len;

    while (p < e) {

        switch (b->state) {

        case ST_STRING:
            p = llm_bytes_inside(b, p, e, data, ctx);
            continue;

        case ST_ESCAPE:
        case ST_HEX:
            llm_bytes_escape(b, *p++, data, ctx);
            continue;

        case ST_SCALAR:
            if (llm_bytes_scalar(*p)) {
                p++;
                continue;
            }

            b->state = ST_COMMA;
            continue;

        case ST_ODD:
            return;
        }

        if (llm_bytes_space(*p)) {
            p++;
            continue;
        }

        if (b->state == ST_NESTED) {
            llm_bytes_nested(b, *p++);

        } else {
            llm_bytes_mark(b, *p++);
        }
    }
}


int
llm_bytes_whole(const llm_bytes_t *b)
{
    return b->state == ST_CLOSED && b->seen;
}
