
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Responses of one dialect (RESPONSE_DIALECT) out of anything, streams and
 * whole bodies: one reading whole, byte by byte and by the plan of the input,
 * and tokens whose parts are never more than the whole.
 */


#include "response_log.h"
#include "cut.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t         i;
    fuzz_t         f;
    bytes_t        want, got;
    unsigned       hint;
    const cut_t   *cut[2];

    static int                ready;
    static response_log_t     log;
    static llm_dialect_set_t  set;
    static const uint8_t      hints[] = {
        LLM_FRAMING_SSE, LLM_FRAMING_JSON, LLM_FRAMING_UNKNOWN
    };

    if (!ready) {
        CHECK(llm_dialect_compile(&set) == LLM_JSON_OK);
        ready = 1;
    }

    if (!fuzz_input(&f, data, size)) {
        return 0;
    }

    hint = hints[f.variant % 3];

    response_log_read(&log, &set, RESPONSE_DIALECT, hint, f.whole, f.data,
                      f.len, &want);

    cut[0] = &f.bytes;
    cut[1] = &f.plan;

    for (i = 0; i < 2; i++) {
        response_log_read(&log, &set, RESPONSE_DIALECT, hint, *cut[i], f.data,
                          f.len, &got);
        CHECK(bytes_same(&want, &got));
        bytes_free(&got);
    }

    bytes_free(&want);

    return 0;
}
