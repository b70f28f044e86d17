
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The canonical bytes of a JSON text: its tokens in their order, without
 * white space between them and without some members of the outer object.
 */


#ifndef _LLM_CANON_H_INCLUDED_
#define _LLM_CANON_H_INCLUDED_


#include "llm_base.h"


#define LLM_CANON_NAME  20       /* longest name of a member left out */
#define LLM_CANON_RAW   (6 * LLM_CANON_NAME)


/* Bytes to be taken; valid during the call only, never of no length. */
typedef void (*llm_canon_sink_pt)(void *data, const uint8_t *p, size_t len);


typedef struct {
    const char *const  *names;   /* of members left out; NULL ends them */
    llm_canon_sink_pt   sink;
    void               *data;

    uint64_t            depth;
    uint8_t             state;
    uint8_t             object;  /* the outer value is one */
    uint8_t             member;  /* one has been taken: a comma is due */
    uint8_t             left;    /* the member at hand is left out */
    uint8_t             nhex;
    uint8_t             raw_len;
    uint8_t             name_len;    /* LLM_CANON_NAME + 1: none of them */
    uint16_t            hex;
    uint8_t             name[LLM_CANON_NAME];
    uint8_t             raw[LLM_CANON_RAW];
} llm_canon_t;


void llm_canon_init(llm_canon_t *c, const char *const *names,
    llm_canon_sink_pt sink, void *data);

/*
 * Any bytes; of a text that is not JSON the result means nothing.  The same
 * bytes give the same, whatever way they are split.
 */
void llm_canon_feed(llm_canon_t *c, const uint8_t *p, size_t len);


#endif /* _LLM_CANON_H_INCLUDED_ */
