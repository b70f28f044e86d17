
/*
 * Copyright (C) ngx_llm_module authors
 *
 * llm_limit_zone and llm_budget_zone as nginx sees them.
 */


#ifndef _NGX_HTTP_LLM_ACCOUNT_ZONE_H_INCLUDED_
#define _NGX_HTTP_LLM_ACCOUNT_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_llm_account.h"
#include "ngx_http_llm_budget.h"
#include "ngx_http_llm_keep.h"
#include "ngx_http_llm_ledger.h"
#include "ngx_http_llm_limit.h"


#define NGX_HTTP_LLM_ACCOUNTS_ZONE_MIN  (32 * 1024)


/*
 * Registers the zone, with its state= or an empty one; NULL after an error
 * was logged.  accounts, with its settings, becomes shm_zone->data, so it
 * may be the begin of something larger; it is ready once the cycle's zones
 * are initialised.
 */
ngx_shm_zone_t *ngx_http_llm_account_zone_add(ngx_conf_t *cf, ngx_str_t *name,
    size_t size, ngx_str_t *state, ngx_http_llm_keep_t *keep,
    ngx_http_llm_accounts_t *accounts);

/*
 * For a directive that names a zone, before or after the one that makes it:
 * data is NULL until that was seen.
 */
ngx_shm_zone_t *ngx_http_llm_account_zone_get(ngx_conf_t *cf, ngx_str_t *name,
    ngx_http_llm_accounts_kind_e kind);

ngx_int_t ngx_http_llm_account_zone_init(ngx_shm_zone_t *shm_zone,
    void *data);


#endif /* _NGX_HTTP_LLM_ACCOUNT_ZONE_H_INCLUDED_ */
