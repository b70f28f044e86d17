# llm_slo, end to end: what is good and what is bad, a breach within "under"
# and a second while nothing ends, traffic that a map moves, probes, and the
# way back; reloads, the latch, two providers' keys.
#
# Windows and shares to the call are in t/unit/slo.c, with a clock of its own.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Client qw(build_request);
use LLM::Provider qw(answer request);
use LLM::Test;
use LLM::Upstream qw(response sse);
use LLM::Util qw(mono scale wait_for);
use Test::More;

my $t = LLM::Test->new(workers => 2);
my $stream = answer(api => 'openai_chat', stream => 1, include_usage => 1);
my $plain = answer(api => 'openai_chat');
my $JSON = ['Content-Type' => 'application/json'];

# What the path asks for: a stream, late, hanging, an error ...

sub provider {
    my ($req) = @_;

    my ($how) = $req->{uri} =~ m{\A/(\w+)/v1/};
    $how = 'ok' unless defined $how;

    return sse($stream->{pieces}) if $how eq 'ok';
    return sse([[pause => $1], @{ $stream->{pieces} }])
        if $how =~ /\Alate(\d+)\z/;
    return (['hang']) if $how eq 'hang';
    return response(200, $JSON, $plain->{body}) if $how eq 'plain';
    return ([pause => $1], response(200, $JSON, $plain->{body}))
        if $how =~ /\Aslow(\d+)\z/;
    return response($1, $JSON, '{"error":{"message":"no"}}')
        if $how =~ /\As(\d+)\z/;
    die "what is $how";
}

my $first = $t->upstream(\&provider);

$t->config(<<"EOC");
%%GLOBALS%%
http {
    %%HTTP%%
    llm_zone zone=main:8m;
    llm_slo ttft zone=main metric=ttft under=300ms target=50% min=4
            window=1m hold=1s provider=openai;
    llm_slo errors zone=main metric=errors target=90 min=1000 window=1m
            route=/;
    server {
        listen 127.0.0.1:%%PORT_0%%;
        llm main;
        llm_provider openai;
        location / { proxy_pass http://%%UPSTREAM_0%%; }
        location = /state { llm off; return 200 "\$llm_slo_ttft"; }
        location = /llm-status { llm off; llm_status main; access_log off; }
    }
}
EOC

$t->start;

my $ask = request('openai_chat', stream => 1);

sub slo {
    my ($name) = @_;

    my ($one) = grep { $_->{name} eq $name } @{ $t->status->{slo} };
    return $one;
}

sub call { return $t->post("/$_[0]/v1/chat/completions", $_[1] || $ask) }

is($t->get('/state')->{body}, 'ok', 'it begins');
call('ok') for 1 .. 3;
call('late400');
is(slo('ttft')->{good}, 3, 'good');
is(slo('ttft')->{bad}, 1, 'bad');
is(slo('errors')->{good}, 4, 'no error');
call('s500'); call('s400'); call('s429');
ok(wait_for(3, sub { slo('ttft')->{bad} == 3 }), 'errors are bad');
is(slo('errors')->{bad}, 2, 'errors are errors');
is(slo('ttft')->{state}, 'ok', 'still');
my @c = map { my $c = $t->client; $c->send(build_request('POST', '/hang/v1/chat/completions', $ask)); $c } 1 .. 4;
my $at = mono();
ok(wait_for(3, sub { $t->get('/state')->{body} eq 'breach' }), 'breach');
cmp_ok(mono() - $at, '<', 1.3 * $LLM::Test::SLOW, 'within under and 1 s');
$_->close for @c;
is(scalar $t->errors(qr/llm_slo/), 1, 'said once');
$t->done;
