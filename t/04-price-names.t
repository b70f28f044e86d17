# Names of models against the whole list: the rules by which a name is found,
# each with what it must find and what it must not; every entry by its own
# name; no entry by a name that is not one; and the models of all recorded
# calls, of which none may find another model's price.
#
# What this cannot see: whether two names that look like one model are.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use LLM::Corpus;
use LLM::Test;
use LLM::Unit;
use LLM::Util qw(slurp spew);
use Test::More;

my $list = "$LLM::Test::TOP/../shared/prices/"
         . "model_prices_and_context_window.json";

plan skip_all => 'no ../shared/prices' unless -f $list;

my $models = JSON::PP->new->utf8->decode(slurp($list));
delete $models->{$_} for 'sample_spec', 'fallback_generalizations';

my $program = LLM::Unit::build('price_dump', 'sanitized');


# find(path, [provider, answered, asked, region], ...): [how, key or '',
# what some calls cost], ...

sub find_in {
    my ($path, @queries) = @_;

    my $file = spew("$LLM::Test::BUILD/unit/names.$$", join '',
        map { join("\t", map { $_ // '' } @$_[0 .. 3]) . "\n" } @queries);
    my @lines = qx{$program $path --find < $file};
    is($?, 0, scalar(@queries) . ' names were looked for');
    unlink $file;

    return map { chomp; my ($how, $key, $costs) = split /\t/;
                 [$how, $key // '', $costs // ''] } @lines;
}

sub find { return find_in($list, @_) }


# Our providers, and what the list calls them.

my %FAMILIES = (
    'openai' => qr/^(?:openai|text-completion-openai|chatgpt)$/,
    'anthropic' => qr/^anthropic$/,
    'azure.ai.openai' => qr/^azure/,
    'azure.ai.inference' => qr/^azure/,
    'aws.bedrock' => qr/^(?:bedrock|amazon_nova)/,
    'gcp.gemini' => qr/^gemini$/,
    'gcp.vertex_ai' => qr/^vertex_ai/,
    'cohere' => qr/^cohere/,
    'mistral_ai' => qr/^(?:text-completion-)?(?:mistral|codestral)$/,
    'groq' => qr/^groq$/,
    'deepseek' => qr/^deepseek$/,
    'x_ai' => qr/^xai$/,
    'perplexity' => qr/^perplexity$/,
    'together_ai' => qr/^together_ai$/,
    'fireworks_ai' => qr/^fireworks_ai/,
    'ollama' => qr/^ollama$/,
    'vllm' => qr/^hosted_vllm$/,
);


# 1: the rules, by what providers write. provider, answered, asked, what must
# be found ('' for nothing), how, region

my $arn = 'arn:aws:bedrock:us-east-1:000000000000';
my $sonnet = 'anthropic.claude-sonnet-4-5-20250929-v1:0';

my @rules = (
    # the answered name, then the one asked for
    ['openai', 'gpt-4o-2024-08-06', 'gpt-4o', 'gpt-4o-2024-08-06', 'exact'],
    ['openai', 'gpt-4o-2099-01-01', 'gpt-4o', 'gpt-4o', 'exact'],
    ['openai', 'gpt-4o-2099-01-01', '', 'gpt-4o', 'version'],
    ['openai', '', 'gpt-4o', 'gpt-4o', 'exact'],
    ['groq', 'llama-3.3-70b-versatile', '', 'groq/llama-3.3-70b-versatile',
     'exact'],

    # regions of Bedrock: an entry of its own first
    ['aws.bedrock', '', "us.$sonnet", "us.$sonnet", 'exact'],
    ['aws.bedrock', '', "eu.$sonnet", "eu.$sonnet", 'exact'],
    ['aws.bedrock', '', "global.$sonnet", "global.$sonnet", 'exact'],
    ['aws.bedrock', '', $sonnet, $sonnet, 'exact'],
    ['aws.bedrock', '', "ca.$sonnet", $sonnet, 'route'],
    ['aws.bedrock', '', "bedrock/us.$sonnet", "us.$sonnet", 'route'],
    ['aws.bedrock', 'claude-sonnet-4-5-20250929', "us.$sonnet",
     "us.$sonnet", 'exact'],
    ['aws.bedrock', '', 'meta.llama3-8b-instruct-v1:0',
     'bedrock/eu-west-1/meta.llama3-8b-instruct-v1:0', 'exact', 'eu-west-1'],
    ['aws.bedrock', '', 'meta.llama3-8b-instruct-v1:0',
     'meta.llama3-8b-instruct-v1:0', 'exact', 'us-west-2'],

    # ARNs
    ['aws.bedrock', '', "$arn:inference-profile/us.$sonnet", "us.$sonnet",
     'route'],
    ['aws.bedrock', '', "$arn:foundation-model/$sonnet", $sonnet, 'route'],
    ['aws.bedrock', '', 'arn:aws:bedrock:eu-west-1::foundation-model/'
     . 'meta.llama3-8b-instruct-v1:0',
     'bedrock/eu-west-1/meta.llama3-8b-instruct-v1:0', 'route'],
    ['aws.bedrock', '', "$arn:application-inference-profile/a1b2c3", '',
     'unknown'],
    ['aws.bedrock', '', "$arn:provisioned-model/a1b2c3", '', 'unknown'],
    ['aws.bedrock', '', "$arn:custom-model/$sonnet/a1b2c3", '', 'unknown'],

    # Azure: what it answers; a deployment is any word
    ['azure.ai.openai', 'gpt-4.1-mini-2025-04-14', 'my-deployment',
     'azure/gpt-4.1-mini-2025-04-14', 'exact'],
    ['azure.ai.openai', '', 'gpt-4o', 'azure/gpt-4o', 'exact'],
    ['azure.ai.openai', '', 'my-deployment', '', 'unknown'],
    ['azure.ai.openai', 'gpt-5-2025-08-07', '', 'azure/gpt-5-2025-08-07',
     'exact'],
    ['azure.ai.openai', 'gpt-5-2025-08-07', '',
     'azure/eu/gpt-5-2025-08-07', 'exact', 'eu'],

    # Vertex, Gemini
    ['gcp.vertex_ai', '', 'claude-sonnet-4-5@20250929',
     'vertex_ai/claude-sonnet-4-5@20250929', 'exact'],
    ['gcp.vertex_ai', 'claude-sonnet-4-5-20250929', 'claude-sonnet-4-5',
     'vertex_ai/claude-sonnet-4-5', 'exact'],
    ['gcp.vertex_ai', '', 'publishers/anthropic/models/claude-opus-4-6',
     'vertex_ai/claude-opus-4-6', 'route'],
    ['gcp.vertex_ai', '', 'claude-opus-4-6@20991231',
     'vertex_ai/claude-opus-4-6', 'version'],
    ['gcp.vertex_ai', 'gemini-2.5-pro', '', 'gemini-2.5-pro', 'exact'],
    ['gcp.gemini', 'gemini-2.5-pro', '', 'gemini/gemini-2.5-pro', 'exact'],
    ['gcp.gemini', '', 'models/gemini-2.5-flash', 'gemini/gemini-2.5-flash',
     'route'],
    ['gcp.gemini', '', 'gemini-2.0-flash-001',
     'gemini/gemini-2.0-flash-001', 'exact'],
    ['gcp.gemini', '', 'gemini-2.5-flash-001', 'gemini/gemini-2.5-flash',
     'version'],
    ['gcp.gemini', 'gemini-3.6-flash', 'gemini-flash-latest',
     'gemini/gemini-3.6-flash', 'exact'],

    # -latest: an entry of its own first
    ['mistral_ai', '', 'mistral-large-latest',
     'mistral/mistral-large-latest', 'exact'],
    ['x_ai', '', 'grok-4-latest', 'xai/grok-4-latest', 'exact'],
    ['x_ai', '', 'grok-code-fast-1-latest', 'xai/grok-code-fast-1',
     'version'],
    ['ollama', '', 'llama3:latest', 'ollama/llama3', 'version'],
    ['ollama', '', 'llama3:70b', 'ollama/llama3:70b', 'exact'],
    ['ollama', '', 'llama3:405b', '', 'unknown'],

    # fine-tunes: never the base's price
    ['openai', 'ft:gpt-4o-2024-08-06:acme:x:id', 'ft:gpt-4o-2024-08-06:acme',
     'ft:gpt-4o-2024-08-06', 'tuned'],
    ['openai', 'ft:gpt-4o-mini-2024-07-18:acme::id', '',
     'ft:gpt-4o-mini-2024-07-18', 'tuned'],
    ['openai', 'ft:gpt-5:acme::id', '', '', 'unknown'],
    ['openai', 'ft:gpt-5:acme::id', 'gpt-5', '', 'unknown'],
    ['mistral_ai', 'ft:open-mistral-7b:acme:20240430:id', '', '', 'unknown'],

    # resellers
    ['openrouter', 'openai/gpt-4o', '', 'openrouter/openai/gpt-4o', 'exact'],
    ['openrouter', 'minimax/minimax-m2:free', '',
     'openrouter/minimax/minimax-m2', 'version'],
    ['openrouter', 'anthropic/claude-opus-5', '', 'claude-opus-5', 'route'],
    ['openrouter', 'openai/gpt-4o:nitro', '', '', 'unknown'],
    ['litellm', 'gpt-4o-2024-08-06', 'mine', 'gpt-4o-2024-08-06', 'exact'],

    # case
    ['openai', 'GPT-4O', '', 'gpt-4o', 'case'],
    ['together_ai', 'META-LLAMA/Llama-3.3-70B-Instruct-Turbo', '',
     'together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo', 'case'],

    # somebody else's
    ['vllm', 'deepseek-chat', '', '', 'unknown'],
    ['llamacpp', 'command-r', '', '', 'unknown'],
    ['groq', 'gpt-4o', '', '', 'unknown'],
    ['aws.bedrock', 'claude-sonnet-4-5', '', '', 'unknown'],
    ['openai', 'claude-sonnet-4-5', '', '', 'unknown'],
);

my @got = find(map { [@$_[0 .. 2], $_->[5]] } @rules);

for my $i (0 .. $#rules) {
    my ($provider, $answered, $asked, $key, $how, $region) = @{ $rules[$i] };
    is("$got[$i][0] $got[$i][1]", "$how $key",
       "$provider: \"$answered\" \"$asked\"" . ($region ? " $region" : ''));
}


# 2: every entry by its own name

my %prefix = ('azure' => 'azure.ai.openai', 'bedrock' => 'aws.bedrock',
    'gemini' => 'gcp.gemini', 'vertex_ai' => 'gcp.vertex_ai',
    'mistral' => 'mistral_ai', 'xai' => 'x_ai');

# Some stand there twice: with their provider's prefix, which comes first.

sub twin {
    my ($key) = @_;

    my $family = $models->{$key}{litellm_provider} =~ s/_converse\z//r;
    return $models->{"$family/$key"} ? "$family/$key" : '';
}


my (@own, @nothing);

for my $key (sort keys %$models) {
    my ($prefix, $name) = $key =~ m{\A([^/]+)/(.+)\z};
    my $family = $models->{$key}{litellm_provider} // '';

    push @own, [$key, [$family, $key]];
    push @own, [$key, [$prefix{$prefix} || $prefix, $name]]
        if $prefix && ($family =~ /^\Q$prefix\E/ && $name !~ m{^\d+-x-});
    push @nothing, map { [$family, $_] } grep { !$models->{$_}
                                              && !$models->{ s{.*/}{}r } }
        "$key-mini2", "$key.5", substr($key, 0, -1) . '~',
        $key =~ m{/models/} ? () : "x$key";
}

my @found = find(map { [$_->[1][0], '', $_->[1][1]] } @own);
my @wrong = map { "$own[$_][1][0] $own[$_][1][1]: $found[$_][1]" }
            grep { $found[$_][1] ne $own[$_][0]
                   && $found[$_][1] ne twin($own[$_][0]) } 0 .. $#own;

splice @wrong, 20 if @wrong > 20;
is(scalar @wrong, 0, @own . ' entries are found by their own names')
    or diag(join "\n", @wrong);

@found = find(map { [$_->[0], '', $_->[1]] } @nothing);
@wrong = map { "$nothing[$_][0] $nothing[$_][1]: $found[$_][1]" }
         grep { $found[$_][1] ne '' } 0 .. $#nothing;

splice @wrong, 20 if @wrong > 20;
is(scalar @wrong, 0, @nothing . ' names that are none find nothing')
    or diag(join "\n", @wrong);


# 3: recorded calls

my %PROVIDER = (
    'azure-openai' => 'azure.ai.openai', bedrock => 'aws.bedrock',
    'azure-foundry' => 'azure.ai.inference', gemini => 'gcp.gemini',
    'bedrock-mantle' => 'aws.bedrock', vertex => 'gcp.vertex_ai',
    mistral => 'mistral_ai', xai => 'x_ai', together => 'together_ai',
    'vercel-gateway' => 'vercel_ai_gateway', alibaba => 'dashscope',
    'github-copilot' => 'github_copilot', 'chatgpt-codex' => 'openai',
    'ollama-cloud' => 'ollama', 'litellm-proxy' => 'litellm',
);

# What is left of a name without its vendors, regions, dates and versions.

sub bare {
    my ($name) = @_;

    $name = lc $name;
    $name =~ s{\A.*/}{};
    $name =~ s/\A(?:us-gov|us|eu|apac|au|jp|ca|sa|global)\.//;
    $name =~ s/\A(?:anthropic|amazon|meta|mistral|cohere|openai|ai21)\.//;
    $name =~ s/:free\z|:latest\z|-latest\z//;
    $name =~ s/:\d{8}-v\d\z//;
    $name =~ s/-v\d+(?::\d+)?\z|@\w+\z|-1:0\z//;
    $name =~ s/-?(?:20\d{6}|20\d\d-\d\d-\d\d)\z//;
    return $name;
}

my $json = JSON::PP->new->utf8;
my %calls;

for my $file (glob LLM::Corpus::directory() . '/*/*.meta.json') {
    my $meta = $json->decode(slurp($file));
    my $e = $meta->{expected};
    my $q = $meta->{request_expected} || {};
    my $path = $meta->{url_path} // '';

    next unless grep { defined $e->{"${_}_tokens"} } qw(input output total);

    my $asked = $q->{model} // $q->{model_from_url} // '';
    ($asked) = $path =~ m{/(?:models?|deployments)/([^:/?]+)}
        if $asked eq '';
    $asked //= '';
    $asked = $1 if $meta->{provider} eq 'bedrock'
                   && $path =~ m{/model/([^/]+)/};
    $asked =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;

    $calls{ join "\t", $PROVIDER{ $meta->{provider} } || $meta->{provider},
            $e->{model} // '', $asked }++;
}

SKIP: {
    skip 'no ../shared/corpus', 1 unless %calls;

    my @calls = sort keys %calls;
    my @is = find(map { [split /\t/, $_, -1] } @calls);
    my ($n, $all) = (0, 0);

    @wrong = ();

    for my $i (0 .. $#calls) {
        my ($provider, $answered, $asked) = split /\t/, $calls[$i], -1;
        my ($how, $key) = @{ $is[$i] };
        my $family = $models->{$key}{litellm_provider} // '';
        my $may = $FAMILIES{$provider};

        $all += $calls{ $calls[$i] };
        note sprintf '%-8s %-48s %s: %s, %s', $how, $key || '-', $provider,
            $answered || '-', $asked || '-';
        next if $key eq '';
        $n += $calls{ $calls[$i] };

        push @wrong, "$calls[$i]: $key is $family\'s"
            if $may && $family !~ $may;
        push @wrong, "$calls[$i]: $key is another model's"
            if !grep { $_ ne '' && bare($_) eq bare($key) } $answered, $asked;
    }

    is(scalar @wrong, 0, "$n of $all recorded calls have a price, none"
                         . ' another one\'s') or diag(join "\n", @wrong);
    cmp_ok($n, '>', $all * 0.7, 'which is most of them');
    diag "$n of $all recorded calls (" . @calls . ' providers and models)'
         . ' find a price in the whole list';
}



# 4: the list that stands as an example: what it says of the names of the
# whole list, and whether that is what the whole list says

my $own = "$LLM::Test::TOP/docs/examples/prices.json";
my $mine = JSON::PP->new->utf8->decode(slurp($own));
my @pages = slurp("$LLM::Test::TOP/docs/prices.md") =~ m{<(https?://[^\s>]+)>}g;
my %page = map { $_ => 1 } @pages;

is_deeply([grep { !$page{ $mine->{$_}{source} // '' } } sort keys %$mine], [],
          'every entry names its source, and the docs do');
is_deeply([grep { !$models->{$_} }
           map { ($_, @{ $mine->{$_}{aliases} || [] }) } sort keys %$mine],
          [], 'every name is one');

my @names = map { [$_->[1][0], '', $_->[1][1]] }
            grep { $FAMILIES{ $_->[1][0] } } @own;
my @whole = find(@names);
my @small = find_in($own, @names);
my ($known, $same, %differ) = (0, 0);

# in the standard tier; the tiers of dated names are often left out

sub standard { return join ' ', (split / /, $_[0])[0 .. 3] }

for my $i (0 .. $#names) {
    my ($wish, $have) = map { standard($_->[2]) } $whole[$i], $small[$i];

    next if $have eq '' || $wish eq '';
    $known++;
    $same++, next if $wish eq $have;
    $differ{"$names[$i][0] $names[$i][2]"} = "by $small[$i][1]"
        . " ($small[$i][0]): $have, not $wish";
}

diag "the example list knows $known of " . @names . ' names,'
     . " $same at the price of the whole list";
diag "$_ $differ{$_}" for sort keys %differ;

my $names = keys(%$mine) + map { @{ $_->{aliases} || [] } } values %$mine;
cmp_ok($known, '>', $names, "$names names find more than themselves");
cmp_ok(scalar keys %differ, '<', $known / 20, 'hardly any at another price');

done_testing;
