
/*
 * Copyright (C) ngx_llm_module authors
 *
 * From the name of a model to its price: a table of names, the order in
 * which the spellings of a name are tried, and the rules of the
 * configuration that come before them.
 */


#ifndef _LLM_NAME_H_INCLUDED_
#define _LLM_NAME_H_INCLUDED_


#include "llm_base.h"
#include "llm_price.h"


#define LLM_NAME_MAX       192    /* longest spelling tried, prefix included */
#define LLM_NAME_FAMILIES  512    /* a power of two */


typedef struct {
    const uint8_t       *name;
    const llm_price_t   *price;   /* NULL: the slot is free */
    uint32_t             hash;    /* of the name without regard to case */
    uint16_t             len;
    uint16_t             flags;
} llm_price_slot_t;


/*
 * The slots are the caller's, as many as a power of two; keep a quarter of
 * them free or more (llm_price_table_slots()).  Names and prices are the
 * caller's too and live as long as the table.  Without pointers to itself:
 * may be read by any number of processes after a fork.
 */

typedef struct {
    llm_price_slot_t    *slot;
    uint32_t             mask;
    uint32_t             n;
    uint32_t             nfamilies;
    uint32_t             family[LLM_NAME_FAMILIES];
} llm_price_table_t;


#define LLM_NAME_OK         0
#define LLM_NAME_REPLACED   1     /* or an alias that a model's name hides */
#define LLM_NAME_FULL      -1
#define LLM_NAME_BAD       -2     /* empty or too long: nothing was done */


/* How many slots n names need: what to allocate and pass to init. */
uint32_t llm_price_table_slots(uint32_t n);

void llm_price_table_init(llm_price_table_t *t, llm_price_slot_t *slots,
    uint32_t nslots);

/* A later one of the same name overrides the earlier. */
int llm_price_table_put(llm_price_table_t *t, llm_str_t name,
    const llm_price_t *price);

/* Never hides a model's own name, whichever came first. */
int llm_price_table_alias(llm_price_table_t *t, llm_str_t name,
    const llm_price_t *price);

/* The very name and nothing else. */
const llm_price_t *llm_price_table_get(const llm_price_table_t *t,
    llm_str_t name);


/* how a price was found */

typedef enum {
    LLM_MATCH_NONE = 0,
    LLM_MATCH_EXACT,              /* with or without the provider's prefix */
    LLM_MATCH_ALIAS,
    LLM_MATCH_ROUTE,              /* routing prefix taken off */
    LLM_MATCH_VERSION,            /* version or date taken off */
    LLM_MATCH_TUNED,              /* fine-tune priced as ft:base */
    LLM_MATCH_CASE,               /* differs in case */
    LLM_MATCH_OTHER,              /* another provider's price of that name */
    LLM_MATCH_RULE,               /* a rule, no list */
    LLM_MATCH_N
} llm_match_e;

extern const char *const  llm_match_names[LLM_MATCH_N];


typedef struct {
    llm_str_t            provider;   /* a name of ours, or any word, or "" */
    llm_str_t            answered;   /* the model that the answer names */
    llm_str_t            asked;      /* the model that the request names */
    llm_str_t            region;     /* of the endpoint if known, else "":
                                        "eu-west-1" of bedrock, "eu" of
                                        azure; an ARN has its own */
    uint8_t              guessed;    /* provider was told from the path or the
                                        shape only: another provider's price
                                        is better than none */
} llm_name_query_t;


/* NULL: unpriced.  how may be NULL. */
const llm_price_t *llm_price_find(const llm_price_table_t *t,
    const llm_name_query_t *q, llm_match_e *how);

/* The short form: one name, provider known. */
const llm_price_t *llm_price_table_find(const llm_price_table_t *t,
    llm_str_t provider, llm_str_t model);


/*
 * Rules of the directive llm_price.  Order of trial: exact, then prefixes
 * from the longest, then regexes in the order of the configuration (those
 * are matched outside the core), then the lists.  Within one of these the
 * rule with more filters wins, route before provider, then the later one.
 * Each kind is tried on the answered name, then on the asked one.
 */

typedef enum {
    LLM_RULE_EXACT = 0,
    LLM_RULE_PREFIX,              /* "gpt-4*": pattern without the star */
    LLM_RULE_REGEX                /* "~...": pattern without the tilde */
} llm_rule_e;


typedef struct {
    llm_str_t            pattern;
    llm_str_t            provider;   /* "": any */
    llm_str_t            route;      /* "": any */
    const llm_price_t   *price;
    uint8_t              kind;       /* llm_rule_e */
} llm_price_rule_t;


/* Sets kind and pattern from a word of the configuration; -1: empty. */
int llm_price_rule_pattern(llm_price_rule_t *r, llm_str_t word);

/* True when the filters of r let this call pass. */
int llm_price_rule_holds(const llm_price_rule_t *r, llm_str_t provider,
    llm_str_t route);

/*
 * True if a wins over b, both being of the same kind, matching the same
 * name, b having come later in the configuration.
 */
int llm_price_rule_beats(const llm_price_rule_t *a,
    const llm_price_rule_t *b);

/* The best exact or prefix rule; NULL: now try the regexes, then the lists. */
const llm_price_rule_t *llm_price_rule_find(const llm_price_rule_t *rules,
    size_t n, const llm_name_query_t *q, llm_str_t route);


#endif /* _LLM_NAME_H_INCLUDED_ */
