
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Labels of a series: cleaned, bounded, ordered, and their keyed hash.
 */


#ifndef _NGX_HTTP_LLM_LABEL_H_INCLUDED_
#define _NGX_HTTP_LLM_LABEL_H_INCLUDED_


#include "ngx_http_llm_arena.h"


typedef struct {
    llm_str_t  name;
    llm_str_t  value;                /* empty: as if the label were not there */
} ngx_http_llm_own_label_t;


/* Own labels may be given in any order: they are kept sorted by name. */

typedef struct {
    llm_str_t                 provider;
    llm_str_t                 model;
    llm_str_t                 route;
    llm_operation_e           operation;
    uint32_t                  nown;
    ngx_http_llm_own_label_t  own[NGX_HTTP_LLM_LABELS];
} ngx_http_llm_labels_t;


/*
 * Copies at most size bytes, cut between characters.  Bytes that are not
 * UTF-8, and control characters, become U+FFFD.  Returns the length.
 */
size_t ngx_http_llm_label_clean(uint8_t *dst, size_t size, llm_str_t src);

/* Bytes of *text that no label uses are zero afterwards. */
void ngx_http_llm_label_text(ngx_http_llm_label_text_t *text,
    const ngx_http_llm_labels_t *labels);

/* The strings of *labels point into *text. */
void ngx_http_llm_label_view(ngx_http_llm_labels_t *labels,
    const ngx_http_llm_label_text_t *text);

/* Never 0. */
uint64_t ngx_http_llm_label_id(const uint64_t secret[2],
    const ngx_http_llm_label_text_t *text);

uint64_t ngx_http_llm_siphash(const uint64_t key[2], const void *data,
    size_t len);


#endif /* _NGX_HTTP_LLM_LABEL_H_INCLUDED_ */
