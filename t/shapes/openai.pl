# OpenAI's APIs and their alikes: errors in a stream, what comes before and
# after the answer, usage that nobody asked for.

package LLM::Shapes::Openai;

use strict;
use warnings;

use LLM::Shapes qw(named sse);

my %chat = (path => '/v1/chat/completions');
my %responses = (path => '/v1/responses',
                 request => '{"model":"gpt-x","stream":true,"input":"hi"}');

sub chunk {
    my ($delta, $finish, $more) = @_;

    return '{"id":"c1","object":"chat.completion.chunk","created":1,"model":'
           . '"m-1","choices":[{"index":0,"delta":{' . $delta
           . '},"finish_reason":' . ($finish ? qq("$finish") : 'null') . '}]'
           . ($more || '') . '}';
}

sub text { return chunk(qq("content":"$_[0]")) }

my @said = (chunk('"role":"assistant","content":""'), text('Hello'),
            text(' there'));
my %said = (model => 'm-1', id => 'c1', content => 2, first => 1);
my $usage = ',"usage":{"prompt_tokens":9,"completion_tokens":3,'
            . '"total_tokens":12}';

sub error { return '{"error":{' . $_[0] . '}}' }

sub whole {
    my ($more) = @_;

    return '{"id":"c1","object":"chat.completion","model":"m-1","choices":['
           . '{"index":0,"message":{"role":"assistant","content":"Hello"},'
           . '"finish_reason":"stop"}]' . $more . '}';
}

sub event {
    my ($type, $more) = @_;

    return [$type, qq({"type":"$type","sequence_number":1$more})];
}

my @created = (
    event('response.created', ',"response":{"id":"resp_1","model":"gpt-x-1",'
          . '"status":"in_progress","usage":null}'),
    event('response.output_item.added', ',"output_index":0,"item":{"type":'
          . '"message","id":"msg_1"}'),
    event('response.output_text.delta', ',"delta":"Hello"'),
);
my %created = (model => 'gpt-x-1', id => 'resp_1', first => 2,
               operation => 'responses');

return (
    # SGLang: sgl-project/sglang:python/sglang/srt/entrypoints/openai/
    # protocol.py (UsageInfo, ErrorResponse); an error in a stream is
    # ErrorResponse below "error" (serving_base.py,
    # create_streaming_error_response), in a plain body it stands flat

    { name => 'sglang-usage', %chat,
      title => 'SGLang counts reasoning in the usage itself',
      body => sse(@said, chunk('', 'stop'),
                  '{"id":"c1","model":"m-1","choices":[],"usage":'
                  . '{"prompt_tokens":20,"total_tokens":60,'
                  . '"completion_tokens":40,"prompt_tokens_details":'
                  . '{"cached_tokens":16},"reasoning_tokens":30}}',
                  '[DONE]'),
      expect => { %said, finish => 'stop', class => 'stop', input => 20,
                  output => 40, reasoning => 30, cache_read => 16,
                  events => 6 } },
    { name => 'sglang-error', %chat,
      body => sse(@said, error('"object":"error","message":"no memory",'
                  . '"type":"InternalServerError","param":null,"code":500'),
                  '[DONE]'),
      expect => { %said, outcome => 'error', error_type => 'server_error',
                  finish => '', events => 5, usage => 'estimated' } },
    { name => 'sglang-error-whole', %chat, type => 'application/json',
      body => '{"object":"error","message":"too long","type":'
              . '"BadRequestError","param":null,"code":400}',
      expect => { outcome => 'error', error_type => 'invalid_request',
                  stream => 0 } },
    { name => 'sglang-abort', %chat,
      title => 'an answer that the server gave up',
      body => sse(@said, chunk('', 'abort'), '[DONE]'),
      expect => { %said, outcome => 'error', error_type => 'other',
                  finish => 'abort', class => 'other',
                  usage => 'estimated' } },

    # Fireworks: fw-ai-external/python-sdk:src/fireworks/types/chat/
    # chat_completion_chunk.py, resources/chat/completions.py
    # (perf_metrics_in_response)

    { name => 'fireworks-stream', %chat,
      title => 'Fireworks: usage unasked, and what it took',
      body => sse(@said, chunk('', 'stop', $usage . ',"perf_metrics":'
                  . '{"prompt-tokens":9,"cached-prompt-tokens":8,'
                  . '"server-time-to-first-token":0.11,'
                  . '"server-processing-time":0.25}'), '[DONE]'),
      expect => { %said, finish => 'stop', input => 9, output => 3,
                  events => 5 } },

    # DeepSeek: api-docs.deepseek.com/quick_start/rate_limit

    { name => 'deepseek-blank-lines', %chat, type => 'application/json',
      title => 'blank lines before a plain body',
      body => "\n" x 40 . "\r\n \n" . whole($usage),
      expect => { stream => 0, finish => 'stop', input => 9, output => 3,
                  model => 'm-1', id => 'c1' } },
    { name => 'deepseek-blank-only', %chat, type => 'application/json',
      title => 'blank lines, and then nothing', body => "\n\n\n",
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  stream => 0, undecided => 1 } },
    { name => 'deepseek-comments', %chat,
      body => ": keep-alive\n\n" x 5 . sse($said[0]) . ": keep-alive\n\n"
              . sse(@said[1, 2], chunk('', 'stop', $usage), '[DONE]'),
      expect => { %said, finish => 'stop', input => 9, output => 3,
                  events => 5 } },
    { name => 'deepseek-resources', %chat,
      title => 'DeepSeek ends early for want of resources',
      body => sse(@said, chunk('', 'insufficient_system_resource', $usage),
                  '[DONE]'),
      expect => { %said, outcome => 'error', error_type => 'overloaded',
                  finish => 'insufficient_system_resource', input => 9,
                  output => 3 } },

    # Groq: pydantic/pydantic-ai:tests/models/cassettes/test_groq/
    # test_tool_use_failed_error_streaming.yaml; groq/groq-python:src/groq/
    # types/chat/chat_completion_chunk.py (XGroq.error)

    { name => 'groq-error', %chat,
      title => 'an event by the name of error, and no [DONE]',
      body => sse(@said) . named(['error', error('"message":"Tool call '
              . 'validation failed","type":"invalid_request_error","code":'
              . '"tool_use_failed","failed_generation":"{}","status_code":400'
              )]),
      expect => { %said, outcome => 'error', finish => '', events => 4,
                  error_type => 'invalid_request', usage => 'estimated' } },
    { name => 'groq-error-bare', %chat,
      title => 'whatever stands in it',
      body => sse(@said) . named(['error', '"gone"']),
      expect => { %said, outcome => 'error', error_type => 'other',
                  events => 4, usage => 'estimated' } },
    { name => 'groq-x-error', %chat,
      title => 'why a stream was stopped, in x_groq',
      body => sse(@said, '{"id":"c1","model":"m-1","choices":[],"x_groq":'
                  . '{"id":"req","error":"over capacity"}}', '[DONE]'),
      expect => { %said, outcome => 'error', error_type => 'other',
                  usage => 'estimated' } },
    { name => 'groq-usage', %chat,
      title => 'usage in x_groq alone',
      body => sse(@said, chunk('', 'stop', ',"x_groq":{"id":"req","usage":'
                  . '{"prompt_tokens":9,"completion_tokens":3,'
                  . '"total_tokens":12,"total_time":0.1}}'), '[DONE]'),
      expect => { %said, finish => 'stop', input => 9, output => 3 } },

    # OpenRouter: openrouter.ai/docs/api/reference/errors-and-debugging;
    # pydantic/pydantic-ai:tests/models/cassettes/test_openrouter/
    # test_openrouter_stream_error.yaml

    { name => 'openrouter-error', %chat,
      title => 'an error with choices, usage and [DONE]',
      body => ": OPENROUTER PROCESSING\n\n" x 3
              . sse(@said, '{"id":"c1","model":"m-1","error":{"code":502,'
                    . '"message":"Provider disconnected","metadata":{}},'
                    . '"choices":[{"index":0,"delta":{"content":""},'
                    . '"finish_reason":"error"}]' . $usage . '}', '[DONE]'),
      expect => { %said, outcome => 'error', error_type => 'upstream',
                  finish => 'error', input => 9, output => 3,
                  events => 5 } },
    (map { my ($code, $class) = @$_;
        { name => "openrouter-$code", %chat, type => 'application/json',
          body => error(qq("code":$code,"message":"x")),
          expect => { outcome => 'error', error_type => $class,
                      stream => 0 } } }
        [402, 'rate_limit'], [408, 'timeout'], [429, 'rate_limit'],
        [502, 'upstream'], [503, 'overloaded']),
    { name => 'openrouter-choice-error', %chat, type => 'application/json',
      title => 'an error of a choice',
      body => '{"id":"c1","model":"m-1","choices":[{"index":0,"message":'
              . '{"content":"Hel"},"finish_reason":"error","error":{"code":'
              . '502,"message":"x"}}]' . $usage . '}',
      expect => { outcome => 'error', error_type => 'upstream', stream => 0,
                  finish => 'error', input => 9, output => 3 } },

    # Mistral: mistralai/client-python:src/mistralai/client/models/
    # completionresponsestreamchoice.py; docs.mistral.ai/api (errors)

    { name => 'mistral-flat', %chat, type => 'application/json',
      title => 'a flat error', status => 400,
      body => '{"object":"error","message":"bad","type":'
              . '"invalid_request_error","param":null,"code":"1500"}',
      expect => { outcome => 'error', error_type => 'invalid_request',
                  stream => 0 } },
    { name => 'mistral-flat-event', %chat,
      body => sse(@said, '{"object":"error","message":"busy","type":'
                  . '"rate_limit_error","code":"1300"}'),
      expect => { %said, outcome => 'error', error_type => 'rate_limit',
                  usage => 'estimated' } },
    { name => 'mistral-finish', %chat,
      title => 'a finish reason that is an error',
      body => sse(@said, chunk('"content":""', 'error', $usage), '[DONE]'),
      expect => { %said, outcome => 'error', error_type => 'other',
                  finish => 'error', input => 9, output => 3 } },
    { name => 'mistral-detail', %chat, type => 'application/json',
      status => 422, body => '{"detail":[{"type":"extra_forbidden"}]}',
      expect => { outcome => 'error', error_type => 'invalid_request',
                  stream => 0 } },

    # any: an error in words (openai/openai-python:src/openai/_streaming.py)

    { name => 'chat-error-words', %chat,
      body => sse(@said, '{"error":"out of memory"}'),
      expect => { %said, outcome => 'error', error_type => 'other',
                  usage => 'estimated' } },
    { name => 'chat-error-null', %chat,
      title => 'no error is no error',
      body => sse(text('Hello'), chunk('', 'stop', $usage . ',"error":null'),
                  '[DONE]'),
      expect => { finish => 'stop', input => 9, output => 3, first => 0 } },
    { name => 'chat-error-empty', %chat,
      body => sse(text('Hello'), chunk('', 'stop', $usage . ',"error":""'),
                  '[DONE]'),
      expect => { finish => 'stop', input => 9, output => 3 } },
    { name => 'tgi-chat-error', %chat,
      title => 'text-generation-inference tells a status',
      body => sse(@said, error('"message":"Incomplete generation",'
                               . '"http_status_code":422')),
      expect => { %said, outcome => 'error', usage => 'estimated',
                  error_type => 'invalid_request' } },

    # Azure: learn.microsoft.com/azure/ai-services/openai/concepts/
    # content-streaming

    { name => 'azure-opener', type => 'text/event-stream',
      path => '/openai/deployments/mini/chat/completions?api-version=1',
      title => 'Azure begins without choices and model',
      request => '{"stream":true,"messages":[]}',
      body => sse('{"choices":[],"created":0,"id":"","model":"","object":"",'
                  . '"prompt_filter_results":[{"prompt_index":0,'
                  . '"content_filter_results":{"hate":{"filtered":false}}}]}',
                  @said, chunk('', 'stop'),
                  '{"id":"","model":"","choices":[{"index":0,"finish_reason":'
                  . 'null,"content_filter_results":{},"content_filter_offsets"'
                  . ':{"check_offset":44}}]}', '[DONE]'),
      expect => { %said, provider => 'azure.ai.openai', first => 2,
                  asked => 'mini',
                  finish => 'stop', events => 7, usage => 'estimated' } },
    { name => 'azure-filter-midway', path => '/openai/deployments/mini/chat'
              . '/completions',
      body => sse(@said, chunk('', 'content_filter'), '[DONE]'),
      expect => { %said, finish => 'content_filter',
                  class => 'content_filter', usage => 'estimated' } },
    { name => 'azure-filter-prompt', path => '/openai/deployments/mini/chat'
              . '/completions',
      status => 400, type => 'application/json',
      body => error('"message":"x","type":null,"param":"prompt","code":'
                    . '"content_filter","status":400,"innererror":{"code":'
                    . '"ResponsibleAIPolicyViolation"}'),
      expect => { outcome => 'error', error_type => 'content_filter',
                  stream => 0 } },

    # Responses: openai/openai-python:src/openai/types/responses/
    # response_error_event.py, response_error.py

    { name => 'responses-error', %responses,
      title => 'an error event, and then nothing',
      body => named(@created, event('error', ',"code":"rate_limit_exceeded",'
                    . '"message":"slow down","param":null')),
      expect => { %created, outcome => 'error', error_type => 'rate_limit',
                  events => 4, usage => 'estimated' } },
    { name => 'responses-error-nested', %responses,
      title => 'an error event that nests',
      body => named(@created, ['error', '{"type":"error","error":{"type":'
                    . '"service_unavailable_error","code":'
                    . '"server_is_overloaded","message":"x"}}']),
      expect => { %created, outcome => 'error', error_type => 'overloaded',
                  usage => 'estimated' } },
    (map { my ($code, $class) = @$_;
        { name => "responses-$code", %responses,
          title => "response.failed: $code",
          body => named(@created, event('response.failed', ',"response":'
                  . '{"id":"resp_1","model":"gpt-x-1","status":"failed",'
                  . qq("error":{"code":"$code","message":"x"},)
                  . '"usage":null}')),
          expect => { %created, outcome => 'error', error_type => $class,
                      finish => 'failed', class => 'other', events => 4,
                      usage => 'estimated' } } }
        ['server_error', 'server_error'],
        ['rate_limit_exceeded', 'rate_limit'],
        ['invalid_prompt', 'invalid_request'],
        ['vector_store_timeout', 'timeout'],
        ['image_content_policy_violation', 'content_filter'],
        ['bio_policy', 'content_filter'],
        ['image_too_large', 'invalid_request'],
        ['failed_to_download_image', 'invalid_request'],
        ['moon_phase', 'other']),
    { name => 'responses-error-and-failed', %responses,
      title => 'both are one error',
      body => named(@created, event('error', ',"code":"server_error",'
                    . '"message":"x"'),
                    event('response.failed', ',"response":{"status":"failed",'
                    . '"error":{"code":"server_error","message":"x"}}')),
      expect => { %created, outcome => 'error', finish => 'failed',
                  error_type => 'server_error', usage => 'estimated' } },
    { name => 'responses-filtered', %responses,
      body => named(@created, event('response.incomplete', ',"response":'
              . '{"status":"incomplete","incomplete_details":{"reason":'
              . '"content_filter"},"usage":{"input_tokens":5,'
              . '"output_tokens":2,"total_tokens":7}}')),
      expect => { %created, finish => 'incomplete',
                  class => 'content_filter', input => 5, output => 2 } },
    { name => 'responses-failed-whole', %responses,
      type => 'application/json',
      body => '{"id":"resp_1","object":"response","status":"failed","error":'
              . '{"code":"server_error","message":"x"},"model":"gpt-x-1",'
              . '"output":[],"usage":null}',
      expect => { outcome => 'error', error_type => 'server_error',
                  stream => 0, finish => 'failed', model => 'gpt-x-1' } },
    { name => 'responses-cut', %responses,
      body => named(@created),
      expect => { %created, outcome => 'incomplete',
                  error_type => 'upstream', usage => 'estimated' } },

    # watsonx: cloud.ibm.com/apidocs/watsonx-ai#text-chat-stream; Workers AI:
    # cloudflare/cloudflare-python:src/cloudflare/types/ai/ai_run_response.py,
    # developers.cloudflare.com/workers-ai/features/streaming

    { name => 'watsonx-stream', path => '/ml/v1/text/chat_stream?version=1',
      request => '{"model_id":"ibm/granite","messages":[{"role":"user",'
                 . '"content":"hi"}]}',
      body => join('', map { "id: $_->[0]\nevent: message\ndata: $_->[1]\n\n" }
              [1, '{"id":"c1","model_id":"ibm/granite","model":'
                  . '"ibm/granite-x","choices":[{"index":0,"finish_reason":'
                  . 'null,"delta":{"role":"assistant","content":"Hello"}}]}'],
              [2, '{"id":"c1","model":"ibm/granite-x","choices":[{"index":0,'
                  . '"finish_reason":"stop","delta":{"content":""}}]}'],
              [3, '{"id":"c1","choices":[]' . $usage . '}']),
      expect => { operation => 'chat', provider => 'ibm.watsonx.ai',
                  model => 'ibm/granite-x', finish => 'stop', input => 9,
                  output => 3, content => 1, first => 0, events => 3 } },
    { name => 'watsonx-error', path => '/ml/v1/text/chat?version=1',
      type => 'application/json', status => 404,
      body => '{"errors":[{"code":"model_not_supported","message":"x"}],'
              . '"trace":"t","status_code":404}',
      expect => { outcome => 'error', error_type => 'not_found',
                  stream => 0 } },
    { name => 'watsonx-error-event', path => '/ml/v1/text/chat_stream',
      body => sse(@said) . named(['error', '{"errors":[{"code":'
              . '"internal_error","message":"x"}],"status_code":500}']),
      expect => { %said, outcome => 'error', error_type => 'server_error',
                  usage => 'estimated' } },
    { name => 'workers-ai-stream',
      request => '{"stream":true,"messages":[]}', path => '/client/v4/accounts/a/ai/run/'
              . '@cf/meta/llama-3.1-8b-instruct',
      body => sse('{"response":"Hello","p":"abcd"}',
                  '{"response":" there","p":"ab"}',
                  '{"response":"","usage":{"prompt_tokens":11,'
                  . '"completion_tokens":4,"total_tokens":15}}', '[DONE]'),
      expect => { operation => 'chat', provider => 'cloudflare',
                  asked => '@cf/meta/llama-3.1-8b-instruct', input => 11,
                  output => 4, events => 4, content => 2, first => 0 } },
    { name => 'workers-ai-whole', path => '/client/v4/accounts/a/ai/run/'
              . '@cf/meta/llama-3.1-8b-instruct', type => 'application/json',
      body => '{"result":{"response":"Hello","tool_calls":[{"name":"f",'
              . '"arguments":{"a":1}}],"usage":{"prompt_tokens":11,'
              . '"completion_tokens":4,"total_tokens":15}},"success":true,'
              . '"errors":[],"messages":[]}',
      expect => { stream => 0, input => 11, output => 4, tools => 1 } },
    { name => 'workers-ai-error', path => '/client/v4/accounts/a/ai/run/@cf/x',
      type => 'application/json',
      body => '{"result":{},"success":false,"errors":[{"code":7009,'
              . '"message":"Upstream service unavailable"}],"messages":[]}',
      expect => { outcome => 'error', error_type => 'other', stream => 0 } },
);
