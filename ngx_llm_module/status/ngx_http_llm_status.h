
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The llm_status directive and the handler behind it.
 */


#ifndef _NGX_HTTP_LLM_STATUS_H_INCLUDED_
#define _NGX_HTTP_LLM_STATUS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_slo.h"

#include "llm_base.h"
#include "ngx_http_llm_keep.h"


/*
 * What the status tells but does not measure.  One for the cycle; it is read
 * at each request, so what is not known while the configuration is parsed
 * may be filled in later.
 */

typedef struct {
    const char        *version;          /* of the module */
    uint64_t           generation;       /* of the configuration, from 1 */

    uint64_t           price_models;
    time_t             price_loaded;     /* 0: no list was loaded */
    ngx_str_t          price_sha256;     /* hexadecimal; empty: no list */

    ngx_uint_t         nlabels;          /* names of llm_label, distinct */
    const ngx_str_t   *labels;

    ngx_uint_t         nslos;            /* of all zones */
    ngx_http_llm_slo_t  **slos;

    ngx_uint_t         naccounts;        /* zones of limits and budgets */
    ngx_shm_zone_t   **accounts;         /* data: ngx_http_llm_accounts_t */

    const ngx_http_llm_keep_t  *keep;    /* zones with a state; or NULL */
} ngx_http_llm_status_info_t;


/* The settings of a location; all zero means that it has no status. */

typedef struct {
    ngx_shm_zone_t                    *zone;
    const ngx_http_llm_status_info_t  *info;
    ngx_uint_t                         format;   /* ngx_http_llm_format_e */
    ngx_str_t                          by;       /* "team,model" or empty */
} ngx_http_llm_status_conf_t;


/*
 * set: parses "llm_status zone [format] [by=...]" out of cf->args; tag is
 * the owner of llm_zone.  The content handler is the caller's to install.
 * check: names of labels, once all are known, that is, while locations are
 * merged.  Both log what is wrong and return NGX_CONF_ERROR.
 */
char *ngx_http_llm_status_set(ngx_conf_t *cf,
    ngx_http_llm_status_conf_t *conf, const ngx_http_llm_status_info_t *info,
    void *tag);
char *ngx_http_llm_status_check(ngx_conf_t *cf,
    ngx_http_llm_status_conf_t *conf);

/* For llm_label: why a name cannot be a label, or NULL. */
const char *ngx_http_llm_status_label(ngx_str_t *name);

/* The whole of a content handler. */
ngx_int_t ngx_http_llm_status_handler(ngx_http_request_t *r,
    ngx_http_llm_status_conf_t *conf);


#endif /* _NGX_HTTP_LLM_STATUS_H_INCLUDED_ */
