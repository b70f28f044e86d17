
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Marks: copies of the series at times past, from which windows are read.
 * See the essay in ngx_http_llm_marks.c.
 */


#ifndef _NGX_HTTP_LLM_MARKS_H_INCLUDED_
#define _NGX_HTTP_LLM_MARKS_H_INCLUDED_


#include "ngx_http_llm_arena.h"


typedef enum {
    NGX_HTTP_LLM_WINDOW_1M = 0,
    NGX_HTTP_LLM_WINDOW_5M,
    NGX_HTTP_LLM_WINDOW_1H,
    NGX_HTTP_LLM_WINDOW_24H,
    NGX_HTTP_LLM_WINDOW_ALL,
    NGX_HTTP_LLM_WINDOW_N
} ngx_http_llm_window_e;


extern const char *const  ngx_http_llm_window_names[NGX_HTTP_LLM_WINDOW_N];
extern const uint64_t     ngx_http_llm_window_ns[NGX_HTTP_LLM_WINDOW_N];


#define NGX_HTTP_LLM_MARKS_DONE    0
#define NGX_HTTP_LLM_MARKS_AGAIN   1


/*
 * To be called every second by every worker, with the time of now: does
 * nothing unless a mark is due and nobody else takes it.  AGAIN: about
 * budget columns were copied and there are more; call again
 * soon, from a posted event, even when the process is about to exit.
 */
int ngx_http_llm_marks_run(ngx_http_llm_zone_t *zone, uint64_t now,
    uint32_t budget);

/* A mark that this process has begun is given up; before it exits. */
void ngx_http_llm_marks_leave(ngx_http_llm_zone_t *zone);

/* What is in the zone was loaded: windows begin here.  Before it serves. */
void ngx_http_llm_marks_base(ngx_http_llm_zone_t *zone, uint64_t now);

/*
 * The mark that a window starts from: slot, or NGX_HTTP_LLM_MARKS for the
 * zone's creation.  *mark gets its times.
 */
uint32_t ngx_http_llm_marks_find(const ngx_http_llm_zone_t *zone,
    uint32_t window, uint64_t now, ngx_http_llm_mark_t *mark);


#endif /* _NGX_HTTP_LLM_MARKS_H_INCLUDED_ */
