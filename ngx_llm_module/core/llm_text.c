
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


static void
llm_text_count(llm_text_t *t, const uint8_t *p, size_t len, uint32_t each)
{
    size_t          i;
    uint8_t         c, last;
    uint32_t        n[LLM_TEXT_CLASSES];
    const uint8_t  *e;

    memset(n, 0, sizeof(n));

    last = t->last;

    for (e = p + len; p < e; p++) {
        c = llm_text_class[*p];

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
