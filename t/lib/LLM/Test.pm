package LLM::Test;

# One nginx under test, with its directory, ports, upstreams and clients, and
# the checks that end every test.  Synopsis:
#
#     use LLM::Test;
#     use LLM::Upstream qw(response sse);
#     use Test::More;
#
#     my $t = LLM::Test->new;
#     my $up = $t->upstream(sub { my ($req, $state) = @_; ... script ... });
#
#     $t->config(<<'EOC');
#     %%GLOBALS%%
#     http {
#         %%HTTP%%
#         llm_zone zone=main:8m;
#         server {
#             listen 127.0.0.1:%%PORT_0%%;
#             location / { llm main; proxy_pass http://%%UPSTREAM%%; }
#             location = /llm-status { llm_status main; }
#         }
#     }
#     EOC
#
#     $t->start;
#     my $r = $t->post('/v1/chat/completions', '{"model":"m"}');
#     my ($log) = $t->logged(1);        # { input_tokens => 12, ... }
#     $t->done;                         # the end checks, done_testing
#
# %%GLOBALS%% holds load_module, workers, error_log and an events block,
# %%HTTP%% the access log of all variables and the temporary paths.
# TEST_NGINX_LEAVE=1 keeps the directory, TEST_NGINX_DEBUG=1 a debug log.

use strict;
use warnings;

use Cwd ();
use File::Basename ();
use File::Path ();
use File::Temp ();
use JSON::PP ();
use POSIX qw(WNOHANG);
use Test::More ();

use LLM::Books ();
use LLM::Client ();
use LLM::Upstream ();
use LLM::Util qw(port_take proof slurp spawn spew wait_for);

our $TOP = Cwd::abs_path(File::Basename::dirname(__FILE__) . '/../../..');
our $BUILD = $ENV{BUILD_DIR} || "$TOP/.build";
our $BINARY = $ENV{TEST_NGINX_BINARY} || _find_nginx();
our $MODULE = $ENV{TEST_NGINX_MODULE}
              || "$BUILD/module/ngx_http_llm_module.so";
our $SANITIZED = $ENV{LLM_SANITIZE} ? 1 : 0;

# how much longer things may take here
our $SLOW = $SANITIZED ? 3 : 1;

my @VARIABLES = qw(
    operation provider route request_model response_model model stream
    max_tokens temperature turns prompt_bytes prompt_size prompt_id
    input_tokens output_tokens cache_read_tokens cache_write_tokens
    reasoning_tokens usage tool_calls wait ttfb ttft upstream_ttft duration
    tpot max_gap output_rate events content_events cost saved_cost
    cost_source price_match finish_reason outcome error_type response_id
    attempts client_retry remaining_requests remaining_tokens provider_time
    key_id cache_key gate);

my @NGINX_VARIABLES = qw(status request_uri uri request_method
    request_completion body_bytes_sent bytes_sent request_time
    upstream_status upstream_addr pid connection connection_requests);

my @tests;


# new([workers => 1], [module => 0: without ours], [log => level],
#     [timeout => seconds for the whole file])

sub new {
    my ($class, %opt) = @_;

    my $self = bless {
        dir => File::Temp::tempdir('llm-XXXXXXXX', TMPDIR => 1),
        workers => 1, module => 1, ports => [], upstreams => [],
        killed => {}, log_at => 0, owner => $$, port_at => 0,
        log => $ENV{TEST_NGINX_DEBUG} ? 'debug' : 'info', %opt,
    }, $class;

    die "no nginx: see ./build.sh help\n" unless $BINARY && -x $BINARY;
    die "no module at $MODULE: run ./build.sh\n"
        if $self->{module} && !-e $MODULE;

    chmod 0755, $self->{dir};
    mkdir "$self->{dir}/$_" for qw(logs tmp html);
    push @tests, $self;

    $SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 130 };
    $SIG{ALRM} = sub { die "time is up\n" };
    alarm($self->{timeout} || (proof() ? 7200 : 240 * $SLOW));

    return $self;
}


sub _find_nginx {
    for my $dir (split(/:/, $ENV{PATH} || ''), '/usr/local/sbin', '/usr/sbin')
    {
        return "$dir/nginx" if -x "$dir/nginx";
    }
    return;
}


sub dir     { return $_[0]{dir} }
sub path    { return "$_[0]{dir}/$_[1]" }
sub master  { return $_[0]{master} }
sub variables { return @VARIABLES }


# The number of %%PORT_n%%.

sub port {
    my ($self, $n) = @_;

    $n ||= 0;
    $self->{ports}[$n] ||= port_take();
    return $self->{ports}[$n];
}


sub write_file { return spew("$_[0]{dir}/$_[1]", $_[2]) }
sub read_file  { return slurp("$_[0]{dir}/$_[1]") }


# upstream(handler, options of LLM::Upstream): the first is %%UPSTREAM%%, all
# are %%UPSTREAM_n%%.

sub upstream {
    my ($self, $handler, %opt) = @_;

    my $n = @{ $self->{upstreams} };
    my $up = LLM::Upstream->new($handler,
        file => "$self->{dir}/upstream.$n", %opt);
    push @{ $self->{upstreams} }, $up;
    return $up;
}


# Configuration

sub expand {
    my ($self, $text) = @_;

    $text =~ s/%%GLOBALS%%/$self->_globals/ge;
    $text =~ s/%%HTTP%%/$self->_http/ge;
    $text =~ s/%%PORT_(\d+)%%/$self->port($1)/ge;
    $text =~ s/%%UPSTREAM_(\d+)%%/$self->{upstreams}[$1]->addr/ge;
    $text =~ s/%%UPSTREAM%%/$self->{upstreams}[0]->addr/ge;
    $text =~ s/%%DIR%%/$self->{dir}/g;
    $text =~ s/%%TOP%%/$TOP/g;
    die "unknown $1" if $text =~ /(%%\w+%%)/;

    return $text;
}


sub config {
    my ($self, $text) = @_;

    $self->{config} = $self->expand($text);
    $self->{checks_status} = $self->_find_status($self->{config});
    spew("$self->{dir}/nginx.conf", $self->{config});
    return;
}


sub _globals {
    my ($self) = @_;

    my $module = $self->{module} ? "load_module $MODULE;\n" : '';
    my $user = $> == 0 ? "user root root;\n" : '';
    my $events = $self->{events} || 'worker_connections 8192;';

    return "${module}${user}daemon off;\n"
         . "worker_processes $self->{workers};\n"
         . "error_log $self->{dir}/error.log $self->{log};\n"
         . "pid $self->{dir}/nginx.pid;\nlock_file $self->{dir}/lock;\n"
         . "worker_rlimit_nofile 20000;\n"
         . "events { $events }\n";
}


sub _http {
    my ($self) = @_;

    my @fields = map { "\"$_\":\"\$$_\"" } @NGINX_VARIABLES;
    push @fields, map { "\"$_\":\"\$llm_$_\"" } $self->_known_variables;

    return "log_format llm_test escape=json '{" . join(',', @fields)
         . "}';\naccess_log $self->{dir}/access.log llm_test;\n"
         . $self->_temp_paths;
}


sub _temp_paths {
    my ($self) = @_;

    return join '', map { "${_}_temp_path $self->{dir}/tmp/$_;\n" }
                    qw(client_body proxy fastcgi uwsgi scgi);
}


# The variables that this build of the module knows, as nginx -t tells; a test
# that reads one that it does not know gets undef, never a match.

my $known;

sub _known_variables {
    my ($self) = @_;

    return unless $self->{module};

    if (!$known) {
        my %ask = map { $_ => 1 } @VARIABLES;

        while (%ask) {
            my $text = join '', map { "\$llm_$_" } sort keys %ask;
            my ($ok, $said) = $self->check($self->_globals
                . "http { log_format all '$text'; " . $self->_temp_paths
                . "}\n");
            last if $ok;
            $said =~ /unknown "llm_(\w+)" variable/ && delete $ask{$1}
                or die "the module does not load:\n$said";
        }

        $known = [grep { $ask{$_} } @VARIABLES];
    }

    return @$known;
}


# where llm_status is served: [port, uri, zone]

sub _find_status {
    my ($self, $text) = @_;

    my ($port, $uri, @found);

    for my $line (split /[\n;]/, $text) {
        $port = $1 if $line =~ /\blisten\s+(?:127\.0\.0\.1:)?(\d+)/;
        $uri = $1 if $line =~ m{\blocation\s+(?:=\s*|\^~\s*)?(/\S*)};
        push @found, [$port, $uri, $1]
            if $port && $uri && $line =~ /\bllm_status\s+(\S+)/;
    }

    return \@found;
}


# check(config text): (true if nginx -t accepts it, what it said)

sub check {
    my ($self, $text) = @_;

    my $conf = spew("$self->{dir}/check.conf", $self->expand($text));
    local %ENV = (%ENV, $self->_sanitizer(0));
    my $said = qx{$BINARY -t -p $self->{dir}/ -e $self->{dir}/check.log \\
                  -c $conf 2>&1};

    return (($? == 0 ? 1 : 0), $said);
}


sub _sanitizer {
    my ($self, $leaks) = @_;

    return () unless $SANITIZED;

    # nginx loses 72 bytes of PCRE's for a configuration with regexes
    my $known = spew("$self->{dir}/known-leaks", "leak:ngx_regex_malloc\n"
                      . "leak:ngx_event_process_init\n");

    return (
        ASAN_OPTIONS => "detect_odr_violation=0:detect_leaks=$leaks"
                      . ":abort_on_error=0:log_path=$self->{dir}/asan"
                      . ($ENV{ASAN_OPTIONS} ? ":$ENV{ASAN_OPTIONS}" : ''),
        UBSAN_OPTIONS => 'print_stacktrace=1',
        LSAN_OPTIONS => "log_path=$self->{dir}/asan:print_suppressions=0"
                      . ":suppressions=$known",
    );
}


# Life of nginx

sub start {
    my ($self) = @_;

    my $dir = $self->{dir};

    $self->{child} = spawn(sub {
        local %ENV = (%ENV, $self->_sanitizer(1));
        open STDOUT, '>>', "$dir/stderr" or die "stderr: $!";
        open STDERR, '>&', \*STDOUT or die "stderr: $!";
        exec $BINARY, '-p', "$dir/", '-e', "$dir/error.log",
            '-c', "$dir/nginx.conf" or die "exec $BINARY: $!";
    });

    $self->{running} = wait_for(20 * $SLOW, sub {
        return 'dead' if waitpid($self->{child}, WNOHANG);
        return $self->_read_pid && $self->workers >= $self->{workers}
               && 'up';
    }) || 'slow';

    if ($self->{running} ne 'up') {
        my $how = $self->{running};
        $self->{running} = '';
        kill KILL => $self->workers, $self->{child} if $how eq 'slow';
        die "nginx did not start ($how):\n" . $self->_said . "\n";
    }

    $self->{master} = $self->_read_pid;
    return $self;
}


sub _read_pid {
    my ($self) = @_;

    my $file = "$self->{dir}/nginx.pid";
    return -s $file && slurp($file) =~ /(\d+)/ ? $1 : 0;
}


sub _said {
    my ($self) = @_;

    return join '', map { -e "$self->{dir}/$_" ? $self->read_file($_) : () }
                    qw(stderr error.log);
}


# pids of living children of the master that are workers

sub workers {
    my ($self, $master) = @_;

    $master ||= $self->_read_pid or return;
    my @pids;

    for my $file (glob '/proc/[0-9]*/stat') {
        open my $fh, '<', $file or next;
        my $stat = <$fh>;
        next unless defined $stat && $stat =~ /\A(\d+) \(.*\) (\S) (\d+) /s;
        push @pids, $1 if $3 == $master && $2 ne 'Z' && _is_worker($1);
    }

    @pids = sort { $a <=> $b } @pids;
    return @pids;
}


sub _is_worker {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/cmdline" or return 0;
    my $name = <$fh>;
    return defined $name && $name =~ /worker process(?! is shutting)/;
}


# reload([config text], [wait_old => 1: until the old workers have gone])

sub reload {
    my ($self, %opt) = @_;

    my %old = map { $_ => 1 } $self->workers;

    $self->config($opt{config}) if defined $opt{config};
    kill HUP => $self->{master} or die "reload: $!";

    return wait_for(20 * $SLOW, sub {
        my @now = $self->workers;
        my @new = grep { !$old{$_} } @now;
        return @new >= $self->{workers} && !grep { $old{$_} } @now
            unless $opt{wait_old};
        return @new >= $self->{workers}
               && !grep { kill 0 => $_ } keys %old;
    });
}


# kill_worker([pid], [signal]): kills one and waits for the next.

sub kill_worker {
    my ($self, $pid, $signal) = @_;

    my @before = $self->workers;
    $pid ||= $before[rand @before];
    $self->{killed}{$pid} = $signal ||= 'KILL';
    kill $signal => $pid or die "kill $pid: $!";

    return wait_for(20 * $SLOW, sub {
        my @now = $self->workers;
        return @now >= @before && !grep { $_ == $pid } @now;
    });
}


# Note a pid that the test kills by itself.

sub expect_killed {
    my ($self, @pids) = @_;

    $self->{killed}{$_} = 'KILL' for @pids;
    return;
}


# stop([signal]): QUIT unless told otherwise; true if nginx went by itself.

sub stop {
    my ($self, $signal) = @_;

    return 1 unless $self->{running};

    LLM::Client::close_all();
    kill $signal || 'QUIT', $self->{master};

    my $gone = sub { waitpid($self->{child}, WNOHANG) };
    my $clean = wait_for(10 * $SLOW, $gone);
    $self->{exit} = $? if $clean;

    if (!$clean) {
        $self->{killed}{$_} = 'KILL' for $self->workers;
        kill TERM => $self->{master};
        wait_for(5 * $SLOW, $gone) || do {
            kill KILL => $self->workers, $self->{master};
            waitpid $self->{child}, 0;
        };
    }

    $self->{running} = '';
    return $clean ? 1 : 0;
}


# Calls

sub http {
    my ($self, $method, $uri, $body, @headers) = @_;

    return LLM::Client::http($self->port($self->{port_at}), $method, $uri,
                             $body, @headers);
}

sub get  { my $self = shift; return $self->http('GET', shift, undef, @_) }
sub head { my $self = shift; return $self->http('HEAD', shift, undef, @_) }
sub post { my $self = shift; return $self->http('POST', @_) }

sub client {
    my ($self, %opt) = @_;

    return LLM::Client->new(port => $self->port($self->{port_at}), %opt);
}


# status(["window=all"], [index of the llm_status location]): decoded JSON

sub status {
    my ($self, $query, $n) = @_;

    my $where = $self->{checks_status}[$n || 0]
        or die 'no llm_status in the configuration';
    my $uri = $where->[1] . (defined $query ? "?$query" : '');
    my $r = LLM::Client::http($where->[0], 'GET', $uri, undef,
                              Accept => 'application/json');

    die "status: $r->{status} $r->{body}" unless $r->{status} == 200;
    my $json = eval { JSON::PP->new->utf8->decode($r->{body}) };
    die "status is not JSON: $@\n$r->{body}" unless $json;
    return $json;
}


# logged(n, [seconds]): the next n lines of the access log, as hashes of
# strings ('' for "not found"); fewer when they do not come in time.

sub logged {
    my ($self, $n, $timeout) = @_;

    my $file = "$self->{dir}/access.log";
    my @lines;

    wait_for($timeout || 5 * $SLOW, sub {
        my $data = -e $file ? slurp($file) : '';
        @lines = substr($data, $self->{log_at}) =~ /([^\n]*\n)/g;
        return @lines >= $n;
    });

    splice @lines, $n if @lines > $n;
    $self->{log_at} += length for @lines;

    return map { JSON::PP->new->decode($_) } @lines;
}


# Error log lines that match.

sub errors {
    my ($self, $re) = @_;

    return grep { $_ =~ $re } split /^/, $self->read_file('error.log');
}


# The end of every test

sub finish {
    my ($self, %opt) = @_;

    return if $self->{finished}++;

    $self->_check_life(%opt) if $self->{running};

    if ($self->{child}) {
        my @bad = $self->_bad_lines;
        Test::More::is(scalar @bad, 0, 'nothing bad in the error log')
            or Test::More::diag(@bad > 20 ? @bad[0 .. 19] : @bad);
    }

    $_->stop for @{ $self->{upstreams} };
    $self->_remove;
    return;
}


sub _check_life {
    my ($self, %opt) = @_;

    LLM::Client::close_all();
    my $up = wait_for(5 * $SLOW,
                      sub { $self->workers == $self->{workers} });
    Test::More::ok($up, 'all workers alive');

    if ($opt{books} // 1) {
        LLM::Books::check($self->_quiet_status($_),
            "books of $self->{checks_status}[$_][2]")
            for 0 .. $#{ $self->{checks_status} };
    }

    Test::More::ok($self->stop($opt{stop}), 'nginx ends when told to');
    Test::More::is($self->{exit}, 0, 'exit status of nginx');
    return;
}


# The status when nothing is in flight any more.

sub _quiet_status {
    my ($self, $n) = @_;

    my $json;

    wait_for(3 * $SLOW, sub {
        $json = $self->status(undef, $n);
        return !LLM::Books::in_flight($json);
    });

    return $json;
}


sub _bad_lines {
    my ($self) = @_;

    my @bad;

    for my $line ($self->errors(qr/\[(?:alert|emerg)\]|exited\ with\ code
                                   |runtime\ error|Sanitizer/x))
    {
        next if $line =~ /exited with code 0$/;
        next if $line =~ /process (\d+) exited on signal \d+/
                && $self->{killed}{$1};
        next if $self->{allow} && $line =~ $self->{allow};
        push @bad, $line;
    }

    for my $file (glob("$self->{dir}/asan*"), "$self->{dir}/stderr") {
        next unless -e $file;
        push @bad, "$file: $1\n"
            if slurp($file) =~ /(.*(?:Sanitizer|runtime error).*)/;
    }

    return @bad;
}


sub _remove {
    my ($self) = @_;

    my $failed = !Test::More->builder->is_passing;

    if ($ENV{TEST_NGINX_LEAVE} || ($failed && $ENV{TEST_NGINX_LEAVE_FAILED}))
    {
        Test::More::diag("left: $self->{dir}");
        return;
    }

    File::Path::remove_tree($self->{dir});
    return;
}


# Ends this nginx and all others of the file, and the file.

sub done {
    $_->finish for @tests;
    Test::More::done_testing();
    return;
}


END {
    my $status = $?;

    for my $t (grep { $_->{owner} == $$ && !$_->{finished} } @tests) {
        my @said = split /^/, $t->_said;
        splice @said, 0, @said - 20 if @said > 20;
        print STDERR "# not finished; the log ends:\n",
            map { "#   $_" } @said if !$status;
        $status ||= 255;
        $t->stop('TERM');
        $_->stop for @{ $t->{upstreams} };
        $t->_remove;
    }

    $? = $status;
}


1;
