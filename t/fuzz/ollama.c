
/*
 * Copyright (C) ngx_llm_module authors
 */


#define RESPONSE_DIALECT  LLM_DIALECT_OLLAMA

#include "response.h"
