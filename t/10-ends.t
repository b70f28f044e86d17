# How calls end.  Every call is counted once, with its outcome, its error,
# the tokens of what passed; the access log says what the books say.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Calls qw(agree events handler run);
use LLM::Provider qw(answer failure words);
use LLM::Test;
use LLM::Upstream qw(response sse);
use Test::More;

my $t = LLM::Test->new;

# outcome, and what tokens must be: reported ones, some estimated, or none

sub ended {
    my ($outcome, $error, $usage, %more) = @_;

    return (
        outcome => $outcome, error_type => $error, usage => $usage,
        $usage eq 'estimated'
            ? (output_tokens => sub { $_[0] ne '' && $_[0] > 0 })
            : $usage eq 'reported' ? (input_tokens => 20, output_tokens => 12)
                                   : (input_tokens => '', output_tokens => ''),
        %more);
}

my @BROKEN = ended('incomplete', 'upstream', 'estimated');
my @ABORTED = ended('aborted', '', 'estimated');

sub leave {
    my ($n, $how) = @_;

    return sub { my ($c) = @_; my $ok = events($c, $n); $c->$how(); $ok };
}

sub leave_after {
    my ($re) = @_;

    return sub { my ($c) = @_; my $ok = $c->read_until($re); $c->abort; $ok };
}

my %plain = (answer => { stream => 0 });

my @cases = (
    # in order

    { name => 'chat-stream', books => { 'attempts.total' => 1,
        'attempts.failed' => 0, 'latency.ttft' => 1, 'calls.streams' => 1,
        'latency.duration' => 1, 'latency.wait' => 1, 'finish.stop' => 1 },
      expect => { ended('ok', '', 'reported'), stream => 1,
                  finish_reason => 'stop', attempts => 1 } },
    { name => 'chat-plain', %plain,
      expect => { ended('ok', '', 'reported'), stream => 0, ttft => '' },
      books => { 'latency.ttft' => 0, 'latency.duration' => 1,
                 'calls.streams' => 0 } },
    { name => 'chat-unasked', title => 'a stream without usage',
      answer => { include_usage => 0 },
      expect => { ended('ok', '', 'estimated') },
      books => { 'calls.estimated' => 1 } },
    { name => 'chat-softly', title => 'finish reason, no [DONE], in order',
      answer => { done => 0 }, expect => { ended('ok', '', 'reported') } },
    { name => 'chat-close', title => 'close-delimited, with [DONE]',
      response => { framing => 'close' },
      expect => { ended('ok', '', 'reported') } },
    { name => 'plain-close', %plain, response => { framing => 'close' },
      expect => { ended('ok', '', 'reported') } },
    { name => 'plain-chunked', %plain, response => { framing => 'chunked' },
      expect => { ended('ok', '', 'reported') } },
    { name => 'messages-stream', api => 'anthropic',
      expect => { ended('ok', '', 'reported'), provider => 'anthropic' } },
    { name => 'messages-plain', api => 'anthropic', %plain,
      expect => { ended('ok', '', 'reported') } },
    { name => 'responses-stream', api => 'openai_responses',
      expect => { ended('ok', '', 'reported') } },
    { name => 'responses-plain', api => 'openai_responses', %plain,
      expect => { ended('ok', '', 'reported') } },
    { name => 'legacy-stream', api => 'openai_completions',
      expect => { ended('ok', '', 'reported') } },
    { name => 'embeddings', api => 'embeddings', %plain,
      expect => { outcome => 'ok', usage => 'reported', input_tokens => 20,
                  output_tokens => 0 } },

    # HEAD and no content

    { name => 'head', method => 'HEAD', body => undef,
      script => [response(200, ['Content-Type' => 'application/json',
                                'Content-Length' => 10], '',
                          framing => 'none')],
      expect => { ended('ok', '', 'none'), ttfb => '', ttft => '' } },
    { name => 'head-stream', method => 'HEAD', body => undef,
      script => [response(200, ['Content-Type' => 'text/event-stream'], '',
                          framing => 'none')],
      expect => { ended('ok', '', 'none'), ttfb => '' } },
    { name => 'no-content', script => [response(204, [], '')],
      expect => { ended('ok', '', 'none') } },
    { name => 'no-content-typed', script => [response(204,
          ['Content-Type' => 'application/json'], '', framing => 'none')],
      expect => { ended('ok', '', 'none') } },
    { name => 'not-modified', script => [response(304,
          ['Content-Type' => 'text/event-stream'], '', framing => 'none')],
      expect => { ended('ok', '', 'none') } },
    { name => 'partial', title => 'a range of an answer is no answer',
      script => [response(206, ['Content-Type' => 'application/json',
          'Content-Range' => 'bytes 0-3/100'], '{"id')],
      expect => { ended('ok', '', 'none') } },

    # the upstream breaks off

    { name => 'cut-chunked', cut => 6, response => { broken => 1 },
      expect => { @BROKEN }, books => { 'attempts.failed' => 1 } },
    { name => 'cut-rst', cut => 6, then => [[pause => 30]],
      response => { broken => 'rst' }, expect => { @BROKEN } },
    { name => 'cut-length', cut => 6,
      response => { broken => 1, framing => 'length' },
      expect => { @BROKEN } },
    { name => 'cut-close', cut => 6, response => { framing => 'close' },
      expect => { @BROKEN } },
    { name => 'cut-in-order', title => 'a chunked end, but no end mark',
      cut => 6, expect => { @BROKEN } },
    { name => 'cut-half-event', cut => 4,
      then => ["data: {\"choices\":[{\"delta\":{\"cont"],
      response => { broken => 1 }, expect => { @BROKEN } },
    { name => 'cut-usage', title => 'breaks after the usage',
      answer => { done => 0 }, response => { broken => 1 },
      expect => { ended('incomplete', 'upstream', 'reported') } },
    { name => 'cut-messages', api => 'anthropic', cut => 8,
      response => { broken => 1 },
      expect => { @BROKEN, input_tokens => 20 } },
    { name => 'cut-messages-cached', api => 'anthropic', cut => 8,
      answer => { usage => { input => 500, cache_read => 300,
                             cache_write => 100 } },
      response => { broken => 1 },
      expect => { @BROKEN, input_tokens => 500, cache_read_tokens => 300,
                  cache_write_tokens => 100 } },
    { name => 'cut-responses', api => 'openai_responses', cut => 9,
      response => { broken => 1 }, expect => { @BROKEN } },
    { name => 'cut-plain', %plain, client => sub { $_[0]->response },
      script => [response(200, ['Content-Type' => 'application/json'],
          substr(answer(api => 'openai_chat')->{body}, 0, 200),
          framing => 'length', broken => 1)],
      expect => { @BROKEN } },
    { name => 'cut-plain-close',
      script => [response(200, ['Content-Type' => 'application/json'],
          substr(answer(api => 'openai_chat')->{body}, 0, 200),
          framing => 'close')],
      expect => { @BROKEN } },
    { name => 'empty-stream', script => [sse('')],
      expect => { ended('incomplete', 'upstream', 'none') } },
    { name => 'empty-plain',
      script => [response(200, ['Content-Type' => 'application/json'], '')],
      expect => { ended('incomplete', 'upstream', 'none') } },
    { name => 'timeout-mid', cut => 6, then => [['hang']],
      title => 'the upstream falls silent in its stream',
      expect => { @BROKEN } },

    # the client leaves

    { name => 'left-before', script => [['hang']],
      client => sub { my ($c) = @_; $c->read_some(0.2); $c->abort; 1 },
      expect => { ended('aborted', '', 'none'), status => 499, ttfb => '' },
      books => { 'attempts.failed' => 0, 'attempts.total' => 1 } },
    { name => 'left-rst', cut => 6, then => [['hang']],
      client => leave(4, 'abort'), expect => { @ABORTED, status => 200 },
      books => { 'attempts.failed' => 0 } },
    { name => 'left-fin', cut => 6, then => [['hang']],
      client => leave(4, 'close'), expect => { @ABORTED } },
    { name => 'left-messages', api => 'anthropic', cut => 8,
      then => [['hang']], client => leave(6, 'abort'),
      answer => { usage => { input => 321 } },
      expect => { @ABORTED, input_tokens => 321 } },
    { name => 'left-plain',
      script => [response(200, ['Content-Type' => 'application/json'], '',
          pieces => [substr(answer(api => 'openai_chat', stream => 0)->{body},
                            0, 220), ['hang'], 'x' x 500])],
      client => leave_after(qr/assistant/), expect => { @ABORTED } },
    { name => 'left-after-mark', then => [[pause => 300]],
      client => leave_after(qr/\[DONE\]/),
      expect => { ended('ok', '', 'reported') } },
    { name => 'left-after-stop', api => 'anthropic', then => [[pause => 300]],
      client => leave_after(qr/message_stop"\}/),
      expect => { ended('ok', '', 'reported') } },
    { name => 'left-half-error', cut => 4, status => 500,
      then => [['hang']], client => leave(2, 'abort'),
      expect => { ended('aborted', '', 'none'), status => 500 } },

    # the provider says no

    (map { my ($api, $status, $type) = @$_;
        my $f = failure($api, $status);
        { name => "$api-$status", api => $api,
          script => [response($status, $f->{headers}, $f->{body})],
          expect => { ended('error', $type, 'none'), status => $status },
          books => { 'attempts.failed' => $status >= 429 ? 1 : 0 } } }
        ['openai_chat', 400, 'invalid_request'],
        ['openai_chat', 401, 'auth'],
        ['openai_chat', 404, 'not_found'],
        ['openai_chat', 429, 'rate_limit'],
        ['openai_chat', 500, 'server_error'],
        ['anthropic', 429, 'rate_limit'],
        ['anthropic', 529, 'overloaded'],
        ['openai_responses', 401, 'auth'],
        ['embeddings', 400, 'invalid_request']),
    { name => 'html-503', title => 'an error page of a provider\'s proxy',
      script => [response(503, ['Content-Type' => 'text/html'], '<h1>x')],
      expect => { ended('error', 'overloaded', 'none') } },
    { name => 'error-200', script => [response(200,
          ['Content-Type' => 'application/json'],
          failure('openai_chat', 429)->{body})],
      expect => { ended('error', 'rate_limit', 'none'), status => 200 } },
    { name => 'error-200-messages', api => 'anthropic',
      script => [response(200, ['Content-Type' => 'application/json'],
          failure('anthropic', 529)->{body})],
      expect => { ended('error', 'overloaded', 'none') } },
    { name => 'error-event', answer => { error => ['server_error', 'x'] },
      expect => { ended('error', 'server_error', 'estimated') } },
    { name => 'error-event-break',
      answer => { error => ['server_error', 'x'] },
      response => { broken => 1 },
      expect => { ended('error', 'server_error', 'estimated') } },
    { name => 'error-event-messages', api => 'anthropic',
      answer => { error => ['overloaded_error', 'x'] },
      expect => { ended('error', 'overloaded', 'estimated'),
                  input_tokens => 20 } },
    { name => 'error-event-responses', api => 'openai_responses',
      answer => { error => ['rate_limit_exceeded', 'x'] },
      expect => { ended('error', 'rate_limit', 'estimated') } },
    { name => 'error-event-first',
      answer => { error => ['rate_limit_error', 'x'], text => [] },
      expect => { ended('error', 'rate_limit', 'none'), ttft => '' },
      books => { 'calls.no_content' => 1 } },

    # the upstream is not there

    { name => 'down', expect => { ended('error', 'upstream', 'none'),
                                  status => 502, ttft => '' },
      books => { 'attempts.total' => 1, 'attempts.failed' => 1,
                 'latency.ttft' => 0, 'latency.duration' => 1 } },
    { name => 'silent', script => [['hang']],
      expect => { ended('error', 'timeout', 'none'), status => 504 },
      books => { 'attempts.failed' => 1 } },
    { name => 'rude', title => 'closes without a word',
      script => [[pause => 20], ['close']],
      expect => { ended('error', 'upstream', 'none'), status => 502 } },
    { name => 'garbage', script => ["no HTTP at all\r\n\r\n", ['close']],
      title => 'nginx takes it for HTTP/0.9, and so it is no JSON',
      expect => { ended('ok', '', 'none') } },
    { name => 'down-json', title => '502 with a JSON page of our own',
      expect => { ended('error', 'upstream', 'none'), status => 502 } },

    # nginx says no, before any upstream

    { name => 'denied', expect => { ended('error', 'auth', 'none'),
                                    status => 403, attempts => 0 },
      books => { 'attempts.total' => 0 } },
    { name => 'returned', expect => { ended('error', 'auth', 'none'),
                                      status => 401 } },
    { name => 'returned-ok', expect => { ended('ok', '', 'reported'),
                                         status => 200 } },
    { name => 'limited', expect => { outcome => 'error', status => 429,
                                     error_type => 'rate_limit' } },
    { name => 'large', body => 'x' x 3000,
      expect => { ended('error', 'too_large', 'none'), status => 413 } },
    { name => 'large-chunked',
      body => "bb8\r\n" . 'x' x 3000 . "\r\n0\r\n\r\n",
      send => ['Transfer-Encoding' => 'chunked'],
      expect => { ended('error', 'too_large', 'none'), status => 413 } },
);

my $up = $t->upstream(handler(@cases));
my $dead = $t->port(9);          # nobody listens there

$t->config(<<"EOC");
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:64m;
    llm_price gpt-demo input=1 output=2;
    limit_req_zone \$case zone=one:1m rate=1r/m;
    limit_req_status 429;
    map \$uri \$case { ~^/(?<c>[^/]+)/ \$c; default none; }
    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        llm_route \$case;
        proxy_read_timeout 1500ms;

        location / { proxy_pass http://%%UPSTREAM%%; }
        location /left-plain/ {
            proxy_buffering off;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /silent/ {
            proxy_read_timeout 300ms;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /down/ { proxy_pass http://127.0.0.1:$dead; }
        location /down-json/ {
            proxy_pass http://127.0.0.1:$dead;
            error_page 502 /json;
        }
        location = /json {
            internal;
            default_type application/json;
            return 502 '{"error":{"message":"sorry","type":"server_error"}}';
        }
        location /denied/ { deny all; proxy_pass http://%%UPSTREAM%%; }
        location /returned/ { return 401; }
        location /returned-ok/ {
            default_type application/json;
            return 200 '{"model":"gpt-demo","choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":12}}';
        }
        location /limited/ {
            limit_req zone=one;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /large {
            client_max_body_size 1k;
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /llm-status { llm off; llm_status main; access_log off; }
    }
}
EOC

$t->start;

# the first of the two is let through

run($t, { name => 'limited' });
$t->logged(1);

my $first = $t->status;
is($first->{total}{windows}{all}{calls}{total}, 1, 'one call to begin with');

subtest 'every end' => sub {
    run($t, @cases);
    LLM::Calls::check_all($t, map { $_->{name} eq 'limited'
        ? { %$_, books => { 'calls.total' => 2, 'calls.error' => 1,
                            'errors.rate_limit' => 1,
                            'tokens.input' => 20, 'tokens.output' => 12 } } : $_ } @cases);
};

subtest 'all together' => sub {
    my $json = $t->status;
    is($json->{total}{windows}{all}{calls}{total}, @cases + 1, 'all counted');
    is($json->{health}{other_requests}, 0, 'nothing else was');
    my @lines = @{ $t->{lines} };
    push @lines, { %{ $lines[0] }, map { $_ => '' } keys %{ $lines[0] } };
    is(scalar(grep { !defined } map { values %$_ } @lines), 0, 'all defined');
};

subtest 'the upstream call ends with its client' => sub {
    my @ends = map { $_->{how} } $up->ends;
    cmp_ok(scalar(grep { /client/ } @ends), '>=', 5, 'cut off by nginx');
};

$t->done;
