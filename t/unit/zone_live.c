
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Calls in flight in one process, and what another that died left.
 */


#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "zone_test.h"


static ngx_http_llm_live_t  live[4096];


static uint32_t
total(ngx_http_llm_zone_t *z)
{
    uint32_t  i, n;

    ngx_http_llm_live_sum(z, live);

    for (i = 0, n = 0; i < z->series_max; i++) {
        n += live[i].in_flight;
    }

    return n;
}


static uint32_t
chunks(ngx_http_llm_zone_t *z)
{
    uint32_t  i, n;

    for (i = 0, n = 0; i < z->chunks_max; i++) {
        n += (z->chunk[i].owner != 0);
    }

    return n;
}


static void
one(void)
{
    uint32_t             a, b, c;
    ngx_http_llm_zone_t  z;

    z = zone_make(1 * MB);

    ok(ngx_http_llm_live_start(&z, 1, 1, 5) == 0
       && ngx_http_llm_zone_counted(&z, NGX_HTTP_LLM_LIVE_DROPPED) == 1,
       "no row before join, and that is counted");
    ngx_http_llm_live_end(&z, 0);

    ok(ngx_http_llm_live_join(&z) == 0
       && ngx_http_llm_live_workers(&z) == 1, "joined");

    a = ngx_http_llm_live_start(&z, 1, 1, 50);
    b = ngx_http_llm_live_start(&z, 1, 1, 40);
    c = ngx_http_llm_live_start(&z, 0, 0, 60);

    ok(a && b && c && a != b && b != c && total(&z) == 3, "three calls");
    ok(live[1].in_flight == 2 && live[1].waiting_first == 2
       && live[1].oldest == 40 && live[0].in_flight == 1
       && live[0].waiting_first == 0 && live[0].oldest == 60, "by series");

    ngx_http_llm_live_first(&z, b);
    ngx_http_llm_live_move(&z, b, 2);
    total(&z);
    ok(live[1].in_flight == 1 && live[2].in_flight == 1
       && live[2].waiting_first == 0 && live[2].oldest == 40
       && live[1].oldest == 50, "one goes on under its model");

    ngx_http_llm_live_move(&z, a, 3);
    total(&z);
    ok(live[3].waiting_first == 1, "moving does not end waiting");

    ngx_http_llm_live_end(&z, a);
    ngx_http_llm_live_end(&z, a);
    ngx_http_llm_live_move(&z, a, 2);
    ngx_http_llm_live_first(&z, a);
    ngx_http_llm_live_end(&z, UINT32_MAX);
    ok(total(&z) == 2, "an end is an end");

    ngx_http_llm_live_leave(&z);
    ok(total(&z) == 0 && ngx_http_llm_live_workers(&z) == 0
       && chunks(&z) == 0, "gone with its process");

    zone_drop(&z);
}


static void
many(void)
{
    int                  bad, kept;
    long                 k;
    uint32_t             n, i, max, *row;
    ngx_http_llm_zone_t  z;

    z = zone_make(4 * MB);
    max = z.chunks_max * NGX_HTTP_LLM_ROWS;
    row = calloc(max + 1, sizeof(uint32_t));

    (void) ngx_http_llm_live_join(&z);

    for (n = 0; n <= max; n++) {
        row[n] = ngx_http_llm_live_start(&z, n % z.series_max, n & 1, 1 + n);
        if (row[n] == 0) {
            break;
        }
    }

    ok(n == max && total(&z) == n, "%u calls have rows", n);

    for (i = 0; i < 1000; i++) {
        (void) ngx_http_llm_live_start(&z, 0, 0, 1);
    }

    ok(total(&z) == n
       && ngx_http_llm_zone_counted(&z, NGX_HTTP_LLM_LIVE_DROPPED) == 1001,
       "the next thousand are counted");

    for (i = 0; i < n; i++) {
        ngx_http_llm_live_end(&z, row[i]);
    }

    (void) ngx_http_llm_live_reap(&z);
    ok(total(&z) == 0 && chunks(&z) == 1, "all but one chunk given back");

    /* at random, against a count */

    memset(row, 0, max * sizeof(uint32_t));
    bad = 0;

    for (k = 0, n = 0; k < 300000; k++) {
        i = (uint32_t) (random64() % (k % 100000 < 50000 ? max / 2 : 50));

        if (row[i] == 0) {
            row[i] = ngx_http_llm_live_start(&z, 1, 0, 1);
            n += (row[i] != 0);

        } else {
            ngx_http_llm_live_end(&z, row[i]);
            row[i] = 0;
            n--;
        }

        if (k % 5000 == 0) {
            (void) ngx_http_llm_live_reap(&z);
            bad += (total(&z) != n);
        }
    }

    ok(bad == 0 && total(&z) == n, "300,000 starts and ends add up");

    for (i = 0, kept = 0; i < max; i++) {
        if (row[i]) {
            ngx_http_llm_live_end(&z, row[i]);
            kept++;
        }
    }

    (void) ngx_http_llm_live_reap(&z);
    ok(kept > 0 && total(&z) == 0 && chunks(&z) == 1, "and end at nothing");

    free(row);
    zone_drop(&z);
}


static void
starve(void)
{
    uint32_t             i, n, got;
    ngx_http_llm_zone_t  z, y;

    z = zone_make(1 * MB);
    (void) ngx_http_llm_live_join(&z);

    n = z.chunks_max * NGX_HTTP_LLM_ROWS;

    for (i = 0; i < n; i++) {
        (void) ngx_http_llm_live_start(&z, 1, 0, 1);
    }

    y = z;
    (void) ngx_http_llm_live_join(&y);
    got = ngx_http_llm_live_start(&y, 1, 0, 1);
    ok(got == 0, "no room for another process");

    ngx_http_llm_live_leave(&z);

    ok(ngx_http_llm_live_start(&y, 1, 0, 1) == 0, "not looked for at once");
    (void) ngx_http_llm_live_reap(&y);
    ok(ngx_http_llm_live_start(&y, 1, 0, 1) != 0, "but within a second");

    zone_drop(&z);
}


static void
death(void)
{
    int                  fd[2], i, n;
    char                 c;
    pid_t                pid;
    ngx_http_llm_zone_t  z, y;

    z = zone_make(4 * MB);
    (void) ngx_http_llm_live_join(&z);
    (void) ngx_http_llm_live_start(&z, 1, 0, 1);

    if (pipe(fd) == -1) {
        ok(0, "pipe");
        return;
    }

    pid = fork();

    if (pid == 0) {
        y = z;
        (void) ngx_http_llm_live_join(&y);
        for (i = 0; i < 500; i++) {
            (void) ngx_http_llm_live_start(&y, 2, 1, 1);
        }
        (void) !write(fd[1], "x", 1);
        pause();
        _exit(0);
    }

    ok(read(fd[0], &c, 1) == 1 && total(&z) == 501
       && ngx_http_llm_live_workers(&z) == 2, "two processes' calls");
    ok(ngx_http_llm_live_reap(&z) == 0 && total(&z) == 501,
       "the living are left alone");

    kill(pid, SIGSTOP);
    (void) waitpid(pid, &i, WUNTRACED);
    ok(ngx_http_llm_live_reap(&z) == 0 && total(&z) == 501,
       "also while stopped");

    /* dead although nobody has waited for it */

    kill(pid, SIGKILL);

    for (n = 0, i = 0; n < 5000 && i == 0; n++) {
        i = ngx_http_llm_live_reap(&z);
        usleep(1000);
    }

    (void) waitpid(pid, NULL, 0);
    ok(i == 1 && total(&z) == 1 && ngx_http_llm_live_workers(&z) == 1
       && chunks(&z) == 1, "the dead one's are gone");

    /* a pid used again: the same pid, another start */

    z.arena->slot[5].owner = ngx_http_llm_owner_self() ^ (1ull << 30);
    z.chunk[7].owner = 6;
    z.chunk[7].used = 1;
    z.chunk[7].row[0].word = 2;
    z.arena->chunks_high = 8;
    ok(total(&z) == 2 && ngx_http_llm_live_reap(&z) == 1 && total(&z) == 1,
       "a stranger of the same pid is not the owner");

    /* who died while it cleared up after another */

    z.arena->slot[5].owner = (ngx_http_llm_owner_self() ^ (1ull << 30))
                             | NGX_HTTP_LLM_OWNER_REAPS;
    z.chunk[7].owner = 6;
    ok(ngx_http_llm_live_reap(&z) == 1 && z.chunk[7].owner == 0
       && z.arena->slot[5].owner == 0, "nor who died clearing up");

    ok(ngx_http_llm_owner_alive(ngx_http_llm_owner_self())
       && !ngx_http_llm_owner_alive(0)
       && ngx_http_llm_owner_pid(ngx_http_llm_owner_self()) == getpid(),
       "owner words");

    zone_drop(&z);
}


int
main(void)
{
    one();
    many();
    starve();
    death();

    return done();
}
