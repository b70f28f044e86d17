# What goes into proxy_cache: answers that ended well, and no others.  Each
# case is called twice; what was stored answers the second call.  Some of those
# that must not be stored are also called where nothing is inspected, and there
# they are: the test would see them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Compress::Gzip qw(gzip);
use LLM::Calls qw(events);
use LLM::Client qw(build_request);
use LLM::Provider qw(answer failure path_of request);
use LLM::Test;
use LLM::Upstream qw(chunked response sse);
use LLM::Util qw(wait_for);
use Test::More;

my $t = LLM::Test->new;

my $JSON = 'application/json';
my $SSE = 'text/event-stream';

sub made {
    my ($api, %opt) = @_;

    return answer(api => $api, stream => 1, include_usage => 1,
                  id => 'same', %opt);
}

sub script {
    my ($made, %opt) = @_;

    return [response(200, ['Content-Type' => $made->{type}], '',
                     framing => 'chunked', pieces => $made->{pieces}, %opt)];
}

sub whole {
    my ($made, %opt) = @_;

    return [response(200, ['Content-Type' => $made->{type}], $made->{body},
                     %opt)];
}

# as of a server of old: its end is the end of the connection

sub old {
    my ($type, $body) = @_;

    return ["HTTP/1.0 200 OK\r\nContent-Type: $type\r\n\r\n$body", ['close']];
}

my $chat = made('openai_chat');
my $plain = made('openai_chat', stream => 0);
my $no_end = join '', @{ $chat->{pieces} }[0 .. 5];
my $large = '{"object":"list","data":[' . join(',', map {
        "{\"index\":$_,\"embedding\":[" . '0.12345678,' x 400 . '1]}'
    } 1 .. 700) . '],"usage":{"prompt_tokens":9,"total_tokens":9}}';

sub gemini {
    my ($finish) = @_;

    return map { "data: $_\r\n\r\n" }
        '{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}',
        '{"candidates":[{"content":{"parts":[{"text":"b"}]}'
        . ($finish ? ",\"finishReason\":\"$finish\"" : '') . '}],'
        . '"usageMetadata":{"promptTokenCount":2,"candidatesTokenCount":2}}';
}

my %to_gemini = (
    uri => '/v1beta/models/g:streamGenerateContent?alt=sse',
    body => '{"contents":[{"parts":[{"text":"x"}]}]}');

# name => [api, script, what differs in the call]

my %stored = (
    stream => [openai_chat => script($chat)],
    'stream-old' => [openai_chat => old($SSE, $chat->{body})],
    'no-last-line' => [openai_chat =>
        old($SSE, $chat->{body} =~ s/\n+\z/\n/r)],
    'paused' => [openai_chat => [sse([@{ $chat->{pieces} }[0 .. 3],
        [pause => 200], @{ $chat->{pieces} }[4 .. $#{ $chat->{pieces} }]])]],
    drip => [openai_chat => script($chat, drip => 0.1)],
    plain => [openai_chat => whole($plain), stream => 0],
    'plain-chunked' => [openai_chat => whole($plain, framing => 'chunked'),
        stream => 0],
    'plain-old' => [openai_chat => old($JSON, $plain->{body}), stream => 0],
    tools => [openai_chat => script(made('openai_chat', text => [],
        finish => 'tool_calls', tool => { name => 'f', args => ['{}'] }))],
    'too-short' => [openai_chat => script(made('openai_chat',
        finish => 'length'))],
    anthropic => [anthropic => script(made('anthropic'))],
    responses => [openai_responses => script(made('openai_responses'))],
    incomplete => [openai_responses => whole(made('openai_responses',
        stream => 0, finish => 'incomplete')), stream => 0],
    legacy => [openai_completions => script(made('openai_completions'))],
    embeddings => [embeddings => whole(made('embeddings', stream => 0)),
        stream => 0],
    gemini => [gemini => [sse([gemini('STOP')])], %to_gemini],
    'gemini-old' => [gemini => old($SSE, join '', gemini('STOP')),
        %to_gemini],
    large => [embeddings => [response(200, ['Content-Type' => $JSON],
        $large)], stream => 0],
);

my ($zipped, $zipped_bad);
gzip(\$plain->{body} => \$zipped);
gzip(\'{"error":{"message":"x","type":"server_error"}}' => \$zipped_bad);
$stored{zipped} = [openai_chat => [response(200, ['Content-Type' => $JSON,
    'Content-Encoding' => 'gzip'], $zipped)], stream => 0];

my %dropped = (
    'cut-old' => [openai_chat => old($SSE, $no_end)],
    'cut-in-event' => [openai_chat => old($SSE, substr $no_end, 0, -20)],
    'cut-chunked' => [openai_chat => script({ %$chat, pieces =>
        [@{ $chat->{pieces} }[0 .. 3]] })],
    'cut-json' => [openai_chat => old($JSON, substr $plain->{body}, 0, -1),
        stream => 0],
    'cut-anthropic' => [anthropic => script({ %$chat, pieces =>
        [grep { !/message_stop/ } @{ made('anthropic')->{pieces} }] })],
    'cut-gemini' => [gemini => old($SSE, (gemini('STOP'))[0]
        . substr((gemini('STOP'))[1], 0, -9)), %to_gemini],
    'error-event' => [openai_chat => script(made('openai_chat',
        error => ['server_error', 'sorry']))],
    'error-then-end' => [openai_chat => [sse([@{ $chat->{pieces} }[0 .. 3],
        "data: {\"error\":{\"message\":\"x\",\"type\":\"server_error\"}}\n\n",
        "data: [DONE]\n\n"])]],
    'error-anthropic' => [anthropic => script(made('anthropic',
        error => ['overloaded_error', 'sorry']))],
    'error-json' => [openai_chat => [response(200, ['Content-Type' => $JSON],
        '{"error":{"message":"x","type":"server_error"}}')], stream => 0],
    'error-zipped' => [openai_chat => [response(200, ['Content-Type' =>
        $JSON, 'Content-Encoding' => 'gzip'], $zipped_bad)], stream => 0],
    'brotli' => [openai_chat => [response(200, ['Content-Type' => $JSON,
        'Content-Encoding' => 'br'], $plain->{body})], stream => 0],
    filtered => [openai_chat => script(made('openai_chat',
        finish => 'content_filter'))],
    'filtered-plain' => [openai_chat => whole(made('openai_chat',
        stream => 0, finish => 'content_filter')), stream => 0],
    refusal => [anthropic => script(made('anthropic',
        finish => 'refusal'))],
    'gemini-safety' => [gemini => [sse([gemini('SAFETY')])], %to_gemini],
    'finish-error' => [openai_chat => script(made('openai_chat',
        finish => 'error'))],
    failed => [openai_responses => whole(made('openai_responses',
        stream => 0, finish => 'failed')), stream => 0],
    'too-many' => [openai_chat => [response(429, failure('openai_chat',
        429)->{headers}, failure('openai_chat', 429)->{body})]],
    'not-there' => [openai_chat => [response(404, ['Content-Type' => $JSON],
        '{"error":{"message":"x"}}')]],
    empty => [openai_chat => [response(200, ['Content-Type' => $JSON], '')]],
    'empty-chunked' => [openai_chat => [response(200, ['Content-Type' =>
        $SSE], '', framing => 'chunked')]],
    'empty-old' => [openai_chat => old($SSE, '')],
    page => [openai_chat => [response(200, ['Content-Type' => 'text/html'],
        '<p>busy</p>')]],
    'broken-json' => [openai_chat => [response(200, ['Content-Type' =>
        $JSON], '{"id":1,,}')], stream => 0],
);

# what plain nginx stores of these: the test sees that it would

my @control = qw(cut-old cut-json error-event error-json filtered empty-old
                 too-many);

my %script = map { $_->[0] => $_->[1][1] }
             map { my $h = $_; map { [$_, $h->{$_}] } keys %$h }
             \%stored, \%dropped;

my $up = $t->upstream(sub {
    my ($req, $state) = @_;
    my ($name) = $req->{path} =~ m{^/(?:passive/)?([^/]+)/};

    if ($name eq 'left') {
        return sse([@{ $chat->{pieces} }[0 .. 3], [pause => 400],
                    @{ $chat->{pieces} }[4 .. $#{ $chat->{pieces} }]]);
    }
    if ($name eq 'usage') {
        my $asked = $req->{body} =~ /"include_usage":\s*true/;
        return sse(made('openai_chat', include_usage => $asked)->{pieces});
    }
    if ($name eq 'lock') {
        return sse([[pause => 300], @{ $chat->{pieces} }]);
    }
    if ($name eq 'second') {
        return response(200, ['Content-Type' => $JSON], $plain->{body});
    }
    if ($name eq 'update') {
        # good, then an error, then good again, told apart by their ids
        my $n = ++$state->{update};
        return sse(made('openai_chat', id => "update-$n", $n == 2
            ? (error => ['server_error', 'sorry']) : ())->{pieces});
    }
    return @{ $script{$name} } if $script{$name};
    return response(200, ['Content-Type' => $JSON], $plain->{body});
});

# nginx >= 1.29.4 speaks HTTP/2 to upstreams

my ($v2) = map { $_->[0] ? 'proxy_http_version 2;' : '' }
    [$t->check('%%GLOBALS%% http { server { listen 127.0.0.1:%%PORT_1%%;'
               . ' proxy_http_version 2; } }')];

$t->write_file('v2', $v2);

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:32m;
    llm_price gpt-demo input=1 output=2;
    proxy_cache_path %%DIR%%/cache keys_zone=cache:4m;
    proxy_cache_path %%DIR%%/passive keys_zone=passive:4m;
    client_max_body_size 16m;
    limit_req_zone $llm_cache_key zone=keys:1m rate=1000r/s;
    map $request_uri $case { ~^/(?<c>[^/?]+) $c; default none; }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        llm_route $case;
        llm_accept_encoding pass;
        llm_inspect precontent;

        proxy_cache cache;
        proxy_cache_methods GET HEAD POST;
        proxy_cache_valid 200 404 429 1m;
        proxy_cache_key $llm_key_id:$llm_cache_key;
        proxy_http_version 1.1;
        add_header X-Cache $upstream_cache_status always;

        location / { proxy_pass http://%%UPSTREAM%%; }
        location /passive/ {
            llm_inspect passive;
            proxy_cache passive;
            proxy_cache_key $request_uri;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /update/ {
            proxy_cache_valid 200 1s;
            proxy_cache_use_stale updating;
            proxy_cache_background_update on;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /first/ {
            llm_provider one;
            error_page 502 = @second;
            proxy_pass http://127.0.0.1:1;
        }
        location @second {
            llm_provider two;
            rewrite ^ /second/v1/chat/completions break;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /set/ {
            llm_set_model $http_x_set;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /set-late/ {
            llm_inspect preaccess;
            limit_req zone=keys burst=100 nodelay;
            llm_set_model $http_x_set;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /usage/ {
            llm_include_usage on;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /v2/ {
            include %%DIR%%/v2;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /lock/ {
            proxy_cache_lock on;
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /llm-status { llm off; llm_status main; access_log off;
                                 proxy_cache off; }
    }
    server {
        listen 127.0.0.1:%%PORT_1%% http2;
        access_log off;
        location /v2/ { proxy_pass http://%%UPSTREAM%%/; }
    }
}
EOC

$t->start;

sub call {
    my ($name, $case, %opt) = @_;

    my ($api, undef, %how) = @$case;
    my $uri = ($opt{before} || '') . "/$name" . ($how{uri} || path_of($api));
    my $body = $how{body} || request($api, stream => $how{stream} // 1);

    return $t->post($uri, $body, @{ $opt{headers} || [] });
}

sub count {
    my ($name) = @_;

    return scalar grep { $_->{path} =~ m{^(?:/passive)?/$name/} }
           $up->requests;
}

for my $name (sort keys %stored) {
    my @r = map { call($name, $stored{$name}) } 1 .. 2;
    is("$r[0]{headers}{'x-cache'} $r[1]{headers}{'x-cache'}", 'MISS HIT',
       "$name: stored");
    is($r[1]{body}, $r[0]{body}, "$name: and given again as it was");
    is(count($name), 1, "$name: one call to the provider");

    my @log = $t->logged(2);
    is($log[1]{outcome}, 'ok', "$name: ok");
    is($log[1]{cost}, '', "$name: the second costs nothing");
    is($log[1]{saved_cost}, $log[0]{cost}, "$name: and saves the cost");
    is($log[1]{attempts}, 0, "$name: no attempt");
}

for my $name (sort keys %dropped) {
    my @r = map { call($name, $dropped{$name}) } 1 .. 2;
    my @cache = map { $_->{headers}{'x-cache'} } @r;
    is("@cache", 'MISS MISS', "$name: not stored");
    is(count($name), 2, "$name: two calls to the provider");
    $t->logged(2);
}

for my $name (@control) {
    my @r = map { call($name, $dropped{$name}, before => '/passive') } 1 .. 2;
    is($r[1]{headers}{'x-cache'}, 'HIT', "$name: nginx alone stores it");
    $t->logged(2);
}

SKIP: {
    skip 'no HTTP/2 to upstreams', 1 unless $v2;

    subtest 'HTTP/2 to the upstream' => sub {
        my %want = ((map { $_ => 'MISS HIT' } sort keys %stored),
                    (map { $_ => 'MISS MISS' } sort keys %dropped));
        delete @want{qw(cut-chunked)};

        for my $name (sort keys %want) {
            my $case = $stored{$name} || $dropped{$name};
            my @cache = map { call($name, $case, before => '/v2')
                                  ->{headers}{'x-cache'} } 1, 2;
            is("@cache", $want{$name}, $name);
            $t->logged(2);
        }
    };
}

my $ask = request('openai_chat', stream => 1);

subtest 'a client that leaves' => sub {
    my $c = $t->client;
    $c->send(build_request('POST', '/left/v1/chat/completions', $ask));
    events($c, 3);
    $c->abort;
    my ($log) = $t->logged(1);
    is($log->{outcome}, 'aborted', 'aborted');

    my @r = map { $t->post('/left/v1/chat/completions', $ask) } 1 .. 2;
    is("$r[0]{headers}{'x-cache'} $r[1]{headers}{'x-cache'}", 'MISS HIT',
       'nothing was stored, and the next one is');
    $t->logged(2);
};

subtest 'a client that is slow' => sub {
    my $c = $t->client;
    my $body = request('embeddings', stream => 0, model => 'slow');
    $c->send(build_request('POST', '/large/v1/embeddings', $body));
    select undef, undef, undef, 0.3;
    my $r = $c->response;
    is(length $r->{body}, length $large, 'gets all of it');
    $c->close;
    my $again = $t->post('/large/v1/embeddings', $body);
    is($again->{headers}{'x-cache'}, 'HIT', 'stored');
    $t->logged(2);
};

subtest 'callers apart' => sub {
    my @status = map { $t->post('/tenant/v1/chat/completions', $ask,
        'x-api-key' => $_)->{headers}{'x-cache'} } qw(a b a b);
    is("@status", 'MISS MISS HIT HIT', 'each has answers of its own');
    $t->logged(4);
};

subtest 'a stream and a whole answer' => sub {
    my @status = map { $t->post('/both/v1/chat/completions',
        request('openai_chat', stream => $_))->{headers}{'x-cache'} } 0, 1;
    is("@status", 'MISS MISS', 'are not the same');
    $t->logged(2);
};

subtest 'a body that cannot be read' => sub {
    for my $body ('{"model":"m"', '{"model":"m","model":"m"}', "$ask x") {
        my @status = map { $t->post('/unread/v1/chat/completions',
            $body)->{headers}{'x-cache'} } 1 .. 3;
        is("@status", 'MISS MISS MISS', "$body: nobody else's answer");
        $t->logged(3);
    }
};

subtest 'a fallback' => sub {
    my @r = map { $t->post('/first/v1/chat/completions', $ask) } 1 .. 2;
    is("$r[0]{status} $r[1]{status}", '200 200', 'answers');
    is(count('second'), 2, 'what the second provider says is not kept for '
                           . 'the first');
    $t->logged(2);
};

subtest 'a model that was set' => sub {
    my $of = sub {
        my ($place, @set) = @_;
        return join ' ', map { $t->post("/$place/v1/chat/completions", $ask,
            'X-Set' => $_)->{headers}{'x-cache'} } @set;
    };
    is($of->('set', qw(a b a b)), 'MISS MISS HIT HIT', 'is in the key');
    is($of->('set-late', qw(a b a b)), 'MISS MISS MISS MISS',
       'nothing is stored under a key that was used before');
    is($of->('set-late', ('gpt-demo') x 2), 'MISS HIT',
       'but where it is the model that was asked for');
    $t->logged(10);
};

subtest 'usage that was not asked for' => sub {
    my $asks = request('openai_chat', stream => 1, include_usage => 1);
    my @r = map { $t->post('/usage/v1/chat/completions', $_) }
            $ask =~ s/"stream_options":\{[^}]*\},?//r, $asks, $ask, $asks;
    my @seen = map { /"usage":\{/ ? 'shown' : 'hidden' }
               map { $_->{body} } @r;
    my @cache = map { $_->{headers}{'x-cache'} } @r;
    is("@cache", 'MISS HIT HIT HIT', 'one answer for all');
    is("@seen[0, 1, 3]", 'hidden shown shown', 'and the usage for those who '
                                               . 'asked');
    my @log = $t->logged(4);
    is($_->{usage}, 'reported', 'known of each') for @log;
};

subtest 'many at once' => sub {
    my @c = map { $t->client } 1 .. 5;
    $_->send(build_request('POST', '/lock/v1/chat/completions', $ask))
        for @c;
    is(scalar(grep { $_->response->{body} eq $chat->{body} } @c), 5,
       'all are answered');
    is(count('lock'), 1, 'by one call');
    $_->close for @c;
    $t->logged(5);

    # the one that holds the lock leaves: the next takes its place
    @c = map { $t->client } 1 .. 3;
    my $other = $ask =~ s/gpt-demo/gpt-next/r;
    for my $c (@c) {
        $c->send(build_request('POST', '/lock/v1/chat/completions', $other));
        select undef, undef, undef, 0.05;
    }
    $c[0]->abort;
    is(scalar(grep { $_->response->{body} eq $chat->{body} } @c[1, 2]), 2,
       'all that stay are answered');
    is(count('lock'), 3, 'by one more call');
    $_->close for @c[1, 2];
    $t->logged(3);
};

subtest 'HEAD' => sub {
    my $before = () = glob $t->path('cache/*');
    my $r = $t->head('/head/v1/chat/completions');
    is($r->{headers}{'x-cache'}, 'MISS', 'fills the cache');
    # the answer to HEAD is over before its body has come
    wait_for(10, sub { $before < (() = glob $t->path('cache/*')) });
    $r = $t->get('/head/v1/chat/completions');
    is($r->{headers}{'x-cache'}, 'HIT', 'for GET');
    $t->logged(2);
};

subtest 'updates in the background' => sub {
    my $id = sub {
        my $r = $t->post('/update/v1/chat/completions', $ask);
        my ($id) = $r->{body} =~ /"id":"(update-\d)"/;
        return "$r->{headers}{'x-cache'} $id";
    };
    my $later = sub {
        my ($n) = @_;
        select undef, undef, undef, 2.1;
        my $got = $id->();
        ok($up->wait_requests($n, 5), 'the upstream is called');
        wait_for(5, sub { count('update') == $n });
        select undef, undef, undef, 0.2;
        return $got;
    };

    is($id->(), 'MISS update-1', 'the first');
    is($id->(), 'HIT update-1', 'stored');
    is($later->(2), 'STALE update-1', 'stale, and updated with an error');
    is($id->(), 'STALE update-1', 'which is not stored');
    wait_for(5, sub { count('update') == 3 });
    select undef, undef, undef, 0.3;
    is($id->(), 'HIT update-3', 'a good one is');
    $t->logged(5);
};

$t->done;
