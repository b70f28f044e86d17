
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The system prompts of requests, in all cuts.  In the tables ' stands for a
 * quote, and | for the zero byte between two texts.
 */


#include "llm_request_prompt.h"
#include "tap.h"


#define SPLITS  50


typedef struct {
    const char  *body;
    const char  *want;           /* NULL: there is none */
} row_t;


static const row_t  rows[] = {

    /* places of their own */

    { "{'system':'be brief'}", "be brief" },
    { "{'system':[{'type':'text','text':'be'},{'text':'brief'}]}",
      "be|brief" },
    { "{'instructions':'be brief','input':'x'}", "be brief" },
    { "{'systemInstruction':{'parts':[{'text':'a'},{'text':'b'}]}}", "a|b" },
    { "{'systemInstruction':{'parts':{'text':'a'}}}", "a" },
    { "{'system_instruction':{'parts':[{'text':'a'}]}}", "a" },
    { "{'system_instruction':'a'}", "a" },
    { "{'preamble':'a','message':'x'}", "a" },
    { "{'system_prompt':'a','input':'x'}", "a" },
    { "{'system':'b\\u0065 brie\\u0066\\n'}", "be brief\n" },
    { "{'system':[{'text':''},{'text':'a'},{'text':''}]}", "a" },

    /* turns */

    { "{'messages':[{'role':'system','content':'a'},{'role':'user',"
      "'content':'b'}]}", "a" },
    { "{'messages':[{'content':'a','role':'system'},{'content':'b',"
      "'role':'user'}]}", "a" },
    { "{'messages':[{'content':'b','role':'user'},{'content':'a',"
      "'role':'developer'}]}", "a" },
    { "{'messages':[{'role':'user','content':'b'},{'role':'developer',"
      "'content':[{'text':'a'},{'text':'c'}]},{'role':'system',"
      "'content':'d'}]}", "a|c" },
    { "{'messages':[{'role':'system','content':''},{'role':'system',"
      "'content':'d'}]}", "d" },
    { "{'input':[{'role':'developer','content':[{'type':'input_text',"
      "'text':'a'}]},{'role':'user','content':'b'}]}", "a" },
    { "{'messages':[{'role':'s\\u0079stem','content':'a'}]}", "a" },

    /* a place of its own stands above turns, on either side of them */

    { "{'messages':[{'role':'system','content':'a'}],'system':'b'}", "b" },
    { "{'system':'b','messages':[{'role':'system','content':'a'}]}", "b" },
    { "{'messages':[{'content':'x','role':'user'}],'system':'b'}", "b" },
    { "{'system':'','messages':[{'role':'system','content':'a'}]}", "a" },

    /* none */

    { "{'messages':[{'role':'user','content':'b'}]}", NULL },
    { "{'messages':[{'content':'b','role':'user'}]}", NULL },
    { "{'messages':[{'content':'b'}]}", NULL },
    { "{'system':''}", NULL },
    { "{'system':5,'instructions':null}", NULL },
    { "{'a':{'system':'b'}}", NULL },
    { "{'input':'system'}", NULL },
    { "{}", NULL }
};


static llm_json_table_t  table;


static void
sink(void *data, unsigned step, const uint8_t *p, size_t len)
{
    bytes_t  *to = data;

    if (step == LLM_PROMPT_DROP) {
        CHECK(len == 0);
        to->len = 0;
        return;
    }

    CHECK(len > 0);
    bytes_put(to, *p ? (const char *) p : "|", len);
}


static int
piece(void *ctx, const uint8_t *p, size_t len)
{
    llm_prompt_feed(ctx, p, len);

    return 0;
}


static int
prompt(const bytes_t *body, cut_t cut, const char *want)
{
    int           good;
    bytes_t       got;
    llm_prompt_t  s;

    memset(&got, 0, sizeof(got));

    llm_prompt_init(&s, &table, sink, &got);
    cut_feed(cut, body->data, body->len, piece, &s);

    if (want == NULL) {
        good = !llm_prompt_end(&s);

    } else {
        good = llm_prompt_end(&s) && got.len == strlen(want)
               && memcmp(got.data, want, got.len) == 0;
    }

    if (!good) {
        printf("# got %d %.*s\n", llm_prompt_end(&s), (int) got.len,
               (char *) got.data);
    }

    bytes_free(&got);

    return good;
}


int
main(void)
{
    int      j, good;
    cut_t    cut;
    size_t   i, k;
    bytes_t  body;

    memset(&body, 0, sizeof(body));
    CHECK(llm_prompt_compile(&table) == LLM_JSON_OK);

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        body.len = 0;
        bytes_put(&body, rows[i].body, strlen(rows[i].body));

        for (k = 0; k < body.len; k++) {
            if (body.data[k] == '\'') {
                body.data[k] = '"';
            }
        }

        memset(&cut, 0, sizeof(cut));
        good = prompt(&body, cut, rows[i].want);

        for (j = 0; j <= SPLITS; j++) {
            cut.how = j ? CUT_RANDOM : CUT_BYTES;
            cut.seed = j;
            good &= prompt(&body, cut, rows[i].want);
        }

        ok(good, "prompt of %.60s", rows[i].body);
    }

    bytes_free(&body);

    return tap_done();
}
