
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The list of dialects, and their tables compiled.
 */


#include "llm_dialect_in.h"
#include "llm_request.h"


const llm_event_kind_t  llm_kinds_any[] = {
    { NULL, LLM_PARTS_ANY, 0 }
};


static const llm_dialect_t  llm_dialect_none = {
    "", "", LLM_OP_OTHER, 0, LLM_END_NONE, 0, LLM_FRAMING_UNKNOWN, "",
    llm_kinds_any, NO_ROWS, NO_ROWS, NO_ROWS
};


const llm_dialect_t *const  llm_dialects[LLM_DIALECT_N] = {
    [LLM_DIALECT_NONE] = &llm_dialect_none,
    [LLM_DIALECT_CHAT] = &llm_dialect_chat,
    [LLM_DIALECT_COMPLETIONS] = &llm_dialect_completions,
    [LLM_DIALECT_RESPONSES] = &llm_dialect_responses,
    [LLM_DIALECT_EMBEDDINGS] = &llm_dialect_embeddings,
    [LLM_DIALECT_MESSAGES] = &llm_dialect_messages,
    [LLM_DIALECT_COMPLETE] = &llm_dialect_complete,
    [LLM_DIALECT_GEMINI] = &llm_dialect_gemini,
    [LLM_DIALECT_INTERACTIONS] = &llm_dialect_interactions,
    [LLM_DIALECT_CONVERSE] = &llm_dialect_converse,
    [LLM_DIALECT_INVOKE] = &llm_dialect_invoke,
    [LLM_DIALECT_COHERE] = &llm_dialect_cohere,
    [LLM_DIALECT_COHERE_V1] = &llm_dialect_cohere_v1,
    [LLM_DIALECT_OLLAMA] = &llm_dialect_ollama,
    [LLM_DIALECT_LLAMACPP] = &llm_dialect_llamacpp,
    [LLM_DIALECT_TGI] = &llm_dialect_tgi,
    [LLM_DIALECT_LMSTUDIO] = &llm_dialect_lmstudio,
    [LLM_DIALECT_WORKERS_AI] = &llm_dialect_workers_ai
};


int
llm_dialect_compile(llm_dialect_set_t *set)
{
    size_t                i;
    const llm_dialect_t  *d;

    if (llm_json_compile(&set->request, llm_request_rows, llm_request_nrows)
        != LLM_JSON_OK)
    {
        return LLM_JSON_ERROR;
    }

    set->request.strict = 1;

    for (i = 0; i < LLM_DIALECT_N; i++) {
        d = llm_dialects[i];

        if (llm_json_compile(&set->stream[i], d->rows, d->nrows)
            || llm_json_compile_more(&set->stream[i], d->stream, d->nstream)
            || llm_json_compile(&set->whole[i], d->rows, d->nrows)
            || llm_json_compile_more(&set->whole[i], d->whole, d->nwhole))
        {
            return LLM_JSON_ERROR;
        }
    }

    return LLM_JSON_OK;
}
