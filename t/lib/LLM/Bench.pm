package LLM::Bench;

# What the benchmark's rows share: programs compiled on the spot, nginx with
# and without the module, statistics, and the table.

use strict;
use warnings;

use Cwd ();
use File::Basename ();
use File::Temp ();
use POSIX qw(WNOHANG);

use Exporter 'import';
use LLM::Util qw(port_take slurp spew spawn wait_for);

our @EXPORT_OK = qw(at compile median note row run_load spread start stop
                    target);

our $TOP = Cwd::abs_path(File::Basename::dirname(__FILE__) . '/../../..');
our $BUILD = $ENV{BUILD_DIR} || "$TOP/.build";
our $BINARY = $ENV{TEST_NGINX_BINARY} || '/usr/sbin/nginx';
our $MODULE = $ENV{TEST_NGINX_MODULE}
              || "$BUILD/module/ngx_http_llm_module.so";
our $DIR = "$BUILD/bench";

# nginx has the first core, the load the last; with one core they share it
our $CORES = () = slurp('/proc/cpuinfo') =~ /^processor\s*:/mg;
our $LOAD_CPU = $CORES > 1 ? $CORES - 1 : -1;

our $PROVIDER = port_take();

my $tmp = File::Temp::tempdir('llm-bench-XXXXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $tmp;

my %running;
my $serial = 0;
my $owner = $$;


# compile(name, files and flags ...): path of the program, or nothing and why

sub compile {
    my ($name, $compiler, @args) = @_;

    mkdir $_ for $BUILD, $DIR;

    my $said = qx{cd $TOP/t/bench && $compiler -O2 -o $DIR/$name @args 2>&1};
    return ("$DIR/$name", '') if $? == 0;
    return (undef, $said);
}


# start(name, module => 0 or 1, http => text, server => text, single => 1,
# under => [command]): the pid of the process that serves, and its port

sub start {
    my ($name, %opt) = @_;

    my $dir = "$tmp/$name." . ++$serial;
    my $port = port_take();

    mkdir $_ for $dir, "$dir/tmp";
    spew("$dir/nginx.conf", config($dir, $port, %opt));

    my $pid = spawn(sub {
        open STDOUT, '>>', "$dir/stderr" or die "stderr: $!";
        open STDERR, '>&', \*STDOUT or die "stderr: $!";
        exec @{ $opt{under} || [] }, $BINARY, '-p', "$dir/", '-e',
            "$dir/error.log", '-c', "$dir/nginx.conf" or die "exec: $!";
    });

    my $worker = wait_for(60, sub {
        return -1 if waitpid($pid, WNOHANG);
        return unless -s "$dir/nginx.pid";
        return $opt{single} ? $pid : child_of($pid);
    });

    die "nginx did not start:\n" . slurp("$dir/stderr")
        . (-e "$dir/error.log" ? slurp("$dir/error.log") : '')
        if !$worker || $worker < 0;

    $running{$pid} = 1;
    return { pid => $worker, master => $pid, port => $port, dir => $dir };
}


sub config {
    my ($dir, $port, %opt) = @_;

    my $module = $opt{module} ? "load_module $MODULE;\n" : '';
    my $user = $> == 0 ? "user root root;\n" : '';
    my $first = $> == 0 && !$opt{single} ? "worker_priority -10;\n" : '';
    my $pin = $CORES > 1 && !$opt{single}
              ? 'worker_cpu_affinity ' . '0' x ($CORES - 1) . "1;\n" : '';
    my $master = $opt{single} ? "master_process off;\n"
                              : "worker_processes 1;\n";
    my $temp = join '', map { "${_}_temp_path $dir/tmp/$_;\n" }
               qw(client_body proxy fastcgi uwsgi scgi);
    my $http = $opt{http} || '';

    return <<"END";
${module}${user}daemon off;
$master$first${pin}error_log $dir/error.log warn;
pid $dir/nginx.pid;
lock_file $dir/lock;
worker_rlimit_nofile 16000;
events { worker_connections 12000; }
http {
    $temp
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    upstream provider {
        server 127.0.0.1:$PROVIDER;
        keepalive 64;
        keepalive_requests 1000000000;
    }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_read_timeout 600s;
    $http
    server {
        listen 127.0.0.1:$port backlog=8192;
        location = /ping { return 204; }
        $opt{server}
    }
}
END
}


sub child_of {
    my ($parent) = @_;

    for my $file (glob '/proc/[0-9]*/stat') {
        open my $fh, '<', $file or next;
        my $stat = <$fh>;
        return $1 if defined $stat
                     && $stat =~ /\A(\d+) \(.*\) [^Z] (\d+) /s
                     && $2 == $parent;
    }

    return;
}


# stop(nginx): in order, so that what it writes at its end is written

sub stop {
    my ($nginx) = @_;

    my $pid = $nginx->{master};
    delete $running{$pid} or return;
    kill QUIT => $pid;
    wait_for(30, sub { waitpid($pid, WNOHANG) }) or kill KILL => $pid;
    return;
}

sub stop_all { stop({ master => $_ }) for keys %running; return }

END {
    local $?;
    if ($$ == $owner) {
        kill TERM => $_ for keys %running;
    }
}


sub target {
    my ($nginx, $uri) = @_;

    return "$nginx->{port},$nginx->{pid},$uri";
}


# run_load(mode, arguments): its lines, each a list of numbers

sub run_load {
    my ($mode, @args) = @_;

    my @command = ("$DIR/load", $mode, $PROVIDER, $LOAD_CPU, @args);
    open my $fh, '-|', @command or die "$command[0]: $!";
    my @lines = map { [split] } <$fh>;
    close $fh or die "load $mode failed\n";
    return @lines;
}


# Machine facts

sub header {
    my ($cpu) = slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)/m;
    my ($version) = qx{$BINARY -v 2>&1} =~ m{version: (\S+)};
    my ($load) = slurp('/proc/loadavg') =~ /\A(\S+)/;

    printf "%s, %d core%s, %s, load average %s\n", $cpu || 'unknown CPU',
        $CORES, $CORES == 1 ? '' : 's', $version, $load;
    print "nginx is pinned on the first core, the load on the last.\n"
        if $CORES > 1;
    print "As root: nginx and the load have a priority of -10.\n" if $> == 0;
    print "One core: nginx and the load share it.\n" if $CORES == 1;
    print "The machine was busy before the start: the numbers are worse "
        . "than they need be.\n" if $load > $CORES / 2;
    return;
}


sub programs {
    my ($path, $said) = compile('load', 'gcc -std=gnu11 -Wall -Wextra',
        qw(load.c load_io.c load_provider.c));

    die "t/bench/load.c does not compile:\n$said" unless $path;
    return;
}


# The table: a row prints as soon as it is known, notes come at the end.

my @notes;
my $format = "%-37s %10s %10s %17s %9s %9s  %s\n";

sub table_head {
    print "\n";
    printf $format, qw(row plain metered difference must aim verdict);
    printf $format, '-' x 37, '-' x 10, '-' x 10, '-' x 17, '-' x 9, '-' x 9,
        '-' x 20;
    return;
}

# row(name, plain, metered, text, value, must, aim, show, more, noise): value
# is what is held against must and aim, less is better but for "more".  Where
# the noise alone is larger than the bound, and the value not clearly beyond
# both, the row says that it cannot tell.

sub row {
    my ($name, %r) = @_;

    my $show = $r{show} || sub { return sprintf '%.0f ns', $_[0] };
    my $cell = sub { return defined $_[0] ? $show->($_[0]) : '' };

    printf $format, $name, $cell->($r{plain}), $cell->($r{metered}),
        $r{text} || '', $cell->($r{must}), $cell->($r{aim}), verdict(%r);
    return;
}

sub verdict {
    my (%r) = @_;

    return $r{verdict} || '' unless defined $r{value} && defined $r{must};

    return 'noise is above the bound'
        if $r{noise} && $r{noise} > $r{must}
           && $r{value} - $r{noise} <= $r{must};

    my $over = sub {
        my ($bound) = @_;
        return $r{more} ? 100 * ($bound - $r{value}) / $bound
                        : 100 * ($r{value} - $bound) / $bound;
    };

    return sprintf 'missed by %.0f%%', $over->($r{must})
        if $over->($r{must}) > 0;
    return 'met' unless defined $r{aim};
    return 'aim met' if $over->($r{aim}) <= 0;
    return sprintf 'met; aim is %.0f%% off', $over->($r{aim});
}

sub note { push @notes, @_; return }

sub notes {
    print "\n";
    print map { "- $_\n" } map { chomp; $_ } @notes;
    return;
}


sub sorted { return sort { $a <=> $b } @_ }

sub median { return at(0.5, @_) }

sub at {
    my ($part, @values) = @_;

    @values = sorted(@values);
    my $x = $part * (@values - 1);
    my $i = int $x;
    return $values[$i] if $i + 1 >= @values;
    return $values[$i] + ($x - $i) * ($values[$i + 1] - $values[$i]);
}

# half of the distance between the quartiles: how far a round is off
sub spread { return (at(0.75, @_) - at(0.25, @_)) / 2 }


1;
