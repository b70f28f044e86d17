# Bodies that do not say what they are, or say it wrongly: the first bytes
# decide.  Streams of events without a type: chatgpt.com's backend, 25 of 25
# recordings; errors as application/octet-stream and text/plain: DeepSeek and
# OpenAI.  A byte order mark: RFC 8259, 8.1, and the HTML standard, 9.2.5.

package LLM::Shapes::Bodies;

use strict;
use warnings;

use LLM::Shapes qw(lines named sse);

my %chat = (path => '/v1/chat/completions');
my @chunks = (
    '{"id":"c1","model":"m-1","choices":[{"index":0,"delta":{"content":'
    . '"Hello"},"finish_reason":null}]}',
    '{"id":"c1","model":"m-1","choices":[{"index":0,"delta":{},'
    . '"finish_reason":"stop"}],"usage":{"prompt_tokens":9,'
    . '"completion_tokens":3,"total_tokens":12}}',
    '[DONE]',
);
my %chunks = (model => 'm-1', id => 'c1', finish => 'stop', input => 9,
              output => 3, events => 3, content => 1, first => 0);
my $whole = '{"id":"c1","model":"m-1","choices":[{"index":0,"message":'
            . '{"role":"assistant","content":"Hello"},"finish_reason":'
            . '"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":3,'
            . '"total_tokens":12}}';
my %whole = (model => 'm-1', id => 'c1', finish => 'stop', input => 9,
             output => 3, stream => 0);
my $bom = "\xef\xbb\xbf";
my @lines = (
    '{"model":"gemma","message":{"content":"Yes"},"done":false}',
    '{"model":"gemma","message":{"content":""},"done":true,"done_reason":'
    . '"stop","prompt_eval_count":26,"eval_count":4}',
);
my %lines = (model => 'gemma', finish => 'stop', input => 26, output => 4,
             events => 2, content => 1, first => 0);
my $error = '{"error":{"message":"no","type":"invalid_request_error"}}';

return (
    (map { my ($name, $type) = @$_;
        { name => "sse-as-$name", %chat, type => $type,
          body => sse(@chunks), expect => { %chunks } } }
        ['json', 'application/json'], ['nothing', undef],
        ['octets', 'application/octet-stream'], ['text', 'text/plain'],
        ['lines', 'application/x-ndjson']),
    { name => 'sse-named-as-json', path => '/v1/messages',
      title => 'named events that are called JSON',
      type => 'application/json',
      body => named(['message_start', '{"type":"message_start","message":'
                     . '{"id":"m","model":"c","usage":{"input_tokens":2,'
                     . '"output_tokens":1}}}'],
                    ['message_delta', '{"type":"message_delta","delta":'
                     . '{"stop_reason":"end_turn"},"usage":{"output_tokens":5'
                     . '}}'], ['message_stop', '{"type":"message_stop"}']),
      expect => { finish => 'end_turn', input => 2, output => 5,
                  events => 3, model => 'c' } },
    { name => 'sse-comment-untyped', %chat, type => undef,
      body => ": hello\n\n" . sse(@chunks), expect => { %chunks } },
    { name => 'sse-retry-untyped', %chat, type => undef,
      body => "retry: 3000\nid: 1\n" . sse(@chunks), expect => { %chunks } },
    { name => 'sse-bom', %chat, body => $bom . sse(@chunks),
      title => 'a byte order mark before events',
      expect => { %chunks } },
    { name => 'sse-bom-untyped', %chat, type => undef,
      body => $bom . sse(@chunks), expect => { %chunks } },
    { name => 'sse-cr', %chat, title => 'lines that end with CR',
      body => sse(@chunks) =~ tr/\n/\r/r, expect => { %chunks } },
    { name => 'sse-unended', %chat,
      title => 'the last event has no blank line, and [DONE] no line end',
      body => substr(sse(@chunks), 0, -2), expect => { %chunks } },
    { name => 'sse-many-lines', %chat,
      title => 'data in several lines',
      body => join('', map { s/,/,\ndata: /gr } "data: $chunks[0]\n\n",
                   "data: $chunks[1]\n\n") . "data: [DONE]\n\n",
      expect => { %chunks } },

    (map { my ($name, $type) = @$_;
        { name => "json-as-$name", %chat, type => $type,
          request => '{"model":"m","messages":[]}', body => $whole,
          expect => { %whole } } }
        ['sse', 'text/event-stream'], ['nothing', undef],
        ['octets', 'application/octet-stream'], ['text', 'text/plain'],
        ['problem', 'application/problem+json']),
    { name => 'json-asked-to-stream', %chat, type => 'application/json',
      title => 'a stream was asked for, and a plain body came',
      request => '{"model":"m","stream":true,"messages":[]}', body => $whole,
      expect => { %whole } },
    { name => 'json-bom', %chat, type => 'application/json',
      title => 'a byte order mark before a plain body',
      body => $bom . $whole, expect => { %whole } },
    { name => 'json-bom-as-sse', %chat, body => "$bom\n $whole",
      expect => { %whole } },
    { name => 'json-half-bom', %chat, type => 'application/json',
      title => 'half a mark is no JSON',
      body => "\xef\xbb$whole",
      expect => { stream => 0, undecided => 1, usage => 'any',
                  model => '' } },
    { name => 'json-error-octets', %chat, status => 400,
      type => 'application/octet-stream', body => $error,
      expect => { outcome => 'error', error_type => 'invalid_request',
                  stream => 0 } },
    { name => 'json-error-as-sse', %chat, status => 400,
      title => 'an error that is called a stream', body => $error,
      expect => { outcome => 'error', error_type => 'invalid_request',
                  stream => 0 } },
    { name => 'json-error-sse-200', %chat, body => $error,
      expect => { outcome => 'error', error_type => 'invalid_request',
                  stream => 0 } },
    { name => 'json-cut', %chat, type => 'application/json',
      body => substr($whole, 0, 100),
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  stream => 0, usage => 'estimated' } },

    { name => 'lines-bom', path => '/api/chat',
      type => 'application/x-ndjson', body => $bom . lines(@lines),
      expect => { %lines } },
    { name => 'lines-blank', path => '/api/chat',
      title => 'blank lines between lines, and CRLF',
      type => 'application/x-ndjson',
      body => "\n\r\n" . join("\r\n\r\n", @lines) . "\r\n",
      expect => { %lines } },
    { name => 'lines-as-sse', path => '/api/chat',
      title => 'lines that are called a stream of events',
      body => lines(@lines), expect => { %lines } },
);
