
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Limits: GCRA, in one word.
 *
 * An amount costs the time in which the rate brings that much.  tat is when
 * the bucket will be full again; a call is let through if, with its cost
 * added, that is no further away than the whole bucket takes.  So taking and
 * settling are one compare-and-swap each, and a process may be killed
 * anywhere between them.  Costs are products of 128 bits, rounded down: as
 * many calls as the bucket says are let through, however odd the rate.
 *
 * Giving back is the dangerous part: what has drained from the bucket must
 * not come back once more, else large reservations, taken one after the
 * other and cancelled together, would let through several buckets at once.
 * Each reservation keeps in mark where tat stood with it, and no more is
 * given back than lies between now and there.
 */


#include "ngx_http_llm_limit.h"
#include "ngx_http_llm_ledger.h"


#define NGX_HTTP_LLM_COST_MAX  (1ull << 61)


typedef unsigned __int128  ngx_http_llm_u128_t;


static uint64_t
ngx_http_llm_limit_cost(const ngx_http_llm_accounts_t *accounts,
    uint64_t amount)
{
    ngx_http_llm_u128_t  cost;

    cost = (ngx_http_llm_u128_t) amount * accounts->rate.period
           / llm_max(accounts->rate.value, 1);

    return (uint64_t) llm_min(cost, NGX_HTTP_LLM_COST_MAX);
}


/* Where tat is now: never in the past. */

static inline uint64_t
ngx_http_llm_limit_from(uint64_t tat, uint64_t now)
{
    return llm_min(llm_max(tat, now), now + NGX_HTTP_LLM_COST_MAX);
}


int
ngx_http_llm_limit_take(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold, uint32_t account, uint64_t amount,
    uint64_t floor, uint64_t burst, uint64_t max_delay_ns, uint64_t mono_ns,
    uint64_t *wait_ns)
{
    uint64_t                 t, n, cost, bucket;
    ngx_http_llm_account_t  *record;

    *wait_ns = 0;

    if (account >= accounts->places) {
        return -1;
    }

    burst = ngx_http_llm_account_limit(accounts, account,
                                       accounts->rate.unit, burst);
    bucket = ngx_http_llm_limit_cost(accounts, burst);
    cost = ngx_http_llm_limit_cost(accounts, amount);

    record = &accounts->record[account];
    t = __atomic_load_n(&record->tat, __ATOMIC_RELAXED);

    if (burst == 0) {
        *wait_ns = cost;
        (void) __atomic_fetch_add(&record->refused, 1, __ATOMIC_RELAXED);
        return -1;
    }

    /* more than the bucket holds waits until it is full, and takes it all */

    if (cost > bucket) {
        cost = bucket;
        amount = burst;
    }

    hold->amount = amount;
    hold->cost = cost;
    hold->account = account + 1;
    hold->unit = (uint8_t) accounts->rate.unit;

    do {
        n = ngx_http_llm_limit_from(t, mono_ns) + cost;
        *wait_ns = (n - mono_ns > bucket) ? n - mono_ns - bucket : 0;

        if (*wait_ns > max_delay_ns) {

            if (hold->row) {
                ngx_http_llm_ledger_close(accounts, hold);
            }

            memset(hold, 0, sizeof(ngx_http_llm_hold_t));

            (void) __atomic_fetch_add(&record->refused, 1, __ATOMIC_RELAXED);
            return -1;
        }

        hold->mark = n;

        if (hold->row == 0) {
            ngx_http_llm_ledger_open(accounts, hold, floor);
        }

    } while (!__atomic_compare_exchange_n(&record->tat, &t, n, 0,
                                          __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));

    ngx_http_llm_ledger_keep(accounts, hold, floor);

    (void) __atomic_fetch_add(*wait_ns ? &record->delayed : &record->admitted,
                              1, __ATOMIC_RELAXED);

    return 0;
}


int
ngx_http_llm_limit_reprice(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_hold_t *hold, uint64_t amount, uint64_t floor,
    uint64_t burst, uint64_t max_delay_ns, uint64_t mono_ns,
    uint64_t *wait_ns)
{
    uint64_t                 t, n, more, cost, bucket;
    ngx_http_llm_account_t  *record;

    *wait_ns = 0;

    if (hold->account == 0) {
        return 0;
    }

    burst = ngx_http_llm_account_limit(accounts, hold->account - 1,
                                       hold->unit, burst);
    bucket = ngx_http_llm_limit_cost(accounts, burst);
    cost = ngx_http_llm_limit_cost(accounts, amount);

    if (cost > bucket) {
        cost = bucket;
        amount = burst;
    }

    record = &accounts->record[hold->account - 1];

    ngx_http_llm_ledger_touch(accounts, hold);

    if (cost <= hold->cost) {
        more = hold->cost - cost;
        ngx_http_llm_limit_adjust(accounts, hold->account - 1, hold->cost,
                                  hold->mark, cost, mono_ns);
        hold->mark -= llm_min(more, hold->mark);

    } else {
        more = cost - hold->cost;
        t = __atomic_load_n(&record->tat, __ATOMIC_RELAXED);

        do {
            n = ngx_http_llm_limit_from(t, mono_ns) + more;
            *wait_ns = (n - mono_ns > bucket) ? n - mono_ns - bucket : 0;

            if (*wait_ns > max_delay_ns) {
                ngx_http_llm_ledger_keep(accounts, hold, floor);
                (void) __atomic_fetch_add(&record->refused, 1,
                                          __ATOMIC_RELAXED);
                return -1;
            }

        } while (!__atomic_compare_exchange_n(&record->tat, &t, n, 0,
                                              __ATOMIC_ACQ_REL,
                                              __ATOMIC_RELAXED));

        hold->mark = n;
    }

    hold->amount = amount;
    hold->cost = cost;

    ngx_http_llm_ledger_keep(accounts, hold, floor);

    return 0;
}


void
ngx_http_llm_limit_adjust(ngx_http_llm_accounts_t *accounts, uint32_t account,
    uint64_t cost, uint64_t mark, uint64_t to, uint64_t mono_ns)
{
    uint64_t                *tat, t, n, less;

    tat = &accounts->record[account].tat;
    to = ngx_http_llm_limit_cost(accounts, to);
    t = __atomic_load_n(tat, __ATOMIC_RELAXED);

    do {
        if (to >= cost) {
            n = llm_min(t, mono_ns + NGX_HTTP_LLM_COST_MAX) + (to - cost);

        } else {
            less = (mark > mono_ns) ? mark - mono_ns : 0;
            less = llm_min(less, cost - to);
            n = t - llm_min(t, less);
        }

    } while (!__atomic_compare_exchange_n(tat, &t, n, 0, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
}


uint64_t
ngx_http_llm_limit_full_in(const ngx_http_llm_accounts_t *accounts,
    uint32_t account, uint64_t mono_ns)
{
    uint64_t  t;

    if (account >= accounts->places) {
        return 0;
    }

    t = __atomic_load_n(&accounts->record[account].tat, __ATOMIC_RELAXED);

    return (t > mono_ns) ? t - mono_ns : 0;
}


uint64_t
ngx_http_llm_limit_left(const ngx_http_llm_accounts_t *accounts,
    uint32_t account, uint64_t burst, uint64_t mono_ns)
{
    uint64_t             bucket, gone;
    ngx_http_llm_u128_t  left;

    bucket = ngx_http_llm_limit_cost(accounts, burst);
    gone = ngx_http_llm_limit_full_in(accounts, account, mono_ns);

    if (gone == 0) {
        return burst;
    }

    if (gone >= bucket) {
        return 0;
    }

    left = (ngx_http_llm_u128_t) (bucket - gone) * accounts->rate.value
           / llm_max(accounts->rate.period, 1);

    return (uint64_t) llm_min(left, burst);
}
