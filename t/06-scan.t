# Searches over bytes: t/unit/scan_bytes.c holds those with vector instructions
# and those without against a byte at a time.  And nothing is left out: not of
# core/llm_scan.h there, nor of the scanner's files in json_portable.h, where
# the scanner as a whole is built without vectors.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Test ();
use LLM::Unit;
use LLM::Util qw(slurp);
use Test::More;

my $CORE = "$LLM::Test::TOP/ngx_llm_module/core";
my $UNIT = "$LLM::Test::TOP/t/unit";


# Functions that a source defines; those of a header are static inline.

sub defined_in {
    my ($text, $header) = @_;

    my %name;
    my $is = $header ? qr/static inline[^\n]*/ : qr/(?!static)[a-z][^\n;]*/;
    $name{$1} = 1 while $text =~ /^$is\n(\w+)\([^;{}]*\)\n\{/mg;
    return sort keys %name;
}

sub renamed_in {
    my ($text) = @_;

    my (%to, %back);
    $to{$1} = 1 while $text =~ /^#define (\w+) +portable_\1$/mg;
    $back{$1} = 1 while $text =~ /^#undef (\w+)$/mg;
    return grep { $back{$_} } sort keys %to;
}

# Functions that are not renamed, and renamed ones that are not.

sub left_out {
    my ($functions, $test) = @_;

    my %renamed = map { $_ => 1 } renamed_in($test);
    my @left = grep { !delete $renamed{$_} } @$functions;
    return (@left, map { "no $_" } sort keys %renamed);
}


LLM::Unit::run('scan_bytes');

my $scan = slurp("$CORE/llm_scan.h");
my $test = slurp("$UNIT/scan_bytes.c");
my @scan = defined_in($scan, 1);

cmp_ok(scalar @scan, '>=', 9, 'functions of llm_scan.h: ' . @scan);
is_deeply([left_out(\@scan, $test)], [], 'all are tested without vectors');

my $called = $test =~ s/^#.*\n//mgr;
my @unused = grep { $called !~ /\b$_\(/ && !/_(?:load|narrow)\z/ } @scan;
is_deeply(\@unused, [], 'and all are tested at all');

my $portable = slurp("$UNIT/json_portable.h");
my @files = $portable =~ /^#include "(llm_\w+\.c)"$/mg;
my @json = map { defined_in(slurp("$CORE/$_")) } @files;

cmp_ok(scalar @files, '>=', 5, 'files of the scanner: ' . @files);
is_deeply([left_out(\@json, $portable)], [],
          'the scanner without vectors has names of its own');


# What is new is seen.

my $new = "\n\nstatic inline const uint8_t *\nllm_scan_new(const uint8_t *p,"
        . "\n    const uint8_t *e)\n{\n    return e;\n}\n";

is_deeply([left_out([defined_in($scan . $new, 1)], $test)], ['llm_scan_new'],
          'a new search is seen');
is_deeply([left_out([@json, defined_in($new =~ s/static inline //r)],
                    $portable)], ['llm_scan_new'],
          'and a new function of the scanner');
is_deeply([left_out([grep { $_ ne 'llm_scan_same' } @scan], $test)],
          ['no llm_scan_same'], 'and one that has gone');

done_testing;
