
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the files of llm_header share, and nobody else.
 */


#ifndef _LLM_HEADER_IN_H_INCLUDED_
#define _LLM_HEADER_IN_H_INCLUDED_


#include "llm_header.h"
#include "llm_header_value.h"


/* Added to a window: the same, handed on by a proxy. */

#define LLM_HEADER_PASSED  (LLM_HEADER_WINDOWS / 2)


/* How limits are named. */

typedef enum {
    LLM_LIMITS_X_RATELIMIT = 0,
    LLM_LIMITS_RATELIMIT,
    LLM_LIMITS_TOKENLIMIT,
    LLM_LIMITS_TRIAL,
    LLM_LIMITS_ANTHROPIC
} llm_limits_e;


/* rest: of the name of a header, behind that of its family. */
void llm_header_limit(llm_headers_t *h, llm_limits_e family, llm_str_t rest,
    llm_str_t value);


/*
 * s begins with the n bytes of a name in lower case, whatever its own.  The
 * bit that tells the cases apart is masked where the name has a letter: of
 * all bytes only letters become one by it.
 */

static inline int
llm_header_same8(const uint8_t *p, const char *name)
{
    uint64_t  s, n;

    memcpy(&s, p, sizeof(s));
    memcpy(&n, name, sizeof(n));

    return (s | (n & n >> 1 & 0x2020202020202020ull)) == n;
}


static inline int
llm_header_same4(const uint8_t *p, const char *name)
{
    uint32_t  s, n;

    memcpy(&s, p, sizeof(s));
    memcpy(&n, name, sizeof(n));

    return (s | (n & n >> 1 & 0x20202020u)) == n;
}


/* Words that overlap: so no byte behind either text is read.  n >= 4. */

static inline int
llm_header_begins(llm_str_t s, const char *name, size_t n)
{
    size_t  i;

    if (s.len < n) {
        return 0;
    }

    if (n < 8) {
        return llm_header_same4(s.data, name)
               && llm_header_same4(s.data + n - 4, name + n - 4);
    }

    for (i = 0; i + 8 < n; i += 8) {
        if (!llm_header_same8(s.data + i, name + i)) {
            return 0;
        }
    }

    return llm_header_same8(s.data + n - 8, name + n - 8);
}


static inline int
llm_header_is(llm_str_t s, const char *name, size_t n)
{
    return s.len == n && (n == 0 || llm_header_begins(s, name, n));
}


#endif /* _LLM_HEADER_IN_H_INCLUDED_ */
