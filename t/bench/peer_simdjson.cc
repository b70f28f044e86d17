
/*
 * peer_simdjson FILE...: simdjson's parser over the same texts.  It builds
 * its tape; nothing is looked up in it.
 */


#include <simdjson.h>

#include "peer.h"


static simdjson::dom::parser  parser;


static void
peer_parse(const char *p, size_t len)
{
    simdjson::dom::element  doc;

    /* false: the text is padded already */

    if (parser.parse(p, len, false).get(doc) != simdjson::SUCCESS) {
        peer_die("simdjson says no");
    }
}


int
main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        peer_texts_t  t = peer_read(argv[i]);

        peer_measure(argv[i], t, peer_parse);
    }

    return 0;
}
