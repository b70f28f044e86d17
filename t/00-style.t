# The rooms and their rules: which way includes point, what core/ may call,
# who may write what, and how a file looks.  Each check also runs over a
# planted violation and must see it.
#
# What this cannot see: a write to headers_in through a pointer taken earlier,
# and a vendor's field name that is put together at run time.

use strict;
use warnings;

use File::Find ();
use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Test;
use LLM::Util qw(slurp spew);
use Test::More;

my $TOP = $LLM::Test::TOP;
my $SRC = 'ngx_llm_module';

my %BELOW = (core => ['core'], zone => [qw(zone core)],
             http => [qw(http zone core)], status => [qw(status zone core)]);

# headers in <>: libc without I/O, and the vector instructions
my $LIBC = qr/\A(?:string|stdint|stddef|stdbool|limits)\.h\z
              |\A[a-z]*mmintrin\.h\z|\A(?:arm_neon|x86intrin|cpuid)\.h\z/x;
my $NGINX_CORE = qr/\Angx_(?:config|core|atomic|times|crc32|sha1|md5)\.h\z/;

# what an object of core/ may leave to the linker
my $LINKED = qr/\A(?:mem(?:cpy|move|set|cmp|chr|rchr|mem)|strn?len|strc?spn
                |strcmp|strncmp|strchr|strcspn|llm_\w+|_GLOBAL_OFFSET_TABLE_
                |__stack_chk_fail|__\w+_chk|__popcountdi2|__cpu_model
                |__udivti3|__umodti3|__cpu_indicator_init)\z/x;

my @FIELDS = qw(prompt_tokens completion_tokens prompt_tokens_details
    completion_tokens_details cache_creation_input_tokens
    cache_read_input_tokens input_tokens_details output_tokens_details
    reasoning_content stop_reason content_block_delta message_delta
    message_start stream_options max_completion_tokens promptTokenCount
    candidatesTokenCount prompt_eval_count);

# where the dialects' tables stand
my $TABLES = qr{/core/llm_(?:dialect|request|response|splice|edit)\w*\.[ch]\z};

my @TOP_LEVEL = ($SRC, qw(config t docs build.sh README.md LICENSE CHANGES));


# The tree as { path => text }

my %tree;

File::Find::find({ no_chdir => 1, wanted => sub {
    my ($path) = $File::Find::name =~ m{\A\Q$TOP\E/(.*\.[ch])\z} or return;
    $tree{$path} = slurp($File::Find::name);
} }, grep { -d } map { "$TOP/$_" } $SRC, 't');


sub room { return $_[0] =~ m{\A$SRC/(\w+)/[^/]+\z} ? $1 : '' }

sub base { return $_[0] =~ m{([^/]+)\z} ? $1 : '' }


# Comments and the insides of strings blanked, lines kept.

sub code {
    my ($text, $keep_strings) = @_;

    $text =~ s{(/\*.*?\*/)|("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')}{
        my ($comment, $string) = ($1, $2);
        if (defined $comment) {
            $comment =~ s/[^\n]/ /g;
            $comment;
        } else {
            $keep_strings ? $string : substr($string, 0, 1)
                . 'x' x (length($string) - 2) . substr($string, -1);
        }
    }gse;

    return $text;
}


# lines(tree, files wanted, pattern, what): violations, with their lines

sub lines {
    my ($tree, $wanted, $re, $what, $text_of) = @_;

    my @found;

    for my $path (grep { $wanted->($_) } sort keys %$tree) {
        my $n = 0;
        for my $line (split /\n/, $text_of->($tree->{$path}), -1) {
            $n++;
            push @found, "$path:$n: $what: $1" if $line =~ $re;
        }
    }

    return @found;
}

my $ours = sub { room($_[0]) };
my $plain = sub { $_[0] };


sub includes {
    my ($tree) = @_;

    my %room = map { base($_) => room($_) } grep { room($_) } keys %$tree;
    my @found;

    for my $path (grep { room($_) } sort keys %$tree) {
        my $from = room($path);
        my $code = code($tree->{$path}, 1);

        while ($code =~ /^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]/mg) {
            my ($kind, $name) = ($1, $2);
            my $why = $kind eq '<' ? system_include($from, $name)
                                   : own_include($path, $room{$name});
            push @found, "$path: $name: $why" if $why;
        }
    }

    return @found;
}

sub system_include {
    my ($from, $name) = @_;

    return if $from eq 'http' || $from eq 'status' || $name =~ $LIBC;
    return 'core/ is libc only' if $from eq 'core';
    return if $name =~ $NGINX_CORE || $name !~ /\Angx_/;
    return 'zone/ knows nginx\'s core only';
}

sub own_include {
    my ($path, $to) = @_;

    my $from = room($path);

    return 'a bare name, found by the include path, or in no room'
        unless defined $to;
    return if grep { $_ eq $to } @{ $BELOW{$from} };
    return if $from eq 'http' && $to eq 'status'
              && base($path) eq 'ngx_http_llm_module.c';
    return "$from/ may not include $to/";
}


sub rooms {
    my ($tree) = @_;

    my @found;

    for my $path (grep { m{\A$SRC/} } sort keys %$tree) {
        my $room = room($path);
        my $want = $room eq 'core' ? qr/\Allm_/ : qr/\Angx_http_llm_/;
        push @found, "$path: not a room of DESIGN" unless $BELOW{$room};
        push @found, "$path: should begin as $want" if base($path) !~ $want;
    }

    return @found;
}


# Objects of core/: what they need, and whether they hold writable data.

sub core_objects {
    my ($tree) = @_;

    my $dir = File::Temp->newdir;
    my @found;

    spew("$dir/" . base($_), $tree->{$_})
        for grep { room($_) eq 'core' } keys %$tree;

    my $said = qx{cd $dir && gcc -std=gnu11 -O1 -fno-pic -fno-stack-protector \\
                  -w -c *.c 2>&1};
    return "core/ does not compile: $said" if $?;

    for my $object (sort glob "$dir/*.o") {
        my $name = base($object);

        for (split /\n/, qx{nm $object}) {
            my ($type, $symbol) = /([A-Za-z]) (\S+)\z/ or next;
            push @found, "$name: calls $symbol"
                if $type eq 'U' && $symbol !~ $LINKED;
            push @found, "$name: writable data: $symbol"
                if $type =~ /[bBdDcC]/;
        }
    }

    return @found;
}


sub exports {
    my ($symbols) = @_;

    my $want = join ' ', qw(ngx_module_names ngx_module_order ngx_modules);
    my $have = join ' ', sort @$symbols;
    return $have eq $want ? () : ("exported: $have");
}


sub top_level {
    my ($names) = @_;

    my %may = map { $_ => 1 } @TOP_LEVEL;
    return map { "$_: not at the top level" }
           grep { !/\A\./ && !$may{$_} } @$names;
}


sub guards {
    my ($tree) = @_;

    my @found;

    for my $path (grep { room($_) && /\.h\z/ } sort keys %$tree) {
        my $guard = '_' . uc(base($path)) . '_INCLUDED_';
        $guard =~ tr/./_/;
        push @found, "$path: no guard $guard"
            if $tree->{$path} !~ /^#ifndef $guard\n#define $guard$/m;
    }

    return @found;
}


sub definitions {
    my ($tree) = @_;

    my @found;

    for my $path (grep { room($_) } sort keys %$tree) {
        my $code = code($tree->{$path});
        push @found, "$path: $1"
            while $code =~ /^((?!typedef)[a-z][\w *]*[ *]\w+\()
                            [^;{}]*\)\s*\n\{/xmg;
    }

    return @found;
}


sub lengths {
    my ($tree) = @_;

    return map { "$_: " . ($tree->{$_} =~ tr/\n//) . ' lines' }
           grep { $tree->{$_} =~ tr/\n// > 650 } sort keys %$tree;
}


my $fields = join '|', @FIELDS;
my $write = qr/\s*(?:=(?!=)|[-+|&^]=|\+\+|--)/;

# name, check, planted files that it must object to

my @CHECKS = (
    ['includes point down', \&includes,
        { "$SRC/core/llm_a.h" => '', "$SRC/zone/ngx_http_llm_a.h" => '',
          "$SRC/core/llm_b.c" => '#include "ngx_http_llm_a.h"' },
        { "$SRC/core/llm_b.c" => '#include <stdio.h>' },
        { "$SRC/core/llm_b.c" => '#  include <ngx_core.h>' },
        { "$SRC/zone/ngx_http_llm_b.c" => '#include <ngx_http.h>' },
        { "$SRC/http/ngx_http_llm_a.c" => '#include "ngx_http_llm_s.h"',
          "$SRC/status/ngx_http_llm_s.h" => '' },
        { "$SRC/http/ngx_http_llm_a.c" => '#include "nowhere.h"' }],

    ['a file stands in its room', \&rooms,
        { "$SRC/core/ngx_http_llm_a.c" => '' },
        { "$SRC/http/llm_a.c" => '' },
        { "$SRC/misc/llm_a.c" => '' }],

    ['core/ needs nothing and keeps nothing', \&core_objects,
        { "$SRC/core/llm_a.c" =>
          'void *malloc(unsigned long); void *f(void) { return malloc(9); }' },
        { "$SRC/core/llm_a.c" => '#include <stdio.h>
          int f(int n) { return printf("%d", n); }' },
        { "$SRC/core/llm_a.c" => '#include <time.h>
          long f(void) { return time(NULL); }' },
        { "$SRC/core/llm_a.c" =>
          'static int n; int f(void) { return ++n; }' },
        { "$SRC/core/llm_a.c" => 'int n = 7;' }],

    ['only compat.h mentions nginx_version',
        sub { lines($_[0], sub { room($_[0]) && $_[0] !~ /_compat\.h\z/ },
                    qr/\b(nginx_version)\b/, 'found', \&code) },
        { "$SRC/http/ngx_http_llm_a.c" => '#if (nginx_version > 1)' }],

    ['only splice and request write headers_in or the body',
        sub { lines($_[0],
                    sub { room($_[0])
                          && $_[0] !~ /_(?:splice|request)\w*\.[ch]\z/ },
                    qr/(\b(?:headers_in|request_body)(?:\.|->)
                        [\w.\[\]>-]*?$write)/x, 'writes', \&code) },
        { "$SRC/http/ngx_http_llm_a.c" => 'r->headers_in.x_y = NULL;' },
        { "$SRC/http/ngx_http_llm_a.c" => 'r->headers_in.host->hash = 0;' },
        { "$SRC/http/ngx_http_llm_a.c" => 'r->request_body->bufs = cl;' }],

    ['only dialect tables know a vendor\'s fields',
        sub { lines($_[0],
                    sub { room($_[0]) && $_[0] !~ $TABLES },
                    qr/("[^"]*\b(?:$fields)\b[^"]*")/, 'says',
                    sub { code($_[0], 1) }) },
        { "$SRC/core/llm_a.c" => 'x("usage.prompt_tokens");' }],

    ['no // comments',
        sub { lines($_[0], sub { 1 }, qr{(//.*)}, 'found', \&code) },
        { "$SRC/core/llm_a.c" => "int a; // a\n" }],

    ['no tabs, no blanks at the end of a line',
        sub { lines($_[0], sub { 1 }, qr/(\t|[ \r]+\z)/, 'found', $plain) },
        { "$SRC/core/llm_a.c" => "\tint a;\n" },
        { "$SRC/core/llm_a.c" => "int a; \n" }],

    ['80 columns',
        sub { lines($_[0], sub { 1 }, qr/\A(.{81,})/, 'too long',
                    sub { my $s = $_[0]; utf8::decode($s); $s }) },
        { "$SRC/core/llm_a.c" => 'x' x 81 . "\n" }],

    ['650 lines', \&lengths,
        { "$SRC/core/llm_a.c" => "\n" x 651 }],

    ['a function\'s name begins its line', \&definitions,
        { "$SRC/core/llm_a.c" => "static int f(int a)\n{\n}\n" },
        { "$SRC/core/llm_a.c" => "char *f(int a,\n    int b)\n{\n}\n" }],

    ['header guards', \&guards,
        { "$SRC/core/llm_a.h" => "#ifndef _LLM_B_H_INCLUDED_\n" }],

    ['nothing is left undone',
        sub { lines($_[0], $ours, qr/\b(TODO|FIXME|XXX|placeholder)\b/,
                    'found', $plain) },
        { "$SRC/core/llm_a.c" => "/* TODO */\n" }],
);

for my $check (@CHECKS) {
    my ($name, $run, @planted) = @$check;
    my @found = $run->(\%tree);

    is(scalar @found, 0, $name) or diag(join "\n", @found);

    for my $i (0 .. $#planted) {
        ok(scalar($run->($planted[$i])), "$name: planted $i is seen");
    }
}

SKIP: {
    skip "no module at $LLM::Test::MODULE", 1 unless -e $LLM::Test::MODULE;
    my @symbols = map { / [A-TV-Z] (\S+)\z/ && $1 !~ /\A(?:_init|_fini)\z/
                        && $1 !~ /\A__(?:asan|odr_asan|ubsan)/ ? $1 : () }
                  split /\n/, qx{nm -D --defined-only $LLM::Test::MODULE};
    my @found = exports(\@symbols);
    is(scalar @found, 0, 'the module exports three names')
        or diag(@found);
}

ok(scalar(exports([qw(ngx_modules ngx_module_names ngx_module_order x)])),
   'a fourth export is seen');

opendir my $dir, $TOP or die "$TOP: $!";
my @names = grep { !/\A\.\.?\z/ } readdir $dir;
my @found = top_level(\@names);
is(scalar @found, 0, 'the top level') or diag(@found);
ok(scalar(top_level(['README.md', 'objs'])), 'an extra entry is seen');

done_testing;
