
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Headers as providers send them, values that are none, and times.
 *
 * An expectation is what was found, in this order, and nothing of what was
 * not:
 *
 *   req LEFT/LIMIT@MS  tok LEFT/LIMIT@MS  time NS  in N out N read N write N
 *   cost NANO  error WORD
 */


#ifndef _HEADERS_SETS_H_INCLUDED_
#define _HEADERS_SETS_H_INCLUDED_


#include <stdint.h>


/* 2026-11-21T05:00:00Z */

#define WALL  1795237200000ull


typedef struct {
    const char  *what;
    const char  *lines;
    const char  *want;
} case_t;


static const case_t  providers[] = {

    { "OpenAI",
      "date: Sat, 21 Nov 2026 05:00:00 GMT\n"
      "content-type: application/json\n"
      "access-control-expose-headers: X-Request-ID\n"
      "openai-organization: someone\n"
      "openai-processing-ms: 1207\n"
      "openai-version: 2020-10-01\n"
      "x-envoy-upstream-service-time: 1289\n"
      "x-ratelimit-limit-requests: 10000\n"
      "x-ratelimit-limit-tokens: 200000\n"
      "x-ratelimit-remaining-requests: 9999\n"
      "x-ratelimit-remaining-tokens: 199968\n"
      "x-ratelimit-reset-requests: 8.64s\n"
      "x-ratelimit-reset-tokens: 9ms\n"
      "x-request-id: req_1\n"
      "strict-transport-security: max-age=31536000\n"
      "cf-cache-status: DYNAMIC\n"
      "server: cloudflare\n"
      "alt-svc: h3=\":443\"; ma=86400",
      "req 9999/10000@8640 tok 199968/200000@9 time 1207000000" },

    { "OpenAI, minutes; usage based limits beside",
      "x-ratelimit-remaining-requests: 59\n"
      "x-ratelimit-limit-requests: 60\n"
      "x-ratelimit-reset-requests: 1s\n"
      "x-ratelimit-limit-tokens: 150000\n"
      "x-ratelimit-remaining-tokens: 149984\n"
      "x-ratelimit-reset-tokens: 6m0s\n"
      "x-ratelimit-limit-tokens_usage_based: 250000\n"
      "x-ratelimit-remaining-tokens_usage_based: 249979\n"
      "x-ratelimit-reset-tokens_usage_based: 4ms",
      "req 59/60@1000 tok 149984/150000@360000" },

    { "OpenAI, a project that has less left",
      "x-ratelimit-limit-tokens: 150000\n"
      "x-ratelimit-remaining-tokens: 149984\n"
      "x-ratelimit-limit-project-tokens: 60000\n"
      "x-ratelimit-remaining-project-tokens: 57000\n"
      "x-ratelimit-reset-project-tokens: 3s",
      "tok 57000/60000@3000" },

    { "OpenAI, nothing said of images",
      "x-ratelimit-limit-input-images: 50\n"
      "x-ratelimit-remaining-input-images: 3", "" },

    { "Azure",
      "apim-request-id: 1\n"
      "x-ms-region: East US 2\n"
      "x-ratelimit-abusepenalty-active: False\n"
      "x-ratelimit-key: gpt-5\n"
      "x-ratelimit-limit-requests: 120\n"
      "x-ratelimit-limit-tokens: 120000\n"
      "x-ratelimit-remaining-requests: 119\n"
      "x-ratelimit-remaining-tokens: 119986\n"
      "x-ratelimit-renewalperiod-requests: 60\n"
      "x-ratelimit-renewalperiod-tokens: 60\n"
      "x-ratelimit-reset-requests: 500\n"
      "x-ratelimit-reset-tokens: 7",
      "req 119/120@500000 tok 119986/120000@7000" },

    { "Azure, without limits",
      "x-ratelimit-remaining-requests: 118\n"
      "x-ratelimit-remaining-tokens: 0",
      "req 118/-@- tok 0/-@-" },

    { "Azure, Responses: not kept",
      "x-ratelimit-limit-requests: 0\n"
      "x-ratelimit-remaining-requests: 0\n"
      "x-ratelimit-reset-requests: 0\n"
      "x-ratelimit-limit-tokens: -1\n"
      "x-ratelimit-remaining-tokens: -1", "" },

    { "Azure, Responses: a limit of -1 and 0 left",
      "x-ratelimit-limit-tokens: -1\n"
      "x-ratelimit-remaining-tokens: 0\n"
      "x-ratelimit-limit-requests: 250\n"
      "x-ratelimit-remaining-requests: -1\n"
      "x-ratelimit-reset-requests: 0",
      "req -/250@0" },

    { "Azure, an error",
      "x-ms-error-code: RateLimitReached\n"
      "retry-after: 55", "error rate_limit" },

    { "Anthropic",
      "request-id: req_1\n"
      "anthropic-organization-id: x\n"
      "anthropic-ratelimit-input-tokens-limit: 20000000\n"
      "anthropic-ratelimit-input-tokens-remaining: 19999000\n"
      "anthropic-ratelimit-input-tokens-reset: 2026-11-21T05:00:01Z\n"
      "anthropic-ratelimit-output-tokens-limit: 4000000\n"
      "anthropic-ratelimit-output-tokens-remaining: 4000000\n"
      "anthropic-ratelimit-output-tokens-reset: 2026-11-21T05:00:00Z\n"
      "anthropic-ratelimit-requests-limit: 20000\n"
      "anthropic-ratelimit-requests-remaining: 19999\n"
      "anthropic-ratelimit-requests-reset: 2026-11-21T05:01:02Z\n"
      "anthropic-ratelimit-tokens-limit: 24000000\n"
      "anthropic-ratelimit-tokens-remaining: 23999000\n"
      "anthropic-ratelimit-tokens-reset: 2026-11-21T05:00:03Z\n"
      "server-timing: x-originResponse;dur=325\n"
      "x-envoy-upstream-service-time: 323\n"
      "x-should-retry: false",
      "req 19999/20000@62000 tok 23999000/24000000@3000 time 323000000" },

    { "Anthropic, without a limit of all tokens: the smaller part",
      "anthropic-ratelimit-input-tokens-limit: 400000\n"
      "anthropic-ratelimit-input-tokens-remaining: 399000\n"
      "anthropic-ratelimit-output-tokens-limit: 80000\n"
      "anthropic-ratelimit-output-tokens-remaining: 80000\n"
      "anthropic-ratelimit-output-tokens-reset: 2026-11-21T06:00:00+01:00\n"
      "server-timing: proxy;dur=750",
      "tok 80000/80000@0 time 750000000" },

    { "Anthropic, a subscription",
      "anthropic-ratelimit-unified-status: allowed\n"
      "anthropic-ratelimit-unified-reset: 1795237260\n"
      "anthropic-ratelimit-unified-5h-utilization: 0.42\n"
      "anthropic-ratelimit-unified-5h-reset: 1795237260", "" },

    { "Gemini",
      "server-timing: gfet4t7; dur=1426\n"
      "vary: Origin", "time 1426000000" },

    { "Bedrock",
      "x-amzn-requestid: 1\n"
      "x-amzn-bedrock-invocation-latency: 1233\n"
      "x-amzn-bedrock-input-token-count: 3\n"
      "x-amzn-bedrock-output-token-count: 44\n"
      "x-amzn-bedrock-cache-read-input-token-count: 9511\n"
      "x-amzn-bedrock-cache-write-input-token-count: 1956",
      "time 1233000000 in 11470 out 44 read 9511 write 1956" },

    { "Bedrock, embeddings",
      "x-amzn-bedrock-invocation-latency: 246\n"
      "x-amzn-bedrock-input-token-count: 3",
      "time 246000000 in 3 out 0 read 0 write 0" },

    { "Bedrock, cache counts alone are no usage",
      "x-amzn-bedrock-cache-read-input-token-count: 12", "" },

    { "Bedrock, an error",
      "x-amzn-errortype: ThrottlingException:http://internal.amazon.com/x/",
      "error rate_limit" },

    { "Bedrock, another",
      "x-amzn-errortype: com.amazon.coral#ExpiredTokenException",
      "error auth" },

    { "Bedrock, an error that nobody knows",
      "x-amzn-errortype: PurpleException:http://x/", "" },

    { "Mistral",
      "x-kong-request-id: 1\n"
      "x-kong-upstream-latency: 1331\n"
      "x-kong-proxy-latency: 13\n"
      "x-envoy-upstream-service-time: 1314\n"
      "x-ratelimit-limit-req-minute: 360\n"
      "x-ratelimit-remaining-req-minute: 358\n"
      "x-ratelimit-limit-tokens-minute: 2000000\n"
      "x-ratelimit-remaining-tokens-minute: 1999829\n"
      "x-ratelimit-limit-tokens-month: 10000000000\n"
      "x-ratelimit-remaining-tokens-month: 9999999829\n"
      "x-ratelimit-tokens-query-cost: 64",
      "req 358/360@- tok 1999829/2000000@- time 1314000000" },

    { "Mistral, the month nearly spent",
      "x-ratelimit-limit-req-10-second: 60\n"
      "x-ratelimit-remaining-req-10-second: 58\n"
      "x-ratelimit-limit-tokens-minute: 2000000\n"
      "x-ratelimit-remaining-tokens-minute: 1999829\n"
      "x-ratelimit-limit-tokens-month: 10000000000\n"
      "x-ratelimit-remaining-tokens-month: 9000000",
      "req 58/60@- tok 9000000/10000000000@-" },

    { "Groq",
      "x-groq-region: x\n"
      "x-ratelimit-limit-requests: 14400\n"
      "x-ratelimit-limit-tokens: 6000\n"
      "x-ratelimit-remaining-requests: 14397\n"
      "x-ratelimit-remaining-tokens: 5987\n"
      "x-ratelimit-reset-requests: 17.563999999s\n"
      "x-ratelimit-reset-tokens: 130ms",
      "req 14397/14400@17564 tok 5987/6000@130" },

    { "Groq, long waits",
      "x-ratelimit-reset-requests: 2m59.56s\n"
      "x-ratelimit-remaining-requests: 1\n"
      "x-ratelimit-reset-tokens: 1h2m3s\n"
      "x-ratelimit-remaining-tokens: 0",
      "req 1/-@179560 tok 0/-@3723000" },

    { "xAI",
      "x-ratelimit-limit-requests: 1800\n"
      "x-ratelimit-limit-tokens: 10000000\n"
      "x-ratelimit-remaining-requests: 1800\n"
      "x-ratelimit-remaining-tokens: 10000000\n"
      "x-metrics-ttft-ms: 230.4\n"
      "x-metrics-e2e-ms: 1399.5\n"
      "x-metrics-mean-itl-ms: 8.9",
      "req 1800/1800@- tok 10000000/10000000@- time 1399500000" },

    { "Together",
      "x-ratelimit-limit: 2\n"
      "x-ratelimit-remaining: 1\n"
      "x-ratelimit-reset: 2\n"
      "x-tokenlimit-limit: 3000\n"
      "x-tokenlimit-remaining: 2900\n"
      "x-inference-time: 384\n"
      "x-compute-time: 400",
      "req 1/2@2000 tok 2900/3000@- time 384000000" },

    { "Cerebras",
      "x-ratelimit-limit-requests-day: 14400\n"
      "x-ratelimit-remaining-requests-day: 14399\n"
      "x-ratelimit-reset-requests-day: 33011.382867\n"
      "x-ratelimit-limit-tokens-minute: 60000\n"
      "x-ratelimit-remaining-tokens-minute: 58000\n"
      "x-ratelimit-reset-tokens-minute: 11.382867\n"
      "x-ratelimit-limit-requests-minute: 30\n"
      "x-ratelimit-remaining-requests-minute: 29",
      "req 29/30@- tok 58000/60000@11383" },

    { "Hugging Face before Cerebras: no limits, and 2^63 of tokens",
      "inference-id: chatcmpl-1\n"
      "x-inference-provider: cerebras\n"
      "x-ratelimit-remaining-requests-day: 2879998\n"
      "x-ratelimit-remaining-requests-hour: 119998\n"
      "x-ratelimit-remaining-requests-minute: 1998\n"
      "x-ratelimit-remaining-tokens-day: 9223372036854767616\n"
      "x-ratelimit-remaining-tokens-hour: 9223372036854767616\n"
      "x-ratelimit-remaining-tokens-minute: 9223372036854767616",
      "req 1998/-@-" },

    { "Hugging Face before OVHcloud",
      "ratelimit-limit: 400\n"
      "ratelimit-remaining: 398\n"
      "ratelimit-reset: 18\n"
      "x-ratelimit-limit-minute: 400\n"
      "x-ratelimit-remaining-minute: 398\n"
      "x-kong-upstream-latency: 179",
      "req 398/400@18000 time 179000000" },

    { "SambaNova",
      "x-ratelimit-limit-requests: 20\n"
      "x-ratelimit-remaining-requests: 19\n"
      "x-ratelimit-reset-requests: 1795237260\n"
      "x-ratelimit-limit-requests-day: 1500\n"
      "x-ratelimit-remaining-requests-day: 7\n"
      "x-ratelimit-reset-requests-day: 4h17m",
      "req 7/1500@15420000" },

    { "Fireworks",
      "fireworks-prompt-tokens: 19\n"
      "fireworks-cached-prompt-tokens: 0\n"
      "fireworks-server-time-to-first-token: 0.1\n"
      "fireworks-server-processing-time: 0.412\n"
      "x-ratelimit-limit-requests: 600\n"
      "x-ratelimit-remaining-requests: 599\n"
      "x-ratelimit-limit-tokens-prompt: 60000\n"
      "x-ratelimit-remaining-tokens-prompt: 59981\n"
      "x-ratelimit-limit-tokens-generated: 6000\n"
      "x-ratelimit-remaining-tokens-generated: 5990\n"
      "x-ratelimit-over-limit: no",
      "req 599/600@- tok 5990/6000@- time 412000000" },

    { "Fireworks, limits alone",
      "x-ratelimit-limit-tokens-prompt: 21600000\n"
      "x-ratelimit-limit-tokens-cache-adjusted-prompt: 5400000\n"
      "x-ratelimit-limit-tokens-generated: 216000",
      "tok -/21600000@-" },

    { "OpenRouter: ms since the epoch",
      "x-generation-id: gen-1\n"
      "X-RateLimit-Limit: 50\n"
      "X-RateLimit-Remaining: 0\n"
      "X-RateLimit-Reset: 1795305600000",
      "req 0/50@68400000" },

    { "GitHub Models",
      "x-ratelimit-limit-requests: 20000\n"
      "x-ratelimit-remaining-requests: 19999\n"
      "x-ratelimit-limit-tokens: 2000000\n"
      "x-ratelimit-remaining-tokens: 1999962\n"
      "x-ratelimit-reset-requests: 3\n"
      "x-ratelimit-reset-tokens: 1\n"
      "x-ratelimit-timeremaining: 55\n"
      "x-ratelimit-type: UserByMinute",
      "req 19999/20000@3000 tok 1999962/2000000@1000" },

    { "Cohere, trial key",
      "x-debug-trace-id: 1\n"
      "x-endpoint-monthly-call-limit: 1000\n"
      "x-trial-endpoint-call-limit: 20\n"
      "x-trial-endpoint-call-remaining: 19\n"
      "num_chars: 2594\n"
      "num_tokens: 467\n"
      "x-envoy-upstream-service-time: 134",
      "req 19/20@- time 134000000" },

    { "DeepSeek",
      "x-ds-trace-id: 1\n"
      "cf-cache-status: DYNAMIC", "" },

    { "Databricks: Bedrock behind it, and timings of nothing",
      "server-timing: request_id;dur=0;desc=\"a,gfet4t7;dur=9\", "
      "client_protocol;dur=0;desc=\"HTTP/1.1\"\n"
      "x-amzn-bedrock-input-token-count: 458\n"
      "x-amzn-bedrock-output-token-count: 60\n"
      "x-amzn-bedrock-invocation-latency: 1111",
      "time 1111000000 in 458 out 60 read 0 write 0" },

    { "LiteLLM",
      "x-litellm-call-id: 1\n"
      "x-litellm-model-group: gpt\n"
      "x-litellm-response-cost: 2.9e-05\n"
      "x-litellm-response-cost-original: 3.5e-05\n"
      "x-litellm-key-spend: 12.5\n"
      "x-litellm-response-duration-ms: 1019.31\n"
      "x-litellm-overhead-duration-ms: 29.244\n"
      "x-ratelimit-limit-requests: 15000\n"
      "x-ratelimit-remaining-requests: 14999\n"
      "x-ratelimit-limit-tokens: 2000000\n"
      "x-ratelimit-remaining-tokens: 1999993\n"
      "llm_provider-openai-processing-ms: 733\n"
      "llm_provider-x-ratelimit-limit-requests: 500\n"
      "llm_provider-x-ratelimit-remaining-requests: 9\n"
      "llm_provider-x-ratelimit-reset-requests: 120ms\n"
      "llm_provider-llm_provider-x-ratelimit-remaining-requests: 1\n"
      "llm_provider-anthropic-ratelimit-tokens-limit: 2000000\n"
      "llm_provider-anthropic-ratelimit-tokens-remaining: 1999994",
      "req 9/500@120 tok 1999993/2000000@- time 733000000 cost 29000" },

    { "LiteLLM, newer; a model without a price",
      "x-litellm-response-cost-original: 0.0123456789\n"
      "x-litellm-response-cost-margin-amount: 0.0", "cost 12345679" },

    { "LiteLLM, no price",
      "x-litellm-response-cost: 0.0\n"
      "x-litellm-response-cost-original: None", "" },

    { "TGI",
      "x-compute-type: gpu+optimized\n"
      "x-compute-time: 600\n"
      "x-compute-characters: 53\n"
      "x-total-time: 640\n"
      "x-validation-time: 1\n"
      "x-queue-time: 20\n"
      "x-inference-time: 619\n"
      "x-time-per-token: 30\n"
      "x-prompt-tokens: 11\n"
      "x-generated-tokens: 20",
      "time 640000000 in 11 out 20 read 0 write 0" },

    { "Envoy's own limit",
      "x-ratelimit-limit: 100, 100;w=60;name=\"per, minute\"\n"
      "x-ratelimit-remaining: 99\n"
      "x-ratelimit-reset: 37",
      "req 99/100@37000" }
};


/* One header a line, of which nothing may be believed. */

static const char *const  garbage[] = {
    "x-ratelimit-remaining-requests:",
    "x-ratelimit-remaining-requests: ",
    "x-ratelimit-remaining-requests: -",
    "x-ratelimit-remaining-requests: -0",
    "x-ratelimit-remaining-requests: -5",
    "x-ratelimit-remaining-requests: +5",
    "x-ratelimit-remaining-requests: 5x",
    "x-ratelimit-remaining-requests: x5",
    "x-ratelimit-remaining-requests: 5.",
    "x-ratelimit-remaining-requests: .5",
    "x-ratelimit-remaining-requests: 5 6",
    "x-ratelimit-remaining-requests: 5, 6",
    "x-ratelimit-remaining-requests: 1e3",
    "x-ratelimit-remaining-requests: 0x10",
    "x-ratelimit-remaining-requests: inf",
    "x-ratelimit-remaining-requests: nan",
    "x-ratelimit-remaining-requests: None",
    "x-ratelimit-remaining-requests: 1000000000000001",
    "x-ratelimit-remaining-requests: 18446744073709551616",
    "x-ratelimit-remaining-requests: 18446744073709551621",
    "x-ratelimit-remaining-requests: 99999999999999999999999999999999999999",
    "x-ratelimit-remaining-requests: 000000000000000000000000000000000000000"
    "00000000000000000000000000000000005",
    "x-ratelimit-remaining-requests: \xef\xbc\x95",
    "x-ratelimit-remaining-request: 5",
    "x-ratelimit-remaining-requestss: 5",
    "x-ratelimit-remainingrequests: 5",
    "x-ratelimit-remaining_requests: 5",
    "x-ratelimit-remaining\rrequests: 5",
    "x-ratelimit-remaining\rtokens: 5",
    "x-ratelimit-remaining-tokens: 00000000000000005",
    "x-ratelimit-rexaining-tokens: 5",
    "x-ratelimit-lemit-tokens: 5",
    "x-ratelimit-remaining-: 5",
    "x-ratelimit-requests: 5",
    "x-ratelimit-: 5",
    "x-ratelimit: 5",
    "x-ratelimi: 5",
    "x-: 5",
    "x: 5",
    "ratelimit-remaining-requests: 5",
    "ratelimit: 5",
    "x-tokenlimit-remaining-tokens: 5",
    "x-trial-endpoint-call-: 5",
    "anthropic-ratelimit-requests: 5",
    "anthropic-ratelimit-remaining: 5",
    "anthropic-ratelimit--remaining: 5",
    "anthropic-ratelimit-tokens-remainin: 5",
    "anthropic-ratelimit-cached-tokens-remaining: 5",
    "llm_provider-: 5",
    "llm-provider-x-ratelimit-remaining-requests: 5",
    "x-ratelimit-limit-requests: abc",
    "x-ratelimit-limit-requests: ;w=60",
    "x-ratelimit-limit-requests: ,",
    "openai-processing-ms: -3",
    "openai-processing-ms: 86400001",
    "openai-processing-ms: 1,5",
    "openai-processing-ms: 12ms",
    "fireworks-server-processing-time: 86400",
    "x-metrics-e2e-ms: 1e3",
    "server-timing: dur=5",
    "server-timing: gfet4t7",
    "server-timing: gfet4t7;dur",
    "server-timing: gfet4t7;dur=",
    "server-timing: gfet4t7;dur=abc",
    "server-timing: gfet4t7;dur=-1",
    "server-timing: gfet4t7;duration=5",
    "server-timing: gfet4t77;dur=5, x;dur=5;;;,,;,",
    "server-timing: x;desc=\"gfet4t7, gfet4t7;dur=5",
    "server-timing: x;desc=\"\\\", gfet4t7;dur=5",
    "server-timing: \\",
    "x-amzn-bedrock-input-token-count: -1",
    "x-amzn-bedrock-output-token-count: ten",
    "x-prompt-tokens: 12 tokens",
    "x-amzn-errortype: ",
    "x-amzn-errortype: :",
    "x-amzn-errortype: #",
    "x-amzn-errortype: a#:ThrottlingException",
    "x-amzn-errortype: XhrottlingException",
    "x-litellm-response-cost: None",
    "x-litellm-response-cost: -0.5",
    "x-litellm-response-cost: 1e9",
    "x-litellm-response-cost: 1e999999999999",
    "x-litellm-response-cost: $1",
    "x-litellm-response-cost: 0",
    "x-litellm-response-cost: 0.0000000001"
};


static const struct {
    const char  *text;
    int64_t      ms;             /* -1: none */
} resets[] = {
    { "0", 0 },
    { "0s", 0 },
    { "1", 1000 },
    { "60.5", 60500 },
    { "0.0001", 1 },
    { "2ms", 2 },
    { "1.5ms", 2 },
    { "500us", 1 },
    { "500\xc2\xb5s", 1 },
    { "500\xce\xbcs", 1 },
    { "1ns", 1 },
    { "17.39s", 17390 },
    { "17.563999999s", 17564 },
    { "17.56399999999999s", 17564 },
    { "6m0s", 360000 },
    { "1h2m3s", 3723000 },
    { "1h2m3.004s", 3723004 },
    { "1d", 86400000 },
    { "23h59m59.999s", 86399999 },
    { "366d", 31622400000 },
    { "31622400", 31622400000 },
    { "1795237200", 0 },
    { "1795237260", 60000 },
    { "1795237260.25", 60250 },
    { "1795237199", 0 },
    { "1795233600", 0 },
    { "1795237200001", 1 },
    { "1795237260000", 60000 },
    { "1826859600", 31622400000 },
    { "2026-11-21T05:00:00Z", 0 },
    { "2026-11-21T05:00:00.999Z", 999 },
    { "2026-11-21T05:00:00.123456789Z", 123 },
    { "2026-11-21t05:01:00z", 60000 },
    { "2026-11-21T06:01:00+01:00", 60000 },
    { "2026-11-20T23:31:00-05:30", 60000 },
    { "2026-11-21T04:59:00Z", 0 },
    { "2026-12-01T00:00:00Z", 845999999 + 1 },
    { "2027-02-28T23:59:60Z", 8622000000 },
    { "2027-11-21T05:00:00Z", 31536000000 },

    { "", -1 },
    { "s", -1 },
    { "-1", -1 },
    { "-1s", -1 },
    { "1w", -1 },
    { "1S", -1 },
    { "1 s", -1 },
    { "1s ", -1 },
    { "1s2", -1 },
    { "1m-2s", -1 },
    { "1ss", -1 },
    { "1.s", -1 },
    { "367d", -1 },
    { "366d1ms", -1 },
    { "9999999999h", -1 },
    { "999999999999999h", -1 },
    { "200d200d", -1 },
    { "31622401", -1 },
    { "999999999", -1 },
    { "1795233599", -1 },
    { "1000000000", -1 },
    { "1826859601", -1 },
    { "1795237260000000", -1 },
    { "99999999999999999999", -1 },
    { "2026-11-21", -1 },
    { "2026-11-21T05:00:00", -1 },
    { "2026-11-21 05:00:00Z", -1 },
    { "2026-11-21T05:00:00.Z", -1 },
    { "2026-11-21T05:00:00.5", -1 },
    { "2026-11-21T05:00:00ZZ", -1 },
    { "2026-11-21T05:00:00+0100", -1 },
    { "2026-11-21T05:00:00+24:00", -1 },
    { "2026-11-21T05:00:00+01:60", -1 },
    { "2026-11-21T24:00:00Z", -1 },
    { "2026-11-21T05:60:00Z", -1 },
    { "2026-11-21T05:00:61Z", -1 },
    { "2026-13-21T05:00:00Z", -1 },
    { "2026-00-21T05:00:00Z", -1 },
    { "2026-11-00T05:00:00Z", -1 },
    { "2026-11-32T05:00:00Z", -1 },
    { "2026-1-121T05:00:00Z", -1 },
    { "1969-11-21T05:00:00Z", -1 },
    { "2024-04-07T07:31:00Z", -1 },
    { "2099-11-21T05:00:00Z", -1 },
    { "9999-12-31T23:59:59Z", -1 },
    { "Sat, 21 Nov 2026 05:00:00 GMT", -1 }
};


#endif /* _HEADERS_SETS_H_INCLUDED_ */
