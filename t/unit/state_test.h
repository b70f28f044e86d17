
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the tests of state=path share: a state without nginx, books and their
 * comparison, damaged and hostile snapshots.
 */


#ifndef _STATE_TEST_H_INCLUDED_
#define _STATE_TEST_H_INCLUDED_


#include "zone_test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "ngx_http_llm_budget.h"
#include "ngx_http_llm_ledger.h"
#include "ngx_http_llm_limit.h"
#include "ngx_http_llm_period.h"
#include "ngx_http_llm_state.h"


static const char   secret[] = "sixteen bytes...";
static const char  *dir;


static inline ngx_http_llm_state_t
state(const ngx_http_llm_state_kind_t *kind, void *zone, const char *name,
    size_t size)
{
    static char           path[16][PATH_MAX];
    static int            n;
    ngx_http_llm_state_t  st;

    n = (n + 1) % 16;
    snprintf(path[n], PATH_MAX, "%s/%s.%d", dir, name, (int) getpid());

    memset(&st, 0, sizeof(st));
    st.kind = kind;
    st.zone = zone;
    st.name = name;
    st.path = path[n];
    st.size = size;
    st.fd = -1;
    st.lock = -1;

    return st;
}


static inline void
fill(ngx_http_llm_zone_t *z, uint32_t n)
{
    char                   route[16];
    uint32_t               i, k, s;
    ngx_http_llm_labels_t  l;

    for (i = 0; i < n; i++) {
        snprintf(route, sizeof(route), "r%u", i);
        l = labels("openai", i % 2 ? "gpt-a" : "gpt-b", route);
        own(&l, "team", route);

        s = ngx_http_llm_series_claim(z, &l, 1);

        for (k = 0; k < 20; k++) {
            ngx_http_llm_series_add(z, s, NGX_HTTP_LLM_CALLS_OK, 1);
            ngx_http_llm_series_add(z, s, NGX_HTTP_LLM_COST, 1000 * i + k);
            ngx_http_llm_series_sample(z, s, LLM_DIST_TTFT,
                                       (k + 1) * 10000000ull);
            ngx_http_llm_series_sample(z, s, LLM_DIST_DURATION,
                                       (i + 1) * SECOND);
        }
    }

    ngx_http_llm_zone_count(z, NGX_HTTP_LLM_OTHER_REQUESTS, 77);
}


static ngx_http_llm_sum_t  sum[2];


static inline void
total(const ngx_http_llm_zone_t *z, uint32_t window, uint64_t now,
    ngx_http_llm_sum_t *into)
{
    uint32_t  i;

    ngx_http_llm_sum_init(into);

    for (i = 0; i < z->series_max; i++) {
        if (z->id[i]) {
            ngx_http_llm_sum_add(z, i, window, now, into);
        }
    }
}


static inline int
same_sums(void)
{
    uint32_t        d;
    uint64_t        p[2][5];
    const uint32_t  permille[] = { 500, 900, 950, 990, 999 };

    if (memcmp(sum[0].counter, sum[1].counter, sizeof(sum[0].counter))) {
        return 0;
    }

    for (d = 0; d < LLM_DIST_N; d++) {
        ngx_http_llm_sum_percentiles(&sum[0], d, permille, 5, p[0]);
        ngx_http_llm_sum_percentiles(&sum[1], d, permille, 5, p[1]);

        if (sum[0].dist[d].count != sum[1].dist[d].count
            || sum[0].dist[d].sum != sum[1].dist[d].sum
            || sum[0].dist[d].min != sum[1].dist[d].min
            || sum[0].dist[d].max != sum[1].dist[d].max
            || (sum[0].dist[d].count && memcmp(p[0], p[1], sizeof(p[0]))))
        {
            return 0;
        }
    }

    return 1;
}


/* A file as it is, in memory of its exact size. */

static inline ngx_http_llm_snapshot_t
slurp(const char *path)
{
    int                      fd;
    ngx_http_llm_snapshot_t  snap;

    memset(&snap, 0, sizeof(snap));

    fd = open(path, O_RDONLY);

    if (fd == -1 || ngx_http_llm_snapshot_read(&snap, fd, 1u << 30) != 0) {
        printf("Bail out! %s: %s\n", path, strerror(errno));
        exit(2);
    }

    close(fd);

    return snap;
}


static const char *
check(const ngx_http_llm_state_kind_t *kind, ngx_http_llm_snapshot_t *snap)
{
    return ngx_http_llm_snapshot_check(snap, kind->kind,
                                       kind->record_shape());
}


/* What was damaged is never accepted. */

static inline void
damage(const ngx_http_llm_state_kind_t *kind, const char *path)
{
    long                     i, accepted, flips;
    size_t                   size, at;
    uint8_t                 *data, bit;
    ngx_http_llm_snapshot_t  snap;

    snap = slurp(path);
    data = snap.data;
    size = snap.size;

    ok(check(kind, &snap) == NULL, "%s: %zu bytes, whole", kind->directive,
       size);

    accepted = 0;

    for (at = 0; at < size; at++) {
        snap.data = malloc(at ? at : 1);
        memcpy(snap.data, data, at);
        snap.size = at;
        accepted += (check(kind, &snap) == NULL);
        free(snap.data);
    }

    ok(accepted == 0, "cut at every byte: %ld accepted", accepted);

    snap.data = data;
    snap.size = size;
    accepted = 0;
    flips = proof(20000, 100000);

    for (i = 0; i < 4096 * 8 + flips; i++) {
        at = i < 4096 * 8 ? (size_t) i / 8 : random64() % size;
        bit = (uint8_t) (1u << (i < 4096 * 8 ? (uint64_t) i : random64()) % 8);

        if (at >= size) {
            continue;
        }

        data[at] ^= bit;
        accepted += (check(kind, &snap) == NULL);
        data[at] ^= bit;
    }

    ok(accepted == 0, "%ld bits flipped: %ld accepted", 4096 * 8 + flips,
       accepted);

    for (at = 0, accepted = 0; at + 4096 <= size; at += 4096) {
        uint8_t  page[4096];

        memcpy(page, data + at, 4096);
        memset(data + at, 0, 4096);
        accepted += (check(kind, &snap) == NULL);
        memcpy(data + at, page, 4096);
    }

    ok(accepted == 0, "pages of zeros: %ld accepted", accepted);

    data = malloc(size);
    memcpy(data, snap.data + size / 2, size - size / 2);
    memcpy(data + size - size / 2, snap.data, size / 2);
    free(snap.data);
    snap.data = data;
    ok(check(kind, &snap) != NULL, "halves exchanged");
    ngx_http_llm_snapshot_free(&snap);
}


/*
 * Right sums over wrong contents: whoever can write the file can do this.
 * The sums are made anew by putting every record again.
 */

static inline long
hostile(const ngx_http_llm_state_kind_t *kind, void *zone, const char *path,
    size_t size, long rounds)
{
    int                            fd;
    char                           name[PATH_MAX];
    long                           i, k, taken;
    size_t                         len;
    uint8_t                       *copy;
    uint32_t                       type;
    const uint8_t                 *rec;
    ngx_http_llm_state_t           st;
    ngx_http_llm_snapshot_t        snap, bad;
    ngx_http_llm_snapshot_out_t   *out;
    ngx_http_llm_snapshot_head_t   head;

    st = state(kind, zone, "hostile", size);
    ngx_http_llm_state_anonymous(&st, secret);

    out = malloc(sizeof(*out));
    snprintf(name, sizeof(name), "%s/bad.%d", dir, (int) getpid());
    taken = 0;

    for (i = 0; i < rounds; i++) {
        snap = slurp(path);

        if (check(kind, &snap) != NULL) {
            return -1;
        }

        fd = open(name, O_RDWR|O_CREAT|O_TRUNC, 0600);
        ngx_http_llm_snapshot_begin(out, fd);
        head = snap.head;

        while (ngx_http_llm_snapshot_next(&snap, &type, &rec, &len)) {
            copy = malloc(len + 8);
            memcpy(copy, rec, len);

            for (k = (long) (random64() % 4); k > 0 && len; k--) {
                switch (random64() % 3) {
                case 0:
                    copy[random64() % len] = (uint8_t) random64();
                    break;
                case 1:
                    memset(copy + random64() % len, 0xff, 1);
                    break;
                default:
                    copy[random64() % (len < 64 ? len : 64)]
                                                     = (uint8_t) random64();
                }
            }

            if (random64() % 20 == 0) {
                len = random64() % (len + 8);
            }

            if (random64() % 50 == 0) {
                type = (uint32_t) random64() % 5;
            }

            if (random64() % 50) {
                ngx_http_llm_snapshot_put(out, type, copy, len);
            }

            free(copy);
        }

        ngx_http_llm_snapshot_end(out, &head);
        close(fd);
        ngx_http_llm_snapshot_free(&snap);

        bad = slurp(name);

        if (check(kind, &bad) != NULL) {
            return -1;
        }

        ngx_http_llm_state_clear(&st, secret);

        taken += (kind->load(zone, &bad,
                             ngx_http_llm_state_clock(CLOCK_MONOTONIC),
                             ngx_http_llm_state_clock(CLOCK_REALTIME))
                  == NULL);

        if (kind->check(zone, ngx_http_llm_state_clock(CLOCK_MONOTONIC))) {
            return -2;
        }

        ngx_http_llm_snapshot_free(&bad);
    }

    free(out);
    unlink(name);
    ngx_http_llm_state_release(&st);

    return taken;
}


#endif /* _STATE_TEST_H_INCLUDED_ */
