
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Arguments have the form name=value, percent-encoded.  A value that is not
 * understood is refused and never guessed: a dashboard that asks for
 * window=7m must not draw another window.  Names that nobody knows are left
 * alone, and so is an empty value of by and window.
 *
 * By Accept a scraper gets what it reads and everybody else gets JSON.
 * Prometheus text has many names there: text/plain with any version, and
 * OpenMetrics in a version that is not ours.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_query.h"


/*
 * read gets the name without the row's; word gives the nth of the words that
 * are allowed (of the label names that l. takes), then an empty one.
 */

struct ngx_http_llm_argument_s {
    llm_str_t         name;
    ngx_uint_t        prefix;
    ngx_int_t       (*read)(ngx_http_llm_query_t *query, llm_str_t name,
                            llm_str_t value);
    llm_str_t       (*word)(ngx_http_llm_query_t *query, ngx_uint_t n);
};


static ngx_int_t ngx_http_llm_query_args(ngx_http_request_t *r,
    ngx_http_llm_query_t *query);
static ngx_int_t ngx_http_llm_query_arg(ngx_http_llm_query_t *query,
    llm_str_t name, llm_str_t value);
static ngx_int_t ngx_http_llm_query_decode(ngx_pool_t *pool, llm_str_t *s);
static llm_str_t ngx_http_llm_query_cut(llm_str_t *rest, u_char separator);
static ngx_int_t ngx_http_llm_query_format(ngx_http_llm_query_t *query,
    llm_str_t name, llm_str_t value);
static ngx_int_t ngx_http_llm_query_window(ngx_http_llm_query_t *query,
    llm_str_t name, llm_str_t value);
static ngx_int_t ngx_http_llm_query_merge(ngx_http_llm_query_t *query,
    llm_str_t name, llm_str_t value);
static ngx_int_t ngx_http_llm_query_match(ngx_http_llm_query_t *query,
    llm_str_t name, llm_str_t value);
static ngx_int_t ngx_http_llm_query_label(ngx_http_llm_query_t *query,
    llm_str_t name);
static llm_str_t ngx_http_llm_query_format_word(ngx_http_llm_query_t *query,
    ngx_uint_t n);
static llm_str_t ngx_http_llm_query_window_word(ngx_http_llm_query_t *query,
    ngx_uint_t n);
static llm_str_t ngx_http_llm_query_label_word(ngx_http_llm_query_t *query,
    ngx_uint_t n);
static ngx_uint_t ngx_http_llm_query_accept(ngx_http_request_t *r);
static void ngx_http_llm_query_range(llm_str_t range, ngx_uint_t *best,
    ngx_uint_t *format);
static ngx_uint_t ngx_http_llm_query_weight(llm_str_t q);
static llm_str_t ngx_http_llm_query_trim(llm_str_t s);


static const ngx_http_llm_argument_t  ngx_http_llm_arguments[] = {
    { llm_string("format"), 0, ngx_http_llm_query_format,
      ngx_http_llm_query_format_word },
    { llm_string("window"), 0, ngx_http_llm_query_window,
      ngx_http_llm_query_window_word },
    { llm_string("by"), 0, ngx_http_llm_query_merge,
      ngx_http_llm_query_label_word },
    { llm_string("l."), 1, ngx_http_llm_query_match,
      ngx_http_llm_query_label_word }
};


static const llm_str_t  ngx_http_llm_formats[] = {
    llm_string("auto"), llm_string("json"), llm_string("prometheus")
};


ngx_int_t
ngx_http_llm_query_read(ngx_http_request_t *r, ngx_http_llm_query_t *query,
    ngx_uint_t format, llm_str_t by)
{
    ngx_int_t   rc;
    ngx_uint_t  accept;

    query->only = format;
    query->format = format;
    query->window = -1;

    if (ngx_array_init(&query->matches, r->pool, 2,
                       sizeof(ngx_http_llm_match_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the location's own list was checked with the configuration */

    (void) ngx_http_llm_query_by(query, by);

    rc = ngx_http_llm_query_args(r, query);
    if (rc != NGX_OK) {
        return rc;
    }

    if (query->format != NGX_HTTP_LLM_JSON) {
        accept = ngx_http_llm_query_accept(r);

        if (query->format == NGX_HTTP_LLM_AUTO
            || accept == NGX_HTTP_LLM_OPENMETRICS)
        {
            query->format = accept;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_query_args(ngx_http_request_t *r, ngx_http_llm_query_t *query)
{
    ngx_int_t  rc;
    llm_str_t  rest, name, value;

    rest.data = r->args.data;
    rest.len = r->args.len;

    while (rest.len) {
        value = ngx_http_llm_query_cut(&rest, '&');
        name = ngx_http_llm_query_cut(&value, '=');

        if (ngx_http_llm_query_decode(r->pool, &name) != NGX_OK
            || ngx_http_llm_query_decode(r->pool, &value) != NGX_OK)
        {
            return NGX_ERROR;
        }

        rc = ngx_http_llm_query_arg(query, name, value);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_query_arg(ngx_http_llm_query_t *query, llm_str_t name,
    llm_str_t value)
{
    size_t                          i;
    ngx_int_t                       rc;
    const ngx_http_llm_argument_t  *arg;

    for (i = 0; i < sizeof(ngx_http_llm_arguments)
                    / sizeof(ngx_http_llm_arguments[0]); i++)
    {
        arg = &ngx_http_llm_arguments[i];

        if (name.len < arg->name.len
            || (name.len > arg->name.len && !arg->prefix)
            || ngx_memcmp(name.data, arg->name.data, arg->name.len) != 0)
        {
            continue;
        }

        name.data += arg->name.len;
        name.len -= arg->name.len;

        rc = arg->read(query, name, value);

        if (rc == NGX_DECLINED) {
            query->wrong = arg;
        }

        return rc;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_query_decode(ngx_pool_t *pool, llm_str_t *s)
{
    u_char  *src, *dst, *start;

    if (memchr(s->data, '%', s->len) == NULL) {
        return NGX_OK;
    }

    start = ngx_pnalloc(pool, s->len);
    if (start == NULL) {
        return NGX_ERROR;
    }

    src = (u_char *) s->data;
    dst = start;

    ngx_unescape_uri(&dst, &src, s->len, 0);

    s->data = start;
    s->len = dst - start;

    return NGX_OK;
}


/* What stands before the separator; the rest is what stands behind it. */

static llm_str_t
ngx_http_llm_query_cut(llm_str_t *rest, u_char separator)
{
    llm_str_t       part;
    const uint8_t  *p;

    part = *rest;

    p = rest->len ? memchr(rest->data, separator, rest->len) : NULL;

    if (p == NULL) {
        rest->data += rest->len;
        rest->len = 0;
        return part;
    }

    part.len = p - part.data;
    rest->data = p + 1;
    rest->len -= part.len + 1;

    return part;
}


static ngx_int_t
ngx_http_llm_query_format(ngx_http_llm_query_t *query, llm_str_t name,
    llm_str_t value)
{
    llm_str_t   word;
    ngx_uint_t  i;

    for (i = NGX_HTTP_LLM_JSON; i <= NGX_HTTP_LLM_PROMETHEUS; i++) {
        word = ngx_http_llm_formats[i];

        if (llm_str_eq(value, (const char *) word.data, word.len)
            && (query->only == NGX_HTTP_LLM_AUTO || query->only == i))
        {
            query->format = i;
            return NGX_OK;
        }
    }

    query->value = value;
    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_llm_query_window(ngx_http_llm_query_t *query, llm_str_t name,
    llm_str_t value)
{
    ngx_uint_t  i;

    if (value.len == 0) {
        return NGX_OK;
    }

    for (i = 0; i < query->nwindows; i++) {

        if (llm_str_eq(value, query->windows[i],
                       ngx_strlen(query->windows[i])))
        {
            query->window = i;
            return NGX_OK;
        }
    }

    query->value = value;
    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_llm_query_merge(ngx_http_llm_query_t *query, llm_str_t name,
    llm_str_t value)
{
    return ngx_http_llm_query_by(query, value);
}


static ngx_int_t
ngx_http_llm_query_match(ngx_http_llm_query_t *query, llm_str_t name,
    llm_str_t value)
{
    ngx_int_t              label;
    ngx_http_llm_match_t  *match;

    label = ngx_http_llm_query_label(query, name);

    if (label == NGX_DECLINED) {
        query->value = name;
        return NGX_DECLINED;
    }

    match = ngx_array_push(&query->matches);
    if (match == NULL) {
        return NGX_ERROR;
    }

    match->label = label;
    match->value = value;

    return NGX_OK;
}


/* Series keep the order of their labels, whatever the order asked for. */

ngx_int_t
ngx_http_llm_query_by(ngx_http_llm_query_t *query, llm_str_t list)
{
    u_char      asked[NGX_HTTP_LLM_QUERY_LABELS];
    llm_str_t   name;
    ngx_int_t   label;
    ngx_uint_t  i;

    if (list.len == 0) {
        return NGX_OK;
    }

    ngx_memzero(asked, sizeof(asked));

    while (list.len) {
        name = ngx_http_llm_query_cut(&list, ',');
        label = ngx_http_llm_query_label(query, name);

        if (label == NGX_DECLINED) {
            query->value = name;
            return NGX_DECLINED;
        }

        asked[label] = 1;
    }

    query->nby = 0;

    for (i = 0; i < query->nlabels; i++) {
        if (asked[i]) {
            query->by[query->nby++] = (uint8_t) i;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_query_label(ngx_http_llm_query_t *query, llm_str_t name)
{
    ngx_uint_t  i;

    for (i = 0; i < query->nlabels && i < NGX_HTTP_LLM_QUERY_LABELS; i++) {

        if (name.len == query->labels[i].len
            && ngx_memcmp(name.data, query->labels[i].data, name.len) == 0)
        {
            return i;
        }
    }

    return NGX_DECLINED;
}


static llm_str_t
ngx_http_llm_query_format_word(ngx_http_llm_query_t *query, ngx_uint_t n)
{
    llm_str_t  none = llm_string("");

    if (query->only != NGX_HTTP_LLM_AUTO) {
        return n ? none : ngx_http_llm_formats[query->only];
    }

    n += NGX_HTTP_LLM_JSON;

    return n > NGX_HTTP_LLM_PROMETHEUS ? none : ngx_http_llm_formats[n];
}


static llm_str_t
ngx_http_llm_query_window_word(ngx_http_llm_query_t *query, ngx_uint_t n)
{
    llm_str_t  word = llm_string("");

    if (n < query->nwindows) {
        word.data = (const uint8_t *) query->windows[n];
        word.len = ngx_strlen(query->windows[n]);
    }

    return word;
}


static llm_str_t
ngx_http_llm_query_label_word(ngx_http_llm_query_t *query, ngx_uint_t n)
{
    llm_str_t  none = llm_string("");

    return n < query->nlabels ? query->labels[n] : none;
}


void
ngx_http_llm_query_error(ngx_http_llm_query_t *query,
    ngx_http_llm_out_t *out)
{
    llm_str_t                       word;
    ngx_uint_t                      n;
    const ngx_http_llm_argument_t  *arg;

    arg = query->wrong;

    ngx_http_llm_out_lit(out, "{\"error\":{\"message\":"
                              "\"argument not understood\",\"argument\":\"");
    ngx_http_llm_out_json(out, arg->name);
    ngx_http_llm_out_text(out, arg->prefix ? "NAME" : "");
    ngx_http_llm_out_lit(out, "\",\"value\":\"");
    ngx_http_llm_out_json(out, query->value);
    ngx_http_llm_out_lit(out, "\",\"allowed\":[");

    for (n = 0; (word = arg->word(query, n)).len; n++) {
        ngx_http_llm_out_text(out, n ? ",\"" : "\"");
        ngx_http_llm_out_json(out, word);
        ngx_http_llm_out_lit(out, "\"");
    }

    ngx_http_llm_out_lit(out, "]}}\n");
}


/* The header may come in several lines; the first of the heaviest wins. */

static ngx_uint_t
ngx_http_llm_query_accept(ngx_http_request_t *r)
{
    llm_str_t         rest;
    ngx_uint_t        i, best, format;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    best = 0;
    format = NGX_HTTP_LLM_JSON;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != sizeof("Accept") - 1
                || ngx_strncasecmp(h[i].key.data, (u_char *) "Accept",
                                   sizeof("Accept") - 1)
                   != 0)
            {
                continue;
            }

            rest.data = h[i].value.data;
            rest.len = h[i].value.len;

            while (rest.len) {
                ngx_http_llm_query_range(ngx_http_llm_query_cut(&rest, ','),
                                         &best, &format);
            }
        }
    }

    return format;
}


static void
ngx_http_llm_query_range(llm_str_t range, ngx_uint_t *best,
    ngx_uint_t *format)
{
    llm_str_t   type, param, name, version;
    ngx_uint_t  weight, kind;

    type = ngx_http_llm_query_trim(ngx_http_llm_query_cut(&range, ';'));

    version.data = NULL;
    version.len = 0;
    weight = 1000;

    while (range.len) {
        param = ngx_http_llm_query_cut(&range, ';');
        name = ngx_http_llm_query_trim(ngx_http_llm_query_cut(&param, '='));
        param = ngx_http_llm_query_trim(param);

        if (llm_str_is(name, "q")) {
            weight = ngx_http_llm_query_weight(param);

        } else if (llm_str_is(name, "version")) {
            version = param;
        }
    }

    if (llm_str_is(type, "application/openmetrics-text")) {
        kind = (version.len == 0 || llm_str_is(version, "1.0.0"))
               ? NGX_HTTP_LLM_OPENMETRICS : NGX_HTTP_LLM_PROMETHEUS;

    } else if (llm_str_is(type, "text/plain") && version.len) {
        kind = NGX_HTTP_LLM_PROMETHEUS;

    } else if (llm_str_is(type, "application/json")
               || llm_str_is(type, "application/*")
               || llm_str_is(type, "text/html")
               || llm_str_is(type, "*/*"))
    {
        kind = NGX_HTTP_LLM_JSON;

    } else {
        return;
    }

    if (weight > *best) {
        *best = weight;
        *format = kind;
    }
}


/* "0.75" is 750; what is not a weight is none. */

static ngx_uint_t
ngx_http_llm_query_weight(llm_str_t q)
{
    ngx_int_t  n;

    n = ngx_atofp((u_char *) q.data, q.len, 3);

    return (n == NGX_ERROR || n > 1000) ? 0 : n;
}


/* Without white space and quotes around. */

static llm_str_t
ngx_http_llm_query_trim(llm_str_t s)
{
    while (s.len && ngx_strchr(" \t\"", s.data[0])) {
        s.data++;
        s.len--;
    }

    while (s.len && ngx_strchr(" \t\"", s.data[s.len - 1])) {
        s.len--;
    }

    return s;
}
