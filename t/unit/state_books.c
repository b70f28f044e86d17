
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Snapshots of all kinds of zones: what comes back of them, into zones of
 * other sizes, on other boots; and what must not, cut, flipped, foreign and
 * hostile.
 *
 * Argument: a directory for snapshots.
 */


#include "state_test.h"


static void
series(void)
{
    size_t                    size;
    uint64_t                  now;
    const char               *what;
    ngx_http_llm_zone_t       a, b;
    ngx_http_llm_state_t      st, to;
    ngx_http_llm_snapshot_t   snap;

    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));

    st = state(&ngx_http_llm_state_series, &a, "series", 16 * MB);
    ok(ngx_http_llm_state_anonymous(&st, secret) == 0, "anonymous");
    ngx_http_llm_state_join(&st);
    fill(&a, 40);
    a.arena->created_wall = 1600000000 * SECOND;

    ok(ngx_http_llm_state_write(&st, 0) == 0, "a snapshot");
    ok(st.head->saved != 0 && st.head->fault == 0, "is noted");

    for (size = 2 * MB; size <= 64 * MB; size *= 2) {
        snap = slurp(st.path);
        what = check(st.kind, &snap);
        ok(what == NULL, "it is whole%s%s", what ? ": " : "",
           what ? what : "");

        to = state(&ngx_http_llm_state_series, &b, "to", size);
        ngx_http_llm_state_anonymous(&to, secret);
        now = ngx_http_llm_state_clock(CLOCK_MONOTONIC);
        what = to.kind->load(&b, &snap, now,
                             ngx_http_llm_state_clock(CLOCK_REALTIME));
        ok(what == NULL, "into %lu MB", (unsigned long) (size / MB));

        total(&a, NGX_HTTP_LLM_WINDOW_ALL, now + SECOND, &sum[0]);
        total(&b, NGX_HTTP_LLM_WINDOW_ALL, now + SECOND, &sum[1]);

        if (size >= 16 * MB) {
            ok(same_sums(), "the same books");
            ok(ngx_http_llm_arena_used(&a) == ngx_http_llm_arena_used(&b),
               "%u series", ngx_http_llm_arena_used(&b));

        } else {
            ok(sum[0].counter[NGX_HTTP_LLM_COST]
               == sum[1].counter[NGX_HTTP_LLM_COST]
               && sum[1].counter[NGX_HTTP_LLM_CALLS_TOTAL] == 800,
               "the same total, in %u series", ngx_http_llm_arena_used(&b));
        }

        ok(ngx_http_llm_zone_counted(&b, NGX_HTTP_LLM_OTHER_REQUESTS) == 77
           && b.arena->created_wall == 1600000000 * SECOND,
           "counters of the zone, and since when");

        total(&b, NGX_HTTP_LLM_WINDOW_1M, now + SECOND, &sum[1]);
        ok(sum[1].counter[NGX_HTTP_LLM_CALLS_TOTAL] == 0, "nothing new");
        ok(ngx_http_llm_arena_check(&b, now) == NULL, "checks");

        ngx_http_llm_state_release(&to);
        ngx_http_llm_snapshot_free(&snap);
    }

    ok(ngx_http_llm_state_write(&st, 0) == 0 && st.head->sequence == 1,
       "nothing changed, nothing written");
    ngx_http_llm_series_add(&a, 0, NGX_HTTP_LLM_CALLS_OK, 1);
    ok(ngx_http_llm_state_write(&st, 0) == 0 && st.head->sequence == 2,
       "changed, written");
    unlink(st.path);
    ok(ngx_http_llm_state_write(&st, 0) == 0 && st.head->sequence == 3
       && access(st.path, F_OK) == 0, "removed, written");

    ok(ngx_http_llm_state_leave(&st) == 1, "none is left");
    ngx_http_llm_state_release(&st);
}


/* Windows of books that were loaded, over two days. */

static void
windows(void)
{
    long                      i, wrong;
    uint32_t                  s;
    uint64_t                  now, from;
    const char               *what;
    ngx_http_llm_zone_t       a, b;
    ngx_http_llm_state_t      st;
    ngx_http_llm_snapshot_t   snap;
    ngx_http_llm_labels_t     l;

    memset(&b, 0, sizeof(b));
    a = zone_make(16 * MB);
    fill(&a, 5);

    ok(ngx_http_llm_state_copy(&ngx_http_llm_state_series, &a, &snap) == NULL,
       "a copy in memory");

    st = state(&ngx_http_llm_state_series, &b, "windows", 16 * MB);
    ngx_http_llm_state_anonymous(&st, secret);
    from = ngx_http_llm_state_clock(CLOCK_MONOTONIC);
    what = st.kind->load(&b, &snap, from, 1700000000 * SECOND);
    ok(what == NULL, "loaded");

    l = labels("openai", "gpt-a", "r1");
    own(&l, "team", "r1");
    s = ngx_http_llm_series_claim(&b, &l, 1);

    /* a call every 10 seconds */

    for (i = 1, wrong = 0; i <= 2 * 8640 + 1000; i++) {
        now = from + (uint64_t) i * 10 * SECOND;

        ngx_http_llm_series_add(&b, s, NGX_HTTP_LLM_CALLS_OK, 1);
        ngx_http_llm_series_sample(&b, s, LLM_DIST_TTFT, 5 * SECOND);
        zone_tick(&b, now + 1);

        if (i % 500 && i > 30) {
            continue;
        }

        total(&b, NGX_HTTP_LLM_WINDOW_24H, now + 2, &sum[0]);
        total(&b, NGX_HTTP_LLM_WINDOW_1H, now + 2, &sum[1]);

        wrong += sum[0].counter[NGX_HTTP_LLM_CALLS_TOTAL]
                 > (uint64_t) llm_min(i, 8640 * 6 / 5)
                 || sum[0].counter[NGX_HTTP_LLM_CALLS_TOTAL]
                    < (uint64_t) llm_min(i, 8640)
                 || sum[0].dist[LLM_DIST_TTFT].count
                    != sum[0].counter[NGX_HTTP_LLM_CALLS_TOTAL]
                 || sum[0].dist[LLM_DIST_TTFT].min < 4 * SECOND
                 || sum[1].counter[NGX_HTTP_LLM_CALLS_TOTAL]
                    > (uint64_t) llm_min(i, 360 * 6 / 5)
                 || sum[1].counter[NGX_HTTP_LLM_CALLS_TOTAL]
                    < (uint64_t) llm_min(i, 360);
    }

    ok(wrong == 0, "no window knows what was loaded: %ld wrong", wrong);
    ok(b.arena->base == 0, "its mark was given up in the end");

    total(&b, NGX_HTTP_LLM_WINDOW_ALL, now + 2, &sum[0]);
    ok(sum[0].counter[NGX_HTTP_LLM_CALLS_TOTAL] == 100 + (uint64_t) i - 1,
       "and all knows it");

    ngx_http_llm_snapshot_free(&snap);
    ngx_http_llm_state_release(&st);
    zone_drop(&a);
}


static void
accounts(void)
{
    char                      key[16];
    long                      n;
    uint32_t                  i, k, wrong;
    uint64_t                  mono, wall, wait, left;
    const char               *what;
    ngx_http_llm_hold_t       hold;
    ngx_http_llm_state_t      st, to;
    ngx_http_llm_accounts_t   a, b;
    ngx_http_llm_snapshot_t   snap;

    memset(&a, 0, sizeof(a));
    a.kind = NGX_HTTP_LLM_LIMITS;
    (void) llm_amount_rate(str("100000t/m"), &a.rate);
    b = a;

    mono = ngx_http_llm_state_clock(CLOCK_MONOTONIC);
    wall = ngx_http_llm_state_clock(CLOCK_REALTIME);

    st = state(&ngx_http_llm_state_limits, &a, "limits", MB);
    ngx_http_llm_state_anonymous(&st, secret);
    ngx_http_llm_state_join(&st);
    a.arena->secret[0] ^= 12345;

    for (i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "key%u", i);
        k = ngx_http_llm_account_get(&a, str(key));
        memset(&hold, 0, sizeof(hold));
        (void) ngx_http_llm_limit_take(&a, &hold, k, 1000 * i, 0, 100000, 0,
                                       mono, &wait);
    }

    ok(ngx_http_llm_state_write(&st, 0) == 0, "limits: a snapshot");

    /* the same boot; another, 30 s later by the wall; a clock set back */

    for (n = 0; n < 3; n++) {
        snap = slurp(st.path);
        what = check(st.kind, &snap);

        if (n) {
            snap.head.boot[0] ^= 1;
            snap.head.mono += 1000 * SECOND;
        }

        for (i = 0; i < snap.size; ) {
            ngx_http_llm_snapshot_record_t  rec;

            if (i == 0) {
                i = sizeof(snap.head);
            }

            memcpy(&rec, snap.data + i, sizeof(rec));

            if (n && rec.type == 2) {
                uint64_t  tat;
                uint8_t  *p = snap.data + i + sizeof(rec)
                              + offsetof(ngx_http_llm_account_copy_t, record);

                memcpy(&tat, p, 8);
                tat += tat ? 1000 * SECOND : 0;
                memcpy(p, &tat, 8);
            }

            i += sizeof(rec) + ((rec.len + 7) & ~7u);
        }

        to = state(&ngx_http_llm_state_limits, &b, "to", 2 * MB);
        ngx_http_llm_state_anonymous(&to, secret);
        b.arena->wall = n == 1 ? snap.head.wall + 30 * SECOND
                      : n == 2 ? snap.head.wall - 500 * SECOND
                      : b.arena->wall;

        what = what ? what : to.kind->load(&b, &snap, mono, wall);
        wrong = 0;

        for (i = 0; i < 100; i++) {
            snprintf(key, sizeof(key), "key%u", i);
            k = ngx_http_llm_account_get(&b, str(key));
            left = ngx_http_llm_limit_left(&b, k, 100000, mono);
            wait = 100000 - 1000 * i + (n == 1 ? 50000 : 0);
            wait = llm_min(wait, 100000);
            wrong += !(left + 2000 >= wait && left <= wait + 2000);
        }

        ok(what == NULL && wrong == 0, "buckets are as full as they were%s",
           n == 0 ? "" : n == 1 ? ", and 30 s fuller on another boot"
                                : ", also after a clock that went back");
        ok(ngx_http_llm_accounts_used(&b) == 100, "with 100 keys: %u",
           ngx_http_llm_accounts_used(&b));
        ngx_http_llm_snapshot_free(&snap);
        ngx_http_llm_state_release(&to);
    }

    damage(st.kind, st.path);
    n = hostile(st.kind, &b, st.path, MB, proof(200, 5000));
    ok(n >= 0, "hostile snapshots of limits: %ld taken", n);
    (void) ngx_http_llm_state_leave(&st);
    ngx_http_llm_state_release(&st);

    memset(&a, 0, sizeof(a));
    a.kind = NGX_HTTP_LLM_BUDGETS;
    a.period = NGX_HTTP_LLM_MONTH;
    b = a;
    b.period = NGX_HTTP_LLM_DAY;

    st = state(&ngx_http_llm_state_budgets, &a, "budgets", MB);
    ngx_http_llm_state_anonymous(&st, secret);
    ngx_http_llm_state_join(&st);
    k = ngx_http_llm_account_get(&a, str("team"));
    a.record[k].cell[NGX_HTTP_LLM_USD][0] = 0x123456789abcull;
    a.arena->latest = ngx_http_llm_period_number(NGX_HTTP_LLM_MONTH,
                                                 wall / SECOND);
    ok(ngx_http_llm_state_write(&st, 0) == 0, "budgets: a snapshot");

    snap = slurp(st.path);
    ok(check(&ngx_http_llm_state_limits, &snap) != NULL, "are no limits");
    what = check(st.kind, &snap);
    to = state(&ngx_http_llm_state_budgets, &b, "to", MB);
    ngx_http_llm_state_anonymous(&to, secret);
    what = what ? what : to.kind->load(&b, &snap, mono, wall);
    ok(what && strcmp(what, "counts by another period") == 0,
       "nor of another period: %s", what ? what : "taken");
    ngx_http_llm_state_release(&to);

    b.period = NGX_HTTP_LLM_MONTH;
    to = state(&ngx_http_llm_state_budgets, &b, "to", 64 * 1024);
    ngx_http_llm_state_anonymous(&to, secret);
    (void) check(st.kind, &snap);
    what = to.kind->load(&b, &snap, mono, wall);
    k = ngx_http_llm_account_get(&b, str("team"));
    ok(what == NULL && b.record[k].cell[NGX_HTTP_LLM_USD][0]
                       == 0x123456789abcull
       && b.arena->latest == a.arena->latest, "what was spent is spent");
    ngx_http_llm_snapshot_free(&snap);
    ngx_http_llm_state_release(&to);

    damage(st.kind, st.path);
    n = hostile(st.kind, &b, st.path, MB, proof(200, 5000));
    ok(n >= 0, "hostile snapshots of budgets: %ld taken", n);
    (void) ngx_http_llm_state_leave(&st);
    ngx_http_llm_state_release(&st);
}


int
main(int argc, char **argv)
{
    long                   n;
    ngx_http_llm_zone_t    a, b;
    ngx_http_llm_state_t   st;

    if (argc < 2) {
        return 2;
    }

    dir = argv[1];

    series();
    windows();
    accounts();

    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    st = state(&ngx_http_llm_state_series, &a, "damage", 2 * MB);
    ngx_http_llm_state_anonymous(&st, secret);
    fill(&a, 3);
    ngx_http_llm_state_join(&st);
    (void) ngx_http_llm_state_write(&st, 1);
    damage(st.kind, st.path);
    n = hostile(st.kind, &b, st.path, 2 * MB, proof(300, 5000));
    ok(n >= 0, "hostile snapshots of series: %ld taken", n);

    (void) ngx_http_llm_state_leave(&st);
    ngx_http_llm_state_release(&st);

    return done();
}
