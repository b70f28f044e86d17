
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Reads a request, plans a change of it, and carries it out on a copy.
 */


#ifndef _SPLICE_LOG_H_INCLUDED_
#define _SPLICE_LOG_H_INCLUDED_


#include "llm_splice.h"
#include "tap.h"


static llm_dialect_set_t  splice_set;


static int
splice_piece(void *ctx, const uint8_t *p, size_t len)
{
    llm_request_feed(ctx, p, len, UINT64_MAX);

    return 0;
}


static void
splice_read(llm_request_t *r, cut_t cut, const uint8_t *p, size_t len)
{
    llm_request_init(r, &splice_set);
    cut_feed(cut, p, len, splice_piece, r);
    llm_request_end(r);
}


static void
splice_call(const llm_request_t *r, unsigned dialect, llm_splice_call_t *call)
{
    memset(call, 0, sizeof(llm_splice_call_t));

    call->marks = &r->marks;
    call->model.data = r->model;
    call->model.len = r->model_len;
    call->max_tokens = r->max_tokens;
    call->has_max_tokens = r->has_max_tokens;
    call->unbounded = r->unbounded;
    call->exact = !(r->model_flags & (LLM_JSON_E_CUT|LLM_JSON_E_BADESC));
    call->stream = llm_request_streams(r, dialect);
    call->include_usage = r->include_usage;
    call->dialect = dialect;
    call->operation = dialect ? llm_dialects[dialect]->operation
                              : (unsigned) LLM_OP_OTHER;
}


/* A new value over the old one, padded; what is longer is put in. */

static void
splice_carry_out(const llm_splice_plan_t *plan, const uint8_t *p, size_t len,
    bytes_t *to)
{
    size_t                    at, n;
    uint32_t                  i;
    const llm_splice_edit_t  *e;

    to->len = 0;
    at = 0;

    for (i = 0; i < plan->n; i++) {
        e = &plan->edit[i];

        CHECK(e->offset >= at && (size_t) e->offset + e->old <= len);
        CHECK((size_t) e->text + e->len <= plan->used);
        CHECK(e->old || e->len);

        bytes_put(to, p + at, e->offset - at);
        bytes_put(to, plan->text + e->text, e->len);

        for (n = e->len; n < e->old; n++) {
            bytes_put(to, " ", 1);
        }

        at = (size_t) e->offset + e->old;
    }

    CHECK(plan->n <= LLM_SPLICE_EDITS && plan->used <= LLM_SPLICE_TEXT);

    bytes_put(to, p + at, len - at);
}


#endif /* _SPLICE_LOG_H_INCLUDED_ */
