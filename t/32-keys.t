# Digests: who calls ($llm_key_id).  Each is computed here once more, with
# Perl's own SHA-256.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Provider qw(answer request);
use LLM::Test;
use LLM::Upstream qw(response);
use Test::More;

my $t = LLM::Test->new(workers => 2);

my $made = answer(api => 'openai_chat');
$t->upstream(sub {
    return response(200, ['Content-Type' => $made->{type}], $made->{body});
});

sub config {
    my ($secret) = @_;

    return <<"EOC";
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:16m;
    $secret

    map \$llm_key_id \$team { default none; ~. some; }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        location / { proxy_pass http://%%UPSTREAM%%; }
        location /again/ {
            # the key that decided is that of the first location
            error_page 418 = \@next;
            if (\$llm_key_id) { return 418; }
            return 500;
        }
        location \@next {
            set \$args "";
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /llm-status { llm off; llm_status main; }
    }
}
EOC
}

my $path = '/v1/chat/completions';
my $body = request('openai_chat');

sub id_of {
    my ($uri, @headers) = @_;

    $t->post($uri, $body, @headers);
    my ($log) = $t->logged(1);
    return $log->{key_id};
}

sub id { return substr hmac_sha256_hex($_[0], 'a secret'), 0, 16 }

$t->write_file('key', "a secret\r\n");
$t->config(config("llm_key_secret 'a secret';"));
$t->start;

my @cases = (
    ['none', '', ''],
    ['bearer', 'sk-1', '', Authorization => 'Bearer sk-1'],
    ['bearer, its case and blanks', 'sk-1', '',
     authorization => 'bEARER   sk-1'],
    ['another scheme is no key', '', '', Authorization => 'Basic c2stMQ=='],
    ['a signature is no key', '', '', Authorization =>
     'AWS4-HMAC-SHA256 Credential=AKIA/x'],
    ['a scheme alone', '', '', Authorization => 'Bearer'],
    ['x-api-key', 'k', '', 'X-Api-Key' => 'k'],
    ['api-key', 'k2', '', 'api-key' => 'k2'],
    ['x-goog-api-key', 'g', '', 'x-goog-api-key' => 'g'],
    ['argument', 'AIza', '?alt=sse&key=AIza'],
    ['argument, escaped', 'A+b/c', '?%6bey=%41+b%2Fc'],
    ['not that argument', '', '?monkey=1&keys=2&Key=3&akey=4'],
    ['an argument without value', '', '?key&key='],
    ['the same twice', 'k', '?key=k', 'x-api-key' => 'k',
     'Authorization' => 'Bearer k'],
    ['the first of two', 'a', '?key=z', 'Authorization' => 'Bearer b',
     'x-api-key' => 'a'],
    ['an empty one does not count', 'b', '', 'x-api-key' => '',
     'Authorization' => 'Bearer b'],
    ['any bytes', "\xff\x80", '', 'x-api-key' => "\xff\x80"],
);

for my $case (@cases) {
    my ($name, $key, $args, @headers) = @$case;
    is(id_of($path . $args, @headers), $key eq '' ? '' : id($key), $name);
}

is(id_of("/again$path?key=kept"), id('kept'), 'fixed at its first use');

unlike($t->read_file('error.log'), qr/sk-1|AIza/, 'no key in the log')
    if $t->{log} ne 'debug';

ok($t->reload(config => config("llm_key_secret file=%%DIR%%/key;"),
             wait_old => 1),
   'a secret from a file');
is(id_of($path, 'x-api-key' => 'k'), id('k'), 'which is the same one');

# drawn at the start: nobody knows it, all workers have it, reloads keep it

ok($t->reload(config => config(''), wait_old => 1), 'no secret given');
my %drawn = map { id_of($path, 'x-api-key' => 'k', Connection => 'close')
                  => 1 } 1 .. 20;
is(scalar keys %drawn, 1, 'one id for all workers');
isnt((keys %drawn)[0], id('k'), 'of a secret of its own');
like((keys %drawn)[0], qr/^[0-9a-f]{16}$/, 'of 16 hex digits');

ok($t->reload(wait_old => 1), 'reload');
is(id_of($path, 'x-api-key' => 'k'), (keys %drawn)[0], 'the same after it');

$t->stop;
$t->start;
isnt(id_of($path, 'x-api-key' => 'k'), (keys %drawn)[0],
     'another after a start');

$t->done;
