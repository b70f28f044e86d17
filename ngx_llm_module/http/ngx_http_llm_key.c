
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Who calls: a digest of the API key.
 *
 * Each API has its own place for the key, and a call may carry several: the
 * first one that is not empty counts.  Where two differ, only the provider
 * knows which one it takes, so a gate must not choose; names and values of
 * arguments are compared as the provider reads them, unescaped.
 *
 * The secret keeps anybody who sees an id from trying keys on it.  Without
 * one in the configuration it is drawn at the start, by the master, so that
 * all workers have the same, and kept over reloads.
 */


#include "ngx_http_llm_key.h"
#include "ngx_http_llm_inspect.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>


#define NGX_HTTP_LLM_SECRET_LEN  32      /* of one that is drawn */
#define NGX_HTTP_LLM_SECRET_MAX  4096    /* of one that is read */


/* The places of keys, in their order; then the argument "key". */

static const ngx_str_t  ngx_http_llm_key_headers[] = {
    ngx_string("x-api-key"),
    ngx_string("api-key"),
    ngx_string("x-goog-api-key"),
    ngx_string("authorization"),
    ngx_null_string
};


typedef struct {
    ngx_str_t                  key;
    unsigned                   differ:1;
} ngx_http_llm_key_seen_t;


static void
ngx_http_llm_key_see(ngx_http_llm_key_seen_t *seen, ngx_str_t *key)
{
    if (key->len == 0) {
        return;
    }

    if (seen->key.len == 0) {
        seen->key = *key;
        return;
    }

    if (seen->key.len != key->len
        || ngx_memcmp(seen->key.data, key->data, key->len) != 0)
    {
        seen->differ = 1;
    }
}


/* What stands in "Authorization": of its schemes one is a key. */

static void
ngx_http_llm_key_bearer(ngx_str_t *key)
{
    static const size_t  len = sizeof("Bearer ") - 1;

    if (key->len < len
        || ngx_strncasecmp(key->data, (u_char *) "Bearer ", len) != 0)
    {
        key->len = 0;
        return;
    }

    key->data += len;
    key->len -= len;

    while (key->len && *key->data == ' ') {
        key->data++;
        key->len--;
    }
}


static void
ngx_http_llm_key_header(ngx_http_request_t *r, const ngx_str_t *name,
    ngx_http_llm_key_seen_t *seen)
{
    ngx_str_t         key;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len != name->len
                || ngx_strcasecmp(h[i].key.data, name->data) != 0)
            {
                continue;
            }

            key = h[i].value;

            if (name->data[0] == 'a' && name->data[1] == 'u') {
                ngx_http_llm_key_bearer(&key);
            }

            ngx_http_llm_key_see(seen, &key);
        }
    }
}


/* Unescaped, in place; a plus is a space there, which no key has. */

static void
ngx_http_llm_key_unescape(ngx_str_t *s)
{
    u_char  *dst, *src;

    dst = s->data;
    src = s->data;

    ngx_unescape_uri(&dst, &src, s->len, 0);

    s->len = dst - s->data;
}


static ngx_int_t
ngx_http_llm_key_args(ngx_http_request_t *r, ngx_http_llm_key_seen_t *seen)
{
    u_char     *p, *e, *next, *eq;
    ngx_str_t   name, value;

    if (r->args.len == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, r->args.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, r->args.data, r->args.len);
    e = p + r->args.len;

    for ( /* void */ ; p < e; p = next + 1) {
        next = ngx_strlchr(p, e, '&');
        next = next ? next : e;

        eq = ngx_strlchr(p, next, '=');

        if (eq == NULL) {
            continue;
        }

        name.data = p;
        name.len = eq - p;
        ngx_http_llm_key_unescape(&name);

        if (name.len != 3 || ngx_strncmp(name.data, "key", 3) != 0) {
            continue;
        }

        value.data = eq + 1;
        value.len = next - value.data;
        ngx_http_llm_key_unescape(&value);

        ngx_http_llm_key_see(seen, &value);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_key_digest(ngx_http_llm_main_conf_t *mcf, const u_char *p,
    size_t len, u_char *hex)
{
    u_char        hash[EVP_MAX_MD_SIZE];
    unsigned int  n;

    if (HMAC(EVP_sha256(), mcf->key_secret.data, mcf->key_secret.len, p, len,
             hash, &n)
        == NULL)
    {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(hex, hash, NGX_HTTP_LLM_KEY_ID / 2);

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_key(ngx_http_llm_ctx_t *ctx, ngx_str_t *id)
{
    const ngx_str_t           *name;
    ngx_http_request_t        *r;
    ngx_http_llm_inspect_t    *in;
    ngx_http_llm_key_seen_t    seen;
    ngx_http_llm_main_conf_t  *mcf;

    r = ctx->request;

    in = ngx_http_llm_inspect_get(ctx);
    if (in == NULL) {
        return NGX_ERROR;
    }

    if (!in->key_known) {
        ngx_memzero(&seen, sizeof(ngx_http_llm_key_seen_t));

        for (name = ngx_http_llm_key_headers; name->len; name++) {
            ngx_http_llm_key_header(r, name, &seen);
        }

        if (ngx_http_llm_key_args(r, &seen) != NGX_OK) {
            return NGX_ERROR;
        }

        in->key_there = (seen.key.len != 0);
        in->key_differ = seen.differ;

        mcf = ngx_http_get_module_main_conf(r, ngx_http_llm_module);

        if (seen.key.len
            && ngx_http_llm_key_digest(mcf, seen.key.data, seen.key.len,
                                       in->key_id)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        in->key_known = 1;
    }

    if (!in->key_there) {
        return NGX_DECLINED;
    }

    id->data = in->key_id;
    id->len = NGX_HTTP_LLM_KEY_ID;

    return in->key_differ ? NGX_ABORT : NGX_OK;
}


static char *
ngx_http_llm_key_file(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *secret)
{
    u_char     buf[NGX_HTTP_LLM_SECRET_MAX + 1];
    ssize_t    n;
    ngx_fd_t   fd;
    ngx_err_t  err;

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", path);
        return NGX_CONF_ERROR;
    }

    n = ngx_read_fd(fd, buf, sizeof(buf));
    err = ngx_errno;

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", path);
    }

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, err,
                           ngx_read_fd_n " \"%V\" failed", path);
        return NGX_CONF_ERROR;
    }

    if (n > NGX_HTTP_LLM_SECRET_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the secret in \"%V\" is longer than %d bytes",
                           path, NGX_HTTP_LLM_SECRET_MAX);
        return NGX_CONF_ERROR;
    }

    /* an editor's end of the line is no part of it */

    while (n && (buf[n - 1] == LF || buf[n - 1] == CR)) {
        n--;
    }

    secret->len = n;
    secret->data = ngx_pnalloc(cf->pool, n + 1);

    if (secret->data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(secret->data, buf, n);
    ngx_explicit_memzero(buf, sizeof(buf));

    return NGX_CONF_OK;
}


/* llm_key_secret string | file=path; */

char *
ngx_http_llm_key_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *mcf = conf;

    ngx_str_t  *value, path;

    if (mcf->key_given) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strncmp(value[1].data, "file=", 5) == 0) {
        path.data = value[1].data + 5;
        path.len = value[1].len - 5;

        if (path.len == 0) {
            return "needs a path after \"file=\"";
        }

        if (ngx_http_llm_key_file(cf, &path, &mcf->key_secret)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }

    } else {
        mcf->key_secret = value[1];
    }

    if (mcf->key_secret.len == 0) {
        return "is empty";
    }

    mcf->key_given = 1;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_llm_key_init(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf,
    ngx_http_llm_main_conf_t *old)
{
    ngx_str_t  *s;

    if (mcf->key_given) {
        return NGX_OK;
    }

    s = &mcf->key_secret;

    s->data = ngx_pnalloc(cf->pool, NGX_HTTP_LLM_SECRET_LEN);
    if (s->data == NULL) {
        return NGX_ERROR;
    }

    s->len = NGX_HTTP_LLM_SECRET_LEN;

    if (old && !old->key_given && old->key_secret.len == s->len) {
        ngx_memcpy(s->data, old->key_secret.data, s->len);
        return NGX_OK;
    }

    if (RAND_bytes(s->data, s->len) != 1) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "llm: no random numbers for \"llm_key_secret\"");
        return NGX_ERROR;
    }

    return NGX_OK;
}
