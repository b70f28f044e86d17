
/*
 * Copyright (C) ngx_llm_module authors
 *
 * The canonical bytes of JSON texts, in all cuts.  In the tables ' stands for
 * a quote.
 */


#include "llm_canon.h"
#include "tap.h"


#define SPLITS  50


static const char *const  names[] = {
    "user", "store", "nam_of_20_characters", NULL
};


typedef struct {
    const char  *text;
    const char  *want;
} row_t;


static const row_t  rows[] = {

    /* white space */

    { "{'a': 1}", "{'a':1}" },
    { " \r\n\t{ 'a'\n:\t1 , 'b' : [ 1 , 2 ] }\n", "{'a':1,'b':[1,2]}" },
    { "{'a b':' c  d '}", "{'a b':' c  d '}" },
    { "{ }", "{}" },
    { "", "" },
    { "  ", "" },

    /* values stay as they are written */

    { "{'a':1.0,'b':-1e5,'c':'\\u0041\\/','d':null}",
      "{'a':1.0,'b':-1e5,'c':'\\u0041\\/','d':null}" },
    { "{'a':'q\\'','b':'\\\\'}", "{'a':'q\\'','b':'\\\\'}" },
    { "{'b':1,'a':2}", "{'b':1,'a':2}" },
    { "{'a':1,'a':2}", "{'a':1,'a':2}" },

    /* what is left out, wherever it stands */

    { "{'user':'x'}", "{}" },
    { "{'user':'x','a':1}", "{'a':1}" },
    { "{'a':1,'user':'x'}", "{'a':1}" },
    { "{'a':1, 'user' : 'x' ,'b':2}", "{'a':1,'b':2}" },
    { "{'user':1,'store':true,'user':2}", "{}" },
    { "{'a':1,'user':1,'store':true,'b':2,'user':2}", "{'a':1,'b':2}" },
    { "{'user':{'user':[1,{'a':'}'}],'b':','},'a':1}", "{'a':1}" },
    { "{'a':1,'user':[[],{},'\\',\\'store\\':1']}", "{'a':1}" },

    /* and only there */

    { "{'a':{'user':1},'b':[{'store':1}]}", "{'a':{'user':1},'b':[{'store':"
      "1}]}" },
    { "{'a':'user','b':'store'}", "{'a':'user','b':'store'}" },
    { "[{'user':1},2]", "[{'user':1},2]" },
    { "[ 'user' , 1 ]", "['user',1]" },
    { "'user'", "'user'" },
    { " 1 ", "1" },

    /* names, and what is none */

    { "{'users':1,'use':2,'User':3,'':4,' user':5,'user ':6}",
      "{'users':1,'use':2,'User':3,'':4,' user':5,'user ':6}" },
    { "{'\\u0075ser':1,'us\\u0065\\u0072':2,'a':1}", "{'a':1}" },
    { "{'\\u0175ser':1,'use\\r':2,'user\\u0000':3}",
      "{'\\u0175ser':1,'use\\r':2,'user\\u0000':3}" },
    { "{'nam_of_20_characters':1,'a':1}", "{'a':1}" },
    { "{'\\u006e\\u0061\\u006d\\u005f\\u006f\\u0066\\u005f\\u0032\\u0030"
      "\\u005f\\u0063\\u0068\\u0061\\u0072\\u0061\\u0063\\u0074\\u0065"
      "\\u0072\\u0073':1,'a':1}", "{'a':1}" },
    { "{'nam_of_20_characters2':1,'a':1}",
      "{'nam_of_20_characters2':1,'a':1}" },

    /* keys that are let go before they end, in each of their states */

    { "{'a':1,'0123456789012345678901234567890123456789012345678901234567890"
      "12345678901234567890123456789012345678901234567890123456789':1}",
      "{'a':1,'0123456789012345678901234567890123456789012345678901234567890"
      "12345678901234567890123456789012345678901234567890123456789':1}" },
    { "{'01234567890123456789012345678901234567890123456789012345678901"
      "12345678901234567890123456789012345678901234567890123456\\'':1,'b':2}",
      "{'01234567890123456789012345678901234567890123456789012345678901"
      "12345678901234567890123456789012345678901234567890123456\\'':1,'b':2}" },
    { "{'0123456789012345678901234567890123456789012345678901234567890123"
      "4567890123456789012345678901234567890123456789012345\\u00':1,'b':2}",
      "{'0123456789012345678901234567890123456789012345678901234567890123"
      "4567890123456789012345678901234567890123456789012345\\u00':1,'b':2}" }
};


static void
sink(void *data, const uint8_t *p, size_t len)
{
    CHECK(len > 0);
    bytes_put(data, p, len);
}


static int
piece(void *ctx, const uint8_t *p, size_t len)
{
    llm_canon_feed(ctx, p, len);

    return 0;
}


static void
quoted(const char *s, bytes_t *to)
{
    size_t  i;

    to->len = 0;
    bytes_put(to, s, strlen(s));

    for (i = 0; i < to->len; i++) {
        if (to->data[i] == '\'') {
            to->data[i] = '"';
        }
    }
}


static int
canon(const bytes_t *text, cut_t cut, const bytes_t *want)
{
    int          good;
    bytes_t      got;
    llm_canon_t  c;

    memset(&got, 0, sizeof(got));

    llm_canon_init(&c, names, sink, &got);
    cut_feed(cut, text->data, text->len, piece, &c);

    good = bytes_same(&got, want);

    if (!good) {
        printf("# got %.*s\n", (int) got.len, (char *) got.data);
    }

    bytes_free(&got);

    return good;
}


int
main(void)
{
    int      j, good;
    cut_t    cut;
    size_t   i;
    bytes_t  text, want;

    memset(&text, 0, sizeof(text));
    memset(&want, 0, sizeof(want));

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        quoted(rows[i].text, &text);
        quoted(rows[i].want, &want);
        memset(&cut, 0, sizeof(cut));

        good = canon(&text, cut, &want);

        /* what is canonical is so again */
        good &= canon(&want, cut, &want);

        for (j = 0; j <= SPLITS; j++) {
            cut.how = j ? CUT_RANDOM : CUT_BYTES;
            cut.seed = j;
            good &= canon(&text, cut, &want);
        }

        ok(good, "canonical bytes of text %zu", i);
    }

    bytes_free(&text);
    bytes_free(&want);

    return tap_done();
}
