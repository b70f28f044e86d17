
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Responses as lines of JSON, as one array and as AWS frames: how many events
 * they have, how many with content, what is no JSON, what is complete; each
 * whole, byte by byte, split in two at every place and at random.
 */


#include "frame_log.h"
#include "response_log.h"


#define in(s)  s, sizeof(s) - 1


static llm_dialect_set_t  set;


/* m: malformed, c: complete, e: an error */

typedef struct {
    const char  *name;
    const char  *body;
    size_t       len;
    const char  *said;
} body_t;


#define LINE(text, done)                                                      \
    "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\""     \
    text "\"},\"done\":" done "}"
#define MORE  LINE("more", "false")
#define LAST  LINE("", "true")


static const body_t  lines[] = {
    { "a stream", in(MORE "\n" MORE "\n" LAST "\n"), "3 2 c" },
    { "without a last line end", in(MORE "\n" LAST), "2 1 c" },
    { "with CRLF, and blank lines", in(MORE "\r\n\r\n" LAST "\r\n"),
      "2 1 c" },
    { "indented", in("{\n  \"message\": {\n    \"content\": \"a\"\n  }\n}\n"
                     LAST "\n"), "2 1 c" },
    { "without its last line", in(MORE "\n" MORE "\n"), "2 2" },
    { "cut in a line", in(MORE "\n{\"message\":{\"content\":\"ab"), "2 2" },
    { "a line that is no JSON", in(MORE "\nno\n" LAST "\n"), "3 1 mc" },
    { "a line behind another", in(MORE MORE "\n" LAST "\n"), "3 1 mc" },
    { "a bracket too many", in(MORE "}\n" LAST "\n"), "3 1 mc" },
    { "a line cut short, and the next",
      in("{\"message\":{\"content\":\"a\n" MORE "\n" LAST "\n"), "3 2 mc" },
    { "an error instead of a line",
      in(MORE "\n{\"error\":\"no more memory\"}\n"), "2 1 ce" }
};


#define PART(text)                                                            \
    "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"" text "\"}],"     \
    "\"role\":\"model\"},\"index\":0}]}"


static const body_t  arrays[] = {
    { "a stream", in("[" PART("a") "\n,\r\n" PART("b") "\n]\n"), "2 2 c" },
    { "an empty one", in("[]"), "0 0 c" },
    { "not closed", in("[" PART("a") "\n,\r\n" PART("b")), "2 2" },
    { "cut in an element", in("[" PART("a") ",{\"candidates\":[{\"content\":"
      "{\"parts\":[{\"text\":\"abc"), "2 2" },
    { "a comma missing", in("[" PART("a") "\n" PART("b") "\n]"), "1 1 m" },
    { "two commas", in("[" PART("a") ",," PART("b") "]"), "2 1 m" },
    { "a comma last", in("[" PART("a") ",]"), "2 1 m" },
    { "something behind it", in("[" PART("a") "]x"), "1 1 mc" },
    { "an element that is no JSON", in("[" PART("a") ",{'b':1}]"), "2 1 m" }
};


static void
spell(const llm_response_t *r, char *to, size_t size)
{
    int  malformed, complete, error;

    malformed = llm_response_malformed(r);
    complete = llm_response_complete(r, 1);
    error = r->error;

    snprintf(to, size, "%u %u%s%s%s%s", (unsigned) r->events,
             (unsigned) r->content_events,
             malformed || complete || error ? " " : "", malformed ? "m" : "",
             complete ? "c" : "", error ? "e" : "");
}


static int
reads(const bytes_t *want, const char *said, unsigned dialect, unsigned hint,
    cut_t cut, const uint8_t *p, size_t len)
{
    int             good;
    char            have[64];
    bytes_t         facts;
    response_log_t  log;

    response_log_read(&log, &set, dialect, hint, cut, p, len, &facts);
    spell(&log.r, have, sizeof(have));

    good = strcmp(have, said) == 0 && bytes_same(want, &facts);

    if (strcmp(have, said) != 0) {
        printf("# said %s, want %s\n", have, said);
    }

    bytes_free(&facts);

    return good;
}


static void
test(const char *what, const char *name, const char *said, unsigned dialect,
    unsigned hint, const void *body, size_t len)
{
    int             good;
    cut_t           cut;
    size_t          n;
    bytes_t         want;
    uint8_t         plan[2];
    response_log_t  log;

    memset(&cut, 0, sizeof(cut));
    response_log_read(&log, &set, dialect, hint, cut, body, len, &want);
    good = reads(&want, said, dialect, hint, cut, body, len);

    cut.how = CUT_BYTES;
    good &= reads(&want, said, dialect, hint, cut, body, len);

    cut.how = CUT_RANDOM;

    for (cut.seed = 0; cut.seed < 20; cut.seed++) {
        good &= reads(&want, said, dialect, hint, cut, body, len);
    }

    cut.how = CUT_PLAN;
    cut.plan = plan;
    cut.nplan = 2;
    plan[1] = 255;

    for (n = 0; n + 1 < len && n < 256; n++) {
        plan[0] = n;
        good &= reads(&want, said, dialect, hint, cut, body, len);
    }

    ok(good, "%s: %s", what, name);
    bytes_free(&want);
}


/* A frame with a type; how: "" as it is, p: a bit of its prelude is another,
   b: of its payload, x: an exception */

static void
put_frame(bytes_t *to, const char *type, const char *payload, char how)
{
    size_t   at;
    bytes_t  headers;

    memset(&headers, 0, sizeof(headers));
    at = to->len;

    frame_put_header(&headers, how == 'x' ? ":exception-type" : ":event-type",
                     7, type, strlen(type));
    frame_put_header(&headers, ":content-type", 7, "application/json", 16);
    frame_put_header(&headers, ":message-type", 7,
                     how == 'x' ? "exception" : "event", how == 'x' ? 9 : 5);
    frame_put(to, &headers, payload, strlen(payload));

    if (how == 'p') {
        to->data[at + 3] ^= 1;

    } else if (how == 'b') {
        to->data[to->len - 6] ^= 1;
    }

    bytes_free(&headers);
}


typedef struct {
    const char  *type;
    const char  *payload;
    char         how;
} event_t;

typedef struct {
    const char  *name;
    unsigned     dialect;
    event_t      event[4];
    size_t       cut;            /* bytes that the end lacks */
    const char  *said;
} frames_t;


#define START  { "messageStart", "{\"role\":\"assistant\"}", 0 }
#define DELTA  "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"a\"}}"
#define TEXT   { "contentBlockDelta", DELTA, 0 }
#define USAGE  { "metadata", "{\"usage\":{\"inputTokens\":1,"               \
                 "\"outputTokens\":2,\"totalTokens\":3}}", 0 }

/* {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",
   "text":"a"}} and {"type":"message_stop"} */

#define CHUNK                                                                 \
    "eyJ0eXBlIjoiY29udGVudF9ibG9ja19kZWx0YSIsImluZGV4IjowLCJkZWx0YSI6eyJ0"    \
    "eXBlIjoidGV4dF9kZWx0YSIsInRleHQiOiJhIn19"
#define STOP   "eyJ0eXBlIjoibWVzc2FnZV9zdG9wIn0="

#define CONVERSE  LLM_DIALECT_CONVERSE
#define INVOKE    LLM_DIALECT_INVOKE


static const frames_t  frames[] = {
    { "a stream", CONVERSE, { START, TEXT, TEXT, USAGE }, 0, "4 2 c" },
    { "without its last frame", CONVERSE, { START, TEXT, TEXT }, 0, "3 2" },
    { "cut in its last frame", CONVERSE, { START, TEXT, TEXT, USAGE }, 1,
      "3 2" },
    { "cut in a prelude", CONVERSE, { START, TEXT }, 135, "1 0" },
    { "a prelude that does not hold", CONVERSE,
      { START, { "contentBlockDelta", DELTA, 'p' }, USAGE }, 0, "1 0 m" },
    { "a payload that does not", CONVERSE,
      { TEXT, { "contentBlockDelta", DELTA, 'b' }, USAGE }, 0, "1 1 m" },
    { "counters that do not", CONVERSE,
      { TEXT, { "metadata", "{\"usage\":{\"inputTokens\":1}}", 'b' } }, 0,
      "1 1 m" },
    { "a payload that is no JSON", CONVERSE,
      { TEXT, { "contentBlockDelta", "{\"delta\":}", 0 }, USAGE }, 0,
      "3 1 mc" },
    { "an exception", CONVERSE, { TEXT,
      { "throttlingException", "{\"message\":\"slow down\"}", 'x' } }, 0,
      "2 1 ce" },
    { "base64", INVOKE, { { "chunk", "{\"bytes\":\"" CHUNK "\"}", 0 },
      { "chunk", "{\"bytes\":\"" STOP "\",\"p\":\"abc\"}", 0 } }, 0,
      "2 1 c" },
    { "base64 behind its padding", INVOKE,
      { { "chunk", "{\"p\":\"ab\",\"bytes\":\"" CHUNK "\"}", 0 },
        { "chunk", "{\"bytes\":\"" STOP "\"}", 0 } }, 0, "2 1 c" },
    { "what is no base64", INVOKE,
      { { "chunk", "{\"bytes\":\"" CHUNK "*\"}", 0 },
        { "chunk", "{\"bytes\":\"" STOP "\"}", 0 } }, 0, "2 1 mc" },
    { "an object without any", INVOKE,
      { { "chunk", "{\"p\":\"abc\"}", 0 },
        { "chunk", "{\"bytes\":\"" STOP "\"}", 0 } }, 0, "2 0 mc" },
    { "base64 of no JSON", INVOKE,
      { { "chunk", "{\"bytes\":\"YWJj\"}", 0 },
        { "chunk", "{\"bytes\":\"" STOP "\"}", 0 } }, 0, "2 0 mc" }
};


int
main(void)
{
    size_t           i;
    bytes_t          body;
    const event_t   *e;
    const frames_t  *f;

    CHECK(llm_dialect_compile(&set) == LLM_JSON_OK);
    set.crc = frame_crc;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        test("lines", lines[i].name, lines[i].said, LLM_DIALECT_OLLAMA,
             LLM_FRAMING_NDJSON, lines[i].body, lines[i].len);
    }

    for (i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
        test("array", arrays[i].name, arrays[i].said, LLM_DIALECT_GEMINI,
             LLM_FRAMING_JSON, arrays[i].body, arrays[i].len);
    }

    memset(&body, 0, sizeof(body));

    for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        f = &frames[i];
        body.len = 0;

        for (e = f->event; e < f->event + 4 && e->type; e++) {
            put_frame(&body, e->type, e->payload, e->how);
        }

        CHECK(body.len > f->cut);
        test("frames", f->name, f->said, f->dialect, LLM_FRAMING_EVENTSTREAM,
             body.data, body.len - f->cut);
    }

    bytes_free(&body);

    return tap_done();
}
