# Money through a real nginx: what is unknown and what is unpriced, tiers,
# regions and endpoints, fees and partial costs; and lists that must not be
# loaded, or have lost their models.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use LLM::Test;
use LLM::Upstream qw(response);
use Test::More;

my $json = JSON::PP->new->canonical;

my %list = (
    'gpt-a' => { litellm_provider => 'openai', mode => 'chat',
        input_cost_per_token => '1e-06', output_cost_per_token => '2e-06',
        cache_read_input_token_cost => '1e-07',
        input_cost_per_token_flex => '5e-07',
        output_cost_per_token_flex => '1e-06',
        input_cost_per_token_priority => '2e-06',
        output_cost_per_token_priority => '4e-06',
        input_cost_per_token_above_200k_tokens => '3e-06',
        aliases => ['gpt-alias'],
        regional_processing_uplift_multiplier_eu => '1.1' },
    'azure/gpt-a' => { litellm_provider => 'azure', mode => 'chat',
        input_cost_per_token => '7e-06', output_cost_per_token => '8e-06' },
    'picture' => { litellm_provider => 'openai', mode => 'chat',
        output_cost_per_image => '0.04', input_cost_per_token => '0',
        output_cost_per_token => '0' },
    'nameless' => { litellm_provider => 'openai', mode => 'chat' },
    'free' => { litellm_provider => 'openai', mode => 'chat',
        input_cost_per_token => '0', output_cost_per_token => '0' },
    'painter' => { litellm_provider => 'openai', mode => 'image_generation',
        input_cost_per_token => '1e-06', output_cost_per_token => '1e-06',
        output_cost_per_image_token => '3e-05' },
    'timed' => { litellm_provider => 'openai', mode => 'chat',
        input_cost_per_token => '1e-06', output_cost_per_token => '1e-06',
        off_peak_pricing => { hours_utc => [1, 2] } },
    'rerank-x' => { litellm_provider => 'cohere', mode => 'rerank',
        input_cost_per_token => '0', output_cost_per_token => '0',
        input_cost_per_query => '0.002' },
    'rerank-t' => { litellm_provider => 'voyage', mode => 'rerank',
        input_cost_per_token => '5e-08', output_cost_per_token => '0' },
    'moderate' => { litellm_provider => 'openai', mode => 'moderation',
        input_cost_per_token => '0', output_cost_per_token => '0' },
    'claude-y' => { litellm_provider => 'anthropic', mode => 'chat',
        input_cost_per_token => '1e-06', output_cost_per_token => '2e-06',
        search_context_cost_per_query => { search_context_size_low => '0.01',
            search_context_size_medium => '0.01',
            search_context_size_high => '0.01' },
        provider_specific_entry => { us => '1.1', fast => '6.0' } },
    'gpt-voice' => { litellm_provider => 'openai', mode => 'chat',
        input_cost_per_token => '1e-06', output_cost_per_token => '2e-06',
        input_cost_per_audio_token => '1e-05' },
    'command-y' => { litellm_provider => 'cohere_chat', mode => 'chat',
        input_cost_per_token => '1e-06', output_cost_per_token => '2e-06' },
    'anthropic.claude-x-v1:0' => { litellm_provider => 'bedrock_converse',
        mode => 'chat', input_cost_per_token => '3e-06',
        output_cost_per_token => '5e-06' },
    'us.anthropic.claude-x-v1:0' => { litellm_provider => 'bedrock_converse',
        mode => 'chat', input_cost_per_token => '4e-06',
        output_cost_per_token => '6e-06' },
    'bedrock/eu-west-1/anthropic.claude-x-v1:0' => {
        litellm_provider => 'bedrock', mode => 'chat',
        input_cost_per_token => '9e-06', output_cost_per_token => '9e-06' },
    'vertex_ai/gem' => { litellm_provider => 'vertex_ai-language-models',
        mode => 'chat', input_cost_per_token => '1e-06',
        output_cost_per_token => '1e-06',
        regional_endpoint_uplift_multiplier => '1.5' },
);

sub chat {
    my ($model, $in, $out, %more) = @_;

    my $tier = delete $more{tier};

    return { id => 'c', object => 'chat.completion', model => $model,
        $tier ? (service_tier => $tier) : (),
        choices => [{ index => 0, finish_reason => 'stop',
                      message => { role => 'assistant', content => 'x' } }],
        usage => { prompt_tokens => $in, completion_tokens => $out,
                   total_tokens => $in + $out, %more } };
}

sub messages {
    my (%usage) = @_;

    return { id => 'm', type => 'message', role => 'assistant',
        model => 'claude-y', stop_reason => 'end_turn',
        content => [{ type => 'text', text => 'x' }],
        usage => { input_tokens => 1000, output_tokens => 100, %usage } };
}

my $arn = 'arn:aws:bedrock:us-east-1:000000000000';

# answer, model asked for, where, and what the log and the books say

my @cases = (
    { name => 'plain', answer => chat('gpt-a', 1000, 100),
      cost => '0.001200000', match => 'exact' },
    { name => 'cache read', answer => chat('gpt-a', 1000, 100,
          prompt_tokens_details => { cached_tokens => 400 }),
      cost => '0.000840000', match => 'exact' },
    { name => 'cliff', answer => chat('gpt-a', 200_001, 1),
      cost => '0.600005000', match => 'exact' },
    { name => 'dated', answer => chat('gpt-a-2026-01-02', 1000, 100),
      cost => '0.001200000', match => 'version', asked => 'x' },
    { name => 'asked', answer => chat('gpt-a-2026-01-02', 1000, 100),
      cost => '0.001200000', match => 'exact', asked => 'gpt-a' },
    { name => 'alias', answer => chat('gpt-alias', 1000, 100),
      cost => '0.001200000', match => 'alias', asked => 'x' },
    { name => 'case', answer => chat('GPT-A', 1000, 100),
      cost => '0.001200000', match => 'case', asked => 'x' },
    { name => 'rule', answer => chat('house', 1000, 100), asked => 'x',
      cost => '0.001000000', match => 'rule' },
    { name => 'azure', answer => chat('gpt-a', 1000, 100),
      provider => 'azure.ai.openai', cost => '0.007800000',
      match => 'exact' },
    { name => 'free', answer => chat('free', 1000, 100), asked => 'x',
      cost => '0.000000000', match => 'exact' },

    (map { { name => "tier $_->[0]", match => 'exact', cost => $_->[1],
             answer => chat('gpt-a', 1000, 100, tier => $_->[0]) } }
     ['flex', '0.000600000'], ['priority', '0.002400000'],
     ['default', '0.001200000'], ['auto', '0.001200000'],
     ['batch', '0.001200000']),

    { name => 'unknown', answer => chat('nobodys', 1000, 100),
      why => 'unknown_model', match => 'unknown' },
    { name => 'somebody else\'s', answer => chat('gpt-a', 10, 1),
      provider => 'vllm', why => 'unknown_model', match => 'unknown' },
    { name => 'images alone', answer => chat('picture', 1000, 100),
      why => 'no_rate', match => 'exact', asked => 'x' },
    { name => 'no rates', answer => chat('nameless', 1000, 100),
      why => 'no_rate', match => 'exact', asked => 'x' },
    { name => 'no usage', uri => '/v1/embeddings', asked => 'gpt-a',
      answer => { object => 'list', data => [], model => 'gpt-a' },
      body => { model => 'gpt-a' }, why => 'no_usage', match => 'exact' },
    { name => 'no meter', uri => '/v1/images/generations',
      answer => { data => [{ url => 'u' }] }, why => 'no_meter' },
    { name => 'fine-tune', answer => chat('ft:gpt-a:me::1', 1000, 100),
      why => 'unknown_model', match => 'unknown' },

    { name => 'rerank', uri => '/v2/rerank', asked => 'rerank-x',
      provider => 'cohere', answer => { id => 'r', results => [],
          meta => { billed_units => { search_units => 1 } } },
      cost => '0.002000000', match => 'exact' },
    { name => 'rerank by tokens', uri => '/v1/rerank', asked => 'rerank-t',
      provider => 'voyage', answer => { object => 'list', data => [] },
      body => { model => 'rerank-t', query => '', documents => [] }, why => 'no_usage', match => 'exact' },
    { name => 'rerank by estimated tokens', uri => '/v1/rerank',
      provider => 'voyage', answer => { object => 'list', data => [] },
      asked => 'rerank-t', cost => qr/^0\.00000\d{4}$/, match => 'exact',
      partial => 1, estimated => 1 },
    { name => 'moderation', uri => '/v1/moderations', asked => 'moderate',
      answer => { id => 'm', model => 'moderate', results => [{}] },
      cost => '0.000000000', match => 'exact' },

    (map { { name => "anthropic, $_->[0]", uri => '/v1/messages',
             provider => 'anthropic', answer => messages(%{ $_->[1] }),
             cost => $_->[2], match => 'exact', asked => 'x' } }
     ['plain', {}, '0.001200000'],
     ['in the US', { inference_geo => 'us' }, '0.001320000'],
     ['anywhere', { inference_geo => 'global' }, '0.001200000'],
     ['fast', { speed => 'fast' }, '0.007200000'],
     ['not fast', { speed => 'standard' }, '0.001200000'],
     ['fast, in the US', { speed => 'fast', inference_geo => 'us' },
      '0.007920000'],
     ['two searches', { server_tool_use => { web_search_requests => 2 } },
      '0.021200000'],
     ['a search in the US', { server_tool_use => { web_search_requests => 1 },
                              inference_geo => 'us' }, '0.011320000']),

    { name => 'a search that has no price', uri => '/v1/responses',
      answer => { id => 'r', object => 'response', status => 'completed',
          model => 'gpt-a', output => [
              { type => 'web_search_call', id => 'w', status => 'completed' },
              { type => 'message', content => [
                  { type => 'output_text', text => 'x' }] }],
          usage => { input_tokens => 1000, output_tokens => 100 } },
      body => { model => 'gpt-a', input => 'x' }, cost => '0.001200000',
      match => 'exact', partial => 1 },
    { name => 'a voice', answer => chat('gpt-voice', 1000, 100,
          prompt_tokens_details => { audio_tokens => 800 }),
      cost => '0.001200000', match => 'exact', partial => 1 },
    { name => 'no voice', answer => chat('gpt-voice', 1000, 100,
          prompt_tokens_details => { audio_tokens => 0 }),
      cost => '0.001200000', match => 'exact' },
    { name => 'billed tokens', uri => '/v2/chat', provider => 'cohere',
      asked => 'command-y', answer => { id => 'c', finish_reason => 'COMPLETE',
          message => { role => 'assistant',
                       content => [{ type => 'text', text => 'x' }] },
          usage => { billed_units => { input_tokens => 7,
                                       output_tokens => 100 },
                     tokens => { input_tokens => 1000,
                                 output_tokens => 120 } } },
      cost => '0.000207000', match => 'exact' },
    { name => 'three queries', uri => '/v2/rerank', asked => 'rerank-x',
      provider => 'cohere', answer => { id => 'r', results => [],
          meta => { billed_units => { search_units => 3 } } },
      cost => '0.006000000', match => 'exact' },

    { name => 'images perhaps', answer => chat('painter', 1000, 100),
      cost => '0.001100000', match => 'exact', partial => 1, asked => 'x' },
    { name => 'by the hour', answer => chat('timed', 1000, 100),
      cost => '0.001100000', match => 'exact', partial => 1, asked => 'x' },

    { name => 'an error costs nothing', status => 500,
      answer => { error => { message => 'no', type => 'server_error' } } },

    { name => 'eu endpoint', at => '/openai-eu', cost => '0.001320000',
      answer => chat('gpt-a', 1000, 100), match => 'exact' },
    { name => 'eu endpoint by a variable', at => '/openai-eu-variable',
      cost => '0.001320000', answer => chat('gpt-a', 1000, 100),
      match => 'exact' },
    { name => 'bedrock eu-west-1', at => '/bedrock-eu',
      answer => chat('anthropic.claude-x-v1:0', 1000, 100),
      cost => '0.009900000', match => 'exact' },
    { name => 'bedrock us-east-1', at => '/bedrock-us',
      answer => chat('anthropic.claude-x-v1:0', 1000, 100),
      cost => '0.003500000', match => 'exact' },
    { name => 'bedrock profile', at => '/bedrock-us', answer => chat(
          'us.anthropic.claude-x-v1:0', 1000, 100),
      cost => '0.004600000', match => 'exact' },
    { name => 'bedrock profile without an entry', at => '/bedrock-us',
      answer => chat('sa.anthropic.claude-x-v1:0', 1000, 100),
      cost => '0.003500000', match => 'route', asked => 'x' },
    { name => 'bedrock ARN', at => '/bedrock-us', cost => '0.004600000',
      answer => chat("$arn:inference-profile/us.anthropic.claude-x-v1:0",
                     1000, 100), match => 'route', asked => 'x' },
    { name => 'bedrock application', at => '/bedrock-us', match => 'unknown',
      answer => chat("$arn:application-inference-profile/ab12", 1000, 100),
      why => 'unknown_model' },
    { name => 'bedrock application with a rule', at => '/bedrock-us',
      answer => chat("$arn:application-inference-profile/cd34", 1000, 100),
      cost => '0.001000000', match => 'rule' },
    { name => 'vertex, regional', at => '/vertex-eu', cost => '0.001650000',
      answer => chat('gem', 1000, 100), match => 'exact' },
    { name => 'vertex, global', at => '/vertex', cost => '0.001100000',
      answer => chat('gem', 1000, 100), match => 'exact' },
);

my $t = LLM::Test->new(allow => qr/\[emerg\].*price list/);

$t->upstream(sub {
    my ($request) = @_;
    my ($n) = $request->{uri} =~ /[?&]case=(\d+)/;
    my $c = $cases[$n // 0];

    return response($c->{status} || 200,
                    ['Content-Type' => 'application/json'],
                    JSON::PP->new->canonical->encode($c->{answer}));
});

# Numbers are written as people write them.

sub list {
    return $json->encode({ @_ }) =~ s/"(\d[\d.e-]*)"(?=[,}\]])/$1/gr;
}

$t->write_file('list.json', list(%list));
$t->write_file('more.json', list('gpt-more' => $list{'gpt-a'}));

my %hosts = (
    'openai-eu' => 'eu.api.openai.com',
    'bedrock-eu' => 'bedrock-runtime.eu-west-1.amazonaws.com',
    'bedrock-us' => 'bedrock-runtime.us-east-1.amazonaws.com',
    'vertex-eu' => 'europe-west1-aiplatform.googleapis.com',
    'vertex' => 'aiplatform.googleapis.com',
);

my $upstreams = join '', map { "upstream $_ { server %%UPSTREAM%%; }\n" }
                         values %hosts;
my $locations = join '', map { <<"EOC" } sort keys %hosts;
        location /$_/ { llm main; proxy_pass http://$hosts{$_}/; }
EOC

my $config = <<"EOC";
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:8m;
    llm_prices list.json;
    llm_prices more.json;
    llm_price house input=0.5 output=5;
    llm_price $arn:application-inference-profile/cd34 input=0.5 output=5;
    $upstreams
    server {
        listen 127.0.0.1:%%PORT_0%%;
        set \$host_eu eu.api.openai.com;
        location / {
            llm main;
            llm_provider \$arg_provider;
            llm_route \$arg_case;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /openai-eu-variable/ {
            llm main;
            proxy_pass http://\$host_eu;
        }
$locations
        location = /llm-status { llm_status main; access_log off; }
    }
}
EOC

$t->config($config);
$t->start;


my %why;
my $usd = 0;
my $inexact = 0;
my $estimated = 0;
my $unpriced = 0;

for my $i (0 .. $#cases) {
    my $c = $cases[$i];
    my $uri = $c->{uri} || '/v1/chat/completions';
    my $asked = $c->{asked} // $c->{answer}{model} // 'm';
    my $body = $c->{body} || { model => $asked, input => '',
        messages => [{ role => 'user', content => 'x' }] };

    my $r = $t->post(($c->{at} || '') . "$uri?case=$i"
                     . "&provider=" . ($c->{provider} || 'openai'),
                     $json->encode($body),
                     'Content-Type' => 'application/json');
    my ($log) = $t->logged(1);

    is($r->{status}, $c->{status} || 200, "$c->{name}: answered");
    ref $c->{cost} ? like($log->{cost}, $c->{cost}, "$c->{name}: cost")
                   : is($log->{cost}, $c->{cost} // '', "$c->{name}: cost");
    is($log->{cost_source}, defined $c->{cost} ? 'list' : 'none',
       "$c->{name}: source");
    is($log->{price_match}, $c->{match}, "$c->{name}: how it was found")
        if $c->{match};

    $usd += 1e9 * ($log->{cost} || 0);
    $inexact += 1e9 * $log->{cost} if $c->{partial};
    $estimated += $log->{usage} eq 'estimated';

    if ($c->{why}) {
        $why{ $c->{why} }++;
        $unpriced++;
    }
}

my $status = $t->status('window=all');
my $total = $status->{total}{windows}{all};

is_deeply($status->{health}{unpriced}, \%why, 'health.unpriced: why not');
is($status->{health}{unpriced_calls}, $unpriced, 'health.unpriced_calls');
is($total->{calls}{unpriced}, $unpriced, 'calls.unpriced');
is($total->{cost}{usd}, sprintf('%.9f', $usd / 1e9), 'the sum of all costs');
is($total->{cost}{usd_estimated}, sprintf('%.9f', $inexact / 1e9),
   'partial and estimated ones are no exact ones');
is($total->{calls}{estimated}, $estimated, 'of which some are estimated');
cmp_ok($estimated, '>', 1, 'even where tokens are free');
is($status->{health}{prices}{models}, keys(%list) + 2,
   'health.prices: names of all lists');


# Lists that cannot be used

sub said_of {
    my ($text) = @_;

    $t->write_file('bad.json', $text);
    return $t->check($config =~ s/list\.json/bad.json/r);
}

my @bad = (
    ['', qr/bad\.json", line 1: is empty/],
    ["\n\n[]", qr/line 3: is not a JSON object/],
    ["{\n\"m\": {\n\"input_cost_per_token\": 1e-6", qr/line 3.*ends in the/],
    ["{\n\"m\": {\n\"input_cost_per_token\": -1e-6}}",
     qr/line 3, entry "m", "input_cost_per_token": is negative/],
    ["{\n\"m\": {\"output_cost_per_token_flex\": \"much\"}}",
     qr/line 2, entry "m", "output_cost_per_token_flex": is not a number/],
    ["{\"m\": {\"input_cost_per_token\": 3}}",
     qr/line 1, entry "m", "input_cost_per_token": is absurd/],
    ["{\"m\": {\"search_context_cost_per_query\":\n"
     . "{\"search_context_size_low\": true}}}",
     qr/line 2, entry "m".*is not a number/],
    ["{\"m\": {\"mode\": \"chat\"}}", qr/has no model with a price/],
    ["{\"m\": {\"input_cost_per_token\": 1e-6}}\nx", qr/line 2.*not JSON/],
    ["<html>\n", qr/line 1: is not a JSON object/],
);

for my $bad (@bad) {
    my ($ok, $said) = said_of($bad->[0]);

    ok(!$ok && $said =~ $bad->[1] && $said =~ /\[emerg\]/,
       "-t refuses: " . ($bad->[0] =~ s/\n/ /gr))
        or diag($said);
}

unlink $t->path('bad.json');
my ($ok, $said) = $t->check($config =~ s/list\.json/bad.json/r);
ok(!$ok && $said =~ /bad\.json" failed/, '-t refuses a list that is not there');


# A reload: the good list stays where the new one is bad

sub cost_now {
    my $r = $t->post('/v1/chat/completions?case=0&provider=openai',
                     '{"model":"gpt-a","messages":[]}');
    my ($log) = $t->logged(1);
    return $log->{cost};
}

sub hup {
    my ($until) = @_;

    kill HUP => $t->master;
    return LLM::Util::wait_for(10, sub { $t->errors($until) });
}

$t->write_file('list.json', substr list(%list), 0, length(list(%list)) / 2);
ok(hup(qr/\[emerg\].*list\.json", line 1.*: ends in the middle/),
   'a reload with half a list says so');
is($t->status->{health}{generation}, 1, 'the configuration stays');
is(cost_now(), '0.001200000', 'and so does the price');

my $generation = 1;

sub reload {
    my ($models, $name) = @_;

    my $before = () = $t->errors(qr/\[warn\].*price list/);

    $t->write_file('list.json', list(%$models));
    $generation++;
    ok($t->reload, "$name: reloaded");
    is($t->status->{health}{generation}, $generation, "$name: generation");

    my @warned = $t->errors(qr/\[warn\].*price list/);
    splice @warned, 0, $before;
    return @warned;
}

my %less = map { $_ => $list{$_} } (sort keys %list)[0 .. @{[keys %list]} / 2],
           'gpt-a';
my %few = map { $_ => $list{$_} } (sort keys %less)[0 .. 1], 'gpt-a';

my @warned = reload(\%less, 'half of it');
is(scalar @warned, 0, 'half a list is no warning');

@warned = reload(\%few, 'less than half');
is(scalar @warned, 1, 'less than half is one');
my ($was, $is) = (scalar keys %less, scalar keys %few);
like($warned[0], qr/list\.json" has lost more than half of its models:/,
     'which names the list');
like($warned[0], qr/: $is, and $was in the running configuration/,
     'and the numbers');
is(cost_now(), '0.001200000', 'and the list is used');

@warned = reload(\%few, 'the same again');
is(scalar @warned, 0, 'and said once');
@warned = reload({ %list }, 'all of it');
is(scalar @warned, 0, 'more is no warning');

$t->write_file('small.json', list('gpt-a' => $list{'gpt-a'}));
$t->config($config =~ s/list\.json/small.json/r);
$generation++;
ok($t->reload, 'another list: reloaded');
is(scalar($t->errors(qr/\[warn\].*price lists have lost more than half of/)),
   1, 'another list with less than half of the names');

($ok, $said) = $t->check($config =~ s/list\.json/small.json/r);
ok($ok && $said !~ /\[warn\]/, '-t compares with nothing');

$t->done;
