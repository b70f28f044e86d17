package LLM::Bench::Callgrind;

# Instructions per event in the module's functions, by valgrind's callgrind:
# what it counts does not wobble.  nginx runs in one process; what N events
# cost is taken from what 2N cost, so that calls and start-up drop out.

use strict;
use warnings;

use LLM::Bench qw(run_load start stop target);
use LLM::Bench::Rows ();
use LLM::Util qw(slurp);

my $CHAT = '/v1/chat/completions';


# run(mode, arguments of the load): the profile of it, by function

sub profile {
    my (@load) = @_;

    my $out = "$LLM::Bench::DIR/callgrind.out";
    unlink glob "$out*";

    my $nginx = LLM::Bench::Rows::metered(single => 1, under => [
        'valgrind', '--tool=callgrind', "--callgrind-out-file=$out",
        '--quiet']);
    my $target = target($nginx, $CHAT);
    run_load(@load, $target, $load[0] eq 'events' ? $target : ());
    stop($nginx);

    return read_profile($out);
}


# read_profile(file): { name => instructions of itself }, of functions of the
# module's; under "(libc)" those of what they call in the C library; and under
# "+name" those of a handler that nginx calls, with all that it calls.

sub read_profile {
    my ($file) = @_;

    local $_;
    open my $fh, '<', $file or die "$file: $!";
    my (%ob, %fn, %self, $ob, $fn, $cob, $cfn, $calls);

    my $name = sub {
        my ($table, $text) = @_;
        my ($id, $said) = $text =~ /\A\((\d+)\)(?: (.*))?/ or return $text;
        $table->{$id} = $said if defined $said;
        return $table->{$id};
    };

    while (<$fh>) {
        chomp;
        if (/\Aob=(.*)/) { $ob = $name->(\%ob, $1) }
        elsif (/\Afn=(.*)/) { $fn = $name->(\%fn, $1); undef $cob }
        elsif (/\Acob=(.*)/) { $cob = $name->(\%ob, $1) }
        elsif (/\Acfn=(.*)/) { $cfn = $name->(\%fn, $1) }
        elsif (/\Acalls=/) { $calls = 1 }
        elsif (/\A[+\-*\d]/) {
            my (undef, $cost) = split;
            if ($calls) {
                my $to = defined $cob ? $cob : $ob;
                $self{'(libc)'} += $cost
                    if $ob =~ /ngx_http_llm/ && $to =~ m{/lib(?:c|m)[.-]};
                $self{"+$cfn"} += $cost
                    if $ob !~ /ngx_http_llm/ && $to =~ /ngx_http_llm/;
                undef $calls;
                undef $cob;
            } elsif (defined $ob && $ob =~ /ngx_http_llm/) {
                $fn =~ s/'\d+\z//;
                $self{$fn} += $cost;
            }
        }
    }

    close $fh;
    return \%self;
}


sub have { return scalar grep { -x "$_/valgrind" } split /:/, $ENV{PATH} }


# share(handler): its part of all that the module does in a small call, and
# its instructions

sub share {
    my ($handler) = @_;

    my @profile = map { profile('calls', 1, 2, 100 * $_, 0) } 1, 2;
    my ($sum, $part) = (0, 0);

    for my $name (keys %{ $profile[1] }) {
        my $n = $profile[1]{$name} - ($profile[0]{$name} || 0);
        $part += $n if $name eq "+$handler";
        $sum += $n if $name !~ /\A\+/;
    }

    return ($part / $sum, $part / 200);
}


sub report {
    die "valgrind is not installed (apt-get install valgrind)\n"
        unless have();

    for my $kind (['event, back to back', 'events', 'flood', 4000],
                  ['event, one a read', 'events', 'paced', 500],
                  ['small call', 'calls', '', 200])
    {
        my ($title, $mode, $how, $n) = @$kind;
        my @profile;

        for my $times (1, 2) {
            push @profile, $mode eq 'events'
                ? profile('events', $how, 1, 2, $n * $times)
                : profile('calls', 1, 2, $n * $times, 0);
        }

        show($title, $profile[1], $profile[0],
             $n * ($mode eq 'events' ? 4 : 2));
    }

    return;
}


sub show {
    my ($title, $more, $less, $n) = @_;

    my %per = map { $_ => ($more->{$_} - ($less->{$_} || 0)) / $n }
              keys %$more;
    my $sum = 0;
    my %handler = map { /\A\+(.+)/ ? ($1 => delete $per{$_}) : () }
                  keys %per;
    $sum += $_ for values %per;

    printf "\n%s: %.0f instructions of ours\n", $title, $sum;

    my $shown = 0;
    for my $name (sort { $per{$b} <=> $per{$a} } keys %per) {
        last if $shown++ == 16 || $per{$name} < 1;
        printf "  %8.1f  %5.1f%%  %s\n", $per{$name},
            100 * $per{$name} / $sum, $name;
    }

    for my $name (sort { $handler{$b} <=> $handler{$a} } keys %handler) {
        next if $handler{$name} < 1 || $name =~ /_filter\z/;
        printf "  %8.1f          %s, with all that it calls\n",
            $handler{$name}, $name;
    }

    return;
}


1;
