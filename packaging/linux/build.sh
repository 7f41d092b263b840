#!/usr/bin/env bash
# Makes the deb and the tar.gz of Updraft itself and prints the sizes of all it made. The same programs and the same
# SOURCE_DATE_EPOCH (default: the last commit) give the same bytes.
# usage: packaging/linux/build.sh OUT [FOLDER WITH updraft, updater AND libupdraft_c.so]
# UPDRAFT_DEB=gzip packs the deb quickly instead of well. Without the second word everything is built as it is shipped, which takes long and much memory.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(realpath -m "${1:?where the packages go}")
from=${2:-}
if [ -z "$from" ]; then
  target="${CARGO_TARGET_DIR:-target}"
  cargo build --locked --profile dist --bins --example updraft_c
  from=$(mktemp -d)
  trap 'rm -rf "$from"' EXIT
  cp "$target/dist/updraft" "$target/dist/updater" "$target/dist/examples/libupdraft_c.so" "$from/"
fi
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || echo 315532800)}
case "$(uname -m)" in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; *) arch=$(uname -m) ;; esac
root=$(mktemp -d)
# shellcheck disable=SC2064 # what it is now
trap "rm -rf '$root' $([ -n "${2:-}" ] || echo "'$from'")" EXIT
umask 022
mkdir -p "$out"

# Both programs lie in one folder: `updraft package` takes the updater that lies beside it.
lib="$root/usr/lib/updraft"
mkdir -p "$lib" "$root/usr/bin" "$root/usr/include" "$root/usr/share/applications" "$root/usr/share/metainfo" \
  "$root/usr/share/icons/hicolor/128x128/apps" "$root/usr/share/doc/updraft/examples"
install -m 755 -s "$from/updraft" "$from/updater" "$lib/"
install -m 644 -s "$from/libupdraft_c.so" "$lib/"
ln -s ../lib/updraft/updraft "$root/usr/bin/updraft"
install -m 644 include/updraft.h "$root/usr/include/"
install -m 644 packaging/linux/updraft.desktop "$root/usr/share/applications/"
install -m 644 packaging/linux/updraft.metainfo.xml "$root/usr/share/metainfo/io.updraft.updraft.metainfo.xml"
install -m 644 docs/pictures/icon.png "$root/usr/share/icons/hicolor/128x128/apps/updraft.png"
install -m 644 README.md CHANGELOG.md docs/*.md "$root/usr/share/doc/updraft/"
cp -r examples/hosts "$root/usr/share/doc/updraft/examples/"
cat LICENSE-MIT LICENSE-APACHE > "$root/usr/share/doc/updraft/copyright"
gzip -9n "$root/usr/share/doc/updraft/CHANGELOG.md"

# The plain archive, for everywhere else.
name="updraft-$version-linux-$(uname -m)"
tar --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --transform "s,^\./usr,$name," -C "$root" -cf - ./usr |
  gzip -9n > "$out/$name.tar.gz"

mkdir -p "$root/DEBIAN"
cat > "$root/DEBIAN/control" << CONTROL
Package: updraft
Version: $version
Architecture: $arch
Maintainer: Updraft developers <updraft@localhost>
Installed-Size: $(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f 1)
Depends: libc6 (>= 2.35), libgcc-s1
Recommends: libgl1, libegl1, libxkbcommon-x11-0, libx11-xcb1, libxcursor1, libxi6, libxrandr2
Suggests: nsis
Section: devel
Priority: optional
Description: signed, resumable, crash-safe updates for programs
 From a vendor's folder to every installed copy: publish what changed by content, serve it from any static web
 server, and let the updater beside each copy fetch only what is missing and switch to it so that a crash leaves the
 old or the new version whole.
CONTROL
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum > DEBIAN/md5sums)
find "$root" -exec touch -h -d "@$epoch" {} +
SOURCE_DATE_EPOCH=$epoch dpkg-deb --root-owner-group "-Z${UPDRAFT_DEB:-xz}" --build "$root" "$out/updraft_${version}_$arch.deb" > /dev/null

echo "sizes in bytes:"
for file in "$lib/updraft" "$lib/updater" "$lib/libupdraft_c.so" "$out/updraft_${version}_$arch.deb" "$out/$name.tar.gz"; do
  printf '%12d  %s\n' "$(stat -c %s "$file")" "${file##*/}"
done
