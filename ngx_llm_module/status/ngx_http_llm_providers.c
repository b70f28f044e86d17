
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What providers said last of their limits, as the status shows it: by name,
 * and those only that l.provider leaves.  Other labels are of calls, and
 * select nothing here.
 */


#include "ngx_http_llm_view.h"
#include "llm_escape.h"


#define NGX_HTTP_LLM_PROVIDER_TEXT                                            \
    (sizeof("provider=\"\"") + LLM_ESCAPE_MAX * NGX_HTTP_LLM_PROVIDER_LEN)


static const struct {
    const char  *key;
    uint8_t      kind;
    uint8_t      value;
} ngx_http_llm_provider_keys[] = {
    { "remaining_requests", LLM_QUOTA_REQUESTS, LLM_QUOTA_REMAINING },
    { "remaining_tokens", LLM_QUOTA_TOKENS, LLM_QUOTA_REMAINING },
    { "limit_requests", LLM_QUOTA_REQUESTS, LLM_QUOTA_LIMIT },
    { "limit_tokens", LLM_QUOTA_TOKENS, LLM_QUOTA_LIMIT },
    { "reset_requests", LLM_QUOTA_REQUESTS, LLM_QUOTA_RESET },
    { "reset_tokens", LLM_QUOTA_TOKENS, LLM_QUOTA_RESET }
};


/* The label "provider" is the first of view->labels. */

static ngx_uint_t
ngx_http_llm_providers_match(ngx_http_llm_view_t *view, llm_str_t provider)
{
    ngx_uint_t             i;
    ngx_http_llm_match_t  *match;

    match = view->query.matches.elts;

    for (i = 0; i < view->query.matches.nelts; i++) {

        if (match[i].label == 0
            && !llm_str_eq(provider, (const char *) match[i].value.data,
                           match[i].value.len))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_http_llm_providers_cmp(llm_str_t a, llm_str_t b)
{
    ngx_int_t  rc;

    rc = ngx_memcmp(a.data, b.data, ngx_min(a.len, b.len));

    return rc ? rc : (ngx_int_t) a.len - (ngx_int_t) b.len;
}


static ngx_int_t
ngx_http_llm_providers_label(ngx_http_llm_view_t *view,
    ngx_http_llm_provider_t *p)
{
    u_char  *last;

    p->group.text = ngx_pnalloc(view->pool, NGX_HTTP_LLM_PROVIDER_TEXT);
    if (p->group.text == NULL) {
        return NGX_ERROR;
    }

    last = ngx_http_llm_put_lit(p->group.text, "provider=\"");
    last = llm_escape_label(last, p->said.provider);
    *last++ = '"';

    p->group.len = last - p->group.text;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_view_providers(ngx_http_llm_view_t *view)
{
    uint32_t                   i, k;
    ngx_http_llm_provider_t   *p;
    ngx_http_llm_quota_view_t  said;

    view->providers = ngx_pcalloc(view->pool, NGX_HTTP_LLM_QUOTAS
                                           * sizeof(ngx_http_llm_provider_t));
    if (view->providers == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_LLM_QUOTAS; i++) {

        if (!ngx_http_llm_quota_read(view->zone, i, &said)
            || !ngx_http_llm_providers_match(view, said.provider))
        {
            continue;
        }

        for (k = view->nproviders++; k > 0; k--) {

            p = &view->providers[k - 1];

            if (ngx_http_llm_providers_cmp(p->said.provider, said.provider)
                < 0)
            {
                break;
            }

            view->providers[k].said = p->said;
        }

        view->providers[k].said = said;
    }

    if (view->query.format == NGX_HTTP_LLM_JSON) {
        return NGX_OK;
    }

    for (i = 0; i < view->nproviders; i++) {
        if (ngx_http_llm_providers_label(view, &view->providers[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_llm_json_quota(ngx_http_llm_out_t *out, const llm_quota_t *quota,
    ngx_uint_t value)
{
    if ((quota->said & llm_quota_bit(value)) == 0) {
        ngx_http_llm_out_lit(out, "null");

    } else if (value == LLM_QUOTA_RESET) {
        ngx_http_llm_out_lit(out, "\"");
        ngx_http_llm_out_time(out, quota->value[value]);
        ngx_http_llm_out_lit(out, "\"");

    } else {
        ngx_http_llm_out_uint(out, quota->value[value]);
    }
}


void
ngx_http_llm_json_providers(ngx_http_llm_view_t *view)
{
    uint32_t                    i, k;
    ngx_http_llm_out_t         *out;
    ngx_http_llm_quota_view_t  *said;

    out = &view->out;

    for (i = 0; i < view->nproviders; i++) {
        said = &view->providers[i].said;

        ngx_http_llm_out_text(out, i ? ",\n{\"provider\":\""
                                     : "\n{\"provider\":\"");
        ngx_http_llm_out_json(out, said->provider);
        ngx_http_llm_out_lit(out, "\"");

        for (k = 0; k < sizeof(ngx_http_llm_provider_keys)
                        / sizeof(ngx_http_llm_provider_keys[0]); k++)
        {
            ngx_http_llm_out_lit(out, ",\"");
            ngx_http_llm_out_text(out, ngx_http_llm_provider_keys[k].key);
            ngx_http_llm_out_lit(out, "\":");
            ngx_http_llm_json_quota(out,
                      &said->quota[ngx_http_llm_provider_keys[k].kind],
                      ngx_http_llm_provider_keys[k].value);
        }

        ngx_http_llm_out_lit(out, ",\"updated\":\"");
        ngx_http_llm_out_time(out, said->updated);
        ngx_http_llm_out_lit(out, "\"}");
    }
}
