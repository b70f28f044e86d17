# Calls that come at the same time: of a thousand at once, against room for
# ten, ten are let through; never one more, and never one less.  Each round
# has a key of its own.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Client qw(build_request);
use LLM::Provider qw(answer request);
use LLM::Test;
use LLM::Upstream qw(response);
use LLM::Util qw(scale);
use Test::More;

my $CALLS = 1000;
my $ROOM = 10;
my $ROUNDS = scale(24, 3000);

my $t = LLM::Test->new(workers => 2, timeout => scale(300, 7200));

my $made = answer(api => 'openai_chat', usage => { input => 9, output => 9 });

# they are held until all the others have been refused

$t->upstream(sub {
    my ($req) = @_;

    return ([pause => $req->{uri} =~ /key=all/ ? 3000 : 30],
            response(200, ['Content-Type' => $made->{type}], $made->{body}));
});

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    access_log off;
    llm_zone zone=main:16m;
    llm_price * input=1 output=2;
    llm_budget_zone $arg_key zone=calls:4m period=month;
    llm_budget_zone $arg_key zone=usd:4m period=month;
    llm_limit_zone $arg_key zone=rate:4m rate=10r/d;

    keepalive_requests 1000000;
    upstream up { server %%UPSTREAM%%; keepalive 32; }

    server {
        listen 127.0.0.1:%%PORT_0%% backlog=4096;
        llm main;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        error_log %%DIR%%/error.log crit;

        location / { proxy_pass http://up; }
        location /calls/ {
            llm_budget zone=calls limit=10r;
            proxy_pass http://up;
        }
        location /usd/ {
            llm_budget zone=usd limit=$arg_usd;
            proxy_pass http://up;
        }
        location /rate/ { llm_limit zone=rate; proxy_pass http://up; }
        location /all/ {
            llm_budget zone=calls limit=10r;
            llm_limit zone=rate;
            proxy_pass http://up;
        }
        location = /llm-status { llm off; llm_status main; }
    }
}
EOC

$t->start;

my @clients = map { LLM::Client->new(port => $t->port, timeout => 60) }
              1 .. $CALLS;


# One round: how many of all were let through, and how many refused.

sub round_of {
    my ($uri) = @_;

    my $bytes = build_request('POST', $uri,
        request('openai_chat', model => 'm', max_tokens => 100,
                prompt => 'x'), Connection => 'keep-alive');
    my %n;

    $_->send($bytes) for @clients;
    $n{$_->response->{status}}++ for @clients;

    return \%n;
}


my (%least, %most, %odd);

for my $round (1 .. $ROUNDS) {
    for my $what ($round % 4 ? ('calls') : qw(rate all)) {
        my $n = round_of("/$what/v1/chat/completions?key=$what$round");
        my $passed = $n->{200} || 0;

        $least{$what} = $passed if $passed < ($least{$what} // 1e9);
        $most{$what} = $passed if $passed > ($most{$what} // 0);
        $odd{$_} += $n->{$_} for grep { $_ != 200 && $_ != 429 } keys %$n;
    }
}

for my $what (qw(calls rate all)) {
    is $most{$what}, $ROOM, "$what: never more than $ROOM were let through";
    is $least{$what}, $ROOM, "$what: never less";
}

is_deeply \%odd, {}, 'all others were refused by the gate';


# dollars: a call reserves what it may cost at most, and the limit is ten of
# those and a half

my $probe = $t->post('/usd/v1/chat/completions?key=probe&usd=1usd',
    request('openai_chat', model => 'm', max_tokens => 100, prompt => 'x'));
is $probe->{status}, 200, 'a call in dollars';

my ($low, $high) = (1, 10_000_000);          # nano-USD of one reservation

while ($low < $high) {
    my $middle = int(($low + $high) / 2);
    my $key = "size$middle";
    my $uri = "/usd/v1/chat/completions?key=$key&usd=";
    my $body = request('openai_chat', model => 'm', max_tokens => 100,
                       prompt => 'x');

    # with something committed nothing is capped
    my $first = $t->post(sprintf('%s0.%09dusd', $uri, 1), $body);
    my $second = $t->post(sprintf('%s0.%09dusd', $uri, $middle), $body);

    $second->{status} == 200 ? ($high = $middle) : ($low = $middle + 1);
}

cmp_ok $low, '<', 10_000_000, "a reservation is $low nano-USD";

$low -= 27_000;          # of the first one: 9 at 1 USD, 9 at 2 a million

my $n = round_of(sprintf('/usd/v1/chat/completions?key=all&usd=0.%09dusd',
                         $low * $ROOM + int($low / 2)));
cmp_ok $n->{200} || 0, '>=', $ROOM, 'a budget of ten in dollars: ten';
cmp_ok $n->{200} || 0, '<=', $ROOM, 'and no more';

diag("$ROUNDS rounds of $CALLS calls");

$t->done;
