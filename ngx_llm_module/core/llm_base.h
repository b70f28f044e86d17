
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What every file of core/ shares: a string view, and nothing of nginx.
 * The core takes bytes and gives facts: no allocation, no I/O, no clock,
 * no mutable global.
 */


#ifndef _LLM_BASE_H_INCLUDED_
#define _LLM_BASE_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <string.h>


typedef struct {
    const uint8_t  *data;
    size_t          len;
} llm_str_t;


#define llm_string(s)     { (const uint8_t *) s, sizeof(s) - 1 }

#define llm_min(a, b)     ((a) < (b) ? (a) : (b))
#define llm_max(a, b)     ((a) > (b) ? (a) : (b))

#define llm_likely(x)     __builtin_expect(!!(x), 1)
#define llm_unlikely(x)   __builtin_expect(!!(x), 0)


static inline int
llm_str_eq(llm_str_t a, const char *s, size_t len)
{
    return a.len == len && memcmp(a.data, s, len) == 0;
}


#define llm_str_is(a, lit)  llm_str_eq(a, lit, sizeof(lit) - 1)


#endif /* _LLM_BASE_H_INCLUDED_ */
