
/*
 * Copyright (C) ngx_llm_module authors
 *
 * state=path as nginx sees it.
 *
 * The zone that nginx knows of is small, ordinary and never looked into:
 * what nginx does to its zones (locks, reuse, freeing) would be wrong for
 * memory of another process's life.  The arena is a mapping of ours, one a
 * cycle, released with the cycle's pool: old workers keep theirs, a
 * configuration that fails loses its own.
 *
 * A zone's init runs under nginx -t, and before the listening sockets are
 * ours: by mistake a second nginx comes as far.  So it looks at what is
 * there, and maps it if it is good; else it makes anonymous memory, which
 * nobody sees.  What others see is changed by the commit, in init_module,
 * after which the cycle serves: it makes the file, fills it with what there
 * is to begin with, and gives it its name.  An error there would end nginx,
 * at a reload too; so there is none, and a zone that gets no file serves
 * from the anonymous memory, which the log and the status tell.
 *
 * What a new file begins with is the first of these that there is: the
 * zone of this name that serves now (whatever its size and path were), the
 * file of another size that nobody uses any more, the snapshot, the one
 * before it.
 *
 * Memory that others use is never replaced: with the same layout it is
 * shared, at the size it has (an upgrade of the binary: both masters keep
 * one set of books), with another the start is refused.
 */


#include "ngx_http_llm_owner.h"
#include "ngx_http_llm_zone.h"


static void ngx_http_llm_keep_cleanup(void *data);
static ngx_int_t ngx_http_llm_keep_found(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_state_t *st, ngx_http_llm_found_t *found);
static ngx_uint_t ngx_http_llm_keep_alone(ngx_http_llm_state_t *st);
static ngx_http_llm_state_t *ngx_http_llm_keep_own(ngx_http_llm_state_t *st);
static ngx_int_t ngx_http_llm_keep_anonymous(ngx_http_llm_state_t *st,
    ngx_log_t *log);
static void ngx_http_llm_keep_master(ngx_http_llm_state_t *st);
static void ngx_http_llm_keep_say(ngx_http_llm_state_t *st, ngx_log_t *log);


#define NGX_HTTP_LLM_KEEP_SAY   (60 * 1000000000ull)   /* ns */
#define NGX_HTTP_LLM_KEEP_BUSY  (5 * 1000000000ull)


ngx_http_llm_state_t  *ngx_http_llm_kept;


ngx_http_llm_state_t *
ngx_http_llm_keep_add(ngx_conf_t *cf, ngx_http_llm_keep_t *keep,
    const ngx_http_llm_state_kind_t *kind, ngx_str_t *name, ngx_str_t *path,
    size_t size, void *view)
{
    u_char                *p;
    ngx_str_t              full;
    ngx_pool_cleanup_t    *cln;
    ngx_http_llm_state_t  *st;

    if (path->len == 0 || path->data[path->len - 1] == '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid state \"%V\", it must be the name of "
                           "a file", path);
        return NULL;
    }

    full = *path;

    if (ngx_conf_full_name(cf->cycle, &full, 0) != NGX_OK) {
        return NULL;
    }

    for (st = keep->first; st; st = st->next) {
        if (ngx_strcmp(st->path, full.data) == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "state \"%V\" is that of %s \"%s\" already",
                               &full, st->kind->directive, st->name);
            return NULL;
        }
    }

    st = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_state_t));
    p = ngx_pnalloc(cf->pool, name->len + 1);
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (st == NULL || p == NULL || cln == NULL) {
        return NULL;
    }

    (void) ngx_cpystrn(p, name->data, name->len + 1);

    st->kind = kind;
    st->zone = view;
    st->name = (char *) p;
    st->path = (char *) full.data;
    st->size = size;
    st->fd = -1;
    st->lock = -1;

    cln->handler = ngx_http_llm_keep_cleanup;
    cln->data = st;

    if (keep->first == NULL) {
        keep->last = &keep->first;
    }

    *keep->last = st;
    keep->last = &st->next;

    return st;
}


static void
ngx_http_llm_keep_cleanup(void *data)
{
    ngx_http_llm_state_t *st = data;

    ngx_http_llm_state_t  **p;

    /* a single process that was configured anew has no other moment */

    if (st->self && ngx_process == NGX_PROCESS_SINGLE) {
        ngx_http_llm_state_stop();
    }

    for (p = &ngx_http_llm_kept; *p; p = &(*p)->kept) {
        if (*p == st) {
            *p = st->kept;
            break;
        }
    }

    ngx_http_llm_snapshot_free(&st->snap);
    ngx_http_llm_state_release(st);
}


ngx_int_t
ngx_http_llm_keep_init(ngx_shm_zone_t *shm_zone, ngx_http_llm_state_t *st,
    const void *old)
{
    ngx_int_t             rc;
    ngx_http_llm_found_t  found;

    st->old = old;

    (void) ngx_http_llm_state_find(st, NGX_HTTP_LLM_STATE_DIR, &found);

    rc = ngx_http_llm_keep_found(shm_zone, st, &found);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_http_llm_keep_anonymous(st, shm_zone->shm.log);
}


/* NGX_OK: it is taken up; NGX_DECLINED: something else must be. */

static ngx_int_t
ngx_http_llm_keep_found(ngx_shm_zone_t *shm_zone, ngx_http_llm_state_t *st,
    ngx_http_llm_found_t *found)
{
    ngx_log_t   *log;
    ngx_uint_t   alone, own;

    log = shm_zone->shm.log;

    if (found->how == NGX_HTTP_LLM_FOUND_NONE
        || found->how == NGX_HTTP_LLM_FOUND_ERROR)
    {
        st->fault = found->fault;
        return NGX_DECLINED;
    }

    if (ngx_test_config) {

        /* no lock is taken: who is in there is told by the master's word */

        if (found->how == NGX_HTTP_LLM_FOUND_LAYOUT && found->pid) {
            ngx_log_error(NGX_LOG_WARN, log, 0,
                          "%s \"%s\": state \"%s\" is used by process %D "
                          "in another version: stop it before this one is "
                          "started",
                          st->kind->directive, st->name, st->path,
                          found->pid);
        }

        return NGX_DECLINED;
    }

    own = (ngx_http_llm_keep_own(st) != NULL);
    alone = ngx_http_llm_keep_alone(st);

    switch (found->how) {

    case NGX_HTTP_LLM_FOUND_GOOD:

        if (!own && alone && st->old) {

            /* left here by another life; the books that serve are ours */

            return NGX_DECLINED;
        }

        break;

    case NGX_HTTP_LLM_FOUND_SIZE:

        if (alone) {

            if (st->old == NULL
                && ngx_http_llm_state_copy(st->kind, st->zone, &st->snap)
                   != NULL)
            {
                ngx_http_llm_snapshot_free(&st->snap);
            }

            return NGX_DECLINED;
        }

        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "%s \"%s\": state \"%s\" is used by process %D, too, "
                      "and stays at its %uz bytes",
                      st->kind->directive, st->name, st->path, found->pid,
                      found->size);

        st->size = found->size;
        break;

    default:

        if (alone) {
            ngx_log_error(NGX_LOG_WARN, log, 0,
                          "%s \"%s\": live memory \"%s\" %s, and is made anew",
                          st->kind->directive, st->name, st->live,
                          found->what ? found->what
                          : found->how == NGX_HTTP_LLM_FOUND_LAYOUT
                          ? "is of another version of the module"
                          : "is of another boot");
            return NGX_DECLINED;
        }

        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "%s \"%s\": state \"%s\" is used by process %D%s%s",
                      st->kind->directive, st->name, st->path, found->pid,
                      found->how == NGX_HTTP_LLM_FOUND_LAYOUT
                      ? " in another version of the module: stop it first"
                      : ", and its memory ",
                      found->what ? found->what : "");
        return NGX_ERROR;
    }

    if (ngx_http_llm_state_lock(st) != 0) {
        ngx_log_error(NGX_LOG_EMERG, log, st->fault.err,
                      "%s \"%s\": flock() \"%s\" failed",
                      st->kind->directive, st->name, st->live);
        return NGX_ERROR;
    }

    st->adopted = 1;

    return NGX_OK;
}


/* The same file in the cycle that serves now. */

static ngx_http_llm_state_t *
ngx_http_llm_keep_own(ngx_http_llm_state_t *st)
{
    ngx_http_llm_state_t  *k;

    for (k = ngx_http_llm_kept; k; k = k->kept) {
        if (k != st && k->fd != -1 && k->dev == st->dev && k->ino == st->ino)
        {
            return k;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_llm_keep_alone(ngx_http_llm_state_t *st)
{
    ngx_http_llm_state_t  *own;

    own = ngx_http_llm_keep_own(st);

    return ngx_http_llm_state_alone(own ? own : st);
}


static ngx_int_t
ngx_http_llm_keep_anonymous(ngx_http_llm_state_t *st, ngx_log_t *log)
{
    u_char                      secret[16];
    ngx_http_llm_state_fault_t  fault;

    fault = st->fault;

    if (ngx_http_llm_zone_random(log, secret, sizeof(secret)) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_state_anonymous(st, secret) != 0) {
        ngx_log_error(NGX_LOG_EMERG, log, st->fault.err,
                      "%s \"%s\": no memory for %uz bytes",
                      st->kind->directive, st->name, st->size);
        return NGX_ERROR;
    }

    st->fault = fault;

    return NGX_OK;
}


void
ngx_http_llm_keep_start(ngx_http_llm_keep_t *keep)
{
    ngx_http_llm_state_t  *st;

    for (st = keep->first; st; st = st->next) {
        ngx_http_llm_state_join(st);
        ngx_http_llm_keep_master(st);
    }
}


void
ngx_http_llm_keep_tick(ngx_http_llm_keep_t *keep, ngx_log_t *log)
{
    int                    rc;
    ngx_uint_t             ours;
    ngx_http_llm_state_t  *st;

    ours = 0;

    if (ngx_exiting) {
        ngx_http_llm_state_yield();
        return;
    }

    for (st = keep->first; st; st = st->next) {
        if (ngx_http_llm_state_elect(st)) {
            ours = 1;
            ngx_http_llm_keep_say(st, log);

            if (!ngx_http_llm_owner_alive(st->head->master)) {
                ngx_http_llm_keep_master(st);
            }
        }
    }

    if (!ours || ngx_http_llm_state_runs()) {
        return;
    }

    rc = ngx_http_llm_state_start(keep->first);

    if (rc != 0) {
        for (st = keep->first; st; st = st->next) {
            ngx_http_llm_state_note(st, NGX_HTTP_LLM_STEP_THREAD, rc);
        }
    }
}


/*
 * Who uses it, for people.  The workers say so: a daemon is another process
 * than the one that committed, and of two masters one goes.
 */

static void
ngx_http_llm_keep_master(ngx_http_llm_state_t *st)
{
    uint64_t  master;

    master = (ngx_process == NGX_PROCESS_SINGLE)
             ? ngx_http_llm_owner_self()
             : ngx_http_llm_owner_of(ngx_parent);

    __atomic_store_n(&st->head->master, master, __ATOMIC_RELAXED);
}


/* Of the process that writes: what ails it, at most once a minute. */

static void
ngx_http_llm_keep_say(ngx_http_llm_state_t *st, ngx_log_t *log)
{
    uint64_t    now, age;
    ngx_uint_t  step;

    step = ngx_http_llm_state_ails(st);
    now = ngx_http_llm_state_clock(CLOCK_MONOTONIC);

    if (step == NGX_HTTP_LLM_STEP_NONE) {

        if (st->ailing && st->said) {
            ngx_log_error(NGX_LOG_NOTICE, log, 0,
                          "%s \"%s\": state \"%s\" is written again",
                          st->kind->directive, st->name, st->path);
        }

        st->ailing = 0;
        return;
    }

    if (!st->ailing) {
        st->ailing = 1;
        st->since = now;
    }

    /* whoever wrote it before may take a second or two to let it go */

    if ((step == NGX_HTTP_LLM_STEP_BUSY
         && now - st->since < NGX_HTTP_LLM_KEEP_BUSY)
        || (st->said && now - st->said < NGX_HTTP_LLM_KEEP_SAY))
    {
        return;
    }

    st->said = now;
    age = ngx_http_llm_state_age(st);

    if (age == UINT64_MAX) {
        ngx_log_error(NGX_LOG_ERR, log, st->fault.err,
                      "%s \"%s\": state \"%s\": %s%s, "
                      "and there is no snapshot yet",
                      st->kind->directive, st->name, st->path,
                      ngx_http_llm_state_steps[step],
                      st->fault.err ? " failed" : "");
        return;
    }

    ngx_log_error(NGX_LOG_ERR, log, st->fault.err,
                  "%s \"%s\": state \"%s\": %s%s, "
                  "the last snapshot is %uL seconds old",
                  st->kind->directive, st->name, st->path,
                  ngx_http_llm_state_steps[step],
                  st->fault.err ? " failed" : "", age / 1000000000);
}


void
ngx_http_llm_keep_exit(ngx_http_llm_keep_t *keep, ngx_log_t *log)
{
    ngx_http_llm_state_t  *st;

    ngx_http_llm_state_stop();

    for (st = keep->first; st; st = st->next) {

        if (!ngx_http_llm_state_leave(st)
            || st->head->retired == NGX_HTTP_LLM_STATE_MOVED)
        {
            continue;
        }

        /* the last of all */

        if (ngx_http_llm_state_finish(st) != 0) {
            (void) ngx_http_llm_state_ails(st);

            ngx_log_error(NGX_LOG_ERR, log, st->fault.err,
                          "%s \"%s\": state \"%s\" could not be written at "
                          "the end: %s",
                          st->kind->directive, st->name, st->path,
                          ngx_http_llm_state_steps[st->fault.step]);
        }
    }
}
