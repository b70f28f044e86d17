
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Decimal numbers as people and price lists write them, read exactly.
 */


#ifndef _LLM_DECIMAL_H_INCLUDED_
#define _LLM_DECIMAL_H_INCLUDED_


#include "llm_base.h"


typedef unsigned __int128  llm_u128_t;


/* What a text was.  The names are also the index of llm_decimal_errors[]. */

typedef enum {
    LLM_DECIMAL_OK = 0,
    LLM_DECIMAL_NOT_A_NUMBER,
    LLM_DECIMAL_NEGATIVE,
    LLM_DECIMAL_TOO_LARGE        /* the result is the largest there is */
} llm_decimal_e;


extern const char *const  llm_decimal_errors[];


/* "-18446744073.709551615" and its NUL fit */

#define LLM_DECIMAL_LEN   24

#define LLM_FEMTO_DIGITS  15     /* femto-USD: 1e-15 */
#define LLM_FINE_DIGITS   24     /* the finest a rate is read at: 1e-24 */
#define LLM_NANO_DIGITS   9


/*
 * text x 10^digits as an integer, digits may be negative; what is finer is
 * rounded half up.  Text is a JSON number, or the same with leading zeros,
 * a leading '+', or a point without digits on one side; no white space.
 * Zero is zero whatever its sign and exponent.  *v is set also when
 * LLM_DECIMAL_TOO_LARGE (to the largest value), else only when OK.
 */
llm_decimal_e llm_decimal_scaled(llm_str_t text, int digits, llm_u128_t *v);

/* The same into 64 bits. */
llm_decimal_e llm_decimal_u64(llm_str_t text, int digits, uint64_t *v);

/* A count: "12", "12.0", "1e3".  A fraction is rounded half up. */
#define llm_decimal_count(text, v)  llm_decimal_u64(text, 0, v)

/* USD to nano-USD. */
#define llm_decimal_nano(text, v)   llm_decimal_u64(text, LLM_NANO_DIGITS, v)

/* USD a token, or USD a million tokens, to femto-USD a token. */
#define llm_decimal_femto(text, v)                                            \
    llm_decimal_u64(text, LLM_FEMTO_DIGITS, v)
#define llm_decimal_femto_per_million(text, v)                                \
    llm_decimal_u64(text, LLM_FEMTO_DIGITS - 6, v)

/*
 * Nano-USD as USD with nine digits after the point; at most
 * LLM_DECIMAL_LEN - 1 bytes.  Writes no NUL, returns the end.
 */
uint8_t *llm_decimal_print_nano(uint8_t *p, uint64_t nano);


#endif /* _LLM_DECIMAL_H_INCLUDED_ */
