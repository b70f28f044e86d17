# More calls at a time than a zone has room for: what is in flight does not
# show those that found none, and says how many; the books have them all.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use LLM::Calls qw(books_of);
use LLM::Client qw(build_request);
use LLM::Provider qw(answer request);
use LLM::Test;
use LLM::Upstream qw(response);
use LLM::Util qw(spawn wait_for);
use Test::More;

use constant { ROOM => 2048, MORE => 52, EACH => 700 };

my $t = LLM::Test->new(events => 'worker_connections 12000;');
my $body = answer(api => 'openai_chat')->{body};

$t->upstream(sub { response(200, ['Content-Type' => 'application/json'],
                            $body) });

# An upstream that takes connections and never answers: the kernel does.

my $deaf = IO::Socket::INET->new(LocalAddr => '127.0.0.1', ReuseAddr => 1,
                                 Listen => 4096) or die "listen: $!";
my $port = $deaf->sockport;

$t->config(<<"EOC");
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:1m;
    server {
        listen 127.0.0.1:%%PORT_0%% backlog=4096;
        llm main;
        llm_route \$uri;
        location / { proxy_pass http://%%UPSTREAM%%; }
        location /deaf/ { proxy_pass http://127.0.0.1:$port; }
        location = /llm-status { llm off; llm_status main; access_log off; }
    }
}
EOC

$t->start;

my $ask = request('openai_chat');

sub now {
    my $json = $t->status('window=all');
    my $text = $t->get('/llm-status?format=prometheus')->{body};
    my ($dropped) = $text =~ /^nginx_llm_in_flight_dropped_total (\d+)$/m;
    my $flying = 0;

    $flying += $1
        while $text =~ /^nginx_llm_calls_in_flight\{.*\} (\d+)$/mg;

    return { shown => $json->{total}{now}{in_flight}, gauge => $flying,
             dropped => $json->{health}{live_dropped}, total => $dropped };
}

sub is_now {
    my ($flying, $dropped, $name) = @_;

    my $now;
    my %want = (shown => $flying, gauge => $flying,
                dropped => $dropped, total => $dropped);

    wait_for(20 * $LLM::Test::SLOW, sub {
        $now = now();
        return !grep { ($now->{$_} // -1) != $want{$_} } keys %want;
    });

    is_deeply($now, \%want, $name);
}

# Children hold them, a few hundred each: a process may have few files.

my @holders;

sub hold {
    my ($n) = @_;

    my $request = build_request('POST', '/deaf/v1/chat/completions', $ask);

    push @holders, spawn(sub {
        my @held = map {
            my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                          PeerPort => $t->port(0))
                or die "connect: $!";
            syswrite $s, $request;
            $s;
        } 1 .. $n;
        sleep 600;
    });
}

is_now(0, 0, 'nothing yet');

for (my $left = ROOM; $left > 0; $left -= EACH) {
    hold($left < EACH ? $left : EACH);
}

is_now(ROOM, 0, 'as many as there is room for');

hold(MORE);
is_now(ROOM, MORE, 'one more is not seen, and is counted');

$t->post('/v1/chat/completions', $ask);
is_now(ROOM, MORE + 1, 'nor is a call that is answered');

kill KILL => $_ for @holders;
waitpid $_, 0 for @holders;

is_now(0, MORE + 1, 'all have gone, none is counted twice');

$t->post('/v1/chat/completions', $ask) for 1 .. 300;
is_now(0, MORE + 1, 'there is room again');

my $books = books_of($t->status('window=all'));
is($books->{calls}{aborted}, ROOM + MORE, 'the books have all that left');
is($books->{calls}{ok}, 301, 'and all that did not');

$t->done;
