
/*
 * Copyright (C) ngx_llm_module authors
 *
 * An nginx module for tests of status/ alone: llm_status over a zone whose
 * contents, past and windows are known to the test.  t/lib/LLM/Status.pm
 * builds it, and holds the same formulas.
 *
 *     status_test zone=name:size series calls;
 *
 * Series i of phase f (0: long ago, 1: in the last 5 minutes, 2: in the last
 * one) gets "calls" calls.  Call j of it ends with outcome j % 5, and is a
 * sample of (j + 1) * (i % 4 + 1) * factor[f] * (d + 1) milliseconds of
 * distribution d.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_status.h"
#include "ngx_http_llm_zone.h"


#define SECOND  1000000000ull


typedef struct {
    ngx_shm_zone_t  *zone;
    ngx_uint_t       series;
    ngx_uint_t       calls;
} status_test_main_t;


extern ngx_module_t  status_test_module;

static ngx_str_t  labels[] = { ngx_string("team"), ngx_string("tier") };

static ngx_http_llm_status_info_t  info = {
    "9.8.7", 3, 42, 1700000000, ngx_string("00ff"), 2, labels,
    0, NULL, 0, NULL, NULL
};

static status_test_main_t  *conf;


static llm_str_t
str(char *s)
{
    llm_str_t  v = { (uint8_t *) s, strlen(s) };

    return v;
}


static uint32_t
claim(ngx_http_llm_zone_t *zone, ngx_uint_t i)
{
    char                   model[64], team[16];
    ngx_http_llm_labels_t  l;

    memset(&l, 0, sizeof(l));

    (void) snprintf(model, sizeof(model), "m%d", (int) i);
    (void) snprintf(team, sizeof(team), "t%d", (int) (i % 5));

    if (i == 1) {
        (void) snprintf(model, sizeof(model), "%s",
                        "evil\"} 1\\\n\x01\xff</script>\xc3\xa9,x=\"y\"");
    }

    l.provider = str(i % 3 ? "openai" : "anthropic");
    l.model = str(model);
    l.route = str(i % 2 ? "/v1" : "/chat");
    l.operation = LLM_OP_CHAT;

    if (i % 5) {
        l.nown = 1;
        l.own[0].name = str("team");
        l.own[0].value = str(team);
    }

    return ngx_http_llm_series_claim(zone, &l, 1);
}


static void
fill(ngx_http_llm_zone_t *zone, ngx_uint_t phase)
{
    uint32_t    s;
    uint64_t    ms;
    ngx_uint_t  i, j, d;

    static const uint64_t  factor[] = { 100, 10, 1 };

    for (i = 0; i < conf->series; i++) {
        s = claim(zone, i);

        for (j = 0; j < conf->calls; j++) {
            ms = (j + 1) * (i % 4 + 1) * factor[phase];

            ngx_http_llm_series_add(zone, s, ngx_http_llm_calls(j % 5), 1);
            ngx_http_llm_series_add(zone, s, NGX_HTTP_LLM_TOKENS_INPUT,
                                    1000 + i);
            ngx_http_llm_series_add(zone, s, NGX_HTTP_LLM_COST,
                                    1234567891);

            if (j % 5 == LLM_OUTCOME_ERROR) {
                ngx_http_llm_series_add(zone, s,
                                    ngx_http_llm_error(LLM_ERROR_TIMEOUT), 1);
            }

            for (d = 0; d < LLM_DIST_N; d++) {
                ngx_http_llm_series_sample(zone, s, d,
                                           ms * (d + 1) * 1000000);
            }
        }
    }

    /* a series that never had a call */

    (void) claim(zone, conf->series);
}


/* What three providers said; the last nothing of tokens. */

static void
tell(ngx_http_llm_zone_t *zone)
{
    uint32_t     i, k;
    llm_quota_t  quota[LLM_QUOTA_N];

    static const llm_str_t  name[] = {
        llm_string("openai"), llm_string("anthropic"),
        llm_string("evil\"} 1\\\n</script>")
    };

    ngx_memzero(quota, sizeof(quota));

    for (i = 0; i < 3; i++) {
        for (k = 0; k < LLM_QUOTA_N; k++) {
            quota[k].said = (i == 2 && k == LLM_QUOTA_TOKENS)
                            ? 0 : (1u << LLM_QUOTA_VALUES) - 1;
            quota[k].value[LLM_QUOTA_REMAINING] = i * 1000 + k;
            quota[k].value[LLM_QUOTA_LIMIT] = (i + 1) * 1000000 + k;
            quota[k].value[LLM_QUOTA_RESET] = i * 60500;
        }

        if (i == 1) {
            quota[LLM_QUOTA_TOKENS].said =
                                         llm_quota_bit(LLM_QUOTA_REMAINING);
        }

        ngx_http_llm_quota_note(zone, name[i], quota, 1700000000123ull,
                                1700000000123ull);
    }
}


static void
mark(ngx_http_llm_zone_t *zone, uint64_t at)
{
    while (ngx_http_llm_marks_run(zone, at, 1000000)
           == NGX_HTTP_LLM_MARKS_AGAIN)
    {
        /* void */
    }

    ngx_http_llm_marks_leave(zone);
}


static ngx_int_t
init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    uint64_t              now;
    struct timespec       ts;
    ngx_http_llm_zone_t  *zone;

    if (ngx_http_llm_zone_init(shm_zone, data) != NGX_OK) {
        return NGX_ERROR;
    }

    zone = shm_zone->data;

    if (ngx_http_llm_arena_used(zone) > 1) {
        return NGX_OK;
    }

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    now = (uint64_t) ts.tv_sec * SECOND + ts.tv_nsec;

    if (now < 400 * SECOND) {
        return NGX_ERROR;
    }

    zone->arena->created_mono = now - 400 * SECOND;

    fill(zone, 0);
    mark(zone, now - 320 * SECOND);
    fill(zone, 1);
    mark(zone, now - 62 * SECOND);
    fill(zone, 2);
    tell(zone);

    return NGX_OK;
}


static ngx_int_t
init_process(ngx_cycle_t *cycle)
{
    uint32_t              s;
    struct timespec       ts;
    ngx_http_llm_zone_t  *zone;

    zone = conf->zone->data;

    if (ngx_http_llm_live_join(zone) != 0) {
        return NGX_OK;
    }

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    s = claim(zone, 0);

    (void) ngx_http_llm_live_start(zone, s, 1, (uint64_t) ts.tv_sec * SECOND);
    (void) ngx_http_llm_live_start(zone, s, 0, (uint64_t) ts.tv_sec * SECOND);

    return NGX_OK;
}


static char *
status_test(ngx_conf_t *cf, ngx_command_t *cmd, void *main_conf)
{
    u_char     *p;
    ngx_str_t  *value, name, size, none;

    ngx_str_null(&none);

    conf = main_conf;
    value = cf->args->elts;

    p = (u_char *) ngx_strchr(value[1].data, ':');
    if (p == NULL) {
        return "needs name:size";
    }

    name.data = value[1].data;
    name.len = p - name.data;
    size.data = p + 1;
    size.len = value[1].len - name.len - 1;

    conf->zone = ngx_http_llm_zone_add(cf, &name, ngx_parse_size(&size),
                                       &none, NULL, &status_test_module);
    if (conf->zone == NULL) {
        return NGX_CONF_ERROR;
    }

    conf->zone->init = init_zone;
    conf->series = ngx_atoi(value[2].data, value[2].len);
    conf->calls = ngx_atoi(value[3].data, value[3].len);

    return NGX_CONF_OK;
}


static ngx_int_t
handler(ngx_http_request_t *r)
{
    return ngx_http_llm_status_handler(r,
               ngx_http_get_module_loc_conf(r, status_test_module));
}


static char *
llm_status(ngx_conf_t *cf, ngx_command_t *cmd, void *loc_conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = handler;

    return ngx_http_llm_status_set(cf, loc_conf, &info, &status_test_module);
}


static void *
create_main(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(status_test_main_t));
}


static void *
create_loc(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_status_conf_t));
}


static char *
merge_loc(ngx_conf_t *cf, void *parent, void *child)
{
    return ngx_http_llm_status_check(cf, child);
}


static ngx_command_t  commands[] = {

    { ngx_string("status_test"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE3,
      status_test,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE123,
      llm_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  context = {
    NULL, NULL, create_main, NULL, NULL, NULL, create_loc, merge_loc
};


ngx_module_t  status_test_module = {
    NGX_MODULE_V1,
    &context,
    commands,
    NGX_HTTP_MODULE,
    NULL,
    NULL,
    init_process,
    NULL,
    NULL,
    NULL,
    NULL,
    NGX_MODULE_V1_PADDING
};


/* what nginx's loader looks for */

__attribute__((visibility("default")))
ngx_module_t  *ngx_modules[] = { &status_test_module, NULL };

__attribute__((visibility("default")))
char  *ngx_module_names[] = { "status_test_module", NULL };

__attribute__((visibility("default")))
char  *ngx_module_order[] = { NULL };
