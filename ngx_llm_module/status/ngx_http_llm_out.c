
/*
 * Copyright (C) ngx_llm_module authors
 *
 * No size is ever guessed: whoever writes asks for room for what it is about
 * to write, and a buf that cannot hold it is closed and followed by another.
 * An allocation that fails is remembered, not returned, so that renderers
 * read like what they print; ngx_http_llm_out_take() tells it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "llm_escape.h"
#include "ngx_http_llm_out.h"


static u_char *ngx_http_llm_put_digits(u_char *p, uint32_t n, size_t width);


static const char  ngx_http_llm_digits[] =
    "00010203040506070809101112131415161718192021222324"
    "25262728293031323334353637383940414243444546474849"
    "50515253545556575859606162636465666768697071727374"
    "75767778798081828384858687888990919293949596979899";


static const ngx_buf_tag_t  ngx_http_llm_out_tag =
    (ngx_buf_tag_t) &ngx_http_llm_out_init;


void
ngx_http_llm_out_init(ngx_http_llm_out_t *out, ngx_pool_t *pool)
{
    ngx_memzero(out, sizeof(ngx_http_llm_out_t));

    out->pool = pool;
    out->last = &out->chain;
}


ngx_int_t
ngx_http_llm_out_take(ngx_http_llm_out_t *out, ngx_chain_t **chain,
    ngx_uint_t last, ngx_uint_t last_buf)
{
    if (last && out->buf == NULL) {

        /* an empty buf must not claim memory, or the writer alerts */

        (void) ngx_http_llm_out_append(out, 0);
    }

    if (out->failed) {
        return NGX_ERROR;
    }

    if (last) {
        out->buf->last_buf = last_buf;
        out->buf->last_in_chain = 1;
    }

    *chain = out->chain;

    out->chain = NULL;
    out->last = &out->chain;
    out->buf = NULL;
    out->size = 0;

    return NGX_OK;
}


void
ngx_http_llm_out_sent(ngx_http_llm_out_t *out, ngx_chain_t *chain)
{
    ngx_chain_update_chains(out->pool, &out->free, &out->busy, &chain,
                            ngx_http_llm_out_tag);
}


void
ngx_http_llm_out_data(ngx_http_llm_out_t *out, const void *data, size_t len)
{
    u_char  *p;

    if (len == 0) {
        return;
    }

    p = ngx_http_llm_out_room(out, len);

    if (p) {
        ngx_http_llm_out_done(out, ngx_cpymem(p, data, len));
    }
}


void
ngx_http_llm_out_text(ngx_http_llm_out_t *out, const char *text)
{
    ngx_http_llm_out_data(out, text, ngx_strlen(text));
}


void
ngx_http_llm_out_json(ngx_http_llm_out_t *out, llm_str_t s)
{
    u_char  *p;

    if (s.len == 0) {
        return;
    }

    p = ngx_http_llm_out_room(out, llm_escape_json_len(s));

    if (p) {
        ngx_http_llm_out_done(out, llm_escape_json(p, s));
    }
}


static void
ngx_http_llm_out_number(ngx_http_llm_out_t *out, uint64_t n,
    u_char *(*put)(u_char *p, uint64_t n))
{
    u_char  *p;

    p = ngx_http_llm_out_room(out, NGX_HTTP_LLM_OUT_NUMBER);

    if (p) {
        ngx_http_llm_out_done(out, put(p, n));
    }
}


void
ngx_http_llm_out_uint(ngx_http_llm_out_t *out, uint64_t n)
{
    ngx_http_llm_out_number(out, n, ngx_http_llm_put_uint);
}


void
ngx_http_llm_out_nano(ngx_http_llm_out_t *out, uint64_t n)
{
    ngx_http_llm_out_number(out, n, ngx_http_llm_put_nano);
}


void
ngx_http_llm_out_time(ngx_http_llm_out_t *out, uint64_t msec)
{
    ngx_http_llm_out_number(out, msec, ngx_http_llm_put_time);
}


u_char *
ngx_http_llm_put_uint(u_char *p, uint64_t n)
{
    size_t    width;
    uint32_t  rest, ten;

    if (n < 10) {
        *p++ = (u_char) ('0' + n);
        return p;
    }

    if (n >= 1000000000) {
        p = ngx_http_llm_put_uint(p, n / 1000000000);
        return ngx_http_llm_put_digits(p, (uint32_t) (n % 1000000000), 9);
    }

    rest = (uint32_t) n;

    for (width = 2, ten = 100; width < 9 && rest >= ten; width++) {
        ten *= 10;
    }

    return ngx_http_llm_put_digits(p, rest, width);
}


u_char *
ngx_http_llm_put_nano(u_char *p, uint64_t n)
{
    p = ngx_http_llm_put_uint(p, n / 1000000000);
    *p++ = '.';

    return ngx_http_llm_put_digits(p, (uint32_t) (n % 1000000000), 9);
}


u_char *
ngx_http_llm_put_micro(u_char *p, uint64_t n)
{
    p = ngx_http_llm_put_uint(p, n / 1000000);
    *p++ = '.';

    return ngx_http_llm_put_digits(p, (uint32_t) (n % 1000000), 6);
}


/* Exactly width digits, from the last two on. */

static u_char *
ngx_http_llm_put_digits(u_char *p, uint32_t n, size_t width)
{
    u_char      *end;
    const char  *two;

    end = p + width;
    p = end;

    for ( /* void */ ; width > 1; width -= 2) {
        two = &ngx_http_llm_digits[n % 100 * 2];
        n /= 100;

        *--p = (u_char) two[1];
        *--p = (u_char) two[0];
    }

    if (width) {
        *--p = (u_char) ('0' + n % 10);
    }

    return end;
}


u_char *
ngx_http_llm_put_time(u_char *p, uint64_t msec)
{
    ngx_tm_t  tm;

    ngx_gmtime((time_t) (msec / 1000), &tm);

    return ngx_snprintf(p, NGX_HTTP_LLM_OUT_NUMBER,
                        "%4d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                        tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                        tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec,
                        (int) (msec % 1000));
}


ngx_int_t
ngx_http_llm_out_append(ngx_http_llm_out_t *out, size_t len)
{
    size_t        size;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (out->failed) {
        return NGX_ERROR;
    }

    if (len == 0) {
        cl = ngx_alloc_chain_link(out->pool);
        if (cl == NULL) {
            goto failed;
        }

        cl->buf = ngx_calloc_buf(out->pool);
        cl->next = NULL;

    } else {
        cl = ngx_chain_get_free_buf(out->pool, &out->free);
    }

    if (cl == NULL || cl->buf == NULL) {
        goto failed;
    }

    b = cl->buf;

    if (len) {
        size = ngx_max(len, NGX_HTTP_LLM_OUT_BUF);

        if (b->start == NULL || (size_t) (b->end - b->start) < size) {
            b->start = ngx_palloc(out->pool, size);
            if (b->start == NULL) {
                goto failed;
            }

            b->end = b->start + size;
        }

        b->pos = b->start;
        b->last = b->start;
        b->temporary = 1;
    }

    b->tag = ngx_http_llm_out_tag;

    *out->last = cl;
    out->last = &cl->next;
    out->buf = b;

    return NGX_OK;

failed:

    out->failed = 1;

    return NGX_ERROR;
}
