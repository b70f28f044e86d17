# What cannot be read is counted as such and never metered as zero; a value
# that is asked for too early is said to be, once.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;
use LLM::Provider qw(answer request);
use LLM::Test;
use LLM::Upstream qw(response);
use Test::More;

my $t = LLM::Test->new;
my $JSON = ['Content-Type' => 'application/json'];
my $good = answer(api => 'openai_chat', stream => 0);

my %body = (
    good  => $good->{body},
    html  => '<html>busy</html>',
    bad   => '{"id": nope}',
    deep  => '[' x 300 . ']' x 300,
    alien => '{"id":"1","message":{"role":"assistant","content":[{"type":'
             . '"text","text":"hello there"}]},"finish_reason":"COMPLETE"}',
);

$t->upstream(sub {
    my ($req) = @_;
    my ($name) = $req->{path} =~ m{^/([^/]+)/};
    return response(200, $JSON, $body{$name});
});

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:4m;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        llm_inspect_max 4k;
        location / { proxy_pass http://%%UPSTREAM%%; }
        location /early/ {
            set $early $llm_output_tokens;
            proxy_pass http://%%UPSTREAM%%/good/;
        }
        location = /llm-status { access_log off; llm_status main; }
    }
}
EOC

$t->start;

sub unreadable {
    return decode_json($t->get('/llm-status?window=all')->{body})
        ->{health}{unreadable};
}

sub call {
    my ($name, $ask) = @_;
    $t->post("/$name/v1/chat/completions", $ask);
    return ($t->logged(1))[0];
}

my $ask = '{"model":"m","messages":[{"role":"user","content":"hello"}]}';

my @cases = (
    [ 'a good one', 'good', $ask, undef, 'ok', 'reported' ],
    [ 'HTML sent as JSON', 'html', $ask, 'framing', 'ok', 'none' ],
    [ 'no JSON', 'bad', $ask, 'not_json', 'ok', 'none' ],
    [ 'nested too deep', 'deep', $ask, 'not_json', 'ok', 'none' ],
    [ 'an API of another shape', 'alien', $ask, undef, 'ok', 'none' ],
    [ 'a request that is no JSON', 'good', '{"model":', 'not_json', 'ok',
      'reported' ],
    [ 'a request that is too long', 'good',
      '{"model":"m","messages":[{"content":"' . 'x' x 5000 . '"}]}',
      'too_large', 'ok', 'reported' ],
    [ 'a model that stands twice', 'good',
      '{"model":"a","messages":[],"model":"b"}', 'ambiguous', 'ok',
      'reported' ],
    [ 'a model in capitals', 'good', '{"Model":"a","messages":[]}',
      'ambiguous', 'ok', 'reported' ],
);

for my $case (@cases) {
    my ($title, $name, $body, $why, $outcome, $usage) = @$case;
    my $before = unreadable();
    my $log = call($name, $body);
    my $after = unreadable();

    my @grown = grep { $after->{$_} != $before->{$_} } sort keys %$after;
    is("@grown", $why // '', "$title: " . ($why // 'nothing') . ' is counted');
    is($log->{outcome}, $outcome, "$title: $outcome");
    is($log->{usage}, $usage, "$title: usage is $usage");
}

is(scalar $t->errors(qr/\[warn\].*llm_/), 0, 'no warning so far');

call('early', $ask) for 1 .. 3;

my @warned = $t->errors(qr/\[warn\].*variable "\$llm_output_tokens" is read/);
is(scalar @warned, 1, 'a variable that is read too early is warned of, once');

$t->done;
