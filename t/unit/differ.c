
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Bodies that may be read in two ways, and what a gate makes of them.
 *
 *     differ seed n bodies verdicts
 *
 * bodies: each its length, 4 bytes big endian, then its bytes.  verdicts: a
 * line a body, "-" (refused), "n" (readable, no model), or "s" and the model
 * in hex.  The same seed gives the same bodies everywhere.
 *
 * A body is an object put together of keys and values that parsers are known
 * to disagree on, or a recorded-looking one; then a few of its bytes, or all
 * of its encoding, are changed.
 */


#include "llm_pattern.h"
#include "llm_request.h"
#include "tap.h"


#define COUNT(a)      (sizeof(a) / sizeof(a[0]))
#define MAX           (1 << 20)
#define roll(n)       ((size_t) (cut_random(&seed) % (n)))
#define pick(a)       a[roll(COUNT(a))]
#define text(b, s)    bytes_put(b, s, strlen(s))


static uint64_t  seed;


typedef struct {
    const char  *s;
    size_t       len;
} piece_t;

#define P(s)  { s, sizeof(s) - 1 }


/* Of keys: the first few are the real thing. */

static const piece_t  keys[] = {
    P("model"), P("model"), P("model"), P("model"), P("model"), P("model"),
    P("Model"), P("MODEL"), P("mODEL"), P("mod\\u0065l"),
    P("\\u006dodel"), P("\\u006D\\u006f\\u0064\\u0065\\u006C"),
    P("model\\u0000"), P("\\u0000model"), P(" model"), P("model "),
    P("mode\\l"), P("mo\\/del"), P("model\\n"), P("model\0"), P("mo\0del"),
    P("\xef\xbb\xbfmodel"), P("mode\xff"), P("model\xc2\xa0"),
    P("\\uD800model"), P("model\\uDC00"), P("\xef\xbd\x8d" "odel"),
    P("m\xd0\xbe" "del"), P("m\\u043edel"), P("models"), P("mode"),
    P("model[]"), P("model.x"), P(""), P("__proto__"), P("constructor"),
    P("fallbacks"), P("mode\\x6c"), P("mo\\u0064el\\u0000"),

    /* the last eight change nothing */

    P("messages"), P("top_p"), P("user"), P("input"), P("prompt"),
    P("metadata"), P("seed"), P("x")
};


static const piece_t  names[] = {
    P("gpt-4o"), P("gpt-4o"), P("gpt-4o"), P("gpt-4o"), P("gpt-4o-mini"),
    P("claude-3"), P("GPT-4o"), P(""), P(" "), P("gpt-4o "), P(" gpt-4o"),
    P("gpt-4o\\u0000"), P("gpt-4o\\n"), P("gpt-4o\\t"), P("gpt\\u002d4o"),
    P("\\u0067pt-4o"), P("gpt-4o\0"), P("gpt\0x"), P("gpt-4o\n"),
    P("gpt-4o\t"), P("gpt-4o\x7f"), P("gpt-4o\x1b"), P("gpt\xff"),
    P("gpt\xc0\xaf"), P("gpt\xed\xa0\x80"), P("gpt\xf4\x90\x80\x80"),
    P("gpt\xc3"), P("gpt\xc3\xa9"), P("gpt\\ud83d\\ude00"),
    P("gpt\xf0\x9f\x98\x80"), P("gpt\\ud83d"), P("gpt\\ude00\\ud83d"),
    P("gpt\\uD83Dx"), P("gpt\\u00e9"), P("gpt\\ufeff"), P("gpt\\uffff"),
    P("gpt\xe2\x80\x8b"), P("gpt\\x41"), P("gpt\\u12"), P("gpt\\u00g0"),
    P("gpt\\'"), P("gpt\\\"x"), P("gpt\\\\"), P("gpt\\/4"), P("gpt/4"),
    P("gpt\\"), P("openai/gpt-4o:free"), P("models/gemini"),
    P("a234567890123456789012345678901234567890123456789012345678901234567890"
      "12345678901234567890123456"),
    P("a234567890123456789012345678901234567890123456789012345678901234567890"
      "12345678901234567890123456b")
};


static const piece_t  others[] = {
    P("null"), P("true"), P("false"), P("0"), P("1"), P("-0"), P("1.0"),
    P("1e3"), P("1e400"), P("-1e-400"), P("01"), P("+1"), P(".5"), P("1."),
    P("0x10"), P("1_000"), P("NaN"), P("Infinity"), P("-Infinity"), P("nan"),
    P("True"), P("None"), P("undefined"), P("nul"), P("nulll"), P("TRUE"),
    P("123456789012345678901234567890"), P("{}"), P("[]"), P("[\"gpt-4o\"]"),
    P("{\"model\":\"gpt-4o\"}"), P("[{\"model\":\"x\"}]"),
    P("\"{\\\"model\\\":\\\"x\\\"}\""), P("[1,]"), P("{\"a\":1,}"), P("[,1]"),
    P("{a:1}"), P("{'a':1}"), P("'gpt-4o'"), P("gpt-4o"), P("\"a\" \"b\""),
    P("[1 2]"), P("{\"a\" 1}"), P("{\"a\":}"), P("[[[[[[[[]]]]]]]]"), P("["),
    P("{"), P("]"), P("}"), P("\""), P(""), P("/**/1"), P("1//\n")
};


static const piece_t  blanks[] = {
    P(""), P(""), P(""), P(""), P(""), P(" "), P("\n"), P("\t"), P("\r\n"),
    P("  "), P("\v"), P("\f"), P("\xc2\xa0"), P("\xe2\x80\xa8"), P("\0"),
    P("/**/"), P("//\n"), P("#\n"), P("\xef\xbb\xbf"), P("\x1e")
};


static const piece_t  tails[] = {
    P("{\"model\":\"x\"}"), P("\n{\"model\":\"x\"}"), P(","), P("}"), P("]"),
    P("x"), P("\0"), P("\0\0\0"), P(" \n"), P("\x1e"), P("//"), P("null"),
    P("\xef\xbb\xbf"), P("\xff"), P("--b\r\n"), P("&model=x"), P(";"),
    P("\r\n\r\n")
};


static const char *const  wholes[] = {
    "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":"
    "\"Hi \\u00e9\"}],\"stream\":true,\"max_tokens\":16}",
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
    "\"text\":\"{\\\"model\\\":\\\"x\\\"}\"}]}],\"model\":\"claude-3\","
    "\"max_tokens\":9}",
    "{\"contents\":[{\"parts\":[{\"text\":\"model\"}]}]}",
    "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"metadata\":{\"model\":"
    "\"x\"}}",
    "{\"model\":\"llama3\",\"prompt\":\"x\",\"options\":{\"num_predict\":5}}",
    "{\"tools\":[{\"type\":\"function\",\"function\":{\"parameters\":"
    "{\"properties\":{\"model\":{\"type\":\"string\"}}}}}],\"model\":\"a\"}",
    "{\"model\":\"gpt-4o\"}", "{\"prompt\":\"x\"}", "[]", "\"model\"", "{}"
};


static void
blank(bytes_t *b)
{
    const piece_t  *p;

    /* what is none at all seldom enough that most bodies can be read */

    p = &blanks[roll(roll(25) ? 10 : COUNT(blanks))];
    bytes_put(b, p->s, p->len);
}


static void
value(bytes_t *b)
{
    const piece_t  *p;

    if (roll(5)) {
        p = &names[roll(roll(5) ? 7 : COUNT(names))];
        text(b, "\"");
        bytes_put(b, p->s, p->len);
        text(b, "\"");
        return;
    }

    p = &others[roll(roll(5) ? 5 : COUNT(others))];
    bytes_put(b, p->s, p->len);
}


static void
object(bytes_t *b)
{
    size_t          i, n, at;
    const piece_t  *p;

    blank(b);
    text(b, "{");
    n = roll(4);
    at = roll(n + 2);            /* where the model stands, if anywhere */

    for (i = 0; i <= n; i++) {
        blank(b);

        p = &keys[roll(6) == 0 ? roll(COUNT(keys))
                  : i == at ? 0 : COUNT(keys) - 8 + roll(8)];
        text(b, "\"");
        bytes_put(b, p->s, p->len);
        text(b, "\"");

        blank(b);
        text(b, ":");
        blank(b);
        value(b);
        blank(b);

        if (i < n) {
            text(b, ",");
        }
    }

    text(b, "}");
    blank(b);
}


/* Bytes changed, put in, taken out, doubled. */

static void
mutate(bytes_t *b)
{
    size_t          at, len;
    uint8_t         c;
    static uint8_t  copy[MAX];

    static const char  odd[] = "\"\\{}[]:,u0e/ \0\t\n\x7f\xc3\xff\xef'mM.";

    at = roll(b->len);
    len = 1 + roll(6);
    c = roll(2) ? (uint8_t) odd[roll(sizeof(odd) - 1)] : (uint8_t) roll(256);

    switch (roll(5)) {

    case 0:
        b->data[at] = c;
        return;

    case 1:
        b->data[at] ^= (uint8_t) (1u << roll(8));
        return;

    case 2:
        memcpy(copy, b->data + at, b->len - at);
        len = b->len - at;
        b->len = at;
        bytes_put(b, &c, 1);
        bytes_put(b, copy, len);
        return;

    case 3:
        len = llm_min(len, b->len - at);
        memmove(b->data + at, b->data + at + len, b->len - at - len);
        b->len -= len;
        return;

    default:
        len = llm_min(len * 4, b->len - at);
        memcpy(copy, b->data + at, b->len - at);
        at = b->len - at;
        bytes_put(b, copy, at > len ? len : at);
    }
}


/* Each byte as one unit of UTF-16 or UTF-32: those who guess, guess that. */

static void
widen(bytes_t *b)
{
    size_t    i, k, width;
    bytes_t   to;
    uint8_t   unit[4];
    unsigned  big;

    memset(&to, 0, sizeof(bytes_t));

    width = roll(2) ? 2 : 4;
    big = roll(2);

    if (roll(2)) {
        memset(unit, 0, sizeof(unit));
        unit[big ? width - 2 : 1] = 0xfe;
        unit[big ? width - 1 : 0] = 0xff;
        bytes_put(&to, unit, width);
    }

    for (i = 0; i < b->len; i++) {
        for (k = 0; k < width; k++) {
            unit[k] = (k == (big ? width - 1 : 0)) ? b->data[i] : 0;
        }

        bytes_put(&to, unit, width);
    }

    bytes_free(b);
    *b = to;
}


static void
body(bytes_t *b)
{
    size_t          i;
    const piece_t  *p;

    b->len = 0;

    if (roll(3)) {
        object(b);

    } else {
        text(b, pick(wholes));
    }

    switch (roll(8)) {

    case 0:
    case 1:
        for (i = 1 + roll(3); i && b->len > 1; i--) {
            mutate(b);
        }

        break;

    case 2:
        p = &pick(tails);
        bytes_put(b, p->s, p->len);
        break;

    case 3:
        if (roll(3) == 0) {
            widen(b);
        }

        break;
    }

    if (b->len == 0) {
        text(b, "0");
    }
}


static void
verdict(const llm_dialect_set_t *set, const bytes_t *b, FILE *to)
{
    size_t          i;
    cut_t           cut = { CUT_RANDOM, seed, NULL, 0, 0 };
    uint8_t        *p;
    const uint8_t  *s;
    size_t          n, left;
    llm_str_t       model;
    llm_request_t   r;

    llm_request_init(&r, set);

    for (s = b->data, left = b->len; left; s += n, left -= n) {
        n = cut_next(&cut, left);
        p = malloc(n);
        CHECK(p != NULL);
        memcpy(p, s, n);
        llm_request_feed(&r, p, n, UINT64_MAX);
        free(p);
    }

    llm_request_end(&r);

    model.data = r.model;
    model.len = r.model_len;

    if (r.state != LLM_REQUEST_READ || (r.model_flags & LLM_REQUEST_MODEL_BAD)
        || !llm_pattern_name(model))
    {
        fputs("-\n", to);
        return;
    }

    fputs(model.len ? "s" : "n", to);

    for (i = 0; i < model.len; i++) {
        fprintf(to, "%02x", model.data[i]);
    }

    putc('\n', to);
}


int
main(int argc, char **argv)
{
    FILE               *bodies, *verdicts;
    size_t              i, n;
    bytes_t             b;
    uint8_t             len[4];
    llm_dialect_set_t  *set;

    CHECK(argc == 5);

    seed = strtoull(argv[1], NULL, 10);
    n = strtoul(argv[2], NULL, 10);
    bodies = fopen(argv[3], "w");
    verdicts = fopen(argv[4], "w");
    set = malloc(sizeof(llm_dialect_set_t));

    CHECK(bodies && verdicts && set);
    CHECK(llm_dialect_compile(set) == LLM_JSON_OK);

    memset(&b, 0, sizeof(bytes_t));

    for (i = 0; i < n; i++) {
        body(&b);

        len[0] = (uint8_t) (b.len >> 24);
        len[1] = (uint8_t) (b.len >> 16);
        len[2] = (uint8_t) (b.len >> 8);
        len[3] = (uint8_t) b.len;

        CHECK(fwrite(len, 4, 1, bodies) == 1);
        CHECK(fwrite(b.data, b.len, 1, bodies) == 1);

        verdict(set, &b, verdicts);
    }

    CHECK(fclose(bodies) == 0 && fclose(verdicts) == 0);

    bytes_free(&b);
    free(set);

    return 0;
}
