# A flood of invented names: a million model names, refused or answered, push
# no real model out, and memory stays what it was.  Names that are hostile to
# JSON, to Prometheus or to the reader come out valid.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use JSON::PP;
use LLM::Test;
use LLM::Util qw(proof);
use Test::More;

my $NAMES = proof() ? 1_000_000 : 20_000;
my $BATCH = 200;

my $t = LLM::Test->new(workers => 2);

$t->write_file('prices.json', encode_json({
    'gpt-real' => { litellm_provider => 'openai', mode => 'chat',
                    input_cost_per_token => 1e-6,
                    output_cost_per_token => 2e-6 },
    'gpt-late' => { litellm_provider => 'openai', mode => 'chat',
                    input_cost_per_token => 1e-6,
                    output_cost_per_token => 2e-6 } }));

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    access_log off;
    keepalive_requests 1000000;

    llm_zone zone=main:2m;
    llm_prices prices.json;

    upstream up { server 127.0.0.1:%%PORT_1%%; keepalive 8; }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        llm_provider openai;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        location /answered/ { llm_route a; proxy_pass http://up; }
        location /refused/  { llm_route r; proxy_pass http://up; }
        location = /llm-status { llm off; llm_status main; }
    }

    server {
        listen 127.0.0.1:%%PORT_1%%;
        default_type application/json;
        location /answered/ {
            return 200 '{"object":"chat.completion","model":"$http_x_model","choices":[{"index":0,"message":{"content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}';
        }
        location /refused/ {
            return 429 '{"error":{"type":"rate_limit_error","message":"no"}}';
        }
    }
}
EOC

$t->start;


# Sends requests for these names down one connection, many at a time.

sub flood {
    my ($where, @names) = @_;

    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $t->port(0)) or die $!;
    my $got = 0;

    while (my @some = splice @names, 0, $BATCH) {
        my $out = '';

        for my $name (@some) {
            my $body = JSON::PP->new->utf8->encode({ model => $name,
                messages => [{ role => 'user', content => 'x' }] });
            $out .= "POST /$where/v1/chat/completions HTTP/1.1\r\nHost: h\r\n"
                    . "X-Model: $name\r\nContent-Type: application/json\r\n"
                    . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
        }

        syswrite($s, $out) == length $out or die "short write";

        my ($in, $seen) = ('', 0);

        while ($seen < @some) {
            sysread($s, $in, 65536, length $in) or die "closed after $got";
            $seen = () = $in =~ m{HTTP/1\.1 \d}g;
            $seen-- if $in !~ /\}\z/;
        }

        $got += @some;
    }

    return $got;
}


sub status {
    return decode_json($t->get('/llm-status?window=all' . ($_[0] // ''))->{body});
}

sub calls_of {
    my ($model, $route) = @_;

    my $s = status("&l.model=$model&l.route=$route");
    return $s->{total}{windows}{all}{calls}{total} || 0;
}

is(flood('answered', ('gpt-real') x 50), 50, 'a real model is there first');

my $n = $NAMES / 2;
is(flood('refused', map { "gone-$_" } 1 .. $n), $n, "$n names refused");

my $s = status();
my @models = grep { $_ ne 'other' } map { $_->{labels}{model} }
             @{ $s->{series} };
is("@models", 'gpt-real', 'not one of them became a series');
is(calls_of('other', 'r'), $n, 'all of them are counted under other');

is(flood('answered', map { "made-up-$_" } 1 .. $n), $n, "$n names answered");

$s = status();
cmp_ok($s->{zone}{series}, '<', $s->{zone}{series_max},
       "room is left: $s->{zone}{series} of $s->{zone}{series_max}");
cmp_ok($s->{zone}{series_folded}, '>', 0, 'what had none was folded');

is(flood('answered', ('gpt-real') x 50), 50, 'the real model goes on');
is(calls_of('gpt-real', 'a'), 100, '... and has its calls');

is(flood('answered', ('gpt-late') x 10), 10, 'a real one that comes late');
is(calls_of('gpt-late', 'a'), 10, '... finds the room kept for it');

$s = status();
is($s->{total}{windows}{all}{calls}{total}, 2 * $n + 110,
   'every call is in the books');
is($s->{total}{windows}{all}{tokens}{input}, 3 * ($n + 110), '... its tokens');
is($s->{total}{windows}{all}{latency}{duration}{count}, 2 * $n + 110,
   '... and its duration');


# hostile names

my @hostile = (
    'quote"quote', 'back\\slash', "apo'strophe", '<script>alert(1)</script>',
    '{"a":1}', 'a}b{c="d",', '$llm_cost', '%s%n%00', "tab\\tno", 'x' x 10_000,
    "\xff\xfe\x80broken", "half\xe2\x82", "\xed\xa0\x80surrogate",
    "\xc0\xafoverlong", '../../etc/passwd',
);

my $h = LLM::Test->new;

$h->upstream(sub {
    my ($req) = @_;
    my ($model) = $req->{body} =~ /"model":"((?:[^"\\]|\\.)*)"/s;
    my $body = qq({"object":"chat.completion","model":"$model","choices":)
               . '[{"index":0,"message":{"content":"ok"},'
               . '"finish_reason":"stop"}],"usage":{"prompt_tokens":3,'
               . '"completion_tokens":2,"total_tokens":5}}';
    return LLM::Upstream::response(200,
        ['Content-Type' => 'application/json'], $body);
});

$h->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=hostile:4m;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm hostile;
        llm_label who $http_x_who;
        location /v1/ { proxy_pass http://%%UPSTREAM%%; }
        location = /llm-status { llm off; llm_status hostile; }
    }
}
EOC

$h->start;

for my $name (@hostile) {
    (my $json = $name) =~ s/(["\\])/\\$1/g;
    (my $header = $name) =~ s/[\r\n]//g;

    my $r = $h->post('/v1/chat/completions', qq({"model":"$json"}),
                     'X-Who' => substr $header, 0, 4000);
    is($r->{status}, 200, 'answered: ' . substr(_show($name), 0, 40));
}

my $raw = $h->get('/llm-status?window=all')->{body};
my $status = eval { JSON::PP->new->utf8->decode($raw) };
ok($status, 'the status is JSON') or diag($@);
is($status->{total}{windows}{all}{calls}{ok}, scalar @hostile,
   'every call is there');
ok(!(grep { length > 128 } map { values %{ $_->{labels} } }
     @{ $status->{series} }), 'no label is longer than it may be');

my $metrics = $h->get('/llm-status?format=prometheus')->{body};

SKIP: {
    chomp(my $promtool = `sh -c 'command -v promtool' 2>/dev/null`);
    skip('promtool is not installed', 2) unless $promtool;

    $h->write_file('metrics', $metrics);
    my $said = `$promtool check metrics < @{[$h->path('metrics')]} 2>&1`;
    is($?, 0, 'promtool is content');
    is($said, '', '... and silent');
}

$h->done;


sub _show { my ($s) = @_; $s =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge; $s }
