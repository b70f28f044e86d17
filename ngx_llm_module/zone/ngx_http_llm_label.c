
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Labels.
 *
 * Text that clients, upstreams and configurations write ends here: whatever
 * leaves this file is valid UTF-8 of bounded length, without control
 * characters and without those that turn or break a line, so that readers
 * only need to quote for their own format.
 *
 * The identity of a series is a keyed hash over the cleaned text, lengths
 * included, so two texts cannot be cut differently into the same bytes.
 * The key is random and never leaves the zone: nobody can make two texts
 * meet on purpose.
 */


#include "ngx_http_llm_label.h"


static size_t ngx_http_llm_label_char(const uint8_t *p, size_t len);
static size_t ngx_http_llm_label_or_other(uint8_t *dst, size_t size,
    llm_str_t src);
static int ngx_http_llm_label_cmp(const uint8_t *a, size_t alen,
    const uint8_t *b, size_t blen);


size_t
ngx_http_llm_label_clean(uint8_t *dst, size_t size, llm_str_t src)
{
    size_t          n, len;
    const uint8_t  *p, *last, *c;

    static const uint8_t  replacement[] = { 0xef, 0xbf, 0xbd };

    if (src.len == 0) {
        return 0;
    }

    n = 0;
    p = src.data;
    last = p + src.len;

    while (p < last) {

        if (*p >= 0x20 && *p < 0x7f) {

            if (n == size) {
                break;
            }

            dst[n++] = *p++;
            continue;
        }

        len = ngx_http_llm_label_char(p, (size_t) (last - p));
        c = p;

        if (len == 0) {
            c = replacement;
            len = sizeof(replacement);
            p++;

        } else {
            p += len;
        }

        if (len > size - n) {
            break;
        }

        memcpy(dst + n, c, len);
        n += len;
    }

    return n;
}


/* Length of a character that is not printable ASCII; 0: not to be shown. */

static size_t
ngx_http_llm_label_char(const uint8_t *p, size_t len)
{
    size_t    n, i;
    uint32_t  u;

    static const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    u = p[0];

    n = (u >= 0xf0) ? 4 : (u >= 0xe0) ? 3 : 2;

    if (u < 0xc2 || u > 0xf4 || n > len) {
        return 0;
    }

    u &= 0x7fu >> n;

    for (i = 1; i < n; i++) {

        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        u = u << 6 | (p[i] & 0x3fu);
    }

    if (u < least[n] || u > 0x10ffff || (u >= 0xd800 && u <= 0xdfff)) {
        return 0;
    }

    if (u < 0xa0                                /* C1 */
        || (u >= 0x200e && u <= 0x200f)         /* direction marks */
        || (u >= 0x2028 && u <= 0x202e)         /* line ends, directions */
        || (u >= 0x2066 && u <= 0x2069)
        || u == 0xfeff)
    {
        return 0;
    }

    return n;
}


void
ngx_http_llm_label_text(ngx_http_llm_label_text_t *text,
    const ngx_http_llm_labels_t *labels)
{
    uint32_t                         i, k, n;
    uint8_t                          name[NGX_HTTP_LLM_NAME_LEN];
    size_t                           len;
    const ngx_http_llm_own_label_t  *own;

    memset(text, 0, sizeof(ngx_http_llm_label_text_t));

    text->operation = (uint8_t) labels->operation;

    text->provider_len = (uint8_t) ngx_http_llm_label_or_other(text->provider,
                             NGX_HTTP_LLM_PROVIDER_LEN, labels->provider);
    text->model_len = (uint8_t) ngx_http_llm_label_or_other(text->model,
                             NGX_HTTP_LLM_MODEL_LEN, labels->model);
    text->route_len = (uint8_t) ngx_http_llm_label_or_other(text->route,
                             NGX_HTTP_LLM_ROUTE_LEN, labels->route);

    n = 0;

    for (i = 0; i < labels->nown && i < NGX_HTTP_LLM_LABELS; i++) {
        own = &labels->own[i];

        len = ngx_http_llm_label_clean(name, NGX_HTTP_LLM_NAME_LEN, own->name);

        if (len == 0 || own->value.len == 0) {
            continue;
        }

        for (k = n; k > 0; k--) {

            if (ngx_http_llm_label_cmp(text->name[k - 1],
                                       text->name_len[k - 1], name, len)
                <= 0)
            {
                break;
            }

            memcpy(text->name[k], text->name[k - 1], NGX_HTTP_LLM_NAME_LEN);
            memcpy(text->value[k], text->value[k - 1],
                   NGX_HTTP_LLM_VALUE_LEN);
            text->name_len[k] = text->name_len[k - 1];
            text->value_len[k] = text->value_len[k - 1];
        }

        memset(text->name[k], 0, NGX_HTTP_LLM_NAME_LEN);
        memset(text->value[k], 0, NGX_HTTP_LLM_VALUE_LEN);

        memcpy(text->name[k], name, len);
        text->name_len[k] = (uint8_t) len;
        text->value_len[k] = (uint8_t) ngx_http_llm_label_clean(text->value[k],
                                         NGX_HTTP_LLM_VALUE_LEN, own->value);
        n++;
    }

    text->nown = (uint8_t) n;
}


static size_t
ngx_http_llm_label_or_other(uint8_t *dst, size_t size, llm_str_t src)
{
    static const llm_str_t  other = llm_string("other");

    return ngx_http_llm_label_clean(dst, size, src.len ? src : other);
}


static int
ngx_http_llm_label_cmp(const uint8_t *a, size_t alen, const uint8_t *b,
    size_t blen)
{
    int  rc;

    rc = memcmp(a, b, llm_min(alen, blen));

    return rc ? rc : (alen > blen) - (alen < blen);
}


void
ngx_http_llm_label_view(ngx_http_llm_labels_t *labels,
    const ngx_http_llm_label_text_t *text)
{
    uint32_t  i;

    labels->operation = text->operation < LLM_OP_N
                        ? (llm_operation_e) text->operation : LLM_OP_OTHER;

    labels->provider.data = text->provider;
    labels->provider.len = llm_min(text->provider_len,
                                   NGX_HTTP_LLM_PROVIDER_LEN);
    labels->model.data = text->model;
    labels->model.len = llm_min(text->model_len, NGX_HTTP_LLM_MODEL_LEN);
    labels->route.data = text->route;
    labels->route.len = llm_min(text->route_len, NGX_HTTP_LLM_ROUTE_LEN);

    labels->nown = llm_min(text->nown, NGX_HTTP_LLM_LABELS);

    for (i = 0; i < labels->nown; i++) {
        labels->own[i].name.data = text->name[i];
        labels->own[i].name.len = llm_min(text->name_len[i],
                                          NGX_HTTP_LLM_NAME_LEN);
        labels->own[i].value.data = text->value[i];
        labels->own[i].value.len = llm_min(text->value_len[i],
                                           NGX_HTTP_LLM_VALUE_LEN);
    }
}


uint64_t
ngx_http_llm_label_id(const uint64_t secret[2],
    const ngx_http_llm_label_text_t *text)
{
    uint8_t   buf[sizeof(ngx_http_llm_label_text_t)], *p;
    uint32_t  i;
    uint64_t  id;

    p = buf;

    *p++ = text->operation;
    *p++ = text->nown;
    *p++ = text->provider_len;
    *p++ = text->model_len;
    *p++ = text->route_len;

    memcpy(p, text->provider, text->provider_len);
    p += text->provider_len;
    memcpy(p, text->model, text->model_len);
    p += text->model_len;
    memcpy(p, text->route, text->route_len);
    p += text->route_len;

    for (i = 0; i < text->nown; i++) {
        *p++ = text->name_len[i];
        *p++ = text->value_len[i];
        memcpy(p, text->name[i], text->name_len[i]);
        p += text->name_len[i];
        memcpy(p, text->value[i], text->value_len[i]);
        p += text->value_len[i];
    }

    id = ngx_http_llm_siphash(secret, buf, (size_t) (p - buf));

    return id ? id : 1;
}


#define ngx_http_llm_rotl(x, b)  ((x) << (b) | (x) >> (64 - (b)))

#define ngx_http_llm_sipround()                                               \
    v0 += v1; v1 = ngx_http_llm_rotl(v1, 13); v1 ^= v0;                       \
    v0 = ngx_http_llm_rotl(v0, 32);                                           \
    v2 += v3; v3 = ngx_http_llm_rotl(v3, 16); v3 ^= v2;                       \
    v0 += v3; v3 = ngx_http_llm_rotl(v3, 21); v3 ^= v0;                       \
    v2 += v1; v1 = ngx_http_llm_rotl(v1, 17); v1 ^= v2;                       \
    v2 = ngx_http_llm_rotl(v2, 32)


/* SipHash-2-4 (Aumasson, Bernstein), little-endian whatever the machine. */

uint64_t
ngx_http_llm_siphash(const uint64_t key[2], const void *data, size_t len)
{
    size_t          left;
    uint64_t        v0, v1, v2, v3, m;
    const uint8_t  *p;

    v0 = key[0] ^ 0x736f6d6570736575ull;
    v1 = key[1] ^ 0x646f72616e646f6dull;
    v2 = key[0] ^ 0x6c7967656e657261ull;
    v3 = key[1] ^ 0x7465646279746573ull;

    p = data;

    for (left = len; ; left -= 8) {

        m = 0;
        memcpy(&m, p, llm_min(left, 8));

#if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
        m = __builtin_bswap64(m);
#endif

        if (left < 8) {
            m |= (uint64_t) len << 56;
        }

        v3 ^= m;
        ngx_http_llm_sipround();
        ngx_http_llm_sipround();
        v0 ^= m;

        if (left < 8) {
            break;
        }

        p += 8;
    }

    v2 ^= 0xff;
    ngx_http_llm_sipround();
    ngx_http_llm_sipround();
    ngx_http_llm_sipround();
    ngx_http_llm_sipround();

    return v0 ^ v1 ^ v2 ^ v3;
}
