#!/usr/bin/perl

# Copyright (C) ngx_llm_module authors
#
# The two escapes: the C program's own checks under the sanitizers, in its
# TAP.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;


my $top = "$FindBin::Bin/..";
my $dir = tempdir(CLEANUP => 1);

my @cc = (
    'gcc', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-O1', '-g',
    '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined',
    "-I$top/ngx_llm_module/core", '-o', "$dir/escape",
    "$top/t/unit/escape.c", "$top/ngx_llm_module/core/llm_escape.c"
);

if (system(@cc) != 0) {
    print "1..1\nnot ok 1 - the test compiles\n";
    exit 1;
}

exit(system("$dir/escape") ? 1 : 0);
