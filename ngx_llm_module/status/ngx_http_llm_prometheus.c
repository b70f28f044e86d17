
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
 * Lines of a family and a group differ in little but their numbers: the first
 * is put together, those behind it are copied from it up to where they
 * differ, which is in memory that is ours until the step ends.
 *
 * The formats differ in three things: OpenMetrics names a counter's family
 * without _total, may tell its unit, and ends with "# EOF".
 */


#include <nginx.h>

#include "ngx_http_llm_view.h"


typedef struct {
    ngx_int_t   (*write)(ngx_http_llm_view_t *view,
                         const ngx_http_llm_metric_t *metric);
    size_t        groups;        /* where in the view their number is */
    ngx_uint_t    step;          /* groups a step */
} ngx_http_llm_family_t;


/*
 * Where the lines of a family and a group are the same: the first that was
 * written, up to the value of the label that tells them apart.  metric and
 * group may be anything that stays until then; label NULL: there is one line.
 */

typedef struct {
    const ngx_http_llm_metric_t  *metric;
    const char                   *suffix;
    const ngx_http_llm_group_t   *group;
    const char                   *label;
    const u_char                 *text;
    size_t                        len;       /* 0: none was written */
} ngx_http_llm_line_t;


static ngx_int_t ngx_http_llm_prometheus_families(ngx_http_llm_view_t *view);
static ngx_int_t ngx_http_llm_prometheus_tail(ngx_http_llm_view_t *view);


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
static ngx_int_t ngx_http_llm_prometheus_level(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric);
static ngx_int_t ngx_http_llm_prometheus_account(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric);
static ngx_int_t ngx_http_llm_prometheus_build(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric);

static const ngx_http_llm_metric_t *ngx_http_llm_prometheus_next(
    const ngx_http_llm_metric_t *metric);
static void ngx_http_llm_prometheus_head(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric);
static void ngx_http_llm_prometheus_line(ngx_http_llm_line_t *line,
    const ngx_http_llm_metric_t *metric, const char *suffix,
    const ngx_http_llm_group_t *group, const char *label);
static void ngx_http_llm_prometheus_sample(ngx_http_llm_view_t *view,
    ngx_http_llm_line_t *line, const char *value, ngx_uint_t nano,
    uint64_t n);
static u_char *ngx_http_llm_prometheus_open(ngx_http_llm_view_t *view,
    ngx_http_llm_line_t *line, size_t room);


const ngx_http_llm_step_pt  ngx_http_llm_prometheus_steps[] = {
    ngx_http_llm_view_scan,
    ngx_http_llm_view_books,
    ngx_http_llm_prometheus_families,
    ngx_http_llm_prometheus_tail,
    NULL
};


/*
 * By ngx_http_llm_from_e.  Counters are a few lines a group: a step of one
 * would be little more than the looking at the clock behind it.
 */

#define groups(write, number, step)                                           \
    { ngx_http_llm_prometheus_##write, offsetof(ngx_http_llm_view_t, number), \
      step }

#define single(write)                                                         \
    { ngx_http_llm_prometheus_##write, 0, 1 }

static const ngx_http_llm_family_t  ngx_http_llm_families[] = {
    groups(counter, groups.n, 4),
    groups(hist, groups.n, 1),
    { NULL, 0, 0 },
    groups(percentiles, groups.n, 1),
    groups(in_flight, places.n, 1),
    single(plain),
    single(plain),
    groups(provider, nproviders, 1),
    groups(level, nlevels, 4),
    groups(account, books.n[NGX_HTTP_LLM_BOOKS_LIMITS], 8),
    groups(account, books.n[NGX_HTTP_LLM_BOOKS_BUDGETS], 8),
    single(build)
};


static const char *const  ngx_http_llm_types[] = {
    "counter", "gauge", "histogram"
};


/* Some groups of one family a step, or less of one. */

static ngx_int_t
ngx_http_llm_prometheus_families(ngx_http_llm_view_t *view)
{
    ngx_uint_t                    n, groups;
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

    view->metric = metric - ngx_http_llm_metrics;

    family = &ngx_http_llm_families[metric->from];
    groups = family->groups ? *(uint32_t *) ((u_char *) view + family->groups)
                            : 1;

    if (view->group == 0 && !view->inside) {
        view->next = ngx_http_llm_prometheus_next(metric)
                     - ngx_http_llm_metrics;

        if (groups) {
            ngx_http_llm_prometheus_head(view, metric);
        }
    }

    for (n = 0; n < family->step && view->group < groups; n++) {

        if (family->write(view, metric) != NGX_OK) {
            view->inside = 1;
            return NGX_AGAIN;
        }

        view->inside = 0;
        view->group++;
    }

    if (view->group == groups) {
        view->group = 0;
        view->metric = view->next;
    }

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


/* All rows of the family. */

static ngx_int_t
ngx_http_llm_prometheus_counter(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric)
{
    uint64_t                      n;
    ngx_http_llm_line_t           line;
    ngx_http_llm_group_t         *group;
    const ngx_http_llm_metric_t  *end;

    group = &view->groups.group[view->group];
    end = ngx_http_llm_metrics + view->next;

    ngx_http_llm_prometheus_line(&line, metric, "_total", group,
                                 metric->label);

    for ( /* void */ ; metric < end; metric++) {
        n = group->counter[metric->index];

        if (n || !(metric->flags & NGX_HTTP_LLM_METRIC_SPARSE)) {
            ngx_http_llm_prometheus_sample(view, &line, metric->value,
                               metric->flags & NGX_HTTP_LLM_METRIC_USD, n);
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
    ngx_http_llm_line_t    line;
    ngx_http_llm_group_t  *group;
    const llm_bounds_t    *bounds;

    if (ngx_http_llm_view_hist(view, metric->index) == NGX_AGAIN) {
        return NGX_AGAIN;
    }

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
    ngx_http_llm_prometheus_line(&line, metric, "_bucket", group, "le");

    for (i = 0; i < bounds->n; i++) {
        n += view->hist.bound[i];
        ngx_http_llm_prometheus_sample(view, &line, bounds->bound[i].text, 0,
                                       n);
    }

    n += view->hist.bound[i];
    ngx_http_llm_prometheus_sample(view, &line, "+Inf", 0, n);

    ngx_http_llm_prometheus_line(&line, metric, "_sum", group, NULL);
    ngx_http_llm_prometheus_sample(view, &line, NULL, 1, view->hist.sum);

    ngx_http_llm_prometheus_line(&line, metric, "_count", group, NULL);
    ngx_http_llm_prometheus_sample(view, &line, NULL, 0, n);

    return NGX_OK;
}


/* A window a step; what nobody measured in it has no percentiles. */

static ngx_int_t
ngx_http_llm_prometheus_percentiles(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric)
{
    u_char                 label[64];
    uint64_t               ns[NGX_HTTP_LLM_PERCENTILES];
    ngx_uint_t             dist, i;
    ngx_http_llm_line_t    line;
    ngx_http_llm_group_t  *group;

    if (!view->inside) {
        ngx_http_llm_view_window(view, -1);
    }

    if (ngx_http_llm_view_sum(view) == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    group = &view->groups.group[view->group];

    for (dist = 0; dist < LLM_DIST_N; dist++) {

        if (!ngx_http_llm_sum_known(&view->sum->dist[dist])) {
            continue;
        }

        ngx_http_llm_sum_percentiles(view->sum, dist, ngx_http_llm_permille,
                                     NGX_HTTP_LLM_PERCENTILES, ns);

        (void) ngx_snprintf(label, sizeof(label),
                            "metric=\"%s\",window=\"%s\",percentile%Z",
                            llm_dist_names[dist],
                            ngx_http_llm_window_names[view->window]);

        ngx_http_llm_prometheus_line(&line, metric, "", group,
                                     (char *) label);

        for (i = 0; i < NGX_HTTP_LLM_PERCENTILES; i++) {
            ngx_http_llm_prometheus_sample(view, &line,
                                           ngx_http_llm_percentiles[i].label,
                                           1, ns[i]);
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
    ngx_http_llm_line_t    line;
    ngx_http_llm_group_t  *group;

    n = 0;
    group = &view->places.group[view->group];

    for (member = group->first; member; member = view->places.next[member - 1])
    {
        n += view->live[member - 1].in_flight;
    }

    ngx_http_llm_prometheus_line(&line, metric, "", group, NULL);
    ngx_http_llm_prometheus_sample(view, &line, NULL, 0, n);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_prometheus_plain(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric)
{
    uint64_t                      n;
    ngx_http_llm_line_t           line;
    const ngx_http_llm_metric_t  *end;

    end = ngx_http_llm_metrics + view->next;

    ngx_http_llm_prometheus_line(&line, metric,
                  metric->type == NGX_HTTP_LLM_TYPE_COUNTER ? "_total" : "",
                  NULL, metric->label);

    for ( /* void */ ; metric < end; metric++) {
        n = ngx_http_llm_view_plain(view, metric);

        if (n || !(metric->flags & NGX_HTTP_LLM_METRIC_SPARSE)) {
            ngx_http_llm_prometheus_sample(view, &line, metric->value,
                               metric->flags & NGX_HTTP_LLM_METRIC_USD, n);
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
    ngx_http_llm_line_t       line;
    ngx_http_llm_provider_t  *provider;

    provider = &view->providers[view->group];
    quota = &provider->said.quota[metric->index / LLM_QUOTA_VALUES];
    value = metric->index % LLM_QUOTA_VALUES;

    if (quota->said & llm_quota_bit(value)) {
        ngx_http_llm_prometheus_line(&line, metric, "", &provider->group,
                                     NULL);
        ngx_http_llm_prometheus_sample(view, &line, NULL, 0,
                                       quota->value[value]);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_prometheus_level(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric)
{
    uint64_t               n;
    ngx_http_llm_line_t    line;
    ngx_http_llm_level_t  *level;

    level = &view->levels[view->group];

    n = (metric->index == NGX_HTTP_LLM_SLO_BREACH) ? level->is.breach
        : (metric->index == NGX_HTTP_LLM_SLO_GOOD) ? level->is.good
        : level->is.good + level->is.bad;

    ngx_http_llm_prometheus_line(&line, metric,
                  metric->type == NGX_HTTP_LLM_TYPE_COUNTER ? "_total" : "",
                  &level->group, NULL);
    ngx_http_llm_prometheus_sample(view, &line, NULL, 0, n);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_prometheus_account(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric)
{
    uint32_t              kind;
    ngx_uint_t            usd;
    ngx_http_llm_line_t   line;
    ngx_http_llm_group_t  group;

    kind = (metric->from == NGX_HTTP_LLM_FROM_LIMIT)
           ? NGX_HTTP_LLM_BOOKS_LIMITS : NGX_HTTP_LLM_BOOKS_BUDGETS;

    usd = ngx_http_llm_books_group(view, kind, view->group, &group);

    ngx_http_llm_prometheus_line(&line, metric, "", &group, NULL);
    ngx_http_llm_prometheus_sample(view, &line, NULL, usd,
                                   ngx_http_llm_books_value(view, kind,
                                              view->group, metric->index));

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


static void
ngx_http_llm_prometheus_line(ngx_http_llm_line_t *line,
    const ngx_http_llm_metric_t *metric, const char *suffix,
    const ngx_http_llm_group_t *group, const char *label)
{
    line->metric = metric;
    line->suffix = suffix;
    line->group = group;
    line->label = label;
    line->len = 0;
}


/*
 * A sample, in one piece of room: there are hundreds a series.  value is of
 * the line's label, short, and needs no escape.
 */

static void
ngx_http_llm_prometheus_sample(ngx_http_llm_view_t *view,
    ngx_http_llm_line_t *line, const char *value, ngx_uint_t nano, uint64_t n)
{
    u_char  *p;
    size_t   room;

    room = NGX_HTTP_LLM_OUT_NUMBER + sizeof("\"} \n");

    if (line->label) {
        room += ngx_strlen(value);
    }

    p = ngx_http_llm_prometheus_open(view, line, room);
    if (p == NULL) {
        return;
    }

    if (line->label) {

        while (*value) {
            *p++ = (u_char) *value++;
        }

        *p++ = '"';
        *p++ = '}';
    }

    *p++ = ' ';

    p = nano ? ngx_http_llm_put_nano(p, n) : ngx_http_llm_put_uint(p, n);

    *p++ = '\n';

    ngx_http_llm_out_done(&view->out, p);
}


/* A line up to the value of its label, or to its number; and room behind. */

static u_char *
ngx_http_llm_prometheus_open(ngx_http_llm_view_t *view,
    ngx_http_llm_line_t *line, size_t room)
{
    u_char      *p;
    size_t       family, suffix, len, label;
    const char  *name;

    if (line->len) {
        p = ngx_http_llm_out_room(&view->out, line->len + room);

        return p ? ngx_cpymem(p, line->text, line->len) : NULL;
    }

    name = line->metric->family;
    family = ngx_strlen(name);
    suffix = ngx_strlen(line->suffix);
    len = line->group ? line->group->len : 0;
    label = line->label ? ngx_strlen(line->label) : 0;

    p = ngx_http_llm_out_room(&view->out, family + suffix + len + label
                                          + sizeof("{,=\"}") + room);
    if (p == NULL) {
        return NULL;
    }

    line->text = p;

    p = ngx_cpymem(p, name, family);
    p = ngx_cpymem(p, line->suffix, suffix);

    if (len || label) {
        *p++ = '{';
    }

    if (len) {
        p = ngx_cpymem(p, line->group->text, len);
    }

    if (label) {

        if (len) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, line->label, label);
        *p++ = '=';
        *p++ = '"';

    } else if (len) {
        *p++ = '}';
    }

    line->len = p - line->text;

    return p;
}
