
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The fast path of the scanner: members of objects, as long as they are
 * plain and lie whole in the buffer.  Plain is what providers write: no white
 * space, no escapes in keys, scalars and objects for values, arrays that hold
 * objects.  Nearly all of a stream is that.
 *
 * It may only do what llm_json_run() would do with the same bytes: whatever
 * is not plain is left to it, at the beginning of a token, with the state it
 * would have there.  Tests hold one against the other by splitting the
 * input, since no member is whole in a piece of one byte.
 */


#include "llm_json_in.h"
#include "llm_scan.h"


/* What is read ahead of a key unasked: its quote, 16 bytes, a colon and the
 * byte after it. */
#define LLM_JSON_AHEAD  20

#define LLM_JSON_ODD    -1       /* more to this key than is done here */


static inline void
llm_json_plain_emit(llm_json_t *s, const llm_json_node_t *n, uint8_t type,
    const uint8_t *text, size_t len, uint64_t start, uint64_t end)
{
    llm_json_event_t  ev;

    if (llm_json_unwanted(s, n, type)) {
        return;
    }

    ev.start = start;
    ev.end = end;
    ev.text.data = text;
    ev.text.len = len;
    ev.key.data = NULL;
    ev.key.len = 0;
    ev.slot = n->slot;
    ev.type = type;
    ev.flags = 0;

    if (len > LLM_JSON_TEXT && type == LLM_JSON_STRING) {
        ev.text.len = LLM_JSON_TEXT;
        ev.flags = LLM_JSON_E_CUT;
    }

    s->sink(s->data, &ev);
}


/* The node of a key of len <= 15 bytes, 16 of which may be read. */

static inline int
llm_json_plain_node(const llm_json_table_t *t, unsigned parent,
    const uint8_t *key, size_t len)
{
    size_t                  k;
    unsigned                i;
    const llm_json_node_t  *n;

    n = &t->node[parent];

    if (n->child) {

        for (i = n->bucket[llm_json_hash(key, len)]; i; i = n->chain) {
            n = &t->node[i];

            if (n->key_len != len) {
                continue;
            }

            if (llm_scan_same(n->head, key, len)) {
                return i;
            }

            if (t->strict) {
                return LLM_JSON_ODD;
            }
        }

        /* it may be another's twin, of another length */

        for (k = 0; t->strict && k < len; k++) {
            if (key[k] & 0x80) {
                return LLM_JSON_ODD;
            }
        }

        n = &t->node[parent];
    }

    /* a key that nobody named has not been looked at yet */

    return (n->any || llm_scan_odd(key, len)) ? LLM_JSON_ODD : 0;
}


/* The end of a number of digits only; NULL: it is none. */

static inline const uint8_t *
llm_json_plain_number(const uint8_t *p, const uint8_t *e)
{
    const uint8_t  *q;

    q = p + 1;

    while (q < e && *q >= '0' && *q <= '9') {
        q++;
    }

    if (q == e || (*q != ',' && *q != '}') || (*p == '0' && q != p + 1)
        || q - p > LLM_JSON_TEXT)
    {
        return NULL;
    }

    return q;
}


const uint8_t *
llm_json_plain(llm_json_t *s, const uint8_t *p, const uint8_t *e,
    uint64_t base)
{
    int                      node;
    size_t                   len;
    uint8_t                  type;
    unsigned                 depth, parent;
    const uint8_t           *key, *v, *q;
    const llm_json_node_t   *n;
    const llm_json_table_t  *t;

#define AT(p)     (base + (uintptr_t) (p))
#define OBJECT()  (s->object[(depth - 1) / 64] >> ((depth - 1) % 64) & 1)
#define PARENT()  ((depth <= LLM_JSON_PATH) ? s->path[depth - 1] : 0)

    t = s->table;
    depth = s->depth;
    parent = s->node;

member:

    /* p is at the quote of a key */

    if (e - p < LLM_JSON_AHEAD) {
        s->state = ST_KEY;
        goto done;
    }

    key = p + 1;
    len = llm_scan_quote(key);

    if (len - 1 >= 15 || key[len + 1] != ':') {
        s->state = ST_KEY;
        goto done;
    }

    node = llm_json_plain_node(t, parent, key, len);

    if (node == LLM_JSON_ODD) {
        s->state = ST_KEY;
        goto done;
    }

    v = key + len + 2;

value:

    n = &t->node[node];

    switch (*v) {

    case '"':
        q = llm_scan_string(v + 1, e);

        if (q == e || *q != '"') {
            goto complex;
        }

        p = q + 1;

        if (n->slot == 0) {
            goto after;
        }

        len = q - v - 1;

        if (n->flags & LLM_JSON_F_TEXT) {

            if (len) {
                /* the sink may want to know where it is */

                s->node = node;
                s->depth = depth;

                llm_json_plain_emit(s, n, LLM_JSON_PIECE, v + 1, len, AT(v),
                                    AT(q));
            }

            llm_json_plain_emit(s, n, LLM_JSON_STRING, NULL, 0, AT(v), AT(p));
            goto after;
        }

        llm_json_plain_emit(s, n, LLM_JSON_STRING, v + 1, len, AT(v), AT(p));
        goto after;

    case 'n':
    case 't':
        if (e - v < 4) {
            goto complex;
        }

        if (memcmp(v, "null", 4) == 0) {
            type = LLM_JSON_NULL;

        } else if (memcmp(v, "true", 4) == 0) {
            type = LLM_JSON_TRUE;

        } else {
            goto complex;
        }

        p = v + 4;

        if (n->slot) {
            llm_json_plain_emit(s, n, type, NULL, 0, AT(v), AT(p));
        }

        goto after;

    case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9':
        p = llm_json_plain_number(v, e);

        if (p == NULL) {
            goto complex;
        }

        if (n->slot) {
            llm_json_plain_emit(s, n, LLM_JSON_NUMBER, v, p - v, AT(v), AT(p));
        }

        goto after;

    case '[':
        if (e - v < 3 || v[1] != '{' || v[2] != '"'
            || depth >= LLM_JSON_PATH)
        {
            goto complex;
        }

        s->object[depth / 64] &= ~((uint64_t) 1 << (depth % 64));
        s->path[depth++] = node;

        if (n->flags & LLM_JSON_F_OPEN) {
            llm_json_plain_emit(s, n, LLM_JSON_ARRAY, NULL, 0, AT(v), AT(v));
        }

        node = n->element;
        v++;
        goto value;

    case '{':
        if (e - v < 2 || v[1] != '"' || depth >= LLM_JSON_PATH) {
            goto complex;
        }

        s->object[depth / 64] |= (uint64_t) 1 << (depth % 64);
        s->path[depth++] = node;

        if (n->flags & LLM_JSON_F_OPEN) {
            llm_json_plain_emit(s, n, LLM_JSON_OBJECT, NULL, 0, AT(v), AT(v));
        }

        parent = node;
        p = v + 1;
        goto member;
    }

complex:

    s->key_flags = 0;
    s->state = ST_VALUE;
    s->node = node;
    s->depth = depth;

    return v;

after:

    /* p is after a value */

    while (p < e && depth) {

        if (*p == ',') {

            if (e - p < 3) {
                break;
            }

            if (p[1] == '"' && OBJECT()) {
                p++;
                goto member;
            }

            if (p[1] == '{' && p[2] == '"' && !OBJECT()) {
                node = t->node[PARENT()].element;
                v = p + 1;
                goto value;
            }

            break;
        }

        if (*p != (OBJECT() ? '}' : ']')) {
            break;
        }

        n = &t->node[PARENT()];
        p++;
        depth--;

        if (n->flags & LLM_JSON_F_CLOSE) {
            llm_json_plain_emit(s, n, LLM_JSON_CLOSE, NULL, 0, AT(p - 1),
                                AT(p));
        }

        parent = depth ? PARENT() : 0;
    }

    s->state = ST_AFTER;

done:

    s->depth = depth;

    return p;

#undef AT
#undef OBJECT
#undef PARENT
}
