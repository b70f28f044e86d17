
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Headers of responses.
 *
 * Of the twenty headers of a response most are none of ours, so a name is
 * looked up by its first letter (by that behind "x-" where it has one), and
 * only names of one letter are compared.  Names are compared without case.
 *
 * A value that is not what it should be is as if the header were not there:
 * one with other characters, negative, longer than any number is, or larger
 * than any limit is (a gateway says 2^63 where it has none).  Of two headers
 * of one name the first that can be read counts.
 *
 * Sources: [R] seen in recorded traffic, [S] source code of a server, SDK or
 * gateway, [D] documentation.
 */


#include "llm_dialect.h"
#include "llm_header_in.h"


typedef struct llm_header_row_s  llm_header_row_t;

/* rest: of the name, behind that of a row that is a prefix */
typedef void (*llm_header_pt)(llm_headers_t *h, const llm_header_row_t *row,
    llm_str_t rest, llm_str_t value);

struct llm_header_row_s {
    const char     *name;        /* lower case; NULL ends a table */
    uint8_t         len;
    uint8_t         prefix;
    uint8_t         arg;
    uint8_t         unit;
    llm_header_pt   note;
};


static void llm_header_limits(llm_headers_t *h, const llm_header_row_t *row,
    llm_str_t rest, llm_str_t value);
static void llm_header_passed(llm_headers_t *h, const llm_header_row_t *row,
    llm_str_t rest, llm_str_t value);
static void llm_header_time(llm_headers_t *h, const llm_header_row_t *row,
    llm_str_t rest, llm_str_t value);
static void llm_header_timing(llm_headers_t *h, const llm_header_row_t *row,
    llm_str_t rest, llm_str_t value);
static void llm_header_count(llm_headers_t *h, const llm_header_row_t *row,
    llm_str_t rest, llm_str_t value);
static void llm_header_error(llm_headers_t *h, const llm_header_row_t *row,
    llm_str_t rest, llm_str_t value);
static void llm_header_cost(llm_headers_t *h, const llm_header_row_t *row,
    llm_str_t rest, llm_str_t value);


enum { COUNT_INPUT = 0, COUNT_OUTPUT, COUNT_READ, COUNT_WRITE };
enum { UNIT_MS = 0, UNIT_S };

/*
 * Of several times the one of the best rank: what the model's server says of
 * itself, then what stands before it.
 */

enum {
    RANK_SERVER = 1,
    RANK_MODEL,
    RANK_COMPUTE,
    RANK_ENVOY,
    RANK_TIMING,
    RANK_KONG,
    RANK_PROXY
};


#define ROW(name, note, arg, unit)                                            \
    { name, sizeof(name) - 1, 0, arg, unit, note }
#define ROW_PREFIX(name, note, arg)                                           \
    { name, sizeof(name) - 1, 1, arg, 0, note }
#define ROW_END                                                               \
    { NULL, 0, 0, 0, 0, NULL }


static const llm_header_row_t  llm_header_a[] = {
    /* Anthropic [R] */
    ROW_PREFIX("anthropic-ratelimit-", llm_header_limits,
               LLM_LIMITS_ANTHROPIC),
    ROW_END
};

static const llm_header_row_t  llm_header_f[] = {
    /* Fireworks, seconds [D: performance metrics][S: SDKs that read it] */
    ROW("fireworks-server-processing-time", llm_header_time, RANK_SERVER,
        UNIT_S),
    ROW_END
};

static const llm_header_row_t  llm_header_l[] = {
    /* LiteLLM: the provider's own headers, handed on [S][D] */
    ROW_PREFIX("llm_provider-", llm_header_passed, 0),
    ROW_END
};

static const llm_header_row_t  llm_header_o[] = {
    /* OpenAI [R] */
    ROW("openai-processing-ms", llm_header_time, RANK_SERVER, UNIT_MS),
    ROW_END
};

static const llm_header_row_t  llm_header_r[] = {
    /* Kong before OVHcloud, behind the Hugging Face router [R] */
    ROW_PREFIX("ratelimit-", llm_header_limits, LLM_LIMITS_RATELIMIT),
    ROW_END
};

static const llm_header_row_t  llm_header_s[] = {
    /* Google, Anthropic [R] */
    ROW("server-timing", llm_header_timing, RANK_TIMING, UNIT_MS),
    ROW_END
};

static const llm_header_row_t  llm_header_xa[] = {
    /* Bedrock InvokeModel; input counts neither cache [R] */
    ROW("x-amzn-bedrock-invocation-latency", llm_header_time, RANK_SERVER,
        UNIT_MS),
    ROW("x-amzn-bedrock-input-token-count", llm_header_count, COUNT_INPUT, 0),
    ROW("x-amzn-bedrock-output-token-count", llm_header_count, COUNT_OUTPUT,
        0),
    ROW("x-amzn-bedrock-cache-read-input-token-count", llm_header_count,
        COUNT_READ, 0),
    ROW("x-amzn-bedrock-cache-write-input-token-count", llm_header_count,
        COUNT_WRITE, 0),
    /* Bedrock, any operation [R] */
    ROW("x-amzn-errortype", llm_header_error, 0, 0),
    ROW_END
};

static const llm_header_row_t  llm_header_xc[] = {
    /* Together [R]; TGI, TEI [S] */
    ROW("x-compute-time", llm_header_time, RANK_COMPUTE, UNIT_MS),
    ROW_END
};

static const llm_header_row_t  llm_header_xe[] = {
    /* Envoy, before OpenAI, Anthropic, Cohere, Mistral [R] */
    ROW("x-envoy-upstream-service-time", llm_header_time, RANK_ENVOY,
        UNIT_MS),
    ROW_END
};

static const llm_header_row_t  llm_header_xg[] = {
    /* TGI [S] */
    ROW("x-generated-tokens", llm_header_count, COUNT_OUTPUT, 0),
    ROW_END
};

static const llm_header_row_t  llm_header_xi[] = {
    /* Together [R]; TGI, TEI [S]: without the queue */
    ROW("x-inference-time", llm_header_time, RANK_MODEL, UNIT_MS),
    ROW_END
};

static const llm_header_row_t  llm_header_xk[] = {
    /* Kong, before Mistral and OVHcloud [R] */
    ROW("x-kong-upstream-latency", llm_header_time, RANK_KONG, UNIT_MS),
    ROW_END
};

static const llm_header_row_t  llm_header_xl[] = {
    /*
     * LiteLLM [D: proxy/response_headers]; newer ones leave the first out
     * where there is no discount [S]
     */
    ROW("x-litellm-response-cost", llm_header_cost, 1, 0),
    ROW("x-litellm-response-cost-original", llm_header_cost, 2, 0),
    ROW("x-litellm-response-duration-ms", llm_header_time, RANK_PROXY,
        UNIT_MS),
    ROW_END
};

static const llm_header_row_t  llm_header_xm[] = {
    /* xAI [R] */
    ROW("x-metrics-e2e-ms", llm_header_time, RANK_SERVER, UNIT_MS),
    /* Azure, GitHub Models [S: SDKs that read it] */
    ROW("x-ms-error-code", llm_header_error, 0, 0),
    ROW_END
};

static const llm_header_row_t  llm_header_xp[] = {
    /* TGI [S] */
    ROW("x-prompt-tokens", llm_header_count, COUNT_INPUT, 0),
    ROW_END
};

static const llm_header_row_t  llm_header_xr[] = {
    /* OpenAI and most others: llm_header_quota.c */
    ROW_PREFIX("x-ratelimit-", llm_header_limits, LLM_LIMITS_X_RATELIMIT),
    ROW_END
};

static const llm_header_row_t  llm_header_xt[] = {
    /* Together [D] */
    ROW_PREFIX("x-tokenlimit-", llm_header_limits, LLM_LIMITS_TOKENLIMIT),
    /* Cohere, trial keys: calls of an endpoint in a minute [R] */
    ROW_PREFIX("x-trial-endpoint-call-", llm_header_limits, LLM_LIMITS_TRIAL),
    /* TGI, TEI [S]: queue and all */
    ROW("x-total-time", llm_header_time, RANK_SERVER, UNIT_MS),
    ROW_END
};


/* By the first letter, and by that behind "x-". */

static const llm_header_row_t *const  llm_header_plain[26] = {
    ['a' - 'a'] = llm_header_a,
    ['f' - 'a'] = llm_header_f,
    ['l' - 'a'] = llm_header_l,
    ['o' - 'a'] = llm_header_o,
    ['r' - 'a'] = llm_header_r,
    ['s' - 'a'] = llm_header_s
};

static const llm_header_row_t *const  llm_header_x[26] = {
    ['a' - 'a'] = llm_header_xa,
    ['c' - 'a'] = llm_header_xc,
    ['e' - 'a'] = llm_header_xe,
    ['g' - 'a'] = llm_header_xg,
    ['i' - 'a'] = llm_header_xi,
    ['k' - 'a'] = llm_header_xk,
    ['l' - 'a'] = llm_header_xl,
    ['m' - 'a'] = llm_header_xm,
    ['p' - 'a'] = llm_header_xp,
    ['r' - 'a'] = llm_header_xr,
    ['t' - 'a'] = llm_header_xt
};


/* Google's front end; Anthropic's edge [R].  Databricks has others, of 0. */

static const struct {
    const char  *name;
    size_t       len;
} llm_header_timings[] = {
    { "gfet4t7", 7 },
    { "x-originresponse", 16 },
    { "proxy", 5 }
};


#define COUNT(a)  (sizeof(a) / sizeof(a[0]))


void
llm_headers_init(llm_headers_t *h, uint64_t wall)
{
    memset(h, 0, offsetof(llm_headers_t, window));

    h->wall = wall;
}


void
llm_header_note(llm_headers_t *h, llm_str_t name, llm_str_t value)
{
    uint8_t                         c;
    const llm_header_row_t         *row;
    const llm_header_row_t *const  *index;

    if (name.len < 8) {
        return;
    }

    index = llm_header_plain;
    c = name.data[0] | 0x20;

    if (c == 'x' && name.data[1] == '-') {
        index = llm_header_x;
        c = name.data[2] | 0x20;
    }

    if (c < 'a' || c > 'z') {
        return;
    }

    row = index[c - 'a'];

    if (llm_likely(row == NULL)) {
        return;
    }

    for ( /* void */ ; row->name; row++) {

        if (name.len != row->len && (!row->prefix || name.len < row->len)) {
            continue;
        }

        if (llm_header_begins(name, row->name, row->len)) {
            name.data += row->len;
            name.len -= row->len;

            row->note(h, row, name, llm_header_trim(value));
            return;
        }
    }
}


static void
llm_header_limits(llm_headers_t *h, const llm_header_row_t *row,
    llm_str_t rest, llm_str_t value)
{
    llm_header_limit(h, row->arg, rest, value);
}


static void
llm_header_passed(llm_headers_t *h, const llm_header_row_t *row,
    llm_str_t rest, llm_str_t value)
{
    (void) row;

    if (h->passed) {
        return;
    }

    h->passed = LLM_HEADER_PASSED;
    llm_header_note(h, rest, value);
    h->passed = 0;
}


static void
llm_header_took(llm_headers_t *h, unsigned rank, uint64_t ns)
{
    if (h->time_rank == 0 || rank < h->time_rank) {
        h->time_rank = rank;
        h->time = ns;
    }
}


static void
llm_header_time(llm_headers_t *h, const llm_header_row_t *row,
    llm_str_t rest, llm_str_t value)
{
    uint64_t  ns;

    (void) rest;

    if (llm_header_duration(value, row->unit == UNIT_S ? 1000000000 : 1000000,
                            &ns))
    {
        llm_header_took(h, row->arg, ns);
    }
}


/* "name;dur=ms;desc=..., ..." [D: W3C Server Timing] */

static void
llm_header_timing(llm_headers_t *h, const llm_header_row_t *row,
    llm_str_t rest, llm_str_t value)
{
    size_t     i;
    uint64_t   ns;
    llm_str_t  name, duration;

    (void) rest;

    while (llm_header_metric(&value, &name, &duration)) {

        for (i = 0; i < COUNT(llm_header_timings); i++) {
            if (llm_header_is(name, llm_header_timings[i].name,
                              llm_header_timings[i].len)
                && llm_header_duration(duration, 1000000, &ns))
            {
                llm_header_took(h, row->arg, ns);
            }
        }
    }
}


static void
llm_header_count(llm_headers_t *h, const llm_header_row_t *row,
    llm_str_t rest, llm_str_t value)
{
    uint64_t  n;

    (void) rest;

    if ((h->counted & 1 << row->arg) == 0 && llm_header_whole(value, &n)) {
        h->count[row->arg] = n;
        h->counted |= 1 << row->arg;
    }
}


/* "Word", "Word:http://...", "namespace#Word". */

static void
llm_header_error(llm_headers_t *h, const llm_header_row_t *row,
    llm_str_t rest, llm_str_t value)
{
    size_t  i, start;

    (void) row;
    (void) rest;

    start = 0;

    for (i = 0; i < value.len && value.data[i] != ':'; i++) {
        if (value.data[i] == '#') {
            start = i + 1;
        }
    }

    value.data += start;
    value.len = i - start;

    if (h->error == LLM_ERROR_NONE) {
        h->error = (uint8_t) llm_dialect_error_word(value);
    }
}


/* 0 is what a proxy says of a model whose price it does not know. */

static void
llm_header_cost(llm_headers_t *h, const llm_header_row_t *row,
    llm_str_t rest, llm_str_t value)
{
    uint64_t  nano;

    (void) rest;

    if ((h->cost_rank == 0 || row->arg < h->cost_rank)
        && llm_header_money(value, &nano) && nano)
    {
        h->cost = nano;
        h->cost_rank = row->arg;
    }
}


int
llm_headers_time(const llm_headers_t *h, uint64_t *ns)
{
    if (h->time_rank == 0) {
        return 0;
    }

    *ns = h->time;

    return 1;
}


int
llm_headers_tokens(const llm_headers_t *h, llm_tokens_t *t)
{
    if ((h->counted & (1 << COUNT_INPUT | 1 << COUNT_OUTPUT)) == 0) {
        return 0;
    }

    memset(t, 0, sizeof(llm_tokens_t));

    t->cache_read = h->count[COUNT_READ];
    t->cache_write = h->count[COUNT_WRITE];
    t->input = h->count[COUNT_INPUT] + t->cache_read + t->cache_write;
    t->output = h->count[COUNT_OUTPUT];

    return 1;
}


int
llm_headers_cost(const llm_headers_t *h, uint64_t *nano)
{
    if (h->cost_rank == 0) {
        return 0;
    }

    *nano = h->cost;

    return 1;
}
