# What the tests under Wine share beside packaging/windows/wine.sh: eyes and hands on their windows, and an end that
# leaves nothing running. Sourced, with `updraft`, `target` and `pictures` set, after wine.sh.
# shellcheck shell=bash

# shellcheck source=tests/window/lib.sh
. tests/window/lib.sh

# As there, but by the window's own corner: xdotool counts the title bar of Wine's windows twice.
click() {
  local id; id=$(window "$1")
  eval "$(xdotool getwindowgeometry --shell "$id")"
  xdotool mousemove --window "$id" $((WIDTH - $2)) $((HEIGHT - $3)) sleep 0.2 click 1
}
# The numbers of the processes whose command line has TEXT in it: Wine's name their file as Windows does.
with_text() {
  local line said
  for line in /proc/[0-9]*/cmdline; do
    said=$(tr '\0' ' ' 2> /dev/null < "$line") || continue
    case "$said" in *"$1"*) line=${line#/proc/}; echo "${line%/cmdline}" ;; esac
  done 2> /dev/null
}
runs_with() { with_text "$1" | grep -q .; }
end_with() { with_text "$1" | xargs -r kill -9 2> /dev/null || true; }
end_below() { end_with "${1//\//\\}\\"; }
# Ends the server of this Wine and waits until it is gone: the next program starts a new one.
end_wine() { wineserver -k 2> /dev/null || true; wineserver -w 2> /dev/null || true; }
end_all() {
  local ended=$?
  set +e
  [ "$ended" = 0 ] || import -window root "$pictures/windows-failure.png"
  # It reads how we ended from the command before it.
  (exit "$ended")
  finish
  end_wine
  exit "$ended"
}
trap end_all EXIT
