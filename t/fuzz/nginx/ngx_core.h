
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Names of nginx's core over libc.  Each allocation of a pool is one of
 * malloc's, of its exact size, so that a sanitizer sees its ends and what is
 * lost; and any of them can be made to fail.
 */


#ifndef _NGX_CORE_H_INCLUDED_
#define _NGX_CORE_H_INCLUDED_


#include "tap.h"

#include <ngx_config.h>


#define NGX_OK        0
#define NGX_ERROR    -1
#define NGX_AGAIN    -2
#define NGX_DECLINED -5


typedef struct {
    size_t   len;
    u_char  *data;
} ngx_str_t;

#define ngx_max(a, b)  ((a) < (b) ? (b) : (a))
#define ngx_string(s)  { sizeof(s) - 1, (u_char *) s }


#define NGX_POOL_MAX  16


typedef struct {
    void        *block[NGX_POOL_MAX];
    ngx_uint_t   left;               /* allocations until one fails */
} ngx_pool_t;


static inline void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    ngx_uint_t  i;

    if (pool->left-- == 0) {
        return NULL;
    }

    for (i = 0; pool->block[i]; i++) {
        CHECK(i + 1 < NGX_POOL_MAX);
    }

    pool->block[i] = malloc(size);
    CHECK(pool->block[i] != NULL);

    return pool->block[i];
}


static inline void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    void  *p;

    p = ngx_palloc(pool, size);

    return p ? memset(p, 0, size) : NULL;
}


static inline ngx_int_t
ngx_pfree(ngx_pool_t *pool, void *p)
{
    ngx_uint_t  i;

    for (i = 0; pool->block[i] != p; i++) {
        CHECK(i + 1 < NGX_POOL_MAX);
    }

    free(p);
    pool->block[i] = NULL;

    return NGX_OK;
}


/* How many blocks the pool has. */

static inline ngx_uint_t
ngx_pool_blocks(const ngx_pool_t *pool)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < NGX_POOL_MAX; i++) {
        n += (pool->block[i] != NULL);
    }

    return n;
}


static inline void
ngx_reset_pool(ngx_pool_t *pool)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_POOL_MAX; i++) {
        free(pool->block[i]);
        pool->block[i] = NULL;
    }
}


#define ngx_strncasecmp(a, b, n)                                              \
    strncasecmp((const char *) (a), (const char *) (b), n)


#endif /* _NGX_CORE_H_INCLUDED_ */
