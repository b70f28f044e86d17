
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The body of the request, read before the request goes on.
 *
 * While a body arrives, its reader owns the request: it counts a reference,
 * takes the event handlers, and ends the request itself when reading fails.
 * So the phase handler gives the request away (NGX_DONE) and never looks at
 * what became of it; when the body is there, our handler starts the phases
 * again, and they come back to where they stopped.  That holds as well when
 * the body was there at once and all of it happens inside of the call.
 *
 * The body is not looked at here: it passes the filter of the request's body
 * and is read as it passes.  But a body may have been read before anybody
 * knew of a call: by client_body_early_read, by another module, in a location
 * where llm is off.  Such a one is read here, out of memory, or out of its
 * file in bounded pieces, with other requests served in between.
 */


#include "ngx_http_llm_inspect.h"
#include "ngx_http_llm_request.h"
#include "ngx_http_llm_splice.h"


/* bytes of a file read at once, and before others get their turn */
#define NGX_HTTP_LLM_INSPECT_PIECE  65536
#define NGX_HTTP_LLM_INSPECT_TURN   (16 * NGX_HTTP_LLM_INSPECT_PIECE)


ngx_http_llm_inspect_t *
ngx_http_llm_inspect_get(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_llm_extra_t  *extra;

    extra = ngx_http_llm_ctx_extra(ctx);

    if (extra && extra->inspect == NULL) {
        extra->inspect = ngx_pcalloc(ctx->request->pool,
                                     sizeof(ngx_http_llm_inspect_t));
    }

    return extra ? extra->inspect : NULL;
}


static void
ngx_http_llm_inspect_body(ngx_http_request_t *r)
{
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_ctx_get(r);

    ctx->extra->inspect->reading = 0;

    /* another location may need it once more */
    r->preserve_body = 1;

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


/*
 * A part of an old body that lies in a file.  NGX_OK: all of it is done;
 * NGX_AGAIN: it is the turn of others.
 */

static ngx_int_t
ngx_http_llm_inspect_file(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_inspect_t *in, ngx_buf_t *b, size_t *turn)
{
    off_t    rest;
    size_t   len;
    ssize_t  n;

    if (in->piece == NULL) {
        in->piece = ngx_palloc(ctx->request->pool,
                               NGX_HTTP_LLM_INSPECT_PIECE);
        if (in->piece == NULL) {
            return NGX_ERROR;
        }
    }

    for ( ;; ) {
        rest = b->file_last - b->file_pos - in->at;

        /* beyond that nothing is read for meaning */

        if (rest <= 0 || ngx_http_llm_request_known(ctx)) {
            return NGX_OK;
        }

        if (*turn == 0) {
            return NGX_AGAIN;
        }

        len = (size_t) ngx_min(rest, NGX_HTTP_LLM_INSPECT_PIECE);

        n = ngx_read_file(b->file, in->piece, len, b->file_pos + in->at);

        if (n <= 0) {
            ngx_log_error(NGX_LOG_CRIT, ctx->request->connection->log, 0,
                          "the body of the request ends early in \"%V\"",
                          &b->file->name);
            return NGX_ERROR;
        }

        ngx_http_llm_request_feed(ctx, in->piece, n);

        in->at += n;
        *turn -= ngx_min(*turn, (size_t) n);
    }
}


static ngx_int_t
ngx_http_llm_inspect_chain(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_inspect_t *in)
{
    size_t      turn;
    ngx_buf_t  *b;
    ngx_int_t   rc;

    turn = NGX_HTTP_LLM_INSPECT_TURN;

    for ( /* void */ ; in->cl; in->cl = in->cl->next) {
        b = in->cl->buf;

        if (ngx_buf_in_memory(b)) {
            ngx_http_llm_request_feed(ctx, b->pos, b->last - b->pos);

        } else if (b->in_file) {
            rc = ngx_http_llm_inspect_file(ctx, in, b, &turn);

            if (rc != NGX_OK) {
                return rc;
            }
        }

        in->at = 0;
    }

    return NGX_OK;
}


/* A body that had been read before anybody knew of a call. */

static ngx_int_t
ngx_http_llm_inspect_old(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_inspect_t *in)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;

    if (!in->begun) {
        in->begun = 1;
        in->cl = r->request_body->bufs;
    }

    rc = ngx_http_llm_inspect_chain(ctx, in);

    if (rc == NGX_AGAIN) {
        /* the rest of it when the others had their turn */

        if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        r->read_event_handler = ngx_http_test_reading;
        r->write_event_handler = ngx_http_core_run_phases;

        ngx_post_event(r->connection->write, &ngx_posted_next_events);

        return NGX_DONE;
    }

    if (in->piece) {
        (void) ngx_pfree(r->pool, in->piece);
        in->piece = NULL;
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->read_event_handler == ngx_http_test_reading) {
        r->read_event_handler = ngx_http_block_reading;
    }

    ngx_http_llm_request_over(ctx);

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_inspect(ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_http_request_t      *r;
    ngx_http_llm_inspect_t  *in;

    r = ctx->request;

    if (ctx->reading == NULL && ctx->asked.state > LLM_REQUEST_READING) {
        /* it passes our filter, or did in another location */
        r->preserve_body = 1;
        return NGX_OK;
    }

    if (r->discard_body
        || (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked)
        || (ctx->operation == LLM_OP_NONE && !(r->method & NGX_HTTP_POST)))
    {
        return NGX_OK;
    }

    in = ngx_http_llm_inspect_get(ctx);
    if (in == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->request_body == NULL) {
        in->reading = 1;

        rc = ngx_http_read_client_request_body(r, ngx_http_llm_inspect_body);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            return rc;
        }

        ngx_http_finalize_request(r, NGX_DONE);
        return NGX_DONE;
    }

    if (in->reading || r->reading_body || r->request_body->rest != 0) {
        /* reading it has failed, or goes on: the whole will not be known */

        ngx_http_llm_request_over(ctx);
        ctx->asked.state = LLM_REQUEST_NOT_JSON;

        return NGX_OK;
    }

    r->preserve_body = 1;

    if (ctx->reading && !in->begun) {
        /* passed without a last buf: all of it is here */
        ngx_http_llm_request_over(ctx);
        return NGX_OK;
    }

    return ngx_http_llm_inspect_old(ctx, in);
}


llm_str_t
ngx_http_llm_inspect_model(ngx_http_llm_ctx_t *ctx)
{
    llm_str_t  set;

    set = ngx_http_llm_splice_model(ctx);

    return set.len ? set : ngx_http_llm_ctx_asked(ctx);
}


ngx_int_t
ngx_http_llm_preaccess_handler(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    ngx_http_llm_ctx_t  *ctx;

    if (r != r->main || r->post_action) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_llm_ctx_get(r);

    if (ctx == NULL) {
        return NGX_DECLINED;
    }

    /* an "if" of the location may have chosen other settings since */

    ctx->conf = ngx_http_get_module_loc_conf(r, ngx_http_llm_module);

    if (ctx->conf->zone == NULL
        || ctx->conf->inspect != NGX_HTTP_LLM_INSPECT_PREACCESS)
    {
        return NGX_DECLINED;
    }

    rc = ngx_http_llm_inspect(ctx);

    return (rc == NGX_OK) ? NGX_DECLINED : rc;
}
