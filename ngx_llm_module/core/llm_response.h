
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The reader of responses: bytes in, facts out.  See the essay in
 * llm_response.c.
 */


#ifndef _LLM_RESPONSE_H_INCLUDED_
#define _LLM_RESPONSE_H_INCLUDED_


#include "llm_bytes.h"
#include "llm_dialect.h"
#include "llm_facts.h"
#include "llm_frame.h"
#include "llm_json.h"
#include "llm_price.h"
#include "llm_sse.h"
#include "llm_text.h"
#include "llm_values.h"


#define LLM_NAMES_LEN   136      /* of the model and the id together */
#define LLM_MODEL_LEN   96
#define LLM_ID_LEN      64
#define LLM_WORD_LEN    32


typedef struct {
    uint8_t   len;
    uint8_t   data[LLM_WORD_LEN - 1];
} llm_word_t;


typedef struct {
    /* the event at hand */
    uint16_t             parts;
    uint8_t              kind;         /* index in the dialect's kinds; 255:
                                          no type seen */
    uint8_t              payload;      /* what the data of an event is */
    uint8_t              mark;         /* bytes that agree to [DONE] */
    uint8_t              changed;      /* what of the facts, LLM_CHANGED_*;
                                          more than the memo could restore */
    uint8_t              failed;       /* a frame of an error: its class */
    uint8_t              end;          /* it holds the end mark */
    uint32_t             tools;        /* tool calls that begin in it */
    uint32_t             opened;       /* where arguments began */

    /* the choice, the tool call and the cache detail at hand */
    uint8_t              tool_seen;    /* the element names a tool */
    uint8_t              ttl_1h;
    uint32_t             ttl_tokens;
    uint32_t             index;
    uint32_t             tool_index;
    uint32_t             tool_id;      /* its hash */
    llm_word_t           finish;
} llm_response_event_t;


#define LLM_CHANGED_USAGE   0x01
#define LLM_CHANGED_FINISH  0x02
#define LLM_CHANGED_ERROR   0x04
#define LLM_CHANGED_MODEL   0x08
#define LLM_CHANGED_ID      0x10
#define LLM_CHANGED_TIER    0x20
#define LLM_CHANGED_OTHER   0x40


/* Where the content of the last event began; see llm_memo.c. */

typedef struct {
    uint64_t             hash;         /* of the len bytes before it */
    uint16_t             len;          /* 0: none */
    uint16_t             recalled;     /* bytes of this event not read */
    uint8_t              misses;       /* in a row */
    uint8_t              node;         /* the scanner's state there */
    uint8_t              depth;
    uint8_t              object;
    uint8_t              path[8];
    uint8_t              kind;         /* the event's state there */
    uint32_t             index;
    uint32_t             tool_index;
    uint32_t             tool_id;
} llm_memo_t;


/* What there was before the frame at hand; see llm_response_event.c. */

typedef struct {
    uint32_t             touched;      /* counters that the frame has set */
    uint32_t             usage_events;
    uint8_t              usage;
    uint8_t              finished;
    uint8_t              error;
    uint8_t              tier;
    uint8_t              factors;
    uint8_t              extras;
} llm_response_before_t;


typedef struct {
    const llm_dialect_set_t  *set;
    llm_json_t                json;

    union {                                /* by framing */
        struct {
            const uint8_t    *begin;       /* of the event's JSON, while it
                                              lies in the piece being read */
            llm_memo_t        memo;
            llm_sse_t         sse;
        };

        struct {
            llm_frame_t            frame;
            llm_bytes_t            bytes;
            llm_response_before_t  before;
        };

        llm_values_t          values;
    };

    uint8_t                   dialect;
    uint8_t                   framing;     /* llm_framing_e */
    uint8_t                   hint;        /* what the header said */
    uint8_t                   indented;    /* white space begins the line */
    uint8_t                   bom;         /* bytes of a mark that came first */

    /* facts, final after llm_response_end() */

    uint8_t                   begun;       /* an event of the beginning was */
    uint8_t                   end;         /* the end mark was seen */
    uint8_t                   finished;    /* a finish reason was */
    uint8_t                   error;       /* an error stands in the body */
    uint8_t                   usage;       /* LLM_RESPONSE_U_* */
    uint8_t                   broken;      /* some text was not JSON */
    uint8_t                   malformed;   /* and could not become it */
    uint8_t                   tier;        /* llm_tier_e */
    uint8_t                   factors;     /* llm_factor_bit()s */
    uint8_t                   extras;      /* LLM_EXTRA_* */

    uint32_t                  events;
    uint32_t                  content_events;
    uint32_t                  first_content;   /* its index, if there is any */
    uint32_t                  usage_events;
    uint32_t                  tool_calls;
    uint32_t                  tool_next;
    uint32_t                  tool_last;

    uint32_t                  present;     /* bit llm_counter(slot): there */
    uint32_t                  counter[LLM_COUNTERS_N];
    uint32_t                  time;        /* the provider's own, us */
    uint64_t                  cost;        /* nano-USD */
    llm_text_t                text;        /* what was generated */
    uint32_t                  opaque;      /* bytes of it that are JSON */

    llm_response_event_t      ev;

    llm_word_t                finish;
    uint8_t                   finish_why;      /* llm_finish_e */
    uint8_t                   error_type;      /* llm_error_e */
    uint8_t                   error_code;

    uint8_t                   model_len;
    uint8_t                   model_at;
    uint8_t                   id_len;
    uint8_t                   id_at;
    uint8_t                   names[LLM_NAMES_LEN];
} llm_response_t;


#define LLM_RESPONSE_U_FIRST   0x01  /* the usage itself was seen */
#define LLM_RESPONSE_U_SECOND  0x02  /* only one to fall back on */


/* hint: what the content type says. */
void llm_response_init(llm_response_t *r, const llm_dialect_set_t *set,
    unsigned dialect, unsigned hint);

/* content_events has grown: the bytes held content. */
void llm_response_feed(llm_response_t *r, const uint8_t *p, size_t len);

/* The end of what came, however it ended. */
void llm_response_end(llm_response_t *r);

/*
 * The end in order: 1 if the body is as complete as the dialect can tell.
 * clean: the body itself ended as announced.
 */
int llm_response_complete(const llm_response_t *r, int clean);

/* How an event of llm_reply_event() can follow what came. */

typedef enum {
    LLM_JOIN_NEVER = 0,          /* not at all */
    LLM_JOIN_NEXT,               /* as it is */
    LLM_JOIN_LINE,               /* what came is cut: behind line ends */
    LLM_JOIN_HERE,               /* of an array: as a first one, without
                                    the bracket */
    LLM_JOIN_FIRST               /* as a first one: nothing came */
} llm_join_e;

llm_join_e llm_response_behind(const llm_response_t *r);

/* The body, or an event of it, is not JSON: not one that was cut, but one
 * that cannot be, or that is nested too deep. */
static inline int
llm_response_malformed(const llm_response_t *r)
{
    return r->malformed;
}

/*
 * Tokens as the interface defines them.  0: no counter was reported and t is
 * all zero.
 */
int llm_response_tokens(const llm_response_t *r, llm_tokens_t *t);

/*
 * Tokens of what was generated, where the provider does not say: estimated
 * from text and tool calls.  0 only where nothing was.
 */
uint64_t llm_response_estimate(const llm_response_t *r, llm_str_t asked);

/* True where it reports output but leaves out the input: it was not 0. */
int llm_response_no_input(const llm_response_t *r);

/*
 * What is billed: t, or other tokens where the provider says so (then they
 * are in billed).
 */
void llm_response_bill(const llm_response_t *r, const llm_tokens_t *t,
    llm_tokens_t *billed, llm_bill_t *bill);

/* What the provider says the call cost, nano-USD.  0: it does not say. */
int llm_response_cost(const llm_response_t *r, uint64_t *nano);

/* What the provider says it took, microseconds.  0: it does not say. */
int llm_response_time(const llm_response_t *r, uint64_t *us);


static inline llm_str_t
llm_response_finish(const llm_response_t *r)
{
    llm_str_t  s = { r->finish.data, r->finish.len };

    return s;
}


static inline llm_str_t
llm_response_model(const llm_response_t *r)
{
    llm_str_t  s = { r->names + r->model_at, r->model_len };

    return s;
}


static inline llm_str_t
llm_response_id(const llm_response_t *r)
{
    llm_str_t  s = { r->names + r->id_at, r->id_len };

    return s;
}


#endif /* _LLM_RESPONSE_H_INCLUDED_ */
