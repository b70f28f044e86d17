
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Streams out of anything: what passes does not depend on the pieces, and is
 * what came less whole events that say "usage" and "choices".
 */


#define _GNU_SOURCE

#include "edit_log.h"
#include "cut.h"


/* What is left out lies between ends of lines, and is one of those. */

static void
fuzz_left(const fuzz_t *f, const edit_run_t *run)
{
    CHECK(run->out.len <= f->len);
    CHECK((run->drops != 0) == (run->out.len != f->len));

    if (run->drops == 0) {
        CHECK(f->len == 0 || memcmp(run->out.data, f->data, f->len) == 0);
        return;
    }

    /* {"choices":[],"usage":0} and the line around it */
    CHECK(f->len - run->out.len >= run->drops * 29);
    CHECK(memmem(f->data, f->len, "data", 4) != NULL);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_t  f;

    static int         ready;
    static edit_run_t  whole, other;

    if (!ready) {
        CHECK(llm_edit_compile(&edit_table) == LLM_JSON_OK);
        ready = 1;
    }

    if (!fuzz_input(&f, data, size)) {
        return 0;
    }

    edit_run(&whole, f.whole, f.data, f.len, f.variant & 1);
    fuzz_left(&f, &whole);

    edit_run(&other, f.bytes, f.data, f.len, f.variant & 1);
    CHECK(bytes_same(&whole.out, &other.out));

    edit_run(&other, f.plan, f.data, f.len, f.variant & 1);
    CHECK(bytes_same(&whole.out, &other.out));

    return 0;
}
