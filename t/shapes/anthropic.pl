# Anthropic: errors in a stream, and text completions of old.
#
# Errors: docs.claude.com/en/docs/build-with-claude/streaming ("Error
# events"); the types of errors are those of
# anthropics/anthropic-sdk-python:src/anthropic/types/shared/error_type.py.
# Text completions: docs.claude.com/en/api/streaming,
# anthropics/anthropic-sdk-python:src/anthropic/types/completion.py.

package LLM::Shapes::Anthropic;

use strict;
use warnings;

use LLM::Shapes qw(named sse);

my @start = (
    ['message_start', '{"type":"message_start","message":{"id":"msg_1",'
     . '"type":"message","role":"assistant","model":"claude-x","content":[],'
     . '"stop_reason":null,"usage":{"input_tokens":25,"output_tokens":1}}}'],
    ['content_block_start', '{"type":"content_block_start","index":0,'
     . '"content_block":{"type":"text","text":""}}'],
    ['ping', '{"type":"ping"}'],
);

sub delta {
    return ['content_block_delta', '{"type":"content_block_delta","index":0,'
            . qq("delta":{"type":"text_delta","text":"$_[0]"}})];
}

sub failed {
    return ['error', '{"type":"error","error":{"type":"' . $_[0]
            . '","message":"Sorry"},"request_id":"req_1"}'];
}

my %messages = (path => '/v1/messages');
my %cut = (usage => 'estimated', input => 25, model => 'claude-x',
           id => 'msg_1');

sub completion {
    my ($text, $stop) = @_;

    return ['completion', qq({"type":"completion","id":"compl_1","completion":)
            . qq("$text","stop_reason":$stop,"model":"claude-2.1"})];
}

my %complete = (path => '/v1/complete',
                request => '{"model":"claude-2.1","stream":true,"prompt":'
                           . '"Human: Hello"}');

return (
    { name => 'anthropic-overloaded', %messages,
      title => 'an overloaded_error after content',
      body => named(@start, delta('Hello'), delta(', I am about to fail'),
                    failed('overloaded_error')),
      expect => { %cut, outcome => 'error', error_type => 'overloaded',
                  finish => '', events => 6, content => 2, first => 3 } },
    { name => 'anthropic-overloaded-first', %messages,
      title => 'an overloaded_error in place of a message',
      body => named(failed('overloaded_error')),
      expect => { outcome => 'error', error_type => 'overloaded',
                  events => 1, first => undef } },
    (map { my ($type, $class) = @$_;
        { name => "anthropic-$type", %messages,
          body => named(@start, delta('Hi'), failed($type)),
          expect => { input => 25, outcome => 'error', error_type => $class,
                      model => 'claude-x', events => 5 , usage => 'any' } } }
        ['api_error', 'server_error'], ['rate_limit_error', 'rate_limit'],
        ['timeout_error', 'timeout'], ['billing_error', 'rate_limit'],
        ['invalid_request_error', 'invalid_request'],
        ['authentication_error', 'auth'], ['permission_error', 'auth'],
        ['not_found_error', 'not_found'],
        ['request_too_large', 'too_large']),
    { name => 'anthropic-unknown-error', %messages,
      title => 'an error of a type that nobody knows',
      body => named(@start, delta('Hi'), failed('moon_phase_error')),
      expect => { input => 25, outcome => 'error', error_type => 'other',
                  usage => 'any' } },
    { name => 'anthropic-error-nameless', %messages,
      title => 'an error without the name of its event',
      body => named(@start, delta('Hi'))
              . sse(failed('overloaded_error')->[1]),
      expect => { input => 25, outcome => 'error', events => 5,
                  error_type => 'overloaded', usage => 'any' } },
    { name => 'anthropic-error-200', %messages, type => 'application/json',
      title => 'an error as the whole of a body with status 200',
      body => failed('overloaded_error')->[1],
      expect => { outcome => 'error', error_type => 'overloaded',
                  stream => 0 } },
    { name => 'anthropic-529', %messages, type => 'application/json',
      title => 'overloaded, before the stream', status => 529,
      body => failed('overloaded_error')->[1],
      expect => { outcome => 'error', error_type => 'overloaded',
                  stream => 0 } },
    { name => 'anthropic-unfinished', %messages,
      title => 'a stop reason, but no message_stop',
      body => named(@start, delta('Hello'), ['message_delta',
          '{"type":"message_delta","delta":{"stop_reason":"end_turn"},'
          . '"usage":{"output_tokens":7}}']),
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  finish => 'end_turn', input => 25, output => 7 } },
    { name => 'anthropic-refusal', %messages,
      title => 'a refusal is a content filter, and no error',
      body => named(@start, ['message_delta',
          '{"type":"message_delta","delta":{"stop_reason":"refusal",'
          . '"stop_sequence":null},"usage":{"output_tokens":3}}'],
          ['message_stop', '{"type":"message_stop"}']),
      expect => { finish => 'refusal', class => 'content_filter', input => 25,
                  output => 3, first => undef } },
    { name => 'anthropic-context-full', %messages,
      body => named(@start, delta('Hello'), ['message_delta',
          '{"type":"message_delta","delta":{"stop_reason":'
          . '"model_context_window_exceeded"},"usage":{"output_tokens":9}}'],
          ['message_stop', '{"type":"message_stop"}']),
      expect => { finish => 'model_context_window_exceeded',
                  class => 'length', input => 25, output => 9 } },

    { name => 'complete-stream', %complete,
      title => 'a text completion of old',
      body => named(completion(' Hello', 'null'), completion('!', 'null'),
                    ['ping', '{"type": "ping"}'],
                    completion('', '"stop_sequence"')),
      expect => { operation => 'text_completion', finish => 'stop_sequence',
                  class => 'stop', usage => 'estimated', events => 4,
                  content => 2, first => 0, model => 'claude-2.1',
                  id => 'compl_1' } },
    { name => 'complete-long', %complete,
      body => named(completion(' Hello', 'null'),
                    completion('', '"max_tokens"')),
      expect => { finish => 'max_tokens', class => 'length',
                  usage => 'estimated' } },
    { name => 'complete-cut', %complete,
      title => 'a text completion without its stop reason',
      body => named(completion(' Hello', 'null'), completion('!', 'null')),
      expect => { outcome => 'incomplete', error_type => 'upstream',
                  finish => '', usage => 'estimated' } },
    { name => 'complete-error', %complete,
      body => named(completion(' Hello', 'null'), ['error',
          '{"error": {"type": "overloaded_error", "message": "Overloaded"}}'
          ]),
      expect => { outcome => 'error', error_type => 'overloaded',
                  usage => 'estimated', events => 2 } },
    { name => 'complete-whole', %complete, type => 'application/json',
      request => '{"model":"claude-2.1","prompt":"Human: Hello"}',
      body => completion(' Hello there', '"stop_sequence"')->[1],
      expect => { stream => 0, finish => 'stop_sequence',
                  usage => 'estimated', model => 'claude-2.1' } },
);
