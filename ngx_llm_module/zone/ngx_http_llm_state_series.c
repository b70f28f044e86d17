
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Snapshots of series.
 *
 * Counters are stored with their names, so that a version of the module
 * that has others finds its own; what depends on the kinds of latency and
 * their cells must be the same on both sides (the shape).  Of the cells
 * only those that hold something are stored.
 *
 * What is not stored: calls in flight, which are gone with their processes;
 * marks, so windows begin anew, at a mark that is made of what was loaded;
 * and what providers said is left.
 *
 * Labels go the way that labels of a call go: cleaned, and claimed by their
 * own hash; a zone that has grown smaller books what finds no room where a
 * call would be booked.
 */


#include "ngx_http_llm_marks.h"
#include "ngx_http_llm_series.h"
#include "ngx_http_llm_state.h"

#include <stdlib.h>


#define NGX_HTTP_LLM_SAVE_NAMES   1
#define NGX_HTTP_LLM_SAVE_ZONE    2
#define NGX_HTTP_LLM_SAVE_SERIES  3

#define NGX_HTTP_LLM_SAVE_NAME    48     /* "group.key" */

#define NGX_HTTP_LLM_EXTRA        (NGX_HTTP_LLM_WORDS - NGX_HTTP_LLM_COUNTERS_N)
#define NGX_HTTP_LLM_SAVE_CELLS   (LLM_DIST_N * LLM_CELLS_N)
#define NGX_HTTP_LLM_SAVE_MAX     1024   /* names in a file */


typedef struct {
    char      name[NGX_HTTP_LLM_SAVE_NAME];
} ngx_http_llm_save_name_t;


typedef struct {
    uint32_t  counters;              /* in this and every other record */
    uint32_t  zone_counters;
    ngx_http_llm_save_name_t  name[NGX_HTTP_LLM_COUNTERS_N
                                   + NGX_HTTP_LLM_ZONE_COUNTERS_N];
} ngx_http_llm_save_names_t;


/* A series: this, its counters (64 bits each), its cells. */

typedef struct {
    uint64_t  extra[NGX_HTTP_LLM_EXTRA];
    uint64_t  imin[LLM_DIST_N];
    uint64_t  max[LLM_DIST_N];
    uint64_t  bound[LLM_DIST_N][LLM_BOUNDS_MAX];
    uint32_t  cells;
    uint32_t  unused;
    ngx_http_llm_label_text_t  text;
} ngx_http_llm_save_series_t;


typedef struct {
    uint64_t  at;                    /* dist * LLM_CELLS_N + cell */
    uint64_t  n;
} ngx_http_llm_save_cell_t;


#define NGX_HTTP_LLM_SAVE_ROOM                                                \
    (sizeof(ngx_http_llm_save_series_t)                                       \
     + NGX_HTTP_LLM_COUNTERS_N * sizeof(uint64_t)                             \
     + NGX_HTTP_LLM_SAVE_CELLS * sizeof(ngx_http_llm_save_cell_t))

_Static_assert(sizeof(ngx_http_llm_save_series_t) % 8 == 0, "alignment");
_Static_assert(NGX_HTTP_LLM_SAVE_ROOM <= NGX_HTTP_LLM_SNAPSHOT_RECORD,
               "a series fits into a record");


/* Where a file's counters are here; COUNTERS_N: nowhere. */

typedef struct {
    ngx_http_llm_zone_t  *zone;
    uint32_t              counters;
    uint32_t              zone_counters;
    uint16_t              map[NGX_HTTP_LLM_SAVE_MAX];
    uint16_t              zone_map[NGX_HTTP_LLM_SAVE_MAX];
} ngx_http_llm_load_t;


static uint32_t ngx_http_llm_series_layout_shape(void);
static uint32_t ngx_http_llm_series_record_shape(void);
static int ngx_http_llm_series_format(void *zone, void *p, size_t size,
    uint64_t mono, uint64_t wall, const void *secret);
static int ngx_http_llm_series_attach(void *zone, void *p, size_t size);
static const char *ngx_http_llm_series_check(void *zone, uint64_t mono);
static int ngx_http_llm_series_save(const void *zone,
    ngx_http_llm_snapshot_out_t *out, ngx_http_llm_snapshot_head_t *head);
static const char *ngx_http_llm_series_load(void *zone,
    ngx_http_llm_snapshot_t *snap, uint64_t mono, uint64_t wall);

static void ngx_http_llm_save_name(ngx_http_llm_save_name_t *name,
    const ngx_http_llm_counter_t *counter);
static void ngx_http_llm_save_names(ngx_http_llm_snapshot_out_t *out);
static size_t ngx_http_llm_save_series(const ngx_http_llm_zone_t *zone,
    uint32_t idx, uint8_t *buf);
static uint8_t *ngx_http_llm_save_cells(const ngx_http_llm_zone_t *zone,
    const ngx_http_llm_series_t *s, uint8_t *p);

static const char *ngx_http_llm_load_names(ngx_http_llm_load_t *load,
    const uint8_t *data, size_t len);
static void ngx_http_llm_load_map(uint16_t *map, const uint8_t *names,
    uint32_t n, const ngx_http_llm_counter_t *counters, uint32_t ncounters);
static const char *ngx_http_llm_load_zone(ngx_http_llm_load_t *load,
    const uint8_t *data, size_t len);
static const char *ngx_http_llm_load_series(ngx_http_llm_load_t *load,
    const uint8_t *data, size_t len);
static int ngx_http_llm_load_text(const ngx_http_llm_label_text_t *text);
static void ngx_http_llm_load_words(ngx_http_llm_load_t *load,
    ngx_http_llm_series_t *s, const ngx_http_llm_save_series_t *save,
    const uint8_t *counters);


const ngx_http_llm_state_kind_t  ngx_http_llm_state_series = {
    "llm_zone",
    NGX_HTTP_LLM_STATE_SERIES,
    60,
    NGX_HTTP_LLM_LAYOUT,
    ngx_http_llm_series_layout_shape,
    ngx_http_llm_series_record_shape,
    ngx_http_llm_series_format,
    ngx_http_llm_series_attach,
    ngx_http_llm_series_check,
    ngx_http_llm_series_save,
    ngx_http_llm_series_load
};


static uint32_t
ngx_http_llm_series_layout_shape(void)
{
    return ngx_http_llm_arena_shape();
}


static uint32_t
ngx_http_llm_series_record_shape(void)
{
    uint32_t  h, i;

    static const uint32_t  sizes[] = {
        sizeof(ngx_http_llm_save_series_t),
        sizeof(ngx_http_llm_label_text_t), NGX_HTTP_LLM_EXTRA, LLM_DIST_N,
        LLM_BOUNDS_MAX, LLM_CELLS_N, LLM_CELLS_COLUMN, LLM_OP_N,
        NGX_HTTP_LLM_SAVE_NAME
    };

    h = 2166136261u;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        h = (h ^ sizes[i]) * 16777619u;
    }

    return h;
}


static int
ngx_http_llm_series_format(void *zone, void *p, size_t size, uint64_t mono,
    uint64_t wall, const void *secret)
{
    return ngx_http_llm_arena_format(zone, p, size, mono, wall, secret);
}


static int
ngx_http_llm_series_attach(void *zone, void *p, size_t size)
{
    return ngx_http_llm_arena_attach(zone, p, size);
}


static const char *
ngx_http_llm_series_check(void *zone, uint64_t mono)
{
    return ngx_http_llm_arena_check(zone, mono);
}


static int
ngx_http_llm_series_save(const void *data, ngx_http_llm_snapshot_out_t *out,
    ngx_http_llm_snapshot_head_t *head)
{
    size_t                      len;
    uint8_t                    *buf;
    uint32_t                    i;
    uint64_t                    n[NGX_HTTP_LLM_ZONE_COUNTERS_N];
    const ngx_http_llm_zone_t  *zone;

    zone = data;

    buf = malloc(NGX_HTTP_LLM_SAVE_ROOM);
    if (buf == NULL) {
        return -1;
    }

    head->created_wall = zone->arena->created_wall;
    head->secret[0] = 0;
    head->secret[1] = 0;

    ngx_http_llm_save_names(out);

    for (i = 0; i < NGX_HTTP_LLM_ZONE_COUNTERS_N; i++) {
        n[i] = ngx_http_llm_zone_counted(zone, i);
    }

    ngx_http_llm_snapshot_put(out, NGX_HTTP_LLM_SAVE_ZONE, n, sizeof(n));

    for (i = 0; i < zone->series_max; i++) {
        len = ngx_http_llm_save_series(zone, i, buf);

        if (len) {
            ngx_http_llm_snapshot_put(out, NGX_HTTP_LLM_SAVE_SERIES, buf,
                                      len);
        }
    }

    free(buf);

    return 0;
}


static void
ngx_http_llm_save_names(ngx_http_llm_snapshot_out_t *out)
{
    uint32_t                   i;
    ngx_http_llm_save_names_t  names;

    names.counters = NGX_HTTP_LLM_COUNTERS_N;
    names.zone_counters = NGX_HTTP_LLM_ZONE_COUNTERS_N;

    for (i = 0; i < NGX_HTTP_LLM_COUNTERS_N; i++) {
        ngx_http_llm_save_name(&names.name[i], &ngx_http_llm_counters[i]);
    }

    for (i = 0; i < NGX_HTTP_LLM_ZONE_COUNTERS_N; i++) {
        ngx_http_llm_save_name(&names.name[NGX_HTTP_LLM_COUNTERS_N + i],
                               &ngx_http_llm_zone_counters[i]);
    }

    ngx_http_llm_snapshot_put(out, NGX_HTTP_LLM_SAVE_NAMES, &names,
                              sizeof(names));
}


static void
ngx_http_llm_save_name(ngx_http_llm_save_name_t *name,
    const ngx_http_llm_counter_t *counter)
{
    size_t       i;
    const char  *p;

    memset(name, 0, sizeof(*name));

    i = 0;

    for (p = counter->group; *p && i < sizeof(name->name) - 2; p++) {
        name->name[i++] = *p;
    }

    name->name[i++] = '.';

    for (p = counter->key; p && *p && i < sizeof(name->name) - 1; p++) {
        name->name[i++] = *p;
    }
}


/* The length of the record; 0: the place is free. */

static size_t
ngx_http_llm_save_series(const ngx_http_llm_zone_t *zone, uint32_t idx,
    uint8_t *buf)
{
    uint8_t                      *p, *cells;
    uint32_t                      i, d;
    ngx_http_llm_save_series_t   *save;
    const ngx_http_llm_series_t  *s;

    s = &zone->series[idx];

    if (__atomic_load_n(&zone->id[idx], __ATOMIC_RELAXED) == 0
        || __atomic_load_n(&s->filled, __ATOMIC_ACQUIRE) == 0)
    {
        return 0;
    }

    save = (ngx_http_llm_save_series_t *) buf;

    memset(save, 0, sizeof(*save));
    memcpy(&save->text, &s->text, sizeof(save->text));

    for (d = 0; d < LLM_DIST_N; d++) {
        save->imin[d] = __atomic_load_n(&s->imin[d], __ATOMIC_RELAXED);
        save->max[d] = __atomic_load_n(&s->max[d], __ATOMIC_RELAXED);

        for (i = 0; i < LLM_BOUNDS_MAX; i++) {
            save->bound[d][i] = __atomic_load_n(&s->bound[d][i],
                                                __ATOMIC_RELAXED);
        }
    }

    for (i = 0; i < NGX_HTTP_LLM_EXTRA; i++) {
        save->extra[i] = __atomic_load_n(
                                &s->word[NGX_HTTP_LLM_COUNTERS_N + i],
                                __ATOMIC_RELAXED);
    }

    p = buf + sizeof(*save);

    for (i = 0; i < NGX_HTTP_LLM_COUNTERS_N; i++, p += sizeof(uint64_t)) {
        *(uint64_t *) p = __atomic_load_n(&s->word[i], __ATOMIC_RELAXED);
    }

    cells = p;
    p = ngx_http_llm_save_cells(zone, s, p);

    save->cells = (uint32_t) ((size_t) (p - cells)
                              / sizeof(ngx_http_llm_save_cell_t));

    return (size_t) (p - buf);
}


static uint8_t *
ngx_http_llm_save_cells(const ngx_http_llm_zone_t *zone,
    const ngx_http_llm_series_t *s, uint8_t *p)
{
    uint32_t                   d, o, c, i;
    ngx_http_llm_save_cell_t  *cell;

    cell = (ngx_http_llm_save_cell_t *) p;

    for (d = 0; d < LLM_DIST_N; d++) {

        for (o = 0; o < LLM_CELLS_OCTAVES; o++) {

            c = __atomic_load_n(&s->column[d][o], __ATOMIC_RELAXED);
            c = ngx_http_llm_column_index(c);

            if (c >= zone->columns_max) {
                continue;
            }

            for (i = 0; i < LLM_CELLS_COLUMN; i++) {
                cell->n = __atomic_load_n(&zone->column[c].cell[i],
                                          __ATOMIC_RELAXED);
                if (cell->n) {
                    cell->at = d * LLM_CELLS_N + o * LLM_CELLS_COLUMN + i;
                    cell++;
                }
            }
        }
    }

    return (uint8_t *) cell;
}


static const char *
ngx_http_llm_series_load(void *data, ngx_http_llm_snapshot_t *snap,
    uint64_t mono, uint64_t wall)
{
    size_t                len;
    uint32_t              type;
    const char           *what;
    const uint8_t        *rec;
    ngx_http_llm_load_t   load;

    load.zone = data;
    load.counters = 0;
    load.zone_counters = 0;

    while (ngx_http_llm_snapshot_next(snap, &type, &rec, &len)) {

        switch (type) {

        case NGX_HTTP_LLM_SAVE_NAMES:
            what = ngx_http_llm_load_names(&load, rec, len);
            break;

        case NGX_HTTP_LLM_SAVE_ZONE:
            what = ngx_http_llm_load_zone(&load, rec, len);
            break;

        case NGX_HTTP_LLM_SAVE_SERIES:
            what = ngx_http_llm_load_series(&load, rec, len);
            break;

        default:
            what = "has a record of an unknown type";
        }

        if (what) {
            return what;
        }
    }

    if (load.counters == 0) {
        return "has no names of counters";
    }

    if (snap->head.created_wall && snap->head.created_wall < wall) {
        load.zone->arena->created_wall = snap->head.created_wall;
    }

    ngx_http_llm_marks_base(load.zone, mono);

    return NULL;
}


static const char *
ngx_http_llm_load_names(ngx_http_llm_load_t *load, const uint8_t *data,
    size_t len)
{
    uint32_t  n[2];

    if (load->counters || len < sizeof(n)) {
        return "has wrong names of counters";
    }

    memcpy(n, data, sizeof(n));

    if (n[0] == 0 || n[0] > NGX_HTTP_LLM_SAVE_MAX
        || n[1] > NGX_HTTP_LLM_SAVE_MAX
        || len != sizeof(n) + ((size_t) n[0] + n[1])
                  * sizeof(ngx_http_llm_save_name_t))
    {
        return "has wrong names of counters";
    }

    data += sizeof(n);

    ngx_http_llm_load_map(load->map, data, n[0], ngx_http_llm_counters,
                          NGX_HTTP_LLM_COUNTERS_N);
    ngx_http_llm_load_map(load->zone_map,
                          data + n[0] * sizeof(ngx_http_llm_save_name_t),
                          n[1], ngx_http_llm_zone_counters,
                          NGX_HTTP_LLM_ZONE_COUNTERS_N);

    load->counters = n[0];
    load->zone_counters = n[1];

    return NULL;
}


static void
ngx_http_llm_load_map(uint16_t *map, const uint8_t *names, uint32_t n,
    const ngx_http_llm_counter_t *counters, uint32_t ncounters)
{
    uint32_t                  i, k;
    ngx_http_llm_save_name_t  name;

    for (k = 0; k < n; k++) {
        map[k] = (uint16_t) ncounters;
    }

    for (i = 0; i < ncounters; i++) {
        ngx_http_llm_save_name(&name, &counters[i]);

        for (k = 0; k < n; k++) {
            if (memcmp(names + k * sizeof(name), &name, sizeof(name)) == 0) {
                map[k] = (uint16_t) i;
                break;
            }
        }
    }
}


static const char *
ngx_http_llm_load_zone(ngx_http_llm_load_t *load, const uint8_t *data,
    size_t len)
{
    uint32_t  i;
    uint64_t  n;

    if (load->counters == 0 || len != load->zone_counters * sizeof(n)) {
        return "has wrong counters of the zone";
    }

    for (i = 0; i < load->zone_counters; i++) {
        memcpy(&n, data + i * sizeof(n), sizeof(n));
        ngx_http_llm_zone_count(load->zone, load->zone_map[i], n);
    }

    return NULL;
}


static const char *
ngx_http_llm_load_series(ngx_http_llm_load_t *load, const uint8_t *data,
    size_t len)
{
    size_t                       words;
    uint32_t                     i, idx;
    const uint8_t               *cells;
    ngx_http_llm_labels_t        labels;
    ngx_http_llm_save_cell_t     cell;
    ngx_http_llm_save_series_t   save;

    words = load->counters * sizeof(uint64_t);

    if (load->counters == 0 || len < sizeof(save) + words) {
        return "has a series that is cut";
    }

    memcpy(&save, data, sizeof(save));

    if (save.cells > NGX_HTTP_LLM_SAVE_CELLS
        || len != sizeof(save) + words
                  + save.cells * sizeof(cell)
        || ngx_http_llm_load_text(&save.text) != 0)
    {
        return "has a series that is wrong";
    }

    ngx_http_llm_label_view(&labels, &save.text);
    idx = ngx_http_llm_series_claim(load->zone, &labels, 1);

    data += sizeof(save);
    cells = data + words;

    ngx_http_llm_load_words(load, &load->zone->series[idx], &save, data);

    for (i = 0; i < save.cells; i++) {
        memcpy(&cell, cells + i * sizeof(cell), sizeof(cell));

        if (cell.at >= NGX_HTTP_LLM_SAVE_CELLS) {
            return "has a cell that is none";
        }

        ngx_http_llm_series_cell(load->zone, idx,
                                 (uint32_t) (cell.at / LLM_CELLS_N),
                                 (uint32_t) (cell.at % LLM_CELLS_N), cell.n);
    }

    return NULL;
}


static int
ngx_http_llm_load_text(const ngx_http_llm_label_text_t *text)
{
    uint32_t  i;

    if (text->operation >= LLM_OP_N || text->nown > NGX_HTTP_LLM_LABELS
        || text->provider_len > NGX_HTTP_LLM_PROVIDER_LEN
        || text->model_len > NGX_HTTP_LLM_MODEL_LEN
        || text->route_len > NGX_HTTP_LLM_ROUTE_LEN)
    {
        return -1;
    }

    for (i = 0; i < text->nown; i++) {
        if (text->name_len[i] > NGX_HTTP_LLM_NAME_LEN
            || text->value_len[i] > NGX_HTTP_LLM_VALUE_LEN)
        {
            return -1;
        }
    }

    return 0;
}


static void
ngx_http_llm_load_words(ngx_http_llm_load_t *load, ngx_http_llm_series_t *s,
    const ngx_http_llm_save_series_t *save, const uint8_t *counters)
{
    uint32_t  i, d;
    uint64_t  n;

    for (i = 0; i < load->counters; i++) {
        memcpy(&n, counters + i * sizeof(n), sizeof(n));

        if (load->map[i] < NGX_HTTP_LLM_COUNTERS_N) {
            s->word[load->map[i]] += n;
        }
    }

    for (i = 0; i < NGX_HTTP_LLM_EXTRA; i++) {
        s->word[NGX_HTTP_LLM_COUNTERS_N + i] += save->extra[i];
    }

    for (d = 0; d < LLM_DIST_N; d++) {
        s->imin[d] = llm_max(s->imin[d], save->imin[d]);
        s->max[d] = llm_max(s->max[d], save->max[d]);

        for (i = 0; i < LLM_BOUNDS_MAX; i++) {
            s->bound[d][i] += save->bound[d][i];
        }
    }
}
