# Shapes of responses that nobody recorded, made by hand (t/shapes/): what the
# core reads from each however it is split, and what nginx logs and books of
# each, served whole and byte by byte.
#
# What this cannot see: whether a vendor does what it documents.

use strict;
use warnings;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Calls qw(handler run);
use LLM::Shapes;
use LLM::Test;
use LLM::Unit;
use LLM::Upstream qw(chunked response);
use LLM::Util qw(proof scale spew);
use Test::More;

my @shapes = LLM::Shapes::all();

note scalar(@shapes), ' shapes';


sub none {
    my ($name, @wrong) = @_;

    splice @wrong, 99 if @wrong > 99;
    ok(!@wrong, $name) or diag(join "\n", @wrong);
    return;
}


# The core

my $dir = File::Temp->newdir;

sub facts {
    my ($kind) = @_;

    my $program = LLM::Unit::build('facts', $kind, libs => ['-lz']);
    my ($n, %shape, @list) = 0;

    for my $s (@shapes) {
        my $body = spew("$dir/" . ++$n, $s->{body});
        my $request = spew("$dir/$n.request", $s->{request});
        my ($path) = $s->{path} =~ /\A([^?]*)/;

        # as nginx hands it on
        $path =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;

        my $hint = LLM::Shapes::hint($s);
        $hint = 'ndjson' if $s->{lines};

        $shape{$body} = $s;
        push @list, join "\t", 'response', $path, $hint, $body, $request;
    }

    my $list = spew("$dir/list", join '', map { "$_\n" } @list);
    my $splits = scale(10, 200);
    my @lines = qx{$program $splits < $list};

    is($?, 0, "$kind: one reading however the bytes are split");
    is(@lines, @shapes, "$kind: every body is read");

    none("$kind: facts as expected", map {
        chomp;
        my ($file, @fields) = split /\t/, $_, -1;
        my %got = map { /\A(\w+)=(.*)/s } @fields;
        my $s = $shape{$file};
        my $want = LLM::Shapes::facts($s);

        map { "$s->{name}: $_ is '" . ($got{$_} // '') . "', not '"
              . ($want->{$_} // '') . "'" }
        grep { ($got{$_} // '') ne ($want->{$_} // '') } sort keys %$want;
    } @lines);
    return;
}

subtest 'the core' => sub {
    facts($_) for proof() ? qw(plain sanitized) : 'sanitized';
};


# nginx

# how: whole, and books are looked at; or cells, a chunk of the transfer a byte

sub call {
    my ($s, $how) = @_;

    my $name = "$s->{name}-$how";
    my @start = ($s->{status}, [
        defined $s->{type} ? ('Content-Type' => $s->{type}) : ()]);
    my ($head) = response(@start, '', framing => 'chunked', pieces => []);
    my $e = $s->{expect};

    return {
        name => $name, title => $name . ($s->{title} ? ": $s->{title}" : ''),
        uri => "/$name$s->{path}", body => $s->{request}, shape => $s,
        script => [$how eq 'whole' ? response(@start, $s->{body})
                   : ($head . join('', map { chunked($_) }
                                       split //, $s->{body}) . "0\r\n\r\n")],
        expect => LLM::Shapes::variables($s),
        books => { $e->{class} ? ("finish.$e->{class}" => 1) : (),
                   'calls.streams' => $e->{stream} },
    };
}

my @whole = map { call($_, 'whole') } @shapes;
my @cells = map { call($_, 'cells') } @shapes;
my $t = LLM::Test->new;

$t->upstream(handler(@whole, @cells));

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:256m;
    map $uri $case { ~^/(?<c>[^/]+-whole)/ $c; default cells; }
    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        llm_route $case;
        location / {
            proxy_pass http://%%UPSTREAM%%;
            proxy_http_version 1.1;
        }
        location = /llm-status { llm off; llm_status main; access_log off; }
    }
}
EOC

$t->start;

sub same_bodies {
    none('bodies are handed on as they came', map { $_->{name} }
         grep { $_->{got}{body} ne $_->{shape}{body} } @_);
    return;
}

subtest 'nginx' => sub {
    my @left = @whole;

    run($t, splice @left, 0, 50) while @left;
    LLM::Calls::check_all($t, @whole);
    same_bodies(@whole);
};


sub wrong {
    my ($case, $line) = @_;

    my $want = $case->{expect};

    return map { "$case->{name}: \$llm_$_ is \"$line->{$_}\"" }
           grep { ref $want->{$_} ? $line->{$_} !~ $want->{$_}
                                  : $line->{$_} ne $want->{$_} }
           sort keys %$want;
}

subtest 'nginx, a byte at a time' => sub {
    my @left = @cells;

    run($t, splice @left, 0, 50) while @left;

    my %line = map { $_->{request_uri} => $_ } $t->logged(scalar @cells);

    none('variables as expected', map {
        my $line = $line{ $_->{uri} };
        $line ? wrong($_, $line) : "$_->{name}: not logged";
    } @cells);
    same_bodies(@cells);
};

$t->done;
