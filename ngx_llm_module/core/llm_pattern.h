
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Names of models as gates take them: patterns, lists of patterns, and what
 * a name and the path that holds one must be like to mean the same to us and
 * to whoever reads it next.  Bytes are compared as they are: nothing is
 * folded, trimmed or normalised.
 */


#ifndef _LLM_PATTERN_H_INCLUDED_
#define _LLM_PATTERN_H_INCLUDED_


#include "llm_base.h"


#define LLM_PATTERN_MAX  512     /* bytes of one pattern */


typedef enum {
    LLM_PATTERN_EXACT = 0,
    LLM_PATTERN_PREFIX,          /* "gpt-4*": text without the star */
    LLM_PATTERN_REGEX            /* "~...": text without the tilde */
} llm_pattern_e;


typedef struct {
    llm_str_t  text;
    uint8_t    kind;             /* llm_pattern_e */
} llm_pattern_t;


/* 0; -1: no pattern: empty, too long, or a bare "~". */
int llm_pattern_parse(llm_pattern_t *p, llm_str_t word);

/* Of an exact one or a prefix: 1 or 0.  Regexes are matched elsewhere. */
int llm_pattern_match(const llm_pattern_t *p, llm_str_t name);

/*
 * The next word of a list separated by white space and commas; list becomes
 * what follows.  1: a word; 0: none is left; -1: brackets or a backslash of
 * a regex are left open.  In a regex a comma inside of brackets belongs to
 * it.
 */
int llm_pattern_next(llm_str_t *list, llm_str_t *word);

/* True for a name that everybody reads alike: UTF-8, without control
 * characters, and without a blank at either end. */
int llm_pattern_name(llm_str_t name);


/*
 * True if a path says the same to all who decode, normalise, fold or split
 * it, or do none of that.  raw: as the client sent it, its query may follow;
 * else decoded.  model: what llm_dialect_path() found in it, or empty; then
 * nothing in it may name a model either.
 */
int llm_pattern_path(llm_str_t path, int raw, llm_str_t model);

/*
 * True if no argument of a query names a model other than this one.
 */
int llm_pattern_query(llm_str_t args, llm_str_t model);


#endif /* _LLM_PATTERN_H_INCLUDED_ */
