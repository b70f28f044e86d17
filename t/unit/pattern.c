
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Patterns of models, lists of them, names, and the paths and queries that a
 * gate may believe.
 */


#include "llm_dialect.h"
#include "llm_pattern.h"
#include "tap.h"


#define COUNT(a)  (sizeof(a) / sizeof(a[0]))


/* A copy in memory of its own size: what is read beyond is seen. */

static llm_str_t
own(const char *s, size_t len)
{
    llm_str_t   v;
    uint8_t    *p;

    p = malloc(len ? len : 1);
    CHECK(p != NULL);

    memcpy(p, s, len);
    v.data = p;
    v.len = len;

    return v;
}


static void
drop(llm_str_t s)
{
    free((void *) s.data);
}


static int
matches(const char *pattern, const char *name, size_t len)
{
    int            rc;
    llm_str_t      w, n;
    llm_pattern_t  p;

    w = own(pattern, strlen(pattern));
    n = own(name, len);

    rc = llm_pattern_parse(&p, w) == 0 ? llm_pattern_match(&p, n) : -1;

    drop(w);
    drop(n);

    return rc;
}


/* One bit, byte or case of an allowed name changed: none is allowed. */

static void
variants(void)
{
    size_t       i, n;
    char         name[64];
    unsigned     c, passed, tried;
    const char  *model = "gpt-4o-mini";

    n = strlen(model);
    passed = tried = 0;

    for (i = 0; i < n; i++) {
        for (c = 0; c < 256; c++) {
            strcpy(name, model);
            name[i] = (char) c;

            if (c != (uint8_t) model[i]) {
                tried++;
                passed += matches(model, name, n) == 1;
            }
        }
    }

    for (i = 0; i <= n; i++) {
        for (c = 0; c < 256; c++) {
            memcpy(name, model, i);
            name[i] = (char) c;
            memcpy(name + i + 1, model + i, n - i);

            tried++;
            passed += matches(model, name, n + 1) == 1;
        }

        if (i < n) {
            memcpy(name, model, i);
            memcpy(name + i, model + i + 1, n - i - 1);
            tried++;
            passed += matches(model, name, n - 1) == 1;
        }
    }

    ok(passed == 0, "%u names that are nearly it: %u match", tried, passed);
}


static void
patterns(void)
{
    ok(matches("gpt-4", "gpt-4", 5) == 1, "exact");
    ok(matches("gpt-4", "gpt-4o", 6) == 0, "exact is not a prefix");
    ok(matches("gpt-4*", "gpt-4o", 6) == 1, "a prefix");
    ok(matches("gpt-4*", "gpt-4", 5) == 1, "a prefix is one of itself");
    ok(matches("gpt-4*", "gpt-", 4) == 0, "shorter than the prefix");
    ok(matches("*", "", 0) == 1, "a star takes all");
    ok(matches("g*t", "gpt", 3) == 0, "a star inside is a star");
    ok(matches("gpt-4", "GPT-4", 5) == 0, "case counts");
    ok(matches("gpt-4", "gpt-4\0x", 7) == 0, "a NUL does not end it");
    ok(matches("", "", 0) == -1, "no pattern");
    ok(matches("~", "", 0) == -1, "nothing of a regex");
    ok(matches("~a", "a", 1) == 0, "a regex is matched elsewhere");
    variants();
}


static int
words(const char *list, const char *want)
{
    int        rc;
    char       got[512];
    llm_str_t  l, all, w;

    all = l = own(list, strlen(list));
    got[0] = '\0';

    while ((rc = llm_pattern_next(&l, &w)) == 1) {
        sprintf(got + strlen(got), "<%.*s>", (int) w.len, w.data);
    }

    if (rc < 0) {
        strcat(got, "!");
    }

    drop(all);

    if (strcmp(got, want) != 0) {
        printf("# %s\n", got);
        return 0;
    }

    return 1;
}


static void
lists(void)
{
    ok(words("", ""), "an empty list");
    ok(words(" ,\t\r\n, ", ""), "a list of nothing");
    ok(words("a", "<a>"), "one word");
    ok(words(" a,b ,, c* \n~^d$", "<a><b><c*><~^d$>"), "several words");
    ok(words("~a{1,2}, ~(b,c)d ~[,]x,y", "<~a{1,2}><~(b,c)d><~[,]x><y>"),
       "a comma inside of a regex");
    ok(words("~a\\,b,c", "<~a\\,b><c>"), "an escaped comma");
    ok(words("~[(]a,b", "<~[(]a><b>"), "a bracket in a class");
    ok(words("a ~(b c", "<a>!"), "an open bracket");
    ok(words("~[a", "!"), "an open class");
    ok(words("~a\\", "!"), "an open escape");
    ok(words("~a\\ b", "!"), "an escaped blank");
}


static const struct {
    const char  *name;
    int          good;
} names[] = {
    { "", 1 },
    { "gpt-4o", 1 },
    { "openai/gpt-4o:free", 1 },
    { "a b", 1 },
    { "mod\xc3\xa8le", 1 },
    { "\xe6\xa8\xa1\xf0\x9f\x98\x80", 1 },
    { " gpt", 0 },
    { "gpt ", 0 },
    { "gpt\n", 0 },
    { "gpt\x7f", 0 },
    { "gpt\x1b[0m", 0 },
    { "gpt\xc2\x85", 0 },
    { "gpt\xff", 0 },
    { "gpt\xc0\xaf", 0 },
    { "gpt\xe0\x80\xaf", 0 },
    { "gpt\xed\xa0\x80", 0 },
    { "gpt\xf4\x90\x80\x80", 0 },
    { "gpt\xc3", 0 },
    { "gpt\xe6\xa8", 0 },
    { "gpt\xf0\x9f\x98", 0 },
    { "gpt\x80", 0 }
};


static void
spelled(void)
{
    int        wrong;
    size_t     i;
    llm_str_t  s;

    wrong = 0;

    for (i = 0; i < COUNT(names); i++) {
        s = own(names[i].name, strlen(names[i].name));

        if (llm_pattern_name(s) != names[i].good) {
            printf("# %s\n", names[i].name);
            wrong++;
        }

        drop(s);
    }

    ok(wrong == 0, "%zu names", COUNT(names));

    s = own("gpt\0x", 5);
    ok(!llm_pattern_name(s), "a name with a NUL");
    drop(s);
}


/* raw: as sent; uri: as nginx has it, if that is different */

static const struct {
    const char  *raw;
    const char  *uri;
    int          good;
} paths[] = {
    { "/v1/chat/completions", NULL, 1 },
    { "/v1/chat/completions?api-version=1", "/v1/chat/completions", 1 },
    { "/v1//chat/completions", "/v1/chat/completions", 1 },
    { "/v1/chat/completions/", NULL, 1 },
    { "/serving-endpoints/chat/completions", NULL, 1 },
    { "/models/chat/completions?api-version=2", "/models/chat/completions",
      1 },
    { "/v1/projects/p/locations/l/endpoints/openapi/chat/completions", NULL,
      1 },
    { "/models/v1/chat/completions", NULL, 1 },
    { "/models/openai/chat/completions", NULL, 1 },
    { "/openai/deployments/gpt-4/chat/completions", NULL, 1 },
    { "/openai/deployments/my%20gpt/chat/completions",
      "/openai/deployments/my gpt/chat/completions", 1 },
    { "/v1beta/models/gemini-x:generateContent", NULL, 1 },
    { "/v1beta/models/gemini-x:streamGenerateContent?alt=sse",
      "/v1beta/models/gemini-x:streamGenerateContent", 1 },
    { "/v1beta/tunedModels/mine:generateContent", NULL, 1 },
    { "/v1/projects/p/locations/l/publishers/anthropic/models/"
      "claude-3-5-sonnet@20240620:rawPredict", NULL, 1 },
    { "/v1/projects/p/locations/l/endpoints/123:generateContent", NULL, 1 },
    { "/model/anthropic.claude-3%3A0/converse",
      "/model/anthropic.claude-3:0/converse", 1 },
    { "/model/anthropic.claude-3:0/converse-stream", NULL, 1 },
    { "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.x"
      "/invoke",
      "/model/arn:aws:bedrock:us-east-1:1:inference-profile/us.x/invoke",
      1 },
    { "/client/v4/accounts/a/ai/run/@cf/meta/llama-3", NULL, 1 },
    { "/engines/davinci/completions", NULL, 1 },

    { "", NULL, 0 },
    { "v1/chat/completions", NULL, 0 },
    { "/openai/deployments/x/../../../v1/chat/completions",
      "/v1/chat/completions", 0 },
    { "/openai/deployments/x/%2e%2e/%2e%2e/../v1/chat/completions",
      "/v1/chat/completions", 0 },
    { "/v1/./chat/completions", "/v1/chat/completions", 0 },
    { "/v1/chat/completions/.", "/v1/chat/completions/", 0 },
    { "/v1/chat/completions/x/..", "/v1/chat/completions/", 0 },
    { "/v1/chat%2fcompletions", "/v1/chat/completions", 0 },
    { "/v1/chat/complet%69ons", "/v1/chat/completions", 0 },
    { "/openai/deploy%6dents/x/chat/completions",
      "/openai/deployments/x/chat/completions", 0 },
    { "/openai%2Fdeployments%2Fx/chat/completions",
      "/openai/deployments/x/chat/completions", 0 },
    { "/OpenAI/Deployments/x/chat/completions", NULL, 0 },
    { "/engines/x/y/chat/completions", NULL, 1 },
    { "/Engines/x/chat/completions", NULL, 0 },
    { "/models/org/name/v1/chat/completions", NULL, 0 },
    { "/serving-endpoints/x/chat/completions", NULL, 0 },
    { "/serving-endpoints/x/invocations", NULL, 0 },
    { "/openai//deployments/x/chat/completions",
      "/openai/deployments/x/chat/completions", 0 },
    { "/openai/deployments/x/deployments/y/chat/completions", NULL, 0 },
    { "/v1beta/models/x/models/y:generateContent", NULL, 0 },
    { "/v1beta/models/x/y:generateContent", NULL, 0 },
    { "/v1beta/models/x;y:generateContent", NULL, 0 },
    { "/v1beta/models/x%3By:generateContent",
      "/v1beta/models/x;y:generateContent", 0 },
    { "/v1beta/models/x%00:generateContent", NULL, 0 },
    { "/v1beta/models/x%20:generateContent",
      "/v1beta/models/x :generateContent", 0 },
    { "/v1beta/models/x.:generateContent", NULL, 0 },
    { "/v1beta/models/x%255c:generateContent",
      "/v1beta/models/x%5c:generateContent", 0 },
    { "/v1beta/models/x%5cy:generateContent",
      "/v1beta/models/x\\y:generateContent", 0 },
    { "/v1beta/models/x%ff:generateContent",
      "/v1beta/models/x\xff:generateContent", 0 },
    { "/v1beta/models/x%2Fy:generateContent",
      "/v1beta/models/x/y:generateContent", 0 },
    { "/v1beta/Models/x:generateContent", NULL, 0 },
    { "/v1beta/models/x%3Fy:generateContent",
      "/v1beta/models/x?y:generateContent", 0 },
    { "/v1beta/models/x%zz:generateContent", NULL, 0 },
    { "/v1beta/models/x:generateContent%", NULL, 0 },
    { "/model/good/converse/model/evil/converse", NULL, 0 },
    { "/model/good/converse/converse", NULL, 0 },
    { "/model/evil%2Fconverse/converse", "/model/evil/converse/converse",
      0 },
    { "/model/a/b/converse", NULL, 0 },
    { "/m%2fodel/a/converse", NULL, 0 },
    { "/x%2Fy/model/a/converse", "/x/y/model/a/converse", 0 },
    { "/model/a/x%2Fconverse", "/model/a/x/converse", 0 }
};


static void
roads(void)
{
    int          wrong, good;
    size_t       i;
    llm_str_t    raw, uri;
    llm_path_t   path;
    const char  *s;

    wrong = 0;

    for (i = 0; i < COUNT(paths); i++) {
        s = paths[i].uri ? paths[i].uri : paths[i].raw;
        raw = own(paths[i].raw, strlen(paths[i].raw));
        uri = own(s, strlen(s));

        llm_dialect_path(uri, &path);
        good = llm_pattern_path(raw, 1, path.model);

        if (good != paths[i].good) {
            printf("# %s: %.*s\n", paths[i].raw, (int) path.model.len,
                   path.model.data);
            wrong++;
        }

        drop(raw);
        drop(uri);
    }

    ok(wrong == 0, "%zu paths", COUNT(paths));

    raw = own("/model/a%3A/converse", 20);
    ok(llm_pattern_path(raw, 1, (llm_str_t) llm_string("a:"))
       && !llm_pattern_path(raw, 0, (llm_str_t) llm_string("a:")),
       "a decoded path has no escapes");
    drop(raw);
}


static const struct {
    const char  *args;
    int          good;
} queries[] = {
    { "", 1 },
    { "api-version=2024&alt=sse", 1 },
    { "model=gpt", 1 },
    { "x=1&model=%67pt&y", 1 },
    { "models=evil", 1 },
    { "a=model=evil", 1 },
    { "&&&", 1 },
    { "model=evil", 0 },
    { "model=", 0 },
    { "model", 0 },
    { "MODEL=evil", 0 },
    { "mod%65l=evil", 0 },
    { "x&model=gpt&model=evil", 0 },
    { "x;model=evil", 0 },
    { "model=gpt%00", 0 },
    { "model=gpt+", 0 },
    { "deployment=evil", 0 },
    { "model[]=evil", 0 },
    { "model%5b%5d=evil", 0 },
    { "model=%6", 0 }
};


static void
asked(void)
{
    int        wrong, good;
    size_t     i;
    llm_str_t  s;

    wrong = 0;

    for (i = 0; i < COUNT(queries); i++) {
        s = own(queries[i].args, strlen(queries[i].args));
        good = llm_pattern_query(s, (llm_str_t) llm_string("gpt"));

        if (good != queries[i].good) {
            printf("# %s\n", queries[i].args);
            wrong++;
        }

        drop(s);
    }

    ok(wrong == 0, "%zu queries", COUNT(queries));
}


/* Random bytes of what paths and lists are made of: nothing is read beyond
 * their ends. */

static void
noise(void)
{
    size_t       i, n, k;
    char         s[48];
    uint64_t     seed;
    llm_str_t    v, list, word;
    llm_path_t   path;
    const char  *bits = "/%2fFe.;?model\\s:~({[,]})*+ &=\xc3\xa9\x80";

    seed = 7;

    for (i = 0; i < 200000; i++) {
        n = cut_random(&seed) % sizeof(s);

        for (k = 0; k < n; k++) {
            s[k] = bits[cut_random(&seed) % strlen(bits)];
        }

        if (n > 12 && i % 2) {
            memcpy(s, "/model/", 7);
        }

        v = own(s, n);

        llm_dialect_path(v, &path);
        (void) llm_pattern_path(v, 1, path.model);
        (void) llm_pattern_path(v, 0, path.model);
        (void) llm_pattern_query(v, v);
        (void) llm_pattern_name(v);

        for (list = v; llm_pattern_next(&list, &word) == 1; /* void */) {
            CHECK(word.len > 0 && word.data >= v.data
                  && word.data + word.len <= v.data + v.len);
        }

        drop(v);
    }

    ok(1, "%zu texts of noise", i);
}


int
main(void)
{
    patterns();
    lists();
    spelled();
    roads();
    asked();
    noise();

    return tap_done();
}
