
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the reader of "bytes" said of an object, and what the scanner and a
 * decoder of base64 that holds the whole string say of it.
 */


#ifndef _BYTES_LOG_H_INCLUDED_
#define _BYTES_LOG_H_INCLUDED_


#include "llm_bytes.h"
#include "llm_json.h"
#include "tap.h"


typedef struct {
    llm_bytes_t  reader;
    bytes_t      out;
    int          is_whole;
} bytes_log_t;


static void
bytes_log_data(void *ctx, const uint8_t *p, size_t len)
{
    bytes_log_t  *log = ctx;

    CHECK(len > 0);

    bytes_put(&log->out, p, len);
}


static int
bytes_log_piece(void *ctx, const uint8_t *p, size_t len)
{
    bytes_log_t  *log = ctx;

    llm_bytes_feed(&log->reader, p, len, bytes_log_data, log);

    return 0;
}


static __attribute__((unused)) void
bytes_log_read(bytes_log_t *log, cut_t cut, const uint8_t *p, size_t len)
{
    memset(log, 0, sizeof(bytes_log_t));
    memset(&log->reader, 0xa5, sizeof(log->reader));

    llm_bytes_init(&log->reader);
    cut_feed(cut, p, len, bytes_log_piece, log);

    log->is_whole = llm_bytes_whole(&log->reader);
}


static __attribute__((unused)) void
bytes_log_free(bytes_log_t *log)
{
    bytes_free(&log->out);
}


static __attribute__((unused)) int
bytes_log_same(const bytes_log_t *a, const bytes_log_t *b)
{
    return a->is_whole == b->is_whole && bytes_same(&a->out, &b->out);
}


/* The object as the scanner reads it. */

typedef struct {
    bytes_t   text;              /* of "bytes" */
    unsigned  strings;
    unsigned  others;            /* values of "bytes" that are none */
} bytes_object_t;


static void
bytes_object_value(void *data, const llm_json_event_t *ev)
{
    bytes_object_t  *o = data;

    switch (ev->type) {
    case LLM_JSON_PIECE:
        bytes_put(&o->text, ev->text.data, ev->text.len);
        break;
    case LLM_JSON_STRING:
        o->strings++;
        break;
    default:
        o->others++;
    }
}


/* 0: it is no base64 */

static int
bytes_base64(const bytes_t *text, bytes_t *to)
{
    size_t       i, k, pad;
    char         c;
    uint8_t      out[3];
    uint32_t     bits;
    const char  *at;

    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
                                  "pqrstuvwxyz0123456789+/";

    if (text->len % 4) {
        return 0;
    }

    for (i = 0; i < text->len; i += 4) {
        bits = 0;
        pad = 0;

        for (k = 0; k < 4; k++) {
            c = text->data[i + k];

            if (c == '=' && i + 4 == text->len
                && (k == 3 || (k == 2 && text->data[i + 3] == '=')))
            {
                bits <<= 6;
                pad++;
                continue;
            }

            at = c ? strchr(digits, c) : NULL;

            if (at == NULL || pad) {
                return 0;
            }

            bits = bits << 6 | (at - digits);
        }

        out[0] = bits >> 16;
        out[1] = bits >> 8;
        out[2] = bits;
        bytes_put(to, out, 3 - pad);
    }

    return 1;
}


/* Whether it is JSON; if so, *log is what a reader shall say: all of out, if
   it is whole. */

static __attribute__((unused)) int
bytes_standard(bytes_log_t *log, const uint8_t *p, size_t len)
{
    int             good;
    size_t          i;
    llm_json_t      json;
    bytes_object_t  object;

    static llm_json_table_t      table;
    static const llm_json_row_t  rows[] = {
        { "bytes", 1, LLM_JSON_F_TEXT|LLM_JSON_F_OPEN }
    };

    if (table.n == 0) {
        CHECK(llm_json_compile(&table, rows, 1) == LLM_JSON_OK);
    }

    memset(log, 0, sizeof(bytes_log_t));
    memset(&object, 0, sizeof(object));

    llm_json_init(&json, &table, bytes_object_value, &object);
    (void) llm_json_feed(&json, p, len);
    good = (llm_json_end(&json) == LLM_JSON_OK);

    for (i = 0; i < len && strchr(" \t\r\n", p[i]) && p[i]; i++) { /* void */ }

    log->is_whole = good && p[i] == '{' && object.strings == 1
                    && object.others == 0
                    && bytes_base64(&object.text, &log->out);

    bytes_free(&object.text);

    return good;
}


/* What the reader said agrees with what the scanner says. */

static __attribute__((unused)) int
bytes_agree(const bytes_log_t *log, const uint8_t *p, size_t len)
{
    int          good;
    bytes_log_t  standard;

    good = !bytes_standard(&standard, p, len)
           || (standard.is_whole ? bytes_log_same(log, &standard)
                                 : !log->is_whole);
    bytes_log_free(&standard);

    return good;
}


#endif /* _BYTES_LOG_H_INCLUDED_ */
