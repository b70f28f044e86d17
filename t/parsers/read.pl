# What JSON::PP makes of each body: see t/36-parsers.t.

use strict;
use warnings;

use B ();
use JSON::PP ();

my $json = JSON::PP->new->utf8->allow_nonref;

open my $in, '<:raw', $ARGV[0] or die "$ARGV[0]: $!";

while (read($in, my $len, 4) == 4) {
    my $n = unpack 'N', $len;
    my $body = '';
    read($in, $body, $n) == $n or die 'short file';

    my $v;
    if (!eval { local $SIG{__WARN__} = sub {}; $v = $json->decode($body);
                1 }) {
        print "-\n";
        next;
    }

    my $m = ref $v eq 'HASH' ? $v->{model} : undef;

    if (!defined $m) {
        print "n\n";
    } elsif (ref $m || !is_string($m)) {
        print "o\n";
    } else {
        utf8::encode($m);
        print 's', unpack('H*', $m), "\n";
    }
}

sub is_string {
    my ($m) = @_;

    return B::svref_2object(\$m)->FLAGS & B::SVf_POK;
}
