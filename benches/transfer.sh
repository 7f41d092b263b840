#!/usr/bin/env bash
# What a full install costs beside plain downloaders, on this machine and in this minute. Prints every round, the best of
# each, and the ratios. Needs nginx, curl and aria2c (Debian: nginx-light curl aria2), the built programs, and room for
# about five times the size.
#
#   benches/transfer.sh                 both parts
#   benches/transfer.sh loopback        (a) 1 GB from nginx over loopback: updater, curl, aria2c
#   benches/transfer.sh long            (b) the same kind of content over an emulated long fat link: updater, curl
#
# UPDRAFT_BENCH_MB (1000), UPDRAFT_BENCH_LONG_MB (100), UPDRAFT_BENCH_ROUNDS (3), UPDRAFT_BENCH_PROFILE (release or dist) and UPDRAFT_BENCH_DIR change
# the size, the rounds, the build that is measured and the place of the files.
set -euo pipefail
cd "$(dirname "$0")/.."
part=${1:-both}
mb=${UPDRAFT_BENCH_MB:-1000} rounds=${UPDRAFT_BENCH_ROUNDS:-3} profile=${UPDRAFT_BENCH_PROFILE:-release}
bin="${CARGO_TARGET_DIR:-target}/$profile"
cargo build --quiet --locked --profile "$profile" --no-default-features --bin updater --bin updraft --example slow_link
work=$(mktemp -d -p "${UPDRAFT_BENCH_DIR:-${CARGO_TARGET_DIR:-target}}" transfer-bench.XXXXXX)
work=$(cd "$work" && pwd)
started=()
finish() { for pid in "${started[@]}"; do kill "$pid" 2> /dev/null || true; done; rm -rf "$work"; }
trap finish EXIT

# A release of one file of 7/10 of the size and files of 1 to 20 MB for the rest, none of which can be packed.
release() { # megabytes
  local left=$(($1 * 3 / 10)) number=0 size
  rm -rf "$work/build" "$work/repo" "$work/keys"
  mkdir -p "$work/build/data"
  head -c $(($1 * 700000)) /dev/urandom > "$work/build/big.bin"
  while [ "$left" -gt 0 ]; do
    size=$((number * 7 % 20 + 1))
    [ "$size" -le "$left" ] || size=$left
    head -c $((size * 1000000)) /dev/urandom > "$work/build/data/$number.bin"
    left=$((left - size)) number=$((number + 1))
  done
  "$bin/updraft" init "$work/repo" --app Bench --keys "$work/keys" > /dev/null
  "$bin/updraft" publish "$work/build" --to "$work/repo" --keys "$work/keys" --version 1 --platform any --fast > /dev/null
}

serve() { # port
  mkdir -p "$work/nginx"
  cat > "$work/nginx/conf" << CONF
daemon off; master_process off; pid $work/nginx/pid; error_log $work/nginx/error.log;
events {}
http { access_log off; sendfile on; keepalive_requests 100000;
client_body_temp_path $work/nginx/b; proxy_temp_path $work/nginx/p; fastcgi_temp_path $work/nginx/f;
uwsgi_temp_path $work/nginx/u; scgi_temp_path $work/nginx/s;
server { listen 127.0.0.1:$1; root $work/repo; } }
CONF
  "$(PATH="$PATH:/usr/sbin" command -v nginx)" -c "$work/nginx/conf" -e "$work/nginx/error.log" &
  started+=($!)
  for _ in $(seq 100); do curl -s -o /dev/null "http://127.0.0.1:$1/" && return; sleep 0.1; done
  echo "nginx did not start" >&2; exit 1
}

# The objects that hold the files, as a list for each downloader. Piece lists are left out: only we need them.
lists() { # base address
  : > "$work/curl.list"; : > "$work/aria.list"
  local path
  (cd "$work/repo" && find objects -type f -size +900k | sort) | while read -r path; do
    printf 'url = "%s/%s"\noutput = "%s"\n' "$1" "$path" "$work/out/${path##*/}" >> "$work/curl.list"
    printf '%s/%s\n dir=%s\n out=%s\n' "$1" "$path" "$work/out" "${path##*/}" >> "$work/aria.list"
  done
}

now() { date +%s.%N; }
less() { echo "$2 - $1" | bc; }
declare -A best
timed() { # name, command...: one measured run on a quiet disk
  local name=$1 from to took
  rm -rf "$work/out" "$work/app"; mkdir -p "$work/out"; sync
  shift
  if [ "$name" = updater ]; then install_ready; fi
  from=$(now); "$@" > "$work/said" 2>&1 || { cat "$work/said" >&2; exit 1; }; to=$(now)
  took=$(less "$from" "$to")
  printf '  %-30s %8.2f s\n' "$name" "$took"
  if [ -z "${best[$name]:-}" ] || [ "$(echo "$took < ${best[$name]}" | bc)" = 1 ]; then best[$name]=$took; fi
  if [ "$name" = updater ]; then phases "$from" "$to"; fi
}
install_ready() {
  mkdir -p "$work/app/updater"
  cp "$bin/updater" "$work/repo/metadata/root.json" "$work/app/updater/"
  printf '{"app": "Bench", "sources": ["%s"]}' "$base" > "$work/app/updater/updater.json"
}
updater() {
  local pid kb most=0
  "$work/app/updater/updater" update --no-start --headless --json &
  pid=$!
  while kb=$(awk '/VmHWM/ {print $2}' "/proc/$pid/status" 2> /dev/null) && [ -n "$kb" ]; do most=$kb; sleep 0.05; done
  echo "$most" > "$work/peak"
  wait "$pid"
}
with_sync() { "$@" && sync -f "$work/out"; }
curl_serial() { curl -sS --fail -K "$work/curl.list"; }
curl_parallel() { curl -sS --fail --parallel --parallel-max 4 -K "$work/curl.list"; }
aria() { aria2c -q -x4 -j4 -s4 -k1M --file-allocation=none -i "$work/aria.list"; }

# The share of each phase, from the times in the updater's own log, and the most memory it held.
phases() { # when it was started, when it had ended
  local log="$work/app/updater/state/logs/updater.log"
  [ -e "$log" ] || log=$(find "$work/app/updater/state" -name updater.log | head -1)
  at() { date +%s.%N -d "$(grep -m1 -F "$1" "$log" | sed 's/\x1b\[[0-9;]*m//g' | awk '{print $1}')"; }
  local downloading fetched staged installing installed
  downloading=$(at '"event":"downloading"') fetched=$(at 'all content is here') staged=$(at '"event":"staged"')
  installing=$(at '"event":"installing"') installed=$(at '"event":"installed"')
  printf '    check, plan %.2f s | fetch, verify %.2f s | stage, flush %.2f s | swap %.2f s | end %.2f s | peak %s kB\n' \
    "$(less "$1" "$downloading")" "$(less "$downloading" "$fetched")" "$(less "$fetched" "$staged")" \
    "$(less "$installing" "$installed")" "$(less "$installed" "$2")" "$(cat "$work/peak")"
}

report() { # title, goal, name of the others...
  local other fastest
  fastest=$(for other in "${@:3}"; do echo "${best[$other]}"; done | sort -n | head -1)
  printf '%s: best %s s, the fastest other %s s: %s x its speed (goal: at least %s)\n' \
    "$1" "${best[updater]}" "$fastest" "$(echo "scale=2; $fastest / ${best[updater]}" | bc)" "$2"
}

loopback() {
  echo "(a) full install of $mb MB over loopback from nginx, $profile build, $(nproc) cores, best of $rounds"
  release "$mb"
  base="http://127.0.0.1:14531"
  serve 14531
  lists "$base"
  for _ in $(seq "$rounds"); do
    timed curl curl_serial
    timed "curl --parallel" curl_parallel
    timed aria2c aria
    timed "curl, then flushed" with_sync curl_serial
    timed updater updater
  done
  diff -r --exclude updater "$work/app" "$work/build" && echo "  the installed tree equals the build"
  report "updater, verified, flushed and in place" 0.8 curl "curl --parallel" aria2c
}

long() {
  local size=${UPDRAFT_BENCH_LONG_MB:-100}
  echo "(b) $size MB over an emulated link: see the line of the proxy"
  release "$size"
  [ "${#started[@]}" -gt 0 ] || serve 14531
  "$(dirname "$bin")/$profile/examples/slow_link" 127.0.0.1:14532 127.0.0.1:14531 &
  started+=($!)
  sleep 0.5
  base="http://127.0.0.1:14532"
  lists "$base"
  best=()
  for _ in $(seq "$rounds"); do
    timed curl curl_serial
    timed "curl --parallel" curl_parallel
    timed aria2c aria
    timed updater updater
  done
  report "updater against curl" 2 curl
  report "updater against the fastest of the others" "-" curl "curl --parallel" aria2c
}

case "$part" in
  loopback) loopback ;;
  long) long ;;
  both) loopback; long ;;
  *) echo "usage: benches/transfer.sh [loopback|long]" >&2; exit 64 ;;
esac
