
/*
 * Copyright (C) ngx_llm_module authors
 *
 * core/llm_scan.h twice, as this machine has it and without vector
 * instructions, against a byte at a time: every function, at every distance
 * from the end of its memory.  t/06-scan.t sees to it that each is here.
 */


#include "llm_scan.h"
#include "tap.h"


/* Where the first byte of a mask is, or the width of the mask. */

static size_t
string_first(const uint8_t *p)
{
    return llm_scan_string_mask(p) ? llm_scan_first(llm_scan_string_mask(p))
                                   : LLM_SCAN_STEP;
}


static size_t
line_first(const uint8_t *p)
{
    return llm_scan_line_mask(p) ? llm_scan_first(llm_scan_line_mask(p))
                                 : LLM_SCAN_STEP;
}


static const size_t  step = LLM_SCAN_STEP;


#define llm_scan_line         portable_llm_scan_line
#define llm_scan_line_mask    portable_llm_scan_line_mask
#define llm_scan_load         portable_llm_scan_load
#define llm_scan_narrow       portable_llm_scan_narrow
#define llm_scan_odd          portable_llm_scan_odd
#define llm_scan_quote        portable_llm_scan_quote
#define llm_scan_same         portable_llm_scan_same
#define llm_scan_string       portable_llm_scan_string
#define llm_scan_string_mask  portable_llm_scan_string_mask

#undef _LLM_SCAN_H_INCLUDED_
#undef LLM_SCAN_SSE2
#undef LLM_SCAN_NEON
#undef LLM_SCAN_STEP
#undef LLM_SCAN_ONES
#undef LLM_SCAN_HIGHS
#undef llm_scan_first
#undef llm_scan_zero
#define LLM_SCAN_PORTABLE  1

#include "llm_scan.h"


static size_t
portable_string_first(const uint8_t *p)
{
    return llm_scan_string_mask(p) ? llm_scan_first(llm_scan_string_mask(p))
                                   : LLM_SCAN_STEP;
}


static size_t
portable_line_first(const uint8_t *p)
{
    return llm_scan_line_mask(p) ? llm_scan_first(llm_scan_line_mask(p))
                                 : LLM_SCAN_STEP;
}


static const size_t  portable_step = LLM_SCAN_STEP;


#undef llm_scan_line
#undef llm_scan_line_mask
#undef llm_scan_load
#undef llm_scan_narrow
#undef llm_scan_odd
#undef llm_scan_quote
#undef llm_scan_same
#undef llm_scan_string
#undef llm_scan_string_mask


#define LONGEST  200             /* some turns of the widest loop */
#define TEXTS    12              /* of a length */


static int  wrong[9];


static int
special(uint8_t c)
{
    return c == '"' || c == '\\' || c < 0x20;
}


static int
eol(uint8_t c)
{
    return c == '\n' || c == '\r';
}


static size_t
first(const uint8_t *p, size_t n, int (*is)(uint8_t c))
{
    size_t  i;

    for (i = 0; i < n && !is(p[i]); i++) { /* void */ }

    return i;
}


/* Mostly plain; what is near what is looked for, and what has a high bit. */

static uint8_t
byte(uint64_t *seed, unsigned text)
{
    static const uint8_t  odd[] = {
        0, 1, 0x1f, 0x20, 0x21, '"', '"' + 1, '\\', '\\' - 1, '\\' + 1,
        '\n', '\n' - 1, '\n' + 1, '\r', '\r' + 1, 0x7f, 0x80, 0x80 | '"',
        0x80 | '\\', 0x80 | '\n', 0x9f, 0xa2, 0xff
    };

    if (cut_random(seed) % (1 + text) == 0) {
        return odd[cut_random(seed) % sizeof(odd)];
    }

    return (uint8_t) ('a' + cut_random(seed) % 26);
}


/* Functions that stop at the end they are given. */

static void
check_run(const uint8_t *p, size_t n)
{
    size_t          want;
    const uint8_t  *e;

    e = p + n;

    want = first(p, n, special);
    wrong[0] += (size_t) (llm_scan_string(p, e) - p) != want;
    wrong[1] += (size_t) (portable_llm_scan_string(p, e) - p) != want;

    want = first(p, n, eol);
    wrong[2] += (size_t) (llm_scan_line(p, e) - p) != want;
    wrong[3] += (size_t) (portable_llm_scan_line(p, e) - p) != want;
}


/* Functions of 16 bytes, or of a step. */

static void
check_block(const uint8_t *p, const uint8_t *other)
{
    size_t   n, quote;
    uint8_t  a[16], b[16];

    for (quote = 0; quote < 16 && p[quote] != '"'; quote++) { /* void */ }

    wrong[4] += llm_scan_quote(p) != quote;
    wrong[4] += portable_llm_scan_quote(p) != quote;

    wrong[5] += string_first(p) != first(p, step, special);
    wrong[5] += portable_string_first(p) != first(p, portable_step, special);

    wrong[6] += line_first(p) != first(p, step, eol);
    wrong[6] += portable_line_first(p) != first(p, portable_step, eol);

    for (n = 1; n <= 16; n++) {
        wrong[7] += llm_scan_odd(p, n) != (first(p, n, special) < n);
        wrong[7] += portable_llm_scan_odd(p, n) != (first(p, n, special) < n);

        memcpy(a, p, 16);
        memcpy(b, p, n);
        memcpy(b + n, other + n, 16 - n);
        wrong[8] += !llm_scan_same(a, b, n);
        wrong[8] += !portable_llm_scan_same(a, b, n);

        b[n - 1] ^= (uint8_t) (1u << n % 8);
        wrong[8] += llm_scan_same(a, b, n);
        wrong[8] += portable_llm_scan_same(a, b, n);
    }
}


int
main(void)
{
    size_t     i, n;
    uint8_t   *p, *other;
    uint64_t   seed;
    unsigned   text;

    static const char *const  names[] = {
        "strings", "strings, portable", "lines", "lines, portable",
        "a quote of 16", "a mask of a string", "a mask of a line",
        "odd bytes of 16", "two of 16 that are the same"
    };

    seed = 7;

    for (n = 0; n <= LONGEST; n++) {
        for (text = 0; text < TEXTS; text++) {
            p = malloc(n ? n : 1);
            other = malloc(16);
            CHECK(p != NULL && other != NULL);

            for (i = 0; i < n; i++) {
                p[i] = byte(&seed, text * 4);
            }

            for (i = 0; i < 16; i++) {
                other[i] = byte(&seed, text);
            }

            for (i = 0; i <= n; i++) {
                check_run(p + i, n - i);
            }

            for (i = 0; i + 16 <= n; i++) {
                check_block(p + i, other);
            }

            free(p);
            free(other);
        }
    }

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ok(wrong[i] == 0, "%s", names[i]);
    }

    return tap_done();
}
