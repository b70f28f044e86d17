# The last good price lists, beside a state: used at a cold start when the
# configured ones cannot be, never by a reload or the check before one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::State;
use LLM::Test;
use LLM::Upstream qw(response);
use LLM::Util qw(slurp spew wait_for);
use Test::More;

my $ANSWER = '{"id":"x","object":"chat.completion","model":"%s","choices":'
    . '[{"index":0,"message":{"role":"assistant","content":"hi"},'
    . '"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,'
    . '"completion_tokens":0,"total_tokens":1000}}';

my $t = LLM::Test->new(workers => 1);
my $s = LLM::State->new($t);

$t->upstream(sub {
    my ($model) = $_[0]{body} =~ /"model":"([^"]+)"/;
    return response(200, ['Content-Type' => 'application/json'],
                    sprintf $ANSWER, $model);
});

sub conf {
    my ($state, @lists) = @_;

    my $prices = join '', map { "llm_prices %%DIR%%/$_;\n" } @lists;
    return <<"EOC";
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:1m $state;
    $prices
    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { llm main; proxy_pass http://%%UPSTREAM%%; }
        location = /llm-status { llm_status main; access_log off; }
    }
}
EOC
}

sub list {
    my ($model, $usd) = @_;

    return sprintf '{"%s":{"litellm_provider":"openai","mode":"chat",'
        . '"input_cost_per_token":%s,"output_cost_per_token":1e-06}}' . "\n",
        $model, $usd;
}

sub cost {
    my ($model) = @_;

    $t->post('/v1/chat/completions', qq({"model":"$model","messages":[]}),
             'Content-Type' => 'application/json');
    my ($line) = $t->logged(1);
    return $line->{cost};
}

# what is expected in the log is taken out of it

sub take {
    my ($re) = @_;

    my $log = $t->read_file('error.log');
    my $n = $log =~ s/^.*\[emerg\].*$re.*\n//mg;
    spew($t->path('error.log'), $log) if $n;
    return $n;
}

my $STATE = 'state=%%DIR%%/state/main';
my $copy = $t->path('state/main.prices');
my @two = ($STATE, 'a.json', 'b.json');

spew($t->path('a.json'), list('gpt-a', '1e-06'));
spew($t->path('b.json'), list('gpt-b', '2e-06'));

my ($ok, $said) = $t->check(conf(@two));
ok($ok, '-t takes it') or diag($said);
ok(!-e $t->path('state'), 'and writes nothing');

$t->config(conf(@two));
$t->start;
is(slurp($copy), slurp($t->path('a.json')), 'a copy of the first list');
is(slurp("$copy.1"), slurp($t->path('b.json')), 'and of the second');
is((stat $copy)[2] & 07777, 0600, 'ours alone');
is(cost('gpt-a'), '0.001000000', 'a price');
my ($ino) = (stat $copy)[1];

spew($t->path('b.json'), list('gpt-b', '3e-06'));
ok($t->reload(wait_old => 1), 'a reload with another list');
is(cost('gpt-b'), '0.003000000', 'its price');
is(slurp("$copy.1"), slurp($t->path('b.json')), 'its copy');
is((stat $copy)[1], $ino, 'that of the other is left alone');

spew($t->path('b.json'), '{"gpt-b": 7');
($ok, $said) = $t->check(conf(@two));
ok(!$ok && $said =~ /\[emerg\].*b\.json/, '-t before a reload refuses it')
    or diag($said);
unlike($said, qr/copy/, 'and speaks of no copy');
kill HUP => $t->master;
ok(wait_for(5, sub { take(qr/b\.json/) }), 'so does a reload');
is(cost('gpt-b'), '0.003000000', 'which changes nothing');

my $sha = $t->status->{health}{prices}{sha256};
$s->halt;
($ok, $said) = $t->check(conf(@two));
ok($ok, '-t before a cold start takes it') or diag($said);
like($said, qr/\[error\].*last good copy "\Q$copy.1\E" is used instead/,
     'and says so');
my $was = join ' ', map { (stat)[1, 9] } $copy, "$copy.1";
$t->start;
is(cost('gpt-b'), '0.003000000', 'a cold start uses the copy');
is(cost('gpt-a'), '0.001000000', 'and what is good as it is');
is(scalar $t->errors(qr/\[error\].*price list ".*b\.json"/), 1, 'says why');
is(scalar $t->errors(qr/\[error\].*last good copy.*used/), 1, 'and what');
is($t->status->{health}{prices}{sha256}, $sha, 'the same sum');
is(join(' ', map { (stat)[1, 9] } $copy, "$copy.1"), $was,
   'the copies stay as they are');

kill HUP => $t->master;
ok(wait_for(5, sub { take(qr/b\.json/) }), 'a reload is still refused');

unlink $t->path('a.json');
$s->crash;
$t->start;
is(cost('gpt-a'), '0.001000000', 'a list that is gone, after a kill');
$s->halt;

sub fails {
    my ($name, $re) = @_;

    ok(!eval { $t->start; 1 }, "$name: no start");
    ok(take($re), 'with a word');
    take(qr/./);

    # nginx itself loses its first pool when it does not start
    unlink grep { slurp($_) !~ /llm_/ } glob $t->path('asan.*');
    return;
}

if ($> == 0) {
    chown 1234, 1234, $copy;
    fails('a copy of another user\'s', qr/could have been written by others/);
    chown 0, 0, $copy;
}

rename $copy, "$copy.x";
symlink "$copy.x", $copy;
fails('a link', qr/last good copy: open\(\)/);
unlink $copy;
fails('none', qr/last good copy: open\(\).*2: No such file/);
spew($copy, 'junk');
chmod 0600, $copy;
fails('one that is broken, too', qr/price list "\Q$copy\E"/);
unlink $copy;
rename "$copy.x", $copy;

$t->config(conf('', 'a.json'));
fails('no state', qr/price list open\(\) ".*a\.json" failed/);

$t->config(conf(@two));
spew($t->path('a.json'), list('gpt-a', '9e-06'));
spew($t->path('b.json'), list('gpt-b', '9e-06'));
$t->start;
is(cost('gpt-a'), '0.009000000', 'good lists again');
is(slurp($copy), slurp($t->path('a.json')), 'and copies of them');

$s->live;
$t->done;
$s->forget;
