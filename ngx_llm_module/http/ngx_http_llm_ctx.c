
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What is known of one call.
 *
 * A call belongs to a main request and lives from its first REWRITE in a
 * location with "llm" to its log phase, whatever redirects come between.
 * nginx wipes the contexts of modules on a redirect, so the ctx hangs in a
 * pool cleanup as well and is found again there.
 *
 * "conf" is that of the location the request is in; the zone is the one
 * where the call began, so that it is counted in one place.  Each location
 * may have its own upstream: a round ends when the request enters the next,
 * and its attempts are booked under the provider that it was sent to.
 *
 * Memory: this record and one buffer, which the reader of the request uses
 * first and the reader of the response after it.
 */


#include "ngx_http_llm_ctx.h"
#include "ngx_http_llm_gate.h"
#include "ngx_http_llm_splice.h"


static ngx_int_t ngx_http_llm_ctx_provider(ngx_http_llm_ctx_t *ctx);


/* Its address marks our record among the pool's cleanups; and if the call
 * has not come to its log phase, it is at least not in flight any more. */

static void
ngx_http_llm_ctx_cleanup(void *data)
{
    ngx_http_llm_ctx_t *ctx = data;

    ngx_http_llm_gate_settle(ctx);

    if (ctx->live) {
        ngx_http_llm_live_end(ctx->zone, ctx->live);
        ctx->live = 0;
    }

    if (ctx->inflate) {
        ngx_http_llm_inflate_done(ctx->inflate);
        ctx->inflate = NULL;
    }
}


ngx_http_llm_ctx_t *
ngx_http_llm_ctx_get(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_module);

    if (ctx || !(r->internal || r->filter_finalize)) {
        return ctx;
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_llm_ctx_cleanup) {
            ctx = cln->data;
            ngx_http_set_ctx(r, ctx, ngx_http_llm_module);
            return ctx;
        }
    }

    return NULL;
}


ngx_http_llm_ctx_t *
ngx_http_llm_ctx_create(ngx_http_request_t *r, ngx_http_llm_loc_conf_t *conf)
{
    ngx_pool_cleanup_t  *cln;
    ngx_http_llm_ctx_t  *ctx;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_llm_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_llm_ctx_t));

    ctx->request = r;
    ctx->conf = conf;
    ctx->zone = ngx_http_llm_zone_of(conf->zone);

    cln->handler = ngx_http_llm_ctx_cleanup;
    ngx_http_set_ctx(r, ctx, ngx_http_llm_module);

    return ctx;
}


ngx_http_llm_extra_t *
ngx_http_llm_ctx_extra(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->extra == NULL) {
        ctx->extra = ngx_pcalloc(ctx->request->pool,
                                 sizeof(ngx_http_llm_extra_t));
    }

    return ctx->extra;
}


#define NGX_HTTP_LLM_READER                                                   \
    ngx_max(sizeof(llm_request_t), sizeof(llm_response_t))

_Static_assert(sizeof(ngx_http_llm_ctx_t) + sizeof(ngx_pool_cleanup_t)
               + NGX_HTTP_LLM_READER <= 1024, "1 KiB a call");


void *
ngx_http_llm_ctx_memory(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->memory == NULL) {
        ctx->memory = ngx_palloc(ctx->request->pool, NGX_HTTP_LLM_READER);
    }

    return ctx->memory;
}


/*
 * GET and HEAD are calls too (a cache may turn one into the other), OPTIONS
 * and DELETE are not.
 */

void
ngx_http_llm_ctx_operation(ngx_http_llm_ctx_t *ctx)
{
    llm_path_t           path;
    ngx_http_request_t  *r;

    r = ctx->request;

    if (ctx->operation != LLM_OP_NONE
        || !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_POST)))
    {
        return;
    }

    llm_dialect_path(ngx_http_llm_view(&r->uri), &path);

    if (path.operation == LLM_OP_NONE) {
        return;
    }

    ctx->operation = path.operation;
    ctx->dialect = path.dialect;
    ctx->by_shape = path.shape;
    ctx->path_stream = path.path_stream;

    if (path.model.len) {
        ctx->path_model.data = (u_char *) path.model.data;
        ctx->path_model.len = path.model.len;
    }
}


static ngx_str_t
ngx_http_llm_ctx_str(llm_str_t s)
{
    ngx_str_t  v;

    v.data = (u_char *) s.data;
    v.len = s.len;

    return v;
}


/*
 * By the names of an upstream: its own, then those of its servers.  It is
 * the same for nearly all calls of a location, which therefore keeps it.
 */

static llm_str_t
ngx_http_llm_ctx_host(ngx_http_llm_loc_conf_t *conf,
    ngx_http_upstream_srv_conf_t *us)
{
    llm_str_t                    name, host;
    ngx_uint_t                   i;
    ngx_http_upstream_server_t  *server;

    if (conf->upstream == us) {
        return conf->host;
    }

    host = ngx_http_llm_view(&us->host);
    name = llm_dialect_host(host);

    server = us->servers ? us->servers->elts : NULL;

    for (i = 0; name.len == 0 && server && i < us->servers->nelts; i++) {
        host = ngx_http_llm_view(&server[i].name);
        name = llm_dialect_host(host);
    }

    llm_price_place(host, &conf->place);

    conf->upstream = us;
    conf->host = name;

    return name;
}


/*
 * Before there is an upstream its name stands in the settings of proxy_pass,
 * unless that has variables.
 */

static ngx_http_upstream_srv_conf_t *
ngx_http_llm_ctx_upstream(ngx_http_llm_ctx_t *ctx)
{
    void                      *plcf;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_llm_main_conf_t  *mcf;

    r = ctx->request;

    if (r->upstream && r->upstream != ctx->left) {
        return r->upstream->upstream;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!mcf->upstream_first || mcf->proxy == NULL
        || clcf->handler != mcf->proxy)
    {
        return NULL;
    }

    plcf = r->loc_conf[mcf->proxy_index];

    return ((ngx_http_upstream_conf_t *) plcf)->upstream;
}


static ngx_int_t
ngx_http_llm_ctx_provider(ngx_http_llm_ctx_t *ctx)
{
    llm_str_t                      name;
    llm_path_t                     path;
    ngx_http_request_t            *r;
    ngx_http_upstream_srv_conf_t  *us;

    r = ctx->request;
    ctx->guessed = 0;

    if (ctx->conf->provider) {

        if (ngx_http_complex_value(r, ctx->conf->provider, &ctx->provider)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (ctx->provider.len) {
            return NGX_OK;
        }
    }

    us = ngx_http_llm_ctx_upstream(ctx);

    if (us) {
        name = ngx_http_llm_ctx_host(ctx->conf, us);

    } else if (r->upstream && r->upstream != ctx->left
               && r->upstream->resolved)
    {
        name = llm_dialect_host(
                             ngx_http_llm_view(&r->upstream->resolved->host));

    } else {
        name.len = 0;
    }

    if (name.len == 0) {
        ctx->guessed = 1;

        llm_dialect_path(ngx_http_llm_view(&r->uri), &path);
        name = path.provider;
    }

    if (name.len == 0) {
        name.data = (const uint8_t *) llm_dialects[ctx->dialect]->provider;
        name.len = ngx_strlen(name.data);
    }

    ctx->provider = ngx_http_llm_ctx_str(name);

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_ctx_place(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_core_loc_conf_t  *clcf;

    /* a page or file of ours does not change who was called */

    if (ctx->rounds && ctx->provider.len
        && ctx->request->content_handler == NULL)
    {
        return NGX_OK;
    }

    if (ngx_http_llm_ctx_provider(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->conf->route) {

        if (ngx_http_complex_value(ctx->request, ctx->conf->route,
                                   &ctx->route)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (ctx->route.len) {
            return NGX_OK;
        }
    }

    clcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_core_module);
    ctx->route = clcf->name;

    return NGX_OK;
}


llm_str_t
ngx_http_llm_ctx_asked(ngx_http_llm_ctx_t *ctx)
{
    llm_str_t  s;

    if (ctx->reading) {
        s.data = ctx->reading->model;
        s.len = ctx->reading->model_len;

        if (s.len) {
            return s;
        }
    }

    if (ctx->asked.model.len) {
        return ngx_http_llm_view(&ctx->asked.model);
    }

    return ngx_http_llm_view(&ctx->path_model);
}


llm_str_t
ngx_http_llm_ctx_sent(ngx_http_llm_ctx_t *ctx)
{
    llm_str_t  s;

    if (ctx->extra) {
        s = ngx_http_llm_splice_model(ctx);

        if (s.len) {
            return s;
        }
    }

    return ngx_http_llm_ctx_asked(ctx);
}


llm_str_t
ngx_http_llm_ctx_answered(ngx_http_llm_ctx_t *ctx)
{
    llm_str_t  none = { NULL, 0 };

    return ctx->answer ? llm_response_model(ctx->answer) : none;
}


/* Where the endpoint stands, as far as its name tells. */

static void
ngx_http_llm_ctx_where(ngx_http_llm_ctx_t *ctx, llm_place_t *place)
{
    ngx_http_request_t            *r;
    ngx_http_upstream_srv_conf_t  *us;

    r = ctx->request;
    us = ngx_http_llm_ctx_upstream(ctx);

    if (us) {
        (void) ngx_http_llm_ctx_host(ctx->conf, us);
        *place = ctx->conf->place;
        return;
    }

    ngx_memzero(place, sizeof(llm_place_t));

    if (r->upstream && r->upstream != ctx->left && r->upstream->resolved) {
        llm_price_place(ngx_http_llm_view(&r->upstream->resolved->host),
                        place);
    }
}


void
ngx_http_llm_ctx_price(ngx_http_llm_ctx_t *ctx)
{
    llm_place_t                place;
    llm_name_query_t           q;
    ngx_http_llm_main_conf_t  *mcf;

    if (ctx->priced) {
        return;
    }

    ngx_memzero(&q, sizeof(llm_name_query_t));

    mcf = ngx_http_get_module_main_conf(ctx->request, ngx_http_llm_module);

    q.provider = ngx_http_llm_view(&ctx->provider);
    q.answered = ngx_http_llm_ctx_answered(ctx);
    q.asked = ngx_http_llm_ctx_sent(ctx);
    q.guessed = ctx->guessed;

    if (ctx->path_model.len
        && (llm_dialects[ctx->dialect]->flags & LLM_DIALECT_F_PATH))
    {
        /* a cheaper one in the body makes nothing cheaper */
        q.asked = ngx_http_llm_view(&ctx->path_model);
    }

    ngx_http_llm_ctx_where(ctx, &place);

    q.region = place.region;
    ctx->place = (uint8_t) place.factors;

    ctx->price = ngx_http_llm_prices_find(&mcf->prices, &q,
                                          ngx_http_llm_view(&ctx->route),
                                          &ctx->match);
    ctx->priced = 1;
}


void
ngx_http_llm_ctx_labels(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_labels_t *labels, llm_str_t model)
{
    ngx_str_t                   value;
    ngx_uint_t                  i;
    ngx_http_llm_label_conf_t  *label;

    ngx_memzero(labels, sizeof(ngx_http_llm_labels_t));

    labels->provider = ngx_http_llm_view(&ctx->provider);
    labels->route = ngx_http_llm_view(&ctx->route);
    labels->operation = ctx->operation;
    labels->model = model;

    if (ctx->conf->labels == NULL) {
        return;
    }

    label = ctx->conf->labels->elts;

    for (i = 0; i < ctx->conf->labels->nelts; i++) {

        if (ngx_http_complex_value(ctx->request, &label[i].value, &value)
            != NGX_OK)
        {
            continue;
        }

        labels->own[labels->nown].name = ngx_http_llm_view(&label[i].name);
        labels->own[labels->nown].value = ngx_http_llm_view(&value);
        labels->nown++;
    }
}


/*
 * A name that a client made up must not take room: until the upstream has
 * answered with something that we understand, a call is booked under its
 * model only where that is known already.
 */

ngx_int_t
ngx_http_llm_ctx_label(ngx_http_llm_ctx_t *ctx, ngx_uint_t recognised)
{
    llm_str_t              model;
    ngx_http_llm_labels_t  labels;

    if (ctx->labelled) {
        return NGX_OK;
    }

    ctx->labelled = 1;

    ngx_http_llm_ctx_price(ctx);

    model = ngx_http_llm_ctx_answered(ctx);

    if (model.len == 0) {
        model = ngx_http_llm_ctx_sent(ctx);
    }

    if (model.len == 0) {
        model.data = (const uint8_t *) "other";
        model.len = 5;
    }

    ngx_http_llm_ctx_labels(ctx, &labels, model);

    if (recognised) {
        ctx->series = ngx_http_llm_series_claim(ctx->zone, &labels,
                                                ctx->price != NULL);

    } else {
        ctx->series = ngx_http_llm_series_find(ctx->zone, &labels);

        if (ctx->series == ctx->zone->series_max) {
            ctx->series = ngx_http_llm_series_base(ctx->zone, labels.provider,
                                                   labels.route,
                                                   ctx->operation);
        }
    }

    ngx_http_llm_live_move(ctx->zone, ctx->live, ctx->series);

    return NGX_OK;
}
