# Requests that are changed on their way: random bodies of all APIs, against
# an upstream that reads its socket byte by byte and sends back what it got.
# What it should have got is written down in LLM::Splices, without the module;
# the length has to be right, or the next request on the connection is not.
#
# In memory, split over packets, chunked, in a temporary file, and by HTTP/2;
# at a second try of another server, and in a second location.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use LLM::Client qw(build_request curl_h2 has_h2);
use LLM::Splices qw(make);
use LLM::Test;
use LLM::Upstream qw(chunked response);
use LLM::Util qw(scale);
use Test::More;

my $CALLS = scale(3_000, 100_000);
my @WAYS = ((qw(mem file only retry retryfile second secondfile)) x 4, 'tiny');

my $t = LLM::Test->new;

my $echo = sub {
    my ($request) = @_;
    my $h = $request->{headers};

    return response(503, ['Content-Type' => 'text/plain'], "no\n")
        if $request->{uri} =~ m{\A/fail/};
    return response(200, ['Content-Type' => 'text/plain',
        'X-Length' => defined $h->{'content-length'}
                      ? $h->{'content-length'} : 'none',
        'X-Coding' => $h->{'transfer-encoding'} || 'none',
        'X-Text' => $h->{'x-text'} || ''], $request->{body});
};

my $up = $t->upstream($echo, file => '');
my $closer = $t->upstream(sub { return ['close'] }, file => '');

my $locations = '';
my %way = (
    mem => 'client_body_buffer_size 256k;',
    file => 'client_body_buffer_size 64;',
    only => 'client_body_in_file_only clean;',
    # read and written, not sent from the file: the second packet waits
    tiny => 'client_body_buffer_size 100; sendfile off;',
);

for my $way (sort keys %way) {
    $locations .= <<"EOC";
        location /$way/ {
            $way{$way}
            proxy_pass http://echo/;
        }
EOC
}

for my $way ('', 'file') {
    my $size = $way ? 64 : '256k';
    $locations .= <<"EOC";
        location /retry$way/ {
            client_body_buffer_size $size;
            proxy_pass http://retry/;
            proxy_next_upstream error non_idempotent;
        }
        location /second$way/ {
            client_body_buffer_size $size;
            llm_set_model \$http_x_first;
            llm_max_output_tokens \$http_x_first_max;
            proxy_pass http://echo/fail/;
            proxy_intercept_errors on;
            error_page 503 = \@second;
        }
EOC
}

my $http2 = has_h2() ? 'listen 127.0.0.1:%%PORT_1%% http2;' : '';

$t->config(<<"EOC");
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:8m;
    llm_provider openai;
    client_max_body_size 4m;
    keepalive_requests 1000000;
    sendfile on;
    tcp_nopush on;

    upstream echo { server %%UPSTREAM_0%%; keepalive 8; }
    upstream retry {
        server %%UPSTREAM_1%% max_fails=0;
        server %%UPSTREAM_0%% backup;
        keepalive 8;
    }

    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header X-Text \$content_length;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        $http2
        llm main;
        llm_include_usage on;
        llm_set_model \$http_x_model;
        llm_max_output_tokens \$http_x_max;

        # asked for before the body is changed
        set \$length \$content_length;

$locations
        location \@second { proxy_pass http://echo; }

        location /off/ {
            llm_set_model off;
            llm_max_output_tokens off;
            llm_include_usage off;
            proxy_pass http://echo/;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_2%%;
        location = /llm-status { llm_status main; }
    }
}
EOC
$t->start;

my $json = JSON::PP->new->utf8->allow_nonref;


# The bytes of a call: whole, or as a body that comes in pieces.

sub pieces {
    my ($case, $way) = @_;

    my @headers = (Connection => 'keep-alive');
    push @headers, 'X-Model' => $case->{model} if sayable($case->{model});
    push @headers, 'X-Max' => $case->{max} if defined $case->{max};
    if ($way =~ /second/) {
        push @headers, 'X-First' => 'another-model' if !$case->{in_path};
        push @headers, 'X-First-Max' => 2000 if defined $case->{max};
    }

    my $uri = "/$way$case->{path}";
    my $how = int rand 6;

    return build_request(POST => $uri, $case->{body}, @headers) if $how < 3;

    if ($how < 5) {
        my $all = build_request(POST => $uri, $case->{body}, @headers);
        my $at = length($all) - int rand length $case->{body};
        return (substr($all, 0, $at), substr $all, $at);
    }

    my ($body, @chunks) = $case->{body};
    push @chunks, chunked(substr $body, 0, 1 + rand 300, '')
        while length $body;
    my $head = build_request(POST => $uri, '', @headers,
                             'Transfer-Encoding' => 'chunked');
    my $cut = int rand @chunks;
    return ($head . join('', @chunks[0 .. $cut - 1]),
            join('', @chunks[$cut .. $#chunks], "0\r\n\r\n"));
}


# A header cannot hold all names.

sub sayable { return defined $_[0] && $_[0] !~ /[\x00-\x1f\x7f]/ }


sub differ {
    my ($case, $r, $chunked) = @_;

    return $r->{status} == $case->{refused} ? () : "not refused"
        if $case->{refused};
    return "status $r->{status}" if $r->{status} != 200;
    return 'incomplete' if !$r->{complete};

    my $h = $r->{headers};
    return 'the upstream got it chunked' if $h->{'x-coding'} ne 'none';
    return "announced $h->{'x-length'}, not " . length $case->{expect}
        if $h->{'x-length'} ne length $case->{expect};
    return "\$content_length is $h->{'x-text'}"
        if !$chunked && $h->{'x-text'} ne length $case->{expect};
    return 'other bytes' if $r->{body} ne $case->{expect};
    return 'no JSON' if !eval { $json->decode($r->{body}); 1 };
    return;
}


my (%seen, @wrong, $client);
my $refused = 0;

for my $seed (1 .. $CALLS) {
    my $case;
    my $at = $seed;
    do { $case = make($at, pad => $at % 50 ? 12 : 18); $at += 1e6 }
        while defined $case->{model} && !sayable($case->{model});

    my $way = $WAYS[rand @WAYS];
    my ($first, $rest) = pieces($case, $way);

    $client = LLM::Client->new(port => $t->port) if !$client;
    $client->send($first);
    if (defined $rest) {
        select undef, undef, undef, 0.0005;
        $client->send($rest);
    }

    my $r = $client->response;
    undef $client if $client->closed || !$r->{status}
                     || ($r->{headers}{connection} || '') eq 'close';

    my $wrong = differ($case, $r, $first =~ /^Transfer-Encoding/m);

    push @wrong, "seed $seed, $way, $case->{api}: $wrong\n"
        . '  wanted   ' . join(' ', map { defined ? $_ : '-' }
                               @$case{qw(model max)}) . "\n"
        . "  sent     $case->{body}\n  expected $case->{expect}\n"
        . "  got      $r->{body}"
        if $wrong && length $case->{body} < 4096 || $wrong && @wrong < 9;

    $seen{$way}++;
    $seen{changed}++ if $case->{body} ne $case->{expect};
    $refused++ if $case->{refused};
}

$client->close if $client;

is(scalar @wrong, 0, "$CALLS calls: the upstream got what was meant")
    or diag(join "\n", @wrong[0 .. (@wrong > 4 ? 4 : $#wrong)]);
cmp_ok($seen{changed}, '>', $CALLS / 2, 'most of them were changed');
cmp_ok($refused, '>', 0, "$refused of them were refused");
note(join ', ', map { "$_ $seen{$_}" } sort keys %seen);

$t->done;
