
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The ledger: reservations in flight.  See the essay in
 * ngx_http_llm_ledger.c.
 */


#ifndef _NGX_HTTP_LLM_LEDGER_H_INCLUDED_
#define _NGX_HTTP_LLM_LEDGER_H_INCLUDED_


#include "ngx_http_llm_account.h"


/*
 * For callers.  deliver: what the call has used by now, in the unit of the
 * hold, in case that this process is killed; a store.  settle: what it has
 * used in the end, 0 gives everything back; once, then hold is zero.
 */
void ngx_http_llm_hold_deliver(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold, uint64_t amount);
void ngx_http_llm_hold_settle(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold, uint64_t actual, uint64_t mono_ns,
    uint64_t wall_ns);


/*
 * join: in init_process, of workers and the single process only, after the
 * fork.  0, or -1 when no slot is free: then a kill of this process leaves
 * all charged that it had reserved.  leave: in exit_process; what is still
 * in flight is settled as if the process were dead.  tick: every second;
 * settles for the dead.  Returns the number of the dead.
 */
int ngx_http_llm_ledger_join(ngx_http_llm_accounts_t *accounts,
    uint64_t mono_ns);
void ngx_http_llm_ledger_leave(ngx_http_llm_accounts_t *accounts,
    uint64_t mono_ns);
int ngx_http_llm_ledger_tick(ngx_http_llm_accounts_t *accounts,
    uint64_t mono_ns, uint64_t wall_ns);


/*
 * For budgets and limits, around the booking: open notes what is about to
 * be booked, keep that it is.  hold must be filled in.  open has no result:
 * a reservation without a row works, and is counted.
 */
void ngx_http_llm_ledger_open(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold, uint64_t floor);
void ngx_http_llm_ledger_keep(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold, uint64_t floor);
void ngx_http_llm_ledger_close(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold);

/* It is about to be booked otherwise; keep ends this too. */
void ngx_http_llm_ledger_touch(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold);


/*
 * Adds what is reserved in the period of tag to reserved[unit], for each
 * account: reserved is [places][NGX_HTTP_LLM_UNITS].  One chunk a call:
 * returns the next chunk, 0 at the end.
 */
uint32_t ngx_http_llm_ledger_sum(const ngx_http_llm_accounts_t *accounts,
    uint32_t chunk, uint32_t tag, uint64_t (*reserved)[NGX_HTTP_LLM_UNITS]);


#endif /* _NGX_HTTP_LLM_LEDGER_H_INCLUDED_ */
