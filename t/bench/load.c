
/*
 * load MODE provider-port cpu ARGUMENTS: what the benchmark measures with
 * nginx under load.  A target is "port,worker pid,uri".  Lines of numbers go
 * to stdout; t/bench/run makes sense of them.
 *
 *   events flood|paced ROUNDS CONNECTIONS EVENTS TARGET TARGET
 *       a line a round: events of each target, CPU ns of each worker
 *   calls ROUNDS CONNECTIONS CALLS SPREAD TARGET [TARGET]
 *       a line a round: calls of each target, CPU ns of each worker
 *   latency ROUNDS EVENTS TARGET TARGET
 *       a line a round: p50 and p99 of each target, ns, provider's write of
 *       an event to client's read of it
 *   ttft CALLS PAUSE_US TARGET
 *       a line a call: provider's write of the first content - client's write
 *       of the request, ns
 *   hold STREAMS TARGET
 *       says "held" when all are open, ends when stdin does
 *   status ROUNDS TARGET TARGET
 *       asks the first, alone and while it pings the second over another
 *       connection; a line a round: bytes, CPU ns, wall ns, longest ping ns,
 *       and the longest of pings for as long without the first
 */


#define _GNU_SOURCE

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "load.h"


static load_target_t  targets[2];
static int            ntargets;
static int            running;
static int            finished;

static uint64_t      *samples[2];
static uint64_t       nsamples[2];
static uint64_t       wanted;
static load_call_t   *pair[2];


static void
mode_target(char *arg)
{
    char  *p;

    targets[ntargets].port = strtol(arg, &p, 10);
    targets[ntargets].pid = strtol(p + 1, &p, 10);
    targets[ntargets].uri = p + 1;
    ntargets++;
}


static void
mode_pin(int cpu)
{
    cpu_set_t  set;

    /* as nginx has it, where we may */

    if (geteuid() == 0) {
        (void) setpriority(PRIO_PROCESS, 0, -10);
    }

    if (cpu < 0) {
        return;
    }

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);

    if (sched_setaffinity(0, sizeof(set), &set) != 0) {
        load_die("sched_setaffinity");
    }
}


static int
mode_compare(const void *a, const void *b)
{
    uint64_t  x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}


/* A round ends when all calls have. */

static void
mode_done(load_call_t *c)
{
    if (c->more == 0 && --running == 0) {
        finished = 1;
    }
}


/* The client has read an event: the provider may write the next. */

static void
mode_paced(load_call_t *c)
{
    if (c->kind != LOAD_PACED) {
        return;
    }

    if (c->sent < c->events) {
        load_event(c);

    } else {
        load_end(c);
    }
}


static void
mode_rounds(load_kind_e kind, int rounds, int connections, uint64_t events,
    uint64_t calls, int spread)
{
    int       i, k, n, t;
    uint64_t  cpu[2], serial;

    load_on_event = mode_paced;
    load_on_done = mode_done;
    serial = 0;

    for (i = 0; i < rounds; i++) {

        for (t = 0; t < ntargets; t++) {
            cpu[t] = load_cpu(targets[t].pid);
        }

        running = ntargets * connections;
        finished = 0;

        for (n = 0; n < connections; n++) {
            for (k = 0; k < ntargets; k++) {
                t = (k + i) % ntargets;
                load_call(kind, &targets[t], events, calls, spread, serial);
            }

            serial += calls;
        }

        load_run(&finished, 0);

        for (t = 0; t < ntargets; t++) {
            printf("%llu %llu ", (unsigned long long)
                   (kind == LOAD_TINY ? calls : events) * connections,
                   (unsigned long long) (load_cpu(targets[t].pid) - cpu[t]));
        }

        printf("\n");
        load_reset();
        load_run(NULL, 5000000);
    }
}


/* One event at a time, of one target and of the other in turn. */

static void
mode_ping_pong(load_call_t *c)
{
    int  t;

    t = (c == pair[1]);

    if (nsamples[t] < wanted) {
        samples[t][nsamples[t]++] = c->t_seen - c->t_wrote;
    }

    if (nsamples[0] == wanted && nsamples[1] == wanted) {
        finished = 1;
        return;
    }

    load_event(pair[!t]);
}


static void
mode_latency(int rounds, uint64_t events)
{
    int  i, t, ready;

    samples[0] = malloc(events * sizeof(uint64_t));
    samples[1] = malloc(events * sizeof(uint64_t));

    if (samples[0] == NULL || samples[1] == NULL) {
        load_die("malloc");
    }

    wanted = events;

    for (i = 0; i < rounds; i++) {
        load_on_event = NULL;

        for (t = 0; t < 2; t++) {
            nsamples[t] = 0;
            pair[t] = load_call(LOAD_SLOW, &targets[t], 1, 1, 0, 0);
        }

        for (ready = 0; !ready; ) {
            load_run(NULL, 1000000);
            ready = pair[0]->in_body && pair[1]->in_body;
        }

        finished = 0;
        load_on_event = mode_ping_pong;
        load_event(pair[i % 2]);
        load_run(&finished, 0);

        for (t = 0; t < 2; t++) {
            qsort(samples[t], events, sizeof(uint64_t), mode_compare);
            printf("%llu %llu ",
                   (unsigned long long) samples[t][events / 2],
                   (unsigned long long) samples[t][events * 99 / 100]);
        }

        printf("\n");
        load_reset();
        load_run(NULL, 5000000);
    }
}


static void
mode_end_of_one(load_call_t *c)
{
    load_end(c);
}


static void
mode_ttft(int calls, uint64_t pause)
{
    int           i;
    uint64_t      until;
    load_call_t  *c;

    load_on_event = mode_end_of_one;
    load_on_done = mode_done;

    for (i = 0; i < calls; i++) {
        running = 1;
        finished = 0;
        c = load_call(LOAD_SLOW, &targets[0], 1, 1, 0, 0);

        while (!c->in_body) {
            load_run(NULL, 1000000);
        }

        for (until = load_now() + pause; load_now() < until; ) { /* void */ }

        load_event(c);
        load_run(&finished, 0);

        printf("%llu\n", (unsigned long long) (c->t_wrote - c->t_asked));
        load_reset();
        load_run(NULL, 1000000);
    }
}


static void
mode_hold(int streams)
{
    int            i;
    char           c;
    uint64_t       seen;

    for (i = 0; i < streams; i++) {
        load_call(LOAD_HOLD, &targets[0], 2, 1, 0, 0);

        if (i % 64 == 63) {
            load_run(NULL, 1000000);
        }
    }

    do {
        load_run(NULL, 10000000);

        for (seen = 0, i = 0; i < streams; i++) {
            seen += (load_calls[i].seen == 2);
        }

    } while (seen < (uint64_t) streams);

    printf("held\n");
    fflush(stdout);

    while (read(0, &c, 1) > 0) { /* void */ }
}


static uint64_t  longest;


static void
mode_status_done(load_call_t *c)
{
    uint64_t  took;

    if (c->target != &targets[1]) {
        finished = 1;
        return;
    }

    took = load_now() - c->t_asked;

    if (took > longest) {
        longest = took;
    }
}


static void
mode_status(int rounds)
{
    int           i;
    uint64_t      cpu, start, wall;
    load_call_t  *c;

    load_on_done = mode_status_done;

    for (i = 0; i < rounds; i++) {

        /* alone: what it costs */

        finished = 0;
        cpu = load_cpu(targets[0].pid);
        c = load_call(LOAD_GET, &targets[0], 0, 1, 0, 0);
        load_run(&finished, 0);
        cpu = load_cpu(targets[0].pid) - cpu;

        /* with pings: how long they have to wait */

        load_call(LOAD_GET, &targets[1], 0, 1000000000, 0, 0);
        load_run(NULL, 3000000);

        longest = 0;
        finished = 0;
        start = load_now();
        c = load_call(LOAD_GET, &targets[0], 0, 1, 0, 0);
        load_run(&finished, 0);
        wall = load_now() - start;

        printf("%llu %llu %llu %llu ", (unsigned long long) c->bytes,
               (unsigned long long) cpu, (unsigned long long) wall,
               (unsigned long long) longest);

        /* and how long for no reason of ours */

        longest = 0;
        load_run(NULL, wall);
        printf("%llu\n", (unsigned long long) longest);

        load_reset();
        load_run(NULL, 3000000);
    }
}


static int
mode_run(char *mode, int n, char **a)
{
    int  i, args;

    args = (strcmp(mode, "events") == 0 || strcmp(mode, "calls") == 0) ? 4
           : (strcmp(mode, "latency") == 0 || strcmp(mode, "ttft") == 0) ? 2
           : 1;

    if (n < args + 1 || n > args + 2) {
        return 0;
    }

    for (i = args; i < n; i++) {
        mode_target(a[i]);
    }

    if (strcmp(mode, "events") == 0) {
        mode_rounds(strcmp(a[0], "flood") == 0 ? LOAD_FLOOD : LOAD_PACED,
                    atoi(a[1]), atoi(a[2]), atoll(a[3]), 1, 0);

    } else if (strcmp(mode, "calls") == 0) {
        mode_rounds(LOAD_TINY, atoi(a[0]), atoi(a[1]), 0, atoll(a[2]),
                    atoi(a[3]));

    } else if (strcmp(mode, "latency") == 0) {
        mode_latency(atoi(a[0]), atoll(a[1]));

    } else if (strcmp(mode, "ttft") == 0) {
        mode_ttft(atoi(a[0]), atoll(a[1]) * 1000);

    } else if (strcmp(mode, "hold") == 0) {
        mode_hold(atoi(a[0]));

    } else if (strcmp(mode, "status") == 0) {
        mode_status(atoi(a[0]));

    } else {
        return 0;
    }

    return 1;
}


int
main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "load MODE port cpu ...\n");
        return 2;
    }

    mode_pin(atoi(argv[3]));
    load_init(atoi(argv[2]));

    if (!mode_run(argv[1], argc - 4, argv + 4)) {
        fprintf(stderr, "load: wrong arguments\n");
        return 2;
    }

    return 0;
}
