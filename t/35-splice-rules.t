# When a request is changed, and when it is not: signed and encoded bodies,
# models in paths, bounds that are refused; what is counted; that the next
# request on each connection is intact; that another location gets the body
# that the client sent; and that variables, labels and prices tell the right
# model.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use LLM::Client qw(build_request curl_h2 has_h2);
use LLM::Test;
use LLM::Upstream qw(response);
use Test::More;

my $t = LLM::Test->new;

# what it got, and how
my $up = $t->upstream(sub {
    my ($request) = @_;
    my $h = $request->{headers};

    return response(503, [], 'no') if $request->{uri} =~ m{\A/fail/};
    return response(200, ['X-Accel-Redirect' => "/plain$1"], '')
        if $request->{uri} =~ m{/accel(/.*)};
    return response(200, ['Content-Type' => 'application/json',
        'X-Length' => $h->{'content-length'} || 'none',
        'X-Text' => $h->{'x-text'} || '',
        'X-Body' => $h->{'x-body'} || ''], $request->{body});
});

my $http2 = has_h2() ? 'listen 127.0.0.1:%%PORT_1%% http2;' : '';

$t->config(<<"EOC");
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:8m;
    llm_price small input=1 output=2;
    keepalive_requests 1000000;
    client_max_body_size 64m;
    upstream up { server %%UPSTREAM%%; keepalive 4; }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header X-Text \$content_length;
    proxy_set_header X-Body \$request_body;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        llm_provider openai;
        client_body_buffer_size 16k;

        location /set/ {
            llm_set_model small;
            proxy_pass http://up/;
        }
        location /max/ {
            llm_max_output_tokens 100;
            proxy_pass http://up/;
        }
        location /reject/ {
            llm_max_output_tokens 100 reject;
            proxy_pass http://up/;
        }
        location /usage/ {
            llm_include_usage on;
            proxy_pass http://up/;
        }
        location /arg/ {
            llm_set_model \$arg_model;
            llm_max_output_tokens \$arg_max;
            proxy_pass http://up/;
        }
        location /pass/ {
            llm_set_model small;
            llm_unreadable pass;
            proxy_pass http://up/;
        }
        location /again/ {
            llm_set_model a-model-with-a-long-name;
            llm_max_output_tokens 3;
            proxy_pass http://up/fail/;
            proxy_intercept_errors on;
            error_page 503 = \@plain;
        }
        location /againfile/ {
            client_body_in_file_only clean;
            llm_set_model a-model-with-a-long-name;
            llm_max_output_tokens 3;
            proxy_pass http://up/fail/;
            proxy_intercept_errors on;
            error_page 503 = \@plain;
        }
        location /accel/ {
            client_body_in_file_only clean;
            llm_set_model a-model-with-a-long-name;
            proxy_pass http://up;
        }
        location /plain/ { proxy_pass http://up/; }
        location \@plain { proxy_pass http://up; }

        location /unbuffered/ {
            proxy_request_buffering off;
            llm_set_model small;
            proxy_pass http://up/;
        }
        location /limit/ {
            client_max_body_size 100;
            llm_set_model a-model-with-a-long-name;
            proxy_pass http://up/;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_2%%;
        location = /llm-status { llm_status main; }
    }

    server {
        listen 127.0.0.1:%%PORT_3%%;
        $http2
        llm main;
        llm_set_model small;
        client_body_buffer_size 1k;
        location / { proxy_pass http://up; }
    }
}
EOC
$t->start;

my $json = JSON::PP->new->utf8;
my $body = '{"model":"big-model","max_tokens":500,"messages":[]}';
my $chat = '/v1/chat/completions';
my $calls = 0;


sub call {
    my ($uri, $what, @headers) = @_;

    $calls++;
    return LLM::Client::http($t->port, POST => $uri,
                             defined $what ? $what : $body, @headers);
}


sub got {
    my ($r) = @_;

    return "status $r->{status}" if $r->{status} != 200;
    return 'length' if $r->{headers}{'x-length'} != length $r->{body};
    my $got = $json->decode($r->{body});
    return join ' ', $got->{model}, $got->{max_tokens} || '-';
}


# Bodies that somebody vouches for

for my $header (
    [Authorization => 'AWS4-HMAC-SHA256 Credential=x'],
    [Authorization => 'aws4-hmac-sha256 Credential=x'],
    ['X-Amz-Content-Sha256' => 'abc'], ['Content-MD5' => 'x'],
    [Digest => 'sha-256=x'], ['Content-Digest' => 'x'],
    ['Repr-Digest' => 'x'], [Signature => 'x'], ['Signature-Input' => 'x'])
{
    my $r = call("/set$chat", $body, @$header);
    is($r->{status}, 400, "refused: @$header");
    $r = call("/pass$chat", $body, @$header);
    is($r->{body}, $body, "or passed as it is: @$header");
}

is(call("/set$chat?X-Amz-Signature=abc")->{status}, 400, 'a signed URL');
is(call("/set$chat", $body, 'Content-Encoding' => 'gzip')->{status}, 415,
   'encoded');
is(call("/usage$chat", '{"stream":true,"model":"m"}', Digest => 'x')->{body},
   '{"stream":true,"model":"m"}', 'for usage alone nothing is refused');

for my $header (['X-Amz-Content-Sha256' => 'UNSIGNED-PAYLOAD'],
                [Authorization => 'Bearer x'],
                ['Content-Encoding' => 'identity'])
{
    is(got(call("/set$chat", $body, @$header)), 'small 500',
       "changed: @$header");
}

is(call("/set$chat", '{"model":"small"}', Digest => 'x')->{status}, 200,
   'what needs no change may be signed');


# Bodies that are not to be read, and names in paths

is(call("/set$chat", 'no JSON')->{status}, 400, 'no JSON');
is(call("/set$chat", '{"model":"a","model":"b"}')->{status}, 400,
   'two models');
is(call("/pass$chat", 'no JSON')->{body}, 'no JSON',
   'passed where that is said');

my $gemini = '/v1beta/models/gemini-pro:generateContent';
is(call("/set$gemini", '{"contents":[]}')->{status}, 400,
   'the path names another model');
is(call("/arg$gemini?model=gemini-pro", '{"contents":[]}')->{status}, 200,
   'the path names the same');


# Bounds

is(got(call("/max$chat")), 'big-model 100', 'clamped');
is(got(call("/max$chat", '{"model":"m"}')), 'm 100', 'put in');
is(call("/max$chat", '{"model":"m","max_tokens":"9"}')->{status}, 400,
   'no number');
is(call('/max/v1/embeddings', '{"model":"m","input":"a","max_tokens":900}')
   ->{body}, '{"model":"m","input":"a","max_tokens":900}', 'embeddings');
is(call("/reject$chat")->{status}, 400, 'rejected');
is(call("/reject$chat", '{"model":"m","max_tokens":-1}')->{status}, 400,
   'rejected: -1');
is(call("/reject$chat", '{"model":"m","max_tokens":"900"}')->{status}, 400,
   'rejected: no number');
is(got(call("/reject$chat", '{"model":"m","max_tokens":100}')), 'm 100',
   'not rejected');
is(got(call("/reject$chat", '{"model":"m"}')), 'm -',
   'nothing is put in where larger ones are rejected');


# Values that are empty, or mean nothing

is(call("/arg$chat")->{body}, $body, 'empty values change nothing');
is(got(call("/arg$chat?model=x&max=7")), 'x 7', 'values of variables');
cmp_ok(call("/arg$chat?max=seven")->{status}, '>=', 400,
       'no number: refused');
cmp_ok(call("/arg$chat?max=0")->{status}, '>=', 400, 'nor is 0 one');


# Another location has the client's own body, and its own length

for my $way ('again', 'againfile') {
    my $r = call("/$way$chat");
    is($r->{body}, $body, "$way: the body as it was sent");
    is($r->{headers}{'x-length'}, length $body, "$way: its length");
    is($r->{headers}{'x-text'}, length $body, "$way: \$content_length");
}

is(call("/accel$chat")->{body}, $body, 'X-Accel-Redirect: as it was sent');


# What nginx tells of the body

my $r = call("/set$chat");
is($r->{headers}{'x-body'}, $r->{body}, '$request_body is what is sent');
is($r->{headers}{'x-text'}, length $r->{body}, '$content_length as well');


# Large, and in a file

my $large = '{"x":"' . 'y' x 20_000_000 . '","model":"big-model"}';
$r = call("/set$chat", $large);
(my $small = $large) =~ s/"big-model"/"small"    /;
ok($r->{status} == 200 && $r->{body} eq $small, '20 MB')
    or diag("status $r->{status}, " . length $r->{body});


# Whole although it is not to be buffered; larger than a limit only by us

is(got(call("/unbuffered$chat")), 'small 500', 'proxy_request_buffering off');
is(call("/limit$chat", '{"model":"m","pad":"' . 'x' x 78 . '"}')->{status},
   200, 'the limit is on what the client sends');


# Pipelined: each is changed on its own, and none reaches into the next

my $c = LLM::Client->new(port => $t->port);
my @pipe = map { '{"model":"m' . 'x' x ($_ * 3) . '","messages":[],"n":'
                 . "$_}" } 1 .. 20;
$c->send(join '', map { build_request(POST => "/set$chat", $_,
                                      Connection => 'keep-alive') } @pipe);
my @got = map { $c->response->{body} } @pipe;
$c->close;
$calls += @pipe;

my @want = map { s/"m(x+)"/'"small"' . (length $1 > 4 ? ' ' x (length($1) - 4)
                                                     : '')/er } @pipe;
is_deeply(\@got, \@want, 'pipelined requests');


# By HTTP/2, in memory and in a file

SKIP: {
    skip 'no curl with HTTP/2', 2 unless $http2;

    for my $pad (10, 100_000) {
        my $r = curl_h2($t->port(1), $chat,
                        '{"model":"m","pad":"' . 'x' x $pad . '"}');
        is($r->{body}, '{"model":"small","pad":"' . 'x' x $pad . '"}',
           "HTTP/2, $pad bytes");
        $calls++;
    }
}


# Variables, series and prices

my @log = $t->logged($calls);
my ($line) = grep { $_->{uri} eq "/set$chat"
                    && $_->{status} == 200 } @log;
is($line->{request_model}, 'big-model', '$llm_request_model: the one asked');
is($line->{model}, 'small', '$llm_model: the one that was sent');
is($line->{price_match}, 'rule', 'it has the price of that');

($line) = grep { $_->{uri} eq "/max$chat" && $_->{status} == 200 } @log;
is($line->{max_tokens}, 100, '$llm_max_tokens: the one that was sent');

($line) = grep { $_->{request_uri} =~ /^.again.v1/ } @log;
is($line->{max_tokens}, 500, 'and after it was put back, the one asked for');

my $skipped = $t->status->{health}{splices_skipped};
is_deeply($skipped, { signed => 20, encoded => 1, unreadable => 3, path => 1,
                      other => 1 }, 'what was skipped is counted')
    or diag(explain($skipped));

my %models = map { $_->{labels}{model} => 1 }
             grep { $_->{labels}{route} eq '/set/' } @{ $t->status->{series} };
is(join(' ', sort keys %models), 'other small', 'the series is that of the one sent');

$t->done;
