
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Both escapes are one loop over a table of 128 classes; bytes from 0x80 on
 * are checked as UTF-8.
 *
 * What is not UTF-8 becomes U+FFFD, one for each maximal subpart of an
 * ill-formed sequence (the practice that the Unicode standard recommends and
 * that browsers and Perl follow): a sequence that breaks off gives one, a
 * stray byte gives one, and the byte that broke the sequence is read anew.
 * Overlong forms, surrogates and code points above U+10FFFF are ill-formed.
 *
 * A label value knows three escapes only.  Control characters have none
 * there, and Prometheus stops reading at a NUL, so they become U+FFFD: a
 * client's model name must not be able to break a scrape.
 */


#include "llm_escape.h"


enum {
    LLM_ESCAPE_PLAIN = 0,
    LLM_ESCAPE_HEX,              /* \u00xx */
    LLM_ESCAPE_REPLACE           /* U+FFFD; any other class is the letter
                                    after a backslash */
};


#define H  LLM_ESCAPE_HEX
#define R  LLM_ESCAPE_REPLACE

static const uint8_t  llm_escape_json_class[128] = {
      H,   H,   H,   H,   H,   H,   H,   H,
    'b', 't', 'n',   H, 'f', 'r',   H,   H,
      H,   H,   H,   H,   H,   H,   H,   H,
      H,   H,   H,   H,   H,   H,   H,   H,
    ['"'] = '"', ['\\'] = '\\', [0x7f] = H
};


static const uint8_t  llm_escape_label_class[128] = {
      R,   R,   R,   R,   R,   R,   R,   R,
      R,   R, 'n',   R,   R,   R,   R,   R,
      R,   R,   R,   R,   R,   R,   R,   R,
      R,   R,   R,   R,   R,   R,   R,   R,
    ['"'] = '"', ['\\'] = '\\', [0x7f] = R
};

#undef H
#undef R


/*
 * The sequence that begins at p (p < end, *p >= 0x80): its length if it is
 * well-formed, else minus the length of its maximal subpart.
 */

static int
llm_escape_sequence(const uint8_t *p, const uint8_t *end)
{
    int      i, n;
    uint8_t  low, high;

    low = 0x80;
    high = 0xbf;

    if (*p >= 0xc2 && *p <= 0xdf) {
        n = 2;

    } else if (*p >= 0xe0 && *p <= 0xef) {
        n = 3;
        low = (*p == 0xe0) ? 0xa0 : low;      /* else overlong */
        high = (*p == 0xed) ? 0x9f : high;    /* else a surrogate */

    } else if (*p >= 0xf0 && *p <= 0xf4) {
        n = 4;
        low = (*p == 0xf0) ? 0x90 : low;      /* else overlong */
        high = (*p == 0xf4) ? 0x8f : high;    /* else above U+10FFFF */

    } else {
        return -1;
    }

    for (i = 1; i < n; i++) {
        if (end - p == i || p[i] < low || p[i] > high) {
            return -i;
        }

        low = 0x80;
        high = 0xbf;
    }

    return n;
}


/* Writes, or only counts when dst is NULL. */

static size_t
llm_escape(uint8_t *dst, llm_str_t s, const uint8_t *class)
{
    int             n;
    size_t          len;
    uint8_t         ch, text[LLM_ESCAPE_MAX];
    size_t          size;
    const uint8_t  *p, *end, *from;

    static const uint8_t  hex[] = "0123456789abcdef";

    len = 0;
    p = s.data;
    end = s.data + s.len;

    while (p < end) {
        ch = *p;
        from = p;

        if (ch < 0x80) {
            p++;
            ch = class[ch];

            if (ch == LLM_ESCAPE_PLAIN) {
                size = 1;

            } else if (ch == LLM_ESCAPE_HEX) {
                memcpy(text, "\\u00", 4);
                text[4] = hex[*from >> 4];
                text[5] = hex[*from & 0x0f];
                from = text;
                size = 6;

            } else if (ch == LLM_ESCAPE_REPLACE) {
                from = (const uint8_t *) "\xef\xbf\xbd";
                size = 3;

            } else {
                text[0] = '\\';
                text[1] = ch;
                from = text;
                size = 2;
            }

        } else {
            n = llm_escape_sequence(p, end);

            if (n > 0) {
                p += n;
                size = n;

            } else {
                p -= n;
                from = (const uint8_t *) "\xef\xbf\xbd";
                size = 3;
            }
        }

        if (dst) {
            memcpy(dst + len, from, size);
        }

        len += size;
    }

    return len;
}


size_t
llm_escape_json_len(llm_str_t s)
{
    return llm_escape(NULL, s, llm_escape_json_class);
}


uint8_t *
llm_escape_json(uint8_t *dst, llm_str_t s)
{
    return dst + llm_escape(dst, s, llm_escape_json_class);
}


size_t
llm_escape_label_len(llm_str_t s)
{
    return llm_escape(NULL, s, llm_escape_label_class);
}


uint8_t *
llm_escape_label(uint8_t *dst, llm_str_t s)
{
    return dst + llm_escape(dst, s, llm_escape_label_class);
}
