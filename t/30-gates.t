# Limits and budgets, through nginx: from nothing to full, the refusal comes
# at the right call; several admit together or none is charged; what never
# ran costs nothing.
#
# What this cannot see: two calls in the same instant; t/30-races.t does.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use LLM::Client qw(build_request);
use LLM::Provider qw(answer failure request);
use LLM::Test;
use LLM::Upstream qw(response);
use LLM::Util qw(mono wait_for);
use Test::More;

my $t = LLM::Test->new(workers => 2);

my %usage = (input => 100, output => 50);


# what the upstream answers, the model says: "fail" is a 500, "slow" waits

my $up = $t->upstream(sub {
    my ($req) = @_;

    my $asked = JSON::PP->new->decode($req->{body});
    my $model = $asked->{model} || 'fail';

    if ($model =~ /fail/) {
        my $f = failure('openai_chat', 500);
        return response(500, $f->{headers}, $f->{body});
    }

    my $made = answer(api => 'openai_chat', model => $model,
                      stream => $asked->{stream}, include_usage => 1,
                      usage => \%usage);
    my @headers = ('Content-Type' => $made->{type});

    return response(200, \@headers, $made->{body})
        unless $model =~ /hang/;

    return (response(200, \@headers, join('', @{ $made->{pieces} }[0 .. 2]),
                     framing => 'chunked'), [hang =>]);
});

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    log_format gates escape=json '{"uri":"$uri","id":"$http_x_id","status":"$status",'
        '"gate":"$llm_gate","tpm":"$llm_limit_tpm","day":"$llm_budget_day",'
        '"left":"$llm_budget_day_left","hour":"$llm_budget_hour",'
        '"outcome":"$llm_outcome","error":"$llm_error_type"}';
    access_log %%DIR%%/access.log llm_test;
    access_log %%DIR%%/gates.log gates;

    llm_zone zone=main:16m;
    llm_price m* input=1000 output=2000;

    llm_limit_zone $arg_key zone=tpm:1m rate=1000t/d;
    llm_limit_zone $arg_key zone=rpm:1m rate=3r/d;
    llm_limit_zone $arg_key zone=usd:1m rate=1usd/d;
    llm_limit_zone $arg_key zone=fast:1m rate=1r/s;
    llm_budget_zone $arg_key zone=day:1m period=day;
    llm_budget_zone $arg_key zone=hour:1m period=hour;
    llm_budget_zone $arg_key zone=month:1m period=month;

    map $llm_request_model $denied { default ""; ~bad yes; }
    map $arg_key $team_limit { default ""; red 2r; blue 3r; none 0;
                               odd "12 apples"; }
    map $llm_budget_day $by_day { default "plain"; SOFT "soft"; }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        proxy_pass_header X-By;

        location / { proxy_pass http://%%UPSTREAM%%; }

        location /rpm/ { llm_limit zone=rpm; proxy_pass http://%%UPSTREAM%%; }
        location /burst/ {
            llm_limit zone=rpm burst=5r;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /tpm/ { llm_limit zone=tpm; proxy_pass http://%%UPSTREAM%%; }
        location /usd/ { llm_limit zone=usd; proxy_pass http://%%UPSTREAM%%; }
        location /wait/ {
            llm_limit zone=fast burst=1r delay=3s;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /dry/ {
            llm_limit zone=rpm dry_run;
            llm_budget zone=day limit=2r dry_run;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /day/ {
            llm_budget zone=day limit=10r soft=50;
            add_header X-By $by_day always;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /tokens/ {
            llm_budget zone=day limit=1000t;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /dollars/ {
            llm_budget zone=day limit=1usd;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /unpriced/ {
            llm_budget zone=day limit=1usd unpriced=pass;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /passes/ {
            llm_budget zone=day limit=1r pass;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /team/ {
            llm_budget zone=day limit=$team_limit;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /both/ {
            llm_budget zone=day limit=100r;
            llm_limit zone=rpm;
            llm_budget zone=hour limit=2r status=402 log=info;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /over/ {
            llm_budget zone=day limit=5r;
            llm_budget zone=hour limit=5r;
            error_page 500 = @second;
            proxy_intercept_errors on;
            proxy_pass http://%%UPSTREAM%%;
        }
        location @second {
            llm_budget zone=day limit=5r;
            proxy_set_body '{"model":"m2"}';
            proxy_pass http://%%UPSTREAM%%;
        }
        location /caught/ {
            llm_limit zone=rpm;
            error_page 429 = @free;
            proxy_pass http://%%UPSTREAM%%;
        }
        location @free { llm_limit off; proxy_pass http://%%UPSTREAM%%; }

        location /deny/ {
            llm_deny $denied;
            llm_deny $arg_why 451;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /input/ {
            llm_max_input_tokens 60;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /cost/ {
            llm_max_cost $arg_max;
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /llm-status { llm off; llm_status main; }
    }
}
EOC

$t->start;


sub call {
    my ($uri, %opt) = @_;

    my $body = $opt{body}
        || request('openai_chat', model => $opt{model} || 'm1',
                   max_tokens => $opt{max} || 50,
                   prompt => $opt{prompt} || 'Hello', %{ $opt{more} || {} });
    my $path = $uri;
    $path =~ s{^(/\w+/)(\?.*)?$}{"${1}v1/chat/completions" . ($2 || '')}e;

    return post($path, $body);
}


my $id = 0;

sub post { return $t->post(@_, 'X-Id' => ++$id) }

# what was logged of the last call

sub gate_line {
    my $line;

    wait_for(20, sub {
        ($line) = $t->read_file('gates.log') =~ /^(.*"id":"$id",.*)\n/m;
        return $line;
    });

    return JSON::PP->new->decode($line);
}


sub statuses { return join ' ', map { $_->{status} } @_ }


# calls

is statuses(map { call('/rpm/?key=a') } 1 .. 5), '200 200 200 429 429',
    'a limit of 3 calls lets 3 through';
is statuses(map { call('/rpm/?key=b') } 1 .. 4), '200 200 200 429',
    'and each key has its own';
is statuses(map { call('/rpm/') } 1 .. 5), '200 200 200 200 200',
    'a call without a key is not counted';
is statuses(map { call('/burst/?key=c') } 1 .. 6),
    '200 200 200 200 200 429', 'burst is the size of the bucket';
is statuses(map { call('/day/?key=a') } 1 .. 12),
    join(' ', (200) x 10, 429, 429), 'a budget of 10 calls lets 10 through';

my $refused = call('/rpm/?key=a');
my $line = gate_line();
is $line->{gate}, 'limit rpm:reject', 'the gate that refused is named';
is "$line->{outcome} $line->{error}", 'refused gate', 'so is the outcome';
like $refused->{headers}{'retry-after'} || '', qr/^\d+$/, 'Retry-After';

$refused = call('/day/?key=a');
$line = gate_line();
is $line->{gate}, 'budget day:reject', 'the budget that refused is named';
like $refused->{body}, qr/0 of 10 calls left, this call may take 1\b/,
    'what is left is said, and what was asked for';
like $refused->{body}, qr/"insufficient_quota"/, 'its code is that of OpenAI';
is $refused->{headers}{'x-should-retry'}, 'false', 'SDKs are told to stop';
is $refused->{headers}{'retry-after'}, undef, 'and not when to come back';


# tokens: 100 + 50 are reported, whatever was reserved

my @r = map { call('/tokens/?key=t1') } 1 .. 9;
my $admitted = grep { $_->{status} == 200 } @r;
is $admitted, 7, '1,000 tokens are 7 calls of 150, or the estimate is off'
    or diag statuses(@r);

@r = map { call('/tpm/?key=t2') } 1 .. 9;
is scalar(grep { $_->{status} == 200 } @r), 7, 'of a limit as well'
    or diag statuses(@r);


# dollars: 0.1 + 0.1 a call

@r = map { call('/dollars/?key=d1') } 1 .. 7;
is statuses(@r), '200 200 200 200 200 429 429', 'a dollar is 5 calls of 0.2';
@r = map { call('/usd/?key=d2') } 1 .. 7;
is statuses(@r), '200 200 200 200 200 429 429', 'of a limit as well';

is call('/dollars/?key=d3', model => 'x')->{status}, 429,
    'a model without a price is refused';
like call('/dollars/?key=d3', model => 'x')->{body}, qr/no price/,
    'and why is said';
is call('/unpriced/?key=d3', model => 'x')->{status}, 200,
    'unless it may pass';


# nothing ran, nothing is charged

is statuses(map { call('/day/?key=f', model => 'mfail') } 1 .. 15),
    join(' ', (500) x 15), 'errors of the upstream cost nothing';
is statuses(map { call('/day/?key=f') } 1 .. 11),
    join(' ', (200) x 10, 429), 'the budget is whole after them';


# soft line, pass, dry run

@r = map { call('/day/?key=s') } 1 .. 7;
is join(' ', map { $_->{headers}{'x-by'} } @r),
    'plain plain plain plain plain soft soft', 'the soft line is at half';
is gate_line()->{day}, 'SOFT', '$llm_budget_NAME says so';

is statuses(map { call('/passes/?key=p') } 1 .. 3), '200 200 200',
    'a budget that passes refuses nobody';
$line = gate_line();
is $line->{day}, 'REJECTED', 'and says what it would have said';
is $line->{gate}, 'pass', 'the gate passed it';
is call('/day/?key=p')->{headers}{'x-by'}, 'plain', 'three are spent';

is statuses(map { call('/dry/?key=y') } 1 .. 5), '200 200 200 200 200',
    'a dry run refuses nobody';
is gate_line()->{day}, 'REJECTED_DRY_RUN', 'and says so';


like $t->read_file('error.log'),
    qr/limiting calls, dry run, by zone "rpm": 0 of 3 calls left, this/,
    'and so does the error log';


# of a map

is statuses(map { call('/team/?key=red') } 1 .. 3), '200 200 429',
    'one team has 2';
is statuses(map { call('/team/?key=blue') } 1 .. 4), '200 200 200 429',
    'another one 3';
is call('/team/?key=none')->{status}, 429, '0 allows nothing';
is call('/team/?key=other')->{status}, 200, 'an empty amount is none';
is call('/team/?key=odd')->{status}, 429, 'one that is no amount refuses';
like $t->read_file('error.log'), qr/limit "12 apples", which is no amount/,
    'and is logged';


# all or none

is statuses(map { call('/both/?key=z') } 1 .. 5), '200 200 402 402 402',
    'the third refuses';
is statuses(map { call('/rpm/?key=z') } 1 .. 2), '200 429',
    'and nothing was taken of those before it';


# redirects

is call('/over/?key=o', model => 'mfail')->{status}, 200,
    'a second location answers';
is statuses(map { call('/over/?key=o') } 1 .. 5), '200 200 200 200 429',
    'one call was charged, once';

is statuses(map { call('/caught/?key=q') } 1 .. 4), '200 200 200 200',
    'error_page takes a refused call to another location';
$line = gate_line();
is $line->{outcome}, 'ok', 'where it is no refused one any more';


# single calls

is call('/deny/', model => 'bad-1')->{status}, 403, 'llm_deny of a map';
is gate_line()->{gate}, 'deny:reject', 'is named';
is call('/deny/')->{status}, 200, 'and not of other models';
is call('/deny/?why=1')->{status}, 451, 'with a status';
is call('/deny/?why=0')->{status}, 200, '0 is no reason';

is call('/input/')->{status}, 200, 'a short prompt';
is call('/input/', prompt => 'word ' x 200)->{status}, 413, 'a long one';
is gate_line()->{gate}, 'input:reject', 'is named';

is call('/cost/?max=0.2', max => 10)->{status}, 200, 'a cheap call';
is call('/cost/?max=0.2', max => 1000)->{status}, 429, 'a dear one';
is gate_line()->{gate}, 'cost:reject', 'is named';
is call('/cost/', max => 100000)->{status}, 200, 'no bound, no gate';
is call('/cost/?max=x')->{status}, 429, 'what is no number refuses';
is call('/cost/?max=5', max => 10, more => { n => 100 })->{status}, 200,
    'answers count';
is call('/cost/?max=1', max => 10, more => { n => 100 })->{status}, 429,
    'each of them';


# waits: a call a second, a bucket of one, and at most three seconds

{
    my @clients = map { LLM::Client->new(port => $t->port, timeout => 20) }
                  1 .. 7;
    my $bytes = build_request('POST', '/wait/v1/chat/completions?key=w',
                              request('openai_chat', model => 'm1'));
    my $from = mono();
    $_->send($bytes) for @clients;
    my @got = map { my $r = $_->response; [$r->{status}, mono() - $from] }
              @clients;
    my @passed = sort { $a <=> $b } map { $_->[0] == 200 ? $_->[1] : () }
                 @got;

    is scalar(@passed), 4, 'one at once and three that wait';
    for my $n (0 .. $#passed) {
        cmp_ok $passed[$n], '>=', $n - 0.01,
            "number $n is not early";
    }
    is scalar(grep { $_->[0] == 429 } @got), 3, 'those after them are refused';
    wait_for(20, sub {
        return 7 == grep { m{"uri":"/wait/} }
               split /\n/, $t->read_file('gates.log');
    });
    is scalar(() = $t->read_file('gates.log') =~ /"limit fast:delay"/g), 3,
        'and the log tells who waited';
}


# what is no API that we know is counted where it names a model

is statuses(map { post('/rpm/v1/unheard?key=w', '{"model":"m1"}') }
            1 .. 4), '200 200 200 429', 'an unknown path with a model counts';
is statuses(map { post('/rpm/v1/unheard?key=v', '{"x":"m1"}') } 1 .. 4),
    '500 500 500 500', 'one without is nothing that we know of';


# what cannot be read

is post('/rpm/v1/chat/completions?key=u', '{"model":"m1",')->{status}, 400,
    'a body that is no JSON';
is gate_line()->{gate}, 'unreadable:not_json', 'is named';
is post('/rpm/v1/chat/completions?key=u',
            '{"model":"m1","model":"m2"}')->{status}, 400, 'two models';
is gate_line()->{gate}, 'unreadable:ambiguous', 'is named';

$t->done;
