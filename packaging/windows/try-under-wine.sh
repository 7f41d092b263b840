#!/usr/bin/env bash
# From a fresh clone to an updated Windows program, on Debian: takes what it needs from Debian's packages, builds both
# programs for Windows, and lets `updraft demo` play a vendor, a server and a user under Wine. With a display the
# window asks; without one, or with --headless, the update runs in this terminal. The first build takes some minutes.
# usage: packaging/windows/try-under-wine.sh [--headless] [further arguments of `updraft demo`]
set -euo pipefail
cd "$(dirname "$0")/../.."
target="${CARGO_TARGET_DIR:-target}"
mkdir -p "$target"
target=$(realpath "$target")
here_c=tests/windows
# shellcheck source=packaging/windows/wine.sh
. packaging/windows/wine.sh

need wine wine64 gcc-mingw-w64-x86-64
rustup target add "$windows" > /dev/null 2>&1 || true
# shellcheck disable=SC2086 # a list of words
cargo build --locked --target "$windows" --bins ${UPDRAFT_BUILD_FLAGS:-}
make_prefix
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -n "${DISPLAY:-}" ] || set -- --headless "$@"
# Wine without a display opens a window that nobody sees, and waits; so the updater is told.
for word in "$@"; do [ "$word" != --headless ] || export UPDRAFT_RENDERER=headless; done
wine "$target/$windows/debug/updraft.exe" demo --folder "$work/demo" "$@"
printf 'installed in the end: %s\n' "$(tr -d '\r\n' < "$work/demo/installed/MyApp/version.txt")"
