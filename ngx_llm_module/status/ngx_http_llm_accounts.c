
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Limits and budgets of all zones, as the status shows them.  A zone may
 * have very many keys, so everything here goes in steps: what is reserved is
 * gathered out of the ledger first, a chunk a step, then the keys that are
 * in use, and then some of them are written at a time.
 *
 * What is shown of a key is read when it is written.  A call that ended
 * between the gathering and the writing is still seen as reserved, and may
 * then be missing in spent: for the one document that is being written.
 */


#include "ngx_http_llm_view.h"
#include "llm_escape.h"


#define NGX_HTTP_LLM_BOOKS_ZERO    4096      /* records a step */
#define NGX_HTTP_LLM_BOOKS_SEEN    2048
#define NGX_HTTP_LLM_BOOKS_WRITE   8

#define NGX_HTTP_LLM_SEC           1000000000ull


typedef struct {
    uint64_t   limit;
    uint64_t   spent;
    uint64_t   reserved;
    uint64_t   left;
    uint64_t   projected;
    uint64_t   resets;               /* ms since the epoch */
} ngx_http_llm_budget_values_t;


static ngx_int_t ngx_http_llm_books_begin(ngx_http_llm_view_t *view);
static ngx_int_t ngx_http_llm_books_zone(ngx_http_llm_view_t *view);
static void ngx_http_llm_books_record(ngx_http_llm_books_t *books,
    ngx_http_llm_accounts_t *accounts, uint32_t account);
static void ngx_http_llm_books_budget(ngx_http_llm_view_t *view,
    const ngx_http_llm_entry_t *entry, ngx_http_llm_budget_values_t *is);
static uint64_t ngx_http_llm_books_left(ngx_http_llm_view_t *view,
    const ngx_http_llm_entry_t *entry);


static inline ngx_http_llm_accounts_t *
ngx_http_llm_books_accounts(ngx_http_llm_view_t *view, uint32_t zone)
{
    return view->info->accounts[zone]->data;
}


static llm_str_t
ngx_http_llm_books_key(const ngx_http_llm_accounts_t *accounts,
    uint32_t account)
{
    llm_str_t                      key;
    const ngx_http_llm_account_t  *record;

    record = &accounts->record[account];

    key.data = record->name;
    key.len = 0;

    if (__atomic_load_n(&record->filled, __ATOMIC_ACQUIRE)) {
        key.len = llm_min(record->name_len, NGX_HTTP_LLM_ACCOUNT_NAME);
    }

    return key;
}


ngx_int_t
ngx_http_llm_view_books(ngx_http_llm_view_t *view)
{
    if (view->info->naccounts == 0) {
        return NGX_OK;
    }

    if (view->books.reserved == NULL) {
        return ngx_http_llm_books_begin(view);
    }

    if (view->books.zone == view->info->naccounts) {
        return NGX_OK;
    }

    return ngx_http_llm_books_zone(view);
}


static ngx_int_t
ngx_http_llm_books_begin(ngx_http_llm_view_t *view)
{
    uint64_t                  max[2];
    ngx_uint_t                i, k, kind;
    ngx_http_llm_books_t     *books;
    ngx_http_llm_accounts_t  *accounts;

    books = &view->books;

    max[0] = 0;
    max[1] = 0;

    books->text = ngx_pnalloc(view->pool, NGX_HTTP_LLM_BOOKS_TEXT);
    books->reserved = ngx_pcalloc(view->pool,
                                  view->info->naccounts * sizeof(void *));
    if (books->text == NULL || books->reserved == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < view->info->naccounts; i++) {
        accounts = ngx_http_llm_books_accounts(view, i);
        kind = accounts->kind - NGX_HTTP_LLM_LIMITS;

        /* and some that may come while they are gathered */

        max[kind] += ngx_min(accounts->arena->used + 64, accounts->places)
                     * (kind ? NGX_HTTP_LLM_UNITS : 1);

        if (kind == 0) {
            continue;
        }

        books->reserved[i] = ngx_palloc(view->pool, accounts->places
                                  * sizeof(uint64_t) * NGX_HTTP_LLM_UNITS);
        if (books->reserved[i] == NULL) {
            return NGX_ERROR;
        }
    }

    for (k = 0; k < 2; k++) {
        books->max[k] = max[k];
        books->entry[k] = ngx_palloc(view->pool, (max[k] + 1)
                                             * sizeof(ngx_http_llm_entry_t));
        if (books->entry[k] == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_AGAIN;
}


/* Zeroes, then chunks of the ledger, then keys: some of one a step. */

static ngx_int_t
ngx_http_llm_books_zone(ngx_http_llm_view_t *view)
{
    uint32_t                     n;
    ngx_http_llm_books_t        *books;
    ngx_http_llm_accounts_t     *accounts;
    ngx_http_llm_budget_view_t   is;

    books = &view->books;
    accounts = ngx_http_llm_books_accounts(view, books->zone);

    switch (books->phase) {

    case 0:
        n = ngx_min(accounts->places - books->at, NGX_HTTP_LLM_BOOKS_ZERO);

        if (books->reserved[books->zone]) {
            ngx_memzero(books->reserved[books->zone][books->at],
                        n * sizeof(uint64_t) * NGX_HTTP_LLM_UNITS);
            books->at += n;

        } else {
            books->at = accounts->places;
        }

        if (books->at == accounts->places) {
            books->at = 0;
            books->phase = 1;
        }

        return NGX_AGAIN;

    case 1:
        if (books->reserved[books->zone]) {
            ngx_http_llm_budget_look(accounts, 0, 0, view->wall * 1000000,
                                     &is);

            books->at = ngx_http_llm_ledger_sum(accounts, books->at, is.tag,
                                               books->reserved[books->zone]);
        }

        if (books->at == 0) {
            books->phase = 2;
        }

        return NGX_AGAIN;

    default:
        n = ngx_min(accounts->places - books->at, NGX_HTTP_LLM_BOOKS_SEEN);

        for ( /* void */ ; n; n--) {
            ngx_http_llm_books_record(books, accounts, books->at++);
        }

        if (books->at == accounts->places) {
            books->at = 0;
            books->phase = 0;
            books->zone++;
        }

        return NGX_AGAIN;
    }
}


static void
ngx_http_llm_books_record(ngx_http_llm_books_t *books,
    ngx_http_llm_accounts_t *accounts, uint32_t account)
{
    uint32_t               unit, kind;
    ngx_http_llm_entry_t  *entry;

    if (account
        && __atomic_load_n(&accounts->id[account], __ATOMIC_RELAXED) == 0)
    {
        return;
    }

    kind = accounts->kind - NGX_HTTP_LLM_LIMITS;

    for (unit = 0; unit < NGX_HTTP_LLM_UNITS; unit++) {

        if (__atomic_load_n(&accounts->record[account].limit[unit],
                            __ATOMIC_RELAXED) == 0)
        {
            continue;
        }

        if (books->n[kind] == books->max[kind]
            || (kind == 0 && unit != (uint32_t) accounts->rate.unit))
        {
            continue;
        }

        entry = &books->entry[kind][books->n[kind]++];

        entry->zone = books->zone;
        entry->account = account;
        entry->unit = unit;
    }
}


static void
ngx_http_llm_books_budget(ngx_http_llm_view_t *view,
    const ngx_http_llm_entry_t *entry, ngx_http_llm_budget_values_t *is)
{
    uint64_t                     now, passed;
    unsigned __int128            projected;
    ngx_http_llm_accounts_t     *accounts;
    ngx_http_llm_budget_view_t   look;

    accounts = ngx_http_llm_books_accounts(view, entry->zone);
    now = view->wall * 1000000;

    ngx_http_llm_budget_look(accounts, entry->account, entry->unit, now,
                             &look);

    is->limit = look.limit ? look.limit - 1 : 0;
    is->reserved = ngx_min(look.committed,
                 view->books.reserved[entry->zone][entry->account]
                                     [entry->unit]);
    is->spent = look.committed - is->reserved;
    is->left = (is->limit > look.committed) ? is->limit - look.committed : 0;
    is->resets = look.resets / 1000000;

    passed = (now > look.begins) ? now - look.begins : 0;
    passed = ngx_max(passed, NGX_HTTP_LLM_SEC);

    projected = (unsigned __int128) is->spent * (look.resets - look.begins)
                / passed;

    is->projected = (projected >> 63) ? INT64_MAX : (uint64_t) projected;
}


/* Of a bucket of the size that was seen last. */

static uint64_t
ngx_http_llm_books_left(ngx_http_llm_view_t *view,
    const ngx_http_llm_entry_t *entry)
{
    uint64_t                  burst;
    ngx_http_llm_accounts_t  *accounts;

    accounts = ngx_http_llm_books_accounts(view, entry->zone);

    burst = __atomic_load_n(
                       &accounts->record[entry->account].limit[entry->unit],
                       __ATOMIC_RELAXED);

    return ngx_http_llm_limit_left(accounts, entry->account,
                                   burst ? burst - 1 : 0, view->mono);
}


uint64_t
ngx_http_llm_books_value(ngx_http_llm_view_t *view, uint32_t kind,
    uint32_t i, uint32_t value)
{
    ngx_http_llm_entry_t          *entry;
    ngx_http_llm_budget_values_t   is;

    entry = &view->books.entry[kind][i];

    if (kind == 0) {
        return ngx_http_llm_books_left(view, entry);
    }

    ngx_http_llm_books_budget(view, entry, &is);

    switch (value) {

    case NGX_HTTP_LLM_BUDGET_LIMIT:
        return is.limit;

    case NGX_HTTP_LLM_BUDGET_SPENT:
        return is.spent;

    case NGX_HTTP_LLM_BUDGET_RESERVED:
        return is.reserved;

    default:
        return is.projected;
    }
}


/* zone="...",key="...",unit="...", in memory that the next one takes. */

ngx_uint_t
ngx_http_llm_books_group(ngx_http_llm_view_t *view, uint32_t kind, uint32_t i,
    ngx_http_llm_group_t *group)
{
    u_char                   *p;
    llm_str_t                 zone;
    ngx_http_llm_entry_t     *entry;
    ngx_http_llm_accounts_t  *accounts;

    entry = &view->books.entry[kind][i];
    accounts = ngx_http_llm_books_accounts(view, entry->zone);

    zone.data = accounts->name;
    zone.len = ngx_min(accounts->name_len, NGX_HTTP_LLM_BOOKS_ZONE);

    group->text = view->books.text;

    p = ngx_http_llm_put_lit(group->text, "zone=\"");
    p = llm_escape_label(p, zone);
    p = ngx_http_llm_put_lit(p, "\",key=\"");
    p = llm_escape_label(p, ngx_http_llm_books_key(accounts, entry->account));
    p = ngx_http_llm_put_lit(p, "\",unit=\"");
    p = ngx_cpymem(p, llm_amount_units[entry->unit],
                   ngx_strlen(llm_amount_units[entry->unit]));
    *p++ = '"';

    group->len = p - group->text;

    return entry->unit == NGX_HTTP_LLM_USD;
}


uint64_t
ngx_http_llm_books_counted(ngx_http_llm_view_t *view, uint32_t counter)
{
    uint64_t    n;
    ngx_uint_t  i;

    n = 0;

    for (i = 0; i < view->info->naccounts; i++) {
        n += ngx_http_llm_account_counted(
                                     ngx_http_llm_books_accounts(view, i),
                                     counter);
    }

    return n;
}


static void
ngx_http_llm_books_key_of(ngx_http_llm_view_t *view,
    const ngx_http_llm_entry_t *entry, ngx_uint_t first)
{
    llm_str_t                 zone;
    ngx_http_llm_out_t       *out;
    ngx_http_llm_accounts_t  *accounts;

    out = &view->out;
    accounts = ngx_http_llm_books_accounts(view, entry->zone);

    zone.data = accounts->name;
    zone.len = accounts->name_len;

    ngx_http_llm_out_text(out, first ? "\n{\"zone\":\"" : ",\n{\"zone\":\"");
    ngx_http_llm_out_json(out, zone);
    ngx_http_llm_out_lit(out, "\",\"key\":\"");
    ngx_http_llm_out_json(out,
                          ngx_http_llm_books_key(accounts, entry->account));
    ngx_http_llm_out_lit(out, "\"");
}


static void
ngx_http_llm_books_amount(ngx_http_llm_out_t *out, const char *key,
    uint32_t unit, uint64_t n)
{
    ngx_http_llm_out_lit(out, ",\"");
    ngx_http_llm_out_text(out, key);

    if (unit == NGX_HTTP_LLM_USD) {
        ngx_http_llm_out_lit(out, "\":\"");
        ngx_http_llm_out_nano(out, n);
        ngx_http_llm_out_lit(out, "\"");

    } else {
        ngx_http_llm_out_lit(out, "\":");
        ngx_http_llm_out_uint(out, n);
    }
}


static void
ngx_http_llm_json_limit(ngx_http_llm_view_t *view,
    const ngx_http_llm_entry_t *entry)
{
    ngx_http_llm_out_t       *out;
    ngx_http_llm_account_t   *record;
    ngx_http_llm_accounts_t  *accounts;

    out = &view->out;
    accounts = ngx_http_llm_books_accounts(view, entry->zone);
    record = &accounts->record[entry->account];

    ngx_http_llm_out_lit(out, ",\"rate\":\"");
    ngx_http_llm_out_json(out, accounts->rate_text);
    ngx_http_llm_out_lit(out, "\"");

    ngx_http_llm_books_amount(out, "left", entry->unit,
                              ngx_http_llm_books_left(view, entry));
    ngx_http_llm_books_amount(out, "refused", NGX_HTTP_LLM_CALLS,
                   __atomic_load_n(&record->refused, __ATOMIC_RELAXED));
    ngx_http_llm_books_amount(out, "delayed", NGX_HTTP_LLM_CALLS,
                   __atomic_load_n(&record->delayed, __ATOMIC_RELAXED));
}


static void
ngx_http_llm_json_budget(ngx_http_llm_view_t *view,
    const ngx_http_llm_entry_t *entry)
{
    ngx_http_llm_out_t            *out;
    ngx_http_llm_account_t        *record;
    ngx_http_llm_accounts_t       *accounts;
    ngx_http_llm_budget_values_t   is;

    out = &view->out;
    accounts = ngx_http_llm_books_accounts(view, entry->zone);
    record = &accounts->record[entry->account];

    ngx_http_llm_books_budget(view, entry, &is);

    ngx_http_llm_out_lit(out, ",\"unit\":\"");
    ngx_http_llm_out_text(out, llm_amount_units[entry->unit]);
    ngx_http_llm_out_lit(out, "\",\"period\":\"");
    ngx_http_llm_out_text(out, ngx_http_llm_periods[accounts->period]);
    ngx_http_llm_out_lit(out, "\"");

    ngx_http_llm_books_amount(out, "limit", entry->unit, is.limit);
    ngx_http_llm_books_amount(out, "spent", entry->unit, is.spent);
    ngx_http_llm_books_amount(out, "reserved", entry->unit, is.reserved);
    ngx_http_llm_books_amount(out, "left", entry->unit, is.left);
    ngx_http_llm_books_amount(out, "projected", entry->unit, is.projected);
    ngx_http_llm_books_amount(out, "refused", NGX_HTTP_LLM_CALLS,
                   __atomic_load_n(&record->refused, __ATOMIC_RELAXED));

    ngx_http_llm_out_lit(out, ",\"resets\":\"");
    ngx_http_llm_out_time(out, is.resets);
    ngx_http_llm_out_lit(out, "\"");
}


static ngx_int_t
ngx_http_llm_json_books(ngx_http_llm_view_t *view, uint32_t kind)
{
    ngx_uint_t             n;
    ngx_http_llm_books_t  *books;
    ngx_http_llm_entry_t  *entry;

    books = &view->books;

    for (n = 0; n < NGX_HTTP_LLM_BOOKS_WRITE; n++) {

        if (books->written == books->n[kind]) {
            books->written = 0;
            return NGX_OK;
        }

        entry = &books->entry[kind][books->written];

        ngx_http_llm_books_key_of(view, entry, books->written == 0);

        if (kind) {
            ngx_http_llm_json_budget(view, entry);

        } else {
            ngx_http_llm_json_limit(view, entry);
        }

        ngx_http_llm_out_lit(&view->out, "}");

        books->written++;
    }

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_llm_json_limits(ngx_http_llm_view_t *view)
{
    return ngx_http_llm_json_books(view, NGX_HTTP_LLM_BOOKS_LIMITS);
}


ngx_int_t
ngx_http_llm_json_budgets(ngx_http_llm_view_t *view)
{
    if (view->books.written == 0) {
        ngx_http_llm_out_lit(&view->out, "],\n\"budgets\":[");
    }

    return ngx_http_llm_json_books(view, NGX_HTTP_LLM_BOOKS_BUDGETS);
}
