package LLM::Splices;

# Random requests, and what a change makes of them: written down here once
# more, without a look at how the module does it.  A body is a list of texts
# and pairs [what the client says, what the upstream shall get].
#
#     my $case = LLM::Splices::make($seed);
#
# gives { path, body, expect (the upstream's body), refused (a status, or 0),
# model, max (what is wanted, undef: nothing), headers }.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(make);

my @SPACE = ('', '', '', ' ', "\n", "\t ", "\r\n  ");
my @WORDS = ('a', 'the', '"', '\\', '/', "\x{e9}", "\x{1f600}", '{', '}',
             ',', ':', '[', ']', 'model', 'max_tokens', "\n", '0', 'stream');
my @MODELS = qw(gpt-4o gpt-4o-mini claude-sonnet-4 llama3 m command-r
                mistral-large a/b:c o3 o1-mini gpt-5 gpt-5-mini ft:gpt-4o:x);


sub space { return $SPACE[rand @SPACE] }
sub one   { return $_[rand @_] }


# A JSON string of a text: plain, or with needless escapes.

sub string {
    my ($text) = @_;

    my $odd = rand() < 0.2;
    my $s = join '', map {
        my $c = ord;
          $c == 34 ? '\\"' : $c == 92 ? '\\\\' : $c < 32 ? sprintf('\\u%04x', $c)
        : $odd && $c < 127 && rand() < 0.3 ? sprintf('\\u%04x', $c)
        : $_;
    } split //, $text;
    utf8::encode($s);
    return "\"$s\"";
}


sub text { return join ' ', map { one(@WORDS) } 1 .. 1 + rand $_[0] }


# What other values a body may hold, decoys among them.

sub value {
    my ($depth) = @_;

    my $kind = int rand($depth ? 9 : 6);

    return string(text(6)) if $kind < 2;
    return one(qw(true false null)) if $kind == 2;
    return one('0', '-1', '1.50', '1e3', '12345678901234567890', '0.10')
        if $kind < 6;
    return scalar object([map { [one('model', 'max_tokens', 'stream', 'x', 'n',
                              'thinking', 'stream_options') . int rand 9,
                          value($depth - 1)] } 1 .. rand 4])
        if $kind == 6;
    return '[' . space() . join(space() . ',' . space(),
        map { value($depth - 1) } 1 .. rand 4) . space() . ']' if $kind == 7;
    return '{' . space() . '"model":"decoy","max_tokens":1,'
        . '"stream_options":{"include_usage":true}' . space() . '}';
}


# An object of [key, value...]; a value is texts and pairs.  $in: the text
# that is put in behind the brace.

sub object {
    my ($members, $in) = @_;

    my @out = ('{');
    push @out, ['', @$members ? "$in," : $in] if defined $in && length $in;
    push @out, space();

    for my $i (0 .. $#$members) {
        my ($key, @value) = @{ $members->[$i] };
        push @out, ',', space() if $i;
        push @out, "\"$key\"", space(), ':', space(), @value, space();
    }

    push @out, '}';
    return wantarray ? @out : join '', @out;
}


sub pad {
    my ($old, $new) = @_;

    return [$old, $new . ' ' x (length($old) > length($new)
                                ? length($old) - length($new) : 0)];
}


sub shuffle {
    my @a = @_;

    for my $i (reverse 1 .. $#a) {
        my $j = int rand($i + 1);
        @a[$i, $j] = @a[$j, $i];
    }

    return @a;
}


# path, members of any call, where the bound goes: [object, field]

my $chat = sub { ['messages', '[' . scalar(object([['role', '"user"'],
                  ['content', string(text(40))]])) . ']'] };
my $prompt = sub { ['prompt', string(text(40))] };
my $input = sub { ['input', string(text(40))] };
my $contents = sub { ['contents', '[{"parts":[{"text":' . string(text(40))
                                  . '}]}]'] };

my %API = (
    chat => ['/v1/chat/completions', $chat, ['', 'max_tokens'], 'usage'],
    completions => ['/v1/completions', $prompt, ['', 'max_tokens'], 'usage'],
    responses => ['/v1/responses', $input, ['', 'max_output_tokens']],
    messages => ['/v1/messages', $chat, ['', 'max_tokens'], 'thinking'],
    ollama => ['/api/chat', $chat, ['options', 'num_predict']],
    cohere => ['/v2/chat', $chat, ['', 'max_tokens']],
    tgi => ['/generate', sub { ['inputs', string(text(40))] },
            ['parameters', 'max_new_tokens']],
    llamacpp => ['/completion', $prompt, ['', 'n_predict']],
    gemini => ['/v1beta/models/gemini-2.0-flash:generateContent', $contents,
               ['generationConfig', 'maxOutputTokens'], 'path'],
    converse => ['/model/amazon.nova-lite-v1:0/converse', $chat,
                 ['inferenceConfig', 'maxTokens'], 'path'],
    llama => ['/model/us.meta.llama3-70b-instruct-v1:0/invoke', $prompt,
              ['', 'max_gen_len'], 'path'],
    nova => ['/model/amazon.nova-pro-v1:0/invoke', $chat,
             ['inferenceConfig', 'max_new_tokens'], 'path'],
    titan => ['/model/amazon.titan-text-express-v1/invoke',
              sub { ['inputText', string(text(40))] },
              ['textGenerationConfig', 'maxTokenCount'], 'path'],
    claude => ['/model/eu.anthropic.claude-3-5-sonnet-20240620-v1:0/invoke',
               $chat, ['', 'max_tokens'], 'path thinking'],
    embeddings => ['/v1/embeddings', $input, ['', undef]],
);

my @APIS = (('chat') x 6, ('completions') x 2, ('messages') x 3,
            grep { !/^(?:chat|completions|messages)$/ } sort keys %API);


# The bound: (members of its object, the text put into that object or
# undef, what was asked for (undef: none that bounds), refused).

sub bound {
    my ($api, $max, $field) = @_;

    my $kind = int rand 10;
    my @fields = $field;
    @fields = $kind % 2 ? 'max_tokens' : 'max_completion_tokens'
        if $api eq 'chat';
    @fields = ('max_tokens', 'max_completion_tokens')
        if $api eq 'chat' && $kind == 4;

    if ($kind < 5) {
        my $asked = int 2 ** rand 16;
        my $raw = one($asked, $asked, $asked, "$asked.0", "${asked}e0");
        my $over = defined $max && $asked > $max;

        return ([map { [$_, $over ? pad($raw, $max) : $raw] } @fields], undef,
                $asked, 0);
    }

    if ($kind == 5) {
        return ([map { [$_, defined $max ? pad('-1', $max) : '-1'] }
                 @fields], undef, undef, 0);
    }

    if ($kind == 6) {
        # said to be nothing: it goes where the API takes it
        return ([[$field, defined $max ? pad('null', $max) : 'null']],
                undef, undef, 0);
    }

    return ([[$fields[0], one('"5"', 'true', '[]', '{}')]], undef, undef, 400)
        if $kind == 7 && defined $max;

    return ([], defined $max ? "\"$field\":$max" : undef, undef, 0);
}


# Anthropic's thinking: lowered, or refused.

sub thinking {
    my ($asked, $max) = @_;

    my $budget = one(1024, 2000, 5000, 100, 30000);
    my $bound = defined $max && (!defined $asked || $asked > $max);
    my $new;

    if ($bound && $budget >= $max) {
        return (undef, 1) if $max <= 1024;
        $new = 1024;

        if (defined $asked && $asked > $budget) {
            my $left = $max - ($asked - $budget);
            $new = $left if $left > 1024;
        }
    }

    return (['thinking', object([['type', '"enabled"'],
                ['budget_tokens', defined $new ? pad($budget, $new)
                                               : $budget]])], 0);
}


# A stream that is asked for usage: (members, text put in at the top)

sub usage {
    my ($kind) = int rand 9;

    return ([], undef) if $kind < 3;

    my @stream = ['stream', $kind == 3 ? 'false' : 'true'];
    my $ask = $kind != 3;
    my $yes = '"include_usage":true';

    return ([@stream], $ask ? "\"stream_options\":{$yes}" : undef)
        if $kind < 6;

    my $options = one(
        [pad('null', "{$yes}")], [object([], $yes)],
        [object([['include_obfuscation', 'false']], $yes)],
        [object([['include_usage', pad('false', 'true')],
                 ['x', value(1)]])],
        [object([['include_usage', pad('null', 'true')]])],
        [object([['include_usage', 'true']])]);

    return ([@stream, ['stream_options', @$options]], undef);
}


sub make {
    my ($seed, %opt) = @_;

    srand $seed;

    my $api = $opt{api} || one(@APIS);
    my ($path, $base, $where, $kind) = @{ $API{$api} };
    my ($object, $field) = @$where;
    my (@members, @in);
    my $refused = 0;

    $kind ||= '';

    my $model = rand() < 0.7 && $kind !~ /path/
        ? one(@MODELS, text(3), "\x{7}\"\\\x{e9}") : undef;
    my $max = rand() < 0.7 ? one(1, 16, 100, 1024, 1025, 4096, 100000) : undef;

    # the model

    my $named = $kind =~ /path/ ? undef : rand() < 0.9 ? one(@MODELS) : undef;

    if (defined $named) {
        my $raw = string($named);
        push @members, ['model', defined $model && $model ne $named
                                 ? pad($raw, plain($model)) : $raw];

    } elsif (defined $model) {
        push @in, '"model":' . plain($model);
    }

    $field = 'max_completion_tokens'
        if $api eq 'chat' && reasons(defined $model ? $model : $named);

    # the bound

    my ($bounds, $put, $asked, $bad) = ([], undef, undef, 0);

    if (defined $field) {
        ($bounds, $put, $asked, $bad) = bound($api, $max, $field);

    } elsif (rand() < 0.5) {
        push @members, ['max_tokens', 7];
    }

    if ($bad) {
        # a refused call is not changed
        return make($seed + 1e9, %opt) if rand() < 0.8;
        $refused = $bad;
    }

    if (!length $object) {
        push @members, @$bounds;
        push @in, $put if defined $put;

    } elsif (@$bounds || rand() < 0.5) {
        my @more = rand() < 0.5 ? ['temperature', '0.50'] : ();
        push @members, rand() < 0.2 && !@$bounds
            ? [$object, defined $put ? pad('null', "{$put}") : 'null']
            : [$object, object([shuffle(@$bounds, @more)], $put)];

    } elsif (defined $put) {
        push @in, "\"$object\":{$put}";
    }

    if ($kind =~ /thinking/ && rand() < 0.5) {
        my ($member, $cannot) = thinking($asked, $max);
        $refused ||= 400 if $cannot;
        push @members, $member || ['thinking', '{"budget_tokens":30000}'];
    }

    if ($kind =~ /usage/) {
        my ($stream, $top) = usage();
        push @members, @$stream;
        push @in, $top if defined $top;
    }

    push @members, map { ["x_$_", value(2)] } 1 .. rand 4;
    push @members, ['pad', '"' . 'p' x int(2 ** rand $opt{pad}) . '"']
        if $opt{pad} && rand() < 0.5;

    my @parts = (space(), object([shuffle($base->(), @members)],
                                 join(',', @in)), space());
    my $body = join '', map { ref ? $_->[0] : $_ } @parts;
    my $expect = join '', map { ref ? $_->[1] : $_ } @parts;

    if (defined $model) {
        utf8::encode($model);
    }

    return { api => $api, path => $path, body => $body, expect => $expect,
             refused => $refused, model => $model, max => $max,
             in_path => $kind =~ /path/ ? 1 : 0 };
}


# How the module writes a name.

sub plain {
    my ($name) = @_;

    $name =~ s/(["\\])/\\$1/g;
    $name =~ s/\n/\\n/g;
    $name =~ s/([\x00-\x1f])/sprintf '\\u%04x', ord $1/ge;
    utf8::encode($name);
    return "\"$name\"";
}


sub reasons {
    my ($name) = @_;

    return defined $name
           && $name =~ m{\A(?:ft:)?(?:openai/)?(?:o[134]|gpt-5)(?![0-9])};
}


1;
