
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Requests of each dialect: which one a body is of where no path tells,
 * where each keeps its bound, its temperature, its turns and its text, what
 * is ambiguous there, and who streams unasked.
 */


#include "request_log.h"


typedef struct {
    const char  *dialect;
    const char  *body;
} shape_t;


static const shape_t  shapes[] = {

    /* Gemini's */

    { "generate_content", "{'contents':[{'parts':[{'text':'a'}]}]}" },
    { "generate_content", "{'contents':{'parts':{'text':'a'}}}" },
    { "generate_content", "{'contents':[{'parts':[]}],'generationConfig':{}}" },
    { "generate_content", "{'contents':[{'parts':[]}],'model':'m','tools':"
                "[{'functionDeclarations':[{'name':'f'}]}]}" },
    { "", "{'contents':'a book','title':'x'}" },
    { "", "{'contents':[{'text':'a'}]}" },
    { "interactions", "{'input':'a','generation_config':{}}" },
    { "interactions", "{'input':'a','system_instruction':'b'}" },
    { "interactions", "{'input':[{'type':'text','text':'a'}],"
                      "'previous_interaction_id':'x'}" },

    /* Bedrock's */

    { "converse", "{'messages':[{'content':[{'text':'a'}]}]}" },
    { "converse", "{'messages':[{'content':[{'text':'a'}]}],"
                  "'system':[{'text':'b'}]}" },
    { "converse", "{'messages':[],'inferenceConfig':{'maxTokens':5}}" },
    { "converse", "{'messages':[{'content':[{'toolUse':{'input':{}}}]}]}" },
    { "chat", "{'messages':[{'content':[{'type':'text','text':'a'}]}]}" },
    { "chat", "{'messages':[{'content':[{'text':'a'},"
              "{'type':'image_url'}]}]}" },
    { "messages", "{'messages':[{'content':[{'type':'text','text':'a'}]}],"
                  "'system':'b'}" },
    { "invoke", "{'messages':[],'anthropic_version':'bedrock-2023-05-31'}" },
    { "messages", "{'messages':[],'anthropic_version':'vertex-2023-10-16'}" },
    { "invoke", "{'messages':[{'content':[{'text':'a'}]}],"
                "'inferenceConfig':{'max_new_tokens':5}}" },
    { "invoke", "{'messages':[{'content':[{'text':'a'}]}],"
                "'schemaVersion':'messages-v1'}" },
    { "invoke", "{'prompt':'a','max_gen_len':5}" },
    { "invoke", "{'inputText':'a','textGenerationConfig':{}}" },
    { "", "{'inputText':'a'}" },
    { "complete", "{'prompt':'a','max_tokens_to_sample':5}" },

    /* Cohere's */

    { "cohere_v1", "{'message':'a','model':'m'}" },
    { "cohere_v1", "{'message':'a','stream':false}" },
    { "cohere_v1", "{'message':'a','chat_history':[]}" },
    { "cohere_v1", "{'message':'a','preamble':'b'}" },
    { "", "{'message':'a','level':'info'}" },
    { "", "{'message':{'a':1},'model':'m'}" },
    { "cohere", "{'messages':[{'content':'a'}],'safety_mode':'NONE'}" },
    { "cohere", "{'messages':[],'citation_options':{'mode':'off'}}" },
    { "embeddings", "{'texts':['a']}" },

    /* servers' own */

    { "ollama", "{'messages':[{'content':'a'}],'options':{'seed':1}}" },
    { "ollama", "{'messages':[],'keep_alive':null}" },
    { "ollama", "{'prompt':'a','keep_alive':'5m'}" },
    { "ollama", "{'prompt':'a','options':{}}" },
    { "chat", "{'messages':[],'options':null}" },
    { "chat", "{'messages':[]}" },
    { "llama.cpp", "{'prompt':'a','n_predict':5}" },
    { "completions", "{'prompt':'a','max_tokens':5}" },
    { "tgi", "{'inputs':'a','parameters':{}}" },
    { "tgi", "{'inputs':'a','parameters':{'max_new_tokens':5},"
             "'stream':true}" },
    { "", "{'inputs':'a'}" },
    { "", "{'inputs':['a'],'parameters':{}}" },
    { "lmstudio", "{'input':'a','system_prompt':'b'}" },
    { "responses", "{'input':'a','instructions':'b'}" },
    { "responses", "{'input':'a','model':'m'}" },
    { "embeddings", "{'input':'a','model':'an-Embedder'}" }
};


/* What a body holds: the rest of the line is as in request.c. */

typedef struct {
    const char  *name;
    const char  *body;
    const char  *facts;
} place_t;


static const place_t  places[] = {

    { "Gemini's turns, prompts and bound",
      "{'systemInstruction':{'parts':[{'text':'ab'}]},'contents':[{'role':"
      "'user','parts':[{'text':'cde'},{'inlineData':{'mimeType':'image/png',"
      "'data':'xxxx'}}]},{'parts':[{'text':'f'}]}],'generationConfig':"
      "{'maxOutputTokens':7,'temperature':0.5}}",
      "read model= stream=0 usage=0 max=7 temp=0.5 turns=2 tokens=0 bytes=6 "
      "opaque=0 generate_content" },
    { "the same in its other spelling",
      "{'system_instruction':{'parts':{'text':'ab'}},'contents':{'role':"
      "'user','parts':[{'text':'cde'}]},'generation_config':"
      "{'max_output_tokens':7,'temperature':1}}",
      "read model= stream=0 usage=0 max=7 temp=1 turns=1 tokens=0 bytes=5 "
      "opaque=0 generate_content" },
    { "calls, their results and tools",
      "{'contents':[{'parts':[{'functionCall':{'name':'fn','args':{'a':1}}},"
      "{'function_response':{'name':'g','response':{'b':[]}}}]}],'tools':"
      "[{'functionDeclarations':[{'name':'fn'}]}]}",
      "read model= stream=0 usage=0 temp= turns=1 tokens=0 bytes=3 "
      "opaque=57 generate_content" },
    { "Interactions",
      "{'model':'g','system_instruction':'ab','input':[{'type':'text','text':"
      "'cd'},{'role':'user','content':[{'type':'text','text':'e'}]}],"
      "'generation_config':{'max_output_tokens':9,'temperature':0},"
      "'stream':true}",
      "read model=g stream=1 usage=0 max=9 temp=0 turns=2 tokens=0 bytes=5 "
      "opaque=0 interactions" },

    { "Converse",
      "{'system':[{'text':'ab'}],'messages':[{'role':'user','content':[{'text'"
      ":'cd'},{'document':{'source':{'text':'e'}}}]},{'content':[{'toolUse':"
      "{'name':'f','input':{}}}]},{'content':[{'toolResult':{'content':[{"
      "'text':'gh'},{'json':{'i':1}}]}}]}],'inferenceConfig':{'maxTokens':8,"
      "'temperature':0.25},'toolConfig':{'tools':[{}]}}",
      "read model= stream=0 usage=0 max=8 temp=0.25 turns=3 tokens=0 bytes=8 "
      "opaque=13 converse" },
    { "Nova",
      "{'schemaVersion':'messages-v1','messages':[{'content':[{'text':'a'}]}],"
      "'inferenceConfig':{'max_new_tokens':8}}",
      "read model= stream=0 usage=0 max=8 temp= turns=1 tokens=0 bytes=1 "
      "opaque=0 invoke" },
    { "Titan",
      "{'inputText':'abc','textGenerationConfig':{'maxTokenCount':8,"
      "'temperature':0}}",
      "read model= stream=0 usage=0 max=8 temp=0 turns=0 tokens=0 bytes=3 "
      "opaque=0 invoke" },
    { "Llama",
      "{'prompt':'abc','max_gen_len':8,'temperature':0.1}",
      "read model= stream=0 usage=0 max=8 temp=0.1 turns=0 tokens=0 bytes=3 "
      "opaque=0 invoke" },
    { "Anthropic's text completions",
      "{'prompt':'abc','max_tokens_to_sample':8,'model':'claude-2'}",
      "read model=claude-2 stream=0 usage=0 max=8 temp= turns=0 tokens=0 "
      "bytes=3 opaque=0 complete" },

    { "Cohere v1",
      "{'model':'c','message':'ab','preamble':'c','chat_history':[{'role':"
      "'USER','message':'d'},{'message':'ef'}],'documents':[{'title':'g',"
      "'text':'hi'}],'stream':true,'max_tokens':5}",
      "read model=c stream=1 usage=0 max=5 temp= turns=3 tokens=0 bytes=9 "
      "opaque=0 cohere_v1" },
    { "Cohere v2",
      "{'model':'c','messages':[{'tool_plan':'ab','tool_calls':[{'function':"
      "{'name':'f','arguments':'{}'}}]},{'content':[{'type':'text','text':"
      "'c'}]}],'documents':[{'id':'1','data':{'text':'de'}},'fg'],"
      "'safety_mode':'OFF'}",
      "read model=c stream=0 usage=0 temp= turns=2 tokens=0 bytes=11 opaque=0 "
      "cohere" },
    { "rerank", "{'model':'r','query':'ab','documents':['cd',{'text':'e'}]}",
      "read model=r stream=0 usage=0 temp= turns=0 tokens=0 bytes=5 "
      "opaque=0 " },
    { "moderations", "{'model':'o','input':[{'type':'text','text':'abc'}]}",
      "read model=o stream=0 usage=0 temp= turns=1 tokens=0 bytes=3 opaque=0 "
      "responses" },

    { "Ollama's chat",
      "{'model':'q','messages':[{'role':'user','content':'ab','images':['x']},"
      "{'thinking':'c','tool_calls':[{'function':{'name':'f','arguments':"
      "{'a':1}}}]}],'options':{'num_predict':6,'temperature':0.7}}",
      "read model=q stream=0 usage=0 max=6 temp=0.7 turns=2 tokens=0 bytes=4 "
      "opaque=7 ollama" },
    { "Ollama's generate",
      "{'model':'q','system':'ab','prompt':'cd','suffix':'e','options':"
      "{'num_predict':-1},'stream':false}",
      "read model=q stream=0 usage=0 temp= turns=0 tokens=0 bytes=5 opaque=0 "
      "ollama" },
    { "llama.cpp",
      "{'prompt':['ab',1,2],'n_predict':6,'stream':true}",
      "read model= stream=1 usage=0 max=6 temp= turns=0 tokens=2 bytes=2 "
      "opaque=0 llama.cpp" },
    { "llama.cpp, without bound", "{'prompt':'ab','n_predict':-1}",
      "read model= stream=0 usage=0 temp= turns=0 tokens=0 bytes=2 opaque=0 "
      "llama.cpp" },
    { "TGI",
      "{'inputs':'ab','parameters':{'max_new_tokens':6,'temperature':0.2},"
      "'stream':true}",
      "read model= stream=1 usage=0 max=6 temp=0.2 turns=0 tokens=0 bytes=2 "
      "opaque=0 tgi" },
    { "LM Studio",
      "{'model':'l','input':'ab','system_prompt':'c','max_output_tokens':6}",
      "read model=l stream=0 usage=0 max=6 temp= turns=0 tokens=0 bytes=3 "
      "opaque=0 lmstudio" },

    { "chat: what was called, and why",
      "{'messages':[{'reasoning':'ab','reasoning_content':'c','function_call':"
      "{'name':'d','arguments':'e'},'tool_calls':[{'custom':{'name':'f',"
      "'input':'g'}}]}],'response_format':{'json_schema':{'a':1}}}",
      "read model= stream=0 usage=0 temp= turns=1 tokens=0 bytes=7 opaque=7 "
      "chat" },
    { "messages: what was called, and what came",
      "{'system':'a','messages':[{'content':[{'type':'tool_use','name':'bc',"
      "'input':{'d':1}},{'type':'tool_result','content':[{'type':'text',"
      "'text':'ef'}]}]}]}",
      "read model= stream=0 usage=0 temp= turns=1 tokens=0 bytes=5 opaque=7 "
      "messages" },
    { "Responses: what was called, and what came",
      "{'model':'m','input':[{'type':'function_call','name':'ab','arguments':"
      "'{}'},{'type':'function_call_output','output':[{'type':'input_text',"
      "'text':'c'}]}],'text':{'format':{'schema':{'a':1}}}}",
      "read model=m stream=0 usage=0 temp= turns=2 tokens=0 bytes=5 opaque=7 "
      "responses" }
};


/* Each ends in a state, and says a bound or none. */

static const struct {
    uint8_t      state;
    const char  *max;
    const char  *body;
} bounds[] = {
    { LLM_REQUEST_READ, "5", "{'generationConfig':{'maxOutputTokens':5}}" },
    { LLM_REQUEST_READ, "5", "{'generationConfig':{'max_output_tokens':5}}" },
    { LLM_REQUEST_READ, "5", "{'generation_config':{'maxOutputTokens':5}}" },
    { LLM_REQUEST_READ, "", "{'x':{'maxOutputTokens':5}}" },
    { LLM_REQUEST_READ, "", "{'maxOutputTokens':5}" },
    { LLM_REQUEST_READ, "", "{'num_predict':5}" },
    { LLM_REQUEST_READ, "", "{'options':{'max_tokens':5}}" },
    { LLM_REQUEST_READ, "", "{'options':{'num_predict':-2}}" },
    { LLM_REQUEST_READ, "", "{'parameters':{'max_new_tokens':null}}" },
    { LLM_REQUEST_READ, "5", "{'maxTokens':5}" },

    /* twice, a twin, escapes: of the key itself */

    { LLM_REQUEST_AMBIGUOUS, "6",
      "{'generationConfig':{'maxOutputTokens':5,'maxOutputTokens':6}}" },
    { LLM_REQUEST_AMBIGUOUS, "6",
      "{'generationConfig':{'maxOutputTokens':5,'max_output_tokens':6}}" },
    { LLM_REQUEST_AMBIGUOUS, "5",
      "{'generationConfig':{'MaxOutputTokens':5}}" },
    { LLM_REQUEST_AMBIGUOUS, "5",
      "{'generationConfig':{'maxOutput\\u0054okens':5}}" },
    { LLM_REQUEST_AMBIGUOUS, "5", "{'inferenceConfig':{'MAXTOKENS':5}}" },
    { LLM_REQUEST_AMBIGUOUS, "5",
      "{'inferenceConfig':{'max_new_tokens':5,'max_new_tokens':5}}" },
    { LLM_REQUEST_AMBIGUOUS, "5",
      "{'textGenerationConfig':{'MaxTokenCount':5}}" },
    { LLM_REQUEST_AMBIGUOUS, "5", "{'options':{'Num_Predict':5}}" },
    { LLM_REQUEST_AMBIGUOUS, "5", "{'parameters':{'max_new_token\\u0073':5}}" },
    { LLM_REQUEST_AMBIGUOUS, "5", "{'Max_Gen_Len':5}" },
    { LLM_REQUEST_AMBIGUOUS, "5", "{'N_predict':5}" },
    { LLM_REQUEST_AMBIGUOUS, "5", "{'maxtokens':5}" },
    { LLM_REQUEST_AMBIGUOUS, "5", "{'max_tokens_to_Sample':5}" },

    /* and of the object that holds it */

    { LLM_REQUEST_AMBIGUOUS, "5",
      "{'generationConfig':{'maxOutputTokens':5},'generationConfig':{}}" },
    { LLM_REQUEST_AMBIGUOUS, "5",
      "{'generationConfig':{'maxOutputTokens':5},'generation_config':{}}" },
    { LLM_REQUEST_AMBIGUOUS, "5", "{'Options':{'num_predict':5}}" },
    { LLM_REQUEST_AMBIGUOUS, "5",
      "{'options':{'num_predict':5},'OPTIONS':null}" },
    { LLM_REQUEST_AMBIGUOUS, "5",
      "{'par\\u0061meters':{'max_new_tokens':5}}" },
    { LLM_REQUEST_AMBIGUOUS, "5",
      "{'inferenceConfig':{'maxTokens':5},'InferenceConfig':{}}" },
    { LLM_REQUEST_AMBIGUOUS, "",
      "{'textGenerationConfig':{},'textGenerationConfig':{}}" },

    /* two places: only if they say the same */

    { LLM_REQUEST_READ, "5", "{'max_tokens':5,'max_completion_tokens':5}" },
    { LLM_REQUEST_READ, "5", "{'max_tokens':null,'max_output_tokens':5}" },
    { LLM_REQUEST_AMBIGUOUS, "6",
      "{'max_tokens':5,'max_completion_tokens':6}" },
    { LLM_REQUEST_AMBIGUOUS, "6",
      "{'max_tokens':5,'options':{'num_predict':6}}" },
    { LLM_REQUEST_AMBIGUOUS, "5", "{'max_tokens':5,'n_predict':-1}" },
    { LLM_REQUEST_AMBIGUOUS, "5", "{'n_predict':-1,'max_tokens':5}" },
    { LLM_REQUEST_READ, "", "{'max_tokens':-1,'n_predict':-2}" }
};


/* Single quotes are for the reader's eye. */

static char *
json(const char *body)
{
    char         *p;
    static char   text[1024];

    CHECK(strlen(body) < sizeof(text));
    strcpy(text, body);

    for (p = text; *p; p++) {
        if (*p == '\'') {
            *p = '"';
        }
    }

    return text;
}


static void
test_shapes(void)
{
    int            same;
    char          *body;
    size_t         i;
    bytes_t        said;
    const char    *name;
    static run_t   run;
    cut_t          cut;

    memset(&said, 0, sizeof(said));
    memset(&cut, 0, sizeof(cut));
    run.max = NONE;

    for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        body = json(shapes[i].body);
        same = read_all(body, strlen(body), NONE, &said);

        read_one(&run, cut, body, strlen(body), &said);
        name = llm_dialects[llm_request_dialect(&run.r)]->name;

        if (strcmp(name, shapes[i].dialect) != 0) {
            printf("# said %s\n", name);
            same = 0;
        }

        ok(same && run.r.state == LLM_REQUEST_READ, "%s: %s",
           shapes[i].dialect, shapes[i].body);
    }

    bytes_free(&said);
}


static void
test_places(void)
{
    int       same;
    char     *body;
    size_t    i;
    bytes_t   said;

    memset(&said, 0, sizeof(said));

    for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        body = json(places[i].body);
        same = read_all(body, strlen(body), NONE, &said);

        if (said.len != strlen(places[i].facts)
            || memcmp(said.data, places[i].facts, said.len) != 0)
        {
            printf("# said %.*s\n# want %s\n", (int) said.len,
                   (char *) said.data, places[i].facts);
            same = 0;
        }

        ok(same, "%s", places[i].name);
    }

    bytes_free(&said);
}


static void
test_bounds(void)
{
    int            same;
    char          *body, max[24];
    size_t         i;
    cut_t          cut;
    bytes_t        said;
    static run_t   run;

    memset(&said, 0, sizeof(said));
    memset(&cut, 0, sizeof(cut));
    run.max = NONE;

    for (i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        body = json(bounds[i].body);
        same = read_all(body, strlen(body), NONE, &said);
        read_one(&run, cut, body, strlen(body), &said);

        max[0] = '\0';

        if (run.r.has_max_tokens) {
            snprintf(max, sizeof(max), "%llu",
                     (unsigned long long) run.r.max_tokens);
        }

        ok(same && run.r.state == bounds[i].state
           && strcmp(max, bounds[i].max) == 0,
           "%s", bounds[i].body);
    }

    bytes_free(&said);
}


static void
test_streams(void)
{
    int            good;
    char          *body;
    size_t         i;
    cut_t          cut;
    unsigned       d;
    bytes_t        said;
    static run_t   run;

    /* 2: what the dialect does */

    static const struct {
        int          streams;
        const char  *body;
    } all[] = {
        { 1, "{'stream':true}" }, { 0, "{'stream':false}" },
        { 2, "{'stream':null}" }, { 2, "{'stream':'false'}" }, { 2, "{}" }
    };

    memset(&said, 0, sizeof(said));
    memset(&cut, 0, sizeof(cut));
    run.max = NONE;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        body = json(all[i].body);
        read_one(&run, cut, body, strlen(body), &said);
        good = 1;

        for (d = 0; d < LLM_DIALECT_N; d++) {
            good &= llm_request_streams(&run.r, d)
                    == (all[i].streams < 2 ? all[i].streams
                                           : d == LLM_DIALECT_OLLAMA);
        }

        ok(good, "streams: %s", all[i].body);
    }

    bytes_free(&said);
}


int
main(void)
{
    CHECK(llm_dialect_compile(&set) == LLM_JSON_OK);

    test_shapes();
    test_places();
    test_bounds();
    test_streams();

    return tap_done();
}
