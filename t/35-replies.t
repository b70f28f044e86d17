# How a refusal reaches the client: in the shape of each API, with the headers
# of limits and budgets, through error_page as limit_req's do, and with the
# connection in order for what comes next.
#
# What this cannot see: what SDKs make of it; that is 37-sdk.t.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use LLM::Client qw(build_request curl_h2 has_h2 http);
use LLM::Provider qw(answer);
use LLM::Test;
use LLM::Upstream qw(response);
use LLM::Util qw(scale);
use Test::More;

my $t = LLM::Test->new;

my $up = $t->upstream(sub {
    my ($req) = @_;
    my $made = answer(api => 'openai_chat', model => 'm',
                      usage => { input => 10, output => 5 });
    return $req->{path} =~ /broken/
           ? response(502, ['Content-Type' => 'text/plain'], 'broken')
           : response(200, ['Content-Type' => $made->{type}], $made->{body});
});

$t->write_file('html/busy.json', '{"busy":true}');

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:16m;
    client_max_body_size 8m;
    client_body_buffer_size 16k;

    llm_limit_zone $http_x_who zone=calls:1m rate=2r/h;
    llm_limit_zone $http_x_who zone=tokens:1m rate=100t/s;
    llm_budget_zone $http_x_who zone=day:1m period=day;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        root %%DIR%%/html;

        location / {
            llm_allow_models good;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /calls/ {
            llm_limit zone=calls;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /teapot/ {
            llm_limit zone=calls status=418;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /tokens/ {
            llm_limit zone=tokens burst=300000t;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /budget/ {
            llm_budget zone=day limit=0;
            proxy_pass http://%%UPSTREAM%%;
        }

        # caught

        location /named/ {
            error_page 429 = @spare;
            llm_budget zone=day limit=0;
            proxy_pass http://%%UPSTREAM%%;
        }
        location @spare { proxy_pass http://%%UPSTREAM%%; }

        location /page/ {
            error_page 429 /busy.json;
            llm_limit zone=calls;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /page200/ {
            error_page 429 =200 /busy.json;
            llm_budget zone=day limit=0;
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /busy.json { llm off; default_type application/json; }

        location /other/ {
            error_page 403 404 503 /busy.json;
            llm_budget zone=day limit=0;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /moved/ {
            error_page 429 =302 http://127.0.0.1/elsewhere;
            llm_budget zone=day limit=0;
            proxy_pass http://%%UPSTREAM%%;
        }

        # the second location refuses as well

        location /twice/ {
            error_page 429 = @twice;
            llm_budget zone=day limit=0;
            proxy_pass http://%%UPSTREAM%%;
        }
        location @twice {
            error_page 403 /busy.json;
            llm_allow_models nothing;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /recursive/ {
            recursive_error_pages on;
            error_page 429 = @recursive;
            llm_budget zone=day limit=0;
            proxy_pass http://%%UPSTREAM%%;
        }
        location @recursive {
            recursive_error_pages on;
            error_page 403 =200 /busy.json;
            llm_allow_models nothing;
            proxy_pass http://%%UPSTREAM%%;
        }

        # an upstream fails, and the gate of the next location refuses

        location /broken/ {
            proxy_intercept_errors on;
            error_page 502 = @gated;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /broken502/ {
            proxy_intercept_errors on;
            error_page 502 @gated;
            proxy_pass http://%%UPSTREAM%%;
        }
        location @gated {
            llm_budget zone=day limit=0;
            proxy_pass http://%%UPSTREAM%%;
        }

        location = /llm-status { llm off; llm_status main; }
    }
}
EOC

$t->start;

my $json = JSON::PP->new->utf8->allow_nonref;
my $chat = '/v1/chat/completions';
my $body = '{"model":"bad","messages":[{"role":"user","content":"Hi"}]}';

sub chat {
    my ($where, $who) = @_;

    return http($t->port, 'POST', "$where$chat", $body,
                $who ? ('X-Who' => $who) : ());
}

sub log_of {
    my ($line) = $t->logged(1);
    return $line;
}


# the shape of each API: path, body, what stands where, header

my $text = 'This model is not allowed here (models:reject): '
         . 'the model is not on the list';

my @shapes = (
    ['chat', $chat, $body,
     { error => { message => $text, type => 'invalid_request_error',
                  param => 'model', code => 'model_not_found' } }],
    ['completions', '/v1/completions', '{"model":"bad","prompt":"x"}',
     { error => { message => $text, type => 'invalid_request_error',
                  param => 'model', code => 'model_not_found' } }],
    ['Responses', '/v1/responses', '{"model":"bad","input":"x"}',
     { error => { message => $text, type => 'invalid_request_error',
                  param => 'model', code => 'model_not_found' } }],
    ['embeddings', '/v1/embeddings', '{"model":"bad","input":"x"}',
     { error => { message => $text, type => 'invalid_request_error',
                  param => 'model', code => 'model_not_found' } }],
    ['images', '/v1/images/generations', '{"model":"bad","prompt":"x"}',
     { error => { message => $text, type => 'invalid_request_error',
                  param => 'model', code => 'model_not_found' } }],
    ['Anthropic', '/v1/messages', '{"model":"bad","messages":[]}',
     { type => 'error',
       error => { type => 'permission_error', message => $text } }],
    ['Gemini', '/v1beta/models/bad:generateContent', '{"contents":[]}',
     { error => { code => 403, message => $text,
                  status => 'PERMISSION_DENIED' } }],
    ['Gemini, a stream', '/v1beta/models/bad:streamGenerateContent?alt=sse',
     '{"contents":[]}',
     { error => { code => 403, message => $text,
                  status => 'PERMISSION_DENIED' } }],
    ['Gemini embeddings', '/v1beta/models/bad:embedContent',
     '{"content":{"parts":[{"text":"x"}]}}',
     { error => { code => 403, message => $text,
                  status => 'PERMISSION_DENIED' } }],
    ['Interactions', '/v1beta/interactions', '{"model":"bad","input":"x"}',
     { error => { code => 403, message => $text,
                  status => 'PERMISSION_DENIED' } }],
    ['Converse', '/model/bad/converse', '{"messages":[]}',
     { message => $text }, 'AccessDeniedException'],
    ['InvokeModel', '/model/bad/invoke', '{"prompt":"x"}',
     { message => $text }, 'AccessDeniedException'],
    ['Cohere', '/v2/chat', '{"model":"bad","messages":[]}',
     { message => $text }],
    ['Cohere of old', '/v1/chat', '{"model":"bad","message":"x"}',
     { message => $text }],
    ['Ollama', '/api/chat', '{"model":"bad","messages":[]}',
     { error => $text }],
    ['llama.cpp', '/completion', '{"model":"bad","prompt":"x"}',
     { error => { code => 403, message => $text,
                  type => 'permission_error' } }],
    ['TGI', '/generate', '{"model":"bad","inputs":"x"}',
     { error => $text, error_type => 'validation' }],
    ['LM Studio', '/api/v1/chat', '{"model":"bad","input":"x"}',
     { error => { message => $text, type => 'invalid_request_error',
                  param => 'model', code => 'model_not_found' } }],
    ['Workers AI', '/client/v4/accounts/a/ai/run/@cf/bad', '{"prompt":"x"}',
     { result => undef, success => JSON::PP::false,
       errors => [{ code => 403, message => $text }], messages => [] }],
);

for my $shape (@shapes) {
    my ($name, $path, $sent, $want, $header) = @$shape;

    my $r = http($t->port, 'POST', $path, $sent);
    is($r->{status}, 403, "$name: status");
    is_deeply(eval { $json->decode($r->{body}) }, $want, "$name: body")
        or diag($r->{body});
    is($r->{headers}{'content-type'}, 'application/json', "$name: type");
    is($r->{headers}{'content-length'}, length $r->{body}, "$name: length");
    is($r->{headers}{'x-amzn-errortype'}, $header, "$name: header");
    is($r->{headers}{'x-should-retry'}, 'false', "$name: no better next time");
    my $line = log_of();
    is("$line->{outcome} $line->{error_type} $line->{gate}",
       'refused gate models:reject', "$name: in the log");
}


# limits: headers

{
    my @r = map { chat('/calls', 'a') } 1 .. 3;
    is("@{[map { $_->{status} } @r]}", '200 200 429', 'the third is refused');

    my $h = $r[2]{headers};
    cmp_ok($h->{'retry-after'}, '>', 1790, 'Retry-After');
    cmp_ok($h->{'retry-after'}, '<=', 1800, 'of half an hour');
    is($h->{'x-ratelimit-limit-requests'}, 2, 'the limit');
    is($h->{'x-ratelimit-remaining-requests'}, 0, 'what is left');
    like($h->{'x-ratelimit-reset-requests'}, qr/\A(?:59m\d\d?s|1h0m0s)\z/,
         'when it is full again');
    is($h->{'x-should-retry'}, undef, 'a retry may help');

    my $e = $json->decode($r[2]{body})->{error};
    is($e->{code}, 'rate_limit_exceeded', 'the code');
    like($e->{message}, qr/limit calls:reject.*0 of 2/, 'the message');
    $t->logged(3);
}

for my $row (['/v1/messages', qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\z/,
              'anthropic-ratelimit-tokens-%s', 'rate_limit_error'],
             [$chat, qr/\A\d+(?:ms|s|\.\d+s|m\d+s|h\d+m\d+s)\z/,
              'x-ratelimit-%s-tokens', 'rate_limit_error'])
{
    my ($path, $time, $format, $type) = @$row;
    my $sent = '{"model":"bad","max_tokens":250000,"messages":[]}';

    my @r = map { http($t->port, 'POST', "/tokens$path", $sent,
                       'X-Who' => "tokens of $path") } 1 .. 2;

    # what the first has not taken is put back, so the second fits as well,
    # unless it comes too early; one that is larger than all never does

    my $r = http($t->port, 'POST', "/tokens$path",
                 $sent =~ s/250000/250000000/r, 'X-Who' => "tokens of $path");
    is($r->{status}, 429, "$path: refused") or diag($r->{body});
    my $h = $r->{headers};
    is($h->{sprintf $format, 'limit'}, 300000, "$path: the limit");
    like($h->{sprintf $format, 'remaining'}, qr/\A\d+\z/,
         "$path: what is left");
    like($h->{sprintf $format, 'reset'}, $time, "$path: the time");
    is($json->decode($r->{body})->{error}{type}, $type, "$path: the type");
    $t->logged(3);
}

{
    my $r = chat('/budget', 'b');
    is($r->{status}, 429, 'a spent budget');
    is($r->{headers}{'retry-after'}, undef, 'without Retry-After');
    is($r->{headers}{'x-should-retry'}, 'false', 'not to be retried');
    my $e = $json->decode($r->{body})->{error};
    is("$e->{type} $e->{code}", 'insufficient_quota insufficient_quota',
       'its code');
    like($e->{message}, qr/budget day:reject/, 'its message');
    unlike($r->{raw}, qr/\bb\b.*left/, 'the key is not told');
    $t->logged(1);
}

{
    chat('/teapot', 'c') for 1 .. 2;
    my $r = chat('/teapot', 'c');
    is($r->{status}, 418, 'a status of its own');
    is($json->decode($r->{body})->{error}{code}, 'rate_limit_exceeded',
       'and the same body');
    $t->logged(3);
}


# error_page

{
    my $r = chat('/named', 'd');
    is($r->{status}, 200, 'a named location answers');
    is($r->{headers}{'x-should-retry'}, undef, 'no header of the refusal');
    my $line = log_of();
    is("$line->{outcome} $line->{attempts}", 'ok 1', 'no refused call');
}

{
    my @r = map { chat('/page', 'e') } 1 .. 3;
    is($r[2]{status}, 429, 'a page of the same status');
    is($r[2]{body}, '{"busy":true}', 'is what is sent');
    cmp_ok($r[2]{headers}{'retry-after'}, '>', 1000, 'with Retry-After');
    $t->logged(2);
    is(log_of()->{outcome}, 'refused', 'and is a refused call');
}

{
    my $r = chat('/page200', 'f');
    is("$r->{status} $r->{body}", '200 {"busy":true}', 'another status');
    is($r->{headers}{'x-should-retry'}, undef, 'without headers');
    my $line = log_of();
    is("$line->{outcome} $line->{error_type}", 'refused gate',
       'a refused call all the same');
}

{
    my $r = chat('/other', 'g');
    is($r->{status}, 429, 'an error_page of other statuses');
    is($json->decode($r->{body})->{error}{code}, 'insufficient_quota',
       'does not matter');
    $t->logged(1);
}

{
    my $r = chat('/moved', 'h');
    is("$r->{status} " . ($r->{headers}{location} // ''),
       '302 http://127.0.0.1/elsewhere', 'a redirect');
    is(log_of()->{outcome}, 'refused', 'of a refused call');
}

{
    my $r = chat('/twice', 'i');
    is($r->{status}, 403, 'refused again: once caught, not twice');
    is($json->decode($r->{body})->{error}{code}, 'model_not_found',
       'the second has the word');
    is(log_of()->{gate}, 'models:reject', 'also in the log');

    $r = chat('/recursive', 'i');
    is("$r->{status} $r->{body}", '200 {"busy":true}',
       'with recursive_error_pages: twice');
    $t->logged(1);
}

for my $where (qw(/broken /broken502)) {
    my $r = chat($where, 'j');
    is($r->{status}, 429, "$where: refused after an upstream failed");
    is($json->decode($r->{body})->{error}{code}, 'insufficient_quota',
       "$where: in our words");
    my $line = log_of();
    is("$line->{outcome} $line->{attempts}", 'refused 1',
       "$where: one attempt");
}


# the connection: what follows a refusal is answered in order

my $good = $body =~ s/bad/good/r;

sub in_order {
    my ($what, $first, $status, $n) = @_;

    my $bad = 0;

    for (1 .. $n || 1) {
        my $c = $t->client;
        $c->send($first . build_request('POST', $chat, $good));
        my @r = map { $c->response } 1 .. 2;
        $bad++ unless $r[0]{status} == $status && $r[0]{complete}
                      && ($r[1]{status} == 200
                          && $r[1]{body} =~ /"chat.completion"/
                          || $r[1]{status} == 0 && $c->closed);
        diag("$what: $r[0]{status} $r[1]{status}") if $bad == 1;
        $c->close;
        $t->logged(2, 1);
    }

    is($bad, 0, "$what: answered in order");
    return;
}

my @alive = (Connection => 'keep-alive');

in_order('pipelined', build_request('POST', $chat, $body, @alive), 403,
         scale(20, 1000));
in_order('chunked', build_request('POST', $chat,
         sprintf("%x\r\n%s\r\n0\r\n\r\n", length $body, $body), @alive,
         'Transfer-Encoding' => 'chunked'), 403);
in_order('a megabyte', build_request('POST', $chat,
         $body =~ s/Hi/'x' x 1_000_000/er, @alive), 403);
in_order('a megabyte that nobody reads', build_request('PUT', '/v1/files',
         'x' x 1_000_000, @alive), 403);
in_order('not JSON', build_request('POST', $chat, 'x' x 70_000, @alive),
         400);
in_order('encoded', build_request('POST', $chat, $body, @alive,
         'Content-Encoding' => 'gzip'), 415);
in_order('an upgrade', build_request('POST', $chat, $body,
         Connection => 'keep-alive, Upgrade', Upgrade => 'websocket'), 400);

{
    my $c = $t->client;
    $c->send(build_request('POST', $chat, $body, @alive));
    is($c->response->{status}, 403, 'kept alive: refused');
    $c->send(build_request('POST', $chat, $good));
    is($c->response->{status}, 200, 'kept alive: the next one passes');
    $t->logged(2);
}

{
    my $c = $t->client;
    my $all = build_request('POST', $chat, $body, @alive,
                            Expect => '100-continue');
    my ($head, $rest) = $all =~ /\A(.*?\r\n\r\n)(.*)\z/s;
    $c->send($head);
    ok($c->read_until(qr/100 Continue/), 'told to go on');
    $c->send($rest);
    is($c->response->{status}, 403, 'and refused');
    $t->logged(1);
}

{
    my $r = http($t->port, 'HEAD', '/v1beta/models/bad:generateContent',
                 undef);
    is("$r->{status} $r->{body}", '403 ', 'HEAD has no body');
    cmp_ok($r->{headers}{'content-length'}, '>', 50, 'but its length');
    $t->logged(1);
}

SKIP: {
    skip 'no curl with HTTP/2', 5 unless has_h2();

    # this nginx takes HTTP/2 without TLS only where it listens so
    my $t2 = LLM::Test->new;
    my $up2 = $t2->upstream(sub { return response(200, [], 'x') });

    $t2->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:16m;
    server {
        listen 127.0.0.1:%%PORT_0%% http2;
        location / {
            llm main;
            llm_allow_models good;
            proxy_pass http://%%UPSTREAM%%;
        }
    }
}
EOC
    $t2->start;

    my $r = curl_h2($t2->port, $chat, $body);
    is("$r->{status} $r->{exit}", '403 0', 'HTTP/2');
    like($r->{body}, qr/"model_not_found"/, 'HTTP/2: its body');

    # nginx resets a stream whose client is still sending, and curl may forget
    # the answer then, as it does for a refusal of nginx itself

    for my $size (100, 1_000_000) {
        $r = curl_h2($t2->port, '/v1/files', 'x' x $size, '-X', 'PUT');
        ok($r->{status} == 403 || $r->{exit} == 92,
           "HTTP/2: $size bytes that nobody reads")
            or diag("$r->{status} $r->{exit}");
    }

    my @asked = $up2->requests;
    is(scalar @asked, 0, 'HTTP/2: nothing passed');
    $t2->finish;
}

$t->done;
