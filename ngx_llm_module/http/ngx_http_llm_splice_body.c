
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The chain of a body that was read.
 *
 * Upstream modules copy the buf structs of a chain when they make a request,
 * and nginx rewinds those copies for another try: "pos" to "start", and parts
 * of the file one after the other from 0 on.  So what must stay true:
 *
 *  - No byte of a file is ever left out: the parts of it touch.  What changes
 *    in a file is overwritten there, in nginx's own temporary file.
 *
 *  - A buf of ours has its start at its pos: one that was put in, and the
 *    tail of one that was cut in two.
 *
 *  - The chain that nginx made is not changed, nor its buf structs: to undo
 *    is to take it back.
 */


#include "ngx_http_llm_splice_body.h"


extern ngx_module_t  ngx_http_llm_module;


static ngx_inline off_t
ngx_http_llm_splice_len(ngx_buf_t *b)
{
    return ngx_buf_in_memory(b) ? (off_t) (b->last - b->pos)
           : b->in_file ? b->file_last - b->file_pos : 0;
}


off_t
ngx_http_llm_splice_size(ngx_http_request_t *r, ngx_chain_t *cl)
{
    off_t                     size;
    ngx_buf_t                *b;
    ngx_http_request_body_t  *rb;

    rb = r->request_body;
    size = 0;

    for ( /* void */ ; cl; cl = cl->next) {
        b = cl->buf;

        if (b->in_file
            && (ngx_buf_in_memory(b) || rb->temp_file == NULL
                || b->file != &rb->temp_file->file))
        {
            return NGX_ERROR;
        }

        size += ngx_http_llm_splice_len(b);
    }

    return size;
}


static ngx_chain_t **
ngx_http_llm_splice_link(ngx_http_request_t *r, ngx_chain_t **ll,
    ngx_buf_t *b)
{
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NULL;
    }

    cl->buf = b;
    cl->next = NULL;

    *ll = cl;

    return &cl->next;
}


static ngx_buf_t *
ngx_http_llm_splice_copy(ngx_http_request_t *r, ngx_buf_t *b)
{
    u_char     *p;
    size_t      len;
    ngx_buf_t  *copy;

    len = b->last - b->pos;
    p = ngx_pnalloc(r->pool, len);
    copy = ngx_alloc_buf(r->pool);

    if (p == NULL || copy == NULL) {
        return NULL;
    }

    *copy = *b;

    ngx_memcpy(p, b->pos, len);

    copy->start = p;
    copy->pos = p;
    copy->last = p + len;
    copy->end = copy->last;
    copy->tag = (ngx_buf_tag_t) &ngx_http_llm_module;
    copy->memory = 0;
    copy->mmap = 0;
    copy->temporary = 1;

    return copy;
}


ngx_chain_t *
ngx_http_llm_splice_writable(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl, *out, **ll;

    for (cl = in; cl; cl = cl->next) {
        if (ngx_buf_in_memory(cl->buf) && !cl->buf->temporary) {
            break;
        }
    }

    if (cl == NULL) {
        return in;
    }

    ll = &out;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b) && !b->temporary) {
            b = ngx_http_llm_splice_copy(r, b);
            if (b == NULL) {
                return NULL;
            }
        }

        ll = ngx_http_llm_splice_link(r, ll, b);
        if (ll == NULL) {
            return NULL;
        }
    }

    return out;
}


/* Temporary files are opened to be read and written. */

static ngx_int_t
ngx_http_llm_splice_file(ngx_http_request_t *r, ngx_buf_t *b, off_t at,
    u_char *p, size_t len, ngx_uint_t write)
{
    ssize_t  n;

    for ( /* void */ ; len; len -= n) {

        n = write ? pwrite(b->file->fd, p, len, b->file_pos + at)
                  : pread(b->file->fd, p, len, b->file_pos + at);

        if (n == -1 && ngx_errno == NGX_EINTR) {
            n = 0;
            continue;
        }

        if (n <= 0) {
            ngx_log_error(NGX_LOG_CRIT, r->connection->log,
                          n ? ngx_errno : 0,
                          "llm: the body of a request cannot be %s in "
                          "\"%V\"", write ? "changed" : "read",
                          &b->file->name);
            return NGX_ERROR;
        }

        p += n;
        at += n;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_splice_bytes(ngx_http_request_t *r, ngx_chain_t *cl,
    off_t offset, u_char *p, size_t len, ngx_uint_t write)
{
    off_t       size;
    size_t      n;
    ngx_buf_t  *b;

    for ( /* void */ ; cl && len; cl = cl->next) {
        b = cl->buf;
        size = ngx_http_llm_splice_len(b);

        if (offset >= size) {
            offset -= size;
            continue;
        }

        n = (size_t) ngx_min((off_t) len, size - offset);

        if (!ngx_buf_in_memory(b)) {
            if (ngx_http_llm_splice_file(r, b, offset, p, n, write)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

        } else if (write) {
            ngx_memcpy(b->pos + offset, p, n);

        } else {
            ngx_memcpy(p, b->pos + offset, n);
        }

        p += n;
        len -= n;
        offset = 0;
    }

    return len ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_http_llm_splice_peek(ngx_http_request_t *r, ngx_chain_t *cl,
    off_t offset, u_char *p, size_t len)
{
    return ngx_http_llm_splice_bytes(r, cl, offset, p, len, 0);
}


ngx_int_t
ngx_http_llm_splice_poke(ngx_http_request_t *r, ngx_chain_t *cl,
    off_t offset, u_char *p, size_t len)
{
    return ngx_http_llm_splice_bytes(r, cl, offset, p, len, 1);
}


/* Cuts n bytes off the front of *b: returns them, *b becomes the rest. */

static ngx_buf_t *
ngx_http_llm_splice_cut(ngx_http_request_t *r, ngx_buf_t **b, off_t n)
{
    ngx_buf_t  *head, *tail;

    head = ngx_alloc_buf(r->pool);
    tail = ngx_alloc_buf(r->pool);

    if (head == NULL || tail == NULL) {
        return NULL;
    }

    *head = **b;
    *tail = **b;

    if (ngx_buf_in_memory(*b)) {
        head->last = head->pos + n;
        head->end = head->last;
        tail->pos += n;
        tail->start = tail->pos;

    } else {
        head->file_last = head->file_pos + n;
        tail->file_pos += n;
    }

    head->last_buf = 0;
    head->last_in_chain = 0;
    head->flush = 0;
    head->sync = 0;

    *b = tail;

    return head;
}


static ngx_buf_t *
ngx_http_llm_splice_own(ngx_http_request_t *r, const ngx_str_t *bytes)
{
    ngx_buf_t  *b;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NULL;
    }

    b->start = bytes->data;
    b->pos = bytes->data;
    b->last = bytes->data + bytes->len;
    b->end = b->last;
    b->memory = 1;
    b->tag = (ngx_buf_tag_t) &ngx_http_llm_module;

    return b;
}


ngx_chain_t *
ngx_http_llm_splice_insert(ngx_http_request_t *r, ngx_chain_t *in,
    const ngx_http_llm_splice_insert_t *insert, ngx_uint_t n)
{
    off_t         at, size;
    ngx_buf_t    *b, *head;
    ngx_chain_t  *out, **ll;

    ll = &out;
    at = 0;

    for ( /* void */ ; in; in = in->next) {
        b = in->buf;
        size = ngx_http_llm_splice_len(b);

        for ( /* void */ ; n && insert->offset < at + size; n--, insert++) {

            if (insert->offset > at) {
                head = ngx_http_llm_splice_cut(r, &b, insert->offset - at);

                if (head == NULL
                    || (ll = ngx_http_llm_splice_link(r, ll, head)) == NULL)
                {
                    return NULL;
                }

                size -= insert->offset - at;
                at = insert->offset;
            }

            head = ngx_http_llm_splice_own(r, &insert->bytes);

            if (head == NULL
                || (ll = ngx_http_llm_splice_link(r, ll, head)) == NULL)
            {
                return NULL;
            }
        }

        ll = ngx_http_llm_splice_link(r, ll, b);
        if (ll == NULL) {
            return NULL;
        }

        at += size;
    }

    return n ? NULL : out;
}
