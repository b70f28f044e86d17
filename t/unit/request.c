
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Requests: models, streams, bounds of the output, turns, prompt text, what
 * makes a body ambiguous, shapes; each body whole, byte by byte and split at
 * random.  Dialects are told apart in request_shape.c.
 */


#include "request_log.h"


typedef struct {
    const char  *name;
    const char  *body;
    size_t       len;
    const char  *facts;
} body_t;


/* The rest of a line that has no prompt. */
#define BARE  " turns=0 tokens=0 bytes=0 opaque=0 "


static const body_t  bodies[] = {

    { "nothing", in(""),
      "unread model= stream=0 usage=0 temp=" BARE },
    { "no object", in("[1]"),
      "read model= stream=0 usage=0 temp=" BARE },
    { "not JSON", in("{\"model\":\"m\",}"),
      "not json model=m stream=0 usage=0 temp=" BARE },
    { "cut short", in("{\"model\":\"m\""),
      "not json model=m stream=0 usage=0 temp=" BARE },
    { "bytes behind it", in("{\"model\":\"m\"} x"),
      "not json model=m stream=0 usage=0 temp=" BARE },
    { "white space behind it", in(" {\"model\":\"m\"} \r\n"),
      "read model=m stream=0 usage=0 temp=" BARE },

    { "a model with escapes in it", in("{\"model\":\"a\\u002fb\"}"),
      "read model=a/b stream=0 usage=0 temp=" BARE },
    { "a model that is no string", in("{\"model\":7}"),
      "read model= stream=0 usage=0 temp=" BARE },
    { "a model elsewhere", in("{\"metadata\":{\"model\":\"x\"},"
      "\"x\":[{\"model\":\"y\"}],\"model\":\"m\"}"),
      "read model=m stream=0 usage=0 temp=" BARE },
    { "a model in a text", in("{\"prompt\":\"\\\"model\\\":\\\"x\\\"\"}"),
      "read model= stream=0 usage=0 temp= turns=0 tokens=0 bytes=11 opaque=0 "
      "completions" },

    { "stream", in("{\"stream\":true}"),
      "read model= stream=1 usage=0 temp=" BARE },
    { "no stream", in("{\"stream\":false}"),
      "read model= stream=0 usage=0 temp=" BARE },
    { "null is no stream", in("{\"stream\":null}"),
      "read model= stream=0 usage=0 temp=" BARE },
    { "nor is a string, or a number", in("{\"stream\":\"true\"}"),
      "read model= stream=0 usage=0 temp=" BARE },
    { "usage asked for",
      in("{\"stream\":true,\"stream_options\":{\"include_usage\":true}}"),
      "read model= stream=1 usage=1 temp=" BARE },
    { "usage not asked for",
      in("{\"stream_options\":{\"include_usage\":false,\"x\":true}}"),
      "read model= stream=0 usage=0 temp=" BARE },

    { "max_tokens", in("{\"max_tokens\":10}"),
      "read model= stream=0 usage=0 max=10 temp=" BARE },
    { "max_completion_tokens", in("{\"max_completion_tokens\":11}"),
      "read model= stream=0 usage=0 max=11 temp=" BARE },
    { "max_output_tokens", in("{\"max_output_tokens\":12}"),
      "read model= stream=0 usage=0 max=12 temp=" BARE },
    { "a bound as a float", in("{\"max_tokens\":1e2}"),
      "read model= stream=0 usage=0 max=100 temp=" BARE },
    { "a negative bound is none", in("{\"max_tokens\":-1}"),
      "read model= stream=0 usage=0 temp=" BARE },
    { "null is none", in("{\"max_tokens\":null}"),
      "read model= stream=0 usage=0 temp=" BARE },
    { "nor is a string", in("{\"max_tokens\":\"5\"}"),
      "read model= stream=0 usage=0 temp=" BARE },
    { "nor one of another place", in("{\"x\":{\"max_tokens\":5}}"),
      "read model= stream=0 usage=0 temp=" BARE },
    { "temperature", in("{\"temperature\":0.70}"),
      "read model= stream=0 usage=0 temp=0.70" BARE },

    { "a model twice", in("{\"model\":\"a\",\"model\":\"b\"}"),
      "ambiguous model=b stream=0 usage=0 temp=" BARE },
    { "the same model twice", in("{\"model\":\"a\",\"model\":\"a\"}"),
      "ambiguous model=a stream=0 usage=0 temp=" BARE },
    { "a model and its twin", in("{\"model\":\"a\",\"Model\":\"b\"}"),
      "ambiguous model=b stream=0 usage=0 temp=" BARE },
    { "a twin alone", in("{\"MODEL\":\"a\"}"),
      "ambiguous model=a stream=0 usage=0 temp=" BARE },
    { "a key with escapes", in("{\"mod\\u0065l\":\"a\"}"),
      "ambiguous model=a stream=0 usage=0 temp=" BARE },
    { "a second model that is an object",
      in("{\"model\":\"a\",\"model\":{\"x\":1}}"),
      "ambiguous model=a stream=0 usage=0 temp=" BARE },
    { "a model that is null, and one", in("{\"model\":null,\"model\":\"a\"}"),
      "ambiguous model=a stream=0 usage=0 temp=" BARE },
    { "stream twice", in("{\"stream\":true,\"stream\":false}"),
      "ambiguous model= stream=0 usage=0 temp=" BARE },
    { "a bound twice", in("{\"max_tokens\":1,\"max_tokens\":2}"),
      "ambiguous model= stream=0 usage=0 max=2 temp=" BARE },
    { "an ambiguous body that breaks off", in("{\"Model\":\"a\""),
      "not json model=a stream=0 usage=0 temp=" BARE },
    { "keys elsewhere may stand twice",
      in("{\"x\":{\"model\":1,\"model\":2},\"model\":\"a\"}"),
      "read model=a stream=0 usage=0 temp=" BARE },

    { "turns", in("{\"messages\":[{\"role\":\"user\",\"content\":\"abc\"},"
      "{\"role\":\"assistant\",\"content\":null},"
      "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"de\"},"
      "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:xxxx\"}}]}]}"),
      "read model= stream=0 usage=0 temp= turns=3 tokens=0 bytes=5 opaque=0 "
      "chat" },
    { "prompt text is decoded", in("{\"messages\":[{\"content\":"
      "\"\\u00e9\\n\\ud83d\\ude00\"}]}"),
      "read model= stream=0 usage=0 temp= turns=1 tokens=0 bytes=7 opaque=0 "
      "chat" },
    { "tools are read as they stand",
      in("{\"messages\":[],\"tools\":[ {\"a\":1} ]}"),
      "read model= stream=0 usage=0 temp= turns=0 tokens=0 bytes=0 opaque=11 "
      "chat" },
    { "Anthropic's, by its system prompt",
      in("{\"system\":\"be\",\"messages\":[{\"content\":\"x\"}]}"),
      "read model= stream=0 usage=0 temp= turns=1 tokens=0 bytes=3 opaque=0 "
      "messages" },
    { "by its system prompt in blocks",
      in("{\"system\":[{\"text\":\"be\"}],\"messages\":[{}]}"),
      "read model= stream=0 usage=0 temp= turns=1 tokens=0 bytes=2 opaque=0 "
      "messages" },
    { "by its version",
      in("{\"anthropic_version\":\"v\",\"messages\":[]}"),
      "read model= stream=0 usage=0 temp=" BARE "messages" },
    { "completions", in("{\"prompt\":\"abc\",\"suffix\":\"d\"}"),
      "read model= stream=0 usage=0 temp= turns=0 tokens=0 bytes=4 opaque=0 "
      "completions" },
    { "prompts of texts and of tokens", in("{\"prompt\":[\"abc\",[1,2],3]}"),
      "read model= stream=0 usage=0 temp= turns=0 tokens=3 bytes=3 opaque=0 "
      "completions" },
    { "Responses", in("{\"input\":\"abc\",\"instructions\":\"d\"}"),
      "read model= stream=0 usage=0 temp= turns=0 tokens=0 bytes=4 opaque=0 "
      "responses" },
    { "Responses, of turns", in("{\"model\":\"g\",\"input\":[{\"content\":\"a"
      "\"},{\"content\":[{\"text\":\"b\"}]}]}"),
      "read model=g stream=0 usage=0 temp= turns=2 tokens=0 bytes=2 opaque=0 "
      "responses" },
    { "embeddings", in("{\"model\":\"text-embedding-3\",\"input\":\"abc\"}"),
      "read model=text-embedding-3 stream=0 usage=0 temp= turns=0 tokens=0 "
      "bytes=3 opaque=0 embeddings" },
    { "embeddings, several", in("{\"input\":[\"ab\",\"c\"],"
      "\"encoding_format\":\"float\"}"),
      "read model= stream=0 usage=0 temp= turns=0 tokens=0 bytes=3 opaque=0 "
      "embeddings" },
    { "embeddings of tokens", in("{\"input\":[[1,2],[3]],\"dimensions\":9}"),
      "read model= stream=0 usage=0 temp= turns=0 tokens=3 bytes=0 opaque=0 "
      "embeddings" },
    { "embeddings of Cohere's", in("{\"texts\":[\"ab\",\"c\"]}"),
      "read model= stream=0 usage=0 temp= turns=0 tokens=0 bytes=3 opaque=0 "
      "embeddings" }
};


static void
test_bodies(void)
{
    int            same;
    size_t         i;
    bytes_t        said;
    const body_t  *b;

    memset(&said, 0, sizeof(said));

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        b = &bodies[i];
        same = read_all(b->body, b->len, NONE, &said);

        if (said.len != strlen(b->facts)
            || memcmp(said.data, b->facts, said.len) != 0)
        {
            printf("# said %.*s\n# want %s\n", (int) said.len,
                   (char *) said.data, b->facts);
            same = 0;
        }

        ok(same, "%s", b->name);
    }

    bytes_free(&said);
}


/*
 * Keys that fold by Unicode as a gated one does, which Go takes for it; and
 * such that do not, however near they come.
 */

static const struct {
    const char  *body;
    int          ambiguous;
} folds[] = {
    { "{\"max_tokens\":1,\"max_to\xe2\x84\xaa" "ens\":9}", 1 },
    { "{\"max_tokens\":1,\"max_token\xc5\xbf\":9}", 1 },
    { "{\"max_tokens\":1,\"MAX_TO\xe2\x84\xaa" "EN\xc5\xbf\":9}", 1 },
    { "{\"max_tokens\":1,\"max_to\\u212aen\\u017f\":9}", 1 },
    { "{\"options\":{\"num_predict\":1},"
      "\"option\xc5\xbf\":{\"num_predict\":9}}", 1 },
    { "{\"\xc5\xbftream\":true}", 1 },
    { "{\"max_tokens\":1,\"max_to\xe2\x84\xab" "ens\":9}", 0 },
    { "{\"max_tokens\":1,\"max_token\xc5\xbe\":9}", 0 },
    { "{\"max_tokens\":1,\"max_token\xc5\":9}", 0 },
    { "{\"max_tokens\":1,\"max_token\xe2\x84\":9}", 0 },
    { "{\"model\":\"m\",\"m\xc3\xb6" "del\":\"x\"}", 0 },
    { "{\"metadata\":{\"max_token\xc5\xbf\":9}}", 0 }
};


static void
test_folds(void)
{
    int      good;
    size_t   i;
    bytes_t  said;

    memset(&said, 0, sizeof(said));

    for (i = 0; i < sizeof(folds) / sizeof(folds[0]); i++) {
        good = read_all(folds[i].body, strlen(folds[i].body), NONE, &said);
        good &= (memcmp(said.data, "ambiguous", 9) == 0)
                == folds[i].ambiguous;

        ok(good, "%s", folds[i].body);
    }

    bytes_free(&said);
}


/* A bound on what is read: at it, below it, and below the model. */

static void
test_max(void)
{
    size_t   n;
    bytes_t  said;
    int      good;

    static const char  body[] = "{\"model\":\"m\",\"prompt\":\"0123456789\"}";

    memset(&said, 0, sizeof(said));
    good = 1;

    for (n = 0; n <= sizeof(body) - 1; n++) {
        good &= read_all(body, sizeof(body) - 1, n, &said);
        good &= (memcmp(said.data, "too large", 9) == 0)
                == (n < sizeof(body) - 1);
    }

    ok(good, "every bound below the length is too small, whatever the split");
    ok(memcmp(said.data, "read model=m", 12) == 0, "the length itself is not");

    bytes_free(&said);
}


/* Names of every length: what is kept is cut, and said to be. */

static void
test_long_model(void)
{
    int           good;
    char          body[512], name[300];
    size_t        n, len;
    bytes_t       said;
    cut_t         cut;
    static run_t  run;

    memset(&said, 0, sizeof(said));
    memset(&cut, 0, sizeof(cut));
    memset(name, 'm', sizeof(name));
    run.max = NONE;
    good = 1;

    for (n = 0; n < sizeof(name); n++) {
        len = snprintf(body, sizeof(body), "{\"model\":\"%.*s\"}", (int) n,
                       name);
        good &= read_all(body, len, NONE, &said);

        read_one(&run, cut, body, len, &said);
        good &= run.r.model_len == llm_min(n, LLM_JSON_TEXT);
        good &= !!(run.r.model_flags & LLM_JSON_E_CUT) == (n > LLM_JSON_TEXT);
    }

    ok(good, "models of 0 .. 299 bytes");
    bytes_free(&said);
}


/* A prompt of a megabyte: the estimate depends on its bytes alone. */

static void
test_long_prompt(void)
{
    int          good;
    char        *body;
    size_t       n, len;
    bytes_t      said;
    uint64_t     seed;

    static const char  words[] = "one two three, four: 55 (six) seven eight ";

    len = getenv("LLM_PROOF") ? 1 << 20 : 1 << 16;
    body = malloc(len + 64);
    CHECK(body != NULL);

    n = sprintf(body, "{\"prompt\":\"");
    seed = 7;

    while (n < len) {
        body[n++] = words[cut_random(&seed) % (sizeof(words) - 1)];
    }

    n += sprintf(body + n, "\"}");

    memset(&said, 0, sizeof(said));
    good = read_all(body, n, NONE, &said);
    ok(good, "a prompt of %zu bytes: one reading", len);

    bytes_free(&said);
    free(body);
}


int
main(void)
{
    CHECK(llm_dialect_compile(&set) == LLM_JSON_OK);

    test_bodies();
    test_folds();
    test_max();
    test_long_model();
    test_long_prompt();

    return tap_done();
}
