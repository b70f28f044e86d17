# Shapes of bodies that providers alone have: where each keeps its counters,
# its cost, its content and its errors.  The texts are made by hand; the core
# reads each whole, byte by byte and in random splits.
#
# What this cannot see: what a provider sends tomorrow.

use strict;
use warnings;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Frames qw(chunk event);
use LLM::Test;
use LLM::Unit;
use LLM::Util qw(proof scale spew);
use Test::More;

sub stream { return join '', map { "data: $_\n\n" } @_, '[DONE]' }

my %chat = (path => '/v1/chat/completions');

sub usage { return qq({"id":"c","model":"m","choices":[],"usage":{$_[0]}}) }

my @shapes = (
    { name => 'Writer spells the details without an s', %chat,
      body => usage('"prompt_tokens":50,"completion_tokens":20,'
                    . '"total_tokens":70,'
                    . '"prompt_token_details":{"cached_tokens":30},'
                    . '"completion_token_details":{"reasoning_tokens":12}'),
      expect => { input => 50, output => 20, cache_read => 30,
                  reasoning => 12 } },

    { name => 'Venice tells the cost after the usage', %chat,
      body => '{"model":"v","usage":{"prompt_tokens":9,"completion_tokens":3,'
              . '"total_tokens":12},"cost":{"diem":0,"usd":0.000125}}',
      expect => { input => 9, output => 3, cost => 125_000 } },
    { name => 'Venice tells it before', %chat,
      body => '{"cost":{"diem":0,"usd":1.5e-05},"usage":{"prompt_tokens":9,'
              . '"completion_tokens":3,"total_tokens":12}}',
      expect => { input => 9, output => 3, cost => 15_000 } },
    { name => 'a stream of Venice', %chat, hint => 'sse',
      body => stream('{"choices":[{"index":0,"delta":{"content":"ja"}}]}',
                     '{"choices":[],"cost":{"usd":0.002},"usage":'
                     . '{"prompt_tokens":4,"completion_tokens":1}}'),
      expect => { input => 4, output => 1, cost => 2_000_000,
                  first_content => 0, end => 1 } },
    { name => 'a cost replaces the one before', %chat, hint => 'sse',
      body => stream('{"usage":{"prompt_tokens":4,"cost":0.001}}',
                     '{"usage":{"prompt_tokens":5,"cost":0.003}}'),
      expect => { input => 5, cost => 3_000_000 } },

    { name => 'OpenRouter tells the cost of messages',
      path => '/api/v1/messages', hint => 'sse',
      body => "event: message_start\n"
              . 'data: {"type":"message_start","message":{"model":"c",'
              . '"usage":{"input_tokens":7,"output_tokens":1}}}' . "\n\n"
              . "event: message_delta\n"
              . 'data: {"type":"message_delta","delta":{"stop_reason":'
              . '"end_turn"},"usage":{"output_tokens":5,"cost":0.00011}}'
              . "\n\nevent: message_stop\n"
              . 'data: {"type":"message_stop"}' . "\n\n",
      expect => { input => 7, output => 5, cost => 110_000, end => 1 } },

    { name => 'Gemini behind OpenRouter reads what the call has written', %chat,
      body => usage('"prompt_tokens":90,"completion_tokens":2,'
                    . '"total_tokens":92,"prompt_tokens_details":'
                    . '{"cached_tokens":80,"cache_write_tokens":80}'),
      expect => { input => 90, cache_read => 80, cache_write => 80 } },
    { name => 'nor is more written than there is', %chat,
      body => usage('"prompt_tokens":7,"completion_tokens":2,'
                    . '"total_tokens":9,"prompt_tokens_details":'
                    . '{"cached_tokens":8,"cache_write_tokens":9}'),
      expect => { input => 7, cache_read => 7, cache_write => 7 } },

    # more reasoning than output

    { name => 'Doubleword counts reasoning again, a little higher', %chat,
      body => usage('"prompt_tokens":40,"completion_tokens":16,'
                    . '"total_tokens":56,'
                    . '"completion_tokens_details":{"reasoning_tokens":19}'),
      expect => { output => 19, reasoning => 19 } },
    { name => 'Gemini behind Vercel has it beside', %chat,
      body => usage('"prompt_tokens":9,"completion_tokens":2,'
                    . '"total_tokens":11,'
                    . '"completion_tokens_details":{"reasoning_tokens":25}'),
      expect => { output => 27, reasoning => 25 } },
    { name => 'xAI has it beside, as the total shows', %chat,
      body => usage('"prompt_tokens":10,"completion_tokens":8,'
                    . '"total_tokens":27,'
                    . '"completion_tokens_details":{"reasoning_tokens":9}'),
      expect => { output => 17, reasoning => 9 } },

    # content

    { name => 'a custom tool of chat', %chat, hint => 'sse',
      body => stream('{"choices":[{"index":0,"delta":{"role":"assistant"}}]}',
                     '{"choices":[{"index":0,"delta":{"tool_calls":[{"index"'
                     . ':0,"id":"a","type":"custom","custom":{"name":"sql",'
                     . '"input":""}}]}}]}',
                     '{"choices":[{"index":0,"delta":{"tool_calls":[{"index"'
                     . ':0,"custom":{"input":"select"}}]}}]}',
                     '{"choices":[{"index":0,"delta":{},"finish_reason":'
                     . '"tool_calls"}]}'),
      expect => { first_content => 1, content_events => 2, tool_calls => 1,
                  text_bytes => length 'sqlselect' } },
    { name => 'a custom tool in a plain answer', %chat,
      body => '{"choices":[{"index":0,"message":{"tool_calls":[{"id":"a",'
              . '"custom":{"name":"sql","input":"go"}},{"id":"b",'
              . '"function":{"name":"f","arguments":"{}"}}]}}]}',
      expect => { tool_calls => 2, text_bytes => length 'sqlgof{}' } },
    { name => 'spoken words', %chat,
      body => '{"choices":[{"index":0,"message":{"content":null,"audio":'
              . '{"id":"a","data":"QUJD","transcript":"hello"}}}]}',
      expect => { text_bytes => 5 } },

    { name => 'Portkey answers a prompt as chat does',
      path => '/v1/prompts/pp-letter-1/completions', hint => 'sse',
      body => stream('{"model":"m","choices":[{"index":0,"delta":{"content":'
                     . '"Dear"}}]}'),
      expect => { first_content => 0, text_bytes => 4 } },
    { name => 'Mistral fills in the middle as chat does',
      path => '/v1/fim/completions', hint => 'sse',
      body => stream('{"model":"m","choices":[{"index":0,"delta":{"content":'
                     . '"return"}}]}'),
      expect => { first_content => 0, text_bytes => 6 } },

    { name => 'an end mark with spaces behind it', %chat, hint => 'sse',
      body => 'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}'
              . "\n\ndata: [DONE]  \n",
      expect => { end => 1, events => 2 } },
    { name => 'no end mark, nor in parts', %chat, hint => 'sse',
      body => "data: [DONE\n\ndata: ]\n\ndata: [DONE\ndata: ]\n\n"
              . "data: [DONe]\n\ndata: x[DONE]\n\n",
      expect => { end => 0, events => 5 } },

    # ends in order that are none

    { name => 'counters with every event say nothing of the end', %chat,
      hint => 'sse',
      body => join('', map { "data: $_\n\n" }
          ('{"choices":[{"index":0,"delta":{"content":"a"}}],'
           . '"usage":{"prompt_tokens":3,"completion_tokens":1}}') x 2),
      expect => { complete => 0, input => 3, events => 2 } },
    { name => 'counters of their own do', %chat, hint => 'sse',
      body => 'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}'
              . "\n\ndata: " . usage('"prompt_tokens":3,'
                                     . '"completion_tokens":1') . "\n\n",
      expect => { complete => 1, input => 3, events => 2 } },
    { name => 'a finish reason in an event that is cut is none', %chat,
      hint => 'sse',
      body => 'data: {"choices":[{"index":0,"delta":{"content":"a"},'
              . '"finish_reason":"stop"}],"created":17',
      expect => { complete => 0, broken => 1 } },
    { name => 'the text of a frame that is cut', hint => 'eventstream',
      path => '/model/amazon.nova-lite-v1:0/converse-stream',
      body => event('messageStart', '{"role":"assistant"}')
              . substr(event('contentBlockDelta', '{"delta":{"text":"'
                             . 'x' x 90), 0, -4),
      expect => { complete => 0, events => 1, text_bytes => 90 } },
    { name => 'the text of a wrapped frame that is cut', hint => 'eventstream',
      path => '/model/anthropic.claude-x/invoke-with-response-stream',
      body => substr(chunk('{"type":"content_block_delta","index":0,"delta":'
                           . '{"type":"text_delta","text":"' . 'x' x 90
                           . '"}}'), 0, -33),
      expect => { complete => 0, events => 0, text_bytes => 85 } },
    { name => 'counters that begin a message say nothing of the end',
      path => '/model/anthropic.claude-x/invoke-with-response-stream',
      hint => 'eventstream',
      body => join('', map { chunk($_) } '{"type":"message_start","message":'
                   . '{"model":"c","usage":{"input_tokens":7,'
                   . '"output_tokens":1}}}', '{"type":"content_block_delta",'
                   . '"delta":{"type":"text_delta","text":"a"}}'),
      expect => { complete => 0, input => 7, text_bytes => 1 } },

    # errors in a stream

    { name => 'llama.cpp: an error in a field of its own', %chat,
      hint => 'sse',
      body => 'data: {"choices":[{"index":0,"delta":{"content":"so"}}]}'
              . "\n\n" . 'error: {"error":{"message":"no room","type":'
              . '"server_error"}}' . "\n\n",
      expect => { error => 1, events => 2, broken => 0, first_content => 0,
                  complete => 1 } },
    { name => 'an error without an end', %chat, hint => 'sse',
      body => 'error: {"error":{"message":"x"}}',
      expect => { error => 1, broken => 0 } },
    { name => 'fields whose names begin as known ones', %chat, hint => 'sse',
      body => "errors: 1\nerro: 2\neventual: 3\nevent: error\n"
              . "dat: 4\ndatum: 5\n\nerr\n\n" . 'data: {"id":"x"}' . "\n\n",
      expect => { error => 0, events => 1, id => 'x' } },
    { name => 'a space before the first field hides it', %chat, hint => 'sse',
      body => ' data: {"choices":[{"index":0,"delta":{"content":"a"}}]}'
              . "\n\n" . stream('{"choices":[{"index":0,"delta":{"content":'
                                . '"b"},"finish_reason":"stop"}]}'),
      expect => { events => 2, first_content => 0, text_bytes => 1 } },
    { name => 'white space before that line does not', %chat, hint => 'sse',
      body => " \n\t \r\n" . stream('{"choices":[{"index":0,"delta":'
                                     . '{"content":"a"}}]}'),
      expect => { events => 2, first_content => 0, text_bytes => 1 } },
    { name => 'nor does any hide a plain body', %chat, hint => 'sse',
      body => "\n\n  \t" . '{"model":"m","usage":{"prompt_tokens":3,'
              . '"completion_tokens":1}}',
      expect => { stream => 0, input => 3, output => 1, model => 'm' } },
);

my @requests = (
    { name => 'an input that is an object is none of ours',
      body => '{"version":"v1","input":{"prompt":"a raccoon"}}',
      expect => { dialect => 0, turns => 0 } },
    { name => 'nor is such a prompt',
      body => '{"model":"m","prompt":{"text":"a raccoon"}}',
      expect => { dialect => 0 } },
    { name => 'Responses by a template',
      body => '{"prompt":{"id":"p1","variables":{"word":"hat"}}}',
      expect => { dialect => 3 } },
    { name => 'Responses by a template, with an input',
      body => '{"prompt":{"id":"p1"},"input":"hi"}',
      expect => { dialect => 3 } },
    { name => 'a prompt in words', body => '{"model":"m","prompt":"x"}',
      expect => { dialect => 2 } },
    { name => 'a prompt in tokens', body => '{"model":"m","prompt":[1,2]}',
      expect => { dialect => 2, estimate => 2 } },
    { name => 'words to embed',
      body => '{"model":"minilm","input":["one","two"]}',
      expect => { dialect => 4, turns => 0 } },
    { name => 'tokens to embed', body => '{"model":"m","input":[[1,2],[3]]}',
      expect => { dialect => 4, estimate => 3 } },
    { name => 'items of Responses',
      body => '{"model":"m","input":[{"role":"user","content":"hi"}]}',
      expect => { dialect => 3, turns => 1 } },
);


my $dir = File::Temp->newdir;
my ($n, %wish) = 0;
my @list;

for my $case (@shapes, @requests) {
    my $file = spew("$dir/" . ++$n, $case->{body});

    $wish{$file} = $case;
    push @list, join "\t", $case->{path}
        ? ('response', $case->{path}, $case->{hint} || 'json', $file, '')
        : ('request', '/gateway', $file);
}

my $list = spew("$dir/list", join '', map { "$_\n" } @list);

for my $kind (proof() ? qw(plain sanitized) : 'sanitized') {
    my $program = LLM::Unit::build('facts', $kind, libs => ['-lz']);
    my $splits = scale(20, 200);
    my @lines = qx{$program $splits < $list};

    is($?, 0, "$kind: one reading however the bytes are split");
    is(@lines, @list, "$kind: every body is read");

    for my $line (@lines) {
        chomp $line;

        my ($file, @fields) = split /\t/, $line, -1;
        my %got = map { /\A(\w+)=(.*)/ } @fields;
        my $want = $wish{$file}{expect};

        is_deeply({ map { $_ => $got{$_} } keys %$want }, $want,
                  "$kind: $wish{$file}{name}");
    }
}

done_testing;
