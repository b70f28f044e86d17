
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The arena and its series in one process: sizes, attaching, identity,
 * hostile labels, what happens when the table or the pool is full.
 */


#include "zone_test.h"


static void
arena(void)
{
    size_t                size;
    uint32_t              busy;
    ngx_http_llm_zone_t   z, other;

    /* nginx keeps 24 bytes a page for itself */

    z = zone_make(64 * MB - 64 * MB / 4096 * 24 - 2 * 4096);
    busy = z.columns_max / (7 * LLM_DIST_N);

    ok(busy >= 200 && z.series_max >= 200,
       "64 MB: %u series, %u columns, %u of them busy", z.series_max,
       z.columns_max, busy);
    zone_drop(&z);

    z = zone_make(64 * MB);
    memset(&other, 0, sizeof(other));
    ok(ngx_http_llm_arena_attach(&other, z.arena, 64 * MB)
       == NGX_HTTP_LLM_ARENA_OK && other.column == z.column
       && other.series == z.series, "attached");
    ok((uint8_t *) (z.mark_cells + NGX_HTTP_LLM_MARKS * z.columns_max)
       <= (uint8_t *) z.arena + 64 * MB
       && (uint8_t *) (z.mark_words + NGX_HTTP_LLM_MARKS * z.series_max)
          <= (uint8_t *) z.mark_cells
       && (uint8_t *) (z.column + z.columns_max) <= (uint8_t *) z.mark_words
       && (uint8_t *) (z.chunk + z.chunks_max) <= (uint8_t *) z.column
       && (uint8_t *) (z.series + z.series_max) <= (uint8_t *) z.chunk
       && (uint8_t *) (z.id + z.series_max) <= (uint8_t *) z.series,
       "parts do not overlap");

    ok(ngx_http_llm_arena_attach(&other, z.arena, 32 * MB)
       == NGX_HTTP_LLM_ARENA_FOREIGN, "not with another size");
    z.arena->columns_max++;
    ok(ngx_http_llm_arena_attach(&other, z.arena, 64 * MB)
       == NGX_HTTP_LLM_ARENA_FOREIGN, "nor with another partition");
    z.arena->shape++;
    ok(ngx_http_llm_arena_attach(&other, z.arena, 64 * MB)
       == NGX_HTTP_LLM_ARENA_LAYOUT, "nor of another build");
    z.arena->magic = 0;
    ok(ngx_http_llm_arena_attach(&other, z.arena, 64 * MB)
       == NGX_HTTP_LLM_ARENA_FOREIGN, "nor without the magic");
    zone_drop(&z);

    for (size = NGX_HTTP_LLM_ARENA_MIN; size < 3 * MB; size += 12345) {
        z = zone_make(size);

        if (z.series_max < 3 || z.columns_max < 40 || z.chunks_max < 8
            || (uint8_t *) (z.mark_cells
                            + NGX_HTTP_LLM_MARKS * z.columns_max)
               > (uint8_t *) z.arena + size)
        {
            break;
        }

        zone_drop(&z);
    }

    ok(size >= 3 * MB, "every size from %d bytes", NGX_HTTP_LLM_ARENA_MIN);
    ok(ngx_http_llm_arena_format(&z, &z, NGX_HTTP_LLM_ARENA_MIN - 1, 1, 1,
                                 "sixteen bytes...")
       == NGX_HTTP_LLM_ARENA_SMALL, "and none below");
}


static void
siphash(void)
{
    uint32_t        i;
    uint8_t         in[16];
    const uint64_t  key[2] = { 0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull };

    for (i = 0; i < 15; i++) {
        in[i] = (uint8_t) i;
    }

    ok(ngx_http_llm_siphash(key, in, 15) == 0xa129ca6149be45e5ull,
       "SipHash-2-4 of its paper's example");
    ok(ngx_http_llm_siphash(key, in, 0) == 0x726fdb47dd0e0e31ull,
       "and of nothing");
    ok(ngx_http_llm_siphash(key, in, 8) == 0x93f5f5799a932462ull,
       "and of eight bytes");
}


static void
identity(void)
{
    uint32_t               a, b, c, d;
    ngx_http_llm_zone_t    z;
    ngx_http_llm_labels_t  l, m, seen;

    z = zone_make(4 * MB);

    l = labels("openai", "gpt-x", "/v1");
    a = ngx_http_llm_series_claim(&z, &l, 1);
    ok(a != 0 && a == ngx_http_llm_series_claim(&z, &l, 0),
       "one series, known or not");

    own(&l, "team", "red");
    own(&l, "app", "chat");
    b = ngx_http_llm_series_claim(&z, &l, 1);

    m = labels("openai", "gpt-x", "/v1");
    own(&m, "app", "chat");
    own(&m, "empty", "");
    own(&m, "team", "red");
    c = ngx_http_llm_series_claim(&z, &m, 1);

    ok(b != a && b == c, "own labels: another; their order does not matter");

    ok(ngx_http_llm_series_labels(&z, b, &seen) && seen.nown == 2
       && llm_str_is(seen.own[0].name, "app")
       && llm_str_is(seen.own[0].value, "chat")
       && llm_str_is(seen.own[1].name, "team")
       && llm_str_is(seen.own[1].value, "red")
       && llm_str_is(seen.provider, "openai")
       && llm_str_is(seen.model, "gpt-x") && llm_str_is(seen.route, "/v1")
       && seen.operation == LLM_OP_CHAT, "labels as given, sorted");

    m = labels("openai", "gpt-x", "/v1");
    m.operation = LLM_OP_RESPONSES;
    d = ngx_http_llm_series_claim(&z, &m, 1);
    ok(d != a, "another operation");

    m = labels("openai", "gpt-x/v", "1");
    ok(ngx_http_llm_series_claim(&z, &m, 1) != a, "boundaries count");
    ok(ngx_http_llm_series_find(&z, &l) == b, "found");

    m = labels("openai", "gpt-y", "/v1");
    ok(ngx_http_llm_series_find(&z, &m) == z.series_max, "not made by find");

    m = labels("other", "other", "other");
    m.operation = LLM_OP_OTHER;
    ok(ngx_http_llm_series_claim(&z, &m, 0) == NGX_HTTP_LLM_SERIES_GLOBAL,
       "all other is the global one");
    ok(ngx_http_llm_series_labels(&z, 0, &seen)
       && llm_str_is(seen.provider, "other")
       && llm_str_is(seen.model, "other") && llm_str_is(seen.route, "other")
       && seen.operation == LLM_OP_OTHER && seen.nown == 0,
       "which has labels");
    ok(ngx_http_llm_series_labels(&z, z.series_max, &seen) == 0
       && ngx_http_llm_series_labels(&z, UINT32_MAX, &seen) == 0,
       "no labels out of bounds");

    /* killed between the id and the text: there is nothing to show */

    m = labels("openai", "gpt-z", "/v1");
    a = ngx_http_llm_series_claim(&z, &m, 1);
    z.series[a].filled = 0;
    memset(&z.series[a].text, 0, sizeof(z.series[a].text));
    ok(ngx_http_llm_series_labels(&z, a, &seen) == 0, "no text, no labels");
    ok(ngx_http_llm_series_claim(&z, &m, 1) == a
       && ngx_http_llm_series_labels(&z, a, &seen)
       && llm_str_is(seen.model, "gpt-z"), "the next one writes it");

    zone_drop(&z);
}


static int
utf8_clean(const uint8_t *p, size_t len)
{
    size_t    i, n;
    uint32_t  u;

    for (i = 0; i < len; i += n) {
        u = p[i];
        n = u < 0x80 ? 1 : u < 0xe0 ? 2 : u < 0xf0 ? 3 : 4;

        if (u < 0x20 || u == 0x7f || (u >= 0x80 && u < 0xc2) || u > 0xf4
            || i + n > len || (u == 0xc2 && p[i + 1] < 0xa0)
            || (u == 0xed && p[i + 1] > 0x9f))
        {
            return 0;
        }

        for (u = 1; u < n; u++) {
            if ((p[i + u] & 0xc0) != 0x80) {
                return 0;
            }
        }
    }

    return 1;
}


static void
cleaning(void)
{
    int        bad;
    long       k;
    size_t     i, n, len, size;
    uint8_t   *in, *out;
    llm_str_t  s;

    static const struct {
        const char  *in;
        size_t       len;
        size_t       size;
        const char  *out;
    } c[] = {
        { "plain-1.0", 9, 32, "plain-1.0" },
        { "a\0b\n\x7f", 5, 32, "a\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xc0\xaf", 2, 32, "\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xed\xa0\x80", 3, 32, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xf4\x90\x80\x80", 4, 6, "\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xc2\x85z", 3, 32, "\xef\xbf\xbd\xef\xbf\xbdz" },
        { "\xe2\x80\xae!", 4, 32, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd!" },
        { "\xf0\x9f\x98\x80", 4, 32, "\xf0\x9f\x98\x80" },
        { "abc\xf0\x9f\x98\x80", 7, 6, "abc" },
        { "ab\xc3\xa9" "cdef", 8, 4, "ab\xc3\xa9" },
        { "ab\xc3", 3, 32, "ab\xef\xbf\xbd" },
        { "ab\xff", 3, 4, "ab" },
        { "", 0, 4, "" },
    };

    for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        out = malloc(c[i].size);
        s.data = (const uint8_t *) c[i].in;
        s.len = c[i].len;
        n = ngx_http_llm_label_clean(out, c[i].size, s);
        ok(n == strlen(c[i].out) && memcmp(out, c[i].out, n) == 0,
           "clean %d", (int) i);
        free(out);
    }

    bad = 0;

    for (k = 0; k < 300000; k++) {
        len = random64() % 40;
        size = 1 + random64() % 40;
        in = malloc(len + 1);
        out = malloc(size);

        for (i = 0; i < len; i++) {
            in[i] = (uint8_t) (random64() % 3 ? random64() | 0x80
                                              : random64());
        }

        s.data = in;
        s.len = len;
        n = ngx_http_llm_label_clean(out, size, s);
        bad += (n > size || !utf8_clean(out, n));

        free(in);
        free(out);
    }

    ok(bad == 0, "300,000 random texts are clean, and within bounds");
}


static uint32_t
flood(ngx_http_llm_zone_t *z, const char *what, uint32_t n, int known)
{
    char                   name[32];
    uint32_t               i, made;
    ngx_http_llm_labels_t  l;

    made = ngx_http_llm_arena_used(z);

    for (i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "%s-%u", what, i);
        l = labels("openai", name, "/v1");
        (void) ngx_http_llm_series_claim(z, &l, known);
    }

    return ngx_http_llm_arena_used(z) - made;
}


static void
full(size_t size)
{
    uint32_t               n, a, made, room, idx, base;
    uint64_t               folded;
    ngx_http_llm_zone_t    z;
    ngx_http_llm_labels_t  l, seen;

    z = zone_make(size);
    n = z.series_max - 1;
    room = n * 3 / 4;

    a = flood(&z, "invented", 4 * n, 0);
    base = a - room;

    ok(a == room + (base ? 1 : 0), "%u of %u series for invented names, and "
       "their base", a, n);

    folded = ngx_http_llm_zone_counted(&z, NGX_HTTP_LLM_SERIES_FOLDED);
    ok(folded == 4 * n - room, "%u calls folded", (unsigned) folded);

    l = labels("openai", "invented-x", "/v1");
    idx = ngx_http_llm_series_claim(&z, &l, 0);
    ok(ngx_http_llm_series_labels(&z, idx, &seen)
       && llm_str_is(seen.model, "other")
       && llm_str_is(seen.provider, "openai")
       && llm_str_is(seen.route, "/v1") && seen.operation == LLM_OP_CHAT,
       "into the base of provider, route and operation");

    made = flood(&z, "known", 2 * n, 1);
    ok(made == n - n / 16 - room - base,
       "%u known models all the same", made);

    l = labels("openai", "known-0", "/v1");
    idx = ngx_http_llm_series_claim(&z, &l, 0);
    ok(idx == ngx_http_llm_series_find(&z, &l)
       && ngx_http_llm_series_labels(&z, idx, &seen)
       && llm_str_is(seen.model, "known-0"),
       "one of them, no longer in the list, is still found");

    for (a = 0; a < n; a++) {
        char  route[32];

        snprintf(route, sizeof(route), "/route/%u", a);
        l = labels("openai", "x", route);
        idx = ngx_http_llm_series_claim(&z, &l, 0);
    }

    ok(ngx_http_llm_arena_used(&z) == z.series_max, "then bases, all told %u",
       z.series_max);
    ok(idx == NGX_HTTP_LLM_SERIES_GLOBAL, "then the global one");
    ok(ngx_http_llm_series_base(&z, str("p"), str("r"), LLM_OP_CHAT)
       == NGX_HTTP_LLM_SERIES_GLOBAL, "also for a base");

    ngx_http_llm_series_add(&z, z.series_max, NGX_HTTP_LLM_CALLS_OK, 1);
    ngx_http_llm_series_add(&z, 0, NGX_HTTP_LLM_COUNTERS_N, 1);
    ngx_http_llm_series_sample(&z, z.series_max, LLM_DIST_TTFT, 1);
    ngx_http_llm_series_sample(&z, 0, LLM_DIST_N, 1);
    ok(z.series[0].word[NGX_HTTP_LLM_COUNTERS_N] == 0, "nothing else written");

    zone_drop(&z);
}


static void
pool(void)
{
    long                   i, n;
    uint32_t               a;
    static ngx_http_llm_sum_t  sum;
    ngx_http_llm_zone_t    z;
    ngx_http_llm_labels_t  l;

    z = zone_make(NGX_HTTP_LLM_ARENA_MIN);
    l = labels("openai", "gpt-x", "/v1");
    a = ngx_http_llm_series_claim(&z, &l, 1);

    for (i = 0; i < 32 * 6; i++) {
        ngx_http_llm_series_sample(&z, a, (uint32_t) i % 6,
                                   1000ull << (i / 6));
    }

    ngx_http_llm_sum_init(&sum);
    ngx_http_llm_sum_add(&z, a, NGX_HTTP_LLM_WINDOW_ALL, T0, &sum);

    for (i = 0, n = 0; i < 6; i++) {
        n += (long) sum.dist[i].nocell;
        ok(sum.dist[i].count == 32 && sum.dist[i].max == 1000ull << 31
           && sum.dist[i].min == 1000
           && sum.dist[i].sum == 1000ull * ((1ull << 32) - 1),
           "%s counts what found no column", llm_dist_names[i]);
    }

    ok(n == 32 * 6 - (long) z.columns_max && n > 0
       && ngx_http_llm_zone_counted(&z, NGX_HTTP_LLM_SAMPLES_DROPPED)
          == (uint64_t) n, "%ld samples dropped", n);
    ok(z.arena->columns == z.columns_max, "the pool's count stays");

    /* a damaged index leads nowhere */

    z.series[a].column[0][0] = UINT32_MAX;
    z.series[a].column[0][1] = z.columns_max + 1;
    ngx_http_llm_series_sample(&z, a, 0, 1000);
    ngx_http_llm_series_sample(&z, a, 0, 2000);
    ngx_http_llm_sum_reset(&sum);
    ngx_http_llm_sum_add(&z, a, NGX_HTTP_LLM_WINDOW_ALL, T0, &sum);
    zone_tick(&z, T0 + 11 * SECOND);
    ok(sum.dist[0].count == 32, "a damaged column is not followed");

    zone_drop(&z);
}


int
main(void)
{
    arena();
    siphash();
    identity();
    cleaning();
    full(1 * MB);
    full(8 * MB);
    full(64 * MB);
    pool();

    return done();
}
