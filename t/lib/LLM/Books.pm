package LLM::Books;

# The books of a status document balance: what was seen is passed or refused,
# and the series add up to the total, number by number.

use strict;
use warnings;

use Math::BigInt ();
use Test::More ();

my @ENDS = qw(ok error aborted incomplete refused);


# check(decoded status JSON, name): one test

sub check {
    my ($json, $name) = @_;

    my @wrong = wrong($json);
    Test::More::is(scalar @wrong, 0, $name || 'books balance')
        or Test::More::diag(join "\n", @wrong > 20 ? @wrong[0 .. 19]
                                                   : @wrong);
    return !@wrong;
}


# All that does not add up, as sentences.

sub wrong {
    my ($json) = @_;

    my @wrong;
    my $total = $json->{total}{windows}
        or return 'the document has no total';
    my $series = $json->{series};

    return 'the document has no series' unless ref $series eq 'ARRAY';

    for my $window (sort keys %$total) {
        push @wrong, _calls("total, $window", $total->{$window}{calls});

        my %sum;

        for my $s (@$series) {
            my $name = join ',', map { "$_=$s->{labels}{$_}" }
                                 sort keys %{ $s->{labels} };
            my $w = $s->{windows}{$window} or do {
                push @wrong, "{$name} has no window $window";
                next;
            };

            push @wrong, _calls("{$name}, $window", $w->{calls});
            my %have = _numbers($w);
            $sum{$_} = ($sum{$_} || Math::BigInt->new(0)) + $have{$_}
                for keys %have;
        }

        my %want = _numbers($total->{$window});
        my %all = (%sum, %want);

        for my $key (sort keys %all) {
            my $have = defined $sum{$key} ? $sum{$key} : 0;
            my $want = defined $want{$key} ? $want{$key} : 0;
            push @wrong, "$window $key: series sum to $have, total is $want"
                unless $have == $want;
        }
    }

    return @wrong;
}


sub _calls {
    my ($where, $calls) = @_;

    return "$where has no calls" unless ref $calls eq 'HASH';

    my $sum = 0;

    for my $end (@ENDS) {
        return "$where has no calls.$end" unless defined $calls->{$end};
        $sum += $calls->{$end};
    }

    return if $sum == $calls->{total};
    return "$where: calls " . join(' + ', map { "$calls->{$_} $_" } @ENDS)
         . " = $sum, total is $calls->{total}";
}


# Every number of a window that adds up over series; money in nano-USD.

sub _numbers {
    my ($w) = @_;

    my %n;

    for my $group (qw(calls attempts errors finish tokens)) {
        my $h = $w->{$group} || {};
        $n{"$group.$_"} = Math::BigInt->new($h->{$_}) for keys %$h;
    }

    my $cost = $w->{cost} || {};

    for my $key (keys %$cost) {
        my ($whole, $part) = split /\./, $cost->{$key};
        $n{"cost.$key"} = Math::BigInt->new($whole . ($part || ''));
    }

    my $latency = $w->{latency} || {};

    for my $key (keys %$latency) {
        next unless defined $latency->{$key}{count};
        $n{"latency.$key.count"} = Math::BigInt->new($latency->{$key}{count});
    }

    return %n;
}


# Calls in flight, by the document.

sub in_flight {
    my ($json) = @_;

    my $n = 0;
    $n += $_->{now}{in_flight} || 0 for @{ $json->{series} || [] };
    return $n;
}


1;
