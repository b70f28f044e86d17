
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the tests of the zone share: TAP, an arena in a mapping that
 * processes share, labels, random numbers.
 */


#ifndef _ZONE_TEST_H_INCLUDED_
#define _ZONE_TEST_H_INCLUDED_


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "ngx_http_llm_live.h"
#include "ngx_http_llm_marks.h"
#include "ngx_http_llm_owner.h"
#include "ngx_http_llm_quota.h"
#include "ngx_http_llm_series.h"
#include "ngx_http_llm_sum.h"


#define SECOND  1000000000ull
#define MB      (1024 * 1024ull)

static int  tap_planned, tap_failed;


__attribute__((format(printf, 2, 3)))
static int
ok(int good, const char *fmt, ...)
{
    va_list  args;

    printf("%sok %d - ", good ? "" : "not ", ++tap_planned);

    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);

    printf("\n");
    fflush(stdout);

    tap_failed += !good;
    return good;
}


static int
done(void)
{
    printf("1..%d\n", tap_planned);
    return tap_failed != 0;
}


/* Numbers of a proof run, or of a normal one. */

static inline long
proof(long normal, long large)
{
    const char  *p = getenv("LLM_PROOF");

    return p && *p && *p != '0' ? large : normal;
}


static uint64_t  random_state = 88172645463325252ull;


static inline uint64_t
random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;

    return random_state * 2685821657736338717ull;
}


static inline double
random_unit(void)
{
    return ((double) (random64() >> 11) + 0.5) / 9007199254740992.0;
}


static inline llm_str_t
str(const char *s)
{
    llm_str_t  v = { (const uint8_t *) s, strlen(s) };

    return v;
}


static inline ngx_http_llm_labels_t
labels(const char *provider, const char *model, const char *route)
{
    ngx_http_llm_labels_t  l;

    memset(&l, 0, sizeof(l));
    l.provider = str(provider);
    l.model = str(model);
    l.route = str(route);
    l.operation = LLM_OP_CHAT;

    return l;
}


static inline void
own(ngx_http_llm_labels_t *l, const char *name, const char *value)
{
    l->own[l->nown].name = str(name);
    l->own[l->nown].value = str(value);
    l->nown++;
}


static inline void *
shared(size_t size)
{
    void  *p = mmap(NULL, size, PROT_READ|PROT_WRITE,
                    MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        printf("Bail out! mmap\n");
        exit(2);
    }

    return p;
}


/* A zone that was created at second 1000. */

#define T0  (1000 * SECOND)

static inline ngx_http_llm_zone_t
zone_make(size_t size)
{
    static const char     secret[] = "sixteen bytes...";
    ngx_http_llm_zone_t   zone;

    memset(&zone, 0, sizeof(zone));

    if (ngx_http_llm_arena_format(&zone, shared(size), size, T0,
                                  1700000000 * SECOND, secret)
        != NGX_HTTP_LLM_ARENA_OK)
    {
        printf("Bail out! format\n");
        exit(2);
    }

    return zone;
}


static inline void
zone_drop(ngx_http_llm_zone_t *zone)
{
    munmap(zone->arena, zone->arena->size);
}


/* Takes the mark that is due, if one is, as the 1 s timer does. */

static inline void
zone_tick(ngx_http_llm_zone_t *zone, uint64_t now)
{
    while (ngx_http_llm_marks_run(zone, now, 64) == NGX_HTTP_LLM_MARKS_AGAIN) {
        now += 1000;
    }
}


#endif /* _ZONE_TEST_H_INCLUDED_ */
