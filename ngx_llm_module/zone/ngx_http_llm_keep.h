
/*
 * Copyright (C) ngx_llm_module authors
 *
 * state=path as nginx sees it.  See the essay in ngx_http_llm_keep.c.
 */


#ifndef _NGX_HTTP_LLM_KEEP_H_INCLUDED_
#define _NGX_HTTP_LLM_KEEP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_llm_state.h"


/* What nginx allocates for a zone whose memory is ours. */
#define NGX_HTTP_LLM_KEEP_SHM  (8 * ngx_pagesize)


/* All zones of a configuration that have a state. */

typedef struct {
    ngx_http_llm_state_t   *first;
    ngx_http_llm_state_t  **last;
} ngx_http_llm_keep_t;


/*
 * For a directive: path is the value of state=, size that of the arena, view
 * what kind's functions get.  NULL after an error was logged.
 */
ngx_http_llm_state_t *ngx_http_llm_keep_add(ngx_conf_t *cf,
    ngx_http_llm_keep_t *keep, const ngx_http_llm_state_kind_t *kind,
    ngx_str_t *name, ngx_str_t *path, size_t size, void *view);

/*
 * In the zone's init, in place of everything else: afterwards the view is
 * attached to memory that may be used, and nothing that anybody else sees
 * has changed.  old: the view of the zone of this name in the cycle that
 * serves, of whatever size, or NULL.
 */
ngx_int_t ngx_http_llm_keep_init(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_state_t *st, const void *old);

/* In init_module, when it is certain that the cycle will serve. */
void ngx_http_llm_keep_commit(ngx_cycle_t *cycle, ngx_http_llm_keep_t *keep);

/* Of workers and the single process: at their start, each second, at their
 * end; and as soon as one is to exit. */
void ngx_http_llm_keep_start(ngx_http_llm_keep_t *keep);
void ngx_http_llm_keep_tick(ngx_http_llm_keep_t *keep, ngx_log_t *log);
void ngx_http_llm_keep_exit(ngx_http_llm_keep_t *keep, ngx_log_t *log);


/* Of this process: what has been committed and not released. */
extern ngx_http_llm_state_t  *ngx_http_llm_kept;


#endif /* _NGX_HTTP_LLM_KEEP_H_INCLUDED_ */
