# How calls end whose streams are not OpenAI's: lines, frames, arrays, events
# without an end mark.  For each the same ends: in order, broken off between
# and within events, left by the client before and after the end mark.
#
# What this cannot see: which of two comes first, where a client leaves and
# an upstream breaks off in the same moment.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Calls qw(handler run);
use LLM::Frames qw(chunk damaged event exception);
use LLM::Shapes qw(lines named sse);
use LLM::Test;
use LLM::Upstream qw(response);
use Test::More;

my $frames = 'application/vnd.amazon.eventstream';
my $messages = '"messages":[{"role":"user","content":"hello"}]';
my $contents = '{"contents":[{"parts":[{"text":"hello"}]}]}';

sub gemini {
    my ($text, $out, $more) = @_;

    return '{"candidates":[{"content":{"parts":[{"text":"' . $text
           . '"}],"role":"model"},"index":0' . ($more || '') . '}],'
           . qq("usageMetadata":{"promptTokenCount":20,)
           . qq("candidatesTokenCount":$out}});
}

my @gemini = (gemini('Hello there, my friend', 4), gemini(', and more', 8),
              gemini('.', 12, ',"finishReason":"STOP"'));

# A stream: pieces, one an event; mark: what the client sees of its end; loose:
# an orderly end needs no more than the first two pieces

my @STREAMS = (
    { name => 'ollama', path => '/api/chat', type => 'application/x-ndjson',
      request => "{\"model\":\"gemma\",$messages}", mark => qr/"done":true/,
      pieces => [map { "$_\n" }
          '{"model":"gemma","message":{"content":"Hello there"},"done":false}',
          '{"model":"gemma","message":{"content":", my friend"},"done":false}',
          '{"model":"gemma","message":{"content":""},"done":true,'
          . '"done_reason":"stop","prompt_eval_count":20,"eval_count":12}'] },
    { name => 'cohere-v1', path => '/v1/chat',
      type => 'application/stream+json', mark => qr/stream-end/,
      request => '{"model":"command","message":"hello","stream":true}',
      pieces => [map { "$_\n" }
          '{"event_type":"text-generation","text":"Hello there"}',
          '{"event_type":"text-generation","text":", my friend"}',
          '{"event_type":"stream-end","finish_reason":"COMPLETE","response":'
          . '{"meta":{"tokens":{"input_tokens":20,"output_tokens":12}}}}'] },
    { name => 'converse', path => '/model/amazon.nova/converse-stream',
      type => $frames, mark => qr/outputTokens/,
      request => '{"messages":[{"role":"user","content":[{"text":"hi"}]}]}',
      pieces => [
          event('contentBlockDelta', '{"delta":{"text":"Hello there"}}'),
          event('contentBlockDelta', '{"delta":{"text":", my friend"}}'),
          event('metadata', '{"usage":{"inputTokens":20,"outputTokens":12}}')
      ] },
    { name => 'invoke', type => $frames, mark => qr/.{190}\z/s,
      path => '/model/anthropic.claude-x/invoke-with-response-stream',
      request => "{\"max_tokens\":9,$messages}", usage => 'any',
      pieces => [
          chunk('{"type":"message_start","message":{"usage":{"input_tokens":'
                . '20,"output_tokens":1}}}'),
          chunk('{"type":"content_block_delta","delta":{"type":"text_delta",'
                . '"text":"Hello there, my friend"}}'),
          chunk('{"type":"message_delta","delta":{"stop_reason":"end_turn"},'
                . '"usage":{"output_tokens":12}}')
          . chunk('{"type":"message_stop"}')] },
    { name => 'gemini', type => 'text/event-stream', request => $contents,
      path => '/v1beta/models/g:streamGenerateContent?alt=sse', loose => 1,
      pieces => [map { "data: $_\r\n\r\n" } @gemini], usage => 'any' },
    { name => 'gemini-array', type => 'application/json',
      path => '/v1beta/models/g:streamGenerateContent', usage => 'any',
      request => $contents, mark => qr/\n\]/,
      pieces => ["[$gemini[0]", "\n,\r\n$gemini[1]",
                 "\n,\r\n$gemini[2]\n]\n"] },
    { name => 'interactions', path => '/v1beta/interactions',
      type => 'text/event-stream', mark => qr/event: interaction\.completed/,
      request => '{"model":"g","stream":true,"input":"hello"}',
      pieces => [
          named(['step.delta', '{"event_type":"step.delta","delta":{"type":'
                 . '"text","text":"Hello there"}}']),
          named(['step.delta', '{"event_type":"step.delta","delta":{"type":'
                 . '"text","text":", my friend"}}']),
          named(['interaction.completed', '{"event_type":'
                 . '"interaction.completed","interaction":{"status":'
                 . '"completed","usage":{"total_input_tokens":20,'
                 . '"total_output_tokens":12}}}'])] },
    { name => 'cohere', path => '/v2/chat', type => 'text/event-stream',
      request => "{\"model\":\"command\",\"stream\":true,$messages}",
      mark => qr/event: message-end.*\n\n/s,
      pieces => [
          named(['content-delta', '{"type":"content-delta","delta":{"message"'
                 . ':{"content":{"text":"Hello there"}}}}']),
          named(['content-delta', '{"type":"content-delta","delta":{"message"'
                 . ':{"content":{"text":", my friend"}}}}']),
          named(['message-end', '{"type":"message-end","delta":'
                 . '{"finish_reason":"COMPLETE","usage":{"tokens":'
                 . '{"input_tokens":20,"output_tokens":12}}}}'])] },
    { name => 'llama', path => '/completion', type => 'text/event-stream',
      request => '{"prompt":"hello","stream":true}', usage => 'any',
      mark => qr/"stop":true.*\n\n/s,
      pieces => [sse('{"content":"Hello there","stop":false}'),
                 sse('{"content":", my friend","stop":false}'),
                 sse('{"content":"","stop":true,"stop_type":"eos",'
                     . '"tokens_predicted":12,"tokens_evaluated":20}')] },
    { name => 'tgi', path => '/generate_stream', type => 'text/event-stream',
      request => '{"inputs":"hello"}', mark => qr/generated_tokens.*\n\n/s,
      pieces => [map { "data:$_\n\n" }
          '{"token":{"text":"Hello there"},"generated_text":null}',
          '{"token":{"text":", my friend"},"generated_text":null}',
          '{"token":{"text":"."},"generated_text":"Hello there, my friend.",'
          . '"details":{"finish_reason":"eos_token","generated_tokens":12,'
          . '"input_length":20}}'] },
    { name => 'lmstudio', path => '/api/v1/chat',
      type => 'text/event-stream', mark => qr/event: chat\.end.*\n\n/s,
      request => '{"model":"granite","stream":true,"input":"hello"}',
      pieces => [
          named(['message.delta', '{"type":"message.delta","content":"Hello '
                 . 'there"}']),
          named(['message.delta', '{"type":"message.delta","content":", my '
                 . 'friend"}']),
          named(['chat.end', '{"type":"chat.end","result":{"stats":'
                 . '{"input_tokens":20,"total_output_tokens":12}}}'])] },
);


my %OK = (outcome => 'ok', error_type => '', usage => 'reported',
          input_tokens => 20, output_tokens => 12, stream => 1);

sub some { return $_[0] ne '' && $_[0] > 0 }

sub leave {
    my ($re) = @_;

    return sub { my ($c) = @_; my $ok = $c->read_until($re); $c->abort; $ok };
}

sub ends {
    my ($s) = @_;

    my @all = @{ $s->{pieces} };
    my @two = @all[0, 1];
    my $half = substr $all[2], 0, length($all[2]) / 2;
    my %partly = (usage => $s->{usage} || $s->{loose}
                           ? qr/\A(?:reported|estimated)\z/ : 'estimated',
                  output_tokens => \&some, stream => 1);
    my %broken = (%partly, outcome => 'incomplete', error_type => 'upstream');
    my %left = (%partly, outcome => 'aborted', error_type => '');
    my $early = $s->{type} eq $frames ? qr/./s : qr/Hello/;

    my $end = sub {
        my ($name, $pieces, $expect, %more) = @_;

        my $client = delete $more{client};
        my $n = "$s->{name}-$name";
        return {
            name => $n, uri => "/$n$s->{path}", body => $s->{request},
            script => [response(200, ['Content-Type' => $s->{type}], '',
                                framing => 'chunked', pieces => $pieces,
                                %more)],
            expect => $expect, $client ? (client => $client) : () };
    };

    my @cases = (
        $end->('ok', \@all, \%OK),
        $end->('close', \@all, \%OK, framing => 'close'),
        $end->('cut', \@two, \%broken, broken => 1),
        $end->('rst', \@two, \%broken, broken => 'rst'),
        $end->('half', [@two, $half], \%broken, broken => 1),
        $end->('half-close', [@two, $half], \%broken, framing => 'close'),
        $end->('in-order', \@two, $s->{loose}
               ? { %partly, outcome => 'ok', error_type => '' } : \%broken),
        $end->('left', [@two, ['hang']], \%left, client => leave($early)),
        $end->('left-half', [@two, $half, ['hang']], \%left,
               client => leave($early)),
        $end->('silent', [@two, ['hang']], \%broken),
    );

    push @cases,
        $end->('left-late', [@all, [pause => 400]], \%OK,
               client => leave($s->{mark})),
        $end->('cut-late', \@all, \%OK, broken => 1)
        if $s->{mark};

    return @cases;
}

my @cases = map { ends($_) } @STREAMS;

# an error that a stream tells is one, however the stream ends then

sub failed {
    my ($name, $path, $type, $body, $class, %more) = @_;

    return { name => $name, uri => "/$name$path",
             body => "{\"model\":\"m\",\"stream\":true,$messages}",
             script => [response(200, ['Content-Type' => $type], '',
                                 framing => 'chunked', pieces => [$body],
                                 %more)],
             expect => { outcome => 'error', error_type => $class,
                         stream => 1 } };
}

my $said = event('contentBlockDelta', '{"delta":{"text":"Hello there"}}');
my $throttled = exception('throttlingException', 'x');
my %of = map { $_->{name} => $_ } @STREAMS;

push @cases,
    failed('exception', '/model/x/converse-stream', $frames,
           $said . $throttled, 'rate_limit'),
    failed('exception-cut', '/model/x/converse-stream', $frames,
           $said . $throttled, 'rate_limit', broken => 1),
    failed('line', '/api/chat', 'application/x-ndjson',
           $of{ollama}{pieces}[0] . '{"error":"out of memory"}' . "\n",
           'other'),
    failed('line-cut', '/api/chat', 'application/x-ndjson',
           $of{ollama}{pieces}[0] . '{"error":"out of memory"}' . "\n",
           'other', broken => 1),
    failed('element', '/v1beta/models/g:streamGenerateContent',
           'application/json', "[$gemini[0]\n,\r\n"
           . '{"error":{"code":503,"status":"UNAVAILABLE"}}', 'overloaded',
           broken => 1),
    failed('bare', '/v1beta/models/g:streamGenerateContent?alt=sse',
           'text/event-stream', "data: $gemini[0]\r\n\r\n"
           . qq({\n "error": {\n  "code": 499,\n  "status": "CANCELLED"\n }\n)
           . '}', 'other', broken => 1);

# another upstream is asked where the first says no before its stream, and
# what the first said is forgotten

my %busy = (ollama => '{"error":"busy"}', converse => '{"message":"busy"}',
            gemini => '{"error":{"code":503,"status":"UNAVAILABLE"}}');
my @second;

for my $name (sort keys %busy) {
    my $s = $of{$name};
    my %again = (name => "again-$name", uri => "/again-$name$s->{path}",
                 body => $s->{request}, expect => { %OK, attempts => 2 },
                 books => { 'attempts.total' => 2, 'attempts.failed' => 1 });

    push @cases, { %again, script => [
        response(503, ['Content-Type' => 'application/json'], $busy{$name})]
    };
    push @second, { %again, script => [
        response(200, ['Content-Type' => $s->{type}], '',
                 framing => 'chunked', pieces => $s->{pieces})] };
}


my $t = LLM::Test->new;

$t->upstream(handler(@cases));
$t->upstream(handler(@second));

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:128m;
    map $uri $case { ~^/(?<c>[^/]+)/ $c; default none; }
    upstream twice {
        server %%UPSTREAM_0%% max_fails=0;
        server %%UPSTREAM_1%% backup;
    }
    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        llm_route $case;
        proxy_read_timeout 1500ms;
        proxy_http_version 1.1;

        location / { proxy_pass http://%%UPSTREAM%%; }
        location /again- {
            proxy_next_upstream error http_503 non_idempotent;
            proxy_pass http://twice;
        }
        location = /llm-status { llm off; llm_status main; access_log off; }
    }
}
EOC

$t->start;

subtest 'every end' => sub {
    my @left = @cases;

    run($t, splice @left, 0, 45) while @left;
    LLM::Calls::check_all($t, @cases);
};

$t->done;
