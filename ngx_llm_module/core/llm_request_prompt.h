
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The system prompt of a request, as text that passes.
 */


#ifndef _LLM_REQUEST_PROMPT_H_INCLUDED_
#define _LLM_REQUEST_PROMPT_H_INCLUDED_


#include "llm_json.h"


typedef enum {
    LLM_PROMPT_DROP = 0,         /* what was said so far is none of it */
    LLM_PROMPT_TEXT              /* more of it, escapes decoded */
} llm_prompt_step_e;

/* DROP comes without bytes, TEXT with at least one. */
typedef void (*llm_prompt_sink_pt)(void *data, unsigned step,
    const uint8_t *p, size_t len);


typedef struct {
    llm_json_t           json;
    llm_prompt_sink_pt   sink;
    void                *data;
    uint8_t              state;
    uint8_t              role;   /* of the turn at hand */
    uint8_t              any;    /* some text was said */
    uint8_t              gap;    /* a text has ended: the next is another */
} llm_prompt_t;


/* The table that readers share. */
int llm_prompt_compile(llm_json_table_t *table);

void llm_prompt_init(llm_prompt_t *s, const llm_json_table_t *table,
    llm_prompt_sink_pt sink, void *data);
void llm_prompt_feed(llm_prompt_t *s, const uint8_t *p, size_t len);

/* After all was fed: 1 if what was said is a system prompt. */
int llm_prompt_end(const llm_prompt_t *s);


#endif /* _LLM_REQUEST_PROMPT_H_INCLUDED_ */
