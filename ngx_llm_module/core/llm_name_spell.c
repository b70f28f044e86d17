
/*
 * Copyright (C) ngx_llm_module authors
 */


#include "llm_name_spell.h"


#define LLM_NAME_VERSION  16     /* longest version after its mark */


#define S(s)  llm_string(s)

/* What routers put before a name. */

static const llm_str_t  llm_name_routes[] = {
    S("models/"), S("openrouter/"), S("bedrock/"), S("converse/"),
    S("invoke/"), S("vertex_ai/"), S("gemini/"), S("google/"), S("openai/"),
    S("azure/"), S("azure_ai/"), S("anthropic/"), S("us."), S("eu."),
    S("apac."), S("au."), S("jp."), S("ca."), S("sa."), S("us-gov."),
    S("global."), S("anthropic.")
};


/* What stands for the newest or the cheapest variant at the end. */

static const llm_str_t  llm_name_tags[] = {
    S(":latest"), S(":free"), S("-latest"), S("@latest"), S("@default")
};


/* Resources of Bedrock whose last part is the name of a model. */

static const llm_str_t  llm_name_arns[] = {
    S(":foundation-model/"), S(":inference-profile/")
};

#undef S


static int
llm_name_arn(llm_str_t name)
{
    static const llm_str_t  arn = llm_string("arn:");

    return name.len > arn.len && memcmp(name.data, arn.data, arn.len) == 0;
}


/* What is behind the last one, or 0. */

static size_t
llm_name_behind(llm_str_t name, const llm_str_t *mark)
{
    size_t  i, start;

    start = 0;

    for (i = 0; i + mark->len < name.len; i++) {
        if (name.data[i] == mark->data[0]
            && memcmp(name.data + i, mark->data, mark->len) == 0)
        {
            start = i + mark->len;
        }
    }

    return start;
}


/*
 * Paths of resources: what counts is behind the last "/models/" or so.  What
 * an application's own profile or a custom model stands for is not in its
 * name.
 */

static size_t
llm_name_resource(llm_str_t name)
{
    size_t  i, start;

    static const llm_str_t  models = llm_string("/models/");

    if (!llm_name_arn(name)) {
        return llm_name_behind(name, &models);
    }

    for (i = 0; i < sizeof(llm_name_arns) / sizeof(llm_name_arns[0]); i++) {
        start = llm_name_behind(name, &llm_name_arns[i]);

        if (start) {
            return start;
        }
    }

    return 0;
}


llm_str_t
llm_name_region(llm_str_t name)
{
    unsigned        i;
    llm_str_t       region = llm_string("");
    const uint8_t  *p, *e;

    if (!llm_name_arn(name)) {
        return region;
    }

    /* arn:partition:service:region:account:resource */

    p = name.data;
    e = name.data + name.len;

    for (i = 0; i < 3; i++) {
        p = memchr(p, ':', e - p);
        if (p == NULL) {
            return region;
        }

        p++;
    }

    e = memchr(p, ':', e - p);
    if (e) {
        region.data = p;
        region.len = e - p;
    }

    return region;
}


void
llm_name_route(llm_name_routes_t *r, llm_str_t name)
{
    size_t      i, at;
    unsigned    k;

    r->name = name;
    r->n = 0;

    if (name.len == 0 || name.len > LLM_NAME_MAX) {
        return;
    }

    r->start[r->n++] = 0;
    at = llm_name_resource(name);

    if (at) {
        r->start[r->n++] = at;
    }

    for (k = 0; k < sizeof(llm_name_routes) / sizeof(llm_name_routes[0]); ) {

        i = llm_name_routes[k].len;

        if (r->n == LLM_NAME_ROUTES) {
            return;
        }

        if (name.len - at > i
            && name.data[at] == llm_name_routes[k].data[0]
            && memcmp(name.data + at, llm_name_routes[k].data, i) == 0)
        {
            at += i;
            r->start[r->n++] = at;
            k = 0;
            continue;
        }

        k++;
    }
}


static int
llm_name_digits(const uint8_t *p, size_t n)
{
    while (n--) {
        if (*p < '0' || *p > '9') {
            return 0;
        }

        p++;
    }

    return 1;
}


/* -001; -20250929; -2024-08-06 */

static size_t
llm_name_date(const uint8_t *p, size_t len)
{
    const uint8_t  *e;

    e = p + len;

    if (len > 4 && e[-4] == '-' && llm_name_digits(e - 3, 3)) {
        return 4;
    }

    if (len > 9 && e[-9] == '-' && e[-8] == '2' && llm_name_digits(e - 8, 8)) {
        return 9;
    }

    if (len > 11 && e[-11] == '-' && e[-6] == '-' && e[-3] == '-'
        && llm_name_digits(e - 10, 4) && llm_name_digits(e - 5, 2)
        && llm_name_digits(e - 2, 2))
    {
        return 11;
    }

    return 0;
}


/* How many at the end are digits, or one of the others. */

static size_t
llm_name_span(const uint8_t *p, size_t len, const char *others)
{
    size_t   n;
    uint8_t  c;

    for (n = 0; n < len && n < LLM_NAME_VERSION; n++) {
        c = p[len - n - 1];

        if ((c < '0' || c > '9') && (c == '\0' || strchr(others, c) == NULL)) {
            break;
        }
    }

    return n;
}


/* @20250929, @2411-001; :20230824-v2, :2023-07-21-v2; -v1:0 */

static size_t
llm_name_mark(const uint8_t *p, size_t len)
{
    size_t  n, k;

    n = llm_name_span(p, len, "-");

    if (n && n < len && p[len - n - 1] == '@') {
        return n + 1;
    }

    n = llm_name_span(p, len, "-v");

    if (n >= 8 && n < len && p[len - n - 1] == ':'
        && llm_name_digits(p + len - n, 4))
    {
        return n + 1;
    }

    n = llm_name_span(p, len, "");

    if (n == 0 || n + 1 >= len || p[len - n - 1] != ':') {
        return 0;
    }

    n++;
    k = llm_name_span(p, len - n, "");
    n += k;

    if (k && n + 2 < len && p[len - n - 1] == 'v' && p[len - n - 2] == '-') {
        return n + 2;
    }

    return 0;
}


size_t
llm_name_version(const uint8_t *p, size_t len)
{
    size_t  i, n;

    for (i = 0; i < sizeof(llm_name_tags) / sizeof(llm_name_tags[0]); i++) {
        n = llm_name_tags[i].len;

        if (len > n && memcmp(p + len - n, llm_name_tags[i].data, n) == 0) {
            return len - n;
        }
    }

    n = llm_name_date(p, len);

    if (n == 0) {
        n = llm_name_mark(p, len);
    }

    return (n && n < len) ? len - n : 0;
}


int
llm_name_tuned(llm_str_t name)
{
    return name.len > 3 && memcmp(name.data, "ft:", 3) == 0;
}


llm_str_t
llm_name_tuned_base(llm_str_t name)
{
    const uint8_t  *p;

    p = memchr(name.data + 3, ':', name.len - 3);

    if (p) {
        name.len = p - name.data;
    }

    return name;
}
