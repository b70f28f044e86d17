
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Amounts are read exactly or not at all: what a unit cannot hold (half a
 * token, a tenth of a nano-USD, more than 52 bits) is an error and never
 * rounded, as a limit that is not what was written would be found late.
 */


#include "llm_amount.h"


const char *const  llm_amount_errors[] = {
    "",
    "not a number",
    "negative",
    "too large",
    "no unit: t, r or usd",
    "unknown unit: t, r and usd are known",
    "finer than its unit",
    "no period: /s, /m, /h or /d",
    "unknown period: s, m, h and d are known",
    "a rate of zero"
};


const char *const  llm_amount_units[LLM_AMOUNT_UNITS] = {
    "tokens", "calls", "usd"
};


static const struct {
    const char         *name;
    size_t              len;
    llm_amount_unit_e   unit;
    uint32_t            digits;      /* after the point */
} llm_amount_names[] = {
    { "t", 1, LLM_AMOUNT_TOKENS, 0 },
    { "r", 1, LLM_AMOUNT_CALLS, 0 },
    { "usd", 3, LLM_AMOUNT_USD, 9 }
};


static const struct {
    char      name;
    uint64_t  sec;
} llm_amount_periods[] = {
    { 's', 1 },
    { 'm', 60 },
    { 'h', 3600 },
    { 'd', 86400 }
};


static int
llm_amount_digit(const uint8_t *p, const uint8_t *last)
{
    return p < last && *p >= '0' && *p <= '9';
}


/* Digits up to another character: their value times 10^scale, added. */

static const uint8_t *
llm_amount_digits(const uint8_t *p, const uint8_t *last, uint64_t *v)
{
    for ( /* void */ ; llm_amount_digit(p, last); p++) {
        *v = llm_min(*v * 10 + (uint64_t) (*p - '0'), LLM_AMOUNT_MAX + 1);
    }

    return p;
}


llm_amount_e
llm_amount_read(llm_str_t text, llm_amount_t *amount)
{
    uint32_t        i, n, digits;
    uint64_t        v;
    const uint8_t  *p, *last, *point;

    p = text.data;
    last = p + text.len;

    if (p < last && *p == '-') {
        return LLM_AMOUNT_NEGATIVE;
    }

    if (!llm_amount_digit(p, last)) {
        return LLM_AMOUNT_NOT_A_NUMBER;
    }

    v = 0;
    p = llm_amount_digits(p, last, &v);
    point = NULL;

    if (p < last && *p == '.') {
        point = ++p;

        if (!llm_amount_digit(p, last)) {
            return LLM_AMOUNT_NOT_A_NUMBER;
        }

        while (llm_amount_digit(p, last)) {
            p++;
        }
    }

    if (p == last) {

        if (v || point) {
            return LLM_AMOUNT_NO_UNIT;
        }

        amount->unit = LLM_AMOUNT_ANY;
        amount->value = 0;
        return LLM_AMOUNT_OK;
    }

    n = sizeof(llm_amount_names) / sizeof(llm_amount_names[0]);

    for (i = 0; i < n; i++) {
        if ((size_t) (last - p) == llm_amount_names[i].len
            && memcmp(p, llm_amount_names[i].name, llm_amount_names[i].len)
               == 0)
        {
            break;
        }
    }

    if (i == n) {
        return LLM_AMOUNT_BAD_UNIT;
    }

    digits = llm_amount_names[i].digits;

    for ( /* void */ ; digits; digits--) {
        v *= 10;

        if (point && llm_amount_digit(point, last)) {
            v += (uint64_t) (*point++ - '0');
        }

        v = llm_min(v, LLM_AMOUNT_MAX + 1);
    }

    for ( /* void */ ; point && llm_amount_digit(point, last); point++) {
        if (*point != '0') {
            return LLM_AMOUNT_FRACTION;
        }
    }

    if (v > LLM_AMOUNT_MAX) {
        return LLM_AMOUNT_TOO_LARGE;
    }

    amount->unit = llm_amount_names[i].unit;
    amount->value = v;

    return LLM_AMOUNT_OK;
}


llm_amount_e
llm_amount_rate(llm_str_t text, llm_rate_t *rate)
{
    uint32_t        i, n;
    llm_str_t       left;
    llm_amount_e    rc;
    llm_amount_t    amount;
    const uint8_t  *slash, *last;

    last = text.data + text.len;
    slash = text.len ? memchr(text.data, '/', text.len) : NULL;

    left.data = text.data;
    left.len = slash ? (size_t) (slash - text.data) : text.len;

    rc = llm_amount_read(left, &amount);

    if (rc != LLM_AMOUNT_OK) {
        return rc;
    }

    if (amount.unit == LLM_AMOUNT_ANY) {
        return LLM_AMOUNT_NO_UNIT;
    }

    if (slash == NULL) {
        return LLM_AMOUNT_NO_PERIOD;
    }

    slash++;
    n = sizeof(llm_amount_periods) / sizeof(llm_amount_periods[0]);

    for (i = 0; i < n; i++) {
        if (last - slash == 1 && *slash == (uint8_t) llm_amount_periods[i].name)
        {
            break;
        }
    }

    if (i == n) {
        return slash == last ? LLM_AMOUNT_NO_PERIOD : LLM_AMOUNT_BAD_PERIOD;
    }

    if (amount.value == 0) {
        return LLM_AMOUNT_ZERO_RATE;
    }

    rate->unit = amount.unit;
    rate->value = amount.value;
    rate->period = llm_amount_periods[i].sec * 1000000000ull;

    return LLM_AMOUNT_OK;
}
