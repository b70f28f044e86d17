
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Many processes on limits and budgets.
 *
 * A thousand reservations at once where ten are allowed: ten get through,
 * not eleven and not nine, round after round.
 *
 * Then processes that are stopped and killed at random, against an exact
 * model.  Each notes in a page of its own what it holds and the one thing
 * that it is about to do; what was killed between the two may be charged in
 * either way, everything else exactly: calls that ended what they used, and
 * calls of the dead what was delivered, or their floor.
 */


#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "account_test.h"


#define PROCESSES  6
#define RACERS     4
#define EACH       250
#define ALLOWED    10
#define KEYS       12
#define HOLDS      16
#define JOURNALS   3100
#define TIGHT      5000              /* the limit of key 0 */

#define USD        NGX_HTTP_LLM_USD


typedef struct {
    uint32_t             key;        /* + 1 */
    uint64_t             amount;
    uint64_t             floor;
    uint64_t             delivered;
} held_t;

typedef enum { NOTHING = 0, RESERVE, DELIVER, SETTLE } doing_t;

typedef struct {
    uint32_t             doing;      /* written last */
    uint32_t             slot;
    held_t               is;         /* what slot was, or will be */
    uint64_t             n;          /* delivered, or actual */
    uint64_t             before;     /* settled[key] until then */

    uint64_t             settled[KEYS];
    held_t               held[HOLDS];
    uint64_t             ops;
} journal_t;

typedef struct {
    uint32_t             round;
    uint32_t             ready;
    uint32_t             admitted;
    uint32_t             finish;
    uint64_t             at;         /* when a round begins */
} race_t;


static journal_t  *journal;
static race_t     *race;


static uint64_t
clock_ns(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * SECOND + (uint64_t) ts.tv_nsec;
}


#define fence()  __atomic_thread_fence(__ATOMIC_SEQ_CST)


/* A fresh account a round. */

static int
attempt(ngx_http_llm_accounts_t *a, uint32_t round)
{
    uint64_t             wait;
    ngx_http_llm_hold_t  hold;

    memset(&hold, 0, sizeof(hold));

    if (a->kind == NGX_HTTP_LLM_BUDGETS) {
        return ngx_http_llm_budget_reserve(a, &hold, round, USD, 7, 1,
                                           7 * ALLOWED + 6, 0, WALL) == 0;
    }

    return ngx_http_llm_limit_take(a, &hold, round, 1, 1, ALLOWED, 0,
                                   T0, &wait) == 0;
}


static void
racer(ngx_http_llm_accounts_t *a)
{
    uint32_t  i, n, round;

    (void) ngx_http_llm_ledger_join(a, T0);

    for (round = 1; ; round++) {

        (void) __atomic_fetch_add(&race->ready, 1, __ATOMIC_SEQ_CST);

        while (__atomic_load_n(&race->round, __ATOMIC_ACQUIRE) < round) {
            if (race->finish) {
                return;
            }
            sched_yield();
        }

        /* those that run now begin in the same instant */

        while (clock_ns() < race->at) {
            /* void */
        }

        for (i = 0, n = 0; i < EACH; i++) {
            n += attempt(a, round);
        }

        (void) __atomic_fetch_add(&race->admitted, n, __ATOMIC_SEQ_CST);
    }
}


static void
races(ngx_http_llm_accounts_t *a, const char *name, uint32_t rounds)
{
    int       status;
    pid_t     pid[RACERS];
    uint32_t  i, round, least, most, n;

    memset(race, 0, sizeof(*race));

    for (i = 0; i < RACERS; i++) {
        pid[i] = fork();

        if (pid[i] == 0) {
            racer(a);
            _exit(0);
        }
    }

    least = UINT32_MAX;
    most = 0;

    for (round = 0; round <= rounds; round++) {

        while (__atomic_load_n(&race->ready, __ATOMIC_ACQUIRE)
               < RACERS * (round + 1))
        {
            sched_yield();
        }

        if (round) {
            n = race->admitted;
            least = llm_min(least, n);
            most = llm_max(most, n);
        }

        race->admitted = 0;

        if (round < rounds) {
            race->at = clock_ns() + 20000;
            __atomic_store_n(&race->round, round + 1, __ATOMIC_RELEASE);
        }
    }

    race->finish = 1;

    for (i = 0, n = 0; i < RACERS; i++) {
        n += (waitpid(pid[i], &status, 0) == pid[i] && WIFEXITED(status));
    }

    ok(n == RACERS && least == ALLOWED && most == ALLOWED,
       "%s: %u rounds of %d reservations for %d: %u to %u admitted", name,
       rounds, RACERS * EACH, ALLOWED, least, most);
}


/* What a process does between two looks at its end. */

static void
some_work(ngx_http_llm_accounts_t *a, const uint32_t *account, journal_t *j,
    ngx_http_llm_hold_t *hold, uint32_t slot)
{
    int        rc;
    held_t    *held;
    uint64_t   limit;

    held = &j->held[slot];
    j->slot = slot;

    if (hold->account == 0) {
        j->is.key = 1 + (uint32_t) (random64() % KEYS);
        j->is.amount = 1 + random64() % 1000;
        j->is.floor = random64() % (j->is.amount + 1);
        j->is.delivered = 0;
        limit = (j->is.key == 1) ? TIGHT : LLM_AMOUNT_MAX;
        fence();
        j->doing = RESERVE;
        fence();

        rc = ngx_http_llm_budget_reserve(a, hold, account[j->is.key - 1], USD,
                                         j->is.amount, j->is.floor, limit, 0,
                                         WALL);
        fence();

        if (rc == 0) {
            *held = j->is;
            held->amount = hold->amount;
        }

    } else if (random64() % 3) {
        j->is = *held;
        j->n = held->delivered
               + random64() % (held->amount - held->delivered + 1);
        fence();
        j->doing = DELIVER;
        fence();

        ngx_http_llm_hold_deliver(a, hold, j->n);
        fence();

        held->delivered = j->n;

    } else {
        j->is = *held;
        j->n = held->delivered
               + random64() % (held->amount - held->delivered + 1);
        j->before = j->settled[held->key - 1];
        fence();
        j->doing = SETTLE;
        fence();

        ngx_http_llm_hold_settle(a, hold, j->n, T0, WALL);
        fence();

        j->settled[held->key - 1] += j->n;
        memset(held, 0, sizeof(*held));
    }

    fence();
    j->doing = NOTHING;
    j->ops++;
}


static void
work(ngx_http_llm_accounts_t *a, journal_t *j)
{
    uint32_t             i, account[KEYS];
    char                 key[16];
    ngx_http_llm_hold_t  hold[HOLDS];

    memset(hold, 0, sizeof(hold));

    if (ngx_http_llm_ledger_join(a, T0) != 0) {
        _exit(7);
    }

    for (i = 0; i < KEYS; i++) {
        snprintf(key, sizeof(key), "key-%u", i);
        account[i] = ngx_http_llm_account_get(a, str(key));
    }

    while (!race->finish) {
        i = (uint32_t) (random64() % HOLDS);
        some_work(a, account, j, &hold[i], i);

        if (j->ops % 8192 == 0) {
            (void) ngx_http_llm_ledger_tick(a, T0, WALL);
        }
    }

    ngx_http_llm_ledger_leave(a, T0);
}


static pid_t
start(ngx_http_llm_accounts_t *a, uint32_t i)
{
    pid_t                    pid;
    ngx_http_llm_accounts_t  own;

    pid = fork();

    if (pid == 0) {
        random_state = 88172645463325252ull + 977 * (i + 1);
        own = *a;
        work(&own, &journal[i]);
        _exit(0);
    }

    return pid;
}


static uint64_t
orphan(const held_t *h)
{
    return llm_max(h->delivered, llm_min(h->floor, h->amount));
}


/* What a journal says that a key was charged: from *least to *most. */

static void
model(const journal_t *j, uint32_t key, uint64_t *least, uint64_t *most)
{
    held_t    then;
    uint32_t  i;
    uint64_t  settled;

    settled = j->settled[key];

    for (i = 0; i < HOLDS; i++) {

        if ((j->doing == NOTHING || i != j->slot)
            && j->held[i].key == key + 1)
        {
            *least += orphan(&j->held[i]);
            *most += orphan(&j->held[i]);
        }
    }

    if (j->doing != NOTHING && j->is.key == key + 1) {

        switch (j->doing) {

        case RESERVE:
            *most += j->is.amount;
            break;

        case DELIVER:
            then = j->is;
            *least += orphan(&then);
            then.delivered = j->n;
            *most += orphan(&then);
            break;

        case SETTLE:
            settled = j->before;
            *least += llm_min(j->n, orphan(&j->is));
            *most += j->is.amount;
            break;
        }
    }

    *least += settled;
    *most += settled;
}


static void
balance(ngx_http_llm_accounts_t *a, uint32_t journals, long kills)
{
    int       bad;
    uint32_t  i, k, account, exact;
    char      key[16];
    uint64_t  is, least, most, ops, doubt;

    for (i = 0, ops = 0; i < journals; i++) {
        ops += journal[i].ops;
    }

    bad = 0;
    exact = 0;
    doubt = 0;

    for (k = 0; k < KEYS; k++) {
        snprintf(key, sizeof(key), "key-%u", k);
        account = ngx_http_llm_account_get(a, str(key));

        is = committed(a, account, USD, WALL);

        for (i = 0, least = 0, most = 0; i < journals; i++) {
            model(&journal[i], k, &least, &most);
        }

        bad += (is < least || is > most);
        exact += (least == most);
        doubt += most - least;

        if (is < least || is > most) {
            printf("# key %u: %lu, not %lu to %lu\n", k, (unsigned long) is,
                   (unsigned long) least, (unsigned long) most);
        }
    }

    ok(bad == 0, "%lu operations, %ld kills: each key is charged what it "
       "should be (doubts: %lu)", (unsigned long) ops, kills,
       (unsigned long) doubt);

    ok(ngx_http_llm_account_counted(a, NGX_HTTP_LLM_ACCOUNT_UNROWED) == 0
       && ngx_http_llm_accounts_used(a) == KEYS, "no row was missing");
}


static void
kills(void)
{
    int                      status, stopped[PROCESSES];
    long                     done_kills, stops, want;
    pid_t                    pid[PROCESSES];
    uint32_t                 i, n, next, tight;
    uint64_t                 spent;
    const char              *wrong;
    ngx_http_llm_accounts_t  a;

    a = budgets(2 * MB, NGX_HTTP_LLM_DAY);
    memset(race, 0, sizeof(*race));
    tight = ngx_http_llm_account_get(&a, str("key-0"));

    want = proof(150, 3000);
    done_kills = stops = 0;
    wrong = NULL;
    next = 0;

    for (i = 0; i < PROCESSES; i++) {
        stopped[i] = 0;
        pid[i] = start(&a, next++);
    }

    while (done_kills < want && wrong == NULL) {

        usleep((unsigned) (random64() % 6000));

        spent = committed(&a, tight, USD, WALL);

        if (spent > TIGHT) {
            wrong = "more is committed than the limit";
        }

        i = (uint32_t) (random64() % PROCESSES);

        if (stopped[i]) {
            (void) kill(pid[i], SIGCONT);
            stopped[i] = 0;
            continue;
        }

        if (random64() % 3 == 0) {
            (void) kill(pid[i], SIGSTOP);
            stopped[i] = 1;
            stops++;
            continue;
        }

        (void) kill(pid[i], SIGKILL);

        if (waitpid(pid[i], &status, 0) != pid[i] || !WIFSIGNALED(status)) {
            wrong = "a process ended by itself";
            break;
        }

        done_kills++;
        pid[i] = start(&a, next++);
    }

    ok(wrong == NULL, "%ld kills, %ld stops%s%s", done_kills, stops,
       wrong ? ": " : "", wrong ? wrong : "");

    race->finish = 1;

    for (i = 0, n = 0; i < PROCESSES; i++) {
        (void) kill(pid[i], SIGCONT);
        n += (waitpid(pid[i], &status, 0) == pid[i] && WIFEXITED(status)
              && WEXITSTATUS(status) == 0);
    }

    ok(n == PROCESSES, "the others end");

    (void) ngx_http_llm_ledger_join(&a, T0);
    ok(ngx_http_llm_rows_workers(&a.rows) == 1, "nobody else is left");

    balance(&a, next, done_kills);

    accounts_drop(&a);
}


int
main(void)
{
    uint32_t                 rounds;
    ngx_http_llm_accounts_t  b, l;

    race = shared(4096);
    journal = shared(JOURNALS * sizeof(journal_t));

    rounds = (uint32_t) proof(400, 5000);

    b = budgets(4 * MB, NGX_HTTP_LLM_DAY);
    races(&b, "budget", rounds);

    l = limits(4 * MB, "1r/d");
    races(&l, "limit", rounds);

    kills();

    return done();
}
