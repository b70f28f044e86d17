
/*
 * Copyright (C) ngx_llm_module authors
 */


#include "ngx_http_llm_conf.h"
#include "llm_price_list.h"

#include <openssl/evp.h>


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


static const struct {
    ngx_str_t   name;
    ngx_uint_t  rate;
} ngx_http_llm_price_args[] = {
    { ngx_string("input="), LLM_RATE_INPUT },
    { ngx_string("output="), LLM_RATE_OUTPUT },
    { ngx_string("cache_read="), LLM_RATE_CACHE_READ },
    { ngx_string("cache_write="), LLM_RATE_CACHE_WRITE },
    { ngx_string("cache_write_1h="), LLM_RATE_CACHE_WRITE_1H },
    { ngx_string("reasoning="), LLM_RATE_REASONING },
    { ngx_string("request="), LLM_RATE_REQUEST }
};


static ngx_int_t ngx_http_llm_prices_read(ngx_conf_t *cf, ngx_str_t *path,
    ngx_http_llm_prices_t *p, EVP_MD_CTX *md);
static int ngx_http_llm_prices_entry(void *data, const llm_price_entry_t *e);


ngx_int_t
ngx_http_llm_prices_init(ngx_conf_t *cf, ngx_http_llm_prices_t *p)
{
    if (ngx_array_init(&p->files, cf->pool, 2, sizeof(ngx_str_t)) != NGX_OK
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

    ngx_str_t  *value, *file;

    value = cf->args->elts;

    file = ngx_array_push(&mcf->prices.files);
    if (file == NULL) {
        return NGX_CONF_ERROR;
    }

    *file = value[1];

    if (ngx_conf_full_name(cf->cycle, file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static const llm_price_t *
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


/* One argument of llm_price after the model. */

static const char *
ngx_http_llm_prices_arg(llm_price_draft_t *draft, llm_price_rule_t *rule,
    ngx_str_t *arg, ngx_uint_t *seen)
{
    llm_str_t    value;
    ngx_uint_t   i;
    llm_price_e  rc;

    if (ngx_strncmp(arg->data, "provider=", 9) == 0) {
        rule->provider.data = arg->data + 9;
        rule->provider.len = arg->len - 9;
        return NULL;
    }

    if (ngx_strncmp(arg->data, "route=", 6) == 0) {
        rule->route.data = arg->data + 6;
        rule->route.len = arg->len - 6;
        return NULL;
    }

    for (i = 0;
         i < sizeof(ngx_http_llm_price_args)
             / sizeof(ngx_http_llm_price_args[0]);
         i++)
    {
        if (arg->len < ngx_http_llm_price_args[i].name.len
            || ngx_strncmp(arg->data, ngx_http_llm_price_args[i].name.data,
                           ngx_http_llm_price_args[i].name.len)
               != 0)
        {
            continue;
        }

        if (*seen & (1 << i)) {
            return "given twice";
        }

        *seen |= 1 << i;

        value.data = arg->data + ngx_http_llm_price_args[i].name.len;
        value.len = arg->len - ngx_http_llm_price_args[i].name.len;

        rc = llm_price_draft_million(draft, ngx_http_llm_price_args[i].rate,
                                     value);

        return (rc == LLM_PRICE_OK) ? NULL : llm_price_errors[rc];
    }

    return "no such parameter";
}


static char *
ngx_http_llm_prices_regex(ngx_conf_t *cf, ngx_http_llm_prices_t *p,
    llm_price_rule_t *rule)
{
#if (NGX_PCRE)
    u_char                       errstr[NGX_MAX_CONF_ERRSTR];
    ngx_regex_compile_t          rc;
    ngx_http_llm_price_regex_t  *re;

    ngx_memzero(&rc, sizeof(ngx_regex_compile_t));

    rc.pattern.data = (u_char *) rule->pattern.data;
    rc.pattern.len = rule->pattern.len;
    rc.pool = cf->pool;
    rc.err.len = NGX_MAX_CONF_ERRSTR;
    rc.err.data = errstr;

    if (ngx_regex_compile(&rc) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V", &rc.err);
        return NGX_CONF_ERROR;
    }

    re = ngx_array_push(&p->regexes);
    if (re == NULL) {
        return NGX_CONF_ERROR;
    }

    re->rule = *rule;
    re->regex = rc.regex;

    return NGX_CONF_OK;
#else
    return "needs PCRE for a \"~regex\"";
#endif
}


char *
ngx_http_llm_prices_rule(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *mcf = conf;

    llm_str_t           word;
    ngx_str_t          *value;
    ngx_uint_t          i, seen;
    llm_price_e         rc;
    const char         *why;
    llm_price_t        *price;
    llm_price_rule_t    rule, *r;
    llm_price_draft_t  *draft;

    value = cf->args->elts;
    ngx_memzero(&rule, sizeof(llm_price_rule_t));

    word.data = value[1].data;
    word.len = value[1].len;

    if (llm_price_rule_pattern(&rule, word) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid model \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    draft = ngx_palloc(cf->temp_pool, sizeof(llm_price_draft_t));
    price = ngx_palloc(cf->temp_pool, LLM_PRICE_MAX_SIZE);

    if (draft == NULL || price == NULL) {
        return NGX_CONF_ERROR;
    }

    llm_price_draft_init(draft);
    seen = 0;

    for (i = 2; i < cf->args->nelts; i++) {
        why = ngx_http_llm_prices_arg(draft, &rule, &value[i], &seen);

        if (why) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": %s",
                               &value[i], why);
            return NGX_CONF_ERROR;
        }
    }

    if ((seen & 3) != 3) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"llm_price\" of \"%V\" needs \"input=\" and "
                           "\"output=\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    rc = llm_price_pack(draft, price);
    if (rc != LLM_PRICE_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "price of \"%V\": %s",
                           &value[1], llm_price_errors[rc]);
        return NGX_CONF_ERROR;
    }

    rule.price = ngx_http_llm_prices_pack(cf, price);
    if (rule.price == NULL) {
        return NGX_CONF_ERROR;
    }

    if (rule.kind == LLM_RULE_REGEX) {
        return ngx_http_llm_prices_regex(cf, &mcf->prices, &rule);
    }

    r = ngx_array_push(&mcf->prices.rules);
    if (r == NULL) {
        return NGX_CONF_ERROR;
    }

    *r = rule;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_llm_prices_done(ngx_conf_t *cf, ngx_http_llm_prices_t *p)
{
    u_char                      *hash;
    uint32_t                     nslots;
    unsigned int                 len;
    ngx_int_t                    rc;
    ngx_str_t                   *file;
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

    file = p->files.elts;

    if (p->files.nelts) {
        md = EVP_MD_CTX_new();
        if (md == NULL) {
            return NGX_ERROR;
        }

        rc = EVP_DigestInit_ex(md, EVP_sha256(), NULL) ? NGX_OK : NGX_ERROR;

        for (i = 0; rc == NGX_OK && i < p->files.nelts; i++) {
            rc = ngx_http_llm_prices_read(cf, &file[i], p, md);
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

    return NGX_OK;
}


static void
ngx_http_llm_prices_error(ngx_conf_t *cf, ngx_str_t *path,
    llm_price_error_t *err)
{
    ngx_str_t  entry, key;

    entry.data = (u_char *) err->entry.data;
    entry.len = err->entry.len;
    key.data = (u_char *) err->key.data;
    key.len = err->key.len;

    if (entry.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "price list \"%V\", line %uL: %s",
                      path, err->line, err->what);
        return;
    }

    if (key.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "price list \"%V\", line %uL, entry \"%V\": %s",
                      path, err->line, &entry, err->what);
        return;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "price list \"%V\", line %uL, entry \"%V\", \"%V\": %s",
                  path, err->line, &entry, &key, err->what);
}


static ngx_int_t
ngx_http_llm_prices_read(ngx_conf_t *cf, ngx_str_t *path,
    ngx_http_llm_prices_t *p, EVP_MD_CTX *md)
{
    int                         rc;
    off_t                       size;
    u_char                     *buf;
    ssize_t                     n;
    ngx_fd_t                    fd;
    llm_price_list_t           *list;
    ngx_http_llm_prices_ctx_t   ctx;

    ctx.cf = cf;
    ctx.prices = p;
    size = 0;
    n = 0;

    list = ngx_palloc(cf->temp_pool, sizeof(llm_price_list_t));
    buf = ngx_palloc(cf->temp_pool, NGX_HTTP_LLM_PRICES_BUF);

    if (list == NULL || buf == NULL) {
        return NGX_ERROR;
    }

    /* a FIFO must not hold up the master */

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno,
                      "price list " ngx_open_file_n " \"%V\" failed", path);
        return NGX_ERROR;
    }

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

        rc = llm_price_list_feed(list, buf, n);
    }

    if (n == -1) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno,
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
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "price list \"%V\" is larger than %d bytes",
                      path, NGX_HTTP_LLM_PRICES_MAX);
        return NGX_ERROR;
    }

    if (rc == LLM_PRICE_LIST_OK) {
        rc = llm_price_list_end(list);
    }

    if (rc == LLM_PRICE_LIST_ERROR) {
        ngx_http_llm_prices_error(cf, path, &list->error);
    }

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
    const llm_name_query_t *q, llm_str_t route, ngx_log_t *log)
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
    llm_str_t route, ngx_log_t *log)
{
    const llm_price_rule_t  *rule;
#if (NGX_PCRE)
    const llm_price_t       *price;
#endif

    if (p->rules.nelts) {
        rule = llm_price_rule_find(p->rules.elts, p->rules.nelts, q, route);
        if (rule) {
            return rule->price;
        }
    }

#if (NGX_PCRE)
    if (p->regexes.nelts) {
        price = ngx_http_llm_prices_match(p, q->answered, q, route, log);
        if (price) {
            return price;
        }

        price = ngx_http_llm_prices_match(p, q->asked, q, route, log);
        if (price) {
            return price;
        }
    }
#endif

    if (p->table.n == 0) {
        return NULL;
    }

    return llm_price_find(&p->table, q, NULL);
}
