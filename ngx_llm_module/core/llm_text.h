
/*
 * Copyright (C) ngx_llm_module authors
 *
 * How many tokens a text has, without its tokenizer: used only where the
 * provider did not say.  Characters are counted by class, and the classes
 * weighed; see llm_text.c for the weights and how well they do.
 */


#ifndef _LLM_TEXT_H_INCLUDED_
#define _LLM_TEXT_H_INCLUDED_


#include "llm_base.h"


typedef enum {
    LLM_TEXT_LETTER = 0,         /* ASCII letters */
    LLM_TEXT_PUNCT,              /* other printing ASCII */
    LLM_TEXT_SPACE,
    LLM_TEXT_DIGIT,
    LLM_TEXT_LATIN,              /* two bytes: letters with accents */
    LLM_TEXT_GREEK,              /* two bytes: Greek, Cyrillic, Hebrew,
                                    Arabic */
    LLM_TEXT_INDIC,              /* three bytes: Devanagari, Thai */
    LLM_TEXT_SIGN,               /* three bytes: dashes, quotes, arrows */
    LLM_TEXT_WIDE,               /* three bytes: CJK, kana, hangul */
    LLM_TEXT_HIGH,               /* four bytes: emoji */
    LLM_TEXT_TAIL,               /* continuation bytes, of no weight */
    LLM_TEXT_CLASSES
} llm_text_class_e;


/* weights are in parts of a token, so many */
#define LLM_TEXT_TOKEN  235


typedef struct {
    uint64_t  bytes;
    uint64_t  sum;               /* of the weights of what was counted */
    uint8_t   last;              /* class of the last byte seen */
} llm_text_t;


/* Decoded UTF-8, in pieces split anywhere. */
void llm_text_add(llm_text_t *t, const uint8_t *p, size_t len);

/* What follows is another text: no word goes on in it. */
void llm_text_break(llm_text_t *t);

/* 0 only for an empty text. */
uint64_t llm_text_tokens(const llm_text_t *t);


#endif /* _LLM_TEXT_H_INCLUDED_ */
