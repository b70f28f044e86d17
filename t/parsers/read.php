<?php
// What json_decode() makes of each body: see t/36-parsers.t.

$data = file_get_contents($argv[1]);
$end = strlen($data);
$out = [];

for ($at = 0; $at < $end; ) {
    $n = unpack('N', $data, $at)[1];
    $body = substr($data, $at + 4, $n);
    $at += 4 + $n;

    $v = json_decode($body, true);

    if (json_last_error() !== JSON_ERROR_NONE) {
        $out[] = '-';
        continue;
    }

    $m = is_array($v) && array_key_exists('model', $v) ? $v['model'] : null;

    $out[] = is_string($m) ? 's' . bin2hex($m) : ($m === null ? 'n' : 'o');
}

fwrite(STDOUT, implode("\n", $out) . "\n");
