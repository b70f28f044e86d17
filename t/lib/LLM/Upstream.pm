package LLM::Upstream;

# A scripted upstream in a process of its own: a select loop that holds
# thousands of connections.  A handler, called with each complete request,
# returns the script of its answer, a list of
#
#     "bytes"                      send them
#     [pause => ms]                wait
#     [drip => "bytes", ms]        one byte at a time, ms apart (0.1)
#     [plan => "bytes", \@n, ms]   pieces of @n bytes, the rest last, ms apart
#     [close => ], [rst => ]       end the connection, by FIN or RST
#     [half => ]                   close our sending side only
#     [hang => ]                   say nothing more, until the client leaves
#
# A script that ends without one of these leaves the connection open for the
# next request.  response() makes scripts for whole answers.  Requests are
# recorded as they came, and so is the time of each write.

use strict;
use warnings;

use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use Exporter 'import';
use IO::Handle;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP SHUT_WR SOL_SOCKET SO_LINGER TCP_NODELAY);
use Storable qw(freeze thaw);

use LLM::Util qw(mono slurp spawn wait_for);

our @EXPORT_OK = qw(chunked response serve sse);


# new(handler, file => path of the record, [early => 1: answer on headers])
# The handler is a sub ($request, $state), or a hash from path to script.

sub new {
    my ($class, $handler, %opt) = @_;

    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $opt{port} || 0,
        Proto => 'tcp', ReuseAddr => 1, Listen => 4096)
        or die "listen: $!";

    my $self = bless {
        port => $listen->sockport, file => $opt{file}, owner => $$,
    }, $class;

    $self->{pid} = spawn(sub { serve($listen, $handler, %opt) });
    close $listen;

    return $self;
}


sub port { return $_[0]{port} }
sub pid  { return $_[0]{pid} }
sub addr { return "127.0.0.1:$_[0]{port}" }


sub stop {
    my ($self) = @_;

    return if !$self->{pid} || $self->{owner} != $$;
    kill KILL => $self->{pid};
    waitpid $self->{pid}, 0;
    $self->{pid} = 0;
    return;
}


sub DESTROY {
    my ($self) = @_;

    local ($?, $!);
    $self->stop;
}


# What was recorded: requests as { raw, method, uri, path, version, headers,
# body, conn, n, time }, writes as { conn, n, time, bytes }, and ends of
# connections as { conn, time, how }.

sub requests { return _records($_[0], 'request') }
sub writes   { return _records($_[0], 'write') }
sub ends     { return _records($_[0], 'end') }


sub _records {
    my ($self, $kind) = @_;

    my $data = -e $self->{file} ? slurp($self->{file}) : '';
    my ($off, @found) = (0);

    while ($off + 4 <= length $data) {
        my $len = unpack 'N', substr $data, $off, 4;
        last if $off + 4 + $len > length $data;
        my $record = thaw(substr $data, $off + 4, $len);
        push @found, $record if $record->{kind} eq $kind;
        $off += 4 + $len;
    }

    return @found;
}


# Waits until n requests are recorded.

sub wait_requests {
    my ($self, $n, $timeout) = @_;

    return wait_for($timeout || 10, sub { $self->requests >= $n });
}


# response(status, \@headers, body, [framing => length | chunked | close],
#          [pieces => \@strings], [plan => \@sizes], [gap => ms],
#          [drip => ms], [broken => 1: breaks off where the end would be])
#
# chunked: one chunk a piece.  pieces: the body, cut by hand; an element may
# be a script action such as [pause => 50].

sub response {
    my ($status, $headers, $body, %opt) = @_;

    my $framing = $opt{framing} || 'length';
    my @pieces = $opt{pieces} ? @{ $opt{pieces} } : ($body);
    my $len = 0;
    $len += length for grep { !ref } @pieces;

    my $head = "HTTP/1.1 $status " . ($status < 400 ? 'OK' : 'Bad') . "\r\n";
    my @headers = @{ $headers || [] };
    push @headers, 'Content-Length' => $len + ($opt{broken} ? 1 : 0)
        if $framing eq 'length';
    push @headers, 'Transfer-Encoding' => 'chunked' if $framing eq 'chunked';
    push @headers, Connection => 'close' if $framing eq 'close';
    while (my ($name, $value) = splice @headers, 0, 2) {
        $head .= "$name: $value\r\n";
    }

    my @script = ("$head\r\n");

    for my $piece (@pieces) {
        if (ref $piece) {
            push @script, $piece;
            next;
        }

        next unless length $piece;
        my $bytes = $framing eq 'chunked' ? chunked($piece) : $piece;
        push @script, defined $opt{drip} ? [drip => $bytes, $opt{drip}]
                    : $opt{plan} ? [plan => $bytes, $opt{plan}, $opt{gap}]
                    : $bytes;
        push @script, [pause => $opt{gap}] if $opt{gap} && !$opt{plan};
    }

    if ($opt{broken}) {
        push @script, $opt{broken} eq 'rst' ? ['rst'] : ['close'];
    } else {
        push @script, "0\r\n\r\n" if $framing eq 'chunked';
        push @script, ['close'] if $framing eq 'close';
    }

    return @script;
}


# sse(pieces or bytes, options of response): a 200 event stream, chunked.

sub sse {
    my ($body, %opt) = @_;

    my @headers = ('Content-Type' => 'text/event-stream',
                   @{ delete $opt{headers} || [] });
    $opt{pieces} = $body if ref $body;
    return response(200, \@headers, $body, framing => 'chunked', %opt);
}


sub chunked { return sprintf("%x\r\n", length $_[0]) . $_[0] . "\r\n" }


# serve(listening socket, handler, options): the server, until its parent
# has gone.  A connection is a hash: sock, in (bytes not yet a request),
# out (bytes not yet written), script (actions to come), busy (a request is
# being answered).  Timers stand in a heap of [time, fd, connection number].

my (%conn, $rbits, $wbits, @heap, $record, $count, %state);

sub serve {
    my ($listen, $handler, %opt) = @_;

    my $parent = getppid();

    %conn = %state = @heap = ();
    $count = 0;
    $rbits = $wbits = '';
    $SIG{PIPE} = 'IGNORE';

    if ($opt{file}) {
        open $record, '>:raw', $opt{file} or die "$opt{file}: $!";
        $record->autoflush(1);
    }

    $listen->blocking(0);
    vec($rbits, fileno $listen, 1) = 1;

    while (getppid() == $parent) {
        my $wait = @heap ? $heap[0][0] - mono() : 1;
        $wait = 1 if $wait > 1;
        $wait = 0 if $wait < 0;

        my $n = select my $r = $rbits, my $w = $wbits, undef, $wait;

        if ($n && $n > 0) {
            _ready($w, sub { _write($_[0]) });
            _ready($r, sub {
                $_[0] == fileno $listen ? _accept($listen)
                                        : _read($_[0], $handler, \%opt);
            });
        }

        _timers();
    }

    return;
}


sub _ready {
    my ($bits, $call) = @_;

    my $text = unpack 'b*', $bits;
    my @fds;
    push @fds, pos($text) - 1 while $text =~ /1/g;
    $call->($_) for @fds;
    return;
}


sub _note {
    my ($kind, %fields) = @_;

    return unless $record;
    my $data = freeze({ kind => $kind, time => mono(), %fields });
    print {$record} pack('N', length $data), $data;
    return;
}


sub _accept {
    my ($listen) = @_;

    while (my $sock = $listen->accept) {
        $sock->blocking(0);
        setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 1;
        my $fd = fileno $sock;
        $conn{$fd} = { sock => $sock, in => '', out => '', script => [],
                       number => ++$count, n => 0, busy => 0 };
        vec($rbits, $fd, 1) = 1;
    }

    return;
}


sub _read {
    my ($fd, $handler, $opt) = @_;

    my $c = $conn{$fd} or return;
    my $n = sysread $c->{sock}, $c->{in}, 262144, length $c->{in};

    if (!defined $n) {
        return if $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
        return _end($fd, 'client rst');
    }

    if ($n == 0) {
        # a client may close its sending half only: what is scripted is sent
        vec($rbits, $fd, 1) = 0;
        $c->{eof} = 1;
        _end($fd, 'client fin') if !$c->{busy} || $c->{hang};
        return;
    }

    _requests($fd, $handler, $opt);
    return;
}


sub _requests {
    my ($fd, $handler, $opt) = @_;

    my $c = $conn{$fd};
    $c->{handler} ||= sub { _requests($fd, $handler, $opt) };

    while ($conn{$fd} && !$c->{busy}) {
        my $request = _parse($c, $opt->{early}) or return;
        $request->{conn} = $c->{number};
        $request->{n} = ++$c->{n};
        $request->{time} = mono();
        _note(request => %$request);

        $c->{busy} = 1;
        $c->{script} = [_script($handler, $request)];
        _run($fd);
    }

    return;
}


sub _script {
    my ($handler, $request) = @_;

    if (ref $handler eq 'HASH') {
        my $script = $handler->{ $request->{path} } || $handler->{'*'};
        return @$script if $script;
        return response(404, [], "no script for $request->{path}\n");
    }

    my @script = eval { $handler->($request, \%state) };
    return response(500, [], "handler died: $@") if $@;
    return @script;
}


sub _parse {
    my ($c, $early) = @_;

    my $end = index $c->{in}, "\r\n\r\n";
    return if $end < 0;

    my $head = substr $c->{in}, 0, $end + 2;
    my ($line, @fields) = split /\r\n/, $head;
    my ($method, $uri, $version) = split / /, $line;
    my %h;

    for my $field (@fields) {
        my ($name, $value) = $field =~ /\A([^:]+):[ \t]*(.*)\z/s or next;
        $h{lc $name} = defined $h{lc $name} ? "$h{lc $name}, $value" : $value;
    }

    my ($body, $used) = _body($c, $end + 4, \%h, $early);
    return unless defined $body;

    my $raw = substr $c->{in}, 0, $used, '';
    my ($path) = $uri =~ /\A([^?]*)/;

    return { raw => $raw, method => $method, uri => $uri, path => $path,
             version => $version, headers => \%h, head => $head,
             body => $body };
}


# (body, bytes used by head and body) or nothing when it is not all there

sub _body {
    my ($c, $start, $h, $early) = @_;

    if (($h->{'transfer-encoding'} || '') =~ /chunked/i) {
        my ($body, $off) = ('', $start);

        while (substr($c->{in}, $off, 20) =~ /\A([0-9a-fA-F]+)[^\n]*\n/) {
            my ($size, $line) = (hex $1, $+[0]);
            return if length $c->{in} < $off + $line + $size + 2;
            $body .= substr $c->{in}, $off + $line, $size;
            $off += $line + $size + 2;
            return ($body, $off) if $size == 0;
        }

        return;
    }

    my $len = $h->{'content-length'} || 0;

    if (length $c->{in} < $start + $len) {
        return unless $early;
        $len = length($c->{in}) - $start;
    }

    return (substr($c->{in}, $start, $len), $start + $len);
}


# Runs the script as far as it goes without waiting.

sub _run {
    my ($fd) = @_;

    while (my $c = $conn{$fd}) {
        return if length $c->{out} && !_flush($fd);
        return if $c->{timer} || $c->{hang};

        my $action = shift @{ $c->{script} };

        if (!defined $action) {
            $c->{busy} = 0;
            return _end($fd, 'client fin') if $c->{eof};
            return $c->{handler}->();
        }

        if (!ref $action) {
            $c->{out} = $action;
            next;
        }

        _act($fd, $c, @$action);
    }

    return;
}


sub _act {
    my ($fd, $c, $name, @args) = @_;

    if ($name eq 'pause') {
        _timer($fd, $c, $args[0]);

    } elsif ($name eq 'drip') {
        my ($bytes, $gap) = @args;
        _pieces($c, $gap, split //, $bytes);

    } elsif ($name eq 'plan') {
        my ($bytes, $sizes, $gap) = @args;
        my @pieces;
        for my $size (@$sizes) {
            last unless length $bytes;
            push @pieces, substr $bytes, 0, $size, '';
        }
        _pieces($c, $gap, @pieces, length $bytes ? $bytes : ());

    } elsif ($name eq 'hang') {
        $c->{hang} = 1;
        _end($fd, 'client fin') if $c->{eof};

    } elsif ($name eq 'half') {
        shutdown $c->{sock}, SHUT_WR;

    } elsif ($name eq 'close' || $name eq 'rst') {
        setsockopt $c->{sock}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)
            if $name eq 'rst';
        _end($fd, $name);

    } else {
        die "unknown action $name";
    }

    return;
}


sub _pieces {
    my ($c, $gap, @pieces) = @_;

    $gap = 0.1 unless defined $gap;
    unshift @{ $c->{script} },
        map { length $_ ? ($_, $gap ? [pause => $gap] : ()) : () } @pieces;
    return;
}


sub _write {
    my ($fd) = @_;

    _run($fd) if $conn{$fd} && _flush($fd);
    return;
}


# True when all is written.

sub _flush {
    my ($fd) = @_;

    my $c = $conn{$fd};
    my $n = length $c->{out} ? syswrite $c->{sock}, $c->{out} : 0;

    if (!defined $n) {
        if ($! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR) {
            vec($wbits, $fd, 1) = 1;
        } else {
            _end($fd, 'client rst');
        }
        return 0;
    }

    _note(write => conn => $c->{number}, n => $c->{n}, bytes => $n);
    substr $c->{out}, 0, $n, '';
    vec($wbits, $fd, 1) = length $c->{out} ? 1 : 0;
    return !length $c->{out};
}


sub _end {
    my ($fd, $how) = @_;

    my $c = delete $conn{$fd} or return;
    _note(end => conn => $c->{number}, how => $how);
    vec($rbits, $fd, 1) = 0;
    vec($wbits, $fd, 1) = 0;
    delete $c->{handler};
    close $c->{sock};
    return;
}


sub _timer {
    my ($fd, $c, $ms) = @_;

    $c->{timer} = 1;
    push @heap, [mono() + $ms / 1000, $fd, $c->{number}];

    my $i = $#heap;
    while ($i > 0) {
        my $up = ($i - 1) >> 1;
        last if $heap[$up][0] <= $heap[$i][0];
        @heap[$i, $up] = @heap[$up, $i];
        $i = $up;
    }

    return;
}


sub _pop {
    my $top = $heap[0];
    my $last = pop @heap;
    return $top unless @heap;

    $heap[0] = $last;
    my $i = 0;

    while ((my $down = 2 * $i + 1) < @heap) {
        $down++ if $down + 1 < @heap && $heap[$down + 1][0] < $heap[$down][0];
        last if $heap[$i][0] <= $heap[$down][0];
        @heap[$i, $down] = @heap[$down, $i];
        $i = $down;
    }

    return $top;
}


sub _timers {
    my $now = mono();

    while (@heap && $heap[0][0] <= $now) {
        my (undef, $fd, $number) = @{ _pop() };
        my $c = $conn{$fd};
        next unless $c && $c->{number} == $number;
        $c->{timer} = 0;
        _run($fd);
    }

    return;
}


1;
