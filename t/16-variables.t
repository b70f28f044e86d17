# The variables: their values in a reference call of each API, their times
# against scripted pauses, when they are known, and the labels.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Calls qw(books_of events handler run);
use LLM::Provider qw(answer request words);
use LLM::Test;
use LLM::Upstream qw(response sse);
use LLM::Util qw(wait_for);
use Test::More;

my $t = LLM::Test->new;

my %usage = (input => 500, output => 40, cache_read => 300, reasoning => 9);

sub chat {
    my (%a) = @_;

    return answer(api => 'openai_chat', stream => 1, include_usage => 1,
                  id => 'chatcmpl-7', model => 'gpt-demo-1',
                  usage => \%usage, %a);
}

# Pauses before the first event, the first content event, and amid content.

my $made = chat();
my $at = $made->{first_content};
my @paused = (@{ $made->{pieces} }[0 .. $at - 1], [pause => 200],
              @{ $made->{pieces} }[$at .. $at + 3], [pause => 300],
              @{ $made->{pieces} }[$at + 4 .. $#{ $made->{pieces} }]);

sub about { my ($from, $to) = @_;
            return sub { $_[0] ne '' && $_[0] >= $from && $_[0] < $to } }

my $six = qr/^\d+\.\d{6}$/;
my @seconds = map { $_ => $six } qw(wait ttfb ttft upstream_ttft duration
                                    tpot max_gap);

my @cases = (
    { name => 'chat', answer => { id => 'chatcmpl-7', model => 'gpt-demo-1',
          usage => \%usage }, then => [],
      request => { model => 'gpt-demo', max_tokens => 77,
                   temperature => 0.25, prompt => 'x' x 5000 },
      send => ['X-Stainless-Retry-Count' => 2],
      expect => {
        operation => 'chat', provider => 'openai', route => 'chat',
        request_model => 'gpt-demo', response_model => 'gpt-demo-1',
        model => 'gpt-demo-1', stream => 1, max_tokens => 77,
        temperature => '0.25', turns => 1, prompt_bytes => 5000,
        prompt_size => qr/^(?:1k|4k)$/, input_tokens => 500,
        output_tokens => 40, cache_read_tokens => 300,
        cache_write_tokens => 0, reasoning_tokens => 9,
        usage => 'reported', tool_calls => 0, events => 16,
        content_events => 12, cost => '0.000295000', saved_cost => '',
        cost_source => 'list', finish_reason => 'stop', outcome => 'ok',
        error_type => '', response_id => 'chatcmpl-7', attempts => 1,
        client_retry => 2, wait => $six, ttfb => $six, ttft => $six,
        duration => $six } },
    { name => 'chat-plain', answer => { stream => 0, id => 'chatcmpl-8',
          finish => 'length', usage => \%usage },
      request => { stream => 0 },
      expect => {
        stream => 0, ttft => '', upstream_ttft => '', tpot => '',
        max_gap => '', output_rate => '', events => '',
        content_events => '', ttfb => $six, wait => $six, duration => $six,
        max_tokens => '', temperature => '', finish_reason => 'length',
        response_id => 'chatcmpl-8', output_tokens => 40,
        cost => '0.000295000' } },
    { name => 'chat-tool', answer => { finish => 'tool_calls', text => [],
          tool => { name => 'look', args => ['{"a"', ':1}'] } },
      expect => { tool_calls => 1, finish_reason => 'tool_calls',
                  content_events => 3 } },
    { name => 'legacy', api => 'openai_completions',
      answer => { finish => 'length' },
      expect => { operation => 'text_completion', provider => 'openai',
                  stream => 1, finish_reason => 'length', events => 15,
                  content_events => 12, input_tokens => 20 } },
    { name => 'legacy-plain', api => 'openai_completions',
      answer => { stream => 0 }, request => { stream => 0 },
      expect => { operation => 'text_completion', stream => 0,
                  output_tokens => 12, ttft => '' } },
    { name => 'responses', api => 'openai_responses',
      answer => { id => 'resp_1', usage => \%usage, finish => 'incomplete' },
      expect => { operation => 'responses', stream => 1,
                  finish_reason => 'incomplete', response_id => 'resp_1',
                  reasoning_tokens => 9, content_events => 12 } },
    { name => 'responses-plain', api => 'openai_responses',
      answer => { stream => 0 }, request => { stream => 0 },
      expect => { operation => 'responses', stream => 0,
                  finish_reason => 'completed', output_tokens => 12 } },
    { name => 'embeddings', api => 'embeddings', answer => { stream => 0 },
      request => { stream => 0, max_tokens => 256 },
      expect => { operation => 'embeddings', stream => 0, max_tokens => '',
                  input_tokens => 20, output_tokens => 0,
                  finish_reason => '', cost => '0.000020000' } },
    { name => 'anthropic', api => 'anthropic',
      answer => { id => 'msg_1', model => 'claude-demo', usage => {
          input => 900, output => 30, cache_read => 500, cache_write => 200,
          cache_write_1h => 50 } },
      request => { model => 'claude-demo' },
      expect => { operation => 'chat', provider => 'anthropic',
                  model => 'claude-demo', response_id => 'msg_1',
                  input_tokens => 900, cache_read_tokens => 500,
                  cache_write_tokens => 200, output_tokens => 30,
                  max_tokens => 1024, finish_reason => 'end_turn',
                  cost => '', cost_source => 'none' },
      books => { 'calls.unpriced' => 1 } },
    { name => 'anthropic-plain', api => 'anthropic',
      answer => { stream => 0, tool => { name => 'look', args => ['{}'] },
                  finish => 'tool_use' },
      request => { stream => 0 },
      expect => { stream => 0, tool_calls => 1,
                  finish_reason => 'tool_use' } },

    { name => 'times', script => [sse(\@paused)],
      expect => { wait => about(0, 0.1), ttfb => about(0, 0.15),
                  ttft => about(0.2, 0.35),
                  upstream_ttft => about(0.19, 0.35),
                  max_gap => about(0.29, 0.45),
                  duration => about(0.5, 0.8),
                  tpot => about(0.3 / 40, 0.45 / 39),
                  output_rate => about(39 / 0.45, 39 / 0.29), @seconds } },
    { name => 'late', script => [[pause => 250], sse($made->{pieces})],
      expect => { ttfb => about(0.25, 0.4), ttft => about(0.25, 0.4) } },
    { name => 'silent', title => 'a stream without content has no TTFT',
      script => [sse([$made->{pieces}[0], "data: [DONE]\n\n"])],
      expect => { ttft => '', upstream_ttft => '', outcome => 'ok',
                  events => 2, content_events => 0, stream => 1 },
      books => { 'calls.no_content' => 1, 'latency.ttft' => 0 } },
    { name => 'untyped', title => 'a stream sent as text',
      script => [response(200, ['Content-Type' => 'text/plain'], '',
                          pieces => \@paused, framing => 'chunked')],
      expect => { stream => 1, ttft => about(0.2, 0.4),
                  output_tokens => 40 } },
    { name => 'said-json', title => 'a stream sent as JSON',
      script => [response(200, ['Content-Type' => 'application/json'], '',
                          pieces => \@paused, framing => 'chunked')],
      expect => { stream => 1, ttft => about(0.2, 0.4),
                  output_tokens => 40 } },

    { name => 'azure', uri => '/azure/openai/deployments/gpt-azure/chat/'
          . 'completions?api-version=2024-10-21', answer => {},
      request => { model => undef }, body => '{"messages":[]}',
      expect => { operation => 'chat', provider => 'azure.ai.openai',
                  request_model => 'gpt-azure', route => 'azure' } },

    # the shape of the body, where no path tells

    (map { my ($name, $api, $body, $operation) = @$_;
        { name => $name, uri => "/$name/api/llm", api => $api,
          answer => { stream => 0 }, body => $body,
          expect => { operation => $operation, outcome => 'ok',
                      usage => 'reported', input_tokens => 20 } } }
        ['shape-chat', 'openai_chat', request('openai_chat'), 'chat'],
        ['shape-legacy', 'openai_completions',
         request('openai_completions'), 'text_completion'],
        ['shape-responses', 'openai_responses',
         request('openai_responses', instructions => 'be short'),
         'responses'],
        ['shape-messages', 'anthropic', request('anthropic',
         system => 'be short'), 'chat']),
    { name => 'shape-header', uri => '/shape-header/api/llm',
      api => 'anthropic', answer => { stream => 0 },
      body => request('anthropic'),
      send => ['Anthropic-Version' => '2023-06-01'],
      expect => { operation => 'chat', usage => 'reported',
                  input_tokens => 20 } },
    { name => 'shape-path', uri => '/shape-path/v1/completions',
      answer => { stream => 0 }, body => request('openai_chat'),
      expect => { operation => 'chat', usage => 'reported',
                  input_tokens => 20 } },

    { name => 'explicit', expect => { provider => 'acme' } },
    { name => 'by-variable', send => ['X-Provider' => 'zork'],
      expect => { provider => 'zork' } },
    { name => 'by-variable-empty', title => 'an empty one is as none',
      expect => { provider => 'openai' } },
    { name => 'by-upstream', expect => { provider => 'groq' } },
    { name => 'by-location', route => '/by-location/',
      expect => { route => '/by-location/' } },
);

my @other = (
    { name => 'models', uri => '/models/v1/models', method => 'GET',
      body => undef },
    { name => 'options', method => 'OPTIONS', body => undef },
    { name => 'delete', method => 'DELETE', body => undef },
    { name => 'nothing', uri => '/nothing/x', body => '{"a":1}' },
    { name => 'text', uri => '/text/x', body => 'hello',
      send => ['Content-Type' => 'text/plain'] },
);

my @labels = (
    { name => 'labelled', send => ['X-Team' => 'red', 'X-Env' => 'prod'] },
    { name => 'label-off', send => ['X-Team' => 'red'] },
    { name => 'label-inner', send => ['X-Team' => 'red'] },
    { name => 'label-late', cut => 6,
      then => [[pause => 300]], response => {} },
    { name => 'label-hang', cut => 6, then => [['hang']] },
);

my $up = $t->upstream(handler(@cases, @labels, { name => 'early' }, map { {
    %$_, script => [response(200, ['Content-Type' => 'application/json'],
                             '{}')] } } @other));

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:64m;
    llm_price gpt-demo* input=1 output=2 cache_read=0.05;
    map $request_uri $case { ~^/(?<c>[^/?]+) $c; default none; }
    upstream api.groq.com { server %%UPSTREAM%%; }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        llm_route $case;

        location / { proxy_pass http://%%UPSTREAM%%; }
        location /said-json/ { proxy_pass http://%%UPSTREAM%%; }
        location /explicit/ { llm_provider acme;
            proxy_pass http://%%UPSTREAM%%; }
        location /by-variable { llm_provider $http_x_provider;
            proxy_pass http://%%UPSTREAM%%; }
        location /by-upstream/ { proxy_pass http://api.groq.com; }
        location /by-location/ { llm_route ""; proxy_pass
            http://%%UPSTREAM%%; }

        location /label {
            llm_label team $http_x_team;
            llm_label env $http_x_env;
            llm_label answered $llm_response_model;
            proxy_pass http://%%UPSTREAM%%;
            location /label-off/ { llm_label off;
                proxy_pass http://%%UPSTREAM%%; }
            location /label-inner/ { llm_label env inner;
                proxy_pass http://%%UPSTREAM%%; }
        }
        location /early/ {
            set $seen "$llm_outcome$llm_usage$llm_input_tokens$llm_cost$llm_ttfb$llm_ttft$llm_stream$llm_duration$llm_response_model$llm_finish_reason$llm_events$llm_request_model$llm_turns";
            add_header X-Seen "[$seen]";
            add_header X-Later "[$llm_outcome$llm_ttft$llm_duration] $llm_request_model $llm_stream $llm_turns";
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /llm-status { llm off; llm_status main; access_log off; }
    }
}
EOC

$t->start;

subtest 'values' => sub {
    run($t, @cases);
    my @lines = LLM::Calls::check_all($t, @cases);
    LLM::Calls::agree($t->status, \@lines);

    my ($line) = grep { $_->{route} eq 'times' } @lines;
    my ($times) = LLM::Calls::series_of($t->status, route => 'times');
    my $latency = $times->{windows}{all}{latency};

    for my $name (qw(wait ttft upstream_ttft duration tpot)) {
        my $have = $latency->{$name}{p50};
        ok(abs($have - $line->{$name}) <= 0.012 * $line->{$name} + 1e-6,
           "$name of the books") or diag "$have, not $line->{$name}";
    }
};

subtest 'other requests' => sub {
    my $before = $t->status;
    run($t, @other);
    my @lines = $t->logged(scalar @other);
    is(join('', map { $_->{operation} . $_->{outcome} . $_->{provider} }
            @lines), '', 'no variables');
    my $after = $t->status;
    is($after->{health}{other_requests} - $before->{health}{other_requests},
       @other, 'counted as such');
    is($after->{total}{windows}{all}{calls}{total},
       $before->{total}{windows}{all}{calls}{total}, 'and as nothing else');
};

subtest 'before they are known' => sub {
    my $r = $t->post('/early/v1/chat/completions',
                     request('openai_chat', stream => 1));
    is($r->{headers}{'x-seen'}, '[]', 'nothing in the rewrite phase');
    is($r->{headers}{'x-later'}, '[] gpt-demo 1 1',
       'the request, when the answer begins');
    my ($line) = $t->logged(1);
    is($line->{outcome}, 'ok', 'all of it in the log');
};

subtest 'labels' => sub {
    my ($late) = grep { $_->{name} eq 'label-hang' } @labels;
    my @now = grep { $_ != $late } @labels;
    run($t, @now);
    $t->logged(scalar @now);
    my $json = $t->status;
    my %have;

    for my $case (@now) {
        my ($s) = grep { $_->{windows}{all}{calls}{total} }
                  LLM::Calls::series_of($json, route => $case->{name});
        my %l = %{ $s->{labels} };
        delete @l{qw(provider route operation model)};
        delete @l{ grep { !defined $l{$_} || $l{$_} eq '' } keys %l };
        $have{ $case->{name} } = \%l;
    }

    is_deeply(\%have, {
        labelled => { team => 'red', env => 'prod', answered => 'gpt-demo' },
        'label-off' => {}, 'label-inner' => { env => 'inner' },
        'label-late' => { answered => 'gpt-demo' },
    }, 'values');

    # a stream has its labels from its first content on

    my $c = $t->client;
    $c->send(LLM::Client::build_request('POST',
        '/label-hang/v1/chat/completions',
        request('openai_chat', stream => 1)));
    events($c, 5);
    my ($s) = grep { $_->{now}{in_flight} }
              LLM::Calls::series_of($t->status, route => 'label-hang');
    is_deeply([@{ $s->{labels} }{qw(model answered)}],
              ['gpt-demo', 'gpt-demo'], 'in flight under its labels');
    is($s->{now}{waiting_first}, 0, 'and not waiting for its first');
    $c->abort;
    $t->logged(1);
};

$t->done;
