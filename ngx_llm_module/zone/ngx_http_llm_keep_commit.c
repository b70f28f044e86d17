
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The commit: what a cycle that is to serve changes for all to see.  Its
 * rules are in the essay of ngx_http_llm_keep.c.  No error leaves here.
 */


#include "ngx_http_llm_zone.h"

#include <limits.h>


#define NGX_HTTP_LLM_KEEP_NAME  (PATH_MAX + 64)


static void ngx_http_llm_keep_take(ngx_cycle_t *cycle,
    ngx_http_llm_state_t *st);
static ngx_int_t ngx_http_llm_keep_adopt(ngx_http_llm_state_t *st);
static void ngx_http_llm_keep_make(ngx_cycle_t *cycle,
    ngx_http_llm_state_t *st);
static void ngx_http_llm_keep_dir(ngx_cycle_t *cycle,
    ngx_http_llm_state_t *st);
static void ngx_http_llm_keep_fill(ngx_cycle_t *cycle,
    ngx_http_llm_state_t *st, const u_char *secret);
static ngx_uint_t ngx_http_llm_keep_whole(const void *view);
static ngx_int_t ngx_http_llm_keep_load(ngx_http_llm_state_t *st,
    ngx_http_llm_snapshot_t *snap, const u_char *secret, const char **what);
static ngx_int_t ngx_http_llm_keep_file(ngx_cycle_t *cycle,
    ngx_http_llm_state_t *st, const char *suffix, const u_char *secret);
static const char *ngx_http_llm_keep_read(ngx_cycle_t *cycle,
    ngx_http_llm_state_t *st, u_char *name, ngx_http_llm_snapshot_t *snap);
static ngx_uint_t ngx_http_llm_keep_trusted(ngx_cycle_t *cycle, u_char *name,
    uid_t uid);
static void ngx_http_llm_keep_aside(ngx_cycle_t *cycle,
    ngx_http_llm_state_t *st, u_char *name, const char *what);
static void ngx_http_llm_keep_retire(ngx_http_llm_keep_t *keep);


void
ngx_http_llm_keep_commit(ngx_cycle_t *cycle, ngx_http_llm_keep_t *keep)
{
    ngx_http_llm_state_t  *st;

    if (ngx_test_config) {
        return;
    }

    for (st = keep ? keep->first : NULL; st; st = st->next) {
        ngx_http_llm_keep_take(cycle, st);
    }

    ngx_http_llm_keep_retire(keep);

    for (st = keep ? keep->first : NULL; st; st = st->next) {
        st->kept = ngx_http_llm_kept;
        ngx_http_llm_kept = st;
    }
}


static void
ngx_http_llm_keep_take(ngx_cycle_t *cycle, ngx_http_llm_state_t *st)
{
    if (!st->adopted) {
        ngx_http_llm_keep_dir(cycle, st);

        if (ngx_http_llm_keep_adopt(st) != NGX_OK) {
            ngx_http_llm_keep_make(cycle, st);
        }
    }

    if (st->adopted) {
        ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                      "%s \"%s\": state \"%s\" goes on in \"%s\"",
                      st->kind->directive, st->name, st->path, st->live);
    }

    ngx_http_llm_snapshot_free(&st->snap);

    st->old = NULL;
    st->serves = 1;
}


/*
 * What was not there when the zone was initialised may be there now: another
 * nginx has made it, or its name was not known without the directory.  It is
 * looked at through a state of its own, so that nothing is lost by that.
 */

static ngx_int_t
ngx_http_llm_keep_adopt(ngx_http_llm_state_t *st)
{
    ngx_http_llm_found_t  found;
    ngx_http_llm_state_t  look;

    if (st->old || st->snap.data) {
        return NGX_DECLINED;
    }

    look = *st;
    look.head = NULL;
    look.fd = -1;

    (void) ngx_http_llm_state_find(&look, NGX_HTTP_LLM_STATE_DIR, &found);

    if (found.how == NGX_HTTP_LLM_FOUND_GOOD
        && ngx_http_llm_state_lock(&look) == 0)
    {
        ngx_http_llm_state_release(st);

        st->head = look.head;
        st->mapped = look.mapped;
        st->fd = look.fd;
        st->dev = look.dev;
        st->ino = look.ino;
        st->anonymous = 0;
        st->adopted = 1;
        ngx_memcpy(st->live, look.live, sizeof(st->live));

        return NGX_OK;
    }

    ngx_http_llm_state_release(&look);

    /* the view has been attached to what was looked at */

    (void) st->kind->attach(st->zone, ngx_http_llm_state_arena(st), st->size);

    return NGX_DECLINED;
}


static void
ngx_http_llm_keep_make(ngx_cycle_t *cycle, ngx_http_llm_state_t *st)
{
    u_char      secret[16];
    ngx_int_t   rc;

    /* that of the anonymous memory will do, if the clock must */

    if (ngx_http_llm_zone_random(cycle->log, secret, sizeof(secret))
        != NGX_OK)
    {
        ngx_memcpy(secret, &st->head->boot, sizeof(secret));
        secret[0] ^= (u_char) ngx_http_llm_state_clock(CLOCK_MONOTONIC);
    }

    rc = NGX_OK;

    if (st->fault.step == NGX_HTTP_LLM_STEP_NONE
        || st->fault.step == NGX_HTTP_LLM_STEP_NAME)
    {
        if (ngx_http_llm_state_create(st, NGX_HTTP_LLM_STATE_DIR, secret)
            != 0)
        {
            rc = NGX_ERROR;
        }

    } else {
        rc = NGX_ERROR;
    }

    ngx_http_llm_keep_fill(cycle, st, secret);

    if (rc == NGX_OK && ngx_http_llm_state_publish(st) != 0) {
        st->anonymous = 1;
        rc = NGX_ERROR;
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, st->fault.err,
                      "%s \"%s\": state \"%s\": live memory \"%s\": %s%s; "
                      "it is memory of this nginx only, and after a kill "
                      "the last snapshot counts",
                      st->kind->directive, st->name, st->path,
                      st->live[0] ? st->live : NGX_HTTP_LLM_STATE_DIR,
                      ngx_http_llm_state_steps[st->fault.step],
                      st->fault.err ? " failed" : "");
    }
}


/*
 * The last part of the directory is made if it is not there, for the user
 * that the workers run as, who write all that is in it.
 */

static void
ngx_http_llm_keep_dir(ngx_cycle_t *cycle, ngx_http_llm_state_t *st)
{
    u_char           *dir, *slash, name[NGX_HTTP_LLM_KEEP_NAME];
    ngx_core_conf_t  *ccf;

    dir = name;
    (void) ngx_cpystrn(dir, (u_char *) st->path, sizeof(name));

    slash = (u_char *) strrchr((char *) dir, '/');

    if (slash == NULL || slash == dir) {
        return;
    }

    *slash = '\0';

    if (ngx_create_dir(dir, 0700) == NGX_FILE_ERROR) {

        if (ngx_errno != NGX_EEXIST) {
            ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_errno,
                          "%s \"%s\": " ngx_create_dir_n " \"%s\" failed",
                          st->kind->directive, st->name, dir);
        }

        return;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (geteuid() == 0 && ccf->user != (ngx_uid_t) NGX_CONF_UNSET_UINT
        && chown((char *) dir, ccf->user, ccf->group) == -1)
    {
        ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_errno,
                      "%s \"%s\": chown(\"%s\", %d) failed",
                      st->kind->directive, st->name, dir, ccf->user);
    }
}


static void
ngx_http_llm_keep_fill(ngx_cycle_t *cycle, ngx_http_llm_state_t *st,
    const u_char *secret)
{
    const char  *what;

    what = NULL;

    if (st->old) {
        what = "were cut";

        if (ngx_http_llm_keep_whole(st->old)) {
            what = ngx_http_llm_state_copy(st->kind, st->old, &st->snap);
        }
    }

    if (what == NULL && st->snap.data
        && ngx_http_llm_keep_load(st, &st->snap, secret, &what) == NGX_OK)
    {
        ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                      "%s \"%s\": state \"%s\" goes on, in new memory of "
                      "%uz bytes",
                      st->kind->directive, st->name, st->path, st->size);
        return;
    }

    if (what) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                      "%s \"%s\": state \"%s\": the books of before: %s",
                      st->kind->directive, st->name, st->path, what);
    }

    if (ngx_http_llm_keep_file(cycle, st, "", secret) == NGX_OK
        || ngx_http_llm_keep_file(cycle, st, ".1", secret) == NGX_OK)
    {
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                  "%s \"%s\": state \"%s\" begins empty",
                  st->kind->directive, st->name, st->path);
}


/* Whether a view's memory is there: one that was cut must not be touched. */

static ngx_uint_t
ngx_http_llm_keep_whole(const void *view)
{
    ngx_http_llm_state_t  *k;

    for (k = ngx_http_llm_kept; k; k = k->kept) {
        if (k->zone == view) {
            return ngx_http_llm_state_whole(k);
        }
    }

    return 1;
}


/* The zone is fresh before, and when it fails fresh again. */

static ngx_int_t
ngx_http_llm_keep_load(ngx_http_llm_state_t *st,
    ngx_http_llm_snapshot_t *snap, const u_char *secret, const char **what)
{
    *what = st->kind->load(st->zone, snap,
                           ngx_http_llm_state_clock(CLOCK_MONOTONIC),
                           ngx_http_llm_state_clock(CLOCK_REALTIME));

    if (*what == NULL) {

        if (snap->head.sequence > st->head->sequence) {
            st->head->sequence = snap->head.sequence;
        }

        return NGX_OK;
    }

    (void) ngx_http_llm_state_clear(st, secret);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_llm_keep_file(ngx_cycle_t *cycle, ngx_http_llm_state_t *st,
    const char *suffix, const u_char *secret)
{
    u_char                    name[NGX_HTTP_LLM_KEEP_NAME];
    uint64_t                  wall;
    ngx_int_t                 rc;
    const char               *what;
    ngx_http_llm_snapshot_t   snap;

    (void) ngx_snprintf(name, sizeof(name), "%s%s%Z", st->path, suffix);

    what = ngx_http_llm_keep_read(cycle, st, name, &snap);

    if (what == NULL && snap.data == NULL) {
        return NGX_DECLINED;
    }

    if (what == NULL) {
        what = ngx_http_llm_snapshot_check(&snap, st->kind->kind,
                                           st->kind->record_shape());
    }

    rc = NGX_DECLINED;

    if (what == NULL) {
        rc = ngx_http_llm_keep_load(st, &snap, secret, &what);
    }

    if (rc == NGX_OK) {
        wall = ngx_http_llm_state_clock(CLOCK_REALTIME);

        ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                      "%s \"%s\": state \"%s\" is loaded, of %uL seconds ago",
                      st->kind->directive, st->name, name,
                      wall > snap.head.wall
                      ? (wall - snap.head.wall) / 1000000000 : 0);

    } else {
        ngx_http_llm_keep_aside(cycle, st, name, what);
    }

    ngx_http_llm_snapshot_free(&snap);

    return rc;
}


/* NULL and no data: there is none that could be read. */

static const char *
ngx_http_llm_keep_read(ngx_cycle_t *cycle, ngx_http_llm_state_t *st,
    u_char *name, ngx_http_llm_snapshot_t *snap)
{
    int               fd, rc;
    ngx_err_t         err;
    const char       *what;
    struct stat       sb;

    ngx_memzero(snap, sizeof(*snap));

    fd = open((char *) name, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);

    if (fd == -1) {
        err = ngx_errno;

        if (err == ELOOP) {
            return "is a symbolic link";
        }

        if (err != NGX_ENOENT) {
            ngx_log_error(NGX_LOG_ERR, cycle->log, err,
                          "%s \"%s\": " ngx_open_file_n " \"%s\" failed",
                          st->kind->directive, st->name, name);
        }

        return NULL;
    }

    what = NULL;
    rc = 0;

    if (fstat(fd, &sb) == -1) {
        rc = -1;

    } else if (!S_ISREG(sb.st_mode)) {
        what = "is no plain file";

    } else if (!ngx_http_llm_keep_trusted(cycle, name, sb.st_uid)) {
        what = "belongs to another user";

    } else {
        rc = ngx_http_llm_snapshot_read(snap, fd,
                          2 * (uint64_t) st->size + NGX_HTTP_LLM_SNAPSHOT_BUF);

        if (rc == -1 && ngx_errno == EFBIG) {
            what = "is too long";
            rc = 0;
        }
    }

    if (rc == -1) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_errno,
                      "%s \"%s\": " ngx_read_fd_n " \"%s\" failed",
                      st->kind->directive, st->name, name);
    }

    (void) close(fd);

    return what;
}


/*
 * Of root, of who we are or who the workers are; or of whose directory it
 * is, who may put there what he likes: so the user of the workers can be
 * another than before.
 */

static ngx_uint_t
ngx_http_llm_keep_trusted(ngx_cycle_t *cycle, u_char *name, uid_t uid)
{
    u_char           *slash, dir[NGX_HTTP_LLM_KEEP_NAME];
    struct stat       sb;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (uid == 0 || uid == geteuid() || uid == (uid_t) ccf->user) {
        return 1;
    }

    (void) ngx_cpystrn(dir, name, sizeof(dir));

    slash = (u_char *) strrchr((char *) dir, '/');

    if (slash == NULL) {
        return 0;
    }

    slash[slash == dir] = '\0';

    return stat((char *) dir, &sb) == 0 && sb.st_uid == uid;
}


static void
ngx_http_llm_keep_aside(ngx_cycle_t *cycle, ngx_http_llm_state_t *st,
    u_char *name, const char *what)
{
    u_char  bad[NGX_HTTP_LLM_KEEP_NAME];

    (void) ngx_snprintf(bad, sizeof(bad), "%s.bad.%T%Z", st->path,
                        ngx_time());

    if (ngx_strcmp(name, st->path) != 0) {
        (void) ngx_snprintf(bad, sizeof(bad), "%s.bad.%T.1%Z", st->path,
                            ngx_time());
    }

    if (ngx_rename_file(name, bad) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_errno,
                      "%s \"%s\": state \"%s\" %s and is not used; "
                      ngx_rename_file_n " to \"%s\" failed",
                      st->kind->directive, st->name, name, what, bad);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                  "%s \"%s\": state \"%s\" %s and is not used: "
                  "it is kept as \"%s\"",
                  st->kind->directive, st->name, name, what, bad);
}


/*
 * What served before and does not any more: other memory took the place of
 * its path, or it is no longer configured.  What another nginx uses, too,
 * is left to it.
 */

static void
ngx_http_llm_keep_retire(ngx_http_llm_keep_t *keep)
{
    ngx_http_llm_state_t          *k, *st;
    ngx_http_llm_state_retired_e   how;

    for (k = ngx_http_llm_kept; k; k = k->kept) {

        how = NGX_HTTP_LLM_STATE_GONE;

        for (st = keep ? keep->first : NULL; st; st = st->next) {

            if (st->fd != -1 && k->fd != -1 && st->dev == k->dev
                && st->ino == k->ino)
            {
                how = NGX_HTTP_LLM_STATE_SERVES;
                break;
            }

            if (ngx_strcmp(st->path, k->path) == 0
                || (st->live[0] && ngx_strcmp(st->live, k->live) == 0))
            {
                how = NGX_HTTP_LLM_STATE_MOVED;
            }
        }

        if (how != NGX_HTTP_LLM_STATE_SERVES
            && ngx_http_llm_state_whole(k)
            && (k->anonymous || ngx_http_llm_state_alone(k)))
        {
            ngx_http_llm_state_retire(k, how);
        }
    }
}
