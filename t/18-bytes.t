# Bytes are sacred.  Questions and answers of random size, kind and split
# pass nginx with the module on, off, and absent; both sides compare hashes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Zlib ();
use Digest::MD5 qw(md5_hex);
use LLM::Books;
use LLM::Client qw(build_request);
use LLM::Provider qw(answer request words);
use LLM::Test;
use LLM::Upstream qw(chunked response);
use LLM::Util qw(scale slurp spawn spew wait_for);
use Test::More;

my $CALLS = scale(1_000, 100_000);
my $CLIENTS = 4;
my @WAYS = qw(on buffered off absent);
my $SEEDS = int($CALLS / @WAYS / $CLIENTS + 0.999);

my $t = LLM::Test->new;
my $bare = LLM::Test->new(module => 0);

# Everything about a call follows from its seed.

sub bytes {
    my ($n) = @_;

    my $some = join '', map { chr int rand 256 } 1 .. ($n < 999 ? $n : 999);
    return substr $some x (1 + $n / (length($some) || 1)), 0, $n;
}


sub size { return int 2 ** rand $_[0] }

my @APIS = qw(openai_chat openai_completions openai_responses anthropic
              embeddings);

sub question {
    my ($seed) = @_;

    srand $seed;
    my $api = $APIS[rand @APIS];
    my $body = rand() < 0.8
        ? request($api, stream => rand() < 0.5, prompt => 'p ' x size(16))
        : bytes(size(17));

    return ($api, $body, rand() < 0.3);
}


sub reply {
    my ($seed) = @_;

    srand $seed + 1e6;
    my $kind = rand;
    my $made = answer(api => $APIS[rand @APIS], stream => rand() < 0.7,
                      include_usage => 1, text => [words(size(9))],
                      id => "id-$seed", eol => rand() < 0.2 ? "\r\n" : "\n");
    my ($type, $body) = ($made->{type}, $made->{body});
    my @headers;

    if ($kind < 0.15) {
        $body = bytes(size(18));

    } elsif ($kind < 0.25) {
        $body = substr $body, 0, rand length $body;

    } elsif ($kind < 0.35) {
        $body = Compress::Zlib::memGzip($body);
        @headers = ('Content-Encoding' => 'gzip');

    } elsif ($kind < 0.4) {
        $body = '';
    }

    my @plan = map { size(12) } 1 .. rand 30;
    my $framing = qw(length chunked close)[rand 3];
    my $status = rand() < 0.9 ? 200 : (400, 429, 500)[rand 3];
    my @pieces = $framing eq 'chunked'
        ? map({ substr $body, 0, $_, '' } @plan) : ();

    return (md5_hex(join '', @pieces, $body), $status,
            ['Content-Type' => $type, @headers], $body,
            framing => $framing,
            $framing eq 'chunked' ? (pieces => [grep { length }
                                                @pieces, $body])
                                  : (plan => \@plan, gap => 0));
}


my $up = $t->upstream(sub {
    my ($request) = @_;
    my ($seed) = $request->{uri} =~ /seed=(\d+)/;
    my (undef, $status, $headers, @rest) = reply($seed);
    return response($status, [@$headers,
                              'X-Asked' => md5_hex($request->{body})], @rest);
}, file => '');
push @{ $bare->{upstreams} }, $up;

my $server = <<'EOC';
    listen 127.0.0.1:%%PORT_0%%;
    client_body_buffer_size 8k;
    client_max_body_size 1m;
    keepalive_requests 100000;
    sendfile on;
    proxy_buffers 4 4k;
    proxy_busy_buffers_size 8k;
EOC

$t->config(<<"EOC");
%%GLOBALS%%
http {
    %%HTTP%%
    access_log off;
    llm_zone zone=main:32m;
    llm_price gpt-demo input=1 output=2;
    server {
        $server
        llm main;
        location /on/ { proxy_pass http://%%UPSTREAM%%; }
        location /buffered/ {
            llm_stream_buffering on;
            llm_accept_encoding pass;
            proxy_request_buffering off;
            proxy_http_version 1.1;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /off/ { llm off; proxy_pass http://%%UPSTREAM%%; }
        location = /llm-status { llm off; llm_status main; }
    }
}
EOC

$bare->config(<<"EOC");
%%GLOBALS%%
http {
    %%HTTP%%
    access_log off;
    server {
        $server
        location / { proxy_pass http://%%UPSTREAM%%; }
    }
}
EOC

$t->start;
$bare->start;

# One client process: its seeds, in every way; what differed, in a file.

sub client {
    my ($k, $file) = @_;

    my (@wrong, %c);
    my $calls = 0;

    for my $seed (map { $k * 1_000_000 + $_ } 1 .. $SEEDS) {
        my ($api, $body, $chunks) = question($seed);
        my ($md5, $status) = reply($seed);
        my $asked = md5_hex($body);

        for my $way (@WAYS) {
            my $uri = "/$way" . LLM::Provider::path_of($api) . "?seed=$seed";
            my @how = $chunks ? ('Transfer-Encoding' => 'chunked') : ();
            my $send = $chunks
                ? join('', map({ chunked($_) } unpack '(a4000)*', $body),
                       "0\r\n\r\n") : $body;

            my $c = $c{$way} ||= LLM::Client->new(
                port => ($way eq 'absent' ? $bare : $t)->port(0));
            $c->send(build_request('POST', $uri, $send, Connection => undef,
                                   @how));
            my $r = $c->response;
            $calls++;

            push @wrong, "$way, seed $seed: status $r->{status}, not $status"
                unless $r->{status} == $status;
            push @wrong, "$way, seed $seed: answer" unless $r->{complete}
                && md5_hex($r->{body}) eq $md5;
            push @wrong, "$way, seed $seed: question"
                unless ($r->{headers}{'x-asked'} || '') eq $asked;

            @{ $c->{chunks} } = ();
            delete $c{$way} if $c->closed
                || ($r->{headers}{connection} || '') eq 'close';
            last if @wrong > 20;
        }
    }

    return spew($file, join "\n", $calls, @wrong);
}


my @files = map { $t->path("client.$_") } 1 .. $CLIENTS;
my @pids = map { my $k = $_;
                 spawn(sub { client($k, $files[$k - 1]) }) } 1 .. $CLIENTS;
waitpid $_, 0 for @pids;

my ($calls, @wrong) = (0);

for my $file (@files) {
    my ($n, @more) = split /\n/, -e $file ? slurp($file)
                                          : "0\na client died";
    $calls += $n;
    push @wrong, @more;
}

is($calls, $SEEDS * $CLIENTS * @WAYS, "$calls calls");
is(scalar @wrong, 0, 'the same bytes, on, off and absent')
    or diag(join "\n", @wrong > 20 ? @wrong[0 .. 19] : @wrong);

my $json = $t->status;
wait_for(5, sub { !LLM::Books::in_flight($json = $t->status) });
is($json->{total}{windows}{all}{calls}{total}, $calls / 2,
   'those with the module on are counted, each once');

$bare->finish(books => 0);
$t->done;
