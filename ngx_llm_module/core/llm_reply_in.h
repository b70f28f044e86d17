
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Between the writer of replies and the table of their shapes.
 */


#ifndef _LLM_REPLY_IN_H_INCLUDED_
#define _LLM_REPLY_IN_H_INCLUDED_


#include "llm_reply.h"


typedef struct {
    const char  *type;
    const char  *code;
} llm_reply_word_t;


typedef enum {
    W_OPENAI = 0,
    W_ANTHROPIC,
    W_GOOGLE,
    W_AWS,                       /* in a header; in a frame */
    W_TGI,
    W_LLAMACPP,
    W_N
} llm_reply_words_e;


typedef struct {
    uint8_t      words;          /* llm_reply_words_e */
    const char  *body;
    const char  *sse;            /* NULL: the body, as an event */
    const char  *line;           /* NULL: the body, as a line */
} llm_reply_shape_t;


extern const llm_reply_word_t   llm_reply_words[W_N][LLM_REASON_N];
extern const char *const        llm_reply_texts[LLM_REASON_N];
extern const llm_reply_shape_t  llm_reply_shapes[LLM_DIALECT_N];

/* the body of AWS, and what is in its frames */

#define LLM_REPLY_MESSAGE  "{\"message\":\"$m\"}"


#endif /* _LLM_REPLY_IN_H_INCLUDED_ */
