# shellcheck shell=bash
# Debian packages: which are missing, and how they come. Sourced by ../dev, which provides say, die and $root.

# Prints the packages of these groups that are not here yet, one a line.
missingPackages() {
    local group package found_by _
    while read -r group package found_by _; do
        [[ -n $group && $group != \#* && " $* " == *" $group "* ]] || continue
        if [[ $found_by != - ]]; then
            command -v "$found_by" >/dev/null || echo "$package"
        else
            [[ $(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null) == ii* ]] || echo "$package"
        fi
    done <"$root/dev.d/packages.txt"
}

# Sets $elevate to what makes a command run as root: nothing, or sudo. Fails if neither is possible.
findElevation() {
    elevate=()
    [[ $(id -u) != 0 ]] || return 0
    command -v sudo >/dev/null || return 1
    if sudo -n true 2>/dev/null; then
        elevate=(sudo -n)
    elif [[ -t 0 && " $(id -Gn) " == *" sudo "* ]]; then
        elevate=(sudo)  # asks for the password
    else
        return 1
    fi
}

# Debian makes and starts a cluster with every new server. Ours are private, so that one is switched off beforehand; a
# file of our own does it, the package's configuration stays as it is.
readonly kNoSystemCluster='mkdir -p /etc/postgresql-common/createcluster.d && echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/howdah.conf'

forbidSystemCluster() {
    local conf=/etc/postgresql-common/createcluster.conf
    say "setting create_main_cluster = false in /etc/postgresql-common/createcluster.d/howdah.conf: no system cluster"
    "${elevate[@]}" sh -c "$kNoSystemCluster"
    # A hand-made configuration may not read that folder.
    if [[ -f $conf ]] && ! grep -q '^include_dir .*createcluster\.d' "$conf"; then
        say "appending create_main_cluster = false to $conf"
        "${elevate[@]}" sh -c "echo 'create_main_cluster = false' >>$conf"
    fi
}

aptGet() {
    "${elevate[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -o DPkg::Lock::Timeout=600 \
        -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -q "$@" </dev/null
}

# `apt-get update` does not wait for the lists' lock as install does, so this does.
aptUpdate() {
    local output attempt
    for attempt in {1..60}; do
        if output=$(aptGet update 2>&1); then return 0; fi
        [[ $output == *"Could not get lock"* ]] || break
        say "another apt is at work, waiting ($attempt of 60)"
        sleep 5
    done
    echo "$output" >&2
    return 1
}

installPackages() {
    local -a install=(install -y --no-install-recommends "$@")
    # Without lists apt knows no package; with old ones it asks for files that are gone. Both are cured by an update.
    if aptGet --simulate "${install[@]}" >/dev/null 2>&1 && aptGet "${install[@]}"; then return 0; fi
    say "updating apt's package lists"
    aptUpdate || say "apt-get update reported errors, trying with what it got"
    aptGet "${install[@]}" || die "apt-get could not install: $*"
}

# Makes sure the packages of these groups are installed; ends with 3 and the line to run where that is not allowed.
needPackages() {
    command -v dpkg-query >/dev/null || die "this is no Debian: install what dev.d/packages.txt lists by hand, then use the CMake presets"
    local -a missing
    mapfile -t missing < <(missingPackages "$@")
    ((${#missing[@]} > 0)) || return 0
    local line="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    local server=no
    [[ " ${missing[*]} " != *" postgresql-15 "* ]] || server=yes
    if ! findElevation; then
        echo "./dev: packages are missing and installing them needs root. Have this line run as root, then repeat:" >&2
        [[ $server == no ]] || line="$kNoSystemCluster && $line"
        echo "$line"
        exit 3
    fi
    say "installing ${#missing[@]} packages: ${missing[*]}"
    [[ $server == no ]] || forbidSystemCluster
    installPackages "${missing[@]}"
}
