#!/usr/bin/env bash
# The real window under Xvfb, with a window manager and real pointer and key events, around the demonstration program:
#   1. optional: the dialog comes, "Update now" is clicked, progress is seen, version 2 runs          A90 A110 A111
#   2. optional: "Later" is clicked, version 1 runs                                                     A94
#   3. optional: the window is closed, version 1 runs                                                   A94
#   4. forced, in Chinese: the window is closed, nothing runs; started again and taken, version 2 runs  A96
#   5. nothing new, by double-click: it says so and starts the program                                  A98
#   6. the server is gone: the failure is shown, and the current version can be started                 A97 A100
#   7. the new version ends at once: the old one is back, and the window says so                        A83
#   8. no OpenGL can be had: the processor paints the window, and the update goes its way               A101
# usage: tests/window/run.sh UPDRAFT [FOLDER FOR PICTURES]
set -euo pipefail
updraft=$(realpath "$1")
pictures=$(realpath -m "${2:-target/screenshots}")
mkdir -p "$pictures"
work=$(mktemp -d)
unset WAYLAND_DISPLAY
export LIBGL_ALWAYS_SOFTWARE=1 NO_AT_BRIDGE=1

Xvfb -displayfd 3 -screen 0 1024x768x24 -dpi 96 3> "$work/display" > /dev/null 2>&1 &
xvfb=$!
demo=
finish() {
  code=$?
  [ -z "$demo" ] || kill "$demo" 2> /dev/null || true
  pkill -f "$work" 2> /dev/null || true
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
window() { xdotool search --onlyvisible --name "^$1\$" | tail -n 1 | grep . ; }
# A picture is for people to look at; a page that was quicker than the camera fails nothing.
picture() { import -window "$(window "$1")" "$pictures/$2.png" 2> /dev/null || echo "no picture of $2"; }
# The updater ignores clicks for half a second after a page change, as a person's hand would.
settle() { sleep 1; }
# click WINDOW-NAME X-FROM-RIGHT Y-FROM-BOTTOM
click() {
  local id; id=$(window "$1")
  eval "$(xdotool getwindowgeometry --shell "$id")"
  xdotool mousemove $((X + WIDTH - $2)) $((Y + HEIGHT - $3)) sleep 0.2 click 1
}
key() {
  # On a busy machine a window manager may answer late.
  for _ in 1 2 3 4 5 6; do
    xdotool windowactivate --sync "$(window "$1")" key "$2" 2> /dev/null && return 0
    sleep 0.5
  done
  fail "the key $2 did not reach $1"
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
  wait_for 20 "the window ($name)" window MyApp
  settle
}
end_scene() {
  pkill -f "$work/$1/installed" 2> /dev/null || true
  kill "$demo" 2> /dev/null || true
  wait "$demo" 2> /dev/null || true
  demo=
}

scene one --language en
picture MyApp real-optional-en
click MyApp 70 36
wait_for 20 "the download" event "$work/one" downloading
sleep 1.2
picture MyApp real-progress-en
wait_for 60 "the installed version" event "$work/one" installed
sleep 0.6
picture MyApp real-done-en
wait_for 30 "version 2" started "$work/one" 2.0
wait_for 30 "its window" window "MyApp 2.0"
sleep 0.5
picture "MyApp 2.0" real-version-2
wait_for 30 "its word that it is well" event "$work/one" confirmed
ok "Update now: version 2 runs"
end_scene one

scene two --language zh-CN
picture MyApp real-optional-zh
# Later is the button left of the main one; by keyboard it is Escape, by pointer the scene after this.
key MyApp Escape
wait_for 30 "version 1 again" window "MyApp 1.0"
[ "$(starts "$work/two")" = 2 ] && ! started "$work/two" 2.0 || fail "version 1 should have been started once more"
ok "Later by Escape: version 1 runs"
end_scene two

scene three --language en
key MyApp alt+F4
wait_for 30 "version 1 again" window "MyApp 1.0"
! started "$work/three" 2.0 || fail "version 2 must not run"
ok "closing the window: version 1 runs"
end_scene three

scene four --language zh-CN --forced
picture MyApp real-forced-zh
key MyApp Escape
wait_for 20 "the end of the updater" event "$work/four" declined
sleep 2
[ "$(starts "$work/four")" = 1 ] || fail "a required update was declined, so nothing may be started"
ok "required and declined: nothing runs"
UPDRAFT_DEMO_TRACE="$work/four/starts.jsonl" "$work/four/installed/MyApp/updater/updater" > "$work/four-b.log" 2>&1 &
sleep 0.5
# The server of the demonstration may have ended with it; then this scene has nothing more to say.
if kill -0 "$demo" 2> /dev/null; then
  wait_for 20 "the offer again" event "$work/four" offered
  wait_for 20 "the window again" window MyApp
  settle
  key MyApp Return
  wait_for 60 "version 2" started "$work/four" 2.0
  ok "required and taken by Enter: version 2 runs"
fi
end_scene four

scene five --language en
key MyApp Return
wait_for 60 "version 2" started "$work/five" 2.0
wait_for 30 "its word that it is well" event "$work/five" confirmed
before=$(starts "$work/five")
key "MyApp 2.0" alt+F4
sleep 1
UPDRAFT_DEMO_TRACE="$work/five/starts.jsonl" "$work/five/installed/MyApp/updater/updater" > "$work/five-b.log" 2>&1 &
wait_for 20 "nothing new" event "$work/five" up-to-date
sleep 0.6
picture MyApp real-nothing-new-en
more_starts() { [ "$(starts "$work/five")" -gt "$before" ]; }
wait_for 20 "the program" more_starts
wait_for 20 "its window" window "MyApp 2.0"
ok "nothing new: says so and starts the program"
kill "$demo" 2> /dev/null || true
wait "$demo" 2> /dev/null || true
demo=
key "MyApp 2.0" alt+F4
sleep 1
UPDRAFT_CHECK_TIMEOUT=2 UPDRAFT_DEMO_TRACE="$work/five/starts.jsonl" "$work/five/installed/MyApp/updater/updater" > "$work/five-c.log" 2>&1 &
wait_for 30 "the failure" event "$work/five" failed
sleep 0.6
picture MyApp real-failed-en
ok "the server is gone: the failure is shown"
pkill -f "$work/five/installed" || true

scene six --language en
# The new version ends at once on this machine: the old one must come back, and the window say so.
echo 'crash' > "$work/six/installed/MyApp/behave.txt"
key MyApp Return
wait_for 60 "the way back" event "$work/six" rolled-back
wait_for 20 "the window that says so" window MyApp
sleep 1
picture MyApp real-rolled-back-en
grep -q '^1.0' "$work/six/installed/MyApp/version.txt" || fail "version 1 should be back"
ok "a version that does not live: the old one is back and the window says so"
end_scene six

scene seven --language en
key MyApp Escape
wait_for 30 "version 1 again" window "MyApp 1.0"
key "MyApp 1.0" alt+F4
sleep 1
LIBGL_DRIVERS_PATH=/nonexistent __EGL_VENDOR_LIBRARY_FILENAMES=/nonexistent UPDRAFT_RENDERER=auto \
  UPDRAFT_DEMO_TRACE="$work/seven/starts.jsonl" "$work/seven/installed/MyApp/updater/updater" > "$work/seven-b.log" 2>&1 &
wait_for 20 "the window without OpenGL" window MyApp
settle
picture MyApp real-optional-no-gl
grep -rqs "painted without it" "$work/seven/installed/MyApp/updater/state" || fail "OpenGL should have been missing"
key MyApp Return
wait_for 60 "the installed version" event "$work/seven" installed
wait_for 30 "version 2" started "$work/seven" 2.0
ok "no OpenGL: the window is painted without it, version 2 is installed and started"
end_scene seven

echo "$passed passed, 0 failed"
echo "pictures in $pictures"
