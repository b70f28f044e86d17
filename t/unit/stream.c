
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Streams whose events resemble one another, made at random of what matters
 * to each dialect: members in any order, most events a copy of the one before
 * with a member changed, added, dropped or moved.  A reader may take short
 * cuts where an event begins as the last one did; byte by byte it has none,
 * and must say the same.
 */


#include "response_log.h"


#define MEMBERS  12
#define EVENTS   14


/* A member: "%" is the place of other members (level below) or of a number. */

typedef struct {
    unsigned            dialect;
    const char *const  *top;
    const char *const  *below;
    const char *const  *inner;
    const char         *name;
} grammar_t;


static const char *const  chat_top[] = {
    "\"id\":\"chatcmpl-1234567890\"", "\"id\":\"other\"", "\"id\":\"\"",
    "\"model\":\"model-one-2026\"", "\"model\":\"\"", "\"model\":\"two\"",
    "\"object\":\"chat.completion.chunk\"", "\"created\":1790000000",
    "\"service_tier\":\"flex\"", "\"service_tier\":\"default\"",
    "\"service_tier\":null", "\"usage\":null",
    "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":#}",
    "\"usage\":{\"total_tokens\":#}", "\"usage\":{}",
    "\"x_groq\":{\"usage\":{\"prompt_tokens\":#}}",
    "\"error\":{\"type\":\"server_error\",\"code\":#}", "\"error\":null",
    "\"choices\":[{\"index\":1,\"delta\":{\"content\":\"t#\"},"
        "\"finish_reason\":\"stop\"}]",
    "\"choices\":[{\"delta\":{\"content\":\"t#\"},\"index\":0,"
        "\"finish_reason\":\"length\"}]",
    "\"choices\":[]", "\"choices\":[{%}]", "\"choices\":[{%}]",
    "\"choices\":[{%}]", "\"choices\":[{%},{%}]", "\"padding\":\"#########\"",
    "\"a b\":{\"c\":[1,{\"d\":#}]}", NULL
};

static const char *const  chat_below[] = {
    "\"index\":0", "\"index\":1", "\"index\":#", "\"delta\":{@}",
    "\"delta\":{@}", "\"delta\":{@}", "\"finish_reason\":null",
    "\"finish_reason\":\"stop\"", "\"finish_reason\":\"length\"",
    "\"logprobs\":null", "\"text\":\"legacy #\"", "\"text\":\"\"", NULL
};

static const char *const  chat_inner[] = {
    "\"role\":\"assistant\"", "\"content\":\"\"", "\"content\":null",
    "\"content\":\"text #\"", "\"content\":\"#\"", "\"content\":\"\\n\"",
    "\"content\":[{\"text\":\"#\"}]", "\"reasoning\":\"why #\"",
    "\"reasoning_content\":\"why\"", "\"refusal\":null",
    "\"tool_calls\":[{\"index\":0,\"id\":\"call_#\",\"function\":"
        "{\"name\":\"f\",\"arguments\":\"\"}}]",
    "\"tool_calls\":[{\"index\":#,\"function\":{\"arguments\":\"{#\"}}]",
    "\"tool_calls\":[{\"function\":{\"name\":\"g\"}}]",
    "\"tool_calls\":[{\"index\":#,\"function\":{\"name\":\"h\"}}]", NULL
};

static const char *const  responses_top[] = {
    "\"type\":\"response.output_text.delta\"",
    "\"type\":\"response.output_text.delta\"",
    "\"type\":\"response.created\"", "\"type\":\"response.completed\"",
    "\"type\":\"response.output_item.added\"", "\"type\":\"error\"",
    "\"type\":\"response.failed\"", "\"sequence_number\":#",
    "\"item_id\":\"msg_0123456789abcdef0123456789abcdef\"",
    "\"output_index\":0", "\"delta\":\"text #\"", "\"delta\":\"\"",
    "\"delta\":\"#\"", "\"delta\":\"more\"", "\"item\":{%}",
    "\"response\":{@}", "\"code\":429", "\"code\":503",
    "\"code\":\"rate_limit_exceeded\"", "\"obfuscation\":\"########\"",
    NULL
};

static const char *const  responses_below[] = {
    "\"type\":\"message\"", "\"type\":\"function_call\"", "\"name\":\"f#\"",
    "\"id\":\"item\"", NULL
};

static const char *const  responses_inner[] = {
    "\"id\":\"resp_1234567890\"", "\"model\":\"model-one\"",
    "\"status\":\"in_progress\"", "\"status\":\"completed\"",
    "\"usage\":null", "\"usage\":{\"input_tokens\":#,\"output_tokens\":#}",
    "\"incomplete_details\":{\"reason\":\"max_output_tokens\"}",
    "\"service_tier\":\"priority\"", "\"error\":{\"code\":\"#\"}", NULL
};

static const char *const  messages_top[] = {
    "\"type\":\"content_block_delta\"", "\"type\":\"content_block_delta\"",
    "\"type\":\"content_block_start\"", "\"type\":\"message_start\"",
    "\"type\":\"message_delta\"", "\"type\":\"message_stop\"",
    "\"type\":\"ping\"", "\"type\":\"error\"", "\"index\":#",
    "\"delta\":{%}", "\"delta\":{%}", "\"delta\":{%}",
    "\"content_block\":{\"type\":\"tool_use\",\"name\":\"f\"}",
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}",
    "\"message\":{@}", "\"usage\":{\"output_tokens\":#}",
    "\"error\":{\"type\":\"overloaded_error\"}",
    "\"padding_of_the_event\":\"################\"", NULL
};

static const char *const  messages_below[] = {
    "\"type\":\"text_delta\"", "\"type\":\"input_json_delta\"",
    "\"text\":\"text #\"", "\"text\":\"\"", "\"thinking\":\"why #\"",
    "\"partial_json\":\"{#\"", "\"stop_reason\":\"end_turn\"",
    "\"stop_reason\":null", NULL
};

static const char *const  messages_inner[] = {
    "\"id\":\"msg_1234567890\"", "\"model\":\"model-one\"",
    "\"usage\":{\"input_tokens\":#,\"cache_read_input_tokens\":#}",
    "\"usage\":{\"input_tokens\":#,\"service_tier\":\"batch\"}", NULL
};


static const grammar_t  grammars[] = {
    { LLM_DIALECT_CHAT, chat_top, chat_below, chat_inner, "chat" },
    { LLM_DIALECT_COMPLETIONS, chat_top, chat_below, chat_inner,
      "completions" },
    { LLM_DIALECT_RESPONSES, responses_top, responses_below, responses_inner,
      "responses" },
    { LLM_DIALECT_MESSAGES, messages_top, messages_below, messages_inner,
      "messages" }
};


static llm_dialect_set_t  set;


static const char *
any(const char *const *list, uint64_t *seed)
{
    size_t  n;

    for (n = 0; list[n]; n++) { /* void */ }

    return list[cut_random(seed) % n];
}


/* A member, with those of the levels below and numbers in their places. */

static void
member(bytes_t *to, const grammar_t *g, const char *text, uint64_t *seed)
{
    char         digit;
    unsigned     i, n;
    const char  *p;

    for (p = text; *p; p++) {

        if (*p == '#') {
            digit = '1' + cut_random(seed) % 3;
            bytes_put(to, &digit, 1);

        } else if (*p == '%' || *p == '@') {
            n = cut_random(seed) % 4;

            for (i = 0; i < n; i++) {
                bytes_put(to, ",", i ? 1 : 0);
                member(to, g, any(*p == '%' ? g->below : g->inner, seed),
                       seed);
            }

        } else {
            bytes_put(to, p, 1);
        }
    }
}


typedef struct {
    unsigned  n;
    bytes_t   member[MEMBERS];
} event_t;


static void
renew(event_t *e, unsigned i, const grammar_t *g, uint64_t *seed)
{
    e->member[i].len = 0;
    member(&e->member[i], g, any(g->top, seed), seed);
}


static void
change(event_t *e, const grammar_t *g, uint64_t *seed)
{
    bytes_t   swap;
    unsigned  i, k;

    i = e->n ? cut_random(seed) % e->n : 0;

    switch (cut_random(seed) % 8) {

    case 0:                      /* another event */
        e->n = cut_random(seed) % MEMBERS;

        for (i = 0; i < e->n; i++) {
            renew(e, i, g, seed);
        }

        break;

    case 1:
        if (e->n < MEMBERS) {
            renew(e, e->n++, g, seed);
        }

        break;

    case 2:
        e->n -= (e->n > 0);
        break;

    case 3:
        if (e->n) {
            k = cut_random(seed) % e->n;
            swap = e->member[i];
            e->member[i] = e->member[k];
            e->member[k] = swap;
        }

        break;

    case 4:                      /* the same again */
        break;

    default:
        if (e->n) {
            renew(e, e->n - 1 - cut_random(seed) % llm_min(e->n, 2u), g,
                  seed);
        }
    }
}


static void
put_event(bytes_t *to, const event_t *e, uint64_t *seed)
{
    unsigned  i;

    bytes_put(to, "data: {", 7);

    for (i = 0; i < e->n; i++) {
        bytes_put(to, ",", i ? 1 : 0);
        bytes_put(to, e->member[i].data, e->member[i].len);

        /* now and then an event in two lines */

        if (cut_random(seed) % 50 == 0) {
            bytes_put(to, "\ndata: ", 7);
        }
    }

    bytes_put(to, "}\n\n", 3);
}


static void
test(const grammar_t *g, unsigned streams)
{
    cut_t                  cut;
    event_t                e;
    bytes_t                body, want, got;
    unsigned               n, i, bad, content;
    uint64_t               seed;
    static response_log_t  log;

    memset(&e, 0, sizeof(e));
    memset(&body, 0, sizeof(body));
    seed = 11;
    bad = 0;
    content = 0;

    for (n = 0; n < streams; n++) {
        body.len = 0;

        for (i = 0; i < EVENTS; i++) {
            change(&e, g, &seed);
            put_event(&body, &e, &seed);
        }

        memset(&cut, 0, sizeof(cut));
        response_log_read(&log, &set, g->dialect, LLM_FRAMING_SSE, cut,
                          body.data, body.len, &want);
        content += log.r.content_events;

        for (i = 0; i < 3; i++) {
            cut.how = i ? CUT_RANDOM : CUT_BYTES;
            cut.seed = n + i;

            response_log_read(&log, &set, g->dialect, LLM_FRAMING_SSE, cut,
                              body.data, body.len, &got);

            if (!bytes_same(&want, &got) && bad++ == 0) {
                printf("# stream %u, cut %u:\n", n, i);
                printf("#%.*s\n", (int) body.len, (char *) body.data);
            }

            bytes_free(&got);
        }

        bytes_free(&want);
    }

    ok(bad == 0, "%s: %u streams, one reading however cut", g->name, streams);
    ok(content > streams / 2, "%u content events among them", content);

    for (i = 0; i < MEMBERS; i++) {
        bytes_free(&e.member[i]);
    }

    bytes_free(&body);
}


int
main(void)
{
    size_t    i;
    unsigned  streams;

    CHECK(llm_dialect_compile(&set) == LLM_JSON_OK);

    streams = getenv("LLM_PROOF") ? 40000 : 2000;

    for (i = 0; i < sizeof(grammars) / sizeof(grammars[0]); i++) {
        test(&grammars[i], streams);
    }

    return tap_done();
}
