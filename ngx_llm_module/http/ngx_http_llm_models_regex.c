
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Regexes of models.
 *
 * Those of the configuration are compiled with it.  Those that come in
 * variables are compiled when they are met, and a worker remembers the last
 * few, the malformed ones too, each in a pool of its own that goes when the
 * place is wanted.  How long a match may take is bounded in the pattern.
 */


#include "ngx_http_llm_models.h"


#define NGX_HTTP_LLM_REGEX_CACHE  64     /* of a worker */
#define NGX_HTTP_LLM_REGEX_POOL   4096
#define NGX_HTTP_LLM_REGEX_LIMIT  "(*LIMIT_MATCH=20000)"


#if (NGX_PCRE)

static ngx_regex_t *
ngx_http_llm_models_regex(ngx_pool_t *pool, const llm_pattern_t *p,
    ngx_str_t *err)
{
    ngx_regex_compile_t  rc;

    ngx_memzero(&rc, sizeof(ngx_regex_compile_t));

    rc.pattern.len = sizeof(NGX_HTTP_LLM_REGEX_LIMIT) - 1 + p->text.len;
    rc.pattern.data = ngx_pnalloc(pool, rc.pattern.len + 1);

    if (rc.pattern.data == NULL) {
        return NULL;
    }

    *ngx_cpymem(ngx_cpymem(rc.pattern.data, NGX_HTTP_LLM_REGEX_LIMIT,
                           sizeof(NGX_HTTP_LLM_REGEX_LIMIT) - 1),
                p->text.data, p->text.len)
        = '\0';

    rc.pool = pool;
    rc.err = *err;

    if (ngx_regex_compile(&rc) != NGX_OK) {
        *err = rc.err;
        return NULL;
    }

    return rc.regex;
}


void *
ngx_http_llm_models_compile(ngx_conf_t *cf, const llm_pattern_t *p)
{
    u_char        errstr[NGX_MAX_CONF_ERRSTR];
    ngx_str_t     err;
    ngx_regex_t  *regex;

    err.data = errstr;
    err.len = NGX_MAX_CONF_ERRSTR;

    regex = ngx_http_llm_models_regex(cf->pool, p, &err);

    if (regex == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V", &err);
    }

    return regex;
}


ngx_int_t
ngx_http_llm_models_exec(void *regex, llm_str_t model)
{
    ngx_int_t  rc;
    ngx_str_t  s;

    /* an empty one has no address, and may not be left without */

    s.data = model.len ? (u_char *) model.data : (u_char *) "";
    s.len = model.len;

    rc = ngx_regex_exec((ngx_regex_t *) regex, &s, NULL, 0);

    return (rc >= 0) ? NGX_OK
           : (rc == NGX_REGEX_NO_MATCHED) ? NGX_DECLINED : NGX_ERROR;
}


typedef struct {
    ngx_pool_t                *pool;
    ngx_regex_t               *regex;      /* NULL: malformed */
    u_char                    *text;
    size_t                     len;
    ngx_uint_t                 used;
} ngx_http_llm_models_cached_t;


static ngx_http_llm_models_cached_t
    ngx_http_llm_models_cache[NGX_HTTP_LLM_REGEX_CACHE];

static ngx_uint_t  ngx_http_llm_models_clock;


static ngx_int_t
ngx_http_llm_models_keep(ngx_http_llm_models_cached_t *c,
    const llm_pattern_t *p)
{
    u_char      errstr[NGX_MAX_CONF_ERRSTR];
    ngx_str_t   err;

    if (c->pool) {
        ngx_destroy_pool(c->pool);
        ngx_memzero(c, sizeof(ngx_http_llm_models_cached_t));
    }

    c->pool = ngx_create_pool(NGX_HTTP_LLM_REGEX_POOL, ngx_cycle->log);
    if (c->pool == NULL) {
        return NGX_ERROR;
    }

    c->text = ngx_pnalloc(c->pool, p->text.len);

    if (c->text == NULL) {
        ngx_destroy_pool(c->pool);
        c->pool = NULL;
        return NGX_ERROR;
    }

    ngx_memcpy(c->text, p->text.data, p->text.len);
    c->len = p->text.len;

    err.data = errstr;
    err.len = NGX_MAX_CONF_ERRSTR;

    c->regex = ngx_http_llm_models_regex(c->pool, p, &err);

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_models_match(const llm_pattern_t *p, llm_str_t model)
{
    ngx_uint_t                     i;
    ngx_http_llm_models_cached_t  *c, *oldest;

    oldest = ngx_http_llm_models_cache;
    c = NULL;

    for (i = 0; i < NGX_HTTP_LLM_REGEX_CACHE; i++) {
        c = &ngx_http_llm_models_cache[i];

        if (c->pool && c->len == p->text.len
            && ngx_memcmp(c->text, p->text.data, c->len) == 0)
        {
            break;
        }

        if (c->used < oldest->used) {
            oldest = c;
        }
    }

    if (i == NGX_HTTP_LLM_REGEX_CACHE) {
        c = oldest;

        if (ngx_http_llm_models_keep(c, p) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    c->used = ++ngx_http_llm_models_clock;

    return c->regex ? ngx_http_llm_models_exec(c->regex, model) : NGX_ERROR;
}


void
ngx_http_llm_models_exit(void)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_LLM_REGEX_CACHE; i++) {
        if (ngx_http_llm_models_cache[i].pool) {
            ngx_destroy_pool(ngx_http_llm_models_cache[i].pool);
            ngx_http_llm_models_cache[i].pool = NULL;
        }
    }
}

#else

void *
ngx_http_llm_models_compile(ngx_conf_t *cf, const llm_pattern_t *p)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "a \"~regex\" needs nginx built with PCRE");
    return NULL;
}


ngx_int_t
ngx_http_llm_models_exec(void *regex, llm_str_t model)
{
    return NGX_ERROR;
}


ngx_int_t
ngx_http_llm_models_match(const llm_pattern_t *p, llm_str_t model)
{
    return NGX_ERROR;
}


void
ngx_http_llm_models_exit(void)
{
    /* nothing was kept */
}

#endif
