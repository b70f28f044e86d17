
/*
 * Copyright (C) ngx_llm_module authors
 *
 * llm_decimal: known answers, rounding at the digit, every way to be no
 * number, saturation, and random numbers against long division done on the
 * text itself.
 */


#include "price_book.h"


typedef struct {
    const char     *text;
    int             digits;
    llm_decimal_e   rc;
    uint64_t        want;
} case_t;


static const case_t  cases[] = {

    /* rates */
    { "1.25e-06", 15, LLM_DECIMAL_OK, 1250000000 },
    { "1.25E-6", 15, LLM_DECIMAL_OK, 1250000000 },
    { "0.00000125", 15, LLM_DECIMAL_OK, 1250000000 },
    { "3e-7", 15, LLM_DECIMAL_OK, 300000000 },
    { "0.0", 15, LLM_DECIMAL_OK, 0 },
    { "0", 15, LLM_DECIMAL_OK, 0 },
    { "0e999999999999999999999", 15, LLM_DECIMAL_OK, 0 },
    { "-0.0", 15, LLM_DECIMAL_OK, 0 },
    { "1", 15, LLM_DECIMAL_OK, 1000000000000000 },
    { "2.8e-09", 15, LLM_DECIMAL_OK, 2800000 },
    { "3.0001999999999996E-7", 15, LLM_DECIMAL_OK, 300020000 },
    { "3.0001999999999996E-7", 23, LLM_DECIMAL_OK, 30001999999999996 },

    /* half up, and on the first digit left out alone */
    { "1.4e-15", 15, LLM_DECIMAL_OK, 1 },
    { "1.5e-15", 15, LLM_DECIMAL_OK, 2 },
    { "1.49999999999999999999999999999999999999e-15", 15, LLM_DECIMAL_OK, 1 },
    { "0.4e-15", 15, LLM_DECIMAL_OK, 0 },
    { "0.5e-15", 15, LLM_DECIMAL_OK, 1 },
    { "0.05e-15", 15, LLM_DECIMAL_OK, 0 },
    { "9.9e-16", 15, LLM_DECIMAL_OK, 1 },
    { "9e-17", 15, LLM_DECIMAL_OK, 0 },
    { "1e-999999999", 15, LLM_DECIMAL_OK, 0 },
    { "999999999999.5", 0, LLM_DECIMAL_OK, 1000000000000 },

    /* per million: nine digits fewer than it looks */
    { "2.50", 9, LLM_DECIMAL_OK, 2500000000 },
    { "15", 9, LLM_DECIMAL_OK, 15000000000 },
    { "0.075", 9, LLM_DECIMAL_OK, 75000000 },
    { ".5", 9, LLM_DECIMAL_OK, 500000000 },
    { "5.", 9, LLM_DECIMAL_OK, 5000000000 },
    { "+1", 9, LLM_DECIMAL_OK, 1000000000 },
    { "007", 9, LLM_DECIMAL_OK, 7000000000 },

    /* counts */
    { "12", 0, LLM_DECIMAL_OK, 12 },
    { "12.0", 0, LLM_DECIMAL_OK, 12 },
    { "1e3", 0, LLM_DECIMAL_OK, 1000 },
    { "1.2e1", 0, LLM_DECIMAL_OK, 12 },
    { "128e3", 0, LLM_DECIMAL_OK, 128000 },
    { "12000e-3", 0, LLM_DECIMAL_OK, 12 },
    { "0.999", 0, LLM_DECIMAL_OK, 1 },
    { "18446744073709551615", 0, LLM_DECIMAL_OK, UINT64_MAX },
    { "18446744073709551614.5", 0, LLM_DECIMAL_OK, UINT64_MAX },
    { "18446744073709551615.5", 0, LLM_DECIMAL_TOO_LARGE, UINT64_MAX },
    { "18446744073709551616", 0, LLM_DECIMAL_TOO_LARGE, UINT64_MAX },
    { "1e20", 0, LLM_DECIMAL_TOO_LARGE, UINT64_MAX },
    { "1e38", 0, LLM_DECIMAL_TOO_LARGE, UINT64_MAX },
    { "1e39", 0, LLM_DECIMAL_TOO_LARGE, UINT64_MAX },
    { "1e999999999999999999999999", 0, LLM_DECIMAL_TOO_LARGE, UINT64_MAX },
    { "340282366920938463463374607431768211456", 0, LLM_DECIMAL_TOO_LARGE,
      UINT64_MAX },

    { "-1", 0, LLM_DECIMAL_NEGATIVE, 7 },
    { "-1e-30", 15, LLM_DECIMAL_NEGATIVE, 7 },
    { "-.5", 0, LLM_DECIMAL_NEGATIVE, 7 },

    { "", 0, LLM_DECIMAL_NOT_A_NUMBER, 7 },
    { "-", 0, LLM_DECIMAL_NOT_A_NUMBER, 7 },
    { ".", 0, LLM_DECIMAL_NOT_A_NUMBER, 7 },
    { "e5", 0, LLM_DECIMAL_NOT_A_NUMBER, 7 },
    { "1e", 0, LLM_DECIMAL_NOT_A_NUMBER, 7 },
    { "1e+", 0, LLM_DECIMAL_NOT_A_NUMBER, 7 },
    { "1e5.0", 0, LLM_DECIMAL_NOT_A_NUMBER, 7 },
    { "1.2.3", 0, LLM_DECIMAL_NOT_A_NUMBER, 7 },
    { "--1", 0, LLM_DECIMAL_NOT_A_NUMBER, 7 },
    { " 1", 0, LLM_DECIMAL_NOT_A_NUMBER, 7 },
    { "1 ", 0, LLM_DECIMAL_NOT_A_NUMBER, 7 },
    { "1,5", 0, LLM_DECIMAL_NOT_A_NUMBER, 7 },
    { "0x10", 0, LLM_DECIMAL_NOT_A_NUMBER, 7 },
    { "NaN", 0, LLM_DECIMAL_NOT_A_NUMBER, 7 },
    { "Infinity", 0, LLM_DECIMAL_NOT_A_NUMBER, 7 },
    { "$1", 0, LLM_DECIMAL_NOT_A_NUMBER, 7 }
};


static const struct {
    uint64_t     nano;
    const char  *text;
} prints[] = {
    { 0, "0.000000000" },
    { 1, "0.000000001" },
    { 123456, "0.000123456" },
    { 999999999, "0.999999999" },
    { 1000000000, "1.000000000" },
    { 1234567890, "1.234567890" },
    { INT64_MAX, "9223372036.854775807" },
    { UINT64_MAX, "18446744073.709551615" }
};


/* Exact size, so that the sanitizer sees a byte too far. */

static llm_decimal_e
parse(const char *text, int digits, uint64_t *v)
{
    uint8_t        *p;
    llm_str_t       s;
    llm_decimal_e   rc;

    s.len = strlen(text);
    p = must(malloc(s.len ? s.len : 1));
    memcpy(p, text, s.len);
    s.data = p;

    rc = llm_decimal_u64(s, digits, v);

    free(p);

    return rc;
}


static uint64_t  seed = 88172645463325252ull;

static uint64_t
rnd(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return seed % n;
}


/*
 * d digits, the point after the first p of them, an exponent e: moved by
 * hand into a plain string of digits, then cut.
 */

static int
random_one(void)
{
    int            d, p, e, i, digits, keep;
    char           text[64], digit[41], *t;
    uint64_t       v, want;
    unsigned       up;
    llm_decimal_e  rc;

    d = 1 + rnd(16);
    p = 1 + rnd(d);
    e = (int) rnd(31) - 15;
    digits = rnd(16);

    for (i = 0; i < d; i++) {
        digit[i] = '0' + rnd(10);
    }

    t = text;

    for (i = 0; i < d; i++) {
        if (i == p) {
            *t++ = '.';
        }
        *t++ = digit[i];
    }

    t += sprintf(t, "e%d", e);

    keep = p + e + digits;

    if (keep > 18) {
        return 1;
    }

    want = 0;

    for (i = 0; i < keep; i++) {
        want = want * 10 + (i < d ? (unsigned) (digit[i] - '0') : 0);
    }

    up = (keep >= 0 && keep < d) ? digit[keep] >= '5' : 0;
    want += up;

    v = 0;
    rc = parse(text, digits, &v);

    if (rc != LLM_DECIMAL_OK || v != want) {
        printf("#   %s at %d digits: %llu, want %llu\n", text, digits,
               (unsigned long long) v, (unsigned long long) want);
        return 0;
    }

    return 1;
}


int
main(void)
{
    int            good;
    char           what[80];
    size_t         i;
    uint8_t       *end, buf[LLM_DECIMAL_LEN];
    uint64_t       v;
    llm_decimal_e  rc;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        v = 7;
        rc = parse(cases[i].text, cases[i].digits, &v);

        snprintf(what, sizeof(what), "\"%s\" x 10^%d", cases[i].text,
                 cases[i].digits);
        ok(rc == cases[i].rc && v == cases[i].want, what);

        if (rc != cases[i].rc || v != cases[i].want) {
            printf("#   got %llu (%d), want %llu (%d)\n",
                   (unsigned long long) v, rc,
                   (unsigned long long) cases[i].want, cases[i].rc);
        }
    }

    v = 0;
    ok(llm_decimal_femto(str("3e-6"), &v) == LLM_DECIMAL_OK
       && v == 3000000000, "femto a token");
    ok(llm_decimal_femto_per_million(str("3"), &v) == LLM_DECIMAL_OK
       && v == 3000000000, "femto of USD a million");
    ok(llm_decimal_nano(str("50"), &v) == LLM_DECIMAL_OK
       && v == 50000000000, "nano of USD");

    for (i = 0; i < sizeof(prints) / sizeof(prints[0]); i++) {
        memset(buf, 'x', sizeof(buf));
        end = llm_decimal_print_nano(buf, prints[i].nano);
        ok((size_t) (end - buf) == strlen(prints[i].text)
           && memcmp(buf, prints[i].text, end - buf) == 0, prints[i].text);
    }

    good = 1;

    for (i = 0; i < 200000 && good; i++) {
        good = random_one();
    }

    ok(good, "200000 random numbers");

    return done();
}
