
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The reader of requests: one table for all dialects, since the shape of the
 * body may have to tell the dialect.
 */


#ifndef _LLM_REQUEST_H_INCLUDED_
#define _LLM_REQUEST_H_INCLUDED_


#include "llm_dialect.h"
#include "llm_text.h"


extern const llm_json_row_t  llm_request_rows[];
extern const size_t          llm_request_nrows;


typedef enum {
    LLM_REQUEST_UNREAD = 0,      /* no byte seen */
    LLM_REQUEST_READING,
    LLM_REQUEST_READ,            /* one JSON value, whole */
    LLM_REQUEST_NOT_JSON,
    LLM_REQUEST_TOO_LARGE,
    LLM_REQUEST_AMBIGUOUS        /* can be read two ways */
} llm_request_state_e;


/* which keys stood at the top: the shape */

#define LLM_SHAPE_MESSAGES      0x01
#define LLM_SHAPE_PROMPT        0x02
#define LLM_SHAPE_INPUT         0x04
#define LLM_SHAPE_SYSTEM        0x08  /* or another sign of Anthropic's */
#define LLM_SHAPE_INSTRUCTIONS  0x10  /* or another sign of Responses' */
#define LLM_SHAPE_TEXTS         0x20
#define LLM_SHAPE_EMBED         0x40  /* a sign of embeddings */


typedef struct {
    llm_json_t   json;

    uint8_t      state;          /* llm_request_state_e */
    uint8_t      shape;
    uint8_t      stream;         /* 1, 0 */
    uint8_t      include_usage;
    uint8_t      has_max_tokens;
    uint8_t      model_flags;
    uint8_t      model_len;
    uint8_t      temperature_len;
    uint32_t     seen;           /* bit a slot: a second one is ambiguous */
    uint32_t     turns;
    uint32_t     tokens;         /* of prompts given as token numbers */
    uint64_t     max_tokens;
    uint64_t     prompt_bytes;   /* of all prompt text */
    uint64_t     opaque;         /* bytes of tool definitions and the like,
                                    which a model reads too */
    uint64_t     opened;
    llm_text_t   text;

    uint8_t      temperature[15];
    uint8_t      model[LLM_JSON_TEXT];
} llm_request_t;


void llm_request_init(llm_request_t *r, const llm_dialect_set_t *set);

/* max: bytes read for meaning. */
void llm_request_feed(llm_request_t *r, const uint8_t *p, size_t len,
    uint64_t max);
void llm_request_end(llm_request_t *r);

/* The dialect of a body that no path told: LLM_DIALECT_NONE if none. */
unsigned llm_request_dialect(const llm_request_t *r);

/* Estimated tokens of the prompt. */
uint64_t llm_request_tokens(const llm_request_t *r);


#endif /* _LLM_REQUEST_H_INCLUDED_ */
