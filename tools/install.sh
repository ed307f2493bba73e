#!/usr/bin/env bash
# install.sh [DESTDIR=DIR] [PREFIX=DIR]: builds the release and installs server, tools, library, headers, documents.
#
# PREFIX is where things will be (default /usr/local); DESTDIR is put in front of it while copying, for packages.
# BUILD=DIR installs what lies built in that folder and builds nothing.
# The name nats-server is not installed: the Go server's package owns it. Link it yourself where midge takes over.
set -euo pipefail
cd "$(dirname "$0")/.."
prefix=/usr/local build=
for argument; do
    case $argument in
    DESTDIR=*) export DESTDIR=${argument#*=} ;;
    PREFIX=*) prefix=${argument#*=} ;;
    BUILD=*) build=${argument#*=} ;;
    *)
        printf 'usage: ./build.sh install [DESTDIR=DIR] [PREFIX=DIR] [BUILD=DIR]\n' >&2
        exit 1
        ;;
    esac
done
if [ -z "$build" ]; then
    ./build.sh deps
    ./build.sh build release
    build=build/release
fi
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
cmake --install "$build" --prefix "$prefix" | sed -n 's/^-- Installing: //p'
if [ -z "${DESTDIR:-}" ] && [ "$(id -u)" = 0 ] && command -v ldconfig >/dev/null; then ldconfig; fi
