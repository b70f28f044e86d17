
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Service levels.
 *
 * A service level has a place in the arena's header, which is found by a hash
 * of its name and definition: a reload that changes neither finds what was
 * counted, one that changes the definition begins anew.  Places are given by
 * one process at a time, when it starts; an owner word says which, and that
 * of a dead one is no obstacle.  id is written last, so a place whose maker
 * died is a free one, and is cleared before it is used.  A place that the
 * configuration at hand does not want may be given away when there is no
 * other; processes of the one before then find another id in it, and count
 * no more.
 *
 * Calls are counted by slots of time, a tenth of the window each, so that a
 * window of W covers the last W to W + W/10.  A slot is two words, good and
 * bad calls, each of which holds its own key: the number of the slot since
 * the clock began, and of which run the calls are.  A word with another key
 * is an old one and is replaced by the first that counts there; so nothing is
 * ever cleared on time, and every word is changed by one compare and swap.
 *
 * A run is the time from a return to the next: calls before the return say
 * nothing of what comes after it, or the calls that made the breach would
 * make another as long as the window has them.  Burn rates know no runs.
 *
 * The state is one word: breach or not, how often it has changed, and since
 * when.  It is judged after each call that is counted and by each process
 * every second, from what all have counted; only one of those that see the
 * same reason can swap the word, and only that one is told.
 *
 * In a breach calls that ask are told of it, but for a share of probes, which
 * are spread evenly.  How probes end is kept as a batch: its calls and how
 * many were good, and of which breach.  A batch that has too many bad ones to
 * meet the target with "min" calls begins anew, so that those of the hour
 * before do not have to be made up for.
 *
 * With less than "min" calls in the window there is nothing to judge by: a
 * breach then ends "hold" after there was: enough calls, or a bad one.
 *
 * Killed anywhere, a process leaves words that are right by themselves; a
 * call that it was counting may be in the totals and not in the window.
 */


#include "ngx_http_llm_slo.h"
#include "ngx_http_llm_label.h"
#include "ngx_http_llm_owner.h"


#define NGX_HTTP_LLM_SLO_PARTS   10          /* slots of a window */

#define SECOND                   1000000000ull

/* State: breach 1 | changes 20 | since, ms 43. */

#define ngx_http_llm_slo_state(changes, ms)                                   \
    (((uint64_t) (changes) & 0xfffff) << 1 | ((changes) & 1) | (ms) << 21)
#define ngx_http_llm_slo_changes(state)  ((uint32_t) ((state) >> 1) & 0xfffff)
#define ngx_http_llm_slo_since(state)    (((state) >> 21) * 1000000)
#define ngx_http_llm_slo_run(state)                                           \
    ((ngx_http_llm_slo_changes(state) >> 1) & 0xfff)

/* A slot's word: number 20 | run 12 | count 32. */

#define NGX_HTTP_LLM_SLO_NUMBERS  0xfffffu

/* A batch: changes 20 | good 22 | calls 22. */

#define NGX_HTTP_LLM_SLO_BATCH    0x3fffffu


const char *const  ngx_http_llm_slo_burn_names[NGX_HTTP_LLM_SLO_BURNS] = {
    "5m", "30m", "1h", "6h"
};

static const uint64_t  ngx_http_llm_slo_burns[NGX_HTTP_LLM_SLO_BURNS] = {
    300 * SECOND, 1800 * SECOND, 3600 * SECOND, 21600 * SECOND
};

_Static_assert(NGX_HTTP_LLM_SLO_PARTS + 2 <= NGX_HTTP_LLM_SLO_SLOTS,
               "slots of a window");


static ngx_http_llm_slo_place_t *ngx_http_llm_slo_place(
    const ngx_http_llm_slo_t *slo);
static ngx_http_llm_slo_place_t *ngx_http_llm_slo_find(
    ngx_http_llm_zone_t *zone, uint64_t id);
static ngx_http_llm_slo_place_t *ngx_http_llm_slo_take(
    ngx_http_llm_zone_t *zone, uint64_t id, uint64_t loaded, uint64_t now);
static void ngx_http_llm_slo_keep(ngx_http_llm_slo_place_t *p,
    const ngx_http_llm_slo_t *slo, uint64_t loaded, uint64_t now);
static void ngx_http_llm_slo_add(uint64_t *word, uint64_t number,
    uint32_t run);
static void ngx_http_llm_slo_sum(const ngx_http_llm_slo_place_t *p,
    uint32_t ring, uint64_t window, uint32_t run, uint64_t now,
    uint64_t n[2]);
static void ngx_http_llm_slo_probed(ngx_http_llm_slo_t *slo,
    ngx_http_llm_slo_place_t *p, int good, ngx_http_llm_slo_turn_t turn);
static int ngx_http_llm_slo_meets(const ngx_http_llm_slo_t *slo,
    uint64_t good, uint64_t calls);
static ngx_http_llm_slo_move_e ngx_http_llm_slo_judge(
    const ngx_http_llm_slo_t *slo, ngx_http_llm_slo_place_t *p,
    uint64_t now);
static int ngx_http_llm_slo_over(const ngx_http_llm_slo_t *slo,
    ngx_http_llm_slo_place_t *p, uint64_t state, uint64_t now);


#define get(p)     __atomic_load_n(p, __ATOMIC_RELAXED)
#define add(p, n)  (void) __atomic_fetch_add(p, n, __ATOMIC_RELAXED)

#define swap(p, was, word)                                                    \
    __atomic_compare_exchange_n(p, was, word, 0, __ATOMIC_ACQ_REL,            \
                                __ATOMIC_RELAXED)


int
ngx_http_llm_slo_join(ngx_http_llm_zone_t *zone, ngx_http_llm_slo_t **slo,
    uint32_t n, uint64_t loaded, uint64_t now)
{
    int                        rc;
    uint32_t                   i;
    uint64_t                   owner, self, *placer;
    ngx_http_llm_slo_place_t  *p;

    self = ngx_http_llm_owner_self();
    placer = &zone->arena->placer;
    owner = get(placer);

    if ((owner != 0 && owner != self && ngx_http_llm_owner_alive(owner))
        || !swap(placer, &owner, self))
    {
        return NGX_HTTP_LLM_SLO_AGAIN;
    }

    /* those that have one first: theirs must not be given away */

    for (i = 0; i < n; i++) {
        slo[i]->id = ngx_http_llm_siphash(zone->arena->secret,
                                          slo[i]->text.data,
                                          slo[i]->text.len);
        slo[i]->id += (slo[i]->id == 0);

        p = ngx_http_llm_slo_find(zone, slo[i]->id);

        if (p) {
            ngx_http_llm_slo_keep(p, slo[i], loaded, now);
            slo[i]->place = (uint32_t) (p - zone->arena->slo) + 1;
        }
    }

    rc = NGX_HTTP_LLM_SLO_OK;

    for (i = 0; i < n; i++) {

        if (slo[i]->place) {
            continue;
        }

        p = ngx_http_llm_slo_take(zone, slo[i]->id, loaded, now);

        if (p == NULL) {
            rc = NGX_HTTP_LLM_SLO_FULL;
            continue;
        }

        slo[i]->place = (uint32_t) (p - zone->arena->slo) + 1;
    }

    __atomic_store_n(placer, 0, __ATOMIC_RELEASE);

    return rc;
}


static ngx_http_llm_slo_place_t *
ngx_http_llm_slo_find(ngx_http_llm_zone_t *zone, uint64_t id)
{
    uint32_t  i;

    for (i = 0; i < NGX_HTTP_LLM_SLOS; i++) {
        if (get(&zone->arena->slo[i].id) == id) {
            return &zone->arena->slo[i];
        }
    }

    return NULL;
}


static ngx_http_llm_slo_place_t *
ngx_http_llm_slo_take(ngx_http_llm_zone_t *zone, uint64_t id,
    uint64_t loaded, uint64_t now)
{
    uint32_t                   i;
    ngx_http_llm_slo_place_t  *p, *oldest;

    oldest = NULL;

    for (i = 0; i < NGX_HTTP_LLM_SLOS; i++) {
        p = &zone->arena->slo[i];

        if (p->id == 0) {
            oldest = p;
            break;
        }

        if (p->loaded != loaded
            && (oldest == NULL || p->loaded < oldest->loaded))
        {
            oldest = p;
        }
    }

    if (oldest == NULL) {
        return NULL;
    }

    __atomic_store_n(&oldest->id, 0, __ATOMIC_RELEASE);

    memset(oldest, 0, sizeof(ngx_http_llm_slo_place_t));
    oldest->loaded = loaded;
    oldest->state = ngx_http_llm_slo_state(0, now / 1000000);

    __atomic_store_n(&oldest->id, id, __ATOMIC_RELEASE);

    return oldest;
}


/* A later configuration claims the place, and opens the latch. */

static void
ngx_http_llm_slo_keep(ngx_http_llm_slo_place_t *p,
    const ngx_http_llm_slo_t *slo, uint64_t loaded, uint64_t now)
{
    uint32_t  changes;
    uint64_t  was;

    was = get(&p->loaded);

    /* one that lies in the future is of a clock before this one */

    if (was >= loaded && was <= now) {
        return;
    }

    __atomic_store_n(&p->loaded, loaded, __ATOMIC_RELAXED);

    if (!slo->latch) {
        return;
    }

    was = get(&p->state);
    changes = ngx_http_llm_slo_changes(was);

    if (changes & 1) {
        (void) swap(&p->state, &was,
                    ngx_http_llm_slo_state(changes + 1, now / 1000000));
    }
}


static ngx_http_llm_slo_place_t *
ngx_http_llm_slo_place(const ngx_http_llm_slo_t *slo)
{
    ngx_http_llm_slo_place_t  *p;

    if (slo->place == 0) {
        return NULL;
    }

    p = &slo->zone->arena->slo[slo->place - 1];

    return __atomic_load_n(&p->id, __ATOMIC_ACQUIRE) == slo->id ? p : NULL;
}


ngx_http_llm_slo_move_e
ngx_http_llm_slo_count(ngx_http_llm_slo_t *slo, int good,
    ngx_http_llm_slo_turn_t turn, uint64_t now)
{
    uint32_t                   i, k;
    uint64_t                   number, state;
    ngx_http_llm_slo_place_t  *p;

    p = ngx_http_llm_slo_place(slo);

    if (p == NULL) {
        return NGX_HTTP_LLM_SLO_STAYS;
    }

    k = !good;
    state = get(&p->state);

    add(good ? &p->good : &p->bad, 1);

    number = now / (slo->window / NGX_HTTP_LLM_SLO_PARTS);

    ngx_http_llm_slo_add(&p->slot[0][number % NGX_HTTP_LLM_SLO_SLOTS][k],
                         number, ngx_http_llm_slo_run(state));

    for (i = 0; i < NGX_HTTP_LLM_SLO_BURNS; i++) {
        number = now / (ngx_http_llm_slo_burns[i] / NGX_HTTP_LLM_SLO_PARTS);

        ngx_http_llm_slo_add(
            &p->slot[1 + i][number % NGX_HTTP_LLM_SLO_SLOTS][k], number, 0);
    }

    if (turn) {
        ngx_http_llm_slo_probed(slo, p, good, turn);
    }

    if (!good) {
        __atomic_store_n(&p->evidence, now, __ATOMIC_RELAXED);
    }

    return ngx_http_llm_slo_judge(slo, p, now);
}


ngx_http_llm_slo_move_e
ngx_http_llm_slo_look(ngx_http_llm_slo_t *slo, uint64_t now)
{
    ngx_http_llm_slo_place_t  *p;

    p = ngx_http_llm_slo_place(slo);

    return p ? ngx_http_llm_slo_judge(slo, p, now) : NGX_HTTP_LLM_SLO_STAYS;
}


/* One more call, if the word is of this slot and run, else the first. */

static void
ngx_http_llm_slo_add(uint64_t *word, uint64_t number, uint32_t run)
{
    uint32_t  behind;
    uint64_t  key, was, is;

    number &= NGX_HTTP_LLM_SLO_NUMBERS;
    key = (number << 12 | run) << 32;
    was = get(word);

    do {
        behind = (uint32_t) ((was >> 44) - number) & NGX_HTTP_LLM_SLO_NUMBERS;

        if (was >> 32 == key >> 32) {
            /* a count that is full stays so */
            is = was + ((uint32_t) was != UINT32_MAX);

        } else if (was && behind && behind <= NGX_HTTP_LLM_SLO_NUMBERS / 2) {
            /* this process has slept for a turn of the ring */
            return;

        } else {
            is = key | 1;
        }

    } while (!swap(word, &was, is));
}


static void
ngx_http_llm_slo_sum(const ngx_http_llm_slo_place_t *p, uint32_t ring,
    uint64_t window, uint32_t run, uint64_t now, uint64_t n[2])
{
    uint32_t  i, k;
    uint64_t  number, word;

    n[0] = 0;
    n[1] = 0;

    number = now / (window / NGX_HTTP_LLM_SLO_PARTS) + 1;

    /* from one ahead, of a process whose clock was read a moment later */

    for (i = 0; i <= NGX_HTTP_LLM_SLO_PARTS + 1; i++, number--) {
        for (k = 0; k < 2; k++) {
            word = get(&p->slot[ring][number % NGX_HTTP_LLM_SLO_SLOTS][k]);

            if (word >> 32
                == ((number & NGX_HTTP_LLM_SLO_NUMBERS) << 12 | run))
            {
                n[k] += (uint32_t) word;
            }
        }
    }
}


static int
ngx_http_llm_slo_meets(const ngx_http_llm_slo_t *slo, uint64_t good,
    uint64_t calls)
{
    return good * NGX_HTTP_LLM_SLO_ONE >= calls * slo->target;
}


static void
ngx_http_llm_slo_probed(ngx_http_llm_slo_t *slo, ngx_http_llm_slo_place_t *p,
    int good, ngx_http_llm_slo_turn_t turn)
{
    uint64_t  was, calls, fine, bad;

    if (turn != ngx_http_llm_slo_changes(get(&p->state))) {
        return;
    }

    was = get(&p->batch);

    do {
        calls = was & NGX_HTTP_LLM_SLO_BATCH;
        fine = (was >> 22) & NGX_HTTP_LLM_SLO_BATCH;

        if (was >> 44 != turn || calls == NGX_HTTP_LLM_SLO_BATCH) {
            calls = 0;
            fine = 0;
        }

        calls++;
        fine += (good != 0);
        bad = calls - fine;

        /* as many calls as there may be, all others good: still too few? */

        calls = llm_max(calls, slo->min);

        if (!ngx_http_llm_slo_meets(slo, calls - bad, calls)) {
            calls = 0;
            fine = 0;

        } else {
            calls = fine + bad;
        }

    } while (!swap(&p->batch, &was,
                   (uint64_t) turn << 44 | fine << 22 | calls));
}


static ngx_http_llm_slo_move_e
ngx_http_llm_slo_judge(const ngx_http_llm_slo_t *slo,
    ngx_http_llm_slo_place_t *p, uint64_t now)
{
    uint64_t  state, n[2];
    uint32_t  changes;

    state = __atomic_load_n(&p->state, __ATOMIC_ACQUIRE);
    changes = ngx_http_llm_slo_changes(state);

    if (changes & 1) {

        if (!ngx_http_llm_slo_over(slo, p, state, now)) {
            return NGX_HTTP_LLM_SLO_STAYS;
        }

    } else {
        ngx_http_llm_slo_sum(p, 0, slo->window, ngx_http_llm_slo_run(state),
                             now, n);

        if (n[0] + n[1] < slo->min
            || ngx_http_llm_slo_meets(slo, n[0], n[0] + n[1]))
        {
            return NGX_HTTP_LLM_SLO_STAYS;
        }
    }

    if (!swap(&p->state, &state,
              ngx_http_llm_slo_state(changes + 1, now / 1000000)))
    {
        return NGX_HTTP_LLM_SLO_STAYS;
    }

    return (changes & 1) ? NGX_HTTP_LLM_SLO_RETURNS
                         : NGX_HTTP_LLM_SLO_BREACHES;
}


/* Whether a breach is. */

static int
ngx_http_llm_slo_over(const ngx_http_llm_slo_t *slo,
    ngx_http_llm_slo_place_t *p, uint64_t state, uint64_t now)
{
    uint64_t  since, batch, calls, n[2];

    since = ngx_http_llm_slo_since(state);

    if (slo->latch || now < since + slo->hold) {
        return 0;
    }

    batch = get(&p->batch);
    calls = batch & NGX_HTTP_LLM_SLO_BATCH;

    if (batch >> 44 == ngx_http_llm_slo_changes(state) && calls >= slo->min
        && ngx_http_llm_slo_meets(slo,
                                  (batch >> 22) & NGX_HTTP_LLM_SLO_BATCH,
                                  calls))
    {
        return 1;
    }

    ngx_http_llm_slo_sum(p, 0, slo->window, ngx_http_llm_slo_run(state), now,
                         n);
    calls = n[0] + n[1];

    if (calls >= slo->min) {
        __atomic_store_n(&p->evidence, now, __ATOMIC_RELAXED);

        return ngx_http_llm_slo_meets(slo, n[0], calls);
    }

    return now >= get(&p->evidence) + slo->hold;
}


/* The k-th call that asks is a probe if k * share passes a whole number. */

int
ngx_http_llm_slo_ask(ngx_http_llm_slo_t *slo, ngx_http_llm_slo_turn_t *turn)
{
    uint64_t                   k, state;
    ngx_http_llm_slo_place_t  *p;

    *turn = 0;

    p = ngx_http_llm_slo_place(slo);

    if (p == NULL) {
        return 0;
    }

    state = get(&p->state);

    if ((state & 1) == 0) {
        return 0;
    }

    k = __atomic_fetch_add(&p->asked, 1, __ATOMIC_RELAXED)
        % NGX_HTTP_LLM_SLO_ONE;

    if (slo->latch
        || k * slo->probe / NGX_HTTP_LLM_SLO_ONE
           == (k + 1) * slo->probe / NGX_HTTP_LLM_SLO_ONE)
    {
        add(&p->moved, 1);
        return 1;
    }

    add(&p->probes, 1);
    *turn = ngx_http_llm_slo_changes(state);

    return 0;
}


int
ngx_http_llm_slo_breach(const ngx_http_llm_slo_t *slo)
{
    ngx_http_llm_slo_place_t  *p;

    p = ngx_http_llm_slo_place(slo);

    return p ? (int) (get(&p->state) & 1) : 0;
}


void
ngx_http_llm_slo_read(const ngx_http_llm_slo_t *slo, uint64_t now,
    ngx_http_llm_slo_view_t *view)
{
    uint32_t                   i, may;
    uint64_t                   state, n[2];
    ngx_http_llm_slo_place_t  *p;

    memset(view, 0, sizeof(ngx_http_llm_slo_view_t));

    p = ngx_http_llm_slo_place(slo);

    if (p == NULL) {
        return;
    }

    state = get(&p->state);

    view->changes = ngx_http_llm_slo_changes(state);
    view->breach = state & 1;
    view->since = ngx_http_llm_slo_since(state);
    view->good = get(&p->good);
    view->bad = get(&p->bad);
    view->moved = get(&p->moved);
    view->probes = get(&p->probes);

    ngx_http_llm_slo_sum(p, 0, slo->window, ngx_http_llm_slo_run(state), now,
                         n);
    view->window_good = n[0];
    view->window_bad = n[1];

    may = NGX_HTTP_LLM_SLO_ONE - slo->target;

    for (i = 0; i < NGX_HTTP_LLM_SLO_BURNS; i++) {
        ngx_http_llm_slo_sum(p, 1 + i, ngx_http_llm_slo_burns[i], 0, now, n);

        if (n[1] && may == 0) {
            view->burn[i] = NGX_HTTP_LLM_SLO_ENDLESS;

        } else if (n[1]) {
            view->burn[i] = (uint64_t) ((unsigned __int128) n[1]
                            * NGX_HTTP_LLM_SLO_ONE * NGX_HTTP_LLM_SLO_ONE
                            / (n[0] + n[1]) / may);
        }
    }
}
