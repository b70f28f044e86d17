
/*
 * Copyright (C) ngx_llm_module authors
 *
 * All texts that can be written with so many tokens of an alphabet, against
 * the grammar of RFC 8259 as a parser of recursive functions has it.  The
 * scanner accepts what the grammar does and nothing else; lines are values
 * with white space between them, and an array is what the grammar says is
 * one.  An alphabet for each part of the grammar: structure, numbers, strings,
 * literals and white space.
 */


#include "llm_values.h"
#include "tap.h"


/* The grammar.  Each returns where what it reads ends, or NULL. */

static const char *value(const char *p, const char *e);


static const char *
space(const char *p, const char *e)
{
    while (p < e && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
        p++;
    }

    return p;
}


static const char *
literal(const char *p, const char *e, const char *s)
{
    size_t  len;

    len = strlen(s);

    return ((size_t) (e - p) >= len && memcmp(p, s, len) == 0) ? p + len
                                                               : NULL;
}


static const char *
digits(const char *p, const char *e)
{
    const char  *b;

    for (b = p; p < e && *p >= '0' && *p <= '9'; p++) { /* void */ }

    return (p > b) ? p : NULL;
}


static const char *
number(const char *p, const char *e)
{
    if (p < e && *p == '-') {
        p++;
    }

    if (p < e && *p == '0') {
        p++;

    } else {
        p = digits(p, e);
    }

    if (p && p < e && *p == '.') {
        p = digits(p + 1, e);
    }

    if (p && p < e && (*p == 'e' || *p == 'E')) {
        p++;

        if (p < e && (*p == '+' || *p == '-')) {
            p++;
        }

        p = digits(p, e);
    }

    return p;
}


static const char *
string(const char *p, const char *e)
{
    int  i;

    for (p++; p < e; p++) {

        if (*p == '"') {
            return p + 1;
        }

        if ((unsigned char) *p < 0x20) {
            return NULL;
        }

        if (*p != '\\') {
            continue;
        }

        if (++p == e || !*p || !strchr("\"\\/bfnrtu", *p)) {
            return NULL;
        }

        if (*p == 'u') {
            for (i = 0; i < 4; i++) {
                if (++p == e || !*p
                    || !strchr("0123456789abcdefABCDEF", *p))
                {
                    return NULL;
                }
            }
        }
    }

    return NULL;
}


/* Members or elements, at the bracket that opens. */

static const char *
container(const char *p, const char *e, char close)
{
    p = space(p + 1, e);

    if (p < e && *p == close) {
        return p + 1;
    }

    for ( ;; ) {

        if (close == '}') {

            if (p == e || *p != '"' || (p = string(p, e)) == NULL) {
                return NULL;
            }

            p = space(p, e);

            if (p == e || *p != ':') {
                return NULL;
            }

            p = space(p + 1, e);
        }

        p = value(p, e);

        if (p == NULL) {
            return NULL;
        }

        p = space(p, e);

        if (p == e || (*p != ',' && *p != close)) {
            return NULL;
        }

        if (*p == close) {
            return p + 1;
        }

        p = space(p + 1, e);
    }
}


static const char *
value(const char *p, const char *e)
{
    if (p == e) {
        return NULL;
    }

    switch (*p) {
    case '{':
        return container(p, e, '}');
    case '[':
        return container(p, e, ']');
    case '"':
        return string(p, e);
    case 't':
        return literal(p, e, "true");
    case 'f':
        return literal(p, e, "false");
    case 'n':
        return literal(p, e, "null");
    default:
        return number(p, e);
    }
}


static int
is_json(const char *p, const char *e)
{
    p = value(space(p, e), e);

    return p && space(p, e) == e;
}


static int
is_lines(const char *p, const char *e)
{
    const char  *q;

    for (p = space(p, e); p < e; p = space(q, e)) {
        q = value(p, e);

        if (q == NULL || (q < e && space(q, e) == q)) {
            return 0;
        }
    }

    return 1;
}


static int
is_array(const char *p, const char *e)
{
    p = space(p, e);

    return p < e && *p == '[' && is_json(p, e);
}


/* The scanner, with places in the table and without. */

static llm_json_table_t  places, nowhere;


static void
sink(void *data, const llm_json_event_t *ev)
{
    uint64_t  *sum = data;

    /* all of the text is there */

    *sum += ev->text.len ? ev->text.data[0] + ev->text.data[ev->text.len - 1]
                         : 1;
}


static void
begin(void *ctx)
{
    (void) ctx;
}


static void
event(void *ctx, int good)
{
    (void) ctx;
    (void) good;
}


static const llm_values_handler_t  handler = {
    .begin = begin,
    .event = event
};


static int
scan(const llm_json_table_t *t, const uint8_t *p, size_t len, size_t piece)
{
    size_t      n;
    uint64_t    sum;
    llm_json_t  s;

    sum = 0;
    llm_json_init(&s, t, sink, &sum);

    for ( /* void */ ; len; p += n, len -= n) {
        n = llm_min(piece, len);
        (void) llm_json_feed(&s, p, n);
    }

    return llm_json_end(&s) == LLM_JSON_OK;
}


static int
scan_values(int array, const uint8_t *p, size_t len, size_t piece)
{
    size_t        n;
    uint64_t      sum;
    llm_json_t    s;
    llm_values_t  v;

    sum = 0;
    llm_json_init(&s, &places, sink, &sum);
    llm_values_init(&v, array);

    for ( /* void */ ; len; p += n, len -= n) {
        n = llm_min(piece, len);
        llm_values_feed(&v, &s, p, n, &handler, NULL);
    }

    llm_values_end(&v, &s, &handler, NULL);

    return llm_values_whole(&v) && !llm_values_broken(&v);
}


/* Members behind a text: without them no key would lie far enough from the
   end of the buffer for the fast path to read it. */

#define MORE  ",\"b\":1,\"list\":[],\"a\":\"some text\"}"


typedef struct {
    const char        *what;
    const char        *before;   /* of the text, and behind it */
    const char        *after;
    const char *const *token;
    size_t             max;      /* tokens a text */
    size_t             proof;
} alphabet_t;


typedef struct {
    const alphabet_t  *alphabet;
    uint64_t           texts;
    uint64_t           json;
    uint64_t           lines;
    uint64_t           arrays;
    uint64_t           wrong;
    char               text[256];
} walk_t;


static void
judge(walk_t *w, size_t len)
{
    int             json, lines, array, i, bad;
    uint8_t        *p;
    const char     *e;

    static const size_t  pieces[] = { 256, 1, 3 };

    strcpy(w->text + len, w->alphabet->after);
    len += strlen(w->alphabet->after);
    e = w->text + len;

    json = is_json(w->text, e);
    lines = is_lines(w->text, e);
    array = is_array(w->text, e);

    w->texts++;
    w->json += json;
    w->lines += lines;
    w->arrays += array;

    /* no byte behind the text may be read */

    p = malloc(len + 1);
    CHECK(p != NULL);
    memcpy(p + 1, w->text, len);
    bad = 0;

    for (i = 0; i < 3; i++) {
        bad |= scan(&places, p + 1, len, pieces[i]) != json;
        bad |= scan(&nowhere, p + 1, len, pieces[i]) != json;
        bad |= scan_values(0, p + 1, len, pieces[i]) != lines;
        bad |= scan_values(1, p + 1, len, pieces[i]) != array;
    }

    free(p);

    if (bad && w->wrong++ < 20) {
        printf("# %d%d%d %s\n", json, lines, array, w->text);
    }
}


static void
walk(walk_t *w, size_t len, size_t left)
{
    size_t              n;
    const char *const  *t;

    judge(w, len);

    if (left == 0) {
        return;
    }

    for (t = w->alphabet->token; *t; t++) {
        n = strlen(*t);
        memcpy(w->text + len, *t, n);
        walk(w, len + n, left - 1);
    }
}


static const char *const  structure[] = {
    "{", "}", "[", "]", ",", ":", "\"a\"", "1", "true", "\n", NULL
};

static const char *const  members[] = {
    "\"a\":", "\"list\":", "{", "}", "[", "]", ",", "\"b\"", "2", NULL
};

static const char *const  numbers[] = {
    "0", "1", "9", "-", "+", ".", "e", "E", " ", NULL
};

static const char *const  strings[] = {
    "\"", "\\", "u", "0", "f", "g", "a", "\n", "\x1f", "\x7f", "\xe9", "\xc3",
    "D8", NULL
};

static const char *const  codes[] = {
    "\\u", "0", "9", "a", "F", "g", "G", "/", ":", "`", "@", "\\", "\"", NULL
};

static const char *const  letters[] = {
    "t", "r", "u", "e", "n", "l", "T", " ", ",", NULL
};

static const char *const  spaces[] = {
    " ", "\t", "\r", "\n", "\v", "\f", "\x1f", "\xa0", "1", "[", "]", ",",
    NULL
};


static const alphabet_t  alphabets[] = {
    { "structure", "", "", structure, 5, 7 },
    { "structure in an object", "{\"a\":", MORE, structure, 5, 6 },
    { "structure in an array", "[", "]", structure, 5, 6 },
    { "members", "{\"list\":[{", "}]" MORE, members, 5, 6 },
    { "numbers", "", "", numbers, 5, 7 },
    { "numbers in an object", "{\"a\":", MORE, numbers, 5, 6 },
    { "numbers in an array", "[", "]", numbers, 5, 6 },
    { "strings", "\"", "\"", strings, 4, 6 },
    { "strings in an object", "{\"a\":\"", "\"" MORE, strings, 4, 5 },
    { "keys", "{\"", "\":1" MORE, strings, 4, 5 },
    { "digits of an escape", "\"", "\"", codes, 5, 6 },
    { "digits of an escape in a key", "{\"\\u", "\":\"\"" MORE, codes, 4, 5 },
    { "literals", "", "", letters, 5, 7 },
    { "literals in an object", "{\"a\":", MORE, letters, 5, 6 },
    { "literals in an array", "[", "]", letters, 5, 6 },
    { "white space", "", "", spaces, 4, 6 },
    { "white space in an object", "{", "\"a\":1" MORE, spaces, 4, 5 }
};


int
main(void)
{
    size_t             i;
    walk_t             w;
    const alphabet_t  *a;

    static const llm_json_row_t  rows[] = {
        { "a", 1, LLM_JSON_F_OPEN|LLM_JSON_F_CLOSE|LLM_JSON_F_TEXT },
        { "a.a", 2, 0 },
        { "b", 3, 0 },
        { "list[]", 4, LLM_JSON_F_OPEN|LLM_JSON_F_CLOSE },
        { "list[].a", 5, 0 },
        { "list[].list[].a", 6, LLM_JSON_F_TEXT },
        { "[]", 7, LLM_JSON_F_OPEN|LLM_JSON_F_CLOSE },
        { "[].a", 8, 0 },
        { "[][]", 9, LLM_JSON_F_TEXT }
    };

    CHECK(llm_json_compile(&places, rows, sizeof(rows) / sizeof(rows[0]))
          == LLM_JSON_OK);
    CHECK(llm_json_compile(&nowhere, rows, 0) == LLM_JSON_OK);

    for (i = 0; i < sizeof(alphabets) / sizeof(alphabets[0]); i++) {
        a = &alphabets[i];

        memset(&w, 0, sizeof(w));
        w.alphabet = a;
        strcpy(w.text, a->before);
        walk(&w, strlen(a->before), getenv("LLM_PROOF") ? a->proof : a->max);

        ok(w.wrong == 0 && w.json,
           "%s: %llu texts, %llu JSON, %llu lines, %llu arrays, %llu wrong",
           a->what, (unsigned long long) w.texts, (unsigned long long) w.json,
           (unsigned long long) w.lines, (unsigned long long) w.arrays,
           (unsigned long long) w.wrong);
    }

    return tap_done();
}
