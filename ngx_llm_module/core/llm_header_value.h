
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Values of headers.  Each reader takes the whole value, and is 0 for one
 * that is not what it should be; then nothing is set.
 */


#ifndef _LLM_HEADER_VALUE_H_INCLUDED_
#define _LLM_HEADER_VALUE_H_INCLUDED_


#include "llm_base.h"


/* Without white space around it. */

static inline llm_str_t
llm_header_trim(llm_str_t s)
{
    while (s.len && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.len--;
    }

    while (s.len
           && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
    {
        s.len--;
    }

    return s;
}


/* A count: digits, and perhaps a fraction, which is cut off. */
int llm_header_whole(llm_str_t s, uint64_t *n);

/* The same, and perhaps a list or parameters behind it: "100, 100;w=60". */
int llm_header_policy(llm_str_t s, uint64_t *n);

/* "-" and a count. */
int llm_header_negative(llm_str_t s);

/* A number of units of so many ns; at most a day. */
int llm_header_duration(llm_str_t s, uint64_t unit, uint64_t *ns);

/*
 * When a limit is whole again, as ms from wall (ms since the epoch):
 * durations as "6m0s", "17.39s", "2ms"; seconds; a time since the epoch in
 * seconds or ms; RFC 3339.
 */
int llm_header_reset(llm_str_t s, uint64_t wall, uint64_t *ms);

/* USD to nano-USD. */
int llm_header_money(llm_str_t s, uint64_t *nano);

/*
 * The next metric of Server-Timing: its name, and its duration or nothing.
 * 0: there is none left.
 */
int llm_header_metric(llm_str_t *rest, llm_str_t *name, llm_str_t *duration);


#endif /* _LLM_HEADER_VALUE_H_INCLUDED_ */
