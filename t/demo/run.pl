#!/usr/bin/perl

# "./build.sh run": nginx with the module in the foreground, before the demo
# provider and a trickle of calls, or before UPSTREAM=https://host.  Whatever
# ends it, it leaves no process and no file behind.

use strict;
use warnings;

use Cwd ();
use File::Path ();
use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;
use POSIX qw(WNOHANG);

use LLM::Util qw(spawn spew wait_for);

my $TOP = Cwd::abs_path("$FindBin::Bin/../..");
my $NGINX = $ENV{TEST_NGINX_BINARY} or die "start this by ./build.sh run\n";
my $MODULE = $ENV{TEST_NGINX_MODULE};
my $UPSTREAM = $ENV{UPSTREAM};

my @BUNDLES = qw(/etc/ssl/certs/ca-certificates.crt
                 /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem);

my (%children, $dir, $over);
my $owner = $$;

$SIG{$_} = sub { $over = 1 } for qw(INT TERM HUP QUIT);
$SIG{PIPE} = 'IGNORE';


sub child {
    my ($name, $code) = @_;

    my $pid = spawn($code);
    $children{$pid} = $name;
    return $pid;
}


sub free_port {
    for my $port (8080 .. 8180) {
        my $probe = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $port, Proto => 'tcp',
            ReuseAddr => 1, Listen => 1) or next;
        close $probe;
        print "port 8080 is taken, this is $port\n" if $port != 8080;
        return $port;
    }

    die "no free port from 8080 to 8180\n";
}


sub start_provider {
    pipe my $from, my $to or die "pipe: $!";

    child(provider => sub {
        open STDOUT, '>&', $to or die "dup: $!";
        exec $^X, "$FindBin::Bin/provider.pl" or die "provider: $!";
    });

    close $to;
    my $url = <$from>;
    die "the demo provider did not start\n" unless defined $url;
    chomp $url;
    return $url;
}


# What stands in the location: where calls go.

sub proxy_to {
    my ($url) = @_;

    my ($scheme, $host, $path) = $url =~ m{\A(https?)://([\w.:\[\]-]+)(/\S*)?\z}
        or die "UPSTREAM is https://host, not \"$url\"\n";
    (my $name = $host) =~ s/:\d+\z//;
    $path = '' if !defined $path || $path eq '/';
    $path =~ s{/\z}{};

    my $tls = '';

    if ($scheme eq 'https') {
        my ($bundle) = grep { -r } @BUNDLES
            or die "no certificates to trust: install ca-certificates\n";
        $tls = <<"EOC";
            proxy_ssl_server_name on;
            proxy_ssl_name $name;
            proxy_ssl_verify on;
            proxy_ssl_verify_depth 4;
            proxy_ssl_trusted_certificate $bundle;
EOC
    }

    # with a path there, ours is put behind it
    $path .= '/' if length $path;

    return ("$scheme://$host$path", <<"EOC");
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header Connection "";
            proxy_set_header X-Team "";
            proxy_read_timeout 10m;
$tls
EOC
}


sub config {
    my ($port, $url) = @_;

    my ($target, $proxy) = proxy_to($url);
    (my $base = $target) =~ s{/\z}{};
    my $prices = "$TOP/docs/examples/prices.json";
    my $user = '';

    if ($> == 0) {
        my ($name, $gid) = (getpwnam 'nobody')[0, 3];
        $user = 'user nobody ' . getgrgid($gid) . ';' if $name;
    }

    my $llm_prices = -e $prices ? "llm_prices $prices;" : '';
    my $temp = join "\n    ", map { "${_}_temp_path $dir/$_;" }
               qw(client_body proxy fastcgi uwsgi scgi);

    return <<"EOC";
load_module $MODULE;
daemon off;
worker_processes auto;
pid $dir/nginx.pid;
lock_file $dir/lock;
error_log stderr warn;
$user

events {
    worker_connections 1024;
}

http {
    $temp

    llm_zone zone=demo:64m;
    llm_label team \$http_x_team;
    $llm_prices

    log_format calls '\$time_iso8601 \$status \$llm_outcome team=\$http_x_team '
                     'model=\$llm_model ttft=\$llm_ttft '
                     'in=\$llm_input_tokens out=\$llm_output_tokens '
                     'usd=\$llm_cost';
    access_log $dir/access.log calls;
    client_max_body_size 32m;
    client_body_buffer_size 256k;

    server {
        listen 127.0.0.1:$port;

        location / {
            llm demo;
            proxy_pass $target;
$proxy
        }

        location /batch/ {
            llm demo;
            llm_route batch;
            proxy_pass $base/;
$proxy
        }

        location = /llm-status {
            llm_status demo;
            access_log off;
        }
    }
}
EOC
}


sub start_nginx {
    my ($port, $url) = @_;

    spew("$dir/nginx.conf", config($port, $url));

    my $pid = child(nginx => sub {
        exec $NGINX, '-p', "$dir/", '-e', 'stderr', '-c', "$dir/nginx.conf"
            or die "$NGINX: $!";
    });

    wait_for(10, sub { $over || -s "$dir/nginx.pid" || !alive($pid) });
    die "nginx did not start\n" unless $over || -s "$dir/nginx.pid";
    return;
}


sub alive {
    my ($pid) = @_;

    return 0 unless $children{$pid};
    return 1 unless waitpid $pid, WNOHANG;
    delete $children{$pid};
    return 0;
}


sub say_what_to_try {
    my ($port) = @_;

    my $at = "http://127.0.0.1:$port";
    my $key = !$UPSTREAM ? ''
            : $UPSTREAM =~ /anthropic/
                ? " \\\n      -H \"x-api-key: \$ANTHROPIC_API_KEY\""
                  . " -H 'anthropic-version: 2023-06-01'"
            : " \\\n      -H \"Authorization: Bearer \$OPENAI_API_KEY\"";
    my ($path, $model) = ($UPSTREAM || '') =~ /anthropic/
        ? ('/v1/messages', 'claude-haiku-4-5')
        : ('/v1/chat/completions', 'gpt-4o-mini');

    print <<"EOT";

  a stream    curl -N $at$path$key \\
      -H 'Content-Type: application/json' -H 'X-Team: me' \\
      -d '{"model": "$model", "stream": true, "max_tokens": 200,
           "messages": [{"role": "user", "content": "Hello"}]}'

  status      $at/llm-status
              $at/llm-status?window=5m&by=team,model
  metrics     $at/llm-status?format=prometheus
  the log     tail -f $dir/access.log

Ctrl-C ends it.
EOT
    return;
}


sub clean_up {
    return if $owner != $$ || !defined $dir;

    $SIG{$_} = 'IGNORE' for qw(INT TERM HUP QUIT);
    kill TERM => keys %children;

    wait_for(5, sub { !grep { alive($_) } keys %children })
        or kill KILL => keys %children;
    waitpid $_, 0 for keys %children;

    File::Path::remove_tree($dir);
    $dir = undef;
    return;
}


END {
    my $status = $?;
    clean_up();
    $? = $status;
}


$| = 1;
$dir = File::Temp::tempdir('llm-demo-XXXXXXXX', TMPDIR => 1);
chmod 0711, $dir;

my $port = free_port();
start_nginx($port, $UPSTREAM || start_provider());

if (!$over) {
    child(trickle => sub {
        exec $^X, "$FindBin::Bin/trickle.pl", $port or die "trickle: $!";
    }) unless $UPSTREAM;
    say_what_to_try($port);
}

while (!$over) {
    select undef, undef, undef, 0.3;

    for my $pid (keys %children) {
        my $name = $children{$pid};
        next if $over || alive($pid);
        print STDERR "$name has ended\n";
        $over = 1;
    }
}
