
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What may be taken off the name of a model, before and behind.  Nothing is
 * ever put in, so every spelling is a piece of the name.
 */


#ifndef _LLM_NAME_SPELL_H_INCLUDED_
#define _LLM_NAME_SPELL_H_INCLUDED_


#include "llm_name.h"


#define LLM_NAME_ROUTES  6


/* A name and the beginnings of its spellings without routing prefixes. */

typedef struct {
    llm_str_t                 name;
    uint16_t                  start[LLM_NAME_ROUTES];
    unsigned                  n;
} llm_name_routes_t;


void llm_name_route(llm_name_routes_t *r, llm_str_t name);

/* The length without the last version, or 0: there is none. */
size_t llm_name_version(const uint8_t *p, size_t len);

/* The region of an ARN, or "". */
llm_str_t llm_name_region(llm_str_t name);

/* "ft:base:owner:suffix:id", and its "ft:base" */
int llm_name_tuned(llm_str_t name);
llm_str_t llm_name_tuned_base(llm_str_t name);


#endif /* _LLM_NAME_SPELL_H_INCLUDED_ */
