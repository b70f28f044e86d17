
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the scanner said of a text, as bytes that can be compared: all of each
 * event, and how it ended.  PIECEs are joined, for where they are cut is the
 * one thing that may differ.
 */


#ifndef _JSON_LOG_H_INCLUDED_
#define _JSON_LOG_H_INCLUDED_


#include "json_portable.h"
#include "tap.h"


typedef struct {
    void  (*init)(llm_json_t *s, const llm_json_table_t *t,
                  llm_json_sink_pt sink, void *data);
    int   (*feed)(llm_json_t *s, const uint8_t *p, size_t len);
    const uint8_t  *(*value)(llm_json_t *s, const uint8_t *p,
                             const uint8_t *e);
    int   (*end)(llm_json_t *s);
} json_engine_t;


void llm_json_init(llm_json_t *s, const llm_json_table_t *t,
    llm_json_sink_pt sink, void *data);
int llm_json_feed(llm_json_t *s, const uint8_t *p, size_t len);
const uint8_t *llm_json_feed_value(llm_json_t *s, const uint8_t *p,
    const uint8_t *e);
int llm_json_end(llm_json_t *s);


static const json_engine_t  json_vector = {
    llm_json_init, llm_json_feed, llm_json_feed_value, llm_json_end
};

static const json_engine_t  json_scalar = {
    portable_llm_json_init, portable_llm_json_feed,
    portable_llm_json_feed_value, portable_llm_json_end
};


typedef struct {
    const json_engine_t  *engine;
    llm_json_t            scanner;
    uint64_t              length;      /* of the text */
    uint64_t              at;          /* the end of the event before */
    bytes_t               out;
    bytes_t               piece;
    unsigned              in_text;     /* slot of the string whose PIECEs
                                          come */
    unsigned              events;
    int                   accepted;
    int                   trailing;    /* behind the value is more than white
                                          space */
    uint8_t               key[LLM_JSON_TEXT];
} json_log_t;


typedef struct {
    uint64_t  start;
    uint64_t  end;
    uint64_t  text_len;
    uint64_t  key_len;
    uint8_t   slot;
    uint8_t   type;
    uint8_t   flags;
    uint8_t   pad[5];
} json_record_t;


static void
json_log_event(void *data, const llm_json_event_t *ev)
{
    llm_str_t       text;
    json_log_t     *log = data;
    json_record_t   r;

    text = ev->text;

    if (ev->type == LLM_JSON_PIECE) {
        CHECK(text.len > 0);
        CHECK(log->in_text == 0 || log->in_text == ev->slot);

        log->in_text = ev->slot;
        bytes_put(&log->piece, text.data, text.len);
        return;
    }

    if (log->in_text) {
        CHECK(ev->slot == log->in_text && ev->type == LLM_JSON_STRING);
        CHECK(text.len == 0);

        text.data = log->piece.data;
        text.len = log->piece.len;

    } else {
        CHECK(text.len <= LLM_JSON_TEXT);
    }

    CHECK(ev->slot != 0);
    CHECK(ev->start <= ev->end);
    CHECK(ev->start >= log->at && ev->end <= log->length);

    log->at = (ev->type == LLM_JSON_OBJECT || ev->type == LLM_JSON_ARRAY)
              ? ev->start : ev->end;
    log->events++;

    memset(&r, 0, sizeof(r));
    r.start = ev->start;
    r.end = ev->end;
    r.text_len = text.len;
    r.key_len = ev->key.len;
    r.slot = ev->slot;
    r.type = ev->type;
    r.flags = ev->flags;

    bytes_put(&log->out, &r, sizeof(r));
    bytes_put(&log->out, text.data, text.len);
    bytes_put(&log->out, ev->key.data, ev->key.len);

    log->in_text = 0;
    log->piece.len = 0;
}


static int
json_log_piece(void *ctx, const uint8_t *p, size_t len)
{
    json_log_t  *log = ctx;

    return log->engine->feed(&log->scanner, p, len);
}


/* As an application does that looks behind the value itself. */

static int
json_log_value(void *ctx, const uint8_t *p, size_t len)
{
    json_log_t     *log = ctx;
    const uint8_t  *q, *e;

    e = p + len;
    q = p;

    if (!llm_json_complete(&log->scanner)) {
        q = log->engine->value(&log->scanner, p, e);

        CHECK(q >= p && q <= e);
        CHECK(q == e || llm_json_complete(&log->scanner)
              || llm_json_failed(&log->scanner));
    }

    if (!llm_json_complete(&log->scanner)) {
        return llm_json_failed(&log->scanner);
    }

    for ( /* void */ ; q < e; q++) {
        if (*q != ' ' && *q != '\t' && *q != '\r' && *q != '\n') {
            log->trailing = 1;
            return 1;
        }
    }

    return 0;
}


static void
json_log_read_by(json_log_t *log, const json_engine_t *engine,
    const llm_json_table_t *table, cut_t cut, const uint8_t *p, size_t len,
    int (*reader)(void *ctx, const uint8_t *p, size_t len))
{
    memset(log, 0, sizeof(json_log_t));

    log->engine = engine;
    log->length = len;

    engine->init(&log->scanner, table, json_log_event, log);
    log->scanner.key = log->key;

    cut_feed(cut, p, len, reader, log);

    log->accepted = (engine->end(&log->scanner) == LLM_JSON_OK);
    CHECK(log->accepted == llm_json_complete(&log->scanner));
    CHECK(!log->accepted || log->in_text == 0);
    log->accepted &= !log->trailing;

    bytes_put(&log->out, &log->in_text, sizeof(log->in_text));
    bytes_put(&log->out, log->piece.data, log->piece.len);
    bytes_put(&log->out, &log->accepted, sizeof(log->accepted));
}


/* Reads text into a log that starts empty; what was seen of a string that
   never ended counts too. */

static __attribute__((unused)) void
json_log_read(json_log_t *log, const json_engine_t *engine,
    const llm_json_table_t *table, cut_t cut, const uint8_t *p, size_t len)
{
    json_log_read_by(log, engine, table, cut, p, len, json_log_piece);
}


/* The same with llm_json_feed_value(). */

static __attribute__((unused)) void
json_log_read_value(json_log_t *log, const json_engine_t *engine,
    const llm_json_table_t *table, cut_t cut, const uint8_t *p, size_t len)
{
    json_log_read_by(log, engine, table, cut, p, len, json_log_value);
}


static __attribute__((unused)) void
json_log_free(json_log_t *log)
{
    bytes_free(&log->out);
    bytes_free(&log->piece);
}


#endif /* _JSON_LOG_H_INCLUDED_ */
