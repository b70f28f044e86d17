
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Estimates: text by its characters, the same with and without vector
 * instructions and however it is split; a long one by samples; and what
 * stands around the text, by the model's name and by the dialect.  How near
 * they come to what providers count is t/05-corpus.t's.
 */


#include "request_log.h"


/* The same file again, without vectors, under other names. */

#define llm_text_add     portable_add
#define llm_text_break   portable_break
#define llm_text_tokens  portable_tokens

#define LLM_SCAN_PORTABLE  1
#include "llm_text.c"

#undef llm_text_add
#undef llm_text_break
#undef llm_text_tokens


static const char  mixed[] =
    "The quick brown fox: it jumps, 12 times (in 2024), over $3.50 dogs!\n"
    "    if (a[i] != NULL) { return x->y + 17; }\r\n\t// caf\xc3\xa9, na\xc3"
    "\xafve \xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82, \xce\xb1\xce\xb2"
    "\xce\xb3 \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xe4\xbd\xa0\xe5\xa5\xbd\xef"
    "\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c \xe2\x80\x94 \xe2\x80\x9cquoted\xe2\x80"
    "\x9d \xe0\xa4\xa8\xe0\xa4\xae \xf0\x9f\x98\x80 \xed\x95\x9c\xea\xb5\xad"
    " __init__ (((()))) ...... a1b2c3 \x01\x7f";


static uint64_t
weight(const char *s)
{
    llm_text_t  t;

    memset(&t, 0, sizeof(t));
    llm_text_add(&t, (const uint8_t *) s, strlen(s));

    return t.sum;
}


/* Texts of any bytes, whole, by bytes and split, with and without vectors. */

static void
test_text(void)
{
    int         good;
    size_t      i, j, n, len;
    uint8_t     text[9000];
    uint64_t    seed;
    llm_text_t  whole, parts, plain;

    seed = 3;
    good = 1;

    for (i = 0; i < 400; i++) {
        len = cut_random(&seed) % sizeof(text);

        for (j = 0; j < len; j++) {
            n = cut_random(&seed);
            text[j] = n;

            if (i & 1) {
                text[j] = mixed[(j + n % (i + 1)) % sizeof(mixed)];
            }
        }

        memset(&whole, 0, sizeof(whole));
        memset(&parts, 0, sizeof(parts));
        memset(&plain, 0, sizeof(plain));

        llm_text_add(&whole, text, len);
        portable_add(&plain, text, len);

        for (j = 0; j < len; j += n) {
            n = (i % 3) ? 1 + cut_random(&seed) % 600 : 1;
            n = llm_min(n, len - j);
            llm_text_add(&parts, text + j, n);
        }

        good &= whole.sum == parts.sum && whole.sum == plain.sum
                && whole.bytes == len && parts.bytes == len
                && llm_text_tokens(&whole) == portable_tokens(&plain);
    }

    ok(good, "one sum, however it is read");

    memset(&whole, 0, sizeof(whole));
    ok(llm_text_tokens(&whole) == 0, "no text, no tokens");

    llm_text_add(&whole, (const uint8_t *) "a", 1);
    ok(llm_text_tokens(&whole) >= 1, "any text has one at least");
}


/* What the classes are for: the same number of bytes is not the same. */

static void
test_scripts(void)
{
    ok(weight("hello world") < weight("a b c d e f"), "words, not letters");
    ok(weight("          x") == weight(" x"), "a run of spaces is one");
    ok(weight("){};") < weight(") { } ;"), "a run of signs is less than each");
    ok(weight("\xe4\xbd\xa0\xe5\xa5\xbd") > weight("abcdef"),
       "CJK is more than letters");
    ok(weight("\xd0\x9f\xd1\x80\xd0\xb8") < weight("\xc3\xa9\xc3\xa8\xc3\xaa"),
       "Cyrillic is less than accents");
    ok(weight("20241121") > weight("abcdefgh"), "digits");
}


/* Beyond 4 KiB an eighth is counted, and stands for all. */

static void
test_long(void)
{
    size_t      n, len;
    double      off;
    uint64_t    seed, each;
    llm_text_t  t, one;

    len = 0;
    each = 0;
    seed = 11;
    memset(&t, 0, sizeof(t));

    while (len < 400000) {
        memset(&one, 0, sizeof(one));
        n = 20 + cut_random(&seed) % 120;

        llm_text_add(&t, (const uint8_t *) mixed + 20, n);
        llm_text_add(&one, (const uint8_t *) mixed + 20, n);
        each += one.sum;
        len += n;
    }

    off = (double) t.sum / each - 1;
    printf("# %zu bytes: off by %.2f %%\n", len, off * 100);
    ok(off < 0.05 && off > -0.05, "a long text by samples: within 5 %%");
}


static uint64_t
estimate(const char *body, unsigned dialect, const char *model)
{
    cut_t         cut;
    bytes_t       said;
    static run_t  run;

    memset(&said, 0, sizeof(said));
    memset(&cut, 0, sizeof(cut));
    run.max = NONE;

    read_one(&run, cut, body, strlen(body), &said);
    bytes_free(&said);
    CHECK(run.r.state == LLM_REQUEST_READ);

    return llm_request_tokens(&run.r, dialect,
               (llm_str_t) { (const uint8_t *) model, strlen(model) });
}


#define CHAT      LLM_DIALECT_CHAT
#define USER      "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]"
#define TOOLS     "\"tools\":[{\"name\":\"f\",\"description\":\"Get the "      \
                  "weather\",\"input_schema\":{\"type\":\"object\"}}]"


static void
test_around(void)
{
    uint64_t  a, b;

    ok(estimate("{}", CHAT, "gpt-4o") == 0, "nothing asked is nothing");

    a = estimate("{" USER "}", CHAT, "gpt-4o");
    b = estimate("{" USER "}", CHAT, "openai/gpt-oss-120b");
    ok(a >= 7 && a <= 9, "a turn and its frame: %d", (int) a);
    ok(b > a + 55, "a model's own preamble: %d", (int) b);

    ok(estimate("{" USER "}", CHAT, "GPT-4o") == a, "names in any case");
    ok(estimate("{\"model\":\"gpt-4o\"," USER "}", CHAT, "gpt-oss") == a,
       "the body's model stands above the path's");

    a = estimate("{" USER "}", LLM_DIALECT_MESSAGES, "");
    b = estimate("{" USER "," TOOLS "}", LLM_DIALECT_MESSAGES, "");
    ok(b > a + 400 && b < a + 800, "tools bring instructions: %d",
       (int) (b - a));

    a = estimate("{" USER "}", CHAT, "claude-3-7-sonnet");
    b = estimate("{" USER ",\"thinking\":{\"budget_tokens\":9}}", CHAT,
                 "claude-3-7-sonnet");
    ok(b > a + 20, "so does thinking");

    a = estimate("{\"prompt\":\"hello\"}", LLM_DIALECT_COMPLETIONS, "llama");
    b = estimate("{\"prompt\":\"hello\"}", LLM_DIALECT_OLLAMA, "llama");
    ok(a < b, "a bare prompt has nothing around it");

    ok(estimate("{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":"
                "\"image/png\",\"data\":\"xx\"}}]}]}", LLM_DIALECT_GEMINI, "")
       >= 258, "an image is more than its bytes here");
}


/* Tools are not shown as they were written. */

static void
test_json(void)
{
    uint64_t  a;

    a = estimate("{" USER ",\"tools\":[{\"name\":\"get_city\",\"x\":\"a b\"}]}",
                 CHAT, "gpt-4o");

    ok(estimate("{" USER ",\"tools\" : [\n  {\n    \"name\": \"get_city\",\n"
                "    \"x\": \"a b\"\n  }\n]}", CHAT, "gpt-4o") == a,
       "white space between is nothing");
    ok(estimate("{" USER ",\"tools\":[{\"n\\u0061me\":\"get\\u005fcity\","
                "\"x\":\"a\\nb\"}]}", CHAT, "gpt-4o") == a,
       "an escape is what it stands for");
    ok(estimate("{" USER ",\"tools\":[{\"name\":\"get_city\",\"x\":"
                "\"\\u4f60\\u597d\"}]}", CHAT, "gpt-4o")
       == estimate("{" USER ",\"tools\":[{\"name\":\"get_city\",\"x\":"
                   "\"\xe4\xbd\xa0\xe5\xa5\xbd\"}]}", CHAT, "gpt-4o"),
       "of any script");
}


static void
test_answer(void)
{
    uint64_t    a, b;
    llm_str_t   model = llm_string("claude-sonnet-4-5");
    llm_text_t  t;

    memset(&t, 0, sizeof(t));
    ok(llm_answer_tokens(&t, 0, 0, CHAT, model) == 0, "no answer, no tokens");

    llm_text_add(&t, (const uint8_t *) "hello there", 11);
    a = llm_answer_tokens(&t, 0, 0, CHAT, model);
    b = llm_answer_tokens(&t, 0, 2, CHAT, model);
    ok(b > a + 60 && b < a + 100, "calls have marks around them");
    ok(llm_answer_tokens(&t, 400, 0, CHAT, model) > a + 80, "JSON is read");
}


int
main(void)
{
    CHECK(llm_dialect_compile(&set) == LLM_JSON_OK);

    test_text();
    test_scripts();
    test_long();
    test_around();
    test_json();
    test_answer();

    return tap_done();
}
