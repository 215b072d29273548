#!/bin/sh
# Installs the Debian packages that the build and the tests need.
#   sh tests/install-deps.sh          everything
#   sh tests/install-deps.sh build    only what building the library and the command needs
#   sh tests/install-deps.sh bench    everything and what the bench lane needs besides
# Does nothing, and needs no network, when all of them are there. Exit 1 with the list of what is missing otherwise.
set -eu

build='ca-certificates cmake gcc libc6-dev libmsgpack-dev libsqlite3-dev libxxhash-dev libyajl-dev ninja-build pkg-config'
test='binutils clang clang-format clang-tidy g++ git libclang-rt-dev libcmocka-dev liblua5.4-dev locales lua-busted lua-check
lua5.4 luarocks make python3 python3-dev python3-venv sqlite3 strace'
bench='nodejs npm prometheus-cpp-dev'

case "${1-test}" in
build) wanted=$build ;;
test) wanted="$build $test" ;;
bench) wanted="$build $test $bench" ;;
*) echo "install-deps.sh: \"$1\" is not one of: build, test (default), bench" >&2; exit 2 ;;
esac

# Debian's newer releases call two of them otherwise.
known() {
    case "$1" in
    libmsgpack-dev) echo libmsgpack-dev libmsgpack-c-dev ;;
    libclang-rt-dev) echo libclang-rt-dev libclang-rt-14-dev ;;
    *) echo "$1" ;;
    esac
}

# A tool that came another way than through a package counts as there.
command_of() {
    case "$1" in
    cmake | clang | clang-format | clang-tidy | gcc | g++ | git | make | npm | pkg-config | sqlite3 | strace | luarocks | lua5.4)
        echo "$1"
        ;;
    ninja-build) echo ninja ;;
    nodejs) echo node ;;
    lua-busted) echo busted ;;
    lua-check) echo luacheck ;;
    esac
}

installed() {
    tool=$(command_of "$1")
    if [ -n "$tool" ] && command -v "$tool" >/dev/null 2>&1; then
        return 0
    fi
    for name in $(known "$1"); do
        case "$(dpkg-query -W -f '${Status}' "$name" 2>/dev/null || true)" in
        "install ok installed") return 0 ;;
        esac
    done
    return 1
}

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "install-deps.sh: this is not Debian or a relative of it; please install the equivalents of:" >&2
    echo "$wanted" >&2
    exit 1
fi

missing=
for package in $wanted; do
    installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "install-deps.sh: missing, and only root can install them:$missing" >&2
    echo "  sudo apt-get install$missing" >&2
    exit 1
fi

export DEBIAN_FRONTEND=noninteractive
echo "install-deps.sh: installing$missing" >&2
apt-get update -qq >&2
available=
for package in $missing; do
    chosen=
    for name in $(known "$package"); do
        if [ -z "$chosen" ] && apt-cache show "$name" >/dev/null 2>&1; then
            chosen=$name
        fi
    done
    available="$available ${chosen:-$package}"
done
# shellcheck disable=SC2086 # a list of words
if ! apt-get install -qq -y --no-install-recommends $available >/dev/null; then
    echo "install-deps.sh: apt-get could not install:$available" >&2
    exit 1
fi
