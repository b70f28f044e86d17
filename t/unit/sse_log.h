
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the SSE reader said of a body, as bytes that can be compared, and what
 * the HTML standard says of it, told by a parser that holds the whole body
 * and works line by line.  As the reader does, it dispatches what the end of
 * the body leaves, and keeps LLM_SSE_NAME bytes of a name.
 */


#ifndef _SSE_LOG_H_INCLUDED_
#define _SSE_LOG_H_INCLUDED_


#include "json_portable.h"
#include "tap.h"


typedef struct {
    void  (*init)(llm_sse_t *s);
    void  (*feed)(llm_sse_t *s, const uint8_t *p, size_t len,
                  const llm_sse_handler_t *h, void *ctx);
    void  (*end)(llm_sse_t *s, const llm_sse_handler_t *h, void *ctx);
} sse_engine_t;


void llm_sse_init(llm_sse_t *s);
void llm_sse_feed(llm_sse_t *s, const uint8_t *p, size_t len,
    const llm_sse_handler_t *h, void *ctx);
void llm_sse_end(llm_sse_t *s, const llm_sse_handler_t *h, void *ctx);
int llm_sse_idle(const llm_sse_t *s);


static const sse_engine_t  sse_vector = {
    llm_sse_init, llm_sse_feed, llm_sse_end
};

static const sse_engine_t  sse_scalar = {
    portable_llm_sse_init, portable_llm_sse_feed, portable_llm_sse_end
};


/* out: of each event both lengths, its name and its data */

typedef struct {
    const sse_engine_t  *engine;
    llm_sse_t            reader;
    bytes_t              out;
    bytes_t              data;
    unsigned             events;
} sse_log_t;


static const uint8_t *
sse_log_data(void *ctx, const uint8_t *p, const uint8_t *e)
{
    sse_log_t      *log = ctx;
    const uint8_t  *q;

    CHECK(p < e);

    for (q = p; q < e && *q != '\n' && *q != '\r'; q++) { /* void */ }

    bytes_put(&log->data, p, q - p);

    return q;
}


static void
sse_log_join(void *ctx)
{
    sse_log_t  *log = ctx;

    bytes_put(&log->data, "\n", 1);
}


static void
sse_log_event(void *ctx, llm_str_t name)
{
    size_t      len[2];
    sse_log_t  *log = ctx;

    CHECK(name.len <= LLM_SSE_NAME);

    len[0] = name.len;
    len[1] = log->data.len;

    bytes_put(&log->out, len, sizeof(len));
    bytes_put(&log->out, name.data, name.len);
    bytes_put(&log->out, log->data.data, log->data.len);

    log->data.len = 0;
    log->events++;
}


static const llm_sse_handler_t  sse_log_handler = {
    .data = sse_log_data,
    .join = sse_log_join,
    .event = sse_log_event
};


static int
sse_log_piece(void *ctx, const uint8_t *p, size_t len)
{
    sse_log_t  *log = ctx;

    log->engine->feed(&log->reader, p, len, &sse_log_handler, log);

    return 0;
}


static __attribute__((unused)) void
sse_log_read(sse_log_t *log, const sse_engine_t *engine, cut_t cut,
    const uint8_t *p, size_t len)
{
    memset(log, 0, sizeof(sse_log_t));
    log->engine = engine;

    engine->init(&log->reader);
    cut_feed(cut, p, len, sse_log_piece, log);
    engine->end(&log->reader, &sse_log_handler, log);

    CHECK(llm_sse_idle(&log->reader));
}


static __attribute__((unused)) void
sse_log_free(sse_log_t *log)
{
    bytes_free(&log->out);
    bytes_free(&log->data);
}


/* The standard, line by line.  Fills out and events of a log. */

static __attribute__((unused)) void
sse_standard(sse_log_t *log, const uint8_t *p, size_t len)
{
    int             has_data;
    size_t          n, name_len;
    bytes_t         name;
    const uint8_t  *e, *eol, *colon, *value;

    memset(log, 0, sizeof(sse_log_t));
    memset(&name, 0, sizeof(name));

    e = p + len;
    has_data = 0;

    if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        p += 3;
    }

    for ( /* void */ ; p <= e; p = eol + 1) {

        for (eol = p; eol < e && *eol != '\r' && *eol != '\n'; eol++) {
            /* void */
        }

        n = eol - p;

        if (n == 0 || p == e) {

            if (has_data) {
                name_len = llm_min(name.len, (size_t) LLM_SSE_NAME);
                sse_log_event(log, (llm_str_t) { name.data, name_len });
            }

            has_data = 0;
            name.len = 0;
            log->data.len = 0;

        } else if (*p != ':') {
            colon = memchr(p, ':', n);
            value = colon ? colon + 1 : eol;

            if (value < eol && *value == ' ') {
                value++;
            }

            n = (colon ? colon : eol) - p;

            if (n == 4 && memcmp(p, "data", 4) == 0) {

                if (has_data) {
                    bytes_put(&log->data, "\n", 1);
                }

                has_data = 1;
                bytes_put(&log->data, value, eol - value);

            } else if (n == 5 && memcmp(p, "error", 5) == 0) {

                /* not the standard's: see FIELD_ERROR in llm_sse.c */

                if (has_data) {
                    bytes_put(&log->data, "\n", 1);
                }

                has_data = 1;
                name.len = 0;
                bytes_put(&name, (const uint8_t *) "error", 5);
                bytes_put(&log->data, value, eol - value);

            } else if (n == 5 && memcmp(p, "event", 5) == 0) {
                name.len = 0;
                bytes_put(&name, value, eol - value);
            }
        }

        if (eol < e && *eol == '\r' && eol + 1 < e && eol[1] == '\n') {
            eol++;
        }

        if (eol == e && p < e) {
            /* the end of the body: as a blank line */
            eol = e - 1;
        }
    }

    bytes_free(&name);
}


#endif /* _SSE_LOG_H_INCLUDED_ */
