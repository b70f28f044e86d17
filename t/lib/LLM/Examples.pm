package LLM::Examples;

# The calls that the configurations of docs/examples promise to pass and to
# count, and a provider that answers them, each API in a stream of its own.
#
#     for my $run (runs('gemini.conf')) { ... }   all of them without a name
#
# A run: example, uri, body, headers, model, provider, secret (the letters of
# the credentials that are meant for the upstream), free (1: it costs nothing),
# keys (who calls, in place of one that carries every credential there is) and
# arrives (what the raw request holds).
#
#     for my $step (steps('tiers.conf')) { ... }  what a recipe does, in order
#
# A step: says, key, model, max (its bound), prompt, stream, uri, headers,
# times; and of each call: status, sets (the model that arrives), arrives,
# calls (how many requests arrive, 1 of each that passes), reply (what the
# body of the reply holds), least (seconds that it takes).
#
# The provider does as the headers of a call say: "X-Usage: input output" is
# what it reports, "X-Status: 503 host" is what a host answers.

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();

use LLM::Frames qw(event);
use LLM::Provider qw(answer failure);
use LLM::Test;
use LLM::Upstream qw(response);
use LLM::Util qw(slurp spew);

our @EXPORT_OK = qw(provide runs setting steps);

my $json = JSON::PP->new->utf8->canonical;

# a certificate of nobody, whose key was thrown away
my $CERTIFICATE = <<'EOC';
-----BEGIN CERTIFICATE-----
MIIBeDCCAR+gAwIBAgIUGD5ijdinLaOiBJd0DPfM1gqiRXMwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbm8gb25lMCAXDTI2MTEyMTAzMDUzMloYDzIxMjYxMDI4MDMw
NTMyWjARMQ8wDQYDVQQDDAZubyBvbmUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAQ0BI9xseD+CPmHJKrGw8z+8KuykoVhkVa6dwVnfMb7dgmydyeszWvji6JLUDaM
92QfX0Ty/W3B05nFi954mZm/o1MwUTAdBgNVHQ4EFgQUcmY+vsTUmkZddjSpC716
/C7cpIAwHwYDVR0jBBgwFoAUcmY+vsTUmkZddjSpC716/C7cpIAwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiAbeulfn8OC7fTF+ol66wRiKpA45Iyg
1YmSVbEoCOAnZgIgDTxJ5MZZPiF37ZUZDmfUqYKRfIbtPZJG+CQQ9BJmHFQ=
-----END CERTIFICATE-----
EOC

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
    ['team-budgets.conf', '/v1/chat/completions', 'gpt-5-mini', 'openai', '',
     keys => { Authorization => 'Bearer key-of-search-1',
               Cookie => 'session=secret-e' },
     arrives => ['Authorization: Bearer key-of-search-1']],
    ['prompt-size.conf', '/v1/chat/completions', 'gpt-5-mini', 'openai',
     'a'],
    ['tiers.conf', '/v1/chat/completions', 'gpt-5-nano', 'openai', '',
     keys => { Authorization => 'Bearer any-other-key',
               Cookie => 'session=secret-e' },
     arrives => ['Authorization: Bearer any-other-key']],
    ['batch-lane.conf', '/v1/chat/completions', 'gpt-5-mini', 'openai', 'a'],
    ['batch-lane.conf', '/batch/v1/chat/completions', 'gpt-5-nano', 'openai',
     'a', arrives => ['POST /v1/chat/completions HTTP/1.1']],
    ['failover.conf', '/v1/chat/completions', 'gpt-5-mini', 'openai', '',
     arrives => ['Authorization: Bearer the-key-of-openai',
                 'Host: api.openai.com']],
    (map { ["$_.conf", '/v1/chat/completions', 'gpt-5-mini', 'openai', 'a'] }
         qw(degraded canary latency-ladder)),
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


# What recipes do.  Who calls: a key that the example knows the id of.

my %STEPS;

sub steps {
    my ($name) = @_;

    return map {
        my %step = (key => '', model => 'gpt-5-mini', max => 100, times => 1,
                    prompt => 'Hello', uri => '/v1/chat/completions',
                    status => 200, headers => [], arrives => [], %$_);
        $step{calls} = $step{status} == 200 ? 1 : 0
            unless defined $step{calls};
        \%step;
    } @{ $STEPS{$name} || [] };
}

my @MILLION = ('X-Usage' => '0 1000000');

$STEPS{'team-budgets.conf'} = [
    { says => 'nobody', status => 401 },
    { says => 'a key that is of no team', key => 'key-of-lab-1',
      status => 401 },
    { says => '2 USD each', key => 'key-of-support-1', headers => \@MILLION,
      times => 2, sets => 'gpt-5-mini' },
    { says => 'from 80 % on, 0.40 each', key => 'key-of-support-1',
      headers => \@MILLION, times => 2, sets => 'gpt-5-nano' },
    { says => 'what is not to be replaced is not', sets => 'gpt-4.1-nano',
      key => 'key-of-support-1', model => 'gpt-4.1-nano' },
    { says => 'another one', key => 'key-of-support-1', sets => 'gpt-5-nano',
      headers => \@MILLION },
    { says => '5 USD are spent', key => 'key-of-support-1', status => 429,
      reply => qr/budget day.*insufficient_quota/s, times => 2 },
    { says => 'another team', key => 'key-of-search-1', sets => 'gpt-5-mini',
      headers => \@MILLION, times => 4 },
    { says => 'a second key of it', key => 'key-of-search-2',
      headers => \@MILLION, times => 4, sets => 'gpt-5-mini' },
    { says => 'has spent what the first has', key => 'key-of-search-2',
      sets => 'gpt-5-nano' },
    { says => 'without a price', key => 'key-of-search-1', model => 'x-1',
      status => 429, reply => qr/no price/ },
];


my %prompt = map { $_->[0] => 'word ' x $_->[1] }
             ['short', 10], ['longer', 2000], ['long', 5000];

$STEPS{'prompt-size.conf'} = [
    (map { my ($size, $model) = @$_;
           { says => $size, model => 'auto', prompt => $prompt{$size},
             sets => $model } }
         [short => 'gpt-5-nano'], [longer => 'gpt-5-mini'], [long => 'gpt-5']),
    (map { { says => "$_, by its name", model => 'gpt-5-mini',
             prompt => $prompt{$_}, sets => 'gpt-5-mini' } }
         sort keys %prompt),
    { says => 'another model', model => 'gpt-4o', status => 403,
      reply => qr/models/ },
];

my %pro = (key => 'key-of-pro-1', model => 'gpt-5');

$STEPS{'tiers.conf'} = [
    { says => 'nobody', status => 403, model => 'gpt-5-nano' },
    { says => 'a model of the free tier', key => 'any', model => 'gpt-5-nano',
      max => 5000, bound => 1000, headers => ['X-Usage' => '1000 4000'],
      times => 3 },
    { says => 'one that takes more than is left', key => 'any', max => 1000,
      model => 'gpt-5-nano', headers => ['X-Usage' => '1000 14000'] },
    { says => 'its tokens are spent', key => 'any', model => 'gpt-5-nano',
      max => 1000, status => 429, reply => qr/limit free/,
      headers => ['X-Usage' => '1 1'] },
    { says => 'those of another key are not', key => 'other', bound => 1000,
      model => 'gpt-5-nano', max => undef },
    { says => 'a model of another tier', key => 'any', model => 'gpt-5',
      status => 403 },
    { %pro, says => 'which has it', max => 20000, bound => 16000,
      headers => ['X-Usage' => '100000 100000'], times => 3 },
    { %pro, says => 'the last of its tokens, and more', max => 16000,
      headers => ['X-Usage' => '100000 400000'] },
    { %pro, says => 'until it has spent its own', status => 429,
      max => 16000, reply => qr/limit pro/ },
    { %pro, says => 'and not others', model => 'o3', status => 403 },
    { says => 'the lab', key => 'key-of-lab-1', model => 'o3', max => 99999,
      bound => 99999, headers => ['X-Usage' => '500000 500000'], times => 3 },
];

my @OPENAI = ('Host: api.openai.com',
              'Authorization: Bearer the-key-of-openai');
my @AZURE = ('Host: example.openai.azure.com', 'Api-Key: the-key-of-azure',
             'POST /openai/v1/chat/completions HTTP/1.1');
my %azure = (arrives => \@AZURE, never => qr{key-of-openai|mine|Host: api},
             sets => 'prod-gpt-5-mini', key => 'mine');
my %openai = (arrives => \@OPENAI, never => qr/azure|mine/, key => 'mine',
              sets => 'gpt-5-mini');
my @FAILS = ('X-Status' => '503 api.openai.com');

$STEPS{'failover.conf'} = [
    { says => 'a model that neither has', model => 'gpt-4o', status => 403 },
    { %openai, says => 'all is well', times => 10 },
    { %azure, says => 'a call that fails', headers => \@FAILS, calls => 2,
      times => 10 },
    { %azure, says => 'a breach', times => 15 },
];

my %gpt5 = (model => 'gpt-5', sets => 'gpt-5');

$STEPS{'degraded.conf'} = [
    { %gpt5, says => 'all is well', times => 10 },
    { %gpt5, says => 'it fails', headers => \@FAILS, status => 503,
      calls => 1, times => 10 },
    { says => 'a breach: the faster model', model => 'gpt-5',
      sets => 'gpt-5-mini', times => 15 },
    { says => 'another model as before', model => 'gpt-5-nano',
      sets => 'gpt-5-nano', times => 4 },
    { %gpt5, says => 'the twentieth is a probe' },
    { says => 'the next is none', model => 'gpt-5', sets => 'gpt-5-mini' },
];

my %canary = (headers => ['X-User' => 'cleo'], model => 'gpt-5');

$STEPS{'canary.conf'} = [
    { %gpt5, says => 'most', headers => ['X-User' => 'ada'], times => 5 },
    { %canary, says => 'one of ten', sets => 'gpt-5-mini', times => 5 },
    { %canary, says => 'which fails', headers => [@FAILS, 'X-User' => 'cleo'],
      status => 503, calls => 1, times => 15 },
    { %canary, says => 'is over', sets => 'gpt-5', times => 30 },
    { %gpt5, says => 'most as before', headers => ['X-User' => 'ada'] },
];

$STEPS{'latency-ladder.conf'} = [
    map { my ($user, $least) = @$_;
          { says => "$user waits $least s", headers => ['X-User' => $user],
            $least ? (least => $least) : () } }
    [leo => 0], [ada => 0.25], [eve => 0.5], [noor => 1]
];

$STEPS{'README.md'} = [
    { says => 'a key', key => 'key-1', headers => \@MILLION },
    { says => 'has spent its tokens', key => 'key-1', status => 429,
      reply => qr/limit tpm/ },
    (map { { says => "key $_", key => "key-$_", headers => \@MILLION } }
         2 .. 25),
    { says => 'all have spent 50 USD', key => 'key-26', status => 429,
      reply => qr/budget day/ },
    { says => 'another model', key => 'key-26', model => 'gpt-5',
      status => 403, reply => qr/models/ },
];

$STEPS{'batch-lane.conf'} = [
    { says => 'four at once', uri => '/batch/v1/chat/completions',
      max => 4000, bound => 2000, times => 4,
      arrives => ['POST /v1/chat/completions HTTP/1.1'] },
    { says => 'the next one in its turn', least => 0.3,
      uri => '/batch/v1/chat/completions' },
    { says => 'who is waited for does not wait', max => 4000, bound => 4000 },
    { says => 'and is not well', headers => \@FAILS, status => 503,
      calls => 1, times => 20 },
    { says => 'so the lane stands back', status => 503,
      uri => '/batch/v1/chat/completions', reply => qr/deny/, times => 3 },
];


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
    my ($path, $model, $usage) = @_;

    my ($end) = $path =~ m{([:/][^:/]*)\z};
    my ($last) = $path =~ m{(/[^/]*/[^/:]*)\z};

    for (grep { defined } $last, $end) {
        return @{ $STREAMS{$_} } if $STREAMS{$_};
    }

    my $claude = $path =~ m{/messages\z|:streamRawPredict\z};
    my $a = answer(api => $claude ? 'anthropic' : 'openai_chat', stream => 1,
                   model => $model // $path =~ s{.*/|:.*}{}gr,
                   include_usage => 1, usage => $usage);

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

    my ($status, $host) = split / /, $request->{headers}{'x-status'} || '';

    return response($status, ['Content-Type' => 'text/plain'], 'not now')
        if $host && $request->{headers}{host} eq $host;

    my ($input, $output) = split / /, $request->{headers}{'x-usage'} || '';
    my ($type, @events) = _stream($request->{path}, $call->{model},
                                  { input => $input, output => $output });

    return response(200, ['Content-Type' => $type, @SAYS], '',
                    framing => 'chunked',
                    pieces => [map { ($_, [pause => 3]) } @events]);
}


# A place for an example in a test: what adapt() of LLM::Docs takes.

sub setting {
    my ($t, $upstream) = @_;

    spew($t->path('ca.pem'), $CERTIFICATE);
    spew($t->path('prices.json'),
         slurp("$LLM::Test::TOP/docs/examples/prices.json"));

    return (dir => $t->dir, module => $LLM::Test::MODULE,
            listen => [map { $t->port($_) } 0 .. 3],
            upstream => $upstream->addr, certificate => $t->path('ca.pem'),
            user => $> == 0 ? 'user root root;' : '');
}


1;
