
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Marks: where in the body those values stand that may have to change.  A
 * mark is made when a value is met, from the offsets that the scanner tells
 * anyway; a body that nobody changes pays a store or two for each of them.
 *
 * A place that is met twice keeps the mark of the last and is in "twice":
 * who plans a change there must not.
 */


#include "llm_request_in.h"
#include "llm_decimal.h"


/* The mark of a slot, and one more; bounds have marks of their own. */

static const uint8_t  llm_request_marks[R_MARKED] = {
    [R_ROOT] = LLM_MARK_ROOT + 1,
    [R_MODEL] = LLM_MARK_MODEL + 1,
    [R_GENERATION] = LLM_MARK_GENERATION + 1,
    [R_INFERENCE] = LLM_MARK_INFERENCE + 1,
    [R_TITAN] = LLM_MARK_TITAN + 1,
    [R_OPTIONS] = LLM_MARK_OPTIONS + 1,
    [R_PARAMETERS] = LLM_MARK_PARAMETERS + 1,
    [R_STREAM_OPTIONS] = LLM_MARK_STREAM_OPTIONS + 1,
    [R_INCLUDE_USAGE] = LLM_MARK_INCLUDE_USAGE + 1,
    [R_THINKING] = LLM_MARK_BUDGET + 1
};


static void
llm_request_mark_set(llm_mark_t *m, const llm_json_event_t *ev)
{
    uint64_t  len;

    len = ev->end - ev->start;

    m->start = (uint32_t) ev->start;
    m->len = (uint16_t) len;
    m->slot = ev->slot;

    switch (ev->type) {

    case LLM_JSON_OBJECT:
        m->kind = LLM_MARK_OBJECT;
        break;

    case LLM_JSON_ARRAY:
        m->kind = LLM_MARK_ODD;
        break;

    case LLM_JSON_NULL:
        m->kind = LLM_MARK_NULL;
        break;

    default:
        m->kind = LLM_MARK_VALUE;
    }

    if (ev->end > UINT32_MAX || len > UINT16_MAX) {
        m->kind = LLM_MARK_ODD;
    }
}


/* A number, and one that was read. */

static void
llm_request_mark_number(llm_mark_t *m, const llm_json_event_t *ev)
{
    if (m->kind == LLM_MARK_VALUE
        && (ev->type != LLM_JSON_NUMBER || (ev->flags & LLM_JSON_E_CUT)))
    {
        m->kind = LLM_MARK_ODD;
    }
}


void
llm_request_mark(llm_request_t *r, const llm_json_event_t *ev)
{
    uint64_t              v;
    llm_mark_t           *mark;
    llm_request_marks_t  *m;

    m = &r->marks;

    if (ev->slot >= R_BOUNDS && ev->slot < R_BOUNDS_END) {

        if (m->nbounds < LLM_MARK_BOUNDS) {
            mark = &m->bound[m->nbounds];
            llm_request_mark_set(mark, ev);
            llm_request_mark_number(mark, ev);
        }

        m->nbounds += (m->nbounds < UINT32_MAX);
        return;
    }

    if (llm_request_marks[ev->slot] == 0) {
        return;
    }

    mark = &m->at[llm_request_marks[ev->slot] - 1];
    llm_request_mark_set(mark, ev);

    if (ev->slot == R_THINKING) {
        llm_request_mark_number(mark, ev);
        v = 0;

        if (mark->kind == LLM_MARK_VALUE) {
            (void) llm_decimal_count(ev->text, &v);
        }

        m->budget = (uint32_t) llm_min(v, UINT32_MAX);
    }
}


void
llm_request_mark_close(llm_request_t *r, const llm_json_event_t *ev)
{
    llm_mark_t  *m;

    if (llm_request_marks[ev->slot] == 0
        || !(ev->flags & LLM_JSON_E_EMPTY))
    {
        return;
    }

    m = &r->marks.at[llm_request_marks[ev->slot] - 1];

    if (m->kind == LLM_MARK_OBJECT) {
        m->kind = LLM_MARK_EMPTY;
    }
}
