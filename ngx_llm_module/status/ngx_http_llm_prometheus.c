
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The status as Prometheus text 0.0.4 or OpenMetrics 1.0.
 *
 * Both want all samples of a family together, so the families are the outer
 * walk and the groups the inner one.  Nothing is worked out twice for that:
 * counters were read with the groups, a histogram and the percentiles of
 * windows each belong to one family alone.
 *
 * The formats differ in three things: OpenMetrics names a counter's family
 * without _total, may tell its unit, and ends with "# EOF".
 */


#include <nginx.h>

#include "ngx_http_llm_view.h"


typedef struct {
    ngx_int_t   (*write)(ngx_http_llm_view_t *view,
                         const ngx_http_llm_metric_t *metric);
    uint32_t    (*groups)(ngx_http_llm_view_t *view);   /* NULL: no groups */
} ngx_http_llm_family_t;


static ngx_int_t ngx_http_llm_prometheus_families(ngx_http_llm_view_t *view);
static ngx_int_t ngx_http_llm_prometheus_tail(ngx_http_llm_view_t *view);

static uint32_t ngx_http_llm_prometheus_groups(ngx_http_llm_view_t *view);
static uint32_t ngx_http_llm_prometheus_places(ngx_http_llm_view_t *view);
static uint32_t ngx_http_llm_prometheus_one(ngx_http_llm_view_t *view);
static uint32_t ngx_http_llm_prometheus_providers(ngx_http_llm_view_t *view);

static ngx_int_t ngx_http_llm_prometheus_counter(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric);
static ngx_int_t ngx_http_llm_prometheus_hist(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric);
static ngx_int_t ngx_http_llm_prometheus_percentiles(
    ngx_http_llm_view_t *view, const ngx_http_llm_metric_t *metric);
static ngx_int_t ngx_http_llm_prometheus_in_flight(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric);
static ngx_int_t ngx_http_llm_prometheus_plain(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric);
static ngx_int_t ngx_http_llm_prometheus_provider(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric);
static ngx_int_t ngx_http_llm_prometheus_build(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric);

static const ngx_http_llm_metric_t *ngx_http_llm_prometheus_next(
    const ngx_http_llm_metric_t *metric);
static void ngx_http_llm_prometheus_head(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric);
static void ngx_http_llm_prometheus_sample(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric, const char *suffix,
    const ngx_http_llm_group_t *group, const char *label, const char *value);
static void ngx_http_llm_prometheus_number(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric, uint64_t n);


const ngx_http_llm_step_pt  ngx_http_llm_prometheus_steps[] = {
    ngx_http_llm_view_scan,
    ngx_http_llm_prometheus_families,
    ngx_http_llm_prometheus_tail,
    NULL
};


/* By ngx_http_llm_from_e. */

static const ngx_http_llm_family_t  ngx_http_llm_families[] = {
    { ngx_http_llm_prometheus_counter, ngx_http_llm_prometheus_groups },
    { ngx_http_llm_prometheus_hist, ngx_http_llm_prometheus_groups },
    { NULL, NULL },
    { ngx_http_llm_prometheus_percentiles, ngx_http_llm_prometheus_groups },
    { ngx_http_llm_prometheus_in_flight, ngx_http_llm_prometheus_places },
    { ngx_http_llm_prometheus_plain, ngx_http_llm_prometheus_one },
    { ngx_http_llm_prometheus_plain, ngx_http_llm_prometheus_one },
    { ngx_http_llm_prometheus_provider, ngx_http_llm_prometheus_providers },
    { ngx_http_llm_prometheus_build, ngx_http_llm_prometheus_one }
};


static const char *const  ngx_http_llm_types[] = {
    "counter", "gauge", "histogram"
};


/* One group of one family a step, or less of it. */

static ngx_int_t
ngx_http_llm_prometheus_families(ngx_http_llm_view_t *view)
{
    const ngx_http_llm_metric_t  *metric, *end;
    const ngx_http_llm_family_t  *family;

    end = ngx_http_llm_metrics + ngx_http_llm_nmetrics;
    metric = ngx_http_llm_metrics + view->metric;

    while (metric < end && metric->family == NULL) {
        metric++;
    }

    if (metric == end) {
        return NGX_OK;
    }

    family = &ngx_http_llm_families[metric->from];

    if (view->group < family->groups(view)) {

        if (view->group == 0 && !view->inside) {
            ngx_http_llm_prometheus_head(view, metric);
        }

        if (family->write(view, metric) == NGX_OK) {
            view->inside = 0;
            view->group++;

        } else {
            view->inside = 1;
        }

        view->metric = metric - ngx_http_llm_metrics;

        return NGX_AGAIN;
    }

    view->group = 0;
    view->metric = ngx_http_llm_prometheus_next(metric) - ngx_http_llm_metrics;

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_llm_prometheus_tail(ngx_http_llm_view_t *view)
{
    if (view->query.format == NGX_HTTP_LLM_OPENMETRICS) {
        ngx_http_llm_out_lit(&view->out, "# EOF\n");
    }

    return NGX_OK;
}


static uint32_t
ngx_http_llm_prometheus_groups(ngx_http_llm_view_t *view)
{
    return view->groups.n;
}


static uint32_t
ngx_http_llm_prometheus_places(ngx_http_llm_view_t *view)
{
    return view->places.n;
}


static uint32_t
ngx_http_llm_prometheus_one(ngx_http_llm_view_t *view)
{
    return 1;
}


static uint32_t
ngx_http_llm_prometheus_providers(ngx_http_llm_view_t *view)
{
    return view->nproviders;
}


/* All rows of the family. */

static ngx_int_t
ngx_http_llm_prometheus_counter(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric)
{
    uint64_t                      n;
    ngx_http_llm_group_t         *group;
    const ngx_http_llm_metric_t  *end;

    group = &view->groups.group[view->group];

    for (end = ngx_http_llm_prometheus_next(metric); metric < end; metric++) {
        n = group->counter[metric->index];

        if (n || !(metric->flags & NGX_HTTP_LLM_METRIC_SPARSE)) {
            ngx_http_llm_prometheus_sample(view, metric, "_total", group,
                                           metric->label, metric->value);
            ngx_http_llm_prometheus_number(view, metric, n);
        }
    }

    return NGX_OK;
}


/* _count is the sum of the buckets, so they agree whatever is added now. */

static ngx_int_t
ngx_http_llm_prometheus_hist(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric)
{
    uint64_t               n;
    ngx_uint_t             i;
    ngx_http_llm_out_t    *out;
    ngx_http_llm_group_t  *group;
    const llm_bounds_t    *bounds;

    if (ngx_http_llm_view_hist(view, metric->index) == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    out = &view->out;
    group = &view->groups.group[view->group];
    bounds = &llm_dist_bounds[metric->index];

    n = 0;

    for (i = 0; i <= bounds->n; i++) {
        n += view->hist.bound[i];
    }

    /* many a series never measures this */

    if (n == 0) {
        return NGX_OK;
    }

    n = 0;

    for (i = 0; i <= bounds->n; i++) {
        n += view->hist.bound[i];

        ngx_http_llm_prometheus_sample(view, metric, "_bucket", group, "le",
                                       i < bounds->n ? bounds->bound[i].text
                                                     : "+Inf");
        ngx_http_llm_out_uint(out, n);
        ngx_http_llm_out_lit(out, "\n");
    }

    ngx_http_llm_prometheus_sample(view, metric, "_sum", group, NULL, NULL);
    ngx_http_llm_out_nano(out, view->hist.sum);
    ngx_http_llm_out_lit(out, "\n");

    ngx_http_llm_prometheus_sample(view, metric, "_count", group, NULL, NULL);
    ngx_http_llm_out_uint(out, n);
    ngx_http_llm_out_lit(out, "\n");

    return NGX_OK;
}


/* A window a step; what nobody measured in it has no percentiles. */

static ngx_int_t
ngx_http_llm_prometheus_percentiles(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric)
{
    u_char                            value[64];
    uint64_t                          ns[NGX_HTTP_LLM_PERCENTILES];
    ngx_uint_t                        dist, i;
    ngx_http_llm_out_t               *out;
    ngx_http_llm_group_t             *group;
    const ngx_http_llm_percentile_t  *p;

    if (!view->inside) {
        ngx_http_llm_view_window(view, -1);
    }

    if (ngx_http_llm_view_sum(view) == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    out = &view->out;
    group = &view->groups.group[view->group];

    for (dist = 0; dist < LLM_DIST_N; dist++) {

        if (!ngx_http_llm_sum_known(&view->sum->dist[dist])) {
            continue;
        }

        ngx_http_llm_sum_percentiles(view->sum, dist, ngx_http_llm_permille,
                                     NGX_HTTP_LLM_PERCENTILES, ns);

        for (i = 0; i < NGX_HTTP_LLM_PERCENTILES; i++) {
            p = &ngx_http_llm_percentiles[i];

            (void) ngx_snprintf(value, sizeof(value),
                                "%s\",window=\"%s\",percentile=\"%s%Z",
                                llm_dist_names[dist],
                                ngx_http_llm_window_names[view->window],
                                p->label);

            ngx_http_llm_prometheus_sample(view, metric, "", group, "metric",
                                           (char *) value);
            ngx_http_llm_out_nano(out, ns[i]);
            ngx_http_llm_out_lit(out, "\n");
        }
    }

    return ngx_http_llm_view_window(view, view->window) ? NGX_AGAIN : NGX_OK;
}


static ngx_int_t
ngx_http_llm_prometheus_in_flight(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric)
{
    uint64_t               n;
    uint32_t               member;
    ngx_http_llm_group_t  *group;

    n = 0;
    group = &view->places.group[view->group];

    for (member = group->first; member; member = view->places.next[member - 1])
    {
        n += view->live[member - 1].in_flight;
    }

    ngx_http_llm_prometheus_sample(view, metric, "", group, NULL, NULL);
    ngx_http_llm_prometheus_number(view, metric, n);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_prometheus_plain(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric)
{
    uint64_t                      n;
    const ngx_http_llm_metric_t  *end;

    for (end = ngx_http_llm_prometheus_next(metric); metric < end; metric++) {
        n = ngx_http_llm_view_plain(view, metric);

        if (n || !(metric->flags & NGX_HTTP_LLM_METRIC_SPARSE)) {
            ngx_http_llm_prometheus_sample(view, metric,
                metric->type == NGX_HTTP_LLM_TYPE_COUNTER ? "_total" : "",
                NULL, metric->label, metric->value);
            ngx_http_llm_prometheus_number(view, metric, n);
        }
    }

    return NGX_OK;
}


/* What it did not say has no sample: it is not 0. */

static ngx_int_t
ngx_http_llm_prometheus_provider(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric)
{
    ngx_uint_t                value;
    llm_quota_t              *quota;
    ngx_http_llm_provider_t  *provider;

    provider = &view->providers[view->group];
    quota = &provider->said.quota[metric->index / LLM_QUOTA_VALUES];
    value = metric->index % LLM_QUOTA_VALUES;

    if (quota->said & llm_quota_bit(value)) {
        ngx_http_llm_prometheus_sample(view, metric, "", &provider->group,
                                       NULL, NULL);
        ngx_http_llm_prometheus_number(view, metric, quota->value[value]);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_prometheus_build(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric)
{
    ngx_http_llm_out_t  *out;

    out = &view->out;

    ngx_http_llm_out_text(out, metric->family);
    ngx_http_llm_out_lit(out, "{version=\"");
    ngx_http_llm_out_text(out, view->info->version);
    ngx_http_llm_out_lit(out, "\",nginx_version=\"" NGINX_VERSION "\"} 1\n");

    return NGX_OK;
}


/* The first row behind those of the same family. */

static const ngx_http_llm_metric_t *
ngx_http_llm_prometheus_next(const ngx_http_llm_metric_t *metric)
{
    const char                   *family;
    const ngx_http_llm_metric_t  *end;

    family = metric->family;
    end = ngx_http_llm_metrics + ngx_http_llm_nmetrics;

    do {
        metric++;
    } while (metric < end && metric->family
             && ngx_strcmp(metric->family, family) == 0);

    return metric;
}


static void
ngx_http_llm_prometheus_head(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric)
{
    ngx_uint_t           open;
    const char          *total;
    ngx_http_llm_out_t  *out;

    out = &view->out;
    open = (view->query.format == NGX_HTTP_LLM_OPENMETRICS);
    total = (metric->type == NGX_HTTP_LLM_TYPE_COUNTER && !open) ? "_total"
                                                                 : "";
    ngx_http_llm_out_lit(out, "# HELP ");
    ngx_http_llm_out_text(out, metric->family);
    ngx_http_llm_out_text(out, total);
    ngx_http_llm_out_lit(out, " ");
    ngx_http_llm_out_text(out, metric->help);
    ngx_http_llm_out_lit(out, "\n# TYPE ");
    ngx_http_llm_out_text(out, metric->family);
    ngx_http_llm_out_text(out, total);
    ngx_http_llm_out_lit(out, " ");
    ngx_http_llm_out_text(out, ngx_http_llm_types[metric->type]);
    ngx_http_llm_out_lit(out, "\n");

    if (open && metric->unit) {
        ngx_http_llm_out_lit(out, "# UNIT ");
        ngx_http_llm_out_text(out, metric->family);
        ngx_http_llm_out_lit(out, " ");
        ngx_http_llm_out_text(out, metric->unit);
        ngx_http_llm_out_lit(out, "\n");
    }
}


/*
 * A sample up to its number, in one piece of room: there are hundreds a
 * series.  value needs no escape.
 */

static void
ngx_http_llm_prometheus_sample(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric, const char *suffix,
    const ngx_http_llm_group_t *group, const char *label, const char *value)
{
    u_char  *p;
    size_t   family, tail, len, name, text;

    family = ngx_strlen(metric->family);
    tail = ngx_strlen(suffix);
    len = group ? group->len : 0;
    name = label ? ngx_strlen(label) : 0;
    text = label ? ngx_strlen(value) : 0;

    p = ngx_http_llm_out_room(&view->out, family + tail + len + name + text
                                          + sizeof("{,=\"\"} "));
    if (p == NULL) {
        return;
    }

    p = ngx_cpymem(p, metric->family, family);
    p = ngx_cpymem(p, suffix, tail);

    if (len || label) {
        *p++ = '{';

        if (len) {
            p = ngx_cpymem(p, group->text, len);
        }

        if (label) {

            if (len) {
                *p++ = ',';
            }

            p = ngx_cpymem(p, label, name);
            *p++ = '=';
            *p++ = '"';
            p = ngx_cpymem(p, value, text);
            *p++ = '"';
        }

        *p++ = '}';
    }

    *p++ = ' ';

    ngx_http_llm_out_done(&view->out, p);
}


static void
ngx_http_llm_prometheus_number(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric, uint64_t n)
{
    if (metric->flags & NGX_HTTP_LLM_METRIC_USD) {
        ngx_http_llm_out_nano(&view->out, n);

    } else {
        ngx_http_llm_out_uint(&view->out, n);
    }

    ngx_http_llm_out_lit(&view->out, "\n");
}
