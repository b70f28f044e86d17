#!/usr/bin/perl

# Copyright (C) ngx_llm_module authors
#
# A large status on its way to the client: rendered in slices, whole whatever
# the client, the filters or the protocol do, and never in anyone's way.
#
# What it does not see: how long a slice takes; the debug log tells that.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use JSON::PP ();
use LLM::Books;
use LLM::Client qw(build_request curl_h2 has_h2);
use LLM::Status;
use LLM::Test;
use LLM::Util qw(mono slurp wait_for);
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;

use constant SERIES => 40;

plan skip_all => 'the machine has just been started'
    if (split ' ', slurp('/proc/uptime'))[0] < 410;

my $module = LLM::Status::module();
my $configured = qx{$LLM::Test::BINARY -V 2>&1};
my $debug = $configured =~ /--with-debug\b/;

my $t = LLM::Test->new(module => 0, log => $debug ? 'debug' : 'info');
my $series = SERIES;
my $h2 = $configured =~ /http_v2_module/ ? 'http2' : '';

$t->write_file('html/page.html', '<!--# include virtual="/status" -->'
    . '|<!--# include virtual="/status?window=1m" -->|');
$t->write_file('html/wait.html', '<!--# include virtual="/status" '
    . 'wait="yes" -->|<!--# include virtual="/status?window=1m" -->|');

$t->config(<<"EOC" . <<'EOC');
load_module $module;
%%GLOBALS%%
http {
    %%HTTP%%
    status_test main:40m $series 5;
    server { listen 127.0.0.1:%%PORT_1%% $h2; location / { llm_status main; } }
EOC
    server {
        listen 127.0.0.1:%%PORT_0%% sndbuf=32k;
        root %%DIR%%/html;
        location = /status { llm_status main; }
        location = /gzip { llm_status main; gzip on; gzip_types *; }
        location = /held { llm_status main; gzip on; gzip_types *;
                           postpone_output 200000; }
        location = /slow { llm_status main; limit_rate 300k; }
        location = /impatient { llm_status main; send_timeout 1s; }
        location = /ping { return 200 pong; }
        location = /page.html { ssi on; }
        location = /wait.html { ssi on; }
    }
}
EOC

$t->start;

my $json = JSON::PP->new->utf8;

sub whole {
    my ($body, $name, $windows) = @_;

    my $doc = eval { $json->decode($body) };
    my @wrong = $doc ? LLM::Status::wrong($doc, $windows
                                          ? (windows => $windows) : ())
                     : "not JSON: $@";
    push @wrong, 'series are missing'
        if $doc && @{ $doc->{series} } != SERIES;
    push @wrong, LLM::Books::wrong($doc) if $doc;
    is(scalar @wrong, 0, "$name: whole") or diag(join "\n", @wrong);
}

sub rss {
    my ($pid) = $t->workers;
    return (split ' ', slurp("/proc/$pid/statm"))[1] * 4;
}

sub ping {
    my ($name) = @_;
    is($t->get('/ping')->{body}, 'pong', $name);
}

# A client whose socket takes little, and that does not read yet.

sub stalled {
    my ($uri) = @_;

    my $c = $t->client(timeout => 60);
    setsockopt $c->sock, SOL_SOCKET, SO_RCVBUF, 32768;
    $c->send(build_request('GET', $uri, undef));
    return $c;
}


# Slices

my $r = $t->get('/status');
whole($r->{body}, 'plain');
my $size = length $r->{body};
cmp_ok($size, '>', 250_000, 'it is large');

SKIP: {
    skip 'nginx without debug log', 2 unless $debug;

    my @slices = map { /(\d+) bytes/ ? $1 : () }
                 $t->errors(qr/llm status slice/);
    cmp_ok(scalar @slices, '>=', $size / 40000, 'many slices');
    is(scalar(grep { $_ > 40000 } @slices), 0, 'none of them large');
}

my $c = $t->client;
$c->send(build_request('GET', '/status', undef, Connection => 'keep-alive')
         . build_request('GET', '/status?format=prometheus', undef,
                         Connection => 'keep-alive')
         . build_request('GET', '/status?window=1m', undef));
whole($c->response->{body}, 'first of a connection');
my (undef, @wrong) = LLM::Status::metrics($c->response->{body}, 0);
is(scalar @wrong, 0, 'second of a connection') or diag(@wrong);
whole($c->response->{body}, 'third of a connection', ['1m']);


# Clients that are slow, that leave, and that stay away

my $before = rss();
my @clients = map { stalled('/status') } 1 .. 10;
select undef, undef, undef, 0.3;
ping('others are served while clients stall');
cmp_ok(rss() - $before, '<', 25_000, 'what stalls is not rendered ahead');
whole($_->response->{body}, 'a client that stalled') for @clients[0 .. 2];
$_->abort for @clients[3 .. 6];
$_->close for @clients[7 .. 9];
ping('clients have left');

@clients = map { stalled('/slow') } 1 .. 3;
$clients[0]->abort;
whole($clients[1]->response(timeout => 60)->{body}, 'limit_rate');
$clients[2]->close;

$c = stalled('/impatient');
ok(wait_for(20 * $LLM::Test::SLOW,
            sub { scalar $t->errors(qr/client timed out/) }),
   'send_timeout ends who stays away');
ok(!$c->response->{complete}, 'and the response shows that it is cut');

@clients = map { $t->client(timeout => 60) } 1 .. 8;
$_->send(build_request('GET', '/status', undef)) for @clients;
whole($_->response->{body}, 'one of many at a time') for @clients[2, 7];


# Filters

for my $uri ('/gzip', '/held') {
    my $r = $t->get($uri, 'Accept-Encoding' => 'gzip');
    is($r->{headers}{'content-encoding'}, 'gzip', "$uri: encoded");
    ok($r->{complete}, "$uri: complete");
    gunzip(\$r->{body} => \my $body) or diag($GunzipError);
    whole($body, $uri);

    my $c = $t->client(timeout => 60);
    setsockopt $c->sock, SOL_SOCKET, SO_RCVBUF, 32768;
    $c->send(build_request('GET', "$uri?format=prometheus", undef,
                           'Accept-Encoding' => 'gzip'));
    select undef, undef, undef, 0.3;
    $r = $c->response;
    gunzip(\$r->{body} => \$body) or diag($GunzipError);
    my (undef, @wrong) = LLM::Status::metrics($body, 0);
    is(scalar @wrong, 0, "$uri: to a slow client") or diag(@wrong);
}

for my $page ('page', 'wait') {
    my @part = split /\|/, $t->get("/$page.html")->{body};
    is(scalar @part, 2, "$page: two subrequests");
    whole($part[0], "$page: first subrequest");
    whole($part[1], "$page: second subrequest", ['1m']);
}

$c = stalled('/page.html');
select undef, undef, undef, 0.3;
$c->abort;
ping('a client of subrequests has left');


# HTTP/2

SKIP: {
    skip 'no HTTP/2 here', 4 unless $h2 && has_h2();

    my $port = $t->port(1);

    whole(curl_h2($port, '/', undef)->{body}, 'HTTP/2');
    my $r = curl_h2($port, '/?window=1m', undef, '--limit-rate', '400k');
    whole($r->{body}, 'HTTP/2, slowly', ['1m']);
    isnt(curl_h2($port, '/', undef, '--no-show-error', '--limit-rate', '50k',
                 '--max-time', '0.5')->{exit}, 0, 'HTTP/2, leaving');
    ping('and gone');
}

# the first llm_status speaks HTTP/2, and every document above was balanced

$t->finish(books => 0);
$t->done;
