# What the tests of the real window share: a display of their own, and eyes and hands on it. Sourced, with `updraft`
# (the program) and `pictures` (a folder) set.
# shellcheck shell=bash

mkdir -p "$pictures"
work=$(mktemp -d)
unset WAYLAND_DISPLAY
export LIBGL_ALWAYS_SOFTWARE=1

Xvfb -displayfd 3 -screen 0 1024x768x24 -dpi 96 3> "$work/display" > /dev/null 2>&1 &
xvfb=$!
demo=
server=

# end_below FOLDER: ends every process whose program lies below FOLDER.
end_below() {
  local link exe
  for link in /proc/[0-9]*/exe; do
    exe=$(readlink "$link" 2> /dev/null) || continue
    case "$exe" in "$1"/*) link=${link#/proc/}; kill "${link%/exe}" 2> /dev/null || true ;; esac
  done
}

finish() {
  code=$?
  [ -z "$demo" ] || kill "$demo" 2> /dev/null || true
  [ -z "$server" ] || kill "$server" 2> /dev/null || true
  end_below "$work"
  kill "$xvfb" 2> /dev/null || true
  [ "$code" = 0 ] || { echo "FAILED"; cat "$work"/*.log 2> /dev/null | tail -40; find "$work" -name updater.log -exec tail -5 {} + 2> /dev/null; }
  rm -rf "$work"
}
trap finish EXIT
for _ in $(seq 100); do [ -s "$work/display" ] && break; sleep 0.1; done
DISPLAY=":$(cat "$work/display")"
export DISPLAY
openbox > /dev/null 2>&1 &

passed=0
ok() { passed=$((passed + 1)); echo "ok: $1"; }
fail() { echo "not ok: $1"; import -window root "$pictures/failure.png" || true; exit 1; }

# wait_for SECONDS WHAT COMMAND...: until the command succeeds
wait_for() {
  local limit=$1 what=$2; shift 2
  for _ in $(seq $((limit * 10))); do "$@" > /dev/null 2>&1 && return 0; sleep 0.1; done
  fail "waited $limit s for $what"
}
not() { ! "$@"; }
window() { xdotool search --onlyvisible --name "^$1\$" | tail -n 1 | grep . ; }
# A picture is for people to look at; a page that was quicker than the camera fails nothing.
picture() { import -window "$(window "$1")" "$pictures/$2.png" 2> /dev/null || echo "no picture of $2"; }
# The updater ignores clicks for half a second after a page change, as a person's hand would.
settle() { sleep 1; }
# click WINDOW-NAME X-FROM-RIGHT Y-FROM-BOTTOM; a third number that is negative counts from the top
click() {
  local id; id=$(window "$1")
  eval "$(xdotool getwindowgeometry --shell "$id")"
  local y=$((HEIGHT - $3))
  [ "$3" -ge 0 ] || y=$((-$3))
  # Within the window: where a frame of the window manager counts, xdotool's own X and Y are off by it.
  xdotool mousemove --window "$id" $((WIDTH - $2)) "$y" sleep 0.2 click 1
}
key() {
  local name=$1; shift
  # On a busy machine a window manager may answer late.
  for _ in 1 2 3 4 5 6; do
    xdotool windowactivate --sync "$(window "$name")" key --delay 120 "$@" 2> /dev/null && return 0
    sleep 0.5
  done
  fail "the key $* did not reach $name"
}
started() { grep -q "\"version\":\"$2\"" "$1/starts.jsonl"; }
starts() { wc -l < "$1/starts.jsonl" 2> /dev/null || echo 0; }
event() { grep -q "\"event\":\"$2\"" "$1/installed/MyApp/updater/state/events.jsonl"; }
# scene NAME ARGUMENTS...: a fresh demonstration, up to the moment the updater offers
scene() {
  local name=$1; shift
  "$updraft" demo --folder "$work/$name" "$@" > "$work/$name.log" 2>&1 &
  demo=$!
  wait_for 120 "the offer ($name)" event "$work/$name" offered
  # That may have been the offer of version 1, which is installed before version 2 is published.
  wait_for 120 "the window ($name)" window MyApp
  wait_for 20 "the offer of version 2 ($name)" event "$work/$name" offered
  settle
}
end_scene() {
  end_below "$work/$1/installed"
  kill "$demo" 2> /dev/null || true
  wait "$demo" 2> /dev/null || true
  demo=
}
