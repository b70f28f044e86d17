# Limits and budgets: amounts, keys, calendars, the arithmetic of buckets and
# periods, and many processes on one zone that are stopped and killed
# anywhere, against exact models.
#
# The data structures are plain C over a shared mapping, so no nginx runs
# here.  Times are given, never read.  What this cannot see: other memory
# models than this machine's.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use LLM::Test ();
use LLM::Unit;
use Test::More;

my @ZONE = (sources => [map { "zone/ngx_http_llm_$_.c" }
                        qw(account budget label ledger limit owner period
                           rows)],
            flags => ["-I$LLM::Test::TOP/ngx_llm_module/zone"]);

LLM::Unit::run('amount');
LLM::Unit::run('accounts', @ZONE);
LLM::Unit::run('budgets', @ZONE);
LLM::Unit::run('limits', @ZONE);


# the instructions that count are those of the build that serves
LLM::Unit::run('account_procs', @ZONE, builds => ['plain']);
LLM::Unit::run('account_step', @ZONE, builds => ['plain']);

done_testing;
