
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Gates: what may pass.  The order of steps in one call is the table in
 * ngx_http_llm_gate.c; reservations are ngx_http_llm_gate_account.c's, and
 * what is charged in the end ngx_http_llm_gate_settle.c's.
 */


#ifndef _NGX_HTTP_LLM_GATE_H_INCLUDED_
#define _NGX_HTTP_LLM_GATE_H_INCLUDED_


#include "ngx_http_llm_account_conf.h"
#include "ngx_http_llm_ctx.h"
#include "ngx_http_llm_reply.h"


/* What a limit or budget said; the words are those of limit_req. */

typedef enum {
    NGX_HTTP_LLM_SAID_NOTHING = 0,
    NGX_HTTP_LLM_SAID_PASSED,
    NGX_HTTP_LLM_SAID_SOFT,
    NGX_HTTP_LLM_SAID_DELAYED,
    NGX_HTTP_LLM_SAID_REJECTED,
    NGX_HTTP_LLM_SAID_DELAYED_DRY_RUN,
    NGX_HTTP_LLM_SAID_REJECTED_DRY_RUN
} ngx_http_llm_said_e;


/* Gates that have no zone. */

typedef enum {
    NGX_HTTP_LLM_GATE_UNREADABLE = 0,
    NGX_HTTP_LLM_GATE_MODELS,
    NGX_HTTP_LLM_GATE_DENY,
    NGX_HTTP_LLM_GATE_SPLICE,
    NGX_HTTP_LLM_GATE_OUTPUT,
    NGX_HTTP_LLM_GATE_INPUT,
    NGX_HTTP_LLM_GATE_COST,
    NGX_HTTP_LLM_GATE_N
} ngx_http_llm_gate_e;


/* One limit or budget of a call.  It outlives redirects. */

typedef struct {
    ngx_http_llm_account_conf_t  *zone;
    void                         *conf;      /* ngx_http_llm_limit_conf_t or
                                                ngx_http_llm_budget_conf_t */
    ngx_http_llm_hold_t           hold;      /* zeroed: holds nothing */
    uint64_t                      bound;     /* of the budget, in its unit */
    uint64_t                      left;      /* before this call */
    uint64_t                      shown_left;
    uint64_t                      wait;      /* ns, of a limit */
    uint32_t                      account;
    uint8_t                       unit;      /* ngx_http_llm_unit_e */
    uint8_t                       said;      /* ngx_http_llm_said_e */
    uint8_t                       shown;     /* what variables say, once one
                                                was asked */
    unsigned                      known:1;   /* whose account it is */
    unsigned                      keyless:1; /* nobody's */
    unsigned                      malformed:1;
    unsigned                      unpriced:1;
    unsigned                      current:1; /* the location at hand has it */
} ngx_http_llm_claim_t;


typedef struct ngx_http_llm_gate_s  ngx_http_llm_gate_t;

struct ngx_http_llm_gate_s {
    ngx_array_t                   claims;    /* ngx_http_llm_claim_t *: a key
                                                may ask how another stands,
                                                so none may move */
    ngx_str_t                     said;      /* $llm_gate */

    /* the estimate, where a call without a bound is given "reserve" */
    uint64_t                      reserve;
    uint64_t                      input;     /* tokens */
    uint64_t                      output;
    uint64_t                      cost;      /* nano-USD */
    uint64_t                      floor;     /* of its input alone */
    uint64_t                      rate;      /* nano-USD for 1,000 tokens of
                                                output, rounded up */

    ngx_msec_t                    wait;
    ngx_uint_t                    step;      /* next to run */
    unsigned                      estimated:1;
    unsigned                      priced:1;
    unsigned                      bounded:1; /* the output has a bound */
    unsigned                      settled:1;
};


/*
 * Runs in PRECONTENT once the body has been read, where something in the
 * location gates.  NGX_DECLINED: may pass;
 * NGX_AGAIN: waits, and comes back; else what the phase handler returns.
 */
ngx_int_t ngx_http_llm_gate(ngx_http_llm_ctx_t *ctx);

/* The request enters a location anew: nothing is decided there yet. */
void ngx_http_llm_gate_enter(ngx_http_llm_ctx_t *ctx);


/*
 * ngx_http_llm_gate_refuse.c.  All return what the phase handler does, or
 * NGX_ERROR; unread and those that follow NGX_OK as well, where what cannot
 * be judged may pass.
 */

ngx_int_t ngx_http_llm_gate_refuse(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_reply_t *reply);
ngx_int_t ngx_http_llm_gate_refuse_plain(ngx_http_llm_ctx_t *ctx,
    ngx_uint_t reason, ngx_uint_t status, ngx_uint_t gate, const char *what,
    const char *text);
ngx_int_t ngx_http_llm_gate_unread(ngx_http_llm_ctx_t *ctx,
    ngx_uint_t reason, ngx_uint_t status, ngx_uint_t gate, const char *word,
    const char *text);

/* By the state of the body, and by why it is not changed. */
ngx_int_t ngx_http_llm_gate_unreadable(ngx_http_llm_ctx_t *ctx,
    ngx_uint_t state);
ngx_int_t ngx_http_llm_gate_unchanged(ngx_http_llm_ctx_t *ctx,
    ngx_uint_t why);


/* ngx_http_llm_gate_claim.c */

ngx_http_llm_gate_t *ngx_http_llm_gate_get(ngx_http_llm_ctx_t *ctx);

/*
 * The claim of a limit or budget, and how that stands.  NGX_DECLINED: this
 * call is not counted there; NGX_ABORT: it has no amount that means
 * anything.
 */
ngx_int_t ngx_http_llm_gate_look_at(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_account_conf_t *zone, void *conf,
    ngx_http_llm_claim_t **found);

/* The status of each limit and budget, before this call. */
ngx_int_t ngx_http_llm_gate_look(ngx_http_llm_ctx_t *ctx);

ngx_int_t ngx_http_llm_gate_say(ngx_http_llm_ctx_t *ctx, const char *gate,
    ngx_str_t *name, const char *what);

/* ns since the epoch */
uint64_t ngx_http_llm_gate_wall(void);


/* ngx_http_llm_gate_reserve.c */

/*
 * What the call may take: reserve is the output of one that names no bound.
 */
void ngx_http_llm_gate_estimate(ngx_http_llm_ctx_t *ctx, uint64_t reserve);

/* What limits and budgets said of a call that may pass, counted. */
ngx_int_t ngx_http_llm_gate_count(ngx_http_llm_ctx_t *ctx);

/* All or none.  NGX_OK, or NGX_DECLINED with the reply filled in. */
ngx_int_t ngx_http_llm_gate_reserve(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_reply_t *reply);

/* What so many tokens of output are, and the input, in a unit. */
uint64_t ngx_http_llm_gate_worth(ngx_http_llm_gate_t *gate, ngx_uint_t unit,
    uint64_t output);


/* ngx_http_llm_gate_settle.c */

/* What was delivered by now, should this process be killed. */
void ngx_http_llm_gate_deliver(ngx_http_llm_ctx_t *ctx);

/* Once, when the call is over: the truth instead of the estimate. */
void ngx_http_llm_gate_settle(ngx_http_llm_ctx_t *ctx);

void ngx_http_llm_gate_give_back(ngx_http_llm_claim_t *claim);

/* Nothing ran: all is given back. */
void ngx_http_llm_gate_release(ngx_http_llm_ctx_t *ctx);


/* ngx_http_llm_gate_variables.c: $llm_gate, $llm_limit_NAME, ... */

ngx_int_t ngx_http_llm_gate_variables_add(ngx_conf_t *cf);
ngx_int_t ngx_http_llm_gate_variables_zone(ngx_conf_t *cf,
    ngx_http_llm_account_conf_t *zone);


#endif /* _NGX_HTTP_LLM_GATE_H_INCLUDED_ */
