
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Limits: exact numbers, waiting, giving back, and at random: what was never
 * given back keeps to the rate and the bucket in every stretch of time, by a
 * model that knows the whole history.
 */


#include "account_test.h"


#define NOW  (5000 * SECOND)


static uint64_t  wait;


static int
take(ngx_http_llm_accounts_t *a, ngx_http_llm_hold_t *hold, uint64_t amount,
    uint64_t burst, uint64_t delay, uint64_t now)
{
    memset(hold, 0, sizeof(*hold));

    return ngx_http_llm_limit_take(a, hold, 1, amount, 0, burst, delay, now,
                                   &wait);
}


static void
settle(ngx_http_llm_accounts_t *a, ngx_http_llm_hold_t *hold,
    uint64_t actual, uint64_t now)
{
    ngx_http_llm_hold_settle(a, hold, actual, now, 0);
}


/* From full to empty: as many as the bucket holds, not one more. */

static void
exact(const char *rate, uint64_t amount, uint64_t burst)
{
    int                      good;
    uint64_t                 n, want, left;
    ngx_http_llm_hold_t      hold;
    ngx_http_llm_accounts_t  a;

    a = limits(64 * 1024, rate);
    want = burst / amount;
    good = 1;

    for (n = 0; n < want + 10 && take(&a, &hold, amount, burst, 0, NOW) == 0;
         n++)
    {
        left = ngx_http_llm_limit_left(&a, 1, burst, NOW);

        /* what costs round to, in amounts */

        if (left < burst - (n + 1) * amount
            || left > burst - (n + 1) * amount + 1 + n)
        {
            good = 0;
        }

        if (wait != 0) {
            good = 0;
        }
    }

    ok(n == want && is_none(&hold), "%s, %lu of %lu: %lu let through", rate,
       (unsigned long) amount, (unsigned long) burst, (unsigned long) n);
    ok(good, "and left is right all the way");

    /* the wait that it was told is enough, and a nanosecond less is not */

    good = (wait > 0);
    left = wait;

    ok(good && take(&a, &hold, amount, burst, 0, NOW + left - 1) == -1
       && wait == 1
       && take(&a, &hold, amount, burst, 0, NOW + left) == 0
       && take(&a, &hold, amount, burst, 0, NOW + left) == -1,
       "after %lu ns there is one more", (unsigned long) left);

    accounts_drop(&a);
}


static void
delays(void)
{
    ngx_http_llm_hold_t      h[4];
    ngx_http_llm_accounts_t  a;

    a = limits(64 * 1024, "1r/s");

    ok(take(&a, &h[0], 1, 2, 0, NOW) == 0
       && take(&a, &h[1], 1, 2, 0, NOW) == 0
       && take(&a, &h[2], 1, 2, SECOND - 1, NOW) == -1 && wait == SECOND,
       "a delay that is too short by a nanosecond refuses");

    ok(take(&a, &h[2], 1, 2, SECOND, NOW) == 0 && wait == SECOND
       && take(&a, &h[3], 1, 2, SECOND, NOW) == -1 && wait == 2 * SECOND,
       "the next waits its second, the one after is refused");

    ok(a.record[1].delayed == 1 && a.record[1].admitted == 2
       && a.record[1].refused == 2, "counted as that");

    ok(ngx_http_llm_limit_left(&a, 1, 2, NOW) == 0
       && ngx_http_llm_limit_full_in(&a, 1, NOW) == 3 * SECOND,
       "nothing is left, and in three seconds all is");

    settle(&a, &h[2], 0, NOW);
    settle(&a, &h[1], 0, NOW);
    settle(&a, &h[0], 0, NOW);

    ok(ngx_http_llm_limit_left(&a, 1, 2, NOW) == 2
       && a.record[1].tat == NOW, "all given back at once: full again");

    accounts_drop(&a);
}


static void
large(void)
{
    ngx_http_llm_hold_t      h, k;
    ngx_http_llm_accounts_t  a;

    a = limits(64 * 1024, "100000t/m");

    ok(take(&a, &h, 1000000, 100000, 0, NOW) == 0 && h.amount == 100000,
       "more than the bucket takes it all when it is full");
    ok(take(&a, &k, 1, 100000, 0, NOW) == -1, "and nothing is left");
    settle(&a, &h, 400000, NOW + 30 * SECOND);
    ok(ngx_http_llm_limit_full_in(&a, 1, NOW + 30 * SECOND)
       == 30 * SECOND + 180 * SECOND, "the truth is booked afterwards");

    memset(&a.record[1], 0, sizeof(a.record[1]));

    ok(take(&a, &k, 1, 100000, 0, NOW) == 0
       && take(&a, &h, 1000000, 100000, 0, NOW) == -1
       && wait == 600000, "it does not when a token is missing");
    ok(take(&a, &h, 1000000, 100000, 0, NOW + 600000) == 0,
       "it does when that has come back");
    ok(take(&a, &h, 1000000, 100000, MINUTE, NOW + 600000) == 0
       && wait == MINUTE, "or waits until the bucket is full");

    ok(take(&a, &h, 1, 0, MINUTE, NOW + DAY) == -1 && is_none(&h),
       "a bucket of nothing lets nothing through");

    /* numbers without sense do no harm */

    ok(take(&a, &h, UINT64_MAX, UINT64_MAX, UINT64_MAX, NOW + DAY) == 0,
       "the largest numbers are taken");
    settle(&a, &h, UINT64_MAX, NOW + DAY);
    settle(&a, &h, UINT64_MAX, NOW + DAY);
    ok(take(&a, &h, 1, 1, 0, NOW + 2 * DAY) == -1
       && ngx_http_llm_limit_left(&a, 1, UINT64_MAX, NOW) < UINT64_MAX,
       "and are not forgotten");

    accounts_drop(&a);

    a = limits(64 * 1024, "4503599627370495t/s");
    ok(take(&a, &h, 1000, 1000, 0, NOW) == 0, "a rate beyond a nanosecond");
    settle(&a, &h, 5, NOW);
    accounts_drop(&a);
}


/* Ten large reservations, a minute apart, cancelled together. */

static void
cancelled(void)
{
    int                      i;
    uint64_t                 through, now;
    ngx_http_llm_hold_t      h[10], k;
    ngx_http_llm_accounts_t  a;

    a = limits(64 * 1024, "100000t/m");

    for (i = 0, now = NOW; i < 10; i++, now += MINUTE) {
        if (take(&a, &h[i], 100000, 100000, 0, now) != 0) {
            break;
        }
    }

    now -= MINUTE;

    /* each cancelled one may make room, and is followed by another */

    for (i = 0, through = 0; i < 10; i++) {
        settle(&a, &h[i], 0, now);

        while (take(&a, &k, 10000, 100000, 0, now) == 0) {
            through += 10000;
        }
    }

    ok(through == 100000, "ten taken a minute apart, cancelled together: "
       "%lu tokens at once", (unsigned long) through);

    /* taken at once, one cancelled at once, the other when both drained */

    memset(&a.record[1], 0, sizeof(a.record[1]));

    (void) take(&a, &h[0], 50000, 100000, 0, NOW);
    (void) take(&a, &h[1], 50000, 100000, 0, NOW);
    settle(&a, &h[0], 0, NOW);

    now = NOW + 30 * SECOND;

    for (i = 0, through = 0; i < 2; i++) {

        while (take(&a, &k, 10000, 100000, 0, now) == 0) {
            through += 10000;
        }

        settle(&a, &h[1], 0, now);
    }

    ok(through == 100000, "nor through a place in a queue that moved: %lu",
       (unsigned long) through);

    accounts_drop(&a);
}


static void
reprice(void)
{
    ngx_http_llm_hold_t      h, k;
    ngx_http_llm_accounts_t  a;

    a = limits(64 * 1024, "1r/s");

    (void) take(&a, &h, 4, 10, 0, NOW);

    ok(ngx_http_llm_limit_reprice(&a, &h, 10, 0, 10, 0, NOW, &wait) == 0
       && h.amount == 10 && ngx_http_llm_limit_left(&a, 1, 10, NOW) == 0,
       "a reservation grows to the bucket");

    k = h;
    ok(ngx_http_llm_limit_reprice(&a, &h, 3, 0, 10, 0, NOW, &wait) == 0
       && h.amount == 3 && ngx_http_llm_limit_left(&a, 1, 10, NOW) == 7,
       "and shrinks");

    (void) take(&a, &k, 7, 10, 0, NOW);
    ok(ngx_http_llm_limit_reprice(&a, &h, 4, 0, 10, SECOND - 1, NOW, &wait)
       == -1 && h.amount == 3 && wait == SECOND
       && ngx_http_llm_limit_full_in(&a, 1, NOW) == 10 * SECOND,
       "not when there is no room: then it stays as it was");
    ok(ngx_http_llm_limit_reprice(&a, &h, 4, 0, 10, SECOND, NOW, &wait) == 0
       && wait == SECOND, "or waits");

    settle(&a, &h, 0, NOW);
    settle(&a, &k, 0, NOW);
    ok(ngx_http_llm_limit_full_in(&a, 1, NOW) == 0, "all is given back");

    memset(&h, 0, sizeof(h));
    ok(ngx_http_llm_limit_reprice(&a, &h, 4, 0, 10, 0, NOW, &wait) == 0
       && is_none(&h) && ngx_http_llm_limit_full_in(&a, 1, NOW) == 0,
       "no reservation is none");

    accounts_drop(&a);
}


/*
 * The history: what was let through, when, and what it cost in the end.  The
 * model is a bucket that knows the end at the begin: level at each arrival
 * must be within the bucket.
 */

typedef struct {
    uint64_t             at;
    uint64_t             cost;
    uint64_t             due;        /* settled then; 0: never */
    uint64_t             actual;
    ngx_http_llm_hold_t  hold;
} event_t;


#define EVENTS  400

static event_t  history[EVENTS];


static uint64_t
worst_level(uint32_t n)
{
    uint32_t  i;
    uint64_t  level, last, worst, gone;

    level = worst = last = 0;

    for (i = 0; i < n; i++) {
        gone = history[i].at - last;
        level = level > gone ? level - gone : 0;
        level += history[i].cost;
        last = history[i].at;
        worst = llm_max(worst, level);
    }

    return worst;
}


static void
at_random(void)
{
    long                     round, rounds, refused, back;
    uint32_t                 i, n;
    uint64_t                 now, burst, bucket, delay, unit, worst, mean;
    ngx_http_llm_accounts_t  a;
    event_t                 *e;

    a = limits(64 * 1024, "1000t/s");
    unit = SECOND / 1000;
    rounds = proof(6000, 300000);
    refused = back = 0;
    worst = 0;

    for (round = 0; round < rounds; round++) {
        memset(&a.record[1], 0, sizeof(a.record[1]));
        memset(history, 0, sizeof(history));

        now = NOW;
        burst = 1 + random64() % 2000;
        bucket = burst * unit;
        delay = random64() % 3 ? 0 : random64() % (2 * bucket);
        mean = 1 + random64() % (bucket / 4 + 1);
        n = 0;

        while (n < EVENTS) {
            now += random64() % 4 ? random64() % mean : 0;

            for (i = 0; i < n; i++) {
                e = &history[i];

                if (e->due && e->due <= now && e->hold.account) {
                    settle(&a, &e->hold, e->actual, now);
                    e->cost = llm_min(e->cost, e->actual * unit);
                    back++;
                }
            }

            e = &history[n];

            if (take(&a, &e->hold, 1 + random64() % (burst + burst / 8),
                     burst, delay, now)
                == -1)
            {
                refused++;
                now += random64() % (wait + 1);

                if (random64() % 8 == 0) {
                    n++;
                    e->at = now;
                }

                continue;
            }

            e->at = now;
            e->cost = e->hold.cost;
            e->actual = random64() % 3 ? 0 : random64() % (e->hold.amount + 1);
            e->due = random64() % 5 ? now + random64() % (3 * bucket) : 0;
            n++;
        }

        worst = worst_level(n);

        if (worst > bucket + delay) {
            break;
        }
    }

    ok(round == rounds, "%ld histories: %ld refused, %ld settled%s", round,
       refused, back, round == rounds ? "" : ", above the bucket");

    accounts_drop(&a);
}


int
main(void)
{
    exact("600r/m", 1, 10);
    exact("7r/s", 1, 7);
    exact("7r/m", 1, 7);
    exact("13r/h", 1, 1);
    exact("100000t/m", 1000, 100000);
    exact("100000t/m", 999, 100000);
    exact("99991t/m", 37, 99991);
    exact("2usd/h", 12345678, 2000000000);
    exact("0.07usd/d", 10000000, 70000000);

    delays();
    large();
    cancelled();
    reprice();
    at_random();

    return done();
}
