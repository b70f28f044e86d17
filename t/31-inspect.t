# The body is read before the request goes on: what it says chooses the
# upstream and keys a limit, whatever way the body came, and however large.
# The upstream says how much came to it, and the sum of its bytes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Books ();
use LLM::Client qw(build_request curl_h2 has_h2);
use LLM::Provider qw(answer);
use LLM::Test;
use LLM::Upstream qw(chunked response);
use LLM::Util qw(mono scale wait_for);
use Test::More;

my $t = LLM::Test->new(timeout => 400);

# one that says who it is, and what came to it

sub upstream_of {
    my ($name) = @_;

    return $t->upstream(sub {
        my ($req) = @_;

        if ($req->{path} =~ m{^/on/(\w+)/}) {
            return response(200, ['X-Accel-Redirect' => "\@$1"], '');
        }

        my $stream = $req->{body} =~ /\A.{0,100}"stream":\s*true/s;
        my $made = answer(api => 'openai_chat', stream => $stream,
                          include_usage => 1, model => $name);
        return response(200, ['Content-Type' => $made->{type},
                              'X-Upstream' => $name,
                              'X-Body' => length $req->{body},
                              'X-Sum' => unpack('%32C*', $req->{body})],
                        $made->{body});
    });
}

my ($small, $big) = map { upstream_of($_) } qw(small big);

# nginx >= 1.31.5 may read a body before there is a location

my ($early) = map { $_->[0] ? 'client_body_early_read on;' : '' }
    [$t->check('%%GLOBALS%% http { server { listen 127.0.0.1:%%PORT_4%%;'
               . ' client_body_early_read on; } }')];

$t->config(<<"EOC");
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:32m;
    client_max_body_size 100m;
    client_body_buffer_size 16k;
    proxy_buffers 8 64k;

    map \$llm_request_model \$by_model {
        gpt-small  %%UPSTREAM_0%%;
        gpt-big    %%UPSTREAM_1%%;
        default    "";
    }
    map \$llm_prompt_size \$by_size {
        1k         %%UPSTREAM_0%%;
        default    %%UPSTREAM_1%%;
    }
    map \$llm_stream \$by_stream {
        0          %%UPSTREAM_0%%;
        1          %%UPSTREAM_1%%;
    }
    map \$llm_max_tokens \$by_bound {
        ""         %%UPSTREAM_0%%;
        default    %%UPSTREAM_1%%;
    }
    split_clients \$llm_request_model \$by_split {
        50%        %%UPSTREAM_0%%;
        *          %%UPSTREAM_1%%;
    }
    map \$request_uri \$case { ~^/(?<c>[^/?]+) \$c; default none; }
    limit_req_zone \$llm_request_model zone=models:1m rate=1r/m;

    server {
        listen 127.0.0.1:%%PORT_1%% http2;
        listen 127.0.0.1:%%PORT_0%%;
        location = /llm-status { llm_status main; access_log off; }
        include %%DIR%%/locations;
    }
    server {
        listen 127.0.0.1:%%PORT_2%%;
        listen 127.0.0.1:%%PORT_3%% http2;
        $early
        include %%DIR%%/locations;
    }
}
EOC

$t->write_file('locations', $t->expand(<<'EOC'));
    llm main;
    llm_route $case;
    llm_inspect_max 100m;
    llm_inspect precontent;

    location / { proxy_pass http://$by_model; }
    location /preaccess/ {
        llm_inspect preaccess;
        proxy_pass http://$by_model;
    }
    location /memory/ {
        client_body_buffer_size 8m;
        proxy_pass http://$by_model;
    }
    location /file/ {
        client_body_in_file_only clean;
        proxy_pass http://$by_model;
    }
    location /unbuffered/ {
        proxy_request_buffering off;
        proxy_http_version 1.1;
        proxy_pass http://$by_model;
    }
    location /mirror/ {
        mirror /copy;
        proxy_pass http://$by_model;
    }
    location = /copy {
        internal;
        proxy_pass http://%%UPSTREAM_1%%/copy$request_uri;
    }
    location /auth/ {
        auth_request /ask;
        proxy_pass http://$by_model;
    }
    location = /ask {
        internal;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_pass http://%%UPSTREAM_1%%/ask;
    }
    location /on/next/ {
        llm off;
        proxy_pass http://%%UPSTREAM_0%%;
    }
    location /on/filed/ {
        llm off;
        client_body_in_file_only clean;
        proxy_pass http://%%UPSTREAM_0%%;
    }
    location @next { rewrite ^/on/next(.*)$ $1 break;
                     proxy_pass http://$by_model; }
    location @filed { rewrite ^/on/filed(.*)$ $1 break;
                      proxy_pass http://$by_model; }
    location /again/ {
        error_page 502 = @next;
        proxy_pass http://127.0.0.1:1;
    }
    location /size/ { proxy_pass http://$by_size; }
    location /stream/ { proxy_pass http://$by_stream; }
    location /bound/ { proxy_pass http://$by_bound; }
    location /split/ { proxy_pass http://$by_split; }
    location /passive/ {
        llm_inspect passive;
        proxy_pass http://$by_model;
    }
    location /limited/ {
        llm_inspect preaccess;
        limit_req zone=models;
        proxy_pass http://%%UPSTREAM%%;
    }
    location /bounded/ {
        llm_inspect_max 20k;
        proxy_pass http://%%UPSTREAM%%;
        add_header X-Model $llm_request_model;
        add_header X-Size $llm_prompt_size;
    }
    location /timed/ {
        client_body_timeout 300ms;
        proxy_pass http://%%UPSTREAM%%;
    }
    location /few/ {
        client_max_body_size 10k;
        error_page 413 /large.json;
        proxy_pass http://%%UPSTREAM%%;
    }
    location = /large.json { return 413 '{"error":"too large"}'; }
EOC

$t->start;

my $path = '/v1/chat/completions';

# A body of so many bytes, the model behind the prompt.

sub body_of {
    my ($model, $bytes, $more) = @_;

    my $head = '{"messages":[{"role":"user","content":"';
    my $tail = '"}],' . ($more || '') . "\"model\":\"$model\"}";
    my $n = ($bytes || 0) - length("$head$tail");

    return $head . 'lorem ' x int($n > 0 ? $n / 6 : 0)
         . 'x' x ($n > 0 ? $n % 6 : 0) . $tail;
}

sub prompt_of { return length(($_[0] =~ /"content":"([^"]*)"/)[0]) }

sub pieces {
    my ($body, $most) = @_;

    my ($at, @pieces) = (0);
    while ($at < length $body) {
        my $n = 1 + int rand $most;
        push @pieces, substr $body, $at, $n;
        $at += $n;
    }
    return @pieces;
}

sub in_chunks { return join '', map({ chunked($_) } @_), "0\r\n\r\n" }

sub send_slowly {
    my ($c, @pieces) = @_;

    for my $piece (@pieces) {
        $c->send($piece);
        select undef, undef, undef, 0.0005 if rand() < 0.3;
    }
    return $c->response;
}

# Ways to send it: each gives the response.

my %ways = (
    whole => sub { my ($uri, $body) = @_; $t->post($uri, $body) },
    chunks => sub {
        my ($uri, $body) = @_;
        return $t->post($uri, in_chunks(pieces($body, length $body)),
                        'Transfer-Encoding' => 'chunked');
    },
    'pieces' => sub {
        my ($uri, $body) = @_;
        my $c = $t->client;
        $c->send(build_request('POST', $uri, undef,
                 'Content-Length' => length $body));
        return send_slowly($c, pieces($body, 1 + (length $body) / 10));
    },
    'pieces of chunks' => sub {
        my ($uri, $body) = @_;
        my $c = $t->client;
        $c->send(build_request('POST', $uri, undef,
                 'Transfer-Encoding' => 'chunked'));
        my $sent = in_chunks(pieces($body, 1 + (length $body) / 3));
        return send_slowly($c, pieces($sent, 1 + (length $sent) / 10));
    },
    expect => sub {
        my ($uri, $body) = @_;
        my $c = $t->client;
        $c->send(build_request('POST', $uri, undef,
                 'Content-Length' => length $body,
                 Expect => '100-continue'));
        $c->read_until(qr/HTTP\/1\.1 100 Continue\r\n\r\n/)
            or return { status => 'no 100', headers => {} };
        $c->send($body);
        return $c->response;
    },
    '1.0' => sub {
        my ($uri, $body) = @_;
        my $c = $t->client;
        $c->send("POST $uri HTTP/1.0\r\nContent-Length: " . length($body)
                 . "\r\n\r\n$body");
        return $c->response;
    },
);

sub arrived {
    my ($name, $r, $body, $upstream) = @_;

    my @got = ($r->{status}, @{ $r->{headers} }{qw(x-upstream x-body x-sum)});
    is("@{[map { $_ // '' } @got]}",
       "200 $upstream " . length($body) . ' ' . unpack('%32C*', $body),
       $name);
}

srand($ENV{LLM_SEED} || 1);

my @sizes = (1, 1000, 16_383 .. 16_385, 20_480, 65_536, 300_000,
             scale((), map { 16_384 * $_ } 3 .. 40));
my $calls = 0;

subtest 'sizes and ways' => sub {
    for my $server (0, $early ? 2 : ()) {
        $t->{port_at} = $server;

        for my $place ('', qw(/preaccess /memory /file /unbuffered /mirror
                              /auth))
        {
            for my $way (sort keys %ways) {
                for my $size (@sizes) {
                    my $model = $size % 2 ? 'small' : 'big';
                    my $body = body_of("gpt-$model", $size);
                    arrived("$server$place, $way: $size",
                            $ways{$way}->("$place$path", $body), $body,
                            $model);
                    $calls++;
                }
            }
        }
    }

    $t->{port_at} = 0;
    is(scalar(my @l = grep { $_->{outcome} eq 'ok'
              && $_->{request_model} =~ /^gpt-(?:big|small)$/ }
              $t->logged($calls, 30)), $calls, 'and as many calls');

    my @copies = grep { $_->{uri} =~ m{^/copy} } $big->requests;
    cmp_ok(scalar @copies, '>', 0, 'mirrors are made');
    is(scalar(grep { $_->{body} !~ /"model":"gpt-(?:big|small)"\}\z/ }
              @copies), 0, 'of the whole body');
};

subtest 'large' => sub {
    my $body = body_of('gpt-big', 64 * 1024 * 1024);
    my @ports = (0, $early ? 2 : ());
    my @prompts = (prompt_of($body)) x @ports;

    for my $port (@ports) {
        $t->{port_at} = $port;
        arrived("64 MB, $port", $t->post($path, $body), $body, 'big');
    }

    $t->{port_at} = 0;
    $body = body_of('gpt-big', 20 * 1024 * 1024);
    arrived('20 MB, read where llm is off', $t->post("/on/filed$path",
                                                     $body), $body, 'big');

    for ($t->logged(@ports + 1, 20)) {
        is($_->{prompt_size}, 'more', 'is known to be so');
        is($_->{prompt_bytes}, shift @prompts || prompt_of($body),
           'to the byte');
    }
};

subtest 'read where llm is off' => sub {
    for my $place (qw(next filed)) {
        for my $size (1, 16_384, 100_000, 3_000_000) {
            my $body = body_of('gpt-small', $size);
            arrived("$place: $size", $t->post("/on/$place$path", $body),
                    $body, 'small');
            my ($log) = $t->logged(1);
            is($log->{prompt_bytes}, prompt_of($body), 'to the byte');
        }
    }
};

subtest 'a second location' => sub {
    for my $size (1, 100_000) {
        my $body = body_of('gpt-small', $size);
        arrived("again: $size", $t->post("/again$path", $body), $body,
                'small');
    }
    $t->logged(2);
};

SKIP: {
    skip 'curl without HTTP/2', 1 unless has_h2();

    subtest 'HTTP/2' => sub {
        for my $server (1, $early ? 3 : ()) {
            for my $place ('', qw(/preaccess /file /memory /unbuffered)) {
                for my $size (1, 16_385, 300_000) {
                    for my $long ([], ['-H', 'Content-Length:']) {
                        my $body = body_of('gpt-small', $size);
                        my $r = curl_h2($t->port($server), "$place$path",
                                        $body, '-D', '-', @$long);
                        my %h = $r->{body} =~ /^(x-\w+): (\w+)\r?$/mg;
                        arrived("$server$place: $size",
                                { status => $r->{status}, headers => \%h },
                                $body, 'small');
                        $t->logged(1);
                    }
                }
            }
        }
    };
}

subtest 'keepalive and pipelines' => sub {
    my $c = $t->client;
    my @bodies = map { body_of($_ % 2 ? 'gpt-small' : 'gpt-big',
                               $_ * 7_000) } 1 .. 8;
    $c->send(join '', map { build_request('POST', $path, $_,
                                          Connection => undef) } @bodies);
    for my $i (1 .. 8) {
        arrived("answer $i", $c->response, $bodies[$i - 1],
                $i % 2 ? 'small' : 'big');
    }
    $c->close;
    $t->logged(8);
};

subtest 'what is chosen by' => sub {
    my %case = (
        'a short prompt' => ['size', body_of('m', 100), 'small'],
        'a long one' => ['size', body_of('m', 200_000), 'big'],
        'a stream' => ['stream', body_of('m', 9, '"stream":true,'), 'big'],
        'none' => ['stream', body_of('m', 9), 'small'],
        'a bound' => ['bound', body_of('m', 9, '"max_tokens":5,'), 'big'],
        'no bound' => ['bound', body_of('m', 9), 'small'],
    );

    for my $name (sort keys %case) {
        my ($place, $body, $want) = @{ $case{$name} };
        is($t->post("/$place$path", $body)->{headers}{'x-upstream'}, $want,
           $name);
        $t->logged(1);
    }

    my %split;
    for my $i (1 .. 20) {
        my @to = map { $t->post("/split$path", body_of("m$i"))
                           ->{headers}{'x-upstream'} } 1, 2;
        is($to[0], $to[1], "m$i goes where it went") if $i < 3;
        $split{ $to[0] }++;
        $t->logged(2);
    }
    is(join(' ', sort keys %split), 'big small', 'models are split');

    my @status = map { $t->post("/limited$path", body_of($_))->{status} }
                 qw(a a b);
    is("@status", '200 503 200', 'a limit a model');
    $t->logged(3);
};

subtest 'passive' => sub {
    my $r = $t->post("/passive$path", body_of('gpt-small'));
    is($r->{status}, 500, 'not known when it is asked for');
    my @said = $t->errors(qr/llm_request_model" is read before/);
    is(scalar @said, 1, 'which is said');
    $t->logged(1);
};

subtest 'nothing to read' => sub {
    is($t->post("/bound$path", '')->{headers}{'x-body'}, 0, 'an empty body');
    is($t->get("/bound$path")->{headers}{'x-body'}, 0, 'GET');
    is($t->head("/bound$path")->{headers}{'x-body'}, 0, 'HEAD');
    is($t->http('PUT', '/bound/files/x', 'a' x 50_000)
           ->{headers}{'x-body'}, 50_000, 'PUT of something else');
    is($t->http('GET', "/bound$path", body_of('m', 9, '"max_tokens":5,'))
           ->{headers}{'x-upstream'}, 'big', 'GET with a body');
    $t->logged(5);
};

subtest 'llm_inspect_max' => sub {
    my $r = $t->post("/bounded$path", body_of('m', 20_480));
    is($r->{headers}{'x-model'}, 'm', 'up to it a body is read');
    my $body = '{"model":"first",' . substr body_of('m', 20_480), 1;
    $r = $t->post("/bounded$path", $body);
    is($r->{headers}{'x-body'}, length $body, 'a longer one passes');
    is($r->{headers}{'x-size'}, undef, 'of a size that is not known');
    my @log = $t->logged(2);
    is($log[1]{turns}, '', 'unread');
};

subtest 'too large' => sub {
    my $body = body_of('m', 50_000);
    my $r = $t->post("/few$path", $body);
    is($r->{status}, 413, 'announced');
    like($r->{body}, qr/too large/, 'by the page');
    $r = $t->post("/few$path", in_chunks(pieces($body, 5000)),
                  'Transfer-Encoding' => 'chunked');
    is($r->{status}, 413, 'in chunks');
    like($r->{body}, qr/too large/, 'by the page');
    my @log = $t->logged(2);
    is($log[1]{outcome}, 'error', 'an error of the call');
    is(scalar(grep { $_->{uri} =~ m{^/few} } $small->requests), 0,
       'nothing went on');
};

subtest 'time' => sub {
    my $c = $t->client;
    my $body = body_of('gpt-small', 1000);
    $c->send(build_request('POST', $path, undef,
                           'Content-Length' => length $body));
    $c->send(substr $body, 0, 500);
    select undef, undef, undef, 0.3;
    $c->send(substr $body, 500);
    arrived('a slow body', $c->response, $body, 'small');
    my ($log) = $t->logged(1);
    cmp_ok($log->{wait}, '>', 0.29, 'is waited for');
    cmp_ok($log->{wait}, '<', $log->{duration} + 1e-9, 'and no longer');
};

subtest 'a client that stops' => sub {
    my $c = $t->client;
    $c->send(build_request('POST', "/timed$path", undef,
                           'Content-Length' => 1000));
    $c->send('{"model":"m",');
    my $r = $c->response;
    $c->close;
    my ($log) = $t->logged(1);
    is($log->{outcome}, 'aborted', 'is no call that was answered');
    like($log->{status}, qr/^(?:400|408)$/, 'its time is over');
};

subtest 'clients that leave, or say nothing' => sub {
    my $before = $small->requests;
    my $n = scale(60, 2000);

    for my $i (1 .. $n) {
        my $place = ('', qw(/preaccess /file))[$i % 3];
        my $body = body_of('gpt-small', 1 + int rand 60_000);
        my $c = $t->client;
        $t->{port_at} = $early && $i % 2 ? 2 : 0;
        if ($i % 4) {
            $c->send(build_request('POST', "$place$path", undef,
                                   'Content-Length' => length $body));
            $c->send(substr $body, 0, int rand length $body);
        } else {
            my $sent = in_chunks(pieces($body, 3000));
            $c->send(build_request('POST', "$place$path", undef,
                                   'Transfer-Encoding' => 'chunked'));
            $c->send(substr $sent, 0, int((length $sent) * rand 0.9));
        }
        select undef, undef, undef, 0.002 if rand() < 0.5;
        $i % 5 ? $c->abort : $c->close;
    }

    $t->{port_at} = 0;
    my @log = $t->logged($n, 20);
    is(scalar @log, $n, 'as many calls');
    is(scalar(grep { $_->{outcome} eq 'ok' } @log), 0, 'none of them ok');
    is(scalar($small->requests), $before, 'none went on');
    ok(wait_for(5, sub { !LLM::Books::in_flight($t->status) }),
       'none in flight');
};

$t->done;
