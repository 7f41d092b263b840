# Two releases, an install of the first, and what a tree looks like. Sourced by the scripts beside it.
driver=${UPDRAFT_DRIVER:-$PWD/target/debug/examples/apply_driver}
[ -x "$driver" ] || { echo "build it: cargo build --example apply_driver --features checkpoints" >&2; exit 1; }

# releases FOLDER: one, two and stub in it.
releases() {
    mkdir -p "$1"/one/bin "$1"/one/lib "$1"/one/gone "$1"/two/bin "$1"/two/lib "$1"/two/fresh
    for number in 1 2; do
        folder=$1/one; [ $number = 2 ] && folder=$1/two
        printf '#!/bin/sh\necho app %s\n' $number > "$folder/bin/app"
        printf '#!/bin/sh\necho kept\n' > "$folder/bin/kept"
        chmod 755 "$folder"/bin/*
        for file in 1 2 3 4 5 6; do
            { echo "release $number file $file"; head -c 20000 /dev/zero | tr '\0' "$number"; } > "$folder/lib/$file"
        done
        echo same > "$folder/lib/same"
    done
    echo x > "$1/one/gone/x"
    echo y > "$1/two/fresh/y"
    ln -s lib/1 "$1/one/current"
    ln -s lib/2 "$1/two/current"
    printf '#!/bin/sh\necho stub\n' > "$1/stub"
    chmod 755 "$1/stub"
}

# looks FOLDER: every path of an install with kind, mode and content, without the updater's state.
looks() {
    (cd "$1" && find . -path ./updater/state -prune -o \( -type f -printf '%p %m ' -exec sha256sum {} \; \) \
        -o -type l -printf '%p -> %l\n' -o -type d -empty -print | sort)
}
