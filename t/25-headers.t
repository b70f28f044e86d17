# What providers say in headers: in variables, in the status, by provider;
# where the call went to several; where a body says it too; what a cache
# answers, and what is none.
#
# What this cannot see: headers of HTTP/2 upstreams, which this nginx has not
# but for gRPC.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Calls qw(agree events handler run);
use LLM::Client qw(build_request);
use LLM::Provider qw(answer failure request);
use LLM::Status ();
use LLM::Test;
use LLM::Upstream qw(response sse);
use LLM::Util qw(spew wait_for);
use Test::More;

my $t = LLM::Test->new(workers => 2);

my @JSON = ('Content-Type' => 'application/json');
my @NONE = (remaining_requests => '', remaining_tokens => '',
            provider_time => '');

my $told = answer(api => 'openai_chat')->{body};
(my $untold = $told) =~ s/,"usage":.*/}/s;
(my $timed = $told) =~ s/"total_tokens"/"total_time":0.5,"total_tokens"/;
(my $priced = $told) =~ s/"total_tokens"/"cost":0.25,"total_tokens"/;

sub ok_with    { return [response(200, [@JSON, @_], $told)] }
sub without    { return [response(200, [@JSON, @_], $untold)] }
sub openai     { my ($left, @more) = @_;
                 return ('x-ratelimit-limit-requests' => 100,
                         'x-ratelimit-remaining-requests' => $left, @more) }
sub bedrock    { my ($in, $out, @more) = @_;
                 return ('x-amzn-bedrock-input-token-count' => $in,
                         'x-amzn-bedrock-output-token-count' => $out, @more) }
sub reported   { my ($in, $out, $read, $write) = @_;
                 return (usage => 'reported', input_tokens => $in,
                         output_tokens => $out,
                         cache_read_tokens => $read || 0,
                         cache_write_tokens => $write || 0) }

sub failed {
    my ($status, $body, @headers) = @_;

    return [response($status, [@JSON, @headers], $body)];
}

# A case is a provider of its name, unless "of" says another; said is what
# the status then holds of it: remaining and limit of requests, of tokens, and
# whether resets are known.

my @cases = (
    { name => 'all-of-openai', script => ok_with(
        (map { ("x-other-$_" => $_) } 1 .. 30),
        'X-RateLimit-Limit-Requests' => 10000,
        'x-ratelimit-limit-tokens' => 200000,
        'x-ratelimit-remaining-requests' => 9999,
        'X-RATELIMIT-REMAINING-TOKENS' => 199968,
        'x-ratelimit-reset-requests' => '8.64s',
        'x-ratelimit-reset-tokens' => '6m0s',
        'openai-processing-ms' => 1207,
        'x-envoy-upstream-service-time' => 1300),
      expect => { remaining_requests => 9999, remaining_tokens => 199968,
                  provider_time => '1.207000', outcome => 'ok' },
      said => [9999, 10000, 199968, 200000], reset => [8.64, 360] },

    { name => 'a-stream', headers => [
        'anthropic-ratelimit-requests-limit' => 50,
        'anthropic-ratelimit-requests-remaining' => 0,
        'anthropic-ratelimit-input-tokens-limit' => 1000,
        'anthropic-ratelimit-input-tokens-remaining' => 900,
        'anthropic-ratelimit-output-tokens-limit' => 500,
        'anthropic-ratelimit-output-tokens-remaining' => 499,
        'server-timing' => 'proxy;dur=12.25'],
      expect => { remaining_requests => 0, remaining_tokens => 499,
                  provider_time => '0.012250', reported(20, 12) },
      said => [0, 50, 499, 500] },

    { name => 'half', script => ok_with(openai(99)),
      expect => { @NONE, remaining_requests => 99 },
      said => [99, 100, undef, undef] },

    { name => 'azure', script => ok_with(
        'x-ratelimit-remaining-requests' => 118,
        'x-ratelimit-remaining-tokens' => -1,
        'x-ratelimit-limit-tokens' => 0),
      expect => { @NONE, remaining_requests => 118 },
      said => [118, undef, undef, undef] },

    { name => 'windows', script => ok_with(
        'x-ratelimit-limit-requests-day' => 14400,
        'x-ratelimit-remaining-requests-day' => 14399,
        'x-ratelimit-limit-requests-minute' => 30,
        'x-ratelimit-remaining-requests-minute' => 29,
        'x-kong-upstream-latency' => 179),
      expect => { @NONE, remaining_requests => 29,
                  provider_time => '0.179000' },
      said => [29, 30, undef, undef] },

    { name => 'refused', script => failed(429,
        failure('openai_chat', 429)->{body}, openai(0),
        'x-ratelimit-reset-requests' => '2m'),
      expect => { outcome => 'error', error_type => 'rate_limit',
                  remaining_requests => 0 },
      said => [0, 100, undef, undef], reset => [120] },

    { name => 'nothing', script => ok_with('x-request-id' => 1),
      expect => { @NONE } },

    { name => 'garbage', script => ok_with(
        'x-ratelimit-remaining-requests' => 'many',
        'x-ratelimit-limit-requests' => '1e3',
        'x-ratelimit-remaining-tokens' => '9' x 300,
        'x-ratelimit-limit-tokens' => '-5',
        'x-ratelimit-reset-tokens' => 'soon',
        'x-ratelimit-' => 5, 'x-' => 5, 'x' => '',
        'server-timing' => '"' . 'gfet4t7;dur=1,' x 200,
        'openai-processing-ms' => "\x80\xff", 'x-amzn-errortype' => '#:',
        'x-litellm-response-cost' => '1e999999',
        bedrock('-1', '99999999999999999999')),
      expect => { @NONE, reported(20, 12), cost_source => 'list' } },

    # tokens

    { name => 'counts', script => without(bedrock(3, 44,
        'x-amzn-bedrock-cache-read-input-token-count' => 9511,
        'x-amzn-bedrock-cache-write-input-token-count' => 1956,
        'x-amzn-bedrock-invocation-latency' => 1233)),
      expect => { @NONE, provider_time => '1.233000',
                  reported(11470, 44, 9511, 1956) } },
    { name => 'counts-tgi', script => without('x-prompt-tokens' => 11,
        'x-generated-tokens' => 20, 'x-total-time' => 640),
      expect => { reported(11, 20), provider_time => '0.640000' } },
    { name => 'counts-both', title => 'the body reports, and wins',
      script => ok_with(bedrock(1, 2)), expect => { reported(20, 12) } },
    { name => 'counts-output', title => 'what the body leaves out',
      script => [response(200, [@JSON, bedrock(30, 51)],
          ($untold =~ s/}\z//r) . ',"usage":{"prompt_tokens":20}}')],
      expect => { reported(20, 51) } },
    { name => 'counts-embeddings', api => 'embeddings',
      script => [response(200, [@JSON,
          'x-amzn-bedrock-input-token-count' => 3],
          '{"embedding":[0.5,0.25],"embeddingsByType":{}}')],
      expect => { reported(3, 0) } },
    { name => 'counts-huge', title => 'bounded, parts stay parts',
      script => without(bedrock(999_999_999_999_999, 5,
        'x-amzn-bedrock-cache-read-input-token-count' => 99_999_999_999)),
      expect => { reported(4294967296, 5, 4294967296) } },
    { name => 'counts-unreadable', script => [response(200, [@JSON,
        'Content-Encoding' => 'br', bedrock(7, 8)], "\x0b\x02\x80abc\x03")],
      expect => { reported(7, 8), outcome => 'ok' } },
    { name => 'counts-error', title => 'an error took nothing',
      script => failed(500, '{"message":"no"}', bedrock(7, 8)),
      expect => { usage => 'none' } },
    { name => 'counts-failed', title => 'nor did one of status 200',
      script => [response(200, [@JSON, bedrock(7, 8)],
                          '{"error":{"type":"api_error","message":"x"}}')],
      expect => { usage => 'none', outcome => 'error' } },
    { name => 'counts-stream', title => 'a header knows no stream',
      answer => { include_usage => 0 }, headers => [bedrock(7, 8)],
      expect => { usage => 'estimated' } },
    { name => 'counts-aborted', title => 'a body that breaks off',
      script => [response(200, [@JSON, bedrock(7, 8)],
                          substr($untold, 0, 150), broken => 1)],
      expect => { reported(7, 8), outcome => 'incomplete' } },

    # errors

    { name => 'error-throttled', script => failed(400, '{"message":"slow"}',
        'x-amzn-errortype' => 'ThrottlingException:http://aws/'),
      expect => { error_type => 'rate_limit' } },
    { name => 'error-model', script => failed(424, '{"message":"x"}',
        'x-amzn-errortype' => 'modelTimeoutException'),
      expect => { error_type => 'timeout' } },
    { name => 'error-denied', script => failed(400, '{"Message":"x"}',
        'x-amzn-errortype' => 'ns#UnrecognizedClientException:http://aws/'),
      expect => { error_type => 'auth' } },
    { name => 'error-invalid', title => 'no better than the status',
      script => failed(413, '{"message":"x"}',
        'x-amzn-errortype' => 'ValidationException:http://aws/'),
      expect => { error_type => 'too_large' } },
    { name => 'error-body', title => 'the body says better',
      script => failed(400, '{"error":{"type":"overloaded_error",'
        . '"message":"x"}}', 'x-amzn-errortype' => 'ThrottlingException'),
      expect => { error_type => 'overloaded' } },
    { name => 'error-unknown', script => failed(404, '{"message":"x"}',
        'x-amzn-errortype' => 'PurpleException'),
      expect => { error_type => 'not_found' } },

    # cost

    { name => 'cost-said', script => ok_with(
        'x-litellm-response-cost' => '2.9e-05'),
      expect => { cost => '0.000029000', cost_source => 'provider' } },
    { name => 'cost-zero', title => 'unknown to the proxy',
      script => ok_with('x-litellm-response-cost' => '0.0'),
      expect => { cost => '0.000044000', cost_source => 'list' } },
    { name => 'cost-body', title => 'the body says it, and wins',
      script => [response(200, [@JSON,
          'x-litellm-response-cost' => '7'], $priced)],
      expect => { cost => '0.250000000', cost_source => 'provider' } },
    { name => 'cost-stream', title => 'nobody knows it yet',
      headers => ['x-litellm-response-cost' => '7'],
      expect => { cost_source => 'list' } },

    # several attempts

    { name => 'retry', bad => [500, openai(1)],
      script => ok_with(openai(50)), expect => { remaining_requests => 50 },
      said => [50, 100, undef, undef] },
    { name => 'retry-silent', bad => [500, openai(2)],
      title => 'of the attempt that answered, which says nothing',
      expect => { @NONE, outcome => 'ok' } },
    { name => 'retry-dead', bad => [500, openai(3)],
      title => 'the last attempt did not answer',
      expect => { @NONE, outcome => 'error' } },
    { name => 'redirect', bad => [429, openai(0)],
      script => ok_with(openai(51)),
      expect => { remaining_requests => 51, provider => 'beta' },
      said => [0, 100, undef, undef] },
    { name => 'redirect-silent', bad => [429, openai(4)],
      expect => { @NONE, provider => 'beta' },
      said => [4, 100, undef, undef] },
    { name => 'page', bad => [429, openai(5),
        'x-amzn-errortype' => 'ValidationException',
        bedrock(7, 8)],
      title => 'a page of ours: who was called',
      expect => { remaining_requests => 5, provider => 'page',
                  usage => 'none', outcome => 'ok' },
      said => [5, 100, undef, undef] },
    { name => 'post-action', script => ok_with(openai(6)),
      bad => [200, openai(7)], expect => { remaining_requests => 6 },
      said => [6, 100, undef, undef] },
);

my %bad = map { $_->{name} => $_->{bad} } grep { $_->{bad} } @cases;

my $good = $t->upstream(sub {
    my ($request, $state) = @_;
    my ($name, $n) = $request->{path} =~ m{\A/([^/]+)(?:/(\d+))?};
    $state->{handler} ||= handler(@cases);

    return @{ ok_with(openai($n)) } if $name =~ /\Aleft/;
    return sse([map({ ($_, [pause => 20]) }
                    @{ answer(api => 'openai_chat', stream => 1)->{pieces} }),
                [pause => 2500]], headers => [openai($n)])
        if $name eq 'slowly';
    return $n == 500
        ? response(500, [@JSON, openai(0)], '{}')
        : response(200, [@JSON, openai($n), 'openai-processing-ms' => 7,
                         'Cache-Control' => 'max-age=1'], $timed)
        if $name eq 'stale';
    return response(200, [@JSON, openai($n), 'Cache-Control' => 'max-age=60',
                          bedrock(7, 8)], $untold) if $name eq 'cache';
    return $state->{handler}->($request, $state);
});

$t->upstream(sub {
    my ($request) = @_;
    my ($name) = $request->{path} =~ m{\A/([^/]+)};
    my ($status, @headers) = @{ $bad{$name} || [500] };
    return response($status, [@JSON, @headers], '{"message":"no"}');
});

my $proxy = 'proxy_pass http://%%UPSTREAM%%$request_uri;';
my $bad = 'proxy_pass http://%%UPSTREAM_1%%$request_uri;';

sub conf {
    return <<"EOC";
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:16m;
    llm_price gpt-demo input=1 output=2;
    map \$request_uri \$case { ~^/(?<c>[^/?]+) \$c; default none; }
    proxy_cache_path %%DIR%%/cache keys_zone=cache:1m;

    upstream retry { server %%UPSTREAM_1%% max_fails=0;
        server %%UPSTREAM%% backup; }
    upstream retry_dead { server %%UPSTREAM_1%% max_fails=0;
        server unix:%%DIR%%/none backup; }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        root %%DIR%%/html;
        llm main;
        llm_route \$case;
        llm_provider \$case;
        proxy_next_upstream error http_500 non_idempotent;

        location / { $proxy }
        location /retry { proxy_pass http://retry\$request_uri; }
        location /retry-dead/ { proxy_pass http://retry_dead\$request_uri; }
        location /redirect { error_page 429 = \@beta;
            proxy_intercept_errors on; $bad }
        location \@beta { llm_provider beta; $proxy }
        location /page/ { error_page 429 =200 /sorry.json;
            proxy_intercept_errors on; $bad }
        location = /sorry.json { llm_provider never;
            default_type application/json;
            return 200 '{"sorry":true}'; }
        location /post-action/ { post_action /copy/v1/chat/completions;
            $proxy }
        location /copy/ { internal; llm_provider never;
            proxy_pass http://%%UPSTREAM_1%%/post-action; }

        location /cache/ {
            llm_provider cached;
            proxy_cache cache;
            proxy_cache_methods POST;
            proxy_cache_key one;
            add_header X-Left '[\$llm_remaining_requests]' always;
            add_header X-Time '[\$llm_provider_time]' always;
            $proxy
        }
        location /stale/ {
            llm_provider stale;
            proxy_cache cache;
            proxy_cache_methods POST;
            proxy_cache_key two;
            proxy_cache_use_stale http_500;
            $proxy
        }
        location /left-cached/ { llm_provider cached; $proxy }
        location /left-named/ { llm_provider \$arg_p; $proxy }
        location /left-shown/ {
            add_header X-Left '[\$llm_remaining_requests]' always;
            add_header X-Tokens '[\$llm_remaining_tokens]' always;
            $proxy
        }
        location /left-early/ {
            proxy_set_header X-Left '[\$llm_remaining_requests]';
            $proxy
        }
        location = /llm-status { llm off; llm_status main; access_log off; }
    }
}
EOC
}

$t->write_file('html/none', '');
$t->config(conf());
$t->start;


my ($status, %of);

# What the status says of providers, by name.

sub told {
    $status = $t->status;
    %of = map { $_->{provider} => $_ } @{ $status->{providers} };
    return \%of;
}

sub left { return told()->{ $_[0] }{remaining_requests} }

sub epoch {
    my ($time) = @_;

    my ($y, $mon, $d, $h, $m, $s) = $time =~
        /\A(\d+)-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d\.\d+)Z\z/ or return 0;
    require Time::Local;
    return Time::Local::timegm(0, $m, $h, $d, $mon - 1, $y) + $s;
}

sub call {
    my ($path, @more) = @_;

    my $r = $t->post("/$path/v1/chat/completions", request('openai_chat'),
                     @more);
    return $r;
}


subtest 'by provider' => sub {
    my $from = time;
    run($t, @cases);
    my @lines = LLM::Calls::check_all($t, @cases);
    my $to = time;
    agree($t->status, \@lines);

    told();

    my @wrong = LLM::Status::wrong($status);
    is(scalar @wrong, 0, 'schema') or diag(join "\n", @wrong);

    my @names = ((map { $_->{name} } grep { $_->{said} } @cases), 'beta');
    is_deeply([sort keys %of], [sort @names],
              'providers that said something, and no other');

    for my $case (grep { $_->{said} } @cases) {
        my $p = $of{ $case->{name} } or next;
        is_deeply([@$p{qw(remaining_requests limit_requests
                          remaining_tokens limit_tokens)}], $case->{said},
                  "$case->{name}: numbers");
        my $at = epoch($p->{updated});
        ok($at >= $from - 0.1 && $at <= $to + 1,
           "$case->{name}: when it was said");

        for my $i (0, 1) {
            my $want = ($case->{reset} || [])->[$i];
            my $have = $p->{ ('reset_requests', 'reset_tokens')[$i] };
            $have = sprintf '%.2f', epoch($have) - $at if defined $have;
            is($have, defined $want ? sprintf('%.2f', $want) : undef,
               "$case->{name}: reset $i");
        }
    }

    is($of{beta}{remaining_requests}, 51, 'whom the call was sent on to');

    # series of calls whose body told nothing have their model

    my ($s) = LLM::Calls::series_of($status, route => 'counts-embeddings');
    is($s->{labels}{model}, 'gpt-demo', 'counts make a call a known one');
};


subtest 'metrics' => sub {
    my $body = $t->get('/llm-status?format=prometheus')->{body};
    my ($m, @wrong) = LLM::Status::metrics($body);
    is(scalar @wrong, 0, 'well-formed') or diag(join "\n", @wrong);

    for my $p (values %of) {
        for my $key (qw(remaining_requests remaining_tokens limit_requests
                        limit_tokens))
        {
            is($m->{"nginx_llm_provider_$key\{provider=\"$p->{provider}\"}"},
               $p->{$key}, "$p->{provider}: $key");
        }
    }

    my $one = $t->get('/llm-status?format=prometheus&l.provider=refused');
    is(join(' ', $one->{body} =~ /^nginx_llm_provider_\w+\{(.*)\} \d+$/mg),
       'provider="refused" provider="refused"', 'filtered');

  SKIP: {
        skip 'no promtool here', 1 unless grep { -x "$_/promtool" }
                                          split /:/, $ENV{PATH};
        my $file = $t->path('metrics');
        spew($file, $body);
        my $said = qx{promtool check metrics < $file 2>&1};
        is("$? $said", '0 ', 'promtool is silent');
    }
};


subtest 'replays' => sub {
    is(call('cache/11')->{headers}{'x-left'}, '[11]', 'passed, and said');
    $t->logged(1);
    is(left('cached'), 11, 'and in the books');

    call('left-cached/22');
    $t->logged(1);
    is(left('cached'), 22, 'another call of the provider');

    my $r = call('cache/33');
    my ($line) = $t->logged(1);
    is($line->{upstream_status}, '', 'out of the cache');
    is($line->{saved_cost}, '0.000023000', 'saves what headers counted');
    is($r->{headers}{'x-left'} . $r->{headers}{'x-time'}, '[][]',
       'says nothing of today');
    is(join('', @$line{qw(remaining_requests remaining_tokens
                          provider_time)}), '', 'nor in the log');
    is(left('cached'), 22, 'nor in the books');

    call('stale/44');
    ($line) = $t->logged(1);
    is($line->{provider_time}, '0.500000', 'the time that the body says');
    is(left('stale'), 44, 'another answer is kept');

    wait_for(5, sub { call('stale/500'); ($line) = $t->logged(1);
                      $line->{attempts} });
    is("$line->{attempts} $line->{outcome} $line->{status}", '1 ok 200',
       'and served when the provider fails');
    is(join('', @$line{qw(remaining_requests remaining_tokens
                          provider_time)}), '', 'nothing of then');
    is(left('stale'), 44, 'nor in the books');
};


subtest 'a stream that ends late' => sub {
    my $c = $t->client;
    $c->send(build_request('POST', '/slowly/5/v1/chat/completions',
                           request('openai_chat', stream => 1)));
    events($c, 1);

    # clocks of workers are kept in ms, and read once a turn
    select undef, undef, undef, 0.05;

    call('left-named/4?p=slowly&x=');
    my ($line) = $t->logged(1, 30);
    is($line->{provider}, 'slowly', 'one that ends before');
    is(left('slowly'), 4, 'is heard');

    $c->response;
    ($line) = $t->logged(1, 30);
    is($line->{remaining_requests}, 5, 'its own value in the log');
    is(left('slowly'), 4, 'what is older does not replace it');
};


subtest 'when it can be read' => sub {
    my $r = call('left-shown/77');
    is($r->{headers}{'x-left'}, '[77]', 'in a header filter');
    is($r->{headers}{'x-tokens'}, '[]', 'what was not said');
    is(scalar $t->errors(qr/is read before it can be known/), 0,
       'without a warning');

    call('left-early/77');
    my @seen = $good->requests;
    is($seen[-1]{headers}{'x-left'}, '[]', 'not before it is asked');
    is(scalar $t->errors(
           qr/_requests" is read before .* known: the upstream has not/),
       1, 'and that is said');
    $t->logged(2);
};


subtest 'more providers than there is room for' => sub {
    my $before = keys %{ told() };
    is($status->{health}{providers_dropped}, 0, 'room for all so far');

    call("left-named/$_?p=many$_&x=") for 1 .. 70;
    $t->logged(70, 30);

    my $now = told();
    is(keys %$now, 64, '64 are kept');
    is($status->{health}{providers_dropped}, $before + 70 - 64,
       'the rest is counted');
    is($now->{"many$_"}{remaining_requests}, $_, "many$_")
        for 1, 32;

    call('left-named/1234?p=many1&x=');
    $t->logged(1);
    is(left('many1'), 1234, 'those that are known go on');
};


subtest 'reload, and a worker that is killed' => sub {
    my $before = $t->status->{providers};
    ok($t->reload(wait_old => 1), 'reload');
    is_deeply($t->status->{providers}, $before, 'keeps them');

    ok($t->kill_worker, 'kill -9');
    is_deeply($t->status->{providers}, $before, 'so does that');

    call('left-named/4321?p=many2&x=');
    $t->logged(1);
    is(left('many2'), 4321, 'and others go on');
    is(left('many1'), 1234, 'beside what was there');
};

$t->done;
