
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Digests of the body of the request.
 *
 * The body is hashed as it passes, before anything may change it, and only
 * where the configuration uses what comes of it.  What a cache key says of
 * the model is what the call has come to: llm_set_model may have changed it.
 *
 * A body that cannot be read, or that could be read two ways, must never be
 * answered with another's answer: its key is drawn at random.
 */


#include "ngx_http_llm_canon.h"
#include "ngx_http_llm_inspect.h"
#include "ngx_http_llm_key.h"

#include "llm_canon.h"
#include "llm_request_prompt.h"

#include <openssl/evp.h>
#include <openssl/rand.h>


#define NGX_HTTP_LLM_SHA256  32


struct ngx_http_llm_canon_s {
    EVP_MD_CTX                *body;     /* NULL: not wanted, or over */
    EVP_MD_CTX                *prompt;

    llm_canon_t                canon;
    llm_prompt_t               reader;

    unsigned                   failed:1; /* of either: no memory */
    unsigned                   hashed:1; /* digest is that of the body */

    u_char                     digest[NGX_HTTP_LLM_SHA256];

    size_t                     len;      /* canonical bytes not hashed yet */
    u_char                     bytes[256];
};


static ngx_uint_t
ngx_http_llm_canon_used(ngx_http_core_main_conf_t *cmcf, const char *name)
{
    ngx_uint_t            i;
    ngx_http_variable_t  *v;

    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        if (v[i].name.len == ngx_strlen(name)
            && ngx_strncmp(v[i].name.data, name, v[i].name.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_llm_canon_init(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf)
{
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    mcf->cache_key = ngx_http_llm_canon_used(cmcf, "llm_cache_key");

    if (!ngx_http_llm_canon_used(cmcf, "llm_prompt_id")) {
        return NGX_OK;
    }

    mcf->prompt = ngx_palloc(cf->pool, sizeof(llm_json_table_t));

    if (mcf->prompt == NULL || llm_prompt_compile(mcf->prompt) != LLM_JSON_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_llm_canon_free(void *data)
{
    ngx_http_llm_canon_t *cn = data;

    EVP_MD_CTX_free(cn->body);
    EVP_MD_CTX_free(cn->prompt);

    cn->body = NULL;
    cn->prompt = NULL;
}


static void
ngx_http_llm_canon_flush(ngx_http_llm_canon_t *cn)
{
    if (cn->len && !EVP_DigestUpdate(cn->body, cn->bytes, cn->len)) {
        cn->failed = 1;
    }

    cn->len = 0;
}


/* Tokens are short: they are gathered. */

static void
ngx_http_llm_canon_take(void *data, const uint8_t *p, size_t len)
{
    ngx_http_llm_canon_t *cn = data;

    if (len > sizeof(cn->bytes) - cn->len) {
        ngx_http_llm_canon_flush(cn);
    }

    if (len > sizeof(cn->bytes) / 2) {
        ngx_http_llm_canon_flush(cn);

        if (!EVP_DigestUpdate(cn->body, p, len)) {
            cn->failed = 1;
        }

        return;
    }

    ngx_memcpy(cn->bytes + cn->len, p, len);
    cn->len += len;
}


static void
ngx_http_llm_canon_prompt(void *data, unsigned step, const uint8_t *p,
    size_t len)
{
    ngx_http_llm_canon_t *cn = data;

    int  good;

    if (step == LLM_PROMPT_DROP) {
        good = EVP_DigestInit_ex(cn->prompt, EVP_sha256(), NULL);

    } else {
        good = EVP_DigestUpdate(cn->prompt, p, len);
    }

    if (!good) {
        cn->failed = 1;
    }
}


static EVP_MD_CTX *
ngx_http_llm_canon_md(void)
{
    EVP_MD_CTX  *md;

    md = EVP_MD_CTX_new();

    if (md && !EVP_DigestInit_ex(md, EVP_sha256(), NULL)) {
        EVP_MD_CTX_free(md);
        return NULL;
    }

    return md;
}


static ngx_http_llm_canon_t *
ngx_http_llm_canon_create(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_main_conf_t *mcf)
{
    ngx_pool_cleanup_t    *cln;
    ngx_http_llm_canon_t  *cn;

    cln = ngx_pool_cleanup_add(ctx->request->pool,
                               sizeof(ngx_http_llm_canon_t));
    if (cln == NULL) {
        return NULL;
    }

    cn = cln->data;
    ngx_memzero(cn, sizeof(ngx_http_llm_canon_t));
    cln->handler = ngx_http_llm_canon_free;

    if (mcf->cache_key) {
        cn->body = ngx_http_llm_canon_md();
        cn->failed |= (cn->body == NULL);
        llm_canon_init(&cn->canon, llm_request_unkeyed,
                       ngx_http_llm_canon_take, cn);
    }

    if (mcf->prompt) {
        cn->prompt = ngx_http_llm_canon_md();
        cn->failed |= (cn->prompt == NULL);
        llm_prompt_init(&cn->reader, mcf->prompt, ngx_http_llm_canon_prompt,
                        cn);
    }

    return cn;
}


void
ngx_http_llm_canon_feed(ngx_http_llm_ctx_t *ctx, const u_char *p, size_t len)
{
    ngx_http_llm_canon_t      *cn;
    ngx_http_llm_inspect_t    *in;
    ngx_http_llm_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(ctx->request, ngx_http_llm_module);

    if (!mcf->cache_key && mcf->prompt == NULL) {
        return;
    }

    in = ngx_http_llm_inspect_get(ctx);
    if (in == NULL) {
        return;
    }

    if (in->canon == NULL) {
        in->canon = ngx_http_llm_canon_create(ctx, mcf);

        if (in->canon == NULL) {
            return;
        }
    }

    cn = in->canon;

    if (cn->failed) {
        return;
    }

    if (cn->body) {
        llm_canon_feed(&cn->canon, p, len);
    }

    if (cn->prompt) {
        llm_prompt_feed(&cn->reader, p, len);
    }
}


void
ngx_http_llm_canon_over(ngx_http_llm_ctx_t *ctx)
{
    unsigned                   n;
    u_char                     hash[EVP_MAX_MD_SIZE];
    ngx_http_llm_canon_t      *cn;
    ngx_http_llm_inspect_t    *in;
    ngx_http_llm_main_conf_t  *mcf;

    in = ctx->extra ? ctx->extra->inspect : NULL;
    cn = in ? in->canon : NULL;

    if (cn == NULL) {
        return;
    }

    if (!cn->failed && cn->body
        && ctx->asked.state == LLM_REQUEST_READ)
    {
        ngx_http_llm_canon_flush(cn);

        cn->hashed = !cn->failed
                     && EVP_DigestFinal_ex(cn->body, cn->digest, NULL);
    }

    if (!cn->failed && cn->prompt
        && (ctx->asked.state == LLM_REQUEST_READ
            || ctx->asked.state == LLM_REQUEST_AMBIGUOUS)
        && llm_prompt_end(&cn->reader)
        && EVP_DigestFinal_ex(cn->prompt, hash, &n))
    {
        mcf = ngx_http_get_module_main_conf(ctx->request,
                                            ngx_http_llm_module);

        in->prompt_there = (ngx_http_llm_key_digest(mcf, hash, n,
                                                    in->prompt_id)
                            == NGX_OK);
    }

    ngx_http_llm_canon_free(cn);
}


/* A body may be in a coding that only the provider undoes. */

static ngx_uint_t
ngx_http_llm_canon_encoded(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static ngx_str_t  name = ngx_string("content-encoding");

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == name.len
                && ngx_strcasecmp(h[i].key.data, name.data) == 0
                && (h[i].value.len != sizeof("identity") - 1
                    || ngx_strcasecmp(h[i].value.data,
                                      (u_char *) "identity")
                       != 0))
            {
                return 1;
            }
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_llm_cache_key_unique(u_char *hex)
{
    u_char  random[NGX_HTTP_LLM_SHA256];

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(hex, random, sizeof(random));

    return NGX_OK;
}


/*
 * What stands before the body: each part with its length, so that none runs
 * into the next.
 */

static ngx_int_t
ngx_http_llm_cache_key_part(EVP_MD_CTX *md, const void *p, size_t len)
{
    uint64_t  n;

    n = len;

    return EVP_DigestUpdate(md, &n, sizeof(n))
           && (len == 0 || EVP_DigestUpdate(md, p, len));
}


static uint64_t
ngx_http_llm_cache_key_bound(ngx_http_llm_ctx_t *ctx)
{
    return ctx->asked.has_max_tokens ? ctx->asked.max_tokens : UINT64_MAX;
}


static ngx_int_t
ngx_http_llm_cache_key_make(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_inspect_t *in, ngx_http_llm_canon_t *cn)
{
    u_char               hash[EVP_MAX_MD_SIZE];
    ngx_int_t            rc;
    EVP_MD_CTX          *md;
    ngx_http_request_t  *r;

    r = ctx->request;

    md = ngx_http_llm_canon_md();
    if (md == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_llm_cache_key_part(md, in->cache_provider.data,
                                     in->cache_provider.len)
         && ngx_http_llm_cache_key_part(md, r->unparsed_uri.data,
                                        r->unparsed_uri.len)
         && ngx_http_llm_cache_key_part(md, in->cache_model.data,
                                        in->cache_model.len)
         && ngx_http_llm_cache_key_part(md, &in->cache_bound,
                                        sizeof(in->cache_bound))
         && ngx_http_llm_cache_key_part(md, cn ? cn->digest : NULL,
                                        cn ? NGX_HTTP_LLM_SHA256 : 0)
         && EVP_DigestFinal_ex(md, hash, NULL);

    EVP_MD_CTX_free(md);

    (void) ngx_hex_dump(in->cache_key, hash, NGX_HTTP_LLM_SHA256);

    return rc ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_llm_cache_key_first(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_inspect_t *in)
{
    llm_str_t              model;
    ngx_uint_t             body;
    ngx_http_request_t    *r;
    ngx_http_llm_canon_t  *cn;

    r = ctx->request;
    cn = in->canon;

    body = r->headers_in.content_length_n > 0 || r->headers_in.chunked
           || ctx->asked.state != LLM_REQUEST_UNREAD || ctx->reading;

    if (body && (cn == NULL || !cn->hashed
                 || ngx_http_llm_canon_encoded(r)))
    {
        in->cache_early = (ctx->asked.state == LLM_REQUEST_UNREAD);

        return ngx_http_llm_cache_key_unique(in->cache_key);
    }

    if (ctx->provider.len == 0 && ngx_http_llm_ctx_place(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    model = ngx_http_llm_inspect_model(ctx);

    in->cache_provider = ctx->provider;
    in->cache_model.data = (u_char *) model.data;
    in->cache_model.len = model.len;
    in->cache_bound = ngx_http_llm_cache_key_bound(ctx);
    in->cache_shared = 1;

    return ngx_http_llm_cache_key_make(ctx, in, body ? cn : NULL);
}


ngx_int_t
ngx_http_llm_cache_key(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_str_t *s)
{
    ngx_http_llm_inspect_t  *in;

    s->len = NGX_HTTP_LLM_CACHE_KEY;

    if (ctx == NULL) {
        s->data = ngx_pnalloc(r->pool, NGX_HTTP_LLM_CACHE_KEY);

        return s->data ? ngx_http_llm_cache_key_unique(s->data) : NGX_ERROR;
    }

    in = ngx_http_llm_inspect_get(ctx);
    if (in == NULL) {
        return NGX_ERROR;
    }

    if (!in->cache_known) {

        if (ngx_http_llm_cache_key_first(ctx, in) != NGX_OK) {
            return NGX_ERROR;
        }

        in->cache_known = 1;
    }

    s->data = in->cache_key;

    return in->cache_early ? NGX_AGAIN : NGX_OK;
}


static ngx_uint_t
ngx_http_llm_canon_same(llm_str_t a, const ngx_str_t *b)
{
    return a.len == b->len
           && (a.len == 0 || ngx_memcmp(a.data, b->data, a.len) == 0);
}


ngx_uint_t
ngx_http_llm_cache_key_holds(ngx_http_llm_ctx_t *ctx)
{
    llm_str_t                model;
    ngx_http_llm_inspect_t  *in;

    in = ctx->extra ? ctx->extra->inspect : NULL;

    if (in == NULL || !in->cache_known || !in->cache_shared) {
        return 1;
    }

    model = ngx_http_llm_inspect_model(ctx);

    return in->cache_bound == ngx_http_llm_cache_key_bound(ctx)
           && ngx_http_llm_canon_same(model, &in->cache_model)
           && ngx_http_llm_canon_same(ngx_http_llm_view(&ctx->provider),
                                      &in->cache_provider);
}


ngx_int_t
ngx_http_llm_prompt_id(ngx_http_llm_ctx_t *ctx, ngx_str_t *s)
{
    ngx_http_llm_inspect_t  *in;

    in = ctx->extra ? ctx->extra->inspect : NULL;

    if (in == NULL || !in->prompt_there) {
        return NGX_DECLINED;
    }

    s->data = in->prompt_id;
    s->len = sizeof(in->prompt_id);

    return NGX_OK;
}
