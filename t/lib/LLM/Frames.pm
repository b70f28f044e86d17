package LLM::Frames;

# AWS event streams: frames with the lengths and both CRCs they must have, and
# frames that are wrong in one place.
#
#     event('metadata', '{"usage":{}}')     :message-type "event"
#     chunk('{"type":"ping"}')              the same, wrapped by InvokeModel
#     exception('throttlingException', 'slow down')
#     failure('InternalError', 'oh')        :message-type "error"
#     frame([[':event-type', 'x'], ...], payload)
#     damaged(frame, place): one bit of prelude, headers, payload or end

use strict;
use warnings;

use Compress::Zlib qw(crc32);
use Exporter 'import';
use MIME::Base64 qw(encode_base64);

our @EXPORT_OK = qw(chunk damaged event exception failure frame);


# A header's value is a string (type 7) if it is not given as [type, bytes].

sub frame {
    my ($headers, $payload) = @_;

    my $head = '';

    for my $h (@$headers) {
        my ($name, $value) = @$h;
        $head .= pack('C/a*', $name)
               . (ref $value ? pack('C', $value->[0]) . $value->[1]
                             : pack('C n/a*', 7, $value));
    }

    my $frame = pack 'N N', 16 + length($head) + length $payload,
                     length $head;
    $frame .= pack 'N', crc32($frame);
    $frame .= $head . $payload;
    return $frame . pack 'N', crc32($frame);
}


sub event {
    my ($type, $json) = @_;

    return frame([[':event-type', $type],
                  [':content-type', 'application/json'],
                  [':message-type', 'event']], $json);
}


sub chunk {
    my ($json) = @_;

    return event('chunk', '{"bytes":"' . encode_base64($json, '')
                          . '","p":"abcdefgh"}');
}


sub exception {
    my ($type, $message) = @_;

    return frame([[':exception-type', $type],
                  [':content-type', 'application/json'],
                  [':message-type', 'exception']],
                 qq({"message":"$message"}));
}


sub failure {
    my ($code, $message) = @_;

    return frame([[':error-code', $code], [':error-message', $message],
                  [':message-type', 'error']], '');
}


sub damaged {
    my ($frame, $place) = @_;

    my $headers = unpack 'x4 N', $frame;
    my $at = $place eq 'prelude' ? 9
           : $place eq 'length' ? 3
           : $place eq 'headers' ? 13
           : $place eq 'payload' ? 12 + $headers + 3
           : length($frame) - 1;

    substr($frame, $at, 1) ^= "\x01";
    return $frame;
}


1;
