
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The status as JSON.  The total stands behind the series because it is
 * summed while they are written: each number is read once, so the series of
 * a document add up to its total while calls go on.
 */


#include <nginx.h>

#include "ngx_http_llm_view.h"


static ngx_int_t ngx_http_llm_json_head(ngx_http_llm_view_t *view);
static ngx_int_t ngx_http_llm_json_series(ngx_http_llm_view_t *view);
static ngx_int_t ngx_http_llm_json_total(ngx_http_llm_view_t *view);
static ngx_int_t ngx_http_llm_json_tail(ngx_http_llm_view_t *view);

static void ngx_http_llm_json_health(ngx_http_llm_view_t *view);
static void ngx_http_llm_json_plain(ngx_http_llm_view_t *view,
    const char *group);
static ngx_int_t ngx_http_llm_json_sum(ngx_http_llm_view_t *view);
static void ngx_http_llm_json_now(ngx_http_llm_view_t *view,
    const ngx_http_llm_live_t *live);
static void ngx_http_llm_json_live(const ngx_http_llm_live_t *one,
    ngx_http_llm_live_t *live);
static void ngx_http_llm_json_window(ngx_http_llm_view_t *view,
    const ngx_http_llm_sum_t *sum);
static void ngx_http_llm_json_dist(ngx_http_llm_view_t *view,
    const ngx_http_llm_sum_t *sum, ngx_uint_t dist);
static void ngx_http_llm_json_rate(ngx_http_llm_view_t *view,
    const ngx_http_llm_sum_t *sum);
static void ngx_http_llm_json_number(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric, uint64_t n);
static void ngx_http_llm_json_key(ngx_http_llm_view_t *view,
    const char *key);


const ngx_http_llm_step_pt  ngx_http_llm_json_steps[] = {
    ngx_http_llm_view_scan,
    ngx_http_llm_json_head,
    ngx_http_llm_json_series,
    ngx_http_llm_json_total,
    ngx_http_llm_json_tail,
    NULL
};


static ngx_int_t
ngx_http_llm_json_head(ngx_http_llm_view_t *view)
{
    llm_str_t            name;
    ngx_http_llm_out_t  *out;

    out = &view->out;

    ngx_http_llm_out_lit(out, "{\"schema\":1,\"module_version\":\"");
    ngx_http_llm_out_text(out, view->info->version);
    ngx_http_llm_out_lit(out, "\",\"nginx_version\":\"" NGINX_VERSION
                              "\",\"time\":\"");
    ngx_http_llm_out_time(out, view->wall);
    ngx_http_llm_out_lit(out, "\",\"since\":\"");
    ngx_http_llm_out_time(out, view->zone->arena->created_wall / 1000000);

    ngx_http_llm_out_lit(out, "\",\n\"zone\":{\"name\":\"");
    name.data = view->zone->name;
    name.len = view->zone->name_len;
    ngx_http_llm_out_json(out, name);
    ngx_http_llm_out_lit(out, "\",");
    ngx_http_llm_json_plain(view, "zone");
    ngx_http_llm_out_lit(out, "},\n\"health\":{");
    ngx_http_llm_json_health(view);
    ngx_http_llm_out_lit(out, "},\n\"series\":[");

    return NGX_OK;
}


static void
ngx_http_llm_json_health(ngx_http_llm_view_t *view)
{
    llm_str_t            sha256;
    ngx_http_llm_out_t  *out;

    out = &view->out;

    ngx_http_llm_json_plain(view, "health");
    ngx_http_llm_out_lit(out, ",\"unreadable\":{");
    ngx_http_llm_json_plain(view, "unreadable");
    ngx_http_llm_out_lit(out, "},\"splices_skipped\":{");
    ngx_http_llm_json_plain(view, "splices_skipped");

    /* the books are kept in memory alone */

    ngx_http_llm_out_lit(out, "},\"state\":\"none\",\"state_age_s\":null,"
                              "\"prices\":{");
    ngx_http_llm_json_plain(view, "prices");

    if (view->info->price_loaded) {
        ngx_http_llm_out_lit(out, ",\"loaded\":\"");
        ngx_http_llm_out_time(out, (uint64_t) view->info->price_loaded * 1000);
        ngx_http_llm_out_lit(out, "\"");

    } else {
        ngx_http_llm_out_lit(out, ",\"loaded\":null");
    }

    if (view->info->price_sha256.len) {
        sha256.data = view->info->price_sha256.data;
        sha256.len = view->info->price_sha256.len;

        ngx_http_llm_out_lit(out, ",\"sha256\":\"");
        ngx_http_llm_out_json(out, sha256);
        ngx_http_llm_out_lit(out, "\"}");

    } else {
        ngx_http_llm_out_lit(out, ",\"sha256\":null}");
    }
}


/* The members of a group that belongs to no series. */

static void
ngx_http_llm_json_plain(ngx_http_llm_view_t *view, const char *group)
{
    ngx_uint_t                    i;
    const ngx_http_llm_metric_t  *metric;

    view->comma = 0;

    for (i = 0; i < ngx_http_llm_nmetrics; i++) {
        metric = &ngx_http_llm_metrics[i];

        if (metric->group && ngx_strcmp(metric->group, group) == 0) {
            ngx_http_llm_json_number(view, metric,
                                     ngx_http_llm_view_plain(view, metric));
        }
    }
}


/* A group after the other, in it a window after the other. */

static ngx_int_t
ngx_http_llm_json_series(ngx_http_llm_view_t *view)
{
    uint32_t               member;
    ngx_http_llm_out_t    *out;
    ngx_http_llm_live_t    live;
    ngx_http_llm_group_t  *group;

    out = &view->out;

    if (view->group == view->groups.n) {
        ngx_http_llm_out_lit(out, "],\n\"total\":{");
        view->group = 0;
        return NGX_OK;
    }

    group = &view->groups.group[view->group];

    if (!view->inside) {
        view->inside = 1;

        ngx_http_llm_out_text(out, view->group ? ",\n{\"labels\":{"
                                               : "\n{\"labels\":{");
        ngx_http_llm_out_data(out, group->text, group->len);
        ngx_http_llm_out_lit(out, "},");

        ngx_memzero(&live, sizeof(ngx_http_llm_live_t));

        for (member = group->first;
             member;
             member = view->groups.next[member - 1])
        {
            ngx_http_llm_json_live(&view->live[member - 1], &live);
        }

        ngx_http_llm_json_live(&live, &view->live_total);
        ngx_http_llm_json_now(view, &live);

        ngx_http_llm_view_window(view, -1);
    }

    if (ngx_http_llm_view_sum(view) == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (ngx_http_llm_json_sum(view) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_view_window(view, view->window)) {
        ngx_http_llm_out_lit(out, ",");
        return NGX_AGAIN;
    }

    ngx_http_llm_out_lit(out, "}}");

    view->inside = 0;
    view->group++;

    return NGX_AGAIN;
}


/* The sum that is complete: written, and taken into the total. */

static ngx_int_t
ngx_http_llm_json_sum(ngx_http_llm_view_t *view)
{
    ngx_http_llm_sum_t  **total;

    total = &view->total[view->window];

    if (*total == NULL) {
        *total = ngx_palloc(view->pool, sizeof(ngx_http_llm_sum_t));
        if (*total == NULL) {
            return NGX_ERROR;
        }

        ngx_http_llm_sum_init(*total);
    }

    ngx_http_llm_sum_merge(*total, view->sum);
    ngx_http_llm_json_window(view, view->sum);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_json_total(ngx_http_llm_view_t *view)
{
    ngx_http_llm_out_t  *out;

    out = &view->out;

    if (!view->inside) {
        view->inside = 1;

        ngx_http_llm_json_now(view, &view->live_total);
        ngx_http_llm_view_window(view, -1);
    }

    if (view->total[view->window]) {
        ngx_http_llm_json_window(view, view->total[view->window]);

    } else {

        /* nothing is shown: an empty sum */

        ngx_http_llm_sum_reset(view->sum);
        ngx_http_llm_json_window(view, view->sum);
    }

    if (ngx_http_llm_view_window(view, view->window)) {
        ngx_http_llm_out_lit(out, ",");
        return NGX_AGAIN;
    }

    ngx_http_llm_out_lit(out, "}}");

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_json_tail(ngx_http_llm_view_t *view)
{
    ngx_http_llm_out_lit(&view->out, ",\n\"providers\":[],\"limits\":[],"
                                     "\"budgets\":[],\"slo\":[]}\n");

    return NGX_OK;
}


static void
ngx_http_llm_json_live(const ngx_http_llm_live_t *one,
    ngx_http_llm_live_t *live)
{
    live->in_flight += one->in_flight;
    live->waiting_first += one->waiting_first;

    if (one->oldest && (live->oldest == 0 || one->oldest < live->oldest)) {
        live->oldest = one->oldest;
    }
}


/* Opens "windows" too. */

static void
ngx_http_llm_json_now(ngx_http_llm_view_t *view,
    const ngx_http_llm_live_t *live)
{
    ngx_http_llm_out_t  *out;

    out = &view->out;

    ngx_http_llm_out_lit(out, "\"now\":{\"in_flight\":");
    ngx_http_llm_out_uint(out, live->in_flight);
    ngx_http_llm_out_lit(out, ",\"waiting_first\":");
    ngx_http_llm_out_uint(out, live->waiting_first);
    ngx_http_llm_out_lit(out, ",\"oldest_s\":");

    if (live->oldest == 0) {
        ngx_http_llm_out_lit(out, "null");

    } else {
        ngx_http_llm_out_nano(out, view->mono > live->oldest
                                   ? view->mono - live->oldest : 0);
    }

    ngx_http_llm_out_lit(out, "},\"windows\":{");
}


/* Rows of a group stand together in the table, so one walk writes all. */

static void
ngx_http_llm_json_window(ngx_http_llm_view_t *view,
    const ngx_http_llm_sum_t *sum)
{
    ngx_uint_t                    i;
    const char                   *group;
    ngx_http_llm_out_t           *out;
    const ngx_http_llm_metric_t  *metric;

    out = &view->out;

    ngx_http_llm_out_lit(out, "\"");
    ngx_http_llm_out_text(out, ngx_http_llm_window_names[view->window]);
    ngx_http_llm_out_lit(out, "\":{\"from\":\"");
    ngx_http_llm_out_time(out, ngx_http_llm_view_from(view, sum));
    ngx_http_llm_out_lit(out, "\",\"to\":\"");
    ngx_http_llm_out_time(out, view->wall);
    ngx_http_llm_out_lit(out, "\"");

    group = NULL;

    for (i = 0; i < ngx_http_llm_nmetrics; i++) {
        metric = &ngx_http_llm_metrics[i];

        if (metric->group == NULL
            || metric->from > NGX_HTTP_LLM_FROM_RATE)
        {
            continue;
        }

        if (group == NULL || ngx_strcmp(group, metric->group) != 0) {
            ngx_http_llm_out_text(out, group ? "},\"" : ",\"");
            ngx_http_llm_out_text(out, metric->group);
            ngx_http_llm_out_lit(out, "\":{");

            group = metric->group;
            view->comma = 0;
        }

        if (metric->from == NGX_HTTP_LLM_FROM_COUNTER) {
            ngx_http_llm_json_number(view, metric,
                                     sum->counter[metric->index]);
            continue;
        }

        ngx_http_llm_json_key(view, metric->key);

        if (metric->from == NGX_HTTP_LLM_FROM_DIST) {
            ngx_http_llm_json_dist(view, sum, metric->index);

        } else {
            ngx_http_llm_json_rate(view, sum);
        }
    }

    ngx_http_llm_out_lit(out, "}}");
}


static void
ngx_http_llm_json_dist(ngx_http_llm_view_t *view,
    const ngx_http_llm_sum_t *sum, ngx_uint_t dist)
{
    ngx_uint_t                      i, known;
    ngx_http_llm_out_t             *out;
    const ngx_http_llm_sum_dist_t  *d;

    out = &view->out;
    d = &sum->dist[dist];
    known = (d->count > d->nocell);

    if (d->count == 0) {
        ngx_http_llm_out_lit(out, "{\"count\":0,\"mean\":null,\"min\":null,"
                                  "\"max\":null");

        for (i = 0; i < NGX_HTTP_LLM_PERCENTILES; i++) {
            ngx_http_llm_json_key(view, ngx_http_llm_percentiles[i].key);
            ngx_http_llm_out_lit(out, "null");
        }

        ngx_http_llm_out_lit(out, "}");
        return;
    }

    ngx_http_llm_out_lit(out, "{\"count\":");
    ngx_http_llm_out_uint(out, d->count);
    ngx_http_llm_out_lit(out, ",\"mean\":");
    ngx_http_llm_out_nano(out, ngx_http_llm_sum_mean(sum, dist));
    ngx_http_llm_out_lit(out, ",\"min\":");
    ngx_http_llm_out_nano(out, d->min);
    ngx_http_llm_out_lit(out, ",\"max\":");
    ngx_http_llm_out_nano(out, d->max);

    for (i = 0; i < NGX_HTTP_LLM_PERCENTILES; i++) {
        ngx_http_llm_json_key(view, ngx_http_llm_percentiles[i].key);

        if (!known) {
            ngx_http_llm_out_lit(out, "null");
            continue;
        }

        ngx_http_llm_out_nano(out,
            ngx_http_llm_sum_percentile(sum, dist,
                                        ngx_http_llm_percentiles[i].permille));
    }

    ngx_http_llm_out_lit(out, "}");
}


static void
ngx_http_llm_json_rate(ngx_http_llm_view_t *view,
    const ngx_http_llm_sum_t *sum)
{
    uint64_t             n;
    ngx_int_t            i;
    ngx_http_llm_out_t  *out;

    out = &view->out;

    ngx_http_llm_out_lit(out, "{");
    view->comma = 0;

    for (i = -1; i < NGX_HTTP_LLM_RATE_PERCENTILES; i++) {
        ngx_http_llm_json_key(view, i == -1 ? "mean"
                                            : ngx_http_llm_percentiles[i].key);

        if (sum->dist[LLM_DIST_TPOT].count == 0) {
            ngx_http_llm_out_lit(out, "null");
            continue;
        }

        n = (i == -1) ? ngx_http_llm_sum_rate_mean(sum)
                      : ngx_http_llm_sum_rate_percentile(sum,
                                        ngx_http_llm_percentiles[i].permille);

        ngx_http_llm_out_micro(out, n);
    }

    ngx_http_llm_out_lit(out, "}");
}


static void
ngx_http_llm_json_number(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric, uint64_t n)
{
    if (n == 0 && (metric->flags & NGX_HTTP_LLM_METRIC_SPARSE)) {
        return;
    }

    ngx_http_llm_json_key(view, metric->key);

    if (metric->flags & NGX_HTTP_LLM_METRIC_USD) {
        ngx_http_llm_out_lit(&view->out, "\"");
        ngx_http_llm_out_nano(&view->out, n);
        ngx_http_llm_out_lit(&view->out, "\"");
        return;
    }

    ngx_http_llm_out_uint(&view->out, n);
}


static void
ngx_http_llm_json_key(ngx_http_llm_view_t *view, const char *key)
{
    ngx_http_llm_out_text(&view->out, view->comma ? ",\"" : "\"");
    ngx_http_llm_out_text(&view->out, key);
    ngx_http_llm_out_lit(&view->out, "\":");

    view->comma = 1;
}
