# Ways around a list of models, a limit and a budget: other spellings of the
# body, its encoding, the path, the query, headers, protocols and methods.
# Whatever the upstream gets to see of the attacks is one too many.  And what
# only looks like an attack passes.
#
# What this cannot see: a provider that reads a request in a way that nobody
# here thought of.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Zlib ();
use Encode ();
use LLM::Client qw(build_request);
use LLM::Provider qw(answer);
use LLM::Test;
use LLM::Upstream qw(response);
use Test::More;

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
    llm_budget_zone all zone=day:1m period=day;
    llm_price dear input=1000000 output=1000000;
    llm_price cheap input=0.001 output=0.001;
    client_max_body_size 8m;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        location / {
            llm_allow_models good good-mini models/good;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $http_connection;
            proxy_http_version 1.1;
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /llm-status { llm off; llm_status main; }
    }
    server {
        listen 127.0.0.1:%%PORT_1%%;
        llm main;
        location / {
            llm_deny_models evil;
            llm_budget zone=day limit=0;
            proxy_pass http://%%UPSTREAM%%;
        }
    }
    server {
        listen 127.0.0.1:%%PORT_3%%;
        llm main;
        llm_max_cost 1;
        location / { proxy_pass http://%%UPSTREAM%%; }
    }
    server {
        listen 127.0.0.1:%%PORT_2%%;
        llm main;
        llm_deny_models evil;
        location / { proxy_pass http://%%UPSTREAM%%; }
    }
}
EOC

$t->start;

my $chat = '/v1/chat/completions';
my $seen = 0;
my $attacks = 0;


sub reached {
    my @all = $up->requests;
    my $n = @all - $seen;
    my @new = @all[$seen .. $#all];
    $seen = @all;
    return ($n, @new);
}

# send(port, request): status; the connection is used for one call

sub ask {
    my ($bytes, $port) = @_;

    my $c = $t->client(port => $t->port($port || 0));
    $c->send($bytes);
    my $r = $c->response(timeout => 10);
    $c->close;
    return $r;
}

sub post {
    my ($path, $body, @headers) = @_;

    return build_request('POST', $path, $body, @headers);
}

# none of these may get through: [what, request], ...

sub closed {
    my ($group, $rows, $port) = @_;

    my @through;
    reached();

    for my $row (@$rows) {
        my ($what, $bytes) = @$row;
        my $r = ask($bytes, $port);
        $attacks++;
        my ($n) = reached();
        push @through, "$what: $r->{status}" if $n || $r->{status} < 400;
    }

    is(scalar @through, 0, "$group: of " . @$rows . ' none gets through')
        or diag(join "\n", @through);
    return;
}

sub open_to {
    my ($group, @rows) = @_;

    my @stopped;

    for my $row (@rows) {
        my ($what, $bytes) = @$row;
        my $r = ask($bytes);
        push @stopped, "$what: $r->{status} $r->{body}"
            if $r->{status} != 200;
    }

    is(scalar @stopped, 0, "$group: of " . @rows . ' all pass')
        or diag(join "\n", @stopped);
    return;
}

sub chat_of { return map { [$_, post($chat, $_)] } @_ }

sub message { return '"messages":[{"role":"user","content":"Hi"}]' }

my $m = message();


# keys

closed('keys', [chat_of(
    qq({"model":"good","model":"evil",$m}),
    qq({"model":"evil","model":"good",$m}),
    qq({"model":"good",$m,"model":"good"}),
    qq({"mod\\u0065l":"evil",$m}),
    qq({"model":"good","mod\\u0065l":"evil",$m}),
    qq({"mod\\u0065l":"evil","model":"good",$m}),
    qq({"\\u006d\\u006f\\u0064\\u0065\\u006c":"evil","model":"good",$m}),
    qq({"model":"good","\\u006Dodel":"good",$m}),
    (map { (qq({"$_":"evil",$m}), qq({"model":"good","$_":"evil",$m}),
            qq({"$_":"evil","model":"good",$m})) }
         qw(Model MODEL mODEL modeL MoDeL)),
    qq({"model":"good","Mod\\u0065l":"evil",$m}),
    qq({"model":"good","models":["evil"],$m}),
    qq({"model":"good","Models":["evil"],$m}),
    qq({"model":"good","fallbacks":["evil"],$m}),
    qq({"model":"good","fallbacks":[{"model":"evil"}],$m}),
    qq({"model":"good","fallback_models":["evil"],$m}),
    qq({"model":"good","tools":[{"type":"advisor","model":"evil"}],$m}),
    qq({"model\\u0000":"good",$m}), qq({"model ":"good",$m}),
    qq({" model":"good",$m}), qq({"model.x":"good",$m}),
    qq({"model[]":"good",$m}), qq({$m}), qq({"x":{"model":"good"},$m}),
    qq({"messages":[{"model":"good","content":"x"}]}),
)]);


# values

closed('values', [chat_of(
    (map { qq({"model":$_,$m}) }
         'null', 'true', '0', '[]', '{}', '["good"]', '[["good"]]',
         '{"good":1}', '{"model":"good"}', '""', '" "', '" good"', '"good "',
         '"good\\n"', '"\\tgood"', '"good\\u0000"', '"good\\u0000evil"',
         '"good\\u00a0"', '"good\\ufeff"', '"\\ufeffgood"', '"good\\u200b"',
         '"go\\u00adod"', '"good\\u001f"', '"good\\u007f"', '"good\\u0085"',
         '"good\\ud800"', '"good\\udc00"', '"\\ud800good"', '"Good"',
         '"GOOD"', '"good/"', '"./good"', '"good/../evil"', '"evil#good"',
         '"good?x"', '"good,evil"', '"good;evil"', '"good|evil"',
         '"good evil"', '"goo"', '"goodd"', '"g\\u043e\\u043ed"',
         '"\\uff47ood"', '"good:free"', '"openai/good"', '"good@1"',
         '"models/models/good"', '"good*"', '"*"', '"~good"', '"go%6fd"',
         '"good\\\\"', '"good\\""', '"' . 'good' x 200 . '"', 'good',
         "'good'", '"good', 'NaN', '01', '"good"x', '"go""od"',
         '"\\x67ood"', '"\\good"', "\"go\x00od\"", "\"good\n\"",
         "\"good\xff\"", "\"good\xc0\xaf\"", "\"good\xed\xa0\x80\"",
         "\"g\xd0\xbe\xd0\xbed\"", "\"good\xe2\x80\x8b\""),
)]);

{
    my @rows;
    for my $at (0 .. 4) {
        for my $c (map { chr } 0x20, 0x2a, 0x2e, 0x2f, 0x30, 0x41, 0x5f, 0x7e,
                   0x21 .. 0x29) {
            next if $c eq '"';
            my $name = 'good';
            substr($name, $at, 0) = $c;
            push @rows, chat_of(qq({"model":"$name",$m}));
            next if $at == 4;
            $name = 'good';
            substr($name, $at, 1) = $c;
            push @rows, chat_of(qq({"model":"$name",$m}));
        }
    }
    closed('names that are nearly it', \@rows);
}


# the document

my $good = qq({"model":"good",$m});
my $evil = qq({"model":"evil",$m});

closed('documents', [chat_of(
    "$good$evil", "$good\n$evil", "$good $evil", "$good,$evil",
    "[$good]", "[$evil,$good]", "$good\0", "$good\0$evil", "$good}",
    "$good]", "$good;", "$good x", "$good//", "$good/**/", "/**/$good",
    "//\n$good", "# x\n$good", "$good\x1e$evil", "\x1e$good", "data: $good",
    "--x\r\n\r\n$good", "model=good&x=$good", "\"$good\"", "{$good}",
    "\x0b$good", "\x0c$good", "\xc2\xa0$good", "$good\xef\xbb\xbf",
    "\xef\xbb\xbf$good", "\xef\xbb\xbf$evil", "\xfe\xff$good",
    "\xff\xfe$good", 'good', '"good"', 'null', '[]', '{}', '',
    substr($good, 0, -1), substr($good, 1), ' ', "\n",
    (map { '{"a":' . '[' x $_ . ']' x $_ . ",\"model\":\"good\"}" }
         300, 5000, 100_000),
    '[' x 100_000, '{"a":' x 100_000,
    qq({"model":"good","x":NaN,$m}), qq({"model":"good","x":Infinity,$m}),
    qq({"model":"good","x":01,$m}), qq({"model":"good","x":+1,$m}),
    qq({"model":"good","x":.5,$m}), qq({"model":"good","x":0x1,$m}),
    qq({"model":"good","x":'y',$m}), qq({model:"good",$m}),
    qq({'model':"good",$m}), qq({"model":"good",,$m}),
    qq({"model":"good",$m,}), qq({"model"="good",$m}),
    qq({"model" "good",$m}), qq({"model":"good" $m}),
    qq({"model":"good","x":"a\nb",$m}), qq({"model":"good","x":"\\q",$m}),
    qq({"model":"good","x":tru,$m}),
)]);


# encodings of characters

{
    my @rows;
    my @sets = map { ($_, "$_+BOM") }
               qw(UTF-16LE UTF-16BE UTF-32LE UTF-32BE);

    for my $body ($good, $evil, "[$good]", qq({"model":"good"}),
                  qq({"model":"evil"}), qq({"x":1,"model":"evil"}))
    {
        for my $set (@sets, 'UTF-7', 'cp37', 'cp1047', 'UTF-8+BOM') {
            my ($name, $bom) = split /\+/, $set;
            my $text = ($bom ? "\x{feff}" : '') . $body;
            my $coded = Encode::encode($name, $text);
            next if $coded eq $body;
            push @rows, ["$set: $body", post($chat, $coded)],
                ["$set, said: $body", post($chat, $coded, 'Content-Type',
                                "application/json; charset=$name")];
        }
    }

    closed('encodings of characters', \@rows);
}


# encodings of the body, said and not, true and not

{
    my $gzip = Compress::Zlib::memGzip($good);
    my $zlib = Compress::Zlib::compress($good);
    my ($d) = Compress::Zlib::deflateInit(-WindowBits => -15);
    my ($raw) = $d->deflate($good);
    $raw .= ($d->flush)[0];
    my $stored = Compress::Zlib::memGzip($evil);

    # frames whose literals can be read: zstd, lz4, brotli, gzip stored
    my $n = length $good;
    my %coded = (
        gzip => $gzip, deflate => $zlib, raw => $raw,
        zstd => "\x28\xb5\x2f\xfd\x20" . chr($n)
                . substr(pack('V', $n << 3 | 1), 0, 3) . $good,
        lz4 => "\x04\x22\x4d\x18\x40\x40\xc0" . pack('V', 0x80000000 | $n)
               . $good . "\0\0\0\0",
        br => "\x0b" . pack('v', $n) . $good . "\x03",
        snappy => chr($n) . chr(60 << 2) . chr($n - 1) . $good,
        stored => "\x1f\x8b\x08\0\0\0\0\0\0\xff\x01" . pack('vv', $n, ~$n
                  & 0xffff) . $good . pack('VV', Compress::Zlib::crc32($good),
                  $n),
    );
    my @rows;

    for my $how (sort keys %coded) {
        push @rows, ["$how, unsaid", post($chat, $coded{$how})];
        push @rows, ["$how, said $_", post($chat, $coded{$how},
                                           'Content-Encoding' => $_)]
            for 'gzip', 'deflate', 'br', 'zstd', 'identity', 'GZIP';
    }

    push @rows, ["plain, said $_", post($chat, $good,
                                        'Content-Encoding' => $_)]
        for 'gzip', 'GZip', 'x-gzip', 'deflate', 'compress', 'br', 'zstd',
            'identity, gzip', 'gzip, identity', 'gzip,gzip', 'aws-chunked',
            'x', 'identity;q=1', 'gzip ';
    push @rows, ['two headers', post($chat, $good,
                 'Content-Encoding' => 'identity',
                 'Content-Encoding' => 'gzip')];

    closed('encodings of the body', \@rows);
}


# where the model stands

closed('paths', [map { [$_, post($_, $good)] }
    '/openai/deployments/evil/chat/completions',
    '/openai/deployments/evil/chat/completions?api-version=1',
    '/openai/deployments/good/../evil/chat/completions',
    '/openai/deployments/evil/../good/chat/completions',
    '/openai/deployments/good%2f..%2fevil/chat/completions',
    '/openai/deployments/good%2F%2e%2e%2Fevil/chat/completions',
    '/openai/deployments/good;evil/chat/completions',
    '/openai/deployments/good%00/chat/completions',
    '/openai/deployments/good%20/chat/completions',
    '/openai/deployments/good./chat/completions',
    '/openai/deployments/GOOD/chat/completions',
    '/openai/deployments/goo%64/chat/completions',
    '/openai/deployments//evil/chat/completions',
    '/openai//deployments/good/chat/completions',
    '/OPENAI/DEPLOYMENTS/evil/chat/completions',
    '/openai/Deployments/evil/chat/completions',
    '/openai%2fdeployments%2fevil/chat/completions',
    '/openai/deploy%6dents/evil/chat/completions',
    '/openai/deployments/evil/x/../../../../v1/chat/completions',
    '/openai/deployments/evil/../../../v1/chat/completions',
    '/openai/deployments/evil/%2e%2e/%2e%2e/%2e%2e/v1/chat/completions',
    '/openai/deployments/evil/..%2f..%2f..%2fv1/chat/completions',
    '/openai/deployments/evil/chat/completions/../../../../../v1/chat/'
        . 'completions',
    '/./openai/deployments/evil/chat/completions',
    '/v1/./chat/completions', '/v1/x/../chat/completions',
    '/v1/chat/completions/.', '/v1/chat/completions/x/..',
    '/v1/chat/completions;/openai/deployments/evil',
    '/v1/chat/completions%3b', '/v1\\chat/completions',
    '/v1/chat%5ccompletions', '/v1/chat/complet%69ons',
    '/v1/chat%2Fcompletions', '/v1/chat/completions%00',
    '/v1/chat/completions%3Fmodel=evil', '/v1/chat/completions%23',
    '/v1/chat/completions%25', '/engines/evil/chat/completions',
    '/v1/engines/evil/completions', '/Engines/evil/chat/completions',
    '/serving-endpoints/evil/invocations',
    '/serving-endpoints/evil/chat/completions',
    '/models/evil/v1/chat/completions',
    '/models/org/evil/v1/chat/completions',
    '/v1beta/models/evil:generateContent',
    '/v1beta/Models/evil:generateContent',
    '/v1beta/tunedModels/evil:generateContent',
    '/v1beta/models/good/models/evil:generateContent',
    '/v1beta/models/good:x/models/evil:generateContent',
    '/v1/projects/p/locations/l/endpoints/evil:generateContent',
    '/model/evil/converse', '/model/evil/invoke', '/MODEL/evil/converse',
    '/model/good%2Fevil/converse', '/model/evil%2Fconverse/converse',
    '/model/good/converse/model/evil/converse',
    '/model/good/../evil/converse', '/model/good%2f..%2fevil/converse',
    '/client/v4/accounts/a/ai/run/@cf/evil',
    '/ai/run/good/../evil',
]);

closed('two sources', [
    (map { ["query $_", post("$chat?$_", $good)] }
         'model=evil', 'MODEL=evil', 'Model=evil', 'mod%65l=evil',
         '%6dodel=evil', 'x=1&model=evil', 'model=good&model=evil',
         'model=evil&model=good', 'model=', 'model', 'x;model=evil',
         'model[]=evil', 'model%5B%5D=evil', 'model=good%00',
         'model=good%20', 'model=good+', 'deployment=evil',
         'deployment_id=evil', 'engine=evil', 'model=Good'),
    (map { ["header $_", post($chat, $good, $_ => 'evil')] }
         'azureml-model-deployment', 'X-Amzn-SageMaker-Target-Model',
         'X-Amzn-SageMaker-Target-Variant', 'x-portkey-config', 'X-Model'),
    ['Gemini, body', post('/v1beta/models/good:generateContent',
                          '{"model":"evil","contents":[]}')],
    ['Gemini, resource', post('/v1beta/models/good:generateContent',
                              '{"model":"models/evil","contents":[]}')],
    ['Gemini, path', post('/v1beta/models/evil:generateContent',
                          '{"model":"good","contents":[]}')],
    ['Azure, path', post('/openai/deployments/evil/chat/completions',
                         $good)],
    ['Azure, body', post('/openai/deployments/good/chat/completions',
                         $evil)],
    ['Bedrock, body', post('/model/good/invoke', '{"model":"evil"}')],
    ['Bedrock, path', post('/model/evil/invoke', '{"model":"good"}')],
]);


# other protocols, forms and methods

closed('protocols', [
    (map { my $up = $_;
           (["GET, $up", build_request('GET', '/v1/realtime?model=evil',
                 undef, Connection => 'Upgrade', Upgrade => $up)],
            ["GET without a model, $up", build_request('GET',
                 '/v1/responses', undef, Connection => 'Upgrade',
                 Upgrade => $up)],
            ["POST, $up", post($chat, $good, Connection => 'Upgrade',
                               Upgrade => $up)]) }
         qw(websocket WebSocket h2c TLS/1.0)),
    ['multipart', post('/v1/audio/transcriptions', "--b\r\n"
        . "Content-Disposition: form-data; name=\"model\"\r\n\r\ngood\r\n"
        . "--b--\r\n", 'Content-Type' => 'multipart/form-data; boundary=b')],
    ['a form', post($chat, 'model=good&prompt=x',
                    'Content-Type' => 'application/x-www-form-urlencoded')],
    ['no type', post($chat, $evil, 'Content-Type' => '')],
    ['another type', post($chat, $evil, 'Content-Type' => 'text/plain')],
    ['a batch', post('/v1/batches', '{"input_file_id":"f",'
                     . '"endpoint":"/v1/chat/completions"}')],
    ['a file', post('/v1/files', "{\"body\":$evil}\n{\"body\":$evil}\n")],
    ['a stored prompt', post('/v1/responses', '{"prompt":{"id":"p"}}')],
    ['a run', post('/v1/threads/t/runs', '{"assistant_id":"a"}')],
    ['trailers', post($chat, sprintf("%x\r\n%s\r\n0\r\nmodel: good\r\n\r\n",
                      length $evil, $evil),
                      'Transfer-Encoding' => 'chunked')],
    ['both lengths', post($chat, $good, 'Transfer-Encoding' => 'chunked',
                          'Content-Length' => length $good)],
    ['two lengths', post($chat, $good, 'Content-Length' => length $good,
                         'Content-Length' => 3)],
    ['HTTP/1.0', "POST $chat HTTP/1.0\r\nContent-Length: " . length($evil)
                 . "\r\n\r\n$evil"],
    ['override', post($chat, $evil, 'X-HTTP-Method-Override' => 'GET')],
]);

{
    my @rows;
    my @paths = (
        (map { "/v1/$_" } qw(chat/completions completions responses
            embeddings messages moderations rerank images/generations
            images/edits audio/speech audio/transcriptions batches files
            fine_tuning/jobs assistants threads threads/runs realtime
            realtime/sessions videos models uploads vector_stores evals
            containers conversations messages/batches
            messages/count_tokens complete chat generate embed ocr
            fim/completions agents/completions tts stt score classify
            tokenize detokenize pooling search answers edits)),
        (map { "/api/$_" } qw(chat generate embed embeddings pull push create
            copy delete show v1/chat)),
        (map { "/v1beta/models/evil:$_" } qw(generateContent
            streamGenerateContent embedContent batchEmbedContents
            countTokens predict predictLongRunning batchGenerateContent
            generateAnswer asyncBatchEmbedContent)),
        (map { "/model/evil/$_" } qw(converse converse-stream invoke
            invoke-with-response-stream async-invoke count-tokens)),
        (map { "/openai/deployments/evil/$_" } qw(chat/completions
            completions embeddings images/generations audio/speech
            extensions/chat/completions)),
        '/', '//', '/x', '/v2/chat', '/v2/embed', '/v2/rerank', '/completion',
        '/infill', '/generate', '/generate_stream', '/embedding',
        '/reranking', '/openai/v1/chat/completions', '/engines/evil/completions',
        '/serving-endpoints/evil/invocations', '/ai/run/@cf/evil',
        '/chat/completions', '/prompts/p/completions', '/invocations',
        '/v1/projects/p/locations/l/publishers/x/models/evil:rawPredict',
    );

    for my $path (@paths) {
        for my $method (qw(POST PUT PATCH GET DELETE OPTIONS PROPFIND MKCOL
                           LOCK))
        {
            push @rows, ["$method $path", build_request($method, $path,
                                                        $evil)];
        }
    }

    closed('paths and methods', \@rows);

    # and under a budget that is spent: calls of any kind
    closed('paths and methods, a budget of 0',
           [grep { $_->[0] =~ m{\A(?:POST|GET)\ /(?:v1/(?:chat/|compl|resp
                    |emb|mess|moder|rer|ima|aud)|api/(?:chat|gen)|v1beta
                    |model/|openai/|v2/|generate)}x } @rows], 1);
}


# denied names: what is read in two ways is no way around a deny list either

closed('a deny list', [map { [$_->[0], ref $_->[1] ? @{ $_->[1] } : $_->[1]] }
    (map { [$_, post($chat, $_)] }
         $evil, qq({"model":"evil","model":"x",$m}),
         qq({"model":"x","model":"evil",$m}), qq({"Model":"evil",$m}),
         qq({"mod\\u0065l":"evil",$m}), "\xef\xbb\xbf$evil",
         Encode::encode('UTF-16LE', $evil), "$good$evil",
         qq({"model":["evil"],$m}), qq({"model":"evil\\u0000",$m}),
         qq({"model":"evil ",$m}), qq({"model":"x","models":["evil"],$m}),
         qq({"model":"\\u0065vil",$m})),
    ['gzip', post($chat, Compress::Zlib::memGzip($evil),
                  'Content-Encoding' => 'gzip')],
    ['gzip, unsaid', post($chat, Compress::Zlib::memGzip($evil))],
    ['query', post("$chat?model=evil", qq({"model":"x",$m}))],
    ['path', post('/openai/deployments/evil/chat/completions',
                  qq({"model":"x",$m}))],
    ['dots', post('/openai/deployments/evil/../../../v1/chat/completions',
                  qq({"model":"x",$m}))],
    ['websocket', build_request('GET', '/v1/realtime?model=evil', undef,
                      Connection => 'Upgrade', Upgrade => 'websocket')],
], 2);


# what a call may cost is by the model that will run

closed('a maximum of the cost', [
    ['body', post($chat, qq({"model":"dear",$m}))],
    ['Gemini', post('/v1beta/models/dear:generateContent',
                    '{"model":"cheap","contents":[{"parts":[{"text":"x"}]}]}')],
    ['Converse', post('/model/dear/converse', qq({"model":"cheap",$m}))],
    ['InvokeModel', post('/model/dear/invoke', '{"model":"cheap",'
                         . '"anthropic_version":"bedrock-2023-05-31",'
                         . "\"max_tokens\":10,$m}")],
    ['twice', post($chat, qq({"model":"dear","model":"cheap",$m}))],
    ['a twin', post($chat, qq({"Model":"dear","model":"cheap",$m}))],
], 3);

{
    my $r = ask(post($chat, qq({"model":"cheap","max_tokens":9,$m})), 3);
    is($r->{status}, 200, 'a cheap one passes');
}


# what only looks so

open_to('decoys', chat_of(
    $good, " \r\n\t$good \n", qq({$m,"model":"good"}),
    qq({"model":"g\\u006fod",$m}), qq({"model":"models/good",$m}),
    qq({"model":"good","metadata":{"model":"evil"},$m}),
    qq({"model":"good","x":[{"model":"evil"}],$m}),
    qq({"model":"good","messages":[{"role":"user","model":"evil",)
        . '"content":"\\"model\\":\\"evil\\""}]}',
    '{"model":"good","messages":[{"role":"user","content":'
        . '"{\\"model\\":\\"evil\\",\\"Model\\":\\"evil\\"}"}]}',
    '{"model":"good","tools":[{"type":"function","function":{"name":"f",'
        . '"parameters":{"properties":{"model":{"type":"string"}}}}}],'
        . "$m}",
    qq({"model":"good","response_format":{"model":"evil"},$m}),
    qq({"model":"good","modeling":"evil","mode":"evil",$m}),
    qq({"model":"good","x":"\\ud83d\\ude00","y":1e5,"z":-0.0,$m}),
    '{"model":"good","a":' . '[' x 100 . ']' x 100 . ",$m}",
    qq({"model":"good",$m,"pad":") . 'x' x 1_000_000 . '"}',
), (map { [$_->[0], post(@$_)] }
    ["$chat?model=good", $good], ["$chat?api-version=2024-10-21&x=y", $good],
    ['/v1//chat/completions', $good], ['/v1/chat/completions/', $good],
    ['/openai/deployments/good/chat/completions', $good],
    ['/v1beta/models/good:generateContent', '{"contents":[]}'],
    ['/models/chat/completions?api-version=1', $good],
    ['/model/good/converse', '{"messages":[]}']),
    ['identity', post($chat, $good, 'Content-Encoding' => 'identity')],
    ['a list of models', build_request('GET', '/v1/models', undef)],
    ['one of them', build_request('GET', '/v1/models/gpt', undef)],
    ['a batch', build_request('DELETE', '/v1/batches/b', undef)],
);

note("$attacks attacks");

$t->done;
