
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Budgets: the calendar against the C library's, exact amounts from 0 to
 * full, periods that pass and clocks that go back, late truth, saturation.
 */


#define _GNU_SOURCE
#include <time.h>

#include "account_test.h"


#define TOKENS  NGX_HTTP_LLM_TOKENS
#define USD     NGX_HTTP_LLM_USD


static int
reserve(ngx_http_llm_accounts_t *a, ngx_http_llm_hold_t *hold,
    uint32_t account, uint64_t amount, uint64_t limit, uint64_t wall)
{
    memset(hold, 0, sizeof(*hold));

    return ngx_http_llm_budget_reserve(a, hold, account, TOKENS, amount, 0,
                                       limit, 0, wall);
}


static void
settle(ngx_http_llm_accounts_t *a, ngx_http_llm_hold_t *hold, uint64_t actual)
{
    ngx_http_llm_hold_settle(a, hold, actual, 0, 0);
}


/* What the C library says: the begin of the period that a second is in. */

static uint64_t
oracle(uint32_t period, uint64_t sec)
{
    time_t     t = (time_t) sec;
    struct tm  tm;

    gmtime_r(&t, &tm);

    tm.tm_sec = 0;
    tm.tm_min = 0;

    switch (period) {

    case NGX_HTTP_LLM_WEEK:
        tm.tm_mday -= (tm.tm_wday + 6) % 7;
        tm.tm_hour = 0;
        break;

    case NGX_HTTP_LLM_MONTH:
        tm.tm_mday = 1;
        tm.tm_hour = 0;
        break;

    case NGX_HTTP_LLM_DAY:
        tm.tm_hour = 0;
        break;
    }

    t = timegm(&tm);

    return t < 0 ? 0 : (uint64_t) t;
}


static void
calendar(void)
{
    long      n, bad;
    uint32_t  p;
    uint64_t  sec, end, number, begin, before;

    /* until 2262, with 2038, 2100 and each end of February in it */

    end = 9214646400ull;

    for (p = NGX_HTTP_LLM_HOUR; p < NGX_HTTP_LLM_PERIODS; p++) {
        n = bad = 0;
        before = 0;

        for (sec = 0; sec < end; sec += 86400 - 3600 * (random64() % 3)) {
            number = ngx_http_llm_period_number(p, sec);
            begin = ngx_http_llm_period_begin(p, number);

            bad += (begin != oracle(p, sec));
            bad += (number < before || begin > sec);
            bad += (ngx_http_llm_period_number(p, begin) != number);
            bad += (begin && ngx_http_llm_period_number(p, begin - 1)
                             != number - 1);
            bad += (ngx_http_llm_period_begin(p, number + 1) <= sec);
            before = number;
            n++;
        }

        ok(bad == 0, "%ld seconds, each %s begins and ends where it should",
           n, ngx_http_llm_periods[p]);
    }

    /* the 32-bit second */

    ok(ngx_http_llm_period_begin(NGX_HTTP_LLM_MONTH,
           ngx_http_llm_period_number(NGX_HTTP_LLM_MONTH, 2147483648ull))
       == 2145916800ull, "January 2038 begins when it does");
}


/* From 0 to full: the refusal comes at the right call. */

static void
exact(uint64_t amount, uint64_t limit)
{
    uint64_t                 n, want;
    ngx_http_llm_hold_t      hold, last;
    ngx_http_llm_accounts_t  a;

    a = budgets(64 * 1024, NGX_HTTP_LLM_DAY);
    want = limit / amount;

    memset(&last, 0, sizeof(last));

    for (n = 0; n < want + 10; n++) {
        if (reserve(&a, &hold, 1, amount, limit, WALL) != 0) {
            break;
        }
        last = hold;
    }

    ok(n == want && is_none(&hold)
       && committed(&a, 1, TOKENS, WALL) == n * amount,
       "%lu of %lu: %lu admitted", (unsigned long) amount,
       (unsigned long) limit, (unsigned long) n);

    if (want) {
        settle(&a, &last, amount - 1);
        ok(is_none(&last)
           && committed(&a, 1, TOKENS, WALL) == n * amount - 1
           && reserve(&a, &hold, 1, limit - n * amount + 2, limit, WALL) == -1
           && reserve(&a, &hold, 1, limit - n * amount + 1, limit, WALL) == 0
           && reserve(&a, &hold, 1, 1, limit, WALL) == -1
           && reserve(&a, &hold, 1, 0, limit, WALL) == -1,
           "one given back is one more, and then it is full");
    }

    accounts_drop(&a);
}


static void
edges(void)
{
    ngx_http_llm_hold_t      h, k;
    ngx_http_llm_accounts_t  a;

    a = budgets(64 * 1024, NGX_HTTP_LLM_DAY);

    ok(reserve(&a, &h, 1, 0, 0, WALL) == -1
       && reserve(&a, &h, 1, 1, 0, WALL) == -1
       && a.record[1].refused == 2, "a limit of 0 allows nothing");

    ok(reserve(&a, &h, 1, 5000, 1000, WALL) == 0 && h.amount == 1000
       && reserve(&a, &k, 1, 1, 1000, WALL) == -1,
       "more than the limit is booked as the limit, when nothing is");
    settle(&a, &h, 4000);
    ok(committed(&a, 1, TOKENS, WALL) == 4000
       && reserve(&a, &k, 1, 0, 4000, WALL) == -1
       && reserve(&a, &k, 1, 1, 4001, WALL) == 0,
       "the truth is booked whole");

    ok(reserve(&a, &h, 2, 1, 1000, WALL) == 0
       && reserve(&a, &k, 2, 5000, 1000, WALL) == -1,
       "and not as the limit when a token is");

    memset(&k, 0, sizeof(k));
    ok(ngx_http_llm_budget_reserve(&a, &k, 2, TOKENS, 5000, 0, 1000, 1, WALL)
       == NGX_HTTP_LLM_OVERDRAWN
       && committed(&a, 2, TOKENS, WALL) == 5001, "force books it");
    settle(&a, &k, 0);
    settle(&a, &k, 0);
    settle(&a, &h, 0);
    ok(committed(&a, 2, TOKENS, WALL) == 0, "and once is given back");

    ok(ngx_http_llm_budget_reserve(&a, &k, a.places, TOKENS, 1, 0, 5, 0, WALL)
       == -1
       && ngx_http_llm_budget_reserve(&a, &k, 1, NGX_HTTP_LLM_UNITS, 1, 0, 5,
                                      0, WALL) == -1 && is_none(&k),
       "no such account, no such unit");

    /* units stand apart */

    ok(ngx_http_llm_budget_reserve(&a, &k, 3, USD, 7, 0, 7, 0, WALL) == 0
       && committed(&a, 3, USD, WALL) == 7
       && committed(&a, 3, TOKENS, WALL) == 0, "units stand apart");

    /* other: the strictest limit that was ever seen */

    ok(reserve(&a, &h, 4, 1, 500, WALL) == 0
       && a.record[4].limit[TOKENS] == 501
       && reserve(&a, &h, 4, 1, 900, WALL) == 0
       && a.record[4].limit[TOKENS] == 901, "the last limit seen is kept");
    accounts_drop(&a);

    a = budgets(64 * 1024, NGX_HTTP_LLM_DAY);
    ok(reserve(&a, &h, 4, 1, 500, WALL) == 0
       && reserve(&a, &h, 4, 1, 900, WALL) == 0
       && reserve(&a, &h, 0, 450, 900, WALL) == 0
       && reserve(&a, &h, 0, 51, 900, WALL) == -1
       && reserve(&a, &h, 0, 50, 900, WALL) == 0,
       "other has the strictest limit");
    ok(ngx_http_llm_budget_reserve(&a, &k, 0, USD, 1000, 0, 1000, 0, WALL)
       == 0, "of its unit");
    accounts_drop(&a);
}


static void
full_words(void)
{
    ngx_http_llm_hold_t      h, k;
    ngx_http_llm_accounts_t  a;

    a = budgets(64 * 1024, NGX_HTTP_LLM_MONTH);

    ok(reserve(&a, &h, 1, UINT64_MAX, UINT64_MAX, WALL) == 0
       && h.amount == LLM_AMOUNT_MAX
       && reserve(&a, &k, 1, 1, UINT64_MAX, WALL) == -1,
       "52 bits are the most, and a limit beyond them is not endless");

    memset(&k, 0, sizeof(k));
    ok(ngx_http_llm_budget_reserve(&a, &k, 1, TOKENS, 5, 0, 9, 1, WALL) == 1
       && committed(&a, 1, TOKENS, WALL) == LLM_AMOUNT_MAX
       && ngx_http_llm_account_counted(&a, NGX_HTTP_LLM_ACCOUNT_SATURATED)
          == 1, "more is counted");

    settle(&a, &k, UINT64_MAX);
    settle(&a, &h, 0);
    ok(committed(&a, 1, TOKENS, WALL) <= LLM_AMOUNT_MAX
       && ngx_http_llm_account_counted(&a, NGX_HTTP_LLM_ACCOUNT_SATURATED)
          == 2
       && (a.record[1].cell[TOKENS][0] == 0
           || a.record[1].cell[TOKENS][1] == 0), "and never wraps");

    accounts_drop(&a);
}


/* Periods pass. */

static void
periods(void)
{
    uint32_t                 p;
    uint64_t                 begin, next;
    ngx_http_llm_hold_t      h, k, l;
    ngx_http_llm_accounts_t  a;

    for (p = NGX_HTTP_LLM_HOUR; p < NGX_HTTP_LLM_PERIODS; p++) {
        a = budgets(64 * 1024, p);

        begin = oracle(p, WALL / SECOND) * SECOND;
        next = ngx_http_llm_period_begin(p, 1
                   + ngx_http_llm_period_number(p, WALL / SECOND)) * SECOND;

        ok(reserve(&a, &h, 1, 10, 10, begin) == 0
           && reserve(&a, &k, 1, 1, 10, next - 1) == -1
           && reserve(&a, &k, 1, 4, 10, next) == 0
           && committed(&a, 1, TOKENS, next) == 4,
           "%s: full to its last nanosecond, fresh with the next",
           ngx_http_llm_periods[p]);

        settle(&a, &h, 3);
        settle(&a, &k, 5);
        ok(committed(&a, 1, TOKENS, next) == 5
           && ngx_http_llm_account_counted(&a, NGX_HTTP_LLM_ACCOUNT_LATE)
              == 0, "the truth goes where it was reserved");

        /* the clock goes back over the begin of the period */

        ok(reserve(&a, &k, 1, 6, 10, next - 1) == -1
           && reserve(&a, &k, 1, 5, 10, next - 1) == 0
           && committed(&a, 1, TOKENS, begin) == 10,
           "set back by a nanosecond, it stays in the new one");

        accounts_drop(&a);
    }

    a = budgets(64 * 1024, NGX_HTTP_LLM_HOUR);

    (void) reserve(&a, &h, 1, 10, 10, WALL);
    (void) reserve(&a, &k, 1, 10, 10, WALL + HOUR);
    (void) reserve(&a, &l, 1, 10, 10, WALL + 2 * HOUR);
    settle(&a, &h, 7);
    ok(committed(&a, 1, TOKENS, WALL) == 10
       && ngx_http_llm_account_counted(&a, NGX_HTTP_LLM_ACCOUNT_LATE) == 1
       && a.record[1].late_settles == 1,
       "two periods later it is late, and counted");
    settle(&a, &k, 2);
    settle(&a, &l, 9);
    ok(committed(&a, 1, TOKENS, WALL + 2 * HOUR) == 9
       && (a.record[1].cell[TOKENS][(l.tag + 1) & 1] & 0xff) != 0
       && a.record[1].late_settles == 1, "one period later it is not");

    accounts_drop(&a);
}


static void
clocks(void)
{
    uint32_t                 i, p;
    uint64_t                 now;
    ngx_http_llm_hold_t      h;
    ngx_http_llm_accounts_t  a;

    static const int64_t  steps[] = {
        1, -1, -3600, 2 * 3600, -30 * 86400, 40 * 86400, -5 * 365 * 86400ll,
        86400, -41 * 86400, -50 * 365 * 86400ll
    };

    for (p = NGX_HTTP_LLM_HOUR; p < NGX_HTTP_LLM_PERIODS; p++) {
        a = budgets(64 * 1024, p);
        now = WALL;

        for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {

            if (reserve(&a, &h, 1, 10, 10, now) == 0) {
                settle(&a, &h, 10);
            }

            now += (uint64_t) (steps[i] * (int64_t) SECOND);

            if (steps[i] < 0 && reserve(&a, &h, 1, 1, 10, now) == 0) {
                break;
            }
        }

        ok(i == sizeof(steps) / sizeof(steps[0]),
           "%s: steps of the clock reopen nothing", ngx_http_llm_periods[p]);

        ngx_http_llm_budget_scrub(&a, now);
        ok(reserve(&a, &h, 1, 1, 10, now) == -1, "nor does clearing up");

        accounts_drop(&a);
    }

    /* a key that rests until its tag comes again */

    a = budgets(64 * 1024, NGX_HTTP_LLM_HOUR);

    (void) reserve(&a, &h, 1, 10, 10, WALL);
    settle(&a, &h, 10);

    for (now = WALL, i = 0; now < WALL + 4096 * HOUR; now += 100 * HOUR) {
        for (i = 0; i < a.places; i += 64) {
            ngx_http_llm_budget_scrub(&a, now);
        }

        if (now < WALL + 1000 * HOUR
            && (a.record[1].cell[TOKENS][0] | a.record[1].cell[TOKENS][1])
               == 0)
        {
            break;
        }
    }

    ok(now >= WALL + 4096 * HOUR
       && reserve(&a, &h, 1, 10, 10, WALL + 4096 * HOUR) == 0,
       "a key that rested for 4096 hours owes nothing");

    accounts_drop(&a);
}


static void
reprice(void)
{
    ngx_http_llm_hold_t      h, k;
    ngx_http_llm_accounts_t  a;

    a = budgets(64 * 1024, NGX_HTTP_LLM_HOUR);

    (void) reserve(&a, &h, 1, 10, 100, WALL);

    ok(ngx_http_llm_budget_reprice(&a, &h, 100, 0, 100, 0) == 0
       && committed(&a, 1, TOKENS, WALL) == 100, "a reservation grows");
    ok(ngx_http_llm_budget_reprice(&a, &h, 30, 0, 100, 0) == 0
       && committed(&a, 1, TOKENS, WALL) == 30, "and shrinks");

    (void) reserve(&a, &k, 1, 70, 100, WALL);

    ok(ngx_http_llm_budget_reprice(&a, &h, 31, 0, 100, 0) == -1
       && h.amount == 30 && committed(&a, 1, TOKENS, WALL) == 100,
       "not beyond the limit");
    ok(ngx_http_llm_budget_reprice(&a, &h, 31, 0, 100, 1) == 1
       && h.amount == 31 && committed(&a, 1, TOKENS, WALL) == 101,
       "but by force");
    ok(ngx_http_llm_budget_reprice(&a, &h, 30, 0, 100, 0) == 0,
       "back within it is not over it");

    settle(&a, &k, 0);
    ok(ngx_http_llm_budget_reprice(&a, &h, 500, 0, 100, 0) == 0
       && h.amount == 100, "alone it is booked as the limit");

    settle(&a, &h, 0);
    ok(committed(&a, 1, TOKENS, WALL) == 0, "all is given back");

    (void) reserve(&a, &h, 1, 10, 100, WALL);
    (void) reserve(&a, &k, 1, 10, 100, WALL + 2 * HOUR);
    ok(ngx_http_llm_budget_reprice(&a, &h, 50, 0, 100, 0) == 0
       && h.amount == 50
       && committed(&a, 1, TOKENS, WALL + 2 * HOUR) == 10,
       "in a period that is gone nothing is booked");

    memset(&h, 0, sizeof(h));
    ok(ngx_http_llm_budget_reprice(&a, &h, 50, 0, 100, 0) == 0
       && is_none(&h), "no reservation is none");

    accounts_drop(&a);
}


int
main(void)
{
    calendar();

    exact(1, 10);
    exact(10, 10);
    exact(7, 100);
    exact(3, 10000);
    exact(123456789, 50000000000ull);

    edges();
    full_words();
    periods();
    clocks();
    reprice();

    return done();
}
