
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Plans a change of a request: from the marks that the reader left and what
 * is wanted, a few edits, each a place, the length of what stands there, and
 * the bytes that take its place.
 */


#ifndef _LLM_SPLICE_H_INCLUDED_
#define _LLM_SPLICE_H_INCLUDED_


#include "llm_request.h"


#define LLM_SPLICE_EDITS  12
#define LLM_SPLICE_TEXT   2048   /* of all new bytes together */
#define LLM_SPLICE_MODEL  255    /* longest name that is set */


/* Why a body is not changed. */

typedef enum {
    LLM_SPLICE_OK = 0,
    LLM_SPLICE_SIGNED,           /* by the caller, over the body */
    LLM_SPLICE_ENCODED,
    LLM_SPLICE_UNREADABLE,       /* not JSON, or to be read in two ways */
    LLM_SPLICE_UNREAD,           /* not all of it is here */
    LLM_SPLICE_PATH,             /* the path names the model */
    LLM_SPLICE_BUDGET,           /* thinking may take all that is left */
    LLM_SPLICE_BOUND,            /* a bound that is no number */
    LLM_SPLICE_NOWHERE,          /* no field is known that would take it */
    LLM_SPLICE_N
} llm_splice_why_e;

extern const char *const  llm_splice_names[LLM_SPLICE_N];


typedef struct {
    llm_str_t                   model;       /* empty: as it is */
    uint64_t                    max_output;
    uint8_t                     has_max;
    uint8_t                     include_usage;
} llm_splice_want_t;


/* What is known of the call. */

typedef struct {
    const llm_request_marks_t  *marks;
    llm_str_t                   provider;
    llm_str_t                   path_model;
    llm_str_t                   model;       /* that of the body, decoded */
    uint64_t                    max_tokens;
    uint8_t                     has_max_tokens;
    uint8_t                     unbounded;   /* a bound that bounds nothing */
    uint8_t                     exact;       /* model is as it is written */
    uint8_t                     stream;
    uint8_t                     include_usage;
    uint8_t                     operation;   /* llm_operation_e */
    uint8_t                     dialect;     /* llm_dialect_e */
} llm_splice_call_t;


typedef struct {
    uint32_t                    offset;
    uint16_t                    old;         /* bytes that are replaced */
    uint16_t                    len;         /* of the new ones */
    uint16_t                    text;        /* where in text[] they are */
} llm_splice_edit_t;


/*
 * Edits are in the order of their offsets and do not overlap.  max_tokens is
 * the bound after them.
 */

typedef struct {
    uint32_t                    n;
    uint32_t                    used;        /* of text[] */
    uint64_t                    max_tokens;
    uint8_t                     has_max_tokens;
    uint8_t                     usage;       /* is asked for by an edit */
    uint8_t                     no_usage;    /* could not be asked for */
    llm_splice_edit_t           edit[LLM_SPLICE_EDITS];
    uint8_t                     text[LLM_SPLICE_TEXT];
} llm_splice_plan_t;


/*
 * LLM_SPLICE_OK, and a plan, which may be empty; else why the model or the
 * bound cannot be had.  A usage that cannot be asked for is no failure.
 */
unsigned llm_splice_plan(llm_splice_plan_t *plan,
    const llm_splice_call_t *call, const llm_splice_want_t *want);

/* Whether a call of this kind generates tokens that a bound could bound. */
int llm_splice_bounded(unsigned operation);

/* Whether the call asks for more output than that: by a larger bound, by one
 * that bounds nothing, or by one that somebody might read as such. */
int llm_splice_exceeds(const llm_splice_call_t *call, uint64_t max);


#endif /* _LLM_SPLICE_H_INCLUDED_ */
