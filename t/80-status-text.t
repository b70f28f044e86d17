# The Prometheus text of a zone of known contents, byte by byte: lines of a
# family are written in one go, and all of them must be whole.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Status;
use LLM::Test;
use LLM::Util qw(slurp);
use Test::More;

plan skip_all => 'the machine has just been started'
    if (split ' ', slurp('/proc/uptime'))[0] < 410;

my $module = LLM::Status::module();
my $t = LLM::Test->new(module => 0);

$t->config(<<"EOC");
load_module $module;
%%GLOBALS%%
http {
    %%HTTP%%
    status_test main:16m 40 5;
    server {
        listen 127.0.0.1:%%PORT_0%%;
        location = /metrics { llm_status main prometheus; }
    }
}
EOC

$t->start;


# The text as { family => its lines }

sub families {
    my ($query, @headers) = @_;

    my (%text, $at);

    for (split /^/, $t->get("/metrics?$query", @headers)->{body}) {
        $at = $1 if /\A# HELP (\S+)/;
        $text{$at} .= $_;
    }

    return \%text;
}


# A histogram whose buckets and sum are these

sub histogram {
    my ($name, $help, $labels, $sum, @buckets) = @_;

    my $text = "# HELP $name $help\n# TYPE $name histogram\n";
    my $n = 0;

    while (my ($le, $count) = splice @buckets, 0, 2) {
        $text .= "${name}_bucket{$labels,le=\"$le\"} $count\n";
        $n = $count;
    }

    return $text . "${name}_sum{$labels} $sum\n${name}_count{$labels} $n\n";
}


my $m2 = 'model="m2",team="t2"';
my $some = families("by=model,team&l.model=m2&window=1m");

is($some->{nginx_llm_calls_total}, <<"EOT", 'rows told apart by a label');
# HELP nginx_llm_calls_total Calls that ended, by outcome.
# TYPE nginx_llm_calls_total counter
nginx_llm_calls_total{$m2,outcome="ok"} 3
nginx_llm_calls_total{$m2,outcome="error"} 3
nginx_llm_calls_total{$m2,outcome="aborted"} 3
nginx_llm_calls_total{$m2,outcome="incomplete"} 3
nginx_llm_calls_total{$m2,outcome="refused"} 3
EOT

is($some->{nginx_llm_errors_total}, <<"EOT", 'rows that are 0 left out');
# HELP nginx_llm_errors_total Errors, by type.
# TYPE nginx_llm_errors_total counter
nginx_llm_errors_total{$m2,error_type="timeout"} 3
EOT

is($some->{nginx_llm_streams_total}, <<"EOT", 'one row');
# HELP nginx_llm_streams_total Calls whose response arrived as events.
# TYPE nginx_llm_streams_total counter
nginx_llm_streams_total{$m2} 0
EOT

is($some->{nginx_llm_cost_usd_total}, <<"EOT", 'money');
# HELP nginx_llm_cost_usd_total What the calls cost.
# TYPE nginx_llm_cost_usd_total counter
nginx_llm_cost_usd_total{$m2} 18.518518365
EOT

is($some->{nginx_llm_wait_seconds},
   histogram('nginx_llm_wait_seconds',
             'Start of a call until it was handed to the upstream.', $m2,
             '4.995000000', '0.0001' => 0, '0.001' => 0, '0.01' => 3,
             '0.02' => 5, '0.04' => 6, '0.08' => 7, '0.16' => 10,
             '0.32' => 11, '0.64' => 12, '1.28' => 14, '2.56' => 15,
             '5.12' => 15, '10.24' => 15, '20.48' => 15, '40.96' => 15,
             '81.92' => 15, '163.84' => 15, '327.68' => 15, '655.36' => 15,
             '1310.72' => 15, '2621.44' => 15, '+Inf' => 15), 'a histogram');

my %p = (wait => ['0.009042368', '0.015043575'],
         ttft => ['0.018084735', '0.030087151'],
         upstream_ttft => ['0.026998842', '0.044917341'],
         inter_chunk => ['0.036169471', '0.060174303'],
         tpot => ['0.044917341', '0.074727928'],
         duration => ['0.053997684', '0.089834682']);
my $name = 'nginx_llm_latency_window_seconds';

is($some->{$name},
   "# HELP $name Percentiles of a latency in a window.\n# TYPE $name gauge\n"
   . join('', map {
       my $dist = $_;
       map { "$name\{$m2,metric=\"$dist\",window=\"1m\",percentile=\"$_\"} "
             . $p{$dist}[$_ eq '50' ? 0 : 1] . "\n" } qw(50 90 95 99 99.9)
   } qw(wait ttft upstream_ttft inter_chunk tpot duration)), 'percentiles');

is($some->{nginx_llm_calls_in_flight}, <<'EOT', 'in flight');
# HELP nginx_llm_calls_in_flight Calls being served now.
# TYPE nginx_llm_calls_in_flight gauge
nginx_llm_calls_in_flight{provider="openai",route="/chat"} 0
EOT

is($some->{nginx_llm_unreadable_total},
   "# HELP nginx_llm_unreadable_total Bodies that could not be read, by "
   . "reason.\n# TYPE nginx_llm_unreadable_total counter\n"
   . join('', map { "nginx_llm_unreadable_total{reason=\"$_\"} 0\n" }
              qw(encoding too_large not_json ambiguous framing inflate
                 other)), 'of no series');

is($some->{nginx_llm_zone_series}, <<'EOT', 'a number without labels');
# HELP nginx_llm_zone_series Series in use in the zone.
# TYPE nginx_llm_zone_series gauge
nginx_llm_zone_series 42
EOT


# Every line of a series says the same of it, whatever its labels are.

my $evil = '{provider="openai",model="evil\\"} 1\\\\' . "\xef\xbf\xbd" x 3
         . "</script>\xc3\xa9,x=\\\"y\\\"\",route=\"/v1\",operation=\"chat\","
         . 'team="t1"';
my $esc = 'evil%22%7D%201%5C%EF%BF%BD%EF%BF%BD%EF%BF%BD%3C/script%3E%C3%A9'
        . '%2Cx%3D%22y%22';
my $hostile = families("l.model=$esc");
my @lines = grep { /\A[^#].*operation=/ } map { split /^/ } values %$hostile;
my @odd = grep { !/\A\w+\Q$evil\E[,}]/ } @lines;

cmp_ok(scalar @lines, '>', 300, 'a series of hostile labels');
is(scalar @odd, 0, 'they are the same in all lines') or diag($odd[0]);


# Merged to nothing, a series has only the labels of its lines.

my $bare = families('by=tier&window=1m');

like($bare->{nginx_llm_streams_total}, qr/^nginx_llm_streams_total 0$/m,
     'no label at all');
like($bare->{nginx_llm_calls_total},
     qr/^nginx_llm_calls_total\{outcome="ok"\} 120$/m, 'one of the row');
like($bare->{nginx_llm_wait_seconds},
     qr/^nginx_llm_wait_seconds_bucket\{le="0\.0001"\} 0$/m, 'and a bound');
like($bare->{nginx_llm_wait_seconds},
     qr/^nginx_llm_wait_seconds_sum \d+\.\d{9}\nnginx_llm_wait_seconds_count \d+$/m,
     'a sum, a count');


# OpenMetrics differs in the heads, and in its end.

my $open = families('by=model,team&l.model=m2&window=1m', Accept =>
                    'application/openmetrics-text;version=1.0.0');
my $wait = $some->{nginx_llm_wait_seconds};

$wait =~ s/^(# TYPE .*\n)/$1# UNIT nginx_llm_wait_seconds seconds\n/m;
is($open->{nginx_llm_wait_seconds}, $wait, 'OpenMetrics: a unit');
is($open->{nginx_llm_calls}, $some->{nginx_llm_calls_total}
   =~ s/^(# \w+ nginx_llm_calls)_total/$1/mgr, 'OpenMetrics: a counter');
like($open->{nginx_llm_build_info}, qr/\n# EOF\n\z/, 'OpenMetrics: the end');

$t->finish(books => 0);
$t->done;
