#!/usr/bin/env bash
# Prints the size of `updater` as it is shipped, with the window and without, beside the limits set for it.
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-target}"
size() { # name, limit in bytes, cargo arguments...
  local name=$1 limit=$2 bytes verdict; shift 2
  cargo build --quiet --locked --profile dist --bin updater "$@"
  bytes=$(stat -c %s "$target/dist/updater")
  verdict=ok; [ "$bytes" -lt "$limit" ] || verdict="TOO BIG"
  printf '%-16s %10d bytes  (limit %d)  %s\n' "$name" "$bytes" "$limit" "$verdict"
}
size "with window" 14000000
size "without" 4500000 --no-default-features
