
/*
 * Copyright (C) ngx_llm_module authors
 *
 * How a gate refuses.  What was held is given back first: the request may be
 * gone when the reply has been sent.
 */


#include "ngx_http_llm_gate.h"

#include "llm_splice.h"


static const struct {
    const char  *name;
    ngx_uint_t   reject;         /* counters of the zone */
    ngx_uint_t   pass;
} ngx_http_llm_gate_names[NGX_HTTP_LLM_GATE_N] = {
    [NGX_HTTP_LLM_GATE_UNREADABLE] = { "unreadable",
        NGX_HTTP_LLM_GATE_UNREADABLE_REJECT,
        NGX_HTTP_LLM_GATE_UNREADABLE_PASS },
    [NGX_HTTP_LLM_GATE_MODELS] = { "models",
        NGX_HTTP_LLM_GATE_MODELS_REJECT,
        NGX_HTTP_LLM_GATE_UNREADABLE_PASS },
    [NGX_HTTP_LLM_GATE_DENY] = { "deny", NGX_HTTP_LLM_GATE_DENY_REJECT, 0 },
    [NGX_HTTP_LLM_GATE_SPLICE] = { "splice",
        NGX_HTTP_LLM_GATE_SPLICE_REJECT, NGX_HTTP_LLM_GATE_SPLICE_PASS },
    [NGX_HTTP_LLM_GATE_OUTPUT] = { "output",
        NGX_HTTP_LLM_GATE_OUTPUT_REJECT, 0 },
    [NGX_HTTP_LLM_GATE_INPUT] = { "input",
        NGX_HTTP_LLM_GATE_INPUT_REJECT, 0 },
    [NGX_HTTP_LLM_GATE_COST] = { "cost", NGX_HTTP_LLM_GATE_COST_REJECT, 0 }
};


/* Why a body cannot be judged, and the status that says so. */

static const struct {
    ngx_uint_t   reason;         /* llm_reason_e */
    ngx_uint_t   status;
    const char  *word;
    const char  *text;
} ngx_http_llm_gate_unreadables[] = {
    [LLM_REQUEST_NOT_JSON] = { LLM_REASON_UNREADABLE, NGX_HTTP_BAD_REQUEST,
        "not_json", "the body is not one JSON value" },
    [LLM_REQUEST_TOO_LARGE] = { LLM_REASON_TOO_LARGE,
        NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
        "too_large", "the body is larger than what is read of it" },
    [LLM_REQUEST_AMBIGUOUS] = { LLM_REASON_UNREADABLE, NGX_HTTP_BAD_REQUEST,
        "ambiguous", "the body can be read in more than one way" }
};


ngx_int_t
ngx_http_llm_gate_refuse(ngx_http_llm_ctx_t *ctx, ngx_http_llm_reply_t *reply)
{
    ngx_http_llm_gate_t  *gate;

    gate = ctx->extra->gate;

    ngx_http_llm_gate_release(ctx);

    reply->r.gate = ngx_http_llm_view(&gate->said);

    return ngx_http_llm_reply(ctx, reply);
}


ngx_int_t
ngx_http_llm_gate_refuse_plain(ngx_http_llm_ctx_t *ctx, ngx_uint_t reason,
    ngx_uint_t status, ngx_uint_t gate, const char *what, const char *text)
{
    ngx_http_llm_reply_t  reply;

    ngx_memzero(&reply, sizeof(ngx_http_llm_reply_t));

    reply.r.reason = reason;
    reply.r.status = status;
    reply.r.text.data = (const uint8_t *) text;
    reply.r.text.len = ngx_strlen(text);

    if (ngx_http_llm_gate_say(ctx, ngx_http_llm_gate_names[gate].name, NULL,
                              what)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_llm_zone_count(ctx->zone, ngx_http_llm_gate_names[gate].reject,
                            1);

    return ngx_http_llm_gate_refuse(ctx, &reply);
}


ngx_int_t
ngx_http_llm_gate_unread(ngx_http_llm_ctx_t *ctx, ngx_uint_t reason,
    ngx_uint_t status, ngx_uint_t gate, const char *word, const char *text)
{
    if (ctx->conf->gate.unreadable == NGX_HTTP_LLM_UNREADABLE_PASS) {
        ngx_http_llm_zone_count(ctx->zone,
                                ngx_http_llm_gate_names[gate].pass, 1);

        return ngx_http_llm_gate_say(ctx, ngx_http_llm_gate_names[gate].name,
                                     NULL, word);
    }

    return ngx_http_llm_gate_refuse_plain(ctx, reason, status, gate, word,
                                          text);
}


ngx_int_t
ngx_http_llm_gate_unreadable(ngx_http_llm_ctx_t *ctx, ngx_uint_t state)
{
    if (state >= sizeof(ngx_http_llm_gate_unreadables)
                 / sizeof(ngx_http_llm_gate_unreadables[0])
        || ngx_http_llm_gate_unreadables[state].status == 0)
    {
        return NGX_OK;
    }

    return ngx_http_llm_gate_unread(ctx,
                              ngx_http_llm_gate_unreadables[state].reason,
                              ngx_http_llm_gate_unreadables[state].status,
                              NGX_HTTP_LLM_GATE_UNREADABLE,
                              ngx_http_llm_gate_unreadables[state].word,
                              ngx_http_llm_gate_unreadables[state].text);
}


/*
 * A body that should have been changed and was not.  What is signed or
 * cannot be read may pass where the configuration says so; a model or bound
 * that cannot hold may not.
 */

static const struct {
    ngx_uint_t   reason;         /* llm_reason_e */
    ngx_uint_t   status;
    ngx_uint_t   may_pass;
    const char  *text;
} ngx_http_llm_gate_unchangeds[LLM_SPLICE_N] = {
    [LLM_SPLICE_SIGNED] = { LLM_REASON_UNREADABLE, NGX_HTTP_BAD_REQUEST, 1,
        "the body is signed, and may not be changed" },
    [LLM_SPLICE_ENCODED] = { LLM_REASON_ENCODING,
        NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, 1,
        "the body is encoded, and cannot be changed" },
    [LLM_SPLICE_UNREADABLE] = { LLM_REASON_UNREADABLE, NGX_HTTP_BAD_REQUEST,
        1, "the body cannot be read" },
    [LLM_SPLICE_UNREAD] = { LLM_REASON_UNREADABLE, NGX_HTTP_BAD_REQUEST, 1,
        "the body has not been read" },
    [LLM_SPLICE_PATH] = { LLM_REASON_MODEL, NGX_HTTP_BAD_REQUEST, 0,
        "the path names another model than is set" },
    [LLM_SPLICE_BUDGET] = { LLM_REASON_OUTPUT, NGX_HTTP_BAD_REQUEST, 0,
        "thinking may take all of the output that is allowed" },
    [LLM_SPLICE_BOUND] = { LLM_REASON_OUTPUT, NGX_HTTP_BAD_REQUEST, 0,
        "the bound of the output is no number" },
    [LLM_SPLICE_NOWHERE] = { LLM_REASON_OUTPUT, NGX_HTTP_BAD_REQUEST, 0,
        "no bound of the output is known for this API" }
};


ngx_int_t
ngx_http_llm_gate_unchanged(ngx_http_llm_ctx_t *ctx, ngx_uint_t why)
{
    if (ngx_http_llm_gate_unchangeds[why].may_pass) {
        return ngx_http_llm_gate_unread(ctx,
                                    ngx_http_llm_gate_unchangeds[why].reason,
                                    ngx_http_llm_gate_unchangeds[why].status,
                                    NGX_HTTP_LLM_GATE_SPLICE,
                                    llm_splice_names[why],
                                    ngx_http_llm_gate_unchangeds[why].text);
    }

    return ngx_http_llm_gate_refuse_plain(ctx,
                                    ngx_http_llm_gate_unchangeds[why].reason,
                                    ngx_http_llm_gate_unchangeds[why].status,
                                    NGX_HTTP_LLM_GATE_SPLICE,
                                    llm_splice_names[why],
                                    ngx_http_llm_gate_unchangeds[why].text);
}
