
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What a gate says to the client, in the words of the API that was called:
 * the body of a refusal, and the event that ends a stream in order.  A
 * message names the gate and what is left of it; it is bounded and escaped,
 * whatever its parts hold.
 */


#ifndef _LLM_REPLY_H_INCLUDED_
#define _LLM_REPLY_H_INCLUDED_


#include "llm_dialect.h"


#define LLM_REPLY_MAX       8192 /* no reply is longer */
#define LLM_REPLY_GATE_MAX  64   /* bytes taken of a gate's name */
#define LLM_REPLY_TEXT_MAX  400  /* and of what it has to say */


typedef enum {
    LLM_REASON_RATE = 0,         /* a limit is full: try again later */
    LLM_REASON_QUOTA,            /* a budget is spent: do not try again */
    LLM_REASON_MODEL,            /* not a model for this caller */
    LLM_REASON_DENIED,
    LLM_REASON_INPUT,            /* the prompt is too long */
    LLM_REASON_OUTPUT,           /* so is the answer that is asked for */
    LLM_REASON_COST,             /* the one call is too dear */
    LLM_REASON_UNREADABLE,       /* the body, or it reads two ways */
    LLM_REASON_ENCODING,         /* the body is compressed */
    LLM_REASON_TOO_LARGE,        /* the body is */
    LLM_REASON_TIMEOUT,
    LLM_REASON_SERVER,           /* a fault of ours */
    LLM_REASON_N
} llm_reason_e;


typedef struct {
    unsigned   reason;           /* llm_reason_e */
    unsigned   status;           /* of HTTP */
    llm_str_t  gate;             /* "budget day"; may be empty */
    llm_str_t  text;             /* "0.50 of 50 usd left"; may be empty */
} llm_refusal_t;


/* added to a framing: the body has no byte yet */

#define LLM_REPLY_FIRST     0x100


/*
 * Both return the length, or 0 if nothing was written: size is too small
 * (LLM_REPLY_MAX always does), or no event can end such a body.
 *
 * An event begins where the one before it is complete.
 */

size_t llm_reply_body(uint8_t *buf, size_t size, unsigned dialect,
    const llm_refusal_t *r);
size_t llm_reply_event(uint8_t *buf, size_t size, unsigned dialect,
    unsigned framing, const llm_refusal_t *r);

/* The dialect whose shape of errors is right, where one dialect stands for
 * several providers, or none was told. */
unsigned llm_reply_dialect(unsigned dialect, llm_str_t provider);

/* What AWS calls the error in a header of the response; empty: this dialect
 * has no such header. */
llm_str_t llm_reply_header(unsigned dialect, unsigned reason);

/* Whether clients of this dialect know the headers of OpenAI's limits. */
int llm_reply_openai(unsigned dialect);


#endif /* _LLM_REPLY_H_INCLUDED_ */
