
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Responses of one dialect (RESPONSE_DIALECT) out of anything, streams and
 * whole bodies: one reading whole, byte by byte and by the plan of the input,
 * and tokens whose parts are never more than the whole.
 */


#include "llm_response.h"
#include "cut.h"


typedef struct {
    llm_response_t  r;
    uint32_t        content_events;
} run_t;


static int
piece(void *ctx, const uint8_t *p, size_t len)
{
    run_t  *run = ctx;

    llm_response_feed(&run->r, p, len);

    /* what was counted stays */

    CHECK(run->r.content_events >= run->content_events);
    CHECK(run->r.content_events <= run->r.events);
    run->content_events = run->r.content_events;

    return 0;
}


static void
put_str(bytes_t *to, llm_str_t s)
{
    bytes_put(to, &s.len, sizeof(s.len));
    bytes_put(to, s.data, s.len);
}


static void
facts(const llm_response_t *r, bytes_t *to)
{
    int           reported, stated;
    uint64_t      cost;
    llm_tokens_t  t;

    cost = 0;
    reported = llm_response_tokens(r, &t);
    stated = llm_response_cost(r, &cost);

    CHECK(t.cache_read <= t.input);
    CHECK(t.cache_write <= t.input - t.cache_read);
    CHECK(t.cache_write_1h <= t.cache_write);
    CHECK(t.reasoning <= t.output);

    uint64_t  v[] = {
        reported, t.input, t.output, t.cache_read, t.cache_write,
        t.cache_write_1h, t.reasoning, stated, cost, r->framing, r->end,
        r->finished, r->error, r->usage, r->broken, r->tier, r->events,
        r->content_events, r->content_events ? r->first_content : 0,
        r->usage_events, r->tool_calls, r->present, r->text.bytes,
        r->finish_why, r->error_type, r->error_code,
        llm_response_complete(r, 0), llm_response_complete(r, 1),
        llm_text_tokens(&r->text)
    };

    bytes_put(to, v, sizeof(v));
    bytes_put(to, r->text.n, sizeof(r->text.n));
    put_str(to, llm_response_model(r));
    put_str(to, llm_response_id(r));
    put_str(to, llm_response_finish(r));
}


static void
read_all(run_t *run, const llm_dialect_set_t *set, const fuzz_t *f, cut_t cut,
    bytes_t *to)
{
    static const uint8_t  hint[] = {
        LLM_FRAMING_SSE, LLM_FRAMING_JSON, LLM_FRAMING_UNKNOWN
    };

    llm_response_init(&run->r, set, RESPONSE_DIALECT, hint[f->variant % 3]);
    run->content_events = 0;
    cut_feed(cut, f->data, f->len, piece, run);
    llm_response_end(&run->r);

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

    CHECK(run.r.text.bytes <= f.len * 3);

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
