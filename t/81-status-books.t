# Limits and budgets in the status: what is shown of a key is what its calls
# took; thousands of keys; full zones; reloads with another size, rate or
# period.
#
# What this cannot see: how long a slice of a large page takes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use LLM::Client qw(build_request);
use LLM::Provider qw(answer request);
use LLM::Status;
use LLM::Test;
use LLM::Upstream qw(response);
use LLM::Util qw(scale wait_for);
use Test::More;

use constant { KEYS => 2000, FLOOD => 150 };

my $t = LLM::Test->new(workers => 2);

my $up = $t->upstream(sub {
    my ($req) = @_;

    my $model = JSON::PP->new->decode($req->{body})->{model};
    my $made = answer(api => 'openai_chat', model => $model,
                      usage => { input => 100, output => 50 });

    return $model =~ /hang/ ? ([hang =>])
         : response(200, ['Content-Type' => $made->{type}], $made->{body});
});

my $CONFIG = <<'EOC';
%%GLOBALS%%
http {
    %%HTTP%%
    access_log off;

    llm_zone zone=main:16m;
    llm_price m* input=1000 output=2000;

    llm_limit_zone $arg_team zone=tpm:1m rate=1000t/d;
    llm_limit_zone $arg_team zone=usd:64k rate=1.5usd/h;
    llm_budget_zone $arg_team zone=day:1m period=day;
    llm_budget_zone $arg_team zone=month:256k period=month;
    llm_budget_zone $http_authorization zone=secret:64k period=hour;
    llm_budget_zone $arg_team zone=small:32k period=week;
    llm_budget_zone $arg_team zone=many:1m period=week;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        keepalive_requests 1000000;
        llm main;

        location /all/ {
            llm_limit zone=tpm;
            llm_limit zone=usd;
            llm_budget zone=day limit=1usd;
            llm_budget zone=day limit=10r;
            llm_budget zone=month limit=10000t;
            llm_budget zone=secret limit=100r;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /small/ {
            llm_budget zone=small limit=0;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /other/ {
            llm_budget zone=small limit=3r;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /many/ {
            llm_budget zone=many limit=0usd;
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /llm-status { llm off; llm_status main; }
    }
}
EOC

$t->config($CONFIG);
$t->start;

my $BODY = request('openai_chat', model => 'm1', max_tokens => 50,
                   prompt => 'Hello');

sub call {
    my ($where, $key, %opt) = @_;

    return $t->post("/$where/v1/chat/completions?team=$key",
                    $opt{body} || $BODY, @{ $opt{headers} || [] })->{status};
}

sub page {
    my $json = $t->status;
    my @wrong = LLM::Status::wrong($json);

    is_deeply(\@wrong, [], 'the page is as it should be');
    return $json;
}

sub row {
    my ($json, $list, $zone, $key, $unit) = @_;

    my @found = grep { $_->{zone} eq $zone && $_->{key} eq $key
                       && (!$unit || $_->{unit} eq $unit) }
                @{ $json->{$list} };
    return @found == 1 ? $found[0] : { found => scalar @found };
}

sub shown {
    my ($row, @keys) = @_;
    return join ' ', map { $row->{$_} // 'none' } @keys;
}


# nothing yet, then three calls of a key

my $json = page();
is("@{ $json->{limits} } @{ $json->{budgets} }", ' ', 'nothing is shown yet');

my @auth = (headers => [Authorization => 'Bearer sk-very-secret']);

is(call('all', 'red', @auth), 200, 'a call') for 1 .. 3;

my @AMOUNTS = qw(unit period limit spent reserved left refused);

$json = page();
is(shown(row($json, 'budgets', 'day', 'red', 'usd'), @AMOUNTS),
   'usd day 1.000000000 0.600000000 0.000000000 0.400000000 0',
   'three calls of 0.2');
is(shown(row($json, 'budgets', 'day', 'red', 'calls'), @AMOUNTS),
   'calls day 10 3 0 7 0', 'in another unit');
is(shown(row($json, 'budgets', 'month', 'red'), @AMOUNTS),
   'tokens month 10000 450 0 9550 0', 'in another zone');
is(shown(row($json, 'limits', 'tpm', 'red'), qw(rate refused delayed)),
   '1000t/d 0 0', 'a limit');

my $left = row($json, 'limits', 'tpm', 'red')->{left};
ok($left >= 550 && $left <= 551, '1,000 tokens less 450 are left')
    or diag $left;

$left = row($json, 'limits', 'usd', 'red')->{left};
like($left, qr/\A0\.9\d{8}\z/, 'of 1.5 dollars 0.9, and what came since');

my ($day, $month) = map { row($json, 'budgets', $_, 'red',
                              $_ eq 'day' ? 'calls' : '') } qw(day month);
like($day->{resets}, qr/T00:00:00\.000Z\z/, 'a day ends at midnight');
like($month->{resets}, qr/-01T00:00:00\.000Z\z/, 'a month with its last day');

my ($h, $m, $s) = $json->{time} =~ /T(\d\d):(\d\d):(\d\d)/;
my $passed = ($h * 60 + $m) * 60 + $s;
my $projected = 3 * 86400 / ($passed || 1);
ok(abs($day->{projected} - $projected) <= 2 + $projected / 1000,
   "projected: $day->{projected}") or diag $projected;

my ($secret) = grep { $_->{zone} eq 'secret' } @{ $json->{budgets} };
like($secret->{key}, qr/\A[0-9a-f]{16}\z/, 'a key that is a secret is not '
     . 'shown');
unlike($t->get('/llm-status')->{body}, qr/very-secret/, 'nowhere');


# one in flight

my $c = $t->client;
$c->send(build_request('POST', '/all/v1/chat/completions?team=red',
    request('openai_chat', model => 'mhang', max_tokens => 20,
            prompt => 'Hello'), Host => 'h'));

my $row;
wait_for(scale(5), sub {
    $row = row($json = $t->status, 'budgets', 'day', 'red', 'calls');
    return $row->{reserved};
});
is(shown($row, @AMOUNTS), 'calls day 10 3 1 6 0', 'one in flight is reserved');
$row = row($json, 'budgets', 'day', 'red', 'usd');
is($row->{spent}, '0.600000000', 'and not spent');
ok($row->{reserved} > 0.04 && $row->{reserved} < 0.2, 'what it may take')
    or diag $row->{reserved};
$c->abort;

wait_for(scale(5), sub {
    return !row($json = $t->status, 'budgets', 'day', 'red', 'calls')
            ->{reserved};
});
is(row($json, 'budgets', 'day', 'red', 'usd')->{reserved}, '0.000000000',
   'nothing is when it has left');


# Prometheus has the same

my $text = $t->get('/llm-status?format=prometheus')->{body};

sub sample {
    my ($family, $zone, $key, $unit) = @_;

    return $text =~ /^nginx_llm_$family\{zone="$zone",key="$key",
                     unit="$unit"\}\ (\S+)$/mx ? $1 + 0 : 'none';
}

is(sample('budget_limit', 'day', 'red', 'usd'), 1, 'a budget');
is(sample('budget_spent', 'month', 'red', 'tokens'),
   row($json, 'budgets', 'month', 'red')->{spent}, 'what is spent');
is(sample('budget_reserved', 'day', 'red', 'calls'), 0, 'reserved');
isnt(sample('budget_projected', 'day', 'red', 'usd'), 'none', 'projected');
like(sample('limit_left', 'usd', 'red', 'usd'), qr/\A0\.\d+\z/,
     'left of a limit');
is(() = $text =~ /^# TYPE nginx_llm_budget_limit gauge$/mg, 1, 'one family');


# many keys; limits of nothing, so that nothing goes upstream

sub flood {
    my ($where, $n) = @_;

    my $client = $t->client;
    my $at = 0;

    while ($at < $n) {
        my $batch = $n - $at < 50 ? $n - $at : 50;
        $client->send(join '', map {
            build_request('POST', "/$where/v1/chat/completions?team=k"
                . ($at + $_), $BODY, Connection => 'keep-alive') } 1 .. $batch);
        $client->response->{status} == 429 or return $at for 1 .. $batch;
        $at += $batch;
    }

    return $at;
}

is(flood('many', KEYS), KEYS, KEYS . ' keys are refused');

$json = page();
my %seen = map { $_->{key} => $_->{refused} }
           grep { $_->{zone} eq 'many' } @{ $json->{budgets} };
is(scalar(keys %seen), KEYS, 'each is shown');
is(scalar(grep { !$seen{"k$_"} || $seen{"k$_"} != 1 } 1 .. KEYS), 0,
   'once, refused once');
is($json->{health}{keys_folded}, 0, 'there was room');

for my $format ('text/plain', 'application/openmetrics-text') {
    $text = $t->get('/llm-status', Accept => "$format; version=1.0.0")
              ->{body};
    my %keys = map { $_ => 1 } $text =~ /^nginx_llm_budget_limit
                   \{zone="many",key="(k\d+)",unit="usd"\}\ 0\.0+$/mgx;
    is(scalar(keys %keys), KEYS, "each in $format");
}


# a zone that is full

is(flood('small', FLOOD), FLOOD, FLOOD . ' keys in a small zone');

$json = page();
my @small = grep { $_->{zone} eq 'small' } @{ $json->{budgets} };
my $folded = $json->{health}{keys_folded};
is(@small - 1 + $folded, FLOOD, 'those that find no room are counted');
ok($folded > 10, 'and there are some') or diag $folded;
is(row($json, 'budgets', 'small', 'other')->{refused}, $folded, 'as other');
is(call('other', 'k1'), 200, 'a key that is known may spend');
is(call('other', "new$_"), 429, 'one that is not has the strictest limit')
    for 1 .. 2;


# reloads

my $spent = shown(row($json, 'budgets', 'month', 'red'), qw(spent left));

(my $config = $CONFIG) =~ s/zone=month:256k/zone=month:512k/;
$config =~ s/zone=tpm:1m rate=1000t\/d/zone=tpm:1m rate=2000t\/d/;
ok($t->reload(config => $config, wait_old => 1), 'another size, another rate');

$json = page();
is(shown(row($json, 'budgets', 'month', 'red'), qw(spent left)), $spent,
   'what was spent is spent');
is(shown(row($json, 'limits', 'tpm', 'red'), 'rate'), '2000t/d',
   'the new rate holds');
like($t->read_file('error.log'),
     qr/"month" has 524288 bytes instead of 262144: 1 keys were taken over/,
     'and it is said');

$config =~ s/zone=day:1m period=day/zone=day:1m period=hour/;
$t->config($config);
kill HUP => $t->master;
ok(wait_for(scale(10), sub {
    $t->read_file('error.log')
        =~ /"day" counts by another period than before: give it/;
}), 'another period is refused');
is(call('all', 'blue'), 200, 'and service goes on');

# the test's own file of errors may hold that line

my $log = $t->read_file('error.log');
$log =~ s/^.*\[emerg\].*counts by another period than before.*\n//mg;
$t->write_file('error.log', $log);

$t->done;
