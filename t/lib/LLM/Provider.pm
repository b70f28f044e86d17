package LLM::Provider;

# Makes answers as providers make them, with text of our own: OpenAI chat,
# legacy completions, Responses and embeddings, Anthropic messages; streamed
# or whole; with what a meter should read from them.
#
#     my $a = answer(api => 'openai_chat', stream => 1, model => 'gpt-x',
#                    text => ['Hel', 'lo'], usage => { input => 9 });
#
#     $a->{type}            content type
#     $a->{pieces}          the body cut into events (one piece when whole)
#     $a->{body}            the same, joined
#     $a->{first_content}   index of the first content event, or undef
#     $a->{expect}          { input_tokens => 9, ... }, names as $llm_*
#
# api: openai_chat openai_completions openai_responses embeddings anthropic.
# Other arguments: id, finish, reasoning => [pieces], tool => { name, args =>
# [pieces] }, include_usage (chat, completions), role_chunk => 0, done => 0
# (no [DONE]), error => [type, message] in place of the end, eol ("\n"),
# usage => { input, output, cache_read, cache_write, cache_write_1h,
# reasoning }: all input, all output, as the interface counts.

use strict;
use warnings;
use utf8;

use Exporter 'import';
use JSON::PP ();

our @EXPORT_OK = qw(answer failure request path_of words);

my $json = JSON::PP->new->allow_nonref->utf8;

my %APIS = (
    openai_chat        => { path => '/v1/chat/completions',
                            whole => \&_chat, stream => \&_chat_stream,
                            operation => 'chat', finish => 'stop' },
    openai_completions => { path => '/v1/completions',
                            whole => \&_legacy, stream => \&_legacy_stream,
                            operation => 'text_completion',
                            finish => 'stop' },
    openai_responses   => { path => '/v1/responses',
                            whole => \&_responses,
                            stream => \&_responses_stream,
                            operation => 'responses',
                            finish => 'completed' },
    embeddings         => { path => '/v1/embeddings',
                            whole => \&_embeddings,
                            operation => 'embeddings' },
    anthropic          => { path => '/v1/messages',
                            whole => \&_messages,
                            stream => \&_messages_stream,
                            operation => 'chat', finish => 'end_turn' },
);


sub path_of { return $APIS{$_[0]}{path} }


# o(key => value, ...): an object whose keys keep their order

sub o {
    my @pairs;

    while (my ($key, $value) = splice @_, 0, 2) {
        push @pairs, $json->encode("$key") . ':' . _value($value);
    }

    my $text = '{' . join(',', @pairs) . '}';
    return bless \$text, 'LLM::Provider::Object';
}


sub _value {
    my ($v) = @_;

    return $$v if ref $v eq 'LLM::Provider::Object';
    return '[' . join(',', map { _value($_) } @$v) . ']' if ref $v eq 'ARRAY';
    return $$v ? 'true' : 'false' if ref $v eq 'SCALAR';
    return $json->encode($v);
}


# words(n): n pieces of text, each about a token

my @WORDS = qw(the meter counts what passes by and holds nothing back a
    river of small words runs through one narrow gate each drop is seen
    once then gone only numbers stay behind naïve café 東京 — done);

sub words {
    my ($n, $from) = @_;

    $from ||= 0;
    return map { ($_ ? ' ' : '') . $WORDS[($from + $_) % @WORDS] }
           0 .. $n - 1;
}


sub answer {
    my (%a) = @_;

    my $api = $APIS{ $a{api} } or die "no api $a{api}";

    $a{text} ||= [words(12)] unless $a{tool} && !$a{text};
    $a{text} = [$a{text}] if defined $a{text} && !ref $a{text};
    $a{text} ||= [];
    $a{reasoning} ||= [];
    $a{model} = 'gpt-demo' unless defined $a{model};
    $a{id} = 'id-' . sprintf '%08x', int rand 2 ** 32 unless defined $a{id};
    $a{created} ||= 1790000000;
    $a{finish} = $api->{finish} unless defined $a{finish};
    $a{eol} ||= "\n";

    my $u = $a{usage} = { %{ $a{usage} || {} } };
    $u->{input} = 20 unless defined $u->{input};
    $u->{output} = @{ $a{text} } + @{ $a{reasoning} }
                   + ($a{tool} ? 1 + @{ $a{tool}{args} } : 0)
        unless defined $u->{output};
    $u->{$_} ||= 0 for qw(cache_read cache_write cache_write_1h reasoning);
    $u->{$_} = 0 for $a{api} eq 'embeddings'
                     ? qw(output cache_read cache_write reasoning) : ();

    $a{events} = [];          # [bytes, is content]
    $a{reported} = 1;
    ($a{stream} && $api->{stream} || $api->{whole})->(\%a);

    my @events = @{ $a{events} };
    my ($first) = grep { $events[$_][1] } 0 .. $#events;
    my $stream = $a{stream} && $api->{stream};

    return {
        type => $stream ? 'text/event-stream; charset=utf-8'
                        : 'application/json',
        path => $api->{path},
        pieces => [map { $_->[0] } @events],
        body => join('', map { $_->[0] } @events),
        first_content => $stream ? $first : undef,
        expect => {
            operation => $api->{operation},
            response_model => $a{model},
            response_id => $a{api} eq 'embeddings' ? '' : $a{id},
            outcome => $a{error} ? 'error' : 'ok',
            finish_reason => $a{error} || !defined $a{finish} ? ''
                                                              : $a{finish},
            $a{reported} ? (
                usage => 'reported',
                input_tokens => $u->{input},
                output_tokens => $u->{output},
                cache_read_tokens => $u->{cache_read},
                cache_write_tokens => $u->{cache_write},
                reasoning_tokens => $u->{reasoning},
            ) : (),
            $stream ? (
                events => scalar(grep { $_->[0] =~ /^data:/m } @events),
                content_events => scalar(grep { $_->[1] } @events),
            ) : (),
        },
    };
}


sub _event {
    my ($a, $name, $data, $content) = @_;

    my $text = ref $data ? $$data : $data;
    push @{ $a->{events} }, [
        (defined $name ? "event: $name$a->{eol}" : '')
        . "data: $text$a->{eol}$a->{eol}", $content ? 1 : 0];
    return;
}


sub _whole { push @{ $_[0]{events} }, [${ $_[1] }, 0] }


# OpenAI chat

sub _openai_usage {
    my ($a) = @_;

    my $u = $a->{usage};
    return o(
        prompt_tokens => $u->{input},
        completion_tokens => $u->{output},
        total_tokens => $u->{input} + $u->{output},
        prompt_tokens_details => o(
            cached_tokens => $u->{cache_read}, audio_tokens => 0,
            $u->{cache_write} ? (cache_write_tokens => $u->{cache_write})
                              : ()),
        completion_tokens_details => o(
            reasoning_tokens => $u->{reasoning}, audio_tokens => 0,
            accepted_prediction_tokens => 0));
}


sub _chat {
    my ($a) = @_;

    my $tool = $a->{tool};
    _whole($a, o(
        id => $a->{id}, object => 'chat.completion',
        created => $a->{created}, model => $a->{model},
        choices => [o(
            index => 0,
            message => o(
                role => 'assistant',
                content => @{ $a->{text} } ? join('', @{ $a->{text} })
                                           : undef,
                @{ $a->{reasoning} }
                    ? (reasoning_content => join '', @{ $a->{reasoning} })
                    : (),
                $tool ? (tool_calls => [_chat_tool($tool, 0)]) : (),
                refusal => undef),
            logprobs => undef, finish_reason => $a->{finish})],
        usage => _openai_usage($a), service_tier => 'default'));
    return;
}


sub _chat_tool {
    my ($tool, $piece) = @_;

    return o(
        $piece ? (index => 0) : (), id => 'call_1', type => 'function',
        function => o(name => $tool->{name},
                      arguments => $piece ? ''
                                          : join('', @{ $tool->{args} })));
}


sub _chat_chunk {
    my ($a, $delta, $finish, $content) = @_;

    _event($a, undef, o(
        id => $a->{id}, object => 'chat.completion.chunk',
        created => $a->{created}, model => $a->{model},
        choices => [o(index => 0, delta => $delta, logprobs => undef,
                      finish_reason => $finish)],
        $a->{include_usage} ? (usage => undef) : ()), $content);
    return;
}


sub _chat_stream {
    my ($a) = @_;

    _chat_chunk($a, o(role => 'assistant', content => '', refusal => undef))
        unless defined $a->{role_chunk} && !$a->{role_chunk};
    _chat_chunk($a, o(reasoning_content => $_), undef, length)
        for @{ $a->{reasoning} };
    _chat_chunk($a, o(content => $_), undef, length) for @{ $a->{text} };

    if (my $tool = $a->{tool}) {
        _chat_chunk($a, o(tool_calls => [_chat_tool($tool, 1)]), undef, 1);
        _chat_chunk($a, o(tool_calls => [o(index => 0,
            function => o(arguments => $_))]), undef, length)
            for @{ $tool->{args} };
    }

    if ($a->{error}) {
        $a->{reported} = 0;
        return _event($a, undef, _openai_error(@{ $a->{error} }));
    }

    _chat_chunk($a, o(), $a->{finish});
    _usage_chunk($a, 'chat.completion.chunk');
    return;
}


# What ends a stream of chat or legacy completions.

sub _usage_chunk {
    my ($a, $object) = @_;

    $a->{reported} = $a->{include_usage} ? 1 : 0;
    _event($a, undef, o(
        id => $a->{id}, object => $object, created => $a->{created},
        model => $a->{model}, choices => [], usage => _openai_usage($a)))
        if $a->{include_usage};
    _event($a, undef, '[DONE]') unless defined $a->{done} && !$a->{done};
    return;
}


sub _openai_error {
    my ($type, $message, $code) = @_;

    return o(error => o(message => $message, type => $type, param => undef,
                        code => $code));
}


# Legacy completions

sub _legacy {
    my ($a) = @_;

    _whole($a, o(
        id => $a->{id}, object => 'text_completion',
        created => $a->{created}, model => $a->{model},
        choices => [o(text => join('', @{ $a->{text} }), index => 0,
                      logprobs => undef, finish_reason => $a->{finish})],
        usage => _openai_usage($a)));
    return;
}


sub _legacy_stream {
    my ($a) = @_;

    for my $piece (@{ $a->{text} }, undef) {
        _event($a, undef, o(
            id => $a->{id}, object => 'text_completion',
            created => $a->{created},
            choices => [o(text => defined $piece ? $piece : '', index => 0,
                          logprobs => undef,
                          finish_reason => defined $piece ? undef
                                                          : $a->{finish})],
            model => $a->{model}), defined $piece && length $piece);
    }

    _usage_chunk($a, 'text_completion');
    return;
}


# Embeddings

sub _embeddings {
    my ($a) = @_;

    $a->{finish} = undef;
    _whole($a, o(
        object => 'list',
        data => [o(object => 'embedding', index => 0,
                   embedding => [map { $_ / 64 } -8 .. 8])],
        model => $a->{model},
        usage => o(prompt_tokens => $a->{usage}{input},
                   total_tokens => $a->{usage}{input})));
    return;
}


# Responses

sub _response_object {
    my ($a, $status, $output, $usage) = @_;

    my $u = $a->{usage};
    return o(
        id => $a->{id}, object => 'response', created_at => $a->{created},
        status => $status, error => undef, incomplete_details => undef,
        model => $a->{model}, output => $output,
        usage => $usage ? o(
            input_tokens => $u->{input},
            input_tokens_details => o(
                cached_tokens => $u->{cache_read},
                $u->{cache_write} ? (cache_write_tokens => $u->{cache_write})
                                  : ()),
            output_tokens => $u->{output},
            output_tokens_details =>
                o(reasoning_tokens => $u->{reasoning}),
            total_tokens => $u->{input} + $u->{output}) : undef);
}


sub _response_output {
    my ($a, $status) = @_;

    return o(
        id => 'msg_1', type => 'message', status => $status,
        role => 'assistant',
        content => $status eq 'completed'
            ? [o(type => 'output_text', annotations => [],
                 text => join('', @{ $a->{text} }))]
            : []);
}


sub _responses {
    my ($a) = @_;

    _whole($a, _response_object($a, $a->{finish},
                                [_response_output($a, 'completed')], 1));
    return;
}


sub _responses_stream {
    my ($a) = @_;

    my $n = 0;
    my $say = sub {
        my ($type, $content, @fields) = @_;
        _event($a, $type, o(type => $type, sequence_number => $n++, @fields),
               $content);
    };

    $say->('response.created', 0,
           response => _response_object($a, 'in_progress', []));
    $say->('response.in_progress', 0,
           response => _response_object($a, 'in_progress', []));
    $say->('response.reasoning_summary_text.delta', length, item_id => 'rs_1',
           output_index => 0, summary_index => 0, delta => $_)
        for @{ $a->{reasoning} };
    $say->('response.output_item.added', 0, output_index => 0,
           item => _response_output($a, 'in_progress'));
    $say->('response.output_text.delta', length, item_id => 'msg_1',
           output_index => 0, content_index => 0, delta => $_)
        for @{ $a->{text} };

    if ($a->{error}) {
        $a->{reported} = 0;
        return $say->('error', 0, code => $a->{error}[0],
                      message => $a->{error}[1], param => undef);
    }

    $say->('response.output_text.done', 0, item_id => 'msg_1',
           output_index => 0, content_index => 0,
           text => join('', @{ $a->{text} }));
    $say->('response.output_item.done', 0, output_index => 0,
           item => _response_output($a, 'completed'));
    $say->("response.$a->{finish}", 0,
           response => _response_object($a, $a->{finish},
               [_response_output($a, 'completed')], 1));
    return;
}


# Anthropic messages: cache reads and writes come beside the input.

sub _anthropic_usage {
    my ($a, $output) = @_;

    my $u = $a->{usage};
    return o(
        input_tokens => $u->{input} - $u->{cache_read} - $u->{cache_write},
        cache_creation_input_tokens => $u->{cache_write},
        cache_read_input_tokens => $u->{cache_read},
        cache_creation => o(
            ephemeral_5m_input_tokens =>
                $u->{cache_write} - $u->{cache_write_1h},
            ephemeral_1h_input_tokens => $u->{cache_write_1h}),
        output_tokens => $output, service_tier => 'standard');
}


sub _messages {
    my ($a) = @_;

    my $tool = $a->{tool};
    my @content;

    push @content, o(type => 'thinking', signature => 'c2lnbmVk',
                     thinking => join '', @{ $a->{reasoning} })
        if @{ $a->{reasoning} };
    push @content, o(type => 'text', text => join '', @{ $a->{text} })
        if @{ $a->{text} };
    push @content, bless \(my $t = '{"type":"tool_use","id":"toolu_1","name":'
        . $json->encode($tool->{name}) . ',"input":'
        . join('', @{ $tool->{args} }) . '}'), 'LLM::Provider::Object'
        if $tool;

    _whole($a, o(
        model => $a->{model}, id => $a->{id}, type => 'message',
        role => 'assistant', content => \@content,
        stop_reason => $a->{finish}, stop_sequence => undef,
        usage => _anthropic_usage($a, $a->{usage}{output})));
    return;
}


sub _messages_stream {
    my ($a) = @_;

    my $index = 0;
    my $say = sub {
        my ($type, $content, @fields) = @_;
        _event($a, $type, o(type => $type, @fields), $content);
    };
    my $block = sub {
        my ($start, $kind, $field, $pieces, $named) = @_;
        $say->('content_block_start', $named, index => $index,
               content_block => $start);
        $say->('ping', 0) if $index == 0;
        $say->('content_block_delta', length, index => $index,
               delta => o(type => $kind, $field => $_)) for @$pieces;
        $say->('content_block_stop', 0, index => $index++)
            unless $a->{error};
    };

    $say->('message_start', 0, message => o(
        model => $a->{model}, id => $a->{id}, type => 'message',
        role => 'assistant', content => [], stop_reason => undef,
        stop_sequence => undef, usage => _anthropic_usage($a, 1)));

    $block->(o(type => 'thinking', thinking => '', signature => ''),
             'thinking_delta', 'thinking', $a->{reasoning}, 0)
        if @{ $a->{reasoning} };
    $block->(o(type => 'text', text => ''), 'text_delta', 'text',
             $a->{text}, 0) if @{ $a->{text} };
    $block->(o(type => 'tool_use', id => 'toolu_1',
               name => $a->{tool}{name}, input => o()),
             'input_json_delta', 'partial_json', $a->{tool}{args}, 1)
        if $a->{tool};

    if ($a->{error}) {
        $a->{reported} = 0;
        return $say->('error', 0, error => o(type => $a->{error}[0],
                                             message => $a->{error}[1]));
    }

    $say->('message_delta', 0,
           delta => o(stop_reason => $a->{finish}, stop_sequence => undef),
           usage => o(output_tokens => $a->{usage}{output}));
    $say->('message_stop', 0);
    return;
}


# failure(api, status): { status, headers, body } of a call that is refused
# before anything is generated

my %FAILURES = (
    400 => ['invalid_request_error', 'The request is not valid.'],
    401 => ['authentication_error', 'The key is not known.'],
    404 => ['not_found_error', 'There is no such model.'],
    429 => ['rate_limit_error', 'Too many requests.'],
    500 => ['api_error', 'Something broke.'],
    529 => ['overloaded_error', 'Overloaded.'],
);

sub failure {
    my ($api, $status) = @_;

    my ($type, $message) = @{ $FAILURES{$status} || $FAILURES{500} };
    my @headers = ('Content-Type' => 'application/json');
    push @headers, 'Retry-After' => 2 if $status == 429 || $status == 529;

    my $body = $api eq 'anthropic'
        ? o(type => 'error', error => o(type => $type, message => $message),
            request_id => 'req_1')
        : _openai_error($type, $message,
                        $status == 429 ? 'rate_limit_exceeded' : undef);

    return { status => $status, headers => \@headers, body => $$body };
}


# request(api, [model, stream, include_usage, max_tokens, prompt, ...more
# fields]): the body of a call

sub request {
    my ($api, %r) = @_;

    my $prompt = delete $r{prompt};
    my $include_usage = delete $r{include_usage};
    my $model = delete $r{model};
    my $stream = delete $r{stream};
    $prompt = 'Say something short.' unless defined $prompt;

    my @input = $api eq 'openai_completions' ? (prompt => $prompt)
              : $api =~ /responses|embeddings/ ? (input => $prompt)
              : (messages => [o(role => 'user', content => $prompt)]);

    $r{max_tokens} = 1024 if $api eq 'anthropic' && !defined $r{max_tokens};
    my $body = o(
        model => defined $model ? $model : 'gpt-demo', @input,
        $stream ? (stream => \1) : (),
        $include_usage ? (stream_options => o(include_usage => \1)) : (),
        map { $_ => $r{$_} } sort keys %r);

    return $$body;
}


1;
