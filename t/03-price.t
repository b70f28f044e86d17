#!/usr/bin/perl

# Copyright (C) ngx_llm_module authors
#
# Prices: the C programs' own checks under the sanitizers; then what every
# model of a real list costs for many usages, against arithmetic done here,
# from the same text, with big integers and another reading of the rules.
#
# What this cannot see: whether a list tells the truth, and charges for what
# is not counted in tokens.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use JSON::PP;
use Math::BigFloat;
use Math::BigInt::Calc;

# Big integers without their operators, which cost ten times the arithmetic.

my $big = 'Math::BigInt::Calc';

my $top = "$FindBin::Bin/..";
my $dir = tempdir(CLEANUP => 1);
my $list = "$top/../shared/prices/model_prices_and_context_window.json";
my $own = "$top/docs/examples/prices.json";

my $planned = 0;
my $failed = 0;


sub ok {
    my ($good, $what) = @_;

    $planned++;
    $failed += !$good;
    print $good ? "" : "not ", "ok $planned - $what\n";

    return $good;
}


sub diag { print map { "#   $_\n" } @_ }


sub finish {
    print "1..$planned\n";
    exit($failed ? 1 : 0);
}


# The programs share their objects: two compilers at a time.

sub compile {
    my (@names) = @_;

    my $core = "$top/ngx_llm_module/core";
    my $cc = "gcc -std=gnu11 -Wall -Wextra -Werror -O1 -g"
             . " -fsanitize=address,undefined -fno-sanitize-recover=undefined"
             . " -I$core -I$top/t/unit";
    my @objects = map { s,.*/(.*)\.c$,$1,r }
        glob("$core/llm_price*.c $core/llm_name*.c $core/llm_json*.c"),
        "llm_cost.c", "llm_decimal.c";

    s/\.c$// for @objects;

    open(my $fh, '>', "$dir/Makefile") or die $!;

    print $fh "all: @names\n\n";
    print $fh "$_.o: $core/$_.c\n\t$cc -c -o \$@ \$<\n\n" for @objects;
    print $fh "$_: $top/t/unit/$_.c ", join(' ', map { "$_.o" } @objects),
              "\n\t$cc -o \$@ \$^\n\n" for @names;

    close($fh) or die $!;

    return system("make -s -j2 -C $dir all 1>&2") == 0;
}


sub program {
    my ($name) = @_;

    my ($plan, $seen) = (0, 0);

    open(my $fh, '-|', "$dir/$name 2>&1") or die $!;

    while (my $line = <$fh>) {
        if ($line =~ /^(not )?ok \d+ - (.*)/) {
            $seen++;
            ok(!$1, "$name: $2");

        } elsif ($line =~ /^1\.\.(\d+)/) {
            $plan = $1;

        } else {
            print "# $line";
        }
    }

    close($fh);
    my $status = $?;

    ok($plan && $plan == $seen && ($status == 0 || $status == 256),
       "$name: ran to its end");
}


# --- the oracle ------------------------------------------------------------

my @tier = ('', '_flex', '_batches', '_priority');

my %stem = (
    input => 'input_cost_per_token',
    output => 'output_cost_per_token',
    read => 'cache_read_input_token_cost',
    write => 'cache_creation_input_token_cost',
    write1 => 'cache_creation_input_token_cost_above_1hr',
    reason => 'output_cost_per_reasoning_token',
    request => 'input_cost_per_request',
);


my $most = '9223372036854775807';


# An exact number in units of 1e-24 USD, or undef.

sub units {
    my ($v) = @_;

    return undef unless defined $v;
    return $big->_new(Math::BigFloat->new("$v")->bmul('1e24')->as_int()
                                    ->bstr());
}


sub threshold {
    my ($n, $unit) = @_;

    return $n * ($unit eq 'k' ? 1000 : $unit eq 'm' ? 1000000 : 1);
}


# Keys of prices only, as units; and the thresholds they speak of.

sub read_model {
    my ($e) = @_;

    my %m = (rate => {}, above => {}, other => 0);

    for my $key (keys %$e) {
        my $v = $e->{$key};
        next if ref($v) eq 'HASH' || ref($v) eq 'ARRAY' || !defined $v;

        if ($key =~ /_above_(\d+)([km]?)_tokens/) {
            $m{above}{threshold($1, $2)} = "_above_$1$2_tokens"
                if grep { $key =~ /^\Q$_\E(_|$)/ } values %stem;
        }

        next unless $key =~ /cost/ && $key !~ /dbu/;

        $m{rate}{$key} = units($v);

        my $tokens = grep { $key =~ /^\Q$_\E(_|$)/ } values %stem;
        $m{other} = 1 if !$tokens && $key ne 'input_cost_per_query'
                         && !$big->_is_zero($m{rate}{$key});
    }

    my $hit = delete $m{rate}{input_cost_per_token_cache_hit};
    $m{rate}{$stem{read}} //= $hit if defined $hit;

    my $query = delete $m{rate}{input_cost_per_query};

    if (defined $query) {
        if (($e->{mode} // '') eq 'rerank') {
            $m{rate}{$stem{request}} //= $query;
        } else {
            $m{other} = 1 if !$big->_is_zero($query);
        }
    }

    $m{inclusive} = ($e->{litellm_provider} // '') eq 'xai';

    for my $r (@{ $e->{tiered_pricing} // [] }) {
        next unless $r->{range};

        push @{ $m{ranges} }, {
            low => 0 + $r->{range}[0],
            map { $_ => units($r->{$_}) }
                grep { defined $r->{$_} } values %stem
        };
    }

    $m{ranges} = [sort { $a->{low} <=> $b->{low} } @{ $m{ranges} }]
        if $m{ranges};

    my @tokens = grep { defined } map { my $s = $_;
        map { $m{rate}{$_} } grep { /^\Q$s\E(_|$)/ } keys %{ $m{rate} }
    } values %stem;

    push @tokens, map { my $r = $_; map { $r->{$_} } grep { $_ ne 'low' }
                        keys %$r } @{ $m{ranges} // [] };

    $m{unpriced} = !@tokens || ($m{other} && !grep { !$big->_is_zero($_) } @tokens);

    $m{eu} = $e->{regional_processing_uplift_multiplier_eu};
    $m{us} = $e->{regional_processing_uplift_multiplier_us};
    $m{geo} = $e->{provider_specific_entry}{us};
    $m{fast} = $e->{provider_specific_entry}{fast};

    return \%m;
}


# The rates of this size and tier: kind => [how general, rate].

sub rates {
    my ($m, $input, $tier) = @_;

    my %rate;

    if ($m->{ranges}) {
        my $in = $m->{ranges}[0];

        for my $r (@{ $m->{ranges} }) {
            $in = $r if $input > $r->{low};
        }

        for my $kind (keys %stem) {
            $rate{$kind} = [1, $in->{$stem{$kind}}]
                if defined $in->{$stem{$kind}};
        }

        $rate{request} = [3, $m->{rate}{$stem{request}}]
            if defined $m->{rate}{$stem{request}};

        return \%rate;
    }

    my ($above) = sort { $b <=> $a }
        grep { $input > $_ || ($m->{inclusive} && $input == $_) }
        keys %{ $m->{above} };

    my $size = defined $above ? $m->{above}{$above} : undef;

    for my $kind (keys %stem) {
        my $n = 0;

        for my $suffix ((defined $size ? ($size . $tier, $size)
                                       : ('?', '?')), $tier, '')
        {
            my $v = $m->{rate}{$stem{$kind} . $suffix};

            # "..._above_1hr" is also a suffix: of another kind
            if (defined $v) {
                $rate{$kind} = [$n, $v];
                last;
            }

            $n++;
        }
    }

    return \%rate;
}


sub cost {
    my ($m, $u) = @_;

    return '-' if $m->{unpriced};

    my ($input, $output, $read, $write, $write1, $reason, $tier, $factors)
        = @$u;

    my $r = rates($m, $input, $tier[$tier]);
    my $sum = $big->_zero();

    my $write5 = $write > $write1 ? $write - $write1 : 0;
    my $fresh = $input - $read - $write5 - $write1;
    $fresh = 0 if $fresh < 0;

    my $text = $reason > $output ? $output : $output - $reason;

    $r->{read} //= $r->{input};
    $r->{write1} //= $r->{write} // $r->{input};
    $r->{write} //= $r->{input};

    $r->{reason} = $r->{output}
        if $r->{output}
           && (!$r->{reason} || $r->{output}[0] < $r->{reason}[0]);

    for (['input', $fresh], ['read', $read], ['write', $write5],
         ['write1', $write1], ['output', $text], ['reason', $reason])
    {
        my ($kind, $n) = @$_;

        next if $n == 0;
        return '-' unless $r->{$kind};
        $sum = $big->_add($sum, $big->_mul($big->_new($n), $r->{$kind}[1]));
    }

    $sum = $big->_add($sum, $r->{request}[1]) if $r->{request};

    my $unit = '1' . '0' x 15;
    my $bit = 0;

    for my $name ('eu', 'us', 'geo', 'fast') {
        next unless $factors & (1 << $bit++);
        next unless defined $m->{$name};

        $sum = $big->_mul($sum, $big->_new(
            Math::BigFloat->new("$m->{$name}")->bmul(1000000)->bstr()));
        $unit .= '000000';
    }

    # (2 sum + unit) / (2 unit) is the nearest, and the half goes up

    $sum = $big->_add($big->_mul($sum, $big->_two()), $big->_new($unit));
    $sum = $big->_div($sum, $big->_mul($big->_new($unit), $big->_two()));

    return $big->_acmp($sum, $big->_new($most)) > 0 ? $most
                                                    : $big->_str($sum);
}


# Usages: around every threshold of the list, in every tier.

sub usages {
    my @u = (
        [0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [25, 7, 0, 0, 0, 0],
        [1000, 500, 0, 0, 0, 0], [1000, 0, 0, 0, 0, 0],
        [1234, 567, 1000, 0, 0, 123], [9999, 3, 0, 9000, 0, 0],
        [9999, 3, 1, 9000, 9000, 3], [54321, 12345, 11111, 22222, 3333, 99],
        [7, 5, 9, 0, 0, 0], [100, 10, 0, 0, 0, 25],
        [999983, 65537, 500009, 300007, 100003, 50021],
        [1000000000, 1000000000, 999, 99, 9, 1],
        [900000000000, 800000000000, 0, 0, 0, 0],
    );

    my @all = map { [@$_, 0, 0] } @u;
    push @all, map { [@{$u[5]}, $_, 0], [@{$u[8]}, $_, 0] } 1 .. 3;
    push @all, map { [@{$u[8]}, 0, $_], [@{$u[11]}, 3, $_] } 1, 2, 4, 8, 12;

    for my $t (32000, 128000, 200000, 256000, 272000, 512000) {
        for my $tier (0 .. 3) {
            push @all, map {
                [$_, 777, int($_ / 3), int($_ / 5), int($_ / 7), 55, $tier, 0]
            } $tier ? ($t + 1) : ($t - 1, $t, $t + 1);
        }
    }

    return @all;
}


sub check_list {
    my ($path, $name) = @_;

    my @usages = usages();

    open(my $out, '>', "$dir/usages") or die $!;
    print $out "@$_\n" for @usages;
    close($out) or die $!;

    open(my $in, '<:raw', $path) or die "$path: $!";
    my $text = do { local $/; <$in> };
    close($in);

    my $json = JSON::PP->new()->utf8()->allow_bignum();
    my $models = $json->decode($text);

    delete $models->{$_} for 'sample_spec', 'fallback_generalizations';

    open(my $dump, '-|', "$dir/price_dump", $path, "$dir/usages") or die $!;

    my $head = <$dump> // '';
    chomp($head);
    my ($n, $priced) = $head =~ /^models (\d+) priced (\d+) .* full 0$/;
    ok(defined $n, "$name loads, whole and in pieces") or diag($head);
    $n //= 0;
    $priced //= 0;

    ok($n == keys %$models, "$name: every model is there")
        or diag("$n of " . keys(%$models));

    my (%seen, %row);
    my ($wrong, $checked, $known) = (0, 0, 0);
    my $canon = JSON::PP->new()->canonical()->allow_bignum()->allow_blessed()
                        ->convert_blessed();

    while (my $line = <$dump>) {
        chomp($line);
        my ($model, @got) = split /\t/, $line;

        unless (exists $models->{$model} && !$seen{$model}++) {
            $wrong++;
            diag("$model: not in the list, or twice");
            next;
        }

        my $m = $models->{$model};
        my $same = join "\n", map { "$_ " . (ref($m->{$_}) =~ /^(HASH|ARRAY)$/
                                             ? $canon->encode($m->{$_})
                                             : $m->{$_} // '') }
            grep { /cost|mode|pric|multiplier|specific|litellm_provider/ }
            sort keys %$m;

        $row{$same} //= do {
            my $read = read_model($m);
            [!$read->{unpriced}, map { cost($read, $_) } @usages];
        };

        my ($is_priced, @want) = @{ $row{$same} };
        $known += $is_priced;

        for my $i (0 .. $#usages) {
            $checked++;

            next if defined $got[$i] && $got[$i] eq $want[$i];

            diag("$model, usage @{$usages[$i]}: got " . ($got[$i] // 'none')
                 . ", want $want[$i]") if $wrong++ < 10;
        }
    }

    close($dump);

    ok($? == 0 && keys(%seen) == $n, "$name: every model was printed");
    ok($known == $priced, "$name: $priced of $n models are priced")
        or diag("the oracle says $known");
    ok($checked > 0 && $wrong == 0,
       "$name: $checked costs are what exact arithmetic says");
}


unless (ok(compile('price_decimal', 'price_cost', 'price_bill', 'price_list',
                   'price_name', 'price_dump'), "the programs compile"))
{
    finish();
}

program($_) for 'price_decimal', 'price_cost', 'price_bill', 'price_list',
    'price_name';

check_list($own, "the example list");

if (-f $list) {
    check_list($list, "the full list");

} else {
    ok(1, "the full list # SKIP no ../shared/prices");
}

finish();
