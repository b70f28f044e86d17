# The body is read before the request goes on: what it says chooses the
# upstream and keys a limit, whatever way the body came, and however large.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Client qw(build_request curl_h2 has_h2);
use LLM::Provider qw(answer);
use LLM::Test;
use LLM::Upstream qw(chunked response);
use LLM::Util qw(mono scale wait_for);
use Test::More;

my $t = LLM::Test->new;

# each upstream says who it is, and what came to it

sub upstream_of {
    my ($name) = @_;

    return $t->upstream(sub {
        my ($req) = @_;
        my $stream = $req->{body} =~ /"stream":\s*true/;
        my $made = answer(api => 'openai_chat', stream => $stream,
                          include_usage => 1, model => $name);
        return response(200, ['Content-Type' => $made->{type},
                              'X-Upstream' => $name,
                              'X-Body' => length $req->{body},
                              'X-Sum' => unpack('%32C*', $req->{body})],
                        $made->{body});
    });
}

my ($small, $big) = map { upstream_of($_) } qw(small big);

$t->config(<<'EOC');
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:16m;
    client_max_body_size 100m;
    client_body_buffer_size 16k;

    map $llm_request_model $by_model {
        gpt-small  %%UPSTREAM_0%%;
        gpt-big    %%UPSTREAM_1%%;
        default    "";
    }
    map $llm_prompt_size $by_size {
        1k         %%UPSTREAM_0%%;
        default    %%UPSTREAM_1%%;
    }
    limit_req_zone $llm_request_model zone=models:1m rate=1r/m;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;

        location / {
            llm_inspect precontent;
            proxy_pass http://$by_model;
        }
        location /size/ {
            llm_inspect precontent;
            proxy_pass http://$by_size;
        }
        location /passive/ {
            proxy_pass http://$by_model;
        }
        location /limited/ {
            llm_inspect preaccess;
            limit_req zone=models;
            proxy_pass http://%%UPSTREAM%%;
        }
        location = /llm-status { llm off; llm_status main; }
    }
}
EOC

$t->start;

sub body_of {
    my ($model, $bytes, %opt) = @_;

    my $body = '{"messages":[{"role":"user","content":"'
             . 'x' x ($bytes || 1) . '"}],'
             . ($opt{stream} ? '"stream":true,' : '')
             . "\"model\":\"$model\"}";
    return $body;
}

my $path = '/v1/chat/completions';

for my $model (qw(small big)) {
    my $body = body_of("gpt-$model");
    my $r = $t->post($path, $body);
    is($r->{status}, 200, "$model: answered");
    is($r->{headers}{'x-upstream'}, $model, "$model: goes to its upstream");
    is($r->{headers}{'x-body'}, length $body, "$model: whole");
}

{
    my $r = $t->post("/size$path", body_of('m', 100));
    is($r->{headers}{'x-upstream'}, 'small', 'a short prompt');
    $r = $t->post("/size$path", body_of('m', 200_000));
    is($r->{headers}{'x-upstream'}, 'big', 'a long one');
}

{
    my $r = $t->post("/passive$path", body_of('gpt-small'));
    is($r->{status}, 500, 'passive: not known when it is asked for');
    my @said = $t->errors(qr/llm_request_model" is read before/);
    is(scalar @said, 1, 'which is said');
}

{
    my @status = map { $t->post("/limited$path", body_of($_))->{status} }
                 qw(a a b);
    is("@status", '200 503 200', 'a limit a model');
}

$t->done;
