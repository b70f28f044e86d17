#!/usr/bin/perl

# Copyright (C) ngx_llm_module authors
#
# Prices: the C programs' own checks; then what every model of a list costs
# for every usage of a matrix, against arithmetic done here, from the list's
# own text, with another reading of the rules: integers of the list's own
# decimals, native ones where they fit and big ones where they do not.
#
# The matrix is the product of sizes around every threshold that the list
# speaks of, kinds of cache use, reasoning, tiers; and beside it factors,
# fees and numbers too large.
#
# What this cannot see: whether a list tells the truth.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;
use LLM::Test ();
use LLM::Unit;
use LLM::Util qw(slurp spew);
use Math::BigInt;
use Test::More;

my $list = "$LLM::Test::TOP/../shared/prices/"
         . "model_prices_and_context_window.json";
my $own = "$LLM::Test::TOP/docs/examples/prices.json";

LLM::Unit::run($_)
    for qw(price_decimal price_cost price_bill price_list price_name);


# --- the oracle ------------------------------------------------------------

my @TIERS = ('', '_flex', '_batches', '_priority');

# kinds of tokens, and of fees, by the keys of their plain rates

my %TOKENS = (
    input => 'input_cost_per_token',
    output => 'output_cost_per_token',
    read => 'cache_read_input_token_cost',
    write => 'cache_creation_input_token_cost',
    write1 => 'cache_creation_input_token_cost_above_1hr',
    reason => 'output_cost_per_reasoning_token',
);

my $REQUEST = 'input_cost_per_request';
my $STEMS = join '|', map { quotemeta } sort { length $b <=> length $a }
            values %TOKENS, $REQUEST;

my @FACTORS = ('regional_processing_uplift_multiplier_eu',
               'regional_processing_uplift_multiplier_us', 'us', 'fast',
               'regional_endpoint_uplift_multiplier');

my $MOST = '9223372036854775807';


# number(text): [digits as an integer in a string, decimals], exact, or undef

sub number {
    my ($v) = @_;

    return undef unless defined $v
        && "$v" =~ /\A([0-9]*)(?:\.([0-9]*))?(?:[eE]([-+]?[0-9]+))?\z/;

    my ($int, $frac, $exp) = ($1, $2 // '', $3 // 0);
    my $digits = "$int$frac";
    my $decimals = length($frac) - $exp;

    $digits =~ s/\A0+//;
    return ['0', 0] if $digits eq '';

    while ($digits =~ s/0\z//) { $decimals-- }
    return [$digits, $decimals];
}


sub is_zero { return $_[0][0] eq '0' }


sub tokens_of { return $_[0] * { '' => 1, k => 1e3, m => 1e6 }->{$_[1]} }


# What of an entry matters, as { key => number }, and what follows from it.

sub read_model {
    my ($e) = @_;

    my (%rate, %above, $other, @ranges, %search);

    for my $key (grep { !ref $e->{$_} || ref($e->{$_}) =~ /^Math/ } keys %$e)
    {
        next if $key !~ /cost/ || $key =~ /dbu/;
        my $n = number($e->{$key});

        if ($key =~ /\A(?:$STEMS)(?:_|\z)/) {
            $rate{$key} = $n;
            $above{tokens_of($1, $2)} = "_above_$1$2_tokens"
                if $key =~ /_above_(\d+)([km]?)_tokens/;

        } elsif ($key ne 'input_cost_per_query') {
            $other ||= $n && !is_zero($n);
        }
    }

    # an older spelling, a newer meaning

    my $hit = delete $rate{input_cost_per_token_cache_hit};
    $rate{ $TOKENS{read} } //= $hit if $hit;

    my $query = number($e->{input_cost_per_query});

    if ($query && ($e->{mode} // '') eq 'rerank') {
        $rate{$REQUEST} //= $query;
    }

    $other ||= $query && !is_zero($query);

    for my $r (grep { $_->{range} } @{ $e->{tiered_pricing} || [] }) {
        push @ranges, { low => number($r->{range}[0]),
            map { defined $r->{$_} ? ($_ => number($r->{$_})) : () }
                values %TOKENS };
    }

    $_->{low} = $_->{low}[0] . '0' x -$_->{low}[1] for @ranges;
    @ranges = sort { $a->{low} <=> $b->{low} } @ranges;

    my $search = $e->{search_context_cost_per_query};
    my ($fee) = grep { defined } map { number($search->{
                    "search_context_size_$_"}) } qw(medium low high);

    my @all = (values(%rate), map { my $r = $_;
               map { $_ eq 'low' ? () : $r->{$_} } keys %$r } @ranges);
    my $specific = $e->{provider_specific_entry};
    $specific = {} unless ref $specific eq 'HASH';

    return {
        rate => \%rate, above => \%above, ranges => \@ranges,
        priced => @all && !($other && !grep { !is_zero($_) } @all),
        from => ($e->{litellm_provider} // '') eq 'xai' ? 0 : 1,
        search => $fee && !is_zero($fee) ? $fee : undef,
        rerank => ($e->{mode} // '') eq 'rerank',
        factor => [map { number($e->{$_} // $specific->{$_}) } @FACTORS],
    };
}


# The rates that hold at a size, in a tier: kind => [place, number]; the lower
# the place, the more particular.

sub rates {
    my ($m, $size, $tier) = @_;

    if (@{ $m->{ranges} }) {
        my ($in) = grep { $size > $_->{low} } reverse @{ $m->{ranges} };
        $in ||= $m->{ranges}[0];

        return { map { $in->{ $TOKENS{$_} }
                       ? ($_ => [1, $in->{ $TOKENS{$_} }]) : () }
                 keys %TOKENS };
    }

    my ($passed) = sort { $b <=> $a }
                   grep { $size >= $_ + $m->{from} } keys %{ $m->{above} };
    my @suffixes = ($tier, '');
    unshift @suffixes, map { $m->{above}{$passed} . $_ } $tier, ''
        if defined $passed;

    my %found;

    for my $kind (keys %TOKENS) {
        for my $i (0 .. $#suffixes) {
            my $n = $m->{rate}{ $TOKENS{$kind} . $suffixes[$i] } or next;
            $found{$kind} = [$i, $n];
            last;
        }
    }

    return \%found;
}


# [[kind as charged, number], ...]: what each kind of token is charged, in a
# place that depends on size and tier alone.

sub charged {
    my ($r) = @_;

    my %to = map { $_ => $r->{$_} } keys %TOKENS;

    $to{read} ||= $to{input};
    $to{write1} ||= $to{write} || $to{input};
    $to{write} ||= $to{input};
    $to{reason} = $to{output} if $to{output} && (!$to{reason}
                  || $to{output}[0] < $to{reason}[0]);

    return { map { $to{$_} ? ($_ => $to{$_}[1]) : () } keys %to };
}


# The same as integers of so many decimals: { kind => integer }, decimals.

sub scaled {
    my ($numbers, $least) = @_;

    my $d = $least;

    for (values %$numbers) { $d = $_->[1] if $_->[1] > $d }

    return ({ map { my $n = $numbers->{$_};
                    ($_ => $n->[0] . '0' x ($d - $n->[1])) }
              keys %$numbers }, $d);
}


# sum of int x count, as a native integer if it surely fits, else a big one

sub total {
    my ($near, $sum) = (0, 0);

    for (@_) { $near += $_->[0] * $_->[1] }

    if ($near < 4e18) {
        use integer;
        for (@_) { $sum += $_->[0] * $_->[1] }
        return $sum;
    }

    $sum = Math::BigInt->new(0);
    $sum->badd(Math::BigInt->new("$_->[0]")->bmul("$_->[1]")) for @_;
    return $sum;
}


# Half up, at so many decimals.

sub rounded {
    my ($sum, $d) = @_;

    my $cut = $d - 9;

    if (!ref $sum && $cut >= 0 && $cut <= 18) {
        use integer;
        my $unit = 10 ** $cut;
        return $sum / $unit + ($sum % $unit * 2 >= $unit ? 1 : 0)
            if $cut < 18;
    }

    my $unit = Math::BigInt->new(10)->bpow($cut);
    my $v = Math::BigInt->new("$sum")->bmul(2)->badd($unit)
                        ->bdiv($unit->copy->bmul(2));
    $v = ref $v ? $v : Math::BigInt->new($v);

    return $v->bcmp($MOST) > 0 ? $MOST : $v->bstr;
}


sub cost {
    my ($m, $u, $memo) = @_;

    return '-' if !$m->{priced};

    my ($input, $output, $read, $write, $write1, $reason, $tier, $factors,
        $queries, $searches) = @$u;

    my $at = $memo->{"$input.$tier"} ||= do {
        my %to = %{ charged(rates($m, $input, $TIERS[$tier])) };
        $to{request} = $m->{rate}{$REQUEST} if $m->{rate}{$REQUEST};
        $to{search} = $m->{search} if $m->{search};
        my ($ints, $d) = scaled(\%to, 9);
        [$ints, $d];
    };

    my ($rate, $d) = @$at;
    my $write5 = $write - ($write1 < $write ? $write1 : $write);
    my $fresh = $input - $read - $write5 - $write1;

    $fresh = 0 if $fresh < 0;
    $output -= $reason if $reason <= $output;

    my @charge;

    for ([$rate->{input}, $fresh], [$rate->{read}, $read],
         [$rate->{write}, $write5], [$rate->{write1}, $write1],
         [$rate->{reason}, $reason], [$rate->{output}, $output])
    {
        next if !$_->[1];
        return '-' if !defined $_->[0];
        push @charge, $_ if $_->[0];
    }

    my $sum = total(@charge);
    my $fees = 0;

    $fees = total([$rate->{request} || 0, $m->{rerank} && $queries || 1],
                  [$rate->{search} || 0, $searches])
        if $rate->{request} || $rate->{search};

    for my $n (map { $m->{factor}[$_] || () }
               grep { $factors & (1 << $_) } 0 .. $#FACTORS)
    {
        my ($digits, $more) = $n->[1] < 0 ? ($n->[0] . '0' x -$n->[1], 0)
                                          : @$n;
        $sum = Math::BigInt->new("$sum")->bmul($digits);
        $fees = Math::BigInt->new("$fees")->bmul('1' . '0' x $more);
        $d += $more;
    }

    $sum = total([$sum, 1], [$fees, 1]) if $fees;

    return rounded($sum, $d);
}


# --- the matrix ------------------------------------------------------------

# All thresholds and bounds that the list speaks of.

sub thresholds {
    my ($models) = @_;

    my %seen;

    for my $e (values %$models) {
        /_above_(\d+)([km]?)_tokens/ and $seen{tokens_of($1, $2)} = 1
            for keys %$e;
        $seen{$_} = 1 for map { 0 + $_ } map { @{ $_->{range} || [] } }
                          @{ $e->{tiered_pricing} || [] };
    }

    return sort { $a <=> $b } grep { $_ } keys %seen;
}


sub usages {
    my (@thresholds) = @_;

    my @sizes = (1, 1000, 8191, map { ($_, $_ + 1) } @thresholds);
    my @caches = (
        sub { (0, 0, 0) },                                # none
        sub { (int($_ / 3), 0, 0) },                      # read
        sub { (0, int($_ / 5), 0) },                      # written, 5 m
        sub { (0, int($_ / 5), int($_ / 5)) },            # written, 1 h
        sub { (int($_ / 3), int($_ / 5), int($_ / 7)) },  # all of them
        sub { ($_, 0, 0) },                               # nothing fresh
    );
    my @all;

    for my $size (@sizes) {
        for my $cache (@caches) {
            my @parts = map { $cache->() } $size;

            for my $reason (0, 55) {
                push @all, map { [$size, 777, @parts, $reason, $_, 0, 0, 0] }
                           0 .. 3;
            }
        }
    }

    # factors alone and together; fees

    for my $size (1000, 300_001) {
        for my $tier (0, 3) {
            push @all, map { [$size, 100, 20, 30, 10, 7, $tier, $_, 0,
                              $_ % 3] } 1, 2, 4, 8, 12, 16, 31;
        }
    }

    push @all, map { [1000, 100, 0, 0, 0, 0, 0, 0, @$_] }
               [1, 0], [7, 0], [0, 1], [0, 5], [3, 2];

    # no tokens, one kind alone, parts larger than the whole, and large ones

    push @all, map { [@$_, 0, 0, 0, 0] }
        [0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 1], [25, 7, 0, 0, 0, 0], [7, 5, 9, 0, 0, 0],
        [100, 10, 0, 0, 0, 25], [9999, 3, 1, 9000, 9000, 3],
        [999983, 65537, 500009, 300007, 100003, 50021],
        [1000000000, 1000000000, 999, 99, 9, 1],
        [900000000000, 800000000000, 0, 0, 0, 0],
        [9e15, 9e15, 1e15, 1e15, 1e15, 1e15];

    return @all;
}


# --- a list ----------------------------------------------------------------

sub same_prices {
    my ($e) = @_;

    my $canon = JSON::PP->new->canonical->allow_bignum->allow_blessed
                        ->convert_blessed;

    return join "\n", map { "$_ " . (ref($e->{$_}) =~ /^(?:HASH|ARRAY)$/
                            ? $canon->encode($e->{$_}) : $e->{$_} // '') }
        grep { /cost|mode|pric|multiplier|specific|litellm_provider/ }
        sort keys %$e;
}


sub check_list {
    my ($path, $name) = @_;

    my $program = LLM::Unit::build('price_dump', 'plain');
    my $models = JSON::PP->new->utf8->allow_bignum->decode(slurp($path));

    delete $models->{$_} for 'sample_spec', 'fallback_generalizations';

    my @thresholds = thresholds($models);
    my @usages = usages(@thresholds);
    my $file = spew("$LLM::Test::BUILD/unit/usages.$$",
                    join '', map { sprintf("%.0f " x 9 . "%.0f\n", @$_) }
                             @usages);

    open my $dump, '-|', $program, $path, $file or die "price_dump: $!";
    chomp(my $head = <$dump> // '');
    my ($n, $priced) = $head =~ /^models (\d+) priced (\d+) .* full 0$/;
    ok(defined $n, "$name loads, whole and in pieces") or diag($head);
    is($n, keys %$models, "$name: every model is there");

    my (%seen, %row, @wrong);
    my ($known, $checked, $paid) = (0, 0, 0);

    while (my $line = <$dump>) {
        chomp $line;
        my ($model, $costs) = split /\t/, $line, 2;
        my $e = $models->{$model};

        push @wrong, "$model: not in the list, or twice"
            if !$e || $seen{$model}++;
        next unless $e;

        my $row = $row{ same_prices($e) } ||= do {
            my ($m, %memo) = read_model($e);
            my @costs = map { cost($m, $_, \%memo) } @usages;
            [$m->{priced}, join("\t", @costs), scalar grep { $_ ne '-' }
                                                      @costs];
        };

        $known += !!$row->[0];
        $checked += @usages;
        $paid += $row->[2];
        next if $costs eq $row->[1];

        my @got = split /\t/, $costs;
        my @want = split /\t/, $row->[1];

        for my $i (grep { $got[$_] ne $want[$_] } 0 .. $#usages) {
            push @wrong, "$model, usage @{ $usages[$i] }: $got[$i],"
                         . " and not $want[$i]";
        }
    }

    close $dump;
    is($?, 0, "$name: was read to its end");
    unlink $file;

    is(scalar keys %seen, $n, "$name: every model was printed");
    is($priced, $known, "$name: $priced of $n models are priced");
    cmp_ok($paid, '>', $checked / 2, "$name: $paid costs that are known");

    splice @wrong, 10 if @wrong > 10;
    ok(!@wrong, "$name: $checked costs of " . @usages . ' usages are what'
                . ' exact arithmetic says') or diag(join "\n", @wrong);
    note "$name: thresholds @thresholds; ", scalar(keys %row),
         ' different prices';
    return;
}


check_list($own, 'the example list');

SKIP: {
    skip 'no ../shared/prices', 1 unless -f $list;
    check_list($list, 'the full list');
}

done_testing;
