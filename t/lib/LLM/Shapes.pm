package LLM::Shapes;

# Responses that nobody recorded, made by hand after what vendors document
# and servers' sources say: t/shapes/*.pl, each file a list of shapes.
#
#     my @shapes = LLM::Shapes::all();
#
# A shape is a hash: name (a word), title, path, type (the content type; undef:
# none), status (200), body, request, and expect, in words of the interface:
#
#     outcome ("ok"), error_type, finish, class (of the finish), stream (1),
#     usage (reported where there is an output, else none), input, output,
#     cache_read, cache_write, reasoning, model, id, events, content (events
#     with content), first (index of the first of them; undef: none), tools,
#     asked (the model, where the path names it), operation, provider,
#     undecided (only nginx knows whether it ended)
#
# lines: the request makes lines of what is called JSON.
# What is not named is not looked at, but for those with a default.

use strict;
use warnings;

use Exporter 'import';
use FindBin;

use LLM::Util qw(spew);

our @EXPORT_OK = qw(lines named sse);

my %HINTS = ('text/event-stream' => 'sse', 'application/json' => 'json',
             'application/x-ndjson' => 'ndjson',
             'application/stream+json' => 'ndjson',
             'application/vnd.amazon.eventstream' => 'eventstream');


sub sse { return join '', map { "data: $_\n\n" } @_ }

sub lines { return join '', map { "$_\n" } @_ }

# named([name, data], ...)
sub named {
    return join '', map { "event: $_->[0]\ndata: $_->[1]\n\n" } @_;
}


sub all {
    my @shapes;
    my %seen;

    for my $file (sort glob "$FindBin::Bin/shapes/*.pl") {
        my @more = do $file;
        die "$file: $@" if $@;
        die "$file: no shapes" if !@more || !ref $more[-1];
        push @shapes, @more;
    }

    for my $s (@shapes) {
        die "two shapes named $s->{name}" if $seen{ $s->{name} }++;

        my $e = $s->{expect};
        $e->{outcome} //= 'ok';
        $e->{error_type} //= '';
        $e->{stream} //= 1;
        $e->{finish} //= '' if $e->{outcome} eq 'ok';
        $e->{usage} //= defined $e->{output} ? 'reported' : 'none';
        $s->{type} = 'text/event-stream' if !exists $s->{type};
        $s->{status} //= 200;
        $s->{request} //= '{"model":"asked","stream":'
            . ($e->{stream} ? 'true' : 'false')
            . ',"messages":[{"role":"user","content":"hello"}]}';
    }

    return @shapes;
}


# What the content type tells the core.

sub hint {
    my ($s) = @_;

    return defined $s->{type} && $HINTS{ $s->{type} } || 'none';
}


# The facts of the core: name => value.

sub facts {
    my ($s) = @_;

    my $e = $s->{expect};
    my %want = (stream => $e->{stream});

    $want{$_} = $e->{$_}
        for grep { defined $e->{$_} }
            qw(input output cache_read cache_write cache_write_1h reasoning
               model id finish events broken cost queries);
    $want{content_events} = $e->{content} if defined $e->{content};
    $want{tool_calls} = $e->{tools} if defined $e->{tools};
    $want{first_content} = $e->{first} if exists $e->{first};
    $want{error} = $e->{outcome} eq 'error' ? 1 : 0 if $s->{status} < 400;
    $want{complete} = $e->{outcome} eq 'incomplete' ? 0 : 1
        if !$e->{undecided};

    return \%want;
}


# What the access log says: variable => value.

sub variables {
    my ($s) = @_;

    my $e = $s->{expect};
    my %want = (status => $s->{status});

    $want{$_} = $e->{$_} for qw(outcome error_type stream usage);
    delete $want{usage} if $e->{usage} eq 'any';
    $want{$_} = $e->{$_}
        for grep { defined $e->{$_} } qw(operation provider events cost);
    $want{"${_}_tokens"} = $e->{$_}
        for grep { defined $e->{$_} }
            qw(input output cache_read cache_write reasoning);
    $want{finish_reason} = $e->{finish} if defined $e->{finish};
    $want{request_model} = $e->{asked} if defined $e->{asked};
    $want{response_model} = $e->{model} if defined $e->{model};
    $want{response_id} = $e->{id} if defined $e->{id};
    $want{content_events} = $e->{content} if defined $e->{content};
    $want{tool_calls} = $e->{tools} if defined $e->{tools};
    $want{ttft} = defined $e->{first} ? qr/\A\d/ : '' if exists $e->{first};

    return \%want;
}


1;
