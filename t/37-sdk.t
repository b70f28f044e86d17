# The providers' own SDKs through the module: streams intact, usage hidden or
# shown, refusals raised as the SDK's own errors, a limit retried after our
# Retry-After, a spent budget not retried, and events that end a stream raised
# as errors.
#
# Runs where there is Node and LLM_SDK names a directory with SDKs in its
# node_modules ("npm install openai @anthropic-ai/sdk @google/genai" there).
#
# What this cannot see: SDKs of other languages.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use LLM::Provider qw(answer);
use LLM::Test;
use LLM::Unit;
use LLM::Upstream qw(response);
use LLM::Util qw(slurp);
use Test::More;

my $SDK = $ENV{LLM_SDK};

plan skip_all => 'LLM_SDK names no directory with node_modules'
    unless $SDK && -d "$SDK/node_modules";
plan skip_all => 'no node' unless qx{node --version 2>/dev/null} =~ /\Av/;

my $t = LLM::Test->new;
my $dump = LLM::Unit::build('reply_dump', 'plain');

my @TEXT = ('Hel', 'lo, ', "caf\x{e9} ", 'world');
my $TEXT = join '', @TEXT;

# of core/llm_dialect.h and core/llm_reply.h
my %DIALECT = (chat => 1, completions => 2, responses => 3, messages => 5,
               gemini => 7, converse => 9, ollama => 13);
my ($SSE, $NDJSON, $FRAMES) = (1, 2, 4);
my $TIMEOUT = 10;

sub event {
    my ($dialect, $framing) = @_;

    my $said = qx{$dump $DIALECT{$dialect} $framing $TIMEOUT};
    die "reply_dump: $?" if $?;
    return $said;
}

my %event = (
    (map { $_ => event($_, $SSE) }
         qw(chat completions responses messages gemini)),
    ollama => event('ollama', $NDJSON),
    converse => event('converse', $FRAMES),
);


sub gemini {
    my ($text) = @_;

    my $json = JSON::PP->new->utf8->encode({
        candidates => [{ index => 0, content => { role => 'model',
                         parts => [{ text => $text }] } }],
        usageMetadata => { promptTokenCount => 20, candidatesTokenCount => 4,
                           totalTokenCount => 24 },
        modelVersion => 'gemini-demo-001' });
    return $json;
}


# The upstream: each API, whole or as a stream, cut by our event under /event

my $up = $t->upstream(sub {
    my ($req) = @_;

    my ($path, $body) = ($req->{path}, $req->{body});
    my $stream = $body =~ /"stream":\s*true/;
    my $usage = $body =~ /"include_usage":\s*true/;
    my $cut = $path =~ m{^/event/};

    my ($api, $dialect) =
          $path =~ /chat\/completions/ ? ('openai_chat', 'chat')
        : $path =~ /\/completions/ ? ('openai_completions', 'completions')
        : $path =~ /\/responses/ ? ('openai_responses', 'responses')
        : $path =~ /\/embeddings/ ? ('embeddings', '')
        : $path =~ /\/messages/ ? ('anthropic', 'messages') : ('', '');

    if ($api) {
        my $made = answer(api => $api, stream => $stream, text => \@TEXT,
                          include_usage => $usage, model => 'demo',
                          usage => { input => 20, output => 4 });
        return response(200, ['Content-Type' => $made->{type}],
            $cut ? join('', @{ $made->{pieces} }[0 .. 2]) . $event{$dialect}
                 : $made->{body});
    }

    if ($path =~ /:streamGenerateContent/) {
        my @events = map { 'data: ' . gemini($_) . "\r\n\r\n" } @TEXT;
        return response(200, ['Content-Type' => 'text/event-stream'],
                        $cut ? $events[0] . $event{gemini}
                             : join '', @events);
    }

    return response(200, ['Content-Type' => 'application/json'],
                    gemini($TEXT)) if $path =~ /:generateContent/;

    return response(200, ['Content-Type' => 'application/x-ndjson'],
        '{"model":"m","message":{"role":"assistant","content":"Hi"},'
        . "\"done\":false}\n" . $event{ollama}) if $path =~ m{/api/chat};

    return response(200, ['Content-Type' =>
                          'application/vnd.amazon.eventstream'],
                    $event{converse}) if $path =~ /converse-stream/;

    return response(500, [], "what is $path?");
});

(my $conf = <<'EOC') =~ s/^    //mg;
    %%GLOBALS%%
    http {
        %%HTTP%%
        llm_zone zone=main:16m;
        llm_limit_zone $server_port$limit_key zone=calls:1m rate=30r/m;
        llm_budget_zone all zone=day:1m period=day;

        map $uri $limit_key {
            ~^/limit-(?<which>[abg])/   $which;
            default                     o;
        }

        server {
            listen 127.0.0.1:%%PORT_0%%;
            llm main;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;

            location /plain/ { proxy_pass http://%%UPSTREAM%%; }
            location /event/ { proxy_pass http://%%UPSTREAM%%; }
            location /usage/ {
                llm_include_usage on;
                proxy_pass http://%%UPSTREAM%%;
            }
            location /limit {
                llm_limit zone=calls burst=1r;
                proxy_pass http://%%UPSTREAM%%;
            }
            location /budget/ {
                llm_budget zone=day limit=0;
                proxy_pass http://%%UPSTREAM%%;
            }
            location /listed/ {
                llm_allow_models nothing;
                proxy_pass http://%%UPSTREAM%%;
            }
            location = /llm-status { llm off; llm_status main; }
        }
    }
EOC

$t->config($conf);
$t->start;

local $ENV{NODE_NO_WARNINGS} = 1;
my $out = qx{node $FindBin::Bin/sdk/run.js $SDK @{[$t->port]} 2>&1};
my (%got, %absent);

for my $line (split /\n/, $out) {
    my $said = eval { JSON::PP->new->utf8->decode($line) };
    if (!$said) {
        diag($line);
    } elsif ($said->{name} eq 'absent') {
        $absent{ $said->{got} } = 1;
    } else {
        $got{ $said->{name} } = $said->{got};
    }
}

# the log, by the first part of the path

my %log;
push @{ $log{ (split m{/}, $_->{request_uri})[1] } }, $_
    for map { JSON::PP->new->decode($_) }
        split /\n/, slurp($t->path('access.log'));


sub value {
    my ($name, %want) = @_;

    my $got = $got{$name};
    my $value = $got && $got->{value};
    my $wrong = !$value || grep { ($value->{$_} // '') ne $want{$_} }
                keys %want;
    ok(!$wrong, $name) or diag(explain($got));
    return;
}

sub error {
    my ($name, $error, $status, %want) = @_;

    my $got = $got{$name} || {};
    my $wrong = ($got->{error} // '') !~ /\A(?:$error)\z/
                && ($got->{name} // '') !~ /\A(?:$error)\z/
                || ($got->{status} // '') ne ($status // '')
                || grep { ($got->{$_} // '') !~ $want{$_} } keys %want;
    ok(!$wrong, "$name: $error") or diag(explain($got));
    return;
}

# so many requests of a kind, by what their bodies were answered with

sub requests {
    my ($what, $where, $match, $n) = @_;

    my @found = grep { $_->{request_uri} =~ $match } @{ $log{$where} || [] };
    is(scalar @found, $n, "$what: $n requests")
        or diag(map { "$_->{request_uri} $_->{status}\n" } @found);
    return;
}


SKIP: {
    skip 'no openai', 24 if $absent{openai};

    my %all = (text => $TEXT, usage => 20);

    value('openai chat', %all);
    value('openai stream', text => $TEXT, usage => '', empty => 0);
    value('openai stream, usage hidden', text => $TEXT, usage => '',
          empty => 0);
    value('openai stream, usage shown', %all, empty => 1);
    value('openai completions', text => $TEXT);
    value('openai responses', %all);
    value('openai responses stream', text => $TEXT);
    value('openai embeddings', usage => 20);

    is(join(' ', map { $_->{usage} } @{ $log{usage} }), 'reported reported',
       'openai: usage is known, hidden or shown');

    value('openai limit, first');
    error('openai limit', 'RateLimitError', 429,
          code => qr/^rate_limit_exceeded$/, type => qr/^rate_limit_error$/);
    error('openai limit, stream', 'RateLimitError', 429);
    value('openai limit, retried', text => $TEXT);
    cmp_ok($got{'openai limit, retried'}{seconds}, '>', 0.9,
           'openai: after our Retry-After');
    cmp_ok($got{'openai limit, retried'}{seconds}, '<', 6,
           'openai: and not long after');

    my @retries = grep { $_->{request_uri} =~ m{^/limit/} }
                  @{ $log{limit} };
    is($retries[-1]{status}, 200, 'openai: the retry passed');
    is($retries[-1]{client_retry}, 1, 'openai: it was the first');

    error('openai budget', 'RateLimitError', 429,
          code => qr/^insufficient_quota$/);
    requests('openai budget', 'budget', qr{chat/completions}, 1);
    error('openai budget, responses', 'RateLimitError', 429,
          code => qr/^insufficient_quota$/);
    requests('openai budget', 'budget', qr{v1/responses}, 1);
    error('openai models', 'PermissionDeniedError', 403,
          code => qr/^model_not_found$/);
    error('openai encoded', 'APIError|UnsupportedMediaTypeError', 415,
          code => qr/^unsupported_encoding$/);
    requests('openai models', 'listed', qr{chat/completions}, 2);

    error($_, 'APIError', undef, message => qr/took too long.*idle for 5s/)
        for 'openai event', 'openai event, completions',
            'openai event, responses';
}

SKIP: {
    skip 'no @anthropic-ai/sdk', 11 if $absent{'@anthropic-ai/sdk'};

    my %all = (text => $TEXT, usage => 20);

    value('anthropic messages', %all);
    value('anthropic stream', %all);
    value('anthropic limit, first');
    error('anthropic limit', 'RateLimitError', 429,
          message => qr/rate_limit_error/);
    value('anthropic limit, retried', text => $TEXT);
    cmp_ok($got{'anthropic limit, retried'}{seconds}, '>', 0.9,
           'anthropic: after our Retry-After');
    error('anthropic budget', 'RateLimitError', 429);
    requests('anthropic budget', 'budget', qr{v1/messages}, 1);
    error('anthropic models', 'PermissionDeniedError', 403,
          message => qr/permission_error/);
    requests('anthropic models', 'listed', qr{v1/messages}, 1);
    error('anthropic event', 'APIError', undef,
          message => qr/took too long.*idle for 5s/);
}

SKIP: {
    skip 'no @google/genai', 10 if $absent{'@google/genai'};

    my %all = (text => $TEXT, usage => 20);

    value('gemini generate', %all);
    value('gemini stream', %all);
    value('gemini limit, first');
    error('gemini limit', 'ApiError', 429,
          message => qr/RESOURCE_EXHAUSTED.*429|429.*RESOURCE_EXHAUSTED/s);
    error('gemini limit, stream', 'ApiError', 429);
    error('gemini budget', 'ApiError', 429);
    requests('gemini budget', 'budget', qr{:generateContent}, 1);
    error('gemini models', 'ApiError', 403,
          message => qr/PERMISSION_DENIED/);
    error('gemini event', 'ApiError', 504,
          message => qr/DEADLINE_EXCEEDED.*took too long/);
}

SKIP: {
    skip 'no ollama', 3 unless $got{'ollama budget'};

    error('ollama budget', 'ResponseError', 429, message => qr/Budget spent/);
    error('ollama models', 'ResponseError', 403,
          message => qr/not allowed here/);
    error('ollama event', 'Error', undef, message => qr/took too long/);
}

SKIP: {
    skip 'no cohere-ai', 2 unless $got{'cohere budget'};

    error('cohere models', 'ForbiddenError', 403);
    error('cohere budget', 'TooManyRequestsError', 429);
}

SKIP: {
    skip 'no @aws-sdk/client-bedrock-runtime', 3
        unless $got{'bedrock budget'};

    # it takes any 429 for a throttle, and x-should-retry for nothing
    error('bedrock budget', 'ServiceQuotaExceededException', 429);
    error('bedrock models', 'AccessDeniedException', 403);
    error('bedrock event', 'ModelTimeoutException|modelTimeoutException',
          $got{'bedrock event'}{status}, message => qr/took too long/);
}

$t->done;
