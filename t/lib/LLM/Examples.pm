package LLM::Examples;

# The calls that the configurations of docs/examples promise to pass and to
# count, and a provider that answers them, each API in a stream of its own.
#
#     for my $run (runs('gemini.conf')) { ... }   all of them without a name
#
# A run: example, uri, body, headers, model, provider, secret (the letters of
# the credentials that are meant for the upstream), free (1: it costs nothing)
# and arrives (what the raw request holds).

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();

use LLM::Frames qw(event);
use LLM::Provider qw(answer failure);
use LLM::Upstream qw(response);

our @EXPORT_OK = qw(provide runs);

my $json = JSON::PP->new->utf8->canonical;

my $VERTEX = '/v1/projects/p/locations/us-east5/publishers';
my $BEDROCK = 'bedrock-runtime.us-east-1.amazonaws.com';
my $PROFILE = 'us.anthropic.claude-sonnet-4-5-20250929-v1';
my $gemini = $json->encode({
    contents => [{ role => 'user', parts => [{ text => 'Hello' }] }] });
my $converse = $json->encode({
    messages => [{ role => 'user', content => [{ text => 'Hello' }] }] });

# [example, uri, model, provider, secret, other fields]

my @RUNS = (
    ['openai.conf', '/v1/chat/completions', 'gpt-5-mini', 'openai', 'a'],
    ['anthropic.conf', '/v1/messages', 'claude-sonnet-4-5', 'anthropic', 'b'],
    ['gemini.conf', '/v1beta/models/gemini-2.5-flash:streamGenerateContent'
     . '?alt=sse', 'gemini-2.5-flash', 'gcp.gemini', 'd', body => $gemini],
    ['vertex.conf', "$VERTEX/google/models/gemini-2.5-pro:"
     . 'streamGenerateContent?alt=sse', 'gemini-2.5-pro', 'gcp.vertex_ai',
     'a', body => $gemini],
    ['vertex.conf', "$VERTEX/anthropic/models/claude-sonnet-4-5\@20250929:"
     . 'streamRawPredict', 'claude-sonnet-4-5@20250929', 'gcp.vertex_ai', 'a',
     body => '{"anthropic_version":"vertex-2023-10-16","stream":true,'
             . '"max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}'],
    ['bedrock.conf', "http://$BEDROCK/model/$PROFILE%3A0/converse-stream",
     "$PROFILE:0", 'aws.bedrock', 'a', body => $converse,
     headers => [Host => $BEDROCK, 'Accept-Encoding' => 'gzip'],
     arrives => ["POST /model/$PROFILE%3A0/converse-stream HTTP/1.1",
                 "Host: $BEDROCK", 'Accept-Encoding: gzip']],
    ['ollama.conf', '/api/chat', 'gemma3', 'ollama', '', free => 1,
     body => '{"model":"gemma3","messages":[{"role":"user","content":"Hi"}]}'],
    ['ollama.conf', '/v1/chat/completions', 'qwen3', 'ollama', '', free => 1],
    ['many-providers.conf', '/openai/v1/chat/completions', 'gpt-5-mini',
     'openai', 'a'],
    ['many-providers.conf', '/anthropic/v1/messages', 'claude-sonnet-4-5',
     'anthropic', 'b'],
    ['many-providers.conf', '/groq/openai/v1/chat/completions',
     'llama-3.1-8b-instant', 'groq', 'a'],
    ['metrics.conf', '/v1/chat/completions', 'gpt-5-mini', 'openai', 'a'],
    ['access-log.conf', '/v1/chat/completions', 'gpt-5-mini', 'openai', 'a'],
    ['existing-nginx.conf', '/llm/v1/chat/completions', 'gpt-5-mini',
     'openai', 'a'],
    ['exact-cache.conf', '/v1/chat/completions', 'gpt-5-mini', 'openai',
     'a'],
    ['README.md', '/v1/chat/completions', 'gpt-5-mini', 'openai', 'a'],
);


sub runs {
    my ($name) = @_;

    my @runs;

    for (@RUNS) {
        my ($example, $uri, $model, $provider, $secret, %more) = @$_;

        push @runs, {
            example => $example, uri => $uri, model => $model,
            provider => $provider, secret => $secret, headers => [],
            arrives => [], body => '{"model":"' . $model . '","stream":true,'
                . '"messages":[{"role":"user","content":"Hello"}]}', %more,
        } if !defined $name || $name eq $example;
    }

    return @runs;
}


# The end of a path => content type, events

my %STREAMS = (
    ':streamGenerateContent' => ['text/event-stream', map { "data: $_\r\n\r\n" }
        '{"candidates":[{"content":{"parts":[{"text":"Hel"}]},"index":0}],'
        . '"usageMetadata":{"promptTokenCount":6,"candidatesTokenCount":1}}',
        '{"candidates":[{"content":{"parts":[{"text":"lo"}]},"index":0,'
        . '"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":6,'
        . '"candidatesTokenCount":2}}'],
    '/converse-stream' => ['application/vnd.amazon.eventstream',
        event('messageStart', '{"role":"assistant"}'),
        event('contentBlockDelta', '{"delta":{"text":"Hello"}}'),
        event('messageStop', '{"stopReason":"end_turn"}'),
        event('metadata', '{"usage":{"inputTokens":6,"outputTokens":2}}')],
    '/api/chat' => ['application/x-ndjson', map { "$_\n" }
        '{"model":"gemma3","message":{"content":"Hello"},"done":false}',
        '{"model":"gemma3","message":{"content":""},"done":true,'
        . '"done_reason":"stop","prompt_eval_count":6,"eval_count":2}'],
);

sub _stream {
    my ($path, $model) = @_;

    my ($end) = $path =~ m{([:/][^:/]*)\z};
    my ($last) = $path =~ m{(/[^/]*/[^/:]*)\z};

    for (grep { defined } $last, $end) {
        return @{ $STREAMS{$_} } if $STREAMS{$_};
    }

    my $claude = $path =~ m{/messages\z|:streamRawPredict\z};
    my $a = answer(api => $claude ? 'anthropic' : 'openai_chat', stream => 1,
                   model => $model // $path =~ s{.*/|:.*}{}gr,
                   include_usage => 1);

    return ($a->{type}, @{ $a->{pieces} });
}

my @SAYS = map { ("x-ratelimit-$_" => 9) }
           map { ("limit-$_", "remaining-$_", "reset-$_") }
           qw(requests tokens);

sub provide {
    my ($request) = @_;

    my $call = eval { $json->decode($request->{body}) } || {};

    if (($call->{model} || '') eq 'busy') {
        my $f = failure('openai_chat', 429);
        return response($f->{status}, $f->{headers}, $f->{body});
    }

    my ($type, @events) = _stream($request->{path}, $call->{model});

    return response(200, ['Content-Type' => $type, @SAYS], '',
                    framing => 'chunked',
                    pieces => [map { ($_, [pause => 3]) } @events]);
}


1;
