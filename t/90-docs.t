# The documentation says what there is, all of it, and nothing else: the
# directives and variables that the module registers, the keys and families
# that the status shows, the names that calls are recognised by, files, links,
# commands; and its examples load, and the calls that they promise arrive.
# Checks of text also run over a planted mistake and must see it.
#
# What this cannot see: whether a sentence is true.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use LLM::Client ();
use LLM::Docs qw(adapt blocks directives headings links pages sections
                 snippet table_keys variables);
use LLM::Examples qw(provide runs setting);
use LLM::Provider qw(path_of);
use LLM::Tables qw(rows tables);
use LLM::Test;
use LLM::Util qw(slurp spew);
use Test::More;

my $TOP = $LLM::Test::TOP;
my $HTTP = "$TOP/ngx_llm_module/http";

my $page = pages($TOP);
my $directive = directives(slurp("$HTTP/ngx_http_llm_module.c"));
my $variable = { map { %{ variables(slurp("$HTTP/$_")) } }
                 qw(ngx_http_llm_variables.c ngx_http_llm_gate_variables.c) };
my $known = tables("$TOP/ngx_llm_module");
my $build = slurp("$TOP/build.sh");
my $view = slurp("$TOP/ngx_llm_module/status/ngx_http_llm_view.c");

# directives whose names make variables
my @NAMED = qw(slo limit budget);


# Sentences for what is in one list and not in the other.

sub differ {
    my ($what, $documented, $real) = @_;

    my %documented = map { $_ => 1 } @$documented;
    my %real = map { $_ => 1 } @$real;

    return ((map { "$what: $_ is not documented" }
                 grep { !$documented{$_} } sort keys %real),
            (map { "$what: $_ is documented and does not exist" }
                 grep { !$real{$_} } sort keys %documented));
}

sub none {
    my ($name, @wrong) = @_;

    ok(!@wrong, $name) or diag(join "\n", @wrong);
    return;
}


# Checks of text: they take pages, and return what is wrong

sub directive_pages {
    my ($page) = @_;

    my $section = sections($page->{'docs/directives.md'});
    my %block = map { $_->[2] =~ /\b(llm\w*)\b/g ? ($_->[3] => $_->[2]) : () }
                blocks($page->{'docs/directives.md'});
    my $examples = join "\n", values %block;
    my @wrong = differ('directives', [grep { /\Allm/ } keys %$section],
                       [keys %$directive]);

    for my $name (grep { $directive->{$_} } sort keys %$section) {
        my $text = $section->{$name};

        for my $row (qw(Syntax Default Context Phase Memory)) {
            push @wrong, "$name: no $row"
                if $text !~ /^\| \*\*$row\*\* \| \S/m;
        }

        my ($context) = $text =~ /^\| \*\*Context\*\* \| ([^|]+?) \|/m;
        push @wrong, "$name: context '$context', not '$directive->{$name}'"
            if defined $context && $context ne $directive->{$name};
        push @wrong, "$name: no example" if $examples !~ /^\s*\Q$name\E\s/m;
    }

    return @wrong;
}

sub variable_pages {
    my ($page) = @_;

    return differ('variables',
        [map { /\A\$(llm_\w+)\z/ ? $1 : () }
             table_keys($page->{'docs/variables.md'})],
        [keys %$variable,
         (map { "llm_${_}_NAME" } grep { $directive->{"llm_$_"} } @NAMED),
         'llm_budget_NAME_left']);
}

# What is told by names: the first row that fits holds, so paths have an order.

sub providers {
    my ($page) = @_;

    my $section = sections($page->{'docs/providers.md'});
    my @wrong;

    for my $name (sort keys %$known) {
        my ($cells, @real) = @{ $known->{$name} };
        my @documented = rows($section->{$name} || '', $cells);

        # of words the case does not matter
        $_ = lc for $name =~ /reasons|Words/ ? (@documented, @real) : ();

        push @wrong, differ("providers, $name", \@documented, \@real);
        push @wrong, "providers, $name: not in the order that counts"
            if $name eq 'Paths' && "@documented" ne "@real";
    }

    return @wrong;
}

# Any name of ours, wherever it stands.

sub names {
    my ($page) = @_;

    my @wrong;

    for my $path (sort keys %$page) {
        (my $text = $page->{$path}) =~ s/\]\([^()\s]+\)/]/g;
        $text =~ s{[\w/.*-]*\bllm_\w+\.\w+}{}g;            # files

        while ($text =~ /\$(llm_[a-z_]*[a-z])\b/g) {
            my $name = $1;
            next if grep { $name =~ /\Allm_${_}_/ && $directive->{"llm_$_"} }
                    @NAMED;
            push @wrong, "$path: \$$name is no variable"
                if !$variable->{$name};
        }
        while ($text =~ /(?<![\$\w])(llm_[a-z_]*[a-z])\b/g) {
            push @wrong, "$path: $1 is no directive" if !$directive->{$1};
        }
    }

    return @wrong;
}

sub broken_links {
    my ($page) = @_;

    my @wrong;

    for my $path (sort keys %$page) {
        for my $link (links($page->{$path})) {
            next if $link =~ /\A[a-z]+:/;
            my ($file, $anchor) = $link =~ /\A([^#]*)#?(.*)\z/;
            my $dir = $path =~ m{\A(.*/)} ? $1 : '';
            my $target = length $file ? "$dir$file" : $path;
            1 while $target =~ s{[^/]+/\.\./}{};

            if (!-e "$TOP/$target") {
                push @wrong, "$path: $link: no such file";
            } elsif (length $anchor && !headings($page->{$target} || '')
                                        ->{$anchor}) {
                push @wrong, "$path: $link: no such heading";
            }
        }

        for my $named ($page->{$path}
                       =~ m{`((?:t|docs|ngx_llm_module)/[\w./*-]+)`}g)
        {
            push @wrong, "$path: $named: no such file"
                unless grep { -e } glob "$TOP/$named";
        }
    }

    return @wrong;
}

sub commands {
    my ($page) = @_;

    my ($table) = $build =~ /VERBS=\((.*?)\)/s;
    my @verbs = $table =~ /\[(\w+)\]=/g;
    my %verb = map { $_ => 1 } @verbs;
    my @wrong;

    for my $path (sort keys %$page) {
        while ($page->{$path} =~ m{\./build\.sh(?: (\w+))?}g) {
            push @wrong, "$path: ./build.sh $1: no such verb"
                if defined $1 && !$verb{$1};
        }
    }

    for my $verb (grep { $_ ne 'build' } @verbs) {
        push @wrong, "README.md does not name ./build.sh $verb"
            if $page->{'README.md'} !~ m{\./build\.sh $verb\b};
    }

    push @wrong, map { "README.md does not name $_ of .ci/run" }
                 grep { index($page->{'README.md'}, $_) < 0 }
                 slurp("$TOP/.ci/run") =~ m{(\./build\.sh \w+)}g;

    return @wrong;
}

sub marks {
    my ($page) = @_;

    my @wrong;

    for my $path (sort keys %$page) {
        push @wrong, "$path: $1 is left open"
            if $page->{$path} =~ /(%[A-Z]+%)/;

        for (blocks($page->{$path})) {
            my ($language, $mark, $text, $line) = @$_;
            push @wrong, "$path:$line: an nginx block without a mark"
                if $language eq 'nginx'
                   && $mark !~ /\A(?:complete|http|server|location)\z/;
            push @wrong, "$path:$line: not JSON"
                if $language eq 'json'
                   && !eval { JSON::PP->new->utf8->decode($text) };
        }
    }

    return @wrong;
}


# name, check, page to plant in, what to plant

my @CHECKS = (
    ['directives', \&directive_pages,
        ['docs/directives.md', sub { s/^## llm_route\n/## llm_way\n/m }],
        ['docs/directives.md', sub { s/^\| \*\*Phase\*\* .*\n//m }],
        ['docs/directives.md',
         sub { s/\| http, server, location \|/| http |/ }]],
    ['variables', \&variable_pages,
        ['docs/variables.md', sub { s/^\| `\$llm_ttft`.*\n//m }],
        ['docs/variables.md', sub { s/\A/| `\$llm_nothing` | | |\n/ }]],
    ['providers', \&providers,
        ['docs/providers.md', sub { s{, `/v1/batches`}{} }],
        ['docs/providers.md', sub { s/`api.groq.com`/`api.grog.com`/ }],
        ['docs/providers.md', sub { s/(`ollama` \| `)chat/$1completion/ }],
        ['docs/providers.md',
         sub { s{^(\| `/completions` .*\n)(\| .*\n)}{$2$1}m }]],
    ['names', \&names,
        ['README.md', sub { s/\z/llm_nothing day;\n/ }],
        ['CHANGES', sub { s{\z}{\$llm_caller\n} }]],
    ['links', \&broken_links,
        ['README.md', sub { s/\z/[x](docs\/nothing.md)\n/ }],
        ['README.md', sub { s/\z/[x](docs\/status.md#nothing)\n/ }],
        ['docs/status.md', sub { s/\z/`t\/00-nothing.t`\n/ }]],
    ['commands', \&commands,
        ['README.md', sub { s/\z/.\/build.sh deploy\n/ }],
        ['README.md', sub { s/build\.sh fuzz/build.sh/g }]],
    ['marks', \&marks,
        ['README.md', sub { s/^```nginx complete$/```nginx/m }],
        ['README.md', sub { s/\z/%NUMBERS%\n/ }],
        ['docs/status.md', sub { s/^\{"error"/{error/m }]],
);

for (@CHECKS) {
    my ($name, $check, @planted) = @$_;

    none($name, $check->($page));

    for my $plant (@planted) {
        my ($path, $how) = @$plant;
        my %planted = %$page;
        $how->() for $planted{$path};
        my @found = $check->(\%planted);
        ok($planted{$path} ne $page->{$path} && @found,
           "$name: a mistake is seen");
    }
}


# Examples: what they hold

my %example = map { m{([^/]+)\z} ? ($1 => slurp($_)) : () }
              glob "$TOP/docs/examples/*.conf";
my ($readme) = map { $_->[2] } grep { $_->[1] eq 'complete' }
               blocks($page->{'README.md'});

my @TLS = (qr/proxy_ssl_verify on;/, qr/proxy_ssl_server_name on;/,
           qr/proxy_ssl_trusted_certificate \S+;/);
my @SECRETS = (qr/proxy_set_header Cookie "";/,
               qr/proxy_set_header Api-Key "[^\$"]*";/,
               qr/proxy_set_header (?:X-Api-Key|Authorization) /);

sub careless {
    my ($text) = @_;

    my @wrong;

    while ($text =~ /location ([^{}]+) (\{(?:[^{}]|(?2))*\})/g) {
        my ($name, $body, $at) = ($1, $2, $-[0]);

        my @need = $body =~ /proxy_pass https:/ ? @TLS : ();
        push @need, @SECRETS if @need || $body =~ /\bllm main;/;
        push @wrong, map { "$name: no $_" } grep { $body !~ $_ } @need;

        next if $body !~ /\bllm_status\b/;
        my $above = substr $text, 0, $at;
        $above =~ s/.*\n    server \{//s;
        push @wrong, "$name: open to all"
            if "$above$body" !~ /allow 127\.0\.0\.1;.*deny all;/s;
    }

    return @wrong;
}

for my $name (sort keys %example) {
    (my $open = $example{$name}) =~ s/deny all;//g;
    (my $cookie = $example{$name}) =~ s/proxy_set_header Cookie "";//;
    my @found = map { [careless($_)] } $open, $cookie;

    none("$name is careful", careless($example{$name}));
    is(scalar(grep { @$_ } @found), 2, "$name: mistakes are seen");
}

none('the configuration of README.md is careful', careless($readme));


# Examples: they load

my $t = LLM::Test->new;
my $calls = $t->upstream(\&provide);

sub loads {
    my ($name, $text) = @_;

    my ($ok, $said) = $t->check(adapt($text, setting($t, $calls)));
    ok($ok, "$name loads") or diag($said);
    unlike($said, qr/\[(?:warn|error)\]/, "$name: without a warning");
    return;
}

loads($_, $example{$_}) for sort keys %example;

for my $path (sort keys %$page) {
    for (grep { $_->[0] eq 'nginx' } blocks($page->{$path})) {
        my (undef, $mark, $text, $line) = @$_;
        loads("$path:$line", snippet($mark, $text));
    }
}

my ($list) = map { $_->[2] } grep { $_->[1] eq 'prices' }
             blocks($page->{'docs/prices.md'});
spew($t->path('list.json'), $list);
loads('the list of docs/prices.md',
      snippet(http => "llm_prices list.json;\n"));


# Sizes of zones

my %documented = sections($page->{'docs/operations.md'})->{'Sizing a zone'}
                 =~ /^\| (\d+m) \| (\d+ \| \d+) \|/mg;

ok(keys %documented >= 4, 'sizes are documented');

for my $size (sort keys %documented) {
    my ($series, $columns) = split / \| /, $documented{$size};
    my (undef, $said) = $t->check(adapt(snippet(http =>
        "llm_zone zone=main:$size;\n"), setting($t, $calls)));
    like($said, qr/"main": $series series, $columns columns/, "$size");
}


# Examples: what they promise

my %SECRETS = (Authorization => 'Bearer secret-a', 'X-Api-Key' => 'secret-b',
               'Api-Key' => 'secret-c', 'X-Goog-Api-Key' => 'secret-d',
               Cookie => 'session=secret-e', 'X-Team' => 'search');

$example{'README.md'} = $readme;

my %status_at = ('metrics.conf' => [1, '/llm-status']);
my $seen = 0;

sub run_example {
    my ($name) = @_;

    my $t = LLM::Test->new;
    my @runs = runs($name);

    $t->config(adapt($example{$name}, setting($t, $calls), plain => 1));
    $t->start;

    for my $run (@runs) {
        my $r = $t->post($run->{uri}, $run->{body}, %{ $run->{keys} || \%SECRETS },
                         'Content-Type' => 'application/json',
                         @{ $run->{headers} });

        is($r->{status}, 200, "$name: $run->{uri}");

        my @requests = $calls->requests;
        my $raw = $requests[-1]{raw};
        is(scalar @requests, ++$seen, 'one request arrives');
        is(join('', sort $raw =~ /secret-(\w)/g), $run->{secret},
           'with the credential that is meant for it, and no other');
        like($raw, qr/^\Q$_\E\r$/m, "as it was: $_") for @{ $run->{arrives} };
    }

    my ($port, $uri) = @{ $status_at{$name} || [0, '/llm-status'] };
    my $json = JSON::PP->new->utf8->decode(
        LLM::Client::http($t->port($port), 'GET', "$uri?window=all"
            . '&by=provider,model', undef)->{body});
    my %calls = map { ("$_->{labels}{provider} $_->{labels}{model}"
                       => $_->{windows}{all}) } @{ $json->{series} };

    for my $run (@runs) {
        my $name = "$run->{provider} $run->{model}";
        my $w = $calls{$name} || { calls => {}, cost => {} };
        my $usd = $w->{cost}{usd} || 0;
        is($w->{calls}{ok}, 1, "$name is counted");
        is($w->{calls}{estimated}, 0, 'by what the answer says');
        is($w->{calls}{unpriced}, 0, 'and has a price');
        ok($run->{free} ? $usd == 0 : $usd > 0, "which is $usd USD");
        is($w->{latency}{ttft}{count}, 1, 'and a TTFT');
    }

    return $t;
}

# The call of the example has been made once: by whom is it answered now?

sub exact_cache {
    my ($t) = @_;

    my ($run) = runs('exact-cache.conf');
    my $ask = sub {
        my ($body, @headers) = @_;
        return $t->post($run->{uri}, $body, @headers)->{headers}{'x-cache'};
    };
    my @key = map { [Authorization => "Bearer $_"] } qw(one two);
    my $plain = $run->{body} =~ s/"stream":true,//r;
    my ($body, $before) = ($run->{body}, scalar $calls->requests);

    is($ask->($body, %SECRETS), 'HIT', 'the same caller again');
    is($ask->($body =~ s/,/ , "user":"u",/r, %SECRETS), 'HIT',
       'written otherwise');
    is($ask->($body, @{ $key[0] }), 'MISS', 'another caller');
    is($ask->($body, @{ $key[0] }), 'HIT', 'has a cache of its own');
    is($ask->($body, @{ $key[1] }), 'MISS', 'and so has a third');
    is($ask->($plain, @{ $key[0] }), 'MISS', 'not a stream');
    is($ask->($body, @{ $key[0] }, 'Cache-Control' => 'no-cache'), 'BYPASS',
       'a fresh one');
    is($ask->($body), 'BYPASS', 'without a key') for 1, 2;
    is($ask->("$body x", @{ $key[0] }), 'MISS', 'unreadable') for 1, 2;

    $seen = $calls->requests;
    is($seen - $before, 8, 'calls to the provider');

    my $json = JSON::PP->new->utf8->decode(LLM::Client::http($t->port(0),
        'GET', '/llm-status?window=all', undef)->{body});
    my $total = $json->{total}{windows}{all};
    is($total->{calls}{replayed}, 3, 'what was replayed');
    cmp_ok($total->{cost}{saved_usd}, '>', 0, 'and what that saved');
    return;
}


for my $name (sort keys %example) {
    subtest $name => sub {
        my $t = run_example($name);

        if ($name eq 'access-log.conf') {
            my @lines = split /\n/, slurp($t->path('logs/llm.log'));
            my $line = eval { JSON::PP->new->utf8->decode($lines[0]) } || {};
            is(scalar @lines, 1, 'one line');
            is($line->{remaining_tokens}, 9, 'with what the provider says');
            is($line->{outcome}, 'ok', 'it is JSON');
            like($line->{ttft}, qr/\A\d+\.\d{6}\z/, 'and has a TTFT');
            is(slurp($t->path('logs/llm-slow.log')), '', 'nothing is slow');
        }

        if ($name eq 'metrics.conf') {
            my $r = LLM::Client::http($t->port(1), 'GET', '/metrics', undef);
            like($r->{body}, qr/^nginx_llm_calls_total\{provider="openai",
                                model="gpt-5-mini",route="api",
                                outcome="ok"\}\ 1$/mx, 'metrics');
        }

        exact_cache($t) if $name eq 'exact-cache.conf';

        $t->finish(books => $name eq 'metrics.conf' ? 0 : 1);
    };
}


# The status and its documentation

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:16m;
    llm_prices prices.json;
    llm_slo any zone=main metric=errors target=95 route=/;
    llm_limit_zone $host zone=tpm:64k rate=1000000t/m;
    llm_budget_zone $host zone=day:64k period=day;
    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / {
            llm main;
            llm_limit zone=tpm;
            llm_budget zone=day limit=1000000t;
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /llm-status { llm_status main; }
    }
}
EOC
$t->start;
$t->post(path_of('openai_chat'), qq({"model":"$_","stream":true,"messages":)
         . '[{"role":"user","content":"Hello"}]}')
    for qw(gpt-5-mini gpt-5-mini busy);
$t->logged(3);

my $live = $t->status;
my ($sample) = map { JSON::PP->new->utf8->decode($_->[2]) }
               grep { $_->[1] eq 'sample' } blocks($page->{'docs/status.md'});

# { section of the page => [keys] }

sub shape {
    my ($json) = @_;

    my %keys = ('Top level' => [keys %$json]);

    $keys{$_} = [keys %{ $json->{$_} }] for qw(zone health);
    $keys{"health.$_"} = [keys %{ $json->{health}{$_} }]
        for qw(unreadable unpriced splices_skipped prices);

    for my $series (@{ $json->{series} },
                    { %{ $json->{total} }, labels => {} })
    {
        my %one = ('series' => [keys %$series],
                   'now' => [keys %{ $series->{now} }]);

        for my $w (values %{ $series->{windows} }) {
            my $latency = $w->{latency};
            $one{windows} = [keys %$w];
            $one{"windows.$_"} = [keys %{ $w->{$_} }]
                for qw(calls attempts finish tokens cost);
            $one{'windows.latency'} = [keys %$latency,
                (map { "*.$_" } keys %{ $latency->{ttft} }),
                (map { "output_rate.$_" } keys %{ $latency->{output_rate} })];
            $keys{$_} = $one{$_} for keys %one;
        }
    }

    $keys{providers} = [keys %{ $json->{providers}[0] || {} }];
    $keys{$_} = [keys %{ $json->{$_}[0] || {} }] for qw(limits budgets);
    $keys{slo} = [keys %{ $json->{slo}[0] || {} }];
    $keys{'windows.errors'} = [$view =~ /counter\("errors", "(\w+)"/g];

    return \%keys;
}

my $section = sections($page->{'docs/status.md'});
my $shape = shape($live);

none("status: $_", differ($_, [table_keys($section->{$_} || '')],
                          $shape->{$_})) for sort keys %$shape;

is_deeply([map { [$_, sort @{ shape($sample)->{$_} }] } sort keys %$shape],
          [map { [$_, sort @{ $shape->{$_} }] } sort keys %$shape],
          'the example has the keys that the status has');
is(join(' ', sort keys %{ $live->{series}[0]{windows} }), '1h 1m 24h 5m all',
   'windows');


# Prometheus

my $text = $t->get('/llm-status?format=prometheus')->{body};
my %type = $text =~ /^# TYPE (\S+) (\S+)$/mg;
my %row = map { $_->[0] => $_ }
          map { [/\A\| `(nginx_llm_\w+)` \| (\w+) \| ([^|]*?) ?\|/] }
          grep { /\A\| `nginx_llm_\w+` \| (?:counter|gauge|histogram) / }
          split /\n/, $page->{'docs/metrics.md'};

none('families', differ('families', [keys %row], [keys %type]));
is($row{$_}[1], $type{$_}, "$_ is a $type{$_}") for sort keys %row;

for my $family (sort keys %type) {
    my ($name) = $type{$family} eq 'histogram' ? "${family}_bucket" : $family;
    my ($labels) = $text =~ /^\Q$name\E\{([^}]*)\}/m;
    next unless $text =~ /^\Q$name\E[ {]/m;

    my %have = map { /(\w+)=/ ? ($1 => 1) : () } split /,/, $labels // '';
    my $says = $row{$family}[2];
    my @want = $says =~ /`(\w+)`/g;
    my $plain = $says =~ /none|only/
                || $family =~ /_(?:unreadable|splices_skipped)_|_build_info/;

    delete $have{le};
    push @want, qw(provider model route operation) unless $plain;
    is(join(' ', sort keys %have), join(' ', sort @want),
       "labels of $family");
}

my %le = $page->{'docs/metrics.md'} =~
    /^\| `(nginx_llm_\w+_seconds)` \| ([\d. ]+|the same) \|$/mg;
$le{nginx_llm_upstream_time_to_first_token_seconds}
    = $le{nginx_llm_time_to_first_token_seconds};
$le{nginx_llm_time_per_output_token_seconds}
    = $le{nginx_llm_inter_chunk_latency_seconds};

for my $family (grep { $type{$_} eq 'histogram' } sort keys %type) {
    my ($labels) = $text =~ /^\Q$family\E_bucket\{(.*?),le=/m;
    my @have = $text =~ /^\Q${family}_bucket{$labels\E,le="([^"]+)"\}/mg;
    is(join(' ', @have), ($le{$family} // '') . ' +Inf',
       "buckets of $family");
}

$t->done;
