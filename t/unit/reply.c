
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Replies of gates, read back by the reader of responses: whatever is put
 * into them they are one JSON value, an error of the right class, and the
 * end of the stream that they stand in.
 *
 * What this cannot see: whether a provider's own SDK raises the right error;
 * that is 37-sdk.t.
 */


#define _GNU_SOURCE

#include "llm_reply.h"
#include "llm_request.h"
#include "response_log.h"


#define COUNT(a)  (sizeof(a) / sizeof(a[0]))


static llm_dialect_set_t  set;


/* CRC-32 bit by bit, as its definition has it. */

static uint32_t
crc(uint32_t c, const uint8_t *p, size_t len)
{
    unsigned  bit;

    for (c = ~c; len--; p++) {
        c ^= *p;

        for (bit = 0; bit < 8; bit++) {
            c = (c >> 1) ^ (c & 1 ? 0xedb88320u : 0);
        }
    }

    return ~c;
}


static const llm_str_t  gates[] = {
    llm_string("budget day"),
    llm_string(""),
    llm_string("\"}],\"x\":[\x01\x1f\x7f\r\n\n\ndata: [DONE]\n\n"),
    llm_string("\xff\xfe\xc3\xa9\xed\xa0\x80$m$t$c$s$p"),
    llm_string("0123456789012345678901234567890123456789012345678901234567"
               "0123456789012345678901234567890123456789")
};


/* A text of 400 bytes, that ends between the bytes of a character if cut at
 * 400 + shift. */

static llm_str_t
long_text(unsigned shift)
{
    size_t          i;
    llm_str_t       s;
    static uint8_t  text[3000];

    memset(text, 'x', shift);

    for (i = shift; i + 3 <= sizeof(text); i += 3) {
        memcpy(text + i, "\xe2\x82\xac", 3);
    }

    s.data = text;
    s.len = i;

    return s;
}


/* What the class must be of a reply that does not tell its own. */

static const struct {
    unsigned  status;
    unsigned  classes[3];
} reasons[LLM_REASON_N] = {
    [LLM_REASON_RATE] = { 429, { LLM_ERROR_RATE_LIMIT,
                                 LLM_ERROR_OVERLOADED } },
    [LLM_REASON_QUOTA] = { 429, { LLM_ERROR_RATE_LIMIT } },
    [LLM_REASON_MODEL] = { 403, { LLM_ERROR_AUTH, LLM_ERROR_NOT_FOUND } },
    [LLM_REASON_DENIED] = { 403, { LLM_ERROR_AUTH } },
    [LLM_REASON_INPUT] = { 413, { LLM_ERROR_TOO_LARGE } },
    [LLM_REASON_OUTPUT] = { 400, { LLM_ERROR_INVALID_REQUEST } },
    [LLM_REASON_COST] = { 429, { LLM_ERROR_RATE_LIMIT,
                                 LLM_ERROR_INVALID_REQUEST } },
    [LLM_REASON_UNREADABLE] = { 400, { LLM_ERROR_INVALID_REQUEST } },
    [LLM_REASON_ENCODING] = { 415, { LLM_ERROR_INVALID_REQUEST } },
    [LLM_REASON_TOO_LARGE] = { 413, { LLM_ERROR_TOO_LARGE } },
    [LLM_REASON_TIMEOUT] = { 504, { LLM_ERROR_TIMEOUT } },
    [LLM_REASON_SERVER] = { 500, { LLM_ERROR_SERVER_ERROR } }
};


static int
is_class(const llm_response_t *r, unsigned reason, unsigned status)
{
    unsigned  i, class;

    class = llm_dialect_error(r->error_type, r->error_code, status);

    for (i = 0; i < COUNT(reasons[0].classes); i++) {
        if (class == reasons[reason].classes[i] && class != LLM_ERROR_NONE) {
            return 1;
        }
    }

    printf("# reason %u: class %u (%u %u)\n", reason, class, r->error_type,
           r->error_code);

    return 0;
}


/* One JSON value and nothing behind it. */

static int
is_json(const uint8_t *p, size_t len)
{
    int             good;
    llm_request_t  *r;

    r = malloc(sizeof(llm_request_t));
    CHECK(r != NULL);

    llm_request_init(r, &set);
    llm_request_feed(r, p, len, len);
    llm_request_end(r);

    good = (r->state == LLM_REQUEST_READ);
    free(r);

    return good;
}


/* All sizes of the buffer, each an allocation of its own: a reply that does
 * not fit is none. */

typedef size_t (*writer_pt)(uint8_t *buf, size_t size, unsigned dialect,
    unsigned framing, const llm_refusal_t *r);

static size_t
write_body(uint8_t *buf, size_t size, unsigned dialect, unsigned framing,
    const llm_refusal_t *r)
{
    (void) framing;

    return llm_reply_body(buf, size, dialect, r);
}


static int
sizes(writer_pt writer, unsigned dialect, unsigned framing,
    const llm_refusal_t *r, size_t len, const uint8_t *want)
{
    size_t    n, got;
    uint8_t  *p;

    for (n = 0; n <= len + 1; n++) {
        p = malloc(n ? n : 1);
        CHECK(p != NULL);

        got = writer(p, n, dialect, framing, r);

        if (got != (n < len ? 0 : len) || (got && memcmp(p, want, got))) {
            printf("# size %zu of %zu: %zu\n", n, len, got);
            free(p);
            return 0;
        }

        free(p);
    }

    return 1;
}


static void
bodies(unsigned dialect)
{
    int             good, json, right, sized;
    size_t          len, i;
    uint8_t        *buf;
    unsigned        shift;
    llm_refusal_t   r;
    llm_response_t  a;

    buf = malloc(LLM_REPLY_MAX);
    CHECK(buf != NULL);

    good = json = right = sized = 1;

    for (r.reason = 0; r.reason < LLM_REASON_N; r.reason++) {
        r.status = reasons[r.reason].status;

        for (i = 0; i < COUNT(gates) + 6; i++) {
            shift = i < 6 ? (unsigned) i : 0;
            r.gate = i < 6 ? gates[0] : gates[i - 6];
            r.text = i < 6 ? long_text(shift) : gates[COUNT(gates) + 5 - i];

            len = llm_reply_body(buf, LLM_REPLY_MAX, dialect, &r);
            good = good && len > 0;

            json = json && is_json(buf, len)
                   && (i >= 6 || memmem(buf, len, "\xef\xbf\xbd", 3) == NULL);

            if (i == 6 + 2) {
                sized = sized && sizes(write_body, dialect, 0, &r, len, buf);
            }

            llm_response_init(&a, &set, dialect, LLM_FRAMING_JSON);
            llm_response_feed(&a, buf, len);
            llm_response_end(&a);

            right = right && (a.error || dialect == LLM_DIALECT_CONVERSE
                              || dialect == LLM_DIALECT_INVOKE
                              || dialect == LLM_DIALECT_COHERE
                              || dialect == LLM_DIALECT_COHERE_V1
                              || dialect == LLM_DIALECT_NONE)
                    && is_class(&a, r.reason, r.status);
        }
    }

    ok(good, "%s: a body for each reason", llm_dialects[dialect]->name);
    ok(json, "%s: bodies are JSON", llm_dialects[dialect]->name);
    ok(right, "%s: bodies are errors of their class",
       llm_dialects[dialect]->name);
    ok(sized, "%s: a body that does not fit is none",
       llm_dialects[dialect]->name);

    free(buf);
}


/* An event after what a stream of the framing may hold so far. */

static const struct {
    unsigned     dialect;
    unsigned     framing;
    const char  *before;
    unsigned     own;            /* the event tells its class by itself */
} streams[] = {
    { LLM_DIALECT_CHAT, LLM_FRAMING_SSE,
      "data: {\"id\":\"1\",\"choices\":[{\"index\":0,"
      "\"delta\":{\"content\":\"Hi\"}}]}\n\n", 1 },
    { LLM_DIALECT_COMPLETIONS, LLM_FRAMING_SSE,
      "data: {\"choices\":[{\"text\":\"Hi\"}]}\n\n", 1 },
    { LLM_DIALECT_RESPONSES, LLM_FRAMING_SSE,
      "event: response.output_text.delta\n"
      "data: {\"type\":\"response.output_text.delta\","
      "\"delta\":\"Hi\"}\n\n", 1 },
    { LLM_DIALECT_MESSAGES, LLM_FRAMING_SSE,
      "event: content_block_delta\n"
      "data: {\"type\":\"content_block_delta\",\"index\":0,"
      "\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n", 1 },
    { LLM_DIALECT_COMPLETE, LLM_FRAMING_SSE,
      "event: completion\ndata: {\"type\":\"completion\","
      "\"completion\":\"Hi\"}\n\n", 1 },
    { LLM_DIALECT_GEMINI, LLM_FRAMING_SSE,
      "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}]}"
      "\r\n\r\n", 1 },
    { LLM_DIALECT_GEMINI, LLM_FRAMING_ARRAY,
      "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}]}\n",
      1 },
    { LLM_DIALECT_INTERACTIONS, LLM_FRAMING_SSE,
      "event: step.delta\ndata: {\"event_type\":\"step.delta\","
      "\"delta\":{\"type\":\"text\",\"text\":\"Hi\"}}\n\n", 1 },
    { LLM_DIALECT_CONVERSE, LLM_FRAMING_EVENTSTREAM, "", 1 },
    { LLM_DIALECT_INVOKE, LLM_FRAMING_EVENTSTREAM, "", 1 },
    { LLM_DIALECT_COHERE, LLM_FRAMING_SSE,
      "event: content-delta\ndata: {\"type\":\"content-delta\","
      "\"delta\":{\"message\":{\"content\":{\"text\":\"Hi\"}}}}\n\n", 0 },
    { LLM_DIALECT_COHERE_V1, LLM_FRAMING_NDJSON,
      "{\"event_type\":\"text-generation\",\"text\":\"Hi\"}\n", 0 },
    { LLM_DIALECT_OLLAMA, LLM_FRAMING_NDJSON,
      "{\"message\":{\"content\":\"Hi\"},\"done\":false}\n", 0 },
    { LLM_DIALECT_LLAMACPP, LLM_FRAMING_SSE,
      "data: {\"content\":\"Hi\",\"stop\":false}\n\n", 1 },
    { LLM_DIALECT_TGI, LLM_FRAMING_SSE,
      "data:{\"token\":{\"text\":\"Hi\"}}\n\n", 1 },
    { LLM_DIALECT_LMSTUDIO, LLM_FRAMING_SSE,
      "event: message.delta\ndata: {\"type\":\"message.delta\","
      "\"content\":\"Hi\"}\n\n", 1 },
    { LLM_DIALECT_WORKERS_AI, LLM_FRAMING_SSE,
      "data: {\"response\":\"Hi\"}\n\n", 0 }
};


/* Whether what is left of the stream, cut as it may be, ends in order, and
 * as an error. */

static int
ends(size_t at, int first, const llm_refusal_t *r, const uint8_t *event,
    size_t len)
{
    int              good;
    bytes_t          body, said[2];
    unsigned         i;
    response_log_t  *log;

    log = malloc(sizeof(response_log_t));
    CHECK(log != NULL);

    memset(&body, 0, sizeof(bytes_t));

    if (!first) {
        bytes_put(&body, streams[at].before, strlen(streams[at].before));
    }

    bytes_put(&body, event, len);
    good = 1;

    for (i = 0; i < 2; i++) {
        cut_t  cut = { i ? CUT_BYTES : CUT_WHOLE, 0, NULL, 0, 0 };

        response_log_read(log, &set, streams[at].dialect,
                          streams[at].framing, cut, body.data, body.len,
                          &said[i]);

        good = good && log->r.error && !log->r.malformed && !log->r.broken
               && log->r.framing == streams[at].framing
               && log->r.content_events == (first || !*streams[at].before
                                            ? 0u : 1u);

        good = good && (streams[at].own
                        ? is_class(&log->r, r->reason, 200)
                        : log->r.error_type == LLM_ERROR_NONE
                          || log->r.error_type == LLM_ERROR_OTHER);
    }

    good = good && bytes_same(&said[0], &said[1]);

    if (!good) {
        printf("# %.*s\n", (int) body.len, body.data);
    }

    for (i = 0; i < 2; i++) {
        bytes_free(&said[i]);
    }

    bytes_free(&body);
    free(log);

    return good;
}


/* Of the reasons that can end a stream once it runs. */

static void
events(size_t at)
{
    int            good, sized, framed;
    size_t         len, i;
    uint8_t       *buf;
    llm_refusal_t  r;

    buf = malloc(LLM_REPLY_MAX);
    CHECK(buf != NULL);

    good = sized = framed = 1;

    for (i = 0; i < COUNT(gates); i++) {
        unsigned  first;

        r.gate = gates[i];
        r.text = gates[COUNT(gates) - 1 - i];
        r.reason = i % 2 ? LLM_REASON_TIMEOUT : LLM_REASON_RATE;
        r.status = reasons[r.reason].status;

        for (first = 0; first < 2; first++) {
            len = llm_reply_event(buf, LLM_REPLY_MAX, streams[at].dialect,
                                  streams[at].framing
                                  | (first ? LLM_REPLY_FIRST : 0), &r);
            good = good && len && ends(at, first, &r, buf, len);
        }

        if (i == 2) {
            sized = sizes(llm_reply_event, streams[at].dialect,
                          streams[at].framing | LLM_REPLY_FIRST, &r, len,
                          buf);
        }
    }

    framed = llm_reply_event(buf, LLM_REPLY_MAX, streams[at].dialect,
                             LLM_FRAMING_JSON, &r) == 0
             && llm_reply_event(buf, LLM_REPLY_MAX, streams[at].dialect,
                                LLM_FRAMING_OPAQUE, &r) == 0
             && llm_reply_event(buf, LLM_REPLY_MAX, streams[at].dialect,
                                LLM_FRAMING_UNKNOWN | LLM_REPLY_FIRST, &r)
                != 0;

    ok(good, "%s, framing %u: an event ends the stream",
       llm_dialects[streams[at].dialect]->name, streams[at].framing);
    ok(sized, "%s, framing %u: an event that does not fit is none",
       llm_dialects[streams[at].dialect]->name, streams[at].framing);
    ok(framed, "%s: a plain body has no events",
       llm_dialects[streams[at].dialect]->name);

    free(buf);
}


static int
says(unsigned dialect, unsigned reason, const char *want)
{
    size_t         len;
    char           buf[LLM_REPLY_MAX + 1];
    llm_refusal_t  r = { reason, reasons[reason].status,
                         llm_string("budget day"), llm_string("0 left") };

    len = llm_reply_body((uint8_t *) buf, LLM_REPLY_MAX, dialect, &r);
    buf[len] = '\0';

    if (strcmp(buf, want) != 0) {
        printf("# %s\n", buf);
        return 0;
    }

    return 1;
}


static void
words(void)
{
    llm_str_t  s;

    ok(says(LLM_DIALECT_CHAT, LLM_REASON_QUOTA,
            "{\"error\":{\"message\":\"Budget spent (budget day): 0 left\","
            "\"type\":\"insufficient_quota\",\"param\":null,"
            "\"code\":\"insufficient_quota\"}}"), "OpenAI's words");
    ok(says(LLM_DIALECT_RESPONSES, LLM_REASON_MODEL,
            "{\"error\":{\"message\":\"This model is not allowed here "
            "(budget day): 0 left\",\"type\":\"invalid_request_error\","
            "\"param\":\"model\",\"code\":\"model_not_found\"}}"),
       "a parameter");
    ok(says(LLM_DIALECT_MESSAGES, LLM_REASON_RATE,
            "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\","
            "\"message\":\"Rate limit reached (budget day): 0 left\"}}"),
       "Anthropic's words");
    ok(says(LLM_DIALECT_GEMINI, LLM_REASON_RATE,
            "{\"error\":{\"code\":429,\"message\":\"Rate limit reached "
            "(budget day): 0 left\",\"status\":\"RESOURCE_EXHAUSTED\"}}"),
       "Gemini's words");

    s = llm_reply_header(LLM_DIALECT_CONVERSE, LLM_REASON_RATE);
    ok(llm_str_is(s, "ThrottlingException"), "a header of AWS");

    s = llm_reply_header(LLM_DIALECT_CHAT, LLM_REASON_RATE);
    ok(s.len == 0, "and of nobody else");

    ok(says(LLM_DIALECT_N + 7, LLM_REASON_SERVER,
            "{\"error\":{\"message\":\"The gateway failed (budget day): "
            "0 left\",\"type\":\"server_error\",\"param\":null,"
            "\"code\":\"server_error\"}}"), "no such dialect");

    ok(llm_reply_dialect(LLM_DIALECT_EMBEDDINGS,
                         (llm_str_t) llm_string("gcp.gemini"))
       == LLM_DIALECT_GEMINI
       && llm_reply_dialect(LLM_DIALECT_EMBEDDINGS,
                            (llm_str_t) llm_string("openai"))
          == LLM_DIALECT_EMBEDDINGS
       && llm_reply_dialect(LLM_DIALECT_CHAT,
                            (llm_str_t) llm_string("gcp.gemini"))
          == LLM_DIALECT_CHAT, "the provider tells, where the API does not");
}


int
main(void)
{
    size_t    i;
    unsigned  dialect;

    CHECK(llm_dialect_compile(&set) == LLM_JSON_OK);
    set.crc = crc;

    words();

    for (dialect = 0; dialect < LLM_DIALECT_N; dialect++) {
        bodies(dialect);
    }

    for (i = 0; i < COUNT(streams); i++) {
        events(i);
    }

    return tap_done();
}
