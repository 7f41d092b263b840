#!/usr/bin/env bash
# Windows programs under Wine (docs/windows.md says what that shows and what not). Builds for Windows and runs:
#   1. the tests that make sense there (the list is below): the main job, rename-aside of a program that runs and of a
#      library that is loaded, held files, self-update, the stand-in in an open swap, recovery after kills, waiting for
#      a process, restart with its arguments, long paths and any letters, the step with an administrator's rights, every
#      letter of every language                                              A76 A77 A78 A79 A84 A99 A110 A112 A113
#   2. the script from a clone to an updated program, without a window
#   3. an install on a volume that can only be read, and one this user may not change                         A84
#   4. pipes, files and exit codes from a command prompt and a batch file                                    A113
#   5. an updater with the rights of an administrator starts the program without them                        A110
#   6. the real window, optional, in Chinese: version 2 runs, in front; then nothing new      A90 A98 A99 A110 A111
#   7. the real window, required: closed, nothing runs                                                        A96
#   8. the real window, a slow line that is cut: it goes on                                                   A93
#   9. the real window, the program runs: it is waited for, "Close MyApp" closes it                       A76 A77
# usage: tests/windows/run.sh [FOLDER FOR PICTURES]
set -euo pipefail
cd "$(dirname "$0")/../.."
target="${CARGO_TARGET_DIR:-target}"
mkdir -p "$target"
target=$(realpath "$target")
pictures=$(realpath -m "${1:-target/screenshots}")
here_c=tests/windows
# shellcheck source=packaging/windows/wine.sh
. packaging/windows/wine.sh

# The tests that make sense on Windows, by the beginning of their names.
tests=(
  windows:: host:: vendor_app:: forced:: update:: install_swap:: trust_manifests:: bad_input:: settings::
  install_kill::a_kill_at_any_moment window::pictures::every_character
)
# Those among them that are left out here.
left_out=(
  what_has_come_already_needs_no_room_again # a file that is made longer takes its room at once
  any_pair:: # many random updates take minutes under Wine, and differ in nothing of Windows
)

need wine wine64 gcc-mingw-w64-x86-64 xvfb xdotool openbox imagemagick fonts-dejavu-core
rustup target add "$windows" > /dev/null 2>&1 || true
features=(--features checkpoints)
# Only the examples that these tests run.
cargo build --locked --target "$windows" --bins --example demo_host --example vendor_app --example apply_driver "${features[@]}"
# The tests themselves: those of the library that only Windows has, and the integration tests.
cargo test --locked --no-run --target "$windows" --lib --test it "${features[@]}" --message-format=json |
  python3 -c '
import json, sys
for line in sys.stdin:
    said = json.loads(line)
    if said.get("executable") and said["profile"]["test"]:
        print(said["target"]["name"], said["executable"])' > "$target/windows-tests"
program_of() { sed -n "s/^$1 //p" "$target/windows-tests" | tail -n 1; }
programs="$target/$windows/debug"
# shellcheck source=tests/windows/lib.sh
. tests/windows/lib.sh
updraft="$work/updraft"
printf '#!/bin/sh\nexec wine "%s/updraft.exe" "$@"\n' "$programs" > "$updraft"
chmod +x "$updraft"
make_prefix
build_c library.dll
build_c elevate.exe -municode
build_c desktop.exe -municode
fixtures="$target/$windows/fixtures"
# A run that was ended may have left its server, and a second one is refused.
end_wine
wineserver -p

# 1
timeout 300 env -u DISPLAY wine "$(program_of updraft)" platform::
export UPDRAFT_TEST_DLL="$fixtures/library.dll"
skips=()
for name in "${left_out[@]}"; do skips+=(--skip "$name"); done
UPDRAFT_KILLS=20 timeout 1200 env -u DISPLAY wine "$(program_of it)" --test-threads 3 "${skips[@]}" "${tests[@]}"

# 2
env -u DISPLAY UPDRAFT_BUILD_FLAGS="${features[*]}" packaging/windows/try-under-wine.sh

# An install of release 1 with release 2 published, for what needs no window.
world="$work/plain"
mkdir -p "$world/build" "$world/app/updater"
cp "$programs/examples/demo_host.exe" "$world/build/"
echo 1.0 > "$world/build/version.txt"
"$updraft" init "$world/www" --app App --keys "$world/keys" > /dev/null
publish() { "$updraft" publish "$world/build" --to "$world/www" --keys "$world/keys" --version "$1" --fast --start demo_host.exe > /dev/null; }
publish 1.0
cp "$programs/updater.exe" "$world/app/updater/"
cp "$world/www/metadata/root.json" "$world/app/updater/"
printf '{"app": "App", "sources": ["Z:%s"]}' "${world//\//\\\\}\\\\www" > "$world/app/updater/updater.json"
wine "$world/app/updater/updater.exe" update --no-start > "$work/plain.log"
echo 2.0 > "$world/build/version.txt"
publish 2.0

# 3. The server of Wine opens the files, so it has to live in the same world as the program.
refused() { # code of the failure, words, command...
  local code=$1 words=$2 said; shift 2
  end_wine
  said=$("$@" 2>&1) && fail "an install that can't be written was updated"
  end_wine
  case "$said" in *"[$code]"*) ;; *) fail "$words: $said" ;; esac
  case "$said" in *Downloading*) fail "$words: it is said before anything is fetched" ;; esac
  [ "$(cat "$world/app/version.txt")" = 1.0 ] || fail "$words: nothing was to change"
  ok "$words: $(printf '%s' "$said" | grep -F "[$code]" | head -n 1)"
}
if [ "$(id -u)" = 0 ] && unshare -m true 2> /dev/null; then
  # Wine says the same of both: access denied.
  # shellcheck disable=SC2016 # its own shell expands it
  refused disk.permission "a volume that can only be read" unshare -m sh -c \
    'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec wine "$1/updater/updater.exe" update --no-start' sh "$world/app"
  chmod -R a-w "$world/app"
  refused disk.permission "a folder this user may not change" \
    setpriv --bounding-set=-dac_override,-dac_read_search,-fowner wine "$world/app/updater/updater.exe" update --no-start
  chmod -R u+w "$world/app"
else
  echo "skipped: mounts and rights of our own can't be had"
  [ -z "${UPDRAFT_TEST_ALL:-}" ] || fail "UPDRAFT_TEST_ALL is set and mounts can't be had"
fi
wineserver -p

# 4
cat > "$world/app/check.bat" << 'BAT'
@updater\updater.exe check --json > check.json
@echo %errorlevel%> code.txt
@updater\updater.exe status | find "1.0" > piped.txt
BAT
(cd "$world/app" && wine cmd /c check.bat > "$work/batch.log" 2>&1)
grep -q '"status":"available"' "$world/app/check.json" || fail "the answer of a check should be in the file: $(cat "$work/batch.log")"
[ "$(tr -d '\r\n ' < "$world/app/code.txt")" = 10 ] || fail "the exit code should be 10: $(cat "$world/app/code.txt")"
grep -q '1\.0' "$world/app/piped.txt" || fail "a pipe should take what status says"
ok "a batch file gets output, pipes and exit codes"

# 5
wine "$fixtures/desktop.exe" "$work/desktop" > "$work/desktop.log" 2>&1 &
wait_for 30 "a desktop without an administrator's rights" test -e "$work/desktop"
export UPDRAFT_DEMO_TRACE="$world/starts.jsonl"
wine "$fixtures/elevate.exe" "$world/app/updater/updater.exe" --headless --wait-pid 1 --wait-started 1 -- \
  --no-check --headless --linger 1 "two words" || fail "the updater with more rights should update: $(cat "$work/desktop.log")"
unset UPDRAFT_DEMO_TRACE
wait_for 30 "version 2" grep -q '"version":"2.0"' "$world/starts.jsonl"
grep -q '"elevated":false' "$world/starts.jsonl" || fail "the program has the rights of an administrator: $(cat "$world/starts.jsonl")"
grep -qF '"two words"' "$world/starts.jsonl" || fail "its arguments are lost: $(cat "$world/starts.jsonl")"
rm -f "$work/desktop"
ok "an updater with more rights starts the program with those of the desktop"

# 6
scene one --language zh-CN
picture MyApp windows-optional-zh
# On a busy machine the pointer may be there before the window knows of it.
for _ in 1 2 3 4 5; do
  click MyApp 70 36
  for _ in $(seq 80); do event "$work/one" downloading && break 2; sleep 0.1; done
done
wait_for 5 "the download" event "$work/one" downloading
sleep 1
picture MyApp windows-progress-zh
wait_for 90 "the installed version" event "$work/one" installed
wait_for 60 "version 2" started "$work/one" 2.0
wait_for 60 "its window" window "MyApp 2.0"
in_front() { [ "$(xdotool getactivewindow getwindowname)" = "MyApp 2.0" ]; }
wait_for 20 "version 2 in front" in_front
picture "MyApp 2.0" windows-version-2
wait_for 60 "its word that it is well" event "$work/one" confirmed
ok "optional: by a click version 2 runs, in front"
before=$(starts "$work/one")
key "MyApp 2.0" alt+F4
wait_for 20 "its end" not window "MyApp 2.0"
UPDRAFT_DEMO_TRACE="$work/one/starts.jsonl" wine "$work/one/installed/MyApp/updater/updater.exe" > "$work/one-b.log" 2>&1 &
wait_for 40 "nothing new" event "$work/one" up-to-date
picture MyApp windows-nothing-new-zh
more_starts() { [ "$(starts "$work/one")" -gt "$before" ]; }
wait_for 40 "the program" more_starts
ok "nothing new: says so and starts the program"
end_scene one

# 7
scene two --language en --forced
picture MyApp windows-forced-en
key MyApp alt+F4
wait_for 30 "the end of the updater" event "$work/two" declined
sleep 2
[ "$(starts "$work/two")" = 1 ] || fail "a required update was declined, so nothing may be started"
ok "required and declined: nothing runs"

# 8 and 9: the same install with a server of this script.
end_scene two
app="$work/two/installed/MyApp"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export UPDRAFT_SOURCES="http://127.0.0.1:$port/MyApp" UPDRAFT_DEMO_TRACE="$work/two/starts.jsonl"
serve() {
  "$updraft" serve "$work/two/www" --listen "127.0.0.1:$port" > "$work/server.log" 2>&1 &
  server=$!
  wait_for 30 "the server" bash -c "exec 3<> /dev/tcp/127.0.0.1/$port"
}
fresh() {
  wait_for 20 "the end of the scene before" not window 'MyApp.*'
  rm -f "$work/two/starts.jsonl" "$app/updater/state/events.jsonl"
}
serve
fresh
(cd "$app" && exec wine demo_host.exe --no-check) > "$work/program.log" 2>&1 &
wait_for 60 "version 1" window "MyApp 1.0"
(cd "$app" && exec wine updater/updater.exe) > "$work/updater.log" 2>&1 &
wait_for 60 "the offer" event "$work/two" offered
wait_for 30 "the window" window MyApp
settle
key MyApp Return
wait_for 30 "the download" event "$work/two" downloading
kill -9 "$server"
wait "$server" 2> /dev/null || true
wait_for 60 "the drop" event "$work/two" interrupted
sleep 0.3
picture MyApp windows-reconnecting-en
serve
wait_for 90 "the connection" event "$work/two" continued
ok "cut and back: it goes on where it was"
wait_for 90 "the wait for the program" event "$work/two" waiting-for-host
settle
picture MyApp windows-waiting-en
grep -q '"name":"demo_host"' "$app/updater/state/events.jsonl" || fail "who is waited for should be named"
[ "$(tr -d '\r\n' < "$app/version.txt")" = 1.0 ] || fail "files were switched under a running program"
key MyApp Return
wait_for 60 "the end of version 1" not window "MyApp 1.0"
wait_for 90 "version 2" started "$work/two" 2.0
ok "waiting for the program: Close MyApp closes it, and version 2 runs"
end_below "$app"
kill -9 "$server" 2> /dev/null || true
server=
echo "$passed passed under Wine, 0 failed; pictures in $pictures"
