
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the search for a name needs of the table of prices; everyone else
 * uses llm_name.h.
 */


#ifndef _LLM_PRICE_TABLE_H_INCLUDED_
#define _LLM_PRICE_TABLE_H_INCLUDED_


#include "llm_name.h"


#define LLM_NAME_F_ALIAS  0x01   /* flag of a slot */


uint32_t llm_name_hash(const uint8_t *p, size_t len);

/* Equal but for the case of ASCII letters. */
int llm_name_same(const uint8_t *a, const uint8_t *b, size_t len);

/* The slot of the name, or NULL and the first twin in case, if any. */
const llm_price_slot_t *llm_price_table_probe(const llm_price_table_t *t,
    const uint8_t *name, size_t len, const llm_price_slot_t **twin);

/* Did any model of that family come in? */
int llm_price_table_family(const llm_price_table_t *t, uint32_t family);


#endif /* _LLM_PRICE_TABLE_H_INCLUDED_ */
