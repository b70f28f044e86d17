#!/usr/bin/perl

# A trickle of calls for the demo, so that its numbers live: several teams,
# models and routes, streamed and whole, and now and then a caller that does
# not wait for the end.
#
#     perl t/demo/trickle.pl port [calls a second]

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Select;
use IO::Socket::INET;

use LLM::Client qw(build_request);
use LLM::Provider qw(path_of request words);
use LLM::Util qw(mono);

my ($port, $rate) = @ARGV;
die "usage: $0 port [calls a second]\n" unless $port;
$rate ||= 3;

# weight, prefix of the path, api, model

my @CALLS = (
    [30, '',       'openai_chat',      'gpt-4o-mini'],
    [20, '',       'openai_chat',      'gpt-4o'],
    [20, '',       'anthropic',        'claude-sonnet-4-5'],
    [15, '/batch', 'anthropic',        'claude-haiku-4-5'],
    [ 8, '/batch', 'openai_chat',      'o4-mini'],
    [ 5, '',       'openai_responses', 'gpt-4o-mini'],
    [ 5, '',       'embeddings',       'text-embedding-3-small'],
);

my @TEAMS = qw(search search search support support research);


sub pick {
    my $sum = 0;
    $sum += $_->[0] for @CALLS;
    my $at = rand $sum;

    for my $call (@CALLS) {
        return $call if ($at -= $call->[0]) < 0;
    }

    return $CALLS[0];
}


sub call_bytes {
    my (undef, $prefix, $api, $model) = @{ pick() };

    my $stream = $api ne 'embeddings' && rand() < 0.8;
    my $n = rand() < 0.2 ? 900 + int rand 1500 : 10 + int rand 120;
    my @more = $api eq 'openai_chat' && $stream && rand() < 0.8
               ? (include_usage => 1) : ();
    my $body = request($api, model => $model, stream => $stream,
                       prompt => join('', words($n)), @more);

    return build_request('POST', $prefix . path_of($api), $body,
                         'X-Team' => $TEAMS[rand @TEAMS]);
}


my $parent = getppid();
my $select = IO::Select->new;
my %patience;
my $next = mono();

while (getppid() == $parent) {
    my $now = mono();

    if ($now >= $next) {
        $next = $now - log(1 - rand) / $rate;

        my $sock = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp');

        if ($sock) {
            local $SIG{PIPE} = 'IGNORE';
            syswrite $sock, call_bytes();
            $select->add($sock);
            $patience{$sock} = rand() < 0.03 ? $now + 0.2 + rand 1 : $now + 90;
        }
    }

    my $wait = $next - mono();
    $wait = 0.2 if $wait > 0.2;
    $wait = 0 if $wait < 0;

    if (!$select->count) {
        select undef, undef, undef, $wait;
        next;
    }

    my %ready = map { $_ => 1 } $select->can_read($wait);

    for my $sock ($select->handles) {
        my $n = $ready{$sock} ? sysread $sock, my $buf, 65536 : 1;
        next if $n && $now < $patience{$sock};
        delete $patience{$sock};
        $select->remove($sock);
        close $sock;
    }
}
