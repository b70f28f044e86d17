
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Events of a stream begin alike: the same id, model and places, up to the
 * text that was generated, which is the smaller part of the bytes.  So the
 * reader keeps, of the last event with content, a hash of the bytes before
 * that content, and the state of the scanner there; an event that begins
 * with the same bytes is read on from that state.
 *
 * What must stay true: to skip the bytes must be the same as to read them.
 * All that reading them does is in the memo (the place in the JSON, and the
 * few fields of the event that can have been set by then); an event that
 * has done anything else before its content (a counter, a finish reason, a
 * tool call, an error) is not kept.  Names are kept by the first event that
 * has them, so that reading them again does nothing; and so it is with the
 * tier, as the memo is dropped when the tier changes.
 *
 * The hash is 64 bits of bytes that the upstream sends: to make two of them
 * meet would only make its own stream be read wrong.  No text is kept.
 */


#include "llm_response_in.h"
#include "llm_json_in.h"


/* shorter ones are read as fast as they are hashed */
#define LLM_MEMO_MIN     48
#define LLM_MEMO_MAX     1024

/* events that never begin alike are not hashed for long */
#define LLM_MEMO_MISSES  8


static inline uint64_t
llm_memo_mix(uint64_t h, uint64_t w)
{
    unsigned __int128  m;

    m = (unsigned __int128) (h ^ w) * 0x9e3779b97f4a7c15ULL;

    return (uint64_t) m ^ (uint64_t) (m >> 64);
}


static inline uint64_t
llm_memo_word(const uint8_t *p)
{
    uint64_t  w;

    memcpy(&w, p, 8);

    return w;
}


/* len >= 16; two chains, as one would wait for its multiplications. */

static uint64_t
llm_memo_hash(const uint8_t *p, size_t len)
{
    uint64_t        a, b;
    const uint8_t  *e;

    a = len;
    b = 0x2545f4914f6cdd1dULL;
    e = p + len;

    for ( /* void */ ; e - p >= 16; p += 16) {
        a = llm_memo_mix(a, llm_memo_word(p));
        b = llm_memo_mix(b, llm_memo_word(p + 8));
    }

    a = llm_memo_mix(a, llm_memo_word(e - 16));
    b = llm_memo_mix(b, llm_memo_word(e - 8));

    return llm_memo_mix(a, b);
}


void
llm_memo_keep(llm_response_t *r, const llm_json_event_t *ev)
{
    llm_memo_t  *m;

    m = &r->memo;

    if (m->misses == LLM_MEMO_MISSES || r->ev.changed
        || ev->start < LLM_MEMO_MIN || ev->start > LLM_MEMO_MAX
        || ev->start == m->recalled
        || r->json.depth > sizeof(m->path))
    {
        return;
    }

    m->len = ev->start;
    m->hash = llm_memo_hash(r->begin, m->len);
    m->node = r->json.node;
    m->depth = r->json.depth;
    m->object = r->json.object[0];
    memcpy(m->path, r->json.path, m->depth);

    m->kind = r->ev.kind;
    m->index = r->ev.index;
    m->tool_index = r->ev.tool_index;
    m->tool_id = r->ev.tool_id;
}


size_t
llm_memo_recall(llm_response_t *r, const uint8_t *p, const uint8_t *e)
{
    llm_memo_t  *m;

    m = &r->memo;
    m->recalled = 0;

    if (m->len == 0 || e - p < m->len || m->misses == LLM_MEMO_MISSES) {
        return 0;
    }

    if (llm_memo_hash(p, m->len) != m->hash) {
        m->misses++;
        return 0;
    }

    m->misses = 0;
    m->recalled = m->len;

    r->json.offset = m->len;
    r->json.state = ST_VALUE;
    r->json.node = m->node;
    r->json.depth = m->depth;
    r->json.object[0] = m->object;
    memcpy(r->json.path, m->path, m->depth);

    r->ev.kind = m->kind;
    r->ev.index = m->index;
    r->ev.tool_index = m->tool_index;
    r->ev.tool_id = m->tool_id;

    return m->len;
}
