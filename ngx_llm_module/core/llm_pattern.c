
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Patterns, lists of them, and names.
 */


#include "llm_pattern.h"


int
llm_pattern_parse(llm_pattern_t *p, llm_str_t word)
{
    if (word.len == 0 || word.len > LLM_PATTERN_MAX) {
        return -1;
    }

    p->kind = LLM_PATTERN_EXACT;

    if (word.data[0] == '~') {
        p->kind = LLM_PATTERN_REGEX;
        word.data++;
        word.len--;

        if (word.len == 0) {
            return -1;
        }

    } else if (word.data[word.len - 1] == '*') {
        p->kind = LLM_PATTERN_PREFIX;
        word.len--;
    }

    p->text = word;

    return 0;
}


int
llm_pattern_match(const llm_pattern_t *p, llm_str_t name)
{
    switch (p->kind) {

    case LLM_PATTERN_EXACT:
        return name.len == p->text.len
               && memcmp(name.data, p->text.data, name.len) == 0;

    case LLM_PATTERN_PREFIX:
        return name.len >= p->text.len
               && memcmp(name.data, p->text.data, p->text.len) == 0;

    default:
        return 0;
    }
}


static int
llm_pattern_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}


/* The end of a regex, or NULL.  A bracket in a class opens nothing. */

static const uint8_t *
llm_pattern_regex(const uint8_t *p, const uint8_t *e)
{
    unsigned  open, class;

    open = 0;
    class = 0;

    for ( /* void */ ; p < e && !llm_pattern_blank(*p); p++) {

        switch (*p) {

        case '\\':
            if (++p == e || llm_pattern_blank(*p)) {
                return NULL;
            }

            break;

        case '[':
            class = 1;
            break;

        case ']':
            class = 0;
            break;

        case '(':
        case '{':
            open += !class;
            break;

        case ')':
        case '}':
            open -= (!class && open);
            break;

        case ',':
            if (open == 0 && !class) {
                return p;
            }

            break;
        }
    }

    return (open || class) ? NULL : p;
}


int
llm_pattern_next(llm_str_t *list, llm_str_t *word)
{
    const uint8_t  *p, *e;

    p = list->data;
    e = p + list->len;

    while (p < e && (llm_pattern_blank(*p) || *p == ',')) {
        p++;
    }

    if (p == e) {
        list->len = 0;
        return 0;
    }

    word->data = p;

    if (*p == '~') {
        p = llm_pattern_regex(p, e);

        if (p == NULL) {
            return -1;
        }

    } else {
        while (p < e && !llm_pattern_blank(*p) && *p != ',') {
            p++;
        }
    }

    word->len = p - word->data;
    list->data = p;
    list->len = e - p;

    return 1;
}


/* The length of one character of UTF-8, or 0. */

static size_t
llm_pattern_char(const uint8_t *p, size_t len)
{
    size_t   n, i;
    uint8_t  low, high;

    low = 0x80;
    high = 0xbf;

    if (p[0] < 0x80) {
        return 1;
    }

    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        n = 2;

        /* control characters above ASCII */

        if (p[0] == 0xc2) {
            low = 0xa0;
        }

    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        n = 3;
        low = (p[0] == 0xe0) ? 0xa0 : 0x80;
        high = (p[0] == 0xed) ? 0x9f : 0xbf;

    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        n = 4;
        low = (p[0] == 0xf0) ? 0x90 : 0x80;
        high = (p[0] == 0xf4) ? 0x8f : 0xbf;

    } else {
        return 0;
    }

    if (len < n || p[1] < low || p[1] > high) {
        return 0;
    }

    for (i = 2; i < n; i++) {
        if (p[i] < 0x80 || p[i] > 0xbf) {
            return 0;
        }
    }

    return n;
}


int
llm_pattern_name(llm_str_t name)
{
    size_t  i, n;

    for (i = 0; i < name.len; i += n) {

        if (name.data[i] < 0x20 || name.data[i] == 0x7f) {
            return 0;
        }

        n = llm_pattern_char(name.data + i, name.len - i);

        if (n == 0) {
            return 0;
        }
    }

    return name.len == 0
           || (name.data[0] != ' ' && name.data[name.len - 1] != ' ');
}
