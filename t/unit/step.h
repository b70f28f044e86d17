
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Killed between any two instructions.
 *
 * A process does one operation on shared memory, single-stepped by ptrace.
 * All that a dead process leaves is that memory, so after each instruction
 * that changed it the memory is copied and handed to inspect, which takes
 * the process for dead, and says what is wrong, NULL if nothing is.  Then
 * the same with real kills, at some instructions.
 */


#ifndef _STEP_H_INCLUDED_
#define _STEP_H_INCLUDED_


#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>


typedef struct {
    void        (*run)(const void *op, void *memory);
    const char *(*inspect)(const void *op, void *memory, pid_t pid);
} step_t;


static size_t         step_size;
static uint8_t       *live_memory, *copy_memory, *start_memory, *last;
static volatile int  *flag;             /* 1 begun, 2 done */
static long           total_steps, total_states, total_kills;


static void
step_init(size_t size)
{
    step_size = size;

    live_memory = shared(size);
    copy_memory = shared(size);
    start_memory = shared(size);
    last = shared(size);
    flag = shared(4096);
}


/* For run, when it is ready: from here on each instruction counts. */

static void
traced(void)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1) {
        _exit(3);
    }

    raise(SIGSTOP);
    *flag = 1;
}


/* A process that is stopped before the operation; -1: none. */

static pid_t
begin(const step_t *s, const void *op)
{
    int    status;
    pid_t  pid;

    memcpy(live_memory, start_memory, step_size);
    *flag = 0;

    pid = fork();

    if (pid == 0) {
        s->run(op, live_memory);
        _exit(0);
    }

    if (pid == -1 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
        return -1;
    }

    return pid;
}


/* One instruction; 0 when the process is not stopped after it. */

static int
step(pid_t pid)
{
    int  status;

    return ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0
           && waitpid(pid, &status, 0) == pid
           && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
}


static void
bye(pid_t pid)
{
    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, NULL, 0);
}


/* run sets *flag to 2 behind what counts. */

static long
every_state(const step_t *s, const void *op, const char *name)
{
    long         steps, states;
    pid_t        pid;
    const char  *wrong;

    pid = begin(s, op);

    if (pid == -1) {
        ok(0, "%s: a process to trace", name);
        return 0;
    }

    steps = states = 0;
    wrong = NULL;
    memset(last, 0xff, step_size);

    while (*flag != 2 && wrong == NULL) {

        if (!step(pid)) {
            wrong = "the process ended";
            break;
        }

        if (*flag == 0) {
            continue;
        }

        steps++;

        if (memcmp(last, live_memory, step_size) == 0) {
            continue;
        }

        states++;
        memcpy(last, live_memory, step_size);
        memcpy(copy_memory, live_memory, step_size);

        wrong = s->inspect(op, copy_memory, pid);
    }

    bye(pid);

    ok(wrong == NULL, "%s: %ld instructions, %ld states of the memory%s%s",
       name, steps, states, wrong ? ": " : "", wrong ? wrong : "");

    total_steps += steps;
    total_states += states;

    return steps;
}


static void
real_kills(const step_t *s, const void *op, const char *name, long steps,
    long budget)
{
    long         at, i, stride, kills;
    pid_t        pid;
    const char  *wrong;

    wrong = NULL;
    kills = 0;
    stride = steps / budget + 1;

    for (at = 1; at <= steps && wrong == NULL; at += stride) {

        pid = begin(s, op);

        for (i = 0; pid != -1 && i < at; ) {
            if (!step(pid)) {
                break;
            }
            i += (*flag != 0);
        }

        if (pid == -1) {
            wrong = "no process";
            break;
        }

        bye(pid);
        kills++;

        memcpy(copy_memory, live_memory, step_size);
        wrong = s->inspect(op, copy_memory, pid);
    }

    ok(wrong == NULL, "%s: %ld real kills%s%s", name, kills,
       wrong ? ": " : "", wrong ? wrong : "");

    total_kills += kills;
}


#endif /* _STEP_H_INCLUDED_ */
