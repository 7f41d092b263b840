#!/usr/bin/env bash
# Requests a second and throughput of `updraft serve` beside Debian's nginx, one after the other in one run, over
# loopback alone. Needs nginx and wrk (Debian: apt install nginx-light wrk). Takes about a minute.
#   benches/serve.sh [SECONDS]      seconds of each measurement, default 5
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-5}
updraft=${UPDRAFT:-target/release/updraft}
[ -x "$updraft" ] || cargo build --release --bin updraft
# In memory where that can be: the disk is not what is measured.
place=$(mktemp -d -p /dev/shm 2> /dev/null || mktemp -d)
pids=
trap 'kill $pids 2> /dev/null || true; wait 2> /dev/null || true; rm -rf "$place"' EXIT

mkdir "$place/build"
head -c 2000 /dev/urandom > "$place/build/small"
head -c 40000000 /dev/urandom > "$place/build/large"
"$updraft" init "$place/repo" --app Bench > /dev/null
"$updraft" publish "$place/build" --to "$place/repo" --version 1 --fast > /dev/null
small=$(cd "$place/repo" && find objects targets metadata -type f -size -8k | head -n 1)
[ -n "$small" ] || { echo "the repository has no small file"; exit 1; }
large=$(cd "$place/repo" && find objects -type f -size +20000k | head -n 1)

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
ours=$(port) theirs=$(port) plain=$(port)
"$updraft" serve "$place/repo" --listen "127.0.0.1:$ours" --quiet > /dev/null &
pids="$pids $!"
cat > "$place/nginx.conf" <<EOF
daemon off; pid $place/nginx.pid; error_log $place/error.log; worker_processes auto;
events { worker_connections 1024; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  client_body_temp_path $place/b; proxy_temp_path $place/p; fastcgi_temp_path $place/f; uwsgi_temp_path $place/u;
  scgi_temp_path $place/s; server { listen 127.0.0.1:$theirs; root $place/repo; }
  # Not every machine is faster with sendfile: the better of both counts.
  server { listen 127.0.0.1:$plain; root $place/repo; sendfile off; output_buffers 2 256k; } }
EOF
chmod 755 "$place"
nginx=$(command -v nginx || echo /usr/sbin/nginx)
"$nginx" -c "$place/nginx.conf" -e "$place/error.log" &
pids="$pids $!"
for port in $ours $theirs $plain; do
  for _ in $(seq 100); do (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null && break; sleep 0.1; done
done

# Each is asked three times, in turns; the best of three counts, for other programs on the machine only take away.
measure() { # path, connections, field of wrk's answer
  for name in ours theirs plain; do best[$name]=0; done
  for _ in 1 2 3; do
    for name in ours theirs plain; do
      local value
      value=$(wrk -t 1 --timeout 30s -c "$2" -d "${seconds}s" "http://127.0.0.1:${!name}/$1" | tee "$place/wrk.log" | awk -v f="$3" '$1 == f {print $2}')
      grep -E 'Socket errors|Non-2xx' "$place/wrk.log" | sed "s/^/  $name:/" || true
      value=$(python3 -c 'import sys; t = sys.argv[1]; u = {"KB": 1e3, "MB": 1e6, "GB": 1e9}.get(t[-2:]); print(float(t[:-2]) * u if u else float(t))' "$value")
      best[$name]=$(python3 -c 'import sys; print(max(map(float, sys.argv[1:])))' "${best[$name]}" "$value")
    done
  done
  best[theirs]=$(python3 -c 'import sys; print(max(map(float, sys.argv[1:])))' "${best[theirs]}" "${best[plain]}")
}
declare -A best
ratio() { python3 -c 'import sys; a, b = map(float, sys.argv[1:]); print(f"{a / b:.2f}")' "${best[ours]}" "${best[theirs]}"; }
echo "$(nproc) processors, load before: $(cut -d ' ' -f 1-3 /proc/loadavg), $("$nginx" -v 2>&1)"
measure "$small" 50 Requests/sec:
printf 'small file, 50 connections:  updraft %.0f requests/s, nginx %.0f, ratio %s\n' "${best[ours]}" "${best[theirs]}" "$(ratio)"
measure "$large" 4 Transfer/sec:
printf 'large file, 4 connections:   updraft %.0f MB/s, nginx %.0f MB/s, ratio %s\n' "$(python3 -c "print(${best[ours]} / 1e6)")" "$(python3 -c "print(${best[theirs]} / 1e6)")" "$(ratio)"
