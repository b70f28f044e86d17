
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Server-sent events out of anything: the events that the standard finds,
 * whole, byte by byte and by the plan of the input, with vector instructions
 * and without.
 */


#include "sse_log.h"
#include "cut.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t        i, k;
    fuzz_t        f;
    sse_log_t     want, log;
    const cut_t  *cut[3];

    if (!fuzz_input(&f, data, size)) {
        return 0;
    }

    sse_standard(&want, f.data, f.len);

    cut[0] = &f.whole;
    cut[1] = &f.bytes;
    cut[2] = &f.plan;

    for (i = 0; i < 3; i++) {
        for (k = 0; k < 2; k++) {
            sse_log_read(&log, k ? &sse_scalar : &sse_vector, *cut[i], f.data,
                         f.len);
            CHECK(want.events == log.events);
            CHECK(bytes_same(&want.out, &log.out));
            sse_log_free(&log);
        }
    }

    sse_log_free(&want);

    return 0;
}
