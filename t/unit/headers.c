
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What providers say in headers: sets as each of them sends, and values that
 * are none.  Header lines are handed in as they stand, then in other cases
 * and in the other order; each in an allocation of its exact size.
 */


#include "headers_sets.h"
#include "llm_header.h"
#include "tap.h"


static uint8_t *
exact(const char *p, size_t len)
{
    uint8_t  *q;

    q = malloc(len ? len : 1);
    CHECK(q != NULL);
    memcpy(q, p, len);

    return q;
}


/* mode 1: upper case, 2: mixed, 0: as it is */

static void
note(llm_headers_t *h, const char *line, size_t len, int mode)
{
    size_t       i, n;
    llm_str_t    name, value;
    const char  *colon;

    colon = memchr(line, ':', len);
    CHECK(colon != NULL);

    n = (size_t) (colon - line);
    name.data = exact(line, n);
    name.len = n;
    value.data = exact(colon + 1, len - n - 1);
    value.len = len - n - 1;

    for (i = 0; i < n; i++) {
        if ((mode == 1 || (mode == 2 && i % 3 == 0))
            && line[i] >= 'a' && line[i] <= 'z')
        {
            ((uint8_t *) name.data)[i] -= 0x20;
        }
    }

    llm_header_note(h, name, value);

    free((void *) name.data);
    free((void *) value.data);
}


static void
note_all(llm_headers_t *h, const char *lines, int mode, int backwards)
{
    size_t       n;
    const char  *end, *p;

    end = lines + strlen(lines);

    if (!backwards) {
        for (p = lines; p <= end && *p; p += n + 1) {
            n = strcspn(p, "\n");
            note(h, p, n, mode);
        }
        return;
    }

    while (end > lines) {
        for (p = end; p > lines && p[-1] != '\n'; p--) { /* void */ }
        note(h, p, (size_t) (end - p), mode);
        end = (p > lines) ? p - 1 : lines;
    }
}


static size_t
say_value(char *to, const llm_quota_t *q, unsigned value)
{
    if (q->said & llm_quota_bit(value)) {
        return (size_t) sprintf(to, "%llu",
                                (unsigned long long) q->value[value]);
    }

    return (size_t) sprintf(to, "-");
}


static void
say(const llm_headers_t *h, char *to)
{
    char                *start;
    uint64_t             n;
    unsigned             i;
    llm_quota_t          q;
    llm_tokens_t         t;

    static const char *const  kinds[] = { "req", "tok" };

    start = to;
    *to = '\0';

    for (i = 0; i < LLM_QUOTA_N; i++) {

        if (!llm_headers_quota(h, i, &q)) {
            CHECK(q.said == 0);
            continue;
        }

        CHECK(q.said != 0);

        to += sprintf(to, " %s ", kinds[i]);
        to += say_value(to, &q, LLM_QUOTA_REMAINING);
        *to++ = '/';
        to += say_value(to, &q, LLM_QUOTA_LIMIT);
        *to++ = '@';
        to += say_value(to, &q, LLM_QUOTA_RESET);
    }

    if (llm_headers_time(h, &n)) {
        to += sprintf(to, " time %llu", (unsigned long long) n);
    }

    if (llm_headers_tokens(h, &t)) {
        CHECK(t.cache_read + t.cache_write <= t.input && t.reasoning == 0);
        to += sprintf(to, " in %llu out %llu read %llu write %llu",
                      (unsigned long long) t.input,
                      (unsigned long long) t.output,
                      (unsigned long long) t.cache_read,
                      (unsigned long long) t.cache_write);
    }

    if (llm_headers_cost(h, &n)) {
        to += sprintf(to, " cost %llu", (unsigned long long) n);
    }

    if (h->error) {
        (void) sprintf(to, " error %s", llm_error_names[h->error]);
    }

    if (*start) {
        memmove(start, start + 1, strlen(start));
    }
}


static void
test_providers(void)
{
    char           got[512];
    int            mode, backwards;
    size_t         i;
    llm_headers_t  h;
    const case_t  *c;

    for (i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
        c = &providers[i];

        for (mode = 0; mode < 6; mode++) {
            backwards = mode >= 3;

            memset(&h, 0xa5, sizeof(h));
            llm_headers_init(&h, WALL);
            note_all(&h, c->lines, mode % 3, backwards);
            say(&h, got);

            if (strcmp(got, c->want) != 0) {
                break;
            }
        }

        ok(mode == 6, "%s: %s", c->what, got);
    }
}


static void
test_garbage(void)
{
    char           got[512];
    size_t         i;
    llm_headers_t  h;

    for (i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        memset(&h, 0xa5, sizeof(h));
        llm_headers_init(&h, WALL);
        note(&h, garbage[i], strlen(garbage[i]), 0);
        say(&h, got);

        ok(*got == '\0', "garbage %zu: %.40s%s%s", i, garbage[i],
           *got ? " gives " : "", got);
    }
}


static void
test_resets(void)
{
    char           line[128];
    size_t         i;
    int64_t        got;
    llm_quota_t    q;
    llm_headers_t  h;

    for (i = 0; i < sizeof(resets) / sizeof(resets[0]); i++) {
        llm_headers_init(&h, WALL);
        note(&h, "x-ratelimit-remaining-requests:7", 32, 0);

        (void) snprintf(line, sizeof(line), "x-ratelimit-reset-requests:%s",
                        resets[i].text);
        note(&h, line, strlen(line), 0);

        got = -2;

        if (llm_headers_quota(&h, LLM_QUOTA_REQUESTS, &q)
            && q.value[LLM_QUOTA_REMAINING] == 7)
        {
            got = (q.said & llm_quota_bit(LLM_QUOTA_RESET))
                  ? (int64_t) q.value[LLM_QUOTA_RESET] : -1;
        }

        /* what stands around a value is cut off before */

        if (resets[i].text[0] && resets[i].text[strlen(resets[i].text) - 1]
                                 == ' ')
        {
            ok(got == 1000, "a blank behind");
            continue;
        }

        ok(got == resets[i].ms, "reset \"%s\": %lld", resets[i].text,
           (long long) got);
    }
}


/* Days of four hundred years, against a count that only adds. */

static void
test_calendar(void)
{
    char           line[128];
    int            year, month, day, days, wrong;
    uint64_t       at;
    llm_quota_t    q;
    llm_headers_t  h;

    static const int  lengths[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    at = 0;
    wrong = 0;

    for (year = 1970; year < 2371; year++) {
        for (month = 1; month <= 12; month++) {

            days = lengths[month - 1]
                   + (month == 2 && year % 4 == 0
                      && (year % 100 != 0 || year % 400 == 0));

            for (day = 1; day <= days; day++) {
                llm_headers_init(&h, at);

                (void) sprintf(line, "anthropic-ratelimit-tokens-reset:"
                               "%04d-%02d-%02dT00:00:01Z", year, month, day);
                note(&h, line, strlen(line), 0);
                note(&h, "anthropic-ratelimit-tokens-limit:1", 34, 0);

                wrong += !llm_headers_quota(&h, LLM_QUOTA_TOKENS, &q)
                         || (q.said & llm_quota_bit(LLM_QUOTA_RESET)) == 0
                         || q.value[LLM_QUOTA_RESET] != 1000;
                at += 86400000;
            }
        }
    }

    ok(wrong == 0, "every day of 400 years");
}


static void
test_order(void)
{
    char           got[512];
    llm_headers_t  h;

    llm_headers_init(&h, WALL);
    note_all(&h, "x-ratelimit-remaining-requests: abc\n"
                 "x-ratelimit-remaining-requests: 5\n"
                 "x-ratelimit-remaining-requests: 6", 0, 0);
    say(&h, got);
    ok(strcmp(got, "req 5/-@-") == 0, "the first that can be read: %s", got);

    llm_headers_init(&h, WALL);
    note_all(&h, "x-ratelimit-remaining-requests-day: 0\n"
                 "x-ratelimit-limit-requests-minute: 100\n"
                 "x-ratelimit-remaining-requests-minute: 1", 0, 0);
    say(&h, got);
    ok(strcmp(got, "req 0/-@-") == 0, "nothing left, of a limit unsaid: %s",
       got);

    llm_headers_init(&h, WALL);
    note_all(&h, "x-ratelimit-remaining-requests-day: 3\n"
                 "x-ratelimit-limit-requests-minute: 100\n"
                 "x-ratelimit-remaining-requests-minute: 90", 0, 0);
    say(&h, got);
    ok(strcmp(got, "req 90/100@-") == 0, "a limit unsaid comes behind: %s",
       got);

    llm_headers_init(&h, WALL);
    note_all(&h, "x-ratelimit-limit-requests-day: 1000000000000000\n"
                 "x-ratelimit-remaining-requests-day: 999999999999998\n"
                 "x-ratelimit-limit-requests-minute: 1000000000000000\n"
                 "x-ratelimit-remaining-requests-minute: 999999999999999",
             0, 0);
    say(&h, got);
    ok(strcmp(got, "req 999999999999998/1000000000000000@-") == 0,
       "proportions of the largest: %s", got);

    llm_headers_init(&h, WALL);
    note_all(&h, "x-ratelimit-limit-requests-day: 8589934592\n"
                 "x-ratelimit-remaining-requests-day: 4294967296\n"
                 "x-ratelimit-limit-requests-minute: 4294967296\n"
                 "x-ratelimit-remaining-requests-minute: 4294967296", 0, 0);
    say(&h, got);
    ok(strcmp(got, "req 4294967296/8589934592@-") == 0,
       "proportions that 64 bits cannot hold: %s", got);
}


int
main(void)
{
    test_providers();
    test_garbage();
    test_resets();
    test_calendar();
    test_order();

    return tap_done();
}
