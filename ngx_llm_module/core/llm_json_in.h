
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the files of the scanner share with one another and nobody else.
 */


#ifndef _LLM_JSON_IN_H_INCLUDED_
#define _LLM_JSON_IN_H_INCLUDED_


#include "llm_json.h"


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


/* llm_json_plain.c */

/*
 * Reads on from a key's quote at p, in the object of s->node, as long as all
 * is plain.  Returns where it stopped: a place to go on at s->depth in
 * s->state, which is ST_KEY (and not ask again for this key), ST_VALUE (of
 * s->node) or ST_AFTER.  base: the offset of the text less the buffer's
 * address.
 */
const uint8_t *llm_json_plain(llm_json_t *s, const uint8_t *p,
    const uint8_t *e, uint64_t base);


/* llm_json_table.c */

/* The node of a key below parent, and what is odd about the key. */
uint8_t llm_json_lookup(llm_json_t *s, uint8_t parent, const uint8_t *key,
    size_t len);

/* Case is folded, so that case twins meet in one bucket. */

static inline unsigned
llm_json_hash(const uint8_t *key, size_t len)
{
    return (len + (key[0] | 0x20) * 3 + (key[len - 1] | 0x20) * 5) & 15;
}


/* llm_json_text.c */

/* Decoded bytes of the string or key at hand. */
void llm_json_append(llm_json_t *s, const uint8_t *p, size_t len);

/* Hands on what was gathered of a text that was cut short. */
void llm_json_flush(llm_json_t *s);

/* The byte after a backslash: LLM_JSON_OK, LLM_JSON_ERROR, or
 * LLM_JSON_UNICODE if four hexadecimal digits follow. */
int llm_json_escape(llm_json_t *s, uint8_t c);
int llm_json_hex(llm_json_t *s, uint8_t c);

/*
 * Decodes the run of whole escapes at p, or skips it in a string that nobody
 * asked for.  Returns where it ends: at something else, at an escape that the
 * buffer cuts, or at one that is wrong, which llm_json_escape() will tell.
 */
const uint8_t *llm_json_escapes(llm_json_t *s, const uint8_t *p,
    const uint8_t *e);
const uint8_t *llm_json_escapes_skip(const uint8_t *p, const uint8_t *e);

/* A high surrogate was not followed by a low one. */
void llm_json_lone_surrogate(llm_json_t *s);

#define LLM_JSON_UNICODE  1

/* Runs over the bytes of a number; state says how far its grammar got. */
const uint8_t *llm_json_number(llm_json_t *s, const uint8_t *p,
    const uint8_t *e);


static inline int
llm_json_unwanted(const llm_json_t *s, const llm_json_node_t *n, uint8_t type)
{
    return n->slot == 0
           || (n->slot < 64 && (s->mute & ((uint64_t) 1 << n->slot)))
           || ((n->flags & LLM_JSON_F_STRING) && type != LLM_JSON_STRING);
}


static inline void
llm_json_emit(llm_json_t *s, uint8_t node, uint8_t type, const uint8_t *text,
    size_t len, uint64_t end)
{
    llm_json_event_t        ev;
    const llm_json_node_t  *n;

    n = &s->table->node[node];

    if (llm_json_unwanted(s, n, type)) {
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


#endif /* _LLM_JSON_IN_H_INCLUDED_ */
