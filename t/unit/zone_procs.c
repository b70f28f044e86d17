
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Many processes on one zone, stopped and killed at random, against an exact
 * model.  Each process notes in a page of its own what it is about to do and
 * what it has done; whatever was killed between the two may be in the books
 * or not, everything else must be.  Time runs a thousand times as fast, so
 * that marks are taken all along; the parent reads windows meanwhile.
 */


#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "zone_test.h"


#define PROCESSES  6
#define MODELS     12
#define VALUES     8
#define JOURNALS   3100


/*
 * What a process has done, written down after it was done, and the one thing
 * that it may be doing.
 */

typedef struct {
    uint32_t  model;
    uint32_t  dist;
    uint64_t  ns;
    uint64_t  count[MODELS][LLM_DIST_N];
    uint64_t  sum[MODELS][LLM_DIST_N];
    uint64_t  calls[MODELS];
} journal_t;


static journal_t           *journal;
static volatile int        *finish;
static uint64_t             started;
static ngx_http_llm_sum_t   sum;
static ngx_http_llm_live_t  live[4096];


static uint64_t
fast_clock(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return T0 + ((uint64_t) ts.tv_sec * SECOND + (uint64_t) ts.tv_nsec
                 - started) * 1000;
}


static ngx_http_llm_labels_t
model(uint32_t i)
{
    static char  name[MODELS][16];

    snprintf(name[i], sizeof(name[i]), "model-%u", i);

    return labels("openai", name[i], "/v1");
}


static void
work(ngx_http_llm_zone_t *z, journal_t *j)
{
    long                   n;
    uint32_t               idx, row[16], k;
    ngx_http_llm_labels_t  l;

    memset(row, 0, sizeof(row));
    (void) ngx_http_llm_live_join(z);

    for (n = 0; !*finish; n++) {

        j->model = (uint32_t) (random64() % MODELS);
        j->dist = (uint32_t) (random64() % LLM_DIST_N);
        j->ns = (7 + random64() % 8) * 7000ull
                << (3 * (random64() % VALUES) + random64() % 2);

        __atomic_thread_fence(__ATOMIC_SEQ_CST);

        l = model(j->model);
        idx = ngx_http_llm_series_claim(z, &l, 1);
        ngx_http_llm_series_sample(z, idx, j->dist, j->ns);
        ngx_http_llm_series_add(z, idx, NGX_HTTP_LLM_CALLS_OK, 1);

        k = (uint32_t) (random64() % 16);

        if (row[k]) {
            ngx_http_llm_live_end(z, row[k]);
            row[k] = 0;

        } else {
            row[k] = ngx_http_llm_live_start(z, idx, 1, 1 + (uint64_t) n);
        }

        __atomic_thread_fence(__ATOMIC_SEQ_CST);

        j->count[j->model][j->dist]++;
        j->sum[j->model][j->dist] += j->ns;
        j->calls[j->model]++;

        if (n % 64 == 0) {
            (void) ngx_http_llm_marks_run(z, fast_clock(), 16);
        }

        if (n % 4096 == 0) {
            (void) ngx_http_llm_live_reap(z);
        }
    }

    ngx_http_llm_marks_leave(z);
    ngx_http_llm_live_leave(z);
}


static pid_t
start(ngx_http_llm_zone_t *z, uint32_t i)
{
    pid_t                pid;
    ngx_http_llm_zone_t  own_view;

    pid = fork();

    if (pid == 0) {
        random_state = 88172645463325252ull + 977 * (i + 1);
        own_view = *z;
        work(&own_view, &journal[i]);
        _exit(0);
    }

    return pid;
}


/* Every window of every series, while it changes. */

static const char *
look(ngx_http_llm_zone_t *z, uint64_t *before)
{
    uint32_t  w, i, d;
    uint64_t  now, counts, total;

    now = fast_clock();
    total = 0;

    for (i = 0; i < z->series_max; i++) {

        if (z->id[i] == 0) {
            continue;
        }

        for (w = 0; w < NGX_HTTP_LLM_WINDOW_N; w++) {
            ngx_http_llm_sum_reset(&sum);
            ngx_http_llm_sum_add(z, i, w, now, &sum);

            for (d = 0, counts = 0; d < LLM_DIST_N; d++) {
                counts += sum.dist[d].count;

                if (sum.dist[d].count >> 40
                    || sum.counter[NGX_HTTP_LLM_CALLS_OK] >> 40)
                {
                    return "a window below zero";
                }
            }

            if (w == NGX_HTTP_LLM_WINDOW_ALL) {
                total += counts;
            }
        }
    }

    if (total < *before) {
        return "a count went down";
    }

    *before = total;
    return NULL;
}


/* The books, at the end; doubt[m][d]: samples that may be there or not. */

static void
balance(ngx_http_llm_zone_t *z, uint32_t doubt[MODELS][LLM_DIST_N],
    uint64_t doubt_ns[MODELS][LLM_DIST_N], long kills)
{
    int                    bad, off;
    uint32_t               m, d, i, k, o, c, idx, used;
    uint64_t               count, total, calls, more, all, bounds;
    static uint8_t         seen[1 << 20];
    ngx_http_llm_labels_t  l;

    bad = off = 0;
    all = 0;
    more = 0;

    for (m = 0; m < MODELS; m++) {
        l = model(m);
        idx = ngx_http_llm_series_find(z, &l);

        ngx_http_llm_sum_reset(&sum);
        ngx_http_llm_sum_add(z, idx, NGX_HTTP_LLM_WINDOW_ALL, 0, &sum);

        for (d = 0, calls = 0, k = 0; d < LLM_DIST_N; d++) {

            for (i = 0, count = 0, total = 0; i < JOURNALS; i++) {
                count += journal[i].count[m][d];
                total += journal[i].sum[m][d];
            }

            for (i = 0, bounds = 0; i < LLM_BOUNDS_MAX; i++) {
                bounds += sum.dist[d].bound[i];
            }

            all += count;
            calls += count;
            k += doubt[m][d];
            more += sum.dist[d].count - count;

            bad += (sum.dist[d].count - count > doubt[m][d]);
            bad += (bounds - count > doubt[m][d]);
            off += (sum.dist[d].sum - total > doubt_ns[m][d]);
        }

        bad += (sum.counter[NGX_HTTP_LLM_CALLS_TOTAL] - calls > k);
    }

    ok(bad == 0 && off == 0, "%lu samples; of those that were cut off by %ld "
       "kills %lu are in the books", (unsigned long) all, kills,
       (unsigned long) more);

    /* no id twice, no column twice */

    bad = 0;
    used = 0;

    for (i = 1; i < z->series_max; i++) {
        used += (z->id[i] != 0);

        for (k = 0; k < i; k++) {
            bad += (z->id[i] != 0 && z->id[i] == z->id[k]);
        }
    }

    ok(bad == 0 && used == MODELS, "%u series of %d models", used, MODELS);

    for (i = 0, bad = 0, used = 0; i < z->series_max; i++) {
        for (d = 0; d < LLM_DIST_N; d++) {
            for (o = 0; o < LLM_CELLS_OCTAVES; o++) {
                c = ngx_http_llm_column_index(z->series[i].column[d][o]) + 1;
                used += (c != 0);
                bad += (c && (c > z->arena->columns || seen[c]++));
            }
        }
    }

    ok(bad == 0 && z->arena->columns - used <= (uint64_t) kills + PROCESSES,
       "%u columns in use, %lu lost", used,
       (unsigned long) (z->arena->columns - used));
}


int
main(void)
{
    int                  status, stopped[PROCESSES];
    long                 kills, stops, looks, want;
    pid_t                pid[PROCESSES], gone;
    uint32_t             i, n, next, who[PROCESSES];
    uint64_t             before;
    const char          *wrong;
    struct timespec      ts;
    ngx_http_llm_zone_t  z;
    journal_t           *j;

    static uint32_t  doubt[MODELS][LLM_DIST_N];
    static uint64_t  doubt_ns[MODELS][LLM_DIST_N];

    z = zone_make(8 * MB);
    journal = shared(JOURNALS * sizeof(journal_t));
    finish = shared(4096);

    clock_gettime(CLOCK_MONOTONIC, &ts);
    started = (uint64_t) ts.tv_sec * SECOND + (uint64_t) ts.tv_nsec;

    ngx_http_llm_sum_init(&sum);

    want = proof(150, 3000);
    kills = stops = looks = 0;
    before = 0;
    wrong = NULL;
    next = 0;

    for (i = 0; i < PROCESSES; i++) {
        stopped[i] = 0;
        who[i] = next;
        pid[i] = start(&z, next++);
    }

    while (kills < want && wrong == NULL) {

        usleep((unsigned) (random64() % 8000));

        i = (uint32_t) (random64() % PROCESSES);

        if (stopped[i]) {
            (void) kill(pid[i], SIGCONT);
            stopped[i] = 0;

        } else if (random64() % 3 == 0) {
            (void) kill(pid[i], SIGSTOP);
            stopped[i] = 1;
            stops++;

        } else {
            (void) kill(pid[i], SIGKILL);
            gone = waitpid(pid[i], &status, 0);

            if (gone != pid[i] || !WIFSIGNALED(status)) {
                wrong = "a process ended by itself";
                break;
            }

            kills++;

            /* done or not, but not yet written down */

            j = &journal[who[i]];
            doubt[j->model][j->dist]++;
            doubt_ns[j->model][j->dist] += j->ns;

            who[i] = next;
            pid[i] = start(&z, next++);
        }

        if (kills % 4 == 0) {
            wrong = look(&z, &before);
            looks++;
        }
    }

    ok(wrong == NULL, "%ld kills, %ld stops, %ld looks%s%s", kills, stops,
       looks, wrong ? ": " : "", wrong ? wrong : "");

    *finish = 1;

    for (i = 0, n = 0; i < PROCESSES; i++) {
        (void) kill(pid[i], SIGCONT);
        n += (waitpid(pid[i], &status, 0) == pid[i] && WIFEXITED(status));
    }

    ok(n == PROCESSES, "the others end");

    balance(&z, doubt, doubt_ns, kills);

    (void) ngx_http_llm_live_join(&z);
    ngx_http_llm_live_sum(&z, live);

    for (i = 0, n = 0; i < z.series_max; i++) {
        n += live[i].in_flight;
    }

    ok(n == 0 && ngx_http_llm_live_workers(&z) == 1, "nothing is in flight");

    for (i = 0, n = 0; i < NGX_HTTP_LLM_MARKS; i++) {
        n += (z.arena->mark[i].end != 0);
    }

    ok(n > 15, "%u marks at the end", n);

    for (i = 0; i < 3; i++) {
        zone_tick(&z, fast_clock() + (12ull + 12 * i) * SECOND);
    }

    ok(z.arena->marker == 0, "and the next is taken");

    return done();
}
