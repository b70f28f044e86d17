
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What a sum shows is in order, and one sample is shown as one: random
 * samples, few at a time, in every window, alone and merged.
 */


#include <math.h>

#include "zone_test.h"


#define SERIES  4

static ngx_http_llm_sum_t  sum, merged;


/* The first thing that is out of order, or NULL. */

static const char *
disorder(const ngx_http_llm_sum_t *s)
{
    uint32_t                        d, i;
    uint64_t                        mean, v[5];
    const ngx_http_llm_sum_dist_t  *p;

    static const uint32_t  permille[] = { 500, 900, 950, 990, 999 };

    for (d = 0; d < LLM_DIST_N; d++) {
        p = &s->dist[d];

        if (p->count == 0) {
            continue;
        }

        mean = ngx_http_llm_sum_mean(s, d);

        if (p->min > mean || mean > p->max) {
            return "mean";
        }

        if (p->count < UINT32_MAX && mean != p->sum / p->count) {
            return "a mean that is not exact";
        }

        if (!ngx_http_llm_sum_known(p)) {
            continue;
        }

        ngx_http_llm_sum_percentiles(s, d, permille, 5, v);

        for (i = 0; i < 5; i++) {
            if (v[i] < (i ? v[i - 1] : p->min) || v[i] > p->max) {
                return "percentiles";
            }
        }
    }

    return NULL;
}


/*
 * min <= mean, p50 <= ... <= max of few samples, of one, of such below and
 * above the cells and of such without a cell, in every window and grouping.
 */

static void
order(size_t size, long rounds)
{
    long                   k, sums;
    uint32_t               idx[SERIES], i, w, mask, d;
    uint64_t               now, ns;
    const char            *wrong;
    ngx_http_llm_zone_t    z;
    ngx_http_llm_labels_t  l;

    static const char  *models[SERIES] = { "a", "b", "c", "d" };

    z = zone_make(size);

    for (i = 0; i < SERIES; i++) {
        l = labels("openai", models[i], "/v1");
        idx[i] = ngx_http_llm_series_claim(&z, &l, 1);
    }

    wrong = NULL;
    sums = 0;
    now = T0;

    for (k = 0; k < rounds && wrong == NULL; k++) {

        for (i = 0; i < random64() % 4; i++) {
            ns = random64() >> (random64() % 64);
            ns = random64() % 4 ? 1 + ns % (1ull << (10 + k % 24)) : ns >> 20;

            ngx_http_llm_series_sample(&z, idx[random64() % SERIES],
                                  (uint32_t) (random64() % LLM_DIST_N), ns);
        }

        now += random64() % (random64() % 8 ? 20 * SECOND : 500 * SECOND);
        zone_tick(&z, now);

        for (w = 0; w < NGX_HTTP_LLM_WINDOW_N && wrong == NULL; w++) {
            mask = 1 + (uint32_t) (random64() % ((1u << SERIES) - 1));

            ngx_http_llm_sum_reset(&merged);

            for (i = 0; i < SERIES && wrong == NULL; i++) {
                ngx_http_llm_sum_reset(&sum);
                ngx_http_llm_sum_add(&z, idx[i], w, now, &sum);
                wrong = disorder(&sum);
                sums++;

                if (mask & (1u << i)) {
                    ngx_http_llm_sum_merge(&merged, &sum);
                }
            }

            if (wrong == NULL) {
                wrong = disorder(&merged);
                sums++;
            }
        }
    }

    for (i = 0, d = 0; i < LLM_DIST_N; i++) {
        d += (merged.dist[i].nocell != 0);
    }

    ok(wrong == NULL, "%ld sums are in order, %u of a kind with samples "
       "without cells%s%s", sums, d, wrong ? ": " : "", wrong ? wrong : "");

    zone_drop(&z);
}


/* One sample is its own least, largest, mean and percentile. */

static void
single(void)
{
    int                    bad;
    long                   k;
    uint32_t               idx, w, d;
    uint64_t               now, ns, v;
    ngx_http_llm_zone_t    z;
    ngx_http_llm_labels_t  l;

    static const uint32_t  p50 = 500;

    z = zone_make(4 * MB);
    l = labels("openai", "a", "/v1");
    idx = ngx_http_llm_series_claim(&z, &l, 1);
    bad = 0;
    now = T0;

    for (k = 0; k < 200; k++) {
        d = (uint32_t) k % LLM_DIST_N;
        ns = 1000 + (random64() >> 22) % 4000000000000ull;

        ngx_http_llm_series_sample(&z, idx, d, ns);

        for (w = 0; w < (k < LLM_DIST_N ? 5 : 1); w++) {
            ngx_http_llm_sum_reset(&sum);
            ngx_http_llm_sum_add(&z, idx, w, now, &sum);
            ngx_http_llm_sum_percentiles(&sum, d, &p50, 1, &v);

            bad += (sum.dist[d].count != 1
                    || ngx_http_llm_sum_mean(&sum, d) != ns
                    || sum.dist[d].min > ns || sum.dist[d].max < ns
                    || fabs((double) v / (double) ns - 1) > 0.006
                    || fabs((double) sum.dist[d].min / (double) ns - 1) > 0.006
                    || fabs((double) sum.dist[d].max / (double) ns - 1)
                       > 0.006);
        }

        /* the next one is alone in its minute */

        now += 20 * SECOND;
        zone_tick(&z, now);
        now += 80 * SECOND;
    }

    ok(bad == 0, "one sample is shown as one");

    zone_drop(&z);
}


int
main(void)
{
    ngx_http_llm_sum_init(&sum);
    ngx_http_llm_sum_init(&merged);

    order(4 * MB, proof(1500, 100000));
    order(NGX_HTTP_LLM_ARENA_MIN, proof(800, 50000));
    single();

    return done();
}
