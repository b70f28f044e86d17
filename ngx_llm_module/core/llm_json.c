
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


#include "llm_json.h"
#include "llm_scan.h"


enum {
    ST_VALUE = 0,                /* a value must follow */
    ST_VALUE_OR_END,             /* after [ */
    ST_KEY_OR_END,               /* after { */
    ST_KEY,                      /* after , in an object */
    ST_COLON,
    ST_AFTER,                    /* after a value in a container */
    ST_DONE,
    ST_STRING,
    ST_ESCAPE,
    ST_HEX,
    ST_LITERAL,
    ST_MINUS,                    /* numbers from here on */
    ST_ZERO,
    ST_INT,
    ST_DOT,
    ST_FRAC,
    ST_E,
    ST_ESIGN,
    ST_EXP,
    ST_ERROR
};


static const struct {
    const char  *text;
    uint8_t      len;
    uint8_t      type;
} llm_json_literals[] = {
    { "true", 4, LLM_JSON_TRUE },
    { "false", 5, LLM_JSON_FALSE },
    { "null", 4, LLM_JSON_NULL }
};


/* runs of decoded text shorter than this are gathered, not handed on alone */
#define LLM_JSON_SHORT  32


static uint8_t llm_json_lookup(llm_json_t *s, uint8_t parent,
    const uint8_t *key, size_t len);
static void llm_json_emit(llm_json_t *s, uint8_t node, uint8_t type,
    const uint8_t *text, size_t len, uint64_t end);
static void llm_json_append(llm_json_t *s, const uint8_t *p, size_t len);
static void llm_json_code_point(llm_json_t *s, uint32_t c);
static void llm_json_lone_surrogate(llm_json_t *s);
static int llm_json_escape(llm_json_t *s, uint8_t c);
static int llm_json_hex(llm_json_t *s, uint8_t c);
static const uint8_t *llm_json_number(llm_json_t *s, const uint8_t *p,
    const uint8_t *e);


static inline int
llm_json_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}


/* Case is folded, so that case twins meet in one bucket. */

static inline unsigned
llm_json_hash(const uint8_t *key, size_t len)
{
    return (len + (key[0] | 0x20) * 3 + (key[len - 1] | 0x20) * 5) & 15;
}


static inline uint8_t
llm_json_lower(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') ? (c | 0x20) : c;
}


static int
llm_json_node_add(llm_json_table_t *t, uint8_t parent, const char *key,
    size_t len)
{
    uint8_t           i;
    unsigned          h;
    llm_json_node_t  *n, *c;

    n = &t->node[parent];

    if (len == 2 && memcmp(key, "[]", 2) == 0 && n->element) {
        return n->element;
    }

    if (len == 1 && *key == '*' && n->any) {
        return n->any;
    }

    for (i = n->child; i; i = t->node[i].sibling) {
        if (t->node[i].key_len == len && memcmp(t->node[i].key, key, len) == 0)
        {
            return i;
        }
    }

    if (t->n == LLM_JSON_NODES || len == 0 || len > 63) {
        return 0;
    }

    i = t->n++;
    c = &t->node[i];

    c->key = key;
    c->key_len = len;

    if (len == 2 && memcmp(key, "[]", 2) == 0) {
        n->element = i;
        return i;
    }

    if (len == 1 && *key == '*') {
        n->any = i;
        return i;
    }

    c->sibling = n->child;
    n->child = i;

    h = llm_json_hash((const uint8_t *) key, len);
    c->chain = n->bucket[h];
    n->bucket[h] = i;

    return i;
}


int
llm_json_compile(llm_json_table_t *t, const llm_json_row_t *rows, size_t n)
{
    memset(t, 0, sizeof(llm_json_table_t));
    t->n = 2;

    return llm_json_compile_more(t, rows, n);
}


int
llm_json_compile_more(llm_json_table_t *t, const llm_json_row_t *rows,
    size_t n)
{
    int          node;
    size_t       i, len, depth;
    const char  *p;

    for (i = 0; i < n; i++) {
        node = 1;
        depth = 0;

        for (p = rows[i].path; *p; p += len) {

            if (*p == '.') {
                p++;
            }

            len = (p[0] == '[') ? 2 : strcspn(p, ".[");

            if (++depth > LLM_JSON_PATH) {
                return LLM_JSON_ERROR;
            }

            node = llm_json_node_add(t, node, p, len);
            if (node == 0) {
                return LLM_JSON_ERROR;
            }
        }

        t->node[node].slot = rows[i].slot;
        t->node[node].flags |= rows[i].flags;
    }

    return LLM_JSON_OK;
}


void
llm_json_init(llm_json_t *s, const llm_json_table_t *t, llm_json_sink_pt sink,
    void *data)
{
    s->table = t;
    s->sink = sink;
    s->data = data;
    s->key = NULL;

    llm_json_reset(s);
}


void
llm_json_reset(llm_json_t *s)
{
    s->offset = 0;
    s->start = 0;
    s->depth = 0;
    s->state = ST_VALUE;
    s->node = 1;
    s->flags = 0;
    s->in_key = 0;
    s->text_len = 0;
    s->key_len = 0;
    s->key_flags = 0;
    s->high = 0;
}


int
llm_json_complete(const llm_json_t *s)
{
    return s->state == ST_DONE;
}


int
llm_json_end(llm_json_t *s)
{
    if (s->depth == 0
        && (s->state == ST_ZERO || s->state == ST_INT || s->state == ST_FRAC
            || s->state == ST_EXP))
    {
        llm_json_emit(s, s->node, LLM_JSON_NUMBER, s->text, s->text_len,
                      s->offset);
        s->state = ST_DONE;
    }

    return (s->state == ST_DONE) ? LLM_JSON_OK : LLM_JSON_ERROR;
}


/*
 * The loop.  A label is a state; at the end of the buffer the state is
 * written back and the same label is entered again with the next piece.
 */

int
llm_json_feed(llm_json_t *s, const uint8_t *p, size_t len)
{
    uint8_t                 c, node;
    unsigned                depth;
    const uint8_t          *b, *e, *q;
    const llm_json_node_t  *nodes;

    b = p;
    e = p + len;
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
        return LLM_JSON_ERROR;
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
        goto error;
    }

    p++;

escape:

    NEED(ST_ESCAPE);

    switch (llm_json_escape(s, *p)) {

    case LLM_JSON_OK:
        p++;
        goto string;

    case LLM_JSON_ERROR:
        goto error;

    default: /* u */
        p++;
    }

hex:

    do {
        NEED(ST_HEX);

        if (llm_json_hex(s, *p) != LLM_JSON_OK) {
            goto error;
        }

        p++;

    } while (s->nhex < 4);

    goto string;

key_or_end:

    SKIP_SPACE(ST_KEY_OR_END);

    if (c == '}') {
        goto close;
    }

key:

    SKIP_SPACE(ST_KEY);

    if (c != '"') {
        goto error;
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

    p++;

    node = PARENT();
    depth--;

    if (nodes[node].slot && (nodes[node].flags & LLM_JSON_F_CLOSE)) {
        s->start = AT(p - 1);
        s->flags = 0;
        llm_json_emit(s, node, LLM_JSON_CLOSE, NULL, 0, AT(p));
    }

    goto after;

done:

    SKIP_SPACE(ST_DONE);

error:

    s->state = ST_ERROR;
    s->offset = AT(p);

    return LLM_JSON_ERROR;

more:

    s->node = node;
    s->depth = depth;
    s->offset += e - b;

    return LLM_JSON_OK;
}


/* Runs over the bytes of a number; state says how far its grammar got. */

static const uint8_t *
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


static uint8_t
llm_json_twin(const llm_json_node_t *n, const uint8_t *key, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (llm_json_lower(key[i]) != llm_json_lower(n->key[i])) {
            return 0;
        }
    }

    return 1;
}


static uint8_t
llm_json_lookup(llm_json_t *s, uint8_t parent, const uint8_t *key, size_t len)
{
    uint8_t                 i, twin;
    const llm_json_node_t  *nodes, *n;

    nodes = s->table->node;
    twin = 0;
    s->key_flags = s->flags & LLM_JSON_E_ESCKEY;

    if (len && !(s->flags & LLM_JSON_E_CUT)) {

        for (i = nodes[parent].bucket[llm_json_hash(key, len)];
             i;
             i = n->chain)
        {
            n = &nodes[i];

            if (n->key_len != len) {
                continue;
            }

            if (memcmp(n->key, key, len) == 0) {
                return i;
            }

            if (s->table->strict && llm_json_twin(n, key, len)) {
                twin = i;
            }
        }

        if (twin) {
            s->key_flags |= LLM_JSON_E_TWIN;
            return twin;
        }
    }

    if (nodes[parent].any == 0) {
        s->key_flags = 0;
        return 0;
    }

    if (s->key) {
        s->key_len = llm_min(len, LLM_JSON_TEXT);
        memcpy(s->key, key, s->key_len);
    }

    if (len > LLM_JSON_TEXT || (s->flags & LLM_JSON_E_CUT)) {
        s->key_flags |= LLM_JSON_E_CUT;
    }

    return nodes[parent].any;
}


static void
llm_json_emit(llm_json_t *s, uint8_t node, uint8_t type, const uint8_t *text,
    size_t len, uint64_t end)
{
    llm_json_event_t        ev;
    const llm_json_node_t  *n;

    n = &s->table->node[node];

    if (n->slot == 0) {
        return;
    }

    ev.start = s->start;
    ev.end = end;
    ev.text.data = text;
    ev.text.len = len;
    ev.slot = n->slot;
    ev.type = type;
    ev.flags = s->flags;

    if (n->key_len == 1 && n->key[0] == '*' && s->key) {
        ev.key.data = s->key;
        ev.key.len = s->key_len;

    } else {
        ev.key.data = NULL;
        ev.key.len = 0;
    }

    s->sink(s->data, &ev);
}


/*
 * Decoded bytes of the string or key at hand.  Of a text string every byte
 * is handed on, long runs as they lie, short ones gathered; of others the
 * first LLM_JSON_TEXT are kept.
 */

static void
llm_json_append(llm_json_t *s, const uint8_t *p, size_t len)
{
    size_t                  room;
    const llm_json_node_t  *n;

    n = &s->table->node[s->node];
    room = LLM_JSON_TEXT - s->text_len;

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


static void
llm_json_lone_surrogate(llm_json_t *s)
{
    s->high = 0;

    if (!s->in_key) {
        s->flags |= LLM_JSON_E_BADESC;
    }

    llm_json_code_point(s, 0xfffd);
}


/* The byte after a backslash; 1 if it is "u". */

static int
llm_json_escape(llm_json_t *s, uint8_t c)
{
    static const uint8_t  from[] = "\"\\/bfnrt";
    static const uint8_t  to[] = "\"\\/\b\f\n\r\t";

    const uint8_t  *f;

    if (s->in_key) {
        s->flags |= LLM_JSON_E_ESCKEY;
    }

    if (c == 'u') {
        s->nhex = 0;
        s->hex = 0;
        return 1;
    }

    f = memchr(from, c, sizeof(from) - 1);
    if (f == NULL) {
        return LLM_JSON_ERROR;
    }

    if (s->high) {
        llm_json_lone_surrogate(s);
    }

    llm_json_append(s, &to[f - from], 1);

    return LLM_JSON_OK;
}


static int
llm_json_hex(llm_json_t *s, uint8_t c)
{
    uint8_t  lower;

    lower = c | 0x20;

    if (c >= '0' && c <= '9') {
        c -= '0';

    } else if (lower >= 'a' && lower <= 'f') {
        c = lower - 'a' + 10;

    } else {
        return LLM_JSON_ERROR;
    }

    s->hex = s->hex << 4 | c;

    if (++s->nhex < 4) {
        return LLM_JSON_OK;
    }

    if (s->high) {

        if (s->hex >= 0xdc00 && s->hex <= 0xdfff) {
            llm_json_code_point(s, 0x10000 + ((s->high & 0x3ff) << 10)
                                   + (s->hex & 0x3ff));
            s->high = 0;
            return LLM_JSON_OK;
        }

        llm_json_lone_surrogate(s);
    }

    if (s->hex >= 0xd800 && s->hex <= 0xdbff) {
        s->high = s->hex;
        return LLM_JSON_OK;
    }

    if (s->hex >= 0xdc00 && s->hex <= 0xdfff) {
        llm_json_lone_surrogate(s);
        return LLM_JSON_OK;
    }

    llm_json_code_point(s, s->hex);

    return LLM_JSON_OK;
}
