package LLM::Calls;

# Many calls side by side, each with a route of its own, and the comparison
# of what the access log and the books say of it.
#
# A case is a hash: name (its route, and the first part of its path), api,
# answer (arguments of LLM::Provider::answer), script (in place of what they
# make), framing and other options of LLM::Upstream::response, client (a sub
# that is given the connection), expect (variables) and books (numbers of
# its series; what is not named follows from the variables).

use strict;
use warnings;

use Exporter 'import';
use Test::More ();

use LLM::Books ();
use LLM::Client qw(build_request);
use LLM::Provider ();
use LLM::Upstream ();
use LLM::Util qw(wait_for);

our @EXPORT_OK = qw(agree books_of case_uri events handler run script_of
                    series_of sum_of);


sub case_uri {
    my ($case) = @_;

    return $case->{uri} || "/$case->{name}"
           . LLM::Provider::path_of($case->{api} || 'openai_chat');
}


# The script of a case.  cut => n: only the first n pieces.

sub script_of {
    my ($case) = @_;

    return @{ $case->{script} } if $case->{script};

    my $a = $case->{made} = LLM::Provider::answer(
        api => $case->{api} || 'openai_chat', stream => 1,
        include_usage => 1, %{ $case->{answer} || {} });
    my @pieces = @{ $a->{pieces} };
    splice @pieces, $case->{cut} if defined $case->{cut};
    push @pieces, @{ $case->{then} || [] };

    my $streams = $a->{type} =~ /event-stream/;
    return LLM::Upstream::response(
        $case->{status} || 200,
        ['Content-Type' => $a->{type}, @{ $case->{headers} || [] }], '',
        framing => $streams ? 'chunked' : 'length', pieces => \@pieces,
        %{ $case->{response} || {} });
}


# A handler for LLM::Upstream: the script of the case that the path names.

sub handler {
    my (@cases) = @_;

    my %scripts = map { $_->{name} => [script_of($_)] } @cases;

    return sub {
        my ($request) = @_;
        my ($name) = $request->{path} =~ m{\A/([^/]+)};
        my $script = $scripts{$name}
            || [LLM::Upstream::response(404, [], 'no case')];
        return ref $script->[0] eq 'CODE' ? $script->[0]->(@_) : @$script;
    };
}


# The texts of a client's reads, until n events have come.

sub events {
    my ($c, $n) = @_;

    return $c->read_until(qr/(?:data:.*?\n\n.*?){$n}/s);
}


# Runs cases side by side: all are sent, then each is followed to its end;
# those whose clients leave first.

sub run {
    my ($t, @cases) = @_;

    my @clients;
    @cases = sort { !$a->{client} <=> !$b->{client} } @cases;

    for my $case (@cases) {
        my $c = $t->client(%{ $case->{connect} || {} });
        my $body = exists $case->{body} ? $case->{body}
            : LLM::Provider::request($case->{api} || 'openai_chat',
                stream => 1, %{ $case->{request} || {} });
        $c->send($case->{raw} || build_request($case->{method} || 'POST',
            case_uri($case), $body, @{ $case->{send} || [] }));
        push @clients, $c;
    }

    for my $i (0 .. $#cases) {
        my ($case, $c) = ($cases[$i], $clients[$i]);
        $case->{got} = $case->{client}
            ? $case->{client}->($c)
            : $c->response(head => ($case->{method} || '') eq 'HEAD');
        $c->close;
    }

    return;
}


# Sums the windows of series: { calls, attempts, errors, finish, tokens,
# cost => { usd in nano-USD ... }, latency => { name => count } }.

sub sum_of {
    my ($window, @series) = @_;

    my %sum;

    for my $w (map { $_->{windows}{$window} } @series) {
        for my $group (qw(calls attempts errors finish tokens)) {
            $sum{$group}{$_} += $w->{$group}{$_} for keys %{ $w->{$group} };
        }

        for my $key (keys %{ $w->{cost} }) {
            my ($whole, $part) = split /\./, $w->{cost}{$key};
            $sum{cost}{$key} += $whole * 1e9 + $part;
        }

        $sum{latency}{$_} += $w->{latency}{$_}{count}
            for grep { defined $w->{latency}{$_}{count} }
                keys %{ $w->{latency} };
    }

    return \%sum;
}


# The series of a status that bear these labels.

sub series_of {
    my ($json, %labels) = @_;

    return grep {
        my $have = $_->{labels};
        !grep { ($have->{$_} // '') ne $labels{$_} } keys %labels;
    } @{ $json->{series} };
}


sub books_of {
    my ($json, %labels) = @_;

    return sum_of('all', series_of($json, %labels));
}


sub _nano {
    my ($usd) = @_;

    my ($whole, $part) = split /\./, $usd;
    return $whole * 1e9 + $part;
}


# agree(status, [log lines], name): what the log says of all calls is what
# the books say: calls by outcome, errors, tokens, money, samples.

sub agree {
    my ($json, $lines, $name) = @_;

    my $books = sum_of('all', $json->{total});
    my %want;

    for my $l (grep { $_->{operation} ne '' } @$lines) {
        my $replay = $l->{saved_cost} ne '';

        $want{'calls.total'}++;
        $want{"calls.$l->{outcome}"}++;
        $want{'calls.streams'}++ if $l->{stream} eq '1';
        $want{'calls.replayed'}++ if $replay;
        $want{"errors.$l->{error_type}"}++ if $l->{error_type} ne '';

        if ($replay) {
            $want{'cost.saved_usd'} += _nano($l->{saved_cost});
            next;
        }

        $want{'calls.estimated'}++ if $l->{usage} eq 'estimated';
        $want{'cost.usd'} += _nano($l->{cost}) if $l->{cost} ne '';
        $want{'latency.duration'}++;
        $want{"latency.$_"} += $l->{$_} ne '' for qw(wait ttft upstream_ttft
                                                     tpot);
        next if $l->{usage} eq 'none';
        $want{"tokens.$_"} += $l->{"${_}_tokens"}
            for qw(input output cache_read cache_write reasoning);
    }

    my @wrong;

    for my $group (qw(calls errors tokens cost latency)) {
        for my $key (sort keys %{ $books->{$group} || {} }) {
            next if "$group.$key" =~ /calls\.(?:no_content|unpriced)
                             |cost\.usd_estimated|inter_chunk|output_rate/x;
            my $want = delete $want{"$group.$key"} || 0;
            my $have = $books->{$group}{$key};
            push @wrong, "$group.$key: log $want, books $have"
                if $want != $have;
        }
    }

    push @wrong, map { "$_: log $want{$_}, not in the books" }
                 grep { $want{$_} } sort keys %want;

    Test::More::is(scalar @wrong, 0, $name || 'log and books agree')
        or Test::More::diag(join "\n", @wrong);
    return !@wrong;
}


# check(status, case, log line): the line is as expected, and the series of
# the case's route hold this one call.

sub check {
    my ($json, $case, $line) = @_;

    my @wrong;
    my %expect = %{ $case->{expect} || {} };

    for my $key (sort keys %expect) {
        my $want = $expect{$key};
        my $have = $line->{$key} // 'undef';
        my $ok = ref $want eq 'Regexp' ? $have =~ $want
               : ref $want eq 'CODE' ? $want->($have, $line)
               : $have eq $want;
        push @wrong, "\$llm_$key is \"$have\"" . (ref $want eq 'CODE' ? ''
                     : ", not \"$want\"") unless $ok;
    }

    my $route = defined $case->{route} ? $case->{route} : $case->{name};
    my $books = books_of($json, route => $route);
    my %have = map { my $g = $_; map { ("$g.$_" => $books->{$g}{$_}) }
                     keys %{ $books->{$g} || {} } }
               qw(calls attempts errors finish tokens latency cost);
    my %want = (
        'calls.total' => 1, "calls.$line->{outcome}" => 1,
        $line->{error_type} ne '' ? ("errors.$line->{error_type}" => 1) : (),
        $line->{saved_cost} eq '' && $line->{usage} ne 'none'
            ? ('tokens.input' => $line->{input_tokens},
               'tokens.output' => $line->{output_tokens}) : (),
        %{ $case->{books} || {} },
    );

    for my $key (sort keys %want) {
        my $n = $have{$key} || 0;
        push @wrong, "books: $key is $n, not $want{$key}"
            if $n != $want{$key};
    }

    my $errors = 0;
    $errors += $_ for values %{ $books->{errors} || {} };
    push @wrong, "books: $errors errors"
        if $errors != ($line->{error_type} ne '' ? 1 : 0)
           && !grep { /^errors/ } keys %{ $case->{books} || {} };

    Test::More::is(scalar @wrong, 0, $case->{title} || $case->{name})
        or Test::More::diag(join "\n", @wrong);
    return !@wrong;
}


# check_all(t, cases): one line of the log a case, found by its URI; the
# books of each, then of all.  Gives the lines.

sub check_all {
    my ($t, @cases) = @_;

    my @lines = $t->logged(scalar @cases);
    my %line;
    push @{ $line{ $_->{request_uri} } }, $_ for @lines;

    my $json;
    wait_for(5, sub { !LLM::Books::in_flight($json = $t->status) });
    Test::More::is(LLM::Books::in_flight($json), 0, 'none in flight');

    for my $case (@cases) {
        my $mine = $line{ case_uri($case) } || [];
        Test::More::is(scalar @$mine, 1, "$case->{name}: one line in the log")
            or next;
        check($json, $case, $mine->[0]);
    }

    push @{ $t->{lines} }, @lines;
    return @lines;
}


1;
