
/*
 * Copyright (C) ngx_llm_module authors
 *
 * "bytes" in base64: objects whole, byte by byte, split in two at every place
 * and at random, against the scanner and a decoder that hold them whole; all
 * lengths and all bytes; what is odd, and how much of it was handed on.
 */


#include "bytes_log.h"


#define in(s)  s, sizeof(s) - 1


static const cut_t  whole = { CUT_WHOLE, 0, NULL, 0, 0 };


static int
same(const bytes_log_t *want, cut_t cut, const void *p, size_t len)
{
    int          good;
    bytes_log_t  log;

    bytes_log_read(&log, cut, p, len);
    good = bytes_log_same(want, &log);
    bytes_log_free(&log);

    return good;
}


static int
all_cuts(const bytes_log_t *want, const void *p, size_t len, int random)
{
    int      i, good;
    cut_t    cut;
    size_t   n;
    uint8_t  plan[2];

    good = same(want, whole, p, len);

    memset(&cut, 0, sizeof(cut));
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


typedef struct {
    const char  *name;
    const char  *body;
    size_t       len;
    int          whole;
    const char  *said;
} object_t;


static const object_t  objects[] = {
    { "an object", in("{\"bytes\":\"e30=\"}"), 1, "{}" },
    { "padding behind it", in("{\"bytes\":\"e30=\",\"p\":\"abcdefghijk\"}"),
      1, "{}" },
    { "before it", in("{\"p\":\"abcdefghijk\",\"bytes\":\"e30=\"}"), 1,
      "{}" },
    { "white space", in(" \t{ \n\"bytes\" : \"e30=\"\r, \"p\" : 1 } \n"), 1,
      "{}" },
    { "nothing in it", in("{\"bytes\":\"\"}"), 1, "" },
    { "one byte", in("{\"bytes\":\"YQ==\"}"), 1, "a" },
    { "two", in("{\"bytes\":\"YWI=\"}"), 1, "ab" },
    { "three", in("{\"bytes\":\"YWJj\"}"), 1, "abc" },
    { "four", in("{\"bytes\":\"YWJjZA==\"}"), 1, "abcd" },
    { "+ and /", in("{\"bytes\":\"++//\"}"), 1, "\xfb\xef\xff" },
    { "a slash escaped", in("{\"bytes\":\"+\\/\\/+\"}"), 1, "\xfb\xff\xfe" },
    { "as its code, and others", in("{\"bytes\":\"\\u002b\\u002F\\u0059Q\"}"),
      1, "\xfb\xf6\x10" },
    { "padding as its code", in("{\"bytes\":\"YQ\\u003d\\u003D\"}"), 1,
      "a" },
    { "an escape behind many", in("{\"bytes\":\"YWJjYWJjYWJjYWJjYW\\/j\"}"),
      1, "abcabcabcabca\x6f\xe3" },
    { "bits behind the last byte", in("{\"bytes\":\"YX==\"}"), 1, "a" },
    { "a key with escapes", in("{\"b\\u0079tes\":\"YQ==\"}"), 1, "a" },
    { "strings with escapes", in("{\"x\":\"\\\"}{\\\\\\u0022\","
      "\"\\\"bytes\":\"\",\"bytes\":\"YQ==\"}"), 1, "a" },
    { "other values", in("{\"a\":1,\"b\":-2.5e+1,\"B\":1E5,\"c\":true,"
      "\"d\":false,\"e\":null,\"bytes\":\"YQ==\",\"f\":0}"), 1, "a" },
    { "nested values", in("{\"a\":{\"bytes\":\"x\",\"b\":[1,\"]\",{}]},"
      "\"bytes\":\"YQ==\",\"c\":[[],{\"bytes\":{}}]}"), 1, "a" },
    { "nested, with white space", in("{\"a\": [ 1 ,\n{ \"b\" : 2 } ] ,"
      "\"bytes\":\"YQ==\"}"), 1, "a" },
    { "names like it", in("{\"byte\":1,\"bytess\":2,\"Bytes\":3,\"\":4,"
      "\"bytes \":5,\"bytes\":\"YQ==\"}"), 1, "a" },

    { "an object without it", in("{\"p\":\"e30=\"}"), 0, "" },
    { "an empty object", in("{}"), 0, "" },
    { "nothing", in(""), 0, "" },
    { "white space alone", in(" \n"), 0, "" },
    { "an array", in("[{\"bytes\":\"YQ==\"}]"), 0, "" },
    { "a bracket for a brace", in("[\"bytes\":\"YQ==\"}"), 0, "" },
    { "a string", in("\"bytes\""), 0, "" },
    { "a number", in("{\"bytes\":1}"), 0, "" },
    { "null", in("{\"bytes\":null}"), 0, "" },
    { "an object in it", in("{\"bytes\":{\"bytes\":\"YQ==\"}}"), 0, "" },
    { "twice", in("{\"bytes\":\"YWJj\",\"bytes\":\"YWJj\"}"), 0, "abc" },
    { "twice, as a number", in("{\"bytes\":\"YQ==\",\"bytes\":1}"), 0, "a" },
    { "a character short", in("{\"bytes\":\"YWJjY\"}"), 0, "abc" },
    { "no padding of two", in("{\"bytes\":\"YWJjYQ\"}"), 0, "abc" },
    { "half of it", in("{\"bytes\":\"YWJjYQ=\"}"), 0, "abc" },
    { "no padding of one", in("{\"bytes\":\"YWJjYWI\"}"), 0, "abc" },
    { "too much of it", in("{\"bytes\":\"YWJjYWI==\"}"), 0, "abcab" },
    { "three of it", in("{\"bytes\":\"YWJjYQ===\"}"), 0, "abca" },
    { "padding alone", in("{\"bytes\":\"=\"}"), 0, "" },
    { "four of it", in("{\"bytes\":\"====\"}"), 0, "" },
    { "behind one character", in("{\"bytes\":\"Y===\"}"), 0, "" },
    { "behind a quantum", in("{\"bytes\":\"YWJj=\"}"), 0, "abc" },
    { "a character behind padding", in("{\"bytes\":\"YWJjYQ=a\"}"), 0,
      "abc" },
    { "a quantum behind padding", in("{\"bytes\":\"YQ==YWJj\"}"), 0, "a" },
    { "the other alphabet", in("{\"bytes\":\"YWJj-_-_\"}"), 0, "abc" },
    { "white space in it", in("{\"bytes\":\"YWJj YWJj\"}"), 0, "abc" },
    { "a line end", in("{\"bytes\":\"YWJj\nYWJj\"}"), 0, "abc" },
    { "an escaped one", in("{\"bytes\":\"YWJj\\nYWJj\"}"), 0, "abc" },
    { "one before what would be an escape", in("{\"bytes\":\"YWJ\n/\"}"), 0,
      "" },
    { "NUL", in("{\"bytes\":\"YWJj\0\"}"), 0, "abc" },
    { "UTF-8", in("{\"bytes\":\"YWJj\xc3\xa9\"}"), 0, "abc" },
    { "a code above 255", in("{\"bytes\":\"YWJj\\u0159Q==\"}"), 0, "abc" },
    { "a wrong escape", in("{\"bytes\":\"YWJj\\x\"}"), 0, "abc" },
    { "a wrong digit", in("{\"bytes\":\"YWJj\\u00g1\"}"), 0, "abc" },
    { "another one", in("{\"bytes\":\"YWJj\\u00/1\"}"), 0, "abc" },
    { "a last one", in("{\"bytes\":\"YWJ\\u004g\"}"), 0, "" },
    { "not closed", in("{\"bytes\":\"YWJj\""), 0, "abc" },
    { "the string not closed", in("{\"bytes\":\"YWJjYW"), 0, "abc" },
    { "within an escape", in("{\"bytes\":\"YWJj\\u00"), 0, "abc" },
    { "more behind it", in("{\"bytes\":\"YWJj\"}x"), 0, "abc" },
    { "another object", in("{\"bytes\":\"YWJj\"}{}"), 0, "abc" },
    { "a bracket that does not match", in("{\"bytes\":\"YWJj\"]"), 0,
      "abc" },
    { "a comma last", in("{\"bytes\":\"YWJj\",}"), 0, "abc" },
    { "a comma first", in("{,\"bytes\":\"YWJj\"}"), 0, "" },
    { "no comma", in("{\"bytes\":\"YWJj\"\"p\":1}"), 0, "abc" },
    { "no colon", in("{\"bytes\"\"YWJj\"}"), 0, "" },
    { "something else", in("{\"bytes\"x\"YWJj\"}"), 0, "" },
    { "two colons", in("{\"bytes\"::\"YWJj\"}"), 0, "" },
    { "no value", in("{\"bytes\":}"), 0, "" },
    { "no value of another", in("{\"p\":,\"bytes\":\"YWJj\"}"), 0, "" },
    { "two values", in("{\"p\":1 2,\"bytes\":\"YWJj\"}"), 0, "" },
    { "a value right behind another", in("{\"p\":1[],\"bytes\":\"YWJj\"}"),
      0, "" },
    { "a key without quotes", in("{bytes:\"YWJj\"}"), 0, "" },
    { "a key that is no string", in("{1:2,\"bytes\":\"YWJj\"}"), 0, "" },
    { "a line end in a key", in("{\"b\n\":2,\"bytes\":\"YWJj\"}"), 0, "" },
    { "in another string", in("{\"b\":\"\n\",\"bytes\":\"YWJj\"}"), 0, "" },
    { "in a nested one", in("{\"b\":[\"\n\"],\"bytes\":\"YWJj\"}"), 0, "" },
    { "a wrong escape in a key", in("{\"\\x\":2,\"bytes\":\"YWJj\"}"), 0,
      "" },
    { "and in another string", in("{\"b\":\"\\x\",\"bytes\":\"YWJj\"}"), 0,
      "" },
    { "a byte that begins nothing", in("{\"b\":?,\"bytes\":\"YWJj\"}"), 0,
      "" },
    { "in a nested value", in("{\"b\":[?],\"bytes\":\"YWJj\"}"), 0, "" },
    { "brackets not closed", in("{\"b\":[[],\"bytes\":\"YWJj\"}"), 0, "" },
    { "closed too often", in("{\"b\":[]],\"bytes\":\"YWJj\"}"), 0, "" }
};


static void
test_objects(void)
{
    int              good;
    size_t           i;
    bytes_log_t      log;
    const object_t  *o;

    for (i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        o = &objects[i];

        bytes_log_read(&log, whole, (const uint8_t *) o->body, o->len);

        good = log.is_whole == o->whole && log.out.len == strlen(o->said)
               && (log.out.len == 0
                   || memcmp(log.out.data, o->said, log.out.len) == 0);

        if (!good) {
            printf("# said %d %.*s\n", log.is_whole, (int) log.out.len,
                   (char *) log.out.data);
        }

        if (!bytes_agree(&log, (const uint8_t *) o->body, o->len)) {
            printf("# the scanner reads otherwise\n");
            good = 0;
        }

        if (!all_cuts(&log, o->body, o->len, 20)) {
            printf("# cuts differ\n");
            good = 0;
        }

        ok(good, "%s", o->name);
        bytes_log_free(&log);
    }
}


static void
encode(bytes_t *to, const uint8_t *p, size_t len)
{
    size_t    i, k, n;
    uint8_t   out[4];
    uint32_t  bits;

    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
                                  "pqrstuvwxyz0123456789+/";

    for (i = 0; i < len; i += 3) {
        n = llm_min(len - i, (size_t) 3);
        bits = (uint32_t) p[i] << 16;
        bits |= (n > 1) ? p[i + 1] << 8 : 0;
        bits |= (n > 2) ? p[i + 2] : 0;

        for (k = 0; k < 4; k++) {
            out[k] = (k > n) ? '=' : digits[bits >> (18 - 6 * k) & 63];
        }

        bytes_put(to, out, 4);
    }
}


/* Lengths around what is handed on at a time; all bytes in them. */

static void
test_lengths(void)
{
    int          bad;
    size_t       i, n;
    bytes_t      body;
    uint8_t     *p;
    bytes_log_t  log;

    p = malloc(5000);
    CHECK(p != NULL);
    memset(&body, 0, sizeof(body));
    bad = 0;

    for (i = 0; i < 5000; i++) {
        p[i] = i * 7 + i / 256;
    }

    for (n = 0; n < 5000; n += (n < 60 || n % 1536 > 1520 || n % 1536 < 16)
                               ? 1 : 91)
    {
        body.len = 0;
        bytes_put(&body, "{\"bytes\":\"", 10);
        encode(&body, p, n);
        bytes_put(&body, "\"}", 2);

        bytes_log_read(&log, whole, body.data, body.len);

        bad += !log.is_whole || log.out.len != n
               || (n && memcmp(log.out.data, p, n) != 0);
        bad += !bytes_agree(&log, body.data, body.len);
        bad += !same(&log, (cut_t) { CUT_BYTES, 0, NULL, 0, 0 }, body.data,
                     body.len);
        bad += !same(&log, (cut_t) { CUT_RANDOM, n, NULL, 0, 0 }, body.data,
                     body.len);

        bytes_log_free(&log);
    }

    ok(bad == 0, "lengths 0 .. 5000");

    bytes_free(&body);
    free(p);
}


/* Each byte as a character of base64: 64 of them are. */

static void
test_bytes(void)
{
    int          bad, good;
    unsigned     c;
    uint8_t      body[32];
    size_t       len;
    bytes_log_t  log;

    bad = 0;
    good = 0;

    for (c = 0; c < 256; c++) {

        if (c == '\\') {
            continue;
        }

        len = snprintf((char *) body, sizeof(body),
                       "{\"bytes\":\"YWJjYWJjY_Jj\"}");
        body[19] = c;

        bytes_log_read(&log, whole, body, len);
        good += log.is_whole;
        bad += !bytes_agree(&log, body, len);
        bad += !all_cuts(&log, body, len, 1);
        bytes_log_free(&log);
    }

    ok(good == 64 && bad == 0, "the alphabet has 64 characters");
}


static void
test_depth(void)
{
    int          good;
    size_t       n;
    bytes_t      body;
    bytes_log_t  log;

    memset(&body, 0, sizeof(body));

    for (n = 254; n <= 600; n += (n < 258) ? 1 : 114) {
        body.len = 0;
        bytes_put(&body, "{\"a\":", 5);

        while (body.len < 5 + n) {
            bytes_put(&body, "[", 1);
        }

        while (body.len < 5 + 2 * n) {
            bytes_put(&body, "]", 1);
        }

        bytes_put(&body, ",\"bytes\":\"YQ==\"}", 16);

        bytes_log_read(&log, whole, body.data, body.len);
        good = log.is_whole == (n <= 255)
               && bytes_agree(&log, body.data, body.len)
               && all_cuts(&log, body.data, body.len, 1);
        ok(good, "another value nested %zu deep", n);
        bytes_log_free(&log);
    }

    bytes_free(&body);
}


/* Objects put together at random. */

static void
test_random(int n)
{
    int          i, bad, good;
    size_t       k, parts;
    bytes_t      body;
    uint64_t     seed;
    bytes_log_t  log;

    static const char *const  part[] = {
        "{", "}", "[", "]", ",", ":", " ", "\"", "\\", "\"bytes\"", "1",
        "\"bytes\":\"", "YWJj", "YWJj", "YWJjYWJjYWJj", "YQ==", "YWI=", "Y",
        "=", "\\/", "\\u002f", "\\u", "\"p\":\"abc\",", "\"x\":[1,{}],",
        "\",\"p\":\"", "\"}", "null", "\\n", "+/+/", "\"p\":-1,"
    };

    bad = 0;
    good = 0;
    seed = 3;
    memset(&body, 0, sizeof(body));

    for (i = 0; i < n; i++) {
        body.len = 0;

        if (i % 4) {
            bytes_put(&body, "{", 1);
            bytes_put(&body, "\"p\":1,", i % 4 == 2 ? 6 : 0);
            bytes_put(&body, "\"bytes\":\"", 9);
        }

        for (k = 0, parts = cut_random(&seed) % 8; k < parts; k++) {
            const char  *s;

            s = part[cut_random(&seed) % (sizeof(part) / sizeof(part[0]))];
            bytes_put(&body, s, strlen(s));
        }

        bytes_put(&body, "\"}", i % 4 ? 2 : 0);

        bytes_log_read(&log, whole, body.data, body.len);
        good += log.is_whole;

        if (!bytes_agree(&log, body.data, body.len)
            || !all_cuts(&log, body.data, body.len, 2))
        {
            printf("# %.*s\n", (int) body.len, (char *) body.data);
            bad++;
        }

        bytes_log_free(&log);
    }

    ok(bad == 0 && good > n / 10,
       "%d random objects, %d whole, %d read otherwise", n, good, bad);
    bytes_free(&body);
}


int
main(void)
{
    test_objects();
    test_lengths();
    test_bytes();
    test_depth();
    test_random(getenv("LLM_PROOF") ? 300000 : 3000);

    return tap_done();
}
