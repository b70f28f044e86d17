
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the programs of t/unit/ share: TAP, bytes that grow, random numbers
 * that are the same everywhere.
 */


#ifndef _TAP_H_INCLUDED_
#define _TAP_H_INCLUDED_


#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define CHECK(x)                                                              \
    do {                                                                      \
        if (!(x)) {                                                           \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);           \
            abort();                                                          \
        }                                                                     \
    } while (0)


static int  tap_planned __attribute__((unused));
static int  tap_failed __attribute__((unused));


static __attribute__((unused, format(printf, 2, 3))) void
ok(int good, const char *format, ...)
{
    va_list  args;

    printf("%sok %d - ", good ? "" : "not ", ++tap_planned);

    va_start(args, format);
    vprintf(format, args);
    va_end(args);

    putchar('\n');
    tap_failed += !good;
}


static __attribute__((unused)) int
tap_done(void)
{
    printf("1..%d\n", tap_planned);

    return tap_failed ? 1 : 0;
}


typedef struct {
    uint8_t  *data;
    size_t    len;
    size_t    size;
} bytes_t;


static __attribute__((unused)) void
bytes_put(bytes_t *b, const void *p, size_t len)
{
    if (b->len + len > b->size) {
        b->size = (b->len + len) * 2 + 64;
        b->data = realloc(b->data, b->size);
        CHECK(b->data != NULL);
    }

    if (len) {
        memcpy(b->data + b->len, p, len);
        b->len += len;
    }
}


static __attribute__((unused)) int
bytes_same(const bytes_t *a, const bytes_t *b)
{
    return a->len == b->len
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}


static __attribute__((unused)) void
bytes_free(bytes_t *b)
{
    free(b->data);
    memset(b, 0, sizeof(bytes_t));
}


/* How a text is cut: the length of each next piece, at least 1. */

typedef struct {
    enum { CUT_WHOLE = 0, CUT_BYTES, CUT_RANDOM, CUT_PLAN } how;
    uint64_t        seed;
    const uint8_t  *plan;        /* CUT_PLAN: lengths, used round and round */
    size_t          nplan;
    size_t          at;
} cut_t;


static __attribute__((unused)) uint64_t
cut_random(uint64_t *seed)
{
    uint64_t  x;

    x = (*seed += 0x9e3779b97f4a7c15ull);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;

    return x ^ (x >> 31);
}


static __attribute__((unused)) size_t
cut_next(cut_t *c, size_t left)
{
    size_t  n;

    switch (c->how) {

    case CUT_BYTES:
        n = 1;
        break;

    case CUT_RANDOM:
        n = 1 + cut_random(&c->seed) % (cut_random(&c->seed) % 4 ? 7 : 60);
        break;

    case CUT_PLAN:
        n = c->nplan ? 1 + (size_t) c->plan[c->at++ % c->nplan] : left;
        break;

    default:
        n = left;
    }

    return n < left ? n : left;
}


/* Hands on data in pieces, each in an allocation of its exact size, until the
   reader returns other than 0. */

static __attribute__((unused)) void
cut_feed(cut_t c, const uint8_t *p, size_t len,
    int (*reader)(void *ctx, const uint8_t *p, size_t len), void *ctx)
{
    int       rc;
    size_t    n, size;
    uint8_t  *q;

    q = NULL;
    size = 0;

    for (rc = 0; len && rc == 0; p += n, len -= n) {
        n = cut_next(&c, len);

        if (n != size) {
            free(q);
            q = malloc(n);
            CHECK(q != NULL);
            size = n;
        }

        memcpy(q, p, n);
        rc = reader(ctx, q, n);
    }

    free(q);
}


#endif /* _TAP_H_INCLUDED_ */
