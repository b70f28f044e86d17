
/*
 * Copyright (C) ngx_llm_module authors
 *
 * llm_escape: known answers, every code point, and random bytes against a
 * decoder written another way (by code point value, not by byte ranges).
 * Each output is written into an allocation of exactly the length told.
 */


#include <stdio.h>
#include <stdlib.h>

#include "llm_escape.h"


#define FFFD  "\xef\xbf\xbd"

static int  planned, failed;


static void
ok(int good, const char *what)
{
    printf("%sok %d - %s\n", good ? "" : "not ", ++planned, what);
    failed += !good;
}


typedef struct {
    const char  *name;
    const char  *in;
    size_t       len;
    const char  *json;
    const char  *label;
} case_t;


#define in(s)  s, sizeof(s) - 1

static const case_t  cases[] = {
    { "empty", in(""), "", "" },
    { "plain", in("gpt-4o/mini:1"), "gpt-4o/mini:1", "gpt-4o/mini:1" },
    { "quote", in("a\"b"), "a\\\"b", "a\\\"b" },
    { "backslash", in("a\\nb"), "a\\\\nb", "a\\\\nb" },
    { "newline", in("a\nb"), "a\\nb", "a\\nb" },
    { "short escapes", in("\b\t\f\r"), "\\b\\t\\f\\r", FFFD FFFD FFFD FFFD },
    { "controls", in("\x01\x1f\x7f"), "\\u0001\\u001f\\u007f",
      FFFD FFFD FFFD },
    { "NUL", in("a\0b"), "a\\u0000b", "a" FFFD "b" },
    { "UTF-8", in("h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
      "h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
      "h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
    { "stray continuation", in("a\x80z"), "a" FFFD "z", "a" FFFD "z" },
    { "latin-1", in("caf\xe9"), "caf" FFFD, "caf" FFFD },
    { "overlong slash", in("\xc0\xaf"), FFFD FFFD, FFFD FFFD },
    { "overlong NUL", in("\xe0\x80\x80"), FFFD FFFD FFFD, FFFD FFFD FFFD },
    { "surrogate", in("\xed\xa0\x80"), FFFD FFFD FFFD, FFFD FFFD FFFD },
    { "above U+10FFFF", in("\xf4\x90\x80\x80"), FFFD FFFD FFFD FFFD,
      FFFD FFFD FFFD FFFD },
    { "0xff", in("\xff\xfe"), FFFD FFFD, FFFD FFFD },
    { "cut short at the end", in("a\xe2\x82"), "a" FFFD, "a" FFFD },
    { "cut short by a quote", in("\xf0\x9f\x98\"}"), FFFD "\\\"}",
      FFFD "\\\"}" },
    { "cut short by a lead", in("\xe1\x80\xe2\x82\xac"), FFFD "\xe2\x82\xac",
      FFFD "\xe2\x82\xac" },
    /* the example of the Unicode standard, table 3-11 */
    { "maximal subparts", in("\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf"
      "\x64"), "a" FFFD FFFD FFFD "b" FFFD "c" FFFD FFFD "d",
      "a" FFFD FFFD FFFD "b" FFFD "c" FFFD FFFD "d" },
};


/* Escapes into an exact allocation; NULL when length and writing disagree. */

static char *
escaped(const uint8_t *p, size_t n, int label, size_t *len)
{
    uint8_t    *dst, *end;
    llm_str_t   s;

    s.data = p;
    s.len = n;

    *len = label ? llm_escape_label_len(s) : llm_escape_json_len(s);

    dst = malloc(*len + !*len);
    if (dst == NULL) {
        exit(2);
    }

    end = label ? llm_escape_label(dst, s) : llm_escape_json(dst, s);

    if (end != dst + *len || *len > n * LLM_ESCAPE_MAX) {
        free(dst);
        return NULL;
    }

    return (char *) dst;
}


static int
gives(const uint8_t *p, size_t n, int label, const char *want, size_t want_len)
{
    int      same;
    char    *got;
    size_t   len;

    got = escaped(p, n, label, &len);
    same = got != NULL && len == want_len && memcmp(got, want, len) == 0;
    free(got);

    return same;
}


static size_t
encode(uint32_t c, uint8_t *p)
{
    if (c < 0x80) {
        p[0] = c;
        return 1;
    }

    if (c < 0x800) {
        p[0] = 0xc0 | c >> 6;
        p[1] = 0x80 | (c & 0x3f);
        return 2;
    }

    if (c < 0x10000) {
        p[0] = 0xe0 | c >> 12;
        p[1] = 0x80 | (c >> 6 & 0x3f);
        p[2] = 0x80 | (c & 0x3f);
        return 3;
    }

    p[0] = 0xf0 | c >> 18;
    p[1] = 0x80 | (c >> 12 & 0x3f);
    p[2] = 0x80 | (c >> 6 & 0x3f);
    p[3] = 0x80 | (c & 0x3f);
    return 4;
}


/* True for strict UTF-8 without raw controls: value and length decide. */

static int
clean(const uint8_t *p, size_t n)
{
    size_t    i, len;
    uint8_t   again[4];
    uint32_t  c;

    while (n) {
        len = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3
              : *p >> 3 == 30 ? 4 : 0;

        if (len == 0 || len > n || *p < 0x20 || *p == 0x7f) {
            return 0;
        }

        c = len == 1 ? *p : *p & (0xff >> (len + 1));

        for (i = 1; i < len; i++) {
            if (p[i] >> 6 != 2) {
                return 0;
            }

            c = c << 6 | (p[i] & 0x3f);
        }

        if (c > 0x10ffff || c >> 11 == 0x1b || encode(c, again) != len) {
            return 0;
        }

        p += len;
        n -= len;
    }

    return 1;
}


static void
test_cases(void)
{
    size_t         i;
    const case_t  *c;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        c = &cases[i];

        ok(gives((const uint8_t *) c->in, c->len, 0, c->json,
                 strlen(c->json)), c->name);
        ok(gives((const uint8_t *) c->in, c->len, 1, c->label,
                 strlen(c->label)), c->name);
    }
}


static void
test_code_points(void)
{
    int       label, bad;
    size_t    len;
    uint8_t   p[4];
    uint32_t  c;

    bad = 0;

    for (c = 0x80; c <= 0x10ffff; c++) {
        len = encode(c, p);

        for (label = 0; label < 2; label++) {
            if (c >> 11 == 0x1b) {
                bad += !gives(p, len, label, FFFD FFFD FFFD, 9);

            } else {
                bad += !gives(p, len, label, (char *) p, len);
            }
        }
    }

    ok(bad == 0, "every code point passes, every surrogate does not");
}


static void
test_random(void)
{
    int        n, i, label, bad;
    char      *got;
    size_t     len, size;
    uint8_t   *p;
    uint64_t   x;

    static const uint8_t  some[] = { 0x00, '"', '\\', '\n', 'a', 0x7f, 0x80,
                                     0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2,
                                     0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4,
                                     0xf5, 0xff };

    bad = 0;
    x = 0x9e3779b97f4a7c15;

    for (n = 0; n < 200000; n++) {
        size = n % 24;
        p = malloc(size + !size);
        if (p == NULL) {
            exit(2);
        }

        for (i = 0; i < (int) size; i++) {
            x = x * 6364136223846793005 + 1442695040888963407;
            p[i] = (x >> 63) ? (uint8_t) (x >> 40)
                             : some[(x >> 33) % sizeof(some)];
        }

        for (label = 0; label < 2; label++) {
            got = escaped(p, size, label, &len);
            bad += got == NULL || !clean((uint8_t *) got, len);
            free(got);
        }

        free(p);
    }

    ok(bad == 0, "random bytes always give clean text of the length told");
}


int
main(void)
{
    test_cases();
    test_code_points();
    test_random();

    printf("1..%d\n", planned);

    return failed != 0;
}
