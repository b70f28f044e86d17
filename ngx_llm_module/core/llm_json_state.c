
/*
 * Copyright (C) ngx_llm_module authors
 *
 * A scanner before, between and after its texts.
 */


#include "llm_json_in.h"


void
llm_json_init(llm_json_t *s, const llm_json_table_t *t, llm_json_sink_pt sink,
    void *data)
{
    s->table = t;
    s->sink = sink;
    s->data = data;
    s->key = NULL;
    s->mute = 0;

    llm_json_reset(s);
}


void
llm_json_reset(llm_json_t *s)
{
    s->offset = 0;
    s->start = 0;
    s->depth = 0;
    s->state = ST_VALUE;
    s->node = 1;
    s->flags = 0;
    s->in_key = 0;
    s->text_len = 0;
    s->key_len = 0;
    s->key_flags = 0;
    s->high = 0;
}


int
llm_json_complete(const llm_json_t *s)
{
    return s->state == ST_DONE;
}


int
llm_json_failed(const llm_json_t *s)
{
    return s->state == ST_ERROR;
}


int
llm_json_end(llm_json_t *s)
{
    if (s->state == ST_STRING || s->state == ST_ESCAPE || s->state == ST_HEX) {
        llm_json_flush(s);
    }

    if (s->depth == 0
        && (s->state == ST_ZERO || s->state == ST_INT || s->state == ST_FRAC
            || s->state == ST_EXP))
    {
        llm_json_emit(s, s->node, LLM_JSON_NUMBER, s->text, s->text_len,
                      s->offset);
        s->state = ST_DONE;
    }

    return (s->state == ST_DONE) ? LLM_JSON_OK : LLM_JSON_ERROR;
}
