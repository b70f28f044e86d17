
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Event streams out of anything: what a reader that holds the body finds,
 * whole, byte by byte and by the plan of the input.  No fuzzer guesses a CRC,
 * so the variant says what of an input is made right before it is read: as
 * long as lengths lead from one frame to the next, bit 0 the CRCs, bit 1 the
 * upper halves of both lengths, which become 0.
 */


#include "frame_log.h"
#include "cut.h"


static void
set_u32(uint8_t *p, uint32_t n)
{
    p[0] = n >> 24;
    p[1] = n >> 16;
    p[2] = n >> 8;
    p[3] = n;
}


static void
mend(uint8_t *p, size_t len, unsigned what)
{
    uint32_t  total;

    for ( /* void */ ; len >= 16; p += total, len -= total) {

        if (what & 2) {
            memset(p, 0, 2);
            memset(p + 4, 0, 2);
        }

        total = frame_u32(p);

        if (total < 16 || total > len) {
            return;
        }

        if (what & 1) {
            set_u32(p + 8, frame_crc(0, p, 8));
            set_u32(p + total - 4, frame_crc(0, p, total - 4));
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t        i;
    fuzz_t        f;
    uint8_t      *body;
    const cut_t  *cut[3];
    frame_log_t   want, log;

    if (!fuzz_input(&f, data, size)) {
        return 0;
    }

    body = malloc(f.len + 1);
    CHECK(body != NULL);
    memcpy(body, f.data, f.len);
    mend(body, f.len, f.variant);

    frame_standard(&want, body, f.len);

    cut[0] = &f.whole;
    cut[1] = &f.bytes;
    cut[2] = &f.plan;

    for (i = 0; i < 3; i++) {
        frame_log_read(&log, *cut[i], body, f.len);
        CHECK(bytes_same(&want.out, &log.out));
        frame_log_free(&log);
    }

    frame_log_free(&want);
    free(body);

    return 0;
}
