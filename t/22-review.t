# Traps found in review, each named by what it would have done.

use strict;
use warnings;

use Fcntl qw(O_NONBLOCK O_WRONLY);
use File::Basename qw(basename);
use FindBin;
use POSIX qw(mkfifo);
use lib "$FindBin::Bin/lib";

use LLM::Client qw(build_request);
use LLM::Provider qw(answer request);
use LLM::Test;
use LLM::Upstream qw(chunked response sse);
use Test::More;

my $t = LLM::Test->new;

my $long = answer(api => 'openai_chat', stream => 1, include_usage => 1,
                  text => [map { " w$_" } 1 .. 120]);

# a tier that stands in the first event alone, after its content

my @tier = map { "data: $_\n\n" }
    '{"id":"chatcmpl-tier","object":"chat.completion.chunk","model":"gpt-tier"'
    . ',"choices":[{"index":0,"delta":{"content":"one"}}]'
    . ',"service_tier":"priority"}',
    (map { '{"id":"chatcmpl-tier","object":"chat.completion.chunk","model":'
           . '"gpt-tier","choices":[{"index":0,"delta":{"content":"' . $_
           . '"}}]}' } qw(two three four)),
    '{"id":"chatcmpl-tier","object":"chat.completion.chunk","model":"gpt-tier"'
    . ',"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]'
    . ',"usage":{"prompt_tokens":1000,"completion_tokens":1000}}',
    '[DONE]';

my $huge = '{"id":"x","model":"gpt-huge","choices":[{"index":0,"message":'
    . '{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":'
    . '1e30,"completion_tokens":18446744073709551615,"total_tokens":7}}';

$t->upstream(sub {
    my ($request) = @_;
    my ($name) = $request->{path} =~ m{\A/([^/]+)};

    return (join('', "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n",
                 "Transfer-Encoding: chunked\r\n\r\n",
                 map({ chunked($_) } @{ $long->{pieces} }), "0\r\n\r\n"))
        if $name eq 'burst';
    return ['hang'] if $name eq 'left';
    return response(200, ['Content-Type' => 'application/json'], $huge)
        if $name eq 'huge';
    return sse([@tier]) if $name eq 'tier';
    return sse([join '', @tier], drip => 0.1) if $name eq 'tier-drip';
    return response(200, [], 'posted');
});

$t->write_file('prices.json', '{"gpt-tier":{"litellm_provider":"openai",'
    . '"mode":"chat","input_cost_per_token":1e-06,"output_cost_per_token":'
    . '2e-06,"input_cost_per_token_priority":1e-05,'
    . '"output_cost_per_token_priority":2e-05}}');

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:8m;
    llm_prices %%DIR%%/prices.json;
    proxy_http_version 1.1;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        llm_provider openai;
        proxy_buffer_size 64k;
        proxy_buffers 8 64k;
        proxy_busy_buffers_size 64k;

        location / { proxy_pass http://%%UPSTREAM%%; }
        location /left/ {
            post_action /posted;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /posted { llm off; proxy_pass http://%%UPSTREAM%%; }
        location = /llm-status { llm off; llm_status main; access_log off; }
    }
}
EOC

$t->start;

my $ask = request('openai_chat', stream => 1);


subtest 'many bufs in one call of the filter are one arrival' => sub {
    my $r = $t->post('/burst/v1/chat/completions', $ask);
    is($r->{body}, join('', @{ $long->{pieces} }), 'body');
    my ($line) = $t->logged(1);
    is($line->{content_events}, 120, 'content events');

    my $gap = $t->status('window=all')
              ->{total}{windows}{all}{latency}{inter_chunk};
    ok($gap->{count} == 0 || $gap->{min} > 0, 'no gap of nothing')
        or diag(explain($gap));
};


subtest 'a client that left before the header, and a post_action' => sub {
    my $c = $t->client;
    $c->send(build_request('POST', '/left/v1/chat/completions', $ask));
    $c->read_some(0.3);
    $c->abort;
    my ($line) = $t->logged(1);
    is($line->{outcome}, 'aborted', 'outcome');
};


subtest 'counters that lie do not turn the books back' => sub {
    my @seen = (0);

    for (1 .. 3) {
        $t->post('/huge/v1/chat/completions', request('openai_chat'));
        my ($line) = $t->logged(1);
        is($line->{usage}, 'reported', 'reported');
        my $tokens = $t->status('window=all')
                     ->{total}{windows}{all}{tokens};
        push @seen, $tokens->{input};
        cmp_ok($seen[-1], '>=', $seen[-2], 'input never goes down');
    }
};


subtest 'an event begins as one before: what that set stays set' => sub {
    $t->post("/$_/v1/chat/completions", $ask) for qw(tier tier-drip);
    my @lines = $t->logged(2);
    is($_->{content_events}, 4, 'content events') for @lines;
    is($lines[0]{cost}, $lines[1]{cost}, 'same cost however it comes');
    is($lines[0]{cost}, '0.030000000', 'that of the tier');
};


subtest 'without a directive nothing changes' => sub {
    my $map = 'map $uri $http_accept_encoding { default x; }';

    for my $case (['', 'set $http_accept_encoding "";'], [$map, '']) {
        my ($ok, $said) = $t->check("%%GLOBALS%%\nhttp { $case->[0] server "
            . "{ $case->[1] listen 127.0.0.1:1; } }\n");
        ok($ok, 'http_accept_encoding may be set') or diag($said);
    }
};


subtest 'a price list that is a FIFO' => sub {
    my $fifo = $t->path('fifo');
    my $config = "%%GLOBALS%%\nhttp { llm_prices $fifo; }\n";
    my ($ok, $said);

    mkfifo($fifo, 0600) or die "mkfifo: $!";

    my $left = eval {
        local $SIG{ALRM} = sub { die "still waiting\n" };
        my $left = alarm 20;
        ($ok, $said) = $t->check($config);
        alarm $left;
        $left;
    };

    if (!$left) {
        alarm 120;
        sysopen my $fh, $fifo, O_WRONLY|O_NONBLOCK;
    }

    is($ok, 0, 'is refused') or diag($@);
    like($said, qr/price list/, 'by its name');
};


# The configuration of the build at hand, with parts taken out of it.

subtest 'a build without gzip, cache, PCRE or debug' => sub {
    my $dir = $LLM::Test::BUILD;
    my $src = "$dir/module.src/src";
    plan skip_all => "no headers in $src" unless -e "$src/core/nginx.h";

    my @out = map { "-D$_=0" } qw(NGX_HTTP_GZIP NGX_HTTP_HEADERS
        NGX_HTTP_CACHE NGX_PCRE NGX_DEBUG NGX_COMPAT);
    my $own = "$LLM::Test::TOP/ngx_llm_module";
    my @dirs = ("$dir/module", (map { "$src/$_" } qw(core event event/modules
        os/unix http http/modules http/v2)),
        map { "$own/$_" } qw(core zone http status));

    for my $file (glob("$own/http/*.c $own/status/*.c $own/zone/*.c")) {
        my $said = join ' ', $ENV{CC} || 'cc', '-fsyntax-only -W -Wall',
            '-Wpointer-arith -Wno-unused-parameter -Werror', @out,
            map({ "-I$_" } @dirs), $file, '2>&1';
        $said = qx{$said};
        is($?, 0, basename($file)) or diag($said);
    }
};


subtest 'a module that a reload brings' => sub {
    my $n = LLM::Test->new(module => 0);
    my $config = <<'EOC';
%%GLOBALS%%
http {
    access_log off;
    %%ZONE%%
    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { return 204; }
        %%STATUS%%
    }
}
EOC
    (my $old = $config) =~ s/%%(?:ZONE|STATUS)%%//g;
    (my $new = $config) =~ s/%%ZONE%%/llm_zone zone=main:8m;/;
    $new =~ s/%%STATUS%%/location = \/s { llm_status main; }/;

    $n->config($old);
    $n->start;
    is($n->get('/')->{status}, 204, 'without');
    $n->{module} = 1;
    ok($n->reload(config => $new), 'reload');
    is($n->status->{health}{generation}, 1,
       'the first configuration that knows us')
        or diag(explain($n->status));
    ok($n->reload, 'again');
    $n->finish;
};


subtest 'a body that was read before there was a location' => sub {
    my $n = LLM::Test->new;
    my $up = $n->upstream(sub {
        return response(200, ['Content-Type' => 'application/json'],
                        answer(api => 'openai_chat')->{body});
    });
    my $config = <<'EOC';
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:8m;
    server {
        listen 127.0.0.1:%%PORT_0%%;
        client_body_early_read 1;
        location / { llm main; proxy_pass http://%%UPSTREAM%%; }
        location = /s { llm_status main; access_log off; }
    }
}
EOC
    plan skip_all => 'this nginx does not read early'
        unless ($n->check($config))[0];

    $n->config($config);
    $n->start;

    for my $uri ('/v1/chat/completions', '/some/where') {
        is($n->post($uri, request('openai_chat'))->{status}, 200, $uri);
        my ($line) = $n->logged(1);
        is($line->{operation}, 'chat', 'operation');
        is($line->{request_model}, 'gpt-demo', 'model');
        is($line->{turns}, 1, 'turns');
        is($line->{usage}, 'reported', 'usage');
    }

    $n->finish;
};


$t->done;
