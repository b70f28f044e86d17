
/*
 * Copyright (C) ngx_llm_module authors
 *
 * What lies in the shared memory of an llm_zone.  Plain memory and plain
 * integers: no nginx type, no pointer, no lock.  See the essay in
 * ngx_http_llm_arena.c.
 */


#ifndef _NGX_HTTP_LLM_ARENA_H_INCLUDED_
#define _NGX_HTTP_LLM_ARENA_H_INCLUDED_


#include "llm_cells.h"
#include "llm_facts.h"
#include "llm_header.h"
#include "ngx_http_llm_rows.h"


#define NGX_HTTP_LLM_LAYOUT         5

#define NGX_HTTP_LLM_MARKS          25
#define NGX_HTTP_LLM_LABELS         6        /* own labels */

#define NGX_HTTP_LLM_PROVIDER_LEN   32
#define NGX_HTTP_LLM_MODEL_LEN      128
#define NGX_HTTP_LLM_ROUTE_LEN      96
#define NGX_HTTP_LLM_NAME_LEN       32
#define NGX_HTTP_LLM_VALUE_LEN      64

#define NGX_HTTP_LLM_QUOTAS         64       /* providers that tell limits */

#define NGX_HTTP_LLM_COLUMNS_EACH   20       /* columns planned a series */


/*
 * Counters of a series: X(symbol, group, key).  CALLS_TOTAL is never added
 * to: the reader makes it of the five outcomes, so that the books balance
 * whenever they are read.  The five follow llm_outcome_e, ERROR_* follow
 * llm_error_e and FINISH_* follow llm_finish_e, both without their NONE.
 * Money is nano-USD.
 */

#define NGX_HTTP_LLM_COUNTERS(X)                                              \
    X(CALLS_TOTAL,              "calls",    "total")                          \
    X(CALLS_OK,                 "calls",    "ok")                             \
    X(CALLS_ERROR,              "calls",    "error")                          \
    X(CALLS_ABORTED,            "calls",    "aborted")                        \
    X(CALLS_INCOMPLETE,         "calls",    "incomplete")                     \
    X(CALLS_REFUSED,            "calls",    "refused")                        \
    X(STREAMS,                  "calls",    "streams")                        \
    X(NO_CONTENT,               "calls",    "no_content")                     \
    X(REPLAYED,                 "calls",    "replayed")                       \
    X(ESTIMATED,                "calls",    "estimated")                      \
    X(UNPRICED,                 "calls",    "unpriced")                       \
    X(ATTEMPTS,                 "attempts", "total")                          \
    X(ATTEMPTS_FAILED,          "attempts", "failed")                         \
    X(ERROR_RATE_LIMIT,         "errors",   "rate_limit")                     \
    X(ERROR_OVERLOADED,         "errors",   "overloaded")                     \
    X(ERROR_TIMEOUT,            "errors",   "timeout")                        \
    X(ERROR_AUTH,               "errors",   "auth")                           \
    X(ERROR_NOT_FOUND,          "errors",   "not_found")                      \
    X(ERROR_INVALID_REQUEST,    "errors",   "invalid_request")                \
    X(ERROR_TOO_LARGE,          "errors",   "too_large")                      \
    X(ERROR_CONTENT_FILTER,     "errors",   "content_filter")                 \
    X(ERROR_SERVER_ERROR,       "errors",   "server_error")                   \
    X(ERROR_UPSTREAM,           "errors",   "upstream")                       \
    X(ERROR_GATE,               "errors",   "gate")                           \
    X(ERROR_OTHER,              "errors",   "other")                          \
    X(FINISH_STOP,              "finish",   "stop")                           \
    X(FINISH_LENGTH,            "finish",   "length")                         \
    X(FINISH_TOOL_CALLS,        "finish",   "tool_calls")                     \
    X(FINISH_CONTENT_FILTER,    "finish",   "content_filter")                 \
    X(FINISH_OTHER,             "finish",   "other")                          \
    X(TOKENS_INPUT,             "tokens",   "input")                          \
    X(TOKENS_OUTPUT,            "tokens",   "output")                         \
    X(TOKENS_CACHE_READ,        "tokens",   "cache_read")                     \
    X(TOKENS_CACHE_WRITE,       "tokens",   "cache_write")                    \
    X(TOKENS_REASONING,         "tokens",   "reasoning")                      \
    X(COST,                     "cost",     "usd")                            \
    X(COST_ESTIMATED,           "cost",     "usd_estimated")                  \
    X(SAVED,                    "cost",     "saved_usd")


#define NGX_HTTP_LLM_ENUM(symbol, group, key)  NGX_HTTP_LLM_##symbol,

typedef enum {
    NGX_HTTP_LLM_COUNTERS(NGX_HTTP_LLM_ENUM)
    NGX_HTTP_LLM_COUNTERS_N
} ngx_http_llm_counter_e;


#define ngx_http_llm_calls(outcome)   (NGX_HTTP_LLM_CALLS_OK + (outcome))
#define ngx_http_llm_error(error)                                             \
    (NGX_HTTP_LLM_ERROR_RATE_LIMIT + (error) - LLM_ERROR_RATE_LIMIT)
#define ngx_http_llm_finish(finish)                                           \
    (NGX_HTTP_LLM_FINISH_STOP + (finish) - LLM_FINISH_STOP)


/*
 * Counters of a zone.  group is the key of status "health" (or "zone") that
 * they stand in; those of a group with reasons carry the reason as key.
 */

#define NGX_HTTP_LLM_ZONE_COUNTERS(X)                                         \
    X(OTHER_REQUESTS,           "other_requests",  NULL)                      \
    X(UNREADABLE_ENCODING,      "unreadable",      "encoding")                \
    X(UNREADABLE_TOO_LARGE,     "unreadable",      "too_large")               \
    X(UNREADABLE_NOT_JSON,      "unreadable",      "not_json")                \
    X(UNREADABLE_AMBIGUOUS,     "unreadable",      "ambiguous")               \
    X(UNREADABLE_FRAMING,       "unreadable",      "framing")                 \
    X(UNREADABLE_INFLATE,       "unreadable",      "inflate")                 \
    X(UNREADABLE_OTHER,         "unreadable",      "other")                   \
    X(UNPRICED_UNKNOWN,         "unpriced",        "unknown_model")           \
    X(UNPRICED_NO_RATE,         "unpriced",        "no_rate")                 \
    X(UNPRICED_NO_USAGE,        "unpriced",        "no_usage")                \
    X(UNPRICED_NO_METER,        "unpriced",        "no_meter")                \
    X(SKIPPED_SIGNED,           "splices_skipped", "signed")                  \
    X(SKIPPED_ENCODED,          "splices_skipped", "encoded")                 \
    X(SKIPPED_UNREADABLE,       "splices_skipped", "unreadable")              \
    X(SKIPPED_PATH,             "splices_skipped", "path")                    \
    X(SKIPPED_OTHER,            "splices_skipped", "other")                   \
    X(GATE_UNREADABLE_PASS,       "gates",           "unreadable:pass")       \
    X(GATE_UNREADABLE_REJECT,     "gates",           "unreadable:reject")     \
    X(GATE_MODELS_REJECT,         "gates",           "models:reject")         \
    X(GATE_DENY_REJECT,           "gates",           "deny:reject")           \
    X(GATE_SPLICE_PASS,           "gates",           "splice:pass")           \
    X(GATE_SPLICE_REJECT,         "gates",           "splice:reject")         \
    X(GATE_OUTPUT_REJECT,         "gates",           "output:reject")         \
    X(GATE_INPUT_REJECT,          "gates",           "input:reject")          \
    X(GATE_COST_REJECT,           "gates",           "cost:reject")           \
    X(GATE_LIMIT_PASS,            "gates",           "limit:pass")            \
    X(GATE_LIMIT_DELAY,           "gates",           "limit:delay")           \
    X(GATE_LIMIT_REJECT,          "gates",           "limit:reject")          \
    X(GATE_LIMIT_DRY_RUN,         "gates",           "limit:dry_run")         \
    X(GATE_BUDGET_PASS,           "gates",           "budget:pass")           \
    X(GATE_BUDGET_SOFT,           "gates",           "budget:soft")           \
    X(GATE_BUDGET_OVER,           "gates",           "budget:over")           \
    X(GATE_BUDGET_REJECT,         "gates",           "budget:reject")         \
    X(GATE_BUDGET_DRY_RUN,        "gates",           "budget:dry_run")        \
    X(LATE_SETTLES,             "late_settles",    NULL)                      \
    X(ORPHANED,                 "orphaned_usd",    NULL)                      \
    X(SERIES_FOLDED,            "series_folded",   NULL)                      \
    X(SAMPLES_DROPPED,          "samples_dropped", NULL)                      \
    X(LIVE_DROPPED,             "live_dropped",    NULL)                      \
    X(PROVIDERS_DROPPED,        "providers_dropped", NULL)                    \
    X(LOST_ON_RESIZE,           "lost_on_resize",  NULL)


typedef enum {
    NGX_HTTP_LLM_ZONE_COUNTERS(NGX_HTTP_LLM_ENUM)
    NGX_HTTP_LLM_ZONE_COUNTERS_N
} ngx_http_llm_zone_counter_e;


typedef struct {
    const char  *group;
    const char  *key;                /* NULL: the group is a plain number */
} ngx_http_llm_counter_t;

extern const ngx_http_llm_counter_t
    ngx_http_llm_counters[NGX_HTTP_LLM_COUNTERS_N];
extern const ngx_http_llm_counter_t
    ngx_http_llm_zone_counters[NGX_HTTP_LLM_ZONE_COUNTERS_N];


/*
 * Words of a series that have marks: its counters, then of each
 * distribution the sum (ns), the samples outside of the cells, and those
 * that found no column; then the sum of 1 / TPOT in micro-tokens a second.
 */

#define NGX_HTTP_LLM_SUM      NGX_HTTP_LLM_COUNTERS_N
#define NGX_HTTP_LLM_UNDER    (NGX_HTTP_LLM_SUM + LLM_DIST_N)
#define NGX_HTTP_LLM_OVER     (NGX_HTTP_LLM_UNDER + LLM_DIST_N)
#define NGX_HTTP_LLM_NOCELL   (NGX_HTTP_LLM_OVER + LLM_DIST_N)
#define NGX_HTTP_LLM_RATE     (NGX_HTTP_LLM_NOCELL + LLM_DIST_N)
#define NGX_HTTP_LLM_WORDS    (NGX_HTTP_LLM_RATE + 1)

/* One token a ns, in micro-tokens a second. */

#define NGX_HTTP_LLM_RATE_ONE  1000000000000000ull


/* Label text of a series, filled once; lengths instead of final NULs. */

typedef struct {
    uint8_t   operation;
    uint8_t   nown;
    uint8_t   provider_len;
    uint8_t   model_len;
    uint8_t   route_len;
    uint8_t   name_len[NGX_HTTP_LLM_LABELS];
    uint8_t   value_len[NGX_HTTP_LLM_LABELS];
    uint8_t   provider[NGX_HTTP_LLM_PROVIDER_LEN];
    uint8_t   model[NGX_HTTP_LLM_MODEL_LEN];
    uint8_t   route[NGX_HTTP_LLM_ROUTE_LEN];
    uint8_t   name[NGX_HTTP_LLM_LABELS][NGX_HTTP_LLM_NAME_LEN];
    uint8_t   value[NGX_HTTP_LLM_LABELS][NGX_HTTP_LLM_VALUE_LEN];
} ngx_http_llm_label_text_t;


#define NGX_HTTP_LLM_COLUMNS_MAX      0x00fffffeu

#define ngx_http_llm_column_index(c)  (((c) & 0x00ffffffu) - 1)
#define ngx_http_llm_column_lines(c)  ((c) >> 24)
#define ngx_http_llm_column_bit(i)    (1u << (24 + (i) / LLM_CELLS_LINE))


typedef struct {
    uint64_t  word[NGX_HTTP_LLM_WORDS];

    /* of all samples since the start; min is kept inverted: 0 is fresh */
    uint64_t  imin[LLM_DIST_N];
    uint64_t  max[LLM_DIST_N];
    uint64_t  bound[LLM_DIST_N][LLM_BOUNDS_MAX];

    /*
     * 0: none, else a column's index plus 1, which never changes again; and
     * a bit of each of its lines that was ever used.
     */
    uint32_t  column[LLM_DIST_N][LLM_CELLS_OCTAVES];

    uint32_t  filled;                /* the text is there to read */
    ngx_http_llm_label_text_t  text;
} ngx_http_llm_series_t;


typedef struct {
    uint64_t  cell[LLM_CELLS_COLUMN];
} ngx_http_llm_column_t;


/* What is in a mark of them: [marks][series_max], [marks][columns_max]. */

typedef struct {
    uint64_t  word[NGX_HTTP_LLM_WORDS];
} ngx_http_llm_words_t;

typedef struct {
    uint32_t  cell[LLM_CELLS_COLUMN];
} ngx_http_llm_cells_t;

#define ngx_http_llm_mark_word(zone, slot, s)                                 \
    (zone)->mark_words[(size_t) (slot) * (zone)->series_max + (s)].word
#define ngx_http_llm_mark_cell(zone, slot, c)                                 \
    (zone)->mark_cells[(size_t) (slot) * (zone)->columns_max + (c)].cell


typedef struct {
    uint64_t  end;                   /* 0: not to be used */
    uint64_t  begin;
} ngx_http_llm_mark_t;


/* A call in flight.  word: series + 1, and the flag; 0 is a free row. */

#define NGX_HTTP_LLM_ROW_WAITING   0x80000000ull   /* no content yet */

typedef struct {
    uint64_t  word;
    uint64_t  start;
} ngx_http_llm_row_t;


typedef struct {
    uint32_t  owner;                 /* slot + 1, 0: free */
    uint32_t  next;                  /* chunk with room + 1, owner's list */
    uint64_t  used;                  /* bit a row, written by the owner */
    ngx_http_llm_row_t  row[NGX_HTTP_LLM_ROWS];
} ngx_http_llm_chunk_t;


/* What a provider said last: numbers plus 1, 0 is not known. */

typedef struct {
    uint64_t  id;                    /* 0: free */
    uint64_t  updated;               /* ms since the epoch, written last */
    uint64_t  word[LLM_QUOTA_N * LLM_QUOTA_VALUES];
    uint32_t  filled;                /* the name is there */
    uint32_t  provider_len;
    uint8_t   provider[NGX_HTTP_LLM_PROVIDER_LEN];
} ngx_http_llm_quota_t;


/*
 * What a service level has counted.  A slot's word is a count, and above it
 * what the count is of: see ngx_http_llm_slo.c.
 */

#define NGX_HTTP_LLM_SLOS       32
#define NGX_HTTP_LLM_SLO_BURNS  4
#define NGX_HTTP_LLM_SLO_SLOTS  16

typedef struct {
    uint64_t  id;                    /* of name and definition; 0: free */
    uint64_t  loaded;                /* the configuration that claims it */
    uint64_t  state;
    uint64_t  evidence;              /* ns: there were enough calls then */
    uint64_t  good;                  /* since it has the place */
    uint64_t  bad;
    uint64_t  asked;                 /* calls that asked during a breach */
    uint64_t  moved;                 /* those that were told of it */
    uint64_t  probes;                /* those that were not */
    uint64_t  batch;                 /* how probes fare */

    /* the window's own first; then good and bad */
    uint64_t  slot[1 + NGX_HTTP_LLM_SLO_BURNS][NGX_HTTP_LLM_SLO_SLOTS][2];
} ngx_http_llm_slo_place_t;


typedef struct {
    uint64_t  magic;                 /* written last */
    uint32_t  layout;
    uint32_t  shape;                 /* of every size that matters */
    uint64_t  size;
    uint64_t  created_mono;          /* ns */
    uint64_t  created_wall;          /* ns since the epoch */
    uint64_t  secret[2];
    uint32_t  series_max;            /* record 0 among them */
    uint32_t  columns_max;
    uint32_t  chunks_max;
    uint32_t  base;                  /* mark of what was loaded + 1 */
    uint64_t  ids_at;                /* offsets from the header */
    uint64_t  series_at;
    uint64_t  columns_at;
    uint64_t  chunks_at;
    uint64_t  mark_words_at;
    uint64_t  mark_cells_at;

    uint64_t  pad0[1];

    /* lines of their own: written while serving */
    uint64_t  columns;               /* next to hand out; may pass the max */
    uint64_t  pad1[7];
    uint64_t  chunks_high;           /* none was ever used from here on */
    uint64_t  pad2[7];
    uint64_t  marker;                /* owner of the mark being taken */
    uint64_t  placer;                /* owner of the places of slo[] */
    uint64_t  pad3[6];
    ngx_http_llm_mark_t  mark[NGX_HTTP_LLM_MARKS];
    uint64_t  counter[NGX_HTTP_LLM_ZONE_COUNTERS_N];

    ngx_http_llm_slot_t   slot[NGX_HTTP_LLM_SLOTS];
    ngx_http_llm_quota_t  quota[NGX_HTTP_LLM_QUOTAS];

    ngx_http_llm_slo_place_t  slo[NGX_HTTP_LLM_SLOS];
} ngx_http_llm_arena_t;


/*
 * A process's view of an arena, private to it: where things are, and what
 * the process keeps for itself.  Made before the fork, used after it.
 */

typedef struct {
    ngx_http_llm_arena_t   *arena;
    uint64_t               *id;      /* [series_max], 0: free */
    ngx_http_llm_series_t  *series;
    ngx_http_llm_column_t  *column;
    ngx_http_llm_words_t   *mark_words;
    ngx_http_llm_cells_t   *mark_cells;
    ngx_http_llm_chunk_t   *chunk;

    uint32_t                series_max;
    uint32_t                columns_max;
    uint32_t                chunks_max;

    uint32_t                spare;   /* a column in hand + 1 */

    ngx_http_llm_rows_t     rows;    /* calls in flight */
    uint64_t                self;    /* owner word; 0 before join */

    uint32_t                marking; /* slot being marked + 1 */
    uint32_t                cursor;  /* next series to copy */
    uint32_t                restarts;
    uint64_t                begun;

    void                   *shm;     /* start of the nginx zone */
    void                   *state;   /* ngx_http_llm_state_t, or NULL */
    const uint8_t          *name;
    size_t                  name_len;
    size_t                  bytes;   /* size of the nginx zone */
} ngx_http_llm_zone_t;


#define NGX_HTTP_LLM_ARENA_MIN      (640 * 1024)

#define NGX_HTTP_LLM_ARENA_OK       0
#define NGX_HTTP_LLM_ARENA_SMALL    1
#define NGX_HTTP_LLM_ARENA_FOREIGN  2        /* not an arena, or damaged */
#define NGX_HTTP_LLM_ARENA_LAYOUT   3        /* of another version */


/*
 * Formats zeroed memory, at least 64-byte aligned.  Both times are ns;
 * secret is 16 random bytes.
 */
int ngx_http_llm_arena_format(ngx_http_llm_zone_t *zone, void *p, size_t size,
    uint64_t mono, uint64_t wall, const void *secret);

/* Looks at an arena that was formatted before and changes nothing in it. */
int ngx_http_llm_arena_attach(ngx_http_llm_zone_t *zone, void *p,
    size_t size);

/*
 * Looks at everything in an attached arena that leads somewhere, for one
 * that other processes left: NULL, or what is wrong.  mono is now.
 */
const char *ngx_http_llm_arena_check(const ngx_http_llm_zone_t *zone,
    uint64_t mono);

/* A number that is another's when a size is that matters. */
uint32_t ngx_http_llm_arena_shape(void);

/* Series that are in use, the global one included. */
uint32_t ngx_http_llm_arena_used(const ngx_http_llm_zone_t *zone);

/* Zone counters: ngx_http_llm_zone_counter_e. */
void ngx_http_llm_zone_count(ngx_http_llm_zone_t *zone, uint32_t counter,
    uint64_t n);
uint64_t ngx_http_llm_zone_counted(const ngx_http_llm_zone_t *zone,
    uint32_t counter);


#endif /* _NGX_HTTP_LLM_ARENA_H_INCLUDED_ */
