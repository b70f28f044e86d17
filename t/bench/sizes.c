
/*
 * What the module allocates for one call, by the compiler's word.  The lines:
 * name, bytes.
 */


#include "ngx_http_llm_ctx.h"


int
main(void)
{
    size_t  reader;

    reader = ngx_max(sizeof(llm_request_t), sizeof(llm_response_t));

    (void) printf("ctx %zu\n", sizeof(ngx_http_llm_ctx_t));
    (void) printf("cleanup %zu\n", sizeof(ngx_pool_cleanup_t));
    (void) printf("request %zu\n", sizeof(llm_request_t));
    (void) printf("response %zu\n", sizeof(llm_response_t));
    (void) printf("call %zu\n", sizeof(ngx_http_llm_ctx_t)
                  + sizeof(ngx_pool_cleanup_t) + reader);
    (void) printf("headers %zu\n", sizeof(ngx_list_t)
                  + 20 * sizeof(ngx_table_elt_t));

    return 0;
}
