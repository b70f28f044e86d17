
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What providers said last: kept by kind, never older over newer, a place a
 * provider, also while processes write at the same time.
 */


#include <sys/wait.h>
#include <unistd.h>

#include "ngx_http_llm_quota.h"
#include "zone_test.h"


#define MS(n)  (1700000000000ull + (n))


static llm_quota_t
quota(int64_t remaining, int64_t limit, int64_t reset)
{
    llm_quota_t  q;

    memset(&q, 0, sizeof(q));

    if (remaining >= 0) {
        q.said |= llm_quota_bit(LLM_QUOTA_REMAINING);
        q.value[LLM_QUOTA_REMAINING] = (uint64_t) remaining;
    }

    if (limit >= 0) {
        q.said |= llm_quota_bit(LLM_QUOTA_LIMIT);
        q.value[LLM_QUOTA_LIMIT] = (uint64_t) limit;
    }

    if (reset >= 0) {
        q.said |= llm_quota_bit(LLM_QUOTA_RESET);
        q.value[LLM_QUOTA_RESET] = (uint64_t) reset;
    }

    return q;
}


static void
note(ngx_http_llm_zone_t *z, const char *provider, llm_quota_t requests,
    llm_quota_t tokens, uint64_t said, uint64_t now)
{
    llm_quota_t  q[LLM_QUOTA_N] = { requests, tokens };

    ngx_http_llm_quota_note(z, str(provider), q, said, now);
}


static int
find(ngx_http_llm_zone_t *z, const char *provider,
    ngx_http_llm_quota_view_t *v)
{
    uint32_t  i;

    for (i = 0; i < NGX_HTTP_LLM_QUOTAS; i++) {
        if (ngx_http_llm_quota_read(z, i, v)
            && llm_str_eq(v->provider, provider, strlen(provider)))
        {
            return 1;
        }
    }

    return 0;
}


static int
is(ngx_http_llm_quota_view_t *v, uint32_t kind, int64_t remaining,
    int64_t limit, int64_t reset)
{
    uint32_t     i;
    llm_quota_t  want;

    want = quota(remaining, limit, reset);

    if (v->quota[kind].said != want.said) {
        return 0;
    }

    for (i = 0; i < LLM_QUOTA_VALUES; i++) {
        if ((want.said & llm_quota_bit(i))
            && v->quota[kind].value[i] != want.value[i])
        {
            return 0;
        }
    }

    return 1;
}


static uint32_t
places(ngx_http_llm_zone_t *z)
{
    uint32_t                   i, n;
    ngx_http_llm_quota_view_t  v;

    for (i = 0, n = 0; i < NGX_HTTP_LLM_QUOTAS; i++) {
        n += (uint32_t) ngx_http_llm_quota_read(z, i, &v);
    }

    return n;
}


static void
test_values(void)
{
    ngx_http_llm_zone_t        z;
    ngx_http_llm_quota_view_t  v;
    llm_quota_t                none = quota(-1, -1, -1);

    z = zone_make(NGX_HTTP_LLM_ARENA_MIN);

    ok(places(&z) == 0 && !find(&z, "openai", &v), "fresh: nobody");

    note(&z, "openai", quota(9, 10, 1500), quota(0, 200, 0), MS(0), MS(5));

    ok(find(&z, "openai", &v) && v.updated == MS(0)
       && is(&v, LLM_QUOTA_REQUESTS, 9, 10, MS(1500))
       && is(&v, LLM_QUOTA_TOKENS, 0, 200, MS(0)),
       "what was said, 0 among it; resets by the clock");

    note(&z, "openai", none, quota(7, -1, -1), MS(10), MS(10));

    ok(find(&z, "openai", &v) && v.updated == MS(10)
       && is(&v, LLM_QUOTA_REQUESTS, 9, 10, MS(1500))
       && is(&v, LLM_QUOTA_TOKENS, 7, -1, -1),
       "a kind that is not named stays, one that is is whole");

    note(&z, "openai", quota(1, 2, 3), quota(4, 5, 6), MS(9), MS(20));

    ok(find(&z, "openai", &v) && v.updated == MS(10)
       && is(&v, LLM_QUOTA_REQUESTS, 9, 10, MS(1500)),
       "what is older does not replace it");

    note(&z, "openai", quota(1, 2, 3), none, MS(10), MS(20));

    ok(find(&z, "openai", &v) && is(&v, LLM_QUOTA_REQUESTS, 1, 2, MS(13)),
       "of the same moment it does");

    note(&z, "openai", quota(3, 4, -1), none, MS(2), MS(3));

    ok(find(&z, "openai", &v) && v.updated == MS(2)
       && is(&v, LLM_QUOTA_REQUESTS, 3, 4, -1),
       "and so does it when the clock was set back");

    note(&z, "", quota(3, 4, -1), none, MS(2), MS(3));
    ok(places(&z) == 1, "no name, no place");

    note(&z, "a\tb\xff", quota(3, 4, -1), none, MS(2), MS(3));
    ok(find(&z, "a\xef\xbf\xbd" "b\xef\xbf\xbd", &v), "names are cleaned");

    note(&z, "0123456789012345678901234567890123456789",
         quota(3, 4, -1), none, MS(2), MS(3));
    note(&z, "01234567890123456789012345678901",
         quota(5, 6, -1), none, MS(3), MS(3));
    ok(find(&z, "01234567890123456789012345678901", &v) && places(&z) == 3
       && is(&v, LLM_QUOTA_REQUESTS, 5, 6, -1), "and cut, before they are "
       "told apart");

    zone_drop(&z);
}


static void
test_full(void)
{
    int                        good;
    char                       name[16];
    uint32_t                   i;
    ngx_http_llm_zone_t        z;
    ngx_http_llm_quota_view_t  v;
    llm_quota_t                none = quota(-1, -1, -1);

    z = zone_make(NGX_HTTP_LLM_ARENA_MIN);

    for (i = 0; i < 100; i++) {
        (void) snprintf(name, sizeof(name), "p%u", i);
        note(&z, name, quota(i, -1, -1), none, MS(i), MS(100));
    }

    ok(places(&z) == NGX_HTTP_LLM_QUOTAS
       && z.arena->counter[NGX_HTTP_LLM_PROVIDERS_DROPPED]
          == 100 - NGX_HTTP_LLM_QUOTAS,
       "%u find a place, the others are counted", NGX_HTTP_LLM_QUOTAS);

    good = 1;

    for (i = 0; i < NGX_HTTP_LLM_QUOTAS; i++) {
        (void) snprintf(name, sizeof(name), "p%u", i);
        note(&z, name, quota(i + 1000, -1, -1), none, MS(200), MS(200));

        good = good && find(&z, name, &v)
               && is(&v, LLM_QUOTA_REQUESTS, i + 1000, -1, -1);
    }

    ok(good && places(&z) == NGX_HTTP_LLM_QUOTAS, "each its own");

    zone_drop(&z);
}


/* Numbers of an answer: each tells what it is of, and of whom. */

#define NUMBER(who, n, value)  ((uint64_t) (who) << 40 | (n) << 4 | (value))

static int
plausible(ngx_http_llm_quota_view_t *v)
{
    uint32_t  k, i, who;

    who = (uint32_t) (v->provider.data[1] - '0');

    for (k = 0; k < LLM_QUOTA_N; k++) {
        for (i = 0; i < LLM_QUOTA_RESET; i++) {
            if ((v->quota[k].said & llm_quota_bit(i)) == 0
                || (v->quota[k].value[i] & 15) != (k << 2 | i)
                || v->quota[k].value[i] >> 40 != who)
            {
                return 0;
            }
        }
    }

    return v->updated >= MS(1) && v->updated < MS(1000000);
}


static void
test_race(long rounds)
{
    int                        good, status, p, running;
    long                       i, reads;
    char                       name[8];
    uint32_t                   k, who;
    llm_quota_t                q[LLM_QUOTA_N];
    ngx_http_llm_zone_t        z;
    ngx_http_llm_quota_view_t  v;

    z = zone_make(NGX_HTTP_LLM_ARENA_MIN);

    for (p = 0; p < 4; p++) {

        if (fork() != 0) {
            continue;
        }

        for (i = 1; i < rounds; i++) {
            who = (uint32_t) (i + p) % 8;
            (void) snprintf(name, sizeof(name), "p%u", who);

            for (k = 0; k < LLM_QUOTA_N; k++) {
                q[k] = quota((int64_t) NUMBER(who, i, k << 2),
                             (int64_t) NUMBER(who, i, k << 2 | 1), -1);
            }

            ngx_http_llm_quota_note(&z, str(name), q, MS(i), MS(i));
        }

        _exit(0);
    }

    good = 1;
    reads = 0;

    for (running = 4; running; ) {

        for (k = 0; k < NGX_HTTP_LLM_QUOTAS; k++) {
            if (ngx_http_llm_quota_read(&z, k, &v)) {
                good = good && plausible(&v);
                reads++;
            }
        }

        if (waitpid(-1, &status, WNOHANG) > 0) {
            running--;
            good = good && status == 0;
        }
    }

    ok(good && places(&z) == 8, "%ld reads beside four writers", reads);

    zone_drop(&z);
}


int
main(void)
{
    test_values();
    test_full();
    test_race(proof(20000, 2000000));

    return done();
}
