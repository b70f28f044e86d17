#!/usr/bin/perl

# A small provider for the demo, on loopback: OpenAI chat, Responses and
# embeddings, Anthropic messages, streamed and whole.  First tokens come after
# a log-normal time with a tail, tokens at a speed of the model's own; now and
# then a prompt is cached, a call refused (429, 529), a stream broken by an
# error.  One process, one select loop.
#
#     perl t/demo/provider.pl [port]

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Handle;
use IO::Socket::INET;
use JSON::PP ();

use LLM::Provider qw(answer failure path_of words);
use LLM::Upstream qw(response serve);


# model: median seconds to the first token, its spread, tokens a second,
# shown as

my %MODELS = (
    'gpt-4o'            => [0.42, 0.45,  75, 'gpt-4o-2024-08-06'],
    'gpt-4o-mini'       => [0.28, 0.40, 110, 'gpt-4o-mini-2024-07-18'],
    'o4-mini'           => [0.90, 0.60,  95, 'o4-mini-2025-04-16'],
    'claude-sonnet-4-5' => [0.60, 0.40,  60, 'claude-sonnet-4-5-20250929'],
    'claude-haiku-4-5'  => [0.30, 0.35, 120, 'claude-haiku-4-5-20251001'],
);

my @OTHER = (0.30, 0.50, 80);

my %APIS = map { path_of($_) => $_ }
           qw(openai_chat openai_completions openai_responses embeddings
              anthropic);


sub normal {
    return sqrt(-2 * log(1 - rand)) * cos(6.283185307 * rand);
}

sub log_normal { return $_[0] * exp($_[1] * normal()) }


sub handle {
    my ($request) = @_;

    my $api = $APIS{ $request->{path} }
        or return refuse('openai_chat', 404);
    my $call = eval { JSON::PP->new->utf8->decode($request->{body}) };

    return refuse($api, 400) unless ref $call eq 'HASH' && $call->{model};
    return refuse($api, 429) if rand() < 0.015;
    return refuse($api, $api eq 'anthropic' ? 529 : 500) if rand() < 0.008;

    return speak($api, $call, length $request->{body});
}


sub refuse {
    my ($api, $status) = @_;

    my $f = failure($api, $status);
    return ([pause => 20 + rand 60],
            response($f->{status}, $f->{headers}, $f->{body}));
}


sub speak {
    my ($api, $call, $size) = @_;

    my $model = $MODELS{ $call->{model} } || [@OTHER, $call->{model}];
    my ($median, $spread, $speed, $name) = @$model;

    my $a = answer(plan($api, $call, $size), model => $name);
    my $first = log_normal($median, $spread);
    $first *= 4 + rand 4 if rand() < 0.01;

    my @headers = ('Content-Type' => $a->{type});
    return ([pause => 1000 * ($first + $a->{expect}{output_tokens} / $speed)],
            response(200, \@headers, $a->{body}))
        unless defined $a->{first_content};

    my @script;

    for my $i (0 .. $#{ $a->{pieces} }) {
        push @script, [pause => 1000 * $first] if $i == $a->{first_content};
        push @script, [pause => 1000 * log_normal(1 / $speed, 0.35)]
            if $i > $a->{first_content};
        push @script, $a->{pieces}[$i];
    }

    return ([pause => 5],
            response(200, \@headers, '', framing => 'chunked',
                     pieces => \@script));
}


# What to answer: as long as the model feels like, at most what was asked.

sub plan {
    my ($api, $call, $size) = @_;

    my $limit = $call->{max_completion_tokens} || $call->{max_output_tokens}
                || $call->{max_tokens} || 4096;
    my $length = int(log_normal(60, 0.7)) + 1;
    my $cut = $length > $limit;
    my $input = int($size / 4) + 7;
    my $cached = $input > 1100 && rand() < 0.4 ? 1024 : 0;
    my $anthropic = $api eq 'anthropic';

    $length = $limit if $cut;

    my @plan = (
        api => $api, stream => $call->{stream} ? 1 : 0,
        id => ($anthropic ? 'msg_' : 'chatcmpl-')
              . join('', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. 22),
        created => time, text => [words($length, int rand 30)],
        include_usage => $call->{stream_options}{include_usage},
        usage => { input => $input, output => $length,
                   cache_read => $cached,
                   cache_write => $anthropic && !$cached && $input > 1100
                                  ? 1024 : 0 },
    );

    push @plan, finish => $anthropic ? 'max_tokens'
                        : $api eq 'openai_responses' ? 'incomplete'
                        : 'length' if $cut;
    push @plan, error => ['overloaded_error', 'Overloaded.']
        if $call->{stream} && rand() < 0.006
           && $api !~ /embeddings|completions/;

    return @plan;
}


$| = 1;
my $listen = IO::Socket::INET->new(
    LocalAddr => '127.0.0.1', LocalPort => shift || 0, Proto => 'tcp',
    ReuseAddr => 1, Listen => 1024) or die "listen: $!\n";

print 'http://127.0.0.1:', $listen->sockport, "\n";
serve($listen, \&handle);
