#!/usr/bin/env bash
# A person who works in another window: an update that waits is told by a notification of the desktop, a press on it brings
# the window to the front, and the program's entry in the dock shows how far the update is.          A90 A94
# Needs dbus and python3-gi (Debian's names) beside what run.sh needs.
# usage: tests/window/behind.sh UPDRAFT [FOLDER FOR PICTURES]
set -euo pipefail
if [ -z "${UPDRAFT_IN_SESSION:-}" ]; then
  UPDRAFT_IN_SESSION=1 exec dbus-run-session -- "$0" "$@"
fi
updraft=$(realpath "$1")
pictures=$(realpath -m "${2:-target/screenshots}")
here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/window/lib.sh
. "$here/lib.sh"

/usr/bin/python3 "$here/notifier.py" "$work/desktop.jsonl" "$work/press" 2> "$work/notifier.log" &
notifier=$!
trap 'kill "$notifier" 2> /dev/null || true; finish' EXIT
said() { grep -q "$1" "$work/desktop.jsonl"; }
wait_for 20 "the desktop" said '"ready": true'

scene behind --language en
app="$work/behind/installed/MyApp"
key MyApp Escape
wait_for 30 "version 1 again" window "MyApp 1.0"
wait_for 20 "the end of the updater" not window MyApp
rm -f "$work/desktop.jsonl" "$app/updater/state/events.jsonl"
touch "$work/desktop.jsonl"
UPDRAFT_DEMO_TRACE="$work/behind/starts.jsonl" "$app/updater/updater" --background > "$work/behind-b.log" 2>&1 &
# Started in its own time: whoever works goes on working meanwhile.
for _ in $(seq 40); do
  xdotool windowactivate --sync "$(window "MyApp 1.0")" 2> /dev/null || true
  window MyApp > /dev/null && break
  sleep 0.05
done
xdotool windowactivate --sync "$(window "MyApp 1.0")"
wait_for 30 "the offer" event "$work/behind" offered
wait_for 20 "a notification" said '"notify": "Version 2.0 is available"'
said '"program": "MyApp"' || fail "the notification should be in the program's name"
ok "an update that waits behind another window is told by a notification"
# Nobody presses at once; and half a second after a person has done something in another window, openbox lets no other one
# come to the front.
settle
touch "$work/press"
in_front() { [ "$(xdotool getactivewindow)" = "$(window MyApp)" ]; }
wait_for 20 "the window in front" in_front
wait_for 20 "the end of the notification" said '"closed"'
ok "a press on the notification brings the window to the front, and it is taken back"
settle
key MyApp Return
wait_for 30 "a bar" said '"visible": true'
# Version 1 still runs: Enter closes it.
wait_for 60 "the wait" event "$work/behind" waiting-for-host
settle
key MyApp Return
wait_for 60 "version 2" started "$work/behind" 2.0
wait_for 20 "the end of the bar" bash -c "grep '\"bar\"' '$work/desktop.jsonl' | tail -n 1 | grep -q '\"visible\": false'"
grep -q '"entry": "application://myapp.desktop"' "$work/desktop.jsonl" || fail "the bar should be at the program's entry"
ok "the program's entry in the dock shows how far the update is"
end_scene behind
