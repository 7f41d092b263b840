#!/usr/bin/env bash
# Updates a real program (two adjacent releases of jupyterlab, about 1,050 files and 43 MB each) over loopback and prints
# what it costs: bytes of content, requests, seconds. Needs Python with pip for the wheels, and the built programs.
# usage: benches/real.sh [OLD NEW]
set -euo pipefail
cd "$(dirname "$0")/.."
old=${1:-4.6.5} new=${2:-4.6.6}
bin="${CARGO_TARGET_DIR:-target}/release"
cargo build --quiet --locked --release
cache="${XDG_CACHE_HOME:-$HOME/.cache}/updraft-real-releases"
for version in "$old" "$new"; do
  folder="$cache/jupyterlab-$version"
  if [ ! -e "$folder/done" ]; then
    mkdir -p "$folder/wheel"
    python3 -m pip download -q --no-deps --only-binary :all: -d "$folder/wheel" "jupyterlab==$version"
    python3 -m zipfile -e "$folder"/wheel/*.whl "$folder/tree"
    touch "$folder/done"
  fi
done
work=$(mktemp -d)
trap 'kill $server 2>/dev/null || true; rm -rf "$work"' EXIT
seconds() { local t0 t1; t0=$(date +%s.%N); "${@:2}" > "$work/out" 2>&1; t1=$(date +%s.%N); printf '%-34s %6.2f s\n' "$1" "$(echo "$t1 - $t0" | bc)"; }
"$bin/updraft" init "$work/repo" --app Lab --keys "$work/keys" > /dev/null
publish() { "$bin/updraft" publish "$cache/jupyterlab-$1/tree" --to "$work/repo" --keys "$work/keys" --version "$1" --platform any; }
seconds "publish $old (all new)" publish "$old"
"$bin/updraft" serve "$work/repo" --listen 127.0.0.1:14530 > "$work/access" 2>&1 &
server=$!
sleep 1
mkdir -p "$work/app/updater"
cp "$bin/updater" "$work/repo/metadata/root.json" "$work/app/updater/"
echo '{"app": "Lab", "sources": ["127.0.0.1:14530"]}' > "$work/app/updater/updater.json"
update() { "$work/app/updater/updater" update --no-start; }
seconds "full install of $old" update
seconds "publish $new" publish "$new"
grep -E 'changed|download' "$work/out" || true
before=$(wc -l < "$work/access")
seconds "update to $new" update
grep -E 'to fetch' "$work/out" || true
echo "requests of the update: $(($(wc -l < "$work/access") - before))"
before=$(wc -l < "$work/access")
seconds "check with nothing new" "$work/app/updater/updater" check
echo "requests of that check: $(($(wc -l < "$work/access") - before))"
diff -r --exclude updater "$work/app" "$cache/jupyterlab-$new/tree" && echo "the tree equals the wheel"
