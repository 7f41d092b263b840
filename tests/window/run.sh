#!/usr/bin/env bash
# The real window under Xvfb, with a window manager and real pointer and key events, around the demonstration program:
#   1. optional: the dialog comes, "Update now" is clicked, progress is seen, version 2 runs          A90 A110 A111
#   2. optional: "Later" is clicked, version 1 runs                                                     A94
#   3. optional: the window is closed, version 1 runs                                                   A94
#   4. forced, in Chinese: the window is closed, nothing runs; started again and taken, version 2 runs  A96
#   5. nothing new, by double-click: it says so and starts the program                                  A98
#   6. the server is gone: the failure is shown, and the current version can be started                 A97 A100
#   7. the new version ends at once: the old one is back, and the window says so                        A83
#   8. skipped by keyboard: not offered again by itself, offered when a person asks                     A95
#   9. cut and back by "Retry now"                                                                      A93
#  10. paused by pointer: nothing comes; resumed by Enter
#  11. the program runs: the window waits, "Close MyApp" closes it
#      there is no room on the disk: both numbers are told before anything is fetched                  A54 A100
#  12. failure with details, tried again                                                                A100
#  13. a second start: the first window comes to the front; beside a headless one it shows its progress  A114
#  14. settings: a limit taken away holds at once and is written into updater.json
#  15. no OpenGL can be had: the processor paints the window, and the update goes its way              A101
#  16. by the accessibility bus alone (atspi.sh); behind other windows (behind.sh)                     A102 A94
# usage: tests/window/run.sh UPDRAFT [FOLDER FOR PICTURES]
set -euo pipefail
updraft=$(realpath "$1")
pictures=$(realpath -m "${2:-target/screenshots}")
here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/window/lib.sh
. "$here/lib.sh"

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
key MyApp alt+F4
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
end_below "$work/five/installed"

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

scene fifteen --language en
key MyApp Escape
wait_for 30 "version 1 again" window "MyApp 1.0"
key "MyApp 1.0" alt+F4
sleep 1
LIBGL_DRIVERS_PATH=/nonexistent __EGL_VENDOR_LIBRARY_FILENAMES=/nonexistent UPDRAFT_RENDERER=auto \
  UPDRAFT_DEMO_TRACE="$work/fifteen/starts.jsonl" "$work/fifteen/installed/MyApp/updater/updater" > "$work/fifteen-b.log" 2>&1 &
wait_for 20 "the window without OpenGL" window MyApp
settle
picture MyApp real-optional-no-gl
grep -rqs "painted without it" "$work/fifteen/installed/MyApp/updater/state" || fail "OpenGL should have been missing"
key MyApp Return
wait_for 60 "the installed version" event "$work/fifteen" installed
wait_for 30 "version 2" started "$work/fifteen" 2.0
ok "no OpenGL: the window is painted without it, version 2 is installed and started"
end_scene fifteen

# From here on a world whose server and program this script holds in its own hands.
scene seven --language en
end_scene seven
world="$work/seven"
app="$world/installed/MyApp"
cp -a "$app" "$world/first"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export UPDRAFT_SOURCES="http://127.0.0.1:$port/MyApp" UPDRAFT_DEMO_TRACE="$world/starts.jsonl" UPDRAFT_CHECK_TIMEOUT=3
serve() {
  "$updraft" serve "$world/www" --listen "127.0.0.1:$port" > "$work/server.log" 2>&1 &
  server=$!
  wait_for 20 "the server" bash -c "exec 3<> /dev/tcp/127.0.0.1/$port"
}
# Not asked to end: it would finish what it has begun.
cut_off() { kill -9 "$server"; wait "$server" 2> /dev/null || true; server=; }
# fresh LIMIT: version 1 again, as it was installed
fresh() {
  end_below "$app"
  wait_for 10 "the end of the scene before" not window 'MyApp.*'
  rm -rf "$app" "$world/starts.jsonl"
  cp -a "$world/first" "$app"
  rm -f "$app/updater/state/events.jsonl"
  sed -i "s/\"limit\": [0-9]*/\"limit\": $1/" "$app/updater/updater.json"
}
# updater ARGUMENTS...: a double-click on the updater
updater() {
  (cd "$app" && exec updater/updater "$@") >> "$work/updater.log" 2>&1 &
  last=$!
}
program() { (cd "$app" && exec ./demo_host "$@") >> "$work/program.log" 2>&1 & }
offered() { event "$world" offered; }
open_offer() {
  updater "$@"
  wait_for 30 "the offer" offered
  wait_for 20 "the window" window MyApp
  settle
}
update_now() { key MyApp Return; wait_for 20 "the download" event "$world" downloading; settle; }

serve
fresh 3000000
program
wait_for 30 "the offer" offered
wait_for 20 "the window" window MyApp
settle
# Tab goes to the first button, which skips this version.
key MyApp Tab space
wait_for 20 "the word that it is skipped" grep -q '"event":"declined","skip":true' "$app/updater/state/events.jsonl"
wait_for 30 "version 1 again" window "MyApp 1.0"
key "MyApp 1.0" alt+F4
wait_for 10 "its end" not window "MyApp 1.0"
rm -f "$app/updater/state/events.jsonl"
program
wait_for 30 "version 1" window "MyApp 1.0"
sleep 1
offered && fail "a skipped version was offered by itself"
key "MyApp 1.0" alt+F4
open_offer
picture MyApp real-offered-by-hand-en
key MyApp Escape
ok "skipped: not offered again by itself, and offered when a person asks"

fresh 1000000
open_offer
update_now
picture MyApp real-progress-slow-en
cut_off
wait_for 30 "the drop" event "$world" interrupted
sleep 0.3
picture MyApp real-reconnecting-en
serve
settle
key MyApp Return
wait_for 40 "the connection" event "$world" continued
picture MyApp real-continued-en
wait_for 60 "version 2" started "$world" 2.0
ok "cut and back: it goes on where it was, by a press on Retry now"

fresh 2000000
open_offer
update_now
click MyApp 60 36
wait_for 20 "the pause" event "$world" paused
settle
picture MyApp real-paused-en
bytes_here() { du -sb "$app/updater/state" | cut -f1; }
before=$(bytes_here)
sleep 2
after=$(bytes_here)
[ "$before" = "$after" ] || fail "bytes came while it was paused"
key MyApp Return
wait_for 20 "the end of the pause" event "$world" unpaused
wait_for 60 "version 2" started "$world" 2.0
ok "paused: nothing comes; resumed: version 2 runs"

fresh 30000000
program --no-check
wait_for 30 "version 1" window "MyApp 1.0"
open_offer
key MyApp Return
wait_for 30 "the wait" event "$world" waiting-for-host
settle
picture MyApp real-waiting-en
[ "$(cat "$app/version.txt")" = 1.0 ] || fail "files were switched under a running program"
key MyApp Return
wait_for 30 "the end of version 1" not window "MyApp 1.0"
wait_for 60 "version 2" started "$world" 2.0
ok "waiting for the program: Close MyApp closes it, and version 2 runs"

# A disk of its own that is too small; only root can make one.
if [ "$(id -u)" = 0 ] && mkdir -p "$world/small" && mount -t tmpfs -o "size=$(($(du -sk "$world/first" | cut -f1) + 1500))k" none "$world/small" 2> /dev/null; then
  fresh 30000000
  cp -a "$world/first" "$world/small/MyApp"
  (cd "$world/small/MyApp" && exec updater/updater) >> "$work/updater.log" 2>&1 &
  small_event() { grep -q "\"event\":\"$1\"" "$world/small/MyApp/updater/state/events.jsonl"; }
  wait_for 30 "the offer" small_event offered
  wait_for 20 "the window" window MyApp
  settle
  key MyApp Return
  wait_for 30 "the failure" small_event failed
  settle
  picture MyApp real-no-room-en
  grep -q '"code":"disk.space"' "$world/small/MyApp/updater/state/events.jsonl" || fail "the want of room should be the cause"
  [ "$(cat "$world/small/MyApp/version.txt")" = 1.0 ] || fail "nothing may have changed"
  end_below "$world/small"
  wait_for 10 "its end" not window MyApp
  umount "$world/small"
  ok "no room on the disk: told with both numbers before anything is fetched"
else
  echo "skipped: a small disk takes root"
fi

fresh 30000000
cut_off
updater
wait_for 30 "the failure" event "$world" failed
wait_for 20 "the window" window MyApp
settle
key MyApp Tab Return
settle
picture MyApp real-failed-details-en
serve
# The first link has the focus now, so Return is its key: click the main button.
click MyApp 60 36
wait_for 30 "the offer" offered
settle
key MyApp Return
wait_for 60 "version 2" started "$world" 2.0
ok "a failure with its details; tried again, version 2 runs"

fresh 1000000
open_offer
update_now
first=$(window MyApp)
program --no-check
wait_for 30 "version 1 in front" window "MyApp 1.0"
xdotool windowactivate --sync "$(window "MyApp 1.0")"
updater
second=$last
wait_for 20 "the second updater to end" not kill -0 "$second"
wait "$second" || fail "the second start should end well"
in_front() { [ "$(xdotool getactivewindow)" = "$first" ]; }
wait_for 10 "the first window in front" in_front
[ "$(xdotool search --onlyvisible --name '^MyApp$' | wc -l)" = 1 ] || fail "there should be one window"
ok "a second start brings the first window to the front"

fresh 1000000
updater update --no-start
wait_for 30 "the download" event "$world" downloading
updater
second=$last
wait_for 20 "its window" window MyApp
sleep 1.5
picture MyApp real-following-en
key MyApp Escape
wait_for 20 "the second updater to end" not kill -0 "$second"
wait_for 60 "the end of the first" event "$world" installed
ok "a second start beside an updater without a window shows its progress"

fresh 1000000
open_offer
click MyApp 26 -26
settle
picture MyApp real-settings-en
# To the speed limit, open its list, take its first line: no limit.
key MyApp Tab Tab Tab Return
settle
picture MyApp real-settings-list-en
key MyApp Tab Return
wait_for 10 "the choice in the settings file" not grep -q '"limit"' "$app/updater/updater.json"
grep -q '"title": "MyApp"' "$app/updater/updater.json" || fail "the rest of the settings file should stay"
settle
picture MyApp real-settings-saved-en
key MyApp Escape
settle
key MyApp Return
wait_for 30 "version 2, at once" started "$world" 2.0
for link in /proc/[0-9]*/exe; do
  exe=$(readlink "$link" 2> /dev/null) || continue
  case "$exe" in "$app"/*) ! grep -qz '^XCOMPOSEFILE=' "${link%/exe}/environ" || fail "the program should have its own list of composed keys" ;; esac
done
ok "the settings: a limit taken away holds at once and is written down"
end_below "$app"
cut_off
unset UPDRAFT_SOURCES UPDRAFT_DEMO_TRACE UPDRAFT_CHECK_TIMEOUT

# In sessions of their own, as the bus of a desktop must not be asked to speak.
if command -v dbus-run-session > /dev/null && /usr/bin/python3 -c 'import pyatspi' 2> /dev/null; then
  "$here/atspi.sh" "$updraft" "$pictures" 2> "$work/atspi.log" || fail "the window can't be used through the accessibility bus"
  ok "the accessibility bus"
  "$here/behind.sh" "$updraft" "$pictures" 2> "$work/behind.log" || fail "the desktop hears nothing of a window behind others"
  ok "a notification and the bar in the dock"
else
  echo "skipped: at-spi2-core, python3-pyatspi or dbus is not installed"
  [ -z "${UPDRAFT_TEST_ALL:-}" ] || fail "UPDRAFT_TEST_ALL is set and the accessibility bus is not there"
fi

echo "$passed passed, 0 failed"
echo "pictures in $pictures"
