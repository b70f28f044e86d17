# llm_stream_timeout: 504 before the header, an error event of the API and an
# end in order after it, a closed connection where no event can stand; both
# ways of buffering, HTTP/1.0, 1.1 and 2, every framing.  llm_delay: the wait,
# and clients that leave in it.
#
# What this cannot see: a filter of another module that holds back bytes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Uncompress::Gunzip ();
use JSON::PP ();
use LLM::Client qw(build_request curl_h2 has_h2);
use LLM::Frames qw(event);
use LLM::Provider qw(answer request);
use LLM::Test;
use LLM::Upstream qw(response sse);
use LLM::Util qw(mono scale wait_for);
use Test::More;

my $t = LLM::Test->new;
my $stream = answer(api => 'openai_chat', stream => 1, include_usage => 1);
my $plain = answer(api => 'openai_chat');
my $claude = answer(api => 'anthropic', stream => 1);
my $JSON = ['Content-Type' => 'application/json'];
my $SLOW = $LLM::Test::SLOW;
my $json = JSON::PP->new->utf8;

my $gemini = '{"candidates":[{"content":{"parts":[{"text":"Hi"}],'
           . '"role":"model"},"index":0}]}';
my $ollama = '{"model":"m","message":{"role":"assistant","content":"Hi"},'
           . '"done":false}';
my $frame = event('contentBlockDelta',
                  '{"contentBlockIndex":0,"delta":{"text":"Hi"}}');

# A body in pieces that hangs behind them.

my %hangs = (
    gemini_open  => ['application/json', '['],
    gemini_one   => ['application/json', "[$gemini"],
    gemini_comma => ['application/json', "[$gemini,\r\n"],
    gemini_half  => ['application/json', "[$gemini,\r\n" . substr($gemini, 0, 30)],
    ollama       => ['application/x-ndjson', "$ollama\n"],
    ollama_line  => ['application/x-ndjson', $ollama],
    ollama_half  => ['application/x-ndjson', "$ollama\n" . substr($ollama, 0, 30)],
    bedrock      => ['application/vnd.amazon.eventstream', $frame],
    bedrock_half => ['application/vnd.amazon.eventstream',
                     $frame . substr($frame, 0, 40)],
);

sub provider {
    my ($req) = @_;

    my ($how) = $req->{uri} =~ m{\A/\w+/(\w+)/};
    my @pieces = @{ $stream->{pieces} };

    return sse(\@pieces) if $how eq 'ok';
    return sse([[pause => $1], @pieces]) if $how =~ /\Alate(\d+)\z/;
    return (['hang']) if $how eq 'hang';
    return sse([@pieces[0 .. $1], ['hang']]) if $how =~ /\Astall(\d+)\z/;
    return sse([@pieces[0 .. 3], substr($pieces[4], 0, 20), ['hang']])
        if $how eq 'half';
    return sse([map { ($_, [pause => 40]) } @pieces]) if $how eq 'slow';
    return sse([@pieces[0 .. 3],
                map { (": ping\n\n", [pause => 40]) } 1 .. 50])
        if $how eq 'pings';
    return sse([@{ $claude->{pieces} }[0 .. 3], ['hang']]) if $how eq 'claude';
    return sse([@pieces[0 .. 2], 'data: {"a":"' . 'x' x 12000000 . "\"}\n\n",
                ['hang']])
        if $how eq 'flood';
    return ([pause => $1], response(200, $JSON, $plain->{body}))
        if $how =~ /\Aplain(\d+)\z/;
    return response(200, ['Content-Type' => 'text/event-stream',
                          'Content-Length' => 9000], undef,
                    framing => 'none', pieces => [@pieces[0 .. 3], ['hang']])
        if $how eq 'counted';
    return response(200, ['Content-Type' => $hangs{$how}[0]], undef,
                    framing => 'chunked', pieces => [$hangs{$how}[1], ['hang']])
        if $hangs{$how};
    die "what is $how";
}

my $up = $t->upstream(\&provider);
my $other = $t->upstream(sub { sse($stream->{pieces}) });
my $proxy = 'proxy_http_version 1.1; proxy_pass http://%%UPSTREAM_0%%;';

my $h2 = has_h2() ? 'listen 127.0.0.1:%%PORT_1%% http2;' : '';

$t->config(<<"EOC");
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:8m;
    llm_limit_zone \$arg_key zone=slow:1m rate=1r/s;
    proxy_cache_path %%DIR%%/cache keys_zone=cache:1m;

    upstream two {
        server %%UPSTREAM_0%% max_fails=1 fail_timeout=60s;
        server %%UPSTREAM_1%%;
    }

    server {
        $h2
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        location /ttft/ { llm_stream_timeout ttft=300ms; $proxy }
        location /idle/ { llm_stream_timeout idle=300ms; $proxy }
        location /total/ { llm_stream_timeout total=400ms; $proxy }
        location /both/ { llm_stream_timeout ttft=5s idle=300ms; $proxy }
        location /unbuffered/ {
            llm_stream_timeout idle=300ms;
            proxy_buffering off;
            $proxy
        }
        location /buffered/ {
            llm_stream_timeout idle=300ms;
            llm_stream_buffering on;
            $proxy
        }
        location /stored/ {
            llm_stream_timeout idle=300ms;
            proxy_cache cache;
            proxy_cache_methods POST;
            proxy_cache_key \$uri;
            proxy_cache_valid 200 1h;
            $proxy
        }
        location /gzip/ {
            llm_stream_timeout idle=300ms;
            gzip on; gzip_types text/event-stream; gzip_min_length 0;
            $proxy
        }
        location /caught/ {
            llm_stream_timeout ttft=300ms;
            error_page 504 = \@other;
            $proxy
        }
        location \@other {
            llm_stream_timeout ttft=300ms;
            llm_route fallback;
            proxy_pass http://%%UPSTREAM_1%%;
        }
        location /page/ {
            llm_stream_timeout ttft=300ms;
            error_page 504 /sorry.html;
            $proxy
        }
        location = /sorry.html { llm off; internal; return 200 "sorry"; }
        location /two/ {
            llm_stream_timeout ttft=300ms;
            proxy_next_upstream error timeout http_504 non_idempotent;
            proxy_pass http://two;
        }
        location /limit/ {
            llm_limit zone=slow burst=1r delay=3s;
            $proxy
        }
        location /short/ {
            llm_limit zone=slow burst=1r delay=100ms;
            $proxy
        }
        location /delay/ { llm_delay \$arg_d; $proxy }
        location /again/ {
            llm_delay 300ms;
            llm_stream_timeout ttft=300ms;
            error_page 504 = \@delayed;
            $proxy
        }
        location \@delayed { llm_delay 300ms; proxy_pass http://%%UPSTREAM_1%%; }
        location = /llm-status { llm off; llm_status main; access_log off; }
    }
}
EOC

$t->start;

my $ask = request('openai_chat', stream => 1);

sub path { return "/$_[0]/v1/chat/completions" }

# Data of the events of a body, and what stands behind the last.

sub data {
    my ($body) = @_;

    my @events = split /\n\n/, $body, -1;
    my $rest = pop @events;
    return ($rest, map { /^data: (.*)/m ? $1 : () } @events);
}

# A body that is ended by an error event: all that stands in it is whole.

sub ended {
    my ($body, $name) = @_;

    my ($rest, @data) = data($body);
    my $done = pop @data;
    my @bad = grep { !eval { $json->decode($_) } } @data;

    is($rest, '', "$name: nothing behind the last event");
    is($done, '[DONE]', "$name: its last");
    is("@bad", '', "$name: events are whole");
    like($data[-1], qr/\A\{"error":\{.*"type":"timeout_error"/,
         "$name: an error event");
    return;
}

my @cases = (
    # what, status, after ms, error, how the body is
    ['ttft/ok', 200, 0, ''],
    ['ttft/hang', 504, 300, 'timeout', 'page'],
    ['ttft/late500', 200, 300, 'timeout', 'event'],
    ['ttft/late100', 200, 100, ''],
    ['ttft/stall0', 200, 300, 'timeout', 'event'],
    ['ttft/plain600', 200, 600, ''],
    ['idle/stall4', 200, 300, 'timeout', 'event'],
    ['idle/half', 200, 300, 'timeout', 'half'],
    ['idle/pings', 200, 300, 'timeout', 'event'],
    ['idle/slow', 200, 400, ''],
    ['both/stall4', 200, 300, 'timeout', 'event'],
    ['unbuffered/stall4', 200, 300, 'timeout', 'event'],
    ['buffered/stall4', 200, 300, 'timeout', 'either'],
    ['total/slow', 200, 400, 'timeout', 'event'],
    ['total/stall3', 200, 400, 'timeout', 'event'],
    ['total/plain600', 504, 400, 'timeout', 'page'],
    ['total/hang', 504, 400, 'timeout', 'page'],
    ['idle/counted', 200, 300, 'timeout', 'cut'],
);

my $held = $t->client;

for my $case (@cases) {
    my ($what, $status, $ms, $error, $how) = @$case;

    # one connection, as long as it can be kept
    my $closed = $how && $how =~ /cut|either/;
    my $c = $closed ? $t->client : $held;
    my $before = $up->ends;

    my $at = mono();
    $c->send(build_request('POST', path($what), $what =~ /plain/
                           ? request('openai_chat') : $ask,
                           Connection => $closed ? 'close' : 'keep-alive'));
    my $r = $c->response;
    my $took = mono() - $at;
    $c->close if $closed;
    my ($log) = $t->logged(1);

    is($r->{status}, $status, "$what: status");
    cmp_ok($took, '>=', $ms / 1000 - 0.01, "$what: not before its time");
    cmp_ok($took, '<', $ms / 1000 + 1 * $SLOW, "$what: soon after it")
        if $error;
    is("$log->{outcome} $log->{error_type}",
       $error ? "error $error" : 'ok ', "$what: outcome");
    is($log->{upstream_status}, $status, "$what: the attempt's status");

    next unless $error;
    ok(wait_for(3, sub { $up->ends > $before }), "$what: upstream is closed");

    ok($how eq 'cut' || $how eq 'either' ? 1 : $r->{complete},
       "$what: the end is one");
    ok(!$r->{complete}, "$what: the end is none") if $how eq 'cut';

    if ($how eq 'page') {
        is($json->decode($r->{body})->{error}{type}, 'timeout_error',
           "$what: the API's own shape");
    } elsif ($how eq 'event') {
        ended($r->{body}, $what);
    } elsif ($how eq 'half') {
        my ($rest, @data) = data($r->{body});
        is($rest, '', "$what: nothing behind the last event");
        like($data[-2], qr/timeout_error/, "$what: an error event");
        is(scalar(grep { /timeout_error/ } @data), 1, "$what: of its own");
        like($r->{body}, qr/\n\n/, "$what: behind a blank line");
    }
}

# Other APIs

sub hang {
    my ($what, $uri, $body) = @_;

    my $c = $t->client;
    $c->send(build_request('POST', "/idle/$what$uri", $body));
    my $r = $c->response;
    $c->close;
    $t->logged(1);
    return $r;
}

my $r = hang('claude', '/v1/messages', request('anthropic', stream => 1));
like($r->{body}, qr/\n\nevent: error\ndata: \{"type":"error".*\}\n\n\z/,
     'Anthropic: an event of its name');
ok($r->{complete}, 'and the end');

for my $what (qw(open one comma)) {
    # "idle" waits for a first content, "open" has none
    next if $what eq 'open';
    $r = hang("gemini_$what",
              '/v1beta/models/gemini-2.0-flash:streamGenerateContent',
              '{"contents":[{"parts":[{"text":"Hello"}]}]}');
    my $all = eval { $json->decode($r->{body}) } || [];
    is(scalar @$all, 2, "Gemini, $what: an array") or diag($r->{body});
    is($all->[-1]{error}{status}, 'DEADLINE_EXCEEDED',
       'of which the last is an error');
    ok($r->{complete}, 'and the end');
}

$r = hang('gemini_half',
          '/v1beta/models/gemini-2.0-flash:streamGenerateContent',
          '{"contents":[{"parts":[{"text":"Hello"}]}]}');
ok(!$r->{complete}, 'Gemini, half an element: cut');
unlike($r->{body}, qr/error/, 'and nothing in it');

my $chat = '{"model":"m","messages":[{"role":"user","content":"Hi"}]}';

for my $what (qw(ollama ollama_line ollama_half)) {
    $r = hang($what, '/api/chat', $chat);
    my @lines = split /\n/, $r->{body}, -1;
    is($lines[-1], '', "$what: ends with a line");
    like($lines[-2], qr/\A\{"error":"/, "$what: which is an error");
    is(scalar @lines, $what eq 'ollama_half' ? 4 : 3, "$what: on its own");
    ok($r->{complete}, "$what: and the end");
}

my @bedrock = ('/model/anthropic.claude-3/converse-stream',
               '{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}');

$r = hang('bedrock', @bedrock);
is(substr($r->{body}, 0, length $frame), $frame, 'Bedrock: what came');
like(substr($r->{body}, length $frame), qr/:exception-type.*Timeout/s,
     'an exception behind it');
is(unpack('N', substr $r->{body}, length $frame),
   length($r->{body}) - length $frame, 'and nothing more');
ok($r->{complete}, 'the end');

$r = hang('bedrock_half', @bedrock);
is($r->{body}, $hangs{bedrock_half}[1], 'Bedrock, half a frame: as it came');
ok(!$r->{complete}, 'cut');

# Other ways to the client

my $c = $t->client;
$c->send("POST " . path('idle/stall4') . " HTTP/1.0\r\nContent-Length: "
         . length($ask) . "\r\n\r\n$ask");
$r = $c->response;
ended($r->{body}, 'HTTP/1.0');
is($r->{closed}, 'fin', 'HTTP/1.0: closed in order');
$c->close;
$t->logged(1);

$r = $t->post(path('gzip/stall4'), $ask, 'Accept-Encoding' => 'gzip');
is($r->{headers}{'content-encoding'}, 'gzip', 'gzip');
IO::Uncompress::Gunzip::gunzip(\$r->{body}, \my $text) or die 'gunzip';
ended($text, 'gzip');
$t->logged(1);

SKIP: {
    skip 'curl without HTTP/2', 2 unless has_h2();

    $r = curl_h2($t->port(1), path('idle/stall4'), $ask);
    ended($r->{body}, 'HTTP/2');
    is($r->{exit}, 0, 'HTTP/2: the stream ends in order');
    $r = curl_h2($t->port(1), path('ttft/hang'), $ask);
    is($r->{status}, 504, 'HTTP/2: 504');
    $r = curl_h2($t->port(1), path('idle/counted'), $ask);
    isnt($r->{exit}, 0, 'HTTP/2: a cut stream is reset');
    $t->logged(3);
}

# A client that does not read

$c = $t->client;
setsockopt $c->sock, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), pack 'l', 65536;
$c->send(build_request('POST', path('total/flood'), $ask));
my ($log) = $t->logged(1);
is("$log->{outcome} $log->{error_type}", 'aborted ',
   'a client that does not read is left');
$c->close;

$c = $t->client;
setsockopt $c->sock, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), pack 'l', 65536;
$c->send(build_request('POST', path('idle/flood'), $ask));
select undef, undef, undef, 0.8;
is(scalar(grep { /flood.*idle|idle.*flood/ } $t->errors(qr/stream_timeout/)),
   0, 'its own time is not idle');
1 while !$c->closed && $c->read_some(3);
$c->close;
($log) = $t->logged(1);
is($log->{error_type}, 'timeout', 'but is once it has read');

# Fallbacks

$r = $t->post(path('caught/hang'), $ask);
is($r->{status}, 200, 'error_page: another upstream');
is($r->{body}, $stream->{body}, 'its stream');
($log) = $t->logged(1);
is("$log->{outcome} $log->{route}", 'ok fallback', 'its outcome');
is($log->{attempts}, 2, 'both attempts');
is($log->{upstream_status}, '504 : 200', 'and what they said');

$r = $t->post(path('page/hang'), $ask);
is("$r->{status} $r->{body}", '504 sorry', 'error_page: a page');
($log) = $t->logged(1);
is($log->{error_type}, 'timeout', 'of a timeout');

my $asked = $other->requests;
$r = $t->post(path('two/hang'), $ask);
is($r->{status}, 504, 'proxy_next_upstream is not asked');
is(scalar $other->requests, $asked, 'by nobody');
$r = $t->post(path('two/hang'), $ask) for 1 .. 3;
is(scalar $other->requests, $asked + 3, 'but the server has failed');
$t->logged(4);

# Nothing is stored

my $n = $up->requests;
for (1, 2) {
    $r = $t->post(path('stored/stall4'), $ask);
    $t->logged(1);
}
is(scalar $up->requests, $n + 2, 'what was ended is not stored');
$t->post(path('stored/ok'), $ask) for 1, 2;
is(scalar $up->requests, $n + 3, 'what was not is');
$t->logged(2);

# Many at a time

my @many = map { my $c = $t->client;
                 $c->send(build_request('POST', path($_ % 2 ? 'idle/stall4'
                                                    : 'ttft/hang'), $ask));
                 $c } 1 .. scale(200, 2000);
my %status;
$status{ $_->response->{status} }++ for @many;
$_->close for @many;
is($status{200}, @many / 2, 'many at a time: streams');
is($status{504}, @many / 2, 'and those that never began');
$t->logged(scalar @many);

# llm_delay

sub delayed {
    my ($d, @headers) = @_;

    my $at = mono();
    my $r = $t->post(path('delay/ok') . "?d=$d", $ask, @headers);
    my $took = mono() - $at;
    return ($r, $took, $t->logged(1));
}

for ('', '0', '0ms') {
    my ($r, $took, $log) = delayed($_);
    is($r->{status}, 200, "delay '$_'");
    cmp_ok($log->{wait}, '<', 0.1 * $SLOW, 'is none');
}

for (50, 300) {
    my ($r, $took, $log) = delayed("${_}ms");
    is($r->{body}, $stream->{body}, "delay ${_}ms");
    cmp_ok($took, '>=', $_ / 1000, 'at least');
    cmp_ok($log->{wait}, '>=', $_ / 1000 - 0.002, 'it is in the wait');
    cmp_ok($log->{wait}, '<', $_ / 1000 + 0.2 * $SLOW, 'and not much more');
    cmp_ok($log->{upstream_ttft}, '<', 0.1 * $SLOW, 'and not the upstream\'s');
}

my $asked_before = $up->requests;
($r, undef, $log) = delayed('soon');
is($r->{status}, 500, 'what is no time is refused');
is($log->{outcome}, 'refused', 'as by a gate');
delayed('1x') for 1 .. 3;
is(scalar $up->requests, $asked_before, 'nobody was asked');
is(scalar $t->errors(qr/llm_delay: invalid time/), 1, 'and said once');

# the body comes while it waits, and after

$c = $t->client;
my $raw = build_request('POST', path('delay/ok') . '?d=300ms', $ask,
                        Connection => 'keep-alive');
$c->send(substr $raw, 0, -20);
select undef, undef, undef, 0.1;
$c->send(substr $raw, -20);
is($c->response->{body}, $stream->{body}, 'a body that comes meanwhile');
$c->send($raw . $raw);
is($c->response->{body}, $stream->{body}, 'pipelined');
is($c->response->{body}, $stream->{body}, 'behind it');
$t->logged(3);

# leaving

my $left = $up->requests;
$c = $t->client;
$c->send(build_request('POST', path('delay/ok') . '?d=5s', $ask));
select undef, undef, undef, 0.1;
my $at = mono();
$c->close;
($log) = $t->logged(1);
cmp_ok(mono() - $at, '<', 1 * $SLOW, 'a client that leaves ends it at once');
is("$log->{status} $log->{outcome}", '499 aborted', 'aborted');
is(scalar $up->requests, $left, 'nobody was asked');

SKIP: {
    skip 'curl without HTTP/2', 3 unless has_h2();

    $at = mono();
    $r = curl_h2($t->port(1), path('delay/ok') . '?d=300ms', $ask);
    is($r->{body}, $stream->{body}, 'HTTP/2');
    cmp_ok(mono() - $at, '>=', 0.3, 'delayed');
    curl_h2($t->port(1), path('delay/ok') . '?d=5s', $ask, '--max-time', 0.2);
    $t->logged(1);
    ($log) = $t->logged(1);
    is($log->{outcome}, 'aborted', 'HTTP/2: aborted');
}

# of a limit

for my $n (0, 1) {
    $at = mono();
    $r = $t->post(path('limit/ok') . '?key=a', $ask);
    ($log) = $t->logged(1);
    is($r->{body}, $stream->{body}, "limit: call $n");
    cmp_ok($log->{wait}, '>=', $n - 0.1, "waits $n s") if $n;
    cmp_ok($log->{wait}, '<', $n + 0.3 * $SLOW, 'and no longer');
}

$r = $t->post(path('short/ok') . '?key=a', $ask);
is($r->{status}, 429, 'limit: a wait that would be too long');

$c = $t->client;
$c->send(build_request('POST', path('limit/ok') . '?key=a', $ask));
select undef, undef, undef, 0.1;
$c->close;
$t->logged(1);
($log) = $t->logged(1);
is($log->{outcome}, 'aborted', 'limit: a client that leaves');

# once a call

$at = mono();
$r = $t->post(path('again/hang'), $ask);
my $took = mono() - $at;
is($r->{body}, $stream->{body}, 'a fallback');
cmp_ok($took, '<', 0.9 * $SLOW, 'does not wait again');

$t->done;
