
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The llm_zone as nginx sees it.  Everything else of this room is plain C
 * over ngx_http_llm_zone_t, and is included from here.
 */


#ifndef _NGX_HTTP_LLM_ZONE_H_INCLUDED_
#define _NGX_HTTP_LLM_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <time.h>

#include "ngx_http_llm_arena.h"
#include "ngx_http_llm_keep.h"
#include "ngx_http_llm_label.h"
#include "ngx_http_llm_live.h"
#include "ngx_http_llm_marks.h"
#include "ngx_http_llm_owner.h"
#include "ngx_http_llm_quota.h"
#include "ngx_http_llm_series.h"
#include "ngx_http_llm_slo.h"
#include "ngx_http_llm_sum.h"


#define NGX_HTTP_LLM_ZONE_MIN    (1024 * 1024)


/*
 * For the directive, whose state= is empty where it has none: registers the
 * zone; NULL after an error was logged (too small, or given twice).  Its
 * ngx_http_llm_zone_t is shm_zone->data and is ready once the cycle's zones
 * are initialised; it may be taken while the configuration is read.
 */
ngx_shm_zone_t *ngx_http_llm_zone_add(ngx_conf_t *cf, ngx_str_t *name,
    size_t size, ngx_str_t *state, ngx_http_llm_keep_t *keep, void *tag);

/* For a directive that names a zone, before or after llm_zone: data is NULL
 * until llm_zone was seen. */
ngx_shm_zone_t *ngx_http_llm_zone_get(ngx_conf_t *cf, ngx_str_t *name,
    void *tag);

ngx_int_t ngx_http_llm_zone_init(ngx_shm_zone_t *shm_zone, void *data);


/*
 * For zones of another kind.  pages: all of a fresh zone's memory, zeroed;
 * NULL after an error was logged.  former: data of the zone of this name in
 * the cycle that is to be replaced, NULL if there is none.
 */
void *ngx_http_llm_zone_pages(ngx_shm_zone_t *shm_zone, size_t *size);
void *ngx_http_llm_zone_former(ngx_shm_zone_t *shm_zone);
ngx_int_t ngx_http_llm_zone_random(ngx_log_t *log, u_char *p, size_t size);
uint64_t ngx_http_llm_zone_clock(clockid_t id);


#endif /* _NGX_HTTP_LLM_ZONE_H_INCLUDED_ */
