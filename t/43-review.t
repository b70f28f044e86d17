# What a review of the gates found: each of these passed too much, charged
# the wrong sum, or held what nobody gave back.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use LLM::Client qw(build_request);
use LLM::Provider qw(answer failure request words);
use LLM::Test;
use LLM::Upstream qw(response);
use LLM::Util qw(wait_for);
use Test::More;

my $t = LLM::Test->new;


# what the upstream answers, the model says

my $up = $t->upstream(sub {
    my ($req) = @_;

    my $asked = JSON::PP->new->decode($req->{body} || '{}');
    my $model = $asked->{model} || 'm';

    return ([hang =>]) if $model =~ /mute/;
    return ([close =>]) if $model =~ /closed/;
    return ([close =>]) if $model =~ /break/;

    if ($model =~ /fail/) {
        my $f = failure('openai_chat', 500);
        return response(500, $f->{headers}, $f->{body});
    }

    my $made = answer(api => 'openai_chat', model => $model,
                      stream => $asked->{stream}, text => [words(400)],
                      usage => { input => 10, output => 10 });
    my @headers = ('Content-Type' => $made->{type});

    return response(200, \@headers, $made->{body});
});

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    access_log %%DIR%%/access.log llm_test;

    llm_zone zone=main:16m;

    llm_limit_zone $arg_key zone=many:1m rate=1000r/d;
    llm_limit_zone $slow zone=slow:1m rate=2r/d;
    llm_budget_zone $arg_key zone=day:1m period=day;

    map $llm_budget_day $slow { default "all"; }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;

        location /off/ {
            llm_budget zone=day limit=2r;
            try_files /nothing @off;
        }
        location @off { llm off; proxy_pass http://%%UPSTREAM%%; }

        location /zones/ {
            llm_limit zone=many;
            llm_limit zone=slow;
            llm_budget zone=day limit=100r;
            proxy_pass http://%%UPSTREAM%%;
        }

        location /tokens/ {
            llm_budget zone=day limit=100000t reserve=20;
            proxy_pass http://%%UPSTREAM%%;
        }

        location /late/ {
            llm_budget zone=day limit=100000t;
            proxy_read_timeout 500ms;
            proxy_pass http://%%UPSTREAM%%;
        }

        location /ended/ {
            llm_budget zone=day limit=100000t;
            llm_stream_timeout total=500ms;
            proxy_pass http://%%UPSTREAM%%;
        }

        location /dry/ {
            llm_budget zone=day limit=$arg_limit dry_run;
            proxy_pass http://%%UPSTREAM%%;
        }

        location /left {
            llm_deny 1;
            llm_budget zone=day limit=100000t;
            add_header X-Left $llm_budget_day_left always;
            proxy_pass http://%%UPSTREAM%%;
        }

        location = /llm-status { llm off; llm_status main; }
    }
}
EOC

$t->start;


sub call {
    my ($uri, %opt) = @_;

    my ($path, $args) = $uri =~ /\A([^?]*)(.*)\z/;

    return $t->post("${path}v1/chat/completions$args",
                    request('openai_chat', model => 'm', %opt));
}


sub statuses { return join ' ', map { $_->{status} } @_ }


sub charged {
    my ($key) = @_;

    my $r = $t->post("/left/v1/chat/completions?key=$key",
                     '{"model":"m","messages":[]}');

    return 100_000 - $r->{headers}{'x-left'};
}


# what ends where llm is off is no free call

is statuses(map { call('/off/?key=f', model => 'fail') } 1 .. 4),
    '500 500 500 500', 'calls that fail where llm is off cost nothing';
is statuses(map { call('/off/?key=o') } 1 .. 4), '200 200 429 429',
    'calls that are answered there count';


# the key of a zone asks how another one stands

is statuses(map { call('/zones/?key=z') } 1 .. 4), '200 200 429 429',
    'a limit whose key is made from a budget counts';


# without a bound and without usage: what was delivered is charged

is call('/tokens/?key=t', stream => 1)->{status}, 200,
    'a long stream without usage';
wait_for(5, sub { return charged('t') != 0 });
cmp_ok charged('t'), '>', 300, 'is charged more than was reserved';


# asked, and never answered: it may have been made, and billed; who closes the
# connection has not

is call('/late/?key=l', model => 'mute')->{status}, 504, 'no answer in time';
ok(wait_for(5, sub { my $n = charged('l'); return $n > 0 && $n < 200 }),
   'costs its input');
is call('/late/?key=c', model => 'closed')->{status}, 502, 'one that is shut';
ok(wait_for(5, sub { return charged('c') == 0 }), 'costs nothing');
is call('/ended/?key=e', model => 'mute')->{status}, 504, 'one that was ended';
ok(wait_for(5, sub { my $n = charged('e'); return $n > 0 && $n < 200 }),
   'costs its input, too');

{
    my $client = $t->client;
    $client->send(build_request('POST', '/tokens/v1/chat/completions?key=g',
        request('openai_chat', model => 'mute', max_tokens => 900)));
    ok(wait_for(5, sub { return charged('g') > 900 }), 'a call in flight');
    $client->abort;
    $t->logged(1);
    cmp_ok charged('g'), '>', 900, 'that is left, and is no stream, is charged'
        . ' what was reserved';
}


# a dry run refuses nobody

is call('/dry/?key=d&limit=many')->{status}, 200,
    'no amount, but only tried out';

$t->done;
