
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Budgets.  See the essay in ngx_http_llm_budget.c.
 */


#ifndef _NGX_HTTP_LLM_BUDGET_H_INCLUDED_
#define _NGX_HTTP_LLM_BUDGET_H_INCLUDED_


#include "ngx_http_llm_account.h"
#include "ngx_http_llm_period.h"


#define NGX_HTTP_LLM_RESERVED    0
#define NGX_HTTP_LLM_OVERDRAWN   1   /* booked all the same: force */
#define NGX_HTTP_LLM_REFUSED    -1


/*
 * reserve: books an amount if limit leaves room for it; floor is what the
 * call costs at least if this process is killed.  REFUSED leaves nothing
 * behind, hold stays zero.  With force everything is booked, and OVERDRAWN
 * says that it would have been refused.  hold must be zero.
 *
 * An amount above the whole limit is booked as the limit when nothing is
 * committed yet; so a zero limit allows nothing.
 */
int ngx_http_llm_budget_reserve(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold, uint32_t account, ngx_http_llm_unit_e unit,
    uint64_t amount, uint64_t floor, uint64_t limit, int force,
    uint64_t wall_ns);

/*
 * The same reservation at another amount, in the period it stands in; the
 * values are those of reserve.  REFUSED leaves it as it was.
 */
int ngx_http_llm_budget_reprice(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold, uint64_t amount, uint64_t floor,
    uint64_t limit, int force);


typedef struct {
    uint64_t  committed;             /* spent and reserved */
    uint64_t  begins;                /* the period, ns since the epoch */
    uint64_t  resets;
    uint64_t  limit;                 /* last seen + 1, 0: none */
    uint32_t  tag;                   /* of the period */
} ngx_http_llm_budget_view_t;

/* What is committed now. */
void ngx_http_llm_budget_look(ngx_http_llm_accounts_t *accounts,
    uint32_t account, ngx_http_llm_unit_e unit, uint64_t wall_ns,
    ngx_http_llm_budget_view_t *view);

/*
 * For the ledger: what was booked as from is to.  0, or -1 when the period
 * has left the books.
 */
int ngx_http_llm_budget_adjust(ngx_http_llm_accounts_t *accounts,
    uint32_t account, uint32_t unit, uint32_t tag, uint64_t from,
    uint64_t to);

/* Empties cells of long ago, some records at each call. */
void ngx_http_llm_budget_scrub(ngx_http_llm_accounts_t *accounts,
    uint64_t wall_ns);


#endif /* _NGX_HTTP_LLM_BUDGET_H_INCLUDED_ */
