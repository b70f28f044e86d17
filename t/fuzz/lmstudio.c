
/*
 * Copyright (C) ngx_llm_module authors
 */


#define RESPONSE_DIALECT  LLM_DIALECT_LMSTUDIO

#include "response.h"
