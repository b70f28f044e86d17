
/*
 * Copyright (C) ngx_llm_module authors
 *
 * price_dump LIST USAGES: reads a price list whole and in pieces, compares
 * the two, and prints what every model of it costs for every usage, for an
 * oracle to check.  A line of USAGES: input output cache_read cache_write
 * cache_write_1h reasoning tier factors queries searches.
 *
 * price_dump LIST --speed: numbers for people.
 *
 * price_dump LIST --find: reads lines "provider TAB answered TAB asked TAB
 * region" and prints how each is priced, by which key, and what a few calls
 * cost then.
 */


#include <time.h>

#include "price_book.h"
#include "llm_price_table.h"


#define USAGES  4096
#define FIELDS  10


typedef struct {
    llm_tokens_t   tokens;
    llm_bill_t     bill;
} usage_t;


static usage_t   usages[USAGES];
static unsigned  nusages;


static uint8_t *
slurp(const char *path, size_t *len)
{
    FILE     *f;
    long      n;
    uint8_t  *p;

    f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) < 0) {
        perror(path);
        exit(2);
    }

    rewind(f);

    p = must(malloc(n + 1));
    *len = fread(p, 1, n, f);
    fclose(f);

    return p;
}


static void
read_usages(const char *path)
{
    FILE                *f;
    usage_t             *u;
    unsigned             i;
    unsigned long long   v[FIELDS];

    f = fopen(path, "r");
    if (f == NULL) {
        perror(path);
        exit(2);
    }

    while (nusages < USAGES) {

        for (i = 0; i < FIELDS && fscanf(f, "%llu", &v[i]) == 1; i++) {
            /* void */
        }

        if (i < FIELDS) {
            break;
        }

        u = &usages[nusages++];
        u->tokens.input = v[0];
        u->tokens.output = v[1];
        u->tokens.cache_read = v[2];
        u->tokens.cache_write = v[3];
        u->tokens.cache_write_1h = v[4];
        u->tokens.reasoning = v[5];

        u->bill.tokens = &u->tokens;
        u->bill.tier = v[6];
        u->bill.factors = v[7];
        u->bill.queries = v[8];
        u->bill.searches = v[9];
    }

    if (!feof(f)) {
        fprintf(stderr, "%s: too many usages, or no numbers\n", path);
        exit(2);
    }

    fclose(f);
}


static int
print_entry(void *data, const llm_price_entry_t *e)
{
    unsigned     i;
    llm_cost_t   cost;

    (void) data;

    printf("%.*s", (int) e->name.len, (const char *) e->name.data);

    for (i = 0; i < nusages; i++) {

        if (llm_cost_bill(e->price, &usages[i].bill, &cost)) {
            printf("\t%llu", (unsigned long long) cost.nano);

        } else {
            printf("\t-");
        }
    }

    printf("\n");

    return 0;
}


static int
dump(const uint8_t *p, size_t len, const char *path)
{
    size_t            i, step;
    book_t           *whole, *split;
    llm_price_list_t  list;

    static const size_t  steps[] = { 1, 7, 4096 };

    read_usages(path);

    whole = book_new(8192, 4 << 20);

    if (book_read(whole, p, len, 0) != LLM_PRICE_LIST_OK) {
        printf("error: line %llu: %s\n",
               (unsigned long long) whole->list.error.line,
               whole->list.error.what);
        return 1;
    }

    for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        step = steps[i];
        split = book_new(8192, 4 << 20);

        if (book_read(split, p, len, step) != LLM_PRICE_LIST_OK
            || split->digest != whole->digest
            || memcmp(&split->list.stat, &whole->list.stat,
                      sizeof(llm_price_stat_t)) != 0)
        {
            printf("error: in pieces of %zu it reads otherwise\n", step);
            return 1;
        }

        book_free(split);
    }

    printf("models %u priced %u aliases %u skipped %u timed %u units %u "
           "bytes %zu full %d\n", whole->list.stat.models,
           whole->list.stat.priced, whole->list.stat.aliases,
           whole->list.stat.skipped, whole->list.stat.timed,
           whole->list.stat.units, whole->used, whole->full);

    book_free(whole);

    if (llm_price_list_init(&list, print_entry, NULL) != LLM_PRICE_LIST_OK
        || llm_price_list_feed(&list, p, len) != LLM_PRICE_LIST_OK)
    {
        return 1;
    }

    return llm_price_list_end(&list) != LLM_PRICE_LIST_OK;
}


static double
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * 1e9 + ts.tv_nsec;
}


static void
speed_find(const book_t *b, const char *what, const char *provider,
    const char *answered, const char *asked)
{
    double              best, t;
    unsigned            i, k;
    llm_match_e         how;
    const llm_price_t  *p;
    llm_name_query_t    q;

    memset(&q, 0, sizeof(q));
    q.provider = str(provider);
    q.answered = str(answered);
    q.asked = str(asked);

    best = 1e18;
    how = LLM_MATCH_NONE;
    p = NULL;

    for (i = 0; i < 20; i++) {
        t = now();

        for (k = 0; k < 10000; k++) {
            p = llm_price_find(&b->table, &q, &how);
            __asm__ volatile("" : : "g"(p) : "memory");
        }

        t = (now() - t) / 10000;
        best = t < best ? t : best;
    }

    printf("find %-28s %6.0f ns  %s\n", what, best, p ? "priced" : "unpriced");
}


static void
speed_cost(const book_t *b, const char *name, unsigned tier, uint64_t input)
{
    double              best, t;
    unsigned            i, k;
    llm_cost_t          cost;
    llm_tokens_t        tokens;
    const llm_price_t  *p;

    p = llm_price_table_get(&b->table, str(name));
    memset(&tokens, 0, sizeof(tokens));
    tokens.input = input;
    tokens.output = 500;
    tokens.cache_read = input / 2;
    tokens.reasoning = 100;
    best = 1e18;

    for (i = 0; i < 20; i++) {
        t = now();

        for (k = 0; k < 10000; k++) {
            llm_cost(p, &tokens, tier, 0, &cost);
            __asm__ volatile("" : : "g"(&cost) : "memory");
        }

        t = (now() - t) / 10000;
        best = t < best ? t : best;
    }

    printf("cost %-28s %6.0f ns\n", name, best);
}


static int
speed(const uint8_t *p, size_t len)
{
    double    best, t;
    book_t   *b;
    unsigned  i;

    best = 1e18;
    b = NULL;

    for (i = 0; i < 20; i++) {

        if (b) {
            book_free(b);
        }

        b = book_new(4096, 4 << 20);
        t = now();

        if (book_read(b, p, len, 65536) != LLM_PRICE_LIST_OK) {
            return 1;
        }

        t = now() - t;
        best = t < best ? t : best;
    }

    printf("load %.2f ms, %.0f MB/s\n", best / 1e6, len / best * 1e3);
    printf("memory %zu prices and names, %zu slots, %zu parser\n", b->used,
           (size_t) (b->table.mask + 1) * sizeof(llm_price_slot_t),
           sizeof(llm_price_list_t));

    speed_find(b, "exact, bare", "openai", "gpt-4o-2024-08-06", "gpt-4o");
    speed_find(b, "exact, prefixed", "groq", "llama-3.1-8b-instant", "");
    speed_find(b, "exact, asked", "azure.ai.openai", "deployment-7", "gpt-4o");
    speed_find(b, "route", "gcp.gemini", "models/gemini-2.5-flash", "");
    speed_find(b, "version", "anthropic", "claude-haiku-4-5-20991231", "");
    speed_find(b, "case", "openai", "GPT-4o", "");
    speed_find(b, "fine-tune", "openai",
               "ft:gpt-4o-2024-08-06:acme::AbCdEf12", "");
    speed_find(b, "bedrock profile", "aws.bedrock",
               "arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
               "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "");
    speed_find(b, "none", "openai", "my-own-model", "my-own-alias");
    speed_find(b, "none, two prefixes", "azure.ai.openai",
               "my-own-model-2024-08-06", "us.my-own-alias-20250101-v1:0");

    speed_cost(b, "gpt-4o", LLM_TIER_STANDARD, 1000);
    speed_cost(b, "gpt-5.4", LLM_TIER_FLEX, 300000);
    speed_cost(b, "dashscope/qwen3-coder-plus", LLM_TIER_STANDARD, 300000);

    book_free(b);

    return 0;
}


/* Each tier at two sizes, without and with factors; the standard one first. */

static void
print_costs(const llm_price_t *price)
{
    unsigned      i, tier;
    llm_bill_t    bill;
    llm_cost_t    cost;
    llm_tokens_t  tokens;

    static const uint64_t  sizes[] = { 10000, 300000 };

    for (tier = 0; tier < LLM_PRICE_TIERS; tier++) {
        for (i = 0; i < 4; i++) {

            memset(&tokens, 0, sizeof(tokens));
            memset(&bill, 0, sizeof(bill));

            tokens.input = sizes[i / 2];
            tokens.cache_read = 3000;
            tokens.cache_write = 2000;
            tokens.cache_write_1h = 700;
            tokens.output = price->mode == LLM_MODE_EMBEDDING ? 0 : 900;
            tokens.reasoning = tokens.output / 3;

            bill.tokens = &tokens;
            bill.tier = tier;
            bill.factors = (i & 1) ? 15 : 0;

            if (llm_cost_bill(price, &bill, &cost)) {
                printf("%llu ", (unsigned long long) cost.nano);

            } else {
                printf("- ");
            }
        }
    }
}


static void
print_key(const book_t *b, const llm_price_t *price)
{
    unsigned                 i;
    const llm_price_slot_t  *s, *found;

    found = NULL;

    for (i = 0; i <= b->table.mask; i++) {
        s = &b->slots[i];

        if (s->price == price
            && (found == NULL || !(s->flags & LLM_NAME_F_ALIAS)))
        {
            found = s;
        }
    }

    if (found) {
        printf("\t%.*s\t", (int) found->len, (const char *) found->name);
        print_costs(price);
    }
}


static int
find(const uint8_t *p, size_t len)
{
    char               *field[4];
    char                line[1024];
    book_t             *b;
    unsigned            i;
    llm_match_e         how;
    const llm_price_t  *price;
    llm_name_query_t    q;

    b = book_new(8192, 4 << 20);

    if (book_read(b, p, len, 0) != LLM_PRICE_LIST_OK) {
        return 1;
    }

    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        memset(&q, 0, sizeof(q));
        field[0] = line;

        for (i = 1; i < 4; i++) {
            field[i] = strchr(field[i - 1], '\t');
            if (field[i] == NULL) {
                return 1;
            }
            *field[i]++ = '\0';
        }

        q.provider = str(field[0]);
        q.answered = str(field[1]);
        q.asked = str(field[2]);
        q.region = str(field[3]);

        price = llm_price_find(&b->table, &q, &how);

        printf("%s", llm_match_names[how]);

        if (price) {
            print_key(b, price);
        }

        printf("\n");
    }

    book_free(b);

    return 0;
}


int
main(int argc, char **argv)
{
    int       rc;
    size_t    len;
    uint8_t  *p;

    if (argc != 3) {
        fprintf(stderr, "price_dump LIST USAGES|--speed|--find\n");
        return 2;
    }

    p = slurp(argv[1], &len);

    if (strcmp(argv[2], "--speed") == 0) {
        rc = speed(p, len);

    } else if (strcmp(argv[2], "--find") == 0) {
        rc = find(p, len);

    } else {
        rc = dump(p, len, argv[2]);
    }

    free(p);

    return rc;
}
