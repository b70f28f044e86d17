
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Reads recorded bodies through the core and prints what it found, a line
 * each.  Every body is fed whole, byte by byte and in random splits, each
 * piece in an allocation of its exact size; facts that differ are a failure.
 *
 *   facts SPLITS < LIST      LIST, a line each, separated by tabs:
 *                            "response PATH HINT FILE REQUEST", "request
 *                            PATH FILE".  REQUEST may be empty: it tells the
 *                            dialect where the path leaves that open
 *
 * A line of the output is the file, then name=value, separated by tabs.
 */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <zlib.h>

#include "llm_request.h"
#include "llm_response.h"


#define FACTS_MAX  (uint64_t) 1 << 40


typedef struct {
    size_t  len;
    char    data[4096];
} facts_t;


static llm_dialect_set_t  set;


/* How long the next piece is: mode 0 whole, 1 a byte, else random. */

static size_t
piece(int mode, size_t len)
{
    size_t  n;

    if (mode == 0) {
        return len;
    }

    n = (mode == 1) ? 1
        : 1 + (size_t) random() % (random() % 8 ? 40 : 2000);

    return llm_min(n, len);
}


static void
put(facts_t *f, const char *format, ...)
{
    int      n;
    va_list  args;

    va_start(args, format);
    n = vsnprintf(f->data + f->len, sizeof(f->data) - f->len, format, args);
    va_end(args);

    if (n < 0 || (size_t) n >= sizeof(f->data) - f->len) {
        abort();
    }

    f->len += n;
}


static void
put_number(facts_t *f, const char *name, uint64_t n)
{
    put(f, "\t%s=%llu", name, (unsigned long long) n);
}


static void
put_text(facts_t *f, const char *name, llm_str_t s)
{
    size_t  i;

    put(f, "\t%s=", name);

    for (i = 0; i < s.len; i++) {
        put(f, "%c", s.data[i] < ' ' ? '?' : s.data[i]);
    }
}


static void
put_response(facts_t *f, const llm_response_t *r, llm_str_t model)
{
    int           stated;
    uint64_t      nano;
    llm_bill_t    bill;
    llm_tokens_t  t, billed;

    nano = 0;

    put_number(f, "reported", llm_response_tokens(r, &t));
    put_number(f, "no_input", llm_response_no_input(r));
    stated = llm_response_cost(r, &nano);

    put_number(f, "stream", llm_framing_streams(r->framing));
    put_number(f, "input", t.input);
    put_number(f, "output", t.output);
    put_number(f, "cache_read", t.cache_read);
    put_number(f, "cache_write", t.cache_write);
    put_number(f, "cache_write_1h", t.cache_write_1h);
    put_number(f, "reasoning", t.reasoning);
    put_number(f, "usage_events", r->usage_events);
    put_number(f, "events", r->events);
    put_number(f, "content_events", r->content_events);

    if (r->content_events) {
        put_number(f, "first_content", r->first_content);
    }

    put_number(f, "tool_calls", r->tool_calls);
    put_number(f, "tier", r->tier);
    put_number(f, "error", r->error);
    put_number(f, "broken", r->broken);
    put_number(f, "end", r->end);
    put_number(f, "complete", llm_response_complete(r, 1));

    if (stated) {
        put_number(f, "cost", nano);
    }

    llm_response_bill(r, &t, &billed, &bill);
    put_number(f, "queries", bill.queries);
    put_number(f, "finish_why", r->finish_why);
    put_number(f, "error_type", r->error_type);
    put_number(f, "error_code", r->error_code);
    put_text(f, "model", llm_response_model(r));
    put_text(f, "id", llm_response_id(r));
    put_text(f, "finish", llm_response_finish(r));
    put_number(f, "text_bytes", r->text.bytes);
    put_number(f, "estimate", llm_response_estimate(r, model));
}


static void
put_request(facts_t *f, const llm_request_t *r, const llm_path_t *where)
{
    put_number(f, "state", r->state);
    put_number(f, "shape", r->shape);
    put_number(f, "dialect", llm_request_dialect(r));
    put_number(f, "stream", r->stream);
    put_number(f, "include_usage", r->include_usage);

    if (r->has_max_tokens) {
        put_number(f, "max_tokens", r->max_tokens);
    }

    put_number(f, "turns", r->turns);
    put_number(f, "prompt_bytes", r->prompt_bytes);
    put_number(f, "opaque", r->opaque);
    put_number(f, "tools", r->ntools);
    put_text(f, "temperature",
             (llm_str_t) { r->temperature, r->temperature_len });
    put_text(f, "model", (llm_str_t) { r->model, r->model_len });
    put_number(f, "text_bytes", r->text.bytes);
    put_number(f, "estimate",
               llm_request_tokens(r, where->shape || where->dialect == 0
                                     ? llm_request_dialect(r)
                                     : where->dialect,
                                  where->model));
}


static unsigned
hint(const char *name)
{
    size_t  i;

    static const struct {
        const char  *name;
        unsigned     framing;
    } hints[] = {
        { "sse", LLM_FRAMING_SSE },
        { "ndjson", LLM_FRAMING_NDJSON },
        { "eventstream", LLM_FRAMING_EVENTSTREAM },
        { "json", LLM_FRAMING_JSON }
    };

    for (i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        if (strcmp(name, hints[i].name) == 0) {
            return hints[i].framing;
        }
    }

    return LLM_FRAMING_UNKNOWN;
}


static uint32_t
crc(uint32_t seed, const uint8_t *p, size_t len)
{
    return crc32(seed, p, len);
}


typedef struct {
    const char     *path;
    const char     *hint;        /* NULL: a request */
    const uint8_t  *body;
    size_t          len;
    unsigned        dialect;     /* of a request whose body tells it */
} job_t;


static void
run(const job_t *job, int mode, facts_t *f)
{
    size_t          n, left;
    uint8_t        *q;
    llm_path_t      where;
    const uint8_t  *p;
    llm_request_t   request;
    llm_response_t  response;

    llm_dialect_path((llm_str_t) { (const uint8_t *) job->path,
                                   strcspn(job->path, "?") }, &where);
    llm_request_init(&request, &set);

    if (job->hint) {
        llm_response_init(&response, &set,
                          where.shape && job->dialect ? job->dialect
                                                      : where.dialect,
                          hint(job->hint));
    }

    for (p = job->body, left = job->len; left; p += n, left -= n) {
        n = piece(mode, left);

        q = malloc(n);
        if (q == NULL) {
            abort();
        }

        memcpy(q, p, n);

        if (job->hint) {
            llm_response_feed(&response, q, n);

        } else {
            llm_request_feed(&request, q, n, FACTS_MAX);
        }

        free(q);
    }

    f->len = 0;

    if (job->hint) {
        llm_response_end(&response);
        put_response(f, &response, where.model);

    } else {
        llm_request_end(&request);
        put_request(f, &request, &where);
    }
}


static uint8_t *
slurp(const char *name, size_t *len)
{
    long      size;
    FILE     *f;
    uint8_t  *p;

    f = fopen(name, "rb");

    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0) {
        perror(name);
        exit(2);
    }

    rewind(f);
    p = malloc(size ? size : 1);

    if (p == NULL || fread(p, 1, size, f) != (size_t) size) {
        perror(name);
        exit(2);
    }

    fclose(f);
    *len = size;

    return p;
}


/* The dialect of a request's body. */

static unsigned
asked(const char *name)
{
    size_t         len;
    uint8_t       *body;
    llm_request_t  r;

    body = slurp(name, &len);

    llm_request_init(&r, &set);
    llm_request_feed(&r, body, len, FACTS_MAX);
    llm_request_end(&r);
    free(body);

    return llm_request_dialect(&r);
}


int
main(int argc, char **argv)
{
    int          i, modes, bad;
    char         line[4096], *field[5], *p;
    job_t        job;
    size_t       n;
    uint8_t     *body;
    const char  *name;

    static facts_t  first, other;

    modes = 2 + (argc > 1 ? atoi(argv[1]) : 1);
    bad = 0;

    if (llm_dialect_compile(&set) != LLM_JSON_OK) {
        fprintf(stderr, "tables do not compile\n");
        return 2;
    }

    set.crc = crc;

    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';

        for (n = 0, p = line; n < 5 && p; n++) {
            field[n] = strsep(&p, "\t");
        }

        if (n != (field[0][2] == 'q' ? 3 : 5)) {
            fprintf(stderr, "not a job: %s\n", line);
            return 2;
        }

        name = field[n == 5 ? 3 : 2];
        body = slurp(name, &job.len);
        job.body = body;
        job.path = field[1];
        job.hint = (n == 5) ? field[2] : NULL;
        job.dialect = (n == 5 && *field[4]) ? asked(field[4])
                                            : LLM_DIALECT_NONE;

        run(&job, 0, &first);

        for (i = 1; i < modes; i++) {
            srandom(i);
            run(&job, i, &other);

            if (first.len != other.len
                || memcmp(first.data, other.data, first.len) != 0)
            {
                fprintf(stderr, "%s: split %d differs\n %.*s\n %.*s\n",
                        name, i, (int) first.len, first.data,
                        (int) other.len, other.data);
                bad++;
                break;
            }
        }

        printf("%s%.*s\n", name, (int) first.len, first.data);
        free(body);
    }

    return bad ? 1 : 0;
}
