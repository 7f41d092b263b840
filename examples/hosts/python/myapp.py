#!/usr/bin/env python3
"""A program in Python that keeps itself up to date, through the updater beside it.

Its work is to note version, second argument, folder, the variable MARK and the version it was updated from in the file
named by its first argument. With --window as the last argument it shows that in a window (tkinter).
"""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
UPDATER = os.path.join(HERE, "updater", "updater.exe" if os.name == "nt" else "updater")
FROM = os.environ.get("UPDRAFT_UPDATED_FROM", "")
# The check has its own, shorter limit (check.timeout in updater.json); this one is for an updater that hangs.
LIMIT = 60


def check():
    """The offer of a new version as a dict, or None. Whatever goes wrong, the program goes on as it is."""
    try:
        run = subprocess.run([UPDATER, "check", "--json"], capture_output=True, timeout=LIMIT, check=False)
        return json.loads(run.stdout) if run.returncode in (10, 11) else None
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        print("can't check for updates:", error, file=sys.stderr)
        return None


def hand_over():
    """Starts the updater, which waits for this process to end, updates, and starts the program again."""
    words = [UPDATER, "--wait-pid", str(os.getpid()), "--cwd", os.getcwd(), "--", *sys.argv[1:]]
    quiet = subprocess.DEVNULL
    subprocess.Popen(words, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)


def confirm():
    """Says that this version runs well, once the program is usable."""
    try:
        subprocess.run([UPDATER, "confirm"], capture_output=True, timeout=LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        print("can't say that this version is well:", error, file=sys.stderr)


def agrees(offer, window):
    """Asks in the program's window or in the terminal; elsewhere the updater asks in its window."""
    question = f"Version {offer['release']['version']} is here. Update now?"
    if window:
        from tkinter import messagebox

        return messagebox.askyesno("MyApp", question)
    return not sys.stdin.isatty() or input(question + " [Y/n] ").strip().lower() != "n"


def work(version):
    if len(sys.argv) > 1:
        more = sys.argv[2] if len(sys.argv) > 2 else ""
        line = "\t".join([version, more, os.getcwd(), os.environ.get("MARK", ""), FROM])
        with open(sys.argv[1], "a", encoding="utf-8") as file:
            file.write(line + "\n")


def show(version):
    import tkinter

    window = tkinter.Tk()
    window.title("MyApp")
    told = f"MyApp {version}" + (f", updated from {FROM}" if FROM else "")
    tkinter.Label(window, text=told, padx=60, pady=40).pack()
    window.after(100, confirm)
    window.mainloop()


def main():
    with open(os.path.join(HERE, "version"), encoding="utf-8") as file:
        version = file.read().strip()
    print("MyApp", version)
    if FROM:
        print("updated from", FROM)
    window = sys.argv[-1] == "--window"
    offer = check()
    if offer and (offer["urgency"] == "forced" or agrees(offer, window)):
        try:
            return hand_over()
        except OSError as error:
            print("can't hand over:", error, file=sys.stderr)
    work(version)
    if window:
        return show(version)
    confirm()


if __name__ == "__main__":
    main()
