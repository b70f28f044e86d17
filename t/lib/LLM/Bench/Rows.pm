package LLM::Bench::Rows;

# The rows of the benchmark's table.  Where plain and metered nginx are held
# against each other they run at the same time, under the same load, on one
# core, and which of them is asked first alternates by round.

use strict;
use warnings;

use LLM::Bench::Callgrind ();
use LLM::Bench qw(at compile median note row run_load spread start stop
                  target);
use LLM::Util qw(slurp wait_for);

my $CHAT = '/v1/chat/completions';


# Locations of one configuration, with buffering at its default and off.

sub locations {
    my ($llm) = @_;

    return join "\n", map {
        "location $_->[0]$CHAT { $_->[1] $llm "
            . "proxy_pass http://provider; }"
    } ['', ''], ['/off', 'proxy_buffering off;'];
}


sub plain { return start('plain', server => locations(''), @_) }

sub metered {
    my (%opt) = @_;

    my $zone = delete $opt{zone} || '16m';
    my $http = delete $opt{http} || '';
    my $server = delete $opt{server} || '';

    return start('metered', module => 1,
        http => "llm_zone zone=main:$zone;\n$http\n"
              . 'llm_price gpt-4o* input=2.5 output=10 cache_read=1.25;',
        server => locations('llm main;') . $server, %opt);
}


# With two of plain nginx as well: what they differ by is noise.

sub pair {
    my ($code) = @_;

    my @nginx = (plain(), metered(), plain());
    $code->(@nginx);
    stop($_) for @nginx;
    return;
}


# differences(lines): [plain each, metered each, difference, spread]

sub differences {
    my (@lines) = @_;

    my @a = map { $_->[1] / $_->[0] } @lines;
    my @b = map { $_->[3] / $_->[2] } @lines;
    my @d = map { $b[$_] - $a[$_] } 0 .. $#a;

    return (median(@a), median(@b), median(@d), spread(@d));
}


sub events {
    my @kinds = (
        ['back to back', 'flood', [15, 8, 5000], 300, 150],
        ['one a read', 'paced', [15, 8, 500], 350, 200],
    );

    note('Events: median of 15 rounds, +- half the distance of their '
        . 'quartiles.  Plain has proxy_buffering off; metered has it at its '
        . 'default, on, and hands streams on unbuffered by itself; the rows '
        . '"both off" set it in both; "noise" holds plain against plain.  '
        . 'Events differ in their text, and begin alike, as real ones do.');

    pair(sub {
        my ($plain, $metered, $twin) = @_;

        for my $kind (@kinds) {
            my ($name, $mode, $args, $must, $aim) = @$kind;

            for my $set (['', $metered, ''], [', both off', $metered, '/off'],
                         [', noise', $twin, '/off'])
            {
                my ($what, $nginx, $off) = @$set;
                my ($a, $b, $d, $s) = differences(run_load('events', $mode,
                    @$args, target($plain, "/off$CHAT"),
                    target($nginx, "$off$CHAT")));
                row("event, $name$what",
                    plain => $a, metered => $b, value => $d,
                    $nginx == $twin ? () : (must => $must, aim => $aim),
                    noise => $s,
                    text => sprintf('%.0f +-%.0f x%.2f', $d, $s, $b / $a));
            }
        }
    });

    return;
}


sub latency {
    my $show = sub { return sprintf '%.1f us', $_[0] / 1000 };

    pair(sub {
        my ($plain, $metered, $twin) = @_;

        for my $set (['', $metered, $CHAT], [', noise', $twin, "/off$CHAT"]) {
            my ($what, $nginx, $uri) = @$set;
            my @lines = run_load('latency', 15, 2000,
                target($plain, "/off$CHAT"), target($nginx, $uri));

            for my $p (['p50', 0], ['p99', 1]) {
                my ($name, $i) = @$p;
                my @a = map { $_->[$i] } @lines;
                my @b = map { $_->[$i + 2] } @lines;
                my @d = map { $b[$_] - $a[$_] } 0 .. $#a;
                row("forwarding latency, $name$what", plain => median(@a),
                    metered => median(@b), value => median(@d),
                    must => $i && !$what ? 5000 : undef, show => $show,
                    noise => spread(@d),
                    text => sprintf('%.1f +-%.1f us', median(@d) / 1000,
                                    spread(@d) / 1000));
            }
        }
    });

    note('Latency: provider\'s write to client\'s read, one event at a time, '
        . 'in turn through plain and metered; 15 rounds of 2,000 each.');
    return;
}


sub ttft {
    my $nginx = metered(http => 'log_format ttft "$llm_ttft";',
        server => "location /log$CHAT { llm main; access_log tmp/ttft ttft;"
                . ' proxy_pass http://provider; }');

    my @truth = map { $_->[0] } run_load('ttft', 300, 2000,
                                         target($nginx, "/log$CHAT"));
    stop($nginx);

    my @shown = map { $_ * 1e9 } split /\n/, slurp("$nginx->{dir}/tmp/ttft");
    die "log has " . @shown . " lines\n" if @shown != @truth;
    my @d = map { $shown[$_] - $truth[$_] } 0 .. $#truth;
    my $show = sub { return sprintf '%.1f us', $_[0] / 1000 };

    row('TTFT shown - truth, median', value => abs median(@d),
        must => 100000, show => $show,
        text => sprintf('%.1f +-%.1f us', median(@d) / 1000,
                        spread(@d) / 1000));
    note(sprintf 'TTFT: 300 calls, first content 2 ms after the headers; '
        . 'shown - truth from %.0f to %.0f us (p1, p99).  Truth spans both '
        . 'of nginx\'s sockets, the module sees neither.',
        at(0.01, @d) / 1000, at(0.99, @d) / 1000);
    return;
}


sub calls {
    my ($added, $spread);

    pair(sub {
        my ($plain, $metered, $twin) = @_;

        for my $set (['', $metered], [', noise', $twin]) {
            my ($what, $nginx) = @$set;
            my ($a, $b, $d, $s) = differences(run_load('calls', 15, 8, 400, 0,
                target($plain, $CHAT), target($nginx, $CHAT)));
            row("a small call, all of it$what", plain => $a, metered => $b,
                text => sprintf('%.0f +-%.0f x%.2f', $d, $s, $b / $a));
            ($added, $spread) = ($d, $s) if !$what;
        }
    });

    note('A small call: 190 bytes of request and 420 of JSON answer, read, '
        . 'priced, labelled, finished and recorded: all that the module does '
        . 'in a call without a stream.');
    finish($added, $spread);
    return;
}


# A call of 2 KB whose body is read early, against one that is judged and
# changed as well: a list of models, a limit, a budget in dollars, another
# model and a bound of the output.

my $GATES_HTTP = <<'EOC';
    llm_price gpt-4o* input=2.5 output=10;
    llm_limit_zone $arg_team zone=rate:1m rate=100000000000t/m;
    llm_budget_zone $arg_team zone=day:1m period=day;
EOC

my $GATES = <<'EOC';
    llm_allow_models gpt-4* claude-*;
    llm_max_input_tokens 100000;
    llm_limit zone=rate;
    llm_budget zone=day limit=4000000usd;
    llm_set_model gpt-4o;
    llm_max_output_tokens 1000;
EOC

sub gates {
    local $ENV{LOAD_BODY} = 2048;

    my @nginx = map {
        my ($name, $more) = @$_;
        start($name, module => 1,
              http => "llm_zone zone=main:16m;\n$GATES_HTTP",
              server => "location $CHAT { llm main; llm_inspect precontent; "
                        . "$more proxy_pass http://provider; }");
    } ['read', ''], ['gated', $GATES], ['read2', ''];

    for my $set (['', $nginx[1]], [', noise', $nginx[2]]) {
        my ($what, $nginx) = @$set;
        my ($a, $b, $d, $s) = differences(run_load('calls', 15, 8, 400, 0,
            target($nginx[0], $CHAT), target($nginx, $CHAT)));
        row("gated and changed, 2 KB$what", plain => $a, metered => $b,
            $what ? () : (value => $d, must => 10_000, aim => 5000),
            noise => $s, text => sprintf('%.0f +-%.0f x%.2f', $d, $s,
                                         $b / $a));
    }

    stop($_) for @nginx;

    note('Gated and changed: a call whose body of 2 KB is read early, in both '
        . 'columns; "metered" has a list of models, a bound of the input, a '
        . 'limit in tokens, a budget in dollars, another model and a bound '
        . 'of the output besides.');
    return;
}


# The log phase cannot be timed from outside; its part of the instructions
# can be counted.

sub finish {
    my ($added, $spread) = @_;

    if (!LLM::Bench::Callgrind::have()) {
        row('finish and record', value => $added, must => 3000, aim => 1500,
            text => "at most");
        note('Finish and record: no valgrind here to tell its part of the '
            . 'call, so the whole call is held against the bound.');
        return;
    }

    my ($part, $n) = LLM::Bench::Callgrind::share('ngx_http_llm_log_handler');
    row('finish and record', value => $added * $part, must => 3000,
        aim => 1500, text => sprintf('%.0f +-%.0f', $added * $part,
                                     $spread * $part));
    note(sprintf 'Finish and record: %.0f%% of a small call\'s instructions '
        . 'of ours are in the log phase, %.0f of them (callgrind); the row is '
        . 'that part of what the call adds.', 100 * $part, $n);
    return;
}


# kB of a worker by field of status and smaps_rollup

sub memory_of {
    my ($pid) = @_;

    my %kb = map { slurp("/proc/$pid/$_") =~ /^(\w+):\s+(\d+) kB/mg }
             qw(status smaps_rollup);
    return \%kb;
}


sub hold {
    my ($nginx, $streams) = @_;

    my @command = ("$LLM::Bench::DIR/load", 'hold', $LLM::Bench::PROVIDER,
                   $LLM::Bench::LOAD_CPU, $streams, target($nginx, $CHAT));

    pipe my $in, my $hold or die "pipe: $!";
    pipe my $said, my $out or die "pipe: $!";
    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if (!$pid) {
        close $hold;
        open STDIN, '<&', $in or die "stdin: $!";
        open STDOUT, '>&', $out or die "stdout: $!";
        exec @command or die "exec: $!";
    }

    close $in;
    close $out;
    my $line = <$said>;
    my $kb = memory_of($nginx->{pid});
    close $hold;
    waitpid $pid, 0;
    die "streams were not held\n" unless defined $line && $line =~ /held/;
    return $kb;
}


sub memory {
    my $streams = 5000;
    my (%per, %now);

    for my $name (qw(plain metered)) {
        my $nginx = $name eq 'plain' ? plain() : metered(zone => '64m');
        hold($nginx, 1);
        my $before = memory_of($nginx->{pid});
        my $during = hold($nginx, $streams);
        $per{$name} = { map {
            $_ => ($during->{$_} - $before->{$_}) * 1024 / $streams
        } qw(VmRSS RssAnon RssShmem Pss) };
        stop($nginx);
    }

    my $show = sub { return sprintf '%.0f B', $_[0] };

    for my $row (['memory a stream, private', 'RssAnon', 1024, 512],
                 ['memory a stream, RSS', 'VmRSS'],
                 ['memory a stream, PSS', 'Pss'])
    {
        my ($name, $field, $must, $aim) = @$row;
        my ($a, $b) = map { $per{$_}{$field} } qw(plain metered);
        row($name, plain => $a, metered => $b, value => $b - $a,
            must => $must, aim => $aim, show => $show,
            text => $show->($b - $a));
    }

    sizes($show);
    note("Memory: $streams open streams, what the worker grew by, divided. "
        . 'nginx takes a request\'s memory in pools of 4 KiB: what fits into '
        . 'the last one costs nothing, and a byte more costs 4 KiB.  RSS and '
        . 'PSS hold touched pages of the zone too, whose size is fixed.');
    return;
}


sub sizes {
    my ($show) = @_;

    my $src = "$LLM::Bench::BUILD/module.src/src";
    my @include = map { "-I$_" } "$LLM::Bench::BUILD/module",
        (map { "$src/$_" } qw(core event event/modules os/unix http
                              http/modules http/v2)),
        map { "$LLM::Bench::TOP/ngx_llm_module/$_" } qw(core zone http status);
    my ($program, $said) = compile('sizes', 'gcc -std=gnu11', @include,
                                   'sizes.c');

    if (!$program) {
        note("sizes: not measured: $said");
        return;
    }

    my %size = qx{$program} =~ /^(\w+) (\d+)$/mg;
    row('memory a call, by sizeof', value => $size{call}, must => 1024,
        aim => 512, show => $show, text => $show->($size{call}));
    note("sizeof: context $size{ctx}, its cleanup $size{cleanup}, readers "
        . "$size{request} (request) and $size{response} (response) in the "
        . 'same memory; besides, a copy of the list of headers '
        . "($size{headers}) where the client sends Accept-Encoding, and the "
        . 'name of the model.');
    return;
}


sub status {
    my $series = 500;
    my $nginx = metered(zone => '64m', http => 'llm_label team $arg_team;',
        server => 'location = /status { llm_status main; }');

    run_load('calls', 1, 8, 4 * $series, $series, target($nginx, $CHAT));
    run_load('events', 'flood', 1, 8, 20, target($nginx, $CHAT),
             target($nginx, $CHAT));
    select undef, undef, undef, 6;

    for my $kind (['JSON', 'json&window=5m'],
                  ['Prometheus', 'prometheus&window=5m'],
                  ['JSON, all windows', 'json'])
    {
        my ($name, $query) = @$kind;
        my @lines = run_load('status', 15,
            target($nginx, "/status?format=$query"), target($nginx, '/ping'));
        my $ms = sub { return sprintf '%.2f ms', $_[0] / 1e6 };
        my @cpu = map { $_->[1] } @lines;
        my @held = map { $_->[3] } @lines;
        my @idle = map { $_->[4] } @lines;

        row("status, $series series, $name", value => median(@cpu),
            must => $query =~ /window/ ? 5e6 : undef, show => $ms,
            text => sprintf('%.2f +-%.2f ms', median(@cpu) / 1e6,
                            spread(@cpu) / 1e6));
        row('  longest ping meanwhile', plain => median(@idle),
            metered => median(@held), value => median(@held), must => 1e6,
            noise => median(@idle), show => $ms, text => sprintf('+-%.2f ms', spread(@held) / 1e6));
        note(sprintf '%s: %.0f KB, %.1f ms from request to end.', $name,
             $lines[0][0] / 1000, median(map { $_->[2] } @lines) / 1e6);
    }

    note('Longest ping: of a request that nginx answers itself, over another '
        . 'connection, in a loop while the status is rendered (metered), and '
        . 'for as long without it (plain); medians of 15.');
    stop($nginx);
    return;
}


# GB/s by name, of one program's lines

sub speeds {
    my ($program, @args) = @_;

    my %speed;
    open my $fh, '-|', $program, @args or die "$program: $!";
    while (<$fh>) {
        chomp;
        $speed{$1} = $2 if /\A(.+) \d+ ([\d.]+)\z/;
        $speed{$1} = $2 if /\A(text:.+) (\S+)\z/;
    }
    close $fh or die "$program failed\n";
    return \%speed;
}


sub streams {
    my $corpus = "$LLM::Bench::TOP/../shared/corpus";
    my @files = sort glob "$corpus/*/chat.completions-stream-*.sse";

    return @files if @files;

    note('No recordings in ../shared/corpus: the streams are those of t/.');
    @files = sort glob "$LLM::Bench::TOP/t/data/*chat*.sse";
    return @files if @files;

    return fixture();
}


# A stream such as providers send, of our own making.

sub fixture {
    my $path = "$LLM::Bench::DIR/fixture.sse";
    my @word = (' the', ' quick', ',', '\n\n', ' und', "\xc3\xa9t\xc3\xa9");

    open my $fh, '>:raw', $path or die "$path: $!";

    for my $i (0 .. 4000) {
        print {$fh} 'data: {"id":"chatcmpl-bench","object":'
            . '"chat.completion.chunk","created":1747148050,"model":"gpt-4o",'
            . '"system_fingerprint":null,"choices":[{"index":0,"delta":'
            . "{\"content\":\"$word[$i % @word]\"},\"logprobs\":null,"
            . "\"finish_reason\":null}],\"usage\":null}\n\n";
    }

    close $fh or die "$path: $!";
    return $path;
}


sub scanner {
    my $dir = $LLM::Bench::DIR;
    my @objects = glob "$LLM::Bench::BUILD/module/addon/core/*.o";
    my ($scan, $why) = compile('scan', 'gcc -std=gnu11',
        "-I$LLM::Bench::TOP/ngx_llm_module/core", 'scan.c', @objects);
    die $why unless $scan;

    my $ours = speeds($scan, $dir, streams());
    my @worst = sort { $ours->{$a} <=> $ours->{$b} }
                grep { /\Aworst:/ } keys %$ours;
    my ($name) = $worst[0] =~ /\Aworst:(.+)/;
    my ($slow) = map { /\Aworst:(.+)/ } grep {
        /\Aworst:(.+)/ && $ours->{"text:$1"} } @worst;

    my %file = (streams => "$dir/stream.texts",
                request => "$dir/request.texts",
                worst => "$dir/" . $ours->{"text:$slow"});
    my %peer = (simdjson => scalar peer('simdjson', 'g++ -std=c++17', %file),
                yyjson => scalar peer('yyjson', 'gcc -std=gnu11', %file));

    my $show = sub { return sprintf '%.2f GB/s', $_[0] };

    for my $row (['scanner, recorded streams', 'streams', 1, 2, 'streams'],
                 ['scanner, 1 MB request', 'request', 4, 8, 'request'],
                 ['scanner, worst input', $worst[0], 0.2, 0.5],
                 ['scanner, worst plain JSON', "worst:$slow", 0.2, 0.5,
                  'worst'])
    {
        my ($title, $key, $must, $aim, $file) = @$row;
        row($title, metered => $ours->{$key}, value => $ours->{$key},
            must => $must, aim => $aim, show => $show, more => 1,
            text => $file ? beside(\%peer, $file) : '');
    }

    note("Worst input: $name; worst plain JSON: $slow.  Slowest of all: "
        . join(', ', map { /\Aworst:(.+)/;
                           sprintf '%s %.2f', $1, $ours->{$_} } @worst[0 .. 9])
        . '.');
    note('Difference, of the scanner\'s rows: s is simdjson, y is yyjson, '
        . 'each over the same JSON, which was taken out of the events for '
        . 'them beforehand; they build a document and look nothing up.  The '
        . 'scanner frames, reads and counts.');
    return;
}


sub beside {
    my ($peer, $file) = @_;

    return join ' ', map {
        $peer->{$_} ? sprintf('%s %.2f', substr($_, 0, 1), $peer->{$_}{$file})
                    : ()
    } sort keys %$peer;
}


sub peer {
    my ($name, $compiler, %file) = @_;

    my $source = -e "$LLM::Bench::TOP/t/bench/peer_$name.cc"
                 ? "peer_$name.cc" : "peer_$name.c";
    my ($program, $why) = compile("peer_$name", $compiler, $source,
                                  "-l$name");

    if (!$program) {
        my ($first) = $why =~ /^(.*error.*)$/m;
        note("$name is not beside the scanner: "
            . ($why =~ /No such file|cannot find/ ? 'not installed'
                                                  : $first || $why) . '.');
        return;
    }

    my $speed = speeds($program, values %file);
    return { map { $_ => $speed->{$file{$_}} } keys %file };
}


1;
