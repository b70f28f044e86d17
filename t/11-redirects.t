# One call, several places: redirects, error pages, retries, subrequests,
# the cache.  Each call is counted once; an attempt that failed is booked
# under the provider that failed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Calls qw(agree books_of events handler run);
use LLM::Client qw(build_request);
use LLM::Provider qw(answer failure request);
use LLM::Test;
use LLM::Upstream qw(response);
use Test::More;

my $t = LLM::Test->new;

my @OK = (outcome => 'ok', error_type => '', usage => 'reported',
          input_tokens => 20, output_tokens => 12);
my @ALPHA = (provider => 'alpha');
my @BETA = (provider => 'beta');

# attempts: { provider => [total, failed] }

my @cases = (
    { name => 'rewrite-last', expect => { @OK, @BETA, attempts => 1 },
      attempts => { beta => [1, 0] } },
    { name => 'rewrite-break', expect => { @OK, @ALPHA } },
    { name => 'try-files', expect => { @OK, @BETA },
      attempts => { beta => [1, 0] } },
    { name => 'if', expect => { @OK, @ALPHA } },

    { name => 'named', expect => { @OK, @BETA, attempts => 2 },
      attempts => { alpha => [1, 1], beta => [1, 0] } },
    { name => 'named-plain', answer => { stream => 0 },
      expect => { @OK, @BETA, attempts => 2 },
      attempts => { alpha => [1, 1], beta => [1, 0] } },
    { name => 'uri', expect => { @OK, @BETA, attempts => 2 },
      attempts => { alpha => [1, 1], beta => [1, 0] } },
    { name => 'intercept', bad => 429, expect => { @OK, @BETA },
      attempts => { alpha => [1, 1], beta => [1, 0] } },
    { name => 'intercept-400', bad => 400, expect => { @OK, @BETA },
      attempts => { alpha => [1, 1], beta => [1, 0] } },
    { name => 'status-stays', bad => 500,
      title => 'an error page that keeps its status',
      expect => { outcome => 'error', error_type => 'server_error',
                  status => 500, @BETA },
      attempts => { alpha => [1, 1], beta => [1, 0] } },
    { name => 'both-fail', bad => 429,
      script => [response(500, ['Content-Type' => 'application/json'],
                          failure('openai_chat', 500)->{body})],
      expect => { outcome => 'error', error_type => 'server_error',
                  status => 500, @BETA },
      attempts => { alpha => [1, 1], beta => [1, 1] } },
    { name => 'three', bad => 500, expect => { @OK, provider => 'gamma',
                                               attempts => 3 },
      attempts => { alpha => [1, 1], beta => [1, 1], gamma => [1, 0] } },
    { name => 'left-second', cut => 5, then => [['hang']],
      client => sub { my ($c) = @_; events($c, 4); $c->abort },
      expect => { outcome => 'aborted', @BETA, usage => 'estimated',
                  output_tokens => sub { $_[0] > 0 } },
      attempts => { alpha => [1, 1], beta => [1, 0] } },
    { name => 'left-second-early', script => [['hang']],
      client => sub { my ($c) = @_; $c->read_some(0.3); $c->abort },
      expect => { outcome => 'aborted', error_type => '', @BETA },
      attempts => { alpha => [1, 1], beta => [1, 0] } },
    { name => 'page-on', expect => { outcome => 'error', @ALPHA,
                                     error_type => 'upstream',
                                     status => 502 },
      attempts => { alpha => [1, 1] } },
    { name => 'page-off', expect => { outcome => 'error', @ALPHA,
                                      error_type => 'upstream',
                                      status => 502 },
      attempts => { alpha => [1, 1] } },
    { name => 'page-200', title => 'an error page that says 200',
      expect => { outcome => 'ok', @ALPHA, status => 200, usage => 'none' },
      attempts => { alpha => [1, 1] } },

    { name => 'accel', expect => { @OK, @BETA, attempts => 2 },
      attempts => { alpha => [1, 0], beta => [1, 0] } },
    { name => 'accel-file', expect => { @OK, @ALPHA, stream => 0 },
      attempts => { alpha => [1, 0] } },
    { name => 'accel-off', title => 'X-Accel-Redirect to where llm is off',
      expect => { outcome => 'ok', usage => 'none', @ALPHA },
      attempts => { alpha => [1, 0] } },

    { name => 'retry-down', expect => { @OK, attempts => 2 },
      attempts => { alpha => [2, 1] } },
    { name => 'retry-500', bad => 500, expect => { @OK, attempts => 2 },
      attempts => { alpha => [2, 1] } },
    { name => 'retry-all', expect => { outcome => 'error', attempts => 2,
                                       error_type => 'upstream' },
      attempts => { alpha => [2, 2] } },
    { name => 'retry-named', expect => { @OK, @BETA, attempts => 3 },
      attempts => { alpha => [2, 2], beta => [1, 0] } },

    { name => 'auth-yes', expect => { @OK, @ALPHA, attempts => 1 },
      attempts => { alpha => [1, 0] } },
    { name => 'auth-no', expect => { outcome => 'error', attempts => 0,
                                     error_type => 'auth', status => 401 },
      attempts => {} },
    { name => 'mirror', expect => { @OK, @ALPHA, attempts => 1 },
      attempts => { alpha => [1, 0] } },
    { name => 'post-action', expect => { @OK, @ALPHA },
      attempts => { alpha => [1, 0] } },
    { name => 'variable', expect => { @OK, provider => 'openai' },
      attempts => { openai => [1, 0] } },
    { name => 'two-zones', expect => { @OK, @BETA },
      title => 'another zone inside: booked where the call began',
      attempts => { beta => [1, 0] } },
);

my @off = map { { name => $_ } } qw(off-rewrite off-try off-plain);

my $good = $t->upstream(handler(@cases, @off,
    map({ { name => $_, script => [response(200,
            ['Content-Type' => 'application/json',
             'Cache-Control' => 'max-age=60'],
            answer(api => 'openai_chat')->{body})] } } qw(cache-plain)),
    { name => 'cache-stream', headers => ['Cache-Control' => 'max-age=60'] },
    { name => 'cache-get', answer => { stream => 0 } },
    { name => 'cache-error', script => [response(404,
          ['Content-Type' => 'application/json'],
          failure('openai_chat', 404)->{body})] },
    { name => 'ssi', script => [response(200, [], 'SUB')] }));

my %bad = map { $_->{name} => $_->{bad} } grep { $_->{bad} } @cases;

$t->upstream(sub {
    my ($request) = @_;
    my ($name) = $request->{path} =~ m{\A/([^/]+)};

    return response(200, [], 'fine') if $name eq 'auth-yes';
    return response(401, [], 'no') if $name eq 'auth-no';
    return response(200, ['X-Accel-Redirect' => {
        accel => '/beta/x', 'accel-file' => '/file/answer.json',
        'accel-off' => '/off/answer.json' }->{$name}], 'dropped')
        if $name =~ /^accel/;
    return response(200, [], 'mirrored') if $name eq 'mirror'
                                            || $name eq 'post-action';

    my $f = failure('openai_chat', $bad{$name} || 500);
    return response($f->{status}, $f->{headers}, $f->{body});
});

my $dead = $t->port(9);
my $two = $t->port(8);

$t->write_file('html/answer.json',
               answer(api => 'openai_chat')->{body});
$t->write_file('html/page.json', '{"error":{"message":"sorry"}}');
$t->write_file('html/page.html',
    'a <!--#include virtual="/sub/v1/chat/completions" --> b');

my $proxy = 'proxy_pass http://%%UPSTREAM%%$request_uri;';
my $bad = 'proxy_pass http://%%UPSTREAM_1%%$request_uri;';

$t->config(<<"EOC");
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:64m;
    llm_zone zone=second:8m;
    llm_price gpt-demo input=1 output=2;
    map \$request_uri \$case { ~^/(?<c>[^/?]+) \$c; default none; }
    proxy_cache_path %%DIR%%/cache keys_zone=cache:1m;

    upstream retry_down { server 127.0.0.1:$dead max_fails=0;
        server %%UPSTREAM%% backup; }
    upstream retry_500 { server %%UPSTREAM_1%% max_fails=0;
        server %%UPSTREAM%% backup; }
    upstream retry_all { server 127.0.0.1:$dead max_fails=0;
        server 127.0.0.1:$two backup; }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        root %%DIR%%/html;
        llm main;
        llm_route \$case;
        llm_provider alpha;

        location / { $proxy }
        location /rewrite-last/ { rewrite ^ /beta\$uri last; }
        location /rewrite-break/ { rewrite ^ /x\$uri break; $proxy }
        location /try-files/ { try_files /none \@beta; }
        location /if/ { if (\$request_method = POST) { $proxy } }

        location /named { error_page 502 = \@beta;
            proxy_pass http://127.0.0.1:$dead; }
        location /uri/ { error_page 502 = /beta/uri;
            proxy_pass http://127.0.0.1:$dead; }
        location /intercept { error_page 400 429 = \@beta;
            proxy_intercept_errors on; $bad }
        location /status-stays/ { error_page 500 \@beta;
            proxy_intercept_errors on; $bad }
        location /both-fail/ { error_page 429 = \@beta;
            proxy_intercept_errors on; $bad }
        location /three/ { error_page 500 = \@beta_fails;
            recursive_error_pages on; proxy_intercept_errors on; $bad }
        location \@beta_fails { llm_provider beta; error_page 502 = \@gamma;
            recursive_error_pages on;
            proxy_pass http://127.0.0.1:$dead; }
        location \@gamma { llm_provider gamma; $proxy }
        location /left-second { error_page 502 = \@beta;
            proxy_pass http://127.0.0.1:$dead; }
        location /page-on/ { error_page 502 /page.json;
            proxy_pass http://127.0.0.1:$dead; }
        location /page-off/ { error_page 502 /off/page.json;
            proxy_pass http://127.0.0.1:$dead; }
        location /page-200/ { error_page 502 =200 /page.html;
            proxy_pass http://127.0.0.1:$dead; }
        location = /page.json { llm_provider never; default_type
            application/json; return 502 '{"error":{"type":"x"}}'; }
        location = /page.html { llm_provider never; default_type text/html;
            return 200 sorry; }

        location /accel { $bad }
        location /beta/ { internal; llm_provider beta; $proxy }
        location \@beta { llm_provider beta; $proxy }
        location /file/ { internal; llm_provider never; types { }
            default_type application/json; alias %%DIR%%/html/; }
        location /off/ { llm off; types { } default_type application/json;
            alias %%DIR%%/html/; }

        location /retry-down/ {
            proxy_pass http://retry_down\$request_uri;
            proxy_next_upstream error non_idempotent; }
        location /retry-500/ { proxy_pass http://retry_500\$request_uri;
            proxy_next_upstream error http_500 non_idempotent; }
        location /retry-all/ { proxy_pass http://retry_all\$request_uri; }
        location /retry-named/ { error_page 502 = \@beta;
            proxy_pass http://retry_all\$request_uri; }

        location /auth { auth_request /check/v1/chat/completions; $proxy }
        location /check/ { internal; llm_provider never; $bad
            proxy_pass_request_body off;
            proxy_set_header Content-Length ''; }
        location /mirror/ { mirror /copy/v1/chat/completions; $proxy }
        location /copy/ { internal; llm_provider never; $bad }
        location /post-action/ { post_action /copy/v1/chat/completions;
            $proxy }
        location /variable/ { llm_provider auto;
            proxy_pass http://\$server_addr:%%PORT_7%%\$request_uri; }
        location /two-zones/ { rewrite ^ /second\$uri last; }
        location /second/ { llm second; llm_provider beta; $proxy }

        location /off-rewrite/ { rewrite ^ /unmetered\$uri last; }
        location /off-try/ { try_files /none \@unmetered; }
        location /off-plain/ { llm off; $proxy }
        location /unmetered/ { llm off; $proxy }
        location \@unmetered { llm off; $proxy }

        location /ssi/ { ssi on; try_files /page.html =404; }
        location /sub/ { $proxy }

        location /cache {
            proxy_cache cache;
            proxy_cache_methods POST GET;
            proxy_cache_key \$request_uri\$request_body;
            proxy_cache_valid 404 1m;
            proxy_cache_valid 200 1m;
            $proxy
        }
        location = /llm-status { llm off; llm_status main; access_log off; }
        location = /second-status { llm off; llm_status second;
            access_log off; }
    }

    server {
        listen 127.0.0.1:%%PORT_7%%;
        access_log off;
        location / { $proxy }
    }
}
EOC

$t->start;

subtest 'places' => sub {
    run($t, @cases);
    LLM::Calls::check_all($t, @cases);

    my $json = $t->status;

    for my $case (@cases) {
        my %have;

        for my $s (LLM::Calls::series_of($json, route => $case->{name})) {
            my $n = $s->{windows}{all}{attempts};
            my $sum = $have{ $s->{labels}{provider} } ||= [0, 0];
            $sum->[0] += $n->{total};
            $sum->[1] += $n->{failed};
        }

        delete @have{ grep { !$have{$_}[0] } keys %have };
        is_deeply(\%have, $case->{attempts}, "$case->{name}: attempts")
            if $case->{attempts};
    }

    is($json->{total}{windows}{all}{calls}{total}, @cases, 'all counted');
    ok(!grep({ $_->{labels}{provider} eq 'never' } @{ $json->{series} }),
       'none under a provider that was never called');
};

subtest 'off means off' => sub {
    my $before = $t->status;
    run($t, @off);
    my @lines = $t->logged(scalar @off);
    is(join('', map { $_->{operation} . $_->{outcome} } @lines), '',
       'no variables');
    is($_->{got}{body}, $_->{made}{body}, "$_->{name}: body") for @off;
    my $after = $t->status;
    is($after->{total}{windows}{all}{calls}{total},
       $before->{total}{windows}{all}{calls}{total}, 'no call counted');
    is($after->{health}{other_requests}, 0, 'nor another request');
    is(LLM::Books::in_flight($after), 0, 'none in flight');
};

subtest 'a page with an include' => sub {
    my $r = $t->get('/ssi/page');
    like($r->{body}, qr/^a .* b$/s, 'page');
    my ($line) = $t->logged(1);
    is($line->{operation}, '', 'the page is no call');
    my $json = $t->status;
    is($json->{health}{other_requests}, 1, 'but another request');
    is($json->{total}{windows}{all}{calls}{total}, @cases,
       'what it includes is not counted');
};

subtest 'replays' => sub {
    my @lines;

    for my $name (qw(cache-plain cache-stream cache-get cache-error)) {
        my ($method, $body) = $name eq 'cache-get' ? ('GET', undef)
            : ('POST', request('openai_chat',
                               stream => $name eq 'cache-stream'));
        my $uri = "/$name/v1/chat/completions";
        my @r = map { $t->http($method, $uri, $body) } 1 .. 2;
        is($r[1]{body}, $r[0]{body}, "$name: same bytes");
        my ($miss, $hit) = $t->logged(2);
        push @lines, $miss, $hit;
        is($hit->{upstream_status}, '', "$name: from the cache");
        is($miss->{outcome}, $name eq 'cache-error' ? 'error' : 'ok',
           "$name: outcome");
        is($hit->{outcome}, $miss->{outcome}, "$name: outcome of the replay");

        my $b = books_of($t->status, route => $name);
        is($b->{calls}{total}, 2, "$name: both counted");
        is($b->{calls}{replayed}, 1, "$name: one as a replay");
        is($b->{latency}{duration}, 1, "$name: one sample");
        is($b->{attempts}{total}, 1, "$name: one attempt");
        next if $name eq 'cache-error';

        is($b->{tokens}{output}, 12, "$name: tokens once");
        is($b->{cost}{usd}, 44000, "$name: cost once");
        is($b->{cost}{saved_usd}, 44000, "$name: saved once");
        is($b->{latency}{ttft}, $name eq 'cache-stream' ? 1 : 0,
           "$name: TTFT of what came from the provider");
        is($hit->{cost}, '', "$name: no cost");
        is($hit->{saved_cost}, $miss->{cost}, "$name: but what it saved");
    }
};

subtest 'the other zone' => sub {
    my $json = $t->status(undef, 1);
    is($json->{total}{windows}{all}{calls}{total}, 0, 'is empty');
};

$t->done;
