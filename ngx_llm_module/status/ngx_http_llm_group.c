
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Which series are shown, and which of them as one.
 *
 * A group is known by the text of its labels as it will be written: two
 * series whose labels read the same are one group, so no format can ever
 * show the same labels twice.  The text is made once a request.  Groups are
 * found by a keyed hash, since model names are chosen by clients.
 *
 * Series are looked at once, some of them a step; every list is by index,
 * so the work is linear whatever is merged.
 */


#include "ngx_http_llm_view.h"
#include "llm_escape.h"


#define NGX_HTTP_LLM_GROUP_SERIES  32        /* looked at in one step */

#define NGX_HTTP_LLM_GROUP_TEXT                                               \
    (LLM_ESCAPE_MAX                                                           \
     * (NGX_HTTP_LLM_PROVIDER_LEN + NGX_HTTP_LLM_MODEL_LEN                    \
        + NGX_HTTP_LLM_ROUTE_LEN + NGX_HTTP_LLM_NAME_LEN                      \
        + NGX_HTTP_LLM_LABELS                                                 \
          * (NGX_HTTP_LLM_NAME_LEN + NGX_HTTP_LLM_VALUE_LEN))                 \
     + NGX_HTTP_LLM_QUERY_LABELS * (sizeof("operation\"\":\"\",")))


static ngx_int_t ngx_http_llm_group_prepare(ngx_http_llm_view_t *view);
static ngx_int_t ngx_http_llm_group_init(ngx_http_llm_view_t *view,
    ngx_http_llm_groups_t *groups);
static ngx_int_t ngx_http_llm_group_series(ngx_http_llm_view_t *view,
    uint32_t series);
static ngx_int_t ngx_http_llm_group_count(ngx_http_llm_view_t *view,
    ngx_http_llm_group_t *group, uint64_t *word);
static ngx_http_llm_group_t *ngx_http_llm_group_add(ngx_http_llm_view_t *view,
    ngx_http_llm_groups_t *groups, uint32_t series, u_char *text, size_t len);
static ngx_uint_t ngx_http_llm_group_alive(ngx_http_llm_view_t *view,
    uint32_t series);
static ngx_uint_t ngx_http_llm_group_matches(ngx_http_llm_view_t *view,
    const ngx_http_llm_labels_t *labels);
static llm_str_t ngx_http_llm_group_value(ngx_http_llm_view_t *view,
    const ngx_http_llm_labels_t *labels, ngx_uint_t label);
static u_char *ngx_http_llm_group_text(ngx_http_llm_view_t *view,
    const ngx_http_llm_labels_t *labels, u_char *p);
static u_char *ngx_http_llm_group_place(ngx_http_llm_view_t *view,
    const ngx_http_llm_labels_t *labels, u_char *p);
static u_char *ngx_http_llm_group_label(ngx_http_llm_view_t *view,
    u_char *start, u_char *p, llm_str_t name, llm_str_t value);


static const llm_str_t
    ngx_http_llm_builtin_labels[NGX_HTTP_LLM_BUILTIN_LABELS] =
{
    llm_string("provider"),
    llm_string("model"),
    llm_string("route"),
    llm_string("operation")
};


void
ngx_http_llm_view_names(ngx_http_llm_view_t *view)
{
    ngx_uint_t  i, n;

    for (n = 0; n < NGX_HTTP_LLM_BUILTIN_LABELS; n++) {
        view->labels[n] = ngx_http_llm_builtin_labels[n];
    }

    for (i = 0; i < view->info->nlabels; i++) {

        if (n == NGX_HTTP_LLM_QUERY_LABELS) {
            break;
        }

        view->labels[n].data = view->info->labels[i].data;
        view->labels[n].len = view->info->labels[i].len;
        n++;
    }

    view->query.labels = view->labels;
    view->query.nlabels = n;
    view->query.windows = ngx_http_llm_window_names;
    view->query.nwindows = NGX_HTTP_LLM_WINDOW_N;
}


ngx_int_t
ngx_http_llm_view_scan(ngx_http_llm_view_t *view)
{
    ngx_uint_t  n;

    if (view->live == NULL) {
        return ngx_http_llm_group_prepare(view);
    }

    for (n = 0; n < NGX_HTTP_LLM_GROUP_SERIES; n++) {

        if (view->series == view->zone->series_max) {
            return NGX_OK;
        }

        if (ngx_http_llm_group_series(view, view->series++) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_llm_group_prepare(ngx_http_llm_view_t *view)
{
    uint64_t                           age;
    ngx_uint_t                         state;
    ngx_http_llm_zone_t               *zone;
    const ngx_http_llm_status_info_t  *info;

    zone = view->zone;
    info = view->info;

    view->live = ngx_palloc(view->pool, zone->series_max
                                        * sizeof(ngx_http_llm_live_t));
    view->sum = ngx_palloc(view->pool, sizeof(ngx_http_llm_sum_t));

    if (view->live == NULL || view->sum == NULL
        || ngx_http_llm_group_init(view, &view->groups) != NGX_OK
        || ngx_http_llm_group_init(view, &view->places) != NGX_OK
        || ngx_http_llm_view_providers(view) != NGX_OK
        || ngx_http_llm_view_levels(view) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_llm_sum_init(view->sum);
    ngx_http_llm_live_sum(zone, view->live);

    view->fact[NGX_HTTP_LLM_FACT_BYTES] = zone->bytes;
    view->fact[NGX_HTTP_LLM_FACT_SERIES] = ngx_http_llm_arena_used(zone);
    view->fact[NGX_HTTP_LLM_FACT_SERIES_MAX] = zone->series_max;
    view->fact[NGX_HTTP_LLM_FACT_WORKERS] = ngx_http_llm_live_workers(zone);
    view->fact[NGX_HTTP_LLM_FACT_GENERATION] = info->generation;
    view->fact[NGX_HTTP_LLM_FACT_PRICE_MODELS] = info->price_models;
    view->fact[NGX_HTTP_LLM_FACT_PRICE_LOADED] = info->price_loaded;

    view->fact[NGX_HTTP_LLM_FACT_KEYS_FOLDED] =
               ngx_http_llm_books_counted(view, NGX_HTTP_LLM_ACCOUNT_FOLDED);
    view->fact[NGX_HTTP_LLM_FACT_LEDGER_FULL] =
              ngx_http_llm_books_counted(view, NGX_HTTP_LLM_ACCOUNT_UNROWED);

    state = ngx_http_llm_state_health(info->keep ? info->keep->first : NULL,
                                      &age);

    view->fact[NGX_HTTP_LLM_FACT_STATE] = state;
    view->fact[NGX_HTTP_LLM_FACT_STATE_DEGRADED] =
                                    (state == NGX_HTTP_LLM_STATE_DEGRADED);
    view->fact[NGX_HTTP_LLM_FACT_STATE_AGE] = (age == UINT64_MAX)
                                              ? 0 : ngx_max(age, 1);

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_llm_group_init(ngx_http_llm_view_t *view,
    ngx_http_llm_groups_t *groups)
{
    uint32_t  max, size;

    max = view->zone->series_max;

    for (size = 16; size < 2 * max; size *= 2) { /* void */ }

    groups->n = 0;
    groups->mask = size - 1;
    groups->group = ngx_palloc(view->pool, max * sizeof(ngx_http_llm_group_t));
    groups->next = ngx_palloc(view->pool, max * sizeof(uint32_t));
    groups->table = ngx_pcalloc(view->pool, size * sizeof(uint32_t));

    return groups->group && groups->next && groups->table ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_llm_group_series(ngx_http_llm_view_t *view, uint32_t series)
{
    u_char                 *p;
    uint64_t               *word;
    ngx_http_llm_group_t   *group;
    ngx_http_llm_labels_t   labels;

    u_char  text[NGX_HTTP_LLM_GROUP_TEXT];

    if (!ngx_http_llm_series_labels(view->zone, series, &labels)) {
        return NGX_OK;
    }

    /* health tells of the whole zone, whatever is shown */

    word = view->zone->series[series].word;
    view->fact[NGX_HTTP_LLM_FACT_ESTIMATED] +=
        __atomic_load_n(&word[NGX_HTTP_LLM_ESTIMATED], __ATOMIC_RELAXED);
    view->fact[NGX_HTTP_LLM_FACT_UNPRICED] +=
        __atomic_load_n(&word[NGX_HTTP_LLM_UNPRICED], __ATOMIC_RELAXED);

    if (!ngx_http_llm_group_alive(view, series)
        || !ngx_http_llm_group_matches(view, &labels))
    {
        return NGX_OK;
    }

    p = ngx_http_llm_group_text(view, &labels, text);

    group = ngx_http_llm_group_add(view, &view->groups, series, text,
                                   p - text);
    if (group == NULL) {
        return NGX_ERROR;
    }

    if (view->query.format == NGX_HTTP_LLM_JSON) {
        return NGX_OK;
    }

    if (ngx_http_llm_group_count(view, group, word) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_http_llm_group_place(view, &labels, text);

    return ngx_http_llm_group_add(view, &view->places, series, text, p - text)
           ? NGX_OK : NGX_ERROR;
}


/*
 * Families of Prometheus are written one after the other: the counters of a
 * group are read once, so that all families tell of the same moment.
 */

static ngx_int_t
ngx_http_llm_group_count(ngx_http_llm_view_t *view,
    ngx_http_llm_group_t *group, uint64_t *word)
{
    ngx_uint_t  i;

    if (group->counter == NULL) {
        group->counter = ngx_pcalloc(view->pool, NGX_HTTP_LLM_COUNTERS_N
                                                 * sizeof(uint64_t));
        if (group->counter == NULL) {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < NGX_HTTP_LLM_COUNTERS_N; i++) {
        group->counter[i] += __atomic_load_n(&word[i], __ATOMIC_RELAXED);
    }

    return NGX_OK;
}


static ngx_http_llm_group_t *
ngx_http_llm_group_add(ngx_http_llm_view_t *view,
    ngx_http_llm_groups_t *groups, uint32_t series, u_char *text, size_t len)
{
    uint32_t               i, hash;
    ngx_http_llm_group_t  *group;

    hash = (uint32_t) ngx_http_llm_siphash(view->zone->arena->secret, text,
                                           len);
    groups->next[series] = 0;

    for (i = hash & groups->mask;
         groups->table[i];
         i = (i + 1) & groups->mask)
    {
        group = &groups->group[groups->table[i] - 1];

        if (group->hash == hash && group->len == len
            && ngx_memcmp(group->text, text, len) == 0)
        {
            groups->next[group->last - 1] = series + 1;
            group->last = series + 1;
            return group;
        }
    }

    group = &groups->group[groups->n];

    group->text = ngx_pnalloc(view->pool, len + 1);
    if (group->text == NULL) {
        return NULL;
    }

    ngx_memcpy(group->text, text, len);

    group->len = len;
    group->hash = hash;
    group->first = series + 1;
    group->last = series + 1;
    group->counter = NULL;

    groups->table[i] = ++groups->n;

    return group;
}


/* False for a series where nothing ever happened. */

static ngx_uint_t
ngx_http_llm_group_alive(ngx_http_llm_view_t *view, uint32_t series)
{
    ngx_uint_t   i;
    uint64_t    *word;

    if (view->live[series].in_flight) {
        return 1;
    }

    word = view->zone->series[series].word;

    for (i = 0; i < NGX_HTTP_LLM_WORDS; i++) {
        if (__atomic_load_n(&word[i], __ATOMIC_RELAXED)) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_llm_group_matches(ngx_http_llm_view_t *view,
    const ngx_http_llm_labels_t *labels)
{
    llm_str_t              value;
    ngx_uint_t             i;
    ngx_http_llm_match_t  *match;

    match = view->query.matches.elts;

    for (i = 0; i < view->query.matches.nelts; i++) {
        value = ngx_http_llm_group_value(view, labels, match[i].label);

        if (value.len != match[i].value.len
            || ngx_memcmp(value.data, match[i].value.data, value.len) != 0)
        {
            return 0;
        }
    }

    return 1;
}


/* Of a name of view->labels; a label that the series has not is empty. */

static llm_str_t
ngx_http_llm_group_value(ngx_http_llm_view_t *view,
    const ngx_http_llm_labels_t *labels, ngx_uint_t label)
{
    uint32_t     i;
    llm_str_t    value;
    const char  *operation;

    switch (label) {

    case 0:
        return labels->provider;

    case 1:
        return labels->model;

    case 2:
        return labels->route;

    case 3:
        operation = llm_operation_names[labels->operation];
        value.data = (const uint8_t *) operation;
        value.len = ngx_strlen(operation);
        return value;
    }

    for (i = 0; i < labels->nown; i++) {

        if (labels->own[i].name.len == view->labels[label].len
            && ngx_memcmp(labels->own[i].name.data, view->labels[label].data,
                          view->labels[label].len)
               == 0)
        {
            return labels->own[i].value;
        }
    }

    value.data = (const uint8_t *) "";
    value.len = 0;

    return value;
}


static u_char *
ngx_http_llm_group_text(ngx_http_llm_view_t *view,
    const ngx_http_llm_labels_t *labels, u_char *p)
{
    u_char      *start;
    llm_str_t    value;
    ngx_uint_t   i, label;

    start = p;

    if (view->query.nby) {

        for (i = 0; i < view->query.nby; i++) {
            label = view->query.by[i];
            value = ngx_http_llm_group_value(view, labels, label);
            p = ngx_http_llm_group_label(view, start, p, view->labels[label],
                                         value);
        }

        return p;
    }

    for (i = 0; i < NGX_HTTP_LLM_BUILTIN_LABELS; i++) {
        value = ngx_http_llm_group_value(view, labels, i);
        p = ngx_http_llm_group_label(view, start, p, view->labels[i], value);
    }

    for (i = 0; i < labels->nown; i++) {
        p = ngx_http_llm_group_label(view, start, p, labels->own[i].name,
                                     labels->own[i].value);
    }

    return p;
}


static u_char *
ngx_http_llm_group_place(ngx_http_llm_view_t *view,
    const ngx_http_llm_labels_t *labels, u_char *p)
{
    u_char  *start;

    start = p;

    p = ngx_http_llm_group_label(view, start, p, view->labels[0],
                                 labels->provider);

    return ngx_http_llm_group_label(view, start, p, view->labels[2],
                                    labels->route);
}


/* To Prometheus an empty label and a missing one are the same. */

static u_char *
ngx_http_llm_group_label(ngx_http_llm_view_t *view, u_char *start, u_char *p,
    llm_str_t name, llm_str_t value)
{
    if (view->query.format == NGX_HTTP_LLM_JSON) {

        if (p != start) {
            *p++ = ',';
        }

        *p++ = '"';
        p = llm_escape_json(p, name);
        *p++ = '"';
        *p++ = ':';
        *p++ = '"';
        p = llm_escape_json(p, value);
        *p++ = '"';

        return p;
    }

    if (value.len == 0) {
        return p;
    }

    if (p != start) {
        *p++ = ',';
    }

    p = ngx_cpymem(p, name.data, name.len);
    *p++ = '=';
    *p++ = '"';
    p = llm_escape_label(p, value);
    *p++ = '"';

    return p;
}
