
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The scanner out of anything: one reading whole, byte by byte and by the
 * plan of the input, up to the end and up to the value's, with vector
 * instructions and without.  What the log itself checks: values in order and
 * within the text.  What is checked here: a value that was told is where it
 * was said to be.
 */


#include "json_log.h"
#include "cut.h"


#define T  LLM_JSON_F_TEXT
#define O  LLM_JSON_F_OPEN
#define C  LLM_JSON_F_CLOSE

static const llm_json_row_t  rows[] = {
    { "a", 1, O|C },
    { "a.b", 2, 0 },
    { "a.t", 3, T },
    { "a.*", 4, O },
    { "a.*.b", 5, 0 },
    { "[]", 6, O|C },
    { "[].b", 7, LLM_JSON_F_STRING },
    { "[].t", 8, T|O },
    { "[].a[]", 9, O|C },
    { "[].a[].b", 10, 0 },
    { "[][]", 11, T|O },
    { "*", 12, 0 },
    { "long_key_of_16_b", 13, 0 },
    { "longer_key_of_17b", 14, T },
    { "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x", 15, O|C }
};

static const llm_json_row_t  bare[] = {
    { "model", 1, 0 },
    { "messages[].content", 2, T },
    { "messages[].content[].text", 3, T },
    { "tools", 4, O|C },
    { "stream_options.include_usage", 5, 0 },
    { "max_completion_tokens", 6, 0 }
};


static llm_json_table_t  table[4];


/* A number, a literal or a bracket stands where the event says. */

static void
check_places(const json_log_t *log, const fuzz_t *f)
{
    unsigned        n;
    json_record_t   r;
    const uint8_t  *p, *v;

    p = log->out.data;

    for (n = 0; n < log->events; n++) {
        memcpy(&r, p, sizeof(r));
        p += sizeof(r);
        v = f->data + r.start;

        switch (r.type) {

        case LLM_JSON_NUMBER:
            CHECK(r.end - r.start == r.text_len
                  || (r.flags & LLM_JSON_E_CUT));
            CHECK(memcmp(v, p, r.text_len) == 0);
            break;

        case LLM_JSON_TRUE:
        case LLM_JSON_NULL:
            CHECK(r.end - r.start == 4 && (*v == 't' || *v == 'n'));
            break;

        case LLM_JSON_FALSE:
            CHECK(r.end - r.start == 5 && *v == 'f');
            break;

        case LLM_JSON_STRING:
            CHECK(*v == '"' && f->data[r.end - 1] == '"');
            CHECK(r.end - r.start >= 2);
            break;

        case LLM_JSON_OBJECT:
            CHECK(*v == '{');
            break;

        case LLM_JSON_ARRAY:
            CHECK(*v == '[');
            break;

        case LLM_JSON_CLOSE:
            CHECK(r.end == r.start + 1 && (*v == '}' || *v == ']'));
            break;
        }

        p += r.text_len + r.key_len;
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                   i, k;
    fuzz_t                   f;
    const cut_t             *cut[3];
    json_log_t               want, log;
    const llm_json_table_t  *t;

    if (table[0].n == 0) {
        CHECK(llm_json_compile(&table[0], rows,
                               sizeof(rows) / sizeof(rows[0])) == 0);
        CHECK(llm_json_compile(&table[2], bare,
                               sizeof(bare) / sizeof(bare[0])) == 0);
        table[1] = table[0];
        table[3] = table[2];
        table[1].strict = table[3].strict = 1;
    }

    if (!fuzz_input(&f, data, size)) {
        return 0;
    }

    t = &table[f.variant % 4];

    json_log_read(&want, &json_vector, t, f.whole, f.data, f.len);
    check_places(&want, &f);

    cut[0] = &f.whole;
    cut[1] = &f.bytes;
    cut[2] = &f.plan;

    for (i = 0; i < 3; i++) {
        for (k = 0; k < 2; k++) {
            json_log_read(&log, k ? &json_scalar : &json_vector, t, *cut[i],
                          f.data, f.len);
            CHECK(bytes_same(&want.out, &log.out));
            json_log_free(&log);

            json_log_read_value(&log, k ? &json_scalar : &json_vector, t,
                                *cut[i], f.data, f.len);
            CHECK(bytes_same(&want.out, &log.out));
            json_log_free(&log);
        }
    }

    json_log_free(&want);

    return 0;
}
