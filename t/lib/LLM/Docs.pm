package LLM::Docs;

# The documentation as data: pages with their headings, fenced blocks, tables
# and links; and the names that the sources register.

use strict;
use warnings;

use Exporter 'import';

use LLM::Util qw(slurp);

our @EXPORT_OK = qw(adapt blocks directives headings links pages sections
                    snippet table_keys variables);


# pages(top directory): { path => text } of all that is documentation

sub pages {
    my ($top) = @_;

    my %page;

    for my $file ("$top/README.md", "$top/CHANGES", glob("$top/docs/*.md")) {
        (my $path = $file) =~ s{\A\Q$top\E/}{};
        $page{$path} = slurp($file);
    }

    return \%page;
}


# What the sources register: { name => [contexts] } and { name => 1 }.

sub directives {
    my ($source) = @_;

    my %found;

    while ($source =~ /\{ ngx_string\("(\w+)"\),\s*([^,]+),/g) {
        my ($name, $flags) = ($1, $2);
        my $all = $flags =~ /\bNGX_HTTP_LLM_ALL_CONF\b/;
        $found{$name} = join ', ',
            ($all || $flags =~ /MAIN_CONF/ ? 'http' : ()),
            ($all || $flags =~ /SRV_CONF/ ? 'server' : ()),
            ($all || $flags =~ /LOC_CONF/ ? 'location' : ());
    }

    return \%found;
}

sub variables {
    my ($source) = @_;

    return { map { $_ => 1 } $source =~ /\bngx_string\("(llm_\w+)"\)/g };
}


# Fenced blocks as [language, mark, text, line]; the rest of a page.

sub blocks {
    my ($text) = @_;

    my @found;

    while ($text =~ /^```(\w*)[ ]*([^\n]*)\n(.*?)^```$/msg) {
        my ($language, $mark, $body) = ($1, $2, $3);
        my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
        push @found, [$language, $mark, $body, $line];
    }

    return @found;
}

sub _without_blocks {
    my ($text) = @_;

    $text =~ s/^```.*?^```$//msg;
    return $text;
}


# The anchors that a page has.

sub headings {
    my ($text) = @_;

    my %anchor = map { $_ => 1 } $text =~ /<a id="([^"]+)">/g;

    for my $heading (_without_blocks($text) =~ /^#+ (.+)$/mg) {
        $heading = lc $heading;
        $heading =~ s/[^\w\- ]//g;
        $heading =~ tr/ /-/;
        $anchor{$heading} = 1;
    }

    return \%anchor;
}


sub links {
    my ($text) = @_;

    return _without_blocks($text) =~ /\]\(([^()\s]+)\)/g;
}


# { heading without its code marks => text below it }

sub sections {
    my ($text) = @_;

    my ($name, %section) = ('');

    for my $line (split /^/, _without_blocks($text)) {
        if ($line =~ /^##+ (.+)$/) {
            ($name = $1) =~ tr/`//d;
            next;
        }
        $section{$name} .= $line;
    }

    return \%section;
}


# The code in the first cells of a text's tables.

sub table_keys {
    my ($text) = @_;

    return map { /`([^`]+)`/g }
           map { /\A\|\s*([^|]*?)\s*\|/ ? $1 : () }
           split /\n/, $text;
}


# A configuration that is meant for a real machine, so that nginx under test
# can load it.  %at: dir, module, listen => [ports], upstream => 'host:port',
# certificate, plain => 1: talk http to the upstream, user.

sub adapt {
    my ($text, %at) = @_;

    my $temp = join '', map { "${_}_temp_path $at{dir}/tmp/$_;\n" }
                        qw(client_body proxy fastcgi uwsgi scgi);
    my $n = 0;

    $text =~ s/^load_module [^;]+;/load_module $at{module};/m;
    $text =~ s/^(\s*)listen [\d.:]+;/
               "$1listen 127.0.0.1:" . $at{listen}[$n++] . ';'/mge;
    $text =~ s/\bserver (?:[a-z][\w.-]*\.com:443|127\.0\.0\.1:(?:3000|11434));/
               "server $at{upstream};"/ge;
    $text =~ s{/var/log/nginx/}{$at{dir}/logs/}g;
    $text =~ s{/etc/ssl/certs/ca-certificates\.crt}{$at{certificate}}g;
    $text =~ s/^http \{/http {\n${temp}access_log $at{dir}\/access.log;/m;
    $text =~ s/(proxy_pass )https:/$1http:/g if $at{plain};

    return "daemon off;\nworker_processes 1;\n$at{user}\n"
         . "pid $at{dir}/nginx.pid;\nlock_file $at{dir}/lock;\n"
         . "error_log $at{dir}/error.log info;\n$text";
}


# A block that is a part of a configuration, made whole: the mark says which.

sub snippet {
    my ($mark, $text) = @_;

    return $text if $mark eq 'complete';

    my $zone = $text =~ /\bllm_zone\b/ ? '' : "llm_zone zone=main:8m;\n";
    my $llm = $text =~ /^\s*llm\s/m ? '' : "llm main;\n";

    $text = "location / {\n$llm$text}\n" if $mark eq 'location';
    $text = "server {\nlisten 127.0.0.1:8080;\n$text}\n"
        if $mark =~ /\A(?:location|server)\z/;

    return "load_module modules/ngx_http_llm_module.so;\nevents {\n}\n"
         . "http {\n$zone$text}\n";
}


1;
