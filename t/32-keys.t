# Digests: who calls ($llm_key_id), with which system prompt
# ($llm_prompt_id), for what ($llm_cache_key).  The first two are computed here
# once more, with Perl's own SHA-256; of the third it is seen what changes it.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256_hex sha256);
use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Provider qw(answer request);
use LLM::Test;
use LLM::Upstream qw(chunked response);
use LLM::Util qw(scale);
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
        location /other/ {
            llm_provider other;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /short/ {
            llm_inspect_max 100;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /inspected/ {
            llm_inspect precontent;
            client_body_buffer_size 1k;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /early/ {
            if (\$llm_cache_key = x) { return 500; }
            proxy_pass http://%%UPSTREAM%%;
        }
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


# The same key: what changes it, and what does not.

sub key_of {
    my ($body, $uri, @headers) = @_;

    $t->post($uri || $path, $body, @headers);
    my ($log) = $t->logged(1);
    return $log->{cache_key};
}

my @members = ('"model":"m"', '"messages":[{"role":"user","content":"a b"}]',
               '"temperature":0.5');
my $plain = '{' . join(',', @members) . '}';
my $first = key_of($plain);

like($first, qr/^[0-9a-f]{64}$/, 'a cache key');

my @same = (
    ['the same again', $plain],
    ['white space', "{ \n" . join(" ,\t\r\n", @members) . ' }  '],
    ['who asks', '{"user":"u",' . join(',', @members) . ',"store":true,'
     . '"metadata":{"a":[1]},"safety_identifier":"x"}'],
    ['usage', '{' . join(',', @members)
     . ',"stream_options":{"include_usage":true}}'],
    ['in chunks', join('', map({ chunked($_) } unpack '(a3)*', $plain),
                       "0\r\n\r\n"), $path,
     'Transfer-Encoding' => 'chunked'],
    ['another caller', $plain, $path, 'x-api-key' => 'other'],
    ['said to be plain', $plain, $path, 'Content-Encoding' => 'Identity'],
);

my @other = (
    ['another model', $plain =~ s/"m"/"n"/r],
    ['another word', $plain =~ s/a b/a  b/r],
    ['another order', '{' . join(',', reverse @members) . '}'],
    ['another number', $plain =~ s/0\.5/0.50/r],
    ['a stream', $plain =~ s/\{/{"stream":true,/r],
    ['a bound', $plain =~ s/\{/{"max_tokens":9,/r],
    ['an inner user', $plain =~ s/"role"/"user":"u","role"/r],
    ['arguments', $plain, "$path?a=1"],
    ['another path', $plain, "/v2$path"],
    ['another provider', $plain, "/other$path"],
    ['no body', undef],
);

my %seen = ($first => 'the first');

for my $case (@same) {
    my ($name, @call) = @$case;
    is(key_of(@call), $first, "the same key: $name");
}

for my $case (@other) {
    my ($name, @call) = @$case;
    my $key = key_of(@call);
    is($seen{$key}, undef, "another key: $name");
    is(key_of(@call), $key, "and the same one again: $name");
    $seen{$key} = $name;
}

# Bodies made at random, each written twice: with other white space and other
# members that do not count it has the same key, with another value it has not.

srand($ENV{LLM_SEED} || 1);

sub any { return $_[rand @_] }

sub value {
    my ($depth) = @_;

    my $kind = int rand($depth > 3 ? 3 : 5);
    return '"' . join('', map { any('a', '\\"', '\\\\', ' ', '\\u0041', ',', '{',
        '"user"' =~ s/"/\\"/gr) } 1 .. rand 6) . '"' if $kind == 0;
    return any(qw(0 -1.5 2e3 true false null)) if $kind < 3;
    my @of = map { ($kind == 3 ? '"' . any(qw(a user store)) . '":' : '')
                   . value($depth + 1) } 1 .. rand 4;
    return ($kind == 3 ? '{' : '[') . join(',', @of)
         . ($kind == 3 ? '}' : ']');
}

# tokens of a text that has no white space between them

sub spaced {
    my ($text) = @_;

    return join any('', ' ', "\n", "\t "),
        $text =~ /"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^"\[\]{}:,\s]+/g;
}

sub written {
    my (@members) = @_;

    my @more = map { "\"$_\":" . value(1) }
               grep { rand() < 0.3 } qw(user metadata store
               safety_identifier stream_options), '\\u0075ser';
    splice @members, rand(1 + @members), 0, $_ for @more;
    return spaced('{' . join(',', @members) . '}');
}

my $wrong = 0;

for my $i (1 .. scale(150, 5000)) {
    my @m = ("\"n\":$i", map { "\"m$_\":" . value(1) } 1 .. 1 + rand 5);
    my @keys = map { key_of($_) } written(@m), written(@m),
               written(@m, "\"z\":$i");
    my $good = $keys[0] eq $keys[1] && $keys[1] ne $keys[2]
               && !$seen{ $keys[0] } && !$seen{ $keys[2] };
    $seen{$_} = $i for @keys[0, 2];
    diag("body $i: {" . join(',', @m) . "}") if !$good && $wrong++ < 3;
}

is($wrong, 0, 'bodies written twice');

# nobody else's: never the same twice

my @alone = (
    ['not JSON', 'model=m'],
    ['cut', substr $plain, 0, -1],
    ['more behind it', "$plain 1"],
    ['a member twice', $plain =~ s/\{/{"model":"m",/r],
    ['a member in another case', $plain =~ s/"model"/"Model"/r],
    ['too long', $plain . ' ' x 100, "/short$path"],
    ['compressed', $plain, $path, 'Content-Encoding' => 'gzip'],
    ['asked for too early', $plain, "/early$path"],
);

for my $case (@alone) {
    my ($name, @call) = @$case;
    my @keys = map { key_of(@call) } 1 .. 2;
    like($keys[0], qr/^[0-9a-f]{64}$/, "a key: $name");
    isnt($keys[0], $keys[1], "nobody else's: $name");
    is($seen{$_}, undef, "none of the others: $name") for @keys;
}

is(scalar(my @early = $t->errors(qr/llm_cache_key" is read before/)), 1,
   'too early is said');

{
    my @log = map { $t->get($_); $t->logged(1) } ('/llm-status') x 2;
    isnt($log[-1]{cache_key}, $log[-2]{cache_key}, 'where llm is off');
    like($log[-1]{cache_key}, qr/^[0-9a-f]{64}$/, 'not empty either');
}

{
    # a large one, in a file, inspected or not
    my $large = $plain =~ s/a b/'long ' x 50_000/er;
    my @keys = map { key_of($_, "/inspected$path") }
               $large, $large =~ s/,"temp/ , "user":"z", "temp/r;
    is($keys[0], $keys[1], 'of a body in a file');
}

# The system prompt.

sub prompt_of {
    my ($body, $uri) = @_;

    $t->post($uri || $path, $body);
    my ($log) = $t->logged(1);
    return $log->{prompt_id};
}

sub prompt_id {
    return substr hmac_sha256_hex(sha256($_[0]), 'a secret'), 0, 16;
}

my $user = '{"role":"user","content":"x"}';
my @prompts = (
    ['a turn', 'be brief',
     "{\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},$user]}"],
    ['a developer, written otherwise', 'be brief', "{\"messages\": [{\"content\""
     . ": [{\"type\":\"text\",\"text\":\"b\\u0065 brief\"}], \"role\":"
     . " \"developer\"},$user]}"],
    ['its own place', 'be brief',
     "{\"messages\":[$user],\"system\":\"be brief\"}", '/v1/messages'],
    ['Responses', 'be brief',
     '{"model":"m","input":"x","instructions":"be brief"}', '/v1/responses'],
    ['Gemini', 'be brief', '{"contents":[{"parts":[{"text":"x"}]}],'
     . '"systemInstruction":{"parts":[{"text":"be brief"}]}}',
     '/v1beta/models/g:generateContent'],
    ['two texts', "be\0brief", "{\"messages\":[$user],\"system\":"
     . '[{"type":"text","text":"be"},{"type":"text","text":"brief"}]}',
     '/v1/messages'],
    ['none', undef, "{\"messages\":[$user]}"],
    ['unreadable', undef, '{"system":"be brief"'],
);

for my $case (@prompts) {
    my ($name, $text, @call) = @$case;
    is(prompt_of(@call), defined $text ? prompt_id($text) : '',
       "prompt: $name");
}

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
