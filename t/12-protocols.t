# Ways to talk: keepalive on both sides, pipelining, HTTP/1.0, HTTP/2, bodies
# in chunks, in files, unbuffered, answers that come before their question
# is over.  Whatever the way, the same facts.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Calls qw(agree books_of handler run);
use LLM::Client qw(build_request curl_h2 has_h2);
use LLM::Provider qw(request);
use LLM::Test;
use LLM::Upstream qw(chunked response);
use LLM::Util qw(wait_for);
use Test::More;

my $t = LLM::Test->new;

my @OK = (outcome => 'ok', usage => 'reported', input_tokens => 20,
          output_tokens => 12, request_model => 'gpt-demo', turns => 1);

my $body = request('openai_chat', stream => 1);
my $long = request('openai_chat', stream => 1, prompt => 'word ' x 60_000);
my $in_chunks = join '', map({ chunked($_) } unpack '(a7)*', $body),
                        "0\r\n\r\n";
my @chunked = ('Transfer-Encoding' => 'chunked');

my @cases = (
    { name => 'http-10', raw => "POST /http-10/v1/chat/completions HTTP/1.0"
        . "\r\nContent-Length: " . length($body) . "\r\n\r\n$body",
      expect => { @OK } },
    { name => 'chunks', body => $in_chunks, send => [@chunked],
      expect => { @OK } },
    { name => 'chunks-streamed', body => $in_chunks, send => [@chunked],
      expect => { @OK } },
    { name => 'in-a-file', body => $long, expect => { @OK,
        prompt_bytes => 300_000, prompt_size => '64k' } },
    { name => 'only-a-file', body => $body, expect => { @OK } },
    { name => 'streamed', body => $long,
      expect => { @OK, prompt_bytes => 300_000 } },
    { name => 'no-body', method => 'GET', body => undef,
      expect => { outcome => 'ok', request_model => '', turns => '' } },
    { name => 'empty-body', body => '',
      expect => { outcome => 'ok', request_model => '' } },
    { name => 'not-json', body => 'model=gpt',
      expect => { outcome => 'ok', request_model => '' } },
    { name => 'slow-body', raw => "POST /slow-body/v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
        . "Connection: close\r\nExpect: 100-continue\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n",
      client => sub {
        my ($c) = @_;
        $c->read_until(qr/100 Continue/);
        select undef, undef, undef, 0.25;
        $c->send($body);
        return $c->response;
      },
      expect => { @OK, wait => sub { $_[0] > 0.24 && $_[0] < 1 },
                  upstream_ttft => sub { $_[0] < $_[1]{ttft} - 0.24 } } },
    { name => 'left-in-body', raw =>
        "POST /left-in-body/v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
        . "Content-Length: 1000\r\n\r\n" . substr($body, 0, 60),
      client => sub {
        my ($c) = @_; $c->read_some(0.1); $c->abort; return 1 },
      expect => { outcome => 'aborted', error_type => '', usage => 'none' },
      books => { 'attempts.total' => 0 } },
    { name => 'slow-sender', raw =>
        "POST /slow-sender/v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
        . "Content-Length: 1000\r\n\r\n" . substr($body, 0, 60),
      expect => { outcome => 'aborted', status => qr/^(?:400|408)$/ } },
    { name => 'early-answer', body => $long,
      expect => { outcome => 'ok', usage => 'reported',
                  request_model => 'gpt-demo' } },
);

my $up = $t->upstream(handler(@cases, { name => 'alive' },
    { name => 'plain', answer => { stream => 0 } },
    { name => 'h2-cut', cut => 6, then => [['hang']] }));
my $eager = $t->upstream(handler(@cases), early => 1);

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:64m;
    llm_price gpt-demo input=1 output=2;
    map $request_uri $case { ~^/(?<c>[^/?]+) $c; default none; }
    upstream alive { server %%UPSTREAM%%; keepalive 4; }

    llm main;
    llm_route $case;
    client_body_buffer_size 4k;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { proxy_pass http://%%UPSTREAM%%; }
        location /only-a-file/ {
            client_body_in_file_only clean;
            proxy_pass http://%%UPSTREAM%%;
        }
        location ~ streamed/ {
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /slow-sender/ {
            client_body_timeout 300ms;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /early-answer/ {
            proxy_request_buffering off;
            proxy_pass http://%%UPSTREAM_1%%;
        }
        location /alive/ {
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://alive;
        }
        location /plain/ {
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://alive;
        }
        location = /llm-status { llm off; llm_status main; access_log off; }
    }
    server {
        listen 127.0.0.1:%%PORT_1%% http2;
        location / { proxy_pass http://%%UPSTREAM%%; }
    }
}
EOC

$t->start;

subtest 'HTTP/1' => sub {
    run($t, @cases);
    LLM::Calls::check_all($t, @cases);

    my %sent = map { $_->{path} => $_ } $up->requests;
    is($sent{'/streamed/v1/chat/completions'}{body}, $long,
       'a body sent as it comes is whole');
    is($sent{'/only-a-file/v1/chat/completions'}{body}, $body,
       'so is one that goes through a file');
};

subtest 'keepalive on both sides' => sub {
    my $c = $t->client;
    my @names = map { $_ % 2 ? 'alive' : 'plain' } 1 .. 20;

    for my $name (@names) {
        my $ask = request('openai_chat', stream => $name eq 'alive');
        $c->send(build_request('POST', "/$name/v1/chat/completions", $ask,
                               Connection => undef));
        my $r = $c->response;
        ok($r->{complete}, $name) or last;
    }

    my @lines = $t->logged(20);
    is(scalar(grep { $_->{outcome} eq 'ok' && $_->{usage} eq 'reported'
                     && $_->{output_tokens} == 12 } @lines), 20, 'all ok');
    is(scalar(grep { $_->{ttft} ne '' } @lines), 10, 'streams have a TTFT');
    is($lines[-1]{connection_requests}, 20, 'one connection of the client');

    my %conn = map { $_->{conn} => 1 }
               grep { $_->{path} =~ m{^/(?:alive|plain)/} } $up->requests;
    is(scalar keys %conn, 1, 'one connection to the upstream');
    push @{ $t->{lines} }, @lines;
    $c->close;
};

subtest 'pipelined' => sub {
    my $c = $t->client;
    $c->send(build_request('POST', '/alive/v1/chat/completions', $body,
                           Connection => undef) x 5);
    is(scalar(grep { $c->response->{complete} } 1 .. 5), 5, 'five answers');
    my @lines = $t->logged(5);
    is(scalar(grep { $_->{outcome} eq 'ok' && $_->{output_tokens} eq '12'
                     && $_->{request_model} eq 'gpt-demo' } @lines), 5,
       'five calls');
    push @{ $t->{lines} }, @lines;
    $c->close;
};

SKIP: {
    skip 'curl without HTTP/2', 1 unless has_h2();

    subtest 'HTTP/2' => sub {
        my $port = $t->port(1);
        my %at = (alive => $body, plain => request('openai_chat'),
                  'in-a-file' => $long);

        for my $name (sort keys %at) {
            my $r = curl_h2($port, "/$name/v1/chat/completions", $at{$name});
            is($r->{status}, 200, "$name: status");
            my ($line) = $t->logged(1);
            is_deeply([@$line{qw(outcome usage output_tokens request_model)}],
                      ['ok', 'reported', 12, 'gpt-demo'], $name);
            is($line->{ttft} ne '', $name ne 'plain', "$name: TTFT");
            push @{ $t->{lines} }, $line;
        }

        curl_h2($port, '/h2-cut/v1/chat/completions', $body,
                '--max-time', '0.3', '--stderr', '/dev/null');
        my ($line) = $t->logged(1);
        is($line->{outcome}, 'aborted', 'a client that leaves');
        is($line->{usage}, 'estimated', 'gets its tokens');
        cmp_ok($line->{output_tokens}, '>', 0, 'more than none');
        push @{ $t->{lines} }, $line;

        my $r = curl_h2($port, '/alive/v1/chat/completions', undef, '-I');
        ($line) = $t->logged(1);
        is($line->{outcome}, 'ok', 'HEAD');
        push @{ $t->{lines} }, $line;
    };
}

subtest 'log and books' => sub {
    my $json;
    ok(wait_for(5, sub { !LLM::Books::in_flight($json = $t->status) }),
       'none in flight');
    agree($json, $t->{lines});
};

$t->done;
