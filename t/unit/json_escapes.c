
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Escapes in strings: what the scanner decodes against what the text was made
 * of, fed whole (runs of escapes in one go), byte by byte (each digit on its
 * own) and in random splits, in allocations of exact size.  The place of the
 * string decides who wants it: counted text, a value that is kept, a key, or
 * nobody.  Some have one wrong byte, and must be refused however split.
 */


#include <stdio.h>
#include <stdlib.h>

#include "llm_json.h"


#define ROUNDS  20000
#define ROOM    8192

static int  planned, failed;


static void
ok(int good, const char *what)
{
    printf("%sok %d - %s\n", good ? "" : "not ", ++planned, what);
    failed += !good;
}


typedef struct {
    size_t   len;
    uint8_t  data[ROOM];
} text_t;


typedef struct {
    text_t    got;
    unsigned  strings;
    unsigned  flags;
    unsigned  keys;              /* values of the key "wanted" */
} seen_t;


static const llm_json_row_t  rows[] = {
    { "text", 1, LLM_JSON_F_TEXT },
    { "kept", 2, 0 },
    { "wanted", 3, 0 }
};

static llm_json_table_t  table;
static uint64_t          state = 1;


static unsigned
rnd(unsigned n)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;

    return (state >> 33) % n;
}


static void
put(text_t *t, const void *p, size_t len)
{
    if (len) {
        memcpy(t->data + t->len, p, len);
        t->len += len;
    }
}


static void
put_utf8(text_t *t, unsigned c)
{
    uint8_t  u[4];

    if (c < 0x80) {
        u[0] = c;
        put(t, u, 1);

    } else if (c < 0x800) {
        u[0] = 0xc0 + c / 64;
        u[1] = 0x80 + c % 64;
        put(t, u, 2);

    } else if (c < 0x10000) {
        u[0] = 0xe0 + c / 4096;
        u[1] = 0x80 + c / 64 % 64;
        u[2] = 0x80 + c % 64;
        put(t, u, 3);

    } else {
        u[0] = 0xf0 + c / 262144;
        u[1] = 0x80 + c / 4096 % 64;
        u[2] = 0x80 + c / 64 % 64;
        u[3] = 0x80 + c % 64;
        put(t, u, 4);
    }
}


/* A unit as \uXXXX in digits of random case. */

static void
put_unit(text_t *t, unsigned unit)
{
    char  s[8];

    sprintf(s, rnd(2) ? "\\u%04x" : "\\u%04X", unit);
    put(t, s, 6);
}


/* n parts: what is written goes to "in", what it means to "out"; 1 if there
 * is a lone surrogate in it. */

static int
make(text_t *in, text_t *out, unsigned n)
{
    static const char  from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    static const char  plain[] = "The quick brown fox and the lazy dog, 1024";

    int       lone, pending;
    size_t    len;
    unsigned  i, k;
    char      esc[2];

    lone = 0;
    pending = 0;

    while (n--) {
        k = rnd(16);

        if (pending && k == 13) {
            /* they would be a pair */
            k = 15;
        }

        if (pending && k != 15) {
            put_utf8(out, 0xfffd);
            pending = 0;
        }

        if (k < 6) {
            i = rnd(8);
            esc[0] = '\\';
            esc[1] = from[i];
            put(in, esc, 2);
            put(out, &to[i], 1);

        } else if (k < 9) {
            len = 1 + rnd(sizeof(plain) - 1);
            put(in, plain, len);
            put(out, plain, len);

        } else if (k < 12) {
            i = rnd(2) ? rnd(0x100) : rnd(0xd800);
            put_unit(in, i);
            put_utf8(out, i);

        } else if (k == 12) {
            i = rnd(0x400);
            put_unit(in, 0xd800 + i);
            put_unit(in, 0xdc00 + i);
            put_utf8(out, 0x10000 + i * 1024 + i);

        } else if (k == 13) {
            put_unit(in, 0xdc00 + rnd(0x400));
            put_utf8(out, 0xfffd);
            lone = 1;

        } else if (k == 14) {
            put_unit(in, 0xd800 + rnd(0x400));
            pending = 1;
            lone = 1;

        } else if (pending) {
            /* a second high one: the first was alone */
            put_unit(in, 0xd800);
            put_utf8(out, 0xfffd);
        }
    }

    if (pending) {
        put_utf8(out, 0xfffd);
    }

    return lone;
}


static void
sink(void *data, const llm_json_event_t *ev)
{
    seen_t  *seen = data;

    if (ev->slot == 3) {
        seen->keys++;
        return;
    }

    if (ev->type == LLM_JSON_STRING) {
        seen->strings++;
        seen->flags = ev->flags;
    }

    put(&seen->got, ev->text.data, ev->text.len);
}


/* how: 0 whole, 1 byte by byte, else random pieces */

static int
feed(const text_t *in, int how, seen_t *seen)
{
    int          rc;
    size_t       i, n;
    uint8_t     *p;
    llm_json_t   s;

    memset(seen, 0, sizeof(seen_t));
    memset(&s, 0, sizeof(llm_json_t));
    llm_json_init(&s, &table, sink, seen);
    rc = LLM_JSON_OK;

    for (i = 0; i < in->len && rc == LLM_JSON_OK; i += n) {
        n = (how == 0) ? in->len : (how == 1) ? 1 : 1 + rnd(20);
        n = llm_min(n, in->len - i);

        p = malloc(n);
        if (p == NULL) {
            exit(2);
        }

        memcpy(p, in->data + i, n);
        rc = llm_json_feed(&s, p, n);
        free(p);
    }

    return rc == LLM_JSON_OK ? llm_json_end(&s) : rc;
}


static int
same(const seen_t *seen, const text_t *out, int lone, int cut)
{
    size_t  len;

    len = cut ? llm_min(out->len, (size_t) LLM_JSON_TEXT) : out->len;

    return seen->strings == 1 && seen->got.len == len
           && memcmp(seen->got.data, out->data, len) == 0
           && !lone == !(seen->flags & LLM_JSON_E_BADESC)
           && !(cut && out->len > LLM_JSON_TEXT)
              == !(seen->flags & LLM_JSON_E_CUT);
}


static int
values(const char *key)
{
    int            how, i, lone;
    static text_t  in, out;
    static seen_t  seen;

    for (i = 0; i < ROUNDS; i++) {
        in.len = 0;
        out.len = 0;
        put(&in, "{\"", 2);
        put(&in, key, strlen(key));
        put(&in, "\":\"", 3);
        lone = make(&in, &out, rnd(rnd(4) ? 12 : 60));
        put(&in, "\",\"wanted\":0}", 13);

        for (how = 0; how < 4; how++) {

            if (feed(&in, how, &seen) != LLM_JSON_OK || seen.keys != 1) {
                return 0;
            }

            if (key[0] == 'n' ? seen.strings != 0
                              : !same(&seen, &out, lone, key[0] == 'k'))
            {
                return 0;
            }
        }
    }

    return 1;
}


/* A key written with escapes is the key; its value comes once. */

static int
keys(void)
{
    int            how, i, k;
    static text_t  in;
    static seen_t  seen;

    for (i = 0; i < ROUNDS / 10; i++) {
        in.len = 0;
        put(&in, "{\"x\\n\\u00e9\":1,\"", 16);

        for (k = 0; k < 6; k++) {

            if (rnd(2)) {
                put_unit(&in, "wanted"[k]);

            } else {
                put(&in, &"wanted"[k], 1);
            }
        }

        put(&in, "\":2}", 4);

        for (how = 0; how < 4; how++) {
            if (feed(&in, how, &seen) != LLM_JSON_OK || seen.keys != 1) {
                return 0;
            }
        }
    }

    return 1;
}


/* One byte of the escapes is wrong: refused, however split. */

static int
wrong(const char *key)
{
    int            how, i;
    size_t         at;
    static text_t  in, out;
    static seen_t  seen;

    for (i = 0; i < ROUNDS; i++) {
        in.len = 0;
        out.len = 0;
        put(&in, "{\"", 2);
        put(&in, key, strlen(key));
        put(&in, "\":\"", 3);
        (void) make(&in, &out, rnd(8));
        at = in.len;
        put(&in, "\\u12ab", 6);

        if (rnd(3) == 0) {
            in.data[at + 1] = "xU0 a\n"[rnd(6)];

        } else {
            in.data[at + 2 + rnd(4)] = "gG:/@`\" \\\x80"[rnd(10)];
        }

        (void) make(&in, &out, rnd(8));
        put(&in, "\"}", 2);

        for (how = 0; how < 4; how++) {
            if (feed(&in, how, &seen) == LLM_JSON_OK) {
                return 0;
            }
        }
    }

    return 1;
}


int
main(void)
{
    ok(llm_json_compile(&table, rows, 3) == LLM_JSON_OK, "the table");
    ok(values("text"), "escapes in text that is wanted whole");
    ok(values("kept"), "escapes in a value of which the first bytes are kept");
    ok(values("nobody"), "escapes in a string that nobody asked for");
    ok(keys(), "escapes in keys");
    ok(wrong("text"), "a wrong escape in text");
    ok(wrong("nobody"), "a wrong escape in a string of nobody");

    printf("1..%d\n", planned);

    return failed != 0;
}
