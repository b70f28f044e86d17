
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Live memory that is found, refused and checked; the two generations of
 * snapshots under a kill at any moment; who writes them.
 *
 * Argument: a directory for snapshots.
 */


#include "state_test.h"


static ngx_http_llm_found_e
find(ngx_http_llm_state_t *st, ngx_http_llm_found_t *found)
{
    (void) ngx_http_llm_state_find(st, NGX_HTTP_LLM_STATE_DIR, found);

    return found->how;
}


static void
live(void)
{
    int                       fd[2], status;
    char                      link1[128], byte;
    pid_t                     pid;
    uint32_t                  i;
    ngx_http_llm_zone_t       a, b;
    ngx_http_llm_found_t      found;
    ngx_http_llm_state_t      st, to;

    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));

    st = state(&ngx_http_llm_state_series, &a, "live", 2 * MB);
    ok(find(&st, &found) == NGX_HTTP_LLM_FOUND_NONE, "there is none");
    ok(ngx_http_llm_state_create(&st, NGX_HTTP_LLM_STATE_DIR, secret) == 0,
       "created");
    ok(access(st.live, F_OK) == -1, "without a name");
    fill(&a, 3);
    ok(ngx_http_llm_state_publish(&st) == 0 && access(st.live, F_OK) == 0,
       "published");
    st.serves = 1;

    to = state(&ngx_http_llm_state_series, &b, "live", 2 * MB);
    to.path = st.path;
    ok(find(&to, &found) == NGX_HTTP_LLM_FOUND_GOOD, "found");
    total(&a, NGX_HTTP_LLM_WINDOW_ALL, UINT64_MAX / 2, &sum[0]);
    total(&b, NGX_HTTP_LLM_WINDOW_ALL, UINT64_MAX / 2, &sum[1]);
    ok(same_sums(), "the same books");
    ok(ngx_http_llm_state_alone(&st) && !ngx_http_llm_state_alone(&to),
       "in use by one");
    ok(ngx_http_llm_state_lock(&to) == 0 && !ngx_http_llm_state_alone(&st),
       "by two");
    ngx_http_llm_state_release(&to);
    ok(ngx_http_llm_state_alone(&st), "by one again");

    /* a process that inherited it holds it after its parent */

    if (pipe(fd) == -1) {
        exit(2);
    }

    pid = fork();

    if (pid == 0) {
        close(fd[1]);
        _exit(read(fd[0], &byte, 1) == 0 ? 0 : 1);
    }

    close(fd[0]);
    ngx_http_llm_state_release(&st);
    to = state(&ngx_http_llm_state_series, &b, "live", 2 * MB);
    to.path = st.path;
    ok(find(&to, &found) == NGX_HTTP_LLM_FOUND_GOOD
       && !ngx_http_llm_state_alone(&to), "a worker that is left uses it");
    close(fd[1]);
    (void) waitpid(pid, &status, 0);
    ok(ngx_http_llm_state_alone(&to), "until it has gone");

    /* another size, kind and boot */

    to.size = 4 * MB;
    ngx_http_llm_state_release(&to);
    ok(find(&to, &found) == NGX_HTTP_LLM_FOUND_SIZE && found.size == 2 * MB,
       "of another size");
    to.head->boot[1] ^= 1;
    ngx_http_llm_state_release(&to);
    ok(find(&to, &found) == NGX_HTTP_LLM_FOUND_BOOT, "of another boot");
    ngx_http_llm_state_release(&to);

    to = state(&ngx_http_llm_state_series, &b, "live", 2 * MB);
    to.path = st.path;
    unlink(st.live);
    (void) ngx_http_llm_state_create(&to, NGX_HTTP_LLM_STATE_DIR, secret);
    (void) ngx_http_llm_state_publish(&to);
    fill(&b, 3);
    to.head->layout++;
    ngx_http_llm_state_release(&to);
    ok(find(&to, &found) == NGX_HTTP_LLM_FOUND_LAYOUT, "of another layout");
    ngx_http_llm_state_release(&to);

    /* every index that leads somewhere */

    for (i = 0; i < 9; i++) {
        ngx_http_llm_state_release(&to);
        unlink(st.live);
        (void) ngx_http_llm_state_create(&to, NGX_HTTP_LLM_STATE_DIR, secret);
        (void) ngx_http_llm_state_publish(&to);
        fill(&b, 3);

        switch (i) {
        case 0: b.arena->series_max++; break;
        case 1: b.arena->mark[3].end = UINT64_MAX; break;
        case 2: b.chunk[1].owner = 200; break;
        case 3: b.chunk[1].next = b.chunks_max + 1; break;
        case 4: b.series[2].text.model_len = 200; break;
        case 5: b.series[2].text.nown = 7; break;
        case 6: b.series[2].column[1][4] = b.columns_max + 1; break;
        case 7: b.arena->base = 99; break;
        case 8: b.series[2].text.operation = LLM_OP_N; break;
        }

        ngx_http_llm_state_release(&to);
        ok(find(&to, &found) == NGX_HTTP_LLM_FOUND_BAD, "damage %u: %s", i,
           found.what ? found.what : "not found");
    }

    ngx_http_llm_state_release(&to);
    ok(truncate(st.live, MB) == 0
       && find(&to, &found) == NGX_HTTP_LLM_FOUND_BAD, "cut: %s", found.what);
    ngx_http_llm_state_release(&to);
    ok(truncate(st.live, 2 * MB + 4096) == 0
       && find(&to, &found) == NGX_HTTP_LLM_FOUND_BAD, "with a hole: %s",
       found.what);
    ngx_http_llm_state_release(&to);
    ok(truncate(st.live, 10) == 0
       && find(&to, &found) == NGX_HTTP_LLM_FOUND_BAD, "10 bytes: %s",
       found.what);
    ngx_http_llm_state_release(&to);

    /* whose it is */

    snprintf(link1, sizeof(link1), "%s.link", st.live);
    ok(chmod(st.live, 0640) == 0
       && find(&to, &found) == NGX_HTTP_LLM_FOUND_ERROR
       && found.fault.step == NGX_HTTP_LLM_STEP_OWNER, "readable for others");
    (void) chmod(st.live, 0600);
    ok(link(st.live, link1) == 0
       && find(&to, &found) == NGX_HTTP_LLM_FOUND_ERROR
       && found.fault.step == NGX_HTTP_LLM_STEP_MODE, "of two names");
    unlink(st.live);
    ok(symlink(link1, st.live) == 0
       && find(&to, &found) == NGX_HTTP_LLM_FOUND_ERROR
       && found.fault.err == ELOOP, "a symbolic link");
    unlink(link1);
    unlink(st.live);
    ok(mkfifo(st.live, 0600) == 0
       && find(&to, &found) == NGX_HTTP_LLM_FOUND_ERROR
       && found.fault.step == NGX_HTTP_LLM_STEP_MODE, "a pipe");
    unlink(st.live);

    if (geteuid() == 0) {
        close(open(st.live, O_CREAT|O_WRONLY, 0600));
        ok(chown(st.live, 12345, 12345) == 0
           && find(&to, &found) == NGX_HTTP_LLM_FOUND_ERROR
           && found.fault.step == NGX_HTTP_LLM_STEP_OWNER, "another user's");
        unlink(st.live);
    }

    ok(ngx_http_llm_state_find(&to, "/proc", &found) == -1
       && found.fault.step == NGX_HTTP_LLM_STEP_TMPFS, "no tmpfs");
    ok(ngx_http_llm_state_find(&to, "/nowhere", &found) == -1
       && found.fault.step == NGX_HTTP_LLM_STEP_DIR
       && found.fault.err == ENOENT, "no directory");
}


/* Killed while it writes, and whoever comes next: one of two is whole. */

static void
kills(void)
{
    char                      older[PATH_MAX];
    long                      i, n, whole, back;
    pid_t                     pid;
    uint64_t                  sequence;
    ngx_http_llm_zone_t       a;
    ngx_http_llm_state_t      st;
    ngx_http_llm_snapshot_t   snap;

    memset(&a, 0, sizeof(a));
    st = state(&ngx_http_llm_state_series, &a, "kills", 4 * MB);
    ngx_http_llm_state_anonymous(&st, secret);
    fill(&a, 20);
    ngx_http_llm_state_join(&st);
    (void) ngx_http_llm_state_write(&st, 1);
    (void) ngx_http_llm_state_leave(&st);
    snprintf(older, sizeof(older), "%s.1", st.path);

    n = proof(100, 3000);
    whole = 0;
    back = 0;
    sequence = 0;

    for (i = 0; i < n; i++) {
        pid = fork();

        if (pid == 0) {
            ngx_http_llm_state_join(&st);

            for ( ;; ) {
                ngx_http_llm_series_add(&a, 0, NGX_HTTP_LLM_CALLS_OK, 1);
                (void) ngx_http_llm_state_write(&st, 1);
            }
        }

        usleep((useconds_t) (random64() % 20000));
        kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);

        if (access(st.path, F_OK) == 0) {
            snap = slurp(st.path);
        } else {
            snap = slurp(older);
        }

        whole += (check(st.kind, &snap) == NULL);
        back += (snap.head.sequence < sequence);
        sequence = snap.head.sequence;
        ngx_http_llm_snapshot_free(&snap);
    }

    ok(whole == n && back == 0, "%ld kills of a writer, %lu snapshots: "
       "%ld whole, %ld older than before", n, (unsigned long) sequence, whole,
       back);

    ok(ngx_http_llm_state_elect(&st) == 0 || st.self, "elected");
    ngx_http_llm_state_release(&st);
}


/* Who writes: one, and after its death another. */

static void
elect(void)
{
    int                    fd[2];
    char                   byte;
    pid_t                  pid;
    ngx_http_llm_zone_t    a;
    ngx_http_llm_state_t   st;

    memset(&a, 0, sizeof(a));
    st = state(&ngx_http_llm_state_series, &a, "elect", 2 * MB);
    ngx_http_llm_state_anonymous(&st, secret);

    if (pipe(fd) == -1) {
        exit(2);
    }

    pid = fork();

    if (pid == 0) {
        ngx_http_llm_state_join(&st);
        byte = (char) ngx_http_llm_state_elect(&st);
        (void) ngx_http_llm_state_write(&st, 1);
        _exit(write(fd[1], &byte, 1) == 1 ? pause() : 1);
    }

    ok(read(fd[0], &byte, 1) == 1 && byte == 1, "a process is elected");
    ngx_http_llm_state_join(&st);
    ok(ngx_http_llm_state_elect(&st) == 0, "another is not");
    ok(ngx_http_llm_state_write(&st, 1) == -1
       && st.head->fault >> 32 == NGX_HTTP_LLM_STEP_BUSY, "nor could it write");
    kill(pid, SIGKILL);
    (void) waitpid(pid, NULL, 0);
    ok(ngx_http_llm_state_elect(&st) == 1, "until the first is dead");
    ok(ngx_http_llm_state_write(&st, 1) == 0 && st.head->fault == 0,
       "then it writes");
    ngx_http_llm_series_add(&a, 0, NGX_HTTP_LLM_CALLS_OK, 1);
    ok(ngx_http_llm_state_start(&st) == 0 && ngx_http_llm_state_runs(),
       "a thread");
    usleep(300000);
    ngx_http_llm_state_stop();
    ok(!ngx_http_llm_state_runs() && st.head->sequence >= 3, "that writes: %lu",
       (unsigned long) st.head->sequence);
    ngx_http_llm_state_retire(&st, NGX_HTTP_LLM_STATE_MOVED);
    ok(ngx_http_llm_state_elect(&st) == 0, "nobody, for one that is retired");
    ok(ngx_http_llm_state_leave(&st) == 1, "left");
    close(fd[0]);
    close(fd[1]);
    ngx_http_llm_state_release(&st);
}


int
main(int argc, char **argv)
{
    if (argc < 2) {
        return 2;
    }

    dir = argv[1];

    live();
    kills();
    elect();

    return done();
}
