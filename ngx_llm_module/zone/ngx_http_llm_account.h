
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Accounts: what lies in the shared memory of an llm_limit_zone and of an
 * llm_budget_zone.  Plain memory and plain integers: no nginx type, no
 * pointer, no lock.  See the essay in ngx_http_llm_account.c.
 */


#ifndef _NGX_HTTP_LLM_ACCOUNT_H_INCLUDED_
#define _NGX_HTTP_LLM_ACCOUNT_H_INCLUDED_


#include "llm_amount.h"
#include "ngx_http_llm_rows.h"


#define NGX_HTTP_LLM_ACCOUNT_LAYOUT  1

#define NGX_HTTP_LLM_ACCOUNT_NAME    64


typedef enum {
    NGX_HTTP_LLM_TOKENS = LLM_AMOUNT_TOKENS,
    NGX_HTTP_LLM_CALLS = LLM_AMOUNT_CALLS,
    NGX_HTTP_LLM_USD = LLM_AMOUNT_USD,           /* nano-USD */
    NGX_HTTP_LLM_UNITS
} ngx_http_llm_unit_e;


typedef enum {
    NGX_HTTP_LLM_LIMITS = 1,
    NGX_HTTP_LLM_BUDGETS
} ngx_http_llm_accounts_kind_e;


/* Counters of a zone. */

typedef enum {
    NGX_HTTP_LLM_ACCOUNT_FOLDED = 0, /* calls booked under other, no room */
    NGX_HTTP_LLM_ACCOUNT_LATE,       /* settles whose period was gone */
    NGX_HTTP_LLM_ACCOUNT_SATURATED,  /* bookings that hit 52 bits */
    NGX_HTTP_LLM_ACCOUNT_UNROWED,    /* reservations without a row */
    NGX_HTTP_LLM_ACCOUNT_ORPHANS,    /* reservations of dead processes */
    NGX_HTTP_LLM_ACCOUNT_ORPHANED,   /* nano-USD these were charged */
    NGX_HTTP_LLM_ACCOUNT_COUNTERS
} ngx_http_llm_account_counter_e;


/*
 * An account; its id stands apart.  All zero is fresh.  Budgets have cells,
 * limits two words: see ngx_http_llm_budget.c and ngx_http_llm_limit.c.
 * limit is the last one seen (of a limit: its burst) plus 1, 0 is none.
 */

typedef struct {
    union {
        uint64_t      cell[NGX_HTTP_LLM_UNITS][2];

        struct {
            uint64_t  tat;
            uint64_t  given;         /* back, ns since ever */
        };
    };

    uint64_t  limit[NGX_HTTP_LLM_UNITS];

    uint64_t  admitted;
    uint64_t  refused;
    uint64_t  delayed;
    uint64_t  late_settles;

    uint32_t  filled;                /* the name is there to read */
    uint32_t  name_len;
    uint8_t   name[NGX_HTTP_LLM_ACCOUNT_NAME];
} ngx_http_llm_account_t;


/* A reservation in flight.  word: see ngx_http_llm_ledger.c. */

typedef struct {
    uint64_t  word;
    uint64_t  amount;                /* as booked */
    uint64_t  floor;                 /* charged at least */
    uint64_t  delivered;             /* by now */
    uint64_t  cost;                  /* limits: ns */
    uint64_t  mark;
    uint64_t  alone;
} ngx_http_llm_booking_t;


typedef struct {
    uint64_t  magic;                 /* written last */
    uint32_t  layout;
    uint32_t  shape;                 /* of every size that matters */
    uint64_t  size;
    uint64_t  created_mono;          /* ns */
    uint64_t  created_wall;          /* ns since the epoch */
    uint64_t  secret[2];
    uint32_t  kind;                  /* ngx_http_llm_accounts_kind_e */
    uint32_t  period;                /* of budgets */
    uint32_t  places;                /* record 0 among them */
    uint32_t  keys_max;              /* as many at least find a place */
    uint32_t  chunks_max;
    uint32_t  unused;
    uint64_t  ids_at;                /* offsets from the header */
    uint64_t  records_at;
    uint64_t  chunks_at;
    uint64_t  pad0[3];

    /* lines of their own: written while serving */
    uint64_t  used;                  /* keys, about */
    uint64_t  latest;                /* period: never goes back */
    uint64_t  mono, wall;            /* the two clocks, each second */
    uint64_t  strictest[NGX_HTTP_LLM_UNITS];   /* limit + 1; 0: none */
    uint64_t  pad1[1];
    uint64_t  chunks_high;
    uint64_t  pad2[7];
    uint64_t  counter[NGX_HTTP_LLM_ACCOUNT_COUNTERS];
    uint64_t  pad3[8 - NGX_HTTP_LLM_ACCOUNT_COUNTERS];

    ngx_http_llm_slot_t  slot[NGX_HTTP_LLM_SLOTS];
} ngx_http_llm_accounts_arena_t;


/*
 * A process's view of the accounts of a zone, private to it.  kind, period,
 * rate and hide are settings, filled in before format or attach.
 */

typedef struct {
    uint32_t                        kind;
    uint32_t                        period;
    llm_rate_t                      rate;      /* of limits */
    llm_str_t                       rate_text; /* as it was written */
    uint32_t                        hide;      /* keys are secrets */

    ngx_http_llm_accounts_arena_t  *arena;
    uint64_t                       *id;        /* [places], 0: free */
    ngx_http_llm_account_t         *record;
    uint32_t                        places;
    uint32_t                        keys_max;

    ngx_http_llm_rows_t             rows;      /* the ledger */
    uint64_t                        now;       /* of the reaper */
    uint32_t                        scrub;     /* next record to look at */

    void                           *shm;       /* start of the nginx zone */
    void                           *state;     /* ngx_http_llm_state_t */
    const uint8_t                  *name;
    size_t                          name_len;
    size_t                          bytes;     /* size of the nginx zone */
} ngx_http_llm_accounts_t;


/*
 * One reservation of one call, in the caller's own memory.  All zero is
 * none: every function takes it, and does nothing.
 */

typedef struct {
    uint64_t  amount;                /* as booked: maybe less than asked */
    uint64_t  cost;                  /* limits: the same in ns */
    uint64_t  mark;                  /* limits: tat after it, and given */
    uint64_t  alone;                 /* limits: tat if it were the only one */
    uint32_t  account;               /* + 1 */
    uint32_t  row;                   /* in the ledger, 0: none */
    uint16_t  tag;                   /* of the period it is booked in */
    uint8_t   unit;
} ngx_http_llm_hold_t;


#define NGX_HTTP_LLM_ACCOUNTS_OK       0
#define NGX_HTTP_LLM_ACCOUNTS_SMALL    1
#define NGX_HTTP_LLM_ACCOUNTS_FOREIGN  2     /* no accounts, or damaged */
#define NGX_HTTP_LLM_ACCOUNTS_LAYOUT   3     /* of another version */
#define NGX_HTTP_LLM_ACCOUNTS_OTHER    4     /* another kind or period */

#define NGX_HTTP_LLM_ACCOUNTS_MIN      (16 * 1024)


/*
 * Formats zeroed memory, at least 8-byte aligned, as accounts->kind and
 * period say.  Both times are ns; secret is 16 random bytes.  attach looks
 * at what was formatted before and changes nothing in it.
 */
int ngx_http_llm_accounts_format(ngx_http_llm_accounts_t *accounts, void *p,
    size_t size, uint64_t mono, uint64_t wall, const void *secret);
int ngx_http_llm_accounts_attach(ngx_http_llm_accounts_t *accounts, void *p,
    size_t size);

/* A number that is another's when a size is that matters. */
uint32_t ngx_http_llm_accounts_shape(void);

/*
 * The account of a key, made when there is none.  Never fails: 0 is
 * "other", where a key is booked for which there is no room (counted).
 */
uint32_t ngx_http_llm_account_get(ngx_http_llm_accounts_t *accounts,
    llm_str_t key);

/*
 * A limit as the directive has it: noted as the last that the account has
 * seen.  Returns the one that counts: for other, the strictest of the zone.
 */
uint64_t ngx_http_llm_account_limit(ngx_http_llm_accounts_t *accounts,
    uint32_t account, uint32_t unit, uint64_t limit);

/* Keys in use, other not among them. */
uint32_t ngx_http_llm_accounts_used(const ngx_http_llm_accounts_t *accounts);

void ngx_http_llm_account_count(ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_account_counter_e counter, uint64_t n);
uint64_t ngx_http_llm_account_counted(
    const ngx_http_llm_accounts_t *accounts,
    ngx_http_llm_account_counter_e counter);


/* For snapshots: a record and what it belongs to, as it is now. */

typedef struct {
    uint64_t                id;      /* of other: 0 */
    ngx_http_llm_account_t  record;
} ngx_http_llm_account_copy_t;

/* Whether record i is in use, and then a copy of it; i < places. */
int ngx_http_llm_account_copy(const ngx_http_llm_accounts_t *accounts,
    uint32_t i, ngx_http_llm_account_copy_t *copy);

/*
 * Where copies come from.  latest is the period that their arena was in.  A
 * tat moves by shift ns: the new monotonic clock less the old one, less the
 * time that went by between; and then lies at most ahead ns beyond mono.
 */

typedef struct {
    uint64_t  latest;
    uint64_t  now;                   /* the period that it is now */
    int64_t   shift;
    uint64_t  mono;
    uint64_t  ahead;
} ngx_http_llm_account_from_t;

/*
 * For accounts on the same clocks as old: what stands in its header goes
 * over, and *from is filled in for the records.
 */
void ngx_http_llm_accounts_adopt(ngx_http_llm_accounts_t *accounts,
    const ngx_http_llm_accounts_t *old, ngx_http_llm_account_from_t *from);

/*
 * Puts a copy into accounts that nobody else uses yet, formatted with the
 * secret that the copy's id was made with.  What belongs to periods that
 * are over for good is left out.  0, or -1 when there is no room or the copy
 * makes no sense.
 */
int ngx_http_llm_account_import(ngx_http_llm_accounts_t *accounts,
    const ngx_http_llm_account_copy_t *copy,
    const ngx_http_llm_account_from_t *from);


#endif /* _NGX_HTTP_LLM_ACCOUNT_H_INCLUDED_ */
