
/*
 * Copyright (C) ngx_llm_module authors
 *
 * All that the reader of responses found in a body, as bytes that can be
 * compared; with what must hold whatever the body is.
 */


#ifndef _RESPONSE_LOG_H_INCLUDED_
#define _RESPONSE_LOG_H_INCLUDED_


#include "llm_response.h"
#include "tap.h"


typedef struct {
    llm_response_t  r;
    uint32_t        content_events;
} response_log_t;


static int
response_log_piece(void *ctx, const uint8_t *p, size_t len)
{
    response_log_t  *log = ctx;

    llm_response_feed(&log->r, p, len);

    /* what was counted stays */

    CHECK(log->r.content_events >= log->content_events);
    CHECK(log->r.content_events <= log->r.events);
    log->content_events = log->r.content_events;

    return 0;
}


static void
response_log_str(bytes_t *to, llm_str_t s)
{
    bytes_put(to, &s.len, sizeof(s.len));
    bytes_put(to, s.data, s.len);
}


static void
response_log_facts(const llm_response_t *r, bytes_t *to)
{
    int           reported, stated, timed;
    uint64_t      cost, time;
    llm_bill_t    bill;
    llm_tokens_t  t, billed;

    cost = 0;
    time = 0;
    reported = llm_response_tokens(r, &t);
    stated = llm_response_cost(r, &cost);
    timed = llm_response_time(r, &time);
    llm_response_bill(r, &t, &billed, &bill);

    CHECK(t.cache_read <= t.input);
    CHECK(t.cache_write <= t.input);
    CHECK(t.cache_write_1h <= t.cache_write);
    CHECK(t.reasoning <= t.output);

    uint64_t  v[] = {
        reported, t.input, t.output, t.cache_read, t.cache_write,
        t.cache_write_1h, t.reasoning, stated, cost, r->framing, r->end,
        r->finished, r->error, r->usage, r->broken, r->tier, r->events,
        r->content_events, r->content_events ? r->first_content : 0,
        r->usage_events, r->tool_calls, r->present, r->text.bytes,
        r->finish_why, r->error_type, r->error_code,
        llm_response_complete(r, 0), llm_response_complete(r, 1),
        llm_text_tokens(&r->text), r->malformed, r->factors, r->extras,
        r->opaque, timed, time, bill.tokens->input, bill.tokens->output,
        bill.queries, bill.searches, llm_response_no_input(r),
        llm_response_estimate(r, (llm_str_t) { NULL, 0 })
    };

    bytes_put(to, v, sizeof(v));
    bytes_put(to, &r->text.sum, sizeof(r->text.sum));
    response_log_str(to, llm_response_model(r));
    response_log_str(to, llm_response_id(r));
    response_log_str(to, llm_response_finish(r));
}


/* Reads a body and puts what was found to a buffer that starts empty. */

static void
response_log_read(response_log_t *log, const llm_dialect_set_t *set,
    unsigned dialect, unsigned hint, cut_t cut, const uint8_t *p, size_t len,
    bytes_t *to)
{
    llm_response_init(&log->r, set, dialect, hint);
    log->content_events = 0;

    cut_feed(cut, p, len, response_log_piece, log);
    llm_response_end(&log->r);

    CHECK(log->r.text.bytes <= len * 3);

    memset(to, 0, sizeof(bytes_t));
    response_log_facts(&log->r, to);
}


#endif /* _RESPONSE_LOG_H_INCLUDED_ */
