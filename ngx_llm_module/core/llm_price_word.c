
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What the words of providers say about a price: the tier and the place of
 * a call.  A word that is not known says nothing: the plain rates hold.
 *
 * "auto" is what was asked for, "scale", "provisioned" and the like are
 * capacity that was paid for beforehand; both read as standard, so that such
 * calls show what they would cost without the contract.
 */


#include "llm_price.h"


#define LLM_WORD_MAX  32


typedef struct {
    llm_str_t  word;
    uint8_t    value;
} llm_price_word_t;


/* What may stand before a tier: trafficType, enums written out. */

static const llm_str_t  llm_tier_before[] = {
    llm_string("service_tier_"),
    llm_string("traffic_type_"),
    llm_string("on_demand_")
};


static const llm_price_word_t  llm_tier_words[] = {
    { llm_string("flex"), LLM_TIER_FLEX },
    { llm_string("batch"), LLM_TIER_BATCH },
    { llm_string("batches"), LLM_TIER_BATCH },
    { llm_string("priority"), LLM_TIER_PRIORITY },
    { llm_string("fast"), LLM_TIER_PRIORITY }
};


/* The endings of hosts, and what a name before them means. */

static const struct {
    llm_str_t  end;
    uint8_t    factor;
} llm_price_hosts[] = {
    { llm_string("eu.api.openai.com"), LLM_FACTOR_EU },
    { llm_string("us.api.openai.com"), LLM_FACTOR_US },
    { llm_string("-aiplatform.googleapis.com"), LLM_FACTOR_REGIONAL },
    { llm_string("aiplatform.us.rep.googleapis.com"), LLM_FACTOR_REGIONAL },
    { llm_string("aiplatform.eu.rep.googleapis.com"), LLM_FACTOR_REGIONAL }
};


#define COUNT(a)  (sizeof(a) / sizeof(a[0]))


/* Lower case, '_' for '-'; an empty one if it is longer than any word. */

static llm_str_t
llm_price_fold(llm_str_t word, uint8_t *buf)
{
    size_t     i;
    uint8_t    c;
    llm_str_t  v;

    v.data = buf;
    v.len = (word.len <= LLM_WORD_MAX) ? word.len : 0;

    for (i = 0; i < v.len; i++) {
        c = word.data[i];
        buf[i] = (c >= 'A' && c <= 'Z') ? (c | 0x20) : c == '-' ? '_' : c;
    }

    return v;
}


unsigned
llm_price_tier(llm_str_t name)
{
    size_t     i;
    uint8_t    buf[LLM_WORD_MAX];
    llm_str_t  word;

    word = llm_price_fold(name, buf);

    for (i = 0; i < COUNT(llm_tier_before); i++) {

        if (word.len > llm_tier_before[i].len
            && memcmp(word.data, llm_tier_before[i].data,
                      llm_tier_before[i].len) == 0)
        {
            word.data += llm_tier_before[i].len;
            word.len -= llm_tier_before[i].len;
        }
    }

    for (i = 0; i < COUNT(llm_tier_words); i++) {
        if (llm_str_eq(word, (const char *) llm_tier_words[i].word.data,
                       llm_tier_words[i].word.len))
        {
            return llm_tier_words[i].value;
        }
    }

    return LLM_TIER_STANDARD;
}


unsigned
llm_price_geo(llm_str_t geo)
{
    uint8_t  buf[LLM_WORD_MAX];

    return llm_str_is(llm_price_fold(geo, buf), "us")
           ? llm_factor_bit(LLM_FACTOR_GEO_US) : 0;
}


unsigned
llm_price_speed(llm_str_t speed)
{
    uint8_t  buf[LLM_WORD_MAX];

    return llm_str_is(llm_price_fold(speed, buf), "fast")
           ? llm_factor_bit(LLM_FACTOR_FAST) : 0;
}


/*
 * "bedrock-runtime.eu-west-1.amazonaws.com", "bedrock-mantle.us-east-1.api.aws"
 * and "vpce-0-1.bedrock-runtime.us-east-1.vpce.amazonaws.com": the label
 * behind the one that begins with "bedrock".
 */

static llm_str_t
llm_price_bedrock(llm_str_t host)
{
    llm_str_t       label, none = llm_string("");
    const uint8_t  *p, *e, *dot;

    static const llm_str_t  bedrock = llm_string("bedrock");

    e = host.data + host.len;

    for (p = host.data; p < e; p = dot + 1) {

        dot = memchr(p, '.', e - p);
        if (dot == NULL) {
            return none;
        }

        if ((size_t) (dot - p) < bedrock.len
            || memcmp(p, bedrock.data, bedrock.len) != 0)
        {
            continue;
        }

        label.data = dot + 1;
        dot = memchr(label.data, '.', e - label.data);
        label.len = dot ? (size_t) (dot - label.data) : 0;

        return label;
    }

    return none;
}


void
llm_price_place(llm_str_t host, llm_place_t *place)
{
    size_t          i, n;
    llm_str_t       none = llm_string("");
    const uint8_t  *p;

    place->region = none;
    place->factors = 0;

    p = host.len ? memchr(host.data, ':', host.len) : NULL;
    if (p) {
        host.len = p - host.data;
    }

    for (i = 0; i < COUNT(llm_price_hosts); i++) {
        n = llm_price_hosts[i].end.len;

        if (host.len >= n
            && memcmp(host.data + host.len - n, llm_price_hosts[i].end.data, n)
               == 0)
        {
            place->factors = llm_factor_bit(llm_price_hosts[i].factor);
            return;
        }
    }

    if (host.len) {
        place->region = llm_price_bedrock(host);
    }
}
