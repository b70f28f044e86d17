
/*
 * Copyright (C) ngx_llm_module authors
 */


#include "ngx_http_llm_conf.h"
#include "llm_price_list.h"

#include <openssl/evp.h>
#include <zlib.h>


/* A list in full; the one known is 1.4 MB. */
#define NGX_HTTP_LLM_PRICES_MAX  (64 * 1024 * 1024)
#define NGX_HTTP_LLM_PRICES_BUF  65536


typedef struct {
    llm_str_t                 name;
    const llm_price_t        *price;
    ngx_uint_t                alias;
} ngx_http_llm_price_entry_t;


typedef struct {
    ngx_conf_t               *cf;
    ngx_http_llm_prices_t    *prices;
} ngx_http_llm_prices_ctx_t;


static ngx_int_t ngx_http_llm_prices_list(ngx_conf_t *cf,
    ngx_http_llm_prices_t *p, ngx_uint_t i, ngx_http_llm_state_t *copy,
    EVP_MD_CTX *md);
static ngx_int_t ngx_http_llm_prices_read(ngx_conf_t *cf, ngx_fd_t fd,
    ngx_str_t *path, ngx_http_llm_price_file_t *file,
    ngx_http_llm_prices_t *p, ngx_uint_t level, EVP_MD_CTX *md);
static void ngx_http_llm_prices_compare(ngx_conf_t *cf,
    ngx_http_llm_prices_t *p, ngx_http_llm_prices_t *old);
static int ngx_http_llm_prices_entry(void *data, const llm_price_entry_t *e);


ngx_int_t
ngx_http_llm_prices_init(ngx_conf_t *cf, ngx_http_llm_prices_t *p)
{
    if (ngx_array_init(&p->files, cf->pool, 2,
                       sizeof(ngx_http_llm_price_file_t))
           != NGX_OK
        || ngx_array_init(&p->rules, cf->pool, 4, sizeof(llm_price_rule_t))
           != NGX_OK
        || ngx_array_init(&p->regexes, cf->pool, 2,
                          sizeof(ngx_http_llm_price_regex_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


char *
ngx_http_llm_prices_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *mcf = conf;

    ngx_str_t                  *value;
    ngx_http_llm_price_file_t  *file;

    value = cf->args->elts;

    file = ngx_array_push(&mcf->prices.files);
    if (file == NULL) {
        return NGX_CONF_ERROR;
    }

    file->path = value[1];
    file->models = 0;
    file->copied = 0;

    if (ngx_conf_full_name(cf->cycle, &file->path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


const llm_price_t *
ngx_http_llm_prices_pack(ngx_conf_t *cf, const llm_price_t *price)
{
    llm_price_t  *copy;

    copy = ngx_palloc(cf->pool, llm_price_size(price));
    if (copy == NULL) {
        return NULL;
    }

    ngx_memcpy(copy, price, llm_price_size(price));

    return copy;
}


ngx_int_t
ngx_http_llm_prices_done(ngx_conf_t *cf, ngx_http_llm_prices_t *p,
    ngx_http_llm_prices_t *old, ngx_http_llm_state_t *copy)
{
    u_char                      *hash;
    uint32_t                     nslots;
    unsigned int                 len;
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    EVP_MD_CTX                  *md;
    llm_price_slot_t            *slots;
    ngx_http_llm_price_entry_t  *e;

    if (ngx_array_init(&p->entries, cf->temp_pool, 64,
                       sizeof(ngx_http_llm_price_entry_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (p->files.nelts) {
        md = EVP_MD_CTX_new();
        if (md == NULL) {
            return NGX_ERROR;
        }

        rc = EVP_DigestInit_ex(md, EVP_sha256(), NULL) ? NGX_OK : NGX_ERROR;

        for (i = 0; rc == NGX_OK && i < p->files.nelts; i++) {
            rc = ngx_http_llm_prices_list(cf, p, i, copy, md);
        }

        hash = ngx_palloc(cf->temp_pool, EVP_MAX_MD_SIZE);
        p->sha256.data = ngx_palloc(cf->pool, EVP_MAX_MD_SIZE * 2);

        if (rc == NGX_OK
            && (hash == NULL || p->sha256.data == NULL
                || !EVP_DigestFinal_ex(md, hash, &len)))
        {
            rc = NGX_ERROR;
        }

        EVP_MD_CTX_free(md);

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        p->sha256.len = ngx_hex_dump(p->sha256.data, hash, len)
                        - p->sha256.data;
        p->loaded = ngx_time();
    }

    nslots = llm_price_table_slots(p->entries.nelts);

    slots = ngx_pcalloc(cf->pool, nslots * sizeof(llm_price_slot_t));
    if (slots == NULL) {
        return NGX_ERROR;
    }

    llm_price_table_init(&p->table, slots, nslots);

    e = p->entries.elts;

    for (i = 0; i < p->entries.nelts; i++) {
        if (e[i].alias) {
            (void) llm_price_table_alias(&p->table, e[i].name, e[i].price);

        } else {
            (void) llm_price_table_put(&p->table, e[i].name, e[i].price);
        }
    }

    p->models = p->table.n;

    if (old && p->files.nelts) {
        ngx_http_llm_prices_compare(cf, p, old);
    }

    return NGX_OK;
}


/*
 * A list may have been cut on its way here and still be one.  It is used,
 * for it may be meant; and said, for most often it is not.
 */

static void
ngx_http_llm_prices_compare(ngx_conf_t *cf, ngx_http_llm_prices_t *p,
    ngx_http_llm_prices_t *old)
{
    ngx_uint_t                  i, k, said;
    ngx_http_llm_price_file_t  *file, *was;

    file = p->files.elts;
    was = old->files.elts;
    said = 0;

    for (i = 0; i < p->files.nelts; i++) {
        for (k = 0; k < old->files.nelts; k++) {

            if (file[i].path.len != was[k].path.len
                || ngx_strncmp(file[i].path.data, was[k].path.data,
                               was[k].path.len)
                   != 0
                || file[i].models * 2 >= was[k].models)
            {
                continue;
            }

            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "price list \"%V\" has lost more than half of its "
                          "models: %ui, and %ui in the running configuration",
                          &file[i].path, file[i].models, was[k].models);
            said = 1;
            break;
        }
    }

    if (!said && p->models * 2 < old->models) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "the price lists have lost more than half of their "
                      "names: %uL, and %uL in the running configuration",
                      p->models, old->models);
    }
}


static void
ngx_http_llm_prices_error(ngx_conf_t *cf, ngx_str_t *path, ngx_uint_t level,
    llm_price_error_t *err)
{
    ngx_str_t  entry, key;

    entry.data = (u_char *) err->entry.data;
    entry.len = err->entry.len;
    key.data = (u_char *) err->key.data;
    key.len = err->key.len;

    if (entry.len == 0) {
        ngx_log_error(level, cf->log, 0,
                      "price list \"%V\", line %uL: %s",
                      path, err->line, err->what);
        return;
    }

    if (key.len == 0) {
        ngx_log_error(level, cf->log, 0,
                      "price list \"%V\", line %uL, entry \"%V\": %s",
                      path, err->line, &entry, err->what);
        return;
    }

    ngx_log_error(level, cf->log, 0,
                  "price list \"%V\", line %uL, entry \"%V\", \"%V\": %s",
                  path, err->line, &entry, &key, err->what);
}


/* As configured; else, at a cold start, its last good copy. */

static ngx_int_t
ngx_http_llm_prices_list(ngx_conf_t *cf, ngx_http_llm_prices_t *p,
    ngx_uint_t i, ngx_http_llm_state_t *copy, EVP_MD_CTX *md)
{
    ngx_fd_t                    fd;
    ngx_str_t                  *path, name;
    ngx_int_t                   rc;
    ngx_uint_t                  level, entries;
    EVP_MD_CTX                 *before;
    ngx_http_llm_price_file_t  *file;

    file = p->files.elts;
    file += i;
    path = &file->path;
    level = copy ? NGX_LOG_ERR : NGX_LOG_EMERG;
    entries = p->entries.nelts;
    rc = NGX_ERROR;

    before = EVP_MD_CTX_new();

    if (before == NULL || !EVP_MD_CTX_copy_ex(before, md)) {
        EVP_MD_CTX_free(before);
        return NGX_ERROR;
    }

    /* a FIFO must not hold up the master */

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(level, cf->log, ngx_errno,
                      "price list " ngx_open_file_n " \"%V\" failed", path);

    } else {
        rc = ngx_http_llm_prices_read(cf, fd, path, file, p, level, md);
    }

    if (rc != NGX_OK && copy) {
        fd = ngx_http_llm_prices_open(cf, copy, i, &name);

        if (fd != NGX_INVALID_FILE && EVP_MD_CTX_copy_ex(md, before)) {
            p->entries.nelts = entries;
            file->copied = 1;

            rc = ngx_http_llm_prices_read(cf, fd, &name, file, p,
                                          NGX_LOG_EMERG, md);
        }
    }

    EVP_MD_CTX_free(before);

    return rc;
}


static ngx_int_t
ngx_http_llm_prices_read(ngx_conf_t *cf, ngx_fd_t fd, ngx_str_t *path,
    ngx_http_llm_price_file_t *file, ngx_http_llm_prices_t *p,
    ngx_uint_t level, EVP_MD_CTX *md)
{
    int                         rc;
    off_t                       size;
    u_char                     *buf;
    ssize_t                     n;
    llm_price_list_t           *list;
    ngx_http_llm_prices_ctx_t   ctx;

    ctx.cf = cf;
    ctx.prices = p;
    size = 0;
    n = 0;

    list = ngx_palloc(cf->temp_pool, sizeof(llm_price_list_t));
    buf = ngx_palloc(cf->temp_pool, NGX_HTTP_LLM_PRICES_BUF);

    if (list == NULL || buf == NULL) {
        (void) ngx_close_file(fd);
        return NGX_ERROR;
    }

    file->crc = (uint32_t) crc32(0, NULL, 0);

    rc = llm_price_list_init(list, ngx_http_llm_prices_entry, &ctx);

    while (rc == LLM_PRICE_LIST_OK) {
        n = ngx_read_fd(fd, buf, NGX_HTTP_LLM_PRICES_BUF);

        if (n <= 0) {
            break;
        }

        size += n;

        if (size > NGX_HTTP_LLM_PRICES_MAX) {
            break;
        }

        if (!EVP_DigestUpdate(md, buf, n)) {
            n = -1;
            break;
        }

        file->crc = (uint32_t) crc32(file->crc, buf, (uInt) n);
        rc = llm_price_list_feed(list, buf, n);
    }

    if (n == -1) {
        ngx_log_error(level, cf->log, ngx_errno,
                      "price list " ngx_read_fd_n " \"%V\" failed", path);
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", path);
    }

    if (n == -1) {
        return NGX_ERROR;
    }

    if (size > NGX_HTTP_LLM_PRICES_MAX) {
        ngx_log_error(level, cf->log, 0,
                      "price list \"%V\" is larger than %d bytes",
                      path, NGX_HTTP_LLM_PRICES_MAX);
        return NGX_ERROR;
    }

    if (rc == LLM_PRICE_LIST_OK) {
        rc = llm_price_list_end(list);
    }

    if (rc == LLM_PRICE_LIST_ERROR) {
        ngx_http_llm_prices_error(cf, path, level, &list->error);
    }

    file->models = list->stat.models;
    file->size = size;

    return (rc == LLM_PRICE_LIST_OK) ? NGX_OK : NGX_ERROR;
}


static int
ngx_http_llm_prices_name(ngx_http_llm_prices_ctx_t *ctx, llm_str_t name,
    const llm_price_t *price, ngx_uint_t alias)
{
    u_char                      *copy;
    ngx_http_llm_price_entry_t  *e;

    e = ngx_array_push(&ctx->prices->entries);
    copy = ngx_pnalloc(ctx->cf->pool, name.len);

    if (e == NULL || copy == NULL) {
        return 1;
    }

    ngx_memcpy(copy, name.data, name.len);

    e->name.data = copy;
    e->name.len = name.len;
    e->price = price;
    e->alias = alias;

    return 0;
}


static int
ngx_http_llm_prices_entry(void *data, const llm_price_entry_t *e)
{
    ngx_http_llm_prices_ctx_t *ctx = data;

    size_t              i;
    const llm_price_t  *price;

    price = ngx_http_llm_prices_pack(ctx->cf, e->price);

    if (price == NULL
        || ngx_http_llm_prices_name(ctx, e->name, price, 0) != 0)
    {
        return 1;
    }

    for (i = 0; i < e->naliases; i++) {
        if (ngx_http_llm_prices_name(ctx, e->alias[i], price, 1) != 0) {
            return 1;
        }
    }

    return 0;
}


#if (NGX_PCRE)

static const llm_price_t *
ngx_http_llm_prices_match(ngx_http_llm_prices_t *p, llm_str_t model,
    const llm_name_query_t *q, llm_str_t route)
{
    ngx_str_t                    s;
    ngx_uint_t                   i;
    ngx_http_llm_price_regex_t  *re, *best;

    if (model.len == 0) {
        return NULL;
    }

    s.data = (u_char *) model.data;
    s.len = model.len;

    re = p->regexes.elts;
    best = NULL;

    for (i = 0; i < p->regexes.nelts; i++) {

        if (!llm_price_rule_holds(&re[i].rule, q->provider, route)
            || ngx_regex_exec(re[i].regex, &s, NULL, 0) < 0)
        {
            continue;
        }

        if (best == NULL || llm_price_rule_beats(&best->rule, &re[i].rule)
                            == 0)
        {
            best = &re[i];
        }
    }

    return best ? best->rule.price : NULL;
}

#endif


const llm_price_t *
ngx_http_llm_prices_find(ngx_http_llm_prices_t *p, const llm_name_query_t *q,
    llm_str_t route, uint8_t *how)
{
    llm_match_e              match;
    const llm_price_t       *price;
    const llm_price_rule_t  *rule;

    *how = LLM_MATCH_RULE;

    if (p->rules.nelts) {
        rule = llm_price_rule_find(p->rules.elts, p->rules.nelts, q, route);
        if (rule) {
            return rule->price;
        }
    }

#if (NGX_PCRE)
    if (p->regexes.nelts) {
        price = ngx_http_llm_prices_match(p, q->answered, q, route);
        if (price) {
            return price;
        }

        price = ngx_http_llm_prices_match(p, q->asked, q, route);
        if (price) {
            return price;
        }
    }
#endif

    *how = LLM_MATCH_NONE;

    if (p->table.n == 0) {
        return NULL;
    }

    price = llm_price_find(&p->table, q, &match);
    *how = match;

    return price;
}
