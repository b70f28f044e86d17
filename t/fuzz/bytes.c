
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The member "bytes" out of anything: one reading whole, byte by byte and by
 * the plan of the input; and where it is JSON, what the scanner and a decoder
 * that hold it whole say.
 */


#include "bytes_log.h"
#include "cut.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_t       f;
    bytes_log_t  want, log;

    if (!fuzz_input(&f, data, size)) {
        return 0;
    }

    bytes_log_read(&want, f.whole, f.data, f.len);
    CHECK(bytes_agree(&want, f.data, f.len));

    bytes_log_read(&log, f.bytes, f.data, f.len);
    CHECK(bytes_log_same(&want, &log));
    bytes_log_free(&log);

    bytes_log_read(&log, f.plan, f.data, f.len);
    CHECK(bytes_log_same(&want, &log));
    bytes_log_free(&log);

    bytes_log_free(&want);

    return 0;
}
