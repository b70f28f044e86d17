
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Decimal texts are cut, never computed with: the digits that count are
 * found first, and only they are gathered into an integer.  So no floating
 * point is near a price, nothing depends on how many digits a writer spent,
 * and rounding happens once, on the first digit that is left out.
 */


#include "llm_decimal.h"


/* Beyond it any exponent is as good as infinite. */

#define LLM_DECIMAL_EXPONENT  1000000


const char *const  llm_decimal_errors[] = {
    "",
    "not a number",
    "negative",
    "too large"
};


/* What a text says: 0.d1 d2 d3 ... x 10^point, d1 not 0. */

typedef struct {
    const uint8_t  *digit;        /* at d1; a '.' may stand among them */
    size_t          n;
    int64_t         point;
    int             minus;
} llm_decimal_text_t;


static int
llm_decimal_exponent(const uint8_t *p, const uint8_t *e, int64_t *exponent)
{
    int      minus;
    int64_t  v;

    minus = 0;

    if (p != e && (*p == '+' || *p == '-')) {
        minus = (*p++ == '-');
    }

    if (p == e) {
        return -1;
    }

    for (v = 0; p != e; p++) {

        if (*p < '0' || *p > '9') {
            return -1;
        }

        v = llm_min(v * 10 + (*p - '0'), LLM_DECIMAL_EXPONENT);
    }

    *exponent = minus ? -v : v;

    return 0;
}


static int
llm_decimal_read(llm_str_t text, llm_decimal_text_t *t)
{
    int             seen, point;
    int64_t         exponent;
    const uint8_t  *p, *e;

    p = text.data;
    e = p + text.len;

    t->digit = NULL;
    t->n = 0;
    t->point = 0;
    t->minus = 0;

    if (p != e && (*p == '+' || *p == '-')) {
        t->minus = (*p++ == '-');
    }

    seen = 0;
    point = 0;
    exponent = 0;

    for ( /* void */ ; p != e; p++) {

        if (*p == '.' && !point) {
            point = 1;
            continue;
        }

        if (*p < '0' || *p > '9') {
            break;
        }

        seen = 1;

        if (t->digit == NULL && *p == '0') {
            t->point -= point;
            continue;
        }

        if (t->digit == NULL) {
            t->digit = p;
        }

        t->n++;
        t->point += !point;
    }

    if (!seen) {
        return -1;
    }

    if (p != e) {

        if ((*p | 0x20) != 'e') {
            return -1;
        }

        if (llm_decimal_exponent(p + 1, e, &exponent) != 0) {
            return -1;
        }
    }

    t->point += exponent;

    return 0;
}


/* v x 10 + d; not 0 when it does not fit. */

static inline int
llm_decimal_push(llm_u128_t *v, unsigned d)
{
    if (*v > (~(llm_u128_t) 0 - d) / 10) {
        *v = ~(llm_u128_t) 0;
        return -1;
    }

    *v = *v * 10 + d;

    return 0;
}


llm_decimal_e
llm_decimal_scaled(llm_str_t text, int digits, llm_u128_t *v)
{
    int64_t              keep, i;
    llm_u128_t           r;
    const uint8_t       *p;
    llm_decimal_text_t   t;

    if (llm_decimal_read(text, &t) != 0) {
        return LLM_DECIMAL_NOT_A_NUMBER;
    }

    if (t.n == 0) {
        *v = 0;
        return LLM_DECIMAL_OK;
    }

    if (t.minus) {
        return LLM_DECIMAL_NEGATIVE;
    }

    /* how many digits are before the point of the result */

    keep = t.point + digits;
    r = 0;
    p = t.digit;

    for (i = 0; i < keep; i++) {

        if (i >= (int64_t) t.n) {

            if (llm_decimal_push(&r, 0) != 0) {
                goto large;
            }

            continue;
        }

        p += (*p == '.');

        if (llm_decimal_push(&r, *p++ - '0') != 0) {
            goto large;
        }
    }

    if (keep >= 0 && keep < (int64_t) t.n) {
        p += (*p == '.');

        if (*p >= '5' && ++r == 0) {
            r--;
            goto large;
        }
    }

    *v = r;

    return LLM_DECIMAL_OK;

large:

    *v = r;

    return LLM_DECIMAL_TOO_LARGE;
}


llm_decimal_e
llm_decimal_u64(llm_str_t text, int digits, uint64_t *v)
{
    llm_u128_t     r;
    llm_decimal_e  rc;

    rc = llm_decimal_scaled(text, digits, &r);

    if (rc != LLM_DECIMAL_OK && rc != LLM_DECIMAL_TOO_LARGE) {
        return rc;
    }

    if (r > UINT64_MAX) {
        *v = UINT64_MAX;
        return LLM_DECIMAL_TOO_LARGE;
    }

    *v = (uint64_t) r;

    return rc;
}


uint8_t *
llm_decimal_print_nano(uint8_t *p, uint64_t nano)
{
    size_t    i, n;
    uint8_t   digit[LLM_DECIMAL_LEN];

    n = 0;

    do {
        digit[n++] = '0' + nano % 10;
        nano /= 10;
    } while (nano || n <= LLM_NANO_DIGITS);

    for (i = n; i > 0; i--) {

        if (i == LLM_NANO_DIGITS) {
            *p++ = '.';
        }

        *p++ = digit[i - 1];
    }

    return p;
}
