
/*
 * The load of the benchmark: provider and clients in one process, so that
 * one clock stamps both ends and the provider can wait for the client.
 */


#ifndef _LOAD_H_INCLUDED_
#define _LOAD_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>


#define LOAD_EVENT     300       /* bytes of an event */
#define LOAD_CALLS     8192
#define LOAD_FDS       32768


typedef enum {
    LOAD_FLOOD = 0,              /* events back to back */
    LOAD_PACED,                  /* the next when the client has read one */
    LOAD_TINY,                   /* a small JSON answer */
    LOAD_HOLD,                   /* some events, then silence */
    LOAD_SLOW,                   /* headers, a pause, then one event */
    LOAD_GET                     /* answered by nginx itself */
} load_kind_e;


/* The nginx that is asked. */

typedef struct {
    const char  *uri;
    int          port;
    pid_t        pid;            /* of its worker */
} load_target_t;


typedef struct load_call_s  load_call_t;

struct load_call_s {
    int                   used;
    int                   id;
    load_kind_e           kind;
    const load_target_t  *target;

    int                   fd;          /* the client's connection; -1: none */
    int                   up;          /* the provider's; -1: none */
    int                   finishing;   /* the provider has sent all */

    uint64_t              events;      /* to be sent */
    uint64_t              sent;
    uint64_t              seen;        /* by the client */
    uint64_t              bytes;       /* of the answer, seen */
    uint64_t              more;        /* calls to make after this one */
    uint64_t              serial;      /* number in the URI of the next */
    int                   spread;      /* serial modulo this, 0: none */

    uint64_t              t_asked;     /* client's write of the request */
    uint64_t              t_wrote;     /* provider's write of an event */
    uint64_t              t_seen;      /* client's read of its end */

    int                   done;        /* calls are all over */
    int                   first;       /* the next event is the first */
    uint8_t               tail[5];     /* the last bytes seen */
    uint64_t              left;        /* of an answer with a length; or ~0 */
    int                   in_body;
    char                  head[1024];
    size_t                head_len;
};


typedef enum {
    LOAD_FD_NONE = 0,
    LOAD_FD_LISTEN,
    LOAD_FD_UP,
    LOAD_FD_CLIENT
} load_fd_e;


/* Of a descriptor: whose it is, and the request that the provider reads. */

typedef struct {
    load_fd_e     type;
    load_call_t  *call;
    size_t        len;
    char         *buf;
    int           blocked;       /* waits until it may be written to */
    size_t        at;            /* where the flood was interrupted */
} load_fd_t;


/* One event was read whole by the client, or a call is over. */
typedef void (*load_hook_pt)(load_call_t *c);

extern load_hook_pt  load_on_event;
extern load_hook_pt  load_on_done;
extern load_call_t   load_calls[LOAD_CALLS];
extern load_fd_t     load_fds[LOAD_FDS];


void load_die(const char *what);
uint64_t load_now(void);
uint64_t load_cpu(pid_t pid);

void load_init(int port);

/* Forgets all calls, and closes what they had open. */
void load_reset(void);

/* Opens a connection for a call and sends the first of its requests. */
load_call_t *load_call(load_kind_e kind, const load_target_t *t,
    uint64_t events, uint64_t calls, int spread, uint64_t serial);

/* Runs until *flag or, if it is not 0, for so many ns. */
void load_run(const int *flag, uint64_t ns);

/* Of one process: what the clients and the provider need of each other. */
void load_write(int fd, const char *p, size_t len);
void load_close(int fd);
void load_provider_init(void);
void load_provider_read(int fd);
void load_provider_flood(int fd);

/* The provider writes the next event of a call. */
void load_event(load_call_t *c);

/* The provider writes what ends the stream of a call. */
void load_end(load_call_t *c);


#endif /* _LOAD_H_INCLUDED_ */
