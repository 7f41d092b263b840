#!/usr/bin/env bash
# An install of root, opened by a user of the machine in the real window: the updater says whose it is, a click has it updated
# by the step for all users, and the new version starts with the rights of the user.                      A84 A110 A111
# In the place of polkit's question stands a program that says yes. Needs root, mounts of its own, and a C compiler.
# usage: tests/window/for_all.sh FOLDER WITH updraft, updater AND examples/demo_host [FOLDER FOR PICTURES]
set -euo pipefail
cd "$(dirname "$0")/../.."
programs=$(realpath "$1")
updraft="$programs/updraft"
pictures=$(realpath -m "${2:-target/screenshots}")
# shellcheck source=tests/window/lib.sh
. tests/window/lib.sh
if [ "$(id -u)" != 0 ] || ! unshare -m mount -t tmpfs none /mnt 2> /dev/null; then
  [ -z "${UPDRAFT_TEST_ALL:-}" ] || fail "everything was asked for, but root and mounts can't be had"
  echo "skipped: it needs root and mounts of its own"
  exit 0
fi

app=/opt/updraft-test-$$
user=(setpriv --reuid 65534 --regid 65534 --clear-groups --)
clean() { local ended=$?; rm -rf "$app"; (exit "$ended"); finish; }
trap clean EXIT
mkdir -p "$app/updater" "$work/build"
cp "$programs/examples/demo_host" "$work/build/"
publish() {
  echo "$1" > "$work/build/version.txt"
  "$updraft" publish "$work/build" --to "$work/www" --keys "$work/keys" --version "$1" --fast --delta none --start demo_host > /dev/null
}
"$updraft" init "$work/www" --app MyApp --keys "$work/keys" > /dev/null
publish 1.0
cp "$programs/updater" "$work/www/metadata/root.json" "$app/updater/"
printf '{"app": "MyApp", "sources": ["%s"], "language": "en"}' "$work/www" > "$app/updater/updater.json"
"$app/updater/updater" update --no-start > "$work/install.log"
publish 2.0
chmod 755 "$work"
mkdir -m 777 "$work/user"

cat > "$work/yes.c" << 'C'
#include <stdlib.h>
#include <unistd.h>
/* Says yes in the place of polkit: raises the rights, and runs what it is told, with few variables as polkit does. */
int main(int count, char **words) {
  if (count < 2 || setgid(0) || setuid(0) || clearenv()) return 127;
  execv(words[1], words + 1);
  return 127;
}
C
cc -O1 -o "$work/yes" "$work/yes.c"
xhost=$work/xhost.log
python3 - << 'PY' > "$xhost" 2>&1 || true
import ctypes
x = ctypes.CDLL("libX11.so.6")
x.XOpenDisplay.restype = ctypes.c_void_p
x.XDisableAccessControl.argtypes = x.XFlush.argtypes = [ctypes.c_void_p]
display = x.XOpenDisplay(None)
x.XDisableAccessControl(display)
x.XFlush(display)
PY
export UPDRAFT_DEMO_TRACE="$work/user/starts.jsonl" HOME="$work/user"
# shellcheck disable=SC2016 # its own shell expands it
unshare -m sh -ec '
  mount -t tmpfs -o suid,mode=755 none /mnt
  mkdir /mnt/over /mnt/work
  cp "$1" /mnt/over/pkexec
  chmod 4755 /mnt/over/pkexec
  mount -t overlay -o suid,lowerdir=/usr/bin,upperdir=/mnt/over,workdir=/mnt/work none /usr/bin
  shift
  exec "$@"' sh "$work/yes" "${user[@]}" "$app/updater/updater" > "$work/updater.log" 2>&1 &
wait_for 60 "the window" window MyApp
settle
sleep 1
picture MyApp real-for-all
[ "$(cat "$app/version.txt")" = 1.0 ] || fail "nothing was to be changed before the person agreed"
key MyApp Return
wait_for 60 "release 2" grep -q 2.0 "$app/version.txt"
wait_for 60 "the program" grep -q '"version":"2.0"' "$work/user/starts.jsonl"
[ "$(stat -c %u "$work/user/starts.jsonl")" = 65534 ] || fail "the program should run with the rights of the user"
[ "$(find "$app" ! -user root | wc -l)" = 0 ] || fail "everything there should be root's: $(find "$app" ! -user root)"
ok "an install of the system: a click updates it for all, and the program starts as the user"
end_below "$app"
echo "$passed passed"
