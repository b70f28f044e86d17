
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The price lists and rules of a configuration.
 */


#ifndef _NGX_HTTP_LLM_PRICES_H_INCLUDED_
#define _NGX_HTTP_LLM_PRICES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_keep.h"

#include "llm_name.h"
#include "llm_price.h"


typedef struct {
    ngx_str_t                path;      /* its full name */
    ngx_uint_t               models;
    uint32_t                 crc;       /* of what was read */
    off_t                    size;
    unsigned                 copied:1;  /* it is the last good copy */
} ngx_http_llm_price_file_t;


typedef struct {
    llm_price_rule_t         rule;
#if (NGX_PCRE)
    ngx_regex_t             *regex;
#endif
} ngx_http_llm_price_regex_t;


typedef struct {
    ngx_array_t              files;     /* ngx_http_llm_price_file_t */
    ngx_array_t              entries;   /* of all lists, in their order */
    ngx_array_t              rules;     /* llm_price_rule_t */
    ngx_array_t              regexes;   /* ngx_http_llm_price_regex_t */
    llm_price_table_t        table;

    uint64_t                 models;
    time_t                   loaded;
    ngx_str_t                sha256;
} ngx_http_llm_prices_t;


ngx_int_t ngx_http_llm_prices_init(ngx_conf_t *cf, ngx_http_llm_prices_t *p);

/* Directives llm_prices and llm_price; conf is the main conf. */
char *ngx_http_llm_prices_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_llm_prices_rule(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* A copy that lives as long as the configuration. */
const llm_price_t *ngx_http_llm_prices_pack(ngx_conf_t *cf,
    const llm_price_t *price);

/*
 * All directives were seen: builds the table.  old: of the configuration
 * that runs, or NULL; a list that is much smaller now is warned of.  copy:
 * whose last good copies may take the place of lists that cannot be used,
 * or NULL.
 */
ngx_int_t ngx_http_llm_prices_done(ngx_conf_t *cf, ngx_http_llm_prices_t *p,
    ngx_http_llm_prices_t *old, ngx_http_llm_state_t *copy);

/*
 * Last good copies, beside a state: see ngx_http_llm_prices_copy.c.  cold:
 * the state, if this is a start that may use them.  open: that of list i,
 * with its name for messages.  keep: in init_module, those of today.
 */
ngx_http_llm_state_t *ngx_http_llm_prices_cold(ngx_conf_t *cf,
    ngx_http_llm_keep_t *keep);
ngx_fd_t ngx_http_llm_prices_open(ngx_conf_t *cf, ngx_http_llm_state_t *st,
    ngx_uint_t i, ngx_str_t *name);
void ngx_http_llm_prices_keep(ngx_cycle_t *cycle, ngx_http_llm_prices_t *p,
    ngx_http_llm_keep_t *keep);

/* NULL: no list and no rule knows the model.  how: llm_match_e. */
const llm_price_t *ngx_http_llm_prices_find(ngx_http_llm_prices_t *p,
    const llm_name_query_t *q, llm_str_t route, uint8_t *how);


#endif /* _NGX_HTTP_LLM_PRICES_H_INCLUDED_ */
