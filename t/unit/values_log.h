
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the reader of values one after another said of a body, as bytes that
 * can be compared; and what is expected of it, told by one that holds the
 * whole body, and gives the scanner each value alone, a byte at a time.
 */


#ifndef _VALUES_LOG_H_INCLUDED_
#define _VALUES_LOG_H_INCLUDED_


#include "json_log.h"
#include "llm_values.h"


/* json.out: of each value what the scanner said of it; at the end marks */

typedef struct {
    json_log_t    json;
    llm_values_t  reader;
    bytes_t       marks;         /* "+" a value, "-" one that is none; " whole"
                                    and " broken" at the end */
    int           in_value;
} values_log_t;


static void
values_log_begin(void *ctx)
{
    values_log_t  *log = ctx;

    CHECK(!log->in_value);

    log->in_value = 1;
    log->json.at = 0;
}


static void
values_log_event(void *ctx, int good)
{
    json_log_t    *json;
    values_log_t  *log = ctx;

    CHECK(log->in_value);
    CHECK(good == 0 || good == 1);

    /* a text that was cut short */

    json = &log->json;
    CHECK(!good || json->in_text == 0);

    bytes_put(&json->out, &json->in_text, sizeof(json->in_text));
    bytes_put(&json->out, json->piece.data, json->piece.len);

    json->in_text = 0;
    json->piece.len = 0;
    log->in_value = 0;
    bytes_put(&log->marks, good ? "+" : "-", 1);
}


static const llm_values_handler_t  values_log_handler = {
    .begin = values_log_begin,
    .event = values_log_event
};


static int
values_log_piece(void *ctx, const uint8_t *p, size_t len)
{
    values_log_t  *log = ctx;

    llm_values_feed(&log->reader, &log->json.scanner, p, len,
                    &values_log_handler, log);

    return 0;
}


static void
values_log_over(values_log_t *log, int is_whole, int broken)
{
    bytes_put(&log->marks, " whole", is_whole ? 6 : 0);
    bytes_put(&log->marks, " broken", broken ? 7 : 0);
    bytes_put(&log->json.out, log->marks.data, log->marks.len);
}


static void
values_log_init(values_log_t *log, const llm_json_table_t *table, size_t len)
{
    memset(log, 0, sizeof(values_log_t));

    log->json.length = len;
    llm_json_init(&log->json.scanner, table, json_log_event, &log->json);
    log->json.scanner.key = log->json.key;
}


static __attribute__((unused)) void
values_log_read(values_log_t *log, const llm_json_table_t *table, int array,
    cut_t cut, const uint8_t *p, size_t len)
{
    int  is_whole;

    values_log_init(log, table, len);
    memset(&log->reader, 0xa5, sizeof(log->reader));
    llm_values_init(&log->reader, array);

    cut_feed(cut, p, len, values_log_piece, log);

    is_whole = llm_values_whole(&log->reader);
    llm_values_end(&log->reader, &log->json.scanner, &values_log_handler, log);

    CHECK(!log->in_value);
    CHECK(!is_whole || llm_values_whole(&log->reader));

    /* once it is over, it is */

    llm_values_end(&log->reader, &log->json.scanner, &values_log_handler, log);

    values_log_over(log, llm_values_whole(&log->reader),
                    llm_values_broken(&log->reader));
}


static __attribute__((unused)) void
values_log_free(values_log_t *log)
{
    json_log_free(&log->json);
    bytes_free(&log->marks);
}


/* The value at p: says where it ends, how in *state. */

typedef enum { VALUE_GOOD, VALUE_WRONG, VALUE_CUT } value_e;


static const uint8_t *
values_one(values_log_t *log, const uint8_t *p, const uint8_t *e,
    value_e *state)
{
    int             number;
    llm_json_t     *s, prefix;
    const uint8_t  *q;

    static const llm_json_table_t  nothing;

    s = &log->json.scanner;
    number = (*p == '-' || (*p >= '0' && *p <= '9'));

    values_log_begin(log);
    llm_json_reset(s);
    *state = VALUE_GOOD;

    for (q = p; q < e; q++) {
        (void) llm_json_feed(s, q, 1);

        if (llm_json_complete(s)) {
            return number ? q : q + 1;
        }

        if (!llm_json_failed(s)) {
            continue;
        }

        /* it may be what follows a number that is wrong */

        llm_json_init(&prefix, &nothing, NULL, NULL);
        (void) llm_json_feed(&prefix, p, q - p);

        if (!number || llm_json_end(&prefix) != LLM_JSON_OK) {
            *state = VALUE_WRONG;
        }

        return q;
    }

    if (llm_json_end(s) != LLM_JSON_OK) {
        *state = VALUE_CUT;
    }

    return q;
}


static int
values_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}


/* The rest of a line that is no JSON; 0: the body ends in it. */

static int
values_skip_line(const uint8_t **p, const uint8_t *e)
{
    while (*p < e && **p != '\r' && **p != '\n') {
        (*p)++;
    }

    return *p < e;
}


static void
values_standard_lines(values_log_t *log, const uint8_t *p, const uint8_t *e)
{
    int             broken, is_whole;
    value_e         state;
    const uint8_t  *q;

    broken = 0;
    is_whole = 1;

    while (p < e) {

        if (values_space(*p)) {
            p++;
            continue;
        }

        q = values_one(log, p, e, &state);
        values_log_event(log, state == VALUE_GOOD);

        switch (state) {

        case VALUE_CUT:
            is_whole = 0;
            p = e;
            break;

        case VALUE_WRONG:
            broken = 1;

            if (q == p || (q[-1] != '\r' && q[-1] != '\n')) {
                is_whole = values_skip_line(&q, e);
            }

            p = q;
            break;

        default:
            p = q;

            if (p < e && !values_space(*p)) {
                values_log_begin(log);
                values_log_event(log, 0);
                broken = 1;
                is_whole = values_skip_line(&p, e);
            }
        }
    }

    values_log_over(log, is_whole, broken);
}


static void
values_standard_array(values_log_t *log, const uint8_t *p, const uint8_t *e)
{
    char            want;        /* "[", first value, value, ",", closed */
    value_e         state;
    const uint8_t  *q;

    want = '[';

    for ( /* void */ ; p < e; p++) {

        if (values_space(*p)) {
            continue;
        }

        if (want == '[' && *p == '[') {
            want = 'f';
            continue;
        }

        if (want == ',' && *p == ',') {
            want = 'v';
            continue;
        }

        if ((want == ',' || want == 'f') && *p == ']') {
            want = 'c';
            continue;
        }

        if (want != 'f' && want != 'v') {
            values_log_over(log, 0, 1);
            return;
        }

        q = values_one(log, p, e, &state);

        if (q == e && (*p == '-' || (*p >= '0' && *p <= '9'))) {
            state = VALUE_CUT;
        }

        values_log_event(log, state == VALUE_GOOD);

        if (state != VALUE_GOOD) {
            values_log_over(log, 0, state == VALUE_WRONG);
            return;
        }

        want = ',';
        p = q - 1;
    }

    values_log_over(log, want == 'c', 0);
}


static __attribute__((unused)) void
values_standard(values_log_t *log, const llm_json_table_t *table, int array,
    const uint8_t *p, size_t len)
{
    values_log_init(log, table, len);

    (array ? values_standard_array : values_standard_lines)(log, p, p + len);
}


#endif /* _VALUES_LOG_H_INCLUDED_ */
