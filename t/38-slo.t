# llm_slo, end to end: what is good and what is bad by metric; a breach within
# "under" and a second while nothing ends; traffic that maps move, probes, and
# the way back; what a call was told holds for all of it, so no provider ever
# gets the other's key; reloads and the latch.
#
# Shares, windows and probes to the call are in t/unit/zone_slo.c, with a clock
# of its own.  The table of docs/operations.md is printed by the part
# "Degraded mode".

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Client qw(build_request);
use LLM::Provider qw(answer request);
use LLM::Test;
use LLM::Upstream qw(response sse);
use LLM::Util qw(mono port_take scale slurp spew wait_for);
use Test::More;

my $t = LLM::Test->new(workers => 2);
my $SLOW = $LLM::Test::SLOW;
my $stream = answer(api => 'openai_chat', stream => 1, include_usage => 1);
my $plain = answer(api => 'openai_chat');
my $JSON = ['Content-Type' => 'application/json'];
my $closed = port_take();

# What the path asks for; else what a file says.

sub provider {
    my ($req) = @_;

    my ($how) = $req->{uri} =~ m{\A/m/(\w+)/v1/};
    $how = slurp($t->path('mode')) unless defined $how;
    my @pieces = @{ $stream->{pieces} };

    # content in one arrival has no time per token
    @pieces = map { ($_, [pause => 3]) } @pieces if $req->{uri} =~ m{\A/m/};

    return sse(\@pieces) if $how =~ /\A(?:ok|cached|denied)\z/;
    return sse([[pause => $1], @pieces]) if $how =~ /\Alate(\d+)\z/;
    return (['hang']) if $how eq 'hang';
    return sse([@pieces[0 .. 7], ['hang']]) if $how eq 'stall';
    return sse([@pieces[0 .. 7]], broken => 1) if $how eq 'cut';
    return sse([map { ref $_ ? [pause => 40] : $_ } @pieces])
        if $how eq 'tokens';
    return response(200, $JSON, $plain->{body}) if $how eq 'plain';
    return ([pause => $1], response(200, $JSON, $plain->{body}))
        if $how =~ /\Aslow(\d+)\z/;
    return response($1, $JSON, '{"error":{"message":"no"}}')
        if $how =~ /\As(\d+)\z/;
    die "what is $how";
}

spew($t->path('mode'), 'ok');

my $first = $t->upstream(\&provider);
my $second = $t->upstream(sub { sse($stream->{pieces}) });

my $config = <<"EOC";
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:8m;
    llm_label team \$http_x_team;

    llm_slo m_ttft zone=main metric=ttft under=300ms target=50 min=1000000
            route=m;
    llm_slo m_duration zone=main metric=duration under=600ms target=50
            min=1000000 route=m;
    llm_slo m_tpot zone=main metric=tpot under=20ms target=50 min=1000000
            route=m;
    llm_slo m_errors zone=main metric=errors target=50 min=1000000 route=m;

    llm_slo model zone=main metric=errors target=50 min=1000000 model=gpt-b;
    llm_slo label zone=main metric=errors target=50 min=1000000 team=red
            provider=big;

    llm_slo fast zone=main metric=ttft under=500ms target=90 min=10 window=1m
            hold=2s probe=10 provider=big;
    llm_slo stuck zone=main metric=errors target=90 min=4 window=1m latch
            route=latch;

    map \$llm_slo_fast \$backend  { ok big; default small; }
    map \$llm_slo_fast \$provider { ok big; default small; }
    map \$llm_slo_fast \$key      { ok key-of-big; default key-of-small; }

    upstream big { server %%UPSTREAM_0%%; }
    upstream small { server %%UPSTREAM_1%%; }
    proxy_cache_path %%DIR%%/cache keys_zone=cache:1m;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        proxy_http_version 1.1;

        location /m/ {
            llm_route m;
            proxy_pass http://%%UPSTREAM_0%%;
        }
        location /m/refused/ {
            llm_route m;
            proxy_pass http://127.0.0.1:$closed;
        }
        location /m/cached/ {
            llm_route m;
            proxy_cache cache;
            proxy_cache_methods POST;
            proxy_cache_key \$uri;
            proxy_cache_valid 200 1h;
            proxy_pass http://%%UPSTREAM_0%%;
        }
        location /m/denied/ {
            llm_route m;
            llm_deny 1;
            proxy_pass http://%%UPSTREAM_0%%;
        }
        location /m/failover/ {
            llm_route m;
            rewrite ^ /m/s500/v1/chat/completions break;
            proxy_intercept_errors on;
            error_page 500 = \@small;
            proxy_pass http://%%UPSTREAM_0%%;
        }

        location /v1/ {
            set \$early \$llm_slo_fast;
            llm_provider \$provider;
            proxy_set_header Authorization "Bearer \$key";
            proxy_intercept_errors on;
            error_page 500 = \@small;
            add_header X-Slo "\$early \$llm_slo_fast";
            proxy_pass http://\$backend;
        }
        location \@small {
            llm_route small;
            llm_provider small;
            proxy_set_header Authorization "Bearer key-of-small";
            add_header X-Slo "\$early \$llm_slo_fast";
            proxy_pass http://small;
        }
        location /latch/ {
            llm_route latch;
            rewrite ^/latch(.*) \$1 break;
            add_header X-Slo \$llm_slo_stuck always;
            proxy_pass http://%%UPSTREAM_0%%;
        }

        location = /state { llm off; return 200 "\$llm_slo_fast"; }
        location = /stuck { llm off; return 200 "\$llm_slo_stuck"; }
        location = /llm-status { llm off; llm_status main; access_log off; }
    }
}
EOC

$t->config($config);
$t->start;

my $ask = request('openai_chat', stream => 1);
my $whole = request('openai_chat');

sub slos { return map { $_->{name} => $_ } @{ $t->status->{slo} } }

sub slo {
    my %slo = slos();
    return $slo{ $_[0] };
}

sub state { return $t->get('/state')->{body} }

sub at {
    my ($uri, $body) = @_;

    my $c = $t->client;
    $c->send(build_request('POST', $uri, $body // $ask));
    return $c;
}


# Metrics: g good, b bad, - no sample; of ttft, duration, tpot, errors

my @metrics = qw(ttft duration tpot errors);

my @cases = (
    ['ok', 'gggg'], ['late450', 'bggg'], ['late900', 'bbgg'],
    ['plain', '-g-g'], ['slow900', '-b-g'], ['tokens', 'gbbg'],
    ['cut', 'gbbb'],
    ['s500', 'bbbb'], ['s502', 'bbbb'], ['s503', 'bbbb'], ['s429', 'bbbb'],
    ['s529', 'bbbb'],
    ['s400', '----'], ['s401', '----'], ['s403', '----'], ['s404', '----'],
    ['s413', '----'], ['s422', '----'],
    ['refused', 'bbbb'], ['denied', '----'], ['cached', 'gggg'],
    ['cached', '----'], ['failover', 'bbbb'],
);

sub counted {
    my %slo = slos();
    return join ' ', map { "$slo{\"m_$_\"}{good}/$slo{\"m_$_\"}{bad}" }
                     @metrics;
}

my %sum = map { $_ => [0, 0] } @metrics;

sub expects {
    my ($what, $marks) = @_;

    my @marks = split //, $marks;
    for my $i (0 .. $#metrics) {
        $sum{ $metrics[$i] }[0]++ if $marks[$i] eq 'g';
        $sum{ $metrics[$i] }[1]++ if $marks[$i] eq 'b';
    }

    my $want = join ' ', map { "$sum{$_}[0]/$sum{$_}[1]" } @metrics;
    wait_for(2 * $SLOW, sub { counted() eq $want });
    is(counted(), $want, "$what: $marks");
    return;
}

for my $case (@cases) {
    my ($what, $marks) = @$case;
    $t->post("/m/$what/v1/chat/completions",
             $what =~ /plain|slow/ ? $whole : $ask);
    $t->logged(1);
    expects($what, $marks);
}

my $c = at('/m/hang/v1/chat/completions');
select undef, undef, undef, 0.1;
$c->close;
$t->logged(1);
expects('a client that leaves early', '----');

$c = at('/m/hang/v1/chat/completions');
expects('one that waits', 'bb--');
$c->close;
$t->logged(1);
expects('and leaves', '----');

$c = at('/m/stall/v1/chat/completions');
expects('a stream that stalls', 'gb--');
$c->close;
$t->logged(1);


# Filters

$t->post('/m/s500/v1/chat/completions',
         request('openai_chat', model => $_)) for qw(gpt-a gpt-b gpt-b gpt-bb);
ok(wait_for(3, sub { slo('model')->{bad} == 2 }), 'of a model');
$t->post('/v1/chat/completions', $ask, 'X-Team' => $_) for qw(red blue red), '';
ok(wait_for(3, sub { slo('label')->{good} == 2 }), 'of a label');
$t->logged(8);


# Degraded mode

my @table;
my $began;

sub note_row { push @table, sprintf "%-46s %s", @_; return }

sub mode { spew($t->path('mode'), $_[0]); return }

# Calls that are under way are held; gives how many went to the first.

sub calls {
    my ($n) = @_;

    my $before = $first->requests;
    $t->post('/v1/chat/completions', $ask) for 1 .. $n;
    return $first->requests - $before;
}

sub trip {
    my ($what, $mode, $n) = @_;

    mode($mode);
    my $sent = mono();
    my @held = map { at('/v1/chat/completions') } 1 .. $n;
    my $tripped = wait_for(5 * $SLOW, sub { state() eq 'breach' });
    my $took = mono() - $sent;

    ok($tripped, "$what: breach");
    cmp_ok($took, '>=', 0.5, "$what: not before under");
    cmp_ok($took, '<', 1.5 * $SLOW, "$what: within under and 1 s");
    note_row("$what: from the last call that it takes",
             sprintf '%.2f s', $took);
    return @held;
}

is(calls(36), 36, 'ok: all go to the first');
is(slo('fast')->{good}, 40, 'and are good');

my @held = trip('slow, first content after 900 ms', 'late900', 5);
is(scalar(grep { $_->response->{body} eq $stream->{body} } @held), 5,
   'what was under way goes on');
$_->close for @held;

# the share is even: of any 10 calls in a row one is a probe
mode('s500');
is(calls(50), 5, 'breach: 10 % are probes');
my $now = slo('fast');
is("$now->{moved} $now->{probes}", '45 5', 'as the status says');

mode('ok');
my $since = mono();
my ($n, $probes) = (0, slo('fast')->{probes});
until (state() eq 'ok' || mono() - $since > 20 * $SLOW) {
    $t->post('/v1/chat/completions', $ask);
    $n++;
    select undef, undef, undef, 0.005;
}
is(state(), 'ok', 'well again: it comes back');
note_row('well again: back after', sprintf '%.2f s', mono() - $since);
note_row('  calls meanwhile, probes among them',
         "$n, " . (slo('fast')->{probes} - $probes));
is(calls(20), 20, 'all go to the first');

@held = trip('hangs without a byte', 'hang', 5);
is(calls(9), 0, 'nobody waits who was moved');
$_->close for @held;

# no way back while probes are bad
mode('s500');
calls(10) while mono() - $since < 5;
is(state(), 'breach', 'bad probes: it stays');

# Keys: a failed probe goes on to the second, with the second's key

my $many = scale(1000, 10000);
my ($one, $two) = (scalar $first->requests, scalar $second->requests);
my $moved = slo('fast');
my (%said, %status);

for (1 .. $many) {
    my $r = $t->post('/v1/chat/completions', $ask);
    $said{ $r->{headers}{'x-slo'} // '' }++;
    $status{ $r->{status} }++;
}

is_deeply(\%status, { 200 => $many }, "$many calls in breach: all answered");
is_deeply([sort keys %said], ['breach breach', 'ok ok'],
          'what a call was told holds for all of it');
is($said{'ok ok'}, $many / 10, 'probes, redirected ones too');

my @one = $first->requests;
my @two = $second->requests;
my %keys;
$keys{first}{ $_->{headers}{authorization} // '' }++ for @one[$one .. $#one];
$keys{second}{ $_->{headers}{authorization} // '' }++ for @two[$two .. $#two];

is_deeply(\%keys, { first => { 'Bearer key-of-big' => $many / 10 },
                    second => { 'Bearer key-of-small' => $many } },
          'no provider got the key of the other');

my $end = slo('fast');
is($end->{probes} - $moved->{probes}, $many / 10, 'status: probes');
is($end->{moved} - $moved->{moved}, $many * 9 / 10, 'status: moved');
note_row("of $many calls in breach: probes, failed over", $many / 10);
note_row('  keys at the wrong provider', '0');

diag($_) for @table;

my @moves = $t->errors(qr/llm_slo "fast"/);
is(scalar @moves, 3, 'a line a change, not one a worker');
is(scalar(grep { /\[warn\].* in breach: \d+ of \d+ calls of the last 1m/ }
          @moves), 2, 'breaches are warned of');
is(scalar(grep { /\[notice\].* is ok again/ } @moves), 1, 'a return is noted');

my $text = $t->get('/llm-status?format=prometheus')->{body};
like($text, qr/^nginx_llm_slo_breach\{slo="fast"\} 1$/m, 'Prometheus: breach');
like($text, qr/^nginx_llm_slo_good_total\{slo="fast"\} $end->{good}$/m,
     'good');
my $all = $end->{good} + $end->{bad};
like($text, qr/^nginx_llm_slo_calls_total\{slo="fast"\} $all$/m, 'calls');
cmp_ok($end->{burn}{'5m'}, '>', 1, 'it burns');


# Reloads and the latch

mode('s500');
$t->post('/latch/v1/chat/completions', $ask) for 1 .. 4;
ok(wait_for(3, sub { $t->get('/stuck')->{body} eq 'breach' }), 'latch');
mode('ok');
$t->post('/latch/v1/chat/completions', $ask) for 1 .. 60;
is($t->get('/stuck')->{body}, 'breach', 'latch: no return');

my $bad = slo('fast')->{bad};
$t->reload(wait_old => 1);
is(slo('fast')->{bad}, $bad, 'reload: what was counted stays');
is(state(), 'breach', 'so does the state');
is($t->get('/stuck')->{body}, 'ok', 'but a latch opens');
is(scalar $t->errors(qr/llm_slo "stuck" is in breach/), 1, 'said once');

$config =~ s/(llm_slo fast .*?)target=90/$1target=91/s;
$t->reload(config => $config, wait_old => 1);
is(slo('fast')->{bad}, 0, 'another definition begins anew');
is(state(), 'ok', 'and is ok');

# a worker that dies takes nothing along
mode('hang');
@held = map { at('/v1/chat/completions') } 1 .. 6;
select undef, undef, undef, 0.2;
my @workers = $t->workers;
my %dead = map { $_ => 1 } @workers;
$t->expect_killed(@workers);
kill KILL => @workers;
ok(wait_for(20 * $SLOW, sub { my @now = grep { !$dead{$_} } $t->workers;
                              @now == 2 }), 'workers die');
is(slo('fast')->{bad}, 0, 'calls of a dead worker are no samples');
$_->close for @held;
trip('after it', 'hang', 12);

$t->done;
