
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Events of streams that are not SSE: JSON values one after another, and the
 * frames of an AWS event stream.
 *
 * A frame's CRC is known only when its payload has been read, and no payload
 * is kept.  So what a frame tells is split: whatever counts something waits
 * for the end of the event anyway, and what replaces something (counters,
 * finish reason, error, names) is noted as changed and, if the CRC does not
 * hold or never comes, taken out again.  Then what such a frame added is gone,
 * what it replaced is unknown, and the rest is as it was.  It is the last
 * frame that is read.  What stays of it is the size of its text, which the
 * client has got all the same, and of which only an estimate is made.
 */


#include "llm_response_in.h"


static void
llm_response_values_begin(void *ctx)
{
    llm_response_t  *r = ctx;

    llm_response_event_reset(r);
    r->ev.payload = PAYLOAD_JSON;
}


static void
llm_response_values_event(void *ctx, int ok)
{
    llm_response_t  *r = ctx;

    r->events++;

    if (!ok) {
        r->broken = 1;
    }

    llm_response_settle(r, ok);
    llm_response_event_reset(r);
}


const llm_values_handler_t  llm_response_values = {
    llm_response_values_begin,
    llm_response_values_event
};


static void
llm_response_frame_head(void *ctx, unsigned message, llm_str_t type)
{
    llm_response_t  *r = ctx;

    llm_response_event_reset(r);
    llm_json_reset(&r->json);
    llm_bytes_init(&r->bytes);

    if (message == LLM_FRAME_EVENT) {
        r->ev.payload = PAYLOAD_JSON;
        llm_response_kind(r, type);
        return;
    }

    r->ev.failed = llm_dialect_error_word(type);

    if (r->ev.failed == LLM_ERROR_NONE) {
        r->ev.failed = LLM_ERROR_OTHER;
    }
}


static void
llm_response_frame_json(void *ctx, const uint8_t *p, size_t len)
{
    llm_response_t  *r = ctx;

    /* an error shows at the end of the event */

    (void) llm_json_feed(&r->json, p, len);
}


static void
llm_response_frame_data(void *ctx, const uint8_t *p, size_t len)
{
    llm_response_t  *r = ctx;

    if (r->ev.payload != PAYLOAD_JSON) {
        return;
    }

    if (llm_dialects[r->dialect]->flags & LLM_DIALECT_F_WRAPPED) {
        llm_bytes_feed(&r->bytes, p, len, llm_response_frame_json, r);
        return;
    }

    llm_response_frame_json(r, p, len);
}


static int
llm_response_frame_whole(llm_response_t *r)
{
    int  rc;

    rc = llm_json_end(&r->json);

    return rc == LLM_JSON_OK
           && (!(llm_dialects[r->dialect]->flags & LLM_DIALECT_F_WRAPPED)
               || llm_bytes_whole(&r->bytes));
}


/* All that was said so far is true. */

static void
llm_response_frame_keep(llm_response_t *r)
{
    llm_response_before_t  *b;

    b = &r->before;

    b->touched = 0;
    b->usage_events = r->usage_events;
    b->usage = r->usage;
    b->finished = r->finished;
    b->error = r->error;
    b->tier = r->tier;
    b->factors = r->factors;
    b->extras = r->extras;
}


/* Nothing that the frame at hand said is true. */

static void
llm_response_frame_disown(llm_response_t *r)
{
    unsigned                      changed;
    const llm_response_before_t  *b;

    /* the scanner may hold the last bytes of a text that is cut */

    (void) llm_json_end(&r->json);

    b = &r->before;
    changed = r->ev.changed;

    r->present &= ~b->touched;
    r->usage_events = b->usage_events;
    r->usage = b->usage;
    r->finished = b->finished;
    r->error = b->error;
    r->tier = b->tier;
    r->factors = b->factors;
    r->extras = b->extras;

    if (changed & LLM_CHANGED_FINISH) {
        r->finish.len = 0;
        r->finish_why = LLM_FINISH_NONE;
    }

    if (changed & LLM_CHANGED_ERROR) {
        r->error_type = LLM_ERROR_NONE;
        r->error_code = LLM_ERROR_NONE;
    }

    if (changed & LLM_CHANGED_MODEL) {
        r->model_len = 0;
    }

    if (changed & LLM_CHANGED_ID) {
        r->id_len = 0;
    }

    llm_response_event_reset(r);
}


static void
llm_response_frame_event(void *ctx, int ok)
{
    int              whole;
    llm_response_t  *r = ctx;

    if (!ok) {
        llm_response_frame_disown(r);
        return;
    }

    r->events++;

    if (r->ev.failed) {
        r->error = 1;
        r->error_type = r->ev.failed;

    } else {
        whole = llm_response_frame_whole(r);

        if (!whole) {
            r->broken = 1;
            r->malformed = 1;
        }

        llm_response_settle(r, whole);
    }

    llm_response_event_reset(r);
    llm_response_frame_keep(r);
}


void
llm_response_frame_cut(llm_response_t *r)
{
    if (!llm_frame_idle(&r->frame)) {
        llm_response_frame_disown(r);
    }
}


const llm_frame_handler_t  llm_response_frames = {
    llm_response_frame_head,
    llm_response_frame_data,
    llm_response_frame_event
};
