
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Runs a stream through the edit in pieces, and keeps what passes.
 */


#ifndef _EDIT_LOG_H_INCLUDED_
#define _EDIT_LOG_H_INCLUDED_


#include "llm_edit.h"
#include "tap.h"


static llm_json_table_t  edit_table;


typedef struct {
    llm_edit_t  e;
    bytes_t     held;
    bytes_t     out;
    size_t      most;            /* bytes held at once */
    unsigned    drops;
} edit_run_t;


static void
edit_verdict(edit_run_t *run, unsigned verdict, const uint8_t *p, size_t n)
{
    switch (verdict) {

    case LLM_EDIT_HOLD_ON:
        bytes_put(&run->held, p, n);
        run->most = run->held.len > run->most ? run->held.len : run->most;
        return;

    case LLM_EDIT_PASS:
        bytes_put(&run->out, run->held.data, run->held.len);
        bytes_put(&run->out, p, n);
        break;

    default:
        run->drops++;
    }

    run->held.len = 0;
}


static int
edit_piece(void *ctx, const uint8_t *p, size_t len)
{
    size_t       n;
    unsigned     verdict;
    edit_run_t  *run = ctx;

    while (len) {
        n = llm_edit_feed(&run->e, p, len, &verdict);

        CHECK(n > 0 && n <= len);
        CHECK(verdict != LLM_EDIT_HOLD_ON || n == len);

        edit_verdict(run, verdict, p, n);

        p += n;
        len -= n;
    }

    CHECK(run->e.next == 0);

    return 0;
}


/* whole: the stream ends in order; else it breaks off, and all that is held
   goes out. */

static void
edit_run(edit_run_t *run, cut_t cut, const uint8_t *p, size_t len, int whole)
{
    run->held.len = 0;
    run->out.len = 0;
    run->most = 0;
    run->drops = 0;

    llm_edit_init(&run->e, &edit_table);
    cut_feed(cut, p, len, edit_piece, run);

    edit_verdict(run, whole ? llm_edit_end(&run->e) : LLM_EDIT_PASS, p, 0);

    CHECK(run->most <= LLM_EDIT_HOLD);
}


#endif /* _EDIT_LOG_H_INCLUDED_ */
