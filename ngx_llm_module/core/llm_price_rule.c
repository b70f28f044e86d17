
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Rules of the directive llm_price: few, in the order of the configuration,
 * read from end to end.
 */


#include "llm_name.h"


int
llm_price_rule_pattern(llm_price_rule_t *r, llm_str_t word)
{
    r->kind = LLM_RULE_EXACT;

    if (word.len && word.data[0] == '~') {
        r->kind = LLM_RULE_REGEX;
        word.data++;
        word.len--;

        if (word.len == 0) {
            return -1;
        }

    } else if (word.len && word.data[word.len - 1] == '*') {
        r->kind = LLM_RULE_PREFIX;
        word.len--;

    } else if (word.len == 0) {
        return -1;
    }

    r->pattern = word;

    return 0;
}


static inline int
llm_price_rule_equal(llm_str_t a, llm_str_t b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}


int
llm_price_rule_holds(const llm_price_rule_t *r, llm_str_t provider,
    llm_str_t route)
{
    return (r->provider.len == 0 || llm_price_rule_equal(r->provider, provider))
           && (r->route.len == 0 || llm_price_rule_equal(r->route, route));
}


static unsigned
llm_price_rule_rank(const llm_price_rule_t *r)
{
    return (r->route.len ? 2 : 0) + (r->provider.len ? 1 : 0);
}


int
llm_price_rule_beats(const llm_price_rule_t *a, const llm_price_rule_t *b)
{
    if (a->kind == LLM_RULE_PREFIX && a->pattern.len != b->pattern.len) {
        return a->pattern.len > b->pattern.len;
    }

    return llm_price_rule_rank(a) > llm_price_rule_rank(b);
}


static int
llm_price_rule_matches(const llm_price_rule_t *r, llm_str_t name)
{
    switch (r->kind) {
    case LLM_RULE_EXACT:
        return llm_price_rule_equal(r->pattern, name);
    case LLM_RULE_PREFIX:
        return name.len >= r->pattern.len
               && memcmp(name.data, r->pattern.data, r->pattern.len) == 0;
    default:
        return 0;
    }
}


static const llm_price_rule_t *
llm_price_rule_best(const llm_price_rule_t *rules, size_t n, unsigned kind,
    llm_str_t name, const llm_name_query_t *q, llm_str_t route)
{
    size_t                   i;
    const llm_price_rule_t  *r, *best;

    best = NULL;

    if (name.len == 0) {
        return NULL;
    }

    for (i = 0; i < n; i++) {
        r = &rules[i];

        if (r->kind != kind || !llm_price_rule_matches(r, name)
            || !llm_price_rule_holds(r, q->provider, route))
        {
            continue;
        }

        if (best == NULL || !llm_price_rule_beats(best, r)) {
            best = r;
        }
    }

    return best;
}


const llm_price_rule_t *
llm_price_rule_find(const llm_price_rule_t *rules, size_t n,
    const llm_name_query_t *q, llm_str_t route)
{
    unsigned                 kind;
    const llm_price_rule_t  *r;

    for (kind = LLM_RULE_EXACT; kind <= LLM_RULE_PREFIX; kind++) {

        r = llm_price_rule_best(rules, n, kind, q->answered, q, route);

        if (r == NULL) {
            r = llm_price_rule_best(rules, n, kind, q->asked, q, route);
        }

        if (r) {
            return r;
        }
    }

    return NULL;
}
