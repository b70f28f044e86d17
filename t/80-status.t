#!/usr/bin/perl

# Copyright (C) ngx_llm_module authors
#
# What llm_status tells, over a zone of known contents (see LLM::Status): the
# closed schema of the JSON, its numbers, windows, merging and filters; both
# Prometheus formats; who gets which; what is refused.
#
# What it does not see: that the zone counts calls rightly.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use LLM::Books;
use LLM::Client qw(build_request);
use LLM::Status;
use LLM::Test;
use LLM::Util qw(slurp spew);
use Test::More;

use constant { SERIES => 20, CALLS => 40 };

plan skip_all => 'the machine has just been started'
    if (split ' ', slurp('/proc/uptime'))[0] < 410;

my $module = LLM::Status::module();
my $t = LLM::Test->new(module => 0);
my ($series, $calls) = (SERIES, CALLS);

my $http = <<"EOC";
load_module $module;
%%GLOBALS%%
http {
    %%HTTP%%
    status_test main:16m $series $calls;
EOC

$t->config($http . <<'EOC');
    server {
        listen 127.0.0.1:%%PORT_0%%;
        location = /status { llm_status main; }
        location = /team { llm_status main json by=team; }
        location = /metrics { llm_status main prometheus; }
    }
}
EOC

$t->start;


sub get_json {
    my ($uri) = @_;

    my $r = $t->get($uri);
    is($r->{status}, 200, "$uri: 200") or diag($r->{body});
    return JSON::PP->new->utf8->decode($r->{body});
}

sub schema {
    my ($json, $name, %opt) = @_;

    my @wrong = LLM::Status::wrong($json, %opt);
    is(scalar @wrong, 0, "$name: schema") or diag(join "\n", @wrong);
}

# All within 1 % of the true order statistic.

sub percentiles {
    my ($latency, $dist, $factor, $name, @ms) = @_;

    my $got = $latency->{$dist};
    my %p = (p50 => 50, p90 => 90, p95 => 95, p99 => 99, p999 => 99.9);
    my @wrong;

    for my $key (sort keys %p) {
        my $want = LLM::Status::percentile($p{$key}, @ms) * $factor / 1000;
        push @wrong, "$key is $got->{$key}, not $want"
            if !defined $got->{$key} || abs($got->{$key} / $want - 1) > 0.01;
    }

    is($got->{count}, scalar @ms, "$name: samples");
    is(scalar @wrong, 0, "$name: percentiles") or diag(join "\n", @wrong);
}


# The schema knows what is wrong

my $all = get_json('/status');
schema($all, 'everything');

for my $plant (sub { delete $_[0]{total}{windows}{'5m'}{tokens}{input} },
               sub { $_[0]{series}[0]{windows}{all}{calls}{new} = 1 },
               sub { $_[0]{series}[0]{windows}{all}{cost}{usd} = 1.5 },
               sub { $_[0]{zone}{series} = '7' },
               sub { $_[0]{total}{windows}{'1m'}{latency}{ttft}{max} = 0.001 },
               sub { $_[0]{series}[3]{windows}{all}{latency}{wait}{p95} = 0 },
               sub { $_[0]{series}[3]{windows}{all}{latency}{wait}{p95}
                         = undef },
               sub { $_[0]{providers}[0]{limit_tokens} = '1' },
               sub { $_[0]{providers}[0]{reset_tokens} = 1 },
               sub { delete $_[0]{slo} })
{
    my $json = JSON::PP->new->utf8->decode($t->get('/status')->{body});
    $plant->($json);
    isnt(scalar(LLM::Status::wrong($json)), 0, 'the schema is closed');
}

is($all->{module_version}, '9.8.7', 'module_version');
like($all->{nginx_version}, qr/\A\d+\.\d+\.\d+\z/, 'nginx_version');
is($all->{zone}{name}, 'main', 'zone');
is($all->{zone}{bytes}, 16 * 1024 * 1024, 'its bytes');
is($all->{health}{state}, 'none', 'no state');
is_deeply($all->{health}{prices}, { models => 42, sha256 => '00ff',
    loaded => '2023-11-14T22:13:20.000Z' }, 'prices');
is($all->{health}{generation}, 3, 'generation');
is($all->{health}{workers}, 1, 'workers');


# Series, and their numbers

is(scalar @{ $all->{series} }, SERIES, 'series that had calls');

my %by_model = map { $_->{labels}{model} => $_ } @{ $all->{series} };
my $evil = "evil\"} 1\\\x{fffd}\x{fffd}\x{fffd}</script>\xe9,x=\"y\"";

ok($by_model{$evil}, 'a hostile name is shown, and clean');
is_deeply($by_model{m7}{labels}, { provider => 'openai', model => 'm7',
    route => '/v1', operation => 'chat', team => 't2' }, 'labels');
ok(!exists $by_model{m5}{labels}{team}, 'no label that is not there');
like($t->get('/status')->{body}, qr/\{"provider":"[^"]*","model":"[^"]*",
     "route":"[^"]*","operation":"[^"]*","team":"[^"]*"\}/x,
     'order of labels');

is_deeply([@{ $by_model{m0}{now} }{qw(in_flight waiting_first)}], [2, 1],
          'in flight');
cmp_ok($by_model{m0}{now}{oldest_s}, '<', 600, 'the oldest');
is_deeply($by_model{m7}{now}, { in_flight => 0, waiting_first => 0,
                                oldest_s => undef }, 'nothing in flight');
is($all->{total}{now}{in_flight}, 2, 'in flight in total');

my %phases = ('1m' => 1, '5m' => 2, '1h' => 3, '24h' => 3, all => 3);

for my $w (sort keys %phases) {
    my $v = $by_model{m7}{windows}{$w};
    my $n = $phases{$w};

    is_deeply([@{ $v->{calls} }{qw(total ok error streams)}],
              [CALLS * $n, CALLS * $n / 5, CALLS * $n / 5, 0], "$w: calls");
    is_deeply($v->{errors}, { timeout => CALLS * $n / 5 },
              "$w: errors that there were");
    is($v->{tokens}{input}, 1007 * CALLS * $n, "$w: tokens");
    is($v->{cost}{usd}, sprintf('%d.%09d', 1234567891 * CALLS * $n / 1e9,
                                1234567891 * CALLS * $n % 1_000_000_000),
       "$w: cost to the nano-USD");
    percentiles($v->{latency}, 'ttft', 2, "$w: ttft",
                LLM::Status::samples(7, CALLS, $w));

    my $rate = $v->{latency}{output_rate};
    my @ms = map { $_ * 5 } LLM::Status::samples(7, CALLS, $w);
    my $mean = eval { my $s = 0; $s += 1000 / $_ for @ms; $s / @ms };
    cmp_ok(abs($rate->{mean} / $mean - 1), '<', 0.001, "$w: mean rate");
    cmp_ok(abs($rate->{p90}
               / LLM::Status::percentile(90, map { 1000 / $_ } @ms) - 1),
           '<', 0.01, "$w: p90 of the rate");

    my @all = map { LLM::Status::samples($_, CALLS, $w) } 0 .. SERIES - 1;
    percentiles($all->{total}{windows}{$w}{latency}, 'duration', 6,
                "$w: total", @all);
}

my $d = $by_model{m7}{windows}{all}{latency}{wait};
is_deeply([@$d{qw(min max mean)}], [0.004, 16, 3.034], 'min, max, mean');


# What providers said

my ($evil_provider) = "evil\"} 1\\\x{fffd}</script>";
my %said = (updated => '2023-11-14T22:13:20.123Z');

is_deeply($all->{providers}, [
    { %said, provider => 'anthropic',
      remaining_requests => 1000, limit_requests => 2000000,
      reset_requests => '2023-11-14T22:14:20.623Z',
      remaining_tokens => 1001, limit_tokens => undef,
      reset_tokens => undef },
    { %said, provider => $evil_provider,
      remaining_requests => 2000, limit_requests => 3000000,
      reset_requests => '2023-11-14T22:15:21.123Z',
      remaining_tokens => undef, limit_tokens => undef,
      reset_tokens => undef },
    { %said, provider => 'openai',
      remaining_requests => 0, limit_requests => 1000000,
      reset_requests => '2023-11-14T22:13:20.123Z',
      remaining_tokens => 1, limit_tokens => 1000001,
      reset_tokens => '2023-11-14T22:13:20.123Z' },
], 'providers, by name');

for (['l.provider=openai', 'openai'],
     ['l.provider=openai&l.provider=anthropic', ''],
     ['l.provider=nosuch', ''], ['l.provider=', ''],
     ['l.provider=evil%22%7D%201%5C%EF%BF%BD%3C/script%3E', $evil_provider],
     ['l.model=nosuch&l.provider=anthropic', 'anthropic'],
     ['by=model&l.team=t2', "anthropic $evil_provider openai"])
{
    my ($query, $want) = @$_;
    is(join(' ', map { $_->{provider} }
                 @{ get_json("/status?$query")->{providers} }), $want,
       "providers of $query");
}


# A window, merging, filters

my $five = get_json('/status?window=5m');
schema($five, 'one window', windows => ['5m']);
is($five->{total}{windows}{'5m'}{calls}{total}, SERIES * CALLS * 2,
   'its calls');
schema(get_json('/status?window='), 'an empty window is none');

for my $uri ('/status?by=team', '/team', '/team?by=') {
    my $by = get_json($uri);
    schema($by, $uri, labels => ['team']);

    my %team = map { $_->{labels}{team} => $_ } @{ $by->{series} };
    is_deeply([sort keys %team], ['', map { "t$_" } 1 .. 4], "$uri: teams");

    percentiles($team{t2}{windows}{'5m'}{latency}, 'tpot', 5, $uri,
                map { LLM::Status::samples($_, CALLS, '5m') }
                grep { $_ % 5 == 2 } 0 .. SERIES - 1);
    is_deeply($by->{total}{windows}{all}{tokens},
              $all->{total}{windows}{all}{tokens}, "$uri: same total");
}

my $two = get_json('/team?by=route,provider,route');
schema($two, 'by two', labels => [qw(provider route)]);
is(scalar @{ $two->{series} }, 4, 'of each pair');
like($t->get('/team?by=route,provider')->{body}, qr/\{"provider":"\w+",
     "route":"[^"]+"\}/x, 'in the order of labels');

my $some = get_json('/status?l.team=t2&l.route=%2Fv1&window=1m');
is_deeply([sort map { $_->{labels}{model} } @{ $some->{series} }],
          [qw(m17 m7)], 'filters are percent-decoded, and all must hold');
is($some->{total}{windows}{'1m'}{calls}{total}, 2 * CALLS,
   'the total is of what is shown');

my $esc = 'evil%22%7D%201%5C%EF%BF%BD%EF%BF%BD%EF%BF%BD%3C/script%3E%C3%A9'
        . '%2Cx%3D%22y%22';
is(scalar @{ get_json("/status?l.model=$esc")->{series} }, 1,
   'filter by a hostile name');
is(scalar @{ get_json('/status?l.team=')->{series} }, SERIES / 5,
   'filter by no label');

my $none = get_json('/status?l.model=nosuch');
schema($none, 'nothing is shown');
is_deeply($none->{series}, [], 'no series');
is($none->{total}{windows}{all}{calls}{total}, 0, 'empty total');
is_deeply($none->{total}{windows}{'5m'}{latency}{ttft},
    { count => 0, map { $_ => undef } qw(mean min max p50 p90 p95 p99 p999) },
    'an empty window has nulls');
is_deeply($none->{total}{windows}{'5m'}{latency}{output_rate},
    { map { $_ => undef } qw(mean p50 p90 p95 p99) }, 'and no rate');


# Prometheus

my $om = 'application/openmetrics-text;version=1.0.0';
my $text = $t->get('/metrics');
my $open = $t->get('/metrics', Accept => $om);

for ([$text, 0], [$open, 1]) {
    my ($r, $is_open) = @$_;
    my $name = $is_open ? 'OpenMetrics' : 'text';
    my ($m, @wrong) = LLM::Status::metrics($r->{body}, $is_open);

    is(scalar @wrong, 0, "$name: well-formed")
        or diag(join "\n", @wrong > 9 ? @wrong[0 .. 9] : @wrong);

    @wrong = LLM::Status::histograms($m);
    is(scalar @wrong, 0, "$name: histograms")
        or diag(join "\n", @wrong > 9 ? @wrong[0 .. 9] : @wrong);

    my $l = 'provider="openai",model="m7",route="/v1",operation="chat",'
          . 'team="t2"';

    is($m->{"nginx_llm_calls_total{$l,outcome=\"aborted\"}"}, CALLS * 3 / 5,
       "$name: calls");
    is($m->{"nginx_llm_errors_total{$l,error_type=\"timeout\"}"},
       CALLS * 3 / 5, "$name: errors");
    is($m->{"nginx_llm_input_tokens_total{$l}"}, 1007 * CALLS * 3,
       "$name: tokens");
    is($m->{"nginx_llm_cost_usd_total{$l}"},
       $by_model{m7}{windows}{all}{cost}{usd}, "$name: cost");
    is($m->{"nginx_llm_time_to_first_token_seconds_count{$l}"}, CALLS * 3,
       "$name: samples");

    my $below = grep { $_ * 2 <= 20000 } LLM::Status::samples(7, CALLS, 'all');
    is($m->{"nginx_llm_time_to_first_token_seconds_bucket{$l,le=\"20.0\"}"},
       $below, "$name: a bound is exact");
    is($m->{"nginx_llm_time_to_first_token_seconds_sum{$l}"},
       eval { my $s = 0;
              $s += $_ * 2 for LLM::Status::samples(7, CALLS, 'all');
              sprintf '%.9f', $s / 1000 }, "$name: sum");
    is($m->{"nginx_llm_latency_window_seconds{$l,metric=\"inter_chunk\","
            . "window=\"1m\",percentile=\"99.9\"}"},
       sprintf('%.9f', $by_model{m7}{windows}{'1m'}{latency}{inter_chunk}
                       {p999}), "$name: percentile of a window");
    is($m->{'nginx_llm_calls_in_flight{provider="anthropic",route="/chat"}'},
       2, "$name: in flight");
    is($m->{'nginx_llm_zone_series'}, SERIES + 2, "$name: zone");

    my $of = 'nginx_llm_provider';
    is_deeply({ map { $_ => $m->{$_} } grep { /\A${of}_/ } keys %$m }, {
        "${of}_remaining_requests{provider=\"openai\"}" => 0,
        "${of}_remaining_requests{provider=\"anthropic\"}" => 1000,
        "${of}_remaining_tokens{provider=\"openai\"}" => 1,
        "${of}_remaining_tokens{provider=\"anthropic\"}" => 1001,
        "${of}_limit_requests{provider=\"openai\"}" => 1000000,
        "${of}_limit_requests{provider=\"anthropic\"}" => 2000000,
        "${of}_limit_tokens{provider=\"openai\"}" => 1000001,
        map { my ($key) = @$_;
              ("${of}_$key\{provider=\"evil\\\"} 1\\\\\xef\xbf\xbd</script>"
               . '"}' => $_->[1]) }
            (['remaining_requests', 2000], ['limit_requests', 3000000]),
    }, "$name: providers, and only what they said");
    is($m->{'nginx_llm_price_models'}, 42, "$name: price models");
    is($m->{'nginx_llm_price_loaded_timestamp_seconds'}, 1700000000,
       "$name: when prices were loaded");
    is($m->{"nginx_llm_build_info{version=\"9.8.7\",nginx_version="
            . "\"$all->{nginx_version}\"}"}, 1, "$name: build");
    is($m->{'nginx_llm_unreadable_total{reason="not_json"}'}, 0,
       "$name: unreadable");
    like($r->{body}, qr/model="evil\\"\} 1\\\\(?:\xef\xbf\xbd){3}</,
         "$name: a hostile name is escaped");
}

unlike($text->{body}, qr/# (?:EOF|UNIT)/, 'text: neither EOF nor units');

my ($m) = LLM::Status::metrics($t->get('/metrics?by=team&window=5m')->{body});
is($m->{'nginx_llm_calls_total{team="t2",outcome="ok"}'},
   CALLS * 3 / 5 * SERIES / 5, 'merged');
is($m->{'nginx_llm_calls_total{outcome="ok"}'}, CALLS * 3 / 5 * SERIES / 5,
   'merged without a label');
is((join ' ', sort keys %{{ map { /window="(\w+)"/ ? ($1 => 1) : () }
                            keys %$m }}), '5m', 'one window');

SKIP: {
    skip 'no promtool here', 4 unless grep { -x "$_/promtool" }
                                      split /:/, $ENV{PATH};

    for my $uri ('/metrics', '/metrics?by=team', '/metrics?l.model=nosuch',
                 '/metrics?by=model&l.provider=nosuch')
    {
        my $file = $t->path('metrics');
        spew($file, $t->get($uri)->{body});
        my $said = qx{promtool check metrics < $file 2>&1};
        is("$? $said", '0 ', "$uri: promtool is silent");
    }
}


# Who gets what

my $json_type = 'application/json';
my $text_type = 'text/plain; version=0.0.4; charset=utf-8';
my $open_type = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

for (
    ['', undef, $json_type],
    ['', '*/*', $json_type],
    ['', 'text/html,application/xhtml+xml,*/*;q=0.8', $json_type],
    ['', 'text/plain', $json_type],
    ['', 'text/plain;version=0.0.4', $text_type],
    ['', 'text/plain; version="0.0.4"; charset=utf-8', $text_type],
    ['', $om, $open_type],
    ['', "$om,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", $open_type],
    ['', "$om;q=0.2,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", $text_type],
    ['', 'application/openmetrics-text;version=2.0.0,*/*;q=0.1', $text_type],
    ['', 'application/json,text/plain;version=0.0.4;q=0.9', $json_type],
    ['', 'application/vnd.google.protobuf;q=1,text/plain;version=0.0.4;q=0.3',
     $text_type],
    ['?format=json', $om, $json_type],
    ['?format=prometheus', '*/*', $text_type],
    ['?format=prometheus', undef, $text_type],
    ['?format=prometheus', $om, $open_type],
) {
    my ($query, $accept, $type) = @$_;
    my $r = $t->get("/status$query", $accept ? (Accept => $accept) : ());
    is($r->{headers}{'content-type'}, $type,
       'Accept ' . (defined $accept ? $accept : 'nothing') . " $query");
}

my $r = $t->get('/status');
is($r->{headers}{'cache-control'}, 'no-store', 'no-store');
is($r->{headers}{'x-content-type-options'}, 'nosniff', 'nosniff');


# What is not understood is refused

for (
    ['/status?window=7m', 'window', '7m', [qw(1m 5m 1h 24h all)]],
    ['/status?by=team,nosuch', 'by', 'nosuch',
     [qw(provider model route operation team tier)]],
    ['/status?l.nosuch=1', 'l.NAME', 'nosuch',
     [qw(provider model route operation team tier)]],
    ['/status?format=xml', 'format', 'xml', [qw(json prometheus)]],
    ['/status?format=html', 'format', 'html', [qw(json prometheus)]],
    ['/metrics?format=json', 'format', 'json', ['prometheus']],
    ['/status?window=%22%00%ff', 'window', "\"\0\x{fffd}",
     [qw(1m 5m 1h 24h all)]],
) {
    my ($uri, $argument, $value, $allowed) = @$_;
    my $r = $t->get($uri);

    is($r->{status}, 400, "$uri: 400");
    is($r->{headers}{'content-type'}, $json_type, "$uri: JSON");
    is_deeply(eval { JSON::PP->new->utf8->decode($r->{body}) },
        { error => { message => 'argument not understood',
                     argument => $argument, value => $value,
                     allowed => $allowed } }, "$uri: says what is allowed");
}

is($t->get('/status?unknown=1&&=')->{status}, 200,
   'arguments of others are left alone');

for my $method (qw(POST PUT DELETE OPTIONS)) {
    my $c = $t->client;
    $c->send(build_request($method, '/status', 'x' x 70000,
                           Connection => 'keep-alive')
             . build_request('GET', '/status?window=1m', undef));
    my $r = $c->response;
    is($r->{status}, 405, "$method: 405");
    is($r->{headers}{allow}, 'GET, HEAD', "$method: Allow");
    is($c->response->{status}, 200, "$method: the body is passed over");
}

$r = $t->get('/status', 'Content-Length' => 0);
is($r->{status}, 200, 'a GET with a length');

my $c = $t->client;
$c->send(build_request('HEAD', '/status', undef, Connection => 'keep-alive')
         . build_request('GET', '/status?window=1m', undef));
$r = $c->response(head => 1);
is("$r->{status} $r->{headers}{'content-type'} $r->{body}",
   "200 $json_type ", 'HEAD');
is($c->response->{status}, 200, 'and the connection is in order');

$c = $t->client;
$c->send("GET /status HTTP/1.0\r\n\r\n");
$r = $c->response;
schema(JSON::PP->new->utf8->decode($r->{body}), 'HTTP/1.0');


# Configurations

for (
    ['llm_status main html', qr/invalid parameter "html"/],
    ['llm_status main xml', qr/invalid parameter "xml"/],
    ['llm_status main json json', qr/invalid parameter "json"/],
    ['llm_status main by=', qr/invalid parameter "by="/],
    ['llm_status main by=team by=tier', qr/invalid parameter "by=tier"/],
    ['llm_status main by=team,nosuch', qr/unknown label "nosuch"/],
    ['llm_status nosuch', qr/unknown zone "nosuch"/],
    ['llm_status main; llm_status main', qr/is duplicate/],
) {
    my ($directive, $said) = @$_;
    my ($ok, $what) = $t->check(
        "$http server { listen 127.0.0.1:%%PORT_0%%;"
        . " location / { $directive; } } }");
    ok(!$ok, "$directive: refused");
    like($what, $said, "$directive: says why");
}

# A zone with more series than columns: what has no cell has no percentile

my $full = LLM::Test->new(module => 0);

$full->config(<<"EOC" . <<'EOC');
load_module $module;
%%GLOBALS%%
http {
    %%HTTP%%
    status_test main:2m 8 $calls;
EOC
    server { listen 127.0.0.1:%%PORT_0%%; location / { llm_status main; } }
}
EOC

$full->start;
my $starved = JSON::PP->new->utf8->decode($full->get('/')->{body});
schema($starved, 'a full zone');
cmp_ok($starved->{zone}{samples_dropped}, '>', 0, 'it dropped samples');

my @bare = grep { !defined $_->{tpot}{p50} }
           map { $_->{windows}{all}{latency} } @{ $starved->{series} };
cmp_ok(scalar @bare, '>', 0, 'series whose samples have no cell');
is(scalar(grep { $_->{tpot}{count} != CALLS * 3 || !$_->{tpot}{mean}
                 || !$_->{output_rate}{mean} || defined $_->{output_rate}{p50} }
          @bare), 0, 'have a count, a mean, and no percentile, of the rate too');

my ($percentile) = LLM::Status::metrics(
    $full->get('/?format=prometheus&window=all')->{body}, 0);
is(scalar(grep { /^nginx_llm_latency_window.*metric="tpot".*percentile="50"/ }
          keys %$percentile), @{ $starved->{series} } - @bare,
   'nor has it in Prometheus');
$full->finish(books => 0);


# one location serves no JSON, so the books are asked for here

LLM::Books::check(get_json('/status'), 'books balance');
LLM::Books::check(get_json('/team'), 'books balance when merged');

$t->finish(books => 0);
$t->done;
