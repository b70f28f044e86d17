
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What a provider says in the headers of a response: what is left of its
 * rate limits, how long it took, tokens, cost, the kind of an error.  See
 * the essay in llm_header.c.
 */


#ifndef _LLM_HEADER_H_INCLUDED_
#define _LLM_HEADER_H_INCLUDED_


#include "llm_facts.h"


/* What is limited. */

typedef enum {
    LLM_QUOTA_REQUESTS = 0,
    LLM_QUOTA_TOKENS,
    LLM_QUOTA_N
} llm_quota_e;


/* What is said of it. */

typedef enum {
    LLM_QUOTA_REMAINING = 0,
    LLM_QUOTA_LIMIT,
    LLM_QUOTA_RESET,             /* ms from now until the limit is whole */
    LLM_QUOTA_VALUES
} llm_quota_value_e;

#define llm_quota_bit(value)  (1u << (value))

typedef struct {
    uint32_t  said;              /* bit i: value[i] is */
    uint64_t  value[LLM_QUOTA_VALUES];
} llm_quota_t;


#define LLM_HEADER_WINDOWS  32


typedef struct {
    uint64_t  wall;              /* now, ms since the epoch */
    uint64_t  time;              /* ns */
    uint64_t  cost;              /* nano-USD */
    uint64_t  count[4];          /* input, output, cache read and write */
    uint8_t   counted;           /* bit i: count[i] is said */
    uint8_t   time_rank;         /* of the header it was said by, 0: none */
    uint8_t   cost_rank;
    uint8_t   error;             /* llm_error_e */
    uint8_t   passed;            /* the header is one that a proxy hands on */

    /* of each window, by its bit */
    uint32_t  said[LLM_QUOTA_N][LLM_QUOTA_VALUES];
    uint32_t  unlimited[LLM_QUOTA_N];

    /* filled only as "said" tells */
    uint64_t  window[LLM_QUOTA_N][LLM_HEADER_WINDOWS][LLM_QUOTA_VALUES];
} llm_headers_t;


/* wall: ms since the epoch, for limits that say when and not how long. */
void llm_headers_init(llm_headers_t *h, uint64_t wall);

/* One header; most are none of ours.  Neither string needs a final NUL. */
void llm_header_note(llm_headers_t *h, llm_str_t name, llm_str_t value);


/*
 * The limit that binds, of those said.  0: nothing is said of this kind, and
 * q->said is 0.
 */
int llm_headers_quota(const llm_headers_t *h, llm_quota_e kind,
    llm_quota_t *q);

/* The provider's own processing time, ns.  0: it does not say. */
int llm_headers_time(const llm_headers_t *h, uint64_t *ns);

/*
 * Tokens as the interface defines them, of an answer that is no stream.
 * 0: no count is said, and t is untouched.
 */
int llm_headers_tokens(const llm_headers_t *h, llm_tokens_t *t);

/* What a proxy says the call cost, nano-USD.  0: it does not say. */
int llm_headers_cost(const llm_headers_t *h, uint64_t *nano);


#endif /* _LLM_HEADER_H_INCLUDED_ */
