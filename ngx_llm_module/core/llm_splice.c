
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Plans a change of a request.
 *
 * Nothing is serialised anew: a value that changes is overwritten where it
 * stands, a member that is missing is put in behind the opening brace of its
 * object, and every other byte stays as it is.  What must stay true:
 *
 *  - All bounds that a body names are clamped, since which one holds is the
 *    provider's choice; where one cannot be, nothing is changed at all.
 *
 *  - Members that go into the same object go in as one edit, so that there
 *    is a comma between them, and none before a closing brace.
 *
 *  - The plan is of bounded size: a dozen edits, two KiB of text.
 */


#include "llm_splice.h"
#include "llm_escape.h"
#include "llm_splice_field.h"


const char *const  llm_splice_names[LLM_SPLICE_N] = {
    "ok", "signed", "encoded", "unreadable", "unread", "path", "budget",
    "bound", "nowhere"
};


/* Anthropic's least budget of thinking */

#define LLM_SPLICE_THINKING  1024


/* text[] holds what all edits together can need: three members at the top
 * with a name of LLM_SPLICE_MODEL bytes, and numbers. */

_Static_assert(LLM_SPLICE_MODEL * LLM_ESCAPE_MAX + 64 * LLM_SPLICE_EDITS / 2
               <= LLM_SPLICE_TEXT, "the text of a plan");


static void
llm_splice_put(llm_splice_plan_t *plan, const char *s)
{
    size_t  n;

    n = strlen(s);

    memcpy(plan->text + plan->used, s, n);
    plan->used += n;
}


static void
llm_splice_put_number(llm_splice_plan_t *plan, uint64_t v)
{
    uint8_t  digits[20];
    size_t   n;

    n = sizeof(digits);

    do {
        digits[--n] = '0' + v % 10;
        v /= 10;
    } while (v);

    memcpy(plan->text + plan->used, digits + n, sizeof(digits) - n);
    plan->used += sizeof(digits) - n;
}


static void
llm_splice_put_model(llm_splice_plan_t *plan, llm_str_t model)
{
    uint8_t  *p;

    llm_splice_put(plan, "\"");

    p = llm_escape_json(plan->text + plan->used, model);
    plan->used = p - plan->text;

    llm_splice_put(plan, "\"");
}


/* An edit of what is put from here on, up to its end. */

static llm_splice_edit_t *
llm_splice_begin(llm_splice_plan_t *plan, uint32_t offset, uint32_t old)
{
    llm_splice_edit_t  *e;

    e = &plan->edit[plan->n++];

    e->offset = offset;
    e->old = old;
    e->text = plan->used;

    return e;
}


static void
llm_splice_end(llm_splice_plan_t *plan, llm_splice_edit_t *e)
{
    e->len = plan->used - e->text;
}


static void
llm_splice_number(llm_splice_plan_t *plan, const llm_mark_t *m, uint64_t v)
{
    llm_splice_edit_t  *e;

    e = llm_splice_begin(plan, m->start, m->len);
    llm_splice_put_number(plan, v);
    llm_splice_end(plan, e);
}


static int
llm_splice_is_object(const llm_mark_t *m)
{
    return m->kind == LLM_MARK_OBJECT || m->kind == LLM_MARK_EMPTY;
}


/* What is to be put in at the top, gathered until all is known. */

typedef struct {
    const llm_splice_want_t   *want;
    const llm_splice_call_t   *call;
    const llm_splice_field_t  *field;        /* NULL: no bound */
    uint64_t                   max;
    unsigned                   model:1;
    unsigned                   usage:1;
} llm_splice_top_t;


static void
llm_splice_member(llm_splice_plan_t *plan, const char *key)
{
    llm_splice_put(plan, "\"");
    llm_splice_put(plan, key);
    llm_splice_put(plan, "\":");
}


static void
llm_splice_put_field(llm_splice_plan_t *plan, const llm_splice_field_t *f,
    uint64_t max)
{
    if (f->object != LLM_MARK_ROOT) {
        llm_splice_member(plan, f->name);
        llm_splice_put(plan, "{");
    }

    llm_splice_member(plan, f->key);
    llm_splice_put_number(plan, max);

    if (f->object != LLM_MARK_ROOT) {
        llm_splice_put(plan, "}");
    }
}


static void
llm_splice_top(llm_splice_plan_t *plan, const llm_splice_top_t *top)
{
    unsigned            n;
    const char         *comma;
    const llm_mark_t   *root;
    llm_splice_edit_t  *e;

    n = (top->field != NULL) + top->model + top->usage;

    if (n == 0) {
        return;
    }

    root = &top->call->marks->at[LLM_MARK_ROOT];
    e = llm_splice_begin(plan, root->start + 1, 0);

#define COMMA()                                                               \
    comma = (--n || root->kind == LLM_MARK_OBJECT) ? "," : "";                \
    llm_splice_put(plan, comma)

    if (top->model) {
        llm_splice_member(plan, "model");
        llm_splice_put_model(plan, top->want->model);
        COMMA();
    }

    if (top->field) {
        llm_splice_put_field(plan, top->field, top->max);
        COMMA();
    }

    if (top->usage) {
        llm_splice_put(plan, "\"stream_options\":{\"include_usage\":true}");
        COMMA();
    }

#undef COMMA

    llm_splice_end(plan, e);
}


static unsigned
llm_splice_model(llm_splice_plan_t *plan, llm_splice_top_t *top)
{
    llm_str_t                 name;
    const llm_mark_t         *m;
    llm_splice_edit_t        *e;
    const llm_splice_call_t  *call;

    call = top->call;
    name = top->want->model;

    if (name.len == 0) {
        return LLM_SPLICE_OK;
    }

    if (name.len > LLM_SPLICE_MODEL) {
        return LLM_SPLICE_NOWHERE;
    }

    if (call->path_model.len) {
        return llm_str_eq(name, (const char *) call->path_model.data,
                          call->path_model.len)
               ? LLM_SPLICE_OK : LLM_SPLICE_PATH;
    }

    m = &call->marks->at[LLM_MARK_MODEL];

    switch (m->kind) {

    case LLM_MARK_NONE:
        top->model = 1;
        return LLM_SPLICE_OK;

    case LLM_MARK_VALUE:
        if (call->exact && llm_str_eq(name, (const char *) call->model.data,
                                      call->model.len))
        {
            return LLM_SPLICE_OK;
        }

        /* fall through */

    case LLM_MARK_NULL:
        e = llm_splice_begin(plan, m->start, m->len);
        llm_splice_put_model(plan, name);
        llm_splice_end(plan, e);
        return LLM_SPLICE_OK;
    }

    return LLM_SPLICE_UNREADABLE;
}


/*
 * Thinking is paid out of the bound.  What was left for the answer stays as
 * far as the least budget allows.
 */

static unsigned
llm_splice_budget(llm_splice_plan_t *plan, const llm_splice_call_t *call,
    uint64_t max)
{
    uint64_t           v, budget, room;
    const llm_mark_t  *m;

    m = &call->marks->at[LLM_MARK_BUDGET];
    budget = call->marks->budget;

    if (m->kind == LLM_MARK_NONE || m->kind == LLM_MARK_NULL) {
        return LLM_SPLICE_OK;
    }

    if (m->kind != LLM_MARK_VALUE
        || (call->marks->twice & (1u << R_THINKING)))
    {
        return LLM_SPLICE_BUDGET;
    }

    if (budget < max) {
        return LLM_SPLICE_OK;
    }

    if (max <= LLM_SPLICE_THINKING) {
        return LLM_SPLICE_BUDGET;
    }

    v = LLM_SPLICE_THINKING;

    if (call->has_max_tokens && call->max_tokens > budget) {
        room = call->max_tokens - budget;

        if (room < max - LLM_SPLICE_THINKING) {
            v = max - room;
        }
    }

    llm_splice_number(plan, m, v);

    return LLM_SPLICE_OK;
}


/* Puts a bound in where none is named, or none that bounds. */

static unsigned
llm_splice_put_bound(llm_splice_plan_t *plan, llm_splice_top_t *top)
{
    uint32_t                    i;
    const llm_mark_t           *m, *object;
    llm_splice_edit_t          *e;
    const llm_splice_call_t    *call;
    const llm_splice_field_t   *f;
    const llm_request_marks_t  *marks;

    call = top->call;
    marks = call->marks;

    if (call->path_model.len) {
        f = llm_splice_field(call->dialect, call->path_model, call->model);

    } else {
        f = llm_splice_field(call->dialect, top->want->model.len
                                            ? top->want->model : call->model,
                             (llm_str_t) { NULL, 0 });
    }

    if (f->slot == R_NONE) {
        return LLM_SPLICE_NOWHERE;
    }

    /* it stands there as null */

    for (i = 0; i < marks->nbounds; i++) {
        m = &marks->bound[i];

        if (m->slot == f->slot) {
            llm_splice_number(plan, m, top->max);
            return LLM_SPLICE_OK;
        }
    }

    object = &marks->at[f->object];

    if (f->object == LLM_MARK_ROOT || object->kind == LLM_MARK_NONE) {
        top->field = f;
        return LLM_SPLICE_OK;
    }

    if (object->kind == LLM_MARK_NULL) {
        e = llm_splice_begin(plan, object->start, object->len);
        llm_splice_put(plan, "{");
        llm_splice_member(plan, f->key);
        llm_splice_put_number(plan, top->max);
        llm_splice_put(plan, "}");
        llm_splice_end(plan, e);
        return LLM_SPLICE_OK;
    }

    if (!llm_splice_is_object(object)) {
        return LLM_SPLICE_BOUND;
    }

    e = llm_splice_begin(plan, object->start + 1, 0);
    llm_splice_member(plan, f->key);
    llm_splice_put_number(plan, top->max);
    llm_splice_put(plan, object->kind == LLM_MARK_OBJECT ? "," : "");
    llm_splice_end(plan, e);

    return LLM_SPLICE_OK;
}


int
llm_splice_bounded(unsigned operation)
{
    return operation == LLM_OP_CHAT || operation == LLM_OP_TEXT_COMPLETION
           || operation == LLM_OP_RESPONSES
           || operation == LLM_OP_GENERATE_CONTENT;
}


/* Ollama takes 0 for no bound as well, behind its own API and OpenAI's. */

static int
llm_splice_unbounded(const llm_splice_call_t *call)
{
    return call->unbounded
           || (call->has_max_tokens && call->max_tokens == 0
               && (call->dialect == LLM_DIALECT_OLLAMA
                   || llm_str_is(call->provider, "ollama")));
}


/* Bounds that are not all numbers, or null. */

static int
llm_splice_odd_bound(const llm_request_marks_t *marks)
{
    uint32_t  i;

    if (marks->nbounds > LLM_MARK_BOUNDS) {
        return 1;
    }

    for (i = 0; i < marks->nbounds; i++) {
        if (marks->bound[i].kind != LLM_MARK_VALUE
            && marks->bound[i].kind != LLM_MARK_NULL)
        {
            return 1;
        }
    }

    return 0;
}


int
llm_splice_exceeds(const llm_splice_call_t *call, uint64_t max)
{
    return llm_splice_bounded(call->operation)
           && (llm_splice_unbounded(call)
               || (call->has_max_tokens && call->max_tokens > max)
               || llm_splice_odd_bound(call->marks));
}


static unsigned
llm_splice_max(llm_splice_plan_t *plan, llm_splice_top_t *top)
{
    uint32_t                    i, numbers;
    unsigned                    rc;
    const llm_mark_t           *m;
    const llm_splice_call_t    *call;
    const llm_request_marks_t  *marks;

    call = top->call;
    marks = call->marks;
    top->max = top->want->max_output;

    if (!top->want->has_max || !llm_splice_bounded(call->operation)) {
        return LLM_SPLICE_OK;
    }

    if (llm_splice_odd_bound(marks)) {
        return LLM_SPLICE_BOUND;
    }

    numbers = 0;

    for (i = 0; i < marks->nbounds; i++) {
        numbers += (marks->bound[i].kind == LLM_MARK_VALUE);
    }

    if (numbers && !llm_splice_unbounded(call)
        && call->max_tokens <= top->max)
    {
        return LLM_SPLICE_OK;
    }

    for (i = 0; i < marks->nbounds; i++) {
        m = &marks->bound[i];

        if (m->kind == LLM_MARK_VALUE) {
            llm_splice_number(plan, m, top->max);
        }
    }

    if (numbers == 0) {
        rc = llm_splice_put_bound(plan, top);
        if (rc != LLM_SPLICE_OK) {
            return rc;
        }
    }

    plan->max_tokens = top->max;
    plan->has_max_tokens = 1;

    return llm_splice_budget(plan, call, top->max);
}


static void
llm_splice_usage(llm_splice_plan_t *plan, llm_splice_top_t *top)
{
    const llm_mark_t         *options, *usage;
    llm_splice_edit_t        *e;
    const llm_splice_call_t  *call;

    call = top->call;

    if (!top->want->include_usage || !call->stream || call->include_usage
        || (call->dialect != LLM_DIALECT_CHAT
            && call->dialect != LLM_DIALECT_COMPLETIONS)
        || llm_splice_no_usage(call->provider))
    {
        return;
    }

    options = &call->marks->at[LLM_MARK_STREAM_OPTIONS];
    usage = &call->marks->at[LLM_MARK_INCLUDE_USAGE];

    if (call->marks->twice & (1u << R_STREAM_OPTIONS | 1u << R_INCLUDE_USAGE))
    {
        plan->no_usage = 1;
        return;
    }

    plan->usage = 1;

    if (options->kind == LLM_MARK_NONE) {
        top->usage = 1;
        return;
    }

    if (options->kind == LLM_MARK_NULL) {
        e = llm_splice_begin(plan, options->start, options->len);
        llm_splice_put(plan, "{\"include_usage\":true}");
        llm_splice_end(plan, e);
        return;
    }

    if (llm_splice_is_object(options) && usage->kind == LLM_MARK_NONE) {
        e = llm_splice_begin(plan, options->start + 1, 0);
        llm_splice_put(plan, "\"include_usage\":true");
        llm_splice_put(plan, options->kind == LLM_MARK_OBJECT ? "," : "");
        llm_splice_end(plan, e);
        return;
    }

    if (usage->kind == LLM_MARK_VALUE || usage->kind == LLM_MARK_NULL) {
        e = llm_splice_begin(plan, usage->start, usage->len);
        llm_splice_put(plan, "true");
        llm_splice_end(plan, e);
        return;
    }

    plan->usage = 0;
    plan->no_usage = 1;
}


static void
llm_splice_sort(llm_splice_plan_t *plan)
{
    uint32_t           i, j;
    llm_splice_edit_t  e;

    for (i = 1; i < plan->n; i++) {
        e = plan->edit[i];

        for (j = i; j && plan->edit[j - 1].offset > e.offset; j--) {
            plan->edit[j] = plan->edit[j - 1];
        }

        plan->edit[j] = e;
    }
}


unsigned
llm_splice_plan(llm_splice_plan_t *plan, const llm_splice_call_t *call,
    const llm_splice_want_t *want)
{
    unsigned          rc;
    llm_splice_top_t  top;

    plan->n = 0;
    plan->used = 0;
    plan->max_tokens = call->max_tokens;
    plan->has_max_tokens = call->has_max_tokens;
    plan->usage = 0;
    plan->no_usage = 0;

    memset(&top, 0, sizeof(llm_splice_top_t));
    top.want = want;
    top.call = call;

    if (!llm_splice_is_object(&call->marks->at[LLM_MARK_ROOT])) {
        return LLM_SPLICE_UNREADABLE;
    }

    rc = llm_splice_model(plan, &top);

    if (rc == LLM_SPLICE_OK) {
        rc = llm_splice_max(plan, &top);
    }

    if (rc != LLM_SPLICE_OK) {
        plan->n = 0;
        return rc;
    }

    llm_splice_usage(plan, &top);
    llm_splice_top(plan, &top);
    llm_splice_sort(plan);

    return LLM_SPLICE_OK;
}
