# shellcheck shell=bash
# What the scripts of this folder share. Sourced by them, never run by itself.
#
# Sourcing it exports OPENSSL_NO_VENDOR=1 where the machine has OpenSSL's headers: the build then links that OpenSSL
# instead of compiling one, which takes minutes. Cargo rebuilds everything above OpenSSL when the variable changes:
# put `export OPENSSL_NO_VENDOR=1` into your shell's profile if you also call cargo by hand.

# shellcheck disable=SC2034 # used by those who source this
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

use_system_openssl() {
    if pkg-config --exists openssl 2>/dev/null; then export OPENSSL_NO_VENDOR=1; fi
}
use_system_openssl

# usage FILE: prints the comment at the head of a script, which is its help.
usage() {
    awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$1"
}

have() {
    command -v "$1" >/dev/null 2>&1
}

can_install() {
    [ "$(id -u)" = 0 ] && have apt-get
}

# apt_install PACKAGE...: fails where this user or machine cannot.
apt_install() {
    can_install || return 1
    printf 'installing %s\n' "$*" >&2
    {
        # An unreachable extra source must not stop us: whether the packages can be had is known by the next line.
        apt-get update -qq || true
        # RUNLEVEL=1 keeps packages with a service from starting it.
        RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
    } >&2 </dev/null
}

# The library by which a test moves the clock of a program.
has_faketime() {
    ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1
}

# On a CI machine a minute of apt saves several minutes of compiling OpenSSL.
prepare_openssl() {
    if [ "${CI:-}" = true ] && ! pkg-config --exists openssl 2>/dev/null && can_install; then
        apt_install pkg-config libssl-dev || true
        use_system_openssl
    fi
}

# duration SECONDS: `75` -> `1 min 15 s`
duration() {
    if [ "$1" -ge 60 ]; then printf '%d min %d s' $(($1 / 60)) $(($1 % 60)); else printf '%d s' "$1"; fi
}

# skip WHAT WHY: ends a script whose tools cannot be had, with success; scripts/test repeats the line at its end.
skip() {
    printf 'SKIPPED: %s: %s\n' "$1" "$2"
    exit 0
}

# target_folder: prints where cargo puts what it builds.
target_folder() {
    cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'
}

# python_tools FOLDER PACKAGE==VERSION...: a virtual environment with these packages; fails where they cannot be had.
python_tools() {
    local folder=$1
    shift
    if [ "$(cat "$folder/packages" 2>/dev/null)" = "$*" ]; then return 0; fi
    rm -rf "$folder"
    # Debian has Python without what `venv` needs.
    { have python3 && python3 -m venv "$folder"; } >/dev/null 2>&1 ||
        { apt_install python3-venv && rm -rf "$folder" && python3 -m venv "$folder"; } || return 1
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" >&2 || return 1
    printf '%s\n' "$*" >"$folder/packages"
}

# npm_tools FOLDER PACKAGE@VERSION...: a folder with these packages, by the npm that is there; fails where they cannot be had.
npm_tools() {
    local folder=$1
    shift
    if [ "$(cat "$folder/packages" 2>/dev/null)" = "$*" ]; then return 0; fi
    rm -rf "$folder"
    mkdir -p "$folder"
    npm install --prefix "$folder" --no-save --no-audit --no-fund --ignore-scripts --loglevel error "$@" >&2 || return 1
    printf '%s\n' "$*" >"$folder/packages"
}

# recent_node LEAST: makes `node` one of this version or newer (Playwright, Redocly and oidc-provider run with 20.19; Debian 12
# has 18): the one that is there, or else one from npm, put before it. Fails where neither can be had.
recent_node() {
    local version=24.21.0 least=$1 folder is_recent machine
    is_recent="const [major, minor] = process.versions.node.split('.').map(Number);
        process.exit(major > ${least%.*} || (major === ${least%.*} && minor >= ${least#*.}) ? 0 : 1)"
    { have node && have npm; } || apt_install nodejs npm || return 1
    if node -e "$is_recent"; then return 0; fi
    case $(uname -sm) in
        'Linux x86_64') machine=x64 ;;
        'Linux aarch64') machine=arm64 ;;
        *) return 1 ;;
    esac
    folder=$(target_folder)/tools/node
    npm_tools "$folder" "node-linux-$machine@$version" || return 1
    PATH=$folder/node_modules/node-linux-$machine/bin:$PATH
    export PATH
    node -e "$is_recent"
}

playwright=1.65.1
axe=4.14.1
tools=

browser() {
    command -v chromium || command -v chromium-browser || command -v google-chrome
}

# browser_tools WHAT: a browser, and `tools`, a folder with what drives it. Ends the script where they cannot be had.
browser_tools() {
    tools=$(target_folder)/tools/browser
    { recent_node 20.19 && npm_tools "$tools" "playwright-core@$playwright" "axe-core@$axe"; } ||
        skip "$1" "a recent Node.js, or playwright-core and axe-core from npm, cannot be had"
    browser >/dev/null || apt_install chromium fonts-dejavu-core || skip "$1" "Chromium is not installed"
}

# where_it_listens PID FILE: waits until that process has said in that file where it listens, and prints it. Fails where it ends.
where_it_listens() {
    local where
    while kill -0 "$1" 2>/dev/null; do
        where=$(sed -n 's/^listening on //p' "$2")
        if [ -n "$where" ]; then printf '%s\n' "$where"; return 0; fi
        sleep 0.1
    done
    return 1
}

issuer=
issuer_pid=

# start_issuer: the issuer of the tests, with tokens of administrators of ticketing in the throwaway gateway's tenant; at `issuer`.
start_issuer() {
    local folder
    folder=$(target_folder)/tools/issuer
    mkdir -p "$folder"
    cp "$repository"/apps/gateway/tests/ticketing/issuer/{package.json,package-lock.json,.npmrc,issuer.mjs} "$folder"
    (cd "$folder" && { [ -d node_modules ] || npm ci --ignore-scripts --loglevel error >&2; }) || return 1
    : >"$work/issuer"
    node "$folder/issuer.mjs" "$tenant" ticket_admin >"$work/issuer" 2>/dev/null &
    issuer_pid=$!
    issuer=$(where_it_listens "$issuer_pid" "$work/issuer") || { echo "the issuer did not start" >&2; return 1; }
}

# A throwaway gateway: its tenant, which is a UUID since ticketing wants one, and the tenant's keys.
tenant=0e6b2f70-5b0c-4b6c-9f3e-0d6a4c1b2a11
primary_key=key-of-a-throwaway-gateway-that-reads-and-writes
secondary_key=key-of-a-throwaway-gateway-that-only-reads
gateway=
gateway_pid=
database=
database_url=
work=

# build_gateway OPTION...: builds the program `gateway`, and makes `work`, a folder that is removed at the end with
# whatever was started. OPTIONs are cargo's.
build_gateway() {
    cargo build "$@" -p crm-gateway
    case " $* " in
        *' --release '*) gateway=$(target_folder)/release/crm-gateway ;;
        *) gateway=$(target_folder)/debug/crm-gateway ;;
    esac
    work=$(mktemp -d)
    trap 'stop_gateway; rm -rf "$work"' EXIT
}

# start_gateway sqlite|postgres: starts it on a new database at `database_url`, without a rate limit. It listens at `url`.
start_gateway() {
    database_url=sqlite://$work/crm.db
    if [ "$1" = postgres ]; then
        psql -q "$CRM_TEST_POSTGRES_URL" -c "CREATE DATABASE crm_script_$$" || return 1
        database=crm_script_$$
        database_url=${CRM_TEST_POSTGRES_URL%/*}/$database
    fi
    resume_gateway
}

# resume_gateway: starts it on the database that it had, after pause_gateway.
resume_gateway() {
    : >"$work/gateway"
    DATABASE_URL=$database_url CRM_LISTEN=127.0.0.1:0 CRM_RATE_LIMIT=0 RUST_LOG=warn CRM_BOOTSTRAP_TENANT=$tenant \
        CRM_BOOTSTRAP_PRIMARY_KEY=$primary_key CRM_BOOTSTRAP_SECONDARY_KEY=$secondary_key "$gateway" >"$work/gateway" &
    gateway_pid=$!
    url=$(where_it_listens "$gateway_pid" "$work/gateway") || { echo "the gateway did not start" >&2; return 1; }
}

pause_gateway() {
    if [ -n "$gateway_pid" ]; then kill "$gateway_pid" 2>/dev/null || true; wait "$gateway_pid" || true; gateway_pid=; fi
}

stop_gateway() {
    if [ -n "$issuer_pid" ]; then kill "$issuer_pid" 2>/dev/null || true; wait "$issuer_pid" || true; issuer_pid=; fi
    pause_gateway
    if [ -n "$database" ]; then psql -q "$CRM_TEST_POSTGRES_URL" -c "DROP DATABASE $database WITH (FORCE)" || true; database=; fi
    rm -f "$work"/crm.db*
}
