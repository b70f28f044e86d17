
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
    LLM_TEXT_DIGIT,
    LLM_TEXT_SPACE,              /* one a run */
    LLM_TEXT_PUNCT,              /* other ASCII */
    LLM_TEXT_LATIN,              /* two-byte characters: accents, Cyrillic,
                                    Greek, Arabic, Hebrew */
    LLM_TEXT_WIDE,               /* three-byte characters: CJK, kana, hangul,
                                    Indic */
    LLM_TEXT_HIGH,               /* four-byte characters: emoji */
    LLM_TEXT_TAIL,               /* continuation bytes, of no weight */
    LLM_TEXT_CLASSES
} llm_text_class_e;


typedef struct {
    uint64_t  bytes;
    uint32_t  n[LLM_TEXT_TAIL];
    uint8_t   last;              /* class of the last byte seen */
} llm_text_t;


/* Decoded UTF-8, in pieces split anywhere. */
void llm_text_add(llm_text_t *t, const uint8_t *p, size_t len);

/* 0 only for an empty text. */
uint64_t llm_text_tokens(const llm_text_t *t);


#endif /* _LLM_TEXT_H_INCLUDED_ */
