# Hostile upstreams: responses that are huge, endless, deeply nested, cut,
# mistyped or lying cost constant memory, reach the client as they came and
# break nothing; no number of the status leaves its range.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::MD5 qw(md5_hex);
use JSON::PP;
use LLM::Test;
use LLM::Upstream qw(response sse);
use LLM::Util qw(proof slurp);
use Test::More;

my $MB = proof() ? 64 : 8;
my $HUGE = $MB * 1024 * 1024;

my $JSON = ['Content-Type' => 'application/json'];
my $SSE = ['Content-Type' => 'text/event-stream'];

my $chunk = '{"id":"c","object":"chat.completion.chunk","model":"m",'
            . '"choices":[{"index":0,"delta":{"content":"%s"}}]}';

sub event { return 'data: ' . sprintf($chunk, $_[0]) . "\n\n" }

sub usage {
    my ($in, $out, $total) = @_;
    return qq({"model":"m","choices":[{"index":0,"message":{"content":"hi"},)
           . qq("finish_reason":"stop"}],"usage":{"prompt_tokens":$in,)
           . qq("completion_tokens":$out,"total_tokens":$total}});
}

my %body = (
    'one-line'     => [$SSE, 'data: ' . 'x' x $HUGE],
    'one-event'    => [$SSE, event('y' x $HUGE)],
    'one-string'   => [$JSON, '{"model":"' . 'z' x $HUGE . '"}'],
    'one-key'      => [$JSON, '{"' . 'k' x $HUGE . '":1}'],
    'one-number'   => [$JSON, '{"usage":{"prompt_tokens":' . '9' x $HUGE
                              . '}}'],
    'escapes'      => [$SSE, event('\\n' x ($HUGE / 2))],
    'surrogates'   => [$SSE, event('\\ud83d\\ude00' x ($HUGE / 16))],
    'tiny-events'  => [$SSE, "data:{}\n\n" x ($HUGE / 9)],
    'comments'     => [$SSE, ": ping\n\n" x ($HUGE / 9)],
    'only-newlines' => [$SSE, "\n" x $HUGE],
    'only-cr'      => [$SSE, "\r" x $HUGE],
    'field-names'  => [$SSE, 'd' x $HUGE],
    'deep-arrays'  => [$JSON, '[' x $HUGE],
    'deep-objects' => [$JSON, '{"a":' x ($HUGE / 5)],
    'deep-choices' => [$JSON, '{"choices":[' x ($HUGE / 12)],
    'many-tools'   => [$SSE, ('data: {"choices":[{"delta":{"tool_calls":['
                              . join(',', map {
                                  qq({"index":$_,"id":"c$_","function":)
                                  . '{"name":"f","arguments":"{}"}}' }
                                0 .. 999) . "]}}]}\n\n") x ($MB)],
    'many-models'  => [$SSE, join '', map {
                         qq(data: {"model":"m$_","choices":[{"delta":)
                         . qq({"content":"x"}}]}\n\n) } 1 .. 5000 * $MB],
    'binary'       => [['Content-Type' => 'application/json'],
                       join '', map { chr(int rand 256) } 1 .. 100_000],
    'nul'          => [$SSE, "\0" x 100_000],
    'html'         => [$JSON, '<html>' . 'no' x 1000 . '</html>'],
    'empty-json'   => [$JSON, ''],
    'empty-sse'    => [$SSE, ''],
    'json-as-sse'  => [$SSE, usage(3, 2, 5)],
    'sse-as-json'  => [$JSON, event('hello') . "data: [DONE]\n\n"],
    'negative'     => [$JSON, usage(-5, -7, -12)],
    'overflow'     => [$JSON, usage('1e300', '18446744073709551616', '9e99')],
    'fraction'     => [$JSON, usage('3.0', '2e0', '5')],
    'words'        => [$JSON, usage('"many"', 'true', 'null')],
    'cached-more'  => [$JSON, '{"model":"m","usage":{"prompt_tokens":5,'
                              . '"completion_tokens":1,'
                              . '"prompt_tokens_details":'
                              . '{"cached_tokens":99999999999}}}'],
    'quoted-usage' => [$JSON, '{"model":"m","choices":[{"index":0,"message":'
                       . '{"content":"\\"usage\\":{\\"prompt_tokens\\":999}"'
                       . '},"finish_reason":"stop"}],"usage":'
                       . '{"prompt_tokens":4,"completion_tokens":2}}'],
    'nested-usage' => [$JSON, '{"model":"m","usage":{"prompt_tokens":4,'
                       . '"completion_tokens":2,"usage":{"prompt_tokens":'
                       . '777}},"tool":{"usage":{"prompt_tokens":888}}}'],
);

my %tokens = (
    'fraction' => [3, 2], 'quoted-usage' => [4, 2], 'nested-usage' => [4, 2],
    'json-as-sse' => [3, 2],
);

my $t = LLM::Test->new;

$t->upstream(sub {
    my ($req) = @_;
    my ($name) = $req->{path} =~ m{^/([^/]+)/};
    my ($head, $bytes) = @{ $body{$name} };
    return response(200, $head, $bytes, framing => 'chunked');
});

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:4m;
    proxy_read_timeout 30s;
    proxy_max_temp_file_size 0;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        location / { proxy_pass http://%%UPSTREAM%%; }
        location = /llm-status { llm_status main; }
    }
}
EOC

$t->start;

sub rss {
    my ($pid) = $t->workers;
    my ($kb) = slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m;
    return $kb;
}

my $ask = '{"model":"m","messages":[{"role":"user","content":"x"}]}';

# the first calls make the worker touch what it needs

$t->post("/$_/v1/chat/completions", $ask) for qw(fraction sse-as-json one-line);
$t->logged(3);

my $before = rss();

for my $name (sort keys %body) {
    my $r = $t->post("/$name/v1/chat/completions", $ask);
    my ($log) = $t->logged(1);

    is(md5_hex($r->{body}), md5_hex($body{$name}[1]),
       "$name: as it came");
    ok(defined $log->{outcome} && $log->{outcome} ne '',
       "$name: counted as $log->{outcome}");

    if ($tokens{$name}) {
        is("$log->{input_tokens} $log->{output_tokens}", "@{$tokens{$name}}",
           "$name: tokens");
    }

    if (length $log->{cache_read_tokens} && length $log->{input_tokens}) {
        cmp_ok($log->{cache_read_tokens}, '<=', $log->{input_tokens},
               "$name: a part is no more than the whole");
    }
}

my $grown = rss() - $before;
cmp_ok($grown, '<', 2048 * $LLM::Test::SLOW * ($LLM::Test::SANITIZED ? 32 : 1),
       "the worker grew by $grown KB over " . keys(%body) . ' of them');

my $s = decode_json($t->get('/llm-status?window=all')->{body});
my $all = $s->{total}{windows}{all};
is($all->{calls}{total}, 3 + keys %body, 'each call is counted once');
ok(!(grep { $_ < 0 } values %{ $all->{tokens} }), 'no counter is negative');
like($all->{cost}{usd}, qr/^\d+\.\d{9}$/, 'nor is the money');

$t->done;
