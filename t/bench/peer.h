
/*
 * Texts as scan.c left them, and the clock of the measurement.
 */


#ifndef _PEER_H_INCLUDED_
#define _PEER_H_INCLUDED_


#include <stdlib.h>
#include <string.h>

#include "scan.h"


#define PEER_PADDING  64         /* simdjson reads so far beyond a text */


typedef struct {
    size_t    n;
    size_t    bytes;
    char    **text;
    size_t   *len;
} peer_texts_t;


static inline void
peer_die(const char *what)
{
    fprintf(stderr, "peer: %s\n", what);
    exit(1);
}


static inline peer_texts_t
peer_read(const char *path)
{
    FILE          *f;
    uint32_t       len;
    peer_texts_t   t;

    memset(&t, 0, sizeof(t));

    f = fopen(path, "rb");
    if (f == NULL) {
        peer_die(path);
    }

    while (fread(&len, 4, 1, f) == 1) {
        t.text = (char **) realloc(t.text, (t.n + 1) * sizeof(char *));
        t.len = (size_t *) realloc(t.len, (t.n + 1) * sizeof(size_t));

        if (t.text == NULL || t.len == NULL) {
            peer_die("no memory");
        }

        t.text[t.n] = (char *) calloc(1, len + PEER_PADDING);

        if (t.text[t.n] == NULL || fread(t.text[t.n], 1, len, f) != len) {
            peer_die(path);
        }

        t.len[t.n++] = len;
        t.bytes += len;
    }

    fclose(f);

    if (t.n == 0) {
        peer_die("nothing to parse");
    }

    return t;
}


/* A line for each file: its name, bytes, GB/s by the best of some counts. */

#define peer_measure(path, t, parse)                                          \
    do {                                                                      \
        int       best_;                                                      \
        size_t    i_;                                                         \
        double    max_ = 0;                                                   \
        uint64_t  start_, took_, n_;                                          \
                                                                              \
        for (best_ = 0; best_ < SCAN_BEST; best_++) {                         \
            start_ = scan_now();                                              \
            n_ = 0;                                                           \
                                                                              \
            do {                                                              \
                for (i_ = 0; i_ < t.n; i_++) {                                \
                    parse(t.text[i_], t.len[i_]);                             \
                }                                                             \
                                                                              \
                n_ += t.bytes;                                                \
                took_ = scan_now() - start_;                                  \
            } while (took_ < SCAN_NS / SCAN_BEST);                            \
                                                                              \
            if ((double) n_ / took_ > max_) {                                 \
                max_ = (double) n_ / took_;                                   \
            }                                                                 \
        }                                                                     \
                                                                              \
        printf("%s %zu %.3f\n", path, t.bytes, max_);                         \
    } while (0)


#endif /* _PEER_H_INCLUDED_ */
