
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Budgets.
 *
 * What is spent and reserved in a period is one word, 12 bits of the
 * period's number and 52 of the amount, so that reserving, rolling over to a
 * new period and settling are one compare-and-swap each and a process may be
 * killed anywhere between them.  The word is the whole state: it may change
 * and change back under a loop, and nothing is wrong.
 *
 * A key has two such words for each unit, of the even and of the odd period.
 * So the truth about a call that ends late goes to the period that it was
 * reserved in, as long as the next one has not ended too; then it is late,
 * and counted.
 *
 * The period never goes back.  The header holds the latest that any process
 * has seen, whole; when the clock is set back, everything is booked in that
 * one until the clock has come there again.  So a tag is either that of the
 * period or of an earlier one, and equality is all that is asked.  A tag
 * returns after 4096 periods, 170 days of hours: cells that old are emptied
 * long before, by a walk over some records each second.
 *
 * What was not proven unspent is spent:
 *
 *     spent <= limit + sum over calls in flight of max(0, actual - booked)
 */


#include "ngx_http_llm_budget.h"
#include "ngx_http_llm_ledger.h"


#define NGX_HTTP_LLM_TAG_MASK     4095u
#define NGX_HTTP_LLM_TAG_SHIFT    52
#define NGX_HTTP_LLM_SCRUB        64         /* records at each call */

#define NGX_HTTP_LLM_SEC          1000000000ull

#define ngx_http_llm_tag(w)       ((uint32_t) ((w) >> NGX_HTTP_LLM_TAG_SHIFT))
#define ngx_http_llm_sum_of(w)    ((w) & LLM_AMOUNT_MAX)
#define ngx_http_llm_cell(tag, n)                                             \
    ((uint64_t) (tag) << NGX_HTTP_LLM_TAG_SHIFT | (n))


_Static_assert(LLM_AMOUNT_MAX == (1ull << NGX_HTTP_LLM_TAG_SHIFT) - 1,
               "amounts");


static uint64_t ngx_http_llm_budget_period(ngx_http_llm_accounts_t *accounts,
    uint64_t wall_ns);


int
ngx_http_llm_budget_reserve(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold, uint32_t account, ngx_http_llm_unit_e unit,
    uint64_t amount, uint64_t floor, uint64_t limit, int force,
    uint64_t wall_ns)
{
    int                      over;
    uint32_t                 tag;
    uint64_t                *cell, w, have, booked;
    ngx_http_llm_account_t  *record;

    if (account >= accounts->places || unit >= NGX_HTTP_LLM_UNITS) {
        return NGX_HTTP_LLM_REFUSED;
    }

    limit = ngx_http_llm_account_limit(accounts, account, unit, limit);
    amount = llm_min(amount, LLM_AMOUNT_MAX);

    tag = (uint32_t) ngx_http_llm_budget_period(accounts, wall_ns)
          & NGX_HTTP_LLM_TAG_MASK;

    record = &accounts->record[account];
    cell = &record->cell[unit][tag & 1];
    w = __atomic_load_n(cell, __ATOMIC_RELAXED);

    do {
        have = (ngx_http_llm_tag(w) == tag) ? ngx_http_llm_sum_of(w) : 0;
        booked = amount;

        if (have == 0 && booked > limit && !force) {
            booked = limit;
        }

        over = have + llm_max(booked, 1) > limit;

        if (over && !force) {

            if (hold->row) {
                ngx_http_llm_ledger_close(accounts, hold);
            }

            memset(hold, 0, sizeof(ngx_http_llm_hold_t));

            (void) __atomic_fetch_add(&record->refused, 1, __ATOMIC_RELAXED);
            return NGX_HTTP_LLM_REFUSED;
        }

        /* the row is written before the booking, and again if that turns
           out to be another amount */

        if (hold->account == 0 || hold->amount != booked) {
            hold->amount = booked;
            hold->account = account + 1;
            hold->tag = (uint16_t) tag;
            hold->unit = (uint8_t) unit;

            ngx_http_llm_ledger_open(accounts, hold, floor);
        }

        if (have + booked > LLM_AMOUNT_MAX) {
            ngx_http_llm_account_count(accounts,
                                       NGX_HTTP_LLM_ACCOUNT_SATURATED, 1);
        }

        have = llm_min(have + booked, LLM_AMOUNT_MAX);

    } while (!__atomic_compare_exchange_n(cell, &w,
                                          ngx_http_llm_cell(tag, have), 0,
                                          __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));

    ngx_http_llm_ledger_keep(accounts, hold, floor);

    (void) __atomic_fetch_add(&record->admitted, 1, __ATOMIC_RELAXED);

    return over ? NGX_HTTP_LLM_OVERDRAWN : NGX_HTTP_LLM_RESERVED;
}


int
ngx_http_llm_budget_reprice(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold, uint64_t amount, uint64_t floor,
    uint64_t limit, int force)
{
    int                      over;
    uint64_t                *cell, w, have, rest, booked;
    ngx_http_llm_account_t  *record;

    if (hold->account == 0) {
        return NGX_HTTP_LLM_RESERVED;
    }

    limit = ngx_http_llm_account_limit(accounts, hold->account - 1,
                                       hold->unit, limit);
    amount = llm_min(amount, LLM_AMOUNT_MAX);

    record = &accounts->record[hold->account - 1];
    cell = &record->cell[hold->unit][hold->tag & 1];
    w = __atomic_load_n(cell, __ATOMIC_RELAXED);

    ngx_http_llm_ledger_touch(accounts, hold);

    do {
        booked = amount;

        if (ngx_http_llm_tag(w) != hold->tag) {

            /* its period is gone: nothing to book it in, nor to check */

            over = 0;
            break;
        }

        have = ngx_http_llm_sum_of(w);
        rest = have - llm_min(have, hold->amount);

        if (rest == 0 && booked > limit && !force) {
            booked = limit;
        }

        over = rest + llm_max(booked, 1) > limit;

        if (over && !force) {
            ngx_http_llm_ledger_keep(accounts, hold, floor);
            (void) __atomic_fetch_add(&record->refused, 1, __ATOMIC_RELAXED);
            return NGX_HTTP_LLM_REFUSED;
        }

        if (rest + booked > LLM_AMOUNT_MAX) {
            ngx_http_llm_account_count(accounts,
                                       NGX_HTTP_LLM_ACCOUNT_SATURATED, 1);
        }

        rest = llm_min(rest + booked, LLM_AMOUNT_MAX);

    } while (!__atomic_compare_exchange_n(cell, &w,
                                        ngx_http_llm_cell(hold->tag, rest), 0,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));

    hold->amount = booked;
    ngx_http_llm_ledger_keep(accounts, hold, floor);

    return over ? NGX_HTTP_LLM_OVERDRAWN : NGX_HTTP_LLM_RESERVED;
}


int
ngx_http_llm_budget_adjust(ngx_http_llm_accounts_t *accounts,
    uint32_t account, uint32_t unit, uint32_t tag, uint64_t from, uint64_t to)
{
    uint64_t                *cell, w, have;
    ngx_http_llm_account_t  *record;

    record = &accounts->record[account];
    cell = &record->cell[unit][tag & 1];
    w = __atomic_load_n(cell, __ATOMIC_RELAXED);

    to = llm_min(to, LLM_AMOUNT_MAX);

    do {
        if (ngx_http_llm_tag(w) != tag) {
            (void) __atomic_fetch_add(&record->late_settles, 1,
                                      __ATOMIC_RELAXED);
            ngx_http_llm_account_count(accounts, NGX_HTTP_LLM_ACCOUNT_LATE,
                                       1);
            return -1;
        }

        /* from is in it, unless it was full */

        have = ngx_http_llm_sum_of(w);
        have -= llm_min(have, from);

        if (have + to > LLM_AMOUNT_MAX) {
            ngx_http_llm_account_count(accounts,
                                       NGX_HTTP_LLM_ACCOUNT_SATURATED, 1);
        }

        have = llm_min(have + to, LLM_AMOUNT_MAX);

    } while (!__atomic_compare_exchange_n(cell, &w,
                                          ngx_http_llm_cell(tag, have), 0,
                                          __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));

    return 0;
}


void
ngx_http_llm_budget_look(ngx_http_llm_accounts_t *accounts, uint32_t account,
    ngx_http_llm_unit_e unit, uint64_t wall_ns,
    ngx_http_llm_budget_view_t *view)
{
    uint32_t                 tag;
    uint64_t                 n, w;
    ngx_http_llm_account_t  *record;

    memset(view, 0, sizeof(ngx_http_llm_budget_view_t));

    if (account >= accounts->places || unit >= NGX_HTTP_LLM_UNITS) {
        return;
    }

    n = ngx_http_llm_budget_period(accounts, wall_ns);
    tag = (uint32_t) n & NGX_HTTP_LLM_TAG_MASK;

    record = &accounts->record[account];
    w = __atomic_load_n(&record->cell[unit][tag & 1], __ATOMIC_RELAXED);

    view->committed = (ngx_http_llm_tag(w) == tag) ? ngx_http_llm_sum_of(w)
                                                   : 0;
    view->tag = tag;
    view->begins = ngx_http_llm_period_begin(accounts->period, n)
                   * NGX_HTTP_LLM_SEC;
    view->resets = ngx_http_llm_period_begin(accounts->period, n + 1)
                   * NGX_HTTP_LLM_SEC;
    view->limit = __atomic_load_n(&record->limit[unit], __ATOMIC_RELAXED);
}


void
ngx_http_llm_budget_scrub(ngx_http_llm_accounts_t *accounts, uint64_t wall_ns)
{
    uint32_t   i, k, tag;
    uint64_t  *cell, w;

    tag = (uint32_t) ngx_http_llm_budget_period(accounts, wall_ns)
          & NGX_HTTP_LLM_TAG_MASK;

    for (i = 0; i < NGX_HTTP_LLM_SCRUB; i++) {

        cell = accounts->record[accounts->scrub].cell[0];

        for (k = 0; k < 2 * NGX_HTTP_LLM_UNITS; k++) {
            w = __atomic_load_n(&cell[k], __ATOMIC_RELAXED);

            /* half of the tags are the past, the other half also */

            if (w
                && ((tag - ngx_http_llm_tag(w)) & NGX_HTTP_LLM_TAG_MASK)
                   > NGX_HTTP_LLM_TAG_MASK / 4)
            {
                (void) __atomic_compare_exchange_n(&cell[k], &w, 0, 0,
                                                   __ATOMIC_RELAXED,
                                                   __ATOMIC_RELAXED);
            }
        }

        if (++accounts->scrub == accounts->places) {
            accounts->scrub = 0;
        }
    }
}


/* The number of the period that is now, which may only grow. */

static uint64_t
ngx_http_llm_budget_period(ngx_http_llm_accounts_t *accounts,
    uint64_t wall_ns)
{
    uint64_t  n, *latest, seen;

    n = ngx_http_llm_period_number(accounts->period,
                                   wall_ns / NGX_HTTP_LLM_SEC);

    latest = &accounts->arena->latest;
    seen = __atomic_load_n(latest, __ATOMIC_RELAXED);

    while (seen < n
           && !__atomic_compare_exchange_n(latest, &seen, n, 1,
                                           __ATOMIC_RELAXED,
                                           __ATOMIC_RELAXED))
    {
        /* seen was read anew */
    }

    return llm_max(seen, n);
}
