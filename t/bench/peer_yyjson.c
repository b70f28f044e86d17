
/*
 * peer_yyjson FILE...: yyjson's reader over the same texts, with one pool of
 * memory for all.
 */


#include <yyjson.h>

#include "peer.h"


#define POOL  (64 * 1024 * 1024)


static yyjson_alc  pool;
static char       *memory;


static void
peer_parse(char *p, size_t len)
{
    yyjson_doc  *doc;

    if (!yyjson_alc_pool_init(&pool, memory, POOL)) {
        peer_die("no pool");
    }

    doc = yyjson_read_opts(p, len, 0, &pool, NULL);
    if (doc == NULL) {
        peer_die("yyjson says no");
    }

    yyjson_doc_free(doc);
}


int
main(int argc, char **argv)
{
    int           i;
    peer_texts_t  t;

    memory = malloc(POOL);
    if (memory == NULL) {
        peer_die("no memory");
    }

    for (i = 1; i < argc; i++) {
        t = peer_read(argv[i]);
        peer_measure(argv[i], t, peer_parse);
    }

    return 0;
}
