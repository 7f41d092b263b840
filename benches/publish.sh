#!/usr/bin/env bash
# What publishing costs: 3,000 files and 250 MB with nothing changed, then with two changed files; then kills at random
# moments and two publishers at once, a hundred times each. Needs bash and python3.
#   benches/publish.sh [target/release/updraft] [rounds, 100 if not given] [folder | s3]
# With s3 the repository lies in a server that speaks like S3 (Python's moto, see .ci/run), otherwise in a folder.
set -euo pipefail
cd "$(dirname "$0")/.."
updraft=${1:-target/release/updraft}
rounds=${2:-100}
where=${3:-folder}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT

make_tree() {
  python3 - "$1" "$2" "$3" <<'PY'
import os, random, sys
root, files, total = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
random.seed(7)
words = [bytes(random.choices(b"abcdefghijklmnopqrstuvwxyz", k=random.randint(2, 9))) for _ in range(5000)]
for at in range(files):
    path = os.path.join(root, f"d{at % 60}", f"file{at}.dat")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    size, out = total // files, bytearray()
    while len(out) < size:
        out += random.choice(words) + b" " if at % 3 else random.randbytes(64)
    with open(path, "wb") as file:
        file.write(out[:size])
PY
}

repo="$work/repo"
if [ "$where" = s3 ]; then
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "${UPDRAFT_TEST_S3_PYTHON:-${XDG_CACHE_HOME:-$HOME/.cache}/updraft-s3/bin/python}" tests/it/support/s3_server.py "$port" > /dev/null 2>&1 &
  server=$!
  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 UPDRAFT_ENDPOINT="http://127.0.0.1:$port"
  unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY || true
  for _ in $(seq 100); do python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))" 2> /dev/null && break; sleep 0.2; done
  python3 - "$port" <<'PY'
import sys, urllib.request
sign = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"
request = urllib.request.Request(f"http://127.0.0.1:{sys.argv[1]}/bucket", method="PUT", headers={"Authorization": sign})
urllib.request.urlopen(request).read()
PY
  repo=s3://bucket/MyApp
fi
publish() { "$updraft" publish "$work/$1" --to "$repo" --keys "$work/keys" --version "$2" --fast "${@:3}"; }
timed() {
  python3 - "$@" <<'PY'
import resource, subprocess, sys, time
begin = time.monotonic()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(f"  {time.monotonic() - begin:.2f} s, {peak // 1024} MiB of memory")
PY
}

"$updraft" init "$repo" --app MyApp --keys "$work/keys" --no-passphrase > /dev/null
if [ "$where" = folder ]; then
  make_tree "$work/build" 3000 250000000
  echo "3,000 files, 250 MB: the first publish"
  timed "$updraft" publish "$work/build" --to "$repo" --keys "$work/keys" --version 1 --fast
  for _ in 1 2 3; do
    echo "nothing changed"
    timed "$updraft" publish "$work/build" --to "$repo" --keys "$work/keys" --version 2 --fast
  done
  for round in 1 2 3; do
    echo "round $round" >> "$work/build/d1/file1.dat"
    echo "round $round" >> "$work/build/d2/file2.dat"
    echo "two files changed"
    timed "$updraft" publish "$work/build" --to "$repo" --keys "$work/keys" --version "2.$round" --fast
  done
fi

make_tree "$work/small" 40 4000000
begin=$(date +%s%N)
publish small k0 --channel kill > /dev/null
took=$((($(date +%s%N) - begin) / 1000000))
killed=0
for round in $(seq "$rounds"); do
  echo "$round" >> "$work/small/d1/file1.dat"
  head -c 200000 /dev/urandom > "$work/small/d2/file2.dat"
  publish small "k$round" --channel kill > /dev/null 2>&1 &
  child=$!
  sleep "$(python3 -c "import random; print(random.random() * $took / 1000)")"
  if kill -9 "$child" 2> /dev/null; then killed=$((killed + 1)); fi
  wait "$child" 2> /dev/null || true
  "$updraft" verify "$repo" > "$work/said" || { cat "$work/said"; echo "not valid after kill $round"; exit 1; }
done
echo "killed $killed times of $rounds: valid after each"

both=0
for round in $(seq "$rounds"); do
  head -c 200000 /dev/urandom > "$work/small/d2/file2.dat"
  publish small "a$round" --channel two > "$work/a" 2>&1 & first=$!
  publish small "b$round" --channel two > "$work/b" 2>&1 & second=$!
  one=0; two=0
  wait "$first" || one=$?
  wait "$second" || two=$?
  case "$one$two" in 00) both=$((both + 1)) ;; 060 | 600) ;; *) cat "$work/a" "$work/b"; echo "ended with $one and $two"; exit 1 ;; esac
  "$updraft" verify "$repo" > "$work/said" || { cat "$work/said"; echo "not valid after pair $round"; exit 1; }
done
echo "two at once $rounds times: valid after each; $both times both ended well, else one was told to wait"
"$updraft" prune "$repo" --keys "$work/keys" --keep 3 --grace-hours 0
"$updraft" verify "$repo" | tail -1
