
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Finds the chunk of a stream that only tells usage, so that it can be taken
 * out: bytes split anywhere go in, what to do with them comes out.
 */


#ifndef _LLM_EDIT_H_INCLUDED_
#define _LLM_EDIT_H_INCLUDED_


#include "llm_json.h"


#define LLM_EDIT_HOLD  4096      /* most bytes that are ever held */


typedef enum {
    LLM_EDIT_PASS = 0,           /* what is held goes out, and these bytes */
    LLM_EDIT_DROP,               /* neither goes out */
    LLM_EDIT_HOLD_ON             /* these bytes are held as well */
} llm_edit_e;


typedef struct {
    llm_json_t  json;            /* of the event at hand */
    uint32_t    held;            /* bytes of it in earlier pieces */
    uint32_t    next;            /* bytes of this piece that are decided */
    uint8_t     verdict;         /* llm_edit_e: on these */
    uint8_t     state;
    uint8_t     matched;         /* of the field's name */
    uint8_t     lf;              /* a LF would belong to the CR before */
    uint8_t     dropped;         /* the event before was */
    uint8_t     data;            /* a line of data was seen */
    uint8_t     innocent;
    uint8_t     empty;           /* "choices" is an array without elements */
    uint8_t     usage;
} llm_edit_t;


/* LLM_JSON_ERROR: the table does not compile; a defect. */
int llm_edit_compile(llm_json_table_t *t);

/* The state must not move: it holds its own address. */
void llm_edit_init(llm_edit_t *e, const llm_json_table_t *t);

/*
 * Decides on the first bytes of a piece: returns how many, at least one, and
 * *verdict.  Call again with the rest.  HOLD_ON is said last of a piece;
 * never are more than LLM_EDIT_HOLD bytes held.
 */
size_t llm_edit_feed(llm_edit_t *e, const uint8_t *p, size_t len,
    unsigned *verdict);

/* The orderly end of the stream: PASS or DROP, on what is held. */
unsigned llm_edit_end(llm_edit_t *e);


#endif /* _LLM_EDIT_H_INCLUDED_ */
