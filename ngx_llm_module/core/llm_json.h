
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The incremental JSON scanner.  Bytes split anywhere go in; values at the
 * places named by a path table come out.  See the essay in llm_json.c.
 */


#ifndef _LLM_JSON_H_INCLUDED_
#define _LLM_JSON_H_INCLUDED_


#include "llm_base.h"


#define LLM_JSON_DEPTH     256   /* deepest nesting accepted */
#define LLM_JSON_PATH      16    /* deepest level a table path may name */
#define LLM_JSON_TEXT      96    /* bytes kept of a key, number or string */
#define LLM_JSON_NODES     255   /* nodes of one compiled table */


typedef enum {
    LLM_JSON_STRING = 0,         /* text: decoded, first LLM_JSON_TEXT bytes */
    LLM_JSON_NUMBER,             /* text: as written */
    LLM_JSON_TRUE,
    LLM_JSON_FALSE,
    LLM_JSON_NULL,
    LLM_JSON_OBJECT,             /* opened */
    LLM_JSON_ARRAY,              /* opened */
    LLM_JSON_CLOSE,              /* object or array closed */
    LLM_JSON_PIECE               /* a decoded part of a LLM_JSON_F_TEXT string,
                                    never empty */
} llm_json_type_e;


/* flags of a row of a path table */

#define LLM_JSON_F_TEXT    0x01  /* strings come as PIECEs, then a STRING with
                                    empty text ends them; no length limit */
#define LLM_JSON_F_OPEN    0x02  /* report OBJECT and ARRAY */
#define LLM_JSON_F_CLOSE   0x04  /* report CLOSE */
#define LLM_JSON_F_STRING  0x08  /* report nothing but strings */

/* flags of an event */

#define LLM_JSON_E_CUT     0x01  /* text was longer than LLM_JSON_TEXT */
#define LLM_JSON_E_ESCKEY  0x02  /* the key was written with escapes */
#define LLM_JSON_E_TWIN    0x04  /* the key differs from the table's in case
                                    only: reported for strict tables */
#define LLM_JSON_E_BADESC  0x08  /* lone surrogate: decoded as U+FFFD */
#define LLM_JSON_E_EMPTY   0x10  /* the object that CLOSEs has no member */


/*
 * A row: "choices[].delta.content".  Keys are joined by '.', "[]" is any
 * element of an array, a key "*" is any key that no sibling names.
 * Slot 0 reports nothing.
 */

typedef struct {
    const char  *path;
    uint8_t      slot;
    uint8_t      flags;
} llm_json_row_t;


typedef struct {
    const char  *key;
    uint8_t      key_len;
    uint8_t      child;          /* first of the children; 0: none */
    uint8_t      sibling;
    uint8_t      chain;          /* next node of the same hash bucket */
    uint8_t      any;            /* child named "*" */
    uint8_t      element;        /* child named "[]" */
    uint8_t      slot;
    uint8_t      flags;
    uint8_t      bucket[16];     /* children by llm_json_hash() */
    uint8_t      head[16];       /* of the key, zeros after it */
} llm_json_node_t;


typedef struct {
    llm_json_node_t  node[LLM_JSON_NODES];   /* 0 is "not in the table",
                                                1 the root */
    uint16_t         n;
    uint8_t          strict;     /* report case twins of keys */
} llm_json_table_t;


typedef struct {
    uint64_t         start;      /* offset of the value's first byte */
    uint64_t         end;        /* offset after its last byte; as start for
                                    OBJECT, ARRAY */
    llm_str_t        text;       /* valid during the call only */
    llm_str_t        key;        /* the key matched by "*", decoded, else
                                    empty */
    uint8_t          slot;
    uint8_t          type;       /* llm_json_type_e */
    uint8_t          flags;      /* LLM_JSON_E_* */
} llm_json_event_t;


typedef void (*llm_json_sink_pt)(void *data, const llm_json_event_t *ev);


typedef struct {
    const llm_json_table_t  *table;
    llm_json_sink_pt         sink;
    void                    *data;

    uint64_t                 offset;   /* bytes of this text fed so far */
    uint64_t                 start;    /* offset where the token began */
    uint64_t                 object[LLM_JSON_DEPTH / 64];
    uint64_t                 mute;     /* bit i: slot i is wanted no more */

    uint16_t                 depth;
    uint8_t                  state;
    uint8_t                  node;     /* node of the value awaited or read */
    uint8_t                  literal;  /* which literal, and how far */
    uint8_t                  matched;
    uint8_t                  flags;    /* LLM_JSON_E_* of the token, key */
    uint8_t                  in_key;
    uint8_t                  nhex;
    uint8_t                  text_len;
    uint8_t                  key_len;  /* of the "*" key kept in key[] */
    uint8_t                  key_flags;
    uint16_t                 hex;
    uint16_t                 high;     /* high surrogate waiting for its low */

    uint8_t                  path[LLM_JSON_PATH];
    uint8_t                  text[LLM_JSON_TEXT];
    uint8_t                 *key;      /* LLM_JSON_TEXT bytes for "*" keys, or
                                          NULL: then "*" gives no key text */
} llm_json_t;


#define LLM_JSON_OK      0
#define LLM_JSON_ERROR  -1


/*
 * Compiles rows; returns LLM_JSON_ERROR when they need more than
 * LLM_JSON_NODES nodes, name a path deeper than LLM_JSON_PATH or a key of
 * more than 63 bytes.  The table holds pointers into the rows' paths.
 */
int llm_json_compile(llm_json_table_t *t, const llm_json_row_t *rows,
    size_t n);

/* Adds more rows to a table that llm_json_compile() made. */
int llm_json_compile_more(llm_json_table_t *t, const llm_json_row_t *rows,
    size_t n);

/* The same scanner state serves any number of texts; mute stays. */
void llm_json_init(llm_json_t *s, const llm_json_table_t *t,
    llm_json_sink_pt sink, void *data);
void llm_json_reset(llm_json_t *s);

/*
 * LLM_JSON_ERROR: not JSON, or nested deeper than LLM_JSON_DEPTH.  It is
 * sticky until reset.  The same bytes give the same events however split,
 * but for where PIECEs are cut.
 */
int llm_json_feed(llm_json_t *s, const uint8_t *p, size_t len);

/*
 * The same up to the end of the line: returns where that is, or e.  An error
 * shows at llm_json_end().
 */
const uint8_t *llm_json_feed_line(llm_json_t *s, const uint8_t *p,
    const uint8_t *e);

/*
 * The same up to the last byte of the value: returns the address behind it,
 * and llm_json_complete() is true; or e, and more is needed; or where it
 * stopped on an error.  A number outside of any brackets is over with the
 * first byte that cannot belong to it, which is not read, or with
 * llm_json_end().
 */
const uint8_t *llm_json_feed_value(llm_json_t *s, const uint8_t *p,
    const uint8_t *e);

/* LLM_JSON_OK if exactly one value was complete. */
int llm_json_end(llm_json_t *s);

/* True after an error: no more bytes would help. */
int llm_json_failed(const llm_json_t *s);

/* True when the value is complete (a top-level number never is before the
 * end). */
int llm_json_complete(const llm_json_t *s);


#endif /* _LLM_JSON_H_INCLUDED_ */
