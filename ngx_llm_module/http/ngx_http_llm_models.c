
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Which models a call may ask for: lists of patterns, tried on the name as
 * it is.
 *
 * An argument without variables is one pattern; with variables it is a list
 * of them, which may be empty: so an allow list that is empty for this
 * caller allows nothing.  One that begins as a regex has no variables, since
 * there "$" is the end of the text.  A malformed pattern makes the gate
 * refuse, whatever the others say.
 */


#include "ngx_http_llm_models.h"


#define NGX_HTTP_LLM_MODELS_SEC  60      /* one message a minute, a worker */


typedef struct {
    ngx_http_complex_value_t  *value;      /* NULL: a literal */
    llm_pattern_t              pattern;
    void                      *regex;
} ngx_http_llm_models_rule_t;


static char *
ngx_http_llm_models_literal(ngx_conf_t *cf, ngx_http_llm_models_rule_t *rule,
    ngx_str_t *value)
{
    llm_str_t  word;

    word.data = value->data;
    word.len = value->len;

    if (llm_pattern_parse(&rule->pattern, word) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid model \"%V\"",
                           value);
        return NGX_CONF_ERROR;
    }

    if (rule->pattern.kind == LLM_PATTERN_REGEX) {
        rule->regex = ngx_http_llm_models_compile(cf, &rule->pattern);
        return rule->regex ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (ngx_strlchr(value->data, value->data + value->len, ',')) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid model \"%V\": patterns are separated by "
                           "spaces here", value);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_models_rule(ngx_conf_t *cf, ngx_http_llm_models_rule_t *rule,
    ngx_str_t *value)
{
    ngx_http_compile_complex_value_t  ccv;

    ngx_memzero(rule, sizeof(ngx_http_llm_models_rule_t));

    if ((value->len && value->data[0] == '~')
        || ngx_http_script_variables_count(value) == 0)
    {
        return ngx_http_llm_models_literal(cf, rule, value);
    }

    rule->value = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (rule->value == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = rule->value;

    return ngx_http_compile_complex_value(&ccv) == NGX_OK ? NGX_CONF_OK
                                                          : NGX_CONF_ERROR;
}


char *
ngx_http_llm_conf_models(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                        *rv;
    ngx_str_t                   *value;
    ngx_uint_t                   i;
    ngx_array_t                **list;
    ngx_http_llm_models_rule_t  *rule;

    list = (ngx_array_t **) ((u_char *) conf + cmd->offset);
    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {

        if (*list != NGX_CONF_UNSET_PTR) {
            return "is duplicate";
        }

        *list = NULL;
        return NGX_CONF_OK;
    }

    if (*list == NULL) {
        return "is given after its \"off\"";
    }

    if (*list == NGX_CONF_UNSET_PTR) {
        *list = ngx_array_create(cf->pool, 4,
                                 sizeof(ngx_http_llm_models_rule_t));
        if (*list == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    for (i = 1; i < cf->args->nelts; i++) {
        rule = ngx_array_push(*list);
        if (rule == NULL) {
            return NGX_CONF_ERROR;
        }

        rv = ngx_http_llm_models_rule(cf, rule, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static void
ngx_http_llm_models_malformed(ngx_http_llm_ctx_t *ctx, llm_str_t word)
{
    ngx_str_t      s;
    static time_t  next;

    if (ngx_time() < next) {
        return;
    }

    next = ngx_time() + NGX_HTTP_LLM_MODELS_SEC;

    s.data = (u_char *) word.data;
    s.len = ngx_min(word.len, LLM_PATTERN_MAX);

    ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                  "llm: malformed pattern of models \"%V\"", &s);
}


static ngx_int_t
ngx_http_llm_models_word(ngx_http_llm_ctx_t *ctx, llm_str_t word,
    llm_str_t model)
{
    ngx_int_t      rc;
    llm_pattern_t  p;

    if (llm_pattern_parse(&p, word) != 0) {
        rc = NGX_ERROR;

    } else if (p.kind == LLM_PATTERN_REGEX) {
        rc = ngx_http_llm_models_match(&p, model);

    } else {
        rc = llm_pattern_match(&p, model) ? NGX_OK : NGX_DECLINED;
    }

    if (rc == NGX_ERROR) {
        ngx_http_llm_models_malformed(ctx, word);
    }

    return rc;
}


/* All words of a list: one that is malformed is seen behind a match. */

static ngx_int_t
ngx_http_llm_models_value(ngx_http_llm_ctx_t *ctx,
    ngx_http_complex_value_t *value, llm_str_t model)
{
    int        more;
    ngx_int_t  rc;
    ngx_str_t  s;
    llm_str_t  list, word;
    ngx_uint_t  found, bad;

    if (ngx_http_complex_value(ctx->request, value, &s) != NGX_OK) {
        return NGX_ERROR;
    }

    list = ngx_http_llm_view(&s);
    found = 0;
    bad = 0;

    while ((more = llm_pattern_next(&list, &word)) == 1) {
        rc = ngx_http_llm_models_word(ctx, word, model);

        found |= (rc == NGX_OK);
        bad |= (rc == NGX_ERROR);
    }

    if (more < 0) {
        ngx_http_llm_models_malformed(ctx, list);
        bad = 1;
    }

    return bad ? NGX_ERROR : found ? NGX_OK : NGX_DECLINED;
}


/* NGX_OK: the name is in the list. */

static ngx_int_t
ngx_http_llm_models_list(ngx_http_llm_ctx_t *ctx, ngx_array_t *list,
    llm_str_t model)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i, found;
    ngx_http_llm_models_rule_t  *rule;

    rule = list->elts;
    found = 0;

    for (i = 0; i < list->nelts; i++) {

        if (rule[i].value) {
            rc = ngx_http_llm_models_value(ctx, rule[i].value, model);

        } else if (rule[i].regex) {
            rc = ngx_http_llm_models_exec(rule[i].regex, model);

            if (rc == NGX_ERROR) {
                ngx_http_llm_models_malformed(ctx, rule[i].pattern.text);
            }

        } else {
            rc = llm_pattern_match(&rule[i].pattern, model) ? NGX_OK
                                                            : NGX_DECLINED;
        }

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        found |= (rc == NGX_OK);
    }

    return found ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_http_llm_models_check(ngx_http_llm_ctx_t *ctx, llm_str_t model,
    ngx_str_t *why)
{
    ngx_int_t                 rc;
    ngx_http_llm_loc_conf_t  *conf;

    conf = ctx->conf;

    if (model.len == 0) {

        if (conf->allow_models == NULL || !ngx_http_llm_models_runs(ctx)) {
            return NGX_OK;
        }

        ngx_str_set(why, "no model is named");
        return NGX_DECLINED;
    }

    if (conf->deny_models) {
        rc = ngx_http_llm_models_list(ctx, conf->deny_models, model);

        if (rc != NGX_DECLINED) {
            ngx_str_set(why, "the model is denied");
            return (rc == NGX_OK) ? NGX_DECLINED : NGX_ERROR;
        }
    }

    if (conf->allow_models) {
        rc = ngx_http_llm_models_list(ctx, conf->allow_models, model);

        if (rc != NGX_OK) {
            ngx_str_set(why, "the model is not on the list");
            return rc;
        }
    }

    return NGX_OK;
}
