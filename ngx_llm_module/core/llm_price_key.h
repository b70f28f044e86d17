
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The keys of a model in LiteLLM's form, by their grammar and not by a list:
 * a stem that names the rate, then any number of suffixes that say when it
 * holds.
 */


#ifndef _LLM_PRICE_KEY_H_INCLUDED_
#define _LLM_PRICE_KEY_H_INCLUDED_


#include "llm_base.h"


typedef enum {
    LLM_PRICE_KEY_NONE = 0,      /* no price */
    LLM_PRICE_KEY_RATE,
    LLM_PRICE_KEY_QUERY,         /* USD a query */
    LLM_PRICE_KEY_UNITS          /* USD for what is not counted in tokens */
} llm_price_key_e;


typedef struct {
    uint8_t   rate;              /* llm_rate_e */
    uint8_t   tier;              /* llm_tier_e */
    uint8_t   weak;              /* an older spelling: yields to the usual */
    uint8_t   sized;             /* has a threshold */
    uint8_t   extra;             /* of LLM_PRICE_KEY_UNITS: an LLM_EXTRA_* */
    uint32_t  above;
} llm_price_key_t;


llm_price_key_e llm_price_key(llm_str_t key, llm_price_key_t *k);


#endif /* _LLM_PRICE_KEY_H_INCLUDED_ */
