# Upgrades of the binary (USR2) under load, there and back: both masters keep
# one set of books.  A binary of another layout is refused, and the old one
# goes on.
#
# With "daemon off" nginx ignores USR2, so this one is a daemon, and ended
# here.  What this cannot see: a binary that really is another; a layout is
# changed in live memory instead.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Books;
use LLM::Client qw(build_request);
use LLM::Provider qw(answer request);
use LLM::State;
use LLM::Test;
use LLM::Upstream qw(response sse);
use LLM::Util qw(scale slurp spawn spew wait_for);
use Test::More;
use Time::HiRes qw(sleep);

my $ROUNDS = scale(3, 20);

my $t = LLM::Test->new(workers => 2);
my $s = LLM::State->new($t);
my $stream = answer(api => 'openai_chat', stream => 1, include_usage => 1);
my $plain = answer(api => 'openai_chat');

$t->upstream(sub {
    my ($request) = @_;
    return sse([map { ($_, [pause => 5]) } @{ $stream->{pieces} }])
        if $request->{path} =~ m{^/stream/};
    return response(200, ['Content-Type' => 'application/json'],
                    $plain->{body});
});

$t->config(<<'EOC' =~ s/%%GLOBALS%%/$t->_globals =~ s{daemon off;}{}r/er);
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:8m state=%%DIR%%/state/main;
    llm_price gpt-demo input=1 output=2;
    llm_limit_zone $uri zone=rpm:64k rate=600r/m state=%%DIR%%/state/rpm;
    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        location / { proxy_pass http://%%UPSTREAM%%; }
        location = /llm-status { llm off; llm_status main; access_log off; }
    }
}
EOC

my $pidfile = $t->path('nginx.pid');

sub pid {
    my ($file) = @_;
    return -s $file && slurp($file) =~ /(\d+)/ ? $1 : 0;
}

sub gone { my ($pid) = @_; return wait_for(20, sub { !kill 0 => $pid }) }

END {
    local $?;
    if ($t && $$ == $t->{owner}) {
        for my $file ("$pidfile.oldbin", $pidfile) {
            my $pid = -e $file ? pid($file) : 0;
            kill TERM => $pid if $pid;
        }
    }
}

system($LLM::Test::BINARY, '-p', $t->dir . '/', '-e', $t->path('error.log'),
       '-c', $t->path('nginx.conf')) == 0 or BAIL_OUT('nginx does not start');
ok(wait_for(10, sub { pid($pidfile) && $t->workers(pid($pidfile)) == 2 }),
   'a daemon');
$t->{master} = pid($pidfile);
is(scalar(my @live = $s->live), 2, 'live memory of two zones');
my @ino = map { (stat)[1] } @live;

# clients, until told to stop

my $stop = $t->path('stop');
my @clients = map {
    my $n = $_;
    my $name = $n % 2 ? 'stream' : 'plain';
    my $want = $n % 2 ? $stream->{body} : $plain->{body};
    my $ask = build_request('POST', "/$name/v1/chat/completions",
                            request('openai_chat', stream => $n % 2));
    my $port = $t->port(0);
    spawn(sub {
        my ($complete, $broken) = (0, 0);
        until (-e $stop) {
            my $c = eval { LLM::Client->new(port => $port) };
            my $r = $c && $c->send($ask) ? $c->response : { complete => 0 };
            $r->{complete} && $r->{body} eq $want ? $complete++ : $broken++;
            $c->close if $c;
        }
        spew($t->path("client.$n"), "$complete $broken");
    });
} 1 .. 6;

my ($upgrades, $backs, $sane) = (0, 0, 0);

for my $round (1 .. $ROUNDS) {
    my $old = pid($pidfile);
    sleep 0.3;
    kill USR2 => $old;
    wait_for(20, sub { -e "$pidfile.oldbin" && pid($pidfile)
                       && pid($pidfile) != $old
                       && $t->workers(pid($pidfile)) == 2 }) or last;
    my $new = pid($pidfile);
    sleep 0.3;

    # every third time it goes back

    my $quit = $round % 3 == 0 ? $new : $old;
    kill QUIT => $quit;
    gone($quit) or last;
    $quit == $new ? $backs++ : $upgrades++;
    wait_for(10, sub { pid($pidfile) == ($quit == $new ? $old : $new) })
        or last;
    $t->{master} = pid($pidfile);

    my $json = $t->status;
    $sane++ if $json->{health}{workers} == 2
               && "@ino" eq join ' ', map { (stat)[1] } $s->live;
}

is($upgrades + $backs, $ROUNDS, "$upgrades upgrades, $backs taken back");
is($sane, $ROUNDS, 'in the same memory, with the workers that there are');

spew($stop, '');
waitpid $_, 0 for @clients;

my ($complete, $broken) = (0, 0);
for my $n (1 .. 6) {
    my @n = split / /, slurp($t->path("client.$n"));
    $complete += $n[0];
    $broken += $n[1];
}

my $json;
wait_for(5, sub { !LLM::Books::in_flight($json = $t->status) });
my $all = $json->{total}{windows}{all};

note("$ROUNDS upgrades, $complete calls");
cmp_ok($complete, '>', $ROUNDS * 5, 'there was load');
is($broken, 0, 'no call failed');
is($all->{calls}{total}, $complete, 'one set of books');
is($all->{tokens}{output}, 12 * $complete, 'every token in it');
is(LLM::Books::in_flight($json), 0, 'none in flight');
LLM::Books::check($json);
is($json->{health}{state}, 'ok', 'well');

# another layout: the fifth word of live memory

my ($live) = grep { -s $_ > 1_000_000 } $s->live;

sub layout {
    my ($add) = @_;
    open my $fh, '+<:raw', $live or die "$live: $!";
    seek $fh, 16, 0;
    read $fh, my $word, 4;
    seek $fh, 16, 0;
    print {$fh} pack 'L', $add + unpack 'L', $word;
    close $fh or die;
    return;
}

my $old = pid($pidfile);
sleep 3.5;      # whoever writes sees that the last master is gone
layout(1);
kill USR2 => $old;
my $why = "is used by process $old in another version of the module";
ok(wait_for(10, sub { $t->errors(qr/\[emerg\].*"main".*$why/) }),
   'another layout is refused') or diag($t->errors(qr/emerg/));
ok(wait_for(10, sub { !-e "$pidfile.oldbin" && pid($pidfile) == $old }),
   'the old one goes on');
(my $check = slurp($t->path('nginx.conf'))) =~ s/pid \S+;/pid check.pid;/;
my ($good, $said) = $t->check($check);
ok($good, '-t passes, for a stop and a start');
like($said, qr/\[warn\].*is used by process $old in another version/,
     'and warns');
layout(-1);
is($t->status->{total}{windows}{all}{calls}{total}, $complete,
   'with the same books');

kill QUIT => $old;
ok(gone($old), 'the end');

my @bad = grep { !/another version of the module/ }
          $t->errors(qr/\[(?:alert|emerg)\]/);
is(scalar @bad, 0, 'nothing bad in the error log') or diag(@bad);

$s->forget;
$t->done;
