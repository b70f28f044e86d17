# Bodies that come encoded: read on the side and handed on untouched, or
# counted as unreadable, and never metered as zero.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Zlib qw(Z_FULL_FLUSH Z_SYNC_FLUSH);
use LLM::Calls qw(books_of);
use LLM::Provider qw(answer failure request);
use LLM::Test;
use LLM::Upstream qw(response);
use LLM::Util qw(proof slurp);
use Test::More;

my $t = LLM::Test->new;

my $JSON = 'application/json';
my $SSE = 'text/event-stream';
my $PAUSE = 300;              # ms

# what zlib calls the formats
my %BITS = (gzip => 31, 'x-gzip' => 31, zlib => 15, raw => -15);

my @words = map { " word$_" } 1 .. 60;
my $chat = answer(api => 'openai_chat', stream => 1, include_usage => 1,
                  text => \@words, usage => { input => 20, output => 60 });
my $messages = answer(api => 'anthropic', stream => 1, text => \@words,
                      usage => { input => 20, output => 60 });
my $plain = answer(api => 'anthropic');


# compress(format, pieces...): one piece each, flushed, as a server does that
# compresses a stream; and the end.

sub compress {
    my ($format, @in) = @_;

    my ($d) = Compress::Zlib::deflateInit(-WindowBits => $BITS{$format});
    my @pieces;

    for my $i (0 .. $#in) {
        my ($a) = $d->deflate($in[$i]);
        my ($b) = $d->flush($i % 3 ? Z_SYNC_FLUSH : Z_FULL_FLUSH);
        push @pieces, $a . $b;
    }

    my ($end) = $d->flush;
    return (@pieces, $end);
}

sub whole { return join '', compress(@_) }

# A lot of the same, compressed as it is made.

sub bomb {
    my ($text, $bytes) = @_;

    my ($d) = Compress::Zlib::deflateInit(-WindowBits => 31, -Level => 9);
    my $block = $text x (1 + 100_000 / length $text);
    my $out = '';

    for (1 .. $bytes / length $block) {
        my ($some) = $d->deflate($block);
        $out .= $some;
    }

    my ($end) = $d->flush;
    return $out . $end;
}

my @events = @{ $chat->{pieces} };
my @late = compress('gzip', @events);
my @half = compress('zlib', @{ $messages->{pieces} }[0 .. 20]);
my $gzip = whole('gzip', $plain->{body});
my $events = bomb($events[3], 50_000_000);

# name => [coding, type, pieces, what else is expected]: usage, tokens of the
# output, outcome, why it is unreadable, status, error, whether it is
# unpriced; by default a body that is read, as it would be plain.

my %UNREAD = (usage => 'none', unpriced => 1);
my %BR = (%UNREAD, why => 'encoding');
my %BROKEN = (%UNREAD, why => 'inflate');
my %BAD = (usage => 'none', status => 429, outcome => 'error',
           error => 'rate_limit');

my @bodies = (
    gzip => ['gzip', $JSON, [$gzip]],
    'x-gzip' => ['x-gzip', $JSON, [$gzip]],
    upper => ['GZIP', $JSON, [$gzip]],
    'byte-wise' => ['gzip', $JSON, [split //, $gzip]],
    zlib => ['deflate', $JSON, [whole('zlib', $plain->{body})]],
    'zlib-bytes' => ['Deflate', $JSON,
                     [split //, whole('zlib', $plain->{body})]],
    raw => ['deflate', $JSON, [whole('raw', $plain->{body})]],
    'raw-bytes' => ['deflate', $JSON,
                    [split //, whole('raw', $plain->{body})]],
    members => ['gzip', $JSON, [whole('gzip', substr $plain->{body}, 0, 100)
                                . whole('gzip', '')
                                . whole('gzip', substr $plain->{body}, 100)]],
    trailer => ['gzip', $JSON, [$gzip, "\x1f", "\x8b\x07 and more"]],
    'bad-sum' => ['gzip', $JSON, [substr($gzip, 0, -8) . "\0" x 8],
                  why => 'inflate'],
    'no-sum' => ['gzip', $JSON, [substr($gzip, 0, -8)]],
    identity => ['identity', $JSON, [$plain->{body}]],
    'list-end' => ['gzip, identity', $JSON, [$gzip]],
    'list-begin' => ['Identity ,x-gzip', $JSON, [$gzip]],
    'list-empty' => [', gzip,', $JSON, [$gzip]],
    'list-none' => ['identity, identity', $JSON, [$plain->{body}]],

    'gzip-stream' => ['gzip', $SSE, [@late]],
    'zlib-stream' => ['deflate', $SSE, [compress('zlib', @events)]],
    'raw-stream' => ['deflate', $SSE, [compress('raw', @events)]],
    'member-stream' => ['gzip', $SSE, [map { whole('gzip', $_) } @events]],
    'stream-bytes' => ['gzip', $SSE, [map { split // } @late]],
    'late-first' => ['gzip', $SSE,
                     [$late[0], [pause => $PAUSE], @late[1 .. $#late]]],
    'late-second' => ['gzip', $SSE, [@late[0, 1], [pause => $PAUSE],
                                     @late[2 .. $#late]]],

    br => ['br', $JSON, ["\x0b\x02\x80abc\x03"], %BR],
    zstd => ['zstd', $SSE, ["\x28\xb5\x2f\xfd"], %BR],
    compress => ['compress', $JSON, ["\x1f\x9d\x90"], %BR],
    two => ['gzip, br', $JSON, [$gzip], %BR],
    twice => ['gzip, gzip', $JSON, [whole('gzip', $gzip)], %BR],
    'two-fields' => ["gzip;x=1", $JSON, [$gzip], %BR],
    'br-broken' => ['br', $SSE, ["\x0b\x02\x80abc\x03"], %BR, broken => 1,
                    outcome => 'incomplete'],
    lie => ['gzip', $JSON, [$plain->{body}], %BROKEN],
    damaged => ['gzip', $JSON, [substr($gzip, 0, 10) . "\xff" x 60], %BROKEN],
    dictionary => ['deflate', $JSON, ["\x78\xbb\0\0\0\1"
                                      . whole('raw', $plain->{body})],
                   %BROKEN],
    html => [undef, 'text/html', ['<html>'], %UNREAD, why => 'framing'],

    # what passed before the damage is counted, and what was not is no 0

    cut => ['gzip', $JSON, [substr $gzip, 0, 120], usage => 'estimated',
            outcome => 'incomplete'],
    'cut-stream' => ['gzip', $SSE, [@late[0 .. 20]], usage => 'estimated',
                     outcome => 'incomplete'],
    'broken-stream' => ['gzip', $SSE, [@late[0 .. 20]], broken => 1,
                        usage => 'estimated', outcome => 'incomplete'],
    'damaged-stream' => ['deflate', $SSE, [@half[0 .. 20], "\xff" x 20],
                         api => 'messages', usage => 'estimated',
                         why => 'inflate'],
    'bomb-zeros' => ['gzip', $JSON, [bomb("\0", 50_000_000)], %BROKEN],
    'bomb-events' => ['gzip', $SSE, [$events], usage => 'estimated',
                      why => 'inflate'],

    'error-gzip' => ['gzip', $JSON,
                     [whole('gzip', failure('anthropic', 429)->{body})],
                     %BAD, status => 400],
    'error-zlib' => ['deflate', $JSON,
                     [whole('zlib', failure('anthropic', 429)->{body})],
                     %BAD],
    'error-200' => ['gzip', $JSON,
                    [whole('gzip', failure('anthropic', 429)->{body})],
                    %BAD, status => 200],
    'error-br' => ['br', $JSON, ["\x0b\x02\x80abc\x03"], %BAD,
                   why => 'encoding'],
    'error-lie' => ['gzip', $JSON, ['slow down'], %BAD, why => 'inflate'],
);

my @names = @bodies[grep { $_ % 2 == 0 } 0 .. $#bodies];
my %bodies = @bodies;

my $up = $t->upstream(sub {
    my ($request) = @_;
    my ($name) = $request->{path} =~ m{^/\w+/([^/]+)/};
    my ($coding, $type, $pieces, %want) = @{ $bodies{$name} };

    return response($want{status} || 200,
                    ['Content-Type' => $type,
                     $coding ? ('Content-Encoding' => $coding) : ()], '',
                    pieces => $pieces, framing => 'chunked',
                    broken => $want{broken});
});

$t->config(<<"EOC");
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:32m;
    llm_price gpt-demo input=1 output=2;
    map \$request_uri \$case { ~^/\\w+/(?<c>[^/?]+) \$c; default none; }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        llm_route \$case;

        location /off/ { llm off; proxy_pass http://%%UPSTREAM%%; }
        location /in/ { proxy_pass http://%%UPSTREAM%%; }
        location /gunzip/ { gunzip on; proxy_pass http://%%UPSTREAM%%; }
        location = /llm-status { llm off; llm_status main; access_log off; }
    }
}
EOC

$t->start;

my $ask = request('anthropic');

sub path {
    my ($name) = @_;

    my (undef, $type, undef, %want) = @{ $bodies{$name} };
    return $type eq $SSE && !$want{api} ? 'v1/chat/completions'
                                        : 'v1/messages';
}

# Of the status only what is looked at: it is asked for often.

sub status { return $t->status("window=all&l.route=$_[0]") }

for my $name (@names) {
    subtest $name => sub {
        my ($coding, $type, $pieces, %want) = @{ $bodies{$name} };
        my $path = path($name);
        my $before = status($name)->{health}{unreadable};
        my $r = $t->post("/in/$name/$path", $ask);
        my $off = $t->post("/off/$name/$path", $ask);
        my ($line) = $t->logged(2);
        my $now = status($name);
        my $usage = $want{usage} || 'reported';
        my $tokens = $type eq $SSE ? 60 : 12;

        ok($r->{body} eq join('', grep { !ref } @$pieces),
           'bytes as they came');
        ok($r->{body} eq $off->{body}, 'and as without us');
        is($r->{headers}{'content-encoding'}, $coding, 'coding');

        is($line->{usage}, $usage, "usage is $usage");
        is($line->{outcome}, $want{outcome} || 'ok', 'outcome');
        is($line->{error_type}, $want{error} || ($line->{outcome} eq 'ok'
           ? '' : 'upstream'), 'type of error');

        $before->{ $want{why} }++ if $want{why};
        is_deeply($now->{health}{unreadable}, $before, $want{why} ? "unreadable: $want{why}"
                                            : 'readable');

        my $books = books_of($now, route => $name);
        is($books->{calls}{total}, 1, 'books: a call');
        is($books->{calls}{unpriced}, $want{unpriced} || 0,
           'books: ' . ($want{unpriced} ? 'without a price' : 'priced'));
        is($books->{calls}{estimated}, $usage eq 'estimated' ? 1 : 0,
           'books: estimated');

        if ($usage eq 'none') {
            is($line->{$_}, '', "$_: not found")
                for qw(input_tokens output_tokens cost);
            is($books->{tokens}{output}, 0, 'books: no tokens');

        } elsif ($usage eq 'reported') {
            is($line->{output_tokens}, $tokens, 'tokens');
            is($books->{tokens}{output}, $tokens, 'books: tokens');

        } else {
            cmp_ok($line->{output_tokens}, '>', 2, 'tokens: what passed');
            is($books->{tokens}{output}, $line->{output_tokens},
               'books: tokens');
        }
    };
}

# The lines of the calls above are read; these are new ones.

my $before = $t->status('window=all');

subtest 'when content comes' => sub {
    my %first;

    for my $name (qw(late-first late-second)) {
        $t->post("/in/$name/" . path($name), $ask);
        my ($line) = $t->logged(1);
        is($line->{content_events}, 60, "$name: events");
        ($first{$name}) = @{$line}{qw(ttft)};
        cmp_ok($line->{max_gap}, $name eq 'late-first' ? '<' : '>=',
               $PAUSE / 1000 - 0.01, "$name: the longest gap");
    }

    cmp_ok($first{'late-first'}, '>=', $PAUSE / 1000 - 0.01,
           'a pause before the first content is in the TTFT');
    cmp_ok($first{'late-second'}, '<', $PAUSE / 1000 - 0.01,
           'one after it is not');
};

subtest 'bombs' => sub {
    my ($worker) = $t->workers;
    my $peak = sub { slurp("/proc/$worker/status") =~ /VmHWM:\s+(\d+)/; $1 };

    $t->post('/in/bomb-events/v1/chat/completions', $ask);
    my ($first) = $t->logged(1);
    my $was = $peak->();
    my $n = proof() ? 200 : 10;

    for (1 .. $n) {
        $t->post("/in/$_/" . path($_), $ask) for qw(bomb-events bomb-zeros);
    }

    my @lines = grep { $_->{request_uri} =~ /events/ } $t->logged(2 * $n);
    my $free = 1024 * 1024 / length $events[3];

    diag(sprintf '%d bytes of events, %d read of %d', length $events,
         $first->{events}, 50_000_000 / length $events[3]);
    cmp_ok($first->{events}, '<', $free + 50, 'a bomb is read for a '
           . 'megabyte');
    is(scalar(grep { $_->{events} != $first->{events} } @lines), 0,
       "$n times the same");

    SKIP: {
        skip 'memory of sanitizers', 1 if $LLM::Test::SANITIZED;
        cmp_ok($peak->() - $was, '<', 1024, 'a worker does not grow');
    }
};

subtest 'why there is no price' => sub {
    my $n = grep {
        my (undef, undef, undef, %want) = @{ $bodies{$_} };
        $want{unpriced};
    } @names;
    my $health = $before->{health}{unpriced};

    is_deeply($health, { unknown_model => 0, no_rate => 0, no_usage => $n,
                         no_meter => 0 }, "$n answers did not say it");
};

subtest 'gunzip for the client' => sub {
    for my $name (qw(gzip gzip-stream)) {
        my $r = $t->post("/gunzip/$name/" . path($name), $ask);
        my ($line) = $t->logged(1);
        is($r->{body}, $name eq 'gzip' ? $plain->{body} : $chat->{body},
           "$name: inflated by nginx");
        is($line->{output_tokens}, $name eq 'gzip' ? 12 : 60,
           "$name: and read by us");
    }
};

$t->done;
