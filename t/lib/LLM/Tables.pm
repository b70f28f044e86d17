package LLM::Tables;

# The tables of names in the sources, as what a page of the documentation
# should say of them: each an array of lines, cells separated by " | ".
#
#     my $tables = tables("$top/ngx_llm_module");
#     my @lines = rows($section, 2);      # two cells of each row of a page
#
# Where cells of a page hold several words in code marks, each stands for a
# row of its own.

use strict;
use warnings;

use Exporter 'import';

use LLM::Util qw(slurp);

our @EXPORT_OK = qw(rows tables);


# The rows of a C table: strings and words, as they stand.

sub _table {
    my ($source, $name) = @_;

    my ($body) = $source =~ /\b\Q$name\E\[\w*\] = \{\n(.*?)\n\};/s
        or die "no table $name";

    $body =~ s{("[^"]*")|/\*.*?\*/}{$1 // ''}ges;
    $body =~ s/\bngx_string\(("[^"]*")\)/$1/g;

    return map { [map { /\A"(.*)"\z/ ? $1 : $_ } /("[^"]*"|[\w|]+)/g] }
           $body =~ /\{([^{}]+)\}/g;
}


# A word of an enum as it is spelled where people see it.

sub _spelled {
    my ($word) = @_;

    $word =~ s/\A(?:LLM|NGX_HTTP_LLM)_(?:OP|ERROR|FINISH)_// or die $word;
    return lc $word;
}


# { LLM_DIALECT_CHAT => [name, provider, operation], ... }

sub _dialects {
    my ($core) = @_;

    my $source = join '', map { slurp($_) } glob "$core/llm_dialect*.c";
    my %of = $source =~ /\[(LLM_DIALECT_\w+)\] = &(\w+)/g;
    my %dialect;

    for my $id (keys %of) {
        my ($name, $provider, $operation) = $source =~
            /\b$of{$id} = \{\s*"([^"]*)",\s*"([^"]*)",\s*(\w+),/
            or die "no $of{$id}";
        $dialect{$id} = [$name, $provider, _spelled($operation)];
    }

    return \%dialect;
}


my %FRAMINGS = (
    LLM_FRAMING_UNKNOWN     => 'the first byte tells',
    LLM_FRAMING_SSE         => 'SSE',
    LLM_FRAMING_NDJSON      => 'NDJSON',
    LLM_FRAMING_EVENTSTREAM => 'event stream',
    LLM_FRAMING_JSON        => 'JSON',
);


# { section of the page => [how many cells, rows in their order] }

sub tables {
    my ($top) = @_;

    my $name = slurp("$top/core/llm_dialect_name.c");
    my $word = slurp("$top/core/llm_dialect_word.c");
    my $type = slurp("$top/http/ngx_http_llm_response.c");
    my $header = slurp("$top/core/llm_header.c");
    my $limit = slurp("$top/core/llm_header_quota.c");
    my $dialect = _dialects("$top/core");
    my $of = sub { $dialect->{ $_[0] }[0] || '–' };

    my %table = (
        'Paths' => [map { [$_->[0], _spelled($_->[1]), $of->($_->[2]),
                           $_->[3] =~ /STREAM/ ? 'yes' : ''] }
                        _table($name, 'llm_paths')],
        'APIs' => [map { [@{ $dialect->{$_} }[0, 2, 1]] }
                   grep { length $dialect->{$_}[0] } sort keys %$dialect],
        'The model in the path' => [map { [$_->[0] . '*' . $_->[1]] }
                                        _table($name, 'llm_path_models')],
        'By the path' => [_table($name, 'llm_path_providers')],
        'By the host' => [_table($name, 'llm_hosts')],
        'Content types' => [map { [length $_->[0] ? $_->[0] : 'none',
                                   $FRAMINGS{ $_->[1] } || die $_->[1]] }
                                _table($type, 'ngx_http_llm_types')],
        'Headers that are read' =>
            [map { [$_] } ($header =~ /\bROW\("([^"]+)"/g),
             map { "$_*" } $header =~ /\bROW_PREFIX\("([^"]+)"/g],
        'Names of limits' =>
            [map { m{\A(\w+)\("(-[^"]+)} ? [$2, lc $1] : () }
                 $limit =~ /\b((?:REQUESTS|TOKENS)\("[^"]+)/g],
        'Finish reasons' => [map { [$_->[0], _spelled($_->[1])] }
                                 _table($word, 'llm_finishes')],
        'Finish reasons that are errors' =>
            [map { [$_->[0], _spelled($_->[1])] }
                 _table($word, 'llm_finish_errors')],
        'Statuses' => [map { [$_->[0], _spelled($_->[1])] }
                           _table($word, 'llm_error_statuses')],
        'Words of errors' => [map { [$_->[0], _spelled($_->[1])] }
                                  _table($word, 'llm_error_types')],
    );

    return { map { my $name = $_;
                   ($name => [scalar @{ $table{$name}[0] },
                              map { join ' | ', @$_ } @{ $table{$name} }]) }
                 keys %table };
}


# The first cells of a page's tables; the head of a table is none of them.

sub rows {
    my ($text, $n) = @_;

    my (@rows, @head);

    for my $line (split /\n/, $text) {
        if ($line !~ /\A\|(.*)\|\z/) {
            @head = ();
            next;
        }

        my @cells = map { s/\A\s+|\s+\z//gr } split /(?<!\\)\|/, $1, -1;

        if (@head < 2) {
            push @head, 1;
            next;
        }

        my ($first, @rest) = @cells[0 .. $n - 1];
        my @words = $first =~ /`([^`]+)`/g;
        my $rest = join ' | ', map { tr/`//dr } map { $_ // '' } @rest;

        push @rows, map { $n > 1 ? "$_ | $rest" : $_ }
                        @words ? @words : $first;
    }

    return @rows;
}


1;
