
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Path tables: how they are made, and how a key is looked up in them.
 */


#include "llm_json_in.h"


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
    memcpy(c->head, key, llm_min(len, sizeof(c->head)));

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


/*
 * Who folds case by Unicode, as Go does, has two letters more: U+017F is an
 * "s" and U+212A a "k".  The length of the key with those as they fold.
 */

static size_t
llm_json_fold(uint8_t *dst, const uint8_t *key, size_t len)
{
    size_t  i, n;

    for (i = 0, n = 0; i < len; n++) {

        if (len - i > 1 && key[i] == 0xc5 && key[i + 1] == 0xbf) {
            dst[n] = 's';
            i += 2;

        } else if (len - i > 2 && memcmp(key + i, "\xe2\x84\xaa", 3) == 0) {
            dst[n] = 'k';
            i += 3;

        } else {
            dst[n] = key[i++];
        }
    }

    return n;
}


/* The node of a key that only folds as the key does, or 0. */

static uint8_t
llm_json_folded(const llm_json_node_t *nodes, uint8_t parent,
    const uint8_t *key, size_t len)
{
    size_t    n;
    uint8_t   i;
    uint8_t   folded[LLM_JSON_TEXT];

    if (len > LLM_JSON_TEXT) {
        return 0;
    }

    n = llm_json_fold(folded, key, len);

    if (n == len) {
        return 0;
    }

    for (i = nodes[parent].bucket[llm_json_hash(folded, n)];
         i;
         i = nodes[i].chain)
    {
        if (nodes[i].key_len == n && llm_json_twin(&nodes[i], folded, n)) {
            return i;
        }
    }

    return 0;
}


uint8_t
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

        if (twin == 0 && s->table->strict) {
            twin = llm_json_folded(nodes, parent, key, len);
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
