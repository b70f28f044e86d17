
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What providers said last of their limits: a small table in the arena's
 * header, a place for each provider.
 *
 * A place is taken as a series is: its id, from 0, by one compare and swap,
 * and it is never given back, so the first free place of a probe is the same
 * for everybody and no provider has two.  Its name is written after that by
 * whoever finds it missing; several that do so write the same bytes, and the
 * flag that says so comes last.
 *
 * Each number is one word, kept plus 1, so that 0 is "not known" and a fresh
 * place is a valid one.  Processes that write at the same time may leave the
 * limit of one answer next to what another says is left; every number shown
 * was said, and "updated", which is written last, is never ahead of them.
 * Until it is, readers see nothing of a new place.
 *
 * A stream ends long after its header came: what it says is as old as its
 * header, and does not replace what was said since.  Unless that lies in the
 * future, which means that the clock was set back.
 */


#include "ngx_http_llm_label.h"
#include "ngx_http_llm_quota.h"


#define ngx_http_llm_quota_word(quota, kind, value)                           \
    (&(quota)->word[(kind) * LLM_QUOTA_VALUES + (value)])


static ngx_http_llm_quota_t *
ngx_http_llm_quota_take(ngx_http_llm_zone_t *zone, const uint8_t *name,
    size_t len)
{
    uint32_t               i, k;
    uint64_t               id, there;
    ngx_http_llm_quota_t  *quota;

    id = ngx_http_llm_siphash(zone->arena->secret, name, len);
    id = id ? id : 1;

    i = (uint32_t) (id % NGX_HTTP_LLM_QUOTAS);

    for (k = 0; k < NGX_HTTP_LLM_QUOTAS; k++) {
        quota = &zone->arena->quota[(i + k) % NGX_HTTP_LLM_QUOTAS];

        there = __atomic_load_n(&quota->id, __ATOMIC_RELAXED);

        if (there == id
            || (there == 0
                && (__atomic_compare_exchange_n(&quota->id, &there, id, 0,
                                                __ATOMIC_RELAXED,
                                                __ATOMIC_RELAXED)
                    || there == id)))
        {
            return quota;
        }
    }

    return NULL;
}


void
ngx_http_llm_quota_note(ngx_http_llm_zone_t *zone, llm_str_t provider,
    const llm_quota_t quota[LLM_QUOTA_N], uint64_t said, uint64_t now)
{
    size_t                 len;
    uint8_t                name[NGX_HTTP_LLM_PROVIDER_LEN];
    uint32_t               kind, value;
    uint64_t               n, updated;
    ngx_http_llm_quota_t  *q;

    static const uint32_t  order[LLM_QUOTA_VALUES] = {
        LLM_QUOTA_LIMIT, LLM_QUOTA_RESET, LLM_QUOTA_REMAINING
    };

    len = ngx_http_llm_label_clean(name, sizeof(name), provider);

    if (len == 0) {
        return;
    }

    q = ngx_http_llm_quota_take(zone, name, len);

    if (q == NULL) {
        ngx_http_llm_zone_count(zone, NGX_HTTP_LLM_PROVIDERS_DROPPED, 1);
        return;
    }

    if (llm_unlikely(__atomic_load_n(&q->filled, __ATOMIC_ACQUIRE) == 0)) {
        memcpy(q->provider, name, len);
        q->provider_len = (uint32_t) len;
        __atomic_store_n(&q->filled, 1, __ATOMIC_RELEASE);
    }

    updated = __atomic_load_n(&q->updated, __ATOMIC_RELAXED);

    if (said < updated && updated <= now) {
        return;
    }

    for (kind = 0; kind < LLM_QUOTA_N; kind++) {

        if (quota[kind].said == 0) {
            continue;
        }

        for (value = 0; value < LLM_QUOTA_VALUES; value++) {
            n = 0;

            if (quota[kind].said & llm_quota_bit(order[value])) {
                n = quota[kind].value[order[value]] + 1
                    + (order[value] == LLM_QUOTA_RESET ? said : 0);
            }

            __atomic_store_n(ngx_http_llm_quota_word(q, kind, order[value]),
                             n, __ATOMIC_RELAXED);
        }
    }

    __atomic_store_n(&q->updated, said, __ATOMIC_RELEASE);
}


int
ngx_http_llm_quota_read(const ngx_http_llm_zone_t *zone, uint32_t place,
    ngx_http_llm_quota_view_t *view)
{
    uint32_t                     kind, value;
    uint64_t                     n;
    const ngx_http_llm_quota_t  *q;

    q = &zone->arena->quota[place];

    view->updated = __atomic_load_n(&q->updated, __ATOMIC_ACQUIRE);

    if (view->updated == 0) {
        return 0;
    }

    view->provider.data = q->provider;
    view->provider.len = llm_min(q->provider_len, NGX_HTTP_LLM_PROVIDER_LEN);

    for (kind = 0; kind < LLM_QUOTA_N; kind++) {
        view->quota[kind].said = 0;

        for (value = 0; value < LLM_QUOTA_VALUES; value++) {
            n = __atomic_load_n(ngx_http_llm_quota_word(q, kind, value),
                                __ATOMIC_RELAXED);

            if (n) {
                view->quota[kind].said |= llm_quota_bit(value);
                view->quota[kind].value[value] = n - 1;
            }
        }
    }

    return 1;
}
