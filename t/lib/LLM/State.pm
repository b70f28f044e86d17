package LLM::State;

# What tests of state=path share: the live memory of a test's paths, a kill
# of everything, a second nginx, an upgrade of the binary.  Live memory is
# found by the descriptors of nginx, and removed when the test ends.

use strict;
use warnings;

use POSIX qw(WNOHANG);

use LLM::Test ();
use LLM::Util qw(slurp spawn spew wait_for);


sub new {
    my ($class, $t) = @_;

    return bless { t => $t, seen => {}, owner => $$ }, $class;
}


# Live memory that is there: the files that our processes have open.

sub live {
    my ($self) = @_;

    my $t = $self->{t};

    for my $pid ($t->master || (), $t->master ? $t->workers : ()) {
        for my $fd (glob "/proc/$pid/fd/*") {
            next unless (readlink $fd // '') =~ m{\A/dev/shm/};
            my $id = join ' ', (stat $fd)[0, 1];
            $self->{seen}{$_} = 1
                for grep { join(' ', (stat)[0, 1]) eq $id }
                    glob '/dev/shm/nginx-llm.*';
        }
    }

    return sort grep { -e } keys %{ $self->{seen} };
}


# kill -9 of the master and its workers, all at once.

sub crash {
    my ($self) = @_;

    my $t = $self->{t};
    my @pids = ($t->{master}, $t->workers);

    $self->live;
    LLM::Client::close_all();
    kill KILL => @pids;
    waitpid $t->{child}, 0;
    wait_for(5, sub { !grep { kill 0 => $_ } @pids }) or die 'still alive';
    unlink $t->path('nginx.pid');
    $t->{running} = '';
    return;
}


sub halt {
    my ($self) = @_;

    $self->live;
    my $clean = $self->{t}->stop;
    unlink $self->{t}->path('nginx.pid');
    return $clean;
}


# Live memory is gone, as after a power cut.

sub forget {
    my ($self) = @_;

    $self->live;
    unlink keys %{ $self->{seen} };
    return;
}


# Workers that touched what was cut: what the master says of them is expected.

sub expect_sigbus {
    my ($self) = @_;

    my $file = $self->{t}->path('error.log');
    my $log = slurp($file);
    $log =~ s/^.*\[alert\].*exited on signal 7.*\n//mg;
    spew($file, $log);
    return;
}


# second(config): what another nginx says that is started beside the first.

sub second {
    my ($self, $config) = @_;

    my $t = $self->{t};
    my $conf = spew($t->path('second.conf'),
                    $t->expand($config) =~ s{pid \S+;}{pid $t->{dir}/2.pid;}r
                    =~ s{error_log \S+}{error_log $t->{dir}/2.log}r);

    unlink $t->path('2.log');
    system "$LLM::Test::BINARY -p $t->{dir}/ -e $t->{dir}/2.log -c $conf "
         . ">$t->{dir}/2.out 2>&1";

    return slurp($t->path('2.log'));
}


sub DESTROY {
    my ($self) = @_;

    local ($., $@, $!, $^E, $?);
    unlink keys %{ $self->{seen} } if $self->{owner} == $$;
    return;
}


1;
