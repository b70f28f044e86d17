# Edit mode: the chunk of usage that was asked for by the module is taken out
# of the client's stream, that one alone, however the stream comes: line ends,
# framings, splits, buffered or not, stored and replayed, compressed after us,
# broken off, read slowly.  And the module has seen what it told.
#
# What this cannot see: the queue that begins when a client takes no more, as
# a buf of nginx's own is among those that wait, and holds the upstream too.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Zlib ();
use IO::Select;
use JSON::PP ();
use LLM::Client qw(build_request curl_h2 has_h2);
use LLM::Test;
use LLM::Upstream qw(response);
use LLM::Util qw(scale slurp);
use Socket ();
use Test::More;

my $STREAMS = scale(600, 20_000);
my @WAYS = qw(plain buffered tiny gzip sub);

my $t = LLM::Test->new;


# A stream by its seed: its events as [bytes, hidden].

sub stream {
    my ($seed) = @_;

    srand $seed;
    my $eol = ("\n", "\r\n", "\r")[rand 3];
    my $n = 1 + int rand 8;
    my $null = rand() < 0.5 ? ',"usage":null' : '';
    my $head = '"id":"chatcmpl-1","object":"chat.completion.chunk",'
        . '"created":1,"model":"gpt-4o-mini"';
    my $usage = '"usage":{"prompt_tokens":11,"completion_tokens":' . $n
        . ',"total_tokens":' . (11 + $n) . '}';
    my @events;

    push @events, [":c$eol$eol", 0] if rand() < 0.2;
    push @events, ["data: {$head,\"choices\":[],\"prompt_filter_results\":[]"
                   . "$null}$eol$eol", 0] if rand() < 0.2;
    push @events, map { ["data: {$head,\"choices\":[{\"index\":0,\"delta\":"
        . '{"content":"' . 'w' x rand(90) . " $_\"},\"finish_reason\":null}]"
        . "$null}$eol$eol", 0] } 1 .. $n;
    push @events, ["data: {$head,\"choices\":[{\"index\":0,\"delta\":{},"
        . "\"finish_reason\":\"stop\"}]$null}$eol$eol", 0];
    push @events, ["data: {$head,\"choices\":[],$usage}$eol$eol", 1];
    push @events, ["data: [DONE]$eol$eol", 0] if rand() < 0.9;

    return ($n, @events);
}


sub pieces {
    my ($bytes) = @_;

    my $kind = int rand 5;
    return $bytes if $kind == 0;
    return unpack '(a1)*', $bytes if $kind == 1 && length $bytes < 1500;

    my @pieces;
    push @pieces, substr $bytes, 0, 1 + rand($kind == 2 ? 40 : 400), ''
        while length $bytes;
    return @pieces;
}


# What the upstream says to a request: ?seed=, &cut= (breaks off there).

my $up = $t->upstream(sub {
    my ($request) = @_;
    my ($seed) = $request->{uri} =~ /seed=(\d+)/;
    my ($n, @events) = stream($seed);
    my $asked = $request->{body} =~ /"include_usage":\s*true/;

    @events = grep { !$_->[1] } @events if !$asked;
    my $bytes = join '', map { $_->[0] } @events;
    my @headers = ('Content-Type' => 'text/event-stream; charset=utf-8',
                   ETag => '"abc"');
    push @headers, 'Cache-Control' => 'max-age=60'
        if $request->{uri} =~ /store/;

    if (my ($cut) = $request->{uri} =~ /cut=(\d+)/) {
        return response(200, \@headers, substr($bytes, 0, $cut),
                        framing => 'chunked', broken => 1,
                        pieces => [substr($bytes, 0, $cut), [pause => 20]]);
    }

    if ($request->{uri} =~ /slow/) {
        my @all = map { $_->[0] } @events;
        my $last = pop @all;
        return response(200, \@headers, '', framing => 'chunked',
            pieces => [map({ ($_, [pause => 120]) } @all), $last]);
    }

    if (my ($times) = $request->{uri} =~ /many=(\d+)/) {
        my $usage = pop @events;
        return response(200, \@headers, '', framing => 'chunked',
            pieces => [map({ my $c = $_->[0]; ($c) x $times }
                           @events), $usage->[0]]);
    }

    if ($request->{uri} =~ /\bzip&/) {
        return response(200, [@headers, 'Content-Encoding' => 'gzip'],
                        Compress::Zlib::memGzip($bytes));
    }

    push @headers, 'Content-Encoding' => 'identity'
        if $request->{uri} =~ /\bidentity&/;

    my $framing = qw(chunked length close)[rand 3];
    return response(200, \@headers, $bytes, framing => $framing,
        $framing eq 'chunked' ? (pieces => [pieces($bytes)])
        : (plan => [map { 1 + int rand 200 } 1 .. 30], gap => 0));
}, file => '');

my $http2 = has_h2() ? 'listen 127.0.0.1:%%PORT_1%% http2;' : '';

my %way = (
    plain => '',
    buffered => 'llm_stream_buffering on;',
    tiny => 'llm_stream_buffering on; proxy_buffers 3 512;
             proxy_busy_buffers_size 512; proxy_buffer_size 512;
             proxy_max_temp_file_size 0;',
    gzip => 'gzip on; gzip_types text/event-stream; gzip_min_length 0;',
    sub => 'sub_filter_types *; sub_filter "no such thing" x;',
    store => 'proxy_cache store; proxy_cache_methods POST;
              proxy_cache_key $uri$args;',
    off => 'llm_include_usage off;',
);
my $locations = join '', map { <<"EOC" } sort keys %way;
        location /$_/ {
            $way{$_}
            proxy_pass http://%%UPSTREAM%%;
        }
EOC

$t->config(<<"EOC");
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:8m;
    llm_provider openai;
    keepalive_requests 1000000;
    proxy_http_version 1.1;
    proxy_cache_path %%DIR%%/cache keys_zone=store:1m;
    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        llm_include_usage on;
$locations
    }
    server {
        $http2
        listen 127.0.0.1:%%PORT_2%%;
        llm main;
        llm_include_usage on;
        location / { proxy_pass http://%%UPSTREAM%%; }
        location = /llm-status { llm off; llm_status main; }
    }
}
EOC
$t->start;

my %body = (
    unasked => '{"model":"gpt-4o-mini","stream":true,"messages":[]}',
    refused => '{"stream_options":{"include_usage":false},"stream":true,'
               . '"model":"gpt-4o-mini","messages":[]}',
    asked => '{"stream_options":{"include_usage":true},"stream":true,'
             . '"model":"gpt-4o-mini","messages":[]}',
);


sub uri {
    my ($way, $query) = @_;

    return "/$way/v1/chat/completions?$query";
}


sub call {
    my ($way, $query, $body, @headers) = @_;

    my $c = LLM::Client->new(port => $t->port);
    $c->send(build_request(POST => uri($way, $query), $body, @headers));
    my $r = $c->response;
    $c->close;
    $r->{body} = Compress::Zlib::memGunzip($r->{body})
        if ($r->{headers}{'content-encoding'} || '') eq 'gzip';
    return $r;
}


sub want {
    my ($seed, $shown) = @_;

    my ($n, @events) = stream($seed);
    return join '', map { $_->[0] } grep { $shown || !$_->[1] } @events;
}


# The same stream by all ways.

my @wrong;
my $calls = 0;

for my $seed (1 .. $STREAMS) {
    my $way = $WAYS[$seed % @WAYS];
    my $kind = (qw(unasked refused unasked asked))[$seed / @WAYS % 4];
    my $r = call($way, "seed=$seed", $body{$kind},
                 $way eq 'gzip' ? ('Accept-Encoding' => 'gzip') : ());
    my $want = want($seed, $kind eq 'asked');

    $calls++;
    push @wrong, "seed $seed, $way, $kind: status $r->{status}, complete "
        . "$r->{complete}\n  got  $r->{body}\n  want $want"
        if $r->{status} != 200 || !$r->{complete} || $r->{body} ne $want;
}

is(scalar @wrong, 0, "$STREAMS streams, less the chunk that was not asked for")
    or diag($wrong[0]);

my @log = $t->logged($calls);
@wrong = ();

for my $line (@log) {
    my ($seed) = $line->{request_uri} =~ /seed=(\d+)/ or next;
    my ($n) = stream($seed);
    push @wrong, "$line->{request_uri}: $line->{usage} "
        . "$line->{output_tokens} not $n, $line->{outcome}"
        if $line->{usage} ne 'reported' || $line->{output_tokens} != $n
           || $line->{input_tokens} != 11;
}

is(scalar @wrong, 0, 'and the module has read it in each of them')
    or diag(join "\n", @wrong[0 .. ($#wrong > 4 ? 4 : $#wrong)]);


# Headers

my $r = call('plain', 'seed=1', $body{unasked});
is($r->{headers}{'content-length'}, undef, 'the length is not known before');
is($r->{headers}{etag}, 'W/"abc"', 'the ETag is a weak one');

$r = call('plain', 'seed=1', $body{asked});
is($r->{headers}{etag}, '"abc"', 'where nothing is taken out it stays');


# HTTP/1.0 and HTTP/2

my $c = LLM::Client->new(port => $t->port);
my $old = build_request(POST => uri('plain', 'seed=5'), $body{unasked});
$old =~ s/HTTP\/1\.1/HTTP\/1.0/;
$c->send($old);
is($c->response->{body}, want(5, 0), 'HTTP/1.0');
$calls += 3;

SKIP: {
    skip 'no curl with HTTP/2', 1 unless $http2;
    is(curl_h2($t->port(1), '/v1/chat/completions?seed=6', $body{unasked})
           ->{body}, want(6, 0), 'HTTP/2');
}


# Another compression than ours: as it is

$r = call('plain', 'zip&seed=7', $body{unasked});
is($r->{body}, want(7, 1), 'a compressed stream is not changed');


# An encoding that is none

$r = call('plain', 'identity&seed=8', $body{unasked});
is($r->{body}, want(8, 0), 'Content-Encoding: identity');


# Broken off at any place: what plain nginx gives, less the chunk if it was
# whole

@wrong = ();
my ($n, @events) = stream(9);
my ($before, $chunk, $after) = ('', '', '');

for my $event (@events) {
    if ($event->[1]) {
        $chunk = $event->[0];
    } elsif ($chunk eq '') {
        $before .= $event->[0];
    } else {
        $after .= $event->[0];
    }
}

for my $way ('plain', 'buffered') {
    for my $cut (map { $_ * 23 + 1 } 0 .. length($before . $chunk) / 23) {
        $r = call($way, "seed=9&cut=$cut", $body{unasked});
        my $want = substr $before . $chunk . $after, 0, $cut;
        $want =~ s/\Q$chunk\E//;
        push @wrong, "$way at $cut: complete $r->{complete}\n"
            . "  got  $r->{body}\n  want $want"
            if $r->{body} ne $want || $r->{complete};
    }
}

is(scalar @wrong, 0, 'streams that break off') or diag($wrong[0]);


# Nothing waits but an event for its own end: each comes when it was sent

for my $way ('plain', 'buffered') {
    $c = LLM::Client->new(port => $t->port);
    $c->send(build_request(POST => uri($way, 'slow&seed=3'),
                           $body{unasked}));
    $r = $c->response;
    is($r->{body}, want(3, 0), "$way: a slow stream");
    next if $way eq 'buffered';

    my ($k, @slow) = stream(3);
    my $visible = grep { !$_->[1] } @slow;
    my %seen;
    my $first = $r->{chunks}[0][0];
    $seen{int(($_->[0] - $first) / 0.12 + 0.4)}++ for @{ $r->{chunks} };
    cmp_ok(scalar keys %seen, '>=', $visible - 1,
           "$way: $visible events came one by one");
}


# The body of a long chunked response; "" if it is not whole.

sub dechunked {
    my ($c) = @_;

    my ($all, $body, $at) = ('', '', 0);
    my $select = IO::Select->new($c->sock);

    while ($all !~ /\r\n0\r\n\r\n\z/) {
        last if !$select->can_read(10);
        sysread($c->sock, $all, 262144, length $all) or last;
    }

    $at = 4 + index $all, "\r\n\r\n";

    while (substr($all, $at, 20) =~ /\A([0-9a-f]+)\r\n/) {
        my $size = hex $1;
        return $body if !$size;
        $body .= substr $all, $at + $+[0], $size;
        $at += $+[0] + $size + 2;
    }

    return '';
}


# A client that does not read: nothing is lost, and nothing piles up

for my $way ('plain', 'buffered', 'tiny') {
    my $times = 6_000;
    my ($k, @all) = stream(11);
    my $usage = pop @all;
    my $bytes = join '', map { $_->[0] x $times } grep { !$_->[1] } @all;
    $bytes .= $usage->[0] if !$usage->[1];

    $c = LLM::Client->new(port => $t->port);
    setsockopt $c->sock, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), 65536;
    $c->send(build_request(POST => uri($way, "many=$times&seed=11"),
                           $body{unasked}));
    select undef, undef, undef, 0.7;
    my ($pid) = $t->workers;
    my ($rss) = slurp("/proc/$pid/status") =~ /VmRSS:\s+(\d+)/;
    my $got = dechunked($c);
    ok($got eq $bytes,
       "$way: " . length($bytes) . ' bytes to a client that stalled')
        or diag(length($got) . ' bytes');
    cmp_ok($rss, '<', 60_000, "$way: $rss kB of memory meanwhile")
        unless $LLM::Test::SANITIZED;
}


# Out of the cache: each client sees the chunk if it asked for it

my $stored = call('store', 'store&seed=21', $body{unasked});
my $replay = call('store', 'store&seed=21', $body{unasked});
my $shown = call('store', 'store&seed=21', $body{asked});

is($stored->{body}, want(21, 0), 'stored, the chunk is taken out');
is($replay->{body}, want(21, 0), 'and of the replay');
is($shown->{body}, want(21, 1), 'but shown to who asked');

@log = grep { $_->{request_uri} =~ /seed=21/ } $t->logged(10_000, 0.3);
is(scalar(grep { ($_->{upstream_addr} || '-') eq '-' } @log), 2,
   'both came out of the cache');


$t->done;
