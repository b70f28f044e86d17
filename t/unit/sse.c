
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Server-sent events: the line rules of the HTML standard, each body with
 * every kind of line end, whole, byte by byte, split in two at every place
 * and at random, with vector instructions and without; and random bodies
 * against a parser that holds them whole.
 */


#include "sse_log.h"


#define in(s)  s, sizeof(s) - 1


/* In bodies and in what is expected of them "|" is the end of a line; an
   event is "name>data", events are joined by ";". */

typedef struct {
    const char  *name;
    const char  *body;
    size_t       len;
    const char  *events;
} body_t;


static const body_t  bodies[] = {

    { "nothing", in(""), "" },
    { "blank lines", in("||||"), "" },
    { "an event", in("data: a||"), ">a" },
    { "two", in("data: a||data: b||"), ">a;>b" },
    { "many blank lines between them", in("||data: a||||data: b|||"),
      ">a;>b" },
    { "no blank line at the end", in("data: a||data: b|"), ">a;>b" },
    { "no line end at the end", in("data: a||data: b"), ">a;>b" },
    { "a name", in("event: x|data: a||"), "x>a" },
    { "a name after the data", in("data: a|event: x||"), "x>a" },
    { "the last name counts", in("event: x|event: yy|data: a||"), "yy>a" },
    { "an empty name takes a name back", in("event: x|event|data: a||"),
      ">a" },
    { "a name without data is no event", in("event: x||data: a||"), ">a" },
    { "a name belongs to one event", in("event: x|data: a||data: b||"),
      "x>a;>b" },
    { "a name of 15 bytes", in("event: 123456789012345|data: a||"),
      "123456789012345>a" },
    { "a longer one is cut", in("event: 1234567890123456|data: a||"),
      "123456789012345>a" },
    { "lines of data are joined", in("data: a|data: b|data: c||"),
      ">a|b|c" },
    { "with others between them", in("data: a|id: 1|:x|data: b||"), ">a|b" },
    { "an empty line of data", in("data: a|data:|data: b||"), ">a||b" },
    { "data alone", in("data||"), ">" },
    { "data alone, twice", in("data|data||"), ">|" },
    { "data with a colon", in("data:||"), ">" },
    { "data with a colon and a space", in("data: ||"), ">" },
    { "no space", in("data:a||"), ">a" },
    { "one space is taken, no more", in("data:  a||"), "> a" },
    { "a tab is not", in("data:\ta||"), ">\ta" },
    { "spaces at the end stay", in("data: a  ||"), ">a  " },
    { "colons in the value", in("data: a:b: c||"), ">a:b: c" },
    { "a comment", in(": x|data: a||"), ">a" },
    { "comments only", in(":|: data: a|:data: b||"), "" },
    { "a comment within an event", in("data: a|:|data: b||"), ">a|b" },
    { "other fields", in("id: 1|retry: 10|foo: bar|foo|data: a||"), ">a" },
    { "fields that begin as data does",
      in("dat: x|dataa: x|data : x|d: x|da|date: x|data: a||"), ">a" },
    { "fields that begin as event does",
      in("even: x|events: x|event : x|e|data: a||"), ">a" },
    { "names have a case", in("Data: x|DATA: x|EVENT: x|data: a||"), ">a" },
    { "a space before a field", in(" data: x|data: a||"), ">a" },
    { "a byte order mark", in("\xef\xbb\xbf" "data: a||"), ">a" },
    { "before a blank line", in("\xef\xbb\xbf|data: a||"), ">a" },
    { "before a comment", in("\xef\xbb\xbf:x|data: a||"), ">a" },
    { "a second mark is a field", in("\xef\xbb\xbf\xef\xbb\xbf" "data: x|"
      "data: a||"), ">a" },
    { "a mark later is a field", in("data: a||\xef\xbb\xbf" "data: x||"),
      ">a" },
    { "half a mark is a field", in("\xef\xbb" "data: x|data: a||"), ">a" },
    { "a quarter, and a line end", in("\xef|data: a||"), ">a" },
    { "half a mark and no more", in("\xef\xbb"), "" },
    { "NUL", in("data: a\0b|\0data: x||"), ">a\\0b" },
    { "bytes that are not UTF-8", in("data: \xff\xfe||"), ">\xff\xfe" },
    { "the end mark", in("data: [DONE]||"), ">[DONE]" },
    { "a field of 300 bytes",
      in("ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
         "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
         "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
         "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
         "ddddddddddddddddddddddddddddddddddddddddddd: x|data: a||"), ">a" },
    { "a long value",
      in("data: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789a"
         "bcdef0123456789abcdef0123456789abcdef0123456789abcdef||"),
      ">0123456789abcdef0123456789abcdef0123456789abcdef0123456789a"
      "bcdef0123456789abcdef0123456789abcdef0123456789abcdef" },
    { "after data without an end: fields", in("data: a|event: x"), "x>a" },
    { "a name alone at the end", in("event: x"), "" },
    { "a field name at the end", in("data: a|data"), ">a|" },
    { "part of a field name at the end", in("data: a|dat"), ">a" },
    { "a colon at the end", in("data: a|data:"), ">a|" }
};


static const char *const  eols[] = { "\n", "\r", "\r\n" };


/* "|" becomes a line end of a kind; kind 3: another one each time. */

static void
expand(bytes_t *to, const char *p, size_t len, int kind)
{
    size_t       n;
    unsigned     turn;
    const char  *eol;

    turn = 0;
    to->len = 0;

    for (n = 0; n < len; n++) {

        if (p[n] != '|') {
            bytes_put(to, p + n, 1);
            continue;
        }

        /* LF after CR would be its second half */

        eol = eols[kind < 3 ? (unsigned) kind
                            : (turn++ % 3 == 1 ? 2 : turn % 3 == 0 ? 1 : 0)];

        if (*eol == '\n' && to->len && to->data[to->len - 1] == '\r') {
            eol = "\r\n";
        }

        bytes_put(to, eol, strlen(eol));
    }
}


static void
spell(const sse_log_t *log, bytes_t *to)
{
    size_t          n, len[2];
    unsigned        i;
    const uint8_t  *p;

    p = log->out.data;
    to->len = 0;

    for (i = 0; i < log->events; i++) {
        memcpy(len, p, sizeof(len));
        p += sizeof(len);

        bytes_put(to, ";", i ? 1 : 0);
        bytes_put(to, p, len[0]);
        bytes_put(to, ">", 1);
        p += len[0];

        for (n = 0; n < len[1]; n++, p++) {

            if (*p == '\0') {
                bytes_put(to, "\\0", 2);

            } else {
                bytes_put(to, *p == '\n' ? (const uint8_t *) "|" : p, 1);
            }
        }
    }
}


static int
same(const sse_log_t *want, cut_t cut, const uint8_t *p, size_t len)
{
    int        good;
    sse_log_t  a, b;

    sse_log_read(&a, &sse_vector, cut, p, len);
    sse_log_read(&b, &sse_scalar, cut, p, len);

    good = bytes_same(&want->out, &a.out) && bytes_same(&want->out, &b.out);

    sse_log_free(&a);
    sse_log_free(&b);

    return good;
}


/* Every way to cut a body gives the events of the whole. */

static int
all_cuts(const sse_log_t *want, const uint8_t *p, size_t len, int random)
{
    int      i, good;
    cut_t    cut;
    size_t   n;
    uint8_t  plan[2];

    memset(&cut, 0, sizeof(cut));
    good = same(want, cut, p, len);

    cut.how = CUT_BYTES;
    good &= same(want, cut, p, len);

    cut.how = CUT_RANDOM;

    for (i = 0; i < random; i++) {
        cut.seed = i;
        good &= same(want, cut, p, len);
    }

    cut.how = CUT_PLAN;
    cut.plan = plan;
    cut.nplan = 2;

    for (n = 0; n + 1 < len && n < 256; n++) {
        plan[0] = n;
        plan[1] = 255;
        good &= same(want, cut, p, len);
    }

    return good;
}


static void
test_bodies(void)
{
    int            kind, good;
    size_t         i;
    cut_t          whole;
    bytes_t        body, said;
    sse_log_t      log, standard;
    const body_t  *b;

    memset(&body, 0, sizeof(body));
    memset(&said, 0, sizeof(said));
    memset(&whole, 0, sizeof(whole));

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        b = &bodies[i];
        good = 1;

        for (kind = 0; kind < 4; kind++) {
            expand(&body, b->body, b->len, kind);

            sse_log_read(&log, &sse_vector, whole, body.data, body.len);
            spell(&log, &said);

            if (said.len != strlen(b->events)
                || (said.len && memcmp(said.data, b->events, said.len) != 0))
            {
                printf("# line ends %d: %.*s\n", kind, (int) said.len,
                       (char *) said.data);
                good = 0;
            }

            sse_standard(&standard, body.data, body.len);

            if (!bytes_same(&log.out, &standard.out)) {
                printf("# line ends %d: not the standard's\n", kind);
                good = 0;
            }

            if (!all_cuts(&log, body.data, body.len, 10)) {
                printf("# line ends %d: cuts differ\n", kind);
                good = 0;
            }

            sse_log_free(&log);
            sse_log_free(&standard);
        }

        ok(good, "%s", b->name);
    }

    bytes_free(&body);
    bytes_free(&said);
}


/* Bodies put together at random of what matters to the rules. */

static void
test_random(int n)
{
    int        i, bad;
    size_t     k, parts;
    bytes_t    body;
    uint64_t   seed;
    sse_log_t  standard;

    static const char *const  part[] = {
        "\n", "\r", "\r\n", "\n\n", ":", " ", "data", "data:", "data: ",
        "event", "event: ", "id: 7", "x", "{\"a\":1}", "\xef\xbb\xbf", "\xef",
        "dat", "e", "a long piece of text without any line end in it, so",
        "[DONE]", "\xbb", "d", "1234567890123456"
    };

    bad = 0;
    seed = 1;
    memset(&body, 0, sizeof(body));

    for (i = 0; i < n; i++) {
        body.len = 0;
        parts = cut_random(&seed) % 24;

        for (k = 0; k < parts; k++) {
            const char  *s;

            s = part[cut_random(&seed) % (sizeof(part) / sizeof(part[0]))];
            bytes_put(&body, s, strlen(s));
        }

        sse_standard(&standard, body.data, body.len);
        bad += !all_cuts(&standard, body.data, body.len, 2);
        sse_log_free(&standard);
    }

    ok(bad == 0, "%d random bodies as the standard reads them, %d not", n,
       bad);
    bytes_free(&body);
}


static void
test_idle(void)
{
    llm_sse_t  s;
    sse_log_t  log;

    memset(&log, 0, sizeof(log));
    llm_sse_init(&s);
    ok(llm_sse_idle(&s), "idle at the start");

    llm_sse_feed(&s, (const uint8_t *) "data: a", 7, &sse_log_handler, &log);
    ok(!llm_sse_idle(&s), "not within a line");

    llm_sse_feed(&s, (const uint8_t *) "\n", 1, &sse_log_handler, &log);
    ok(!llm_sse_idle(&s), "not while data waits for its blank line");

    llm_sse_feed(&s, (const uint8_t *) "\n", 1, &sse_log_handler, &log);
    ok(llm_sse_idle(&s), "idle between two events");

    sse_log_free(&log);
}


int
main(void)
{
    test_bodies();
    test_random(getenv("LLM_PROOF") ? 300000 : 3000);
    test_idle();

    return tap_done();
}
