
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Responses of one dialect (RESPONSE_DIALECT) out of anything, streams and
 * whole bodies: one reading whole, byte by byte and by the plan of the input,
 * and tokens whose parts are never more than the whole.
 *
 * RESPONSE_FRAMES: a frame's CRC is nothing that is guessed, so half of the
 * inputs are not bodies but lines, and a line is a frame: its first byte says
 * the type, the rest is the payload, or (RESPONSE_WRAPPED) is wrapped into
 * one.  Of half of these one frame is damaged or cut, and must tell nothing.
 */


#include "response_log.h"
#include "cut.h"
#include "frames.h"


#define FRAMES  64


typedef struct {
    bytes_t  body;
    size_t   at[FRAMES + 1];
    size_t   n;
} framed_t;


#ifdef RESPONSE_FRAMES

static const char *const  frame_types[] = {
    "contentBlockDelta", "messageStart", "contentBlockStart",
    "contentBlockStop", "messageStop", "metadata", "chunk", "other", "",
    "throttlingException", "modelStreamErrorException"
};

#define FRAME_TYPES  (sizeof(frame_types) / sizeof(frame_types[0]))


static void
framed_make(framed_t *to, const uint8_t *p, size_t len)
{
    size_t          n;
    const char     *type;
    const uint8_t  *e;

    memset(to, 0, sizeof(framed_t));

    for ( /* void */ ; len && to->n < FRAMES; p += n, len -= n) {
        e = memchr(p, '\n', len);
        n = e ? (size_t) (e - p) + 1 : len;
        to->at[to->n++] = to->body.len;

        if (n < 2) {
            frame_put_event(&to->body, "metadata", "{}", 2);
            continue;
        }

        type = frame_types[p[0] % FRAME_TYPES];

#ifdef RESPONSE_WRAPPED
        if (strstr(type, "Exception") == NULL) {
            frame_put_chunk(&to->body, p + 1, n - 1);
            continue;
        }
#endif

        frame_put_event(&to->body, type, p + 1, n - 1);
    }

    to->at[to->n] = to->body.len;
}


/* What a frame that is not believed added is gone; what it replaced may be
 * unknown; all else is as in the stream that ends before it. */

static void
framed_believed(const llm_response_t *bad, const llm_response_t *cut)
{
    size_t  i;

    CHECK(bad->end == cut->end);
    CHECK(bad->error == cut->error);
    CHECK(bad->finished == cut->finished);
    CHECK(bad->usage == cut->usage);
    CHECK(bad->usage_events == cut->usage_events);
    CHECK(bad->tier == cut->tier);
    CHECK(bad->factors == cut->factors);
    CHECK(bad->extras == cut->extras);
    CHECK(bad->events == cut->events);
    CHECK(bad->content_events == cut->content_events);
    CHECK(bad->tool_calls == cut->tool_calls);
    CHECK(cut->content_events == 0
          || bad->first_content == cut->first_content);

    CHECK(bad->error_type == cut->error_type
          || bad->error_type == LLM_ERROR_NONE);
    CHECK(bad->error_code == cut->error_code
          || bad->error_code == LLM_ERROR_NONE);
    CHECK(bad->finish.len == 0
          || (bad->finish.len == cut->finish.len
              && memcmp(bad->finish.data, cut->finish.data, cut->finish.len)
                 == 0));

    CHECK(bad->model_len == cut->model_len && bad->id_len == cut->id_len);
    CHECK(memcmp(bad->names + bad->model_at, cut->names + cut->model_at,
                 cut->model_len) == 0);
    CHECK(memcmp(bad->names + bad->id_at, cut->names + cut->id_at,
                 cut->id_len) == 0);

    CHECK((bad->present & ~cut->present) == 0);

    for (i = 0; i < LLM_COUNTERS_N; i++) {
        CHECK(!(bad->present & 1u << i) || bad->counter[i] == cut->counter[i]);
    }
}

#endif


static void
fuzz_one(const llm_dialect_set_t *set, fuzz_t *f, unsigned hint,
    const uint8_t *p, size_t len, response_log_t *log)
{
    size_t        i;
    bytes_t       want, got;
    const cut_t  *cut[2] = { &f->bytes, &f->plan };

    for (i = 0; i < 2; i++) {
        response_log_read(log, set, RESPONSE_DIALECT, hint, *cut[i], p, len,
                          &got);

        if (i == 0) {
            response_log_read(log, set, RESPONSE_DIALECT, hint, f->whole, p,
                              len, &want);
        }

        CHECK(bytes_same(&want, &got));
        bytes_free(&got);
    }

    bytes_free(&want);
}


#ifdef RESPONSE_FRAMES

static void
fuzz_frames(const llm_dialect_set_t *set, fuzz_t *f, response_log_t *log)
{
    size_t      k, n, at;
    bytes_t     out;
    unsigned    hint;
    framed_t    framed;
    const int   damaged = f->variant & 0x40, cut = f->variant & 0x20;

    static response_log_t  before;

    hint = (f->variant & 1) ? LLM_FRAMING_EVENTSTREAM : LLM_FRAMING_UNKNOWN;
    framed_make(&framed, f->data, f->len);

    if ((damaged || cut) && framed.n && f->plan.nplan >= 2) {
        k = f->plan.plan[0] % framed.n;
        n = framed.at[k + 1] - framed.at[k];
        at = (f->plan.plan[1] * 37 + f->plan.nplan) % n;

        response_log_read(&before, set, RESPONSE_DIALECT, hint, f->whole,
                          framed.body.data, framed.at[k], &out);
        bytes_free(&out);

        if (cut) {
            framed.body.len = framed.at[k] + at;

        } else {
            framed.body.data[framed.at[k] + at] ^= 1 << (f->variant >> 1 & 7);
        }

        /* of the first one the first byte tells that it is one */

        if (k > 0) {
            fuzz_one(set, f, hint, framed.body.data, framed.body.len, log);
            framed_believed(&log->r, &before.r);
        }
    }

    fuzz_one(set, f, hint, framed.body.data, framed.body.len, log);
    bytes_free(&framed.body);
}

#endif


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_t    f;

    static int                ready;
    static response_log_t     log;
    static llm_dialect_set_t  set;
    static const uint8_t      hints[] = {
        LLM_FRAMING_SSE, LLM_FRAMING_JSON, LLM_FRAMING_UNKNOWN,
        LLM_FRAMING_NDJSON, LLM_FRAMING_EVENTSTREAM
    };

    if (!ready) {
        CHECK(llm_dialect_compile(&set) == LLM_JSON_OK);
        set.crc = frame_crc;
        ready = 1;
    }

    if (!fuzz_input(&f, data, size)) {
        return 0;
    }

#ifdef RESPONSE_FRAMES
    if (f.variant & 0x80) {
        fuzz_frames(&set, &f, &log);
        return 0;
    }
#endif

    fuzz_one(&set, &f, hints[f.variant % 5], f.data, f.len, &log);

    return 0;
}
