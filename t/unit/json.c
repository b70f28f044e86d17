
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The scanner: what is JSON and what is not, with the choices that RFC 8259
 * leaves open, each text whole, byte by byte and split at random, built with
 * vector instructions and without; what events say and where values lie;
 * tables, odd keys, limits.
 */


#include "json_log.h"
#include "json_texts.h"


#define SPLITS  40

#define T  LLM_JSON_F_TEXT
#define O  LLM_JSON_F_OPEN
#define C  LLM_JSON_F_CLOSE


enum {
    ANY = 1, ITEM, A, A_B, A_TEXT, LIST, LIST_NAME, LIST_TEXT, DEEP, MODEL,
    UP, N_ITEM, ONLY, ROOT
};

static const llm_json_row_t  rows[] = {
    { "[]", ITEM, O|C },
    { "[].name", LIST_NAME, 0 },
    { "[][]", N_ITEM, T },
    { "a", A, O|C },
    { "a.b", A_B, 0 },
    { "a.t", A_TEXT, T },
    { "a.*", ANY, 0 },
    { "list[]", LIST, O },
    { "list[].name", LIST_NAME, 0 },
    { "list[].t", LIST_TEXT, T },
    { "x.x.x.x.x.x.x.x", DEEP, 0 },
    { "model", MODEL, 0 },
    { "only", ONLY, LLM_JSON_F_STRING },
    { "temperature_of_the_room", UP, 0 }
};


static llm_json_table_t  table, strict;


static const cut_t  whole = { CUT_WHOLE, 0, NULL, 0, 0 };


/* All cuts and both builds of a text must say what the first says, whether it
   is read to its end or to the value's. */

static int
same(const llm_json_table_t *t, const uint8_t *p, size_t len, json_log_t *log)
{
    int         i, good;
    cut_t       cut;
    json_log_t  other;

    json_log_read(log, &json_vector, t, whole, p, len);

    good = 1;

    for (i = 0; i < 4 * (SPLITS + 2); i++) {
        memset(&cut, 0, sizeof(cut));
        cut.how = (i / 4 == 0) ? CUT_WHOLE : (i / 4 == 1) ? CUT_BYTES
                                                          : CUT_RANDOM;
        cut.seed = i / 4;

        (i & 2 ? json_log_read_value : json_log_read)
            (&other, i & 1 ? &json_scalar : &json_vector, t, cut, p, len);

        if (!bytes_same(&log->out, &other.out)) {
            printf("# %.*s: cut %d, %s, %s, reads otherwise\n",
                   (int) llm_min(len, 60), (const char *) p, i / 4,
                   i & 1 ? "portable" : "vector", i & 2 ? "value" : "text");
            good = 0;
        }

        json_log_free(&other);
    }

    return good;
}


static void
test_texts(void)
{
    size_t         i, accepted;
    json_log_t     log;
    const text_t  *t;

    accepted = 0;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        t = &texts[i];

        ok(same(&table, (const uint8_t *) t->text, t->len, &log),
           "text %zu: one reading however cut", i);
        ok(log.accepted == t->accept, "text %zu is %s: %s", i,
           t->accept ? "JSON" : "no JSON", t->why ? t->why : "the RFC");

        accepted += log.accepted;
        json_log_free(&log);
    }

    printf("# %zu texts, %zu accepted\n", i, accepted);
}


/* Texts again, each in places that have rows, where the fast path reads. */

static void
test_nested(void)
{
    char           text[512];
    size_t         i, k, n, bad, wrong;
    json_log_t     log;
    const text_t  *t;

    static const char *const  around[] = {
        "{\"a\":%s}", "{\"zzzzzz\":1,\"a\":{\"t\":%s,\"b\":1}}",
        "{\"list\":[{\"name\":%s},{\"t\":%s}],\"model\":\"x\"}",
        "[%s,%s]", "{\"only\":%s,\"unknown\":%s,\"model\":%s}"
    };

    bad = 0;
    wrong = 0;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        t = &texts[i];

        if (memchr(t->text, '\0', t->len)
            || strpbrk(t->text, "]}") || t->len == 0 || t->text[0] == ' '
            || strchr(t->text, ','))
        {
            continue;
        }

        for (k = 0; k < sizeof(around) / sizeof(around[0]); k++) {
            n = snprintf(text, sizeof(text), around[k], t->text, t->text,
                         t->text);
            CHECK(n < sizeof(text));

            bad += !same(&table, (uint8_t *) text, n, &log);

            /* what opens and does not end may end with what is around */

            if (log.accepted != t->accept && t->text[0] != '"'
                && t->text[0] != '{' && t->text[0] != '[')
            {
                printf("# %s\n", text);
                wrong++;
            }

            json_log_free(&log);
        }
    }

    ok(bad == 0, "texts as values: one reading however cut");
    ok(wrong == 0, "texts as values: accepted where they are JSON");
}


/* Events, spelt out. */

typedef struct {
    const char  *name;
    const char  *text;
    size_t       len;
    const char  *events;         /* type slot start end flags text key; */
} said_t;


static void
spell(const json_log_t *log, bytes_t *to)
{
    char                  line[64];
    size_t                n;
    json_record_t         r;
    const uint8_t        *p;
    static const char     types[] = "snTFN{[)";

    p = log->out.data;

    for (n = 0; n < log->events; n++) {
        memcpy(&r, p, sizeof(r));
        p += sizeof(r);

        bytes_put(to, line, snprintf(line, sizeof(line), "%c%u@%u-%u%s%s%s%s ",
                                     types[r.type], r.slot,
                                     (unsigned) r.start, (unsigned) r.end,
                                     r.flags & LLM_JSON_E_CUT ? "c" : "",
                                     r.flags & LLM_JSON_E_ESCKEY ? "e" : "",
                                     r.flags & LLM_JSON_E_TWIN ? "t" : "",
                                     r.flags & LLM_JSON_E_BADESC ? "b" : ""));
        bytes_put(to, p, r.text_len);
        bytes_put(to, "/", 1);
        bytes_put(to, p + r.text_len, r.key_len);
        bytes_put(to, ";", 1);
        p += r.text_len + r.key_len;
    }
}


static void
test_said(const char *what, const llm_json_table_t *t, const char *text,
    size_t len, const char *want)
{
    bytes_t     said;
    json_log_t  log;

    memset(&said, 0, sizeof(said));

    ok(same(t, (const uint8_t *) text, len, &log), "%s: one reading", what);
    spell(&log, &said);

    if (said.len != strlen(want)
        || (said.len && memcmp(said.data, want, said.len) != 0))
    {
        printf("# said %.*s\n# want %s\n", (int) said.len,
               (char *) said.data, want);
        ok(0, "%s", what);

    } else {
        ok(1, "%s", what);
    }

    json_log_free(&log);
    bytes_free(&said);
}


#define SAID(what, text, want)                                                \
    test_said(what, &table, text, sizeof(text) - 1, want)
#define STRICT(what, text, want)                                              \
    test_said(what, &strict, text, sizeof(text) - 1, want)


static void
test_events(void)
{
    SAID("a string", "{\"model\":\"gpt\"}", "s10@9-14 gpt/;");
    SAID("a number, as written", "{\"model\": -1.50e+2 }",
         "n10@10-18 -1.50e+2/;");
    SAID("a number at the end of the text", " 12", "");
    SAID("literals", "{\"model\":true,\"a\":{\"b\":false,\"c\":null}}",
         "T10@9-13 /;{3@18-18 /;F4@23-28 /;N1@33-37 /c;)3@37-38 /;");
    SAID("an array's elements",
         "[1,\"x\",[\"y\"],{\"name\":2}]",
         "n2@1-2 1/;s2@3-6 x/;[2@7-7 /;s12@8-11 y/;)2@11-12 /;{2@13-13 /;"
         "n7@21-22 2/;)2@22-23 /;");
    SAID("other keys are skipped, with all that is in them",
         "{\"b\":{\"model\":1,\"a\":[{\"b\":2}]},\"model\":3}",
         "n10@39-40 3/;");
    SAID("\"*\" takes what no sibling names",
         "{\"a\":{\"q\":\"1\",\"b\":\"2\",\"\":\"3\"}}",
         "{3@5-5 /;s1@10-13 1/q;s4@18-21 2/;s1@25-28 3/;)3@28-29 /;");
    SAID("text, decoded",
         "{\"a\":{\"t\":\"x\\n\\u00e9\\uD83D\\uDE00y\"}}",
         "{3@5-5 /;s5@10-34 x\n\xc3\xa9\xf0\x9f\x98\x80y/;)3@34-35 /;");
    SAID("a lone surrogate", "{\"model\":\"\\uD83Dx\"}",
         "s10@9-18b \xef\xbf\xbdx/;");
    SAID("keys with escapes are compared decoded",
         "{\"m\\u006fdel\":1,\"\\u0061\":{\"\\u0062\":2}}",
         "n10@14-15e 1/;{3@25-25e /;n4@35-36e 2/;)3@36-37 /;");
    SAID("a twin is no match of a table that is not strict",
         "{\"Model\":1,\"MODEL\":2}", "");
    SAID("only strings",
         "{\"only\":1,\"only\":null,\"only\":{},\"only\":\"s\"}",
         "s13@39-42 s/;");
    SAID("a row of eight levels",
         "{\"x\":{\"x\":{\"x\":{\"x\":{\"x\":{\"x\":{\"x\":{\"x\":7,\"x\":8}}"
         "}}}}}}", "n9@40-41 7/;n9@46-47 8/;");
    SAID("a container where a scalar is meant", "{\"model\":{\"b\":[1]}}", "");
    SAID("elements of elements", "{\"list\":[{\"name\":\"a\",\"t\":\"b\"},"
         "{\"t\":\"\"}]}",
         "{6@9-9 /;s7@17-20 a/;s8@25-28 b/;{6@30-30 /;s8@35-37 /;");

    STRICT("twins", "{\"Model\":1,\"MODEL\":\"x\",\"model\":2,\"modeI\":3}",
           "n10@9-10t 1/;s10@19-22t x/;n10@31-32 2/;");
    STRICT("a twin with escapes", "{\"M\\u006fdel\":1}", "n10@14-15et 1/;");
    STRICT("a twin of a long key",
           "{\"Temperature_Of_The_Room\":1,\"temperature_of_the_roof\":2}",
           "n11@27-28t 1/;");
    STRICT("a twin that opens", "{\"A\":{\"B\":1}}",
           "{3@5-5t /;n4@10-11t 1/;)3@11-12 /;");
}


/* Lengths around what is kept, and around the steps of the searches. */

static void
test_lengths(void)
{
    int         bad, shape;
    size_t      n, len;
    char       *text;
    json_log_t  log;

    static const char *const  shapes[] = {
        "{\"model\":\"%s\",\"a\":1}", "{\"a\":{\"t\":\"%s\"},\"model\":2}",
        "{\"%s\":\"x\",\"model\":3}", "{\"a\":{\"%s\":1}}",
        "{\"a\":{\"t\":\"\\n%s\\n\"}}", "{\"model\":1%s}", "[\"%s\",[\"%s\"]]"
    };

    bad = 0;

    for (n = 0; n < 300; n += (n < 150 ? 1 : 17)) {
        text = malloc(n + 1);
        CHECK(text != NULL);
        memset(text, '7', n);
        text[n] = '\0';

        for (shape = 0; shape < 7; shape++) {
            char  all[1024];

            len = snprintf(all, sizeof(all), shapes[shape], text, text);
            CHECK(len < sizeof(all));

            bad += !same(&table, (uint8_t *) all, len, &log) || !log.accepted;
            json_log_free(&log);
        }

        free(text);
    }

    ok(bad == 0, "lengths 0 .. 300 of values and keys: one reading");
}


static void
test_cut_short(void)
{
    int          bad, wrong;
    size_t       n, len;
    json_log_t   log;

    static const char  text[] =
        "{\"model\":\"g\\u0041pt\",\"a\":{\"b\":-1.5e3,\"t\":\"text \\uD83D"
        "\\uDE00 that is longer than thirty two bytes, to be sure\"},"
        "\"list\":[{\"name\":true},null]}";

    bad = 0;
    wrong = 0;
    len = sizeof(text) - 1;

    for (n = 0; n <= len; n++) {
        bad += !same(&table, (const uint8_t *) text, n, &log);
        wrong += log.accepted != (n == len);
        json_log_free(&log);
    }

    ok(bad == 0, "a text cut at every byte: one reading");
    ok(wrong == 0, "and JSON only when it is whole");
}


static void
test_depth(void)
{
    size_t      n, depth;
    char       *text;
    json_log_t  log;

    for (depth = LLM_JSON_DEPTH - 1; depth <= LLM_JSON_DEPTH + 1; depth++) {
        text = malloc(depth * 8);
        CHECK(text != NULL);

        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        ok(same(&table, (uint8_t *) text, depth * 2, &log)
           && log.accepted == (depth <= LLM_JSON_DEPTH), "%zu arrays", depth);
        json_log_free(&log);

        for (n = 0; n < depth; n++) {
            memcpy(text + n * 5, "{\"x\":", 5);
        }

        text[n * 5] = '1';
        memset(text + n * 5 + 1, '}', depth);
        ok(same(&table, (uint8_t *) text, depth * 6 + 1, &log)
           && log.accepted == (depth <= LLM_JSON_DEPTH), "%zu objects",
           depth);
        json_log_free(&log);
        free(text);
    }
}


static void
test_tables(void)
{
    size_t                  i;
    static char             names[LLM_JSON_NODES][8];
    static llm_json_row_t   many[LLM_JSON_NODES];
    static llm_json_table_t t;

    static const llm_json_row_t  deep = { "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a",
                                          1, 0 };
    static const llm_json_row_t  deeper = {
        "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a", 1, 0 };
    static const llm_json_row_t  key63 = { "123456789012345678901234567890"
        "123456789012345678901234567890123", 1, 0 };
    static const llm_json_row_t  key64 = { "123456789012345678901234567890"
        "1234567890123456789012345678901234", 1, 0 };

    ok(llm_json_compile(&t, &deep, 1) == LLM_JSON_OK, "16 levels");
    ok(llm_json_compile(&t, &deeper, 1) == LLM_JSON_ERROR, "17 levels");
    ok(llm_json_compile(&t, &key63, 1) == LLM_JSON_OK, "a key of 63 bytes");
    ok(llm_json_compile(&t, &key64, 1) == LLM_JSON_ERROR, "of 64");

    for (i = 0; i < LLM_JSON_NODES; i++) {
        snprintf(names[i], sizeof(names[i]), "k%zu", i);
        many[i].path = names[i];
        many[i].slot = 1;
    }

    ok(llm_json_compile(&t, many, LLM_JSON_NODES - 2) == LLM_JSON_OK,
       "as many nodes as fit");
    ok(llm_json_compile(&t, many, LLM_JSON_NODES - 1) == LLM_JSON_ERROR,
       "one more");
}


/* Where the reading of one value ends. */

typedef struct {
    const char  *text;
    size_t       end;
    char         how;            /* c: complete, f: failed, m: more is needed,
                                    n: more, and the end would do */
} ends_t;


static const ends_t  ends[] = {
    { "", 0, 'm' }, { " ", 1, 'm' }, { "{", 1, 'm' }, { "{}", 2, 'c' },
    { "{}{}", 2, 'c' }, { "{} ", 2, 'c' }, { " [ ] ]", 4, 'c' },
    { "[1]x", 3, 'c' }, { "[]\n[]", 2, 'c' }, { "\"a\"\"", 3, 'c' },
    { "truefalse", 4, 'c' }, { "null ", 4, 'c' }, { "nul", 3, 'm' },
    { "12", 2, 'n' }, { "12 ", 2, 'c' }, { "12,", 2, 'c' }, { "0", 1, 'n' },
    { "01", 1, 'c' }, { "-", 1, 'm' }, { "-1\"", 2, 'c' }, { "1.", 2, 'm' },
    { "1.5.2", 3, 'c' }, { "1e5e", 3, 'c' }, { "7]", 1, 'c' },
    { "7}", 1, 'c' }, { "1e+7+", 4, 'c' }, { "0x1", 1, 'c' },
    { "{\"a\":{\"b\":[1,{}]}}}", 18, 'c' },
    { "{\"model\":\"a\",\"list\":[{\"name\":1}]} {", 33, 'c' },
    { "x", 0, 'f' }, { " }", 1, 'f' }, { "{a", 1, 'f' }, { "[1}", 2, 'f' },
    { "1.x", 2, 'f' }, { "-x", 1, 'f' }, { "1e,", 2, 'f' },
    { "nulx", 3, 'f' }, { "\"a\nb\"", 2, 'f' }, { "\"\\x\"", 2, 'f' },
    { "\"\\u00g0\"", 5, 'f' }, { "[1,]", 3, 'f' }, { "{\"a\":1,}", 7, 'f' },
    { "[1\n2]", 3, 'f' }
};


static int
ends_as(const ends_t *t, const json_engine_t *engine, size_t size)
{
    int             rc, good;
    size_t          at, n, len;
    json_log_t      log;
    const uint8_t  *p, *q;

    memset(&log, 0, sizeof(log));
    len = strlen(t->text);
    log.length = len;
    p = (const uint8_t *) t->text;

    engine->init(&log.scanner, &table, json_log_event, &log);

    for (at = 0; at < len; at = q - p) {
        n = llm_min(size, len - at);
        q = engine->value(&log.scanner, p + at, p + at + n);

        if (q != p + at + n || llm_json_complete(&log.scanner)
            || llm_json_failed(&log.scanner))
        {
            at = q - p;
            break;
        }
    }

    switch (t->how) {
    case 'c':
        good = llm_json_complete(&log.scanner);
        break;
    case 'f':
        good = llm_json_failed(&log.scanner);
        break;
    default:
        good = !llm_json_complete(&log.scanner)
               && !llm_json_failed(&log.scanner);
    }

    rc = engine->end(&log.scanner);
    good &= (rc == LLM_JSON_OK) == (t->how == 'c' || t->how == 'n');
    json_log_free(&log);

    return good && at == t->end;
}


static void
test_ends(void)
{
    size_t         i;
    const ends_t  *t;

    for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        t = &ends[i];

        ok(ends_as(t, &json_vector, 1) && ends_as(t, &json_scalar, 1)
           && ends_as(t, &json_vector, 3) && ends_as(t, &json_scalar, 3)
           && ends_as(t, &json_vector, 100) && ends_as(t, &json_scalar, 100),
           "value %zu ends at %zu", i, t->end);
    }
}


static void
test_sticky(void)
{
    json_log_t  log;

    memset(&log, 0, sizeof(log));
    log.length = 1000;

    llm_json_init(&log.scanner, &table, json_log_event, &log);

    ok(llm_json_feed(&log.scanner, (const uint8_t *) "[1}", 3)
       == LLM_JSON_ERROR, "an error");
    ok(llm_json_feed(&log.scanner, (const uint8_t *) "[]", 2)
       == LLM_JSON_ERROR, "sticks");
    ok(llm_json_end(&log.scanner) == LLM_JSON_ERROR, "to the end");

    llm_json_reset(&log.scanner);
    log.at = 0;
    ok(llm_json_feed(&log.scanner, (const uint8_t *) "[]", 2) == LLM_JSON_OK
       && llm_json_complete(&log.scanner)
       && llm_json_end(&log.scanner) == LLM_JSON_OK, "until reset");

    json_log_free(&log);
}


int
main(void)
{
    CHECK(llm_json_compile(&table, rows, sizeof(rows) / sizeof(rows[0]))
          == LLM_JSON_OK);

    strict = table;
    strict.strict = 1;

    test_texts();
    test_nested();
    test_events();
    test_lengths();
    test_cut_short();
    test_depth();
    test_tables();
    test_ends();
    test_sticky();

    return tap_done();
}
