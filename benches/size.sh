#!/usr/bin/env bash
# Builds `updater` as it is shipped, with the window and without, and prints its size beside the limits set for it.
# What the linker can do to make it smaller is used where it can: the plain build works everywhere.
# With --windows, `updater.exe` for Windows with the window, by the GNU linker of Debian's gcc-mingw-w64-x86-64.
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
small=("-Cllvm-args=-inline-threshold=8" "-Cllvm-args=-inlinehint-threshold=8")
# Equal runs of instructions become functions, where that saves more than the unwind table of such a function takes.
outline=("-Cllvm-args=-enable-machine-outliner=always" "-Cllvm-args=-outliner-benefit-threshold=12")
echo 'fn main() {}' | rustc "${outline[@]}" -o "$probe/probe" - 2> /dev/null || outline=()
flags+=("${small[@]}" "${outline[@]}")
suffix=
size() { # name, limit in bytes, cargo arguments...
  local name=$1 limit=$2 bytes verdict; shift 2
  cargo rustc --quiet --locked --profile dist --bin updater "$@" -- "${flags[@]}"
  bytes=$(stat -c %s "$target/dist/updater$suffix")
  verdict=ok; [ "$bytes" -lt "$limit" ] || verdict="TOO BIG"
  printf '%-16s %10d bytes  (limit %d)  %s\n' "$name" "$bytes" "$limit" "$verdict"
}
if [ "${1:-}" = --windows ]; then
  # Neither folding of equal functions nor a second look at strings: GNU's linker for Windows has no such things, and
  # LLVM's outliner can't write the unwind tables of Windows.
  flags=("${small[@]}")
  suffix=.exe target=$target/x86_64-pc-windows-gnu
  size "with window" 9000000 --no-default-features --features gui --target x86_64-pc-windows-gnu
  exit
fi
size "with window" 14000000 --no-default-features --features gui
size "without" 4500000 --no-default-features
