
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What is known of one call.  See the essay in ngx_http_llm_ctx.c.
 */


#ifndef _NGX_HTTP_LLM_CTX_H_INCLUDED_
#define _NGX_HTTP_LLM_CTX_H_INCLUDED_


#include "ngx_http_llm_conf.h"
#include "ngx_http_llm_inflate.h"

#include "llm_request.h"
#include "llm_response.h"


/* Attempts before a redirect: booked under the provider that failed. */

typedef struct ngx_http_llm_round_s  ngx_http_llm_round_t;

struct ngx_http_llm_round_s {
    ngx_http_llm_round_t      *next;
    ngx_str_t                  provider;
    ngx_str_t                  route;
    ngx_http_upstream_t       *upstream;
    ngx_uint_t                 end;      /* upstream_states so far */
};


/* Of the request, kept when its reader is gone. */

typedef struct {
    ngx_str_t                  model;           /* the temperature as it was
                                                   written follows it */
    uint64_t                   max_tokens;
    uint64_t                   prompt_bytes;
    uint32_t                   prompt_tokens;   /* estimated */
    uint32_t                   turns;
    uint32_t                   choices;         /* 0: not said */
    uint8_t                    state;           /* llm_request_state_e */
    uint8_t                    temperature_len;
    uint8_t                    model_flags;     /* LLM_REQUEST_MODEL_*, and
                                                   LLM_JSON_E_* */
    unsigned                   stream:1;
    unsigned                   has_max_tokens:1;
} ngx_http_llm_asked_t;


/*
 * What only calls need that are gated, changed or held up: each record is
 * made, and known from inside, by the file it is named for.
 */

typedef struct {
    struct ngx_http_llm_inspect_s  *inspect;
    struct ngx_http_llm_gate_s     *gate;
    struct ngx_http_llm_splice_s   *splice;
    struct ngx_http_llm_edit_s     *edit;
    struct ngx_http_llm_slo_s      *slo;
    struct ngx_http_llm_timeout_s  *timeout;
    struct ngx_http_llm_refused_s  *refused;
    uint64_t                        delayed;     /* ns: it waits since then */
    unsigned                        waited:1;    /* llm_delay is over */
} ngx_http_llm_extra_t;


typedef struct {
    ngx_http_request_t        *request;
    ngx_http_llm_loc_conf_t   *conf;     /* of the location at hand */
    ngx_http_llm_zone_t       *zone;     /* where the call is booked */

    /* ns on the monotonic clock, 0: has not happened */
    uint64_t                   start;
    uint64_t                   ready;    /* handed to the upstream */
    uint64_t                   first_byte;
    uint64_t                   first_content;
    uint64_t                   last_content;
    uint64_t                   end;
    uint64_t                   max_gap;

    ngx_str_t                  provider;
    ngx_str_t                  route;
    ngx_str_t                  path_model;

    /* one after the other in the same memory */
    llm_request_t             *reading;
    llm_response_t            *answer;
    void                      *memory;
    ngx_http_llm_inflate_t    *inflate;

    ngx_http_llm_asked_t       asked;

    ngx_http_llm_round_t      *rounds;
    ngx_http_upstream_t       *left;     /* that of the last round; at last
                                            the one that variables tell of */
    ngx_list_t                *headers;  /* the client's own, while replaced */
    ngx_http_llm_extra_t      *extra;    /* NULL: nothing of it was needed */

    const llm_price_t         *price;
    uint32_t                   series;
    uint32_t                   live;     /* row, 0: none */

    /* set by finish */
    llm_tokens_t              *tokens;   /* made when the call is over */
    uint64_t                   cost;     /* nano-USD, of a replay what it
                                            would have been */
    uint32_t                   attempts;
    uint8_t                    usage;        /* llm_usage_e */
    uint8_t                    cost_source;  /* ngx_http_llm_cost_e */
    uint8_t                    match;        /* llm_match_e: of the price */
    uint8_t                    place;        /* llm_factor_bit()s of the
                                                endpoint */
    uint8_t                    outcome;      /* llm_outcome_e */
    uint8_t                    error;        /* llm_error_e */
    uint8_t                    finish;       /* llm_finish_e */

    uint8_t                    operation;    /* llm_operation_e */
    uint8_t                    dialect;      /* llm_dialect_e */
    unsigned                   by_shape:1;   /* the body decides the dialect */
    unsigned                   guessed:1;    /* provider by path or shape */
    unsigned                   path_stream:1;   /* the path asks for one */
    unsigned                   stream:1;     /* the response is one */
    unsigned                   replay:1;
    unsigned                   last:1;       /* last buf seen */
    unsigned                   labelled:1;   /* series is chosen */
    unsigned                   priced:1;     /* price was looked up */
    unsigned                   inexact:1;    /* the cost is not quite that */
    unsigned                   unreadable:1;
    unsigned                   finished:1;
} ngx_http_llm_ctx_t;


typedef enum {
    NGX_HTTP_LLM_COST_NONE = 0,
    NGX_HTTP_LLM_COST_LIST,
    NGX_HTTP_LLM_COST_PROVIDER
} ngx_http_llm_cost_e;


/* Survives redirects, which wipe the contexts of modules.  NULL: no call. */
ngx_http_llm_ctx_t *ngx_http_llm_ctx_get(ngx_http_request_t *r);
ngx_http_llm_ctx_t *ngx_http_llm_ctx_create(ngx_http_request_t *r,
    ngx_http_llm_loc_conf_t *conf);

/* Made when first asked for; NULL: no memory. */
ngx_http_llm_extra_t *ngx_http_llm_ctx_extra(ngx_http_llm_ctx_t *ctx);

/* Memory for one reader; the one before is over. */
void *ngx_http_llm_ctx_memory(ngx_http_llm_ctx_t *ctx);

/* Looks at the path, if nothing is known yet. */
void ngx_http_llm_ctx_operation(ngx_http_llm_ctx_t *ctx);

/* The provider and route labels of the location at hand. */
ngx_int_t ngx_http_llm_ctx_place(ngx_http_llm_ctx_t *ctx);

/* The model that the request names, in its body or path. */
llm_str_t ngx_http_llm_ctx_asked(ngx_http_llm_ctx_t *ctx);

/* The model that the request names when it leaves: that, or the one set. */
llm_str_t ngx_http_llm_ctx_sent(ngx_http_llm_ctx_t *ctx);

/* The model that the answer names. */
llm_str_t ngx_http_llm_ctx_answered(ngx_http_llm_ctx_t *ctx);

/* Chooses the series, once.  recognised: a 2xx that was understood. */
ngx_int_t ngx_http_llm_ctx_label(ngx_http_llm_ctx_t *ctx,
    ngx_uint_t recognised);

/* Labels as they are now; own holds the texts. */
void ngx_http_llm_ctx_labels(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_labels_t *labels, llm_str_t model);

void ngx_http_llm_ctx_price(ngx_http_llm_ctx_t *ctx);


static inline uint64_t
ngx_http_llm_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


static inline llm_str_t
ngx_http_llm_view(const ngx_str_t *s)
{
    llm_str_t  v = { s->data, s->len };

    return v;
}


#endif /* _NGX_HTTP_LLM_CTX_H_INCLUDED_ */
