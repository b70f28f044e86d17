
/*
 * Copyright (C) ngx_llm_module authors
 *
 * NDJSON and streamed arrays: bodies whole, byte by byte, split in two at
 * every place and at random, against a reader that holds them whole; every
 * text that is JSON and every one that is not, as lines and as elements.
 */


#include "values_log.h"
#include "json_texts.h"


#define ANY   1
#define TEXT  2

static const llm_json_row_t  rows[] = {
    { "a", ANY, LLM_JSON_F_OPEN|LLM_JSON_F_CLOSE },
    { "t", TEXT, LLM_JSON_F_TEXT },
    { "a.t", TEXT, LLM_JSON_F_TEXT },
    { "a[]", ANY, 0 },
    { "[]", ANY, LLM_JSON_F_OPEN|LLM_JSON_F_CLOSE },
    { "model", ANY, 0 }
};

static llm_json_table_t  table;

static const cut_t  whole = { CUT_WHOLE, 0, NULL, 0, 0 };


static int
same(const values_log_t *want, int array, cut_t cut, const uint8_t *p,
    size_t len)
{
    int           good;
    values_log_t  log;

    values_log_read(&log, &table, array, cut, p, len);
    good = bytes_same(&want->json.out, &log.json.out);
    values_log_free(&log);

    return good;
}


static int
all_cuts(const values_log_t *want, int array, const uint8_t *p, size_t len,
    int random)
{
    int      i, good;
    cut_t    cut;
    size_t   n;
    uint8_t  plan[2];

    good = same(want, array, whole, p, len);

    memset(&cut, 0, sizeof(cut));
    cut.how = CUT_BYTES;
    good &= same(want, array, cut, p, len);

    cut.how = CUT_RANDOM;

    for (i = 0; i < random; i++) {
        cut.seed = i;
        good &= same(want, array, cut, p, len);
    }

    cut.how = CUT_PLAN;
    cut.plan = plan;
    cut.nplan = 2;

    for (n = 0; n + 1 < len && n < 256; n++) {
        plan[0] = n;
        plan[1] = 255;
        good &= same(want, array, cut, p, len);
    }

    return good;
}


/* What a body holds: "+" a value, "-" one that is none, then whole or not,
   broken or not. */

typedef struct {
    const char  *name;
    const char  *body;
    size_t       len;
    const char  *said;
} body_t;


static const body_t  lines[] = {
    { "nothing", in(""), " whole" },
    { "white space", in(" \t\r\n \n\n"), " whole" },
    { "a line", in("{}\n"), "+ whole" },
    { "lines", in("{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n"), "+++ whole" },
    { "no line end at the end", in("{}\n{}"), "++ whole" },
    { "CRLF", in("{}\r\n{}\r\n"), "++ whole" },
    { "CR", in("{}\r{}\r"), "++ whole" },
    { "blank lines", in("\n{}\n\n\r\n{}\n\n"), "++ whole" },
    { "white space around", in(" {} \n\t{}\t\n"), "++ whole" },
    { "two on a line", in("{} {}\n"), "++ whole" },
    { "one on several lines", in("{\n  \"a\": [\n    1\n  ]\n}\n{}\n"),
      "++ whole" },
    { "scalars", in("1\n\"x\"\ntrue\nnull\n-1.5e3\n[]\n"), "++++++ whole" },
    { "a number at the end", in("{}\n12"), "++ whole" },
    { "numbers that end too early", in("1.\n-\n1e\n1\n"), "---+ whole broken" },
    { "half a number at the end", in("1."), "-" },
    { "an object cut short", in("{}\n{\"a\":"), "+-" },
    { "a text cut short", in("{\"t\":\"abc"), "-" },
    { "a literal cut short", in("tru"), "-" },
    { "a line that is none", in("{}\nno\n{}\n"), "+-+ whole broken" },
    { "it is left out to its end", in("{\"a\"} {} {}\n{}\n"),
      "-+ whole broken" },
    { "with CRLF", in("x {}\r\n{}\r\n"), "-+ whole broken" },
    { "with CR", in("x {}\r{}\r"), "-+ whole broken" },
    { "the end of the body is in it", in("{}\nx{}"), "+- broken" },
    { "or right behind it", in("{}\nx\n"), "+- whole broken" },
    { "many of them", in("x\ny\nz\n{}\n"), "---+ whole broken" },
    { "values without white space between", in("{}{}\n{}\n"),
      "+-+ whole broken" },
    { "a comma between", in("{},\n{},\n"), "+-+- whole broken" },
    { "more brackets than there were", in("{}}\n[]]\n{}\n"),
      "+-+-+ whole broken" },
    { "a number with a zero before", in("01\n1\n"), "+-+ whole broken" },
    { "a number with more behind", in("12x\n1\n"), "+-+ whole broken" },
    { "a string right behind a number", in("12\"a\"\n1\n"),
      "+-+ whole broken" },
    { "a literal behind a literal", in("truefalse\n1\n"),
      "+-+ whole broken" },
    { "an object whose line was cut short", in("{\"a\":1\n{}\n{}\n"),
      "-++ whole broken" },
    { "with CRLF", in("{\"a\":1\r\n{}\r\n{}\r\n"), "-++ whole broken" },
    { "one that seems to go on", in("{\"a\":\n{}\n{}\n{}\n"),
      "-++ whole broken" },
    { "a text whose line was cut short", in("{\"t\":\"abc\n{}\n"),
      "-+ whole broken" },
    { "an escape", in("{\"t\":\"abc\\\n{}\n"), "-+ whole broken" },
    { "a unicode escape", in("{\"t\":\"abc\\u00\n{}\n"), "-+ whole broken" },
    { "a literal", in("{\"t\":nul\n{}\n"), "-+ whole broken" },
    { "a key", in("{\"t\n{}\n"), "-+ whole broken" },
    { "wrong where its second line begins", in("[1\n}{}\n{}\n"),
      "--+ whole broken" },
    { "indented, the line is the wrong one's", in("[1\n }\n{}\n"),
      "-+ whole broken" },
    { "SSE", in("data: {}\n\ndata: {}\n\n"), "-- whole broken" },
    { "a page", in("<html>\n<body>\n"), "-- whole broken" },
    { "a byte order mark", in("\xef\xbb\xbf{}\n{}\n"), "-+ whole broken" },
    { "NUL", in("\0\n{}\n"), "-+ whole broken" },
    { "an error behind a stream", in("{\"a\":1}\n{\"error\": {\n}}"),
      "++ whole" }
};

static const body_t  arrays[] = {
    { "nothing", in(""), "" },
    { "white space", in(" \r\n"), "" },
    { "an empty one", in("[]"), " whole" },
    { "with white space", in(" \n[ \n] \r\n\t"), " whole" },
    { "of one", in("[{}]"), "+ whole" },
    { "of two", in("[{},{}]"), "++ whole" },
    { "as Gemini writes it", in("[{\"a\":1}\n,\r\n{\"a\":2}\n]\n"),
      "++ whole" },
    { "elements over lines", in("[{\n  \"a\": 1\n}\n,\n{\n  \"a\": 2\n}\n]"),
      "++ whole" },
    { "scalars", in("[1,\"x\",true,null,-1.5e3,[],[1]]"), "+++++++ whole" },
    { "numbers, and white space", in("[ 1 , 2 ]"), "++ whole" },
    { "not closed", in("[{},{}"), "++" },
    { "a comma last", in("[{},"), "+" },
    { "only opened", in("["), "" },
    { "an element cut short", in("[{},{\"t\":\"ab"), "+-" },
    { "a number that may go on", in("[12"), "-" },
    { "a number that ends", in("[12 "), "+" },
    { "a comma before the end", in("[{},]"), "+- broken" },
    { "a comma first", in("[,{}]"), "- broken" },
    { "two commas", in("[{},,{}]"), "+- broken" },
    { "a comma is missing", in("[{} {}]"), "+ broken" },
    { "and white space too", in("[{}{}]"), "+ broken" },
    { "another bracket closes", in("[{}}"), "+ broken" },
    { "in an empty one", in("[}"), "- broken" },
    { "no array", in("{}"), " broken" },
    { "a number", in("1"), " broken" },
    { "something behind it", in("[{}]x"), "+ broken" },
    { "another one", in("[{}][{}]"), "+ broken" },
    { "a comma behind", in("[{}],"), "+ broken" },
    { "an element that is none", in("[{},x,{}]"), "+- broken" },
    { "one with an error in it", in("[{\"a\":01},{}]"), "- broken" },
    { "the next line does not help", in("[x\n{}\n]"), "- broken" },
    { "zeros before", in("[01]"), "+ broken" },
    { "a byte order mark", in("\xef\xbb\xbf[]"), " broken" }
};


static int
has(const values_log_t *log, const char *marks)
{
    size_t  len;

    len = strlen(marks);

    return log->marks.len >= len
           && (len == 0 || memcmp(log->marks.data, marks, len) == 0);
}


static int
is(const values_log_t *log, const char *marks)
{
    return log->marks.len == strlen(marks) && has(log, marks);
}


static void
test_body(const body_t *b, int array)
{
    int             good;
    values_log_t    log, standard;
    const uint8_t  *p;

    p = (const uint8_t *) b->body;

    values_log_read(&log, &table, array, whole, p, b->len);
    values_standard(&standard, &table, array, p, b->len);

    good = is(&log, b->said);

    if (!good) {
        printf("# said %.*s\n# want %s\n", (int) log.marks.len,
               (char *) log.marks.data, b->said);
    }

    if (!bytes_same(&log.json.out, &standard.json.out)) {
        printf("# not what is expected: %.*s\n", (int) standard.marks.len,
               (char *) standard.marks.data);
        good = 0;
    }

    if (!all_cuts(&log, array, p, b->len, 20)) {
        printf("# cuts differ\n");
        good = 0;
    }

    ok(good, "%s: %s", array ? "array" : "lines", b->name);

    values_log_free(&log);
    values_log_free(&standard);
}


static int
ends_so(const values_log_t *log, const char *marks)
{
    size_t  len;

    len = strlen(marks);

    return log->marks.len >= len
           && memcmp(log->marks.data + log->marks.len - len, marks, len) == 0;
}


/*
 * Texts with good lines behind them.  What is JSON is one value and the lines
 * are as many more.  What is none costs at most the first line, which it may
 * have opened brackets for; the others are read.
 */

static void
test_text_lines(const text_t *t, size_t n)
{
    int            good;
    bytes_t        body;
    values_log_t   log, standard;

    static const char  more[] = "\n{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n";

    memset(&body, 0, sizeof(body));
    bytes_put(&body, t->text, t->len);
    bytes_put(&body, more, sizeof(more) - 1);

    values_log_read(&log, &table, 0, whole, body.data, body.len);
    values_standard(&standard, &table, 0, body.data, body.len);

    if (t->accept) {
        good = is(&log, "++++ whole");

    } else if (strspn(t->text, " ") == t->len || strcmp(t->text, "1 2") == 0) {

        /* no value, and two of them */

        good = ends_so(&log, "+++ whole");

    } else {
        good = ends_so(&log, "++ whole broken");
    }

    good &= bytes_same(&log.json.out, &standard.json.out);
    good &= all_cuts(&log, 0, body.data, body.len, 5);

    ok(good, "text %zu as a line: %.*s", n, (int) log.marks.len,
       (char *) log.marks.data);

    values_log_free(&log);
    values_log_free(&standard);
    bytes_free(&body);
}


/* Texts as an element: all that is JSON, and nothing else, is one. */

static void
test_text_element(const text_t *t, size_t n)
{
    int            good;
    bytes_t        body;
    values_log_t   log, standard;

    memset(&body, 0, sizeof(body));
    bytes_put(&body, "[true,", 6);
    bytes_put(&body, t->text, t->len);
    bytes_put(&body, ",{\"a\":1}]", 9);

    values_log_read(&log, &table, 1, whole, body.data, body.len);
    values_standard(&standard, &table, 1, body.data, body.len);

    good = is(&log, "+++ whole") == t->accept;
    good &= bytes_same(&log.json.out, &standard.json.out);
    good &= all_cuts(&log, 1, body.data, body.len, 5);

    ok(good, "text %zu as an element: %.*s", n, (int) log.marks.len,
       (char *) log.marks.data);

    values_log_free(&log);
    values_log_free(&standard);
    bytes_free(&body);
}


/* What the scanner says of a value is what it says of it alone. */

static void
test_places(void)
{
    json_log_t    one;
    values_log_t  log;

    static const char  body[] = "\n {\"model\":\"x\"}\n\n\t{\"model\":\"x\"}\n";

    json_log_read(&one, &json_vector, &table, whole,
                  (const uint8_t *) "{\"model\":\"x\"}", 13);
    values_log_read(&log, &table, 0, whole, (const uint8_t *) body,
                    sizeof(body) - 1);

    ok(one.events == 1 && log.json.events == 2, "a value of each is told");

    /* the end of a log alone is whether it was accepted */

    one.out.len -= sizeof(one.accepted);
    ok(log.json.out.len == 2 * one.out.len + log.marks.len
       && memcmp(log.json.out.data, one.out.data, one.out.len) == 0
       && memcmp(log.json.out.data + one.out.len, one.out.data, one.out.len)
          == 0, "places count from the value's first byte");

    json_log_free(&one);
    values_log_free(&log);
}


/* Bodies put together at random. */

static void
test_random(int n)
{
    int           i, array, bad;
    size_t        k, parts;
    bytes_t       body;
    uint64_t      seed;
    values_log_t  standard;

    static const char *const  part[] = {
        "{", "}", "[", "]", ",", ":", "\n", "\r\n", " ", "{}", "[]", "1",
        "12", "-", ".5", "e3", "\"x\"", "\"", "\\", "true", "nul",
        "{\"a\":1}", "{\"a\":{\"t\":\"some text\"}}", "{\"t\":\"", "\n",
        "{\"a\":[", "]}\n", "}\n", "{\"model\":\"m\"}\n", ",\n", "[{\"a\":1}",
        "\r", "\\u00e9", "0"
    };

    bad = 0;
    seed = 1;
    memset(&body, 0, sizeof(body));

    for (i = 0; i < n; i++) {
        body.len = 0;
        array = i & 1;
        bytes_put(&body, "[", array && i % 5 ? 1 : 0);
        parts = cut_random(&seed) % 24;

        for (k = 0; k < parts; k++) {
            const char  *s;

            s = part[cut_random(&seed) % (sizeof(part) / sizeof(part[0]))];
            bytes_put(&body, s, strlen(s));
        }

        values_standard(&standard, &table, array, body.data, body.len);

        if (!all_cuts(&standard, array, body.data, body.len, 2)) {
            printf("# %d: %.*s\n", array, (int) body.len, (char *) body.data);
            bad++;
        }

        values_log_free(&standard);
    }

    ok(bad == 0, "%d random bodies, %d read otherwise", n, bad);
    bytes_free(&body);
}


int
main(void)
{
    size_t  i;

    CHECK(llm_json_compile(&table, rows, sizeof(rows) / sizeof(rows[0]))
          == LLM_JSON_OK);

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        test_body(&lines[i], 0);
    }

    for (i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
        test_body(&arrays[i], 1);
    }

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        test_text_lines(&texts[i], i);
        test_text_element(&texts[i], i);
    }

    test_places();
    test_random(getenv("LLM_PROOF") ? 200000 : 2000);

    return tap_done();
}
