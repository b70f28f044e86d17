
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The member "bytes" of an object, decoded from base64: Bedrock's InvokeModel
 * wraps each event of a model's own stream as {"bytes":"...","p":"..."}.  It
 * is read without a scanner of its own, in constant memory, however it is cut:
 * the other members are passed over, and only as much is asked of them as is
 * needed to find their ends.
 */


#ifndef _LLM_BYTES_H_INCLUDED_
#define _LLM_BYTES_H_INCLUDED_


#include "llm_base.h"


typedef void (*llm_bytes_pt)(void *ctx, const uint8_t *p, size_t len);


typedef struct {
    uint32_t  bits;              /* of the quantum at hand */
    uint16_t  hex;
    uint8_t   nhex;
    uint8_t   state;
    uint8_t   string;            /* which string is read */
    uint8_t   key;               /* bytes of "bytes" that the key agrees to */
    uint8_t   seen;              /* "bytes" has come */
    uint8_t   quantum;           /* characters of a quantum that have come */
    uint8_t   pad;               /* "=" seen */
    uint8_t   depth;             /* of a value that is passed over */
} llm_bytes_t;


void llm_bytes_init(llm_bytes_t *b);

/* data gets what the member says, in parts that are never empty. */
void llm_bytes_feed(llm_bytes_t *b, const uint8_t *p, size_t len,
    llm_bytes_pt data, void *ctx);

/*
 * True if what came is one whole object with one "bytes", and that was base64
 * with its padding.  If not, what was handed on may be less than was meant.
 */
int llm_bytes_whole(const llm_bytes_t *b);


#endif /* _LLM_BYTES_H_INCLUDED_ */
