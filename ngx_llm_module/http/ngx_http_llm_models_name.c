
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The model that the provider will read.
 *
 * It stands in the body or in the path, as the API has it, and a request may
 * hold decoys: a model in the body of an API that takes it from the path, an
 * argument or header that some servers look at first, a path that is
 * normalised here and nowhere else, a second model to fall back on.  Which
 * one counts is the provider's choice, so where any two differ there is no
 * answer.
 */


#include "ngx_http_llm_models.h"


/* Headers by which a server may choose a model, beside what the call says. */

static const ngx_str_t  ngx_http_llm_models_headers[] = {
    ngx_string("azureml-model-deployment"),
    ngx_string("x-amzn-sagemaker-target-model"),
    ngx_string("x-amzn-sagemaker-target-variant"),
    ngx_string("x-portkey-config"),
    ngx_string("x-model")
};


#define NGX_HTTP_LLM_MODELS_HEADERS                                           \
    (sizeof(ngx_http_llm_models_headers)                                      \
     / sizeof(ngx_http_llm_models_headers[0]))


ngx_uint_t
ngx_http_llm_models_runs(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    return !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_OPTIONS
                          |NGX_HTTP_DELETE))
           || r->headers_in.upgrade
           || r->headers_in.content_length_n > 0 || r->headers_in.chunked
           || ctx->asked.state != LLM_REQUEST_UNREAD
           || ctx->path_model.len;
}


static ngx_uint_t
ngx_http_llm_models_decoy(ngx_http_request_t *r, llm_str_t model)
{
    ngx_uint_t        i, k;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            for (k = 0; k < NGX_HTTP_LLM_MODELS_HEADERS; k++) {
                if (h[i].key.len == ngx_http_llm_models_headers[k].len
                    && ngx_strncasecmp(h[i].key.data,
                                       ngx_http_llm_models_headers[k].data,
                                       h[i].key.len)
                       == 0
                    && (h[i].value.len != model.len
                        || ngx_memcmp(h[i].value.data, model.data, model.len)
                           != 0))
                {
                    return 1;
                }
            }
        }
    }

    return 0;
}


/* What goes upstream may be what the client wrote, unless that was rewritten.
 * If nothing was to be normalised, both say the same. */

static ngx_uint_t
ngx_http_llm_models_path(ngx_http_request_t *r, llm_str_t model)
{
    return r->valid_unparsed_uri
           ? llm_pattern_path(ngx_http_llm_view(&r->unparsed_uri), 1, model)
           : llm_pattern_path(ngx_http_llm_view(&r->uri), 0, model);
}


static llm_str_t
ngx_http_llm_models_args(ngx_http_request_t *r)
{
    u_char     *p, *e;
    llm_str_t   args;

    if (!r->valid_unparsed_uri) {
        return ngx_http_llm_view(&r->args);
    }

    e = r->unparsed_uri.data + r->unparsed_uri.len;
    p = ngx_strlchr(r->unparsed_uri.data, e, '?');

    args.data = p ? p + 1 : e;
    args.len = e - args.data;

    return args;
}


/* Gemini's bodies may say it again, as a resource. */

static ngx_uint_t
ngx_http_llm_models_same(llm_str_t body, llm_str_t path)
{
    if (body.len == path.len + 7
        && ngx_strncmp(body.data, "models/", 7) == 0)
    {
        body.data += 7;
        body.len -= 7;
    }

    return body.len == path.len
           && ngx_memcmp(body.data, path.data, path.len) == 0;
}


ngx_int_t
ngx_http_llm_models_name(ngx_http_llm_ctx_t *ctx, llm_str_t *model,
    ngx_str_t *why)
{
    llm_str_t            body;
    llm_path_t           path;
    ngx_http_request_t  *r;

    r = ctx->request;

    body = ngx_http_llm_view(&ctx->asked.model);
    llm_dialect_path(ngx_http_llm_view(&r->uri), &path);

    *model = path.model.len ? path.model : body;

    if (r->headers_in.upgrade) {
        ngx_str_set(why, "another protocol is asked for");
        return NGX_ERROR;
    }

    if (!ngx_http_llm_models_runs(ctx)) {
        return NGX_OK;
    }

    if ((ctx->asked.model_flags & LLM_REQUEST_MODEL_BAD)
        || !llm_pattern_name(body))
    {
        ngx_str_set(why, "the name of the model cannot be read");
        return NGX_ERROR;
    }

    if (ctx->asked.model_flags & LLM_REQUEST_MODEL_MORE) {
        ngx_str_set(why, "more than one model is named");
        return NGX_ERROR;
    }

    if (!ngx_http_llm_models_path(r, path.model)) {
        ngx_str_set(why, "the path can be read in two ways");
        return NGX_ERROR;
    }

    if ((path.model.len && body.len
         && !ngx_http_llm_models_same(body, path.model))
        || !llm_pattern_query(ngx_http_llm_models_args(r), *model)
        || ngx_http_llm_models_decoy(r, *model))
    {
        ngx_str_set(why, "more than one model is named");
        return NGX_ERROR;
    }

    return NGX_OK;
}
