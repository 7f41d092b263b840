#!/usr/bin/env bash
# An installer for Windows, from a vendor's folder to a clean machine again, under Wine:
#   1. `updraft package` and makensis make it; it installs without a question and without rights, per user
#   2. the copy knows which release it is: nothing new, every file as signed                                    A25
#   3. the program asks at its start, hands over, and the window updates it to release 2                A110 A111 A113
#   4. a second run of the installer puts release 1 back, and the program updates itself without a window
#   5. the uninstaller is refused while the program runs, and says so                                            A76
#   6. the uninstaller takes everything that the installer or an update laid down, and nothing of the user       A75
# usage: tests/packaging/nsis.sh [FOLDER FOR PICTURES [FOLDER TO KEEP THE PACKAGES IN]]; UPDRAFT_BUILD_FLAGS for cargo
set -euo pipefail
cd "$(dirname "$0")/../.."
target="${CARGO_TARGET_DIR:-target}"
mkdir -p "$target"
target=$(realpath "$target")
pictures=$(realpath -m "${1:-target/screenshots}")
here_c=tests/windows
# shellcheck source=packaging/windows/wine.sh
. packaging/windows/wine.sh

need wine wine64 gcc-mingw-w64-x86-64 nsis xvfb xdotool openbox imagemagick fonts-dejavu-core
rustup target add "$windows" > /dev/null 2>&1 || true
read -ra flags <<< "${UPDRAFT_BUILD_FLAGS:-}"
cargo build --locked --bin updraft "${flags[@]}"
cargo build --locked --target "$windows" --bin updater --example demo_host "${flags[@]}"
updraft="$target/debug/updraft"
programs="$target/$windows/debug"
# shellcheck source=tests/windows/lib.sh
. tests/windows/lib.sh
make_prefix
end_wine
wineserver -p

# The vendor: a program, release 1, the installer.
strip_to() { x86_64-w64-mingw32-strip -o "$2" "$1"; }
mkdir -p "$work/build/数据" "$work/build/plugins"
strip_to "$programs/examples/demo_host.exe" "$work/build/demo_host.exe"
strip_to "$programs/updater.exe" "$work/updater.exe"
release() { # version, more...
  local version=$1; shift
  echo "$version" > "$work/build/version.txt"
  "$updraft" publish "$work/build" --to "$work/www/MyApp" --keys "$work/keys" --version "$version" --fast \
    --platform windows-x86_64 --start demo_host.exe "$@" > "$work/publish.log"
}
echo one > "$work/build/数据/文件 & 1.txt"
echo old > "$work/build/only-in-1.txt"
echo default > "$work/build/user.ini"
"$updraft" init "$work/www/MyApp" --app MyApp --keys "$work/keys" > /dev/null
release 1.0 --keep-if-modified user.ini
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$updraft" serve "$work/www" --listen "127.0.0.1:$port" > "$work/server.log" 2>&1 &
server=$!
"$updraft" package "$work/build" --repo "$work/www/MyApp" --platform windows-x86_64 --updater "$work/updater.exe" \
  --source "127.0.0.1:$port/MyApp" --out "$work/dist" --format nsis,zip --name "My App" --icon docs/pictures/icon.png \
  --vendor "ACME Ltd <support@acme.example>" --homepage https://acme.example
makensis -V2 -WX "$work/dist/myapp-setup/setup.nsi"
setup="$work/dist/myapp-setup/myapp-1.0-windows-x86_64-setup.exe"
printf '%10d bytes  %s\n' "$(stat -c %s "$setup")" "${setup##*/}"
if [ -n "${2:-}" ]; then
  mkdir -p "$2"
  cp "$setup" "$work/dist"/*.zip "$work/updater.exe" "$2/"
fi

# 1
programs_folder=$(wine cmd /c 'echo %LOCALAPPDATA%\Programs' 2> /dev/null | tr -d '\r')
home=$(wine winepath -u "$programs_folder" 2> /dev/null | tr -d '\r')
app="$home/MyApp"
rm -rf "$app"
key_of='HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\example.acme.myapp'
listed() { wine reg query "$key_of" /v "$1" 2> /dev/null | tr -d "\r" | grep REG_SZ; }
menu() { find "$WINEPREFIX/drive_c" -name 'MyApp.lnk' | grep -q .; }
timeout 120 wine "$setup" /S || fail "the installer ended with $?"
[ -f "$app/uninstall.exe" ] || fail "nothing was installed in $app"
for file in demo_host.exe version.txt "数据/文件 & 1.txt" user.ini only-in-1.txt; do
  cmp "$work/build/$file" "$app/$file" || fail "$file is not as published"
done
[ -d "$app/plugins" ] || fail "an empty folder is missing"
listed DisplayName | grep -q 'My App' || fail "the list of programs should have it: $(listed DisplayName)"
listed Publisher | grep -q 'ACME Ltd' || fail "the list of programs should say who made it"
menu || fail "the start menu should have it"
ok "the installer lays down the release, the menu entry and the entry in the list of programs"

# 2
updater() { (cd "$app" && wine updater/updater.exe "$@") | tr -d '\r'; }
updater check --json > "$work/check.json" || fail "a check should end with 0"
grep -q '"up-to-date"' "$work/check.json" || fail "the copy should know that it is release 1: $(cat "$work/check.json")"
updater verify > /dev/null || fail "every file should be as signed"
ok "the copy knows which release it is"

# 3
rm "$work/build/only-in-1.txt"
echo two > "$work/build/数据/文件 & 1.txt"
mkdir -p "$work/build/新"
echo new > "$work/build/新/only-in-2.txt"
release 2.0
echo "changed by the user" > "$app/user.ini"
echo mine > "$app/mine.txt"
export UPDRAFT_DEMO_TRACE="$work/starts.jsonl"
events="$app/updater/state/events.jsonl"
seen() { grep -q "\"event\":\"$1\"" "$events"; }
runs() { grep -q "\"version\":\"$1\"" "$work/starts.jsonl"; }
is_version() { [ "$(tr -d '\r\n' < "$app/version.txt")" = "$1" ]; }
(cd "$app" && exec wine demo_host.exe "two words") > "$work/program.log" 2>&1 &
wait_for 90 "the offer" seen offered
wait_for 60 "the window" window "My App"
settle
picture "My App" installer-offer
key "My App" Return
wait_for 120 "release 2" is_version 2.0
wait_for 90 "the program" runs 2.0
grep '"version":"2.0"' "$work/starts.jsonl" | grep -qF '"two words"' || fail "its arguments are lost: $(cat "$work/starts.jsonl")"
[ ! -e "$app/only-in-1.txt" ] && [ -f "$app/新/only-in-2.txt" ] || fail "the files are not those of release 2"
wait_for 60 "its window" window "MyApp 2.0"
wait_for 90 "its word that it is well" seen confirmed
ok "the program updates itself to release 2 in the window, and starts with its arguments"

# 5
code=0
timeout 120 wine "$app/uninstall.exe" /S "_?=$programs_folder\\MyApp" || code=$?
[ "$code" = 60 ] || fail "the uninstaller should end with 60 while the program runs, not $code"
[ -f "$app/demo_host.exe" ] && [ -f "$app/新/only-in-2.txt" ] || fail "nothing was to be removed"
ok "the uninstaller says that the program runs, and removes nothing"
key "MyApp 2.0" alt+F4
wait_for 40 "the end of all that runs there" not runs_with '\Programs\MyApp\'

# 4
timeout 120 wine "$setup" /S || fail "the installer over an installed copy ended with $?"
is_version 1.0 || fail "the installer should put release 1 back"
[ ! -e "$app/新" ] || fail "what only release 2 has should be gone"
grep -q mine "$app/mine.txt" && grep -q "changed by the user" "$app/user.ini" || fail "what is the user's stays"
rm -f "$work/starts.jsonl" "$events"
# As an administrator sets up what nobody sits before.
(cd "$app" && env -u DISPLAY UPDRAFT_RENDERER=headless wine demo_host.exe --headless --linger 1) > "$work/program.log" 2>&1
wait_for 120 "release 2 again" is_version 2.0
wait_for 60 "the program" runs 2.0
wait_for 60 "its word that it is well" seen confirmed
ok "over an installed copy: release 1 again, and an update without a window"

# 6
wait_for 60 "the end of all that runs there" not runs_with '\Programs\MyApp\'
timeout 120 wine "$app/uninstall.exe" /S "_?=$programs_folder\\MyApp" || fail "the uninstaller ended with $?"
left=$(cd "$app" && find . -mindepth 1 ! -name uninstall.exe | sort | tr '\n' ' ')
[ "$left" = "./mine.txt ./user.ini " ] || fail "only what is the user's may be left: $left"
[ -z "$(listed DisplayName)" ] || fail "the entry in the list of programs should be gone"
! menu || fail "the menu entry should be gone"
ok "uninstalled clean: what is the user's is all that is left"
echo "$passed passed under Wine, 0 failed; pictures in $pictures"
