
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Compressed bodies: what is inflated on the side and read.  The body is
 *
 *     the input, as it is: broken at will
 *     the input, compressed here, flushed where its plan says as servers do
 *     that compress a stream, in several members and with something behind
 *     them: must read as the plain input does
 *     the input over and over, compressed: a bomb, or nearly one
 *
 * whole, byte by byte and cut by the plan, and the facts are the same.
 * Nothing of zlib's memory outlives the reading, wherever allocations fail.
 * Buffer and limits are small here, so that small inputs come to their edges.
 */


#define NGX_HTTP_LLM_INFLATE_BUF    64
#define NGX_HTTP_LLM_INFLATE_FREE   (4 * 1024)
#define NGX_HTTP_LLM_INFLATE_RATIO  20

#include "ngx_http_llm_inflate.c"

#include "response_log.h"
#include "cut.h"


#define LENGTH  (NGX_HTTP_LLM_INFLATE_FREE * 4)      /* of a bomb */
#define WINDOW  10


enum { BROKEN, COMPRESSED, BOMB };

/* bombs take long */

static const uint8_t  modes[] = {
    BROKEN, COMPRESSED, BROKEN, COMPRESSED, BROKEN, COMPRESSED, BROKEN,
    COMPRESSED, BROKEN, COMPRESSED, BROKEN, COMPRESSED, BROKEN, COMPRESSED,
    BROKEN, BOMB
};


static const struct {
    int         bits;
    ngx_str_t   codings;
} codings[] = {
    { WINDOW + 16, ngx_string("gzip") },
    { WINDOW, ngx_string("identity, Deflate") },
    { -WINDOW, ngx_string("deflate,") },
    { WINDOW + 16, ngx_string("X-GZIP ,identity") }
};

static const ngx_str_t  others[] = {
    ngx_string("br"), ngx_string("zstd"), ngx_string("gzip, gzip"),
    ngx_string("gzip;q=1"), ngx_string("deflate gzip"), ngx_string("gzi")
};

/* What stands behind a body: nothing that could begin a gzip member that has
   any text. */

static const char  *trailers[] = {
    "", "\n", "\x1f", "\x1f\x8b", "\x1f\x8b\x08\x04", "gzip", "\x1f\x8b\x07"
};


typedef struct {
    response_log_t           log;
    ngx_http_llm_inflate_t  *inf;
    uint64_t                 in;
    ngx_int_t                rc;
} run_t;


static llm_dialect_set_t  set;


static int
piece(void *ctx, const uint8_t *p, size_t len)
{
    run_t      *run = ctx;
    ngx_int_t   rc;

    rc = ngx_http_llm_inflate_feed(run->inf, &run->log.r, p, len);

    run->in += len;

    /* what failed stays so, and has let go of its memory */

    CHECK(rc == NGX_OK || rc == NGX_ERROR);
    CHECK(run->rc == NGX_OK || rc == NGX_ERROR);
    CHECK(rc == NGX_OK || ngx_pool_blocks(run->inf->pool) == 1);
    run->rc = rc;

    CHECK(run->inf->out
          <= ngx_max((uint64_t) NGX_HTTP_LLM_INFLATE_FREE,
                     (run->in + 1) * NGX_HTTP_LLM_INFLATE_RATIO)
             + NGX_HTTP_LLM_INFLATE_BUF);

    return 0;
}


/* 0: there was no memory to begin with. */

static int
body_read(run_t *run, const ngx_str_t *name, unsigned hint, ngx_uint_t fails,
    cut_t cut, const bytes_t *body, bytes_t *to)
{
    ngx_int_t   rc;
    ngx_pool_t  pool;

    memset(&pool, 0, sizeof(ngx_pool_t));
    memset(to, 0, sizeof(bytes_t));
    pool.left = fails;

    rc = ngx_http_llm_inflate_create(&pool, name, &run->inf);

    if (rc != NGX_OK) {
        CHECK(rc == NGX_ERROR && fails == 0 && run->inf == NULL);
        return 0;
    }

    CHECK(run->inf != NULL);

    llm_response_init(&run->log.r, &set, LLM_DIALECT_CHAT, hint);
    run->log.content_events = 0;
    run->in = 0;
    run->rc = NGX_OK;

    cut_feed(cut, body->data, body->len, piece, run);

    llm_response_end(&run->log.r);
    ngx_http_llm_inflate_done(run->inf);
    CHECK(ngx_pool_blocks(&pool) == 1);

    response_log_facts(&run->log.r, to);
    bytes_put(to, &run->inf->out, sizeof(run->inf->out));
    bytes_put(to, &run->rc, sizeof(run->rc));

    ngx_reset_pool(&pool);

    return 1;
}


static void
deflate_some(z_stream *z, int flush, bytes_t *to)
{
    int      rc;
    uint8_t  buf[256];

    do {
        z->next_out = buf;
        z->avail_out = sizeof(buf);

        rc = deflate(z, flush);
        CHECK(rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR);

        bytes_put(to, buf, sizeof(buf) - z->avail_out);

    } while (z->avail_out == 0);
}


static void
deflate_all(const fuzz_t *f, unsigned coding, const uint8_t *p, size_t len,
    bytes_t *to)
{
    int       level;
    cut_t     cut;
    size_t    n;
    z_stream  z;

    level = (f->variant & 0x40) ? 9 : f->plan.nplan % 3;
    cut = f->plan;
    cut.at = 1;

    memset(&z, 0, sizeof(z_stream));
    memset(to, 0, sizeof(bytes_t));

    /* a small window and little memory: a run costs less */

    CHECK(deflateInit2(&z, level, Z_DEFLATED,
                       codings[coding].bits, 1,
                       Z_DEFAULT_STRATEGY)
          == Z_OK);

    for ( /* void */ ; len; p += n, len -= n) {
        n = cut_next(&cut, len);

        z.next_in = (Bytef *) p;
        z.avail_in = n;

        if (n < 8 || n == len) {
            deflate_some(&z, Z_NO_FLUSH, to);

        } else if (n < 64 || codings[coding].bits != WINDOW + 16) {
            deflate_some(&z, (n & 1) ? Z_FULL_FLUSH : Z_SYNC_FLUSH, to);

        } else {
            deflate_some(&z, Z_FINISH, to);
            CHECK(deflateReset(&z) == Z_OK);
        }
    }

    deflate_some(&z, Z_FINISH, to);
    CHECK(deflateEnd(&z) == Z_OK);
}


/* The input as often as it makes a bomb. */

static void
repeat(const fuzz_t *f, bytes_t *to)
{
    size_t  i, times;

    times = f->len ? LENGTH / f->len + 1 : 0;

    memset(to, 0, sizeof(bytes_t));
    to->size = times * f->len;
    to->data = malloc(to->size + 1);
    CHECK(to->data != NULL);

    for (i = 0; i < times; i++) {
        memcpy(to->data + to->len, f->data, f->len);
        to->len += f->len;
    }
}


static void
body_make(const fuzz_t *f, unsigned mode, unsigned coding, bytes_t *body)
{
    size_t       n;
    bytes_t      text;
    const char  *trailer;

    memset(body, 0, sizeof(bytes_t));

    switch (mode) {

    case BROKEN:
        bytes_put(body, f->data, f->len);
        return;

    case BOMB:
        repeat(f, &text);
        deflate_all(f, coding, text.data, text.len, body);
        bytes_free(&text);
        return;

    default:
        deflate_all(f, coding, f->data, f->len, body);

        n = f->plan.nplan ? f->plan.plan[0] : 0;
        trailer = trailers[n % (sizeof(trailers) / sizeof(trailers[0]))];
        bytes_put(body, trailer, strlen(trailer));
    }
}


static void
check_others(const fuzz_t *f)
{
    ngx_uint_t               i;
    ngx_str_t                any;
    ngx_pool_t               pool;
    ngx_http_llm_inflate_t  *inf;

    memset(&pool, 0, sizeof(ngx_pool_t));

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        CHECK(ngx_http_llm_inflate_create(&pool, &others[i], &inf)
              == NGX_DECLINED);
        CHECK(inf == NULL && ngx_pool_blocks(&pool) == 0);
    }

    any.data = (u_char *) f->data;
    any.len = f->len;
    pool.left = 1;

    (void) ngx_http_llm_inflate_create(&pool, &any, &inf);

    ngx_reset_pool(&pool);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t       i;
    fuzz_t       f;
    bytes_t      body, want, got;
    unsigned     mode, coding, hint;
    ngx_uint_t   fails;
    const cut_t *cut[2];

    static int             ready;
    static run_t           run;
    static response_log_t  plain;
    static const uint8_t   hints[] = {
        LLM_FRAMING_SSE, LLM_FRAMING_JSON, LLM_FRAMING_UNKNOWN
    };

    if (!ready) {
        CHECK(llm_dialect_compile(&set) == LLM_JSON_OK);
        ready = 1;
    }

    if (!fuzz_input(&f, data, size)) {
        return 0;
    }

    /* what is no bomb shall not look like one */

    if (f.len > NGX_HTTP_LLM_INFLATE_FREE) {
        f.len = NGX_HTTP_LLM_INFLATE_FREE;
    }

    mode = modes[f.variant & 15];
    coding = (f.variant >> 4) & 3;
    hint = hints[f.plan.nplan % 3];
    cut[0] = &f.bytes;
    cut[1] = &f.plan;

    check_others(&f);
    body_make(&f, mode, coding, &body);

    CHECK(body_read(&run, &codings[coding].codings, hint, (ngx_uint_t) -1,
                    f.whole, &body, &want));

    for (i = 0; i < 2; i++) {
        CHECK(body_read(&run, &codings[coding].codings, hint, (ngx_uint_t) -1,
                        *cut[i], &body, &got));
        CHECK(bytes_same(&want, &got));
        bytes_free(&got);
    }

    if (mode == COMPRESSED) {
        response_log_read(&plain, &set, LLM_DIALECT_CHAT, hint, f.whole,
                          f.data, f.len, &got);

        CHECK(run.rc == NGX_OK);
        CHECK(want.len > got.len);
        CHECK(got.len == 0 || memcmp(want.data, got.data, got.len) == 0);
        bytes_free(&got);
    }

    if (f.variant & 0x80) {
        fails = f.plan.nplan ? f.plan.plan[f.plan.nplan - 1] % 4 : 0;

        if (body_read(&run, &codings[coding].codings, hint, fails, *cut[1],
                      &body, &got))
        {
            bytes_free(&got);
        }
    }

    bytes_free(&want);
    bytes_free(&body);

    return 0;
}
