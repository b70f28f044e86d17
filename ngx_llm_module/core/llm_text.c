
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


/*
 * Tokens per 1024 characters of a class.  Words decide, and a word is about
 * a token: its first letter weighs most, as does the first sign of a run of
 * punctuation, and of a run of spaces the first alone.
 */

#define LLM_TEXT_WORD   311      /* a run of letters */
#define LLM_TEXT_RUN    807      /* a run of punctuation */

static const uint16_t  llm_text_weight[LLM_TEXT_CLASSES] = {
    38,                          /* letter */
    299,                         /* punctuation */
    565,                         /* run of spaces */
    818,                         /* digit */
    530,                         /* letter with an accent */
    330,                         /* of other alphabets */
    400,                         /* Indic */
    1200,                        /* sign */
    600,                         /* CJK */
    2400                         /* emoji */
};

/* what a text has around it: the mark of its end, and what words of two
   tokens make of a short one */

#define LLM_TEXT_FRAME  1400


#define L  LLM_TEXT_LETTER
#define D  LLM_TEXT_DIGIT
#define S  LLM_TEXT_SPACE
#define P  LLM_TEXT_PUNCT
#define T  LLM_TEXT_TAIL
#define A  LLM_TEXT_LATIN
#define G  LLM_TEXT_GREEK
#define I  LLM_TEXT_INDIC
#define Q  LLM_TEXT_SIGN
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
    A, A, A, A, A, A, A, A, A, A, G, G, G, G, G, G,
    G, G, G, G, G, G, G, G, G, G, G, G, G, G, G, G,
    I, I, Q, W, W, W, W, W, W, W, W, W, W, W, W, W,
    H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H
};

#undef L
#undef D
#undef S
#undef P
#undef T
#undef A
#undef G
#undef I
#undef Q
#undef W
#undef H


/* What was counted of a piece: characters, and where runs begin. */

typedef struct {
    uint32_t  n[LLM_TEXT_CLASSES];
    uint32_t  start[LLM_TEXT_DIGIT];     /* of letters, punctuation, spaces */
} llm_text_count_t;


#if (defined __SSE2__ && !defined LLM_SCAN_PORTABLE)

/* As many 16 bytes as are all ASCII; returns where it stopped. */

static const uint8_t *
llm_text_ascii(const uint8_t *p, const uint8_t *e, uint8_t *last,
    llm_text_count_t *c)
{
    __m128i         v, x, zero, digit, is[3], was[3], sum[3], start[3];
    unsigned        i;
    const uint8_t  *b;

    b = p;
    zero = _mm_setzero_si128();
    digit = zero;

    for (i = 0; i < 3; i++) {
        was[i] = (*last == i) ? _mm_set1_epi8(-1) : zero;
        sum[i] = zero;
        start[i] = zero;
    }

#define llm_text_sum(sum, mask)                                               \
    sum = _mm_add_epi64(sum, _mm_sad_epu8(_mm_sub_epi8(zero, mask), zero))

    for ( /* void */ ; e - p >= 16; p += 16) {
        v = _mm_loadu_si128((const __m128i *) p);

        if (_mm_movemask_epi8(v)) {
            break;
        }

        x = _mm_sub_epi8(_mm_or_si128(v, _mm_set1_epi8(0x20)),
                         _mm_set1_epi8('a'));
        is[LLM_TEXT_LETTER] = _mm_cmpeq_epi8(
                                  _mm_min_epu8(x, _mm_set1_epi8(25)), x);

        x = _mm_sub_epi8(v, _mm_set1_epi8('0'));
        x = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(9)), x);
        llm_text_sum(digit, x);

        is[LLM_TEXT_SPACE] = _mm_cmpgt_epi8(_mm_set1_epi8(0x21), v);

        x = _mm_or_si128(x, is[LLM_TEXT_LETTER]);
        x = _mm_or_si128(x, is[LLM_TEXT_SPACE]);
        is[LLM_TEXT_PUNCT] = _mm_xor_si128(x, _mm_set1_epi8(-1));

        for (i = 0; i < 3; i++) {
            llm_text_sum(sum[i], is[i]);

            x = _mm_or_si128(_mm_slli_si128(is[i], 1),
                             _mm_srli_si128(was[i], 15));
            llm_text_sum(start[i], _mm_andnot_si128(x, is[i]));
            was[i] = is[i];
        }
    }

#undef llm_text_sum

    if (p == b) {
        return p;
    }

#define llm_text_total(sum)                                                   \
    (uint32_t) (_mm_cvtsi128_si32(sum)                                        \
                + _mm_cvtsi128_si32(_mm_srli_si128(sum, 8)))

    c->n[LLM_TEXT_DIGIT] += llm_text_total(digit);

    for (i = 0; i < 3; i++) {
        c->n[i] += llm_text_total(sum[i]);
        c->start[i] += llm_text_total(start[i]);
    }

#undef llm_text_total

    *last = llm_text_class[p[-1]];

    return p;
}

#else

#define llm_text_ascii(p, e, last, c)  (p)

#endif


static void
llm_text_count(llm_text_t *t, const uint8_t *p, size_t len, uint32_t each)
{
    size_t             i;
    uint8_t            class, last;
    uint64_t           sum;
    const uint8_t     *e;
    llm_text_count_t   c;

    memset(&c, 0, sizeof(c));

    last = t->last;

    e = p + len;

    while (p < e) {

        if (e - p >= 16) {
            p = llm_text_ascii(p, e, &last, &c);

            if (p == e) {
                break;
            }
        }

        class = llm_text_class[*p++];
        c.n[class]++;

        if (class < LLM_TEXT_DIGIT) {
            c.start[class] += (class != last);
        }

        last = class;
    }

    t->last = last;

    /* of spaces only the runs count */

    c.n[LLM_TEXT_SPACE] = c.start[LLM_TEXT_SPACE];

    sum = (uint64_t) c.start[LLM_TEXT_LETTER] * LLM_TEXT_WORD
          + (uint64_t) c.start[LLM_TEXT_PUNCT] * LLM_TEXT_RUN;

    for (i = 0; i < LLM_TEXT_CLASSES; i++) {
        sum += (uint64_t) c.n[i] * llm_text_weight[i];
    }

    t->sum += sum * each;
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

        at = t->bytes % LLM_TEXT_BLOCK;

        if (at < LLM_TEXT_FROM) {
            n = llm_min(len, LLM_TEXT_FROM - at);

            /* whether a run begins with the sample, or goes on in it */
            t->last = llm_text_class[p[n - 1]];

        } else if (at < LLM_TEXT_FROM + LLM_TEXT_SAMPLE) {
            n = llm_min(len, LLM_TEXT_FROM + LLM_TEXT_SAMPLE - at);
            llm_text_count(t, p, n, LLM_TEXT_BLOCK / LLM_TEXT_SAMPLE);

        } else {
            n = llm_min(len, LLM_TEXT_BLOCK - at);
        }
    }
}


void
llm_text_break(llm_text_t *t)
{
    t->last = LLM_TEXT_TAIL;
}


uint64_t
llm_text_tokens(const llm_text_t *t)
{
    if (t->bytes == 0) {
        return 0;
    }

    return llm_max((t->sum + LLM_TEXT_FRAME + 512) / 1024, 1);
}
