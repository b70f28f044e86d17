# state=path: books that outlast processes, reloads, upgrades and, by a
# snapshot, the machine.
#
# What this cannot see: a real power cut; here live memory is removed instead.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::State;
use LLM::Test;
use LLM::Upstream qw(response);
use LLM::Util qw(scale slurp spew wait_for);
use Test::More;
use Time::HiRes qw(sleep);

my $ANSWER = '{"id":"x","object":"chat.completion","model":"gpt-z","choices":'
    . '[{"index":0,"message":{"role":"assistant","content":"hi"},'
    . '"finish_reason":"stop"}],"usage":{"prompt_tokens":5,'
    . '"completion_tokens":2,"total_tokens":7}}';

my $t = LLM::Test->new(workers => 2);
my $s = LLM::State->new($t);

$t->upstream(sub {
    return response(200, ['Content-Type' => 'application/json'], $ANSWER);
});

sub conf {
    my ($zone) = @_;

    return <<"EOC";
%%GLOBALS%%
http {
    %%HTTP%%
    llm_price gpt-z input=1 output=2;
    $zone
    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { llm main; proxy_pass http://%%UPSTREAM%%; }
        location = /llm-status { llm_status main; access_log off; }
    }
}
EOC
}

my $ZONE = 'llm_zone zone=main:2m state=%%DIR%%/state/main;';

sub calls {
    my ($n) = @_;

    $t->post('/v1/chat/completions', '{"model":"gpt-z","messages":[]}',
             'Content-Type' => 'application/json') for 1 .. $n;
    return $t->logged($n);
}

sub all { return $t->status->{total}{windows}{all} }
sub total { return all()->{calls}{total} }


subtest 'settings' => sub {
    my ($ok, $said) = $t->check(conf($ZONE));
    ok($ok, '-t takes it') or diag($said);
    ok(!-e $t->path('state'), 'and makes nothing');
    is_deeply([$s->live], [], 'nowhere');
    like($said, qr/llm_zone "main": \d+ series/, 'says what fits');

    for my $bad ('state=', 'state=dir/', 'stat=x', 'state=a state=b') {
        ($ok, $said) = $t->check(conf("llm_zone zone=main:2m $bad;"));
        ok(!$ok, "$bad is refused") or diag($said);
    }

    ($ok, $said) = $t->check(conf("$ZONE\n"
                                  . 'llm_zone zone=b:2m state=%%DIR%%/state/main;'));
    ok(!$ok, 'one path for two zones is refused');
    like($said, qr/is that of llm_zone "main" already/, 'with a word');
};

$t->config(conf($ZONE));
$t->start;
my $since = $t->status->{since};

subtest 'a kill of everything' => sub {
    my $sum = 0;

    is(scalar(my @live = $s->live), 1, 'live memory');
    is((stat $live[0])[2] & 07777, 0600, 'is root\'s alone');
    cmp_ok((stat _)[12] * 512, '>=', 2 * 1024 * 1024, 'and allocated');
    cmp_ok(-s _, '==', 2 * 1024 * 1024 + 4096, 'at its size');

    for my $round (1 .. scale(4, 40)) {
        my $n = 1 + int rand 5;
        calls($n);
        $sum += $n;
        $s->crash;
        $t->start;
        total() == $sum or last;
    }

    is(total(), $sum, 'what had ended is there');
    is(all()->{cost}{usd}, sprintf('%.9f', $sum * 9e-6), 'and what it cost');
    is(all()->{latency}{duration}{count}, $sum, 'and how long it took');
    is($t->status->{since}, $since, 'since the same time');
    is($t->status->{health}{state}, 'ok', 'well');
};

subtest 'a reload' => sub {
    my $sum = total();
    my ($was) = $s->live;
    my $ino = (stat $was)[1];

    calls(2);
    ok($t->reload(wait_old => 1), 'reload');
    calls(3);
    is(total(), $sum + 5, 'one set of books');
    is_deeply([$s->live], [$was], 'in the same place');
    is((stat $was)[1], $ino, 'of the same file');
};

subtest 'other sizes' => sub {
    my $sum = total();
    my ($was) = $s->live;
    my $ino = (stat $was)[1];

    for my $size ('4m', '1m', '2m') {
        (my $zone = $ZONE) =~ s/2m/$size/;
        ok($t->reload(config => conf($zone), wait_old => 1), "to $size");
        is(total(), $sum, 'the books go on');
        is($t->status->{zone}{bytes}, ($size =~ /(\d+)/)[0] * 1024 * 1024, 'in that size');
        calls(1);
        is(total(), ++$sum, 'and are written');
    }

    is_deeply([$s->live], [$was], 'one file');
    isnt((stat $was)[1], $ino, 'another one');
    is($t->status->{since}, $since, 'since the same time');
    is($t->status->{health}{lost_on_resize}, 0, 'nothing is lost');

    $s->crash;
    (my $zone = $ZONE) =~ s/2m/3m/;
    $t->config(conf($zone));
    $t->start;
    is(total(), $sum, 'another size at a start, after a kill');
    is($t->status->{zone}{bytes}, 3 * 1024 * 1024, 'is taken');
    ok($t->reload(config => conf($ZONE), wait_old => 1), 'back');
    is(total(), $sum, 'the books go on');
};

subtest 'a clean stop, and a machine that forgets its memory' => sub {
    my $sum = total();
    my $before = all();

    calls(7);
    $sum += 7;
    ok($s->halt, 'stop');
    ok(-s $t->path('state/main'), 'a snapshot');
    $s->forget;
    $t->start;
    is(total(), $sum, 'all of it is there');
    is(all()->{latency}{duration}{count}, $sum, 'and its latencies');
    is(all()->{cost}{usd}, sprintf('%.9f', $sum * 9e-6), 'and its cost');
    is($t->status->{since}, $since, 'since the same time');
    is($t->status->{total}{windows}{'1m'}{calls}{total}, 0,
       'windows begin anew');
    calls(2);
    is($t->status->{total}{windows}{'1m'}{calls}{total}, 2, 'and count');
    is($t->status->{total}{windows}{'1m'}{latency}{duration}{count}, 2,
       'samples, too');
    is(total(), $sum + 2, 'with all');
};

subtest 'another path' => sub {
    my $sum = total();
    my ($was) = $s->live;

    (my $zone = $ZONE) =~ s{state/main}{state/other};
    ok($t->reload(config => conf($zone), wait_old => 1), 'reload');
    is(total(), $sum, 'the books move');
    calls(1);
    ok(wait_for(5, sub { -s $t->path('state/other') }), 'are written there');
    ok(!-e $was, 'and their old memory is gone');
    ok($t->reload(config => conf($ZONE), wait_old => 1), 'back again');
    is(total(), $sum + 1, 'with all');
    is(scalar(my @live = $s->live), 1, 'one live memory');

    ok($t->reload(config => conf('llm_zone zone=main:2m;'), wait_old => 1),
       'without a state');
    is($t->status->{health}{state}, 'none', 'none');
    is_deeply([$s->live], [], 'nothing is left in memory');
    calls(1);
    ok($t->reload(config => conf($ZONE), wait_old => 1), 'with it again');
    is(total(), 1, 'what served goes on');
};

subtest 'nginx -t, and a second one by mistake' => sub {
    my $sum = total();
    my $look = sub { join ' ', map { (stat $_)[1, 7] } $s->live };
    my $was = $look->();

    $t->check(conf($ZONE));
    (my $zone = $ZONE) =~ s/2m/8m/;
    $t->check(conf($zone));
    is($look->(), $was, '-t changes nothing');

    for my $config (conf($ZONE), conf($zone)) {
        my ($said) = $s->second($config);
        like($said, qr/\[emerg\].*bind\(\)/, 'the second one fails');
        is($look->(), $was, 'and has changed nothing');
    }

    calls(1);
    is(total(), $sum + 1, 'the first goes on');
};

$t->done;
$s->forget;
