
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Killed between any two instructions (step.h): a process that does one
 * operation on a zone.  It is taken for dead in a copy of what it leaves
 * (its owner words are made those of a stranger), and the copy must be a
 * valid zone in which another process can go on, its books off by at most
 * this one operation.
 */


#include "zone_step.h"
#include "step.h"


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
inspect(const void *p, void *memory, pid_t pid)
{
    const op_t           *op = p;
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


static void
run(const void *p, void *memory)
{
    const op_t           *op = p;
    ngx_http_llm_zone_t   z;

    z = view(memory);

    traced();
    op->op(&z);
    *flag = 2;
}


static const step_t  zone_step = { run, inspect };


/*
 * A reader that is stopped at some instruction while the mark that it reads
 * is replaced by another, with words that are larger than what is there now.
 */

static void
replaced(ngx_http_llm_zone_t *start, long trials)
{
    int                         good, status;
    long                        i, k, at, met;
    pid_t                       pid;
    uint32_t                    slot;
    ngx_http_llm_mark_t         mark;
    ngx_http_llm_zone_t         z;
    volatile ngx_http_llm_sum_t  *got;

    static const op_t  reader = { "read", NULL, op_read, NULL };

    result = shared(sizeof(ngx_http_llm_sum_t));
    got = result;
    good = 1;
    met = 0;

    slot = ngx_http_llm_marks_find(start, NGX_HTTP_LLM_WINDOW_1M, now, &mark);

    for (i = 0; i < trials && good; i++) {

        ngx_http_llm_sum_init(result);
        pid = begin(&zone_step, &reader);
        at = 200 + (long) (random64() % 8000);

        for (k = 0; pid != -1 && k < at && *flag != 2; k += (*flag != 0)) {
            if (!step(pid)) {
                break;
            }
        }

        if (pid == -1) {
            good = 0;
            break;
        }

        met += (*flag == 1);

        z = view(live_memory);
        z.arena->mark[slot].end = 0;
        memset(ngx_http_llm_mark_word(&z, slot, series), 0x7f,
               NGX_HTTP_LLM_WORDS * 8);

        for (k = 0; k < (long) z.arena->columns; k++) {
            memset(ngx_http_llm_mark_cell(&z, slot, k), 0x7f,
                   LLM_CELLS_COLUMN * 4);
        }

        z.arena->mark[slot].end = now;

        good = (ptrace(PTRACE_CONT, pid, NULL, NULL) == 0
                && waitpid(pid, &status, 0) == pid && WIFEXITED(status)
                && got->dist[LLM_DIST_TTFT].count == 1
                && got->dist[LLM_DIST_WAIT].count == 1
                && got->dist[LLM_DIST_DURATION].count <= 1
                && got->counter[NGX_HTTP_LLM_CALLS_TOTAL] <= 1);
    }

    ok(good && met > 0, "a mark replaced under %ld readers", met);
}


int
main(void)
{
    long                  steps;
    uint32_t              i;
    ngx_http_llm_zone_t   z;

    step_init(SIZE);

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

        steps = every_state(&zone_step, &ops[i], ops[i].name);
        real_kills(&zone_step, &ops[i], ops[i].name, steps, proof(6, 150));

        if (ops[i].op == op_mark) {
            replaced(&z, proof(10, 200));
        }
    }

    printf("# %ld instructions, %ld states, %ld kills\n", total_steps,
           total_states, total_kills);

    return done();
}
