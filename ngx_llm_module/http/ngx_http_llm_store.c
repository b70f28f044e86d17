
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What may go into proxy_cache: answers that ended well, and no others.
 *
 * nginx stores what ended as its framing said; that a stream was cut (under
 * HTTP/1.0 an end is an end), or that its last event is an error, it cannot
 * know.  It decides when the upstream is done: by u->cacheable, before the
 * last buf is sent, and whether or not a client is there to read.  So the
 * body is read on the upstream's side, by a reader of its own: as the pipe's
 * input filter hands it on, decoded.  u->cacheable is off from the moment
 * that storing was prepared, and on as soon as what was read is complete and
 * good.  A client that leaves before that ends the call, as it does without a
 * cache.
 *
 * A body that is read for the cache alone (HEAD; updates in the background,
 * which are subrequests) has no client from the beginning.  There it is on,
 * or nginx would give up, until the end has told.
 */


#include "ngx_http_llm_store.h"
#include "ngx_http_llm_canon.h"
#include "ngx_http_llm_inspect.h"
#include "ngx_http_llm_response.h"


#if (NGX_HTTP_CACHE)


struct ngx_http_llm_store_s {
    ngx_int_t                      (*init)(void *data);
    ngx_event_pipe_input_filter_pt   filter;
    ngx_http_llm_inflate_t          *inflate;
    llm_response_t                   answer;
    unsigned                         over:1;
    unsigned                         unreadable:1;
};


/* Of a subrequest it hangs where the call of a main request would. */

static ngx_http_llm_store_t *
ngx_http_llm_store_get(ngx_http_request_t *r)
{
    ngx_http_llm_ctx_t  *ctx;

    if (r != r->main) {
        return ngx_http_get_module_ctx(r, ngx_http_llm_module);
    }

    ctx = ngx_http_llm_ctx_get(r);

    return ctx->extra->inspect->store;
}


static ngx_uint_t
ngx_http_llm_store_good(ngx_http_llm_store_t *st)
{
    ngx_uint_t       finish;
    llm_str_t        word;
    llm_response_t  *a;

    a = &st->answer;

    if (st->unreadable || a->error || llm_response_malformed(a)
        || a->framing == LLM_FRAMING_OPAQUE
        || a->framing == LLM_FRAMING_UNKNOWN)
    {
        return 0;
    }

    word = llm_response_finish(a);
    finish = a->finish_why ? a->finish_why : llm_dialect_finish(word);

    if (finish == LLM_FINISH_CONTENT_FILTER
        || llm_dialect_finish_error(word) != LLM_ERROR_NONE)
    {
        return 0;
    }

    return llm_response_complete(a, st->over);
}


static void
ngx_http_llm_store_read(ngx_http_llm_store_t *st, ngx_chain_t *cl)
{
    ngx_buf_t  *b;

    for ( /* void */ ; cl; cl = cl->next) {
        b = cl->buf;

        if (st->inflate == NULL) {
            llm_response_feed(&st->answer, b->pos, b->last - b->pos);
            continue;
        }

        if (ngx_http_llm_inflate_feed(st->inflate, &st->answer, b->pos,
                                      b->last - b->pos)
            != NGX_OK)
        {
            st->unreadable = 1;
        }
    }
}


/* What the upstream has sent, once more: behind the one that decodes it. */

static ngx_int_t
ngx_http_llm_store_filter(ngx_event_pipe_t *p, ngx_buf_t *buf)
{
    ngx_int_t               rc;
    ngx_chain_t           **last;
    ngx_http_request_t     *r;
    ngx_http_llm_store_t   *st;

    r = p->input_ctx;
    st = ngx_http_llm_store_get(r);

    last = p->in ? p->last_in : &p->in;

    rc = st->filter(p, buf);

    if (rc != NGX_OK || st->over) {
        return rc;
    }

    ngx_http_llm_store_read(st, *last);

    if (p->upstream_done || p->upstream_eof || p->length == 0) {
        llm_response_end(&st->answer);
        st->over = 1;
    }

    if (st->over || !r->header_only) {
        r->upstream->cacheable = ngx_http_llm_store_good(st);
    }

    return NGX_OK;
}


/* The last step before the body is read: storing has been prepared. */

static ngx_int_t
ngx_http_llm_store_init(void *data)
{
    ngx_http_request_t *r = data;

    ngx_http_upstream_t   *u;
    ngx_http_llm_store_t  *st;

    u = r->upstream;
    st = ngx_http_llm_store_get(r);

    if (st->init && st->init(data) != NGX_OK) {
        return NGX_ERROR;
    }

    if (u->cacheable) {
        /* no body at all is none to keep */
        u->cacheable = r->header_only && u->pipe->length != 0;

        st->filter = u->pipe->input_filter;
        u->pipe->input_filter = ngx_http_llm_store_filter;
    }

    return NGX_OK;
}


static void
ngx_http_llm_store_cleanup(void *data)
{
    ngx_http_llm_store_t *st = data;

    if (st->inflate) {
        ngx_http_llm_inflate_done(st->inflate);
        st->inflate = NULL;
    }
}


static ngx_int_t
ngx_http_llm_store_set(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_uint_t framing)
{
    ngx_int_t                  rc;
    ngx_pool_cleanup_t        *cln;
    ngx_http_llm_store_t      *st;
    ngx_http_llm_inspect_t    *in;
    ngx_http_llm_main_conf_t  *mcf;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_llm_store_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    st = cln->data;
    ngx_memzero(st, sizeof(ngx_http_llm_store_t));
    cln->handler = ngx_http_llm_store_cleanup;

    if (r == r->main) {
        in = ngx_http_llm_inspect_get(ctx);

        if (in == NULL) {
            return NGX_ERROR;
        }

        in->store = st;

    } else {
        ngx_http_set_ctx(r, st, ngx_http_llm_module);
    }

    if (r->headers_out.content_encoding) {
        rc = ngx_http_llm_inflate_create(r->pool,
                                    &r->headers_out.content_encoding->value,
                                    &st->inflate);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        st->unreadable = (rc == NGX_DECLINED);
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

    llm_response_init(&st->answer, mcf->dialects, ctx->dialect, framing);

    st->init = r->upstream->input_filter_init;
    r->upstream->input_filter_init = ngx_http_llm_store_init;

    return NGX_OK;
}


/* What tells before the body that an answer is none to keep. */

static ngx_uint_t
ngx_http_llm_store_bad(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_http_llm_inspect_t  *in;

    in = ctx->extra ? ctx->extra->inspect : NULL;

    return r->headers_out.status >= NGX_HTTP_BAD_REQUEST
           || (in && in->cache_known && !in->cache_shared)
           || !ngx_http_llm_cache_key_holds(ctx);
}


ngx_int_t
ngx_http_llm_store(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t                framing, status;
    ngx_http_upstream_t      *u;
    ngx_http_llm_loc_conf_t  *lcf;

    u = r->upstream;

    if (u == NULL || !u->cacheable || !u->buffering || r->cached) {
        return NGX_OK;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (!ngx_http_llm_inspect_wanted(lcf)) {
        return NGX_OK;
    }

    if (ngx_http_llm_store_bad(r, ctx)) {
        u->cacheable = 0;
        return NGX_OK;
    }

    status = r->headers_out.status;

    if (ctx->dialect == LLM_DIALECT_NONE
        || status == NGX_HTTP_NO_CONTENT || status == NGX_HTTP_NOT_MODIFIED
        || status == NGX_HTTP_PARTIAL_CONTENT)
    {
        return NGX_OK;
    }

    if (u->pipe->input_ctx != r
        || ngx_http_llm_response_framing(r, ctx, &framing) != NGX_OK)
    {
        /* nothing that we read, where an answer should be */
        u->cacheable = 0;
        return NGX_OK;
    }

    return ngx_http_llm_store_set(r, ctx, framing);
}


#else


ngx_int_t
ngx_http_llm_store(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    return NGX_OK;
}


#endif
