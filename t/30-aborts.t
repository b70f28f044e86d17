# Clients that leave: at each event of recorded streams.  The call is charged
# at least what was delivered and never nothing, and never more than what was
# reserved or reported.  The same when a worker is killed, within a second.
#
# What was delivered is told by the recording: of the tokens that it reports,
# without those of hidden reasoning, the share of events that came.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use LLM::Client qw(build_request);
use LLM::Corpus ();
use LLM::Test;
use LLM::Upstream qw(response);
use LLM::Util qw(proof scale wait_for);
use POSIX ();
use Test::More;

my $STREAMS = scale(15, 50);
my $LIMIT = 1_000_000_000;

my @cases = grep {
    $_->{stream} && $_->{status} == 200 && $_->{request}
        && $_->{expect}{reported} && ($_->{expect}{output} || 0) > 1
        && $_->{expect}{events} > 2 && !$_->{expect}{error}
} LLM::Corpus::cases();

plan skip_all => 'no recordings: set LLM_CORPUS to a directory of them'
    unless @cases;

# spread over all of them

@cases = map { $cases[int($_ * @cases / $STREAMS)] } 0 .. $STREAMS - 1
    if @cases > $STREAMS;

my $t = LLM::Test->new(workers => 2, timeout => scale(300, 3600));

# sends so many events as the header says, and no more

$t->upstream(sub {
    my ($req) = @_;

    my $c = $cases[$req->{headers}{'x-case'}];
    my @events = LLM::Corpus::events($c);
    my $n = $req->{headers}{'x-events'};
    my $body = $n ? substr($c->{body}, 0, $events[$n - 1][1]) : '';

    return ([hang =>]) if !$n;

    return ("HTTP/1.1 200 OK\r\nContent-Type: $c->{type}\r\n"
            . "Connection: close\r\n\r\n$body", [hang =>]);
});

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    log_format keys '$http_x_key $llm_outcome $llm_content_events '
                    '$llm_output_tokens';
    access_log %%DIR%%/keys.log keys;
    llm_zone zone=main:16m;
    llm_budget_zone $http_x_key zone=tok:4m period=month;
    client_max_body_size 10m;
    client_body_buffer_size 1m;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        llm_budget zone=tok limit=1000000000t;
        llm_unreadable pass;

        location / {
            add_header X-Left $llm_budget_tok_left always;
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /left/v1/chat/completions {
            llm_deny 1;
            add_header X-Left $llm_budget_tok_left always;
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /llm-status { llm off; llm_status main; }
    }
}
EOC

$t->start;


sub charged {
    my ($key) = @_;

    my $r = LLM::Client::http($t->port, 'POST', '/left/v1/chat/completions',
        '{"model":"m","messages":[]}', 'X-Key' => $key);

    return $LIMIT - $r->{headers}{'x-left'};
}


# A call that got so many events, still open.

sub begin {
    my ($i, $n, $key) = @_;

    my $c = $cases[$i];
    my $client = LLM::Client->new(port => $t->port, timeout => 30);

    $client->send(build_request('POST', $c->{path}, $c->{request},
        'X-Case' => $i, 'X-Events' => $n, 'X-Key' => $key)
        =~ s/ HTTP\/1\.1\r/ HTTP\/1.0\r/r);

    return $client;
}

# The client has it all before it leaves: without chunks bytes can be counted.

sub arrived {
    my ($client, $i, $n) = @_;

    my @events = LLM::Corpus::events($cases[$i]);
    my $got = '';

    while ($client->read_some) {
        $got = join '', map { $_->[1] } @{ $client->chunks };
        my $head = index $got, "\r\n\r\n";
        return 1 if $head > 0 && length($got) >= $head + 4 + $events[$n - 1][1];
    }

    die "$cases[$i]{name}: cut at event $n: " . length $got;
}


sub lines_of {
    my ($n) = @_;

    my %line;

    wait_for(20, sub {
        %line = map { /\A(\S+) (.*)/ ? ($1 => $2) : () }
                grep { /aborted|incomplete|ok|error/ }
                split /\n/, $t->read_file('keys.log');
        return keys %line >= $n;
    });

    return \%line;
}


my (%call, $asked);

for my $i (0 .. $#cases) {
    my @events = LLM::Corpus::events($cases[$i]);
    my $step = proof() ? 1 : 1 + int(@events / 8);

    # what is reserved: while it hangs without an answer
    my $client = begin($i, 0, "r$i");
    my $reserved;
    wait_for(10, sub { return $reserved = charged("r$i") });
    $client->abort;
    $call{"r$i"} = [$i, 0, $reserved];

    for (my $n = 1; $n < @events; $n += $step) {
        my $key = "c$i.$n";
        my $gone = begin($i, $n, $key);
        arrived($gone, $i, $n);
        $gone->abort;
        $call{$key} = [$i, $n, $reserved];
    }
}

my $line = lines_of(scalar keys %call);
is scalar(keys %$line), scalar(keys %call), 'all calls are over';

my ($checked, @low, @high, @none) = (0);

for my $key (sort keys %call) {
    my ($i, $n, $reserved) = @{ $call{$key} };
    my $c = $cases[$i];
    my $e = $c->{expect};
    my $charged = charged($key);
    my $reported = ($e->{input} || 0) + $e->{output};
    my $said = $e->{output} - ($e->{reasoning} || 0);
    my $delivered = $said * $n / LLM::Corpus::events($c);

    $checked++;
    push @none, "$c->{name} at $n" if $charged <= 0;
    push @low, "$c->{name} at $n: $charged, delivered $delivered"
        if $charged < $delivered;
    push @high, "$c->{name} at $n: $charged, reserved $reserved, "
                . "reported $reported"
        if $charged > ($reserved > $reported ? $reserved : $reported);
}

is_deeply \@none, [], 'no call that was left is free';
is_deeply \@low, [], 'each is charged what was delivered, or more';
is_deeply \@high, [], 'and never more than was reserved or reported';


# A worker is killed with streams of half their events.

my (@open, %killed);

for my $i (0 .. $#cases) {
    my @events = LLM::Corpus::events($cases[$i]);
    my $half = POSIX::ceil(@events / 2);
    my $client = begin($i, $half, "k$i");

    arrived($client, $i, $half);
    push @open, $client;
    $killed{"k$i"} = [$i, $half];
}

my @workers = $t->workers;
$t->kill_worker($_) for @workers;
select undef, undef, undef, 1.3;

my @wrong;

for my $key (sort keys %killed) {
    my ($i, $n) = @{ $killed{$key} };
    my $e = $cases[$i]{expect};
    my $charged = charged($key);
    my $reserved = $call{"r$i"}[2];

    my $delivered = ($e->{output} - ($e->{reasoning} || 0)) * $n
                    / LLM::Corpus::events($cases[$i]);

    push @wrong, "$cases[$i]{name}: $charged, $delivered to $reserved"
        if $charged < $delivered || $charged > $reserved;
}

is_deeply \@wrong, [], 'after a kill each key is charged from what was '
                       . 'delivered to what was reserved';

my $less = grep { charged($_) < $call{ 'r' . substr $_, 1 }[2] } keys %killed;
cmp_ok $less, '>', @cases / 2, 'and of most the rest was given back';

diag("$checked calls of " . @cases . ' streams');

$t->done;
