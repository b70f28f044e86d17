
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Between the two halves of the reader of price lists: llm_price_list.c
 * knows files and entries, llm_price_field.c what one entry says.
 */


#ifndef _LLM_PRICE_FIELD_H_INCLUDED_
#define _LLM_PRICE_FIELD_H_INCLUDED_


#include "llm_price_list.h"


enum {
    LLM_PRICE_SLOT_ENTRY = 1,
    LLM_PRICE_SLOT_FIELD,
    LLM_PRICE_SLOT_ALIAS,
    LLM_PRICE_SLOT_TIMED,
    LLM_PRICE_SLOT_SEARCH,
    LLM_PRICE_SLOT_SEARCH_LOW,
    LLM_PRICE_SLOT_SEARCH_MEDIUM,
    LLM_PRICE_SLOT_SEARCH_HIGH,
    LLM_PRICE_SLOT_RANGE,
    LLM_PRICE_SLOT_RANGE_FIELD,
    LLM_PRICE_SLOT_RANGE_BOUND,
    LLM_PRICE_SLOT_PROVIDER,
    LLM_PRICE_SLOT_MODE,
    LLM_PRICE_SLOT_MAX_INPUT,
    LLM_PRICE_SLOT_MAX_OUTPUT,
    LLM_PRICE_SLOT_FACTOR                  /* and LLM_FACTOR_N - 1 more */
};


void llm_price_field_begin(llm_price_list_t *l);

/* Any event inside of an entry but its end. */
void llm_price_field(llm_price_list_t *l, const llm_json_event_t *ev);

/* What follows from all fields together. */
void llm_price_field_end(llm_price_list_t *l);


/* The first error stays.  The key is that of the event. */
void llm_price_list_bad(llm_price_list_t *l, const llm_json_event_t *ev,
    const char *what);


#endif /* _LLM_PRICE_FIELD_H_INCLUDED_ */
