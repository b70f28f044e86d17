# Gemini and Vertex: errors, blocked prompts, arguments in parts, enums as
# integers, embeddings.
#
# Enums and parts: googleapis/python-genai:google/genai/types.py
# (FinishReason, BlockedReason, FunctionCall, PartialArg); their numbers:
# googleapis/python-aiplatform:google/cloud/aiplatform_v1/types/content.py.
# An error as a bare object behind the events: FirebaseExtended/
# vertexai-sdk-test-data:mock-responses/vertexai/
# streaming-failure-error-mid-stream.txt.  Errors as an array: the JSON form
# of google.rpc.Status in a streamed method, cloud.google.com/apis/design/
# errors.

package LLM::Shapes::Google;

use strict;
use warnings;

use LLM::Shapes qw(named sse);

my %sse = (path => '/v1beta/models/gemini-x:streamGenerateContent?alt=sse',
           request => '{"contents":[{"parts":[{"text":"hello"}]}]}');
my %array = (%sse, path => '/v1beta/models/gemini-x:streamGenerateContent',
             type => 'application/json');
my %whole = (%array, path => '/v1beta/models/gemini-x:generateContent');
my %vertex = (%array, path => '/v1/projects/p/locations/l/publishers/google'
              . '/models/gemini-x:streamGenerateContent');
my %interactions = (path => '/v1beta/interactions',
                    request => '{"model":"gemini-x","stream":true,'
                               . '"input":"hello"}');

sub crlf { return join '', map { "data: $_\r\n\r\n" } @_ }

sub usage {
    my ($in, $out) = @_;

    return qq("usageMetadata":{"promptTokenCount":$in,)
           . qq("candidatesTokenCount":$out,"totalTokenCount":)
           . ($in + $out) . '},"modelVersion":"gemini-x-001","responseId":"r"';
}

sub says {
    my ($parts, $finish) = @_;

    return '{"candidates":[{"content":{"parts":[' . $parts
           . '],"role":"model"}'
           . (defined $finish ? qq(,"finishReason":$finish) : '')
           . ',"index":0}],' . usage(6, 3) . '}';
}

sub text { return qq({"text":"$_[0]"}) }

my $exhausted = qq({\n  "error": {\n    "code": 429,\n    "message":)
                . qq( "Quota",\n    "status": "RESOURCE_EXHAUSTED",\n)
                . qq(    "details": [{"retryDelay": "7s"}]\n  }\n});
my $cancelled = qq({\n  "error": {\n    "code": 499,\n    "message":)
                . qq( "The operation was cancelled.",\n    "status":)
                . qq( "CANCELLED"\n  }\n}\n);

return (
    { name => 'gemini-bare-error', %sse,
      title => 'a bare error behind the events',
      body => crlf(says(text('Hello'))) . $cancelled,
      expect => { outcome => 'error', error_type => 'other', events => 1,
                  content => 1, first => 0, finish => '', input => 6 ,
                  usage => 'any' } },
    { name => 'gemini-bare-error-again', %sse,
      title => 'a bare error in one line',
      body => crlf(says(text('Hello')))
              . '{"error":{"code":503,"status":"UNAVAILABLE"}}',
      expect => { outcome => 'error', error_type => 'overloaded',
                  usage => 'any' } },
    { name => 'gemini-data-error', %sse,
      title => 'an error as an event',
      body => crlf(says(text('Hello')),
                   '{"error":{"code":500,"message":"x","status":"INTERNAL"}}'),
      expect => { outcome => 'error', error_type => 'server_error',
                  events => 2, usage => 'any' } },
    { name => 'gemini-error-array', %array, status => 429,
      title => 'an error in an array of one',
      body => "[$exhausted\n]\n",
      expect => { outcome => 'error', error_type => 'rate_limit' } },
    { name => 'gemini-error-array-200', %array,
      body => "[$exhausted]",
      expect => { outcome => 'error', error_type => 'rate_limit',
                  events => 1 } },
    { name => 'gemini-error-element', %array,
      title => 'an error as the last element',
      body => '[' . says(text('Hello')) . "\n,\r\n$exhausted\n]",
      expect => { outcome => 'error', error_type => 'rate_limit',
                  events => 2, content => 1, usage => 'any' } },
    { name => 'gemini-error-whole', %whole, status => 400,
      body => '{"error":{"code":400,"message":"no","status":'
              . '"INVALID_ARGUMENT"}}',
      expect => { outcome => 'error', error_type => 'invalid_request',
                  stream => 0 } },
    { name => 'gemini-openai-error', type => 'application/json',
      title => 'the API like OpenAI\'s puts its errors into an array as well',
      path => '/v1beta/openai/chat/completions', status => 200,
      body => "[$exhausted\n]\n",
      expect => { outcome => 'error', error_type => 'rate_limit',
                  stream => 0 } },

    { name => 'gemini-blocked', %sse,
      title => 'a prompt that is blocked has no candidate',
      body => crlf('{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},'
                   . '"usageMetadata":{"promptTokenCount":8,'
                   . '"totalTokenCount":8},"modelVersion":"gemini-x-001"}'),
      expect => { class => 'content_filter', input => 8, output => 0,
                  first => undef, content => 0 } },
    { name => 'gemini-blocked-whole', %whole,
      body => '{"promptFeedback":{"blockReason":"SAFETY","safetyRatings":[]},'
              . '"usageMetadata":{"promptTokenCount":8}}',
      expect => { class => 'content_filter', input => 8, output => 0,
                  stream => 0 } },
    (map { my ($reason, $class) = @$_;
        { name => "gemini-$reason", %sse,
          body => crlf(says(text('Hello'), qq("$reason"))),
          expect => { finish => $reason, class => $class, input => 6,
                      output => 3 } } }
        ['STOP', 'stop'], ['MAX_TOKENS', 'length'],
        ['SAFETY', 'content_filter'], ['RECITATION', 'content_filter'],
        ['BLOCKLIST', 'content_filter'], ['SPII', 'content_filter'],
        ['PROHIBITED_CONTENT', 'content_filter'],
        ['IMAGE_SAFETY', 'content_filter'], ['LANGUAGE', 'other'],
        ['MALFORMED_FUNCTION_CALL', 'other'],
        ['UNEXPECTED_TOOL_CALL', 'other']),
    { name => 'gemini-unfinished', %sse,
      title => 'there is no end mark, and a reason may be left out',
      body => crlf(says(text('Hello'))),
      expect => { input => 6, output => 3 } },

    { name => 'gemini-partial-args', %sse,
      title => 'arguments that come in parts',
      body => crlf(says('{"functionCall":{"name":"weather","willContinue":'
                        . 'true},"thoughtSignature":"AAAA"}'),
                   says('{"functionCall":{"partialArgs":[{"jsonPath":'
                        . '"$.city","stringValue":"Os","willContinue":true}],'
                        . '"willContinue":true}}'),
                   says('{"functionCall":{"partialArgs":[{"jsonPath":'
                        . '"$.city","stringValue":"lo"}],"willContinue":true}'
                        . '}'),
                   says('{"functionCall":{}}', '"STOP"')),
      expect => { finish => 'STOP', events => 4, content => 3, first => 0,
                  tools => 1, input => 6, output => 3 } },
    { name => 'gemini-two-calls', %sse,
      body => crlf(says('{"functionCall":{"name":"f","args":{"a":1}}},'
                        . '{"functionCall":{"name":"f","args":{}}}',
                        '"STOP"')),
      expect => { finish => 'STOP', content => 1, tools => 2, input => 6,
                  output => 3 } },

    # enums as numbers

    { name => 'vertex-numbers', %vertex,
      body => '[' . says(text('Hello')) . "\n,\r\n" . says(text('!'), 1)
              . "\n]",
      expect => { provider => 'gcp.vertex_ai', asked => 'gemini-x',
                  finish => '1',
                  class => 'stop', events => 2, content => 2, input => 6,
                  output => 3, first => 0 } },
    (map { my ($n, $class) = @$_;
        { name => "vertex-number-$n", %vertex,
          body => '[' . says(text('Hello'), $n) . ']',
          expect => { finish => "$n", class => $class, input => 6,
                      output => 3 } } }
        [2, 'length'], [3, 'content_filter'], [4, 'content_filter'],
        [5, 'other'], [6, 'content_filter'], [7, 'content_filter'],
        [8, 'content_filter'], [9, 'other'], [10, 'content_filter'],
        [11, 'content_filter'], [12, 'content_filter'],
        [13, 'content_filter'], [14, 'other'], [15, 'other']),
    { name => 'vertex-number-blocked', %vertex,
      body => '[{"promptFeedback":{"blockReason":3},"usageMetadata":'
              . '{"promptTokenCount":8}}]',
      expect => { class => 'content_filter', input => 8, output => 0 } },
    { name => 'vertex-cut', %vertex,
      title => 'an array that is not closed',
      body => '[' . says(text('Hello')) . "\n,\r\n",
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  events => 1, input => 6 , usage => 'any' } },
    { name => 'vertex-cut-element', %vertex,
      body => '[' . says(text('Hello')) . "\n,\r\n"
              . substr(says(text('there'), '"STOP"'), 0, 50),
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  input => 6, content => 2, usage => 'any' } },
    { name => 'vertex-empty', %vertex, body => '[]',
      title => 'an array of nothing', expect => { events => 0 } },

    # Interactions: the events of googleapis/python-genai:google/genai/
    # interactions, an error event among them

    { name => 'interactions-error', %interactions,
      body => named(['interaction.created', '{"event_type":'
                     . '"interaction.created","interaction":{"id":"i1",'
                     . '"status":"in_progress","model":"gemini-x"}}'],
                    ['step.delta', '{"event_type":"step.delta","index":0,'
                     . '"delta":{"type":"text","text":"Hello"}}'],
                    ['error', '{"event_type":"error","error":{"code":'
                     . '"503","message":"busy"}}']),
      expect => { outcome => 'error', error_type => 'overloaded',
                  events => 3, content => 1, first => 1,
                  usage => 'estimated', model => 'gemini-x', id => 'i1' } },

    # embeddings on Vertex: cloud.google.com/vertex-ai/generative-ai/docs/
    # model-reference/text-embeddings-api

    { name => 'vertex-embeddings', %whole,
      path => '/v1/projects/p/locations/l/publishers/google/models/'
              . 'text-embedding-005:predict',
      request => '{"instances":[{"content":"a"},{"content":"b"}]}',
      body => '{"predictions":[{"embeddings":{"statistics":{"truncated":false,'
              . '"token_count":6},"values":[0.1]}},{"embeddings":{"values":'
              . '[0.2],"statistics":{"token_count":7,"truncated":false}}}],'
              . '"metadata":{"billableCharacterCount":11}}',
      expect => { operation => 'embeddings', stream => 0, input => 13,
                  output => 0, provider => 'gcp.vertex_ai' } },
    { name => 'vertex-imagen', %whole,
      title => 'other predictions are calls without a meter',
      path => '/v1/projects/p/locations/l/publishers/google/models/'
              . 'imagen-4:predict',
      request => '{"instances":[{"prompt":"a"}]}',
      body => '{"predictions":[{"bytesBase64Encoded":"AAAA"}]}',
      expect => { operation => 'other', stream => 0, unread => 1 } },
);
