
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Frames as a state machine over the fields of a frame.  What must stay true:
 *
 *  - No length is trusted further than the one around it: a header's value
 *    lies within the headers, the headers within the frame, the frame within
 *    LLM_FRAME_MAX.  So every count below only goes down, and to zero.
 *
 *  - The CRC is taken over what lies together in the buffer, before it is
 *    cut into fields, and so over all that comes between both CRCs of a
 *    frame, once.
 *
 *  - Which frame is refused, and after how much of it was handed on, depends
 *    on its bytes alone.
 */


#include "llm_frame.h"


#define LLM_FRAME_PRELUDE  8     /* both lengths */
#define LLM_FRAME_CRC      4
#define LLM_FRAME_LEAST    (LLM_FRAME_PRELUDE + 2 * LLM_FRAME_CRC)


enum {
    ST_PRELUDE = 0,
    ST_PRELUDE_CRC,
    ST_HEADER,                   /* length of a name; or the payload begins */
    ST_NAME,
    ST_TYPE,
    ST_LENGTH,                   /* of a value */
    ST_VALUE,
    ST_PAYLOAD,
    ST_CRC,
    ST_BROKEN
};


/* Names of headers.  Of two types in one frame the later one here counts. */

enum {
    NAME_OTHER = 0,
    NAME_MESSAGE,
    NAME_EVENT,
    NAME_EXCEPTION,
    NAME_ERROR
};

typedef struct {
    const char  *text;
    uint8_t      len;
    uint8_t      is;
} llm_frame_word_t;

#define llm_frame_word(s, is)  { s, sizeof(s) - 1, is }


static const llm_frame_word_t  llm_frame_names[] = {
    llm_frame_word(":message-type", NAME_MESSAGE),
    llm_frame_word(":event-type", NAME_EVENT),
    llm_frame_word(":exception-type", NAME_EXCEPTION),
    llm_frame_word(":error-code", NAME_ERROR),
    { NULL, 0, NAME_OTHER }
};

static const llm_frame_word_t  llm_frame_messages[] = {
    llm_frame_word("event", LLM_FRAME_EVENT),
    llm_frame_word("exception", LLM_FRAME_EXCEPTION),
    llm_frame_word("error", LLM_FRAME_ERROR),
    { NULL, 0, LLM_FRAME_ERROR }
};

/* which header says the type of a message */

static const uint8_t  llm_frame_types[] = {
    NAME_EVENT, NAME_EXCEPTION, NAME_ERROR
};


/* Bytes of a header's value, by its type. */

#define LLM_FRAME_STRING  7
#define LLM_FRAME_VAR     255    /* its length comes first, in 2 bytes */

static const uint8_t  llm_frame_sizes[] = {
    0,                           /* true */
    0,                           /* false */
    1,                           /* byte */
    2,                           /* short */
    4,                           /* integer */
    8,                           /* long */
    LLM_FRAME_VAR,               /* bytes */
    LLM_FRAME_VAR,               /* string */
    8,                           /* timestamp */
    16                           /* uuid */
};


static inline uint32_t
llm_frame_u32(const uint8_t *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
           | (uint32_t) p[2] << 8 | p[3];
}


/* What a word is by a table, or what its last says. */

static uint8_t
llm_frame_find(const llm_frame_word_t *w, const uint8_t *p, size_t len)
{
    for ( /* void */ ; w->text; w++) {
        if (w->len == len && memcmp(w->text, p, len) == 0) {
            break;
        }
    }

    return w->is;
}


/* A part of a name or a value that may be a word.  No word is as long as
 * field. */

static void
llm_frame_keep(llm_frame_t *f, const uint8_t *p, size_t len)
{
    len = llm_min(len, sizeof(f->field) - f->have);

    memcpy(f->field + f->have, p, len);
    f->have += len;
}


void
llm_frame_init(llm_frame_t *f)
{
    memset(f, 0, sizeof(llm_frame_t));
}


/* The headers are over. */

static void
llm_frame_head(llm_frame_t *f, const llm_frame_handler_t *h, void *ctx)
{
    llm_str_t  type;

    type.data = f->type;
    type.len = (llm_frame_types[f->message] == f->type_of) ? f->type_len : 0;

    f->state = ST_PAYLOAD;

    h->head(ctx, f->message, type);
}


/* The value of a header is over. */

static void
llm_frame_value_end(llm_frame_t *f)
{
    if (f->name == NAME_MESSAGE) {
        f->message = llm_frame_find(llm_frame_messages, f->field, f->have);
    }

    f->state = ST_HEADER;
}


/* The value of a header is so long. */

static void
llm_frame_value_begin(llm_frame_t *f, uint16_t len)
{
    f->value = len;
    f->have = 0;

    if (len > f->headers) {
        f->state = ST_BROKEN;
        return;
    }

    if (len == 0) {
        llm_frame_value_end(f);
        return;
    }

    f->state = ST_VALUE;
}


/* A part of a type. */

static void
llm_frame_type(llm_frame_t *f, const uint8_t *p, size_t len)
{
    len = llm_min(len, (size_t) LLM_FRAME_TYPE - f->type_len);

    memcpy(f->type + f->type_len, p, len);
    f->type_len += len;
}


static void
llm_frame_value(llm_frame_t *f, const uint8_t *p, size_t len)
{
    if (f->name == NAME_MESSAGE) {
        llm_frame_keep(f, p, len);

    } else if (f->name != NAME_OTHER) {
        llm_frame_type(f, p, len);
    }
}


/*
 * The name of a header and the type of its value are known.  What we know
 * are strings; a :message-type that is none is one that nobody knows.
 */

static void
llm_frame_header(llm_frame_t *f, uint8_t name, uint8_t type)
{
    f->name = name;

    if (name == NAME_MESSAGE) {

        if (type != LLM_FRAME_STRING) {
            f->message = LLM_FRAME_ERROR;
            f->name = NAME_OTHER;
        }

        return;
    }

    if (type != LLM_FRAME_STRING || name < f->type_of) {
        f->name = NAME_OTHER;
        return;
    }

    if (name != NAME_OTHER) {
        f->type_of = name;
        f->type_len = 0;
    }
}


static void
llm_frame_value_type(llm_frame_t *f, uint8_t type)
{
    if (type >= sizeof(llm_frame_sizes)) {
        f->state = ST_BROKEN;
        return;
    }

    llm_frame_header(f, llm_frame_find(llm_frame_names, f->field, f->have),
                     type);

    if (llm_frame_sizes[type] != LLM_FRAME_VAR) {
        llm_frame_value_begin(f, llm_frame_sizes[type]);
        return;
    }

    f->have = 0;
    f->state = (f->headers < 2) ? ST_BROKEN : ST_LENGTH;
}


/*
 * The headers at p that are strings and lie whole before e, as nearly all do.
 * Returns where another one begins.
 */

static const uint8_t *
llm_frame_strings(llm_frame_t *f, const uint8_t *p, const uint8_t *e)
{
    size_t          n, len;
    const uint8_t  *b, *v;

    for (b = p; p < e; p = v + len) {
        n = p[0];

        if ((size_t) (e - p) < n + 4 || p[n + 1] != LLM_FRAME_STRING) {
            break;
        }

        v = p + n + 4;
        len = v[-2] << 8 | v[-1];

        if ((size_t) (e - v) < len) {
            break;
        }

        llm_frame_header(f, llm_frame_find(llm_frame_names, p + 1, n),
                         LLM_FRAME_STRING);

        if (f->name == NAME_MESSAGE) {
            f->message = llm_frame_find(llm_frame_messages, v, len);

        } else if (f->name != NAME_OTHER) {
            llm_frame_type(f, v, len);
        }
    }

    f->headers -= p - b;

    return p;
}


/* Headers from p on.  Returns where they end, or e. */

static const uint8_t *
llm_frame_headers(llm_frame_t *f, const uint8_t *p, const uint8_t *e)
{
    size_t  n;

    e = p + llm_min((size_t) (e - p), (size_t) f->headers);

    while (p < e) {

        switch (f->state) {

        case ST_HEADER:
            p = llm_frame_strings(f, p, e);

            if (p == e) {
                return p;
            }

            n = 1;
            f->headers--;
            f->name_left = *p;
            f->have = 0;
            f->state = f->name_left ? ST_NAME : ST_TYPE;

            /* a type comes behind the name */

            if (f->name_left >= f->headers) {
                f->state = ST_BROKEN;
            }

            break;

        case ST_NAME:
            n = llm_min((size_t) (e - p), (size_t) f->name_left);
            f->headers -= n;
            f->name_left -= n;
            llm_frame_keep(f, p, n);

            if (f->name_left == 0) {
                f->state = ST_TYPE;
            }

            break;

        case ST_TYPE:
            n = 1;
            f->headers--;
            llm_frame_value_type(f, *p);
            break;

        case ST_LENGTH:
            n = 1;
            f->headers--;
            f->value = f->value << 8 | *p;

            if (++f->have == 2) {
                llm_frame_value_begin(f, f->value);
            }

            break;

        case ST_VALUE:
            n = llm_min((size_t) (e - p), (size_t) f->value);
            f->headers -= n;
            f->value -= n;
            llm_frame_value(f, p, n);

            if (f->value == 0) {
                llm_frame_value_end(f);
            }

            break;

        default: /* ST_BROKEN */
            return p;
        }

        p += n;
    }

    return p;
}


/* Headers and payload: all that comes between both CRCs. */

static void
llm_frame_body(llm_frame_t *f, const uint8_t *p, size_t len,
    const llm_frame_handler_t *h, void *ctx)
{
    const uint8_t  *e;

    e = p + len;
    f->left -= len;

    if (f->state != ST_PAYLOAD) {
        p = llm_frame_headers(f, p, e);

        if (f->state == ST_BROKEN || f->headers) {
            return;
        }

        llm_frame_head(f, h, ctx);
    }

    if (p < e) {
        h->data(ctx, p, e - p);
    }

    if (f->left == 0) {
        f->state = ST_CRC;
        f->have = 0;
    }
}


/* A field of 4 or 8 bytes before or behind the body is there. */

static void
llm_frame_field(llm_frame_t *f, llm_frame_crc_pt crc,
    const llm_frame_handler_t *h, void *ctx)
{
    int       ok;
    uint32_t  total;

    f->have = 0;

    switch (f->state) {

    case ST_PRELUDE:
        total = llm_frame_u32(f->field);
        f->headers = llm_frame_u32(f->field + 4);

        if (total < LLM_FRAME_LEAST || total > LLM_FRAME_MAX
            || f->headers > total - LLM_FRAME_LEAST
            || f->headers > LLM_FRAME_HEADERS)
        {
            f->state = ST_BROKEN;
            return;
        }

        f->left = total - LLM_FRAME_LEAST;
        f->crc = crc(0, f->field, LLM_FRAME_PRELUDE);
        f->state = ST_PRELUDE_CRC;
        return;

    case ST_PRELUDE_CRC:
        if (llm_frame_u32(f->field) != f->crc) {
            f->state = ST_BROKEN;
            return;
        }

        f->crc = crc(f->crc, f->field, LLM_FRAME_CRC);
        f->message = LLM_FRAME_EVENT;
        f->type_of = NAME_OTHER;
        f->type_len = 0;
        f->state = ST_HEADER;

        if (f->headers == 0) {
            llm_frame_body(f, f->field, 0, h, ctx);
        }

        return;

    default: /* ST_CRC */
        ok = (llm_frame_u32(f->field) == f->crc);
        f->state = ok ? ST_PRELUDE : ST_BROKEN;

        h->event(ctx, ok);
    }
}


void
llm_frame_feed(llm_frame_t *f, llm_frame_crc_pt crc, const uint8_t *p,
    size_t len, const llm_frame_handler_t *h, void *ctx)
{
    size_t          n, size;
    const uint8_t  *e;

    e = p + len;

    while (p < e) {

        switch (f->state) {

        case ST_PRELUDE:
        case ST_PRELUDE_CRC:
        case ST_CRC:
            size = (f->state == ST_PRELUDE) ? LLM_FRAME_PRELUDE
                                            : LLM_FRAME_CRC;

            n = llm_min((size_t) (e - p), size - f->have);
            memcpy(f->field + f->have, p, n);
            f->have += n;

            if (f->have == size) {
                llm_frame_field(f, crc, h, ctx);
            }

            break;

        case ST_BROKEN:
            return;

        default:
            n = llm_min((size_t) (e - p), (size_t) f->left);
            f->crc = crc(f->crc, p, n);
            llm_frame_body(f, p, n, h, ctx);
        }

        p += n;
    }
}


int
llm_frame_idle(const llm_frame_t *f)
{
    return f->state == ST_PRELUDE && f->have == 0;
}


int
llm_frame_broken(const llm_frame_t *f)
{
    return f->state == ST_BROKEN;
}
