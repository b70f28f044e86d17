
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The words that every room shares: what a call was, how it ended, and what
 * it used.  Names and meanings are those of the interface; the tables of
 * their spellings stand in llm_facts.c.
 */


#ifndef _LLM_FACTS_H_INCLUDED_
#define _LLM_FACTS_H_INCLUDED_


#include "llm_base.h"


typedef enum {
    LLM_OP_NONE = 0,             /* not a call */
    LLM_OP_CHAT,
    LLM_OP_TEXT_COMPLETION,
    LLM_OP_RESPONSES,
    LLM_OP_EMBEDDINGS,
    LLM_OP_GENERATE_CONTENT,
    LLM_OP_RERANK,
    LLM_OP_MODERATION,
    LLM_OP_OTHER,
    LLM_OP_N
} llm_operation_e;


typedef enum {
    LLM_OUTCOME_OK = 0,
    LLM_OUTCOME_ERROR,
    LLM_OUTCOME_ABORTED,
    LLM_OUTCOME_INCOMPLETE,
    LLM_OUTCOME_REFUSED,
    LLM_OUTCOME_N
} llm_outcome_e;


typedef enum {
    LLM_ERROR_NONE = 0,
    LLM_ERROR_RATE_LIMIT,
    LLM_ERROR_OVERLOADED,
    LLM_ERROR_TIMEOUT,
    LLM_ERROR_AUTH,
    LLM_ERROR_NOT_FOUND,
    LLM_ERROR_INVALID_REQUEST,
    LLM_ERROR_TOO_LARGE,
    LLM_ERROR_CONTENT_FILTER,
    LLM_ERROR_SERVER_ERROR,
    LLM_ERROR_UPSTREAM,
    LLM_ERROR_GATE,
    LLM_ERROR_OTHER,
    LLM_ERROR_N
} llm_error_e;


typedef enum {
    LLM_FINISH_NONE = 0,
    LLM_FINISH_STOP,
    LLM_FINISH_LENGTH,
    LLM_FINISH_TOOL_CALLS,
    LLM_FINISH_CONTENT_FILTER,
    LLM_FINISH_OTHER,
    LLM_FINISH_N
} llm_finish_e;


typedef enum {
    LLM_USAGE_NONE = 0,
    LLM_USAGE_REPORTED,
    LLM_USAGE_ESTIMATED
} llm_usage_e;


typedef enum {
    LLM_TIER_STANDARD = 0,
    LLM_TIER_FLEX,
    LLM_TIER_BATCH,
    LLM_TIER_PRIORITY
} llm_tier_e;


/*
 * Tokens of a call, normalised: input is all input, cache reads and writes
 * included; output is all output, reasoning included.  So cache_read +
 * cache_write <= input, cache_write_1h <= cache_write (both a 5-minute and a
 * 1-hour write are in cache_write), reasoning <= output.
 */

typedef struct {
    uint64_t  input;
    uint64_t  output;
    uint64_t  cache_read;
    uint64_t  cache_write;
    uint64_t  cache_write_1h;
    uint64_t  reasoning;
} llm_tokens_t;


/* NUL-terminated spellings; index 0 of an enum with a NONE is "". */

extern const char *const  llm_operation_names[LLM_OP_N];
extern const char *const  llm_outcome_names[LLM_OUTCOME_N];
extern const char *const  llm_error_names[LLM_ERROR_N];
extern const char *const  llm_finish_names[LLM_FINISH_N];


#endif /* _LLM_FACTS_H_INCLUDED_ */
