
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The scanner tells where a value ends, so that nothing is looked at twice:
 * here are only the bytes between values.  What must stay true: which bytes
 * belong to which value, and which are left out, is decided by the bytes
 * alone and never by how they come.
 */


#include "llm_values.h"
#include "llm_scan.h"


enum {
    ST_BETWEEN = 0,              /* NDJSON: white space, or a value */
    ST_BEHIND,                   /* right behind a value: white space */
    ST_LINE,                     /* the rest of a line that is no JSON */
    ST_OPEN,                     /* array: before [ */
    ST_FIRST,                    /* behind it: a value, or ] */
    ST_NEXT,                     /* behind a comma: a value */
    ST_COMMA,                    /* behind a value */
    ST_CLOSED,
    ST_VALUE,                    /* of both */
    ST_OVER                      /* nothing more is read */
};


static inline int
llm_values_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}


void
llm_values_init(llm_values_t *v, int array)
{
    v->state = array ? ST_OPEN : ST_BETWEEN;
    v->array = array != 0;
    v->broken = 0;
    v->eol = 0;
}


static void
llm_values_begin(llm_values_t *v, llm_json_t *json,
    const llm_values_handler_t *h, void *ctx)
{
    v->state = ST_VALUE;
    v->eol = 0;

    llm_json_reset(json);
    h->begin(ctx);
}


/*
 * A value is no JSON.  In NDJSON the rest of its line is left out.  But where
 * the byte that tells so begins a line, and is not the value's first, the
 * value before was cut short, and this line is the next one.
 */

static void
llm_values_wrong(llm_values_t *v, int eol)
{
    v->broken = 1;
    v->state = v->array ? ST_OVER : eol ? ST_BETWEEN : ST_LINE;
}


/* Reads on in a value. */

static const uint8_t *
llm_values_value(llm_values_t *v, llm_json_t *json, const uint8_t *p,
    const uint8_t *e, const llm_values_handler_t *h, void *ctx)
{
    const uint8_t  *q;

    q = llm_json_feed_value(json, p, e);

    if (llm_json_complete(json)) {
        v->state = v->array ? ST_COMMA : ST_BEHIND;
        h->event(ctx, 1);
        return q;
    }

    if (!llm_json_failed(json)) {
        v->eol = llm_scan_eol(e[-1]);
        return e;
    }

    llm_values_wrong(v, q == p ? v->eol : llm_scan_eol(q[-1]));
    h->event(ctx, 0);

    return q;
}


/* A byte between values, which is no white space.  0: a value begins. */

static int
llm_values_between(llm_values_t *v, uint8_t c)
{
    switch (v->state) {

    case ST_OPEN:
        v->state = (c == '[') ? ST_FIRST : ST_OVER;
        break;

    case ST_COMMA:
        v->state = (c == ',') ? ST_NEXT : (c == ']') ? ST_CLOSED : ST_OVER;
        break;

    case ST_FIRST:
        if (c != ']') {
            return 0;
        }

        v->state = ST_CLOSED;
        break;

    case ST_CLOSED:
        v->state = ST_OVER;
        break;

    default: /* ST_BETWEEN, ST_NEXT */
        return 0;
    }

    v->closed |= (v->state == ST_CLOSED);
    v->broken = (v->state == ST_OVER);

    return 1;
}


void
llm_values_feed(llm_values_t *v, llm_json_t *json, const uint8_t *p,
    size_t len, const llm_values_handler_t *h, void *ctx)
{
    const uint8_t  *e;

    e = p + len;

    while (p < e) {

        switch (v->state) {

        case ST_VALUE:
            p = llm_values_value(v, json, p, e, h, ctx);
            break;

        case ST_LINE:
            p = llm_scan_line(p, e);

            if (p < e) {
                v->state = ST_BETWEEN;
            }

            break;

        case ST_BEHIND:

            if (llm_values_space(*p)) {
                v->state = ST_BETWEEN;
                break;
            }

            /* as a value that is wrong in its first byte */

            llm_values_begin(v, json, h, ctx);
            llm_values_wrong(v, 0);
            h->event(ctx, 0);
            break;

        case ST_OVER:
            return;

        default:

            if (llm_values_space(*p)) {
                p++;
                break;
            }

            if (llm_values_between(v, *p)) {
                p++;
                break;
            }

            llm_values_begin(v, json, h, ctx);
        }
    }
}


void
llm_values_end(llm_values_t *v, llm_json_t *json,
    const llm_values_handler_t *h, void *ctx)
{
    int  rc;

    if (v->state != ST_VALUE) {
        return;
    }

    rc = llm_json_end(json);

    if (rc == LLM_JSON_OK && !v->array) {
        v->state = ST_BEHIND;
        h->event(ctx, 1);
        return;
    }

    v->state = ST_OVER;
    h->event(ctx, 0);
}


int
llm_values_whole(const llm_values_t *v)
{
    return v->state == ST_BETWEEN || v->state == ST_BEHIND
           || v->state == ST_CLOSED;
}


llm_values_next_e
llm_values_next(const llm_values_t *v)
{
    if (!v->array) {
        return v->state == ST_BETWEEN ? LLM_VALUES_NEXT : LLM_VALUES_LINE;
    }

    return v->state == ST_COMMA ? LLM_VALUES_NEXT
           : v->state == ST_FIRST || v->state == ST_NEXT ? LLM_VALUES_HERE
           : LLM_VALUES_NEVER;
}


int
llm_values_closed(const llm_values_t *v)
{
    return v->closed;
}


int
llm_values_broken(const llm_values_t *v)
{
    return v->broken;
}
