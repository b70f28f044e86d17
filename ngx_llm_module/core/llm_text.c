
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The estimate is linear in the number of characters of each class.  The
 * weights were fitted to answers whose provider reported both the text and
 * its tokens, by least absolute relative error; t/05-corpus.t prints how far
 * off they are.
 *
 * The first 4 KiB of a text are counted whole.  Of what follows 64 bytes in
 * the middle of each 512 are, and stand for all of them, so that a prompt of
 * a megabyte costs what its scan costs.  Which bytes are counted depends on
 * their place in the text alone, never on how it was split.
 */


#include "llm_text.h"

#if (defined __SSE2__ && !defined LLM_SCAN_PORTABLE)
#include <emmintrin.h>
#endif


#define LLM_TEXT_WHOLE   4096
#define LLM_TEXT_BLOCK   512
#define LLM_TEXT_SAMPLE  64
#define LLM_TEXT_FROM    ((LLM_TEXT_BLOCK - LLM_TEXT_SAMPLE) / 2)

/* what is beyond counts no more: n[] shall not wrap */
#define LLM_TEXT_MAX     ((uint64_t) 1 << 31)


/*
 * Tokens per 1024 characters of a class.  Words decide: a run of spaces and
 * the word after it are about a token, and its letters tell how long it is.
 */

static const uint16_t  llm_text_weight[LLM_TEXT_TAIL] = {
    135,                         /* letter */
    860,                         /* digit */
    540,                         /* run of spaces */
    760,                         /* punctuation */
    600,                         /* two bytes */
    850,                         /* three bytes */
    2800                         /* four bytes */
};

/* what a text has around it: its first word, which no space precedes, and
   the mark of its end */

#define LLM_TEXT_FRAME  1650


#define L  LLM_TEXT_LETTER
#define D  LLM_TEXT_DIGIT
#define S  LLM_TEXT_SPACE
#define P  LLM_TEXT_PUNCT
#define T  LLM_TEXT_TAIL
#define A  LLM_TEXT_LATIN
#define W  LLM_TEXT_WIDE
#define H  LLM_TEXT_HIGH

static const uint8_t  llm_text_class[256] = {
    S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,
    S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,
    S, P, P, P, P, P, P, P, P, P, P, P, P, P, P, P,
    D, D, D, D, D, D, D, D, D, D, P, P, P, P, P, P,
    P, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,
    L, L, L, L, L, L, L, L, L, L, L, P, P, P, P, P,
    P, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,
    L, L, L, L, L, L, L, L, L, L, L, P, P, P, P, P,
    T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T,
    T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T,
    T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T,
    T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T,
    A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A,
    A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A,
    W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
    H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H
};

#undef L
#undef D
#undef S
#undef P
#undef T
#undef A
#undef W
#undef H


#if (defined __SSE2__ && !defined LLM_SCAN_PORTABLE)

/* As many 16 bytes as are all ASCII; returns where it stopped. */

static const uint8_t *
llm_text_ascii(const uint8_t *p, const uint8_t *e, uint8_t *last, uint32_t *n)
{
    __m128i         v, x, sp, prev, zero, letter, digit, space, start;
    const uint8_t  *b;

    b = p;
    zero = _mm_setzero_si128();
    letter = zero;
    digit = zero;
    space = zero;
    start = zero;

    prev = (*last == LLM_TEXT_SPACE) ? _mm_set1_epi8(-1) : zero;

#define llm_text_sum(sum, mask)                                               \
    sum = _mm_add_epi64(sum, _mm_sad_epu8(_mm_sub_epi8(zero, mask), zero))

    for ( /* void */ ; e - p >= 16; p += 16) {
        v = _mm_loadu_si128((const __m128i *) p);

        if (_mm_movemask_epi8(v)) {
            break;
        }

        x = _mm_sub_epi8(_mm_or_si128(v, _mm_set1_epi8(0x20)),
                         _mm_set1_epi8('a'));
        x = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(25)), x);
        llm_text_sum(letter, x);

        x = _mm_sub_epi8(v, _mm_set1_epi8('0'));
        x = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(9)), x);
        llm_text_sum(digit, x);

        sp = _mm_cmpgt_epi8(_mm_set1_epi8(0x21), v);
        llm_text_sum(space, sp);

        x = _mm_or_si128(_mm_slli_si128(sp, 1), _mm_srli_si128(prev, 15));
        llm_text_sum(start, _mm_andnot_si128(x, sp));
        prev = sp;
    }

#undef llm_text_sum

    if (p == b) {
        return p;
    }

#define llm_text_total(sum)                                                   \
    (uint32_t) (_mm_cvtsi128_si32(sum)                                        \
                + _mm_cvtsi128_si32(_mm_srli_si128(sum, 8)))

    n[LLM_TEXT_LETTER] += llm_text_total(letter);
    n[LLM_TEXT_DIGIT] += llm_text_total(digit);
    n[LLM_TEXT_SPACE] += llm_text_total(start);
    n[LLM_TEXT_PUNCT] += (p - b) - llm_text_total(letter)
                         - llm_text_total(digit) - llm_text_total(space);

#undef llm_text_total

    *last = llm_text_class[p[-1]];

    return p;
}

#else

#define llm_text_ascii(p, e, last, n)  (p)

#endif


static void
llm_text_count(llm_text_t *t, const uint8_t *p, size_t len, uint32_t each)
{
    size_t          i;
    uint8_t         c, last;
    uint32_t        n[LLM_TEXT_CLASSES];
    const uint8_t  *e;

    memset(n, 0, sizeof(n));

    last = t->last;

    e = p + len;

    while (p < e) {

        if (e - p >= 16) {
            p = llm_text_ascii(p, e, &last, n);

            if (p == e) {
                break;
            }
        }

        c = llm_text_class[*p++];

        /* a run of spaces is one */
        n[c] += (c != LLM_TEXT_SPACE) | (last != LLM_TEXT_SPACE);
        last = c;
    }

    t->last = last;

    for (i = 0; i < LLM_TEXT_TAIL; i++) {
        t->n[i] += n[i] * each;
    }
}


void
llm_text_add(llm_text_t *t, const uint8_t *p, size_t len)
{
    size_t  n, at;

    if (t->bytes == 0) {
        t->last = LLM_TEXT_TAIL;
    }

    for ( /* void */ ; len; p += n, len -= n, t->bytes += n) {

        if (llm_likely(t->bytes < LLM_TEXT_WHOLE)) {
            n = llm_min(len, LLM_TEXT_WHOLE - t->bytes);
            llm_text_count(t, p, n, 1);
            continue;
        }

        if (t->bytes >= LLM_TEXT_MAX) {
            n = len;
            continue;
        }

        at = t->bytes % LLM_TEXT_BLOCK;

        if (at < LLM_TEXT_FROM) {
            n = llm_min(len, LLM_TEXT_FROM - at);

        } else if (at < LLM_TEXT_FROM + LLM_TEXT_SAMPLE) {

            if (at == LLM_TEXT_FROM) {
                t->last = LLM_TEXT_TAIL;
            }

            n = llm_min(len, LLM_TEXT_FROM + LLM_TEXT_SAMPLE - at);
            llm_text_count(t, p, n, LLM_TEXT_BLOCK / LLM_TEXT_SAMPLE);

        } else {
            n = llm_min(len, LLM_TEXT_BLOCK - at);
        }
    }
}


uint64_t
llm_text_tokens(const llm_text_t *t)
{
    size_t    i;
    uint64_t  sum;

    if (t->bytes == 0) {
        return 0;
    }

    sum = LLM_TEXT_FRAME + 512;

    for (i = 0; i < LLM_TEXT_TAIL; i++) {
        sum += (uint64_t) t->n[i] * llm_text_weight[i];
    }

    return llm_max(sum / 1024, 1);
}
