package LLM::Client;

# A raw HTTP/1 client: sends the bytes it is given, stamps what comes back,
# leaves politely or with a RST.  HTTP/2 goes through curl where it can.

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use Scalar::Util qw(weaken);
use Socket qw(IPPROTO_TCP SOL_SOCKET SO_LINGER TCP_NODELAY);

use LLM::Util qw(mono);

our @EXPORT_OK = qw(build_request curl_h2 has_h2 http);

my @open;


# new(port => N, [timeout => seconds])

sub new {
    my ($class, %opt) = @_;

    my $sock = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $opt{port}, Proto => 'tcp',
        Timeout => 10) or die "connect to port $opt{port}: $!";

    setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 1;

    my $self = bless {
        sock => $sock, timeout => $opt{timeout} || 20,
        in => '', chunks => [], closed => 0,
    }, $class;

    @open = grep { defined } @open;
    push @open, $self;
    weaken $open[-1];

    return $self;
}


sub sock   { return $_[0]{sock} }
sub closed { return $_[0]{closed} }      # 'fin', 'rst' or ''
sub chunks { return $_[0]{chunks} }      # [ [time, bytes], ... ] of all reads


# Sends all of it; false when the other side has gone.

sub send {
    my ($self, $bytes) = @_;

    local $SIG{PIPE} = 'IGNORE';
    my $off = 0;

    while ($off < length $bytes) {
        my $n = syswrite $self->{sock}, $bytes, 65536, $off;
        next if !defined $n && $!{EINTR};
        return 0 unless $n;
        $off += $n;
    }

    $self->{sent} = mono();
    return 1;
}


sub sent_at { return $_[0]{sent} }


# One read into the buffer: bytes read, 0 at the end, undef when time is up.

sub read_some {
    my ($self, $timeout) = @_;

    return 0 if $self->{closed};

    my $select = IO::Select->new($self->{sock});
    return unless $select->can_read(
        defined $timeout ? $timeout : $self->{timeout});

    my $n = sysread $self->{sock}, my $buf, 262144;

    if (!$n) {
        $self->{closed} = defined $n ? 'fin' : 'rst';
        return 0;
    }

    push @{ $self->{chunks} }, [mono(), $buf];
    $self->{in} .= $buf;
    return $n;
}


# Reads until the unread bytes match; they stay for the next reader.

sub read_until {
    my ($self, $re, $timeout) = @_;

    my $end = mono() + (defined $timeout ? $timeout : $self->{timeout});

    while ($self->{in} !~ $re) {
        my $left = $end - mono();
        return if $left <= 0 || !$self->read_some($left);
    }

    return 1;
}


# The next response, whatever its framing, as a hash: status, head, headers
# (lower case; several of a name joined by ", "), body (unchunked), complete
# (its framing says it is all there), closed, chunks, raw.

sub response {
    my ($self, %opt) = @_;

    my $end = mono() + ($opt{timeout} || $self->{timeout});
    my $more = sub {
        my $left = $end - mono();
        return $left > 0 && $self->read_some($left);
    };
    my $r = { status => 0, head => '', headers => {}, body => '',
              complete => 0, chunks => $self->{chunks} };

    {
        1 while $self->{in} !~ /\r\n\r\n/ && $more->();

        if ($self->{in} =~ s/\A(.*?\r\n)\r\n//s) {
            _parse_head($r, $1);
            redo if $r->{status} == 100;
            _read_body($self, $r, $more, $opt{head});
        }
    }

    $r->{raw} = join '', map { $_->[1] } @{ $self->{chunks} };
    $r->{closed} = $self->{closed};
    return $r;
}


sub _parse_head {
    my ($r, $head) = @_;

    my ($line, @fields) = split /\r\n/, $head;

    $r->{head} = $head;
    ($r->{status}) = $line =~ m{\AHTTP/1\.\d (\d{3})};
    $r->{status} ||= 0;
    $r->{headers} = {};

    for my $field (@fields) {
        my ($name, $value) = $field =~ /\A([^:]+):[ \t]*(.*)\z/s or next;
        my $seen = \$r->{headers}{lc $name};
        $$seen = defined $$seen ? "$$seen, $value" : $value;
    }

    return;
}


sub _read_body {
    my ($self, $r, $more, $is_head) = @_;

    my $h = $r->{headers};

    if ($is_head || $r->{status} == 204 || $r->{status} == 304) {
        $r->{complete} = 1;

    } elsif (($h->{'transfer-encoding'} || '') =~ /chunked/i) {
        _read_chunked($self, $r, $more);

    } elsif (defined $h->{'content-length'}) {
        my $want = $h->{'content-length'};
        1 while length $self->{in} < $want && $more->();
        $r->{body} = substr $self->{in}, 0, $want, '';
        $r->{complete} = length $r->{body} == $want ? 1 : 0;

    } else {
        1 while $more->();
        $r->{body} = $self->{in};
        $self->{in} = '';
        $r->{complete} = $self->{closed} eq 'fin' ? 1 : 0;
    }

    return;
}


sub _read_chunked {
    my ($self, $r, $more) = @_;

    while (1) {
        1 while $self->{in} !~ /\n/ && $more->();
        $self->{in} =~ /\A([0-9a-fA-F]+)[^\n]*\n/ or return;

        my ($size, $line) = (hex $1, $+[0]);
        my $all = $line + $size + 2;

        while (length $self->{in} < $all) {
            if (!$more->()) {
                $r->{body} .= substr $self->{in}, $line, $size;
                return;
            }
        }

        $r->{body} .= substr $self->{in}, $line, $size;
        substr $self->{in}, 0, $all, '';

        if ($size == 0) {
            $r->{complete} = 1;
            return;
        }
    }
}


# Leaves with a RST: unread and unsent bytes are thrown away.

sub abort {
    my ($self) = @_;

    setsockopt $self->{sock}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    return $self->close;
}


sub close {
    my ($self) = @_;

    close $self->{sock} if $self->{sock};
    $self->{sock} = undef;
    $self->{closed} ||= 'us';
    return;
}


sub close_all {
    $_->close for grep { defined } @open;
    @open = ();
    return;
}


# build_request(method, uri, body, name => value ...): the bytes.  A body
# gets its Content-Length; "Connection: close" is said unless named.

sub build_request {
    my ($method, $uri, $body, @headers) = @_;

    my %have = map { lc $headers[$_] => 1 }
               grep { $_ % 2 == 0 } 0 .. $#headers;

    unshift @headers, Host => 'localhost' unless $have{host};
    push @headers, Connection => 'close' unless $have{connection};

    if (defined $body) {
        push @headers, 'Content-Type' => 'application/json'
            unless $have{'content-type'};
        push @headers, 'Content-Length' => length $body
            unless $have{'content-length'} || $have{'transfer-encoding'};
    }

    my $head = "$method $uri HTTP/1.1\r\n";
    while (my ($name, $value) = splice @headers, 0, 2) {
        $head .= "$name: $value\r\n" if defined $value;
    }

    return "$head\r\n" . (defined $body ? $body : '');
}


# One call: http(port, method, uri, body, headers...) gives the response.

sub http {
    my ($port, $method, $uri, $body, @headers) = @_;

    my $c = LLM::Client->new(port => $port);
    $c->send(build_request($method, $uri, $body, @headers));
    my $r = $c->response(head => $method eq 'HEAD');
    $r->{sent_at} = $c->sent_at;
    $c->close;
    return $r;
}


my $h2;

sub has_h2 {
    $h2 = (`curl --version 2>/dev/null` || '') =~ /\bHTTP2\b/ ? 1 : 0
        unless defined $h2;
    return $h2;
}


# curl_h2(port, uri, body, args...): { status, body, exit }; HTTP/2 without
# TLS.  args are curl's own, "--max-time 0.2" makes a client that leaves.

sub curl_h2 {
    my ($port, $uri, $body, @args) = @_;

    my @cmd = ('curl', '-sS', '--http2-prior-knowledge', '-N',
               '-w', '\n%{http_code}', @args);
    push @cmd, '-H', 'Content-Type: application/json', '--data-binary', '@-'
        if defined $body;

    my $tmp = File::Temp->new;
    print {$tmp} defined $body ? $body : '';
    $tmp->flush;

    open my $saved, '<&', \*STDIN or die "dup: $!";
    open STDIN, '<', $tmp->filename or die $tmp->filename . ": $!";
    open my $out, '-|', @cmd, "http://127.0.0.1:$port$uri" or die "curl: $!";
    binmode $out;
    my $text = do { local $/; <$out> };
    CORE::close $out;
    my $exit = $? >> 8;
    open STDIN, '<&', $saved or die "dup: $!";

    $text = '' unless defined $text;
    my $status = $text =~ s/\n(\d{3})\z// ? $1 : 0;
    return { status => $status, body => $text, exit => $exit };
}


require File::Temp;

1;
