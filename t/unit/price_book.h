
/*
 * Copyright (C) ngx_llm_module authors
 *
 * For tests: a price list loaded into memory the way a server would, and a
 * few lines of TAP.
 */


#ifndef _PRICE_BOOK_H_INCLUDED_
#define _PRICE_BOOK_H_INCLUDED_


#include <stdio.h>
#include <stdlib.h>

#include "llm_name.h"
#include "llm_price_list.h"


typedef struct {
    llm_price_list_t    list;
    llm_price_table_t   table;
    llm_price_slot_t   *slots;
    uint8_t            *arena;
    size_t              size;
    size_t              used;
    uint64_t            digest;      /* of all entries, in their order */
    int                 full;
} book_t;


static int  planned, failed;


static inline void
ok(int good, const char *what)
{
    printf("%sok %d - %s\n", good ? "" : "not ", ++planned, what);
    failed += !good;
}


static inline void
is(uint64_t got, uint64_t want, const char *what)
{
    ok(got == want, what);

    if (got != want) {
        printf("#   got %llu, want %llu\n", (unsigned long long) got,
               (unsigned long long) want);
    }
}


static inline void
is_str(const char *got, const char *want, const char *what)
{
    ok(strcmp(got, want) == 0, what);

    if (strcmp(got, want) != 0) {
        printf("#   got \"%s\", want \"%s\"\n", got, want);
    }
}


static inline int
done(void)
{
    printf("1..%d\n", planned);

    return failed != 0;
}


static inline llm_str_t
str(const char *s)
{
    llm_str_t  v;

    v.data = (const uint8_t *) s;
    v.len = strlen(s);

    return v;
}


static inline void *
must(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }

    return p;
}


static inline uint64_t
book_digest(uint64_t h, const void *p, size_t len)
{
    const uint8_t  *b = p;

    while (len--) {
        h = (h ^ *b++) * 0x100000001b3ull;
    }

    return h;
}


static inline void *
book_copy(book_t *b, const void *p, size_t len, size_t align)
{
    void  *at;

    b->used = (b->used + align - 1) & ~(align - 1);

    if (b->used + len > b->size) {
        fprintf(stderr, "arena is full\n");
        exit(2);
    }

    at = b->arena + b->used;
    b->used += len;

    return memcpy(at, p, len);
}


static inline int
book_entry(void *data, const llm_price_entry_t *e)
{
    size_t        i;
    book_t       *b = data;
    llm_str_t     name;
    llm_price_t  *price;

    b->digest = book_digest(b->digest, e->name.data, e->name.len);
    b->digest = book_digest(b->digest, e->price, llm_price_size(e->price));

    price = book_copy(b, e->price, llm_price_size(e->price), 8);

    name.data = book_copy(b, e->name.data, e->name.len, 1);
    name.len = e->name.len;

    if (llm_price_table_put(&b->table, name, price) < 0) {
        b->full = 1;
    }

    for (i = 0; i < e->naliases; i++) {
        b->digest = book_digest(b->digest, e->alias[i].data, e->alias[i].len);

        name.data = book_copy(b, e->alias[i].data, e->alias[i].len, 1);
        name.len = e->alias[i].len;

        if (llm_price_table_alias(&b->table, name, price) < 0) {
            b->full = 1;
        }
    }

    return 0;
}


static inline book_t *
book_new(uint32_t models, size_t bytes)
{
    book_t    *b;
    uint32_t   n;

    b = must(calloc(1, sizeof(book_t)));

    n = llm_price_table_slots(models);
    b->slots = must(malloc(n * sizeof(llm_price_slot_t)));
    b->arena = must(malloc(bytes));
    b->size = bytes;
    b->digest = 0xcbf29ce484222325ull;

    llm_price_table_init(&b->table, b->slots, n);

    if (llm_price_list_init(&b->list, book_entry, b) != LLM_PRICE_LIST_OK) {
        fprintf(stderr, "%s\n", b->list.error.what);
        exit(2);
    }

    return b;
}


static inline void
book_free(book_t *b)
{
    free(b->slots);
    free(b->arena);
    free(b);
}


/* Every piece in an allocation of its exact size. */

static inline int
book_read(book_t *b, const uint8_t *p, size_t len, size_t step)
{
    int       rc;
    size_t    n;
    uint8_t  *piece;

    rc = LLM_PRICE_LIST_OK;

    while (len && rc == LLM_PRICE_LIST_OK) {
        n = (step && step < len) ? step : len;
        piece = must(malloc(n));
        memcpy(piece, p, n);

        rc = llm_price_list_feed(&b->list, piece, n);

        free(piece);
        p += n;
        len -= n;
    }

    return (rc == LLM_PRICE_LIST_OK) ? llm_price_list_end(&b->list) : rc;
}


#endif /* _PRICE_BOOK_H_INCLUDED_ */
