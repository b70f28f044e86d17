
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The member "bytes" of an object, decoded from base64: Bedrock's InvokeModel
 * wraps each event of a model's own stream as {"bytes":"...","p":"..."}.  The
 * object is flat and short of other members; it is read without a scanner of
 * its own, in constant memory, however it is cut.
 */


#ifndef _LLM_BYTES_H_INCLUDED_
#define _LLM_BYTES_H_INCLUDED_


#include "llm_base.h"


typedef void (*llm_bytes_pt)(void *ctx, const uint8_t *p, size_t len);


typedef struct {
    uint32_t  bits;              /* sextets not handed on yet */
    uint8_t   nbits;
    uint8_t   state;
    uint8_t   key;               /* bytes of "bytes" that the key agrees to */
    uint8_t   depth;             /* of a value that is skipped, 255: more */
} llm_bytes_t;


void llm_bytes_init(llm_bytes_t *b);

/* data gets what the member says, in parts that are never empty. */
void llm_bytes_feed(llm_bytes_t *b, const uint8_t *p, size_t len,
    llm_bytes_pt data, void *ctx);

/* True if the object is closed, was one, and its "bytes" was base64. */
int llm_bytes_whole(const llm_bytes_t *b);


#endif /* _LLM_BYTES_H_INCLUDED_ */
