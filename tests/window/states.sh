#!/bin/bash
# Takes a picture of every state of the updater's window, in both languages and themes, for people to look at.
# Needs Xvfb, openbox, ImageMagick and a software OpenGL (Debian: xvfb openbox imagemagick libgl1-mesa-dri).
# Usage: tests/window/states.sh [STATE...]; the pictures land in target/screenshots. SIZE=360x260 sets the window's
# size, SCALE=2 the pixels per point.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=target/screenshots
mkdir -p "$out"
cargo build --quiet --features checkpoints --example window_states
program=target/debug/examples/window_states
states=("$@")
if [ ${#states[@]} -eq 0 ]; then
  mapfile -t states < <("$program" --state list | grep -v -e story -e busy -e ended)
fi

unset WAYLAND_DISPLAY
number=$(mktemp)
Xvfb -displayfd 3 -screen 0 1000x1000x24 -dpi 96 3>"$number" >/dev/null 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -f "$number"' EXIT
for _ in $(seq 100); do [ -s "$number" ] && break; sleep 0.1; done
export LIBGL_ALWAYS_SOFTWARE=1 DISPLAY=":$(cat "$number")"
openbox >/dev/null 2>&1 &

for lang in ${LANGUAGES:-en zh-CN}; do
  for theme in ${THEMES:-light dark}; do
    for state in "${states[@]}"; do
      WINIT_X11_SCALE_FACTOR=${SCALE:-1} "$program" --state "$state" --lang "$lang" --theme "$theme" >/dev/null &
      window=$!
      sleep "${WAIT:-1.6}"
      id=$(xdotool search --onlyvisible --name '^MyApp$' | tail -1 || true)
      if [ -n "$id" ] && [ -n "${SIZE:-}" ]; then
        xdotool windowsize "$id" "${SIZE%x*}" "${SIZE#*x}"
        sleep 0.5
      fi
      import -window "${id:-root}" "$out/$state-$lang-$theme${SIZE:+-$SIZE}${SCALE:+-${SCALE}x}.png"
      kill "$window" 2>/dev/null || true
      wait "$window" 2>/dev/null || true
    done
  done
done
echo "pictures in $out"
