
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The ledger: reservations in flight, each a row of the process that made
 * it, so that those of a killed process can be settled by another; every
 * doubt charges, and nothing is given back twice.
 *
 *     open     PENDING, then the booking, then HELD        keep
 *     touch    SETTLING, then the other booking, then HELD keep
 *     settle   SETTLING, then the other booking, then 0
 *
 * Whoever clears up after a dead process finds one of these.  PENDING and
 * SETTLING may have been booked or not: they stay charged as they are.  That
 * is one row at most, as a process does one thing at a time.  HELD was
 * booked for certain: the row becomes DROPPED first and is settled then, at
 * what was delivered, or at its floor if that is more.  If the clearing
 * process dies between the two, the next one finds DROPPED, and the whole
 * reservation stays charged.
 *
 * word: 32 bits of account, 12 of the period's tag, 2 of unit, 3 of state.
 */


#include "ngx_http_llm_budget.h"
#include "ngx_http_llm_ledger.h"
#include "ngx_http_llm_limit.h"


#define NGX_HTTP_LLM_PENDING     1u
#define NGX_HTTP_LLM_HELD        2u
#define NGX_HTTP_LLM_SETTLING    3u
#define NGX_HTTP_LLM_DROPPED     4u

#define NGX_HTTP_LLM_STATE       46

#define ngx_http_llm_state(w)    ((uint32_t) ((w) >> NGX_HTTP_LLM_STATE))
#define ngx_http_llm_row_account(w)  ((uint32_t) (w))
#define ngx_http_llm_row_tag(w)  ((uint32_t) ((w) >> 32) & 4095)
#define ngx_http_llm_row_unit(w) ((uint32_t) ((w) >> 44) & 3)


static void ngx_http_llm_ledger_drop(void *data, void *row);
static void ngx_http_llm_ledger_orphan(ngx_http_llm_accounts_t *accounts,
    uint32_t unit, uint64_t amount);


static inline uint64_t
ngx_http_llm_ledger_word(const ngx_http_llm_hold_t *hold, uint64_t state)
{
    return state << NGX_HTTP_LLM_STATE
           | (uint64_t) hold->unit << 44
           | (uint64_t) hold->tag << 32
           | (hold->account - 1);
}


void
ngx_http_llm_ledger_open(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold, uint64_t floor)
{
    int                      fresh;
    ngx_http_llm_booking_t  *row;

    row = ngx_http_llm_rows_row(&accounts->rows, hold->row);
    fresh = (row == NULL);

    if (fresh) {
        row = ngx_http_llm_rows_take(&accounts->rows, &hold->row);
    }

    if (row == NULL) {
        hold->row = 0;
        ngx_http_llm_account_count(accounts, NGX_HTTP_LLM_ACCOUNT_UNROWED, 1);
        return;
    }

    __atomic_store_n(&row->amount, hold->amount, __ATOMIC_RELAXED);
    __atomic_store_n(&row->floor, floor, __ATOMIC_RELAXED);
    __atomic_store_n(&row->delivered, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&row->cost, hold->cost, __ATOMIC_RELAXED);
    __atomic_store_n(&row->mark, hold->mark, __ATOMIC_RELAXED);
    __atomic_store_n(&row->alone, hold->alone, __ATOMIC_RELAXED);
    __atomic_store_n(&row->word,
                     ngx_http_llm_ledger_word(hold, NGX_HTTP_LLM_PENDING),
                     __ATOMIC_RELEASE);

    if (fresh) {
        ngx_http_llm_rows_use(&accounts->rows, hold->row);
    }
}


void
ngx_http_llm_ledger_keep(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold, uint64_t floor)
{
    ngx_http_llm_booking_t  *row;

    row = ngx_http_llm_rows_row(&accounts->rows, hold->row);
    if (row == NULL) {
        return;
    }

    __atomic_store_n(&row->amount, hold->amount, __ATOMIC_RELAXED);
    __atomic_store_n(&row->floor, llm_min(floor, hold->amount),
                     __ATOMIC_RELAXED);
    __atomic_store_n(&row->cost, hold->cost, __ATOMIC_RELAXED);
    __atomic_store_n(&row->mark, hold->mark, __ATOMIC_RELAXED);
    __atomic_store_n(&row->alone, hold->alone, __ATOMIC_RELAXED);
    __atomic_store_n(&row->word,
                     ngx_http_llm_ledger_word(hold, NGX_HTTP_LLM_HELD),
                     __ATOMIC_RELEASE);
}


void
ngx_http_llm_ledger_touch(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold)
{
    ngx_http_llm_booking_t  *row;

    row = ngx_http_llm_rows_row(&accounts->rows, hold->row);

    if (row) {
        __atomic_store_n(&row->word,
                         ngx_http_llm_ledger_word(hold,
                                                  NGX_HTTP_LLM_SETTLING),
                         __ATOMIC_RELEASE);
    }
}


void
ngx_http_llm_ledger_close(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold)
{
    ngx_http_llm_booking_t  *row;

    row = ngx_http_llm_rows_row(&accounts->rows, hold->row);

    if (row) {
        __atomic_store_n(&row->word, 0, __ATOMIC_RELEASE);
        ngx_http_llm_rows_give(&accounts->rows, hold->row);
    }

    hold->row = 0;
}


void
ngx_http_llm_hold_deliver(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold, uint64_t amount)
{
    ngx_http_llm_booking_t  *row;

    row = ngx_http_llm_rows_row(&accounts->rows, hold->row);

    if (row) {
        __atomic_store_n(&row->delivered, amount, __ATOMIC_RELAXED);
    }
}


void
ngx_http_llm_hold_settle(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold, uint64_t actual, uint64_t mono_ns,
    uint64_t wall_ns)
{
    uint32_t  account;

    (void) wall_ns;

    if (hold->account == 0) {
        return;
    }

    account = hold->account - 1;

    ngx_http_llm_ledger_touch(accounts, hold);

    if (accounts->kind == NGX_HTTP_LLM_BUDGETS) {
        (void) ngx_http_llm_budget_adjust(accounts, account, hold->unit,
                                          hold->tag, hold->amount, actual);

    } else {
        ngx_http_llm_limit_adjust(accounts, hold, actual, mono_ns);
    }

    ngx_http_llm_ledger_close(accounts, hold);

    memset(hold, 0, sizeof(ngx_http_llm_hold_t));
}


int
ngx_http_llm_ledger_join(ngx_http_llm_accounts_t *accounts, uint64_t mono_ns)
{
    accounts->now = mono_ns;
    accounts->rows.drop = ngx_http_llm_ledger_drop;
    accounts->rows.data = accounts;

    return ngx_http_llm_rows_join(&accounts->rows);
}


void
ngx_http_llm_ledger_leave(ngx_http_llm_accounts_t *accounts, uint64_t mono_ns)
{
    accounts->now = mono_ns;

    ngx_http_llm_rows_leave(&accounts->rows);
}


int
ngx_http_llm_ledger_tick(ngx_http_llm_accounts_t *accounts, uint64_t mono_ns,
    uint64_t wall_ns)
{
    accounts->now = mono_ns;

    __atomic_store_n(&accounts->arena->mono, mono_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&accounts->arena->wall, wall_ns, __ATOMIC_RELAXED);

    if (accounts->kind == NGX_HTTP_LLM_BUDGETS) {
        ngx_http_llm_budget_scrub(accounts, wall_ns);
    }

    return ngx_http_llm_rows_reap(&accounts->rows);
}


/* A row of a process that is dead, or leaves. */

static void
ngx_http_llm_ledger_drop(void *data, void *row)
{
    ngx_http_llm_accounts_t *accounts = data;
    ngx_http_llm_booking_t  *r = row;

    uint32_t             account, unit;
    uint64_t             word, charge;
    ngx_http_llm_hold_t  hold;

    word = __atomic_load_n(&r->word, __ATOMIC_ACQUIRE);

    if (word == 0) {
        return;
    }

    account = ngx_http_llm_row_account(word);
    unit = ngx_http_llm_row_unit(word);
    charge = r->amount;

    if (ngx_http_llm_state(word) == NGX_HTTP_LLM_HELD
        && account < accounts->places && unit < NGX_HTTP_LLM_UNITS)
    {
        charge = llm_max(r->delivered, llm_min(r->floor, r->amount));

        word &= (1ull << NGX_HTTP_LLM_STATE) - 1;
        word |= (uint64_t) NGX_HTTP_LLM_DROPPED << NGX_HTTP_LLM_STATE;

        __atomic_store_n(&r->word, word, __ATOMIC_RELEASE);

        if (accounts->kind == NGX_HTTP_LLM_BUDGETS) {
            (void) ngx_http_llm_budget_adjust(accounts, account, unit,
                                              ngx_http_llm_row_tag(word),
                                              r->amount, charge);

        } else {
            memset(&hold, 0, sizeof(ngx_http_llm_hold_t));

            hold.account = account + 1;
            hold.cost = r->cost;
            hold.mark = r->mark;
            hold.alone = r->alone;

            ngx_http_llm_limit_adjust(accounts, &hold, charge, accounts->now);
        }
    }

    ngx_http_llm_ledger_orphan(accounts, unit, charge);

    __atomic_store_n(&r->word, 0, __ATOMIC_RELEASE);
}


static void
ngx_http_llm_ledger_orphan(ngx_http_llm_accounts_t *accounts, uint32_t unit,
    uint64_t amount)
{
    ngx_http_llm_account_count(accounts, NGX_HTTP_LLM_ACCOUNT_ORPHANS, 1);

    if (unit == NGX_HTTP_LLM_USD) {
        ngx_http_llm_account_count(accounts, NGX_HTTP_LLM_ACCOUNT_ORPHANED,
                                   amount);
    }
}


uint32_t
ngx_http_llm_ledger_sum(const ngx_http_llm_accounts_t *accounts,
    uint32_t chunk, uint32_t tag, uint64_t (*reserved)[NGX_HTTP_LLM_UNITS])
{
    uint32_t                       i, account, unit;
    uint64_t                       used, word;
    const ngx_http_llm_booking_t  *row;

    if (chunk >= ngx_http_llm_rows_high(&accounts->rows)) {
        return 0;
    }

    for (used = ngx_http_llm_rows_used(&accounts->rows, chunk);
         used;
         used &= used - 1)
    {
        i = (uint32_t) __builtin_ctzll(used);

        row = ngx_http_llm_rows_at(&accounts->rows, chunk, i);
        word = __atomic_load_n(&row->word, __ATOMIC_ACQUIRE);

        account = ngx_http_llm_row_account(word);
        unit = ngx_http_llm_row_unit(word);

        if (ngx_http_llm_state(word) != NGX_HTTP_LLM_HELD
            || ngx_http_llm_row_tag(word) != tag
            || account >= accounts->places || unit >= NGX_HTTP_LLM_UNITS)
        {
            continue;
        }

        reserved[account][unit] += __atomic_load_n(&row->amount,
                                                   __ATOMIC_RELAXED);
    }

    return chunk + 1 < ngx_http_llm_rows_high(&accounts->rows) ? chunk + 1
                                                               : 0;
}
