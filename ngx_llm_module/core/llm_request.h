
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

/* Members of a body that do not change the answer; NULL ends them. */
extern const char *const     llm_request_unkeyed[];


typedef enum {
    LLM_MEDIA_IMAGE = 0,
    LLM_MEDIA_DOCUMENT,
    LLM_MEDIA_AUDIO,
    LLM_MEDIA_VIDEO,
    LLM_MEDIA_N
} llm_media_e;


typedef enum {
    LLM_REQUEST_UNREAD = 0,      /* no byte seen */
    LLM_REQUEST_READING,
    LLM_REQUEST_READ,            /* one JSON value, whole */
    LLM_REQUEST_NOT_JSON,
    LLM_REQUEST_TOO_LARGE,
    LLM_REQUEST_AMBIGUOUS        /* can be read two ways */
} llm_request_state_e;


/* JSON that the model reads: its strings are text, and where they stand is
   told to it as well.  So many bytes of it are looked at. */

#define LLM_REQUEST_JSON  4096

typedef struct {
    llm_text_t   text;
    uint64_t     bytes;
    uint32_t     strings;
} llm_request_json_t;


/*
 * Where the values stand that a change of the body needs: offsets into it.
 * What a mark says holds for one place; a place that was met twice is in
 * "twice", a bit a slot.
 */

typedef enum {
    LLM_MARK_NONE = 0,           /* not there */
    LLM_MARK_VALUE,              /* a number, a string, true or false */
    LLM_MARK_NULL,
    LLM_MARK_OBJECT,             /* start: its brace; no len */
    LLM_MARK_EMPTY,              /* the same, without a member */
    LLM_MARK_ODD                 /* none that could be there, or too long */
} llm_mark_kind_e;


typedef enum {
    LLM_MARK_ROOT = 0,
    LLM_MARK_MODEL,
    LLM_MARK_GENERATION,         /* objects that hold a bound */
    LLM_MARK_INFERENCE,
    LLM_MARK_TITAN,
    LLM_MARK_OPTIONS,
    LLM_MARK_PARAMETERS,
    LLM_MARK_STREAM_OPTIONS,
    LLM_MARK_INCLUDE_USAGE,
    LLM_MARK_BUDGET,             /* of thinking */
    LLM_MARK_N
} llm_mark_e;


#define LLM_MARK_BOUNDS  4       /* more than any body has use for */

typedef struct {
    uint32_t             start;
    uint16_t             len;
    uint8_t              slot;   /* which bound */
    uint8_t              kind;   /* llm_mark_kind_e */
} llm_mark_t;


typedef struct {
    llm_mark_t           at[LLM_MARK_N];
    llm_mark_t           bound[LLM_MARK_BOUNDS];
    uint32_t             nbounds;    /* met, marked or not */
    uint32_t             twice;
    uint32_t             budget;     /* its value */
} llm_request_marks_t;


/* beside LLM_JSON_E_* in model_flags */

#define LLM_REQUEST_MODEL_ODD   0x40 /* it is no string */
#define LLM_REQUEST_MODEL_MORE  0x80 /* other models may be asked as well */

/* of a name that a gate cannot go by */

#define LLM_REQUEST_MODEL_BAD                                                 \
    (LLM_REQUEST_MODEL_ODD|LLM_JSON_E_CUT|LLM_JSON_E_BADESC)


typedef struct {
    llm_json_t           json;

    uint32_t             shape;      /* what tells the dialect */
    uint32_t             seen;       /* bit a slot: a second one is
                                        ambiguous */
    uint8_t              state;      /* llm_request_state_e */
    uint8_t              stream;     /* 1, 0 */
    uint8_t              has_stream; /* the body says which */
    uint8_t              include_usage;
    uint8_t              has_max_tokens;
    uint8_t              unbounded;  /* a bound that is none: -1 */
    uint8_t              model_flags;
    uint8_t              model_len;
    uint8_t              temperature_len;
    uint8_t              system;     /* a system prompt beside the turns */
    uint8_t              thinking;   /* is asked for, by a budget */
    uint32_t             turns;
    uint32_t             tokens;     /* of prompts given as token numbers */
    uint32_t             choices;    /* answers asked for: n, best_of */
    uint64_t             max_tokens;
    uint64_t             prompt_bytes;   /* of all prompt text */

    /* what is read beside the text, for the estimate */

    llm_text_t           text;
    llm_text_t           calls;      /* arguments and results */
    llm_request_json_t   tools;
    llm_request_json_t   schema;     /* of the answer */
    uint32_t             ntools;
    uint32_t             media[LLM_MEDIA_N];

    /* the JSON at hand, as it passes */

    uint64_t             opaque;     /* bytes of it */
    uint64_t             opened;     /* offset where it began */
    const uint8_t       *piece;      /* what is fed, and its offset */
    uint64_t             at;
    uint16_t             hex;
    uint8_t              open;       /* which */
    uint8_t              in_string;
    uint8_t              escape;     /* after the backslash, and how far */

    llm_request_marks_t  marks;

    uint8_t              temperature[15];
    uint8_t              model[LLM_JSON_TEXT];
} llm_request_t;


void llm_request_init(llm_request_t *r, const llm_dialect_set_t *set);

/* max: bytes read for meaning. */
void llm_request_feed(llm_request_t *r, const uint8_t *p, size_t len,
    uint64_t max);
void llm_request_end(llm_request_t *r);

/* The dialect of a body that no path told: LLM_DIALECT_NONE if none. */
unsigned llm_request_dialect(const llm_request_t *r);

/* Whether a stream is asked for: what the body says, else what the dialect
 * does by itself.  What a path says stands above both. */
int llm_request_streams(const llm_request_t *r, unsigned dialect);

/* Estimated tokens of the prompt.  model: the one asked for, where the body
 * does not name it, else empty. */
uint64_t llm_request_tokens(const llm_request_t *r, unsigned dialect,
    llm_str_t model);

/* Estimated tokens of an answer: of its text, of so many bytes of JSON, and
 * of so many tool calls. */
uint64_t llm_answer_tokens(const llm_text_t *text, uint64_t json,
    uint32_t calls, unsigned dialect, llm_str_t model);


#endif /* _LLM_REQUEST_H_INCLUDED_ */
