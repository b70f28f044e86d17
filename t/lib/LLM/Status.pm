package LLM::Status;

# What tests of the status share: the closed schema of its JSON, a parser of
# Prometheus text that is strict about families, and the module of
# t/unit/status_module.c, which serves a zone of known contents.

use strict;
use warnings;

use B ();
use Fcntl qw(:flock);
use File::Basename ();
use File::Path ();
use POSIX ();

use LLM::Test ();

my @WINDOWS = qw(1m 5m 1h 24h all);
my @PERCENTILES = qw(p50 p90 p95 p99 p999);


# A schema: a hash of exactly these keys; [schema] a list of; code is a test
# of a value; "map" => schema in {} of any keys.

my $count = sub { _number($_[0]) && $_[0] =~ /\A\d+\z/ };
my $number = sub { _number($_[0]) && $_[0] >= 0 };
my $usd = sub { !_number($_[0]) && $_[0] =~ /\A\d+\.\d{9}\z/ };
my $text = sub { defined $_[0] && !ref $_[0] && !_number($_[0]) };
my $time = sub { _string($_[0])
    && $_[0] =~ /\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\z/ };

sub _or_null { my ($test) = @_; return sub { !defined $_[0] || $test->(@_) } }
sub _keys { my ($test, @keys) = @_; return { map { $_ => $test } @keys } }
sub _string { return defined $_[0] && !ref $_[0] && !_number($_[0]) }


# JSON::PP keeps what was written as a number a number.

sub _number {
    my ($v) = @_;

    return 0 if !defined $v || ref $v;
    my $flags = B::svref_2object(\$v)->FLAGS;
    return $flags & (B::SVp_IOK | B::SVp_NOK) && !($flags & B::SVp_POK);
}

my $dist = { count => $count,
          %{ _keys(_or_null($number), qw(mean min max), @PERCENTILES) } };

my $window = {
    from => $time, to => $time,
    calls => _keys($count, qw(total ok error aborted incomplete refused
        streams no_content replayed estimated unpriced)),
    attempts => _keys($count, qw(total failed)),
    errors => { map => $count, of => [qw(rate_limit overloaded timeout auth
        not_found invalid_request too_large content_filter server_error
        upstream gate other)] },
    finish => _keys($count, qw(stop length tool_calls content_filter other)),
    tokens => _keys($count, qw(input output cache_read cache_write
        reasoning)),
    cost => _keys($usd, qw(usd usd_estimated saved_usd)),
    latency => {
        %{ _keys($dist, qw(wait ttft upstream_ttft inter_chunk tpot
                           duration)) },
        output_rate => _keys(_or_null($number), qw(mean p50 p90 p95 p99)),
    },
};

my $amount = sub { $count->($_[0]) || $usd->($_[0]) };

my $now = { in_flight => $count, waiting_first => $count,
            oldest_s => _or_null($number) };


# wrong(document, windows => [...], labels => [...] or undef for the four and
# more): sentences

sub wrong {
    my ($json, %opt) = @_;

    my $windows = _keys($window, @{ $opt{windows} || \@WINDOWS });
    my $labels = $opt{labels} ? _keys($text, @{ $opt{labels} })
               : { map => $text, must => [qw(provider model route operation)] };
    my @wrong;

    _check(\@wrong, '', $json, {
        schema => sub { _number($_[0]) && $_[0] == 1 },
        module_version => $text, nginx_version => $text,
        time => $time, since => $time,
        zone => { name => $text, %{ _keys($count, qw(bytes series series_max
            series_folded samples_dropped)) } },
        health => {
            %{ _keys($count, qw(other_requests estimated_calls unpriced_calls
                lost_on_resize live_dropped providers_dropped late_settles
                keys_folded ledger_full generation workers)) },
            unreadable => { map => $count },
            unpriced => { map => $count },
            splices_skipped => { map => $count },
            orphaned_usd => $usd,
            state => sub { $_[0] =~ /\A(?:none|ok|degraded)\z/ },
            state_age_s => _or_null($number),
            prices => { models => $count, loaded => _or_null($time),
                        sha256 => _or_null($text) },
        },
        total => { now => $now, windows => $windows },
        series => [{ labels => $labels, now => $now, windows => $windows }],
        providers => [{ provider => $text, updated => $time,
            %{ _keys(_or_null($count), qw(remaining_requests remaining_tokens
                limit_requests limit_tokens)) },
            %{ _keys(_or_null($time), qw(reset_requests reset_tokens)) } }],
        limits => [{ zone => $text, key => $text, rate => $text,
                     left => $amount,
                     %{ _keys($count, qw(refused delayed)) } }],
        budgets => [{ zone => $text, key => $text, refused => $count,
                      unit => sub { $_[0] =~ /\A(?:tokens|calls|usd)\z/ },
                      period => sub {
                          $_[0] =~ /\A(?:hour|day|week|month)\z/ },
                      resets => $time,
                      %{ _keys($amount, qw(limit spent reserved left
                         projected)) } }],
        slo => [{ name => $text, since => _or_null($time),
                  state => sub { $_[0] =~ /\A(?:ok|breach)\z/ },
                  %{ _keys($count, qw(good bad moved probes)) },
                  target => $number,
                  burn => _keys(_or_null($number), qw(5m 30m 1h 6h)) }],
    });

    _order(\@wrong, 'total', $json->{total});
    _order(\@wrong, "series[$_]", $json->{series}[$_])
        for 0 .. $#{ $json->{series} || [] };

    return @wrong;
}


# What a distribution shows goes up: min, percentiles, max, and the mean is
# between its ends; what is not known is null together.

sub _order {
    my ($wrong, $at, $series) = @_;

    for my $w (sort keys %{ $series->{windows} || {} }) {
        my $latency = $series->{windows}{$w}{latency} || {};

        for my $name (sort grep { $_ ne 'output_rate' } keys %$latency) {
            my $d = $latency->{$name};

            for my $keys (['min', @PERCENTILES, 'max'], [qw(min mean max)]) {
                my @v = grep { defined } @$d{@$keys};
                push @$wrong, "$at.$w.$name: " . join(' ', @$keys) . " are @v"
                    if grep { $v[$_] < $v[$_ - 1] } 1 .. $#v;
            }

            for my $keys ([qw(mean min max)], \@PERCENTILES) {
                my $known = grep { defined } @$d{@$keys};
                push @$wrong, "$at.$w.$name: $known of @$keys"
                    if $known && ($known != @$keys || !$d->{count});
            }

            push @$wrong, "$at.$w.$name: no mean of $d->{count}"
                if $d->{count} && !defined $d->{mean};
        }

        my $rate = $latency->{output_rate} || {};
        my @v = grep { defined } @$rate{qw(p50 p90 p95 p99)};
        push @$wrong, "$at.$w.output_rate: percentiles are @v"
            if @v % 4 || grep { $v[$_] < $v[$_ - 1] } 1 .. $#v;
    }

    return;
}


sub _check {
    my ($wrong, $at, $v, $schema) = @_;

    if (ref $schema eq 'CODE') {
        push @$wrong, "$at is " . (defined $v ? $v : 'null')
            unless $schema->($v);
        return;
    }

    if (ref $schema eq 'ARRAY') {
        return push @$wrong, "$at is no list" unless ref $v eq 'ARRAY';
        _check($wrong, "$at\[$_]", $v->[$_], $schema->[0]) for 0 .. $#$v;
        return;
    }

    return push @$wrong, "$at is no object" unless ref $v eq 'HASH';

    if (ref $schema->{map}) {
        my %of = map { $_ => 1 } @{ $schema->{of} || [keys %$v] };

        push @$wrong, "$at lacks $_"
            for grep { !exists $v->{$_} } @{ $schema->{must} || [] };
        for (sort keys %$v) {
            push @$wrong, "$at has $_" unless $of{$_};
            _check($wrong, "$at.$_", $v->{$_}, $schema->{map});
        }
        return;
    }

    push @$wrong, "$at has $_"
        for grep { !exists $schema->{$_} } sort keys %$v;

    for (sort keys %$schema) {
        if (exists $v->{$_}) {
            _check($wrong, "$at.$_", $v->{$_}, $schema->{$_});
        } else {
            push @$wrong, "$at lacks $_";
        }
    }

    return;
}


# metrics(text): { sample with its labels as written => number }, and
# sentences about what is wrong: HELP and TYPE once and first, samples of a
# family together, none twice, names that fit the type.

sub metrics {
    my ($body, $open) = @_;

    my (%value, %type, %help, $family, @wrong);
    my $label = qr/[a-z_]+="(?:[^"\\\n]|\\["\\n])*"/;

    for my $line (split /\n/, $body) {
        if ($line =~ /\A# (HELP|TYPE|UNIT) (\S+) (.+)\z/) {
            my ($what, $name, $rest) = ($1, $2, $3);

            if ($what eq 'HELP') {
                push @wrong, "HELP $name again" if $help{$name}++;
                $family = $name;
            } elsif ($name ne $family) {
                push @wrong, "$what $name in $family";
            } elsif ($what eq 'TYPE') {
                push @wrong, "TYPE $name again" if $type{$name};
                $type{$name} = $rest;
                my $total = $name =~ /_total\z/ ? 1 : 0;
                push @wrong, "TYPE $name is $rest"
                    if $total != ($rest eq 'counter' && !$open ? 1 : 0);
            } else {
                push @wrong, "UNIT $name is $rest"
                    unless $open && $name =~ /_\Q$rest\E\z/;
            }
            next;
        }

        next if $open && $line eq '# EOF';

        if ($line !~ /\A([a-z_]+)((?:\{(?:$label(?:,$label)*)\})?)
                      \ (\d+(?:\.\d+)?)\z/x)
        {
            push @wrong, "not a sample: $line";
            next;
        }

        my ($name, $labels, $number) = ($1, $2, $3);
        my $type = $family && $type{$family} || '';
        my $suffix = $type eq 'histogram' ? '_(?:bucket|sum|count)'
                   : $type eq 'counter' && $open ? '_total' : '';

        push @wrong, "$name in family " . ($family || 'none')
            unless $family && $name =~ /\A\Q$family\E$suffix\z/;
        push @wrong, "$name$labels twice" if exists $value{"$name$labels"};
        $value{"$name$labels"} = $number;
    }

    push @wrong, 'no # EOF at the end' if $open && $body !~ /\n# EOF\n\z/;

    return (\%value, @wrong);
}


# histograms(values): sentences; buckets go up, +Inf is _count

sub histograms {
    my ($value) = @_;

    my (%last, @wrong, $n);

    my %bucket;
    for (keys %$value) {
        my ($name, $labels, $le) = /\A(\w+)_bucket\{(.*?),?le="([^"]+)"\}\z/
            or next;
        push @{ $bucket{$name}{$labels} }, [$le, $value->{$_}];
    }

    for my $name (sort keys %bucket) {
        for my $labels (sort keys %{ $bucket{$name} }) {
            my $at = $labels eq '' ? $name : "$name\{$labels}";
            my @b = sort { $a->[0] <=> $b->[0] }
                    map { [$_->[0] eq '+Inf' ? 9**9**9 : $_->[0], $_->[1]] }
                    @{ $bucket{$name}{$labels} };
            my $l = $labels eq '' ? '' : "{$labels}";

            $n++;
            for (1 .. $#b) {
                push @wrong, "$at goes down at $b[$_][0]"
                    if $b[$_][1] < $b[$_ - 1][1];
            }
            push @wrong, "$at has no +Inf" if $b[-1][0] != 9**9**9;
            push @wrong, "$at: +Inf is not _count"
                if $b[-1][1] != ($value->{"${name}_count$l"} // -1);
            push @wrong, "$at has no _sum"
                unless exists $value->{"${name}_sum$l"};
        }
    }

    push @wrong, 'no histogram' unless $n;
    return @wrong;
}


# module(): the test module, built with the headers that the real one was

sub module {
    my $dir = File::Basename::dirname($LLM::Test::MODULE);
    my $src = "$dir.src/src";
    my $top = "$LLM::Test::TOP/ngx_llm_module";
    my $to = "$dir/../status-test";
    my $file = "$to/status_module.so";

    File::Path::make_path($to);

    # build.sh's own lock: its headers must not change meanwhile

    open my $lock, '>>', "$dir/../lock" or die "$dir/../lock: $!";
    flock $lock, LOCK_EX or die "$dir/../lock: $!";

    my @sources = ("$LLM::Test::TOP/t/unit/status_module.c",
        (map { "$top/core/llm_$_.c" } qw(amount escape cells facts)),
        glob "$top/{zone,status}/*.c");
    my $made = (stat $file)[9] || 0;

    return $file unless grep { (stat $_)[9] >= $made }
        @sources, __FILE__, "$dir/ngx_auto_config.h",
        glob "$top/{core,zone,status}/*.h";

    my @flags = (qw(-std=gnu11 -O1 -g -fPIC -shared -fvisibility=hidden
                    -Wall -Wextra -Wno-unused-parameter -Werror),
        $LLM::Test::SANITIZED
            ? ('-fsanitize=address,undefined',
               '-fno-sanitize-recover=undefined') : (),
        "-I$dir",
        (map { "-I$src/$_" } qw(core event event/modules os/unix http
                                http/modules http/v2)),
        map { "-I$top/$_" } qw(core zone status));

    # a new file: the old one may be loaded by a test that runs

    system('gcc', @flags, '-o', "$file.new", @sources) == 0
        or die "the test module does not compile\n";
    rename "$file.new", $file or die "$file: $!";

    return $file;
}


# The samples that the module puts into a series, in ms, by window.

my %FACTOR = (all => [100, 10, 1], '24h' => [100, 10, 1],
              '1h' => [100, 10, 1], '5m' => [10, 1], '1m' => [1]);

sub samples {
    my ($i, $calls, $window) = @_;

    my @ms;

    for my $factor (@{ $FACTOR{$window} }) {
        push @ms, ($_ + 1) * ($i % 4 + 1) * $factor for 0 .. $calls - 1;
    }

    return @ms;
}

sub percentile {
    my ($p, @v) = @_;

    @v = sort { $a <=> $b } @v;
    my $rank = POSIX::ceil(@v * $p / 100);
    return $v[($rank || 1) - 1];
}


1;
