
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Requests out of anything: one reading whole, byte by byte and by the plan
 * of the input; what it read is bounded by what there was.
 */


#include "llm_request.h"
#include "cut.h"


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


static uint64_t
tokens(const llm_request_t *r)
{
    return llm_request_tokens(r, llm_request_dialect(r),
                              (llm_str_t) { NULL, 0 });
}


/* All that was read, and nothing that depends on how. */

static void
facts(const llm_request_t *r, bytes_t *to)
{
    uint64_t  v[] = {
        r->state, r->shape, r->stream, r->include_usage, r->has_max_tokens,
        r->model_flags, r->model_len, r->temperature_len, r->seen, r->turns,
        r->tokens, r->max_tokens, r->prompt_bytes, r->opaque, r->text.bytes,
        r->text.sum, r->ntools, r->has_stream, r->unbounded,
        llm_request_dialect(r), tokens(r)
    };

    bytes_put(to, v, sizeof(v));
    bytes_put(to, r->model, r->model_len);
    bytes_put(to, r->temperature, r->temperature_len);
}


static void
read_all(run_t *run, const llm_dialect_set_t *set, const fuzz_t *f, cut_t cut,
    bytes_t *to)
{
    run->max = (f->variant & 1) ? f->len - f->len / 4 : UINT64_MAX;

    llm_request_init(&run->r, set);
    cut_feed(cut, f->data, f->len, piece, run);
    llm_request_end(&run->r);

    memset(to, 0, sizeof(bytes_t));
    facts(&run->r, to);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t        i;
    fuzz_t        f;
    bytes_t       want, got;
    const cut_t  *cut[2];

    static int                ready;
    static run_t              run;
    static llm_dialect_set_t  set;

    if (!ready) {
        CHECK(llm_dialect_compile(&set) == LLM_JSON_OK);
        ready = 1;
    }

    if (!fuzz_input(&f, data, size)) {
        return 0;
    }

    read_all(&run, &set, &f, f.whole, &want);

    CHECK(run.r.prompt_bytes <= f.len);
    CHECK(run.r.opaque <= f.len);
    CHECK(run.r.turns <= f.len && run.r.tokens <= f.len);
    CHECK(run.r.model_len <= sizeof(run.r.model));

    /* an image is a few bytes of a request, and thousands of tokens */

    CHECK(tokens(&run.r) <= 2000 * (f.len + 1));

    cut[0] = &f.bytes;
    cut[1] = &f.plan;

    for (i = 0; i < 2; i++) {
        read_all(&run, &set, &f, *cut[i], &got);
        CHECK(bytes_same(&want, &got));
        bytes_free(&got);
    }

    bytes_free(&want);

    return 0;
}
