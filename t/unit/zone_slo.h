
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the tests of service levels share.
 */


#ifndef _ZONE_SLO_H_INCLUDED_
#define _ZONE_SLO_H_INCLUDED_


#include "ngx_http_llm_slo.h"
#include "zone_test.h"


#define MINUTE  (60 * SECOND)

static ngx_http_llm_zone_t  zone;
static uint64_t             now;


static inline ngx_http_llm_slo_t
define(const char *name, uint32_t percent, uint32_t min, uint32_t probe)
{
    ngx_http_llm_slo_t  s;

    memset(&s, 0, sizeof(s));

    s.name = str(name);
    s.text = str(name);
    s.zone = &zone;
    s.window = MINUTE;
    s.hold = 30 * SECOND;
    s.target = percent * 10000;
    s.probe = probe * 10000;
    s.min = min;

    return s;
}


static inline int
join_at(ngx_http_llm_slo_t *s, uint64_t loaded)
{
    s->place = 0;

    return ngx_http_llm_slo_join(&zone, &s, 1, loaded, now);
}


static inline ngx_http_llm_slo_t
begin(const char *name, uint32_t percent, uint32_t min, uint32_t probe)
{
    ngx_http_llm_slo_t  s;

    zone = zone_make(NGX_HTTP_LLM_ARENA_MIN);
    now = T0;

    s = define(name, percent, min, probe);

    if (join_at(&s, T0) != NGX_HTTP_LLM_SLO_OK) {
        printf("Bail out! join\n");
        exit(2);
    }

    return s;
}


static inline ngx_http_llm_slo_move_e
calls(ngx_http_llm_slo_t *s, uint32_t n, int good)
{
    ngx_http_llm_slo_move_e  move = NGX_HTTP_LLM_SLO_STAYS;

    while (n--) {
        move = ngx_http_llm_slo_count(s, good, 0, now);
    }

    return move;
}


static inline ngx_http_llm_slo_view_t
look(ngx_http_llm_slo_t *s)
{
    ngx_http_llm_slo_view_t  v;

    ngx_http_llm_slo_read(s, now, &v);

    return v;
}


/* A breach, and nothing that is good. */

static inline void
breach(ngx_http_llm_slo_t *s)
{
    while (!ngx_http_llm_slo_breach(s)) {
        (void) ngx_http_llm_slo_count(s, 0, 0, now);
    }
}


#endif /* _ZONE_SLO_H_INCLUDED_ */
