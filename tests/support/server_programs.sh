# shellcheck shell=bash
# Where the server's programs of a test cluster are; sourced by cluster.sh, which has die().
#
#   findServer [MAJOR]   sets $bindir: HOWDAH_PG_BINDIR, or the programs of MAJOR (else HOWDAH_PG_MAJOR), or the newest there is
#   clientProgram NAME   psql, createdb: the server's own, or the one on PATH (the pinned servers come without)
#
# A major is looked for among the servers tests/integration/package.json pins, then under /usr/lib/postgresql.

support=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# npm keeps no symbolic links, so the package brings a list of them and a script that npm would run if the install ran
# scripts (.npmrc says why it does not). It is run here instead, once.
makeLinks() {
    "$1/native/bin/postgres" --version >/dev/null 2>&1 && return
    (cd "$1" && "$support/../integration/node_modules/.bin/node" scripts/hydrate-symlinks.js)
    "$1/native/bin/postgres" --version >/dev/null || die "the server in $1 does not run"
}

findServer() {
    local major=${1:-${HOWDAH_PG_MAJOR:-}} package
    bindir=${HOWDAH_PG_BINDIR:-}
    if [[ -z $bindir && -n $major ]]; then
        package=$support/../integration/node_modules/postgres-$major
        bindir=/usr/lib/postgresql/$major/bin
        if [[ -d $package ]]; then
            package=$(cd "$package" && pwd)
            makeLinks "$package"
            bindir=$package/native/bin
        fi
        [[ -x $bindir/initdb ]] || die "no PostgreSQL $major: 'npm ci' in tests/integration brings 13 to 18 on x64, /usr/lib/postgresql has $(ls /usr/lib/postgresql)"
    elif [[ -z $bindir ]]; then
        bindir=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
        [[ -x $bindir ]] || die "no PostgreSQL server found under /usr/lib/postgresql; './dev test' installs it"
        bindir=${bindir%/initdb}
    fi
    [[ -x $bindir/initdb && -x $bindir/pg_ctl ]] || die "no initdb and pg_ctl in $bindir"
}

clientProgram() {
    if [[ -x $bindir/$1 ]]; then
        echo "$bindir/$1"
    else
        command -v "$1" || die "no $1 in $bindir or on PATH"
    fi
}
