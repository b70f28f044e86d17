
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
static ngx_int_t ngx_http_llm_json_rest(ngx_http_llm_view_t *view);
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
static u_char *ngx_http_llm_json_times(ngx_http_llm_view_t *view,
    const ngx_http_llm_sum_t *sum, u_char *p);
static u_char *ngx_http_llm_json_time(u_char *p, ngx_http_llm_time_t *time,
    uint64_t msec);
static u_char *ngx_http_llm_json_dist(u_char *p,
    const ngx_http_llm_sum_t *sum, ngx_uint_t dist);
static u_char *ngx_http_llm_json_rate(u_char *p,
    const ngx_http_llm_sum_t *sum);
static u_char *ngx_http_llm_json_percentiles(u_char *p, ngx_uint_t count,
    const uint64_t *n, u_char *(*put)(u_char *p, uint64_t n));
static u_char *ngx_http_llm_json_put(u_char *p,
    const ngx_http_llm_metric_t *metric, uint64_t n);
static ngx_int_t ngx_http_llm_json_keys(ngx_http_llm_view_t *view);


/*
 * What a window may take: times, groups, counters and distributions with
 * their keys, and the numbers of these (a key there takes 10 bytes).
 */

#define NGX_HTTP_LLM_JSON_WINDOW                                              \
    (2 * (NGX_HTTP_LLM_KEY + NGX_HTTP_LLM_OUT_NUMBER)                         \
     + 8 * NGX_HTTP_LLM_KEY                                                   \
     + NGX_HTTP_LLM_COUNTERS_N * (NGX_HTTP_LLM_KEY + NGX_HTTP_LLM_OUT_NUMBER) \
     + (LLM_DIST_N + 1) * NGX_HTTP_LLM_KEY                                    \
     + ((LLM_DIST_N + 1) * (4 + NGX_HTTP_LLM_PERCENTILES))                    \
       * (10 + NGX_HTTP_LLM_OUT_NUMBER))


const ngx_http_llm_step_pt  ngx_http_llm_json_steps[] = {
    ngx_http_llm_view_scan,
    ngx_http_llm_json_head,
    ngx_http_llm_json_series,
    ngx_http_llm_json_total,
    ngx_http_llm_view_books,
    ngx_http_llm_json_rest,
    ngx_http_llm_json_limits,
    ngx_http_llm_json_budgets,
    ngx_http_llm_json_tail,
    NULL
};


static ngx_int_t
ngx_http_llm_json_head(ngx_http_llm_view_t *view)
{
    llm_str_t            name;
    ngx_http_llm_out_t  *out;

    out = &view->out;

    if (ngx_http_llm_json_keys(view) != NGX_OK) {
        return NGX_ERROR;
    }

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
    uint64_t             age;
    llm_str_t            sha256;
    ngx_http_llm_out_t  *out;

    static const char *const  names[] = { "none", "ok", "degraded" };

    out = &view->out;
    age = view->fact[NGX_HTTP_LLM_FACT_STATE_AGE];

    ngx_http_llm_json_plain(view, "health");
    ngx_http_llm_out_lit(out, ",\"unreadable\":{");
    ngx_http_llm_json_plain(view, "unreadable");
    ngx_http_llm_out_lit(out, "},\"unpriced\":{");
    ngx_http_llm_json_plain(view, "unpriced");
    ngx_http_llm_out_lit(out, "},\"splices_skipped\":{");
    ngx_http_llm_json_plain(view, "splices_skipped");

    ngx_http_llm_out_lit(out, "},\"state\":\"");
    ngx_http_llm_out_text(out, names[view->fact[NGX_HTTP_LLM_FACT_STATE]]);
    ngx_http_llm_out_lit(out, "\",\"state_age_s\":");

    if (age == 0) {
        ngx_http_llm_out_lit(out, "null");

    } else {
        ngx_http_llm_out_nano(out, age);
    }

    ngx_http_llm_out_lit(out, ",\"prices\":{");
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
ngx_http_llm_json_rest(ngx_http_llm_view_t *view)
{
    ngx_http_llm_out_lit(&view->out, ",\n\"providers\":[");
    ngx_http_llm_json_providers(view);
    ngx_http_llm_out_lit(&view->out, "],\n\"limits\":[");

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_json_tail(ngx_http_llm_view_t *view)
{
    ngx_http_llm_out_lit(&view->out, "],\n\"slo\":[");
    ngx_http_llm_json_levels(view);
    ngx_http_llm_out_lit(&view->out, "]}\n");

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


/*
 * A window is most of a document: it is written into one piece of room, with
 * keys that were put together before.
 */

static void
ngx_http_llm_json_window(ngx_http_llm_view_t *view,
    const ngx_http_llm_sum_t *sum)
{
    u_char                       *p;
    uint64_t                      n;
    ngx_uint_t                    i, comma;
    const ngx_http_llm_key_t     *key;
    const ngx_http_llm_metric_t  *metric;

    p = ngx_http_llm_out_room(&view->out, NGX_HTTP_LLM_JSON_WINDOW);
    if (p == NULL) {
        return;
    }

    p = ngx_http_llm_json_times(view, sum, p);
    comma = 0;

    for (i = 0; i < ngx_http_llm_nmetrics; i++) {
        metric = &ngx_http_llm_metrics[i];
        key = &view->keys[i];

        if (key->key_len == 0) {
            continue;
        }

        if (key->open_len) {
            ngx_memcpy(p, key->open, NGX_HTTP_LLM_KEY);
            p += key->open_len;
            comma = 0;
        }

        n = (metric->from == NGX_HTTP_LLM_FROM_COUNTER)
            ? sum->counter[metric->index] : 1;

        if (n == 0 && (metric->flags & NGX_HTTP_LLM_METRIC_SPARSE)) {
            continue;
        }

        *p = ',';
        p += comma;
        comma = 1;

        ngx_memcpy(p, key->key, NGX_HTTP_LLM_KEY);
        p += key->key_len;

        if (metric->from == NGX_HTTP_LLM_FROM_COUNTER) {
            p = ngx_http_llm_json_put(p, metric, n);

        } else if (metric->from == NGX_HTTP_LLM_FROM_DIST) {
            p = ngx_http_llm_json_dist(p, sum, metric->index);

        } else {
            p = ngx_http_llm_json_rate(p, sum);
        }
    }

    ngx_http_llm_out_done(&view->out, ngx_http_llm_put_lit(p, "}}"));
}


/* The window's name, "from" and "to". */

static u_char *
ngx_http_llm_json_times(ngx_http_llm_view_t *view,
    const ngx_http_llm_sum_t *sum, u_char *p)
{
    const char  *name;

    name = ngx_http_llm_window_names[view->window];

    *p++ = '"';
    p = ngx_cpymem(p, name, ngx_strlen(name));
    p = ngx_http_llm_put_lit(p, "\":{\"from\":\"");
    p = ngx_http_llm_json_time(p, &view->from[view->window],
                               ngx_http_llm_view_from(view, sum));
    p = ngx_http_llm_put_lit(p, "\",\"to\":\"");
    p = ngx_http_llm_json_time(p, &view->to, view->wall);
    *p++ = '"';

    return p;
}


static u_char *
ngx_http_llm_json_time(u_char *p, ngx_http_llm_time_t *time, uint64_t msec)
{
    if (time->len == 0 || time->msec != msec) {
        time->msec = msec;
        time->len = ngx_http_llm_put_time(time->text, msec) - time->text;
    }

    return ngx_cpymem(p, time->text, time->len);
}


static u_char *
ngx_http_llm_json_dist(u_char *p, const ngx_http_llm_sum_t *sum,
    ngx_uint_t dist)
{
    uint64_t                        ns[NGX_HTTP_LLM_PERCENTILES];
    const ngx_http_llm_sum_dist_t  *d;

    d = &sum->dist[dist];

    if (d->count == 0) {
        return ngx_http_llm_put_lit(p,
                   "{\"count\":0,\"mean\":null,\"min\":null,\"max\":null,"
                   "\"p50\":null,\"p90\":null,\"p95\":null,\"p99\":null,"
                   "\"p999\":null}");
    }

    p = ngx_http_llm_put_lit(p, "{\"count\":");
    p = ngx_http_llm_put_uint(p, d->count);
    p = ngx_http_llm_put_lit(p, ",\"mean\":");
    p = ngx_http_llm_put_nano(p, ngx_http_llm_sum_mean(sum, dist));
    p = ngx_http_llm_put_lit(p, ",\"min\":");
    p = ngx_http_llm_put_nano(p, d->min);
    p = ngx_http_llm_put_lit(p, ",\"max\":");
    p = ngx_http_llm_put_nano(p, d->max);

    ngx_http_llm_sum_percentiles(sum, dist, ngx_http_llm_permille,
                                 NGX_HTTP_LLM_PERCENTILES, ns);

    return ngx_http_llm_json_percentiles(p, NGX_HTTP_LLM_PERCENTILES,
                                         ngx_http_llm_sum_known(d) ? ns
                                                                   : NULL,
                                         ngx_http_llm_put_nano);
}


static u_char *
ngx_http_llm_json_rate(u_char *p, const ngx_http_llm_sum_t *sum)
{
    uint64_t                        rate[NGX_HTTP_LLM_RATE_PERCENTILES];
    const ngx_http_llm_sum_dist_t  *d;

    d = &sum->dist[LLM_DIST_TPOT];

    p = ngx_http_llm_put_lit(p, "{\"mean\":");
    p = d->count ? ngx_http_llm_put_micro(p, ngx_http_llm_sum_rate_mean(sum))
                 : ngx_http_llm_put_lit(p, "null");

    ngx_http_llm_sum_rate_percentiles(sum, ngx_http_llm_permille,
                                      NGX_HTTP_LLM_RATE_PERCENTILES, rate);

    return ngx_http_llm_json_percentiles(p, NGX_HTTP_LLM_RATE_PERCENTILES,
                                         ngx_http_llm_sum_known(d) ? rate
                                                                   : NULL,
                                         ngx_http_llm_put_micro);
}


/* n: those known, or NULL.  Closes the object. */

static u_char *
ngx_http_llm_json_percentiles(u_char *p, ngx_uint_t count, const uint64_t *n,
    u_char *(*put)(u_char *p, uint64_t n))
{
    size_t       len;
    ngx_uint_t   i;
    const char  *key;

    for (i = 0; i < count; i++) {
        key = ngx_http_llm_percentiles[i].key;

        *p++ = ',';
        *p++ = '"';

        for (len = 0; key[len]; len++) {
            *p++ = (u_char) key[len];
        }

        *p++ = '"';
        *p++ = ':';

        p = n ? put(p, n[i]) : ngx_http_llm_put_lit(p, "null");
    }

    *p++ = '}';

    return p;
}


static u_char *
ngx_http_llm_json_put(u_char *p, const ngx_http_llm_metric_t *metric,
    uint64_t n)
{
    if ((metric->flags & NGX_HTTP_LLM_METRIC_USD) == 0) {
        return ngx_http_llm_put_uint(p, n);
    }

    *p++ = '"';
    p = ngx_http_llm_put_nano(p, n);
    *p++ = '"';

    return p;
}


/* Rows of a group stand together in the table, so one walk writes all. */

static ngx_int_t
ngx_http_llm_json_keys(ngx_http_llm_view_t *view)
{
    u_char                       *p, *last;
    ngx_uint_t                    i;
    const char                   *group;
    ngx_http_llm_key_t           *key;
    const ngx_http_llm_metric_t  *metric;

    view->keys = ngx_pcalloc(view->pool, ngx_http_llm_nmetrics
                                         * sizeof(ngx_http_llm_key_t));
    if (view->keys == NULL) {
        return NGX_ERROR;
    }

    group = NULL;

    for (i = 0; i < ngx_http_llm_nmetrics; i++) {
        metric = &ngx_http_llm_metrics[i];
        key = &view->keys[i];

        if (metric->group == NULL || metric->from > NGX_HTTP_LLM_FROM_RATE) {
            continue;
        }

        if (group == NULL || ngx_strcmp(group, metric->group) != 0) {
            last = key->open + NGX_HTTP_LLM_KEY;
            p = ngx_slprintf(key->open, last, "%s,\"%s\":{",
                             group ? "}" : "", metric->group);

            key->open_len = (uint8_t) (p - key->open);
            group = metric->group;
        }

        last = key->key + NGX_HTTP_LLM_KEY;
        p = ngx_slprintf(key->key, last, "\"%s\":", metric->key);
        key->key_len = (uint8_t) (p - key->key);
    }

    return NGX_OK;
}


/* The members of a group that belongs to no series. */

static void
ngx_http_llm_json_plain(ngx_http_llm_view_t *view, const char *group)
{
    u_char                       *p;
    uint64_t                      n;
    ngx_uint_t                    i, comma;
    ngx_http_llm_out_t           *out;
    const ngx_http_llm_metric_t  *metric;

    out = &view->out;
    comma = 0;

    for (i = 0; i < ngx_http_llm_nmetrics; i++) {
        metric = &ngx_http_llm_metrics[i];

        if (metric->group == NULL || ngx_strcmp(metric->group, group) != 0) {
            continue;
        }

        n = ngx_http_llm_view_plain(view, metric);

        if (n == 0 && (metric->flags & NGX_HTTP_LLM_METRIC_SPARSE)) {
            continue;
        }

        ngx_http_llm_out_text(out, comma ? ",\"" : "\"");
        ngx_http_llm_out_text(out, metric->key);
        ngx_http_llm_out_lit(out, "\":");
        comma = 1;

        p = ngx_http_llm_out_room(out, NGX_HTTP_LLM_OUT_NUMBER);

        if (p) {
            ngx_http_llm_out_done(out, ngx_http_llm_json_put(p, metric, n));
        }
    }
}
