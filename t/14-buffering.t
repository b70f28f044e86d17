# When an event reaches the client, and when a call to the provider ends.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Calls qw(books_of events handler run);
use LLM::Client qw(build_request);
use LLM::Provider qw(answer request);
use LLM::Test;
use LLM::Upstream qw(response sse);
use LLM::Util qw(mono scale wait_for);
use Test::More;

my $t = LLM::Test->new;

my $short = answer(api => 'openai_chat', stream => 1, include_usage => 1);
my $n = scale(150, 2000);
my $long = answer(api => 'openai_chat', stream => 1, include_usage => 1,
                  text => [map { " w$_" } 1 .. $n]);

# A stream of many small events with pauses; one with a long pause; one that
# hangs.  Those with a pause end by closing: nginx hands on what comes in
# chunks as it comes, buffered or not.  (And so what is stored streams only
# if it comes in chunks; one that ends by closing nginx holds until a buffer
# is full, and nothing of ours changes that.)

my $up = $t->upstream(sub {
    my ($request) = @_;
    my ($name) = $request->{path} =~ m{^/[^/]+/([^/]+)/};

    return sse([map { ($_, [pause => 2]) } @{ $long->{pieces} }])
        if $name eq 'many';
    return sse([@{ $short->{pieces} }[0 .. 3], [pause => 250],
                @{ $short->{pieces} }[4 .. $#{ $short->{pieces} }]],
               framing => $request->{path} =~ m{^/store/} ? 'chunked'
                                                          : 'close',
               headers => ['Cache-Control' => 'max-age=60'])
        if $name =~ /^pause/;
    return response(200, ['Content-Type' => 'text/event-stream',
                          'Content-Encoding' => 'br'], '',
        framing => 'close',
        pieces => [@{ $short->{pieces} }[0 .. 3], [pause => 250],
                   @{ $short->{pieces} }[4 .. $#{ $short->{pieces} }]])
        if $name eq 'unread';
    return response(200, ['Content-Type' => 'application/json'], '',
        framing => 'close',
        pieces => ['{"a":1,', [pause => 250], '"b":2}'])
        if $name eq 'plain';
    return sse([@{ $short->{pieces} }[0 .. 3],
                $request->{path} =~ m{^/store/} ? ([pause => 1500], ['close'])
                                                : ['hang']],
               headers => ['Cache-Control' => 'max-age=60']);
});

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:32m;
    llm_price gpt-demo input=1 output=2;
    map $request_uri $case { ~^/(?<c>[^/?]+) $c; default none; }
    proxy_cache_path %%DIR%%/cache keys_zone=cache:1m;
    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        llm_route $case;
        proxy_cache_key $request_uri;
        proxy_cache_methods POST;

        location /metered/ { proxy_pass http://%%UPSTREAM%%; }
        location /plain/ {
            llm off;
            proxy_buffering off;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /reference/ { llm off; proxy_pass http://%%UPSTREAM%%; }
        location /buffered/ {
            llm_stream_buffering on;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /store/ {
            proxy_cache cache;
            proxy_cache_valid 200 1m;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /no-store/ {
            proxy_cache cache;
            proxy_cache_valid 200 1m;
            proxy_no_cache 1;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /no-valid/ {
            proxy_cache cache;
            proxy_ignore_headers Cache-Control;
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /llm-status { llm off; llm_status main; access_log off; }
    }
}
EOC

$t->start;

my $ask = request('openai_chat', stream => 1);

sub call { return build_request('POST', "$_[0]/v1/chat/completions", $ask) }


# When the client had each event of a stream: the times of its reads, by the
# count of events that they complete.

sub arrivals {
    my ($r) = @_;

    my ($text, @times) = ('');

    for my $chunk (@{ $r->{chunks} }) {
        $text .= $chunk->[1];
        my $seen = () = $text =~ /^data:[^\n]*\n/mg;
        $times[$_] = $chunk->[0] for @times .. $seen - 1;
    }

    return @times;
}


# How long an answer pauses within, as the client sees it.

sub pause_seen {
    my ($uri) = @_;

    my $r = LLM::Client::http($t->port(0), 'POST',
                              "$uri/v1/chat/completions", $ask);
    my @times = map { $_->[0] } grep { $_->[1] =~ /data:|"[ab]"/ }
                @{ $r->{chunks} };
    return ($times[-1] - $times[0], $r);
}


subtest 'what is handed on at once' => sub {
    my %at_once = (
        '/metered/pause' => 1, '/metered/unread' => 1,
        '/metered/plain' => 0, '/plain/pause' => 1,
        '/reference/pause' => 0, '/buffered/pause' => 0,
        '/store/pause' => 1, '/no-store/pause' => 1,
        '/no-valid/pause' => 1,
    );

    for my $uri (sort keys %at_once) {
        my ($seen, $r) = pause_seen($uri);
        is($seen > 0.2 ? 1 : 0, $at_once{$uri},
           "$uri: " . ($at_once{$uri} ? 'at once' : 'when it is whole'));
        is($r->{body}, $short->{body}, "$uri: bytes") if $uri =~ /pause/;
    }

    my @lines = $t->logged(scalar keys %at_once);
    my ($held) = grep { $_->{request_uri} =~ m{^/buffered/} } @lines;
    my ($passed) = grep { $_->{request_uri} =~ m{^/metered/pause} } @lines;
    cmp_ok($held->{ttft}, '>', 0.2, 'a TTFT counts what holds it back');
    cmp_ok($passed->{ttft}, '<', 0.2, 'and what does not');
};

subtest 'what is stored' => sub {
    my %stored = ('/store/pause' => 1, '/no-store/pause' => 0,
                  '/no-valid/pause' => 0);
    my $before = () = $up->requests;

    for my $uri (sort keys %stored) {
        my $r = LLM::Client::http($t->port(0), 'POST',
                                  "$uri/v1/chat/completions", $ask);
        is($r->{body}, $short->{body}, "$uri: bytes");
        my ($line) = $t->logged(1);
        is($line->{upstream_status} eq '' ? 1 : 0, $stored{$uri},
           "$uri: " . ($stored{$uri} ? 'from the cache' : 'not stored'));
    }

    my $after = () = $up->requests;
    is($after - $before, 2, 'the upstream was asked twice');
};

subtest 'a client that leaves' => sub {
    my %cut = ('/metered/hang' => 1, '/no-store/hang' => 1,
               '/no-valid/hang' => 1, '/buffered/hang' => 1,
               '/store/hang' => 0);

    for my $uri (sort keys %cut) {
        my $before = () = $up->ends;
        my $c = $t->client;
        $c->send(call($uri));
        $uri =~ /buffered/ ? $c->read_some(0.3) : events($c, 3);
        $c->abort;
        my $cut = wait_for(0.5, sub { my $now = () = $up->ends;
                                      $now > $before });
        is($cut ? 1 : 0, $cut{$uri}, "$uri: the call to the upstream "
           . ($cut{$uri} ? 'ends' : 'goes on: it is being stored'));
        next unless $cut{$uri};
        my ($line) = $t->logged(1);
        is($line->{outcome}, 'aborted', "$uri: outcome");
    }
};

# Streams one after the other, in turns metered (buffered by default) and as
# nginx passes them by itself; when each event arrived, against its write.

subtest 'how much later' => sub {
    my (%late, %median);

    for my $round (1 .. scale(4, 20)) {
        for my $name ($round % 2 ? qw(metered plain) : qw(plain metered)) {
            my $r = LLM::Client::http($t->port(0), 'POST',
                                      "/$name/many/v1/chat/completions", $ask);
            my @got = arrivals($r);
            push @{ $late{$name} }, \@got;
            is(scalar @got, @{ $long->{pieces} }, "$name: all events");
        }
    }

    my %conn = map { $_->{conn} => [] }
               grep { $_->{path} =~ m{/many/} } $up->requests;
    push @{ $conn{ $_->{conn} } }, $_->{time}
        for grep { $conn{ $_->{conn} } } $up->writes;
    my @sent = map { $conn{$_} } sort { $a <=> $b } keys %conn;

    for my $round (1 .. scale(4, 20)) {
        for my $name ($round % 2 ? qw(metered plain) : qw(plain metered)) {
            my ($got, $sent) = (shift @{ $late{$name} }, shift @sent);
            shift @$sent;         # the header
            push @{ $median{$name} }, map { $got->[$_] - $sent->[$_] }
                                      0 .. $#$got;
        }
    }

    my ($metered, $plain) = map { 1e6 * median(@{ $median{$_} }) }
                            qw(metered plain);

    diag(sprintf 'after its write an event arrives within %.0f us metered, '
         . '%.0f us not: %.0f us later', $metered, $plain,
         $metered - $plain);
    cmp_ok($metered - $plain, '<', 500 * $LLM::Test::SLOW,
           'no half a millisecond');
};

sub median { return (sort { $a <=> $b } @_)[@_ / 2] }

$t->done;
