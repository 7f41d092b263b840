#!/usr/bin/env bash
# The packages of Updraft itself: made twice they are the same, dpkg and the desktop's own checkers take them, and what is
# in them works out of the folder they unpack to.
# usage: tests/packaging/linux.sh FOLDER WITH updraft, updater AND examples/libupdraft_c.so [FOLDER TO KEEP THE PACKAGES IN]
set -euo pipefail
cd "$(dirname "$0")/../.."
from=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ok() { echo "ok: $1"; }
fail() { echo "not ok: $1"; exit 1; }

mkdir "$work/programs"
ln -s "$from/updraft" "$from/updater" "$from/examples/libupdraft_c.so" "$work/programs/"
export SOURCE_DATE_EPOCH=1700000000 UPDRAFT_DEB=gzip
packaging/linux/build.sh "$work/one" "$work/programs"
packaging/linux/build.sh "$work/two" "$work/programs" > /dev/null
diff -r "$work/one" "$work/two" || fail "the same input should give the same bytes"
ok "the same bytes each time"

deb=$(ls "$work/one"/*.deb)
dpkg-deb -x "$deb" "$work/unpacked"
dpkg-deb -e "$deb" "$work/unpacked/DEBIAN"
(cd "$work/unpacked" && md5sum -c --quiet DEBIAN/md5sums)
if command -v desktop-file-validate > /dev/null; then
  desktop-file-validate "$work/unpacked"/usr/share/applications/*.desktop
fi
if command -v appstreamcli > /dev/null; then
  appstreamcli validate --no-net "$work/unpacked"/usr/share/metainfo/*.xml
fi
ok "dpkg and the desktop's checkers take it"

# The whole way with what is in it: the updater that is packed is the one beside the program.
updraft="$work/unpacked/usr/bin/updraft"
mkdir "$work/build"
printf '#!/bin/sh\necho hello\n' > "$work/build/hello"
chmod +x "$work/build/hello"
"$updraft" init "$work/www/Hello" --app Hello --keys "$work/keys" > /dev/null
"$updraft" publish "$work/build" --to "$work/www/Hello" --keys "$work/keys" --version 1.0 > /dev/null
"$updraft" package "$work/build" --repo "$work/www/Hello" --source "$work/www/Hello" --out "$work/dist" \
  --format folder,tar.gz,zip,deb --vendor "ACME Ltd <support@acme.example>" --homepage https://acme.example
"$work/dist/Hello/updater/updater" check > /dev/null || fail "the packed copy should know its release"
cmp "$work/unpacked/usr/lib/updraft/updater" "$work/dist/Hello/updater/updater" || fail "the packed updater is another one"
if command -v desktop-file-validate > /dev/null; then
  dpkg-deb -x "$work/dist"/*.deb "$work/vendor"
  desktop-file-validate "$work/vendor"/usr/share/applications/*.desktop
fi
ok "it packs a vendor's program with its own updater"

if [ -n "${2:-}" ]; then
  mkdir -p "$2"
  cp "$work/one"/* "$work/dist"/*.* "$2/"
  for file in updraft updater libupdraft_c.so; do cp "$work/unpacked/usr/lib/updraft/$file" "$2/"; done
fi

# Installed and removed for good, where that may be done.
if [ "$(id -u)" = 0 ] && [ -n "${UPDRAFT_TEST_ALL:-}" ]; then
  vendor=$(ls "$work/dist"/*.deb)
  dpkg -i "$vendor" > /dev/null
  [ "$(hello)" = hello ] || fail "the command should run"
  printf '#!/bin/sh\necho hello 2\n' > "$work/build/hello"
  echo new > "$work/build/only-in-2"
  "$updraft" publish "$work/build" --to "$work/www/Hello" --keys "$work/keys" --version 2.0 > /dev/null
  env UPDRAFT_SOURCES=/nowhere /opt/hello/updater/updater update-for-all > /dev/null
  [ "$(hello)" = "hello 2" ] || fail "root should update it for all"
  dpkg -P hello > /dev/null 2>&1
  [ ! -e /opt/hello ] && [ ! -e /usr/bin/hello ] || fail "something is left: $(find /opt/hello)"
  ok "the vendor's deb installs, is updated for all users, and is removed with all that the update brought"
fi
