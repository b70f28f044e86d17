
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Killed between any two instructions (step.h): a process that reserves,
 * settles, or clears up after another that was killed.  In a copy of what it
 * leaves it is taken for dead; then another process comes, and what is
 * charged must lie between what was delivered and what was reserved, the
 * books must be valid, and coming once more must change nothing.
 */


#include "account_test.h"
#include "step.h"


#define SIZE     NGX_HTTP_LLM_ACCOUNTS_MIN
#define STRANGE  (1ull << 35)

#define BEFORE   1000                    /* charged by others */
#define AMOUNT   100
#define FLOOR    20
#define TOKENS   NGX_HTTP_LLM_TOKENS
#define NOW      (2000 * SECOND)


typedef struct {
    const char  *name;
    uint32_t     kind;
    void       (*before)(ngx_http_llm_accounts_t *a);
    void       (*op)(ngx_http_llm_accounts_t *a);

    /* what the account may be charged beside BEFORE */
    uint64_t     least;
    uint64_t     most;
} op_t;


static ngx_http_llm_hold_t  hold;
static uint64_t             waits;


static ngx_http_llm_accounts_t
view(const op_t *op, void *memory)
{
    ngx_http_llm_accounts_t  a;

    memset(&a, 0, sizeof(a));
    a.kind = op->kind;
    a.period = (op->kind == NGX_HTTP_LLM_BUDGETS) ? NGX_HTTP_LLM_DAY : 0;
    (void) llm_amount_rate(str("1000t/s"), &a.rate);

    if (ngx_http_llm_accounts_attach(&a, memory, SIZE)
        != NGX_HTTP_LLM_ACCOUNTS_OK)
    {
        printf("Bail out! attach\n");
        exit(2);
    }

    return a;
}


/* What is charged in all; tokens in both kinds. */

static uint64_t
charged(ngx_http_llm_accounts_t *a)
{
    if (a->kind == NGX_HTTP_LLM_BUDGETS) {
        return committed(a, 1, TOKENS, WALL);
    }

    return ngx_http_llm_limit_full_in(a, 1, NOW) / (SECOND / 1000);
}


static int
reserve(ngx_http_llm_accounts_t *a, ngx_http_llm_hold_t *h, uint64_t amount)
{
    memset(h, 0, sizeof(*h));

    if (a->kind == NGX_HTTP_LLM_BUDGETS) {
        return ngx_http_llm_budget_reserve(a, h, 1, TOKENS, amount, FLOOR,
                                           1000000, 0, WALL);
    }

    return ngx_http_llm_limit_take(a, h, 1, amount, FLOOR, 1000000, 0, NOW,
                                   &waits);
}


static void
reprice(ngx_http_llm_accounts_t *a, uint64_t amount)
{
    if (a->kind == NGX_HTTP_LLM_BUDGETS) {
        (void) ngx_http_llm_budget_reprice(a, &hold, amount, FLOOR, 1000000,
                                           0);

    } else {
        (void) ngx_http_llm_limit_reprice(a, &hold, amount, FLOOR, 1000000, 0,
                                          NOW, &waits);
    }
}


static void
others(ngx_http_llm_accounts_t *a)
{
    ngx_http_llm_hold_t  h;

    (void) reserve(a, &h, BEFORE);
    a->record[1].filled = 1;
    hold = (ngx_http_llm_hold_t) { 0 };
}


/* The process that is stepped joins first, where it needs a ledger. */

static void
joined(ngx_http_llm_accounts_t *a)
{
    (void) ngx_http_llm_ledger_join(a, NOW);
}


static void
op_reserve(ngx_http_llm_accounts_t *a)
{
    joined(a);
    traced();
    (void) reserve(a, &hold, AMOUNT);
}


static void
op_settle(ngx_http_llm_accounts_t *a)
{
    joined(a);
    (void) reserve(a, &hold, AMOUNT);
    ngx_http_llm_hold_deliver(a, &hold, 30);
    traced();
    ngx_http_llm_hold_settle(a, &hold, 40, NOW, WALL);
}


static void
op_refund(ngx_http_llm_accounts_t *a)
{
    joined(a);
    (void) reserve(a, &hold, AMOUNT);
    traced();
    ngx_http_llm_hold_settle(a, &hold, 0, NOW, WALL);
}


static void
op_more(ngx_http_llm_accounts_t *a)
{
    joined(a);
    (void) reserve(a, &hold, AMOUNT);
    ngx_http_llm_hold_deliver(a, &hold, 130);
    traced();
    ngx_http_llm_hold_settle(a, &hold, 150, NOW, WALL);
}


static void
op_deliver(ngx_http_llm_accounts_t *a)
{
    joined(a);
    (void) reserve(a, &hold, AMOUNT);
    traced();
    ngx_http_llm_hold_deliver(a, &hold, 50);
}


static void
op_grow(ngx_http_llm_accounts_t *a)
{
    joined(a);
    (void) reserve(a, &hold, AMOUNT);
    traced();
    reprice(a, 3 * AMOUNT);
}


static void
op_shrink(ngx_http_llm_accounts_t *a)
{
    joined(a);
    (void) reserve(a, &hold, AMOUNT);
    traced();
    reprice(a, AMOUNT / 2);
}


static void
op_refused(ngx_http_llm_accounts_t *a)
{
    joined(a);
    (void) reserve(a, &hold, AMOUNT);
    traced();
    reprice(a, 2000000);
}


static void
op_leave(ngx_http_llm_accounts_t *a)
{
    joined(a);
    (void) reserve(a, &hold, AMOUNT);
    ngx_http_llm_hold_deliver(a, &hold, 60);
    traced();
    ngx_http_llm_ledger_leave(a, NOW);
}


/* Another died, with two reservations, of which one was being settled. */

static void
before_reap(ngx_http_llm_accounts_t *a)
{
    ngx_http_llm_hold_t  h;

    others(a);
    joined(a);

    (void) reserve(a, &h, AMOUNT);
    ngx_http_llm_hold_deliver(a, &h, 70);
    (void) reserve(a, &h, AMOUNT);
    ngx_http_llm_ledger_touch(a, &h);

    a->arena->slot[a->rows.slot - 1].owner ^= STRANGE;
}


static void
op_reap(ngx_http_llm_accounts_t *a)
{
    traced();
    joined(a);
}


static void
op_key(ngx_http_llm_accounts_t *a)
{
    traced();
    (void) ngx_http_llm_account_get(a, str("a new key"));
}


#define B  NGX_HTTP_LLM_BUDGETS
#define L  NGX_HTTP_LLM_LIMITS

static const op_t  ops[] = {
    { "budget: reserve", B, others, op_reserve, 0, AMOUNT },
    { "budget: settle", B, others, op_settle, 30, AMOUNT },
    { "budget: give back", B, others, op_refund, 0, AMOUNT },
    { "budget: settle more", B, others, op_more, AMOUNT, 150 },
    { "budget: deliver", B, others, op_deliver, FLOOR, 50 },
    { "budget: reprice up", B, others, op_grow, FLOOR, 3 * AMOUNT },
    { "budget: reprice down", B, others, op_shrink, FLOOR, AMOUNT },
    { "budget: reprice, refused", B, others, op_refused, FLOOR, AMOUNT },
    { "budget: leave", B, others, op_leave, 60, AMOUNT },
    { "budget: clear up", B, before_reap, op_reap, 170, 200 },
    { "budget: a key", B, others, op_key, 0, 0 },
    { "limit: take", L, others, op_reserve, 0, AMOUNT },
    { "limit: settle", L, others, op_settle, 30, AMOUNT },
    { "limit: give back", L, others, op_refund, 0, AMOUNT },
    { "limit: settle more", L, others, op_more, AMOUNT, 150 },
    { "limit: deliver", L, others, op_deliver, FLOOR, 50 },
    { "limit: reprice up", L, others, op_grow, FLOOR, 3 * AMOUNT },
    { "limit: reprice down", L, others, op_shrink, FLOOR, AMOUNT },
    { "limit: reprice, refused", L, others, op_refused, FLOOR, AMOUNT },
    { "limit: leave", L, others, op_leave, 60, AMOUNT },
    { "limit: clear up", L, before_reap, op_reap, 170, 200 }
};


static void
bury(ngx_http_llm_accounts_t *a, pid_t pid)
{
    uint32_t   i;
    uint64_t  *owner;

    for (i = 0; i < NGX_HTTP_LLM_SLOTS; i++) {
        owner = &a->arena->slot[i].owner;

        if (*owner && ngx_http_llm_owner_pid(*owner) == pid) {
            *owner ^= STRANGE;
        }
    }
}


static const char *
inspect(const void *p, void *memory, pid_t pid)
{
    const op_t               *op = p;
    uint32_t                  i, key;
    uint64_t                  was, is;
    ngx_http_llm_hold_t       h;
    ngx_http_llm_accounts_t   a;

    a = view(op, memory);
    bury(&a, pid);

    /* while nobody has come yet nothing may be missing either */

    was = charged(&a) - BEFORE;

    if (was > llm_max(op->most, 2 * AMOUNT) || was < op->least) {
        return "charged wrongly before anybody came";
    }

    if (ngx_http_llm_ledger_join(&a, NOW) != 0) {
        return "another cannot join";
    }

    is = charged(&a) - BEFORE;

    if (is < op->least || is > op->most) {
        return "charged wrongly";
    }

    if (is > was && op->op != op_more) {
        return "charged more than was booked";
    }

    if (ngx_http_llm_rows_workers(&a.rows) != 1) {
        return "the dead still work";
    }

    for (i = 0; i < a.rows.chunks_max; i++) {
        if (ngx_http_llm_rows_used(&a.rows, i)) {
            return "rows of the dead";
        }
    }

    (void) ngx_http_llm_ledger_tick(&a, NOW, WALL);

    if (charged(&a) - BEFORE != is) {
        return "coming twice changes something";
    }

    /* it goes on */

    if (reserve(&a, &h, AMOUNT) != 0 || h.row == 0
        || charged(&a) - BEFORE != is + AMOUNT)
    {
        return "another cannot reserve";
    }

    ngx_http_llm_hold_settle(&a, &h, 0, NOW, WALL);

    if (charged(&a) - BEFORE != is) {
        return "nor give back";
    }

    key = ngx_http_llm_account_get(&a, str("a new key"));

    if (key == 0 || ngx_http_llm_accounts_used(&a) != 1
        || a.record[key].name_len != 9
        || memcmp(a.record[key].name, "a new key", 9) != 0)
    {
        return "a key that is not there once";
    }

    return NULL;
}


static void
run(const void *p, void *memory)
{
    const op_t               *op = p;
    ngx_http_llm_accounts_t   a;

    a = view(op, memory);
    op->op(&a);
    *flag = 2;
}


static const step_t  account_step = { run, inspect };


int
main(void)
{
    long                     steps;
    uint32_t                 i;
    ngx_http_llm_accounts_t  a;

    step_init(SIZE);

    for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {

        memset(start_memory, 0, SIZE);
        a = accounts_at(start_memory, SIZE, ops[i].kind,
                        ops[i].kind == B ? NGX_HTTP_LLM_DAY : 0, "1000t/s");
        ops[i].before(&a);

        steps = every_state(&account_step, &ops[i], ops[i].name);
        real_kills(&account_step, &ops[i], ops[i].name, steps,
                   proof(6, 1000));
    }

    printf("# %ld instructions, %ld states, %ld kills\n", total_steps,
           total_states, total_kills);

    return done();
}
