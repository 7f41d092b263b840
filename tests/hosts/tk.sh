#!/usr/bin/env bash
# The example in Python with its window (tkinter), under Xvfb with real keys: the program asks in a window of its own, the
# updater's window asks as well, release 2 starts in a window that says what it was updated from, and is well.
# A20 A110 A111 A113
# usage: tests/hosts/tk.sh FOLDER WITH updraft AND updater [FOLDER FOR PICTURES]
set -euo pipefail
cd "$(dirname "$0")/../.."
programs=$(realpath "$1")
updraft="$programs/updraft"
pictures=$(realpath -m "${2:-target/screenshots}")
# shellcheck source=tests/window/lib.sh
. tests/window/lib.sh

python3 -c 'import tkinter' || fail "tkinter is not here (Debian: python3-tk)"
app="$work/home/MyApp"
mkdir -p "$work/build" "$app/updater"
install -m 755 examples/hosts/python/myapp.py "$work/build/myapp.py"
publish() {
  echo "$1" > "$work/build/version"
  "$updraft" publish "$work/build" --to "$work/www" --keys "$work/keys" --version "$1" --fast --delta none \
    --start myapp.py --confirm-health --health-seconds 60 > /dev/null
}
"$updraft" init "$work/www" --app MyApp --keys "$work/keys" > /dev/null
publish 1.0
cp "$programs/updater" "$work/www/metadata/root.json" "$app/updater/"
printf '{"app": "MyApp", "sources": ["%s"], "language": "en"}' "$work/www" > "$app/updater/updater.json"
"$app/updater/updater" update --no-start > "$work/install.log"
publish 2.0

events="$app/updater/state/events.jsonl"
seen() { grep -q "\"event\":\"$1\"" "$events"; }
"$app/myapp.py" "$work/notes" "two words" --window > "$work/program.log" 2>&1 &
# Tk gives its question the name it was told, and the updater's window has the same one: the events tell them apart.
rm -f "$events"
wait_for 60 "the program's own question" window MyApp
settle
picture MyApp host-tk-question
key MyApp Return
wait_for 60 "the offer in the updater's window" seen offered
wait_for 30 "the updater's window" window MyApp
settle
key MyApp Return
wait_for 60 "release 2" grep -q $'^2.0\ttwo words\t' "$work/notes"
grep -q $'\t1.0$' "$work/notes" || fail "it should say what it was updated from: $(cat "$work/notes")"
shown() { xdotool search --onlyvisible --pid "$(pgrep -f -- "$app/myapp.py" | tail -n 1)" --name '^MyApp$'; }
wait_for 30 "its window" shown
settle
picture MyApp host-tk-updated
wait_for 60 "its word that it is well" seen confirmed
[ "$(wc -l < "$work/notes")" = 1 ] || fail "release 1 handed over before its work: $(cat "$work/notes")"
ok "the program in Python with a window: asked, handed over, updated, well"
key MyApp alt+F4
echo "$passed passed"
