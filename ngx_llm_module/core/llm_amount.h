
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Amounts and rates of limits and budgets: "50usd", "2000000t", "600r/m".
 */


#ifndef _LLM_AMOUNT_H_INCLUDED_
#define _LLM_AMOUNT_H_INCLUDED_


#include "llm_base.h"


typedef enum {
    LLM_AMOUNT_TOKENS = 0,
    LLM_AMOUNT_CALLS,
    LLM_AMOUNT_USD,                  /* nano-USD */
    LLM_AMOUNT_UNITS,

    LLM_AMOUNT_ANY = LLM_AMOUNT_UNITS    /* a bare 0 has no unit */
} llm_amount_unit_e;


/* The names are also the index of llm_amount_errors[]. */

typedef enum {
    LLM_AMOUNT_OK = 0,
    LLM_AMOUNT_NOT_A_NUMBER,
    LLM_AMOUNT_NEGATIVE,
    LLM_AMOUNT_TOO_LARGE,
    LLM_AMOUNT_NO_UNIT,
    LLM_AMOUNT_BAD_UNIT,
    LLM_AMOUNT_FRACTION,             /* half a token, less than a nano-USD */
    LLM_AMOUNT_NO_PERIOD,
    LLM_AMOUNT_BAD_PERIOD,
    LLM_AMOUNT_ZERO_RATE
} llm_amount_e;


extern const char *const  llm_amount_errors[];

/* "tokens", "calls", "usd", by llm_amount_unit_e */
extern const char *const  llm_amount_units[LLM_AMOUNT_UNITS];


/* What fits an amount: 52 bits, 4.5 million USD. */

#define LLM_AMOUNT_MAX    ((1ull << 52) - 1)


typedef struct {
    llm_amount_unit_e  unit;
    uint64_t           value;
} llm_amount_t;

typedef struct {
    llm_amount_unit_e  unit;
    uint64_t           value;        /* per period */
    uint64_t           period;       /* ns */
} llm_rate_t;


/*
 * amount: a decimal number without a sign or exponent, then "t", "r" or
 * "usd"; "0" may stand alone.  rate: an amount, "/", then s, m, h or d.
 * The result is set only when OK.
 */
llm_amount_e llm_amount_read(llm_str_t text, llm_amount_t *amount);
llm_amount_e llm_amount_rate(llm_str_t text, llm_rate_t *rate);


#endif /* _LLM_AMOUNT_H_INCLUDED_ */
