
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Keys and their records: full tables, names, copies, and memory that is not
 * what it should be; then the ledger within one process.
 */


#include "account_test.h"


static uint32_t
get(ngx_http_llm_accounts_t *a, const char *key)
{
    return ngx_http_llm_account_get(a, str(key));
}


static uint32_t
numbered(ngx_http_llm_accounts_t *a, uint32_t i)
{
    char  key[32];

    snprintf(key, sizeof(key), "key-%u", i);

    return get(a, key);
}


static void
table(size_t size)
{
    uint32_t                 i, n, bad;
    static uint32_t          place[200000];
    ngx_http_llm_accounts_t  a;

    a = budgets(size, NGX_HTTP_LLM_DAY);

    for (i = 0, bad = 0; i < a.keys_max; i++) {
        place[i] = numbered(&a, i);
        bad += (place[i] == 0 || place[i] >= a.places);
    }

    ok(bad == 0 && ngx_http_llm_accounts_used(&a) == a.keys_max
       && ngx_http_llm_account_counted(&a, NGX_HTTP_LLM_ACCOUNT_FOLDED) == 0,
       "%zu KB: %u keys find a place", size / 1024, a.keys_max);

    for (n = 0, bad = 0; n < 1000; n++) {
        bad += (numbered(&a, i + n) != 0);
    }

    ok(bad == 0
       && ngx_http_llm_account_counted(&a, NGX_HTTP_LLM_ACCOUNT_FOLDED)
          == 1000, "a thousand more do not, and are counted");

    for (i = 0, bad = 0; i < a.keys_max; i++) {
        bad += (numbered(&a, i) != place[i]);
    }

    ok(bad == 0 && ngx_http_llm_accounts_used(&a) == a.keys_max,
       "those that had one keep it");

    accounts_drop(&a);
}


static int
named(ngx_http_llm_accounts_t *a, uint32_t i, const char *name)
{
    return a->record[i].filled == 1
           && a->record[i].name_len == strlen(name)
           && memcmp(a->record[i].name, name, strlen(name)) == 0;
}


static void
names(void)
{
    uint32_t                 i, k;
    uint64_t                 id;
    char                     text[32], key[200];
    ngx_http_llm_accounts_t  a;

    a = budgets(64 * 1024, NGX_HTTP_LLM_DAY);

    ok(named(&a, 0, "other"), "record 0 is other");
    ok(named(&a, get(&a, "team red"), "team red"), "a name");
    ok(named(&a, get(&a, "a\nb"), "a\xef\xbf\xbd" "b"), "a line end");

    memset(key, 'x', sizeof(key));
    key[199] = '\0';
    i = get(&a, key);
    key[198] = 'y';
    k = get(&a, key);
    ok(i != k && a.record[i].name_len == 64 && a.record[k].name_len == 64,
       "long keys differ, their names are cut");

    i = get(&a, "red");
    a.record[i].filled = 0;
    memset(a.record[i].name, 'z', 64);
    ok(get(&a, "red") == i && named(&a, i, "red"),
       "a name that was not finished is finished");

    a.hide = 1;
    i = get(&a, "sk-secret");
    id = a.id[i];
    snprintf(text, sizeof(text), "%016lx", (unsigned long) id);
    ok(named(&a, i, text), "a hidden key is 16 digits of its id");

    for (k = 0; k + 9 < a.arena->size; k++) {
        if (memcmp((uint8_t *) a.arena + k, "sk-secret", 9) == 0) {
            break;
        }
    }

    ok(k + 9 >= a.arena->size, "and stands nowhere");

    accounts_drop(&a);
}


static void
attached(void)
{
    size_t                    i, bad;
    uint8_t                  *p, save;
    ngx_http_llm_accounts_t   a, b;

    a = budgets(64 * 1024, NGX_HTTP_LLM_DAY);
    (void) get(&a, "red");

    b = a;
    b.arena = NULL;
    ok(ngx_http_llm_accounts_attach(&b, a.arena, 64 * 1024)
       == NGX_HTTP_LLM_ACCOUNTS_OK
       && b.places == a.places && b.id == a.id && b.record == a.record
       && get(&b, "red") == get(&a, "red"), "attached");

    b.period = NGX_HTTP_LLM_HOUR;
    ok(ngx_http_llm_accounts_attach(&b, a.arena, 64 * 1024)
       == NGX_HTTP_LLM_ACCOUNTS_OTHER, "not with another period");
    b.period = NGX_HTTP_LLM_DAY;
    b.kind = NGX_HTTP_LLM_LIMITS;
    ok(ngx_http_llm_accounts_attach(&b, a.arena, 64 * 1024)
       == NGX_HTTP_LLM_ACCOUNTS_OTHER, "nor as another kind");
    b.kind = NGX_HTTP_LLM_BUDGETS;

    ok(ngx_http_llm_accounts_attach(&b, a.arena, 60 * 1024)
       == NGX_HTTP_LLM_ACCOUNTS_FOREIGN
       && ngx_http_llm_accounts_attach(&b, a.arena, 100)
          == NGX_HTTP_LLM_ACCOUNTS_FOREIGN, "nor at another size");

    a.arena->layout++;
    ok(ngx_http_llm_accounts_attach(&b, a.arena, 64 * 1024)
       == NGX_HTTP_LLM_ACCOUNTS_LAYOUT, "nor another layout");
    a.arena->layout--;

    /* every byte of what says where things are */

    p = (uint8_t *) a.arena;

    for (i = 0, bad = 0; i < offsetof(ngx_http_llm_accounts_arena_t, pad0);
         i++)
    {
        if ((i >= offsetof(ngx_http_llm_accounts_arena_t, created_mono)
             && i < offsetof(ngx_http_llm_accounts_arena_t, kind))
            || (i >= offsetof(ngx_http_llm_accounts_arena_t, unused)
                && i < offsetof(ngx_http_llm_accounts_arena_t, ids_at)))
        {
            continue;
        }

        save = p[i];
        p[i] ^= (uint8_t) (1 + random64() % 255);
        bad += (ngx_http_llm_accounts_attach(&b, a.arena, 64 * 1024)
                == NGX_HTTP_LLM_ACCOUNTS_OK);
        p[i] = save;
    }

    ok(bad == 0, "no byte of the header can be another");

    ok(ngx_http_llm_accounts_format(&b, p, NGX_HTTP_LLM_ACCOUNTS_MIN - 1, 0,
                                    0, sixteen)
       == NGX_HTTP_LLM_ACCOUNTS_SMALL, "too small");

    accounts_drop(&a);

    a = budgets(NGX_HTTP_LLM_ACCOUNTS_MIN, NGX_HTTP_LLM_DAY);
    ok(a.keys_max >= 16 && (uint8_t *) a.arena + a.arena->size
       >= a.rows.chunks + a.rows.chunks_max * ngx_http_llm_chunk_size(
                                          sizeof(ngx_http_llm_booking_t)),
       "the smallest has %u keys", a.keys_max);
    accounts_drop(&a);
}


static void
copies(void)
{
    uint32_t                     i, n, lost;
    uint64_t                     wait;
    ngx_http_llm_hold_t          h;
    ngx_http_llm_accounts_t      a, b;
    ngx_http_llm_account_copy_t  copy;
    ngx_http_llm_account_from_t  from;

    a = budgets(128 * 1024, NGX_HTTP_LLM_DAY);

    for (i = 0; i < 100; i++) {
        memset(&h, 0, sizeof(h));
        (void) ngx_http_llm_budget_reserve(&a, &h, numbered(&a, i),
                                           NGX_HTTP_LLM_USD, i, 0, 1000, 0,
                                           WALL);
    }

    b = budgets(64 * 1024, NGX_HTTP_LLM_DAY);
    ngx_http_llm_accounts_adopt(&b, &a, &from);

    for (i = 0, n = 0, lost = 0; i < a.places; i++) {
        if (ngx_http_llm_account_copy(&a, i, &copy)) {
            n++;
            lost += (ngx_http_llm_account_import(&b, &copy, &from) != 0);
        }
    }

    ok(n == 101 && lost == 0 && ngx_http_llm_accounts_used(&b) == 100
       && !ngx_http_llm_account_copy(&a, a.places, &copy),
       "100 keys and other are copied");

    for (i = 0, lost = 0; i < 100; i++) {
        n = numbered(&b, i);
        lost += (committed(&b, n, NGX_HTTP_LLM_USD, WALL) != i
                 || b.record[n].limit[NGX_HTTP_LLM_USD] != 1001);
    }

    ok(lost == 0 && ngx_http_llm_accounts_used(&b) == 100
       && b.arena->strictest[NGX_HTTP_LLM_USD] == 1001,
       "with what they had spent");

    /* a copy that comes late */

    n = numbered(&a, 50);
    (void) ngx_http_llm_account_copy(&a, n, &copy);
    from.now = from.latest + 1;
    ok(ngx_http_llm_account_import(&b, &copy, &from) == 0
       && b.record[numbered(&b, 50)].cell[NGX_HTTP_LLM_USD][from.latest & 1]
          != 0, "the period before is kept");
    from.now = from.latest + 2;
    ok(ngx_http_llm_account_import(&b, &copy, &from) == 0
       && b.record[numbered(&b, 50)].cell[NGX_HTTP_LLM_USD][from.latest & 1]
          == 0, "one before that is not");

    copy.record.name_len = 65;
    ok(ngx_http_llm_account_import(&b, &copy, &from) == -1,
       "a name that is too long is no copy");
    copy.record.name_len = 3;
    memcpy(copy.record.name, "a\nb", 3);
    ok(ngx_http_llm_account_import(&b, &copy, &from) == 0
       && named(&b, numbered(&b, 50), "a\xef\xbf\xbd" "b"),
       "and one that is not clean is cleaned");

    accounts_drop(&a);
    accounts_drop(&b);

    /* limits: another clock */

    a = limits(64 * 1024, "1r/s");
    b = limits(64 * 1024, "1r/s");
    i = get(&a, "red");

    memset(&h, 0, sizeof(h));
    (void) ngx_http_llm_limit_take(&a, &h, i, 60, 0, 60, 0, 1000 * SECOND,
                                   &wait);
    (void) ngx_http_llm_account_copy(&a, i, &copy);

    /* a machine that came up 10 seconds ago, 5 after the copy was made */

    memset(&from, 0, sizeof(from));
    from.mono = 10 * SECOND;
    from.shift = (int64_t) (10 * SECOND) - (int64_t) (1005 * SECOND);
    from.ahead = HOUR;

    ok(ngx_http_llm_account_import(&b, &copy, &from) == 0
       && ngx_http_llm_limit_full_in(&b, get(&b, "red"), 10 * SECOND)
          == 55 * SECOND, "a bucket goes on filling while nobody looks");

    from.shift = (int64_t) (10 * SECOND) - (int64_t) (2000 * SECOND);
    ok(ngx_http_llm_account_import(&b, &copy, &from) == 0
       && ngx_http_llm_limit_full_in(&b, get(&b, "red"), 10 * SECOND) == 0,
       "until it is full");

    from.shift = INT64_MAX;
    from.ahead = 20 * SECOND;
    ok(ngx_http_llm_account_import(&b, &copy, &from) == 0
       && ngx_http_llm_limit_full_in(&b, get(&b, "red"), 10 * SECOND)
          == 20 * SECOND, "and is never emptier than it may be");

    accounts_drop(&a);
    accounts_drop(&b);
}


static uint64_t
reserved(ngx_http_llm_accounts_t *a, uint32_t account, uint32_t tag)
{
    uint32_t         chunk;
    static uint64_t  sum[20000][NGX_HTTP_LLM_UNITS];

    memset(sum, 0, sizeof(sum));
    chunk = 0;

    do {
        chunk = ngx_http_llm_ledger_sum(a, chunk, tag, sum);
    } while (chunk);

    return sum[account][NGX_HTTP_LLM_USD];
}


static void
ledger(void)
{
    uint32_t                     i, n, rows;
    ngx_http_llm_accounts_t      a, other;
    static ngx_http_llm_hold_t   h[4096];

    a = budgets(256 * 1024, NGX_HTTP_LLM_DAY);
    rows = a.rows.chunks_max * NGX_HTTP_LLM_ROWS;

    ok(ngx_http_llm_ledger_join(&a, 1) == 0, "joined");

    for (i = 0; i < rows + 50; i++) {
        (void) ngx_http_llm_budget_reserve(&a, &h[i], 1, NGX_HTTP_LLM_USD, 10,
                                           3, 1000000, 0, WALL);
        ngx_http_llm_hold_deliver(&a, &h[i], i % 10);
    }

    ok(ngx_http_llm_account_counted(&a, NGX_HTTP_LLM_ACCOUNT_UNROWED) == 50
       && committed(&a, 1, NGX_HTTP_LLM_USD, WALL) == 10 * (rows + 50ull),
       "%u rows; without one a call passes, and is counted", rows);

    ok(reserved(&a, 1, h[0].tag) == 10ull * rows
       && reserved(&a, 1, h[0].tag + 1) == 0, "what is reserved is seen");

    for (i = 0; i < 100; i++) {
        ngx_http_llm_hold_settle(&a, &h[i], 1, 0, 0);
    }

    ok(reserved(&a, 1, h[200].tag) == 10ull * (rows - 100)
       && committed(&a, 1, NGX_HTTP_LLM_USD, WALL)
          == 10 * (rows - 50ull) + 100, "and gone when it is settled");

    /* the process is dead: as seen by another */

    other = a;
    a.arena->slot[a.rows.slot - 1].owner ^= 1ull << 35;
    ok(ngx_http_llm_ledger_join(&other, 2) == 0, "another comes");

    for (i = 100, n = 100; i < rows; i++) {
        n += llm_max(3, i % 10);
    }

    ok(committed(&other, 1, NGX_HTTP_LLM_USD, WALL) == n + 500,
       "and charges what was delivered, or the floor: %u", n + 500);
    ok(ngx_http_llm_account_counted(&other, NGX_HTTP_LLM_ACCOUNT_ORPHANS)
       == rows - 100
       && ngx_http_llm_account_counted(&other, NGX_HTTP_LLM_ACCOUNT_ORPHANED)
          == n - 100
       && reserved(&other, 1, h[200].tag) == 0, "once, and counts it");
    ok(ngx_http_llm_ledger_tick(&other, 3, WALL) == 0
       && committed(&other, 1, NGX_HTTP_LLM_USD, WALL) == n + 500,
       "not twice");

    /* one that leaves settles what it has in flight */

    memset(&h[0], 0, sizeof(h[0]));
    (void) ngx_http_llm_budget_reserve(&other, &h[0], 2, NGX_HTTP_LLM_USD,
                                       1000, 5, 1000000, 0, WALL);
    ngx_http_llm_hold_deliver(&other, &h[0], 17);
    ngx_http_llm_ledger_leave(&other, 4);
    ok(committed(&other, 2, NGX_HTTP_LLM_USD, WALL) == 17
       && ngx_http_llm_rows_workers(&other.rows) == 0,
       "who leaves has delivered what it said");

    accounts_drop(&a);

    /* limits, the same */

    a = limits(64 * 1024, "1000t/s");
    (void) ngx_http_llm_ledger_join(&a, 1);
    memset(h, 0, sizeof(h));

    for (i = 0; i < 10; i++) {
        uint64_t  wait;

        (void) ngx_http_llm_limit_take(&a, &h[i], 1, 100, 20, 1000, 0,
                                       T0, &wait);
        ngx_http_llm_hold_deliver(&a, &h[i], i * 10);
    }

    other = a;
    a.arena->slot[a.rows.slot - 1].owner ^= 1ull << 35;
    (void) ngx_http_llm_ledger_join(&other, T0);

    ok(ngx_http_llm_limit_left(&a, 1, 1000, T0)
       == 1000 - (3 * 20 + 30 + 40 + 50 + 60 + 70 + 80 + 90),
       "a dead process's limits get back what was not delivered");

    accounts_drop(&a);
}


int
main(void)
{
    table(32 * 1024);
    table(1024 * 1024);

    names();
    attached();
    copies();
    ledger();

    return done();
}
