# Recorded responses: what the core reads from each however it is split, what
# nginx says of each when a scripted upstream serves it again, when the first
# token is seen, and how far estimates are off.
#
# The recordings are not part of this project: without them (../shared/corpus,
# or where LLM_CORPUS says) nothing here can run.  What this cannot see: bytes
# that recorders changed before they wrote them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Client qw(build_request);
use LLM::Corpus;
use LLM::Test;
use LLM::Unit;
use LLM::Upstream qw(chunked response);
use LLM::Util qw(proof scale spew);
use Test::More;

my @cases = LLM::Corpus::cases();

plan skip_all => 'no recordings in ' . LLM::Corpus::directory()
    unless @cases;

my @streams = grep { $_->{stream} } @cases;
my %case = map { $_->{name} => $_ } @cases;

note scalar(@cases), ' cases, ', scalar(@streams), ' of them streams';


# differences([name, got, wanted], ...): sentences; an undefined wish is none

sub differences {
    return map { "$_->[0] is '" . ($_->[1] // '') . "', not '$_->[2]'" }
           grep { defined $_->[2] && ($_->[1] // '') ne $_->[2] } @_;
}

sub none {
    my ($name, @wrong) = @_;

    splice @wrong, 20 if @wrong > 20;
    ok(!@wrong, $name) or diag(join "\n", @wrong);
    return;
}


# The core

sub facts {
    my ($kind, @jobs) = @_;

    my $program = LLM::Unit::build('facts', $kind, libs => ['-lz']);
    my $list = spew("$LLM::Test::BUILD/unit/facts.$$",
                    join '', map { join("\t", @$_) . "\n" } @jobs);
    my $splits = scale(10, 100);
    my @lines = qx{$program $splits < $list 2>$list.err};
    my $status = $?;
    my $said = LLM::Util::slurp("$list.err");

    unlink $list, "$list.err";
    is($status, 0, "$kind: whole, byte by byte, $splits splits: one reading")
        or diag($said);

    return map {
        chomp;
        my ($file, @fields) = split /\t/, $_, -1;
        ($file => { map { /\A(\w+)=(.*)/ } @fields });
    } @lines;
}

sub hint {
    my ($c) = @_;

    my $type = $c->{type} // '';
    return $type =~ /event-stream/ ? 'sse'
           : $type =~ /eventstream/ ? 'eventstream'
           : $type =~ /ndjson|stream\+json/ ? 'ndjson'
           : $type =~ /json/ ? 'json' : 'none';
}

sub wrong_response {
    my ($c, $f) = @_;

    my $e = $c->{expect};
    my $cost = defined $e->{cost} ? sprintf '%.0f', $e->{cost} * 1e9 : undef;

    return differences(
        $e->{by_header} ? () :
        (map { [$_, $f->{$_}, $e->{$_}] }
             qw(reported input output cache_read cache_write reasoning)),
        [events => $f->{events}, $e->{events}],
        [model => $f->{model}, $e->{model} // ''],
        [finish => $f->{finish}, $e->{finish} // ''],
        [cost => $f->{cost}, $cost],
        [broken => $f->{broken}, 0],
        [stream => $f->{stream}, $c->{stream}],
        [error => $f->{error}, $c->{status} < 400 ? $e->{error} : undef],
        [complete => $f->{complete}, $e->{error} ? undef : 1],
        $c->{stream} ? [first_content => $f->{first_content},
                        $e->{first_content} // ''] : (),
    );
}

sub wrong_request {
    my ($c, $f) = @_;

    my $e = $c->{asked} or return;

    return differences(
        [state => $f->{state}, 2],
        [model => $f->{model}, $e->{model} // ''],
        [stream => $f->{stream}, $e->{stream} ? 1 : 0],
        [max_tokens => $f->{max_tokens}, $e->{max_tokens} // ''],
        [include_usage => $f->{include_usage}, $e->{include_usage} ? 1 : 0],
        [turns => $f->{turns}, $e->{turns}],
    );
}

my (%read, %asked);

subtest 'the core' => sub {
    my @requests = grep { defined $_->{request} } @cases;
    my @jobs = ((map { ['response', $_->{path}, hint($_), $_->{file},
                        $_->{request_file} // ''] } @cases),
                (map { ['request', $_->{path}, $_->{request_file}] }
                     @requests));
    my %found = facts('sanitized', @jobs);

    %read = map { $_->{name} => $found{ $_->{file} } } @cases;
    %asked = map { $_->{name} => $found{ $_->{request_file} } } @requests;

    is(scalar(keys %found), @jobs, 'all were read');
    none('responses as expected', map {
        my $c = $_;
        map { "$c->{name}: $_" } wrong_response($c, $read{ $c->{name} });
    } @cases);
    none('requests as expected', map {
        my $c = $_;
        map { "$c->{name}: $_" } wrong_request($c, $asked{ $c->{name} });
    } @requests);
};


# Estimates, where the provider also says how many tokens there were: how far
# off they are, by provider.  A prompt's tokens hold what the provider adds
# and no request shows, which its estimate then lacks; of an answer, tokens of
# hidden reasoning and of audio: those answers are left out, and counted.

sub percentile {
    my ($p, @v) = @_;

    @v = sort { $a <=> $b } @v;
    return $v[int($p * $#v + 0.5)];
}

sub distribution {
    my ($name, @rows) = @_;

    my @errors = map { abs($_->[1] - $_->[2]) / $_->[2] } @rows;
    return sprintf '%-18s %4d  median %5.1f %%  p75 %5.1f %%  p90 %6.1f %%',
        $name, scalar @errors,
        map { 100 * percentile($_, @errors) } 0.5, 0.75, 0.9;
}

sub report {
    my ($what, @rows) = @_;

    my %of;
    push @{ $of{ $_->[0] } }, $_ for @rows;

    note "$what, off by:";
    note distribution($_, @{ $of{$_} }) for sort keys %of;
    diag distribution($what, @rows);
    cmp_ok(percentile(0.5, map { abs($_->[1] - $_->[2]) / $_->[2] } @rows),
           '<=', 0.15, "$what: median error");
    return;
}

subtest 'estimates' => sub {
    my (@answers, @prompts);
    my %hidden = (reasoning => 0, audio => 0);

    for my $c (grep { $_->{expect}{reported} && !$_->{expect}{error} } @cases)
    {
        my ($e, $meta) = @$c{qw(expect meta)};
        my ($f, $q) = ($read{ $c->{name} }, $asked{ $c->{name} });
        my $extra = $meta->{expected}{extra} || {};

        push @prompts, [$meta->{provider}, $q->{estimate}, $e->{input},
                        $q->{tools}]
            if $q && $q->{estimate} && $e->{input};

        next unless $f->{estimate} && $e->{output};

        my $why = $e->{reasoning} ? 'reasoning'
                : $extra->{output_audio_tokens} ? 'audio' : undef;
        $why ? $hidden{$why}++
             : push @answers, [$meta->{provider}, $f->{estimate}, $e->{output}];
    }

    report('answers', @answers);
    diag "left out: $hidden{reasoning} answers with reasoning, of which the "
       . "text may show a part or none, $hidden{audio} with audio";
    report('prompts', @prompts);
    diag distribution("  without tools", grep { !$_->[3] } @prompts);
    diag distribution("  with tools", grep { $_->[3] } @prompts);
};


# nginx.  A job is a case, and how its body is cut:
#
#     whole      one write
#     cells      a chunk of the transfer a byte, in as few writes as may be
#     drops      a write a byte
#     split-N    random chunks, a write each
#     pause-N    N ms before the first content event, and N ms after it

sub random_pieces {
    my ($body, $seed) = @_;

    my @pieces;

    srand $seed;

    while (length $body) {
        my $n = 1 + int rand(rand(8) < 7 ? 60 : 3000);
        push @pieces, substr $body, 0, $n, '';
    }

    return @pieces;
}

# Before the event; where nothing is before it, behind its first byte.

sub paused_pieces {
    my ($c, $ms) = @_;

    my $first = (LLM::Corpus::events($c))[$c->{expect}{first_content}];
    my ($start, $end) = @$first;

    $start ||= 1;

    return grep { ref || length } substr($c->{body}, 0, $start),
        [pause => $ms], substr($c->{body}, $start, $end - $start),
        [pause => $ms], substr($c->{body}, $end);
}

sub script {
    my ($c, $how, $n) = @_;

    my @headers = (defined $c->{type} ? ('Content-Type' => $c->{type}) : (),
                   %{ $c->{headers} });
    my @start = ($c->{status}, \@headers, $c->{body});

    return response(@start) if $how eq 'whole';
    return response(@start, drip => 0) if $how eq 'drops';

    if ($how eq 'cells') {
        my ($head) = response($c->{status}, \@headers, undef,
                              framing => 'chunked', pieces => []);
        return ($head . join('', map { chunked($_) } split //, $c->{body})
                . "0\r\n\r\n");
    }

    return response(@start, framing => 'chunked', pieces =>
        [$how eq 'pause' ? paused_pieces($c, $n)
                         : random_pieces($c->{body}, $n)]);
}

my @numbered = map { $_->{name} } @cases;
my %number = map { $numbered[$_] => $_ } 0 .. $#numbered;

my $t = LLM::Test->new;

$t->upstream(sub {
    my ($request) = @_;
    my ($case, $how, $n) = $request->{uri} =~ /[?&]job=(\d+)-(\w+)-(\d+)/;
    return script($cases[$case], $how, $n);
});

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    client_max_body_size 64m;
    llm_zone zone=main:16m;
    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / {
            llm main;
            proxy_pass http://%%UPSTREAM%%;
            proxy_http_version 1.1;
        }
        location = /llm-status { llm_status main; }
    }
}
EOC

$t->start;


# serve(at once, [case, how, n], ...): jobs with their response and log line

sub serve {
    my ($width, @jobs) = @_;

    my @done;

    while (my @batch = splice @jobs, 0, $width) {
        my @clients;

        for my $job (@batch) {
            my ($c, $how, $n) = @$job;
            my $uri = $c->{path} . ($c->{path} =~ /\?/ ? '&' : '?')
                    . "job=$number{ $c->{name} }-$how-" . ($n || 0);
            my $client = $t->client;

            $client->send(build_request('POST', $uri, $c->{request}
                // ($c->{stream} ? '{}' : '{"stream":false}')));
            push @clients, $client;
        }

        my @responses = map { my $r = $_->response(timeout => 60);
                              $_->close; $r } @clients;
        my %log = map { $_->{request_uri} =~ /job=([\w-]+)/ ? ($1 => $_) : () }
                  $t->logged(scalar @batch);

        for my $i (0 .. $#batch) {
            my ($c, $how, $n) = @{ $batch[$i] };
            my $log = $log{"$number{ $c->{name} }-$how-" . ($n || 0)};
            push @done, { case => $c, how => $how . ($n ? "-$n" : ''),
                          response => $responses[$i], log => $log || {} };
        }
    }

    return @done;
}


# What an error is called: by what its body says, else by its status.

my %BY_WORD = (
    content_filter         => 'content_filter',
    insufficient_quota     => 'rate_limit',
    model_not_found        => 'not_found',
    DeploymentNotFound     => 'not_found',
    too_many_prompt_tokens => 'too_large',
    invalid_request_error  => 'invalid_request',
    RESOURCE_EXHAUSTED     => 'rate_limit',
    PERMISSION_DENIED      => 'auth',
    TOO_MANY_TOKENS        => 'too_large',
    400                    => 'invalid_request',
);
my %BY_STATUS = (400 => 'invalid_request', 401 => 'auth', 403 => 'auth',
                 404 => 'not_found', 500 => 'server_error',
                 501 => 'server_error');

sub error_type {
    my ($c) = @_;

    return '' unless $c->{expect}{error};

    my $error = $c->{meta}{expected}{error} || {};
    my ($own) = $c->{body} =~ /"error_type"\s*:\s*"(\w+)"/;   # Cohere
    my @words = map { $_ // '' } @$error{qw(code type)}, $own;
    my ($word) = grep { $BY_WORD{$_} && !/\A(?:400|invalid_request_error)\z/ }
                 @words;

    return $BY_WORD{$word} if defined $word;
    return $BY_STATUS{ $c->{status} } if $BY_STATUS{ $c->{status} };
    ($word) = grep { $BY_WORD{$_} } @words;
    return defined $word ? $BY_WORD{$word} : 'other';
}

sub wrong_log {
    my ($job) = @_;

    my ($c, $log, $r) = @$job{qw(case log response)};
    my $e = $c->{expect};
    my @wrong;

    return "$job->{how}: not logged" unless %$log;

    push @wrong, 'the body differs' if $r->{body} ne $c->{body};
    push @wrong, 'the response is not complete' unless $r->{complete};
    push @wrong, 'text, but no tokens'
        if !$e->{reported} && defined $e->{first_content}
           && !$log->{output_tokens};

    push @wrong, differences(
        [status => $r->{status}, $c->{status}],
        $e->{reported} || $e->{by_header} ? (
            [usage => $log->{usage},
             $e->{no_input} && $c->{asked} ? 'estimated' : 'reported'],
            map { ["${_}_tokens", $log->{"${_}_tokens"},
                   $_ eq 'input' && $e->{no_input} ? undef : $e->{$_}] }
                qw(input output cache_read cache_write reasoning)) : (),
        [reported => $log->{usage} eq 'reported' ? 1 : 0,
         ($e->{reported} || $e->{by_header})
         && !($e->{no_input} && $c->{asked}) ? 1 : 0],
        [response_model => $log->{response_model}, $e->{model} // ''],
        [finish_reason => $log->{finish_reason}, $e->{finish} // ''],
        [events => $log->{events}, $e->{events} // ''],
        [stream => $log->{stream}, $c->{stream}],
        [outcome => $log->{outcome}, $e->{error} ? 'error' : 'ok'],
        [error_type => $log->{error_type}, error_type($c)],
        [ttft => length $log->{ttft} ? 1 : 0,
         defined $e->{first_content} ? 1 : 0],
    );

    my $asked = $c->{asked} || {};
    push @wrong, differences(
        [request_model => $log->{request_model},
         $asked->{model} // $asked->{model_from_url}],
        map { [$_ => $log->{$_}, $asked->{$_}] } qw(max_tokens turns));

    return map { "$c->{name}, $job->{how}: $_" } @wrong;
}

my %every = (drops => scale(12, 1));

for my $how (qw(whole cells drops)) {
    my $i = 0;
    my @jobs = map { [$_, $how] }
               grep { $i++ % ($every{$how} || 1) == 0 } @cases;

    none(@jobs . " cases through nginx, $how",
         map { wrong_log($_) } serve(48, @jobs));
}

for my $seed (1 .. scale(1, 20)) {
    none(@cases . " cases through nginx, split at random ($seed)",
         map { wrong_log($_) } serve(48, map { [$_, 'split', $seed] } @cases));
}


# The first content event stops the clock, not what is before it, and not
# what is after it.  A busy machine may see two writes as one: what looks
# wrong is tried again alone, with a longer pause.

sub wrong_pause {
    my ($job, $ms) = @_;

    my ($ttfb, $ttft, $end) = @{ $job->{log} }{qw(ttfb ttft duration)};
    my $least = $ms / 1000 * 0.9;

    return if length($ttfb // '') && length($ttft // '')
              && $ttft - $ttfb > $least && $end - $ttft > $least;
    return "$job->{case}{name}: ttfb '" . ($ttfb // '') . "', ttft '"
         . ($ttft // '') . "', end '" . ($end // '') . "', pause $ms ms";
}

subtest 'a pause before the first content event' => sub {
    my @left = grep { defined $_->{expect}{first_content} } @streams;
    my $n = @left;
    my @wrong;

    for my $try ([32, 100], [4, 200], [1, 400], [1, 800]) {
        my ($width, $ms) = @$try;
        my @jobs = serve($width, map { [$_, 'pause', $ms] } @left);

        @wrong = map { wrong_pause($_, $ms) } @jobs;
        @left = map { $_->{case} } grep { wrong_pause($_, $ms) } @jobs;
        last if !@left || @left > 40;
    }

    none("$n streams: ttft has the pause, ttfb has not", @wrong);

    my @silent = grep { !defined $_->{expect}{first_content} } @streams;
    none(@silent . ' streams without content: no ttft',
         map { my $ttft = $_->{log}{ttft};
               length($ttft // '') ? "$_->{case}{name}: $ttft" : () }
             serve(32, map { [$_, 'whole'] } @silent));
};

$t->done;
