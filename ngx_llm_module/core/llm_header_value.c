
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Values of headers.
 *
 * Numbers are read as a whole part and billionths, never as floating point,
 * and are bounded before they are multiplied.  A time that has passed is 0
 * from now as long as clocks may differ by it, and nonsense beyond, as is one
 * that lies further ahead than any limit is kept.
 */


#include "llm_decimal.h"
#include "llm_header_value.h"


#define LLM_HEADER_LEN     64            /* no number is longer */
#define LLM_HEADER_MAX     1000000000000000ull
#define LLM_HEADER_DIGITS  16            /* of that */
#define LLM_HEADER_NANO    1000000000ull

#define LLM_HEADER_DAY     (86400 * LLM_HEADER_NANO)
#define LLM_HEADER_YEAR    (366ull * 86400 * 1000)     /* ms */
#define LLM_HEADER_PAST    (3600ull * 1000)

#define LLM_HEADER_EPOCH   1000000000ull               /* 2001, in seconds */


static const struct {
    const char  *name;
    size_t       len;
    uint64_t     ns;
} llm_header_units[] = {
    { "s", 1, 1000000000 },
    { "ms", 2, 1000000 },
    { "m", 1, 60000000000 },
    { "h", 1, 3600000000000 },
    { "d", 1, 86400000000000 },
    { "us", 2, 1000 },
    { "\xc2\xb5s", 3, 1000 },
    { "\xce\xbcs", 3, 1000 },
    { "ns", 2, 1 }
};


static inline int
llm_header_digit(const uint8_t *p, const uint8_t *e)
{
    return p != e && *p >= '0' && *p <= '9';
}


/* Digits, and perhaps a point and digits.  What follows, or NULL. */

static const uint8_t *
llm_header_number(const uint8_t *p, const uint8_t *e, uint64_t *n,
    uint64_t *nano)
{
    unsigned        d;
    uint64_t        v, unit;
    const uint8_t  *start, *last;

    if (e - p > LLM_HEADER_LEN) {
        return NULL;
    }

    v = 0;
    start = p;
    last = llm_min(e, p + LLM_HEADER_DIGITS);

    for ( /* void */ ; p != last; p++) {
        d = *p - '0';

        if (d > 9) {
            break;
        }

        v = v * 10 + d;
    }

    /* a digit behind them is nothing that anybody takes for an end */

    if (p == start || v > LLM_HEADER_MAX) {
        return NULL;
    }

    *n = v;
    *nano = 0;

    if (p == e || *p != '.') {
        return p;
    }

    p++;

    if (!llm_header_digit(p, e)) {
        return NULL;
    }

    for (unit = LLM_HEADER_NANO / 10; llm_header_digit(p, e); p++) {
        *nano += unit * (*p - '0');
        unit /= 10;
    }

    return p;
}


int
llm_header_whole(llm_str_t s, uint64_t *n)
{
    uint64_t        v, nano;
    const uint8_t  *e;

    e = s.data + s.len;

    if (llm_header_number(s.data, e, &v, &nano) != e) {
        return 0;
    }

    *n = v;

    return 1;
}


int
llm_header_policy(llm_str_t s, uint64_t *n)
{
    uint64_t        v, nano;
    const uint8_t  *p, *e;

    e = s.data + llm_min(s.len, LLM_HEADER_LEN);
    p = llm_header_number(s.data, e, &v, &nano);

    if (p == NULL) {
        return 0;
    }

    while (p != e && (*p == ' ' || *p == '\t')) {
        p++;
    }

    if (p != s.data + s.len && (p == e || (*p != ',' && *p != ';'))) {
        return 0;
    }

    *n = v;

    return 1;
}


int
llm_header_negative(llm_str_t s)
{
    uint64_t  n;

    if (s.len == 0 || s.data[0] != '-') {
        return 0;
    }

    s.data++;
    s.len--;

    return llm_header_whole(s, &n);
}


int
llm_header_duration(llm_str_t s, uint64_t unit, uint64_t *ns)
{
    uint64_t        n, nano;
    const uint8_t  *e;

    e = s.data + s.len;

    if (llm_header_number(s.data, e, &n, &nano) != e
        || n >= LLM_HEADER_DAY / unit)
    {
        return 0;
    }

    *ns = n * unit + nano / (LLM_HEADER_NANO / unit);

    return 1;
}


/* Numbers with units, the first number read; ms, rounded up. */

static int
llm_header_units_sum(const uint8_t *p, const uint8_t *e, uint64_t whole,
    uint64_t nano, uint64_t *ms)
{
    size_t    i, n;
    uint64_t  ns, unit;

    ns = 0;

    for ( ;; ) {

        for (n = 0; p + n != e && !llm_header_digit(p + n, e); n++) {
            /* void */
        }

        unit = 0;

        for (i = 0;
             i < sizeof(llm_header_units) / sizeof(llm_header_units[0]);
             i++)
        {
            if (n == llm_header_units[i].len
                && memcmp(p, llm_header_units[i].name, n) == 0)
            {
                unit = llm_header_units[i].ns;
                break;
            }
        }

        /* so that neither a product nor the sum can wrap */

        if (unit == 0 || whole > LLM_HEADER_YEAR * 1000000 / unit) {
            return 0;
        }

        ns += whole * unit;

        if (nano) {
            ns += (uint64_t) ((llm_u128_t) nano * unit / LLM_HEADER_NANO);
        }

        if (ns > LLM_HEADER_YEAR * 1000000) {
            return 0;
        }

        p += n;

        if (p == e) {
            break;
        }

        p = llm_header_number(p, e, &whole, &nano);

        if (p == NULL) {
            return 0;
        }
    }

    *ms = (ns + 999999) / 1000000;

    return 1;
}


/* So many digits, and that they stand there. */

static int
llm_header_digits(const uint8_t **p, unsigned n, unsigned *v)
{
    for (*v = 0; n; n--) {

        if (**p < '0' || **p > '9') {
            return 0;
        }

        *v = *v * 10 + (*(*p)++ - '0');
    }

    return 1;
}


/* Days since 1970-01-01 in the Gregorian calendar; year >= 1. */

static int64_t
llm_header_days(unsigned year, unsigned month, unsigned day)
{
    int64_t  y;

    /* the year begins in March, so that its odd day is its last */

    y = (int64_t) year - (month <= 2);
    month = month <= 2 ? month + 9 : month - 3;

    return y * 365 + y / 4 - y / 100 + y / 400
           + (153 * month + 2) / 5 + day - 1 - 719468;
}


/* RFC 3339, to ms since the epoch. */

static int
llm_header_date(llm_str_t s, uint64_t *ms)
{
    int64_t         at, offset;
    uint64_t        n, nano;
    unsigned        year, month, day, hour, minute, second, oh, om;
    const uint8_t  *p, *e;

    /* 2006-01-02T15:04:05Z at least, so that reading 19 bytes is safe */

    if (s.len < 20 || s.len > LLM_HEADER_LEN) {
        return 0;
    }

    p = s.data;
    e = p + s.len;
    nano = 0;

    if (!llm_header_digits(&p, 4, &year) || *p++ != '-'
        || !llm_header_digits(&p, 2, &month) || *p++ != '-'
        || !llm_header_digits(&p, 2, &day) || (*p++ | 0x20) != 't'
        || !llm_header_digits(&p, 2, &hour) || *p++ != ':'
        || !llm_header_digits(&p, 2, &minute) || *p++ != ':'
        || !llm_header_digits(&p, 2, &second)
        || year < 1970 || month - 1 > 11 || day - 1 > 30 || hour > 23
        || minute > 59 || second > 60)
    {
        return 0;
    }

    if (*p == '.') {
        p = llm_header_number(p - 1, e, &n, &nano);

        if (p == NULL || p == e) {
            return 0;
        }
    }

    offset = 0;

    if (e - p == 6 && (*p == '+' || *p == '-')) {
        offset = (*p++ == '-') ? -60 : 60;

        if (!llm_header_digits(&p, 2, &oh) || *p++ != ':'
            || !llm_header_digits(&p, 2, &om) || oh > 23 || om > 59)
        {
            return 0;
        }

        offset *= (int64_t) oh * 60 + om;

    } else if (e - p != 1 || (*p | 0x20) != 'z') {
        return 0;
    }

    at = llm_header_days(year, month, day) * 86400
         + (int64_t) hour * 3600 + minute * 60 + second - offset;

    if (at < 0) {
        return 0;
    }

    *ms = (uint64_t) at * 1000 + nano / 1000000;

    return 1;
}


static int
llm_header_from_now(uint64_t at, uint64_t wall, uint64_t *ms)
{
    if (at < wall) {

        if (wall - at > LLM_HEADER_PAST) {
            return 0;
        }

        *ms = 0;
        return 1;
    }

    if (at - wall > LLM_HEADER_YEAR) {
        return 0;
    }

    *ms = at - wall;

    return 1;
}


int
llm_header_reset(llm_str_t s, uint64_t wall, uint64_t *ms)
{
    uint64_t        n, nano, at;
    const uint8_t  *p, *e;

    e = s.data + s.len;

    if (s.len > 4 && s.data[4] == '-') {
        return llm_header_date(s, &at) && llm_header_from_now(at, wall, ms);
    }

    p = llm_header_number(s.data, e, &n, &nano);

    if (p == NULL) {
        return 0;
    }

    if (p != e) {
        return llm_header_units_sum(p, e, n, nano, ms);
    }

    if (n >= LLM_HEADER_EPOCH * 1000) {
        return llm_header_from_now(n, wall, ms);
    }

    if (n >= LLM_HEADER_EPOCH) {
        return llm_header_from_now(n * 1000 + nano / 1000000, wall, ms);
    }

    if (n > LLM_HEADER_YEAR / 1000) {
        return 0;
    }

    *ms = n * 1000 + (nano + 999999) / 1000000;

    return 1;
}


int
llm_header_money(llm_str_t s, uint64_t *nano)
{
    uint64_t  n;

    if (s.len > LLM_HEADER_LEN
        || llm_decimal_nano(s, &n) != LLM_DECIMAL_OK
        || n > LLM_HEADER_MAX)
    {
        return 0;
    }

    *nano = n;

    return 1;
}


/* The bytes up to one of the two, which does not stand in quotes. */

static llm_str_t
llm_header_cut(llm_str_t *rest, uint8_t a, uint8_t b)
{
    int        quoted;
    size_t     i;
    llm_str_t  part;

    quoted = 0;

    for (i = 0; i < rest->len; i++) {

        if (quoted && rest->data[i] == '\\') {
            i++;
            continue;
        }

        if (rest->data[i] == '"') {
            quoted = !quoted;

        } else if (!quoted && (rest->data[i] == a || rest->data[i] == b)) {
            break;
        }
    }

    part.data = rest->data;
    part.len = llm_min(i, rest->len);

    rest->data += part.len;
    rest->len -= part.len;

    part = llm_header_trim(part);

    return part;
}


int
llm_header_metric(llm_str_t *rest, llm_str_t *name, llm_str_t *duration)
{
    llm_str_t  param;

    if (rest->len == 0) {
        return 0;
    }

    duration->data = rest->data;
    duration->len = 0;

    *name = llm_header_cut(rest, ';', ',');

    while (rest->len && rest->data[0] == ';') {
        rest->data++;
        rest->len--;

        param = llm_header_cut(rest, ';', ',');

        if (duration->len == 0 && param.len > 4
            && (param.data[0] | 0x20) == 'd' && (param.data[1] | 0x20) == 'u'
            && (param.data[2] | 0x20) == 'r' && param.data[3] == '=')
        {
            duration->data = param.data + 4;
            duration->len = param.len - 4;
        }
    }

    if (rest->len) {
        rest->data++;
        rest->len--;
    }

    return 1;
}
