#!/usr/bin/env python3
"""A desktop's notifier and dock for tests: takes org.freedesktop.Notifications on the session's bus and writes a line of
JSON for each call, close and bar into the file named first. A file named second, once it is there, presses the
notification in sight. Needs python3-gi."""
import json, os, sys
import gi
gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib

log, press = sys.argv[1:3]
INTERFACE = """<node><interface name="org.freedesktop.Notifications">
<method name="Notify"><arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/>
<arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="as" direction="in"/><arg type="a{sv}" direction="in"/>
<arg type="i" direction="in"/><arg type="u" direction="out"/></method>
<method name="CloseNotification"><arg type="u" direction="in"/></method>
<signal name="ActionInvoked"><arg type="u"/><arg type="s"/></signal>
<signal name="NotificationClosed"><arg type="u"/><arg type="u"/></signal>
</interface></node>"""
PATH = "/org/freedesktop/Notifications"
shown = 0

def write(**line):
    with open(log, "a", encoding="utf-8") as file: file.write(json.dumps(line, ensure_ascii=False) + "\n")

def called(bus, _sender, path, interface, method, arguments, answer):
    global shown
    if method == "Notify":
        program, before, _icon, title, text, actions, hints, _time = arguments.unpack()
        shown = before or shown + 1
        write(notify=title, text=text, program=program, actions=actions, entry=hints.get("desktop-entry"))
        answer.return_value(GLib.Variant("(u)", (shown,)))
    else:
        write(closed=arguments.unpack()[0])
        answer.return_value(None)
        bus.emit_signal(None, path, interface, "NotificationClosed", GLib.Variant("(uu)", (shown, 3)))

def bar(_bus, _sender, _path, _interface, _signal, arguments):
    entry, properties = arguments.unpack()
    write(entry=entry, bar=round(properties["progress"], 3), visible=properties["progress-visible"])

def look(bus):
    if os.path.exists(press):
        os.remove(press)
        bus.emit_signal(None, PATH, "org.freedesktop.Notifications", "ActionInvoked", GLib.Variant("(us)", (shown, "default")))
    return True

bus = Gio.bus_get_sync(Gio.BusType.SESSION)
node = Gio.DBusNodeInfo.new_for_xml(INTERFACE)
bus.register_object(PATH, node.interfaces[0], called, None, None)
bus.signal_subscribe(None, "com.canonical.Unity.LauncherEntry", "Update", None, None, Gio.DBusSignalFlags.NONE, bar)
Gio.bus_own_name_on_connection(bus, "org.freedesktop.Notifications", Gio.BusNameOwnerFlags.NONE, lambda *_: write(ready=True), None)
GLib.timeout_add(50, look, bus)
GLib.MainLoop().run()
