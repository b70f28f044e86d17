
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the reader of event streams said of a body, as bytes that can be
 * compared; and what a body says to one that holds it whole and goes from
 * frame to frame.
 */


#ifndef _FRAME_LOG_H_INCLUDED_
#define _FRAME_LOG_H_INCLUDED_


#include "frames.h"


/* out: 'h' message, length of the type, type; 'd' length, payload, whole as
   soon as the next thing is said; 'e' ok; at the end idle and broken */

typedef struct {
    llm_frame_t  reader;
    bytes_t      out;
    bytes_t      data;
    unsigned     frames;         /* whose CRC held */
    unsigned     refused;        /* whose CRC did not */
    unsigned     crcs;           /* calls of the CRC's function */
    int          in_frame;
} frame_log_t;


static void
frame_log_put(frame_log_t *log, char what, const void *p, size_t len)
{
    bytes_put(&log->out, &what, 1);
    bytes_put(&log->out, &len, sizeof(len));
    bytes_put(&log->out, p, len);
}


static void
frame_log_flush(frame_log_t *log)
{
    if (log->data.len) {
        frame_log_put(log, 'd', log->data.data, log->data.len);
        log->data.len = 0;
    }
}


static void
frame_log_head(void *ctx, unsigned message, llm_str_t type)
{
    uint8_t       byte;
    frame_log_t  *log = ctx;

    CHECK(!log->in_frame);
    CHECK(message <= LLM_FRAME_ERROR && type.len <= LLM_FRAME_TYPE);

    byte = message;
    log->in_frame = 1;

    frame_log_put(log, 'm', &byte, 1);
    frame_log_put(log, 't', type.data, type.len);
}


static void
frame_log_data(void *ctx, const uint8_t *p, size_t len)
{
    frame_log_t  *log = ctx;

    CHECK(log->in_frame && len > 0);

    bytes_put(&log->data, p, len);
}


static void
frame_log_event(void *ctx, int good)
{
    uint8_t       byte;
    frame_log_t  *log = ctx;

    CHECK(log->in_frame && log->refused == 0);

    byte = good;
    log->in_frame = 0;
    *(good ? &log->frames : &log->refused) += 1;

    frame_log_flush(log);
    frame_log_put(log, 'e', &byte, 1);
}


static const llm_frame_handler_t  frame_log_handler = {
    .head = frame_log_head,
    .data = frame_log_data,
    .event = frame_log_event
};


static int
frame_log_piece(void *ctx, const uint8_t *p, size_t len)
{
    frame_log_t  *log = ctx;

    llm_frame_feed(&log->reader, frame_crc, p, len, &frame_log_handler, log);

    return 0;
}


static void
frame_log_over(frame_log_t *log, int idle, int broken)
{
    uint8_t  state[2];

    state[0] = idle;
    state[1] = broken;

    frame_log_flush(log);
    frame_log_put(log, 's', state, 2);
}


static __attribute__((unused)) void
frame_log_read(frame_log_t *log, cut_t cut, const uint8_t *p, size_t len)
{
    memset(log, 0, sizeof(frame_log_t));
    frame_crcs = 0;

    memset(&log->reader, 0xa5, sizeof(log->reader));
    llm_frame_init(&log->reader);
    cut_feed(cut, p, len, frame_log_piece, log);

    log->crcs = frame_crcs;

    CHECK(log->refused == 0 || llm_frame_broken(&log->reader));
    frame_log_over(log, llm_frame_idle(&log->reader),
                   llm_frame_broken(&log->reader));
}


static __attribute__((unused)) void
frame_log_free(frame_log_t *log)
{
    bytes_free(&log->out);
    bytes_free(&log->data);
}


/* The format, frame by frame. */

static uint32_t
frame_u32(const uint8_t *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
           | (uint32_t) p[2] << 8 | p[3];
}


typedef struct {
    int        message;
    llm_str_t  type[3];          /* of an event, exception, error */
} frame_heads_t;

typedef enum { HEADS_OK, HEADS_MORE, HEADS_WRONG } frame_heads_e;


static int
frame_is(llm_str_t a, const char *s)
{
    return a.len == strlen(s) && memcmp(a.data, s, a.len) == 0;
}


static void
frame_standard_header(frame_heads_t *heads, llm_str_t name, uint8_t type,
    llm_str_t value)
{
    int  i;

    static const char *const  types[] = { ":event-type", ":exception-type",
                                          ":error-code" };
    static const char *const  messages[] = { "event", "exception", "error" };

    if (frame_is(name, ":message-type")) {
        heads->message = LLM_FRAME_ERROR;

        for (i = 0; i < 3; i++) {
            if (type == 7 && frame_is(value, messages[i])) {
                heads->message = i;
            }
        }
    }

    value.len = llm_min(value.len, (size_t) LLM_FRAME_TYPE);

    for (i = 0; i < 3; i++) {
        if (type == 7 && frame_is(name, types[i])) {
            heads->type[i] = value;
        }
    }
}


/* One header at p, of which there are size bytes, have of them here. */

static frame_heads_e
frame_standard_field(frame_heads_t *heads, const uint8_t *p, size_t size,
    size_t have, size_t *took)
{
    size_t     at;
    uint8_t    type;
    llm_str_t  name, value;

    static const int  sizes[] = { 0, 0, 1, 2, 4, 8, -1, -1, 8, 16 };

#define NEED(n)                                                               \
    if (at + (n) > size) {                                                    \
        return HEADS_WRONG;                                                   \
    }                                                                         \
    if (at + (n) > have) {                                                    \
        return HEADS_MORE;                                                    \
    }

    at = 0;
    NEED(1);
    name.data = p + 1;
    name.len = p[0];
    at = 1;

    if (at + name.len + 1 > size) {
        return HEADS_WRONG;
    }

    NEED(name.len + 1);
    at += name.len;
    type = p[at++];

    if (type > 9) {
        return HEADS_WRONG;
    }

    if (sizes[type] < 0) {
        NEED(2);
        value.len = p[at] << 8 | p[at + 1];
        at += 2;

    } else {
        value.len = sizes[type];
    }

    NEED(value.len);
    value.data = p + at;
    *took = at + value.len;

#undef NEED

    frame_standard_header(heads, name, type, value);

    return HEADS_OK;
}


static frame_heads_e
frame_standard_heads(frame_heads_t *heads, const uint8_t *p, size_t size,
    size_t have)
{
    size_t         n;
    frame_heads_e  rc;

    memset(heads, 0, sizeof(frame_heads_t));

    for ( /* void */ ; size; p += n, size -= n, have -= n) {
        rc = frame_standard_field(heads, p, size, have, &n);

        if (rc != HEADS_OK) {
            return rc;
        }
    }

    return HEADS_OK;
}


/* The frame at p, of which len bytes are here.  Says how long it is, if that
   is no more than len; 0: it is the last.  *broken: it is none. */

static size_t
frame_standard_one(frame_log_t *log, const uint8_t *p, size_t len,
    int *broken)
{
    int            i;
    size_t         total, size, n;
    llm_str_t      type;
    frame_heads_t  heads;

    if (len < 8) {
        return 0;
    }

    total = frame_u32(p);
    size = frame_u32(p + 4);
    *broken = 1;

    if (total < 16 || total > LLM_FRAME_MAX || size > total - 16
        || size > LLM_FRAME_HEADERS)
    {
        return 0;
    }

    *broken = 0;

    if (len < 12) {
        return 0;
    }

    if (frame_crc(0, p, 8) != frame_u32(p + 8)) {
        *broken = 1;
        return 0;
    }

    n = llm_min(len, total - 4) - 12;

    switch (frame_standard_heads(&heads, p + 12, size, n)) {

    case HEADS_WRONG:
        *broken = 1;
        return 0;

    case HEADS_MORE:
        return 0;

    default:
        break;
    }

    for (i = 2; i > 0 && heads.type[i].data == NULL; i--) { /* void */ }

    type.data = heads.type[i].data;
    type.len = (i == heads.message) ? heads.type[i].len : 0;

    frame_log_head(log, heads.message, type);

    if (n > size) {
        frame_log_data(log, p + 12 + size, n - size);
    }

    if (len < total) {
        return 0;
    }

    i = (frame_crc(0, p, total - 4) == frame_u32(p + total - 4));
    frame_log_event(log, i);
    *broken = !i;

    return i ? total : 0;
}


static __attribute__((unused)) void
frame_standard(frame_log_t *log, const uint8_t *p, size_t len)
{
    int     broken;
    size_t  n;

    memset(log, 0, sizeof(frame_log_t));
    broken = 0;

    for ( /* void */ ; len; p += n, len -= n) {
        n = frame_standard_one(log, p, len, &broken);

        if (n == 0) {
            break;
        }
    }

    frame_log_over(log, len == 0, broken);
}


#endif /* _FRAME_LOG_H_INCLUDED_ */
