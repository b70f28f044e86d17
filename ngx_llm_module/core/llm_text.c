
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
 * What a character of each class weighs, in 235ths of a token, and what the
 * first of a run of that class weighs more.  Words decide, and a word is
 * about a token: its first letter weighs most, as does the first sign of a
 * run of punctuation, and of a run of spaces the first alone.
 *
 * The first four are distinct, and with their runs less than 256, as sixteen
 * are added at once.
 */

#define W_LETTER  9
#define W_PUNCT   69
#define W_SPACE   0
#define W_DIGIT   188

#define W_WORD    71
#define W_SIGNS   185
#define W_SPACES  130

static const uint16_t  llm_text_weight[LLM_TEXT_CLASSES] = {
    [LLM_TEXT_LETTER] = W_LETTER,
    [LLM_TEXT_PUNCT] = W_PUNCT,
    [LLM_TEXT_SPACE] = W_SPACE,
    [LLM_TEXT_DIGIT] = W_DIGIT,
    [LLM_TEXT_LATIN] = 122,
    [LLM_TEXT_GREEK] = 76,
    [LLM_TEXT_INDIC] = 92,
    [LLM_TEXT_SIGN] = 275,
    [LLM_TEXT_WIDE] = 138,
    [LLM_TEXT_HIGH] = 551
};

static const uint16_t  llm_text_start[LLM_TEXT_CLASSES] = {
    [LLM_TEXT_LETTER] = W_WORD,
    [LLM_TEXT_PUNCT] = W_SIGNS,
    [LLM_TEXT_SPACE] = W_SPACES
};

/* what a text has around it: the mark of its end, and what words of two
   tokens make of a short one */

#define LLM_TEXT_FRAME  320


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


#if (defined __SSE2__ && !defined LLM_SCAN_PORTABLE)

/*
 * As many 16 bytes as are all ASCII; returns where it stopped.  Weights tell
 * the classes apart: a run begins where the weight is not that of the byte
 * before.
 */

static const uint8_t *
llm_text_ascii(const uint8_t *p, const uint8_t *e, uint8_t *last,
    uint64_t *sum)
{
    __m128i         v, x, w, was, zero, letter, digit, space, punct, total;
    const uint8_t  *b;

    b = p;
    zero = _mm_setzero_si128();
    total = zero;

    was = _mm_set1_epi8((char) (*last > LLM_TEXT_DIGIT
                                ? 255 : llm_text_weight[*last]));

    for ( /* void */ ; e - p >= 16; p += 16) {
        v = _mm_loadu_si128((const __m128i *) p);

        if (_mm_movemask_epi8(v)) {
            break;
        }

        x = _mm_sub_epi8(_mm_or_si128(v, _mm_set1_epi8(0x20)),
                         _mm_set1_epi8('a'));
        letter = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(25)), x);

        x = _mm_sub_epi8(v, _mm_set1_epi8('0'));
        digit = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(9)), x);

        space = _mm_cmpgt_epi8(_mm_set1_epi8(0x21), v);

        x = _mm_or_si128(_mm_or_si128(letter, digit), space);
        punct = _mm_andnot_si128(x, _mm_set1_epi8(-1));

        w = _mm_and_si128(letter, _mm_set1_epi8(W_LETTER));
        w = _mm_or_si128(w, _mm_and_si128(punct, _mm_set1_epi8(W_PUNCT)));
        w = _mm_or_si128(w, _mm_and_si128(digit,
                                          _mm_set1_epi8((char) W_DIGIT)));

        x = _mm_and_si128(letter, _mm_set1_epi8(W_WORD));
        x = _mm_or_si128(x, _mm_and_si128(punct,
                                          _mm_set1_epi8((char) W_SIGNS)));
        x = _mm_or_si128(x, _mm_and_si128(space,
                                          _mm_set1_epi8((char) W_SPACES)));

        was = _mm_or_si128(_mm_slli_si128(w, 1), _mm_srli_si128(was, 15));
        x = _mm_andnot_si128(_mm_cmpeq_epi8(w, was), x);
        was = w;

        total = _mm_add_epi64(total, _mm_sad_epu8(_mm_add_epi8(w, x), zero));
    }

    if (p == b) {
        return p;
    }

    *sum += (uint64_t) _mm_cvtsi128_si64(total)
            + (uint64_t) _mm_cvtsi128_si64(_mm_srli_si128(total, 8));

    *last = llm_text_class[p[-1]];

    return p;
}

#else

#define llm_text_ascii(p, e, last, sum)  (p)

#endif


static void
llm_text_count(llm_text_t *t, const uint8_t *p, size_t len, uint32_t each)
{
    uint8_t         class, last;
    uint64_t        sum;
    const uint8_t  *e;

    sum = 0;
    last = t->last;
    e = p + len;

    while (p < e) {

        if (e - p >= 16) {
            p = llm_text_ascii(p, e, &last, &sum);

            if (p == e) {
                break;
            }
        }

        class = llm_text_class[*p++];
        sum += llm_text_weight[class];

        if (class != last) {
            sum += llm_text_start[class];
        }

        last = class;
    }

    t->last = last;
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

    return llm_max((t->sum + LLM_TEXT_FRAME + LLM_TEXT_TOKEN / 2)
                   / LLM_TEXT_TOKEN,
                   1);
}
