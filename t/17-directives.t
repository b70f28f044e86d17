# Every wrong directive is refused by nginx -t, in words that help; every
# right one is taken; and with none at all nothing changes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Test;
use Test::More;

my $t = LLM::Test->new;

sub conf {
    my ($http, $location, $server) = @_;

    return "%%GLOBALS%%\nhttp {\n" . $t->_temp_paths . "access_log off;\n"
         . "$http\nserver {\nlisten 127.0.0.1:%%PORT_0%%;\n"
         . ($server || '') . "\nlocation / {\n" . ($location || '')
         . "\n}\n}\n}\n";
}

my $zone = 'llm_zone zone=main:8m;';
my $on = 'llm main;';
my $tpm = 'llm_limit_zone $uri zone=tpm:1m rate=10t/s;';
my $day = 'llm_budget_zone $uri zone=day:1m period=day;';
my $slo = 'zone=main metric';

# what stands in http {}, what in location {}, what nginx -t must say

my $long = 'x' x 513;

my @wrong = (
    # llm_zone
    ['llm_zone main;', '', qr/invalid parameter "main"/],
    ['llm_zone zone=main;', '', qr/zone=name:size/],
    ['llm_zone zone=:8m;', '', qr/zone=name:size/],
    ['llm_zone zone=main:;', '', qr/invalid zone size "zone=main:"/],
    ['llm_zone zone=main:big;', '', qr/invalid zone size/],
    ['llm_zone zone=main:-1;', '', qr/invalid zone size/],
    ['llm_zone zone=main:8k;', '', qr/zone "main".*too small/],
    ["$zone $zone", '', qr/duplicate.*"main"|"main".*(?:duplicate|already)/],
    ['llm_zone zone=off:8m;', '', qr/"off"/],
    ['llm_zone zone=main:8m states=/tmp/x;', '', qr/states=/],
    ['', 'llm_zone zone=main:8m;', qr/llm_zone" directive is not allowed/],

    # llm
    ['', $on, qr/zone "main"/],
    [$zone, 'llm other;', qr/zone "other"/],
    [$zone, "$on $on", qr/"llm" directive is duplicate/],
    [$zone, 'llm main off;', qr/number of arguments in "llm"/],
    ['limit_req_zone $uri zone=main:1m rate=1r/s;', $on, qr/zone "main"/],

    # llm_label
    [$zone, "$on llm_label on;", qr/llm_label.*name and a value.*off/],
    [$zone, "$on llm_label team;", qr/name and a value/],
    [$zone, "$on llm_label team a; llm_label team b;",
     qr/duplicate label "team"/],
    [$zone, "$on llm_label off; llm_label team a;", qr/after.*off/],
    [$zone, "$on llm_label team a; llm_label off;", qr/duplicate/],
    [$zone, "$on llm_label 1team a;", qr/invalid label name "1team"/],
    [$zone, "$on llm_label te-am a;", qr/invalid label name "te-am"/],
    [$zone, "$on llm_label model a;", qr/invalid label name "model"/],
    [$zone, "$on llm_label provider a;", qr/invalid label name/],
    [$zone, "$on llm_label le a;", qr/invalid label name "le"/],
    [$zone, "$on llm_label __x a;", qr/invalid label name "__x"/],
    [$zone, "$on llm_label team \$nosuch;", qr/unknown "nosuch" variable/],
    [$zone, $on . join('', map { "llm_label l$_ x;" } 1 .. 7),
     qr/"l7" is one too many.*up to 6/],

    # llm_route, llm_provider
    [$zone, "$on llm_route \$nosuch;", qr/unknown "nosuch" variable/],
    [$zone, "$on llm_route a; llm_route b;", qr/llm_route" .*duplicate/],
    [$zone, "$on llm_provider a; llm_provider b;", qr/duplicate/],
    [$zone, "$on llm_provider auto; llm_provider b;", qr/duplicate/],
    [$zone, "$on llm_provider a b;", qr/number of arguments/],

    # llm_key_secret
    ["$zone llm_key_secret a b;", '', qr/number of arguments/],
    ["$zone llm_key_secret '';", '', qr/llm_key_secret" .*is empty/],
    ["$zone llm_key_secret a; llm_key_secret b;", '', qr/duplicate/],
    ["$zone llm_key_secret file=;", '', qr/needs a path/],
    ["$zone llm_key_secret file=/no/such/secret;", '',
     qr{"/no/such/secret" failed.*No such file}],
    ["$zone llm_key_secret file=%%DIR%%;", '', qr/failed/],
    ["$zone llm_key_secret file=%%DIR%%/empty;", '', qr/is empty/],
    ["$zone llm_key_secret file=%%DIR%%/long;", '', qr/longer than 4096/],
    [$zone, "$on llm_key_secret a;", qr/llm_key_secret" .*not allowed/],

    # prices
    ["$zone llm_prices /no/such/list.json;", '',
     qr{/no/such/list\.json.*No such file}s],
    ["$zone llm_prices %%DIR%%/not.json;", '', qr/not\.json/],
    ["$zone llm_prices %%DIR%%/nonsense.json;", '',
     qr/nonsense\.json.*gpt-x/s],
    ["$zone llm_prices %%DIR%%;", '', qr/llm_prices|"%%DIR%%/],
    ["$zone llm_price gpt input=1;", '', qr/output/],
    ["$zone llm_price gpt input=a output=1;", '', qr/input=a/],
    ["$zone llm_price gpt input=-1 output=1;", '', qr/input=-1/],
    ["$zone llm_price gpt input=1 output=2 colour=3;", '', qr/colour/],
    ["$zone llm_price gpt input=1 input=1 output=2;", '', qr/input/],
    ["$zone llm_price ~( input=1 output=2;", '', qr/\(/],
    ["$zone llm_price gpt;", '', qr/number of arguments/],
    [$zone, 'llm_price gpt input=1 output=2;', qr/not allowed/],

    # llm_limit_zone
    ['llm_limit_zone $uri zone=tpm:1m;', '',
     qr/number of arguments in "llm_limit_zone"/],
    ['llm_limit_zone $uri zone=tpm:1m rate=;', '',
     qr/invalid rate "": not a number/],
    ['llm_limit_zone $uri zone=tpm:1m rate=100;', '',
     qr/invalid rate "100": no unit/],
    ['llm_limit_zone $uri zone=tpm:1m rate=100t;', '',
     qr{invalid rate "100t": no period}],
    ['llm_limit_zone $uri zone=tpm:1m rate=100t/;', '',
     qr{invalid rate "100t/": no period}],
    ['llm_limit_zone $uri zone=tpm:1m rate=100t/w;', '',
     qr{"100t/w": unknown period}],
    ['llm_limit_zone $uri zone=tpm:1m rate=100k/m;', '',
     qr{"100k/m": unknown unit}],
    ['llm_limit_zone $uri zone=tpm:1m rate=1.5r/m;', '',
     qr{"1.5r/m": finer}],
    ['llm_limit_zone $uri zone=tpm:1m rate=-1r/m;', '', qr/negative/],
    ['llm_limit_zone $uri zone=tpm:1m rate=0r/m;', '', qr/rate of zero/],
    ['llm_limit_zone $uri zone=tpm:1m rate=5000000usd/m;', '',
     qr/too large/],
    ['llm_limit_zone $uri zone=tpm:1m period=day;', '',
     qr/invalid parameter "period=day"/],
    ['llm_limit_zone $uri zone=tpm:1m rate=1r/s state=;', '',
     qr/invalid parameter "state=/],
    ['llm_limit_zone $uri zone=tpm:1m state=/tmp/x;', '', qr/must have/],
    ['llm_budget_zone a${llm_key_id}b zone=x:1m period=day state=/tmp/llm/x;',
     '', qr/needs "llm_key_secret"/],
    ['llm_limit_zone $uri rate=1r/s rate=1r/m;', '',
     qr{duplicate parameter "rate=1r/m"}],
    ['llm_limit_zone $uri zone=tpm:1m zone=x:1m;', '',
     qr/duplicate parameter "zone=x:1m"/],
    ['llm_limit_zone $uri zone=tpm rate=1r/s;', '', qr/zone=name:size/],
    ['llm_limit_zone $uri zone=:1m rate=1r/s;', '', qr/zone=name:size/],
    ['llm_limit_zone $uri zone=tpm:big rate=1r/s;', '',
     qr/invalid zone size "tpm:big"/],
    ['llm_limit_zone $uri zone=tpm:16k rate=1r/s;', '',
     qr/llm_limit_zone "tpm" is too small/],
    ['llm_limit_zone "" zone=tpm:1m rate=1r/s;', '',
     qr/key of "llm_limit_zone" is empty/],
    ['llm_limit_zone $nosuch zone=tpm:1m rate=1r/s;', '',
     qr/unknown "nosuch" variable/],
    ['llm_limit_zone $uri zone=tpm:1m rate=1r/s;' x 2, '',
     qr/llm_limit_zone "tpm" is duplicate/],
    ['llm_limit_zone $uri zone=main:8m rate=1r/s;' . $zone, '',
     qr/zone "main" is already declared for a different use/],
    ['', 'llm_limit_zone $uri zone=tpm:1m rate=1r/s;', qr/not allowed/],

    # llm_budget_zone
    ['llm_budget_zone $uri zone=day:1m;', '',
     qr/number of arguments in "llm_budget_zone"/],
    ['llm_budget_zone $uri zone=day:1m period=year;', '',
     qr/invalid period "year": hour, day, week or month/],
    ['llm_budget_zone $uri zone=day:1m period=;', '',
     qr/invalid period ""/],
    ['llm_budget_zone $uri zone=day:1m rate=1r/s;', '',
     qr/invalid parameter "rate=/],
    ['llm_budget_zone $uri zone=day:16k period=day;', '',
     qr/llm_budget_zone "day" is too small/],
    ['llm_budget_zone $uri zone=x:1m period=day;'
     . 'llm_limit_zone $uri zone=x:1m rate=1r/s;', '',
     qr/zone "x" is already declared for a different use/],
    ['', 'llm_budget_zone $uri zone=day:1m period=day;', qr/not allowed/],

    # flags and words
    [$zone, "$on llm_stream_buffering maybe;", qr/"maybe".*"on" or "off"/],
    [$zone, "$on llm_accept_encoding gzip;", qr/invalid value "gzip"/],
    [$zone, "$on llm_inspect later;", qr/invalid value "later"/],
    [$zone, "$on llm_inspect_max many;", qr/llm_inspect_max.*invalid value/],
    [$zone, "$on llm_inspect_max -1;", qr/llm_inspect_max.*invalid value/],

    # llm_slo
    (map { ["$zone llm_slo a $_->[0];", '', $_->[1]] }
        ['zone=main', qr/needs "metric="/],
        ['metric=ttft under=1s target=9 route=x', qr/needs "zone="/],
        ['zone=no metric=errors target=9 route=x', qr/zone "no"/],
        ["$slo=tpot target=9 route=x", qr/needs "under="/],
        ["$slo=errors under=1s target=9 route=x", qr/takes no "under="/],
        ["$slo=errors route=x", qr/needs "target="/],
        ["$slo=errors target=9", qr/needs a filter/],
        ["$slo=speed target=9 route=x", qr/invalid value "metric=speed"/],
        (map { ["$slo=duration target=9 under=1s route=x $_",
                qr/invalid value "\Q$_\E"/] }
             qw(window=2m min=0 min=x min=1000001 hold=0 hold=x probe=101
                probe=x)),
        (map { ["$slo=errors route=x target=$_",
                qr/invalid value "target=\Q$_\E"/] }
             qw(0 100.1 x -1 99.99999)),
        ["$slo=ttft target=9 under=soon route=x", qr/"under=soon"/],
        ["$slo=ttft target=9 under=0 route=x", qr/"under=0"/],
        ["$slo=errors target=9 route=x latch probe=5", qr/no "probe="/],
        ["$slo=errors target=9 route=x latch hold=5s", qr/no "hold="/],
        ["$slo=errors target=9 route=x route=y", qr/duplicate.*"route"/],
        ["$slo=errors target=9 route=", qr/"route=" is empty/],
        ["$slo=errors target=9 route=\$uri", qr/no variables/],
        ["$slo=errors target=9 team=x", qr/"team" is no parameter/],
        ["$slo=errors target=9 team=x team=y", qr/duplicate.*"team"/],
        ["$slo=errors target=9 route=x later", qr/invalid parameter/],
        ["$slo=errors target=9 route=x; llm_slo A $slo=errors target=9 "
         . 'route=y', qr/duplicate llm_slo "a"/]),
    ["$zone llm_slo a-b $slo=errors target=9 route=x;", '',
     qr/invalid name "a-b"/],
    [$zone . join('', map { "llm_slo a$_ $slo=errors target=9 route=x;" }
                          1 .. 33), '', qr/"a33" is one too many/],
    [$zone, 'llm_slo a zone=main;', qr/not allowed/],

    # llm_allow_models, llm_deny_models
    (map { my $models = $_;
           ([$zone, "$on $models;", qr/number of arguments in "$models"/],
            [$zone, "$on $models '';", qr/invalid model ""/],
            [$zone, "$on $models gpt ~;", qr/invalid model "~"/],
            [$zone, "$on $models gpt,claude;", qr/"gpt,claude".*spaces/],
            [$zone, "$on $models ~(;", qr/\(/],
            [$zone, "$on $models $long;", qr/invalid model "x+"/],
            [$zone, "$on $models x\$nosuch;", qr/unknown "nosuch" variable/],
            [$zone, "$on $models off; $models gpt;", qr/after its "off"/],
            [$zone, "$on $models gpt; $models off;", qr/duplicate/],
            [$zone, "$models gpt;", qr/"$models" needs "llm"/],
            [$zone, "llm off; $models gpt;", qr/"$models" needs "llm"/]) }
         qw(llm_allow_models llm_deny_models)),

    # llm_delay, llm_stream_timeout
    [$zone, "$on llm_delay soon;", qr/invalid time "soon"/],
    [$zone, "$on llm_delay \$nosuch;", qr/unknown "nosuch" variable/],
    [$zone, "$on llm_delay 1s; llm_delay 2s;", qr/duplicate/],
    (map { [$zone, "$on llm_stream_timeout $_->[0];", $_->[1]] }
        ['', qr/number of arguments/],
        ['ttft', qr/invalid parameter "ttft"/],
        ['ttft=', qr/invalid value "ttft="/],
        ['idle=0', qr/invalid value "idle=0"/],
        ['total=x', qr/invalid value "total=x"/],
        ['idle=1s idle=2s', qr/duplicate parameter "idle=2s"/],
        ['off idle=2s', qr/invalid parameter "off"/],
        ['idle=1s; llm_stream_timeout off', qr/duplicate/]),

    # llm_status
    ['', 'llm_status main;', qr/zone "main"/],
    [$zone, 'llm_status main xml;', qr/"xml"/],
    [$zone, 'llm_status main html;', qr/"html"/],
    [$zone, 'llm_status main json json;', qr/json/],
    [$zone, 'llm_status main by=;', qr/"by="/],
    [$zone, 'llm_status main by=nosuch;', qr/nosuch/],
    [$zone, 'llm_status;', qr/number of arguments/],
    [$zone, 'llm_status main; llm_status main;', qr/duplicate/],
    ["$zone llm_status main;", '', qr/not allowed/],

    [$zone, "$on llm_include_usage x;", qr/invalid value "x"/],
    [$zone, "$on llm_set_model a b;", qr/invalid number of arguments/],
    [$zone, "$on llm_set_model a; llm_set_model b;", qr/duplicate/],
    [$zone, "$on llm_max_output_tokens x;", qr/invalid number of tokens/],
    [$zone, "$on llm_max_output_tokens 0;", qr/invalid number of tokens/],
    [$zone, "$on llm_max_output_tokens -1;", qr/invalid number of tokens/],
    [$zone, "$on llm_max_output_tokens 5 x;", qr/invalid parameter "x"/],
    [$zone, "$on llm_max_output_tokens 5; llm_max_output_tokens off;",
     qr/duplicate/],

    # gates
    (map { [$zone, $_, qr/"\w+" needs "llm" in its location/] }
     'llm_deny 1;', 'llm_max_cost 1;', 'llm_max_input_tokens 1;'),
    ["$zone $tpm", 'llm_limit zone=tpm;', qr/needs "llm" in its location/],
    [$zone, "$on llm_deny 1 200;", qr/invalid status "200"/],
    [$zone, "$on llm_deny off; llm_deny 1;", qr/after "off"/],
    [$zone, "$on llm_deny 1; llm_deny off;", qr/duplicate/],
    [$zone, "$on llm_max_cost x;", qr/invalid number "x"/],
    [$zone, "$on llm_max_cost 1; llm_max_cost 2;", qr/duplicate/],
    [$zone, "$on llm_max_input_tokens -1;", qr/invalid number "-1"/],
    [$zone, "$on llm_unreadable no;", qr/invalid value "no"/],
    [$zone, "$on llm_limit burst=1t;", qr/needs "zone="/],
    [$zone, "$on llm_limit zone=;", qr/"zone=": needs a name/],
    [$zone, "$on llm_limit x;", qr/invalid parameter "x"/],
    [$zone, "$on llm_limit zone=nothing;", qr/zone "nothing"/],
    (map { ["$zone $tpm", "$on llm_limit zone=tpm $_->[0];", $_->[1]] }
     ['burst=1r', qr/"burst=1r": must be an amount in the unit/],
     ['burst=0t', qr/"burst=0t"/], ['burst=x', qr/"burst=x"/],
     ['delay=6m', qr/"delay=6m": must be a time of at most 5m/],
     ['delay=x', qr/"delay=x"/], ['status=99', qr/"status=99"/],
     ['log=loud', qr/"log=loud": must be info/],
     ['zone=tpm', qr/duplicate parameter "zone=tpm"/],
     ['dry_run=1', qr/invalid parameter "dry_run=1"/]),
    ["$zone $tpm", "$on llm_limit zone=tpm; llm_limit zone=tpm;",
     qr/names a zone that another one names/],
    ["$zone $tpm", "$on llm_budget zone=tpm limit=1r;",
     qr/zone "tpm"/],
    ["$zone $day", "$on llm_budget zone=day;", qr/needs "limit="/],
    (map { ["$zone $day", "$on llm_budget zone=day limit=$_;",
            qr/must be an amount such as/] } qw(1 1usdx -1usd 1.5t usd)),
    (map { ["$zone $day", "$on llm_budget zone=day limit=1usd $_;",
            qr/invalid parameter "\Q$_\E": must be/] }
     qw(soft=0 soft=101 soft=x unpriced=1 reserve=x status=1 log=x)),
);

my @right = (
    [$zone, $on],
    ["$zone $on", 'llm off;'],
    ["$zone $on llm_set_model a; llm_max_output_tokens 9 reject;",
     'llm_set_model off; llm_max_output_tokens off;'],
    [$zone, "$on llm_set_model \$arg_m; llm_max_output_tokens \$arg_n clamp;"],
    [$zone, "$on llm_include_usage on;"],
    [$zone, "$on llm_label team \$http_x; llm_label env prod;"],
    [$zone, $on . join '', map { "llm_label l$_ x;" } 1 .. 6],
    ["$zone llm_label team \$http_x;", "$on llm_label off;"],
    [$zone, "$on llm_route x\$uri; llm_provider \$host;"],
    [$zone, "$on llm_provider auto; llm_stream_buffering on;"],
    [$zone, "$on llm_accept_encoding pass; llm_inspect passive;"],
    [$zone, "$on llm_inspect_max 1m; llm_inspect preaccess;"],
    [$zone, "$on llm_inspect precontent;"],
    ["$zone llm_key_secret file=%%DIR%%/secret;", $on],
    ["$zone llm_price gpt* input=1 output=2.5 cache_read=0.1 request=1;"
     . "llm_price ~^o[13] provider=openai input=1 output=2;", $on],
    ["$zone llm_slo a $slo=ttft under=1500ms target=99.9999% window=24h "
     . "min=1 hold=1h probe=0 provider=p model=m route=r team=x;",
     "$on llm_label team \$http_x; llm_route \$llm_slo_a;"],
    ["$zone llm_slo a_1 $slo=errors target=100 latch route=r;",
     "$on if (\$llm_slo_a_1 = breach) { return 503; }"],
    [$zone . join('', map { "llm_slo a$_ $slo=errors target=9 route=x;" }
                          1 .. 32), ''],
    [$zone, "$on llm_allow_models gpt-4* o1 ~^claude-(3|4)\$ \$http_x;"
            . 'llm_allow_models more; llm_deny_models * "a b";'],
    ["$zone llm_allow_models gpt;", $on],
    ["$zone $on llm_deny_models gpt;", 'llm_deny_models off;'],
    ["$zone llm_delay 1s; llm_stream_timeout idle=1s ttft=1500ms total=1h;",
     "$on llm_delay off; llm_stream_timeout off;"],
    [$zone, "$on llm_delay \${arg_x}ms;"],
    [$zone, 'llm_status main;'], [$zone, 'llm_status main json;'],
    [$zone, 'llm_status main prometheus by=provider,model;'],
    ["$zone llm_zone zone=two:8m;", $on . '} location /x { llm two;'],
    ['llm_price gpt input=1 output=2;', ''],
    ["$zone $tpm $day", "$on llm_limit zone=tpm burst=1t delay=5m status=503 "
     . 'log=warn dry_run; llm_budget zone=day limit=$uri soft=80% pass '
     . 'unpriced=pass reserve=0 status=402 log=info dry_run; llm_deny $uri;'
     . 'llm_deny 1 599; llm_max_cost 0.001; llm_max_input_tokens $uri;'
     . 'llm_unreadable pass;'],
    ["$zone $tpm llm_limit zone=tpm;", "$on llm_limit off;"],
    (map { ["llm_limit_zone \$uri zone=tpm:32k rate=$_;", ''] }
     qw(100000t/m 600r/m 2usd/h 0.5usd/s 1r/d 4503599.627370495usd/d)),
    (map { ["llm_budget_zone \$uri period=$_ zone=b:1m;", ''] }
     qw(hour day week month)),
);

$t->write_file('empty', "\r\n\n");
$t->write_file('long', 'x' x 4097);
$t->write_file('secret', ('x' x 4095) . "\n");
$t->write_file('not.json', "{ this is no list\n");
$t->write_file('nonsense.json',
    '{"gpt-x": {"input_cost_per_token": "much"}}');

for my $row (@wrong) {
    my ($http, $location, $says) = @$row;
    my ($ok, $said) = $t->check(conf($http, $location));
    my $name = "$http $location";
    my $dir = $t->dir;
    ($says) = map { qr/$_/s } $says =~ s/%%DIR%%/$dir/r;
    ok(!$ok && $said =~ $says && $said =~ /\[emerg\]/, "refused: $name")
        or diag("ok: $ok\n$said");
}

for my $row (@right) {
    my ($ok, $said) = $t->check(conf(@$row));
    ok($ok && $said !~ /\[(?:warn|error|emerg)\]/, "taken: @$row")
        or diag($said);
}

my ($ok, $said) = $t->check(conf("$zone llm_label team a;",
                                 "$on llm_label env b;"));
ok($ok, 'labels of two levels are taken');
like($said, qr/\[warn\].*llm_label.*outer level.*hidden/, 'with a warning');

($ok, $said) = $t->check(conf($zone, $on));
like($said, qr/main.*\bseries\b/, '-t says how many series fit');

($ok, $said) = $t->check(conf('llm_limit_zone $uri zone=l:1m rate=1r/s;'
    . 'llm_budget_zone $uri zone=b:1m period=day;', ''));
like($said, qr/llm_limit_zone "l": \d{4} keys/, '-t says how many keys fit');
like($said, qr/llm_budget_zone "b": \d{4} keys/, 'of a budget, too');

($ok, $said) = $t->check(conf('', ''));
ok($ok && $said !~ /llm_/, 'with no directive of ours nothing is said');

$t->done;
