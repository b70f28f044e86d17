
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The fast path of the scanner: members of an object, key and value, that
 * lie whole in the buffer and are as providers write them: no white space,
 * no escapes in the key, a scalar for a value.  Most of a stream is that.
 *
 * It may only do what llm_json_feed() would do with the same bytes: whatever
 * is not plain is left to it, at the beginning of a token, with nothing
 * changed.  Tests hold one against the other by splitting the input, since
 * no member is whole in a piece of one byte.
 */


#include "llm_json_in.h"
#include "llm_scan.h"


/* What the loads below may read from a key on: quote, 16 bytes, colon. */
#define LLM_JSON_AHEAD  20


/* The node of a plain key; -1: there is more to it. */

static inline int
llm_json_member_node(const llm_json_table_t *t, unsigned parent,
    const uint8_t *key, size_t len)
{
    unsigned                i;
    const llm_json_node_t  *n;

    n = &t->node[parent];

    if (n->child == 0) {
        return n->any ? -1 : 0;
    }

    for (i = n->bucket[llm_json_hash(key, len)]; i; i = n->chain) {
        n = &t->node[i];

        if (n->key_len == len && llm_scan_same(n->head, key, len)) {
            return i;
        }

        if (t->strict && n->key_len == len) {
            return -1;
        }
    }

    return t->node[parent].any ? -1 : 0;
}


/*
 * The end of a plain number that nobody wants: digits only, the first of
 * which is not 0 unless alone, and a comma or brace after them.
 */

static inline const uint8_t *
llm_json_member_digits(const uint8_t *p, const uint8_t *e)
{
    const uint8_t  *q;

    for (q = p; q < e && *q >= '0' && *q <= '9'; q++) {
        /* void */
    }

    if (q == e || (*q != ',' && *q != '}') || (*p == '0' && q - p > 1)
        || q - p > LLM_JSON_TEXT)
    {
        return NULL;
    }

    return q;
}


const uint8_t *
llm_json_members(llm_json_t *s, const uint8_t *p, const uint8_t *e,
    uint64_t base)
{
    int                      node;
    size_t                   len;
    uint8_t                  type;
    unsigned                 parent;
    const uint8_t           *key, *v, *q;
    const llm_json_node_t   *n;
    const llm_json_table_t  *t;

    t = s->table;
    parent = s->node;

    for ( ;; ) {

        /* p is at the quote of a key */

        if (e - p < LLM_JSON_AHEAD) {
            goto slow;
        }

        key = p + 1;

#if (LLM_SCAN_SSE2)
        {
            unsigned  m;

            m = llm_scan_string_mask(key);

            if (m == 0) {
                goto slow;
            }

            len = llm_scan_first(m);
        }
#else
        len = llm_scan_string(key, key + 16) - key;
#endif

        if (len == 16 || len == 0 || key[len] != '"' || key[len + 1] != ':') {
            goto slow;
        }

        node = llm_json_member_node(t, parent, key, len);

        if (node < 0) {
            goto slow;
        }

        n = &t->node[node];
        v = key + len + 2;

        /* at most key + 17, that is, inside */

        switch (*v) {

        case '"':
            q = llm_scan_string(v + 1, e);

            if (q == e || *q != '"') {
                goto value;
            }

            if (n->slot == 0) {
                p = q + 1;
                break;
            }

            s->start = base + (uintptr_t) v;
            s->flags = 0;
            len = q - v - 1;

            if (n->flags & LLM_JSON_F_TEXT) {

                if (len) {
                    llm_json_emit(s, node, LLM_JSON_PIECE, v + 1, len,
                                  base + (uintptr_t) q);
                }

                llm_json_emit(s, node, LLM_JSON_STRING, NULL, 0,
                              base + (uintptr_t) q + 1);

            } else {

                if (len > LLM_JSON_TEXT) {
                    len = LLM_JSON_TEXT;
                    s->flags = LLM_JSON_E_CUT;
                }

                llm_json_emit(s, node, LLM_JSON_STRING, v + 1, len,
                              base + (uintptr_t) q + 1);
            }

            p = q + 1;
            break;

        case 'n':
        case 't':
            if (e - v < 5) {
                goto value;
            }

            if (memcmp(v, "null", 4) == 0) {
                type = LLM_JSON_NULL;

            } else if (memcmp(v, "true", 4) == 0) {
                type = LLM_JSON_TRUE;

            } else {
                goto value;
            }

            p = v + 4;

            if (n->slot) {
                s->start = base + (uintptr_t) v;
                s->flags = 0;
                llm_json_emit(s, node, type, NULL, 0, base + (uintptr_t) p);
            }

            break;

        case '0': case '1': case '2': case '3': case '4':
        case '5': case '6': case '7': case '8': case '9':
            q = llm_json_member_digits(v, e);

            if (q == NULL) {
                goto value;
            }

            p = q;

            if (n->slot) {
                s->start = base + (uintptr_t) v;
                s->flags = 0;
                llm_json_emit(s, node, LLM_JSON_NUMBER, v, q - v,
                              base + (uintptr_t) q);
            }

            break;

        default:
            goto value;
        }

        if (e - p < 2 || p[0] != ',' || p[1] != '"') {
            s->state = ST_AFTER;
            return p;
        }

        p++;
    }

value:

    s->node = node;
    s->key_flags = 0;
    s->state = ST_VALUE;

    return v;

slow:

    s->state = ST_KEY;

    return p;
}
