# Reloads and kills under load: no call fails or is lost by a reload; after a
# kill the service is back, the books balance, and none is in flight that is
# not.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Books;
use LLM::Calls qw(books_of events);
use LLM::Client qw(build_request);
use LLM::Provider qw(answer request);
use LLM::Test;
use LLM::Upstream qw(response sse);
use LLM::Util qw(mono scale slurp spawn spew wait_for);
use Test::More;
use Time::HiRes qw(sleep);

my $RELOADS = scale(5, 50);
my $KILLS = scale(6, 200);

my $t = LLM::Test->new(workers => 2);

my $slow = answer(api => 'openai_chat', stream => 1, include_usage => 1);
my $plain = answer(api => 'openai_chat');

$t->upstream(sub {
    my ($request) = @_;
    return sse([map { ($_, [pause => 4]) } @{ $slow->{pieces} }])
        if $request->{path} =~ m{^/stream/};
    return sse([@{ $slow->{pieces} }[0 .. 5], [pause => 1200],
                @{ $slow->{pieces} }[6 .. $#{ $slow->{pieces} }]])
        if $request->{path} =~ m{^/long/};
    return sse([@{ $slow->{pieces} }[0 .. 5], ['hang']])
        if $request->{path} =~ m{^/hang/};
    return response(200, ['Content-Type' => 'application/json'],
                    $plain->{body});
});

my $config = <<'EOC';
%%GLOBALS%%
worker_shutdown_timeout 10s;
http {
    %%HTTP%%
    llm_zone zone=main:32m;
    llm_price gpt-demo input=1 output=2;
    map $request_uri $case { ~^/(?<c>[^/?]+) $c; default none; }
    server {
        listen 127.0.0.1:%%PORT_0%%;
        listen 127.0.0.1:%%PORT_1%%;
        llm main;
        llm_route $case;
        location / { proxy_pass http://%%UPSTREAM%%; }
        location = /llm-status { llm off; llm_status main; access_log off; }
    }
}
EOC

$t->config($config);
$t->start;

# Clients in processes of their own, until told to stop; what they saw, in
# a file each: complete, broken, refused.

my $gone = 0;

sub load {
    my ($n) = @_;

    my $port = $t->port(1);
    my $stop = $t->path('stop' . ++$gone);

    my @pids = map {
        my $file = $t->path("load$gone.$_");
        my $name = $_ % 2 ? 'stream' : 'plain';
        my $want = $_ % 2 ? $slow->{body} : $plain->{body};
        my $ask = build_request('POST', "/$name/v1/chat/completions",
            request('openai_chat', stream => $_ % 2));
        spawn(sub {
            my %saw = (complete => 0, broken => 0, refused => 0);

            until (-e $stop) {
                my $c = eval { LLM::Client->new(port => $port) };
                if (!$c) { $saw{refused}++; sleep 0.01; next; }
                my $r = $c->send($ask) ? $c->response : { complete => 0 };
                $saw{ $r->{complete} && $r->{status} == 200
                      && $r->{body} eq $want ? 'complete' : 'broken' }++;
                $c->close;
            }

            spew($file, join ' ', @saw{qw(complete broken refused)});
        });
    } 1 .. $n;

    return { stop => $stop, pids => \@pids,
             files => [map { $t->path("load$gone.$_") } 1 .. $n] };
}


sub unload {
    my ($load) = @_;

    my %sum;

    spew($load->{stop}, '');
    waitpid $_, 0 for @{ $load->{pids} };

    for my $file (@{ $load->{files} }) {
        my @n = split / /, -e $file ? slurp($file) : '0 0 0';
        $sum{$_} += shift @n for qw(complete broken refused);
    }

    return \%sum;
}


sub quiet {
    my ($seconds) = @_;

    my $json;
    my $since = mono();
    wait_for($seconds, sub { !LLM::Books::in_flight($json = $t->status) });
    return ($json, mono() - $since);
}


subtest 'a SIGHUP mid-stream' => sub {
    my $c = $t->client;
    $c->send(build_request('POST', '/long/v1/chat/completions',
                           request('openai_chat', stream => 1)));
    ok(events($c, 6), 'the stream has begun');
    is(LLM::Books::in_flight($t->status), 1, 'in flight');
    ok($t->reload, 'reload');
    is(LLM::Books::in_flight($t->status), 1,
       'in flight still, told by a new worker');
    my $r = $c->response;
    is($r->{body}, $slow->{body}, 'the stream goes on to its end');
    my ($line) = $t->logged(1);
    is_deeply([@$line{qw(outcome usage output_tokens)}],
              ['ok', 'reported', 12], 'and is counted');
    cmp_ok($line->{max_gap}, '>', 1, 'with its gap');
    my ($json) = quiet(2);
    is($json->{total}{windows}{all}{calls}{total}, 1, 'once');
    is($json->{total}{windows}{all}{latency}{ttft}{count}, 1, 'one TTFT');
    is(LLM::Books::in_flight($json), 0, 'none in flight');
};

subtest "$RELOADS reloads under load" => sub {
    my $before = $t->status->{total}{windows}{all}{calls}{total};
    my $load = load(8);

    for my $n (1 .. $RELOADS) {
        sleep 0.15;
        $t->reload or last;
    }

    my $saw = unload($load);
    my ($json) = quiet(5);
    my $calls = $json->{total}{windows}{all}{calls};

    note("$RELOADS reloads, $saw->{complete} calls");
    cmp_ok($saw->{complete}, '>', $RELOADS * 5, 'there was load');
    is($saw->{broken} + $saw->{refused}, 0, 'no failed call');
    is($calls->{total} - $before, $saw->{complete}, 'no lost count');
    is($calls->{ok}, $calls->{total}, 'all ok');
    is(books_of($json, route => 'stream')->{tokens}{output}
       + books_of($json, route => 'plain')->{tokens}{output},
       12 * $saw->{complete}, 'no lost token');
    LLM::Books::check($json);
};

subtest "$KILLS kills under load" => sub {
    my $before = $t->status->{total}{windows}{all}{calls}{total};
    my $load = load(8);
    my ($back, $worst) = (0, 0);

    for my $n (1 .. $KILLS) {
        sleep 0.05 + rand 0.15;
        my @workers = $t->workers;
        my $pid = $workers[rand @workers];
        $t->expect_killed($pid);
        kill KILL => $pid;
        my $since = mono();
        $back++ if wait_for(5, sub {
            my $r = eval { $t->post('/plain/v1/chat/completions',
                                    request('openai_chat')) };
            return $r && $r->{status} == 200 && $r->{complete};
        });
        my $took = mono() - $since;
        $worst = $took if $took > $worst;
    }

    is($back, $KILLS, 'service is back each time');
    my $saw = unload($load);
    my ($json, $took) = quiet(5);
    my $calls = $json->{total}{windows}{all}{calls};

    note(sprintf '%d kills, %d calls, %d broken; back within %.0f ms, '
         . 'in flight right after %.0f ms', $KILLS, $saw->{complete},
         $saw->{broken}, 1000 * $worst, 1000 * $took);
    is(LLM::Books::in_flight($json), 0, 'none in flight');
    cmp_ok($took, '<', 1.1 * $LLM::Test::SLOW + 0.2,
           'in flight is right within a second');
    cmp_ok($saw->{complete}, '>', $KILLS * 5, 'there was load');
    cmp_ok($calls->{total} - $before, '>=', $saw->{complete} - $KILLS,
           'what ended was counted');
    cmp_ok($calls->{total} - $before, '<=',
           $saw->{complete} + $saw->{broken} + $KILLS * 3,
           'and nothing twice');
    LLM::Books::check($json);
};

subtest 'a kill with calls in flight' => sub {
    my @c = map { $t->client } 1 .. 6;
    $_->send(build_request('POST', '/hang/v1/chat/completions',
        request('openai_chat', stream => 1))) for @c;
    is(scalar(grep { events($_, 5) } @c), 6, 'six streams');
    is(LLM::Books::in_flight($t->status), 6, 'in flight');

    my @workers = $t->workers;
    $t->expect_killed(@workers);
    kill KILL => @workers;
    my $since = mono();
    ok(wait_for(3, sub { my $json = eval { $t->status };
                         $json && !LLM::Books::in_flight($json) }),
       'none when their workers are dead');
    cmp_ok(mono() - $since, '<', 1.5 * $LLM::Test::SLOW,
           'and soon');
    is($t->get('/llm-status')->{status}, 200, 'service is back');
    $_->close for @c;
};

subtest 'wrong settings on a reload' => sub {
    my $before = $t->status;
    (my $bad = $config) =~ s/llm main;/llm none;/;
    my @old = $t->workers;
    $t->config($bad);
    kill HUP => $t->master;
    ok(wait_for(3, sub { $t->errors(qr/\[emerg\]/) }), 'refused');
    is_deeply([$t->workers], \@old, 'the workers stay');
    $t->config($config);
    my $log = $t->read_file('error.log');
    $log =~ s/.*\[emerg\].*\n//g;
    spew($t->path('error.log'), $log);
    is($t->status->{total}{windows}{all}{calls}{total},
       $before->{total}{windows}{all}{calls}{total}, 'and the books');
    ok($t->reload(wait_old => 1), 'a good one is taken');
    is($t->status->{health}{generation}, $before->{health}{generation} + 1,
       'generation');
};

$t->done;
