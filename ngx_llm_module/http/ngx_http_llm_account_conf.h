
/*
 * Copyright (C) ngx_llm_module authors
 *
 * llm_limit_zone and llm_budget_zone.
 */


#ifndef _NGX_HTTP_LLM_ACCOUNT_CONF_H_INCLUDED_
#define _NGX_HTTP_LLM_ACCOUNT_CONF_H_INCLUDED_


#include "ngx_http_llm_conf.h"
#include "ngx_http_llm_account_zone.h"


/*
 * The data of such a zone.  accounts has kind, rate, period and name, and is
 * first: status/ and zone/ know nothing more of it.
 */

typedef struct {
    ngx_http_llm_accounts_t    accounts;
    ngx_http_complex_value_t   key;
    ngx_str_t                  name;
    ngx_shm_zone_t            *zone;
} ngx_http_llm_account_conf_t;


char *ngx_http_llm_account_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * All directives were seen: a zone that outlasts nginx must not be keyed by
 * ids that do not.
 */
char *ngx_http_llm_account_conf_keys(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf);

/* Why an amount or a rate could not be read, with the text, as an error. */
char *ngx_http_llm_account_conf_error(ngx_conf_t *cf, const char *what,
    ngx_str_t *text, llm_amount_e why);


/* NULL until the directive that makes the zone was seen. */

static inline ngx_http_llm_account_conf_t *
ngx_http_llm_account_conf_of(ngx_shm_zone_t *shm_zone)
{
    return shm_zone->data;
}


#endif /* _NGX_HTTP_LLM_ACCOUNT_CONF_H_INCLUDED_ */
