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
    gemini_generate    => '/v1beta/models/gemini:generateContent',
    gemini_interactions => '/v1beta/interactions',
    bedrock_converse   => '/model/unknown/converse',
    bedrock_invoke     => '/model/unknown/invoke',
    cohere_v1_chat     => '/v1/chat',
    cohere_v2_chat     => '/v2/chat',
    ollama_native      => '/api/chat',
);

# what a test sends itself, or nginx forms anew
my %HOP = map { $_ => 1 } qw(content-type content-encoding content-length
                             transfer-encoding connection date server);


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
        framing => $meta->{framing},
    );

    my $headers = $meta->{response_headers} || {};
    $c{headers} = { map { $_ => $headers->{$_} }
                    grep { !ref $headers->{$_} && !$HOP{ lc $_ } }
                    keys %$headers };

    $c{body} = slurp($c{file});

    if ($meta->{request_file}) {
        $c{request_file} = "$dir/$meta->{request_file}";
        $c{request} = slurp($c{request_file});
    }

    $c{asked} = _asked($meta);
    $c{expect} = _expect(\%c);
    return \%c;
}


# Texts to be embedded are no turns, a negative bound is none, and nginx has
# decoded its path.

sub _asked {
    my ($meta) = @_;

    my %asked = %{ $meta->{request_expected} || return };

    $asked{turns} = $asked{message_count}
        unless $meta->{format} eq 'embeddings';
    delete $asked{max_tokens}
        if defined $asked{max_tokens} && $asked{max_tokens} < 0;
    $asked{model_from_url} =~ s/%([0-9A-F]{2})/chr hex $1/ge
        if defined $asked{model_from_url};
    return \%asked;
}


# Counters of Bedrock's headers, where a plain body has none.

sub _counters {
    my ($e) = @_;

    my $extra = $e->{extra} || {};
    my %counters = map { $_ => $e->{$_} }
                   qw(input_tokens output_tokens cached_read_tokens
                      cache_write_tokens);

    return \%counters if grep { defined } @counters{qw(input_tokens
                                                       output_tokens)};
    return { map { $_ => $extra->{"header_$_"} } keys %counters };
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

    my $header = _counters($e);
    my $by_header = defined $header->{input_tokens}
                    && !defined $e->{input_tokens}
                    && !defined $e->{output_tokens};
    my $reported = defined $e->{input_tokens} || defined $e->{output_tokens}
                   || defined $e->{total_tokens};
    my %parts = (
        cache_read  => $header->{cached_read_tokens} // 0,
        cache_write => $header->{cache_write_tokens} // 0,
        reasoning   => $e->{reasoning_tokens} // 0,
    );

    # Cohere reports it where the description has no place for it
    $parts{reasoning} = undef if $c->{meta}{format} eq 'cohere_v2_chat';

    if ($by_header) {
        ($input, $output) = @$header{qw(input_tokens output_tokens)};
        $input += $parts{cache_read} + $parts{cache_write};
    }

    $parts{cache_read} = $input if $extra->{cached_exceeds_input};
    $output = $parts{reasoning}
        if $extra->{reasoning_exceeds_completion} && !$far;

    return {
        model => $e->{model}, reported => $reported ? 1 : 0,
        by_header => $by_header ? 1 : 0,
        no_input => defined $e->{output_tokens} && !defined $e->{input_tokens}
                    && !defined $e->{total_tokens} ? 1 : 0,
        input => $input // 0, output => $output // 0, %parts,
        finish => $e->{finish_reason},
        events => $c->{stream} ? $e->{events} : undef,
        first_content => $c->{stream} ? $e->{first_content_event} : undef,
        error => $e->{error} || $c->{status} >= 400 ? 1 : 0,
        cost => $extra->{cost},
    };
}


# The events of a stream, as [start, end].

sub events {
    my ($c) = @_;

    my %by = (sse => \&_sse, ndjson => \&_lines, json_array => \&_elements,
              eventstream => \&_frames);

    return $by{ $c->{framing} }->($c->{body});
}


sub _lines {
    my ($body) = @_;

    my @events;

    while ($body =~ /[^\n]*\S[^\n]*\n?/g) {
        push @events, [$-[0], $+[0]];
    }

    return @events;
}


sub _frames {
    my ($body) = @_;

    my ($at, @events) = (0);

    while ($at + 16 <= length $body) {
        my $n = unpack 'N', substr $body, $at, 4;
        push @events, [$at, $at + $n];
        $at += $n;
    }

    return @events;
}


# An element is over with its last brace.

sub _elements {
    my ($body) = @_;

    my ($depth, $start, @events) = (0, 0);

    while ($body =~ /("(?:[^"\\]|\\.)*"|[{}])/gs) {
        my $token = $1;

        if ($token eq '{') {
            $start = $-[0] if $depth++ == 0;

        } elsif ($token eq '}') {
            push @events, [$start, $+[0]] if --$depth == 0;
        }
    }

    return @events;
}


# Those that are dispatched and have data; after the standard's rules, by
# regular expressions.

sub _sse {
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
