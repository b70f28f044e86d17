
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Snapshots of accounts: what keys have spent, and when their buckets are
 * full again.
 *
 * Keys are known by hashes, so the secret that these were made with goes
 * along; it tells nobody anything but where in the table a key is.
 *
 * What was reserved when the snapshot was taken is in what was spent, and
 * stays there: nobody is left to say that it was less.  A time of another
 * boot is moved by what the wall clock says went by, never to the future:
 * a clock that was set back refills nothing.
 */


#include "ngx_http_llm_ledger.h"
#include "ngx_http_llm_period.h"
#include "ngx_http_llm_state.h"


#define NGX_HTTP_LLM_SAVE_TERMS    1
#define NGX_HTTP_LLM_SAVE_ACCOUNT  2

#define NGX_HTTP_LLM_STATE_SEC     1000000000ull


typedef struct {
    uint32_t  kind;
    uint32_t  period;
    uint64_t  latest;
    uint64_t  strictest[NGX_HTTP_LLM_UNITS];
    uint64_t  counter[NGX_HTTP_LLM_ACCOUNT_COUNTERS];
} ngx_http_llm_save_terms_t;


static uint32_t ngx_http_llm_accounts_record_shape(void);
static int ngx_http_llm_accounts_state_format(void *zone, void *p,
    size_t size, uint64_t mono, uint64_t wall, const void *secret);
static int ngx_http_llm_accounts_state_attach(void *zone, void *p,
    size_t size);
static const char *ngx_http_llm_accounts_state_check(void *zone,
    uint64_t mono);
static int ngx_http_llm_accounts_save(const void *zone,
    ngx_http_llm_snapshot_out_t *out, ngx_http_llm_snapshot_head_t *head);
static const char *ngx_http_llm_accounts_load(void *zone,
    ngx_http_llm_snapshot_t *snap, uint64_t mono, uint64_t wall);
static const char *ngx_http_llm_load_terms(ngx_http_llm_accounts_t *accounts,
    const ngx_http_llm_snapshot_t *snap, const uint8_t *data, size_t len,
    ngx_http_llm_account_from_t *from);


const ngx_http_llm_state_kind_t  ngx_http_llm_state_limits = {
    "llm_limit_zone",
    NGX_HTTP_LLM_STATE_LIMITS,
    1,
    NGX_HTTP_LLM_ACCOUNT_LAYOUT,
    ngx_http_llm_accounts_shape,
    ngx_http_llm_accounts_record_shape,
    ngx_http_llm_accounts_state_format,
    ngx_http_llm_accounts_state_attach,
    ngx_http_llm_accounts_state_check,
    ngx_http_llm_accounts_save,
    ngx_http_llm_accounts_load
};


const ngx_http_llm_state_kind_t  ngx_http_llm_state_budgets = {
    "llm_budget_zone",
    NGX_HTTP_LLM_STATE_BUDGETS,
    1,
    NGX_HTTP_LLM_ACCOUNT_LAYOUT,
    ngx_http_llm_accounts_shape,
    ngx_http_llm_accounts_record_shape,
    ngx_http_llm_accounts_state_format,
    ngx_http_llm_accounts_state_attach,
    ngx_http_llm_accounts_state_check,
    ngx_http_llm_accounts_save,
    ngx_http_llm_accounts_load
};


static uint32_t
ngx_http_llm_accounts_record_shape(void)
{
    uint32_t  h, i;

    static const uint32_t  sizes[] = {
        sizeof(ngx_http_llm_save_terms_t),
        sizeof(ngx_http_llm_account_copy_t), NGX_HTTP_LLM_UNITS,
        NGX_HTTP_LLM_ACCOUNT_COUNTERS, NGX_HTTP_LLM_ACCOUNT_NAME,
        NGX_HTTP_LLM_PERIODS, NGX_HTTP_LLM_ACCOUNT_LAYOUT,
        offsetof(ngx_http_llm_account_t, limit),
        offsetof(ngx_http_llm_account_t, admitted),
        offsetof(ngx_http_llm_account_t, filled),
        offsetof(ngx_http_llm_account_t, name)
    };

    h = 2166136261u;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        h = (h ^ sizes[i]) * 16777619u;
    }

    return h;
}


static int
ngx_http_llm_accounts_state_format(void *zone, void *p, size_t size,
    uint64_t mono, uint64_t wall, const void *secret)
{
    return ngx_http_llm_accounts_format(zone, p, size, mono, wall, secret);
}


static int
ngx_http_llm_accounts_state_attach(void *zone, void *p, size_t size)
{
    int  rc;

    rc = ngx_http_llm_accounts_attach(zone, p, size);

    return rc == NGX_HTTP_LLM_ACCOUNTS_OTHER ? NGX_HTTP_LLM_STATE_OTHER : rc;
}


static const char *
ngx_http_llm_accounts_state_check(void *zone, uint64_t mono)
{
    uint32_t                          i;
    const ngx_http_llm_rows_t        *rows;
    const ngx_http_llm_account_t     *record;
    const ngx_http_llm_accounts_t    *accounts;
    const ngx_http_llm_chunk_head_t  *c;

    accounts = zone;
    rows = &accounts->rows;

    if (accounts->arena->created_mono > mono) {
        return "has a wrong header";
    }

    for (i = 0; i < accounts->places; i++) {
        record = &accounts->record[i];

        if (record->filled > 1
            || record->name_len > NGX_HTTP_LLM_ACCOUNT_NAME)
        {
            return "has an account with a wrong name";
        }
    }

    for (i = 0; i < rows->chunks_max; i++) {
        c = (const ngx_http_llm_chunk_head_t *) (const void *)
            (rows->chunks + (size_t) i * ngx_http_llm_chunk_size(
                                                           rows->row_size));

        if (c->owner > NGX_HTTP_LLM_SLOTS || c->next > rows->chunks_max) {
            return "has rows that lead nowhere";
        }
    }

    return NULL;
}


static int
ngx_http_llm_accounts_save(const void *zone, ngx_http_llm_snapshot_out_t *out,
    ngx_http_llm_snapshot_head_t *head)
{
    uint32_t                              i;
    ngx_http_llm_save_terms_t             terms;
    ngx_http_llm_account_copy_t           copy;
    const ngx_http_llm_accounts_t        *accounts;
    const ngx_http_llm_accounts_arena_t  *a;

    accounts = zone;
    a = accounts->arena;

    head->created_wall = a->created_wall;
    head->secret[0] = a->secret[0];
    head->secret[1] = a->secret[1];

    memset(&terms, 0, sizeof(terms));

    terms.kind = accounts->kind;
    terms.period = accounts->period;
    terms.latest = __atomic_load_n(&a->latest, __ATOMIC_RELAXED);

    for (i = 0; i < NGX_HTTP_LLM_UNITS; i++) {
        terms.strictest[i] = __atomic_load_n(&a->strictest[i],
                                             __ATOMIC_RELAXED);
    }

    for (i = 0; i < NGX_HTTP_LLM_ACCOUNT_COUNTERS; i++) {
        terms.counter[i] = __atomic_load_n(&a->counter[i], __ATOMIC_RELAXED);
    }

    ngx_http_llm_snapshot_put(out, NGX_HTTP_LLM_SAVE_TERMS, &terms,
                              sizeof(terms));

    for (i = 0; i < accounts->places; i++) {
        if (ngx_http_llm_account_copy(accounts, i, &copy)) {
            ngx_http_llm_snapshot_put(out, NGX_HTTP_LLM_SAVE_ACCOUNT, &copy,
                                      sizeof(copy));
        }
    }

    return 0;
}


static const char *
ngx_http_llm_accounts_load(void *zone, ngx_http_llm_snapshot_t *snap,
    uint64_t mono, uint64_t wall)
{
    size_t                        len;
    uint32_t                      type, terms, lost;
    const char                   *what;
    const uint8_t                *rec;
    ngx_http_llm_accounts_t      *accounts;
    ngx_http_llm_account_copy_t   copy;
    ngx_http_llm_account_from_t   from;

    accounts = zone;
    terms = 0;
    lost = 0;

    memset(&from, 0, sizeof(from));

    from.mono = mono;
    from.ahead = UINT64_MAX - mono;
    from.now = ngx_http_llm_period_number(accounts->period
                                          ? accounts->period
                                          : NGX_HTTP_LLM_HOUR,
                                          wall / NGX_HTTP_LLM_STATE_SEC);

    while (ngx_http_llm_snapshot_next(snap, &type, &rec, &len)) {

        if (type == NGX_HTTP_LLM_SAVE_TERMS && !terms) {
            what = ngx_http_llm_load_terms(accounts, snap, rec, len, &from);

            if (what) {
                return what;
            }

            terms = 1;
            continue;
        }

        if (type != NGX_HTTP_LLM_SAVE_ACCOUNT || !terms
            || len != sizeof(copy))
        {
            return "has an account that is wrong";
        }

        memcpy(&copy, rec, sizeof(copy));

        if (copy.record.filled > 1
            || copy.record.name_len > NGX_HTTP_LLM_ACCOUNT_NAME)
        {
            return "has an account that is wrong";
        }

        lost += (ngx_http_llm_account_import(accounts, &copy, &from) != 0);
    }

    if (!terms) {
        return "has no terms";
    }

    /* for which there is no room: as if they came now */

    ngx_http_llm_account_count(accounts, NGX_HTTP_LLM_ACCOUNT_FOLDED, lost);

    if (snap->head.created_wall && snap->head.created_wall < wall) {
        accounts->arena->created_wall = snap->head.created_wall;
    }

    return NULL;
}


static const char *
ngx_http_llm_load_terms(ngx_http_llm_accounts_t *accounts,
    const ngx_http_llm_snapshot_t *snap, const uint8_t *data, size_t len,
    ngx_http_llm_account_from_t *from)
{
    uint32_t                             i;
    uint64_t                             boot[2], gone, wall;
    ngx_http_llm_save_terms_t            terms;
    ngx_http_llm_accounts_arena_t       *a;
    const ngx_http_llm_snapshot_head_t  *head;

    head = &snap->head;
    a = accounts->arena;

    if (len != sizeof(terms)) {
        return "has wrong terms";
    }

    memcpy(&terms, data, sizeof(terms));

    if (terms.kind != accounts->kind || terms.period != accounts->period) {
        return "counts by another period";
    }

    /* the ids are of this secret */

    a->secret[0] = head->secret[0];
    a->secret[1] = head->secret[1];
    a->latest = terms.latest;

    for (i = 0; i < NGX_HTTP_LLM_UNITS; i++) {
        a->strictest[i] = terms.strictest[i];
    }

    for (i = 0; i < NGX_HTTP_LLM_ACCOUNT_COUNTERS; i++) {
        a->counter[i] = terms.counter[i];
    }

    from->latest = terms.latest;

    /* the clock of this boot has gone on; that of another began anew */

    ngx_http_llm_state_boot(boot);

    if (head->boot[0] == boot[0] && head->mono <= from->mono) {
        return NULL;
    }

    wall = a->wall;
    gone = wall > head->wall ? wall - head->wall : 0;

    from->shift = (int64_t) (from->mono - head->mono - gone);

    return NULL;
}
