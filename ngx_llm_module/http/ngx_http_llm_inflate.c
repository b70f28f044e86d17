
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The client gets the compressed bytes as they came; we inflate them on the
 * side, through a small buffer on the stack.  What it costs: zlib's state and
 * window, some 40 KB while the response lasts, and only for responses that
 * come compressed though they were asked not to.
 *
 * Bombs: output beyond RATIO times the input (and beyond FREE bytes) is not
 * a model's answer; reading stops there.
 */


#include "ngx_http_llm_inflate.h"

#include <zlib.h>


#define NGX_HTTP_LLM_INFLATE_BUF    4096
#define NGX_HTTP_LLM_INFLATE_FREE   (1024 * 1024)
#define NGX_HTTP_LLM_INFLATE_RATIO  200


struct ngx_http_llm_inflate_s {
    z_stream      z;
    ngx_pool_t   *pool;
    uint64_t      in;
    uint64_t      out;
    unsigned      deflate:1;         /* zlib or raw: the first bytes tell */
    unsigned      begun:1;
    unsigned      end:1;
    unsigned      failed:1;
};


static void *
ngx_http_llm_inflate_alloc(void *opaque, u_int items, u_int size)
{
    ngx_pool_t *pool = opaque;

    return ngx_palloc(pool, (size_t) items * size);
}


static void
ngx_http_llm_inflate_free(void *opaque, void *address)
{
    ngx_pool_t *pool = opaque;

    (void) ngx_pfree(pool, address);
}


ngx_http_llm_inflate_t *
ngx_http_llm_inflate_create(ngx_pool_t *pool, ngx_str_t *coding)
{
    ngx_uint_t               deflate;
    ngx_http_llm_inflate_t  *inf;

    if ((coding->len == 4
         && ngx_strncasecmp(coding->data, (u_char *) "gzip", 4) == 0)
        || (coding->len == 6
            && ngx_strncasecmp(coding->data, (u_char *) "x-gzip", 6) == 0))
    {
        deflate = 0;

    } else if (coding->len == 7
               && ngx_strncasecmp(coding->data, (u_char *) "deflate", 7) == 0)
    {
        deflate = 1;

    } else {
        return NULL;
    }

    inf = ngx_pcalloc(pool, sizeof(ngx_http_llm_inflate_t));
    if (inf == NULL) {
        return NULL;
    }

    inf->pool = pool;
    inf->deflate = deflate;

    inf->z.zalloc = ngx_http_llm_inflate_alloc;
    inf->z.zfree = ngx_http_llm_inflate_free;
    inf->z.opaque = pool;

    return inf;
}


/*
 * "deflate" should be zlib's format, but raw deflate is sent as well: a zlib
 * header has method 8 in its first byte.
 */

static ngx_int_t
ngx_http_llm_inflate_begin(ngx_http_llm_inflate_t *inf, u_char first)
{
    int  bits;

    bits = !inf->deflate ? MAX_WBITS + 16
           : ((first & 0x0f) == Z_DEFLATED) ? MAX_WBITS : -MAX_WBITS;

    if (inflateInit2(&inf->z, bits) != Z_OK) {
        return NGX_ERROR;
    }

    inf->begun = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_inflate_feed(ngx_http_llm_inflate_t *inf, llm_response_t *answer,
    const u_char *p, size_t len)
{
    int     rc;
    size_t  n;
    u_char  buf[NGX_HTTP_LLM_INFLATE_BUF];

    if (len == 0) {
        return NGX_OK;
    }

    if (inf->failed) {
        return NGX_ERROR;
    }

    if (!inf->begun && ngx_http_llm_inflate_begin(inf, p[0]) != NGX_OK) {
        inf->failed = 1;
        return NGX_ERROR;
    }

    inf->z.next_in = (Bytef *) p;
    inf->z.avail_in = len;
    inf->in += len;

    do {
        inf->z.next_out = buf;
        inf->z.avail_out = sizeof(buf);

        /* gzip may go on with another member; what does not is no concern */

        if (inf->end
            && (inf->deflate || inflateReset(&inf->z) != Z_OK))
        {
            return NGX_OK;
        }

        rc = inflate(&inf->z, Z_SYNC_FLUSH);

        if (inf->end && rc == Z_DATA_ERROR && inf->z.total_out == 0) {
            inf->deflate = 1;
            return NGX_OK;
        }

        inf->end = 0;

        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
            inf->failed = 1;
            return NGX_ERROR;
        }

        n = sizeof(buf) - inf->z.avail_out;
        inf->out += n;

        llm_response_feed(answer, buf, n);

        inf->end = (rc == Z_STREAM_END);

        if (inf->out > NGX_HTTP_LLM_INFLATE_FREE
            && inf->out / NGX_HTTP_LLM_INFLATE_RATIO > inf->in)
        {
            inf->failed = 1;
            return NGX_ERROR;
        }

    } while (inf->z.avail_in || (inf->z.avail_out == 0 && !inf->end));

    return NGX_OK;
}


void
ngx_http_llm_inflate_done(ngx_http_llm_inflate_t *inf)
{
    if (inf->begun) {
        (void) inflateEnd(&inf->z);
        inf->begun = 0;
    }
}
