
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Marks.
 *
 * Series only ever grow.  A mark is what all of them held at some time; a
 * window is the difference between now and a mark.  Writers know nothing of
 * this, so nothing that a writer does, however late, can end in the wrong
 * window's books.
 *
 * A mark is due ten seconds after the end of the last one.  A window W
 * starts at the youngest mark that is at least W old, so it covers W and at
 * most one gap between marks more.  All windows share one ladder of marks:
 * a new one is taken for the shortest, and as it grows older its neighbours
 * are given up as the gaps may grow.  A mark may go if no window will miss
 * it: if the gap that it leaves is at most W/5 (less two seconds for late
 * timers) for the smallest W that the younger end of the gap has yet to
 * reach, or if there is none.  25 marks are enough (in steps of 10 to 12
 * seconds 24 hours never had more than 24 that were needed); should none be
 * free to go, the next mark waits.
 *
 * Its times: begin is before the first word was copied and end after the
 * last.  What is after end is in the window for sure, so a mark's age is
 * that of its end; nothing before begin is.  So that end is after the last
 * word even if the process was stopped while copying, it is the time of
 * the *next* call after the copying was done.
 *
 * One process at a time copies.  It owns the marker word, which is taken
 * from nobody or from a process that is dead, never from one that is slow:
 * that one may wake up.  A slow marker makes windows longer, and their
 * times say so.  Killed while it copies, it leaves a mark whose end is 0;
 * whoever comes next takes that place first, and copies everything anew.
 *
 * A column that joins a series after the copy passed it has zeros in that
 * mark, and had zeros in its cells: right by construction.  That holds for
 * a mark that is used again, too: whatever a series owns is copied into it
 * each time, and what no series owns is zero.  So it is with the lines of
 * a column: one whose bit is not set is zero, and is so in every mark.
 *
 * Books that were loaded do not begin at zero.  What was loaded is a mark of
 * its own, the base: from there all windows are counted that reach back
 * beyond the loading, as they are counted from zero in a zone that is new.
 * It is given up when the longest window has a mark to begin at.
 */


#include "ngx_http_llm_marks.h"
#include "ngx_http_llm_owner.h"


#define NGX_HTTP_LLM_SECOND         1000000000ull
#define NGX_HTTP_LLM_MARKS_STEP     (10 * NGX_HTTP_LLM_SECOND)
#define NGX_HTTP_LLM_MARKS_LATE     (2 * NGX_HTTP_LLM_SECOND)
#define NGX_HTTP_LLM_MARKS_RESTART  3
#define NGX_HTTP_LLM_MARKS_SERIES   4096     /* looked at in one slice */


static int ngx_http_llm_marks_begin(ngx_http_llm_zone_t *zone, uint64_t now);
static void ngx_http_llm_marks_end(ngx_http_llm_zone_t *zone, uint64_t now);
static uint64_t ngx_http_llm_marks_last(const ngx_http_llm_zone_t *zone);
static uint32_t ngx_http_llm_marks_keep(ngx_http_llm_zone_t *zone,
    uint64_t now);
static uint32_t ngx_http_llm_marks_victim(ngx_http_llm_zone_t *zone,
    uint64_t now);
static uint32_t ngx_http_llm_marks_copy(ngx_http_llm_zone_t *zone,
    uint32_t idx, uint32_t slot);
static void ngx_http_llm_marks_column(ngx_http_llm_zone_t *zone,
    uint32_t column, uint32_t slot);


const char *const  ngx_http_llm_window_names[NGX_HTTP_LLM_WINDOW_N] = {
    "1m",
    "5m",
    "1h",
    "24h",
    "all"
};


const uint64_t  ngx_http_llm_window_ns[NGX_HTTP_LLM_WINDOW_N] = {
    60 * NGX_HTTP_LLM_SECOND,
    300 * NGX_HTTP_LLM_SECOND,
    3600 * NGX_HTTP_LLM_SECOND,
    86400 * NGX_HTTP_LLM_SECOND,
    UINT64_MAX
};


int
ngx_http_llm_marks_run(ngx_http_llm_zone_t *zone, uint64_t now,
    uint32_t budget)
{
    uint32_t  done, last;

    if (zone->marking == 0 && ngx_http_llm_marks_begin(zone, now) != 0) {
        return NGX_HTTP_LLM_MARKS_DONE;
    }

    /* whoever slept while copying starts over, but not for ever */

    if (now > zone->begun + NGX_HTTP_LLM_MARKS_LATE
        && zone->restarts < NGX_HTTP_LLM_MARKS_RESTART)
    {
        zone->restarts++;
        zone->begun = now;
        zone->cursor = 0;
    }

    if (zone->cursor == zone->series_max) {
        ngx_http_llm_marks_end(zone, now);
        return NGX_HTTP_LLM_MARKS_DONE;
    }

    done = 0;

    last = zone->series_max;

    if (last - zone->cursor > NGX_HTTP_LLM_MARKS_SERIES) {
        last = zone->cursor + NGX_HTTP_LLM_MARKS_SERIES;
    }

    while (zone->cursor < last && done < budget) {
        done += ngx_http_llm_marks_copy(zone, zone->cursor,
                                        zone->marking - 1);
        zone->cursor++;
    }

    return NGX_HTTP_LLM_MARKS_AGAIN;
}


void
ngx_http_llm_marks_leave(ngx_http_llm_zone_t *zone)
{
    uint64_t  self;

    if (zone->marking == 0) {
        return;
    }

    zone->marking = 0;
    self = zone->self;

    (void) __atomic_compare_exchange_n(&zone->arena->marker, &self, 0, 0,
                                       __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}


static int
ngx_http_llm_marks_begin(ngx_http_llm_zone_t *zone, uint64_t now)
{
    uint32_t               slot;
    uint64_t               owner;
    ngx_http_llm_arena_t  *a;

    a = zone->arena;

    if (now < ngx_http_llm_marks_last(zone) + NGX_HTTP_LLM_MARKS_STEP) {
        return -1;
    }

    if (zone->self == 0) {
        zone->self = ngx_http_llm_owner_self();
    }

    /* one's own word without a mark begun: of an earlier cycle's view */

    owner = __atomic_load_n(&a->marker, __ATOMIC_RELAXED);

    if (owner != 0 && owner != zone->self && ngx_http_llm_owner_alive(owner)) {
        return -1;
    }

    if (!__atomic_compare_exchange_n(&a->marker, &owner, zone->self, 0,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
    {
        return -1;
    }

    slot = NGX_HTTP_LLM_MARKS;

    /* another one may have been faster altogether */

    if (now >= ngx_http_llm_marks_last(zone) + NGX_HTTP_LLM_MARKS_STEP) {
        slot = ngx_http_llm_marks_victim(zone, now);
    }

    if (slot == NGX_HTTP_LLM_MARKS) {
        __atomic_store_n(&a->marker, 0, __ATOMIC_RELEASE);
        return -1;
    }

    /* no copied word may be seen before the mark is seen to be gone */

    __atomic_store_n(&a->mark[slot].end, 0, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    zone->marking = slot + 1;
    zone->cursor = 0;
    zone->restarts = 0;
    zone->begun = now;

    return 0;
}


static void
ngx_http_llm_marks_end(ngx_http_llm_zone_t *zone, uint64_t now)
{
    ngx_http_llm_arena_t  *a;
    ngx_http_llm_mark_t   *mark;

    a = zone->arena;
    mark = &a->mark[zone->marking - 1];

    __atomic_store_n(&mark->begin, zone->begun, __ATOMIC_RELAXED);
    __atomic_store_n(&mark->end, now, __ATOMIC_RELEASE);

    zone->marking = 0;

    __atomic_store_n(&a->marker, 0, __ATOMIC_RELEASE);
}


void
ngx_http_llm_marks_base(ngx_http_llm_zone_t *zone, uint64_t now)
{
    uint32_t              i;
    ngx_http_llm_mark_t  *mark;

    mark = &zone->arena->mark[0];

    for (i = 0; i < zone->series_max; i++) {
        (void) ngx_http_llm_marks_copy(zone, i, 0);
    }

    mark->begin = now;
    mark->end = now;

    __atomic_store_n(&zone->arena->base, 1, __ATOMIC_RELEASE);
}


/* When the youngest mark was done, or the zone was made. */

static uint64_t
ngx_http_llm_marks_last(const ngx_http_llm_zone_t *zone)
{
    uint32_t  i;
    uint64_t  end, last;

    last = zone->arena->created_mono;

    for (i = 0; i < NGX_HTTP_LLM_MARKS; i++) {
        end = __atomic_load_n(&zone->arena->mark[i].end, __ATOMIC_RELAXED);
        last = llm_max(last, end);
    }

    return last;
}


/* The base's place as long as a window may begin there, else MARKS. */

static uint32_t
ngx_http_llm_marks_keep(ngx_http_llm_zone_t *zone, uint64_t now)
{
    uint32_t               i, base;
    uint64_t               end;
    ngx_http_llm_arena_t  *a;

    a = zone->arena;
    base = __atomic_load_n(&a->base, __ATOMIC_RELAXED);

    if (base == 0 || base > NGX_HTTP_LLM_MARKS) {
        return NGX_HTTP_LLM_MARKS;
    }

    for (i = 0; i < NGX_HTTP_LLM_MARKS; i++) {
        end = __atomic_load_n(&a->mark[i].end, __ATOMIC_RELAXED);

        if (i != base - 1 && end != 0 && end <= now
            && now - end >= ngx_http_llm_window_ns[NGX_HTTP_LLM_WINDOW_ALL - 1])
        {
            __atomic_store_n(&a->base, 0, __ATOMIC_RELAXED);
            return NGX_HTTP_LLM_MARKS;
        }
    }

    return base - 1;
}


/* The oldest mark that may go. */

static uint32_t
ngx_http_llm_marks_victim(ngx_http_llm_zone_t *zone, uint64_t now)
{
    uint32_t              i, k, n, w, keep, slot[NGX_HTTP_LLM_MARKS];
    uint64_t              end[NGX_HTTP_LLM_MARKS], at, older, age;
    ngx_http_llm_mark_t  *mark;

    mark = zone->arena->mark;
    keep = ngx_http_llm_marks_keep(zone, now);
    n = 0;

    for (i = 0; i < NGX_HTTP_LLM_MARKS; i++) {

        if (i == keep) {
            continue;
        }

        at = __atomic_load_n(&mark[i].end, __ATOMIC_RELAXED);

        if (at == 0) {
            return i;
        }

        for (k = n; k > 0 && end[k - 1] > at; k--) {
            end[k] = end[k - 1];
            slot[k] = slot[k - 1];
        }

        end[k] = at;
        slot[k] = i;
        n++;
    }

    older = zone->arena->created_mono;

    for (k = 0; k + 1 < n; k++) {

        age = now > end[k + 1] ? now - end[k + 1] : 0;

        for (w = 0; w < NGX_HTTP_LLM_WINDOW_ALL; w++) {
            if (ngx_http_llm_window_ns[w] > age) {
                break;
            }
        }

        if (w == NGX_HTTP_LLM_WINDOW_ALL
            || end[k + 1] - older + NGX_HTTP_LLM_MARKS_LATE
               <= ngx_http_llm_window_ns[w] / 5)
        {
            return slot[k];
        }

        older = end[k];
    }

    return NGX_HTTP_LLM_MARKS;
}


/* Returns what it cost, in columns. */

static uint32_t
ngx_http_llm_marks_copy(ngx_http_llm_zone_t *zone, uint32_t idx,
    uint32_t slot)
{
    uint32_t                d, o, i, c, done;
    uint64_t                n, *mark;
    ngx_http_llm_series_t  *s;

    if (__atomic_load_n(&zone->id[idx], __ATOMIC_RELAXED) == 0) {
        return 0;
    }

    s = &zone->series[idx];
    mark = ngx_http_llm_mark_word(zone, slot, idx);

    for (i = 0; i < NGX_HTTP_LLM_WORDS; i++) {
        n = __atomic_load_n(&s->word[i], __ATOMIC_RELAXED);
        __atomic_store_n(&mark[i], n, __ATOMIC_RELAXED);
    }

    done = 1;

    for (d = 0; d < LLM_DIST_N; d++) {

        for (o = 0; o < LLM_CELLS_OCTAVES; o++) {

            c = __atomic_load_n(&s->column[d][o], __ATOMIC_RELAXED);

            if (ngx_http_llm_column_index(c) < zone->columns_max) {
                ngx_http_llm_marks_column(zone, c, slot);
                done++;
            }
        }
    }

    return done;
}


static void
ngx_http_llm_marks_column(ngx_http_llm_zone_t *zone, uint32_t column,
    uint32_t slot)
{
    uint32_t         lines, i, k, *mark;
    uint64_t         n;
    const uint64_t  *cell;

    lines = ngx_http_llm_column_lines(column);
    column = ngx_http_llm_column_index(column);

    cell = zone->column[column].cell;
    mark = ngx_http_llm_mark_cell(zone, slot, column);

    for ( /* void */ ; lines; lines &= lines - 1) {
        i = (uint32_t) __builtin_ctz(lines) * LLM_CELLS_LINE;

        for (k = i; k < i + LLM_CELLS_LINE; k++) {
            n = __atomic_load_n(&cell[k], __ATOMIC_RELAXED);
            __atomic_store_n(&mark[k], (uint32_t) n, __ATOMIC_RELAXED);
        }
    }
}


uint32_t
ngx_http_llm_marks_find(const ngx_http_llm_zone_t *zone, uint32_t window,
    uint64_t now, ngx_http_llm_mark_t *mark)
{
    uint32_t              i, slot, base;
    uint64_t              w, end;
    ngx_http_llm_mark_t  *m;

    slot = NGX_HTTP_LLM_MARKS;

    mark->begin = zone->arena->created_mono;
    mark->end = zone->arena->created_mono;

    if (window >= NGX_HTTP_LLM_WINDOW_ALL) {
        return slot;
    }

    base = __atomic_load_n(&zone->arena->base, __ATOMIC_RELAXED);

    if (base != 0 && base <= NGX_HTTP_LLM_MARKS) {
        m = &zone->arena->mark[base - 1];
        end = __atomic_load_n(&m->end, __ATOMIC_ACQUIRE);

        /* 0: it has just been given up, and another is old enough */

        if (end != 0) {
            slot = base - 1;
            mark->end = end;
            mark->begin = __atomic_load_n(&m->begin, __ATOMIC_RELAXED);
        }
    }

    w = ngx_http_llm_window_ns[window];

    for (i = 0; i < NGX_HTTP_LLM_MARKS; i++) {
        m = &zone->arena->mark[i];

        end = __atomic_load_n(&m->end, __ATOMIC_ACQUIRE);

        if (end == 0 || end > now || now - end < w || end < mark->end) {
            continue;
        }

        slot = i;
        mark->end = end;
        mark->begin = __atomic_load_n(&m->begin, __ATOMIC_RELAXED);
    }

    return slot;
}
