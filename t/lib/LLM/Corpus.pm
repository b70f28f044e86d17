package LLM::Corpus;

# The recorded responses of a corpus directory, and what a meter should read
# from each.
#
#     my @cases = LLM::Corpus::cases();     # none: there is no corpus
#
# A case is a hash: name, meta (its description, decoded), file and body,
# request_file and request (undef where none was recorded), path (with its
# query), status, type, stream; asked (undef as request) and expect: the facts
# in the interface's words, undef where there is nothing to say.

use strict;
use warnings;

use JSON::PP ();

use LLM::Test ();
use LLM::Util qw(slurp);

# the path of an API where the recording has none
my %PATHS = (
    openai_chat        => '/v1/chat/completions',
    openai_completions => '/v1/completions',
    openai_responses   => '/v1/responses',
    embeddings         => '/v1/embeddings',
    anthropic_messages => '/v1/messages',
);


sub directory { return $ENV{LLM_CORPUS} || "$LLM::Test::TOP/../shared/corpus" }


# cases([formats wanted]): in the order of their names

sub cases {
    my (@formats) = @_;

    my %want = map { $_ => 1 } @formats ? @formats : keys %PATHS;
    my $dir = directory();
    my $json = JSON::PP->new->utf8->allow_bignum(0);
    my @cases;

    for my $file (sort glob "$dir/*/*.meta.json") {
        my $meta = $json->decode(slurp($file));

        # InvokeModel: a dialect of its own
        next if !$want{ $meta->{format} } || $meta->{provider} eq 'bedrock';

        push @cases, _case($meta, $file =~ s{/[^/]+\z}{}r);
    }

    return @cases;
}


sub _case {
    my ($meta, $dir) = @_;

    my %c = (
        name   => $meta->{case},
        meta   => $meta,
        file   => "$dir/$meta->{body_file}",
        path   => $meta->{url_path} || $PATHS{ $meta->{format} },
        status => $meta->{http_status} || 200,
        type   => $meta->{content_type},
        stream => $meta->{stream} ? 1 : 0,
    );

    $c{body} = slurp($c{file});

    if ($meta->{request_file}) {
        $c{request_file} = "$dir/$meta->{request_file}";
        $c{request} = slurp($c{request_file});
    }

    $c{asked} = _asked($meta);
    $c{expect} = _expect(\%c);
    return \%c;
}


# Texts to be embedded are no turns, and a negative bound is none.

sub _asked {
    my ($meta) = @_;

    my %asked = %{ $meta->{request_expected} || return };

    $asked{turns} = $asked{message_count}
        unless $meta->{format} eq 'embeddings';
    delete $asked{max_tokens}
        if defined $asked{max_tokens} && $asked{max_tokens} < 0;
    return \%asked;
}


# A part is never more than the whole: where a provider says that more was
# cached than was read, all of it was.  Where it counts more reasoning than
# output, the reasoning comes on top if it is far more, and is all of the
# output, with the higher count, if it is little more.

sub _expect {
    my ($c) = @_;

    my $e = $c->{meta}{expected};
    my $extra = $e->{extra} || {};
    my ($input, $output) = map { $e->{"${_}_tokens_total"} // $e->{"${_}_tokens"} }
                           qw(input output);

    my $far = $extra->{reasoning_exceeds_completion}
              && $e->{reasoning_tokens} >= 2 * $e->{output_tokens} + 2;

    $output = $e->{output_tokens} + ($far ? $e->{reasoning_tokens} : 0)
        if $extra->{reasoning_exceeds_completion};

    my $reported = defined $e->{input_tokens} || defined $e->{output_tokens}
                   || defined $e->{total_tokens};
    my %parts = map { $_->[0] => $e->{ $_->[1] } // 0 }
                [cache_read => 'cached_read_tokens'],
                [cache_write => 'cache_write_tokens'],
                [reasoning => 'reasoning_tokens'];

    $parts{cache_read} = $input if $extra->{cached_exceeds_input};
    $output = $parts{reasoning}
        if $extra->{reasoning_exceeds_completion} && !$far;

    return {
        model => $e->{model}, reported => $reported ? 1 : 0,
        input => $input // 0, output => $output // 0, %parts,
        finish => $e->{finish_reason},
        events => $c->{stream} ? $e->{events} : undef,
        first_content => $c->{stream} ? $e->{first_content_event} : undef,
        error => $e->{error} || $c->{status} >= 400 ? 1 : 0,
        cost => $extra->{cost},
    };
}


# The dispatched events of an SSE body that have data, as [start, end]; after
# the standard's rules, by regular expressions.

sub events {
    my ($body) = @_;

    my ($start, $data, @events) = ($body =~ /\A\xef\xbb\xbf/ ? 3 : 0, 0);

    pos($body) = $start;

    while ($body =~ /\G([^\r\n]*)(\r\n|\n|\r|\z)/g) {
        my ($line, $eol) = ($1, $2);

        if (length $line) {
            $data = 1 if $line =~ /\Adata(?::|\z)/;
        }

        if (!length $line || !length $eol) {
            push @events, [$start, pos $body] if $data;
            $start = pos $body if $data || !length $line;
            $data = 0;
        }

        last unless length $eol;
    }

    return @events;
}


1;
