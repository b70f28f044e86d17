
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Paths and queries that a gate may believe.
 *
 * What nginx matches is decoded and normalised; what the upstream gets may
 * be what the client wrote.  The two say the same model for sure only if
 * there was nothing to normalise: no empty or dotted segments, no escapes of
 * what needs none, no slash in an escape.  The one exception is Bedrock,
 * whose models may be ARNs: there an escaped slash belongs to the name.
 */


#include "llm_pattern.h"


/* After these a path names a model, or what stands for one. */

#define LLM_PATH_PLAIN  0

static const char *const  llm_path_marks[] = {
    "/models/",
    "/deployments/",
    "/tunedModels/",
    "/endpoints/",
    "/serving-endpoints/",
    "/engines/",
    "/model/",
    "/ai/run/"
};


/* What follows them where they do not: Azure, Databricks and Vertex have
 * APIs of such names that take the model from the body. */

static const char *const  llm_path_apis[] = {
    "chat/completions",
    "completions",
    "embeddings",
    "images/embeddings",
    "responses",
    "openapi/chat/completions"
};


#define LLM_PATH_RUN     "/ai/run/"
#define LLM_PATH_MODEL   "/model/"


#define COUNT(a)  (sizeof(a) / sizeof(a[0]))


static inline uint8_t
llm_path_lower(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') ? (uint8_t) (c | 0x20) : c;
}


/* Where a mark stands, in any case. */

static const uint8_t *
llm_path_find(const uint8_t *p, const uint8_t *e, const char *mark)
{
    size_t  i, n;

    n = strlen(mark);

    for ( /* void */ ; (size_t) (e - p) >= n; p++) {

        for (i = 0;
             i < n && llm_path_lower(p[i]) == llm_path_lower(mark[i]);
             i++)
        {
            /* void */
        }

        if (i == n) {
            return p;
        }
    }

    return NULL;
}


static int
llm_path_hex(const uint8_t *p, const uint8_t *e, uint8_t *c)
{
    unsigned  i, v, d;

    if (e - p < 3) {
        return -1;
    }

    v = 0;

    for (i = 1; i < 3; i++) {
        d = llm_path_lower(p[i]);

        if (d >= '0' && d <= '9') {
            d -= '0';

        } else if (d >= 'a' && d <= 'f') {
            d -= 'a' - 10;

        } else {
            return -1;
        }

        v = v * 16 + d;
    }

    *c = (uint8_t) v;

    return 0;
}


static int
llm_path_unreserved(uint8_t c)
{
    uint8_t  l;

    l = llm_path_lower(c);

    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-'
           || c == '.' || c == '_' || c == '~';
}


/* What is read in more than one way wherever it stands. */

static int
llm_path_odd(uint8_t c)
{
    return c < 0x20 || c == 0x7f || c == '\\' || c == ';' || c == '%'
           || c == '?' || c == '#';
}


typedef struct {
    const uint8_t  *slash;       /* the segment with an escaped slash */
    unsigned        empty;       /* segments of nothing, but for the last */
    unsigned        slashes;     /* segments with escaped slashes */
} llm_path_seen_t;


static int
llm_path_read(const uint8_t *p, const uint8_t *e, int raw,
    llm_path_seen_t *seen)
{
    size_t          dots, len;
    uint8_t         c;
    const uint8_t  *segment;

    memset(seen, 0, sizeof(llm_path_seen_t));

    if (p == e || *p != '/') {
        return -1;
    }

    segment = ++p;
    dots = 0;

    for ( ;; p++) {

        if (p == e || *p == '/') {
            len = p - segment;

            if (len == dots && (dots == 1 || dots == 2)) {
                return -1;
            }

            if (p == e) {
                return 0;
            }

            seen->empty += (len == 0);
            segment = p + 1;
            dots = 0;
            continue;
        }

        c = *p;

        if (raw && c == '%') {

            if (llm_path_hex(p, e, &c) != 0 || llm_path_unreserved(c)) {
                return -1;
            }

            if (c == '/' && seen->slash != segment) {
                seen->slash = segment;
                seen->slashes++;
            }

            p += 2;
        }

        if (llm_path_odd(c)) {
            return -1;
        }

        dots += (c == '.');
    }
}


/* True if this is all that is left. */

static int
llm_path_api(const uint8_t *p, const uint8_t *e)
{
    size_t  i, n;

    for (i = 0; i < COUNT(llm_path_apis); i++) {
        n = strlen(llm_path_apis[i]);

        if ((size_t) (e - p) == n && memcmp(p, llm_path_apis[i], n) == 0) {
            return 1;
        }
    }

    return 0;
}


/* "/models/" may be anybody's prefix, if no name stands behind it. */

static int
llm_path_plain(const uint8_t *p, const uint8_t *e)
{
    return memchr(p, ':', e - p) == NULL
           && llm_path_find(p, e, "/v1/") == NULL;
}


/* All marks in the path, and those that are written as they should be. */

static unsigned
llm_path_names(const uint8_t *p, const uint8_t *e, unsigned *exact)
{
    size_t          i, len;
    unsigned        n;
    const char     *mark;
    const uint8_t  *at;

    n = 0;
    *exact = 0;

    for (i = 0; i < COUNT(llm_path_marks); i++) {
        mark = llm_path_marks[i];
        len = strlen(mark);

        for (at = p; (at = llm_path_find(at, e, mark)) != NULL; at++) {

            if (llm_path_api(at + len, e)
                || (i == LLM_PATH_PLAIN && llm_path_plain(at + len, e)))
            {
                continue;
            }

            n++;
            *exact += (memcmp(at, mark, len) == 0);
        }
    }

    return n;
}


/* A name of Bedrock is one segment, and one more follows it. */

static int
llm_path_bedrock(const uint8_t *segment, const uint8_t *e, int raw,
    llm_str_t model)
{
    size_t          i;
    uint8_t         c;
    const uint8_t  *p;

    p = segment;

    for (i = 0; p < e && *p != '/'; i++, p++) {
        c = *p;

        if (raw && c == '%') {

            if (llm_path_hex(p, e, &c) != 0) {
                return -1;
            }

            p += 2;
        }

        if (i == model.len || model.data[i] != c) {
            return -1;
        }
    }

    if (i != model.len || p == e) {
        return -1;
    }

    p++;

    if (p < e && e[-1] == '/') {
        e--;
    }

    return (p < e && memchr(p, '/', e - p) == NULL) ? 0 : -1;
}


int
llm_pattern_path(llm_str_t path, int raw, llm_str_t model)
{
    unsigned          n, exact;
    const uint8_t    *p, *e, *at;
    llm_path_seen_t   seen;

    p = path.data;
    e = raw ? memchr(p, '?', path.len) : NULL;

    if (e == NULL) {
        e = p + path.len;
    }

    if (llm_path_read(p, e, raw, &seen) != 0) {
        return 0;
    }

    n = llm_path_names(p, e, &exact);

    if (model.len == 0) {
        return n == 0 && seen.slashes == 0;
    }

    if (n != 1 || exact != 1 || seen.empty || !llm_pattern_name(model)
        || model.data[model.len - 1] == '.')
    {
        return 0;
    }

    at = llm_path_find(p, e, LLM_PATH_MODEL);

    if (at) {
        at += strlen(LLM_PATH_MODEL);

        return (seen.slashes == 0 || (seen.slashes == 1 && seen.slash == at))
               && llm_path_bedrock(at, e, raw, model) == 0;
    }

    return seen.slashes == 0
           && (memchr(model.data, '/', model.len) == NULL
               || llm_path_find(p, e, LLM_PATH_RUN) != NULL);
}


/* Decoded bytes of an argument against a text, in any case or in this. */

static int
llm_query_same(const uint8_t *p, const uint8_t *e, llm_str_t text, int fold)
{
    size_t   i;
    uint8_t  c, t;

    for (i = 0; p < e; i++, p++) {
        c = *p;

        if (c == '%' && llm_path_hex(p, e, &c) == 0) {
            p += 2;

        } else if (c == '+') {
            c = ' ';
        }

        if (i == text.len) {
            return 0;
        }

        t = text.data[i];

        if (c != t && !(fold && llm_path_lower(c) == llm_path_lower(t))) {
            return 0;
        }
    }

    return i == text.len;
}


static const llm_str_t  llm_query_names[] = {
    llm_string("model"),
    llm_string("model[]"),
    llm_string("deployment"),
    llm_string("deployment_id"),
    llm_string("engine")
};


int
llm_pattern_query(llm_str_t args, llm_str_t model)
{
    size_t          i;
    const uint8_t  *p, *e, *end, *name;

    p = args.data;
    end = p + args.len;

    while (p < end) {

        for (e = p; e < end && *e != '&' && *e != ';'; e++) { /* void */ }

        name = memchr(p, '=', e - p);

        if (name == NULL) {
            name = e;
        }

        for (i = 0; i < COUNT(llm_query_names); i++) {
            if (llm_query_same(p, name, llm_query_names[i], 1)
                && (name == e || !llm_query_same(name + 1, e, model, 0)))
            {
                return 0;
            }
        }

        p = e + 1;
    }

    return 1;
}
