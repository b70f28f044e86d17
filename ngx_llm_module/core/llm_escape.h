
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Text for other people's parsers: JSON strings and Prometheus label values.
 * What comes in may be any bytes; what goes out is always valid UTF-8.
 */


#ifndef _LLM_ESCAPE_H_INCLUDED_
#define _LLM_ESCAPE_H_INCLUDED_


#include "llm_base.h"


#define LLM_ESCAPE_MAX  6    /* no byte becomes more than this many */


/*
 * Length and write go over the same code, so they cannot disagree.  The
 * writers need room for exactly the length told, write no NUL and return
 * the end.
 */

/* The inside of a JSON string, without its quotes. */
size_t llm_escape_json_len(llm_str_t s);
uint8_t *llm_escape_json(uint8_t *dst, llm_str_t s);

/* The inside of a Prometheus or OpenMetrics label value. */
size_t llm_escape_label_len(llm_str_t s);
uint8_t *llm_escape_label(uint8_t *dst, llm_str_t s);


#endif /* _LLM_ESCAPE_H_INCLUDED_ */
