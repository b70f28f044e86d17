
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Limits, as headers say them.
 *
 * A provider may limit several windows at once (a minute, a day), and a
 * proxy hands on the provider's next to its own: each is a window of its own
 * here, and what is shown is the one that binds first:
 *
 *   - the one of which least is left in proportion to its limit;
 *   - behind those, windows that do not say their limit: the smallest number
 *     (nothing left is nothing left, whatever the limit);
 *   - of equals, the first in the order of llm_window_e;
 *   - limits of a part of the tokens (input, output) count only where nobody
 *     says a limit of all: then the smallest number left.
 *
 * limit and reset are those of the window shown.  Where nobody says what is
 * left, the first window that has a limit is shown.
 *
 * A window whose limit is 0 or below has none, and what else is said of it
 * means nothing: Azure does so where it does not keep the count [D:
 * learn.microsoft.com answers].
 */


#include "llm_decimal.h"
#include "llm_header_in.h"


typedef enum {
    W_MAIN = 0,                  /* of a name that names the kind alone */
    W_BARE,                      /* of a name without even that */
    W_DRAFT,                     /* the same, as the IETF's draft has it */
    W_TRIAL,
    W_SECOND,
    W_SECONDS,
    W_MINUTE,
    W_HOUR,
    W_DAY,
    W_MONTH,
    W_USAGE,
    W_PROJECT,
    W_PARTS,                     /* of a part of the tokens: the rest */
    W_INPUT = W_PARTS,
    W_OUTPUT,
    W_UNCACHED,
    W_N
} llm_window_e;

_Static_assert(W_N <= LLM_HEADER_PASSED, "windows");
_Static_assert(LLM_HEADER_WINDOWS <= 32, "windows");

#define W_PARTS_BITS                                                          \
    (((1u << W_N) - (1u << W_PARTS)) * (1u | 1u << LLM_HEADER_PASSED))


/*
 * What names say next to "limit", "remaining" or "reset": behind it, and
 * Anthropic's before it.
 */

typedef struct {
    const char  *name;
    uint8_t      len;
    uint8_t      kind;
    uint8_t      window;
} llm_limit_t;

#define REQUESTS(name, window)                                                \
    { name, sizeof(name) - 1, LLM_QUOTA_REQUESTS, window }
#define TOKENS(name, window)                                                  \
    { name, sizeof(name) - 1, LLM_QUOTA_TOKENS, window }
#define END                                                                   \
    { NULL, 0, 0, 0 }


static const llm_limit_t  llm_limits_x_ratelimit[] = {
    /* OpenAI, Azure, Groq, xAI, GitHub Models, LiteLLM ... [R] */
    REQUESTS("-requests", W_MAIN),
    TOKENS("-tokens", W_MAIN),
    /* Together [R], OpenRouter [S], Envoy [D] */
    REQUESTS("", W_BARE),
    /* Mistral [R] */
    REQUESTS("-req-10-second", W_SECONDS),
    REQUESTS("-req-second", W_SECOND),
    REQUESTS("-req-minute", W_MINUTE),
    TOKENS("-tokens-minute", W_MINUTE),
    TOKENS("-tokens-month", W_MONTH),
    /* Cerebras [S], also behind the Hugging Face router [R]; SambaNova [S] */
    REQUESTS("-requests-minute", W_MINUTE),
    REQUESTS("-requests-hour", W_HOUR),
    REQUESTS("-requests-day", W_DAY),
    TOKENS("-tokens-hour", W_HOUR),
    TOKENS("-tokens-day", W_DAY),
    /* Kong, before OVHcloud behind the Hugging Face router [R] */
    REQUESTS("-second", W_SECOND),
    REQUESTS("-minute", W_MINUTE),
    REQUESTS("-hour", W_HOUR),
    REQUESTS("-day", W_DAY),
    REQUESTS("-month", W_MONTH),
    /* OpenAI [R]; its limits of a project [D] */
    TOKENS("-tokens_usage_based", W_USAGE),
    TOKENS("-project-tokens", W_PROJECT),
    REQUESTS("-project-requests", W_PROJECT),
    /* Fireworks [D: rate limits][S: clients that read them] */
    TOKENS("-tokens-prompt", W_INPUT),
    TOKENS("-tokens-generated", W_OUTPUT),
    TOKENS("-tokens-cache-adjusted-prompt", W_UNCACHED),
    END
};

static const llm_limit_t  llm_limits_ratelimit[] = {
    /* Kong, as above [R] */
    REQUESTS("", W_DRAFT),
    END
};

static const llm_limit_t  llm_limits_tokenlimit[] = {
    /* Together [S: clients that read them] */
    TOKENS("", W_BARE),
    END
};

static const llm_limit_t  llm_limits_trial[] = {
    /* Cohere, trial keys: calls of an endpoint [R] */
    REQUESTS("", W_TRIAL),
    END
};

static const llm_limit_t  llm_limits_anthropic[] = {
    /* Anthropic [R]; its "unified" limits are told in other terms */
    REQUESTS("requests-", W_MAIN),
    TOKENS("tokens-", W_MAIN),
    TOKENS("input-tokens-", W_INPUT),
    TOKENS("output-tokens-", W_OUTPUT),
    END
};


static const llm_limit_t *const  llm_limits[] = {
    [LLM_LIMITS_X_RATELIMIT] = llm_limits_x_ratelimit,
    [LLM_LIMITS_RATELIMIT] = llm_limits_ratelimit,
    [LLM_LIMITS_TOKENLIMIT] = llm_limits_tokenlimit,
    [LLM_LIMITS_TRIAL] = llm_limits_trial,
    [LLM_LIMITS_ANTHROPIC] = llm_limits_anthropic
};


static const struct {
    const char  *name;
    size_t       len;
} llm_limit_verbs[LLM_QUOTA_VALUES] = {
    { "remaining", 9 },
    { "limit", 5 },
    { "reset", 5 }
};


static void
llm_header_window(llm_headers_t *h, unsigned kind, unsigned window,
    unsigned verb, llm_str_t value)
{
    int       ok;
    uint64_t  n;
    uint32_t  bit;

    window += h->passed;
    bit = 1u << window;

    if (h->said[kind][verb] & bit) {
        return;
    }

    switch (verb) {

    case LLM_QUOTA_LIMIT:
        ok = llm_header_policy(value, &n);

        if ((ok && n == 0) || llm_header_negative(value)) {
            h->unlimited[kind] |= bit;
            return;
        }

        break;

    case LLM_QUOTA_RESET:
        ok = llm_header_reset(value, h->wall, &n);
        break;

    default: /* LLM_QUOTA_REMAINING */
        ok = llm_header_whole(value, &n);
    }

    if (ok) {
        h->said[kind][verb] |= bit;
        h->window[kind][window][verb] = n;
    }
}


/*
 * Takes the verb from the name: from its end if last, else from its
 * beginning, where letters tell which it can be.  LLM_QUOTA_VALUES: none.
 */

static unsigned
llm_header_verb(llm_str_t *rest, int last)
{
    size_t     n;
    unsigned   verb;
    llm_str_t  at;

    if (rest->len < llm_limit_verbs[LLM_QUOTA_LIMIT].len) {
        return LLM_QUOTA_VALUES;
    }

    verb = 0;

    if (!last) {
        verb = (rest->data[0] | 0x20) == 'l' ? LLM_QUOTA_LIMIT
               : (rest->data[2] | 0x20) == 's' ? LLM_QUOTA_RESET
               : LLM_QUOTA_REMAINING;
    }

    do {
        n = llm_limit_verbs[verb].len;

        if (rest->len >= n) {
            at.data = last ? rest->data + rest->len - n : rest->data;
            at.len = n;

            if (llm_header_begins(at, llm_limit_verbs[verb].name, n)) {
                rest->data += last ? 0 : n;
                rest->len -= n;
                return verb;
            }
        }

    } while (last && ++verb < LLM_QUOTA_VALUES);

    return LLM_QUOTA_VALUES;
}


void
llm_header_limit(llm_headers_t *h, llm_limits_e family, llm_str_t rest,
    llm_str_t value)
{
    unsigned            verb;
    const llm_limit_t  *limit;

    verb = llm_header_verb(&rest, family == LLM_LIMITS_ANTHROPIC);

    if (verb == LLM_QUOTA_VALUES) {
        return;
    }

    for (limit = llm_limits[family]; limit->name; limit++) {

        if (llm_header_is(rest, limit->name, limit->len)) {
            llm_header_window(h, limit->kind, limit->window, verb, value);
            return;
        }
    }
}


/* Whether less is left of window a than of b. */

static int
llm_header_less(const llm_headers_t *h, unsigned kind, unsigned a,
    unsigned b)
{
    uint32_t         limit;
    const uint64_t  *x, *y;

    limit = h->said[kind][LLM_QUOTA_LIMIT];
    x = h->window[kind][a];
    y = h->window[kind][b];

    if (x[LLM_QUOTA_REMAINING] == 0 || y[LLM_QUOTA_REMAINING] == 0) {
        return y[LLM_QUOTA_REMAINING] != 0;
    }

    if ((limit & 1u << a) && (limit & 1u << b)) {
        return (llm_u128_t) x[LLM_QUOTA_REMAINING] * y[LLM_QUOTA_LIMIT]
               < (llm_u128_t) y[LLM_QUOTA_REMAINING] * x[LLM_QUOTA_LIMIT];
    }

    if ((limit & 1u << a) || (limit & 1u << b)) {
        return (limit & 1u << a) != 0;
    }

    return x[LLM_QUOTA_REMAINING] < y[LLM_QUOTA_REMAINING];
}


/* Of the windows whose bits are set (at least one) that which binds. */

static unsigned
llm_header_binding(const llm_headers_t *h, unsigned kind, uint32_t windows)
{
    int       less;
    unsigned  i, best;

    best = (unsigned) __builtin_ctz(windows);

    for (windows &= windows - 1; windows; windows &= windows - 1) {
        i = (unsigned) __builtin_ctz(windows);

        less = (1u << best & W_PARTS_BITS)
               ? h->window[kind][i][LLM_QUOTA_REMAINING]
                 < h->window[kind][best][LLM_QUOTA_REMAINING]
               : llm_header_less(h, kind, i, best);

        if (less) {
            best = i;
        }
    }

    return best;
}


int
llm_headers_quota(const llm_headers_t *h, llm_quota_e kind, llm_quota_t *q)
{
    uint32_t         windows, whole;
    unsigned         i, best;
    const uint32_t  *said;

    q->said = 0;
    said = h->said[kind];

    windows = said[LLM_QUOTA_REMAINING] & ~h->unlimited[kind];
    whole = windows & ~W_PARTS_BITS;

    if (windows) {
        best = llm_header_binding(h, kind, whole ? whole : windows);

    } else {
        windows = said[LLM_QUOTA_LIMIT] & ~h->unlimited[kind];

        if (windows == 0) {
            return 0;
        }

        best = (unsigned) __builtin_ctz(windows);
    }

    for (i = 0; i < LLM_QUOTA_VALUES; i++) {
        if (said[i] & 1u << best) {
            q->said |= llm_quota_bit(i);
            q->value[i] = h->window[kind][best][i];
        }
    }

    return 1;
}
