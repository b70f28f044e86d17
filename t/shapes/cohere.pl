# Cohere's chat, and what has input alone: reranking, embeddings, moderation.
#
# Cohere: cohere-ai/cohere-python:src/cohere/types/
# chat_message_end_event_delta.py, chat_finish_reason.py, finish_reason.py,
# chat_stream_end_event.py, usage.py, api_meta.py, rerank_response.py,
# embed_by_type_response.py; docs.cohere.com/v2/docs/streaming.

package LLM::Shapes::Cohere;

use strict;
use warnings;

use LLM::Shapes qw(lines named sse);

my %v2 = (path => '/v2/chat');
my %v1 = (path => '/v1/chat', type => 'application/stream+json',
          request => '{"model":"command-r","message":"hello","stream":true}');
my %json = (type => 'application/json');

sub event {
    my ($type, $more) = @_;

    return [$type, qq({"type":"$type") . ($more || '') . '}'];
}

my @said = (
    event('message-start', ',"id":"co_1","delta":{"message":{"role":'
          . '"assistant","content":[],"tool_plan":"","tool_calls":[]}}'),
    event('content-start', ',"index":0,"delta":{"message":{"content":'
          . '{"type":"text","text":""}}}'),
    event('content-delta', ',"index":0,"delta":{"message":{"content":'
          . '{"text":"Hello"}}}'),
    event('content-end', ',"index":0'),
);
my %said = (id => 'co_1', first => 2);

sub end {
    my ($why, $more) = @_;

    return event('message-end', qq(,"id":"co_1","delta":{"finish_reason":)
                 . qq("$why",) . ($more || '') . '"usage":{"billed_units":'
                 . '{"input_tokens":3.0,"output_tokens":2.0},"tokens":'
                 . '{"input_tokens":68.0,"output_tokens":4.0},'
                 . '"cached_tokens":16.0}}');
}

my %tokens = (input => 68, output => 4, cache_read => 16);
my $answer = '"response":{"response_id":"r","text":"Hello","generation_id":'
             . '"g1","finish_reason":"x","meta":{"api_version":{"version":'
             . '"1"},"billed_units":{"input_tokens":3,"output_tokens":2},'
             . '"tokens":{"input_tokens":68,"output_tokens":4},'
             . '"cached_tokens":16}}';
my @v1 = ('{"is_finished":false,"event_type":"stream-start","generation_id":'
          . '"g1"}',
          '{"is_finished":false,"event_type":"text-generation","text":"Hel"}',
          '{"is_finished":false,"event_type":"text-generation","text":"lo"}');

sub v1_end {
    return qq({"is_finished":true,"event_type":"stream-end","finish_reason":)
           . qq("$_[0]",$answer});
}

return (
    { name => 'cohere-stream', %v2,
      body => named(@said, end('COMPLETE')) . sse('[DONE]'),
      expect => { %said, %tokens, provider => 'cohere', finish => 'COMPLETE',
                  class => 'stop', events => 6, content => 1 } },
    { name => 'cohere-error', %v2,
      title => 'an error at the end of a message',
      body => named(@said, end('ERROR', '"error":"internal failure",')),
      expect => { %said, %tokens, outcome => 'error', error_type => 'other',
                  finish => 'ERROR', events => 5 } },
    { name => 'cohere-error-null', %v2,
      body => named(@said, end('MAX_TOKENS', '"error":null,')),
      expect => { %said, %tokens, finish => 'MAX_TOKENS',
                  class => 'length' } },
    { name => 'cohere-timeout', %v2,
      body => named(@said, end('TIMEOUT')),
      expect => { %said, %tokens, outcome => 'error',
                  error_type => 'timeout', finish => 'TIMEOUT' } },
    { name => 'cohere-tool', %v2,
      body => named($said[0], event('tool-plan-delta', ',"delta":{"message":'
                    . '{"tool_plan":"I will look"}}'),
                    event('tool-call-start', ',"index":0,"delta":{"message":'
                    . '{"tool_calls":{"id":"w1","type":"function","function":'
                    . '{"name":"weather","arguments":""}}}}'),
                    event('tool-call-delta', ',"index":0,"delta":{"message":'
                    . '{"tool_calls":{"function":{"arguments":"{}"}}}}'),
                    event('tool-call-end', ',"index":0'), end('TOOL_CALL')),
      expect => { %tokens, id => 'co_1', finish => 'TOOL_CALL',
                  class => 'tool_calls', content => 3, first => 1,
                  tools => 1 } },
    { name => 'cohere-cut', %v2, body => named(@said),
      expect => { %said, outcome => 'incomplete', error_type => 'upstream',
                  usage => 'estimated' } },
    { name => 'cohere-429', %v2, %json, status => 429,
      body => '{"id":"e1","message":"trial key, 10 calls a minute"}',
      expect => { outcome => 'error', error_type => 'rate_limit',
                  stream => 0 } },

    { name => 'cohere-v1', %v1, body => lines(@v1, v1_end('COMPLETE')),
      expect => { %tokens, id => 'g1', finish => 'COMPLETE', events => 4,
                  content => 2, first => 1, provider => 'cohere' } },
    (map { my ($why, $class) = @$_;
        { name => "cohere-v1-$why", %v1, body => lines(@v1, v1_end($why)),
          expect => { %tokens, outcome => 'error', error_type => $class,
                      finish => $why } } }
        ['ERROR', 'other'], ['ERROR_TOXIC', 'content_filter']),
    { name => 'cohere-v1-full', %v1,
      title => 'ERROR_LIMIT: the context is full, and the answer cut off',
      body => lines(@v1, v1_end('ERROR_LIMIT')),
      expect => { %tokens, finish => 'ERROR_LIMIT', class => 'length' } },
    { name => 'cohere-v1-cut', %v1, body => lines(@v1),
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  usage => 'estimated' } },
    { name => 'cohere-v1-sse', %v1, type => 'text/event-stream',
      title => 'events of version 1 over SSE',
      body => sse(@v1, v1_end('COMPLETE')),
      expect => { %tokens, finish => 'COMPLETE', content => 2 } },

    # reranking: docs.cohere.com/reference/rerank, jina.ai/reranker,
    # voyage-ai/voyageai-python:voyageai/object/reranking.py,
    # openrouter.ai/docs/api (createRerank)

    { name => 'cohere-rerank', %json, path => '/v2/rerank',
      request => '{"model":"rerank-v3.5","query":"q","documents":["a"]}',
      body => '{"id":"rr","results":[{"index":0,"relevance_score":0.9}],'
              . '"meta":{"api_version":{"version":"2"},"billed_units":'
              . '{"search_units":1}}}',
      expect => { operation => 'rerank', stream => 0, id => 'rr',
                  queries => 1, usage => 'any' } },
    { name => 'jina-rerank', %json, path => '/v1/rerank',
      request => '{"model":"jina-reranker","query":"q","documents":["a"]}',
      body => '{"model":"jina-reranker","object":"list","usage":'
              . '{"total_tokens":38},"results":[{"index":0,'
              . '"relevance_score":0.2,"document":{"text":"a"}}]}',
      expect => { operation => 'rerank', stream => 0, input => 38,
                  output => 0, model => 'jina-reranker' } },
    { name => 'voyage-rerank', %json, path => '/v1/rerank',
      request => '{"model":"rerank-2","query":"q","documents":["a"]}',
      body => '{"object":"list","data":[{"relevance_score":0.4,"index":0}],'
              . '"model":"rerank-2","usage":{"total_tokens":26}}',
      expect => { operation => 'rerank', stream => 0, input => 26,
                  output => 0, model => 'rerank-2' } },
    { name => 'openrouter-rerank', %json, path => '/api/v1/rerank',
      request => '{"model":"cohere/rerank-v3.5","query":"q","documents":[]}',
      body => '{"id":"gen-rerank-1","model":"cohere/rerank-v3.5","provider":'
              . '"Cohere","results":[],"usage":{"search_units":2,'
              . '"total_tokens":150}}',
      expect => { operation => 'rerank', stream => 0, input => 150,
                  output => 0, queries => 2 } },
    { name => 'cohere-embed', %json, path => '/v2/embed',
      request => '{"model":"embed-v4.0","texts":["a"]}',
      body => '{"id":"em","embeddings":{"float":[[0.1]]},"texts":["a"],'
              . '"meta":{"api_version":{"version":"2"},"billed_units":'
              . '{"input_tokens":7}},"response_type":"embeddings_by_type"}',
      expect => { operation => 'embeddings', stream => 0, input => 7,
                  output => 0, id => 'em' } },

    # moderation: openai/openai-python:src/openai/types/
    # moderation_create_response.py; Mistral's has a usage (docs.mistral.ai)

    { name => 'openai-moderation', %json, path => '/v1/moderations',
      request => '{"model":"omni-moderation-latest","input":"x"}',
      body => '{"id":"modr-1","model":"omni-moderation-x","results":[{'
              . '"flagged":false,"categories":{"hate":false}}]}',
      expect => { operation => 'moderation', stream => 0, id => 'modr-1',
                  model => 'omni-moderation-x', usage => 'any' } },
    { name => 'mistral-moderation', %json, path => '/v1/moderations',
      request => '{"model":"mistral-moderation-latest","input":"x"}',
      body => '{"id":"m1","model":"mistral-moderation-x","results":[],"usage":'
              . '{"prompt_tokens":5,"total_tokens":5,"completion_tokens":0}}',
      expect => { operation => 'moderation', stream => 0, input => 5,
                  output => 0 } },
);
