
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Server-sent events, as the HTML standard frames them (section "Parsing an
 * event stream"): lines end with CR, LF or CRLF, a leading byte order mark is
 * dropped, ":" starts a comment, one space after the colon is not part of the
 * value, several data lines are joined by LF, a blank line dispatches.  Two
 * deviations, on purpose: an event that the end of the body leaves without
 * its blank line is dispatched all the same, since providers end so; and a
 * JSON value that stands bare between events is handed on, as one does when
 * a stream of Gemini's fails.
 */


#ifndef _LLM_SSE_H_INCLUDED_
#define _LLM_SSE_H_INCLUDED_


#include "llm_base.h"


#define LLM_SSE_NAME  15         /* bytes kept of an event's name */


typedef struct {
    /* a part of the data of the event at hand, up to the next CR or LF:
       returns where that is, or e */
    const uint8_t  *(*data)(void *ctx, const uint8_t *p, const uint8_t *e);

    /* one more data line: a LF is between them */
    void  (*join)(void *ctx);

    /* an event that has at least one data line is complete */
    void  (*event)(void *ctx, llm_str_t name);

    /* a line begins with "{", and no event is pending: a JSON value that may
       go on over lines.  Returns where it stopped; over: there it ended, or
       broke, and the rest of the line is nothing.  May be NULL */
    const uint8_t  *(*bare)(void *ctx, const uint8_t *p, const uint8_t *e,
        int *over);
} llm_sse_handler_t;


typedef struct {
    uint8_t  state;
    uint8_t  field;              /* what the line at hand is */
    uint8_t  field_len;          /* bytes of the field name seen */
    uint8_t  has_data;
    uint8_t  bom;
    uint8_t  name_len;
    uint8_t  name[LLM_SSE_NAME];
} llm_sse_t;


void llm_sse_init(llm_sse_t *s);
void llm_sse_feed(llm_sse_t *s, const uint8_t *p, size_t len,
    const llm_sse_handler_t *h, void *ctx);

/* The end of the body: dispatches what is pending. */
void llm_sse_end(llm_sse_t *s, const llm_sse_handler_t *h, void *ctx);

/* True between two events: nothing of an unfinished one was seen. */
int llm_sse_idle(const llm_sse_t *s);


/* True if an event may begin right here: not even a line of one was seen. */
int llm_sse_clear(const llm_sse_t *s);


#endif /* _LLM_SSE_H_INCLUDED_ */
