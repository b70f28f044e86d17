
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Edit mode: the chunk of usage that a client did not ask for is taken out
 * of its stream.  Only here are bytes held back or left out, and only where
 * the request was changed to ask for the chunk.
 *
 * What must stay true:
 *
 *  - What passes whole is not copied: the first part of a buf that passes is
 *    the buf itself, made shorter.  What comes after a gap, and what was held
 *    from earlier bufs, goes in bufs of ours.
 *
 *  - Links to bufs of others are ours, and freed as soon as the next filter
 *    has returned, since every filter that keeps a chain copies its links.
 *
 *  - Flags ride on the last thing that leaves in place of a buf.  A buf of
 *    others that was emptied is not passed: it still says that it has memory.
 *
 *  - More is taken only while the next filter takes it: after NGX_AGAIN what
 *    comes is queued untouched, so that its owner feels the pressure.  Busy
 *    bufs of ours alone are no reason: below postpone_output the writer keeps
 *    them, and nothing would wake us.
 *
 *  - When the upstream breaks off, what is held goes out, as it would have
 *    without us.
 */


#include "ngx_http_llm_edit.h"
#include "ngx_http_llm_response.h"
#include "ngx_http_llm_splice.h"

#include "llm_edit.h"


/* a bit of r->buffered that no filter of a text stream uses: that of images */
#define NGX_HTTP_LLM_EDIT_BUFFERED  0x08

/* the least that a buf of ours is made for */
#define NGX_HTTP_LLM_EDIT_BUF  512


typedef struct ngx_http_llm_edit_s  ngx_http_llm_edit_t;

struct ngx_http_llm_edit_s {
    llm_edit_t     edit;
    ngx_chain_t   *queue;        /* input that waits for the next filter */
    ngx_chain_t   *free;
    ngx_chain_t   *busy;
    ngx_chain_t   *out;          /* being put together */
    ngx_chain_t  **last;
    u_char        *held;         /* LLM_EDIT_HOLD bytes, when needed */
    size_t         nheld;
    unsigned       blocked:1;    /* the next filter took no more */
};


#define NGX_HTTP_LLM_EDIT_TAG  ((ngx_buf_tag_t) &ngx_http_llm_edit_body)


static ngx_uint_t
ngx_http_llm_edit_encoded(ngx_http_request_t *r)
{
    ngx_str_t  *value;

    if (r->headers_out.content_encoding == NULL) {
        return 0;
    }

    value = &r->headers_out.content_encoding->value;

    return value->len
           && !(value->len == sizeof("identity") - 1
                && ngx_strncasecmp(value->data, (u_char *) "identity",
                                   sizeof("identity") - 1)
                   == 0);
}


void
ngx_http_llm_edit_header(ngx_http_llm_ctx_t *ctx, ngx_uint_t framing)
{
    ngx_http_request_t        *r;
    ngx_http_llm_edit_t       *e;
    ngx_http_llm_main_conf_t  *mcf;

    r = ctx->request;

    if (framing != LLM_FRAMING_SSE || !ngx_http_llm_splice_usage(ctx)
        || ngx_http_llm_edit_encoded(r) || r->header_only)
    {
        return;
    }

    e = ngx_pcalloc(r->pool, sizeof(ngx_http_llm_edit_t));
    if (e == NULL) {
        return;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    llm_edit_init(&e->edit, mcf->edit);
    ctx->extra->edit = e;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_weak_etag(r);
}


/* A buf for the chain that is put together. */

static ngx_int_t
ngx_http_llm_edit_link(ngx_http_request_t *r, ngx_http_llm_edit_t *e,
    ngx_buf_t *b)
{
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;
    cl->next = NULL;

    *e->last = cl;
    e->last = &cl->next;

    return NGX_OK;
}


/* A buf of ours with a copy of these bytes; none: a special one. */

static ngx_buf_t *
ngx_http_llm_edit_own(ngx_http_request_t *r, ngx_http_llm_edit_t *e,
    u_char *p, size_t len)
{
    u_char       *start, *end;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = ngx_chain_get_free_buf(r->pool, &e->free);
    if (cl == NULL) {
        return NULL;
    }

    cl->next = NULL;
    b = cl->buf;
    start = b->start;
    end = b->end;

    if ((size_t) (end - start) < len) {
        start = ngx_pnalloc(r->pool, ngx_max(len, NGX_HTTP_LLM_EDIT_BUF));
        if (start == NULL) {
            return NULL;
        }

        end = start + ngx_max(len, NGX_HTTP_LLM_EDIT_BUF);
    }

    ngx_memzero(b, sizeof(ngx_buf_t));

    b->start = start;
    b->end = end;
    b->pos = start;
    b->last = start;
    b->tag = NGX_HTTP_LLM_EDIT_TAG;

    if (len) {
        b->last = ngx_cpymem(start, p, len);
        b->temporary = 1;
    }

    *e->last = cl;
    e->last = &cl->next;

    return b;
}


static ngx_int_t
ngx_http_llm_edit_release(ngx_http_request_t *r, ngx_http_llm_edit_t *e)
{
    if (e->nheld == 0) {
        return NGX_OK;
    }

    if (ngx_http_llm_edit_own(r, e, e->held, e->nheld) == NULL) {
        return NGX_ERROR;
    }

    e->nheld = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_edit_hold(ngx_http_request_t *r, ngx_http_llm_edit_t *e,
    u_char *p, size_t len)
{
    if (e->held == NULL) {
        e->held = ngx_pnalloc(r->pool, LLM_EDIT_HOLD);
        if (e->held == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_memcpy(e->held + e->nheld, p, len);
    e->nheld += len;

    return NGX_OK;
}


/* Whether the flags of this buf say that the response is whole. */

static ngx_inline ngx_uint_t
ngx_http_llm_edit_is_last(ngx_buf_t *b)
{
    return b->last_buf || b->last_in_chain;
}


static ngx_int_t
ngx_http_llm_edit_end(ngx_http_request_t *r, ngx_http_llm_edit_t *e)
{
    if (llm_edit_end(&e->edit) == LLM_EDIT_DROP) {
        e->nheld = 0;
    }

    return ngx_http_llm_edit_release(r, e);
}


/*
 * What is left of a buf goes to the chain, and before it what was held.  The
 * struct of the buf itself is good for one range: *end is its end, NULL if
 * there is none.
 */

static ngx_int_t
ngx_http_llm_edit_bytes(ngx_http_request_t *r, ngx_http_llm_edit_t *e,
    ngx_buf_t *b, u_char **end)
{
    size_t     n;
    u_char    *p, *last, *stop;
    unsigned   verdict;

    stop = NULL;
    last = b->last;

    for (p = b->pos; p < last; p += n) {
        n = llm_edit_feed(&e->edit, p, last - p, &verdict);

        switch (verdict) {

        case LLM_EDIT_HOLD_ON:
            if (ngx_http_llm_edit_hold(r, e, p, n) != NGX_OK) {
                return NGX_ERROR;
            }

            break;

        case LLM_EDIT_DROP:
            e->nheld = 0;
            break;

        default:
            if (ngx_http_llm_edit_release(r, e) != NGX_OK) {
                return NGX_ERROR;
            }

            if (stop == p) {
                stop = p + n;

            } else if (stop == NULL) {
                b->pos = p;
                stop = p + n;

                if (ngx_http_llm_edit_link(r, e, b) != NGX_OK) {
                    return NGX_ERROR;
                }

            } else if (ngx_http_llm_edit_own(r, e, p, n) == NULL) {
                return NGX_ERROR;
            }
        }
    }

    *end = stop;

    return NGX_OK;
}


static void
ngx_http_llm_edit_flags(ngx_buf_t *to, ngx_buf_t *from)
{
    to->flush = from->flush;
    to->sync = from->sync;
    to->last_buf = from->last_buf;
    to->last_in_chain = from->last_in_chain;

    from->flush = 0;
    from->sync = 0;
    from->last_buf = 0;
    from->last_in_chain = 0;
}


static ngx_int_t
ngx_http_llm_edit_buf(ngx_http_request_t *r, ngx_http_llm_edit_t *e,
    ngx_buf_t *b)
{
    u_char        *end;
    ngx_buf_t     *own;
    ngx_uint_t     last;
    ngx_chain_t  **before;

    before = e->last;
    last = ngx_http_llm_edit_is_last(b);

    if (!ngx_buf_in_memory(b) || b->pos == b->last) {

        if (last && ngx_http_llm_edit_end(r, e) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_http_llm_edit_link(r, e, b);
    }

    if (ngx_http_llm_edit_bytes(r, e, b, &end) != NGX_OK) {
        return NGX_ERROR;
    }

    if (last && ngx_http_llm_edit_end(r, e) != NGX_OK) {
        return NGX_ERROR;
    }

    if (end) {
        /* or its file would be sent, with what was left out */
        b->last = end;
        b->in_file = 0;

    } else {
        b->pos = b->last;
    }

    /* the flags go with the last of what left, if that is not the buf */

    own = NULL;

    for ( /* void */ ; *before; before = &(*before)->next) {
        own = (*before)->buf;
    }

    if (own == b) {
        return NGX_OK;
    }

    if (own == NULL) {

        if (!last) {
            return NGX_OK;
        }

        own = ngx_http_llm_edit_own(r, e, NULL, 0);
        if (own == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_http_llm_edit_flags(own, b);

    return NGX_OK;
}


/* Nobody will send more, though the end was not seen. */

static ngx_uint_t
ngx_http_llm_edit_broken(ngx_http_request_t *r, ngx_buf_t *b)
{
    return b->flush && ngx_buf_special(b) && !ngx_http_llm_edit_is_last(b)
           && r->upstream && !ngx_http_llm_cached(r)
           && r->upstream->peer.connection == NULL;
}


static ngx_int_t
ngx_http_llm_edit_pass(ngx_http_request_t *r, ngx_http_llm_edit_t *e)
{
    ngx_int_t      rc;
    ngx_chain_t   *cl, *next, **busy;

    rc = ngx_http_llm_next_body_filter(r, e->out);

    for (busy = &e->busy; *busy; busy = &(*busy)->next) { /* void */ }

    for (cl = e->out; cl; cl = next) {
        next = cl->next;

        if (cl->buf->tag == NGX_HTTP_LLM_EDIT_TAG) {
            cl->next = NULL;
            *busy = cl;
            busy = &cl->next;

        } else {
            ngx_free_chain(r->pool, cl);
        }
    }

    e->out = NULL;
    e->last = &e->out;

    while (e->busy && ngx_buf_size(e->busy->buf) == 0) {
        cl = e->busy;
        e->busy = cl->next;
        cl->next = e->free;
        e->free = cl;
    }

    e->blocked = (rc == NGX_AGAIN);

    return rc;
}


static ngx_int_t
ngx_http_llm_edit_chain(ngx_http_request_t *r, ngx_http_llm_edit_t *e,
    ngx_chain_t *in)
{
    for ( /* void */ ; in; in = in->next) {

        if (ngx_http_llm_edit_broken(r, in->buf)
            && ngx_http_llm_edit_release(r, e) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (ngx_http_llm_edit_buf(r, e, in->buf) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_edit_body(ngx_http_llm_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_int_t             rc;
    ngx_chain_t          *cl, *queue;
    ngx_http_request_t   *r;
    ngx_http_llm_edit_t  *e;

    r = ctx->request;
    e = ctx->extra->edit;

    e->out = NULL;
    e->last = &e->out;

    if (e->blocked || in == NULL) {
        rc = ngx_http_llm_edit_pass(r, e);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (e->blocked) {

            if (in && ngx_chain_add_copy(r->pool, &e->queue, in) != NGX_OK) {
                return NGX_ERROR;
            }

            if (e->queue) {
                r->buffered |= NGX_HTTP_LLM_EDIT_BUFFERED;
            }

            return rc;
        }

        if (in == NULL && e->queue == NULL) {
            return rc;
        }
    }

    queue = e->queue;
    e->queue = NULL;
    r->buffered &= ~NGX_HTTP_LLM_EDIT_BUFFERED;

    if (ngx_http_llm_edit_chain(r, e, queue) != NGX_OK
        || ngx_http_llm_edit_chain(r, e, in) != NGX_OK)
    {
        return NGX_ERROR;
    }

    while (queue) {
        cl = queue;
        queue = cl->next;
        ngx_free_chain(r->pool, cl);
    }

    if (e->out == NULL) {
        return NGX_OK;
    }

    return ngx_http_llm_edit_pass(r, e);
}
