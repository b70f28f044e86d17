
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Canonical bytes of anything: the same whole, byte by byte and by the plan
 * of the input; of a JSON text they are a JSON text, canonical itself.
 */


#include "llm_canon.h"
#include "llm_json.h"
#include "cut.h"


static const char *const  names[] = { "user", "a", NULL };


static void
sink(void *data, const uint8_t *p, size_t len)
{
    CHECK(len > 0);
    bytes_put(data, p, len);
}


static int
piece(void *ctx, const uint8_t *p, size_t len)
{
    llm_canon_feed(ctx, p, len);

    return 0;
}


static void
canon(const uint8_t *p, size_t len, cut_t cut, bytes_t *to)
{
    llm_canon_t  c;

    memset(to, 0, sizeof(bytes_t));

    llm_canon_init(&c, names, sink, to);
    cut_feed(cut, p, len, piece, &c);
}


static void
nothing(void *data, const llm_json_event_t *ev)
{
    (void) data;
    (void) ev;
}


static int
valid(const llm_json_table_t *table, const uint8_t *p, size_t len)
{
    llm_json_t  s;

    llm_json_init(&s, table, nothing, NULL);

    return llm_json_feed(&s, p, len) == LLM_JSON_OK
           && llm_json_end(&s) == LLM_JSON_OK;
}


/* A mark of UTF-8 before the text is none of its bytes for the scanner. */

static int
marked(const fuzz_t *f)
{
    return f->len && f->data[0] == 0xef;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t        i;
    fuzz_t        f;
    bytes_t       want, got;
    const cut_t  *cut[2];

    static int               ready;
    static llm_json_table_t  table;

    static const llm_json_row_t  rows[] = { { "a", 0, 0 } };

    if (!ready) {
        CHECK(llm_json_compile(&table, rows, 1) == LLM_JSON_OK);
        ready = 1;
    }

    if (!fuzz_input(&f, data, size)) {
        return 0;
    }

    canon(f.data, f.len, f.whole, &want);
    CHECK(want.len <= f.len);

    cut[0] = &f.bytes;
    cut[1] = &f.plan;

    for (i = 0; i < 2; i++) {
        canon(f.data, f.len, *cut[i], &got);
        CHECK(bytes_same(&want, &got));
        bytes_free(&got);
    }

    if (!marked(&f) && valid(&table, f.data, f.len)) {
        CHECK(valid(&table, want.data, want.len));

        canon(want.data, want.len, f.whole, &got);
        CHECK(bytes_same(&want, &got));
        bytes_free(&got);
    }

    bytes_free(&want);

    return 0;
}
