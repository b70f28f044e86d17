
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Who writes snapshots, and when.
 *
 * One process at a time writes those of a zone: its owner word is in the
 * zone, taken by one compare and swap from nobody or from the dead.  In it
 * one thread writes for all zones that the process was elected for, so that
 * the event loop never waits for a disk.  The thread takes no signal, calls
 * nothing of nginx, and reads the zone as a reader does: by relaxed loads,
 * while others write.
 *
 * A process that is to exit gives its writing up without waiting for it;
 * one of those that stay takes it over within a second or two.  The last
 * process of all to leave a zone writes a last snapshot.
 */


#include "ngx_http_llm_state.h"
#include "ngx_http_llm_owner.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>


#define NGX_HTTP_LLM_STATE_SECOND  1000000000ull
#define NGX_HTTP_LLM_STATE_TRIES   200      /* 10 ms each */


typedef struct {
    pthread_t              thread;
    pthread_mutex_t        mutex;
    pthread_cond_t         wake;
    int                    runs;     /* it was started and not joined */
    int                    stop;     /* below: under the mutex */
    int                    yield;
    ngx_http_llm_state_t  *list;
} ngx_http_llm_state_writer_t;


static void *ngx_http_llm_state_thread(void *data);
static void ngx_http_llm_state_round(ngx_http_llm_state_t *st);
static int ngx_http_llm_state_wait(ngx_http_llm_state_writer_t *w);
static void ngx_http_llm_state_unhold(ngx_http_llm_state_t *st);
static uint64_t ngx_http_llm_state_late(const ngx_http_llm_state_t *st);


/* The one thread of the process: nginx forks none that has it. */

static ngx_http_llm_state_writer_t  ngx_http_llm_state_writer = {
    .mutex = PTHREAD_MUTEX_INITIALIZER
};


void
ngx_http_llm_state_join(ngx_http_llm_state_t *st)
{
    uint32_t  i;
    uint64_t  owner;

    st->self = ngx_http_llm_owner_self();
    st->slot = 0;
    st->lock = -1;
    st->due = 0;
    st->disk_ino = 0;

    for (i = 0; i < NGX_HTTP_LLM_STATE_USERS; i++) {

        owner = __atomic_load_n(&st->head->user[i], __ATOMIC_RELAXED);

        if (owner != 0 && ngx_http_llm_owner_alive(owner)) {
            continue;
        }

        if (__atomic_compare_exchange_n(&st->head->user[i], &owner, st->self,
                                        0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
        {
            st->slot = i + 1;
            return;
        }
    }
}


int
ngx_http_llm_state_leave(ngx_http_llm_state_t *st)
{
    uint32_t  i;
    uint64_t  owner;

    ngx_http_llm_state_unhold(st);

    if (st->slot) {
        __atomic_store_n(&st->head->user[st->slot - 1], 0, __ATOMIC_SEQ_CST);
        st->slot = 0;
    }

    for (i = 0; i < NGX_HTTP_LLM_STATE_USERS; i++) {
        owner = __atomic_load_n(&st->head->user[i], __ATOMIC_SEQ_CST);

        if (owner != 0 && ngx_http_llm_owner_alive(owner)) {
            return 0;
        }
    }

    return 1;
}


int
ngx_http_llm_state_finish(ngx_http_llm_state_t *st)
{
    int       rc, i;
    uint64_t  fault;

    /* of two that left at once each takes itself for the last */

    for (i = 0; /* void */ ; i++) {

        rc = ngx_http_llm_state_write(st, 1);

        fault = __atomic_load_n(&st->head->fault, __ATOMIC_RELAXED);

        if (rc == 0 || fault >> 32 != NGX_HTTP_LLM_STEP_BUSY
            || i == NGX_HTTP_LLM_STATE_TRIES)
        {
            break;
        }

        (void) usleep(10000);
    }

    ngx_http_llm_state_unhold(st);

    return rc;
}


int
ngx_http_llm_state_elect(ngx_http_llm_state_t *st)
{
    uint64_t  owner;

    if (__atomic_load_n(&st->head->retired, __ATOMIC_ACQUIRE)) {
        return 0;
    }

    owner = __atomic_load_n(&st->head->writer, __ATOMIC_ACQUIRE);

    if (owner == st->self) {
        return 1;
    }

    if (owner != 0 && ngx_http_llm_owner_alive(owner)) {
        return 0;
    }

    return __atomic_compare_exchange_n(&st->head->writer, &owner, st->self, 0,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}


/* The writing is given back; the snapshot's file stays as it is. */

static void
ngx_http_llm_state_unhold(ngx_http_llm_state_t *st)
{
    uint64_t  self;

    if (st->lock != -1) {
        (void) close(st->lock);
        st->lock = -1;
    }

    self = st->self;

    (void) __atomic_compare_exchange_n(&st->head->writer, &self, 0, 0,
                                       __ATOMIC_RELEASE, __ATOMIC_RELAXED);

    free(st->out);
    st->out = NULL;
    st->disk_ino = 0;
}


int
ngx_http_llm_state_start(ngx_http_llm_state_t *list)
{
    int                           rc;
    sigset_t                      all, was;
    pthread_condattr_t            attr;
    ngx_http_llm_state_writer_t  *w;

    w = &ngx_http_llm_state_writer;

    if (w->runs) {
        return 0;
    }

    w->stop = 0;
    w->yield = 0;
    w->list = list;

    rc = pthread_condattr_init(&attr);
    if (rc != 0) {
        return rc;
    }

    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);

    rc = pthread_cond_init(&w->wake, &attr);
    (void) pthread_condattr_destroy(&attr);

    if (rc != 0) {
        return rc;
    }

    (void) sigfillset(&all);

    rc = pthread_sigmask(SIG_SETMASK, &all, &was);

    if (rc == 0) {
        rc = pthread_create(&w->thread, NULL, ngx_http_llm_state_thread, w);
        (void) pthread_sigmask(SIG_SETMASK, &was, NULL);
    }

    if (rc != 0) {
        (void) pthread_cond_destroy(&w->wake);
        return rc;
    }

    w->runs = 1;

    return 0;
}


void
ngx_http_llm_state_stop(void)
{
    ngx_http_llm_state_writer_t  *w;

    w = &ngx_http_llm_state_writer;

    if (!w->runs) {
        return;
    }

    (void) pthread_mutex_lock(&w->mutex);
    w->stop = 1;
    (void) pthread_cond_signal(&w->wake);
    (void) pthread_mutex_unlock(&w->mutex);

    (void) pthread_join(w->thread, NULL);
    (void) pthread_cond_destroy(&w->wake);

    w->runs = 0;
}


int
ngx_http_llm_state_runs(void)
{
    return ngx_http_llm_state_writer.runs;
}


void
ngx_http_llm_state_yield(void)
{
    ngx_http_llm_state_writer_t  *w;

    w = &ngx_http_llm_state_writer;

    if (!w->runs) {
        return;
    }

    (void) pthread_mutex_lock(&w->mutex);
    w->yield = 1;
    (void) pthread_cond_signal(&w->wake);
    (void) pthread_mutex_unlock(&w->mutex);
}


static void *
ngx_http_llm_state_thread(void *data)
{
    ngx_http_llm_state_t         *st;
    ngx_http_llm_state_writer_t  *w;

    w = data;

    do {
        for (st = w->list; st; st = st->next) {
            ngx_http_llm_state_round(st);
        }

    } while (ngx_http_llm_state_wait(w));

    for (st = w->list; st; st = st->next) {
        ngx_http_llm_state_unhold(st);
    }

    return NULL;
}


static void
ngx_http_llm_state_round(ngx_http_llm_state_t *st)
{
    uint64_t  now;

    if (__atomic_load_n(&st->head->writer, __ATOMIC_ACQUIRE) != st->self) {
        return;
    }

    if (__atomic_load_n(&st->head->retired, __ATOMIC_ACQUIRE)) {
        ngx_http_llm_state_unhold(st);
        return;
    }

    now = ngx_http_llm_state_clock(CLOCK_MONOTONIC);

    if (now < st->due) {
        return;
    }

    /* what failed is tried again soon */

    if (ngx_http_llm_state_write(st, 0) == 0) {
        st->due = now + st->kind->interval * NGX_HTTP_LLM_STATE_SECOND
                  - NGX_HTTP_LLM_STATE_SECOND / 10;
    } else {
        st->due = 0;
    }
}


/* A second, or less; 0: that was all. */

static int
ngx_http_llm_state_wait(ngx_http_llm_state_writer_t *w)
{
    int              rc, go;
    struct timespec  until;

    (void) clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;

    (void) pthread_mutex_lock(&w->mutex);

    rc = 0;

    while (rc == 0 && !w->stop && !w->yield) {
        rc = pthread_cond_timedwait(&w->wake, &w->mutex, &until);
    }

    go = !w->stop && !w->yield;

    (void) pthread_mutex_unlock(&w->mutex);

    return go;
}


uint32_t
ngx_http_llm_state_ails(ngx_http_llm_state_t *st)
{
    uint64_t  fault, age;

    fault = __atomic_load_n(&st->head->fault, __ATOMIC_RELAXED);

    st->fault.step = (uint32_t) (fault >> 32);
    st->fault.err = (int) (uint32_t) fault;

    if (fault == 0) {
        age = ngx_http_llm_state_age(st);

        if (age != UINT64_MAX && age > ngx_http_llm_state_late(st)) {
            st->fault.step = NGX_HTTP_LLM_STEP_LATE;
        }
    }

    if (st->fault.step >= NGX_HTTP_LLM_STEP_N) {
        st->fault.step = NGX_HTTP_LLM_STEP_LATE;
    }

    return st->fault.step;
}


/* A disk that hangs tells nothing: after so many ns it is taken for one. */

static uint64_t
ngx_http_llm_state_late(const ngx_http_llm_state_t *st)
{
    return (3 * st->kind->interval + 10) * NGX_HTTP_LLM_STATE_SECOND;
}


int
ngx_http_llm_state_health(const ngx_http_llm_state_t *list, uint64_t *age)
{
    int                          state;
    uint64_t                     old;
    const ngx_http_llm_state_t  *st;

    state = list ? NGX_HTTP_LLM_STATE_OK : NGX_HTTP_LLM_STATE_NONE;
    *age = list ? 0 : UINT64_MAX;

    for (st = list; st; st = st->next) {

        old = ngx_http_llm_state_age(st);

        if (st->anonymous
            || __atomic_load_n(&st->head->fault, __ATOMIC_RELAXED)
            || (old != UINT64_MAX && old > ngx_http_llm_state_late(st)))
        {
            state = NGX_HTTP_LLM_STATE_DEGRADED;
        }

        *age = old > *age ? old : *age;
    }

    return state;
}


uint64_t
ngx_http_llm_state_age(const ngx_http_llm_state_t *st)
{
    uint64_t  now, saved;

    now = ngx_http_llm_state_clock(CLOCK_MONOTONIC);
    saved = __atomic_load_n(&st->head->saved, __ATOMIC_RELAXED);

    return saved == 0 ? UINT64_MAX : now > saved ? now - saved : 0;
}
