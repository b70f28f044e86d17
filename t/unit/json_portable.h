
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The scanner once more, built without vector instructions and under names of
 * its own: portable_llm_json_feed() and so on.  Include it first.  Each
 * function that the scanner's files share is named here; of one that is not
 * the linker says that it is defined twice.
 */


#ifndef _JSON_PORTABLE_H_INCLUDED_
#define _JSON_PORTABLE_H_INCLUDED_


#include "llm_json.h"
#include "llm_sse.h"


#define LLM_SCAN_PORTABLE  1

#define llm_json_append          portable_llm_json_append
#define llm_json_compile         portable_llm_json_compile
#define llm_json_compile_more    portable_llm_json_compile_more
#define llm_json_complete        portable_llm_json_complete
#define llm_json_end             portable_llm_json_end
#define llm_json_escape          portable_llm_json_escape
#define llm_json_failed          portable_llm_json_failed
#define llm_json_feed            portable_llm_json_feed
#define llm_json_feed_line       portable_llm_json_feed_line
#define llm_json_feed_value      portable_llm_json_feed_value
#define llm_json_escapes         portable_llm_json_escapes
#define llm_json_escapes_skip    portable_llm_json_escapes_skip
#define llm_json_flush           portable_llm_json_flush
#define llm_json_hex             portable_llm_json_hex
#define llm_json_init            portable_llm_json_init
#define llm_json_lone_surrogate  portable_llm_json_lone_surrogate
#define llm_json_lookup          portable_llm_json_lookup
#define llm_json_number          portable_llm_json_number
#define llm_json_plain           portable_llm_json_plain
#define llm_json_reset           portable_llm_json_reset
#define llm_sse_end              portable_llm_sse_end
#define llm_sse_feed             portable_llm_sse_feed
#define llm_sse_idle             portable_llm_sse_idle
#define llm_sse_clear            portable_llm_sse_clear
#define llm_sse_init             portable_llm_sse_init


int llm_json_compile_more(llm_json_table_t *t, const llm_json_row_t *rows,
    size_t n);
void llm_json_init(llm_json_t *s, const llm_json_table_t *t,
    llm_json_sink_pt sink, void *data);
void llm_json_reset(llm_json_t *s);
int llm_json_feed(llm_json_t *s, const uint8_t *p, size_t len);
const uint8_t *llm_json_feed_line(llm_json_t *s, const uint8_t *p,
    const uint8_t *e);
const uint8_t *llm_json_feed_value(llm_json_t *s, const uint8_t *p,
    const uint8_t *e);
int llm_json_end(llm_json_t *s);


#include "llm_json_table.c"
#include "llm_json_text.c"
#include "llm_json_plain.c"
#include "llm_json_state.c"
#include "llm_json.c"

#undef ST_VALUE
#define ST_LINE   SSE_ST_LINE
#define ST_CR     SSE_ST_CR
#define ST_FIELD  SSE_ST_FIELD
#define ST_SPACE  SSE_ST_SPACE
#define ST_VALUE  SSE_ST_VALUE

#include "llm_sse.c"


#undef llm_json_append
#undef llm_json_compile
#undef llm_json_compile_more
#undef llm_json_complete
#undef llm_json_end
#undef llm_json_escape
#undef llm_json_failed
#undef llm_json_feed
#undef llm_json_feed_line
#undef llm_json_feed_value
#undef llm_json_escapes
#undef llm_json_escapes_skip
#undef llm_json_flush
#undef llm_json_hex
#undef llm_json_init
#undef llm_json_lone_surrogate
#undef llm_json_lookup
#undef llm_json_number
#undef llm_json_plain
#undef llm_json_reset
#undef llm_sse_end
#undef llm_sse_feed
#undef llm_sse_idle
#undef llm_sse_clear
#undef llm_sse_init

int llm_json_compile(llm_json_table_t *t, const llm_json_row_t *rows,
    size_t n);
int llm_json_compile_more(llm_json_table_t *t, const llm_json_row_t *rows,
    size_t n);
int llm_json_complete(const llm_json_t *s);


#endif /* _JSON_PORTABLE_H_INCLUDED_ */
