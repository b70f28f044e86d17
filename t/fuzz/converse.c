
/*
 * Copyright (C) ngx_llm_module authors
 */


#define RESPONSE_DIALECT  LLM_DIALECT_CONVERSE
#define RESPONSE_FRAMES

#include "response.h"
