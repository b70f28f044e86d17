
/*
 * Copyright (C) ngx_llm_module authors
 *
 * llm_limit_zone and llm_budget_zone as nginx sees them.
 *
 * The arena is the only allocation that the zone's slab pool ever serves, as
 * in ngx_http_llm_zone.c, and for the same reasons an arena that is found is
 * looked at and left as it is.
 *
 * With another size nginx makes a new zone.  What keys have spent is then
 * copied from the old one, which processes of the old configuration go on
 * using: what these book from here on is not seen, and what they have in
 * flight stays charged as reserved.
 *
 * A budget that is counted by another period than before cannot go on with
 * the same numbers: that is refused, like limit_req's other key.
 */


#include "ngx_http_llm_account_zone.h"
#include "ngx_http_llm_zone.h"


static ngx_int_t ngx_http_llm_account_zone_kept(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_accounts_t *old);
static void ngx_http_llm_account_zone_other(ngx_shm_zone_t *shm_zone);
static ngx_int_t ngx_http_llm_account_zone_inherit(ngx_shm_zone_t *shm_zone);
static ngx_int_t ngx_http_llm_account_zone_create(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_accounts_t *old);
static void ngx_http_llm_account_zone_copy(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_accounts_t *old);
static void ngx_http_llm_account_zone_say(ngx_shm_zone_t *shm_zone);


/* Their addresses are the tags that nginx knows a zone's use by. */

static char  ngx_http_llm_account_zone_tags[NGX_HTTP_LLM_BUDGETS + 1];

static const char *const  ngx_http_llm_account_zone_names[] = {
    "", "llm_limit_zone", "llm_budget_zone"
};


static const char *
ngx_http_llm_account_zone_name(ngx_shm_zone_t *shm_zone)
{
    ngx_http_llm_accounts_t  *accounts;

    accounts = shm_zone->data;

    return ngx_http_llm_account_zone_names[accounts->kind];
}


ngx_shm_zone_t *
ngx_http_llm_account_zone_add(ngx_conf_t *cf, ngx_str_t *name, size_t size,
    ngx_str_t *state, ngx_http_llm_keep_t *keep,
    ngx_http_llm_accounts_t *accounts)
{
    const char      *what;
    ngx_shm_zone_t  *shm_zone;

    what = ngx_http_llm_account_zone_names[accounts->kind];

    if (size < NGX_HTTP_LLM_ACCOUNTS_ZONE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s \"%V\" is too small: %uzk, "
                           "it needs at least %uzk",
                           what, name, size / 1024,
                           (size_t) NGX_HTTP_LLM_ACCOUNTS_ZONE_MIN / 1024);
        return NULL;
    }

    shm_zone = ngx_shared_memory_add(cf, name, state->len
                                               ? NGX_HTTP_LLM_KEEP_SHM : size,
                         &ngx_http_llm_account_zone_tags[accounts->kind]);
    if (shm_zone == NULL) {
        return NULL;
    }

    if (shm_zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s \"%V\" is duplicate",
                           what, name);
        return NULL;
    }

    accounts->name = shm_zone->shm.name.data;
    accounts->name_len = shm_zone->shm.name.len;
    accounts->bytes = size;

    if (state->len) {
        accounts->state = ngx_http_llm_keep_add(cf, keep,
                                    accounts->kind == NGX_HTTP_LLM_LIMITS
                                    ? &ngx_http_llm_state_limits
                                    : &ngx_http_llm_state_budgets,
                                    &shm_zone->shm.name, state, size,
                                    accounts);
        if (accounts->state == NULL) {
            return NULL;
        }
    }

    shm_zone->init = ngx_http_llm_account_zone_init;
    shm_zone->data = accounts;

    return shm_zone;
}


ngx_shm_zone_t *
ngx_http_llm_account_zone_get(ngx_conf_t *cf, ngx_str_t *name,
    ngx_http_llm_accounts_kind_e kind)
{
    return ngx_shared_memory_add(cf, name, 0,
                                 &ngx_http_llm_account_zone_tags[kind]);
}


ngx_int_t
ngx_http_llm_account_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_int_t                 rc;
    ngx_http_llm_accounts_t  *accounts, *old;

    accounts = shm_zone->data;
    old = data;

    accounts->shm = shm_zone->shm.addr;

    if (accounts->state) {
        return ngx_http_llm_account_zone_kept(shm_zone, old);
    }

    accounts->bytes = shm_zone->shm.size;

    if (shm_zone->shm.exists || (old && old->shm == accounts->shm)) {
        rc = ngx_http_llm_account_zone_inherit(shm_zone);

    } else {
        rc = ngx_http_llm_account_zone_create(shm_zone, old);
    }

    if (rc == NGX_OK) {
        ngx_http_llm_account_zone_say(shm_zone);
    }

    return rc;
}


static ngx_int_t
ngx_http_llm_account_zone_kept(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_accounts_t *old)
{
    ngx_int_t                 rc;
    ngx_http_llm_state_t     *st;
    ngx_http_llm_accounts_t  *accounts;

    accounts = shm_zone->data;
    st = accounts->state;

    if (old == NULL) {
        old = ngx_http_llm_zone_former(shm_zone);
    }

    if (old && old->arena && old->period != accounts->period) {
        ngx_http_llm_account_zone_other(shm_zone);
        return NGX_ERROR;
    }

    rc = ngx_http_llm_keep_init(shm_zone, st, old);

    if (rc == NGX_OK) {
        accounts->bytes = st->size;
        ngx_http_llm_account_zone_say(shm_zone);
    }

    return rc;
}


static void
ngx_http_llm_account_zone_other(ngx_shm_zone_t *shm_zone)
{
    ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                  "%s \"%V\" counts by another period than before: "
                  "give it another name, or restart",
                  ngx_http_llm_account_zone_name(shm_zone),
                  &shm_zone->shm.name);
}


static ngx_int_t
ngx_http_llm_account_zone_inherit(ngx_shm_zone_t *shm_zone)
{
    int                             rc;
    u_char                         *p, *last;
    ngx_slab_pool_t                *shpool;
    ngx_http_llm_accounts_t        *accounts;
    ngx_http_llm_accounts_arena_t  *arena;

    accounts = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    p = shpool->data;
    last = shm_zone->shm.addr + shm_zone->shm.size;

    rc = NGX_HTTP_LLM_ACCOUNTS_FOREIGN;

    if (p > shm_zone->shm.addr
        && p + sizeof(ngx_http_llm_accounts_arena_t) <= last)
    {
        arena = (ngx_http_llm_accounts_arena_t *) p;

        if (arena->size <= (uint64_t) (last - p)) {
            rc = ngx_http_llm_accounts_attach(accounts, arena,
                                              (size_t) arena->size);
        }
    }

    switch (rc) {

    case NGX_HTTP_LLM_ACCOUNTS_OK:
        return NGX_OK;

    case NGX_HTTP_LLM_ACCOUNTS_LAYOUT:
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "%s \"%V\" was made by another version of the module: "
                      "change its size, or restart",
                      ngx_http_llm_account_zone_name(shm_zone),
                      &shm_zone->shm.name);
        return NGX_ERROR;

    case NGX_HTTP_LLM_ACCOUNTS_OTHER:
        ngx_http_llm_account_zone_other(shm_zone);
        return NGX_ERROR;

    default:
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "%s \"%V\" holds something else",
                      ngx_http_llm_account_zone_name(shm_zone),
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }
}


static ngx_int_t
ngx_http_llm_account_zone_create(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_accounts_t *old)
{
    u_char                    secret[16], *p;
    size_t                    size;
    ngx_slab_pool_t          *shpool;
    ngx_http_llm_accounts_t  *accounts;

    accounts = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (old == NULL) {
        old = ngx_http_llm_zone_former(shm_zone);
    }

    if (old && (old->arena == NULL || old->kind != accounts->kind
                || old->period != accounts->period))
    {
        old = NULL;
    }

    p = ngx_http_llm_zone_pages(shm_zone, &size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (old) {
        ngx_memcpy(secret, old->arena->secret, sizeof(secret));

    } else if (ngx_http_llm_zone_random(shm_zone->shm.log, secret,
                                        sizeof(secret))
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llm_accounts_format(accounts, p, size,
                                     ngx_http_llm_zone_clock(CLOCK_MONOTONIC),
                                     ngx_http_llm_zone_clock(CLOCK_REALTIME),
                                     secret)
        != NGX_HTTP_LLM_ACCOUNTS_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "%s \"%V\" is too small",
                      ngx_http_llm_account_zone_name(shm_zone),
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }

    shpool->data = p;

    if (old) {
        ngx_http_llm_account_zone_copy(shm_zone, old);
    }

    return NGX_OK;
}


static void
ngx_http_llm_account_zone_copy(ngx_shm_zone_t *shm_zone,
    ngx_http_llm_accounts_t *old)
{
    uint32_t                      i, lost;
    ngx_uint_t                    level;
    ngx_http_llm_accounts_t      *accounts;
    ngx_http_llm_account_copy_t   copy;
    ngx_http_llm_account_from_t   from;

    accounts = shm_zone->data;

    ngx_http_llm_accounts_adopt(accounts, old, &from);

    for (i = 0, lost = 0; i < old->places; i++) {

        if (ngx_http_llm_account_copy(old, i, &copy)
            && ngx_http_llm_account_import(accounts, &copy, &from) != 0)
        {
            lost++;
        }
    }

    level = lost ? NGX_LOG_WARN : NGX_LOG_NOTICE;

    ngx_log_error(level, shm_zone->shm.log, 0,
                  "%s \"%V\" has %uz bytes instead of %uz: %uD keys were "
                  "taken over, %uD had no room",
                  ngx_http_llm_account_zone_name(shm_zone),
                  &shm_zone->shm.name, accounts->bytes, old->bytes,
                  ngx_http_llm_accounts_used(accounts), lost);
}


/* nginx shows what it logs under -t only from warnings up. */

static void
ngx_http_llm_account_zone_say(ngx_shm_zone_t *shm_zone)
{
    const char               *what;
    ngx_http_llm_accounts_t  *accounts;

    accounts = shm_zone->data;
    what = ngx_http_llm_account_zone_name(shm_zone);

    if (ngx_test_config && !ngx_quiet_mode) {
        ngx_log_stderr(0, "%s \"%V\": %uD keys", what, &shm_zone->shm.name,
                       accounts->keys_max);
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, shm_zone->shm.log, 0, "%s \"%V\": %uD keys",
                  what, &shm_zone->shm.name, accounts->keys_max);
}
