
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Dialects: where each API keeps what we want to know.  A dialect is rows
 * (a place in the JSON, and what a value there means), the kinds of events
 * it has, and a rule that turns its counters into tokens as the interface
 * defines them.  Only these tables know a vendor's field names.
 */


#ifndef _LLM_DIALECT_H_INCLUDED_
#define _LLM_DIALECT_H_INCLUDED_


#include "llm_facts.h"
#include "llm_frame.h"
#include "llm_json.h"


typedef enum {
    LLM_DIALECT_NONE = 0,        /* a call that has no meter */
    LLM_DIALECT_CHAT,            /* OpenAI chat completions and its alikes */
    LLM_DIALECT_COMPLETIONS,     /* OpenAI legacy completions */
    LLM_DIALECT_RESPONSES,       /* OpenAI Responses */
    LLM_DIALECT_EMBEDDINGS,
    LLM_DIALECT_MESSAGES,        /* Anthropic */
    LLM_DIALECT_COMPLETE,        /* Anthropic's text completions of old */
    LLM_DIALECT_GEMINI,          /* generateContent, of Gemini and Vertex */
    LLM_DIALECT_INTERACTIONS,    /* Gemini's Interactions */
    LLM_DIALECT_CONVERSE,        /* Bedrock Converse */
    LLM_DIALECT_INVOKE,          /* Bedrock InvokeModel: any model's own */
    LLM_DIALECT_COHERE,          /* Cohere chat v2 */
    LLM_DIALECT_COHERE_V1,
    LLM_DIALECT_OLLAMA,          /* Ollama's own chat and generate */
    LLM_DIALECT_LLAMACPP,        /* llama.cpp's own completion */
    LLM_DIALECT_TGI,             /* text-generation-inference's own */
    LLM_DIALECT_LMSTUDIO,        /* LM Studio's own chat */
    LLM_DIALECT_WORKERS_AI,      /* Cloudflare's own */
    LLM_DIALECT_N
} llm_dialect_e;


typedef enum {
    LLM_FRAMING_UNKNOWN = 0,     /* the first bytes will tell */
    LLM_FRAMING_SSE,
    LLM_FRAMING_NDJSON,          /* JSON values one after another */
    LLM_FRAMING_ARRAY,           /* elements of one JSON array */
    LLM_FRAMING_EVENTSTREAM,     /* AWS's binary frames */
    LLM_FRAMING_JSON,            /* one plain body */
    LLM_FRAMING_OPAQUE           /* nothing that we read */
} llm_framing_e;

#define llm_framing_streams(f)                                                \
    ((f) >= LLM_FRAMING_SSE && (f) <= LLM_FRAMING_EVENTSTREAM)


/*
 * What a value of a response means.  Those up to LLM_S_PARTS are a part of
 * what was generated: seen in an event, they set bit "slot" of its parts.
 */

typedef enum {
    LLM_S_NONE = 0,

    LLM_S_TEXT,                  /* generated text, reasoning, refusal */
    LLM_S_BARE,                  /* the same, of an API without an end mark */
    LLM_S_ARGS,                  /* generated arguments of a tool call: a
                                    string in parts, or one JSON value */
    LLM_S_SILENT,                /* generated, but not text, or a second copy
                                    of it */
    LLM_S_TOOL_NAME,
    LLM_S_DELTA,                 /* a text whose type decides */
    LLM_S_BLOCK_TYPE,            /* a part if it ends as a tool call does */
    LLM_S_PARTS = LLM_S_BLOCK_TYPE,

    LLM_S_TOOL,                  /* one element of tool calls: CLOSE */
    LLM_S_TOOL_INDEX,
    LLM_S_TOOL_ID,
    LLM_S_TYPE,                  /* the kind of the event */
    LLM_S_CHOICE,                /* one of several answers: CLOSE */
    LLM_S_INDEX,                 /* which one */
    LLM_S_CHOICE_FINISH,         /* why it ended */
    LLM_S_FINISH,                /* why the whole ended */
    LLM_S_FINISH_WHY,            /* refines the class of the finish */
    LLM_S_BLOCKED,               /* nothing was generated: a filter's reason */
    LLM_S_GUARD,                 /* what a filter did: INTERVENED, or nothing */
    LLM_S_END,                   /* true or there: the end mark */
    LLM_S_MODEL,                 /* the first that is not empty */
    LLM_S_MODEL_LAST,            /* the last one */
    LLM_S_ID,
    LLM_S_TIER,
    LLM_S_SPEED,
    LLM_S_GEO,
    LLM_S_MODALITY,              /* of tokens, that may have other rates */
    LLM_S_AUDIO,                 /* a count of such tokens */
    LLM_S_IMAGE,
    LLM_S_ERROR,                 /* an object or a text, if not empty */
    LLM_S_ERROR_MARK,            /* an error if it says "error" */
    LLM_S_ERROR_TYPE,
    LLM_S_ERROR_CODE,
    LLM_S_CACHE_DETAIL,          /* cache writes of one lifetime: CLOSE */
    LLM_S_CACHE_TTL,             /* which: "1h" or other */
    LLM_S_CACHE_TTL_TOKENS,

    LLM_S_USAGE,                 /* the object of the counters: OPEN */

    LLM_S_COUNTERS,              /* counters of tokens: from here on */
    LLM_S_INPUT = LLM_S_COUNTERS,
    LLM_S_OUTPUT,
    LLM_S_TOTAL,
    LLM_S_CACHE_READ,
    LLM_S_CACHE_WRITE,
    LLM_S_CACHE_WRITE_5M,
    LLM_S_CACHE_WRITE_1H,
    LLM_S_REASONING,
    LLM_S_TOOL_INPUT,            /* read by tools, beside the input */
    LLM_S_BILLED_INPUT,          /* what the bill says, where that is less */
    LLM_S_BILLED_OUTPUT,
    LLM_S_QUERIES,               /* of a rerank, billed */
    LLM_S_SEARCHES,              /* of the web, billed beside tokens */
    LLM_S_TOKENS_END,

    LLM_S_INPUT_PART = LLM_S_TOKENS_END,  /* one of several to be added */
    LLM_S_COST,                  /* USD */
    LLM_S_COST_TICKS,            /* 1e-10 USD */
    LLM_S_TIME_S,                /* what the provider took, seconds */
    LLM_S_TIME_MS,
    LLM_S_TIME_NS,
    LLM_S_N,

    LLM_S_SECOND = 0x40          /* added to a slot: counts only as long as
                                    the usage itself was not seen */
} llm_slot_e;

#define LLM_COUNTERS_N      (LLM_S_TOKENS_END - LLM_S_COUNTERS)
#define llm_counter(slot)   ((slot) - LLM_S_COUNTERS)
#define llm_part(slot)      (1u << (slot))


/* what a kind of event does */

#define LLM_EVENT_END       0x01 /* the end mark of the dialect */
#define LLM_EVENT_ERROR     0x02
#define LLM_EVENT_TOOL      0x04 /* a tool call begins, if the event has a
                                    part that says so */
#define LLM_EVENT_BEGIN     0x08 /* a message begins, with counters so far */


typedef struct {
    const char  *type;           /* "*.delta": ends so; NULL: any */
    uint16_t     parts;          /* which parts make it a content event */
    uint8_t      flags;
} llm_event_kind_t;


/* how counters relate */

#define LLM_USAGE_REPLACE   0x01 /* a later usage object replaces the earlier
                                    one; else field by field */
#define LLM_USAGE_APART     0x02 /* input does not count cache reads and
                                    writes */
#define LLM_USAGE_BESIDE    0x04 /* output does not count reasoning */
#define LLM_USAGE_TOTAL     0x08 /* a total alone is all input */


/* what else is peculiar to a dialect */

#define LLM_DIALECT_F_CALLS    0x01  /* tool calls come whole, without ids */
#define LLM_DIALECT_F_ARRAY    0x02  /* "[" begins a stream */
#define LLM_DIALECT_F_WRAPPED  0x04  /* frames hold base64 of the events */
#define LLM_DIALECT_F_PATH     0x08  /* the model is that of the path, if it
                                        names one, whatever the body says */


typedef enum {
    LLM_END_MARK = 0,            /* only the end mark ends it */
    LLM_END_FINISH,              /* so does a finish reason or a usage, if the
                                    body ends in order */
    LLM_END_NONE                 /* there is no mark: any orderly end does */
} llm_end_e;


typedef struct {
    const char              *name;
    const char              *provider;   /* when nothing tells it better */
    uint8_t                  operation;
    uint8_t                  usage;      /* LLM_USAGE_* */
    uint8_t                  end;        /* llm_end_e */
    uint8_t                  flags;      /* LLM_DIALECT_F_* */
    uint8_t                  framing;    /* of its streams */
    const char              *tool_suffix;
    const llm_event_kind_t  *kinds;      /* the last one has no type */
    const llm_json_row_t    *rows;       /* of streams and whole bodies */
    size_t                   nrows;
    const llm_json_row_t    *stream;     /* of a stream's events only */
    size_t                   nstream;
    const llm_json_row_t    *whole;      /* of whole bodies only */
    size_t                   nwhole;
} llm_dialect_t;


extern const llm_dialect_t *const  llm_dialects[LLM_DIALECT_N];

/* in the order of files: llm_dialect_openai.c and so on */

extern const llm_dialect_t  llm_dialect_chat;
extern const llm_dialect_t  llm_dialect_completions;
extern const llm_dialect_t  llm_dialect_responses;
extern const llm_dialect_t  llm_dialect_embeddings;
extern const llm_dialect_t  llm_dialect_messages;
extern const llm_dialect_t  llm_dialect_complete;
extern const llm_dialect_t  llm_dialect_gemini;
extern const llm_dialect_t  llm_dialect_interactions;
extern const llm_dialect_t  llm_dialect_converse;
extern const llm_dialect_t  llm_dialect_invoke;
extern const llm_dialect_t  llm_dialect_cohere;
extern const llm_dialect_t  llm_dialect_cohere_v1;
extern const llm_dialect_t  llm_dialect_ollama;
extern const llm_dialect_t  llm_dialect_llamacpp;
extern const llm_dialect_t  llm_dialect_tgi;
extern const llm_dialect_t  llm_dialect_lmstudio;
extern const llm_dialect_t  llm_dialect_workers_ai;


/* The compiled tables: made once a configuration, read by all calls. */

typedef struct {
    llm_frame_crc_pt  crc;       /* for event streams; NULL: not read */
    llm_json_table_t  request;
    llm_json_table_t  stream[LLM_DIALECT_N];
    llm_json_table_t  whole[LLM_DIALECT_N];
} llm_dialect_set_t;


/* LLM_JSON_ERROR: a table does not compile; a defect, not an input.  Leaves
 * crc to the caller. */
int llm_dialect_compile(llm_dialect_set_t *set);


/* What the path of a request tells. */

typedef struct {
    uint8_t    operation;        /* LLM_OP_NONE: not a known API */
    uint8_t    dialect;
    uint8_t    shape;            /* the body must decide between dialects */
    uint8_t    path_stream;      /* the path itself asks for a stream */
    llm_str_t  model;            /* where the path names it, else empty */
    llm_str_t  provider;         /* where the path tells it, else empty */
} llm_path_t;


/* path: decoded, without query. */
void llm_dialect_path(llm_str_t path, llm_path_t *out);

/* The provider of an upstream's host name ("host" or "host:port"), or
 * empty. */
llm_str_t llm_dialect_host(llm_str_t host);

/* The class of an error by one word of the body: its type, or its code,
 * which may be a status. */
unsigned llm_dialect_error_word(llm_str_t word);

/* The class of an error from those of its type and code, and the status. */
unsigned llm_dialect_error(unsigned type, unsigned code, unsigned status);

/* The class of a finish reason. */
unsigned llm_dialect_finish(llm_str_t finish);

/* The class of an error that a finish reason stands for, or none. */
unsigned llm_dialect_finish_error(llm_str_t finish);


#endif /* _LLM_DIALECT_H_INCLUDED_ */
