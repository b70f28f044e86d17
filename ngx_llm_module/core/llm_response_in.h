
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the files of the reader of responses share with one another.
 */


#ifndef _LLM_RESPONSE_IN_H_INCLUDED_
#define _LLM_RESPONSE_IN_H_INCLUDED_


#include "llm_response.h"


enum {
    PAYLOAD_NEW = 0,             /* no byte of the event's data yet */
    PAYLOAD_JSON,
    PAYLOAD_MARK                 /* a word such as [DONE] */
};

#define KIND_NONE  255


/* llm_response.c */

void llm_response_event_reset(llm_response_t *r);

/* whole: its JSON is.  An event that was cut is no end mark. */
void llm_response_settle(llm_response_t *r, int whole);


/* llm_response_event.c */

extern const llm_values_handler_t  llm_response_values;
extern const llm_frame_handler_t   llm_response_frames;

/* The end of the body, maybe in the middle of a frame. */
void llm_response_frame_cut(llm_response_t *r);


/* llm_response_value.c */

/* the scanner's sink */
void llm_response_value(void *data, const llm_json_event_t *ev);

/* The kind of the event, by its type. */
void llm_response_kind(llm_response_t *r, llm_str_t type);


/* The memo knows of no other tier and model than those it was made under. */
void llm_response_forget(llm_response_t *r);


/* llm_response_count.c */

void llm_response_counter(llm_response_t *r, unsigned slot,
    const llm_json_event_t *ev);

/* A usage object begins; second: one to fall back on. */
void llm_response_usage(llm_response_t *r, const llm_json_event_t *ev,
    int second);

/* One web search, which is told by its item. */
void llm_response_search(llm_response_t *r);

/* Cache writes of one lifetime. */
void llm_response_cache_detail(llm_response_t *r);

void llm_response_tier(llm_response_t *r, llm_str_t name);
void llm_response_factor(llm_response_t *r, unsigned factors);

/* LLM_EXTRA_*: themselves, and by the name of an item or modality. */
void llm_response_flag(llm_response_t *r, unsigned extras);
void llm_response_extra(llm_response_t *r, llm_str_t word);


/* llm_memo.c */

/* The first part of an event's content begins at ev->start. */
void llm_memo_keep(llm_response_t *r, const llm_json_event_t *ev);

/* How much of the event at p has been read before; the scanner is put
 * there. */
size_t llm_memo_recall(llm_response_t *r, const uint8_t *p,
    const uint8_t *e);


#endif /* _LLM_RESPONSE_IN_H_INCLUDED_ */
