
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Writes what a gate says; the shapes stand in llm_reply_shape.c.
 */


#include "llm_reply_in.h"
#include "llm_escape.h"


typedef struct {
    uint8_t  *pos;
    uint8_t  *end;
    int       full;
} llm_reply_out_t;


static const struct {
    llm_str_t  provider;
    uint8_t    dialect;
} llm_reply_providers[] = {
    { llm_string("anthropic"), LLM_DIALECT_MESSAGES },
    { llm_string("gcp.gemini"), LLM_DIALECT_GEMINI },
    { llm_string("gcp.vertex_ai"), LLM_DIALECT_GEMINI },
    { llm_string("aws.bedrock"), LLM_DIALECT_CONVERSE },
    { llm_string("cohere"), LLM_DIALECT_COHERE },
    { llm_string("ollama"), LLM_DIALECT_OLLAMA },
    { llm_string("cloudflare"), LLM_DIALECT_WORKERS_AI }
};


#define COUNT(a)  (sizeof(a) / sizeof(a[0]))


static void
llm_reply_put(llm_reply_out_t *out, const void *p, size_t len)
{
    if (len > (size_t) (out->end - out->pos)) {
        out->full = 1;
        return;
    }

    memcpy(out->pos, p, len);
    out->pos += len;
}


static void
llm_reply_text(llm_reply_out_t *out, const char *s)
{
    llm_reply_put(out, s, strlen(s));
}


static void
llm_reply_number(llm_reply_out_t *out, unsigned n)
{
    size_t   i;
    uint8_t  digits[10];

    i = sizeof(digits);

    do {
        digits[--i] = '0' + n % 10;
        n /= 10;
    } while (n);

    llm_reply_put(out, digits + i, sizeof(digits) - i);
}


/* A cut falls between two characters. */

static void
llm_reply_escaped(llm_reply_out_t *out, llm_str_t s, size_t max)
{
    size_t  i;

    if (s.len > max) {
        s.len = max;

        for (i = 0; i < 3 && s.len && (s.data[s.len] & 0xc0) == 0x80; i++) {
            s.len--;
        }
    }

    if (llm_escape_json_len(s) > (size_t) (out->end - out->pos)) {
        out->full = 1;
        return;
    }

    out->pos = llm_escape_json(out->pos, s);
}


static void
llm_reply_message(llm_reply_out_t *out, const llm_refusal_t *r,
    unsigned reason)
{
    llm_reply_text(out, llm_reply_texts[reason]);

    if (r->gate.len) {
        llm_reply_text(out, " (");
        llm_reply_escaped(out, r->gate, LLM_REPLY_GATE_MAX);
        llm_reply_text(out, ")");
    }

    if (r->text.len) {
        llm_reply_text(out, ": ");
        llm_reply_escaped(out, r->text, LLM_REPLY_TEXT_MAX);
    }
}


static unsigned
llm_reply_reason(unsigned reason)
{
    return reason < LLM_REASON_N ? reason : LLM_REASON_SERVER;
}


static unsigned
llm_reply_shape(unsigned dialect)
{
    return dialect < LLM_DIALECT_N ? dialect : LLM_DIALECT_NONE;
}


static void
llm_reply_fill(llm_reply_out_t *out, const char *template, unsigned words,
    const llm_refusal_t *r)
{
    unsigned                 reason;
    const char              *p;
    const llm_reply_word_t  *word;

    reason = llm_reply_reason(r->reason);
    word = &llm_reply_words[words][reason];

    for ( ;; ) {
        p = strchr(template, '$');

        if (p == NULL) {
            llm_reply_text(out, template);
            return;
        }

        llm_reply_put(out, template, p - template);
        template = p + 2;

        switch (p[1]) {

        case 'm':
            llm_reply_message(out, r, reason);
            break;

        case 't':
            llm_reply_text(out, word->type);
            break;

        case 'c':
            llm_reply_text(out, word->code);
            break;

        case 's':
            llm_reply_number(out, r->status);
            break;

        default: /* 'p' */
            llm_reply_text(out, reason == LLM_REASON_MODEL ? "\"model\""
                                                           : "null");
        }
    }
}


static size_t
llm_reply_done(llm_reply_out_t *out, uint8_t *buf)
{
    return out->full ? 0 : (size_t) (out->pos - buf);
}


size_t
llm_reply_body(uint8_t *buf, size_t size, unsigned dialect,
    const llm_refusal_t *r)
{
    llm_reply_out_t  out = { buf, buf + size, 0 };

    dialect = llm_reply_shape(dialect);

    llm_reply_fill(&out, llm_reply_shapes[dialect].body,
                   llm_reply_shapes[dialect].words, r);

    return llm_reply_done(&out, buf);
}


/* CRC-32 as in zlib, four bits at a time: a frame is a few hundred bytes. */

static uint32_t
llm_reply_crc(const uint8_t *p, size_t len)
{
    static const uint32_t  table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
        0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c
    };

    size_t    i;
    uint32_t  crc;

    crc = 0xffffffff;

    for (i = 0; i < len; i++) {
        crc = table[(crc ^ p[i]) & 15] ^ (crc >> 4);
        crc = table[(crc ^ (p[i] >> 4)) & 15] ^ (crc >> 4);
    }

    return crc ^ 0xffffffff;
}


static void
llm_reply_be32(uint8_t *p, uint32_t n)
{
    p[0] = (uint8_t) (n >> 24);
    p[1] = (uint8_t) (n >> 16);
    p[2] = (uint8_t) (n >> 8);
    p[3] = (uint8_t) n;
}


static void
llm_reply_frame_header(llm_reply_out_t *out, const char *name,
    const char *value)
{
    uint8_t  b[3];

    b[0] = (uint8_t) strlen(name);
    llm_reply_put(out, b, 1);
    llm_reply_text(out, name);

    b[0] = 7;                    /* a string */
    b[1] = 0;
    b[2] = (uint8_t) strlen(value);
    llm_reply_put(out, b, 3);
    llm_reply_text(out, value);
}


#define LLM_REPLY_PRELUDE  12


static size_t
llm_reply_frame(uint8_t *buf, size_t size, const llm_refusal_t *r)
{
    size_t           len, headers;
    llm_reply_out_t  out;

    if (size < LLM_REPLY_PRELUDE + 4) {
        return 0;
    }

    out.pos = buf + LLM_REPLY_PRELUDE;
    out.end = buf + size - 4;
    out.full = 0;

    llm_reply_frame_header(&out, ":exception-type",
                        llm_reply_words[W_AWS][llm_reply_reason(r->reason)]
                        .code);
    llm_reply_frame_header(&out, ":content-type", "application/json");
    llm_reply_frame_header(&out, ":message-type", "exception");

    headers = out.pos - buf - LLM_REPLY_PRELUDE;

    llm_reply_fill(&out, LLM_REPLY_MESSAGE, W_AWS, r);

    if (out.full) {
        return 0;
    }

    len = out.pos - buf + 4;

    llm_reply_be32(buf, (uint32_t) len);
    llm_reply_be32(buf + 4, (uint32_t) headers);
    llm_reply_be32(buf + 8, llm_reply_crc(buf, 8));
    llm_reply_be32(out.pos, llm_reply_crc(buf, len - 4));

    return len;
}


size_t
llm_reply_event(uint8_t *buf, size_t size, unsigned dialect,
    unsigned framing, const llm_refusal_t *r)
{
    unsigned         words;
    const char      *body, *sse, *line;
    llm_reply_out_t  out = { buf, buf + size, 0 };

    dialect = llm_reply_shape(dialect);

    words = llm_reply_shapes[dialect].words;
    body = llm_reply_shapes[dialect].body;
    sse = llm_reply_shapes[dialect].sse;
    line = llm_reply_shapes[dialect].line;

    switch (framing & ~LLM_REPLY_FIRST) {

    case LLM_FRAMING_SSE:

        if (sse) {
            llm_reply_fill(&out, sse, words, r);
            break;
        }

        llm_reply_text(&out, "data: ");
        llm_reply_fill(&out, body, words, r);
        llm_reply_text(&out, "\n\n");
        break;

    case LLM_FRAMING_NDJSON:

        if (line) {
            llm_reply_fill(&out, line, words, r);
            break;
        }

        llm_reply_fill(&out, body, words, r);
        llm_reply_text(&out, "\n");
        break;

    case LLM_FRAMING_ARRAY:
        llm_reply_text(&out, (framing & LLM_REPLY_FIRST) ? "[" : ",\r\n");
        llm_reply_fill(&out, body, words, r);
        llm_reply_text(&out, "\n]");
        break;

    case LLM_FRAMING_EVENTSTREAM:
        return llm_reply_frame(buf, size, r);

    default:

        if (!(framing & LLM_REPLY_FIRST)) {
            return 0;
        }

        llm_reply_fill(&out, body, words, r);
    }

    return llm_reply_done(&out, buf);
}


unsigned
llm_reply_dialect(unsigned dialect, llm_str_t provider)
{
    size_t  i;

    if (dialect != LLM_DIALECT_NONE && dialect != LLM_DIALECT_EMBEDDINGS) {
        return dialect;
    }

    for (i = 0; i < COUNT(llm_reply_providers); i++) {
        if (llm_str_eq(provider,
                       (const char *) llm_reply_providers[i].provider.data,
                       llm_reply_providers[i].provider.len))
        {
            return llm_reply_providers[i].dialect;
        }
    }

    return dialect;
}


llm_str_t
llm_reply_header(unsigned dialect, unsigned reason)
{
    llm_str_t  s = { NULL, 0 };

    dialect = llm_reply_shape(dialect);

    if (llm_reply_shapes[dialect].words == W_AWS) {
        s.data = (const uint8_t *)
                 llm_reply_words[W_AWS][llm_reply_reason(reason)].type;
        s.len = strlen((const char *) s.data);
    }

    return s;
}


int
llm_reply_openai(unsigned dialect)
{
    dialect = llm_reply_shape(dialect);

    return dialect == LLM_DIALECT_NONE || dialect == LLM_DIALECT_CHAT
           || dialect == LLM_DIALECT_COMPLETIONS
           || dialect == LLM_DIALECT_RESPONSES
           || dialect == LLM_DIALECT_EMBEDDINGS;
}
