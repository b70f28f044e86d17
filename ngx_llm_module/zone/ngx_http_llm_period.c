
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The calendar is the proleptic Gregorian one, in UTC and without leap
 * seconds, so nothing here depends on a time zone, a locale or the C
 * library's tables.  Months are counted from a March: then the day that
 * comes and goes is the last of the year.
 */


#include "ngx_http_llm_period.h"


#define NGX_HTTP_LLM_HOUR_SEC   3600
#define NGX_HTTP_LLM_DAY_SEC    86400

/* From the 1st of March of the year 0 to the 1st of January of 1970. */
#define NGX_HTTP_LLM_EPOCH_DAY  719468

#define NGX_HTTP_LLM_ERA_DAYS   146097           /* 400 years */


const char *const  ngx_http_llm_periods[NGX_HTTP_LLM_PERIODS] = {
    "", "hour", "day", "week", "month"
};


static uint64_t
ngx_http_llm_period_month(uint64_t days)
{
    uint64_t  era, doe, yoe, doy, month, year;

    days += NGX_HTTP_LLM_EPOCH_DAY;

    era = days / NGX_HTTP_LLM_ERA_DAYS;
    doe = days % NGX_HTTP_LLM_ERA_DAYS;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);

    month = (5 * doy + 2) / 153;                 /* 0: March */
    year = era * 400 + yoe;

    return (year - 1970) * 12 + month + 2;
}


static uint64_t
ngx_http_llm_period_month_day(uint64_t number)
{
    uint64_t  year, month, yoe;

    /* the month, counted from the March of the year 0 */

    number += 1970 * 12 - 2;

    year = number / 12;
    month = number % 12;
    yoe = year % 400;

    return year / 400 * NGX_HTTP_LLM_ERA_DAYS
           + yoe * 365 + yoe / 4 - yoe / 100 + (153 * month + 2) / 5
           - NGX_HTTP_LLM_EPOCH_DAY;
}


uint64_t
ngx_http_llm_period_number(uint32_t period, uint64_t sec)
{
    uint64_t  days;

    days = sec / NGX_HTTP_LLM_DAY_SEC;

    switch (period) {

    case NGX_HTTP_LLM_HOUR:
        return sec / NGX_HTTP_LLM_HOUR_SEC;

    case NGX_HTTP_LLM_WEEK:

        /* week 0 begins on Monday, the 29th of December of 1969 */

        return (days + 3) / 7;

    case NGX_HTTP_LLM_MONTH:
        return ngx_http_llm_period_month(days);

    default:
        return days;
    }
}


uint64_t
ngx_http_llm_period_begin(uint32_t period, uint64_t number)
{
    switch (period) {

    case NGX_HTTP_LLM_HOUR:
        return number * NGX_HTTP_LLM_HOUR_SEC;

    case NGX_HTTP_LLM_WEEK:
        return number ? (number * 7 - 3) * NGX_HTTP_LLM_DAY_SEC : 0;

    case NGX_HTTP_LLM_MONTH:
        return ngx_http_llm_period_month_day(number) * NGX_HTTP_LLM_DAY_SEC;

    default:
        return number * NGX_HTTP_LLM_DAY_SEC;
    }
}
