
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Snapshots of state=path.  Whoever can write one can make its sums right,
 * so the input is what the sums are made over:
 *
 *     kind (1 byte) | damage (1 byte) | type (1), length (2), payload | ...
 *
 * A snapshot is put together of it, and checked; what passes is loaded into a
 * fresh zone, which must be sound afterwards.  With damage the input is taken
 * as a whole file instead.
 */


#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "ngx_http_llm_ledger.h"
#include "ngx_http_llm_period.h"
#include "ngx_http_llm_state.h"
#include "ngx_http_llm_series.h"


#define SIZE  (640 * 1024)
#define MONO  1000000000000ull
#define WALL  1700000000000000000ull


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static const char  secret[] = "sixteen bytes...";


/* The records of the input, with right sums; of the exact size. */

static void
compose(ngx_http_llm_snapshot_t *snap, const ngx_http_llm_state_kind_t *kind,
    const uint8_t *data, size_t size)
{
    size_t                          at, len, used;
    uint8_t                        *p;
    ngx_http_llm_snapshot_record_t  rec;
    ngx_http_llm_snapshot_head_t    head;
    ngx_http_llm_snapshot_out_t    *out;

    p = malloc(sizeof(head) + 8 * size + 64);
    used = sizeof(head);
    memset(&head, 0, sizeof(head));

    for (at = 0; at + 3 <= size; at += len) {
        rec.type = data[at];
        len = (size_t) data[at + 1] | (size_t) data[at + 2] << 8;
        at += 3;
        len = len < size - at ? len : size - at;

        rec.len = (uint32_t) len;
        rec.unused = 0;
        rec.crc = (uint32_t) crc32(crc32(0, NULL, 0), (const Bytef *) &rec,
                          offsetof(ngx_http_llm_snapshot_record_t, crc));

        if (len) {
            rec.crc = (uint32_t) crc32(rec.crc, data + at, (uInt) len);
        }

        memcpy(p + used, &rec, sizeof(rec));
        memcpy(p + used + sizeof(rec), data + at, len);
        memset(p + used + sizeof(rec) + len, 0, 8);
        used += sizeof(rec) + ((len + 7) & ~(size_t) 7);
        head.records++;
    }

    /* the header as its writer makes it, over nothing, for its magic */

    out = malloc(sizeof(*out));
    ngx_http_llm_snapshot_begin(out, -1);
    at = head.records;
    head.kind = kind->kind;
    head.shape = kind->record_shape();
    head.mono = 1;
    head.wall = WALL - 1;
    (void) ngx_http_llm_snapshot_end(out, &head);
    free(out);

    head.records = at;
    head.bytes = used;
    head.body_crc = (uint32_t) crc32_z(crc32(0, NULL, 0), p + sizeof(head),
                                       used - sizeof(head));
    head.crc = (uint32_t) crc32(crc32(0, NULL, 0), (const Bytef *) &head,
                            offsetof(ngx_http_llm_snapshot_head_t, crc));
    memcpy(p, &head, sizeof(head));

    memset(snap, 0, sizeof(*snap));
    snap->data = malloc(used);
    memcpy(snap->data, p, used);
    snap->size = used;
    free(p);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void                             *zone;
    static void                      *arena;
    ngx_http_llm_zone_t               z;
    ngx_http_llm_accounts_t           a;
    ngx_http_llm_snapshot_t           snap;
    const ngx_http_llm_state_kind_t  *kind;

    static const ngx_http_llm_state_kind_t *const  kinds[] = {
        &ngx_http_llm_state_series, &ngx_http_llm_state_limits,
        &ngx_http_llm_state_budgets
    };

    if (size < 2) {
        return 0;
    }

    kind = kinds[data[0] % 3];

    if (data[1] & 1) {
        memset(&snap, 0, sizeof(snap));
        snap.data = malloc(size - 2 ? size - 2 : 1);
        memcpy(snap.data, data + 2, size - 2);
        snap.size = size - 2;

        if (ngx_http_llm_snapshot_check(&snap, kind->kind,
                                        kind->record_shape())
            != NULL)
        {
            free(snap.data);
            return 0;
        }

    } else {
        compose(&snap, kind, data + 2, size - 2);

        if (ngx_http_llm_snapshot_check(&snap, kind->kind,
                                        kind->record_shape())
            != NULL)
        {
            abort();
        }
    }

    if (arena == NULL) {
        arena = aligned_alloc(64, SIZE);
    }

    memset(arena, 0, SIZE);
    memset(&z, 0, sizeof(z));
    memset(&a, 0, sizeof(a));

    a.kind = (kind == kinds[1]) ? NGX_HTTP_LLM_LIMITS : NGX_HTTP_LLM_BUDGETS;
    a.period = (kind == kinds[1]) ? 0 : NGX_HTTP_LLM_DAY;
    zone = (kind == kinds[0]) ? (void *) &z : (void *) &a;

    if (kind->format(zone, arena, SIZE, MONO, WALL, secret) != 0) {
        abort();
    }

    (void) kind->load(zone, &snap, MONO, WALL);

    if (kind->check(zone, MONO) != NULL) {
        abort();
    }

    free(snap.data);

    return 0;
}
