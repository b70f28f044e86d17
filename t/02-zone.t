# The zone: cells and their percentiles, series, windows, calls in flight, in
# one process and in many that are killed anywhere.
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

my @SOURCES = map { "zone/ngx_http_llm_$_.c" }
              qw(arena label live marks owner quota rows series slo sum
                 window);
my @ZONE = (sources => \@SOURCES, libs => ['-lm'],
            flags => ["-I$LLM::Test::TOP/ngx_llm_module/zone"]);

LLM::Unit::run('cells', libs => ['-lm']);
LLM::Unit::run('zone_series', @ZONE);
LLM::Unit::run('zone_windows', @ZONE, builds => ['plain']);
LLM::Unit::run('zone_order', @ZONE);
LLM::Unit::run('zone_live', @ZONE);
LLM::Unit::run('zone_quota', @ZONE);
LLM::Unit::run('zone_slo', @ZONE);
LLM::Unit::run('zone_slo_procs', @ZONE);

# the instructions that count are those of the build that serves
LLM::Unit::run('zone_procs', @ZONE, builds => ['plain']);
LLM::Unit::run('zone_step', @ZONE, builds => ['plain']);

done_testing;
