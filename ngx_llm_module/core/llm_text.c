
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The estimate is linear in the number of characters of each class.  The
 * weights were fitted to answers whose provider reported both the text and
 * its tokens, by least absolute relative error; t/05-corpus.t prints how far
 * off they are.  A long piece is sampled: of each 4 KiB the first 512 bytes
 * are classed and the rest taken to be like them, so that a prompt of a
 * megabyte costs what its scan costs.
 */


#include "llm_text.h"


#define LLM_TEXT_BLOCK   4096
#define LLM_TEXT_SAMPLE  512


/* tokens per 1024 characters of a class */

static const uint16_t  llm_text_weight[LLM_TEXT_TAIL] = {
    205,                         /* letter */
    430,                         /* digit */
    60,                          /* run of spaces */
    560,                         /* punctuation */
    500,                         /* two bytes */
    700,                         /* three bytes */
    2000                         /* four bytes */
};


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
llm_text_count(llm_text_t *t, const uint8_t *p, size_t len, uint32_t *n)
{
    uint8_t         c, last;
    const uint8_t  *e;

    last = t->last;

    for (e = p + len; p < e; p++) {
        c = llm_text_class[*p];

        /* a run of spaces is one */
        n[c] += (c != LLM_TEXT_SPACE) | (last != LLM_TEXT_SPACE);
        last = c;
    }

    t->last = last;
}


void
llm_text_add(llm_text_t *t, const uint8_t *p, size_t len)
{
    size_t    i, block;
    uint32_t  n[LLM_TEXT_CLASSES];

    if (len == 0) {
        return;
    }

    if (t->bytes == 0) {
        t->last = LLM_TEXT_TAIL;
    }

    t->bytes += len;

    while (len) {
        memset(n, 0, sizeof(n));

        block = llm_min(len, LLM_TEXT_BLOCK);

        if (block < LLM_TEXT_BLOCK) {
            llm_text_count(t, p, block, n);

            for (i = 0; i < LLM_TEXT_TAIL; i++) {
                t->n[i] += n[i];
            }

        } else {
            llm_text_count(t, p, LLM_TEXT_SAMPLE, n);

            for (i = 0; i < LLM_TEXT_TAIL; i++) {
                t->n[i] += n[i] * (LLM_TEXT_BLOCK / LLM_TEXT_SAMPLE);
            }
        }

        p += block;
        len -= block;
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

    sum = 512;

    for (i = 0; i < LLM_TEXT_TAIL; i++) {
        sum += (uint64_t) t->n[i] * llm_text_weight[i];
    }

    return llm_max(sum / 1024, 1);
}
