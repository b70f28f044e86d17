
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Killed between any two instructions.
 *
 * A process does one operation on a zone, single-stepped by ptrace.  All
 * that a dead process leaves is the shared memory, so after each instruction
 * that changed it the memory is copied, the process is taken for dead in the
 * copy (its owner words are made those of a stranger), and the copy must be
 * a valid zone in which another process can go on, its books off by at most
 * this one operation.  Then the same with real kills, at some instructions.
 */


#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "zone_test.h"


#define SIZE     NGX_HTTP_LLM_ARENA_MIN
#define NS       (300 * 1000000ull)
#define STRANGE  (1ull << 35)

typedef struct {
    const char  *name;
    void       (*before)(ngx_http_llm_zone_t *z);
    void       (*op)(ngx_http_llm_zone_t *z);

    /* in the zone that the dead left, as another process; NULL: good */
    const char *(*after)(ngx_http_llm_zone_t *z);
} op_t;


static uint8_t             *live_memory, *copy_memory, *start_memory, *last;
static volatile int        *flag;       /* 1 begun, 2 done */
static uint32_t             series, used_before, columns_before;
static uint64_t             now;
static ngx_http_llm_sum_t   sum;
static long                 total_steps, total_states, total_kills;


static ngx_http_llm_labels_t
model(const char *name)
{
    return labels("openai", name, "/v1/chat");
}


static uint64_t
samples(ngx_http_llm_zone_t *z, uint32_t idx, uint32_t dist)
{
    ngx_http_llm_sum_reset(&sum);
    ngx_http_llm_sum_add(z, idx, NGX_HTTP_LLM_WINDOW_ALL, now, &sum);

    return sum.dist[dist].count;
}


/* What must hold in every zone whatever happened. */

static const char *
valid(ngx_http_llm_zone_t *z)
{
    uint32_t                i, k, d, o, c;
    static uint8_t          seen[65536];
    ngx_http_llm_series_t  *s;

    if (ngx_http_llm_arena_attach(z, z->arena, SIZE)
        != NGX_HTTP_LLM_ARENA_OK)
    {
        return "cannot be attached";
    }

    memset(seen, 0, sizeof(seen));

    for (i = 0; i < z->series_max; i++) {
        s = &z->series[i];

        for (k = 0; k < i; k++) {
            if (z->id[k] && z->id[k] == z->id[i]) {
                return "two series of one id";
            }
        }

        if (s->filled && ngx_http_llm_label_id(z->arena->secret, &s->text)
                         != z->id[i])
        {
            return "text of another series";
        }

        for (d = 0; d < LLM_DIST_N; d++) {
            for (o = 0; o < LLM_CELLS_OCTAVES; o++) {
                c = s->column[d][o];

                if (c && (c > z->arena->columns || seen[c]++)) {
                    return "a column twice, or not handed out";
                }
            }
        }

        for (k = 0; k < NGX_HTTP_LLM_WINDOW_N; k++) {
            ngx_http_llm_sum_reset(&sum);
            ngx_http_llm_sum_add(z, i, k, now, &sum);

            for (d = 0; d < LLM_DIST_N; d++) {
                if (sum.dist[d].count > 100 || sum.dist[d].sum >> 50) {
                    return "a window below zero";
                }
            }
        }
    }

    return NULL;
}


/* The operations. */

static void
some(ngx_http_llm_zone_t *z)
{
    uint32_t               i;
    ngx_http_llm_labels_t  l;

    l = model("gpt-a");
    series = ngx_http_llm_series_claim(z, &l, 1);

    for (i = 0; i < 10; i++) {
        ngx_http_llm_series_sample(z, series, LLM_DIST_TTFT, NS);
        ngx_http_llm_series_add(z, series, NGX_HTTP_LLM_CALLS_OK, 1);
    }

    used_before = ngx_http_llm_arena_used(z);
    columns_before = (uint32_t) z->arena->columns;
    z->spare = 0;
}


static void
op_claim(ngx_http_llm_zone_t *z)
{
    ngx_http_llm_labels_t  l = model("gpt-b");

    own(&l, "team", "red");
    (void) ngx_http_llm_series_claim(z, &l, 1);
}


static const char *
after_claim(ngx_http_llm_zone_t *z)
{
    uint32_t               a, used;
    ngx_http_llm_labels_t  l = model("gpt-b"), is;

    own(&l, "team", "red");

    used = ngx_http_llm_arena_used(z);
    a = ngx_http_llm_series_claim(z, &l, 1);

    if (used > used_before + 1
        || ngx_http_llm_arena_used(z) != used_before + 1)
    {
        return "not one series more";
    }

    return ngx_http_llm_series_labels(z, a, &is)
           && llm_str_is(is.model, "gpt-b") && is.nown == 1
           && llm_str_is(is.own[0].value, "red")
           ? NULL : "not the labels";
}


static void
before_fold(ngx_http_llm_zone_t *z)
{
    char                   name[8] = "full-0";
    ngx_http_llm_labels_t  l;

    some(z);

    for (name[5] = 'a'; name[5] < 'z'; name[5]++) {
        l = model(name);
        (void) ngx_http_llm_series_claim(z, &l, 1);
    }

    z->arena->counter[NGX_HTTP_LLM_SERIES_FOLDED] = 0;
    used_before = ngx_http_llm_arena_used(z);
}


static const char *
after_fold(ngx_http_llm_zone_t *z)
{
    uint64_t               n;
    ngx_http_llm_labels_t  l = model("gpt-b");

    n = z->arena->counter[NGX_HTTP_LLM_SERIES_FOLDED];
    (void) ngx_http_llm_series_claim(z, &l, 0);

    return n <= 1 && ngx_http_llm_arena_used(z) == used_before
           && z->arena->counter[NGX_HTTP_LLM_SERIES_FOLDED] == n + 1
           ? NULL : "folded otherwise";
}


static void
op_add(ngx_http_llm_zone_t *z)
{
    ngx_http_llm_series_add(z, series, NGX_HTTP_LLM_CALLS_OK, 1);
}


static const char *
after_add(ngx_http_llm_zone_t *z)
{
    (void) samples(z, series, 0);

    return sum.counter[NGX_HTTP_LLM_CALLS_TOTAL] - 10 <= 1
           && sum.counter[NGX_HTTP_LLM_CALLS_OK]
              == sum.counter[NGX_HTTP_LLM_CALLS_TOTAL]
           ? NULL : "off by more than one call";
}


static const char *
after_samples(ngx_http_llm_zone_t *z, uint32_t dist, uint64_t had,
    uint64_t ns)
{
    uint32_t  i;
    uint64_t  n, bounds, leaked;

    n = samples(z, series, dist);

    for (i = 0, bounds = 0; i < LLM_BOUNDS_MAX; i++) {
        bounds += sum.dist[dist].bound[i];
    }

    if (n - had > 1 || bounds - had > 1) {
        return "off by more than one sample";
    }

    if (sum.dist[dist].sum - had * NS != 0
        && sum.dist[dist].sum - had * NS != ns)
    {
        return "a sum off by something else";
    }

    leaked = z->arena->columns;
    ngx_http_llm_series_sample(z, series, dist, ns);

    if (samples(z, series, dist) != n + 1) {
        return "the next sample is not counted";
    }

    leaked = (leaked > columns_before) ? z->arena->columns - columns_before
                                       : 1;

    return leaked <= 2 ? NULL : "more than one column lost";
}


static void
op_sample(ngx_http_llm_zone_t *z)
{
    ngx_http_llm_series_sample(z, series, LLM_DIST_TTFT, NS + 1);
}


static const char *
after_sample(ngx_http_llm_zone_t *z)
{
    return after_samples(z, LLM_DIST_TTFT, 10, NS + 1);
}


static void
op_column(ngx_http_llm_zone_t *z)
{
    ngx_http_llm_series_sample(z, series, LLM_DIST_TPOT, 40 * NS);
}


static const char *
after_column(ngx_http_llm_zone_t *z)
{
    return after_samples(z, LLM_DIST_TPOT, 0, 40 * NS);
}


static void
before_empty(ngx_http_llm_zone_t *z)
{
    some(z);
    z->arena->columns = z->columns_max;
    columns_before = z->columns_max;
}


/* One mark was taken at 10 s; another is due. */

static void
before_mark(ngx_http_llm_zone_t *z)
{
    uint32_t  i;

    some(z);

    for (i = 0; i < LLM_CELLS_COLUMN; i++) {
        ngx_http_llm_series_sample(z, series, LLM_DIST_DURATION,
                                   llm_cells_bound(895 + (int) i));
    }

    zone_tick(z, T0 + 10 * SECOND);
    ngx_http_llm_series_sample(z, series, LLM_DIST_TTFT, NS);
    ngx_http_llm_series_sample(z, series, LLM_DIST_WAIT, NS);
    z->spare = 0;
    z->self = 0;
    now = T0 + 75 * SECOND;
}


static void
op_mark(ngx_http_llm_zone_t *z)
{
    zone_tick(z, now);
}


static const char *
after_mark(ngx_http_llm_zone_t *z)
{
    uint64_t             then;
    ngx_http_llm_mark_t  m;

    /* what is there is the first mark, until there is the second */

    ngx_http_llm_marks_find(z, NGX_HTTP_LLM_WINDOW_1M, now, &m);

    ngx_http_llm_sum_reset(&sum);
    ngx_http_llm_sum_add(z, series, NGX_HTTP_LLM_WINDOW_1M, now, &sum);

    if (m.begin != T0 + 10 * SECOND || sum.dist[LLM_DIST_TTFT].count != 1
        || sum.dist[LLM_DIST_WAIT].count != 1)
    {
        return "the earlier window is gone";
    }

    /* another process takes a mark, soon or when the next is due */

    then = now + 11 * SECOND;
    zone_tick(z, then);

    if (z->arena->marker != 0) {
        return "the dead still mark";
    }

    ngx_http_llm_series_sample(z, series, LLM_DIST_TTFT, NS);

    ngx_http_llm_marks_find(z, NGX_HTTP_LLM_WINDOW_1M, then + 62 * SECOND,
                            &m);

    ngx_http_llm_sum_reset(&sum);
    ngx_http_llm_sum_add(z, series, NGX_HTTP_LLM_WINDOW_1M,
                         then + 62 * SECOND, &sum);

    return m.begin == then && sum.dist[LLM_DIST_TTFT].count == 1
           && sum.dist[LLM_DIST_WAIT].count == 0
           ? NULL : "the next window is wrong";
}


static void
op_live(ngx_http_llm_zone_t *z)
{
    uint32_t  a, b;

    (void) ngx_http_llm_live_join(z);

    a = ngx_http_llm_live_start(z, series, 1, 5);
    b = ngx_http_llm_live_start(z, 0, 0, 6);
    ngx_http_llm_live_first(z, a);
    ngx_http_llm_live_move(z, b, series);
    ngx_http_llm_live_end(z, a);
}


static void
op_leave(ngx_http_llm_zone_t *z)
{
    op_live(z);
    ngx_http_llm_live_leave(z);
}


static const char *
after_live(ngx_http_llm_zone_t *z)
{
    uint32_t                    i, n;
    static ngx_http_llm_live_t  live[256];

    ngx_http_llm_live_sum(z, live);

    for (i = 0, n = 0; i < z->series_max; i++) {
        n += live[i].in_flight;
    }

    if (n > 2) {
        return "calls that nobody made";
    }

    if (ngx_http_llm_live_join(z) != 0
        || ngx_http_llm_live_workers(z) != 1
        || ngx_http_llm_live_start(z, series, 1, 5) == 0)
    {
        return "another cannot join";
    }

    ngx_http_llm_live_sum(z, live);

    for (i = 0, n = 0; i < z->series_max; i++) {
        n += live[i].in_flight;
    }

    if (n != 1) {
        return "calls of the dead";
    }

    for (i = 0, n = 0; i < z->chunks_max; i++) {
        n += (z->chunk[i].owner != 0);
    }

    return n == 1 ? NULL : "chunks of the dead";
}


/* Another process had died, with calls. */

static void
before_reap(ngx_http_llm_zone_t *z)
{
    some(z);
    op_live(z);

    z->arena->slot[z->slot - 1].owner ^= STRANGE;
    z->self = 0;
    z->slot = 0;
    z->room = 0;
}


static void
op_reap(ngx_http_llm_zone_t *z)
{
    z->self = ngx_http_llm_owner_self();
    (void) ngx_http_llm_live_reap(z);
}


static const op_t  ops[] = {
    { "claim", some, op_claim, after_claim },
    { "fold", before_fold, op_claim, after_fold },
    { "add", some, op_add, after_add },
    { "sample", some, op_sample, after_sample },
    { "sample and column", some, op_column, after_column },
    { "sample without column", before_empty, op_column, after_column },
    { "mark", before_mark, op_mark, after_mark },
    { "join, start, first, move, end", some, op_live, after_live },
    { "the same and leave", some, op_leave, after_live },
    { "reap", before_reap, op_reap, after_live },
};


static ngx_http_llm_zone_t
view(uint8_t *memory)
{
    ngx_http_llm_zone_t  z;

    memset(&z, 0, sizeof(z));

    if (ngx_http_llm_arena_attach(&z, memory, SIZE)
        != NGX_HTTP_LLM_ARENA_OK)
    {
        printf("Bail out! attach\n");
        exit(2);
    }

    return z;
}


/* In a copy, the owner words of a process become those of a dead one. */

static void
bury(ngx_http_llm_zone_t *z, pid_t pid)
{
    uint32_t   i;
    uint64_t  *owner;

    for (i = 0; i <= NGX_HTTP_LLM_SLOTS; i++) {
        owner = i ? &z->arena->slot[i - 1].owner : &z->arena->marker;

        if (*owner && ngx_http_llm_owner_pid(*owner) == pid) {
            *owner ^= STRANGE;
        }
    }
}


static const char *
inspect(const op_t *op, uint8_t *memory, pid_t pid)
{
    const char           *wrong;
    ngx_http_llm_zone_t   z;

    z = view(memory);
    bury(&z, pid);

    wrong = valid(&z);

    if (wrong == NULL) {
        wrong = op->after(&z);
    }

    if (wrong == NULL) {
        now += 100 * SECOND;
        wrong = valid(&z);
        now -= 100 * SECOND;
    }

    return wrong;
}


static pid_t
begin(const op_t *op)
{
    int                  status;
    pid_t                pid;
    ngx_http_llm_zone_t  z;

    memcpy(live_memory, start_memory, SIZE);
    *flag = 0;

    pid = fork();

    if (pid == 0) {
        z = view(live_memory);

        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1) {
            _exit(3);
        }

        raise(SIGSTOP);
        *flag = 1;
        op->op(&z);
        *flag = 2;
        _exit(0);
    }

    if (pid == -1 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
        return -1;
    }

    return pid;
}


/* One instruction; 0 when the process is not stopped after it. */

static int
step(pid_t pid)
{
    int  status;

    return ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0
           && waitpid(pid, &status, 0) == pid
           && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
}


static void
bye(pid_t pid)
{
    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, NULL, 0);
}


static long
every_state(const op_t *op)
{
    long         steps, states;
    pid_t        pid;
    const char  *wrong;

    pid = begin(op);

    if (pid == -1) {
        ok(0, "%s: a process to trace", op->name);
        return 0;
    }

    steps = states = 0;
    wrong = NULL;
    memset(last, 0xff, SIZE);

    while (*flag != 2 && wrong == NULL) {

        if (!step(pid)) {
            wrong = "the process ended";
            break;
        }

        if (*flag == 0) {
            continue;
        }

        steps++;

        if (memcmp(last, live_memory, SIZE) == 0) {
            continue;
        }

        states++;
        memcpy(last, live_memory, SIZE);
        memcpy(copy_memory, live_memory, SIZE);

        wrong = inspect(op, copy_memory, pid);
    }

    bye(pid);

    ok(wrong == NULL, "%s: %ld instructions, %ld states of the zone%s%s",
       op->name, steps, states, wrong ? ": " : "", wrong ? wrong : "");

    total_steps += steps;
    total_states += states;

    return steps;
}


static void
real_kills(const op_t *op, long steps, long budget)
{
    long         at, i, stride, kills;
    pid_t        pid;
    const char  *wrong;

    wrong = NULL;
    kills = 0;
    stride = steps / budget + 1;

    for (at = 1; at <= steps && wrong == NULL; at += stride) {

        pid = begin(op);

        for (i = 0; pid != -1 && i < at; ) {
            if (!step(pid)) {
                break;
            }
            i += (*flag != 0);
        }

        if (pid == -1) {
            wrong = "no process";
            break;
        }

        bye(pid);
        kills++;

        memcpy(copy_memory, live_memory, SIZE);
        wrong = inspect(op, copy_memory, pid);
    }

    ok(wrong == NULL, "%s: %ld real kills%s%s", op->name, kills,
       wrong ? ": " : "", wrong ? wrong : "");

    total_kills += kills;
}


int
main(void)
{
    long                  steps;
    uint32_t              i;
    ngx_http_llm_zone_t   z;

    live_memory = shared(SIZE);
    copy_memory = shared(SIZE);
    start_memory = shared(SIZE);
    last = shared(SIZE);
    flag = shared(4096);

    ngx_http_llm_sum_init(&sum);

    for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        now = T0 + 5 * SECOND;

        memset(start_memory, 0, SIZE);
        memset(&z, 0, sizeof(z));

        if (ngx_http_llm_arena_format(&z, start_memory, SIZE, T0,
                                      1700000000 * SECOND,
                                      "sixteen bytes...")
            != NGX_HTTP_LLM_ARENA_OK)
        {
            printf("Bail out! format\n");
            return 2;
        }

        ops[i].before(&z);

        steps = every_state(&ops[i]);
        real_kills(&ops[i], steps, proof(6, 150));
    }

    printf("# %ld instructions, %ld states, %ld kills\n", total_steps,
           total_states, total_kills);

    return done();
}
