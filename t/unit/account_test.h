
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the tests of accounts share: accounts in a mapping that processes
 * share, and times.
 */


#ifndef _ACCOUNT_TEST_H_INCLUDED_
#define _ACCOUNT_TEST_H_INCLUDED_


#include "zone_test.h"

#include "ngx_http_llm_budget.h"
#include "ngx_http_llm_ledger.h"
#include "ngx_http_llm_limit.h"


#define MINUTE  (60 * SECOND)
#define HOUR    (3600 * SECOND)
#define DAY     (24 * HOUR)

/* a Wednesday, 2026-03-04 12:00:00 UTC */
#define WALL    (1772625600ull * SECOND)

static const char  sixteen[] = "sixteen bytes...";


static inline ngx_http_llm_accounts_t
accounts_at(void *p, size_t size, uint32_t kind, uint32_t period,
    const char *rate)
{
    ngx_http_llm_accounts_t  a;

    memset(&a, 0, sizeof(a));
    a.kind = kind;
    a.period = period;

    if ((rate && llm_amount_rate(str(rate), &a.rate) != LLM_AMOUNT_OK)
        || ngx_http_llm_accounts_format(&a, p, size, T0, WALL, sixteen)
           != NGX_HTTP_LLM_ACCOUNTS_OK)
    {
        printf("Bail out! format\n");
        exit(2);
    }

    return a;
}


static inline ngx_http_llm_accounts_t
budgets(size_t size, uint32_t period)
{
    return accounts_at(shared(size), size, NGX_HTTP_LLM_BUDGETS, period,
                       NULL);
}


static inline ngx_http_llm_accounts_t
limits(size_t size, const char *rate)
{
    return accounts_at(shared(size), size, NGX_HTTP_LLM_LIMITS, 0, rate);
}


static inline void
accounts_drop(ngx_http_llm_accounts_t *a)
{
    munmap(a->arena, a->arena->size);
}


static inline uint64_t
committed(ngx_http_llm_accounts_t *a, uint32_t account, uint32_t unit,
    uint64_t wall)
{
    ngx_http_llm_budget_view_t  view;

    ngx_http_llm_budget_look(a, account, unit, wall, &view);

    return view.committed;
}


static inline int
is_none(const ngx_http_llm_hold_t *hold)
{
    static const ngx_http_llm_hold_t  none;

    return memcmp(hold, &none, sizeof(none)) == 0;
}


#endif /* _ACCOUNT_TEST_H_INCLUDED_ */
