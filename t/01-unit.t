# Every C program of t/unit/ that prints TAP and that no other test names:
# compiled against core/, once plain and once under the sanitizers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Unit;
use LLM::Util qw(slurp);
use Test::More;

my %driven = map { $_ => 1 }
             map { slurp($_) =~ /Unit::(?:run|build)\(\s*'(\w+)'/g }
             grep { !m{/01-unit\.t\z} } glob "$FindBin::Bin/*.t";
my $n = 0;

for my $file (sort glob "$FindBin::Bin/unit/*.c") {
    my ($name) = $file =~ m{([^/]+)\.c\z};
    next if $driven{$name} || slurp($file) !~ /1\.\.%|\btap_done\(/;
    $n++;
    LLM::Unit::run($name);
}

plan skip_all => 'every unit has a test of its own' unless $n;

done_testing;
