# Amazon Bedrock: exceptions in an event stream, frames that are damaged or
# cut, guardrails, lifetimes of caches, embeddings and reranking.
#
# Shapes and statuses: boto/botocore:botocore/data/bedrock-runtime/2023-09-30/
# service-2.json (ConverseStreamOutput, ResponseStream, StopReason, TokenUsage,
# CacheDetail, *Exception).  ":message-type" exception and error, and their
# headers: boto/botocore:botocore/eventstream.py.  Guardrails of InvokeModel:
# Amazon Bedrock User Guide, "Use a guardrail with inference operations".

package LLM::Shapes::Bedrock;

use strict;
use warnings;

use LLM::Frames qw(chunk damaged event exception failure frame);

my $TYPE = 'application/vnd.amazon.eventstream';
my %converse = (type => $TYPE, request => '{"messages":[{"role":"user",'
                . '"content":[{"text":"hello"}]}]}',
                path => '/model/amazon.nova-lite-v1%3A0/converse-stream');
my %invoke = (type => $TYPE, request => '{"anthropic_version":"x",'
              . '"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}',
              path => '/model/anthropic.claude-x/invoke-with-response-stream');

my $start = event('messageStart', '{"role":"assistant"}');
my $usage = '"usage":{"inputTokens":12,"outputTokens":5,"totalTokens":17}';
my $metadata = event('metadata', qq({"metrics":{"latencyMs":300},$usage}));

sub text {
    return event('contentBlockDelta',
                 qq({"contentBlockIndex":0,"delta":{"text":"$_[0]"},"p":"abc"})
                 );
}

sub stop { return event('messageStop', qq({"stopReason":"$_[0]"})) }

my $said = $start . text('Hello') . text(' there');
my @message = (
    chunk('{"type":"message_start","message":{"id":"msg_b","model":"claude-b",'
          . '"usage":{"input_tokens":25,"output_tokens":1}}}'),
    chunk('{"type":"content_block_start","index":0,"content_block":'
          . '{"type":"text","text":""}}'),
    chunk('{"type":"content_block_delta","index":0,"delta":'
          . '{"type":"text_delta","text":"Hello there, my good friend"}}'),
);
my @end = (
    chunk('{"type":"message_delta","delta":{"stop_reason":"end_turn"},'
          . '"usage":{"output_tokens":8}}'),
    chunk('{"type":"message_stop","amazon-bedrock-invocationMetrics":'
          . '{"inputTokenCount":25,"outputTokenCount":8,'
          . '"invocationLatency":700,"firstByteLatency":200}}'),
);

my @EXCEPTIONS = (
    [throttlingException => 'rate_limit'],
    [modelStreamErrorException => 'server_error'],
    [internalServerException => 'server_error'],
    [validationException => 'invalid_request'],
    [serviceUnavailableException => 'overloaded'],
    [modelTimeoutException => 'timeout'],
);

return (
    (map { my ($type, $class) = @$_;
        { name => "converse-$type", %converse,
          body => $said . exception($type, 'Sorry'),
          expect => { outcome => 'error', error_type => $class, events => 4,
                      content => 2, first => 1, finish => '',
                      usage => 'estimated' } },
        { name => "invoke-$type", %invoke,
          body => join('', @message) . exception($type, 'Sorry'),
          expect => { outcome => 'error', error_type => $class, events => 4,
                      content => 1, first => 2, finish => '', input => 25,
                      model => 'claude-b', usage => 'estimated' } } }
        @EXCEPTIONS),
    { name => 'converse-exception-first', %converse,
      title => 'an exception in place of an answer',
      body => exception('throttlingException', 'Too many'),
      expect => { outcome => 'error', error_type => 'rate_limit',
                  asked => 'amazon.nova-lite-v1:0', events => 1,
                  first => undef } },
    { name => 'converse-exception-new', %converse,
      title => 'an exception that nobody knows',
      body => $said . exception('modelMoonException', 'Sorry'),
      expect => { outcome => 'error', error_type => 'other',
                  usage => 'estimated' } },
    { name => 'converse-failure', %converse,
      title => ':message-type "error"',
      body => $said . failure('InternalServerException', 'Sorry'),
      expect => { outcome => 'error', error_type => 'server_error',
                  events => 4, usage => 'estimated' } },
    { name => 'converse-failure-new', %converse,
      body => $said . failure('500', 'Sorry'),
      expect => { outcome => 'error', error_type => 'server_error',
                  usage => 'estimated' } },
    { name => 'converse-header-types', %converse,
      title => 'headers of every type, in any order',
      body => $said . stop('end_turn')
              . frame([['a', [0, '']], ['b', [2, 'x']], ['c', [3, 'xx']],
                       ['d', [4, 'xxxx']], ['e', [5, 'x' x 8]],
                       ['f', [6, pack('n/a*', 'bytes')]],
                       ['g', [8, 'x' x 8]], ['h', [9, 'x' x 16]],
                       ['i', [1, '']], [':message-type', 'event'],
                       [':event-type', 'metadata']], "{$usage}"),
      expect => { finish => 'end_turn', input => 12, output => 5 } },

    # frames that are not whole

    (map {
        { name => "converse-damaged-$_", %converse,
          title => "the last frame is damaged: $_",
          body => $said . stop('end_turn') . damaged($metadata, $_),
          expect => { outcome => 'incomplete', error_type => 'upstream',
                      events => 4, content => 2, finish => 'end_turn',
                      usage => 'estimated' } } }
        qw(prelude length headers payload end)),
    { name => 'converse-damaged-text', %converse,
      title => 'nothing is believed behind a damaged frame',
      body => $start . text('Hello') . damaged(text('lies'), 'payload')
              . stop('end_turn') . $metadata,
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  events => 2, content => 1, finish => '',
                  usage => 'estimated' } },
    { name => 'converse-damaged-exception', %converse,
      title => 'nor is an exception that is damaged',
      body => $said . damaged(exception('throttlingException', 'x'), 'end'),
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  events => 3, usage => 'estimated' } },
    { name => 'invoke-damaged', %invoke,
      title => 'what a damaged frame replaced stays as it was',
      body => join('', @message, damaged($end[0], 'payload'), $end[1]),
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  events => 3, input => 25, finish => '',
                  model => 'claude-b', usage => 'estimated' } },
    { name => 'invoke-damaged-first', %invoke,
      title => 'a damaged frame names no model',
      body => damaged($message[0], 'end') . $message[1],
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  events => 0, model => '', id => '' } },
    { name => 'converse-cut', %converse,
      title => 'a frame that is cut short',
      body => $said . substr($metadata, 0, -9),
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  events => 3, content => 2, usage => 'estimated' } },
    { name => 'converse-cut-prelude', %converse,
      body => $said . substr($metadata, 0, 6),
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  events => 3, usage => 'estimated' } },
    { name => 'converse-cut-between', %converse,
      title => 'a stop, and no metadata',
      body => $said . stop('end_turn'),
      expect => { finish => 'end_turn', events => 4,
                  usage => 'estimated' } },
    { name => 'converse-unstopped', %converse,
      title => 'neither stop nor metadata',
      body => $said, expect => { outcome => 'incomplete', finish => '',
                  error_type => 'upstream', usage => 'estimated' } },
    { name => 'invoke-not-base64', %invoke,
      title => 'bytes that are no base64',
      body => join('', @message, event('chunk', '{"bytes":"e30*","p":"x"}'),
                   @end),
      expect => { events => 6, content => 1, input => 25, output => 8,
                  finish => 'end_turn', broken => 1 } },

    # ends

    { name => 'converse-guardrail', %converse,
      body => $start . text('Sorry, I cannot say this.')
              . stop('guardrail_intervened')
              . event('metadata', qq({$usage,"trace":{"guardrail":{}}})),
      expect => { finish => 'guardrail_intervened',
                  class => 'content_filter', input => 12, output => 5 } },
    { name => 'converse-filtered', %converse,
      body => $said . stop('content_filtered') . $metadata,
      expect => { finish => 'content_filtered', class => 'content_filter',
                  input => 12, output => 5 } },
    { name => 'converse-malformed', %converse,
      body => $said . stop('malformed_tool_use') . $metadata,
      expect => { finish => 'malformed_tool_use', class => 'other',
                  input => 12, output => 5 } },
    { name => 'converse-reasoning', %converse,
      title => 'reasoning, its signature, and text',
      body => $start
              . event('contentBlockDelta', '{"contentBlockIndex":0,"delta":'
                      . '{"reasoningContent":{"text":"Let me think"}}}')
              . event('contentBlockDelta', '{"contentBlockIndex":0,"delta":'
                      . '{"reasoningContent":{"signature":"AAAA"}}}')
              . event('contentBlockStop', '{"contentBlockIndex":0}')
              . text('Hello') . stop('end_turn') . $metadata,
      expect => { events => 7, content => 2, first => 1,
                  finish => 'end_turn', input => 12, output => 5 } },
    { name => 'converse-tool', %converse,
      body => $start
              . event('contentBlockStart', '{"contentBlockIndex":0,"start":'
                      . '{"toolUse":{"toolUseId":"t","name":"weather"}}}')
              . event('contentBlockDelta', '{"contentBlockIndex":0,"delta":'
                      . '{"toolUse":{"input":"{\"city\":"}}}')
              . event('contentBlockDelta', '{"contentBlockIndex":0,"delta":'
                      . '{"toolUse":{"input":"\"Oslo\"}"}}}')
              . stop('tool_use') . $metadata,
      expect => { events => 6, content => 3, first => 1, tools => 1,
                  finish => 'tool_use', class => 'tool_calls',
                  input => 12, output => 5 } },
    { name => 'converse-image', %converse,
      title => 'an image that is generated',
      body => $start
              . event('contentBlockStart', '{"contentBlockIndex":0,"start":'
                      . '{"image":{"format":"png"}}}')
              . event('contentBlockDelta', '{"contentBlockIndex":0,"delta":'
                      . '{"image":{"source":{"bytes":"iVBORw0KGgo="}}}}')
              . stop('end_turn') . $metadata,
      expect => { events => 5, content => 1, first => 2,
                  finish => 'end_turn', input => 12, output => 5 } },

    # the cache

    { name => 'converse-cache-1h', %converse,
      title => 'cache writes by lifetime',
      body => $said . stop('end_turn') . event('metadata',
          '{"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":1015,'
          . '"cacheReadInputTokens":400,"cacheWriteInputTokens":600,'
          . '"cacheDetails":[{"ttl":"1h","inputTokens":500},'
          . '{"inputTokens":100,"ttl":"5m"}]}}'),
      expect => { input => 1010, output => 5, cache_read => 400,
                  cache_write => 600, cache_write_1h => 500,
                  finish => 'end_turn' } },
    { name => 'converse-cache-whole', %converse, type => 'application/json',
      path => '/model/arn:aws:bedrock:eu-west-1::foundation-model%2F'
              . 'amazon.nova-lite-v1:0/converse',
      body => '{"metrics":{"latencyMs":551},"output":{"message":{"content":'
              . '[{"text":"Hello"}],"role":"assistant"}},"stopReason":'
              . '"end_turn","usage":{"inputTokens":10,"outputTokens":5,'
              . '"totalTokens":115,"cacheWriteInputTokens":100,'
              . '"cacheDetails":[{"inputTokens":100,"ttl":"1h"}]}}',
      expect => { stream => 0, input => 110, output => 5, cache_write => 100,
                  cache_write_1h => 100, finish => 'end_turn',
                  asked => 'arn:aws:bedrock:eu-west-1::foundation-model/'
                           . 'amazon.nova-lite-v1:0' } },
    { name => 'converse-citations', %converse, type => 'application/json',
      title => 'text that cites stands by itself',
      path => '/model/amazon.nova-lite-v1:0/converse',
      body => '{"output":{"message":{"content":[{"citationsContent":'
              . '{"content":[{"text":"It is so."}],"citations":[{"title":"x"}'
              . ']}}],"role":"assistant"}},"stopReason":"end_turn"}',
      expect => { stream => 0, finish => 'end_turn', usage => 'estimated' } },

    # other models

    { name => 'invoke-titan', %invoke,
      path => '/model/amazon.titan-text-lite-v1/invoke-with-response-stream',
      body => chunk('{"outputText":"Hello","index":0,'
                    . '"totalOutputTextTokenCount":null,"completionReason":'
                    . 'null,"inputTextTokenCount":4}')
              . chunk('{"outputText":" there","index":0,'
                      . '"totalOutputTextTokenCount":3,"completionReason":'
                      . '"FINISH","inputTextTokenCount":4,'
                      . '"amazon-bedrock-invocationMetrics":'
                      . '{"inputTokenCount":4,"outputTokenCount":3}}'),
      expect => { finish => 'FINISH', class => 'stop', input => 4,
                  output => 3, content => 2, first => 0 } },
    { name => 'invoke-guardrail', %invoke,
      title => 'a guardrail answers, and no model ends',
      path => '/model/amazon.titan-text-lite-v1/invoke-with-response-stream',
      body => chunk('{"outputText":"Input blocked","index":0,'
                    . '"totalOutputTextTokenCount":3,"inputTextTokenCount":6,'
                    . '"amazon-bedrock-guardrailAction":"INTERVENED"}'),
      expect => { class => 'content_filter', input => 6, output => 3,
                  content => 1 } },
    { name => 'invoke-guarded', %invoke,
      title => 'a guardrail that lets pass',
      path => '/model/amazon.titan-text-lite-v1/invoke',
      type => 'application/json', request => '{"inputText":"hello"}',
      body => '{"inputTextTokenCount":4,"results":[{"tokenCount":3,'
              . '"outputText":"Hello","completionReason":"LENGTH"}],'
              . '"amazon-bedrock-guardrailAction":"NONE"}',
      expect => { finish => 'LENGTH', class => 'length', input => 4,
                  output => 3, stream => 0 } },
    { name => 'invoke-llama', %invoke,
      path => '/model/meta.llama3-8b-instruct-v1:0/'
              . 'invoke-with-response-stream',
      body => chunk('{"generation":"Hello","prompt_token_count":9,'
                    . '"generation_token_count":1,"stop_reason":null}')
              . chunk('{"generation":"","prompt_token_count":null,'
                      . '"generation_token_count":2,"stop_reason":"length",'
                      . '"amazon-bedrock-invocationMetrics":'
                      . '{"inputTokenCount":9,"outputTokenCount":2}}'),
      expect => { finish => 'length', class => 'length', input => 9,
                  output => 2, content => 1, first => 0 } },

    # embeddings and reranking: docs.aws.amazon.com/bedrock/latest/userguide/
    # model-parameters-titan-embed-text.html, -embed.html (Cohere),
    # model-parameters-cohere-rerank-v3-5.html

    { name => 'titan-embed', type => 'application/json',
      path => '/model/amazon.titan-embed-text-v2%3A0/invoke',
      request => '{"inputText":"hello"}',
      body => '{"embedding":[0.1,-0.2],"embeddingsByType":{"float":[0.1]},'
              . '"inputTextTokenCount":5}',
      expect => { operation => 'embeddings', stream => 0, input => 5,
                  output => 0, asked => 'amazon.titan-embed-text-v2:0' } },
    { name => 'cohere-embed-bedrock', type => 'application/json',
      path => '/model/cohere.embed-english-v3/invoke',
      request => '{"texts":["hello"],"input_type":"search_document"}',
      body => '{"embeddings":[[0.1,-0.2]],"id":"e1","response_type":'
              . '"embeddings_floats","texts":["hello"]}',
      expect => { operation => 'embeddings', stream => 0, id => 'e1',
                  usage => 'any' } },
    { name => 'cohere-rerank-bedrock', type => 'application/json',
      path => '/model/cohere.rerank-v3-5:0/invoke',
      request => '{"query":"q","documents":["a"],"api_version":2}',
      body => '{"results":[{"index":0,"relevance_score":0.9}]}',
      expect => { operation => 'rerank', stream => 0, usage => 'any' } },
);
