
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Limits.  See the essay in ngx_http_llm_limit.c.
 */


#ifndef _NGX_HTTP_LLM_LIMIT_H_INCLUDED_
#define _NGX_HTTP_LLM_LIMIT_H_INCLUDED_


#include "ngx_http_llm_account.h"


/*
 * take: 0, and then wait_ns is how long the call has to wait (0: not at
 * all, never more than max_delay_ns); or -1, refused, and wait_ns is when a
 * call like it would be let through at once.  amount, floor and burst in
 * the unit of accounts->rate; floor as in ngx_http_llm_budget.h.  hold must
 * be zero, and is after -1.
 *
 * An amount above the whole bucket is booked as the bucket when it is full.
 */
int ngx_http_llm_limit_take(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold, uint32_t account, uint64_t amount,
    uint64_t floor, uint64_t burst, uint64_t max_delay_ns, uint64_t mono_ns,
    uint64_t *wait_ns);

/* The same reservation at another amount; -1 leaves it as it was. */
int ngx_http_llm_limit_reprice(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold, uint64_t amount, uint64_t floor,
    uint64_t burst, uint64_t max_delay_ns, uint64_t mono_ns,
    uint64_t *wait_ns);

/* What is left in the bucket. */
uint64_t ngx_http_llm_limit_left(const ngx_http_llm_accounts_t *accounts,
    uint32_t account, uint64_t burst, uint64_t mono_ns);

/* Nanoseconds until the bucket is full again. */
uint64_t ngx_http_llm_limit_full_in(const ngx_http_llm_accounts_t *accounts,
    uint32_t account, uint64_t mono_ns);

/* For the ledger: what stands in hold is now this much. */
void ngx_http_llm_limit_adjust(ngx_http_llm_accounts_t *accounts,
    const ngx_http_llm_hold_t *hold, uint64_t to, uint64_t mono_ns);


#endif /* _NGX_HTTP_LLM_LIMIT_H_INCLUDED_ */
