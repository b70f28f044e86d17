
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What one model costs, and what one call costs.  See the essay in
 * llm_price.c.
 */


#ifndef _LLM_PRICE_H_INCLUDED_
#define _LLM_PRICE_H_INCLUDED_


#include "llm_base.h"
#include "llm_decimal.h"
#include "llm_facts.h"


#define LLM_PRICE_TIERS    4      /* as llm_tier_e */
#define LLM_PRICE_LEVELS   16     /* size thresholds and ranges of one model */


/*
 * Index of a rate.  All but the fees are per token.  There is room for eight
 * (llm_price_set_t.mask).
 */

typedef enum {
    LLM_RATE_INPUT = 0,
    LLM_RATE_OUTPUT,
    LLM_RATE_CACHE_READ,
    LLM_RATE_CACHE_WRITE,
    LLM_RATE_CACHE_WRITE_1H,
    LLM_RATE_REASONING,
    LLM_RATE_REQUEST,             /* a call; of a rerank model a query */
    LLM_RATE_SEARCH,              /* a web search by the provider's tool */
    LLM_RATE_N
} llm_rate_e;


#define llm_rate_is_fee(rate)  ((rate) >= LLM_RATE_REQUEST)


/* Factors on all tokens of a call.  The caller says which ones hold. */

typedef enum {
    LLM_FACTOR_EU = 0,            /* processed in the EU by contract */
    LLM_FACTOR_US,                /* the same in the US */
    LLM_FACTOR_GEO_US,            /* Anthropic's inference_geo "us" */
    LLM_FACTOR_FAST,              /* Anthropic's speed "fast" */
    LLM_FACTOR_REGIONAL,          /* a regional endpoint, not the global */
    LLM_FACTOR_N
} llm_factor_e;

#define llm_factor_bit(f)  (1u << (f))


typedef enum {
    LLM_MODE_UNKNOWN = 0,
    LLM_MODE_CHAT,
    LLM_MODE_COMPLETION,
    LLM_MODE_RESPONSES,
    LLM_MODE_EMBEDDING,
    LLM_MODE_RERANK,
    LLM_MODE_MODERATION,
    LLM_MODE_OTHER                /* images, audio, video, search ... */
} llm_mode_e;


/* flags of a price */

#define LLM_PRICE_F_PRICED   0x01  /* has a rate: else known but unpriced */
#define LLM_PRICE_F_UNITS    0x02  /* also charges what tokens do not tell:
                                      images, seconds, searches ... */
#define LLM_PRICE_F_TIMED    0x04  /* also has rates for hours or periods */
#define LLM_PRICE_F_AT       0x08  /* a threshold is reached, not passed:
                                      input >= threshold */
#define LLM_PRICE_F_LEVELS   0x10  /* has thresholds or ranges */
#define LLM_PRICE_F_ROUNDED  0x20  /* a rate had more digits than fit */
#define LLM_PRICE_F_SIZES    0x40  /* a search costs more with more context:
                                      the middle of three is kept */
#define LLM_PRICE_F_SEARCHES 0x80  /* every call searches, and pays for it */


/*
 * What a call may have besides text and counted tokens.  Of a price: there
 * are rates for it that are not in the sum.  Of a call: it had that.
 */

#define LLM_EXTRA_AUDIO      0x01
#define LLM_EXTRA_IMAGE      0x02
#define LLM_EXTRA_VIDEO      0x04
#define LLM_EXTRA_TOOL       0x08  /* code interpreter, file search ...: any
                                      tool with a fee but web search */
#define LLM_EXTRA_OTHER      0x10


/*
 * A price is read only through the functions below and the fields of its
 * head.  It is one block of llm_price_size() bytes without pointers, so that
 * it may be copied anywhere aligned to 8.
 */

typedef struct {
    uint32_t          above;      /* holds from here on; 0: always */
    uint8_t           first;      /* its first rate, from the rates' start */
    uint8_t           mask;       /* bit r: llm_rate_e r is given */
    uint8_t           tier;       /* llm_tier_e */
    uint8_t           kind;       /* llm_set_e */
} llm_price_set_t;


typedef union {
    llm_price_set_t   set;
    uint64_t          rate;
} llm_price_cell_t;


typedef struct {
    uint32_t          family;     /* of litellm_provider; 0: not said */
    uint32_t          max_input;  /* tokens; 0: not said */
    uint32_t          max_output;
    uint16_t          ncells;
    uint8_t           nsets;
    uint8_t           scale;      /* rates are in 10^-(15 + scale) USD */
    uint8_t           mode;       /* llm_mode_e */
    uint8_t           flags;      /* LLM_PRICE_F_* */
    uint8_t           factors;    /* llm_factor_bit()s there are */
    uint8_t           extras;     /* LLM_EXTRA_* */
    uint32_t          reserved;
    llm_price_cell_t  cell[];     /* sets, then rates, then factors */
} llm_price_t;


#define LLM_PRICE_CELLS    255    /* of the largest price */
#define LLM_PRICE_MAX_SIZE                                                    \
    (sizeof(llm_price_t) + LLM_PRICE_CELLS * sizeof(llm_price_cell_t))


/*
 * Making a price: init, any number of sets, pack.  The list parser does
 * this for the lists; llm_price directives do it by hand.
 */

typedef struct {
    llm_u128_t        rate[LLM_PRICE_LEVELS + 1][LLM_PRICE_TIERS][LLM_RATE_N];
    uint8_t           mask[LLM_PRICE_LEVELS + 1][LLM_PRICE_TIERS];
    uint8_t           kind[LLM_PRICE_LEVELS + 1];
    uint32_t          above[LLM_PRICE_LEVELS + 1];
    uint32_t          factor[LLM_FACTOR_N];        /* in 1e-6 */
    uint32_t          family;
    uint32_t          max_input;
    uint32_t          max_output;
    uint8_t           nlevels;
    uint8_t           mode;
    uint8_t           flags;
    uint8_t           factors;
    uint8_t           extras;
} llm_price_draft_t;


/* The level of the plain rates: there from the start. */

#define LLM_LEVEL_BASE    0

typedef enum {
    LLM_SET_BASE = 0,
    LLM_SET_ABOVE,                /* for input > above; what it does not name
                                     is as in the base */
    LLM_SET_RANGE                 /* the same, from a list of ranges: stands
                                     for itself, the first one begins at 0 */
} llm_set_e;


typedef enum {
    LLM_PRICE_OK = 0,
    LLM_PRICE_NOT_A_NUMBER,
    LLM_PRICE_NEGATIVE,
    LLM_PRICE_ABSURD,             /* above 1 USD a token, 1e4 USD a call */
    LLM_PRICE_TOO_MANY,           /* thresholds, rates */
    LLM_PRICE_BAD_FACTOR          /* 0, or above 1000 */
} llm_price_e;

extern const char *const  llm_price_errors[];


void llm_price_draft_init(llm_price_draft_t *d);

/*
 * The level of a threshold or range, made if need be; -1: that would be
 * LLM_PRICE_TOO_MANY.
 */
int llm_price_draft_level(llm_price_draft_t *d, uint32_t above,
    unsigned kind);

/* USD a token (or a call), as text, to 1e-24 USD: a rate of a list. */
llm_price_e llm_price_rate(unsigned rate, llm_str_t usd, llm_u128_t *v);

/* v is within the limits of llm_price_rate(). */
void llm_price_draft_set(llm_price_draft_t *d, unsigned level, unsigned tier,
    unsigned rate, llm_u128_t v);

/*
 * An argument of the directive llm_price: USD a million tokens; for
 * LLM_RATE_REQUEST USD a call.
 */
llm_price_e llm_price_draft_million(llm_price_draft_t *d, unsigned rate,
    llm_str_t usd);

/* A factor such as "1.1". */
llm_price_e llm_price_draft_factor(llm_price_draft_t *d, unsigned factor,
    llm_str_t text);

/* Writes at most LLM_PRICE_MAX_SIZE bytes at an address aligned to 8. */
llm_price_e llm_price_pack(const llm_price_draft_t *d, llm_price_t *p);

static inline size_t
llm_price_size(const llm_price_t *p)
{
    return sizeof(llm_price_t) + p->ncells * sizeof(llm_price_cell_t);
}


/* flags of a cost */

#define LLM_COST_CACHE_AT_INPUT   0x01  /* no cache rate: charged as input */
#define LLM_COST_1H_AT_WRITE      0x02  /* no 1-hour rate: as a 5-minute one */
#define LLM_COST_TIER_AT_BASE     0x04  /* some rate is not given for the
                                           tier: the standard one taken */
#define LLM_COST_LEVEL            0x08  /* a threshold or range applied */
#define LLM_COST_FACTOR           0x10  /* a factor applied */
#define LLM_COST_SATURATED        0x20
#define LLM_COST_UNITS            0x40  /* from LLM_PRICE_F_UNITS */
#define LLM_COST_TIMED            0x80  /* from LLM_PRICE_F_TIMED */
#define LLM_COST_PARTIAL          0x100 /* the call had something that is not
                                           in the sum, or at another rate */

/* Not what the provider will charge, and known to be not. */
#define LLM_COST_INEXACT                                                      \
    (LLM_COST_SATURATED | LLM_COST_TIMED | LLM_COST_PARTIAL)

#define LLM_COST_MAX              ((uint64_t) INT64_MAX)


/*
 * What of a call is billed.  tokens are those that the provider bills (where
 * it counts others as well, not these); NULL: it says none, and then only a
 * price whose tokens are free can tell the cost.
 */

typedef struct {
    const llm_tokens_t  *tokens;
    uint64_t             queries;   /* of a rerank; 0: not said, one */
    uint64_t             searches;  /* web searches */
    uint8_t              tier;      /* llm_tier_e */
    uint8_t              factors;   /* llm_factor_bit()s that hold; those that
                                       the price does not have do nothing */
    uint8_t              extras;    /* LLM_EXTRA_* that it had */
} llm_bill_t;


typedef struct {
    uint64_t          nano;       /* USD x 1e9, <= LLM_COST_MAX */
    uint32_t          flags;      /* LLM_COST_* */
    uint32_t          missing;    /* when unpriced: bits of llm_rate_e */
} llm_cost_t;


/*
 * 1: priced, 0: not (p is NULL, or a rate that the tokens need is absent:
 * the cost is unknown, never 0).
 */
int llm_cost_bill(const llm_price_t *p, const llm_bill_t *bill,
    llm_cost_t *cost);

/* The same for a call of tokens and nothing else. */
int llm_cost(const llm_price_t *p, const llm_tokens_t *t, unsigned tier,
    unsigned factors, llm_cost_t *cost);


/*
 * The words of providers.  Tier: any spelling of a service_tier (OpenAI,
 * Groq, Anthropic, Bedrock) or trafficType (Vertex).  Geo and speed:
 * Anthropic's usage.inference_geo and usage.speed, as llm_factor_bit()s.
 */
unsigned llm_price_tier(llm_str_t service_tier);
unsigned llm_price_geo(llm_str_t inference_geo);
unsigned llm_price_speed(llm_str_t speed);


/* What the host name of an endpoint ("host" or "host:port") tells. */

typedef struct {
    llm_str_t         region;     /* as the lists spell it, or "" */
    unsigned          factors;    /* llm_factor_bit()s */
} llm_place_t;

void llm_price_place(llm_str_t host, llm_place_t *place);


/* The family of a litellm_provider, as kept in a price; never 0. */
uint32_t llm_price_family(llm_str_t litellm_provider);


#endif /* _LLM_PRICE_H_INCLUDED_ */
