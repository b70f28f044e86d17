
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Windows against the truth: samples are kept in a list with their times,
 * and what a window reports is compared with what a sorted list of its
 * samples says.  The clock is an argument.
 */


#include <math.h>

#include "zone_test.h"


#define SERIES  4

typedef struct {
    uint64_t  at;
    uint64_t  ns;
    uint32_t  series;
} sample_t;

static sample_t            *samples;
static long                 nsamples;
static uint64_t            *sorted;
static ngx_http_llm_sum_t   sum, part, merged;


/* Times of several kinds, between 100 us and 1 h. */

static uint64_t
draw(uint32_t kind)
{
    double  v;

    switch (kind) {

    case 0:                                     /* log-normal around 0.4 s */
        v = 0.4 * exp(1.1 * sqrt(-2 * log(random_unit()))
                      * cos(2 * M_PI * random_unit()));
        break;

    case 1:                                     /* uniform in the logarithm */
        v = 1e-4 * pow(3.6e7, random_unit());
        break;

    case 2:                                     /* two humps */
        v = random_unit() < 0.7 ? 0.02 + 0.002 * random_unit()
                                : 12 + 3 * random_unit();
        break;

    default:                                    /* Pareto */
        v = 0.005 / pow(random_unit(), 1 / 1.3);
        break;
    }

    v = fmin(fmax(v, 1e-4), 3600);

    return (uint64_t) (v * 1e9);
}


static int
compare(const void *a, const void *b)
{
    uint64_t  x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}


/* The samples of some series after `from`, sorted. */

static long
truth(uint32_t mask, uint64_t from)
{
    long  i, n;

    for (i = 0, n = 0; i < nsamples; i++) {
        if (samples[i].at > from && (mask & (1u << samples[i].series))) {
            sorted[n++] = samples[i].ns;
        }
    }

    qsort(sorted, (size_t) n, sizeof(uint64_t), compare);

    return n;
}


static void
judge(const char *what, const ngx_http_llm_sum_t *s, uint32_t mask)
{
    long                            n, rank;
    double                          err, worst, rate;
    uint64_t                        total, v[5], r[5], i;
    const ngx_http_llm_sum_dist_t  *d;

    static const uint32_t  permille[] = { 500, 900, 950, 990, 999 };

    n = truth(mask, s->from == T0 ? 0 : s->from);
    d = &s->dist[LLM_DIST_TPOT];

    total = 0;
    rate = 0;
    for (i = 0; i < (uint64_t) n; i++) {
        total += sorted[i];
        rate += (double) (NGX_HTTP_LLM_RATE_ONE / sorted[i]);
    }

    if (!ok(d->count == (uint64_t) n && d->sum == total
            && s->rate == (uint64_t) rate
            && s->counter[NGX_HTTP_LLM_CALLS_OK] == (uint64_t) n
            && s->counter[NGX_HTTP_LLM_CALLS_TOTAL] == (uint64_t) n,
            "%s: %ld samples, and their sum", what, n)
        || n == 0)
    {
        printf("# got %lu\n", (unsigned long) d->count);
        return;
    }

    worst = 0;

    ngx_http_llm_sum_percentiles(s, LLM_DIST_TPOT, permille, 5, v);
    ngx_http_llm_sum_rate_percentiles(s, permille, 5, r);

    for (i = 0; i < 5; i++) {
        rank = (long) ceil((double) n * permille[i] / 1000);

        err = fabs((double) v[i] / (double) sorted[rank - 1] - 1);
        worst = fmax(worst, err);

        err = fabs((double) r[i] * (double) sorted[n - rank] / 1e15 - 1);
        worst = fmax(worst, err);
    }

    err = fabs((double) d->min / (double) sorted[0] - 1);
    worst = fmax(worst, err);
    err = fabs((double) d->max / (double) sorted[n - 1] - 1);
    worst = fmax(worst, err);

    ok(worst < 0.0056, "%s: percentiles within %.2f %%", what, worst * 100);

    if (s->window == NGX_HTTP_LLM_WINDOW_ALL) {
        ok(d->min == sorted[0] && d->max == sorted[n - 1],
           "%s: min and max are exact", what);
    }
}


static void
read_all(ngx_http_llm_zone_t *z, const uint32_t *idx, uint64_t now)
{
    int       same;
    char      what[64];
    uint32_t  w, i, mask;
    uint64_t  ns, covers;

    for (w = 0; w < NGX_HTTP_LLM_WINDOW_N; w++) {

        ngx_http_llm_sum_reset(&merged);

        for (i = 0; i < SERIES; i++) {
            ngx_http_llm_sum_reset(&sum);
            ngx_http_llm_sum_add(z, idx[i], w, now, &sum);
            snprintf(what, sizeof(what), "%s, series %u",
                     ngx_http_llm_window_names[w], i);
            judge(what, &sum, 1u << i);
            ngx_http_llm_sum_merge(&merged, &sum);
        }

        snprintf(what, sizeof(what), "%s, merged",
                 ngx_http_llm_window_names[w]);
        judge(what, &merged, (1u << SERIES) - 1);

        /* the same whatever the grouping */

        same = 1;

        for (mask = 1; mask < (1u << SERIES) - 1; mask++) {
            ngx_http_llm_sum_reset(&sum);
            ngx_http_llm_sum_reset(&part);

            for (i = 0; i < SERIES; i++) {
                ngx_http_llm_sum_add(z, idx[i], w, now,
                                     mask & (1u << i) ? &sum : &part);
            }

            ngx_http_llm_sum_merge(&sum, &part);

            same &= (memcmp(&sum, &merged, sizeof(sum)) == 0);
        }

        ok(same, "%s: every grouping gives the same", what);

        if (w < NGX_HTTP_LLM_WINDOW_ALL && now - T0 > SECOND * 90000) {
            ns = ngx_http_llm_window_ns[w];
            covers = merged.to - merged.from;
            ok(covers >= ns && covers <= ns + ns / 5, "%s: covers %.1f s",
               ngx_http_llm_window_names[w], (double) covers / 1e9);
        }
    }
}


static void
bounds(ngx_http_llm_zone_t *z, uint32_t idx)
{
    long                 i;
    int                  bad;
    uint32_t             k;
    uint64_t             count[LLM_BOUNDS_MAX];
    const llm_bounds_t  *b;

    b = &llm_dist_bounds[LLM_DIST_TPOT];
    memset(count, 0, sizeof(count));

    for (i = 0; i < nsamples; i++) {
        if (samples[i].series == 0) {
            for (k = 0; k < b->n && samples[i].ns > b->bound[k].ns; k++) {
                /* void */
            }
            count[k]++;
        }
    }

    ngx_http_llm_sum_reset(&sum);
    ngx_http_llm_sum_add(z, idx, NGX_HTTP_LLM_WINDOW_ALL, T0, &sum);

    bad = memcmp(count, sum.dist[LLM_DIST_TPOT].bound, sizeof(count));
    ok(!bad, "bounds of the histogram are counted exactly");
}


/* 25 hours and a bit, busy at the end. */

static void
day(long total)
{
    long                   n, left, busy;
    uint32_t               idx[SERIES], i;
    uint64_t               now, end;
    ngx_http_llm_zone_t    z;
    ngx_http_llm_labels_t  l;

    static const char  *models[SERIES] = { "a", "b", "c", "d" };

    z = zone_make(4 * MB);

    for (i = 0; i < SERIES; i++) {
        l = labels("openai", models[i], "/v1");
        idx[i] = ngx_http_llm_series_claim(&z, &l, 1);
    }

    samples = malloc((size_t) total * sizeof(sample_t));
    sorted = malloc((size_t) total * sizeof(uint64_t));
    nsamples = 0;

    now = T0;
    end = T0 + 26 * 3600 * SECOND + 17 * SECOND;

    while (now < end) {
        now += SECOND + random64() % 3000000;

        /* a tenth of all in the last 70 s, a tenth in the 5 min before */

        left = total - nsamples;
        busy = (long) ((end > now ? end - now : 0) / SECOND) + 1;
        n = (end - now > 70 * SECOND && left < total / 10) ? 0
            : (end - now > 380 * SECOND && left < total / 5) ? 0
            : left / busy / (random64() % 2 ? 1 : 4);

        if (busy < 380) {
            n = left / busy;
        } else if (n == 0) {
            n = total / 100000;
        } else {
            n = total / 5 * 4 / 94000 + 1;
        }

        for (; n > 0 && nsamples < total; n--, nsamples++) {
            i = (uint32_t) (random64() % SERIES);

            samples[nsamples].series = i;
            samples[nsamples].at = now;
            samples[nsamples].ns = draw(i);

            ngx_http_llm_series_sample(&z, idx[i], LLM_DIST_TPOT,
                                       samples[nsamples].ns);
            ngx_http_llm_series_add(&z, idx[i], NGX_HTTP_LLM_CALLS_OK, 1);
        }

        /* nothing is recorded while a mark is taken: then it is exact */

        zone_tick(&z, now);
    }

    printf("# %ld samples\n", nsamples);

    read_all(&z, idx, now);
    bounds(&z, idx[0]);

    free(samples);
    free(sorted);
    zone_drop(&z);
}


/*
 * For days, with the clock and the marker in several moods: what windows
 * cover at every second, checked by a counter that grows by one a second.
 */

static void
ladder(const char *what, uint64_t step, uint64_t jitter, int hours)
{
    long                   bad, shorter, wrong, checked;
    double                 most[NGX_HTTP_LLM_WINDOW_N];
    uint32_t               idx, w;
    uint64_t               now, ns, covers, expect;
    ngx_http_llm_mark_t    mark;
    ngx_http_llm_zone_t    z;
    ngx_http_llm_labels_t  l;

    z = zone_make(NGX_HTTP_LLM_ARENA_MIN);
    l = labels("openai", "a", "/v1");
    idx = ngx_http_llm_series_claim(&z, &l, 1);

    memset(most, 0, sizeof(most));
    bad = shorter = wrong = checked = 0;

    for (now = T0; now < T0 + (uint64_t) hours * 3600 * SECOND; ) {
        now += step + (jitter ? random64() % jitter : 0);

        ngx_http_llm_series_add(&z, idx, NGX_HTTP_LLM_TOKENS_INPUT,
                                now - T0 - z.series[idx].word[
                                               NGX_HTTP_LLM_TOKENS_INPUT]);

        for (w = 0; w < NGX_HTTP_LLM_WINDOW_ALL; w++) {
            ns = ngx_http_llm_window_ns[w];

            ngx_http_llm_marks_find(&z, w, now, &mark);
            covers = now - mark.begin;

            if (now - T0 < ns) {
                bad += (mark.begin != T0);
                continue;
            }

            most[w] = fmax(most[w], (double) covers / (double) ns);
            shorter += (now - mark.end < ns);
            bad += (covers > ns + ns / 5);
            checked++;
        }

        if (random64() % 64 == 0) {
            for (w = 0; w < NGX_HTTP_LLM_WINDOW_N; w++) {
                ngx_http_llm_sum_reset(&sum);
                ngx_http_llm_sum_add(&z, idx, w, now, &sum);
                expect = sum.to - sum.from;
                wrong += (sum.counter[NGX_HTTP_LLM_TOKENS_INPUT] != expect);
            }
        }

        zone_tick(&z, now);
    }

    ok(bad == 0 && shorter == 0, "%s: %ld windows cover W to 1.2 W "
       "(at most %.3f %.3f %.3f %.3f)", what, checked, most[0], most[1],
       most[2], most[3]);
    ok(wrong == 0, "%s: and hold what was counted in that time", what);

    zone_drop(&z);
}


static void
jumps(void)
{
    uint32_t               idx, w;
    uint64_t               now;
    ngx_http_llm_mark_t    mark;
    ngx_http_llm_zone_t    z, late;
    ngx_http_llm_labels_t  l;

    z = zone_make(NGX_HTTP_LLM_ARENA_MIN);
    l = labels("openai", "a", "/v1");
    idx = ngx_http_llm_series_claim(&z, &l, 1);

    for (now = T0; now < T0 + 2 * 3600 * SECOND; now += SECOND) {
        ngx_http_llm_series_add(&z, idx, NGX_HTTP_LLM_CALLS_OK, 1);
        zone_tick(&z, now);
    }

    /* seven hours at once: one mark, and soon nothing of before */

    now += 7 * 3600 * SECOND;
    zone_tick(&z, now);
    ngx_http_llm_series_add(&z, idx, NGX_HTTP_LLM_CALLS_ERROR, 1);

    now += 61 * SECOND;

    ngx_http_llm_sum_reset(&sum);
    ngx_http_llm_sum_add(&z, idx, NGX_HTTP_LLM_WINDOW_1M, now, &sum);
    ok(sum.counter[NGX_HTTP_LLM_CALLS_TOTAL] == 1
       && sum.to - sum.from == 61 * SECOND, "a jump: 1m is right after one");

    zone_tick(&z, now);
    now += 240 * SECOND;

    for (w = 0; w < 3; w++) {
        ngx_http_llm_sum_reset(&sum);
        ngx_http_llm_sum_add(&z, idx, w, now, &sum);
        ok(sum.counter[NGX_HTTP_LLM_CALLS_OK]
           == (w == NGX_HTTP_LLM_WINDOW_1H ? 10 : 0)
           || sum.from < now - 7 * 3600 * SECOND,
           "a jump: %s holds what its times say",
           ngx_http_llm_window_names[w]);
    }

    ngx_http_llm_sum_reset(&sum);
    ngx_http_llm_sum_add(&z, idx, NGX_HTTP_LLM_WINDOW_24H, now, &sum);
    ok(sum.from == T0 && sum.counter[NGX_HTTP_LLM_CALLS_TOTAL] == 7201,
       "a jump: 24h reaches back to the start");

    /* back: nothing is due, nothing is too old, nothing underflows */

    zone_tick(&z, T0 + SECOND);
    ngx_http_llm_sum_reset(&sum);
    ngx_http_llm_sum_add(&z, idx, NGX_HTTP_LLM_WINDOW_1M, T0 + SECOND, &sum);
    ok(sum.from == T0, "a clock that went back starts at the creation");

    /* a marker that slept in the middle starts over */

    now += 100 * SECOND;
    ok(ngx_http_llm_marks_run(&z, now, 1) == NGX_HTTP_LLM_MARKS_AGAIN,
       "a mark begun");
    late = z;
    late.marking = 0;
    late.self = ngx_http_llm_owner_self() ^ (1ull << 40);
    ok(ngx_http_llm_marks_run(&late, now, 1) == NGX_HTTP_LLM_MARKS_DONE,
       "nobody else may take it meanwhile");

    now += 40 * SECOND;
    ngx_http_llm_series_add(&z, idx, NGX_HTTP_LLM_CALLS_ERROR, 5);
    zone_tick(&z, now);
    ngx_http_llm_marks_find(&z, NGX_HTTP_LLM_WINDOW_1M, now + 65 * SECOND,
                            &mark);
    ok(mark.begin == now, "a marker that slept starts over");

    now += 11 * SECOND;
    ok(ngx_http_llm_marks_run(&z, now, 1) == NGX_HTTP_LLM_MARKS_AGAIN,
       "another begun");
    ngx_http_llm_marks_leave(&z);
    ok(z.arena->marker == 0, "and given up");
    ok(ngx_http_llm_marks_run(&late, now, 1) == NGX_HTTP_LLM_MARKS_AGAIN,
       "for someone else");

    zone_drop(&z);
}


/* A reader that meets a mark which is being replaced. */

static void
replaced(void)
{
    uint32_t               idx, slot;
    uint64_t               now;
    ngx_http_llm_mark_t    mark;
    ngx_http_llm_zone_t    z;
    ngx_http_llm_labels_t  l;

    z = zone_make(NGX_HTTP_LLM_ARENA_MIN);
    l = labels("openai", "a", "/v1");
    idx = ngx_http_llm_series_claim(&z, &l, 1);

    for (now = T0; now < T0 + 400 * SECOND; now += SECOND) {
        ngx_http_llm_series_add(&z, idx, NGX_HTTP_LLM_CALLS_OK, 1);
        zone_tick(&z, now);
    }

    slot = ngx_http_llm_marks_find(&z, NGX_HTTP_LLM_WINDOW_1M, now, &mark);
    ok(slot < NGX_HTTP_LLM_MARKS && now - mark.end >= 60 * SECOND, "a mark");

    z.arena->mark[slot].end = 0;
    ok(ngx_http_llm_marks_find(&z, NGX_HTTP_LLM_WINDOW_1M, now, &mark) != slot
       && now - mark.end >= 60 * SECOND,
       "half written, it is not used, but an older one");

    zone_drop(&z);
}


int
main(void)
{
    ngx_http_llm_sum_init(&sum);
    ngx_http_llm_sum_init(&part);
    ngx_http_llm_sum_init(&merged);

    day(proof(1000000, 4000000));

    ladder("every second", SECOND, 0, 60);
    ladder("a jittery second", SECOND, SECOND / 2, 60);
    ladder("a step of 0.37 s", SECOND * 37 / 100, SECOND / 10,
           (int) proof(30, 300));

    jumps();
    replaced();

    return done();
}
