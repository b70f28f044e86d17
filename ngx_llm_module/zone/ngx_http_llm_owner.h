
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Who owns a thing in shared memory: one word that names a process and is
 * never another's, even when its pid is used again.
 */


#ifndef _NGX_HTTP_LLM_OWNER_H_INCLUDED_
#define _NGX_HTTP_LLM_OWNER_H_INCLUDED_


#include <stdint.h>


/* Set in the word of a process that clears up after the one it replaced. */

#define NGX_HTTP_LLM_OWNER_REAPS   (1ull << 63)


/* The word of this process, or of another that lives; never 0. */
uint64_t ngx_http_llm_owner_self(void);
uint64_t ngx_http_llm_owner_of(int32_t pid);

/* False only if the process is known to be gone. */
int ngx_http_llm_owner_alive(uint64_t owner);

int32_t ngx_http_llm_owner_pid(uint64_t owner);


#endif /* _NGX_HTTP_LLM_OWNER_H_INCLUDED_ */
