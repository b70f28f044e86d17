# The zone's life under nginx: what -t says and refuses, a reload that keeps
# the books, a worker that is killed, a reload with another size, nginx -t
# beside a running one, a duplicate.
#
# What this cannot see: "noreuse" of nginx 1.27.3 and newer, and a module of
# another layout coming with a reload.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Test;
use LLM::Upstream qw(response);
use Test::More;


my $ANSWER = '{"id":"x","object":"chat.completion","model":"gpt-z","choices":'
    . '[{"index":0,"message":{"role":"assistant","content":"hi"},'
    . '"finish_reason":"stop"}],"usage":{"prompt_tokens":5,'
    . '"completion_tokens":2,"total_tokens":7}}';

my $t = LLM::Test->new(workers => 2);

$t->upstream(sub {
    return response(200, ['Content-Type' => 'application/json'], $ANSWER);
});

sub conf {
    my ($zone) = @_;

    return <<"EOC";
%%GLOBALS%%
http {
    %%HTTP%%
    $zone
    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { llm main; proxy_pass http://%%UPSTREAM%%; }
        location = /llm-status { llm_status main; }
    }
}
EOC
}

sub calls {
    my ($n) = @_;

    $t->post('/v1/chat/completions', '{"model":"gpt-z","messages":[]}',
             'Content-Type' => 'application/json') for 1 .. $n;
    return $t->logged($n);
}

sub total { return $t->status->{total}{windows}{all}{calls}{total} }


my ($good, $said) = $t->check(conf('llm_zone zone=main:64m;'));
my ($series, $columns)
    = $said =~ /llm_zone "main": (\d+) series, (\d+) columns/;

ok($good, '-t takes 64m') or diag($said);
cmp_ok($series || 0, '>=', 200, 'and says how many series fit');
cmp_ok(($columns || 0) / 42, '>=', 200, 'so that 200 are busy in every way');

($good, $said) = $t->check(conf('llm_zone zone=main:1m;'));
ok($good && $said =~ /main": (\d+) series/ && $1 >= 4, '1m holds a few');

($good, $said) = $t->check(conf('llm_zone zone=main:1000k;'));
ok(!$good && $said =~ /"main" is too small: 1000k, it needs at least 1024k/,
   'less is refused') or diag($said);

($good, $said) = $t->check(conf("llm_zone zone=main:1m;\n"
                                . 'llm_zone zone=main:1m;'));
ok(!$good && $said =~ /duplicate/, 'twice is refused') or diag($said);


$t->config(conf('llm_zone zone=main:8m;'));
$t->start;
calls(5);

my $first = $t->status;
is(total(), 5, 'five calls');

ok($t->reload(wait_old => 1), 'reload');
calls(2);
is(total(), 7, 'the books go on');
is($t->status->{since}, $first->{since}, 'since the same time');

$t->check(conf('llm_zone zone=main:8m;'));
$t->check(conf('llm_zone zone=main:16m;'));
is(total(), 7, 'nginx -t changes nothing');

ok($t->kill_worker, 'a worker is killed');
calls(3);
is(total(), 10, 'what it had counted is there');

my @say = $t->errors(qr/llm_zone "main": \d+ series, \d+ columns/);
is(scalar @say, 2, 'start and reload say what fits');

ok($t->reload(config => conf('llm_zone zone=main:4m;'), wait_old => 1),
   'reload with another size');
is(total(), 0, 'new books');
is($t->status->{health}{lost_on_resize}, 10, 'that know what was lost');
is(scalar $t->errors(qr/\[notice\].*starts anew .* 10 calls/), 1,
   'and say so');
calls(1);

$t->reload(config => conf('llm_zone zone=main:8m;'), wait_old => 1);
is($t->status->{health}{lost_on_resize}, 11, 'losses add up');

$t->done;
