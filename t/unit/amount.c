
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Amounts and rates, right and wrong; each text in an allocation of its
 * exact size.
 */


#include "llm_amount.h"
#include "tap.h"


static const struct {
    const char    *text;
    llm_amount_e   rc;
    int            unit;
    uint64_t       value;
} amounts[] = {
    { "0", LLM_AMOUNT_OK, LLM_AMOUNT_ANY, 0 },
    { "000", LLM_AMOUNT_OK, LLM_AMOUNT_ANY, 0 },
    { "0usd", LLM_AMOUNT_OK, LLM_AMOUNT_USD, 0 },
    { "0t", LLM_AMOUNT_OK, LLM_AMOUNT_TOKENS, 0 },
    { "50usd", LLM_AMOUNT_OK, LLM_AMOUNT_USD, 50000000000ull },
    { "1.5usd", LLM_AMOUNT_OK, LLM_AMOUNT_USD, 1500000000ull },
    { "1.500000000000usd", LLM_AMOUNT_OK, LLM_AMOUNT_USD, 1500000000ull },
    { "0.000000001usd", LLM_AMOUNT_OK, LLM_AMOUNT_USD, 1 },
    { "007.25usd", LLM_AMOUNT_OK, LLM_AMOUNT_USD, 7250000000ull },
    { "2000000t", LLM_AMOUNT_OK, LLM_AMOUNT_TOKENS, 2000000 },
    { "1000r", LLM_AMOUNT_OK, LLM_AMOUNT_CALLS, 1000 },
    { "1.0r", LLM_AMOUNT_OK, LLM_AMOUNT_CALLS, 1 },
    { "4503599627370495t", LLM_AMOUNT_OK, LLM_AMOUNT_TOKENS,
      LLM_AMOUNT_MAX },
    { "4503599.627370495usd", LLM_AMOUNT_OK, LLM_AMOUNT_USD,
      LLM_AMOUNT_MAX },
    { "4503599627370496t", LLM_AMOUNT_TOO_LARGE, 0, 0 },
    { "4503599.627370496usd", LLM_AMOUNT_TOO_LARGE, 0, 0 },
    { "99999999999999999999999999999999usd", LLM_AMOUNT_TOO_LARGE, 0, 0 },
    { "0.0000000001usd", LLM_AMOUNT_FRACTION, 0, 0 },
    { "1.5t", LLM_AMOUNT_FRACTION, 0, 0 },
    { "0.5r", LLM_AMOUNT_FRACTION, 0, 0 },
    { "50", LLM_AMOUNT_NO_UNIT, 0, 0 },
    { "0.0", LLM_AMOUNT_NO_UNIT, 0, 0 },
    { "50eur", LLM_AMOUNT_BAD_UNIT, 0, 0 },
    { "50USD", LLM_AMOUNT_BAD_UNIT, 0, 0 },
    { "50 usd", LLM_AMOUNT_BAD_UNIT, 0, 0 },
    { "50usdt", LLM_AMOUNT_BAD_UNIT, 0, 0 },
    { "50us", LLM_AMOUNT_BAD_UNIT, 0, 0 },
    { "100kt", LLM_AMOUNT_BAD_UNIT, 0, 0 },
    { "1e3t", LLM_AMOUNT_BAD_UNIT, 0, 0 },
    { "1.2.3t", LLM_AMOUNT_BAD_UNIT, 0, 0 },
    { "", LLM_AMOUNT_NOT_A_NUMBER, 0, 0 },
    { "usd", LLM_AMOUNT_NOT_A_NUMBER, 0, 0 },
    { "$5", LLM_AMOUNT_NOT_A_NUMBER, 0, 0 },
    { ".5usd", LLM_AMOUNT_NOT_A_NUMBER, 0, 0 },
    { "1.usd", LLM_AMOUNT_NOT_A_NUMBER, 0, 0 },
    { "+1t", LLM_AMOUNT_NOT_A_NUMBER, 0, 0 },
    { " 1t", LLM_AMOUNT_NOT_A_NUMBER, 0, 0 },
    { "-1t", LLM_AMOUNT_NEGATIVE, 0, 0 },
    { "-", LLM_AMOUNT_NEGATIVE, 0, 0 }
};


static const struct {
    const char    *text;
    llm_amount_e   rc;
    int            unit;
    uint64_t       value;
    uint64_t       sec;
} rates[] = {
    { "100000t/m", LLM_AMOUNT_OK, LLM_AMOUNT_TOKENS, 100000, 60 },
    { "600r/m", LLM_AMOUNT_OK, LLM_AMOUNT_CALLS, 600, 60 },
    { "2usd/h", LLM_AMOUNT_OK, LLM_AMOUNT_USD, 2000000000ull, 3600 },
    { "1r/s", LLM_AMOUNT_OK, LLM_AMOUNT_CALLS, 1, 1 },
    { "0.25usd/d", LLM_AMOUNT_OK, LLM_AMOUNT_USD, 250000000, 86400 },
    { "600r", LLM_AMOUNT_NO_PERIOD, 0, 0, 0 },
    { "600r/", LLM_AMOUNT_NO_PERIOD, 0, 0, 0 },
    { "600r/w", LLM_AMOUNT_BAD_PERIOD, 0, 0, 0 },
    { "600r/mm", LLM_AMOUNT_BAD_PERIOD, 0, 0, 0 },
    { "600r/m/s", LLM_AMOUNT_BAD_PERIOD, 0, 0, 0 },
    { "600r//m", LLM_AMOUNT_BAD_PERIOD, 0, 0, 0 },
    { "600r/min", LLM_AMOUNT_BAD_PERIOD, 0, 0, 0 },
    { "600/m", LLM_AMOUNT_NO_UNIT, 0, 0, 0 },
    { "0/m", LLM_AMOUNT_NO_UNIT, 0, 0, 0 },
    { "0r/m", LLM_AMOUNT_ZERO_RATE, 0, 0, 0 },
    { "0.0usd/m", LLM_AMOUNT_ZERO_RATE, 0, 0, 0 },
    { "/m", LLM_AMOUNT_NOT_A_NUMBER, 0, 0, 0 },
    { "", LLM_AMOUNT_NOT_A_NUMBER, 0, 0, 0 },
    { "-1r/m", LLM_AMOUNT_NEGATIVE, 0, 0, 0 },
    { "1.5r/m", LLM_AMOUNT_FRACTION, 0, 0, 0 }
};


static llm_str_t
exact(const char *text)
{
    size_t      len = strlen(text);
    uint8_t    *p = malloc(len ? len : 1);
    llm_str_t   s = { p, len };

    CHECK(p != NULL);
    memcpy(p, text, len);

    return s;
}


int
main(void)
{
    int           good;
    size_t        i;
    llm_str_t     s;
    llm_rate_t    rate;
    llm_amount_t  amount;
    llm_amount_e  rc;

    for (i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
        s = exact(amounts[i].text);
        amount.unit = 77;
        amount.value = 77;

        rc = llm_amount_read(s, &amount);
        good = (rc == amounts[i].rc);

        if (rc == LLM_AMOUNT_OK) {
            good = good && (int) amount.unit == amounts[i].unit
                   && amount.value == amounts[i].value;

        } else {
            good = good && amount.unit == 77 && amount.value == 77
                   && llm_amount_errors[rc][0];
        }

        ok(good, "amount \"%s\": %s", amounts[i].text, llm_amount_errors[rc]);
        free((void *) s.data);
    }

    for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        s = exact(rates[i].text);

        rc = llm_amount_rate(s, &rate);
        good = (rc == rates[i].rc);

        if (rc == LLM_AMOUNT_OK) {
            good = good && (int) rate.unit == rates[i].unit
                   && rate.value == rates[i].value
                   && rate.period == rates[i].sec * 1000000000ull;
        }

        ok(good, "rate \"%s\": %s", rates[i].text, llm_amount_errors[rc]);
        free((void *) s.data);
    }

    return tap_done();
}
