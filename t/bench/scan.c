
/*
 * scan DIR FILE...: the speed of the readers on one core, GB/s of CPU time.
 * The files are recorded streams of OpenAI chat.  Writes what the peers are to
 * parse into DIR.  A line a measurement: name, bytes, GB/s.
 */


#define _GNU_SOURCE

#include <stdlib.h>
#include <string.h>

#include "scan.h"
#include "llm_request.h"
#include "llm_response.h"


#define PIECE   4096             /* what nginx reads at a time */
#define LARGE   1000000


typedef struct {
    const char  *name;
    const char  *head;
    const char  *repeat;
    const char  *tail;
    unsigned     dialect;
    int          piece;          /* bytes a feed; 0: as nginx reads */
} scan_worst_t;


static llm_dialect_set_t  set;
static uint8_t           *text;
static size_t             text_len;


/*
 * Inputs that make the scanner work: bytes that end runs, escapes in text
 * that is counted, keys that match, framing without content.
 */

static const scan_worst_t  worst[] = {
    { "numbers", "{\"a\":[0", ",0", "]}", LLM_DIALECT_CHAT, 0 },
    { "arrays", "{\"a\":[[]", ",[]", "]}", LLM_DIALECT_CHAT, 0 },
    { "objects", "{\"a\":[{}", ",{}", "]}", LLM_DIALECT_CHAT, 0 },
    { "empty strings", "{\"a\":[\"\"", ",\"\"", "]}", LLM_DIALECT_CHAT, 0 },
    { "white space", "{\"a\":[", " ", "0]}", LLM_DIALECT_CHAT, 0 },
    { "one digit after another", "{\"a\":1", "1", "}", LLM_DIALECT_CHAT, 0 },
    { "literals", "{\"a\":[true", ",true", "]}", LLM_DIALECT_CHAT, 0 },
    { "keys of nobody", "{\"a\":0", ",\"b\":0", "}", LLM_DIALECT_CHAT, 0 },
    { "keys that match", "{\"id\":\"\"", ",\"id\":\"\"", "}",
      LLM_DIALECT_CHAT, 0 },
    { "usage objects", "{\"usage\":{}", ",\"usage\":{}", "}",
      LLM_DIALECT_CHAT, 0 },
    { "counters", "{\"usage\":{\"cost\":1", ",\"cost\":1", "}}",
      LLM_DIALECT_CHAT, 0 },
    { "choices", "{\"choices\":[{}", ",{}", "]}", LLM_DIALECT_CHAT, 0 },
    { "empty content", "{\"choices\":[{\"message\":{\"content\":\"\"",
      ",\"content\":\"\"", "}}]}", LLM_DIALECT_CHAT, 0 },
    { "content of a byte", "{\"choices\":[{\"message\":{\"content\":\"\"",
      ",\"content\":\"a\"", "}}]}", LLM_DIALECT_CHAT, 0 },
    { "\\n in content", "{\"choices\":[{\"message\":{\"content\":\"",
      "\\n", "\"}}]}", LLM_DIALECT_CHAT, 0 },
    { "\\u0041 in content", "{\"choices\":[{\"message\":{\"content\":\"",
      "\\u0041", "\"}}]}", LLM_DIALECT_CHAT, 0 },
    { "surrogate pairs in content",
      "{\"choices\":[{\"message\":{\"content\":\"", "\\ud83d\\ude00",
      "\"}}]}", LLM_DIALECT_CHAT, 0 },
    { "lone surrogates in content",
      "{\"choices\":[{\"message\":{\"content\":\"", "\\ud83d", "\"}}]}",
      LLM_DIALECT_CHAT, 0 },
    { "\\n in text of nobody", "{\"a\":\"", "\\n", "\"}",
      LLM_DIALECT_CHAT, 0 },
    { "\\u in text of nobody", "{\"a\":\"", "\\u0041", "\"}",
      LLM_DIALECT_CHAT, 0 },
    { "escapes in keys", "{\"a\":0", ",\"\\u0069\\u0064\":0", "}",
      LLM_DIALECT_CHAT, 0 },
    { "stream: blank lines", "data: {}\n\n", "\n", "", LLM_DIALECT_CHAT, 0 },
    { "stream: empty comments", "data: {}\n\n", ":\n", "",
      LLM_DIALECT_CHAT, 0 },
    { "stream: unknown fields", "data: {}\n\n", "x\n", "",
      LLM_DIALECT_CHAT, 0 },
    { "stream: a field name without end", "data: {}\n\n", "x", "",
      LLM_DIALECT_CHAT, 0 },
    { "stream: empty events", "data: {}\n\n", "data:{}\n\n", "",
      LLM_DIALECT_CHAT, 0 },
    { "stream: marks", "data: {}\n\n", "data:x\n\n", "",
      LLM_DIALECT_CHAT, 0 },
    { "stream: empty data lines", "data: {\n", "data:\n", "data:}\n\n",
      LLM_DIALECT_CHAT, 0 },
    { "stream: data lines of a byte", "data: {\"a\":[0\n",
      "data:,\ndata:0\n", "data:]}\n\n", LLM_DIALECT_CHAT, 0 },
    { "stream: named events", "data: {}\n\n", "event:a\ndata:{}\n\n", "",
      LLM_DIALECT_MESSAGES, 0 },
    { "stream: kinds", "data: {}\n\n",
      "data:{\"type\":\"content_block_delta\"}\n\n", "",
      LLM_DIALECT_MESSAGES, 0 }
};


static void
scan_die(const char *what)
{
    fprintf(stderr, "scan: %s\n", what);
    exit(1);
}


static void
scan_append(const void *p, size_t len)
{
    static size_t  room;

    if (text_len + len > room) {
        room = (text_len + len) * 2;
        text = realloc(text, room);

        if (text == NULL) {
            scan_die("no memory");
        }
    }

    memcpy(text + text_len, p, len);
    text_len += len;
}


static void
scan_puts(const char *s)
{
    scan_append(s, strlen(s));
}


static uint64_t
scan_response(unsigned dialect, size_t piece)
{
    size_t                 i;
    static llm_response_t  r;

    llm_response_init(&r, &set, dialect, LLM_FRAMING_UNKNOWN);

    for (i = 0; i < text_len; i += piece) {
        llm_response_feed(&r, text + i, llm_min(piece, text_len - i));
    }

    llm_response_end(&r);

    return r.content_events + r.broken * 1000000000000ULL;
}


static uint64_t
scan_request(size_t piece)
{
    size_t                i;
    static llm_request_t  r;

    llm_request_init(&r, &set);

    for (i = 0; i < text_len; i += piece) {
        llm_request_feed(&r, text + i, llm_min(piece, text_len - i),
                         UINT64_MAX);
    }

    llm_request_end(&r);

    if (r.state != LLM_REQUEST_READ) {
        scan_die("the request is not understood");
    }

    return r.prompt_bytes;
}


static double
scan_speed(int request, unsigned dialect, size_t piece)
{
    int       best;
    double    speed, max;
    uint64_t  start, took, n;

    max = 0;

    for (best = 0; best < SCAN_BEST; best++) {
        start = scan_now();
        n = 0;

        do {
            if (request) {
                (void) scan_request(piece);

            } else {
                (void) scan_response(dialect, piece);
            }

            n += text_len;
            took = scan_now() - start;

        } while (took < SCAN_NS / SCAN_BEST);

        speed = (double) n / took;
        max = llm_max(max, speed);
    }

    return max;
}


static FILE *
scan_open(const char *dir, const char *name)
{
    char   path[4096];
    FILE  *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);

    f = fopen(path, "wb");
    if (f == NULL) {
        scan_die(path);
    }

    return f;
}


static void
scan_put(FILE *f, const uint8_t *p, size_t len)
{
    uint32_t  n;

    n = len;

    if (fwrite(&n, 4, 1, f) != 1 || fwrite(p, 1, len, f) != len) {
        scan_die("write");
    }
}


/* The JSON of each event, as a peer would get it from a framer. */

static void
scan_events(const char *dir)
{
    FILE           *f;
    const uint8_t  *p, *e, *q;

    f = scan_open(dir, "stream.texts");
    e = text + text_len;

    for (p = text; p < e; p = q + 1) {
        q = memchr(p, '\n', e - p);
        q = q ? q : e;

        if (q - p > 6 && memcmp(p, "data: {", 7) == 0) {
            scan_put(f, p + 6, q - p - 6 - (q[-1] == '\r'));
        }
    }

    fclose(f);
}


static void
scan_streams(const char *dir, int n, char **path)
{
    int      i;
    FILE    *f;
    size_t   len;
    char     buf[65536];

    text_len = 0;

    for (i = 0; i < n; i++) {
        f = fopen(path[i], "rb");
        if (f == NULL) {
            scan_die(path[i]);
        }

        while ((len = fread(buf, 1, sizeof(buf), f)) > 0) {
            scan_append(buf, len);
        }

        scan_append("\n\n", 2);
        fclose(f);
    }

    scan_events(dir);

    printf("streams %zu %.3f\n", text_len,
           scan_speed(0, LLM_DIALECT_CHAT, PIECE));
}


/* A conversation: English with some escapes, and an image. */

static void
scan_large(const char *dir)
{
    int                i;
    FILE              *f;
    static const char  line[] =
        "The quick brown fox, it is said, jumps over the lazy dog; and "
        "whoever has to count its tokens reads every word of it again. "
        "Numbers such as 1024 or 3.14 come along, too.\\n";

    text_len = 0;

    scan_puts("{\"model\":\"gpt-4o\",\"messages\":[");

    for (i = 0; text_len < LARGE * 3 / 4; i++) {
        scan_puts(i ? ",{\"role\":\"user\",\"content\":\""
                    : "{\"role\":\"system\",\"content\":\"");

        do {
            scan_puts(line);
        } while (text_len % 16384 < 16000);

        scan_puts("\"}");
    }

    scan_puts(",{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
              "\"image_url\":{\"url\":\"data:image/png;base64,");

    while (text_len < LARGE) {
        scan_puts("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ");
    }

    scan_puts("\"}}]}],\"stream\":true}");

    f = scan_open(dir, "request.texts");
    scan_put(f, text, text_len);
    fclose(f);

    printf("request %zu %.3f\n", text_len, scan_speed(1, 0, 65536));
}


static void
scan_worst(const char *dir)
{
    int                  slowest;
    char                 name[64];
    FILE                *f;
    size_t               i;
    double               speed, min;
    const scan_worst_t  *w;

    min = 0;
    slowest = -1;

    for (i = 0; i < sizeof(worst) / sizeof(worst[0]); i++) {
        w = &worst[i];
        text_len = 0;
        scan_puts(w->head);

        while (text_len < LARGE) {
            scan_puts(w->repeat);
        }

        scan_puts(w->tail);

        speed = scan_speed(0, w->dialect, PIECE);
        printf("worst:%s %zu %.3f\n", w->name, text_len, speed);

        if (strncmp(w->name, "stream:", 7) != 0) {
            snprintf(name, sizeof(name), "worst-%zu.texts", i);
            f = scan_open(dir, name);
            scan_put(f, text, text_len);
            fclose(f);
            printf("text:%s %s\n", w->name, name);
        }

        if (slowest < 0 || speed < min) {
            min = speed;
            slowest = i;
        }
    }
}


int
main(int argc, char **argv)
{
    if (argc < 3 || llm_dialect_compile(&set) != LLM_JSON_OK) {
        fprintf(stderr, "scan DIR FILE...\n");
        return 2;
    }

    scan_streams(argv[1], argc - 2, argv + 2);
    scan_large(argv[1]);
    scan_worst(argv[1]);

    return 0;
}
