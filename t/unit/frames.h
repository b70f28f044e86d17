
/*
 * Copyright (C) ngx_llm_module authors
 *
 * How frames of AWS event streams are made.  The CRC is one of our own, a bit
 * at a time: t/unit/frame.c holds it against known values.
 */


#ifndef _FRAMES_H_INCLUDED_
#define _FRAMES_H_INCLUDED_


#include "llm_frame.h"
#include "tap.h"


static unsigned  frame_crcs;


static uint32_t
frame_crc(uint32_t crc, const uint8_t *p, size_t len)
{
    size_t           i;
    unsigned         k;
    static uint32_t  table[256];

    CHECK(len > 0);
    frame_crcs++;

    if (table[1] == 0) {
        for (i = 0; i < 256; i++) {
            table[i] = i;

            for (k = 0; k < 8; k++) {
                table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320 : 0);
            }
        }
    }

    crc = ~crc;

    for (i = 0; i < len; i++) {
        crc = crc >> 8 ^ table[(crc ^ p[i]) & 255];
    }

    return ~crc;
}


static __attribute__((unused)) void
frame_put_u32(bytes_t *b, uint32_t n)
{
    uint8_t  p[4] = { n >> 24, n >> 16, n >> 8, n };

    bytes_put(b, p, 4);
}


/* A header of any value type; of a string or bytes, len is written first. */

static __attribute__((unused)) void
frame_put_header(bytes_t *b, const char *name, uint8_t type,
    const void *value, size_t len)
{
    uint8_t  n[2];

    n[0] = strlen(name);
    bytes_put(b, n, 1);
    bytes_put(b, name, n[0]);
    bytes_put(b, &type, 1);

    if (type == 6 || type == 7) {
        n[0] = len >> 8;
        n[1] = len;
        bytes_put(b, n, 2);
    }

    bytes_put(b, value, len);
}


static __attribute__((unused)) void
frame_put(bytes_t *b, const bytes_t *headers, const void *payload, size_t len)
{
    size_t  at;

    at = b->len;

    frame_put_u32(b, 16 + headers->len + len);
    frame_put_u32(b, headers->len);
    frame_put_u32(b, frame_crc(0, b->data + at, 8));
    bytes_put(b, headers->data, headers->len);
    bytes_put(b, payload, len);
    frame_put_u32(b, frame_crc(0, b->data + at, b->len - at));
}


/*
 * A frame of an event, or of an exception where the type says so, as Bedrock
 * sends it; payload is JSON.
 */

static __attribute__((unused)) void
frame_put_event(bytes_t *b, const char *type, const void *payload, size_t len)
{
    int      failed;
    bytes_t  headers;

    memset(&headers, 0, sizeof(bytes_t));
    failed = strstr(type, "Exception") != NULL;

    frame_put_header(&headers, failed ? ":exception-type" : ":event-type", 7,
                     type, strlen(type));
    frame_put_header(&headers, ":content-type", 7, "application/json", 16);
    frame_put_header(&headers, ":message-type", 7,
                     failed ? "exception" : "event", failed ? 9 : 5);

    frame_put(b, &headers, payload, len);
    bytes_free(&headers);
}


/* The same, wrapped as InvokeModel does. */

static __attribute__((unused)) void
frame_put_chunk(bytes_t *b, const uint8_t *p, size_t len)
{
    size_t    i, n;
    bytes_t   json;
    uint32_t  bits;
    char      out[4];

    static const char  digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    memset(&json, 0, sizeof(bytes_t));
    bytes_put(&json, "{\"bytes\":\"", 10);

    for (i = 0; i < len; i += 3) {
        n = len - i;
        bits = p[i] << 16 | (n > 1 ? p[i + 1] << 8 : 0)
               | (n > 2 ? p[i + 2] : 0);

        out[0] = digits[bits >> 18];
        out[1] = digits[bits >> 12 & 63];
        out[2] = n > 1 ? digits[bits >> 6 & 63] : '=';
        out[3] = n > 2 ? digits[bits & 63] : '=';

        bytes_put(&json, out, 4);
    }

    bytes_put(&json, "\",\"p\":\"abcdef\"}", 16);
    frame_put_event(b, "chunk", json.data, json.len);
    bytes_free(&json);
}


#endif /* _FRAMES_H_INCLUDED_ */
