
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Writes the event that ends a stream: reply_dump dialect framing reason.
 */


#include "llm_reply.h"
#include "tap.h"


int
main(int argc, char **argv)
{
    size_t         len;
    uint8_t        buf[LLM_REPLY_MAX];
    llm_refusal_t  r = { 0, 504, llm_string("stream timeout"),
                         llm_string("idle for 5s") };

    CHECK(argc == 4);

    r.reason = (unsigned) strtoul(argv[3], NULL, 10);

    len = llm_reply_event(buf, sizeof(buf), (unsigned) atoi(argv[1]),
                          (unsigned) atoi(argv[2]), &r);

    CHECK(len && fwrite(buf, len, 1, stdout) == 1);

    return 0;
}
