
/*
 * Copyright (C) ngx_llm_module authors
 */


#define RESPONSE_DIALECT  LLM_DIALECT_COMPLETE

#include "response.h"
