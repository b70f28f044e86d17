
/*
 * Copyright (C) ngx_llm_module authors
 *
 * JSON values one after another: lines of NDJSON, and the elements of one
 * streamed array.  Each is handed to the scanner as a text of its own, and
 * is complete with its last byte, not with the line's.
 *
 * NDJSON (newline-delimited JSON, JSON Lines, application/stream+json): white
 * space of any kind stands between values, so that a value may also be
 * written over several lines.  What is no JSON is left out to the end of its
 * line, and reading goes on with the next; which is the very line that shows
 * that the one before it was cut short.
 *
 * Array: "[", values with "," between them, "]", and white space anywhere.
 * What is no JSON ends the reading, as nothing tells where an element would
 * begin again.
 */


#ifndef _LLM_VALUES_H_INCLUDED_
#define _LLM_VALUES_H_INCLUDED_


#include "llm_json.h"


typedef struct {
    /* a value begins: the scanner was reset */
    void  (*begin)(void *ctx);

    /* a value is over.  ok: it was JSON */
    void  (*event)(void *ctx, int ok);
} llm_values_handler_t;


typedef struct {
    uint8_t  state;
    uint8_t  array;
    uint8_t  broken;
    uint8_t  eol;                /* the byte before ended a line */
    uint8_t  closed;             /* the array is */
} llm_values_t;


void llm_values_init(llm_values_t *v, int array);
void llm_values_feed(llm_values_t *v, llm_json_t *json, const uint8_t *p,
    size_t len, const llm_values_handler_t *h, void *ctx);

/*
 * The end of the body: a value that is not complete is over, and not ok,
 * but for a number of NDJSON, which only the end ends.
 */
void llm_values_end(llm_values_t *v, llm_json_t *json,
    const llm_values_handler_t *h, void *ctx);

/*
 * True if the body may end here: between values, or behind the array.  Of a
 * number at the end of NDJSON only llm_values_end() can say so.
 */
int llm_values_whole(const llm_values_t *v);

/* True behind the array, whatever came there. */
int llm_values_closed(const llm_values_t *v);

/* How one more value can follow what came. */

typedef enum {
    LLM_VALUES_NEVER = 0,        /* not at all: one of an array is cut */
    LLM_VALUES_NEXT,             /* in NDJSON as it is, else after a comma */
    LLM_VALUES_HERE,             /* of an array: as it is */
    LLM_VALUES_LINE              /* of NDJSON: on a line of its own */
} llm_values_next_e;

llm_values_next_e llm_values_next(const llm_values_t *v);

/* True if some of it was no JSON. */
int llm_values_broken(const llm_values_t *v);


#endif /* _LLM_VALUES_H_INCLUDED_ */
