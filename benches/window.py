#!/usr/bin/env python3
"""Measures the updater's window on a display of its own: how soon it can be read, what it costs while nothing and
while something happens, and its memory. Needs Xvfb, libX11, and both programs as they are shipped:

    cargo build --profile dist --no-default-features --features gui --bin updater --example window_states
    benches/window.py target/dist/updater target/dist/examples/window_states

Run it on a quiet machine; starts from which the host of a virtual machine took time are taken again. Times are from the
start of the process to a window whose pixels show a text.
"""
import ctypes, json, os, socket, statistics, subprocess, sys, tempfile, time

RUNS = int(os.environ.get("RUNS", "15"))
SECONDS = float(os.environ.get("SECONDS_IDLE", "10"))
NO_GL = {"LIBGL_DRIVERS_PATH": "/nonexistent", "__EGL_VENDOR_LIBRARY_FILENAMES": "/nonexistent"}
WAYS = {"gl": (["--renderer", "gl"], {}), "software": (["--renderer", "software"], {}),
        "fall-back": (["--renderer", "auto"], NO_GL)}

class Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("x", "y", "width", "height", "border", "depth")] + [
        ("visual", ctypes.c_void_p), ("root", ctypes.c_ulong), ("kind", ctypes.c_int), ("bit_gravity", ctypes.c_int),
        ("win_gravity", ctypes.c_int), ("backing", ctypes.c_int), ("planes", ctypes.c_ulong), ("pixel", ctypes.c_ulong),
        ("under", ctypes.c_int), ("colormap", ctypes.c_ulong), ("installed", ctypes.c_int), ("map_state", ctypes.c_int),
        ("all_events", ctypes.c_long), ("events", ctypes.c_long), ("no_propagate", ctypes.c_long),
        ("override", ctypes.c_int), ("screen", ctypes.c_void_p)]

class Image(ctypes.Structure):
    _fields_ = [("width", ctypes.c_int), ("height", ctypes.c_int), ("offset", ctypes.c_int), ("format", ctypes.c_int),
                ("data", ctypes.c_void_p), ("order", ctypes.c_int), ("unit", ctypes.c_int), ("bit_order", ctypes.c_int),
                ("pad", ctypes.c_int), ("depth", ctypes.c_int), ("line", ctypes.c_int)]

class Display:
    def __init__(self, name):
        self.x = x = ctypes.CDLL("libX11.so.6")
        x.XOpenDisplay.restype = ctypes.c_void_p
        x.XDefaultRootWindow.restype = ctypes.c_ulong
        x.XGetImage.restype = ctypes.POINTER(Image)
        # A window may go while it is asked about.
        self.ignore = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda *_: 0)
        x.XSetErrorHandler(self.ignore)
        self.display = ctypes.c_void_p(x.XOpenDisplay(name.encode()))
        self.root = ctypes.c_ulong(x.XDefaultRootWindow(self.display))

    def is_readable(self):
        """Whether some window in sight shows a text: more than a handful of colours in it."""
        root, parent, count = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_uint()
        children = ctypes.POINTER(ctypes.c_ulong)()
        self.x.XQueryTree(self.display, self.root, ctypes.byref(root), ctypes.byref(parent), ctypes.byref(children),
                          ctypes.byref(count))
        found = False
        for at in range(count.value):
            window, look = ctypes.c_ulong(children[at]), Attributes()
            if not self.x.XGetWindowAttributes(self.display, window, ctypes.byref(look)): continue
            if look.map_state != 2 or look.width < 300: continue
            image = self.x.XGetImage(self.display, window, 0, 0, look.width, 80, ctypes.c_ulong(0xffffffff), 2)
            if not image: continue
            size = image.contents.line * image.contents.height
            # Looking has to be quick: it takes a processor from the window.
            pixels = memoryview(ctypes.string_at(image.contents.data, size)).cast("I")
            self.x.XDestroyImage(image)
            found |= len(set(pixels)) > 8
        if children: self.x.XFree(children)
        return found

def start(command, extra):
    env = {**os.environ, "LIBGL_ALWAYS_SOFTWARE": "1", "NO_AT_BRIDGE": "1", **extra}
    env.pop("WAYLAND_DISPLAY", None)
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

def end(process):
    process.kill(); process.wait()

def until_readable(display, command, extra):
    begun = time.perf_counter()
    process = start(command, extra)
    while not display.is_readable():
        if process.poll() is not None or time.perf_counter() - begun > 20:
            end(process)
            sys.exit(f"no window came: {' '.join(command)}")
        time.sleep(0.0005)
    return process, (time.perf_counter() - begun) * 1000

def ticks(process):
    words = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
    return int(words[11]) + int(words[12])

def stolen():
    """Ticks that the host of a virtual machine has taken from it."""
    return int(open("/proc/stat").readline().split()[8])

def resident(process):
    lines = dict(line.split(":", 1) for line in open(f"/proc/{process.pid}/status").read().splitlines())
    return int(lines["VmRSS"].split()[0]) / 1024

def install(folder, port):
    """An installed copy whose server never answers: the window stands at «checking»."""
    updater = os.path.join(folder, "MyApp", "updater")
    os.makedirs(updater)
    settings = {"app": "MyApp", "title": "MyApp", "sources": [f"http://127.0.0.1:{port}/MyApp"], "language": "en",
                "check": {"timeout": 60}}
    json.dump(settings, open(os.path.join(updater, "updater.json"), "w"))
    return os.path.dirname(updater)

def main():
    updater, states = (os.path.abspath(path) for path in sys.argv[1:3])
    only = sys.argv[3:]
    read, write = os.pipe()
    xvfb = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1024x768x24", "-dpi", "96"], pass_fds=[write],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.environ["DISPLAY"] = ":" + os.read(read, 16).decode().strip()
    try:
        display = Display(os.environ["DISPLAY"])
        with tempfile.TemporaryDirectory() as folder:
            silent = socket.create_server(("127.0.0.1", 0))
            place = install(folder, silent.getsockname()[1])
            for name, (words, extra) in WAYS.items():
                if "start" not in only and only: break
                all, disturbed, memory = [], 0, 0.0
                while len(all) < RUNS and disturbed < 4 * RUNS:
                    before = stolen()
                    process, ms = until_readable(display, [updater, "--install", place, *words], extra)
                    if stolen() == before: all.append(ms)
                    else: disturbed += 1
                    time.sleep(0.2)
                    memory = max(memory, resident(process))
                    end(process)
                    time.sleep(0.1)
                print(f"{name:10} readable after {statistics.median(all):6.1f} ms (p50 of {len(all)}), {min(all):6.1f} to "
                      f"{max(all):6.1f}; {memory:5.1f} MB resident; {disturbed} starts taken again", flush=True)
        names = subprocess.run([states, "--state", "list"], capture_output=True, text=True).stdout.split()
        for name, (words, extra) in list(WAYS.items())[:2]:
            if "idle" not in only and only: break
            open_windows = []
            for state in names:
                if state not in ("story", "busy"):
                    open_windows.append((state, start([states, "--state", state, *words], extra)))
            # What counts down or ends by itself has done so by then.
            time.sleep(12)
            before = {state: ticks(process) for state, process in open_windows if process.poll() is None}
            time.sleep(SECONDS)
            used = {state: ticks(process) - before[state] for state, process in open_windows if state in before}
            noisy = {state: count for state, count in used.items() if count}
            print(f"{name:10} ticks of 10 ms in {SECONDS:.0f} s: {sum(used.values())} over {len(used)} pages {noisy or ''}", flush=True)
            for _, process in open_windows: end(process)
        for name, (words, extra) in list(WAYS.items())[:2]:
            if "busy" not in only and only: break
            process = start([states, "--state", "busy", *words], extra)
            time.sleep(3)
            before = ticks(process)
            time.sleep(SECONDS)
            share = (ticks(process) - before) / SECONDS
            print(f"{name:10} progress at 10 Hz: {share:.1f} % of a core", flush=True)
            end(process)
    finally:
        xvfb.kill()

main()
