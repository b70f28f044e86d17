
/*
 * Copyright (C) ngx_llm_module authors
 *
 * A service level that many processes count in, some of which are killed.
 */


#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "zone_slo.h"


/* A process that died while it gave places away is no obstacle. */

static void
test_dead_placer(void)
{
    pid_t               pid;
    ngx_http_llm_slo_t  s;

    s = begin("dead", 50, 10, 0);

    pid = fork();

    if (pid == 0) {
        s.zone->arena->placer = ngx_http_llm_owner_self();
        s.zone->arena->slo[0].id = 0;
        (void) raise(SIGKILL);
    }

    (void) kill(pid, 0);
    ok(waitpid(pid, NULL, 0) == pid && zone.arena->placer != 0,
       "one dies in the middle");
    ok(join_at(&s, T0 + 1) == NGX_HTTP_LLM_SLO_OK
       && look(&s).good == 0 && zone.arena->placer == 0, "the next goes on");

    pid = fork();

    if (pid == 0) {
        s.zone->arena->placer = ngx_http_llm_owner_self();
        (void) pause();
    }

    while (zone.arena->placer == 0) {
        (void) usleep(1000);
    }

    ok(join_at(&s, T0 + 2) == NGX_HTTP_LLM_SLO_AGAIN,
       "one that is at it is waited for");

    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, NULL, 0);
    ok(join_at(&s, T0 + 2) == NGX_HTTP_LLM_SLO_OK, "until it is dead");

    zone_drop(&zone);
}


/* What processes saw, in a mapping of their own. */

typedef struct {
    uint64_t  good;
    uint64_t  bad;
    uint64_t  told;
    uint64_t  moves[3];
    uint64_t  pad[2];
} seen_t;


static void
worker(ngx_http_llm_slo_t *s, seen_t *seen, uint64_t seed, uint64_t rounds)
{
    int                      good;
    uint64_t                 i, at;
    ngx_http_llm_slo_turn_t  turn;

    random_state = seed * 2654435761u + 1;

    for (i = 0; i < rounds; i++) {
        at = T0 + i * 1000000;
        good = (i / 500 % 2 == 0);

        seen->told += ngx_http_llm_slo_ask(s, &turn) ? 1 : 0;
        seen->moves[ngx_http_llm_slo_count(s, good, turn, at)]++;
        *(good ? &seen->good : &seen->bad) += 1;
    }
}


static void
test_processes(uint64_t rounds)
{
    int                      p, alive;
    seen_t                  *seen, sum;
    pid_t                    pid[6];
    ngx_http_llm_slo_t       s;
    ngx_http_llm_slo_view_t  v;

    s = begin("many", 60, 10, 50);
    s.hold = 100000000;
    seen = shared(sizeof(seen_t) * 6);

    for (p = 0; p < 6; p++) {
        pid[p] = fork();

        if (pid[p] == 0) {
            worker(&s, &seen[p], (uint64_t) p, rounds);
            _exit(0);
        }
    }

    memset(&sum, 0, sizeof(sum));

    for (p = 0; p < 6; p++) {
        (void) waitpid(pid[p], NULL, 0);
        sum.good += seen[p].good;
        sum.bad += seen[p].bad;
        sum.told += seen[p].told;
        sum.moves[1] += seen[p].moves[1];
        sum.moves[2] += seen[p].moves[2];
    }

    now = T0 + rounds * 1000000;
    v = look(&s);

    ok(v.good == sum.good && v.bad == sum.bad && sum.good + sum.bad
       == 6 * rounds, "6 processes, %llu calls: all are counted",
       (unsigned long long) (6 * rounds));
    ok(v.moved == sum.told && v.moved > 0, "%llu were moved",
       (unsigned long long) sum.told);
    ok(v.changes == sum.moves[1] + sum.moves[2]
       && sum.moves[1] - sum.moves[2] == v.breach && v.changes > 2,
       "%u changes, each told to one", v.changes);

    /* killed anywhere */

    memset(seen, 0, sizeof(seen_t) * 6);
    zone_drop(&zone);
    s = begin("killed", 60, 10, 50);
    s.hold = 100000000;

    for (p = 0; p < 6; p++) {
        pid[p] = fork();

        if (pid[p] == 0) {
            worker(&s, &seen[p], (uint64_t) p, UINT64_MAX);
        }
    }

    for (alive = 6; alive; alive--) {
        (void) usleep(20000);
        (void) kill(pid[alive - 1], SIGKILL);
        (void) waitpid(pid[alive - 1], NULL, 0);
    }

    memset(&sum, 0, sizeof(sum));

    for (p = 0; p < 6; p++) {
        sum.good += seen[p].good;
        sum.bad += seen[p].bad;
    }

    v = look(&s);

    ok(v.good + v.bad >= sum.good + sum.bad
       && v.good + v.bad <= sum.good + sum.bad + 6,
       "killed: at most a call each is not known of, of %llu",
       (unsigned long long) (v.good + v.bad));

    now = T0 + 1000000 * (v.good + v.bad) + 3600 * SECOND;
    s.hold = 30 * SECOND;
    (void) ngx_http_llm_slo_look(&s, now);
    now += 31 * SECOND;
    (void) ngx_http_llm_slo_look(&s, now);
    ok(!ngx_http_llm_slo_breach(&s), "and another goes on");
    breach(&s);
    ok(look(&s).window_bad >= 10, "and counts");

    zone_drop(&zone);
}


int
main(void)
{
    test_dead_placer();
    test_processes((uint64_t) proof(20000, 1000000));

    return done();
}
