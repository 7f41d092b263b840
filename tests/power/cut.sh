#!/bin/bash
# Cuts the power of real file systems: while an update or a rollback runs on a loop device, the file behind the
# device is cloned in one instant. The clone holds exactly the writes that the device had completed, as after a
# cut. It is mounted, recovered by the real program and compared. Another process flushes a file of its own all
# the time, so that the file system has reasons to write at moments we did not choose.
#
# Root only; needs loop devices and mkfs for ext4, btrfs and xfs. Run from the root of the repository:
#   cargo build --example apply_driver --features checkpoints && tests/power/cut.sh [IMAGES] [no-flush]
# IMAGES for each file system, 140 if not said. With no-flush all our flushes are left out, and violations must
# appear. Limits: a device that loses or reorders writes it has reported as done is not seen here.
set -u
. "$(dirname "$0")/common.sh"
images=${1:-140} mode=${2:-flush}
base=$(mktemp -d "${TMPDIR:-/dev/shm}/updraft-cut.XXXXXX")
mkdir "$base/outer" "$base/live" "$base/cut"
clean() {
    rm -f "$base/noisy"; wait
    for place in cut live outer; do mountpoint -q "$base/$place" && umount "$base/$place"; done
    rm -rf "$base"
}
trap clean EXIT

# Another program on the same file system that flushes what it writes.
start_noise() {
    touch "$base/noisy"
    (while [ -e "$base/noisy" ]; do echo noise > "$base/live/noise"; sync "$base/live/noise"; sleep 0.01; done) &
    noise=$!
}

stop_noise() {
    rm -f "$base/noisy"
    wait $noise 2> /dev/null
}
truncate -s 4G "$base/outer.img"
mkfs.xfs -q -m reflink=1 "$base/outer.img" && mount -o loop "$base/outer.img" "$base/outer" || exit 1
[ "$mode" = no-flush ] && export UPDRAFT_NO_FLUSH=all

total=0 wrong=0
for fs in ext4 btrfs xfs; do
    image=$base/outer/$fs.img
    truncate -s 400M "$image"
    mkfs.$fs -q "$image" > /dev/null && mount -o loop "$image" "$base/live" || exit 1
    root=$base/live/install
    releases "$base/live"
    "$driver" apply "$root" "$base/live/one" 1 "$base/live/stub" > /dev/null || exit 1
    echo mine > "$root/notes"
    looks "$root" > "$base/old"
    "$driver" apply "$root" "$base/live/two" 2 "$base/live/stub" > /dev/null || exit 1
    looks "$root" > "$base/new"
    start_noise
    stands=2 old=0 new=0 open=0 bad=0
    for i in $(seq 1 "$images"); do
        if [ $stands = 2 ]; then deed="rollback $root $base/live/stub"; next=1
        else deed="apply $root $base/live/two 2 $base/live/stub"; next=2; fi
        sync -f "$base/live"
        begun=$(date +%s%N)
        "$driver" $deed > "$base/said" 2>&1 &
        deed_pid=$!
        sleep "$(awk -v s=$i$RANDOM -v u="${usual:-300}" 'BEGIN { srand(s); printf "%.4f", (0.2 + 0.8 * rand()) * u / 1000 }')"
        cp --reflink=always "$image" "$base/outer/cut.img"
        wait $deed_pid || { echo "the live $deed failed: $(cat "$base/said")"; exit 1; }
        usual=$((($(date +%s%N) - begun) / 1000000 + 20))
        stands=$next
        options=loop; [ $fs = xfs ] && options=loop,nouuid
        # btrfs will not mount two file systems of one name at once.
        if [ $fs = btrfs ]; then
            stop_noise; umount "$base/live"
        fi
        if ! mount -o $options "$base/outer/cut.img" "$base/cut"; then
            echo "$fs $i: the image can't be mounted"; bad=$((bad + 1))
        else
            [ -e "$base/cut/install/updater/state/txn/journal" ] && open=$((open + 1))
            UPDRAFT_NO_FLUSH=all "$driver" recover "$base/cut/install" > "$base/recovered" 2>&1; done=$?
            looks "$base/cut/install" > "$base/now" 2> /dev/null
            if cmp -s "$base/now" "$base/old"; then found=1; old=$((old + 1))
            elif cmp -s "$base/now" "$base/new"; then found=2; new=$((new + 1))
            else found=half; fi
            number=$(grep -ao '"number":[0-9]*' "$base/cut/install/updater/state/installed.json" | head -1 | cut -d: -f2)
            if [ $done != 0 ] || [ $found != "$number" ]; then
                bad=$((bad + 1))
                [ $bad -le 3 ] && echo "$fs $i: stands $found, recorded $number, $(cat "$base/recovered")"
            fi
            umount "$base/cut"
        fi
        rm -f "$base/outer/cut.img"
        if [ $fs = btrfs ]; then
            mount -o loop "$image" "$base/live"
            start_noise
        fi
    done
    stop_noise
    umount "$base/live"; rm -f "$image"
    echo "$fs: $images images, $open in an open swap, then $old times old, $new times new, $bad violations"
    total=$((total + images)) wrong=$((wrong + bad))
done
echo "$total images, $wrong violations ($mode)"
if [ "$mode" = no-flush ]; then [ $wrong != 0 ]; else [ $wrong = 0 ]; fi
