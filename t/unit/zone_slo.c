
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Service levels, with a clock of the test's own: trips and returns to the
 * call, edges of windows, probes, the latch, reloads, places.
 */


#include "zone_slo.h"


/* The call that trips, for every share, number of calls and least number. */

static void
test_trip(void)
{
    int                      wrong = 0;
    uint32_t                 percent, min, i, bad, good, rounds = 0;
    ngx_http_llm_slo_t       s;
    ngx_http_llm_slo_move_e  move;

    for (percent = 1; percent <= 100; percent += 3) {
        for (min = 1; min <= 60; min += 7) {
            s = begin("trip", percent, min, 0);
            good = 0;
            bad = 0;

            for (i = 0; i < 400; i++) {
                int  g = random64() % 100 < percent;

                move = ngx_http_llm_slo_count(&s, g, 0, now);
                good += g != 0;
                bad += g == 0;

                if (good + bad >= min
                    && (uint64_t) good * 100
                       < (uint64_t) percent * (good + bad))
                {
                    wrong += (move != NGX_HTTP_LLM_SLO_BREACHES
                              || !ngx_http_llm_slo_breach(&s));
                    break;
                }

                wrong += (move != NGX_HTTP_LLM_SLO_STAYS
                          || ngx_http_llm_slo_breach(&s));
            }

            zone_drop(&zone);
            rounds++;
        }
    }

    ok(wrong == 0, "%u shares and least numbers: it trips at the call",
       rounds);
}


static void
test_counts(void)
{
    ngx_http_llm_slo_t       s;
    ngx_http_llm_slo_view_t  v;

    s = begin("counts", 90, 1000, 5);
    now += 250 * SECOND / 1000;
    v = look(&s);

    ok(!v.breach && v.since == T0 && v.good == 0 && v.bad == 0
       && v.changes == 0, "fresh: ok, since it was joined");

    calls(&s, 18, 1);
    calls(&s, 2, 0);
    v = look(&s);

    ok(v.good == 18 && v.bad == 2 && v.window_good == 18
       && v.window_bad == 2, "all are counted");
    ok(v.burn[0] == 1000000 && v.burn[3] == 1000000,
       "10 %% bad of 10 %%: it burns what it may");

    calls(&s, 20, 0);
    v = look(&s);
    ok(v.burn[0] == 5500000, "55 %% bad: 5.5");

    now += 7 * MINUTE;
    v = look(&s);
    ok(v.window_good == 0 && v.burn[0] == 0 && v.burn[1] == 5500000
       && v.bad == 22, "later: each window its own");

    now += 400 * MINUTE;
    v = look(&s);
    ok(v.burn[3] == 0 && v.good == 18, "and in the end none");

    zone_drop(&zone);

    s = begin("whole", 100, 1000, 5);
    calls(&s, 1, 1);
    ok(look(&s).burn[0] == 0, "100 %%: nothing burns without a bad one");
    calls(&s, 1, 0);
    ok(look(&s).burn[0] == NGX_HTTP_LLM_SLO_ENDLESS, "and one has no end");
    zone_drop(&zone);
}


/* What lies W back counts, what lies W + W/5 back does not. */

static void
test_window(void)
{
    int                 wrong = 0, k;
    uint32_t            n = 0;
    uint64_t            at, age;
    ngx_http_llm_slo_t  s;

    static const uint64_t  windows[] = {
        MINUTE, 5 * MINUTE, 60 * MINUTE, 1440 * MINUTE
    };

    for (k = 0; k < 4; k++) {
        for (at = 0; at < 500; at++) {
            s = begin("window", 50, 1000, 0);
            s.window = windows[k];

            now = T0 + random64() % (3 * s.window);
            age = now;
            calls(&s, 1, 0);

            now = age + s.window;
            wrong += look(&s).window_bad != 1;

            now = age + s.window + s.window / 5;
            wrong += look(&s).window_bad != 0;

            now = age + random64() % s.window;
            wrong += look(&s).window_bad != 1;

            zone_drop(&zone);
            n++;
        }
    }

    ok(wrong == 0, "%u calls at any moment: in the window for W, and at most "
       "W/5 more", n);
}


static void
test_hold(void)
{
    ngx_http_llm_slo_t  s;

    s = begin("hold", 50, 10, 0);

    ok(calls(&s, 9, 0) == NGX_HTTP_LLM_SLO_STAYS, "9 of at least 10");
    ok(calls(&s, 1, 0) == NGX_HTTP_LLM_SLO_BREACHES, "10");
    ok(calls(&s, 5, 0) == NGX_HTTP_LLM_SLO_STAYS, "it is told once");

    now += 29 * SECOND;
    ok(calls(&s, 100, 1) == NGX_HTTP_LLM_SLO_STAYS,
       "the window is good, but hold is not over");

    now += SECOND;
    ok(ngx_http_llm_slo_look(&s, now) == NGX_HTTP_LLM_SLO_RETURNS,
       "it is: time alone returns");
    ok(!ngx_http_llm_slo_breach(&s), "ok");

    ok(calls(&s, 9, 0) == NGX_HTTP_LLM_SLO_STAYS
       && look(&s).window_bad == 9 && look(&s).window_good == 0,
       "what was before counts no more");
    ok(calls(&s, 1, 0) == NGX_HTTP_LLM_SLO_BREACHES, "what comes does");

    zone_drop(&zone);

    /* a window that still has too many */

    s = begin("full", 50, 10, 0);
    calls(&s, 10, 0);
    now += 31 * SECOND;
    ok(calls(&s, 9, 1) == NGX_HTTP_LLM_SLO_STAYS, "19 calls, 9 good: stays");
    ok(calls(&s, 1, 1) == NGX_HTTP_LLM_SLO_RETURNS, "20, 10 good: returns");
    zone_drop(&zone);
}


static void
test_silence(void)
{
    uint64_t            at;
    ngx_http_llm_slo_t  s;

    s = begin("silence", 50, 10, 0);
    calls(&s, 10, 0);

    for (at = now; ngx_http_llm_slo_breach(&s) && now < at + 200 * SECOND; ) {
        now += SECOND;
        (void) ngx_http_llm_slo_look(&s, now);
    }

    now -= at;

    ok(now >= 90 * SECOND && now <= 103 * SECOND, "nothing comes: it stays "
       "until the window is empty, then hold: %llu s",
       (unsigned long long) (now / SECOND));

    zone_drop(&zone);

    s = begin("trickle", 50, 10, 0);
    calls(&s, 10, 0);

    for (at = now; now < at + 1000 * SECOND; ) {
        now += SECOND;

        if (now / SECOND % 20 == 0) {
            calls(&s, 1, 0);
        }

        (void) ngx_http_llm_slo_look(&s, now);
    }

    ok(ngx_http_llm_slo_breach(&s), "a bad call now and then: it stays");

    zone_drop(&zone);
}


/* Of n that ask, told ok: n * probe / 100, spread evenly. */

static void
test_probes(void)
{
    int                      wrong = 0;
    uint32_t                 percent, i, told, last, gap;
    ngx_http_llm_slo_t       s;
    ngx_http_llm_slo_view_t  v;
    ngx_http_llm_slo_turn_t  turn;

    for (percent = 0; percent <= 100; percent++) {
        s = begin("probes", 50, 10, percent);

        for (i = 0; i < 100; i++) {
            wrong += (ngx_http_llm_slo_ask(&s, &turn) != 0 || turn != 0);
        }

        breach(&s);
        told = 0;
        last = 0;
        gap = 0;

        for (i = 1; i <= 1000; i++) {
            if (ngx_http_llm_slo_ask(&s, &turn) == 0) {
                told++;
                gap = llm_max(gap, i - last);
                last = i;
                wrong += (turn == 0);

            } else {
                wrong += (turn != 0);
            }
        }

        v = look(&s);
        wrong += (told != percent * 10 || v.probes != told
                  || v.moved != 1000 - told);
        wrong += (percent && gap > (100 + percent - 1) / percent);

        zone_drop(&zone);
    }

    ok(wrong == 0, "0 to 100 %% of 1000 calls are probes, exactly and evenly");
}


static ngx_http_llm_slo_move_e
probes(ngx_http_llm_slo_t *s, uint32_t n, int good)
{
    ngx_http_llm_slo_turn_t  turn;
    ngx_http_llm_slo_move_e  move = NGX_HTTP_LLM_SLO_STAYS;

    while (n--) {
        do {
            if (!ngx_http_llm_slo_breach(s)) {
                return -1;
            }

            (void) ngx_http_llm_slo_ask(s, &turn);
        } while (turn == 0);

        move = ngx_http_llm_slo_count(s, good, turn, now);
    }

    return move;
}


static void
test_return(void)
{
    uint32_t                 changes;
    ngx_http_llm_slo_t       s;
    ngx_http_llm_slo_turn_t  old, turn;

    /* min 20, target 90: a run may have 2 bad ones of 20 */

    s = begin("return", 90, 20, 5);
    calls(&s, 400, 0);

    ok(probes(&s, 20, 1) == NGX_HTTP_LLM_SLO_STAYS, "good probes, too early");
    now += 30 * SECOND;
    ok(ngx_http_llm_slo_look(&s, now) == NGX_HTTP_LLM_SLO_RETURNS,
       "after hold they return it, whatever the window has");
    ok(look(&s).window_bad == 0, "which begins anew");

    now += SECOND;
    calls(&s, 20, 0);
    now += 31 * SECOND;

    ok(probes(&s, 17, 1) == NGX_HTTP_LLM_SLO_STAYS, "17 good ones");
    ok(probes(&s, 2, 0) == NGX_HTTP_LLM_SLO_STAYS, "2 bad ones");
    ok(probes(&s, 1, 1) == NGX_HTTP_LLM_SLO_RETURNS, "18 of 20 are enough");
    ok(!ngx_http_llm_slo_breach(&s), "ok");

    calls(&s, 20, 0);
    now += 31 * SECOND;
    probes(&s, 300, 0);
    ok(probes(&s, 18, 1) == NGX_HTTP_LLM_SLO_STAYS
       && ngx_http_llm_slo_breach(&s), "300 bad ones, 18 good ones");
    ok(probes(&s, 2, 1) == NGX_HTTP_LLM_SLO_RETURNS,
       "20: those before do not have to be made up for");

    /* a probe of the breach before says nothing of this one */

    breach(&s);
    do {
        (void) ngx_http_llm_slo_ask(&s, &old);
    } while (old == 0);

    now += 31 * SECOND;
    probes(&s, 20, 1);
    ok(!ngx_http_llm_slo_breach(&s), "another round");
    breach(&s);
    now += 31 * SECOND;
    changes = look(&s).changes;
    probes(&s, 19, 1);
    (void) ngx_http_llm_slo_count(&s, 1, old, now);
    ok(ngx_http_llm_slo_breach(&s), "a probe of the breach before");
    (void) ngx_http_llm_slo_ask(&s, &turn);
    ok(look(&s).changes == changes, "is none of this");
    probes(&s, 1, 1);
    ok(!ngx_http_llm_slo_breach(&s), "one of this is");

    zone_drop(&zone);
}


static void
test_latch(void)
{
    ngx_http_llm_slo_t       s;
    ngx_http_llm_slo_turn_t  turn;

    s = begin("latch", 50, 10, 50);
    s.latch = 1;
    s.hold = 0;

    calls(&s, 10, 0);
    now += SECOND;
    calls(&s, 1000, 1);

    for (uint32_t i = 0; i < 100; i++) {
        if (ngx_http_llm_slo_ask(&s, &turn) == 0) {
            break;
        }
    }

    ok(look(&s).moved == 100, "latched: no probes");

    now += 100 * MINUTE;
    (void) ngx_http_llm_slo_look(&s, now);
    ok(ngx_http_llm_slo_breach(&s), "and no return");

    ok(join_at(&s, T0) == NGX_HTTP_LLM_SLO_OK && ngx_http_llm_slo_breach(&s),
       "a worker that begins anew does not open it");
    ok(join_at(&s, now) == NGX_HTTP_LLM_SLO_OK
       && !ngx_http_llm_slo_breach(&s), "a reload does");

    breach(&s);
    ok(join_at(&s, now) == NGX_HTTP_LLM_SLO_OK && ngx_http_llm_slo_breach(&s),
       "once, not once a worker");

    zone_drop(&zone);
}


static void
test_reload(void)
{
    int                  rc, i, wrong;
    char                 name[2 * NGX_HTTP_LLM_SLOS][16];
    ngx_http_llm_slo_t   s, t, many[2 * NGX_HTTP_LLM_SLOS];
    ngx_http_llm_slo_t  *p[NGX_HTTP_LLM_SLOS];

    s = begin("reload", 50, 10, 0);
    calls(&s, 12, 0);

    t = define("reload", 50, 10, 0);
    now += SECOND;
    ok(join_at(&t, now) == NGX_HTTP_LLM_SLO_OK
       && ngx_http_llm_slo_breach(&t) && look(&t).bad == 12,
       "the same definition goes on");

    t = define("reload 2", 50, 10, 0);
    now += SECOND;
    ok(join_at(&t, now) == NGX_HTTP_LLM_SLO_OK
       && !ngx_http_llm_slo_breach(&t) && look(&t).bad == 0,
       "another begins anew");
    ok(ngx_http_llm_slo_breach(&s), "and leaves the old one alone");

    /* as many as fit, all others, all others again */

    wrong = 0;

    for (i = 0; i < 2 * NGX_HTTP_LLM_SLOS; i++) {
        (void) snprintf(name[i], sizeof(name[i]), "slo %d", i);
        many[i] = define(name[i], 50, 10, 0);
    }

    for (i = 0; i < NGX_HTTP_LLM_SLOS; i++) {
        p[i] = &many[i];
    }

    now += SECOND;
    rc = ngx_http_llm_slo_join(&zone, p, NGX_HTTP_LLM_SLOS, now, now);

    for (i = 0; i < NGX_HTTP_LLM_SLOS; i++) {
        calls(&many[i], (uint32_t) i + 1, 0);
    }

    for (i = 0; i < NGX_HTTP_LLM_SLOS; i++) {
        wrong += (look(&many[i]).bad != (uint32_t) i + 1);
    }

    ok(rc == NGX_HTTP_LLM_SLO_OK && wrong == 0, "%d at a time, each its own",
       NGX_HTTP_LLM_SLOS);

    calls(&s, 10, 0);
    wrong = 0;

    for (i = 0; i < NGX_HTTP_LLM_SLOS; i++) {
        wrong += (look(&many[i]).bad != (uint32_t) i + 1);
    }

    ok(wrong == 0 && look(&s).bad == 0 && !ngx_http_llm_slo_breach(&s),
       "one whose place was given away counts nothing");

    t = define("one more", 50, 10, 0);
    p[0] = &t;
    ok(ngx_http_llm_slo_join(&zone, p, 1, many[0].zone->arena->slo[0].loaded,
                             now) == NGX_HTTP_LLM_SLO_FULL
       && t.place == 0, "one more of the same configuration finds none");

    /* half of them stay */

    for (i = 0; i < NGX_HTTP_LLM_SLOS; i++) {
        p[i] = &many[i + NGX_HTTP_LLM_SLOS / 2];
        p[i]->place = 0;
    }

    now += SECOND;
    rc = ngx_http_llm_slo_join(&zone, p, NGX_HTTP_LLM_SLOS, now, now);
    wrong = 0;

    for (i = 0; i < NGX_HTTP_LLM_SLOS; i++) {
        wrong += (look(p[i]).bad != (i < NGX_HTTP_LLM_SLOS / 2
                  ? (uint32_t) i + NGX_HTTP_LLM_SLOS / 2 + 1 : 0));
    }

    ok(rc == NGX_HTTP_LLM_SLO_OK && wrong == 0,
       "a reload that keeps half of them does");

    zone_drop(&zone);
}


int
main(void)
{
    test_trip();
    test_counts();
    test_window();
    test_hold();
    test_silence();
    test_probes();
    test_return();
    test_latch();
    test_reload();

    return done();
}
