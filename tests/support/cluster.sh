#!/usr/bin/env bash
# A throw-away PostgreSQL for tests: unix socket in a folder of its own, no durability, gone after stop.
#
#   cluster.sh start STATE [--major N] [--auth trust|scram] [--tcp] [--listen ADDRESS] [--tls] [--database NAME] [--load FILE.sql]... [--set NAME=VALUE]...
#   cluster.sh down STATE [fast|immediate]   ends the server and keeps its data (immediate: as if it had crashed)
#   cluster.sh up STATE                      starts it again where it was
#   cluster.sh stop STATE
#   cluster.sh programs MAJOR                prints the folder of that server's programs, for HOWDAH_PG_BINDIR
#
# STATE is a folder that remembers the cluster; STATE/env holds the assignments a client needs (PGHOST, PGPORT, PGUSER,
# PGDATABASE, PGPASSWORD with scram, DATABASE_URL = HOWDAH_TEST_DSN) and is printed by start. A cluster left behind by a killed run is
# removed by the next start with the same STATE. The cluster itself lives under TMPDIR, not in STATE: as root it runs as
# user postgres, who may not enter the build folder, and a socket path must stay below 108 bytes. server_programs.sh says
# which version of the server it is.
set -euo pipefail

die() { echo "cluster.sh: $*" >&2; exit 1; }
usage() { sed -n '4,8s/^# *//p' "$0" >&2; exit 2; }

# shellcheck source=tests/support/server_programs.sh
source "$(dirname "${BASH_SOURCE[0]}")/server_programs.sh"

# The programs the cluster of this STATE was started with.
findServerOf() {
    if [[ -s $1/bindir ]]; then
        bindir=$(<"$1/bindir")
    else
        findServer
    fi
}

# PostgreSQL refuses to run as root; everybody else runs it as themselves.
asServer() {
    if [[ $(id -u) == 0 ]]; then
        (cd / && setpriv --reuid=postgres --regid=postgres --init-groups -- env HOME=/ "$@")
    else
        (cd / && "$@")
    fi
}

stopCluster() {
    local state=$1 place
    [[ -f $state/place ]] || return 0
    place=$(<"$state/place")
    # The name is our own; nothing else is ever removed.
    [[ $(basename "$place") == howdah-pg-* ]] || die "$state/place names $place, which this script did not make"
    if [[ -f $place/data/postmaster.pid ]]; then
        findServerOf "$state"
        asServer "$bindir/pg_ctl" stop -D "$place/data" -m immediate -w -t 60 >/dev/null 2>&1 || true
    fi
    rm -rf -- "$place"
    rm -f -- "$state/place" "$state/env" "$state/bindir"
}

placeOf() {
    [[ -f $1/place ]] || die "no cluster was started for $1"
    cat "$1/place"
}

downCluster() {
    local place mode=${2:-fast}
    place=$(placeOf "$1")
    findServerOf "$1"
    asServer "$bindir/pg_ctl" stop -D "$place/data" -m "$mode" -w -t 60 >/dev/null
}

upCluster() {
    local place
    place=$(placeOf "$1")
    findServerOf "$1"
    asServer "$bindir/pg_ctl" start -D "$place/data" -l "$place/log" -w -t 60 </dev/null >/dev/null 2>&1 ||
        { asServer cat "$place/log" >&2; die "the cluster in $place did not start again"; }
}

freePort() {
    local port
    for _ in {1..50}; do
        port=$((20000 + RANDOM % 12000))
        # Connecting fails: nobody listens there. bash closes the socket again with the subshell.
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    die "no free port found between 20000 and 31999"
}

makeCertificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
        -keyout "$place/server.key" -out "$place/server.crt" 2>/dev/null || die "openssl could not make a certificate"
    chmod 600 "$place/server.key"
    [[ $(id -u) != 0 ]] || chown postgres: "$place/server.key" "$place/server.crt"
}

startCluster() {
    local state=$1 auth=trust tcp=no listen=127.0.0.1 tls=no database=postgres password='' port=5432 major='' url host tmp
    local -a loads=() settings=() initdb_options
    shift
    while (($#)); do
        case $1 in
            --major) major=${2:?--major needs a version}; shift 2 ;;
            --auth) auth=${2:?--auth needs trust or scram}; shift 2 ;;
            --tcp) tcp=yes; shift ;;
            --listen) tcp=yes; listen=${2:?--listen needs an address of this machine}; shift 2 ;;
            --set) settings+=("${2:?--set needs NAME=VALUE}"); shift 2 ;;
            --tls) tcp=yes; tls=yes; shift ;;
            --database) database=${2:?--database needs a name}; shift 2 ;;
            --load) loads+=("$(realpath -e -- "${2:?--load needs a file}")"); shift 2 ;;
            *) usage ;;
        esac
    done
    [[ $auth == trust || $auth == scram ]] || die "--auth is trust or scram, got '$auth'"
    mkdir -p -- "$state"
    stopCluster "$state"
    findServer "$major"

    tmp=${TMPDIR:-/tmp}
    ((${#tmp} < 60)) || tmp=/tmp
    place=$(mktemp -d "$tmp/howdah-pg-XXXXXX")
    echo "$place" >"$state/place"
    [[ $(id -u) != 0 ]] || chown postgres: "$place"
    chmod 711 "$place"
    # Programs in a home folder that user postgres may not enter are copied to where it may.
    if ! asServer test -x "$bindir/postgres"; then
        cp -a -- "${bindir%/bin}" "$place/programs"
        bindir=$place/programs/bin
    fi
    echo "$bindir" >"$state/bindir"

    initdb_options=(-D "$place/data" -U postgres --no-sync --encoding=UTF8 --locale=C.UTF-8)
    if [[ $auth == scram ]]; then
        password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
        (umask 077 && echo "$password" >"$place/password")
        [[ $(id -u) != 0 ]] || chown postgres: "$place/password"
        initdb_options+=(--auth=scram-sha-256 "--pwfile=$place/password")
    else
        initdb_options+=(--auth=trust)
    fi
    asServer "$bindir/initdb" "${initdb_options[@]}" >"$state/initdb.log" 2>&1 || { cat "$state/initdb.log" >&2; die "initdb failed"; }

    [[ $tcp == no ]] || port=$(freePort)
    [[ $tls == no ]] || makeCertificate
    asServer tee -a "$place/data/postgresql.conf" >/dev/null <<CONF
unix_socket_directories = '$place'
listen_addresses = '$([[ $tcp == no ]] || echo "$listen")'
port = $port
max_connections = 200
timezone = 'UTC'
fsync = off
synchronous_commit = off
full_page_writes = off
$([[ $tls == no ]] || printf "ssl = on\nssl_cert_file = '%s/server.crt'\nssl_key_file = '%s/server.key'\n" "$place" "$place")
$( ((${#settings[@]} == 0)) || printf '%s\n' "${settings[@]}")
CONF
    # Others than this machine's loopback are let in by what initdb wrote only there.
    [[ $listen == 127.0.0.1 ]] || echo "host all all samenet $([[ $auth == trust ]] && echo trust || echo scram-sha-256)" |
        asServer tee -a "$place/data/pg_hba.conf" >/dev/null
    asServer "$bindir/pg_ctl" start -D "$place/data" -l "$place/log" -w -t 60 </dev/null >/dev/null 2>&1 ||
        { asServer cat "$place/log" >&2; die "the cluster in $place did not start"; }

    export PGHOST=$place PGPORT=$port PGUSER=postgres PGPASSWORD=$password
    if [[ $database != postgres ]]; then
        "$(clientProgram createdb)" "$database" || die "could not create database $database"
    fi
    for load in "${loads[@]}"; do
        "$(clientProgram psql)" -X -q -v ON_ERROR_STOP=1 -d "$database" -f "$load" >/dev/null || die "loading $load failed"
    done

    host=${place//\//%2F}
    url="postgresql://postgres${password:+:$password}@/$database?host=$host&port=$port"
    {
        printf "export PGHOST='%s' PGPORT='%s' PGUSER='postgres' PGDATABASE='%s'\n" "$place" "$port" "$database"
        [[ -z $password ]] || printf "export PGPASSWORD='%s'\n" "$password"
        printf "export DATABASE_URL='%s' HOWDAH_TEST_DSN='%s'\n" "$url" "$url"
        [[ $tcp == no ]] || printf "export HOWDAH_TEST_TCP='%s:%s'\n" "$listen" "$port"
        [[ $tls == no ]] || printf "export HOWDAH_TEST_CA='%s/server.crt'\n" "$place"
        printf "export HOWDAH_TEST_DATA='%s/data' HOWDAH_TEST_PG_BINDIR='%s'\n" "$place" "$bindir"
    } >"$state/env.new"
    mv -- "$state/env.new" "$state/env"
    cat "$state/env"
}

(($# >= 2)) || usage
action=$1 state=$2
shift 2
case $action in
    start) startCluster "$state" "$@" ;;
    stop) stopCluster "$state" ;;
    down) downCluster "$state" "$@" ;;
    up) upCluster "$state" ;;
    programs) findServer "$state" && echo "$bindir" ;;
    *) usage ;;
esac
