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
