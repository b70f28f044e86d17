
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
#include "frames.h"
#include "grammars.h"


#define MEMBERS  12
#define EVENTS   14


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


/* The members of an event; mark stands where its line may be broken. */

static void
put_object(bytes_t *to, const event_t *e, const char *mark, uint64_t *seed)
{
    unsigned  i;

    bytes_put(to, "{", 1);

    for (i = 0; i < e->n; i++) {
        bytes_put(to, ",", i ? 1 : 0);
        bytes_put(to, e->member[i].data, e->member[i].len);

        if (cut_random(seed) % 50 == 0) {
            bytes_put(to, mark, strlen(mark));
        }
    }

    bytes_put(to, "}", 1);
}


static void
put_frame(bytes_t *to, const grammar_t *g, const event_t *e, uint64_t *seed)
{
    bytes_t  json;

    static const char *const  types[] = {
        "contentBlockDelta", "contentBlockDelta", "contentBlockDelta",
        "messageStart", "contentBlockStart", "contentBlockStop",
        "messageStop", "metadata", "throttlingException", "other", NULL
    };

    memset(&json, 0, sizeof(bytes_t));
    put_object(&json, e, "\n", seed);

    if (g->dialect == LLM_DIALECT_INVOKE && cut_random(seed) % 20) {
        frame_put_chunk(to, json.data, json.len);

    } else {
        frame_put_event(to, any(types, seed), json.data, json.len);
    }

    bytes_free(&json);
}


static void
put_event(bytes_t *to, const grammar_t *g, const event_t *e, int first,
    uint64_t *seed)
{
    switch (g->framing) {

    case LLM_FRAMING_SSE:
        bytes_put(to, "data: ", 6);
        put_object(to, e, "\ndata: ", seed);
        bytes_put(to, "\n\n", 2);
        break;

    case LLM_FRAMING_NDJSON:
        put_object(to, e, "\r\n ", seed);
        bytes_put(to, "\r\n\n" + cut_random(seed) % 2, 2);
        break;

    case LLM_FRAMING_ARRAY:
        bytes_put(to, first ? "[" : "\n,\r\n", first ? 1 : 4);
        put_object(to, e, "\n  ", seed);
        break;

    default:
        put_frame(to, g, e, seed);
    }
}


/* What ends a stream, or ends it badly. */

static void
put_end(bytes_t *to, const grammar_t *g, uint64_t *seed)
{
    size_t  at;

    if (g->framing == LLM_FRAMING_ARRAY && cut_random(seed) % 8) {
        bytes_put(to, "\n]\n", 3);
    }

    /* its first byte tells what a stream is */

    at = 1 + cut_random(seed) % (to->len - 1);

    switch (cut_random(seed) % 16) {

    case 0:
        to->len = at + 1;
        break;

    case 1:
        if (g->framing == LLM_FRAMING_EVENTSTREAM) {
            to->data[at] ^= 1 << cut_random(seed) % 8;
        }

        break;
    }
}


static void
test(const grammar_t *g, unsigned streams)
{
    cut_t                  cut;
    event_t                e;
    bytes_t                body, want, got;
    unsigned               n, i, hint, bad, content;
    uint64_t               seed;
    static response_log_t  log;

    memset(&e, 0, sizeof(e));
    memset(&body, 0, sizeof(body));
    seed = 11;
    bad = 0;
    content = 0;

    hint = (g->framing == LLM_FRAMING_ARRAY) ? LLM_FRAMING_JSON : g->framing;

    for (n = 0; n < streams; n++) {
        body.len = 0;

        for (i = 0; i < EVENTS; i++) {
            change(&e, g, &seed);
            put_event(&body, g, &e, i == 0, &seed);
        }

        put_end(&body, g, &seed);

        memset(&cut, 0, sizeof(cut));
        response_log_read(&log, &set, g->dialect, hint, cut, body.data,
                          body.len, &want);
        content += log.r.content_events;

        if (log.r.framing != g->framing && bad++ == 0) {
            printf("# stream %u is of framing %u\n", n, log.r.framing);
        }

        for (i = 0; i < 3; i++) {
            cut.how = i ? CUT_RANDOM : CUT_BYTES;
            cut.seed = n + i;

            response_log_read(&log, &set, g->dialect, hint, cut, body.data,
                              body.len, &got);

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
    set.crc = frame_crc;

    streams = getenv("LLM_PROOF") ? 40000 : 600;

    for (i = 0; i < sizeof(grammars) / sizeof(grammars[0]); i++) {
        test(&grammars[i], streams);
    }

    return tap_done();
}
