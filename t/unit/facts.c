
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Reads recorded bodies through the core and prints what it found, a line
 * each.  Every body is also fed byte by byte and in random splits, each piece
 * in an allocation of its exact size; facts that differ are a failure.
 *
 *   facts SPLITS < LIST      LIST: "path hint file" a line
 */


#include <stdio.h>
#include <stdlib.h>

#include "llm_request.h"
#include "llm_response.h"


static llm_dialect_set_t  set;


static void
feed(llm_response_t *r, const uint8_t *p, size_t len, int mode)
{
    size_t    n;
    uint8_t  *q;

    while (len) {
        n = (mode == 0) ? len : (mode == 1) ? 1
            : 1 + (size_t) random() % (random() % 8 ? 40 : 2000);
        n = n > len ? len : n;

        q = malloc(n);
        memcpy(q, p, n);

        llm_response_feed(r, q, n);

        free(q);
        p += n;
        len -= n;
    }

    llm_response_end(r);
}


static void
print_word(const uint8_t *p, size_t len)
{
    size_t  i;

    putchar('\t');

    for (i = 0; i < len; i++) {
        putchar(p[i] < ' ' ? '?' : p[i]);
    }
}


static void
print(llm_response_t *r, char *out, size_t size)
{
    uint64_t      nano;
    llm_tokens_t  t;

    nano = 0;
    (void) llm_response_tokens(r, &t);
    (void) llm_response_cost(r, &nano);

    snprintf(out, size, "%d %llu %llu %llu %llu %llu %llu %u %u %u %d %d %d %d "
             "%llu %u %u %u %u %u %u %u %u %d %d %d",
             r->present != 0, (unsigned long long) t.input,
             (unsigned long long) t.output,
             (unsigned long long) t.cache_read,
             (unsigned long long) t.cache_write,
             (unsigned long long) t.cache_write_1h,
             (unsigned long long) t.reasoning, r->events, r->content_events,
             r->tool_calls, r->error, llm_response_complete(r, 1), r->broken,
             r->end, (unsigned long long) nano, (unsigned) r->text.bytes,
             r->text.n[0], r->text.n[1], r->text.n[2], r->text.n[3],
             r->text.n[4], r->text.n[5], r->text.n[6],
             r->tier, r->error_type, r->error_code);
}


int
main(int argc, char **argv)
{
    int             i, splits, bad;
    long            size, first, expected;
    char            line[4096], path[1024], hint[16], file[2048], a[512],
                    b[512];
    FILE           *f;
    uint8_t        *body;
    llm_path_t      where;
    llm_response_t  r;

    splits = argc > 1 ? atoi(argv[1]) : 3;
    bad = 0;

    if (llm_dialect_compile(&set) != LLM_JSON_OK) {
        fprintf(stderr, "tables do not compile\n");
        return 2;
    }

    while (fgets(line, sizeof(line), stdin)) {

        if (sscanf(line, "%1023s %15s %2047[^\n]", path, hint, file) != 3) {
            continue;
        }

        f = fopen(file, "rb");
        if (f == NULL) {
            perror(file);
            return 2;
        }

        fseek(f, 0, SEEK_END);
        size = ftell(f);
        rewind(f);
        body = malloc(size ? size : 1);

        if (fread(body, 1, size, f) != (size_t) size) {
            return 2;
        }

        fclose(f);

        llm_dialect_path((llm_str_t) { (uint8_t *) path, strlen(path) },
                         &where);

        expected = -1;

        for (i = 0; i < splits; i++) {
            llm_response_init(&r, &set, where.dialect,
                              strcmp(hint, "sse") == 0 ? LLM_FRAMING_SSE
                              : strcmp(hint, "json") == 0 ? LLM_FRAMING_JSON
                              : LLM_FRAMING_UNKNOWN);
            feed(&r, body, size, i);
            first = r.content_events ? (long) r.first_content : -1;

            print(&r, i ? b : a, sizeof(a));

            if (i == 0) {
                expected = first;

            } else if (strcmp(a, b) != 0 || first != expected) {
                fprintf(stderr, "%s: split %d differs\n  %s %ld\n  %s %ld\n",
                        file, i, a, expected, b, first);
                bad++;
                break;
            }
        }

        printf("%s\t%ld\t%s", file, expected, a);
        print_word(llm_response_model(&r).data, r.model_len);
        print_word(r.finish.data, r.finish.len);
        putchar('\n');

        free(body);
    }

    return bad ? 1 : 0;
}
