
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Who vouches for the bytes of a body: then they are not changed.
 */


#include "ngx_http_llm_splice.h"


/*
 * Headers that vouch for the bytes of the body.  of: the value begins so, in
 * any case; except: but not if it is that.
 */

static const struct {
    ngx_str_t    name;
    const char  *of;
    const char  *except;
    ngx_uint_t   why;
} ngx_http_llm_splice_vouchers[] = {
    { ngx_string("authorization"), "AWS4-", NULL, LLM_SPLICE_SIGNED },
    { ngx_string("authorization"), "TC3-HMAC-", NULL, LLM_SPLICE_SIGNED },
    { ngx_string("authorization"), "HMAC-", NULL, LLM_SPLICE_SIGNED },
    { ngx_string("authorization"), "ACS3-HMAC-", NULL, LLM_SPLICE_SIGNED },
    { ngx_string("authorization"), "SDK-HMAC-", NULL, LLM_SPLICE_SIGNED },
    { ngx_string("x-amz-content-sha256"), "", "UNSIGNED-PAYLOAD",
      LLM_SPLICE_SIGNED },
    { ngx_string("x-ms-content-sha256"), "", NULL, LLM_SPLICE_SIGNED },
    { ngx_string("x-acs-content-sha256"), "", NULL, LLM_SPLICE_SIGNED },
    { ngx_string("x-content-sha256"), "", NULL, LLM_SPLICE_SIGNED },
    { ngx_string("content-md5"), "", NULL, LLM_SPLICE_SIGNED },
    { ngx_string("digest"), "", NULL, LLM_SPLICE_SIGNED },
    { ngx_string("content-digest"), "", NULL, LLM_SPLICE_SIGNED },
    { ngx_string("repr-digest"), "", NULL, LLM_SPLICE_SIGNED },
    { ngx_string("signature"), "", NULL, LLM_SPLICE_SIGNED },
    { ngx_string("signature-input"), "", NULL, LLM_SPLICE_SIGNED },
    { ngx_string("content-encoding"), "", "identity", LLM_SPLICE_ENCODED },
    { ngx_null_string, NULL, NULL, 0 }
};


static ngx_uint_t
ngx_http_llm_splice_header(ngx_table_elt_t *h)
{
    size_t      n;
    ngx_uint_t  i;

    for (i = 0; ngx_http_llm_splice_vouchers[i].name.len; i++) {

        if (ngx_http_llm_splice_vouchers[i].name.len != h->key.len
            || ngx_strncasecmp(h->key.data,
                               ngx_http_llm_splice_vouchers[i].name.data,
                               h->key.len)
               != 0)
        {
            continue;
        }

        n = ngx_strlen(ngx_http_llm_splice_vouchers[i].of);

        if (h->value.len < n
            || ngx_strncasecmp(h->value.data,
                               (u_char *) ngx_http_llm_splice_vouchers[i].of,
                               n)
               != 0)
        {
            continue;
        }

        if (ngx_http_llm_splice_vouchers[i].except
            && h->value.len
               == ngx_strlen(ngx_http_llm_splice_vouchers[i].except)
            && ngx_strncasecmp(h->value.data,
                          (u_char *) ngx_http_llm_splice_vouchers[i].except,
                          h->value.len)
               == 0)
        {
            continue;
        }

        return ngx_http_llm_splice_vouchers[i].why;
    }

    return LLM_SPLICE_OK;
}


ngx_uint_t
ngx_http_llm_splice_vouched(ngx_http_request_t *r)
{
    u_char            *p;
    ngx_uint_t         i, why;
    ngx_list_part_t   *part;
    ngx_table_elt_t   *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            why = ngx_http_llm_splice_header(&h[i]);

            if (why != LLM_SPLICE_OK) {
                return why;
            }
        }
    }

    /* a signed URL */

    p = r->args.data;

    if (r->args.len > sizeof("X-Amz-Signature=") - 1
        && ngx_strlcasestrn(p, p + r->args.len,
                            (u_char *) "x-amz-signature=",
                            sizeof("x-amz-signature=") - 2)
           != NULL)
    {
        return LLM_SPLICE_SIGNED;
    }

    return LLM_SPLICE_OK;
}
