
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The llm_zone as nginx sees it.
 *
 * The arena is the only allocation that the zone's slab pool ever serves:
 * all of its pages at once, when the zone is made.  After that neither the
 * pool nor its mutex is touched.
 *
 * Initialisation runs in the master, under nginx -t too, and before it is
 * known whether the new configuration will be used at all; processes of the
 * old one write to an inherited arena meanwhile.  So an arena that is found
 * is looked at and left as it is.  Found it is when the memory is the same:
 * since 1.27.3 nginx hands over the old data with fresh memory where a zone
 * is not to be reused, so the data alone means nothing.
 *
 * With state=path the arena lies elsewhere, and all of this is done by
 * ngx_http_llm_keep.c.
 *
 * With another size nginx makes a new zone and says nothing of the old one,
 * which then is found in the old cycle; what it had counted is lost, and
 * said to be.
 */


#include "ngx_http_llm_zone.h"


static ngx_int_t ngx_http_llm_zone_inherit(ngx_shm_zone_t *shm_zone);
static ngx_int_t ngx_http_llm_zone_create(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_zone_t *old);
static void ngx_http_llm_zone_lost(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_zone_t *old);
static void ngx_http_llm_zone_say(ngx_shm_zone_t *shm_zone);


ngx_shm_zone_t *
ngx_http_llm_zone_add(ngx_conf_t *cf, ngx_str_t *name, size_t size,
    ngx_str_t *state, ngx_http_llm_keep_t *keep, void *tag)
{
    ngx_shm_zone_t       *shm_zone;
    ngx_http_llm_zone_t  *zone;

    if (size < NGX_HTTP_LLM_ZONE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_zone \"%V\" is too small: %uzk, "
                           "it needs at least %uzk",
                           name, size / 1024,
                           (size_t) NGX_HTTP_LLM_ZONE_MIN / 1024);
        return NULL;
    }

    shm_zone = ngx_shared_memory_add(cf, name, state->len
                                               ? NGX_HTTP_LLM_KEEP_SHM : size,
                                     tag);
    if (shm_zone == NULL) {
        return NULL;
    }

    if (shm_zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_zone \"%V\" is duplicate", name);
        return NULL;
    }

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_zone_t));
    if (zone == NULL) {
        return NULL;
    }

    zone->name = shm_zone->shm.name.data;
    zone->name_len = shm_zone->shm.name.len;
    zone->bytes = size;

    if (state->len) {
        zone->state = ngx_http_llm_keep_add(cf, keep,
                                            &ngx_http_llm_state_series,
                                            &shm_zone->shm.name, state, size,
                                            zone);
        if (zone->state == NULL) {
            return NULL;
        }
    }

    shm_zone->init = ngx_http_llm_zone_init;
    shm_zone->data = zone;

    return shm_zone;
}


ngx_shm_zone_t *
ngx_http_llm_zone_get(ngx_conf_t *cf, ngx_str_t *name, void *tag)
{
    return ngx_shared_memory_add(cf, name, 0, tag);
}


ngx_int_t
ngx_http_llm_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_int_t             rc;
    ngx_http_llm_zone_t  *zone, *old;

    zone = shm_zone->data;
    old = data;

    zone->shm = shm_zone->shm.addr;

    if (zone->state) {
        rc = ngx_http_llm_keep_init(shm_zone, zone->state,
                           old ? old : ngx_http_llm_zone_former(shm_zone));

        if (rc == NGX_OK) {
            zone->bytes = ((ngx_http_llm_state_t *) zone->state)->size;
            ngx_http_llm_zone_say(shm_zone);
        }

        return rc;
    }

    zone->bytes = shm_zone->shm.size;

    if (shm_zone->shm.exists || (old && old->shm == zone->shm)) {
        rc = ngx_http_llm_zone_inherit(shm_zone);

    } else {
        rc = ngx_http_llm_zone_create(shm_zone, old);
    }

    if (rc == NGX_OK) {
        ngx_http_llm_zone_say(shm_zone);
    }

    return rc;
}


static ngx_int_t
ngx_http_llm_zone_inherit(ngx_shm_zone_t *shm_zone)
{
    int                    rc;
    u_char                *p, *last;
    ngx_slab_pool_t       *shpool;
    ngx_http_llm_zone_t   *zone;
    ngx_http_llm_arena_t  *arena;

    zone = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    p = shpool->data;
    last = shm_zone->shm.addr + shm_zone->shm.size;

    rc = NGX_HTTP_LLM_ARENA_FOREIGN;

    if (p > shm_zone->shm.addr
        && p + sizeof(ngx_http_llm_arena_t) <= last)
    {
        arena = (ngx_http_llm_arena_t *) p;

        if (arena->size <= (uint64_t) (last - p)) {
            rc = ngx_http_llm_arena_attach(zone, arena,
                                           (size_t) arena->size);
        }
    }

    switch (rc) {

    case NGX_HTTP_LLM_ARENA_OK:
        return NGX_OK;

    case NGX_HTTP_LLM_ARENA_LAYOUT:
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "llm_zone \"%V\" was made by another version of the "
                      "module: change its size, or restart",
                      &shm_zone->shm.name);
        return NGX_ERROR;

    default:
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "llm_zone \"%V\" holds something else",
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }
}


static ngx_int_t
ngx_http_llm_zone_create(ngx_shm_zone_t *shm_zone, ngx_http_llm_zone_t *old)
{
    u_char                secret[16], *p;
    size_t                size;
    ngx_slab_pool_t      *shpool;
    ngx_http_llm_zone_t  *zone;

    zone = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    p = ngx_http_llm_zone_pages(shm_zone, &size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_zone_random(shm_zone->shm.log, secret, sizeof(secret))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llm_arena_format(zone, p, size,
                                  ngx_http_llm_zone_clock(CLOCK_MONOTONIC),
                                  ngx_http_llm_zone_clock(CLOCK_REALTIME),
                                  secret)
        != NGX_HTTP_LLM_ARENA_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "llm_zone \"%V\" is too small", &shm_zone->shm.name);
        return NGX_ERROR;
    }

    shpool->data = p;

    if (old == NULL) {
        old = ngx_http_llm_zone_former(shm_zone);
    }

    if (old && old->arena) {
        ngx_http_llm_zone_lost(shm_zone, old);
    }

    return NGX_OK;
}


void *
ngx_http_llm_zone_pages(ngx_shm_zone_t *shm_zone, size_t *size)
{
    u_char           *p;
    uint64_t         *word, *last;
    ngx_slab_pool_t  *shpool;

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    *size = shpool->pfree * ngx_pagesize;

    p = ngx_slab_alloc(shpool, *size);
    if (p == NULL) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "zone \"%V\": no memory for %uz bytes",
                      &shm_zone->shm.name, *size);
        return NULL;
    }

    /* fresh memory is zero, unless nginx was built to fill it with junk */

    word = (uint64_t *) p;
    last = (uint64_t *) (p + *size) - 1;

    if (*word || *last) {
        ngx_memzero(p, *size);
    }

    return p;
}


/* The data of this zone in the cycle that is to be replaced. */

void *
ngx_http_llm_zone_former(ngx_shm_zone_t *shm_zone)
{
    ngx_uint_t        i;
    ngx_shm_zone_t   *z;
    ngx_list_part_t  *part;

    if (ngx_cycle == NULL) {
        return NULL;
    }

    for (part = (ngx_list_part_t *) &ngx_cycle->shared_memory.part;
         part;
         part = part->next)
    {
        z = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (&z[i] != shm_zone
                && z[i].tag == shm_zone->tag
                && z[i].init == shm_zone->init
                && z[i].shm.name.len == shm_zone->shm.name.len
                && ngx_strncmp(z[i].shm.name.data, shm_zone->shm.name.data,
                               shm_zone->shm.name.len)
                   == 0)
            {
                return z[i].data;
            }
        }
    }

    return NULL;
}


static void
ngx_http_llm_zone_lost(ngx_shm_zone_t *shm_zone, ngx_http_llm_zone_t *old)
{
    uint32_t              i, k;
    uint64_t              calls;
    ngx_http_llm_zone_t  *zone;

    zone = shm_zone->data;
    calls = 0;

    for (i = 0; i < old->series_max; i++) {
        for (k = 0; k < LLM_OUTCOME_N; k++) {
            calls += old->series[i].word[ngx_http_llm_calls(k)];
        }
    }

    ngx_http_llm_zone_count(zone, NGX_HTTP_LLM_LOST_ON_RESIZE,
             calls + ngx_http_llm_zone_counted(old,
                                               NGX_HTTP_LLM_LOST_ON_RESIZE));

    ngx_log_error(NGX_LOG_NOTICE, shm_zone->shm.log, 0,
                  "llm_zone \"%V\" starts anew with %uz bytes instead of "
                  "%uz: %uL calls of before are no longer counted",
                  &shm_zone->shm.name, zone->bytes, old->bytes, calls);
}


ngx_int_t
ngx_http_llm_zone_random(ngx_log_t *log, u_char *p, size_t size)
{
    ssize_t   n;
    ngx_fd_t  fd;

    fd = ngx_open_file("/dev/urandom", NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_open_file_n " \"/dev/urandom\" failed");
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, p, size);

    if (n != (ssize_t) size) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_read_fd_n " \"/dev/urandom\" failed");
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " \"/dev/urandom\" failed");
    }

    return n == (ssize_t) size ? NGX_OK : NGX_ERROR;
}


uint64_t
ngx_http_llm_zone_clock(clockid_t id)
{
    struct timespec  ts;

    (void) clock_gettime(id, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


/* nginx shows what it logs under -t only from warnings up. */

static void
ngx_http_llm_zone_say(ngx_shm_zone_t *shm_zone)
{
    ngx_http_llm_zone_t  *zone;

    zone = shm_zone->data;

    if (ngx_test_config && !ngx_quiet_mode) {
        ngx_log_stderr(0, "llm_zone \"%V\": %uD series, %uD columns",
                       &shm_zone->shm.name, zone->series_max,
                       zone->columns_max);
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, shm_zone->shm.log, 0,
                  "llm_zone \"%V\": %uD series, %uD columns",
                  &shm_zone->shm.name, zone->series_max, zone->columns_max);
}
