
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Scans texts for a test that holds another parser against it.  Each text is
 * read whole and byte by byte.
 *
 *   scan PATH... < TEXTS     TEXTS: the length, 4 bytes, and the text, each
 *
 * A line a text: "yes" or "no", and for each value at one of the paths a
 * word: the number of the path, the type, the value in hexadecimal digits.
 */


#include "json_log.h"


#define PATHS  64


static void
word(unsigned slot, const char *type, const uint8_t *p, size_t len)
{
    printf(" %u%s", slot - 1, type);

    for ( /* void */ ; len; p++, len--) {
        printf("%02x", *p);
    }
}


static void
print(const json_log_t *log)
{
    unsigned                  n;
    json_record_t             r;
    const uint8_t            *p;
    static const char *const  types[] = {
        "s", "n", "t", "f", "z", "o", "a"
    };

    printf("%s", log->accepted ? "yes" : "no");
    p = log->out.data;

    for (n = 0; n < log->events; n++) {
        memcpy(&r, p, sizeof(r));
        p += sizeof(r);
        CHECK(r.type < sizeof(types) / sizeof(types[0]));
        word(r.slot, types[r.type], p, r.text_len);
        p += r.text_len + r.key_len;
    }

    putchar('\n');
}


int
main(int argc, char **argv)
{
    int                      i;
    cut_t                    cut;
    uint8_t                 *text, head[4];
    uint32_t                 len;
    json_log_t               log, other;
    llm_json_row_t           rows[PATHS];

    static llm_json_table_t  table;

    CHECK(argc > 1 && argc - 1 <= PATHS);

    for (i = 1; i < argc; i++) {
        rows[i - 1].path = argv[i];
        rows[i - 1].slot = i;
        rows[i - 1].flags = LLM_JSON_F_TEXT|LLM_JSON_F_OPEN;
    }

    CHECK(llm_json_compile(&table, rows, argc - 1) == LLM_JSON_OK);

    while (fread(head, 1, 4, stdin) == 4) {
        len = head[0] | head[1] << 8 | head[2] << 16 | (uint32_t) head[3] << 24;

        text = malloc(len ? len : 1);
        CHECK(text != NULL && fread(text, 1, len, stdin) == len);

        memset(&cut, 0, sizeof(cut));
        json_log_read(&log, &json_vector, &table, cut, text, len);

        cut.how = CUT_BYTES;
        json_log_read(&other, &json_scalar, &table, cut, text, len);
        CHECK(bytes_same(&log.out, &other.out));

        print(&log);

        json_log_free(&log);
        json_log_free(&other);
        free(text);
    }

    return 0;
}
