
/*
 * Copyright (C) ngx_llm_module authors
 *
 * Last good copies of price lists.
 *
 * Beside the first state of a configuration, path.prices, and .1, .2 and so
 * on for further lists, are what the lists held when they were read well
 * last.  A machine that comes up after a list was broken starts with them,
 * and says so: nobody may be there to mend it.  A reload, the check before
 * one, and an upgrade of the binary have a configuration that serves on, so
 * there a broken list stays an error.
 *
 * Root writes these, into a directory that workers may write to: under a
 * name that was just not there, never through a link; and reads only what is
 * root's own.
 */


#include "ngx_http_llm_conf.h"

#include <limits.h>
#include <zlib.h>


#define NGX_HTTP_LLM_COPY_NAME  (PATH_MAX + 64)
#define NGX_HTTP_LLM_COPY_BUF   65536


static void ngx_http_llm_prices_name(ngx_http_llm_state_t *st, ngx_uint_t i,
    const char *suffix, u_char *name);
static ngx_uint_t ngx_http_llm_prices_same(u_char *name,
    ngx_http_llm_price_file_t *file);
static ngx_int_t ngx_http_llm_prices_crc(ngx_fd_t fd, ngx_fd_t to,
    uint32_t *crc, off_t *size);
static void ngx_http_llm_prices_write(ngx_cycle_t *cycle,
    ngx_http_llm_price_file_t *file, u_char *fresh, u_char *name);


ngx_http_llm_state_t *
ngx_http_llm_prices_cold(ngx_conf_t *cf, ngx_http_llm_keep_t *keep)
{
    ngx_http_llm_state_t  *st;

    st = keep->first;

    if (st == NULL || ngx_inherited
        || (cf->cycle->old_cycle && !ngx_is_init_cycle(cf->cycle->old_cycle)))
    {
        return NULL;
    }

    /* a check while another nginx serves is one before a reload */

    if (ngx_test_config
        && ngx_http_llm_state_user(st, NGX_HTTP_LLM_STATE_DIR) != 0)
    {
        return NULL;
    }

    return st;
}


ngx_fd_t
ngx_http_llm_prices_open(ngx_conf_t *cf, ngx_http_llm_state_t *st,
    ngx_uint_t i, ngx_str_t *name)
{
    u_char           *p;
    ngx_fd_t          fd;
    ngx_file_info_t   fi;

    p = ngx_palloc(cf->temp_pool, NGX_HTTP_LLM_COPY_NAME);
    if (p == NULL) {
        return NGX_INVALID_FILE;
    }

    ngx_http_llm_prices_name(st, i, "", p);

    name->data = p;
    name->len = ngx_strlen(p);

    fd = open((char *) p, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno,
                      "its last good copy: " ngx_open_file_n
                      " \"%V\" failed", name);
        return NGX_INVALID_FILE;
    }

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)
        || fi.st_uid != geteuid() || (fi.st_mode & 0022))
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "its last good copy \"%V\" could have been written by "
                      "others", name);
        (void) ngx_close_file(fd);
        return NGX_INVALID_FILE;
    }

    ngx_log_error(NGX_LOG_ERR, cf->log, 0,
                  "its last good copy \"%V\" is used instead, of %T seconds "
                  "ago", name, ngx_max(ngx_time() - fi.st_mtime, 0));

    return fd;
}


static void
ngx_http_llm_prices_name(ngx_http_llm_state_t *st, ngx_uint_t i,
    const char *suffix, u_char *name)
{
    u_char  *p, *last;

    last = name + NGX_HTTP_LLM_COPY_NAME;

    p = ngx_slprintf(name, last, "%s.prices", st->path);

    if (i) {
        p = ngx_slprintf(p, last, ".%ui", i);
    }

    (void) ngx_slprintf(p, last, "%s%Z", suffix);
}


void
ngx_http_llm_prices_keep(ngx_cycle_t *cycle, ngx_http_llm_prices_t *p,
    ngx_http_llm_keep_t *keep)
{
    u_char                      name[NGX_HTTP_LLM_COPY_NAME];
    u_char                      fresh[NGX_HTTP_LLM_COPY_NAME];
    ngx_uint_t                  i;
    ngx_http_llm_price_file_t  *file;

    if (ngx_test_config || keep->first == NULL) {
        return;
    }

    file = p->files.elts;

    for (i = 0; i < p->files.nelts; i++) {

        ngx_http_llm_prices_name(keep->first, i, "", name);
        ngx_http_llm_prices_name(keep->first, i, ".new", fresh);

        if (!file[i].copied && !ngx_http_llm_prices_same(name, &file[i])) {
            ngx_http_llm_prices_write(cycle, &file[i], fresh, name);
        }
    }
}


/* Whether the copy holds what was read. */

static ngx_uint_t
ngx_http_llm_prices_same(u_char *name, ngx_http_llm_price_file_t *file)
{
    off_t            size;
    uint32_t         crc;
    ngx_fd_t         fd;
    ngx_uint_t       same;
    ngx_file_info_t  fi;

    fd = open((char *) name, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);

    if (fd == NGX_INVALID_FILE) {
        return 0;
    }

    same = ngx_fd_info(fd, &fi) != NGX_FILE_ERROR && ngx_is_file(&fi)
           && fi.st_uid == geteuid() && ngx_file_size(&fi) == file->size
           && ngx_http_llm_prices_crc(fd, NGX_INVALID_FILE, &crc, &size)
              == NGX_OK
           && size == file->size && crc == file->crc;

    (void) ngx_close_file(fd);

    return same;
}


/* The sum of a file, which is copied as it goes by. */

static ngx_int_t
ngx_http_llm_prices_crc(ngx_fd_t fd, ngx_fd_t to, uint32_t *crc, off_t *size)
{
    u_char   buf[NGX_HTTP_LLM_COPY_BUF];
    ssize_t  n;

    *crc = (uint32_t) crc32(0, NULL, 0);
    *size = 0;

    for ( ;; ) {
        n = ngx_read_fd(fd, buf, sizeof(buf));

        if (n <= 0) {
            return n == 0 ? NGX_OK : NGX_ERROR;
        }

        *crc = (uint32_t) crc32(*crc, buf, (uInt) n);
        *size += n;

        if (to != NGX_INVALID_FILE && ngx_write_fd(to, buf, n) != n) {
            return NGX_ERROR;
        }
    }
}


static void
ngx_http_llm_prices_write(ngx_cycle_t *cycle, ngx_http_llm_price_file_t *file,
    u_char *fresh, u_char *name)
{
    off_t       size;
    uint32_t    crc;
    ngx_fd_t    from, to;
    ngx_int_t   rc;

    (void) ngx_delete_file(fresh);

    from = ngx_open_file(file->path.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                         NGX_FILE_OPEN, 0);
    to = open((char *) fresh, O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC,
              0600);

    crc = 0;
    size = 0;
    rc = NGX_ERROR;

    if (from != NGX_INVALID_FILE && to != NGX_INVALID_FILE
        && ngx_http_llm_prices_crc(from, to, &crc, &size) == NGX_OK
        && fsync(to) == 0)
    {
        rc = NGX_OK;
    }

    if (rc == NGX_OK && (crc != file->crc || size != file->size)) {

        /* what was checked is another file by now */

        rc = NGX_DECLINED;
    }

    if (rc == NGX_OK && ngx_rename_file(fresh, name) == NGX_FILE_ERROR) {
        rc = NGX_ERROR;
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_WARN, cycle->log,
                      rc == NGX_ERROR ? ngx_errno : 0,
                      "price list \"%V\": the copy \"%s\" for a start "
                      "without it could not be written%s", &file->path, name,
                      rc == NGX_DECLINED ? ", it has changed meanwhile" : "");

        if (to != NGX_INVALID_FILE) {
            (void) ngx_delete_file(fresh);
        }
    }

    if (from != NGX_INVALID_FILE) {
        (void) ngx_close_file(from);
    }

    if (to != NGX_INVALID_FILE) {
        (void) ngx_close_file(to);
    }
}
