# The scanner against Perl's own JSON parser: texts made at random, and the
# same with a few bytes changed.  Both must accept the same ones, and find the
# same values at the same places.
#
# What this cannot see: texts that JSON::PP refuses and the scanner takes on
# purpose (bytes that are not UTF-8, lone surrogates) or the other way round
# (UTF-16); t/unit/json.c has those.
# Where a key stands twice, only acceptance is compared.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use LLM::Test ();
use LLM::Unit;
use LLM::Util qw(scale spew);
use Test::More;

my @PATHS = qw(a b a.b b.a a.a.b c[] c[].a c[].b a.c[] a.c[].b c[][] c[][].a
               [] [].a [].c[].b long_name_of_a_key a.long_name_of_a_key);
my $COUNT = scale(6000, 1_000_000);
my $BATCH = 20_000;

my $json = JSON::PP->new->utf8->allow_nonref;

srand($ENV{LLM_SEED} || 1);


sub any { return $_[rand @_] }

sub space { return rand() < 0.85 ? '' : any(' ', "\n", "\t", "\r\n", '   ') }

my @PIECES = ('x', 'ab', ' ', 'é', '東', '😀', '\\n', '\\"', '\\\\', '\\/',
    '\\u0041', '\\u00e9', '\\u6771', '\\ud83d\\ude00', '\\u0000', '\\t',
    'a run of plain text that is longer than a vector', '{"a":1}', ',', ':');
utf8::encode($_) for @PIECES;

sub string { return '"' . join('', map { any(@PIECES) } 1 .. rand 6) . '"' }

sub number {
    return (rand() < 0.3 ? '-' : '') . any(0, 1 + int rand 10 ** int rand 9)
         . (rand() < 0.3 ? '.' . int rand 1000 : '')
         . (rand() < 0.2 ? any('e', 'E') . any('', '+', '-') . int rand 30
                         : '');
}

sub key {
    my $key = any(qw(a b c a b c d long_name_of_a_key), '', 'x y', 'long_'
                  . 'name_of_a_ke');
    $key =~ s/\Aa\z/\\u0061/ if rand() < 0.1;
    return $key;
}

sub object {
    my ($depth) = @_;

    my (%seen, @members);

    for (1 .. rand 8) {
        my $key = key();
        next if $seen{ $key =~ s/\\u0061/a/r }++;
        push @members, space() . qq("$key") . space() . ':' . space()
                     . value($depth - 1) . space();
    }

    return '{' . (@members ? join(',', @members) : space()) . '}';
}

sub array {
    my ($depth) = @_;

    my @values = map { space() . value($depth - 1) . space() } 1 .. rand 4;
    return '[' . (@values ? join(',', @values) : space()) . ']';
}

sub value {
    my ($depth) = @_;

    my $kind = $depth > 0 ? rand 10 : rand 6;
    return $kind < 2 ? string() : $kind < 4 ? number()
         : $kind < 6 ? any(qw(true false null))
         : $kind < 8 ? object($depth) : array($depth);
}

sub text { return space() . (rand() < 0.7 ? object(4) : value(3)) . space() }


# A few bytes inserted, dropped, doubled, changed.

my @BYTES = (split(//, '{}[]:,"\\0123456789.eE+-tfnulrasb /'), "\n", "\t",
             "\x00", "\x1f", "\x0b", "\xff", "\xc3", '\\u', '""', '{"a":',
             '[[', 'null', '\\ud800');

sub mutate {
    my ($text) = @_;

    for (1 .. 1 + rand 3) {
        my $at = int rand 1 + length $text;
        my $kind = rand 5;

        if ($kind < 2) {
            substr $text, $at, 0, any(@BYTES);
        } elsif ($kind < 3) {
            substr $text, $at, 1 + int rand 3, '';
        } elsif ($kind < 4) {
            substr $text, $at, 1, any(@BYTES);
        } else {
            substr $text, $at, 0, substr $text, int rand 1 + length $text,
                   int rand 12;
        }
    }

    return $text;
}


# What the other parser finds at a path, as the program's words.

sub find {
    my ($n, $v, @path) = @_;

    return word($n, $v) unless @path;

    my $step = shift @path;

    if ($step eq '[]') {
        return ref $v eq 'ARRAY' ? map { find($n, $_, @path) } @$v : ();
    }

    return ref $v eq 'HASH' && exists $v->{$step}
           ? find($n, $v->{$step}, @path) : ();
}

sub number_word { return sprintf '%dn%.17g', $_[0], 0 + $_[1] || 0 }

sub word {
    my ($n, $v) = @_;

    return "${n}z" unless defined $v;
    return $n . ($v ? 't' : 'f') if JSON::PP::is_bool($v);
    return $n . (ref $v eq 'HASH' ? 'o' : 'a') if ref $v;
    return number_word($n, $v)
        if JSON::PP->new->allow_nonref->encode($v) !~ /\A"/;
    utf8::encode(my $bytes = $v);
    return "${n}s" . unpack 'H*', $bytes;
}

my @STEPS = map { [map { /\A(.*?)((?:\[\])*)\z/;
                         ((length $1 ? $1 : ()), ('[]') x (length($2) / 2)) }
                   split /\./] } @PATHS;

sub expected {
    my ($v) = @_;

    return map { find($_, $v, @{ $STEPS[$_] }) } 0 .. $#STEPS;
}

# The program's words by path, numbers as numbers.

sub found {
    my (@words) = @_;

    my @sorted = sort { ($a =~ /\A(\d+)/)[0] <=> ($b =~ /\A(\d+)/)[0] }
                 @words;
    return map { /\A(\d+)n(.*)/ ? number_word($1, pack 'H*', $2) : $_ }
           @sorted;
}

sub keys_of {
    my ($v) = @_;

    return ref $v eq 'ARRAY' ? map { keys_of($_) } @$v
         : ref $v eq 'HASH' ? (keys %$v, map { keys_of($_) } values %$v) : ();
}

sub twice {
    my ($text, $v) = @_;

    my $n = () = $text =~ /"(?:[^"\\]|\\.)*+"\s*+:/gs;
    return $n != (my @keys = keys_of($v));
}


# JSON::PP lets text stand between the halves of a surrogate pair, and takes
# NULs at the beginning for UTF-16.

sub odd {
    my ($text) = @_;

    return 1 if substr($text, 0, 4) =~ /\0/;
    $text =~ s/\\\\/xx/g;
    $text =~ s/\\u[dD][89abAB]..\\u[dD][c-fC-F]..//g;
    return $text =~ /\\u[dD][89a-fA-F]/;
}


my $program = LLM::Unit::build('scan', 'plain');
my %n = map { $_ => 0 } qw(texts accepted compared left words);
my @wrong;

sub compare {
    my ($text, $line) = @_;

    my ($said, @words) = split / /, $line;
    my $v = eval { $json->decode($text) };
    my $error = $@;

    $n{texts}++;
    return $n{left}++ if $error =~ /malformed UTF-8|surrogate/ || odd($text);

    if (($said eq 'yes') != !$error) {
        push @wrong, "$said: " . JSON::PP->new->allow_nonref->encode($text)
                   . ($error ? " JSON::PP: $error" : '');
        return;
    }

    return if $error;
    $n{accepted}++;
    return if twice($text, $v);
    $n{compared}++;

    my @want = expected($v);
    my @have = found(@words);
    $n{words} += @want;
    push @wrong, "$text\n  said @have\n  want @want" if "@have" ne "@want";
    return;
}

my $file = "$LLM::Test::BUILD/unit/texts.$$";

for (my $left = $COUNT; $left > 0 && @wrong < 20; $left -= $BATCH) {
    my @texts;

    while (@texts < $BATCH && @texts < $left) {
        my $text = text();
        push @texts, $text, map { mutate($text) } 1 .. 3;
    }

    spew($file, join '', map { pack('V', length) . $_ } @texts);
    my $paths = join ' ', map { "'$_'" } @PATHS;
    my @lines = qx{$program $paths < $file};
    is($?, 0, 'exit status of the scanner') if $? || @lines != @texts;
    chomp @lines;
    compare($texts[$_], $lines[$_]) for 0 .. $#lines;
}

unlink $file;

is(scalar @wrong, 0, 'both parsers agree')
    or diag(join "\n", @wrong > 20 ? @wrong[0 .. 19] : @wrong);
cmp_ok($n{accepted}, '>', $n{texts} / 4, 'enough was accepted');
cmp_ok($n{compared}, '>', $n{texts} / 5, 'enough values were compared');
diag("$n{texts} texts, $n{accepted} accepted, $n{words} values of "
     . "$n{compared} compared, $n{left} left to t/unit/json.c");

done_testing;
