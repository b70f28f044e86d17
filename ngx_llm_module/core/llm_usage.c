
/*
 * Copyright (C) ngx_llm_module authors
 *
 * From the counters as a provider reports them to tokens as the interface
 * defines them: input is all input, output is all output, the others are
 * parts of these.
 */


#include "llm_response.h"


#define HAS(r, slot)  ((r)->present & (1u << llm_counter(slot)))


static inline uint64_t
llm_usage_get(const llm_response_t *r, unsigned slot)
{
    return HAS(r, slot) ? r->counter[llm_counter(slot)] : 0;
}


/* Counters of a response that lies do not wrap. */

static inline uint64_t
llm_usage_add(uint64_t a, uint64_t b)
{
    return (a + b < a) ? UINT64_MAX : a + b;
}


int
llm_response_tokens(const llm_response_t *r, llm_tokens_t *t)
{
    unsigned  rule;
    uint64_t  total;

    memset(t, 0, sizeof(llm_tokens_t));
    rule = llm_dialects[r->dialect]->usage;

    if (!HAS(r, LLM_S_INPUT) && !HAS(r, LLM_S_OUTPUT)
        && !HAS(r, LLM_S_TOTAL))
    {
        return 0;
    }

    t->input = llm_usage_get(r, LLM_S_INPUT);
    t->output = llm_usage_get(r, LLM_S_OUTPUT);
    t->cache_read = llm_usage_get(r, LLM_S_CACHE_READ);
    t->cache_write = llm_usage_get(r, LLM_S_CACHE_WRITE);
    t->cache_write_1h = llm_usage_get(r, LLM_S_CACHE_WRITE_1H);
    t->reasoning = llm_usage_get(r, LLM_S_REASONING);
    total = llm_usage_get(r, LLM_S_TOTAL);

    if (!HAS(r, LLM_S_CACHE_WRITE)) {
        t->cache_write = llm_usage_add(llm_usage_get(r, LLM_S_CACHE_WRITE_5M),
                                       t->cache_write_1h);
    }

    /* Voyage: nothing but a total, and nothing but input */

    if (!HAS(r, LLM_S_INPUT) && total > t->output
        && ((rule & LLM_USAGE_TOTAL)
            || (HAS(r, LLM_S_OUTPUT)
                && !(rule & (LLM_USAGE_APART|LLM_USAGE_BESIDE)))))
    {
        t->input = total - t->output;
    }

    t->input = llm_usage_add(t->input, llm_usage_get(r, LLM_S_TOOL_INPUT));

    if (rule & LLM_USAGE_APART) {
        t->input = llm_usage_add(t->input,
                                 llm_usage_add(t->cache_read,
                                               t->cache_write));
    }

    /*
     * xAI counts reasoning beside its output, as the total shows.  More
     * reasoning than output where the total leaves it out: a little more is
     * the same text counted twice, and the higher count is taken (Doubleword:
     * 19 of 16); far more can only be beside it (Gemini behind Vercel's
     * gateway: 25 of 2).  Recorded calls have up to 1.3 times the output, or
     * 3 times and more.
     */

    if (rule & LLM_USAGE_BESIDE) {
        t->output = llm_usage_add(t->output, t->reasoning);

    } else if (t->reasoning
        && total == llm_usage_add(llm_usage_add(t->input, t->output),
                                  t->reasoning))
    {
        t->output = llm_usage_add(t->output, t->reasoning);

    } else if (t->reasoning / 2 > t->output) {
        t->output = llm_usage_add(t->output, t->reasoning);

    } else {
        t->output = llm_max(t->output, t->reasoning);
    }

    /*
     * A part is never more than the whole: Grok on Azure says otherwise.  Two
     * may be: Gemini behind OpenRouter reads what the same call has written.
     */

    t->cache_read = llm_min(t->cache_read, t->input);
    t->cache_write = llm_min(t->cache_write, t->input);
    t->cache_write_1h = llm_min(t->cache_write_1h, t->cache_write);

    return 1;
}


int
llm_response_no_input(const llm_response_t *r)
{
    return HAS(r, LLM_S_OUTPUT) && !HAS(r, LLM_S_INPUT)
           && !HAS(r, LLM_S_TOTAL);
}


void
llm_response_bill(const llm_response_t *r, const llm_tokens_t *t,
    llm_tokens_t *billed, llm_bill_t *bill)
{
    memset(bill, 0, sizeof(llm_bill_t));

    bill->tokens = t;
    bill->queries = llm_usage_get(r, LLM_S_QUERIES);
    bill->searches = llm_usage_get(r, LLM_S_SEARCHES);
    bill->tier = r->tier;
    bill->factors = r->factors;
    bill->extras = r->extras;

    if (!HAS(r, LLM_S_BILLED_INPUT) && !HAS(r, LLM_S_BILLED_OUTPUT)) {
        return;
    }

    memset(billed, 0, sizeof(llm_tokens_t));

    billed->input = llm_usage_get(r, LLM_S_BILLED_INPUT);
    billed->output = llm_usage_get(r, LLM_S_BILLED_OUTPUT);

    bill->tokens = billed;
}


int
llm_response_cost(const llm_response_t *r, uint64_t *nano)
{
    if (!HAS(r, LLM_S_COST) && !HAS(r, LLM_S_COST_TICKS)) {
        return 0;
    }

    *nano = r->cost;

    return 1;
}


int
llm_response_time(const llm_response_t *r, uint64_t *us)
{
    if (!HAS(r, LLM_S_TIME_S)) {
        return 0;
    }

    *us = r->time;

    return 1;
}
