
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Zones that survive: live memory that outlasts processes, and snapshots
 * that outlast the machine.  Plain C, whatever the kind of zone; what nginx
 * sees of it is in ngx_http_llm_keep.h.
 */


#ifndef _NGX_HTTP_LLM_STATE_H_INCLUDED_
#define _NGX_HTTP_LLM_STATE_H_INCLUDED_


#include <sys/types.h>
#include <time.h>

#include "ngx_http_llm_snapshot.h"


#define NGX_HTTP_LLM_STATE_DIR       "/dev/shm"
#define NGX_HTTP_LLM_STATE_USERS     128
#define NGX_HTTP_LLM_STATE_NAME      64


/*
 * A kind of zone.  zone is the process's view of it (ngx_http_llm_zone_t
 * and the like); format, attach and check return 0 when it is good.
 */

typedef struct {
    const char  *directive;          /* "llm_zone" */
    uint32_t     kind;               /* never changes its meaning */
    uint32_t     interval;           /* seconds between two snapshots */
    uint32_t     layout;             /* of live memory */

    /* of live memory, and of the records of a snapshot */
    uint32_t   (*shape)(void);
    uint32_t   (*record_shape)(void);

    /* as ngx_http_llm_arena_format() and _attach(); p is zeroed */
    int        (*format)(void *zone, void *p, size_t size, uint64_t mono,
                         uint64_t wall, const void *secret);
    int        (*attach)(void *zone, void *p, size_t size);

    /* every index and length in an attached one: NULL, or what is wrong */
    const char *(*check)(void *zone, uint64_t mono);

    /* all that is used, by relaxed loads, while others write; fills in
       created_wall and secret of the header, too.  0, or -1 for no memory */
    int        (*save)(const void *zone, ngx_http_llm_snapshot_out_t *out,
                       ngx_http_llm_snapshot_head_t *head);

    /* into a fresh one, before it serves; the snapshot is checked, what is
       in its records is not.  mono and wall are now.  NULL, or what is
       wrong: then the zone is formatted anew */
    const char *(*load)(void *zone, ngx_http_llm_snapshot_t *snap,
                        uint64_t mono, uint64_t wall);
} ngx_http_llm_state_kind_t;


#define NGX_HTTP_LLM_STATE_SERIES    1
#define NGX_HTTP_LLM_STATE_LIMITS    2
#define NGX_HTTP_LLM_STATE_BUDGETS   3

extern const ngx_http_llm_state_kind_t  ngx_http_llm_state_series;
extern const ngx_http_llm_state_kind_t  ngx_http_llm_state_limits;
extern const ngx_http_llm_state_kind_t  ngx_http_llm_state_budgets;

/* What attach says of one that counts otherwise. */
#define NGX_HTTP_LLM_STATE_OTHER     100


/* The first page of live memory. */

#define NGX_HTTP_LLM_STATE_HEAD      4096

typedef struct {
    uint64_t  magic;                 /* written last */
    uint32_t  version;               /* of this page */
    uint32_t  kind;
    uint32_t  layout;
    uint32_t  shape;
    uint64_t  size;                  /* of the arena behind it */
    uint64_t  boot[2];

    /* written while serving, by atomic instructions */
    uint64_t  master;                /* owner word of who took it up last */
    uint64_t  retired;               /* ngx_http_llm_state_retired_e */
    uint64_t  writer;                /* owner word of who writes snapshots */
    uint64_t  sequence;              /* of the last snapshot */
    uint64_t  saved;                 /* ns: the disk has what was then */
    uint64_t  fault;                 /* step << 32 | errno; 0: none */
    uint64_t  user[NGX_HTTP_LLM_STATE_USERS];
} ngx_http_llm_state_head_t;


typedef enum {
    NGX_HTTP_LLM_STATE_SERVES = 0,
    NGX_HTTP_LLM_STATE_MOVED,        /* another one writes the same path */
    NGX_HTTP_LLM_STATE_GONE          /* no longer configured */
} ngx_http_llm_state_retired_e;


/* What may fail, for messages. */

#define NGX_HTTP_LLM_STATE_STEPS(X)                                           \
    X(NONE,     "")                                                           \
    X(NAME,     "realpath()")                                                 \
    X(DIR,      "statfs()")                                                   \
    X(TMPFS,    "is no tmpfs")                                                \
    X(OPEN,     "open()")                                                     \
    X(STAT,     "fstat()")                                                    \
    X(OWNER,    "belongs to another user, or others may write it")            \
    X(MODE,     "is no plain file of one name")                               \
    X(READ,     "read()")                                                     \
    X(MAP,      "mmap()")                                                     \
    X(ALLOC,    "posix_fallocate()")                                          \
    X(LOCK,     "flock()")                                                    \
    X(LINK,     "linkat()")                                                   \
    X(RENAME,   "rename()")                                                   \
    X(WRITE,    "write()")                                                    \
    X(SYNC,     "fsync()")                                                    \
    X(CLOSE,    "close()")                                                    \
    X(MEMORY,   "malloc()")                                                   \
    X(THREAD,   "pthread_create()")                                           \
    X(BUSY,     "is written by another nginx")                                \
    X(LATE,     "takes too long")


#define NGX_HTTP_LLM_STATE_STEP(symbol, text)  NGX_HTTP_LLM_STEP_##symbol,

typedef enum {
    NGX_HTTP_LLM_STATE_STEPS(NGX_HTTP_LLM_STATE_STEP)
    NGX_HTTP_LLM_STEP_N
} ngx_http_llm_state_step_e;

extern const char *const  ngx_http_llm_state_steps[NGX_HTTP_LLM_STEP_N];


typedef struct {
    uint32_t  step;
    int       err;                   /* errno, or 0 */
} ngx_http_llm_state_fault_t;


typedef struct ngx_http_llm_state_s  ngx_http_llm_state_t;

struct ngx_http_llm_state_s {
    const ngx_http_llm_state_kind_t  *kind;
    void                             *zone;
    const char                       *name;      /* of the zone */
    const char                       *path;      /* full */
    size_t                            size;      /* asked for, of the arena */

    /* live memory */
    char                              live[NGX_HTTP_LLM_STATE_NAME];
    ngx_http_llm_state_head_t        *head;
    size_t                            mapped;    /* bytes from the head */
    int                               fd;        /* holds the lock */
    dev_t                             dev;
    ino_t                             ino;
    unsigned                          anonymous:1;
    unsigned                          serves:1;  /* was committed */
    unsigned                          adopted:1;
    ngx_http_llm_state_fault_t        fault;     /* why it is anonymous */

    /* of this process */
    uint64_t                          self;      /* owner word, or 0 */
    uint32_t                          slot;      /* in user[] + 1 */

    /* of its writer */
    ngx_http_llm_snapshot_out_t      *out;
    int                               lock;      /* of path.lock */
    uint64_t                          due;       /* ns, monotonic */
    uint32_t                          crc;       /* of what is on the disk */
    dev_t                             disk_dev;
    ino_t                             disk_ino;  /* 0: not known */

    /* of the process that logs */
    uint64_t                          said;      /* ns: last complaint */
    uint64_t                          since;     /* ns: it ails */
    unsigned                          ailing:1;

    /* from the zone's init to its commit */
    const void                       *old;       /* view of before */
    ngx_http_llm_snapshot_t           snap;      /* what it is to begin with */

    ngx_http_llm_state_t             *next;      /* of this configuration */
    ngx_http_llm_state_t             *kept;      /* of all that serve */
};


/* What live memory was found. */

typedef enum {
    NGX_HTTP_LLM_FOUND_NONE = 0,
    NGX_HTTP_LLM_FOUND_GOOD,         /* mapped and attached */
    NGX_HTTP_LLM_FOUND_SIZE,         /* good, but of another size; mapped */
    NGX_HTTP_LLM_FOUND_LAYOUT,       /* of another version of the module */
    NGX_HTTP_LLM_FOUND_BOOT,         /* of another boot or container */
    NGX_HTTP_LLM_FOUND_BAD,          /* damaged; what */
    NGX_HTTP_LLM_FOUND_ERROR         /* fault */
} ngx_http_llm_found_e;

typedef struct {
    ngx_http_llm_found_e              how;
    const char                       *what;
    ngx_http_llm_state_fault_t        fault;
    int32_t                           pid;       /* who uses it, or 0 */
    size_t                            size;
} ngx_http_llm_found_t;


/*
 * Live memory, in directory dir (NGX_HTTP_LLM_STATE_DIR).
 *
 * find: looks and changes nothing.  Its mapping, if it has one, is taken
 * over by the state; the view is attached to it if it is good.
 * anonymous: fresh memory that nobody shares but by fork, formatted.
 * create: a fresh file without a name, formatted; the state takes it up in
 * place of what it has.  publish: gives it its name.
 * lock: for ourselves and others (shared).  alone: nobody else uses it.
 * whole: it was not cut.
 */
int ngx_http_llm_state_find(ngx_http_llm_state_t *st, const char *dir,
    ngx_http_llm_found_t *found);
int ngx_http_llm_state_anonymous(ngx_http_llm_state_t *st,
    const void *secret);
int ngx_http_llm_state_create(ngx_http_llm_state_t *st, const char *dir,
    const void *secret);
int ngx_http_llm_state_publish(ngx_http_llm_state_t *st);
int ngx_http_llm_state_lock(ngx_http_llm_state_t *st);
int ngx_http_llm_state_alone(ngx_http_llm_state_t *st);
int ngx_http_llm_state_whole(const ngx_http_llm_state_t *st);
void ngx_http_llm_state_retire(ngx_http_llm_state_t *st,
    ngx_http_llm_state_retired_e how);
void ngx_http_llm_state_release(ngx_http_llm_state_t *st);

/* Empty again: 0, or -1. */
int ngx_http_llm_state_clear(ngx_http_llm_state_t *st, const void *secret);

/* Who uses live memory of this path: a pid, 0 for nobody, -1: not known. */
int32_t ngx_http_llm_state_user(ngx_http_llm_state_t *st, const char *dir);

/* Its name and its file system: 0, or -1 and the fault. */
int ngx_http_llm_state_name(ngx_http_llm_state_t *st, const char *dir,
    ngx_http_llm_state_fault_t *fault);
int ngx_http_llm_state_tmpfs(const char *dir,
    ngx_http_llm_state_fault_t *fault);
int ngx_http_llm_state_failed(ngx_http_llm_state_fault_t *fault,
    uint32_t step, int err);

uint64_t ngx_http_llm_state_clock(clockid_t id);
void *ngx_http_llm_state_arena(const ngx_http_llm_state_t *st);
void ngx_http_llm_state_boot(uint64_t boot[2]);


/*
 * Snapshots.  write: one, now; 0, or -1 and head->fault.  copy: what a zone
 * of the same kind holds, into memory, as a checked snapshot.
 */
int ngx_http_llm_state_write(ngx_http_llm_state_t *st, int force);
const char *ngx_http_llm_state_copy(const ngx_http_llm_state_kind_t *kind,
    const void *zone, ngx_http_llm_snapshot_t *snap);

/* A step has failed: -1. */
int ngx_http_llm_state_note(ngx_http_llm_state_t *st, uint32_t step, int err);

/* The step that fails, with its errno in st->fault; NONE: it is well. */
uint32_t ngx_http_llm_state_ails(ngx_http_llm_state_t *st);

/* A process that uses it, from init_process to exit_process. */
void ngx_http_llm_state_join(ngx_http_llm_state_t *st);

/* 1 if none is left that uses it. */
int ngx_http_llm_state_leave(ngx_http_llm_state_t *st);

/* The last snapshot, of the last one: as write. */
int ngx_http_llm_state_finish(ngx_http_llm_state_t *st);

/* Takes the writing over if nobody has it: 1 if it is ours. */
int ngx_http_llm_state_elect(ngx_http_llm_state_t *st);

/* The thread that writes what this process was elected for. */
int ngx_http_llm_state_start(ngx_http_llm_state_t *list);
void ngx_http_llm_state_stop(void);
int ngx_http_llm_state_runs(void);

/* Gives up what the process was elected for, without waiting. */
void ngx_http_llm_state_yield(void);


#define NGX_HTTP_LLM_STATE_NONE      0
#define NGX_HTTP_LLM_STATE_OK        1
#define NGX_HTTP_LLM_STATE_DEGRADED  2

/* The worst of a list, and its oldest snapshot (age in ns, UINT64_MAX: there
 * is none). */
int ngx_http_llm_state_health(const ngx_http_llm_state_t *list,
    uint64_t *age);

/* The age of one. */
uint64_t ngx_http_llm_state_age(const ngx_http_llm_state_t *st);


#endif /* _NGX_HTTP_LLM_STATE_H_INCLUDED_ */
