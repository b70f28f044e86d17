
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Headers out of anything: lines of "name:value", each in allocations of
 * their exact size.  What was found is bounded, found again the same, and
 * does not depend on the case of names; a header that is none of ours
 * changes nothing.
 */


#include "llm_header.h"
#include "cut.h"


#define WALL  1795237200000ull


typedef struct {
    llm_quota_t   quota[LLM_QUOTA_N];
    llm_tokens_t  tokens;
    uint64_t      time;
    uint64_t      cost;
    uint32_t      error;
    uint32_t      has;
} found_t;


static void
line(llm_headers_t *h, const uint8_t *p, size_t len, int upper)
{
    size_t          i, n;
    uint8_t        *name, *value;
    llm_str_t       a, b;
    const uint8_t  *colon;

    colon = len ? memchr(p, ':', len) : NULL;

    if (colon == NULL) {
        return;
    }

    n = (size_t) (colon - p);
    len -= n + 1;

    name = malloc(n + (n == 0));
    value = malloc(len + (len == 0));
    CHECK(name != NULL && value != NULL);

    for (i = 0; i < n; i++) {
        name[i] = p[i];

        if (upper && p[i] >= 'a' && p[i] <= 'z') {
            name[i] &= (uint8_t) ~0x20;
        }
    }

    memcpy(value, colon + 1, len);

    a.data = name;
    a.len = n;
    b.data = value;
    b.len = len;

    llm_header_note(h, a, b);

    free(name);
    free(value);
}


static void
read_all(const fuzz_t *f, int upper, found_t *found)
{
    unsigned        i;
    llm_headers_t   h;
    const uint8_t  *p, *e, *end;

    memset(found, 0, sizeof(found_t));
    memset(&h, 0x5a, sizeof(h));
    llm_headers_init(&h, (f->variant & 1) ? WALL : 0);

    e = f->data + f->len;

    for (p = f->data; p < e; p = end + 1) {
        end = memchr(p, '\n', (size_t) (e - p));
        end = end ? end : e;

        line(&h, p, (size_t) (end - p), upper);
    }

    for (i = 0; i < LLM_QUOTA_N; i++) {
        found->has |= (uint32_t) llm_headers_quota(&h, i, &found->quota[i])
                      << i;
    }

    found->has |= (uint32_t) llm_headers_tokens(&h, &found->tokens) << 2;
    found->has |= (uint32_t) llm_headers_time(&h, &found->time) << 3;
    found->has |= (uint32_t) llm_headers_cost(&h, &found->cost) << 4;
    found->error = h.error;

    CHECK(h.passed == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_t    f;
    found_t   a, b;
    unsigned  i, k;

    if (!fuzz_input(&f, data, size)) {
        return 0;
    }

    read_all(&f, 0, &a);
    read_all(&f, 1, &b);
    CHECK(memcmp(&a, &b, sizeof(found_t)) == 0);

    for (i = 0; i < LLM_QUOTA_N; i++) {
        CHECK(((a.has >> i) & 1) == (a.quota[i].said != 0));

        for (k = 0; k < LLM_QUOTA_VALUES; k++) {
            CHECK((a.quota[i].said & llm_quota_bit(k))
                  || a.quota[i].value[k] == 0);
            CHECK(a.quota[i].value[k] <= 1000000000000000ull);
        }

        CHECK((a.quota[i].said & llm_quota_bit(LLM_QUOTA_LIMIT)) == 0
              || a.quota[i].value[LLM_QUOTA_LIMIT] > 0);
        CHECK(a.quota[i].value[LLM_QUOTA_RESET] <= 366ull * 86400 * 1000);
    }

    CHECK(a.time < 86401ull * 1000000000);
    CHECK(a.cost <= 1000000000000000ull);
    CHECK(((a.has >> 4) & 1) == (a.cost != 0));
    CHECK(a.error < LLM_ERROR_N);
    CHECK(a.tokens.cache_read + a.tokens.cache_write <= a.tokens.input);
    CHECK(a.tokens.input <= 3000000000000000ull);

    return 0;
}
