# The harness itself: it sends and sees what it says, and its end checks
# fire.  A detector that has never detected is no evidence.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Books;
use LLM::Client qw(build_request curl_h2 has_h2 http);
use LLM::Test;
use LLM::Upstream qw(response sse);
use LLM::Util qw(mono wait_for);
use Test::More;

my $bytes = join '', map { chr } 0 .. 255;

my %answers = (
    '/length'  => [response(200, ['X-A' => 1], 'abc')],
    '/chunked' => [response(200, [], $bytes, framing => 'chunked',
                            plan => [1, 2, 3])],
    '/close'   => [response(200, [], 'abc', framing => 'close')],
    '/drip'    => [response(200, [], $bytes, drip => 0.1)],
    '/pause'   => [sse(['a', [pause => 120], 'b'])],
    '/broken'  => [response(200, [], 'abc', broken => 1)],
    '/rst'     => [response(200, [], 'abc', framing => 'chunked',
                            broken => 'rst')],
    '/hang'    => [sse(['a', ['hang']])],
    '*'        => [response(200, [], 'other')],
);

my $t = LLM::Test->new(module => 0, workers => 2);
my $up = $t->upstream(\%answers);
my $port = $up->port;

subtest 'client and upstream, face to face' => sub {
    my $r = http($port, 'GET', '/length', undef);
    is_deeply([@$r{qw(status body complete)}, $r->{headers}{'x-a'}],
              [200, 'abc', 1, 1], 'content-length');

    for my $path (qw(/chunked /drip)) {
        $r = http($port, 'POST', $path, '{}');
        is($r->{body}, $bytes, "$path: bytes as scripted");
        ok($r->{complete}, "$path: complete");
    }

    cmp_ok(scalar @{ $r->{chunks} }, '>', 20, 'a drip arrives in drops');

    $r = http($port, 'GET', '/close', undef);
    is_deeply([@$r{qw(body complete closed)}], ['abc', 1, 'fin'], 'close');

    $r = http($port, 'GET', '/pause', undef);
    my @times = map { $_->[0] } grep { $_->[1] =~ /[ab]\r\n/ }
                @{ $r->{chunks} };
    cmp_ok($times[-1] - $times[0], '>', 0.115, 'a pause is seen');

    $r = http($port, 'GET', '/broken', undef);
    is_deeply([@$r{qw(body complete closed)}], ['abc', 0, 'fin'], 'broken');

    $r = http($port, 'GET', '/rst', undef);
    is_deeply([@$r{qw(complete closed)}], [0, 'rst'], 'RST');

    my $c = LLM::Client->new(port => $port);
    $c->send(build_request('GET', '/hang', undef));
    ok($c->read_until(qr/1\r\na/), 'first bytes of a hanging answer');
    $c->abort;
    ok(wait_for(5, sub { grep { $_->{how} eq 'client rst' } $up->ends }),
       'the RST of a client is noted');

    $c = LLM::Client->new(port => $port);
    my $two = build_request('POST', '/a', 'x' x 10, Connection => undef);
    $c->send($two . $two);
    is($c->response->{body}, 'other', 'first of two on one connection');
    is($c->response->{body}, 'other', 'second');
    $c->send("POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
             . "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    $c->response;
    my @requests = $up->requests;
    is($requests[-1]{body}, 'abcde', 'a chunked request body is read');
    is($requests[-2]{raw}, $two, 'a request is recorded as it came');
    is($requests[-1]{n}, 3, 'its number on the connection');
};

subtest 'many connections' => sub {
    my @c = map { LLM::Client->new(port => $port) } 1 .. 1500;
    $_->send(build_request('GET', '/hang', undef)) for @c;
    is(scalar(grep { $_->read_until(qr/1\r\na/) } @c), 1500, 'all served');
    LLM::Client::close_all();
};

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / {
            proxy_pass http://%%UPSTREAM%%;
        }
    }
    server {
        listen 127.0.0.1:%%PORT_1%% http2;
        location / {
            proxy_pass http://%%UPSTREAM%%;
        }
    }
}
EOC

subtest 'nginx' => sub {
    $t->start;
    is(scalar $t->workers, 2, 'two workers');

    is($t->get('/length')->{body}, 'abc', 'get');
    is($t->post('/chunked', '{}')->{body}, $bytes, 'post');
    my @log = $t->logged(2);
    is_deeply([map { $_->{request_uri} } @log], ['/length', '/chunked'],
              'access log');

    my @old = $t->workers;
    ok($t->reload(wait_old => 1), 'reload');
    ok(!grep({ my $pid = $_; grep { $_ == $pid } @old } $t->workers),
       'new workers');
    ok($t->kill_worker, 'a killed worker is followed by another');
    is($t->get('/length')->{status}, 200, 'and serves');

    SKIP: {
        skip 'curl without HTTP/2', 1 unless has_h2();
        my $r = curl_h2($t->port(1), '/pause', '{"a":1}');
        is_deeply($r, { status => 200, body => 'ab', exit => 0 }, 'HTTP/2');
    }

    my ($ok, $said) = $t->check("%%GLOBALS%%\nnonsense;\n");
    ok(!$ok, 'check sees an error');
    like($said, qr/unknown directive "nonsense"/, 'and hands on its words');
};

subtest 'the end checks fire' => sub {
    my $log = $t->path('error.log');
    my $clean = $t->read_file('error.log');

    is(scalar $t->_bad_lines, 0, 'clean so far, the kill is excused');

    for my $line (
        '2026/01/01 [alert] 1#1: open socket #3 left in connection 5',
        '2026/01/01 [alert] 1#1: worker process 1 exited on signal 9',
        '2026/01/01 [emerg] 1#1: bind() failed',
        '2026/01/01 [notice] 1#1: worker process 1 exited with code 1',
        'x.c:1:1: runtime error: index 1 out of bounds',
        '==1==ERROR: AddressSanitizer: heap-use-after-free')
    {
        LLM::Util::append($log, "$line\n");
        is(scalar $t->_bad_lines, 1, $line);
        LLM::Util::spew($log, $clean);
    }

    LLM::Util::spew($t->path('asan.7'), "==7==ERROR: LeakSanitizer: 1\n");
    is(scalar $t->_bad_lines, 1, 'a report in a file of its own');
    unlink $t->path('asan.7');
};

sub document {
    my (@calls) = @_;

    my @windows = map {
        { all => { calls => { ok => $_, error => 1, aborted => 0,
                              incomplete => 0, refused => 0,
                              total => $_ + 1 },
                   cost => { usd => "0.00000000$_" },
                   tokens => { input => $_ } } }
    } @calls;
    my $total = shift @windows;

    $total->{all}{calls}{error} = @windows;
    $total->{all}{calls}{total} = $calls[0] + @windows;
    return { total => { windows => $total },
             series => [map { { labels => { n => $_ },
                                windows => $windows[$_] } } 0 .. $#windows] };
}

subtest 'books' => sub {
    is(scalar LLM::Books::wrong(document(5, 2, 3)), 0, 'balanced');
    cmp_ok(scalar(my @w = LLM::Books::wrong(document(5, 2, 2))), '>=', 3,
           'series do not sum to the total');

    my $json = document(5, 2, 3);
    $json->{total}{windows}{all}{calls}{ok}--;
    $json->{series}[0]{windows}{all}{calls}{ok}--;
    is(scalar(@w = LLM::Books::wrong($json)), 2, 'ends do not sum to calls');

    $json = document(5, 2, 3);
    $json->{total}{windows}{all}{cost}{usd} = '0.000000006';
    is(scalar(@w = LLM::Books::wrong($json)), 1, 'a nano-dollar is missed');
};

$t->done;
