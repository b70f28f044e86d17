
/*
 * Copyright (C) ngx_llm_module authors
 *
 * As much of nginx as a file of http/ needs that is fuzzed by itself; see
 * ngx_core.h.
 */


#ifndef _NGX_CONFIG_H_INCLUDED_
#define _NGX_CONFIG_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>


typedef intptr_t   ngx_int_t;
typedef uintptr_t  ngx_uint_t;


#endif /* _NGX_CONFIG_H_INCLUDED_ */
