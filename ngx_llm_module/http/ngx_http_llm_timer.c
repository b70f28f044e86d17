
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What runs on a clock: every second each worker looks whether a mark is due
 * and whether some other has died.  No worker is elected: the zone lets only
 * one take a mark.  A mark is copied in slices, between which the event loop
 * turns.
 *
 * The timer is cancelable: a worker that is to exit does not wait for it.
 */


#include "ngx_http_llm_timer.h"
#include "ngx_http_llm_account_conf.h"
#include "ngx_http_llm_slo_call.h"


#define NGX_HTTP_LLM_TIMER_MSEC     1000
#define NGX_HTTP_LLM_TIMER_COLUMNS  64


static ngx_event_t       ngx_http_llm_timer_event;
static ngx_connection_t  ngx_http_llm_timer_dummy;


static void
ngx_http_llm_timer_accounts(ngx_http_llm_main_conf_t *mcf, uint64_t now)
{
    uint64_t          wall;
    ngx_uint_t        i;
    ngx_shm_zone_t  **zone;

    zone = mcf->accounts.elts;
    wall = ngx_http_llm_zone_clock(CLOCK_REALTIME);

    for (i = 0; i < mcf->accounts.nelts; i++) {
        (void) ngx_http_llm_ledger_tick(
                     &ngx_http_llm_account_conf_of(zone[i])->accounts, now,
                     wall);
    }
}


static void
ngx_http_llm_timer_handler(ngx_event_t *ev)
{
    uint64_t                   now;
    ngx_uint_t                 i, again;
    ngx_shm_zone_t           **zone;
    ngx_http_llm_zone_t       *z;
    ngx_http_llm_main_conf_t  *mcf;

    mcf = ((ngx_connection_t *) ev->data)->data;
    zone = mcf->zones.elts;
    now = ngx_http_llm_now();
    again = 0;

    for (i = 0; i < mcf->zones.nelts; i++) {
        z = ngx_http_llm_zone_of(zone[i]);

        if (ev->timedout) {
            (void) ngx_http_llm_live_reap(z);
        }

        if (ngx_http_llm_marks_run(z, now, NGX_HTTP_LLM_TIMER_COLUMNS)
            == NGX_HTTP_LLM_MARKS_AGAIN)
        {
            again = 1;
        }
    }

    if (ev->timedout) {
        ngx_http_llm_slo_tick(mcf, now);
        ngx_http_llm_timer_accounts(mcf, now);
        ngx_http_llm_keep_tick(&mcf->keep, ev->log);
    }

    ev->timedout = 0;

    if (again) {
        ngx_post_event(ev, &ngx_posted_next_events);
    }

    if (!ev->timer_set && !ngx_exiting) {
        ngx_add_timer(ev, NGX_HTTP_LLM_TIMER_MSEC);
    }
}


ngx_int_t
ngx_http_llm_timer_init(ngx_cycle_t *cycle, ngx_http_llm_main_conf_t *mcf)
{
    ngx_uint_t        i;
    ngx_event_t      *ev;
    ngx_shm_zone_t  **zone;

    zone = mcf->zones.elts;

    for (i = 0; i < mcf->zones.nelts; i++) {
        if (ngx_http_llm_live_join(ngx_http_llm_zone_of(zone[i])) != 0) {
            ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                          "llm_zone \"%V\": no slot for this process, its "
                          "calls in flight will not be seen",
                          &zone[i]->shm.name);
        }
    }

    zone = mcf->accounts.elts;

    for (i = 0; i < mcf->accounts.nelts; i++) {
        if (ngx_http_llm_ledger_join(
                     &ngx_http_llm_account_conf_of(zone[i])->accounts,
                     ngx_http_llm_now())
            != 0)
        {
            ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                          "zone \"%V\": no slot for this process, what it "
                          "reserves stays charged if it is killed",
                          &zone[i]->shm.name);
        }
    }

    ngx_http_llm_keep_start(&mcf->keep);

    ev = &ngx_http_llm_timer_event;

    ngx_memzero(ev, sizeof(ngx_event_t));
    ngx_memzero(&ngx_http_llm_timer_dummy, sizeof(ngx_connection_t));

    /* debug logging takes the data of an event for a connection */

    ngx_http_llm_timer_dummy.fd = (ngx_socket_t) -1;
    ngx_http_llm_timer_dummy.data = mcf;

    ev->handler = ngx_http_llm_timer_handler;
    ev->data = &ngx_http_llm_timer_dummy;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_LLM_TIMER_MSEC);

    ngx_http_llm_slo_init(cycle, mcf);

    return NGX_OK;
}


void
ngx_http_llm_timer_exit(ngx_http_llm_main_conf_t *mcf)
{
    ngx_uint_t        i;
    ngx_shm_zone_t  **zone;

    zone = mcf->zones.elts;

    for (i = 0; i < mcf->zones.nelts; i++) {
        ngx_http_llm_marks_leave(ngx_http_llm_zone_of(zone[i]));
        ngx_http_llm_live_leave(ngx_http_llm_zone_of(zone[i]));
    }

    zone = mcf->accounts.elts;

    for (i = 0; i < mcf->accounts.nelts; i++) {
        ngx_http_llm_ledger_leave(
                     &ngx_http_llm_account_conf_of(zone[i])->accounts,
                     ngx_http_llm_now());
    }
}
