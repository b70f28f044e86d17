
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The client gets the compressed bytes as they came; we inflate them on the
 * side, through a small buffer on the stack.  What it costs: zlib's state and
 * window, some 40 KB while the response lasts, and only for responses that
 * come compressed though they were asked not to.
 *
 * Chunking must not matter: the same bytes inflate to the same text, end or
 * fail at the same byte of it, however they are split.  So what came before
 * an error is read, and a bomb is told by places that the bytes alone decide.
 *
 * Bombs: output beyond RATIO times the input (and beyond FREE bytes) is not
 * a model's answer; reading stops there.  It is looked at where the output
 * has filled BUF bytes once more: with no room at all zlib takes the input
 * that it needs before the next byte of output, and no more, in whatever
 * pieces it comes.
 */


#include "ngx_http_llm_inflate.h"

#include <zlib.h>


/* a fuzz target has smaller ones, to come upon their edges */

#ifndef NGX_HTTP_LLM_INFLATE_BUF
#define NGX_HTTP_LLM_INFLATE_BUF    4096
#define NGX_HTTP_LLM_INFLATE_FREE   (1024 * 1024)
#define NGX_HTTP_LLM_INFLATE_RATIO  200
#endif


struct ngx_http_llm_inflate_s {
    z_stream      z;
    ngx_pool_t   *pool;
    uint64_t      in;                /* bytes of members that are over */
    uint64_t      out;
    unsigned      deflate:1;         /* zlib or raw: the first bytes tell */
    unsigned      begun:1;
    unsigned      member:1;          /* one is over */
    unsigned      end:1;             /* nothing more is read */
    unsigned      failed:1;
};


typedef enum {
    NGX_HTTP_LLM_CODING_IDENTITY = 0,
    NGX_HTTP_LLM_CODING_GZIP,
    NGX_HTTP_LLM_CODING_DEFLATE,
    NGX_HTTP_LLM_CODING_OTHER
} ngx_http_llm_coding_e;


static const struct {
    ngx_str_t   name;
    ngx_uint_t  coding;
} ngx_http_llm_codings[] = {
    { ngx_string("gzip"), NGX_HTTP_LLM_CODING_GZIP },
    { ngx_string("x-gzip"), NGX_HTTP_LLM_CODING_GZIP },
    { ngx_string("deflate"), NGX_HTTP_LLM_CODING_DEFLATE },
    { ngx_string("identity"), NGX_HTTP_LLM_CODING_IDENTITY },
    { ngx_string(""), NGX_HTTP_LLM_CODING_IDENTITY }
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


static ngx_uint_t
ngx_http_llm_inflate_name(const u_char *p, const u_char *e)
{
    size_t      len;
    ngx_uint_t  i;

    while (p < e && (*p == ' ' || *p == '\t')) {
        p++;
    }

    while (p < e && (e[-1] == ' ' || e[-1] == '\t')) {
        e--;
    }

    len = e - p;

    for (i = 0;
         i < sizeof(ngx_http_llm_codings) / sizeof(ngx_http_llm_codings[0]);
         i++)
    {
        if (ngx_http_llm_codings[i].name.len == len
            && ngx_strncasecmp((u_char *) p, ngx_http_llm_codings[i].name.data,
                               len)
               == 0)
        {
            return ngx_http_llm_codings[i].coding;
        }
    }

    return NGX_HTTP_LLM_CODING_OTHER;
}


/* What a list of codings comes to: two that do something are beyond us. */

static ngx_uint_t
ngx_http_llm_inflate_coding(const ngx_str_t *value)
{
    u_char      *p, *q, *e;
    ngx_uint_t   coding, one;

    coding = NGX_HTTP_LLM_CODING_IDENTITY;
    e = value->data + value->len;

    for (p = value->data; p < e; p = q + 1) {

        for (q = p; q < e && *q != ','; q++) { /* void */ }

        one = ngx_http_llm_inflate_name(p, q);

        if (one == NGX_HTTP_LLM_CODING_IDENTITY) {
            continue;
        }

        if (coding != NGX_HTTP_LLM_CODING_IDENTITY) {
            return NGX_HTTP_LLM_CODING_OTHER;
        }

        coding = one;
    }

    return coding;
}


ngx_int_t
ngx_http_llm_inflate_create(ngx_pool_t *pool, const ngx_str_t *codings,
    ngx_http_llm_inflate_t **to)
{
    ngx_uint_t               coding;
    ngx_http_llm_inflate_t  *inf;

    *to = NULL;

    coding = ngx_http_llm_inflate_coding(codings);

    if (coding == NGX_HTTP_LLM_CODING_OTHER) {
        return NGX_DECLINED;
    }

    if (coding == NGX_HTTP_LLM_CODING_IDENTITY) {
        return NGX_OK;
    }

    inf = ngx_pcalloc(pool, sizeof(ngx_http_llm_inflate_t));
    if (inf == NULL) {
        return NGX_ERROR;
    }

    inf->pool = pool;
    inf->deflate = (coding == NGX_HTTP_LLM_CODING_DEFLATE);

    inf->z.zalloc = ngx_http_llm_inflate_alloc;
    inf->z.zfree = ngx_http_llm_inflate_free;
    inf->z.opaque = pool;

    *to = inf;

    return NGX_OK;
}


/*
 * "deflate" should be zlib's format, but raw deflate is sent as well: a zlib
 * header has method 8 in its first byte, raw deflate would begin with a
 * stored block whose padding is not zero.
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


/* Nothing more is read, so zlib's memory need not wait for the end. */

static ngx_int_t
ngx_http_llm_inflate_over(ngx_http_llm_inflate_t *inf, ngx_uint_t failed)
{
    ngx_http_llm_inflate_done(inf);

    inf->end = 1;
    inf->failed = failed;

    return failed ? NGX_ERROR : NGX_OK;
}


/* A member is over.  Only gzip may go on with another. */

static ngx_int_t
ngx_http_llm_inflate_member(ngx_http_llm_inflate_t *inf)
{
    if (inf->deflate) {
        return ngx_http_llm_inflate_over(inf, 0);
    }

    inf->in += inf->z.total_in;
    inf->member = 1;

    if (inflateReset(&inf->z) != Z_OK) {
        return ngx_http_llm_inflate_over(inf, 1);
    }

    return NGX_AGAIN;
}


/*
 * NGX_AGAIN: go on.  Bytes after a member that begin no other one are no
 * concern of ours.
 */

static ngx_int_t
ngx_http_llm_inflate_said(ngx_http_llm_inflate_t *inf, int rc)
{
    switch (rc) {

    case Z_OK:
    case Z_BUF_ERROR:
        return NGX_AGAIN;

    case Z_STREAM_END:
        return ngx_http_llm_inflate_member(inf);

    case Z_DATA_ERROR:
        if (inf->member && inf->z.total_out == 0) {
            return ngx_http_llm_inflate_over(inf, 0);
        }

        /* fall through */

    default:
        return ngx_http_llm_inflate_over(inf, 1);
    }
}


/* The next bytes of output: at most up to the next whole buffer. */

static ngx_int_t
ngx_http_llm_inflate_step(ngx_http_llm_inflate_t *inf, llm_response_t *answer)
{
    int        rc;
    size_t     n, room;
    uint64_t   in;
    u_char     buf[NGX_HTTP_LLM_INFLATE_BUF];

    room = sizeof(buf) - inf->out % sizeof(buf);
    in = UINT64_MAX;

    if (inf->out >= NGX_HTTP_LLM_INFLATE_FREE && room == sizeof(buf)) {
        inf->z.next_out = buf;
        inf->z.avail_out = 0;

        rc = inflate(&inf->z, Z_SYNC_FLUSH);

        if (rc != Z_OK && rc != Z_BUF_ERROR) {
            return ngx_http_llm_inflate_said(inf, rc);
        }

        in = inf->in + inf->z.total_in;
    }

    inf->z.next_out = buf;
    inf->z.avail_out = room;

    rc = inflate(&inf->z, Z_SYNC_FLUSH);

    n = room - inf->z.avail_out;

    if (n) {

        if (inf->out / NGX_HTTP_LLM_INFLATE_RATIO > in) {
            return ngx_http_llm_inflate_over(inf, 1);
        }

        inf->out += n;
        llm_response_feed(answer, buf, n);
    }

    return ngx_http_llm_inflate_said(inf, rc);
}


ngx_int_t
ngx_http_llm_inflate_feed(ngx_http_llm_inflate_t *inf, llm_response_t *answer,
    const u_char *p, size_t len)
{
    ngx_int_t  rc;

    if (inf->end) {
        return inf->failed ? NGX_ERROR : NGX_OK;
    }

    if (len == 0) {
        return NGX_OK;
    }

    if (!inf->begun && ngx_http_llm_inflate_begin(inf, p[0]) != NGX_OK) {
        return ngx_http_llm_inflate_over(inf, 1);
    }

    inf->z.next_in = (Bytef *) p;
    inf->z.avail_in = len;

    do {
        rc = ngx_http_llm_inflate_step(inf, answer);

        if (rc != NGX_AGAIN) {
            return rc;
        }

    } while (inf->z.avail_in || inf->z.avail_out == 0);

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
