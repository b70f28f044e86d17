
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Price lists in LiteLLM's form, fed in pieces.
 */


#ifndef _LLM_PRICE_LIST_H_INCLUDED_
#define _LLM_PRICE_LIST_H_INCLUDED_


#include "llm_base.h"
#include "llm_json.h"
#include "llm_price.h"


#define LLM_PRICE_ALIASES      32
#define LLM_PRICE_ALIAS_BYTES  2048


/* One model.  Everything is valid during the call only. */

typedef struct {
    llm_str_t           name;
    const llm_price_t  *price;    /* llm_price_size() bytes, to be copied */
    const llm_str_t    *alias;
    size_t              naliases;
} llm_price_entry_t;


/* Not 0: stop; llm_price_list_feed() then returns LLM_PRICE_LIST_STOPPED. */

typedef int (*llm_price_entry_pt)(void *data, const llm_price_entry_t *e);


#define LLM_PRICE_LIST_OK        0
#define LLM_PRICE_LIST_ERROR    -1   /* see error */
#define LLM_PRICE_LIST_STOPPED  -2


typedef struct {
    const char         *what;     /* NUL-terminated, for people */
    uint64_t            offset;   /* bytes from the start of the file */
    uint64_t            line;     /* from 1 */
    llm_str_t           entry;    /* "" where not inside one */
    llm_str_t           key;      /* likewise */
} llm_price_error_t;


typedef struct {
    uint32_t            models;   /* given to entry() */
    uint32_t            priced;   /* with a rate among them */
    uint32_t            aliases;
    uint32_t            skipped;  /* top-level keys that are no model */
    uint32_t            timed;    /* with rates for hours or periods */
    uint32_t            units;    /* with charges that tokens do not tell */
} llm_price_stat_t;


/*
 * About 22 KiB; needed only while a list is read.  The strings of error
 * point into it.
 */

typedef struct {
    llm_price_entry_pt  entry;
    void               *data;
    llm_price_error_t   error;
    llm_price_stat_t    stat;

    uint64_t            base;     /* offset of the piece being read */
    uint64_t            line;     /* line at base */
    const uint8_t      *piece;
    int                 status;

    uint8_t             began;    /* the '{' of the list was seen */
    uint8_t             inside;   /* of an entry that is read */
    uint8_t             units;    /* charges a number of something else */
    uint8_t             has_query;
    uint8_t             bounds;   /* of the range, seen so far */
    uint8_t             searches; /* sizes of search context, seen so far */

    uint8_t             name_len;
    uint8_t             key_len;
    uint8_t             name[LLM_JSON_TEXT];
    uint8_t             key[LLM_JSON_TEXT];      /* the scanner's "*" key */
    uint8_t             field[LLM_JSON_TEXT];    /* of the error */

    uint16_t            alias_used;
    uint16_t            naliases;
    llm_str_t           alias[LLM_PRICE_ALIASES];
    uint8_t             alias_text[LLM_PRICE_ALIAS_BYTES];

    llm_u128_t          query;    /* input_cost_per_query */
    llm_u128_t          search[3];/* of a search: low, medium, high */
    llm_price_draft_t   draft;

    /* the range being read: its bounds may come after its rates */

    uint32_t            bound[2];
    uint8_t             range_mask[LLM_PRICE_TIERS];
    llm_u128_t          range_rate[LLM_PRICE_TIERS][LLM_RATE_N];

    llm_json_t          json;
    llm_json_table_t    table;

    uint64_t            packed[LLM_PRICE_MAX_SIZE / 8];  /* a llm_price_t */
} llm_price_list_t;


/* LLM_PRICE_LIST_OK, or _ERROR when the scanner's table cannot be made. */
int llm_price_list_init(llm_price_list_t *l, llm_price_entry_pt entry,
    void *data);

/* Errors are sticky. */
int llm_price_list_feed(llm_price_list_t *l, const uint8_t *p, size_t len);

/* The file has ended.  A list without a single priced model is an error. */
int llm_price_list_end(llm_price_list_t *l);


#endif /* _LLM_PRICE_LIST_H_INCLUDED_ */
