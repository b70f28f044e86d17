
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Killed while it notes what providers say: a part of zone_step.h.
 */


#ifndef _ZONE_STEP_QUOTA_H_INCLUDED_
#define _ZONE_STEP_QUOTA_H_INCLUDED_


/*
 * What providers say: one that is known says other numbers, one is new.
 * SAID(n) is an answer; its numbers lie 100 apart.
 */

#define SAID_AT(n)  (1700000000000ull + (n))

static void
said(ngx_http_llm_zone_t *z, const char *provider, uint64_t n)
{
    uint32_t     k, i;
    llm_quota_t  q[LLM_QUOTA_N];

    for (k = 0; k < LLM_QUOTA_N; k++) {
        q[k].said = (1u << LLM_QUOTA_VALUES) - 1;

        for (i = 0; i < LLM_QUOTA_VALUES; i++) {
            q[k].value[i] = n * 100 + k * 10 + i;
        }
    }

    ngx_http_llm_quota_note(z, str(provider), q, SAID_AT(n), SAID_AT(n));
}


/* Whether a number is that of answer n. */

static int
said_is(const ngx_http_llm_quota_view_t *v, uint32_t k, uint32_t i,
    uint64_t n)
{
    return (v->quota[k].said & llm_quota_bit(i))
           && v->quota[k].value[i] == n * 100 + k * 10 + i
                              + (i == LLM_QUOTA_RESET ? SAID_AT(n) : 0);
}


static void
before_quota(ngx_http_llm_zone_t *z)
{
    some(z);
    said(z, "openai", 1);
}


static void
op_quota(ngx_http_llm_zone_t *z)
{
    said(z, "openai", 2);
    said(z, "anthropic", 2);
}


/* Each number was said; under the new time all of them are new. */

static const char *
after_quota(ngx_http_llm_zone_t *z)
{
    int                        known;
    uint32_t                   p, k, i, seen;
    ngx_http_llm_quota_view_t  v;

    for (p = 0, seen = 0; p < NGX_HTTP_LLM_QUOTAS; p++) {

        if (!ngx_http_llm_quota_read(z, p, &v)) {
            continue;
        }

        known = llm_str_is(v.provider, "openai");
        seen += known ? 1 : 16;

        if (!known && !llm_str_is(v.provider, "anthropic")) {
            return "a provider that nobody named";
        }

        if (v.updated != SAID_AT(2) && !(known && v.updated == SAID_AT(1))) {
            return "a time that never was";
        }

        for (k = 0; k < LLM_QUOTA_N; k++) {
            for (i = 0; i < LLM_QUOTA_VALUES; i++) {
                if (!said_is(&v, k, i, 2)
                    && (v.updated == SAID_AT(2) || !said_is(&v, k, i, 1)))
                {
                    return "a number that never was";
                }
            }
        }
    }

    if (seen != 1 && seen != 17) {
        return "not these providers";
    }

    /* another goes on, and finds the same places */

    said(z, "anthropic", 3);
    said(z, "openai", 3);

    for (p = 0, seen = 0; p < NGX_HTTP_LLM_QUOTAS; p++) {

        if (z->arena->quota[p].id) {
            seen++;

            if (!ngx_http_llm_quota_read(z, p, &v)
                || !said_is(&v, LLM_QUOTA_TOKENS, LLM_QUOTA_RESET, 3)
                || v.updated != SAID_AT(3)
                || (!llm_str_is(v.provider, "openai")
                    && !llm_str_is(v.provider, "anthropic")))
            {
                return "another is not heard";
            }
        }
    }

    return seen == 2 ? NULL : "two places of one provider";
}


#endif /* _ZONE_STEP_QUOTA_H_INCLUDED_ */
