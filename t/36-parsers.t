# A gate and those who read the body after it agree: bodies that are made to
# be read in two ways go through our reader and through the JSON parsers of
# other languages.  Whenever we say "readable, and the model is X", or "no
# model", each parser that takes the body must say the same.  In a proof run
# there are a million of them.
#
# What this cannot see: a server that does not use its language's parser, or
# does so in another way; one that takes the first of two keys: all of these
# take the last.  Parsers that are not installed are skipped.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Path ();
use LLM::Test;
use LLM::Unit;
use LLM::Util qw(scale slurp spew);
use Test::More;

my $BODIES = scale(4_000, 100_000);
my $ROUNDS = scale(1, 10);
my $DIR = "$LLM::Test::BUILD/parsers";
my $HERE = "$FindBin::Bin/parsers";

File::Path::make_path($DIR);

my $differ = LLM::Unit::build('differ', 'plain');


sub found { return qx{command -v $_[0] 2>/dev/null} =~ m{\A/} }

sub newer {
    my ($file, $than) = @_;

    return -e $file && (stat $file)[9] > (stat $than)[9];
}

sub made {
    my ($out, $source, $command) = @_;

    return $out if newer($out, $source);
    my $said = qx{$command 2>&1};
    diag($said) if $?;
    return $? ? undef : $out;
}


# name, the command that reads a file of bodies, or undef: not here

my @parsers = (
    ['Python', found('python3') && "python3 $HERE/read.py"],
    ['Node', found('node') && "node $HERE/read.js"],
    ['Perl', "$^X $HERE/read.pl"],
    ['PHP', found('php') && "php $HERE/read.php"],
    ['Ruby', found('ruby') && "ruby $HERE/read.rb"],
    ['Go', found('go')
           && made("$DIR/go", "$HERE/read.go",
                   "GOCACHE=$DIR/cache GOFLAGS=-mod=mod GO111MODULE=off "
                   . "go build -o $DIR/go $HERE/read.go")],
    ['C++', found('g++') && -e '/usr/include/nlohmann/json.hpp'
            && made("$DIR/cc", "$HERE/read.cc",
                    "g++ -O1 -o $DIR/cc $HERE/read.cc")],
    ['jq', found('jq') && "jq -R -r -f $HERE/read.jq"],
);


# jq reads lines: a body that has several becomes one that it refuses.

sub lines_of {
    my ($bodies, $file) = @_;

    my ($at, @lines) = (0);

    while ($at < length $bodies) {
        my $n = unpack 'N', substr $bodies, $at, 4;
        my $body = substr $bodies, $at + 4, $n;
        $at += 4 + $n;
        push @lines, $body =~ /[\n\0]/ ? '' : $body;
    }

    return spew($file, join("\n", @lines) . "\n");
}


# jq says a string as JSON.

sub said {
    my ($line) = @_;

    return 'n' if $line eq 's' || $line eq 's""';
    return $line unless $line =~ /\As"(.*)"\z/s;

    my $s = JSON::PP->new->utf8->allow_nonref->decode(qq{"$1"});
    utf8::encode($s);
    return 's' . unpack 'H*', $s;
}


my (%accepted, %wrong, @examples);
my ($named, $none, $refused) = (0, 0, 0);

sub compare {
    my ($name, $verdicts, $out) = @_;

    my @lines = split /\n/, slurp($out), -1;
    pop @lines;
    return is(scalar @lines, scalar @$verdicts, "$name: a line a body")
        if @lines != @$verdicts;

    for my $i (0 .. $#lines) {
        next if $lines[$i] eq '-' || $verdicts->[$i] eq '-';
        $accepted{$name}++;
        next if $lines[$i] eq $verdicts->[$i]
                || said($lines[$i]) eq $verdicts->[$i];
        $wrong{$name}++;
        push @examples, [$name, $i, $verdicts->[$i], $lines[$i]]
            if @examples < 10;
    }

    return;
}

my @here = grep { $_->[1] } @parsers;

for my $round (1 .. $ROUNDS) {
    my ($bodies, $verdicts) = ("$DIR/bodies", "$DIR/verdicts");
    my $seed = 20260000 + $round;

    system($differ, $seed, $BODIES, $bodies, $verdicts) == 0
        or die "differ: $?";

    my $text = slurp($bodies);
    lines_of($text, "$DIR/lines");

    my @said = split /\n/, slurp($verdicts);
    $_ eq '-' ? $refused++ : $_ eq 'n' ? $none++ : $named++ for @said;

    # two at a time

    my @todo = @here;

    while (my @now = splice @todo, 0, 2) {
        my @pids = map {
            my ($name, $command) = @$_;
            my $file = $name eq 'jq' ? "$DIR/lines" : $bodies;
            my $pid = fork // die "fork: $!";
            exec "$command $file > $DIR/$name.out 2> $DIR/$name.err"
                unless $pid;
            $pid;
        } @now;

        for my $i (0 .. $#pids) {
            waitpid $pids[$i], 0;
            is($?, 0, "$now[$i][0] ends well")
                or diag(substr slurp("$DIR/$now[$i][0].err"), 0, 500);
        }
    }

    compare($_->[0], \@said, "$DIR/$_->[0].out") for @here;
    unlink $bodies, $verdicts, "$DIR/lines", map { "$DIR/$_->[0].out" } @here;
}

note($BODIES * $ROUNDS, " bodies: $named with a model, $none without, "
     . "$refused refused");
diag("$_->[0]: body $_->[1]: we say $_->[2], it says $_->[3]") for @examples;

cmp_ok($named, '>', $BODIES * $ROUNDS / 20, 'models are read at all');

for my $parser (@parsers) {
    my ($name, $command) = @$parser;

  SKIP: {
        skip "$name is not here", 2 unless $command;
        cmp_ok($accepted{$name} // 0, '>', $named / 4,
               "$name takes bodies that we take");
        is($wrong{$name} // 0, 0, "$name: of $accepted{$name} bodies that "
           . 'both take, none is read in another way');
    }
}

done_testing;
