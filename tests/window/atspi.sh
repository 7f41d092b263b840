#!/usr/bin/env bash
# A person with a screen reader, through the accessibility bus alone:
#   1. finds "Update now" and presses it; version 2 runs                                               A102
#   2. two versions behind, in Chinese: the notes of both are there, the newest first                  A99 A103
# Needs at-spi2-core, python3-pyatspi and dbus (Debian's names) beside what run.sh needs.
# usage: tests/window/atspi.sh UPDRAFT [FOLDER FOR PICTURES]
set -euo pipefail
if [ -z "${UPDRAFT_IN_SESSION:-}" ]; then
  UPDRAFT_IN_SESSION=1 exec dbus-run-session -- "$0" "$@"
fi
updraft=$(realpath "$1")
pictures=$(realpath -m "${2:-target/screenshots}")
here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/window/lib.sh
. "$here/lib.sh"

# What a screen reader does when it starts: the bus is there, and programs shall speak on it.
bus() { dbus-send --session --dest=org.a11y.Bus --print-reply "$@"; }
wait_for 20 "the accessibility bus" bus /org/a11y/bus org.a11y.Bus.GetAddress
for name in IsEnabled ScreenReaderEnabled; do
  bus /org/a11y/bus org.freedesktop.DBus.Properties.Set string:org.a11y.Status "string:$name" variant:boolean:true > /dev/null
done

scene spoken --language en
"$here/atspi.py" MyApp "Update now" 30 | tee "$work/spoken.txt"
grep -q "Version 2.0 is available" "$work/spoken.txt" || fail "the title is not to be heard"
wait_for 20 "the download" event "$work/spoken" downloading
wait_for 60 "version 2" started "$work/spoken" 2.0
ok "through the accessibility bus: Update now is found and pressed, version 2 runs"
end_scene spoken

scene notes --language zh-CN
key MyApp Escape
wait_for 30 "version 1 again" window "MyApp 1.0"
echo 2.1 > "$work/notes/build-2.0/version.txt"
echo '- Starts **at once**.' > "$work/notes/notes.en.md"
echo '- 启动**更快**了。' > "$work/notes/notes.zh-CN.md"
"$updraft" publish "$work/notes/build-2.0" --to "$work/notes/www/MyApp" --keys "$work/notes/keys" --version 2.1 \
  --start demo_host --confirm-health --notes "$work/notes/notes.en.md" "$work/notes/notes.zh-CN.md" > "$work/publish.log" 2>&1
rm -f "$work/notes/installed/MyApp/updater/state/events.jsonl"
UPDRAFT_DEMO_TRACE="$work/notes/starts.jsonl" "$work/notes/installed/MyApp/updater/updater" > "$work/notes-b.log" 2>&1 &
wait_for 30 "the offer" event "$work/notes" offered
settle
picture MyApp real-notes-of-two-versions-zh
"$here/atspi.py" MyApp "立即更新" 30 | tee "$work/spoken.txt"
line() { grep -n -m 1 "$1" "$work/spoken.txt" | cut -d : -f 1; }
[ "$(line '启动')" -lt "$(line '六个模块')" ] || fail "the notes of 2.1 and of 2.0 should be there, the newest first"
grep -q 'Starts' "$work/spoken.txt" && fail "the notes should be in Chinese alone"
# Version 1 still runs, for the server is the demonstration's: Enter closes it.
wait_for 60 "the wait" event "$work/notes" waiting-for-host
settle
key MyApp Return
wait_for 60 "version 2.1" started "$work/notes" 2.1
ok "two versions behind: the notes of both, newest first, in the person's language"
end_scene notes
