
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The one table of metrics, and the numbers that its rows stand for.  A new
 * metric is one row; both formats take it from there.
 */


#include "ngx_http_llm_view.h"


/* Series added to a sum in one step: up to some 30 us each. */
#define NGX_HTTP_LLM_VIEW_MEMBERS  4


#define counter(group, key, family, label, value, help, unit, index, flags)   \
    { group, key, family, label, value, help, unit,                           \
      NGX_HTTP_LLM_TYPE_COUNTER, NGX_HTTP_LLM_FROM_COUNTER,                   \
      NGX_HTTP_LLM_##index, flags }

#define dist(key, family, help, index)                                        \
    { "latency", key, family, NULL, NULL, help, "seconds",                    \
      NGX_HTTP_LLM_TYPE_HISTOGRAM, NGX_HTTP_LLM_FROM_DIST, LLM_DIST_##index,  \
      0 }

#define zone(group, key, family, label, value, help, index, flags)            \
    { group, key, family, label, value, help, NULL,                           \
      NGX_HTTP_LLM_TYPE_COUNTER, NGX_HTTP_LLM_FROM_ZONE,                      \
      NGX_HTTP_LLM_##index, flags }

#define fact(group, key, family, help, unit, index, flags)                    \
    { group, key, family, NULL, NULL, help, unit,                             \
      NGX_HTTP_LLM_TYPE_GAUGE, NGX_HTTP_LLM_FROM_FACT,                        \
      NGX_HTTP_LLM_FACT_##index, flags }

#define provider(family, help, kind, value)                                   \
    { NULL, NULL, family, NULL, NULL, help, NULL,                             \
      NGX_HTTP_LLM_TYPE_GAUGE, NGX_HTTP_LLM_FROM_PROVIDER,                    \
      ngx_http_llm_provider_value(LLM_QUOTA_##kind, LLM_QUOTA_##value), 0 }

#define slo(family, type, help, value)                                        \
    { NULL, NULL, family, NULL, NULL, help, NULL,                             \
      NGX_HTTP_LLM_TYPE_##type, NGX_HTTP_LLM_FROM_SLO,                        \
      NGX_HTTP_LLM_SLO_##value, 0 }

/* Two labels: what stands between them is written out. */

#define gate(name, decision, help, index)                                     \
    { NULL, NULL, "nginx_llm_gate_decisions", "gate",                         \
      name "\",decision=\"" decision, help, NULL,                             \
      NGX_HTTP_LLM_TYPE_COUNTER, NGX_HTTP_LLM_FROM_ZONE,                      \
      NGX_HTTP_LLM_GATE_##index, SPARSE }

#define budget(family, help, value)                                           \
    { NULL, NULL, family, NULL, NULL, help, NULL,                             \
      NGX_HTTP_LLM_TYPE_GAUGE, NGX_HTTP_LLM_FROM_BUDGET,                      \
      NGX_HTTP_LLM_BUDGET_##value, 0 }

#define USD     NGX_HTTP_LLM_METRIC_USD
#define SPARSE  NGX_HTTP_LLM_METRIC_SPARSE


const ngx_http_llm_metric_t  ngx_http_llm_metrics[] = {

    counter("calls", "total", NULL, NULL, NULL, NULL, NULL, CALLS_TOTAL, 0),
    counter("calls", "ok", "nginx_llm_calls", "outcome", "ok",
            "Calls that ended, by outcome.", NULL, CALLS_OK, 0),
    counter("calls", "error", "nginx_llm_calls", "outcome", "error",
            NULL, NULL, CALLS_ERROR, 0),
    counter("calls", "aborted", "nginx_llm_calls", "outcome", "aborted",
            NULL, NULL, CALLS_ABORTED, 0),
    counter("calls", "incomplete", "nginx_llm_calls", "outcome",
            "incomplete", NULL, NULL, CALLS_INCOMPLETE, 0),
    counter("calls", "refused", "nginx_llm_calls", "outcome", "refused",
            NULL, NULL, CALLS_REFUSED, 0),
    counter("calls", "streams", "nginx_llm_streams", NULL, NULL,
            "Calls whose response arrived as events.", NULL, STREAMS, 0),
    counter("calls", "no_content", "nginx_llm_no_content", NULL, NULL,
            "Streams without any content.", NULL, NO_CONTENT, 0),
    counter("calls", "replayed", "nginx_llm_replays", NULL, NULL,
            "Calls answered out of the cache.", NULL, REPLAYED, 0),
    counter("calls", "estimated", "nginx_llm_estimated_calls", NULL, NULL,
            "Calls whose tokens were estimated.", NULL, ESTIMATED, 0),
    counter("calls", "unpriced", "nginx_llm_unpriced_calls", NULL, NULL,
            "Calls whose cost is not known.", NULL, UNPRICED, 0),

    counter("attempts", "total", "nginx_llm_attempts", NULL, NULL,
            "Attempts to reach a provider.", NULL, ATTEMPTS, 0),
    counter("attempts", "failed", "nginx_llm_attempt_failures", NULL, NULL,
            "Attempts that failed, under the provider that failed.", NULL,
            ATTEMPTS_FAILED, 0),

    counter("errors", "rate_limit", "nginx_llm_errors", "error_type",
            "rate_limit", "Errors, by type.", NULL, ERROR_RATE_LIMIT,
            SPARSE),
    counter("errors", "overloaded", "nginx_llm_errors", "error_type",
            "overloaded", NULL, NULL, ERROR_OVERLOADED, SPARSE),
    counter("errors", "timeout", "nginx_llm_errors", "error_type",
            "timeout", NULL, NULL, ERROR_TIMEOUT, SPARSE),
    counter("errors", "auth", "nginx_llm_errors", "error_type",
            "auth", NULL, NULL, ERROR_AUTH, SPARSE),
    counter("errors", "not_found", "nginx_llm_errors", "error_type",
            "not_found", NULL, NULL, ERROR_NOT_FOUND, SPARSE),
    counter("errors", "invalid_request", "nginx_llm_errors", "error_type",
            "invalid_request", NULL, NULL, ERROR_INVALID_REQUEST, SPARSE),
    counter("errors", "too_large", "nginx_llm_errors", "error_type",
            "too_large", NULL, NULL, ERROR_TOO_LARGE, SPARSE),
    counter("errors", "content_filter", "nginx_llm_errors", "error_type",
            "content_filter", NULL, NULL, ERROR_CONTENT_FILTER, SPARSE),
    counter("errors", "server_error", "nginx_llm_errors", "error_type",
            "server_error", NULL, NULL, ERROR_SERVER_ERROR, SPARSE),
    counter("errors", "upstream", "nginx_llm_errors", "error_type",
            "upstream", NULL, NULL, ERROR_UPSTREAM, SPARSE),
    counter("errors", "gate", "nginx_llm_errors", "error_type",
            "gate", NULL, NULL, ERROR_GATE, SPARSE),
    counter("errors", "other", "nginx_llm_errors", "error_type",
            "other", NULL, NULL, ERROR_OTHER, SPARSE),

    counter("finish", "stop", "nginx_llm_finish", "reason", "stop",
            "Calls by the reason why generation ended.", NULL, FINISH_STOP,
            0),
    counter("finish", "length", "nginx_llm_finish", "reason", "length",
            NULL, NULL, FINISH_LENGTH, 0),
    counter("finish", "tool_calls", "nginx_llm_finish", "reason",
            "tool_calls", NULL, NULL, FINISH_TOOL_CALLS, 0),
    counter("finish", "content_filter", "nginx_llm_finish", "reason",
            "content_filter", NULL, NULL, FINISH_CONTENT_FILTER, 0),
    counter("finish", "other", "nginx_llm_finish", "reason", "other",
            NULL, NULL, FINISH_OTHER, 0),

    counter("tokens", "input", "nginx_llm_input_tokens", NULL, NULL,
            "Input tokens, cache reads and writes included.", "tokens",
            TOKENS_INPUT, 0),
    counter("tokens", "output", "nginx_llm_output_tokens", NULL, NULL,
            "Output tokens, reasoning included.", "tokens", TOKENS_OUTPUT,
            0),
    counter("tokens", "cache_read", "nginx_llm_cache_read_input_tokens",
            NULL, NULL, "Input tokens read from the provider's cache.",
            "tokens", TOKENS_CACHE_READ, 0),
    counter("tokens", "cache_write", "nginx_llm_cache_write_input_tokens",
            NULL, NULL, "Input tokens written to the provider's cache.",
            "tokens", TOKENS_CACHE_WRITE, 0),
    counter("tokens", "reasoning", "nginx_llm_reasoning_output_tokens",
            NULL, NULL, "Output tokens spent on reasoning.", "tokens",
            TOKENS_REASONING, 0),

    counter("cost", "usd", "nginx_llm_cost_usd", NULL, NULL,
            "What the calls cost.", "usd", COST, USD),
    counter("cost", "usd_estimated", "nginx_llm_estimated_cost_usd",
            NULL, NULL, "The part of the cost that was estimated.", "usd",
            COST_ESTIMATED, USD),
    counter("cost", "saved_usd", "nginx_llm_saved_usd", NULL, NULL,
            "What calls answered out of the cache would have cost.", "usd",
            SAVED, USD),

    dist("wait", "nginx_llm_wait_seconds",
         "Start of a call until it was handed to the upstream.", WAIT),
    dist("ttft", "nginx_llm_time_to_first_token_seconds",
         "Start of a stream until its first content.", TTFT),
    dist("upstream_ttft", "nginx_llm_upstream_time_to_first_token_seconds",
         "Time to first token less the wait.", UPSTREAM_TTFT),
    dist("inter_chunk", "nginx_llm_inter_chunk_latency_seconds",
         "Gap between two arrivals that hold content.", INTER_CHUNK),
    dist("tpot", "nginx_llm_time_per_output_token_seconds",
         "Mean time per output token after the first, one value a call.",
         TPOT),
    dist("duration", "nginx_llm_call_duration_seconds",
         "Start of a call until its response was complete.", DURATION),

    { "latency", "output_rate", NULL, NULL, NULL, NULL, NULL,
      NGX_HTTP_LLM_TYPE_GAUGE, NGX_HTTP_LLM_FROM_RATE, 0, 0 },

    { NULL, NULL, "nginx_llm_latency_window_seconds", NULL, NULL,
      "Percentiles of a latency in a window.", "seconds",
      NGX_HTTP_LLM_TYPE_GAUGE, NGX_HTTP_LLM_FROM_PERCENTILES, 0, 0 },

    { NULL, NULL, "nginx_llm_calls_in_flight", NULL, NULL,
      "Calls being served now.", NULL,
      NGX_HTTP_LLM_TYPE_GAUGE, NGX_HTTP_LLM_FROM_IN_FLIGHT, 0, 0 },

    fact("zone", "bytes", NULL, NULL, NULL, BYTES, 0),
    fact("zone", "series", "nginx_llm_zone_series",
         "Series in use in the zone.", NULL, SERIES, 0),
    fact("zone", "series_max", "nginx_llm_zone_series_max",
         "Series that fit into the zone.", NULL, SERIES_MAX, 0),
    zone("zone", "series_folded", "nginx_llm_series_folded", NULL, NULL,
         "Calls booked under other for want of room for their series.",
         SERIES_FOLDED, 0),
    zone("zone", "samples_dropped", "nginx_llm_samples_dropped", NULL, NULL,
         "Samples that no percentile knows, for want of room.",
         SAMPLES_DROPPED, 0),

    zone("health", "other_requests", "nginx_llm_other_requests", NULL, NULL,
         "Requests that were no recognised call.", OTHER_REQUESTS, 0),
    fact("health", "estimated_calls", NULL, NULL, NULL, ESTIMATED, 0),
    fact("health", "unpriced_calls", NULL, NULL, NULL, UNPRICED, 0),
    zone("health", "lost_on_resize", NULL, NULL, NULL, NULL,
         LOST_ON_RESIZE, 0),
    zone("health", "live_dropped", "nginx_llm_in_flight_dropped", NULL, NULL,
         "Calls never seen in flight, for want of room.", LIVE_DROPPED, 0),
    zone("health", "providers_dropped", NULL, NULL, NULL, NULL,
         PROVIDERS_DROPPED, 0),
    zone("health", "late_settles", NULL, NULL, NULL, NULL, LATE_SETTLES, 0),
    zone("health", "orphaned_usd", NULL, NULL, NULL, NULL, ORPHANED, USD),
    fact("health", "keys_folded", NULL, NULL, NULL, KEYS_FOLDED, 0),
    fact("health", "ledger_full", NULL, NULL, NULL, LEDGER_FULL, 0),
    fact("health", "generation", NULL, NULL, NULL, GENERATION, 0),
    fact("health", "workers", NULL, NULL, NULL, WORKERS, 0),

    zone("unreadable", "encoding", "nginx_llm_unreadable", "reason",
         "encoding", "Bodies that could not be read, by reason.",
         UNREADABLE_ENCODING, 0),
    zone("unreadable", "too_large", "nginx_llm_unreadable", "reason",
         "too_large", NULL, UNREADABLE_TOO_LARGE, 0),
    zone("unreadable", "not_json", "nginx_llm_unreadable", "reason",
         "not_json", NULL, UNREADABLE_NOT_JSON, 0),
    zone("unreadable", "ambiguous", "nginx_llm_unreadable", "reason",
         "ambiguous", NULL, UNREADABLE_AMBIGUOUS, 0),
    zone("unreadable", "framing", "nginx_llm_unreadable", "reason",
         "framing", NULL, UNREADABLE_FRAMING, 0),
    zone("unreadable", "inflate", "nginx_llm_unreadable", "reason",
         "inflate", NULL, UNREADABLE_INFLATE, 0),
    zone("unreadable", "other", "nginx_llm_unreadable", "reason",
         "other", NULL, UNREADABLE_OTHER, 0),

    zone("unpriced", "unknown_model", NULL, NULL, NULL, NULL,
         UNPRICED_UNKNOWN, 0),
    zone("unpriced", "no_rate", NULL, NULL, NULL, NULL,
         UNPRICED_NO_RATE, 0),
    zone("unpriced", "no_usage", NULL, NULL, NULL, NULL,
         UNPRICED_NO_USAGE, 0),
    zone("unpriced", "no_meter", NULL, NULL, NULL, NULL,
         UNPRICED_NO_METER, 0),

    zone("splices_skipped", "signed", "nginx_llm_splices_skipped", "reason",
         "signed", "Changes of a request that were left out, by reason.",
         SKIPPED_SIGNED, 0),
    zone("splices_skipped", "encoded", "nginx_llm_splices_skipped", "reason",
         "encoded", NULL, SKIPPED_ENCODED, 0),
    zone("splices_skipped", "unreadable", "nginx_llm_splices_skipped",
         "reason", "unreadable", NULL, SKIPPED_UNREADABLE, 0),
    zone("splices_skipped", "path", "nginx_llm_splices_skipped", "reason",
         "path", NULL, SKIPPED_PATH, 0),
    zone("splices_skipped", "other", "nginx_llm_splices_skipped", "reason",
         "other", NULL, SKIPPED_OTHER, 0),

    gate("unreadable", "pass",
         "What gates said, by gate.", UNREADABLE_PASS),
    gate("unreadable", "reject", NULL, UNREADABLE_REJECT),
    gate("models", "reject", NULL, MODELS_REJECT),
    gate("deny", "reject", NULL, DENY_REJECT),
    gate("splice", "pass", NULL, SPLICE_PASS),
    gate("splice", "reject", NULL, SPLICE_REJECT),
    gate("output", "reject", NULL, OUTPUT_REJECT),
    gate("input", "reject", NULL, INPUT_REJECT),
    gate("cost", "reject", NULL, COST_REJECT),
    gate("limit", "pass", NULL, LIMIT_PASS),
    gate("limit", "delay", NULL, LIMIT_DELAY),
    gate("limit", "reject", NULL, LIMIT_REJECT),
    gate("limit", "dry_run", NULL, LIMIT_DRY_RUN),
    gate("budget", "pass", NULL, BUDGET_PASS),
    gate("budget", "soft", NULL, BUDGET_SOFT),
    gate("budget", "over", NULL, BUDGET_OVER),
    gate("budget", "reject", NULL, BUDGET_REJECT),
    gate("budget", "dry_run", NULL, BUDGET_DRY_RUN),

    fact("prices", "models", "nginx_llm_price_models",
         "Models that have a price.", NULL, PRICE_MODELS, 0),
    fact(NULL, NULL, "nginx_llm_price_loaded_timestamp_seconds",
         "When the price list was loaded.", "seconds", PRICE_LOADED,
         SPARSE),

    fact(NULL, NULL, "nginx_llm_state_degraded",
         "Whether what is to outlast nginx is at risk.", NULL,
         STATE_DEGRADED, 0),
    fact(NULL, NULL, "nginx_llm_state_age_seconds",
         "Age of the oldest last snapshot.", "seconds", STATE_AGE,
         USD|SPARSE),

    provider("nginx_llm_provider_remaining_requests",
             "Requests left, as the provider said last.", REQUESTS,
             REMAINING),
    provider("nginx_llm_provider_remaining_tokens",
             "Tokens left, as the provider said last.", TOKENS, REMAINING),
    provider("nginx_llm_provider_limit_requests",
             "The limit of which these requests are left.", REQUESTS, LIMIT),
    provider("nginx_llm_provider_limit_tokens",
             "The limit of which these tokens are left.", TOKENS, LIMIT),

    budget("nginx_llm_budget_limit", "What a key may spend in a period.",
           LIMIT),
    budget("nginx_llm_budget_spent", "What it has spent in this period.",
           SPENT),
    budget("nginx_llm_budget_reserved",
           "What is reserved for its calls in flight.", RESERVED),
    budget("nginx_llm_budget_projected",
           "What it will have spent at the end if it goes on like this.",
           PROJECTED),
    { NULL, NULL, "nginx_llm_limit_left", NULL, NULL,
      "What is left in the bucket of a key.", NULL,
      NGX_HTTP_LLM_TYPE_GAUGE, NGX_HTTP_LLM_FROM_LIMIT, 0, 0 },

    slo("nginx_llm_slo_good", COUNTER, "Good calls of a service level.",
        GOOD),
    slo("nginx_llm_slo_calls", COUNTER, "Calls of a service level.", CALLS),
    slo("nginx_llm_slo_breach", GAUGE,
        "1 while a service level is in breach.", BREACH),

    { NULL, NULL, "nginx_llm_build_info", NULL, NULL,
      "Versions of the module and of nginx; always 1.", NULL,
      NGX_HTTP_LLM_TYPE_GAUGE, NGX_HTTP_LLM_FROM_BUILD, 0, 0 }
};


const ngx_uint_t  ngx_http_llm_nmetrics =
    sizeof(ngx_http_llm_metrics) / sizeof(ngx_http_llm_metrics[0]);


const ngx_http_llm_percentile_t
    ngx_http_llm_percentiles[NGX_HTTP_LLM_PERCENTILES] =
{
    { "p50", "50" },
    { "p90", "90" },
    { "p95", "95" },
    { "p99", "99" },
    { "p999", "99.9" }
};


const uint32_t  ngx_http_llm_permille[NGX_HTTP_LLM_PERCENTILES] = {
    500, 900, 950, 990, 999
};


ngx_int_t
ngx_http_llm_view_begin(ngx_http_llm_view_t *view)
{
    struct timespec  mono, wall;

    if (clock_gettime(CLOCK_MONOTONIC, &mono) == -1
        || clock_gettime(CLOCK_REALTIME, &wall) == -1)
    {
        return NGX_ERROR;
    }

    view->mono = (uint64_t) mono.tv_sec * 1000000000 + mono.tv_nsec;
    view->wall = (uint64_t) wall.tv_sec * 1000 + wall.tv_nsec / 1000000;

    view->step = (view->query.format == NGX_HTTP_LLM_JSON)
                 ? ngx_http_llm_json_steps : ngx_http_llm_prometheus_steps;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_view_sum(ngx_http_llm_view_t *view)
{
    ngx_uint_t  n;

    if (!view->adding) {
        view->adding = 1;
        view->member = view->groups.group[view->group].first;

        ngx_http_llm_sum_reset(view->sum);
    }

    for (n = 0; view->member; n++) {

        if (n == NGX_HTTP_LLM_VIEW_MEMBERS) {
            return NGX_AGAIN;
        }

        ngx_http_llm_sum_add(view->zone, view->member - 1, view->window,
                             view->mono, view->sum);

        view->member = view->groups.next[view->member - 1];
    }

    view->adding = 0;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_view_hist(ngx_http_llm_view_t *view, ngx_uint_t dist)
{
    ngx_uint_t              i, n;
    ngx_http_llm_series_t  *series;

    if (!view->adding) {
        view->adding = 1;
        view->member = view->groups.group[view->group].first;

        ngx_memzero(&view->hist, sizeof(ngx_http_llm_hist_t));
    }

    for (n = 0; view->member; n++) {

        if (n == NGX_HTTP_LLM_VIEW_MEMBERS * 16) {
            return NGX_AGAIN;
        }

        series = &view->zone->series[view->member - 1];

        for (i = 0; i <= llm_dist_bounds[dist].n; i++) {
            view->hist.bound[i] += __atomic_load_n(&series->bound[dist][i],
                                                   __ATOMIC_RELAXED);
        }

        view->hist.sum += __atomic_load_n(&series->word[NGX_HTTP_LLM_SUM
                                                        + dist],
                                          __ATOMIC_RELAXED);

        view->member = view->groups.next[view->member - 1];
    }

    view->adding = 0;

    return NGX_OK;
}


ngx_uint_t
ngx_http_llm_view_window(ngx_http_llm_view_t *view, ngx_int_t window)
{
    window++;

    if (view->query.window != -1) {

        if (window > view->query.window) {
            return 0;
        }

        window = view->query.window;
    }

    if (window == NGX_HTTP_LLM_WINDOW_N) {
        return 0;
    }

    view->window = window;

    return 1;
}


uint64_t
ngx_http_llm_view_plain(ngx_http_llm_view_t *view,
    const ngx_http_llm_metric_t *metric)
{
    uint64_t  n;

    if (metric->from == NGX_HTTP_LLM_FROM_ZONE) {
        n = ngx_http_llm_zone_counted(view->zone, metric->index);

        /* these two belong to limits and budgets, which no zone owns */

        if (metric->index == NGX_HTTP_LLM_LATE_SETTLES) {
            n += ngx_http_llm_books_counted(view, NGX_HTTP_LLM_ACCOUNT_LATE);

        } else if (metric->index == NGX_HTTP_LLM_ORPHANED) {
            n += ngx_http_llm_books_counted(view,
                                            NGX_HTTP_LLM_ACCOUNT_ORPHANED);
        }

        return n;
    }

    return view->fact[metric->index];
}


uint64_t
ngx_http_llm_view_from(ngx_http_llm_view_t *view,
    const ngx_http_llm_sum_t *sum)
{
    uint64_t             from, created;
    ngx_http_llm_mark_t  mark;

    from = sum->from;

    if (sum->series == 0) {
        (void) ngx_http_llm_marks_find(view->zone, view->window, view->mono,
                                       &mark);
        from = mark.begin;
    }

    from = (from >= view->mono) ? 0 : (view->mono - from) / 1000000;
    from = view->wall - ngx_min(from, view->wall);

    /* books that were loaded are older than this machine's clock */

    if (view->window == NGX_HTTP_LLM_WINDOW_ALL) {
        created = view->zone->arena->created_wall / 1000000;
        from = ngx_min(from, created);
    }

    return from;
}
