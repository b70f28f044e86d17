
/*
 * Copyright (C) ngx_llm_module authors
 */


#include "llm_price_key.h"
#include "llm_price.h"


typedef struct {
    llm_str_t  text;
    uint8_t    value;
} llm_price_word_t;


static const llm_price_word_t  llm_price_stems[] = {
    { llm_string("input_cost_per_token"), LLM_RATE_INPUT },
    { llm_string("output_cost_per_token"), LLM_RATE_OUTPUT },
    { llm_string("cache_read_input_token_cost"), LLM_RATE_CACHE_READ },
    { llm_string("cache_creation_input_token_cost"), LLM_RATE_CACHE_WRITE },
    { llm_string("output_cost_per_reasoning_token"), LLM_RATE_REASONING },
    { llm_string("input_cost_per_request"), LLM_RATE_REQUEST }
};


static const llm_price_word_t  llm_price_tiers[] = {
    { llm_string("_flex"), LLM_TIER_FLEX },
    { llm_string("_batches"), LLM_TIER_BATCH },
    { llm_string("_batch"), LLM_TIER_BATCH },
    { llm_string("_priority"), LLM_TIER_PRIORITY }
};


/* What a price of something else is for, by the first word that it has. */

static const llm_price_word_t  llm_price_extras[] = {
    { llm_string("audio"), LLM_EXTRA_AUDIO },
    { llm_string("video"), LLM_EXTRA_VIDEO },
    { llm_string("image"), LLM_EXTRA_IMAGE },
    { llm_string("pixel"), LLM_EXTRA_IMAGE },
    { llm_string("code_interpreter"), LLM_EXTRA_TOOL },
    { llm_string("file_search"), LLM_EXTRA_TOOL },
    { llm_string("computer_use"), LLM_EXTRA_TOOL }
};


#define llm_price_words(w)  w, sizeof(w) / sizeof(w[0])


/* Takes a word off the front; it ends where the text does, or before '_'. */

static const llm_price_word_t *
llm_price_word(llm_str_t *s, const llm_price_word_t *words, size_t n)
{
    size_t            i;
    const llm_str_t  *w;

    for (i = 0; i < n; i++) {
        w = &words[i].text;

        if (s->len < w->len || memcmp(s->data, w->data, w->len) != 0) {
            continue;
        }

        if (s->len > w->len && s->data[w->len] != '_') {
            continue;
        }

        s->data += w->len;
        s->len -= w->len;

        return &words[i];
    }

    return NULL;
}


static int
llm_price_skip(llm_str_t *s, const char *text, size_t len)
{
    if (s->len < len || memcmp(s->data, text, len) != 0) {
        return 0;
    }

    s->data += len;
    s->len -= len;

    return 1;
}

#define llm_price_take(s, lit)  llm_price_skip(s, lit, sizeof(lit) - 1)


/* "_above_200k_tokens", "_above_1m_tokens", "_above_32000_tokens" */

static int
llm_price_above(llm_str_t *s, uint32_t *above)
{
    uint64_t   v;
    llm_str_t  t;

    t = *s;

    if (!llm_price_take(&t, "_above_")) {
        return 0;
    }

    if (t.len == 0 || *t.data < '0' || *t.data > '9') {
        return 0;
    }

    for (v = 0; t.len && *t.data >= '0' && *t.data <= '9'; t.data++, t.len--) {

        v = v * 10 + (*t.data - '0');

        if (v > UINT32_MAX) {
            return 0;
        }
    }

    if (llm_price_take(&t, "k")) {
        v *= 1000;

    } else if (llm_price_take(&t, "m")) {
        v *= 1000000;
    }

    if (v > UINT32_MAX || !llm_price_take(&t, "_tokens")) {
        return 0;
    }

    *above = (uint32_t) v;
    *s = t;

    return 1;
}


static int
llm_price_suffixes(llm_str_t s, llm_price_key_t *k)
{
    llm_str_t                t;
    const llm_price_word_t  *w;

    while (s.len) {
        t = s;

        if (k->rate == LLM_RATE_CACHE_WRITE && llm_price_take(&t, "_above_1hr")
            && (t.len == 0 || *t.data == '_'))
        {
            k->rate = LLM_RATE_CACHE_WRITE_1H;
            s = t;
            continue;
        }

        if (k->rate == LLM_RATE_INPUT && llm_price_take(&s, "_cache_hit")) {
            k->rate = LLM_RATE_CACHE_READ;
            k->weak = 1;
            continue;
        }

        if (!k->sized && llm_price_above(&s, &k->above)) {
            k->sized = 1;
            continue;
        }

        w = llm_price_word(&s, llm_price_words(llm_price_tiers));

        if (w == NULL || k->tier != LLM_TIER_STANDARD) {
            return 0;
        }

        k->tier = w->value;
    }

    return 1;
}


static int
llm_price_has(llm_str_t s, const char *text, size_t len)
{
    size_t  i;

    for (i = 0; i + len <= s.len; i++) {
        if (memcmp(s.data + i, text, len) == 0) {
            return 1;
        }
    }

    return 0;
}


static uint8_t
llm_price_extra(llm_str_t key)
{
    size_t            i;
    const llm_str_t  *w;

    for (i = 0; i < sizeof(llm_price_extras) / sizeof(llm_price_extras[0]);
         i++)
    {
        w = &llm_price_extras[i].text;

        if (llm_price_has(key, (const char *) w->data, w->len)) {
            return llm_price_extras[i].value;
        }
    }

    return LLM_EXTRA_OTHER;
}


/*
 * A token rate with a suffix that is not known (a tier of tomorrow, say)
 * is no price of ours.  "dbu" is a unit of account, not money.
 */

llm_price_key_e
llm_price_key(llm_str_t key, llm_price_key_t *k)
{
    llm_str_t                s;
    const llm_price_word_t  *stem;

    memset(k, 0, sizeof(llm_price_key_t));

    s = key;
    stem = llm_price_word(&s, llm_price_words(llm_price_stems));

    if (stem) {
        k->rate = stem->value;

        return llm_price_suffixes(s, k) ? LLM_PRICE_KEY_RATE
                                        : LLM_PRICE_KEY_NONE;
    }

    if (llm_str_is(key, "input_cost_per_query")) {
        return LLM_PRICE_KEY_QUERY;
    }

    if (llm_price_has(key, "cost", 4) && !llm_price_has(key, "dbu", 3)) {
        k->extra = llm_price_extra(key);
        return LLM_PRICE_KEY_UNITS;
    }

    return LLM_PRICE_KEY_NONE;
}
