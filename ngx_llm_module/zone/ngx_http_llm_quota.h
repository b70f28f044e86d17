
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What providers said last of their limits.  See the essay in
 * ngx_http_llm_quota.c.
 */


#ifndef _NGX_HTTP_LLM_QUOTA_H_INCLUDED_
#define _NGX_HTTP_LLM_QUOTA_H_INCLUDED_


#include "ngx_http_llm_arena.h"


/*
 * What an answer of the provider says, by llm_quota_e; said: when it was
 * said, now: the same clock, both ms since the epoch.  A kind of which
 * nothing is said stays as it was.  Providers that find no room are counted
 * (providers_dropped).
 */
void ngx_http_llm_quota_note(ngx_http_llm_zone_t *zone, llm_str_t provider,
    const llm_quota_t quota[LLM_QUOTA_N], uint64_t said, uint64_t now);


typedef struct {
    llm_str_t    provider;           /* lies in the zone */
    llm_quota_t  quota[LLM_QUOTA_N]; /* LLM_QUOTA_RESET: ms since the epoch */
    uint64_t     updated;            /* ms since the epoch */
} ngx_http_llm_quota_view_t;


/* Place 0 .. NGX_HTTP_LLM_QUOTAS - 1; 0: there is nothing. */
int ngx_http_llm_quota_read(const ngx_http_llm_zone_t *zone, uint32_t place,
    ngx_http_llm_quota_view_t *view);


#endif /* _NGX_HTTP_LLM_QUOTA_H_INCLUDED_ */
