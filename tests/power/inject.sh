#!/bin/bash
# Kills or fails every system call that changes something, one by one, in one update; then recovers in a new
# process and compares. Needs strace. Run from the root of the repository:
#   cargo build --example apply_driver --features checkpoints && tests/power/inject.sh
set -u
. "$(dirname "$0")/common.sh"
base=$(mktemp -d "${TMPDIR:-/dev/shm}/updraft-inject.XXXXXX")
trap 'rm -rf "$base"' EXIT
releases "$base"
"$driver" apply "$base/install" "$base/one" 1 "$base/stub" > /dev/null || exit 1
echo mine > "$base/install/notes"
cp -a "$base/install" "$base/fresh"
looks "$base/install" > "$base/old"
"$driver" apply "$base/install" "$base/two" 2 "$base/stub" > /dev/null || exit 1
looks "$base/install" > "$base/new"

runs=0 wrong=0 forward=0
for call in openat write copy_file_range rename linkat unlink unlinkat mkdir rmdir fsync syncfs chmod fchmod symlink; do
    rm -rf "$base/install"; cp -a "$base/fresh" "$base/install"
    strace -f -qq -e trace=$call -o "$base/calls" "$driver" apply "$base/install" "$base/two" 2 "$base/stub" > /dev/null
    count=$(grep -c "$call(" "$base/calls")
    for k in $(seq 1 "$count"); do
        for what in signal=KILL error=ENOSPC error=EIO; do
            rm -rf "$base/install"; cp -a "$base/fresh" "$base/install"
            (strace -f -qq -o /dev/null -e trace=$call -e "inject=$call:$what:when=$k" \
                "$driver" apply "$base/install" "$base/two" 2 "$base/stub"; true) > "$base/said" 2>&1
            "$driver" recover "$base/install" > "$base/recovered" 2>&1
            done=$?
            looks "$base/install" > "$base/now"
            runs=$((runs + 1))
            if cmp -s "$base/now" "$base/new"; then forward=$((forward + 1)); stands=2
            elif cmp -s "$base/now" "$base/old"; then stands=1
            else stands=half; fi
            number=$(grep -o '"number":[0-9]*' "$base/install/updater/state/installed.json" | head -1 | cut -d: -f2)
            if [ $done != 0 ] || [ "$stands" != "$number" ]; then
                wrong=$((wrong + 1))
                echo "wrong: $call $k $what: stands $stands, recorded $number, $(cat "$base/recovered")"
            fi
        done
    done
    echo "$call: $count places"
done
echo "$runs runs, $forward times the new release, $wrong violations"
[ $wrong = 0 ]
