#!/usr/bin/env bash
# Builds `updater` as it is shipped, with the window and without, and prints its size beside the limits set for it.
# What the linker can do to make it smaller is used where it can: the plain build works everywhere.
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-target}"
flags=()
probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
for flag in -Wl,--icf=all -Wl,-O2; do
  echo 'fn main() {}' | rustc "-Clink-arg=$flag" -o "$probe/probe" - 2> /dev/null && flags+=("-Clink-arg=$flag")
done
# Small functions are called rather than copied to each caller; what is hot here is in libraries of C and assembly.
flags+=("-Cllvm-args=-inline-threshold=8")
size() { # name, limit in bytes, cargo arguments...
  local name=$1 limit=$2 bytes verdict; shift 2
  cargo rustc --quiet --locked --profile dist --bin updater "$@" -- "${flags[@]}"
  bytes=$(stat -c %s "$target/dist/updater")
  verdict=ok; [ "$bytes" -lt "$limit" ] || verdict="TOO BIG"
  printf '%-16s %10d bytes  (limit %d)  %s\n' "$name" "$bytes" "$limit" "$verdict"
}
size "with window" 14000000 --no-default-features --features gui
size "without" 4500000 --no-default-features
