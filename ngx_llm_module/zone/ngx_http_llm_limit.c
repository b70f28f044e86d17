
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
 * What is given back must still lie in the bucket, and must have lain there
 * ever since it was taken.  Two things are known of that, and either will
 * do: with nothing else in the bucket it would have lain there for its cost
 * in time (alone); and tat stood at mark with it, less what was given back
 * to others meanwhile, all of which may have stood before it.  (It need not
 * have: then less is given back than could be.)  What is never given back
 * then keeps to the rate and the bucket in every stretch of time, as if the
 * rest had never been.
 *
 * given is raised first and tat lowered then: a process killed between the
 * two has charged.  One that takes between the two may later get back too
 * much, by what was about to be given: that takes two processes at the same
 * key within some nanoseconds, and is never more than one reservation.
 */


#include "ngx_http_llm_limit.h"
#include "ngx_http_llm_ledger.h"


#define NGX_HTTP_LLM_COST_MAX  (1ull << 61)


typedef unsigned __int128  ngx_http_llm_u128_t;


static uint64_t ngx_http_llm_limit_give(ngx_http_llm_account_t *record,
    const ngx_http_llm_hold_t *hold, uint64_t cost, uint64_t mono_ns);


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
    uint64_t                 t, n, cost, bucket, given;
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
    hold->alone = mono_ns + cost;
    hold->account = account + 1;
    hold->unit = (uint8_t) accounts->rate.unit;

    given = __atomic_load_n(&record->given, __ATOMIC_ACQUIRE);

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

        hold->mark = n + given;

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
    uint64_t                 t, n, cost, bucket, given, base;
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

    /* all of it is given back and taken anew, in one step */

    given = ngx_http_llm_limit_give(record, hold, hold->cost, mono_ns);
    base = __atomic_load_n(&record->given, __ATOMIC_ACQUIRE);
    t = __atomic_load_n(&record->tat, __ATOMIC_RELAXED);

    do {
        n = ngx_http_llm_limit_from(t - llm_min(t, given), mono_ns) + cost;
        *wait_ns = (n - mono_ns > bucket) ? n - mono_ns - bucket : 0;

        if (*wait_ns > max_delay_ns) {
            (void) __atomic_fetch_sub(&record->given, given,
                                      __ATOMIC_RELAXED);
            (void) __atomic_fetch_add(&record->refused, 1, __ATOMIC_RELAXED);
            ngx_http_llm_ledger_keep(accounts, hold, floor);
            return -1;
        }

    } while (!__atomic_compare_exchange_n(&record->tat, &t, n, 0,
                                          __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));

    hold->mark = n + base;
    hold->alone = mono_ns + cost;
    hold->amount = amount;
    hold->cost = cost;

    ngx_http_llm_ledger_keep(accounts, hold, floor);

    return 0;
}


/*
 * How much of a cost may be given back now; it is noted as given.  The sums
 * may wrap around, their difference does not.
 */

static uint64_t
ngx_http_llm_limit_give(ngx_http_llm_account_t *record,
    const ngx_http_llm_hold_t *hold, uint64_t cost, uint64_t mono_ns)
{
    int64_t   left, alone;
    uint64_t  given, less;

    alone = (int64_t) (hold->alone - mono_ns);

    given = __atomic_load_n(&record->given, __ATOMIC_RELAXED);

    do {
        left = (int64_t) (hold->mark - given - mono_ns);
        left = llm_max(left, alone);
        less = (left > 0) ? llm_min((uint64_t) left, cost) : 0;

    } while (!__atomic_compare_exchange_n(&record->given, &given,
                                          given + less, 0, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));

    return less;
}


void
ngx_http_llm_limit_adjust(ngx_http_llm_accounts_t *accounts,
    const ngx_http_llm_hold_t *hold, uint64_t to, uint64_t mono_ns)
{
    uint64_t                 t, n, more, less;
    ngx_http_llm_account_t  *record;

    record = &accounts->record[hold->account - 1];
    to = ngx_http_llm_limit_cost(accounts, to);

    more = (to > hold->cost) ? to - hold->cost : 0;
    less = (to < hold->cost) ? ngx_http_llm_limit_give(record, hold,
                                                       hold->cost - to,
                                                       mono_ns)
                             : 0;

    if (more == 0 && less == 0) {
        return;
    }

    t = __atomic_load_n(&record->tat, __ATOMIC_RELAXED);

    do {
        n = llm_min(t, mono_ns + NGX_HTTP_LLM_COST_MAX);
        n = n - llm_min(n, less) + more;

    } while (!__atomic_compare_exchange_n(&record->tat, &t, n, 0,
                                          __ATOMIC_ACQ_REL,
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
