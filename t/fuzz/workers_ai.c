
/*
 * Copyright (C) ngx_llm_module authors
 */


#define RESPONSE_DIALECT  LLM_DIALECT_WORKERS_AI

#include "response.h"
