
/*
 * Copyright (C) ngx_llm_module authors
 *
 * One request's view of a zone: which series it shows, how they are merged,
 * and the one table of metrics that both formats are written from.
 */


#ifndef _NGX_HTTP_LLM_VIEW_H_INCLUDED_
#define _NGX_HTTP_LLM_VIEW_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "llm_escape.h"
#include "ngx_http_llm_account_zone.h"
#include "ngx_http_llm_out.h"
#include "ngx_http_llm_query.h"
#include "ngx_http_llm_status.h"
#include "ngx_http_llm_zone.h"


#define NGX_HTTP_LLM_BUILTIN_LABELS  4   /* provider model route operation */


/* Where the number of a metric comes from, and what its index means. */

typedef enum {
    NGX_HTTP_LLM_FROM_COUNTER = 0,   /* ngx_http_llm_counter_e */
    NGX_HTTP_LLM_FROM_DIST,          /* llm_dist_e */
    NGX_HTTP_LLM_FROM_RATE,          /* the output rate */
    NGX_HTTP_LLM_FROM_PERCENTILES,   /* of every distribution and window */
    NGX_HTTP_LLM_FROM_IN_FLIGHT,     /* by provider and route */
    NGX_HTTP_LLM_FROM_ZONE,          /* ngx_http_llm_zone_counter_e */
    NGX_HTTP_LLM_FROM_FACT,          /* ngx_http_llm_fact_e */
    NGX_HTTP_LLM_FROM_PROVIDER,      /* ngx_http_llm_provider_value() */
    NGX_HTTP_LLM_FROM_SLO,           /* ngx_http_llm_slo_value_e */
    NGX_HTTP_LLM_FROM_LIMIT,         /* none: there is only what is left */
    NGX_HTTP_LLM_FROM_BUDGET,        /* ngx_http_llm_budget_value_e */
    NGX_HTTP_LLM_FROM_BUILD          /* versions, as labels */
} ngx_http_llm_from_e;


/* Plain numbers that belong to no series. */

typedef enum {
    NGX_HTTP_LLM_FACT_BYTES = 0,
    NGX_HTTP_LLM_FACT_SERIES,
    NGX_HTTP_LLM_FACT_SERIES_MAX,
    NGX_HTTP_LLM_FACT_ESTIMATED,
    NGX_HTTP_LLM_FACT_UNPRICED,
    NGX_HTTP_LLM_FACT_GENERATION,
    NGX_HTTP_LLM_FACT_WORKERS,
    NGX_HTTP_LLM_FACT_PRICE_MODELS,
    NGX_HTTP_LLM_FACT_PRICE_LOADED,  /* seconds since the epoch */
    NGX_HTTP_LLM_FACT_STATE,         /* none, ok, degraded */
    NGX_HTTP_LLM_FACT_STATE_DEGRADED,
    NGX_HTTP_LLM_FACT_STATE_AGE,     /* ns; 0: there is no snapshot */
    NGX_HTTP_LLM_FACT_KEYS_FOLDED,
    NGX_HTTP_LLM_FACT_LEDGER_FULL,
    NGX_HTTP_LLM_FACT_N
} ngx_http_llm_fact_e;


typedef enum {
    NGX_HTTP_LLM_TYPE_COUNTER = 0,
    NGX_HTTP_LLM_TYPE_GAUGE,
    NGX_HTTP_LLM_TYPE_HISTOGRAM
} ngx_http_llm_type_e;


#define NGX_HTTP_LLM_METRIC_USD      0x01    /* billionths, a string in JSON */
#define NGX_HTTP_LLM_METRIC_SPARSE   0x02    /* not shown while 0 */


/*
 * A row.  Rows of one JSON group stand together, and so do rows of one
 * family; the first row of a family carries help, type and unit.
 */

typedef struct {
    const char   *group;         /* NULL: not in JSON */
    const char   *key;
    const char   *family;        /* NULL: not in Prometheus; without _total */
    const char   *label;         /* tells rows of a family apart; or NULL */
    const char   *value;
    const char   *help;
    const char   *unit;          /* as the family's name ends, or NULL */
    uint8_t       type;
    uint8_t       from;
    uint8_t       index;
    uint8_t       flags;
} ngx_http_llm_metric_t;


extern const ngx_http_llm_metric_t  ngx_http_llm_metrics[];
extern const ngx_uint_t             ngx_http_llm_nmetrics;


/* The percentiles shown; the output rate has the first RATE of them. */

#define NGX_HTTP_LLM_PERCENTILES       5
#define NGX_HTTP_LLM_RATE_PERCENTILES  4

typedef struct {
    const char   *key;           /* "p50" */
    const char   *label;         /* "50" */
} ngx_http_llm_percentile_t;

extern const ngx_http_llm_percentile_t
    ngx_http_llm_percentiles[NGX_HTTP_LLM_PERCENTILES];
extern const uint32_t  ngx_http_llm_permille[NGX_HTTP_LLM_PERCENTILES];


/* Series that are shown as one, and the text of their labels. */

typedef struct {
    u_char       *text;          /* escaped for the format, no braces */
    uint32_t      len;
    uint32_t      hash;
    uint32_t      first;         /* series + 1, next[] goes on; 0 ends */
    uint32_t      last;
    uint64_t     *counter;       /* since the start; not for JSON, and not
                                    of places */
} ngx_http_llm_group_t;


typedef struct {
    ngx_http_llm_group_t  *group;
    uint32_t               n;
    uint32_t               mask;
    uint32_t              *table;    /* group + 1, by hash */
    uint32_t              *next;     /* by series */
} ngx_http_llm_groups_t;


/* A provider that told its limits; group has its label, and no series. */

typedef struct {
    ngx_http_llm_group_t       group;
    ngx_http_llm_quota_view_t  said;
} ngx_http_llm_provider_t;

#define ngx_http_llm_provider_value(kind, value)                              \
    ((kind) * LLM_QUOTA_VALUES + (value))


/* A service level; group has its label, and no series. */

typedef struct {
    ngx_http_llm_group_t       group;
    const ngx_http_llm_slo_t  *slo;
    ngx_http_llm_slo_view_t    is;
} ngx_http_llm_level_t;

typedef enum {
    NGX_HTTP_LLM_SLO_GOOD = 0,
    NGX_HTTP_LLM_SLO_CALLS,
    NGX_HTTP_LLM_SLO_BREACH
} ngx_http_llm_slo_value_e;


/*
 * Limits and budgets.  reserved is by zone, of budgets; an entry is a key
 * and a unit, its text for Prometheus is put together when it is written.
 */

typedef enum {
    NGX_HTTP_LLM_BUDGET_LIMIT = 0,
    NGX_HTTP_LLM_BUDGET_SPENT,
    NGX_HTTP_LLM_BUDGET_RESERVED,
    NGX_HTTP_LLM_BUDGET_PROJECTED
} ngx_http_llm_budget_value_e;

#define NGX_HTTP_LLM_BOOKS_LIMITS   0
#define NGX_HTTP_LLM_BOOKS_BUDGETS  1

#define NGX_HTTP_LLM_BOOKS_ZONE     256      /* of a zone's name */
#define NGX_HTTP_LLM_BOOKS_TEXT                                               \
    (sizeof("zone=\"\",key=\"\",unit=\"tokens\"") + LLM_ESCAPE_MAX             \
     * (NGX_HTTP_LLM_BOOKS_ZONE + NGX_HTTP_LLM_ACCOUNT_NAME))

typedef struct {
    uint32_t      zone;
    uint32_t      account;
    uint32_t      unit;
} ngx_http_llm_entry_t;

typedef struct {
    uint64_t   (**reserved)[NGX_HTTP_LLM_UNITS];     /* NULL: not begun */
    u_char       *text;
    ngx_http_llm_entry_t  *entry[2];
    uint32_t      n[2];
    uint32_t      max[2];

    uint32_t      zone;              /* how far the gathering is */
    uint32_t      phase;
    uint32_t      at;
    uint32_t      written;
} ngx_http_llm_books_t;


/*
 * JSON: what stands before a number of a window, by metric.  Padded, so that
 * it may be copied whole.
 */

#define NGX_HTTP_LLM_KEY  24

typedef struct {
    u_char        open[NGX_HTTP_LLM_KEY];    /* of the group's first */
    u_char        key[NGX_HTTP_LLM_KEY];
    uint8_t       open_len;
    uint8_t       key_len;
} ngx_http_llm_key_t;


/* A time as it is shown, kept since it is shown often. */

typedef struct {
    uint64_t      msec;
    size_t        len;
    u_char        text[NGX_HTTP_LLM_OUT_NUMBER];
} ngx_http_llm_time_t;


/* A classic histogram since the start; bounds each alone. */

typedef struct {
    uint64_t      sum;               /* ns */
    uint64_t      bound[LLM_BOUNDS_MAX];
} ngx_http_llm_hist_t;


typedef struct ngx_http_llm_view_s  ngx_http_llm_view_t;

/*
 * Writing goes in steps, each well below a millisecond.  NGX_AGAIN: the same
 * step has more to do; NGX_OK: it is done; NGX_ERROR: no memory.
 */
typedef ngx_int_t (*ngx_http_llm_step_pt)(ngx_http_llm_view_t *view);


struct ngx_http_llm_view_s {
    ngx_pool_t                        *pool;
    ngx_http_llm_zone_t               *zone;
    const ngx_http_llm_status_info_t  *info;
    ngx_http_llm_query_t               query;
    ngx_http_llm_out_t                 out;

    llm_str_t      labels[NGX_HTTP_LLM_QUERY_LABELS];   /* their names */

    uint64_t       mono;             /* ns: the one "now" of the document */
    uint64_t       wall;             /* ms since the epoch, at mono */
    uint64_t       fact[NGX_HTTP_LLM_FACT_N];

    ngx_http_llm_live_t    *live;    /* by series */
    ngx_http_llm_groups_t   groups;
    ngx_http_llm_groups_t   places;  /* by provider and route: in flight */
    ngx_http_llm_provider_t  *providers;
    uint32_t                nproviders;
    ngx_http_llm_level_t   *levels;  /* service levels of the zone */
    uint32_t                nlevels;
    ngx_http_llm_books_t    books;   /* limits and budgets of all zones */

    ngx_http_llm_sum_t     *sum;     /* of a group and a window */
    ngx_http_llm_sum_t     *total[NGX_HTTP_LLM_WINDOW_N];
    ngx_http_llm_live_t     live_total;
    ngx_http_llm_hist_t     hist;    /* of a group */

    ngx_http_llm_key_t     *keys;    /* by metric */
    ngx_http_llm_time_t     from[NGX_HTTP_LLM_WINDOW_N];
    ngx_http_llm_time_t     to;

    /* how far the writing is */
    const ngx_http_llm_step_pt  *step;
    uint32_t       series;           /* looked at */
    uint32_t       group;
    uint32_t       window;
    uint32_t       member;           /* series + 1 to add next */
    ngx_uint_t     metric;
    ngx_uint_t     next;             /* behind the family of metric */
    unsigned       inside:1;         /* what is written last is unfinished */
    unsigned       adding:1;         /* so is the sum */
};


extern const ngx_http_llm_step_pt  ngx_http_llm_json_steps[];
extern const ngx_http_llm_step_pt  ngx_http_llm_prometheus_steps[];


/* What can be asked for: names into view->query; before it is read. */
void ngx_http_llm_view_names(ngx_http_llm_view_t *view);

/* Chooses the steps and takes the time; after the query was read. */
ngx_int_t ngx_http_llm_view_begin(ngx_http_llm_view_t *view);

/* The first step: builds groups and facts. */
ngx_int_t ngx_http_llm_view_scan(ngx_http_llm_view_t *view);

/* Fills providers, by name: those that match. */
ngx_int_t ngx_http_llm_view_providers(ngx_http_llm_view_t *view);

/* The members of "providers". */
void ngx_http_llm_json_providers(ngx_http_llm_view_t *view);

/*
 * Limits and budgets: a step that gathers them, steps that write the members
 * of "limits" and "budgets" (with what stands between the two), and what
 * Prometheus shows of an entry.  group tells whether its amounts are money.
 */
ngx_int_t ngx_http_llm_view_books(ngx_http_llm_view_t *view);
ngx_int_t ngx_http_llm_json_limits(ngx_http_llm_view_t *view);
ngx_int_t ngx_http_llm_json_budgets(ngx_http_llm_view_t *view);
ngx_uint_t ngx_http_llm_books_group(ngx_http_llm_view_t *view, uint32_t kind,
    uint32_t i, ngx_http_llm_group_t *group);
uint64_t ngx_http_llm_books_value(ngx_http_llm_view_t *view, uint32_t kind,
    uint32_t i, uint32_t value);

/* An ngx_http_llm_account_counter_e, of all zones. */
uint64_t ngx_http_llm_books_counted(ngx_http_llm_view_t *view,
    uint32_t counter);

/* The same of "slo": all of the zone, in the order of the configuration. */
ngx_int_t ngx_http_llm_view_levels(ngx_http_llm_view_t *view);
void ngx_http_llm_json_levels(ngx_http_llm_view_t *view);

/*
 * The sum of view->group in view->window, a few series a call: NGX_OK when
 * it is complete.
 */
ngx_int_t ngx_http_llm_view_sum(ngx_http_llm_view_t *view);

/*
 * To the window shown after this one, -1 for the first; 0 when there is none
 * left.
 */
ngx_uint_t ngx_http_llm_view_window(ngx_http_llm_view_t *view,
    ngx_int_t window);

/* The same for the histogram of a distribution. */
ngx_int_t ngx_http_llm_view_hist(ngx_http_llm_view_t *view, ngx_uint_t dist);

/* A number that belongs to no series. */
uint64_t ngx_http_llm_view_plain(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric);

/* When the window of a sum begins, by the clock on the wall (ms). */
uint64_t ngx_http_llm_view_from(ngx_http_llm_view_t *view,
    const ngx_http_llm_sum_t *sum);


#endif /* _NGX_HTTP_LLM_VIEW_H_INCLUDED_ */
