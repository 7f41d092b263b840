# A Wine of its own for programs built here: found by WINEPREFIX, made once, away from the one of the person.
# Sourced, with `target` set to the folder of build results.
# shellcheck shell=bash

# need PACKAGE...: takes what is missing from Debian
need() {
  local missing="" package as_root=""
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  [ "$(id -u)" = 0 ] || as_root=sudo
  $as_root apt-get update -qq
  # shellcheck disable=SC2086 # a list of words
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing > /dev/null
}

windows=x86_64-pc-windows-gnu
export WINEPREFIX="${UPDRAFT_WINE:-$target/wine}" WINEARCH=win64 WINEDEBUG="${WINEDEBUG:--all}"
# Neither .NET nor a browser is asked for.
export WINEDLLOVERRIDES="mscoree,mshtml="

# Builds a C file for Windows: build_c NAME.exe|NAME.dll FLAGS...
build_c() {
  local out="$target/$windows/fixtures/$1" source="$here_c/${1%.*}.c" kind=""; shift
  mkdir -p "${out%/*}"
  case "$out" in *.dll) kind=-shared ;; esac
  [ "$out" -nt "$source" ] || x86_64-w64-mingw32-gcc $kind -O2 -s -Wall -o "$out" "$source" "$@"
}

# Makes the prefix, if it is not there, and lays in it what this Wine lacks.
make_prefix() {
  if [ ! -f "$WINEPREFIX/system.reg" ]; then
    mkdir -p "$WINEPREFIX"
    timeout 300 wine wineboot -i > /dev/null 2>&1
    wineserver -w
  fi
  local system="$WINEPREFIX/drive_c/windows/system32"
  if [ ! -f "$system/bcryptprimitives.dll" ]; then
    build_c bcryptprimitives.dll -ladvapi32
    cp "$target/$windows/fixtures/bcryptprimitives.dll" "$system/"
  fi
}
