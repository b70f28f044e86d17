# What state=path is made of, without nginx: snapshots and live memory.
#
# What this cannot see: a disk that writes other than what it was told.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp ();
use LLM::Test ();
use LLM::Unit;
use Test::More;

my $dir = File::Temp->newdir('llm-state-XXXXXXXX', TMPDIR => 1);

my @SOURCES = map { "zone/ngx_http_llm_$_.c" }
              qw(account arena budget label ledger limit live marks owner
                 period quota rows series snapshot state_accounts state_live
                 state_place state_series state_thread state_write sum
                 window);

LLM::Unit::run($_, sources => \@SOURCES, libs => ['-lm', '-lz'],
               flags => ["-I$LLM::Test::TOP/ngx_llm_module/zone"],
               args => ["$dir"])
    for qw(state_books state_live);

LLM::Unit::run('state_calls', sources => \@SOURCES,
               libs => ['-lm', '-lz', map { "-Wl,--wrap=$_" }
                        qw(open close pwrite fsync rename unlink flock fstat
                           stat)],
               flags => ["-I$LLM::Test::TOP/ngx_llm_module/zone"],
               args => ["$dir"]);

done_testing;
