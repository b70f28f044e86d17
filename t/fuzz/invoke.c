
/*
 * Copyright (C) ngx_llm_module authors
 */


#define RESPONSE_DIALECT  LLM_DIALECT_INVOKE
#define RESPONSE_FRAMES
#define RESPONSE_WRAPPED

#include "response.h"
