
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The system prompt of a request.
 *
 * It has a place of its own, or is the first turn whose role says so.  A
 * role may stand behind the text that it belongs to, so the text of a turn is
 * said as it passes and dropped when the turn turns out to be another's; one
 * whose role stands first, as nearly always, costs nothing.  A place of its
 * own stands above all turns.
 *
 * Several texts of one prompt are parted by a zero byte, which a text can
 * hold only by an escape.
 */


#include "llm_request_prompt.h"


enum {
    P_NONE = 0,
    P_OWN,                       /* text at a place of its own */
    P_TURN,
    P_ROLE,
    P_TEXT                       /* text of a turn */
};

enum {
    S_SEARCH = 0,
    S_FOUND,                     /* a turn that is one has passed */
    S_OWN                        /* a place of its own has been seen */
};

enum {
    ROLE_UNKNOWN = 0,
    ROLE_SYSTEM,
    ROLE_OTHER
};


static const llm_json_row_t  llm_prompt_rows[] = {
    { "system", P_OWN, LLM_JSON_F_TEXT },
    { "system[].text", P_OWN, LLM_JSON_F_TEXT },
    { "instructions", P_OWN, LLM_JSON_F_TEXT },
    { "systemInstruction.parts.text", P_OWN, LLM_JSON_F_TEXT },
    { "systemInstruction.parts[].text", P_OWN, LLM_JSON_F_TEXT },
    { "system_instruction", P_OWN, LLM_JSON_F_TEXT },
    { "system_instruction.parts.text", P_OWN, LLM_JSON_F_TEXT },
    { "system_instruction.parts[].text", P_OWN, LLM_JSON_F_TEXT },
    { "preamble", P_OWN, LLM_JSON_F_TEXT },
    { "system_prompt", P_OWN, LLM_JSON_F_TEXT },

    { "messages[]", P_TURN, LLM_JSON_F_OPEN|LLM_JSON_F_CLOSE },
    { "messages[].role", P_ROLE, LLM_JSON_F_STRING },
    { "messages[].content", P_TEXT, LLM_JSON_F_TEXT },
    { "messages[].content[].text", P_TEXT, LLM_JSON_F_TEXT },
    { "input[]", P_TURN, LLM_JSON_F_OPEN|LLM_JSON_F_CLOSE },
    { "input[].role", P_ROLE, LLM_JSON_F_STRING },
    { "input[].content", P_TEXT, LLM_JSON_F_TEXT },
    { "input[].content[].text", P_TEXT, LLM_JSON_F_TEXT }
};


static void llm_prompt_value(void *data, const llm_json_event_t *ev);


int
llm_prompt_compile(llm_json_table_t *table)
{
    return llm_json_compile(table, llm_prompt_rows,
                            sizeof(llm_prompt_rows)
                            / sizeof(llm_prompt_rows[0]));
}


void
llm_prompt_init(llm_prompt_t *s, const llm_json_table_t *table,
    llm_prompt_sink_pt sink, void *data)
{
    memset(s, 0, sizeof(llm_prompt_t));

    s->sink = sink;
    s->data = data;

    llm_json_init(&s->json, table, llm_prompt_value, s);
}


void
llm_prompt_feed(llm_prompt_t *s, const uint8_t *p, size_t len)
{
    (void) llm_json_feed(&s->json, p, len);
}


int
llm_prompt_end(const llm_prompt_t *s)
{
    return s->any && s->state != S_SEARCH;
}


static void
llm_prompt_drop(llm_prompt_t *s)
{
    if (s->any) {
        s->sink(s->data, LLM_PROMPT_DROP, NULL, 0);
    }

    s->any = 0;
    s->gap = 0;
}


static void
llm_prompt_text(llm_prompt_t *s, const llm_json_event_t *ev)
{
    if (ev->type == LLM_JSON_STRING) {
        /* a text has ended */
        s->gap = s->any;
        return;
    }

    if (ev->type != LLM_JSON_PIECE) {
        return;
    }

    if (s->gap) {
        s->sink(s->data, LLM_PROMPT_TEXT, (const uint8_t *) "", 1);
        s->gap = 0;
    }

    s->any = 1;
    s->sink(s->data, LLM_PROMPT_TEXT, ev->text.data, ev->text.len);
}


static void
llm_prompt_turn(llm_prompt_t *s, const llm_json_event_t *ev)
{
    if (ev->type == LLM_JSON_CLOSE && s->role == ROLE_SYSTEM && s->any) {
        s->state = S_FOUND;
        return;
    }

    s->role = ROLE_UNKNOWN;
    llm_prompt_drop(s);
}


static void
llm_prompt_role(llm_prompt_t *s, llm_str_t role)
{
    if (llm_str_is(role, "system") || llm_str_is(role, "developer")) {
        s->role = ROLE_SYSTEM;
        return;
    }

    s->role = ROLE_OTHER;
    llm_prompt_drop(s);
}


static void
llm_prompt_value(void *data, const llm_json_event_t *ev)
{
    llm_prompt_t *s = data;

    if (ev->slot == P_OWN) {

        if (s->state != S_OWN && ev->type == LLM_JSON_PIECE) {
            llm_prompt_drop(s);
            s->state = S_OWN;
        }

        llm_prompt_text(s, ev);
        return;
    }

    if (s->state != S_SEARCH) {
        return;
    }

    switch (ev->slot) {

    case P_TURN:
        llm_prompt_turn(s, ev);
        break;

    case P_ROLE:
        llm_prompt_role(s, ev->text);
        break;

    case P_TEXT:
        if (s->role != ROLE_OTHER) {
            llm_prompt_text(s, ev);
        }

        break;
    }
}
