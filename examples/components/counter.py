#!/usr/bin/env python3
"""A processor for the carrier `process`: numbers what passes. Copy it to the folder of artifacts and name it in
the pipeline with carrier = "process". docs/components.md has the frames."""

import base64
import json
import struct
import sys

VERSION = 1
count = 0


def answer(request):
    global count
    call = request["call"]
    if call == "describe":
        return {"role": "processor", "name": "counter", "version": f"{VERSION}.0.0", "state_schema": 1}
    if call == "busy":
        return 0
    if call == "snapshot":
        return {"schema": 1, "bytes": base64.b64encode(struct.pack("<Q", count)).decode()}
    if call == "restore":
        (count,) = struct.unpack("<Q", base64.b64decode(request["state"]["bytes"]))
    if call == "process-batch":
        # A batch begins.
        for message in request["batch"]:
            count += 1
            message["kind"] = VERSION
            message["payload"] = base64.b64encode(struct.pack("<Q", count)).decode()
        return request["batch"]
    return None


source, target = sys.stdin.buffer, sys.stdout.buffer
while len(head := source.read(4)) == 4:
    request = json.loads(source.read(int.from_bytes(head, "little")))
    frame = json.dumps({"ok": answer(request)}).encode()
    target.write(len(frame).to_bytes(4, "little") + frame)
    target.flush()
