
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What a call used, and what that costs.  What the body says comes first,
 * then what headers say, then estimates and price lists.
 */


#include "ngx_http_llm_finish.h"


/*
 * An answer of which we understood so much that what it does not say may be
 * estimated: text of a plain body; of a stream that it is one of ours, if
 * only so far that it was cut before its text.  Embeddings have no text.
 */

static ngx_uint_t
ngx_http_llm_finish_estimable(llm_response_t *a)
{
    if (llm_framing_streams(a->framing)) {
        return a->content_events || a->model_len;
    }

    return a->framing == LLM_FRAMING_JSON
           && (a->text.bytes || a->opaque
               || a->dialect == LLM_DIALECT_EMBEDDINGS);
}


/*
 * What no call has, and what sums of calls can hold without wrapping: an
 * upstream that lies must not turn counters back.  The parts stay parts.
 */

#define NGX_HTTP_LLM_TOKENS_MAX  ((uint64_t) 1 << 32)
#define NGX_HTTP_LLM_COST_MAX    ((uint64_t) 100000 * 1000000000)


static void
ngx_http_llm_finish_bound(llm_tokens_t *t)
{
    t->input = ngx_min(t->input, NGX_HTTP_LLM_TOKENS_MAX);
    t->output = ngx_min(t->output, NGX_HTTP_LLM_TOKENS_MAX);
    t->reasoning = ngx_min(t->reasoning, t->output);
    t->cache_read = ngx_min(t->cache_read, t->input);
    t->cache_write = ngx_min(t->cache_write, t->input);
    t->cache_write_1h = ngx_min(t->cache_write_1h, t->cache_write);
}


/*
 * Usage is what the provider reported.  Where a call was cut before it did,
 * or the provider never does, tokens are estimated from the text that
 * passed: text that was delivered is never counted as 0.
 */

void
ngx_http_llm_finish_usage(ngx_http_llm_ctx_t *ctx, const llm_headers_t *h,
    ngx_uint_t complete)
{
    uint64_t         text;
    ngx_uint_t       status;
    llm_tokens_t     said;
    llm_response_t  *a;

    a = ctx->answer;
    status = ngx_http_llm_finish_status(ctx->request);

    if (a == NULL && h->counted == 0) {
        return;
    }

    ctx->tokens = ngx_pcalloc(ctx->request->pool, sizeof(llm_tokens_t));
    if (ctx->tokens == NULL) {
        return;
    }

    text = a ? llm_response_estimate(a, ngx_http_llm_ctx_sent(ctx)) : 0;

    if (a && llm_response_tokens(a, ctx->tokens)) {
        ngx_http_llm_finish_bound(ctx->tokens);
        ctx->usage = LLM_USAGE_REPORTED;

        /* Ollama leaves the input out where its cache held all of it */

        if (llm_response_no_input(a) && ctx->asked.prompt_tokens) {
            ctx->tokens->input = ctx->asked.prompt_tokens;
            ctx->usage = LLM_USAGE_ESTIMATED;
        }

        /* Nova behind a guardrail leaves the output to the headers */

        if (ctx->tokens->output == 0
            && ngx_http_llm_headers_tokens(ctx, h, &said))
        {
            ctx->tokens->output = said.output;
            ngx_http_llm_finish_bound(ctx->tokens);
        }

        /* counters of a stream that was cut are as of some time before */

        if ((complete && !ctx->unreadable && !a->error) || a->finished
            || text <= ctx->tokens->output)
        {
            return;
        }

        ctx->tokens->output = text;
        ctx->usage = LLM_USAGE_ESTIMATED;
        return;
    }

    if (status < 200 || status > 299) {
        return;
    }

    if (ngx_http_llm_headers_tokens(ctx, h, ctx->tokens)) {
        ngx_http_llm_finish_bound(ctx->tokens);
        ctx->usage = LLM_USAGE_REPORTED;
        return;
    }

    if (a == NULL || (a->error && text == 0)
        || !ngx_http_llm_finish_estimable(a))
    {
        return;
    }

    ctx->tokens->input = ctx->asked.prompt_tokens;
    ctx->tokens->output = text;

    if (ctx->tokens->input || ctx->tokens->output) {
        ctx->usage = LLM_USAGE_ESTIMATED;
    }
}


/*
 * A call that reports no tokens has a cost all the same where its tokens are
 * free: a query of a rerank model, a moderation.  Tokens that were estimated
 * are looked at only where they are not.
 */

void
ngx_http_llm_finish_cost(ngx_http_llm_ctx_t *ctx, const llm_headers_t *h)
{
    llm_bill_t    bill;
    llm_cost_t    cost;
    llm_tokens_t  billed;

    if (ctx->usage == LLM_USAGE_NONE
        && (ctx->outcome != LLM_OUTCOME_OK || ctx->answer == NULL
            || ctx->dialect == LLM_DIALECT_NONE))
    {
        return;
    }

    if (ctx->usage == LLM_USAGE_REPORTED
        && ((ctx->answer && llm_response_cost(ctx->answer, &ctx->cost))
            || (!ctx->stream && llm_headers_cost(h, &ctx->cost))))
    {
        ctx->cost = ngx_min(ctx->cost, NGX_HTTP_LLM_COST_MAX);
        ctx->cost_source = NGX_HTTP_LLM_COST_PROVIDER;
        return;
    }

    ngx_http_llm_ctx_price(ctx);

    ngx_memzero(&bill, sizeof(llm_bill_t));
    bill.tokens = (ctx->usage == LLM_USAGE_REPORTED) ? ctx->tokens : NULL;

    if (ctx->answer) {
        llm_response_bill(ctx->answer, bill.tokens, &billed, &bill);
    }

    bill.factors |= ctx->place;

    if (!llm_cost_bill(ctx->price, &bill, &cost)) {

        if (ctx->usage != LLM_USAGE_ESTIMATED) {
            return;
        }

        bill.tokens = ctx->tokens;

        if (!llm_cost_bill(ctx->price, &bill, &cost)) {
            return;
        }

        ctx->inexact = 1;
    }

    ctx->cost = ngx_min(cost.nano, NGX_HTTP_LLM_COST_MAX);
    ctx->cost_source = NGX_HTTP_LLM_COST_LIST;
    ctx->inexact |= (cost.flags & LLM_COST_INEXACT) != 0;
}
