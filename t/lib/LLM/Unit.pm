package LLM::Unit;

# Compiles a C test of t/unit/ against core/, plain and under the sanitizers,
# and runs it: the program prints TAP and exits 0.
#
#     LLM::Unit::run('cells');                     # a subtest for each build
#     LLM::Unit::run('zone', sources => [...], flags => [...], core => 0);
#     my $program = LLM::Unit::build('cells', 'plain');
#
# sources are paths below ngx_llm_module/.  A proof run is told so by
# LLM_PROOF in the environment.

use strict;
use warnings;

use Fcntl qw(:flock);
use File::Path ();
use Test::More ();

use LLM::Test ();

my @FLAGS = qw(-std=gnu11 -g -Wall -Wextra -Werror -pthread);
my @SAN = ('-fsanitize=address,undefined',
           qw(-fno-sanitize-recover=undefined -fno-omit-frame-pointer));

my %BUILDS = (
    plain => ['-O2'],
    sanitized => ['-O1', @SAN],
);

my $TOP = $LLM::Test::TOP;
my $SRC = "$TOP/ngx_llm_module";


# build(name, 'plain' or 'sanitized', options): path of the program

sub build {
    my ($name, $kind, %opt) = @_;

    my $dir = "$LLM::Test::BUILD/unit/$kind";
    File::Path::make_path($dir);

    open my $lock, '>', "$dir/lock" or die "$dir/lock: $!";
    flock $lock, LOCK_EX or die "$dir/lock: $!";

    my @headers = (glob("$SRC/*/*.h"), glob("$TOP/t/unit/*.h"), __FILE__);
    my $newest = 0;

    for my $file (@headers) {
        my $time = (stat $file)[9] || 0;
        $newest = $time if $time > $newest;
    }

    my @sources = map { "$SRC/$_" } @{ $opt{sources} || [] };
    unshift @sources, glob "$SRC/core/*.c" if $opt{core} // 1;

    my @flags = (@FLAGS, @{ $BUILDS{$kind} }, "-I$SRC/core", "-I$TOP/t/unit",
                 @{ $opt{flags} || [] });
    my @objects = map { _object($dir, $_, $newest, \@flags, \%opt) } @sources;
    my $program = "$dir/$name";
    my $source = "$TOP/t/unit/$name.c";

    _command('gcc', @flags, '-o', $program, $source, @objects,
             @{ $opt{libs} || [] })
        if _stale($program, $newest, $source, @objects);

    return $program;
}


sub _object {
    my ($dir, $source, $newest, $flags, $opt) = @_;

    my ($name) = $source =~ m{([^/]+)\.c\z};
    my $object = "$dir/" . ($opt->{flags} ? 'own-' : '') . "$name.o";

    _command('gcc', @$flags, '-c', '-o', $object, $source)
        if _stale($object, $newest, $source);
    return $object;
}


sub _stale {
    my ($target, $newest, @from) = @_;

    my $made = (stat $target)[9];
    return 1 if !defined $made || $made <= $newest;
    return scalar grep { ((stat $_)[9] || 0) >= $made } @from;
}


sub _command {
    my $said = _run(@_);
    die "@_\n$said" if $?;
    return;
}


sub _run {
    my (@cmd) = @_;

    my $pid = open my $out, '-|';
    die "fork: $!" unless defined $pid;

    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        { no warnings 'exec'; exec { $cmd[0] } @cmd; }
        print "$cmd[0]: $!";
        POSIX::_exit(127);
    }

    local $/;
    my $said = <$out>;
    close $out;
    return defined $said ? $said : '';
}


# run(name, options): one subtest a build; args => [...] for the program.

sub run {
    my ($name, %opt) = @_;

    for my $kind (@{ $opt{builds} || ['sanitized', 'plain'] }) {
        Test::More::subtest("$name, $kind", sub {
            my $program = eval { build($name, $kind, %opt) };
            return Test::More::fail("it compiles: $@") unless $program;

            local $ENV{ASAN_OPTIONS} = 'detect_leaks=1';
            local $ENV{UBSAN_OPTIONS} = 'print_stacktrace=1';
            _judge(_run($program, @{ $opt{args} || [] }), $?);
        });
    }

    return;
}


# Hands on the program's TAP: each line a test of ours, the plan held to.

sub _judge {
    my ($tap, $status) = @_;

    my ($plan, $n) = (undef, 0);

    for my $line (split /\n/, $tap) {
        if ($line =~ /\A(not )?ok\b\s*\d*\s*(?:-\s*)?(.*)/) {
            my ($not, $what) = ($1, $2);
            $n++;
            Test::More::ok(!$not, $what);

        } elsif ($line =~ /\A1\.\.(\d+)/) {
            $plan = $1;

        } elsif ($line =~ /\S/) {
            Test::More::diag($line =~ s/\A#\s?//r);
        }
    }

    Test::More::is($n, $plan, 'tests planned and run');
    Test::More::is($status, 0, 'exit status');
    return;
}


1;
