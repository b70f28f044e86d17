# The recipes of docs/examples do what docs/recipes.md says: who is refused
# and at which call, which model and which key arrive where.
#
# The calls stand in LLM::Examples.  What this cannot see: real providers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use LLM::Docs qw(adapt);
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


for my $name (grep { steps($_) } @EXAMPLES) {
    subtest $name => sub {
        my $t = LLM::Test->new;
        my $up = $t->upstream(\&provide);
        my $text = slurp("$LLM::Test::TOP/docs/examples/$name");

        $t->config(adapt($text, setting($t, $up), plain => 1));
        $t->start;

        for my $step (steps($name)) {
            run_step($t, $up, $step) for 1 .. $step->{times};
        }

        $t->finish(books => 1);
    };
}

done_testing;
