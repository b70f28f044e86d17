
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What fuzz targets share: the head of an input plans how the rest is cut.
 * Its first byte chooses among variants of the target, its second is the
 * length of the plan that follows.
 */


#ifndef _FUZZ_CUT_H_INCLUDED_
#define _FUZZ_CUT_H_INCLUDED_


#include "tap.h"


#define FUZZ_PLAN  16


typedef struct {
    uint8_t         variant;
    cut_t           whole;
    cut_t           bytes;
    cut_t           plan;
    const uint8_t  *data;
    size_t          len;
} fuzz_t;


/* 0: too short to say anything. */

static int
fuzz_input(fuzz_t *f, const uint8_t *p, size_t len)
{
    size_t  n;

    memset(f, 0, sizeof(fuzz_t));

    if (len < 2) {
        return 0;
    }

    f->variant = p[0];
    n = p[1] % FUZZ_PLAN;

    if (len < 2 + n) {
        return 0;
    }

    f->bytes.how = CUT_BYTES;
    f->plan.how = CUT_PLAN;
    f->plan.plan = p + 2;
    f->plan.nplan = n;

    f->data = p + 2 + n;
    f->len = len - 2 - n;

    return 1;
}


#endif /* _FUZZ_CUT_H_INCLUDED_ */
