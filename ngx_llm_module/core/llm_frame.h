
/*
 * Copyright (C) ngx_llm_module authors
 *
 * AWS event streams (application/vnd.amazon.eventstream): binary frames
 *
 *     total length   4 bytes, big endian, of the frame with all of this
 *     headers length 4 bytes
 *     prelude CRC    4 bytes, CRC-32 of these 8
 *     headers        name length 1, name, value type 1, value
 *     payload
 *     message CRC    4 bytes, CRC-32 of all before it
 *
 * A frame cut anywhere is read as it comes, and nothing is kept of its
 * payload; so its message CRC is known only when the payload has been handed
 * on: what a handler is told of a frame counts only once event() says so.
 * A length is believed only after the prelude's CRC, and is never a size of
 * anything but bytes to come.
 */


#ifndef _LLM_FRAME_H_INCLUDED_
#define _LLM_FRAME_H_INCLUDED_


#include "llm_base.h"


#define LLM_FRAME_MAX      (24 * 1024 * 1024)  /* of a frame, as AWS's SDKs */
#define LLM_FRAME_HEADERS  (128 * 1024)        /* of its headers, likewise */
#define LLM_FRAME_TYPE     31                  /* bytes kept of a type */


typedef enum {
    LLM_FRAME_EVENT = 0,         /* :message-type "event", or none */
    LLM_FRAME_EXCEPTION,         /* "exception": :exception-type */
    LLM_FRAME_ERROR              /* "error", or one that nobody knows:
                                    :error-code */
} llm_frame_message_e;


/* zlib's crc32(), or one that does the same; len is never 0. */
typedef uint32_t (*llm_frame_crc_pt)(uint32_t crc, const uint8_t *p,
    size_t len);


typedef struct {
    /* the headers of a frame are read, its payload follows.  type:
       :event-type, :exception-type or :error-code, as message says, cut
       to LLM_FRAME_TYPE bytes, or empty; it is valid during the call */
    void  (*head)(void *ctx, unsigned message, llm_str_t type);

    /* a part of the payload, never empty */
    void  (*data)(void *ctx, const uint8_t *p, size_t len);

    /* the frame is over.  ok: its CRC holds; if not, it is the last */
    void  (*event)(void *ctx, int ok);
} llm_frame_handler_t;


typedef struct {
    uint32_t  crc;
    uint32_t  left;              /* bytes between both CRCs still to come */
    uint32_t  headers;           /* those of them that are headers */
    uint16_t  value;             /* bytes of the header's value, likewise */
    uint8_t   state;
    uint8_t   have;              /* bytes of the field at hand */
    uint8_t   name;              /* what the header at hand is */
    uint8_t   name_left;
    uint8_t   message;           /* llm_frame_message_e */
    uint8_t   type_of;           /* the header that type is of */
    uint8_t   type_len;
    uint8_t   field[16];
    uint8_t   type[LLM_FRAME_TYPE];
} llm_frame_t;


void llm_frame_init(llm_frame_t *f);
void llm_frame_feed(llm_frame_t *f, llm_frame_crc_pt crc, const uint8_t *p,
    size_t len, const llm_frame_handler_t *h, void *ctx);

/* True between two frames: the body may end here. */
int llm_frame_idle(const llm_frame_t *f);

/* True if what came is no event stream, or a CRC does not hold: nothing
 * more is read. */
int llm_frame_broken(const llm_frame_t *f);


#endif /* _LLM_FRAME_H_INCLUDED_ */
