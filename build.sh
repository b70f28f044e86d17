#!/usr/bin/env bash
#
# Builds, runs and tests ngx_llm_module.  "./build.sh help" lists the verbs.
# All output goes below .build/ (BUILD_DIR); nothing else is written but by
# "install".

set -euo pipefail
export LC_ALL=C
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD_DIR=${BUILD_DIR:-$TOP/.build}
MODULE=ngx_http_llm_module
DEBIAN_HEADERS=/usr/share/nginx/src
SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
SANITIZE+=" -fno-omit-frame-pointer"
JOBS=2

declare -A VERBS=(
    [build]=verb_build      [run]=verb_run          [test]=verb_test
    [proof]=verb_proof      [asan]=verb_asan        [bench]=verb_bench
    [fuzz]=verb_fuzz        [install]=verb_install  [clean]=verb_clean
    [help]=verb_help
)


say()  { printf '%s\n' "$*"; }
note() { printf '%s\n' "$*" >&2; }
die()  { printf 'build.sh: %s\n' "$*" >&2; exit 1; }


# The nginx that the module is built for: NGINX, else the one in PATH.

nginx_binary() { command -v "${NGINX:-nginx}" || true; }

nginx_version() {
    "$1" -v 2>&1 | sed -n 's,^nginx version: [^/]*/\([0-9.]*\).*,\1,p'
}

nginx_package() {
    { dpkg-query -S "$(readlink -f "$1")" 2>/dev/null || true; } \
        | sed 's/:.*//;1q'
}

package_version() {
    [ -z "$1" ] || dpkg-query -W -f '${Version}' "$1" 2>/dev/null || true
}

headers_dir() { printf '%s' "${NGINX_SRC:-$DEBIAN_HEADERS}"; }

headers_version() {
    sed -n 's/^#define NGINX_VERSION *"\(.*\)"/\1/p' \
        "$1/src/core/nginx.h" 2>/dev/null || true
}


# What is missing, as Debian packages: a table of "what to look for".

need_command() { command -v "$1" >/dev/null 2>&1 || say "$2"; }
need_header()  { compgen -G "/usr/include/$1" >/dev/null \
                 || compgen -G "/usr/include/*/$1" >/dev/null || say "$2"; }

missing_to_build() {
    need_command gcc gcc
    need_command make make
    need_header stdlib.h libc6-dev
    need_header pcre2.h libpcre2-dev
    need_header openssl/ssl.h libssl-dev
    need_header zlib.h zlib1g-dev
    missing_nginx
}

# The headers package is that of the very version installed; an nginx of no
# package has none.

missing_nginx() {
    local nginx version

    nginx=$(nginx_binary)

    if [ -z "$nginx" ]; then
        say nginx
        [ -n "${NGINX_SRC:-}" ] || say nginx-dev
        return
    fi

    if [ -n "${NGINX_SRC:-}" ] || [ -n "$(headers_version $DEBIAN_HEADERS)" ]
    then
        return
    fi

    version=$(package_version "$(nginx_package "$nginx")")
    [ -z "$version" ] || say "nginx-dev=$version"
}

missing_to_test() {
    need_command prove perl
    need_command curl curl
}

missing_to_fuzz() {
    need_command clang clang
    need_command make make
    need_header stdlib.h libc6-dev
    compgen -G '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*' \
        > /dev/null || say libclang-rt-dev
}

missing_to_asan() { need_command dpkg-source dpkg-dev; }


# ensure CHECK...: installs what the checks name, or says how.

ensure() {
    local check packages=()

    for check in "$@"; do
        mapfile -t -O ${#packages[@]} packages < <("$check")
    done

    if [ ${#packages[@]} -eq 0 ]; then
        return
    fi

    note "missing: ${packages[*]}"
    command -v apt-get >/dev/null \
        || die "no apt-get here; install what these Debian packages hold"

    if [ "$(id -u)" != 0 ]; then
        note "run this, then again what you did:"
        die "sudo apt-get install -y --no-install-recommends ${packages[*]}"
    fi

    apt_install "${packages[@]}"
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 \
        -o DPkg::Lock::Timeout=120 "$@"
}

apt_install() {
    apt_get update || note "apt-get update failed; trying what is known"
    refuse_to_touch_nginx "$@"
    hold_services "$@"
    apt_get install -y --no-install-recommends "$@" >&2 \
        || die "apt-get could not install: $*"
    release_services
}


# An nginx that is there is never replaced: apt is asked what it would do.

refuse_to_touch_nginx() {
    local plan

    [ -n "$(nginx_binary)" ] || return 0

    plan=$(apt_get -s install --no-install-recommends "$@" 2>&1) || {
        note "$plan"
        die "no headers package for this nginx; give its source: NGINX_SRC=dir"
    }

    if grep -qE '^(Inst|Remv) (nginx|nginx-(common|core|light|full|extras)) ' \
        <<< "$plan"
    then
        die "that would replace the nginx that is there; give its source:" \
            "NGINX_SRC=dir"
    fi
}


# A package's first start is prevented by Debian's policy-rc.d; one that is
# there already stays in force.

POLICY=/usr/sbin/policy-rc.d
POLICY_IS_OURS=

hold_services() {
    [[ " $* " == *" nginx "* ]] && [ ! -e $POLICY ] || return 0
    trap release_services EXIT
    POLICY_IS_OURS=1
    printf '#!/bin/sh\nexit 101\n' > $POLICY
    chmod 755 $POLICY
}

release_services() {
    [ -n "$POLICY_IS_OURS" ] || return 0
    rm -f $POLICY
    POLICY_IS_OURS=
}


# The arguments of "nginx -V", one a line, without what says nothing about
# the module's binary form: other modules, and paths of the machine that
# built it.

nginx_arguments() {
    local args arg

    eval "args=($("$1" -V 2>&1 | sed -n 's/^configure arguments: //p'))"

    for arg in ${args[@]+"${args[@]}"}; do
        case $arg in
            *=dynamic | --add-module=* | --add-dynamic-module=*) ;;
            --with-cc=* | --with-cc-opt=* | --with-ld-opt=*) ;;
            --with-pcre=* | --with-openssl=* | --with-zlib=*) ;;
            --builddir=* | --with-http_perl_module*) ;;
            *) say "$arg" ;;
        esac
    done
}

nginx_option() {
    local args arg

    eval "args=($("$1" -V 2>&1 | sed -n 's/^configure arguments: //p'))"

    for arg in ${args[@]+"${args[@]}"}; do
        [[ $arg != --$2=* ]] || say "${arg#*=}"
    done
}


# link_source SRC DIR: configure writes a Makefile where it stands; it shall
# stand in our directory.

link_source() {
    local entry

    rm -rf "$2"
    mkdir -p "$2"
    for entry in "$1"/*; do
        [ "${entry##*/}" = Makefile ] || ln -s "$entry" "$2/"
    done
}


# The wrapper gives our objects flags that nginx's own need not stand.

OWN_FLAGS="-std=gnu11 -fvisibility=hidden"
OWN_FLAGS+=" -Wall -Wextra -Wno-unused-parameter -Werror"

write_wrapper() {
    cat > "$1/wrapper.mk" <<END
include $1/Makefile

$1/addon/%.o: CFLAGS += $OWN_FLAGS $2
END
}


# build_module DIR NGINX SRC CC_OPT LD_OPT OWN_OPT: builds DIR/$MODULE.so.
# It is configured again only when something it was made from is another.

build_module() {
    local dir=$1 nginx=$2 src=$3 stamp

    stamp=$(module_stamp "$@")

    if [ "$(cat "$dir/stamp" 2>/dev/null)" != "$stamp" ]; then
        configure_module "$@"
        printf '%s\n' "$stamp" > "$dir/stamp"
    fi

    make -s -j$JOBS -C "$dir/../${dir##*/}.src" -f "$dir/wrapper.mk" modules \
        >&2 || die "the module does not compile"
}

module_stamp() {
    {
        printf '%s\n' "$@"
        "$2" -V 2>&1
        cat "$TOP/config" "$TOP/build.sh" "$3/src/core/nginx.h"
        ls "$TOP"/ngx_llm_module/*/*.[ch]
    } | cksum
}

configure_module() {
    local dir=$1 nginx=$2 src=$3 cc_opt=$4 ld_opt=$5 own=$6 args

    compgen -G "$TOP/ngx_llm_module/*/*.c" >/dev/null || die "no sources"
    mapfile -t args < <(nginx_arguments "$nginx")
    rm -rf "$dir"
    mkdir -p "$dir"
    link_source "$src" "$dir.src"

    note "configuring for nginx $(nginx_version "$nginx") ($nginx)"
    (cd "$dir.src" && ./configure ${args[@]+"${args[@]}"} \
        --with-cc-opt="$cc_opt" --with-ld-opt="$ld_opt" \
        --add-dynamic-module="$TOP" --builddir="$dir") \
        > "$dir/configure.log" 2>&1 || {
            tail -n 20 "$dir/configure.log" >&2
            die "configure failed, see $dir/configure.log"
        }

    write_wrapper "$dir" "$own"
}

check_headers() {
    local nginx=$1 src=$2 have want

    [ -x "$src/configure" ] && [ -f "$src/src/core/nginx.h" ] \
        || die "no nginx source or headers in $src (NGINX_SRC=dir names it)"

    have=$(headers_version "$src")
    want=$(nginx_version "$nginx")
    [ "$have" = "$want" ] \
        || die "$nginx is $want, the headers in $src are $have"
}


# One build at a time in one BUILD_DIR.

lock_build() {
    mkdir -p "$BUILD_DIR"
    exec 9> "$BUILD_DIR/lock"
    flock 9
}

unlock_build() { exec 9>&-; }

module_file() { printf '%s' "$BUILD_DIR/module/$MODULE.so"; }

build() {
    local nginx src cc_opt ld_opt

    [ -z "${NGINX:-}" ] || command -v "$NGINX" >/dev/null \
        || die "NGINX=$NGINX: no such program"
    ensure missing_to_build "$@"
    nginx=$(nginx_binary)
    src=$(headers_dir)
    check_headers "$nginx" "$src"

    cc_opt=$(nginx_option "$nginx" with-cc-opt | sed 's/-fPIE/-fPIC/g')
    ld_opt=$(nginx_option "$nginx" with-ld-opt | sed 's/-pie\b//g')

    lock_build
    build_module "$BUILD_DIR/module" "$nginx" "$src" "$cc_opt -fPIC" \
        "$ld_opt" ""
    unlock_build
}

verb_build() {
    build
    say "$(module_file)"
}



# run_tests [FILE...]: what is given, else all; environment as exported.

run_tests() {
    local files=("$@")

    [ ${#files[@]} -gt 0 ] || files=(t)
    cd "$TOP"
    export BUILD_DIR TEST_NGINX_BINARY TEST_NGINX_MODULE
    unset NGINX     # which nginx would take for a list of sockets
    prove -r -j$JOBS -It/lib "${files[@]}"
}

verb_test() {
    build missing_to_test
    TEST_NGINX_BINARY=$(nginx_binary)
    TEST_NGINX_MODULE=$(module_file)
    run_tests "$@"
}

verb_proof() {
    export LLM_PROOF=1
    verb_test "$@"
}

verb_run() {
    build
    TEST_NGINX_BINARY=$(nginx_binary)
    TEST_NGINX_MODULE=$(module_file)
    export TEST_NGINX_BINARY TEST_NGINX_MODULE
    exec perl "$TOP/t/demo/run.pl" "$@"
}

verb_bench() {
    build missing_to_test
    TEST_NGINX_BINARY=$(nginx_binary)
    TEST_NGINX_MODULE=$(module_file)
    export BUILD_DIR TEST_NGINX_BINARY TEST_NGINX_MODULE
    exec "$TOP/t/bench/run" "$@"
}


# The sanitizers' nginx is made from the source package of the very revision
# that is installed (or NGINX_SRC), with a page of its own for each palloc.
# nginx's own code needs two checks off; our objects get them back.

verb_asan() {
    local nginx src dir=$BUILD_DIR/asan

    build missing_to_test missing_to_asan
    nginx=$(nginx_binary)
    lock_build
    mkdir -p "$dir"
    src=${NGINX_SRC:-$(debian_source "$nginx" "$dir")}
    build_asan_nginx "$nginx" "$src" "$dir"
    build_module "$dir/module" "$nginx" "$src" "$(asan_cc_opt)" "$SANITIZE" \
        "-fsanitize=alignment,nonnull-attribute,pointer-overflow"
    unlock_build

    TEST_NGINX_BINARY=$dir/nginx/nginx
    TEST_NGINX_MODULE=$dir/module/$MODULE.so
    export LLM_SANITIZE=1
    run_tests "$@"
}

asan_cc_opt() {
    printf '%s' "-O1 -g $SANITIZE -fno-sanitize=alignment,nonnull-attribute,pointer-overflow" \
        " -DNGX_DEBUG_PALLOC=1 -fPIC"
}

build_asan_nginx() {
    local nginx=$1 src=$2 dir=$3 args stamp

    stamp=$({ "$nginx" -V 2>&1; asan_cc_opt; printf '%s' "$src"; } | cksum)
    [ "$(cat "$dir/stamp" 2>/dev/null)" != "$stamp" ] || return 0

    note "building nginx $(nginx_version "$nginx") with ASan and UBSan"
    mapfile -t args < <(nginx_arguments "$nginx")
    rm -rf "$dir/nginx"
    link_source "$src" "$dir/nginx.src"
    (cd "$dir/nginx.src" && ./configure ${args[@]+"${args[@]}"} \
        --with-cc-opt="$(asan_cc_opt)" --with-ld-opt="$SANITIZE" \
        --builddir="$dir/nginx" \
        && make -s -j$JOBS -f "$dir/nginx/Makefile" binary) \
        > "$dir/build.log" 2>&1 || {
            tail -n 20 "$dir/build.log" >&2
            die "nginx with sanitizers does not build, see $dir/build.log"
        }
    printf '%s\n' "$stamp" > "$dir/stamp"
}


# debian_source NGINX DIR: unpacks the source package below DIR, says where.
# apt gets a source list and state of its own: nothing in /etc or /var changes.

debian_source() {
    local nginx=$1 dir=$2 package version list=$2/apt

    package=$(nginx_package "$nginx")
    version=$(package_version "$package")
    [ -n "$version" ] || die "$nginx is of no package; NGINX_SRC=dir is needed"

    if [ ! -f "$dir/source-$version/configure" ]; then
        note "fetching the source of nginx $version"
        mkdir -p "$list/lists/partial" "$list/archives/partial"
        source_list "$package" "$version" > "$list/sources.list"
        [ -s "$list/sources.list" ] || die "apt does not know where nginx" \
            "$version came from (apt-get update?)"
        (cd "$list" && apt_source update && apt_source source --only-source \
            "nginx=$version") >&2 || die "no source of nginx $version"
        mv "$list"/nginx-*/ "$dir/source-$version"
    fi

    printf '%s' "$dir/source-$version"
}

apt_source() {
    apt-get -qq -o Dir::Etc::SourceList="$PWD/sources.list" \
        -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$PWD/lists" \
        -o Dir::Cache::Archives="$PWD/archives" -o Dir::Cache::pkgcache= \
        -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User= "$@"
}


# The repositories of this architecture's nginx, as deb-src lines.

source_list() {
    apt-cache policy "$1" | awk -v want="$2" '
        $1 == "***" { at = $2 == want; next }
        /^     [^ ]/ { at = $1 == want }
        at && $2 ~ /^https?:/ && $3 ~ "/" {
            split($3, part, "/")
            print "deb-src", $2, part[1], part[2]
        }' | sort -u
}


verb_fuzz() {
    ensure missing_to_fuzz
    lock_build
    BUILD_DIR=$BUILD_DIR exec "$TOP/t/fuzz/run" "$@"
}

verb_clean() { rm -rf "$BUILD_DIR"; }

verb_install() {
    local nginx dir prefix

    build
    nginx=$(nginx_binary)
    dir=$(nginx_option "$nginx" modules-path)
    prefix=$(nginx_option "$nginx" prefix)
    dir=${dir:-${prefix:-/usr/local/nginx}/modules}

    install -D -m 644 "$(module_file)" "$dir/$MODULE.so" \
        || die "cannot write to $dir (not root?)"
    say "load_module $dir/$MODULE.so;"
}

verb_help() {
    cat <<'END'
./build.sh [verb]

  (none)          build the module for the installed nginx, say where it is
  run             nginx with the module on 127.0.0.1:8080 before a demo
                  provider; UPSTREAM=https://host takes a real one
  test [t/x.t]    build, and run the tests
  proof [t/x.t]   the tests with large numbers
  asan [t/x.t]    the tests under AddressSanitizer and UBSan
  bench           what the module costs
  fuzz [seconds]  all fuzz targets, for so long together (60)
  install         copy the module to nginx's modules, print the load_module line
  clean           remove .build/
  help            this

  NGINX=path      the nginx to build for (else the one in PATH)
  NGINX_SRC=dir   its source, where no headers package exists
  BUILD_DIR=dir   where output goes (.build)
END
}


main() {
    local verb=${1:-build}

    [ -n "${VERBS[$verb]:-}" ] || { verb_help >&2; die "no verb \"$verb\""; }
    [ $# -eq 0 ] || shift
    "${VERBS[$verb]}" "$@"
}

main "$@"
