
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Service levels, as the status shows them: those of the zone, whatever
 * labels are asked for.  Each is read once, so what is said of it agrees.
 */


#include "ngx_http_llm_view.h"


ngx_int_t
ngx_http_llm_view_levels(ngx_http_llm_view_t *view)
{
    u_char                            *p;
    ngx_uint_t                         i;
    ngx_http_llm_level_t              *level;
    const ngx_http_llm_slo_t          *slo;
    const ngx_http_llm_status_info_t  *info;

    info = view->info;

    if (info->nslos == 0) {
        return NGX_OK;
    }

    view->levels = ngx_pcalloc(view->pool, info->nslos
                                           * sizeof(ngx_http_llm_level_t));
    if (view->levels == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < info->nslos; i++) {
        slo = info->slos[i];

        if (slo->zone != view->zone) {
            continue;
        }

        level = &view->levels[view->nlevels++];
        level->slo = slo;

        ngx_http_llm_slo_read(slo, view->mono, &level->is);

        /* a name needs no escape */

        p = ngx_pnalloc(view->pool, sizeof("slo=\"\"") + slo->name.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        level->group.text = p;

        p = ngx_http_llm_put_lit(p, "slo=\"");
        p = ngx_cpymem(p, slo->name.data, slo->name.len);
        *p++ = '"';

        level->group.len = p - level->group.text;
    }

    return NGX_OK;
}


static void
ngx_http_llm_json_micro(ngx_http_llm_out_t *out, uint64_t n)
{
    u_char  *p;

    p = ngx_http_llm_out_room(out, NGX_HTTP_LLM_OUT_NUMBER);

    if (p) {
        ngx_http_llm_out_done(out, ngx_http_llm_put_micro(p, n));
    }
}


static void
ngx_http_llm_json_burn(ngx_http_llm_out_t *out,
    const ngx_http_llm_slo_view_t *is)
{
    ngx_uint_t  i;

    ngx_http_llm_out_lit(out, ",\"burn\":{");

    for (i = 0; i < NGX_HTTP_LLM_SLO_BURNS; i++) {
        ngx_http_llm_out_text(out, i ? ",\"" : "\"");
        ngx_http_llm_out_text(out, ngx_http_llm_slo_burn_names[i]);
        ngx_http_llm_out_lit(out, "\":");

        if (is->burn[i] == NGX_HTTP_LLM_SLO_ENDLESS) {
            ngx_http_llm_out_lit(out, "null");

        } else {
            ngx_http_llm_json_micro(out, is->burn[i]);
        }
    }

    ngx_http_llm_out_lit(out, "}");
}


static void
ngx_http_llm_json_level(ngx_http_llm_view_t *view,
    const ngx_http_llm_level_t *level)
{
    uint64_t                        ago;
    ngx_http_llm_out_t             *out;
    const ngx_http_llm_slo_view_t  *is;

    out = &view->out;
    is = &level->is;

    ngx_http_llm_out_lit(out, "\n{\"name\":\"");
    ngx_http_llm_out_json(out, level->slo->name);
    ngx_http_llm_out_text(out, is->breach ? "\",\"state\":\"breach\""
                                          : "\",\"state\":\"ok\"");

    if (is->since) {
        ago = view->mono > is->since ? (view->mono - is->since) / 1000000 : 0;

        ngx_http_llm_out_lit(out, ",\"since\":\"");
        ngx_http_llm_out_time(out, view->wall - ngx_min(ago, view->wall));
        ngx_http_llm_out_lit(out, "\"");

    } else {
        ngx_http_llm_out_lit(out, ",\"since\":null");
    }

    ngx_http_llm_out_lit(out, ",\"good\":");
    ngx_http_llm_out_uint(out, is->good);
    ngx_http_llm_out_lit(out, ",\"bad\":");
    ngx_http_llm_out_uint(out, is->bad);
    ngx_http_llm_out_lit(out, ",\"target\":");
    ngx_http_llm_json_micro(out, (uint64_t) level->slo->target * 100);
    ngx_http_llm_json_burn(out, is);
    ngx_http_llm_out_lit(out, ",\"moved\":");
    ngx_http_llm_out_uint(out, is->moved);
    ngx_http_llm_out_lit(out, ",\"probes\":");
    ngx_http_llm_out_uint(out, is->probes);
    ngx_http_llm_out_lit(out, "}");
}


void
ngx_http_llm_json_levels(ngx_http_llm_view_t *view)
{
    uint32_t  i;

    for (i = 0; i < view->nlevels; i++) {

        if (i) {
            ngx_http_llm_out_lit(&view->out, ",");
        }

        ngx_http_llm_json_level(view, &view->levels[i]);
    }
}
