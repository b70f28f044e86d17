
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Changes of requests out of anything: marks do not depend on the pieces, a
 * changed request is one that can be read, it says what was wanted, and needs
 * no change.  The variant chooses the dialect and what is wanted.
 */


#include "splice_log.h"
#include "cut.h"


static const char *const  fuzz_models[] = {
    "", "m", "gpt-4o", "o3-mini", "a\"b\\", "us.meta.llama3-8b-instruct-v1:0"
};

static const uint64_t  fuzz_bounds[] = { 0, 1, 1024, 1025, 4096, 99999999 };


static void
fuzz_want(const fuzz_t *f, llm_splice_want_t *want, unsigned *dialect)
{
    const char  *model;

    model = fuzz_models[f->variant % 6];

    want->model.data = (const uint8_t *) model;
    want->model.len = strlen(model);
    want->max_output = fuzz_bounds[f->variant / 6 % 6];
    want->has_max = (want->max_output != 0);
    want->include_usage = f->variant & 1;

    *dialect = f->variant / 3 % LLM_DIALECT_N;
}


static unsigned
fuzz_plan(llm_splice_plan_t *plan, llm_request_t *r, unsigned dialect,
    const llm_splice_want_t *want)
{
    llm_splice_call_t  call;

    splice_call(r, dialect, &call);

    if (dialect == LLM_DIALECT_INVOKE) {
        call.path_model.data = (const uint8_t *) "amazon.titan-text";
        call.path_model.len = 17;
    }

    return llm_splice_plan(plan, &call, want);
}


static void
fuzz_said(const llm_request_t *r, unsigned dialect,
    const llm_splice_want_t *want)
{
    if (want->model.len && dialect != LLM_DIALECT_INVOKE) {
        CHECK(r->model_len == want->model.len
              && memcmp(r->model, want->model.data, r->model_len) == 0);
    }

    if (want->has_max && llm_splice_bounded(llm_dialects[dialect]->operation)
        && dialect != LLM_DIALECT_NONE)
    {
        CHECK(r->has_max_tokens && !r->unbounded);
        CHECK(r->max_tokens <= want->max_output);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_t             f;
    bytes_t            out;
    unsigned           dialect;
    llm_splice_want_t  want;

    static int                ready;
    static llm_request_t      r, other;
    static llm_splice_plan_t  plan;

    if (!ready) {
        CHECK(llm_dialect_compile(&splice_set) == LLM_JSON_OK);
        ready = 1;
    }

    if (!fuzz_input(&f, data, size)) {
        return 0;
    }

    splice_read(&r, f.whole, f.data, f.len);

    splice_read(&other, f.bytes, f.data, f.len);
    CHECK(memcmp(&r.marks, &other.marks, sizeof(r.marks)) == 0);

    splice_read(&other, f.plan, f.data, f.len);
    CHECK(memcmp(&r.marks, &other.marks, sizeof(r.marks)) == 0);

    if (r.state != LLM_REQUEST_READ) {
        return 0;
    }

    fuzz_want(&f, &want, &dialect);

    if (fuzz_plan(&plan, &r, dialect, &want) != LLM_SPLICE_OK) {
        CHECK(plan.n == 0);
        return 0;
    }

    memset(&out, 0, sizeof(bytes_t));
    splice_carry_out(&plan, f.data, f.len, &out);

    splice_read(&other, f.whole, out.data, out.len);
    CHECK(other.state == LLM_REQUEST_READ);
    CHECK(other.turns == r.turns && other.prompt_bytes == r.prompt_bytes);

    fuzz_said(&other, dialect, &want);
    CHECK(!plan.usage || other.include_usage);

    CHECK(fuzz_plan(&plan, &other, dialect, &want) == LLM_SPLICE_OK);
    CHECK(plan.n == 0);

    bytes_free(&out);

    return 0;
}
