#!/usr/bin/python3
"""Finds a button of the updater's window through the accessibility bus, as a screen reader does, and presses it.

usage: atspi.py WINDOW BUTTON [SECONDS]
Needs the packages at-spi2-core and python3-pyatspi, and a session bus with the accessibility bus on it.
"""

import sys
import time

import pyatspi


def below(node):
    """The node and all below it; one that goes away meanwhile is passed over."""
    try:
        yield node
        for child in node:
            if child is not None:
                yield from below(child)
    except Exception:  # noqa: BLE001 - the tree of another process changes while it is read
        return


def find(window, button):
    """The button and everything that can be read around it; nothing if it is not there."""
    for program in pyatspi.Registry.getDesktop(0):
        nodes = list(below(program)) if program is not None else []
        if not any(node.name == window for node in nodes):
            continue
        for node in nodes:
            if node.name == button and node.getRole() == pyatspi.ROLE_PUSH_BUTTON:
                return node, nodes
    return None, []


def main():
    window, button = sys.argv[1], sys.argv[2]
    end = time.monotonic() + float(sys.argv[3] if len(sys.argv) > 3 else 30)
    while time.monotonic() < end:
        node, nodes = find(window, button)
        if node is not None:
            for each in nodes:
                if each.name:
                    print(f"{each.getRoleName()}: {each.name}")
            unnamed = [each.getRoleName() for each in nodes if each.getRole() == pyatspi.ROLE_PUSH_BUTTON and not each.name]
            if unnamed:
                sys.exit(f"buttons without a name: {len(unnamed)}")
            # The window takes no press in its first half second.
            time.sleep(1)
            action = node.queryAction()
            names = [action.getName(at) for at in range(action.nActions)]
            print(f"actions of {button}: {names}")
            if not action.doAction(0):
                sys.exit("the action was refused")
            return
        time.sleep(0.3)
    sys.exit(f"no button «{button}» in a window «{window}»")


main()
