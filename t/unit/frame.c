
/*
 * Copyright (C) ngx_llm_module authors
 *
 * AWS event streams: frames of every header type, and every way in which one
 * can be wrong, each whole, byte by byte, split in two at every place and at
 * random; every bit of a frame turned over; and random bodies against a
 * reader that holds them whole.
 */


#include "frame_log.h"


#define in(s)  s, sizeof(s) - 1


static const cut_t  whole = { CUT_WHOLE, 0, NULL, 0, 0 };


static int
same(const frame_log_t *want, cut_t cut, const uint8_t *p, size_t len)
{
    int          good;
    frame_log_t  log;

    frame_log_read(&log, cut, p, len);
    good = bytes_same(&want->out, &log.out);
    frame_log_free(&log);

    return good;
}


/* Every way to cut a body says what the whole says. */

static int
all_cuts(const frame_log_t *want, const uint8_t *p, size_t len, int random)
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


/* What a body says: "message:type=payload" a frame, then how it ended. */

static void
spell(const frame_log_t *log, bytes_t *to)
{
    char            what;
    size_t          len;
    const uint8_t  *p, *e;

    to->len = 0;
    e = log->out.data + log->out.len;

    for (p = log->out.data; p < e; p += len) {
        what = *p++;
        memcpy(&len, p, sizeof(len));
        p += sizeof(len);

        switch (what) {
        case 'm':
            bytes_put(to, *p == LLM_FRAME_EVENT ? "event:"
                          : *p == LLM_FRAME_EXCEPTION ? "exception:"
                                                      : "error:",
                      *p == LLM_FRAME_EXCEPTION ? 10 : 6);
            break;
        case 'd':
            bytes_put(to, "=", 1);
            /* fall through */
        case 't':
            bytes_put(to, p, len);
            break;
        case 'e':
            bytes_put(to, *p ? "; " : "! ", 2);
            break;
        default:
            bytes_put(to, p[1] ? "broken" : p[0] ? "idle" : "within",
                      p[1] || !p[0] ? 6 : 4);
        }
    }
}


static void
test_body(const char *name, const bytes_t *body, const char *want)
{
    int          good;
    bytes_t      said;
    frame_log_t  log, standard;

    memset(&said, 0, sizeof(said));

    frame_log_read(&log, whole, body->data, body->len);
    frame_standard(&standard, body->data, body->len);
    spell(&log, &said);

    good = said.len == strlen(want) && memcmp(said.data, want, said.len) == 0;

    if (!good) {
        printf("# said %.*s\n# want %s\n", (int) said.len,
               (char *) said.data, want);
    }

    if (!bytes_same(&log.out, &standard.out)) {
        printf("# not what the format says\n");
        good = 0;
    }

    if (!all_cuts(&log, body->data, body->len, 10)) {
        printf("# cuts differ\n");
        good = 0;
    }

    ok(good, "%s", name);

    bytes_free(&said);
    frame_log_free(&log);
    frame_log_free(&standard);
}


/* Headers as a table: the name, the value's type, the value; up to a name
   that is NULL. */

typedef struct {
    const char  *name;
    uint8_t      type;
    const char  *value;
    size_t       len;
} header_t;

#define S(name, value)        { name, 7, in(value) }
#define H(name, type, value)  { name, type, in(value) }

typedef struct {
    const char  *name;
    header_t     header[8];
    const char  *payload;
    size_t       len;
    const char  *said;
} frame_t;


static const frame_t  frames[] = {

    { "no headers and no payload", { { 0 } }, in(""), "event:; idle" },
    { "a payload alone", { { 0 } }, in("x"), "event:=x; idle" },
    { "headers alone", { S(":event-type", "ping") }, in(""),
      "event:ping; idle" },
    { "what a model says",
      { S(":event-type", "chunk"), S(":content-type", "application/json"),
        S(":message-type", "event") }, in("{\"bytes\":\"e30=\"}"),
      "event:chunk={\"bytes\":\"e30=\"}; idle" },
    { "an exception",
      { S(":exception-type", "throttlingException"),
        S(":content-type", "application/json"),
        S(":message-type", "exception") }, in("{\"message\":\"slow down\"}"),
      "exception:throttlingException={\"message\":\"slow down\"}; idle" },
    { "an error",
      { S(":message-type", "error"), S(":error-code", "InternalError"),
        S(":error-message", "no") }, in(""), "error:InternalError; idle" },
    { "a :message-type that nobody knows", { S(":message-type", "events"),
      S(":event-type", "x") }, in(""), "error:; idle" },
    { "an empty one", { S(":message-type", "") }, in(""), "error:; idle" },
    { "a part of one", { S(":message-type", "even") }, in(""),
      "error:; idle" },
    { "one of 16 bytes", { S(":message-type", "event           ") }, in(""),
      "error:; idle" },
    { "one of 17 bytes, known but for the last",
      { S(":message-type", "exception........") }, in(""), "error:; idle" },
    { "one that is no string", { H(":message-type", 6, "event") }, in(""),
      "error:; idle" },
    { "one that is true", { H(":message-type", 0, "") }, in(""),
      "error:; idle" },
    { "the last of two counts", { S(":message-type", "exception"),
      S(":exception-type", "x"), S(":message-type", "event"),
      S(":event-type", "y") }, in(""), "event:; idle" },
    { "a type is that of the message", { S(":event-type", "y"),
      S(":message-type", "exception") }, in(""), "exception:; idle" },
    { "of two types the worse counts", { S(":exception-type", "x"),
      S(":event-type", "y"), S(":message-type", "exception") }, in(""),
      "exception:x; idle" },
    { "in whatever order", { S(":message-type", "exception"),
      S(":event-type", "y"), S(":exception-type", "x") }, in(""),
      "exception:x; idle" },
    { "of two of a kind the last", { S(":event-type", "longer"),
      S(":event-type", "y") }, in(""), "event:y; idle" },
    { "an empty type", { S(":event-type", "longer"), S(":event-type", "") },
      in("z"), "event:=z; idle" },
    { "a type that is no string", { H(":event-type", 6, "x") }, in(""),
      "event:; idle" },
    { "a type of 31 bytes", { S(":event-type",
      "1234567890123456789012345678901") }, in(""),
      "event:1234567890123456789012345678901; idle" },
    { "a longer one is cut", { S(":event-type",
      "123456789012345678901234567890123456789012345678901234567890") },
      in("z"),
      "event:1234567890123456789012345678901=z; idle" },
    { "names that begin as known ones do", { S(":event-typ", "a"),
      S(":event-types", "b"), S(":exception-type-of", "c"), S(":", "d"),
      S(":error-codes", "e"), S(":message-typ", "f") }, in(""),
      "event:; idle" },
    { "names have a case", { S(":Event-Type", "a") }, in(""),
      "event:; idle" },
    { "a name of no bytes", { S("", "a"), S(":event-type", "b") }, in(""),
      "event:b; idle" },
    { "a name of 255 bytes", { S(
      "1234567890123456789012345678901234567890123456789012345678901234567"
      "1234567890123456789012345678901234567890123456789012345678901234567"
      "1234567890123456789012345678901234567890123456789012345678901234567"
      "123456789012345678901234567890123456789012345678901234", "a"),
      S(":event-type", "b") }, in(""), "event:b; idle" },
    { "values of all fixed sizes", { H("true", 0, ""), H("false", 1, ""),
      H("byte", 2, "1"), H("short", 3, "12"), H("int", 4, "1234"),
      H("long", 5, "12345678"), S(":event-type", "a"), { 0 } }, in("z"),
      "event:a=z; idle" },
    { "and the others", { H("time", 8, "12345678"),
      H("uuid", 9, "1234567890123456"), H("bytes", 6, "1234567"),
      H("none", 6, ""), S("empty", ""), S(":event-type", "a") }, in("z"),
      "event:a=z; idle" },
    { "true is the last", { S(":event-type", "a"), H("x", 0, "") }, in("z"),
      "event:a=z; idle" },
    { "a string of no bytes is the last", { S(":event-type", "a"),
      S("x", "") }, in("z"), "event:a=z; idle" }
};


static void
put(bytes_t *b, const frame_t *f)
{
    bytes_t          headers;
    const header_t  *h;

    memset(&headers, 0, sizeof(headers));

    for (h = f->header; h < f->header + 8 && h->name; h++) {
        frame_put_header(&headers, h->name, h->type, h->value, h->len);
    }

    frame_put(b, &headers, f->payload, f->len);
    bytes_free(&headers);
}


static void
test_frames(void)
{
    size_t         i;
    bytes_t        body, all, said;
    frame_log_t    log;

    memset(&body, 0, sizeof(body));
    memset(&all, 0, sizeof(all));
    memset(&said, 0, sizeof(said));

    for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        body.len = 0;
        put(&body, &frames[i]);
        put(&all, &frames[i]);
        bytes_put(&said, frames[i].said, strlen(frames[i].said) - 4);

        test_body(frames[i].name, &body, frames[i].said);
    }

    bytes_put(&said, "idle", 5);
    test_body("all of them, one behind the other", &all, (char *) said.data);

    frame_log_read(&log, whole, all.data, all.len);
    ok(log.frames == i, "each of them is one");
    ok(log.crcs <= 3 * i, "CRCs are taken over all that lies together");
    frame_log_free(&log);

    bytes_free(&body);
    bytes_free(&all);
    bytes_free(&said);
}


/*
 * Frames that are wrong, as bytes between both CRCs, which are right.  Behind
 * each stands a good one, that nobody may read.
 */

typedef struct {
    const char  *name;
    uint32_t     total;          /* 0: as it is */
    uint32_t     headers;
    const char  *body;
    size_t       len;
    const char  *said;
} wrong_t;

#define REST  0xffffffff         /* headers: all of the body */


static const wrong_t  wrongs[] = {
    { "a length of 1", 1, 0, in(""), "broken" },
    { "a length of 15", 15, 0, in(""), "broken" },
    { "a length of all bits", 0xffffffff, 0, in(""), "broken" },
    { "a frame too long by one", LLM_FRAME_MAX + 1, 0, in(""), "broken" },
    { "the longest frame", LLM_FRAME_MAX, 0, in(""), NULL },
    { "headers longer than the frame", 0, 100, in("x"), "broken" },
    { "longer by one", 0, 2, in("x"), "broken" },
    { "and it could be a header", 0, 2, in("\0"), "broken" },
    { "of all bits but one", 0, 0xfffffffe, in("x"), "broken" },
    { "of more than any may have", LLM_FRAME_MAX, LLM_FRAME_HEADERS + 1,
      in(""), "broken" },
    { "of as much as any may have", LLM_FRAME_MAX, LLM_FRAME_HEADERS,
      in("\x7f" "a"), NULL },
    { "a name without a type", 0, 1, in("\x01" "abc"), "broken" },
    { "a name as long as the headers", 0, REST, in("\x03" "abc"), "broken" },
    { "a name longer than them", 0, REST, in("\x04" "abc"), "broken" },
    { "a name of 0 bytes, and nothing", 0, REST, in("\0"), "broken" },
    { "a value of type 10", 0, REST, in("\x01" "a\x0a" "1234567890123456789"),
      "broken" },
    { "of type 255", 0, REST, in("\x01" "a\xff" "1234567890123456789"),
      "broken" },
    { "a byte that is not there", 0, REST, in("\x01" "a\x02"), "broken" },
    { "half of a short", 0, REST, in("\x01" "a\x03" "1"), "broken" },
    { "an int of three bytes", 0, REST, in("\x01" "a\x04" "123"), "broken" },
    { "a long of seven", 0, REST, in("\x01" "a\x05" "1234567"), "broken" },
    { "a timestamp of seven", 0, REST, in("\x01" "a\x08" "1234567"),
      "broken" },
    { "a uuid of 15", 0, REST, in("\x01" "a\x09" "123456789012345"),
      "broken" },
    { "a string without a length", 0, REST, in("\x01" "a\x07"), "broken" },
    { "with half of one", 0, REST, in("\x01" "a\x07" "1"), "broken" },
    { "longer than the headers", 0, REST, in("\x01" "a\x07\0\4" "abc"),
      "broken" },
    { "longer by far", 0, REST, in("\x01" "a\x07\xff\xff" "abc"), "broken" },
    { "bytes longer than the headers", 0, REST, in("\x01" "a\x06\0\1"),
      "broken" },
    { "a payload does not help", 0, 6, in("\x01" "a\x07\0\2" "abc"),
      "broken" },
    { "a good header first", 0, REST, in("\x01" "a\x00\x01" "b\x0b"),
      "broken" },
    { "a header of one byte at the end", 0, REST, in("\x01" "a\x00\x01"),
      "broken" },
};


static void
test_wrong(void)
{
    size_t          i;
    bytes_t         body;
    const wrong_t  *w;

    memset(&body, 0, sizeof(body));

    for (i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        w = &wrongs[i];
        body.len = 0;

        frame_put_u32(&body, w->total ? w->total : 16 + w->len);
        frame_put_u32(&body, w->headers == REST ? w->len : w->headers);
        frame_put_u32(&body, frame_crc(0, body.data, 8));
        bytes_put(&body, w->body, w->len);
        frame_put_u32(&body, frame_crc(0, body.data, body.len));

        if (w->said) {
            put(&body, &frames[3]);
            test_body(w->name, &body, w->said);

        } else {
            body.len -= 4;
            test_body(w->name, &body, w->headers ? "within" : "event:within");
        }
    }

    bytes_free(&body);
}


/* No bit of a frame can be another: it is refused, or not complete. */

static void
test_bits(void)
{
    int          bad;
    size_t       i;
    bytes_t      body;
    frame_log_t  log, standard;

    memset(&body, 0, sizeof(body));
    put(&body, &frames[4]);
    bad = 0;

    for (i = 0; i < body.len * 8; i++) {
        body.data[i / 8] ^= 1 << i % 8;

        frame_log_read(&log, whole, body.data, body.len);
        frame_standard(&standard, body.data, body.len);

        bad += log.frames != 0;
        bad += !llm_frame_broken(&log.reader);
        bad += (i < 12 * 8 && log.out.data[0] != 's');
        bad += !bytes_same(&log.out, &standard.out);
        bad += !all_cuts(&log, body.data, body.len, 0);

        frame_log_free(&log);
        frame_log_free(&standard);
        body.data[i / 8] ^= 1 << i % 8;
    }

    ok(bad == 0, "%zu frames with a bit turned over, %d taken", i, bad);
    bytes_free(&body);
}


static void
test_short(void)
{
    int          bad;
    size_t       i;
    bytes_t      body;
    frame_log_t  log, standard;

    memset(&body, 0, sizeof(body));
    put(&body, &frames[4]);
    bad = 0;

    for (i = 0; i < body.len; i++) {
        frame_log_read(&log, whole, body.data, i);
        frame_standard(&standard, body.data, i);

        bad += log.frames || log.refused || llm_frame_broken(&log.reader);
        bad += llm_frame_idle(&log.reader) != (i == 0);
        bad += !bytes_same(&log.out, &standard.out);
        bad += !all_cuts(&log, body.data, i, 2);

        frame_log_free(&log);
        frame_log_free(&standard);
    }

    ok(bad == 0, "a frame cut short at every byte is no frame, and not wrong");
    bytes_free(&body);
}


static void
test_crc(void)
{
    bytes_t                body, none;
    static const uint8_t   empty[] = {
        0, 0, 0, 16, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb,
        0x7d, 0x98, 0xc8, 0xff
    };

    memset(&body, 0, sizeof(body));
    memset(&none, 0, sizeof(none));

    ok(frame_crc(0, (const uint8_t *) "123456789", 9) == 0xcbf43926,
       "the CRC of the tests is CRC-32");

    frame_put(&body, &none, "", 0);
    ok(body.len == 16 && memcmp(body.data, empty, 16) == 0,
       "a frame is made as the format says");

    bytes_free(&body);
}


/* A long payload in pieces: a CRC a piece, and nothing is kept. */

static void
test_long(void)
{
    cut_t        cut;
    bytes_t      body, headers;
    uint8_t      plan, *payload;
    frame_log_t  log, standard;

    memset(&body, 0, sizeof(body));
    memset(&headers, 0, sizeof(headers));
    memset(&cut, 0, sizeof(cut));

    payload = malloc(1000000);
    CHECK(payload != NULL);
    memset(payload, 'x', 1000000);

    frame_put_header(&headers, ":event-type", 7, "chunk", 5);
    frame_put(&body, &headers, payload, 1000000);
    frame_standard(&standard, body.data, body.len);

    cut.how = CUT_PLAN;
    cut.plan = &plan;
    cut.nplan = 1;
    plan = 255;

    frame_log_read(&log, cut, body.data, body.len);
    ok(bytes_same(&log.out, &standard.out) && log.frames == 1,
       "a payload of 1000000 bytes, 256 at a time");
    ok(log.crcs <= 2 + (body.len + 255) / 256, "a CRC a piece");

    frame_log_free(&log);
    frame_log_free(&standard);
    bytes_free(&body);
    bytes_free(&headers);
    free(payload);
}


/* Bodies put together at random, some with bytes changed. */

static void
test_random(int n)
{
    int          i, bad, good;
    size_t       k, parts;
    bytes_t      body, headers;
    uint64_t     seed;
    frame_log_t  standard;

    static const char *const  names[] = {
        ":message-type", ":event-type", ":exception-type", ":error-code",
        ":content-type", "", "x", "a-name-of-twenty-byt", ":exception-type."
    };
    static const char *const  values[] = {
        "event", "exception", "error", "", "chunk", "x", "another value",
        "a value that is longer than what is kept of a type, by far"
    };

#define any(t)  t[cut_random(&seed) % (sizeof(t) / sizeof(t[0]))]

    memset(&body, 0, sizeof(body));
    memset(&headers, 0, sizeof(headers));
    seed = 7;
    bad = 0;
    good = 0;

    for (i = 0; i < n; i++) {
        body.len = 0;

        for (parts = cut_random(&seed) % 4; parts; parts--) {
            headers.len = 0;

            for (k = cut_random(&seed) % 6; k; k--) {
                const char  *name, *value;

                name = any(names);
                value = any(values);

                if (cut_random(&seed) % 3) {
                    frame_put_header(&headers, name, 7, value, strlen(value));

                } else {
                    static const uint8_t  sizes[] = { 0, 0, 1, 2, 4, 8, 3, 3,
                                                      8, 16 };
                    uint8_t               type;

                    type = cut_random(&seed) % 10;
                    frame_put_header(&headers, name, type,
                                     "0123456789abcdef", sizes[type]);
                }
            }

            /* a header that is wrong, within CRCs that are right */

            if (headers.len && cut_random(&seed) % 4 == 0) {
                headers.data[cut_random(&seed) % headers.len]
                    = cut_random(&seed);
            }

            frame_put(&body, &headers, "{\"a\":\"some payload, 1 2 3\"}",
                      cut_random(&seed) % 27);
        }

        if (body.len && cut_random(&seed) % 3 == 0) {
            body.data[cut_random(&seed) % body.len] ^= cut_random(&seed);
        }

        if (body.len && cut_random(&seed) % 4 == 0) {
            body.len = cut_random(&seed) % body.len;
        }

        frame_standard(&standard, body.data, body.len);
        bad += !all_cuts(&standard, body.data, body.len, 2);
        good += standard.frames;
        frame_log_free(&standard);
    }

    ok(bad == 0 && good > n / 2,
       "%d random bodies with %d good frames, %d read otherwise", n, good,
       bad);
    bytes_free(&body);
    bytes_free(&headers);
}


int
main(void)
{
    test_crc();
    test_frames();
    test_wrong();
    test_bits();
    test_short();
    test_long();
    test_random(getenv("LLM_PROOF") ? 100000 : 1000);

    return tap_done();
}
