
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The incremental JSON scanner.
 *
 * One pass, no recursion, no allocation, no look-ahead: each byte is read
 * once, in whatever pieces it comes, and the state between two pieces is the
 * llm_json_t alone.  What must stay true:
 *
 *  - Chunking never matters.  Wherever a fast path below works on a token
 *    that lies whole in the buffer, the slow path (bytes gathered in text[])
 *    must give the same event.  Tests feed every input whole, byte by byte
 *    and split at random, and compare.
 *
 *  - It accepts RFC 8259 and nothing else: no comments, no trailing commas,
 *    no leading zeros, no control characters in strings, one value and then
 *    white space only.  Left open by the RFC and decided here: nesting is
 *    accepted to LLM_JSON_DEPTH; a lone surrogate escape is accepted and
 *    reads as U+FFFD; bytes of a string that are not UTF-8 are accepted and
 *    handed on as they are; a byte order mark is refused.
 *
 *  - Nothing is kept of what nobody asked for.  The path table says which
 *    places matter; below any other place keys are not even compared, and
 *    strings are skipped 16 to 64 bytes a step.
 *
 * The place of a value is a node of the path table.  node 0 stands for all
 * places that are not in the table: its children are node 0.  path[] holds
 * the node of each open container down to LLM_JSON_PATH; deeper ones are
 * node 0, so only their kind (object or array) is kept, a bit each.
 *
 * Keys are compared decoded: "mod\u0065l" is "model".  A strict table also
 * reports keys that differ from a known one by case only, since there are
 * parsers that take these for the same.
 */


#include "llm_json_in.h"
#include "llm_scan.h"


static const struct {
    const char  *text;
    uint8_t      len;
    uint8_t      type;
} llm_json_literals[] = {
    { "true", 4, LLM_JSON_TRUE },
    { "false", 5, LLM_JSON_FALSE },
    { "null", 4, LLM_JSON_NULL }
};


/* What ends the reading of a piece before its end. */

typedef enum {
    UNTIL_END = 0,
    UNTIL_LINE,                  /* CR and LF, which are not read */
    UNTIL_VALUE                  /* the last byte of the value */
} llm_json_until_e;


static inline int
llm_json_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}


/*
 * The loop.  A label is a state; at the end of the buffer the state is
 * written back and the same label is entered again with the next piece.
 * Returns where it ended.
 */

static const uint8_t *
llm_json_run(llm_json_t *s, const uint8_t *p, const uint8_t *e,
    llm_json_until_e until)
{
    size_t                  len;
    uint8_t                 c, node, flags;
    unsigned                depth;
    const uint8_t          *b, *q;
    const llm_json_node_t  *nodes;

    b = p;
    nodes = s->table->node;
    node = s->node;
    depth = s->depth;

#define AT(p)     (s->offset + ((p) - b))
#define OBJECT()  (s->object[(depth - 1) / 64] >> ((depth - 1) % 64) & 1)
#define PARENT()  ((depth <= LLM_JSON_PATH) ? s->path[depth - 1] : 0)
#define NEED(st)                                                              \
    if (llm_unlikely(p == e)) {                                               \
        s->state = st;                                                        \
        goto more;                                                            \
    }
#define SKIP_SPACE(st)                                                        \
    for ( ;; ) {                                                              \
        NEED(st);                                                             \
        c = *p;                                                               \
        if (llm_likely(c > ' ') || !llm_json_space(c)) {                      \
            break;                                                            \
        }                                                                     \
        if (until == UNTIL_LINE && llm_scan_eol(c)) {                         \
            s->state = st;                                                    \
            goto more;                                                        \
        }                                                                     \
        p++;                                                                  \
    }

    switch (s->state) {
    case ST_VALUE:
        goto value;
    case ST_VALUE_OR_END:
        goto value_or_end;
    case ST_KEY_OR_END:
        goto key_or_end;
    case ST_KEY:
        goto key;
    case ST_COLON:
        goto colon;
    case ST_AFTER:
        goto after;
    case ST_DONE:
        goto done;
    case ST_STRING:
        goto string;
    case ST_ESCAPE:
        goto escape;
    case ST_HEX:
        goto hex;
    case ST_LITERAL:
        goto literal;
    case ST_ERROR:
        return p;
    default:
        goto number;
    }

value_or_end:

    SKIP_SPACE(ST_VALUE_OR_END);

    if (c == ']') {
        goto close;
    }

value:

    SKIP_SPACE(ST_VALUE);

    s->start = AT(p);
    s->flags = s->key_flags;

    switch (c) {

    case '"':
        s->node = node;
        s->depth = depth;
        s->text_len = 0;
        s->in_key = 0;
        p++;
        goto string;

    case '{':
    case '[':
        if (depth == LLM_JSON_DEPTH) {
            goto error;
        }

        if (c == '{') {
            s->object[depth / 64] |= (uint64_t) 1 << (depth % 64);

        } else {
            s->object[depth / 64] &= ~((uint64_t) 1 << (depth % 64));
        }

        if (depth < LLM_JSON_PATH) {
            s->path[depth] = node;

        } else {
            node = 0;
        }

        depth++;
        p++;

        if (nodes[node].slot
            && ((nodes[node].flags & LLM_JSON_F_OPEN) || s->flags))
        {
            llm_json_emit(s, node, c == '{' ? LLM_JSON_OBJECT : LLM_JSON_ARRAY,
                          NULL, 0, s->start);
        }

        s->key_flags = 0;

        if (c == '{') {
            goto key_or_end;
        }

        node = nodes[node].element;
        goto value_or_end;

    case 't':
        s->literal = 0;
        break;

    case 'f':
        s->literal = 1;
        break;

    case 'n':
        s->literal = 2;
        break;

    case '-':
        s->state = ST_MINUS;
        goto number_start;

    case '0':
        s->state = ST_ZERO;
        goto number_start;

    default:
        if (c >= '1' && c <= '9') {
            s->state = ST_INT;
            goto number_start;
        }

        goto error;
    }

    s->matched = 0;

literal:

    q = (const uint8_t *) llm_json_literals[s->literal].text;

    do {
        NEED(ST_LITERAL);

        if (*p != q[s->matched]) {
            goto error;
        }

        p++;

    } while (++s->matched < llm_json_literals[s->literal].len);

    if (nodes[node].slot) {
        llm_json_emit(s, node, llm_json_literals[s->literal].type, NULL, 0,
                      AT(p));
    }

    goto after;

number_start:

    s->text_len = 0;
    q = p++;

    /* one digit, which nobody asked for */

    if (nodes[node].slot == 0 && c != '-' && p < e
        && (*p == ',' || *p == ']' || *p == '}'))
    {
        goto after;
    }

    goto number_run;

number:

    q = p;

number_run:

    p = llm_json_number(s, p, e);

    if (nodes[node].slot) {

        if (p != e && s->text_len == 0 && p - q <= LLM_JSON_TEXT) {
            llm_json_emit(s, node, LLM_JSON_NUMBER, q, p - q, AT(p));

        } else {
            len = llm_min((size_t) (p - q),
                          (size_t) LLM_JSON_TEXT - s->text_len);
            if (len < (size_t) (p - q)) {
                s->flags |= LLM_JSON_E_CUT;
            }

            memcpy(s->text + s->text_len, q, len);
            s->text_len += len;

            if (p != e) {
                llm_json_emit(s, node, LLM_JSON_NUMBER, s->text, s->text_len,
                              AT(p));
            }
        }
    }

    if (p == e) {
        goto more;
    }

    if (s->state == ST_MINUS || s->state == ST_DOT || s->state == ST_E
        || s->state == ST_ESIGN)
    {
        goto error;
    }

    goto after;

string:

    q = llm_scan_string(p, e);

    if (llm_likely(q != e) && *q == '"') {

        if (llm_unlikely(s->high)) {
            llm_json_lone_surrogate(s);
        }

        if (s->in_key) {

            if (nodes[node].child || nodes[node].any) {

                if (s->text_len == 0 && !(s->flags & LLM_JSON_E_ESCKEY)) {
                    node = llm_json_lookup(s, node, p, q - p);

                } else {
                    llm_json_append(s, p, q - p);
                    node = llm_json_lookup(s, node, s->text, s->text_len);
                }

            } else {
                node = 0;
            }

            p = q + 1;
            goto colon;
        }

        if (nodes[node].slot) {

            if (nodes[node].flags & LLM_JSON_F_TEXT) {
                llm_json_append(s, p, q - p);

                if (s->text_len) {
                    llm_json_emit(s, node, LLM_JSON_PIECE, s->text,
                                  s->text_len, AT(q));
                    s->text_len = 0;
                }

                llm_json_emit(s, node, LLM_JSON_STRING, NULL, 0, AT(q + 1));

            } else if (s->text_len == 0) {
                len = q - p;

                if (len > LLM_JSON_TEXT) {
                    len = LLM_JSON_TEXT;
                    s->flags |= LLM_JSON_E_CUT;
                }

                llm_json_emit(s, node, LLM_JSON_STRING, p, len, AT(q + 1));

            } else {
                llm_json_append(s, p, q - p);
                llm_json_emit(s, node, LLM_JSON_STRING, s->text, s->text_len,
                              AT(q + 1));
            }
        }

        p = q + 1;
        goto after;
    }

    if (q != p) {

        if (llm_unlikely(s->high)) {
            llm_json_lone_surrogate(s);
        }

        if (s->in_key || nodes[node].slot) {
            llm_json_append(s, p, q - p);
        }
    }

    p = q;

    NEED(ST_STRING);

    if (*p != '\\') {

        if (until == UNTIL_LINE && llm_scan_eol(*p)) {
            s->state = ST_STRING;
            goto more;
        }

        goto broken;
    }

    if (s->in_key || nodes[node].slot) {
        q = llm_json_escapes(s, p, e);

    } else {
        q = llm_json_escapes_skip(p, e);
        s->high = 0;
    }

    if (q != p) {
        p = q;
        goto string;
    }

    p++;

escape:

    NEED(ST_ESCAPE);

    switch (llm_json_escape(s, *p)) {

    case LLM_JSON_OK:
        p++;
        goto string;

    case LLM_JSON_ERROR:
        goto broken;

    default: /* u */
        p++;
    }

hex:

    do {
        NEED(ST_HEX);

        if (llm_json_hex(s, *p) != LLM_JSON_OK) {
            goto broken;
        }

        p++;

    } while (s->nhex < 4);

    goto string;

key_or_end:

    SKIP_SPACE(ST_KEY_OR_END);

    if (c == '}') {
        flags = LLM_JSON_E_EMPTY;
        goto close_empty;
    }

key:

    SKIP_SPACE(ST_KEY);

    if (c != '"') {
        goto error;
    }

    s->node = PARENT();
    s->depth = depth;

    p = llm_json_plain(s, p, e, s->offset - (uintptr_t) b);

    depth = s->depth;

    if (s->state == ST_AFTER) {
        goto after;
    }

    if (s->state == ST_VALUE) {
        node = s->node;
        goto value;
    }

    p++;
    s->text_len = 0;
    s->flags = 0;
    s->in_key = 1;
    node = PARENT();

    goto string;

colon:

    SKIP_SPACE(ST_COLON);

    if (c != ':') {
        goto error;
    }

    p++;

    goto value;

after:

    s->key_flags = 0;

    if (depth == 0) {
        goto done;
    }

    SKIP_SPACE(ST_AFTER);

    if (c == ',') {
        p++;

        if (OBJECT()) {
            goto key;
        }

        node = nodes[PARENT()].element;
        goto value;
    }

close:

    if (OBJECT() ? c != '}' : c != ']') {
        goto error;
    }

    flags = 0;

close_empty:

    p++;

    node = PARENT();
    depth--;

    if (nodes[node].slot && (nodes[node].flags & LLM_JSON_F_CLOSE)) {
        s->start = AT(p - 1);
        s->flags = flags;
        llm_json_emit(s, node, LLM_JSON_CLOSE, NULL, 0, AT(p));
    }

    goto after;

broken:

    llm_json_flush(s);
    goto error;

done:

    if (until == UNTIL_VALUE) {
        s->state = ST_DONE;
        goto more;
    }

    SKIP_SPACE(ST_DONE);

error:

    s->state = ST_ERROR;
    s->offset = AT(p);

    return p;

more:

    s->node = node;
    s->depth = depth;
    s->offset = AT(p);

    return p;

#undef AT
#undef OBJECT
#undef PARENT
#undef NEED
#undef SKIP_SPACE
}


int
llm_json_feed(llm_json_t *s, const uint8_t *p, size_t len)
{
    (void) llm_json_run(s, p, p + len, UNTIL_END);

    return (s->state == ST_ERROR) ? LLM_JSON_ERROR : LLM_JSON_OK;
}


const uint8_t *
llm_json_feed_line(llm_json_t *s, const uint8_t *p, const uint8_t *e)
{
    p = llm_json_run(s, p, e, UNTIL_LINE);

    return (s->state == ST_ERROR) ? llm_scan_line(p, e) : p;
}


const uint8_t *
llm_json_feed_value(llm_json_t *s, const uint8_t *p, const uint8_t *e)
{
    return llm_json_run(s, p, e, UNTIL_VALUE);
}
