#!/usr/bin/env bash
# A person with a screen reader: finds "Update now" through the accessibility bus and presses it; version 2 runs.  A102
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
