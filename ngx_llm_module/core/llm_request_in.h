
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the files of the request's reader share with one another, with the
 * splicer and nobody else: the meanings of the values at the places of the
 * table.
 */


#ifndef _LLM_REQUEST_IN_H_INCLUDED_
#define _LLM_REQUEST_IN_H_INCLUDED_


#include "llm_request.h"


/*
 * Those below R_UNIQUE decide something: a second one, or one whose key is a
 * twin or has escapes, makes the body ambiguous.  The objects that hold a
 * bound decide as well: a second one may replace the first with all it holds.
 */

enum {
    R_NONE = 0,

    R_MODEL,
    R_STREAM,

    R_GENERATION,                /* objects that hold a bound */
    R_INFERENCE,
    R_TITAN,
    R_OPTIONS,
    R_PARAMETERS,

    R_BOUNDS,                    /* bounds of the output */
    R_MAX_TOKENS = R_BOUNDS,
    R_MAX_COMPLETION_TOKENS,
    R_MAX_OUTPUT_TOKENS,
    R_MAX_TOKENS_TO_SAMPLE,
    R_MAX_GEN_LEN,
    R_MAX_CAMEL,
    R_N_PREDICT,
    R_GENERATION_MAX,
    R_INFERENCE_MAX,
    R_INFERENCE_MAX_NEW,
    R_TITAN_MAX,
    R_OPTIONS_MAX,
    R_PARAMETERS_MAX,
    R_BOUNDS_END,

    R_N = R_BOUNDS_END,          /* how many answers */
    R_BEST_OF,
    R_CANDIDATES,
    R_UNIQUE,

    R_INCLUDE_USAGE = R_UNIQUE,  /* these are marked as well */
    R_STREAM_OPTIONS,
    R_THINKING,                  /* how many tokens it may think */
    R_ROOT,
    R_MARKED,

    R_TEMPERATURE = R_MARKED,
    R_MODELS,                    /* models beside the one asked for */
    R_TURN,                      /* one message */
    R_TEXT,                      /* prompt text */
    R_TOKEN,                     /* a prompt's token as a number */
    R_ITEM,                      /* an element of an input */
    R_JSON,                      /* JSON that the model reads as it is: an
                                    object or array; a string is text */
    R_TOOLS,                     /* the same, of tools */
    R_SCHEMA,                    /* the same, of the answer's form */
    R_TOOL,                      /* one tool */
    R_MEDIA,                     /* a part, by the word for its type */
    R_IMAGE,                     /* a part that is an image */
    R_DOCUMENT,

    /* what tells the shape; texts among them are prompt text as well */

    R_MESSAGES,
    R_PROMPT,
    R_INPUT,
    R_INPUTS,
    R_CONTENTS,
    R_PARTS,
    R_MESSAGE,
    R_TEXTS,
    R_PART_TEXT,                 /* text of a part of a message */
    R_PART_TYPE,                 /* type of one */
    R_VERSION,
    R_SYSTEM,
    R_INSTRUCTIONS,
    R_TEMPLATE,                  /* a prompt by its id, instead of input */
    R_EMBED,
    R_INTERACTIONS,
    R_CONVERSE,
    R_INVOKE,
    R_COHERE,
    R_COHERE_V1,
    R_OLLAMA,
    R_LMSTUDIO,
    R_SLOTS
};


/* what was seen of the shape: keys at the top, and signs of one dialect */

#define LLM_SHAPE_MESSAGES      0x000001
#define LLM_SHAPE_PROMPT        0x000002
#define LLM_SHAPE_INPUT         0x000004
#define LLM_SHAPE_INPUTS        0x000008
#define LLM_SHAPE_CONTENTS      0x000010  /* with parts in it */
#define LLM_SHAPE_MESSAGE       0x000020
#define LLM_SHAPE_TEXTS         0x000040
#define LLM_SHAPE_PLAIN         0x000080  /* parts of messages with a text */
#define LLM_SHAPE_TYPED         0x000100  /* and with a type */
#define LLM_SHAPE_SYSTEM        0x000200  /* Anthropic's messages */
#define LLM_SHAPE_COMPLETE      0x000400  /* and its text completions */
#define LLM_SHAPE_INSTRUCTIONS  0x000800  /* Responses */
#define LLM_SHAPE_EMBED         0x001000
#define LLM_SHAPE_INTERACTIONS  0x002000
#define LLM_SHAPE_CONVERSE      0x004000
#define LLM_SHAPE_INVOKE        0x008000
#define LLM_SHAPE_TITAN         0x010000  /* one of InvokeModel's */
#define LLM_SHAPE_COHERE        0x020000
#define LLM_SHAPE_COHERE_V1     0x040000
#define LLM_SHAPE_OLLAMA        0x080000
#define LLM_SHAPE_LLAMACPP      0x100000
#define LLM_SHAPE_TGI           0x200000
#define LLM_SHAPE_LMSTUDIO      0x400000
#define LLM_SHAPE_MODEL         0x800000
#define LLM_SHAPE_STREAM       0x1000000
#define LLM_SHAPE_EMBEDDER     0x2000000  /* by the model's name */


/* A value of one of these types (bits of llm_json_type_e) tells the shape. */

typedef struct {
    uint16_t  types;
    uint32_t  shape;
} llm_request_sign_t;

extern const llm_request_sign_t  llm_request_signs[R_SLOTS];


/* llm_request_mark.c */

/* A value at a place below R_MARKED, or its end. */
void llm_request_mark(llm_request_t *r, const llm_json_event_t *ev);
void llm_request_mark_close(llm_request_t *r, const llm_json_event_t *ev);


/* llm_request_json.c */

/* What is fed next, and its offset; when that was fed. */
void llm_request_json_piece(llm_request_t *r, const uint8_t *p, uint64_t at);
void llm_request_json_fed(llm_request_t *r);

void llm_request_json_open(llm_request_t *r, const llm_json_event_t *ev);
void llm_request_json_close(llm_request_t *r, const llm_json_event_t *ev);


#endif /* _LLM_REQUEST_IN_H_INCLUDED_ */
