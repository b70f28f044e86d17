
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What providers say in the headers of their responses.
 *
 * nginx keeps the headers of the upstream called last until the request is
 * freed, so they are read when they are needed and nothing of them is kept:
 * once when the call is over, and again for each variable that asks.
 *
 * Each attempt begins with an empty list of headers, but only when a
 * connection was made: an upstream that did not answer would show those of
 * the attempt before.  So the last state tells whether the last attempt came
 * to its header.
 *
 * Limits and times belong to whoever was called last, also where a page of
 * ours is the answer then; limits are booked for those called before, too:
 * the one that refused is the one to know of.  Tokens, cost and the kind of
 * an error belong to the answer, and only where it comes from there.  A
 * replay has the headers of another day: its tokens are what it saved, and
 * the rest is not looked at.
 */


#include "ngx_http_llm_headers.h"
#include "ngx_http_llm_finish.h"


/* The last attempt of states[0 .. end - 1], if it came to its header. */

static ngx_http_upstream_state_t *
ngx_http_llm_headers_state(ngx_http_request_t *r, ngx_uint_t end)
{
    ngx_http_upstream_state_t  *state;

    if (r->upstream_states == NULL || end == 0) {
        return NULL;
    }

    state = r->upstream_states->elts;
    state += end - 1;

    return state->peer && state->header_time != (ngx_msec_t) -1 ? state
                                                                : NULL;
}


static ngx_http_upstream_state_t *
ngx_http_llm_headers_last(ngx_http_request_t *r)
{
    return ngx_http_llm_headers_state(r, r->upstream_states
                                         ? r->upstream_states->nelts : 0);
}


static uint64_t
ngx_http_llm_headers_wall(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (uint64_t) tp->sec * 1000 + tp->msec;
}


/* h->wall becomes the time when the header came. */

static void
ngx_http_llm_headers_read(ngx_http_upstream_t *u,
    ngx_http_upstream_state_t *state, llm_headers_t *h)
{
    uint64_t          wall;
    ngx_uint_t        i;
    ngx_msec_int_t    ago;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    wall = ngx_http_llm_headers_wall();

    if (state) {
        ago = (ngx_msec_int_t) (ngx_current_msec - u->start_time
                                - state->header_time);
        wall -= ngx_max(ago, 0);
    }

    llm_headers_init(h, wall);

    for (part = &u->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            llm_header_note(h, ngx_http_llm_view(&header[i].key),
                            ngx_http_llm_view(&header[i].value));
        }
    }
}


void
ngx_http_llm_headers_finish(ngx_http_llm_ctx_t *ctx, llm_headers_t *h)
{
    ngx_http_request_t         *r;
    ngx_http_upstream_t        *u;
    ngx_http_upstream_state_t  *state;

    r = ctx->request;
    u = r->upstream;
    state = ngx_http_llm_headers_last(r);

    if (u == NULL || u == ctx->left || (state == NULL && !ctx->replay)) {
        llm_headers_init(h, 0);
        return;
    }

    ngx_http_llm_headers_read(u, ctx->replay ? NULL : state, h);
}


void
ngx_http_llm_headers_keep(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    ctx->left = (!ctx->replay && ngx_http_llm_headers_last(r)) ? r->upstream
                                                               : NULL;
}


ngx_uint_t
ngx_http_llm_headers_tokens(ngx_http_llm_ctx_t *ctx, const llm_headers_t *h,
    llm_tokens_t *t)
{
    /* headers of a stream are written before its tokens */

    return !ctx->stream && (ctx->answer == NULL || !ctx->answer->error)
           && llm_headers_tokens(h, t);
}


static void
ngx_http_llm_headers_note(ngx_http_llm_ctx_t *ctx, ngx_str_t *provider,
    const llm_headers_t *h, uint64_t now)
{
    ngx_uint_t   said;
    llm_quota_t  quota[LLM_QUOTA_N];

    said = llm_headers_quota(h, LLM_QUOTA_REQUESTS,
                             &quota[LLM_QUOTA_REQUESTS]);
    said |= llm_headers_quota(h, LLM_QUOTA_TOKENS, &quota[LLM_QUOTA_TOKENS]);

    if (said) {
        ngx_http_llm_quota_note(ctx->zone, ngx_http_llm_view(provider), quota,
                                h->wall, now);
    }
}


void
ngx_http_llm_headers_book(ngx_http_llm_ctx_t *ctx, const llm_headers_t *h)
{
    uint64_t                    now;
    llm_headers_t               other;
    ngx_http_llm_round_t       *round;
    ngx_http_upstream_state_t  *state;

    now = ngx_http_llm_headers_wall();

    if (!ctx->replay) {
        ngx_http_llm_headers_note(ctx, &ctx->provider, h, now);
    }

    for (round = ctx->rounds; round; round = round->next) {
        state = ngx_http_llm_headers_state(ctx->request, round->end);

        if (state) {
            ngx_http_llm_headers_read(round->upstream, state, &other);
            ngx_http_llm_headers_note(ctx, &round->provider, &other, now);
        }
    }
}


static ngx_http_upstream_t *
ngx_http_llm_headers_upstream(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    if (ctx->finished) {
        return ctx->left;
    }

    return ngx_http_llm_headers_known(ctx) && !ngx_http_llm_cached(r)
           ? r->upstream : NULL;
}


ngx_uint_t
ngx_http_llm_headers_known(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    return r->upstream
           && (ngx_http_llm_cached(r) || ngx_http_llm_headers_last(r));
}


ngx_int_t
ngx_http_llm_headers_left(ngx_http_llm_ctx_t *ctx, llm_quota_e kind,
    uint64_t *n)
{
    llm_quota_t           quota;
    llm_headers_t         h;
    ngx_http_upstream_t  *u;

    u = ngx_http_llm_headers_upstream(ctx);

    if (u == NULL) {
        return NGX_DECLINED;
    }

    ngx_http_llm_headers_read(u, NULL, &h);

    if (!llm_headers_quota(&h, kind, &quota)
        || (quota.said & llm_quota_bit(LLM_QUOTA_REMAINING)) == 0)
    {
        return NGX_DECLINED;
    }

    *n = quota.value[LLM_QUOTA_REMAINING];

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_headers_time(ngx_http_llm_ctx_t *ctx, uint64_t *ns)
{
    uint64_t              us;
    llm_headers_t         h;
    ngx_http_upstream_t  *u;

    if (ctx->finished ? ctx->replay : ngx_http_llm_cached(ctx->request)) {
        return NGX_DECLINED;
    }

    if (ctx->finished && ctx->answer && llm_response_time(ctx->answer, &us)) {
        *ns = us * 1000;
        return NGX_OK;
    }

    u = ngx_http_llm_headers_upstream(ctx);

    if (u == NULL) {
        return NGX_DECLINED;
    }

    ngx_http_llm_headers_read(u, NULL, &h);

    return llm_headers_time(&h, ns) ? NGX_OK : NGX_DECLINED;
}
