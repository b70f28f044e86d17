
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Which field takes the bound of the output, where a request names none.
 */


#ifndef _LLM_SPLICE_FIELD_H_INCLUDED_
#define _LLM_SPLICE_FIELD_H_INCLUDED_


#include "llm_request_in.h"


typedef struct {
    uint8_t      slot;           /* R_NONE: none is known */
    uint8_t      object;         /* llm_mark_e; LLM_MARK_ROOT: at the top */
    const char  *key;
    const char  *name;           /* of the object */
} llm_splice_field_t;


/* other: a second name of the model, or empty. */
const llm_splice_field_t *llm_splice_field(unsigned dialect,
    llm_str_t model, llm_str_t other);

/* Whether asking for usage would be refused. */
int llm_splice_no_usage(llm_str_t provider);


#endif /* _LLM_SPLICE_FIELD_H_INCLUDED_ */
