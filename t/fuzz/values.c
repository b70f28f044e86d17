
/*
 * Copyright (C) ngx_llm_module authors
 *
 * NDJSON and streamed arrays out of anything: what a reader that holds the
 * body finds, whole, byte by byte and by the plan of the input.  The variant
 * chooses between both.
 */


#include "values_log.h"
#include "cut.h"


static const llm_json_row_t  rows[] = {
    { "a", 1, LLM_JSON_F_OPEN|LLM_JSON_F_CLOSE },
    { "t", 2, LLM_JSON_F_TEXT },
    { "a.t", 3, LLM_JSON_F_TEXT },
    { "a.*", 4, 0 },
    { "[]", 5, LLM_JSON_F_OPEN|LLM_JSON_F_CLOSE },
    { "model", 6, 0 }
};

static llm_json_table_t  table;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int           array;
    size_t        i;
    fuzz_t        f;
    const cut_t  *cut[3];
    values_log_t  want, log;

    if (table.n == 0) {
        CHECK(llm_json_compile(&table, rows, sizeof(rows) / sizeof(rows[0]))
              == LLM_JSON_OK);
    }

    if (!fuzz_input(&f, data, size)) {
        return 0;
    }

    array = f.variant & 1;
    values_standard(&want, &table, array, f.data, f.len);

    cut[0] = &f.whole;
    cut[1] = &f.bytes;
    cut[2] = &f.plan;

    for (i = 0; i < 3; i++) {
        values_log_read(&log, &table, array, *cut[i], f.data, f.len);
        CHECK(bytes_same(&want.json.out, &log.json.out));
        values_log_free(&log);
    }

    values_log_free(&want);

    return 0;
}
