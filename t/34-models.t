# Lists of models: what may pass and what is refused, by literals and by
# variables, in the body and in the path, and how a level hides another.
#
# What this cannot see: what a provider takes for the same model.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use LLM::Client qw(http);
use LLM::Provider qw(answer);
use LLM::Test;
use LLM::Upstream qw(response);
use LLM::Util qw(slurp);
use Test::More;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $t = LLM::Test->new;

my $up = $t->upstream(sub {
    my $made = answer(api => 'openai_chat', model => 'm');
    return response(200, ['Content-Type' => $made->{type}], $made->{body});
});

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:16m;

    map $http_x_team $team_models {
        default   "";
        small     gpt-4o-mini;
        both      "gpt-4o-mini, claude-*	mistral-large\n";
        regex     "~^o[134](-mini){0,1} ~(?i)^gpt,x";
        bad       "gpt-4o ~( x";
        worse     "gpt-4o ~a[b";
        tilde     "gpt-4o ~";
        slow      "~^(a+)+b";
        all       "*";
    }
    map $http_x_team $denied {
        default   "";
        some      "o1-pro ~preview";
        bad       "~(";
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        llm_inspect precontent;
        proxy_pass_request_headers on;

        location / {
            llm_allow_models gpt-4o gpt-4o-mini claude-* ~^o[134](-mini)?$;
            llm_allow_models more;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /team/ {
            llm_allow_models $team_models;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /mixed/ {
            llm_allow_models gpt-4o x-$http_x_part* $team_models;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /deny/ {
            llm_deny_models o1-pro* ~^gpt-3 $denied;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /path/ {
            llm_allow_models gemini-* gpt-4o anthropic.claude-3:0
                             ~^arn:aws:bedrock:[^/]*/us\.;
            proxy_pass http://%%UPSTREAM%%/;
        }
        location /outer/ {
            llm_allow_models gpt-4o;
            proxy_pass http://%%UPSTREAM%%;

            location /outer/same/ {
                proxy_pass http://%%UPSTREAM%%;
            }
            location /outer/off/ {
                llm_allow_models off;
                proxy_pass http://%%UPSTREAM%%;
            }
            location /outer/other/ {
                llm_allow_models other;
                proxy_pass http://%%UPSTREAM%%;
            }
        }
        location = /llm-status { llm off; llm_status main; }
    }
}
EOC

$t->start;

my $json = JSON::PP->new->utf8->allow_nonref;

my $asked = 0;

sub ask {
    my ($where, $model, %headers) = @_;

    $asked++;

    my $body = ref $model ? $$model
             : '{"messages":[],"model":' . $json->encode($model) . '}';
    return http($t->port, 'POST', "$where/v1/chat/completions", $body,
                %headers);
}

sub passes {
    my ($what, $r) = @_;

    is($r->{status}, 200, "passes: $what") or diag($r->{body});
    return;
}

sub refused {
    my ($what, $r, $status) = @_;

    is($r->{status}, $status // 403, "refused: $what") or diag($r->{body});
    return;
}


# literals

passes($_, ask('', $_))
    for qw(gpt-4o gpt-4o-mini claude- claude-3 o1 o4-mini more);
refused($_, ask('', $_))
    for 'gpt-4', 'gpt-4o-', 'GPT-4o', 'claude', 'o2', 'o1-mini-x', 'xo1',
        'Claude-3', 'mor', "gpt-4o\x{200b}", "gpt\x{2010}4o";
refused('no model', ask('', \'{"messages":[]}'));
refused('an empty one', ask('', ''));
refused("no string", ask('', \"{\"messages\":[],\"model\":$_}"), 400)
    for 'null', '5', '["gpt-4o"]', '{"a":"gpt-4o"}', 'true';

{
    my $r = ask('', 'gpt-5');
    my $e = $json->decode($r->{body})->{error};
    is($r->{headers}{'content-type'}, 'application/json', 'it is JSON');
    is($e->{code}, 'model_not_found', 'its code');
    is($e->{param}, 'model', 'its parameter');
    like($e->{message}, qr/models/, 'it names its gate');
}

# what asks for nothing

sub bare {
    my (@request) = @_;

    $asked++;
    return http($t->port, @request);
}

passes("$_ without a body", bare($_, '/v1/models', undef))
    for qw(GET OPTIONS DELETE);
refused('POST without a body', bare('POST', '/v1/models', undef));
refused('POST of nothing', bare('POST', '/v1/models', ''));
refused("$_ with a body", bare($_, '/v1/models', '{"model":"gpt-4o"}'))
    for qw(GET PUT PATCH DELETE);
passes("$_ of a call", bare($_, '/v1/chat/completions',
                            '{"model":"gpt-4o","messages":[]}'))
    for qw(GET);
refused("$_ of a call", bare($_, '/v1/chat/completions',
                             '{"model":"gpt-5","messages":[]}'))
    for qw(GET PUT PATCH DELETE);

# variables

passes('one of its team', ask('/team', 'gpt-4o-mini', 'X-Team' => 'small'));
refused('another', ask('/team', 'gpt-4o', 'X-Team' => 'small'));
passes("of a list: $_", ask('/team', $_, 'X-Team' => 'both'))
    for qw(gpt-4o-mini claude-x mistral-large);
refused('not of a list', ask('/team', 'mistral-larger', 'X-Team' => 'both'));
passes("by regex: $_", ask('/team', $_, 'X-Team' => 'regex'))
    for qw(o1 o3-mini);
refused("by regex: $_", ask('/team', $_, 'X-Team' => 'regex'))
    for qw(o2 O1 xo1);
refused('of no team', ask('/team', 'gpt-4o'));
passes('any', ask('/team', 'anything at all', 'X-Team' => 'all'));
refused("a list with a malformed pattern, $_", ask('/team', 'gpt-4o',
                                                   'X-Team' => $_))
    for qw(bad worse tilde);
refused('a match that takes too long',
        ask('/team', 'a' x 80, 'X-Team' => 'slow'));

{
    my @said = $t->errors(qr/malformed pattern of models/);
    is(scalar @said, 1, 'said once a minute') or diag(@said);
}

passes('a literal beside a variable', ask('/mixed', 'gpt-4o'));
passes('a prefix with a variable',
       ask('/mixed', 'x-abc', 'X-Part' => 'ab'));
refused('not with that prefix', ask('/mixed', 'x-abc', 'X-Part' => 'b'));
refused('a malformed one refuses what a literal allows',
        ask('/mixed', 'gpt-4o', 'X-Team' => 'bad'));

# more regexes than are kept, twice: each is found or compiled again

for my $i ((1 .. 150) x 2) {
    my $r = ask('/mixed', "m$i", 'X-Part' => "y ~^m$i\$ z");
    $r->{status} == 200 or refused("regex $i", $r, 200);
}

passes('a regex of many', ask('/mixed', 'm150', 'X-Part' => 'y ~^m150$ z'));

# denied

refused($_, ask('/deny', $_)) for qw(o1-pro o1-pro-2 gpt-3.5);
passes($_, ask('/deny', $_)) for qw(o1 xgpt-3 O1-pro);
passes('no model', ask('/deny', \'{"messages":[]}'));
refused('by a variable', ask('/deny', 'x-preview', 'X-Team' => 'some'));
refused('by a malformed one', ask('/deny', 'gpt-4o', 'X-Team' => 'bad'));

# in the path

sub at_path {
    my ($path, $body, @headers) = @_;

    $asked++;
    return http($t->port, 'POST', "/path$path", $body // '{"contents":[]}',
                @headers);
}

passes($_->[0], at_path(@$_)) for
    ['/v1beta/models/gemini-x:generateContent'],
    ['/v1beta/models/gemini-x:streamGenerateContent?alt=sse'],
    ['/v1beta/models/gemini-x:generateContent',
     '{"model":"models/gemini-x","contents":[]}'],
    ['/openai/deployments/gpt-4o/chat/completions?api-version=1',
     '{"messages":[]}'],
    ['/openai/deployments/gpt-4o/chat/completions',
     '{"messages":[],"model":"gpt-4o"}'],
    ['/model/anthropic.claude-3%3A0/converse', '{"messages":[]}'],
    ['/model/anthropic.claude-3:0/invoke', '{"messages":[]}'],
    ['/model/arn%3Aaws%3Abedrock%3Aeu%3A1%3Ax%2Fus.y/converse-stream',
     '{"messages":[]}'];

refused($_->[0], at_path(@$_)) for
    ['/v1beta/models/other:generateContent'],
    ['/v1beta/models/gemini:generateContent'],
    ['/openai/deployments/gpt-5/chat/completions', '{"messages":[]}'],
    ['/model/anthropic.claude-4%3A0/converse', '{"messages":[]}'];

refused("$_->[0], " . ($_->[1] // ''), at_path(@$_), 400) for
    ['/v1beta/models/other:generateContent',
     '{"model":"gemini-x","contents":[]}'],
    ['/v1beta/models/gemini-x:generateContent',
     '{"model":"other","contents":[]}'],
    ['/openai/deployments/gpt-5/chat/completions',
     '{"messages":[],"model":"gpt-4o"}'],
    ['/v1beta/models/gemini-x:generateContent?model=other'];

# levels

passes('the outer list', ask('/outer', 'gpt-4o'));
refused('not on it', ask('/outer', 'other'));
passes('inherited', ask('/outer/same', 'gpt-4o'));
refused('inherited', ask('/outer/same', 'other'));
passes('off', ask('/outer/off', 'anything'));
passes('hidden by its own', ask('/outer/other', 'other'));
refused('hidden by its own', ask('/outer/other', 'gpt-4o'));

{
    my ($ok, $said) = $t->check(slurp($t->path('nginx.conf')));
    ok($ok, 'the configuration is taken');
    like($said, qr/"llm_allow_models" of the outer level is hidden/,
         'and what is hidden is said');
}

# the books: refused calls never came there, and are told apart

{
    my @log = $t->logged($asked);
    is(scalar @log, $asked, 'a line for each');

    my @refused = grep { $_->{status} >= 400 } @log;
    my @odd = grep { $_->{outcome} ne 'refused'
                     || $_->{error_type} ne 'gate'
                     || $_->{upstream_addr} ne ''
                     || $_->{cost} ne '' || $_->{attempts} ne '0' }
              grep { $_->{operation} ne '' } @refused;

    is(scalar @odd, 0, 'each refusal is one, and nobody was asked')
        or diag(explain($odd[0]));
    my @passed = $up->requests;
    is(scalar @passed, @log - @refused, 'the upstream saw what passed');

    my ($status) = $t->status;
    my $all = $status->{total}{windows}{all};
    my $calls = grep { $_->{operation} ne '' } @refused;
    is($all->{calls}{refused}, $calls, 'they are in the books');
    is($all->{errors}{gate}, $calls, 'by their type');
    is($all->{latency}{duration}{count}, $all->{calls}{total} - $calls,
       'and are no samples');
}

$t->done;
