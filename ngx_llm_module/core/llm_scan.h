
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Searches for the few bytes that end a run: 16 at a time where the compiler
 * has SSE2 or NEON, 8 at a time elsewhere (and with LLM_SCAN_PORTABLE, so that
 * tests can hold one against the other).  No byte at or after "e" is read.
 */


#ifndef _LLM_SCAN_H_INCLUDED_
#define _LLM_SCAN_H_INCLUDED_


#include "llm_base.h"

#if (defined __SSE2__ && !defined LLM_SCAN_PORTABLE)
#include <emmintrin.h>
#define LLM_SCAN_SSE2  1
#elif (defined __aarch64__ && !defined LLM_SCAN_PORTABLE)
#include <arm_neon.h>
#define LLM_SCAN_NEON  1
#endif


#define llm_scan_special(c)  ((c) == '"' || (c) == '\\' || (c) < 0x20)
#define llm_scan_eol(c)      ((c) == '\n' || (c) == '\r')


#if (LLM_SCAN_SSE2)

static inline unsigned
llm_scan_string_mask(const uint8_t *p)
{
    __m128i  v, m;

    v = _mm_loadu_si128((const __m128i *) p);

    m = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    m = _mm_or_si128(m, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
    m = _mm_or_si128(m, _mm_cmpeq_epi8(_mm_max_epu8(v, _mm_set1_epi8(0x1f)),
                                       _mm_set1_epi8(0x1f)));

    return _mm_movemask_epi8(m);
}


static inline unsigned
llm_scan_line_mask(const uint8_t *p)
{
    __m128i  v, m;

    v = _mm_loadu_si128((const __m128i *) p);

    m = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\n')),
                     _mm_cmpeq_epi8(v, _mm_set1_epi8('\r')));

    return _mm_movemask_epi8(m);
}

/* The first n <= 16 bytes of both are the same; 16 of each are read. */

static inline int
llm_scan_same(const uint8_t *a, const uint8_t *b, size_t n)
{
    unsigned  m;

    m = _mm_movemask_epi8(
            _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *) a),
                           _mm_loadu_si128((const __m128i *) b)));

    return (~m & ((1u << n) - 1)) == 0;
}

/* The place of the first quote in 16 bytes, or 16. */

static inline size_t
llm_scan_quote(const uint8_t *p)
{
    return __builtin_ctz(_mm_movemask_epi8(
               _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *) p),
                              _mm_set1_epi8('"')))
               | 0x10000);
}


/* Of the first n <= 16 bytes one is a quote, backslash or control character;
 * 16 are read. */

static inline int
llm_scan_odd(const uint8_t *p, size_t n)
{
    return (llm_scan_string_mask(p) & ((1u << n) - 1)) != 0;
}

#define LLM_SCAN_STEP          16
#define llm_scan_first(mask)   __builtin_ctz(mask)

#elif (LLM_SCAN_NEON)

static inline uint64_t
llm_scan_narrow(uint8x16_t m)
{
    /* four bits a byte */
    return vget_lane_u64(vreinterpret_u64_u8(
               vshrn_n_u16(vreinterpretq_u16_u8(m), 4)), 0);
}


static inline uint64_t
llm_scan_string_mask(const uint8_t *p)
{
    uint8x16_t  v;

    v = vld1q_u8(p);

    return llm_scan_narrow(vorrq_u8(vorrq_u8(vceqq_u8(v, vdupq_n_u8('"')),
                                             vceqq_u8(v, vdupq_n_u8('\\'))),
                                    vcltq_u8(v, vdupq_n_u8(0x20))));
}


static inline uint64_t
llm_scan_line_mask(const uint8_t *p)
{
    uint8x16_t  v;

    v = vld1q_u8(p);

    return llm_scan_narrow(vorrq_u8(vceqq_u8(v, vdupq_n_u8('\n')),
                                    vceqq_u8(v, vdupq_n_u8('\r'))));
}

#define LLM_SCAN_STEP          16
#define llm_scan_first(mask)   (__builtin_ctzll(mask) >> 2)

#else

#define LLM_SCAN_ONES          0x0101010101010101ULL
#define LLM_SCAN_HIGHS         0x8080808080808080ULL

/*
 * A byte's high bit is set where that byte is zero.  Bytes above the first
 * zero one may be wrong; the first, which is all we ask for, is not.
 */
#define llm_scan_zero(w)       (((w) - LLM_SCAN_ONES) & ~(w) & LLM_SCAN_HIGHS)


static inline uint64_t
llm_scan_load(const uint8_t *p)
{
    uint64_t  w;

    memcpy(&w, p, 8);

#if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
    w = __builtin_bswap64(w);
#endif

    return w;
}


static inline uint64_t
llm_scan_string_mask(const uint8_t *p)
{
    uint64_t  w;

    w = llm_scan_load(p);

    return llm_scan_zero(w ^ (LLM_SCAN_ONES * '"'))
           | llm_scan_zero(w ^ (LLM_SCAN_ONES * '\\'))
           | ((w - LLM_SCAN_ONES * 0x20) & ~w & LLM_SCAN_HIGHS);
}


static inline uint64_t
llm_scan_line_mask(const uint8_t *p)
{
    uint64_t  w;

    w = llm_scan_load(p);

    return llm_scan_zero(w ^ (LLM_SCAN_ONES * '\n'))
           | llm_scan_zero(w ^ (LLM_SCAN_ONES * '\r'));
}

#define LLM_SCAN_STEP          8
#define llm_scan_first(mask)   (__builtin_ctzll(mask) >> 3)

#endif


#if (!LLM_SCAN_SSE2)

static inline int
llm_scan_same(const uint8_t *a, const uint8_t *b, size_t n)
{
    return memcmp(a, b, n) == 0;
}


static inline size_t
llm_scan_quote(const uint8_t *p)
{
    const uint8_t  *q;

    q = memchr(p, '"', 16);

    return q ? (size_t) (q - p) : 16;
}


static inline int
llm_scan_odd(const uint8_t *p, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (llm_scan_special(p[i])) {
            return 1;
        }
    }

    return 0;
}

#endif


/* First quote, backslash or control character, or e. */

static inline const uint8_t *
llm_scan_string(const uint8_t *p, const uint8_t *e)
{
    while (e - p >= LLM_SCAN_STEP) {
#if (LLM_SCAN_SSE2)
        unsigned  m;
#else
        uint64_t  m;
#endif

        m = llm_scan_string_mask(p);

        if (m) {
            return p + llm_scan_first(m);
        }

        p += LLM_SCAN_STEP;

#if (LLM_SCAN_SSE2)

        /* a long string: 64 bytes a turn, one test */

        while (e - p >= 64) {
            __m128i        a, b, c, d, lo, m4;
            const __m128i *v;

            v = (const __m128i *) p;

            a = _mm_loadu_si128(v);
            b = _mm_loadu_si128(v + 1);
            c = _mm_loadu_si128(v + 2);
            d = _mm_loadu_si128(v + 3);

            lo = _mm_min_epu8(_mm_min_epu8(a, b), _mm_min_epu8(c, d));

            m4 = _mm_cmpeq_epi8(_mm_max_epu8(lo, _mm_set1_epi8(0x1f)),
                                _mm_set1_epi8(0x1f));

#define llm_scan_has(v)                                                       \
            _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),               \
                         _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')))

            m4 = _mm_or_si128(m4, _mm_or_si128(
                     _mm_or_si128(llm_scan_has(a), llm_scan_has(b)),
                     _mm_or_si128(llm_scan_has(c), llm_scan_has(d))));

#undef llm_scan_has

            if (_mm_movemask_epi8(m4)) {
                break;
            }

            p += 64;
        }
#endif
    }

    while (p < e && !llm_scan_special(*p)) {
        p++;
    }

    return p;
}


/* First CR or LF, or e. */

static inline const uint8_t *
llm_scan_line(const uint8_t *p, const uint8_t *e)
{
#if (LLM_SCAN_SSE2)

    while (e - p >= 64) {
        __m128i        m;
        const __m128i *v;

        v = (const __m128i *) p;

#define llm_scan_has(i)                                                       \
        _mm_or_si128(_mm_cmpeq_epi8(_mm_loadu_si128(v + i),                   \
                                    _mm_set1_epi8('\n')),                     \
                     _mm_cmpeq_epi8(_mm_loadu_si128(v + i),                   \
                                    _mm_set1_epi8('\r')))

        m = _mm_or_si128(_mm_or_si128(llm_scan_has(0), llm_scan_has(1)),
                         _mm_or_si128(llm_scan_has(2), llm_scan_has(3)));

#undef llm_scan_has

        if (_mm_movemask_epi8(m)) {
            break;
        }

        p += 64;
    }

#endif

    while (e - p >= LLM_SCAN_STEP) {
#if (LLM_SCAN_SSE2)
        unsigned  m;
#else
        uint64_t  m;
#endif

        m = llm_scan_line_mask(p);

        if (m) {
            return p + llm_scan_first(m);
        }

        p += LLM_SCAN_STEP;
    }

    while (p < e && !llm_scan_eol(*p)) {
        p++;
    }

    return p;
}


#endif /* _LLM_SCAN_H_INCLUDED_ */
