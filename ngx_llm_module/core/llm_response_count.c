
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What a response counts, and what else decides what it costs.  A counter
 * replaces the one before it, whole usage objects or field by field as the
 * dialect says; none is added to another but where a row says so.
 */


#include "llm_response_in.h"
#include "llm_decimal.h"


/* Costs and times, and by which power of ten they are ours. */

static const struct {
    uint8_t  slot;
    int8_t   digits;
} llm_response_scales[] = {
    { LLM_S_COST, LLM_NANO_DIGITS },
    { LLM_S_COST_TICKS, LLM_NANO_DIGITS - 10 },
    { LLM_S_TIME_S, 6 },
    { LLM_S_TIME_MS, 3 },
    { LLM_S_TIME_NS, -3 }
};


static int
llm_response_digits(unsigned slot)
{
    size_t  i;

    for (i = 0;
         i < sizeof(llm_response_scales) / sizeof(llm_response_scales[0]);
         i++)
    {
        if (llm_response_scales[i].slot == slot) {
            return llm_response_scales[i].digits;
        }
    }

    return 0;
}


#define BIT(slot)  (1u << llm_counter(slot))


static void
llm_response_present(llm_response_t *r, unsigned slot)
{
    r->present |= BIT(slot);

    if (r->framing == LLM_FRAMING_EVENTSTREAM) {
        r->before.touched |= BIT(slot);
    }
}


/* What there is of a counter and v more. */

static uint32_t
llm_response_sum(const llm_response_t *r, unsigned slot, uint64_t v)
{
    uint64_t  n;

    n = (r->present & BIT(slot)) ? r->counter[llm_counter(slot)] : 0;

    return llm_min(n + llm_min(v, UINT32_MAX), UINT32_MAX);
}


void
llm_response_counter(llm_response_t *r, unsigned slot,
    const llm_json_event_t *ev)
{
    uint64_t       v;
    llm_decimal_e  rc;

    if (ev->type != LLM_JSON_NUMBER) {
        return;
    }

    rc = llm_decimal_u64(ev->text, llm_response_digits(slot), &v);

    if (rc != LLM_DECIMAL_OK && rc != LLM_DECIMAL_TOO_LARGE) {
        return;
    }

    switch (slot) {

    case LLM_S_COST:
        /* ticks are finer, and beat it in any order */

        if (!(r->present & BIT(LLM_S_COST_TICKS))) {
            r->cost = v;
        }

        break;

    case LLM_S_COST_TICKS:
        r->cost = v;
        break;

    case LLM_S_TIME_S:
    case LLM_S_TIME_MS:
    case LLM_S_TIME_NS:
        r->time = llm_min(v, UINT32_MAX);
        slot = LLM_S_TIME_S;
        break;

    case LLM_S_INPUT_PART:
        slot = LLM_S_INPUT;
        v = llm_response_sum(r, slot, v);

        /* fall through */

    default:
        r->counter[llm_counter(slot)] = llm_min(v, UINT32_MAX);
    }

    llm_response_present(r, slot);
}


void
llm_response_usage(llm_response_t *r, const llm_json_event_t *ev, int second)
{
    if (ev->type != LLM_JSON_OBJECT) {
        return;
    }

    r->usage_events++;
    r->ev.changed |= LLM_CHANGED_USAGE;

    /* a frame must not take away what it may turn out not to replace */

    if (r->framing != LLM_FRAMING_EVENTSTREAM
        && ((llm_dialects[r->dialect]->usage & LLM_USAGE_REPLACE)
            || r->usage == LLM_RESPONSE_U_SECOND))
    {
        /* these are the call's, and may stand before */

        r->present &= BIT(LLM_S_COST) | BIT(LLM_S_COST_TICKS)
                      | BIT(LLM_S_TIME_S) | BIT(LLM_S_SEARCHES);
    }

    r->usage = second ? LLM_RESPONSE_U_SECOND : LLM_RESPONSE_U_FIRST;
}


/* A search is told by its item, not by a counter. */

void
llm_response_search(llm_response_t *r)
{
    r->counter[llm_counter(LLM_S_SEARCHES)] = llm_response_sum(r,
                                                      LLM_S_SEARCHES, 1);
    llm_response_present(r, LLM_S_SEARCHES);
    r->ev.changed |= LLM_CHANGED_USAGE;
}


/* Cache writes that live for an hour cost more than others. */

void
llm_response_cache_detail(llm_response_t *r)
{
    unsigned  slot;

    if (r->ev.ttl_tokens) {
        slot = r->ev.ttl_1h ? LLM_S_CACHE_WRITE_1H : LLM_S_CACHE_WRITE_5M;

        r->counter[llm_counter(slot)] = r->ev.ttl_tokens;
        llm_response_present(r, slot);
        r->ev.changed |= LLM_CHANGED_USAGE;
    }

    r->ev.ttl_tokens = 0;
    r->ev.ttl_1h = 0;
}


void
llm_response_tier(llm_response_t *r, llm_str_t name)
{
    uint8_t  tier;

    tier = llm_price_tier(name);

    if (tier != r->tier) {
        r->tier = tier;
        r->ev.changed |= LLM_CHANGED_TIER;
        llm_response_forget(r);
    }
}


void
llm_response_factor(llm_response_t *r, unsigned factors)
{
    r->factors |= factors;
    r->ev.changed |= LLM_CHANGED_TIER;
}


void
llm_response_flag(llm_response_t *r, unsigned extras)
{
    r->extras |= extras;
    r->ev.changed |= LLM_CHANGED_TIER;
}


/* Things that have charges of their own, by the names of items and of kinds
 * of tokens. */

static const struct {
    const char  *word;
    uint8_t      extra;
} llm_response_extras[] = {
    { "audio", LLM_EXTRA_AUDIO },
    { "AUDIO", LLM_EXTRA_AUDIO },
    { "image", LLM_EXTRA_IMAGE },
    { "IMAGE", LLM_EXTRA_IMAGE },
    { "video", LLM_EXTRA_VIDEO },
    { "VIDEO", LLM_EXTRA_VIDEO },
    { "image_generation_call", LLM_EXTRA_IMAGE },
    { "code_interpreter_call", LLM_EXTRA_TOOL },
    { "file_search_call", LLM_EXTRA_TOOL },
    { "computer_call", LLM_EXTRA_TOOL },
    { "google_search_call", LLM_EXTRA_TOOL },
    { "url_context_call", LLM_EXTRA_TOOL },
    { "code_execution_call", LLM_EXTRA_TOOL }
};


void
llm_response_extra(llm_response_t *r, llm_str_t word)
{
    size_t  i;

    for (i = 0;
         i < sizeof(llm_response_extras) / sizeof(llm_response_extras[0]);
         i++)
    {
        if (llm_str_eq(word, llm_response_extras[i].word,
                       strlen(llm_response_extras[i].word)))
        {
            llm_response_flag(r, llm_response_extras[i].extra);
            return;
        }
    }
}
