
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Changes of requests: what each API's body becomes, what is refused, and
 * that marks do not depend on how a body came.  A change that was made needs
 * no other: planned once more, it is empty.
 */


#include "splice_log.h"


/* what a row leaves out is 0 */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"


#define D(name)  LLM_DIALECT_ ## name


typedef struct {
    const char  *name;
    uint8_t      dialect;
    const char  *body;           /* ' stands for " */
    const char  *model;          /* wanted, or NULL */
    uint64_t     max;            /* wanted, or 0 */
    const char  *want;           /* the body, or NULL: */
    uint8_t      why;
    const char  *path;           /* model of the path */
    const char  *provider;
    uint8_t      usage;
} change_t;


static const change_t  changes[] = {

    /* the model */

    { "a shorter model", D(CHAT), "{'model':'gpt-4o','x':1}", "m", 0,
      "{'model':'m'     ,'x':1}" },
    { "a longer one", D(CHAT), "{'model':'m','x':1}", "gpt-4o", 0,
      "{'model':'gpt-4o','x':1}" },
    { "the same", D(CHAT), "{'model':'m'}", "m", 0, "{'model':'m'}" },
    { "the same in escapes", D(CHAT), "{'model':'\\u006d'}", "m", 0,
      "{'model':'\\u006d'}" },
    { "one that needs escapes", D(CHAT), "{'model':'m'}", "a\\\n", 0,
      "{'model':'a\\\\\\n'}" },
    { "null", D(CHAT), "{'model':null}", "m", 0, "{'model':'m' }" },
    { "a number", D(CHAT), "{'model':12345}", "m", 0, "{'model':'m'  }" },
    { "none", D(CHAT), "{'x':1}", "m", 0, "{'model':'m','x':1}" },
    { "none, and nothing else", D(CHAT), " { } ", "m", 0,
      " {'model':'m' } " },
    { "an object", D(CHAT), "{'model':{}}", "m", 0, NULL,
      LLM_SPLICE_UNREADABLE },
    { "deeper down", D(CHAT), "{'x':{'model':'a'}}", "m", 0,
      "{'model':'m','x':{'model':'a'}}" },
    { "in the path", D(GEMINI), "{'x':1}", "m", 0, NULL, LLM_SPLICE_PATH,
      "gemini" },
    { "the same in the path", D(GEMINI), "{'x':1}", "gemini", 0, "{'x':1}",
      0, "gemini" },
    { "in both", D(CHAT), "{'model':'b'}", "a", 0, "{'model':'b'}", 0, "a" },

    /* a bound that is there */

    { "a larger bound", D(CHAT), "{'max_tokens':5000}", NULL, 100,
      "{'max_tokens':100 }" },
    { "a smaller one", D(CHAT), "{'max_tokens':50}", NULL, 100,
      "{'max_tokens':50}" },
    { "an equal one", D(CHAT), "{'max_tokens':100}", NULL, 100,
      "{'max_tokens':100}" },
    { "one with a point", D(CHAT), "{'max_tokens':5000.0}", NULL, 100,
      "{'max_tokens':100   }" },
    { "one with an exponent", D(CHAT), "{'max_tokens':5e3}", NULL, 1000,
      "{'max_tokens':1000}" },
    { "a huge one", D(CHAT), "{'max_tokens':99999999999999999999999}", NULL,
      7, "{'max_tokens':7                      }" },
    { "-1", D(CHAT), "{'max_tokens':-1}", NULL, 100, "{'max_tokens':100}" },
    { "0", D(CHAT), "{'max_tokens':0}", NULL, 100, "{'max_tokens':0}" },
    { "0 for Ollama", D(OLLAMA), "{'options':{'num_predict':0}}", NULL, 100,
      "{'options':{'num_predict':100}}" },
    { "0 behind Ollama's other API", D(CHAT), "{'max_tokens':0}", NULL, 100,
      "{'max_tokens':100}", 0, NULL, "ollama" },
    { "two of them", D(CHAT),
      "{'max_tokens':500,'max_completion_tokens':500}", NULL, 9,
      "{'max_tokens':9  ,'max_completion_tokens':9  }" },
    { "of another API", D(MESSAGES), "{'max_completion_tokens':500}", NULL,
      9, "{'max_completion_tokens':9  }" },
    { "null", D(CHAT), "{'max_tokens':null}", NULL, 9, "{'max_tokens':9   }" },
    { "null in another field", D(RESPONSES), "{'max_tokens':null}", NULL, 9,
      "{'max_output_tokens':9,'max_tokens':null}" },
    { "null beside a number", D(CHAT),
      "{'max_completion_tokens':null,'max_tokens':500}", NULL, 9,
      "{'max_completion_tokens':null,'max_tokens':9  }" },
    { "a text", D(CHAT), "{'max_tokens':'500'}", NULL, 9, NULL,
      LLM_SPLICE_BOUND },
    { "an object", D(CHAT), "{'max_tokens':{}}", NULL, 9, NULL,
      LLM_SPLICE_BOUND },
    { "true", D(CHAT), "{'max_tokens':true}", NULL, 9, NULL,
      LLM_SPLICE_BOUND },
    { "one that is no bound, deeper down", D(CHAT),
      "{'x':{'max_tokens':500}}", NULL, 9,
      "{'max_tokens':9,'x':{'max_tokens':500}}" },

    /* where it goes if there is none */

    { "reasoning models", D(CHAT), "{'model':'o3-mini'}", NULL, 9,
      "{'max_completion_tokens':9,'model':'o3-mini'}" },
    { "gpt-5", D(CHAT), "{'model':'gpt-5.1'}", NULL, 9,
      "{'max_completion_tokens':9,'model':'gpt-5.1'}" },
    { "behind a maker", D(CHAT), "{'model':'openai/o1'}", NULL, 9,
      "{'max_completion_tokens':9,'model':'openai/o1'}" },
    { "o100 is none", D(CHAT), "{'model':'o100'}", NULL, 9,
      "{'max_tokens':9,'model':'o100'}" },
    { "gpt-50 is none", D(CHAT), "{'model':'gpt-50'}", NULL, 9,
      "{'max_tokens':9,'model':'gpt-50'}" },
    { "gpt-4o", D(CHAT), "{'model':'gpt-4o'}", NULL, 9,
      "{'max_tokens':9,'model':'gpt-4o'}" },
    { "the model that is set decides", D(CHAT), "{'model':'gpt-4o'}", "o3",
      9, "{'max_completion_tokens':9,'model':'o3'    }" },
    { "and so does one that is put in", D(CHAT), "{'x':1}", "o3", 9,
      "{'model':'o3','max_completion_tokens':9,'x':1}" },
    { "null in the other field", D(CHAT),
      "{'max_tokens':null,'model':'o3'}", NULL, 9,
      "{'max_completion_tokens':9,'max_tokens':null,'model':'o3'}" },
    { "a deployment of another name", D(CHAT), "{'model':'o3'}", NULL, 9,
      "{'max_completion_tokens':9,'model':'o3'}", 0, "mine" },
    { "completions", D(COMPLETIONS), "{'x':1}", NULL, 9,
      "{'max_tokens':9,'x':1}" },
    { "Responses", D(RESPONSES), "{'x':1}", NULL, 9,
      "{'max_output_tokens':9,'x':1}" },
    { "messages", D(MESSAGES), "{'x':1}", NULL, 9, "{'max_tokens':9,'x':1}" },
    { "text completions of old", D(COMPLETE), "{'x':1}", NULL, 9,
      "{'max_tokens_to_sample':9,'x':1}" },
    { "Gemini", D(GEMINI), "{'x':1}", NULL, 9,
      "{'generationConfig':{'maxOutputTokens':9},'x':1}" },
    { "Gemini, the object is there", D(GEMINI),
      "{'generationConfig':{'topK':1}}", NULL, 9,
      "{'generationConfig':{'maxOutputTokens':9,'topK':1}}" },
    { "Gemini, it is empty", D(GEMINI), "{'generation_config':{ }}", NULL, 9,
      "{'generation_config':{'maxOutputTokens':9 }}" },
    { "Gemini, it is null", D(GEMINI), "{'generationConfig':null}", NULL, 9,
      "{'generationConfig':{'maxOutputTokens':9}}" },
    { "Gemini, it is something else", D(GEMINI), "{'generationConfig':[]}",
      NULL, 9, NULL, LLM_SPLICE_BOUND },
    { "Interactions", D(INTERACTIONS), "{'x':1}", NULL, 9,
      "{'generation_config':{'max_output_tokens':9},'x':1}" },
    { "Converse", D(CONVERSE), "{'x':1}", NULL, 9,
      "{'inferenceConfig':{'maxTokens':9},'x':1}" },
    { "InvokeModel, Claude", D(INVOKE), "{'x':1}", NULL, 9,
      "{'max_tokens':9,'x':1}", 0, "us.anthropic.claude-3-haiku" },
    { "InvokeModel, an old Claude", D(INVOKE), "{'x':1}", NULL, 9,
      "{'max_tokens_to_sample':9,'x':1}", 0, "anthropic.claude-v2:1" },
    { "InvokeModel, Llama by its ARN", D(INVOKE), "{'x':1}", NULL, 9,
      "{'max_gen_len':9,'x':1}", 0,
      "arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-8b" },
    { "InvokeModel, Titan", D(INVOKE), "{'x':1}", NULL, 9,
      "{'textGenerationConfig':{'maxTokenCount':9},'x':1}", 0,
      "amazon.titan-text-lite-v1" },
    { "InvokeModel, Nova", D(INVOKE), "{'inferenceConfig':{}}", NULL, 9,
      "{'inferenceConfig':{'max_new_tokens':9}}", 0, "amazon.nova-lite-v1" },
    { "InvokeModel, nobody knows", D(INVOKE), "{'x':1}", NULL, 9, NULL,
      LLM_SPLICE_NOWHERE, "arn:aws:bedrock:a:1:inference-profile/x1" },
    { "Cohere", D(COHERE), "{'x':1}", NULL, 9, "{'max_tokens':9,'x':1}" },
    { "Ollama", D(OLLAMA), "{'x':1}", NULL, 9,
      "{'options':{'num_predict':9},'x':1}" },
    { "Ollama, the object is there", D(OLLAMA), "{'options':{'seed':1}}",
      NULL, 9, "{'options':{'num_predict':9,'seed':1}}" },
    { "llama.cpp", D(LLAMACPP), "{'x':1}", NULL, 9, "{'n_predict':9,'x':1}" },
    { "TGI", D(TGI), "{'x':1}", NULL, 9,
      "{'parameters':{'max_new_tokens':9},'x':1}" },
    { "LM Studio", D(LMSTUDIO), "{'x':1}", NULL, 9,
      "{'max_output_tokens':9,'x':1}" },
    { "Workers AI", D(WORKERS_AI), "{'x':1}", NULL, 9,
      "{'max_tokens':9,'x':1}", 0, "@cf/meta/llama" },
    { "embeddings have no output", D(EMBEDDINGS), "{'max_tokens':500}", NULL,
      9, "{'max_tokens':500}" },
    { "nor have others", D(NONE), "{'max_tokens':500}", NULL, 9,
      "{'max_tokens':500}" },

    /* thinking */

    { "a budget below the bound", D(MESSAGES),
      "{'max_tokens':9000,'thinking':{'budget_tokens':2000}}", NULL, 4000,
      "{'max_tokens':4000,'thinking':{'budget_tokens':2000}}" },
    { "one above keeps the room for the answer", D(MESSAGES),
      "{'max_tokens':9000,'thinking':{'budget_tokens':8000}}", NULL, 4000,
      "{'max_tokens':4000,'thinking':{'budget_tokens':3000}}" },
    { "and has 1024 at the least", D(MESSAGES),
      "{'max_tokens':9000,'thinking':{'budget_tokens':4000}}", NULL, 2000,
      "{'max_tokens':2000,'thinking':{'budget_tokens':1024}}" },
    { "an equal one", D(MESSAGES),
      "{'max_tokens':9000,'thinking':{'budget_tokens':1025}}", NULL, 1025,
      "{'max_tokens':1025,'thinking':{'budget_tokens':1024}}" },
    { "no room", D(MESSAGES),
      "{'max_tokens':9000,'thinking':{'budget_tokens':4000}}", NULL, 1024,
      NULL, LLM_SPLICE_BUDGET },
    { "no bound was named", D(MESSAGES),
      "{'thinking':{'budget_tokens':4000}}", NULL, 2000,
      "{'max_tokens':2000,'thinking':{'budget_tokens':1024}}" },
    { "a call that is within the bound", D(MESSAGES),
      "{'max_tokens':500,'thinking':{'budget_tokens':4000}}", NULL, 2000,
      "{'max_tokens':500,'thinking':{'budget_tokens':4000}}" },
    { "a budget that is a text", D(MESSAGES),
      "{'max_tokens':9000,'thinking':{'budget_tokens':'8000'}}", NULL, 4000,
      NULL, LLM_SPLICE_BUDGET },
    { "two budgets", D(MESSAGES),
      "{'thinking':{'budget_tokens':1,'budget_tokens':9}}", NULL, 4000,
      NULL, LLM_SPLICE_BUDGET },
    { "Converse's", D(CONVERSE), "{'inferenceConfig':{'maxTokens':9000},"
      "'additionalModelRequestFields':{'thinking':{'budget_tokens':8000}}}",
      NULL, 4000, "{'inferenceConfig':{'maxTokens':4000},"
      "'additionalModelRequestFields':{'thinking':{'budget_tokens':3000}}}" },

    /* usage */

    { "usage", D(CHAT), "{'stream':true}", NULL, 0,
      "{'stream_options':{'include_usage':true},'stream':true}",
      .usage = 1 },
    { "of completions", D(COMPLETIONS), "{'stream':true}", NULL, 0,
      "{'stream_options':{'include_usage':true},'stream':true}",
      .usage = 1 },
    { "not of a call that does not stream", D(CHAT), "{'stream':false}",
      NULL, 0, "{'stream':false}", .usage = 1 },
    { "nor of one that does not say", D(CHAT), "{'x':1}", NULL, 0, "{'x':1}",
      .usage = 1 },
    { "nor of other APIs", D(MESSAGES), "{'stream':true}", NULL, 0,
      "{'stream':true}", .usage = 1 },
    { "nor of Mistral", D(CHAT), "{'stream':true}", NULL, 0,
      "{'stream':true}", .usage = 1, .provider = "mistral_ai" },
    { "it is asked for", D(CHAT),
      "{'stream':true,'stream_options':{'include_usage':true}}", NULL, 0,
      "{'stream':true,'stream_options':{'include_usage':true}}",
      .usage = 1 },
    { "it is not wanted", D(CHAT),
      "{'stream':true,'stream_options':{'include_usage':false}}", NULL, 0,
      "{'stream':true,'stream_options':{'include_usage':true }}",
      .usage = 1 },
    { "other options", D(CHAT),
      "{'stream':true,'stream_options':{'x':1}}", NULL, 0,
      "{'stream':true,'stream_options':{'include_usage':true,'x':1}}",
      .usage = 1 },
    { "no options", D(CHAT), "{'stream':true,'stream_options':{}}", NULL, 0,
      "{'stream':true,'stream_options':{'include_usage':true}}",
      .usage = 1 },
    { "options that are null", D(CHAT),
      "{'stream':true,'stream_options':null}", NULL, 0,
      "{'stream':true,'stream_options':{'include_usage':true}}",
      .usage = 1 },
    { "options of another kind", D(CHAT),
      "{'stream':true,'stream_options':[]}", NULL, 0,
      "{'stream':true,'stream_options':[]}", .usage = 1 },
    { "options twice", D(CHAT),
      "{'stream':true,'stream_options':{},'stream_options':{}}", NULL, 0,
      "{'stream':true,'stream_options':{},'stream_options':{}}",
      .usage = 1 },

    { "all of it", D(CHAT), "{'stream':true}", "m", 9,
      "{'model':'m','max_tokens':9,'stream_options':"
      "{'include_usage':true},'stream':true}", .usage = 1 },
    { "no object", D(CHAT), "[{}]", "m", 0, NULL, LLM_SPLICE_UNREADABLE }
};


static llm_str_t
str(const char *s)
{
    llm_str_t  v = { (const uint8_t *) s, s ? strlen(s) : 0 };

    return v;
}


static void
quoted(const char *s, bytes_t *to)
{
    to->len = 0;

    for ( /* void */ ; *s; s++) {
        bytes_put(to, *s == '\'' ? "\"" : s, 1);
    }
}


static unsigned
plan(const change_t *c, cut_t cut, const bytes_t *body,
    llm_splice_plan_t *plan)
{
    llm_splice_want_t  want;
    llm_splice_call_t  call;

    static llm_request_t  r;

    splice_read(&r, cut, body->data, body->len);
    splice_call(&r, c->dialect, &call);

    call.path_model = str(c->path);
    call.provider = str(c->provider);

    want.model = str(c->model);
    want.max_output = c->max;
    want.has_max = (c->max != 0);
    want.include_usage = c->usage;

    return llm_splice_plan(plan, &call, &want);
}


static int
change(const change_t *c, cut_t cut)
{
    int       good;
    unsigned  why;
    bytes_t   body, want, got;

    static llm_splice_plan_t  p;

    memset(&body, 0, sizeof(bytes_t));
    memset(&want, 0, sizeof(bytes_t));
    memset(&got, 0, sizeof(bytes_t));

    quoted(c->body, &body);
    quoted(c->want ? c->want : c->body, &want);

    why = plan(c, cut, &body, &p);
    splice_carry_out(&p, body.data, body.len, &got);

    good = (why == c->why && bytes_same(&got, &want));

    if (!good) {
        printf("# why %u, got  %.*s\n# want %.*s\n", why, (int) got.len,
               (char *) got.data, (int) want.len, (char *) want.data);
    }

    if (good && why == LLM_SPLICE_OK) {
        good = (plan(c, cut, &got, &p) == LLM_SPLICE_OK && p.n == 0);
    }

    bytes_free(&body);
    bytes_free(&want);
    bytes_free(&got);

    return good;
}


static void
test_changes(void)
{
    int     good;
    cut_t   cut;
    size_t  i, j;

    for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        memset(&cut, 0, sizeof(cut_t));
        good = change(&changes[i], cut);

        cut.how = CUT_BYTES;
        good &= change(&changes[i], cut);
        cut.how = CUT_RANDOM;

        for (j = 0; j < 20; j++) {
            cut.seed = j;
            good &= change(&changes[i], cut);
        }

        ok(good, "%s", changes[i].name);
    }
}


/* The longest names, and a plan that is as large as one can be. */

static void
test_large(void)
{
    char      name[LLM_SPLICE_MODEL + 2];
    cut_t     cut;
    bytes_t   body, got;
    unsigned  why;
    change_t  c;

    static llm_splice_plan_t  p;

    memset(&cut, 0, sizeof(cut_t));
    memset(&body, 0, sizeof(bytes_t));
    memset(&got, 0, sizeof(bytes_t));
    memset(&c, 0, sizeof(change_t));
    memset(name, '\1', sizeof(name));
    name[LLM_SPLICE_MODEL + 1] = '\0';

    c.dialect = LLM_DIALECT_CHAT;
    c.model = name;
    c.max = 999999999999999;
    c.usage = 1;

    quoted("{'stream':true}", &body);
    why = plan(&c, cut, &body, &p);
    ok(why == LLM_SPLICE_NOWHERE && p.n == 0, "a name that is too long");

    name[LLM_SPLICE_MODEL] = '\0';
    why = plan(&c, cut, &body, &p);
    splice_carry_out(&p, body.data, body.len, &got);
    ok(why == LLM_SPLICE_OK && p.n == 1
       && got.len == body.len + p.edit[0].len
       && p.edit[0].len > LLM_SPLICE_MODEL * 6,
       "the longest, each byte of which is escaped");

    quoted("{'stream':true,'max_tokens':-1,'max_completion_tokens':-1,"
           "'max_output_tokens':-1,'max_tokens_to_sample':-1,'thinking':"
           "{'budget_tokens':9999999999999999999},"
           "'stream_options':{'include_usage':null},'model':'m'}", &body);
    c.dialect = LLM_DIALECT_CHAT;
    why = plan(&c, cut, &body, &p);
    ok(why == LLM_SPLICE_OK && p.n == 6, "all there is, in %u edits", p.n);

    quoted("{'max_tokens':1,'max_completion_tokens':1,'max_output_tokens':1,"
           "'max_tokens_to_sample':1,'max_gen_len':1}", &body);
    ok(plan(&c, cut, &body, &p) == LLM_SPLICE_BOUND && p.n == 0,
       "more bounds than are marked");

    bytes_free(&body);
    bytes_free(&got);
}


int
main(void)
{
    CHECK(llm_dialect_compile(&splice_set) == LLM_JSON_OK);

    test_changes();
    test_large();

    return tap_done();
}
