
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Taking the chunk of usage out of streams: what goes and what stays, with
 * every kind of line end, whole, byte by byte, split in two at every place
 * and at random; and how soon an innocent event is let go.
 */


#include "edit_log.h"


#define in(s)  s, sizeof(s) - 1

#define C  "{\"id\":\"x\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}"
#define U  "{\"id\":\"x\",\"choices\":[],\"usage\":{\"prompt_tokens\":3}}"
#define DONE  "data: [DONE]||"
#define CHUNK  "data: " C "||"
#define USAGE  "data: " U "||"


/* "|" is the end of a line.  what: what is left of it; NULL: all. */

typedef struct {
    const char  *name;
    const char  *body;
    const char  *left;
} body_t;


static const body_t  bodies[] = {

    { "nothing", "", NULL },
    { "no chunk of usage", CHUNK CHUNK DONE, NULL },
    { "one at the end", CHUNK USAGE DONE, CHUNK DONE },
    { "one alone", USAGE, "" },
    { "one at the start", USAGE CHUNK, CHUNK },
    { "several", USAGE CHUNK USAGE USAGE DONE, CHUNK DONE },
    { "no space after the colon", CHUNK "data:" U "||" DONE, CHUNK DONE },
    { "white space in it",
      "data:  { \"choices\" : [ ] , \"usage\" : { } } ||" DONE, DONE },
    { "usage first", "data: {\"usage\":{},\"choices\":[]}||", "" },
    { "its key with escapes",
      "data: {\"ch\\u006fices\":[],\"us\\u0061ge\":{}}||", "" },
    { "with an id and a name", "id: 7|event: x|data: " U "||" DONE, DONE },
    { "a field after it", "data: " U "|id: 7||" DONE, DONE },
    { "without its blank line, at the end", CHUNK "data: " U "|", CHUNK },
    { "without any line end", CHUNK "data: " U, CHUNK },
    { "blank lines around it", "||" USAGE "||" CHUNK, "||||" CHUNK },

    { "Azure's opener", "data: {\"choices\":[],\"model\":\"\"}||", NULL },
    { "usage that is null", "data: {\"choices\":[],\"usage\":null}||", NULL },
    { "usage taken back",
      "data: {\"choices\":[],\"usage\":{},\"usage\":null}||", NULL },
    { "usage with content",
      "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{}}||",
      NULL },
    { "choices of another kind",
      "data: {\"choices\":{},\"usage\":{\"a\":1}}||", NULL },
    { "choices that are null",
      "data: {\"choices\":null,\"usage\":{\"a\":1}}||", NULL },
    { "choices twice",
      "data: {\"choices\":[],\"choices\":[{}],\"usage\":{}}||", NULL },
    { "no choices", "data: {\"usage\":{\"a\":1}}||", NULL },
    { "both deeper down", "data: {\"x\":{\"choices\":[],\"usage\":{}}}||",
      NULL },
    { "both in a text", "data: \"{\\\"choices\\\":[],\\\"usage\\\":{}}\"||",
      NULL },
    { "an array of it", "data: [" U "]||", NULL },
    { "a second line of data", "data: " U "|data: x||" DONE, NULL },
    { "more after it", "data: " U " x||" DONE, NULL },
    { "cut short", "data: {\"choices\":[],\"usage\":{\"a\":1}||" DONE, NULL },
    { "another field", "date: " U "||datas: " U "||dat: " U "||", NULL },
    { "in upper case", "DATA: " U "||", NULL },
    { "in a comment", ": data: " U "||" CHUNK, NULL },
    { "in an event that goes on", "data: " U "|", "" },
    { "a comment before it", ":c|" USAGE CHUNK, ":c|" CHUNK },
    { "a comment in it", "data: " U "|:c||" CHUNK, CHUNK },
    { "data alone", "data||data:||data: ||", NULL },
    { "no lines at all", "nothing of the kind", NULL },
    { "a byte order mark", "\xef\xbb\xbf" CHUNK USAGE, "\xef\xbb\xbf" CHUNK }
};


static const char *const  ends[] = { "\n", "\r\n", "\r" };


static void
lines(const char *s, const char *eol, bytes_t *to)
{
    to->len = 0;

    for ( /* void */ ; *s; s++) {
        if (*s == '|') {
            bytes_put(to, eol, strlen(eol));

        } else {
            bytes_put(to, s, 1);
        }
    }
}


static int
same_in(cut_t cut, const bytes_t *body, const bytes_t *want)
{
    static edit_run_t  run;

    edit_run(&run, cut, body->data, body->len, 1);

    if (bytes_same(&run.out, want)) {
        return 1;
    }

    printf("# got  %.*s\n# want %.*s\n", (int) run.out.len,
           (char *) run.out.data, (int) want->len, (char *) want->data);

    return 0;
}


static int
same(const bytes_t *body, const bytes_t *want)
{
    int      good;
    cut_t    cut;
    size_t   i;
    uint8_t  plan[2];

    memset(&cut, 0, sizeof(cut_t));
    good = same_in(cut, body, want);

    cut.how = CUT_BYTES;
    good &= same_in(cut, body, want);

    cut.how = CUT_RANDOM;

    for (i = 0; i < 50 && good; i++) {
        cut.seed = i;
        good &= same_in(cut, body, want);
    }

    cut.how = CUT_PLAN;
    cut.plan = plan;
    cut.nplan = 2;
    plan[1] = 255;

    for (i = 0; i < body->len && i < 255 && good; i++) {
        plan[0] = i;
        cut.at = 0;
        good &= same_in(cut, body, want);
    }

    return good;
}


static void
test_bodies(void)
{
    size_t         i, j;
    bytes_t        body, want;
    const body_t  *b;

    memset(&body, 0, sizeof(bytes_t));
    memset(&want, 0, sizeof(bytes_t));

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        b = &bodies[i];

        for (j = 0; j < 3; j++) {
            lines(b->body, ends[j], &body);
            lines(b->left ? b->left : b->body, ends[j], &want);

            ok(same(&body, &want), "%s, ends %zu", b->name, j);
        }
    }

    bytes_free(&body);
    bytes_free(&want);
}


/* A stream that breaks off at any place: nothing of it is lost. */

static void
test_breaks(void)
{
    int                good;
    cut_t              cut;
    size_t             n;
    bytes_t            body;
    static edit_run_t  run;

    memset(&body, 0, sizeof(bytes_t));
    memset(&cut, 0, sizeof(cut_t));
    cut.how = CUT_BYTES;

    lines(CHUNK USAGE, "\n", &body);
    good = 1;

    for (n = 0; n < body.len; n++) {
        edit_run(&run, cut, body.data, n, 0);
        good &= (run.out.len == n
                 && (n == 0 || memcmp(run.out.data, body.data, n) == 0));
    }

    ok(good, "what is held goes out when the stream breaks off");

    bytes_free(&body);
}


/* How many bytes wait before the first of them goes out. */

static size_t
waits(const char *s)
{
    size_t             n;
    bytes_t            body;
    static edit_run_t  run;

    memset(&body, 0, sizeof(bytes_t));
    lines(s, "\n", &body);

    run.held.len = 0;
    run.out.len = 0;
    llm_edit_init(&run.e, &edit_table);

    for (n = 0; n < body.len && run.out.len == 0; n++) {
        (void) edit_piece(&run, body.data + n, 1);
    }

    bytes_free(&body);

    return n;
}


static void
test_waits(void)
{
    ok(waits(CHUNK) == strlen("data: {\"id\":\"x\",\"choices\":[{"),
       "an event waits for its first choice");
    ok(waits(DONE) == strlen("data: ["), "[DONE] waits for its bracket");
    ok(waits("data: x||") == 7, "what is no JSON waits for its first byte");
    ok(waits(": c||") == 1, "a comment does not wait");
    ok(waits("||") == 1, "nor does a blank line");
}


/* More than may be held: it goes, whatever it would have been. */

static void
test_limit(void)
{
    int                n, good;
    cut_t              cut;
    size_t             i;
    bytes_t            body;
    static edit_run_t  run;

    static const uint8_t  plan[] = { 99, 254, 0, 17 };

    memset(&cut, 0, sizeof(cut_t));
    good = 1;

    for (n = LLM_EDIT_HOLD - 60; n < LLM_EDIT_HOLD + 20; n++) {

        for (i = 0; i < 12; i++) {
            memset(&body, 0, sizeof(bytes_t));

            cut.how = (i / 3 == 0) ? CUT_WHOLE : (i / 3 == 1) ? CUT_BYTES
                      : (i / 3 == 2) ? CUT_PLAN : CUT_RANDOM;
            cut.plan = plan;
            cut.nplan = sizeof(plan);

            lines("data: {\"choices\":[],\"usage\":{\"a\":\"", ends[i % 3],
                  &body);

            while (body.len < (size_t) n) {
                bytes_put(&body, "x", 1);
            }

            bytes_put(&body, "\"}}", 3);
            bytes_put(&body, ends[i % 3], strlen(ends[i % 3]));

            /* with the end of its line it may be held, or not */

            edit_run(&run, cut, body.data, body.len, 1);
            good &= (run.out.len
                     == (body.len <= LLM_EDIT_HOLD ? 0 : body.len));

            bytes_free(&body);
        }
    }

    ok(good, "up to %d bytes are held, in whatever pieces", LLM_EDIT_HOLD);
}


/* Random streams against a reading of them as a whole. */

static const char *const  events[] = {
    CHUNK, CHUNK, USAGE, DONE, ": c|", "|", "id: 3|" USAGE, "event: a|" CHUNK,
    "data: {\"choices\":[],\"usage\":null}||", "data: " U "|data: y||",
    "data: " U "|retry: 1||", "x||"
};


static void
test_random(void)
{
    int        good;
    size_t     i, j, n;
    bytes_t    body, want, one;
    uint64_t   seed;

    memset(&body, 0, sizeof(bytes_t));
    memset(&want, 0, sizeof(bytes_t));
    memset(&one, 0, sizeof(bytes_t));
    good = 1;

    for (i = 0; i < 300 && good; i++) {
        seed = i;
        body.len = 0;
        want.len = 0;

        for (j = cut_random(&seed) % 12; j; j--) {
            n = cut_random(&seed) % (sizeof(events) / sizeof(events[0]));
            lines(events[n], ends[cut_random(&seed) % 3], &one);
            bytes_put(&body, one.data, one.len);

            if (strstr(events[n], U) == NULL || strstr(events[n], "data: y"))
            {
                bytes_put(&want, one.data, one.len);
            }

            /* else a CR and the LF of the next would be one end */

            bytes_put(&body, ":\n", 2);
            bytes_put(&want, ":\n", 2);
        }

        good = same(&body, &want);
    }

    ok(good, "%zu random streams", i);

    bytes_free(&body);
    bytes_free(&want);
    bytes_free(&one);
}


int
main(void)
{
    CHECK(llm_edit_compile(&edit_table) == LLM_JSON_OK);

    test_bodies();
    test_breaks();
    test_waits();
    test_limit();
    test_random();

    return tap_done();
}
