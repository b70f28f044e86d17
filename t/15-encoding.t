# Accept-Encoding: what the upstream is asked for.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Zlib ();
use LLM::Provider qw(answer request);
use LLM::Test;
use LLM::Upstream qw(response);
use LLM::Util qw(spawn wait_for);
use Test::More;

my $t = LLM::Test->new;

my $plain = answer(api => 'anthropic');

my $json = 'application/json';
my $up = $t->upstream(sub {
    return response(200, ['Content-Type' => $json, Vary => 'Accept-Encoding'],
                    $plain->{body} . ' ' x 200);
});

# FastCGI's parameters, as they come: enough of it to see one

my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 8,
                                   ReuseAddr => 1) or die "listen: $!";
my $fcgi = $listen->sockport;
my $fcgi_saw = $t->path('fcgi');
my $fcgi_pid = spawn(sub {
    while (my $c = $listen->accept) {
        my $in = '';
        while ($in !~ /\x01\x05\0\x01\0\0\0\0\z/) {
            sysread $c, $in, 65536, length $in or last;
        }
        LLM::Util::append($fcgi_saw, $in);
        my $out = "Content-Type: $json\r\n\r\n$plain->{body}";
        my $len = length $out;
        syswrite $c, pack('CCnnCC', 1, 6, 1, $len, 0, 0) . $out
            . pack('CCnnCC', 1, 6, 1, 0, 0, 0)
            . pack('CCnnCC', 1, 3, 1, 8, 0, 0) . "\0" x 8;
        close $c;
    }
});
close $listen;

$t->config(<<"EOC");
%%GLOBALS%%
http {
    log_format encoding '\$request_uri \$http_accept_encoding';
    %%HTTP%%
    access_log %%DIR%%/encoding.log encoding;
    llm_zone zone=main:32m;
    llm_price gpt-demo input=1 output=2;
    map \$request_uri \$case { ~^/\\w+/(?<c>[^/?]+) \$c; default none; }
    map \$http_accept_encoding \$mapped { default other; ~gzip has-gzip; }
    proxy_cache_path %%DIR%%/cache keys_zone=cache:1m;
    gzip on;
    gzip_types $json;
    gzip_min_length 1;
    gzip_proxied any;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        llm_route \$case;
        set \$backend %%UPSTREAM%%;

        location / { proxy_pass http://%%UPSTREAM%%; }
        location /variable/ { proxy_pass http://\$backend; }
        location /brotli/ {
            proxy_set_header Accept-Encoding br;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /blank/ {
            proxy_set_header Accept-Encoding "";
            proxy_pass http://%%UPSTREAM%%;
        }
        location /own/ {
            proxy_set_header Accept-Encoding \$http_accept_encoding;
            proxy_set_header X-Mapped \$mapped;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /pass/ {
            llm_accept_encoding pass;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /off/ { llm off; proxy_pass http://%%UPSTREAM%%; }
        location /elsewhere/ {
            error_page 502 = \@off;
            proxy_pass http://127.0.0.1:%%PORT_9%%;
        }
        location \@off { llm off; proxy_pass http://%%UPSTREAM%%; }
        location /again/ {
            error_page 502 = \@again;
            proxy_pass http://127.0.0.1:%%PORT_9%%;
        }
        location \@again { proxy_pass http://%%UPSTREAM%%; }
        location /fastcgi/ {
            fastcgi_pass 127.0.0.1:$fcgi;
            fastcgi_param SCRIPT_NAME \$uri;
        }
        location /cached/ {
            proxy_cache cache;
            proxy_cache_valid 200 1m;
            proxy_cache_methods POST;
            proxy_cache_key \$uri;
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /llm-status { llm off; llm_status main; access_log off; }
    }
}
EOC

$t->start;

my $uri = 'v1/messages';
my $ask = request('anthropic');

# asked by the client, at: what the upstream got, whether the client got gzip

my @asked = (
    ['gzip', '/', 'identity', 1],
    ['br, gzip', '/', 'identity', 1],
    ['gzip;q=0', '/', 'identity', 0],
    [undef, '/', undef, 0],
    ['gzip', '/variable/', 'identity', 1],
    ['gzip', '/brotli/', 'br', 1],
    ['gzip', '/blank/', undef, 1],
    ['gzip', '/own/', 'gzip', 1],
    ['gzip', '/pass/', 'gzip', 1],
    ['gzip', '/off/', 'gzip', 1],
    ['gzip', '/elsewhere/', 'gzip', 1],
    ['gzip', '/again/', 'identity', 1],
);

subtest 'what is asked for' => sub {
    for my $row (@asked) {
        my ($asked, $at, $want, $gzip) = @$row;

        for my $more (0, 45) {
            my $name = "$at " . ($asked || 'nothing')
                     . ($more ? ', many headers' : '');
            my @more = map { ("X-H$_" => $_) } 1 .. $more;
            splice @more, 2 * int($more / 2), 0, 'Accept-Encoding' => $asked
                if defined $asked;
            my $r = $t->post("$at$uri", $ask, @more);
            my $got = ($up->requests)[-1];

            is($got->{headers}{'accept-encoding'}, $want, "$name: upstream");
            is(join(',', map { $got->{headers}{"x-h$_"} } 1 .. $more),
               join(',', 1 .. $more), "$name: the other headers") if $more;
            is(($r->{headers}{'content-encoding'} || '') eq 'gzip' ? 1 : 0,
               $gzip, "$name: gzip to the client");
            my $text = $gzip ? Compress::Zlib::memGunzip($r->{body})
                             : $r->{body};
            is($text, $plain->{body} . ' ' x 200, "$name: body");
            is($got->{headers}{'x-mapped'}, 'has-gzip', "$name: map")
                if $at eq '/own/';
        }
    }

    my @lines;
    wait_for(5, sub {
        @lines = split /\n/, $t->read_file('encoding.log');
        @lines == 2 * @asked;
    });
    is_deeply([map { (split / /, $_, 2)[1] } @lines],
              [map { ($_->[0] || '-') x 2 } @asked],
              '$http_accept_encoding is the client\'s own');
    $t->logged(2 * @asked);
};

subtest 'not by proxy_pass' => sub {
    my $r = $t->post("/fastcgi/$uri", $ask, 'Accept-Encoding' => 'gzip');
    is($r->{status}, 200, 'answered');
    like($t->read_file('fcgi'), qr/HTTP_ACCEPT_ENCODINGgzip/,
         'FastCGI gets the client\'s own');
    my ($line) = $t->logged(1);
    is($line->{output_tokens}, 12, 'and is metered');
};

subtest 'a cache that varies' => sub {
    my @saw = map {
        my $r = $t->post("/cached/$uri", $ask,
                         $_ ? ('Accept-Encoding' => $_) : ());
        my ($line) = $t->logged(1);
        ($line->{upstream_status} eq '' ? 'hit' : 'miss') . ' '
        . ($r->{headers}{'content-encoding'} || 'plain');
    } 'gzip', 'br, gzip', 'br', 'gzip', undef, undef;

    is_deeply(\@saw, ['miss gzip', 'hit gzip', 'hit plain', 'hit gzip',
                      'miss plain', 'hit plain'], 'one variant for all');
};

kill KILL => $fcgi_pid;
waitpid $fcgi_pid, 0;

$t->done;
