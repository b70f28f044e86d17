# The recipes of docs/examples do what docs/recipes.md says: who is refused
# and at which call, which model and which key arrive where.
#
# The calls stand in LLM::Examples.  What this cannot see: real providers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use LLM::Docs qw(adapt blocks);
use LLM::Examples qw(provide setting steps);
use LLM::Test;
use LLM::Util qw(mono slurp);
use Test::More;

my $json = JSON::PP->new->utf8->canonical;
my @EXAMPLES = map { m{([^/]+)\z} } glob "$LLM::Test::TOP/docs/examples/*.conf";


sub ask {
    my ($t, $step) = @_;

    my %body = (model => $step->{model}, stream => JSON::PP::true,
                messages => [{ role => 'user', content => $step->{prompt} }],
                $step->{max} ? (max_completion_tokens => $step->{max}) : ());

    return $t->post($step->{uri}, $json->encode(\%body),
                    'Content-Type' => 'application/json',
                    $step->{key} ? (Authorization => "Bearer $step->{key}")
                                 : (),
                    @{ $step->{headers} });
}

sub run_step {
    my ($t, $up, $step) = @_;

    my $before = $up->requests;
    my $at = mono();
    my $r = ask($t, $step);
    my $took = mono() - $at;
    my @requests = $up->requests;
    my $last = @requests ? $requests[-1] : { raw => '', body => '{}' };
    my $raw = $last->{raw};
    my $sent = $json->decode($last->{body});

    is($r->{status}, $step->{status}, $step->{says});
    is(@requests - $before, $step->{calls}, "$step->{calls} arrive");
    is($sent->{model}, $step->{sets}, "asked for $step->{sets}")
        if defined $step->{sets};
    is($sent->{max_completion_tokens}, $step->{bound}, 'the bound')
        if defined $step->{bound};
    like($r->{body}, $step->{reply}, 'what is replied') if $step->{reply};
    cmp_ok($took, '>=', $step->{least}, 'it waits') if $step->{least};
    like($raw, qr/^\Q$_\E\r$/m, "it has $_") for @{ $step->{arrives} };
    unlike($raw, $step->{never}, 'and nothing astray') if $step->{never};
    return;
}


# What docs/recipes.md says that the status shows afterwards.

sub usd { return sprintf '%.2f', $_[0] }

my %SHOWS = (

    'team-budgets.conf' => sub {
        my ($status) = @_;

        my %team = map { $_->{key} => $_ } @{ $status->{budgets} };
        my $one = $team{support};
        is("$one->{limit} $one->{unit} $one->{period}", '5.000000000 usd day',
           'a budget');
        is(usd($one->{spent}), '5.20', 'of 2 x 2, 3 x 0.4 and a little');
        is(usd($one->{reserved}), '0.00', 'nothing is held');
        is($one->{refused}, 2, 'two were refused');
        is(usd($team{search}{spent}), '16.00', 'another one, by both keys');
    },

    'tiers.conf' => sub {
        my ($status) = @_;

        my ($free) = grep { $_->{refused} && $_->{zone} eq 'free' }
                     @{ $status->{limits} };
        is($free->{refused}, 1, 'a call was refused');
        is(scalar(grep { $_->{zone} eq 'free' } @{ $status->{limits} }), 2,
           'two keys of the free tier');
        is(scalar(grep { $_->{zone} eq 'pro' } @{ $status->{limits} }), 1,
           'one of the other');
        unlike($json->encode($status), qr/key-of|"any"/, 'and no key');
    },

    'failover.conf' => sub {
        my ($status) = @_;

        my %by = map { $_->{labels}{provider} => $_->{windows}{all} }
                 @{ $status->{series} };
        my ($slo) = @{ $status->{slo} };
        my $azure = $by{'azure.ai.openai'};
        is($by{openai}{calls}{ok}, 10, 'calls of the first');
        is($azure->{calls}{ok}, 10 + $slo->{moved}, 'and of the second');
        is($by{openai}{attempts}{failed}, 10 + $slo->{probes},
           'what failed is booked where it failed');
        is($azure->{attempts}{failed}, 0, 'and not where it did not');
        is($slo->{state}, 'breach', 'a breach');
    },

    'batch-lane.conf' => sub {
        my ($status) = @_;

        my ($lane) = @{ $status->{limits} };
        is("$lane->{key} $lane->{delayed} $lane->{refused}", 'lane 1 0',
           'one has waited');
        my ($batch) = map { $_->{windows}{all} }
                      grep { $_->{labels}{route} eq 'batch' }
                      @{ $status->{series} };
        cmp_ok($batch->{latency}{wait}{max}, '>', 0.3, 'as the status says');
        is($status->{slo}[0]{state}, 'breach', 'the others are not well');
    },
);

sub shows {
    my ($t, $name) = @_;

    my $by = $name =~ /failover/ ? 'provider' : $name =~ /batch/ ? 'route'
             : 'model';
    my $r = $t->get("/llm-status?window=all&by=$by");

    $SHOWS{$name}->($json->decode($r->{body})) if $SHOWS{$name};
    return;
}


my %example = map { $_ => slurp("$LLM::Test::TOP/docs/examples/$_") }
              @EXAMPLES;

# what README.md begins with, in the configuration that it goes on with

my %readme = map { $_->[1] => $_->[2] }
             grep { $_->[0] eq 'nginx' }
             reverse blocks(slurp("$LLM::Test::TOP/README.md"));
$example{'README.md'} = $readme{complete} =~ s/^http \{\n/$&$readme{http}/mr;


for my $name (grep { steps($_) } sort keys %example) {
    subtest $name => sub {
        my $t = LLM::Test->new;
        my $up = $t->upstream(\&provide);

        $t->config(adapt($example{$name}, setting($t, $up), plain => 1));
        $t->start;

        for my $step (steps($name)) {
            run_step($t, $up, $step) for 1 .. $step->{times};
        }

        shows($t, $name);
        $t->finish(books => 1);
    };
}

done_testing;
