
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Changes of the request's body.
 *
 * The plan is made by the core, from offsets that were noted as the body
 * passed.  Here it is carried out on the body that nginx holds, in memory or
 * in its temporary file, and only if all of that is here and nobody vouches
 * for its bytes: not a signature, a digest or an encoding.
 *
 * What was overwritten is kept, and so is the chain as it was: a request that
 * enters another location gets its body back before that one plans anew.
 * All that can fail comes before the first byte is changed; if a file fails
 * in between, what was changed is put back, and the call ends.
 */


#include "ngx_http_llm_splice.h"
#include "ngx_http_llm_splice_body.h"


/* An edit as it is carried out: what stood there, and what is written over
 * it. */

typedef struct {
    off_t                      offset;
    size_t                     len;
    u_char                    *old;
    u_char                    *bytes;
} ngx_http_llm_splice_write_t;


typedef struct ngx_http_llm_splice_s  ngx_http_llm_splice_t;

struct ngx_http_llm_splice_s {
    llm_request_marks_t        marks;
    uint64_t                   size;         /* of the body they are of */
    unsigned                   unbounded:1;
    unsigned                   exact:1;      /* the model's name is whole */
    unsigned                   include_usage:1;

    /* as long as the body is changed */

    unsigned                   changed:1;
    unsigned                   broken:1;     /* could not be put back */
    unsigned                   usage:1;      /* asked for by us */
    unsigned                   has_max_tokens:1;
    uint64_t                   max_tokens;
    ngx_str_t                  model;

    ngx_chain_t               *bufs;         /* the client's */
    ngx_chain_t               *base;         /* the same, to be written to */
    off_t                      length;
    ngx_str_t                  text;
    ngx_http_llm_splice_write_t  *write;
    ngx_uint_t                 nwrites;
};


static ngx_http_llm_splice_t *
ngx_http_llm_splice_get(ngx_http_llm_ctx_t *ctx)
{
    return ctx->extra ? ctx->extra->splice : NULL;
}


void
ngx_http_llm_splice_note(ngx_http_llm_ctx_t *ctx,
    const llm_request_t *request)
{
    ngx_http_llm_extra_t      *extra;
    ngx_http_llm_splice_t     *s;
    ngx_http_llm_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(ctx->request, ngx_http_llm_module);

    if (!mcf->splice || request->state != LLM_REQUEST_READ) {
        return;
    }

    extra = ngx_http_llm_ctx_extra(ctx);

    if (extra == NULL || extra->splice) {
        return;
    }

    s = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_llm_splice_t));
    if (s == NULL) {
        return;
    }

    s->marks = request->marks;
    s->size = request->json.offset;
    s->unbounded = request->unbounded;
    s->include_usage = request->include_usage;
    s->exact = !(request->model_flags & (LLM_JSON_E_CUT|LLM_JSON_E_BADESC));

    extra->splice = s;
}


llm_str_t
ngx_http_llm_splice_model(ngx_http_llm_ctx_t *ctx)
{
    llm_str_t               none = { NULL, 0 };
    ngx_http_llm_splice_t  *s;

    s = ngx_http_llm_splice_get(ctx);

    return s ? ngx_http_llm_view(&s->model) : none;
}


ngx_uint_t
ngx_http_llm_splice_usage(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_llm_splice_t  *s;

    s = ngx_http_llm_splice_get(ctx);

    return s && s->usage;
}


/* Whether the body is all here, and the one that the marks are of. */

static ngx_uint_t
ngx_http_llm_splice_whole(ngx_http_request_t *r, ngx_http_llm_splice_t *s)
{
    u_char                    c;
    ngx_http_request_body_t  *rb;

    rb = r->request_body;

    return rb && rb->bufs && rb->rest == 0 && !r->reading_body
           && ngx_http_llm_splice_size(r, rb->bufs) == (off_t) s->size
           && ngx_http_llm_splice_peek(r, rb->bufs,
                                       s->marks.at[LLM_MARK_ROOT].start,
                                       &c, 1)
              == NGX_OK
           && c == '{';
}


static void
ngx_http_llm_splice_call(ngx_http_llm_ctx_t *ctx, ngx_http_llm_splice_t *s,
    llm_splice_call_t *call)
{
    call->marks = &s->marks;
    call->provider = ngx_http_llm_view(&ctx->provider);
    call->path_model = ngx_http_llm_view(&ctx->path_model);
    call->model = ngx_http_llm_view(&ctx->asked.model);
    call->max_tokens = ctx->asked.max_tokens;
    call->has_max_tokens = ctx->asked.has_max_tokens;
    call->unbounded = s->unbounded;
    call->exact = s->exact;
    call->stream = ctx->asked.stream;
    call->include_usage = s->include_usage;
    call->operation = ctx->operation;
    call->dialect = ctx->dialect;
}


ngx_uint_t
ngx_http_llm_splice_exceeds(ngx_http_llm_ctx_t *ctx, uint64_t max)
{
    llm_splice_call_t       call;
    ngx_http_llm_splice_t  *s;

    s = ngx_http_llm_splice_get(ctx);

    if (s == NULL) {
        return 0;
    }

    ngx_http_llm_splice_call(ctx, s, &call);

    return llm_splice_exceeds(&call, max);
}


static ngx_uint_t
ngx_http_llm_splice_plan(ngx_http_llm_ctx_t *ctx, ngx_http_llm_splice_t *s,
    const ngx_http_llm_splice_want_t *want, llm_splice_plan_t *plan)
{
    ngx_uint_t         why;
    llm_splice_call_t  call;
    llm_splice_want_t  w;

    ngx_http_llm_splice_call(ctx, s, &call);

    w.model = ngx_http_llm_view(&want->model);
    w.max_output = want->max_output;
    w.has_max = want->has_max;
    w.include_usage = want->include_usage;

    why = llm_splice_plan(plan, &call, &w);

    if (why != LLM_SPLICE_OK || plan->n == 0) {
        return why;
    }

    if (!ngx_http_llm_splice_whole(ctx->request, s)) {
        return LLM_SPLICE_UNREAD;
    }

    return ngx_http_llm_splice_vouched(ctx->request);
}


/*
 * The plan as writes of the length of what they replace, and bytes to be put
 * in; all texts in one allocation.
 */

static ngx_int_t
ngx_http_llm_splice_prepare(ngx_http_request_t *r, ngx_http_llm_splice_t *s,
    const llm_splice_plan_t *plan, ngx_http_llm_splice_insert_t *insert,
    ngx_uint_t *n)
{
    size_t                        size, same;
    u_char                       *p;
    ngx_uint_t                    i;
    const llm_splice_edit_t      *e;
    ngx_http_llm_splice_write_t  *w;

    size = plan->n * sizeof(ngx_http_llm_splice_write_t);

    for (i = 0; i < plan->n; i++) {
        size += 2 * plan->edit[i].old + plan->edit[i].len;
    }

    p = ngx_palloc(r->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    s->write = (ngx_http_llm_splice_write_t *) p;
    s->nwrites = 0;
    *n = 0;

    p += plan->n * sizeof(ngx_http_llm_splice_write_t);

    for (i = 0; i < plan->n; i++) {
        e = &plan->edit[i];
        same = ngx_min(e->old, e->len);

        if (e->old) {
            w = &s->write[s->nwrites++];
            w->offset = e->offset;
            w->len = e->old;
            w->old = p;

            if (ngx_http_llm_splice_peek(r, s->base, w->offset, p, w->len)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            p += w->len;
            w->bytes = p;
            p = ngx_cpymem(p, plan->text + e->text, same);
            ngx_memset(p, ' ', e->old - same);
            p += e->old - same;
        }

        if (e->len > e->old) {
            insert[*n].offset = (off_t) e->offset + e->old;
            insert[*n].bytes.data = p;
            insert[*n].bytes.len = e->len - e->old;
            p = ngx_cpymem(p, plan->text + e->text + e->old,
                           e->len - e->old);
            (*n)++;
        }
    }

    return NGX_OK;
}


static void
ngx_http_llm_splice_forget(ngx_http_request_t *r)
{
    ngx_uint_t                 i;
    ngx_http_variable_value_t  *v;
    ngx_http_llm_main_conf_t   *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    for (i = 0; i < mcf->nbody_variables; i++) {
        v = &r->variables[mcf->body_variables[i]];
        v->valid = 0;
        v->not_found = 0;
    }
}


/* Upstream modules take the length from the number, or from the text. */

static ngx_int_t
ngx_http_llm_splice_length(ngx_http_request_t *r, off_t length,
    ngx_str_t *text)
{
    if (r->headers_in.content_length == NULL) {
        return NGX_OK;
    }

    text->data = ngx_pnalloc(r->pool, NGX_OFF_T_LEN + 1);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    text->len = ngx_sprintf(text->data, "%O%Z", length) - text->data - 1;

    return NGX_OK;
}


static void
ngx_http_llm_splice_set(ngx_http_request_t *r, ngx_chain_t *bufs,
    off_t length, ngx_str_t *text)
{
    r->request_body->bufs = bufs;
    r->headers_in.content_length_n = length;

    if (r->headers_in.content_length) {
        r->headers_in.content_length->value = *text;
    }

    ngx_http_llm_splice_forget(r);
}


/* Writes all or, if one fails, none. */

static ngx_int_t
ngx_http_llm_splice_write(ngx_http_request_t *r, ngx_http_llm_splice_t *s)
{
    ngx_uint_t                    i;
    ngx_http_llm_splice_write_t  *w;

    w = s->write;

    for (i = 0; i < s->nwrites; i++) {
        if (ngx_http_llm_splice_poke(r, s->base, w[i].offset, w[i].bytes,
                                     w[i].len)
            != NGX_OK)
        {
            break;
        }
    }

    if (i == s->nwrites) {
        return NGX_OK;
    }

    do {
        (void) ngx_http_llm_splice_poke(r, s->base, w[i].offset, w[i].old,
                                        w[i].len);
    } while (i--);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_llm_splice_change(ngx_http_llm_ctx_t *ctx, ngx_http_llm_splice_t *s,
    const llm_splice_plan_t *plan)
{
    off_t                          length, grown;
    ngx_str_t                      text;
    ngx_uint_t                     i, n;
    ngx_chain_t                   *bufs;
    ngx_http_request_t            *r;
    ngx_http_llm_splice_insert_t   insert[LLM_SPLICE_EDITS];

    r = ctx->request;

    s->bufs = r->request_body->bufs;
    s->base = ngx_http_llm_splice_writable(r, s->bufs);

    if (s->base == NULL
        || ngx_http_llm_splice_prepare(r, s, plan, insert, &n) != NGX_OK)
    {
        return NGX_ERROR;
    }

    bufs = s->base;

    if (n) {
        bufs = ngx_http_llm_splice_insert(r, s->base, insert, n);
        if (bufs == NULL) {
            return NGX_ERROR;
        }
    }

    grown = 0;

    for (i = 0; i < n; i++) {
        grown += insert[i].bytes.len;
    }

    length = ngx_http_llm_splice_size(r, bufs);

    if (length != (off_t) s->size + grown) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "llm: a changed body has %O bytes, not %O",
                      length, (off_t) s->size + grown);
        return NGX_ERROR;
    }

    ngx_str_null(&text);

    if (ngx_http_llm_splice_length(r, length, &text) != NGX_OK
        || ngx_http_llm_splice_write(r, s) != NGX_OK)
    {
        return NGX_ERROR;
    }

    s->length = r->headers_in.content_length_n;
    s->text = r->headers_in.content_length
              ? r->headers_in.content_length->value : text;

    ngx_http_llm_splice_set(r, bufs, length, &text);

    /* else the upstream closes the file, and it cannot be put back */
    r->preserve_body = 1;

    s->changed = 1;

    return NGX_OK;
}


void
ngx_http_llm_splice_restore(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t                    i;
    ngx_http_request_t           *r;
    ngx_http_llm_splice_t        *s;
    ngx_http_llm_splice_write_t  *w;

    s = ngx_http_llm_splice_get(ctx);

    if (s == NULL) {
        return;
    }

    ngx_str_null(&s->model);

    if (!s->changed) {
        return;
    }

    r = ctx->request;

    for (i = 0; i < s->nwrites; i++) {
        w = &s->write[i];

        if (ngx_http_llm_splice_poke(r, s->base, w->offset, w->old, w->len)
            != NGX_OK)
        {
            s->broken = 1;
        }
    }

    ngx_http_llm_splice_set(r, s->bufs, s->length, &s->text);

    ctx->asked.max_tokens = s->max_tokens;
    ctx->asked.has_max_tokens = s->has_max_tokens;

    s->usage = 0;
    s->changed = 0;
}


static void
ngx_http_llm_splice_skipped(ngx_http_llm_ctx_t *ctx, ngx_uint_t why)
{
    static const uint8_t  counters[LLM_SPLICE_N] = {
        [LLM_SPLICE_SIGNED] = NGX_HTTP_LLM_SKIPPED_SIGNED,
        [LLM_SPLICE_ENCODED] = NGX_HTTP_LLM_SKIPPED_ENCODED,
        [LLM_SPLICE_UNREADABLE] = NGX_HTTP_LLM_SKIPPED_UNREADABLE,
        [LLM_SPLICE_UNREAD] = NGX_HTTP_LLM_SKIPPED_UNREADABLE,
        [LLM_SPLICE_PATH] = NGX_HTTP_LLM_SKIPPED_PATH,
        [LLM_SPLICE_BUDGET] = NGX_HTTP_LLM_SKIPPED_OTHER,
        [LLM_SPLICE_BOUND] = NGX_HTTP_LLM_SKIPPED_OTHER,
        [LLM_SPLICE_NOWHERE] = NGX_HTTP_LLM_SKIPPED_OTHER
    };

    ngx_http_llm_zone_count(ctx->zone, counters[why], 1);
}


/* An empty body, or none, has nothing that could be changed. */

static ngx_uint_t
ngx_http_llm_splice_bodiless(ngx_http_request_t *r)
{
    return r->headers_in.content_length_n <= 0
           && (!r->headers_in.chunked
               || (r->request_body && r->request_body->bufs == NULL
                   && r->request_body->rest == 0));
}


ngx_int_t
ngx_http_llm_splice_apply(ngx_http_llm_ctx_t *ctx,
    const ngx_http_llm_splice_want_t *want, ngx_uint_t *why)
{
    ngx_http_llm_splice_t  *s;
    llm_splice_plan_t       plan;

    *why = LLM_SPLICE_OK;

    ngx_http_llm_splice_restore(ctx);

    if ((want->model.len == 0 && !want->has_max && !want->include_usage)
        || ctx->operation == LLM_OP_NONE
        || ngx_http_llm_splice_bodiless(ctx->request))
    {
        return NGX_OK;
    }

    s = ngx_http_llm_splice_get(ctx);

    if (s && s->broken) {
        return NGX_ERROR;
    }

    *why = s ? ngx_http_llm_splice_plan(ctx, s, want, &plan)
             : LLM_SPLICE_UNREADABLE;

    if (*why != LLM_SPLICE_OK) {
        ngx_http_llm_splice_skipped(ctx, *why);

        return (want->model.len || want->has_max) ? NGX_DECLINED : NGX_OK;
    }

    if (plan.no_usage) {
        ngx_http_llm_splice_skipped(ctx, LLM_SPLICE_UNREADABLE);
    }

    s->max_tokens = ctx->asked.max_tokens;
    s->has_max_tokens = ctx->asked.has_max_tokens;

    if (plan.n
        && ngx_http_llm_splice_change(ctx, s, &plan) != NGX_OK)
    {
        return NGX_ERROR;
    }

    s->usage = plan.usage;
    s->model = want->model;

    ctx->asked.max_tokens = plan.max_tokens;
    ctx->asked.has_max_tokens = plan.has_max_tokens;

    return NGX_OK;
}
