
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The text of strings and keys, escapes decoded, and what is kept of it; and
 * the grammar of numbers.
 */


#include "llm_json_in.h"


/* runs of decoded text shorter than this are gathered, not handed on alone */
#define LLM_JSON_SHORT  32


/*
 * Decoded bytes of the string or key at hand.  Of a text string every byte
 * is handed on, long runs as they lie, short ones gathered; of others the
 * first LLM_JSON_TEXT are kept.
 */

void
llm_json_append(llm_json_t *s, const uint8_t *p, size_t len)
{
    size_t                  room;
    const llm_json_node_t  *n;

    n = &s->table->node[s->node];
    room = LLM_JSON_TEXT - s->text_len;

    if (!s->in_key && (n->flags & LLM_JSON_F_TEXT) && n->slot) {

        if (len >= LLM_JSON_SHORT || len > room) {

            if (s->text_len) {
                llm_json_emit(s, s->node, LLM_JSON_PIECE, s->text, s->text_len,
                              s->start);
                s->text_len = 0;
            }

            if (len >= LLM_JSON_SHORT) {
                llm_json_emit(s, s->node, LLM_JSON_PIECE, p, len, s->start);
                return;
            }
        }

        memcpy(s->text + s->text_len, p, len);
        s->text_len += len;
        return;
    }

    if (len > room) {
        s->flags |= LLM_JSON_E_CUT;
        len = room;
    }

    memcpy(s->text + s->text_len, p, len);
    s->text_len += len;
}


static void
llm_json_code_point(llm_json_t *s, uint32_t c)
{
    size_t   n;
    uint8_t  u[4];

    if (c < 0x80) {
        u[0] = c;
        n = 1;

    } else if (c < 0x800) {
        u[0] = 0xc0 | (c >> 6);
        u[1] = 0x80 | (c & 0x3f);
        n = 2;

    } else if (c < 0x10000) {
        u[0] = 0xe0 | (c >> 12);
        u[1] = 0x80 | ((c >> 6) & 0x3f);
        u[2] = 0x80 | (c & 0x3f);
        n = 3;

    } else {
        u[0] = 0xf0 | (c >> 18);
        u[1] = 0x80 | ((c >> 12) & 0x3f);
        u[2] = 0x80 | ((c >> 6) & 0x3f);
        u[3] = 0x80 | (c & 0x3f);
        n = 4;
    }

    llm_json_append(s, u, n);
}


void
llm_json_lone_surrogate(llm_json_t *s)
{
    s->high = 0;

    if (!s->in_key) {
        s->flags |= LLM_JSON_E_BADESC;
    }

    llm_json_code_point(s, 0xfffd);
}


int
llm_json_escape(llm_json_t *s, uint8_t c)
{
    static const uint8_t  from[] = "\"\\/bfnrt";
    static const uint8_t  to[] = "\"\\/\b\f\n\r\t";

    const uint8_t  *f;

    if (s->in_key) {
        s->flags |= LLM_JSON_E_ESCKEY;
    }

    if (c == 'u') {
        s->nhex = 0;
        s->hex = 0;
        return LLM_JSON_UNICODE;
    }

    f = memchr(from, c, sizeof(from) - 1);
    if (f == NULL) {
        return LLM_JSON_ERROR;
    }

    if (s->high) {
        llm_json_lone_surrogate(s);
    }

    llm_json_append(s, &to[f - from], 1);

    return LLM_JSON_OK;
}


int
llm_json_hex(llm_json_t *s, uint8_t c)
{
    uint8_t  lower;

    lower = c | 0x20;

    if (c >= '0' && c <= '9') {
        c -= '0';

    } else if (lower >= 'a' && lower <= 'f') {
        c = lower - 'a' + 10;

    } else {
        return LLM_JSON_ERROR;
    }

    s->hex = s->hex << 4 | c;

    if (++s->nhex < 4) {
        return LLM_JSON_OK;
    }

    if (s->high) {

        if (s->hex >= 0xdc00 && s->hex <= 0xdfff) {
            llm_json_code_point(s, 0x10000 + ((s->high & 0x3ff) << 10)
                                   + (s->hex & 0x3ff));
            s->high = 0;
            return LLM_JSON_OK;
        }

        llm_json_lone_surrogate(s);
    }

    if (s->hex >= 0xd800 && s->hex <= 0xdbff) {
        s->high = s->hex;
        return LLM_JSON_OK;
    }

    if (s->hex >= 0xdc00 && s->hex <= 0xdfff) {
        llm_json_lone_surrogate(s);
        return LLM_JSON_OK;
    }

    llm_json_code_point(s, s->hex);

    return LLM_JSON_OK;
}


const uint8_t *
llm_json_number(llm_json_t *s, const uint8_t *p, const uint8_t *e)
{
    uint8_t  c, state;

    state = s->state;

    for ( /* void */ ; p < e; p++) {
        c = *p;

        if (c >= '0' && c <= '9') {

            switch (state) {
            case ST_MINUS:
                state = (c == '0') ? ST_ZERO : ST_INT;
                break;
            case ST_DOT:
                state = ST_FRAC;
                break;
            case ST_E:
            case ST_ESIGN:
                state = ST_EXP;
                break;
            case ST_ZERO:
                /* 01: the digit ends the number, and nothing takes it */
                goto done;
            }

            continue;
        }

        if (c == '.' && (state == ST_INT || state == ST_ZERO)) {
            state = ST_DOT;
            continue;
        }

        if ((c == 'e' || c == 'E')
            && (state == ST_INT || state == ST_ZERO || state == ST_FRAC))
        {
            state = ST_E;
            continue;
        }

        if ((c == '+' || c == '-') && state == ST_E) {
            state = ST_ESIGN;
            continue;
        }

        break;
    }

done:

    s->state = state;

    return p;
}
