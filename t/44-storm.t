# Gates beside what else nginx has: calls that are refused, held up, left or
# sent on, in one connection or many, with mirrors and subrequests.  What is
# asked is that every call is answered, nothing is held when all is over, and
# no worker falls.
#
# What this cannot see: post_action, behind which nginx itself, without us,
# may keep the connection of a client that left.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use LLM::Client qw(build_request);
use LLM::Provider qw(answer failure request);
use LLM::Test;
use LLM::Upstream qw(response);
use LLM::Util qw(scale wait_for);
use Test::More;

my $t = LLM::Test->new(workers => 1);

$t->upstream(sub {
    my ($req) = @_;

    my $asked = $req->{body} =~ /\A\{/ ? JSON::PP->new->decode($req->{body})
                                       : {};
    my $model = $asked->{model} || 'm';

    return ([hang =>]) if $model =~ /mute/;

    if ($model =~ /fail/) {
        my $f = failure('openai_chat', 500);
        return response(500, $f->{headers}, $f->{body});
    }

    my $made = answer(api => 'openai_chat', model => $model,
                      stream => $asked->{stream});

    return response(200, ['Content-Type' => $made->{type}], $made->{body});
});

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    access_log %%DIR%%/access.log llm_test;

    llm_zone zone=main:16m;
    llm_price m* input=1 output=2;
    llm_limit_zone $arg_key zone=rpm:1m rate=60000r/m;
    llm_limit_zone $arg_key zone=wait:1m rate=5r/s;
    llm_budget_zone $arg_key zone=day:1m period=day;
    llm_budget_zone $arg_key zone=usd:1m period=day;
    client_max_body_size 64k;

    map $http_x_deny $deny { default $http_x_deny; }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        llm_deny $deny;
        llm_limit zone=rpm;
        llm_budget zone=day limit=100000r;
        llm_budget zone=usd limit=100usd unpriced=pass;
        keepalive_requests 100000;

        location /plain/ { proxy_pass http://%%UPSTREAM%%; }
        location /set/ {
            llm_set_model m2;
            llm_max_output_tokens 10;
            llm_include_usage on;
            error_page 500 502 504 = @second;
            proxy_intercept_errors on;
            proxy_pass http://%%UPSTREAM%%;
        }
        location @second {
            llm_set_model m3-longer-than-before;
            llm_limit zone=rpm;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /wait/ {
            llm_limit zone=wait burst=1r delay=2s;
            llm_delay 50ms;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /mirror/ {
            mirror /copy;
            llm_set_model m4;
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /copy { internal; proxy_pass http://%%UPSTREAM%%; }
        location /auth/ {
            auth_request /allowed;
            llm_inspect preaccess;
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /allowed { internal; return 204; }
        location /page/ {
            error_page 403 429 /page.html;
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /page.html { internal; return 200 "page\n"; }
        location /again/ {
            error_page 403 429 = /again/;
            recursive_error_pages on;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /slow/ {
            llm_stream_timeout ttft=200ms idle=200ms total=400ms;
            error_page 504 = @second;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /rewrite/ {
            rewrite ^/rewrite/(.*)$ /plain/$1 last;
        }
        location /if/ {
            if ($arg_key) { set $x 1; }
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /llm-status {
            llm off;
            llm_limit off;
            llm_budget off;
            llm_deny off;
            llm_status main;
        }
    }
}
EOC

$t->start;

my @places = qw(plain set wait mirror auth page again slow rewrite if);
my @models = qw(m m-fail m-mute);
my %seen;


sub bytes {
    my ($n) = @_;

    my $place = $places[rand @places];
    my $model = $place eq 'slow' ? $models[rand 3]
                                 : $models[rand() < 0.8 ? 0 : 1];
    my $body = rand() < 0.08 ? ('', '{', '[]', '{"model":1}')[rand 4]
             : request('openai_chat', model => $model,
                       stream => rand() < 0.5,
                       prompt => 'x' x (rand() < 0.1 ? 40000 : 10));
    my @headers = rand() < 0.25 ? ('X-Deny' => 1) : ();
    my $method = rand() < 0.06 ? ('GET', 'HEAD', 'PUT')[rand 3] : 'POST';

    return ($method, build_request($method,
            "/$place/v1/chat/completions?key=k$n", $body, @headers));
}


# in one connection: each is answered before the next is read

my ($lost, $calls) = (0, 0);

for my $round (1 .. scale(60, 2000)) {
    my $client = LLM::Client->new(port => $t->port, timeout => 20);
    my @sent = map { [bytes($_ % 3)] } 1 .. 1 + rand 5;
    my @mute = grep { $_->[0] eq 'HEAD' } @sent;
    next if @mute;

    $client->send(join '', map { $_->[1] } @sent);

    for my $s (@sent) {
        my $r = eval { $client->response };
        $calls++;
        if (!$r || !$r->{status}) {
            $lost++ if !$client->closed || $s == $sent[0];
            last;
        }
        $seen{$r->{status}}++;
        last if ($r->{headers}{connection} || '') eq 'close';
    }
    $client->close;
}

is $lost, 0, "each of $calls calls in a row is answered";
diag(join ' ', map { "$_: $seen{$_}" } sort keys %seen);


# many at once, of which half are left

for my $round (1 .. scale(10, 200)) {
    my @open = map {
        my $c = LLM::Client->new(port => $t->port, timeout => 20);
        my (undef, $bytes) = bytes($_ % 3);
        $bytes = substr $bytes, 0, rand length $bytes if rand() < 0.2;
        $c->send($bytes);
        $c;
    } 1 .. 20;

    select undef, undef, undef, rand 0.1;

    for my $c (@open) {
        rand() < 0.6 ? $c->abort : $c->close;
    }
}


# nothing is held in the end

my $held;

wait_for(20, sub {
    my $s = $t->status('window=all');
    $held = 0;
    $held += $_->{reserved} for @{ $s->{budgets} };
    $held += $s->{total}{now}{in_flight};
    return $held == 0;
});
is $held, 0, 'when all is over nothing is reserved, nothing in flight';

$t->done;
