# What was spent is still spent: budgets and limits with state=path over kills
# of everything, reloads, other sizes, a clean stop, and a machine that
# forgets its memory a second after the last call.
#
# What this cannot see: a power cut within that second.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Client qw(build_request);
use LLM::Calls qw(events);
use LLM::Provider qw(answer request);
use LLM::State;
use LLM::Test;
use LLM::Upstream qw(response sse);
use LLM::Util qw(scale wait_for);
use Test::More;
use Time::HiRes qw(sleep);

my $t = LLM::Test->new(workers => 2);
my $s = LLM::State->new($t);
my $stream = answer(api => 'openai_chat', stream => 1, include_usage => 1);
my $plain = answer(api => 'openai_chat');

$t->upstream(sub {
    my ($request) = @_;
    return sse([@{ $stream->{pieces} }[0 .. 5], ['hang']])
        if $request->{path} =~ m{^/hang/};
    return response(200, ['Content-Type' => 'application/json'],
                    $plain->{body});
});

my $SIZE = '256k';

sub conf {
    my ($size) = @_;

    return <<"EOC";
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:1m state=%%DIR%%/state/main;
    llm_price gpt-demo input=1 output=2;
    llm_budget_zone \$http_x_team zone=day:$size period=month
                    state=%%DIR%%/state/day;
    llm_limit_zone \$http_x_team zone=rpm:$size rate=100r/d
                   state=%%DIR%%/state/rpm;
    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        location / {
            llm_budget zone=day limit=10r;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /limit/ {
            llm_limit zone=rpm burst=10r;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /hang/ {
            llm_budget zone=day limit=10usd;
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /llm-status { llm off; llm_status main; access_log off; }
    }
}
EOC
}

sub call {
    my ($team, $where) = @_;

    my $r = $t->post("/$where/v1/chat/completions", request('openai_chat'),
                     'Content-Type' => 'application/json', 'X-Team' => $team);
    return $r->{status};
}

# all(team): how many of 12 are let through, of budget and of limit

sub left {
    my ($team) = @_;

    return map { my $where = $_;
                 scalar grep { call($team, $where) == 200 } 1 .. 12 }
           qw(budget limit);
}

sub spend { my ($team, $n) = @_;
            for my $where (qw(budget limit)) {
                is(call($team, $where), 200, "$team spends on $where")
                    for 1 .. $n;
            } }

plan skip_all => 'a month is about to end'
    if (gmtime time + 900)[4] != (gmtime)[4];

$t->config(conf($SIZE));
$t->start;
is(join(' ', left('none')), '10 10', 'ten each');

my @teams = ('kill', 'kill2', 'reload', 'size', 'stop', 'cut');
spend($_, 4) for @teams;

$s->crash;
$t->start;
is(join(' ', left('kill')), '6 6', 'after a kill of everything');

for (1 .. scale(3, 30)) {
    $s->crash;
    $t->start;
}
is(join(' ', left('kill2')), '6 6', 'after more of them');
is(join(' ', left('kill')), '0 0', 'what was refused is refused');

ok($t->reload(wait_old => 1), 'reload');
is(join(' ', left('reload')), '6 6', 'after a reload');

ok($t->reload(config => conf('512k'), wait_old => 1), 'another size');
is(join(' ', left('size')), '6 6', 'after a larger one');

ok($s->halt, 'stop');
$s->forget;
$t->start;
is(join(' ', left('stop')), '6 6', 'after a stop, without live memory');

spend('late', 3);
sleep 2.2;
$s->crash;
$s->forget;
$t->start;
is(join(' ', left('cut')), '6 6', 'after a kill without live memory');
is(join(' ', left('late')), '7 7', 'two seconds after it was spent');
is(join(' ', left('size')), '0 0', 'what was refused is refused');

# calls in flight

my @c = map { $t->client } 1 .. 5;
$_->send(build_request('POST', '/hang/v1/chat/completions',
                       request('openai_chat', stream => 1),
                       'X-Team' => 'flying')) for @c;
is(scalar(grep { events($_, 5) } @c), 5, 'five streams');

sub budget {
    my ($team, $unit) = @_;
    my ($b) = grep { $_->{key} eq $team && $_->{unit} eq 'usd' }
              @{ $t->status->{budgets} };
    return $b || {};
}

my $before = budget('flying');
cmp_ok($before->{reserved} || 0, '>', 0, 'something is reserved');
$s->crash;
$t->start;
my $after;
ok(wait_for(3, sub { $after = budget('flying');
                     defined $after->{reserved} && $after->{reserved} == 0 }),
   'nothing is, after a kill, within a second or so');
cmp_ok($after->{spent} || 0, '>', 0, 'what was delivered is spent');
cmp_ok($after->{spent}, '<=', $before->{reserved}, 'and no more than reserved');
$_->close for @c;

is($t->status->{health}{state}, 'ok', 'well');
$s->live;
$t->done;
$s->forget;
