package LLM::Util;

# What every part of the harness shares: files, the monotonic clock, ports,
# and children that do not outlive their test.

use strict;
use warnings;

use Exporter 'import';
use Fcntl qw(:flock);
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

our @EXPORT_OK = qw(append mono port_take proof scale slurp spew spawn
                    wait_for);


sub mono { return clock_gettime(CLOCK_MONOTONIC) }


sub slurp {
    my ($path) = @_;

    open my $fh, '<:raw', $path or die "$path: $!";
    local $/;
    my $data = <$fh>;
    return defined $data ? $data : '';
}


sub spew {
    my ($path, $data) = @_;

    open my $fh, '>:raw', $path or die "$path: $!";
    print {$fh} $data or die "$path: $!";
    close $fh or die "$path: $!";
    return $path;
}


sub append {
    my ($path, $data) = @_;

    open my $fh, '>>:raw', $path or die "$path: $!";
    syswrite $fh, $data or die "$path: $!";
    close $fh;
    return;
}


# True under "./build.sh proof"; scale(small, large) takes its number by it.

sub proof { return $ENV{LLM_PROOF} ? 1 : 0 }

sub scale { return proof() ? $_[1] : $_[0] }


# wait_for(seconds, sub): the sub's true value, or nothing when time is up.

sub wait_for {
    my ($seconds, $check) = @_;

    my $end = mono() + $seconds;
    my $nap = 0.002;

    while (1) {
        my $value = $check->();
        return $value if $value;
        return if mono() > $end;
        Time::HiRes::sleep($nap);
        $nap = 0.05 if ($nap *= 1.3) > 0.05;
    }
}


# A free port, ours until the process ends: a lock on a file that bears its
# number keeps test files that run at the same time apart.  The range lies
# below the ports that the kernel gives to outgoing connections.

use constant { PORT_FIRST => 20000, PORT_LAST => 31999 };

my %ports;

sub port_take {
    my $dir = ($ENV{TMPDIR} || '/tmp') . "/llm-test-ports.$>";
    my $n = PORT_LAST - PORT_FIRST + 1;
    my $start = int rand $n;

    mkdir $dir, 0700;

    for my $i (0 .. $n - 1) {
        my $port = PORT_FIRST + ($start + $i) % $n;
        next if $ports{$port};

        open my $lock, '>>', "$dir/$port" or die "$dir/$port: $!";
        next unless flock $lock, LOCK_EX | LOCK_NB;

        my $probe = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $port,
            Proto => 'tcp', Listen => 1, ReuseAddr => 1) or next;
        close $probe;

        $ports{$port} = $lock;
        return $port;
    }

    die 'no free port';
}


# spawn(sub): runs it in a child that dies with its parent, and without the
# parent's END blocks.

my %prctl = (x86_64 => 157, aarch64 => 167);

sub spawn {
    my ($code) = @_;

    my $parent = $$;
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    return $pid if $pid;

    my $number = $prctl{(POSIX::uname())[4]};
    syscall $number, 1, 15, 0, 0, 0 if $number;
    POSIX::_exit(0) if getppid() != $parent;

    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP ALRM CHLD);
    $SIG{PIPE} = 'IGNORE';

    my $status = eval { $code->(); 0 };
    print STDERR $@ unless defined $status;
    POSIX::_exit(defined $status ? 0 : 1);
}


1;
