
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Reads a request whole, byte by byte and split at random, and says in one
 * line what was found.
 */


#ifndef _REQUEST_LOG_H_INCLUDED_
#define _REQUEST_LOG_H_INCLUDED_


#include "llm_request.h"
#include "tap.h"


#define SPLITS  20
#define NONE    UINT64_MAX

#define in(s)  s, sizeof(s) - 1


static llm_dialect_set_t  set;


typedef struct {
    llm_request_t  r;
    uint64_t       max;
} run_t;


static int
piece(void *ctx, const uint8_t *p, size_t len)
{
    run_t  *run = ctx;

    llm_request_feed(&run->r, p, len, run->max);

    return 0;
}


static void
facts(const llm_request_t *r, bytes_t *to)
{
    char  line[512];

    static const char *const  states[] = {
        "unread", "reading", "read", "not json", "too large", "ambiguous"
    };

    bytes_put(to, line, snprintf(line, sizeof(line),
        "%s model=%.*s stream=%d usage=%d ", states[r->state], r->model_len,
        (char *) r->model, r->stream, r->include_usage));

    if (r->has_max_tokens) {
        bytes_put(to, line, snprintf(line, sizeof(line), "max=%llu ",
                  (unsigned long long) r->max_tokens));
    }

    bytes_put(to, line, snprintf(line, sizeof(line),
        "temp=%.*s turns=%u tokens=%u bytes=%llu opaque=%llu %s",
        r->temperature_len, (char *) r->temperature, r->turns, r->tokens,
        (unsigned long long) r->prompt_bytes,
        (unsigned long long) r->opaque,
        llm_dialects[llm_request_dialect(r)]->name));
}


static uint64_t
tokens(const llm_request_t *r)
{
    return llm_request_tokens(r, llm_request_dialect(r),
                              (llm_str_t) { NULL, 0 });
}


static void
read_one(run_t *run, cut_t cut, const char *body, size_t len, bytes_t *to)
{
    llm_request_init(&run->r, &set);
    cut_feed(cut, (const uint8_t *) body, len, piece, run);
    llm_request_end(&run->r);

    to->len = 0;
    facts(&run->r, to);
}


/* Reads a body in all cuts; the facts of the whole. */

static __attribute__((unused)) int
read_all(const char *body, size_t len, uint64_t max, bytes_t *to)
{
    int           i, good;
    cut_t         cut;
    bytes_t       other;
    uint64_t      estimate;
    static run_t  run;

    memset(&cut, 0, sizeof(cut));
    memset(&other, 0, sizeof(other));
    run.max = max;

    read_one(&run, cut, body, len, to);
    estimate = tokens(&run.r);
    good = 1;

    for (i = 0; i <= SPLITS; i++) {
        cut.how = i ? CUT_RANDOM : CUT_BYTES;
        cut.seed = i;

        read_one(&run, cut, body, len, &other);

        if (!bytes_same(to, &other)
            || tokens(&run.r) != estimate)
        {
            printf("# cut %d: %.*s\n", i, (int) other.len,
                   (char *) other.data);
            good = 0;
        }
    }

    bytes_free(&other);

    return good;
}


#endif /* _REQUEST_LOG_H_INCLUDED_ */
