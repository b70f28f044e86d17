# What state=path does when something is wrong: the disk, the memory, the
# files; and when a worker cannot write where root could.
#
# Disks of a megabyte are mounted in a name space of the test's own; where
# that may not be made, these parts are skipped.  What this cannot see: a
# disk that hangs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::State;
use LLM::Test;
use LLM::Upstream qw(response);
use LLM::Util qw(append scale slurp spew wait_for);
use Test::More;
use Time::HiRes qw(sleep);

# A name space of our own, so that what is mounted goes with the test.

if (!$ENV{LLM_STATE_SPACE} && $> == 0
    && system('unshare -m --propagation private true 2>/dev/null') == 0)
{
    $ENV{LLM_STATE_SPACE} = 1;
    exec 'unshare', '-m', '--propagation', 'private', $^X,
         (map { "-I$_" } @INC), $0, @ARGV;
}

my $SPACE = $ENV{LLM_STATE_SPACE};

my $ANSWER = '{"id":"x","object":"chat.completion","model":"gpt-z","choices":'
    . '[{"index":0,"message":{"role":"assistant","content":"hi"},'
    . '"finish_reason":"stop"}],"usage":{"prompt_tokens":5,'
    . '"completion_tokens":2,"total_tokens":7}}';

my $t = LLM::Test->new(workers => 2);
my $s = LLM::State->new($t);
my ($sum, @expected) = (0);

$t->upstream(sub {
    return response(200, ['Content-Type' => 'application/json'], $ANSWER);
});

sub conf {
    my ($zone, $user) = @_;

    my $text = <<"EOC";
%%GLOBALS%%
http {
    %%HTTP%%
    $zone
    llm_limit_zone \$uri zone=rpm:64k rate=600r/m state=%%DIR%%/state/rpm;
    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { llm main; proxy_pass http://%%UPSTREAM%%; }
        location = /llm-status { llm_status main; access_log off; }
    }
}
EOC
    $text = $t->expand($text);
    $text =~ s/user root root;/user $user;/ if $user;
    return $text;
}

my $ZONE = 'llm_zone zone=main:2m state=%%DIR%%/state/main;';

sub calls {
    my ($n) = @_;

    $t->post('/v1/chat/completions', '{"model":"gpt-z","messages":[]}',
             'Content-Type' => 'application/json') for 1 .. $n;
    $sum += $n;
    return $t->logged($n);
}

sub total { return $t->status->{total}{windows}{all}{calls}{total} }
sub health { return $t->status->{health} }

# expect(pattern): this alert is what the test is about

sub expect {
    my ($re) = @_;

    my $log = $t->read_file('error.log');
    my $n = $log =~ s/^.*\[(?:alert|emerg)\].*$re.*\n//mg;
    spew($t->path('error.log'), $log) if $n;
    return $n;
}

sub well {
    my ($seconds) = @_;

    $s->live;
    return wait_for($seconds || 5, sub {
        my $h = health();
        return $h->{state} eq 'ok' && defined $h->{state_age_s};
    });
}

my $main = $t->path('state/main');
my ($uid, $gid) = (getpwnam 'nobody')[2, 3];
my $nobody = $uid && $gid ? 'nobody ' . getgrgid $gid : '';


subtest 'a directory that is made for the workers' => sub {
    plan skip_all => 'not root' if $> || !$nobody;

    $t->config(conf($ZONE, $nobody));
    chmod 0755, $t->dir;
    $t->start;
    ok(well(), 'well');
    is((stat $t->path('state'))[4], $uid, 'it is theirs');
    is((stat _)[2] & 07777, 0700, 'alone');
    is((stat $main)[4], $uid, 'and so are snapshots');
    is((stat(($s->live)[0]))[4], 0, 'live memory is root\'s');
    calls(3);
    is(total(), 3, 'and workers count in it');
    is($t->status->{zone}{name}, 'main', 'as ever');
    cmp_ok(health()->{state_age_s}, '<', 30, 'the age of the snapshot');
};

subtest 'a directory that workers may not write to' => sub {
    plan skip_all => 'not root' if $> || !$nobody;

    chown 0, 0, $t->path('state');
    chmod 0755, $t->path('state');
    ok($t->reload(wait_old => 1), 'reload');
    ok(wait_for(5, sub { health()->{state} eq 'degraded' }), 'degraded');
    ok(wait_for(5, sub { $t->errors(qr/"main".*open\(\) failed, .*13:/) }),
       'a clear line');
    calls(2);
    is(total(), $sum, 'service goes on');
    chown $uid, $gid, $t->path('state');
    ok(well(), 'healed by itself');
    ok(wait_for(5, sub { $t->errors(qr/\[notice\].*is written again/) }),
       'and says so');
};

subtest 'a directory that goes away' => sub {
    plan skip_all => 'not root' if $> || !$nobody;

    rename $t->path('state'), $t->path('gone') or die;
    ok(wait_for(5, sub { health()->{state} eq 'degraded' }), 'degraded');
    calls(1);
    rename $t->path('gone'), $t->path('state') or die;
    ok(well(), 'healed by itself');
    is(scalar $t->errors(qr/\[error\].*"main": state/), 1,
       'a line a minute') or diag($t->errors(qr/"main": state/));
    ok($s->halt, 'stop');
    is(total_of_file(), $sum, 'the last snapshot has all');
};

# What a start makes of the snapshots alone.

sub total_of_file {
    my ($expected) = @_;

    $s->forget;
    $t->config(conf($ZONE)) if !$expected;
    $t->start;
    my $n = total();
    return $n;
}

subtest 'damaged, foreign, and older snapshots' => sub {
    if (!$t->{running}) { $t->config(conf($ZONE)); $t->start; }
    calls(5);
    $s->halt;

    # as left by the worker
    my %keep = map { $_ => slurp($_) } grep { -f } $main, "$main.1";

    my @bad = (
        ['cut', qr/is cut short/, sub { substr $_[0], 0, 1000 }],
        ['empty', qr/is too short/, sub { '' }],
        ['flipped', qr/is damaged/,
         sub { my $d = $_[0]; substr($d, 2000, 1) ^= "\x10"; $d }],
        ['header', qr/has a damaged header/,
         sub { my $d = $_[0]; substr($d, 20, 1) ^= "\x10"; $d }],
        ['something else', qr/is no snapshot/, sub { 'x' x 5000 }],
        ['another kind', qr/is of another (?:kind|version)/,
         sub { slurp($t->path('state/rpm')) }],
    );

    for my $case (@bad) {
        my ($name, $re, $make) = @$case;

        spew($main, $make->($keep{$main}));
        spew("$main.1", $keep{$main});
        $s->forget;
        $t->start;
        is(total(), $sum, "$name: the older one is used");
        ok(scalar($t->errors(qr/\[error\].*state "$main" $re.*kept as/)),
           'and the log says why');
        ok(scalar(my @kept = glob "$main.bad.*"), 'the bad one is kept');
        ok(well(), 'well');
        $s->halt;
        unlink glob "$main.bad.*";
    }

    spew($_, 'junk') for $main, "$main.1";
    $s->forget;
    $t->start;
    is(total(), 0, 'both are bad: empty');
    is(scalar(my @kept = glob "$main.bad.*"), 2, 'both are kept');
    ok(scalar($t->errors(qr/\[notice\].*begins empty/)), 'and it is said');
    unlink @kept;
    $s->halt;

    unlink $main, "$main.1";
    spew("$main.1", $keep{$main});
    $s->forget;
    $t->start;
    is(total(), $sum, 'only an older one, as a kill may leave them');
    $s->halt;

    for my $odd ('a directory', 'a pipe', 'a link', 'another user\'s') {
        next if $> && $odd =~ /user/;
        unlink $main;
        mkdir $main if $odd =~ /directory/;
        system 'mkfifo', $main if $odd =~ /pipe/;
        symlink '/etc/passwd', $main if $odd =~ /link/;
        if ($odd =~ /user/) { spew($main, $keep{$main}); chown 1234, 1234, $main }
        spew("$main.1", $keep{$main});
        $s->forget;
        $t->start;
        is(total(), $sum, "$odd: the older one is used");
        ok(well(), 'well');
        $s->halt;
        system 'rm', '-rf', glob "$main.bad.*";
    }

    $s->forget;
    $t->start;
    is(total(), $sum, 'and all is well again');
};

subtest 'live memory that is not ours' => sub {
    my ($live) = grep { $_ && -s $_ > 2_000_000 } $s->live;
    $s->halt;

    for my $case (['is something else', sub { spew($_[0], 'x' x 9000);
                                              chmod 0600, $_[0] }],
                  ['was cut', sub { truncate $_[0], 1_000_000 }],
                  ['is damaged|has a', sub {
                      open my $fh, '+<:raw', $_[0] or die;
                      seek $fh, 4096 + 40, 0; print {$fh} "\xff" x 100;
                      close $fh }]) {
        my ($what, $break) = @$case;
        $break->($live);
        $t->start;
        is(total(), $sum, "$what: the snapshot is used");
        ok(scalar($t->errors(qr/\[warn\].*live memory.*(?:$what)/)),
           'and it is said') or diag($t->errors(qr/live memory/));
        ok(well(), 'well');
        calls(1);
        $s->halt;
    }

    if ($> == 0) {
        my $mode = (stat $live)[2];
        chmod 0666, $live;
        $t->start;
        is(total(), $sum, 'writable for others: the snapshot is used');
        is(health()->{state}, 'degraded', 'degraded');
        ok(expect(qr/belongs to another user, or others may write it/),
           'with an alert');
        calls(1);
        is(total(), $sum, 'service goes on');
        ok($s->halt, 'stop');
        unlink $live;
        $t->start;
        is(total(), $sum, 'what was counted was in the last snapshot');
        ok(well(), 'and all is well');
    }
};

subtest 'memory that is cut while it serves' => sub {
    plan skip_all => 'a sanitizer takes the signal' if $LLM::Test::SANITIZED;

    my ($live) = grep { -s $_ > 2_000_000 } $s->live;
    my @old = $t->workers;
    truncate $live, 4096;
    $t->expect_killed(@old);
    eval { calls(1) };
    ok(wait_for(10, sub { my %n = map { $_ => 1 } $t->workers;
                          grep { !$n{$_} } @old }), 'a worker dies');
    kill HUP => $t->master;
    ok(wait_for(10, sub { eval { $t->status } }), 'a reload heals');
    $s->expect_sigbus;
    $sum = total();
    calls(2);
    is(total(), $sum, 'and it counts');
    ok(well(), 'well');
};

SKIP: {
    skip 'no name space of our own', 3 unless $SPACE;

    subtest 'a disk that is full, and one that is read only' => sub {
        $s->halt;
        my $dir = $t->path('disk');
        mkdir $dir;
        system("mount -t tmpfs -o size=512k,mode=0755 none $dir") == 0 or die;
        (my $zone = $ZONE) =~ s{/state/main}{/disk/main};
        $t->config(conf($zone));
        $t->start;
        $sum = 0;
        calls(3);
        ok(well(), 'well');
        $t->reload(wait_old => 1);
        ok(well(), 'two generations');

        spew("$dir/fill", '') ;
        open my $fill, '>', "$dir/fill" or die;
        $fill->autoflush(1);
        1 while defined syswrite $fill, 'x' x 4096;
        my $was = slurp("$dir/main");
        calls(4);
        $t->reload(wait_old => 1);
        ok(wait_for(5, sub { health()->{state} eq 'degraded' }), 'full');
        ok(wait_for(5, sub { $t->errors(qr/"main".*write\(\) failed.*28:/) }),
           'a clear line');
        is(slurp("$dir/main"), $was, 'the last snapshot is whole');
        calls(4);
        is(total(), $sum, 'service goes on');
        close $fill;
        unlink "$dir/fill";
        ok(well(), 'healed by itself');

        ok(wait_for(5, sub { system("mount -o remount,ro $dir 2>/dev/null")
                             == 0 }), 'made read only');
        $t->reload(wait_old => 1);
        ok(wait_for(5, sub { health()->{state} eq 'degraded' }), 'read only');
        ok(wait_for(5, sub { $t->errors(qr/"main".*failed.*30:/) }),
           'a clear line');
        calls(4);
        is(total(), $sum, 'service goes on');
        system("mount -o remount,rw $dir") == 0 or die;
        ok(well(), 'healed by itself');
        $s->halt;
        $s->forget;
        $t->start;
        is(total(), $sum, 'with all that came meanwhile');
    };

    subtest 'no room for live memory' => sub {
        $s->halt;
        $s->forget;
        system('mount -t tmpfs -o size=1m,mode=1777 none /dev/shm') == 0
            or die;
        $t->start;
        is(total(), $sum, 'the snapshot is used');
        is(health()->{state}, 'degraded', 'degraded');
        ok(expect(qr/posix_fallocate\(\) failed.*28:/), 'with an alert');
        calls(2);
        $s->crash;
        $t->start;
        expect(qr/posix_fallocate/);
        cmp_ok(total(), '>=', $sum - 2, 'after a kill the snapshot counts');
        $sum = total();
        system('mount -o remount,size=16m /dev/shm') == 0 or die;
        calls(1);
        ok($t->reload(wait_old => 1), 'room, and a reload');
        is(total(), $sum, 'heal it');
        ok(well(), 'well');
        $s->crash;
        $t->start;
        is(total(), $sum, 'and a kill loses nothing');
        $s->halt;
        system('umount /dev/shm') == 0 or die;
    };

    subtest 'a /dev/shm that is no tmpfs' => sub {
        $s->forget;
        my $dir = $t->path('plain');
        mkdir $dir;
        system("mount --bind $dir /dev/shm") == 0 or die;
        $t->start;
        my $tmpfs = qx{stat -f -c %T $dir} =~ /tmpfs/;
      SKIP: {
            skip 'the test\'s directory is tmpfs', 2 if $tmpfs;
            is(health()->{state}, 'degraded', 'degraded');
            ok(expect(qr/is no tmpfs/), 'with an alert');
        }
        is(total(), $sum, 'the snapshot is used');
        $s->halt;
        system('umount /dev/shm') == 0 or die;
        $t->start;
    };
}

system 'umount', '-l', $t->path('disk') if -d $t->path('disk');
$s->live;
$s->expect_sigbus;
$t->done;
$s->forget;
