# Servers of one's own, in their own APIs.

package LLM::Shapes::Servers;

use strict;
use warnings;

use LLM::Shapes qw(lines named sse);

# text-generation-inference: huggingface/text-generation-inference:
# router/src/lib.rs (StreamResponse, GenerateResponse, ErrorResponse),
# router/src/infer/mod.rs (InferError.error_type), router/src/server.rs.
# "data:" without a blank: docs/source/basic_tutorials/
# visual_language_models.md

my %tgi = (path => '/generate_stream', request => '{"inputs":"hello"}');
my %tgi_whole = (path => '/generate', type => 'application/json',
                 request => '{"inputs":"hello"}');

sub token {
    my ($n, $text, $end) = @_;

    return qq({"index":$n,"token":{"id":$n,"text":"$text","logprob":-0.1,)
           . '"special":false},' . ($end || '"generated_text":null,'
                                    . '"details":null') . '}';
}

sub bare { return join '', map { "data:$_\n\n" } @_ }

my $details = '"generated_text":"Hello there","details":{"finish_reason":'
              . '"length","generated_tokens":3,"seed":null,"input_length":7}';

# SGLang: sgl-project/sglang:python/sglang/srt/entrypoints/http_server.py
# (generate_request), managers/tokenizer_manager.py (meta_info)

my %sglang = (path => '/generate',
              request => '{"text":"hello","stream":true}');

sub meta {
    my ($n, $why) = @_;

    return '"meta_info":{"id":"s1","finish_reason":' . ($why || 'null')
           . qq(,"prompt_tokens":5,"completion_tokens":$n,"cached_tokens":2,)
           . '"weight_version":"default","e2e_latency":0.5}';
}

# LM Studio: lmstudio-ai/docs:1_developer/2_rest/streaming-events.md, chat.md

my %lmstudio = (path => '/api/v1/chat',
                request => '{"model":"granite","input":"hi","stream":true}');

sub lm {
    my ($type, $more) = @_;

    return [$type, qq({"type":"$type") . ($more || '') . '}'];
}

my $stats = '"stats":{"input_tokens":329,"total_output_tokens":268,'
            . '"reasoning_output_tokens":5,"tokens_per_second":43.7,'
            . '"time_to_first_token_seconds":0.78}';
my @lm = (lm('chat.start', ',"model_instance_id":"ibm/granite"'),
          lm('prompt_processing.start'),
          lm('prompt_processing.progress', ',"progress":0.5'),
          lm('prompt_processing.end'), lm('reasoning.start'),
          lm('reasoning.delta', ',"content":"Need to"'),
          lm('reasoning.end'));
my @lm_said = (@lm, lm('message.start'),
               lm('message.delta', ',"content":"The current"'),
               lm('message.end'));

sub lm_end {
    return lm('chat.end', ',"result":{"model_instance_id":"ibm/granite",'
              . '"output":[{"type":"reasoning","content":"Need to"},'
              . '{"type":"message","content":"The current"}],'
              . ($_[0] || $stats) . ',"response_id":"resp_1"}');
}

my %lm = (model => 'ibm/granite', id => 'resp_1', first => 5, input => 329,
          output => 268, reasoning => 5);

# llama.cpp: ggml-org/llama.cpp:tools/server/README.md (POST /completion),
# tools/server/server-task.cpp (to_json_non_oaicompat, format_error_response).
# Before github.com/ggml-org/llama.cpp/pull/16109 an error of a stream stood
# in a field "error".

my %llama = (path => '/completion', request => '{"prompt":"hello","stream":'
             . 'true,"n_predict":8}');

sub piece {
    my ($text, $n) = @_;

    return qq({"index":0,"content":"$text","tokens":[1],"stop":false,)
           . qq("id_slot":-1,"tokens_predicted":$n,"tokens_evaluated":6});
}

sub final {
    my ($text, $why) = @_;

    return qq({"index":0,"content":"$text","tokens":[],"id_slot":0,"stop":)
           . 'true,"model":"qwen","tokens_predicted":4,"tokens_evaluated":6,'
           . '"generation_settings":{"n_predict":8,"stop":[],"model":"no"},'
           . '"prompt":"hello","has_new_line":false,"truncated":false,'
           . qq("stop_type":"$why","stopping_word":"","tokens_cached":9,)
           . '"timings":{"cache_n":2,"prompt_n":4,"prompt_ms":1.5,'
           . '"predicted_n":4,"predicted_ms":20.1}}';
}

my %final = (model => 'qwen', input => 6, output => 4, cache_read => 2);

# Ollama: ollama/ollama:docs/api/errors.mdx, docs/api/streaming.mdx,
# api/types.go, server/routes.go (streamResponse)

my %ollama = (path => '/api/chat', type => 'application/x-ndjson',
              request => '{"model":"gemma","messages":[{"role":"user",'
                         . '"content":"hello"}]}');

sub line {
    my ($message, $more) = @_;

    return '{"model":"gemma","created_at":"2025-10-26T17:21:21Z","message":'
           . '{"role":"assistant",' . $message . '},'
           . ($more || '"done":false') . '}';
}

my @lines = (line('"content":"Yes"'), line('"content":", so"'));
my $done = line('"content":""', '"done":true,"done_reason":"stop",'
                . '"total_duration":5000000,"load_duration":1,'
                . '"prompt_eval_count":26,"prompt_eval_duration":1,'
                . '"eval_count":4,"eval_duration":2');
my %done = (model => 'gemma', finish => 'stop', input => 26, output => 4);

return (
    { name => 'tgi-stream', %tgi,
      body => bare(token(1, 'Hello'), token(2, ' there'),
                   token(3, '', $details)),
      expect => { operation => 'text_completion', provider => 'tgi',
                  finish => 'length', class => 'length', input => 7,
                  output => 3, content => 2, first => 0, events => 3 } },
    { name => 'tgi-eos', %tgi,
      title => 'no details were asked for',
      body => bare(token(1, 'Hello'), token(2, ' there',
                   '"generated_text":"Hello there","details":null')),
      expect => { usage => 'estimated', content => 2 } },
    (map { my ($type, $class) = @$_;
        { name => "tgi-$type", %tgi,
          body => bare(token(1, 'Hello'),
                       qq({"error":"Sorry","error_type":"$type"})),
          expect => { outcome => 'error', error_type => $class, events => 2,
                      content => 1, usage => 'estimated' } } }
        ['generation', 'server_error'], ['overloaded', 'overloaded'],
        ['validation', 'invalid_request'],
        ['incomplete_generation', 'server_error'],
        ['incomplete_generation_stream', 'server_error'],
        ['template_error', 'invalid_request'],
        ['tool_error', 'invalid_request']),
    { name => 'tgi-cut', %tgi, body => bare(token(1, 'Hello')),
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  usage => 'estimated' } },
    { name => 'tgi-whole', %tgi_whole,
      body => '{"generated_text":"Hello there","details":{"finish_reason":'
              . '"eos_token","generated_tokens":3,"seed":null,"prefill":[],'
              . '"tokens":[{"id":1,"text":"Hello"}],"best_of_sequences":[]}}',
      expect => { stream => 0, finish => 'eos_token', class => 'stop',
                  output => 3, usage => 'estimated' } },
    { name => 'tgi-429', %tgi_whole, status => 429,
      body => '{"error":"Model is overloaded","error_type":"overloaded"}',
      expect => { stream => 0, outcome => 'error',
                  error_type => 'overloaded' } },
    { name => 'tgi-424', %tgi_whole, status => 424,
      body => '{"error":"CUDA","error_type":"generation"}',
      expect => { stream => 0, outcome => 'error',
                  error_type => 'server_error' } },

    { name => 'sglang-stream', %sglang,
      title => 'SGLang repeats all text so far',
      body => sse('{"text":"Hello","output_ids":[1],' . meta(1) . '}',
                  '{"text":"Hello there","output_ids":[1,2],' . meta(2) . '}',
                  '{"text":"Hello there","output_ids":[1,2],'
                  . meta(3, '{"type":"stop","matched":2}') . '}', '[DONE]'),
      expect => { finish => 'stop', class => 'stop', input => 5, output => 3,
                  cache_read => 2, id => 's1', first => 0, events => 4 } },
    { name => 'sglang-stream-error', %sglang,
      body => sse('{"text":"Hello","output_ids":[1],' . meta(1) . '}',
                  '{"error":{"message":"The input is longer"}}', '[DONE]'),
      expect => { outcome => 'error', error_type => 'other', input => 5,
                  output => 1, events => 3 } },
    { name => 'sglang-stream-abort', %sglang,
      body => sse('{"text":"Hello","output_ids":[1],' . meta(1,
                  '{"type":"abort","message":"x","status_code":503,'
                  . '"err_type":"ServiceUnavailable"}') . '}', '[DONE]'),
      expect => { outcome => 'error', error_type => 'overloaded',
                  finish => 'abort', input => 5, output => 1 } },
    { name => 'sglang-whole', %sglang, type => 'application/json',
      request => '{"text":"hello"}',
      body => '{"text":"Hello there","output_ids":[1,2],'
              . meta(9, '{"type":"length","length":9}') . '}',
      expect => { stream => 0, finish => 'length', class => 'length',
                  input => 5, output => 9, cache_read => 2, id => 's1' } },

    { name => 'lmstudio-stream', %lmstudio,
      body => named(@lm_said, lm_end()),
      expect => { %lm, operation => 'chat', provider => 'lmstudio',
                  events => 11, content => 2, tools => 0 } },
    { name => 'lmstudio-loads', %lmstudio,
      title => 'the model is loaded first',
      body => named(lm('model_load.start', ',"model_instance_id":'
                       . '"ibm/granite"'),
                    lm('model_load.progress', ',"model_instance_id":'
                       . '"ibm/granite","progress":0.65'),
                    lm('model_load.end', ',"model_instance_id":"ibm/granite",'
                       . '"load_time_seconds":12.34'), @lm_said, lm_end()),
      expect => { %lm, first => 8, content => 2 } },
    { name => 'lmstudio-tool', %lmstudio,
      title => 'a tool that LM Studio calls itself',
      body => named(@lm, lm('tool_call.start', ',"tool":"model_search",'
                    . '"provider_info":{"type":"ephemeral_mcp"}'),
                    lm('tool_call.arguments', ',"tool":"model_search",'
                    . '"arguments":{"limit":1},"provider_info":{"type":"x"}'),
                    lm('tool_call.success', ',"tool":"model_search",'
                    . '"arguments":{"limit":1},"output":"[]",'
                    . '"provider_info":{"type":"ephemeral_mcp"}'),
                    lm('message.delta', ',"content":"The"'), lm_end()),
      expect => { %lm, events => 12, content => 4, tools => 1 } },
    { name => 'lmstudio-bad-tool', %lmstudio,
      body => named(@lm, lm('tool_call.start', ',"tool":"open_browser"'),
                    lm('tool_call.failure', ',"reason":"no such tool",'
                    . '"metadata":{"type":"invalid_name","tool_name":"x"}'),
                    lm_end()),
      expect => { %lm, content => 2, tools => 1 } },
    { name => 'lmstudio-error', %lmstudio,
      title => 'an error, and then chat.end',
      body => named(@lm_said, lm('error', ',"error":{"type":"internal_error",'
                    . '"message":"x","code":"boom"}'), lm_end()),
      expect => { %lm, outcome => 'error', error_type => 'server_error',
                  events => 12 } },
    (map { my ($type, $class) = @$_;
        { name => "lmstudio-$type", %lmstudio,
          body => named($lm[0], lm('error', qq(,"error":{"type":"$type",)
                        . '"message":"x","param":"model"}'),
                        lm_end('"stats":{"input_tokens":0,'
                               . '"total_output_tokens":0}')),
          expect => { outcome => 'error', error_type => $class, events => 3,
                      first => undef, input => 0, output => 0 } } }
        ['invalid_request', 'invalid_request'],
        ['model_not_found', 'not_found'], ['job_not_found', 'not_found'],
        ['not_implemented', 'invalid_request'],
        ['mcp_connection_error', 'upstream'],
        ['plugin_connection_error', 'upstream'], ['unknown', 'other']),
    { name => 'lmstudio-cut', %lmstudio, body => named(@lm_said),
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  model => 'ibm/granite', usage => 'estimated' } },
    { name => 'lmstudio-whole', %lmstudio, type => 'application/json',
      request => '{"model":"granite","input":"hi"}',
      body => '{"model_instance_id":"ibm/granite","output":[{"type":'
              . '"tool_call","tool":"model_search","arguments":{"limit":1},'
              . '"output":"...","provider_info":{"type":"plugin"}},{"type":'
              . '"invalid_tool_call","reason":"x","metadata":{}},{"type":'
              . '"message","content":"Hello"}],' . $stats
              . ',"response_id":"resp_1"}',
      expect => { stream => 0, model => 'ibm/granite', id => 'resp_1',
                  input => 329, output => 268, reasoning => 5,
                  tools => 2 } },

    { name => 'llama-stream', %llama,
      body => sse(piece('Hello', 1), piece(' there', 2)) . ": ping\n\n"
              . sse(final('', 'eos')),
      expect => { %final, operation => 'text_completion',
                  provider => 'llama.cpp', finish => 'eos', class => 'stop',
                  content => 2, first => 0, events => 3 } },
    (map { my ($why, $class) = @$_;
        { name => "llama-$why", %llama,
          body => sse(piece('Hello', 1), final('', $why)),
          expect => { %final, finish => $why, class => $class } } }
        ['limit', 'length'], ['word', 'stop']),
    { name => 'llama-whole', %llama, type => 'application/json',
      request => '{"prompt":"hello"}', body => final('Hello there', 'limit'),
      expect => { %final, stream => 0, finish => 'limit' } },
    { name => 'llama-progress', %llama,
      title => 'progress of the prompt is no content',
      body => sse('{"index":0,"content":"","tokens":[],"stop":false,'
                  . '"prompt_progress":{"total":9,"cache":0,"processed":4,'
                  . '"time_ms":1}}', piece('Hello', 1), final('', 'eos')),
      expect => { %final, finish => 'eos', content => 1, first => 1 } },
    { name => 'llama-error', %llama,
      body => sse(piece('Hello', 1), '{"error":{"code":500,"message":"x",'
                  . '"type":"server_error"}}'),
      expect => { outcome => 'error', error_type => 'server_error',
                  events => 2, usage => 'any' } },
    { name => 'llama-error-field', %llama,
      title => 'an error in a field of its own',
      body => sse(piece('Hello', 1))
              . qq(error: {"code":500,"message":"x","type":"server_error"}\n)
              . "\n",
      expect => { outcome => 'error', error_type => 'server_error',
                  events => 2, usage => 'any' } },
    { name => 'llama-loading', %llama, type => 'application/json',
      status => 503, body => '{"error":{"code":503,"message":"Loading model",'
                             . '"type":"unavailable_error"}}',
      expect => { outcome => 'error', error_type => 'overloaded',
                  stream => 0 } },
    { name => 'llama-context', %llama, type => 'application/json',
      status => 400, body => '{"error":{"code":400,"message":"x","type":'
                             . '"exceed_context_size_error","n_prompt_tokens"'
                             . ':9000,"n_ctx":4096}}',
      expect => { outcome => 'error', error_type => 'too_large',
                  stream => 0 } },
    { name => 'llama-cut', %llama, body => sse(piece('Hello', 1)),
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  usage => 'any' } },
    { name => 'llama-rerank', path => '/v1/reranking',
      type => 'application/json',
      request => '{"model":"bge","query":"q","documents":["a"]}',
      body => '{"model":"bge","object":"list","usage":{"prompt_tokens":21,'
              . '"total_tokens":21},"results":[{"index":0,'
              . '"relevance_score":0.9}]}',
      expect => { operation => 'rerank', stream => 0, input => 21,
                  output => 0, model => 'bge' } },

    { name => 'ollama-stream', %ollama, body => lines(@lines, $done),
      expect => { %done, operation => 'chat', provider => 'ollama',
                  events => 3, content => 2, first => 0 } },
    { name => 'ollama-error', %ollama,
      title => 'a line with an error ends the stream',
      body => lines(@lines, '{"error":"an error was encountered while '
                            . 'running the model"}'),
      expect => { outcome => 'error', error_type => 'other', events => 3,
                  content => 2, model => 'gemma', usage => 'estimated' } },
    { name => 'ollama-error-first', %ollama, status => 404,
      type => 'application/json', body => '{"error":"model \'x\' not found"}',
      expect => { outcome => 'error', error_type => 'not_found',
                  stream => 0 } },
    { name => 'ollama-cut', %ollama, body => lines(@lines),
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  events => 2, usage => 'estimated' } },
    { name => 'ollama-cut-line', %ollama,
      body => lines(@lines) . substr($done, 0, 60),
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  usage => 'estimated' } },
    { name => 'ollama-unended-line', %ollama,
      title => 'the last line need not end',
      body => lines(@lines) . $done,
      expect => { %done, events => 3 } },
    { name => 'ollama-as-json', %ollama, lines => 1,
      type => 'application/json', title => 'lines that are called JSON',
      body => lines(@lines, $done),
      expect => { %done, events => 3, content => 2, first => 0 } },
    { name => 'ollama-untyped', %ollama, lines => 1, type => undef,
      title => 'lines without a type', body => lines(@lines, $done),
      expect => { %done, events => 3, content => 2 } },
    { name => 'ollama-whole', %ollama, type => 'application/json',
      request => '{"model":"gemma","stream":false,"messages":[]}',
      body => $done =~ s/"content":""/"content":"Yes, so"/r,
      expect => { %done, stream => 0 } },
    { name => 'ollama-thinks', %ollama,
      body => lines(line('"content":"","thinking":"Hm"'), @lines, $done),
      expect => { %done, events => 4, content => 3, first => 0 } },
    { name => 'ollama-tools', %ollama,
      body => lines(line('"content":"","tool_calls":[{"function":{"name":'
                         . '"f","arguments":{"a":1}}},{"function":{"name":'
                         . '"f","arguments":{"a":2}}}]'), $done),
      expect => { %done, content => 1, tools => 2 } },
    { name => 'ollama-generate', %ollama, path => '/api/generate',
      request => '{"model":"gemma","prompt":"hello"}',
      body => lines('{"model":"gemma","created_at":"x","response":"Yes",'
                    . '"done":false}', '{"model":"gemma","created_at":"x",'
                    . '"response":"","done":true,"done_reason":"length",'
                    . '"context":[1,2],"prompt_eval_count":3,"eval_count":1}'),
      expect => { operation => 'text_completion', finish => 'length',
                  input => 3, output => 1, content => 1 } },
    { name => 'ollama-loads', %ollama, lines => 1,
      title => 'a request that only loads the model',
      type => 'application/json', request => '{"model":"gemma"}',
      body => line('"content":""', '"done":true,"done_reason":"load"'),
      expect => { finish => 'load', class => 'other', model => 'gemma',
                  first => undef } },
    { name => 'ollama-embed', type => 'application/json',
      path => '/api/embed', request => '{"model":"minilm","input":["a"]}',
      body => '{"model":"minilm","embeddings":[[0.1]],"total_duration":14,'
              . '"load_duration":1,"prompt_eval_count":8}',
      expect => { operation => 'embeddings', stream => 0, input => 8,
                  output => 0, model => 'minilm' } },
);
